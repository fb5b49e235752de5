package provisioning

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/icholy/digest"
)

const secret = "s3cr3t-w0rd" // the password in these tests, which no message may contain

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// serveTLS starts a server whose handshake complaints are not printed.
func serveTLS(t *testing.T, h http.HandlerFunc, change func(*tls.Config)) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{}
	if change != nil {
		change(s.TLS)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	pool, err := Authorities(block)
	if err != nil {
		t.Fatal(err)
	}
	return s, pool
}

func giveProfile(w http.ResponseWriter, r *http.Request) { io.WriteString(w, profile) }

func TestFetchHTTP(t *testing.T) {
	var asked atomic.Pointer[http.Request]
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r)
		switch r.URL.Path {
		case "/phone.xml":
			giveProfile(w, r)
		case "/packed":
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(packed(t, []byte(profile)))
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(packed(t, make([]byte, 4<<20)))
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		case "/header":
			for i := range 2000 {
				w.Header().Add("X-Long", fmt.Sprintf("%0100d", i))
			}
		case "/short":
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, profile)
		case "/broken":
			http.Error(w, "no", http.StatusInternalServerError)
		default:
			http.NotFound(w, r)
		}
	})
	f := Fetcher{UserAgent: "dialtone/1 (001122334455)"}
	wantFetched(t, "a profile comes by http", f, base+"/phone.xml?mac=1#part")
	if r := asked.Load(); r.UserAgent() != f.UserAgent || r.URL.RawQuery != "mac=1" || r.Header.Get("Accept-Encoding") != "" {
		t.Errorf("the request is %v %v", r.URL, r.Header)
	}
	wantFetched(t, "a packed answer is unpacked", f, base+"/packed")
	wantFailure(t, "a packed bomb does not go off", f, base+"/bomb", "larger than 2 MB")
	wantFailure(t, "an endless answer ends", f, base+"/endless", "larger than 2 MB")
	wantFailure(t, "an endless header ends", f, base+"/header", "header")
	wantFailure(t, "half an answer is none", f, base+"/short", "unexpected EOF")
	wantFailure(t, "a broken server is named as such", f, base+"/broken", "the server answered 500 Internal Server Error")
	err := wantFailure(t, "a missing document is missing", f, base+"/none.xml", "fetching "+base+"/none.xml: the server answered 404: there is no such file")
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("a 404 is not ErrNotFound: %v", err)
	}
	wantFailure(t, "nobody there", f, "http://user:"+secret+"@127.0.0.1:1/x", "fetching http://127.0.0.1:1/x: dial tcp 127.0.0.1:1: connect: connection refused")
	wantFailure(t, "a URL without a server", f, "http:///x", "names no server")
	wantFailure(t, "a URL that is none", f, "http://user:"+secret+"/x@server/", "special characters")
	wantFailure(t, "a URL with a bad escape", f, "http://server/%zz"+secret, "hexadecimal")
}

func TestFetchRedirects(t *testing.T) {
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("the other server got %q", r.Header.Get("Authorization"))
		}
		if r.URL.Path == "/asks" {
			w.Header().Set("WWW-Authenticate", `Basic realm="other"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		giveProfile(w, r)
	})
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var n int
		switch path := r.URL.Path; {
		case path == "/0":
			giveProfile(w, r)
		case path == "/file":
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		case path == "/away":
			http.Redirect(w, r, other+"/phone.xml", http.StatusMovedPermanently)
		case path == "/asks":
			http.Redirect(w, r, other+"/asks", http.StatusSeeOther)
		case path == "/junk":
			w.Header().Set("Location", "http://user:"+secret+"/%zz")
			w.WriteHeader(http.StatusFound)
		case path == "/300":
			w.WriteHeader(http.StatusMultipleChoices)
		default:
			fmt.Sscanf(path, "/%d", &n)
			http.Redirect(w, r, fmt.Sprintf("/%d", n-1), http.StatusTemporaryRedirect)
		}
	})
	login := strings.Replace(base, "//", "//user:"+secret+"@", 1)
	wantFetched(t, "five redirects are followed", Fetcher{}, base+"/5")
	wantFailure(t, "six are not", Fetcher{}, base+"/6", "more than 5 redirects")
	wantFailure(t, "a server cannot send us to our own files", Fetcher{}, base+"/file", `"file"`)
	wantFetched(t, "another server may have it, and gets no password", Fetcher{}, login+"/away")
	wantFailure(t, "another server that asks gets no password", Fetcher{}, login+"/asks", "asks for a user name")
	wantFailure(t, "a redirect to nowhere", Fetcher{}, base+"/junk", "not a URL")
	wantFailure(t, "a redirect without a place", Fetcher{}, base+"/300", "the server answered 300")
}

func TestFetchLogin(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); ok && user == "us er" && password == secret+":/@" {
			giveProfile(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="phones"`)
		w.WriteHeader(http.StatusUnauthorized)
	})
	login := strings.Replace(base, "//", "//us%20er:"+secret+"%3A%2F%40@", 1)
	wantFetched(t, "Basic is answered", Fetcher{}, login+"/phone.xml")
	wantFailure(t, "a wrong password is refused, not repeated", Fetcher{}, strings.Replace(base, "//", "//u:"+secret+"@", 1)+"/phone.xml", "refuses this user name and password")
	wantFailure(t, "who has no password is told how to write one", Fetcher{}, base+"/phone.xml", "asks for a user name and password")
}

func TestFetchDigest(t *testing.T) {
	for _, algorithm := range []string{"", "MD5", "SHA-256", "SHA-512-256"} {
		t.Run(algorithm, func(t *testing.T) {
			var asked atomic.Int32
			base := serve(t, func(w http.ResponseWriter, r *http.Request) {
				challenge := digest.Challenge{Realm: "phones", Nonce: "first", Algorithm: algorithm, QOP: []string{"auth"}}
				// The first nonce is refused as stale once, as a server that lost its memory does.
				if asked.Add(1) > 1 {
					challenge.Nonce, challenge.Stale = "second", true
				}
				if c, err := digest.ParseCredentials(r.Header.Get("Authorization")); err == nil && c.Nonce == "second" {
					want, err := digest.Digest(&challenge, digest.Options{Method: r.Method, URI: r.RequestURI, Count: 1, Username: "user", Password: secret, Cnonce: c.Cnonce})
					if err == nil && want.Response == c.Response && c.URI == r.RequestURI {
						giveProfile(w, r)
						return
					}
				}
				w.Header().Add("WWW-Authenticate", `Basic realm="phones"`)
				w.Header().Add("WWW-Authenticate", challenge.String())
				w.WriteHeader(http.StatusUnauthorized)
			})
			wantFetched(t, "Digest is answered, a stale nonce again", Fetcher{}, strings.Replace(base, "//", "//user:"+secret+"@", 1)+"/phone.xml?a=b")
			asked.Store(0)
			wantFailure(t, "a wrong password gives up", Fetcher{}, strings.Replace(base, "//", "//user:wrong@", 1)+"/phone.xml", "refuses this user name and password")
			if n := asked.Load(); n != maxChallenges+1 {
				t.Errorf("a wrong password asked %d times, want %d", n, maxChallenges+1)
			}
		})
	}
}

func TestFetchTLS(t *testing.T) {
	server, pool := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		giveProfile(w, r)
	}, nil)
	plain := serve(t, giveProfile)
	f := Fetcher{CAs: pool}
	wantFetched(t, "a certificate of our own authority is trusted", f, server.URL+"/phone.xml")
	wantFailure(t, "a certificate of nobody is not", Fetcher{}, server.URL+"/phone.xml", "unknown authority")
	wantFailure(t, "encryption is not given up by a redirect", f, server.URL+"/?to="+url.QueryEscape(plain+"/phone.xml"), "from https to http")
	wantFetched(t, "http to https is followed", f, serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, server.URL+"/phone.xml", http.StatusFound)
	})+"/phone.xml")

	f.Now = func() time.Time { return server.Certificate().NotAfter.Add(time.Hour) }
	wantFailure(t, "the clock it is given judges the certificate", f, server.URL+"/phone.xml", "expired")
	f.Now = func() time.Time { return server.Certificate().NotBefore.Add(time.Hour) }
	wantFetched(t, "a clock with a floor is enough", f, server.URL+"/phone.xml")

	elsewhere, err := net.Listen("tcp", "127.0.0.2:0") // the certificate is for 127.0.0.1
	if err != nil {
		t.Fatal(err)
	}
	other, _ := serveTLS(t, giveProfile, nil)
	go func() { _ = other.Config.Serve(tls.NewListener(elsewhere, other.TLS)) }()
	wantFailure(t, "a certificate for another name is refused", f, "https://"+elsewhere.Addr().String()+"/phone.xml", "127.0.0.2")

	old, pool := serveTLS(t, giveProfile, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
	wantFailure(t, "TLS 1.1 is not spoken", Fetcher{CAs: pool}, old.URL+"/phone.xml", "protocol version")
}

func TestAuthorities(t *testing.T) {
	if _, err := Authorities([]byte("not a certificate")); err == nil || !strings.Contains(err.Error(), "CERTIFICATE") {
		t.Errorf("something else than a certificate: %v", err)
	}
	if pool, err := Authorities(bytes.Repeat([]byte("\n"), 3)); err != nil || pool == nil {
		t.Errorf("no certificate of our own: %v", err)
	}
}
