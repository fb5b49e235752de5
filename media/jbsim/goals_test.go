package main

import (
	"fmt"
	"testing"
)

// The goals of the receive path on made traces of every kind, for any seed: delay above the best of the
// network in ms, percent of altered sound, and R of ITU-T G.107. A network loses what it loses, so altered
// counts above the share of packets that were lost; it may be less, as a pause is bridged by what it sounded like
// a moment before, which the matcher finds (as late as it is).
var goals = []struct {
	kind                 string
	delay, altered, rise float64 // rise: most altered above the loss
	r                    float64
}{
	{kind: "lan", delay: 8, altered: 0.01, r: 91.8},
	{kind: "wifi_ok", delay: 75, rise: 0.4, r: 88.5},
	{kind: "wifi_busy", delay: 145, rise: 0.6, r: 81},
	{kind: "dsl_bulk", delay: 160, rise: 0.3, r: 84},
	{kind: "loss5", delay: 27, rise: -0.5, r: 77},
	{kind: "burst10", delay: 28, rise: -1, r: 67},
	{kind: "route", delay: 50, rise: 0.2, r: 89},
	{kind: "step35", delay: 28, altered: 0.1, r: 91},
	{kind: "clump40", delay: 28.2, altered: 0.03, r: 91.2},
}

func TestGoalsOnMadeTraces(t *testing.T) {
	m := newMatcher(companded(speech(5, tracePackets*packetSamples)))
	last := uint64(100 + *seeds)
	if underRace {
		last = 101
	}
	for _, goal := range goals {
		for seed := uint64(101); seed <= last; seed++ {
			for _, phase := range []float64{3, 13, 10.7} {
				t.Run(fmt.Sprint(goal.kind, " ", seed, " ", phase), func(t *testing.T) {
					made, err := generate(goal.kind, seed)
					if err != nil {
						t.Fatal(err)
					}
					gone := 0
					for _, p := range made.packets {
						if p.arrive < 0 {
							gone++
						}
					}
					out, err := play(made, m.ref, phase)
					if err != nil {
						t.Fatal(err)
					}
					got := m.measure(made, out, phase)
					most := goal.altered
					if goal.rise != 0 {
						most = goal.rise + 100*float64(gone)/float64(len(made.packets))
					}
					if got.mean > goal.delay || got.altered > most || got.r < goal.r {
						t.Errorf("delay %.1f ms, altered %.2f %%, R %.1f; want at most %v and %.2f, at least %v",
							got.mean, got.altered, got.r, goal.delay, most, goal.r)
					}
				})
			}
		}
	}
}

func BenchmarkPlay(b *testing.B) {
	ref := companded(speech(5, tracePackets*packetSamples))
	for i := range models {
		b.Run(models[i].kind, func(b *testing.B) {
			t := models[i].trace(1)
			for b.Loop() {
				if _, err := play(t, ref, 3); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/tracePackets, "ns/packet")
		})
	}
}
