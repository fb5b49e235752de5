package sip

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Implementation constants.
const maxRetryAfter = time.Hour // a server that asks for more would lose its phones; Reg_Retry_Long_Intvl may be longer

// fail plans the next attempt. after is what the server asks for in Retry-After.
func (r *registration) fail(now time.Time, code int, cause string, after time.Duration) {
	ln := r.leg.ln
	wait := r.backOff(code, after)
	silent := r.silent
	r.failures++
	r.silent = false
	r.tried = nil
	r.refreshAt, r.retryAt = time.Time{}, time.Time{}
	what := cause
	if silent {
		code = 0 // nobody said so
	} else {
		what = fmt.Sprintf("%d %s", code, cause)
	}
	if wait > 0 {
		r.retryAt = now.Add(wait)
		ln.logf("not registered: %s; next attempt in %s", what, wait.Round(time.Second))
	} else {
		ln.logf("not registered: %s; not tried again, as Reg_Retry_Long_Intvl is 0", what)
	}
	r.set(regFailed, code, cause)
	ln.a.agenda.set(r)
}

// backOff is the one law of how long to wait after a failure; zero: for ever. What was no answer, and the
// codes of Retry_Reg_RSC and Try_Backup_RSC, take Reg_Retry_Intvl, doubled from failure to failure up to
// Reg_Retry_Intvl_Cap where that is set; other codes take Reg_Retry_Long_Intvl; Retry-After is obeyed. The random delays and
// a tenth of the time are added by chance, so that phones that failed together do not return together.
func (r *registration) backOff(code int, after time.Duration) time.Duration {
	cfg := &r.leg.ln.a.cfg
	t := cfg.Timers
	wait, random := t.RegRetryLongIntvl, t.RegRetryLongRandomDelay
	if r.silent || matchesCode(cfg.RetryRegRSC, code) || matchesCode(cfg.TryBackupRSC, code) {
		wait, random = t.RegRetryIntvl, t.RegRetryRandomDelay
		if t.RegRetryIntvlCap > 0 {
			limit := max(t.RegRetryIntvlCap, wait)
			for range r.failures {
				if wait = min(2*wait, limit); wait == limit {
					break
				}
			}
		}
	}
	if after > 0 {
		wait, random = min(after, max(t.RegRetryLongIntvl, maxRetryAfter)), t.RegRetryRandomDelay
	}
	if wait <= 0 {
		return 0
	}
	a := r.leg.ln.a
	return wait + a.randomUpTo(wait/10) + a.randomUpTo(random)
}

// flowGone says that the connection to the server in use has ended. With it went the way incoming calls
// take, so the registration is made anew on another one.
func (r *registration) flowGone(now time.Time, f *flow, cause string) {
	here := func(t *registerTry) bool { return t.server.same(r.server) }
	if !r.wanted() || r.bound.Host == "" || slices.ContainsFunc(r.under, here) {
		return
	}
	r.leg.ln.logf("connection to %s ended: %s", f, cause)
	r.leaveBehind(r.bound, r.server, r.expiresAt)
	r.bound, r.expiresAt, r.refreshAt = sipmsg.Uri{}, time.Time{}, time.Time{}
	if r.busy() {
		return // what is under way elsewhere decides where to go on
	}
	if r.flaps++; now.Sub(f.openedAt) >= minFlowLife {
		r.flaps = 0
	}
	if r.flaps > 1 && !r.standby && r.leg.servers.Others(r.server) {
		r.flaps = 0
		r.set(regRegistering, 0, "")
		r.leg.down(now, r.server, "connection lost: "+cause) // it takes connections only to break them
		if !r.busy() {
			r.begin(now)
		}
		return
	}
	if r.flaps > 1 {
		r.silent = true
		r.fail(now, 503, "connection lost: "+cause, 0)
		return
	}
	r.begin(now)
}

// renewing tells whether a registration that was good is being made anew, without a failure so far.
func (r *registration) renewing() bool {
	return r.state == regRegistering && r.granted > 0 && r.failures == 0 && r.busy()
}

// addressChanged registers anew if our Contact is no longer true.
func (r *registration) addressChanged(now time.Time) {
	if !r.wanted() || !r.leg.bound {
		return
	}
	own := r.leg.localAddr(nil)
	if r.busy() || len(r.late) > 0 {
		r.restart(now, own.Addr())
		return
	}
	if r.bound.Host != "" && r.state == regRegistered {
		if said, _ := hostAddr(r.bound.Host); said == own.Addr() && r.bound.Port == int(own.Port()) {
			return
		}
	}
	r.begin(now)
}

// restart gives up the REGISTERs under way that say where we are no longer, and begins anew.
func (r *registration) restart(now time.Time, own netip.Addr) {
	untrue := func(t *registerTry) bool {
		said, _ := hostAddr(t.sent.Host)
		return t.sent.Host != "" && said != own
	}
	tries := append(slices.Clone(r.under), r.late...)
	if !slices.ContainsFunc(tries, untrue) {
		return
	}
	for _, t := range tries {
		if t.tx != nil {
			t.tx.abandon(now)
			t.tx = nil
		}
		if t.sent.Host != "" {
			r.leaveBehind(t.sent, t.server, now.Add(r.expires)) // it may arrive yet
		}
		if t.home {
			r.leg.rewatch(now, t.server)
		}
	}
	r.under, r.late = nil, nil
	r.begin(now)
}

// moved registers at the server that is in use now, if it does not know us already. With
// Auto_Register_When_Failover No a registration that is valid elsewhere waits for its refresh, unless that server is
// not listed any more.
func (r *registration) moved(now time.Time) {
	switch {
	case !r.wanted() || r.busy() || r.standby || r.deciding:
		return
	case r.valid(now) && r.server.same(r.leg.binding):
		return
	case r.valid(now) && !r.leg.ln.cfg.AutoRegister && r.leg.servers.Rank(r.server) >= 0:
		return
	}
	r.begin(now)
}

// again sends the REGISTER anew, though it was not answered in the time of a request: the line is registered or another
// server is asked beside it, so nothing is urgent, and the server in use has answered something else meanwhile. The way
// to it loses packets, which is no reason to leave it.
func (t *registerTry) again(now time.Time, tx *clientTx, late bool) bool {
	r, l := t.r, t.r.leg
	e, listed := l.servers.Entry(t.server)
	if !listed || !e.Up || !l.binding.same(t.server) || !e.heard.After(tx.begun) || t.agains == maxAgains || r.leaving {
		return false
	}
	n := &registerTry{r: r, server: t.server, home: t.home, alone: t.alone, agains: t.agains + 1}
	if late {
		r.late = append(r.late, n)
	} else {
		r.under = append(r.under, n)
	}
	n.send(now)
	return true
}

// serverDown hurries the next REGISTER when the server that knows us fails and the line has not moved along: there
// is no other, or Auto_Register_When_Failover is No. The reference waits for the refresh then, and for so long
// nobody can call.
func (r *registration) serverDown(now time.Time, s Server) {
	r.leftAtDead(now, s)
	if !r.wanted() || r.busy() || r.refreshAt.IsZero() || !r.server.same(s) {
		return
	}
	t := r.leg.ln.a.cfg.Timers
	r.refreshAt = earliest(r.refreshAt, now.Add(t.RegRetryIntvl+r.leg.ln.a.randomUpTo(t.RegRetryIntvl/10)))
	r.leg.ln.a.agenda.set(r)
}

// serverUp hurries the next REGISTER when the last one failed because nobody answered, or served, and now somebody
// does. Phones that see that at one time do not all come at once.
func (r *registration) serverUp(now time.Time) {
	if r.busy() || r.state != regFailed || r.code != 0 && !r.leg.refuses(r.code) || r.retryAt.IsZero() {
		return
	}
	a := r.leg.ln.a
	r.retryAt = earliest(r.retryAt, now.Add(a.randomUpTo(a.cfg.Timers.RegRetryIntvl/10)))
	a.agenda.set(r)
}

// agree settles the line on the server that knows it, where another is in use that was asked too and has not
// taken us: the way out and the way in are to be one. A server that may still answer is waited for.
func (r *registration) agree(now time.Time) {
	l := r.leg
	if r.standby || r.busy() || len(r.late) > 0 || !r.valid(now) || l.binding.same(r.server) || l.isDown(r.server) {
		return
	}
	if l.servers.Rank(r.server) < 0 {
		if !r.redirected {
			r.moved(now) // it is not listed any more
		}
		return
	}
	l.settleOn(now, r.server)
}

// stay keeps the registration where it is, after a better server did not take it. Where that was asked in the
// place of a refresh, the refresh is still due.
func (r *registration) stay(now time.Time) {
	if r.refreshAt.IsZero() && r.retryAt.IsZero() {
		r.ask(now, r.at(now))
		return
	}
	if r.leg.isDown(r.server) {
		r.serverDown(now, r.server) // it died meanwhile
	}
	r.moved(now)
}

// next asks a server that was not asked yet, after another had failed; if there is none the registration has.
func (r *registration) next(now time.Time, code int, cause string, after time.Duration, silent bool) {
	if !r.standby {
		if s, ok := r.leg.servers.Anyone(now, r.tried); ok {
			if !r.valid(now) {
				r.set(regRegistering, 0, "")
			}
			r.ask(now, s)
			return
		}
	}
	r.silent = silent
	if after > 0 && !r.standby {
		after = max(time.Second, r.leg.servers.Rested(now, r.leg.ln.a.cfg.Timers.RegRetryIntvl)) // another may be sooner
	}
	r.fail(now, code, cause, after)
}
