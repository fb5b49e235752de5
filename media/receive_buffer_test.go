package media

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"testing"
	"time"
)

// A trace is what the network does to packets: when each arrives, in ms after the first was sent.
// Negative: never.
type trace []float64

func steady(n int, f func(i int) float64) trace {
	t := make(trace, n)
	for i := range t {
		t[i] = float64(i)*20 + f(i)
	}
	return t
}

// A playout is what came out of a Jitter.
type playout struct {
	out   []int16
	stats JitterStats
	// delays: for each 5-ms block that is found in the voice, ms from its being sent to its playing.
	delays  []float64
	altered int // blocks of sound that are not in the voice
	blocks  int // of the voice
}

// play runs voice, of which x is the index, in 20-ms packets through a Jitter as the trace has it, pulled every 5 ms. skew is how
// many parts per million the player's clock is slow.
func (tr trace) play(voice []int16, x index, skew float64) playout {
	type arrival struct {
		at float64
		i  int
	}
	var arrivals []arrival
	for i, at := range tr {
		if at >= 0 {
			arrivals = append(arrivals, arrival{at, i})
		}
	}
	sort.SliceStable(arrivals, func(a, b int) bool { return arrivals[a].at < arrivals[b].at })
	var p playout
	j := NewJitter(muLaw, sampleRate)
	epoch := time.Unix(1000, 0)
	when := func(ms float64) time.Time { return epoch.Add(time.Duration(ms * float64(time.Millisecond))) }
	payload := make([]byte, 160)
	next := 0
	var times []float64
	for tick := 0; ; tick++ {
		now := 2.3 + float64(tick)*5*(1+skew/1e6)
		if now > float64(len(tr))*20 { // what is invented after the end does not count
			break
		}
		for next < len(arrivals) && arrivals[next].at <= now {
			a := arrivals[next]
			next++
			muLaw.encodeTo(payload, voice[a.i*160:][:160])
			j.Push(when(a.at), uint16(65530+a.i), uint32(4294967000)+uint32(a.i*160), payload) // both wrap early on
		}
		out := make([]int16, 40)
		j.Pull(when(now), out)
		p.out = append(p.out, out...)
		times = append(times, now)
	}
	p.stats = j.Stats()
	p.blocks = len(tr) * 4
	p.look(x, times)
	return p
}

// An index finds a place in a voice by the 32 samples there: what is heard unchanged tells when it was
// said.
type index map[[32]int16]int

func newIndex(voice []int16) index {
	x := make(index, len(voice))
	for i := 0; i+32 <= len(voice); i++ {
		x[[32]int16(voice[i:])] = i
	}
	return x
}

// look finds what was played in the voice.
func (p *playout) look(x index, times []float64) {
	for b, at := range times {
		block := p.out[b*40:][:40]
		if loudest(block) == 0 {
			continue
		}
		if i, ok := x[[32]int16(block)]; ok {
			p.delays = append(p.delays, at-float64(i)/8)
		} else {
			p.altered++
		}
	}
	sort.Float64s(p.delays)
}

func (p *playout) delay(q float64) float64 {
	if len(p.delays) == 0 {
		return -1
	}
	return p.delays[min(int(q*float64(len(p.delays))), len(p.delays)-1)]
}

func (p *playout) String() string {
	return fmt.Sprintf("delay %.1f/%.1f/%.1f ms, altered %.2f%%, %+v", p.delay(0), p.delay(0.5), p.delay(0.99),
		100*float64(p.altered)/float64(p.blocks), p.stats)
}

func TestJitterPlaysACleanStreamUnchanged(t *testing.T) {
	voice := speech(muLaw, 10*sampleRate)
	p := steady(500, func(int) float64 { return 0 }).play(voice, newIndex(voice), 0)
	if at := find(p.out, voice); at < 0 {
		t.Errorf("not what was said: %v", &p)
	} else if at > 45*8 {
		t.Errorf("played %d ms late", at/8)
	}
	if p.stats.Concealed > 200*time.Millisecond { // after the end only
		t.Errorf("concealed: %v", &p)
	}
}

func TestJitterOnNetworks(t *testing.T) {
	voice := speech(muLaw, 30*sampleRate)
	x := newIndex(voice)
	const n = 1500
	random := func(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }
	exp := func(r *rand.Rand, mean float64) float64 { return r.ExpFloat64() * mean }
	for _, tt := range []struct {
		name    string
		trace   trace
		skew    float64
		delay   float64 // most median delay, ms
		p99     float64
		altered float64 // most, in percent
	}{
		{"lan", steady(n, func(i int) float64 { return 0.3 }), 80, 6, 8, 0},
		{"lan, the other clock slow", steady(n, func(i int) float64 { return 0.3 }), -200, 6, 8, 0.05},
		{"wifi", func() trace {
			r := random(1)
			return steady(n, func(i int) float64 {
				d := 5 + exp(r, 2)
				return d
			})
		}(), 0, 20, 25, 0.2},
		{"wifi stalls", func() trace {
			r := random(2)
			stall := 0.0
			return steady(n, func(i int) float64 {
				stall = max(stall-20, 0)
				if r.IntN(200) == 0 {
					stall = 40 + exp(r, 40)
				}
				return 5 + exp(r, 1) + stall
			})
		}(), 0, 25, 120, 0.6},
		{"one in twenty lost", func() trace {
			r := random(3)
			tr := steady(n, func(i int) float64 { return 2 })
			for i := range tr {
				if r.IntN(20) == 0 {
					tr[i] = -1
				}
			}
			return tr
		}(), 0, 25, 25, 4.5},
		{"reordered", func() trace {
			r := random(4)
			return steady(n, func(i int) float64 {
				if r.IntN(10) == 0 {
					return 27
				}
				return 2
			})
		}(), 0, 36, 36, 0.2},
		{"route grows 50 ms longer", steady(n, func(i int) float64 {
			if i > 400 {
				return 55
			}
			return 5
		}), 0, 60, 60, 0.25},
		// A pause is bridged by what it sounded like before, which is found as said up to 35 ms earlier.
		{"four lost together", func() trace {
			tr := steady(n, func(int) float64 { return 2 })
			for i := range tr {
				if i%100 >= 60 && i%100 < 64 {
					tr[i] = -1
				}
			}
			return tr
		}(), 0, 25, 45, 4},
		{"route grows 60 ms longer", steady(n, func(i int) float64 {
			if i > 400 {
				return 65
			}
			return 5
		}), 0, 70, 70, 0.3},
		{"route grows 60 ms shorter", steady(n, func(i int) float64 {
			if i > 400 {
				return 5
			}
			return 65
		}), 0, 10, 70, 0.2},
		{"packets in pairs", steady(n, func(i int) float64 { return float64(i%2) * -20 }), 0, 5, 5, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.trace.play(voice, x, tt.skew)
			t.Log(&p)
			if altered := 100 * float64(p.altered) / float64(p.blocks); altered > tt.altered || p.delay(0.5) > tt.delay || p.delay(0.99) > tt.p99 {
				t.Errorf("%.2f%% altered, delay %.1f and %.1f ms; want at most %.2f%%, %.0f, %.0f", altered, p.delay(0.5), p.delay(0.99), tt.altered, tt.delay, tt.p99)
			}
			if played := len(p.delays); played < p.blocks*85/100 {
				t.Errorf("%d of %d blocks were played", played, p.blocks)
			}
		})
	}
}
