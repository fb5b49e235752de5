package keypad

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Specification constants, reference D.1.
const (
	defaultLong  = 10 * time.Second // Interdigit_Long_Timer
	defaultShort = 3 * time.Second  // Interdigit_Short_Timer
	bareShort    = 5 * time.Second  // of a sequence that ends in S without a number
)

// Implementation constants: what a dial plan may say.
const (
	maxScript      = 2047 // bytes, as the parameter
	maxSequences   = 128
	maxSteps       = 4096 // of all sequences together
	maxReplacement = 63   // bytes
	maxTimer       = 64   // seconds
)

// DefaultPlan is the reference's default, and after it any number: offices dial short extensions, which
// the reference's own plan refuses (docs/decisions/006-dial-plan.md).
const DefaultPlan = "(*xx|[3469]11|0|00|[2-9]xxxxxx|1xxx[2-9]xxxxxxS0|xxxxxxxxxxxx.|xx.)"

// A Plan says which numbers can be dialed, when they are complete, and what is sent for them. It is the
// dial plan script of reference D.1:
//
//	( sequence | sequence … ), before it L:n and S:n, each with a comma: timers for the whole plan
//
//	0-9 * # +   that key                x         any digit
//	[2-9*]      one of these            e.        none, one or more of the element before
//	<8:1650>    8 is dialed, 1650 is sent for it; <:1> adds, <8:> leaves out
//	,           the outside dial tone is heard until the next digit
//	!           numbers that match are barred; those with a leading + are then judged like all others
//	S3 or L10   at the end: the timers of this sequence, in seconds; S0 sends at once, S is S5
//	P5<:1000>   as the first sequence: after 5 s off-hook without a digit 1000 is called (P0: at once);
//	            without a replacement the caller hears that he has waited for too long
//
// White space does not count. Among several sequences that are complete the first listed wins, and inside a
// sequence an element with a dot takes as many digits as it can. A Plan does not change.
type Plan struct {
	script    string
	sequences []sequence
	long      time.Duration // of the whole plan; negative: as the settings say
	short     time.Duration
	offHook   time.Duration // P; negative: none
	call      string        // what P calls
	plus      bool          // a sequence has a literal +
	bars      bool          // a sequence has a !
}

// A sequence is one alternative, compiled.
type sequence struct {
	steps       []step
	barred      bool
	long, short time.Duration // negative: the plan's
}

// A step is one instruction of the machine that matches digits. Each sequence ends in stepMatch.
type step struct {
	op   stepOp
	set  digitSet // stepDigit: what it takes
	keep bool     // stepDigit: the digit is sent
	text string   // stepEmit
	to   int      // stepSplit: where else to go on, after the next step; stepJump
}

type stepOp uint8

const (
	stepDigit stepOp = iota
	stepEmit
	stepTone
	stepSplit
	stepJump
	stepMatch
)

// keys are what can be dialed, in the order of the bits of a digitSet.
const keys = "0123456789*#+"

// A digitSet is a set of keys.
type digitSet uint16

const anyDigit digitSet = 1<<10 - 1

func setOf(c byte) digitSet {
	i := strings.IndexByte(keys, c)
	if i < 0 {
		return 0
	}
	return 1 << i
}

// A PlanError says where a dial plan is wrong.
type PlanError struct {
	Pos  int // character, from 1
	Text string
}

func (e *PlanError) Error() string { return fmt.Sprintf("character %d: %s", e.Pos, e.Text) }

// String returns the plan as it was written.
func (p *Plan) String() string { return p.script }

// ParsePlan reads a dial plan. The error is a *PlanError.
func ParsePlan(script string) (*Plan, error) {
	r := planReader{script: script}
	p := &Plan{script: script, long: -1, short: -1, offHook: -1}
	if len(script) > maxScript {
		return nil, r.failAt(maxScript, "the plan is longer than %d bytes", maxScript)
	}
	if err := r.plan(p); err != nil {
		return nil, err
	}
	return p, nil
}

// planReader walks through a script.
type planReader struct {
	script string
	at     int
	steps  int // of all sequences so far
}

func (r *planReader) fail(format string, args ...any) error { return r.failAt(r.at, format, args...) }

func (r *planReader) failAt(at int, format string, args ...any) error {
	return &PlanError{utf8.RuneCountInString(r.script[:at]) + 1, fmt.Sprintf(format, args...)}
}

// here is the whole character at which the reader stands, for a message: one of another alphabet has
// several bytes.
func (r *planReader) here() rune {
	c, _ := utf8.DecodeRuneInString(r.script[r.at:])
	return c
}

// peek is the next character that counts; 0 at the end.
func (r *planReader) peek() byte {
	for r.at < len(r.script) && strings.IndexByte(" \t\r\n", r.script[r.at]) >= 0 {
		r.at++
	}
	if r.at == len(r.script) {
		return 0
	}
	return r.script[r.at]
}

// take goes past the next character if it is c, or c's small letter.
func (r *planReader) take(c byte) bool {
	next := r.peek()
	if next != c && (c < 'A' || c > 'Z' || next != c|0x20) {
		return false
	}
	r.at++
	return true
}

// seconds reads a number of seconds; ok is false if there is none.
func (r *planReader) seconds() (d time.Duration, ok bool, err error) {
	r.peek()
	start, n := r.at, 0
	for c := r.peek(); c >= '0' && c <= '9'; c = r.peek() {
		if n = 10*n + int(c-'0'); n > maxTimer {
			return 0, false, r.failAt(start, "the timer is longer than %d s", maxTimer)
		}
		r.at++
		ok = true
	}
	return time.Duration(n) * time.Second, ok, nil
}

// plan reads the whole script.
func (r *planReader) plan(p *Plan) error {
	for r.peek() != '(' {
		timer := &p.long
		start := r.at
		switch {
		case r.take('L'):
		case r.take('S'):
			timer = &p.short
		case r.peek() == 0:
			return r.fail("a plan in parentheses is expected")
		default:
			return r.fail("( is expected, or L: or S: before it, not %q", r.here())
		}
		if !r.take(':') {
			return r.fail("a colon is expected after %q", r.script[start])
		}
		d, ok, err := r.seconds()
		if err != nil {
			return err
		}
		if !ok {
			return r.fail("a number of seconds is expected")
		}
		*timer = d
		if !r.take(',') {
			return r.fail("a comma is expected before the plan")
		}
	}
	open := r.at
	r.at++
	for {
		if len(p.sequences) == maxSequences {
			return r.fail("more than %d sequences", maxSequences)
		}
		if err := r.sequence(p); err != nil {
			return err
		}
		switch {
		case r.take('|'):
		case r.take(')'):
			if r.peek() != 0 {
				return r.fail("nothing is expected after the plan, but there is %q", r.here())
			}
			if len(p.sequences) == 0 && p.offHook < 0 {
				return r.failAt(open, "the plan is empty")
			}
			return nil
		case r.peek() == 0:
			return r.failAt(open, "the parenthesis is never closed")
		default:
			return r.fail("%q does not belong in a dial plan", r.here())
		}
	}
}

// sequence reads one alternative, up to | or ).
func (r *planReader) sequence(p *Plan) error {
	start := r.at
	r.peek()
	if p.offHook < 0 && len(p.sequences) == 0 && r.take('P') {
		return r.offHookTimer(p)
	}
	s := sequence{long: -1, short: -1}
	last := -1 // step of the last element, which a dot repeats
	taken := false
	for {
		c := r.peek()
		at := r.at
		if (s.long >= 0 || s.short >= 0) && strings.IndexByte("|)SsLl", c) < 0 && c != 0 {
			return r.fail("a timer is the last thing of a sequence, but %q follows", r.here())
		}
		switch {
		case c == 0 || c == '|' || c == ')':
			if !taken {
				return r.failAt(start, "a sequence is empty")
			}
			s.steps = append(s.steps, step{op: stepMatch})
			if r.steps += len(s.steps); r.steps > maxSteps {
				return r.fail("the plan has more than %d elements", maxSteps)
			}
			p.sequences = append(p.sequences, s)
			return nil
		case c == '.':
			if last < 0 {
				return r.fail("a dot repeats the element before it, and there is none that can be repeated")
			}
			r.at++
			digit := s.steps[last]
			s.steps = append(s.steps[:last], step{op: stepSplit, to: last + 3}, digit, step{op: stepJump, to: last})
			last = -1
			continue
		case c == ',':
			r.at++
			s.steps = append(s.steps, step{op: stepTone})
			last = -1
			continue
		case c == '!':
			r.at++
			s.barred, p.bars = true, true
			continue
		case c == '<':
			r.at++
			dialed, err := r.substitution(p, &s, at)
			if err != nil {
				return err
			}
			taken = taken || dialed
			last = -1
			continue
		case c|0x20 == 's' || c|0x20 == 'l':
			r.at++
			d, ok, err := r.seconds()
			if err != nil {
				return err
			}
			timer := &s.short
			if c|0x20 == 'l' {
				timer = &s.long
			}
			switch {
			case *timer >= 0:
				return r.failAt(at, "the sequence has this timer already")
			case ok:
				*timer = d
			case timer == &s.short:
				*timer = bareShort
			default:
				return r.fail("a number of seconds is expected")
			}
			continue
		case c|0x20 == 'p':
			return r.fail("P is the first thing of the plan")
		}
		set, err := r.element(p)
		if err != nil {
			return err
		}
		last = len(s.steps)
		taken = true
		s.steps = append(s.steps, step{op: stepDigit, set: set, keep: true})
	}
}

// element reads what one digit is held against.
func (r *planReader) element(p *Plan) (digitSet, error) {
	c := r.peek()
	switch {
	case c|0x20 == 'x':
		r.at++
		return anyDigit, nil
	case c == '[':
		return r.set(p)
	case setOf(c) != 0:
		r.at++
		p.plus = p.plus || c == '+'
		return setOf(c), nil
	}
	return 0, r.fail("%q does not belong in a dial plan", r.here())
}

// set reads [2-9*].
func (r *planReader) set(p *Plan) (digitSet, error) {
	open := r.at
	r.at++
	var set digitSet
	for {
		c := r.peek()
		at := r.at
		switch {
		case c == 0 || c == '|' || c == ')':
			return 0, r.failAt(open, "the bracket is never closed")
		case c == ']':
			r.at++
			if set == 0 {
				return 0, r.failAt(open, "a set is empty")
			}
			p.plus = p.plus || set&setOf('+') != 0
			return set, nil
		case setOf(c) == 0:
			return 0, r.fail("%q does not belong in a set of keys", r.here())
		}
		r.at++
		if !r.take('-') {
			set |= setOf(c)
			continue
		}
		end := r.peek()
		if c < '0' || c > '9' || end < '0' || end > '9' || end < c {
			return 0, r.failAt(at, "a range goes from one digit to a larger one")
		}
		r.at++
		for d := c; d <= end; d++ {
			set |= setOf(d)
		}
	}
}

// substitution reads dialed:sent> and tells whether it takes a digit.
func (r *planReader) substitution(p *Plan, s *sequence, open int) (dialed bool, err error) {
	for r.peek() != ':' {
		if c := r.peek(); c == 0 || c == '>' || c == '|' || c == ')' {
			return false, r.failAt(open, "a replacement is <dialed:sent>, this one has no colon")
		}
		set, err := r.element(p)
		if err != nil {
			return false, err
		}
		s.steps = append(s.steps, step{op: stepDigit, set: set})
		dialed = true
	}
	r.at++
	text, err := r.replacement(open)
	if err != nil {
		return false, err
	}
	if text != "" {
		s.steps = append(s.steps, step{op: stepEmit, text: text})
	}
	return dialed, nil
}

// replacement reads what is sent, up to >.
func (r *planReader) replacement(open int) (string, error) {
	var text []byte
	for {
		c := r.peek()
		switch {
		case c == 0 || c == '|' || c == ')':
			return "", r.failAt(open, "the replacement is never closed")
		case c == '>':
			r.at++
			return string(text), nil
		case c|0x20 >= 'a' && c|0x20 <= 'z', strings.IndexByte(keys+"-._@", c) >= 0:
		default:
			return "", r.fail("%q cannot be sent", r.here())
		}
		if len(text) == maxReplacement {
			return "", r.failAt(open, "the replacement is longer than %d characters", maxReplacement)
		}
		text = append(text, c)
		r.at++
	}
}

// offHookTimer reads what follows P: seconds, and what is called then.
func (r *planReader) offHookTimer(p *Plan) error {
	d, ok, err := r.seconds()
	if err != nil {
		return err
	}
	if !ok {
		d = bareShort
	}
	p.offHook = d
	open := r.at
	if r.take('<') {
		if !r.take(':') {
			return r.failAt(open, "what P calls is written <:number>")
		}
		if p.call, err = r.replacement(open); err != nil {
			return err
		}
	}
	if c := r.peek(); c != 0 && c != '|' && c != ')' {
		return r.fail("after P and its number %q does not belong in the sequence", r.here())
	}
	return nil
}
