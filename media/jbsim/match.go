package main

import (
	"math"
	"slices"

	"dialtone/media"
)

// Implementation constants.
const (
	matchSamples = 32
	matchTable   = 1 << 21
	flatReach    = 30 * sampleRate / 1000 // samples around its place in which a flat block may lie
	flatStep     = 24                     // greatest difference of a flat block's samples: a pause without noise
)

// A matcher finds where played sound was said. G.711 is exact: what was not altered is in the reference
// sample by sample, at the place that tells its delay. Gain control would have to be off.
type matcher struct {
	ref  []int16 // as it is after the codec
	head []int32 // by the hash of matchSamples: the last place plus one
	next []int32 // by place: an earlier one of the same hash, plus one
}

func newMatcher(ref []int16) *matcher {
	m := &matcher{ref: ref, head: make([]int32, matchTable), next: make([]int32, len(ref))}
	for i := 0; i+matchSamples <= len(ref); i++ {
		if w := ref[i:][:matchSamples]; !flat(w) {
			h := hash(w)
			m.next[i], m.head[h] = m.head[h], int32(i+1)
		}
	}
	return m
}

func hash(pcm []int16) uint32 {
	h := uint64(14695981039346656037)
	for _, v := range pcm {
		h = (h ^ uint64(uint16(v))) * 1099511628211
	}
	return uint32(h^h>>32) & (matchTable - 1)
}

// flat says whether pcm is a pause without noise, which is found anywhere.
func flat(pcm []int16) bool {
	return slices.Max(pcm)-slices.Min(pcm) <= flatStep && slices.Max(pcm) < 1000
}

// find returns the place nearest to expected at which window was said, or -1.
func (m *matcher) find(window []int16, expected int) int {
	if flat(window) {
		for d := range flatReach {
			for _, at := range [2]int{expected + d, expected - d} {
				if at >= 0 && at+matchSamples <= len(m.ref) && flat(m.ref[at:][:matchSamples]) {
					return expected
				}
			}
		}
		return -1
	}
	best := -1
	for at := m.head[hash(window)]; at > 0; at = m.next[at-1] {
		i := int(at - 1)
		if slices.Equal(m.ref[i:][:matchSamples], window) && (best < 0 || distance(i, expected) < distance(best, expected)) {
			best = i
		}
	}
	return best
}

func distance(a, b int) int { return max(a-b, b-a) }

// A measure is how a playout did.
type measure struct {
	mean, p95 float64 // delay in ms, above the least of the network
	altered   float64 // percent of the 5-ms blocks that are not in the reference
	changes   int     // of the delay
	r         float64 // ITU-T G.107
}

// measure looks at what was played of a trace, pulled from local time phase on.
func (m *matcher) measure(t *trace, out []int16, phase float64) measure {
	slow, base := 1+t.skewPPM*1e-6, t.best()
	end := min(len(m.ref), len(t.packets)*packetSamples)
	var (
		delays   []float64
		altered  int
		lag      int // samples played minus samples said
		begun    bool
		result   measure
		impaired float64
	)
	for k := 0; (k+1)*blockSize <= len(out); k++ {
		window := out[k*blockSize:][:matchSamples]
		at := m.find(window, k*blockSize-lag)
		if !begun {
			if at < 0 || flat(window) {
				continue
			}
			begun, lag = true, k*blockSize-at
		}
		if k*blockSize-lag+matchSamples > end {
			break
		}
		if at < 0 {
			altered++
			continue
		}
		if k*blockSize-at != lag {
			lag = k*blockSize - at
			result.changes++
		}
		d := (phase+float64(k)*blockMS)*slow - float64(at)*1000/sampleRate - base
		delays = append(delays, d)
		impaired += media.DelayImpairment(d + restMS)
	}
	if len(delays) == 0 {
		return measure{altered: 100}
	}
	for _, d := range delays {
		result.mean += d / float64(len(delays))
	}
	result.altered = 100 * float64(altered) / float64(altered+len(delays))
	result.r = rating(impaired/float64(len(delays)), result.altered)
	slices.Sort(delays)
	result.p95 = delays[int(math.Ceil(0.95*float64(len(delays))))-1]
	return result
}
