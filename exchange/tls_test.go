package exchange

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// certificate is one for the domain, and what trusts it.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "example.test"}, DNSNames: []string{"example.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: roots, ServerName: "example.test"}
}

func TestTLS(t *testing.T) {
	var trust *tls.Config
	withTLS := func(c *Config) { c.TLS, trust = certificate(t) }
	play := func(l *lab) {
		l.trust = trust
		if r := l.ask("udp", "_sips._tcp.example.test.", dns.TypeSRV, false); len(r.Answer) != 2 || r.Answer[0].(*dns.SRV).Port != l.ProxyAddr("a", "tls").Port() {
			t.Errorf("SRV: %v", r)
		}
		caller, called := l.phone("1001", "tls", "a"), l.phone("1002", "udp", "b")
		defer caller.close()
		defer called.close()
		caller.register(60)
		called.register(60)
		from, _ := conversation(caller, called)
		from.send(from.request("BYE", nil))
		called.send(respondTo(called.want("BYE", "BYE"), 200, ""))
		caller.want("BYE is answered", 200)
		l.SetMode("a", Stop)
		if err := <-caller.broken; err == nil {
			t.Error("the connection lives")
		}
		l.SetMode("a", Silence)
		deaf := l.phone("1001", "tls", "a") // its handshake waits
		deaf.running.Go(func() { deaf.send(deaf.request("OPTIONS", "sip:example.test")) })
		deaf.nothing("a silent proxy", 50*time.Millisecond)
		l.SetMode("a", Normal)
		deaf.want("answers later", 200)
		deaf.close()
	}
	t.Run("virtual", func(t *testing.T) { inLab(t, withTLS, play) })
	t.Run("loopback", func(t *testing.T) { onLoopback(t, withTLS, play) })
}

// An exchange ends while a handshake waits for a silent proxy.
func TestCloseWhileSilent(t *testing.T) {
	var trust *tls.Config
	inLab(t, func(c *Config) { c.TLS, trust = certificate(t) }, func(l *lab) {
		l.trust = trust
		l.SetMode("a", Silence)
		u := l.phone("1001", "tls", "a")
		time.Sleep(time.Second)
		l.Close()
		u.close()
	})
}
