package media

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// late plays seconds of signal whose first packets all come so many ms late, and returns what was heard. The
// delay it begins with is that much over its target.
func late(ms int, seconds float64, signal func(i int) float64) ([]int16, *Jitter) {
	j := NewJitter(muLaw, sampleRate)
	epoch := time.Unix(9, 0)
	payload := make([]byte, 160)
	out := make([]int16, 40)
	var heard []int16
	sent := 0
	for at := 0; float64(at) < seconds*1000; at += 5 {
		now := epoch.Add(time.Duration(at) * time.Millisecond)
		for ; at >= ms && sent*20 <= at; sent++ {
			for i := range payload {
				payload[i] = muLaw.encode[uint16(round(signal(sent*160+i)))]
			}
			j.Push(now, uint16(sent), uint32(sent*160), payload)
		}
		j.Pull(now, out)
		heard = append(heard, out...)
	}
	return heard, j
}

// steps is the greatest difference of two samples in a row.
func steps(pcm []int16) (most int) {
	for i := 1; i < len(pcm); i++ {
		most = max(most, abs(int(pcm[i])-int(pcm[i-1])))
	}
	return most
}

func TestSpeechIsShortenedOnlyWhenFarTooLate(t *testing.T) {
	for _, tt := range []struct {
		ms          int
		least, most time.Duration // skipped
	}{{40, 0, 0}, {55, 0, 0}, {100, 30 * time.Millisecond, 50 * time.Millisecond}, {300, 230 * time.Millisecond, 250 * time.Millisecond}} {
		heard, j := late(tt.ms, 6, tone)
		s := j.Stats()
		if s.Skipped < tt.least || s.Skipped > tt.most || s.Concealed > 0 {
			t.Errorf("%d ms late: %v skipped, want %v to %v; %+v", tt.ms, s.Skipped, tt.least, tt.most, s)
		}
		plain, _ := late(0, 6, tone)
		begin := (tt.ms + 10) * samplesMS
		if got, want := steps(heard[begin:]), steps(plain[80:]); got > want*12/10 {
			t.Errorf("%d ms late: a step of %d, the voice has %d", tt.ms, got, want)
		}
		if got, want := rms(heard[begin:]), rms(plain[80:]); math.Abs(got/want-1) > 0.03 {
			t.Errorf("%d ms late: as loud as %.0f, the voice is %.0f", tt.ms, got, want)
		}
	}
}

// In a pause the delay goes to its target, and to where packets begin with a pull.
func TestPausesAreShortenedToTheTarget(t *testing.T) {
	noise := uint32(3)
	_, j := late(200, 1.5, func(i int) float64 {
		noise = noise*1664525 + 1013904223
		return float64(noise>>16&63) - 32
	})
	over := j.played - j.target
	if over < -slackBelow-1 || over > 5.5 {
		t.Errorf("the delay stays %.1f ms over its target", over)
	}
	if fit, rest := j.misfit(40); fit >= scaleFine || rest != 0 {
		t.Errorf("packets begin %d samples after a pull", fit)
	}
}

// A pause gives back much delay at once: one seam, not one for each 15 ms.
func TestAPauseIsCutAtOnce(t *testing.T) {
	noise := uint32(3)
	var said []int16
	heard, j := late(75, 0.3, func(i int) float64 {
		noise = noise*1664525 + 1013904223
		v := float64(noise>>16&63) - 32
		said = append(said, muLaw.decode[muLaw.encode[uint16(round(v))]])
		return v
	})
	if over := j.played - j.target; over > 5.5 {
		t.Errorf("the delay stays %.1f ms over its target", over)
	}
	kept := 0 // blocks played as they were said
	for at := 0; at+40 <= len(heard); at += 40 {
		if find(said, heard[at:at+40]) >= 0 {
			kept++
		}
	}
	if want := 60 - 75/5 - 5; kept < want {
		t.Errorf("%d blocks of 5 ms are as they were said, want %d", kept, want)
	}
}

// What is cut is a pause to its end.
func TestSpeechAfterAPauseIsNotCut(t *testing.T) {
	j := NewJitter(muLaw, sampleRate)
	const pause = 330
	random := rand.New(rand.NewPCG(8, 8))
	for i := range pauseMost + scaleFade {
		v := 15 * random.NormFloat64()
		if i >= pause {
			v = tone(i)
		}
		j.ahead = append(j.ahead, round(v))
	}
	said := append([]int16(nil), j.ahead...)
	j.shorten(pauseMost, 0, true)
	cut := len(said) - len(j.ahead)
	if least := pause/quietLook*quietLook - scaleFade; cut < least || cut > pause {
		t.Errorf("%d samples of a pause of %d were cut, want %d at least", cut, pause, least)
	}
	if !slices.Equal(j.ahead[scaleFade:], said[cut+scaleFade:]) {
		t.Error("what follows the seam is not as it was said")
	}
}

func TestAHumIsNotCutAgainstItself(t *testing.T) {
	for _, hz := range []float64{50, 100, 120, 300} {
		hum := func(i int) float64 { return 280 * math.Sin(2*math.Pi*float64(i)*hz/sampleRate) }
		heard, j := late(120, 3, hum)
		if j.Stats().Skipped < 50*time.Millisecond {
			t.Errorf("%v Hz: nothing was shortened: %+v", hz, j.Stats())
		}
		for at := 130 * samplesMS; at+160 < len(heard); at += 40 {
			if got := rms(heard[at : at+160]); got < 60 {
				t.Errorf("%v Hz: at sample %d it is only %.0f loud, the hum is 198", hz, at, got)
				break
			}
		}
	}
}

func TestMisfit(t *testing.T) {
	for _, tt := range []struct{ length, pull, ahead, fit, rest int }{
		{160, 40, 0, 0, 0}, {160, 40, 30, 30, 0}, {160, 40, 75, 35, 0}, {110, 40, 7, 7, 30}, {80, 160, 10, 10, 80}, {480, 40, 39, 39, 0},
	} {
		j := NewJitter(muLaw, sampleRate)
		j.length, j.newest, j.play = tt.length, 10_000, 10_000-int64(tt.ahead)
		if fit, rest := j.misfit(tt.pull); fit != tt.fit || rest != tt.rest {
			t.Errorf("packets of %d in pulls of %d: %d and %d, want %d and %d", tt.length, tt.pull, fit, rest, tt.fit, tt.rest)
		}
	}
}
