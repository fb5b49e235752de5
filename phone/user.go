package phone

import (
	"time"

	"dialtone/hal"
)

// keyDown takes a key pressed, or the handset put back.
func (p *Phone) keyDown(now time.Time, k hal.Key) {
	if n, ok := k.Line(); ok {
		p.touched()
		p.lineKey(now, n)
		return
	}
	if _, ok := k.Digit(); ok {
		p.touched()
		p.digitKey(now, k)
		return
	}
	switch k {
	case hal.VolUp:
		p.setVolume(now, p.volume+1)
		return
	case hal.VolDown:
		p.setVolume(now, p.volume-1)
		return
	}
	p.touched()
	switch k {
	case hal.Hook:
		p.replaced(now)
	case hal.Talk:
		p.talkKey(now)
	case hal.OK:
		p.okKey(now)
	case hal.Speaker:
		p.handsFree(now, PathSpeaker)
	case hal.Headset:
		p.handsFree(now, PathHeadset)
	case hal.End:
		p.endKey(now)
	case hal.Back:
		p.backKey(now)
	case hal.Hold:
		p.holdKey(now)
	case hal.Mute:
		p.muteKey()
	case hal.Redial:
		p.redialKey(now)
	case hal.Up:
		p.arrowKey(now, -1)
	case hal.Down:
		p.arrowKey(now, 1)
	case hal.Left:
		p.turnList(now, -1)
	case hal.Right:
		p.turnList(now, 1)
	case hal.Soft1:
		p.softKey(now, 0)
	case hal.Soft2:
		p.softKey(now, 1)
	case hal.Soft3:
		p.softKey(now, 2)
	case hal.Soft4:
		p.softKey(now, 3)
	}
}

// keyUp takes the handset lifted; the release of another key means nothing.
func (p *Phone) keyUp(now time.Time, k hal.Key) {
	if k != hal.Hook || p.lifted {
		return
	}
	p.touched()
	p.lifted = true
	p.takeUp(now, PathHandset)
}

// keyHeld takes a key held down long: "0" becomes "+", and back clears the whole number.
func (p *Phone) keyHeld(now time.Time, k hal.Key) {
	if p.active != nil {
		return
	}
	switch k {
	case "0":
		if v, ok := p.dial.Plus(now); ok {
			p.heed(now, v)
		}
	case hal.Back:
		for p.dial.Delete(now) {
		}
		p.typed(now)
	}
}

// keyRepeat takes a key that stays down: the volume goes on changing, and a list goes on moving.
func (p *Phone) keyRepeat(now time.Time, k hal.Key) {
	switch {
	case k == hal.VolUp || k == hal.VolDown:
		p.keyDown(now, k)
	case p.open.on && (k == hal.Up || k == hal.Down):
		p.keyDown(now, k)
	}
}

// flash takes the cradle pressed shortly: the user goes to the call that waits, or to the one on hold.
func (p *Phone) flash(now time.Time) {
	if p.path != PathHandset {
		return
	}
	if c := p.waiting(); c != nil {
		p.answer(now, c, p.path)
	} else if c := p.onHold(); c != nil {
		p.resume(now, c)
	}
}

// touched tells that the user is there and has seen what the idle screen says.
func (p *Phone) touched() {
	if p.path == PathNone && len(p.calls) == 0 {
		p.missed, p.missedPeer = 0, ""
	}
}

// freePath is what the user talks through if no key says it: the handset if lifted, else hands-free.
func (p *Phone) freePath() Path {
	if p.lifted {
		return PathHandset
	}
	return PathSpeaker
}

// takeUp goes on through path: answers the call that rings, takes back the one on hold, moves the one
// there is, calls the entry of the list, or begins a new call.
func (p *Phone) takeUp(now time.Time, path Path) {
	c := p.front()
	switch {
	case p.path != PathNone && (c != nil || p.dialing() || p.onHold() != nil):
		p.path = path
	case c == nil && p.open.on:
		p.dialEntry(now, path)
	case c == nil:
		p.offHook(now, path)
	case c.State == StateIncoming:
		p.answer(now, c, path)
	default: // on hold, the phone on-hook
		p.path = path
		p.resume(now, c)
	}
}

// putDown goes on-hook. The call in hand is over, unless the user put it on hold; calls on hold stay,
// and wait for the user to come back.
func (p *Phone) putDown(now time.Time) {
	if c := p.active; c != nil && !c.wantHold {
		p.finish(now, c)
	}
	why := p.failed.why
	p.goIdle()
	if why != (Reason{}) && why != LeftOffHook {
		p.setNotice(now, why)
	}
}

// replaced takes the handset back in its cradle. Who talks hands-free goes on.
func (p *Phone) replaced(now time.Time) {
	if !p.lifted {
		return
	}
	p.lifted = false
	if p.path == PathHandset {
		p.putDown(now)
	}
}

// handsFree is the key of the loudspeaker or the headset: it goes there, and back when there.
func (p *Phone) handsFree(now time.Time, path Path) {
	switch {
	case p.path != path:
		p.takeUp(now, path)
	case p.lifted:
		p.path = PathHandset
		p.failed.idleAt = time.Time{}
	default:
		p.putDown(now)
	}
}

// talkKey is the green key: it sends the number, answers, takes back, or asks for dial tone.
func (p *Phone) talkKey(now time.Time) {
	switch c := p.waiting(); {
	case p.dialing() && p.dial.Number() != "":
		p.send(now)
	case p.path == PathNone:
		p.takeUp(now, p.freePath())
	case p.look != nil:
		p.goTo(now, p.look)
	case c != nil:
		p.goTo(now, c)
	case p.active != nil:
		p.resume(now, p.active)
	case p.failed.on && p.onHold() != nil:
		p.resume(now, p.onHold())
	case p.failed.on:
		p.takeUp(now, p.freePath())
	}
}

// okKey does what talk does where there is something to say yes to.
func (p *Phone) okKey(now time.Time) {
	c := p.front()
	if p.open.on || c != nil && (c.State == StateIncoming || c == p.look) || c == nil && p.dial.Number() != "" {
		p.talkKey(now)
	}
}

// endKey is the red key: it ends the call the screen is about, or what was about to become one.
func (p *Phone) endKey(now time.Time) {
	p.setNotice(now, Reason{})
	p.closeList()
	if c := p.front(); c != nil {
		p.endCall(now, c)
		return
	}
	p.goOn(true)
}

// backKey takes back a digit, a look at another call or in a list, or the noise of a call that rings.
func (p *Phone) backKey(now time.Time) {
	c := p.front()
	switch {
	case c != nil && c.State == StateIncoming:
		c.silenced = true
		return
	case p.look != nil:
		p.look = nil
		return
	case c != nil:
		if c := p.ringing(); c != nil {
			c.silenced = true
		}
		return
	}
	p.setNotice(now, Reason{})
	p.closeList()
	if p.dial.Delete(now) {
		p.typed(now)
	}
}

// arrowKey moves in the list, or between the calls there are; at rest it opens the missed calls.
func (p *Phone) arrowKey(now time.Time, step int) {
	switch {
	case p.open.on:
		p.moveInList(now, step)
	case p.front() != nil:
		p.lookAt(step)
	case step > 0 && p.atRest():
		p.openList(now, missedCalls)
	}
}

// atRest reports whether the screen is the idle one, without a number typed.
func (p *Phone) atRest() bool {
	return p.path == PathNone && len(p.calls) == 0 && p.dial.Number() == ""
}

// digitKey takes a key of the dial.
func (p *Phone) digitKey(now time.Time, k hal.Key) {
	if c := p.active; c != nil {
		if p.joined(c) {
			p.sendDigits(now, c, string(k))
			p.do(KeyTone{k})
		}
		return
	}
	if p.path == PathNone && p.waiting() != nil {
		return
	}
	p.look = nil // who dials looks at the number
	p.closeList()
	if p.failed.on { // dialing anew, without waiting for the cradle
		p.offHook(now, p.path)
		if p.failed.on {
			return
		}
	}
	before := p.dial.Number()
	p.usePlan(now)
	verdict := p.dial.Digit(now, k)
	if p.dial.Number() != before {
		p.do(KeyTone{k})
	}
	p.heed(now, verdict)
}

// typed starts the timers a changed number asks for.
func (p *Phone) typed(now time.Time) {
	p.firstBy, p.forgetAt = time.Time{}, time.Time{}
	p.setNotice(now, Reason{})
	empty := p.dial.Number() == ""
	switch {
	case p.dialing() && empty:
		p.firstBy = after(now, p.cfg.OffHook)
	case p.path == PathNone && !empty:
		p.forgetAt = now.Add(forgetTime)
	}
}

// send submits the number typed. There is none yet: nothing happens.
func (p *Phone) send(now time.Time) {
	if p.dial.Number() != "" {
		p.usePlan(now)
		p.heed(now, p.dial.Submit(now))
	}
}

// call places a call for the user, who hears why it cannot be placed if so.
func (p *Phone) call(now time.Time, to string, want int) {
	if p.path == PathNone {
		p.path = p.freePath()
	}
	why := p.place(now, to, want)
	switch {
	case why == (Reason{}):
	case p.active != nil:
		p.setNotice(now, why)
	default:
		p.fail(now, why)
	}
}

// again calls a number called before, or one that called: on the line it was on if that still may, or on
// the one the user chose.
func (p *Phone) again(now time.Time, to string, line int) {
	want := p.line
	if l := p.lineAt(line); want == 0 && l != nil && p.mayPlace(l) == (Reason{}) {
		want = line
	}
	p.call(now, to, want)
}

// redialKey calls the number called last, unless there is a call in hand or one that rings.
func (p *Phone) redialKey(now time.Time) {
	switch {
	case p.active != nil, p.path == PathNone && p.waiting() != nil:
	case p.redial == "":
		p.setNotice(now, NoNumber)
	default:
		p.closeList()
		p.again(now, p.redial, p.redialLine)
	}
}

// newCall asks for dial tone on a line, 0 for any; the call in hand is put on hold for it, if there is
// one more to be had.
func (p *Phone) newCall(now time.Time, line int) {
	if c := p.active; c != nil {
		if c.Connected.IsZero() {
			return
		}
		if _, why := p.pick(line); why != (Reason{}) {
			p.setNotice(now, why)
			return
		}
	}
	path := p.path
	if path == PathNone {
		path = p.freePath()
	}
	p.closeList()
	p.leave(now)
	p.line = line
	p.offHook(now, path)
}

// lineKey answers or takes back the call of that line, or chooses the line for a new one.
func (p *Phone) lineKey(now time.Time, number int) {
	for _, c := range p.calls {
		if c.State == StateIncoming && c.Line == number {
			p.goTo(now, c)
			return
		}
	}
	switch held := p.onHoldAt(number); {
	case held != nil:
		p.goTo(now, held)
	case p.active != nil && p.active.Line == number:
		p.resume(now, p.active)
	case p.path == PathNone && p.waiting() != nil:
	case p.dialing() && p.dial.Number() != "":
		p.line = number // the number goes out on the other line
		p.heed(now, p.usePlan(now))
	default:
		p.newCall(now, number)
	}
}

// holdKey holds and takes back the call the screen is about.
func (p *Phone) holdKey(now time.Time) {
	c := p.front()
	switch {
	case c == nil && p.onHold() != nil: // dialing, or after a failure
		p.resume(now, p.onHold())
	case c == nil || c.State == StateIncoming:
	case c != p.active || c.held:
		p.resume(now, c)
	default:
		p.hold()
	}
}

// muteKey turns the microphone off and on; while it rings it turns the bell off.
func (p *Phone) muteKey() {
	c := p.front()
	switch {
	case c != nil && c.State == StateIncoming:
		c.silenced = true
	case p.active != nil && !p.active.Connected.IsZero():
		p.muted = !p.muted
	}
}

// setVolume sets the volume within its bounds and shows it.
func (p *Phone) setVolume(now time.Time, level int) {
	level = min(max(level, 0), MaxVolume)
	p.volumeUntil = now.Add(volumeTime)
	if level != p.volume {
		p.volume = level
		p.do(Volume{level})
	}
}
