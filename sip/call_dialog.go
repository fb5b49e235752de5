package sip

import (
	"slices"
	"strconv"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// inDialog is a request of ours inside a dialog: BYE, INFO or re-INVITE.
type inDialog struct {
	c      *call // nil: a BYE to a fork nobody wants
	d      *dialog
	method sipmsg.RequestMethod
	seq    uint32
	kind   string // Content-Type
	body   []byte
	tries  int
	moves  int          // to other servers, when one was silent
	routes []sipmsg.Uri // of the request as it goes now
	tx     *clientTx
	cause  string // why there was no response
}

// Implementation constants.
const maxMoves = 6 // servers one request inside a call is tried at

// say sends a request in the call's dialog.
func (c *call) say(now time.Time, method sipmsg.RequestMethod, kind string, body []byte) *inDialog {
	r := &inDialog{c: c, d: c.dialog, method: method, kind: kind, body: body}
	r.send(now)
	return r
}

func (r *inDialog) send(now time.Time) {
	r.seq = r.d.nextSeq()
	var s Server
	s, r.routes = r.d.way(now)
	r.tx = r.d.leg.ln.a.request(now, r, r.d.leg, s, r.method)
}

func (r *inDialog) compose(tx *clientTx) *sipmsg.Request {
	l, ln := r.d.leg, r.d.leg.ln
	req := r.d.request(ln.a, r.method, r.seq, r.routes)
	if r.method == sipmsg.INVITE {
		ln.a.describe(req, l, tx.flow)
		if e := ln.a.cfg.Timers.ReinviteExpires; e > 0 {
			req.AppendHeader(sipmsg.NewHeader("Expires", seconds32(e)))
		}
	}
	if r.tries > 0 && r.trusted(tx.server) {
		l.authorize(req)
	}
	setBody(req, r.kind, r.body)
	return req
}

// trusted tells whether credentials may go to where the request goes.
func (r *inDialog) trusted(s Server) bool { return r.d.trusts(s, r.routes) }

func (r *inDialog) response(now time.Time, tx *clientTx, resp *sipmsg.Response) {
	code, l := resp.StatusCode, r.d.leg
	if !l.refuses(code) {
		l.up(now, tx.server)
	}
	if r.method == sipmsg.INVITE && code >= 200 && code < 300 {
		r.d.acknowledge(now, tx, resp)
	}
	switch {
	case code < 200 && r.method == sipmsg.INVITE && tx != r.tx:
		tx.cancel(now, "")
		return
	case code < 200 && r.method == sipmsg.INVITE && tx.giveUpAt.IsZero():
		limit := l.ln.a.cfg.Timers.ReinviteExpires
		if limit <= 0 {
			limit = reinviteTime
		}
		tx.giveUpAt = now.Add(limit)
		l.ln.a.agenda.set(tx)
		return
	case code < 200 || tx != r.tx:
		return
	}
	if code == 401 || code == 407 {
		if !r.trusted(tx.server) {
			l.ln.logf("%s wants credentials and gets none: it is no server of ours", where(tx.server.Transport, tx.server.Addr))
		} else if again, _ := l.challenged(resp, &r.tries); again {
			r.send(now)
			return
		}
	} else {
		l.session(r.method).learn(resp, false)
	}
	r.tx = nil
	if l.refuses(code) {
		after, _ := seconds(resp, "Retry-After")
		l.listing(tx.server).unwilling(now, tx.server, "it answers "+strconv.Itoa(code), after)
		r.d.dead = tx.server
		if r.elsewhere(now, tx) {
			return
		}
	}
	after, _ := seconds(resp, "Retry-After")
	r.done(now, resp, code, after)
}

func (r *inDialog) failed(now time.Time, tx *clientTx, code int, cause string) {
	if tx != r.tx {
		return
	}
	r.tx = nil
	l := r.d.leg
	l.ln.logf("%s in a call failed: %s", r.method, cause)
	if !tx.heard || !tx.progressed && code != 408 {
		l.listing(tx.server).down(now, tx.server, cause)
		r.d.dead = tx.server
		if r.elsewhere(now, tx) {
			return
		}
	} else if r.method == sipmsg.INVITE {
		tx.cancel(now, "")
	}
	r.cause = cause
	r.done(now, nil, code, 0)
}

// elsewhere sends the request by another server than the one that failed. It reports false if there is none.
func (r *inDialog) elsewhere(now time.Time, tx *clientTx) bool {
	if r.moves++; r.moves >= maxMoves || !r.current() {
		return false
	}
	s, _ := r.d.way(now)
	if s.same(tx.server) {
		return false
	}
	r.d.leg.ln.logf("%s goes by %s now", r.method, where(s.Transport, s.Addr))
	r.send(now)
	return true
}

// current tells whether the outcome is still of interest.
func (r *inDialog) current() bool { return r.c == nil || r.c.state != callOver }

// silent is told that the next hop says nothing: is it dead? Then the request moves on.
func (r *inDialog) silent(now time.Time, tx *clientTx) { r.d.leg.doubt(now, tx) }

// done takes in the outcome. resp is nil if there was no response.
func (r *inDialog) done(now time.Time, resp *sipmsg.Response, code int, after time.Duration) {
	c := r.c
	if c == nil || c.state == callOver {
		return
	}
	switch {
	case r.method == sipmsg.BYE:
		c.remove(now)
	case resp != nil && code == 481:
		// RFC 3261 section 12.2.1.2: the far end knows nothing of this call.
		c.reinvite = nil
		c.end(Ended{Code: 481, Phrase: resp.Reason, Remote: true})
		c.bye(now)
	case r.method == sipmsg.INVITE:
		c.reoffered(now, r, resp, code, after)
	}
}

// inform sends an INFO.
func (c *call) inform(now time.Time, in Info) { c.say(now, sipmsg.INFO, in.Type, in.Body) }

// offerTo starts a re-INVITE, or has it wait for what is under way.
func (c *call) offerTo(now time.Time, in Reinvite) {
	if c.state != callConfirmed {
		c.a.emit(Reanswered{ID: c.id, Code: 481})
		return
	}
	c.overtaken()
	c.next = &in
	c.offerNext(now)
}

// overtaken drops a re-INVITE that waits, as the session it was made for is another now.
func (c *call) overtaken() {
	if c.next != nil {
		c.next, c.retryAt = nil, time.Time{}
		c.a.emit(Reanswered{ID: c.id, Code: 491})
	}
}

// offerNext sends the re-INVITE that waits, unless an INVITE of either side is under way. RFC 3261 section 14.1.
func (c *call) offerNext(now time.Time) {
	if c.state != callConfirmed || c.next == nil || c.reinvite != nil || c.pending != nil || c.okay != nil || !c.retryAt.IsZero() {
		return
	}
	body := c.next.Body
	c.next = nil
	c.reinvite = &inDialog{c: c, d: c.dialog, method: sipmsg.INVITE, kind: sdpType, body: body}
	c.reinvite.send(now)
	c.a.agenda.set(c)
}

// reoffered takes in the outcome of our re-INVITE.
func (c *call) reoffered(now time.Time, r *inDialog, resp *sipmsg.Response, code int, after time.Duration) {
	c.reinvite = nil
	if c.state != callConfirmed {
		return
	}
	if again := code == 491 || code == 500 && after > 0 && after <= 10*time.Second; again && c.glares < maxGlares && c.next == nil {
		// RFC 3261 section 14.1: who made the Call-ID waits longer.
		wait := c.a.randomUpTo(2 * time.Second)
		if c.out {
			wait = 2100*time.Millisecond + c.a.randomUpTo(1900*time.Millisecond)
		}
		c.glares++
		c.next = &Reinvite{ID: c.id, Body: r.body}
		c.retryAt = now.Add(max(wait, after, time.Millisecond))
		c.a.agenda.set(c)
		return
	}
	c.glares = 0
	var body []byte
	if resp != nil && code < 300 {
		c.dialog.retarget(resp)
		body = slices.Clone(sdp(resp))
	}
	c.a.emit(Reanswered{ID: c.id, Code: code, Cause: r.cause, Body: body})
	c.offerNext(now)
}
