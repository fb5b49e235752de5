package sip

import (
	"slices"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Implementation constants of looking after servers (docs/decisions/008-liveness.md).
const (
	watchPace       = 200 * time.Millisecond // between requests to a server that owes an answer, by UDP
	watchPatience   = 2 * time.Second        // for one that is reached by a connection, which repeats by itself
	watchFactor     = 8                      // longer, where answers have taken longer than an eighth of that
	watchLongest    = 32 * time.Second       // 64 T1: no connection is waited for any longer
	pongTime        = time.Second            // after a ping: then it is asked in so many words
	pingsPerOptions = 4                      // one ping of these goes with an OPTIONS
	returnTime      = time.Second            // between the probes of a server that comes back, and for the answer to one
	confirmTime     = 10 * time.Minute       // of probes unanswered by a server that never answered any: it may drop OPTIONS
)

type watchKind uint8

const (
	watchUse    watchKind = iota // the server in use: it must not die unnoticed
	watchDoubt                   // it owes an answer: is it dead?
	watchReturn                  // a better server than the one in use: is it back?
)

// A watch looks after one server of a leg. It asks by OPTIONS, or pings a connection, what no request of
// the user's asks just now.
type watch struct {
	agendaEntry
	leg    *leg
	server Server
	kind   watchKind

	askAt     time.Time // when to ask next
	verdictAt time.Time // when to look whether it has been silent for long enough
	since     time.Time // the beginning of its silence
	tx        *clientTx // an OPTIONS under way
	paced     time.Duration
	unheard   int       // requests of others it left unanswered
	pinged    bool      // a ping waits for its pong
	pings     int       // sent
	confirmAt time.Time // when a REGISTER tells whether a server that is to come back does
	confirms  bool      // OPTIONS went unanswered, as always; a REGISTER tells whether it is dead
	good      int       // probes answered in a row
	ready     bool      // it may be used again; the line is busy still
	declined  bool      // its last answer to OPTIONS was that it does not serve
}

// attend sees to it that the servers are looked after that have to be.
func (l *leg) attend(now time.Time) {
	cfg := l.ln.cfg
	want := map[int]watchKind{}
	if l.located && !l.leaving && !l.ln.retired && !l.ln.a.closing && cfg.Enabled {
		rank := l.servers.Rank(l.binding)
		for i, e := range l.servers.Entries() {
			switch {
			case e.suspect:
				want[i] = watchDoubt
			case l.bound && i == rank && cfg.ProbeIntvl > 0:
				want[i] = watchUse
			case l.bound && (i < rank || rank < 0) && cfg.FallbackIntvl > 0: // any that is listed is better than one that is not
				want[i] = watchReturn
			}
		}
	}
	kept := l.watches[:0]
	for _, w := range l.watches {
		rank := l.servers.Rank(w.server)
		if kind, ok := want[rank]; ok && kind == w.kind && !w.asleep() {
			delete(want, rank)
			kept = append(kept, w)
			continue
		}
		w.stop()
	}
	clear(l.watches[len(kept):])
	l.watches = kept
	for i, e := range l.servers.Entries() {
		if kind, ok := want[i]; ok {
			w := &watch{leg: l, server: e.Server, kind: kind}
			l.watches = append(l.watches, w)
			w.start(now, e)
		}
	}
}

// asleep tells whether the server in use works again after it was held for dead, and nobody looks after it.
func (w *watch) asleep() bool {
	e, _ := w.leg.servers.Entry(w.server)
	return w.kind == watchUse && e.Up && w.due().IsZero() && !w.tx.underWay() && !w.dropsOptions()
}

// watchOf is the watch over a server, or nil.
func (l *leg) watchOf(s Server) *watch {
	for _, w := range l.watches {
		if w.server.same(s) {
			return w
		}
	}
	return nil
}

// stopWatching ends all watches.
func (l *leg) stopWatching() {
	for _, w := range l.watches {
		w.stop()
	}
	l.watches = nil
}

// start plans the first question.
func (w *watch) start(now time.Time, e Entry) {
	cfg := w.leg.ln.cfg
	switch w.kind {
	case watchUse:
		w.askAt = now.Add(cfg.ProbeIntvl)
	case watchDoubt:
		w.since, w.unheard = now, e.unheard
		w.ask(now)
	case watchReturn:
		w.askAt = now
		if !e.Up {
			w.askAt = latest(now, e.Since.Add(cfg.FallbackIntvl), e.Until)
			if cfg.ProbeIntvl > 0 {
				// Phones whose server died at one time do not come back at one time: the first probe is somewhere
				// in the first probe interval.
				w.askAt = w.askAt.Add(w.leg.ln.a.randomUpTo(min(cfg.FallbackIntvl/10, cfg.ProbeIntvl)))
			}
		}
		w.confirmAt = w.askAt.Add(confirmTime)
		if cfg.ProbeIntvl == 0 && w.waitsForRefresh() {
			w.askAt = time.Time{} // the next refresh looks
		}
	}
	w.leg.ln.a.agenda.set(w)
}

// waitsForRefresh tells whether the line goes back to a better server only when a registration is due, as the
// reference does by UDP.
func (w *watch) waitsForRefresh() bool {
	return w.leg.binding.Transport == UDP && w.leg.ln.cfg.AutoRegister && w.leg.ln.cfg.Register
}

// latest is the last of some moments.
func latest(times ...time.Time) (last time.Time) {
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}

func (w *watch) stop() {
	w.askAt, w.verdictAt = time.Time{}, time.Time{}
	if tx := w.tx; tx != nil {
		w.tx = nil
		if tx.underWay() {
			tx.abandon(time.Time{})
		}
	}
	w.leg.ln.a.agenda.set(w)
}

func (w *watch) due() time.Time { return earliest(w.askAt, w.verdictAt) }

func (w *watch) tick(now time.Time) {
	switch {
	case passed(now, w.verdictAt):
		w.verdictAt = time.Time{}
		w.judge(now)
	case passed(now, w.askAt):
		w.askAt = time.Time{}
		w.ask(now)
	}
	w.leg.ln.a.agenda.set(w)
}

// ask asks the server whether it lives.
func (w *watch) ask(now time.Time) {
	l := w.leg
	switch w.kind {
	case watchUse:
		if e, _ := l.servers.Entry(w.server); now.Sub(e.heard) < l.ln.cfg.ProbeIntvl {
			w.askAt = e.heard.Add(l.ln.cfg.ProbeIntvl) // it has just said something
			return
		}
		w.since = now
		if f := l.bindingFlow(); f != nil && f.Transport.reliable() {
			// RFC 5626 section 3.5.1, whether or not the server has announced it.
			f.send(now, []byte("\r\n\r\n"))
			switch w.pings++; {
			case w.dropsOptions():
				w.askAt = now.Add(l.ln.cfg.ProbeIntvl) // the system notices when nobody takes the ping
			case w.pings%pingsPerOptions == 0:
				w.options(now, watchPace) // a pong does not tell whether it serves
			default:
				w.pinged, w.verdictAt = true, now.Add(pongTime)
			}
			return
		}
		if !w.dropsOptions() {
			w.options(now, watchPace)
		}
	case watchDoubt:
		if w.dropsOptions() {
			w.dead(now)
			return
		}
		if f := l.flowOf(w.server); f != nil && f.state == flowOpen && f.Transport.reliable() {
			f.send(now, []byte("\r\n\r\n"))
		}
		w.options(now, watchPace)
	case watchReturn:
		if l.ln.cfg.ProbeIntvl == 0 || w.dropsOptions() {
			l.goHome(now, w)
			return
		}
		w.options(now, 0)
	}
}

// options sends an OPTIONS and plans the verdict.
func (w *watch) options(now time.Time, pace time.Duration) {
	l := w.leg
	w.paced = pace
	w.tx = l.ln.a.request(now, w, l, w.server, sipmsg.OPTIONS)
	switch {
	case w.kind == watchReturn:
		w.verdictAt = now.Add(max(returnTime, l.patience(w.server)))
	case w.server.Transport.reliable():
		e, _ := l.servers.Entry(w.server)
		w.verdictAt = latest(now.Add(pongTime), w.since.Add(min(max(watchPatience, watchFactor*e.slow), w.longest())))
	default:
		w.verdictAt = now.Add(pace * time.Duration(max(1, l.servers.Enough(w.server)-w.unheard)))
	}
	l.ln.a.agenda.set(w)
}

// judge is the end of the time a server had to answer.
func (w *watch) judge(now time.Time) {
	l := w.leg
	e, _ := l.servers.Entry(w.server)
	silent := e.heard.Before(w.since)
	switch {
	case w.confirms: // what comes later proves nothing about now
		w.confirms, w.askAt = false, now.Add(l.ln.cfg.ProbeIntvl)
	case w.kind == watchReturn && e.options == optionsUnknown && passed(now, w.confirmAt):
		w.giveUp(now)
		l.goHome(now, w)
	case w.kind == watchReturn:
		w.bad(now)
	case !silent:
		w.alive(now)
	case w.pinged:
		w.pinged = false
		w.options(now, watchPace)
	case !w.server.Transport.reliable() && w.tx != nil && w.tx.sends+w.unheard < l.servers.Enough(w.server):
		w.verdictAt = now.Add(watchPace) // one repetition is on its way still
	case w.kind == watchUse && e.options == optionsUnknown && !e.pongs: // whoever answers pings is missed when they are not
		w.confirm(now)
	default:
		w.dead(now)
	}
}

// dead says that the server has been silent for long enough.
func (w *watch) dead(now time.Time) {
	l := w.leg
	silence := now.Sub(w.since).Round(100 * time.Millisecond)
	cause := "it says nothing for " + silence.String()
	if w.kind == watchDoubt && w.dropsOptions() {
		cause = "it does not answer"
	}
	if f := l.ln.a.flowKeys[flowKey{l.ln, w.server.Transport, w.server.Addr, w.server.TLSName}]; f != nil && f.state == flowOpening {
		cause = f.unopened(silence)
	}
	if w.renews(now) {
		return
	}
	w.giveUp(now)
	f := l.flowOf(w.server)
	l.down(now, w.server, cause)
	if f != nil {
		// The connection leads nowhere; closing it moves what still waits on it.
		l.ln.a.net(Close{f.ID})
		l.ln.a.flowGone(now, f, cause)
	}
}

// giveUp ends an OPTIONS under way.
func (w *watch) giveUp(now time.Time) {
	if w.tx.underWay() {
		w.tx.abandon(now)
	}
	w.tx = nil
}

// dropsOptions tells whether the server is known to leave OPTIONS unanswered while it lives.
func (w *watch) dropsOptions() bool {
	e, _ := w.leg.servers.Entry(w.server)
	return e.options == optionsDropped
}

// confirm asks a server that has never answered an OPTIONS for what it is there for, before it is held
// for dead.
func (w *watch) confirm(now time.Time) {
	l := w.leg
	w.giveUp(now)
	w.pinged = false
	e, _ := l.servers.Entry(w.server)
	switch {
	case !l.reg.wanted():
		w.lives(now) // nothing says that it is dead
		return
	case !l.reg.valid(now) || !e.Up:
		w.askAt = now.Add(l.ln.cfg.ProbeIntvl) // the registration goes on by its own law
		return
	case !l.reg.busy():
		l.reg.begin(now)
	}
	w.confirms, w.verdictAt = true, now.Add(watchPatience)
}

// lives says that a server has answered something else than the OPTIONS it was asked.
func (w *watch) lives(now time.Time) {
	w.confirms = false
	w.leg.servers.Habit(w.server, optionsDropped)
	w.leg.ln.logf("server %s answers no OPTIONS, and is not asked any more", where(w.server.Transport, w.server.Addr))
	w.alive(now)
}

// alive says that the server in use, or one in doubt, has answered.
func (w *watch) alive(now time.Time) {
	w.giveUp(now)
	if e, _ := w.leg.servers.Entry(w.server); w.server.Transport.reliable() && e.heard.After(w.since) {
		w.leg.servers.Took(w.server, e.heard.Sub(w.since))
	}
	w.pinged, w.verdictAt, w.unheard = false, time.Time{}, 0
	if w.kind == watchUse {
		w.askAt = now.Add(w.leg.ln.cfg.ProbeIntvl)
	}
	w.leg.ln.a.agenda.set(w)
}

// bad says that a server that was to come back does not answer as it should.
func (w *watch) bad(now time.Time) {
	w.giveUp(now)
	w.good, w.ready, w.verdictAt = 0, false, time.Time{}
	w.askAt = now.Add(w.leg.ln.cfg.ProbeIntvl)
	w.leg.ln.a.agenda.set(w)
}

// pace is how often an OPTIONS is repeated.
func (w *watch) pace() time.Duration { return w.paced }

func (w *watch) compose(tx *clientTx) *sipmsg.Request {
	l := w.leg
	registrar := sipmsg.Uri{Scheme: "sip"}
	if !gateURI("sip:"+l.domainPort, &registrar) {
		return nil
	}
	from, to := l.aor(), party{uri: registrar}
	from.tag = l.ln.a.token(5)
	req := l.ln.a.newRequest(sipmsg.OPTIONS, registrar, from, to, l.ln.a.token(12), 1)
	req.AppendHeader(l.contact(tx.flow))
	req.AppendHeader(sipmsg.NewHeader("Accept", accepted))
	setBody(req, "", nil)
	return req
}

// response takes in what the server said to OPTIONS. Any final response is a sign of life, but for those
// that say that it does not serve.
func (w *watch) response(now time.Time, tx *clientTx, resp *sipmsg.Response) {
	if tx != w.tx || resp.StatusCode < 200 {
		return
	}
	w.tx = nil
	w.leg.servers.Probed(w.server)
	switch {
	case w.kind != watchReturn:
		w.alive(now)
		w.declines(now, w.leg.refuses(resp.StatusCode))
	case resp.StatusCode == 408 || resp.StatusCode == 503 || w.leg.refuses(resp.StatusCode):
		w.bad(now)
	default:
		w.verdictAt = time.Time{}
		if w.good++; w.good >= max(w.leg.ln.cfg.GoodProbes, 1) {
			w.good, w.ready = 0, true
			w.askAt = now.Add(w.leg.ln.cfg.ProbeIntvl)
			w.leg.goHome(now, w)
		} else {
			w.askAt = now.Add(returnTime)
		}
	}
	w.leg.ln.a.agenda.set(w)
}

// declines takes in whether the server in use says to OPTIONS that it does not serve. That may be about OPTIONS
// alone: what counts is its word on a registration, which is asked for once.
func (w *watch) declines(now time.Time, it bool) {
	if r := w.leg.reg; it && !w.declined && w.kind == watchUse && r.wanted() && r.valid(now) && !r.busy() && r.retryAt.IsZero() {
		w.leg.ln.logf("server %s answers OPTIONS as if it did not serve, and is asked to register", where(w.server.Transport, w.server.Addr))
		r.begin(now)
	}
	w.declined = it
}

func (w *watch) failed(now time.Time, tx *clientTx, code int, cause string) {
	if tx != w.tx {
		return
	}
	w.tx = nil
	switch {
	case w.kind == watchReturn:
		w.bad(now)
		return
	case code == 408 && now.Before(w.verdictAt):
		return // it has more time than timer F
	}
	w.verdictAt = time.Time{}
	w.leg.down(now, w.server, cause)
}

// hears notes that a server said something, and what it is worth.
func (l *leg) hears(now time.Time, s Server, code, sent int, rtt time.Duration) {
	l.servers.Heard(s, now, sent, rtt)
	w := l.watchOf(s)
	switch {
	case w != nil && w.kind == watchDoubt:
		l.ln.logf("server %s lives", where(s.Transport, s.Addr))
		l.attend(now)
	case w != nil && w.confirms:
		w.lives(now)
	}
	if !l.refuses(code) && (w == nil || w.kind != watchReturn) {
		l.up(now, s)
	}
}

// hearsFrom notes that something came by a flow.
func (l *leg) hearsFrom(now time.Time, f *flow) {
	for _, s := range l.list {
		if s.Addr == f.Remote && s.Transport == f.Transport && (s.Transport == UDP || s.TLSName == f.tlsName) {
			l.servers.Heard(s, now, 0, 0)
			if w := l.watchOf(s); w != nil && w.kind == watchUse && w.pinged {
				l.servers.Ponged(s)
				l.servers.Probed(s)
				w.alive(now)
			}
		}
	}
}

// doubt says that a server has left a request unanswered for too long: others are asked before it until
// it is known to live or to be dead.
func (l *leg) doubt(now time.Time, tx *clientTx) { l.owes(now, tx.server, tx.begun, tx.sends) }

// owes says that a server has been silent since then to so many messages that call for an answer.
func (l *leg) owes(now time.Time, s Server, since time.Time, unheard int) {
	if l.ln.cfg.FailoverTimeout <= 0 || now.Sub(since) < l.patience(s) || !l.servers.Suspect(s, unheard) {
		return
	}
	l.ln.logf("server %s owes an answer and is looked into", where(s.Transport, s.Addr))
	l.attend(now)
}

// patience is how long a server may be silent before another is asked too: Failover_Timeout, or three
// round trips to it where they take longer, but no longer than T2 for those.
func (l *leg) patience(s Server) time.Duration {
	e, _ := l.servers.Entry(s)
	return max(l.ln.cfg.FailoverTimeout, min(3*e.rtt, l.ln.a.cfg.Timers.T2))
}

// refuses tells whether a response means that its server does not serve (Try_Backup_RSC).
func (l *leg) refuses(code int) bool {
	return code >= 300 && matchesCode(l.ln.a.cfg.TryBackupRSC, code)
}

// unwilling marks a server that lives but does not serve; after is its Retry-After.
func (l *leg) unwilling(now time.Time, s Server, cause string, after time.Duration) {
	l.failed(now, s, cause, false)
	if after > 0 {
		l.servers.Rest(s, now.Add(min(after, maxRetryAfter)))
	}
	l.rewatch(now, s)
}

// rewatch plans the watch over a server anew.
func (l *leg) rewatch(now time.Time, s Server) {
	l.watches = slices.DeleteFunc(l.watches, func(w *watch) bool {
		if w.server.same(s) {
			w.stop()
			return true
		}
		return false
	})
	l.attend(now)
}
