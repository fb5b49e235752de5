//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// nameServer is the authoritative DNS of the test network: a table of records, changed while it runs.
type nameServer struct {
	addr    netip.AddrPort
	servers []*dns.Server
	mu      sync.Mutex
	records map[string][]dns.RR // by "name. TYPE", lower case
	mute    bool                // it reads questions and says nothing
	asked   int                 // questions so far
}

// startDNS answers on addr, by UDP and TCP.
func startDNS(addr netip.AddrPort) (*nameServer, error) {
	n := &nameServer{addr: addr, records: map[string][]dns.RR{}}
	if err := n.serve(addr); err != nil {
		return nil, err
	}
	return n, nil
}

// serve answers on one more address.
func (n *nameServer) serve(addr netip.AddrPort) error {
	packets, err := net.ListenPacket("udp", addr.String())
	if err != nil {
		return fmt.Errorf("DNS server: %w", err)
	}
	listener, err := net.Listen("tcp", addr.String())
	if err != nil {
		packets.Close()
		return fmt.Errorf("DNS server: %w", err)
	}
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: n}, {Listener: listener, Handler: n}} {
		n.servers = append(n.servers, s)
		go s.ActivateAndServe()
	}
	return nil
}

func (n *nameServer) close() {
	for _, s := range n.servers {
		s.Shutdown()
	}
}

// add puts records of the zone-file form "example.test. 30 IN A 127.0.0.1" into the table.
func (n *nameServer) add(records ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			panic(fmt.Sprintf("DNS record %q: %v", text, err))
		}
		key := questionKey(rr.Header().Name, rr.Header().Rrtype)
		n.records[key] = append(n.records[key], rr)
	}
}

// replace puts these records in the place of all that have the same name and type.
func (n *nameServer) replace(records ...string) {
	n.mu.Lock()
	for _, text := range records {
		if rr, err := dns.NewRR(text); err == nil {
			delete(n.records, questionKey(rr.Header().Name, rr.Header().Rrtype))
		}
	}
	n.mu.Unlock()
	n.add(records...)
}

// silence makes it read questions and say nothing, or answer again.
func (n *nameServer) silence(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mute = on
}

// questions is how many it has been asked.
func (n *nameServer) questions() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

func questionKey(name string, kind uint16) string {
	return strings.ToLower(dns.Fqdn(name)) + " " + dns.TypeToString[kind]
}

// ServeDNS answers from the table: NXDOMAIN for a name that has nothing, NODATA for one that has other types.
func (n *nameServer) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	reply := new(dns.Msg).SetReply(q)
	reply.Authoritative = true
	n.mu.Lock()
	n.asked++
	if n.mute {
		n.mu.Unlock()
		return
	}
	for _, question := range q.Question {
		key := questionKey(question.Name, question.Qtype)
		reply.Answer = append(reply.Answer, n.records[key]...)
		if len(reply.Answer) == 0 && !n.known(question.Name) {
			reply.Rcode = dns.RcodeNameError
		}
	}
	n.mu.Unlock()
	if len(reply.Answer) == 0 {
		soa, _ := dns.NewRR("test. 30 IN SOA ns.test. hostmaster.test. 1 3600 600 86400 5")
		reply.Ns = append(reply.Ns, soa)
	}
	w.WriteMsg(reply)
}

// known reports whether the table holds anything at name or below it.
func (n *nameServer) known(name string) bool {
	name = strings.ToLower(name)
	for key := range n.records {
		owner, _, _ := strings.Cut(key, " ")
		if owner == name || strings.HasSuffix(owner, "."+name) {
			return true
		}
	}
	return false
}
