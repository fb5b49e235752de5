package sip

import "math"

// Implementation constants: what it takes to believe that a server is dead, and not that packets are lost.
const (
	firstShare   = 0.75 // of requests taken to be answered before anything is known
	firstWeight  = 4    // requests that counts for
	memory       = 64   // requests remembered, about
	leastShare   = 0.4  // a server that loses more is as good as dead
	mostDoubt    = 0.08 // how much less the share may be than it seems
	falseAlarm   = 1e-6 // chance at which unanswered requests are no accident any more
	leastSilence = 8    // unanswered requests at the least: what has always worked may begin to be lossy
)

// evidence is what has been seen of how many requests to a server get through and are answered. The zero
// value is none.
type evidence struct {
	share float64 // of requests answered; meaningful if seen > 0
	seen  int
}

// note takes in that the last of some requests was answered and those before it were not. 0: it cannot be
// said.
func (v *evidence) note(sent int) {
	for i := range sent {
		answered := 0.0
		if i == sent-1 {
			answered = 1
		}
		if v.seen == 0 {
			v.share = firstShare
		}
		v.seen = min(v.seen+1, memory)
		v.share = max(leastShare, v.share+(answered-v.share)/float64(min(v.seen+firstWeight, memory)))
	}
}

// enough is how many requests in a row have to be left unanswered to be dead rather than hard to reach: few
// where nearly all have been answered so far, more where many are lost.
func (v evidence) enough() int {
	share, weight := firstShare, float64(firstWeight)
	if v.seen > 0 {
		share, weight = v.share, float64(min(v.seen+firstWeight, memory))
	}
	share -= min(mostDoubt, 2*math.Sqrt(share*(1-share)/weight))
	return max(leastSilence, int(math.Ceil(math.Log(falseAlarm)/math.Log(1-share))))
}
