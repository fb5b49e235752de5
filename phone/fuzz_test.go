package phone

import (
	"testing"
	"time"

	"dialtone/hal"
)

// A witness looks at every action of a phone and fails the test at the first that makes no sense
// after those before it.
type witness struct {
	t     *testing.T
	phone *Phone
	now   time.Time

	talk   ID // noCall: silence
	tone   Tone
	ring   int
	path   Path
	mute   bool
	live   ID // the one call there may be
	rings  bool
	lastID ID
}

func newWitness(t *testing.T, c Config) *witness {
	return &witness{t: t, phone: New(c), now: time.Unix(1000, 0), talk: noCall, live: noCall}
}

func (w *witness) step(ev Event) {
	w.t.Helper()
	// What the event itself does to the call.
	switch ev := ev.(type) {
	case Incoming:
		if w.live == noCall {
			w.live, w.rings = ev.ID, true
		} else if ev.ID != w.live {
			// busy: a Reject must follow
			defer func(before ID) {
				if w.live != before {
					w.t.Fatalf("a second call changed the first, from %d to %d", before, w.live)
				}
			}(w.live)
		}
	case Ended:
		if ev.ID == w.live {
			w.live = noCall
		}
	}
	for _, a := range w.phone.Step(w.now, ev) {
		w.action(ev, a)
	}
	w.state(ev)
}

func (w *witness) action(ev Event, a Action) {
	w.t.Helper()
	wrong := func(why string) {
		w.t.Helper()
		w.t.Fatalf("%T%+v, after %T%+v: %s; talk %d tone %q ring %d live %d", a, a, ev, ev, why, w.talk, w.tone, w.ring, w.live)
	}
	check := func(ok bool, why string) {
		w.t.Helper()
		if !ok {
			wrong(why)
		}
	}
	silent := w.talk == noCall && w.tone == "" && w.ring == 0
	switch a := a.(type) {
	case StartTalk:
		check(silent, "something is on")
		check(a.ID == w.live && w.path != PathNone, "no call, or on-hook")
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
		check(silent && a.Line > 0 && w.rings, "something is on, or no call")
		w.ring = a.Line
	case StopRing:
		check(w.ring != 0, "does not ring")
		w.ring = 0
	case PlaceCall:
		check(w.live == noCall && a.ID%2 == 1 && a.ID > w.lastID && a.To != "" && a.Line > 0, "a call stands, or it is none")
		w.live, w.lastID, w.rings = a.ID, a.ID, false
	case RingBack:
		check(a.ID == w.live && w.rings, "no call for us")
	case Accept:
		check(a.ID == w.live && w.rings, "no call rings")
		w.rings = false
	case Reject:
		check(a.Code == 480 || a.Code == 486, "code")
		if a.ID == w.live {
			check(w.rings, "it does not ring")
			w.live, w.rings = noCall, false
		} else {
			in, ok := ev.(Incoming)
			check(ok && in.ID == a.ID, "another call")
		}
	case HangUp:
		check(a.ID == w.live && !w.rings && w.talk == noCall, "no call, or it rings, or talks")
		w.live = noCall
	case Hold:
		check(a.ID == w.live && w.talk == noCall, "no call, or talks")
	case Resume:
		check(a.ID == w.live && w.talk == noCall, "no call, or talks")
	case SendDigit:
		check(a.ID == w.live && w.talk == a.ID && len(a.Digit) == 1, "not talking")
	case KeyTone:
		_, ok := a.Key.Digit()
		check(ok, "no digit")
	case Mute:
		check(a.On != w.mute, "no change")
		w.mute = a.On
	case Volume:
		check(a.Level >= 0 && a.Level <= MaxVolume, "range")
	case Route:
		check(a.Path != w.path, "no change")
		w.path = a.Path
	default:
		wrong("an unknown action")
	}
}

// state checks what must be true after every step.
func (w *witness) state(ev Event) {
	w.t.Helper()
	v := w.phone.View()
	living := 0
	for _, c := range w.phone.Calls() {
		if c.State != StateEnded {
			living++
		} else if c.Why == (Reason{}) {
			w.t.Fatalf("after %T%+v call %d ended without a reason", ev, ev, c.ID)
		}
	}
	if living > 1 || (living == 1) != (w.live != noCall) {
		w.t.Fatalf("after %T%+v there are %d calls, and %d stands", ev, ev, living, w.live)
	}
	if v.Path != w.path || v.Muted != w.mute || v.Ring != (w.ring != 0) || v.Volume < 0 || v.Volume > MaxVolume || v.Duration < 0 {
		w.t.Fatalf("after %T%+v the screen shows %+v; path %q mute %v ring %d", ev, ev, v, w.path, w.mute, w.ring)
	}
	if next := w.phone.Next(); !next.IsZero() && next.Before(w.now) {
		w.t.Fatalf("after %T%+v at %v it wants a tick at %v", ev, ev, w.now, next)
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

// fuzzEvent makes an event of two bytes. The call is the one there is, or nearly.
func (w *witness) fuzzEvent(what, how byte) Event {
	keys := hal.AllKeys()
	key := keys[int(how)%len(keys)]
	id := w.live
	if how%4 == 0 {
		id = ID(how) - 1
	}
	on, ok := how%2 == 0, how%8 < 6
	switch what % 22 {
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
		return Incoming{ID(how) * 2, int(how % 5), "1002", "Ann"}
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
		if how%3 == 0 {
			return RemoteHold{id, on}
		}
		return HoldDone{id, on, ok}
	case 18:
		return Ended{id, ReasonFor([]int{0, 200, 404, 486, 487}[how%5])}
	case 19:
		return Digit{id, "5"}
	case 20:
		return Line{int(how % 4), []LineState{LineUnregistered, LineRegistering, LineRegistered, LineFailed}[how/4%4], ReasonFor(int(how) * 3)}
	}
	if how%16 == 0 {
		return Network{Up: how%32 == 0}
	}
	if how%16 == 1 {
		return Configure{Config{Lines: []LineConfig{{Number: 1, Enabled: how%32 == 1, MakeCallWithoutReg: true}, {Number: 3, Enabled: true, DND: how%64 == 1}}}}
	}
	return Tick{}
}

// FuzzPhone does everything at random. Whatever happens: nothing panics, voice, tones and bell start
// and stop in turn, one call stands at most, and in the end the red key and time bring the phone home,
// idle and silent.
func FuzzPhone(f *testing.F) {
	f.Add([]byte{4, 0, 7, 0, 14, 1, 16, 1, 10, 1, 17, 2, 5, 0, 11, 1})
	f.Add([]byte{13, 2, 4, 0, 18, 1, 5, 0})
	f.Add([]byte{7, 0, 15, 1, 16, 1, 0, 14, 0, 12, 18, 3})
	f.Add([]byte{4, 0, 0, 1, 0, 2, 0, 11, 18, 3, 200, 200, 5, 0})
	f.Add([]byte{13, 1, 8, 1, 10, 2, 17, 1, 5, 5, 4, 4, 13, 7})
	f.Fuzz(func(t *testing.T, script []byte) {
		w := newWitness(t, Config{Lines: []LineConfig{{Number: 1, User: "1", Enabled: true}, {Number: 2, User: "2", Enabled: true, MakeCallWithoutReg: true}}})
		w.step(Line{1, LineRegistered, Reason{}})
		for i := 0; i+1 < len(script) && i < 400; i += 2 {
			w.step(w.fuzzEvent(script[i], script[i+1]))
			w.wait(time.Duration(script[i]/22) * 700 * time.Millisecond)
		}
		w.step(KeyDown{hal.Hook})
		w.step(KeyDown{hal.End})
		if v := w.phone.View(); v.Showing != ShowIdle || w.talk != noCall || w.tone != "" || w.ring != 0 {
			t.Fatalf("after the red key: %+v, talk %d, tone %q, ring %d", v, w.talk, w.tone, w.ring)
		}
		w.wait(time.Minute)
		if calls := w.phone.Calls(); len(calls) > 0 || !w.phone.Next().IsZero() {
			t.Fatalf("a minute later: calls %+v, the next tick in %v", calls, w.phone.Next().Sub(w.now))
		}
	})
}
