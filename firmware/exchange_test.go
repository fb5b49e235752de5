package main

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"dialtone/exchange"
	"dialtone/hal"
	"dialtone/sip"
)

// exchange opens two proxies, their DNS and their numbers beside the desk. Phones whose Proxy is
// example.test find it. The zone names both proxies, a first, or those given.
func (b *bench) exchange(servers ...string) *exchange.Exchange {
	b.Helper()
	return b.exchangeWith(func(*exchange.Config) {}, servers...)
}

// exchangeWith is exchange with a configuration that is changed first.
func (b *bench) exchangeWith(change func(*exchange.Config), servers ...string) *exchange.Exchange {
	b.Helper()
	addr := netip.MustParseAddr
	cfg := exchange.Config{Domain: "example.test", Users: map[string]sip.Secret{"1001": "secret", "1002": "secret", "1003": "secret"},
		Proxies: []exchange.ProxyConfig{{Name: "a", Addr: addr("10.0.0.11"), Port: 5060}, {Name: "b", Addr: addr("10.0.0.12"), Port: 5060}},
		Net:     func(a netip.Addr) exchange.Net { return b.net.Host(a) }, DNS: netip.MustParseAddrPort("10.0.0.53:53"), Media: addr("10.0.0.13")}
	change(&cfg)
	x, err := exchange.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(x.Close)
	if err := x.SetServers(servers...); err != nil {
		b.Fatal(err)
	}
	return x
}

// desks are the phones 1001, 1002, … registered at proxy a of an exchange; the transcript begins after
// that.
func (b *bench) desks(n int, settings ...string) (*exchange.Exchange, []*desk) {
	b.Helper()
	x := b.exchange()
	var desks []*desk
	for i := range n {
		desks = append(desks, b.newDesk(fmt.Sprint(1001+i), fmt.Sprintf("10.0.0.%d", 51+i), append([]string{"Proxy_1_=example.test"}, settings...)...).start())
	}
	b.after(1003 * time.Millisecond)
	for _, p := range desks {
		p.wantScreen(p.name+" registers", "Ready")
	}
	b.mu.Lock()
	b.lines = nil
	b.mu.Unlock()
	return x, desks
}

// wantTalk checks that two users hear each other, and nobody else of their exchange: the last half
// second of what came out of each earpiece.
func wantTalk(sentence string, p, q *desk) {
	p.Helper()
	p.wantTone(sentence+": "+p.name+" hears "+q.name, float64(q.hz))
	q.wantTone(sentence+": "+q.name+" hears "+p.name, float64(p.hz))
}

// wantDeaf checks that the user hears none of the phones, the own one neither.
func (p *desk) wantDeaf(sentence string) {
	p.Helper()
	heard := p.Heard()
	for _, q := range p.phones {
		if s := share(heard[len(heard)-4000:], float64(q.hz)); s > 0.01 {
			p.Errorf("%s: %.2f of what %s hears is %s", sentence, s, p.name, q.name)
		}
	}
}

// registrations are those of a proxy, in words.
func registrations(x *exchange.Exchange, proxy string) string {
	var all []string
	for _, p := range x.Status().Proxies {
		for _, r := range p.Registrations {
			if p.Name == proxy {
				all = append(all, r.User+" "+r.Transport)
			}
		}
	}
	return strings.Join(all, ", ")
}

// within lets time pass until what is asked for is true, and returns how long it took.
func (b *bench) within(sentence string, most time.Duration, is func() bool) time.Duration {
	b.Helper()
	const step = 101 * time.Millisecond
	for took := time.Duration(0); took <= most; took += step {
		b.after(0)
		if is() {
			return took
		}
		b.after(step)
	}
	b.Errorf("%s: not within %s", sentence, most)
	return most
}

// shows tells whether the screen has a text.
func (p *desk) shows(part string) bool { return strings.Contains(screenText(p.Screen()), part) }

// dial lifts the handset and calls a number.
func (p *desk) dial(number string) {
	p.Helper()
	p.lift()
	p.after(101 * time.Millisecond)
	for _, k := range number {
		p.press(hal.Key(k))
		p.after(101 * time.Millisecond)
	}
	p.press("#")
}

// wantTone checks that the last half second of the earpiece is a tone.
func (p *desk) wantTone(sentence string, hertz float64) {
	p.Helper()
	heard := p.Heard()
	if s := share(heard[len(heard)-4000:], hertz); s < 0.9 {
		p.Errorf("%s: %.2f of what is heard is %.0f Hz", sentence, s, hertz)
	}
}

// A phone on a whole network: it hears itself, is called back, and moves to the other proxy when the one
// it uses is stopped; the call goes on meanwhile.
func TestExchange(t *testing.T) {
	for _, transport := range []string{"UDP", "TCP"} {
		t.Run(transport, func(t *testing.T) {
			inBench(t, func(b *bench) {
				x := b.exchange()
				p := b.newDesk("1001", "10.0.0.50", "Proxy_1_=example.test", "Use_DNS_SRV_1_=Yes", "SIP_Transport_1_="+transport, "Register_Expires_1_=60").start()
				defer p.stop()
				b.within("it registers", 2*time.Second, func() bool {
					return registrations(x, "a") == "1001 "+strings.ToLower(transport)
				})
				p.wantScreen("it is registered", "Ready")

				p.dial("600")
				b.within("the echo answers", 10*time.Second, func() bool { return p.shows("Connected") })
				b.after(2003 * time.Millisecond)
				p.wantTone("the phone hears its own tone", 440)
				if err := x.SetMode("a", exchange.Stop); err != nil {
					t.Fatal(err)
				}
				took := b.within("the line moves to b", 2*time.Minute, func() bool { return registrations(x, "b") != "" })
				t.Logf("%s: moved to b after %s", transport, took)
				b.after(2003 * time.Millisecond)
				p.wantTone("the call goes on", 440)
				p.replace()
				// A BYE that does not find its way leaves 600 alone: it hangs up when it has heard nothing for two minutes.
				took = b.within("hanging up ends the call, if only by silence", 4*time.Minute, func() bool { return len(x.Status().Calls) == 0 })
				t.Logf("%s: the call is over %s after hanging up", transport, took)
				b.after(10 * time.Second)
				p.wantHome()

				p.dial("606")
				b.within("606 answers", 10*time.Second, func() bool { return p.shows("Connected") })
				b.within("and hangs up", 10*time.Second, func() bool { return p.shows("Call ended") })
				p.replace()
				b.within("and calls back", 5*time.Second, func() bool { return p.shows("Incoming") })
				p.lift()
				b.within("the call back is answered", 5*time.Second, func() bool { return p.shows("Connected") })
				b.within("and over", 10*time.Second, func() bool { return p.shows("Call ended") })
				p.replace()
				b.after(10 * time.Second)
				p.wantHome()
				if got := x.Status(); len(got.Calls) != 0 || len(got.Proxies[0].Registrations) != 0 {
					t.Errorf("the exchange has %+v", got)
				}
			})
		})
	}
}
