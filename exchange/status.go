package exchange

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Implementation constants.
const (
	maxRecent = 200 // lines kept for who comes later
	maxUnread = 256 // lines a subscriber may be behind; then the oldest are dropped
	maxCalls  = 256 // calls listed
)

// Status is what an exchange looks like at one moment.
type Status struct {
	Domain  string
	Proxies []ProxyStatus
	Calls   []CallStatus // in the order they began
	DNS     DNSStatus
}

// ProxyStatus is one proxy. An address is not valid where it does not listen: TLS without certificate,
// or a stopped proxy.
type ProxyStatus struct {
	Name             string
	Mode             Mode
	UDP, TCP, TLS    netip.AddrPort
	Priority, Weight uint16
	Registrations    []Registration // by user
}

// Registration is one living Contact.
type Registration struct {
	User, Transport string
	Addr            netip.AddrPort // where it registered from
	Contact         string         // the URI
	Until           time.Time
}

// String is "1001 at udp 127.0.0.21:5060".
func (r Registration) String() string {
	return fmt.Sprintf("%s at %s %s", r.User, r.Transport, r.Addr)
}

// CallStatus is one call that was set up through a proxy.
type CallStatus struct {
	From, To string // users or extensions
	Proxy    string // it came in at
	State    string // "calling", "ringing", "talking"
	Since    time.Time

	serial, open int // open: INVITEs of it that have no final response
}

// String is "1001 to 600, talking".
func (c CallStatus) String() string { return fmt.Sprintf("%s to %s, %s", c.From, c.To, c.State) }

// DNSStatus is the DNS server.
type DNSStatus struct {
	Mode    DNSMode
	Addr    netip.AddrPort
	Queries int      // since the start
	Zone    []string // in words, as "_sip._udp.example.test 60 s: a first, then b"
}

// Status tells how things stand.
func (x *Exchange) Status() Status {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := Status{Domain: x.cfg.Domain, DNS: x.dns.status()}
	for _, p := range x.proxies {
		ps := ProxyStatus{Name: p.Name, Mode: p.mode, Priority: p.Priority, Weight: p.Weight}
		if p.word != Stop {
			ps.UDP, ps.TCP = p.at("udp"), p.at("tcp")
			if x.cfg.TLS != nil {
				ps.TLS = p.at("tls")
			}
		}
		for user := range p.locations {
			for _, b := range p.bindings(user) {
				ps.Registrations = append(ps.Registrations, Registration{user, b.flow.transport, b.flow.remote, b.contact, b.until})
			}
		}
		slices.SortFunc(ps.Registrations, func(a, b Registration) int {
			return cmp.Or(cmp.Compare(a.User, b.User), a.Until.Compare(b.Until), cmp.Compare(a.Contact, b.Contact))
		})
		s.Proxies = append(s.Proxies, ps)
	}
	for _, c := range x.calls {
		s.Calls = append(s.Calls, *c)
	}
	slices.SortFunc(s.Calls, func(a, b CallStatus) int { return cmp.Compare(a.serial, b.serial) })
	return s
}

// follow notes the calls that begin and end with a request on its way.
func (p *proxy) follow(m *message) {
	id := m.get("Call-ID")
	switch {
	case m.method == "INVITE" && tag(m.get("To")) == "" && p.x.calls[id] != nil:
		p.x.calls[id].open++ // by another way too
	case m.method == "INVITE" && tag(m.get("To")) == "":
		if len(p.x.calls) >= maxCalls {
			oldest := ""
			for k, c := range p.x.calls {
				if oldest == "" || c.serial < p.x.calls[oldest].serial {
					oldest = k
				}
			}
			delete(p.x.calls, oldest)
		}
		p.x.serial++
		c := &CallStatus{From: clip(userOf(m.get("From"))), To: clip(userOf(m.get("To"))), Proxy: p.Name, State: "calling",
			Since: time.Now(), serial: p.x.serial, open: 1}
		p.x.calls[id] = c
		p.x.say("%s: INVITE from %s to %s", p.Name, c.From, c.To)
	case m.method == "BYE":
		if c := p.x.calls[id]; c != nil {
			p.x.say("%s: BYE, the call from %s to %s is over", p.Name, c.From, c.To)
			delete(p.x.calls, id)
		}
	case m.method == "REFER" || m.method == "MESSAGE":
		p.x.say("%s: %s from %s to %s", p.Name, m.method, clip(userOf(m.get("From"))), clip(userOf(m.get("To"))))
	}
}

// progress notes that a called phone rings.
func (x *Exchange) progress(m *message) {
	if c := x.calls[m.get("Call-ID")]; c != nil && c.State == "calling" && m.code >= 180 {
		c.State = "ringing"
	}
}

// tell notes the final response to a request.
func (p *proxy) tell(req *message, code int) {
	p.x.say("%s: %s from %s to %s, %d", p.Name, clip(req.method), clip(userOf(req.get("From"))), clip(userOf(req.get("To"))), code)
	if req.method != "INVITE" || tag(req.get("To")) != "" {
		return
	}
	c := p.x.calls[req.get("Call-ID")]
	switch {
	case c == nil:
	case code < 300:
		c.State, c.Since, c.Proxy = "talking", time.Now(), p.Name
	default:
		if c.open--; c.open <= 0 && c.State != "talking" {
			delete(p.x.calls, req.get("Call-ID"))
		}
	}
}

// A Line is one sentence about what an exchange did: "a: REGISTER from 1001, 200".
type Line struct {
	Time time.Time
	Text string
}

// lines keeps what was said and hands it out.
type lines struct {
	recent []Line
	subs   map[*Subscription]bool
	closed bool
}

// A Subscription gets every Line from its beginning on. Who is slow loses the oldest.
type Subscription struct {
	x *Exchange
	c chan Line

	once sync.Once
}

// Lines is where the lines come from; it is closed with the subscription or the exchange.
func (s *Subscription) Lines() <-chan Line { return s.c }

// Close ends a subscription.
func (s *Subscription) Close() {
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	delete(s.x.lines.subs, s)
	s.once.Do(func() { close(s.c) })
}

// Subscribe begins a subscription and returns also what was said last, the oldest first.
func (x *Exchange) Subscribe() (*Subscription, []Line) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := &Subscription{x: x, c: make(chan Line, maxUnread)}
	if x.lines.closed {
		s.once.Do(func() { close(s.c) })
	} else {
		if x.lines.subs == nil {
			x.lines.subs = map[*Subscription]bool{}
		}
		x.lines.subs[s] = true
	}
	return s, slices.Clone(x.lines.recent)
}

// note is say for who does not hold x.mu.
func (x *Exchange) note(format string, args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.say(format, args...)
}

// say tells a sentence; x.mu is held.
func (x *Exchange) say(format string, args ...any) {
	l := Line{time.Now(), fmt.Sprintf(format, args...)}
	x.log.Debug(l.Text)
	if len(x.lines.recent) == maxRecent {
		x.lines.recent = slices.Delete(x.lines.recent, 0, 1)
	}
	x.lines.recent = append(x.lines.recent, l)
	for s := range x.lines.subs {
		for {
			select {
			case s.c <- l:
			default:
				select {
				case <-s.c:
				default:
				}
				continue
			}
			break
		}
	}
}

func (l *lines) close() {
	l.closed = true
	for s := range l.subs {
		s.once.Do(func() { close(s.c) })
	}
	clear(l.subs)
}
