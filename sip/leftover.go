package sip

import (
	"net/netip"
	"slices"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// maxLeftovers bounds what is remembered; the oldest is given up. Each server of a line leaves one by TCP or TLS,
// and each address the phone has had in the time of a registration all of them again. Implementation constant.
const maxLeftovers = 64

// A leftover is a Contact of ours that a registrar may still know, and that is not true any more: its connection
// is gone, its address has changed, and the registrar could not be told. It is removed with the next REGISTER
// to each other server, in case they share their memory, and when a line is back there, lest calls for us are
// sent into the void beside us. The agent keeps them, since a line may be another when it is back.
type leftover struct {
	aor    string
	uri    sipmsg.Uri
	server Server
	until  time.Time // it is forgotten by itself
	told   []Server  // others that have removed it too
}

// isAt tells whether the leftover is of the registration's address of record and at a server.
func (r *registration) isAt(o *leftover, s Server) bool { return o.server.same(s) && r.owns(o) }

func (r *registration) owns(o *leftover) bool {
	uri := r.leg.aor().uri
	return o.aor == uri.String()
}

// leaveBehind notes a Contact that stays at a server.
func (r *registration) leaveBehind(uri sipmsg.Uri, s Server, until time.Time) {
	a, aor := r.leg.ln.a, r.leg.aor().uri
	for i := range a.leftovers {
		if o := &a.leftovers[i]; sameContact(&o.uri, &uri) && r.isAt(o, s) {
			until = latest(until, o.until)
		}
	}
	r.removed(s, uri)
	if len(a.leftovers) == maxLeftovers {
		a.leftovers = slices.Delete(a.leftovers, 0, 1)
	}
	a.leftovers = append(a.leftovers, leftover{aor: aor.String(), uri: uri, server: s, until: until})
}

// removed notes that a server does not know a Contact any more.
func (r *registration) removed(s Server, uri sipmsg.Uri) {
	a := r.leg.ln.a
	a.leftovers = slices.DeleteFunc(a.leftovers, func(o leftover) bool { return sameContact(&o.uri, &uri) && r.isAt(&o, s) })
}

// leftAt are the Contacts to be removed with a REGISTER to a server: the leftovers, and what is bound there, or at
// a server that cannot be told, for the new one takes its place.
func (r *registration) leftAt(s Server) (list []sipmsg.Uri) {
	add := func(uri sipmsg.Uri) {
		if !slices.ContainsFunc(list, func(u sipmsg.Uri) bool { return sameContact(&u, &uri) }) {
			list = append(list, uri)
		}
	}
	for i := range r.leg.ln.a.leftovers {
		if o := &r.leg.ln.a.leftovers[i]; r.owns(o) && !slices.ContainsFunc(o.told, s.same) && !r.inUse(&o.uri) {
			add(o.uri)
		}
	}
	if r.bound.Host != "" && (r.server.same(s) || r.leg.isDown(r.server)) {
		add(r.bound)
	}
	return list
}

// inUse tells whether a registration that stays has bound a Contact, wherever that is: it is no leftover to those
// who share a memory.
func (r *registration) inUse(uri *sipmsg.Uri) bool {
	own := r.leg.aor().uri
	for _, ln := range append(slices.Clone(r.leg.ln.a.lines), r.leg.ln) { // which may be about to be one of them
		for _, l := range ln.legs() {
			if aor := l.aor().uri; aor.String() != own.String() {
				continue // connections to two servers may have one port, and so one Contact
			}
			for _, o := range l.registrations() {
				if o.leaving {
					continue
				}
				if o.bound.Host != "" && sameContact(&o.bound, uri) && !o.untrue() || o.sends(uri) {
					return true
				}
			}
		}
	}
	return false
}

// sends tells whether a REGISTER that binds the Contact is under way.
func (r *registration) sends(uri *sipmsg.Uri) bool {
	here := func(t *registerTry) bool { return t.tx != nil && t.sent.Host != "" && sameContact(&t.sent, uri) }
	return slices.ContainsFunc(r.under, here) || slices.ContainsFunc(r.late, here)
}

// untrue tells whether what is bound leads to an address that is not ours any more.
func (r *registration) untrue() bool {
	l := r.leg
	said, ok := hostAddr(r.bound.Host)
	if bound := l.ln.cfg.Local.Addr(); !ok || l.public.IsValid() || bound.IsValid() && !bound.IsUnspecified() || len(l.ln.a.cfg.LocalAddrs) == 0 {
		return false
	}
	return !slices.ContainsFunc(l.ln.a.cfg.LocalAddrs, func(a netip.Addr) bool { return a.Unmap() == said.Unmap() })
}

// lastLeft is the server of the newest leftover.
func (r *registration) lastLeft() (s Server) {
	for i := range r.leg.ln.a.leftovers {
		if o := &r.leg.ln.a.leftovers[i]; r.owns(o) {
			s = o.server
		}
	}
	return s
}

// swept notes that a server has taken a REGISTER, and what came with it.
func (r *registration) swept(t *registerTry) {
	a := r.leg.ln.a
	gone := func(o *leftover) bool {
		return slices.ContainsFunc(t.removed, func(u sipmsg.Uri) bool { return sameContact(&u, &o.uri) })
	}
	a.leftovers = slices.DeleteFunc(a.leftovers, func(o leftover) bool {
		return r.isAt(&o, t.server) && (gone(&o) || sameContact(&o.uri, &t.sent))
	})
	for i := range a.leftovers {
		if o := &a.leftovers[i]; r.owns(o) && gone(o) {
			o.told = append(o.told, t.server)
		}
	}
}

// leftAtDead lets the server that knows us now remove soon what was left at one that is found dead.
func (r *registration) leftAtDead(now time.Time, dead Server) {
	if r.bound.Host == "" || r.server.same(dead) {
		return
	}
	for i := range r.leg.ln.a.leftovers {
		if o := &r.leg.ln.a.leftovers[i]; r.isAt(o, dead) && !slices.ContainsFunc(o.told, r.server.same) && !r.inUse(&o.uri) {
			r.untold(now, &o.uri)
		}
	}
}

// forgetLeftovers drops those that have expired.
func (a *Agent) forgetLeftovers(now time.Time) {
	a.leftovers = slices.DeleteFunc(a.leftovers, func(o leftover) bool { return passed(now, o.until) })
}

// takenAway says that a registrar has removed our Contact at our wish. If it shares its memory with others, and
// the Contact is that of a registration that stays, as by UDP, it is not known there either any more.
func (r *registration) takenAway(now time.Time) {
	a := r.leg.ln.a
	for _, ln := range a.lines {
		for _, l := range ln.legs() {
			for _, o := range l.registrations() {
				if o == r || o.leaving || !o.valid(now) || o.refreshAt.IsZero() || !sameContact(&o.bound, &r.bound) {
					continue
				}
				o.refreshAt = earliest(o.refreshAt, now.Add(returnTime)) // and once for all that are removed together
				a.agenda.set(o)
			}
		}
	}
}
