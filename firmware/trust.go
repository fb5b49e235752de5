package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"dialtone/provisioning"
)

// Implementation constants.
const caFile = "ca.pem" // the custom CA's last good copy, in the state directory

// trustedRoots returns the CAs the phone believes: the system's, and those of Custom_CA_Rule. When the
// rule cannot be fetched, its last good copy serves.
func trustedRoots(ctx context.Context, fetch provisioning.Fetcher, rule, stateDir string) (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if rule == "" {
		return roots, nil
	}
	kept := filepath.Join(stateDir, caFile)
	pem, err := fetch.Fetch(ctx, rule)
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(pem) {
		err = fmt.Errorf("%s holds no certificate in PEM form", provisioning.Redact(rule))
	}
	if err != nil {
		old, e := os.ReadFile(kept)
		if e != nil || !roots.AppendCertsFromPEM(old) {
			return roots, fmt.Errorf("Custom_CA_Rule: %w", err)
		}
		return roots, fmt.Errorf("Custom_CA_Rule: %w; the last good copy is used", err)
	}
	roots.AppendCertsFromPEM(pem)
	if err := renameio.WriteFile(kept, pem, 0o600); err != nil {
		return roots, fmt.Errorf("keeping a copy of the custom CA: %w", err)
	}
	return roots, nil
}

// clientTLS is the base of every TLS connection. A wall clock that stands before the build is wrong (no
// RTC, no NTP yet): certificates are then judged by the build's time.
func clientTLS(roots *x509.CertPool) *tls.Config {
	built := buildTime()
	return &tls.Config{
		RootCAs: roots, MinVersion: tls.VersionTLS12,
		Time: func() time.Time {
			if now := time.Now(); now.After(built) {
				return now
			}
			return built
		},
	}
}
