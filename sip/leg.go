package sip

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// A leg is a line's way to its servers: the list of them, the one in use (the binding, which REGISTER,
// INVITE and everything else of the line share), the registration there and what is known of its digest.
type leg struct {
	agendaEntry
	ln         *line
	name       string
	domain     string // host of the address of record
	domainPort string // the same with the port, if one is written: for Request-URIs
	outbound   bool   // there is an outbound proxy

	locator *Locator
	located bool
	cause   string // why there are no servers
	servers ServerList
	list    []Server // as located
	binding Server
	bound   bool

	waiting []*call // calls placed before the servers were known
	watches []*watch
	leaving bool // it is un-registering for good
	reg     *registration
	spare   []*registration // hot standbys
	auth    authSession     // of REGISTER
	others  authSession     // of everything else
	public  netip.AddrPort  // what the registrar sees of us, where this differs from our address
	noTCP   map[netip.AddrPort]time.Time
}

func newLeg(ln *line, name, proxy, outbound string) *leg {
	l := &leg{ln: ln, name: name, noTCP: map[netip.AddrPort]time.Time{}}
	l.reg = &registration{leg: l}
	first, title := proxy, ""
	if name == "alternate" {
		title = "Alternate "
	}
	if l.outbound = outbound != ""; l.outbound {
		first = outbound
	}
	if h, err := parseHop(proxy); err == nil {
		l.domain = h.host
		if d, err := NewLocator(LocateConfig{Proxy: proxy, Transport: "UDP"}); err == nil {
			l.domain = d.Domain()
		}
		l.domainPort = l.domain
		if h.port != 0 {
			l.domainPort += ":" + strconv.Itoa(int(h.port))
		}
	} else if proxy != "" {
		l.cause = title + "Proxy: " + err.Error()
		return l
	}
	if first == "" {
		l.cause = "no proxy is set"
		return l
	}
	var err error
	l.locator, err = NewLocator(LocateConfig{
		Proxy: first, Transport: ln.cfg.Transport, UseSRV: ln.cfg.UseSRV, AutoPrefix: ln.cfg.SRVAutoPrefix,
		PreferIPv6: ln.cfg.PreferIPv6, NoIPv4: ln.cfg.NoIPv4, NoIPv6: ln.cfg.NoIPv6, Random: ln.a.random,
	})
	if err != nil {
		l.cause = title + "Proxy: " + err.Error()
		if outbound != "" {
			l.cause = title + "Outbound Proxy: " + err.Error()
		}
		return l
	}
	l.locator.Recall(ln.a.known)
	return l
}

// start looks for the servers and registers.
func (l *leg) start(now time.Time) {
	l.reg.start(now)
	if l.locator == nil {
		l.ln.logf("%s", l.cause)
		l.reg.noServers(now)
		return
	}
	l.ask(l.locator.Start(now))
	l.relocated(now)
}

func (l *leg) ask(questions []Question) {
	l.ln.a.query(questions)
	l.ln.a.agenda.set(l)
}

func (l *leg) answered(now time.Time, in Answer) {
	if l.locator == nil {
		return
	}
	l.ask(l.locator.Answer(now, in))
	l.relocated(now)
}

// relocated takes over what the locator knows now.
func (l *leg) relocated(now time.Time) {
	if !l.locator.Done() {
		return
	}
	first := !l.located
	l.located = true
	l.ln.a.found()
	list := l.eligible(l.locator.Servers())
	if !slices.Equal(list, l.list) {
		l.list = list
		l.servers.Again = l.ln.cfg.FallbackIntvl <= 0
		l.servers.Update(list, now)
		var names []string
		for _, s := range list {
			names = append(names, where(s.Transport, s.Addr))
		}
		switch {
		case len(list) == 0:
		case l.locator.Remembered():
			l.ln.logf("no name server answers; servers of %s as last known: %s", l.locator.Domain(), strings.Join(names, ", "))
		default:
			l.ln.logf("servers of %s: %s", l.locator.Domain(), strings.Join(names, ", "))
		}
	}
	cause := l.locator.Cause()
	if cause != l.cause && cause != "" {
		l.ln.logf("no server for %s: %s", l.locator.Domain(), cause)
	}
	l.cause = cause
	if l.bound && !slices.ContainsFunc(list, l.binding.same) && len(list) > 0 {
		l.ln.logf("server %s is no longer listed", where(l.binding.Transport, l.binding.Addr))
		if s, ok := l.servers.Current(now); ok && l.servers.Alive() {
			l.settleOn(now, s)
		}
	}
	l.bind(now)
	if r := l.reg; l.bound && r.valid(now) && !r.redirected && l.servers.Rank(r.server) < 0 {
		r.moved(now) // the server in use is another, and stays
	}
	if l.bound {
		calls := l.waiting
		l.waiting = nil
		for _, c := range calls {
			c.place(now)
		}
	}
	if first {
		if l.bound {
			l.reg.located(now)
		} else {
			l.reg.noServers(now)
		}
	} else if l.bound && l.reg.starved {
		l.reg.located(now)
	}
	l.attend(now)
	l.standBy(now)
	if l.reg.state == regRegistered {
		l.ln.tell() // another server may be the preferred one now
	}
}

// hurry says that somebody waits for a server to be found: what is remembered is good enough then.
func (l *leg) hurry(now time.Time) {
	l.ask(l.locator.Hurry(now))
	l.relocated(now)
}

// eligible are the servers that back each other up: all, or with Proxy_Redundancy_Method "Based on SRV
// Port" those with the first one's port (reference A.1).
func (l *leg) eligible(list []Server) []Server {
	if !strings.EqualFold(l.ln.cfg.RedundancyMethod, "Based on SRV Port") || len(list) == 0 {
		return list
	}
	port := list[0].Addr.Port()
	return slices.DeleteFunc(list, func(s Server) bool { return s.Addr.Port() != port })
}

// retire ends a leg: its calls to come are not placed, its registrations are removed.
func (l *leg) retire(now time.Time) {
	for _, c := range l.waiting {
		c.hangup(now, 480)
	}
	l.waiting, l.leaving = nil, true
	l.stopWatching()
	for _, r := range l.registrations() {
		r.leave(now)
	}
	l.ln.a.agenda.set(l)
}

// registrations are the one at the server in use and the hot standbys.
func (l *leg) registrations() []*registration { return append([]*registration{l.reg}, l.spare...) }

// bind chooses the server in use: the one it is, while that can be used, else the list's current one.
func (l *leg) bind(now time.Time) {
	if e, ok := l.servers.Entry(l.binding); l.bound && ok && e.Up {
		return
	}
	s, ok := l.servers.Current(now)
	if !ok {
		return // an old one is better than none
	}
	moved, before := l.bound && !s.same(l.binding), l.binding
	l.binding, l.bound = s, true
	if !moved {
		return
	}
	if l.servers.Alive() {
		l.ln.logf("server in use is now %s", where(s.Transport, s.Addr))
		l.promote(now, before)
		l.reg.moved(now)
		l.reroute()
	}
}

// choose is the server a new request is sent to: the one in use, or another while that one owes an answer
// or is down.
func (l *leg) choose(now time.Time) Server {
	if e, ok := l.servers.Entry(l.binding); !ok || e.Up && !e.suspect {
		return l.binding
	}
	if s, ok := l.servers.Current(now); ok {
		return s
	}
	return l.binding
}

// isDown tells whether a server of the leg is known to be down.
func (l *leg) isDown(s Server) bool {
	e, ok := l.servers.Entry(s)
	return ok && !e.Up
}

// serverAt is the server of the leg a flow leads to; not listed: none.
func (l *leg) serverAt(f *flow) (e Entry, listed bool) {
	i := slices.IndexFunc(l.list, func(s Server) bool { return s.Addr == f.Remote && s.Transport == f.Transport })
	if i < 0 {
		return Entry{}, false
	}
	return l.servers.Entry(l.list[i])
}

// down marks a server as dead and moves on to the next, with all that waits for a word from it that leads further.
func (l *leg) down(now time.Time, s Server, cause string) { l.failed(now, s, cause, true) }

// failed marks a server as failed: it is dead, or it lives and does not serve.
func (l *leg) failed(now time.Time, s Server, cause string, dead bool) {
	if l.servers.Rank(s) < 0 {
		return
	}
	if l.servers.Down(s, now, cause) {
		l.ln.logf("server %s is down: %s", where(s.Transport, s.Addr), cause)
	}
	l.bind(now)
	l.reg.serverDown(now, s)
	l.attend(now)
	if l.ln.cfg.FailoverTimeout <= 0 || !slices.ContainsFunc(l.ln.legs(), func(o *leg) bool { return o.servers.Alive() }) {
		return // each waits for its own timer, as the reference has it; or there is nowhere to go
	}
	for _, tx := range l.ln.a.txsBy(func(tx *clientTx) bool {
		return tx.leg == l && tx.server.same(s) && !tx.progressed && tx.underWay() && tx.state != txWaiting && (dead || !tx.heard)
	}) {
		if tx.underWay() {
			tx.step(now, inLost, nil, cause)
		}
	}
}

// up notes that a server answers.
func (l *leg) up(now time.Time, s Server) {
	if !l.servers.Up(s, now) {
		return
	}
	l.ln.logf("server %s is up again", where(s.Transport, s.Addr))
	l.bind(now)
	if l.bound && l.binding.same(s) && l.reg.bound.Host != "" && !l.reg.server.same(s) {
		l.reg.moved(now)
	}
	l.reg.serverUp(now)
	l.attend(now)
	if l.ln.cfg.HotStandby {
		l.standBy(now) // which server is in use may have changed while none was up
	}
}

// lists tells whether a server of the leg has the address.
func (l *leg) lists(addr netip.Addr) bool {
	return slices.ContainsFunc(l.list, func(s Server) bool { return s.Addr.Addr().Unmap() == addr })
}

// transport is how the far end reaches us: by the line's binding, or by f where the line has none.
func (l *leg) transport(f *flow) Transport {
	if l.bound {
		return l.binding.Transport
	}
	if f != nil {
		return f.Transport
	}
	return UDP
}

// contactAddr is the address of our Contact.
func (l *leg) contactAddr(f *flow) netip.AddrPort {
	if l.public.IsValid() {
		return l.public
	}
	return l.localAddr(f)
}

// localAddr is our own address on the binding, or on f where there is none.
func (l *leg) localAddr(f *flow) netip.AddrPort {
	if b := l.bindingFlow(); b != nil {
		return b.local()
	}
	if f != nil {
		return f.local()
	}
	remote := netip.IPv4Unspecified()
	if l.bound {
		remote = l.binding.Addr.Addr()
	}
	return netip.AddrPortFrom(l.ln.a.localAddr(l.ln.cfg.Local.Addr(), remote), l.ln.cfg.Local.Port())
}

// bindingFlow is the flow to the server in use if it stands.
func (l *leg) bindingFlow() *flow {
	switch {
	case !l.bound:
		return nil
	case l.binding.Transport == UDP:
		return &flow{Flow: Flow{Transport: UDP, Local: l.ln.cfg.Local, Remote: l.binding.Addr}, a: l.ln.a, state: flowOpen}
	}
	return l.flowOf(l.binding)
}

// flowOf is the open connection to a server, or nil.
func (l *leg) flowOf(s Server) *flow {
	f := l.ln.a.flowKeys[flowKey{l.ln, s.Transport, s.Addr, s.TLSName}]
	if f == nil || f.state != flowOpen {
		return nil
	}
	return f
}

func (l *leg) usesFlow(f *flow) bool {
	return l.bound && leads(f, l.binding) || l.reg.bound.Host != "" && leads(f, l.reg.server) || slices.ContainsFunc(l.spare, func(r *registration) bool { return leads(f, r.fixed) })
}

// leads tells whether a flow is to that server.
func leads(f *flow, s Server) bool {
	return f.Remote == s.Addr && f.Transport == s.Transport && f.tlsName == s.TLSName
}

// flowGone is told of the end of the line's connections.
func (l *leg) flowGone(now time.Time, f *flow, cause string) {
	for _, r := range l.registrations() {
		if leads(f, r.server) {
			r.flowGone(now, f, cause)
		}
	}
}

// addressChanged leaves the connections from addresses we no longer have, and registers anew.
func (l *leg) addressChanged(now time.Time) {
	a := l.ln.a
	l.public = netip.AddrPort{}
	l.ln.logf("our address has changed")
	for _, f := range a.flowsOf(l.ln) {
		if f.state == flowOpening {
			f.reopen(now) // from an address that may be gone
			continue
		}
		if local := f.Local.Addr().Unmap(); !slices.Contains(a.cfg.LocalAddrs, local) {
			f.openedAt = time.Time{} // it did not break by itself
			a.net(Close{f.ID})
			a.flowGone(now, f, "the address "+local.String()+" is gone")
		}
	}
	if l.locator != nil {
		l.ask(l.locator.Refresh(now))
		l.relocated(now)
	}
	for _, r := range l.registrations() {
		r.addressChanged(now)
	}
}

func (l *leg) refusesTCP(now time.Time, addr netip.AddrPort) bool {
	until, ok := l.noTCP[addr]
	return ok && now.Before(until)
}

func (l *leg) refusedTCP(now time.Time, addr netip.AddrPort) {
	for a, until := range l.noTCP {
		if !now.Before(until) {
			delete(l.noTCP, a)
		}
	}
	l.noTCP[addr] = now.Add(noTCPTime)
}

// challenged takes in a 401 or 407 and tells whether to send the request again; else why not. At most
// maxChallenges are followed for one request.
func (l *leg) challenged(resp *sipmsg.Response, tries *int) (bool, string) {
	again, why := l.session(resp.CSeq().MethodName).learn(resp, *tries > 0)
	if *tries++; *tries > maxChallenges && again {
		return false, "the server asks for credentials again and again"
	}
	return again, why
}

// session is what is known of challenges to requests of a method. A registrar's 401 is for REGISTER only: to
// others it would show the far end a digest of the line's password (RFC 3261 section 22.2).
func (l *leg) session(method sipmsg.RequestMethod) *authSession {
	if method == sipmsg.REGISTER {
		return &l.auth
	}
	if l.others.home == nil {
		l.others.home = l.home
	}
	return &l.others
}

// home tells whether a realm is the line's own: one its registrar asked for, or the domain itself. A line
// that has not registered has to trust what its servers let through.
func (l *leg) home(realm string) bool {
	if len(l.auth.known) == 0 || strings.EqualFold(realm, l.domain) {
		return true
	}
	return slices.ContainsFunc(l.auth.known, func(k authKnown) bool { return strings.EqualFold(k.realm, realm) })
}

func (l *leg) due() time.Time {
	var at time.Time
	if l.locator != nil && !l.ln.retired && !l.leaving {
		at = l.locator.Next()
	}
	return at
}

func (l *leg) tick(now time.Time) {
	if l.locator != nil && passed(now, l.locator.Next()) {
		l.ask(l.locator.Tick(now))
		l.relocated(now)
	}
}
