package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"dialtone/sip"
)

// Implementation constants of the resolver.
const (
	askTimeout  = 8 * time.Second        // for a whole Question with all its aliases
	helpAfter   = time.Second            // with no answer, servers thought dead are asked too
	secondVoice = 200 * time.Millisecond // a negative answer waits so long for another server's positive one
	lateLimit   = 700 * time.Millisecond // a server that was outrun and says nothing for so long is marked
	penaltyLow  = 30 * time.Second       // for which a server that failed is not asked first; doubles
	penaltyHigh = 5 * time.Minute
	deadAfter   = 2 // marks against a server; being late counts one, no answer at all two
)

// Resolver asks name servers the agent's questions. It keeps no answers: the agent knows when each of
// them ends, and what to do while nobody answers. Unless told otherwise it asks all servers at once and the
// first useful answer counts, so that a dead or broken one costs nothing.
type Resolver struct {
	net   Net
	fixed []netip.AddrPort
	conf  *resolvConf

	mu    sync.Mutex
	names NameServers
	known map[netip.AddrPort]*nameServer
}

// NameServers is what the settings say about name servers.
type NameServers struct {
	Manual     []netip.AddrPort // set by hand (Primary_DNS and so on)
	Last       bool             // they are asked after those of the network (DNS_Server_Order DHCP,Manual)
	Only       bool             // those of the network are not asked, unless none is set by hand
	Sequential bool             // DNS_Query_Mode: one after another, the next when one fails or is silent for a second
}

// Use takes over settings. Servers given to NewResolver come from the command line, and stay.
func (r *Resolver) Use(n NameServers) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n.Manual = slices.Clone(n.Manual)
	for i, s := range n.Manual {
		n.Manual[i] = unmap(s)
	}
	r.names = n
}

func (r *Resolver) using() NameServers {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.names
}

// nameServer is what is remembered of a name server.
type nameServer struct {
	marks     int // in a row
	penalty   time.Duration
	deadUntil time.Time
	plain     bool // does not know EDNS0
}

// NewResolver asks servers, always these. Its sockets come from n.
func NewResolver(servers []netip.AddrPort, n Net) *Resolver {
	r := &Resolver{net: n, fixed: slices.Clone(servers), known: map[netip.AddrPort]*nameServer{}}
	for i, s := range r.fixed {
		r.fixed[i] = unmap(s)
	}
	return r
}

// FollowResolvConf asks the servers the file at path names at the time, as ResolvConf reads it.
func FollowResolvConf(path string, n Net) *Resolver {
	r := NewResolver(nil, n)
	r.conf = &resolvConf{path: path}
	return r
}

// Servers is the name servers asked at the moment, in their order.
func (r *Resolver) Servers() ([]netip.AddrPort, error) {
	if r.conf != nil {
		n := r.using()
		if n.Only && len(n.Manual) > 0 {
			return n.Manual, nil
		}
		list, err := r.conf.current()
		if len(n.Manual) == 0 {
			return list, err
		}
		all := slices.Concat(n.Manual, list)
		if n.Last {
			all = slices.Concat(list, n.Manual)
		}
		var once []netip.AddrPort
		for _, s := range all {
			if !slices.Contains(once, s) {
				once = append(once, s)
			}
		}
		return once, nil
	}
	if len(r.fixed) == 0 {
		return nil, errors.New("no name server is set")
	}
	return r.fixed, nil
}

// Ask answers q, at the latest after 8 s or at the end of ctx. Cause is set when there was no useful
// answer; that there are no such records is one.
func (r *Resolver) Ask(ctx context.Context, q sip.Question) sip.Answer {
	a := sip.Answer{Question: q}
	qtype, known := dnsTypes[q.Type]
	if !known {
		a.Cause = fmt.Sprintf("questions of type %q are not asked", q.Type)
		return a
	}
	name := dns.Fqdn(q.Name)
	if _, ok := dns.IsDomainName(name); !ok || name == "." {
		a.Cause = fmt.Sprintf("%q is no domain name", q.Name)
		return a
	}
	deadline := time.Now().Add(askTimeout)
	hops, least := 0, time.Duration(-1)
	for {
		m, err := r.exchange(ctx, deadline, name, qtype)
		if err != nil {
			a.Cause = err.Error()
			var code rcodeError
			if errors.As(err, &code) {
				a.Code = code.code
			}
			return a
		}
		f := read(m, name, qtype)
		if least < 0 || f.ttl < least {
			least = f.ttl
		}
		if hops += f.hops; hops > maxAliases {
			a.Cause = fmt.Sprintf("%s leads through more than %d aliases", q.Name, maxAliases)
			return a
		}
		if f.alias == "" {
			a.Code, a.Records, a.TTL = m.Rcode, f.records, least
			return a
		}
		name = f.alias
	}
}

// reply is what one server made of a question.
type reply struct {
	server netip.AddrPort
	m      *dns.Msg
	err    error
}

// exchange asks all servers and returns the first useful answer. A positive one wins over a negative one
// that came a moment earlier: one server may know the names of the house and another only those outside.
func (r *Resolver) exchange(outer context.Context, deadline time.Time, name string, qtype uint16) (*dns.Msg, error) {
	servers, err := r.Servers()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithDeadline(outer, deadline)
	replies := make(chan reply, len(servers))
	var waiting []netip.AddrPort
	defer func() {
		if len(waiting) == 0 {
			cancel()
			return
		}
		// The others may be slow or dead. A moment more tells, and nobody waits for it.
		time.AfterFunc(lateLimit, cancel)
	}()
	ask := func(list []netip.AddrPort) {
		waiting = append(waiting, list...)
		for _, s := range list {
			go func() {
				m, err := r.askServer(ctx, s, name, qtype)
				if err != nil && ctx.Err() != nil && outer.Err() == nil {
					r.mark(s, 1)
				}
				replies <- reply{s, m, err}
			}()
		}
	}
	live, dead := r.sort(servers, time.Now())
	sequential := r.using().Sequential
	help := time.NewTimer(helpAfter)
	defer help.Stop()
	next := func() {
		switch {
		case len(live) > 0 && sequential:
			ask(live[:1])
			live = live[1:]
			help.Reset(helpAfter)
		case len(live) > 0:
			ask(live)
			live = nil
		default:
			ask(dead)
			dead = nil
		}
	}
	next()
	second := time.NewTimer(0)
	second.Stop()
	defer second.Stop()
	var negative *dns.Msg
	failures := map[netip.AddrPort]error{}
	for {
		select {
		case <-ctx.Done():
			if negative != nil {
				return negative, nil
			}
			return nil, cmp.Or(telling(servers, failures), errors.New("no name server answers in time"))
		case <-help.C:
			next()
		case <-second.C:
			return negative, nil
		case answer := <-replies:
			waiting = slices.DeleteFunc(waiting, func(s netip.AddrPort) bool { return s == answer.server })
			switch {
			case answer.err != nil:
				failures[answer.server] = answer.err
			case len(read(answer.m, name, qtype).records) > 0 || read(answer.m, name, qtype).alias != "":
				return answer.m, nil
			case negative == nil:
				negative = answer.m
				second.Reset(secondVoice)
			}
			switch {
			case len(waiting) > 0:
			case negative != nil:
				return negative, nil
			case len(live)+len(dead) > 0:
				next()
			default:
				return nil, telling(servers, failures)
			}
		}
	}
}

// sort puts the servers that failed lately apart. When all did, all are asked.
func (r *Resolver) sort(servers []netip.AddrPort, now time.Time) (live, dead []netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.known {
		if !slices.Contains(servers, s) {
			delete(r.known, s)
		}
	}
	for _, s := range servers {
		if k := r.known[s]; k != nil && now.Before(k.deadUntil) {
			dead = append(dead, s)
		} else {
			live = append(live, s)
		}
	}
	if len(live) == 0 {
		return dead, nil
	}
	return live, dead
}

// mark counts a failure of a server; enough of them in a row and it is taken for dead for a while.
func (r *Resolver) mark(s netip.AddrPort, marks int) {
	r.change(s, func(k *nameServer) {
		if k.marks += marks; k.marks < deadAfter {
			return
		}
		k.penalty = min(max(2*k.penalty, penaltyLow), penaltyHigh)
		k.deadUntil = time.Now().Add(k.penalty)
	})
}

func (r *Resolver) change(s netip.AddrPort, f func(*nameServer)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.known[s]
	if k == nil {
		k = &nameServer{}
		r.known[s] = k
	}
	f(k)
}

// rcodeError is a server that answered without an answer.
type rcodeError struct {
	server netip.AddrPort
	code   int
}

func (e rcodeError) Error() string {
	return fmt.Sprintf("%s from name server %s", dns.RcodeToString[e.code], e.server.Addr())
}

// telling picks the failure that says most: of the first server that answered, else of the first one.
func telling(servers []netip.AddrPort, failures map[netip.AddrPort]error) error {
	var first error
	for _, s := range servers {
		var code rcodeError
		if errors.As(failures[s], &code) {
			return code
		}
		first = cmp.Or(first, failures[s])
	}
	return first
}

// askServer asks one server: over UDP with EDNS0, without it if that is not understood, over TCP what is
// too long for UDP.
func (r *Resolver) askServer(ctx context.Context, s netip.AddrPort, name string, qtype uint16) (*dns.Msg, error) {
	var plain bool
	r.change(s, func(k *nameServer) { plain = k.plain })
	m, err := r.askUDP(ctx, s, question(name, qtype, !plain))
	if err == nil && !plain && (m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented || m.Rcode == dns.RcodeBadVers) {
		m, err = r.askUDP(ctx, s, question(name, qtype, false))
		if err == nil && m.Rcode != dns.RcodeFormatError {
			r.change(s, func(k *nameServer) { k.plain = true })
		}
	}
	if err == nil && m.Truncated {
		whole, tcpErr := r.askTCP(ctx, s, question(name, qtype, !plain))
		switch {
		case tcpErr == nil:
			m = whole
		case len(read(m, name, qtype).records) == 0:
			// A part of the records would do; none would look as if there were none.
			err = fmt.Errorf("over TCP: %w", tcpErr)
		}
	}
	if err != nil {
		if ctx.Err() == nil {
			r.mark(s, deadAfter)
		}
		return nil, fmt.Errorf("name server %s: %s", s.Addr(), cause(err))
	}
	r.change(s, func(k *nameServer) { k.marks, k.penalty, k.deadUntil = 0, 0, time.Time{} })
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return nil, rcodeError{s, m.Rcode}
	}
	if referral(m) {
		return nil, fmt.Errorf("name server %s only refers to others", s.Addr())
	}
	return m, nil
}

// referral tells whether m is no answer but the names of servers nearer to it, as from one that does not
// resolve for us (RFC 2308 section 2.2).
func referral(m *dns.Msg) bool {
	refers := false
	for _, rr := range m.Ns {
		switch rr.(type) {
		case *dns.SOA:
			return false
		case *dns.NS:
			refers = true
		}
	}
	return refers && m.Rcode == dns.RcodeSuccess && len(m.Answer) == 0
}

func question(name string, qtype uint16, edns bool) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	if edns {
		m.SetEdns0(ednsSize, false)
	}
	return m
}

// answers tells whether m is the reply to q and not to another question, or a forged one.
func answers(m, q *dns.Msg) bool {
	if !m.Response || m.Id != q.Id || m.Opcode != dns.OpcodeQuery {
		return false
	}
	if len(m.Question) == 0 {
		return m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented
	}
	return len(m.Question) == 1 && m.Question[0].Qtype == q.Question[0].Qtype && m.Question[0].Qclass == q.Question[0].Qclass &&
		strings.EqualFold(m.Question[0].Name, q.Question[0].Name)
}
