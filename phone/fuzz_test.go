package phone

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"dialtone/hal"
	"dialtone/keypad"
)

// A witness looks at every action of a phone and fails the test at the first that makes no sense
// after those before it.
type witness struct {
	t     *testing.T
	phone *Phone
	now   time.Time

	talk   ID // noCall: silence
	tone   Tone
	ring   bell
	beep   Tone
	path   Path
	mute   bool
	live   map[ID]*living
	lastID ID
	in     ID // of the last call for us
	plans  [4]*keypad.Plan
}

// A living is a call as the signalling knows it.
type living struct {
	rings    bool // it is for us, and nobody answered
	answered bool
	asked    string // "hold" or "resume" not answered yet
	held     bool   // as the other side agreed last
}

func newWitness(t *testing.T, c Config) *witness {
	return &witness{t: t, phone: New(c), now: time.Unix(1000, 0), talk: noCall, live: map[ID]*living{}}
}

func (w *witness) step(ev Event) {
	w.t.Helper()
	// What the event itself does to a call.
	switch ev := ev.(type) {
	case Incoming:
		if w.live[ev.ID] == nil {
			w.live[ev.ID] = &living{rings: true}
		}
	case Ended:
		delete(w.live, ev.ID)
	case Answered:
		if c := w.live[ev.ID]; c != nil && !c.rings {
			c.answered = true
		}
	case HoldDone:
		if c := w.live[ev.ID]; c != nil && c.asked == map[bool]string{true: "hold", false: "resume"}[ev.On] {
			c.asked = ""
			if ev.OK {
				c.held = ev.On
			}
		}
	}
	for _, a := range w.phone.Step(w.now, ev) {
		w.action(ev, a)
	}
	w.state(ev)
}

func (w *witness) action(ev Event, a Action) {
	w.t.Helper()
	check := func(ok bool, why string) {
		w.t.Helper()
		if !ok {
			w.t.Fatalf("%T%+v, after %T%+v: %s; talk %d tone %q ring %v beep %q", a, a, ev, ev, why, w.talk, w.tone, w.ring, w.beep)
		}
	}
	call := func(id ID) *living {
		w.t.Helper()
		check(w.live[id] != nil, "no such call, or it is over")
		return w.live[id]
	}
	silent := w.talk == noCall && w.tone == "" && w.ring == (bell{})
	switch a := a.(type) {
	case StartTalk:
		check(silent, "something is on")
		c := call(a.ID)
		check(!c.rings && !c.held && c.asked == "" && w.path != PathNone, "it rings, is held or about to be, or the phone is on-hook")
		w.talk = a.ID
	case StopTalk:
		check(w.talk == a.ID, "not talking")
		w.talk = noCall
	case PlayTone:
		check(silent, "something is on")
		check(a.Tone != "" && w.path != PathNone, "on-hook, or no tone")
		w.tone = a.Tone
	case StopTone:
		check(w.tone != "", "no tone")
		w.tone = ""
	case StartRing:
		check(silent && a.Line > 0 && w.path == PathNone, "something is on, or off-hook")
		w.ring.line = a.Line
	case StartReminder:
		check(silent && w.path == PathNone, "something is on, or off-hook")
		w.ring.reminder = true
	case StopRing:
		check(w.ring != bell{}, "does not ring")
		w.ring = bell{}
	case PlayBeep:
		check(w.beep == "" && a.Tone != "", "a beep is on, or it is none")
		check(a.Tone == ToneConfirm || w.path != PathNone, "on-hook nobody hears it")
		w.beep = a.Tone
	case StopBeep:
		check(w.beep != "", "no beep")
		w.beep = ""
	case PlaceCall:
		check(w.live[a.ID] == nil && a.ID%2 == 1 && a.ID > w.lastID && a.To != "" && a.Line > 0, "it is none")
		w.live[a.ID], w.lastID = &living{}, a.ID
	case RingBack:
		check(call(a.ID).rings, "no call for us")
	case Accept:
		c := call(a.ID)
		check(c.rings, "it does not ring")
		c.rings, c.answered = false, true
	case Reject:
		check(call(a.ID).rings && (a.Code == 480 || a.Code == 486), "it does not ring, or the code")
		delete(w.live, a.ID)
	case HangUp:
		check(!call(a.ID).rings && w.talk != a.ID, "it rings, or talks")
		delete(w.live, a.ID)
	case Hold:
		c := call(a.ID)
		check(c.answered && w.talk != a.ID && c.asked == "" && !c.held, "not answered, talks, or asked before")
		c.asked = "hold"
	case Resume:
		c := call(a.ID)
		check(c.answered && w.talk != a.ID && c.asked == "", "not answered, talks, or asked before")
		c.asked = "resume"
	case SendDigit:
		check(w.talk == a.ID && len(a.Digit) == 1, "not talking")
	case KeyTone:
		_, ok := a.Key.Digit()
		check(ok, "no digit")
	case Mute:
		check(a.On != w.mute, "no change")
		w.mute = a.On
	case Volume:
		check(a.Level >= 0 && a.Level <= MaxVolume, "range")
	case SetDND:
		if _, ok := ev.(KeyDown); !ok {
			check(false, "nobody asked for it")
		}
	case Route:
		check(a.Path != w.path, "no change")
		w.path = a.Path
	default:
		check(false, "an unknown action")
	}
}

// state checks what must be true after every step.
func (w *witness) state(ev Event) {
	w.t.Helper()
	v, p := w.phone.View(), w.phone
	wrong := func(format string, args ...any) {
		w.t.Helper()
		w.t.Fatalf("after %T%+v %s: %+v", ev, ev, fmt.Sprintf(format, args...), v)
	}
	standing, front := 0, 0
	for _, c := range p.Calls() {
		switch {
		case c.State != StateEnded:
			standing++
			if w.live[c.ID] == nil {
				wrong("call %d stands, and is over", c.ID)
			}
		case c.Why == Reason{}:
			wrong("call %d ended without a reason", c.ID)
		}
	}
	if standing != len(w.live) || standing != len(v.Calls) {
		wrong("%d calls stand, %d are known", standing, len(w.live))
	}
	lines := make(map[int]int)
	waits := false
	for i, c := range p.calls {
		// Who is not in hand rings, or is on hold.
		if c != p.active && c.State != StateIncoming && (c.Connected.IsZero() || !c.wantHold) {
			wrong("call %d is left alone", c.ID)
		}
		waits = waits || c.State == StateIncoming
		if lines[c.Line]++; lines[c.Line] > p.cfg.Appearances {
			wrong("%d calls on line %d", lines[c.Line], c.Line)
		}
		if v.Calls[i].Front {
			front++
		}
		if v.Calls[i].ID != c.ID || v.Calls[i].Duration < 0 {
			wrong("call %d is shown as %+v", c.ID, v.Calls[i])
		}
	}
	withCall := map[Showing]bool{ShowCalling: true, ShowRinging: true, ShowIncoming: true, ShowTalking: true}[v.Showing]
	switch {
	case p.active != nil && (w.path == PathNone || p.find(p.active.ID) != p.active || p.active.State == StateIncoming):
		wrong("a call is in hand on-hook, or is over, or rings")
	case withCall != (front == 1) || front > 1:
		wrong("%d calls are in front", front)
	case v.Waiting != (waits && w.path != PathNone):
		wrong("a call waits: %v", waits)
	case v.Showing == ShowIdle && standing > 0 && (v.Digits == "" || waits), v.Showing == ShowList && standing > 0:
		wrong("%d calls cannot be seen", standing)
	case (v.Showing == ShowIdle || v.Showing == ShowList) && (w.talk != noCall || w.tone != "" || w.ring != bell{} && (standing == 0 || !w.ring.reminder) || w.beep != "" && w.beep != ToneConfirm):
		wrong("an idle phone is not silent: talk %d tone %q ring %v beep %q", w.talk, w.tone, w.ring, w.beep)
	case v.List.Selected < 0 || v.List.Selected > max(0, len(v.List.Entries)-1) || len(v.List.Entries) > maxRecords:
		wrong("the list is wrong")
	case v.Path != w.path || v.Muted != w.mute || v.Ring != (w.ring.line != 0) || v.Volume < 0 || v.Volume > MaxVolume || v.Duration < 0:
		wrong("path %q mute %v ring %v", w.path, w.mute, w.ring)
	case p.Flash() != 0 && w.path != PathHandset:
		wrong("a flash without a handset")
	}
	for _, label := range v.Soft {
		if len(label) > 8 {
			wrong("the label %q is too long", label)
		}
	}
	if next := p.Next(); !next.IsZero() && next.Before(w.now) {
		wrong("at %v it wants a tick at %v", w.now, next)
	}
}

// wait lets time pass, with the ticks asked for.
func (w *witness) wait(d time.Duration) {
	w.t.Helper()
	end := w.now.Add(d)
	same := 0
	for {
		next := w.phone.Next()
		if next.IsZero() || next.After(end) {
			break
		}
		if next.Equal(w.now) {
			if same++; same > 3 {
				w.t.Fatalf("it asks again and again for a tick at the same moment: %+v", w.phone.View())
			}
		} else {
			same = 0
		}
		w.now = next
		w.step(Tick{})
	}
	w.now = end
}

// fuzzEvent makes an event of two bytes. The call is one of those there are, or nearly.
func (w *witness) fuzzEvent(what, how byte) Event {
	keys := hal.AllKeys()
	key := keys[int(how)%len(keys)]
	id := ID(how) - 1
	if n := len(w.phone.calls); n > 0 && how%8 != 0 {
		id = w.phone.calls[int(how/8)%n].ID
	}
	on, ok := how%2 == 0, how%8 < 6
	switch what % 24 {
	case 0, 1, 2:
		return KeyDown{key}
	case 3:
		return KeyUp{key}
	case 4:
		return KeyUp{hal.Hook}
	case 5:
		return KeyDown{hal.Hook}
	case 6:
		return KeyHeld{key}
	case 7:
		return Dial{[]string{"1001", "", "sip:a@b", "x y", "1-2 3"}[how%5], int(how % 4)}
	case 8:
		return AnswerCall{id}
	case 9:
		return EndCall{id}
	case 10:
		return HoldCall{id}
	case 11:
		return ResumeCall{id}
	case 12:
		return SendDigits{id, []string{"1", "a#*x", "", "12345678901234567890123456789012345"}[how%4]}
	case 13:
		w.in += 2
		return Incoming{w.in - ID(how%8/7*2), int(how % 5), []string{"1002", "1003", ""}[how%3], "Ann"}
	case 14:
		if on {
			return Proceeding{id}
		}
		return Ringing{id}
	case 15:
		return EarlyMedia{id}
	case 16:
		return Answered{id}
	case 17:
		switch how % 3 {
		case 0:
			return RemoteHold{id, on}
		case 1:
			return Secured{id, on}
		}
		return HoldDone{id, on, ok, []Reason{{}, NoReply}[how/4%2]}
	case 18:
		return Ended{id, ReasonFor([]int{0, 200, 404, 486, 487}[how%5])}
	case 19:
		return Digit{id, "5"}
	case 20:
		if how%32 == 5 {
			return Messages{1, on}
		}
		return Line{int(how % 4), []LineState{LineUnregistered, LineRegistering, LineRegistered, LineFailed}[how/4%4], ReasonFor(int(how) * 3), on}
	}
	switch what % 24 {
	case 21:
		return HookFlash{}
	case 22:
		return KeyRepeat{key}
	}
	if how%16 == 0 {
		return Network{Up: how%32 == 0}
	}
	if how%16 == 1 {
		return Configure{Config{CallWaiting: how%32 == 1, HoldReminder: 7 * time.Second, Lines: []LineConfig{
			{Number: 1, Enabled: how%32 == 1, MakeCallWithoutReg: true, Plan: w.plans[how/64]}, {Number: 3, Enabled: true, DND: how%64 == 1},
		}}}
	}
	return Tick{}
}

// walk plays a script of bytes and brings the phone home.
func (w *witness) walk(script []byte) {
	w.t.Helper()
	w.step(Line{Number: 1, State: LineRegistered})
	for i := 0; i+1 < len(script) && i < 400; i += 2 {
		w.step(w.fuzzEvent(script[i], script[i+1]))
		w.wait(time.Duration(script[i]/24) * 700 * time.Millisecond)
	}
	w.step(KeyDown{hal.Hook})
	for n := 0; w.phone.View().Showing != ShowIdle || n == 0; n++ {
		if n > 100 {
			w.t.Fatalf("the red key does not bring it home: %+v", w.phone.View())
		}
		w.step(KeyDown{hal.End})
	}
	if w.talk != noCall || w.tone != "" || w.ring != (bell{}) {
		w.t.Fatalf("after the red key: talk %d, tone %q, ring %v", w.talk, w.tone, w.ring)
	}
	w.wait(time.Minute)
	if calls := w.phone.Calls(); len(calls) > 0 || !w.phone.Next().IsZero() || w.beep != "" {
		w.t.Fatalf("a minute later: calls %+v, beep %q, the next tick in %v", calls, w.beep, w.phone.Next().Sub(w.now))
	}
}

// walker is a phone for a walk: with call waiting or without, and with dial plans or without.
func walker(t *testing.T, kind byte) *witness {
	var plans [4]*keypad.Plan
	for i, script := range []string{"", keypad.DefaultPlan, "(P5<:1000>|9,xxx|0!)", "(P0<:1000>)"} {
		if script == "" {
			continue
		}
		var err error
		if plans[i], err = keypad.ParsePlan(script); err != nil {
			t.Fatal(err)
		}
	}
	w := newWitness(t, Config{
		CallWaiting: kind%4 != 0, HoldReminder: time.Duration(kind%3) * 5 * time.Second,
		Lines: []LineConfig{
			{Number: 1, User: "1", Enabled: true, Plan: plans[kind/4%4]},
			{Number: 2, User: "2", Enabled: true, MakeCallWithoutReg: true, Plan: plans[kind/16%4]},
		},
	})
	w.plans = plans
	return w
}

// TestWalks is FuzzPhone with dice.
func TestWalks(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	script := make([]byte, 400)
	for range 1000 {
		for i := range script {
			script[i] = byte(dice.Uint32())
		}
		walker(t, byte(dice.Uint32())).walk(script)
	}
}

// FuzzPhone does everything at random. Whatever happens: nothing panics, voice, tones and bell start
// and stop in turn, the user is joined with one call at most, every other one rings or is on hold, what
// is over is left alone, and in the end the red key and time bring the phone home, idle and silent.
func FuzzPhone(f *testing.F) {
	f.Add(byte(0), []byte{4, 0, 7, 0, 14, 1, 16, 1, 10, 1, 17, 2, 5, 0, 11, 1})
	f.Add(byte(1), []byte{13, 2, 4, 0, 18, 1, 5, 0})
	f.Add(byte(1), []byte{7, 0, 15, 1, 16, 1, 0, 14, 0, 12, 18, 3})
	f.Add(byte(5), []byte{4, 0, 0, 1, 0, 2, 0, 11, 18, 3, 200, 200, 5, 0})
	f.Add(byte(1), []byte{13, 1, 8, 1, 10, 2, 17, 1, 5, 5, 4, 4, 13, 7})
	f.Add(byte(1), []byte{13, 1, 8, 1, 13, 1, 8, 9, 17, 1, 21, 0, 17, 9, 13, 2, 21, 0, 18, 1})
	f.Fuzz(func(t *testing.T, kind byte, script []byte) { walker(t, kind).walk(script) })
}
