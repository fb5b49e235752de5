package main

import "math"

// Specification constants, ITU-T G.107 with its default values, and G.113 appendix I for G.711 with
// packet-loss concealment.
const (
	rDefault = 93.2 // R without delay and loss
	bplG711  = 25.1 // packet-loss robustness
	echoTELR = 65.0
	echoWEPL = 110.0
	noiseNo  = -61.2 // dBm0p, all circuit noise
	receive  = 2.0   // RLR
)

// restMS is the mouth-to-ear delay besides the buffer's: packet, capture, and the way to the ear.
const restMS = 30

// delayImpairment is Id of ITU-T G.107 section 7.4 at a mouth-to-ear delay in ms.
func delayImpairment(ms float64) float64 {
	ro := -1.5 * (noiseNo - receive)
	terv := echoTELR - 40*math.Log10((1+ms/10)/(1+ms/150)) + 6*math.Exp(-0.3*ms*ms)
	re := 80 + 2.5*(terv-14)
	talker := ((ro-re)/2 + math.Sqrt((ro-re)*(ro-re)/4+100) - 1) * (1 - math.Exp(-ms))
	rle := 10.5 * (echoWEPL + 7) * math.Pow(2*ms+1, -0.25)
	listener := (ro-rle)/2 + math.Sqrt((ro-rle)*(ro-rle)/4+169)
	var absolute float64
	if ms > 100 {
		x := math.Log2(ms / 100)
		absolute = 25 * (math.Pow(1+math.Pow(x, 6), 1.0/6) - 3*math.Pow(1+math.Pow(x/3, 6), 1.0/6) + 2)
	}
	return talker + listener + absolute
}

// rating is R for a delay impairment and so many percent of altered sound.
func rating(impairment, altered float64) float64 {
	return rDefault - impairment - 95*altered/(altered+bplG711)
}
