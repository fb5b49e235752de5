package phone

import "time"

// Which of the calls the user is with. At most one is in hand (Phone.active): the one talked in, the
// one being placed, or one the user has put on hold and not left. Every other one rings, or is on hold
// or about to be. On-hook none is in hand.

// front is the call the screen is about: the one looked at, else the one in hand; on-hook the one that
// rings, else the one left on hold last, unless a number is being typed.
func (p *Phone) front() *call {
	switch {
	case p.look != nil:
		return p.look
	case p.path != PathNone:
		return p.active
	}
	if c := p.waiting(); c != nil {
		return c
	}
	if p.dial.Number() != "" {
		return nil
	}
	return p.onHold()
}

// waiting returns the call that has rung longest, or nil.
func (p *Phone) waiting() *call {
	for _, c := range p.calls {
		if c.State == StateIncoming {
			return c
		}
	}
	return nil
}

// onHold returns the call that was in hand last of those that are not now, or nil.
func (p *Phone) onHold() (last *call) {
	for _, c := range p.calls {
		if c != p.active && !c.Connected.IsZero() && (last == nil || c.turn > last.turn) {
			last = c
		}
	}
	return last
}

// onHoldAt is onHold among the calls of one line.
func (p *Phone) onHoldAt(line int) (last *call) {
	for _, c := range p.calls {
		if c.Line == line && c != p.active && !c.Connected.IsZero() && (last == nil || c.turn > last.turn) {
			last = c
		}
	}
	return last
}

// joined reports whether the user and the other side of a call hear each other, as far as it lies with
// us.
func (p *Phone) joined(c *call) bool {
	if c != p.active || p.path == PathNone {
		return false
	}
	if c.Connected.IsZero() {
		return c.Early && c.calling()
	}
	return !c.wantHold && !c.held && !(c.pending && c.asked)
}

// take puts a call in the user's hand, where none is.
func (p *Phone) take(c *call) {
	p.turns++
	p.active, p.look, c.turn = c, nil, p.turns
	p.remindUntil = time.Time{}
}

// leave takes the call in hand out of it: it is put on hold, or given up if nobody answered it yet.
func (p *Phone) leave(now time.Time) {
	c := p.active
	if c == nil {
		return
	}
	if c.Connected.IsZero() {
		p.finish(now, c)
		return
	}
	p.active, p.look = nil, nil
	c.wantHold = true
	p.askHold(c)
}

// goOn goes on after a call has ended. If it was the one in hand, the next is the one that waits, which
// then rings as if the phone had been on-hook, or the one on hold, which stays so until the user takes
// it back.
func (p *Phone) goOn(inHand bool) {
	held := p.onHold()
	switch {
	case inHand && held != nil && p.waiting() == nil && p.path != PathNone:
		p.stopDialing()
		p.take(held)
	case inHand, len(p.calls) == 0 && p.path == PathNone:
		p.goIdle()
	}
}

// goTo turns to a call: answers it, or takes it back.
func (p *Phone) goTo(now time.Time, c *call) {
	if c.State != StateIncoming {
		p.resume(now, c)
		return
	}
	path := p.path
	if path == PathNone {
		path = p.freePath()
	}
	p.answer(now, c, path)
}

// lookAt moves the user's eyes to another call, a step up or down in their order.
func (p *Phone) lookAt(step int) {
	front := p.front()
	if front == nil {
		return
	}
	for i, c := range p.calls {
		if c == front {
			p.look = p.calls[(i+step+len(p.calls))%len(p.calls)]
			break
		}
	}
	if p.look == p.active {
		p.look = nil
	}
}

// hold puts the other side of the call in hand on hold. They are not heard from now on, nor is the
// user, whatever they answer.
func (p *Phone) hold() {
	c := p.active
	if c == nil || c.Connected.IsZero() || c.pending || c.wantHold {
		return
	}
	c.wantHold = true
	p.askHold(c)
}

// resume takes a call back; the one in hand is put on hold for it.
func (p *Phone) resume(now time.Time, c *call) {
	if c.Connected.IsZero() {
		return
	}
	if c != p.active {
		p.leave(now)
		p.stopDialing()
		p.take(c)
	} else if c.pending || !c.held {
		return
	}
	if p.path == PathNone {
		p.path = p.freePath()
	}
	c.wantHold = false
	p.setNotice(now, Reason{})
	p.askHold(c)
}

// askHold asks the other side for what the user wants of the call, unless that is so already. One
// thing is asked at a time: what was wanted meanwhile is asked when the answer comes.
func (p *Phone) askHold(c *call) {
	if c.pending || c.Connected.IsZero() || c.wantHold == c.held {
		return
	}
	c.pending, c.asked = true, c.wantHold
	if c.wantHold {
		p.do(Hold{c.ID})
	} else {
		p.do(Resume{c.ID})
	}
}

// holdDone takes the answer to Hold and Resume.
func (p *Phone) holdDone(now time.Time, ev HoldDone) {
	c := p.find(ev.ID)
	if c == nil || !c.pending || ev.On != c.asked {
		return
	}
	c.pending = false
	why := func(refused Reason) Reason {
		if ev.Why != (Reason{}) {
			return ev.Why
		}
		return refused
	}
	switch {
	case ev.OK:
		c.held = c.asked
	case !ev.On:
		c.wantHold = true
		if c == p.active {
			p.setNotice(now, why(ResumeRefused))
		}
	case c != p.active:
		c.held = true // the user has left in good faith: they hear nothing all the same
	case c.wantHold:
		c.wantHold = false
		p.setNotice(now, why(HoldRefused))
	}
	c.remindAt = time.Time{}
	if c.held && c.wantHold && p.cfg.HoldReminder > 0 {
		c.remindAt = now.Add(p.cfg.HoldReminder)
	}
	p.askHold(c)
	c.talkState(now)
}

// remoteHold takes the news that the other side put us on hold, or took us back.
func (p *Phone) remoteHold(now time.Time, ev RemoteHold) {
	c := p.find(ev.ID)
	if c == nil {
		return
	}
	c.remoteHold = ev.On // a call may come on hold, and is when it is answered
	if !c.Connected.IsZero() {
		c.talkState(now)
	}
}
