package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"dialtone/media"
	"dialtone/phone"
	"dialtone/sip"
	"dialtone/web"
)

// The second translation table: what SIP and the voice report → news for the brain.

// sip steps the agent, does what it wants of the network and passes on what it reports.
func (l *loop) sip(now time.Time, in sip.Input) {
	l.traceIn(in)
	out := l.agent.Step(now, in)
	for _, sentence := range out.Log {
		l.decide(now, sentence)
		l.remark(now, sentence)
	}
	for _, act := range out.Net {
		l.traceOut(act)
		l.wire.Do(act)
	}
	for _, ev := range out.Events {
		l.heard(now, ev)
	}
}

// remark keeps what a line has decided last, for its status.
func (l *loop) remark(now time.Time, sentence string) {
	rest, ok := strings.CutPrefix(sentence, "line ")
	number, text, found := strings.Cut(rest, ": ")
	if n, err := strconv.Atoi(number); ok && found && err == nil {
		l.said[n] = saying{now, text}
	}
}

// heard translates one event of the agent.
func (l *loop) heard(now time.Time, ev sip.Event) {
	switch ev := ev.(type) {
	case sip.Incoming:
		l.incoming(now, ev)
		l.via(phone.ID(ev.ID))
	case sip.Progress:
		l.via(phone.ID(ev.ID))
		l.progress(ev)
	case sip.Answered:
		l.via(phone.ID(ev.ID))
		if l.connected(phone.ID(ev.ID), ev.Body) {
			l.count.answered++
			l.tell(phone.Answered{ID: phone.ID(ev.ID)})
		} else {
			l.tell(phone.Ended{ID: phone.ID(ev.ID), Why: phone.NoCodec})
			l.queueSIP(sip.Hangup{ID: ev.ID})
		}
	case sip.Acked:
		if !l.acked(phone.ID(ev.ID), ev.Body) {
			l.tell(phone.Ended{ID: phone.ID(ev.ID), Why: phone.NoCodec})
			l.queueSIP(sip.Hangup{ID: ev.ID})
		}
	case sip.Rerouted:
		l.rerouted(phone.ID(ev.ID))
	case sip.Reoffer:
		l.reoffered(ev)
	case sip.Reanswered:
		l.reanswered(ev)
	case sip.InfoReceived:
		if d, ok := digitOfInfo(ev.Type, ev.Body); ok {
			l.tell(phone.Digit{ID: phone.ID(ev.ID), Digit: d})
		}
	case sip.Ended:
		if l.calledAgain(now, phone.ID(ev.ID), ev) {
			return
		}
		l.hush(phone.ID(ev.ID))
		l.tell(phone.Ended{ID: phone.ID(ev.ID), Why: endReason(ev)})
	case sip.Registration:
		l.tell(phone.Line{Number: ev.Line, State: phone.LineState(ev.State), Cause: registrationReason(ev), Backup: ev.Backup})
	case sip.Notify:
		l.notified(now, ev)
	case sip.Found:
		l.remember(now, ev.Answers)
	default:
		panic(fmt.Sprintf("firmware: nobody hears %T", ev))
	}
}

// via notes by which server a call goes.
func (l *loop) via(id phone.ID) {
	if c := l.calls[id]; c != nil {
		c.via = l.agent.Via(sip.ID(id))
	}
}

// incoming prepares the answer before anything rings, so that a call nobody could talk in is refused at once.
func (l *loop) incoming(now time.Time, ev sip.Incoming) {
	id := phone.ID(ev.ID)
	c, why := l.converse(id, ev.Line)
	if why != (phone.Reason{}) {
		l.decide(now, fmt.Sprintf("call %d from %s refused: %s", ev.ID, ev.From, why.Title))
		l.count.refused++
		l.queueSIP(sip.Refuse{ID: ev.ID, Code: 500})
		return
	}
	if ev.Body != nil {
		answer, stream, err := c.neg.Answer(ev.Body)
		if err != nil {
			l.decide(now, fmt.Sprintf("call %d from %s refused: %v", ev.ID, ev.From, err))
			l.count.refused++
			l.hush(id)
			l.queueSIP(sip.Refuse{ID: ev.ID, Code: 488})
			return
		}
		c.answer, c.stream, c.agreed = answer, stream, true
		c.held = stream.RemoteHold
	}
	l.count.received++
	l.tell(phone.Incoming{ID: id, Line: ev.Line, Peer: ev.From, Name: ev.FromName})
	if c.held {
		l.tell(phone.RemoteHold{ID: id, On: true})
	}
	l.secured(id, c)
}

// progress passes on what happens before the answer. SDP in it is sound to listen to.
func (l *loop) progress(ev sip.Progress) {
	id := phone.ID(ev.ID)
	switch {
	case ev.Body != nil && l.early(id, ev.Body):
		l.tell(phone.EarlyMedia{ID: id})
	case ev.Code == 180:
		l.tell(phone.Ringing{ID: id})
	default:
		l.tell(phone.Proceeding{ID: id})
	}
}

// early lets the voice follow the answer in a provisional response. Each fork may bring its own, and the
// final answer another: our offer stays open for all of them (RFC 3261 section 13.2.2.4).
func (l *loop) early(id phone.ID, answer []byte) bool {
	c := l.calls[id]
	if c == nil {
		return true // hung up meanwhile
	}
	neg := *c.neg
	stream, err := neg.Accept(answer)
	if err != nil {
		l.log.Warn("early sound cannot be used", "call", id, "err", err)
		return false
	}
	c.early, c.stream, c.agreed = &neg, stream, true
	l.sound(id, c)
	l.secured(id, c)
	return true
}

// connected takes the session of an answered call: its own, or that of the early sound if it brings none
// that can be used.
func (l *loop) connected(id phone.ID, answer []byte) bool {
	c := l.calls[id]
	if c == nil || answer != nil && l.adopt(id, answer) {
		return true
	}
	if c.early == nil {
		return false
	}
	c.neg, c.early = c.early, nil
	return true
}

// acked takes the ACK to our 200, with the answer if the 200 carried an offer. Without an answer there is
// no session (RFC 3261 section 13.2.1), or it stays what it was.
func (l *loop) acked(id phone.ID, answer []byte) bool {
	c := l.calls[id]
	if c == nil || !c.asked {
		return true
	}
	c.asked = false
	if answer == nil {
		c.neg.Withdraw()
		return c.agreed
	}
	return l.adopt(id, answer) || c.agreed
}

// adopt takes the far end's answer to our offer and lets the voice follow it. It tells whether it could.
func (l *loop) adopt(id phone.ID, answer []byte) bool {
	c := l.calls[id]
	stream, err := c.neg.Accept(answer)
	if err != nil {
		l.log.Warn("the far end's session description cannot be used", "call", id, "err", err)
		return false
	}
	c.stream, c.agreed, c.early = stream, true, nil
	l.sound(id, c)
	l.secured(id, c)
	l.remoteHold(id, c)
	return true
}

// remoteHold tells the brain when the far end began or ended holding us.
func (l *loop) remoteHold(id phone.ID, c *conversation) {
	if c.stream.RemoteHold != c.held {
		c.held = c.stream.RemoteHold
		l.tell(phone.RemoteHold{ID: id, On: c.held})
	}
}

// reoffered answers a re-INVITE by the far end: hold, resume, another codec or address.
func (l *loop) reoffered(ev sip.Reoffer) {
	id := phone.ID(ev.ID)
	c := l.calls[id]
	if c == nil {
		l.queueSIP(sip.AnswerReinvite{ID: ev.ID, Code: 481})
		return
	}
	c.theirs = true
	if ev.Body == nil {
		c.asked = true
		c.neg.Renew() // whoever wants to hear our offer may be somebody new
		l.queueSIP(sip.AnswerReinvite{ID: ev.ID, Code: 200, Body: c.neg.Offer(c.holding)})
		return
	}
	answer, stream, err := c.neg.Answer(ev.Body)
	if err != nil {
		l.log.Warn("a re-INVITE cannot be accepted", "call", id, "err", err)
		l.queueSIP(sip.AnswerReinvite{ID: ev.ID, Code: 488})
		return
	}
	c.stream, c.agreed = stream, true
	l.queueSIP(sip.AnswerReinvite{ID: ev.ID, Code: 200, Body: answer})
	l.sound(id, c)
	l.secured(id, c)
	l.remoteHold(id, c)
}

// Implementation constants.
const maxOffers = 4 // times a re-INVITE is made anew because the far end's offers come first

// reanswered ends our own hold or resume, or what told the far end where we are.
func (l *loop) reanswered(ev sip.Reanswered) {
	id := phone.ID(ev.ID)
	c := l.calls[id]
	if c == nil {
		return
	}
	c.pending = false
	ok := ev.Code/100 == 2 && ev.Body != nil && l.adopt(id, ev.Body)
	var why phone.Reason
	if !ok {
		why = holdReason(ev)
		c.neg.Withdraw()
		if ev.Code == 491 && c.theirs && c.offers < maxOffers { // ours is still wanted
			c.offers++
			l.queueSIP(sip.Reinvite{ID: ev.ID, Body: c.offer()})
			return
		}
	}
	if ok {
		c.holding = c.sent
	}
	if c.asking && c.sent == c.wanted {
		c.asking = false
		l.tell(phone.HoldDone{ID: id, On: c.sent, OK: ok, Why: why})
	}
	if c.again {
		l.offerAgain(id, c)
	}
}

// voiceNews translates one event of the media engine.
func (l *loop) voiceNews(ev media.Event) {
	switch ev := ev.(type) {
	case media.DigitHeard:
		l.tell(phone.Digit{ID: phone.ID(ev.ID), Digit: ev.Digit})
	case media.DigitEnded:
	default:
		l.log.Debug("voice", "event", fmt.Sprintf("%T%+v", ev, ev))
	}
}

// endReason puts the end of a call into words. What the agent found out by itself has no response to go
// by, only its cause.
func endReason(ev sip.Ended) phone.Reason {
	cause := strings.ToLower(ev.Cause)
	switch {
	case ev.Code == 408 && strings.HasPrefix(cause, "no answer from"):
		return phone.NoReply // not even a provisional response
	case ev.Code == 200 && ev.Remote:
		return phone.HungUp
	case ev.Code == 200:
		return phone.Finished
	case ev.Remote && ev.Code == 487 && (strings.Contains(cause, "cause=200") || strings.Contains(cause, "elsewhere")):
		// RFC 3326: another telephone took it.
		return phone.AnsweredElsewhere
	case ev.Remote && ev.Code == 408 && strings.Contains(cause, "acknowledge"):
		return phone.NotConfirmed
	case ev.Remote:
		return phone.ReasonFor(ev.Code)
	case strings.Contains(cause, "not registered"):
		return phone.NotRegistered
	case strings.Contains(cause, "certificate"):
		return phone.NotTrusted
	case strings.Contains(cause, "name server") || strings.Contains(cause, "no such"):
		return phone.ServerNotFound
	case ev.Code == 503:
		return phone.Unreachable
	}
	return phone.ReasonFor(ev.Code)
}

// holdReason says why a hold or its end failed, zero if the far end refused it. What a server says of
// itself, or silence, is no word of the far end.
func holdReason(ev sip.Reanswered) phone.Reason {
	switch {
	case ev.Cause != "" && ev.Code == 408:
		return phone.NoReply
	case ev.Cause != "":
		return phone.Unreachable
	case ev.Code/100 == 2:
		return phone.NoCodec // an answer that cannot be used
	case ev.Code == 408, ev.Code == 491, ev.Code/100 == 5:
		return phone.ReasonFor(ev.Code)
	}
	return phone.Reason{}
}

// registrationReason puts a failed registration into words.
func registrationReason(ev sip.Registration) phone.Reason {
	if ev.State != string(phone.LineFailed) {
		return phone.Reason{}
	}
	switch cause := strings.ToLower(ev.Cause); {
	case ev.Code != 0:
		return phone.ReasonForLine(ev.Code)
	case strings.Contains(cause, "cannot be looked up"):
		return phone.ServerNotFound
	case strings.Contains(cause, "certificate"):
		return phone.NotTrusted
	case strings.Contains(cause, "no answer"), strings.Contains(cause, "not answer"):
		return phone.NoReply
	}
	return phone.Unreachable
}

// digitOfInfo reads a digit from an INFO body: application/dtmf-relay ("Signal=5") or application/dtmf ("5").
func digitOfInfo(contentType string, body []byte) (string, bool) {
	kind, _, _ := strings.Cut(contentType, ";")
	text := strings.TrimSpace(string(body))
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "application/dtmf":
	case "application/dtmf-relay":
		found := ""
		for line := range strings.Lines(text) {
			name, value, _ := strings.Cut(line, "=")
			if strings.EqualFold(strings.TrimSpace(name), "Signal") {
				found = strings.TrimSpace(value)
				break
			}
		}
		text = found
	default:
		return "", false
	}
	switch text {
	case "10":
		text = "*"
	case "11":
		text = "#"
	case "12", "13", "14", "15":
		text = string('A' + text[1] - '2')
	}
	if len(text) != 1 || !strings.Contains("0123456789*#ABCD", strings.ToUpper(text)) {
		return "", false
	}
	return strings.ToUpper(text), true
}

// notified acts on a NOTIFY: of messages, or an unsolicited one (reference B.11). The agent has answered and, where the line
// wants it, checked credentials.
func (l *loop) notified(now time.Time, ev sip.Notify) {
	switch ev.Event {
	case "message-summary":
		if m, ok := parseSummary(ev.Body); ok {
			l.mwi[ev.Line] = m
			l.tell(phone.Messages{Line: ev.Line, New: m.New > 0})
		}
	case "report":
		l.decide(now, "a server asked for a report, which this phone does not send")
	case "resync", "check-sync":
		if !l.settings.Provisioning.ResyncFromSIP {
			l.decide(now, "a server asked for a resync, which Resync_From_SIP forbids")
			return
		}
		if rule, ok := strings.CutPrefix(ev.Params, "profile="); ok {
			l.fetchOnce(now, strings.Trim(rule, `"`))
			return
		}
		l.fetchOnce(now, "")
	case "reboot", "restart":
		l.decide(now, "a server asked for a restart")
		l.stop(now)
	}
}

// fetchOnce starts a resync somebody asked for and says why if it cannot.
func (l *loop) fetchOnce(now time.Time, rule string) {
	if err := l.resync(rule); err != nil {
		l.decide(now, "no resync: "+err.Error())
	}
}

// parseSummary reads the voice message counts of a message-summary body (RFC 3842 section 5.2):
// "Voice-Message: 2/8 (0/2)" is two new and eight old. A server may leave them out and say only whether there are
// any, as "Messages-Waiting: yes": then one is new.
func parseSummary(body []byte) (m web.MWI, ok bool) {
	for line := range strings.Lines(string(body)) {
		name, value, _ := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if strings.EqualFold(name, "Messages-Waiting") {
			switch strings.ToLower(value) {
			case "yes":
				m, ok = web.MWI{New: 1}, true
			case "no":
				m, ok = web.MWI{}, true
			}
		}
		if !strings.EqualFold(name, "Voice-Message") {
			continue
		}
		m, ok = web.MWI{}, false
		value, _, _ = strings.Cut(value, "(")
		if _, err := fmt.Sscanf(value, "%d/%d", &m.New, &m.Old); err == nil && m.New >= 0 && m.Old >= 0 {
			return m, true
		}
		return web.MWI{}, false
	}
	return m, ok
}
