package media

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestWindowCountsExactlyTheLastPackets(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	var (
		w   delayWindow
		all []float64
	)
	for i := range 5 * windowPackets {
		ms := 30 + 10*random.ExpFloat64() - float64(i)*0.02 // drifts, and leaves the table on its way round
		w.add(ms)
		all = append(all, ms)
		if i%97 != 0 {
			continue
		}
		last := all[max(0, len(all)-windowPackets):]
		low, high := math.Inf(1), math.Inf(-1)
		for _, ms := range last {
			low, high = min(low, ms), max(high, ms)
		}
		if got, want := w.low, int32(math.Floor(low/windowStep)); got != want {
			t.Fatalf("packet %d: the quickest is %d, want %d", i, got, want)
		}
		if got, want := w.high, int32(math.Floor(high/windowStep)); got != want {
			t.Fatalf("packet %d: the slowest is %d, want %d", i, got, want)
		}
		n := 0
		for _, c := range w.counts {
			n += int(c)
		}
		if n != len(last) || w.within(w.high) != n {
			t.Fatalf("packet %d: %d counted, want %d", i, n, len(last))
		}
	}
}

func TestWindowWiderThanItCanTell(t *testing.T) {
	var w delayWindow
	for i := range 2 * windowPackets {
		w.add(float64(i%7) * 1000)
		if i > 100 && w.high-w.low >= windowSpan {
			t.Fatalf("packet %d: a span of %d steps", i, w.high-w.low)
		}
	}
	for range windowPackets {
		w.add(-5000)
	}
	if w.low != w.high || w.within(w.high) != windowPackets {
		t.Errorf("%d to %d, %d counted", w.low, w.high, w.within(w.high))
	}
}

// One packet in a hundred that is 30 ms late is worth waiting for, one in 1500 that is 600 late is not.
func TestBestDelayWeighsLatenessByG107(t *testing.T) {
	for _, tt := range []struct {
		every    int
		late     float64
		min, max float64
	}{
		{windowPackets + 1, 0, 1, 3}, {100, 30, 30, 33}, {500, 30, 30, 33}, {1400, 30, 0, 3},
		{1400, 600, 1, 3}, {10, 150, 150, 153}, {20, 300, 1, 3},
	} {
		var w delayWindow
		for i := range windowPackets {
			if i%tt.every == tt.every-1 {
				w.add(1000 + tt.late)
			} else {
				w.add(1000)
			}
		}
		if got := w.best(0) - 1000; got < tt.min || got > tt.max {
			t.Errorf("one in %d late by %v ms: %v ms, want %v to %v", tt.every, tt.late, got, tt.min, tt.max)
		}
	}
}

func TestWindowForgetsTheOldRoute(t *testing.T) {
	for _, tt := range []struct {
		name     string
		was, now float64
		packets  int
	}{{"shorter by 60 ms", 90, 30, 50}, {"longer by 60 ms", 30, 90, 50}, {"after a storm", 500, 30, 50}} {
		random := rand.New(rand.NewPCG(6, 6))
		var w delayWindow
		for range windowPackets {
			w.add(tt.was + 2*random.ExpFloat64())
		}
		target := w.best(0)
		for range tt.packets {
			w.add(tt.now + 2*random.ExpFloat64())
			w.revise(target)
			target = w.best(0)
		}
		if target < tt.now || target > tt.now+20 {
			t.Errorf("%s: a second later the target is %v, want about %v", tt.name, target, tt.now+10)
		}
	}
}

// The stalls of a busy network come seldom; that none came for a second says nothing.
func TestWindowRemembersStalls(t *testing.T) {
	var w delayWindow
	target := 0.0
	for i := range windowPackets {
		late := 0.0
		if i%200 < 3 {
			late = 60 - 20*float64(i%200)
		}
		w.add(30 + late)
		w.revise(target)
		target = w.best(0)
	}
	if target < 85 {
		t.Errorf("the target is %v, the stalls reach 90", target)
	}
}

func TestDelayImpairment(t *testing.T) {
	// ITU-T G.107 with its default values: R of 93.2 falls so for pure delay (figure of G.114 in words:
	// hardly below 150 ms, then quickly).
	for _, tt := range []struct{ ms, least, most float64 }{
		{1, 0, 1}, {50, 1, 2}, {100, 2.2, 3.2}, {150, 3.2, 4.5}, {200, 6.5, 9}, {300, 18, 23}, {500, 35, 43},
	} {
		if got := DelayImpairment(tt.ms); got < tt.least || got > tt.most {
			t.Errorf("Id at %v ms is %v, want %v to %v", tt.ms, got, tt.least, tt.most)
		}
	}
	for ms := 1.0; ms < 1000; ms++ {
		if DelayImpairment(ms+1) <= DelayImpairment(ms) {
			t.Fatalf("at %v ms more delay costs less", ms)
		}
	}
}
