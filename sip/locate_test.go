package sip

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// zone is a name server made of lines: "name TYPE ttl data…". Several lines with one name and type are one
// answer. The data "-" is an empty answer, "none" that there is no such name, "dead" that nobody answers.
type zone []string

func (z zone) answer(q Question) Answer {
	a := Answer{Question: q, Code: rcodeNoName, TTL: 100 * time.Second}
	for _, line := range z {
		f := strings.Fields(line)
		if f[0] != q.Name || f[1] != q.Type {
			continue
		}
		ttl, _ := strconv.Atoi(f[2])
		n := func(i int) uint16 { v, _ := strconv.Atoi(f[i]); return uint16(v) }
		a.Code, a.TTL = rcodeSuccess, time.Duration(ttl)*time.Second
		switch {
		case f[3] == "-":
		case f[3] == "none":
			a.Code = rcodeNoName
		case f[3] == "dead":
			a.Cause = "no name server answers"
		case q.Type == "NAPTR":
			a.Records = append(a.Records, Record{Order: n(3), Preference: n(4), Flags: f[5], Service: f[6], Replacement: f[7]})
		case q.Type == "SRV":
			a.Records = append(a.Records, Record{Priority: n(3), Weight: n(4), Port: n(5), Target: f[6]})
		default:
			a.Records = append(a.Records, Record{Addr: netip.MustParseAddr(f[3])})
		}
	}
	return a
}

// scene is one Locator, its name server and the time.
type scene struct {
	*testing.T
	l     *Locator
	zone  zone
	now   time.Time
	asked []string
}

func startScene(t *testing.T, cfg LocateConfig, z zone) *scene {
	t.Helper()
	l, err := NewLocator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{T: t, l: l, zone: z, now: time.Unix(1000, 0)}
	s.settle(l.Start(s.now))
	return s
}

func (s *scene) settle(questions []Question) {
	s.Helper()
	for n := 0; len(questions) > 0; n++ {
		if n > 200 {
			s.Fatal("the locator asks for ever")
		}
		q := questions[0]
		s.asked = append(s.asked, q.Type+" "+q.Name)
		questions = append(questions[1:], s.l.Answer(s.now, s.zone.answer(q))...)
	}
}

// after lets the time pass, ticking when the locator wants it, and forgets what was asked before.
func (s *scene) after(d time.Duration) {
	s.Helper()
	s.asked = nil
	end := s.now.Add(d)
	for n := 0; ; n++ {
		next := s.l.Next()
		if next.IsZero() || next.After(end) {
			s.now = end
			return
		}
		if n > 10000 || !next.After(s.now) && n > 0 {
			s.Fatalf("the locator wants a tick again and again: %v", next.Sub(s.now))
		}
		s.now = next
		s.settle(s.l.Tick(s.now))
	}
}

func (s *scene) wantServers(sentence, want string) {
	s.Helper()
	var got []string
	for _, v := range s.l.Servers() {
		got = append(got, fmt.Sprintf("%s:%s", v.Transport, v.Addr))
	}
	if !s.l.Done() {
		got = append(got, "(not done)")
	}
	if c := s.l.Cause(); c != "" {
		got = append(got, c)
	}
	if text := strings.Join(got, " "); text != want {
		s.Errorf("%s:\n got %s\nwant %s", sentence, text, want)
	}
}

func (s *scene) wantAsked(sentence, want string) {
	s.Helper()
	if got := strings.Join(s.asked, ", "); got != want {
		s.Errorf("%s:\n got %s\nwant %s", sentence, got, want)
	}
}

var office = zone{
	"_sip._udp.example.test SRV 60 20 0 5080 b.example.test",
	"_sip._udp.example.test SRV 60 10 0 5060 a.example.test.",
	"_sip._tcp.example.test SRV 60 10 0 5060 a.example.test",
	"_sips._tcp.example.test SRV 60 10 0 5061 A.example.test",
	"a.example.test A 60 192.0.2.1",
	"a.example.test AAAA 60 2001:db8::1",
	"b.example.test A 60 192.0.2.2",
	"b.example.test A 60 192.0.2.3",
	"b.example.test AAAA 60 2001:db8::2",
	"plain.test A 60 192.0.2.9",
	"plain.test AAAA 60 -",
	"bare.test SRV 60 1 1 5090 a.example.test",
	"closed.test A 60 192.0.2.66",
	"_sip._udp.closed.test SRV 60 0 0 0 .",
	"_sips._tcp.half.test SRV 60 0 0 0 .",
	"half.test A 60 192.0.2.7",
	"dead.test A 60 dead",
	"_sip._udp.literal.test SRV 60 0 0 5060 192.0.2.8",
	"_sip._udp.mixed.test SRV 60 1 0 5060 six.test",
	"_sip._udp.mixed.test SRV 60 2 0 5060 a.example.test",
	"six.test AAAA 60 2001:db8::6",
	"_sip._udp.pair.test SRV 60 1 2 5060 a.example.test",
	"_sip._udp.pair.test SRV 60 1 1 5080 b.example.test",
	"_sip._udp.empty.test SRV 60 0 0 5060 nowhere.test",
}

func TestLocate(t *testing.T) {
	srv := LocateConfig{UseSRV: true, AutoPrefix: true, NoIPv6: true}
	with := func(change func(*LocateConfig)) LocateConfig {
		c := srv
		change(&c)
		return c
	}
	for _, c := range []struct {
		name, proxy string
		cfg         LocateConfig
		want, asked string
	}{
		{"a literal is itself", "192.0.2.1", srv, "udp:192.0.2.1:5060", ""},
		{"a literal over TLS has the port of TLS", "192.0.2.1", with(func(c *LocateConfig) { c.Transport = "tls" }), "tls:192.0.2.1:5061", ""},
		{"an IPv6 literal with a port", "[2001:db8::7]:5070", with(func(c *LocateConfig) { c.NoIPv6 = false }), "udp:[2001:db8::7]:5070", ""},
		{"an IPv6 literal while IPv6 is off", "2001:db8::7", srv, "the servers' addresses are of a family that is off", ""},
		{"a port means no SRV", "a.example.test:5099", srv, "udp:192.0.2.1:5099", "A a.example.test"},
		{"SRV records by priority, all addresses of each", "example.test", srv,
			"udp:192.0.2.1:5060 udp:192.0.2.2:5080 udp:192.0.2.3:5080", "SRV _sip._udp.example.test, A a.example.test, A b.example.test"},
		{"SRV over TCP", "example.test", with(func(c *LocateConfig) { c.Transport = "TCP" }), "tcp:192.0.2.1:5060", "SRV _sip._tcp.example.test, A a.example.test"},
		{"SRV over TLS", "example.test", with(func(c *LocateConfig) { c.Transport = "TLS" }), "tls:192.0.2.1:5061", "SRV _sips._tcp.example.test, A a.example.test"},
		{"IPv4 first inside a priority", "example.test", with(func(c *LocateConfig) { c.NoIPv6 = false }),
			"udp:192.0.2.1:5060 udp:[2001:db8::1]:5060 udp:192.0.2.2:5080 udp:192.0.2.3:5080 udp:[2001:db8::2]:5080",
			"SRV _sip._udp.example.test, A a.example.test, AAAA a.example.test, A b.example.test, AAAA b.example.test"},
		{"IPv6 first inside a priority", "example.test", with(func(c *LocateConfig) { c.NoIPv6, c.PreferIPv6 = false, true }),
			"udp:[2001:db8::1]:5060 udp:192.0.2.1:5060 udp:[2001:db8::2]:5080 udp:192.0.2.2:5080 udp:192.0.2.3:5080",
			"SRV _sip._udp.example.test, AAAA a.example.test, A a.example.test, AAAA b.example.test, A b.example.test"},
		{"a priority with IPv6 only, in between", "mixed.test", with(func(c *LocateConfig) { c.NoIPv6 = false }),
			"udp:[2001:db8::6]:5060 udp:192.0.2.1:5060 udp:[2001:db8::1]:5060", "SRV _sip._udp.mixed.test, A six.test, AAAA six.test, A a.example.test, AAAA a.example.test"},
		{"two of one priority: IPv4 of both, then IPv6 of both", "pair.test", with(func(c *LocateConfig) { c.NoIPv6 = false }),
			"udp:192.0.2.1:5060 udp:192.0.2.2:5080 udp:192.0.2.3:5080 udp:[2001:db8::1]:5060 udp:[2001:db8::2]:5080",
			"SRV _sip._udp.pair.test, A a.example.test, A b.example.test, AAAA a.example.test, AAAA b.example.test"},
		{"IPv6 only", "example.test", with(func(c *LocateConfig) { c.NoIPv6, c.NoIPv4 = false, true }),
			"udp:[2001:db8::1]:5060 udp:[2001:db8::2]:5080", "SRV _sip._udp.example.test, AAAA a.example.test, AAAA b.example.test"},
		{"the bare name is the second SRV name", "bare.test", srv, "udp:192.0.2.1:5090", "SRV _sip._udp.bare.test, SRV bare.test, A a.example.test"},
		{"without the automatic prefix only the bare name is asked", "bare.test", with(func(c *LocateConfig) { c.AutoPrefix = false }),
			"udp:192.0.2.1:5090", "SRV bare.test, A a.example.test"},
		{"a full SRV name gets no second prefix", "_sip._udp.example.test", srv,
			"udp:192.0.2.1:5060 udp:192.0.2.2:5080 udp:192.0.2.3:5080", "SRV _sip._udp.example.test, A a.example.test, A b.example.test"},
		{"no SRV: the address itself", "plain.test", srv, "udp:192.0.2.9:5060", "SRV _sip._udp.plain.test, SRV plain.test, A plain.test"},
		{"SRV is not to be used", "plain.test", LocateConfig{Transport: "TCP"}, "tcp:192.0.2.9:5060", "A plain.test, AAAA plain.test"},
		{"target dot is a refusal, not an invitation to try the address", "closed.test", srv,
			`closed.test does not offer SIP over UDP (SRV target ".")`, "SRV _sip._udp.closed.test"},
		{"automatic transport: TLS, TCP, UDP", "example.test", with(func(c *LocateConfig) { c.Transport = "AUTO" }),
			"tls:192.0.2.1:5061 tcp:192.0.2.1:5060 udp:192.0.2.1:5060 udp:192.0.2.2:5080 udp:192.0.2.3:5080",
			"NAPTR example.test, SRV _sips._tcp.example.test, SRV _sip._tcp.example.test, SRV _sip._udp.example.test, A a.example.test, A b.example.test"},
		{"automatic transport without SRV: UDP", "plain.test", with(func(c *LocateConfig) { c.Transport = "AUTO" }), "udp:192.0.2.9:5060",
			"NAPTR plain.test, SRV _sips._tcp.plain.test, SRV _sip._tcp.plain.test, SRV _sip._udp.plain.test, SRV plain.test, A plain.test"},
		{"automatic transport, TLS refused, UDP not", "half.test", with(func(c *LocateConfig) { c.Transport = "AUTO" }), "udp:192.0.2.7:5060",
			"NAPTR half.test, SRV _sips._tcp.half.test, SRV _sip._tcp.half.test, SRV _sip._udp.half.test, SRV half.test, A half.test"},
		{"automatic transport, the bare name says TCP", "_sip._tcp.example.test", with(func(c *LocateConfig) { c.Transport = "AUTO" }), "tcp:192.0.2.1:5060",
			"SRV _sip._tcp.example.test, A a.example.test"},
		{"a target that is an address", "literal.test", srv, "udp:192.0.2.8:5060", "SRV _sip._udp.literal.test"},
		{"a target without an address", "empty.test", srv, "there is no host nowhere.test", "SRV _sip._udp.empty.test, A nowhere.test"},
		{"a name that does not exist", "nowhere.test", srv, "there is no host nowhere.test", "SRV _sip._udp.nowhere.test, SRV nowhere.test, A nowhere.test"},
		{"no name server", "dead.test", srv, "dead.test cannot be looked up: no name server answers", "SRV _sip._udp.dead.test, SRV dead.test, A dead.test"},
		{"a static list with addresses needs no DNS", "x:SRV=b:p=2:A=192.0.2.5|a:5070:p=1:A=192.0.2.6,192.0.2.4", srv,
			"udp:192.0.2.6:5070 udp:192.0.2.4:5070 udp:192.0.2.5:5060", ""},
		{"a static list of literals and names", "x:SRV=192.0.2.1:5070:p=2|plain.test:p=1", srv, "udp:192.0.2.9:5060 udp:192.0.2.1:5070", "A plain.test"},
		{"a name with its addresses", "x:5071:A=192.0.2.6,192.0.2.4,192.0.2.6", srv, "udp:192.0.2.6:5071 udp:192.0.2.4:5071", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Proxy = c.proxy
			s := startScene(t, c.cfg, office)
			s.wantServers(c.name, c.want)
			s.wantAsked(c.name, c.asked)
		})
	}
}

func TestLocateNames(t *testing.T) {
	for _, c := range []struct{ proxy, domain, tls string }{
		{"Example.test.:5080", "example.test", "example.test"},
		{"[2001:db8::1]:5080", "[2001:db8::1]", "2001:db8::1"},
		{"192.0.2.1", "192.0.2.1", "192.0.2.1"},
		{"_sips._tcp.example.test", "example.test", "example.test"},
		{"dummy:SRV=192.0.2.1|192.0.2.2", "dummy", "dummy"},
	} {
		s := startScene(t, LocateConfig{Proxy: c.proxy, Transport: "TLS", UseSRV: true, AutoPrefix: true}, office)
		if got := s.l.Domain(); got != c.domain {
			t.Errorf("%s: domain %q, want %q", c.proxy, got, c.domain)
		}
		for _, v := range s.l.Servers() {
			if v.TLSName != c.tls {
				t.Errorf("%s: the certificate must name the configured domain %q, not %q", c.proxy, c.tls, v.TLSName)
			}
		}
	}
	for _, bad := range []LocateConfig{{}, {Proxy: "a", Transport: "SCTP"}, {Proxy: "a", NoIPv4: true, NoIPv6: true}} {
		if _, err := NewLocator(bad); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

func TestLocateRefresh(t *testing.T) {
	cfg := LocateConfig{Proxy: "example.test", UseSRV: true, AutoPrefix: true, NoIPv6: true}
	s := startScene(t, cfg, zone{
		"_sip._udp.example.test SRV 100 10 0 5060 a.example.test",
		"a.example.test A 40 192.0.2.1",
		"a.example.test A 40 192.0.2.2",
	})
	s.wantServers("two addresses", "udp:192.0.2.1:5060 udp:192.0.2.2:5060")
	s.after(35 * time.Second)
	s.wantAsked("nothing is asked before it has to be", "")
	s.after(4 * time.Second)
	s.wantAsked("only what ends is asked again, and before it does", "A a.example.test")

	s.zone = zone{
		"_sip._udp.example.test SRV 100 10 0 5060 a.example.test",
		"a.example.test A 40 192.0.2.3",
		"a.example.test A 40 192.0.2.2",
		"a.example.test A 40 192.0.2.1",
	}
	s.after(40 * time.Second)
	s.wantServers("a name server that rotates its addresses moves nobody", "udp:192.0.2.1:5060 udp:192.0.2.2:5060 udp:192.0.2.3:5060")

	s.zone = zone{"_sip._udp.example.test SRV 100 10 0 5060 a.example.test", "a.example.test A 0 dead", "_sip._udp.example.test SRV 0 dead"}
	s.after(24 * time.Hour)
	s.wantServers("a day without name servers changes nothing", "udp:192.0.2.1:5060 udp:192.0.2.2:5060 udp:192.0.2.3:5060")
	if n := len(s.asked); n < 5000 || n > 8000 {
		t.Errorf("both names are asked about every 30 s meanwhile, not %d times", n)
	}
	s.zone = zone{"_sip._udp.example.test SRV 100 10 0 5060 b.example.test", "b.example.test A 40 192.0.2.9"}
	s.after(time.Minute)
	s.wantServers("the name servers are back with news", "udp:192.0.2.9:5060")

	s.zone = nil
	s.after(time.Hour)
	s.wantServers("a zone that lost its records does not end the service", "udp:192.0.2.9:5060")
	s.zone = zone{"_sip._udp.example.test SRV 100 0 0 0 ."}
	s.after(time.Hour)
	s.wantServers("a refusal does", `example.test does not offer SIP over UDP (SRV target ".")`)
}

func TestLocateTimes(t *testing.T) {
	cfg := LocateConfig{Proxy: "example.test", NoIPv6: true}
	for _, c := range []struct {
		sentence, line string
		want           time.Duration
	}{
		{"TTL 0 is asked again soon", "example.test A 0 192.0.2.1", minTTL},
		{"a TTL is obeyed, the records are fresh when it ends", "example.test A 333 192.0.2.1", 323 * time.Second},
		{"by a tenth where it is short", "example.test A 60 192.0.2.1", 54 * time.Second},
		{"a TTL of years is not", "example.test A 99999999 192.0.2.1", maxTTL},
		{"a negative TTL is obeyed", "example.test A 200 none", 200 * time.Second},
		{"a short negative TTL is lengthened", "example.test A 0 none", minNegative},
		{"a long negative TTL is shortened", "example.test A 86400 -", maxNegative},
		{"nobody answers", "example.test A 0 dead", retryFirst},
	} {
		s := startScene(t, cfg, zone{c.line})
		if got := s.l.Next().Sub(s.now); got != c.want {
			t.Errorf("%s: after %v, want %v", c.sentence, got, c.want)
		}
	}
	s := startScene(t, cfg, zone{"example.test A 0 dead"})
	var gaps []time.Duration
	for range 6 {
		at := s.l.Next()
		gaps = append(gaps, at.Sub(s.now))
		s.after(at.Sub(s.now))
	}
	if got := fmt.Sprint(gaps); got != "[2s 4s 8s 16s 30s 30s]" {
		t.Errorf("the retries slow down: %s", got)
	}
	s.zone = zone{"example.test A 60 192.0.2.1"}
	s.asked = nil
	s.settle(s.l.Refresh(s.now))
	s.wantServers("a refresh asks at once", "udp:192.0.2.1:5060")
	s.settle(s.l.Refresh(s.now))
	s.wantAsked("and each time", "A example.test, A example.test")
}

// The head of the list is enough to begin with; a lost question is asked again.
func TestLocateInPieces(t *testing.T) {
	l, err := NewLocator(LocateConfig{Proxy: "example.test", UseSRV: true, AutoPrefix: true, NoIPv6: true})
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{T: t, l: l, zone: office, now: time.Unix(1000, 0)}
	srv := l.Start(s.now)
	s.wantServers("nothing is known", "(not done)")
	if more := l.Answer(s.now, office.answer(Question{"other.test", "A"})); more != nil {
		t.Errorf("another's answer leads to %v", more)
	}
	addrs := l.Answer(s.now, office.answer(srv[0]))
	if len(addrs) != 2 {
		t.Fatalf("the addresses of both targets are asked at once: %v", addrs)
	}
	l.Answer(s.now, office.answer(addrs[1]))
	s.wantServers("the backup alone is not a result", "(not done)")
	if again := l.Tick(s.now.Add(askLimit - 1)); again != nil {
		t.Errorf("asked again too early: %v", again)
	}
	s.now = l.Next()
	l.Tick(s.now)
	s.wantServers("a lost question counts as failed", "udp:192.0.2.2:5080 udp:192.0.2.3:5080")
	again := l.Tick(l.Next())
	if fmt.Sprint(again) != "[{a.example.test A}]" {
		t.Fatalf("and is asked again: %v", again)
	}
	l.Answer(s.now, Answer{Question: Question{"A.Example.Test.", "A"}, TTL: time.Minute, Records: []Record{{Addr: netip.MustParseAddr("192.0.2.1")}}})
	s.wantServers("then it comes first", "udp:192.0.2.1:5060 udp:192.0.2.2:5080 udp:192.0.2.3:5080")

	l, _ = NewLocator(LocateConfig{Proxy: "example.test", UseSRV: true, AutoPrefix: true, NoIPv6: true})
	s.l = l
	addrs = l.Answer(s.now, office.answer(l.Start(s.now)[0]))
	l.Answer(s.now, office.answer(addrs[0]))
	s.wantServers("the first server is enough to begin", "udp:192.0.2.1:5060")
}

// While the address of a new target is awaited, the one of the old target is in use but no longer asked for.
func TestLocateNextOfWhatIsNeeded(t *testing.T) {
	s := startScene(t, LocateConfig{Proxy: "example.test", UseSRV: true, AutoPrefix: true, NoIPv6: true},
		zone{"_sip._udp.example.test SRV 100 10 0 5060 a.example.test", "a.example.test A 110 192.0.2.1"})
	s.now = s.now.Add(100 * time.Second)
	srv := s.l.Tick(s.now)
	s.zone = zone{"_sip._udp.example.test SRV 100 10 0 5060 b.example.test"}
	if q := s.l.Answer(s.now, s.zone.answer(srv[0])); fmt.Sprint(q) != "[{b.example.test A}]" {
		t.Fatalf("the new target is asked for: %v", q)
	}
	s.wantServers("the old server stays until then", "udp:192.0.2.1:5060")
	if got := s.l.Next().Sub(s.now); got != askLimit {
		t.Errorf("the next tick is due after %v, want %v", got, askLimit)
	}
}

func TestLocateLimits(t *testing.T) {
	var z zone
	for i := range 40 {
		z = append(z, fmt.Sprintf("_sip._udp.big.test SRV 60 %d 0 5060 t%d.test", 40-i, 40-i))
		for j := range 40 {
			z = append(z, fmt.Sprintf("t%d.test A 60 10.0.%d.%d", 40-i, 40-i, j))
		}
	}
	s := startScene(t, LocateConfig{Proxy: "big.test", UseSRV: true, AutoPrefix: true, NoIPv6: true}, z)
	servers := s.l.Servers()
	if len(servers) != maxServers || servers[0].Name != "t1.test" || servers[maxServers-1].Name != "t4.test" {
		t.Errorf("%d servers from %s to %s", len(servers), servers[0].Name, servers[len(servers)-1].Name)
	}
	if len(s.asked) != 1+maxSRV {
		t.Errorf("%d questions, want those of %d targets", len(s.asked), maxSRV)
	}
}

// fuzzLocator answers a locator's questions with whatever the fuzzer says: it must neither panic nor ask
// for ever, and its list keeps its limits.
func fuzzLocator(t *testing.T, proxy, transport string, data []byte) {
	random := bytes.NewReader(data)
	l, err := NewLocator(LocateConfig{Proxy: proxy, Transport: transport, UseSRV: len(data)%2 == 0, AutoPrefix: len(data)%3 != 0, Random: random})
	if err != nil {
		return
	}
	next := func() byte { b, _ := random.ReadByte(); return b }
	now := time.Unix(1000, 0)
	questions := l.Start(now)
	for range 300 {
		if len(questions) == 0 {
			at := l.Next()
			if at.IsZero() {
				break
			}
			if at.Before(now) {
				t.Fatalf("Next is %v in the past", now.Sub(at))
			}
			now = at
			questions = l.Tick(now)
			continue
		}
		a := Answer{Question: questions[0], Code: int(next() % 6), TTL: time.Duration(next()) * time.Second}
		questions = questions[1:]
		if next()%8 == 0 {
			a.Cause = "trouble"
		}
		for range next() % 24 {
			ip := netip.AddrFrom4([4]byte{next(), next(), next(), next()})
			target := []string{".", "", "a.test", "b.test", ip.String(), "x y"}[next()%6]
			a.Records = append(a.Records, Record{Addr: ip, Target: target, Port: uint16(next()), Priority: uint16(next() % 3), Weight: uint16(next()),
				Order: uint16(next() % 3), Flags: []string{"s", "S", "a", "u", ""}[next()%5], Replacement: target,
				Service: []string{"SIP+D2U", "SIP+D2T", "sips+d2t", "SIPS+D2U", "E2U+sip"}[next()%5]})
		}
		if next()%16 != 0 {
			questions = append(questions, l.Answer(now, a)...)
		}
	}
	if n := len(l.Servers()); n > maxServers {
		t.Fatalf("%d servers", n)
	}
	if l.Done() && (len(l.Servers()) == 0) != (l.Cause() != "") {
		t.Fatalf("%d servers and the cause %q", len(l.Servers()), l.Cause())
	}
	for _, s := range l.Servers() {
		if !s.Addr.IsValid() || s.Addr.Port() == 0 {
			t.Fatalf("%v", s)
		}
	}
	if l.Done() && l.whole && len(l.Servers()) < maxServers {
		fuzzRecall(t, l)
	}
}

// fuzzRecall checks that another run finds the same servers by what is kept of this one.
func fuzzRecall(t *testing.T, l *Locator) {
	other, err := NewLocator(l.cfg)
	if err != nil {
		t.Fatal(err)
	}
	other.Recall(l.Answers())
	other.Start(time.Unix(1000, 0))
	other.Hurry(time.Unix(1000, 0))
	servers := other.Servers()
	if len(servers) != len(l.servers) || len(servers) > 0 && !other.Done() {
		t.Fatalf("%v is remembered as %v, by %v", l.servers, servers, l.Answers())
	}
	for _, s := range servers {
		if !slices.ContainsFunc(l.servers, s.same) {
			t.Fatalf("%v is remembered as %v, by %v", l.servers, servers, l.Answers())
		}
	}
}
