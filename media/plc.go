package media

import "math"

// Implementation constants, in samples.
const (
	pitchMin    = 32  // 250 Hz
	pitchMax    = 160 // 50 Hz
	pitchWindow = 160
	plcHistory  = pitchMax + pitchWindow
	plcHold     = 80  // repeated at full strength
	plcFade     = 800 // then down to nothing
)

// A concealer invents what a lost packet may have said: the last pitch period again and again, fading
// (the idea of ITU-T G.711 appendix I, without its growing segments).
type concealer struct {
	past    [plcHistory]int16 // what was played last, the newest at the end
	period  [pitchMax]int16
	lag     int
	pos     int
	samples int // invented since begin
}

// heard notes what was played.
func (c *concealer) heard(pcm []int16) {
	if len(pcm) >= plcHistory {
		copy(c.past[:], pcm[len(pcm)-plcHistory:])
		return
	}
	copy(c.past[:], c.past[len(pcm):])
	copy(c.past[plcHistory-len(pcm):], pcm)
}

// back is the sample played n samples ago; 1 is the last.
func (c *concealer) back(n int) int { return int(c.past[plcHistory-n]) }

// begin continues what was played.
func (c *concealer) begin() {
	c.lag = c.pitch()
	c.pos, c.samples = 0, 0
	copy(c.period[:], c.past[plcHistory-c.lag:])
	// The end of the period is bent towards what came before its beginning, so that the repetition has
	// no step.
	n := c.lag / 4
	for i := range n {
		k := c.lag - n + i
		w := i + 1
		c.period[k] = int16((int(c.period[k])*(n+1-w) + int(c.past[plcHistory-2*c.lag+k])*w) / (n + 1))
	}
}

// next is the next invented sample.
func (c *concealer) next() int16 {
	v := int(c.period[c.pos])
	if c.pos++; c.pos == c.lag {
		c.pos = 0
	}
	fade := plcFade
	if c.samples > plcHold {
		fade = max(plcFade-(c.samples-plcHold), 0)
	}
	c.samples++
	return int16(v * fade / plcFade)
}

// pitch is the lag at which the newest samples are most like earlier ones.
func (c *concealer) pitch() int {
	const from = plcHistory - pitchWindow
	best, lag := math.Inf(-1), pitchMax
	for l := pitchMin; l <= pitchMax; l++ {
		var product, energy float64
		for i := from; i < plcHistory; i++ {
			a, b := float64(c.past[i]), float64(c.past[i-l])
			product += a * b
			energy += b * b
		}
		if like := product / math.Sqrt(energy+1); like > best {
			best, lag = like, l
		}
	}
	return lag
}
