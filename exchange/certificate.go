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
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	server *tls.Config
}

// NewTestCA makes an authority and a certificate for the proxies of a domain.
func NewTestCA(domain string) (*TestCA, error) {
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "dialtone exchange"}, NotBefore: now.Add(-certificateLife), NotAfter: now.Add(certificateLife),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	c := &TestCA{}
	var err error
	if c.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, fmt.Errorf("exchange: making a key: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, c.key.Public(), c.key)
	if err != nil {
		return nil, fmt.Errorf("exchange: making an authority: %w", err)
	}
	if c.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("exchange: reading our own authority: %w", err)
	}
	c.server, err = c.Issue(template.NotAfter, domain)
	return c, err
}

// Issue makes another certificate: of a server that has these names, or one that has expired, ProxyConfig.TLS.
func (c *TestCA) Issue(notAfter time.Time, names ...string) (*tls.Config, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, NotBefore: c.cert.NotBefore, NotAfter: notAfter,
		DNSNames: names, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("exchange: making a key: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.cert, key.Public(), c.key)
	if err != nil {
		return nil, fmt.Errorf("exchange: making a certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, nil
}

// Roots are what a phone has to trust.
func (c *TestCA) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.cert)
	return pool
}

// Server is what the proxies show, Config.TLS.
func (c *TestCA) Server() *tls.Config { return c.server }
