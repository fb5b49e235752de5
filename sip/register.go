package sip

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Specification constants, reference A.8.
const (
	maxChallenges = 2 // 401 or 407 followed for one request
	maxRedirects  = 5 // 3xx followed for one request
	maxAgains     = 4 // REGISTERs in a row that a server may leave unanswered while it answers others
)

// Implementation constants.
const (
	defaultExpires = time.Hour
	minFlowLife    = 5 * time.Second // the second connection in a row that broke sooner is not opened again at once
	maxCorrections = 3               // Contacts corrected in a row; a NAT that never answers the same is left alone
	maxIntervals   = 2               // 423 followed in a row
	handover       = 2 * time.Second // how long a changed line waits for its old registration to be removed
)

// The words of LineStatus.State and Registration.State.
const (
	regDisabled     = "disabled"
	regUnregistered = "unregistered"
	regRegistering  = "registering"
	regRegistered   = "registered"
	regFailed       = "failed"
)

// A registration keeps our Contact bound at a registrar: at the leg's server in use, or as a hot standby
// at one of the others. RFC 3261 section 10.2, reference A.8.
type registration struct {
	agendaEntry
	leg     *leg
	standby bool   // at fixed, whatever the server in use
	fixed   Server // of a standby
	toUse   bool   // of a standby: its server is to be the one in use, once it has answered
	id      int    // reg-id, RFC 5626 section 4.2; 0: none
	state   string
	code    int
	cause   string

	callID, tag string // the same for every REGISTER
	seq         uint32
	under       []*registerTry // REGISTERs under way, the newest last
	late        []*registerTry // those a server has not answered where another has
	tried       []Server       // asked since the registration, or its refresh, began
	bound       sipmsg.Uri     // Contact known at the registrar; no Host: none
	server      Server         // who knows it
	deciding    bool           // a failure is being looked at: where to go on is not for others to say
	redirected  bool           // the leg's own servers had it registered there
	expires     time.Duration
	granted     time.Duration

	expiresAt, refreshAt, retryAt time.Time

	corrections int
	failures    int  // in a row
	flaps       int  // connections in a row that broke soon
	starved     bool // there is no server
	silent      bool // the failure is that nobody answered

	heldUntil time.Time     // the registration of the line as it was before is being removed
	successor *registration // waits for this one to be removed
	leaving   bool          // un-registering for good
	last      bool          // leaving, once the REGISTER under way is answered
}

// A registerTry is one REGISTER and what follows from its answers, at one server.
type registerTry struct {
	r       *registration
	tx      *clientTx
	server  Server
	sent    sipmsg.Uri   // its Contact
	removed []sipmsg.Uri // Contacts it removes
	home    bool         // it goes to a better server than the one in use, which stays if this fails
	alone   bool         // no other server is asked beside it, however long this one takes

	tries, redirects, intervals int
	agains                      int // REGISTERs before it that nobody answered, though the server lives
}

func (r *registration) wanted() bool {
	cfg := r.leg.ln.cfg
	return cfg.Enabled && cfg.Register && cfg.Proxy != "" && !r.leaving && !r.leg.ln.a.closing
}

func (r *registration) start(time.Time) {
	a := r.leg.ln.a
	r.callID, r.tag = a.token(12), a.token(5)
	r.expires = r.leg.ln.cfg.Expires
	if r.expires < time.Second {
		r.expires = defaultExpires
	}
	switch {
	case !r.leg.ln.cfg.Enabled:
		r.set(regDisabled, 0, "")
	case !r.wanted():
		r.set(regUnregistered, 0, "")
	default:
		r.set(regRegistering, 0, "")
	}
}

// set changes the state; the line tells of it.
func (r *registration) set(state string, code int, cause string) {
	r.state, r.code, r.cause = state, code, cause
	r.leg.ln.tell()
}

// valid tells whether the registrar knows our Contact.
func (r *registration) valid(now time.Time) bool { return now.Before(r.expiresAt) }

// at is where the next REGISTER goes.
func (r *registration) at(now time.Time) Server {
	if r.standby {
		return r.fixed
	}
	return r.leg.choose(now)
}

// located says that there is a server to register at.
func (r *registration) located(now time.Time) {
	r.starved = false
	switch {
	case !r.wanted() || r.busy():
	case !r.heldUntil.IsZero():
		r.retryAt = r.heldUntil
		r.leg.ln.a.agenda.set(r)
	default:
		r.begin(now)
	}
}

// noServers says that there is none; the location goes on by itself.
func (r *registration) noServers(time.Time) {
	if r.wanted() {
		r.starved = true
		r.set(regFailed, 0, r.leg.cause)
	}
}

// begin starts a registration or a refresh at the server in use, or at a better one whose time has come.
func (r *registration) begin(now time.Time) {
	r.tried = nil
	r.refreshAt, r.retryAt = time.Time{}, time.Time{}
	if !r.valid(now) {
		r.set(regRegistering, 0, "")
	}
	if !r.mayBegin(now, r.at(now)) {
		return
	}
	if better, ok := r.leg.atRefresh(now); ok && !r.standby && r.valid(now) {
		r.leg.ln.logf("server %s is to be used again", where(better.Transport, better.Addr))
		r.ask(now, better).home = true
		return
	}
	r.ask(now, r.at(now))
}

// returnTo registers at a better server than the one in use. The registration there is stays until that
// has succeeded. It reports false if another REGISTER is under way.
func (r *registration) returnTo(now time.Time, s Server) bool {
	if r.busy() {
		return false
	}
	r.ask(now, s).home = true
	return true
}

// ask sends a REGISTER to a server, beside those under way.
func (r *registration) ask(now time.Time, s Server) *registerTry {
	t := &registerTry{r: r, server: s}
	r.leg.ln.a.forgetLeftovers(now)
	r.tried = append(r.tried, s)
	r.under = append(r.under, t)
	t.send(now)
	return t
}

// send sends the REGISTER, or sends it again with what was learnt.
func (t *registerTry) send(now time.Time) {
	r := t.r
	r.seq++
	t.tx = nil
	tx := r.leg.ln.a.request(now, t, r.leg, t.server, sipmsg.REGISTER)
	if tx.state != txTerminated {
		t.tx = tx
	} else {
		r.drop(t)
	}
	r.leg.ln.a.agenda.set(r)
}

// drop forgets a REGISTER and tells whether others are under way.
func (r *registration) drop(t *registerTry) bool {
	same := func(o *registerTry) bool { return o == t }
	r.under, r.late = slices.DeleteFunc(r.under, same), slices.DeleteFunc(r.late, same)
	return len(r.under) > 0
}

func (t *registerTry) compose(tx *clientTx) *sipmsg.Request {
	r, l := t.r, t.r.leg
	ln, a := l.ln, l.ln.a
	aor := l.aor()
	from := aor
	from.tag = r.tag
	registrar := sipmsg.Uri{Scheme: "sip"}
	if !gateURI("sip:"+l.domainPort, &registrar) {
		return nil
	}
	req := a.newRequest(sipmsg.REGISTER, registrar, from, aor, r.callID, r.seq)
	expires := r.expires
	contacts := r.leftAt(tx.server)
	if r.leaving {
		expires = 0
	} else {
		next := ln.contactURI(t.contactAddr(tx), tx.server.Transport)
		if tx.req != nil {
			contacts = append(contacts, t.sent) // it goes again, by another connection: the server may have got it
		}
		t.sent = next
		c := &sipmsg.ContactHeader{Address: t.sent}
		if a.cfg.InstanceID != "" {
			c.Params = sipmsg.HeaderParams{{K: "+sip.instance", V: `"<` + a.cfg.InstanceID + `>"`}}
			if r.id > 0 {
				c.Params = append(c.Params, sipmsg.HeaderKV{K: "reg-id", V: strconv.Itoa(r.id)})
			}
		}
		req.AppendHeader(c)
	}
	t.removed = nil
	for _, uri := range contacts {
		if !r.leaving && sameContact(&uri, &t.sent) {
			continue
		}
		t.removed = append(t.removed, uri)
		req.AppendHeader(&sipmsg.ContactHeader{Address: uri, Params: sipmsg.HeaderParams{{K: "expires", V: "0"}}})
	}
	req.AppendHeader(sipmsg.NewHeader("Expires", seconds32(expires)))
	req.AppendHeader(sipmsg.NewHeader("Allow", allowed))
	req.AppendHeader(sipmsg.NewHeader("Supported", supported))
	l.authorize(req)
	setBody(req, "", nil)
	return req
}

// contactAddr is what we register: what a registrar has seen of us, else our end of the flow.
func (t *registerTry) contactAddr(tx *clientTx) netip.AddrPort {
	l := t.r.leg
	if l.public.IsValid() {
		return l.public
	}
	if !tx.big {
		return tx.flow.local()
	}
	return l.contactAddr(tx.flow)
}

func (t *registerTry) response(now time.Time, tx *clientTx, resp *sipmsg.Response) {
	code := resp.StatusCode
	if tx != t.tx || code < 200 {
		return
	}
	t.tx = nil
	r, l := t.r, t.r.leg
	if r.leaving {
		r.left(now, t, resp)
		return
	}
	moved := r.seen(t, tx, resp)
	switch {
	case code < 300:
		l.auth.learn(resp, false)
		r.success(now, t, resp, moved)
	case code == 401 || code == 407:
		if again, why := l.challenged(resp, &t.tries); again {
			t.send(now)
		} else {
			r.refused(now, t, code, why, 0)
		}
	case code == 423:
		least, ok := seconds(resp, "Min-Expires")
		t.intervals++
		if !ok || least <= r.expires || least > l.ln.a.cfg.Timers.RegMaxExpires || t.intervals > maxIntervals {
			r.refused(now, t, code, "Interval Too Brief, and no way to ask for more", 0)
			return
		}
		l.ln.logf("the registrar wants a registration to last %s at least", least)
		r.expires = least
		t.send(now)
	case code == 301 || code == 302:
		if t.redirects++; t.redirects > maxRedirects || resp.Contact() == nil {
			r.refused(now, t, code, "redirected without end", 0)
			return
		}
		l.ln.logf("redirected to %s", resp.Contact().Address.String())
		l.ln.a.resolve(now, l, resp.Contact().Address, t)
	default:
		after, _ := seconds(resp, "Retry-After")
		r.refused(now, t, code, firstOf(reason(resp), resp.Reason, phrase(code)), after)
	}
}

// resolved says where a redirected registration goes.
func (t *registerTry) resolved(now time.Time, servers []Server, cause string) {
	switch {
	case t.r.leaving || t.tx.underWay():
	case len(servers) == 0:
		t.r.refused(now, t, 302, "redirected to nowhere: "+cause, 0)
	default:
		t.server = servers[0]
		t.send(now)
	}
}

// silent is told that the server has not said anything for longer than Failover_Timeout: the next one is
// asked too.
func (t *registerTry) silent(now time.Time, tx *clientTx) {
	r, l := t.r, t.r.leg
	if tx != t.tx || r.leaving || r.standby || t.home || !slices.Contains(r.under, t) {
		return
	}
	if t.alone {
		l.doubt(now, tx)
		return
	}
	s, ok := l.servers.Anyone(now, r.tried)
	if !ok {
		return
	}
	l.ln.logf("%s says nothing for %s, %s is asked too", where(t.server.Transport, t.server.Addr), tx.waited(now), where(s.Transport, s.Addr))
	r.ask(now, s)
}

func (t *registerTry) failed(now time.Time, tx *clientTx, code int, cause string) {
	if tx != t.tx {
		return
	}
	t.tx = nil
	r, l := t.r, t.r.leg
	if r.leaving {
		r.gone(now)
		return
	}
	lost := slices.Contains(r.late, t)
	left := r.drop(t)
	if code == 408 && (lost || left || t.alone) && t.again(now, tx, lost) {
		return
	}
	if t.sent.Host != "" {
		r.leaveBehind(t.sent, t.server, now.Add(r.expires)) // it may have been taken in, and the answer lost
	}
	r.deciding = true
	if e, _ := l.servers.Entry(t.server); !(lost && code == 408 && e.heard.After(tx.begun)) { // it answers others
		l.down(now, t.server, cause)
	}
	if t.home {
		l.rewatch(now, t.server) // its penalty begins anew
	}
	r.deciding = false
	if lost || left || r.busy() {
		r.agree(now)
		r.moved(now)
		return // it was one of several, or the registration has moved along
	}
	if t.home {
		r.stay(now)
		return
	}
	r.next(now, code, cause, 0, true)
}

// refused takes in that a server does not register us.
func (r *registration) refused(now time.Time, t *registerTry, code int, cause string, after time.Duration) {
	l := r.leg
	lost := slices.Contains(r.late, t)
	left := r.drop(t)
	backup := l.refuses(code)
	r.deciding = true
	switch {
	case backup:
		l.unwilling(now, t.server, "it answers "+strconv.Itoa(code), after)
	case t.home: // it does not want us back
		l.ln.logf("%s does not register us: %d %s", where(t.server.Transport, t.server.Addr), code, cause)
		l.unwilling(now, t.server, "it answers "+strconv.Itoa(code)+" to REGISTER", after)
	}
	r.deciding = false
	if lost || left || r.busy() {
		r.agree(now)
		r.moved(now)
		return
	}
	if t.home {
		r.stay(now)
		return
	}
	if backup {
		r.next(now, code, cause, after, false)
		return
	}
	r.fail(now, code, cause, after)
}

// success takes in a 200. RFC 3261 section 10.2.4.
func (r *registration) success(now time.Time, t *registerTry, resp *sipmsg.Response, moved bool) {
	l, timers := r.leg, r.leg.ln.a.cfg.Timers
	granted := min(r.grantedBy(t, resp), r.expires)
	late := slices.Contains(r.late, t)
	r.drop(t)
	if granted <= 0 {
		if !late && len(r.under) == 0 {
			r.silent = true
			r.fail(now, resp.StatusCode, "the registrar removed the registration", 0)
		}
		return
	}
	if late && l.servers.Rank(t.server) > l.servers.Rank(r.server) {
		r.unbind(now, t.server, t.sent, now.Add(granted)) // a better one was faster
		r.agree(now)
		return
	}
	granted = min(max(granted, timers.RegMinExpires), timers.RegMaxExpires)
	before, old, known := r.bound, r.server, r.expiresAt
	if before.Host != "" && !old.same(t.server) {
		r.leaveBehind(before, old, r.expiresAt)
	}
	r.swept(t)
	r.bound, r.server, r.failures, r.granted, r.tried, r.redirected = t.sent, t.server, 0, granted, nil, t.redirects > 0
	if r.state != regRegistered || !old.same(t.server) || before.Host == "" {
		l.ln.logf("registered at %s for %s", where(t.server.Transport, t.server.Addr), granted)
	}
	r.expiresAt = now.Add(granted)
	r.refreshAt = now.Add(refreshAfter(granted, timers.F))
	r.retryAt = time.Time{}
	slower := r.under // they were asked too
	r.under, r.late = nil, append(r.late, slower...)
	r.set(regRegistered, 0, "")
	l.ln.a.agenda.set(r)
	for _, o := range slower {
		if o.tx != nil && !o.tx.heard {
			l.doubt(now, o.tx) // which may end this and others
		}
	}
	if r.standby && (r.toUse || l.isDown(l.binding)) {
		l.settleOn(now, r.fixed)
	} else if before.Host != "" && (t.home || late) {
		l.settleOn(now, t.server)
		if !old.same(t.server) {
			r.unbind(now, old, before, known)
		}
	} else if before.Host != "" && l.servers.Rank(old) < 0 && !old.same(t.server) {
		r.unbind(now, old, before, known) // it is no longer listed, and nobody goes back there
	} else if !r.standby && !l.binding.same(t.server) {
		if e, ok := l.servers.Entry(l.binding); !ok || !e.Up || l.isDown(t.server) {
			l.settleOn(now, t.server) // it was asked when none was up, and it has taken us: no better proof
		}
		r.agree(now)
		if l.binding.same(t.server) && before.Host != "" && !old.same(t.server) && !l.isDown(old) {
			r.unbind(now, old, before, known)
		}
	} else if !r.standby && before.Host != "" && !old.same(t.server) {
		r.unbind(now, old, before, known) // the line has moved along, and the old server lives
	}
	if l.ln.cfg.HotStandby && !old.same(t.server) {
		l.standBy(now) // one that stood where this one is now has its place where this one was
	}
	if !moved {
		r.corrections = 0
		return
	}
	r.corrections++
	r.leaveBehind(r.bound, r.server, r.expiresAt)
	r.begin(now)
}

// refreshAfter is when a registration is renewed: at (granted - timer F) * 0.78 (reference A.8), which
// leaves time for a failure to be noticed, but never before half of it has passed; that half is what
// remains for a registration granted for less than about three times timer F.
func refreshAfter(granted, timerF time.Duration) time.Duration {
	return max((granted-timerF)*78/100, granted/2)
}

// grantedBy reads how long our Contact is bound: its own expires, else the Expires header, else as asked.
func (r *registration) grantedBy(t *registerTry, resp *sipmsg.Response) time.Duration {
	for h := range headersOf(resp, "Contact") {
		c, ok := h.(*sipmsg.ContactHeader)
		if !ok || !sameContact(&c.Address, &t.sent) {
			continue
		}
		if text, ok := c.Params.Get("expires"); ok {
			if d, ok := deltaSeconds(text); ok {
				return d
			}
		}
	}
	if d, ok := seconds(resp, "Expires"); ok {
		return d
	}
	return r.expires
}

// sameContact compares what a registrar echoes of a Contact: user, host, port.
func sameContact(a, b *sipmsg.Uri) bool {
	return plainUser(a.User) == plainUser(b.User) && strings.EqualFold(a.Host, b.Host) && a.Port == b.Port
}

// seen reads from the Via of a response what the registrar sees of us (RFC 3261 section 18.2.1, RFC 3581)
// and tells whether that is not what our Contact said.
func (r *registration) seen(t *registerTry, tx *clientTx, resp *sipmsg.Response) bool {
	l := r.leg
	if r.standby || tx.big || !tx.server.same(l.binding) {
		return false
	}
	v := resp.Via()
	own := tx.flow.local()
	public := own
	received, told := v.Params.Get("received")
	if addr, ok := hostAddr(received); told && ok {
		public = netip.AddrPortFrom(addr, public.Port())
	}
	if text, ok := v.Params.Get("rport"); ok {
		if port, err := strconv.ParseUint(text, 10, 16); err == nil && port > 0 {
			public = netip.AddrPortFrom(public.Addr(), uint16(port))
			told = true
		}
	}
	said, _ := hostAddr(t.sent.Host)
	if netip.AddrPortFrom(said, uint16(t.sent.Port)) == public || !told || r.corrections >= maxCorrections {
		return false
	}
	l.ln.logf("seen as %s: Contact corrected", public)
	if l.public = public; public == own {
		l.public = netip.AddrPort{}
	}
	return true
}

// busy tells whether a REGISTER is under way whose answer decides.
func (r *registration) busy() bool {
	return r != nil && len(r.under) > 0
}

func (r *registration) due() time.Time { return earliest(r.expiresAt, r.refreshAt, r.retryAt) }

func (r *registration) tick(now time.Time) {
	if passed(now, r.expiresAt) {
		r.expiresAt, r.bound = time.Time{}, sipmsg.Uri{}
		if r.state == regRegistered {
			r.leg.ln.logf("the registration has expired")
			r.set(regRegistering, 0, "")
		}
	}
	if passed(now, r.refreshAt) || passed(now, r.retryAt) {
		r.refreshAt, r.retryAt, r.heldUntil = time.Time{}, time.Time{}, time.Time{}
		switch {
		case r.busy():
		case r.leg.bound:
			r.begin(now)
		default:
			r.noServers(now)
		}
	}
}

// firstOf is the first text that is not empty.
func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
