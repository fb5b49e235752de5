package sip

import (
	"fmt"
	"slices"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// invite places a call.
func (a *Agent) invite(now time.Time, in Invite) {
	if a.calls[in.ID] != nil {
		a.logf("call %d exists already", in.ID)
		return
	}
	ln := a.lineBy(in.Line)
	switch {
	case a.closing:
		a.emit(Ended{ID: in.ID, Code: 503, Phrase: phrase(503), Cause: "the phone shuts down"})
		return
	case ln == nil || !ln.cfg.Enabled:
		a.emit(Ended{ID: in.ID, Code: 503, Phrase: phrase(503), Cause: "there is no such line"})
		return
	case len(a.calls) >= maxCalls:
		a.emit(Ended{ID: in.ID, Code: 503, Phrase: phrase(503), Cause: "too many calls"})
		return
	case ln.cfg.Register && !ln.cfg.MakeCallWithoutReg && !ln.leg.reg.valid(now):
		a.emit(Ended{ID: in.ID, Code: 503, Phrase: phrase(503), Cause: "the line is not registered"})
		return
	}
	uri, err := ln.target(in.To)
	if err == nil && uri.Host == "" {
		a.emit(Ended{ID: in.ID, Code: 503, Phrase: phrase(503), Cause: ln.leg.cause})
		return
	}
	if err != nil {
		a.emit(Ended{ID: in.ID, Code: 484, Phrase: phrase(484), Cause: err.Error()})
		return
	}
	c := &call{
		a: a, id: in.ID, line: ln, out: true, callID: a.token(12), localTag: a.token(5),
		to: party{uri: uri}, uri: uri, offer: in.Body, seq: 1,
	}
	a.addCall(c)
	switch {
	case ln.leg.bound:
		c.place(now)
	case ln.leg.locator == nil:
		// A line without a proxy calls addresses.
		c.giveUpAt = now.Add(a.cfg.Timers.B)
		a.resolve(now, ln, uri, c)
	case ln.leg.located:
		c.end(Ended{Code: 503, Cause: "no server: " + ln.leg.cause})
		c.remove(now)
	default:
		c.giveUpAt = now.Add(a.cfg.Timers.B)
		ln.leg.waiting = append(slices.DeleteFunc(ln.leg.waiting, func(o *call) bool { return o.state == callOver }), c)
	}
	a.agenda.set(c)
}

// place sends the INVITE to the server in use.
func (c *call) place(now time.Time) {
	if c.state == callWaiting {
		c.sendTo(now, c.line.leg.binding)
	}
}

// resolved sends the INVITE of a line without a proxy to where its URI leads.
func (c *call) resolved(now time.Time, servers []Server, cause string) {
	switch {
	case c.state != callWaiting:
	case len(servers) == 0:
		c.end(Ended{Code: 503, Cause: "no server: " + cause})
		c.remove(now)
	default:
		c.sendTo(now, servers[0])
	}
}

func (c *call) sendTo(now time.Time, s Server) {
	c.state = callCalling
	c.giveUpAt = time.Time{}
	c.tried = append(c.tried, s)
	c.tx = c.a.request(now, c, c.line, s, sipmsg.INVITE)
	if c.tx.state == txTerminated {
		c.end(Ended{Code: 500, Cause: "the call could not be put into words"})
		c.remove(now)
	}
	c.a.agenda.set(c)
}

func (c *call) compose(tx *clientTx) *sipmsg.Request {
	from := c.line.aor()
	from.tag = c.localTag
	req := c.a.newRequest(sipmsg.INVITE, c.uri, from, c.to, c.callID, c.seq)
	c.a.describe(req, c.line, tx.flow)
	if d := c.a.cfg.Timers.InviteExpires; d > 0 {
		req.AppendHeader(sipmsg.NewHeader("Expires", seconds32(d)))
	}
	c.line.authorize(req)
	setBody(req, sdpType, c.offer)
	return req
}

// describe adds to an INVITE, or a 2xx to one, who we are and what we can.
func (a *Agent) describe(m sipmsg.Message, ln *line, f *flow) {
	m.AppendHeader(ln.contact(f))
	m.AppendHeader(sipmsg.NewHeader("Allow", allowed))
	m.AppendHeader(sipmsg.NewHeader("Supported", supported))
}

// response takes in a response to the INVITE, or to one sent to a server that was given up since.
func (c *call) response(now time.Time, tx *clientTx, resp *sipmsg.Response) {
	code := resp.StatusCode
	c.line.leg.up(now, tx.server)
	switch {
	case code < 200:
		c.provisional(now, tx, resp)
	case code < 300:
		c.answered(now, tx, resp)
	case tx != c.tx || c.state == callOver:
	case c.state == callCanceling:
		c.remove(now)
	default:
		c.failure(now, tx, resp)
	}
	c.a.agenda.set(c)
}

func (c *call) provisional(now time.Time, tx *clientTx, resp *sipmsg.Response) {
	switch {
	case tx != c.tx || c.state == callCanceling || c.state == callOver:
		tx.cancel(now, "")
		return
	case c.state != callCalling && c.state != callProceeding:
		return // overtaken by its 200
	}
	c.state = callProceeding
	if resp.StatusCode > 100 && toTag(resp) != "" {
		c.early(tx, resp)
	}
	if c.giveUpAt.IsZero() || c.a.cfg.Timers.InviteExpires == 0 {
		c.giveUpAt = tx.sentAt.Add(c.a.cfg.Timers.InviteExpires)
		if c.a.cfg.Timers.InviteExpires == 0 {
			c.giveUpAt = now.Add(noAnswer)
		}
	}
	c.a.emit(Progress{ID: c.id, Code: resp.StatusCode, Body: slices.Clone(sdp(resp))})
}

// early notes the early dialog of a provisional response. RFC 3261 section 12.1.
func (c *call) early(tx *clientTx, resp *sipmsg.Response) {
	d := c.dialogWith(toTag(resp))
	if d == nil {
		if len(c.forks) == maxForks {
			return
		}
		d = c.newDialog(tx, resp)
		c.forks = append(c.forks, d)
	}
	if body := sdp(resp); body != nil {
		d.earlyBody = slices.Clone(body)
	}
}

func (c *call) newDialog(tx *clientTx, resp *sipmsg.Response) *dialog {
	local := c.line.aor()
	local.tag = c.localTag
	d := dialogOf(c.line, local, tx, resp)
	d.localSeq = c.seq
	return d
}

// answered takes in a 2xx. The first wins; those of other forks are acknowledged and left. RFC 3261
// section 13.2.2.4.
func (c *call) answered(now time.Time, tx *clientTx, resp *sipmsg.Response) {
	c.line.leg.session(sipmsg.INVITE).learn(resp)
	d := c.dialogWith(toTag(resp))
	if d != nil && !d.early {
		d.acknowledge(now, tx, resp) // our ACK was lost
		return
	}
	if d == nil {
		if len(c.forks) >= maxForks {
			return
		}
		d = c.newDialog(tx, resp)
	} else {
		d.route(resp) // section 13.2.2.4: the route set is computed anew
		slices.Reverse(d.routes)
		d.retarget(resp)
	}
	d.early = false
	wanted := c.dialog == nil && (c.state == callCalling || c.state == callProceeding)
	if !wanted {
		if !slices.Contains(c.forks, d) {
			c.forks = append(c.forks, d)
		}
		d.acknowledge(now, tx, resp)
		c.a.logf("call %d: an answer nobody waits for any more is acknowledged and left", c.id)
		(&inDialog{d: d, method: sipmsg.BYE}).send(now)
		if c.state == callCanceling && tx == c.tx {
			c.remove(now)
		}
		return
	}
	c.dialog = d
	c.forks = slices.DeleteFunc(c.forks, func(o *dialog) bool { return o == d })
	d.acknowledge(now, tx, resp)
	if tx != c.tx {
		// A server that was given up as silent has answered; the one asked instead is not needed.
		c.tx.cancel(now, "")
		c.tx = tx
	}
	c.state, c.giveUpAt = callConfirmed, time.Time{}
	body := sdp(resp)
	if body == nil {
		body = d.earlyBody // some say it only once, in the 183
	}
	c.a.emit(Answered{ID: c.id, Body: slices.Clone(body)})
}

// failure takes in a final response of 300 and up.
func (c *call) failure(now time.Time, tx *clientTx, resp *sipmsg.Response) {
	code, l := resp.StatusCode, c.line.leg
	why := reason(resp)
	switch {
	case code == 401 || code == 407:
		again, cause := l.challenged(resp, &c.tries)
		if again {
			c.seq++
			c.forks = nil
			c.sendTo(now, tx.server)
			return
		}
		why = cause
	case code < 400 && resp.Contact() != nil && c.redirects < maxRedirects:
		if uri := resp.Contact().Address; uri.Scheme == "sip" || uri.Scheme == "sips" {
			c.redirects++
			c.seq++
			c.tries = 0
			c.forks = nil
			c.uri = *uri.Clone()
			c.uri.Headers = nil
			c.a.logf("call %d: redirected to %s", c.id, c.uri.String())
			c.sendTo(now, tx.server)
			return
		}
	case matchesCode(c.a.cfg.TryBackupRSC, code):
		if c.elsewhere(now, tx, fmt.Sprintf("it answers %d %s", code, resp.Reason)) {
			return
		}
	default:
		l.session(sipmsg.INVITE).learn(resp)
	}
	c.end(Ended{Code: code, Phrase: resp.Reason, Cause: why, Remote: true})
	c.remove(now)
}

// elsewhere sends the INVITE to the next server of the list.
func (c *call) elsewhere(now time.Time, tx *clientTx, cause string) bool {
	l := c.line.leg
	l.down(now, tx.server, cause)
	s, ok := l.another(c.tried)
	if !ok {
		return false
	}
	c.forks = nil
	c.a.logf("call %d: goes by %s now", c.id, where(s.Transport, s.Addr))
	c.sendTo(now, s)
	return true
}

func (c *call) failed(now time.Time, tx *clientTx, code int, cause string) {
	switch {
	case tx != c.tx || c.state == callOver:
	case c.state == callCanceling:
		c.remove(now)
	case c.state == callCalling && c.elsewhere(now, tx, cause):
	case c.state == callCalling || c.state == callProceeding:
		c.end(Ended{Code: code, Cause: cause})
		c.remove(now)
	}
}

// unanswered ends a call that was placed and led nowhere in time.
func (c *call) unanswered(now time.Time) {
	if c.state == callWaiting {
		c.end(Ended{Code: 503, Cause: "no server: " + firstOf(c.line.leg.cause, "the name servers do not answer")})
		c.remove(now)
		return
	}
	c.end(Ended{Code: 408, Cause: "no answer"})
	c.hangup(now, 0)
}
