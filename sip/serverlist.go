package sip

import (
	"net/netip"
	"slices"
	"time"
)

// Server is one place a leg's requests can go to.
type Server struct {
	Name      string // host name as DNS or the parameter gave it, for people; an IP literal: the address
	Addr      netip.AddrPort
	Transport Transport
	TLSName   string // what the certificate must name: the configured domain, RFC 5922 section 4
	Priority  uint16 // lower is tried first
	Weight    uint16
}

// same tells whether a and b are one server, whatever DNS says about its rank today.
func (a Server) same(b Server) bool {
	return a.Addr == b.Addr && a.Transport == b.Transport && a.TLSName == b.TLSName
}

// Entry is a server and what is known of it.
type Entry struct {
	Server
	Up    bool
	Since time.Time // of the last change; zero: it has been up since it was listed
	Cause string    // why it is down
}

// ServerList is the ordered list of one leg's servers, each UP or DOWN (design: redundancy section 2).
// The zero value is an empty list.
type ServerList struct {
	entries []listed
	downs   uint64 // Down calls so far: orders entries that went down at the same instant
}

type listed struct {
	Entry
	down uint64 // value of downs at its last failure
}

// Update takes over a new order of servers. Entries that stay keep their state, new ones are UP, and
// those no longer listed are forgotten.
func (l *ServerList) Update(servers []Server, now time.Time) {
	fresh := make([]listed, 0, len(servers))
	for _, s := range servers {
		e := listed{Entry: Entry{Server: s, Up: true, Since: now}}
		if slices.ContainsFunc(fresh, func(f listed) bool { return f.same(s) }) {
			continue
		}
		if i := l.find(s); i >= 0 {
			e = l.entries[i]
			e.Server = s
		}
		fresh = append(fresh, e)
	}
	l.entries = fresh
}

// Current is the server the next request goes to: the first that is UP. When all are DOWN it is the one
// whose failure is longest ago, so that all of them are tried in turn and a lonely survivor is found;
// Alive tells the two cases apart. It is false only for an empty list.
func (l *ServerList) Current() (Server, bool) {
	best := -1
	for i, e := range l.entries {
		if e.Up {
			return e.Server, true
		}
		if best < 0 || e.down < l.entries[best].down {
			best = i
		}
	}
	if best < 0 {
		return Server{}, false
	}
	return l.entries[best].Server, true
}

// Alive tells whether any server is UP. When it is false a retry has to wait for its timer.
func (l *ServerList) Alive() bool {
	return slices.ContainsFunc(l.entries, func(e listed) bool { return e.Up })
}

// Down marks s as failed at now. A server that fails again is down since then, which is when its
// penalty starts anew. A server not on the list is ignored.
func (l *ServerList) Down(s Server, now time.Time, cause string) {
	if i := l.find(s); i >= 0 {
		l.downs++
		l.entries[i].Up, l.entries[i].Since, l.entries[i].Cause, l.entries[i].down = false, now, cause, l.downs
	}
}

// Up marks s as working since now; one that was UP already keeps its time.
func (l *ServerList) Up(s Server, now time.Time) {
	if i := l.find(s); i >= 0 && !l.entries[i].Up {
		l.entries[i].Up, l.entries[i].Since, l.entries[i].Cause, l.entries[i].down = true, now, "", 0
	}
}

// Entries is a copy of the list in its order.
func (l *ServerList) Entries() []Entry {
	out := make([]Entry, len(l.entries))
	for i, e := range l.entries {
		out[i] = e.Entry
	}
	return out
}

func (l *ServerList) find(s Server) int {
	return slices.IndexFunc(l.entries, func(e listed) bool { return e.same(s) })
}
