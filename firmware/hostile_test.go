package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"dialtone/hal"
	"dialtone/phone"
	"dialtone/simnet"
	"dialtone/web"
)

// pair are two phones, 1001 and 1002, registered at one proxy.
func (b *bench) pair(settings ...string) (p, q *desk) {
	b.Helper()
	b.server.mu.Lock()
	b.server.proxy = &proxy{b.server}
	b.server.mu.Unlock()
	p = b.newDesk("1001", "10.0.0.51", settings...).start()
	q = b.newDesk("1002", "10.0.0.52", settings...).start()
	b.after(1003 * time.Millisecond)
	p.wantScreen("1001 registers", "Ready")
	q.wantScreen("1002 registers", "Ready")
	b.mu.Lock()
	b.lines = nil
	b.mu.Unlock()
	return p, q
}

func TestTwoPhones(t *testing.T) {
	runScenarios(t, []scenario{
		{"two-phones", "Two phones and a proxy: a call, answered, held and taken back by both, ended.", func(b *bench) {
			p, q := b.pair()
			p.lift()
			b.after(503 * time.Millisecond)
			p.press("1", "0", "0", "2", "#")
			b.after(3003 * time.Millisecond)
			q.lift()
			b.after(3003 * time.Millisecond)
			hears(p, q)
			hears(q, p)
			p.press("hold")
			b.after(1003 * time.Millisecond)
			p.wantState("1001 holds", phone.StateHeld)
			q.wantState("1002 is held", phone.StateRemoteHeld)
			q.press("hold")
			b.after(1003 * time.Millisecond)
			p.press("hold")
			b.after(1003 * time.Millisecond)
			p.wantState("1002 still holds", phone.StateRemoteHeld)
			q.press("hold")
			b.after(2003 * time.Millisecond)
			hears(p, q)
			hears(q, p)
			q.press("7")
			b.after(1003 * time.Millisecond)
			if h := p.status().Calls[0].Heard; h != "7" {
				b.Errorf("1001 heard the digits %q", h)
			}
			q.replace()
			b.after(1003 * time.Millisecond)
			p.replace()
			home(p)
			home(q)
		}},
		{"two-phones-crossed", "Two phones call each other at the same moment: each shows the other waiting, and who answers gives up the own call.", func(b *bench) {
			p, q := b.pair()
			p.do(web.Call{To: "1002"})
			b.after(3 * time.Millisecond)
			q.do(web.Call{To: "1001"})
			b.after(3003 * time.Millisecond)
			q.press("talk")
			b.after(2003 * time.Millisecond)
			hears(p, q)
			hears(q, p)
			p.press("end")
			home(p)
			home(q)
		}},
		{"two-phones-busy", "Two phones without call waiting call each other at the same moment: both are busy.", func(b *bench) {
			p, q := b.pair("CW_Setting=No")
			p.do(web.Call{To: "1002"})
			b.after(3 * time.Millisecond)
			q.do(web.Call{To: "1001"})
			b.after(3003 * time.Millisecond)
			p.press("end")
			b.after(3 * time.Millisecond)
			q.press("end")
			home(p)
			home(q)
		}},
	})
}

// hears checks that the user of p hears the 440 Hz of the other one's microphone.
func hears(p, from *desk) {
	p.Helper()
	earpiece := p.Heard()
	if s := share(earpiece[len(earpiece)-4000:], 440); s < 0.9 {
		p.Errorf("%s hears %s with %.2f of the sound", p.name, from.name, s)
	}
}

// TestHostileTiming: calls between two phones over networks that lose, delay, repeat and reorder. Whatever
// happens on the way, in the end nothing is left of the calls, and sounds came in turn.
func TestHostileTiming(t *testing.T) {
	for seed := range 24 {
		loss := []float64{0, 0.05, 0.15, 0.3}[seed%4]
		t.Run(fmt.Sprintf("seed %d loss %.2f", seed, loss), func(t *testing.T) {
			inBench(t, func(b *bench) {
				random := rand.New(rand.NewPCG(uint64(seed), 7))
				some := func(least, most int) time.Duration {
					return time.Duration(least+random.IntN(most-least))*time.Millisecond + 311*time.Microsecond
				}
				p, q := b.pair()
				b.net.Usual(simnet.Link{Delay: oneWay, Jitter: 90 * time.Millisecond, Loss: loss, Duplicate: 0.2, Reorder: 0.2})
				for range 2 {
					p.do(web.Call{To: "1002"})
					b.after(some(0, 6000))
					switch random.IntN(5) {
					case 0: // the caller gives up
						p.press(hal.End)
					case 1: // the called one refuses
						q.press(hal.End)
					default:
						q.press(hal.Talk)
						b.after(some(100, 8000))
						p.press(hal.Hold)
						b.after(some(0, 700))
						q.press(hal.Hold)
						b.after(some(0, 7000))
						p.press(hal.Hold)
						b.after(some(0, 700))
					}
					b.after(some(0, 3000))
					// Who hangs up first, and how long before the other one does.
					first, second := p, q
					if random.IntN(2) == 0 {
						first, second = q, p
					}
					first.press(hal.End)
					b.after(some(0, 20000))
					second.press(hal.End)
					b.after(some(0, 2000))
				}
				b.net.Usual(simnet.Link{Delay: oneWay})
				b.after(3 * time.Minute)
				p.wantHome()
				q.wantHome()
				// And they still work.
				p.do(web.Call{To: "1002"})
				b.after(1003 * time.Millisecond)
				q.press(hal.Talk)
				b.after(2003 * time.Millisecond)
				p.wantState("a call after all that", phone.StateConnected)
				q.wantState("a call after all that", phone.StateConnected)
				hears(p, q)
				hears(q, p)
				p.press(hal.End)
				b.after(30 * time.Second)
				p.wantHome()
				q.wantHome()
			})
		})
	}
}

// TestStorms: floods of packets of all kinds at a phone that has a call. It goes on with the call, and
// nothing grows.
func TestStorms(t *testing.T) {
	inBench(t, func(b *bench) {
		p, f := b.registered("CW_Setting=No"), b.server
		_, invite := onCall(p)
		v := f.speak(invite.body)
		defer v.close()
		b.quiet = true
		stranger := b.net.Host(netip.MustParseAddr("10.0.0.99"))
		c, err := stranger.ListenPacket(netip.MustParseAddrPort("10.0.0.99:5060"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		to := netAddr(netip.AddrPortFrom(p.addr, 5060))
		options := "OPTIONS sip:1001@10.0.0.50 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.99;branch=z9hG4bK%d\r\nFrom: <sip:scan@x>;tag=1\r\nTo: <sip:1001@10.0.0.50>\r\nCall-ID: s%d\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
		for n := range 3000 {
			c.WriteTo([]byte("\x00\xff garbage"), to)
			c.WriteTo(fmt.Appendf(nil, options, n, n), to)                           // a scanner
			f.udp.WriteTo(fmt.Appendf(nil, options, n, n), to)                       // the server, busy
			f.udp.WriteTo([]byte("SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"), to) // responses to nothing
			d := &dialog{f: f, callID: fmt.Sprintf("storm%d", n), local: "<sip:x@y>;tag=t", remote: "<sip:1001@10.0.0.1>", target: "sip:1001@10.0.0.50", by: f.contacts["1001"]}
			d.request([]string{"INVITE", "BYE", "CANCEL", "ACK", "NOTIFY"}[n%5], f.sdp("sendrecv"))
			time.Sleep(1013 * time.Microsecond)
		}
		p.wantVoices("the call goes on", v)
		p.wantState("the call goes on", phone.StateConnected)
		if n := len(p.status().Calls); n > 33 {
			t.Errorf("%d calls are listed", n)
		}
		p.press("end")
		f.answer(f.want("hanging up", "BYE"), 200)
		b.after(2 * time.Minute)
		p.wantHome()
	})
}
