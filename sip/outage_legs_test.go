package sip

import (
	"slices"
	"time"
)

// legHeld is for how long a state may last that only what is under way may cause. It is more than 64*T1, the
// time of a request, and than a connection is waited for.
const legHeld = 40 * time.Second

// legChecks are the invariants of a leg's own parts, looked at after every step.
type legChecks struct {
	since map[lasting]time.Time // since when a state holds that must not last
}

type lasting struct {
	leg  *leg
	host *host
	name string
}

// step looks at the legs.
func (k *legChecks) step(w *world) {
	for _, ln := range w.agent.lines {
		for _, l := range ln.legs() {
			k.leg(w, l)
		}
	}
	for _, h := range w.hosts {
		k.contacts(w, h)
	}
}

// lasts reports a state that holds for longer than it may.
func (k *legChecks) lasts(w *world, state lasting, holds bool, limit time.Duration) {
	since, known := k.since[state]
	switch {
	case !holds:
		delete(k.since, state)
	case !known:
		if k.since == nil {
			k.since = map[lasting]time.Time{}
		}
		k.since[state] = w.now
	case w.now.Sub(since) > limit:
		on := ""
		if l := state.leg; l != nil {
			on = "leg " + l.name + " by " + w.name(l.binding.Addr) + ", registered at " + w.name(l.reg.server.Addr)
		} else {
			on = state.host.name
		}
		w.violated("%s: %s, for %s", on, state.name, w.now.Sub(since))
		delete(k.since, state)
	}
}

func (k *legChecks) leg(w *world, l *leg) {
	r := l.reg
	idle := r.wanted() && !r.busy() && l.bound && !w.phoneOK.IsZero()
	up := idle && !l.isDown(l.binding)

	x := l.watchOf(l.binding)
	k.lasts(w, lasting{l, nil, "nobody looks after the server in use"}, up && l.ln.cfg.ProbeIntvl > 0 && l.servers.Rank(l.binding) >= 0 &&
		(x == nil || x.kind == watchUse && !x.dropsOptions() && x.due().IsZero() && !x.tx.underWay()), legHeld)
	k.lasts(w, lasting{l, nil, "it is registered at a server that is down, and uses another"}, up && r.valid(w.now) && l.ln.cfg.AutoRegister &&
		r.retryAt.IsZero() && !l.binding.same(r.server) && l.isDown(r.server), legHeld) // or it has refused, and is asked again later
	k.lasts(w, lasting{l, nil, "its registration has no connection, and calls cannot come in"}, up && r.valid(w.now) &&
		r.server.Transport.reliable() && l.flowOf(r.server) == nil, legHeld)

	k.lasts(w, lasting{l, nil, "two registrations at the server in use"}, up && r.valid(w.now) && r.server.same(l.binding) &&
		slices.ContainsFunc(l.spare, func(o *registration) bool { return !o.leaving && o.fixed.same(l.binding) && o.valid(w.now) }), legHeld)
	for i, o := range l.spare {
		switch {
		case o.leaving:
		case !o.fixed.Addr.IsValid():
			w.violated("leg %s: a standby stands nowhere", l.name)
		case slices.ContainsFunc(l.spare[:i], func(p *registration) bool { return !p.leaving && p.fixed.same(o.fixed) }):
			w.violated("leg %s: two standbys at %s", l.name, w.name(o.fixed.Addr))
		}
	}
	ranks := 0
	for i, y := range l.watches {
		if slices.ContainsFunc(l.watches[:i], func(z *watch) bool { return z.server.same(y.server) }) {
			w.violated("leg %s: two watches over %s", l.name, w.name(y.server.Addr))
		}
		if y.kind == watchUse {
			ranks++
		}
	}
	if ranks > 1 {
		w.violated("leg %s: %d servers in use", l.name, ranks)
	}
}

// contacts: of those a registrar knows of the line, one at the most leads to the phone for each leg that is
// registered there, or it rings twice. A hot standby is there to be called by several.
func (k *legChecks) contacts(w *world, h *host) {
	legs := 0
	for _, ln := range w.agent.lines {
		for _, l := range ln.legs() {
			if at := w.hostAt(l.reg.server.Addr); at != nil && at.db == h.db && !ln.cfg.HotStandby {
				legs++
			}
		}
	}
	reach := 0
	for _, b := range h.db.active() {
		if slices.ContainsFunc(w.agent.leftovers, func(o leftover) bool { return o.uri.String() == b.contact }) {
			continue // no server could be told; the next REGISTER says so
		}
		c := b.path.conn
		if c != nil && c.open && !c.closed && c.epoch == c.host.epoch && c.local.Addr() == w.phone ||
			c == nil && b.path.phone.Addr() == w.phone && b.path.phone.Port() == phonePort {
			reach++
		}
	}
	k.lasts(w, lasting{nil, h, "more than one of its Contacts lead to a line that is registered there once"}, legs > 0 && reach > legs, 2*legHeld)
}
