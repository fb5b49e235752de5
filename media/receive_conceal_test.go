package media

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestInventedPeriodsJoin(t *testing.T) {
	r := newRepetition(1)
	past := make([]float64, pastSamples)
	for i := range past { // nothing periodic: a slope
		past[i] = float64(50 * i)
	}
	r.begin(past, 0)
	last := r.next()
	for i := 1; i < r.lag; i++ {
		last = r.next()
	}
	if step := math.Abs(r.next() - last); step > 700 {
		t.Errorf("a step of %v where a period of %d samples begins again", step, r.lag)
	}
}

// tone is a voice-like periodic signal at sample i.
func tone(i int) float64 {
	x := 2 * math.Pi * float64(i) * 125 / sampleRate
	return 4000*math.Sin(x) + 2500*math.Sin(2*x+1) + 1500*math.Sin(5*x+2)
}

func TestAGapIsBridgedFromBothSides(t *testing.T) {
	for _, gap := range []int{80, 160, 320, concealMost} {
		for _, known := range []int{160, pastSamples} {
			c := newConcealer(1)
			for i := range c.before {
				c.before[i] = tone(i - pastSamples)
			}
			for i := range known {
				c.after[pastSamples-1-i] = tone(gap + i)
			}
			c.forward.begin(c.before[:], 0)
			c.forward.steady = true
			out := make([]int16, gap)
			c.bridge(out, known, 0)
			var wrong, power float64
			for i, v := range out {
				wrong += (float64(v) - tone(i)) * (float64(v) - tone(i))
				power += tone(i) * tone(i)
			}
			if db := 10 * math.Log10(power/wrong); db < 15 {
				t.Errorf("a gap of %d with %d known behind it is bridged %.1f dB above the error, want 15", gap, known, db)
			}
		}
	}
}

// When the voice changes over the gap, its end is like what follows, which no look back can know.
func TestTheEndOfAGapIsLikeWhatFollows(t *testing.T) {
	c := newConcealer(1)
	for i := range c.before {
		c.before[i] = tone(i)
	}
	loud := func(i int) float64 { return 8000 * math.Sin(2*math.Pi*float64(i)*200/sampleRate) }
	for i := range pastSamples {
		c.after[pastSamples-1-i] = loud(i)
	}
	c.forward.begin(c.before[:], 0)
	c.forward.steady = true
	out := make([]int16, 160)
	c.bridge(out, pastSamples, 0)
	var wrong, power float64
	for i, v := range out[130:] {
		want := loud(i - 30)
		wrong += (float64(v) - want) * (float64(v) - want)
		power += want * want
	}
	if wrong > 0.2*power {
		t.Errorf("the last samples miss what follows by %.0f %%", 100*wrong/power)
	}
}

func TestWithNothingInHandTheSoundFades(t *testing.T) {
	r := newRepetition(1)
	past := make([]float64, pastSamples)
	for i := range past {
		past[i] = tone(i)
	}
	r.begin(past, 0)
	most := func(n int) (m float64) {
		for range n {
			m = max(m, math.Abs(r.next()))
		}
		return m
	}
	full := most(concealHold)
	if half := most(concealFade / 2); half < 0.7*full {
		t.Errorf("just after 20 ms it is %v, was %v", half, full)
	}
	most(concealFade / 2)
	if end := most(100); end != 0 {
		t.Errorf("after 120 ms something as loud as %v goes on", end)
	}
}

// A pause that is bridged is as loud as around, and sounds like noise: no dip between two noises that are faded, no
// period of a few ms that hums.
func TestAPauseIsBridgedByItsNoise(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	const gaps, gap = 200, 160
	var power [gap]float64
	likeness := 0.0
	for range gaps {
		c := newConcealer(1)
		for i := range c.before {
			c.before[i], c.after[i] = 20*random.NormFloat64(), 20*random.NormFloat64()
		}
		c.forward.begin(c.before[:], pastSamples)
		c.forward.steady = true
		out := make([]int16, gap)
		c.bridge(out, pastSamples, pastSamples)
		for i, v := range out {
			power[i] += float64(v) * float64(v) / gaps
		}
		most := 0.0
		for lag := pitchLeast; lag <= 80; lag++ {
			most = max(most, alike(out[lag:], out[:gap-lag]))
		}
		likeness += most / gaps
	}
	for i := 0; i+20 <= gap; i += 20 {
		var mean float64
		for _, p := range power[i:][:20] {
			mean += p / 20
		}
		if db := 10 * math.Log10(mean/400); math.Abs(db) > 0.8 && i+20 <= gap-mergeOverlap || db < -3 {
			t.Errorf("from sample %d on the noise is %.1f dB louder than it was", i, db)
		}
	}
	if likeness > 0.5 {
		t.Errorf("it hums: like itself by %.2f", likeness)
	}
}

// A hum goes on as a hum.
func TestAHumIsContinuedInPhase(t *testing.T) {
	hum := func(i int) float64 { return 150 * math.Sin(2*math.Pi*float64(i)*120/sampleRate) }
	r := newRepetition(1)
	past := make([]float64, pastSamples)
	for i := range past {
		past[i] = hum(i - pastSamples)
	}
	r.begin(past, pastSamples)
	for i := range 160 {
		if got := r.next(); math.Abs(got-hum(i)) > 30 {
			t.Fatalf("sample %d is %.0f, the hum %.0f", i, got, hum(i))
		}
	}
}
