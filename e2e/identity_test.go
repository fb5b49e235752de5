//go:build e2e

package e2e

import (
	"crypto/tls"
	"net/netip"
	"strings"
	"testing"
	"time"

	"dialtone/exchange"
	"dialtone/sip"
	"dialtone/sip/transport"
)

// TestIdentity: of two proxies of a domain the first cannot prove that it serves it (RFC 5922). The phone uses the
// second, calls by it, and says exactly why the first is down.
func TestIdentity(t *testing.T) {
	t.Parallel()
	tomorrow, yesterday := time.Now().Add(24*time.Hour), time.Now().Add(-24*time.Hour).UTC()
	stranger, err := newAuthority(lab.mkdir(t, "identity"), "identity-stranger")
	if err != nil {
		t.Fatal(err)
	}
	issue := func(by *authority, file string, until time.Time, names ...string) *tls.Config {
		l, err := by.issue("identity-"+file, until, names...)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.LoadX509KeyPair(l.Cert, l.Key)
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	good := issue(lab.ca, "good", tomorrow, "identity.test")
	for _, c := range []struct {
		name  string
		shown *tls.Config
		mode  exchange.Mode
		cause string // how it begins
	}{
		{"wrong name", issue(lab.ca, "wrong", tomorrow, "other.test"), exchange.Normal, "the certificate is for other.test, not for identity.test"},
		{"the SRV target's name only", issue(lab.ca, "target", tomorrow, "a.identity.test"), exchange.Normal, "the certificate is for a.identity.test, not for identity.test"},
		{"a wildcard", issue(lab.ca, "wildcard", tomorrow, "*.test"), exchange.Normal, "the certificate is for *.test, not for identity.test (a wildcard does not count)"},
		{"expired", issue(lab.ca, "expired", yesterday, "identity.test"), exchange.Normal, "the certificate has expired on " + yesterday.Format("2006-01-02 15:04 UTC")},
		{"an unknown authority", issue(stranger, "stranger", tomorrow, "identity.test"), exchange.Normal, "the certificate is signed by an unknown authority"},
		{"a handshake without end", good, exchange.Silence, "it accepts the connection, but does not answer the TLS handshake within "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			at := func() netip.Addr { return lab.server(lab.peerHost(t), 0).Addr() }
			a, b, names := at(), at(), at()
			x, err := exchange.New(exchange.Config{Domain: "identity.test", Users: map[string]sip.Secret{"1001": sip.Secret(password("1001"))},
				Proxies: []exchange.ProxyConfig{{Name: "a", Addr: a, TLS: c.shown}, {Name: "b", Addr: b}},
				Net:     func(netip.Addr) exchange.Net { return transport.System{} }, DNS: netip.AddrPortFrom(names, 0), Media: names, TLS: good})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(x.Close)
			if err := x.SetMode("a", c.mode); err != nil {
				t.Fatal(err)
			}
			p := startPhone(t, phoneOptions{user: "1001", domain: "identity.test", transport: "TLS", resolver: x.DNSAddr().String()})
			second := "tls:" + x.ProxyAddr("b", "tls").String()
			p.want("the first proxy is down, for "+c.cause, func(s status) bool {
				if len(s.Lines) == 0 || len(s.Lines[0].Servers) != 2 {
					return false
				}
				l := s.Lines[0]
				cause := l.Servers[0].Cause
				return l.State == "registered" && l.Active == second && l.Servers[0].State == "down" && !l.Servers[0].Registered && l.Servers[1].Registered &&
					strings.HasPrefix(cause, c.cause)
			})
			t.Logf("the cause is %q", p.status().Lines[0].Servers[0].Cause)
			p.dial("601")
			p.want("a call goes by the second", func(s status) bool {
				return len(s.Calls) == 1 && s.Calls[0].State == "connected" && s.Calls[0].Via == second
			})
			for _, s := range x.Status().Proxies {
				if s.Name == "a" && len(s.Registrations) > 0 {
					t.Errorf("the stranger has %+v", s.Registrations)
				}
			}
		})
	}
}
