package exchange

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"dialtone/sip/transport"
)

func TestEcho(t *testing.T) {
	everywhere(t, func(l *lab, transport string) {
		u := l.phone("1001", transport, "a")
		defer u.close()
		u.register(60)
		d := u.call("600")
		var said [][]byte
		for i := range 20 {
			said = append(said, bytes.Repeat([]byte{byte(i), 0xd5}, 80))
		}
		d.say(8, said...)
		first := uint32(0)
		for i, want := range said {
			p := d.hear("the echo returns")
			if i == 0 {
				first = p.Timestamp
			}
			if !bytes.Equal(p.Payload, want) || p.PayloadType != 8 || p.SSRC == 77 || p.Timestamp-first != uint32(160*i) || p.Marker != (i == 0) {
				t.Fatalf("packet %d comes back as %+v", i, p)
			}
		}
		d.say(96, []byte{5, 10, 0, 160})
		if p := d.hear("a digit returns"); p.PayloadType != 96 || !bytes.Equal(p.Payload, []byte{5, 10, 0, 160}) {
			t.Errorf("the digit comes back as %+v", p)
		}
		s := l.Status()
		if len(s.Calls) != 1 || s.Calls[0].String() != "1001 to 600, talking" {
			t.Errorf("calls: %v", s.Calls)
		}
		if r := s.Proxies[0].Registrations; len(r) != 1 || !strings.HasPrefix(r[0].String(), "1001 at "+transport+" ") || r[0].Addr != u.at {
			t.Errorf("registrations: %v", r)
		}
		d.bye()
		if s := l.Status(); len(s.Calls) != 0 {
			t.Errorf("calls that ended: %v", s.Calls)
		}
	})
}

func BenchmarkStart(b *testing.B) {
	at := netip.MustParseAddr("127.0.0.1")
	for b.Loop() {
		x, err := New(Config{Domain: "example.test", Proxies: []ProxyConfig{{Name: "a", Addr: at}, {Name: "b", Addr: at}},
			Net: func(netip.Addr) Net { return transport.System{} }, DNS: netip.AddrPortFrom(at, 0), Media: at})
		if err != nil {
			b.Fatal(err)
		}
		x.Close()
	}
}
