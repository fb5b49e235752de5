package media

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// secureNegotiator is a phone that encrypts as told, its keys from a seed.
func secureNegotiator(s Secure, seed byte, suites ...Suite) *Negotiator {
	return testNegotiator(func(l *Local) { l.Secure, l.Suites, l.Keys = s, suites, rand.NewChaCha8([32]byte{seed}) })
}

// shape is what a description says of our stream's protection: "RTP/SAVP 1:AES_CM_128_HMAC_SHA1_80".
func shape(description []byte) string {
	proto := regexp.MustCompile(`m=audio \d+ (\S+)`).FindSubmatch(description)
	if proto == nil {
		return ""
	}
	var out strings.Builder
	out.WriteString(string(proto[1]))
	for _, m := range regexp.MustCompile(`a=crypto:(\S+) (\S+) `).FindAllSubmatch(description, -1) {
		out.WriteString(fmt.Sprintf(" %s:%s", m[1], m[2]))
	}
	return out.String()
}

// keysOf are the keys in a description.
func keysOf(description []byte) (keys []string) {
	for _, m := range regexp.MustCompile(`inline:(\S+)`).FindAllSubmatch(description, -1) {
		keys = append(keys, string(m[1]))
	}
	return keys
}

const (
	never    = SecureNever
	optional = SecureOptional
	required = SecureRequired
)

func TestOffersByMode(t *testing.T) {
	for _, tt := range []struct {
		n    *Negotiator
		want string
	}{
		{secureNegotiator(never, 1), "RTP/AVP"},
		{secureNegotiator(optional, 1), "RTP/AVP 1:AES_CM_128_HMAC_SHA1_80 2:AES_CM_128_HMAC_SHA1_32"},
		{secureNegotiator(required, 1), "RTP/SAVP 1:AES_CM_128_HMAC_SHA1_80 2:AES_CM_128_HMAC_SHA1_32"},
		{secureNegotiator(required, 1, AES256GCM, "XXX", AES128SHA80), "RTP/SAVP 1:AEAD_AES_256_GCM 2:AES_CM_128_HMAC_SHA1_80"},
		{testNegotiator(func(l *Local) { l.Secure, l.SAVP, l.Keys = optional, true, rand.NewChaCha8([32]byte{}) }),
			"RTP/SAVP 1:AES_CM_128_HMAC_SHA1_80 2:AES_CM_128_HMAC_SHA1_32"},
		{testNegotiator(func(l *Local) { l.Secure = required }), "RTP/AVP"}, // without a source of keys
	} {
		offer := tt.n.Offer(false)
		if got := shape(offer); got != tt.want {
			t.Errorf("offered %s, want %s", got, tt.want)
		}
		seen := map[string]bool{}
		for _, k := range keysOf(offer) {
			if seen[k] {
				t.Errorf("a key twice in\n%s", offer)
			}
			seen[k] = true
		}
	}
}

func TestAnswersByMode(t *testing.T) {
	line := func(tag int, s Suite) string {
		return fmt.Sprintf("a=crypto:%d %s inline:%s", tag, s, testKey(s, byte('0'+tag)))
	}
	bad := "a=crypto:1 F8_128_HMAC_SHA1_80 inline:" + testKey(AES128SHA80, 'f')
	clear := offerOf("m=audio 4000 RTP/AVP 0")
	best := offerOf("m=audio 4000 RTP/AVP 0", line(1, AES128SHA80))
	savp := offerOf("m=audio 4000 RTP/SAVP 0", bad, line(2, AES128SHA32), line(3, AES128SHA80))
	gcm := offerOf("m=audio 4000 RTP/SAVP 0", line(1, AES256GCM), line(2, AES128SHA80))
	gcm128 := offerOf("m=audio 4000 RTP/SAVP 0", line(7, AES128GCM))
	both := offerOf("m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/SAVP 0", line(4, AES128SHA80))
	bare := offerOf("m=audio 4000 RTP/SAVP 0")
	unusable := offerOf("m=audio 4000 RTP/SAVP 0", bad)
	halfway := offerOf("m=audio 4000 RTP/AVP 0", bad)
	session := offerOf(line(1, AES128SHA80), "m=audio 4000 RTP/SAVP 0")
	dtls := offerOf("m=audio 4000 UDP/TLS/RTP/SAVP 0", line(1, AES128SHA80))
	for _, tt := range []struct {
		name   string
		secure Secure
		offer  []byte
		want   string // the answer's shape, or part of the refusal
	}{
		{"clear", never, clear, "RTP/AVP"},
		{"clear", optional, clear, "RTP/AVP"},
		{"clear", required, clear, "encryption is required"},
		{"best effort", never, best, "RTP/AVP"},
		{"best effort", optional, best, "RTP/AVP 1:AES_CM_128_HMAC_SHA1_80"},
		{"best effort", required, best, "RTP/AVP 1:AES_CM_128_HMAC_SHA1_80"},
		{"SAVP", never, savp, "none is wanted"},
		{"SAVP", optional, savp, "RTP/SAVP 2:AES_CM_128_HMAC_SHA1_32"},
		{"SAVP", required, savp, "RTP/SAVP 2:AES_CM_128_HMAC_SHA1_32"},
		{"GCM first", optional, gcm, "RTP/SAVP 1:AEAD_AES_256_GCM"},
		{"GCM 128", required, gcm128, "RTP/SAVP 7:AEAD_AES_128_GCM"},
		{"both", never, both, "RTP/AVP"},
		{"both", optional, both, "RTP/AVP 4:AES_CM_128_HMAC_SHA1_80"}, // the first m= line is refused, the second answered
		{"both", required, both, "RTP/AVP 4:AES_CM_128_HMAC_SHA1_80"},
		{"SAVP without a key", optional, bare, "line 6: encrypted voice without a key"},
		{"SAVP without a key", required, bare, "without a key"},
		{"no key of use", optional, unusable, `no key can be used: line 7: the suite "F8_128_HMAC_SHA1_80"`},
		{"no key of use", required, unusable, "no key can be used"},
		{"best effort without a key of use", optional, halfway, "RTP/AVP"},
		{"best effort without a key of use", required, halfway, "encryption is required"},
		{"a key for the session", optional, session, "without a key"}, // RFC 4568 section 4: media level only
		{"DTLS", optional, dtls, "UDP/TLS/RTP/SAVP"},
	} {
		n := secureNegotiator(tt.secure, 2)
		answer, s, err := n.Answer(tt.offer)
		if err != nil {
			if !errors.Is(err, ErrNotAcceptable) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s, mode %d: %v, want %s", tt.name, tt.secure, err, tt.want)
			}
			continue
		}
		if got := shape(answer); got != tt.want {
			t.Errorf("%s, mode %d: answered %s, want %s", tt.name, tt.secure, got, tt.want)
			continue
		}
		if encrypted := strings.Contains(tt.want, "AES"); encrypted != (s.Crypto.Suite != "") {
			t.Errorf("%s, mode %d: the stream has %q", tt.name, tt.secure, s.Crypto.Suite)
		} else if encrypted && (s.Crypto.Send.m == nil || s.Crypto.Receive.m == nil || s.Crypto.Send.equal(s.Crypto.Receive)) {
			t.Errorf("%s, mode %d: no two keys", tt.name, tt.secure)
		}
	}
	n := secureNegotiator(optional, 2)
	if _, s, err := n.Answer(both); err != nil || s.Remote.Port() != 4002 {
		t.Errorf("of two streams the one at %v is taken: %v", s.Remote, err)
	}
}

func TestAnswersToOurs(t *testing.T) {
	key := testKey(AES128SHA80, 'k')
	for _, tt := range []struct {
		name   string
		secure Secure
		savp   bool
		answer []string
		want   string // suite, "clear" or part of the refusal
	}{
		{"clear to clear", never, false, []string{"m=audio 4000 RTP/AVP 0"}, "clear"},
		{"a key nobody asked for", never, false, []string{"m=audio 4000 RTP/AVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + key}, "clear"},
		{"SAVP to clear", never, false, []string{"m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + key}, "RTP/AVP was offered, RTP/SAVP answered"},
		{"clear to best effort", optional, false, []string{"m=audio 4000 RTP/AVP 0"}, "clear"},
		{"a key to best effort", optional, false, []string{"m=audio 4000 RTP/AVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + key}, "AES_CM_128_HMAC_SHA1_80"},
		{"SAVP to best effort", optional, false, []string{"m=audio 4000 RTP/SAVP 0", "a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:" + key}, "AES_CM_128_HMAC_SHA1_32"},
		{"SAVP without a key", optional, false, []string{"m=audio 4000 RTP/SAVP 0"}, "the answer has no key"},
		{"clear to SAVP", optional, true, []string{"m=audio 4000 RTP/AVP 0"}, "the answer has no key"},
		{"clear to SAVP", required, false, []string{"m=audio 4000 RTP/AVP 0"}, "the answer has no key"},
		{"SAVP to SAVP", required, false, []string{"m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + key}, "AES_CM_128_HMAC_SHA1_80"},
		{"a tag that was not offered", required, false, []string{"m=audio 4000 RTP/SAVP 0", "a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:" + key}, "for none that was offered"},
		{"another suite under the tag", optional, false, []string{"m=audio 4000 RTP/AVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:" + key}, "for none that was offered"},
		{"an unusable key", required, false, []string{"m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA"}, "3 bytes"},
		{"no encryption after all", required, false, []string{"m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " UNENCRYPTED_SRTP"}, "unencrypted srtp"},
		{"another protocol", optional, false, []string{"m=audio 4000 RTP/SAVPF 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + key}, "RTP/SAVPF answered"},
	} {
		n := secureNegotiator(tt.secure, 3)
		n.local.SAVP = tt.savp
		offer := n.Offer(false)
		s, err := n.Accept(offerOf(tt.answer...))
		got := string(s.Crypto.Suite)
		switch {
		case err != nil:
			got = err.Error()
		case got == "":
			got = "clear"
		}
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s, mode %d: %s, want %s", tt.name, tt.secure, got, tt.want)
		}
		if err == nil && s.Crypto.Suite != "" && !strings.Contains(string(offer), strings.TrimSpace(cryptoLineOf(s.Crypto).attribute()[len("a=crypto:1 "):])) {
			t.Errorf("%s: what we send with was not offered", tt.name)
		}
	}
}

func cryptoLineOf(c Crypto) cryptoLine {
	spec, _ := c.Suite.spec()
	return cryptoLine{"1", spec, c.Send}
}

// Two phones agree, each sends with its own key, and a hold changes no key and no version but for itself.
func TestHoldKeepsTheKeys(t *testing.T) {
	for _, mode := range []Secure{optional, required} {
		a, b := secureNegotiator(mode, 4), secureNegotiator(mode, 5)
		answer, sb, err := b.Answer(a.Offer(false))
		if err != nil {
			t.Fatal(err)
		}
		sa, err := a.Accept(answer)
		if err != nil {
			t.Fatal(err)
		}
		if !sa.Crypto.Send.equal(sb.Crypto.Receive) || !sa.Crypto.Receive.equal(sb.Crypto.Send) || sa.Crypto.Suite != AES128SHA80 {
			t.Fatalf("the keys do not fit: %v %v", sa.Crypto.Suite, sb.Crypto.Suite)
		}
		for _, hold := range []bool{true, false} {
			offer := b.Offer(hold)
			if want := map[Secure]string{optional: "RTP/AVP", required: "RTP/SAVP"}[mode] + " 1:AES_CM_128_HMAC_SHA1_80"; shape(offer) != want {
				t.Errorf("a hold offers %s, want %s", shape(offer), want)
			}
			answer, s, err := a.Answer(offer)
			if err != nil {
				t.Fatal(err)
			}
			if !s.Crypto.Send.equal(sa.Crypto.Send) || !s.Crypto.Receive.equal(sa.Crypto.Receive) {
				t.Error("a hold changed the keys of who is held")
			}
			if s, err = b.Accept(answer); err != nil || !s.Crypto.Send.equal(sb.Crypto.Send) || !s.Crypto.Receive.equal(sb.Crypto.Receive) {
				t.Errorf("a hold changed the keys: %v", err)
			}
		}
		// The far end takes a new key: so do we.
		a.Renew()
		offer := a.Offer(false)
		if len(keysOf(offer)) != 2 || keysOf(offer)[0] == keysOf(answer)[0] {
			t.Errorf("renewed, it offers %s", shape(offer))
		}
		_, s, err := b.Answer(offer)
		if err != nil || s.Crypto.Send.equal(sb.Crypto.Send) || s.Crypto.Receive.equal(sb.Crypto.Receive) {
			t.Errorf("a new key of theirs left ours as it was: %v", err)
		}
		a.Withdraw()
		if again := a.Offer(true); len(keysOf(again)) != 1 {
			t.Errorf("after a withdrawn renewal it offers %s", shape(again))
		}
	}
}

func TestClearStaysClear(t *testing.T) {
	n := secureNegotiator(optional, 6)
	if _, err := n.Accept(offerOf("m=audio 4000 RTP/AVP 0")); err == nil {
		t.Fatal("nothing was offered")
	}
	n.Offer(false)
	if _, err := n.Accept(offerOf("m=audio 4000 RTP/AVP 0")); err != nil {
		t.Fatal(err)
	}
	if got := shape(n.Offer(true)); got != "RTP/AVP" {
		t.Errorf("a hold of a call in clear offers %s", got)
	}
	n.Withdraw()
	n.Renew()
	if got := shape(n.Offer(false)); got != "RTP/AVP 1:AES_CM_128_HMAC_SHA1_80 2:AES_CM_128_HMAC_SHA1_32" {
		t.Errorf("renewed, it offers %s", got)
	}
	n.Withdraw()
	// The far end may begin to encrypt, and end it.
	answer, s, err := n.Answer(offerOf("m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"+testKey(AES128SHA80, 'k')))
	if err != nil || shape(answer) != "RTP/SAVP 1:AES_CM_128_HMAC_SHA1_80" || s.Crypto.Suite == "" {
		t.Errorf("answered %s, %v", shape(answer), err)
	}
	if got := shape(n.Offer(true)); got != "RTP/SAVP 1:AES_CM_128_HMAC_SHA1_80" {
		t.Errorf("then a hold offers %s", got)
	}
	n.Withdraw()
	if answer, s, err = n.Answer(offerOf("m=audio 4000 RTP/AVP 0")); err != nil || shape(answer) != "RTP/AVP" || s.Crypto.Suite != "" {
		t.Errorf("answered %s, %v", shape(answer), err)
	}
}

func TestRefused(t *testing.T) {
	const savp = "RTP/SAVP 1:AES_CM_128_HMAC_SHA1_80 2:AES_CM_128_HMAC_SHA1_32"
	for _, tt := range []struct {
		mode  Secure
		asked bool
		want  string
	}{{never, false, "RTP/AVP"}, {optional, false, savp}, {optional, true, "RTP/AVP"}, {required, false, savp}} {
		n := secureNegotiator(tt.mode, 7)
		n.local.SAVP = tt.asked
		n.Offer(false)
		if again := n.Refused(); again != (tt.mode == optional) {
			t.Errorf("mode %d: another offer %t", tt.mode, again)
		}
		if got := shape(n.Offer(false)); got != tt.want {
			t.Errorf("mode %d: then it offers %s", tt.mode, got)
		}
		if n.Refused() {
			t.Errorf("mode %d: a third offer", tt.mode)
		}
	}
	n := secureNegotiator(optional, 7)
	n.Offer(false)
	if _, err := n.Accept(offerOf("m=audio 4000 RTP/AVP 0")); err != nil || n.Refused() {
		t.Error("a session that is agreed on is offered otherwise", err)
	}
}
