package sip

import (
	"slices"
	"time"
)

// A line has a primary leg, and with Dual_Registration an alternate one. Both register, always and
// independently; requests go by the primary unless that cannot serve. Reference A.7, design redundancy.md
// section 6.

// addAlternate makes the alternate leg if the line is to have one. Where only its outbound proxy is set
// the domain stays that of Proxy (reference A.1).
func (ln *line) addAlternate() {
	cfg := ln.cfg
	if !cfg.DualRegistration || cfg.AlternateProxy == "" && cfg.AlternateOutboundProxy == "" {
		return
	}
	ln.alternate = newLeg(ln, "alternate", firstOf(cfg.AlternateProxy, cfg.Proxy), cfg.AlternateOutboundProxy)
}

// legForCall is the leg a new call goes by: the alternate while the primary is not registered, or while
// none of its servers can be used or all that can owe an answer; else the primary.
func (ln *line) legForCall(now time.Time) *leg {
	p, alt := ln.leg, ln.alternate
	if alt == nil || !alt.bound {
		return p
	}
	switch {
	case ln.cfg.Register && !p.reg.valid(now) && alt.reg.valid(now):
		return alt
	case p.located && !p.servers.Alive() && alt.servers.Alive(), p.located && !p.servers.Sound() && alt.servers.Sound():
		return alt
	}
	return p
}

// tell tells of the line's registration as a whole: that of the primary leg, but a line that is registered
// on either can call and be called.
func (ln *line) tell() {
	if ln.retired {
		return
	}
	r := ln.leg.reg
	if alt := ln.alternate; alt != nil && r.state != regRegistered && alt.reg.state == regRegistered {
		r = alt.reg
	}
	ev := Registration{Line: ln.cfg.Number, State: r.state, Code: r.code, Cause: r.cause}
	if r.state == regRegistered {
		ev.Server = where(r.server.Transport, r.server.Addr)
		ev.Backup = r.leg != ln.leg || r.leg.servers.Rank(r.server) > 0
	}
	if ev == ln.told {
		return
	}
	ln.told = ev
	ln.a.emit(ev)
}

// reconfigured takes over settings that leave the primary registration as it is.
func (ln *line) reconfigured(now time.Time, cfg Line) {
	old := ln.cfg
	ln.cfg = cfg
	dual := func(c Line) [3]string {
		if !c.DualRegistration || c.AlternateProxy == "" && c.AlternateOutboundProxy == "" {
			return [3]string{}
		}
		return [3]string{"yes", c.AlternateProxy, c.AlternateOutboundProxy}
	}
	if dual(old) != dual(cfg) {
		if gone := ln.alternate; gone != nil {
			ln.mailbox.leaveLeg(now, gone)
			ln.alternate = nil
			ln.parting = append(ln.parting, gone)
			gone.retire(now)
		}
		ln.addAlternate()
		if ln.alternate != nil {
			ln.alternate.start(now)
		}
		ln.tell()
	}
	ln.mailbox.changed(now, old)
	for _, l := range ln.legs() {
		l.servers.Again = cfg.FallbackIntvl <= 0
		l.stopWatching() // each watch was planned by the parameters of before
		if l.locator != nil {
			l.relocated(now)
		}
	}
}

// sweepLegs forgets alternate legs that have un-registered.
func (ln *line) sweepLegs() {
	ln.parting = slices.DeleteFunc(ln.parting, func(l *leg) bool {
		for _, r := range l.registrations() {
			if r.busy() {
				return false
			}
		}
		return true
	})
}
