package sip

import (
	"slices"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// incoming takes in an INVITE that starts a call.
func (a *Agent) incoming(now time.Time, tx *serverTx, ln *line) {
	req := tx.req
	switch {
	case a.closing || !ln.cfg.AnswerWithoutReg && ln.cfg.Register && !ln.serves(now):
		tx.answer(now, 480)
		return
	case len(a.calls) >= maxCalls:
		tx.answer(now, 486)
		return
	}
	a.nextID += 2
	c := &call{
		a: a, id: a.nextID, line: ln, leg: ln.legOf(tx.flow), state: callIncoming, callID: req.CallID().Value(), localTag: tx.tag, pending: tx,
	}
	if _, tagged := req.To().Params.Get("tag"); tagged {
		c.localTag = toTag(req)
	}
	tx.call = c
	c.dialog = dialogFrom(c.leg, c.localTag, tx.flow, req)
	c.refuseAt = now.Add(maxRinging)
	if d, ok := seconds(req, "Expires"); ok && d > 0 && d < maxRinging {
		c.refuseAt = now.Add(d)
	}
	a.addCall(c)
	a.agenda.set(c)
	who := a.caller(req)
	a.emit(Incoming{
		ID: c.id, Line: ln.cfg.Number, From: firstOf(plainUser(who.uri.User), who.uri.Host), FromURI: who.uri.String(),
		FromName: unquoteName(who.name), To: plainUser(req.To().Address.User),
		AlertInfo: value(req, "Alert-Info"), CallInfo: value(req, "Call-Info"), Body: slices.Clone(sdp(req)),
	})
}

// caller is who calls, from the headers of Config.CallerID in their order. RFC 3325, RFC 3261.
func (a *Agent) caller(req *sipmsg.Request) party {
	order := a.cfg.CallerID
	if order == "" {
		order = "PAID-RPID-FROM"
	}
	for word := range strings.SplitSeq(order, "-") {
		header := map[string]string{"PAID": "P-Asserted-Identity", "RPID": "Remote-Party-ID"}[word]
		if header == "" {
			break
		}
		var addr gateAddress
		text := value(req, header)
		for one := range gateSplit(text, true) {
			if addr.parse(one) && strings.HasPrefix(addr.uri.Scheme, "sip") {
				return party{name: addr.display, uri: addr.uri}
			}
			addr = gateAddress{}
		}
	}
	return partyFrom(req.From())
}

// ring answers with 180.
func (c *call) ring(now time.Time) {
	if c.state != callIncoming {
		return
	}
	resp := c.a.newResponse(c.pending.req, 180, c.localTag)
	resp.AppendHeader(c.leg.contact(c.pending.flow))
	c.pending.respond(now, resp, nil)
	c.ringAt = now.Add(ringAgain)
	c.a.agenda.set(c)
}

// accept answers a call, or a re-INVITE, with 200.
func (c *call) accept(now time.Time, body []byte) {
	tx, t := c.pending, c.a.cfg.Timers
	c.pending, c.ringAt, c.refuseAt = nil, time.Time{}, time.Time{}
	resp := c.a.newResponse(tx.req, 200, c.localTag)
	c.a.describe(resp, c.leg, tx.flow)
	tx.respond(now, resp, body)
	c.dialog.early = false
	c.okay = &okay{
		tx: tx, data: tx.last, seq: tx.req.CSeq().SeqNo, offer: sdp(tx.req) == nil, re: c.state == callConfirmed, interval: t.T1,
		resendAt: now.Add(t.T1), giveUpAt: now.Add(t.H),
	}
	c.state = callConfirmed
	c.a.agenda.set(c)
}

// refuse answers an incoming call with a failure.
func (c *call) refuse(now time.Time, code int, text string) {
	if c.state != callIncoming {
		return
	}
	if code < 300 || code > 699 {
		code = 480
	}
	resp := c.a.newResponse(c.pending.req, code, c.localTag)
	if text != "" {
		resp.Reason = quoteName(text)
	}
	c.pending.respond(now, resp, nil)
	c.pending = nil
	c.end(Ended{Code: code, Phrase: resp.Reason})
	c.remove(now)
}

// refuseLate answers what was not answered in time: a call that rang too long, a re-INVITE.
func (c *call) refuseLate(now time.Time) {
	if c.state != callIncoming {
		c.refuseOffer(now, 500)
		return
	}
	code := 480
	if d, ok := seconds(c.pending.req, "Expires"); ok && d > 0 && d < maxRinging {
		code = 487 // RFC 3261 section 13.3.1
	}
	c.pending.answer(now, code)
	c.pending = nil
	c.end(Ended{Code: code, Cause: "nobody answered"})
	c.remove(now)
}

// canceled takes in a CANCEL for the INVITE or re-INVITE that is pending. RFC 3261 section 9.2.
func (c *call) canceled(now time.Time, tx *serverTx, cancel *sipmsg.Request) {
	if c.pending != tx {
		return // too late
	}
	tx.answer(now, 487)
	c.pending, c.ringAt, c.refuseAt = nil, time.Time{}, time.Time{}
	if c.state == callIncoming {
		c.end(Ended{Code: 487, Cause: reason(cancel), Remote: true})
		c.remove(now)
		return
	}
	c.offerNext(now)
	c.a.agenda.set(c)
}

// theyOffer takes in a re-INVITE. RFC 3261 section 14.2.
func (c *call) theyOffer(now time.Time, tx *serverTx, d *dialog) {
	switch {
	case c.pending != nil:
		c.later(now, tx, true)
		return
	case c.state != callConfirmed || d != c.dialog:
		tx.answer(now, 491) // an offer in an early dialog crosses that of the INVITE
		return
	case c.reinvite != nil || c.okay != nil && c.okay.offer:
		tx.answer(now, 491)
		return
	}
	tx.answer(now, 100)
	tx.call = c
	tx.tag = c.localTag
	c.pending = tx
	c.refuseAt = now.Add(reofferTime)
	c.a.agenda.set(c)
	c.a.emit(Reoffer{ID: c.id, Body: slices.Clone(sdp(tx.req))})
}

// answerOffer answers a re-INVITE.
func (c *call) answerOffer(now time.Time, code int, body []byte) {
	if c.state != callConfirmed || c.pending == nil {
		return
	}
	if code < 200 || code > 299 {
		c.refuseOffer(now, code)
		return
	}
	c.dialog.retarget(c.pending.req) // section 12.2.2
	c.overtaken()
	c.accept(now, body)
}

func (c *call) refuseOffer(now time.Time, code int) {
	if c.pending == nil {
		return
	}
	if code < 300 || code > 699 {
		code = 488
	}
	c.pending.answer(now, code)
	c.pending, c.refuseAt = nil, time.Time{}
	c.offerNext(now)
	c.a.agenda.set(c)
}
