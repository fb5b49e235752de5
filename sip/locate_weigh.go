package sip

import (
	"encoding/binary"
	"io"
	"math"
)

// weigh sorts candidates of one priority. For each a number was drawn once from the exponential
// distribution; it runs down at the rate of the candidate's weight, and who is at zero first comes first.
// That gives every order exactly the chance RFC 2782's repeated draw gives it, and one that changes only
// with the records. As there, all that are left of weight 0 have the chance of weight 1 together.
func weigh(group []candidate) {
	for i := range group {
		group[i].left = group[i].draw
	}
	for ; len(group) > 1; group = group[1:] {
		zeros := 0
		for _, c := range group {
			if c.weight == 0 {
				zeros++
			}
		}
		rate := func(c candidate) float64 {
			if c.weight == 0 {
				return 1 / float64(zeros)
			}
			return float64(c.weight)
		}
		first, least := 0, math.Inf(1)
		for i, c := range group {
			if at := c.left / rate(c); at < least {
				first, least = i, at
			}
		}
		for i, c := range group {
			group[i].left = max(0, c.left-least*rate(c))
		}
		c := group[first]
		copy(group[1:], group[:first])
		group[0] = c
	}
}

// draw reads a number of the exponential distribution with mean 1.
func draw(random io.Reader) float64 {
	var b [8]byte
	if random == nil {
		return 1
	}
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return 1
	}
	return -math.Log(float64(binary.BigEndian.Uint64(b[:])>>11+1) / (1 << 53))
}
