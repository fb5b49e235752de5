//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Implementation constants: the phone of these tests looks after its servers more often than by default, so that a
// cell of the matrix takes seconds.
const (
	cellProbe    = 2 * time.Second  // Server_Probe_Intvl
	cellFallback = 3 * time.Second  // Proxy_Fallback_Intvl
	cellGood     = 3                // Failback_Good_Probes, one second apart
	cellTTL      = 2                // seconds DNS answers are good for
	askAgain     = 15 * time.Second // the phone asks DNS no more often, whatever the TTL
	busyMachine  = 10 * time.Second
)

// A server of a pair: a Kamailio on an address of its own, which can be made to fail.
type server struct {
	*kamailio
	t      testing.TB
	name   string
	addr   netip.Addr
	values map[string]any
	fail   string // the fault that is on
}

// A pair is a domain with two proxies, found by SRV: a first, then b. They share no state, as a cluster without
// replication. DNS is its own too.
type pair struct {
	t      testing.TB
	domain string
	a, b   *server
	dns    *nameServer
}

// startPair returns once both answer.
func startPair(t testing.TB) *pair {
	t.Helper()
	host := lab.peerHost(t)
	p := &pair{t: t, domain: fmt.Sprintf("pair%d.test", host)}
	var err error
	if p.dns, err = startDNS(lab.server(host, resolverPort)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.dns.close)
	p.a, p.b = p.startServer("a"), p.startServer("b")
	for _, s := range []*server{p.a, p.b} {
		p.dns.add(fmt.Sprintf("%s.%s. %d IN A %v", s.name, p.domain, cellTTL, s.addr))
	}
	p.list(p.a, p.b)
	t.Cleanup(func() {
		if t.Failed() {
			for _, s := range []*server{p.a, p.b} {
				t.Logf("server %s (%v):\n%s", s.name, s.addr, s.log.tail(60))
			}
		}
	})
	return p
}

func (p *pair) startServer(name string) *server {
	p.t.Helper()
	s := &server{t: p.t, name: name, addr: lab.server(lab.peerHost(p.t), 0).Addr()}
	dir := lab.mkdir(p.t, "proxy-"+name)
	cert, err := lab.ca.issue(filepath.Base(dir), time.Now().Add(24*time.Hour), p.domain, name+"."+p.domain)
	if err != nil {
		p.t.Fatal(err)
	}
	s.values = map[string]any{"Dir": dir, "Addr": s.addr, "Port6": 0, "Domains": []string{p.domain, name + "." + p.domain}, "Good": cert, "Expired": cert, "Unknown": cert,
		"Peers": fmt.Sprintf(`^127\.%d\.1\.`, lab.block), "PeerPrefix": fmt.Sprintf("127.%d.1.", lab.block)}
	if s.kamailio, err = startKamailio(dir, s.values); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		s.mend()
		s.stop()
	})
	return s
}

// list makes these the domain's servers, in this order.
func (p *pair) list(servers ...*server) {
	for service, port := range map[string]int{"_sip._udp.": 5060, "_sip._tcp.": 5060, "_sips._tcp.": 5061} {
		var records []string
		for i, s := range servers {
			records = append(records, fmt.Sprintf("%s%s. %d IN SRV %d 1 %d %s.%s.", service, p.domain, cellTTL, 10*(i+1), port, s.name, p.domain))
		}
		p.dns.replace(records...)
	}
}

// startPhone returns once a phone of the pair is registered at a.
func (p *pair) startPhone(transport string, profile map[string]string) *phone {
	p.t.Helper()
	settings := map[string]string{
		"Server_Probe_Intvl_1_":   strconv.Itoa(int(cellProbe.Seconds())),
		"Proxy_Fallback_Intvl_1_": strconv.Itoa(int(cellFallback.Seconds())),
		"Failback_Good_Probes_1_": strconv.Itoa(cellGood),
		"Register_Expires_1_":     "600",
	}
	maps.Copy(settings, profile)
	return startPhone(p.t, phoneOptions{domain: p.domain, transport: transport, resolver: p.dns.addr.String(), profile: settings})
}

// uses is what the status calls a server in use.
func (s *server) uses(transport string) string {
	port := 5060
	if transport == "TLS" {
		port = 5061
	}
	return fmt.Sprintf("%s:%v:%d", strings.ToLower(transport), s.addr, port)
}

// The faults a server can have. Where packets cannot be thrown away on this machine, the test is skipped.
var faults = []string{"silent", "refused", "503", "reset", "power loss"}

// strike gives the server a fault and returns when that was.
func (s *server) strike(fault string) time.Time {
	s.t.Helper()
	s.fail = fault
	began := time.Now()
	var err error
	switch fault {
	case "silent": // the processes stand still; the kernel still takes datagrams and connections
		err = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGSTOP)
	case "refused": // the processes are gone
		err = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.done
	case "503":
		_, err = s.rpc("cfg.seti", "suite", "code", "503")
	case "reset": // the host has forgotten every connection and accepts none
		err = firewallSet("add", "refused", s.addr.String())
	case "power loss": // packets vanish, also those of connections that are open
		err = firewallSet("add", "dead", s.addr.String())
	default:
		s.t.Fatalf("no fault is called %q", fault)
	}
	if err != nil {
		s.t.Fatalf("%s: %v", fault, err)
	}
	return began
}

// mend takes the fault away and returns when that was.
func (s *server) mend() time.Time {
	s.t.Helper()
	fault := s.fail
	s.fail = ""
	var err error
	switch fault {
	case "silent":
		err = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGCONT)
	case "refused":
		var again *kamailio
		if again, err = startKamailio(s.dir, s.values); err == nil {
			s.kamailio = again
		}
	case "503":
		_, err = s.rpc("cfg.seti", "suite", "code", "0")
	case "reset":
		err = firewallSet("delete", "refused", s.addr.String())
	case "power loss":
		err = firewallSet("delete", "dead", s.addr.String())
	}
	if err != nil {
		s.t.Errorf("the end of %q: %v", fault, err)
	}
	return time.Now()
}

// needFault skips a test whose fault this machine cannot make.
func needFault(t testing.TB, fault string) {
	t.Helper()
	if lab.noFirewall != nil && (fault == "reset" || fault == "power loss") {
		t.Skipf("%s needs a firewall: %v", fault, lab.noFirewall)
	}
}

var loggedAt = regexp.MustCompile(` at=(\d+)\.(\d+)$`)

// stamp is the time the server put on a line of its log.
func stamp(line string) time.Time {
	m := loggedAt.FindStringSubmatch(line)
	if m == nil {
		return time.Time{}
	}
	sec, _ := strconv.ParseInt(m[1], 10, 64)
	micro, _ := strconv.ParseInt(m[2], 10, 64)
	return time.Unix(sec, micro*1000)
}

// accepted is when the server took a registration of user after mark: the first; zero if it did not.
func (s *server) accepted(mark int, user string) time.Time {
	for _, line := range s.log.since(mark, regexp.MustCompile(`REGISTERED \S+ \S+ user=`+user+` `)) {
		if !leaves.MatchString(line) {
			return stamp(line)
		}
	}
	return time.Time{}
}

// left is when a binding of user was taken away at the server; zero if it was not.
func (s *server) left(mark int, user string) time.Time {
	for _, line := range s.log.since(mark, regexp.MustCompile(`REGISTERED \S+ \S+ user=`+user+` `)) {
		if leaves.MatchString(line) {
			return stamp(line)
		}
	}
	return time.Time{}
}

var (
	leaves      = regexp.MustCompile(` expires=0 |;expires=0\b`)
	callIDField = regexp.MustCompile(` cid=(\S+) `)
)

// answered is when the server passed on the first 200 to an INVITE of user after mark; zero if it did not.
func (s *server) answered(mark int, user string) time.Time {
	for _, line := range s.log.since(mark, regexp.MustCompile(`REPLY \S+ \S+ 200 INVITE cid=\S+ from=`+user+` `)) {
		return stamp(line)
	}
	return time.Time{}
}

// sideBySide runs a subtest for every transport at a time. They mostly wait, so they do not take a place each of those
// the tests of this package have to share.
func sideBySide(t *testing.T, test func(t *testing.T, transport string)) {
	var all sync.WaitGroup
	for _, transport := range []string{"UDP", "TCP", "TLS"} {
		all.Go(func() {
			t.Run(transport, func(t *testing.T) { test(t, transport) })
		})
	}
	all.Wait()
}
