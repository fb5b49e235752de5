package main

import (
	"errors"
	"maps"
	"math"
	"strings"
	"sync"
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
		do(web.KeyStep{Key: "volup", Down: true})
		b.after(903 * time.Millisecond)
		do(web.KeyStep{Key: "volup"})
		if v := p.status().Handset.Volume; v < 9 {
			t.Errorf("held for 0.9 s, the volume goes from 6 to %d", v)
		}
	})
}

// A page talks and listens: what it says is heard by the far end instead of the microphone, and what the
// far end says comes out of it.
func TestPageTalks(t *testing.T) {
	inBench(t, func(b *bench) {
		p, f := b.registered(), b.server
		link, err := soundOf(p.Handset)()
		if err != nil {
			t.Fatal(err)
		}
		page := &pageVoice{link: link, stop: make(chan struct{})}
		page.running.Go(page.listen)
		invite := called(p)
		if tone := page.take()[800:2400]; share(tone, 350)+share(tone, 440) < 0.9 {
			t.Error("the page does not hear the dial tone")
		}
		f.answer(invite, 200, f.sdp("sendrecv"))
		f.want("the answer is acknowledged", "ACK")
		v := f.speak(invite.body)
		p.after(503 * time.Millisecond)
		v.take()
		p.after(1003 * time.Millisecond)
		if s := share(v.take(), 440); s < 0.9 {
			t.Errorf("a page that only listens leaves the microphone: %.2f of what comes is its tone", s)
		}
		page.running.Go(page.talk)
		p.after(503 * time.Millisecond)
		v.take()
		page.take()
		p.after(1003 * time.Millisecond)
		if far := v.take(); share(far, pageHertz) < 0.9 || len(far) < 7800 {
			t.Errorf("the far end hears the page with %.2f of %d samples", share(far, pageHertz), len(far))
		}
		if ear := page.take(); share(ear, farHertz) < 0.9 || len(ear) < 7800 {
			t.Errorf("the page hears the far end with %.2f of %d samples", share(ear, farHertz), len(ear))
		}
		other, err := soundOf(p.Handset)()
		if err != nil {
			t.Fatal(err)
		}
		close(page.stop)
		page.running.Wait()
		if !errors.Is(page.err, web.ErrSoundTaken) {
			t.Errorf("another page comes, the first is told %v", page.err)
		}
		other.Close()
		p.after(503 * time.Millisecond)
		p.wantVoices("without a page the microphone is as before", v)
		v.close()
		p.replace()
		f.answer(f.want("hanging up", "BYE"), 200)
		home(p)
	})
}

const pageHertz = 700

// A pageVoice is a page that keeps what it hears, and says a tone of 700 Hz once it talks.
type pageVoice struct {
	link    web.SoundLink
	stop    chan struct{}
	running sync.WaitGroup

	mu    sync.Mutex
	heard []int16
	err   error // why it heard no more
}

func (v *pageVoice) listen() {
	frame := make([]int16, 160)
	for {
		err := v.link.Listen(frame)
		v.mu.Lock()
		v.heard, v.err = append(v.heard, frame...), err
		v.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (v *pageVoice) talk() {
	beat := time.NewTicker(20 * time.Millisecond)
	defer beat.Stop()
	for n := 0; ; n++ {
		select {
		case <-v.stop:
			return
		case <-beat.C:
		}
		frame := make([]int16, 160)
		for i := range frame {
			frame[i] = int16(8000 * math.Sin(2*math.Pi*pageHertz*float64(160*n+i)/8000))
		}
		v.link.Say(frame)
	}
}

// take returns what was heard since the last take.
func (v *pageVoice) take() []int16 {
	v.mu.Lock()
	defer v.mu.Unlock()
	h := v.heard
	v.heard = nil
	return h
}
