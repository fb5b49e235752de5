package main

import (
	"math"
	"math/rand/v2"
)

// speech makes n samples that behave like a voice: syllables of harmonics of a gliding pitch under
// moving formants, hisses, short closures, and pauses of a noisy room between phrases. About -26 dBov.
func speech(seed uint64, n int) []int16 {
	random := rand.New(rand.NewPCG(seed, 0x737065656368))
	pcm := make([]int16, 0, n+sampleRate)
	between := func(a, b float64) float64 { return a + (b-a)*random.Float64() }
	var s synth
	s.random = random
	for len(pcm) < n {
		pitch := between(95, 210)
		for range 3 + random.IntN(9) { // syllables of a phrase
			if random.IntN(3) > 0 {
				pcm = s.hiss(pcm, int(between(0.04, 0.11)*sampleRate), between(300, 1200))
			} else {
				pcm = s.rest(pcm, int(between(0.02, 0.06)*sampleRate))
			}
			pcm = s.vowel(pcm, int(between(0.09, 0.28)*sampleRate), pitch*between(0.9, 1.15), between(0.85, 1.1),
				[2]float64{between(300, 800), between(300, 800)}, [2]float64{between(900, 2300), between(900, 2300)}, between(3000, 9000))
		}
		pcm = s.rest(pcm, int(between(0.25, 1.1)*sampleRate))
	}
	return pcm[:n]
}

type synth struct {
	random *rand.Rand
	phase  float64
	last   float64
}

func (s *synth) noise() float64 { return s.random.NormFloat64() }

// rest is the noise of the room.
func (s *synth) rest(pcm []int16, n int) []int16 {
	for range n {
		s.last += 0.4 * (12*s.noise() - s.last)
		pcm = append(pcm, int16(s.last))
	}
	return pcm
}

func (s *synth) hiss(pcm []int16, n int, loud float64) []int16 {
	for i := range n {
		v := s.noise()
		pcm = append(pcm, int16(loud*math.Sin(math.Pi*float64(i)/float64(n))*(v-s.last/40)*0.7))
		s.last = 20 * v
	}
	return pcm
}

// vowel is a pitch that glides by the factor glide under two formants that move.
func (s *synth) vowel(pcm []int16, n int, pitch, glide float64, f1, f2 [2]float64, loud float64) []int16 {
	const harmonics = 30
	var gain [harmonics]float64
	for i := range n {
		x := float64(i) / float64(n)
		f := pitch * (1 + (glide-1)*x) * (1 + 0.004*s.noise()*0.2)
		s.phase += f / sampleRate
		if i%40 == 0 {
			a, b := f1[0]+(f1[1]-f1[0])*x, f2[0]+(f2[1]-f2[0])*x
			for h := range gain {
				hz := f * float64(h+1)
				gain[h] = 0
				if hz < 3600 {
					gain[h] = resonance(hz, a, 90) + 0.6*resonance(hz, b, 130) + 0.01
				}
			}
		}
		var v float64
		for h, g := range gain {
			if g > 0 {
				v += g * math.Sin(2*math.Pi*s.phase*float64(h+1)+float64(h*h)*0.7)
			}
		}
		envelope := min(1, 12*x, 8*(1-x))
		pcm = append(pcm, int16(min(max(loud*envelope*(v+0.02*s.noise())*0.5, -30000), 30000)))
	}
	return pcm
}

func resonance(hz, centre, width float64) float64 {
	d := (hz - centre) / width
	return 1 / math.Sqrt(1+d*d)
}
