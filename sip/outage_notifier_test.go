package sip

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// mail is what a world has of waiting messages: in one world of five each proxy is a notifier, RFC 6665. It has a
// source of chance of its own, so that other worlds are what they were.
type mail struct {
	on    bool
	rnd   *rand.Rand
	asked []time.Time // SUBSCRIBEs of the last minute
	most  int
	hosts map[*host]*mailroom

	newest string // Call-ID of the newest subscription of the phone, unless it has ended it
}

// A mailroom is what one proxy knows of subscriptions.
type mailroom struct {
	subs map[string]*mailSub // by Call-ID
}

// A mailSub is one subscription at a proxy.
type mailSub struct {
	h                     *host
	callID, phoneTag, tag string
	us, them, target      string
	p                     path
	seq                   uint32
	until                 time.Time
	told                  bool // the phone has answered a NOTIFY
}

// drawMail decides whether the world has waiting messages, and what the line wants of them.
func (w *world) drawMail() {
	m := &w.mail
	if w.seed%5 != 3 {
		return
	}
	m.on, m.rnd, m.hosts = true, rand.New(rand.NewPCG(w.seed, 5)), map[*host]*mailroom{}
	for _, h := range w.hosts {
		m.hosts[h] = &mailroom{subs: map[string]*mailSub{}}
	}
	m.draw(&w.cfg.Lines[0])
	w.cfg.Lines[0].VoiceMailEnable = true
	for range m.rnd.IntN(4) {
		w.after(time.Second+time.Duration(m.rnd.Int64N(int64(w.knobs.chaos))), w.configureMail)
	}
}

// draw draws the parameters of waiting messages.
func (m *mail) draw(l *Line) {
	l.VoiceMailEnable = m.rnd.IntN(100) < 75
	l.VoiceMailServer = []string{"mail.test", "sip:600@example.test"}[m.rnd.IntN(2)]
	l.MailboxID = []string{"", "77"}[m.rnd.IntN(2)]
	l.VoiceMailInterval = time.Duration(1+m.rnd.IntN(10)) * time.Minute
}

// configureMail is somebody who changes the settings.
func (w *world) configureMail() {
	w.cfg.Lines = slices.Clone(w.cfg.Lines)
	l := &w.cfg.Lines[0]
	w.mail.draw(l)
	w.say("user: waiting messages %v of %q %q for %s", l.VoiceMailEnable, l.VoiceMailServer, l.MailboxID, l.VoiceMailInterval)
	w.check.changed = w.now
	w.check.stimuli = append(w.check.stimuli, w.now)
	w.step(Configure{w.cfg})
}

// settling is how much longer the line may take where it subscribes: until a subscription that was forgotten is
// refreshed, or one that was refused is asked for again.
func (m *mail) settling(l *Line) time.Duration {
	if !m.on {
		return 0
	}
	return l.VoiceMailInterval + 12*time.Minute
}

// forget is the loss of power.
func (m *mail) forget(h *host) {
	if m.on {
		m.hosts[h].subs = map[string]*mailSub{}
	}
}

// active are the subscriptions a proxy has, in a fixed order.
func (m *mail) active(h *host) (list []*mailSub) {
	if !m.on {
		return nil
	}
	for _, s := range slices.SortedFunc(maps.Values(m.hosts[h].subs), func(a, b *mailSub) int { return cmp.Compare(a.callID, b.callID) }) {
		if s.until.After(h.w.now) {
			list = append(list, s)
		}
	}
	return list
}

// subscribe is the notifier, RFC 6665 section 4.2.1.
func (h *host) subscribe(s *served) {
	w, req := h.w, s.req
	m := &w.mail
	room := m.hosts[h]
	if w.knobs.auth && !strings.Contains(value(req, "Proxy-Authorization"), `"`+h.nonce+`"`) {
		s.answer(407)
		return
	}
	wanted, _ := seconds(req, "Expires")
	if wanted > 0 && wanted < h.db.least {
		s.answer(423, "Min-Expires: "+seconds32(h.db.least))
		return
	}
	sub := room.subs[req.CallID().Value()]
	if toTag(req) != "" && (sub == nil || !sub.until.After(w.now)) {
		s.answer(481)
		return
	}
	if sub == nil {
		sub = &mailSub{h: h, callID: req.CallID().Value(), phoneTag: fromTag(req), tag: h.name, us: req.To().Address.String(), them: req.From().Address.String()}
		room.subs[sub.callID] = sub
		m.mayHaveOne(w)
		sub.goOn()
	}
	sub.target, sub.p = req.Contact().Address.String(), s.p
	sub.until = w.now.Add(min(wanted, h.db.most))
	granted := sub.until.Sub(w.now)
	answer := func() { s.answer(200+2*m.rnd.IntN(2), "Expires: "+seconds32(granted), sub.contact()) }
	state := "active;expires=" + seconds32(granted)
	if wanted == 0 {
		delete(room.subs, sub.callID)
		state = "terminated;reason=timeout"
	}
	if m.rnd.IntN(4) == 0 {
		sub.notify(state)
		answer()
	} else {
		answer()
		sub.notify(state)
	}
}

func (s *mailSub) contact() string {
	t := ""
	if s.p.conn != nil {
		t = ";transport=" + string(s.p.conn.kind)
	}
	return fmt.Sprintf("Contact: <sip:mail@%s%s>", s.h.addr, t)
}

// notify sends a NOTIFY. Where nobody answers, or nobody knows of it, the subscription is over: section 4.2.2.
func (s *mailSub) notify(state string) {
	s.seq++
	lines := []string{
		fmt.Sprintf("From: <%s>;tag=%s", s.us, s.tag), fmt.Sprintf("To: <%s>;tag=%s", s.them, s.phoneTag), "Call-ID: " + s.callID, s.contact(),
		"Event: message-summary", "Subscription-State: " + state,
	}
	room := s.h.w.mail.hosts[s.h]
	s.h.w.ask(s.p, "", "NOTIFY", s.target, s.seq, lines, "", func(code int, _ *sipmsg.Response) {
		s.told = s.told || code == 200
		if (code == 408 || code == 481) && room.subs[s.callID] == s {
			delete(room.subs, s.callID)
		}
	})
}

// goOn lets messages come in, and now and then the notifier end the subscription.
func (s *mailSub) goOn() {
	w := s.h.w
	m := &w.mail
	w.after(20*time.Second+time.Duration(m.rnd.Int64N(int64(70*time.Second))), func() {
		room := m.hosts[s.h]
		if room.subs[s.callID] != s || !s.until.After(w.now) {
			return
		}
		if s.h.serves() {
			if m.rnd.IntN(100) < 5 && !w.far.willing {
				delete(room.subs, s.callID)
				s.notify("terminated;reason=" + []string{"deactivated", "timeout", "giveup", "probation;retry-after=20"}[m.rnd.IntN(4)])
				return
			}
			s.notify("active;expires=" + seconds32(s.until.Sub(w.now)))
		}
		s.goOn()
	})
}

// sent looks at a SUBSCRIBE, and at a REGISTER that removes what the line has at a server.
func (m *mail) sent(w *world, f Flow, req *sipmsg.Request) {
	if !m.on {
		if req.Method == sipmsg.SUBSCRIBE {
			w.violated("a SUBSCRIBE nobody wants")
		}
		return
	}
	if req.Method != sipmsg.SUBSCRIBE {
		m.leaves(w, f, req)
		return
	}
	m.note(w, req)
	if value(req, "Expires") != "0" && !slices.ContainsFunc(w.agent.lines, func(ln *line) bool { return ln.registered(w.now) }) {
		w.violated("a SUBSCRIBE of a line that is not registered")
	}
	m.asked = lastMinute(w, m.asked)
	m.most = max(m.most, len(m.asked))
	servers := 0
	for _, ln := range w.agent.lines {
		for _, l := range ln.legs() {
			servers += max(1, len(l.list))
		}
	}
	// What happens to the line may have it leave a server and subscribe at another, each time with two challenges
	// and 423, and end there what it left before. Else it is as with a registration.
	starts := 2
	for _, at := range w.check.stimuli {
		if w.now.Sub(at) < time.Minute+64*w.cfg.Timers.T1 {
			starts++
		}
	}
	if most := starts * (servers + 1) * 4; len(m.asked) > most {
		w.violated("%d SUBSCRIBE in a minute, more than %d", len(m.asked), most)
	}
}

// note keeps which subscription is the newest, and whether the phone has ended it.
func (m *mail) note(w *world, req *sipmsg.Request) {
	id := req.CallID().Value()
	switch {
	case toTag(req) == "":
		m.newest = id
	case value(req, "Expires") == "0" && m.newest == id:
		m.newest = ""
	}
}

// leaves: before a line un-registers at a server it ends its subscription there (CSCve05725), unless another
// registration stays.
func (m *mail) leaves(w *world, f Flow, req *sipmsg.Request) {
	h := w.hostAt(f.Remote)
	if req.Method != sipmsg.REGISTER || value(req, "Expires") != "0" || h == nil {
		return
	}
	s := m.hosts[h].subs[m.newest]
	if !h.goodSince(w.now.Add(-legHeld)) || w.phoneOK.IsZero() || w.phoneOK.After(w.now.Add(-legHeld)) { // it may be held for dead
		return
	}
	if s == nil || !s.told || !s.until.After(w.now) {
		return
	}
	listed := false
	for _, ln := range w.agent.lines {
		if slices.ContainsFunc(slices.Concat(ln.mailbox.left, ln.mailbox.parting), func(o *subscription) bool { return o.callID == s.callID && (!o.last || o.farewells > 1) }) {
			return // it has ended, and nobody could be told
		}
		for _, l := range ln.legs() {
			listed = listed || l.lists(f.Remote.Addr())
			e, _ := l.servers.Entry(l.binding)
			if slices.ContainsFunc(l.registrations(), func(r *registration) bool {
				return !r.leaving && r.valid(w.now) && r.server.Addr == f.Remote
			}) || e.Addr == f.Remote && !e.Up {
				return
			}
		}
	}
	if listed { // else the end of the subscription goes by a server that is
		w.violated("un-registered at %s before the subscription %s ends there", h.name, s.callID)
	}
}

// mayHaveOne: some time after a subscription has begun there is one at the most at each server that has worked all
// the time and that the line had not taken for dead.
func (m *mail) mayHaveOne(w *world) {
	begun := w.now
	var known []Server
	for _, ln := range w.agent.lines {
		for _, l := range ln.legs() {
			for _, e := range l.servers.Entries() {
				if e.Up {
					known = append(known, e.Server)
				}
			}
		}
	}
	w.after(100*time.Second, func() {
		if w.phoneOK.IsZero() || w.phoneOK.After(begun) || w.agent.closing || w.check.changed.After(begun.Add(-time.Minute)) {
			return // a server that is not the line's any more is told nothing that needs credentials
		}
		for _, h := range w.hosts {
			list := m.active(h)
			if !h.goodSince(begun.Add(-time.Minute)) || !slices.ContainsFunc(known, func(s Server) bool { return s.Addr == h.addr }) {
				continue
			}
			if n := len(list); n > 1 {
				w.violated("%s has %d subscriptions of one line: %s, %s", h.name, n, list[0].callID, list[1].callID)
			}
		}
	})
}

// settled: in peace the subscription lives at the server the line is registered at, and nowhere else.
func (m *mail) settled(w *world) {
	if !m.on || len(w.bad) > 0 {
		return
	}
	for _, ln := range w.agent.lines {
		box := &ln.mailbox
		if !ln.cfg.VoiceMailEnable {
			if box.sub != nil || len(box.left) > 0 {
				w.violated("a subscription is kept that nobody wants")
			}
			m.none(w, "though nobody wants one")
			continue
		}
		s := box.sub
		if s == nil || s.state != subActive || s.d == nil || s.d.early {
			w.violated("line %d is not subscribed: %q %s, next attempt %v", ln.cfg.Number, box.state, box.cause, box.retryAt)
			return
		}
		if r := ln.leg.reg; !s.server.same(r.server) {
			w.violated("line %d is registered at %s and subscribed at %s", ln.cfg.Number, w.name(r.server.Addr), w.name(s.server.Addr))
		}
		for _, h := range w.hosts {
			list := m.active(h)
			here := slices.ContainsFunc(list, func(o *mailSub) bool { return o.callID == s.callID })
			switch {
			case h.addr == s.server.Addr && !here:
				w.violated("%s knows nothing of the subscription %s", h.name, s.callID)
			case h.addr == s.server.Addr && len(list) > 1, h.addr != s.server.Addr && len(list) > 0:
				w.violated("%s has %d subscriptions of the line, which lives at %s", h.name, len(list), w.name(s.server.Addr))
			}
		}
	}
}

// none: no server has a subscription.
func (m *mail) none(w *world, why string) {
	for _, h := range w.hosts {
		if list := m.active(h); len(list) > 0 {
			w.violated("%s has %d subscriptions %s: %s", h.name, len(list), why, list[0].callID)
		}
	}
}

// left: after a Shutdown nothing is subscribed to.
func (m *mail) left(w *world) {
	if !m.on {
		return
	}
	m.none(w, "after the phone has left")
	for _, s := range w.agent.subs {
		if !s.over {
			w.violated("the subscription %s at %s is kept after the end", s.callID, w.name(s.server.Addr))
		}
	}
}
