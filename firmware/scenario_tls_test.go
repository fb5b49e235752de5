package main

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"dialtone/exchange"
	"dialtone/web"
)

// A phone on TLS whose first proxy cannot prove that it serves the domain: the second one is used for
// registration and calls, and the status says exactly why.
func TestIdentityMoves(t *testing.T) {
	for _, c := range []struct {
		sentence string
		issue    func(ca, stranger *exchange.TestCA) (*tls.Config, error)
		mode     exchange.Mode
		want     string // cause
		most     time.Duration
	}{
		{"wrong name", func(ca, _ *exchange.TestCA) (*tls.Config, error) {
			return ca.Issue(time.Now().Add(time.Hour), "other.test")
		},
			exchange.Normal, "the certificate is for other.test, not for example.test", time.Second},
		{"the SRV target's name only", func(ca, _ *exchange.TestCA) (*tls.Config, error) {
			return ca.Issue(time.Now().Add(time.Hour), "a.example.test")
		}, exchange.Normal, "the certificate is for a.example.test, not for example.test", time.Second},
		{"a wildcard", func(ca, _ *exchange.TestCA) (*tls.Config, error) {
			return ca.Issue(time.Now().Add(time.Hour), "*.example.test", "*.test")
		}, exchange.Normal, "the certificate is for *.example.test, *.test, not for example.test (a wildcard does not count)", time.Second},
		{"expired", func(ca, _ *exchange.TestCA) (*tls.Config, error) {
			return ca.Issue(time.Now().Add(-24*time.Hour), "example.test")
		}, exchange.Normal, "the certificate has expired on 1999-12-31 00:00 UTC, and this phone's clock says 2000-01-01 00:00 UTC", time.Second},
		{"an unknown authority", func(_, stranger *exchange.TestCA) (*tls.Config, error) { return stranger.Server(), nil },
			exchange.Normal, "the certificate is signed by an unknown authority", time.Second},
		{"a handshake without end", func(ca, _ *exchange.TestCA) (*tls.Config, error) { return ca.Server(), nil },
			exchange.Silence, "it accepts the connection, but does not answer the TLS handshake within 2s", 4 * time.Second},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			inBench(t, func(b *bench) {
				ca, err := exchange.NewTestCA("example.test")
				if err != nil {
					t.Fatal(err)
				}
				stranger, err := exchange.NewTestCA("example.test")
				if err != nil {
					t.Fatal(err)
				}
				shown, err := c.issue(ca, stranger)
				if err != nil {
					t.Fatal(err)
				}
				b.trust = &tls.Config{RootCAs: ca.Roots()}
				x := b.exchangeWith(func(cfg *exchange.Config) {
					cfg.TLS = ca.Server()
					for i := range cfg.Proxies {
						cfg.Proxies[i].TLSPort = 5061
					}
					cfg.Proxies[0].TLS = shown
				})
				if err := x.SetMode("a", c.mode); err != nil {
					t.Fatal(err)
				}
				p := b.newDesk("1001", "10.0.0.50", "Proxy_1_=example.test", "SIP_Transport_1_=TLS").start()
				defer p.stop()
				b.within("it registers at the second", c.most, func() bool { return registrations(x, "b") == "1001 tls" })
				if got := registrations(x, "a"); got != "" {
					t.Errorf("the first has %q", got)
				}
				first := func() web.ServerStatus { return p.status().Lines[0].Servers[0] }
				b.within("the first is down", c.most, func() bool { return first().State == "down" })
				if s := first(); s.Cause != c.want || s.InUse || s.Registered || s.Address != "10.0.0.11:5061" {
					t.Errorf("the status shows %+v, want the cause %q", s, c.want)
				}
				p.wantScreen("it is registered", "Ready")
				wantShown(t, p.status().Lines[0])
				if b.after(0); !p.set.brain.View().Lines[0].Backup {
					t.Error("the screen is not told that this is a backup")
				}
				p.do(web.Call{To: "601"})
				b.within("a call goes by the second", time.Second, func() bool { return p.shows("Connected") })
				if via := p.status().Calls[0].Via; via != "tls:10.0.0.12:5061" {
					t.Errorf("the call goes via %q", via)
				}
				p.press("end")
				b.after(time.Second)
			})
		})
	}
}

// wantShown checks what the status tells about a line whose first server is down and whose second is in use.
func wantShown(t *testing.T, line web.LineStatus) {
	t.Helper()
	down, up := line.Servers[0], line.Servers[1]
	if down.Probe <= 0 || down.Probe > 3615 || down.Refresh != 0 || down.Suspect || down.Since < 0 {
		t.Errorf("the first is looked for in %v s: %+v", down.Probe, down)
	}
	if up.State != "up" || up.Probe <= 0 || up.Probe > 15 || up.Refresh < 2000 || up.Expires < up.Refresh || up.Heard <= 0 || up.RTT < 10 || !up.InUse || !up.Registered {
		t.Errorf("the second is %+v", up)
	}
	if len(line.Legs) != 1 {
		t.Fatalf("the legs are %+v", line.Legs)
	}
	want := web.LegStatus{Leg: "primary", Domain: "example.test", State: "registered", Active: "tls:10.0.0.12:5061", InUse: true, Expires: up.Expires, Refresh: up.Refresh}
	if line.Legs[0] != want {
		t.Errorf("the leg is %+v, want %+v", line.Legs[0], want)
	}
	if !strings.Contains(line.Event, "tls:10.0.0.1") || line.EventS < 0 || line.EventS > 5 {
		t.Errorf("the last event is %q %v s ago", line.Event, line.EventS)
	}
}
