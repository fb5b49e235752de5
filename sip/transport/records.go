package transport

import (
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"dialtone/sip"
)

// Limits of what is taken from one DNS response.
const (
	maxRecords = 64
	maxAliases = 8 // CNAMEs followed, in one response and over several
)

// dnsTypes are the types a Question may have.
var dnsTypes = map[string]uint16{"A": dns.TypeA, "AAAA": dns.TypeAAAA, "SRV": dns.TypeSRV, "NAPTR": dns.TypeNAPTR}

// found is what a response says of one name and type.
type found struct {
	records []sip.Record
	ttl     time.Duration // least of the aliases and records; of none: RFC 2308 section 5, 0 if it is not said
	alias   string        // the response ends at this name and does not say what is there
	hops    int           // aliases followed
}

// read takes the records of name and its aliases out of a response.
func read(m *dns.Msg, name string, qtype uint16) found {
	var f found
	least := uint32(1<<32 - 1)
	at := dns.CanonicalName(name)
	for f.hops <= maxAliases {
		next := ""
		for _, rr := range m.Answer {
			h := rr.Header()
			if h.Class != dns.ClassINET || dns.CanonicalName(h.Name) != at {
				continue
			}
			if alias, ok := rr.(*dns.CNAME); ok && next == "" {
				next = dns.CanonicalName(alias.Target)
				least = min(least, ttl(h.Ttl))
			} else if r, ok := record(rr); ok && h.Rrtype == qtype && len(f.records) < maxRecords {
				f.records = append(f.records, r)
				least = min(least, ttl(h.Ttl))
			}
		}
		if len(f.records) > 0 || next == "" {
			break
		}
		f.hops++
		at, f.alias = next, next
	}
	if len(f.records) > 0 {
		f.alias = ""
		f.ttl = time.Duration(least) * time.Second
		return f
	}
	if f.alias != "" {
		f.ttl = time.Duration(least) * time.Second
	}
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			f.alias = "" // the end of the aliases has no such record, and says so
			f.ttl = time.Duration(min(ttl(soa.Hdr.Ttl), ttl(soa.Minttl), least)) * time.Second
		}
	}
	if m.Rcode == dns.RcodeNameError {
		f.alias = ""
	}
	return f
}

// ttl reads a TTL: RFC 2181 section 8, one with the highest bit set is 0.
func ttl(seconds uint32) uint32 {
	if seconds > 1<<31-1 {
		return 0
	}
	return seconds
}

func record(rr dns.RR) (sip.Record, bool) {
	switch rr := rr.(type) {
	case *dns.A:
		addr, ok := netip.AddrFromSlice(rr.A)
		return sip.Record{Addr: addr.Unmap()}, ok && addr.Unmap().Is4()
	case *dns.AAAA:
		addr, ok := netip.AddrFromSlice(rr.AAAA)
		return sip.Record{Addr: addr.Unmap()}, ok
	case *dns.SRV:
		return sip.Record{Target: plainName(rr.Target), Port: rr.Port, Priority: rr.Priority, Weight: rr.Weight}, true
	case *dns.NAPTR:
		return sip.Record{Order: rr.Order, Preference: rr.Preference, Flags: rr.Flags, Service: rr.Service,
			Replacement: plainName(rr.Replacement)}, true
	}
	return sip.Record{}, false
}

// plainName is a name without its last dot; the root stays ".", which in an SRV record means refusal.
func plainName(name string) string {
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}
