package sip

import (
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// challengeOf is a response that asks for credentials of a realm.
func challengeOf(code int, realm string) *sipmsg.Response {
	resp := sipmsg.NewResponse(code, "")
	name := "WWW-Authenticate"
	if code == 407 {
		name = "Proxy-Authenticate"
	}
	resp.AppendHeader(sipmsg.NewHeader(name, `Digest realm="`+realm+`", nonce="n1", algorithm=MD5`))
	return resp
}

// A callee that asks for credentials of its own gets none: only the realms of the line's registrar, and its domain.
func TestCredentialsAreForTheLinesRealms(t *testing.T) {
	l := &leg{domain: "example.test"}
	if again, _ := l.session(sipmsg.INVITE).learn(challengeOf(407, "anything"), false); !again {
		t.Error("a line that has not registered trusts what its servers let through")
	}
	l = &leg{domain: "example.test"}
	l.auth.learn(challengeOf(401, "registrar"), false)
	for realm, want := range map[string]bool{"registrar": true, "Example.Test": true, "evil": false} {
		for _, code := range []int{401, 407} {
			again, why := l.session(sipmsg.INVITE).learn(challengeOf(code, realm), false)
			if again != want || !want && why == "" {
				t.Errorf("%d for realm %q: again %t (%s), want %t", code, realm, again, why, want)
			}
		}
	}
	if len(l.auth.known) != 1 {
		t.Error("what was asked of INVITE is not for REGISTER")
	}
}

// A server that wants to be left alone for a century is asked again within the hour or the long interval.
func TestRetryAfterHasALimit(t *testing.T) {
	r := registration{leg: &leg{ln: &line{a: &Agent{cfg: Config{Timers: DefaultTimers()}, random: zeros{}}}}}
	if d := r.backOff(503, 4e9*time.Second); d < maxRetryAfter || d > 2*maxRetryAfter {
		t.Errorf("Retry-After of a century waits %v", d)
	}
	if d, ok := deltaSeconds("1000000000000"); ok || d != 0 {
		t.Errorf("a number beyond 32 bits is %v", d)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
