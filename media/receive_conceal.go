package media

import "math"

// Implementation constants, in samples at 8 kHz.
const (
	pitchLeast   = 32                        // 250 Hz
	pitchMost    = 120                       // 67 Hz
	pitchWindow  = 80                        // that are compared: a voice does not stay the same for much longer
	pitchBend    = 6                         // the last such part of a period is bent
	pastSamples  = 2*pitchMost + pitchWindow // what a concealment looks back at
	concealHold  = 160                       // repeated at full strength
	concealFade  = 800                       // then down to nothing
	concealMost  = 480                       // longest gap that is bridged from both sides at once
	pauseLeast   = 2 * quietLook             // of a pause that are known, when it is repeated as it is
	pauseHold    = 1600                      // repeated at full strength, a pause
	mergeOverlap = 40
)

// A repetition continues a signal by its last pitch period again and again, the end of which is bent
// towards what came before its beginning (the idea of ITU-T G.711 appendix I, without its growing
// segments).
type repetition struct {
	wide   int // samples for one at 8 kHz
	period []float64
	lag    int
	pos    int
	n      int     // samples made
	gain   float64 // of the next
	hold   int     // samples at full strength
	steady bool    // does not fade: the other side of the gap is known
	pause  bool    // of a pause, which has no pitch
}

func newRepetition(wide int) repetition {
	return repetition{wide: wide, period: make([]float64, pastSamples*wide)}
}

// begin continues past, the newest sample last. Of a short past shorter periods are found. The newest quiet
// samples are of a pause: when there are enough and they do not hum, all of them are repeated, as noise has no
// period and a short one would make it hum.
func (r *repetition) begin(past []float64, quiet int) {
	n := len(past)
	r.pos, r.n, r.gain, r.steady = 0, 0, 1, false
	if r.pause = quiet >= pauseLeast*r.wide && !r.hums(past, quiet-mergeOverlap*r.wide); r.pause {
		r.lag, r.hold = quiet-mergeOverlap*r.wide, pauseHold*r.wide
		copy(r.period[:r.lag], past[n-r.lag:])
		r.bend(past, mergeOverlap*r.wide)
		return
	}
	r.hold = concealHold * r.wide
	most, window := pitchMost*r.wide, pitchWindow*r.wide
	if n < most+window {
		most = min(n/2, most)
		window = n - most
	}
	r.lag = pitch(past, min(pitchLeast*r.wide, most), most, window)
	copy(r.period[:r.lag], past[n-r.lag:])
	overlap := r.lag / pitchBend
	if n < 2*r.lag {
		overlap = 0
	}
	r.bend(past, overlap)
}

// bend turns the end of the period towards what came before its beginning.
func (r *repetition) bend(past []float64, overlap int) {
	for i := range overlap {
		w := float64(i+1) / float64(overlap+1)
		k := r.lag - overlap + i
		r.period[k] = (1-w)*r.period[k] + w*past[len(past)-2*r.lag+k]
	}
}

// next is the next sample.
func (r *repetition) next() float64 {
	if r.n >= r.hold && !r.steady {
		r.gain = max(0, r.gain-1/float64(concealFade*r.wide))
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
	for l := least; l <= most; l++ {
		if q := like(past, l, window); q > best+0.001 {
			best, lag = q, l
		}
	}
	return lag
}

// hums says whether the newest samples of past are very like some about most earlier.
func (r *repetition) hums(past []float64, most int) bool {
	lag := pitch(past, max(most-pitchMost*r.wide, most/2), most, mergeOverlap*r.wide)
	return like(past, lag, mergeOverlap*r.wide) >= humming
}

// like is the normalised correlation of the newest window samples of past with those lag earlier.
func like(past []float64, lag, window int) float64 {
	newest := past[len(past)-window:]
	earlier := past[len(past)-window-lag:]
	var product, power, energy float64
	for i, v := range newest {
		product += v * earlier[i]
		power += v * v
		energy += earlier[i] * earlier[i]
	}
	return product / (math.Sqrt(power*energy) + 1)
}

// A concealer invents what a lost packet may have said. It allocates nothing.
type concealer struct {
	forward  repetition
	backward repetition
	before   []float64
	after    []float64 // in reverse: the sample next to the gap last
	bridged  []float64
	tail     []float64
}

// newConcealer returns one for wide samples at each of 8 kHz.
func newConcealer(wide int) concealer {
	return concealer{
		forward: newRepetition(wide), backward: newRepetition(wide),
		before: make([]float64, pastSamples*wide), after: make([]float64, pastSamples*wide),
		bridged: make([]float64, concealMost*wide), tail: make([]float64, (mergeOverlap+pitchMost)*wide),
	}
}

// bridge fills gap, which lies between the samples the forward repetition continues and those in after,
// of which the newest known are valid: both sides are continued into it and cross-faded.
func (c *concealer) bridge(gap []int16, known, quiet int) {
	c.backward.begin(c.after[len(c.after)-known:], quiet)
	c.backward.steady = true
	for i := range gap {
		c.bridged[len(gap)-1-i] = c.backward.next()
	}
	fade := len(gap)
	if c.forward.pause && c.backward.pause { // noise and other noise would be weaker in between
		fade = min(fade, mergeOverlap*c.forward.wide)
	}
	for i := range gap {
		w := 0.5 - 0.5*math.Cos(math.Pi*(float64(max(0, i-len(gap)+fade))+0.5)/float64(fade))
		gap[i] = round((1-w)*c.forward.next() + w*c.bridged[i])
	}
}

// join finds where the running repetition is most like x: after how many more samples of it. It is at once when x
// is due now, and in a pause, which is like itself anywhere.
func (c *concealer) join(x []int16, due bool) int {
	c.ahead()
	if due || c.forward.pause {
		return 0
	}
	n := min(mergeOverlap*c.forward.wide, len(x))
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
		if like := product/(math.Sqrt(energy*power)+1) - 0.002*float64(k)/float64(c.forward.wide); like > best { // rather early
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
