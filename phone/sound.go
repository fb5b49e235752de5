package phone

// sound is what can be heard: the call talked in, the local tone, the bell; at most one of the three is
// on. Beside them there may be a beep, which is heard over the voice. It is wanted as a function of the
// phone's state, and follow makes it so; thus no path through the machine can forget to stop what
// another started.
type sound struct {
	talk ID // noCall: none
	tone Tone
	ring bell
	beep Tone
	path Path
	mute bool
}

// A bell is what rings: a line, or the reminder of a call on hold. The zero bell is silent.
type bell struct {
	line     int
	reminder bool
}

// wanted says what should be heard in the present state.
func (p *Phone) wanted() sound {
	want := sound{path: p.path, talk: noCall, mute: p.muted}
	ringing := p.ringing()
	reminder := !p.remindUntil.IsZero() && p.someHeld()
	if p.path == PathNone {
		switch {
		case ringing != nil:
			want.ring.line = ringing.Line
		case reminder:
			want.ring.reminder = true
		}
	}
	switch {
	case !p.confirmUntil.IsZero():
		want.beep = ToneConfirm
	case p.path == PathNone:
	case ringing != nil:
		want.beep = ToneCallWaiting
	case reminder:
		want.beep = ToneHolding
	}
	switch c := p.active; {
	case c != nil && p.joined(c):
		want.talk = c.ID
	case c != nil:
		if c.State == StateRinging {
			want.tone = ToneRingback
		}
	case p.failed.on:
		want.tone = p.failed.toneNow(p)
	case p.dialing() && p.dial.Number() == "":
		want.tone = ToneDial
		if l := p.lineAt(p.line); l != nil && l.messages {
			want.tone = ToneMessages
		}
	case p.dialing() && p.dial.OutsideTone():
		want.tone = ToneOutsideDial
	}
	return want
}

// ringing returns the call that has rung longest of those the user did not silence, or nil.
func (p *Phone) ringing() *call {
	for _, c := range p.calls {
		if c.State == StateIncoming && !c.silenced {
			return c
		}
	}
	return nil
}

// someHeld reports whether there is a call on hold.
func (p *Phone) someHeld() bool {
	for _, c := range p.calls {
		if c.held {
			return true
		}
	}
	return false
}

// toneNow is the tone of a failure: first busy or reorder, then the warning that the handset is off,
// in the end silence.
func (f failure) toneNow(p *Phone) Tone {
	switch {
	case !due(f.toneAt, p.now):
		return ""
	case due(f.silentAt(), p.now):
		return ""
	case due(f.howlAt(), p.now):
		return ToneOffHookWarning
	}
	return f.tone
}

// follow returns deeds between the stops and the starts that turn s into want.
func (s *sound) follow(deeds []Action, want sound) []Action {
	var actions []Action
	if s.talk != want.talk && s.talk != noCall {
		actions = append(actions, StopTalk{s.talk})
	}
	if s.tone != want.tone && s.tone != "" {
		actions = append(actions, StopTone{})
	}
	if s.ring != want.ring && s.ring != (bell{}) {
		actions = append(actions, StopRing{})
	}
	if s.beep != want.beep && s.beep != "" {
		actions = append(actions, StopBeep{})
	}
	if s.path != want.path {
		actions = append(actions, Route{want.path})
	}
	if s.mute != want.mute {
		actions = append(actions, Mute{want.mute})
	}
	actions = append(actions, deeds...)
	if s.talk != want.talk && want.talk != noCall {
		actions = append(actions, StartTalk{want.talk})
	}
	if s.tone != want.tone && want.tone != "" {
		actions = append(actions, PlayTone{want.tone})
	}
	if s.ring != want.ring {
		switch {
		case want.ring.reminder:
			actions = append(actions, StartReminder{})
		case want.ring.line != 0:
			actions = append(actions, StartRing{want.ring.line})
		}
	}
	if s.beep != want.beep && want.beep != "" {
		actions = append(actions, PlayBeep{want.beep})
	}
	*s = want
	return actions
}
