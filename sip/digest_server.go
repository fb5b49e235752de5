package sip

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Implementation constants.
const (
	digestNonceLife = 32 * time.Second // as long as a transaction may take, RFC 3261 timer F
	digestMaxSeen   = 64               // used nonces remembered against replay
	digestKeySize   = 16               // octets of the key, of the random part and of the seal of a nonce
)

// digestVerdict is what a server thinks of the credentials of a request.
type digestVerdict int

const (
	digestNone  digestVerdict = iota // none for our realm, or unreadable ones: challenge
	digestWrong                      // wrong user name or password: challenge, or refuse
	digestStale                      // right, but the nonce is old, spent or not ours: challenge with stale
	digestGood
)

// digestServer challenges requests and verifies their credentials (RFC 3261 section 22.4, RFC 7616, RFC 8760), as for a
// NOTIFY that asks the phone to reboot. Its zero value is ready to use. It remembers only nonces that were used with
// the right password, so strangers cannot fill it.
type digestServer struct {
	key  []byte // seals our nonces
	seen []digestSeen
}

type digestSeen struct {
	nonce string
	count uint64
}

// challenge adds a challenge to a 401 for each algorithm we take from clients, the preferred first (RFC 8760 section 2.3).
func (d *digestServer) challenge(resp *sipmsg.Response, realm string, stale bool, now time.Time, random io.Reader) error {
	raw := make([]byte, 2*digestKeySize)
	if _, err := io.ReadFull(random, raw); err != nil {
		return fmt.Errorf("making a nonce: %w", err)
	}
	if d.key == nil {
		d.key = slices.Clone(raw[digestKeySize:])
	}
	nonce := d.seal(now, raw[:digestKeySize])
	for _, algorithm := range []string{"SHA-256", "MD5"} {
		value := fmt.Sprintf(`Digest realm="%s", nonce="%s", algorithm=%s, qop="auth"`, digestQuote(realm), nonce, algorithm)
		if stale {
			value += ", stale=true"
		}
		resp.AppendHeader(sipmsg.NewHeader("WWW-Authenticate", value))
	}
	return nil
}

// verify looks for good credentials in the Authorization headers of a request. Every nonce count is taken once.
func (d *digestServer) verify(req *sipmsg.Request, realm, user string, password Secret, now time.Time) digestVerdict {
	best := digestNone
	headers := req.GetHeaders("Authorization")
	for _, h := range headers[:min(len(headers), authMaxHeaders)] {
		c, err := parseCredentials(h.Value())
		if err != nil || gateUnquote(c.realm) != realm || c.qop != "auth" {
			continue
		}
		best = max(best, d.judge(c, string(req.Method), user, password, now))
	}
	return best
}

func (d *digestServer) judge(c digestCredentials, method, user string, password Secret, now time.Time) digestVerdict {
	want := c.digest(method, user, password)
	if c.username != user || password == "" || !hmac.Equal([]byte(want), []byte(c.response)) {
		return digestWrong
	}
	count, err := strconv.ParseUint(c.count, 16, 32)
	if err != nil || count == 0 {
		return digestWrong
	}
	if !d.fresh(c.nonce, now) {
		return digestStale
	}
	i := slices.IndexFunc(d.seen, func(s digestSeen) bool { return s.nonce == c.nonce })
	switch {
	case i >= 0 && count <= d.seen[i].count:
		return digestStale
	case i >= 0:
		d.seen[i].count = count
		return digestGood
	}
	if len(d.seen) == digestMaxSeen {
		d.seen = slices.Delete(d.seen, 0, 1)
	}
	d.seen = append(d.seen, digestSeen{c.nonce, count})
	return digestGood
}

// seal makes a nonce: the time, something random, and a proof that it is ours.
func (d *digestServer) seal(now time.Time, random []byte) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(now.UnixMilli()))
	b = append(b, random...)
	mac := hmac.New(sha256.New, d.key)
	mac.Write(b)
	return hex.EncodeToString(mac.Sum(b)[:len(b)+digestKeySize])
}

// fresh tells whether a nonce is ours and young.
func (d *digestServer) fresh(nonce string, now time.Time) bool {
	b, err := hex.DecodeString(nonce)
	if err != nil || len(b) != 8+2*digestKeySize || d.key == nil {
		return false
	}
	made := time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
	ours := d.seal(made, b[8:8+digestKeySize])
	age := now.Sub(made)
	return hmac.Equal([]byte(ours), []byte(nonce)) && age >= 0 && age <= digestNonceLife
}
