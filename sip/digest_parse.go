package sip

import (
	"errors"
	"slices"
	"strings"
)

// Implementation constants: what one challenge, or one set of credentials, may be made of.
const (
	digestMaxValue  = 4096 // octets of the header value
	digestMaxParams = 24
	digestMaxAuth   = 8 // challenges in one header value
)

var (
	errDigestLong   = errors.New("challenge too long")
	errDigestSyntax = errors.New("malformed challenge")
	errDigestTwice  = errors.New("challenge with a repeated parameter")
	errDigestBare   = errors.New("challenge without realm or nonce")
	errDigestScheme = errors.New("no Digest challenge")
	errDigestHash   = errors.New("challenge with an unknown algorithm")
	errDigestQop    = errors.New("challenge without qop auth")
)

// parseChallenges reads the value of a WWW-Authenticate or Proxy-Authenticate header, which may hold more than one
// challenge (RFC 7235 section 4.1), and returns those that we can answer. If there are none, the error says why the
// first one is not among them.
func parseChallenges(value string) (usable []digestChallenge, err error) {
	all, err := digestSplit(value)
	if err != nil {
		return nil, err
	}
	err = errDigestScheme
	for _, a := range all {
		if !strings.EqualFold(a.scheme, "Digest") {
			continue
		}
		c, bad := a.challenge()
		if bad == nil {
			usable = append(usable, c)
		} else if err == errDigestScheme {
			err = bad
		}
	}
	if len(usable) > 0 {
		return usable, nil
	}
	return nil, err
}

// parseCredentials reads the value of an Authorization header.
func parseCredentials(value string) (digestCredentials, error) {
	all, err := digestSplit(value)
	if err != nil {
		return digestCredentials{}, err
	}
	if len(all) != 1 || !strings.EqualFold(all[0].scheme, "Digest") {
		return digestCredentials{}, errDigestScheme
	}
	return all[0].credentials()
}

// digestAuth is a challenge or credentials, taken apart.
type digestAuth struct {
	scheme string
	params []digestParam
}

type digestParam struct{ name, value string } // name in lower case, value without its quotes, escapes kept

func (a digestAuth) get(name string) (string, bool) {
	i := slices.IndexFunc(a.params, func(p digestParam) bool { return p.name == name })
	if i < 0 {
		return "", false
	}
	return a.params[i].value, true
}

func (a digestAuth) value(name string) string {
	v, _ := a.get(name)
	return v
}

func (a digestAuth) challenge() (digestChallenge, error) {
	c := digestChallenge{nonce: a.value("nonce"), algorithm: a.value("algorithm"), stale: strings.EqualFold(a.value("stale"), "true")}
	var hasRealm bool
	c.realm, hasRealm = a.get("realm")
	if !hasRealm || c.nonce == "" {
		return c, errDigestBare
	}
	if h, _ := digestHash(c.algorithm); h == nil {
		return c, errDigestHash
	}
	c.opaque, c.hasOpaque = a.get("opaque")
	if list, ok := a.get("qop"); ok && list != "" {
		for qop := range strings.SplitSeq(list, ",") {
			c.qop = c.qop || strings.EqualFold(strings.Trim(qop, " \t"), "auth")
		}
		if !c.qop {
			return c, errDigestQop
		}
	}
	return c, nil
}

func (a digestAuth) credentials() (digestCredentials, error) {
	c := digestCredentials{
		username: gateUnquote(a.value("username")), realm: a.value("realm"), nonce: a.value("nonce"), uri: a.value("uri"),
		response: a.value("response"), algorithm: a.value("algorithm"), cnonce: a.value("cnonce"), qop: a.value("qop"), count: a.value("nc"),
	}
	c.opaque, c.hasOpaque = a.get("opaque")
	if h, _ := digestHash(c.algorithm); h == nil {
		return c, errDigestHash
	}
	return c, nil
}

// digestSplit takes a header value apart: schemes, each with its comma-separated parameters.
func digestSplit(s string) (all []digestAuth, err error) {
	if len(s) > digestMaxValue {
		return nil, errDigestLong
	}
	for {
		if s = strings.TrimLeft(s, " \t,"); s == "" {
			break
		}
		n := 0
		for n < len(s) && gateTokens[s[n]] {
			n++
		}
		if n == 0 {
			return nil, errDigestSyntax
		}
		name := s[:n]
		s = strings.TrimLeft(s[n:], " \t")
		if !strings.HasPrefix(s, "=") { // a name without a value is the next scheme
			if len(all) == digestMaxAuth {
				return nil, errDigestLong
			}
			all = append(all, digestAuth{scheme: name})
			continue
		}
		if len(all) == 0 {
			return nil, errDigestSyntax
		}
		s = strings.TrimLeft(s[1:], " \t")
		var value string
		if strings.HasPrefix(s, `"`) {
			n := gateQuoted(s)
			if n == 0 || gateIsControl(s[:n]) {
				return nil, errDigestSyntax
			}
			value, s = s[1:n-1], s[n:]
		} else {
			n := strings.IndexAny(s, " \t,\"")
			if n < 0 {
				n = len(s)
			}
			value, s = s[:n], s[n:]
			if value == "" || gateIsControl(value) || strings.Contains(value, `\`) {
				return nil, errDigestSyntax
			}
		}
		if s = strings.TrimLeft(s, " \t"); s != "" && s[0] != ',' {
			return nil, errDigestSyntax
		}
		a := &all[len(all)-1]
		name = strings.ToLower(name)
		if _, ok := a.get(name); ok {
			return nil, errDigestTwice
		}
		if len(a.params) == digestMaxParams {
			return nil, errDigestLong
		}
		a.params = append(a.params, digestParam{name, value})
	}
	if len(all) == 0 {
		return nil, errDigestSyntax
	}
	return all, nil
}
