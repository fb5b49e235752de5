package main

import (
	"math"
	"testing"

	"dialtone/media"
)

// ideal is a trace of packets that all take 10 ms.
func ideal(n int) *trace {
	t := &trace{name: "ideal"}
	for i := range n {
		t.packets = append(t.packets, packet{seq: i, sent: float64(i) * packetMS, arrive: float64(i)*packetMS + 10})
	}
	return t
}

func TestMatcherTellsDelayAndAlteredSound(t *testing.T) {
	const seconds = 20
	ref := companded(speech(3, seconds*sampleRate))
	m := newMatcher(ref)
	tr := ideal(seconds * 50)
	const late = 37 * sampleRate / 1000
	out := make([]int16, len(ref)+sampleRate)
	copy(out[late:], ref)
	got := m.measure(tr, out, 0)
	if math.Abs(got.mean-27) > 0.01 || math.Abs(got.p95-27) > 0.01 || got.altered > 0 || got.changes > 0 {
		t.Errorf("a plain delay: %+v", got)
	}
	if want := rDefault - media.DelayImpairment(57); math.Abs(got.r-want) > 0.01 {
		t.Errorf("R %v, want %v", got.r, want)
	}

	// A second of it is turned upside down, and the last half comes 5 ms later.
	for i := range sampleRate {
		out[4*sampleRate+i] = ^out[4*sampleRate+i]
	}
	copy(out[len(out)/2+40:], append([]int16(nil), out[len(out)/2:len(out)-40]...))
	got = m.measure(tr, out, 0)
	if got.altered < 3 || got.altered > 5.1 || got.changes < 1 || math.Abs(got.p95-32) > 0.01 {
		t.Errorf("a second altered and a step of 5 ms: %+v", got)
	}
}

func TestMatcherOfSilence(t *testing.T) {
	ref := companded(speech(3, 10*sampleRate))
	m := newMatcher(ref)
	if got := m.measure(ideal(500), make([]int16, 10*sampleRate), 3); got.altered != 100 {
		t.Errorf("silence for speech: %+v", got)
	}
	out := append([]int16(nil), ref...)
	clear(out[2*sampleRate : 8*sampleRate])
	if got := m.measure(ideal(500), out, 0); got.altered < 30 {
		t.Errorf("silence for most of it: %+v", got)
	}
}

func TestMulawIsSymmetric(t *testing.T) {
	for v := 1; v <= math.MaxInt16; v++ {
		if a, b := mulaw(int16(v)), mulaw(int16(-v)); a^b != 0x80 {
			t.Fatalf("%d is coded as %#x, %d as %#x", v, a, -v, b)
		}
	}
	if a, b := mulaw(math.MinInt16), mulaw(-math.MaxInt16); a != b {
		t.Errorf("the least sample is coded as %#x", a)
	}
}

func TestRatingByG107(t *testing.T) {
	if r := rating(media.DelayImpairment(1), 0); r < 92.2 || r > 93.2 {
		t.Errorf("R is %v at best, want about 93", r)
	}
	if fall := rating(0, 0) - rating(0, 5); math.Abs(fall-95*5/30.1) > 0.01 {
		t.Errorf("5 %% altered cost %v", fall)
	}
}
