package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// handshakeTimeout bounds a TLS handshake. The agent gives up sooner (connectTimeout): this is for a peer
// it has forgotten.
const handshakeTimeout = 10 * time.Second

// sipDomainUsage is id-kp-sipDomain, RFC 5924 section 3.
var sipDomainUsage = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 20}

// altNames is the extension subjectAltName, RFC 5280 section 4.2.1.6.
var altNames = asn1.ObjectIdentifier{2, 5, 29, 17}

// nameError says that a good certificate is somebody else's.
type nameError struct{ want, has, note string }

func (e nameError) Error() string {
	if e.has == "" {
		return fmt.Sprintf("the certificate names no SIP domain, want %s%s", e.want, e.note)
	}
	return fmt.Sprintf("the certificate is for %s, not for %s%s", e.has, e.want, e.note)
}

// validityError says that a certificate is judged at a time it was not made for.
type validityError struct {
	cert *x509.Certificate
	now  time.Time
}

func (e validityError) Error() string {
	const form = "2006-01-02 15:04 UTC"
	now := e.now.UTC().Format(form)
	if e.now.Before(e.cert.NotBefore) {
		return fmt.Sprintf("the certificate is not valid before %s, and this phone's clock says %s", e.cert.NotBefore.UTC().Format(form), now)
	}
	return fmt.Sprintf("the certificate has expired on %s, and this phone's clock says %s", e.cert.NotAfter.UTC().Format(form), now)
}

// handshakeError says that a connection broke in the middle of its TLS handshake.
type handshakeError struct{ err error }

func (e handshakeError) Error() string { return "TLS handshake: " + e.err.Error() }
func (e handshakeError) Unwrap() error { return e.err }

// secure does the client side of TLS on conn. The certificate's chain is always verified against the CAs
// of base, at the time of base.Time (a phone without a battery clock starts in 1970). With checkName it
// must also name server, the domain the phone was configured with, whatever DNS made of it and whatever
// address was dialed (RFC 5922 section 7.3). No session is resumed: each connection proves the name it was
// opened for. Without it, TLS_Name_Validate No, any name of a trusted CA will do.
func secure(ctx context.Context, conn net.Conn, base *tls.Config, server string, checkName bool) (*tls.Conn, error) {
	cfg := base.Clone()
	cfg.ServerName = server
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)
	cfg.NextProtos = nil
	// crypto/tls would check chain and name together, and knows no SIP names. VerifyConnection does both
	// apart.
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
		return nil, handshakeError{err}
	}
	return tlsConn, nil
}

// verifyChain checks the chain of certificates, and that the first is one of a server: by its extended key
// usage for TLS servers (RFC 5280 section 4.2.1.12) or for SIP domains (RFC 5924 section 4).
func verifyChain(state tls.ConnectionState, cfg *tls.Config) error {
	if len(state.PeerCertificates) == 0 {
		return x509.CertificateInvalidError{Reason: x509.NotAuthorizedToSign, Detail: "there is none"}
	}
	leaf := state.PeerCertificates[0]
	opts := x509.VerifyOptions{Roots: cfg.RootCAs, Intermediates: x509.NewCertPool(), CurrentTime: time.Now()}
	if cfg.Time != nil {
		opts.CurrentTime = cfg.Time()
	}
	for _, c := range state.PeerCertificates[1:] {
		opts.Intermediates.AddCert(c)
	}
	if slices.ContainsFunc(leaf.UnknownExtKeyUsage, sipDomainUsage.Equal) {
		opts.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
	}
	_, err := leaf.Verify(opts)
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil {
		return validityError{invalid.Cert, opts.CurrentTime}
	}
	return err
}

// verifyName checks that cert names the SIP domain, by RFC 5922 sections 7.1 and 7.2: the whole name, in any
// case; a wildcard is a name like any other and matches nothing else. A server that was configured by its
// address must have that in its certificate.
func verifyName(cert *x509.Certificate, domain string) error {
	domain = strings.TrimSuffix(domain, ".")
	names, uris := identities(cert)
	if addr, err := netip.ParseAddr(domain); err == nil {
		if slices.ContainsFunc(cert.IPAddresses, func(ip net.IP) bool { return ip.Equal(addr.AsSlice()) }) {
			return nil
		}
		e := nameError{want: domain, has: certNames(cert)}
		if slices.Contains(names, domain) {
			e.note = " (a DNS name is no address)"
		}
		return e
	}
	if domain == "" {
		return nameError{want: "a server without a name", has: certNames(cert)}
	}
	for _, name := range names {
		if strings.EqualFold(strings.TrimSuffix(name, "."), domain) {
			return nil
		}
	}
	e := nameError{want: domain, has: certNames(cert)}
	switch {
	case uris && slices.ContainsFunc(cert.DNSNames, func(name string) bool { return strings.EqualFold(name, domain) }):
		e.note = " (beside a SIP URI, DNS names do not count)"
	case !uris && cert.VerifyHostname(domain) == nil:
		e.note = " (a wildcard does not count)"
	}
	return e
}

// identities are the SIP domains a certificate is for, RFC 5922 section 7.1: the hosts of its SIP URIs; if
// there are none its DNS names; if it has no alternative names at all its common name. uris says that they
// come from URIs.
func identities(cert *x509.Certificate) (names []string, uris bool) {
	for _, u := range cert.URIs {
		if host := sipHost(u); host != "" {
			names = append(names, host)
		}
	}
	switch {
	case len(names) > 0:
		return names, true
	case len(cert.DNSNames) > 0:
		return cert.DNSNames, false
	case cert.Subject.CommonName != "" && !hasAltNames(cert):
		return []string{cert.Subject.CommonName}, false
	}
	return nil, false
}

func hasAltNames(cert *x509.Certificate) bool {
	return slices.ContainsFunc(cert.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(altNames) })
}

// sipHost is the host of a SIP URI that names a domain; empty for another scheme, or for the URI of a user.
func sipHost(u *url.URL) string {
	if !strings.EqualFold(u.Scheme, "sip") || strings.Contains(u.Opaque, "@") {
		return ""
	}
	host, _, _ := strings.Cut(u.Opaque, ";") // neither parameters nor a port are compared
	host, _, _ = strings.Cut(host, ":")
	return host
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
	if len(names) == 0 && cert.Subject.CommonName != "" && !hasAltNames(cert) {
		names = append(names, cert.Subject.CommonName)
	}
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return strings.Join(names, ", ")
}
