package sip

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Implementation constants.
const (
	authMaxHeaders = 8 // challenges read of one response
	authMaxRealms  = 4 // challenges remembered of one kind of server
	authMaxStales  = 3 // nonces a server may call stale one after another
)

// authSession is what a line has learned of the digest challenges of its servers (RFC 7616, RFC 8760; RFC 2617 where
// qop is absent): the newest challenge of each realm, by proxies (407) and by user agent servers (401) side by side,
// and how often its nonce was used. Its zero value is ready to use.
type authSession struct {
	known []authKnown
	home  func(realm string) bool // realms that may have credentials; nil: any
}

// authKnown is the newest challenge of one realm.
type authKnown struct {
	digestChallenge
	proxy    bool // Proxy-Authenticate
	count    uint32
	accepted bool // a request with this nonce was let through
	stales   int  // times in a row that a nonce of this realm was called stale at its first use
}

// learn reads the challenges of a 401 or 407 and tells whether the request should be sent again with authorize; if not,
// why says so in one phrase. Of several challenges for one realm the strongest is taken: SHA-512-256, SHA-256, MD5.
// It is not worth sending again what was just refused: the first use of a nonce answered by another challenge that
// does not call the nonce stale. followed says that the request was sent again for a challenge before; if not, what
// it carried may be another server's nonce, or it may have been on its way when another request was challenged, and
// that is no refusal. A final response that is no challenge tells learn that the credentials were good.
func (s *authSession) learn(resp *sipmsg.Response, followed bool) (retry bool, why string) {
	proxy := resp.StatusCode == sipmsg.StatusProxyAuthRequired
	if !proxy && resp.StatusCode != sipmsg.StatusUnauthorized {
		s.accept(resp)
		return false, ""
	}
	offers, why := authOffers(resp, proxy)
	if len(offers) == 0 {
		return false, why
	}
	why = ""
	for _, c := range offers {
		if s.home != nil && !s.home(c.realm) {
			why = fmt.Sprintf("credentials are asked for realm %q, which is not the line's", c.realm)
			continue
		}
		old := s.find(proxy, c.realm)
		next := authKnown{digestChallenge: c, proxy: proxy}
		if old == nil {
			s.add(next)
			retry = true
			continue
		}
		used := old.count > 0
		refused := used && followed && !c.stale && (old.count == 1 && !old.accepted || old.nonce == c.nonce)
		if used && c.stale && !old.accepted && old.count == 1 {
			next.stales = old.stales + 1
		}
		if old.nonce == c.nonce && !c.stale {
			next.count = old.count // a nonce count is never used twice
		}
		*old = next
		switch {
		case refused:
			why = "the server refuses the user name or password"
		case next.stales > authMaxStales:
			why = "the server calls every nonce stale"
		default:
			retry = true
		}
	}
	if why != "" {
		return false, why
	}
	return retry, ""
}

// accept notes that the last nonces were good: the request got past them.
func (s *authSession) accept(resp *sipmsg.Response) {
	if resp.StatusCode < 200 || resp.StatusCode == sipmsg.StatusForbidden {
		return
	}
	for i := range s.known {
		k := &s.known[i]
		k.accepted = k.accepted || k.count > 0
	}
}

func (s *authSession) find(proxy bool, realm string) *authKnown {
	for i := range s.known {
		if s.known[i].proxy == proxy && s.known[i].realm == realm {
			return &s.known[i]
		}
	}
	return nil
}

// add remembers the challenge of another realm, in the place of the oldest if there are many.
func (s *authSession) add(k authKnown) {
	same := 0
	for _, o := range s.known {
		if o.proxy == k.proxy {
			same++
		}
	}
	if same == authMaxRealms {
		i := slices.IndexFunc(s.known, func(o authKnown) bool { return o.proxy == k.proxy })
		s.known = slices.Delete(s.known, i, i+1)
	}
	s.known = append(s.known, k)
}

// authOffers reads the challenges of a response, the strongest of each realm; if there is none, why says so.
func authOffers(resp *sipmsg.Response, proxy bool) (offers []digestChallenge, why string) {
	name := "WWW-Authenticate"
	if proxy {
		name = "Proxy-Authenticate"
	}
	headers := resp.GetHeaders(name)
	if len(headers) == 0 {
		return nil, "a challenge without " + name
	}
	why = "no usable challenge offered"
	for _, h := range headers[:min(len(headers), authMaxHeaders)] {
		all, err := parseChallenges(h.Value())
		if err != nil {
			why = err.Error()
			continue
		}
		for _, c := range all {
			if i := slices.IndexFunc(offers, func(o digestChallenge) bool { return o.realm == c.realm }); i < 0 {
				offers = append(offers, c)
			} else if c.strength() > offers[i].strength() {
				offers[i] = c
			}
		}
	}
	return offers[:min(len(offers), authMaxRealms)], why
}

// authorize puts the credentials for every challenge known into a request, in the place of any it had. The Request-URI
// and method must be final. random yields the client nonce.
func (s *authSession) authorize(req *sipmsg.Request, user string, password Secret, random io.Reader) error {
	for req.RemoveHeader("Authorization") || req.RemoveHeader("Proxy-Authorization") {
	}
	for i := range s.known {
		k := &s.known[i]
		var raw [8]byte
		if _, err := io.ReadFull(random, raw[:]); err != nil {
			return fmt.Errorf("making a client nonce: %w", err)
		}
		k.count++
		c := digestCredentials{
			username: user, realm: k.realm, nonce: k.nonce, uri: req.Recipient.String(),
			algorithm: k.algorithm, opaque: k.opaque, hasOpaque: k.hasOpaque,
		}
		if k.qop {
			c.qop, c.count, c.cnonce = "auth", fmt.Sprintf("%08x", k.count), hex.EncodeToString(raw[:])
		}
		c.response = c.digest(string(req.Method), user, password)
		name := "Authorization"
		if k.proxy {
			name = "Proxy-Authorization"
		}
		req.AppendHeader(sipmsg.NewHeader(name, c.String()))
	}
	return nil
}

// digestHash returns the hash of an algorithm, which is MD5 where none is named, and its strength; nil if we do not know
// it. The -sess variants are among the unknown.
func digestHash(algorithm string) (newHash func() hash.Hash, strength int) {
	switch strings.ToUpper(algorithm) {
	case "", "MD5":
		return md5.New, 1
	case "SHA-256":
		return sha256.New, 2
	case "SHA-512-256":
		return sha512.New512_256, 3
	}
	return nil, 0
}

// digestChallenge is one challenge we can answer.
type digestChallenge struct {
	realm, nonce, opaque, algorithm string // as between the quotes: escapes are sent back as they came
	hasOpaque, stale                bool
	qop                             bool // "auth" is offered; false: no qop at all
}

func (c digestChallenge) strength() int {
	_, n := digestHash(c.algorithm)
	return n
}

// digestCredentials is the content of an Authorization header.
type digestCredentials struct {
	username                               string // not escaped
	realm, nonce, uri, response, algorithm string
	cnonce, opaque, qop, count             string
	hasOpaque                              bool
}

// digest computes the response. RFC 7616 section 3.4.1; without qop RFC 2617 section 3.2.2.1.
func (c digestCredentials) digest(method, user string, password Secret) string {
	newHash, _ := digestHash(c.algorithm)
	h := func(parts ...string) string {
		h := newHash()
		_, _ = io.WriteString(h, strings.Join(parts, ":"))
		return hex.EncodeToString(h.Sum(nil))
	}
	ha1 := h(user, c.realm, password.Reveal())
	ha2 := h(method, c.uri)
	if c.qop == "" {
		return h(ha1, c.nonce, ha2)
	}
	return h(ha1, c.nonce, c.count, c.cnonce, c.qop, ha2)
}

// String writes the value of an Authorization header.
func (c digestCredentials) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, `Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s"`,
		digestQuote(c.username), c.realm, c.nonce, c.uri, c.response)
	if c.algorithm != "" {
		b.WriteString(", algorithm=" + c.algorithm)
	}
	if c.qop != "" {
		fmt.Fprintf(&b, `, cnonce="%s", qop=%s, nc=%s`, c.cnonce, c.qop, c.count)
	}
	if c.hasOpaque {
		fmt.Fprintf(&b, `, opaque="%s"`, c.opaque)
	}
	return b.String()
}

// digestQuote escapes what may not stand in a quoted string.
func digestQuote(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "", "\n", "").Replace(s)
}
