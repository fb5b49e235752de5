package sip

import (
	"slices"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// leave removes our own binding, and no other: RFC 3261 section 10.2.2. While a REGISTER is under way no
// other may follow (section 10.2), so its answer is waited for.
func (r *registration) leave(now time.Time) {
	if r.leaving {
		return
	}
	if r.valid(now) {
		r.leg.ln.mailbox.leaveServer(now, r, r.server)
	}
	r.leaving = true
	r.refreshAt, r.retryAt, r.expiresAt = time.Time{}, time.Time{}, time.Time{}
	r.leg.ln.a.agenda.set(r)
	for _, t := range r.late {
		if t.tx != nil { // else it waits to learn where it was redirected to
			t.tx.abandon(now)
		}
	}
	r.late = nil
	// The newest REGISTER is waited for; those it was sent beside have not been answered.
	for len(r.under) > 1 {
		t := r.under[0]
		r.under = r.under[1:]
		if t.tx != nil {
			t.tx.abandon(now)
			t.tx = nil
		}
	}
	switch {
	case len(r.under) == 0 || r.under[0].tx == nil:
		r.under = nil
		r.remove(now)
	case r.under[0].tx.state == txWaiting:
		r.under[0].tx.abort()
		r.under = nil
		r.remove(now)
	default:
		r.last = true
	}
}

// remove sends the REGISTER that removes what we have bound.
func (r *registration) remove(now time.Time) {
	s := r.server
	if !s.Addr.IsValid() {
		s = r.lastLeft()
	}
	if len(r.leftAt(s)) == 0 {
		r.gone(now)
		return
	}
	r.ask(now, s)
}

// abandon forgets a registration without a word to its registrar.
func (r *registration) abandon(now time.Time) {
	for _, t := range append(r.under, r.late...) {
		if t.tx != nil {
			t.tx.abandon(now)
		}
	}
	r.leaving = true
	if r.bound.Host != "" && !r.inUse(&r.bound) {
		r.leaveBehind(r.bound, r.server, r.expiresAt)
	}
	r.under, r.late, r.bound = nil, nil, sipmsg.Uri{}
	r.refreshAt, r.retryAt, r.expiresAt, r.heldUntil = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	r.leg.ln.a.agenda.set(r)
}

// mayBegin tells whether a REGISTER to a server is in nobody's way. One that removes a Contact and one that binds
// the same one, each with a Call-ID of its own, may overtake each other: a registration waits for one of before that is
// being removed there, but not for long.
func (r *registration) mayBegin(now time.Time, s Server) bool {
	a, aor := r.leg.ln.a, r.leg.aor().uri
	for _, ln := range append(slices.Concat(a.lines, a.retired), r.leg.ln) { // which may be about to be one of them
		for _, l := range slices.Concat(ln.legs(), ln.parting) {
			for _, o := range l.registrations() {
				own := l.aor().uri
				if o == r || !o.leaving || !o.busy() || !o.server.same(s) || o.successor != nil || own.String() != aor.String() {
					continue
				}
				o.successor, r.heldUntil = r, now.Add(handover)
				r.retryAt = r.heldUntil
				a.agenda.set(r)
				return false
			}
		}
	}
	return true
}

func (r *registration) left(now time.Time, t *registerTry, resp *sipmsg.Response) {
	if r.last {
		// This was the REGISTER that was under way when we wanted to leave.
		if r.last = false; resp.StatusCode < 300 {
			if r.bound.Host != "" && !r.server.same(t.server) {
				r.unbind(now, r.server, r.bound, now.Add(r.granted)) // it had moved just now
			}
			r.bound, r.server = t.sent, t.server
		}
		r.drop(t)
		r.remove(now)
		return
	}
	if code := resp.StatusCode; code == 401 || code == 407 {
		if again, _ := r.leg.challenged(resp, &t.tries); again {
			t.send(now)
			return
		}
	}
	if resp.StatusCode < 300 {
		r.leg.ln.logf("un-registered at %s", where(t.server.Transport, t.server.Addr))
		r.swept(t)
		r.takenAway(now)
		r.bound = sipmsg.Uri{}
	}
	r.gone(now)
}

// gone is the end of a registration that was left.
func (r *registration) gone(now time.Time) {
	r.last = false
	if r.bound.Host != "" {
		r.leaveBehind(r.bound, r.server, now.Add(r.granted)) // nobody could be told
		own := r.leg.aor().uri
		for _, ln := range r.leg.ln.a.lines { // the line may be another by now
			for _, l := range ln.legs() {
				if uri := l.aor().uri; uri.String() == own.String() {
					l.reg.untold(now, &r.bound)
				}
			}
		}
	}
	r.bound, r.under = sipmsg.Uri{}, nil
	if r.state != regDisabled {
		r.set(regUnregistered, 0, "")
	}
	r.leg.ln.a.agenda.set(r)
	if s := r.successor; s != nil && !s.heldUntil.IsZero() {
		r.successor, s.heldUntil = nil, time.Time{}
		if s.leg.bound {
			s.located(now)
		}
	}
}

// An unbinding removes our Contact from a server that is not used any more: that one, never "*".
type unbinding struct {
	r       *registration
	tx      *clientTx
	server  Server
	contact sipmsg.Uri
	seq     uint32
	tries   int
}

// unbind removes what a server knows of us until some moment, after another has taken its place.
func (r *registration) unbind(now time.Time, s Server, contact sipmsg.Uri, until time.Time) {
	r.leaveBehind(contact, s, until)
	r.leg.ln.mailbox.leaveServer(now, r, s)
	if r.leg.isDown(s) {
		r.untold(now, &contact)
		return // it cannot be told now
	}
	(&unbinding{r: r, server: s, contact: contact}).send(now)
}

func (u *unbinding) send(now time.Time) {
	u.r.seq++
	u.seq = u.r.seq
	u.tx = u.r.leg.ln.a.request(now, u, u.r.leg, u.server, sipmsg.REGISTER)
}

func (u *unbinding) compose(*clientTx) *sipmsg.Request {
	r, l := u.r, u.r.leg
	aor := l.aor()
	from := aor
	from.tag = r.tag
	registrar := sipmsg.Uri{Scheme: "sip"}
	if !gateURI("sip:"+l.domainPort, &registrar) {
		return nil
	}
	req := l.ln.a.newRequest(sipmsg.REGISTER, registrar, from, aor, r.callID, u.seq)
	req.AppendHeader(&sipmsg.ContactHeader{Address: u.contact, Params: sipmsg.HeaderParams{{K: "expires", V: "0"}}})
	req.AppendHeader(sipmsg.NewHeader("Expires", "0"))
	l.authorize(req)
	setBody(req, "", nil)
	return req
}

func (u *unbinding) response(now time.Time, tx *clientTx, resp *sipmsg.Response) {
	code, r := resp.StatusCode, u.r
	switch {
	case code < 200:
	case code == 401 || code == 407:
		if again, _ := r.leg.challenged(resp, &u.tries); again {
			u.send(now)
		}
	case code < 300:
		r.leg.ln.logf("un-registered at %s", where(tx.server.Transport, tx.server.Addr))
		r.removed(u.server, u.contact)
		// Registrars that share their memory have forgotten the Contact altogether, where it is the same one.
		// The server that knows us now may be a slow one: asking the other beside it would begin all this anew.
		if !r.leaving && !r.busy() && sameContact(&u.contact, &r.bound) && !r.server.same(u.server) {
			r.tried = nil
			r.refreshAt, r.retryAt = time.Time{}, time.Time{}
			r.ask(now, r.server).alone = true
		}
	default:
		u.r.untold(now, &u.contact)
	}
}

func (u *unbinding) failed(now time.Time, tx *clientTx, _ int, cause string) {
	u.r.leg.ln.logf("%s could not be told that it is not used any more: %s", where(tx.server.Transport, tx.server.Addr), cause)
	u.r.untold(now, &u.contact)
}

// untold lets the server that knows us now remove a Contact soon, in case it shares the memory of the one that could
// not be told.
func (r *registration) untold(now time.Time, contact *sipmsg.Uri) {
	if r.leaving || r.refreshAt.IsZero() || sameContact(contact, &r.bound) {
		return
	}
	r.refreshAt = earliest(r.refreshAt, now.Add(returnTime))
	r.leg.ln.a.agenda.set(r)
}
