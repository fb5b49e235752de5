//go:build e2e

package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Implementation constants.
const (
	stormWindow = 4 * time.Second // how long a refused phone is watched
	stormLimit  = 6               // REGISTERs it may send in that time: one and its answer to the challenge, twice again
)

// TestRegister: the phone registers, the proxy knows it, and when it is asked to stop it takes its binding away.
func TestRegister(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"UDP", "TCP", "TLS"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			p := startPhone(t, phoneOptions{transport: transport})
			l := p.wantLine("registered", "registered")
			wantPort := 5060
			if transport == "TLS" {
				wantPort = 5061
			}
			if want := fmt.Sprintf("%s:%s:%d", strings.ToLower(transport), lab.server(proxyHost, 0).Addr(), wantPort); l.Active != want {
				t.Errorf("the active server is %q, want %q", l.Active, want)
			}
			if l.User != p.user || l.Domain != "example.test" {
				t.Errorf("the line is %s of %s", l.User, l.Domain)
			}
			if l.expires() <= 0 || l.expires() > 120 {
				t.Errorf("the server is %+v, want registered for up to 120 s", l.Servers)
			}
			contacts := lab.proxy.contacts(p.user)
			if len(contacts) != 1 || !strings.Contains(contacts[0], p.addr.String()) {
				t.Errorf("the proxy has %q, want one contact at %v", contacts, p.addr)
			}
			if transport != "UDP" && !strings.Contains(strings.ToLower(fmt.Sprint(contacts)), "transport="+strings.ToLower(transport)) && !strings.HasPrefix(contacts[0], "sips:") {
				t.Errorf("the contact %q does not name its transport", contacts)
			}
			p.terminate()
			if contacts := lab.proxy.contacts(p.user); len(contacts) != 0 {
				t.Errorf("after the end the proxy still has %q", contacts)
			}
		})
	}
}

// TestRegisterRefresh runs alone, because the registrar grants everyone six seconds meanwhile.
func TestRegisterRefresh(t *testing.T) {
	grant := func(seconds string) {
		if _, err := lab.proxy.rpc("cfg.seti", "registrar", "max_expires", seconds); err != nil {
			t.Fatal(err)
		}
	}
	grant("6")
	defer grant("3600")
	mark := lab.proxy.log.mark()
	p := startPhone(t, phoneOptions{})
	if l := p.wantLine("registered", "registered"); l.expires() > 6 {
		t.Errorf("the registrar granted 6 s, the phone counts on %v", l.expires())
	}
	accepted := regexp.MustCompile("REGISTERED .* user=" + p.user + " ")
	gone := 0
	eventually(t, "the phone refreshes twice", func() bool {
		if len(lab.proxy.contacts(p.user)) == 0 {
			gone++
		}
		return len(lab.proxy.log.since(mark, accepted)) >= 3
	})
	if gone > 0 {
		t.Errorf("between two refreshes the phone was not registered (%d looks)", gone)
	}
	callID := regexp.MustCompile(` cid=(\S+) cseq=(\d+)`)
	var ids []string
	last := ""
	for _, text := range lab.proxy.log.since(mark, accepted) {
		m := callID.FindStringSubmatch(text)
		if !slices.Contains(ids, m[1]) {
			ids = append(ids, m[1])
		}
		if last == m[2] {
			t.Errorf("CSeq %s is used twice", last)
		}
		last = m[2]
	}
	if len(ids) != 1 {
		t.Errorf("a refresh must keep its Call-ID (RFC 3261 section 10.2.4), there are %q", ids)
	}
}

func TestRegisterTooBrief(t *testing.T) {
	t.Parallel()
	user := lab.user()
	if _, err := lab.proxy.rpc("htable.sets", "expires", "s:"+user, "300"); err != nil {
		t.Fatal(err)
	}
	p := startPhone(t, phoneOptions{user: user})
	if l := p.wantLine("423 is obeyed", "registered"); l.expires() < 200 {
		t.Errorf("the registrar wants 300 s, the phone is registered for %v", l.expires())
	}
}

func TestRegisterWrongPassword(t *testing.T) {
	t.Parallel()
	mark := lab.proxy.log.mark()
	p := startPhone(t, phoneOptions{profile: map[string]string{"Password_1_": "wrong-secret-1"}, register: "failed"})
	t.Logf("the cause is %q, the screen %q", p.status().Lines[0].cause(), p.screen())
	if cause := p.status().Lines[0].cause(); cause == "" {
		t.Error("the status does not say why")
	}
	staysSo(t, stormWindow, "a refused phone does not hammer the registrar", func() bool {
		return len(lab.proxy.received(mark, "REGISTER", p.user)) <= stormLimit
	})
	if n := len(lab.proxy.received(mark, "REGISTER", p.user)); n < 2 {
		t.Errorf("the phone sent %d REGISTERs: it never answered the challenge", n)
	}
	id, err := p.ask("POST", "/api/v1/calls", map[string]any{"to": "9999", "line": 1}, nil)
	t.Logf("a call without registration: %v %v", id, err)
	if len(lab.proxy.received(mark, "INVITE", p.user)) != 0 {
		t.Error("Make_Call_Without_Reg is No, but the phone sent an INVITE")
	}
	if text := p.log.since(0, regexp.MustCompile("wrong-secret-1")); len(text) != 0 {
		t.Errorf("the password is in the log: %q", text)
	}
}

func TestRegisterAuthID(t *testing.T) {
	t.Parallel()
	mark := lab.proxy.log.mark()
	p := startPhone(t, phoneOptions{profile: map[string]string{"Auth_ID_1_": "authname"}})
	if lines := lab.proxy.log.since(mark, regexp.MustCompile("REGISTER from="+p.user+" .* auth=authname ")); len(lines) == 0 {
		t.Error("the credentials do not carry the Auth ID")
	}
}

func TestRegisterWithoutSRV(t *testing.T) {
	t.Parallel()
	proxy := lab.server(proxyHost, 5060)
	for name, domain := range map[string]string{"literal address": proxy.String(), "host name and port": "plain.test:5060", "host name with an address record": "plain.test"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPhone(t, phoneOptions{domain: domain, profile: map[string]string{"Use_DNS_SRV_1_": "Yes"}})
			if l := p.wantLine(name, "registered"); l.Active != "udp:"+proxy.String() {
				t.Errorf("the active server is %q", l.Active)
			}
		})
	}
}

// TestTLSRefused: a server that cannot prove its name is refused, and the status says why.
func TestTLSRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, domain, because string }{
		{"wrong name", "wrongname.test", "(?i)name|valid for"},
		{"unknown authority", "unknownca.test", "(?i)authority|certificate"},
		{"expired", "expired.test", "(?i)expired|valid only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			mark := lab.proxy.log.mark()
			p := startPhone(t, phoneOptions{domain: c.domain, transport: "TLS", register: "failed"})
			p.want("the status says why: "+c.because, func(s status) bool {
				return regexp.MustCompile(c.because).MatchString(s.Lines[0].cause())
			})
			t.Logf("the cause is %q", p.status().Lines[0].cause())
			if got := lab.proxy.received(mark, "REGISTER", p.user); len(got) != 0 {
				t.Errorf("the phone spoke SIP to the stranger: %q", got)
			}
		})
	}
	t.Run("TLS_Name_Validate No", func(t *testing.T) {
		t.Parallel()
		p := startPhone(t, phoneOptions{domain: "wrongname.test", transport: "TLS", profile: map[string]string{"TLS_Name_Validate_1_": "No"}})
		p.wantLine("the name is not checked", "registered")
	})
}

// TestRegisterTwice: two phones of one user; the one that stops takes away its own binding only.
func TestRegisterTwice(t *testing.T) {
	t.Parallel()
	a := startPhone(t, phoneOptions{})
	b := startPhone(t, phoneOptions{user: a.user})
	if n := len(lab.proxy.contacts(a.user)); n != 2 {
		t.Fatalf("the proxy has %d contacts, want 2", n)
	}
	a.terminate()
	contacts := lab.proxy.contacts(b.user)
	if len(contacts) != 1 || !strings.Contains(contacts[0], b.addr.String()) {
		t.Errorf("the proxy has %q, want the other phone's at %v", contacts, b.addr)
	}
}

// TestRegisterAfterPowerCut: the plug is pulled and put in again; the phone comes back from what it had stored.
func TestRegisterAfterPowerCut(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{})
	p.signal(syscall.SIGKILL)
	<-p.done
	for i, flag := range p.argv {
		if flag == "-profile" { // gone with the network: the settings must be in the state directory
			p.argv = slices.Delete(slices.Clone(p.argv), i, i+2)
			break
		}
	}
	mark := lab.proxy.log.mark()
	p.start()
	p.wantLine("after the power cut", "registered")
	lab.proxy.log.want(t, "it registers anew", mark, "REGISTERED .* user="+p.user+" ")
	if contacts := lab.proxy.contacts(p.user); len(contacts) != 1 {
		t.Errorf("the proxy has %q, want one contact", contacts)
	}
}

func TestRegisterIPv6(t *testing.T) {
	needIPv6(t)
	t.Parallel()
	for _, transport := range []string{"UDP", "TCP"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			p := startPhone(t, phoneOptions{ipv6: true, domain: "six.test", transport: transport})
			if contacts := lab.proxy.contacts(p.user); len(contacts) != 1 || !strings.Contains(contacts[0], "[::1]") {
				t.Errorf("the proxy has %q", contacts)
			}
			callee := startSIPp(t, sippOptions{scenario: "callee", ipv6: true, values: map[string]any{"Ring": 100}})
			id := p.dial(callee.number)
			if c := p.wantCall("a call over IPv6", "connected"); !strings.HasPrefix(c.RTP.Remote, "[::1]:") {
				t.Errorf("media goes to %q", c.RTP.Remote)
			}
			p.hangup(id)
			callee.wantDone("a call over IPv6")
			caller := startSIPp(t, sippOptions{scenario: "caller", ipv6: true, to: p.user, values: map[string]any{"Talk": 300}})
			p.tell(p.wantCall("it rings", "incoming").ID, "answer", nil)
			caller.wantDone("a call from IPv6")
			p.wantIdle("the caller has hung up")
		})
	}
}
