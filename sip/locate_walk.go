package sip

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// walk goes through the steps of RFC 3263 with the answers at hand. It stops where one is missing.
type walk struct {
	l       *Locator
	order   []Question
	pending bool // an answer is missing
	settled bool // a server was found before anything was missing
	refused bool // the domain says it has no such service
	servers []Server
	cause   string
}

// candidate is a server whose addresses may have to be looked up.
type candidate struct {
	host             string
	addrs            []netip.Addr // known without a query
	port             uint16
	transport        Transport
	priority, weight uint16
	draw             float64
	left             float64 // of draw, while a group is put in order
}

func (w *walk) run() {
	h, t := w.l.hop, w.l.transports[len(w.l.transports)-1] // the last of AUTO is UDP
	plain := candidate{host: w.l.domain(), addrs: h.addrs, port: cmp.Or(h.port, defaultPort(t)), transport: t, draw: 1}
	if h.addr.IsValid() && h.addrs == nil {
		plain.addrs = []netip.Addr{h.addr}
	}
	switch {
	case h.list != nil:
		w.place(w.staticList(t))
	case plain.addrs != nil || h.port != 0 || !w.l.auto && !w.l.cfg.UseSRV:
		w.place([]candidate{plain})
	case w.l.auto && w.naptr():
	case w.l.cfg.UseSRV && (w.services(true) || w.services(false)):
	default:
		w.place([]candidate{plain})
	}
}

func (w *walk) staticList(t Transport) []candidate {
	var list []candidate
	for i, e := range w.l.hop.list {
		if i == len(w.l.static) {
			w.l.static = append(w.l.static, draw(w.l.cfg.Random))
		}
		c := candidate{host: e.host, addrs: e.addrs, port: cmp.Or(e.port, defaultPort(t)), transport: t,
			priority: e.priority, weight: e.weight, draw: w.l.static[i]}
		if e.addr.IsValid() && e.addrs == nil {
			c.addrs = []netip.Addr{e.addr}
		}
		list = append(list, c)
	}
	return list
}

// services tries the SRV names of all transports, prefixed or the bare one. True: nothing else is to be tried.
func (w *walk) services(prefixed bool) bool {
	host := w.l.hop.host
	if prefixed && (!w.l.cfg.AutoPrefix || strings.HasPrefix(host, "_")) {
		return false
	}
	found, missing := false, false
	transports := w.l.transports
	if !prefixed && w.l.auto {
		// The bare name says itself what it is for, or means UDP.
		transports = []Transport{UDP}
		for _, t := range w.l.transports {
			if strings.HasPrefix(host, srvPrefix(t)) {
				transports = []Transport{t}
			}
		}
	}
	for _, t := range transports {
		name := host
		if prefixed {
			name = srvPrefix(t) + host
		}
		switch w.service(name, t) {
		case serviceMissing:
			missing = true
		case serviceFound:
			found = true
		case serviceRefused:
			// Refused over TLS, the plain address may still be tried over UDP.
			w.refused = w.refused || t == w.l.transports[len(w.l.transports)-1]
		}
	}
	w.refused = w.refused && !found
	return found || missing || w.refused
}

// naptr goes the ways the domain itself names, RFC 3263 section 4.1, one after the other: where the servers
// of the first are dead, those of another transport may live. True: nothing else is to be tried.
func (w *walk) naptr() bool {
	host := w.l.hop.host
	if strings.HasPrefix(host, "_") {
		return false // it says already which service it is
	}
	k := w.ask(host, "NAPTR")
	if k == nil {
		return true
	}
	found, missing, refused := false, false, 0
	for _, r := range k.records {
		t := naptrTransport(r.Service)
		if r.Flags == "a" {
			found = true
			w.place([]candidate{{host: r.Replacement, port: defaultPort(t), transport: t, draw: 1}})
			continue
		}
		switch w.service(r.Replacement, t) {
		case serviceMissing:
			missing = true
		case serviceFound:
			found = true
		case serviceRefused:
			refused++
		}
	}
	w.refused = refused > 0 && refused == len(k.records)
	return found || missing || w.refused
}

// What came of an SRV name.
type serviceOutcome uint8

const (
	serviceNone    serviceOutcome = iota // there are no records, or no name server answers
	serviceMissing                       // the answer is awaited
	serviceFound
	serviceRefused // the only target is "."
)

// service places the servers of one SRV name.
func (w *walk) service(name string, t Transport) serviceOutcome {
	k := w.ask(name, "SRV")
	if k == nil {
		return serviceMissing
	}
	if len(k.records) == 0 && k.trouble != "" {
		w.blame(name, k)
	}
	var list []candidate
	refused := false
	for i, r := range k.records {
		if r.Target == "." {
			refused = true
			continue
		}
		c := candidate{host: r.Target, port: r.Port, transport: t, priority: r.Priority, weight: r.Weight, draw: k.draws[i]}
		if a, err := netip.ParseAddr(r.Target); err == nil {
			c.addrs = []netip.Addr{a} // against RFC 2782, but what is meant is plain
		}
		list = append(list, c)
	}
	switch {
	case len(list) > 0:
		w.place(list)
		return serviceFound
	case refused:
		if w.cause == "" {
			w.cause = fmt.Sprintf("%s does not offer SIP over %s (SRV target \".\")", w.l.Domain(), strings.ToUpper(string(t)))
		}
		return serviceRefused
	}
	return serviceNone
}

// place appends the candidates' servers: by priority, inside it the preferred family first, inside that
// by weight, RFC 2782. Every address of a candidate follows it (design redundancy.md section 1).
func (w *walk) place(list []candidate) {
	slices.SortStableFunc(list, func(a, b candidate) int { return cmp.Compare(a.priority, b.priority) })
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].priority == list[0].priority {
			n++
		}
		group := list[:n]
		list = list[n:]
		weigh(group)
		families := []string{"A", "AAAA"}
		if w.l.cfg.PreferIPv6 {
			families = []string{"AAAA", "A"}
		}
		for _, family := range families {
			if family == "A" && w.l.cfg.NoIPv4 || family == "AAAA" && w.l.cfg.NoIPv6 {
				continue
			}
			for _, c := range group {
				for _, a := range w.addrs(c, family) {
					w.add(c, a)
				}
			}
		}
	}
	if len(w.servers) == 0 && w.cause == "" {
		w.cause = "the servers' addresses are of a family that is off"
	}
}

func (w *walk) addrs(c candidate, family string) []netip.Addr {
	var out []netip.Addr
	fits := func(a netip.Addr) bool { return a.IsValid() && a.Unmap().Is4() == (family == "A") }
	if c.addrs != nil {
		for _, a := range c.addrs {
			if fits(a) {
				out = append(out, a.Unmap())
			}
		}
		return out
	}
	k := w.ask(c.host, family)
	if k == nil {
		return nil
	}
	for _, r := range k.records {
		if fits(r.Addr) {
			out = append(out, r.Addr.Unmap())
		}
	}
	if len(out) == 0 {
		w.blame(c.host, k)
	}
	return out
}

// ask is what is known of a question; nil: nothing yet.
func (w *walk) ask(name, kind string) *lookup {
	q := Question{Name: name, Type: kind}
	k := w.l.lookups[q]
	if k == nil {
		k = &lookup{}
		w.l.lookups[q] = k
	}
	if !k.needed {
		k.needed = true
		w.order = append(w.order, q)
	}
	switch {
	case !k.known:
		w.pending = true
		return nil
	case k.trouble != "" && !k.settled && w.l.done && w.l.whole && k.failures < firstFailing:
		// Without it the new list would lack servers. The one there is serves until it is found.
		w.pending = true
	case k.recalled && k.trouble == "" && !w.l.waitUntil.IsZero():
		w.pending = true
	}
	return k
}

// answers are those the walk came by, as Locator.Answers tells them.
func (w *walk) answers() (list []Answer) {
	for _, q := range w.order {
		if k := w.l.lookups[q]; k.settled {
			list = append(list, Answer{Question: q, Code: k.code, Records: ordered(k.records)})
		}
	}
	slices.SortFunc(list, byQuestion)
	return list
}

// blame notes why a name led to no server. Name server trouble outweighs an answer that there is nothing.
func (w *walk) blame(name string, k *lookup) {
	switch {
	case k.trouble != "":
		w.cause = fmt.Sprintf("%s cannot be looked up: %s", name, k.trouble)
	case w.cause != "":
	case k.code == rcodeNoName:
		w.cause = fmt.Sprintf("there is no host %s", name)
	default:
		w.cause = fmt.Sprintf("%s has no address", name)
	}
}

func (w *walk) add(c candidate, a netip.Addr) {
	s := Server{Name: c.host, Addr: netip.AddrPortFrom(a, c.port), Transport: c.transport,
		TLSName: w.l.domain(), Priority: c.priority, Weight: c.weight}
	if len(w.servers) >= maxServers || slices.ContainsFunc(w.servers, s.same) {
		return
	}
	w.servers = append(w.servers, s)
	w.settled = w.settled || !w.pending
}

// naptrTransport is the transport of a NAPTR service, RFC 3263 section 4.1; empty: it is none of ours.
func naptrTransport(service string) Transport {
	switch service {
	case "SIPS+D2T":
		return TLS
	case "SIP+D2T":
		return TCP
	case "SIP+D2U":
		return UDP
	}
	return ""
}

func srvPrefix(t Transport) string {
	switch t {
	case TCP:
		return "_sip._tcp."
	case TLS:
		return "_sips._tcp."
	}
	return "_sip._udp."
}

func defaultPort(t Transport) uint16 {
	if t == TLS {
		return portSIPS
	}
	return portSIP
}

func checkTarget(host string) error {
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	return checkHost(host)
}

func canonical(q Question) Question {
	q.Name = strings.ToLower(strings.TrimSuffix(q.Name, "."))
	return q
}
