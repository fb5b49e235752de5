package sip

import (
	"net/netip"
	"slices"
	"time"
)

// Implementation constants.
const (
	rttGain  = 1.0 / 8    // RFC 6298 section 2
	slowFade = 1.0 / 1024 // of the longest answer, with every other one
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
	Until time.Time // it said itself not to be asked before (Retry-After); zero: it did not

	unheard   int           // requests it left unanswered when it became suspect
	acquitted time.Time     // when a connection was given up in its place
	hung      int           // connections given up so since it answered a ping or an OPTIONS
	suspect   bool          // it owes an answer: others are asked first until it is known to live or to be dead
	rtt       time.Duration // smoothed; 0: not measured
	slow      time.Duration // the longest answer of late by a connection, fading
	answers   evidence
	heard     time.Time // when it said something last
	options   optionsHabit
	pongs     bool // it answers the pings of a connection, whatever it does with OPTIONS
}

// An optionsHabit is what is known of how a server takes OPTIONS. There are registrars and firewalls that
// drop them; their silence means nothing.
type optionsHabit uint8

const (
	optionsUnknown optionsHabit = iota
	optionsAnswered
	optionsDropped
)

// ServerList is the ordered list of one leg's servers, each UP or DOWN (design: redundancy section 2).
// The zero value is an empty list.
type ServerList struct {
	// Again says that after a failure the servers that were down before are tried anew, from the top
	// (Proxy_Fallback_Intvl 0); otherwise they are left alone until they are known to be back.
	Again   bool
	entries []listed
	downs   uint64 // Down calls so far: orders entries that went down at the same instant
}

type listed struct {
	Entry
	down   uint64 // value of downs at its last failure
	failed bool   // since any server of the list has worked
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

// Current is the server the next request goes to: the first that is UP, one that owes no answer before
// the others. With Again it is the first that has not failed since any worked. When there is none it is
// the one whose failure is longest ago, of those that may be asked, so that all of them are tried in turn and a lonely survivor is
// found; Alive tells the two cases apart. It is false only for an empty list.
func (l *ServerList) Current(now time.Time) (Server, bool) {
	for _, fits := range []func(listed) bool{
		func(e listed) bool { return e.usable(l.Again) && !e.suspect },
		func(e listed) bool { return e.usable(l.Again) },
	} {
		if i := slices.IndexFunc(l.entries, fits); i >= 0 {
			return l.entries[i].Server, true
		}
	}
	best, resting := -1, false
	for i, e := range l.entries {
		rests := now.Before(e.Until)
		if best < 0 || resting && !rests || resting == rests && e.down < l.entries[best].down {
			best, resting = i, rests
		}
	}
	if best < 0 {
		return Server{}, false
	}
	return l.entries[best].Server, true
}

func (e listed) usable(again bool) bool { return e.Up || again && !e.failed }

// Another is the server to send a request to that those tried did not answer: one that can be used and
// owes no answer, else one that can be used. One that asked not to be asked yet is not.
func (l *ServerList) Another(now time.Time, tried []Server) (Server, bool) {
	for _, fits := range []func(listed) bool{
		func(e listed) bool { return e.usable(l.Again) && !e.suspect },
		func(e listed) bool { return e.usable(l.Again) },
	} {
		if s, ok := l.untried(now, tried, fits); ok {
			return s, true
		}
	}
	return Server{}, false
}

// Anyone is Another, and where there is none a server that is down, for it may be back.
func (l *ServerList) Anyone(now time.Time, tried []Server) (Server, bool) {
	if s, ok := l.Another(now, tried); ok {
		return s, true
	}
	return l.untried(now, tried, func(listed) bool { return true })
}

// LastResort is Anyone, and where there is none a server that asked not to be asked yet: for a call, which has
// nowhere else to go. RFC 3261 section 21.5.4 says SHOULD NOT.
func (l *ServerList) LastResort(now time.Time, tried []Server) (Server, bool) {
	if s, ok := l.Anyone(now, tried); ok {
		return s, true
	}
	return l.untried(now.Add(maxRetryAfter), tried, func(listed) bool { return true })
}

func (l *ServerList) untried(now time.Time, tried []Server, fits func(listed) bool) (Server, bool) {
	for _, e := range l.entries {
		if fits(e) && !now.Before(e.Until) && !slices.ContainsFunc(tried, e.same) {
			return e.Server, true
		}
	}
	return Server{}, false
}

// Rested is how long it takes until the first of the servers that are down may be asked again; those that did
// not say are asked after usual.
func (l *ServerList) Rested(now time.Time, usual time.Duration) time.Duration {
	least := time.Duration(-1)
	for _, e := range l.entries {
		wait := usual
		if now.Before(e.Until) {
			wait = e.Until.Sub(now)
		}
		if least < 0 || wait < least {
			least = wait
		}
	}
	return max(least, 0)
}

// Alive tells whether any server can be used. When it is false a retry has to wait for its timer.
func (l *ServerList) Alive() bool {
	return slices.ContainsFunc(l.entries, func(e listed) bool { return e.usable(l.Again) })
}

// Sound tells whether any server can be used that owes no answer.
func (l *ServerList) Sound() bool {
	return slices.ContainsFunc(l.entries, func(e listed) bool { return e.usable(l.Again) && !e.suspect })
}

// Others tells whether a server other than s is UP.
func (l *ServerList) Others(s Server) bool {
	return slices.ContainsFunc(l.entries, func(e listed) bool { return e.Up && !e.same(s) })
}

// Down marks s as failed at now. A server that fails again is down since then, which is when its
// penalty starts anew. A server not on the list is ignored. It reports whether s was UP.
func (l *ServerList) Down(s Server, now time.Time, cause string) bool {
	i := l.find(s)
	if i < 0 {
		return false
	}
	e := &l.entries[i]
	was := e.Up
	l.downs++
	e.Up, e.Since, e.Cause, e.down, e.failed, e.suspect, e.Until = false, now, cause, l.downs, true, false, time.Time{}
	e.pongs = false // it may be another program when it is back
	return was
}

// Rest marks s, which is down, as not to be asked before until.
func (l *ServerList) Rest(s Server, until time.Time) {
	if i := l.find(s); i >= 0 {
		l.entries[i].Until = until
	}
}

// Up marks s as working since now; one that was UP already keeps its time. It reports whether s was DOWN.
func (l *ServerList) Up(s Server, now time.Time) bool {
	i := l.find(s)
	if i < 0 {
		return false
	}
	for j := range l.entries {
		l.entries[j].failed = false
	}
	e := &l.entries[i]
	e.suspect = false
	if e.Up {
		return false
	}
	e.Up, e.Since, e.Cause, e.down, e.Until = true, now, "", 0, time.Time{}
	return true
}

// Suspect marks s as owing an answer to that many requests. It reports whether that is new.
func (l *ServerList) Suspect(s Server, unheard int) bool {
	i := l.find(s)
	if i < 0 || l.entries[i].suspect || !l.entries[i].Up {
		return false
	}
	l.entries[i].suspect, l.entries[i].unheard = true, unheard
	return true
}

// Probed notes that s has answered a ping or an OPTIONS.
func (l *ServerList) Probed(s Server) {
	if i := l.find(s); i >= 0 {
		l.entries[i].hung = 0
	}
}

// Acquit takes back that s owes an answer: the connection it was asked by is at fault, maybe. It returns how many have
// been given up so since s answered a question of ours; 0: not this one, for s was silent by the one before too.
func (l *ServerList) Acquit(s Server, now time.Time) int {
	i := l.find(s)
	if i < 0 || l.entries[i].hung > 0 && !l.entries[i].heard.After(l.entries[i].acquitted) {
		return 0
	}
	e := &l.entries[i]
	e.hung++
	e.suspect, e.acquitted = false, now
	return e.hung
}

// Heard notes that s said something at now, whatever it was: it lives. It answered one of sent requests,
// the last of which was sent rtt ago; 0: it cannot be said.
func (l *ServerList) Heard(s Server, now time.Time, sent int, rtt time.Duration) {
	i := l.find(s)
	if i < 0 {
		return
	}
	e := &l.entries[i]
	e.heard, e.suspect = now, false
	e.answers.note(sent)
	switch {
	case rtt <= 0:
	case sent > 1: // Karn's algorithm: which of them was answered is not known, but it took so long at the least
		e.rtt = max(e.rtt, rtt)
	case e.rtt == 0:
		e.rtt = rtt
	default:
		e.rtt += time.Duration(float64(rtt-e.rtt) * rttGain)
	}
}

// Took notes that s answered by a connection within d, repetitions of the system's included.
func (l *ServerList) Took(s Server, d time.Duration) {
	if i := l.find(s); i >= 0 {
		e := &l.entries[i]
		e.slow = max(d, e.slow-time.Duration(float64(e.slow)*slowFade))
	}
}

// Habit notes how s takes OPTIONS.
func (l *ServerList) Habit(s Server, h optionsHabit) {
	if i := l.find(s); i >= 0 {
		l.entries[i].options = h
	}
}

// Ponged notes that s has answered a ping.
func (l *ServerList) Ponged(s Server) {
	if i := l.find(s); i >= 0 {
		l.entries[i].pongs = true
	}
}

// Enough is how many requests s must leave unanswered to be dead rather than hard to reach.
func (l *ServerList) Enough(s Server) int {
	e, _ := l.Entry(s)
	return e.answers.enough()
}

// Entry is what is known of s; false if it is not listed.
func (l *ServerList) Entry(s Server) (Entry, bool) {
	if i := l.find(s); i >= 0 {
		return l.entries[i].Entry, true
	}
	return Entry{}, false
}

// Entries is a copy of the list in its order.
func (l *ServerList) Entries() []Entry {
	out := make([]Entry, len(l.entries))
	for i, e := range l.entries {
		out[i] = e.Entry
	}
	return out
}

// Rank is the place of s on the list, from 0; -1: it is not on it.
func (l *ServerList) Rank(s Server) int { return l.find(s) }

func (l *ServerList) find(s Server) int {
	return slices.IndexFunc(l.entries, func(e listed) bool { return e.same(s) })
}
