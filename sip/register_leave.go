package sip

import (
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
	r.leg.ln.a.agenda.set(r.leg)
	switch {
	case r.tx == nil || !r.tx.underWay():
		r.remove(now)
	case r.tx.state == txWaiting:
		r.tx.abort()
		r.remove(now)
	default:
		r.last = true
	}
}

// remove sends the REGISTER that removes what we have bound.
func (r *registration) remove(now time.Time) {
	if r.bound.Host == "" && len(r.stale) == 0 {
		r.gone(now)
		return
	}
	s := r.server
	if !s.Addr.IsValid() {
		s = r.to
	}
	r.tries = 0
	r.send(now, s)
}

func (r *registration) left(now time.Time, tx *clientTx, resp *sipmsg.Response) {
	if r.last {
		// This was the REGISTER that was under way when we wanted to leave.
		if r.last = false; resp.StatusCode < 300 {
			r.bound, r.server = r.sent, tx.server
		}
		r.remove(now)
		return
	}
	if code := resp.StatusCode; code == 401 || code == 407 {
		if again, _ := r.leg.challenged(resp, &r.tries); again {
			r.send(now, tx.server)
			return
		}
	}
	if resp.StatusCode < 300 {
		r.leg.ln.logf("un-registered at %s", where(tx.server.Transport, tx.server.Addr))
	}
	r.gone(now)
}

// gone is the end of a registration that was left.
func (r *registration) gone(now time.Time) {
	r.last = false
	r.bound, r.stale, r.tx = sipmsg.Uri{}, nil, nil
	if r.state != regDisabled {
		r.set(regUnregistered, 0, "")
	}
	r.leg.ln.a.agenda.set(r.leg)
	if s := r.successor; s != nil && !s.heldUntil.IsZero() {
		r.successor, s.heldUntil = nil, time.Time{}
		if s.leg.bound {
			s.located(now)
		}
	}
}
