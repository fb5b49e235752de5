package exchange

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dialtone/simnet"
)

// accept answers an INVITE that came in; the talk is the dialog of the called phone.
func (u *ua) accept(invite *message) *talk {
	u.Helper()
	u.send(respondTo(invite, 180, "to-"+u.user))
	ok := respondTo(invite, 200, "to-"+u.user)
	ok.add("Contact", u.contact())
	ok.add("Content-Type", "application/sdp")
	ok.body = u.sdp("sendrecv", 20)
	u.send(ok)
	return &talk{ua: u, local: ok.get("To"), remote: invite.get("From"), callID: invite.get("Call-ID"), target: inBrackets(invite.get("Contact")),
		routes: invite.all("Record-Route"), seq: 500}
}

// conversation calls from one phone to the other, and checks requests of both directions.
func conversation(caller, called *ua) (from, to *talk) {
	caller.Helper()
	from = caller.invite(called.user, "sendrecv", 20)
	invite := called.want("the call comes", "INVITE")
	to = called.accept(invite)
	from.answered(caller.want("it is answered", 200))
	called.want("the answer is acknowledged", "ACK")
	inDialog(from, to)
	return from, to
}

func inDialog(from, to *talk) {
	from.Helper()
	for _, method := range []string{"INFO", "UPDATE", "NOTIFY", "REFER", "OPTIONS", "MESSAGE"} {
		from.send(from.request(method, nil))
		to.send(respondTo(to.want(method+" of the caller", method), 200, ""))
		from.want(method+" is answered", 200)
		to.send(to.request(method, nil))
		from.send(respondTo(from.want(method+" of the called", method), 200, ""))
		to.want(method+" is answered", 200)
	}
	to.send(to.request("INVITE", to.ua.sdp("sendonly", 20)))
	ok := respondTo(from.want("a re-INVITE", "INVITE"), 200, "")
	ok.add("Contact", from.contact())
	ok.add("Content-Type", "application/sdp")
	ok.body = from.ua.sdp("recvonly", 20)
	from.send(ok)
	to.answered(to.want("the re-INVITE is answered", 200))
	from.want("and acknowledged", "ACK")
}

// Calls between two phones, each by its own transport and registered at its own proxy.
func TestTwoPhones(t *testing.T) {
	for _, way := range []string{"udp a udp a", "tcp a tcp a", "udp a tcp a", "tcp a udp b", "udp a udp b", "tcp b tcp a"} {
		f := strings.Fields(way)
		play := func(l *lab) {
			caller, called := l.phone("1001", f[0], f[1]), l.phone("1002", f[2], f[3])
			defer caller.close()
			defer called.close()
			caller.register(600)
			called.register(600)
			from, to := conversation(caller, called)
			wantRoutes(from, f[0], f[1], way)
			wantRoutes(to, f[2], f[3], way)
			to.send(to.request("BYE", nil))
			caller.send(respondTo(caller.want("the called hangs up", "BYE"), 200, ""))
			to.want("BYE is answered", 200)
			if s := l.Status(); len(s.Calls) != 0 {
				t.Errorf("calls: %v", s.Calls)
			}
		}
		t.Run("virtual "+way, func(t *testing.T) { inLab(t, nil, play) })
		t.Run("loopback "+way, func(t *testing.T) { onLoopback(t, nil, play) })
	}
}

// wantRoutes checks that a dialog's first hop is the proxy a phone knows, by its transport: RFC 5658.
func wantRoutes(d *talk, transport, proxy, way string) {
	d.Helper()
	first, _ := parseURI(inBrackets(d.routes[0]))
	if got := first.addr(); got != d.ProxyAddr(proxy, transport) || transport == "tcp" && first.param("transport") != "tcp" {
		d.Errorf("%s: the first hop of %s is %s", way, d.user, d.routes[0])
	}
	want := 1
	if f := strings.Fields(way); f[0] != f[2] || f[1] != f[3] {
		want = 2
	}
	if len(d.routes) != want {
		d.Errorf("%s: the route set is %q", way, d.routes)
	}
}

// A response whose branch is none of ours goes nowhere.
func TestForgedResponse(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		u, victim := l.phone("1001", "udp", "a"), l.phone("1002", "udp", "a")
		defer u.close()
		defer victim.close()
		m := respondTo(u.request("OPTIONS", "sip:x@example.test"), 200, "x")
		m.set("Via", "SIP/2.0/UDP "+victim.at.String()+";branch=z9hG4bKv")
		m.push("Via", "SIP/2.0/UDP "+u.server.String()+";branch=z9hG4bK0-000000000000000000000000")
		u.send(m)
		victim.nothing("a forged response", time.Second)
		m.set("Via", "SIP/2.0/UDP "+u.server.String()+";branch="+l.proxies[0].branch(m.all("Via")[1]))
		u.send(m)
		victim.want("the branch decides", 200)
	})
}

// Late messages keep their order when a proxy gets faster.
func TestSlowKeepsOrder(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		u := l.phone("1001", "udp", "a")
		defer u.close()
		l.SetMode("a", "slow=3s")
		first := u.request("OPTIONS", "sip:example.test")
		u.send(first)
		time.Sleep(time.Second)
		l.SetMode("a", "slow=100ms")
		second := u.request("OPTIONS", "sip:example.test")
		u.send(second)
		time.Sleep(10 * time.Millisecond)
		l.SetMode("a", Normal)
		third := u.request("OPTIONS", "sip:example.test")
		u.send(third)
		for _, m := range []*message{first, second, third} {
			if r := u.want("the answers come", 200); r.get("CSeq") != m.get("CSeq") {
				t.Errorf("%s comes, want %s", r.get("CSeq"), m.get("CSeq"))
			}
		}
	})
}

// A call that was set up through a goes on through b.
func TestCallSurvives(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			inLab(t, nil, func(l *lab) {
				caller, called := l.phone("1001", transport, "a"), l.phone("1002", transport, "b")
				defer caller.close()
				defer called.close()
				caller.register(600)
				called.register(600)
				from, to := conversation(caller, called)
				echo := caller.call("600")
				time.Sleep(50 * time.Millisecond) // its ACK arrives
				if err := l.SetMode("a", Stop); err != nil {
					t.Fatal(err)
				}
				if transport == "tcp" {
					if err := <-caller.broken; !strings.Contains(err.Error(), "reset") {
						t.Errorf("the connection ends with %v", err)
					}
				}
				caller.connect("b")
				caller.register(600)
				inDialog(from, to)
				echo.say(8, make([]byte, 160))
				echo.hear("the voice never stopped")
				echo.send(echo.request("INVITE", caller.sdp("sendrecv", 20)))
				echo.answered(caller.want("the echo is asked through b", 200))
				echo.bye()
				l.Register("700", func(c *Call) { c.Answer(); c.Sleep(time.Second) })
				caller.call("700")
				caller.send(respondTo(caller.want("an extension reaches the phone through b", "BYE"), 200, ""))
			})
		})
	}
}

func TestModes(t *testing.T) {
	everywhere(t, func(l *lab, transport string) {
		u := l.phone("1001", transport, "a")
		defer u.close()
		options := func(code int) *message {
			t.Helper()
			u.send(u.request("OPTIONS", "sip:example.test"))
			return u.want(fmt.Sprintf("OPTIONS gets %d", code), code)
		}
		set := func(m Mode) {
			t.Helper()
			if err := l.SetMode("a", m); err != nil {
				t.Fatal(err)
			}
			if got := l.Status().Proxies[0].Mode; got != m {
				t.Errorf("the mode is %s, want %s", got, m)
			}
		}
		u.register(60)
		options(200)
		set(Refuse)
		options(500)
		set("refuse=404")
		options(404)
		set(Unavailable)
		if r := options(503); r.get("Retry-After") != "" {
			t.Errorf("Retry-After %q", r.get("Retry-After"))
		}
		set("unavailable=30")
		if r := options(503); r.get("Retry-After") != "30" {
			t.Errorf("Retry-After %q", r.get("Retry-After"))
		}
		set("slow=70ms")
		begin := time.Now()
		options(200)
		if took := time.Since(begin); took < 70*time.Millisecond {
			t.Errorf("a slow answer took %s", took)
		}
		set(Silence)
		u.send(u.request("OPTIONS", "sip:example.test"))
		u.nothing("a silent proxy answers nothing", 50*time.Millisecond)
		set(Normal)
		options(200)
		if n := len(l.Status().Proxies[0].Registrations); n != 1 {
			t.Errorf("%d registrations are left", n)
		}
		at := l.ProxyAddr("a", transport)
		set(Stop)
		if s := l.Status().Proxies[0]; len(s.Registrations) != 0 || s.UDP.IsValid() {
			t.Errorf("a stopped proxy has %v", s)
		}
		if transport == "udp" {
			u.send(u.request("OPTIONS", "sip:example.test"))
			u.want("a stopped proxy is told by ICMP", 599)
		} else {
			if err := <-u.broken; !strings.Contains(err.Error(), "reset") {
				t.Errorf("the connection ends with %v", err)
			}
		}
		set(Normal)
		if got := l.ProxyAddr("a", transport); got != at {
			t.Errorf("it is back at %s, was at %s", got, at)
		}
		u.connect("a")
		options(200)
		for _, bad := range []Mode{"", "off", "slow=", "slow=1h", "refuse=100", "unavailable=x", "stop=1"} {
			if l.SetMode("a", bad) == nil {
				t.Errorf("mode %q is taken", bad)
			}
		}
		if l.SetMode("c", Normal) == nil {
			t.Error("a proxy that is not there is set")
		}
	})
}

// What a silent proxy read is lost; its connections stay.
func TestSilentProxyIsNoWay(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		caller, called := l.phone("1001", "udp", "a"), l.phone("1002", "tcp", "b")
		defer caller.close()
		defer called.close()
		caller.register(600)
		called.register(600)
		l.SetMode("b", Silence)
		caller.invite("1002", "sendrecv", 20)
		caller.want("who is registered at a silent proxy is not reached", 480)
		l.SetMode("b", Normal)
		caller.invite("1002", "sendrecv", 20)
		called.want("and later is", "INVITE")
	})
}

// A phone that is gone: by UDP its machine says so, or nothing at all.
func TestPhoneGone(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		caller, called := l.phone("1001", "udp", "a"), l.phone("1002", "udp", "a")
		defer caller.close()
		caller.register(600)
		called.register(600)
		called.close()
		caller.invite("1002", "sendrecv", 20)
		caller.want("nobody listens there", 480)
		l.sim.Kill(l.sim.Host(called.addr))
		begin := time.Now()
		caller.invite("1002", "sendrecv", 20)
		caller.want("nothing is there", 408)
		if took := time.Since(begin); took < timerB || took > timerB+time.Second {
			t.Errorf("given up after %s", took)
		}
	})
}

// The caller stops repeating at 100; from there the proxy repeats.
func TestLostInvite(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		caller, called := l.phone("1001", "udp", "a"), l.phone("1002", "udp", "a")
		defer caller.close()
		defer called.close()
		caller.register(600)
		called.register(600)
		lost := 0
		l.sim.Drop(func(p simnet.Packet) bool {
			if p.Dst == called.at && lost < 2 {
				lost++
				return true
			}
			return false
		})
		caller.invite("1002", "sendrecv", 20)
		called.accept(called.want("the third INVITE comes", "INVITE"))
		caller.want("and is answered", 200)
		if lost != 2 {
			t.Errorf("%d were lost", lost)
		}
	})
}

func TestProxyRules(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		u := l.phone("1001", "tcp", "a")
		defer u.close()
		u.raw([]byte("\r\n\r\n"))
		u.want("a ping has its pong", 598)
		m := u.request("INVITE", "sip:600@example.test", "Contact: "+u.contact())
		m.set("Max-Forwards", "0")
		u.send(m)
		u.want("too many hops", 483)
		m = u.request("OPTIONS", "sip:example.test")
		m.set("Max-Forwards", "0")
		u.send(m)
		u.want("OPTIONS is for us", 200)
		u.send(u.request("MESSAGE", "sip:1002@example.test", "Proxy-Require: magic"))
		if r := u.want("what we cannot", 420); r.get("Unsupported") != "magic" {
			t.Errorf("Unsupported %q", r.get("Unsupported"))
		}
		u.send(u.request("INVITE", "sip:bob@elsewhere.example", "Contact: "+u.contact()))
		u.want("another domain", 404)
		u.send(u.request("INVITE", "sip:bob@192.0.2.1", "Contact: "+u.contact()))
		u.want("we relay for nobody", 404)
		u.send(u.request("OPTIONS", "sip:600@example.test"))
		u.want("an extension answers OPTIONS", 200)
		bad := u.request("OPTIONS", "sip:example.test")
		bad.set("From", "<sip:1001@example.test")
		u.send(bad)
		u.want("what is malformed", 400)
		u.raw([]byte("GET / HTTP/1.1\r\n\r\n"))
		if err := <-u.broken; err == nil {
			t.Error("what is not SIP stays connected")
		}
	})
}

func TestChallengedCall(t *testing.T) {
	inLab(t, func(c *Config) { c.Challenge = true }, func(l *lab) {
		u := l.phone("1001", "udp", "a")
		defer u.close()
		d := u.invite("600", "sendrecv", 20)
		challenge := u.want("an INVITE is challenged", 407)
		ack := d.invite.clone()
		ack.method, ack.body = "ACK", nil
		ack.set("To", challenge.get("To"))
		n, _ := d.invite.cseq()
		ack.set("CSeq", itoa(n)+" ACK")
		u.send(ack)
		m := d.invite.clone()
		u.seq++
		m.set("Via", u.via())
		m.set("CSeq", itoa(n+1)+" INVITE")
		u.authorize(m, challenge, secret, "SHA-256")
		u.send(m)
		d.seq = n + 1
		d.answered(u.want("with the password it is answered", 200))
		d.bye()
		stranger := l.phone("mallory", "udp", "a")
		defer stranger.close()
		stranger.invite("600", "sendrecv", 20)
		stranger.want("who has no account", 403)
		l.SetChallenge(false)
		stranger.call("600").bye()
	})
}

// A connection that is gone takes its registration with it.
func TestConnectionGone(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		u := l.phone("1001", "tcp", "a")
		u.register(600)
		sub, _ := l.Subscribe()
		u.close()
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(l.Status().Proxies[0].Registrations); n != 0 {
			t.Errorf("%d registrations are left", n)
		}
		if line := <-sub.Lines(); line.Text != "a: the connection of 1001 is gone" {
			t.Errorf("line %q", line.Text)
		}
		for range 2 * maxUnread {
			l.note("news")
		}
		l.note("the last")
		sub.Close()
		got, last := 0, ""
		for line := range sub.Lines() {
			got, last = got+1, line.Text
		}
		if got != maxUnread || last != "the last" {
			t.Errorf("%d lines, the last %q", got, last)
		}
		if _, recent := l.Subscribe(); len(recent) != maxRecent {
			t.Errorf("%d lines are kept", len(recent))
		}
	})
}
