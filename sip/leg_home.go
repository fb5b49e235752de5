package sip

import (
	"slices"
	"time"
)

// Going back to a better server: design redundancy.md section 4.

// goHome goes back to a better server, unless the line has a call: then when that is over.
func (l *leg) goHome(now time.Time, w *watch) {
	e, ok := l.servers.Entry(w.server)
	switch {
	case !ok || l.leaving:
		return
	case l.ln.calls > 0:
		w.waits(now)
		return
	}
	for _, o := range l.watches { // the best that is ready
		if o.kind == watchReturn && o.ready && l.servers.Rank(o.server) < l.servers.Rank(w.server) {
			return
		}
	}
	l.ln.logf("server %s is to be used again", where(e.Transport, e.Addr))
	if r := l.standbyAt(w.server); r != nil {
		r.toUse = true // it may have forgotten us meanwhile
		if !r.busy() {
			r.begin(now)
		}
		return
	}
	if l.ln.cfg.AutoRegister && l.reg.wanted() {
		if !l.reg.returnTo(now, w.server) && w.askAt.IsZero() {
			w.askAt = now.Add(returnTime) // a refresh is under way just now
		}
		return
	}
	s := w.server
	l.settleOn(now, s)
	if l.reg.wanted() && !l.reg.server.same(s) {
		l.reg.returnTo(now, s)
	}
}

// waits says that the server may be used again once the line has no call.
func (w *watch) waits(now time.Time) {
	w.ready = true
	if p := w.leg.ln.cfg.ProbeIntvl; p > 0 && w.askAt.IsZero() {
		w.askAt = now.Add(p) // it is to be seen to whatever happens to the others
	}
}

// settleOn makes a server the one in use.
func (l *leg) settleOn(now time.Time, s Server) {
	if l.servers.Up(s, now) {
		l.ln.logf("server %s is up again", where(s.Transport, s.Addr))
	}
	if l.bound && l.binding.same(s) {
		l.attend(now)
		return
	}
	before := l.binding
	l.binding, l.bound = s, true
	l.ln.logf("server in use is now %s", where(s.Transport, s.Addr))
	l.promote(now, before)
	l.reg.moved(now)
	l.attend(now)
	l.reroute()
}

// callsOver is told when the last call of the line has ended: a return that was put off comes now.
func (l *leg) callsOver(now time.Time) {
	byRank := func(a, b *watch) int { return l.servers.Rank(a.server) - l.servers.Rank(b.server) }
	for _, w := range slices.SortedFunc(slices.Values(l.watches), byRank) {
		if w.kind == watchReturn && w.ready {
			if l.ln.cfg.ProbeIntvl > 0 {
				w.ready = false
				w.good = max(0, max(l.ln.cfg.GoodProbes, 1)-1) // it was good; one more look before the move
				w.ask(now)
			} else {
				l.goHome(now, w)
			}
			l.ln.a.agenda.set(w)
			return
		}
	}
}

// atRefresh is the better server to register at when a registration is due: without probes, the reference
// goes back then.
func (l *leg) atRefresh(now time.Time) (Server, bool) {
	cfg := l.ln.cfg
	if cfg.ProbeIntvl > 0 || cfg.FallbackIntvl <= 0 || l.ln.calls > 0 || !l.bound {
		return Server{}, false
	}
	for _, e := range l.servers.Entries() {
		if e.same(l.binding) {
			return Server{}, false
		}
		waited := e.Up || now.Sub(e.Since) >= cfg.FallbackIntvl || !cfg.AutoRegister
		if waited && !now.Before(e.Until) {
			return e.Server, true
		}
	}
	return Server{}, false
}

// reroute tells of the calls whose way led by a server that is dead: the far end has to learn the new one.
func (l *leg) reroute() {
	for _, id := range l.ln.a.ids() {
		if c := l.ln.a.calls[id]; c.leg == l && c.state == callConfirmed && c.dialog.cutOff() {
			l.ln.a.emit(Rerouted{ID: c.id})
		}
	}
}
