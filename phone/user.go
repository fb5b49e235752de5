package phone

import (
	"time"

	"dialtone/hal"
	"dialtone/keypad"
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
		p.holdKey()
	case hal.Mute:
		p.muteKey()
	case hal.Redial:
		p.redialKey(now)
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
	if p.call != nil {
		return
	}
	switch k {
	case "0":
		p.dial.Plus(now)
	case hal.Back:
		for p.dial.Delete(now) {
		}
		p.typed(now)
	}
}

// touched tells that the user is there and has seen what the idle screen says.
func (p *Phone) touched() {
	if p.call == nil && p.path == PathNone {
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
// there is, or begins a new one.
func (p *Phone) takeUp(now time.Time, path Path) {
	c := p.call
	switch {
	case c == nil && p.dialing(), c != nil && p.path != PathNone:
		p.path = path
	case c == nil:
		p.offHook(now, path)
	case c.State == StateIncoming:
		p.answer(now, path)
	default: // on hold, the phone on-hook
		p.path = path
		p.resume()
	}
}

// putDown goes on-hook. A call on hold stays, and waits for the user to come back.
func (p *Phone) putDown(now time.Time) {
	if p.call != nil && !p.call.wantHold {
		p.endCall(now)
		return
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

// talkKey is the green key: it answers, takes back, sends the number, or asks for dial tone.
func (p *Phone) talkKey(now time.Time) {
	switch {
	case p.dialing():
		p.send(now)
	case p.call != nil && p.path != PathNone:
		p.resume()
	default:
		p.takeUp(now, p.freePath())
	}
}

// okKey does what talk does where there is something to say yes to.
func (p *Phone) okKey(now time.Time) {
	if p.call != nil && p.call.State == StateIncoming || p.call == nil && p.dial.Number() != "" {
		p.talkKey(now)
	}
}

// endKey is the red key: it ends the call, or what was about to become one.
func (p *Phone) endKey(now time.Time) {
	p.setNotice(now, Reason{})
	if p.call != nil {
		p.endCall(now)
		return
	}
	p.goIdle()
}

// backKey takes back a digit, or the noise of a call that rings.
func (p *Phone) backKey(now time.Time) {
	if c := p.call; c != nil {
		c.silenced = c.silenced || c.State == StateIncoming
		return
	}
	p.setNotice(now, Reason{})
	if p.dial.Delete(now) {
		p.typed(now)
	}
}

// digitKey takes a key of the dial.
func (p *Phone) digitKey(now time.Time, k hal.Key) {
	if p.call != nil {
		if p.talking() {
			p.sendDigits(now, string(k))
			p.do(KeyTone{k})
		}
		return
	}
	if p.failed.on { // dialing anew, without waiting for the cradle
		p.offHook(now, p.path)
		if p.failed.on {
			return
		}
	}
	before := p.dial.Number()
	verdict := p.dial.Digit(now, k)
	if p.dial.Number() != before {
		p.do(KeyTone{k})
	}
	if verdict == keypad.Send {
		if p.path == PathNone {
			p.offHook(now, p.freePath())
		} else {
			p.send(now)
		}
		return
	}
	p.typed(now)
}

// talking reports whether the user is heard in the call there is.
func (p *Phone) talking() bool {
	c := p.call
	return c != nil && !c.wantHold && !c.held && (!c.Connected.IsZero() || c.Early && c.calling())
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

// send places the call to the number typed. There is none yet: nothing happens.
func (p *Phone) send(now time.Time) {
	number := p.dial.Number()
	if number == "" {
		return
	}
	if _, why := p.place(now, number, p.line); why != (Reason{}) {
		p.fail(now, why)
	}
}

// redialKey calls the number called last, on the line it was called on if that still may.
func (p *Phone) redialKey(now time.Time) {
	if p.call != nil {
		return
	}
	if p.redial == "" {
		p.setNotice(now, NoNumber)
		return
	}
	if p.path == PathNone {
		p.path = p.freePath()
	}
	want := p.line
	if l := p.lineAt(p.redialLine); want == 0 && l != nil && p.mayCall(l) == (Reason{}) {
		want = p.redialLine
	}
	if _, why := p.place(now, p.redial, want); why != (Reason{}) {
		p.fail(now, why)
	}
}

// lineKey answers or takes back the call of that line, or chooses the line for a new one.
func (p *Phone) lineKey(now time.Time, number int) {
	if c := p.call; c != nil {
		if c.Line == number {
			p.lineCall(now)
		}
		return
	}
	p.line = number
	if p.dialing() && p.dial.Number() != "" {
		return // the number goes out on the other line
	}
	path := p.path
	if path == PathNone {
		path = p.freePath()
	}
	p.offHook(now, path)
}

// lineCall is the line key of the call there is.
func (p *Phone) lineCall(now time.Time) {
	switch {
	case p.call.State == StateIncoming:
		p.answer(now, p.freePath())
	case p.path == PathNone:
		p.takeUp(now, p.freePath())
	default:
		p.resume()
	}
}

// holdKey holds and takes back.
func (p *Phone) holdKey() {
	c := p.call
	if c == nil {
		return
	}
	if c.held {
		p.resume()
	} else {
		p.hold()
	}
}

// muteKey turns the microphone off and on; while it rings it turns the bell off.
func (p *Phone) muteKey() {
	c := p.call
	switch {
	case c == nil:
	case c.State == StateIncoming:
		c.silenced = true
	case !c.Connected.IsZero():
		c.Muted = !c.Muted
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
