package phone

import (
	"time"
)

// A soft is a soft key: what stands above it, and what it does. The zero soft does nothing. The words
// are those of reference D.4.
type soft struct {
	label string
	act   func(p *Phone, now time.Time)
}

// The soft keys there are. Each does what it says to the call the screen is about, but for those of a
// call that waits.
var (
	softAnswer  = soft{"Answer", func(p *Phone, now time.Time) { p.goTo(now, p.caller()) }}
	softDecline = soft{"Decline", func(p *Phone, now time.Time) { p.endCall(now, p.caller()) }}
	softIgnore  = soft{"Ignore", func(p *Phone, _ time.Time) { p.caller().silenced = true }}
	softHold    = soft{"Hold", (*Phone).holdKey}
	softResume  = soft{"Resume", (*Phone).holdKey}
	softSwap    = soft{"Swap", func(p *Phone, now time.Time) { p.resume(now, p.onHold()) }}
	softNew     = soft{"New call", func(p *Phone, now time.Time) { p.newCall(now, p.lineForNew()) }}
	softEnd     = soft{"End call", (*Phone).endKey}
	softCancel  = soft{"Cancel", (*Phone).endKey}
	softRedial  = soft{"Redial", (*Phone).redialKey}
	softMissed  = soft{"Missed", func(p *Phone, now time.Time) { p.openList(now, missedCalls) }}
	softDND     = soft{"DND", (*Phone).dndKey}
	softDial    = soft{"Dial", (*Phone).talkKey}
	softDelete  = soft{"Delete", (*Phone).backKey}
	softRemove  = soft{"Delete", (*Phone).deleteEntry}
	softBack    = soft{"Back", (*Phone).backKey}
)

// when leaves a soft key out unless it has a use.
func (s soft) when(useful bool) soft {
	if !useful {
		return soft{}
	}
	return s
}

// softKeys are the soft keys in the present state, from left to right.
func (p *Phone) softKeys() [4]soft {
	c, held := p.front(), p.onHold() != nil
	if p.caller() != nil && (c == nil || c == p.active || c.State == StateIncoming) {
		keys := [4]soft{softAnswer, softDecline, softIgnore.when(!p.caller().silenced)}
		switch {
		case c == nil:
			keys[3] = softCancel
		case c == p.active:
			keys[3] = softEnd
		}
		return keys
	}
	switch {
	case c != nil && c.calling():
		return [4]soft{3: softEnd}
	case c != nil && c != p.active:
		return [4]soft{softResume, softNew.when(p.path == PathNone), {}, softEnd}
	case c != nil:
		keys := [4]soft{softHold.when(!c.pending), softNew, softSwap.when(held), softEnd}
		if c.held {
			keys[0] = softResume.when(!c.pending)
		}
		return keys
	case p.open.on:
		some := len(p.history[p.open.kind]) > 0
		return [4]soft{softDial.when(some), softRemove.when(some), {}, softBack}
	case p.failed.on:
		return [4]soft{softRedial.when(p.redial != ""), softNew, softResume.when(held), softCancel}
	case p.dial.Number() != "":
		return [4]soft{softDial, softDelete, softResume.when(held), softCancel}
	case p.path != PathNone:
		return [4]soft{softRedial.when(p.redial != ""), {}, softResume.when(held), softCancel}
	}
	return [4]soft{softRedial.when(p.redial != ""), softMissed, softDND.when(len(p.lines) > 0), softNew}
}

// softKey takes one of them, counted from 0.
func (p *Phone) softKey(now time.Time, n int) {
	if act := p.softKeys()[n].act; act != nil {
		act(p, now)
	}
}

// caller is the call the soft keys of a call that rings are about: the one looked at, else the one that
// has rung longest.
func (p *Phone) caller() *call {
	if c := p.front(); c != nil && c.State == StateIncoming {
		return c
	}
	return p.waiting()
}

// lineForNew is the line of a new call beside one in hand: the same if it has room, else any.
func (p *Phone) lineForNew() int {
	if c := p.front(); c != nil && p.free(c.Line) {
		return c.Line
	}
	return 0
}

// dndKey turns do not disturb on for every line, or off if one has it.
func (p *Phone) dndKey(now time.Time) {
	on := true
	for _, l := range p.lines {
		on = on && !l.DND
	}
	p.confirmUntil = now.Add(confirmTime)
	p.do(SetDND{on})
}
