package sip

import (
	"fmt"
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

// A registration keeps a leg's Contact bound at its registrar. RFC 3261 section 10.2, reference A.8.
type registration struct {
	leg   *leg
	state string
	code  int
	cause string

	callID, tag string // the same for every REGISTER
	seq         uint32
	tx          *clientTx
	to          Server       // where tx goes
	sent        sipmsg.Uri   // its Contact
	bound       sipmsg.Uri   // Contact known at the registrar; no Host: none
	stale       []sipmsg.Uri // Contacts to be removed with the next REGISTER
	server      Server       // who knows it
	expires     time.Duration
	granted     time.Duration

	expiresAt, refreshAt, retryAt time.Time

	tries, redirects, intervals, corrections int  // within one registration
	failures                                 int  // in a row
	flaps                                    int  // connections in a row that broke soon
	starved                                  bool // there is no server
	silent                                   bool // the failure is that nobody answered

	heldUntil time.Time     // the registration of the line as it was before is being removed
	successor *registration // waits for this one to be removed
	leaving   bool          // un-registering for good
	last      bool          // leaving, once the REGISTER under way is answered
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

// set changes the state and tells of it.
func (r *registration) set(state string, code int, cause string) {
	if r.state == state && r.code == code && r.cause == cause {
		return
	}
	r.state, r.code, r.cause = state, code, cause
	ev := Registration{Line: r.leg.ln.cfg.Number, State: state, Code: code, Cause: cause}
	if state == regRegistered {
		ev.Server = where(r.server.Transport, r.server.Addr)
	}
	if !r.leg.ln.retired {
		r.leg.ln.a.emit(ev)
	}
}

// valid tells whether the registrar knows our Contact.
func (r *registration) valid(now time.Time) bool { return now.Before(r.expiresAt) }

// located says that there is a server to register at.
func (r *registration) located(now time.Time) {
	r.starved = false
	switch {
	case !r.wanted() || r.tx.underWay():
	case !r.heldUntil.IsZero():
		r.retryAt = r.heldUntil
		r.leg.ln.a.agenda.set(r.leg)
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

// begin starts a registration or a refresh at the server in use.
func (r *registration) begin(now time.Time) {
	r.tries, r.redirects, r.intervals = 0, 0, 0
	r.refreshAt, r.retryAt = time.Time{}, time.Time{}
	if !r.valid(now) {
		r.set(regRegistering, 0, "")
	}
	r.send(now, r.leg.binding)
}

func (r *registration) send(now time.Time, s Server) {
	ln := r.leg.ln
	r.seq++
	r.to = s
	r.tx = nil
	tx := ln.a.request(now, r, ln, s, sipmsg.REGISTER)
	if tx.state != txTerminated {
		r.tx = tx
	}
	ln.a.agenda.set(r.leg)
}

func (r *registration) compose(tx *clientTx) *sipmsg.Request {
	ln, a := r.leg.ln, r.leg.ln.a
	aor := ln.aor()
	from := aor
	from.tag = r.tag
	registrar := sipmsg.Uri{Scheme: "sip"}
	if !gateURI("sip:"+r.leg.domainPort, &registrar) {
		return nil
	}
	req := a.newRequest(sipmsg.REGISTER, registrar, from, aor, r.callID, r.seq)
	expires := r.expires
	contacts := r.stale
	if r.leaving {
		expires = 0
		if r.bound.Host != "" {
			contacts = append(slices.Clone(contacts), r.bound)
		}
	} else {
		r.sent = ln.contactURI(r.contactAddr(tx), tx.server.Transport)
		c := &sipmsg.ContactHeader{Address: r.sent}
		if a.cfg.InstanceID != "" {
			c.Params = sipmsg.HeaderParams{{K: "+sip.instance", V: `"<` + a.cfg.InstanceID + `>"`}}
		}
		req.AppendHeader(c)
	}
	for _, uri := range contacts {
		if !r.leaving && sameContact(&uri, &r.sent) {
			continue
		}
		req.AppendHeader(&sipmsg.ContactHeader{Address: uri, Params: sipmsg.HeaderParams{{K: "expires", V: "0"}}})
	}
	req.AppendHeader(sipmsg.NewHeader("Expires", seconds32(expires)))
	req.AppendHeader(sipmsg.NewHeader("Allow", allowed))
	req.AppendHeader(sipmsg.NewHeader("Supported", supported))
	ln.authorize(req)
	setBody(req, "", nil)
	return req
}

// contactAddr is what we register: what a registrar has seen of us, else our end of the flow.
func (r *registration) contactAddr(tx *clientTx) netip.AddrPort {
	if r.leg.public.IsValid() {
		return r.leg.public
	}
	if tx.server.same(r.leg.binding) && !tx.big {
		return tx.flow.local()
	}
	return r.leg.contactAddr(tx.flow)
}

func (r *registration) response(now time.Time, tx *clientTx, resp *sipmsg.Response) {
	code := resp.StatusCode
	if tx != r.tx || code < 200 {
		return
	}
	r.tx = nil
	l := r.leg
	l.up(now, tx.server)
	if r.leaving {
		r.left(now, tx, resp)
		return
	}
	before := r.seen(tx, resp)
	switch {
	case code < 300:
		l.auth.learn(resp)
		r.success(now, tx, resp, before)
	case code == 401 || code == 407:
		if again, why := l.challenged(resp, &r.tries); again {
			r.send(now, tx.server)
		} else {
			r.fail(now, code, why, 0)
		}
	case code == 423:
		least, ok := seconds(resp, "Min-Expires")
		r.intervals++
		if !ok || least <= r.expires || least > l.ln.a.cfg.Timers.RegMaxExpires || r.intervals > maxIntervals {
			r.fail(now, code, "Interval Too Brief, and no way to ask for more", 0)
			return
		}
		l.ln.logf("the registrar wants a registration to last %s at least", least)
		r.expires = least
		r.send(now, tx.server)
	case code == 301 || code == 302:
		if r.redirects++; r.redirects > maxRedirects || resp.Contact() == nil {
			r.fail(now, code, "redirected without end", 0)
			return
		}
		l.ln.logf("redirected to %s", resp.Contact().Address.String())
		l.ln.a.resolve(now, l.ln, resp.Contact().Address, r)
	default:
		after, _ := seconds(resp, "Retry-After")
		if matchesCode(l.ln.a.cfg.TryBackupRSC, code) {
			l.down(now, tx.server, fmt.Sprintf("it answers %d", code))
			if r.tx.underWay() {
				return // the registration moved along
			}
		}
		r.fail(now, code, firstOf(reason(resp), resp.Reason, phrase(code)), after)
	}
}

// resolved says where a redirected registration goes.
func (r *registration) resolved(now time.Time, servers []Server, cause string) {
	if r.leaving || r.tx.underWay() {
		return
	}
	if len(servers) == 0 {
		r.fail(now, 302, "redirected to nowhere: "+cause, 0)
		return
	}
	r.send(now, servers[0])
}

func (r *registration) failed(now time.Time, tx *clientTx, code int, cause string) {
	if tx != r.tx {
		return
	}
	r.tx = nil
	if r.leaving {
		r.gone(now)
		return
	}
	r.leg.down(now, tx.server, cause)
	if !r.tx.underWay() {
		r.silent = true
		r.fail(now, code, cause, 0)
	}
}

// success takes in a 200. RFC 3261 section 10.2.4.
func (r *registration) success(now time.Time, tx *clientTx, resp *sipmsg.Response, moved bool) {
	l, t := r.leg, r.leg.ln.a.cfg.Timers
	granted := min(r.grantedBy(resp), r.expires)
	if granted <= 0 {
		r.silent = true
		r.fail(now, resp.StatusCode, "the registrar removed the registration", 0)
		return
	}
	granted = min(max(granted, t.RegMinExpires), t.RegMaxExpires)
	news := r.state != regRegistered || !r.server.same(tx.server) || r.granted != granted
	r.bound, r.server, r.stale, r.failures, r.granted = r.sent, tx.server, nil, 0, granted
	r.expiresAt = now.Add(granted)
	r.refreshAt = now.Add(refreshAfter(granted, t.F))
	r.retryAt = time.Time{}
	if news {
		l.ln.logf("registered at %s for %s", where(tx.server.Transport, tx.server.Addr), granted)
		r.state = ""
	}
	r.set(regRegistered, 0, "")
	l.ln.a.agenda.set(l)
	if !moved {
		r.corrections = 0
		return
	}
	r.corrections++
	r.stale = append(r.stale, r.bound)
	r.begin(now)
}

// refreshAfter is when a registration is renewed: at (granted - timer F) * 0.78 (reference A.8), which
// leaves time for a failure to be noticed, but never before half of it has passed; that half is what
// remains for a registration granted for less than about three times timer F.
func refreshAfter(granted, timerF time.Duration) time.Duration {
	return max((granted-timerF)*78/100, granted/2)
}

// grantedBy reads how long our Contact is bound: its own expires, else the Expires header, else as asked.
func (r *registration) grantedBy(resp *sipmsg.Response) time.Duration {
	for h := range headersOf(resp, "Contact") {
		c, ok := h.(*sipmsg.ContactHeader)
		if !ok || !sameContact(&c.Address, &r.sent) {
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
func (r *registration) seen(tx *clientTx, resp *sipmsg.Response) bool {
	l := r.leg
	if tx.big || !tx.server.same(l.binding) {
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
	said, _ := hostAddr(r.sent.Host)
	if netip.AddrPortFrom(said, uint16(r.sent.Port)) == public || !told || r.corrections >= maxCorrections {
		return false
	}
	l.ln.logf("seen as %s: Contact corrected", public)
	if l.public = public; public == own {
		l.public = netip.AddrPort{}
	}
	return true
}

// busy tells whether a REGISTER is under way.
func (r *registration) busy() bool { return r != nil && r.tx.underWay() }

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
		if r.tx.underWay() {
			return
		}
		if r.leg.bound {
			r.begin(now)
		} else {
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
