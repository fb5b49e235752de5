package sip

// Lines is the state of every line, in order of their numbers.
func (a *Agent) Lines() []LineStatus {
	list := make([]LineStatus, 0, len(a.lines))
	for _, ln := range a.lines {
		l, r := ln.leg, &ln.leg.reg
		s := LineStatus{
			Line: ln.cfg.Number, User: ln.cfg.User, Domain: l.domain, State: r.state, Code: r.code, Cause: r.cause,
			Expires: r.expiresAt, Refresh: earliest(r.refreshAt, r.retryAt),
		}
		if s.State == "" {
			s.State = regUnregistered
		}
		if l.bound {
			s.Active = where(l.binding.Transport, l.binding.Addr)
		}
		for _, e := range l.servers.Entries() {
			row := ServerStatus{
				Leg: l.name, Name: e.Name, Transport: e.Transport, Address: e.Addr.String(), Priority: e.Priority, Weight: e.Weight,
				State: "up", Since: e.Since, Cause: e.Cause, InUse: l.bound && e.same(l.binding),
			}
			if !e.Up {
				row.State = "down"
			}
			if r.bound.Host != "" && e.same(r.server) {
				row.Registered, row.Expires = true, r.expiresAt
			}
			s.Servers = append(s.Servers, row)
		}
		list = append(list, s)
	}
	return list
}

// Via names the server a call goes by, as LineStatus.Active does; empty: none, or no such call.
func (a *Agent) Via(id ID) string {
	c := a.calls[id]
	switch {
	case c == nil:
	case c.tx != nil:
		return where(c.tx.server.Transport, c.tx.server.Addr)
	case c.dialog != nil:
		return where(c.dialog.origin.Transport, c.dialog.origin.Addr)
	}
	return ""
}
