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
	r.leaving = true
	r.refreshAt, r.retryAt, r.expiresAt = time.Time{}, time.Time{}, time.Time{}
	r.leg.ln.a.agenda.set(r)
	for _, t := range r.late {
		t.tx.abandon(now)
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
	if n := len(r.stale); !s.Addr.IsValid() && n > 0 {
		s = r.stale[n-1].server
	}
	if len(r.leftAt(s)) == 0 {
		r.gone(now)
		return
	}
	r.ask(now, s)
}

func (r *registration) left(now time.Time, t *registerTry, resp *sipmsg.Response) {
	if r.last {
		// This was the REGISTER that was under way when we wanted to leave.
		if r.last = false; resp.StatusCode < 300 {
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
	}
	r.gone(now)
}

// gone is the end of a registration that was left.
func (r *registration) gone(now time.Time) {
	r.last = false
	r.bound, r.stale, r.under = sipmsg.Uri{}, nil, nil
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

// A leftover is a Contact of ours that a registrar may still know, and that is not true any more. It is removed
// with the next REGISTER, in case that registrar shares its memory, and once more when we are back there.
type leftover struct {
	uri    sipmsg.Uri
	server Server
	until  time.Time // it is forgotten by itself
	told   bool      // another server was asked to remove it
}

// maxLeftovers bounds them: the oldest is given up. Implementation constant.
const maxLeftovers = 8

// leaveBehind notes a Contact that stays at a server.
func (r *registration) leaveBehind(uri sipmsg.Uri, s Server, until time.Time) {
	r.stale = slices.DeleteFunc(r.stale, func(o leftover) bool { return o.server.same(s) && sameContact(&o.uri, &uri) })
	if len(r.stale) == maxLeftovers {
		r.stale = slices.Delete(r.stale, 0, 1)
	}
	r.stale = append(r.stale, leftover{uri: uri, server: s, until: until})
}

// leftAt are the Contacts to be removed with a REGISTER to a server: the leftovers, and what is bound there, or at
// a server that cannot be told, for the new one takes its place.
func (r *registration) leftAt(s Server) (list []sipmsg.Uri) {
	add := func(uri sipmsg.Uri) {
		if !slices.ContainsFunc(list, func(u sipmsg.Uri) bool { return sameContact(&u, &uri) }) {
			list = append(list, uri)
		}
	}
	for _, o := range r.stale {
		if o.server.same(s) || !o.told {
			add(o.uri)
		}
	}
	if r.bound.Host != "" && (r.server.same(s) || r.leg.isDown(r.server)) {
		add(r.bound)
	}
	return list
}

// swept notes that a server has taken a REGISTER, and what came with it.
func (r *registration) swept(t *registerTry) {
	r.stale = slices.DeleteFunc(r.stale, func(o leftover) bool { return o.server.same(t.server) })
	for i := range r.stale {
		o := &r.stale[i]
		o.told = o.told || slices.ContainsFunc(t.removed, func(u sipmsg.Uri) bool { return sameContact(&u, &o.uri) })
	}
}

// unbind removes what a server knows of us, after another has taken its place.
func (r *registration) unbind(now time.Time, s Server, contact sipmsg.Uri) {
	r.leaveBehind(contact, s, now.Add(r.granted))
	if e, ok := r.leg.servers.Entry(s); !ok || !e.Up {
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
		r.stale = slices.DeleteFunc(r.stale, func(o leftover) bool { return o.server.same(u.server) && sameContact(&o.uri, &u.contact) })
		// Registrars that share their memory have forgotten the Contact altogether, where it is the same one.
		// The server that knows us now may be a slow one: asking the other beside it would begin all this anew.
		if !r.leaving && !r.busy() && sameContact(&u.contact, &r.bound) && !r.server.same(u.server) {
			r.tried = nil
			r.refreshAt, r.retryAt = time.Time{}, time.Time{}
			r.ask(now, r.server).alone = true
		}
	}
}

func (u *unbinding) failed(_ time.Time, tx *clientTx, _ int, cause string) {
	u.r.leg.ln.logf("%s could not be told that it is not used any more: %s", where(tx.server.Transport, tx.server.Addr), cause)
}
