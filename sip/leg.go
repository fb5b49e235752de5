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

	locator *Locator
	located bool
	cause   string // why there are no servers
	servers ServerList
	list    []Server // as located
	binding Server
	bound   bool

	waiting []*call // calls placed before the servers were known
	reg     registration
	auth    authSession    // of REGISTER
	others  authSession    // of everything else
	public  netip.AddrPort // what the registrar sees of us, where this differs from our address
	noTCP   map[netip.AddrPort]time.Time
}

func newLeg(ln *line, name, proxy, outbound string) *leg {
	l := &leg{ln: ln, name: name, noTCP: map[netip.AddrPort]time.Time{}}
	l.reg = registration{leg: l}
	first := proxy
	if outbound != "" {
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
		l.cause = "Proxy: " + err.Error()
		return l
	}
	if first == "" {
		l.cause = "no proxy is set"
		return l
	}
	var err error
	l.locator, err = NewLocator(LocateConfig{
		Proxy: first, Transport: ln.cfg.Transport, UseSRV: ln.cfg.UseSRV, AutoPrefix: ln.cfg.SRVAutoPrefix,
		PreferIPv6: ln.cfg.PreferIPv6, Random: ln.a.random,
	})
	if err != nil {
		l.cause = "Proxy: " + err.Error()
		if outbound != "" {
			l.cause = "Outbound Proxy: " + err.Error()
		}
	}
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
	for _, q := range questions {
		l.ln.a.net(Query{q})
	}
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
	list := l.locator.Servers()
	if !slices.Equal(list, l.list) {
		l.list = list
		l.servers.Update(list, now)
		var names []string
		for _, s := range list {
			names = append(names, where(s.Transport, s.Addr))
		}
		if len(list) > 0 {
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
		l.bound = false
	}
	l.bind(now)
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
}

// bind chooses the server in use: the one it is, while that is up, else the list's current one.
func (l *leg) bind(now time.Time) {
	if l.bound {
		for _, e := range l.servers.Entries() {
			if e.Up && e.same(l.binding) {
				return
			}
		}
	}
	s, ok := l.servers.Current()
	if !ok {
		return // an old one is better than none
	}
	moved := l.bound && !s.same(l.binding)
	l.binding, l.bound = s, true
	if moved && l.servers.Alive() {
		l.ln.logf("server in use is now %s", where(s.Transport, s.Addr))
		l.reg.move(now)
	}
}

// down marks a server as failed and moves on to the next.
func (l *leg) down(now time.Time, s Server, cause string) {
	known := false
	for _, e := range l.servers.Entries() {
		if e.same(s) {
			known = true
			if e.Up {
				l.ln.logf("server %s is down: %s", where(s.Transport, s.Addr), cause)
			}
		}
	}
	if known {
		l.servers.Down(s, now, cause)
		l.bind(now)
		l.reg.serverDown(now, s)
	}
}

// up notes that a server answers.
func (l *leg) up(now time.Time, s Server) {
	for _, e := range l.servers.Entries() {
		if e.same(s) && !e.Up {
			l.ln.logf("server %s is up again", where(s.Transport, s.Addr))
			l.servers.Up(s, now)
			l.bind(now)
			if l.bound && l.binding.same(s) && l.reg.bound.Host != "" && !l.reg.server.same(s) {
				l.reg.move(now)
			}
		}
	}
}

// another is the server to send a failed request to next: one that is up and was not tried already, else
// one that is down, for it may be back.
func (l *leg) another(tried []Server) (Server, bool) {
	for _, up := range []bool{true, false} {
		for _, e := range l.servers.Entries() {
			if e.Up == up && !slices.ContainsFunc(tried, e.same) {
				return e.Server, true
			}
		}
	}
	return Server{}, false
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
	f := l.ln.a.flowKeys[flowKey{l.ln, l.binding.Transport, l.binding.Addr, l.binding.TLSName}]
	if f == nil || f.state != flowOpen {
		return nil
	}
	return f
}

func (l *leg) usesFlow(f *flow) bool {
	return l.bound && f.Remote == l.binding.Addr && f.Transport == l.binding.Transport && f.tlsName == l.binding.TLSName
}

// flowGone is told of the end of the line's connections.
func (l *leg) flowGone(now time.Time, f *flow, cause string) {
	if l.usesFlow(f) {
		l.reg.flowGone(now, f, cause)
	}
}

// addressChanged leaves the connections from addresses we no longer have, and registers anew.
func (l *leg) addressChanged(now time.Time) {
	a := l.ln.a
	l.public = netip.AddrPort{}
	l.ln.logf("our address has changed")
	for _, f := range a.flowsOf(l.ln) {
		if local := f.Local.Addr().Unmap(); f.state == flowOpen && !slices.Contains(a.cfg.LocalAddrs, local) {
			f.openedAt = time.Time{} // it did not break by itself
			a.net(Close{f.ID})
			a.flowGone(now, f, "the address "+local.String()+" is gone")
		}
	}
	if l.locator != nil {
		l.ask(l.locator.Refresh(now))
		l.relocated(now)
	}
	l.reg.addressChanged(now)
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
	again, why := l.session(resp.CSeq().MethodName).learn(resp)
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
	if l.locator != nil && !l.ln.retired {
		at = l.locator.Next()
	}
	return earliest(at, l.reg.due())
}

func (l *leg) tick(now time.Time) {
	if l.locator != nil && passed(now, l.locator.Next()) {
		l.ask(l.locator.Tick(now))
		l.relocated(now)
	}
	l.reg.tick(now)
}
