package display

import (
	"slices"
	"strings"
	"testing"
	"time"

	"dialtone/phone"
)

// says reports whether one of the rows contains the words.
func says(rows []string, words string) bool {
	return slices.ContainsFunc(rows, func(row string) bool { return strings.Contains(row, words) })
}

// read returns what is written on a screen of pixels.
func read(v phone.View, size screenSize) (words []string) {
	for _, w := range texts(NewPainter(), v, size.width, size.height) {
		words = append(words, w.text)
	}
	return words
}

// pages returns what a screen of letters shows within the five seconds of a notice.
func pages(v phone.View, rows, cols int) (all []string) {
	for v.Page = range 3 {
		all = append(all, Text(v, rows, cols)...)
	}
	return all
}

// The digit typed last is always seen, whatever else there is to tell.
func TestTypedDigitsAreSeen(t *testing.T) {
	const digits = "03012345678901234567"
	for n := 1; n <= len(digits); n++ {
		v := phone.View{Showing: phone.ShowDialing, Network: true, Path: phone.PathHandset, Digits: digits[:n], Line: 1,
			Calls: []phone.CallView{{ID: 1, Line: 1, Peer: "1002", Name: "Ann Smith", State: phone.StateHeld}}}
		typed := v.Digits[max(n-15, 0):]
		if rows := Text(v, 2, 16); !strings.Contains(rows[1], typed) {
			t.Errorf("%d digits in the middle of a call: %q", n, rows)
		} else if plus := strings.HasSuffix(rows[1], "+1"); plus != (n <= 13) {
			t.Errorf("%d digits: the call on hold is told %t: %q", n, plus, rows)
		}
		v.Showing, v.Path = phone.ShowIdle, phone.PathNone
		if rows := Text(v, 2, 16); !strings.Contains(rows[1], typed) || strings.HasSuffix(rows[1], "+1") != (n <= 13) {
			t.Errorf("%d digits on-hook beside a call on hold: %q", n, rows)
		}
		v.Showing, v.Path = phone.ShowDialing, phone.PathHandset
		v.Waiting, v.Caller = true, "Bob"
		if rows := Text(v, 2, 16); !strings.Contains(rows[1], typed) || !says(rows, "Waiting: Bob") {
			t.Errorf("%d digits while Bob is waiting: %q", n, rows)
		}
	}
}

// A notice during a call is read to its last word before it goes.
func TestNoticesInACallCanBeRead(t *testing.T) {
	for _, r := range phone.Reasons() {
		v := phone.View{Showing: phone.ShowTalking, Network: true, Peer: "1002", Name: "Ann Smith", Notice: r}
		for _, size := range []struct{ rows, cols int }{{2, 16}, {3, 20}, {4, 16}, {4, 20}} {
			all := pages(v, size.rows, size.cols)
			if !says(all, r.Title) {
				t.Errorf("%+v on %v: the title is never shown: %q", r, size, all)
			}
			for word := range strings.FieldsSeq(r.Hint) {
				if !strings.Contains(strings.Join(all, " ")+" ", word+" ") {
					t.Errorf("%+v on %v: the word %q is never shown: %q", r, size, word, all)
				}
			}
			for v.Page = range 3 {
				if rows := Text(v, size.rows, size.cols); size.rows > 2 && !says(rows, "Ann Smith") {
					t.Errorf("%+v on %v: whom one talks with is not shown: %q", r, size, rows)
				}
			}
			v.Page = 0
		}
	}
	// News without a hint leaves the rest as it is.
	v := phone.View{Showing: phone.ShowTalking, Network: true, Peer: "1002", Name: "Ann Smith", Notice: phone.MissedCall}
	if rows := pages(v, 2, 16); !says(rows, "Missed call") || !says(rows, "Ann Smith") {
		t.Errorf("two rows: %q", rows)
	}
	if rows := Text(v, 4, 20); !says(rows, "Missed call") || !says(rows, "1002") {
		t.Errorf("four rows: %q", rows)
	}
}

// After a failure the hint and who is waiting come in turn.
func TestFailedWhileACallWaits(t *testing.T) {
	v := phone.View{Showing: phone.ShowFailed, Network: true, Why: phone.ReasonFor(486), Peer: "1002", Waiting: true, Caller: "Bob"}
	var second []string
	for v.Page = range 5 {
		second = append(second, strings.TrimSpace(Text(v, 2, 16)[1]))
	}
	if want := []string{"They are on the", "Waiting: Bob", "telephone", "Waiting: Bob", "They are on the"}; !slices.Equal(second, want) {
		t.Errorf("the second row is %q, want %q", second, want)
	}
	v.Page, v.Why = 0, phone.Finished
	if rows := Text(v, 2, 16); !says(rows, "Waiting: Bob") {
		t.Errorf("without a hint: %q", rows)
	}
}

// After a failure the calls that are still there are seen.
func TestFailedWithACallOnHold(t *testing.T) {
	v := phone.View{Showing: phone.ShowFailed, Network: true, Why: phone.Unreachable, Peer: "1002", Soft: [4]string{"Redial", "", "", "Close"},
		Calls: []phone.CallView{{ID: 1, Line: 1, Peer: "1003", Name: "Bob", State: phone.StateHeld}}}
	for _, waiting := range []bool{false, true} {
		v.Waiting, v.Caller = waiting, "Ann Smith"
		for _, size := range []screenSize{{128, 64}, {220, 150}, {240, 320}, {320, 240}} {
			if words := read(v, size); !slices.Contains(words, "Bob") || !slices.Contains(words, "On hold") || !slices.Contains(words, "Not reachable") {
				t.Errorf("%v, another one waiting %t: %q", size, waiting, words)
			}
		}
	}
}

// Of several lines it is legible which one failed, and why.
func TestWhyALineFailed(t *testing.T) {
	one, two := line(1, "Reception", phone.LineRegistered), line(2, "Workshop", phone.LineFailed)
	two.Cause = phone.ReasonForLine(403)
	const why = "Account refused"
	v := phone.View{Showing: phone.ShowIdle, Network: true, Line: 1, Lines: []phone.LineView{one, two}, Soft: [4]string{"Redial", "Missed", "DND", "Menu"}}
	for _, size := range pixelScreens {
		if words := read(v, size); !slices.Contains(words, "2 Workshop") || !slices.Contains(words, why) {
			t.Errorf("%v: %q", size, words)
		}
	}
	if rows := Text(v, 2, 16); !strings.HasPrefix(rows[0], "2 Worksho") || !says(rows, why) {
		t.Errorf("two rows: %q", rows)
	}
	if rows := Text(v, 4, 20); !says(rows, "1 Reception    Ready") || !says(rows, "2 Workshop    Failed") || !says(rows, why) {
		t.Errorf("four rows: %q", rows)
	}

	// Both failed, and a call was missed: the reasons take the place of the names.
	one.State, one.Cause = phone.LineFailed, phone.ReasonForLine(401)
	v.Lines, v.Missed, v.MissedPeer = []phone.LineView{one, two}, 1, "Bob"
	if words := read(v, screenSize{128, 64}); !slices.Contains(words, "1 Wrong password") || !slices.Contains(words, "2 "+why) {
		t.Errorf("both on 128x64: %q", words)
	}
	if rows := Text(v, 4, 20); !says(rows, "1 Wrong password") || !says(rows, "2 "+why) || !says(rows, "Missed: Bob") {
		t.Errorf("both on four rows: %q", rows)
	}
	v.Missed = 0
	if rows := Text(v, 2, 16); !says(rows, "0/2 lines ready") || !says(rows, "1 Wrong password") {
		t.Errorf("both on two rows: %q", rows)
	}
}

// That the microphone is off does not hide who holds whom.
func TestMutedOnHold(t *testing.T) {
	for _, tt := range []struct {
		held, remote bool
		d            time.Duration
		want         string
	}{
		{false, false, time.Minute, "Muted"},
		{false, true, time.Minute, "They hold, muted"},
		{false, true, time.Hour, "They hold"}, // and a picture
		{true, false, time.Minute, "On hold, muted"},
		{true, true, time.Minute, "Both hold, muted"},
	} {
		v := phone.View{Showing: phone.ShowTalking, Network: true, Peer: "1002", Duration: tt.d, Held: tt.held, RemoteHeld: tt.remote, Muted: true}
		if words := read(v, screenSize{128, 64}); !slices.Contains(words, tt.want) {
			t.Errorf("%+v: %q", tt, words)
		}
	}
	v := phone.View{Showing: phone.ShowTalking, Network: true, Peer: "1002", Duration: time.Hour, RemoteHeld: true, Muted: true}
	muted := NewPainter().Pixels(v, 128, 64)
	v.Muted = false
	heard := NewPainter().Pixels(v, 128, 64)
	same := true
	for y := 11; y < 20; y++ { // the row of the state
		for x := range 128 {
			same = same && muted.At(x, y) == heard.At(x, y)
		}
	}
	if same {
		t.Error("the row of the state has no picture of the microphone")
	}
}
