package sip

import (
	"slices"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// checks are the invariants of an outage, looked at after every step.
type checks struct {
	legs     legChecks
	begun    ID
	calls    map[ID]*callInfo
	hops     map[string]Flow // of every request, by branch and method
	invites  map[string]*sipmsg.Request
	asked    []time.Time // new requests of the last minute
	most     int
	mostRegs int
	load     int           // percent of what is allowed that was used
	stimuli  []time.Time   // what has happened to the line
	briefest time.Duration // Retry-After told
	regs     []time.Time   // of them REGISTER
	changed  time.Time     // the settings, or the servers as the line knows them
	stuck    map[*leg]time.Time
	listed   map[*leg]*Server // the first server of its list, as it was last seen
	refused  map[string]bool  // Call-IDs of BYEs that a server refused, as Try_Backup_RSC has it for good
}

// callInfo is what is known of a call of the phone.
type callInfo struct {
	begun    time.Time
	out      bool
	callID   string
	ended    bool
	given    bool // the user hung up or refused
	answered time.Time
	heard    bool // a provisional response came
	end      Ended
}

func (k *checks) init(w *world) {
	k.calls, k.hops, k.invites, k.stuck = map[ID]*callInfo{}, map[string]Flow{}, map[string]*sipmsg.Request{}, map[*leg]time.Time{}
	k.refused, k.listed = map[string]bool{}, map[*leg]*Server{}
	k.begun = -1
	k.changed = w.now
}

func (k *checks) begins(w *world) ID {
	k.begun += 2
	k.stimuli = append(k.stimuli, w.now)
	k.calls[k.begun] = &callInfo{begun: w.now, out: true}
	return k.begun
}

func (k *checks) placed(w *world, id ID) {
	if c := w.agent.calls[id]; c != nil {
		k.calls[id].callID = c.callID
	}
}

func (k *checks) gives(id ID) {
	if c := k.calls[id]; c != nil {
		c.given = true
	}
}

// step looks at the agent after a step.
func (k *checks) step(w *world) {
	a := w.agent
	if next := a.Next(); !next.IsZero() && !next.After(w.now) {
		w.violated("a timer is still due after a step")
	}
	if a.closing {
		return
	}
	for _, ln := range a.lines {
		calls := 0
		for _, c := range a.calls {
			if c.line == ln {
				calls++
			}
		}
		if calls != ln.calls {
			w.violated("line %d has %d calls and counts %d", ln.cfg.Number, calls, ln.calls)
		}
		for _, l := range ln.legs() {
			if len(l.list) > 0 && k.listed[l] != &l.list[0] {
				k.listed[l], k.changed = &l.list[0], w.now
				k.stimuli = append(k.stimuli, w.now)
			}
			k.notStuck(w, l)
		}
	}
	k.legs.step(w)
}

// look sees to it that the checks are made even where nothing happens any more.
func (w *world) look() {
	w.check.step(w)
	if !w.agent.closing {
		w.after(10*time.Second, w.look)
	}
}

// notStuck: a leg that is not registered, and has no request under way, tries again no later than 64*T1 and
// the interval that is stated for its failure, while any of its servers is reachable.
func (k *checks) notStuck(w *world, l *leg) {
	t := w.cfg.Timers
	r := l.reg
	if !r.wanted() || r.valid(w.now) || r.busy() || !l.bound {
		delete(k.stuck, l)
		return
	}
	since, ok := k.stuck[l]
	if !ok {
		k.stuck[l] = w.now
		return
	}
	good := false
	for _, s := range l.list {
		if h := w.hostAt(s.Addr); h != nil && h.goodSince(since) {
			good = true
		}
	}
	if !good || w.phoneOK.IsZero() || w.phoneOK.After(since) {
		k.stuck[l] = w.now // the time counts from when one could be reached
		return
	}
	interval := max(t.RegRetryIntvl, t.RegRetryIntvlCap) // of silence
	if r.code != 0 {
		interval = max(interval, t.RegRetryLongIntvl) // of a refusal; the longest Retry-After is shorter
	}
	limit := 64*t.T1 + interval*11/10 + time.Second
	if w.now.Sub(since) > limit {
		w.violated("leg %s is not registered and does nothing for %s: %s %d %s, retry %v refresh %v starved %v", l.name, w.now.Sub(since), r.state, r.code, r.cause, r.retryAt, r.refreshAt, r.starved)
	}
}

// sent looks at a request of the phone.
func (k *checks) sent(w *world, f Flow, req *sipmsg.Request) {
	branch := branchOf(req)
	key := branch + " " + string(req.Method)
	hop, again := k.hops[key]
	if again {
		if hop.Transport != f.Transport || hop.Remote != f.Remote {
			w.violated("one transaction, two servers: %s to %s, before to %s", req.Method, f.Remote, hop.Remote)
		}
		return
	}
	k.hops[key] = f
	switch req.Method {
	case sipmsg.INVITE:
		k.invites[branch] = req
	case sipmsg.CANCEL, sipmsg.ACK:
		invite, known := k.invites[branch]
		if !known && req.Method == sipmsg.CANCEL {
			w.violated("CANCEL without an INVITE")
		}
		if at := k.hops[branch+" INVITE"]; known && (at.Remote != f.Remote || at.Transport != f.Transport ||
			invite.CSeq().SeqNo != req.CSeq().SeqNo || invite.Recipient.String() != req.Recipient.String()) {
			w.violated("%s to %s does not follow its INVITE to %s", req.Method, f.Remote, at.Remote)
		}
		return
	}
	w.mail.sent(w, f, req)
	if req.Method == sipmsg.SUBSCRIBE {
		return
	}
	k.asked = lastMinute(w, k.asked)
	k.most = max(k.most, len(k.asked))
	if req.Method == sipmsg.REGISTER {
		k.regs = lastMinute(w, k.regs)
		k.mostRegs = max(k.mostRegs, len(k.regs))
	}
	k.noStorm(w)
}

// lastMinute adds now to a list of moments and drops those that are a minute old.
func lastMinute(w *world, list []time.Time) []time.Time {
	i := 0
	for i < len(list) && w.now.Sub(list[i]) >= time.Minute {
		i++
	}
	return append(list[i:], w.now)
}

// noStorm bounds the new requests of the line in any minute, repetitions of one not counted.
//
// A registration tries again no sooner than Reg_Retry_Intvl, or than a Retry-After told it to; what happens to the
// line, a fault, an end of one, a change of settings or of its servers, may each start it once more. Each time it
// asks every server of its leg once at the most, and a hot standby its own; a REGISTER goes four times at the most
// (two challenges, 423 or a corrected Contact). A move to another server costs one to leave the old one, and one
// that confirms. A server is probed at Server_Probe_Intvl, with Failback_Good_Probes in a row, and when it is in
// doubt. A call asks every server, twice with a challenge, and has a BYE and a re-INVITE or two that may move.
func (k *checks) noStorm(w *world) {
	if len(k.asked) < 30 {
		return
	}
	for len(k.stimuli) > 0 && w.now.Sub(k.stimuli[0]) >= time.Minute+64*w.cfg.Timers.T1 {
		k.stimuli = k.stimuli[1:]
	}
	l := w.cfg.Lines[0]
	servers := 0
	for _, ln := range w.agent.lines {
		for _, l := range ln.legs() {
			servers += max(1, len(l.list))
		}
	}
	starts := 2 + len(k.stimuli)
	if k.briefest > 0 {
		starts += int(time.Minute / k.briefest)
	}
	regs := starts * servers * 4
	if l.HotStandby {
		regs *= 2
	}
	probes := 0
	if l.ProbeIntvl > 0 {
		probes = servers * l.GoodProbes * (1 + int(time.Minute/l.ProbeIntvl))
	}
	k.load = max(k.load, 100*len(k.regs)/regs)
	if len(k.regs) > regs {
		w.violated("%d REGISTER in a minute, more than %d", len(k.regs), regs)
	}
	if most := regs + probes + len(k.stimuli)*(3*servers+6); len(k.asked) > most {
		w.violated("%d requests in a minute, more than %d", len(k.asked), most)
	}
}

// refuses notes what a server that is of no use answers to a BYE.
func (k *checks) refuses(w *world, req *sipmsg.Request, code int) {
	if req.Method == sipmsg.BYE && !matchesCode(w.cfg.TryBackupRSC, code) {
		k.refused[req.CallID().Value()] = true
	}
}

// happened looks at the news of calls.
func (k *checks) happened(w *world, e Event) {
	switch e := e.(type) {
	case Incoming:
		k.calls[e.ID] = &callInfo{begun: w.now}
		k.stimuli = append(k.stimuli, w.now)
		k.placed(w, e.ID)
	case Progress:
		if c := k.calls[e.ID]; c != nil {
			c.heard = true
		}
	case Answered:
		if c := k.calls[e.ID]; c == nil || c.ended || !c.answered.IsZero() {
			w.violated("call %d is answered out of place", e.ID)
		} else {
			c.answered = w.now
		}
	case Acked:
		if c := k.calls[e.ID]; c != nil && c.answered.IsZero() {
			c.answered = w.now
		}
	case Ended:
		c := k.calls[e.ID]
		if c == nil || c.ended {
			w.violated("call %d ends twice, or never began", e.ID)
			return
		}
		c.ended, c.end = true, e
		k.ended(w, e, c)
		k.hangs(w, c)
	}
}

// ended: a call ends for a stated cause; and not for want of a server while one could be reached.
func (k *checks) ended(w *world, e Ended, c *callInfo) {
	switch {
	case e.Code == 0 || e.Phrase == "":
		w.violated("call %d ends without a code: %+v", e.ID, e)
	case !e.Remote && e.Code != 200 && e.Code != 487 && e.Cause == "" && !c.given:
		w.violated("call %d ends without a cause: %+v", e.ID, e)
	}
	if c.given || e.Remote && e.Code != 408 && e.Code != 481 || w.agent.closing {
		return
	}
	h := w.reachableSince(c.begun)
	var up *farLeg // who talks to the phone in this call
	for _, l := range w.far.legs {
		if l.callID == c.callID && l.state == legUp {
			up = l
		}
		if l.callID == c.callID && l.asked != nil && l.asked.done && l.asked.code == 0 {
			return // the caller has given up: the INVITE had been on its way for 64*T1
		}
		if by := l.p.host; l.callID == c.callID && by != nil && !by.goodSince(c.begun) && e.Cause == "the far end does not acknowledge" &&
			(c.answered.IsZero() || by.lossy.After(c.begun) || w.cfg.Lines[0].FailoverTimeout == 0) {
			return // the server it came by is gone, and with it the ACK; a call that stands survives that if it is noticed in time
		}
	}
	switch {
	case h == nil:
		return
	case e.Code == 481 && up == nil:
		return // the far end has hung up, and could not say so
	case c.out && c.answered.IsZero() && (e.Cause == "the line is not registered" || c.heard):
		return
	case e.Code == 480 && !c.out || e.Code == 487 && !c.out:
		return // nobody answered
	}
	w.violated("call %d is lost though %s could be reached since it began: %+v", e.ID, h.name, e)
}

// hangs: the far end learns that a call is over, if there is a way to tell it: within the time of a BYE by
// each of the servers it may be tried at.
func (k *checks) hangs(w *world, c *callInfo) {
	ended := w.now
	var known []Server // that the phone takes to be up, and may send a BYE to
	for _, ln := range w.agent.lines {
		for _, l := range ln.legs() {
			for _, e := range l.servers.Entries() {
				if e.Up {
					known = append(known, e.Server)
				}
			}
		}
	}
	w.after(maxMoves*w.cfg.Timers.F+64*w.cfg.Timers.T1, func() {
		for _, l := range w.far.legs {
			if l.callID != c.callID || l.state != legUp {
				continue
			}
			i := slices.IndexFunc(known, func(s Server) bool { h := w.hostAt(s.Addr); return h != nil && h.goodSince(ended) })
			if h := w.reachableSince(ended); h != nil && i >= 0 && !k.refused[l.callID] {
				w.violated("the far end is in call %s still, which ended %s ago, though %s could be reached", l.callID, w.now.Sub(ended), h.name)
			}
			l.end()
		}
	})
}

// reachableSince is a server of the line, as it knows them, that has been working since then. nil: none has.
func (w *world) reachableSince(t time.Time) *host {
	if w.phoneOK.IsZero() || w.phoneOK.After(t) || w.check.changed.After(t) {
		return nil
	}
	for _, ln := range w.agent.lines {
		for _, l := range ln.legs() {
			for _, s := range l.list {
				if h := w.hostAt(s.Addr); h != nil && h.goodSince(t) {
					return h
				}
			}
		}
	}
	return nil
}

// settled looks at everything after the last fault is over and the line has had its time.
func (k *checks) settled(w *world) {
	for _, ln := range w.agent.lines {
		for _, l := range ln.legs() {
			k.atHome(w, ln, l)
		}
	}
	w.mail.settled(w)
}

func (k *checks) atHome(w *world, ln *line, l *leg) {
	for _, id := range w.agent.ids() {
		if k.calls[id].ended {
			w.violated("call %d has ended, and is kept in state %d", id, w.agent.calls[id].state)
			return
		}
	}
	r := l.reg
	if !r.valid(w.now) || r.state != regRegistered {
		w.violated("leg %s is not registered: %s %d %s", l.name, r.state, r.code, r.cause)
		return
	}
	best := w.zone.hosts[0]
	if w.knobs.form == "static" {
		best = w.hosts[0]
	}
	if l.name == "alternate" {
		best = w.hosts[w.knobs.servers]
	}
	if w.knobs.form != "addresses" && l.list[0].Addr != best.addr {
		w.violated("leg %s lists %s first, not %s", l.name, l.list[0].Addr, best.addr)
		return
	}
	if ln.cfg.FallbackIntvl > 0 {
		if l.binding.Addr != l.list[0].Addr || r.server.Addr != l.list[0].Addr {
			w.violated("leg %s uses %s and is registered at %s, not at its best server %s", l.name, w.name(l.binding.Addr), w.name(r.server.Addr), w.name(l.list[0].Addr))
			return
		}
	} else if !l.binding.same(r.server) {
		w.violated("leg %s uses %s and is registered at %s", l.name, w.name(l.binding.Addr), w.name(r.server.Addr))
	}
	h := w.hostAt(r.server.Addr)
	active := h.db.active()
	i := slices.IndexFunc(active, func(b *binding) bool { return b.contact == r.bound.String() })
	if i < 0 && !h.db.hasForgotten(r) {
		w.violated("%s does not know the Contact %s of leg %s", h.name, r.bound.String(), l.name)
	}
	for _, b := range active {
		if !slices.ContainsFunc(ln.legs(), func(l *leg) bool {
			return slices.ContainsFunc(l.registrations(), func(r *registration) bool { return r.bound.String() == b.contact })
		}) {
			w.violated("%s knows %d Contacts, %s in vain: %v", h.name, len(active), b.contact, contactsOf(active))
		}
	}
}

func contactsOf(list []*binding) (out []string) {
	for _, b := range list {
		out = append(out, b.contact)
	}
	return out
}
