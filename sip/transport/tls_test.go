package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/url"
	"testing"
	"time"

	"dialtone/sip"
)

// authority is a certificate authority of a test.
type authority struct {
	*testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{T: t}
	a.cert, a.key = a.sign(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-1000 * time.Hour), NotAfter: time.Now().Add(1000 * time.Hour)})
	return a
}

func (a *authority) sign(tmpl *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.Fatal(err)
	}
	tmpl.SerialNumber = big.NewInt(1)
	if tmpl.NotAfter.IsZero() {
		tmpl.NotBefore, tmpl.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = tmpl, key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), by)
	if err != nil {
		a.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.Fatal(err)
	}
	return cert, key
}

func (a *authority) server(tmpl *x509.Certificate) *tls.Config {
	a.Helper()
	cert, key := a.sign(tmpl)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
}

func (a *authority) base() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{RootCAs: pool}
}

func dnsNames(names ...string) *x509.Certificate { return &x509.Certificate{DNSNames: names} }

func TestTLS(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	past := dnsNames("example.test")
	past.NotBefore, past.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	yesterday := ca.base()
	yesterday.Time = func() time.Time { return time.Now().Add(-36 * time.Hour) }
	old := ca.server(dnsNames("example.test"))
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	demanding := ca.server(dnsNames("example.test"))
	demanding.ClientAuth = tls.RequireAnyClientCert
	demanding.MaxVersion = tls.VersionTLS12
	clientOnly := dnsNames("example.test")
	clientOnly.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}

	for _, c := range []struct {
		sentence string
		base     *tls.Config
		server   *tls.Config
		name     string
		verify   bool
		want     string // cause; empty: opens
	}{
		{"the configured domain, though an address was dialed", ca.base(), ca.server(dnsNames("example.test")), "example.test", true, ""},
		{"the domain's case does not matter", ca.base(), ca.server(dnsNames("Example.TEST")), "exAmple.test.", true, ""},
		{"somebody else's certificate", ca.base(), ca.server(dnsNames("a.test", "b.test", "c.test", "d.test")), "example.test", true,
			"the certificate is for a.test, b.test, c.test, …, not for example.test"},
		{"the SRV target's certificate is not the domain's", ca.base(), ca.server(dnsNames("sip1.example.test")), "example.test", true,
			"the certificate is for sip1.example.test, not for example.test"},
		{"names do not count where they are not checked", ca.base(), ca.server(dnsNames("other.test")), "example.test", false, ""},
		{"but the authority does", ca.base(), stranger.server(dnsNames("other.test")), "example.test", false, "the certificate is signed by an unknown authority"},
		{"an unknown authority", ca.base(), stranger.server(dnsNames("example.test")), "example.test", true, "the certificate is signed by an unknown authority"},
		{"expired", ca.base(), ca.server(past), "example.test", true, "the certificate has expired on "},
		{"expired, names unchecked", ca.base(), ca.server(past), "example.test", false, "the certificate has expired on "},
		{"valid at the time of the clock's floor", yesterday, ca.server(past), "example.test", true, ""},
		{"not yet valid", yesterday, ca.server(dnsNames("example.test")), "example.test", true, "the certificate is not valid before "},
		{"a client's certificate", ca.base(), ca.server(clientOnly), "example.test", true, "the certificate is not valid"},
		{"the common name of a certificate without names", ca.base(), ca.server(&x509.Certificate{Subject: pkix.Name{CommonName: "example.test"}}), "example.test", true, ""},
		{"the common name beside other names does not count", ca.base(),
			ca.server(&x509.Certificate{Subject: pkix.Name{CommonName: "example.test"}, DNSNames: []string{"other.test"}}), "example.test", true, "not for example.test"},
		{"a SIP URI", ca.base(), ca.server(&x509.Certificate{URIs: []*url.URL{{Scheme: "sip", Opaque: "example.test"}}}), "example.test", true, ""},
		{"a user's SIP URI is no domain", ca.base(), ca.server(&x509.Certificate{URIs: []*url.URL{{Scheme: "sip", Opaque: "a@example.test"}}}), "example.test", true,
			"the certificate is for sip:a@example.test, not for example.test"},
		{"a server configured by address", ca.base(), ca.server(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}), "127.0.0.1", true, ""},
		{"another address", ca.base(), ca.server(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 2)}}), "127.0.0.1", true, "the certificate is for 127.0.0.2"},
		{"a wildcard", ca.base(), ca.server(dnsNames("*.example.test")), "pbx.example.test", true,
			"the certificate is for *.example.test, not for pbx.example.test (a wildcard does not count)"},
		{"no name at all", ca.base(), ca.server(&x509.Certificate{}), "example.test", true, "the certificate names no SIP domain, want example.test"},
		{"no name to check against", ca.base(), ca.server(dnsNames("example.test")), "", true, "not for a server without a name"},
		{"no TLS below 1.2", ca.base(), old, "example.test", true, "protocol version"},
		{"a server that wants a certificate of ours", ca.base(), demanding, "example.test", true, "the peer refused TLS"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			h, p := newHarness(t, Config{TLS: c.base}), newPeer(t, c.server)
			go func() {
				if conn, err := p.Accept(); err == nil {
					io.Copy(conn, conn)
					conn.Close()
				}
			}()
			h.Do(sip.Open{ID: 1, Transport: sip.TLS, Remote: p.addr(), ServerName: c.name, Verify: c.verify})
			h.Do(sip.Send{Flow: sip.Flow{Transport: sip.TLS, ID: 1}, Data: []byte(message(1))})
			if c.want != "" {
				h.wantClosed(c.sentence, 1, c.want)
				return
			}
			next[sip.Opened](h, c.sentence)
			if r := next[sip.Received](h, "and back"); string(r.Data) != message(1) || r.Flow.Transport != sip.TLS {
				t.Errorf("%+v", r)
			}
			h.Do(sip.Close{ID: 1})
		})
	}
}

func TestTLSToOthers(t *testing.T) {
	ca := newAuthority(t)
	h, p := newHarness(t, Config{TLS: ca.base()}), newPeer(t, nil)
	h.Do(sip.Open{ID: 1, Transport: sip.TLS, Remote: p.addr(), ServerName: "example.test", Verify: true})
	c := p.accept()
	io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
	h.wantClosed("a peer that speaks something else", 1, "the peer does not speak TLS")

	h.Do(sip.Open{ID: 5, Transport: sip.TLS, Remote: freePort(t), ServerName: "example.test", Verify: true})
	h.wantClosed("nobody listens", 5, "connection refused")

	// A certificate authority installed later counts for the connections opened from then on.
	h = newHarness(t, Config{TLS: newAuthority(t).base()})
	p = newPeer(t, ca.server(dnsNames("example.test")))
	go func() {
		for {
			conn, err := p.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(conn, conn); conn.Close() }()
		}
	}()
	h.Do(sip.Open{ID: 7, Transport: sip.TLS, Remote: p.addr(), ServerName: "example.test", Verify: true})
	h.wantClosed("not yet known", 7, "unknown authority")
	h.SetTLS(ca.base())
	h.Do(sip.Open{ID: 9, Transport: sip.TLS, Remote: p.addr(), ServerName: "example.test", Verify: true})
	next[sip.Opened](h, "known now")
}
