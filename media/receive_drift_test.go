package media

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// A day at clocks that differ by the most that crystals do: the delay stays where it is, and nothing is lost. Hours on
// a network with jitter and loss: it stays below what that asks for.
func TestADayOfDrift(t *testing.T) {
	for _, tt := range []struct {
		ppm, jitter, loss float64 // jitter: mean, in ms
		hours             int
		most, near        float64 // delay in ms, ppm
	}{{100, 0, 0, 24, 12, 10}, {-100, 0, 0, 24, 12, 10}, {100, 3, 0.01, 3, 80, 5}, {-100, 3, 0.01, 3, 80, 5}} {
		t.Run(fmt.Sprint(tt.ppm, " ppm, jitter ", tt.jitter), func(t *testing.T) {
			t.Parallel()
			if underRace {
				tt.hours = 1
			}
			j := NewJitter(muLaw, sampleRate)
			voice := speech(muLaw, 12*160*30)
			payload := make([]byte, len(voice))
			muLaw.encodeTo(payload, voice)
			random := rand.New(rand.NewPCG(9, 9))
			epoch := time.Unix(1000, 0)
			out := make([]int16, 40)
			slow := 1 + tt.ppm/1e6 // local ms in one of the far end's
			least, most := math.Inf(1), 0.0
			sent, last := 0, 0.0
			arrival := func() float64 {
				last = max(last, float64(sent)*20*slow+tt.jitter*random.ExpFloat64())
				return last
			}
			for k, at := 0, 0.0; k < tt.hours*3600*200; k++ {
				now := float64(k)*5 + 1
				for at <= now {
					if random.Float64() >= tt.loss {
						j.Push(epoch.Add(time.Duration(at*float64(time.Millisecond))), uint16(sent), uint32(sent*160), payload[sent%360*160:][:160])
					}
					sent++
					at = arrival()
				}
				j.Pull(epoch.Add(time.Duration(now*float64(time.Millisecond))), out)
				if k > 2000 {
					d := now - float64(j.play-int64(len(j.ahead))-40-j.zero)/samplesMS*slow
					least, most = min(least, d), max(most, d)
				}
			}
			s := j.Stats()
			if least < 0 || most > tt.most || s.Strayed > 0 {
				t.Errorf("the delay was %.1f to %.1f ms, want 0 to %v; %+v", least, most, tt.most, s)
			}
			if gone := tt.loss * float64(tt.hours) * 3600; s.Concealed.Seconds() > 1.05*gone || tt.loss == 0 && s.Late > 0 {
				t.Errorf("%.0f s of voice were lost; %+v", gone, s)
			}
			if got := j.drift.rate * 1e6; math.Abs(got-tt.ppm) > tt.near {
				t.Errorf("the clocks are said to differ by %.0f ppm", got)
			}
		})
	}
}
