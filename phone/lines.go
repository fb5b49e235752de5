package phone

import (
	"slices"
	"time"

	"dialtone/keypad"
)

// A line is one line as configured, and how it stands.
type line struct {
	LineConfig
	state    LineState
	backup   bool // it works by another server than the preferred one
	cause    Reason
	told     Reason // the cause the user was told last; zero once it is registered
	was      bool   // it has been registered and has not failed since: it may be about to be again
	messages bool   // new ones wait in its mailbox
}

// configure takes new settings. A line keeps its state if it is still there.
func (p *Phone) configure(c Config) {
	set := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
	}
	set(&c.OffHook, defaultOffHook)
	set(&c.RingTimeout, defaultRingTimeout)
	set(&c.NoticeTime, defaultNoticeTime)
	c.NoticeTime = max(c.NoticeTime, 0)
	if c.Appearances < 1 {
		c.Appearances = defaultAppearances
	}
	if c.Timers == (keypad.Timers{}) {
		c.Timers = keypad.DefaultTimers()
	}

	var lines []line
	for _, lc := range c.Lines {
		if lc.Number < 1 || lc.Number > maxLineNumber || slices.ContainsFunc(lines, func(l line) bool { return l.Number == lc.Number }) {
			continue
		}
		l := line{LineConfig: lc, state: LineUnregistered}
		if old := p.lineAt(lc.Number); old != nil {
			l.state, l.cause, l.told, l.messages, l.was = old.state, old.cause, old.told, old.messages, old.was
		}
		if !lc.Enabled {
			l.state, l.cause, l.told = LineDisabled, Reason{}, Reason{}
		} else if l.state == LineDisabled {
			l.state = LineUnregistered
		}
		lines = append(lines, l)
	}
	slices.SortFunc(lines, func(a, b line) int { return a.Number - b.Number })
	p.lines, p.cfg = lines, c
}

// lineAt returns the line of that number, or nil.
func (p *Phone) lineAt(number int) *line {
	for i := range p.lines {
		if p.lines[i].Number == number {
			return &p.lines[i]
		}
	}
	return nil
}

// lineNews takes news of a registration, and tells the user of a new trouble, or of its end.
func (p *Phone) lineNews(now time.Time, ev Line) {
	l := p.lineAt(ev.Number)
	if l == nil || !l.Enabled {
		return
	}
	l.state, l.cause, l.backup = ev.State, Reason{}, ev.Backup && ev.State == LineRegistered
	l.was = l.state == LineRegistered || l.was && l.state == LineRegistering
	switch ev.State {
	case LineFailed:
		l.cause = ev.Cause
		if l.cause == (Reason{}) {
			l.cause = NotRegistered
		}
		if l.told != l.cause { // every retry fails anew: once is enough
			l.told = l.cause
			p.setNotice(now, l.cause)
		}
	case LineRegistered:
		if l.told != (Reason{}) {
			l.told = Reason{}
			p.setNotice(now, Reason{"Registered", "Calls work again"})
		}
	}
}

// pick returns the line for a call to be placed, and why it cannot be placed if so. want is the line
// the user asked for, 0 for any: then the first that may call and has room, which is line 1 as long as
// all is well.
func (p *Phone) pick(want int) (number int, why Reason) {
	if want != 0 {
		l := p.lineAt(want)
		if l == nil {
			return want, NoLine
		}
		return want, p.mayPlace(l)
	}
	number, why = 0, NoLine
	for i := range p.lines {
		l := &p.lines[i]
		if !l.Enabled {
			continue
		}
		trouble := p.mayPlace(l)
		if trouble == (Reason{}) {
			return l.Number, trouble
		}
		if number == 0 {
			number, why = l.Number, trouble
		}
	}
	return number, why
}

// free reports whether a line may have one more call.
func (p *Phone) free(number int) bool {
	n := 0
	for _, c := range p.calls {
		if c.Line == number {
			n++
		}
	}
	return n < p.cfg.Appearances
}

// mayPlace returns why a line may not place one more call now, or the zero Reason.
func (p *Phone) mayPlace(l *line) Reason {
	if why := p.mayCall(l); why != (Reason{}) {
		return why
	}
	if !p.free(l.Number) {
		return LineInUse
	}
	return Reason{}
}

// mayCall returns why a line may not place calls, or the zero Reason. (F.7: no dial tone on a line
// that is not registered, but for Make_Call_Without_Reg. One that moves to another server just now counts as registered.)
func (p *Phone) mayCall(l *line) Reason {
	switch {
	case !l.Enabled:
		return LineOff
	case p.netDown:
		return NoNetwork
	case l.state == LineRegistered || l.was && l.state == LineRegistering || l.MakeCallWithoutReg:
		return Reason{}
	case l.state == LineFailed:
		return Reason{NotRegistered.Title, l.cause.Title}
	}
	return NotRegistered
}
