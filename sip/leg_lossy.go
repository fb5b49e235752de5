package sip

import "time"

// Where packets get lost, a connection can hang for as long as the system waits before it sends again, twice as long
// each time, while the server is as well as ever: by a new connection it would answer at once. So silence is no proof
// there; a server whose answers have taken long is asked by a new connection before it is held for dead.

// extraOpenings are the attempts to open a connection to such a server, beside the first: the system's own come
// later and later. Together they stay within timer F. Implementation constant.
const extraOpenings = 2

// maxHung are the connections given up in a row before it is clear that it is the questions that are not answered.
const maxHung = 3

// lossy tells whether the answers of a server have taken so long of late that the system must have sent again.
func (l *leg) lossy(s Server) bool {
	e, ok := l.servers.Entry(s)
	return ok && s.Transport.reliable() && watchFactor*e.slow > watchPatience
}

// longest is how long a connection may hang. Where a new one is tried next, that is before a request has run out of
// its time.
func (w *watch) longest() time.Duration {
	if f := w.leg.ln.a.cfg.Timers.F; w.leg.lossy(w.server) {
		return min(watchLongest, f*3/4)
	}
	return watchLongest
}

// renews closes a connection that hangs, in the place of a verdict on its server: whoever needs one opens another. The
// registration is made anew by it, for the old one led nowhere.
func (w *watch) renews(now time.Time) bool {
	l := w.leg
	f := l.flowOf(w.server)
	if f == nil || f.state != flowOpen || !l.lossy(w.server) || !l.binding.same(w.server) || w.dropsOptions() {
		return false
	}
	switch hung := l.servers.Acquit(w.server, now); {
	case hung == 0:
		return false
	case hung > maxHung && w.kind == watchUse:
		w.lives(now) // by each new connection it registered us, and left pings and OPTIONS unanswered
		return true
	}
	l.ln.logf("connection to %s hangs; a new one is tried", f)
	w.giveUp(now)
	l.rewatch(now, w.server)
	l.ln.a.net(Close{f.ID})
	l.ln.a.flowGone(now, f, "it says nothing for "+now.Sub(w.since).Round(100*time.Millisecond).String())
	return true
}

// insists tells whether a connection that does not open is tried once more.
func (f *flow) insists() bool {
	if f.line == nil || f.insisted >= extraOpenings || f.accepted {
		return false
	}
	for _, l := range f.line.legs() {
		if e, listed := l.serverAt(f); listed && e.Up && l.lossy(e.Server) {
			f.insisted++
			return true
		}
	}
	return false
}
