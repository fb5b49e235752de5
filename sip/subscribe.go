package sip

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Implementation constants of subscriptions.
const (
	usualSubscription = 24 * time.Hour   // Voice_Mail_Subscribe_Interval 0, reference H.3
	refusedPause      = 30 * time.Minute // before a server that refused a SUBSCRIBE for good is asked again, and between failures at the most
	minSubscription   = 5 * time.Second  // a subscription is not refreshed more often, however short it is granted
	farewellTime      = time.Second      // how long un-registering waits for the answer to the un-SUBSCRIBE
	maxFarewells      = 3                // times a server is told that a subscription has ended
	maxLeft           = 16               // subscriptions left at servers that could not be told
	unknownTime       = time.Hour        // how long the notifier may be heard of a SUBSCRIBE it has not answered
)

// The words of SubscriptionStatus.State, beside "pending" and "active", which are the notifier's.
const (
	subOff         = ""
	subWaiting     = "waiting" // for the registration
	subSubscribing = "subscribing"
	subPending     = "pending"
	subActive      = "active"
	subFailed      = "failed"
)

// A mailbox keeps its line subscribed to the messages that wait for it: RFC 6665, RFC 3842. There is one
// subscription at most that is to live. It follows the registration: it is made by the server in use of the leg that
// is registered, made anew where that is another, and ended before the line un-registers. Who is not registered
// subscribes to nothing (reference A.7, A.8).
type mailbox struct {
	agendaEntry
	ln *line

	sub     *subscription   // the one that is to live; nil: none
	parting []*subscription // those whose notifier is being told that they are over
	left    []*subscription // those whose notifier could not be told
	leg     *leg            // where the line subscribes, or has tried to
	at      Server
	fellTo  *leg      // the leg a call fell back to
	fellAt  time.Time // when it was answered there

	state    string // of the newest attempt, while there is no subscription
	code     int
	cause    string
	failures int // in a row
	begunAt  time.Time
	retryAt  time.Time
	expires  time.Duration // the least the notifier grants; 0: it did not say
	blamedAt time.Time     // when a server was left for a code of Try_Backup_RSC

	unregisterAt time.Time // the line un-registers by then
}

// wanted tells whether the settings ask for a subscription.
func (m *mailbox) wanted() bool {
	cfg := &m.ln.cfg
	return cfg.VoiceMailEnable && (cfg.VoiceMailServer != "" || cfg.MailboxID != "") &&
		cfg.Enabled && cfg.Register && !m.ln.retired && !m.ln.a.closing
}

// address is what is subscribed to: Voice_Mail_Server, at which the mailbox is Mailbox_ID or the line's user. Either
// of them may be a whole address, and without a server it is the line's own domain.
func (m *mailbox) address(l *leg) (uri sipmsg.Uri, ok bool) {
	cfg := &m.ln.cfg
	server, box := strings.TrimSpace(cfg.VoiceMailServer), strings.TrimSpace(cfg.MailboxID)
	scheme := "sip:"
	for _, s := range []string{"sip:", "sips:"} {
		if len(server) > len(s) && strings.EqualFold(server[:len(s)], s) {
			scheme, server = s, server[len(s):]
		}
	}
	if len(box) > len("sip:") && strings.EqualFold(box[:len("sip:")], "sip:") {
		box = box[len("sip:"):]
	}
	user, host, whole := strings.Cut(server, "@")
	switch {
	case strings.Contains(box, "@"):
		user, host, _ = strings.Cut(box, "@")
	case whole:
		user = firstOf(box, user)
	default:
		user, host = firstOf(box, cfg.User), firstOf(server, l.domainPort)
	}
	return uri, gateURI(scheme+escapeUser(user)+"@"+host, &uri) && uri.Host != ""
}

// asked is how long a subscription is to last.
func (m *mailbox) asked() time.Duration {
	d := m.ln.cfg.VoiceMailInterval
	if d < time.Second {
		d = usualSubscription
	}
	return max(d, m.expires)
}

// place is where the line subscribes: by the server in use of the primary leg, if that is registered, else of the
// alternate one; and by that one too while a call had to fall back to it and the primary has not been heard since. It
// reports false where nothing is to be sent now: the line is not registered, or about to be elsewhere.
func (m *mailbox) place(now time.Time) (*leg, Server, bool) {
	p, alt := m.ln.leg, m.ln.alternate
	first, second := p, alt
	if alt != nil && m.registered(now, alt) && (!p.servers.Alive() || m.fellBack()) {
		first, second = alt, p
	}
	for _, l := range []*leg{first, second} {
		if l != nil && m.registered(now, l) {
			return l, l.binding, true
		}
	}
	return nil, Server{}, false
}

// registered tells whether the leg's registrar knows the line, and the leg is not about to go elsewhere.
func (m *mailbox) registered(now time.Time, l *leg) bool {
	r := l.reg
	return l.bound && !l.leaving && r.state == regRegistered && r.valid(now) && !l.isDown(l.binding) &&
		(r.server.same(l.binding) || !r.busy())
}

// fellBack tells whether a call had to go by the alternate leg and no server of the primary has said a word since.
func (m *mailbox) fellBack() bool {
	if m.fellTo == nil || m.fellTo != m.ln.alternate {
		return false
	}
	e, ok := m.ln.leg.servers.Entry(m.ln.leg.binding)
	return ok && !e.heard.After(m.fellAt)
}

// follows notes by which leg a call was answered that had begun by another: subscriptions follow it (design
// redundancy.md section 6).
func (m *mailbox) follows(now time.Time, from, to *leg) {
	if from == m.ln.leg && to == m.ln.alternate && to != nil {
		m.fellTo, m.fellAt = to, now
	}
}

// follow does, at the end of each step, what has become of the line calls for.
func (m *mailbox) follow(now time.Time) {
	m.parting = slices.DeleteFunc(m.parting, func(s *subscription) bool {
		if !s.unsent || s.tx.underWay() {
			return false
		}
		s.unknown(now) // its first SUBSCRIBE got lost with the connection, and is of no interest any more
		s.done()
		return true
	})
	if !m.wanted() {
		if m.sub != nil || len(m.left) > 0 || m.state != subOff {
			m.quit(now)
		}
		return
	}
	if m.sub != nil && m.leg.reg.renewing() && m.leg.binding.same(m.at) && !m.leg.isDown(m.at) {
		return // its connection is made anew, and the registration is a round trip away
	}
	l, at, ok := m.place(now)
	if !ok {
		if m.sub != nil && m.leg.isDown(m.at) {
			m.sub.shaken = true // it may have forgotten us when it is back
		}
		if m.state == subOff {
			m.state = subWaiting
		}
		return
	}
	m.tellLeft(now)
	if l != m.leg || !at.same(m.at) {
		m.leg, m.at = l, at
		m.failures, m.retryAt, m.expires = 0, time.Time{}, 0
		m.drop(now)
	}
	switch s := m.sub; {
	case s == nil && m.retryAt.IsZero():
		m.begin(now)
	case s == nil || s.tx.underWay():
	case s.unsent:
		s.send(now)
	case s.stale || s.shaken || s.movedAway():
		s.refresh(now)
	}
	m.ln.a.agenda.set(m)
}

// begin subscribes at the server in use.
func (m *mailbox) begin(now time.Time) {
	a, l := m.ln.a, m.leg
	uri, ok := m.address(l)
	if !ok {
		m.fail(now, 0, "Voice_Mail_Server or Mailbox_ID is no address", refusedPause)
		return
	}
	s := &subscription{m: m, leg: l, server: m.at, uri: uri, callID: a.token(12), tag: a.token(5), expires: m.asked()}
	m.sub, m.begunAt, m.state = s, now, subSubscribing
	a.subs[dialogKey{s.callID, s.tag}] = s
	s.send(now)
	if s.tx == nil {
		m.lose(now, s, 0, "the request could not be put into words", refusedPause)
	}
}

// changed takes over settings: a subscription to something else, or for another time, is made anew.
func (m *mailbox) changed(now time.Time, old Line) {
	cfg := &m.ln.cfg
	if old.VoiceMailServer == cfg.VoiceMailServer && old.MailboxID == cfg.MailboxID && old.VoiceMailInterval == cfg.VoiceMailInterval {
		return
	}
	m.failures, m.retryAt, m.expires = 0, time.Time{}, 0
	m.drop(now)
}

// drop ends the subscription there is, and lets another take its place.
func (m *mailbox) drop(now time.Time) {
	s := m.sub
	if s == nil {
		return
	}
	m.sub = nil
	m.part(now, s)
}

// part tells the notifier of a subscription that it is over, now or when it can be told.
func (m *mailbox) part(now time.Time, s *subscription) {
	switch {
	case s.d == nil && !s.tx.underWay():
		s.unknown(now)
		s.done()
	case s.leg.isDown(s.server) && !m.ln.retired && !m.ln.a.closing: // else now or never
		if s.tx.underWay() {
			s.tx.abandon(now)
		}
		s.tx = nil
		s.unknown(now)
		m.leave(s)
	default:
		m.parting = append(m.parting, s)
		s.end(now)
	}
}

// leave keeps a subscription in mind whose notifier cannot be told. Until it ends by itself its NOTIFYs get 481,
// which ends it too.
func (m *mailbox) leave(s *subscription) {
	s.ending, s.refreshAt, s.notifyBy = true, time.Time{}, time.Time{}
	m.ln.a.agenda.set(s)
	if len(m.left) == maxLeft {
		m.left[0].done()
		m.left = slices.Delete(m.left, 0, 1)
	}
	m.left = append(m.left, s)
}

// tellLeft ends what was left at servers that are back.
func (m *mailbox) tellLeft(now time.Time) {
	if len(m.left) == 0 {
		return
	}
	left := m.left
	m.left = nil
	for _, s := range left {
		switch {
		case s.over || s.d == nil || s.farewells >= maxFarewells || !slices.Contains(m.ln.legs(), s.leg):
			s.done()
		case s.leg.isDown(s.server):
			m.left = append(m.left, s)
		default:
			m.parting = append(m.parting, s)
			s.end(now)
		}
	}
}

// quit ends everything, for the line wants no subscription any more.
func (m *mailbox) quit(now time.Time) {
	m.retryAt, m.failures, m.state, m.code, m.cause = time.Time{}, 0, subOff, 0, ""
	m.tellLeft(now)
	for _, s := range m.left {
		s.done()
	}
	m.left = nil
	m.drop(now)
	m.leg, m.at = nil, Server{}
	m.ln.a.agenda.set(m)
}

// leaveLeg ends what was subscribed to by a leg that is given up.
func (m *mailbox) leaveLeg(now time.Time, l *leg) {
	if m.leg == l {
		m.drop(now)
		m.leg, m.at = nil, Server{}
	}
}

// leaveServer ends what was subscribed to at a server before the registration there is removed, if that is the only one.
func (m *mailbox) leaveServer(now time.Time, r *registration, at Server) {
	s := m.sub
	stays := func(o *registration) bool { return o != r && !o.leaving && o.valid(now) && o.server.same(at) }
	if s != nil && s.leg == r.leg && s.server.same(at) && !slices.ContainsFunc(r.leg.registrations(), stays) {
		m.drop(now)
	}
}

// busy tells whether a notifier is being told that a subscription is over.
func (m *mailbox) busy() bool {
	return slices.ContainsFunc(m.parting, func(s *subscription) bool { return s.tx.underWay() })
}

// unregister removes the line's registrations once its subscription has ended: CSCve05725. That is not waited for any
// longer than farewellTime, so that a phone is not kept from leaving.
func (m *mailbox) unregister(now time.Time) {
	m.quit(now)
	if m.busy() {
		m.unregisterAt = now.Add(farewellTime)
		m.ln.a.agenda.set(m)
		return
	}
	m.ln.unregister(now)
}

// parted is told that a notifier has answered the un-SUBSCRIBE, or will not.
func (m *mailbox) parted(now time.Time) {
	if !m.unregisterAt.IsZero() && !m.busy() {
		m.unregisterAt = time.Time{}
		m.ln.a.agenda.set(m)
		m.ln.unregister(now)
	}
}

func (m *mailbox) due() time.Time { return earliest(m.retryAt, m.unregisterAt) }

func (m *mailbox) tick(now time.Time) {
	if passed(now, m.retryAt) {
		m.retryAt = time.Time{} // follow begins, if the line is registered
	}
	if passed(now, m.unregisterAt) {
		m.unregisterAt = time.Time{}
		m.ln.unregister(now)
	}
}

// lose says that the subscription is over, and when to begin another; 0: at once, which is not done twice in
// Reg_Retry_Intvl.
func (m *mailbox) lose(now time.Time, s *subscription, code int, cause string, wait time.Duration) {
	s.done()
	same := func(o *subscription) bool { return o == s }
	m.parting, m.left = slices.DeleteFunc(m.parting, same), slices.DeleteFunc(m.left, same)
	if m.sub != s {
		m.parted(now)
		return
	}
	m.sub = nil
	m.fail(now, code, cause, wait)
}

// fail plans the next attempt.
func (m *mailbox) fail(now time.Time, code int, cause string, wait time.Duration) {
	if least := m.ln.a.cfg.Timers.RegRetryIntvl - now.Sub(m.begunAt); wait < least {
		wait = least + m.ln.a.randomUpTo(least/10)
	}
	m.failures++
	m.state, m.code, m.cause = subFailed, code, cause
	if wait > 0 {
		m.retryAt = now.Add(wait)
		m.ln.logf("not subscribed to waiting messages: %s; next attempt in %s", cause, wait.Round(time.Second))
	} else {
		m.retryAt = time.Time{}
		m.ln.logf("the subscription to waiting messages has ended and is made anew: %s", cause)
	}
	m.ln.a.agenda.set(m)
}

// backOff is how long to wait after a failure: Reg_Retry_Intvl, doubled from failure to failure, where nobody answered
// or the answer may be another soon; refusedPause at the most, and after what is an answer for good. Retry-After is
// obeyed. A tenth is added by chance, so that phones that failed together do not return together.
func (m *mailbox) backOff(code int, silent bool, after time.Duration) time.Duration {
	a := m.ln.a
	least := a.cfg.Timers.RegRetryIntvl
	wait := refusedPause
	if silent || m.passing(code) {
		wait = least
		for range m.failures {
			if wait = min(2*wait, max(refusedPause, least)); wait >= refusedPause {
				break
			}
		}
	}
	if after > 0 {
		wait = min(max(after, min(time.Second<<min(m.failures, 10), least)), maxRetryAfter)
	}
	return wait + a.randomUpTo(wait/10)
}

// passing tells whether a refusal may be another answer soon.
func (m *mailbox) passing(code int) bool {
	switch code {
	case 501, 505, 513:
		return false
	case 408, 480, 481, 486, 491, 600:
		return true
	}
	cfg := &m.ln.a.cfg
	return code >= 500 && code < 600 || matchesCode(cfg.RetryRegRSC, code) || matchesCode(cfg.TryBackupRSC, code)
}

// blames tells whether a code of Try_Backup_RSC is held against the server. Where one has been held against a server
// lately, it is the voice mail behind them all that does not serve: the line, which they serve well, stays.
func (m *mailbox) blames(now time.Time) bool {
	if !m.blamedAt.IsZero() && now.Sub(m.blamedAt) < refusedPause {
		return false
	}
	m.blamedAt = now
	return true
}

// status is what can be shown.
func (m *mailbox) status() SubscriptionStatus {
	st := SubscriptionStatus{State: m.state, Code: m.code, Cause: m.cause, Refresh: m.retryAt}
	if s := m.sub; s != nil {
		st = SubscriptionStatus{State: subSubscribing, Leg: s.leg.name, Server: where(s.server.Transport, s.server.Addr), Expires: s.expiresAt, Refresh: s.refreshAt}
		if s.d != nil && s.state != "" {
			st.State = s.state
		}
	}
	return st
}

// movedAway tells whether the notifier knows another end of the way to us than there is: our address has changed, or
// the connection is another.
func (s *subscription) movedAway() bool {
	if s.leg.bindingFlow() == nil {
		return false // the registration makes it anew
	}
	return s.told != s.reached()
}

// reached is our end of the way there is now.
func (s *subscription) reached() contactAt {
	return contactAt{s.leg.contactAddr(nil), s.leg.transport(nil)}
}

// A contactAt is an address of ours, and the transport it is reached by.
type contactAt struct {
	addr netip.AddrPort
	by   Transport
}
