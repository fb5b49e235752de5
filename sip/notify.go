package sip

import (
	"slices"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// A subState is what a NOTIFY says of its subscription, RFC 6665 section 8.2.1: the header Subscription-State.
type subState struct {
	state      string // active, pending, terminated; another one: an extension, which leaves the subscription as it is
	reason     string // of the end, RFC 6665 section 4.1.3; empty: none
	expires    time.Duration
	limited    bool // expires was there
	retryAfter time.Duration
}

// subscriptionState reads Subscription-State. It reports false where there is none: RFC 3265 servers of old leave it
// out, and mean active. A parameter that cannot be read is not there.
func subscriptionState(m sipmsg.Message) (st subState, ok bool) {
	text := value(m, "Subscription-State")
	word, params, _ := strings.Cut(text, ";")
	if st.state = strings.ToLower(strings.TrimSpace(word)); st.state == "" {
		return subState{}, false
	}
	for p := range strings.SplitSeq(params, ";") {
		name, val, _ := strings.Cut(p, "=")
		val = strings.TrimSpace(val)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "reason":
			st.reason = strings.ToLower(val)
		case "expires":
			if d, ok := deltaSeconds(val); ok {
				st.expires, st.limited = d, true
			}
		case "retry-after":
			st.retryAfter, _ = deltaSeconds(val)
		}
	}
	return st, true
}

// eventOf reads Event: its package in lower case, and the id that tells subscriptions in one dialog apart.
func eventOf(m sipmsg.Message) (name, id string) {
	name, params, _ := strings.Cut(value(m, "Event"), ";")
	for p := range strings.SplitSeq(params, ";") {
		if k, v, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(k), "id") {
			id = strings.TrimSpace(v)
		}
	}
	return strings.ToLower(strings.TrimSpace(name)), id
}

// request takes in a request that came with the subscription's Call-ID and our tag.
func (s *subscription) request(now time.Time, tx *serverTx) {
	req, a := tx.req, s.m.ln.a
	switch {
	case req.Method == sipmsg.OPTIONS:
		a.answerOptions(now, tx)
		return
	case req.Method != sipmsg.NOTIFY || s.over || fromTag(req) == "":
		tx.answer(now, 481)
		return
	}
	name, id := eventOf(req)
	switch {
	case name != summaryEvent:
		tx.answer(now, 489)
		return
	case id != "":
		tx.answer(now, 481) // ours has none
		return
	case s.d != nil && !s.d.early && s.d.remote.tag != fromTag(req):
		// The SUBSCRIBE was forked. The messages of one mailbox are one subscription: RFC 6665 section 4.5.2.
		tx.answer(now, 481)
		return
	}
	if s.d == nil || s.d.early && s.d.remote.tag != fromTag(req) {
		// Before the 2xx, or of another fork than that: section 4.4.1, the NOTIFY makes the dialog.
		s.d = dialogFrom(s.leg, s.tag, tx.flow, req)
		s.d.localSeq = s.seq
	} else if !s.d.order(req) {
		s.m.ln.logf("NOTIFY out of order")
		tx.answer(now, 500) // RFC 3261 section 12.2.2
		return
	} else {
		s.d.retarget(req)
	}
	first := s.d.early
	s.d.early = false
	resp := a.newResponse(req, 200, tx.tag)
	if first {
		shareHeaders("Record-Route", req, resp) // RFC 3261 section 12.1.1
	}
	tx.respond(now, resp, nil)
	s.m.notified(now, s, req)
}

// notified takes in a NOTIFY of a subscription.
func (m *mailbox) notified(now time.Time, s *subscription, req *sipmsg.Request) {
	a := m.ln.a
	if s.unheard = false; !s.last {
		s.notifyBy = time.Time{} // else it is forgotten by then, whatever it says meanwhile
	}
	a.agenda.set(s)
	st, told := subscriptionState(req)
	if !told {
		st.state = subActive
	}
	if m.sub == s && len(req.Body()) > 0 {
		a.emit(Notify{Line: m.ln.cfg.Number, Event: summaryEvent, Type: mediaType(req), Body: slices.Clone(req.Body())})
	}
	if st.state == "terminated" {
		m.terminated(now, s, st)
		return
	}
	if s.ending {
		if s.d != nil && !s.last {
			s.end(now) // the first word of a subscription that is not wanted any more
		}
		return
	}
	if st.state == subActive || st.state == subPending {
		m.failures = 0
		if s.state != st.state {
			if st.state == subPending {
				m.ln.logf("the subscription to waiting messages is pending: the server has not decided yet")
			}
			s.state = st.state
		}
	}
	switch {
	case !st.limited:
		if s.expiresAt.IsZero() && !s.answered {
			s.lasts(now, s.expires) // the 2xx will say
		}
	case s.expiresAt.IsZero() || now.Add(st.expires).Before(s.expiresAt.Add(-time.Second)):
		s.lasts(now, min(max(st.expires, minSubscription), s.expires)) // section 4.1.3: what the NOTIFY says counts
	}
}

// terminated takes in the end of a subscription as the notifier tells it: RFC 6665 section 4.1.3.
func (m *mailbox) terminated(now time.Time, s *subscription, st subState) {
	s.expiresAt = time.Time{} // it knows of it no more
	if s.ending {
		m.ended(now, s)
		return
	}
	wait, cause := time.Duration(0), "terminated"
	if st.reason != "" {
		cause += ": " + st.reason
	}
	switch st.reason {
	case "deactivated", "timeout": // at once
	case "rejected", "noresource", "invariant": // not again; but somebody may have set up the mailbox meanwhile
		wait = m.backOff(0, false, 0)
	default: // probation, giveup, an extension, none
		wait = m.backOff(0, true, st.retryAfter)
	}
	if s.tx.underWay() {
		s.tx.abandon(now)
	}
	m.lose(now, s, 0, cause, wait)
}

// ended is the last NOTIFY of a subscription that was to end.
func (m *mailbox) ended(now time.Time, s *subscription) {
	if s.tx.underWay() {
		return // its 2xx follows
	}
	m.lose(now, s, 0, "", 0)
}

// unnotified is timer N: a 2xx came, and no NOTIFY within 64*T1. RFC 6665 section 4.1.2.4.
func (m *mailbox) unnotified(now time.Time, s *subscription) {
	if s.ending {
		m.lose(now, s, 0, "", 0)
		return
	}
	m.sub = nil
	m.part(now, s)
	m.fail(now, 0, "the server takes the subscription and sends no NOTIFY", m.backOff(0, true, 0))
}
