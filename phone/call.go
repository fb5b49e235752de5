package phone

import (
	"slices"
	"strings"
	"time"
)

// noCall is the ID of no call: 0 is even and might be one.
const noCall ID = -1

// find returns the call of that ID if there is one.
func (p *Phone) find(id ID) *call {
	for _, c := range p.calls {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// begin puts a call among those there are.
func (p *Phone) begin(c Call) *call {
	made := &call{Call: c}
	p.calls = append(p.calls, made)
	return made
}

// remove takes a call that is over out of those there are, and lists it with its reason.
func (p *Phone) remove(now time.Time, c *call, why Reason) {
	p.list(now, c.Call, why)
	p.calls = slices.DeleteFunc(p.calls, func(other *call) bool { return other == c })
	if p.active == c {
		p.active = nil
	}
	if p.look == c {
		p.look = nil
	}
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

// place asks for a call; the one in hand is put on hold for it. The phone is off-hook already. It
// reports why not, if not.
func (p *Phone) place(now time.Time, to string, want int) Reason {
	p.lastID += 2
	id := p.lastID
	number, why := p.pick(want)
	if why == (Reason{}) && !dialable(to) {
		why = BadNumber
	}
	c := Call{ID: id, Line: number, Out: true, State: StateDialing, Peer: to, Since: now}
	if why != (Reason{}) {
		p.list(now, c, why)
		return why
	}
	p.leave(now)
	p.stopDialing()
	p.setNotice(now, Reason{})
	p.line, p.redial, p.redialLine = number, to, number
	p.muted = false
	p.take(p.begin(c))
	p.remember(now, placedCalls, c)
	p.do(PlaceCall{id, number, to})
	return Reason{}
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

// dialNow places a call asked for through the API. A call nobody answered yet cannot be put on hold:
// there is no second one beside it.
func (p *Phone) dialNow(now time.Time, ev Dial) {
	to := plain(ev.To)
	if c := p.active; c != nil && c.calling() {
		p.lastID += 2
		refused := Call{ID: p.lastID, Line: ev.Line, Out: true, Peer: to}
		if refused.Line == 0 {
			refused.Line = c.Line
		}
		p.list(now, refused, LineInUse)
		return
	}
	why := p.place(now, to, ev.Line)
	switch {
	case why == (Reason{}):
		if p.path == PathNone {
			p.path = p.freePath()
		}
	case why == LineInUse: // it is listed, and the user has nothing to do with it
	case p.path != PathNone && p.active == nil:
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

// incoming rings, or waits while the user is on the telephone; it is refused where the user wants no
// calls, or no second one. Who still holds the handset of a call that ended is not on the telephone
// any more.
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
		p.remember(now, missedCalls, c)
		return
	}
	busy := len(p.calls) > 0 || p.dialing()
	if busy && (!p.cfg.CallWaiting || !p.free(c.Line)) {
		p.do(Reject{c.ID, 486})
		p.list(now, c, WasBusy)
		p.countMissed(now, c)
		return
	}
	if p.active == nil && !p.dialing() { // it rings, the phone on-hook
		p.goIdle()
		p.setNotice(now, Reason{})
	}
	p.closeList()
	p.begin(c).ringUntil = after(now, p.cfg.RingTimeout)
	p.do(RingBack{c.ID})
}

// answer takes a call that rings. The one in hand is put on hold for it.
func (p *Phone) answer(now time.Time, c *call, path Path) {
	p.leave(now)
	p.stopDialing()
	p.setNotice(now, Reason{})
	p.path, c.ringUntil = path, time.Time{}
	p.muted = false
	p.take(c)
	c.Connected = now
	c.talkState(now)
	p.remember(now, receivedCalls, c.Call)
	p.do(Accept{c.ID})
}

// finish ends a call as the user wishes, whatever its state.
func (p *Phone) finish(now time.Time, c *call) {
	if c.State == StateIncoming {
		// 486 rather than 603: a 603 would stop the caller's other targets, such as the mailbox.
		p.do(Reject{c.ID, 486})
		p.remove(now, c, Declined)
		return
	}
	p.do(HangUp{c.ID})
	p.remove(now, c, Finished)
}

// endCall ends a call as the user wishes, and goes on.
func (p *Phone) endCall(now time.Time, c *call) {
	inHand := c == p.active
	p.finish(now, c)
	p.goOn(inHand)
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
	talked, inHand := !c.Connected.IsZero(), c == p.active
	p.remove(now, c, why)
	alone := p.path == PathHandset && p.onHold() == nil
	if inHand && p.waiting() == nil && (alone || !talked) { // hands-free hears why a call failed, too
		p.fail(now, why)
		p.failed.peer, p.failed.name = c.Peer, c.Name
		if talked {
			p.failed.toneAt = after(now, p.cfg.ReorderDelay)
		}
		return
	}
	p.goOn(inHand)
	p.setNotice(now, why)
}

// miss ends a call that rang and was not answered.
func (p *Phone) miss(now time.Time, c *call, why Reason) {
	p.remove(now, c, why)
	if why == MissedCall {
		p.countMissed(now, c.Call)
	}
	p.goOn(false)
}

func (p *Phone) countMissed(now time.Time, c Call) {
	p.missed++
	p.missedPeer = c.Name
	if p.missedPeer == "" {
		p.missedPeer = c.Peer
	}
	p.remember(now, missedCalls, c)
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

// sendDigits sends digits in the call being talked in; other characters are passed over.
func (p *Phone) sendDigits(now time.Time, c *call, digits string) {
	if !p.joined(c) {
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
