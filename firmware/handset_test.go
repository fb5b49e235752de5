package main

import (
	"maps"
	"strings"
	"testing"
	"time"

	"dialtone/board"
	"dialtone/hal"
	"dialtone/phone"
	"dialtone/web"
)

func TestLamps(t *testing.T) {
	green, amber, red := web.Lamp{Color: "green", Pattern: "solid"}, web.Lamp{Color: "amber", Pattern: "solid"}, web.Lamp{Color: "red", Pattern: "solid"}
	amberSlow, redSlow, redFast := web.Lamp{Color: "amber", Pattern: "slow"}, web.Lamp{Color: "red", Pattern: "slow"}, web.Lamp{Color: "red", Pattern: "fast"}
	line := func(s phone.LineState) phone.View {
		return phone.View{Lines: []phone.LineView{{Number: 2, State: s}}, Line: 2}
	}
	with := func(v phone.View, change func(*phone.View)) phone.View { change(&v); return v }
	calls := func(states ...phone.CallState) (list []phone.Call) {
		for _, s := range states {
			list = append(list, phone.Call{Line: 2, State: s})
		}
		return list
	}
	registered := line(phone.LineRegistered)
	for _, tt := range []struct {
		name  string
		view  phone.View
		calls []phone.Call
		mwi   map[int]web.MWI
		want  map[string]web.Lamp
	}{
		{"no line", phone.View{}, nil, nil, map[string]web.Lamp{}},
		{"registered", registered, nil, nil, map[string]web.Lamp{"line2": green}},
		{"registering", line(phone.LineRegistering), nil, nil, map[string]web.Lamp{"line2": amberSlow}},
		{"failed", line(phone.LineFailed), nil, nil, map[string]web.Lamp{"line2": amber}},
		{"not registered", line(phone.LineUnregistered), nil, nil, map[string]web.Lamp{"line2": amber}},
		{"disabled", line(phone.LineDisabled), nil, nil, map[string]web.Lamp{}},
		{"needs no registration", with(line(phone.LineUnregistered), func(v *phone.View) { v.Lines[0].CanCall = true }), nil, nil, map[string]web.Lamp{"line2": green}},
		{"seized", with(registered, func(v *phone.View) { v.Showing, v.Path = phone.ShowDialing, phone.PathSpeaker }), nil, nil, map[string]web.Lamp{"line2": red, "speaker": green}},
		{"another line is seized", with(registered, func(v *phone.View) { v.Showing, v.Line, v.Path = phone.ShowDialing, 1, phone.PathHeadset }), nil, nil, map[string]web.Lamp{"line2": green, "headset": green}},
		{"ringing", with(registered, func(v *phone.View) { v.Ring = true }), calls(phone.StateHeld, phone.StateIncoming), nil, map[string]web.Lamp{"line2": redFast, "message": redFast}},
		{"talking, muted", with(registered, func(v *phone.View) { v.Muted = true }), calls(phone.StateHeld, phone.StateConnected), nil, map[string]web.Lamp{"line2": red, "mute": red}},
		{"held by them", registered, calls(phone.StateRemoteHeld), nil, map[string]web.Lamp{"line2": red}},
		{"held", registered, calls(phone.StateHeld, phone.StateEnded), nil, map[string]web.Lamp{"line2": redSlow}},
		{"over", registered, calls(phone.StateEnded), nil, map[string]web.Lamp{"line2": green}},
		{"a call of another line", registered, []phone.Call{{Line: 1, State: phone.StateConnected}}, nil, map[string]web.Lamp{"line2": green}},
		{"messages", registered, nil, map[int]web.MWI{2: {New: 1}}, map[string]web.Lamp{"line2": green, "message": red}},
		{"messages heard already", registered, nil, map[int]web.MWI{2: {Old: 1}}, map[string]web.Lamp{"line2": green}},
	} {
		if got := lamps(tt.view, tt.calls, tt.mwi); !maps.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestDrawnHandset(t *testing.T) {
	model, err := board.Find("sim")
	if err != nil {
		t.Fatal(err)
	}
	if h := drawnHandset(model); len(h.Keys) != len(hal.AllKeys()) || h.Title != model.Title || h.Keys[0] != (web.KeyCap{Key: "1", Label: "1"}) {
		t.Errorf("the page draws %+v", h)
	}
	model.Simulated = false
	if h := drawnHandset(model); h != nil {
		t.Errorf("of a phone with a case of its own it draws %+v", h)
	}
}

// A key that a page holds down becomes long; pressed with one step it does not.
func TestPageHoldsKey(t *testing.T) {
	inBench(t, func(b *bench) {
		p := b.newDesk("", "10.0.0.2")
		p.start()
		b.after(1003 * time.Millisecond)
		do := func(steps ...web.KeyStep) {
			t.Helper()
			if r := p.do(web.PressKeys{Keys: steps}); r.Outcome != web.Done {
				t.Fatalf("%+v: %+v", steps, r)
			}
		}
		wantDigits := func(sentence, want string) {
			t.Helper()
			b.after(2 * time.Millisecond)
			if got := strings.TrimSpace(p.Screen()[1]); got != want {
				t.Errorf("%s: the number is %q, want %q", sentence, got, want)
			}
		}
		do(web.KeyStep{Key: "0", Press: true}, web.KeyStep{Key: "0", Down: true})
		wantDigits("a contact counts at once", "00")
		b.after(900 * time.Millisecond)
		do(web.KeyStep{Key: "0"})
		do(web.KeyStep{Key: "back", Down: true})
		wantDigits("back deletes one", "0")
		b.after(900 * time.Millisecond)
		do(web.KeyStep{Key: "back"})
		do(web.KeyStep{Key: "0", Down: true})
		b.after(900 * time.Millisecond)
		do(web.KeyStep{Key: "0"}, web.KeyStep{Key: "1", Down: true}, web.KeyStep{Key: "1"})
		wantDigits("held long, 0 is +", "+1")
	})
}
