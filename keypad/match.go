package keypad

import (
	"slices"
	"time"
)

// A matching is how far the digits dialed so far have led in each sequence of a plan. It holds, for each,
// the steps that wait for the next digit (at most one entry a step, so a digit costs no more than the plan
// is long), in the order in which they are preferred.
type matching struct {
	plan    *Plan
	threads [][]thread // by sequence
	whole   []whole    // by sequence
}

// A thread waits at a stepDigit.
type thread struct {
	at   int
	out  string // what is sent for the digits so far
	tone bool   // the outside dial tone was asked for since the last digit
}

// whole is what a sequence that is complete sends.
type whole struct {
	ok  bool
	out string
}

// start begins with no digit.
func (m *matching) start(p *Plan) {
	m.plan = p
	m.threads = make([][]thread, len(p.sequences))
	m.whole = make([]whole, len(p.sequences))
	for i := range p.sequences {
		m.follow(i, nil, 0, "", false)
	}
}

// follow adds to sequence i what can be reached from a step without a digit. seen are the steps passed.
func (m *matching) follow(i int, seen []bool, at int, out string, tone bool) []bool {
	steps := m.plan.sequences[i].steps
	if seen == nil {
		seen = make([]bool, len(steps))
	}
	for !seen[at] {
		seen[at] = true
		switch s := steps[at]; s.op {
		case stepDigit:
			m.threads[i] = append(m.threads[i], thread{at, out, tone})
			return seen
		case stepMatch:
			if !m.whole[i].ok {
				m.whole[i] = whole{true, out}
			}
			return seen
		case stepEmit:
			out += s.text
			at++
		case stepTone:
			tone = true
			at++
		case stepJump:
			at = s.to
		case stepSplit:
			m.follow(i, seen, at+1, out, tone)
			at = s.to
		}
	}
	return seen
}

// digit goes on by one key.
func (m *matching) digit(c byte) {
	set := setOf(c)
	for i, old := range m.threads {
		m.threads[i], m.whole[i] = nil, whole{}
		if len(old) == 0 {
			continue
		}
		seen := make([]bool, len(m.plan.sequences[i].steps))
		for _, t := range old {
			s := m.plan.sequences[i].steps[t.at]
			if s.set&set == 0 {
				continue
			}
			out := t.out
			if s.keep {
				out += string(c)
			}
			m.follow(i, seen, t.at+1, out, false)
		}
	}
}

// alive tells whether one more digit may be right.
func (m *matching) alive() bool {
	return slices.ContainsFunc(m.threads, func(t []thread) bool { return len(t) > 0 })
}

// wants tells whether the key may come next.
func (m *matching) wants(c byte) bool {
	for i, list := range m.threads {
		for _, t := range list {
			if m.plan.sequences[i].steps[t.at].set&setOf(c) != 0 {
				return true
			}
		}
	}
	return false
}

// complete is the first sequence listed that the digits match as they are.
func (m *matching) complete() (out string, s *sequence, ok bool) {
	for i, w := range m.whole {
		if w.ok {
			return w.out, &m.plan.sequences[i], true
		}
	}
	return "", nil, false
}

// tone tells whether the outside dial tone is to be heard.
func (m *matching) tone() bool {
	for _, list := range m.threads {
		if slices.ContainsFunc(list, func(t thread) bool { return t.tone }) {
			return true
		}
	}
	return false
}

// wait is how long to wait for the next digit: the short timer if the number is complete, else the long
// one, of the sequence, the plan or the settings. never: for ever.
func (m *matching) wait(t Timers) (d time.Duration, never bool) {
	if _, s, ok := m.complete(); ok {
		switch {
		case s.short >= 0:
			return s.short, false
		case m.plan.short >= 0:
			return m.plan.short, false
		}
		return t.Short, false
	}
	d = t.Long
	if m.plan.long >= 0 {
		d = m.plan.long
	}
	for i, list := range m.threads {
		if own := m.plan.sequences[i].long; len(list) > 0 && own >= 0 {
			d = own
			break
		}
	}
	return d, d <= 0
}
