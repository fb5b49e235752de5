package main

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"dialtone/exchange"
	"dialtone/phone"
	"dialtone/simnet"
	"dialtone/web"
)

// lose drops packets of the given direction whose first line begins so; n of them, or all if n < 0.
func (b *bench) lose(from netip.Addr, begins string, n int) {
	b.net.Drop(func(p simnet.Packet) bool {
		if n == 0 || p.Src.Addr() != from || !bytes.HasPrefix(p.Data, []byte(begins)) {
			return false
		}
		n--
		return true
	})
}

// deafen lets the far end answer nothing any more.
func (f *far) deafen(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deaf = on
}

func (f *far) isDeaf() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.deaf
}

func TestLosing(t *testing.T) {
	runScenarios(t, []scenario{
		{"lost-ack", "Every ACK to our 200 is lost: it is repeated until timer H, then the call ends with a BYE.", func(b *bench) {
			p, f := b.registered(), b.server
			d := f.invite("1001", f.sdp("sendrecv"))
			d.want("it rings", 180, "INVITE")
			b.lose(f.at.Addr(), "ACK", -1)
			p.lift()
			d.want("answered", 200, "INVITE")
			d.request("ACK")
			bye := f.want("nobody acknowledges", "BYE")
			f.answer(bye, 200)
			b.after(2003 * time.Millisecond)
			p.replace()
			home(p)
		}},
		{"lost-ack-once", "One ACK is lost: the 200 comes again, and so does the ACK.", func(b *bench) {
			p, f := b.registered(), b.server
			d := f.invite("1001", f.sdp("sendrecv"))
			d.want("it rings", 180, "INVITE")
			b.lose(f.at.Addr(), "ACK", 1)
			p.lift()
			d.want("answered", 200, "INVITE")
			d.request("ACK")
			d.want("again", 200, "INVITE")
			d.again()
			b.after(20 * time.Second)
			leave(p, d)
		}},
		{"lost-200", "The 200 to our INVITE is lost: the INVITE is not repeated after a 180; the far end repeats its 200.", func(b *bench) {
			p, f := b.registered(), b.server
			invite := called(p)
			f.answer(invite, 180)
			b.after(1003 * time.Millisecond)
			b.lose(f.at.Addr(), "SIP/2.0 200", 1)
			f.answer(invite, 200, f.sdp("sendrecv"))
			b.after(500 * time.Millisecond)
			f.answer(invite, 200, f.sdp("sendrecv"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			leave(p, f.dialogOf(invite, "far"))
		}},
		{"lost-invite", "The INVITE is lost twice: it is repeated.", func(b *bench) {
			p, f := b.registered(), b.server
			b.lose(p.addr, "INVITE", 2)
			invite := called(p)
			f.answer(invite, 200, f.sdp("sendrecv"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			leave(p, f.dialogOf(invite, "far"))
		}},
		{"lost-bye", "Our BYE is lost twice, and its answer once.", func(b *bench) {
			p, f := b.registered(), b.server
			_, _ = onCall(p)
			b.lose(p.addr, "BYE", 2)
			p.press("end")
			bye := f.want("repeated", "BYE")
			b.lose(f.at.Addr(), "SIP/2.0 200", 1)
			f.answer(bye, 200)
			home(p)
		}},
		{"lost-everything", "The server is deaf: after timer B the screen says so.", func(b *bench) {
			p, f := b.registered(), b.server
			f.deafen(true)
			p.lift()
			b.after(503 * time.Millisecond)
			p.press("1", "0", "0", "2", "#")
			b.after(20 * time.Second)
			p.wantScreen("timer B", "No reply")
			p.replace()
			home(p)
		}},
		{"lost-bye-for-ever", "The server dies during a call: the voice goes on; hanging up is over for the user at once, and ends for good after timer F.", func(b *bench) {
			p, f := b.registered(), b.server
			_, invite := onCall(p)
			v := f.speak(invite.body)
			defer v.close()
			f.deafen(true)
			b.after(5003 * time.Millisecond)
			p.wantVoices("the voice needs no server", v)
			p.press("end")
			b.after(103 * time.Millisecond)
			p.wantScreen("hung up", "Ready")
			home(p)
		}},
		{"stop-in-call", "Asked to stop during a call: BYE, un-REGISTER, within two seconds.", func(b *bench) {
			p, f := b.registered(), b.server
			_, _ = onCall(p)
			done := make(chan time.Duration)
			go func() { done <- p.stop() }()
			bye := f.want("good-bye", "BYE")
			b.after(3 * time.Millisecond) // after the registrar's answer
			f.answer(bye, 200)
			if took := <-done; took > 2*time.Second {
				b.Errorf("stopping took %v", took)
			}
		}},
		{"stop-deaf", "Asked to stop during a call while the server is deaf: two seconds are enough all the same.", func(b *bench) {
			p, f := b.registered(), b.server
			_, _ = onCall(p)
			f.deafen(true)
			if took := p.stop(); took > 2*time.Second || took < time.Second {
				b.Errorf("stopping took %v", took)
			}
		}},
		{"stop-ringing", "Asked to stop while a call rings: the caller hears so.", func(b *bench) {
			p, f := b.registered(), b.server
			d := f.invite("1001", f.sdp("sendrecv"))
			d.want("it rings", 180, "INVITE")
			p.stop()
			d.want("refused", 480, "INVITE")
			d.request("ACK failure")
		}},
		{"stop-dialing", "Asked to stop while we ring there: cancelled.", func(b *bench) {
			p, f := b.registered(), b.server
			invite := called(p)
			f.answer(invite, 180)
			b.after(1003 * time.Millisecond)
			done := make(chan time.Duration)
			go func() { done <- p.stop() }()
			cancel := f.want("cancelled", "CANCEL")
			b.after(3 * time.Millisecond)
			f.answer(cancel, 200)
			f.answer(invite, 487)
			if took := <-done; took > 2*time.Second {
				b.Errorf("stopping took %v", took)
			}
		}},
	})
}

func TestNetworks(t *testing.T) {
	runScenarios(t, []scenario{
		{"dns-dead-at-start", "The name server is dead at the start: the phone goes on asking and registers when it is back.", func(b *bench) {
			b.net.Host(netip.MustParseAddr("10.0.0.53")) // the machine runs: it refuses
			p := b.newPhone("Proxy_1_=example.test")
			b.after(40 * time.Second)
			p.do(web.Call{To: "1002"})
			b.after(20 * time.Second)
			b.note("the name server is back")
			b.exchange("a")
			b.after(10 * time.Minute)
			p.wantScreen("registered after all", "Ready")
			p.wantHome()
		}},
		{"dns-silent-at-start", "The name server says nothing at the start: as if it were dead, only later.", func(b *bench) {
			x := b.exchange("a")
			dns := func(m exchange.DNSMode) {
				b.note("the name server is %s", m)
				if err := x.SetDNS(m); err != nil {
					b.Fatal(err)
				}
			}
			dns(exchange.DNSOff)
			p := b.newPhone("Proxy_1_=example.test")
			b.after(40 * time.Second)
			p.do(web.Call{To: "1002"})
			b.after(20 * time.Second)
			dns(exchange.DNSNormal)
			b.after(10 * time.Minute)
			p.wantScreen("registered after all", "Ready")
			p.wantHome()
		}},
		{"dns", "The proxy is a domain: SRV and A, then REGISTER; a call.", func(b *bench) {
			b.exchange("a")
			p := b.newPhone("Proxy_1_=example.test")
			b.after(1003 * time.Millisecond)
			p.do(web.Call{To: "601"})
			b.after(1003 * time.Millisecond)
			p.wantState("answered", phone.StateConnected)
			p.press("end")
			home(p)
		}},
		{"no-network-at-start", "No address at the start: the screen says so; an address comes, the phone registers.", func(b *bench) {
			p := b.newDesk("", "10.0.0.50", "no address")
			p.host.Plug(false)
			p.start()
			b.after(5003 * time.Millisecond)
			p.wantScreen("no network", "No network")
			p.do(web.Call{To: "1002"})
			b.after(10003 * time.Millisecond)
			b.note("the cable is plugged in")
			p.host.Plug(true)
			p.set.mail(p.set.ctx, addresses{Addrs: []netip.Addr{p.addr}})
			b.after(time.Minute)
			p.wantScreen("registered after all", "Ready")
			p.wantHome()
		}},
		{"address-change", "DHCP gives another address: the phone registers from there, a call comes to it.", func(b *bench) {
			p, f := b.registered(), b.server
			p.readdress("10.0.0.51")
			b.after(5003 * time.Millisecond)
			d := f.invite("1001", f.sdp("sendrecv"))
			d.want("it rings", 180, "INVITE")
			p.lift()
			ok := d.want("answered", 200, "INVITE")
			d.request("ACK")
			v := f.speak(ok.body)
			defer v.close()
			b.after(1003 * time.Millisecond)
			p.wantVoices("at the new address", v)
			leave(p, d)
		}},
		{"address-change-in-call", "Another address in the middle of a call: it is offered anew from there, and the voice follows.", func(b *bench) {
			p, f := b.registered(), b.server
			_, _ = onCall(p)
			p.readdress("10.0.0.51")
			again := f.want("offered anew", "INVITE")
			b.after(3 * time.Millisecond)
			f.answer(again, 200, f.sdp("sendrecv"))
			f.want("acknowledged", "ACK")
			v := f.speak(again.body)
			defer v.close()
			b.after(2003 * time.Millisecond)
			p.wantVoices("at the new address", v)
			d := f.dialogOf(again, "")
			d.local = again.get("To")
			leave(p, d)
		}},
		{"tcp", "A line on TCP: one connection for everything.", func(b *bench) {
			p, f := b.registered("SIP_Transport_1_=TCP"), b.server
			d, _ := onCall(p)
			leave(p, d)
			p.stop()
			_ = f
		}},
		{"tcp-reset-idle", "The server resets the connection of an idle phone: it connects and registers anew.", func(b *bench) {
			p, f := b.registered("SIP_Transport_1_=TCP"), b.server
			f.reset()
			b.after(2 * time.Minute)
			d := f.invite("1001", f.sdp("sendrecv"))
			d.want("it rings", 180, "INVITE")
			p.press("end")
			d.want("refused", 486, "INVITE")
			d.request("ACK failure")
			home(p)
		}},
		{"tcp-reset-in-call", "The connection is reset in a call: the voice goes on, the BYE finds a new one.", func(b *bench) {
			p, f := b.registered("SIP_Transport_1_=TCP"), b.server
			_, invite := onCall(p)
			v := f.speak(invite.body)
			defer v.close()
			f.reset()
			b.after(5003 * time.Millisecond)
			p.wantVoices("the voice needs no connection", v)
			p.press("end")
			f.answer(f.want("hanging up", "BYE"), 200)
			home(p)
		}},
		{"server-dies", "The server loses power in a call and comes back: the call is over for it, the phone registers anew.", func(b *bench) {
			p, f := b.registered("Register_Expires_1_=60"), b.server
			_, _ = onCall(p)
			f.deafen(true)
			b.after(2 * time.Minute)
			p.press("end")
			b.after(time.Minute)
			b.note("the server is back")
			f.deafen(false)
			b.after(2 * time.Minute)
			p.wantScreen("registered after all", "Ready")
			p.wantHome()
		}},
	})
}

// readdress gives the phone's machine another address and lets the phone see it.
func (p *desk) readdress(to string) {
	addr := netip.MustParseAddr(to)
	p.note("the address is %s now", to)
	p.host.Readdress(p.addr, addr)
	p.mu.Lock()
	p.addr = addr
	p.mu.Unlock()
	p.set.mail(p.set.ctx, addresses{Addrs: []netip.Addr{addr}})
}

// reset ends all connections of the far end as a program that crashed does.
func (f *far) reset() {
	f.b.note("the server resets its connections")
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.(interface{ SetLinger(int) error }).SetLinger(0)
		c.Close()
	}
	f.conns = nil
}

// parts of a profile for tests.
func profile(tags ...string) string {
	var s strings.Builder
	s.WriteString("<flat-profile>\n")
	for _, kv := range tags {
		tag, value, _ := strings.Cut(kv, "=")
		s.WriteString("<" + tag + ">" + value + "</" + tag + ">\n")
	}
	s.WriteString("</flat-profile>\n")
	return s.String()
}
