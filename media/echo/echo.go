// Package echo takes the loudspeaker out of the microphone of a speakerphone.
//
//	far ──┬─► loudspeaker ~~~ room ~~~► near ──(−)──► suppressor ──► out
//	      └─► filter (the room as far as it is known) ──┘  ▲
//	            ▲ its own uncertainty, delay, coherence ───┘
//
// The filter (kalman.go) is a partitioned-block frequency-domain Kalman filter: it knows for each
// frequency and each 10 ms of the room how sure it is of it, so it learns fast at first, and does not
// learn the voice of the user when both talk. delay.go finds how late the sound card is, residual.go
// what of the echo is left, and suppress.go takes that out too and fills in the noise of the room.
//
// A Canceller is a plain value: it reads no clock, has no goroutine, and the same samples give the same
// result on the same kind of processor. Nothing is allocated while it works.
//
// The filter is that of G. Enzner and P. Vary, "Frequency-domain adaptive Kalman filter for acoustic
// echo control in hands-free telephones" (Signal Processing 86, 2006), in the partitioned form of
// F. Kuech, E. Mabande and G. Enzner (ICASSP 2014). docs/decisions/011-echo.md tells what is different.
package echo

import (
	"fmt"
	"math"
)

// Implementation constants.
const (
	blocksPerSecond = 100
	periodsPerBlock = 2
	partitions      = 28 // blocks of the room: 280 ms
	maxBulk         = 25 // blocks the echo may be late before the room begins: 250 ms
	binHz           = blocksPerSecond / 2

	activePower = 10    // mean square of a far block that can be heard at all, -85 dBFS
	rail        = 32700 // a sample as loud is clipped, and no longer linear
	statsRate   = 0.01  // of Stats, once a block: a second
)

// A Canceller is one for each loudspeaker and its microphone. It is made by New.
type Canceller struct {
	block     int
	waiting   int       // samples in far and near
	far, near []float32 // the block that is being gathered
	out       []float32 // what is ready, two blocks at most
	ready     int

	filter   filter
	delay    delay
	residual residual
	suppress suppressor

	nearPower, errorPower, outPower float32 // while the far end is heard
}

// Stats is how a Canceller does.
type Stats struct {
	Linear float64 // echo return loss enhancement in dB of the filter alone, over about a second in which the far end was heard
	Total  float64 // the same with the suppressor. Both count what the user says against it
	Delay  int     // ms from far to near, in steps of 10; -1: not known yet
}

// New returns a Canceller for samples at 8000 or 16000 Hz. It panics at any other rate.
func New(rate int) *Canceller {
	if rate != 8000 && rate != 16000 {
		panic(fmt.Sprintf("echo.New: samples at %d Hz, there are 8000 and 16000", rate))
	}
	b := rate / blocksPerSecond
	t := newTransform(2 * b)
	return &Canceller{
		block: b, far: make([]float32, b), near: make([]float32, b),
		out: make([]float32, 2*b), ready: b / periodsPerBlock,
		filter: newFilter(t, b), delay: newDelay(t, b), residual: newResidual(t, b), suppress: newSuppressor(t, b),
	}
}

// Reset forgets the room.
func (c *Canceller) Reset() { *c = *New(c.block * blocksPerSecond) }

// Latency is how much later, in samples, what was in near is in out: 10 ms. Half of it is the wait for
// the second half of a block, the other half the suppressor's.
func (c *Canceller) Latency() int { return c.block }

// Process takes what is played, far, and what the microphone gives in the same time, near, and sets out
// to what the user said, Latency samples ago. The three are of one length, a multiple of 5 ms; other
// lengths panic. out may be near.
//
// far may be early by up to 250 ms, since a sound card plays late. It must not be late itself.
func (c *Canceller) Process(far, near, out []int16) {
	period := c.block / periodsPerBlock
	if len(far) != len(near) || len(out) != len(near) || len(near)%period != 0 {
		panic(fmt.Sprintf("echo: %d samples played, %d taken, %d wanted: not the same multiple of %d", len(far), len(near), len(out), period))
	}
	for at := 0; at < len(near); at += period {
		for i, v := range near[at : at+period] {
			c.far[c.waiting+i], c.near[c.waiting+i] = float32(far[at+i]), float32(v)
		}
		c.waiting += period
		if c.waiting == c.block {
			c.waiting = 0
			c.step(c.out[c.ready : c.ready+c.block])
			c.ready += c.block
		}
		for i, v := range c.out[:period] {
			out[at+i] = sample(v)
		}
		c.ready -= period
		copy(c.out, c.out[period:period+c.ready])
	}
}

// step works on the block gathered.
func (c *Canceller) step(out []float32) {
	f := &c.filter
	f.estimate(c.far, c.near)
	c.residual.analyse(f.e, f.y)
	f.learn(c.residual.misalignment())
	c.delay.look(f, c.near)
	if bulk, moved := c.delay.bulk(f.bulk); moved {
		f.move(bulk, c.delay.blocks)
	}
	c.suppress.apply(f, &c.residual, out)

	if f.heard == 0 {
		c.nearPower += statsRate * (square(c.near) - c.nearPower)
		c.errorPower += statsRate * (square(f.e[c.block:]) - c.errorPower)
		c.outPower += statsRate * (square(out) - c.outPower)
	}
}

// Stats returns how it goes.
func (c *Canceller) Stats() Stats {
	s := Stats{Delay: -1}
	if c.nearPower > 0 {
		s.Linear = 10 * math.Log10(float64((c.nearPower+1)/(c.errorPower+1)))
		s.Total = 10 * math.Log10(float64((c.nearPower+1)/(c.outPower+1)))
	}
	if c.delay.known {
		s.Delay = c.delay.blocks * 1000 / blocksPerSecond
	}
	return s
}

// square is the mean square of x.
func square(x []float32) float32 {
	var sum float32
	for _, v := range x {
		sum += v * v
	}
	return sum / float32(len(x))
}

// sample rounds to the nearest sample there is.
func sample(v float32) int16 {
	switch {
	case v >= math.MaxInt16:
		return math.MaxInt16
	case v <= math.MinInt16:
		return math.MinInt16
	case v < 0:
		return int16(v - 0.5)
	}
	return int16(v + 0.5) // NaN cannot be: estimate looks for it
}
