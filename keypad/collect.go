package keypad

import (
	"time"

	"dialtone/hal"
)

// Implementation constants.
const maxDigits = 64 // digits of one number; more are not taken

// A Plan says when a number is complete.
type Plan struct {
	// Long is how long to wait off-hook for one more digit before the number is sent as it stands
	// (Interdigit_Long_Timer, reference D.1). Zero: for ever.
	Long time.Duration
}

// A Verdict is what a digit did to the number being collected.
type Verdict int

const (
	More    Verdict = iota // the digit was taken, the number may go on
	Send                   // the number is complete, Number has it
	Refused                // the digit was not taken: no such digit, or the number is as long as can be
)

// A Collector collects the digits of a number to dial. Off-hook the number is sent when the Plan's
// timer runs out; on-hook it waits for the user to lift the handset. "#" sends it in both cases,
// except as the first digit, where it begins a service code (#61). The zero Collector has an empty
// Plan and is on-hook.
type Collector struct {
	Plan    Plan
	digits  []byte
	offHook bool
	sendAt  time.Time // when the number is sent as it stands; zero: not by itself
}

// Digit takes one key of the dial.
func (c *Collector) Digit(now time.Time, k hal.Key) Verdict {
	digit, ok := k.Digit()
	switch {
	case !ok:
		return Refused
	case k == hal.Pound && len(c.digits) > 0:
		c.sendAt = time.Time{}
		return Send
	case len(c.digits) >= maxDigits:
		return Refused
	}
	c.digits = append(c.digits, digit)
	c.wait(now)
	return More
}

// Plus turns a "0" just collected into "+", the way to dial an international number. It reports
// whether there was one at the beginning of the number.
func (c *Collector) Plus() bool {
	if string(c.digits) != "0" {
		return false
	}
	c.digits[0] = '+'
	return true
}

// Delete takes back the last digit. It reports whether there was one.
func (c *Collector) Delete(now time.Time) bool {
	if len(c.digits) == 0 {
		return false
	}
	c.digits = c.digits[:len(c.digits)-1]
	c.wait(now)
	return true
}

// Lift tells whether the phone is off-hook: only then does the timer of the Plan run.
func (c *Collector) Lift(now time.Time, offHook bool) {
	c.offHook = offHook
	c.wait(now)
}

// Expired reports whether the number is complete because no more digits came.
func (c *Collector) Expired(now time.Time) bool { return due(c.sendAt, now) }

// Number returns the digits so far.
func (c *Collector) Number() string { return string(c.digits) }

// Clear forgets the digits.
func (c *Collector) Clear() {
	c.digits, c.sendAt = c.digits[:0], time.Time{}
}

// Next returns when Expired may become true, or zero.
func (c *Collector) Next() time.Time { return c.sendAt }

// wait starts the timer anew, as every digit does.
func (c *Collector) wait(now time.Time) {
	c.sendAt = time.Time{}
	if c.offHook && len(c.digits) > 0 && c.Plan.Long > 0 {
		c.sendAt = now.Add(c.Plan.Long)
	}
}
