package main

// Specification constants, ITU-T G.107 with its default values, and G.113 appendix I for G.711 with
// packet-loss concealment.
const (
	rDefault = 93.2 // R without delay and loss
	bplG711  = 25.1 // packet-loss robustness
)

// restMS is the mouth-to-ear delay besides the buffer's: packet, capture, and the way to the ear.
const restMS = 30

// rating is R for a delay impairment and so many percent of altered sound.
func rating(impairment, altered float64) float64 {
	return rDefault - impairment - 95*altered/(altered+bplG711)
}

// The least and the greatest mean opinion score of listening, ITU-T P.800.1 and P.862.1.
const (
	mosLeast = 1.0
	mosMost  = 5.0
)

// listening is R, without delay, of a mean opinion score: the inverse of ITU-T G.107 annex B, which rises from
// rLeast on and gives 4.5 from 100 on.
func listening(mos float64) float64 {
	const rLeast = 6.6
	low, high := rLeast, 100.0
	for high-low > 1e-6 {
		r := (low + high) / 2
		if 1+0.035*r+r*(r-60)*(100-r)*7e-6 < mos {
			low = r
		} else {
			high = r
		}
	}
	return low
}
