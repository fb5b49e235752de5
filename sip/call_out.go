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
	case ln.cfg.Register && !ln.cfg.MakeCallWithoutReg && !ln.serves(now):
		a.emit(Ended{ID: in.ID, Code: 503, Phrase: phrase(503), Cause: "the line is not registered"})
		return
	}
	l := ln.legForCall(now)
	uri, err := l.target(in.To)
	if err == nil && uri.Host == "" {
		a.emit(Ended{ID: in.ID, Code: 503, Phrase: phrase(503), Cause: l.cause})
		return
	}
	if err != nil {
		a.emit(Ended{ID: in.ID, Code: 484, Phrase: phrase(484), Cause: err.Error()})
		return
	}
	c := &call{
		a: a, id: in.ID, line: ln, leg: l, first: l, out: true, callID: a.token(12), localTag: a.token(5),
		dialed: in.To, to: party{uri: uri}, uri: uri, offer: in.Body, seq: 1,
	}
	a.addCall(c)
	switch {
	case l.bound:
		c.place(now)
	case l.locator == nil:
		// A line without a proxy calls addresses.
		c.giveUpAt = now.Add(a.cfg.Timers.B)
		a.resolve(now, l, uri, c)
	case l.located:
		c.end(Ended{Code: 503, Cause: "no server: " + l.cause})
		c.remove(now)
	default:
		c.giveUpAt = now.Add(a.cfg.Timers.B)
		l.waiting = append(slices.DeleteFunc(l.waiting, func(o *call) bool { return o.state == callOver }), c)
		l.hurry(now)
	}
	a.agenda.set(c)
}

// place sends the INVITE to the server that is to be asked first.
func (c *call) place(now time.Time) {
	if c.state == callWaiting {
		c.sendTo(now, c.leg, c.leg.choose(now), 0)
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
		c.sendTo(now, c.leg, servers[0], 0)
	}
}

// sendTo sends the INVITE to a server, beside those under way. tries counts the challenges followed there.
func (c *call) sendTo(now time.Time, l *leg, s Server, tries int) {
	if c.state == callWaiting {
		c.state = callCalling
	}
	c.giveUpAt = time.Time{}
	if l != c.leg {
		c.follow(l)
	}
	c.tried = append(c.tried, s)
	tx := c.a.request(now, c, l, s, sipmsg.INVITE)
	tx.tries = tries
	if tx.state != txTerminated {
		c.attempts = append(c.attempts, tx)
	} else if len(c.attempts) == 0 {
		c.end(Ended{Code: 500, Cause: "the call could not be put into words"})
		c.remove(now)
	}
	c.a.agenda.set(c)
}

// follow moves the call to the other leg of its line, where the same number has another domain.
func (c *call) follow(l *leg) {
	c.leg = l
	if c.redirects > 0 {
		return // it goes to where it was sent, whatever the leg
	}
	if uri, err := l.target(c.dialed); err == nil && uri.Host != "" {
		c.uri, c.to = uri, party{uri: uri}
	}
}

func (c *call) compose(tx *clientTx) *sipmsg.Request {
	from := tx.leg.aor()
	from.tag = c.localTag
	req := c.a.newRequest(sipmsg.INVITE, c.uri, from, c.to, c.callID, c.seq)
	c.a.describe(req, tx.leg, tx.flow)
	if d := c.a.cfg.Timers.InviteExpires; d > 0 {
		req.AppendHeader(sipmsg.NewHeader("Expires", seconds32(d)))
	}
	tx.leg.authorize(req)
	setBody(req, sdpType, c.offer)
	return req
}

// describe adds to an INVITE, or a 2xx to one, who we are and what we can.
func (a *Agent) describe(m sipmsg.Message, l *leg, f *flow) {
	m.AppendHeader(l.contact(f))
	m.AppendHeader(sipmsg.NewHeader("Allow", allowed))
	m.AppendHeader(sipmsg.NewHeader("Supported", supported))
}

// trying tells whether the INVITE of tx is one the call still goes by.
func (c *call) trying(tx *clientTx) bool { return slices.Contains(c.attempts, tx) }

// drop takes an attempt off the list and tells whether others are left.
func (c *call) drop(tx *clientTx) bool {
	c.attempts = slices.DeleteFunc(c.attempts, func(o *clientTx) bool { return o == tx })
	return len(c.attempts) > 0
}

// settle gives up all INVITEs but one, which leads somewhere. Servers that have not said a word are
// looked into.
func (c *call) settle(now time.Time, winner *clientTx) {
	others := c.attempts
	c.attempts = nil
	for _, tx := range others {
		if tx == winner {
			c.attempts = append(c.attempts, tx)
			continue
		}
		tx.abandon(now)
		if !tx.heard {
			tx.leg.doubt(now, tx)
		}
	}
}

// silent is told that a server has not said anything for longer than Failover_Timeout: the INVITE goes
// to the next one too. It is the same request (RFC 3261 section 8.2.2.2), so that a callee both servers
// know rings once.
func (c *call) silent(now time.Time, tx *clientTx) {
	if !c.trying(tx) || c.state != callCalling && c.state != callProceeding {
		return
	}
	l, s, ok := c.nextServer(now)
	if !ok {
		return
	}
	c.a.logf("call %d: %s says nothing for %s, %s is asked too", c.id, where(tx.server.Transport, tx.server.Addr),
		tx.waited(now), where(s.Transport, s.Addr))
	c.sendTo(now, l, s, 0)
}

// nextServer is the next server for the INVITE: of the leg it goes by, then of the other one, and then those that
// are down, and those that asked not to be asked yet. The other leg is the primary where the call began at the alternate, as the primary is not registered:
// better a try than no call.
func (c *call) nextServer(now time.Time) (*leg, Server, bool) {
	legs := append([]*leg{c.leg}, slices.DeleteFunc(c.line.legs(), func(l *leg) bool { return l == c.leg || l.leaving || !l.bound })...)
	for _, choose := range []func(*ServerList, time.Time, []Server) (Server, bool){(*ServerList).Another, (*ServerList).Anyone, (*ServerList).LastResort} {
		for _, l := range legs {
			if s, ok := choose(&l.servers, now, c.tried); ok {
				return l, s, true
			}
		}
	}
	return nil, Server{}, false
}

// response takes in a response to the INVITE, or to one sent to a server that was given up since.
func (c *call) response(now time.Time, tx *clientTx, resp *sipmsg.Response) {
	code := resp.StatusCode
	switch {
	case code < 200:
		c.provisional(now, tx, resp)
	case code < 300:
		c.answered(now, tx, resp)
	case !c.trying(tx) || c.state == callOver:
	case c.state == callCanceling:
		if !c.drop(tx) {
			c.remove(now)
		}
	default:
		c.failure(now, tx, resp)
	}
	c.a.agenda.set(c)
}

func (c *call) provisional(now time.Time, tx *clientTx, resp *sipmsg.Response) {
	switch {
	case !c.trying(tx) || c.state == callCanceling || c.state == callOver:
		tx.cancel(now, "")
		return
	case c.state != callCalling && c.state != callProceeding:
		return // overtaken by its 200
	}
	c.state = callProceeding
	if resp.StatusCode > 100 {
		c.settle(now, tx)
		if toTag(resp) != "" {
			c.early(tx, resp)
		}
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
	local := tx.leg.aor()
	local.tag = c.localTag
	d := dialogOf(tx.leg, local, tx, resp)
	d.localSeq = c.seq
	return d
}

// answered takes in a 2xx. The first wins, by whichever server it comes; those of other forks are
// acknowledged and left. RFC 3261 section 13.2.2.4.
func (c *call) answered(now time.Time, tx *clientTx, resp *sipmsg.Response) {
	tx.leg.session(sipmsg.INVITE).learn(resp, false)
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
		if c.state == callCanceling && c.trying(tx) && !c.drop(tx) {
			c.remove(now)
		}
		return
	}
	c.dialog = d
	c.forks = slices.DeleteFunc(c.forks, func(o *dialog) bool { return o == d })
	d.acknowledge(now, tx, resp)
	c.settle(now, tx)
	c.attempts = []*clientTx{tx}
	c.line.mailbox.follows(now, c.first, tx.leg)
	c.leg = tx.leg
	c.state, c.giveUpAt = callConfirmed, time.Time{}
	body := sdp(resp)
	if body == nil {
		body = d.earlyBody // some say it only once, in the 183
	}
	c.a.emit(Answered{ID: c.id, Body: slices.Clone(body)})
}

// failure takes in a final response of 300 and up.
func (c *call) failure(now time.Time, tx *clientTx, resp *sipmsg.Response) {
	code, l := resp.StatusCode, tx.leg
	why := reason(resp)
	switch {
	case code == 401 || code == 407:
		again, cause := l.challenged(resp, &tx.tries)
		if again {
			c.seq++
			if !c.drop(tx) {
				c.forks = nil
			}
			c.sendTo(now, l, tx.server, tx.tries)
			return
		}
		why = cause
		if c.drop(tx) {
			return
		}
	case code == 482 && len(c.attempts) > 1:
		// The callee has the INVITE by another server already (RFC 3261 section 8.2.2.2): no failure at all.
		c.drop(tx)
		return
	case code < 400 && resp.Contact() != nil && c.redirects < maxRedirects:
		if uri := resp.Contact().Address; uri.Scheme == "sip" || uri.Scheme == "sips" {
			c.settle(now, tx)
			c.drop(tx)
			c.redirects++
			c.seq++
			c.forks = nil
			c.uri = *uri.Clone()
			c.uri.Headers = nil
			c.a.logf("call %d: redirected to %s", c.id, c.uri.String())
			c.sendTo(now, l, tx.server, 0)
			return
		}
	case matchesCode(c.a.cfg.TryBackupRSC, code):
		after, _ := seconds(resp, "Retry-After")
		l.unwilling(now, tx.server, fmt.Sprintf("it answers %d %s", code, resp.Reason), after)
		if c.elsewhere(now, tx) {
			return
		}
	default:
		l.session(sipmsg.INVITE).learn(resp, false)
	}
	c.settle(now, tx)
	c.end(Ended{Code: code, Phrase: resp.Reason, Cause: why, Remote: true})
	c.remove(now)
}

// elsewhere sends the INVITE to the next server, as tx led nowhere. It reports false if there is none and
// no other is asked already.
func (c *call) elsewhere(now time.Time, tx *clientTx) bool {
	left := c.drop(tx)
	l, s, ok := c.nextServer(now)
	if !ok {
		return left
	}
	if !left {
		c.forks = nil
	}
	c.a.logf("call %d: goes by %s now", c.id, where(s.Transport, s.Addr))
	c.sendTo(now, l, s, 0)
	return true
}

func (c *call) failed(now time.Time, tx *clientTx, code int, cause string) {
	if !c.trying(tx) || c.state == callOver {
		return
	}
	if c.state == callCanceling {
		if !c.drop(tx) {
			c.remove(now)
		}
		return
	}
	if c.state != callCalling && c.state != callProceeding {
		return
	}
	if !tx.progressed {
		tx.leg.down(now, tx.server, cause)
		if c.elsewhere(now, tx) {
			return
		}
	}
	if c.drop(tx) {
		return
	}
	c.end(Ended{Code: code, Cause: cause})
	c.remove(now)
}

// unanswered ends a call that was placed and led nowhere in time.
func (c *call) unanswered(now time.Time) {
	if c.state == callWaiting {
		c.end(Ended{Code: 503, Cause: "no server: " + firstOf(c.leg.cause, "the name servers do not answer")})
		c.remove(now)
		return
	}
	c.end(Ended{Code: 408, Cause: "no answer"})
	c.hangup(now, 0)
}
