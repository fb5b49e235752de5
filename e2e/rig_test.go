//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// The tests of this file are about the network itself: they need no phone, and show that the measures used in the
// other tests can fail.

func TestRigBaresipCallsBaresip(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			a := startBaresip(t, baresipOptions{transport: transport})
			b := startBaresip(t, baresipOptions{transport: transport})
			a.command("dial", "sip:"+b.user+"@example.test")
			a.wantEvent("the call is answered", 0, "CALL_ESTABLISHED")
			a.wantEvent("audio arrives at the caller", 0, "CALL_RTPESTAB")
			b.wantEvent("audio arrives at the callee", 0, "CALL_RTPESTAB")
			a.command("sndcode", "12#")
			eventually(t, "the callee hears the digits", func() bool { return b.heardDigits() == "12#" })
			wantUnbroken(t, "caller to callee", pcmu, b.recording)
			wantUnbroken(t, "callee to caller", pcmu, a.recording)
			a.command("hangup", "")
			b.wantEvent("the callee sees the end", 0, "CALL_CLOSED")
		})
	}
}

func TestRigUnbrokenFindsABreak(t *testing.T) {
	t.Parallel()
	for _, codec := range []string{pcmu, pcma} {
		sent, s := noiseSamples(codec), signalOf(codec)
		if got := s.unbroken(sent[1000:17000]); got != 2*time.Second {
			t.Errorf("%s: a clean recording of 2 s is found as %v", codec, got)
		}
		looped := append(append([]int16{}, sent[len(sent)-8000:]...), sent[:8000]...)
		if got := s.unbroken(looped); got != 2*time.Second {
			t.Errorf("%s: a recording across the end of the loop is found as %v", codec, got)
		}
		broken := append([]int16{}, sent[:16000]...)
		broken[8000] ^= 0x2000
		if got := s.unbroken(broken); got >= 1500*time.Millisecond {
			t.Errorf("%s: one wrong sample in the middle is not noticed: %v", codec, got)
		}
		lost := append(append([]int16{}, sent[:8000]...), sent[8160:16000]...)
		if got := s.unbroken(lost); got != time.Second {
			t.Errorf("%s: a lost packet is not noticed: %v", codec, got)
		}
		if got := s.unbroken(make([]int16, 16000)); got != 0 {
			t.Errorf("%s: silence matches for %v", codec, got)
		}
	}
}

func TestRigSIPpCallsThroughTheProxy(t *testing.T) {
	t.Parallel()
	t.Run("baresip answers", func(t *testing.T) {
		t.Parallel()
		b := startBaresip(t, baresipOptions{})
		caller := startSIPp(t, sippOptions{scenario: "caller", to: b.user, values: map[string]any{"From": "900", "Talk": 300}})
		caller.wantDone("a call from SIPp to baresip")
	})
	t.Run("baresip calls SIPp by TCP", func(t *testing.T) {
		t.Parallel()
		b := startBaresip(t, baresipOptions{transport: "tcp"})
		callee := startSIPp(t, sippOptions{scenario: "callee", tcp: true, values: map[string]any{"Ring": 100, "Talk": 200}})
		b.command("dial", "sip:"+callee.number+"@example.test")
		callee.wantDone("a call from baresip to SIPp")
	})
	t.Run("a scenario that is not met fails", func(t *testing.T) {
		t.Parallel()
		b := startBaresip(t, baresipOptions{})
		caller := startSIPp(t, sippOptions{scenario: "caller-refused", to: b.user, values: map[string]any{"From": "900", "Code": 486}})
		if code, ended := caller.exited(patience); !ended || code == 0 {
			t.Errorf("SIPp expects 486 and is answered: code %d, ended %v", code, ended)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		b := startBaresip(t, baresipOptions{manual: true})
		caller := startSIPp(t, sippOptions{scenario: "caller-cancels", to: b.user, values: map[string]any{"From": "900", "Ring": 100}})
		caller.wantDone("SIPp cancels a call to baresip")
	})
	t.Run("baresip cancels", func(t *testing.T) {
		t.Parallel()
		b := startBaresip(t, baresipOptions{})
		callee := startSIPp(t, sippOptions{scenario: "callee-rings"})
		b.command("dial", "sip:"+callee.number+"@example.test")
		b.wantEvent("it rings", 0, "CALL_RINGING")
		b.command("hangup", "")
		callee.wantDone("baresip cancels a call to SIPp")
	})
	t.Run("the answer crosses the cancel", func(t *testing.T) {
		t.Parallel()
		b := startBaresip(t, baresipOptions{})
		callee := startSIPp(t, sippOptions{scenario: "callee-races"})
		b.command("dial", "sip:"+callee.number+"@example.test")
		b.wantEvent("it rings", 0, "CALL_RINGING")
		b.command("hangup", "")
		callee.wantDone("baresip acknowledges the answer and hangs up")
	})
	t.Run("the soak's caller", func(t *testing.T) {
		t.Parallel()
		b := startBaresip(t, baresipOptions{})
		caller := startSIPp(t, sippOptions{scenario: "soak-caller", to: b.user, calls: 3, rate: 2, limit: 1, csv: "7002;40\n7006;1\n7002;1\n"})
		caller.wantDone("three calls to baresip")
	})
	t.Run("the soak's callee", func(t *testing.T) {
		t.Parallel()
		b := startBaresip(t, baresipOptions{})
		callee := startSIPp(t, sippOptions{scenario: "soak-callee", calls: 2})
		for _, kind := range []string{"busy", "drop"} {
			mark := b.events.mark()
			b.command("dial", "sip:"+callee.number+"@example.test;do="+kind)
			b.wantEvent(kind, mark, "CALL_CLOSED")
		}
		callee.wantDone("two calls from baresip")
	})
	t.Run("re-INVITEs", func(t *testing.T) {
		t.Parallel()
		b := startBaresip(t, baresipOptions{})
		startReinviter(t, b.user).wantDone("baresip answers re-INVITEs in every direction")
	})
}

func startReinviter(t testing.TB, user string) *sipp {
	return startSIPp(t, sippOptions{scenario: "caller-reinvites", to: user, values: map[string]any{"From": "900", "Pause": 300,
		"SendOnly": mediaLines{direction: "sendonly", version: 1}, "Inactive": mediaLines{direction: "inactive", version: 2}, "Again": mediaLines{version: 3}}})
}
