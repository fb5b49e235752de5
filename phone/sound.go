package phone

// sound is what can be heard: the call talked in, the local tone, the line that rings. At most one of
// the three is on. It is wanted as a function of the phone's state, and follow makes it so; thus no
// path through the machine can forget to stop what another started.
type sound struct {
	talk ID // noCall: none
	tone Tone
	ring int // the line, 0: none
	path Path
	mute bool
}

// wanted says what should be heard in the present state.
func (p *Phone) wanted() sound {
	want := sound{path: p.path, talk: noCall}
	if c := p.call; c != nil {
		want.mute = c.Muted
		switch {
		case c.State == StateIncoming:
			if !c.silenced {
				want.ring = c.Line
			}
		case c.calling():
			if c.Early {
				want.talk = c.ID
			} else if c.State == StateRinging {
				want.tone = ToneRingback
			}
		case !c.wantHold && !c.held:
			want.talk = c.ID
		}
		return want
	}
	switch {
	case p.failed.on:
		want.tone = p.failed.toneNow(p)
	case p.dialing() && p.dial.Number() == "":
		want.tone = ToneDial
	}
	return want
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
	if s.ring != want.ring && s.ring != 0 {
		actions = append(actions, StopRing{})
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
	if s.ring != want.ring && want.ring != 0 {
		actions = append(actions, StartRing{want.ring})
	}
	*s = want
	return actions
}
