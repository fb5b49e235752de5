package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"time"
)

// handshakeTimeout bounds a TLS handshake.
const handshakeTimeout = 10 * time.Second

// nameError says that a good certificate is somebody else's.
type nameError struct{ want, has string }

func (e nameError) Error() string {
	if e.has == "" {
		return fmt.Sprintf("the certificate names no host, want %s", e.want)
	}
	return fmt.Sprintf("the certificate is for %s, not for %s", e.has, e.want)
}

// secure does the client side of TLS on conn. The certificate's chain is always verified against the CAs
// of base, at the time of base.Time (a phone without a battery clock starts in 1970). With checkName it
// must also name server, the domain the phone was configured with, whatever address was dialed
// (RFC 5922 section 4). Without it, TLS_Name_Validate No, any name of a trusted CA will do.
func secure(ctx context.Context, conn net.Conn, base *tls.Config, server string, checkName bool) (*tls.Conn, error) {
	cfg := base.Clone()
	cfg.ServerName = server
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)
	cfg.NextProtos = nil
	// crypto/tls would check chain and name together, and knows no SIP names. VerifyConnection does both
	// apart, on resumed sessions too.
	cfg.InsecureSkipVerify = true
	cfg.VerifyConnection = func(state tls.ConnectionState) error {
		if err := verifyChain(state, cfg); err != nil {
			return err
		}
		if !checkName {
			return nil
		}
		return verifyName(state.PeerCertificates[0], server)
	}
	tlsConn := tls.Client(conn, cfg)
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := tlsConn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return tlsConn, nil
}

func verifyChain(state tls.ConnectionState, cfg *tls.Config) error {
	if len(state.PeerCertificates) == 0 {
		return x509.CertificateInvalidError{Reason: x509.NotAuthorizedToSign, Detail: "there is none"}
	}
	opts := x509.VerifyOptions{Roots: cfg.RootCAs, Intermediates: x509.NewCertPool()}
	if cfg.Time != nil {
		opts.CurrentTime = cfg.Time()
	}
	for _, c := range state.PeerCertificates[1:] {
		opts.Intermediates.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(opts)
	return err
}

// verifyName checks that cert names the SIP domain: RFC 5922 section 7.1. A URI "sip:domain" or a DNS name
// will do, an IP address for a server configured by address, and the common name of a certificate that
// has no alternative names. Wildcards are accepted, though section 7.2 would not: operators use them.
func verifyName(cert *x509.Certificate, domain string) error {
	if domain == "" {
		return nameError{has: certNames(cert), want: "a server without a name"}
	}
	domain = strings.TrimSuffix(domain, ".")
	for _, u := range cert.URIs {
		if (u.Scheme == "sip" || u.Scheme == "sips") && strings.EqualFold(u.Opaque, domain) {
			return nil
		}
	}
	if cert.VerifyHostname(domain) == nil {
		return nil
	}
	none := len(cert.DNSNames)+len(cert.IPAddresses)+len(cert.URIs) == 0
	if none && strings.EqualFold(cert.Subject.CommonName, domain) {
		return nil
	}
	return nameError{has: certNames(cert), want: domain}
}

// certNames lists the names of a certificate, for the person who has to find out.
func certNames(cert *x509.Certificate) string {
	const most = 3
	var names []string
	names = append(names, cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	for _, u := range cert.URIs {
		names = append(names, u.String())
	}
	if len(names) == 0 && cert.Subject.CommonName != "" {
		names = append(names, cert.Subject.CommonName)
	}
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return strings.Join(names, ", ")
}
