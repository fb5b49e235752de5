package sip

import (
	"slices"
	"strconv"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Specification constants.
const (
	summaryEvent = "message-summary"                    // RFC 3842 section 3.1
	summaryType  = "application/simple-message-summary" // RFC 3842 section 5
)

// A subscription is one usage of RFC 6665 at one notifier: the SUBSCRIBE that begins it, and the dialog.
type subscription struct {
	agendaEntry
	m      *mailbox
	leg    *leg
	server Server // it was made by
	uri    sipmsg.Uri

	callID, tag string
	seq         uint32
	expires     time.Duration // as asked for
	d           *dialog       // nil: nobody has answered; early: no NOTIFY has come
	tx          *clientTx     // the SUBSCRIBE under way
	routes      []sipmsg.Uri  // of it
	told        contactAt     // as its Contact says
	tries       int
	intervals   int
	farewells   int

	state     string // pending, active; empty: no NOTIFY has said
	answered  bool   // a 2xx has come
	unheard   bool   // no NOTIFY has come since the newest SUBSCRIBE
	unsent    bool   // the newest SUBSCRIBE was not sent, as the line is not registered any more
	ending    bool   // it is to end
	last      bool   // the SUBSCRIBE under way ends it
	over      bool   // it has ended: its NOTIFYs get 481
	stale     bool   // it is to be refreshed as soon as that is allowed
	shaken    bool   // its server has been down
	expiresAt time.Time
	refreshAt time.Time
	notifyBy  time.Time // timer N
}

// send sends a SUBSCRIBE: the first, outside a dialog, by the server the line is registered at; those that refresh or
// end the subscription along the dialog.
func (s *subscription) send(now time.Time) {
	a, to := s.m.ln.a, s.server
	if s.d == nil {
		s.seq++
	} else {
		s.seq = s.d.nextSeq()
		to, s.routes = s.d.way(now)
	}
	s.tx, s.unheard = nil, true
	if tx := a.request(now, s, s.leg, to, sipmsg.SUBSCRIBE); tx.state != txTerminated {
		s.tx = tx
	}
	a.agenda.set(s)
}

// refresh renews the subscription, or tells the notifier where we are now: RFC 6665 section 4.1.2.2.
func (s *subscription) refresh(now time.Time) {
	s.stale, s.shaken, s.refreshAt = false, false, time.Time{}
	s.told = s.reached() // tried is as good as told: if it cannot be sent, the next refresh tries again
	s.tries, s.intervals = 0, 0
	s.send(now)
}

// end ends the subscription: SUBSCRIBE with Expires 0, RFC 6665 section 4.1.2.3. Where no dialog is known yet the answer
// to the first SUBSCRIBE is waited for.
func (s *subscription) end(now time.Time) {
	s.ending, s.refreshAt = true, time.Time{}
	if s.d == nil {
		return
	}
	if s.tx.underWay() {
		s.tx.abandon(now) // a refresh is of no interest any more
	}
	s.last = true
	s.tries = 0
	s.farewells++
	s.send(now)
}

func (s *subscription) compose(tx *clientTx) *sipmsg.Request {
	l, a := s.leg, s.m.ln.a
	if s.unsent = !s.last && (l.reg.state != regRegistered || !l.reg.valid(tx.sentAt)); s.unsent {
		return nil // its connection had to be made anew, and the registration first
	}
	expires := s.expires
	if s.last {
		expires = 0
	}
	var req *sipmsg.Request
	if s.d == nil {
		from := l.aor()
		from.tag = s.tag
		req = a.newRequest(sipmsg.SUBSCRIBE, s.uri, from, party{uri: s.uri}, s.callID, s.seq)
	} else {
		req = s.d.request(a, sipmsg.SUBSCRIBE, s.seq, s.routes)
	}
	s.told = contactAt{l.contactAddr(tx.flow), l.transport(tx.flow)}
	req.AppendHeader(l.contact(tx.flow))
	req.AppendHeader(sipmsg.NewHeader("Event", summaryEvent))
	req.AppendHeader(sipmsg.NewHeader("Expires", seconds32(expires)))
	req.AppendHeader(sipmsg.NewHeader("Accept", summaryType))
	req.AppendHeader(sipmsg.NewHeader("Allow-Events", events))
	if s.d == nil || s.d.trusts(tx.server, s.routes) {
		l.authorize(req)
	}
	setBody(req, "", nil)
	return req
}

// silent is told that the next hop says nothing: is it dead? Then the line moves on, and the subscription with it.
func (s *subscription) silent(now time.Time, tx *clientTx) { s.leg.doubt(now, tx) }

func (s *subscription) response(now time.Time, tx *clientTx, resp *sipmsg.Response) {
	code, l := resp.StatusCode, s.leg
	if tx != s.tx || code < 200 {
		return
	}
	s.tx = nil
	switch {
	case code < 300:
		l.session(sipmsg.SUBSCRIBE).learn(resp, false)
		s.granted(now, tx, resp)
	case (code == 401 || code == 407) && (s.last || !s.ending):
		why := "credentials go to our own servers only"
		if s.d == nil || s.d.trusts(tx.server, s.routes) {
			var again bool
			if again, why = l.challenged(resp, &s.tries); again {
				s.send(now)
				return
			}
		}
		s.refused(now, tx, code, why, 0)
	case code == 423 && !s.last:
		least, ok := seconds(resp, "Min-Expires")
		s.intervals++
		if !ok || least <= s.expires || least > usualSubscription || s.intervals > maxIntervals {
			s.refused(now, tx, code, "Interval Too Brief, and no way to ask for more", 0)
			return
		}
		l.ln.logf("a subscription has to last %s at least", least)
		s.expires, s.m.expires = least, least
		s.send(now)
	default:
		after, _ := seconds(resp, "Retry-After")
		s.refused(now, tx, code, firstOf(reason(resp), resp.Reason, phrase(code)), after)
	}
}

// granted takes in a 2xx. It says how long the subscription lasts; that there is one, and in which dialog, is for the
// first NOTIFY to say, RFC 6665 section 4.1.3, which may have come already.
func (s *subscription) granted(now time.Time, tx *clientTx, resp *sipmsg.Response) {
	m, l := s.m, s.leg
	switch {
	case s.d == nil && toTag(resp) != "":
		local := l.aor()
		local.tag = s.tag
		s.d = dialogOf(l, local, tx, resp)
		s.d.localSeq = s.seq
	case s.d != nil && s.d.remote.tag == toTag(resp):
		s.d.retarget(resp)
	}
	if s.last {
		s.farewell(now)
		return
	}
	granted, ok := seconds(resp, "Expires")
	if !ok {
		granted = s.expires
	}
	granted = min(granted, s.expires)
	if granted <= 0 {
		m.lose(now, s, resp.StatusCode, "the server ended it at once", m.backOff(0, true, 0))
		return
	}
	if !s.answered && !s.ending {
		l.ln.logf("subscribed to waiting messages at %s for %s", where(tx.server.Transport, tx.server.Addr), granted)
	}
	s.answered = true
	s.lasts(now, granted)
	if s.unheard {
		s.notifyBy = now.Add(64 * m.ln.a.cfg.Timers.T1)
	}
	m.ln.a.agenda.set(s)
	if s.ending {
		s.end(now)
	}
}

// lasts plans the refresh of a subscription that lasts so long: as a registration's, and a tenth sooner by chance.
func (s *subscription) lasts(now time.Time, d time.Duration) {
	a := s.m.ln.a
	after := refreshAfter(d, a.cfg.Timers.F)
	after -= a.randomUpTo(after / 10)
	s.expiresAt = now.Add(d)
	s.refreshAt = time.Time{}
	if !s.ending {
		s.refreshAt = now.Add(max(after, minSubscription))
	}
	a.agenda.set(s)
}

// farewell is the good answer to the SUBSCRIBE that ends the subscription: its last NOTIFY is on the way.
func (s *subscription) farewell(now time.Time) {
	m := s.m
	s.leg.ln.logf("the subscription to waiting messages at %s has ended", where(s.server.Transport, s.server.Addr))
	s.expiresAt, s.notifyBy = time.Time{}, now.Add(64*m.ln.a.cfg.Timers.T1)
	m.ln.a.agenda.set(s)
	if !s.unheard { // it has come
		m.lose(now, s, 0, "", 0)
		return
	}
	m.parted(now)
}

// ends tells whether a refusal ends a subscription that there was: RFC 6665 section 4.1.2.2, RFC 5057.
func ends(code int) bool {
	switch code {
	case 404, 405, 410, 416, 489, 501, 604:
		return true
	}
	return code >= 480 && code <= 485
}

// refused takes in a response of 300 and up.
func (s *subscription) refused(now time.Time, tx *clientTx, code int, cause string, after time.Duration) {
	m, l := s.m, s.leg
	what := strconv.Itoa(code) + " " + cause
	switch {
	case s.ending && l.refuses(code):
		s.untold(now, code, what) // a server on the way does not serve
		return
	case s.ending:
		m.lose(now, s, code, what, 0) // it knows nothing of it, or does not want to be told
		return
	}
	if l.refuses(code) && m.blames(now) {
		l.listing(tx.server).unwilling(now, tx.server, "it answers "+strconv.Itoa(code)+" to SUBSCRIBE", 0) // how long voice mail rests is not the line's affair
	}
	stands := s.d != nil && !s.d.early || s.answered
	switch {
	case stands && !ends(code) && now.Before(s.expiresAt):
		s.notRefreshed(now, what, m.backOff(code, false, after))
	case stands && code == 481:
		m.lose(now, s, code, what, 0)
	default:
		m.lose(now, s, code, what, m.backOff(code, false, after))
	}
}

// notRefreshed plans another refresh: until the subscription expires it lasts.
func (s *subscription) notRefreshed(now time.Time, cause string, wait time.Duration) {
	s.refreshAt = now.Add(wait)
	s.m.failures++
	s.m.ln.logf("the subscription to waiting messages is not refreshed: %s", cause)
	s.m.ln.a.agenda.set(s)
}

func (s *subscription) failed(now time.Time, tx *clientTx, code int, cause string) {
	if tx != s.tx {
		return
	}
	s.tx, s.unsent = nil, false
	m, l := s.m, s.leg.listing(tx.server)
	if e, _ := l.servers.Entry(tx.server); !(code == 408 && e.heard.After(tx.begun)) { // it answers others: the notifier is behind it
		l.down(now, tx.server, cause)
	}
	switch {
	case s.ending:
		s.untold(now, code, cause)
	case s.d != nil && now.Before(s.expiresAt):
		s.notRefreshed(now, cause, m.backOff(code, true, 0))
	default:
		s.unknown(now)
		m.lose(now, s, code, cause, m.backOff(code, true, 0))
	}
}

// untold says that the notifier could not be told of the end: it is when it, or the way to it, works again.
func (s *subscription) untold(now time.Time, code int, cause string) {
	m := s.m
	if m.ln.retired || m.ln.a.closing || s.d == nil {
		m.lose(now, s, code, cause, 0)
		return
	}
	s.last = false
	m.parting = slices.DeleteFunc(m.parting, func(o *subscription) bool { return o == s })
	m.leave(s)
	m.parted(now)
}

// unknown says that the notifier may have taken a SUBSCRIBE it has not answered.
func (s *subscription) unknown(now time.Time) {
	if s.d == nil && s.expiresAt.IsZero() && s.seq > 0 {
		s.expiresAt = now.Add(min(s.expires, unknownTime))
	}
}

// done says that the subscription has ended. While the notifier may not know, its NOTIFYs get 481.
func (s *subscription) done() {
	s.over, s.ending = true, true
	s.refreshAt, s.notifyBy = time.Time{}, time.Time{}
	s.tx = nil
	if s.expiresAt.IsZero() {
		s.forget()
		return
	}
	s.m.ln.a.agenda.set(s)
}

// forget drops what is known of the subscription.
func (s *subscription) forget() {
	a := s.m.ln.a
	s.over, s.ending = true, true
	s.expiresAt, s.refreshAt, s.notifyBy = time.Time{}, time.Time{}, time.Time{}
	a.agenda.set(s)
	delete(a.subs, dialogKey{s.callID, s.tag})
}

func (s *subscription) due() time.Time { return earliest(s.expiresAt, s.refreshAt, s.notifyBy) }

func (s *subscription) tick(now time.Time) {
	m := s.m
	if passed(now, s.notifyBy) {
		s.notifyBy = time.Time{}
		m.unnotified(now, s)
	}
	if passed(now, s.refreshAt) {
		s.refreshAt, s.stale = time.Time{}, true // follow refreshes, if the line is registered
	}
	if passed(now, s.expiresAt) {
		s.expiresAt = time.Time{}
		switch {
		case s.over:
			s.forget()
		case s.tx.underWay(): // its answer says how it goes on
		case m.sub == s:
			m.lose(now, s, 0, "it has expired", 0)
		default:
			m.lose(now, s, 0, "", 0)
		}
	}
}
