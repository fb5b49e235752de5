package exchange

import "math"

// Implementation constants.
const (
	sampleRate = 8000
	loudness   = 7000 // peak of one note, of 32767; notes overlap while they fade
	fade       = 3.2  // 1/s, how fast a note dies away
	attack     = 64   // samples until a note is at its loudest
)

// A note is one of an equal-tempered scale: half tones above a' (440 Hz), and its length in beats.
type note struct {
	tone  int
	beats float64
}

const rest = -100 // a tone that is none

// tune is a little round of ours in G major, for a music box; jingle its first bars.
var (
	tune = []note{
		{-2, 1}, {2, 1}, {5, 1}, {2, 1}, {7, 1.5}, {5, .5}, {2, 2},
		{0, 1}, {3, 1}, {7, 1}, {3, 1}, {9, 1.5}, {7, .5}, {3, 2},
		{2, 1}, {5, 1}, {10, 1}, {5, 1}, {9, 1}, {7, 1}, {5, 1}, {3, 1},
		{2, 1}, {5, 1}, {3, 1}, {0, 1}, {-2, 3}, {rest, 1},
	}
	jingle = tune[:7]
)

// synthesise plays notes with a beat of so many samples: sine waves with two overtones, struck and dying
// away, as of a music box. The last note fades into the beginning, so that the melody can loop.
func synthesise(notes []note, beat int) []int16 {
	total := 0
	for _, n := range notes {
		total += int(n.beats * float64(beat))
	}
	sum := make([]float64, total)
	at := 0
	for _, n := range notes {
		if n.tone != rest {
			hertz := 440 * math.Pow(2, float64(n.tone)/12)
			for i := range min(total, 2*sampleRate) {
				t := float64(i) / sampleRate
				w := 2 * math.Pi * hertz * t
				v := math.Sin(w) + .35*math.Sin(2*w)*math.Exp(-2*t) + .12*math.Sin(3*w)*math.Exp(-5*t)
				sum[(at+i)%total] += v * math.Exp(-fade*t) * min(1, float64(i)/attack)
			}
		}
		at += int(n.beats * float64(beat))
	}
	out := make([]int16, total)
	for i, v := range sum {
		out[i] = int16(math.Round(max(-32000, min(32000, v*loudness))))
	}
	return out
}
