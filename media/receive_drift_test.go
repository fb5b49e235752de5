package media

import (
	"math"
	"testing"
	"time"
)

// A day at clocks that differ by the most that crystals do: the delay stays where it is, and nothing is lost.
func TestADayOfDrift(t *testing.T) {
	hours := 24
	if underRace {
		hours = 1
	}
	for _, ppm := range []float64{100, -100} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			j := NewJitter(muLaw)
			voice := speech(muLaw, 12*160*30)
			payload := make([]byte, len(voice))
			muLaw.encodeTo(payload, voice)
			epoch := time.Unix(1000, 0)
			out := make([]int16, 40)
			slow := 1 + ppm/1e6 // local ms in one of the far end's
			least, most := math.Inf(1), 0.0
			sent := 0
			for k := range hours * 3600 * 200 {
				now := float64(k)*5 + 1
				for float64(sent)*20*slow <= now {
					at := epoch.Add(time.Duration(float64(sent) * 20 * slow * float64(time.Millisecond)))
					j.Push(at, uint16(sent), uint32(sent*160), payload[sent%360*160:][:160])
					sent++
				}
				j.Pull(epoch.Add(time.Duration(now*float64(time.Millisecond))), out)
				if k > 2000 {
					d := now - float64(j.play-int64(len(j.ahead))-40-j.zero)/samplesMS*slow
					least, most = min(least, d), max(most, d)
				}
			}
			if s := j.Stats(); least < 0 || most > 12 || s.Concealed > 0 || s.Late > 0 || s.Strayed > 0 {
				t.Errorf("at %v ppm the delay was %.1f to %.1f ms, want 0 to 12; %+v", ppm, least, most, s)
			}
			if got := j.drift.rate * 1e6; math.Abs(got-ppm) > 10 {
				t.Errorf("the clocks are said to differ by %.0f ppm, want %v", got, ppm)
			}
		})
	}
}
