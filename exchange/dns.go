package exchange

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Implementation constants.
const (
	maxQuery      = 4096 // octets
	maxDNSConns   = 16
	dnsIdle       = 10 * time.Second
	maxSlowQuery  = 256 // answers that wait at one time
	maxTTL        = 24 * time.Hour
	nameserver    = "ns"
	plainDatagram = 512 // octets of an answer to who does not say what it can take, RFC 1035 section 4.2.1
)

// A dnsServer is authoritative for the zone of an exchange. It has a lock of its own, so that a query
// waits for no call.
type dnsServer struct {
	x    *Exchange
	addr netip.AddrPort
	udp  net.PacketConn
	tcp  net.Listener

	mu      sync.Mutex
	closed  bool
	mode    DNSMode
	word    DNSMode
	delay   time.Duration
	queries int
	serial  uint32
	ttl     time.Duration
	servers []zoneServer
	conns   map[net.Conn]bool
	waiting map[*time.Timer]bool
}

// A zoneServer is one proxy as the zone names it.
type zoneServer struct {
	name             string
	addr             netip.Addr
	port, tlsPort    uint16 // tlsPort 0: none
	priority, weight uint16
}

func newDNS(x *Exchange) (*dnsServer, error) {
	d := &dnsServer{x: x, mode: DNSNormal, word: DNSNormal, ttl: x.cfg.TTL, serial: 1, conns: map[net.Conn]bool{}, waiting: map[*time.Timer]bool{}}
	d.setServers(x, nil)
	n := x.cfg.Net(x.cfg.DNS.Addr())
	for try := 1; ; try++ {
		var err error
		if d.udp, err = n.ListenPacket(x.cfg.DNS); err != nil {
			return nil, err
		}
		d.addr = netip.AddrPortFrom(x.cfg.DNS.Addr(), addrPort(d.udp.LocalAddr()).Port())
		if d.tcp, err = n.Listen(d.addr); err == nil {
			break
		}
		d.udp.Close()
		if x.cfg.DNS.Port() != 0 || try == portTries {
			return nil, err
		}
	}
	x.running.Go(d.readPackets)
	x.running.Go(d.accept)
	return d, nil
}

func (d *dnsServer) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.udp.Close()
	d.tcp.Close()
	for c := range d.conns {
		c.Close()
	}
	for t := range d.waiting {
		t.Stop()
	}
}

func (d *dnsServer) setMode(m DNSMode) error {
	word, delay, err := m.parse()
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mode, d.word, d.delay = m, word, delay
	return nil
}

func (d *dnsServer) setTTL(ttl time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ttl = min(max(ttl, 0), maxTTL)
	d.serial++
}

// setServers writes the zone anew; names in their order, or all as configured.
func (d *dnsServer) setServers(x *Exchange, names []string) {
	var servers []zoneServer
	for _, p := range x.proxies {
		s := zoneServer{p.Name, p.Addr.Unmap(), p.port, p.tlsPort, p.Priority, p.Weight}
		if i := slices.Index(names, p.Name); i >= 0 {
			s.priority = uint16(priorityStep * (i + 1))
		} else if len(names) > 0 {
			continue
		}
		servers = append(servers, s)
	}
	slices.SortStableFunc(servers, func(a, b zoneServer) int { return int(a.priority) - int(b.priority) })
	d.mu.Lock()
	defer d.mu.Unlock()
	d.servers = servers
	d.serial++
}

// words is the order of the servers: "a first, then b", or "a and b alike".
func (d *dnsServer) words() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.order()
}

func (d *dnsServer) order() string {
	var b strings.Builder
	for i, s := range d.servers {
		switch {
		case i == 0 && len(d.servers) == 1:
			return s.name + " only"
		case i == 0:
			b.WriteString(s.name)
		case s.priority == d.servers[i-1].priority:
			b.WriteString(" and " + s.name)
		default:
			b.WriteString(", then " + s.name)
		}
	}
	return b.String()
}

func (d *dnsServer) status() DNSStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := DNSStatus{Mode: d.mode, Addr: d.addr, Queries: d.queries}
	for _, service := range d.services() {
		s.Zone = append(s.Zone, fmt.Sprintf("%s %ds: %s", strings.TrimSuffix(service.name, "."), int(d.ttl/time.Second), d.order()))
	}
	for _, sv := range d.servers {
		s.Zone = append(s.Zone, fmt.Sprintf("%s.%s %ds: %s", sv.name, d.x.cfg.Domain, int(d.ttl/time.Second), sv.addr))
	}
	return s
}

// A service is one SRV name of the zone, and its NAPTR.
type service struct {
	naptr, name string
	secure      bool
}

func (d *dnsServer) services() []service {
	domain := dns.Fqdn(d.x.cfg.Domain)
	all := []service{{"SIP+D2U", "_sip._udp." + domain, false}, {"SIP+D2T", "_sip._tcp." + domain, false}}
	if d.x.cfg.TLS != nil {
		all = append(all, service{"SIPS+D2T", "_sips._tcp." + domain, true})
	}
	return all
}

// records is the whole zone; d.mu is held.
func (d *dnsServer) records() (rrs []dns.RR) {
	domain := dns.Fqdn(d.x.cfg.Domain)
	head := func(name string, kind uint16) dns.RR_Header {
		return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: uint32(d.ttl / time.Second)}
	}
	address := func(name string, a netip.Addr) dns.RR {
		if a.Is4() {
			return &dns.A{Hdr: head(name, dns.TypeA), A: a.AsSlice()}
		}
		return &dns.AAAA{Hdr: head(name, dns.TypeAAAA), AAAA: a.AsSlice()}
	}
	rrs = append(rrs, d.soa(), &dns.NS{Hdr: head(domain, dns.TypeNS), Ns: nameserver + "." + domain},
		address(nameserver+"."+domain, d.addr.Addr().Unmap()))
	for i, sv := range d.services() {
		rrs = append(rrs, &dns.NAPTR{Hdr: head(domain, dns.TypeNAPTR), Order: uint16(priorityStep * (i + 1)), Preference: priorityStep,
			Flags: "s", Service: sv.naptr, Replacement: sv.name})
		for _, s := range d.servers {
			port := s.port
			if sv.secure {
				port = s.tlsPort
			}
			rrs = append(rrs, &dns.SRV{Hdr: head(sv.name, dns.TypeSRV), Priority: s.priority, Weight: s.weight, Port: port,
				Target: s.name + "." + domain})
		}
	}
	for _, s := range d.servers {
		rrs = append(rrs, address(s.name+"."+domain, s.addr), address(domain, s.addr))
	}
	return rrs
}

// soa is the SOA record, whose minimum is how long a negative answer may be kept (RFC 2308).
func (d *dnsServer) soa() dns.RR {
	domain, ttl := dns.Fqdn(d.x.cfg.Domain), uint32(d.ttl/time.Second)
	return &dns.SOA{Hdr: dns.RR_Header{Name: domain, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: ttl},
		Ns: nameserver + "." + domain, Mbox: "hostmaster." + domain, Serial: d.serial, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: ttl}
}

// answer makes the answer to one query, at most size octets; nil: none. d.mu is held.
func (d *dnsServer) answer(query []byte, size int) []byte {
	var q dns.Msg
	if len(query) > maxQuery || q.Unpack(query) != nil || q.Response {
		return nil
	}
	d.queries++
	r := new(dns.Msg).SetReply(&q)
	if opt := q.IsEdns0(); opt != nil { // RFC 6891
		if size == plainDatagram {
			size = max(plainDatagram, min(int(opt.UDPSize()), maxQuery))
		}
		r.SetEdns0(maxQuery, false)
	}
	switch {
	case d.word == DNSServfail:
		r.Rcode = dns.RcodeServerFailure
	case q.Opcode != dns.OpcodeQuery:
		r.Rcode = dns.RcodeNotImplemented
	case len(q.Question) != 1 || q.Question[0].Qclass != dns.ClassINET:
		r.Rcode = dns.RcodeFormatError
	default:
		d.lookUp(r, q.Question[0])
	}
	r.Truncate(size)
	data, err := r.Pack()
	if err != nil {
		d.x.log.Warn("packing a DNS answer", "err", err)
		return nil
	}
	return data
}

func (d *dnsServer) lookUp(r *dns.Msg, q dns.Question) {
	name, domain := strings.ToLower(q.Name), dns.Fqdn(d.x.cfg.Domain)
	if !dns.IsSubDomain(domain, name) {
		r.Rcode = dns.RcodeRefused
		return
	}
	r.Authoritative = true
	all, exists := d.records(), false
	for _, rr := range all {
		h := rr.Header()
		if dns.IsSubDomain(name, h.Name) { // also for what lies between: _udp.example.test
			exists = true
		}
		if h.Name == name && (h.Rrtype == q.Qtype || q.Qtype == dns.TypeANY) {
			rr.Header().Name = q.Name // in the letters of the question
			r.Answer = append(r.Answer, rr)
		}
	}
	for _, a := range r.Answer {
		srv, ok := a.(*dns.SRV)
		if !ok {
			continue
		}
		for _, rr := range all {
			h := rr.Header()
			if h.Name == srv.Target && (h.Rrtype == dns.TypeA || h.Rrtype == dns.TypeAAAA) {
				r.Extra = append(r.Extra, rr)
			}
		}
	}
	if len(r.Answer) > 0 {
		return
	}
	r.Ns = []dns.RR{d.soa()}
	if !exists {
		r.Rcode = dns.RcodeNameError
	}
}

// handle answers one query by send, at its time.
func (d *dnsServer) handle(query []byte, size int, send func([]byte)) {
	d.mu.Lock()
	data := d.answer(query, size)
	word := d.word
	if word == DNSSlow && data != nil && !d.closed && len(d.waiting) < maxSlowQuery {
		var t *time.Timer
		t = time.AfterFunc(d.delay, func() {
			d.mu.Lock()
			delete(d.waiting, t)
			on := !d.closed && d.word != DNSOff
			d.mu.Unlock()
			if on {
				send(data)
			}
		})
		d.waiting[t] = true
	}
	d.mu.Unlock()
	if data != nil && word != DNSSlow && word != DNSOff {
		send(data)
	}
}

func (d *dnsServer) readPackets() {
	readDatagrams(d.udp, maxQuery+1, func(data []byte, from net.Addr) {
		// A datagram that cannot be sent is a lost one.
		d.handle(data, plainDatagram, func(data []byte) { _, _ = d.udp.WriteTo(data, from) })
	}, func(netip.AddrPort) {})
}

func (d *dnsServer) accept() {
	acceptAll(d.tcp, func(c net.Conn) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.closed || len(d.conns) == maxDNSConns {
			c.Close()
			return
		}
		d.conns[c] = true
		d.x.running.Go(func() { d.readStream(c) })
	})
}

// readStream answers the queries of one connection, RFC 1035 section 4.2.2.
func (d *dnsServer) readStream(c net.Conn) {
	defer func() {
		c.Close()
		d.mu.Lock()
		delete(d.conns, c)
		d.mu.Unlock()
	}()
	for {
		var length [2]byte
		if err := c.SetDeadline(time.Now().Add(dnsIdle)); err != nil {
			return
		}
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint16(length[:]))
		if n > maxQuery {
			return
		}
		query := make([]byte, n)
		if _, err := io.ReadFull(c, query); err != nil {
			return
		}
		d.handle(query, dns.MaxMsgSize-1, func(data []byte) {
			// Small enough for the window of a connection; who does not read is cut off by the deadline.
			_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(data))), data...))
		})
	}
}
