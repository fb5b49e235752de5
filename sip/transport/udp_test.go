package transport

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"

	"dialtone/sip"
)

func udpFlow(local, remote netip.AddrPort) sip.Flow {
	return sip.Flow{Transport: sip.UDP, Local: local, Remote: remote}
}

func TestUDP(t *testing.T) {
	for _, local := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(local, func(t *testing.T) {
			h := newHarness(t, Config{})
			pc, err := OS().ListenPacket(netip.MustParseAddrPort(local))
			if err != nil {
				t.Skip("no such address here:", err)
			}
			pc.Close()
			a, b := h.listenUDP(local), h.listenUDP(local)
			h.Do(sip.Send{Flow: udpFlow(a, b), Data: []byte("hello")})
			got := next[sip.Received](h, "a datagram arrives")
			if got.Flow != udpFlow(b, a) || string(got.Data) != "hello" {
				t.Errorf("got %+v %q", got.Flow, got.Data)
			}
			big := bytes.Repeat([]byte("x"), 40000)
			h.Do(sip.Send{Flow: udpFlow(a, b), Data: big})
			if got := next[sip.Received](h, "a large datagram arrives, in fragments where need be"); !bytes.Equal(got.Data, big) {
				t.Errorf("%d octets", len(got.Data))
			}
			h.Do(sip.Send{Flow: udpFlow(a, b), Data: []byte("\r\n\r\n")})
			if got := next[sip.Received](h, "a keep-alive is passed on"); string(got.Data) != "\r\n\r\n" {
				t.Errorf("%q", got.Data)
			}
			h.Do(sip.Send{Flow: udpFlow(a, b), Data: bytes.Repeat([]byte("x"), 70000)})
			lost := next[sip.Unreachable](h, "a message larger than UDP can carry")
			if lost.Remote != b || lost.Cause != "the message is too large for UDP" {
				t.Errorf("%+v", lost)
			}
			h.Do(sip.Send{Flow: udpFlow(netip.AddrPort{}, b), Data: []byte("any socket")})
			next[sip.Received](h, "without a local address any socket of the family will do")
			h.Unlisten(b)
			h.Do(sip.Send{Flow: udpFlow(a, b), Data: []byte("closed")})
			lost = next[sip.Unreachable](h, "a closed port is refused by ICMP")
			if lost.Local != a || lost.Remote != b || lost.Cause != "connection refused" {
				t.Errorf("%+v", lost)
			}
			if _, err := h.ListenUDP(a); err == nil || !strings.Contains(err.Error(), "the address is in use") {
				t.Errorf("a taken port: %v", err)
			}
			h.Unlisten(a)
			h.Do(sip.Send{Flow: udpFlow(a, b), Data: []byte("gone")})
			next[sip.Unreachable](h, "a socket that is gone")
		})
	}
}

// A socket on all addresses speaks both families, and its errors are told with the peer's own address.
func TestUDPBothFamilies(t *testing.T) {
	h := newHarness(t, Config{})
	at, err := h.ListenUDP(netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "::1"} {
		other, err := h.ListenUDP(netip.AddrPortFrom(netip.MustParseAddr(host), 0))
		if err != nil {
			t.Log("skipping", host, err)
			continue
		}
		h.Do(sip.Send{Flow: udpFlow(at, other), Data: []byte("hello")})
		got := next[sip.Received](h, "from the socket on all addresses to "+host)
		back := udpFlow(netip.AddrPortFrom(netip.MustParseAddr(host), at.Port()), got.Flow.Remote)
		if got.Flow.Remote != back.Local {
			t.Errorf("%+v comes from %v", got.Flow, back.Local)
		}
		h.Do(sip.Send{Flow: udpFlow(other, got.Flow.Remote), Data: []byte("answer")})
		if got := next[sip.Received](h, "and back"); got.Flow != udpFlow(at, other) {
			t.Errorf("got %+v, want %+v", got.Flow, udpFlow(at, other))
		}
		h.Unlisten(other)
		h.Do(sip.Send{Flow: udpFlow(at, other), Data: []byte("closed")})
		if lost := next[sip.Unreachable](h, "refused"); lost.Remote != other || lost.Local != at {
			t.Errorf("%+v, want the peer %v", lost, other)
		}
	}
}

// Many refusals and many writers at once: each lost datagram's peer is named, the live peer loses nothing,
// the socket lives on.
func TestUDPErrorQueue(t *testing.T) {
	wantNoLeaks(t)
	pc, err := OS().ListenPacket(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	live, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	dead := freePort(t)
	const rounds = 200
	refused, echoed := make(chan netip.AddrPort, rounds), make(chan string, rounds)
	var reader sync.WaitGroup
	reader.Go(func() {
		buf := make([]byte, 100)
		for {
			n, _, err := pc.ReadFrom(buf)
			var lost *UnreachableError
			switch {
			case errors.As(err, &lost):
				if !errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("refused, not %v", err)
				}
				refused <- lost.RemoteAddrPort()
			case err != nil:
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("the reader ends by %v", err)
				}
				return
			default:
				echoed <- string(buf[:n])
			}
		}
	})
	var writers sync.WaitGroup
	writers.Go(func() {
		buf := make([]byte, 100)
		for range rounds {
			n, from, err := live.ReadFrom(buf)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := live.WriteTo(buf[:n], from); err != nil {
				t.Error(err)
			}
		}
	})
	for _, to := range []net.Addr{net.UDPAddrFromAddrPort(dead), live.LocalAddr()} {
		writers.Go(func() {
			for i := range rounds {
				if _, err := pc.WriteTo([]byte("x"), to); err != nil {
					t.Errorf("a pending error of another peer stopped a send: %v", err)
				}
				if to == live.LocalAddr() {
					<-echoed
				} else if from := <-refused; from != dead {
					t.Errorf("round %d: %v refused, not %v", i, from, dead)
				}
			}
		})
	}
	writers.Wait()
	pc.Close()
	reader.Wait()
}

// faultyNet has UDP sockets that fail in all the ways a reader must survive.
type faultyNet struct {
	Net
	errs chan error
}

type faultyConn struct {
	net.PacketConn
	errs chan error
}

func (n faultyNet) ListenPacket(local netip.AddrPort) (net.PacketConn, error) {
	pc, err := n.Net.ListenPacket(local)
	return faultyConn{pc, n.errs}, err
}

func (c faultyConn) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case err := <-c.errs:
		return 0, nil, err
	default:
		return c.PacketConn.ReadFrom(b)
	}
}

func TestUDPReaderSurvives(t *testing.T) {
	errs := make(chan error, 10)
	for _, err := range []error{syscall.ENOMEM, syscall.ENETDOWN, &net.OpError{Op: "read", Err: syscall.ENOBUFS}, syscall.EINTR} {
		errs <- err
	}
	errs <- &UnreachableError{Remote: netip.MustParseAddrPort("[::ffff:192.0.2.1]:5060"), Err: syscall.EHOSTUNREACH}
	h := newHarness(t, Config{Net: faultyNet{OS(), errs}})
	at := h.listenUDP("127.0.0.1:0")
	lost := next[sip.Unreachable](h, "an unreachable peer is told of")
	if lost.Remote != netip.MustParseAddrPort("192.0.2.1:5060") || lost.Cause != "no route to the host" {
		t.Errorf("%+v", lost)
	}
	h.Do(sip.Send{Flow: udpFlow(at, at), Data: []byte("alive")})
	next[sip.Received](h, "after five errors the listener still listens")
}

func TestSocketFor(t *testing.T) {
	ap := netip.MustParseAddrPort
	tr := &Transport{sockets: map[netip.AddrPort]*socket{}}
	for _, s := range []string{"192.0.2.1:5060", "0.0.0.0:5061", "[::]:5062", "[2001:db8::1]:5060"} {
		tr.sockets[ap(s)] = &socket{local: ap(s)}
	}
	var none netip.AddrPort
	for _, c := range []struct{ local, remote, want string }{
		{"192.0.2.1:5060", "192.0.2.9:5060", "192.0.2.1:5060"},
		{"192.0.2.1:5061", "192.0.2.9:5060", "0.0.0.0:5061"},
		{"192.0.2.1:5062", "192.0.2.9:5060", "[::]:5062"},
		{"[2001:db8::7]:5062", "[2001:db8::9]:5060", "[::]:5062"},
		{"[2001:db8::7]:5061", "[2001:db8::9]:5060", ""},
		{"192.0.2.7:5060", "192.0.2.9:5060", ""},
		{"", "192.0.2.9:5060", "0.0.0.0:5061"},
		{"", "[2001:db8::9]:5060", "[::]:5062"},
	} {
		local := none
		if c.local != "" {
			local = ap(c.local)
		}
		got := ""
		if s := tr.socketFor(udpFlow(local, ap(c.remote))); s != nil {
			got = s.local.String()
		}
		if got != c.want {
			t.Errorf("from %q to %s: socket %q, want %q", c.local, c.remote, got, c.want)
		}
	}
}
