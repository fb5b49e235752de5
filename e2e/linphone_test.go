//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// linphone is a peer phone: linphonec, with files instead of a sound card, commanded through its standard input.
type linphone struct {
	*process
	t    testing.TB
	user string
	dir  string
	in   io.Writer
}

const linphoneConfig = `[sip]
sip_port=%[1]d
sip_tcp_port=-1
sip_tls_port=-1
bind_address=%[2]s
default_proxy=0
register_only_when_network_is_up=0
auto_net_state_mon=0
[net]
dns_srv_enabled=0
[rtp]
audio_rtp_port=%[3]d
[proxy_0]
reg_proxy=<sip:%[4]s;transport=udp>
reg_route=<sip:%[4]s;transport=udp;lr>
reg_identity=sip:%[5]s@example.test
reg_expires=120
reg_sendregister=1
publish=0
[auth_info_0]
username=%[5]s
passwd=%[6]s
realm=example.test
[audio_codec_0]
mime=PCMU
rate=8000
enabled=1
[audio_codec_1]
mime=PCMA
rate=8000
enabled=1
[video]
enabled=0
`

// startLinphone returns once the peer is registered. Where linphonec ends by itself there is nothing to test against.
func startLinphone(t *testing.T) *linphone {
	t.Helper()
	return runLinphone(t, lab.proxy, nil, func(l *linphone, low int) string {
		return fmt.Sprintf(linphoneConfig, low+rtpPorts-1, "127.0.0.1", low, lab.server(proxyHost, 5060), l.user, password(l.user))
	})
}

// startLinphoneAt is startLinphone for a pair: linphone finds it by DNS, which it asks at the address of
// /etc/resolv.conf, so it is started with one of its own.
func startLinphoneAt(t *testing.T, p *pair, transport string) *linphone {
	t.Helper()
	if err := p.dns.serve(netip.AddrPortFrom(p.dns.addr.Addr(), 53)); err != nil {
		t.Skipf("linphone asks DNS at port 53: %v", err)
	}
	resolv := filepath.Join(lab.mkdir(t, "resolv"), "resolv.conf")
	if err := os.WriteFile(resolv, fmt.Appendf(nil, "nameserver %v\n", p.dns.addr.Addr()), 0o644); err != nil {
		t.Fatal(err)
	}
	return runLinphone(t, p.a.kamailio, []string{"unshare", "-m", "sh", "-c", `mount --bind "$0" /etc/resolv.conf && exec "$@"`, resolv}, func(l *linphone, low int) string {
		text := fmt.Sprintf(linphoneConfig, low+rtpPorts-1, "127.0.0.1", low, p.domain, l.user, password(l.user))
		return strings.NewReplacer("dns_srv_enabled=0", "dns_srv_enabled=1", "reg_route=<sip:"+p.domain+";transport=udp;lr>\n", "",
			"transport=udp", "transport="+strings.ToLower(transport), "@example.test", "@"+p.domain, "realm=example.test", "realm="+p.domain).Replace(text)
	})
}

// runLinphone starts linphonec by way of a command, if there is one, with the configuration made from its RTP port.
func runLinphone(t *testing.T, registrar *kamailio, by []string, config func(l *linphone, low int) string) *linphone {
	t.Helper()
	l := &linphone{t: t, user: lab.user(), dir: lab.mkdir(t, "linphone")}
	low, _ := lab.rtpRange(t)
	rc := filepath.Join(l.dir, "rc")
	if err := os.WriteFile(rc, []byte(config(l, low)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(l.dir, ".local/share/linphone"), 0o700); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	l.in = w
	l.process, err = startProcessWith(r, "linphone "+l.user, l.dir, []string{"HOME=" + l.dir, "TMPDIR=" + l.dir},
		append(by, "linphonec", "-c", rc, "-S", "-d", "5", "-l", filepath.Join(l.dir, "log"))...)
	r.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s:\n%s", l.name, l.log.tail(60))
		}
		l.stop()
	})
	l.command("soundcard use files")
	l.command("play " + lab.noise(t, pcmu))
	eventually(t, l.name+" is registered", func() bool {
		if code, ended := l.exited(0); ended {
			t.Skipf("linphonec ends by itself with code %d on this machine:\n%s", code, l.log.tail(10))
		}
		return len(registrar.contacts(l.user)) > 0
	})
	return l
}

// command types a line.
func (l *linphone) command(text string) {
	l.t.Helper()
	if _, err := fmt.Fprintln(l.in, text); err != nil {
		l.t.Errorf("%s, %q: %v", l.name, text, err)
	}
}

func TestRigLinphone(t *testing.T) {
	t.Parallel()
	l := startLinphone(t)
	b := startBaresip(t, baresipOptions{})
	l.command("call sip:" + b.user + "@example.test")
	b.wantEvent("linphone calls baresip", 0, "CALL_ESTABLISHED")
	b.wantEvent("audio arrives at baresip", 0, "CALL_RTPESTAB")
	l.command("terminate all")
	b.wantEvent("linphone hangs up", 0, "CALL_CLOSED")
}

// TestLinphone: a call in each direction, with audio.
func TestLinphone(t *testing.T) {
	t.Parallel()
	l := startLinphone(t)
	p := startPhone(t, phoneOptions{})
	l.command("call sip:" + p.user + "@example.test")
	c := p.wantCall("linphone calls", "incoming")
	if c.Peer != l.user {
		t.Errorf("the caller is %q, want %s", c.Peer, l.user)
	}
	p.tell(c.ID, "answer", nil)
	p.want("linphone is heard", func(s status) bool { return len(s.Calls) > 0 && s.Calls[len(s.Calls)-1].RTP.Rx > 50 })
	l.command("terminate all")
	p.wantCall("linphone hangs up", "ended", c.ID)

	mark := l.log.mark()
	id := p.dial(l.user)
	p.wantCall("linphone rings", "ringing", id)
	l.log.want(t, "linphone shows the caller", mark, p.user)
	l.command("answer")
	p.wantCall("linphone answers", "connected", id)
	p.want("linphone is heard", func(s status) bool { return s.Calls[len(s.Calls)-1].RTP.Rx > 50 })
	p.hangup(id)
	p.wantCall("we hang up", "ended", id)
}
