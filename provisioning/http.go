package provisioning

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/icholy/digest"
)

// Implementation constants.
const (
	maxRedirects  = 5
	maxChallenges = 2        // answers to 401 per server, reference B.5
	maxHeader     = 64 << 10 // bytes of response header
	dialTimeout   = 10 * time.Second
)

// Authorities are the certificate authorities of the system and those in pem (any number of CERTIFICATE
// blocks). A system without any is no error: a handset's image may rely on pem alone.
func Authorities(pem []byte) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if len(bytes.TrimSpace(pem)) > 0 && !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in it: CERTIFICATE blocks in PEM are expected")
	}
	return pool, nil
}

// fetchHTTP gets u. It follows redirects itself, because the user name and password belong to the
// server they were written for and to no other.
func (f Fetcher) fetchHTTP(ctx context.Context, u *url.URL) ([]byte, error) {
	if u.Hostname() == "" {
		return nil, errors.New("the address names no server")
	}
	transport := &http.Transport{
		Proxy:                  nil, // the phone's settings decide where it connects to, not the environment
		DialContext:            (&net.Dialer{Timeout: dialTimeout, Resolver: f.Resolver}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: f.CAs, Time: f.Now},
		TLSHandshakeTimeout:    dialTimeout,
		DisableCompression:     true, // unpack has the limit
		MaxResponseHeaderBytes: maxHeader,
	}
	defer transport.CloseIdleConnections()

	login, home := u.User, origin(u)
	for range maxRedirects + 1 {
		if origin(u) != home {
			login = nil
		}
		res, err := f.get(ctx, transport, u, login)
		if err != nil {
			return nil, err
		}
		if location := res.Header.Get("Location"); isRedirect(res.StatusCode) && location != "" {
			res.Body.Close()
			next, err := u.Parse(location)
			if err != nil {
				return nil, errors.New("the server redirects to something that is not a URL")
			}
			if err := mayFollow(u, next); err != nil {
				return nil, err
			}
			u = next
			continue
		}
		defer res.Body.Close()
		return body(res, login != nil)
	}
	return nil, fmt.Errorf("more than %d redirects", maxRedirects)
}

// get asks for u, answering the server's challenge if there is a login.
func (f Fetcher) get(ctx context.Context, transport http.RoundTripper, u *url.URL, login *url.Userinfo) (*http.Response, error) {
	target := *u
	target.User, target.Fragment, target.RawFragment = nil, "", ""
	authorization := ""
	for tries := 0; ; tries++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
		if err != nil {
			return nil, addressError(err)
		}
		req.Header.Set("Accept", "application/xml, text/xml, */*;q=0.5")
		if f.UserAgent != "" {
			req.Header.Set("User-Agent", f.UserAgent)
		}
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		res, err := transport.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		if res.StatusCode != http.StatusUnauthorized || login == nil || tries == maxChallenges {
			return res, nil
		}
		answer := authorize(res.Header, login, req.Method, req.URL.RequestURI())
		// The same Basic answer will not please the server the second time.
		if answer == "" || answer == authorization {
			return res, nil
		}
		authorization = answer
		// A short body is read so that the connection can be used again.
		_, _ = io.CopyN(io.Discard, res.Body, 4096)
		res.Body.Close()
	}
}

// authorize answers a challenge with Digest if offered (RFC 7616), else with Basic (RFC 7617); "" if neither is.
func authorize(h http.Header, login *url.Userinfo, method, uri string) string {
	password, _ := login.Password()
	if challenge, err := digest.FindChallenge(h); err == nil {
		credentials, err := digest.Digest(challenge, digest.Options{
			Method: method, URI: uri, Username: login.Username(), Password: password, Count: 1,
		})
		if err == nil {
			return credentials.String()
		}
	}
	for _, v := range h.Values("WWW-Authenticate") {
		if scheme, _, _ := strings.Cut(strings.TrimSpace(v), " "); strings.EqualFold(scheme, "Basic") {
			req := http.Request{Header: http.Header{}}
			req.SetBasicAuth(login.Username(), password)
			return req.Header.Get("Authorization")
		}
	}
	return ""
}

// body reads a final response.
func body(res *http.Response, login bool) ([]byte, error) {
	switch code := res.StatusCode; {
	case code == http.StatusOK:
		return readLimited(res.Body)
	case code == http.StatusNotFound || code == http.StatusGone:
		return nil, fmt.Errorf("the server answered %d: %w", code, ErrNotFound)
	case code == http.StatusUnauthorized && login:
		return nil, errors.New("the server refuses this user name and password (401)")
	case code == http.StatusUnauthorized:
		return nil, errors.New("the server asks for a user name and password (401): write them as https://user:password@server/…")
	default:
		return nil, fmt.Errorf("the server answered %d %s", code, http.StatusText(code))
	}
}

func isRedirect(code int) bool {
	switch code {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// mayFollow refuses redirects that would give up what the rule asked for: encryption, or the network at all.
func mayFollow(from, to *url.URL) error {
	switch {
	case to.Scheme != "http" && to.Scheme != "https":
		return fmt.Errorf("the server redirects to a %q address, which is not followed", to.Scheme)
	case from.Scheme == "https" && to.Scheme == "http":
		return errors.New("the server redirects from https to http, which is not followed")
	case to.Hostname() == "":
		return errors.New("the server redirects to an address without a server")
	}
	return nil
}

// origin is what a login belongs to: scheme, host and port.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	return strings.ToLower(u.Scheme) + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
