package main

import (
	"math"
	"testing"
)

// The table of ITU-T G.107 annex B: R and the MOS it stands for.
func TestListening(t *testing.T) {
	for r, mos := range map[float64]float64{90: 4.34, 80: 4.03, 70: 3.60, 60: 3.10, 50: 2.58} {
		if got := listening(mos); math.Abs(got-r) > 0.3 {
			t.Errorf("MOS %v: R %.1f, want %v", mos, got, r)
		}
	}
	if low, high := listening(mosLeast), listening(mosMost); low > 7 || high < 99.9 {
		t.Errorf("R from %v to %v", low, high)
	}
}
