package keypad

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"dialtone/hal"
)

var pairs = flag.Int("pairs", 200_000, "random (plan, digits) pairs the oracle is asked about")

// An oraclePlan is a plan as a list of what it means. The oracle tries every way to lay the digits out over the
// elements, as the reference defines them; it shares no code with the matcher.
type oraclePlan struct {
	alts  []oracleAlt
	off   time.Duration // P; -1: none
	call  string
	short time.Duration // -1: none
	long  time.Duration
}

type oracleAlt struct {
	elements    []oracleElement
	barred      bool
	short, long time.Duration // -1: none
}

// An oracleElement takes one key of the set; with star any number of them. gone: the key is not sent. emit and
// tone take none.
type oracleElement struct {
	set        string
	star, gone bool
	emit       string
	tone       bool
}

// oracleState is what is known of one alternative after some digits.
type oracleState struct {
	alive, complete, tone, pound bool
	out                          string
}

func (a oracleAlt) look(elements []oracleElement, digits, out string, tone bool, s *oracleState) {
	if len(elements) == 0 {
		if digits == "" && !s.complete {
			s.complete, s.out = true, out
		}
		return
	}
	e, rest := elements[0], elements[1:]
	switch {
	case e.tone:
		a.look(rest, digits, out, true, s)
		return
	case e.set == "":
		a.look(rest, digits, out+e.emit, tone, s)
		return
	case digits == "":
		s.alive = true
		s.tone = s.tone || tone
		s.pound = s.pound || strings.Contains(e.set, "#")
	case strings.Contains(e.set, digits[:1]):
		sent := out
		if !e.gone {
			sent += digits[:1]
		}
		if e.star {
			a.look(elements, digits[1:], sent, false, s)
		} else {
			a.look(rest, digits[1:], sent, false, s)
		}
	}
	if e.star {
		a.look(rest, digits, out, tone, s)
	}
}

// verdict is what the decision table of D.1 says about digits; key is the last one pressed, after those before.
func (p oraclePlan) verdict(digits string, t Timers) (v Verdict, out string, wait time.Duration, tone bool) {
	var states []oracleState
	for _, a := range p.alts {
		var s oracleState
		a.look(a.elements, digits, "", false, &s)
		states = append(states, s)
	}
	alive := slices.ContainsFunc(states, func(s oracleState) bool { return s.alive })
	tone = slices.ContainsFunc(states, func(s oracleState) bool { return s.alive && s.tone })
	first := slices.IndexFunc(states, func(s oracleState) bool { return s.complete })
	decide := func() (Verdict, string) {
		switch {
		case first < 0:
			return Reject, ""
		case p.alts[first].barred:
			return Barred, ""
		}
		return Send, states[first].out
	}
	if !alive {
		v, out = decide()
		return v, out, 0, tone
	}
	if first >= 0 {
		wait = t.Short
		if p.short >= 0 {
			wait = p.short
		}
		if p.alts[first].short >= 0 {
			wait = p.alts[first].short
		}
		if wait == 0 {
			v, out = decide()
			return v, out, 0, tone
		}
		return More, "", wait, tone
	}
	wait = t.Long
	if p.long >= 0 {
		wait = p.long
	}
	for i, s := range states {
		if s.alive && p.alts[i].long >= 0 {
			wait = p.alts[i].long
			break
		}
	}
	return More, "", wait, tone
}

// pound tells whether "#" may come next as a digit.
func (p oraclePlan) pound(digits string) bool {
	for _, a := range p.alts {
		var s oracleState
		a.look(a.elements, digits, "", false, &s)
		if s.pound {
			return true
		}
	}
	return false
}

// randomPlan makes a plan, and the script that says it.
func randomPlan(r *rand.Rand) (oraclePlan, string) {
	p := oraclePlan{off: -1, short: -1, long: -1}
	var b strings.Builder
	space := func() {
		if r.IntN(12) == 0 {
			b.WriteString(" ")
		}
	}
	if r.IntN(8) == 0 {
		p.long = time.Duration(1+r.IntN(20)) * time.Second
		fmt.Fprintf(&b, "L:%d,", p.long/time.Second)
	}
	if r.IntN(8) == 0 {
		p.short = time.Duration(r.IntN(6)) * time.Second
		fmt.Fprintf(&b, "S:%d, ", p.short/time.Second)
	}
	b.WriteString("(")
	if r.IntN(10) == 0 {
		p.off = time.Duration(r.IntN(4)) * time.Second
		fmt.Fprintf(&b, "P%d", p.off/time.Second)
		if r.IntN(2) == 0 {
			p.call = "1000"
			b.WriteString("<:1000>")
		}
		b.WriteString("|")
	}
	set := func() string {
		switch r.IntN(6) {
		case 0, 1:
			b.WriteString("x")
			return "0123456789"
		case 2:
			b.WriteString("[2-4*]")
			return "234*"
		case 3:
			b.WriteString("[1#]")
			return "1#"
		}
		c := string("0123*#"[r.IntN(6)])
		b.WriteString(c)
		return c
	}
	for i := range 1 + r.IntN(4) {
		if i > 0 {
			b.WriteString("|")
		}
		a := oracleAlt{short: -1, long: -1}
		n := 1 + r.IntN(5)
		for j := range n {
			space()
			switch k := r.IntN(12); {
			case k == 0 && j > 0:
				b.WriteString(",")
				a.elements = append(a.elements, oracleElement{tone: true})
			case k == 1:
				b.WriteString("<")
				for range r.IntN(3) {
					a.elements = append(a.elements, oracleElement{set: set(), gone: true})
				}
				text := []string{"", "9", "77", "a@b"}[r.IntN(4)]
				b.WriteString(":" + text + ">")
				a.elements = append(a.elements, oracleElement{emit: text})
			default:
				e := oracleElement{set: set()}
				if r.IntN(5) == 0 {
					b.WriteString(".")
					e.star = true
				}
				a.elements = append(a.elements, e)
			}
		}
		if !slices.ContainsFunc(a.elements, func(e oracleElement) bool { return e.set != "" }) {
			a.elements = append(a.elements, oracleElement{set: set()})
		}
		if r.IntN(6) == 0 {
			b.WriteString("!")
			a.barred = true
		}
		if r.IntN(6) == 0 {
			a.short = time.Duration(r.IntN(5)) * time.Second
			fmt.Fprintf(&b, "S%d", a.short/time.Second)
		}
		if r.IntN(8) == 0 {
			a.long = time.Duration(1+r.IntN(5)) * time.Second
			fmt.Fprintf(&b, "L%d", a.long/time.Second)
		}
		p.alts = append(p.alts, a)
	}
	b.WriteString(")")
	return p, b.String()
}

// TestOracle dials random digits by random plans and compares every verdict, number, timer and tone.
func TestOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	timers := DefaultTimers()
	done := 0
	for done < *pairs {
		p, script := randomPlan(r)
		plan := mustPlan(t, script)
		for range 20 {
			done++
			var c Collector
			c.Use(at(0), plan, timers)
			v := c.Lift(at(0), true)
			want, sends, wait := More, "", time.Duration(0)
			switch {
			case p.off == 0 && p.call != "":
				want, sends = Send, p.call
			case p.off == 0:
				want = Reject
			case p.off > 0:
				wait = p.off
			}
			digits := ""
			for i := 0; ; i++ {
				got := time.Duration(0)
				if !c.Next().IsZero() {
					got = c.Next().Sub(at(0))
				}
				if v != want || v == Send && c.Dialed() != sends || got != wait {
					t.Fatalf("%s, %q: verdict %v sends %q waits %v, the oracle says %v %q %v", script, digits, v, c.Dialed(), got, want, sends, wait)
				}
				if want != More {
					break
				}
				if i == 8 {
					then, out := p.expire(digits)
					if v := c.Expire(at(0).Add(wait)); wait > 0 && (v != then || v == Send && c.Dialed() != out) {
						t.Fatalf("%s, %q: the timer says %v %q, the oracle %v %q", script, digits, v, c.Dialed(), then, out)
					}
					break
				}
				key := string("0123456789*#"[r.IntN(12)])
				if r.IntN(3) > 0 {
					key = string("123*#"[r.IntN(5)])
				}
				v = c.Digit(at(0), hal.Key(key))
				if key == "#" && !p.pound(digits) {
					if digits == "" {
						want = Refused
						if v != want {
							t.Fatalf("%s: # first: %v", script, v)
						}
						v, want = More, More
						continue
					}
					want, sends = p.expire(digits)
					wait = 0
					continue
				}
				digits += key
				var tone bool
				want, sends, wait, tone = p.verdict(digits, timers)
				if c.OutsideTone() != tone {
					t.Fatalf("%s, %q: outside tone %v", script, digits, !tone)
				}
			}
		}
	}
	t.Logf("%d pairs", done)
}

// expire is what "#" or a timer makes of digits.
func (p oraclePlan) expire(digits string) (Verdict, string) {
	if digits == "" {
		if p.call == "" {
			return Reject, ""
		}
		return Send, p.call
	}
	for _, a := range p.alts {
		var s oracleState
		if a.look(a.elements, digits, "", false, &s); s.complete {
			if a.barred {
				return Barred, ""
			}
			return Send, s.out
		}
	}
	return Reject, ""
}

func FuzzPlan(f *testing.F) {
	for _, s := range []string{DefaultPlan, "L:5,S:1,(P0<:1000>|<8:1650>x.,xx!S3|[2-9*#+]x.L4)", "(", "(x.x.x.x.x.x.x.x.x.x.x.x.x.)"} {
		f.Add(s, "12*#0")
	}
	f.Fuzz(func(t *testing.T, script, digits string) {
		p, err := ParsePlan(script)
		if err != nil {
			if e := err.(*PlanError); e.Pos < 1 || e.Pos > len(script)+1 {
				t.Errorf("%q: position %d", script, e.Pos)
			}
			return
		}
		var c Collector
		c.Use(at(0), p, DefaultTimers())
		c.Lift(at(0), true)
		for i := range len(digits) {
			c.Digit(at(0), hal.Key(digits[i:i+1]))
			if v := c.Expire(c.Next()); !c.Next().IsZero() && v != More {
				t.Errorf("%q: judged, and a timer runs", script)
			}
		}
		c.Plus(at(0))
		c.Delete(at(0))
		c.Submit(at(0))
	})
}

func BenchmarkDigit(b *testing.B) {
	p, err := ParsePlan(DefaultPlan)
	if err != nil {
		b.Fatal(err)
	}
	var c Collector
	c.Use(at(0), p, DefaultTimers())
	for b.Loop() {
		c.Clear()
		c.Lift(at(0), true)
		for _, k := range []hal.Key{"6", "0", "0"} {
			c.Digit(at(0), k)
		}
	}
}
