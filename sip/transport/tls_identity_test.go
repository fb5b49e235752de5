package transport

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"dialtone/sip"
)

// sipURIs are alternative names of the type URI.
func sipURIs(opaque ...string) []*url.URL {
	var uris []*url.URL
	for _, o := range opaque {
		scheme, rest, _ := strings.Cut(o, ":")
		uris = append(uris, &url.URL{Scheme: scheme, Opaque: rest})
	}
	return uris
}

// at is a time of 2026, to the minute.
func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return t
}

// TestIdentity is the matrix of what a server may show to a phone whose line is at the domain example.test
// and which was led by SRV to sip1.example.test: RFC 5922 section 7. The causes are what the log, the status
// and the page show.
func TestIdentity(t *testing.T) {
	const domain = "example.test"
	ca, stranger := newAuthority(t), newAuthority(t)
	now := at("2026-06-15 12:00")
	year := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		Subject: pkix.Name{CommonName: "authority"}, NotBefore: at("2026-01-01 00:00"), NotAfter: at("2026-12-31 00:00")}
	ca.cert = nil
	ca.cert, ca.key = ca.sign(year)
	self := &authority{T: t} // signs itself
	valid := func(c x509.Certificate) *x509.Certificate {
		if c.NotAfter.IsZero() {
			c.NotBefore, c.NotAfter = at("2026-06-01 00:00"), at("2026-07-01 00:00")
		}
		return &c
	}
	names := func(names ...string) x509.Certificate { return x509.Certificate{DNSNames: names} }
	sipUsage := []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 20}}

	for _, c := range []struct {
		sentence string
		by       *authority
		cert     x509.Certificate
		name     string // what is asked for; empty: example.test
		want     string // cause; empty: it opens
	}{
		// Names, section 7.1.
		{"the domain", ca, names(domain), "", ""},
		{"the domain among others", ca, names("sip1.example.test", domain), "", ""},
		{"the domain in other letters", ca, names("EXAMPLE.Test"), "", ""},
		{"wrong name", ca, names("other.test"), "", "the certificate is for other.test, not for example.test"},
		{"the SRV target's name only", ca, names("sip1.example.test"), "", "the certificate is for sip1.example.test, not for example.test"},
		{"a name that ends so", ca, names("myexample.test"), "", "the certificate is for myexample.test, not for example.test"},
		{"the domain above it", ca, names("test"), "", "the certificate is for test, not for example.test"},
		{"a SIP URI", ca, x509.Certificate{URIs: sipURIs("sip:example.test")}, "", ""},
		{"a SIP URI in other letters", ca, x509.Certificate{URIs: sipURIs("SIP:Example.TEST")}, "", ""},
		{"a SIP URI with port and parameters, which do not count", ca, x509.Certificate{URIs: sipURIs("sip:example.test:5061;transport=tls")}, "", ""},
		{"the second SIP URI", ca, x509.Certificate{URIs: sipURIs("sip:other.test", "sip:example.test")}, "", ""},
		{"a SIP URI of another domain hides the DNS name", ca, x509.Certificate{URIs: sipURIs("sip:other.test"), DNSNames: []string{domain}}, "",
			"the certificate is for example.test, sip:other.test, not for example.test (beside a SIP URI, DNS names do not count)"},
		{"a URI of a user is no domain and hides nothing", ca, x509.Certificate{URIs: sipURIs("sip:ann@other.test"), DNSNames: []string{domain}}, "", ""},
		{"a URI of a user of the domain", ca, x509.Certificate{URIs: sipURIs("sip:ann@example.test")}, "", "the certificate is for sip:ann@example.test, not for example.test"},
		{"a URI of another scheme hides nothing", ca, x509.Certificate{URIs: sipURIs("im:other.test"), DNSNames: []string{domain}}, "", ""},
		{"sips is no scheme of an identity", ca, x509.Certificate{URIs: sipURIs("sips:example.test")}, "", "the certificate is for sips:example.test, not for example.test"},
		{"a common name, for want of others", ca, x509.Certificate{Subject: pkix.Name{CommonName: domain}}, "", ""},
		{"a common name beside a DNS name", ca, x509.Certificate{Subject: pkix.Name{CommonName: domain}, DNSNames: []string{"other.test"}}, "",
			"the certificate is for other.test, not for example.test"},
		{"a common name beside a mail address", ca, x509.Certificate{Subject: pkix.Name{CommonName: domain}, EmailAddresses: []string{"a@example.test"}}, "",
			"the certificate names no SIP domain, want example.test"},
		{"no name", ca, x509.Certificate{}, "", "the certificate names no SIP domain, want example.test"},

		// Comparing, section 7.2.
		{"a wildcard", ca, names("*.example.test"), "pbx.example.test", "the certificate is for *.example.test, not for pbx.example.test (a wildcard does not count)"},
		{"a wildcard as common name", ca, x509.Certificate{Subject: pkix.Name{CommonName: "*.example.test"}}, "pbx.example.test",
			"the certificate is for *.example.test, not for pbx.example.test"},
		{"a leading dot", ca, x509.Certificate{URIs: sipURIs("sip:.example.test")}, "pbx.example.test", "the certificate is for sip:.example.test, not for pbx.example.test"},

		// Servers configured by address: no RFC of SIP names a rule; the address itself has to be there.
		{"the address", ca, x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, "127.0.0.1", ""},
		{"the address of IPv6", ca, x509.Certificate{IPAddresses: []net.IP{net.ParseIP("2001:db8::1")}}, "2001:db8:0::1", ""},
		{"another address", ca, x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 2)}}, "127.0.0.1", "the certificate is for 127.0.0.2, not for 127.0.0.1"},
		{"an address is no DNS name", ca, names("127.0.0.1"), "127.0.0.1", "the certificate is for 127.0.0.1, not for 127.0.0.1 (a DNS name is no address)"},
		{"a domain at the right address", ca, x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, "", "the certificate is for 127.0.0.1, not for example.test"},

		// Validity, RFC 5280, and the use, RFC 5924.
		{"expired", ca, x509.Certificate{DNSNames: []string{domain}, NotBefore: at("2026-05-01 00:00"), NotAfter: at("2026-06-14 23:59")}, "",
			"the certificate has expired on 2026-06-14 23:59 UTC, and this phone's clock says 2026-06-15 12:00 UTC"},
		{"not yet valid", ca, x509.Certificate{DNSNames: []string{domain}, NotBefore: at("2026-06-16 00:00"), NotAfter: at("2026-07-14 00:00")}, "",
			"the certificate is not valid before 2026-06-16 00:00 UTC, and this phone's clock says 2026-06-15 12:00 UTC"},
		{"self-signed", self, names(domain), "", "the certificate is self-signed and not trusted"},
		{"an unknown authority", stranger, names(domain), "", "the certificate is signed by an unknown authority"},
		{"for TLS servers", ca, x509.Certificate{DNSNames: []string{domain}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, "", ""},
		{"for SIP domains", ca, x509.Certificate{DNSNames: []string{domain}, UnknownExtKeyUsage: sipUsage}, "", ""},
		{"for clients and SIP domains", ca, x509.Certificate{DNSNames: []string{domain}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, UnknownExtKeyUsage: sipUsage}, "", ""},
		{"for clients only", ca, x509.Certificate{DNSNames: []string{domain}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, "",
			"the certificate is not valid: certificate specifies an incompatible key usage"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			base := ca.base()
			base.Time = func() time.Time { return now }
			h, p := newHarness(t, Config{TLS: base}), newPeer(t, c.by.server(valid(c.cert)))
			go func() {
				if conn, err := p.Accept(); err == nil {
					io.Copy(io.Discard, conn)
					conn.Close()
				}
			}()
			name := c.name
			if name == "" {
				name = domain
			}
			h.Do(sip.Open{ID: 1, Transport: sip.TLS, Remote: p.addr(), ServerName: name, Verify: true})
			next[sip.Connected](h, "it accepts")
			if c.want == "" {
				next[sip.Opened](h, c.sentence)
				h.Do(sip.Close{ID: 1})
				return
			}
			if got := next[sip.Closed](h, c.sentence); got.ID != 1 || got.Cause != c.want {
				t.Errorf("got %q, want %q", got.Cause, c.want)
			}
		})
	}
}

// A connection proves the name it was opened for, whatever another one to the same address has proved.
func TestIdentityAtOneAddress(t *testing.T) {
	ca := newAuthority(t)
	h, p := newHarness(t, Config{TLS: ca.base()}), newPeer(t, ca.server(dnsNames("a.test")))
	go func() {
		for {
			conn, err := p.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(io.Discard, conn); conn.Close() }()
		}
	}()
	h.Do(sip.Open{ID: 1, Transport: sip.TLS, Remote: p.addr(), ServerName: "a.test", Verify: true})
	next[sip.Opened](h, "a.test is at home there")
	h.Do(sip.Open{ID: 3, Transport: sip.TLS, Remote: p.addr(), ServerName: "b.test", Verify: true})
	h.wantClosed("b.test is not", 3, "the certificate is for a.test, not for b.test")
	h.Do(sip.Close{ID: 1})
}

func TestHandshakeCut(t *testing.T) {
	ca := newAuthority(t)
	hello := func(p *peer) *net.TCPConn {
		c := p.accept()
		if _, err := io.ReadFull(c, make([]byte, 5)); err != nil { // of the ClientHello
			t.Fatal(err)
		}
		return c.(*net.TCPConn)
	}
	for _, c := range []struct {
		sentence string
		cut      func(c *net.TCPConn)
		want     string
	}{
		{"the peer closes", func(c *net.TCPConn) { c.CloseWrite(); io.Copy(io.Discard, c) }, "closed by the peer during the TLS handshake"},
		{"the peer resets", func(c *net.TCPConn) { c.SetLinger(0); c.Close() }, "connection reset by the peer during the TLS handshake"},
		{"the peer closes in the middle of a record", func(c *net.TCPConn) {
			c.Write([]byte{22, 3, 3, 1, 0, 2})
			c.CloseWrite()
			io.Copy(io.Discard, c)
		}, "closed by the peer during the TLS handshake"},
		{"the peer answers with an alert", func(c *net.TCPConn) {
			c.Write([]byte{21, 3, 3, 0, 2, 2, 40})
			io.Copy(io.Discard, c)
		}, "the peer refused TLS: handshake failure"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			h, p := newHarness(t, Config{TLS: ca.base()}), newPeer(t, nil)
			h.Do(sip.Open{ID: 1, Transport: sip.TLS, Remote: p.addr(), ServerName: "example.test", Verify: true})
			conn := hello(p)
			go c.cut(conn)
			h.wantClosed(c.sentence, 1, c.want)
		})
	}
}
