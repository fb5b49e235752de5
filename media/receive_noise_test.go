package media

import (
	"math"
	"testing"
	"time"
)

// sounds makes a second of noise of a comfort noise payload: its level in dBov, and how alike neighbouring
// samples are.
func sounds(payload ...byte) (level, alike float64) {
	var c comfort
	c.describe(payload)
	var power, product, last float64
	for range sampleRate {
		v := float64(c.next())
		power += v * v
		product += v * last
		last = v
	}
	return 10 * math.Log10(power/sampleRate/(32768*32768)), product / power
}

func TestComfortNoiseIsAsDescribed(t *testing.T) {
	for _, tt := range []struct {
		payload []byte
		level   float64
		alike   float64
	}{
		{[]byte{40}, -40, 0},
		{[]byte{60}, -60, 0},
		{[]byte{50, 127}, -50, 0},
		{[]byte{50, 27}, -50, 0.78}, // k1 = -0.79: low sounds
		{[]byte{50, 227}, -50, -0.78},
		{[]byte{45, 40, 160, 120, 130, 127, 120}, -45, 0.68},
	} {
		level, alike := sounds(tt.payload...)
		if math.Abs(level-tt.level) > 1 || math.Abs(alike-tt.alike) > 0.12 {
			t.Errorf("%v: %.1f dBov, neighbours alike by %.2f; want %v and %v", tt.payload, level, alike, tt.level, tt.alike)
		}
	}
}

func TestComfortNoiseOfAnyPayloadIsBounded(t *testing.T) {
	for _, k := range []byte{0, 255} {
		payload := []byte{30}
		for range 300 {
			payload = append(payload, k)
		}
		if level, _ := sounds(payload...); math.IsNaN(level) || level > -15 {
			t.Errorf("coefficients of %d: %v dBov, want about -30", k, level)
		}
	}
}

func rms(pcm []int16) float64 {
	var power float64
	for _, v := range pcm {
		power += float64(v) * float64(v)
	}
	return math.Sqrt(power / float64(len(pcm)))
}

// A far end with voice activity detection says that it is silent, twice, and then speaks again.
func TestComfortNoiseWhileTheFarEndIsSilent(t *testing.T) {
	b := newBench(t)
	b.run(0, 50, 1000)
	b.j.PushNoise(50, 1000+50*160, []byte{50})
	b.pull(400)
	b.j.PushNoise(51, 1000+70*160, []byte{50})
	b.pull(600)
	began := len(b.heard)
	for i := 100; i < 150; i++ {
		b.j.Push(b.now, uint16(52+i-100), 1000+uint32(i*160), b.payload(i))
		b.pull(20)
	}
	b.pull(100)
	b.hears("before the silence", 0, 50)
	if at := b.hears("after it, from the first packet on", 101, 150) - 20; at < began/8 || at > began/8+10 {
		t.Errorf("the voice goes on at %d ms, it came at %d", at, began/8)
	}
	pause := b.heard[began-6000 : began]
	if want := 32768 * math.Pow(10, -50.0/20); math.Abs(20*math.Log10(rms(pause)/want)) > 1 {
		t.Errorf("the silence sounds at %.1f, want %.1f", rms(pause), want)
	}
	s := b.j.Stats()
	if s.Concealed > 105*time.Millisecond || b.j.losses > lossLook { // the last 100 ms, after the end
		t.Errorf("silence looks like loss: %+v", s)
	}
}

// A far end that sends nothing while it is silent, and says nothing of it, has lost no packets.
func TestASilenceWithoutNoticeIsNoLoss(t *testing.T) {
	b := newBench(t)
	b.run(0, 50, 1000)
	b.pull(1000)
	for i := 100; i < 150; i++ {
		b.j.Push(b.now, uint16(50+i-100), 1000+uint32(i*160), b.payload(i))
		b.pull(20)
	}
	b.pull(100)
	b.hears("before the silence", 0, 50)
	b.hears("after it", 101, 150)
	if b.j.losses > 0.001 {
		t.Errorf("a silence counts as a loss of %.1f %%", 100*b.j.losses)
	}
}
