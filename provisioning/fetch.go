package provisioning

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Implementation constants.
const (
	// MaxDocument is the size in bytes of the largest profile, unpacked.
	MaxDocument = 2 << 20

	defaultTimeout = 60 * time.Second // for a whole fetch with its redirects and challenges
	maxRule        = 4096             // bytes in a rule
	maxShown       = 255              // bytes of a rule in messages
)

// ErrNotFound is in the chain of errors when the server was reached and has no such file. It is apart from
// other failures because of Resync_Fails_On_FNF (reference B.5).
var ErrNotFound = errors.New("there is no such file")

var errTooLarge = fmt.Errorf("the document is larger than %d MB", MaxDocument>>20)

// Fetcher brings documents from where a profile rule says they are. The zero value works and trusts
// the certificate authorities of the system. It may be used from many goroutines at once.
type Fetcher struct {
	CAs       *x509.CertPool   // trusted for https, see Authorities; nil: those of the system
	Now       func() time.Time // judges certificates, so it must not lie before the build; nil: the wall clock
	Timeout   time.Duration    // for a whole fetch; 0: 60 s
	UserAgent string           // sent with http and https
	Resolver  *net.Resolver    // finds servers; nil: the one of the system
}

// Fetch returns the document rule names: an http, https, tftp or file URL, or a plain path. A user name and
// password in an http or https URL answer the server's Basic or Digest challenge. A document
// packed with gzip (known by its first bytes, reference B.7) is unpacked. Errors read
// "fetching https://server/path: …" and never contain the password.
func (f Fetcher) Fetch(ctx context.Context, rule string) ([]byte, error) {
	rule = strings.TrimSpace(rule)
	timeout := f.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %v", timeout))
	defer cancel()
	data, err := f.fetch(ctx, rule)
	if err == nil {
		data, err = unpack(data)
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause // says more than "context deadline exceeded" or "use of closed connection"
		}
		return nil, fmt.Errorf("fetching %s: %w", Redact(rule), err)
	}
	return data, nil
}

func (f Fetcher) fetch(ctx context.Context, rule string) ([]byte, error) {
	switch {
	case rule == "":
		return nil, errors.New("the rule is empty")
	case len(rule) > maxRule:
		return nil, fmt.Errorf("the rule is longer than %d bytes", maxRule)
	}
	scheme, _, ok := strings.Cut(rule, "://")
	if !ok {
		return readFile(ctx, rule)
	}
	u, err := url.Parse(rule)
	if err != nil {
		return nil, addressError(err)
	}
	switch strings.ToLower(scheme) {
	case "http", "https":
		return f.fetchHTTP(ctx, u)
	case "tftp":
		return f.fetchTFTP(ctx, u)
	case "file":
		if u.Host != "" && u.Host != "localhost" {
			return nil, errors.New("a file URL names no server: write file:///path")
		}
		return readFile(ctx, u.Path)
	}
	return nil, fmt.Errorf("unknown scheme %q: http, https, tftp and file are known", scheme)
}

// addressError says why a URL cannot be read without repeating it: it may contain a password.
func addressError(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if strings.Contains(err.Error(), "userinfo") || strings.Contains(err.Error(), "port") {
		return errors.New("the address is not a URL: write special characters in the user name and password as %xx")
	}
	if _, ok := errors.AsType[url.EscapeError](err); ok {
		return errors.New("the address is not a URL: a % must be followed by two hexadecimal digits")
	}
	return errors.New("the address is not a URL")
}

// options are what a rule may say before its URL (reference B.3.1), keys and passwords among it.
var options = regexp.MustCompile(`\[\s*--[^\]]*(\]|$)`)

// Redact is rule as it may be shown and logged: without user name, password and options, on one
// line and not too long. Of a URL that cannot be read only the scheme remains.
func Redact(rule string) string {
	rule = options.ReplaceAllString(strings.TrimSpace(rule), "[…]")
	if before, rest, ok := strings.Cut(rule, "://"); ok {
		scheme := before[strings.LastIndexAny(before, " ]|?)!")+1:]
		u, err := url.Parse(scheme + "://" + rest)
		if err != nil {
			return before + "://…"
		}
		u.User = nil
		rule = strings.TrimSuffix(before, scheme) + u.String()
	}
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, rule)
	if len(clean) > maxShown {
		clean = strings.ToValidUTF8(clean[:maxShown], "") + "…"
	}
	return clean
}

// unpack undoes gzip, with the limit on what comes out.
func unpack(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	out, err := readLimited(z)
	if err != nil && !errors.Is(err, errTooLarge) {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	return out, err
}

// readLimited reads all of r, at most MaxDocument bytes.
func readLimited(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxDocument {
		return nil, errTooLarge
	}
	return data, nil
}
