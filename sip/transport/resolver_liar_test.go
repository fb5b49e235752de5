package transport

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"dialtone/sip"
)

// Answers that come from elsewhere than where the question went, and octets that are none, are passed over.
func TestResolverSources(t *testing.T) {
	inScene(t, func(s *scene) {
		open := func(at string) func(data []byte, to netip.AddrPort) {
			ap := netip.MustParseAddrPort(at)
			pc, err := s.net.Host(ap.Addr()).ListenPacket(ap)
			if err != nil {
				s.Fatal(err)
			}
			return func(data []byte, to netip.AddrPort) { pc.WriteTo(data, net.UDPAddrFromAddrPort(to)) }
		}
		stranger, otherPort := open("192.0.2.66:53"), open("192.0.2.53:5353")
		at := nameServerA
		pc, err := s.net.Host(at.Addr()).ListenPacket(at)
		if err != nil {
			s.Fatal(err)
		}
		go func() {
			buf := make([]byte, 2000)
			for {
				n, from, err := pc.ReadFrom(buf)
				if err != nil {
					return
				}
				q := new(dns.Msg)
				if q.Unpack(buf[:n]) != nil {
					continue
				}
				reply := func(record string) []byte {
					m := new(dns.Msg)
					m.SetReply(q)
					rr, err := dns.NewRR(record)
					if err != nil {
						t.Error(err)
						return nil
					}
					m.Answer = []dns.RR{rr}
					packed, _ := m.Pack()
					return packed
				}
				good, bad := reply("a.test. 60 IN A 192.0.2.7"), reply("a.test. 60 IN A 198.51.100.66")
				stranger(bad, addrPort(from))
				otherPort(bad, addrPort(from))
				for _, garbled := range [][]byte{{}, {1}, bad[:11], bad[:len(bad)-3], append([]byte{bad[0] ^ 1}, bad[1:]...), make([]byte, 1400)} {
					pc.WriteTo(garbled, from)
				}
				time.AfterFunc(100*time.Millisecond, func() { pc.WriteTo(good, from) })
			}
		}()
		s.Do(sip.Query{Question: sip.Question{Name: "a.test", Type: "A"}})
		s.after(5 * time.Second)
		s.want("the server that was asked counts, and no other", "0.110 answer 192.0.2.7 ttl 1m0s")
	})
}
