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
		if l.bound {
			s.Active = where(l.binding.Transport, l.binding.Addr)
		}
		for _, leg := range ln.legs() {
			s.Servers = append(s.Servers, leg.status(leg == l)...)
		}
		list = append(list, s)
	}
	return list
}

// status is what is known of the leg's servers. inUse says that requests go by this leg.
func (l *leg) status(inUse bool) (rows []ServerStatus) {
	for _, e := range l.servers.Entries() {
		row := ServerStatus{
			Leg: l.name, Name: e.Name, Transport: e.Transport, Address: e.Addr.String(), Priority: e.Priority, Weight: e.Weight,
			State: "up", Since: e.Since, Cause: e.Cause, InUse: inUse && l.bound && e.same(l.binding),
		}
		if !e.Up {
			row.State = "down"
		}
		for _, r := range l.registrations() {
			if e.Up && r.bound.Host != "" && e.same(r.server) {
				row.Registered, row.Expires = true, r.expiresAt
			}
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
