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
