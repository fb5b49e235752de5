package transport

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"dialtone/sip"
)

// nameServerRig is a name server on loopback, UDP and TCP on one port, with faults as plain fields.
type nameServerRig struct {
	*testing.T
	addr     netip.AddrPort
	udp, tcp atomic.Int64 // questions that came

	mu   sync.Mutex
	zone []dns.RR
	edit func(udp bool, q, m *dns.Msg) []*dns.Msg // what is sent instead of m; nil: m
}

func newNameServer(t *testing.T, lines ...string) *nameServerRig {
	t.Helper()
	s := &nameServerRig{T: t}
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		s.zone = append(s.zone, rr)
	}
	for range 50 {
		pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp4", pc.LocalAddr().String())
		if err != nil {
			pc.Close()
			continue
		}
		s.addr = addrPort(pc.LocalAddr())
		for _, server := range []*dns.Server{{PacketConn: pc, Handler: s}, {Listener: l, Handler: s}} {
			ready := make(chan struct{})
			server.NotifyStartedFunc = func() { close(ready) }
			go server.ActivateAndServe()
			<-ready
			t.Cleanup(func() { server.Shutdown() })
		}
		return s
	}
	t.Fatal("no port for a name server")
	panic("unreached")
}

// faulty sets what is sent instead of the right answer m; nil for none.
func (s *nameServerRig) faulty(edit func(udp bool, q, m *dns.Msg) []*dns.Msg) *nameServerRig {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.edit = edit
	return s
}

func (s *nameServerRig) silent() *nameServerRig {
	return s.faulty(func(bool, *dns.Msg, *dns.Msg) []*dns.Msg { return nil })
}

func (s *nameServerRig) rcode(code int) *nameServerRig {
	return s.faulty(func(_ bool, q, m *dns.Msg) []*dns.Msg {
		return []*dns.Msg{new(dns.Msg).SetRcode(q, code)}
	})
}

func (s *nameServerRig) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	_, udp := w.RemoteAddr().(*net.UDPAddr)
	if udp {
		s.udp.Add(1)
	} else {
		s.tcp.Add(1)
	}
	m := new(dns.Msg)
	m.SetReply(q)
	name := q.Question[0].Name
	exists := false
	for range 20 { // a loop of aliases ends some time
		alias := ""
		for _, rr := range s.zone {
			if !strings.EqualFold(rr.Header().Name, name) {
				continue
			}
			exists = true
			if rr.Header().Rrtype == q.Question[0].Qtype {
				m.Answer = append(m.Answer, rr)
			} else if c, ok := rr.(*dns.CNAME); ok {
				m.Answer = append(m.Answer, rr)
				alias = c.Target
			}
		}
		if name = alias; alias == "" {
			break
		}
		exists = false
	}
	if len(m.Answer) == 0 || !exists {
		soa, _ := dns.NewRR("test. 300 IN SOA ns.test. h.test. 1 2 3 4 20")
		m.Ns = append(m.Ns, soa)
	}
	if !exists {
		m.Rcode = dns.RcodeNameError
	}
	replies := []*dns.Msg{m}
	s.mu.Lock()
	if s.edit != nil {
		replies = s.edit(udp, q, m)
	}
	s.mu.Unlock()
	for _, m := range replies {
		w.WriteMsg(m)
	}
}

func newTestResolver(t *testing.T, servers ...netip.AddrPort) *Resolver {
	t.Helper()
	wantNoLeaks(t)
	return NewResolver(servers, OS())
}

// text is an answer in one line.
func text(a sip.Answer) string {
	var parts []string
	for _, r := range a.Records {
		switch a.Question.Type {
		case "SRV":
			parts = append(parts, fmt.Sprintf("%d %d %d %s", r.Priority, r.Weight, r.Port, r.Target))
		case "NAPTR":
			parts = append(parts, fmt.Sprintf("%d %d %s %s %s", r.Order, r.Preference, r.Flags, r.Service, r.Replacement))
		default:
			parts = append(parts, r.Addr.String())
		}
	}
	line := strings.Join(parts, ", ")
	if a.Code != 0 {
		line += " " + dns.RcodeToString[a.Code]
	}
	if a.TTL != 0 {
		line += " ttl " + a.TTL.String()
	}
	if a.Cause != "" {
		line += " cause: " + a.Cause
	}
	return strings.TrimSpace(line)
}

func wantAnswer(t *testing.T, sentence string, r *Resolver, kind, name, want string) {
	t.Helper()
	q := sip.Question{Name: name, Type: kind}
	a := r.Ask(context.Background(), q)
	if got := text(a); got != want || a.Question != q {
		t.Errorf("%s:\n got %s\nwant %s", sentence, got, want)
	}
}

var testZone = []string{
	`voice.test. 300 IN NAPTR 10 20 "s" "SIPS+D2T" "" _sips._tcp.voice.test.`,
	`_sip._udp.voice.test. 60 IN SRV 10 60 5060 A.voice.test.`,
	`_sip._udp.voice.test. 50 IN SRV 20 0 5070 b.voice.test.`,
	`_sip._tcp.voice.test. 60 IN SRV 0 0 0 .`,
	`a.voice.test. 30 IN A 192.0.2.1`,
	`a.voice.test. 30 IN A 192.0.2.2`,
	`a.voice.test. 0 IN AAAA 2001:db8::1`,
	`alias.test. 15 IN CNAME second.test.`,
	`second.test. 500 IN CNAME a.voice.test.`,
	`dangling.test. 500 IN CNAME nowhere.test.`,
	`loop.test. 500 IN CNAME loop2.test.`,
	`loop2.test. 500 IN CNAME loop.test.`,
}

func TestResolver(t *testing.T) {
	s := newNameServer(t, testZone...)
	r := newTestResolver(t, s.addr)
	for _, c := range []struct{ sentence, kind, name, want string }{
		{"addresses", "A", "a.voice.test", "192.0.2.1, 192.0.2.2 ttl 30s"},
		{"the name's case does not matter", "A", "A.VOICE.test", "192.0.2.1, 192.0.2.2 ttl 30s"},
		{"IPv6, TTL 0", "AAAA", "a.voice.test", "2001:db8::1"},
		{"servers, the least TTL", "SRV", "_sip._udp.voice.test", "10 60 5060 A.voice.test, 20 0 5070 b.voice.test ttl 50s"},
		{"a refusal stays a dot", "SRV", "_sip._tcp.voice.test", "0 0 0 . ttl 1m0s"},
		{"naming authority pointers", "NAPTR", "voice.test", "10 20 s SIPS+D2T _sips._tcp.voice.test ttl 5m0s"},
		{"through aliases, the least TTL of all", "A", "alias.test", "192.0.2.1, 192.0.2.2 ttl 15s"},
		{"an alias to nothing", "A", "dangling.test", "NXDOMAIN ttl 20s"},
		{"a loop of aliases", "A", "loop.test", "cause: loop.test leads through more than 8 aliases"},
		{"no such name, negative TTL by RFC 2308", "A", "nowhere.test", "NXDOMAIN ttl 20s"},
		{"the name has no such records", "A", "voice.test", "ttl 20s"},
		{"no name", "A", "", `cause: "" is no domain name`},
		{"a name too long", "A", strings.Repeat("a.", 200) + "test", `cause: "` + strings.Repeat("a.", 200) + `test" is no domain name`},
		{"another type", "MX", "voice.test", `cause: questions of type "MX" are not asked`},
	} {
		wantAnswer(t, c.sentence, r, c.kind, c.name, c.want)
	}
	if s.tcp.Load() != 0 {
		t.Error("TCP without need")
	}
	r = newTestResolver(t)
	wantAnswer(t, "no server", r, "A", "a.test", "cause: no name server is set")
}

func TestResolverAliasOverTwoAnswers(t *testing.T) {
	s := newNameServer(t, testZone...).faulty(func(_ bool, q, m *dns.Msg) []*dns.Msg {
		m.Answer, m.Ns, m.Rcode = m.Answer[:1], nil, dns.RcodeSuccess // the alias alone, the rest has to be asked for
		return []*dns.Msg{m}
	})
	r := newTestResolver(t, s.addr)
	wantAnswer(t, "each alias asked on its own", r, "A", "alias.test", "192.0.2.1 ttl 15s")
	wantAnswer(t, "a loop over several answers", r, "A", "loop.test", "cause: loop.test leads through more than 8 aliases")
}

func TestResolverTruncated(t *testing.T) {
	var zone []string
	for i := range 100 {
		zone = append(zone, fmt.Sprintf("big.test. 60 IN A 192.0.2.%d", i), fmt.Sprintf("big.test. 60 IN AAAA 2001:db8::%d", i))
	}
	s := newNameServer(t, zone...).faulty(func(udp bool, q, m *dns.Msg) []*dns.Msg {
		if udp {
			m.Truncate(512)
		}
		return []*dns.Msg{m}
	})
	r := newTestResolver(t, s.addr)
	a := r.Ask(context.Background(), sip.Question{Name: "big.test", Type: "A"})
	if len(a.Records) != maxRecords || s.tcp.Load() != 1 {
		t.Errorf("%d records, %d questions over TCP: %s", len(a.Records), s.tcp.Load(), a.Cause)
	}
	s.faulty(func(udp bool, q, m *dns.Msg) []*dns.Msg {
		if udp {
			m.Truncate(512)
			return []*dns.Msg{m}
		}
		m.Id++
		return []*dns.Msg{m}
	})
	a = r.Ask(context.Background(), sip.Question{Name: "big.test", Type: "A"})
	if n := len(a.Records); n == 0 || n >= maxRecords {
		t.Errorf("without TCP a part of the records is better than none: %d, %s", n, a.Cause)
	}
	s.faulty(func(udp bool, q, m *dns.Msg) []*dns.Msg {
		m.Answer, m.Truncated = nil, true
		return []*dns.Msg{m}
	})
	wantAnswer(t, "nothing in it and no TCP is no answer", r, "A", "big.test", "cause: name server 127.0.0.1: over TCP: the reply is none")
}

func TestResolverWithoutEDNS(t *testing.T) {
	for _, code := range []int{dns.RcodeFormatError, dns.RcodeNotImplemented} {
		var asked []bool
		s := newNameServer(t, testZone...)
		s.faulty(func(_ bool, q, m *dns.Msg) []*dns.Msg {
			asked = append(asked, q.IsEdns0() != nil)
			if q.IsEdns0() != nil {
				m = &dns.Msg{MsgHdr: dns.MsgHdr{Id: q.Id, Response: true, Rcode: code}} // not even the question
			}
			return []*dns.Msg{m}
		})
		r := newTestResolver(t, s.addr)
		wantAnswer(t, "a server that does not know EDNS0", r, "A", "a.voice.test", "192.0.2.1, 192.0.2.2 ttl 30s")
		wantAnswer(t, "is remembered as that", r, "A", "a.voice.test", "192.0.2.1, 192.0.2.2 ttl 30s")
		s.mu.Lock()
		if !slices.Equal(asked, []bool{true, false, false}) {
			t.Errorf("asked with EDNS0: %v", asked)
		}
		s.mu.Unlock()
	}
}

func TestResolverTroubledServers(t *testing.T) {
	good := newNameServer(t, testZone...)
	const want = "192.0.2.1, 192.0.2.2 ttl 30s"
	for _, c := range []struct {
		sentence string
		server   netip.AddrPort
		alone    string
	}{
		{"SERVFAIL", newNameServer(t).rcode(dns.RcodeServerFailure).addr, "SERVFAIL cause: SERVFAIL from name server 127.0.0.1"},
		{"REFUSED", newNameServer(t).rcode(dns.RcodeRefused).addr, "REFUSED cause: REFUSED from name server 127.0.0.1"},
		{"nobody there", freePort(t), "cause: name server 127.0.0.1: connection refused"},
		{"no such name here", newNameServer(t).addr, "NXDOMAIN ttl 20s"},
		{"a referral", newNameServer(t).faulty(func(_ bool, q, m *dns.Msg) []*dns.Msg {
			ns, _ := dns.NewRR("test. 60 IN NS ns.test.")
			m.Ns, m.Rcode = []dns.RR{ns}, dns.RcodeSuccess
			return []*dns.Msg{m}
		}).addr, "cause: name server 127.0.0.1 only refers to others"},
	} {
		wantAnswer(t, c.sentence+", alone", newTestResolver(t, c.server), "A", "a.voice.test", c.alone)
		for _, servers := range [][]netip.AddrPort{{c.server, good.addr}, {good.addr, c.server}} {
			wantAnswer(t, c.sentence+" does not end it", newTestResolver(t, servers...), "A", "a.voice.test", want)
		}
	}
	silent := newNameServer(t).silent()
	r := newTestResolver(t, silent.addr, good.addr)
	wantAnswer(t, "a silent server costs nothing", r, "A", "a.voice.test", want)
	wantAnswer(t, "a silent server does not hide that there is nothing", r, "A", "nowhere.test", "NXDOMAIN ttl 20s")
}

func TestResolverForgery(t *testing.T) {
	s := newNameServer(t, testZone...).faulty(func(udp bool, q, m *dns.Msg) []*dns.Msg {
		forge := func(change func(*dns.Msg)) *dns.Msg {
			f := m.Copy()
			bad, _ := dns.NewRR("a.voice.test. 60 IN A 198.51.100.66")
			f.Answer = []dns.RR{bad}
			change(f)
			return f
		}
		return []*dns.Msg{
			forge(func(f *dns.Msg) { f.Id++ }),
			forge(func(f *dns.Msg) { f.Question[0].Name = "b.voice.test." }),
			forge(func(f *dns.Msg) { f.Question[0].Qtype = dns.TypeAAAA }),
			forge(func(f *dns.Msg) { f.Question = nil }),
			forge(func(f *dns.Msg) { f.Response = false }),
			forge(func(f *dns.Msg) { f.Opcode = dns.OpcodeUpdate }),
			m,
		}
	})
	r := newTestResolver(t, s.addr)
	wantAnswer(t, "only the answer to the question counts", r, "A", "a.voice.test", "192.0.2.1, 192.0.2.2 ttl 30s")
	s.faulty(func(udp bool, q, m *dns.Msg) []*dns.Msg {
		other, _ := dns.NewRR("other.test. 60 IN A 198.51.100.66")
		m.Answer = append([]dns.RR{other}, m.Answer...)
		return []*dns.Msg{m}
	})
	wantAnswer(t, "records of other names do not", r, "A", "a.voice.test", "192.0.2.1, 192.0.2.2 ttl 30s")
}

func TestResolverStops(t *testing.T) {
	s := newNameServer(t)
	ctx, cancel := context.WithCancel(context.Background())
	s.faulty(func(bool, *dns.Msg, *dns.Msg) []*dns.Msg { cancel(); return nil })
	r := newTestResolver(t, s.addr)
	if a := r.Ask(ctx, sip.Question{Name: "a.test", Type: "A"}); a.Cause == "" {
		t.Errorf("%+v", a)
	}
}

// Query through the Transport: one Answer each.
func TestQuery(t *testing.T) {
	s := newNameServer(t, testZone...)
	h := newHarness(t, Config{Resolver: NewResolver([]netip.AddrPort{s.addr}, OS())})
	q := sip.Question{Name: "a.voice.test", Type: "A"}
	for range 20 {
		h.Do(sip.Query{Question: q})
	}
	for range 20 {
		if a := next[sip.Answer](h, "an answer"); a.Question != q || len(a.Records) != 2 {
			t.Errorf("%+v", a)
		}
	}
	h.wantNothing("and no more")
	h = newHarness(t, Config{})
	h.Do(sip.Query{Question: q})
	if a := next[sip.Answer](h, "also without a resolver"); a.Question != q || a.Cause == "" {
		t.Errorf("%+v", a)
	}
}

// DNS_Query_Mode Sequential: the second server is asked when the first fails or is silent, and not before.
func TestResolverSequential(t *testing.T) {
	good, other := newNameServer(t, testZone...), newNameServer(t, testZone...)
	silent, broken := newNameServer(t).silent(), newNameServer(t).rcode(dns.RcodeServerFailure)
	const want = "192.0.2.1, 192.0.2.2 ttl 30s"
	r := newTestResolver(t, good.addr, other.addr)
	r.Use(NameServers{Sequential: true})
	for range 5 {
		wantAnswer(t, "the first answers", r, "A", "a.voice.test", want)
	}
	wantAnswer(t, "that there is nothing is an answer", r, "A", "nowhere.test", "NXDOMAIN ttl 20s")
	if n := other.udp.Load(); n != 0 {
		t.Errorf("the second was asked %d times", n)
	}
	for _, first := range []*nameServerRig{silent, broken} {
		r := newTestResolver(t, first.addr, other.addr)
		r.Use(NameServers{Sequential: true})
		wantAnswer(t, "the second answers", r, "A", "a.voice.test", want)
		if first.udp.Load() == 0 || other.udp.Load() == 0 {
			t.Error("not both were asked")
		}
	}
}

func TestNameServersByHand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(path, []byte("nameserver 192.0.2.1\nnameserver 192.0.2.9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	hand := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.9:53"), netip.MustParseAddrPort("[::ffff:192.0.2.8]:53")}
	for _, c := range []struct {
		sentence string
		use      NameServers
		want     string
	}{
		{"none by hand", NameServers{}, "[192.0.2.1:53 192.0.2.9:53]"},
		{"none by hand, and no others", NameServers{Only: true}, "[192.0.2.1:53 192.0.2.9:53]"},
		{"by hand first", NameServers{Manual: hand}, "[192.0.2.9:53 192.0.2.8:53 192.0.2.1:53]"},
		{"by hand last", NameServers{Manual: hand, Last: true}, "[192.0.2.1:53 192.0.2.9:53 192.0.2.8:53]"},
		{"by hand alone", NameServers{Manual: hand, Only: true}, "[192.0.2.9:53 192.0.2.8:53]"},
	} {
		r := FollowResolvConf(path, OS())
		r.Use(c.use)
		servers, err := r.Servers()
		if got := fmt.Sprint(servers); err != nil || got != c.want {
			t.Errorf("%s: %s %v, want %s", c.sentence, got, err, c.want)
		}
	}
	fixed := NewResolver(hand[:1], OS())
	fixed.Use(NameServers{Manual: hand[1:], Only: true})
	if servers, _ := fixed.Servers(); fmt.Sprint(servers) != "[192.0.2.9:53]" {
		t.Errorf("the command line is overruled: %v", servers)
	}
}

func TestResolvConf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := func(sentence string, r *Resolver, want string) {
		t.Helper()
		servers, err := r.Servers()
		if got := fmt.Sprint(servers); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", sentence, got, err, want)
		}
	}
	r := FollowResolvConf(path, OS())
	want("no file: the server on this host", r, "[127.0.0.1:53]")
	write("# made by DHCP\nsearch example.test\nnameserver 192.0.2.1\n; comment\n nameserver\t2001:db8::1 # second\nnameserver 192.0.2.1\nnameserver nonsense\nnameserver fe80::1%eth0\noptions edns0\n")
	want("read", r, "[192.0.2.1:53 [2001:db8::1]:53 [fe80::1%eth0]:53]")
	write("nameserver 192.0.2.77\n")
	want("read again when it changed", r, "[192.0.2.77:53]")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	want("what cannot be read changes nothing", r, "[192.0.2.77:53]")
	if _, err := ResolvConf(path); err == nil {
		t.Error("a directory is read")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(strings.Repeat("x", 2*maxResolvConf))
	want("a file of nonsense names none", r, "[127.0.0.1:53]")
	var many strings.Builder
	for i := range 20 {
		fmt.Fprintf(&many, "nameserver 192.0.2.%d\n", i)
	}
	write(many.String())
	if servers, err := ResolvConf(path); len(servers) != maxNameServers || err != nil {
		t.Errorf("%d servers, %v", len(servers), err)
	}
}

// FuzzRecords reads any octets as a reply.
func FuzzRecords(f *testing.F) {
	for _, line := range testZone {
		rr, err := dns.NewRR(line)
		if err != nil {
			f.Fatal(err)
		}
		m := new(dns.Msg)
		m.SetQuestion(rr.Header().Name, rr.Header().Rrtype)
		m.Response = true
		m.Answer = []dns.RR{rr}
		packed, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, qtype := range dnsTypes {
			q := new(dns.Msg)
			q.SetQuestion("a.voice.test.", qtype)
			if len(data) > 2 {
				q.Id = uint16(data[0])<<8 | uint16(data[1])
			}
			m := unpack(data, q)
			if m == nil {
				continue
			}
			f := read(m, "a.voice.test.", qtype)
			if len(f.records) > maxRecords || f.hops > maxAliases+1 || f.ttl < 0 || f.ttl > 1<<31*time.Second {
				t.Fatalf("%+v", f)
			}
			for _, r := range f.records {
				if (qtype == dns.TypeA) != r.Addr.Is4() || (qtype == dns.TypeAAAA) != (r.Addr.IsValid() && !r.Addr.Is4()) {
					t.Fatalf("type %d: %+v", qtype, r)
				}
			}
		}
	})
}
