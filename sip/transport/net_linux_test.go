package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// option reads a socket option of a connection, packet connection or listener.
func option(t *testing.T, c any, level, name int) int {
	t.Helper()
	if u, ok := c.(*udpConn); ok {
		c = u.UDPConn
	}
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var v int
	if e := raw.Control(func(fd uintptr) { v, err = unix.GetsockoptInt(int(fd), level, name) }); e != nil || err != nil {
		t.Fatal(e, err)
	}
	return v
}

func TestSocketOptions(t *testing.T) {
	n := System{TOS: 0xa0}
	loopback := netip.MustParseAddrPort("127.0.0.1:0")
	pc, err := n.ListenPacket(loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	l, err := n.Listen(loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	// A local address of all interfaces, of either family, chooses nothing but the port.
	out, err := n.Dial(context.Background(), netip.MustParseAddrPort("[::]:0"), addrPort(l.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	in, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for name, c := range map[string]any{"UDP": pc, "opened": out, "accepted": in} {
		if got := option(t, c, unix.IPPROTO_IP, unix.IP_TOS); got != 0xa0 {
			t.Errorf("%s: traffic class %#x", name, got)
		}
	}
	for name, c := range map[string]any{"opened": out, "accepted": in} {
		if got := option(t, c, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT); got != int(userTimeout/time.Millisecond) {
			t.Errorf("%s: unacknowledged octets are given up after %d ms", name, got)
		}
		if option(t, c, unix.SOL_SOCKET, unix.SO_KEEPALIVE) == 0 || option(t, c, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE) != int(keepAliveIdle/time.Second) {
			t.Errorf("%s: no keep-alive", name)
		}
	}
	if got := option(t, pc, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER); got != unix.IP_PMTUDISC_DONT {
		t.Errorf("path MTU discovery %d: large messages could not be fragmented on the way", got)
	}
	if option(t, OS().(System).mustListen(t), unix.IPPROTO_IP, unix.IP_TOS) != CS3 {
		t.Error("signalling is not marked CS3")
	}
}

func (s System) mustListen(t *testing.T) net.PacketConn {
	t.Helper()
	pc, err := s.ListenPacket(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	return pc
}

// BenchmarkUnreachable measures from a send to a closed port until its ICMP error is told.
func BenchmarkUnreachable(b *testing.B) {
	pc, err := OS().ListenPacket(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		b.Fatal(err)
	}
	defer pc.Close()
	closed, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	closed.Close()
	buf := make([]byte, 100)
	for b.Loop() {
		if _, err := pc.WriteTo(buf[:10], closed.LocalAddr()); err != nil {
			b.Fatal(err)
		}
		var lost *UnreachableError
		if _, _, err := pc.ReadFrom(buf); !errors.As(err, &lost) {
			b.Fatal(err)
		}
	}
}
