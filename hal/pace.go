package hal

import "time"

// Implementation constants.
const (
	// maxBehind is how far a Pacer may run behind and still catch up. Whoever was stopped for
	// longer (a suspended machine, a debugger) starts a new schedule: playing minutes of missed
	// periods at once would help nobody.
	maxBehind = 200 * time.Millisecond
)

// A Pacer keeps the beat of a sound device that has no clock of its own. Its deadlines are
// absolute: sleeping too long once makes the next sleep shorter, so the rate never drifts. (A
// time.Ticker drops beats when its reader is late; measured, its error under load is tens of
// milliseconds.)
//
// A Pacer holds no clock. It is told the time and says how long to wait. The zero Pacer is not
// usable; make one with NewPacer.
type Pacer struct {
	rate, period int
	start        time.Time // when beat 0 was
	beats        int64     // periods due since start
	resyncs      int
}

// NewPacer returns the beat of a device that takes period samples at a time, rate of them a second.
func NewPacer(rate, period int) *Pacer {
	if rate <= 0 || period <= 0 {
		panic("hal: a pacer needs a rate and a period")
	}
	return &Pacer{rate: rate, period: period}
}

// Wait counts one period and returns how long to sleep before it is over: zero or less when it is
// over already. The first call starts the schedule.
func (p *Pacer) Wait(now time.Time) time.Duration {
	if p.start.IsZero() {
		p.start = now
	}
	p.beats++
	due := p.due()
	if now.Sub(due) > maxBehind {
		p.start, p.beats = now, 1
		p.resyncs++
		due = p.due()
	}
	return due.Sub(now)
}

// Resyncs returns how often the schedule was begun anew after a long stop.
func (p *Pacer) Resyncs() int { return p.resyncs }

// due is the end of the period counted last. Seconds and the rest are reckoned apart: the product
// of beats and nanoseconds would overflow after some weeks.
func (p *Pacer) due() time.Time {
	samples := p.beats * int64(p.period)
	rate := int64(p.rate)
	whole, rest := samples/rate, samples%rate
	return p.start.Add(time.Duration(whole)*time.Second + time.Duration(rest)*time.Second/time.Duration(rate))
}
