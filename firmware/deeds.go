package main

import (
	"fmt"
	"net/netip"
	"time"

	"dialtone/media"
	"dialtone/phone"
	"dialtone/sip"
)

// The first translation table: what the brain decided → what the machines and drivers do.

// A conversation is what the firmware keeps of one call: the bridge between its signalling, which
// carries SDP as bytes, and its voice, which knows no SIP.
type conversation struct {
	line    int
	neg     *media.Negotiator
	early   *media.Negotiator // the same with the session of the newest provisional response agreed; nil: none
	answer  []byte            // the answer to the caller's offer, kept until the call is accepted
	stream  media.Stream      // as last agreed
	agreed  bool              // there is a stream
	asked   bool              // our offer went out in a 200: the ACK is to carry the answer
	talking bool              // the user is joined with it
	holding bool              // we hold the far end
	wanted  bool              // what we want of them: hold, or not
	asking  bool              // the brain waits for HoldDone
	sent    bool              // what the re-INVITE under way asks for
	pending bool              // a re-INVITE of ours is under way
	again   bool              // the session is to be offered once more after it
	theirs  bool              // an offer of the far end came first
	offers  int               // times ours was made anew for that
	held    bool              // the far end holds us
	via     string            // the server it went through, for the status
	rtp     netip.AddrPort
	to      string       // whom we called; "": they called us
	leaked  media.Crypto // keys that went by signalling in clear
	secure  bool         // as the brain was told
}

// do carries out one action of the brain.
func (l *loop) do(now time.Time, a phone.Action) {
	switch a := a.(type) {
	case phone.PlaceCall:
		l.place(now, a)
	case phone.RingBack:
		l.sip(now, sip.Ring{ID: sip.ID(a.ID)})
	case phone.Accept:
		l.accept(now, a.ID)
	case phone.Reject:
		l.sip(now, sip.Refuse{ID: sip.ID(a.ID), Code: a.Code})
		l.hush(a.ID)
	case phone.HangUp:
		l.sip(now, sip.Hangup{ID: sip.ID(a.ID)})
		l.hush(a.ID)
	case phone.Hold:
		l.reoffer(now, a.ID, true)
	case phone.Resume:
		l.reoffer(now, a.ID, false)
	case phone.StartTalk:
		l.talk(a.ID, true)
	case phone.StopTalk:
		l.talk(a.ID, false)
	case phone.PlayTone:
		if err := l.voice.PlayTone(string(a.Tone)); err != nil {
			l.log.Error("playing a tone", "err", err)
		}
	case phone.StopTone:
		l.voice.StopTone()
	case phone.StartRing:
		l.voice.StartRing(ringCadence(l.settings, a.Line))
	case phone.StartReminder:
		l.voice.StartRing(cadenceOf(l.settings, l.settings.User.HoldReminderRing))
	case phone.StopRing:
		l.voice.StopRing()
	case phone.PlayBeep:
		if err := l.voice.PlayBeep(string(a.Tone)); err != nil {
			l.log.Error("playing a beep", "err", err)
		}
	case phone.StopBeep:
		l.voice.StopBeep()
	case phone.KeyTone:
		if d, ok := a.Key.Digit(); ok {
			l.voice.KeyTone(string(d))
		}
	case phone.SendDigit:
		l.digit(now, a)
	case phone.Mute:
		l.voice.SetMute(a.On)
	case phone.Volume:
		l.voice.SetVolume(a.Level)
	case phone.SetDND:
		l.setDND(now, a.On)
	case phone.Route:
		// One sound device serves handset, speaker and headset until boards have several.
	default:
		panic(fmt.Sprintf("firmware: nobody does %T", a))
	}
}

// place starts a call: a port for its voice, an offer, an INVITE.
func (l *loop) place(now time.Time, a phone.PlaceCall) {
	c, why := l.converse(a.ID, a.Line)
	if why != (phone.Reason{}) {
		l.tell(phone.Ended{ID: a.ID, Why: why})
		return
	}
	l.count.placed++
	c.to = a.To
	l.sip(now, sip.Invite{ID: sip.ID(a.ID), Line: a.Line, To: a.To, Body: c.neg.Offer(false)})
}

// accept answers a call that rings: with the answer to its offer, or an offer if the caller left it to us.
func (l *loop) accept(now time.Time, id phone.ID) {
	c := l.calls[id]
	if c == nil {
		return
	}
	body := c.answer
	if body == nil {
		body, c.asked = c.neg.Offer(false), true
	}
	l.count.answered++
	l.sip(now, sip.Accept{ID: sip.ID(id), Body: body})
}

// reoffer puts the far end on hold, or takes it back (RFC 3264 section 8.4).
func (l *loop) reoffer(now time.Time, id phone.ID, hold bool) {
	c := l.calls[id]
	if c == nil {
		l.tell(phone.HoldDone{ID: id, On: hold, Why: phone.ReasonFor(481)})
		return
	}
	c.wanted, c.asking, c.offers = hold, true, 0
	if body := c.offer(); body != nil {
		l.sip(now, sip.Reinvite{ID: sip.ID(id), Body: body})
	}
}

// offer is the session as it is wanted, for a re-INVITE; nil while one is under way: then it follows that.
func (c *conversation) offer() []byte {
	if c.pending {
		c.again = true
		return nil
	}
	c.pending, c.again, c.theirs, c.sent = true, false, false, c.wanted
	return c.neg.Offer(c.wanted)
}

// offerAgain offers what has changed beside the hold: that stays as it is, or is asked for with it.
func (l *loop) offerAgain(id phone.ID, c *conversation) {
	if !c.asking {
		c.wanted = c.holding
	}
	c.offers = 0
	if body := c.offer(); body != nil {
		l.queueSIP(sip.Reinvite{ID: sip.ID(id), Body: body})
	}
}

// talk joins the user with a call, or parts them.
func (l *loop) talk(id phone.ID, on bool) {
	if c := l.calls[id]; c != nil {
		c.talking = on
		l.sound(id, c)
	}
}

// sound makes the voice follow what was agreed and whether the user is joined.
func (l *loop) sound(id phone.ID, c *conversation) {
	if !c.agreed {
		return
	}
	s := c.stream
	if !c.talking {
		s.Send, s.Receive = false, false
	}
	if err := l.voice.Start(int(id), s); err != nil {
		l.log.Error("starting the voice of a call", "call", id, "err", err)
		l.tell(phone.EndCall{ID: id})
	}
}

// hush ends the voice of a call and gives back its ports. Its numbers stay for the status.
func (l *loop) hush(id phone.ID) {
	if c := l.calls[id]; c != nil {
		gone := farewell{stats: l.voice.Stop(int(id)), via: c.via}
		l.last[id] = gone
		l.count.add(gone.stats)
		l.count.ended++
		delete(l.calls, id)
	}
}

// converse reserves what a call's voice needs on the address the line's servers see.
func (l *loop) converse(id phone.ID, line int) (*conversation, phone.Reason) {
	ip := l.localAddr(line)
	if !ip.IsValid() {
		return nil, phone.NoNetwork
	}
	port, err := l.reserve(int(id), ip)
	if err != nil {
		l.log.Error("opening RTP ports", "call", id, "err", err)
		return nil, phone.SoundFailed
	}
	via := l.agent.Via(sip.ID(id)) // of a call that came; of one to be placed only the server is known
	if via == "" {
		via = l.active(line)
	}
	local := localMedia(l.settings, line, l.session())
	local.Addr, local.Port = ip, port
	encrypt(&local, l.settings, line, via)
	local.Keys = l.keyring
	c := &conversation{line: line, neg: media.NewNegotiator(local), via: via, rtp: netip.AddrPortFrom(ip, port)}
	l.calls[id] = c
	return c, phone.Reason{}
}

// relocate moves the voice of a call to the address its server sees now, and tells the far end. Nothing
// else would repair the call: a registration is not a session.
func (l *loop) relocate(id phone.ID) {
	c := l.calls[id]
	if c == nil {
		return
	}
	ip := l.localAddr(c.line)
	if !ip.IsValid() || ip == c.rtp.Addr() {
		return
	}
	port, err := l.reserve(int(id), ip)
	if err != nil {
		l.log.Error("moving a call to another address", "call", id, "err", err)
		return
	}
	c.rtp = netip.AddrPortFrom(ip, port)
	c.neg.Move(ip, port)
	l.offerAgain(id, c)
}

// setDND keeps do not disturb in the settings. It is in force when they are saved.
func (l *loop) setDND(now time.Time, on bool) {
	s := l.newest()
	s.User.DNDSetting = on
	l.decide(now, fmt.Sprintf("do not disturb is switched %s by key", map[bool]string{true: "on", false: "off"}[on]))
	l.propose(change{settings: s})
}

// rerouted tells the far end of a call where the phone is now that its line goes by another server: by the
// same session once more. Its voice is not touched.
func (l *loop) rerouted(id phone.ID) {
	c := l.calls[id]
	if c != nil && c.agreed {
		l.via(id)
		l.secured(id, c)
		l.offerAgain(id, c)
	}
}

// digit sends one digit the way the line's DTMF_Tx_Method says: RFC 4733 events, or INFO.
func (l *loop) digit(now time.Time, a phone.SendDigit) {
	c := l.calls[a.ID]
	if c == nil {
		return
	}
	if l.settings.Line[c.line-1].DTMFTxMethod == "INFO" {
		body := fmt.Appendf(nil, "Signal=%s\r\nDuration=%d\r\n", a.Digit, digitTime.Milliseconds())
		l.sip(now, sip.Info{ID: sip.ID(a.ID), Type: "application/dtmf-relay", Body: body})
		return
	}
	if err := l.voice.SendDigit(int(a.ID), a.Digit, digitTime); err != nil {
		l.log.Warn("sending a digit", "call", a.ID, "err", err)
	}
}
