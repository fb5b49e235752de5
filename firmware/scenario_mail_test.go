package main

import (
	"net/netip"
	"testing"
	"time"

	"dialtone/exchange"
	"dialtone/simnet"
)

// wantMail checks the message lamp, and where the line is subscribed to its messages.
func (p *desk) wantMail(sentence, server string, lit bool) {
	p.Helper()
	s := p.status()
	if _, on := s.Handset.Lamps["message"]; on != lit {
		p.Errorf("%s: the message lamp is lit: %v", sentence, on)
	}
	sub := s.Lines[0].Subscription
	switch {
	case sub == nil && server != "":
		p.Errorf("%s: no subscription is shown", sentence)
	case sub != nil && (sub.Server != server || server != "" && sub.State != "active"):
		p.Errorf("%s: the subscription is %s at %s (%s)", sentence, sub.State, sub.Server, sub.Cause)
	}
}

// subscriptions are how many there are at proxies a and b.
func subscriptions(x *exchange.Exchange) [2]int {
	return [2]int{len(x.Subscriptions("a")), len(x.Subscriptions("b"))}
}

func TestWaitingMessages(t *testing.T) {
	mail := []string{"Voice_Mail_Server_1_=example.test", "Server_Probe_Intvl_1_=5", "Proxy_Fallback_Intvl_1_=10", "Failback_Good_Probes_1_=1"}
	runScenarios(t, []scenario{
		{"messages", "A message lights the lamp. The proxy dies: the line registers at the other one, and subscribes there; and back. Listening puts the lamp out, leaving ends the subscription.", func(b *bench) {
			x, d := b.desks(1, mail...)
			p := d[0]
			// Proxy b is farther away, so that no two things happen at once.
			far := b.net.Host(netip.MustParseAddr("10.0.0.12"))
			b.net.Link(p.host, far, simnet.Link{Delay: oneWay + 2*time.Millisecond})
			b.net.Link(far, p.host, simnet.Link{Delay: oneWay + 2*time.Millisecond})
			p.wantMail("at first", "udp:10.0.0.11:5060", false)
			x.SetMessages("1001", exchange.Messages{New: 1})
			b.after(103 * time.Millisecond)
			p.wantMail("a message", "udp:10.0.0.11:5060", true)
			if err := x.SetMode("a", exchange.Stop); err != nil {
				b.Fatal(err)
			}
			b.after(13 * time.Second)
			p.wantMail("a has died", "udp:10.0.0.12:5060", true)
			if n := subscriptions(x); n != [2]int{0, 1} {
				b.Errorf("subscriptions at a and b: %v", n)
			}
			x.SetMessages("1001", exchange.Messages{Old: 1})
			b.after(103 * time.Millisecond)
			p.wantMail("heard", "udp:10.0.0.12:5060", false)
			if err := x.SetMode("a", exchange.Normal); err != nil {
				b.Fatal(err)
			}
			b.after(31 * time.Second)
			p.wantMail("home again", "udp:10.0.0.11:5060", false)
			if n := subscriptions(x); n != [2]int{1, 0} {
				b.Errorf("subscriptions at a and b: %v", n)
			}
			if took := p.stop(); took > 2*time.Second {
				b.Errorf("leaving takes %s", took)
			}
			if n := subscriptions(x); n != [2]int{} {
				b.Errorf("subscriptions at a and b: %v", n)
			}
		}},
		{"messages-off", "Voice_Mail_Enable No ends the subscription, Yes begins one; the line stays registered.", func(b *bench) {
			x, d := b.desks(1, mail...)
			p := d[0]
			x.SetMessages("1001", exchange.Messages{New: 1})
			b.after(103 * time.Millisecond)
			p.wantMail("a message", "udp:10.0.0.11:5060", true)
			if err := p.update("Voice_Mail_Enable_1_=No"); err != nil {
				b.Error(err)
			}
			b.after(503 * time.Millisecond)
			p.wantMail("off", "", false)
			x.SetMessages("1001", exchange.Messages{})
			if n := subscriptions(x); n != [2]int{} {
				b.Errorf("subscriptions at a and b: %v", n)
			}
			if err := p.update("Voice_Mail_Enable_1_=Yes"); err != nil {
				b.Error(err)
			}
			b.after(503 * time.Millisecond)
			p.wantMail("on", "udp:10.0.0.11:5060", false)
		}},
	})
}
