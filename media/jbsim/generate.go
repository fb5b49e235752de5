package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// Implementation constants.
const (
	tracePackets = 9000 // 180 s
	spacingMS    = 0.6  // least time from one packet to the next through a queue
)

// A model is the physics of one kind of network. Times are in ms, lengths of the gamma distribution as
// shape and mean.
type model struct {
	kind    string
	note    string
	skewPPM float64
	base    float64 // of the path
	shape   float64 // of the jitter
	mean    float64
	stalls  float64 // a second: nothing comes, then all of it at once
	stall   float64 // median length, spread by a factor of e^stallSpread
	loss    float64 // share
	burst   float64 // mean length of a run of losses
	shift   func(at float64, saw *sawtooth) float64
	pairs   bool // the sender's timer is coarse: every other packet waits for the next
}

const stallSpread = 0.5

// models are the nine kinds of network, measured after real ones.
var models = []model{
	{kind: "lan", note: "switched LAN, +80 ppm drift", skewPPM: 80, base: 2, shape: 1, mean: 0.2},
	{kind: "wifi_ok", note: "home WiFi, stalls .25/s", skewPPM: -40, base: 6, shape: 1.5, mean: 1.8, stalls: 0.25, stall: 35, loss: 0.003, burst: 1.3},
	{kind: "wifi_busy", note: "busy WiFi, stalls 1/s", skewPPM: 60, base: 8, shape: 1.5, mean: 6, stalls: 1, stall: 55, loss: 0.015, burst: 1.6},
	{kind: "dsl_bulk", note: "bufferbloat sawtooth", skewPPM: 20, base: 15, shape: 2, mean: 4, loss: 0.007, burst: 1.5,
		shift: func(at float64, saw *sawtooth) float64 { return saw.at(at) }},
	{kind: "loss5", note: "5% random, no jitter", base: 20, shape: 1, mean: 0.5, loss: 0.05, burst: 1},
	{kind: "burst10", note: "10% Gilbert, mean burst 2.5", base: 20, shape: 1, mean: 0.5, loss: 0.1, burst: 2.5},
	{kind: "route", note: "route change +60 ms at 60 s, -60 ms at 120 s", skewPPM: -100, base: 30, shape: 2, mean: 4, loss: 0.003, burst: 1,
		shift: func(at float64, _ *sawtooth) float64 { return step(at, 60_000, 120_000, 60) }},
	{kind: "step35", note: "+35 ms step at 40 s, -35 ms at 100 s", base: 20, shape: 1, mean: 1,
		shift: func(at float64, _ *sawtooth) float64 { return step(at, 40_000, 100_000, 35) }},
	{kind: "clump40", note: "sender emits pairs every 40 ms", base: 30, shape: 1, mean: 0.5, pairs: true},
}

// step is by while at is within from and to.
func step(at, from, to, by float64) float64 {
	if at >= from && at < to {
		return by
	}
	return 0
}

// A sawtooth is a queue that a bulk transfer fills until it loses a packet, and fills again.
type sawtooth struct {
	random       *rand.Rand
	begin, until float64
	peak         float64
}

func (s *sawtooth) at(ms float64) float64 {
	for ms >= s.until {
		s.begin = s.until
		s.until += 3500 + 3000*s.random.Float64()
		s.peak = 100 + 50*s.random.Float64()
	}
	return s.peak * math.Pow((ms-s.begin)/(s.until-s.begin), 1.3)
}

// generate makes a trace of a kind. The same seed makes the same trace.
func generate(kind string, seed uint64) (*trace, error) {
	var names []string
	for _, m := range models {
		if m.kind == kind {
			return m.trace(seed), nil
		}
		names = append(names, m.kind)
	}
	return nil, fmt.Errorf("no kind %q: there are %s", kind, strings.Join(names, ", "))
}

func (m *model) trace(seed uint64) *trace {
	random := rand.New(rand.NewPCG(seed, 0x6a6273696d))
	saw := &sawtooth{random: random}
	t := &trace{name: m.kind, skewPPM: m.skewPPM, note: m.note}
	var (
		stallEnd, stallAt float64
		previous          float64 // arrival
		losing            bool
	)
	next := func() float64 {
		if m.stalls == 0 {
			return math.Inf(1)
		}
		return random.ExpFloat64() * 1000 / m.stalls
	}
	stallAt = next()
	for i := range tracePackets {
		sent := float64(i) * packetMS
		p := packet{seq: i, sent: sent}
		delay := m.base + m.jitter(random)
		if m.shift != nil {
			delay += m.shift(sent, saw)
		}
		if m.pairs && i%2 == 0 {
			delay += packetMS
		}
		at := sent + delay
		for at >= stallAt {
			stallEnd = stallAt + m.stall*math.Exp(stallSpread*random.NormFloat64())
			stallAt += next()
		}
		if at < stallEnd {
			at = stallEnd
		}
		if m.shift == nil || at > previous-packetMS { // a queue keeps the order; a new route need not
			at = max(at, previous+spacingMS*random.Float64())
		}
		previous = at
		p.arrive = at
		// Gilbert: runs of burst packets, loss of them all.
		switch {
		case m.loss == 0:
		case losing:
			losing = random.Float64() < 1-1/m.burst
		default:
			losing = random.Float64() < m.loss/(m.burst*(1-m.loss))
		}
		if losing {
			p.arrive = lost
		}
		t.packets = append(t.packets, p)
	}
	return t
}

// jitter is gamma distributed.
func (m *model) jitter(random *rand.Rand) float64 {
	if m.shape == 1 {
		return m.mean * random.ExpFloat64()
	}
	// Marsaglia and Tsang, for shapes above 1.
	d := m.shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := random.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v *= v * v
		if u := random.Float64(); math.Log(u) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v * m.mean / m.shape
		}
	}
}
