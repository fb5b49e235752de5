package media

import "math"

// Specification constants, RFC 3389 section 3.
const (
	comfortLevel = 127           // mask of the level: so many dB below overload
	comfortZero  = 127           // octet of a reflection coefficient of 0
	comfortStep  = 258.0 / 32768 // of a reflection coefficient
)

// Implementation constants.
const (
	comfortOrder  = 12   // reflection coefficients taken; the rest is left out
	comfortBound  = 0.98 // of one: the filter rings, and does not howl
	comfortUnsaid = 0.7  // of the pauses heard, when the far end is silent and says nothing of it
)

// A comfort makes the noise that stands for a far end that sends nothing (RFC 3389): noise through the
// all-pole filter whose reflection coefficients it gave.
type comfort struct {
	on    bool
	start int64 // timestamp from which the far end is silent

	gain  float64 // of the noise before the filter, so that behind it the level is right
	order int
	taps  [comfortOrder + 1]float64
	state [comfortOrder]float64 // behind the filter, the newest first
	seed  uint32

	wide int // samples for each of the filter's, which are at 8 kHz
	half bool
	last int16
}

// describe takes a comfort noise payload.
func (c *comfort) describe(payload []byte) {
	rms := 32768 * math.Pow(10, -float64(payload[0]&comfortLevel)/20)
	var taps, before [comfortOrder + 1]float64
	taps[0] = 1
	order := min(len(payload)-1, comfortOrder)
	power := 1.0 // of the noise that the filter lifts to 1
	for i := 1; i <= order; i++ {
		k := (float64(payload[i]) - comfortZero) * comfortStep
		k = min(max(k, -comfortBound), comfortBound)
		before = taps
		for q := 1; q < i; q++ {
			taps[q] = before[q] + k*before[i-q]
		}
		taps[i] = k
		power *= 1 - k*k
	}
	c.taps, c.order, c.gain = taps, order, rms*math.Sqrt(power)
}

// level makes flat noise of that mean square, of a far end that did not describe its silence.
func (c *comfort) level(power float64) {
	c.order, c.gain = 0, math.Sqrt(power)
}

// covers says whether at is in the far end's silence.
func (c *comfort) covers(at int64) bool { return c.on && at >= c.start }

// next is the next sample. At 16 kHz every other lies between two of the filter's.
func (c *comfort) next() int16 {
	if c.wide < 2 {
		return c.filtered()
	}
	if c.half = !c.half; !c.half {
		return c.last
	}
	before := c.last
	c.last = c.filtered()
	return int16((int(before) + int(c.last)) / 2)
}

// filtered is the next sample of the filter.
func (c *comfort) filtered() int16 {
	c.seed = c.seed*1664525 + 1013904223
	v := float64(int32(c.seed)) / (1 << 31) * math.Sqrt(3) * c.gain
	for i := range c.order {
		v -= c.taps[i+1] * c.state[i]
	}
	copy(c.state[1:], c.state[:comfortOrder-1])
	c.state[0] = v
	return round(v)
}
