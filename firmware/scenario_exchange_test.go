package main

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"dialtone/exchange"
	"dialtone/phone"
	"dialtone/simnet"
	"dialtone/web"
)

func TestTwoPhones(t *testing.T) {
	runScenarios(t, []scenario{
		{"two-phones", "Two phones: a call, answered, held and taken back by both, ended.", func(b *bench) {
			_, d := b.desks(2)
			p, q := d[0], d[1]
			p.lift()
			b.after(503 * time.Millisecond)
			p.press("1", "0", "0", "2", "#")
			b.after(3003 * time.Millisecond)
			q.lift()
			b.after(3003 * time.Millisecond)
			wantTalk("answered", p, q)
			p.press("hold")
			b.after(1003 * time.Millisecond)
			p.wantState("1001 holds", phone.StateHeld)
			q.wantState("1002 is held", phone.StateRemoteHeld)
			p.wantDeaf("1001 holds")
			q.wantDeaf("1002 is held")
			q.press("hold")
			b.after(1003 * time.Millisecond)
			p.press("hold")
			b.after(1003 * time.Millisecond)
			p.wantState("1002 still holds", phone.StateRemoteHeld)
			p.wantDeaf("1002 still holds")
			q.press("hold")
			b.after(2003 * time.Millisecond)
			wantTalk("taken back", p, q)
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
			_, d := b.desks(2)
			p, q := d[0], d[1]
			p.do(web.Call{To: "1002"})
			b.after(3 * time.Millisecond)
			q.do(web.Call{To: "1001"})
			b.after(3003 * time.Millisecond)
			q.press("talk")
			b.after(2003 * time.Millisecond)
			wantTalk("answered", p, q)
			p.press("end")
			home(p)
			home(q)
		}},
		{"two-phones-busy", "Two phones without call waiting call each other at the same moment: both are busy.", func(b *bench) {
			_, d := b.desks(2, "CW_Setting=No")
			p, q := d[0], d[1]
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
		{"hold-cut-off", "The proxy of a call is stopped, and stays so: hold, resume and hanging up find another way.", func(b *bench) {
			x, d := b.desks(2)
			p, q := d[0], d[1]
			p.do(web.Call{To: "1002"})
			b.after(503 * time.Millisecond)
			q.press("talk")
			b.after(1003 * time.Millisecond)
			if err := x.SetMode("a", exchange.Stop); err != nil {
				b.Fatal(err)
			}
			p.press("hold")
			b.after(1003 * time.Millisecond)
			p.wantState("1001 holds", phone.StateHeld)
			q.wantState("1002 is held", phone.StateRemoteHeld)
			p.press("hold")
			b.after(2003 * time.Millisecond)
			wantTalk("taken back", p, q)
			q.press("end")
			home(p)
			home(q)
		}},
		{"swap", "A third phone calls one of two that talk: it waits, is answered; back and forth between both; who is on hold hears nobody, and leaves unnoticed.", func(b *bench) {
			_, d := b.desks(3)
			p, q, r := d[0], d[1], d[2]
			// 1003 is farther away, so that no two things happen at once.
			a := b.net.Host(netip.MustParseAddr("10.0.0.11"))
			b.net.Link(r.host, a, simnet.Link{Delay: oneWay + 2*time.Millisecond})
			b.net.Link(a, r.host, simnet.Link{Delay: oneWay + 2*time.Millisecond})
			p.do(web.Call{To: "1002"})
			b.after(503 * time.Millisecond)
			q.press("talk")
			b.after(1003 * time.Millisecond)
			wantTalk("the first call", p, q)
			r.do(web.Call{To: "1001"})
			b.after(303 * time.Millisecond)
			p.wantStates("1003 waits", phone.StateConnected, phone.StateIncoming)
			if heard := p.Heard(); share(heard[len(heard)-1600:], 440) < 0.1 {
				b.Error("1001 hears no beep")
			}
			p.press("talk")
			b.after(1503 * time.Millisecond)
			p.wantStates("1003 is answered", phone.StateHeld, phone.StateConnected)
			q.wantState("1002 is held", phone.StateRemoteHeld)
			wantTalk("1003 is answered", p, r)
			q.wantDeaf("1002 is held")
			p.press("soft3")
			b.after(1503 * time.Millisecond)
			p.wantStates("to 1002", phone.StateConnected, phone.StateHeld)
			r.wantState("1003 is held", phone.StateRemoteHeld)
			wantTalk("to 1002", p, q)
			r.wantDeaf("1003 is held")
			p.press("down", "hold")
			b.after(1503 * time.Millisecond)
			p.wantStates("to 1003", phone.StateHeld, phone.StateConnected)
			q.wantState("1002 is held", phone.StateRemoteHeld)
			wantTalk("to 1003", p, r)
			q.wantDeaf("1002 is held")
			q.press("end")
			b.after(1003 * time.Millisecond)
			p.wantStates("1002 has hung up", phone.StateConnected)
			wantTalk("1002 has hung up", p, r)
			p.press("end")
			for _, p := range d {
				home(p)
			}
		}},
	})
}

// dialed is a phone that has called a number of the exchange by its keys, and waited.
func dialed(b *bench, number string, wait time.Duration) (*exchange.Exchange, *desk) {
	b.Helper()
	x, d := b.desks(1)
	d[0].dial(number)
	b.after(wait)
	return x, d[0]
}

// The numbers every exchange has.
func TestNumbers(t *testing.T) {
	over := func(p *desk) {
		p.Helper()
		p.replace()
		home(p)
	}
	runScenarios(t, []scenario{
		{"number-602", "602 rings for ever: the user hears ringback and gives up.", func(b *bench) {
			x, p := dialed(b, "602", 20*time.Second)
			p.wantState("it rings", phone.StateRinging)
			over(p)
			if calls := x.Status().Calls; len(calls) != 0 {
				b.Errorf("the exchange still has %v", calls)
			}
		}},
		{"number-603", "603 is busy: the tone and the words, until the handset goes back.", func(b *bench) {
			_, p := dialed(b, "603", 5003*time.Millisecond)
			p.wantScreen("why", "Busy")
			if p.ear.tone != string(phone.ToneBusy) {
				b.Errorf("the tone is %q", p.ear.tone)
			}
			over(p)
		}},
		{"number-604", "604 declines.", func(b *bench) {
			_, p := dialed(b, "604", 5003*time.Millisecond)
			p.wantScreen("why", "Declined")
			over(p)
		}},
		{"number-605", "605 answers after five seconds, with a melody, and is held and taken back.", func(b *bench) {
			_, p := dialed(b, "605", 3003*time.Millisecond)
			p.wantState("it rings", phone.StateRinging)
			b.after(5003 * time.Millisecond)
			p.wantState("it answers", phone.StateConnected)
			if !loud(p) {
				b.Error("no melody is heard")
			}
			p.press("hold")
			b.after(2003 * time.Millisecond)
			p.wantState("held", phone.StateHeld)
			if loud(p) {
				b.Error("something is heard on hold")
			}
			p.press("hold")
			b.after(2003 * time.Millisecond)
			if !loud(p) {
				b.Error("no melody is heard any more")
			}
			over(p)
		}},
		{"number-606", "606 hangs up and calls back.", func(b *bench) {
			x, p := dialed(b, "606", 2003*time.Millisecond)
			p.wantState("it answers", phone.StateConnected)
			b.within("it hangs up", 10*time.Second, func() bool { return p.shows("Call ended") })
			p.replace()
			b.within("it calls back", 5*time.Second, func() bool { return p.shows("Incoming") })
			p.lift()
			b.within("it is answered", time.Second, func() bool { return p.shows("Connected") })
			b.within("it hangs up again", 10*time.Second, func() bool { return p.shows("Call ended") })
			over(p)
			if calls := x.Status().Calls; len(calls) != 0 {
				b.Errorf("the exchange still has %v", calls)
			}
		}},
	})
}

// loud tells whether the user heard anything in the last half second.
func loud(p *desk) bool {
	heard := p.Heard()
	return slices.ContainsFunc(heard[len(heard)-4000:], func(s int16) bool { return s > 500 || s < -500 })
}

// A call placed while proxy a does not work as it should: it ends soon with a reason in words, or goes by
// b. When a is as it was, everything works again.
func TestBrokenProxy(t *testing.T) {
	for _, transport := range []string{"UDP", "TCP"} {
		for _, mode := range []exchange.Mode{exchange.Silence, exchange.Refuse, exchange.Unavailable, exchange.Slow, exchange.Stop} {
			t.Run(fmt.Sprintf("%s %s", transport, mode), func(t *testing.T) {
				inBench(t, func(b *bench) {
					// A refusal is no reason to register somewhere else, and else it is believed for twenty minutes.
					x, d := b.desks(1, "SIP_Transport_1_="+transport, "Register_Expires_1_=60", "Retry_Reg_RSC=5??")
					p := d[0]
					if err := x.SetMode("a", mode); err != nil {
						t.Fatal(err)
					}
					p.dial("600")
					took := b.within("it is answered, or ends", 45*time.Second, func() bool {
						s := p.callState()
						return s == phone.StateConnected.String() || s == phone.StateEnded.String()
					})
					calls, there := p.status().Calls, x.Status().Calls
					if len(calls) == 0 {
						t.Fatal("there is no call")
					}
					c := calls[0]
					t.Logf("%s by %s: the call is %s (%s) after %s", mode, transport, c.State, c.Reason.Title, took)
					if c.State == phone.StateConnected.String() {
						if len(there) != 1 || there[0].Proxy != "b" && mode != exchange.Slow {
							t.Errorf("the exchange has the calls %+v", there)
						}
						b.after(2003 * time.Millisecond)
						p.wantTone("it is a call", float64(p.hz))
					} else if c.Reason.Title == "" || !p.shows(c.Reason.Title) || mode == exchange.Slow {
						t.Errorf("the call ended because of %+v, the screen shows %q", c.Reason, p.Screen())
					}
					p.replace()
					b.after(time.Minute)
					if err := x.SetMode("a", exchange.Normal); err != nil {
						t.Fatal(err)
					}
					b.within("the phone is at home", 5*time.Minute, func() bool { return p.shows("Ready") && len(x.Status().Calls) == 0 })
					p.wantHome()
					p.dial("600")
					b.within("calls work", 10*time.Second, func() bool { return p.shows("Connected") })
					b.after(2003 * time.Millisecond)
					p.wantTone("it hears itself", float64(p.hz))
					p.replace()
					home(p)
				})
			})
		}
	}
}
