package exchange

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"
)

// Implementation constants.
const certificateLife = 365 * 24 * time.Hour

// A TestCA is a certificate authority that exists in memory only, and the certificate it gave the proxies
// of one domain: for trying out and testing TLS. RFC 5922: the name in it is the domain's.
type TestCA struct {
	roots  *x509.CertPool
	server tls.Certificate
}

// NewTestCA makes an authority and a certificate for a domain and its hosts.
func NewTestCA(domain string) (*TestCA, error) {
	now := time.Now()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "dialtone exchange"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	proxy := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: domain}, NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		DNSNames: []string{domain, "*." + domain}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("exchange: making a key: %w", err)
	}
	caDER, err := x509.CreateCertificate(rand.Reader, authority, authority, caKey.Public(), caKey)
	if err != nil {
		return nil, fmt.Errorf("exchange: making an authority: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("exchange: making a key: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, proxy, authority, key.Public(), caKey)
	if err != nil {
		return nil, fmt.Errorf("exchange: making a certificate: %w", err)
	}
	root, err := x509.ParseCertificate(caDER)
	if err != nil {
		return nil, fmt.Errorf("exchange: reading our own authority: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return &TestCA{pool, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}, nil
}

// Roots are what a phone has to trust.
func (c *TestCA) Roots() *x509.CertPool { return c.roots }

// Server is what the proxies show, Config.TLS.
func (c *TestCA) Server() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{c.server}, MinVersion: tls.VersionTLS12}
}
