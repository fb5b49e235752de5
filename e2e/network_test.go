//go:build e2e

package e2e

import (
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Implementation constants: the plan of addresses. A run of the suite takes one block b and lives in
// 127.b.1.0/24 (servers and peers) and 127.b.2.0/24 (phones), so that runs do not meet.
const (
	blocks       = 40
	proxyHost    = 11
	resolverHost = 53
	resolverPort = 5353
	firstPeer    = 60
	lockPort     = 5999
	firstRTPPort = 10000 // baresip opens its RTP ports on all addresses, so every one gets a range of its own
	rtpPorts     = 20
	rtpRanges    = 25
	maxParallel  = 4 // tests at a time: more disturb each other's voice
)

// network is what all tests share: the proxy, the name server, the authorities and the plan of addresses.
type network struct {
	block   int
	lock    net.Listener
	dir     string
	binary  string // the phone
	proxy   *kamailio
	dns     *nameServer
	ca      *authority // known to the phones
	port6   int        // of the proxy on ::1; 0: this machine has no IPv6
	peers   pool       // last bytes of the peers' addresses
	phones  pool       // of the phones'
	ranges  pool       // of RTP ports
	numbers atomic.Int32

	noFirewall error // why packets cannot be dropped here; nil: they can
}

// A pool hands out the numbers from first to last in turn, each to one test at a time.
type pool struct {
	first, last int
	mu          sync.Mutex
	next        int
	taken       map[int]bool
}

func newPool(first, last int) pool {
	return pool{first: first, last: last, next: first, taken: map[int]bool{}}
}

// take returns a number nobody has. It is given back when the test is over.
func (p *pool) take(t testing.TB) int {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for range p.last - p.first + 1 {
		n := p.next
		if p.next++; p.next > p.last {
			p.next = p.first
		}
		if !p.taken[n] {
			p.taken[n] = true
			t.Cleanup(func() {
				p.mu.Lock()
				defer p.mu.Unlock()
				delete(p.taken, n)
			})
			return n
		}
	}
	t.Fatalf("the numbers from %d to %d are all taken", p.first, p.last)
	return 0
}

var lab *network

func TestMain(m *testing.M) {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.(flag.Getter).Get().(int) > maxParallel {
		parallel.Value.Set(strconv.Itoa(maxParallel))
	}
	if os.Getenv(insideVariable) == "" { // the phone is built where the modules can be fetched
		n := &network{}
		err := n.prepare()
		if err == nil {
			if code, ok := inNamespace(n.binary); ok {
				os.RemoveAll(n.dir)
				os.Exit(code)
			}
		}
		os.RemoveAll(n.dir)
	} else if err := raiseLoopback(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: loopback:", err)
		os.Exit(1)
	}
	var err error
	if lab, err = startNetwork(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	code := m.Run()
	lab.close()
	os.Exit(code)
}

// prepare makes the directory of a run and builds the phone.
func (n *network) prepare() error {
	var err error
	if n.dir, err = os.MkdirTemp("", "dialtone-e2e-"); err != nil {
		return err
	}
	return n.build()
}

func startNetwork() (*network, error) {
	n := &network{peers: newPool(firstPeer, 254), phones: newPool(1, 254), ranges: newPool(0, rtpRanges-1)}
	for n.block = 0; n.lock == nil; n.block++ {
		if n.block == blocks {
			return nil, fmt.Errorf("no free block of addresses among 127.0-%d.1.0/24", blocks-1)
		}
		n.lock, _ = net.Listen("tcp", n.server(1, lockPort).String())
		if n.lock != nil {
			break
		}
	}
	n.numbers.Store(1099)
	n.noFirewall = raiseFirewall()
	for _, step := range []func() error{n.prepare, n.startDNS, n.startProxy} {
		if err := step(); err != nil {
			n.close()
			return nil, err
		}
	}
	return n, nil
}

// close ends every process and removes every file. With E2E_KEEP set the files stay.
func (n *network) close() {
	if n.proxy != nil {
		n.proxy.stop()
	}
	if n.dns != nil {
		n.dns.close()
	}
	n.lock.Close()
	if os.Getenv("E2E_KEEP") != "" {
		fmt.Println("files kept in", n.dir)
		return
	}
	os.RemoveAll(n.dir)
}

// build makes the phone, once. E2E_PHONE names a ready binary instead, for example one built with -race.
func (n *network) build() error {
	if n.binary = os.Getenv("E2E_PHONE"); n.binary != "" {
		return nil
	}
	n.binary = filepath.Join(n.dir, "dialtone")
	cmd := exec.Command("go", "build", "-o", n.binary, "./firmware")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the phone: %w\n%s", err, out)
	}
	return nil
}

func (n *network) startDNS() error {
	var err error
	if n.dns, err = startDNS(n.server(resolverHost, resolverPort)); err != nil {
		return err
	}
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		n.port6 = l.Addr().(*net.TCPAddr).Port
		l.Close()
	}
	proxy := n.server(proxyHost, 0).Addr().String()
	n.dns.add("sip.example.test. 30 IN A "+proxy, "plain.test. 30 IN A "+proxy)
	for domain, tlsPort := range tlsPorts {
		n.dns.add(
			"_sip._udp."+domain+". 30 IN SRV 10 1 5060 sip.example.test.",
			"_sip._tcp."+domain+". 30 IN SRV 10 1 5060 sip.example.test.",
			fmt.Sprintf("_sips._tcp.%s. 30 IN SRV 10 1 %d sip.example.test.", domain, tlsPort))
	}
	n.dns.add("sip6.example.test. 30 IN AAAA ::1",
		fmt.Sprintf("_sip._udp.six.test. 30 IN SRV 10 1 %d sip6.example.test.", n.port6),
		fmt.Sprintf("_sip._tcp.six.test. 30 IN SRV 10 1 %d sip6.example.test.", n.port6))
	return nil
}

// tlsPorts says which certificate the proxy shows a domain: see testdata/tls.cfg.
var tlsPorts = map[string]int{"example.test": 5061, "wrongname.test": 5061, "unknownca.test": 5062, "expired.test": 5063}

func (n *network) startProxy() error {
	var err error
	if n.ca, err = newAuthority(n.dir, "ca"); err != nil {
		return err
	}
	stranger, err := newAuthority(n.dir, "stranger")
	if err != nil {
		return err
	}
	tomorrow, yesterday := time.Now().Add(24*time.Hour), time.Now().Add(-24*time.Hour)
	values := map[string]any{"Dir": n.dir, "Addr": n.server(proxyHost, 0).Addr(), "Port6": n.port6,
		"Domains": []string{"example.test", "plain.test", "wrongname.test", "unknownca.test", "expired.test", "six.test"},
		"Peers":   fmt.Sprintf(`^(127\.%d\.1\.|127\.0\.0\.1$|::1$)`, n.block), "PeerPrefix": fmt.Sprintf("127.%d.1.", n.block)}
	if values["Good"], err = n.ca.issue("good", tomorrow, "example.test", "sip.example.test"); err != nil {
		return err
	}
	if values["Expired"], err = n.ca.issue("expired", yesterday, "expired.test"); err != nil {
		return err
	}
	if values["Unknown"], err = stranger.issue("unknown", tomorrow, "unknownca.test"); err != nil {
		return err
	}
	n.proxy, err = startKamailio(n.dir, values)
	return err
}

// server is an address of the servers' and peers' network.
func (n *network) server(host, port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, byte(n.block), 1, byte(host)}), uint16(port))
}

// peerHost hands out the last byte of a peer's address.
func (n *network) peerHost(t testing.TB) int {
	t.Helper()
	return n.peers.take(t)
}

// phoneAddr hands out the address of a phone.
func (n *network) phoneAddr(t testing.TB) netip.Addr {
	t.Helper()
	return netip.AddrFrom4([4]byte{127, byte(n.block), 2, byte(n.phones.take(t))})
}

// user hands out a subscriber of the proxy.
func (n *network) user() string { return strconv.Itoa(int(n.numbers.Add(1))) }

// rtpRange hands out a range of UDP ports.
func (n *network) rtpRange(t testing.TB) (low, high int) {
	t.Helper()
	low = firstRTPPort + (n.block*rtpRanges+n.ranges.take(t))*rtpPorts
	return low, low + rtpPorts - 1
}

// password of a subscriber.
func password(user string) string { return "pw" + user }

// dir makes a directory for one process of one test, under the run's own.
func (n *network) mkdir(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp(n.dir, name+"-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// needIPv6 skips a test on a machine whose loopback has no IPv6.
func needIPv6(t *testing.T) {
	t.Helper()
	if lab.port6 == 0 {
		t.Skip("this machine has no IPv6 loopback (::1)")
	}
}

// conversation returns the last SIP messages the proxy sent or received that contain the text.
func (n *network) conversation(contains string) string {
	files, _ := filepath.Glob(filepath.Join(n.dir, "wire-*.data"))
	var found []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for message := range strings.SplitSeq(string(data), "====================\n") {
			if strings.Contains(message, contains) {
				found = append(found, message)
			}
		}
	}
	return strings.Join(found[max(0, len(found)-40):], "\n")
}
