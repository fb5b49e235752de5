package phone

import (
	"strings"
	"time"
)

// noCall is the ID of no call: 0 is even and might be one.
const noCall ID = -1

// find returns the call there is if it is the one called id.
func (p *Phone) find(id ID) *call {
	if p.call != nil && p.call.ID == id {
		return p.call
	}
	return nil
}

// calling reports whether we placed the call and nobody answered yet.
func (c *call) calling() bool {
	return c.State == StateDialing || c.State == StateProceeding || c.State == StateRinging
}

// enter moves the call to a state.
func (c *call) enter(now time.Time, s CallState) {
	if c.State != s {
		c.State, c.Since = s, now
	}
}

// talkState puts the call in the state its holds make of it.
func (c *call) talkState(now time.Time) {
	switch {
	case c.held:
		c.enter(now, StateHeld)
	case c.remoteHold:
		c.enter(now, StateRemoteHeld)
	default:
		c.enter(now, StateConnected)
	}
}

// place asks for a call. The phone is off-hook already. It reports why not, if not.
func (p *Phone) place(now time.Time, to string, want int) (ID, Reason) {
	p.lastID += 2
	id := p.lastID
	number, why := p.pick(want)
	if why == (Reason{}) && !dialable(to) {
		why = BadNumber
	}
	c := Call{ID: id, Line: number, Out: true, State: StateDialing, Peer: to, Since: now}
	if why != (Reason{}) {
		p.list(now, c, why)
		return id, why
	}
	p.dial.Clear()
	p.firstBy, p.forgetAt, p.failed = time.Time{}, time.Time{}, failure{}
	p.setNotice(now, Reason{})
	p.line, p.redial, p.redialLine = number, to, number
	p.call = &call{Call: c}
	p.do(PlaceCall{id, number, to})
	return id, Reason{}
}

// dialable reports whether to can be sent as an address.
func dialable(to string) bool {
	if to == "" || len(to) > MaxDialed {
		return false
	}
	return !strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r == 0x7f || r == 0xfffd })
}

// plain takes the visual separators out of a telephone number as people write it (RFC 3966 section
// 5.1.1); what is no such number stays as it is.
func plain(to string) string {
	to = strings.TrimSpace(to)
	if strings.Trim(to, "0123456789+*#-.()/ ") != "" {
		return to
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("-.()/ ", r) {
			return -1
		}
		return r
	}, to)
}

// dialNow places a call asked for through the API.
func (p *Phone) dialNow(now time.Time, ev Dial) {
	to := plain(ev.To)
	if p.call != nil {
		p.lastID += 2
		c := Call{ID: p.lastID, Line: ev.Line, Out: true, Peer: to}
		if c.Line == 0 {
			c.Line = p.call.Line
		}
		p.list(now, c, LineInUse)
		return
	}
	_, why := p.place(now, to, ev.Line)
	switch {
	case why == (Reason{}):
		if p.path == PathNone {
			p.path = p.freePath()
		}
	case p.path != PathNone:
		p.fail(now, why)
	default:
		p.setNotice(now, why)
	}
}

// progress moves a call we placed forward, never back.
func (p *Phone) progress(now time.Time, id ID, s CallState) {
	c := p.find(id)
	if c == nil || c.State != StateDialing && (c.State != StateProceeding || s != StateRinging) {
		return
	}
	c.enter(now, s)
}

// answered connects a call we placed.
func (p *Phone) answered(now time.Time, id ID) {
	if c := p.find(id); c != nil && c.calling() {
		c.Connected, c.Early = now, false
		c.talkState(now)
	}
}

// incoming rings, unless the user is on the telephone or wants no calls. Who still holds the handset
// of a call that ended is not on the telephone any more.
func (p *Phone) incoming(now time.Time, ev Incoming) {
	if p.find(ev.ID) != nil {
		return // heard before
	}
	c := Call{ID: ev.ID, Line: ev.Line, State: StateIncoming, Peer: ev.Peer, Name: ev.Name, Since: now}
	if c.Line < 1 {
		c.Line = 1
	}
	if l := p.lineAt(c.Line); l != nil && l.DND {
		p.do(Reject{c.ID, 486})
		p.list(now, c, NotDisturbed)
		return
	}
	if p.call != nil || p.dialing() {
		p.do(Reject{c.ID, 486})
		p.list(now, c, WasBusy)
		p.countMissed(c)
		return
	}
	p.goIdle()
	p.setNotice(now, Reason{})
	p.call = &call{Call: c, ringUntil: after(now, p.cfg.RingTimeout)}
	p.do(RingBack{c.ID})
}

// answer takes the call that rings.
func (p *Phone) answer(now time.Time, path Path) {
	c := p.call
	p.path, c.ringUntil = path, time.Time{}
	c.Connected = now
	c.talkState(now)
	p.do(Accept{c.ID})
}

// endCall ends the call there is, as the user wishes.
func (p *Phone) endCall(now time.Time) {
	c := p.call
	if c.State == StateIncoming {
		// 486 rather than 603: a 603 would stop the caller's other targets, such as the mailbox.
		p.do(Reject{c.ID, 486})
		p.list(now, c.Call, Declined)
	} else {
		p.do(HangUp{c.ID})
		p.list(now, c.Call, Finished)
	}
	p.call = nil
	p.goIdle()
}

// callEnded takes the news that a call is over.
func (p *Phone) callEnded(now time.Time, ev Ended) {
	c := p.find(ev.ID)
	if c == nil {
		return // we gave it up before
	}
	why := ev.Why
	if why == (Reason{}) {
		why = HungUp
	}
	if c.State == StateIncoming {
		if why != AnsweredElsewhere {
			why = MissedCall
		}
		p.miss(now, c, why)
		return
	}
	talked := !c.Connected.IsZero()
	p.list(now, c.Call, why)
	p.call = nil
	switch {
	case p.path == PathHandset, p.path != PathNone && !talked: // hands-free hears why a call failed
		p.fail(now, why)
		p.failed.peer, p.failed.name = c.Peer, c.Name
		if talked {
			p.failed.toneAt = after(now, p.cfg.ReorderDelay)
		}
	default:
		p.goIdle()
		p.setNotice(now, why)
	}
}

// miss ends a call that rang and was not answered.
func (p *Phone) miss(now time.Time, c *call, why Reason) {
	p.list(now, c.Call, why)
	if why == MissedCall {
		p.countMissed(c.Call)
	}
	p.call = nil
	p.goIdle()
}

func (p *Phone) countMissed(c Call) {
	p.missed++
	p.missedPeer = c.Name
	if p.missedPeer == "" {
		p.missedPeer = c.Peer
	}
}

// list puts a call among the ended ones.
func (p *Phone) list(now time.Time, c Call, why Reason) {
	c.State, c.Since, c.Why = StateEnded, now, why
	c.Muted, c.Early = false, false
	p.ended = append(p.ended, c)
	if len(p.ended) > maxEnded {
		p.ended = p.ended[1:]
	}
}

// hold puts the other side on hold. They are not heard from now on, nor is the user, whatever they
// answer.
func (p *Phone) hold() {
	c := p.call
	if c == nil || c.Connected.IsZero() || c.pending || c.wantHold {
		return
	}
	c.wantHold, c.pending = true, true
	p.do(Hold{c.ID})
}

// resume takes the other side back.
func (p *Phone) resume() {
	c := p.call
	if c == nil || !c.held || c.pending {
		return
	}
	if p.path == PathNone {
		p.path = p.freePath()
	}
	c.wantHold, c.pending = false, true
	p.do(Resume{c.ID})
}

// holdDone takes the answer to Hold and Resume.
func (p *Phone) holdDone(now time.Time, ev HoldDone) {
	c := p.find(ev.ID)
	if c == nil || !c.pending || ev.On != c.wantHold {
		return
	}
	c.pending = false
	switch {
	case ev.OK:
		c.held = c.wantHold
	case ev.On && p.path == PathNone:
		c.held = true // the handset was put back in good faith: they hear nothing all the same
	default:
		c.wantHold = !c.wantHold
		if ev.On {
			p.setNotice(now, HoldRefused)
		} else {
			p.setNotice(now, ResumeRefused)
		}
	}
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

// sendDigits sends digits in the call being talked in; other characters are passed over.
func (p *Phone) sendDigits(now time.Time, digits string) {
	c := p.call
	if c.wantHold || c.held || c.Connected.IsZero() && !c.Early {
		return
	}
	for _, d := range strings.ToUpper(digits[:min(len(digits), MaxDialed)]) {
		if strings.ContainsRune("0123456789*#ABCD", d) {
			p.do(SendDigit{c.ID, string(d)})
			c.Sent = keep(c.Sent, string(d))
			c.sentUntil = now.Add(sentTime)
		}
	}
}
