package phone

import (
	"slices"
	"time"

	"dialtone/keypad"
)

// Implementation constants: what a zero field of Config means, and times nobody sets.
const (
	defaultOffHook     = 15 * time.Second
	defaultRingTimeout = 180 * time.Second
	defaultNoticeTime  = 5 * time.Second
	defaultVolume      = 6
	defaultAppearances = 2

	endedTime     = 10 * time.Second // an ended call stays listed (design/contract.md)
	forgetTime    = 30 * time.Second // digits typed on-hook are forgotten
	howlAfter     = 30 * time.Second // a handset left lifted: from reorder tone to warning tone
	silentAfter   = 90 * time.Second // and from reorder tone to silence
	volumeTime    = 2 * time.Second  // the volume stays on the screen
	sentTime      = 5 * time.Second  // and so do digits sent
	pageTime      = 2 * time.Second  // a page of a long hint
	keptDigits    = 32               // digits of a call kept to be shown
	maxEnded      = 32               // ended calls listed at most
	maxLineNumber = 8
	confirmTime   = time.Second            // the tone that says that something was switched
	remindTime    = 4 * time.Second        // one reminder of a call on hold
	flashTime     = 700 * time.Millisecond // the cradle down for less is a flash, where it has a use
)

// A Phone is the brain of a handset. Make one with New.
type Phone struct {
	cfg   Config
	now   time.Time // of the last Step
	lines []line    // by number

	netDown bool
	lifted  bool // the handset is out of its cradle
	path    Path // what the user talks through; PathNone: on-hook

	dial     keypad.Collector
	line     int       // the line the user chose for the call to come, 0: none
	firstBy  time.Time // when a dial tone nobody dials at ends
	forgetAt time.Time // when digits typed on-hook are forgotten

	calls  []*call // those there are, in the order they began
	active *call   // the one in hand (hand.go), or nil
	look   *call   // the one the user looks at instead; nil: none
	turns  int     // how often a call came in hand
	muted  bool
	ended  []Call

	failed failure // off-hook after a call ended or could not be placed

	confirmUntil time.Time // a tone says that something was switched
	remindUntil  time.Time // a reminder of a call on hold is heard

	notice      Reason
	noticeSince time.Time
	noticeUntil time.Time
	volume      int
	volumeUntil time.Time
	missed      int
	missedPeer  string
	redial      string
	redialLine  int
	history     [listKinds][]record // newest first
	open        listing             // the list on the screen
	lastID      ID                  // allotted last

	sound sound    // what is on
	deeds []Action // asked for by the event in hand, sound apart
}

// A call is the Call others see, and what the phone remembers of it beside.
type call struct {
	Call
	wantHold   bool // the user wants them on hold
	held       bool // and they know
	pending    bool // Hold or Resume is not answered yet
	asked      bool // which: Hold
	remoteHold bool
	turn       int       // when it came in hand last, by Phone.turns
	remindAt   time.Time // when the user is reminded of it on hold
	silenced   bool      // it rings, but the user wants no noise
	ringUntil  time.Time
	sentUntil  time.Time // how long the digits sent stay on the screen
}

// A failure is the time between the end of a call and the handset going back.
type failure struct {
	on     bool
	why    Reason
	peer   string // whom the call was with
	name   string
	tone   Tone      // ToneBusy or ToneReorder, or none
	since  time.Time // when it began
	toneAt time.Time // when the tone begins
	idleAt time.Time // when hands-free gives up; zero: a lifted handset waits for its cradle
}

// New returns a phone that is idle, on-hook, its lines not registered.
func New(c Config) *Phone {
	p := &Phone{volume: c.Volume, lastID: -1, sound: sound{talk: noCall}}
	if p.volume == 0 {
		p.volume = defaultVolume
	}
	p.volume = min(max(p.volume, 0), MaxVolume)
	p.configure(c)
	return p
}

// Step tells the phone what happened at now and returns what is to be done about it, in order:
// sound that stops, the signalling and the rest, sound that starts.
func (p *Phone) Step(now time.Time, ev Event) []Action {
	p.now, p.deeds = now, nil
	p.timers(now)
	switch ev := ev.(type) {
	case KeyDown:
		p.keyDown(now, ev.Key)
	case KeyUp:
		p.keyUp(now, ev.Key)
	case KeyHeld:
		p.keyHeld(now, ev.Key)
	case KeyRepeat:
		p.keyRepeat(now, ev.Key)
	case HookFlash:
		p.flash(now)
	case Dial:
		p.dialNow(now, ev)
	case AnswerCall:
		if c := p.find(ev.ID); c != nil && c.State == StateIncoming {
			p.goTo(now, c)
		}
	case EndCall:
		if c := p.find(ev.ID); c != nil {
			p.endCall(now, c)
		}
	case HoldCall:
		if c := p.find(ev.ID); c != nil && c == p.active { // any other is on hold
			p.hold()
		}
	case ResumeCall:
		if c := p.find(ev.ID); c != nil {
			p.resume(now, c)
		}
	case SendDigits:
		if c := p.find(ev.ID); c != nil {
			p.sendDigits(now, c, ev.Digits)
		}
	case Incoming:
		p.incoming(now, ev)
	case Proceeding:
		p.progress(now, ev.ID, StateProceeding)
	case Ringing:
		p.progress(now, ev.ID, StateRinging)
	case EarlyMedia:
		p.progress(now, ev.ID, StateProceeding)
		if c := p.find(ev.ID); c != nil && c.calling() {
			c.Early = true
		}
	case Answered:
		p.answered(now, ev.ID)
	case RemoteHold:
		p.remoteHold(now, ev)
	case Secured:
		if c := p.find(ev.ID); c != nil {
			c.Secure = ev.On
		}
	case HoldDone:
		p.holdDone(now, ev)
	case Ended:
		p.callEnded(now, ev)
	case Digit:
		if c := p.find(ev.ID); c != nil {
			c.Heard = keep(c.Heard, ev.Digit)
		}
	case Line:
		p.lineNews(now, ev)
	case Messages:
		if l := p.lineAt(ev.Line); l != nil {
			l.messages = ev.New
		}
	case Network:
		p.netDown = !ev.Up
		if ev.Up && p.notice == NoNetwork {
			p.setNotice(now, Reason{})
		}
	case Configure:
		p.configure(ev.Config)
		if p.dialing() {
			if v := p.usePlan(now); v != keypad.More {
				p.heed(now, v)
			}
		}
	case Tick:
	default:
		panic("phone: unknown event")
	}
	return p.sound.follow(p.deeds, p.wanted())
}

// do asks for an action that is not sound going on or off.
func (p *Phone) do(a Action) { p.deeds = append(p.deeds, a) }

// Next returns when the phone wants a Tick, or zero for never.
func (p *Phone) Next() time.Time {
	next := earliest(p.firstBy, p.forgetAt)
	if p.dialing() {
		next = earliest(next, p.dial.Next())
	}
	if p.failed.on {
		for _, t := range []time.Time{p.failed.toneAt, p.failed.howlAt(), p.failed.silentAt()} {
			if t.After(p.now) {
				next = earliest(next, t)
			}
		}
		next = earliest(next, p.failed.idleAt)
		next = earliest(next, boundary(p.failed.since, p.now, pageTime))
	}
	for _, c := range p.calls {
		for _, t := range []time.Time{c.ringUntil, c.sentUntil, c.remindAt} {
			next = earliest(next, t)
		}
		if !c.Connected.IsZero() {
			next = earliest(next, boundary(c.Connected, p.now, time.Second))
		}
	}
	next = earliest(next, p.confirmUntil)
	next = earliest(next, p.remindUntil)
	next = earliest(next, p.open.until)
	if !p.noticeUntil.IsZero() {
		next = earliest(next, p.noticeUntil)
		next = earliest(next, boundary(p.noticeSince, p.now, pageTime))
	}
	next = earliest(next, p.volumeUntil)
	for _, c := range p.ended {
		next = earliest(next, c.Since.Add(endedTime))
	}
	return next
}

// timers does what is due at now.
func (p *Phone) timers(now time.Time) {
	if due(p.forgetAt, now) {
		p.forgetAt = time.Time{}
		p.dial.Clear()
	}
	if p.dialing() {
		if v := p.dial.Expire(now); v != keypad.More {
			p.heed(now, v)
		}
	}
	if due(p.firstBy, now) {
		p.firstBy = time.Time{}
		if v, ok := p.dial.Unused(); ok {
			p.heed(now, v)
		} else if p.path == PathHandset {
			p.fail(now, LeftOffHook)
		} else {
			p.goOn(true)
		}
	}
	if due(p.failed.idleAt, now) {
		p.goOn(true)
	}
	for _, c := range slices.Clone(p.calls) {
		if due(c.ringUntil, now) {
			p.do(Reject{c.ID, 480})
			p.miss(now, c, MissedCall)
		}
		if due(c.sentUntil, now) {
			c.sentUntil = time.Time{}
		}
		if due(c.remindAt, now) {
			c.remindAt, p.remindUntil = after(now, p.cfg.HoldReminder), now.Add(remindTime)
		}
	}
	if due(p.remindUntil, now) {
		p.remindUntil = time.Time{}
	}
	if due(p.confirmUntil, now) {
		p.confirmUntil = time.Time{}
	}
	if due(p.open.until, now) {
		p.closeList()
	}
	if due(p.noticeUntil, now) {
		p.notice, p.noticeUntil = Reason{}, time.Time{}
	}
	if due(p.volumeUntil, now) {
		p.volumeUntil = time.Time{}
	}
	for len(p.ended) > 0 && due(p.ended[0].Since.Add(endedTime), now) {
		p.ended = p.ended[1:]
	}
}

// Calls returns the calls that ended of late, in that order, and after them those there are, in the
// order they began.
func (p *Phone) Calls() []Call {
	calls := slices.Clone(p.ended)
	for _, c := range p.calls {
		out := c.Call
		out.Muted = p.muted && c == p.active
		calls = append(calls, out)
	}
	return calls
}

// Flash says how short the cradle must be pressed to be a HookFlash; zero while that has no use, and
// every press hangs up. It has one in the handset while another call waits or is on hold.
func (p *Phone) Flash() time.Duration {
	if p.path == PathHandset && (p.waiting() != nil || p.onHold() != nil) {
		return flashTime
	}
	return 0
}

// dialing reports whether the phone is off-hook and collects a number.
func (p *Phone) dialing() bool { return p.path != PathNone && p.active == nil && !p.failed.on }

// goIdle puts the phone on-hook. Calls that ring or are on hold stay.
func (p *Phone) goIdle() {
	p.path = PathNone
	p.active, p.look, p.muted = nil, nil, false
	p.stopDialing()
}

// stopDialing forgets the number being dialed, and why none could be.
func (p *Phone) stopDialing() {
	p.line = 0
	p.dial.Clear()
	p.dial.Lift(p.now, false)
	p.firstBy, p.forgetAt = time.Time{}, time.Time{}
	p.failed = failure{}
}

// offHook begins a new call through path: with dial tone, or at once if a number was typed before.
func (p *Phone) offHook(now time.Time, path Path) {
	p.path = path
	p.failed = failure{}
	p.forgetAt = time.Time{}
	p.setNotice(now, Reason{})
	line, why := p.pick(p.line)
	switch number := p.dial.Number(); {
	case why != (Reason{}) && number != "":
		p.call(now, number, p.line)
		return
	case why != (Reason{}):
		p.fail(now, why)
		return
	}
	p.line = line
	p.usePlan(now) // what it says of the number, Lift says too
	p.heed(now, p.dial.Lift(now, true))
}

// usePlan judges what is dialed by the plan of the line it will go out on. It returns what that says if it
// is another one than before.
func (p *Phone) usePlan(now time.Time) keypad.Verdict {
	number, _ := p.pick(p.line)
	var plan *keypad.Plan
	if l := p.lineAt(number); l != nil {
		plan = l.Plan
	}
	return p.dial.Use(now, plan, p.cfg.Timers)
}

// heed does what the dial plan says of the number.
func (p *Phone) heed(now time.Time, v keypad.Verdict) {
	why := NotInPlan
	switch v {
	case keypad.Send:
		p.call(now, p.dial.Dialed(), p.line)
		return
	case keypad.Barred:
		why = NumberBarred
	case keypad.Reject:
		if p.dial.Number() == "" {
			why = LeftOffHook
		}
	default:
		p.typed(now)
		return
	}
	if p.path == PathNone {
		p.path = p.freePath()
	}
	p.fail(now, why)
}

// fail lets an off-hook phone say why it cannot go on. A handset hears a tone until it is put back;
// hands-free goes idle by itself. Where a call is on hold, the phone goes back to it after a while.
func (p *Phone) fail(now time.Time, why Reason) {
	p.dial.Clear()
	p.firstBy = time.Time{}
	p.muted = false
	tone := ToneReorder
	if why.busy() {
		tone = ToneBusy
	}
	p.failed = failure{on: true, why: why, tone: tone, since: now, toneAt: now}
	if p.path != PathHandset || p.onHold() != nil {
		p.failed.idleAt = now.Add(p.cfg.NoticeTime)
	}
}

// setNotice shows r for a while, in place of the notice there is; the zero Reason takes it away.
func (p *Phone) setNotice(now time.Time, r Reason) {
	p.notice, p.noticeSince, p.noticeUntil = r, now, time.Time{}
	if r != (Reason{}) {
		p.noticeUntil = now.Add(p.cfg.NoticeTime)
	}
}

// howlAt is when a handset left lifted hears the warning tone, silentAt when the phone gives up.
func (f failure) howlAt() time.Time   { return f.later(howlAfter) }
func (f failure) silentAt() time.Time { return f.later(silentAfter) }

func (f failure) later(d time.Duration) time.Time {
	if f.toneAt.IsZero() {
		return time.Time{}
	}
	return f.toneAt.Add(d)
}

// after starts a timer of the Config: a negative one never runs out.
func after(now time.Time, d time.Duration) time.Time {
	if d < 0 {
		return time.Time{}
	}
	return now.Add(d)
}

// due reports whether a timer has run out; a zero one is stopped.
func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// earliest returns the earlier of two timers; a zero one is stopped.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// boundary returns the first moment after now that lies a whole number of steps after start.
func boundary(start, now time.Time, step time.Duration) time.Time {
	return start.Add((now.Sub(start)/step + 1) * step)
}

// keep appends digits to those kept of a call, and forgets the oldest if they become too many.
func keep(kept, digits string) string {
	kept += digits
	return kept[max(0, len(kept)-keptDigits):]
}
