package keypad

import (
	"time"

	"dialtone/hal"
)

// Implementation constants.
const maxDigits = 64 // digits of one number; more are not taken

// Timers say how long to wait for the next digit off-hook (Interdigit_Long_Timer and
// Interdigit_Short_Timer, reference D.1), where the plan says nothing itself.
type Timers struct {
	Long  time.Duration // while the number is not complete; 0: for ever
	Short time.Duration // when it is complete, but could be longer; 0: not at all
}

// DefaultTimers are those of the reference.
func DefaultTimers() Timers { return Timers{Long: defaultLong, Short: defaultShort} }

// A Verdict is what becomes of the number being collected.
type Verdict int

const (
	More    Verdict = iota // the digit was taken, the number may go on
	Send                   // the number is complete, Dialed has what is sent for it
	Refused                // the digit was not taken: no such digit, or the number is as long as can be
	Reject                 // no such number: it cannot become one of the plan any more, or did not in time
	Barred                 // the plan forbids it
)

// A Collector collects the digits of a number to dial, by the plan of the line in use. Off-hook each digit
// is judged and the timers run; on-hook the number waits until it is submitted or the handset is lifted.
// "#" submits it in both cases, unless the plan has a use for it there. The zero Collector has no plan
// and is on-hook: any number can be dialed then, and "#" as its first digit begins a service code (#61).
//
// A number that begins with "+" (RFC 3966) is judged by the plan if that has a "+" or a "!" anywhere;
// otherwise it is taken as it is, and ends with "#" or the long timer. A plan that bars numbers and has no
// "+" thus refuses it: by the country's prefix any number it bars could be reached.
type Collector struct {
	plan    *Plan
	timers  Timers
	digits  []byte
	dialed  string
	match   matching // of digits; without a plan unused
	offHook bool
	sendAt  time.Time // when the number is judged as it stands; zero: not by itself
}

// Use sets the plan and the timers of the line in use; without a plan any number can be dialed. Digits
// collected before are judged anew, off-hook at once, as if the last of them had been dialed just now.
func (c *Collector) Use(now time.Time, p *Plan, t Timers) Verdict {
	if same(c.plan, p) && c.timers == t {
		return More
	}
	c.plan, c.timers = p, t
	c.again()
	if !c.offHook {
		return More
	}
	return c.wait(now)
}

// same tells whether two plans say the same: settings that were read anew have another Plan each time.
func same(p, q *Plan) bool { return p == q || p != nil && q != nil && p.script == q.script }

// again judges the digits there are by the plan there is.
func (c *Collector) again() {
	if c.plan == nil {
		return
	}
	c.match.start(c.plan)
	for _, d := range c.digits {
		c.match.digit(d)
	}
}

// free tells whether the number is one that no plan judges.
func (c *Collector) free() bool {
	return c.plan == nil || len(c.digits) > 0 && c.digits[0] == '+' && !c.plan.plus && !c.plan.bars
}

// Lift tells whether the phone is off-hook. Digits typed before are submitted; a plan may call by itself,
// at once or when nothing is dialed for a while.
func (c *Collector) Lift(now time.Time, offHook bool) Verdict {
	c.offHook, c.sendAt = offHook, time.Time{}
	switch {
	case !offHook:
		return More
	case len(c.digits) > 0:
		return c.judge()
	}
	c.again()
	if c.plan != nil && c.plan.offHook == 0 {
		return c.callAlone()
	}
	return c.wait(now)
}

// Digit takes one key of the dial.
func (c *Collector) Digit(now time.Time, k hal.Key) Verdict {
	digit, ok := k.Digit()
	switch {
	case !ok:
		return Refused
	case k == hal.Pound && !c.literal():
		if len(c.digits) == 0 {
			return Refused
		}
		return c.Submit(now)
	case len(c.digits) >= maxDigits:
		return Refused
	}
	c.add(digit)
	if !c.offHook {
		return More
	}
	return c.wait(now)
}

// literal tells whether "#" is a digit here.
func (c *Collector) literal() bool {
	if c.free() {
		return len(c.digits) == 0
	}
	return c.match.wants('#')
}

func (c *Collector) add(digit byte) {
	if c.plan != nil && len(c.digits) == 0 {
		c.match.start(c.plan)
	}
	c.digits = append(c.digits, digit)
	if c.plan != nil {
		c.match.digit(digit)
	}
}

// wait starts the timer anew, as every digit does, or says what is clear already.
func (c *Collector) wait(now time.Time) Verdict {
	c.sendAt = time.Time{}
	if len(c.digits) == 0 {
		if c.plan != nil && c.plan.offHook > 0 { // P0 acts when the handset is lifted, and only then
			c.sendAt = now.Add(c.plan.offHook)
		}
		return More
	}
	if c.free() {
		if c.timers.Long > 0 {
			c.sendAt = now.Add(c.timers.Long)
		}
		return More
	}
	if !c.match.alive() {
		return c.judge()
	}
	d, never := c.match.wait(c.timers)
	if never {
		return More
	}
	if d <= 0 {
		return c.judge()
	}
	c.sendAt = now.Add(d)
	return More
}

// callAlone is what the plan does when nobody dials.
func (c *Collector) callAlone() Verdict {
	if c.plan.call == "" {
		return Reject
	}
	c.dialed = c.plan.call
	return Send
}

// judge decides about the number as it stands.
func (c *Collector) judge() Verdict {
	c.sendAt = time.Time{}
	if c.free() {
		c.dialed = string(c.digits)
		return Send
	}
	out, s, ok := c.match.complete()
	switch {
	case !ok:
		return Reject
	case s.barred:
		return Barred
	}
	c.dialed = out
	return Send
}

// Submit judges the number as it stands, as the Dial key asks. More: there is none.
func (c *Collector) Submit(time.Time) Verdict {
	if len(c.digits) == 0 {
		return More
	}
	return c.judge()
}

// Expire judges the number if its timer has run out; More: it has not.
func (c *Collector) Expire(now time.Time) Verdict {
	if !due(c.sendAt, now) {
		return More
	}
	c.sendAt = time.Time{}
	if len(c.digits) == 0 {
		return c.callAlone()
	}
	return c.judge()
}

// Plus turns a "0" just collected into "+", the way to dial an international number. It reports
// whether there was one at the beginning of the number.
func (c *Collector) Plus(now time.Time) (Verdict, bool) {
	if string(c.digits) != "0" {
		return More, false
	}
	c.digits[0] = '+'
	c.again()
	if !c.offHook {
		return More, true
	}
	return c.wait(now), true
}

// Delete takes back the last digit. It reports whether there was one.
func (c *Collector) Delete(now time.Time) bool {
	if len(c.digits) == 0 {
		return false
	}
	c.digits = c.digits[:len(c.digits)-1]
	c.again()
	c.sendAt = time.Time{}
	if c.offHook {
		if v := c.wait(now); v != More { // what was complete with fewer digits is not sent for deleting one
			if d, never := c.match.wait(Timers{Long: c.timers.Long, Short: c.timers.Short}); !never {
				c.sendAt = now.Add(max(d, c.timers.Short))
			}
		}
	}
	return true
}

// OutsideTone tells whether the outside dial tone is to be heard until the next digit.
func (c *Collector) OutsideTone() bool {
	return c.offHook && len(c.digits) > 0 && !c.free() && c.match.tone()
}

// Unused does what the plan does when nobody dials, before its own time has come: the dial tone ended
// (reference D.1: the effective wait is the shorter of the two). ok is false if the plan has no P, or
// something was dialed.
func (c *Collector) Unused() (v Verdict, ok bool) {
	if c.plan == nil || c.plan.offHook < 0 || len(c.digits) > 0 {
		return More, false
	}
	c.sendAt = time.Time{}
	return c.callAlone(), true
}

// Number returns the digits so far, as they were typed.
func (c *Collector) Number() string { return string(c.digits) }

// Dialed returns what is to be sent, once the verdict was Send.
func (c *Collector) Dialed() string { return c.dialed }

// Clear forgets the digits.
func (c *Collector) Clear() {
	c.digits, c.dialed, c.sendAt = c.digits[:0], "", time.Time{}
	c.again()
}

// Next returns when Expire may have something to say, or zero.
func (c *Collector) Next() time.Time { return c.sendAt }
