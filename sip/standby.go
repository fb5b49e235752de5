package sip

import (
	"slices"
	"time"
)

// Hot standby (Hot_Standby_Registration_n_): the line is registered at every server of the list, with a
// Call-ID and a reg-id of its own at each, so that a failover needs no REGISTER and calls for us come in
// through any of them. RFC 5626 calls such bindings flows.

// standBy sees to it that there is a registration for each server beside the one in use.
func (l *leg) standBy(now time.Time) {
	want := l.ln.cfg.HotStandby && l.reg.wanted() && l.bound && !l.leaving
	if up := l.standbyAt(l.binding); want && up != nil && (up.valid(now) || !l.reg.valid(now)) {
		l.promote(now, l.reg.server) // the server in use was chosen while none could be used
	}
	var kept []*registration
	for _, r := range l.spare {
		switch {
		case r.leaving && !r.busy():
		case r.leaving || want && l.servers.Rank(r.fixed) >= 0 && !l.stands(r.fixed):
			kept = append(kept, r)
		case l.stands(r.fixed):
			r.abandon(now) // its Contact is that of the registration there
		default:
			r.leave(now)
			kept = append(kept, r)
		}
	}
	l.spare = kept
	if !want {
		return
	}
	for i, e := range l.servers.Entries() {
		if l.stands(e.Server) || l.standbyAt(e.Server) != nil {
			continue
		}
		r := &registration{leg: l, standby: true, fixed: e.Server, id: i + 1}
		l.spare = append(l.spare, r)
		r.start(now)
		if e.Up {
			r.begin(now)
		} else {
			r.retryAt = now.Add(l.ln.a.cfg.Timers.RegRetryIntvl)
			l.ln.a.agenda.set(r)
		}
	}
}

// stands tells whether the registration of the leg is at a server, or is to be: it needs no standby there.
func (l *leg) stands(s Server) bool {
	return l.bound && l.binding.same(s) || l.reg.bound.Host != "" && l.reg.server.same(s)
}

// standbyAt is the standby registration at a server, or nil.
func (l *leg) standbyAt(s Server) *registration {
	if i := slices.IndexFunc(l.spare, func(r *registration) bool { return !r.leaving && r.fixed.same(s) }); i >= 0 {
		return l.spare[i]
	}
	return nil
}

// promote makes the standby at the server in use the registration of the leg, and the old one a standby at the
// server it was registered at, or was to be.
func (l *leg) promote(now time.Time, before Server) {
	up, old := l.standbyAt(l.binding), l.reg
	if up == nil {
		return
	}
	if old.bound.Host != "" && old.server.same(l.binding) {
		// It was asked too when another was silent; that one needs a standby now.
		l.spare = slices.DeleteFunc(l.spare, func(r *registration) bool { return r == up })
		up.abandon(now)
		l.standBy(now)
		return
	}
	up.standby, up.fixed, up.toUse = false, Server{}, false
	old.standby, old.fixed = true, old.server
	if !old.fixed.Addr.IsValid() || old.fixed.same(l.binding) {
		old.fixed = before
	}
	old.keepTo(now, old.fixed)
	l.reg = up
	l.spare[slices.Index(l.spare, up)] = old
	if i := slices.IndexFunc(l.spare, func(r *registration) bool { return r != old && !r.leaving && r.fixed.same(old.fixed) }); i >= 0 {
		twin := l.spare[i] // made while the leg's own had no place
		if old.bound.Host == "" {
			twin = old
		}
		l.spare = slices.DeleteFunc(l.spare, func(r *registration) bool { return r == twin })
		twin.abandon(now)
	}
	if !old.leaving && l.servers.Rank(old.fixed) < 0 {
		l.spare = slices.DeleteFunc(l.spare, func(r *registration) bool { return r == old })
		old.leave(now)
		if old.leaving && old.busy() {
			l.spare = append(l.spare, old)
		}
	}
	l.ln.tell()
}

// keepTo gives up the REGISTERs under way to other servers: they are another registration's affair now.
func (r *registration) keepTo(now time.Time, s Server) {
	for _, t := range slices.Concat(r.under, r.late) {
		if t.server.same(s) {
			continue
		}
		if t.tx != nil {
			t.tx.abandon(now)
			t.tx = nil
		}
		if t.sent.Host != "" && !r.inUse(&t.sent) {
			r.leaveBehind(t.sent, t.server, now.Add(r.expires)) // it may be taken in yet
		}
		r.drop(t)
	}
	if !r.busy() && r.refreshAt.IsZero() && r.retryAt.IsZero() && !r.leaving {
		r.retryAt = now.Add(r.leg.ln.a.cfg.Timers.RegRetryIntvl)
		r.leg.ln.a.agenda.set(r)
	}
}
