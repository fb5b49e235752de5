package sip

import (
	"slices"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Implementation constants.
const (
	maxCalls     = 24   // calls at one time; more incoming ones are busy
	maxForks     = 16   // dialogs one INVITE may lead to
	maxDial      = 4096 // characters of what is dialled; a URI may be long
	maxGlares    = 8    // times a re-INVITE is tried again after 491
	maxRinging   = 5 * time.Minute
	ringAgain    = time.Minute      // RFC 3261 section 13.3.1.1: 180 is repeated, lest proxies give up
	noAnswer     = 3 * time.Minute  // an INVITE without Expires is given up so long after the last provisional response
	reofferTime  = 10 * time.Second // a re-INVITE nobody answers is refused
	reinviteTime = 30 * time.Second // a re-INVITE of ours without Expires is given up
)

type callState uint8

const (
	callWaiting    callState = iota // placed; no server is known yet
	callCalling                     // INVITE sent, nothing heard
	callProceeding                  // a provisional response came
	callCanceling                   // given up by us; the final response is pending
	callIncoming                    // theirs, not answered yet
	callConfirmed                   // there is a session
	callLeaving                     // ended by us; BYE is under way, or waits for the ACK
	callOver
)

// A call is an INVITE, the dialogs it led to and the session in one of them.
type call struct {
	agendaEntry
	a        *Agent
	id       ID
	line     *line
	leg      *leg // it goes by, or came by
	first    *leg // outgoing: the one it began by
	out      bool
	state    callState
	told     bool // Ended was emitted
	callID   string
	localTag string
	dialog   *dialog   // the one with the session; incoming: from the start
	forks    []*dialog // outgoing: early ones, and those answered but not wanted

	// Outgoing.
	dialed    string // as it was asked for
	to        party
	uri       sipmsg.Uri
	offer     []byte
	seq       uint32
	attempts  []*clientTx // INVITEs under way, the newest last; then the one that was answered
	tried     []Server
	redirects int
	giveUpAt  time.Time

	// An INVITE or re-INVITE of the far end.
	pending  *serverTx
	okay     *okay // our 200, until its ACK comes
	ringAt   time.Time
	refuseAt time.Time

	// A re-INVITE of ours.
	reinvite *inDialog
	next     *Reinvite // waits for its turn
	glares   int
	retryAt  time.Time
}

// okay is a 2xx to an INVITE that has not been acknowledged. RFC 3261 section 13.3.1.4: it is repeated at
// T1, doubling to T2, whatever the transport, until the ACK comes or timer H ends it.
type okay struct {
	tx       *serverTx
	data     []byte
	seq      uint32
	offer    bool // it carries our offer; the answer comes in the ACK
	re       bool // it answers a re-INVITE
	interval time.Duration
	resendAt time.Time
	giveUpAt time.Time
}

// dialogKey finds the call of a request: every call has a local tag of its own.
type dialogKey struct{ callID, localTag string }

func (a *Agent) addCall(c *call) {
	a.calls[c.id] = c
	a.dialogs[dialogKey{c.callID, c.localTag}] = c
	c.line.calls++
}

// remove forgets a call that is over. Transactions that linger still know it.
func (c *call) remove(now time.Time) {
	if c.state == callOver {
		return
	}
	a := c.a
	c.state = callOver
	c.giveUpAt, c.ringAt, c.refuseAt, c.retryAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	c.okay, c.next = nil, nil
	a.agenda.set(c)
	delete(a.calls, c.id)
	delete(a.dialogs, dialogKey{c.callID, c.localTag})
	if c.line.calls--; c.line.calls == 0 {
		for _, l := range c.line.legs() {
			l.callsOver(now)
		}
	}
	a.sweep(now)
}

// end tells, once, that the call has ended.
func (c *call) end(e Ended) {
	if c.told {
		return
	}
	c.told = true
	e.ID = c.id
	if e.Phrase == "" {
		e.Phrase = phrase(e.Code)
	}
	c.a.emit(e)
}

func (c *call) due() time.Time {
	at := earliest(c.giveUpAt, c.ringAt, c.refuseAt, c.retryAt)
	if c.okay != nil {
		at = earliest(at, c.okay.resendAt, c.okay.giveUpAt)
	}
	return at
}

func (c *call) tick(now time.Time) {
	switch {
	case passed(now, c.giveUpAt):
		c.giveUpAt = time.Time{}
		c.unanswered(now)
	case passed(now, c.refuseAt):
		c.refuseAt = time.Time{}
		c.refuseLate(now)
	case passed(now, c.ringAt):
		c.ringAt = now.Add(ringAgain)
		c.pending.again(now, c.pending.flow, inRequest)
	case passed(now, c.retryAt):
		c.retryAt = time.Time{}
		c.offerNext(now)
	case c.okay != nil && passed(now, c.okay.giveUpAt) && c.okay.re && c.state == callConfirmed && c.cut(c.okay.tx.flow):
		// Section 13.3.1.4 would end the session; but it is the server that has died, not the far end.
		c.a.logf("call %d: no ACK to our 200, for its server is down; the call goes on", c.id)
		c.okay = nil
		c.offerNext(now)
	case c.okay != nil && passed(now, c.okay.giveUpAt):
		c.a.logf("call %d: no ACK to our 200", c.id)
		c.okay = nil
		c.end(Ended{Code: 408, Cause: "the far end does not acknowledge", Remote: true})
		c.bye(now)
	case c.okay != nil && passed(now, c.okay.resendAt):
		o := c.okay
		o.interval = min(2*o.interval, c.a.cfg.Timers.T2)
		o.resendAt = now.Add(o.interval)
		o.tx.reply.send(now, c.a, o.data)
		since := o.giveUpAt.Add(-c.a.cfg.Timers.H)
		if e, ok := c.leg.serverAt(o.tx.flow); ok && !e.heard.After(since) {
			c.leg.owes(now, e.Server, since, 1) // it would have brought the ACK
		}
	}
}

// cut tells whether a flow leads to a server that is down.
func (c *call) cut(f *flow) bool {
	e, ok := c.leg.serverAt(f)
	return ok && !e.Up
}

// hangup ends the call by what its state calls for.
func (c *call) hangup(now time.Time, code int) {
	switch c.state {
	case callWaiting:
		c.end(Ended{Code: 487})
		c.remove(now)
	case callCalling:
		c.end(Ended{Code: 487})
		c.cancel(now)
	case callProceeding:
		c.end(Ended{Code: 487})
		c.cancel(now)
	case callIncoming:
		c.refuse(now, code, "")
	case callConfirmed:
		c.end(Ended{Code: 200})
		c.bye(now)
	}
	c.a.agenda.set(c)
}

// cancel gives up an INVITE at every server it went to. A server that has not said that it knows of it is
// told as soon as it does.
func (c *call) cancel(now time.Time) {
	c.state, c.giveUpAt = callCanceling, time.Time{}
	for _, tx := range slices.Clone(c.attempts) {
		if tx.state == txWaiting {
			tx.abort()
			c.drop(tx)
			continue
		}
		tx.hedgeAt = time.Time{}
		tx.cancel(now, "")
	}
	if len(c.attempts) == 0 {
		c.remove(now)
	}
}

// bye leaves the session. Who answered a call may not do so before the ACK: RFC 3261 section 15.
func (c *call) bye(now time.Time) {
	c.state = callLeaving
	c.next, c.retryAt = nil, time.Time{}
	if c.pending != nil {
		c.pending.answer(now, 487)
		c.pending, c.refuseAt = nil, time.Time{}
	}
	if c.okay == nil {
		c.say(now, sipmsg.BYE, "", nil)
	}
	c.a.agenda.set(c)
}

// dialogWith is the dialog of this call in which the far end uses the tag.
func (c *call) dialogWith(tag string) *dialog {
	if c.dialog != nil && c.dialog.remote.tag == tag {
		return c.dialog
	}
	for _, d := range c.forks {
		if d.remote.tag == tag {
			return d
		}
	}
	return nil
}

// request takes in a request inside one of the call's dialogs.
func (c *call) request(now time.Time, tx *serverTx) {
	req := tx.req
	d := c.dialogWith(fromTag(req))
	if d == nil || c.state == callOver {
		tx.answer(now, 481)
		return
	}
	if !d.order(req) {
		c.a.logf("call %d: %s out of order", c.id, req.Method)
		c.later(now, tx, req.Method == sipmsg.INVITE && c.pending != nil)
		return
	}
	if req.Method == sipmsg.BYE {
		c.theyLeave(now, tx, d)
		return
	}
	if c.state == callLeaving || c.state == callCanceling {
		tx.answer(now, 481)
		return
	}
	switch req.Method {
	case sipmsg.INVITE:
		c.theyOffer(now, tx, d)
	case sipmsg.INFO:
		c.theyInform(now, tx)
	case sipmsg.OPTIONS:
		c.a.answerOptions(now, tx)
	case sipmsg.NOTIFY:
		tx.answer(now, 489) // we have subscribed to nothing in this dialog
	default:
		tx.answer(now, 405)
	}
}

// later refuses a request that came at the wrong moment: 500, with Retry-After for an INVITE that overlaps
// another. RFC 3261 section 14.2.
func (c *call) later(now time.Time, tx *serverTx, retry bool) {
	resp := c.a.newResponse(tx.req, 500, tx.tag)
	if retry {
		resp.AppendHeader(sipmsg.NewHeader("Retry-After", seconds32(c.a.randomUpTo(11*time.Second))))
	}
	tx.respond(now, resp, nil)
}

// theyLeave takes in a BYE.
func (c *call) theyLeave(now time.Time, tx *serverTx, d *dialog) {
	tx.answer(now, 200)
	if c.state == callLeaving {
		return // the BYEs crossed; ours will be answered too
	}
	if c.dialog != nil && d != c.dialog {
		return // a fork we did not want
	}
	if c.pending != nil {
		c.pending.answer(now, 487)
		c.pending = nil
	}
	c.end(Ended{Code: 200, Cause: reason(tx.req), Remote: true})
	if c.dialog == nil && slices.ContainsFunc(c.attempts, (*clientTx).underWay) {
		c.cancel(now)
		c.a.agenda.set(c)
		return
	}
	c.remove(now)
}

// theyInform takes in an INFO. RFC 6086 section 4.2.2 of the time before: the body says what it is.
func (c *call) theyInform(now time.Time, tx *serverTx) {
	t := mediaType(tx.req)
	body := tx.req.Body()
	switch {
	case len(body) == 0:
		tx.answer(now, 200)
	case t == "application/dtmf-relay" || t == "application/dtmf" || t == "application/hook-flash":
		tx.answer(now, 200)
		c.a.emit(InfoReceived{ID: c.id, Type: t, Body: slices.Clone(body)})
	default:
		resp := c.a.newResponse(tx.req, 415, tx.tag)
		resp.RemoveHeader("Accept")
		resp.AppendHeader(sipmsg.NewHeader("Accept", "application/dtmf-relay, application/dtmf"))
		tx.respond(now, resp, nil)
	}
}

// acked takes in the ACK to our 200.
func (c *call) acked(now time.Time, req *sipmsg.Request) {
	if c.okay == nil || c.okay.seq != req.CSeq().SeqNo {
		return
	}
	d := c.dialogWith(fromTag(req))
	if d == nil {
		return
	}
	c.okay = nil
	if c.state == callLeaving {
		c.say(now, sipmsg.BYE, "", nil)
	} else {
		c.a.emit(Acked{ID: c.id, Body: slices.Clone(sdp(req))})
		c.offerNext(now)
	}
	c.a.agenda.set(c)
}
