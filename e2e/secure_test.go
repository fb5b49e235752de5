//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

const (
	aes128 = "AES_CM_128_HMAC_SHA1_80"
	aes32  = "AES_CM_128_HMAC_SHA1_32"
	gcm256 = "AEAD_AES_256_GCM"
)

// TestSecureCalls: baresip and the phone encrypt as each is told to. The voice arrives bit-exact, and the call is
// shown as secure where its keys went by TLS.
func TestSecureCalls(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		transport string
		mediaenc  string // of baresip
		option    string // Secure_Call_Option, - for an incoming call in front
		method    string
		suites    string // one of these
	}{
		{"demanded by both, by TLS", "TLS", "srtp-mand", "Required", "AES 128", aes128},
		{"demanded by both, incoming, by TLS", "TLS", "srtp-mand", "-Strict", "AES 128", aes128 + aes32},
		{"demanded by baresip, by UDP", "UDP", "srtp-mand", "Optional", "AES 128", aes128},
		{"demanded by baresip, incoming, by UDP", "UDP", "srtp-mand", "-Optional", "AES 128", aes128 + aes32},
		{"an option of both, by TLS", "TLS", "srtp", "Optional", "AES 128", aes128},
		{"an option of baresip, incoming, by TLS", "TLS", "srtp", "-Required", "AES 128", aes128 + aes32},
		{"GCM, by TLS", "TLS", "srtp-mand", "Strict", "AES 256 GCM", gcm256},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := startBaresip(t, baresipOptions{transport: strings.ToLower(tt.transport), mediaenc: tt.mediaenc})
			option, incoming := strings.CutPrefix(tt.option, "-")
			p := startPhone(t, phoneOptions{transport: tt.transport, profile: map[string]string{
				"Secure_Call_Option_1_": option, "Encryption_Method_1_": tt.method,
			}})
			var id string
			if incoming {
				b.command("dial", "sip:"+p.user+"@example.test")
				id = p.wantCall("baresip calls", "incoming").ID
				p.tell(id, "answer", nil)
			} else {
				id = p.dial(b.user)
			}
			p.wantCall("the call is answered", "connected", id)
			wantBothWays(t, p, b, pcmu)
			if byTLS := tt.transport == "TLS"; !incoming || !byTLS { // baresip takes no TLS connection, so nothing in the dialog reaches it as a caller
				p.tell(id, "hold", nil)
				p.wantCall("on hold", "held", id)
				p.tell(id, "resume", nil)
			}
			c := p.wantCall("talking", "connected", id)
			if !c.RTP.SRTP || !strings.Contains(tt.suites, c.RTP.Suite) || c.RTP.Forged > 3 || c.Secure != (tt.transport == "TLS") {
				t.Errorf("the call is %+v", c)
			}
			if shown := strings.Contains(p.screen(), "Secure"); shown != c.Secure {
				t.Errorf("the screen shows\n%s", p.screen())
			}
			t.Logf("protected by %s, %d packets forged", c.RTP.Suite, c.RTP.Forged)
			b.command("hangup", "")
			p.wantCall("baresip hangs up", "ended", id)
		})
	}
}

// TestSecureCallWithoutEncryption: baresip has none. Where it is required there is no call; where it is asked for
// first, the call goes out a second time in clear; where it is an option, the offer is passed over.
func TestSecureCallWithoutEncryption(t *testing.T) {
	t.Parallel()
	b := startBaresip(t, baresipOptions{})
	strict := startPhone(t, phoneOptions{profile: map[string]string{"Secure_Call_Option_1_": "Required"}})
	id := strict.dial(b.user)
	if c := strict.wantCall("refused by baresip", "ended", id); c.Reason.Title == "" {
		t.Errorf("the call is %+v", c)
	}
	mark := b.events.mark()
	b.command("dial", "sip:"+strict.user+"@example.test")
	b.events.want(t, "refused by the phone", mark, "488")

	for _, setting := range []string{"Yes", "No"} {
		p := startPhone(t, phoneOptions{profile: map[string]string{"Secure_Call_Setting": setting}})
		id := p.dial(b.user)
		if c := p.wantCall("in clear", "connected", id); c.RTP.SRTP || c.Secure {
			t.Errorf("the call is %+v", c)
		}
		wantUnbroken(t, "from baresip to the phone", pcmu, p.heard)
		p.hangup(id)
	}
}
