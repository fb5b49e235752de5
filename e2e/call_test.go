//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestCallOut calls baresip; a known signal arrives bit-exact in both directions.
func TestCallOut(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"UDP", "TCP", "TLS"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			b := startBaresip(t, baresipOptions{transport: strings.ToLower(transport)})
			p := startPhone(t, phoneOptions{transport: transport})
			id := p.dial(b.user)
			c := p.wantCall("baresip answers", "connected")
			if c.Direction != "out" || c.Peer != b.user || !strings.HasPrefix(c.Via, strings.ToLower(transport)+":") {
				t.Errorf("the call is %+v", c)
			}
			wantBothWays(t, p, b, pcmu)
			p.hangup(id)
			b.wantEvent("our BYE arrives", 0, "CALL_CLOSED")
			p.wantCall("hung up", "ended", id)
		})
	}
}

// TestCallIn is called by baresip, which hangs up.
func TestCallIn(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"UDP", "TCP", "TLS"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			b := startBaresip(t, baresipOptions{transport: strings.ToLower(transport)})
			p := startPhone(t, phoneOptions{transport: transport})
			b.command("dial", "sip:"+p.user+"@example.test")
			c := p.wantCall("baresip calls", "incoming")
			if c.Direction != "in" || c.Peer != b.user {
				t.Errorf("the call is %+v", c)
			}
			b.wantEvent("the caller hears that it rings", 0, "CALL_RINGING")
			p.tell(c.ID, "answer", nil)
			b.wantEvent("the caller is answered", 0, "CALL_ESTABLISHED")
			wantBothWays(t, p, b, pcmu)
			b.command("hangup", "")
			p.wantCall("the far end hangs up", "ended", c.ID)
		})
	}
}

// TestCallPCMA: the peer knows only A-law.
func TestCallPCMA(t *testing.T) {
	t.Parallel()
	b := startBaresip(t, baresipOptions{codec: pcma, plays: lab.noise(t, pcma)})
	p := startPhone(t, phoneOptions{mic: lab.noise(t, pcma)})
	id := p.dial(b.user)
	p.wantCall("baresip answers", "connected")
	wantBothWays(t, p, b, pcma)
	if c := p.wantCall("still talking", "connected"); c.RTP.Codec != pcma {
		t.Errorf("the codec is %q", c.RTP.Codec)
	}
	p.hangup(id)
	b.wantEvent("our BYE arrives", 0, "CALL_CLOSED")
}

// wantBothWays lets the call run until either side has heard the other's signal without a flaw.
func wantBothWays(t testing.TB, p *phone, b *baresip, codec string) {
	t.Helper()
	b.wantEvent("audio arrives at baresip", 0, "CALL_RTPESTAB")
	wantUnbroken(t, "from the phone to baresip", codec, b.recording)
	wantUnbroken(t, "from baresip to the phone", codec, p.heard)
}

// TestTwoPhones: two dialtones call each other through the proxy.
func TestTwoPhones(t *testing.T) {
	t.Parallel()
	a := startPhone(t, phoneOptions{transport: "TLS", profile: map[string]string{"Display_Name_1_": "Ann"}})
	b := startPhone(t, phoneOptions{})
	id := a.dial(b.user)
	c := b.wantCall("it rings", "incoming")
	if c.Peer != a.user || c.PeerName != "Ann" {
		t.Errorf("the caller is shown as %q %q", c.Peer, c.PeerName)
	}
	a.wantCall("the caller hears it", "ringing")
	b.tell(c.ID, "answer", nil)
	a.wantCall("answered", "connected")
	for _, p := range []*phone{a, b} {
		wantUnbroken(t, "from phone to phone", pcmu, p.heard)
	}
	a.hangup(id)
	b.wantCall("the far end hangs up", "ended", c.ID)
}

// TestHandset makes and takes calls with the keys and the hook alone.
func TestHandset(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{})
	callee := startSIPp(t, sippOptions{scenario: "callee", values: map[string]any{"Ring": 400}})
	p.hook(false)
	p.keys(callee.number + "#")
	p.wantCall("the digits are dialed", "ringing")
	p.wantCall("answered", "connected")
	if !strings.Contains(p.screen(), callee.number) {
		t.Errorf("the screen does not show %s:\n%s", callee.number, p.screen())
	}
	p.hook(true)
	callee.wantDone("replacing the handset hangs up")
	p.wantIdle("replacing the handset hangs up")

	caller := startSIPp(t, sippOptions{scenario: "caller", to: p.user, values: map[string]any{"From": "9777"}})
	p.wantCall("it rings", "incoming")
	if !strings.Contains(p.screen(), "9777") {
		t.Errorf("the screen does not show the caller:\n%s", p.screen())
	}
	p.hook(false)
	p.wantCall("lifting the handset answers", "connected")
	p.hook(true)
	caller.wantDone("replacing the handset hangs up")
}

// TestHoldByFarEnd: baresip holds and resumes; the audio goes on afterwards.
func TestHoldByFarEnd(t *testing.T) {
	t.Parallel()
	b := startBaresip(t, baresipOptions{})
	p := startPhone(t, phoneOptions{})
	id := p.dial(b.user)
	p.wantCall("baresip answers", "connected")
	b.wantEvent("audio arrives at baresip", 0, "CALL_RTPESTAB")
	for range 2 {
		b.command("hold", "")
		p.wantCall("baresip holds", "remote-held")
		p.wantQuiet("while it holds us we send nothing", func(s status) int { return s.Calls[0].RTP.Tx })
		b.command("resume", "")
		p.wantCall("baresip resumes", "connected")
		before := p.status().Calls[0].RTP
		p.want("audio flows again both ways", func(s status) bool {
			return s.Calls[0].RTP.Rx > before.Rx+25 && s.Calls[0].RTP.Tx > before.Tx+25
		})
	}
	b.command("hangup", "")
	p.wantCall("the far end hangs up", "ended", id)
}

// TestHoldByUs: we hold and resume; while held the peer gets no audio.
func TestHoldByUs(t *testing.T) {
	t.Parallel()
	b := startBaresip(t, baresipOptions{})
	p := startPhone(t, phoneOptions{})
	id := p.dial(b.user)
	p.wantCall("baresip answers", "connected")
	b.wantEvent("audio arrives at baresip", 0, "CALL_RTPESTAB")
	mark := b.events.mark()
	p.tell(id, "hold", nil)
	p.wantCall("held", "held")
	b.wantEvent("baresip sees our offer", mark, "CALL_REMOTE_SDP")
	p.wantQuiet("while we hold it baresip sends nothing", func(s status) int { return s.Calls[0].RTP.Rx })
	p.tell(id, "resume", nil)
	p.wantCall("resumed", "connected")
	before := p.status().Calls[0].RTP
	p.want("audio flows again both ways", func(s status) bool {
		return s.Calls[0].RTP.Rx > before.Rx+25 && s.Calls[0].RTP.Tx > before.Tx+25
	})
	p.hangup(id)
	b.wantEvent("our BYE arrives", 0, "CALL_CLOSED")
}

// wantQuiet waits until a packet counter stands still for half a second.
func (p *phone) wantQuiet(sentence string, counter func(status) int) {
	p.t.Helper()
	last, since := -1, time.Now()
	eventually(p.t, sentence, func() bool {
		if n := counter(p.status()); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > 500*time.Millisecond
	})
}

// TestReinvites: the far end holds in both ways, and asks for an offer in a re-INVITE (RFC 3261 section 14.1).
func TestReinvites(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{})
	caller := startReinviter(t, p.user)
	c := p.wantCall("it rings", "incoming")
	p.tell(c.ID, "answer", nil)
	p.wantCall("sendonly", "remote-held")
	p.wantCall("taken back by the delayed offer", "connected")
	caller.wantDone("re-INVITEs in every direction")
	p.wantCall("the far end hangs up", "ended", c.ID)
}

// TestDelayedOffer: an INVITE without SDP; our 200 carries the offer, the ACK the answer.
func TestDelayedOffer(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{})
	tap := startTap(t)
	caller := startSIPp(t, sippOptions{scenario: "caller", to: p.user, values: map[string]any{"Delayed": true, "Talk": 5000, "SDP": mediaLines{rtp: tap.addr}}})
	p.tell(p.wantCall("it rings", "incoming").ID, "answer", nil)
	wantUnbroken(t, "to the address of the ACK", pcmu, func() []int16 { return tap.samples(0) })
	caller.wantDone("a call with a delayed offer")
}

// TestEarlyMedia: a 183 with SDP; what it announces is heard before the answer.
func TestEarlyMedia(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{})
	tap := startTap(t)
	callee := startSIPp(t, sippOptions{scenario: "callee-rings", values: map[string]any{"Early": true, "SDP": mediaLines{rtp: tap.addr}}})
	id := p.dial(callee.number)
	c := p.wantCallRTP("the early media has a stream")
	go tap.play(c, 0, 20*time.Millisecond, noiseSamples(pcmu))
	wantUnbroken(t, "the announcement", pcmu, p.heard)
	p.hangup(id)
	callee.wantDone("cancelled during early media")
	p.wantCall("cancelled", "ended", id)
}

// TestPtime: a peer that asks for packets of 10 or 30 ms gets them, and what it sends that way is heard.
func TestPtime(t *testing.T) {
	t.Parallel()
	for _, ptime := range []int{10, 30} {
		t.Run(fmt.Sprintf("%dms", ptime), func(t *testing.T) {
			t.Parallel()
			p := startPhone(t, phoneOptions{})
			tap := startTap(t)
			callee := startSIPp(t, sippOptions{scenario: "callee", values: map[string]any{"SDP": mediaLines{rtp: tap.addr, ptime: ptime, codecs: "0 101"}}})
			id := p.dial(callee.number)
			to := p.wantCallRTP("answered")
			go tap.play(to, 0, time.Duration(ptime)*time.Millisecond, noiseSamples(pcmu))
			wantUnbroken(t, "from the phone", pcmu, func() []int16 { return tap.samples(0) })
			wantUnbroken(t, "to the phone", pcmu, p.heard)
			p.hangup(id)
			callee.wantDone("a call with another ptime")
			wantStream(t, tap, 0, ptime*sampleRate/1000)
		})
	}
}

// wantStream demands of what the tap received that it is one RTP stream without a gap: one SSRC, sequence numbers one
// apart, timestamps and sizes of the packet time, a marker at the start only.
func wantStream(t testing.TB, tap *rtpTap, payload uint8, size int) {
	t.Helper()
	packets := tap.received(payload)
	if len(packets) < 50 {
		t.Fatalf("only %d packets arrived", len(packets))
	}
	for i, p := range packets {
		if len(p.Payload) != size {
			t.Fatalf("packet %d has %d bytes, want %d", i, len(p.Payload), size)
		}
		if i == 0 {
			continue
		}
		before := packets[i-1]
		if p.SSRC != before.SSRC || p.SequenceNumber != before.SequenceNumber+1 || p.Timestamp != before.Timestamp+uint32(size) || p.Marker {
			t.Fatalf("packet %d does not follow its predecessor:\n%v\n%v", i, before.Header, p.Header)
		}
	}
}

// TestDTMFOut: the digits arrive at baresip and, looked at packet by packet, are events as RFC 4733 wants them.
func TestDTMFOut(t *testing.T) {
	t.Parallel()
	t.Run("baresip", func(t *testing.T) {
		t.Parallel()
		b := startBaresip(t, baresipOptions{})
		p := startPhone(t, phoneOptions{})
		id := p.dial(b.user)
		p.wantCall("baresip answers", "connected")
		b.wantEvent("audio arrives at baresip", 0, "CALL_RTPESTAB")
		p.tell(id, "dtmf", map[string]string{"digits": "1590*#"})
		eventually(t, "baresip hears the digits", func() bool { return b.heardDigits() == "1590*#" })
		p.keys("42")
		eventually(t, "keys pressed in a call are heard too", func() bool { return b.heardDigits() == "1590*#42" })
		p.hangup(id)
	})
	t.Run("packets", func(t *testing.T) {
		t.Parallel()
		p := startPhone(t, phoneOptions{})
		tap := startTap(t)
		callee := startSIPp(t, sippOptions{scenario: "callee", values: map[string]any{"SDP": mediaLines{rtp: tap.addr, codecs: "0 96"}}})
		id := p.dial(callee.number)
		p.wantCallRTP("answered")
		p.tell(id, "dtmf", map[string]string{"digits": "7#"})
		eventually(t, "both events arrive, with the payload number of the offerer or answerer", func() bool {
			d := append(tap.digits(96), tap.digits(101)...)
			return len(d) == 2 && d[1].ends == 3
		})
		digits := tap.digits(96)
		if len(digits) != 2 {
			t.Fatalf("the peer's payload number is 96, but there came %d events with it and %d with 101", len(digits), len(tap.digits(101)))
		}
		for i, want := range []byte{7, 11} {
			if d := digits[i]; d.event != want || !d.marker || d.ends != 3 || d.duration < 40*8 {
				t.Errorf("event %d is %+v, want event %d, a marker, three ends, 40 ms or more", i, d, want)
			}
		}
		p.hangup(id)
		callee.wantDone("a call with digits")
	})
}

// TestDTMFIn: each digit is reported once, also when packets of it are lost.
func TestDTMFIn(t *testing.T) {
	t.Parallel()
	t.Run("baresip", func(t *testing.T) {
		t.Parallel()
		b := startBaresip(t, baresipOptions{})
		p := startPhone(t, phoneOptions{})
		id := p.dial(b.user)
		p.wantCall("baresip answers", "connected")
		b.wantEvent("audio arrives at baresip", 0, "CALL_RTPESTAB")
		b.command("sndcode", "159#")
		eventually(t, "the phone hears the digits", func() bool { return p.heardDigits() == "159#" })
		p.hangup(id)
	})
	t.Run("lost packets", func(t *testing.T) {
		t.Parallel()
		p := startPhone(t, phoneOptions{})
		tap := startTap(t)
		callee := startSIPp(t, sippOptions{scenario: "callee", values: map[string]any{"SDP": mediaLines{rtp: tap.addr}}})
		id := p.dial(callee.number)
		to := p.wantCallRTP("answered")
		header := tap.newHeader(101)
		tap.press(to, header, 101, 1, 0, false)
		tap.press(to, header, 101, 1, 4, false) // the start is lost
		tap.press(to, header, 101, 2, 0, true)  // the end is lost
		tap.press(to, header, 101, 10, 7, false)
		eventually(t, "each digit is heard once", func() bool { return p.heardDigits() == "112*" })
		p.hangup(id)
		callee.wantDone("a call with digits")
		if got := p.heardDigits(); got != "112*" {
			t.Errorf("the phone heard %q, want 112*", got)
		}
	})
}

// heardDigits are the digits the far end has sent in the newest call.
func (p *phone) heardDigits() string {
	p.t.Helper()
	calls := p.status().Calls
	if len(calls) == 0 {
		return ""
	}
	return calls[len(calls)-1].Heard
}
