package exchange

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// ask sends one query and returns the answer; nil: none came within 5 s.
func (l *lab) ask(network, name string, kind uint16, edns bool) *dns.Msg {
	l.Helper()
	from := netip.MustParseAddr("127.0.0.1")
	if l.sim != nil {
		from = netip.MustParseAddr("10.0.1.200")
	}
	var c net.Conn
	if network == "tcp" {
		var err error
		if c, err = l.at(from).Dial(context.Background(), netip.AddrPortFrom(from, 0), l.DNSAddr()); err != nil {
			l.Fatal(err)
		}
	} else {
		pc, err := l.at(from).ListenPacket(netip.AddrPortFrom(from, 0))
		if err != nil {
			l.Fatal(err)
		}
		c = connected{pc, l.DNSAddr()}
	}
	defer c.Close()
	q := new(dns.Msg).SetQuestion(name, kind)
	if edns {
		q.SetEdns0(1232, false)
	}
	co := &dns.Conn{Conn: c, UDPSize: 4096}
	if err := co.WriteMsg(q); err != nil {
		l.Fatal(err)
	}
	wait := 5 * time.Second
	if l.sim == nil {
		wait = time.Second
	}
	c.SetReadDeadline(time.Now().Add(wait))
	r, err := co.ReadMsg()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	if err != nil {
		l.Fatal(err)
	}
	if r.Id != q.Id {
		l.Errorf("the answer has another number")
	}
	return r
}

// connected is a datagram socket with one peer.
type connected struct {
	net.PacketConn
	peer netip.AddrPort
}

func (c connected) Read(b []byte) (int, error) { n, _, err := c.ReadFrom(b); return n, err }
func (c connected) Write(b []byte) (int, error) {
	return c.WriteTo(b, net.UDPAddrFromAddrPort(c.peer))
}
func (c connected) RemoteAddr() net.Addr { return net.UDPAddrFromAddrPort(c.peer) }

// servers are the targets of an SRV answer by priority.
func servers(l *lab, r *dns.Msg) (order string) {
	l.Helper()
	for _, rr := range r.Answer {
		srv := rr.(*dns.SRV)
		order += srv.Target[:1]
		if p := l.ProxyAddr(srv.Target[:1], "udp"); p.Port() != srv.Port {
			l.Errorf("%s has port %d, want %d", srv.Target, srv.Port, p.Port())
		}
	}
	return order
}

func TestDNS(t *testing.T) {
	play := func(l *lab) {
		for _, network := range []string{"udp", "tcp"} {
			r := l.ask(network, "_sip._udp.example.test.", dns.TypeSRV, false)
			if got := servers(l, r); got != "ab" || !r.Authoritative || len(r.Extra) != 2 || r.Answer[0].(*dns.SRV).Priority != 10 || r.Answer[0].Header().Ttl != 60 {
				t.Errorf("SRV: %v", r)
			}
			r = l.ask(network, "Example.TEST.", dns.TypeNAPTR, true)
			if len(r.Answer) != 2 || r.Answer[0].(*dns.NAPTR).Replacement != "_sip._udp.example.test." || r.Answer[0].Header().Name != "Example.TEST." || r.IsEdns0() == nil {
				t.Errorf("NAPTR: %v", r)
			}
			r = l.ask(network, "a.example.test.", dns.TypeA, false)
			if len(r.Answer) != 1 || r.Answer[0].(*dns.A).A.String() != l.ProxyAddr("a", "udp").Addr().String() {
				t.Errorf("A: %v", r)
			}
			negative := func(name string, kind uint16, code int) {
				t.Helper()
				r := l.ask(network, name, kind, false)
				if r.Rcode != code || len(r.Answer) != 0 || len(r.Ns) != 1 || r.Ns[0].(*dns.SOA).Minttl != 60 {
					t.Errorf("%s %d: %v", name, kind, r)
				}
			}
			negative("a.example.test.", dns.TypeAAAA, dns.RcodeSuccess)
			negative("_udp.example.test.", dns.TypeSRV, dns.RcodeSuccess)
			negative("c.example.test.", dns.TypeA, dns.RcodeNameError)
			negative("_sips._tcp.example.test.", dns.TypeSRV, dns.RcodeNameError)
			if r := l.ask(network, "example.com.", dns.TypeA, false); r.Rcode != dns.RcodeRefused {
				t.Errorf("another zone: %v", r)
			}
		}
		if s := l.Status().DNS; s.Queries != 16 || s.Zone[0] != "_sip._udp.example.test 60s: a, then b" {
			t.Errorf("status: %+v", s)
		}
		for _, c := range []struct{ names, want string }{{"ba", "ba"}, {"b", "b"}, {"", "ab"}} {
			var names []string
			for _, n := range c.names {
				names = append(names, string(n))
			}
			if err := l.SetServers(names...); err != nil {
				t.Fatal(err)
			}
			if got := servers(l, l.ask("udp", "_sip._tcp.example.test.", dns.TypeSRV, false)); got != c.want {
				t.Errorf("servers %q: %q", c.names, got)
			}
		}
		if l.SetServers("a", "a") == nil || l.SetServers("c") == nil {
			t.Error("servers that are none are taken")
		}
		l.SetTTL(5 * time.Second)
		if r := l.ask("udp", "_sip._udp.example.test.", dns.TypeSRV, false); r.Answer[0].Header().Ttl != 5 {
			t.Errorf("TTL: %v", r)
		}
	}
	t.Run("virtual", func(t *testing.T) { inLab(t, nil, play) })
	t.Run("loopback", func(t *testing.T) { onLoopback(t, nil, play) })
}

func TestDNSModes(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		for _, network := range []string{"udp", "tcp"} {
			ask := func() *dns.Msg { return l.ask(network, "_sip._udp.example.test.", dns.TypeSRV, false) }
			set := func(m DNSMode) {
				t.Helper()
				if err := l.SetDNS(m); err != nil {
					t.Fatal(err)
				}
			}
			set(DNSOff)
			if r := ask(); r != nil {
				t.Errorf("a server that is off answers %v", r)
			}
			set(DNSServfail)
			if r := ask(); r == nil || r.Rcode != dns.RcodeServerFailure {
				t.Errorf("SERVFAIL: %v", r)
			}
			set("slow=2s")
			begin := time.Now()
			if r := ask(); r == nil || len(r.Answer) != 2 {
				t.Errorf("slow: %v", r)
			}
			if took := time.Since(begin); took < 2*time.Second || took > 2100*time.Millisecond {
				t.Errorf("slow took %s", took)
			}
			set(DNSNormal)
			if r := ask(); r == nil || len(r.Answer) != 2 {
				t.Errorf("normal: %v", r)
			}
		}
		for _, bad := range []DNSMode{"", "stop", "off=1", "slow=x"} {
			if l.SetDNS(bad) == nil {
				t.Errorf("mode %q is taken", bad)
			}
		}
	})
}

// What does not fit into a datagram comes by TCP.
func TestDNSTruncates(t *testing.T) {
	change := func(c *Config) {
		for i := range maxProxies - 2 {
			p := ProxyConfig{Name: "a-proxy-with-a-rather-long-name-of-its-own-" + itoa(i), Addr: c.Proxies[0].Addr, Port: uint16(6000 + i)}
			c.Proxies = append(c.Proxies, p)
		}
	}
	inLab(t, change, func(l *lab) {
		name := "_sip._udp.example.test."
		if r := l.ask("udp", name, dns.TypeSRV, false); !r.Truncated {
			t.Errorf("%d answers in %d octets", len(r.Answer), r.Len())
		}
		if r := l.ask("udp", name, dns.TypeSRV, true); len(r.Answer) != maxProxies {
			t.Errorf("EDNS: %v", r)
		}
		if r := l.ask("tcp", name, dns.TypeSRV, false); r.Truncated || len(r.Answer) != maxProxies {
			t.Errorf("TCP: %v", r)
		}
	})
}

func FuzzDNS(f *testing.F) {
	for _, kind := range []uint16{dns.TypeSRV, dns.TypeNAPTR, dns.TypeANY} {
		data, err := new(dns.Msg).SetQuestion("_sip._udp.example.test.", kind).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, query []byte) {
		n := &nowhere{end: make(chan struct{})}
		l := &lab{T: t}
		l.open(func(c *Config) { c.Net = func(netip.Addr) Net { return n } })
		defer l.Close()
		defer close(n.end)
		l.dns.mu.Lock()
		defer l.dns.mu.Unlock()
		data := l.dns.answer(query, plainDatagram)
		var r dns.Msg
		if data != nil && (r.Unpack(data) != nil || !r.Response) {
			t.Errorf("the answer is no answer: %x", data)
		}
	})
}
