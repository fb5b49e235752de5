//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// baresipOptions says what a baresip peer is like.
type baresipOptions struct {
	user      string // default: a fresh one
	domain    string // default example.test
	transport string // udp (default), tcp, tls
	manual    bool   // does not answer by itself
	codec     string // PCMU (default) or PCMA
	ptime     int    // milliseconds, default 20
	plays     string // WAV; default lab's noise
	ipv6      bool
	mediaenc  string      // srtp (offered), srtp-mand (demanded); default: none
	extra     string      // more configuration lines
	dns       *nameServer // default the network's
	registrar *kamailio   // where it is to register, default the network's proxy
}

// baresip is a peer phone: registered at the proxy, plays a file, records what it hears, controlled by ctrl_tcp.
type baresip struct {
	*process
	user   string
	addr   netip.Addr
	dir    string
	t      testing.TB
	conn   net.Conn
	events *log // one JSON document per line: events and responses
}

// statusLine is what baresip draws ten times a second during a call.
var statusLine = regexp.MustCompile(`^\[\d+:\d\d:\d\d\] audio=\S+ \(bit/s\)\s*$`)

const baresipConfig = `poll_method epoll
sip_listen %[1]s
sip_cafile %[2]s
net_interface %[3]s
dns_server %[4]s
call_local_timeout 120
call_max_calls 4
audio_source aufile,%[5]s
audio_alert aufile,/dev/null
audio_buffer 20-160
rtp_ports %[6]s
rtcp_mux no
jitter_buffer_delay 5-10
rtp_stats yes
snd_path %[7]s
ctrl_tcp_listen %[8]s
module_path %[9]s
module g711.so
module aufile.so
module sndfile.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
%[10]s
`

// startBaresip returns once the peer is registered.
func startBaresip(t testing.TB, o baresipOptions) *baresip {
	t.Helper()
	b := &baresip{user: o.user, t: t, dir: lab.mkdir(t, "baresip"), events: newLog()}
	if b.user == "" {
		b.user = lab.user()
	}
	if o.domain == "" {
		o.domain = "example.test"
	}
	if o.dns == nil {
		o.dns = lab.dns
	}
	if o.registrar == nil {
		o.registrar = lab.proxy
	}
	host := lab.peerHost(t)
	b.addr = lab.server(host, 0).Addr()
	listen, control := netip.AddrPortFrom(b.addr, 5060), netip.AddrPortFrom(b.addr, 4444)
	if o.ipv6 {
		b.addr = netip.IPv6Loopback()
		listen = netip.AddrPortFrom(b.addr, freePort6(t))
	}
	low, high := lab.rtpRange(t)
	if o.plays == "" {
		o.plays = lab.noise(t, pcmu)
	}
	if o.mediaenc != "" {
		o.extra += "\nmodule srtp.so"
	}
	config := fmt.Sprintf(baresipConfig, listen, lab.ca.path(), b.addr, o.dns.addr, o.plays,
		fmt.Sprintf("%d-%d", low, high), b.dir, control, baresipModules(t), o.extra)
	param, codec := ";transport=udp", "pcmu/8000/1"
	if o.transport != "" {
		param = ";transport=" + o.transport
	}
	if o.codec == pcma {
		codec = "pcma/8000/1"
	}
	account := fmt.Sprintf("<sip:%s@%s%s>;auth_pass=%s;regint=60;audio_codecs=%s", b.user, o.domain, param, password(b.user), codec)
	if !o.manual {
		account += ";answermode=auto"
	}
	if o.mediaenc != "" {
		account += ";mediaenc=" + o.mediaenc
	}
	if o.ptime != 0 {
		account += ";ptime=" + strconv.Itoa(o.ptime)
	}
	for name, text := range map[string]string{"config": config, "accounts": account + "\n", "contacts": "\n"} {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if b.process, err = startProcess("baresip "+b.user, b.dir, nil, "baresip", "-f", b.dir, "-v"); err != nil {
		t.Fatal(err)
	}
	b.log.forget(statusLine)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s:\n%s", b.name, b.log.tail(60))
		}
		b.stop()
	})
	eventually(t, b.name+" takes commands", func() bool {
		b.conn, err = net.Dial("tcp", control.String())
		return err == nil
	})
	t.Cleanup(func() { b.conn.Close() })
	go b.read()
	eventually(t, b.name+" is registered", func() bool { return len(o.registrar.contacts(b.user)) > 0 })
	return b
}

// baresipModules is where Debian puts them.
func baresipModules(t testing.TB) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/baresip/modules", "/usr/lib/*/baresip/modules"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[0]
		}
	}
	t.Fatal("the modules of baresip are not installed: run scripts/e2e.sh")
	return ""
}

// read splits the control connection into netstrings.
func (b *baresip) read() {
	defer b.events.close()
	r := bufio.NewReader(b.conn)
	for {
		size, err := r.ReadString(':')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(size, ":"))
		if err != nil {
			return
		}
		body := make([]byte, n+1)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		fmt.Fprintf(b.events, "%s\n", body[:n])
	}
}

// command runs a command of baresip's menu, like "dial" or "hold".
func (b *baresip) command(name, params string) {
	b.t.Helper()
	text, err := json.Marshal(map[string]string{"command": name, "params": params, "token": "t"})
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(b.conn, "%d:%s,", len(text), text); err != nil {
		b.t.Fatalf("%s, command %s: %v", b.name, name, err)
	}
}

// wantEvent waits for an event such as CALL_ESTABLISHED after mark.
func (b *baresip) wantEvent(sentence string, mark int, kind string) {
	b.t.Helper()
	b.events.want(b.t, sentence, mark, `"type":"`+kind+`"`)
}

// heardDigits returns the digits whose telephone-event has ended, in order.
func (b *baresip) heardDigits() string {
	var digits strings.Builder
	ended := regexp.MustCompile(`received event: '(.)' \(end=1\)`)
	for _, line := range b.log.since(0, ended) {
		digits.WriteString(ended.FindStringSubmatch(line)[1])
	}
	return digits.String()
}

// recording returns what it has heard in its latest call. The file is complete once the call has ended.
func (b *baresip) recording() []int16 {
	b.t.Helper()
	files, _ := filepath.Glob(filepath.Join(b.dir, "dump-*-dec.wav"))
	if len(files) == 0 {
		b.t.Fatalf("%s has recorded nothing", b.name)
	}
	samples, err := readWAV(files[len(files)-1])
	if err != nil {
		b.t.Fatal(err)
	}
	return samples
}

// freePort6 is a UDP port on ::1 that was free a moment ago.
func freePort6(t testing.TB) uint16 {
	t.Helper()
	c, err := net.ListenPacket("udp", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}
