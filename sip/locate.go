package sip

import (
	"cmp"
	"errors"
	"fmt"
	"io"
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
	maxNAPTR   = 8  // records of one NAPTR answer that are for SIP, those of the lowest order; reference A.4 asks for 6
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

	// Records are asked for anew before their TTL ends, by a tenth of it or prefetchMost.
	prefetchShare = 10
	prefetchMost  = 10 * time.Second

	headStart    = time.Second // for which name servers may answer before what is remembered from another run is used
	firstFailing = 3           // failures of a name never looked up before, until a new list is taken without it
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
// however old, until a name server says something else, and all of what that leads to is known.
type Locator struct {
	cfg        LocateConfig
	hop        hop
	transports []Transport // TLS, TCP, UDP for AUTO, else one
	auto       bool
	lookups    map[Question]*lookup
	static     []float64 // draws of the static list
	servers    []Server
	done       bool
	whole      bool // servers is all there is, not the head of a list that is still looked up
	cause      string
	good       []Answer  // what servers was made of
	waitUntil  time.Time // until then an answer is better than what is remembered
}

// lookup is one question and the last that was heard of it.
type lookup struct {
	askedAt  time.Time // zero: no answer is awaited
	dueAt    time.Time // when to ask again
	needed   bool      // by the list as it is now
	known    bool      // there was an answer, good or bad
	settled  bool      // a good one
	recalled bool      // records are from another run, no name server has said so in this one
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
func (l *Locator) Servers() []Server {
	if !l.done {
		return nil
	}
	return slices.Clone(l.servers)
}

// Cause says why there are no servers; it is empty when there are some or the first result is awaited.
func (l *Locator) Cause() string { return l.cause }

// Start begins the location. Without questions the result is there at once.
func (l *Locator) Start(now time.Time) []Question {
	if len(l.servers) > 0 {
		l.waitUntil = now.Add(headStart)
	}
	return l.resolve(now)
}

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
	next := l.waitUntil
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
	l.takeRecords(k, a)
	k.recalled = false
	if len(k.records) == 0 {
		k.dueAt = now.Add(min(max(a.TTL, minNegative), maxNegative))
		return
	}
	k.dueAt = now.Add(min(max(a.TTL-min(a.TTL/prefetchShare, prefetchMost), minTTL), maxTTL))
}

// takeRecords puts what a name server said into its lookup.
func (l *Locator) takeRecords(k *lookup, a Answer) {
	k.failures, k.trouble, k.code, k.settled = 0, "", a.Code, true
	switch canonical(a.Question).Type {
	case "NAPTR":
		k.takeNAPTR(a.Records)
	case "SRV":
		l.takeSRV(k, a.Records)
	default:
		k.takeAddrs(a.Records)
	}
}

// takeNAPTR keeps the records that say how SIP is spoken to the domain, RFC 3263 section 4.1: the first of
// their order and preference first. Those of other services or with rewriting rules are for others.
func (k *lookup) takeNAPTR(records []Record) {
	var fresh []Record
	for _, r := range records {
		r.Replacement = strings.ToLower(strings.TrimSuffix(r.Replacement, "."))
		r.Flags, r.Service = strings.ToLower(r.Flags), strings.ToUpper(r.Service)
		if naptrTransport(r.Service) != "" && (r.Flags == "s" || r.Flags == "a") && checkHost(r.Replacement) == nil {
			fresh = append(fresh, r)
		}
	}
	slices.SortStableFunc(fresh, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	k.records = fresh[:min(len(fresh), maxNAPTR)]
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
	if !now.Before(l.waitUntil) {
		l.waitUntil = time.Time{}
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
	old := len(l.servers) > 0
	switch {
	case len(w.servers) > 0 && !w.pending:
		l.servers, l.done, l.whole, l.cause = w.servers, true, true, ""
		l.good = w.answers()
	case w.settled && !(l.done && l.whole && old):
		l.servers, l.done, l.whole, l.cause = w.servers, true, false, ""
	case w.pending:
		// The list there is stays whole until the new one is, and the one remembered is better than none.
		if old && !l.done && l.waitUntil.IsZero() {
			l.done, l.whole = true, true
		}
	case w.refused:
		l.servers, l.done, l.whole, l.cause = nil, true, true, w.cause
		l.good = w.answers()
	default:
		// A zone that lost its records by mistake does not end the service: old servers are better than none.
		l.done = true
		if !old {
			l.cause = w.cause
		}
	}
	if l.done {
		l.waitUntil = time.Time{}
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
