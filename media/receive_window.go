package media

import "math"

// Implementation constants.
const (
	windowStep    = 0.5  // ms
	windowPackets = 1500 // 30 s of 20-ms packets: a clock 100 ppm off moves 3 ms meanwhile
	windowSpan    = 2048 // steps from the quickest to the slowest packet told apart, a power of two
	windowRecent  = 50   // packets that outvote the rest when all of them say that the path has changed

	restDelay   = 30.0  // ms from mouth to ear besides network and buffer
	bufferLeast = 1.0   // ms above the quickest packet
	lateMargin  = 1.0   // ms above the best delay, for the tail that has not been seen yet
	forgetAbove = 300.0 // ms by which every recent packet is early when a storm is forgotten
	newRoute    = 10.0  // ms by which they are at least when the route is new
	windowOdd   = 100   // one packet in so many may have been as early before
)

// A delayWindow knows how late packets come: the relative delays (arrival minus timestamp, in ms, of
// whatever zero) of the last windowPackets, counted in steps of windowStep. Packets enter and leave exactly, so
// drift and routes that change need no case of their own.
type delayWindow struct {
	counts    [windowSpan]uint16   // by delay modulo windowSpan
	delays    [windowPackets]int32 // in steps, in order of arrival from next on
	next, n   int
	low, high int32 // least and greatest delay counted
}

// add counts a packet with a relative delay in ms; the oldest makes room.
func (w *delayWindow) add(ms float64) {
	delay := int32(math.Floor(ms / windowStep))
	if w.n == windowPackets {
		w.take(w.delays[w.next])
	} else {
		w.n++
	}
	w.put(delay)
	w.delays[w.next] = delay
	if w.next++; w.next == windowPackets {
		w.next = 0
	}
	if w.low == delay && w.high-w.low >= windowSpan || w.high == delay && delay-w.low >= windowSpan {
		w.recount(w.n)
	}
}

// put counts a delay. The caller recounts when the span has grown too wide.
func (w *delayWindow) put(delay int32) {
	if w.n == 1 {
		w.low, w.high = delay, delay
	}
	w.low, w.high = min(w.low, delay), max(w.high, delay)
	w.counts[delay&(windowSpan-1)]++
}

// take uncounts a delay.
func (w *delayWindow) take(delay int32) {
	w.counts[delay&(windowSpan-1)]--
	for w.low < w.high && w.counts[w.low&(windowSpan-1)] == 0 {
		w.low++
	}
	for w.high > w.low && w.counts[w.high&(windowSpan-1)] == 0 {
		w.high--
	}
}

// recount keeps the newest n packets only. What is windowSpan above the least or more counts as the most
// that can be told apart.
func (w *delayWindow) recount(n int) {
	var kept [windowPackets]int32
	for i := range n {
		kept[i] = w.delays[(w.next-n+i+windowPackets)%windowPackets]
	}
	low := kept[0]
	for _, d := range kept[:n] {
		low = min(low, d)
	}
	clear(w.counts[:])
	w.n, w.next = 0, 0
	for _, d := range kept[:n] {
		d = min(d, low+windowSpan-1)
		w.n++
		w.put(d)
		w.delays[w.next] = d
		w.next = (w.next + 1) % windowPackets
	}
}

// revise forgets the packets before the last second when they no longer say anything: each one since came
// after target, or far before it, or before nearly all the others, as on a new route.
func (w *delayWindow) revise(target float64) {
	if w.n <= windowRecent {
		return
	}
	low, high := w.recent()
	if float64(low)*windowStep > target || float64(high)*windowStep < target-forgetAbove ||
		float64(high)*windowStep < target-newRoute && w.within(high) <= windowRecent+w.n/windowOdd {
		w.recount(windowRecent)
	}
}

// within counts the packets that came with a delay of at most high.
func (w *delayWindow) within(high int32) (n int) {
	for d := w.low; d <= high; d++ {
		n += int(w.counts[d&(windowSpan-1)])
	}
	return n
}

// recent is the least and greatest delay of the last second.
func (w *delayWindow) recent() (low, high int32) {
	at := w.next
	for i := range windowRecent {
		if at--; at < 0 {
			at = windowPackets - 1
		}
		d := w.delays[at]
		if i == 0 {
			low, high = d, d
		}
		low, high = min(low, d), max(high, d)
	}
	return low, high
}

// best is the relative delay in ms at which a call sounds best by ITU-T G.107, between what delay costs and
// what packets cost that come too late, when lost (a share) of them never come.
func (w *delayWindow) best(lost float64) float64 {
	late := w.n
	least, at := math.Inf(1), w.low
	for d := w.low; d <= w.high; d++ {
		n := int(w.counts[d&(windowSpan-1)])
		if n == 0 {
			continue
		}
		late -= n
		gone := 100 * (lost + float64(late)/float64(w.n))
		cost := delayCost[d-w.low+1] + emodelLossMax*gone/(gone+emodelRobust)
		if cost < least {
			least, at = cost, d
		}
	}
	return max(float64(at+1)*windowStep, w.least()+bufferLeast) + lateMargin
}

// least is the relative delay of the quickest packet, in ms.
func (w *delayWindow) least() float64 { return float64(w.low) * windowStep }

// spread is how many ms after the least the given share of the packets has come, at most limit.
func (w *delayWindow) spread(share, limit float64) float64 {
	left := int(float64(w.n) * (1 - share))
	late := w.n
	for d := w.low; d <= w.high; d++ {
		ms := float64(d-w.low+1) * windowStep
		if late -= int(w.counts[d&(windowSpan-1)]); late <= left || ms >= limit {
			return min(ms, limit)
		}
	}
	return limit
}

// delayCost is the delay impairment of buffers, by windowStep.
var delayCost = func() (cost [windowSpan + 1]float64) {
	for i := range cost {
		cost[i] = DelayImpairment(restDelay + float64(i)*windowStep)
	}
	return cost
}()
