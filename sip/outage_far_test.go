package sip

import (
	"fmt"
	"net/netip"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// A farEnd is everybody the phone talks to, behind all proxies. It always works and is always reachable by a
// proxy that works; and directly, where no proxy has put itself on the route.
type farEnd struct {
	w       *world
	addr    netip.AddrPort
	delay   time.Duration
	merges  bool // one telephone behind all proxies, which knows an INVITE that came twice
	willing bool // it answers at once
	legs    []*farLeg
}

type legState uint8

const (
	legRinging  legState = iota
	legAnswered          // 200 sent, no ACK yet
	legUp
	legOver
)

// A farLeg is one dialog of the far end with the phone.
type farLeg struct {
	f           *farEnd
	state       legState
	out         bool // the phone placed it
	callID      string
	phoneTag    string
	tag         string
	us, them    string // URIs of the far end and of the phone
	target      string // the phone's Contact
	route       bool   // the proxy stays on the route
	p           path
	seq         uint32
	phoneSeq    uint32 // of the INVITE
	invite      *served
	asked       *request // the INVITE to the phone
	over        time.Time
	busyWith    bool // an INVITE of ours is under way
	upSince     time.Time
	phoneHungUp bool
}

func (f *farEnd) leg(callID, phoneTag, tag string) *farLeg {
	for i := len(f.legs) - 1; i >= 0; i-- {
		if l := f.legs[i]; l.callID == callID && l.phoneTag == phoneTag && l.tag == tag {
			return l
		}
	}
	return nil
}

// invited takes in an INVITE that starts a call.
func (f *farEnd) invited(s *served) {
	w, req := f.w, s.req
	if !s.open() {
		return
	}
	callID, tag := req.CallID().Value(), fromTag(req)
	for _, l := range f.legs {
		if f.merges && l.callID == callID && l.phoneTag == tag && l.phoneSeq == req.CSeq().SeqNo {
			s.answer(482)
			return
		}
	}
	l := &farLeg{f: f, out: true, callID: callID, phoneTag: tag, tag: w.fresh("far"), us: req.To().Address.String(), them: req.From().Address.String(),
		target: req.Contact().Address.String(), route: w.knobs.route, p: s.p, phoneSeq: req.CSeq().SeqNo, invite: s}
	f.legs = append(f.legs, l)
	s.leg = l
	kind := w.rnd.IntN(100)
	rings, answers := w.between(20*time.Millisecond, time.Second), w.between(100*time.Millisecond, 6*time.Second)
	if f.willing {
		kind, rings, answers = 0, 50*time.Millisecond, 200*time.Millisecond
	}
	w.after(rings, func() {
		if s.open() && l.state == legRinging {
			s.answer(180, l.contact(), l.recordRoute())
		}
	})
	w.after(max(answers, rings), func() {
		if !s.open() || l.state != legRinging {
			return
		}
		switch {
		case kind < 75:
			l.state = legAnswered
			l.accept(s, 500*time.Millisecond, w.now.Add(32*time.Second))
		case kind < 85:
			l.end()
			s.answer(486)
		case kind < 92:
			l.end()
			s.answer(603)
		case kind < 95:
			l.end()
			s.answer(302, "Contact: <sip:1003@example.test>")
		case kind < 96:
			l.end()
			s.answer(300, "Contact: <sip:1003@example.test>;q=0.5, <sip:1004@10.0.9.9>")
		case kind < 97:
			l.end()
			s.answer(305, fmt.Sprintf("Contact: <sip:%s>", w.stranger))
		} // else it rings on
	})
}

// contact and recordRoute are header lines of the far end.
func (l *farLeg) contact() string { return fmt.Sprintf("Contact: <sip:far@%s>", l.f.addr) }

func (l *farLeg) recordRoute() string {
	if !l.route || l.p.host == nil {
		return "X-Route: none"
	}
	h := l.p.host
	t := ""
	if l.p.conn != nil {
		t = ";transport=" + string(l.p.conn.kind)
	}
	return fmt.Sprintf("Record-Route: <sip:%s%s;lr>", h.addr, t)
}

// accept sends 200 until its ACK comes, RFC 3261 section 13.3.1.4.
func (l *farLeg) accept(s *served, d time.Duration, until time.Time) {
	w := l.f.w
	if s.open() {
		s.answer(200, l.contact(), l.recordRoute(), "v=0")
	} else {
		s.send()
	}
	w.after(d, func() {
		switch {
		case l.state != legAnswered:
		case w.now.Before(until):
			l.accept(s, min(2*d, 4*time.Second), until)
		default:
			w.say("far gets no ACK for call %s", l.callID)
			l.bye()
		}
	})
}

// acked takes in the ACK to a 200.
func (f *farEnd) acked(req *sipmsg.Request) {
	l := f.leg(req.CallID().Value(), fromTag(req), toTag(req))
	if l != nil && l.state == legAnswered {
		l.up()
	}
}

// up is the beginning of a conversation, and a draw of how it goes on.
func (l *farLeg) up() {
	w := l.f.w
	l.state, l.upSince = legUp, w.now
	if l.f.willing {
		return
	}
	if w.chance(20) {
		w.after(w.between(time.Second, 40*time.Second), l.reinvite)
	}
	if w.chance(60) {
		w.after(w.between(2*time.Second, 150*time.Second), func() {
			if l.state == legUp {
				l.bye()
			}
		})
	}
}

// end forgets a dialog.
func (l *farLeg) end() {
	if l.state != legOver {
		l.state, l.over = legOver, l.f.w.now
	}
}

// canceled takes in a CANCEL.
func (f *farEnd) canceled(invite *served) {
	if l := invite.leg; invite.open() {
		if l != nil {
			l.end()
		}
		invite.answer(487)
	}
}

// inDialog takes in a request in a dialog.
func (f *farEnd) inDialog(s *served) {
	req := s.req
	l := f.leg(req.CallID().Value(), fromTag(req), toTag(req))
	if l == nil || l.state == legOver {
		s.answer(481)
		return
	}
	switch req.Method {
	case sipmsg.BYE:
		l.phoneHungUp = true
		l.end()
		s.answer(200)
	case sipmsg.INVITE:
		if l.busyWith {
			s.answer(491)
			return
		}
		l.target, l.p = req.Contact().Address.String(), s.p
		s.leg = l
		s.answer(200, l.contact(), "v=0")
	default:
		s.answer(200)
	}
}

// receive takes in what came from the phone past all proxies.
func (f *farEnd) receive(p path, v Verdict) {
	if v.Response != nil {
		f.w.answered(v.Response, nil)
		return
	}
	req := v.Request
	if req.Method == sipmsg.ACK {
		f.acked(req)
		return
	}
	key := branchOf(req) + " " + string(req.Method)
	s := f.self().answers[key]
	if s != nil {
		f.w.deliver(path{phone: s.p.phone}, s.last)
		return
	}
	s = &served{h: f.self(), p: p, req: req}
	f.self().answers[key] = s
	f.inDialog(s)
}

// self is the far end as a place requests are answered at.
func (f *farEnd) self() *host { return f.w.direct }

// send sends a request in the dialog.
func (l *farLeg) send(method string, seq uint32, body string, heard func(int, *sipmsg.Response)) {
	p := l.p
	if !l.route {
		addr, err := netip.ParseAddrPort(hostPortOf(l.target))
		if err != nil {
			return
		}
		p = path{phone: addr}
	}
	lines := []string{
		fmt.Sprintf("From: <%s>;tag=%s", l.us, l.tag), fmt.Sprintf("To: <%s>;tag=%s", l.them, l.phoneTag), "Call-ID: " + l.callID, l.contact(),
	}
	l.f.w.ask(p, "", method, l.target, seq, lines, body, heard)
}

func hostPortOf(uri string) string {
	var u sipmsg.Uri
	if !gateURI(uri, &u) {
		return ""
	}
	return u.HostPort()
}

// bye hangs up.
func (l *farLeg) bye() {
	l.end()
	l.seq++
	l.send("BYE", l.seq, "", func(int, *sipmsg.Response) {})
}

// reinvite offers a new session.
func (l *farLeg) reinvite() {
	if l.state != legUp || l.busyWith {
		return
	}
	l.seq++
	seq := l.seq
	l.busyWith = true
	l.send("INVITE", seq, "v=0", func(code int, resp *sipmsg.Response) {
		switch {
		case code < 200:
			return
		case code < 300:
			l.send("ACK", seq, "", nil)
		case code == 481:
			l.end()
		}
		l.busyWith = false
	})
}

// call places a call to the phone by a proxy that knows where it is. It reports false if none does.
func (f *farEnd) call(h *host) *farLeg {
	w := f.w
	list := h.db.active()
	if len(list) == 0 {
		return nil
	}
	b := list[0]
	p := path{host: h, conn: b.path.conn}
	if b.path.conn == nil {
		addr, err := netip.ParseAddrPort(hostPortOf(b.contact))
		if err != nil {
			return nil
		}
		p.phone = addr
	} else {
		p.phone = b.path.conn.local
		if b.path.host != h { // a cluster hands the call to the proxy that has the connection
			p.host, h = b.path.host, b.path.host
		}
	}
	l := &farLeg{f: f, callID: w.fresh("in") + "@far", tag: w.fresh("far"), us: "sip:1002@example.test", them: "sip:1001@example.test",
		target: b.contact, route: w.knobs.route, p: p, seq: 1}
	f.legs = append(f.legs, l)
	lines := []string{fmt.Sprintf("From: \"Bob\" <%s>;tag=%s", l.us, l.tag), fmt.Sprintf("To: <%s>", l.them), "Call-ID: " + l.callID, l.contact(), l.recordRoute()}
	w.say("far calls by %s", h.name)
	l.asked = w.ask(p, "", "INVITE", b.contact, 1, lines, "v=0", func(code int, resp *sipmsg.Response) {
		switch {
		case code < 200:
		case code < 300:
			l.phoneTag = toTag(resp)
			if c := resp.Contact(); c != nil {
				l.target = c.Address.String()
			}
			l.send("ACK", 1, "", nil)
			if l.state == legRinging {
				l.up()
			}
		default:
			l.end()
		}
	})
	if !f.willing {
		w.after(w.between(3*time.Second, 30*time.Second), func() {
			if l.state == legRinging && l.asked.code > 0 && !l.asked.done {
				w.ask(p, l.asked.branch, "CANCEL", b.contact, 1, lines[:3], "", func(int, *sipmsg.Response) {})
			}
		})
	}
	return l
}
