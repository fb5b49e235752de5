package main

import (
	"errors"

	"dialtone/board"
	"dialtone/hal/sim"
	"dialtone/phone"
	"dialtone/web"
)

// The telephone a browser draws: the keys of a simulated board, and what its lamps show, and its sound.

// drawnHandset is the board as the web draws it; nil for one that has a case of its own.
func drawnHandset(b board.Board) *web.Handset {
	if !b.Simulated {
		return nil
	}
	h := &web.Handset{Title: b.Title}
	for _, k := range b.Keys {
		h.Keys = append(h.Keys, web.KeyCap{Key: string(k.Key), Label: k.Label})
	}
	return h
}

// soundOf gives a page the handset's microphone and earpiece; nil if the phone has real ones.
func soundOf(h *sim.Handset) func() (web.SoundLink, error) {
	if h == nil {
		return nil
	}
	return func() (web.SoundLink, error) { return pagePlug{h.Plug()}, nil }
}

// A pagePlug is a plug in the words of the web.
type pagePlug struct{ *sim.Plug }

// Listen is that of the plug.
func (p pagePlug) Listen(frame []int16) error {
	err := p.Plug.Listen(frame)
	if errors.Is(err, sim.ErrReplaced) {
		return web.ErrSoundTaken
	}
	return err
}

// handsetStatus is what shows on the case.
func handsetStatus(v phone.View, calls []phone.Call, mwi map[int]web.MWI) web.HandsetStatus {
	return web.HandsetStatus{
		Lifted: v.HandsetLifted, Path: string(v.Path), Muted: v.Muted, Volume: v.Volume, Ring: v.Ring, Soft: v.Soft,
		Lamps: lamps(v, calls, mwi),
	}
}

// lamps are those that are lit. A line key shows its calls, and while there are none its registration
// (reference F.8, the default scheme).
func lamps(v phone.View, calls []phone.Call, mwi map[int]web.MWI) map[string]web.Lamp {
	lit := make(map[string]web.Lamp)
	for _, l := range v.Lines {
		if lamp := lineLamp(v, l, calls); lamp != (web.Lamp{}) {
			lit[lineKey(l.Number)] = lamp
		}
	}
	for _, m := range mwi {
		if m.New > 0 {
			lit["message"] = web.Lamp{Color: "red", Pattern: "solid"}
		}
	}
	if v.Ring || v.Waiting {
		lit["message"] = web.Lamp{Color: "red", Pattern: "fast"}
	}
	if v.Muted {
		lit["mute"] = web.Lamp{Color: "red", Pattern: "solid"}
	}
	switch v.Path {
	case phone.PathSpeaker:
		lit["speaker"] = web.Lamp{Color: "green", Pattern: "solid"}
	case phone.PathHeadset:
		lit["headset"] = web.Lamp{Color: "green", Pattern: "solid"}
	}
	return lit
}

func lineKey(n int) string { return "line" + string(rune('0'+n)) }

func lineLamp(v phone.View, l phone.LineView, calls []phone.Call) web.Lamp {
	busy, held := v.Showing == phone.ShowDialing && v.Line == l.Number, false
	for _, c := range calls {
		if c.Line != l.Number {
			continue
		}
		switch c.State {
		case phone.StateEnded:
		case phone.StateIncoming:
			return web.Lamp{Color: "red", Pattern: "fast"}
		case phone.StateHeld:
			held = true
		default:
			busy = true
		}
	}
	switch {
	case busy:
		return web.Lamp{Color: "red", Pattern: "solid"}
	case held:
		return web.Lamp{Color: "red", Pattern: "slow"}
	}
	switch l.State {
	case phone.LineRegistered:
		return web.Lamp{Color: "green", Pattern: "solid"}
	case phone.LineRegistering:
		return web.Lamp{Color: "amber", Pattern: "slow"}
	case phone.LineFailed:
		return web.Lamp{Color: "amber", Pattern: "solid"}
	case phone.LineUnregistered:
		if l.CanCall { // it needs no registration
			return web.Lamp{Color: "green", Pattern: "solid"}
		}
		return web.Lamp{Color: "amber", Pattern: "solid"}
	}
	return web.Lamp{}
}
