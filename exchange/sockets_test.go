package exchange

import (
	"bytes"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/miekg/dns"
)

// A shortNet is a Net whose system is short of memory and of files: each socket's first read fails, and each
// listener's first connection.
type shortNet struct{ Net }

func (n shortNet) ListenPacket(local netip.AddrPort) (net.PacketConn, error) {
	pc, err := n.Net.ListenPacket(local)
	if err != nil {
		return nil, err
	}
	return &shortSocket{PacketConn: pc}, nil
}

func (n shortNet) Listen(local netip.AddrPort) (net.Listener, error) {
	l, err := n.Net.Listen(local)
	if err != nil {
		return nil, err
	}
	return &shortListener{Listener: l}, nil
}

type shortSocket struct {
	net.PacketConn
	failed atomic.Bool
}

func (s *shortSocket) ReadFrom(b []byte) (int, net.Addr, error) {
	if !s.failed.Swap(true) {
		return 0, nil, &net.OpError{Op: "read", Net: "udp", Err: syscall.ENOBUFS}
	}
	return s.PacketConn.ReadFrom(b)
}

type shortListener struct {
	net.Listener
	failed atomic.Bool
}

func (l *shortListener) Accept() (net.Conn, error) {
	if !l.failed.Swap(true) {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

// TestSocketsOutliveErrors: an error of the system ends no socket of the network.
func TestSocketsOutliveErrors(t *testing.T) {
	inLab(t, func(c *Config) {
		inner := c.Net
		c.Net = func(a netip.Addr) Net { return shortNet{inner(a)} }
	}, func(l *lab) {
		for _, transport := range []string{"udp", "tcp"} {
			u := l.phone("1001", transport, "a")
			u.register(60)
			d := u.call("600")
			d.say(8, bytes.Repeat([]byte{0xd5}, 160))
			d.hear("the echo returns")
			d.bye()
			u.close()
			if l.ask(transport, "example.test.", dns.TypeNAPTR, false) == nil {
				t.Errorf("the name server does not answer by %s", transport)
			}
		}
	})
}
