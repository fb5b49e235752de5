package phone

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"dialtone/hal"
	"dialtone/keypad"
)

// A long hint is shown page after page, and the phone asks for the ticks that turn them.
func TestPagesTurn(t *testing.T) {
	now := time.Unix(1000, 0)
	p := New(Config{Lines: []LineConfig{{Number: 1, Enabled: true}}})
	pages := func(what string, d time.Duration, want int) {
		t.Helper()
		end := now.Add(d)
		for next := p.Next(); !next.IsZero() && !next.After(end); next = p.Next() {
			now = next
			p.Step(now, Tick{})
		}
		now = end
		if got := p.View().Page; got != want {
			t.Errorf("%s: page %d, want %d", what, got, want)
		}
	}
	p.Step(now, Line{1, LineFailed, ReasonForLine(403), false})
	pages("a notice just shown", 1999*time.Millisecond, 0)
	pages("two seconds later", time.Millisecond, 1)
	pages("another two", 2*time.Second, 2)
	pages("when it is gone", 2*time.Second, 0)
	p.Step(now, KeyUp{hal.Hook})
	pages("a handset that hears why not", time.Second, 0)
	pages("three seconds later", 2*time.Second, 1)
	pages("as long as it is off", time.Minute, 31)
}

// A line that works by a backup server is shown as that, until it fails or is back home.
func TestBackupIsShown(t *testing.T) {
	now := time.Unix(1000, 0)
	p := New(Config{Lines: []LineConfig{{Number: 1, Enabled: true}}})
	for _, c := range []struct {
		line Line
		want bool
	}{
		{Line{1, LineRegistered, Reason{}, false}, false},
		{Line{1, LineRegistered, Reason{}, true}, true},
		{Line{1, LineFailed, NoReply, true}, false},
		{Line{1, LineRegistered, Reason{}, true}, true},
		{Line{1, LineRegistered, Reason{}, false}, false},
	} {
		p.Step(now, c.line)
		if got := p.View().Lines[0].Backup; got != c.want {
			t.Errorf("after %+v: backup %v", c.line, got)
		}
	}
}

// What crosses the loop is recorded as JSON: every field of an event must come back.
func TestEventsAreRecorded(t *testing.T) {
	for _, ev := range []Event{
		KeyDown{hal.Hook}, KeyRepeat{hal.Up}, HookFlash{}, Messages{1, true}, Dial{"1001", 2}, Incoming{2, 1, "1002", "Ann"}, Ended{2, ReasonFor(486)},
		HoldDone{2, true, false, NoReply}, Line{1, LineFailed, NoReply, true}, SendDigits{1, "12#"}, Network{true}, Tick{},
		Configure{Config{Lines: []LineConfig{{1, "a", "b", true, true, true, nil}}, Timers: keypad.Timers{Long: 1, Short: 2}, CallWaiting: true, Appearances: 3, HoldReminder: 4, OffHook: 2, RingTimeout: 3, ReorderDelay: -1, NoticeTime: 4, Volume: 5}},
	} {
		b, err := json.Marshal(ev)
		if err != nil {
			t.Fatal(err)
		}
		back := reflect.New(reflect.TypeOf(ev))
		if err := json.Unmarshal(b, back.Interface()); err != nil || !reflect.DeepEqual(back.Elem().Interface(), ev) {
			t.Errorf("%T%+v was recorded as %s, %v", ev, ev, b, err)
		}
	}
}

// A call is secure when it is said to be, whatever state it is in, and each for itself.
func TestSecured(t *testing.T) {
	p := New(Config{Lines: []LineConfig{{Number: 1, User: "1001", Enabled: true, MakeCallWithoutReg: true}}, CallWaiting: true})
	now := time.Unix(1e9, 0)
	step := func(events ...Event) {
		for _, ev := range events {
			now = now.Add(time.Second)
			p.Step(now, ev)
		}
	}
	secure := func(want bool, sentence string) {
		t.Helper()
		if v := p.View(); v.Secure != want {
			t.Errorf("%s: the view shows %t", sentence, v.Secure)
		}
	}
	step(Secured{2, true}, Incoming{ID: 2, Line: 1, Peer: "1002"})
	secure(false, "before there was a call")
	step(Secured{2, true}, AnswerCall{2})
	secure(true, "agreed while it rang")
	step(HoldCall{2}, HoldDone{ID: 2, On: true, OK: true})
	secure(true, "on hold")
	step(Incoming{ID: 4, Line: 1, Peer: "1003"}, AnswerCall{4})
	secure(false, "another call")
	if calls := p.Calls(); len(calls) != 2 || !calls[0].Secure || calls[1].Secure {
		t.Errorf("the calls are %+v", calls)
	}
	step(Secured{4, true}, Secured{4, false})
	secure(false, "in clear again")
	step(EndCall{4})
	if v := p.View(); v.Peer != "1002" || !v.Secure {
		t.Errorf("back in the first call: %+v", v)
	}
}
