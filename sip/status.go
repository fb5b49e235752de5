package sip

// Lines is the state of every line, in order of their numbers.
func (a *Agent) Lines() []LineStatus {
	list := make([]LineStatus, 0, len(a.lines))
	for _, ln := range a.lines {
		l, r := ln.leg, ln.leg.reg
		if alt := ln.alternate; alt != nil && r.state != regRegistered && alt.reg.state == regRegistered {
			l, r = alt, alt.reg
		}
		s := LineStatus{
			Line: ln.cfg.Number, User: ln.cfg.User, Domain: ln.leg.domain, State: r.state, Code: r.code, Cause: r.cause,
			Expires: r.expiresAt, Refresh: earliest(r.refreshAt, r.retryAt),
		}
		if s.State == "" {
			s.State = regUnregistered
		}
		s.Subscription = ln.mailbox.status()
		if l.bound {
			s.Active = where(l.binding.Transport, l.binding.Addr)
		}
		for _, leg := range ln.legs() {
			s.Legs = append(s.Legs, leg.legStatus(leg == l))
			s.Servers = append(s.Servers, leg.status(leg == l)...)
		}
		list = append(list, s)
	}
	return list
}

// legStatus is what is known of the leg as a whole. inUse says that requests go by it.
func (l *leg) legStatus(inUse bool) LegStatus {
	r := l.reg
	s := LegStatus{Leg: l.name, Domain: l.domain, State: r.state, Cause: r.cause, InUse: inUse, Expires: r.expiresAt, Refresh: earliest(r.refreshAt, r.retryAt)}
	if s.State == "" {
		s.State = regUnregistered
	}
	if s.Cause == "" {
		s.Cause = l.cause
	}
	if l.bound {
		s.Active = where(l.binding.Transport, l.binding.Addr)
	}
	return s
}

// status is what is known of the leg's servers. inUse says that requests go by this leg.
func (l *leg) status(inUse bool) (rows []ServerStatus) {
	for _, e := range l.servers.Entries() {
		row := ServerStatus{
			Leg: l.name, Name: e.Name, Transport: e.Transport, Address: e.Addr.String(), Priority: e.Priority, Weight: e.Weight,
			State: "up", Since: e.Since, Cause: e.Cause, InUse: inUse && l.bound && e.same(l.binding),
			Suspect: e.suspect, Heard: e.heard, RTT: e.rtt,
		}
		if !e.Up {
			row.State = "down"
		}
		if w := l.watchOf(e.Server); w != nil {
			row.Probe = w.due()
		}
		for _, r := range l.registrations() {
			if !e.same(r.server) {
				continue
			}
			if e.Up && r.bound.Host != "" {
				row.Registered, row.Expires = true, r.expiresAt
			}
			row.Refresh = earliest(row.Refresh, r.refreshAt, r.retryAt)
		}
		rows = append(rows, row)
	}
	return rows
}

// Via names the server a call goes by, as LineStatus.Active does; empty: none, or no such call.
func (a *Agent) Via(id ID) string {
	c := a.calls[id]
	switch {
	case c == nil:
	case len(c.attempts) > 0:
		s := c.attempts[len(c.attempts)-1].server
		return where(s.Transport, s.Addr)
	case c.dialog != nil:
		return where(c.dialog.origin.Transport, c.dialog.origin.Addr)
	}
	return ""
}
