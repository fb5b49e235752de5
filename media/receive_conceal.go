package media

import "math"

// Implementation constants, in samples.
const (
	pitchLeast   = 32                        // 250 Hz
	pitchMost    = 120                       // 67 Hz
	pitchWindow  = 80                        // that are compared: a voice does not stay the same for much longer
	pitchBend    = 6                         // the last such part of a period is bent
	pastSamples  = 2*pitchMost + pitchWindow // what a concealment looks back at
	concealHold  = 160                       // repeated at full strength
	concealFade  = 800                       // then down to nothing
	concealMost  = 480                       // longest gap that is bridged from both sides at once
	mergeOverlap = 40
)

// A repetition continues a signal by its last pitch period again and again, the end of which is bent
// towards what came before its beginning (the idea of ITU-T G.711 appendix I, without its growing
// segments).
type repetition struct {
	period [pitchMost]float64
	lag    int
	pos    int
	n      int     // samples made
	gain   float64 // of the next
	steady bool    // does not fade: the other side of the gap is known
}

// begin continues past, the newest sample last. Of a short past shorter periods are found.
func (r *repetition) begin(past []float64) {
	n := len(past)
	most, window := pitchMost, pitchWindow
	if n < most+window {
		most = min(n/2, pitchMost)
		window = n - most
	}
	r.lag = pitch(past, min(pitchLeast, most), most, window)
	copy(r.period[:r.lag], past[n-r.lag:])
	overlap := r.lag / pitchBend
	if n < 2*r.lag {
		overlap = 0
	}
	for i := range overlap {
		w := float64(i+1) / float64(overlap+1)
		k := r.lag - overlap + i
		r.period[k] = (1-w)*r.period[k] + w*past[n-2*r.lag+k]
	}
	r.pos, r.n, r.gain, r.steady = 0, 0, 1, false
}

// next is the next sample.
func (r *repetition) next() float64 {
	if r.n >= concealHold && !r.steady {
		r.gain = max(0, r.gain-1.0/concealFade)
	}
	r.n++
	v := r.period[r.pos] * r.gain
	if r.pos++; r.pos == r.lag {
		r.pos = 0
	}
	return v
}

// pitch is the lag, least to most, at which the newest window samples of past are most like earlier ones.
func pitch(past []float64, least, most, window int) int {
	best, lag := math.Inf(-1), least
	n := len(past)
	newest := past[n-window:]
	var power float64
	for _, v := range newest {
		power += v * v
	}
	for l := least; l <= most; l++ {
		earlier := past[n-window-l:][:window]
		var product, energy float64
		for i, v := range newest {
			product += v * earlier[i]
			energy += earlier[i] * earlier[i]
		}
		if like := product / (math.Sqrt(power*energy) + 1); like > best+0.001 {
			best, lag = like, l
		}
	}
	return lag
}

// A concealer invents what a lost packet may have said. It allocates nothing.
type concealer struct {
	forward  repetition
	backward repetition
	before   [pastSamples]float64
	after    [pastSamples]float64 // in reverse: the sample next to the gap last
	bridged  [concealMost]float64
	tail     [mergeOverlap + pitchMost]float64
}

// bridge fills gap, which lies between the samples the forward repetition continues and those in after,
// of which the newest known are valid: both sides are continued into it and cross-faded.
func (c *concealer) bridge(gap []int16, known int) {
	c.backward.begin(c.after[pastSamples-known:])
	c.backward.steady = true
	for i := range gap {
		c.bridged[len(gap)-1-i] = c.backward.next()
	}
	for i := range gap {
		w := 0.5 - 0.5*math.Cos(math.Pi*(float64(i)+0.5)/float64(len(gap)))
		gap[i] = round((1-w)*c.forward.next() + w*c.bridged[i])
	}
}

// join finds where the running repetition is most like x: after how many more samples of it.
func (c *concealer) join(x []int16) int {
	c.ahead()
	n := min(mergeOverlap, len(x))
	best, at := math.Inf(-1), 0
	var power float64
	for _, v := range x[:n] {
		power += float64(v) * float64(v)
	}
	for k := range c.forward.lag {
		var product, energy float64
		for i, v := range x[:n] {
			product += c.tail[k+i] * float64(v)
			energy += c.tail[k+i] * c.tail[k+i]
		}
		if like := product/(math.Sqrt(energy*power)+1) - 0.002*float64(k); like > best { // rather early
			best, at = like, k
		}
	}
	return at
}

// ahead writes what the running repetition will say into tail, without moving it.
func (c *concealer) ahead() {
	r := c.forward
	for i := range c.tail {
		c.tail[i] = r.next()
	}
}

// round is v as a sample.
func round(v float64) int16 {
	return int16(min(max(math.Round(v), math.MinInt16), math.MaxInt16))
}
