package sip

import (
	"math/rand/v2"
	"testing"
)

// A server behind a lossy network must not be held for dead: questions are put until one is answered, and
// counted when there were so many that it would have been.
func TestEvidence(t *testing.T) {
	for _, loss := range []float64{0, 0.05, 0.1, 0.2, 0.3} {
		r := rand.New(rand.NewPCG(1, uint64(loss*100)))
		var v evidence
		alarms, most := 0, 0
		const rounds = 2_000_000 // a year of questions every 15 s
		for range rounds {
			sent := 1
			for r.Float64() >= (1-loss)*(1-loss) {
				sent++
			}
			n := v.enough()
			most = max(most, n)
			if sent > n {
				alarms++
			}
			v.note(sent)
		}
		t.Logf("loss %.2f each way: %d false alarms in %d, at most %d questions", loss, alarms, rounds, most)
		if alarms > 10 {
			t.Errorf("loss %.2f each way: %d false alarms", loss, alarms)
		}
	}
}

func TestEvidenceIsQuick(t *testing.T) {
	var v evidence
	if n := v.enough(); n > 13 {
		t.Errorf("before anything is known it takes %d", n)
	}
	for range 10 {
		v.note(1)
	}
	if n := v.enough(); n != leastSilence {
		t.Errorf("after ten answers it takes %d", n)
	}
	for range 100 {
		v.note(0)
		v.note(1)
	}
	v.note(15)
	if n := v.enough(); n <= leastSilence {
		t.Errorf("after fourteen losses in a row it takes %d", n)
	}
}
