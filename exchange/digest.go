package exchange

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
	"time"

	"dialtone/sip"
)

// Implementation constants.
const (
	nonceLife = 5 * time.Minute
	maxSealed = 256 // nonces whose counts are remembered, of one proxy
	maxAuth   = 4   // credentials looked at in one request
	sealSize  = 12  // octets of the proof in a nonce
)

// usedNonce is one that was used with the right password, and its highest count.
type usedNonce struct {
	nonce string
	count uint64
}

// A verdict is what a proxy thinks of the credentials of a request.
type verdict int

const (
	authNone verdict = iota // none of our realm
	authWrong
	authStale // the right password, with a nonce that is old, spent or not of this proxy
	authGood
)

// digest asks for the credentials of a request: RFC 7616 with qop auth, SHA-256 preferred (RFC 8760).
func (p *proxy) digest(resp *message, stale bool) {
	name := "WWW-Authenticate"
	if resp.code == 407 {
		name = "Proxy-Authenticate"
	}
	nonce := p.nonce(time.Now(), p.x.token())
	for _, algorithm := range []string{"SHA-256", "MD5"} {
		value := fmt.Sprintf(`Digest realm="%s", nonce="%s", algorithm=%s, qop="auth"`, p.x.cfg.Domain, nonce, algorithm)
		if stale {
			value += ", stale=true"
		}
		resp.add(name, value)
	}
}

// authenticate judges the credentials of a request for an account.
func (p *proxy) authenticate(m *message, header, user string) verdict {
	best := authNone
	for i, value := range m.all(header) {
		if i == maxAuth {
			break
		}
		c, ok := parseDigest(value)
		if !ok || c["realm"] != p.x.cfg.Domain || c["qop"] != "auth" {
			continue
		}
		best = max(best, p.judge(c, m.method, user))
	}
	return best
}

func (p *proxy) judge(c map[string]string, method, user string) verdict {
	var sum func() hash.Hash
	switch strings.ToUpper(c["algorithm"]) {
	case "", "MD5":
		sum = md5.New
	case "SHA-256":
		sum = sha256.New
	default:
		return authNone
	}
	password, known := p.x.cfg.Users[user]
	want := digestResponse(sum, c, method, user, password)
	count, err := strconv.ParseUint(c["nc"], 16, 32)
	if !known || c["username"] != user || err != nil || count == 0 || !hmac.Equal([]byte(want), []byte(strings.ToLower(c["response"]))) {
		return authWrong
	}
	if !p.fresh(c["nonce"]) {
		return authStale
	}
	i := slices.IndexFunc(p.sealed, func(u usedNonce) bool { return u.nonce == c["nonce"] })
	switch {
	case i >= 0 && count <= p.sealed[i].count:
		return authStale
	case i >= 0:
		p.sealed[i].count = count
	default:
		if len(p.sealed) == maxSealed {
			p.sealed = slices.Delete(p.sealed, 0, 1)
		}
		p.sealed = append(p.sealed, usedNonce{c["nonce"], count})
	}
	return authGood
}

// digestResponse is the response of RFC 7616 section 3.4.1.
func digestResponse(sum func() hash.Hash, c map[string]string, method, user string, password sip.Secret) string {
	h := func(parts ...string) string {
		d := sum()
		d.Write([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(d.Sum(nil))
	}
	return h(h(user, c["realm"], password.Reveal()), c["nonce"], c["nc"], c["cnonce"], c["qop"], h(method, c["uri"]))
}

// nonce makes one: the time, something random, and a proof that it is of this proxy.
func (p *proxy) nonce(now time.Time, random string) string {
	text := strconv.FormatInt(now.UnixMilli(), 36) + "-" + random
	mac := hmac.New(sha256.New, p.x.key)
	mac.Write(binary.BigEndian.AppendUint32([]byte{byte(p.index)}, p.life))
	mac.Write([]byte(text))
	return text + "-" + hex.EncodeToString(mac.Sum(nil)[:sealSize])
}

// fresh tells whether a nonce is of this proxy and young.
func (p *proxy) fresh(nonce string) bool {
	parts := strings.Split(nonce, "-")
	if len(parts) != 3 {
		return false
	}
	ms, err := strconv.ParseInt(parts[0], 36, 64)
	if err != nil {
		return false
	}
	made := time.UnixMilli(ms)
	age := time.Since(made)
	return hmac.Equal([]byte(p.nonce(made, parts[1])), []byte(nonce)) && age >= 0 && age <= nonceLife
}

// parseDigest reads Digest credentials. A parameter that is there twice makes them unreadable.
func parseDigest(value string) (map[string]string, bool) {
	scheme, rest, space := strings.Cut(value, " ")
	if !space || !strings.EqualFold(scheme, "Digest") {
		return nil, false
	}
	c := map[string]string{}
	for part := range splitList(rest, ',') {
		k, v, has := strings.Cut(part, "=")
		k = strings.ToLower(strings.TrimSpace(k))
		if _, twice := c[k]; !has || twice {
			return nil, false
		}
		v = strings.TrimSpace(v)
		if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
			v = unquote(v[1 : len(v)-1])
		}
		c[k] = v
	}
	return c, true
}

// unquote removes the backslashes of a quoted string.
func unquote(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
