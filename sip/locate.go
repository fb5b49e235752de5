package sip

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Specification constants.
const (
	portSIP  = 5060 // RFC 3261 section 19.1.2, UDP and TCP
	portSIPS = 5061 // RFC 3261 section 19.1.2, TLS

	rcodeSuccess = 0 // RFC 1035 section 4.1.1
	rcodeNoName  = 3 // RFC 1035 section 4.1.1
)

// Implementation constants. The records beyond a limit are not used; they are no error.
const (
	maxSRV     = 16 // records of one SRV answer, those of the lowest priority values; reference A.4 asks for 12
	maxAddrs   = 16 // addresses of one name and family
	maxServers = 64 // entries of the whole list

	minTTL      = 15 * time.Second // TTL 0 means "ask again", not "ask for ever": nothing waits for the answer
	maxTTL      = 24 * time.Hour
	minNegative = 30 * time.Second
	maxNegative = 5 * time.Minute // a record an operator adds is seen soon, whatever the SOA says
	retryFirst  = 2 * time.Second // when no name server answered; doubles up to retryLast
	retryLast   = 30 * time.Second
	askLimit    = 30 * time.Second // a question unanswered for so long was lost
)

// LocateConfig is what is known of a leg's first hop.
type LocateConfig struct {
	Proxy      string // host, host:port, [v6]:port, or the static list of reference A.3
	Transport  string // UDP, TCP, TLS or AUTO in any case; empty is UDP
	UseSRV     bool   // Use_DNS_SRV_n_
	AutoPrefix bool   // DNS_SRV_Auto_Prefix_n_: _sip._udp. and so on is put before the name
	PreferIPv6 bool   // SIP_IP_Preference, inside one priority
	NoIPv4     bool
	NoIPv6     bool
	Random     io.Reader // for RFC 2782 weights; nil: the heaviest first
}

// Locator finds the servers of one leg and keeps them found: RFC 3263 section 4, reduced to the cases of
// design redundancy.md section 1. It asks Questions and is told Answers; a list once found stays in use,
// however old, until a name server says something else.
type Locator struct {
	cfg        LocateConfig
	hop        hop
	transports []Transport // TLS, TCP, UDP for AUTO, else one
	auto       bool
	lookups    map[Question]*lookup
	static     []float64 // draws of the static list
	servers    []Server
	done       bool
	cause      string
}

// lookup is one question and the last that was heard of it.
type lookup struct {
	askedAt  time.Time // zero: no answer is awaited
	dueAt    time.Time // when to ask again
	needed   bool      // by the list as it is now
	known    bool      // there was an answer, good or bad
	records  []Record
	draws    []float64 // one per record of an SRV answer
	code     int
	trouble  string // no name server answered yet, and why
	failures int    // in a row
}

// NewLocator reads cfg. The error is about the parameter's text, for the person who typed it.
func NewLocator(cfg LocateConfig) (*Locator, error) {
	h, err := parseHop(cfg.Proxy)
	if err != nil {
		return nil, err
	}
	if cfg.NoIPv4 && cfg.NoIPv6 {
		return nil, errors.New("both IPv4 and IPv6 are off")
	}
	l := &Locator{cfg: cfg, hop: h, lookups: map[Question]*lookup{}}
	switch strings.ToUpper(strings.TrimSpace(cfg.Transport)) {
	case "UDP", "":
		l.transports = []Transport{UDP}
	case "TCP":
		l.transports = []Transport{TCP}
	case "TLS":
		l.transports = []Transport{TLS}
	case "AUTO":
		l.auto = true
		l.transports = []Transport{TLS, TCP, UDP}
	default:
		return nil, fmt.Errorf("transport %q: UDP, TCP, TLS or AUTO is expected", clip(cfg.Transport))
	}
	return l, nil
}

// Domain is the SIP domain of the leg: the host part of the parameter as a URI writes it, without port,
// static list or SRV prefix, an IPv6 address in brackets.
func (l *Locator) Domain() string {
	if l.hop.addr.Is6() {
		return "[" + l.hop.host + "]"
	}
	return l.domain()
}

func (l *Locator) domain() string {
	for _, t := range []Transport{UDP, TCP, TLS} {
		if rest, ok := strings.CutPrefix(l.hop.host, srvPrefix(t)); ok && rest != "" {
			return rest
		}
	}
	return l.hop.host
}

// Done tells whether there is a first result, good or bad. It is good as soon as the server to be tried
// first is known; those behind it may still be added.
func (l *Locator) Done() bool { return l.done }

// Servers is the list in the order to try them. It is empty before the first result.
func (l *Locator) Servers() []Server { return slices.Clone(l.servers) }

// Cause says why there are no servers; it is empty when there are some or the first result is awaited.
func (l *Locator) Cause() string { return l.cause }

// Start begins the location. Without questions the result is there at once.
func (l *Locator) Start(now time.Time) []Question { return l.resolve(now) }

// Tick asks again what has expired by now.
func (l *Locator) Tick(now time.Time) []Question { return l.resolve(now) }

// Refresh asks everything again, as when the network came back.
func (l *Locator) Refresh(now time.Time) []Question {
	for _, k := range l.lookups {
		k.dueAt, k.failures = now, 0
	}
	return l.resolve(now)
}

// Answer takes a to one of the questions and returns those it leads to. Others' answers are ignored.
func (l *Locator) Answer(now time.Time, a Answer) []Question {
	k := l.lookups[canonical(a.Question)]
	if k == nil {
		return nil
	}
	l.take(k, now, a)
	return l.resolve(now)
}

// Next is when Tick is due; zero: never.
func (l *Locator) Next() time.Time {
	var next time.Time
	for _, k := range l.lookups {
		if !k.needed {
			continue
		}
		at := k.dueAt
		if !k.askedAt.IsZero() {
			at = k.askedAt.Add(askLimit)
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// take puts an answer into its lookup. While no name server answers the earlier records stay in use.
func (l *Locator) take(k *lookup, now time.Time, a Answer) {
	k.askedAt, k.known = time.Time{}, true
	if a.Cause != "" || a.Code != rcodeSuccess && a.Code != rcodeNoName {
		k.dueAt = now.Add(min(retryFirst<<min(k.failures, 8), retryLast))
		k.failures++
		if k.trouble = a.Cause; k.trouble == "" {
			k.trouble = fmt.Sprintf("name server trouble, code %d", a.Code)
		}
		return
	}
	k.failures, k.trouble, k.code = 0, "", a.Code
	switch canonical(a.Question).Type {
	case "SRV":
		l.takeSRV(k, a.Records)
	default:
		k.takeAddrs(a.Records)
	}
	if len(k.records) == 0 {
		k.dueAt = now.Add(min(max(a.TTL, minNegative), maxNegative))
	} else {
		k.dueAt = now.Add(min(max(a.TTL, minTTL), maxTTL))
	}
}

// takeSRV keeps the draw of each record that stays, so a refresh moves nobody to another server.
func (l *Locator) takeSRV(k *lookup, records []Record) {
	fresh := make([]Record, 0, min(len(records), maxSRV))
	for _, r := range records {
		if r.Target = strings.ToLower(strings.TrimSuffix(r.Target, ".")); r.Target == "" {
			r.Target = "." // "the service is decidedly not available", RFC 2782
		} else if r.Port == 0 || checkTarget(r.Target) != nil {
			continue
		}
		fresh = append(fresh, r)
	}
	slices.SortStableFunc(fresh, func(a, b Record) int { return cmp.Compare(a.Priority, b.Priority) })
	fresh = fresh[:min(len(fresh), maxSRV)]
	draws := make([]float64, len(fresh))
	for i, r := range fresh {
		old := slices.IndexFunc(k.records, func(o Record) bool { return o.Target == r.Target && o.Port == r.Port })
		if old >= 0 {
			draws[i] = k.draws[old]
		} else {
			draws[i] = draw(l.cfg.Random)
		}
	}
	k.records, k.draws = fresh, draws
}

// takeAddrs keeps the order of the addresses that stay: a name server may rotate them in each answer.
func (k *lookup) takeAddrs(records []Record) {
	records = records[:min(len(records), 16*maxAddrs)]
	var fresh []Record
	known := func(list []Record, a netip.Addr) bool {
		return slices.ContainsFunc(list, func(r Record) bool { return r.Addr == a })
	}
	for _, r := range k.records {
		if known(records, r.Addr) {
			fresh = append(fresh, r)
		}
	}
	for _, r := range records {
		if r.Addr.IsValid() && usable(r.Addr) == nil && !known(fresh, r.Addr) {
			fresh = append(fresh, r)
		}
	}
	k.records = fresh[:min(len(fresh), maxAddrs)]
}

// resolve works the list out anew from all that is known and returns what has to be asked for it.
func (l *Locator) resolve(now time.Time) []Question {
	for q, k := range l.lookups {
		if !k.askedAt.IsZero() && !now.Before(k.askedAt.Add(askLimit)) {
			l.take(k, now, Answer{Question: q, Cause: "the question was lost"})
		}
	}
	for _, k := range l.lookups {
		k.needed = false
	}
	w := walk{l: l}
	w.run()
	if !w.pending {
		for q, k := range l.lookups {
			if !k.needed {
				delete(l.lookups, q)
			}
		}
	}
	switch {
	case len(w.servers) > 0 && (w.settled || !w.pending):
		l.servers, l.done, l.cause = w.servers, true, ""
	case w.pending:
	case w.refused:
		l.servers, l.done, l.cause = nil, true, w.cause
	default:
		// A zone that lost its records by mistake does not end the service: old servers are better than none.
		l.done = true
		if len(l.servers) == 0 {
			l.cause = w.cause
		}
	}
	var ask []Question
	for _, q := range w.order {
		if k := l.lookups[q]; k.askedAt.IsZero() && !now.Before(k.dueAt) {
			k.askedAt = now
			ask = append(ask, q)
		}
	}
	return ask
}

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
	key              float64
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
	case plain.addrs != nil || h.port != 0 || !w.l.cfg.UseSRV:
		w.place([]candidate{plain})
	case w.services(true), w.services(false):
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
		k := w.ask(name, "SRV")
		if k == nil {
			missing = true
			continue
		}
		if len(k.records) == 0 && k.trouble != "" {
			w.blame(name, k)
		}
		var list []candidate
		for i, r := range k.records {
			if r.Target == "." {
				// Refused over TLS, the plain address may still be tried over UDP.
				w.refused = w.refused || t == w.l.transports[len(w.l.transports)-1]
				continue
			}
			c := candidate{host: r.Target, port: r.Port, transport: t, priority: r.Priority, weight: r.Weight, draw: k.draws[i]}
			if a, err := netip.ParseAddr(r.Target); err == nil {
				c.addrs = []netip.Addr{a} // against RFC 2782, but what is meant is plain
			}
			list = append(list, c)
		}
		if len(list) > 0 {
			found = true
			w.place(list)
		} else if w.refused && w.cause == "" {
			w.cause = fmt.Sprintf("%s does not offer SIP over %s (SRV target \".\")", w.l.Domain(), strings.ToUpper(string(t)))
		}
	}
	w.refused = w.refused && !found
	return found || missing || w.refused
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

// weigh sorts candidates of one priority. Each has a number drawn once from the exponential distribution;
// divided by its weight it gives an order with exactly the chances of RFC 2782's repeated draw, and one
// that changes only for the records that changed. All records of weight 0 together have the chance of
// weight 1, as there.
func weigh(group []candidate) {
	zeros := 0
	for _, c := range group {
		if c.weight == 0 {
			zeros++
		}
	}
	for i := range group {
		weight := float64(group[i].weight)
		if weight == 0 {
			weight = 1 / float64(zeros)
		}
		group[i].key = group[i].draw / weight
	}
	slices.SortStableFunc(group, func(a, b candidate) int { return cmp.Compare(a.key, b.key) })
}

// draw reads a number of the exponential distribution with mean 1.
func draw(random io.Reader) float64 {
	var b [8]byte
	if random == nil {
		return 1
	}
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return 1
	}
	return -math.Log(float64(binary.BigEndian.Uint64(b[:])>>11+1) / (1 << 53))
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
	if !k.known {
		w.pending = true
		return nil
	}
	return k
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
