package media

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
)

func listenUDP(at netip.AddrPort) (net.PacketConn, error) {
	return net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
}

func TestRealSocketsAllocateNothing(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "::1"} {
		a, b, port, err := listenPair(listenUDP, netip.MustParseAddr(ip), 20000, 29999)
		if err != nil {
			if ip == "::1" {
				t.Skip("no IPv6 here: ", err)
			}
			t.Fatal(err)
		}
		defer a.conn.Close()
		defer b.conn.Close()
		if port%2 != 0 {
			t.Errorf("RTP on port %d", port)
		}
		to := netip.AddrPortFrom(netip.MustParseAddr(ip), port+1)
		packet, buf := make([]byte, 172), make([]byte, maxDatagram)
		if n := testing.AllocsPerRun(200, func() {
			if err := a.write(packet, to); err != nil {
				t.Fatal(err)
			}
			n, from, err := b.read(buf)
			if err != nil || n != len(packet) || from != netip.AddrPortFrom(to.Addr(), port) {
				t.Fatal(n, from, err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations a packet", ip, n)
		}
	}
}

func TestPortsOfAnAddressWeDoNotHave(t *testing.T) {
	tries := 0
	_, _, _, err := listenPair(func(at netip.AddrPort) (net.PacketConn, error) {
		tries++
		return listenUDP(at)
	}, netip.MustParseAddr("192.0.2.1"), 20000, 29999)
	if err == nil || tries != 1 || !strings.Contains(err.Error(), "192.0.2.1") {
		t.Errorf("after %d tries: %v", tries, err)
	}
	if _, _, _, err := listenPair(listenUDP, netip.MustParseAddr("127.0.0.1"), 20001, 20002); err == nil {
		t.Error("a pair was found where there is none")
	}
}

// A frame is everything that happens to 20 ms of a call in both directions, but for the sockets.
func newFrame(tb testing.TB) func() {
	tb.Helper()
	e := &Engine{period: 40, gain: unityGain, pcm: make([]int16, 40), mix: make([]int32, 40)}
	far := addrPort("10.0.0.2:4000")
	now := time.Unix(7, 0)
	s := &session{id: 1}
	st := Stream{Remote: far, Codec: PCMU, EventPT: 101, Ptime: 20 * time.Millisecond, Send: true, Receive: true}
	if err := s.apply(now, st, muLaw, 160); err != nil {
		tb.Fatal(err)
	}
	e.sessions = append(e.sessions, s)
	busy, _ := DefaultTones().Tone("busy")
	e.tone.play(compileTone(busy))
	from := newSender()
	from.configure(PCMU, muLaw, 101, 160)
	var h rtp.Header
	play, rec := make([]int16, 40), make([]int16, 40)
	i := 0
	return func() {
		i++
		for range 4 {
			if packet := from.add(rec, true); packet != nil && i%29 != 0 {
				s.receive(now, far, packet, &h)
			}
			e.render(now, play)
			e.capture(rec)
			e.outbox = e.outbox[:0]
			now = now.Add(5 * time.Millisecond)
		}
		if i%100 == 0 {
			s.sender.events.add("1", 0)
		}
	}
}

func TestBothWaysAllocateNothing(t *testing.T) {
	frame := newFrame(t)
	frame()
	if n := testing.AllocsPerRun(2000, frame); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// BenchmarkFrame is 20 ms of a call both ways with a tone over it: the load of the voice path is this,
// fifty times a second.
func BenchmarkFrame(b *testing.B) {
	frame := newFrame(b)
	b.ReportAllocs()
	for b.Loop() {
		frame()
	}
}
