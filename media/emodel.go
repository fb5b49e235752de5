package media

import "math"

// Specification constants of the E-model for G.711 with packet-loss concealment, ITU-T G.107 and
// G.113 appendix I.
const (
	emodelR0       = 93.2
	emodelRobust   = 25.1 // Bpl
	emodelDelay    = 0.024
	emodelKnee     = 177.3 // ms
	emodelPastKnee = 0.11
	emodelLossMax  = 95.0
)

// listeningQuality is R and the MOS-LQ or -CQ it stands for, from the mouth-to-ear delay in ms and the
// share of voice that was lost.
func listeningQuality(delay, lost float64) (r, mos float64) {
	percent := lost * 100
	r = emodelR0 - emodelDelay*delay - emodelLossMax*percent/(percent+emodelRobust)
	if delay > emodelKnee {
		r -= emodelPastKnee * (delay - emodelKnee)
	}
	r = min(max(r, 0), 100)
	mos = 1 + 0.035*r + r*(r-60)*(100-r)*7e-6
	return r, math.Round(max(mos, 1)*100) / 100
}

// Specification constants of the E-model's echo and delay terms, ITU-T G.107 table 2: the default values.
const (
	emodelTELR  = 65.0  // dB, talker echo loudness rating
	emodelWEPL  = 110.0 // dB, weighted echo path loss
	emodelNoise = -61.2 // dBm0p, all circuit noise
	emodelRLR   = 2.0   // dB, receive loudness rating
)

// DelayImpairment is Id of ITU-T G.107 section 7.4 at a mouth-to-ear delay in ms, from 1 on.
func DelayImpairment(ms float64) float64 {
	ro := -1.5 * (emodelNoise - emodelRLR)
	terv := emodelTELR - 40*math.Log10((1+ms/10)/(1+ms/150)) + 6*math.Exp(-0.3*ms*ms)
	re := 80 + 2.5*(terv-14)
	talker := ((ro-re)/2 + math.Sqrt((ro-re)*(ro-re)/4+100) - 1) * (1 - math.Exp(-ms))
	rle := 10.5 * (emodelWEPL + 7) * math.Pow(2*ms+1, -0.25)
	listener := (ro-rle)/2 + math.Sqrt((ro-rle)*(ro-rle)/4+169)
	var absolute float64
	if ms > 100 {
		x := math.Log2(ms / 100)
		absolute = 25 * (math.Pow(1+math.Pow(x, 6), 1.0/6) - 3*math.Pow(1+math.Pow(x/3, 6), 1.0/6) + 2)
	}
	return talker + listener + absolute
}
