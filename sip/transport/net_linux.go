package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Implementation constants of TCP connections. A peer that lost power says nothing, and the kernel would
// repeat what is not acknowledged for a quarter of an hour (tcp_retries2). userTimeout is well above what a bad
// line needs to get a segment through (five repetitions, the last after 6.2 s) and below Timer B and F (16 s), so
// that the request that waits there goes to the next server before it fails. It is the floor under the agent's
// own pings, which tell sooner where a server answers them. A connection without traffic is found by
// keep-alive: the first probe after 15 s, and as userTimeout rules here too, the end with the next, at 18 s.
const (
	keepAliveIdle     = 15 * time.Second
	keepAliveInterval = 3 * time.Second
	keepAliveCount    = 3
	userTimeout       = 10 * time.Second // tcp(7), TCP_USER_TIMEOUT
	udpSendTries      = 4                // a pending error of another peer is in the way of a send
)

var keepAlive = net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount}

// ListenPacket opens a UDP socket with an error queue, so that ICMP errors are reported for each peer.
// Large messages are sent in fragments: RFC 3261 section 18.1.1 leaves no other way where there is no TCP.
func (s System) ListenPacket(local netip.AddrPort) (net.PacketConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return control(c, func(fd int) error {
			s.mark(fd)
			// A dual-stack socket needs both; on another one the option of the other family fails.
			errs := [2]error{
				unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1),
				unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1),
			}
			if errs[0] != nil && errs[1] != nil {
				return os.NewSyscallError("setsockopt IP_RECVERR", errs[0])
			}
			_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT)
			_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DONT)
			return nil
		})
	}}
	pc, err := lc.ListenPacket(context.Background(), network("udp", local.Addr()), listenText(local))
	if err != nil {
		return nil, err
	}
	u := pc.(*net.UDPConn)
	raw, err := u.SyscallConn()
	if err != nil {
		u.Close()
		return nil, err
	}
	return &udpConn{UDPConn: u, raw: raw}, nil
}

// Listen opens a TCP socket for connections from outside.
func (s System) Listen(local netip.AddrPort) (net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: keepAlive, Control: func(_, _ string, c syscall.RawConn) error {
		return control(c, func(fd int) error {
			s.mark(fd)
			return os.NewSyscallError("setsockopt TCP_USER_TIMEOUT",
				unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout/time.Millisecond)))
		})
	}}
	return lc.Listen(context.Background(), network("tcp", local.Addr()), listenText(local))
}

// Dial opens a TCP connection.
func (s System) Dial(ctx context.Context, local, remote netip.AddrPort) (net.Conn, error) {
	d := dialer(local)
	d.KeepAliveConfig = keepAlive
	d.Control = func(_, _ string, c syscall.RawConn) error {
		return control(c, func(fd int) error {
			s.mark(fd)
			if local.Port() != 0 {
				// The port of a connection that ended a moment ago may be used for another peer.
				_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
			}
			return os.NewSyscallError("setsockopt TCP_USER_TIMEOUT",
				unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout/time.Millisecond)))
		})
	}
	return d.DialContext(ctx, "tcp", unmap(remote).String())
}

// mark sets the traffic class. A kernel that refuses it still carries the packets.
func (s System) mark(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, s.TOS)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, s.TOS)
}

func control(c syscall.RawConn, set func(fd int) error) error {
	var err error
	if e := c.Control(func(fd uintptr) { err = set(int(fd)) }); e != nil {
		return e
	}
	return err
}

// udpConn is a UDP socket whose reader also empties the error queue (ip(7), IP_RECVERR). The reader is
// woken by an error as by a datagram and looks into the queue first, so errors are told in order, once,
// and a writer that happened to be handed the pending error number takes nothing away.
type udpConn struct {
	*net.UDPConn
	raw syscall.RawConn
}

// ReadFrom returns the next datagram, or an UnreachableError for one that was sent and not delivered.
func (c *udpConn) ReadFrom(b []byte) (int, net.Addr, error) {
	var (
		n    int
		from unix.Sockaddr
		err  error
	)
	waitErr := c.raw.Read(func(fd uintptr) bool {
		for {
			var lost *UnreachableError
			if lost, err = readErrorQueue(int(fd)); lost != nil {
				err = lost
				return true
			}
			if err != nil && !errors.Is(err, unix.EAGAIN) {
				return true
			}
			n, from, err = unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
			switch {
			case err == nil:
				return true
			case errors.Is(err, unix.EAGAIN):
				return false
			case errors.Is(err, unix.EINTR) || soft(err):
				// The number of an error whose report is, or was, in the queue.
			default:
				return true
			}
		}
	})
	if waitErr != nil {
		return 0, nil, waitErr
	}
	if err != nil {
		var lost *UnreachableError
		if !errors.As(err, &lost) {
			err = os.NewSyscallError("recvfrom", err)
		}
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(sockAddrPort(from)), nil
}

// WriteTo sends a datagram. The kernel may answer with the error of an earlier one to another peer; that
// one is the reader's, and the send is tried again.
func (c *udpConn) WriteTo(b []byte, to net.Addr) (int, error) {
	for try := 1; ; try++ {
		n, err := c.UDPConn.WriteTo(b, to)
		if err == nil || !soft(err) || try == udpSendTries {
			return n, err
		}
	}
}

// soft tells whether an error number can come from an ICMP message (icmp_err_convert, icmpv6_err_convert).
func soft(err error) bool {
	for _, e := range []unix.Errno{unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN, unix.ENONET,
		unix.ENOPROTOOPT, unix.EOPNOTSUPP, unix.EMSGSIZE, unix.EACCES, unix.EPROTO, unix.ECOMM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// readErrorQueue takes one report off the error queue; EAGAIN when it is empty. Reports that say nothing
// about the peer, as that of a smaller path MTU, are skipped: the next transmission is cut to fit.
func readErrorQueue(fd int) (*UnreachableError, error) {
	var data [1]byte
	var oob [512]byte
	for {
		_, n, _, from, err := unix.Recvmsg(fd, data[:], oob[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			return nil, err
		}
		number, ok := extendedError(oob[:n])
		remote := sockAddrPort(from)
		if !ok || number == 0 || number == unix.EMSGSIZE || !remote.IsValid() {
			continue
		}
		return &UnreachableError{Remote: remote, Err: number}, nil
	}
}

// extendedError reads struct sock_extended_err, ip(7): errno, origin, type, code, …
func extendedError(oob []byte) (unix.Errno, bool) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0, false
	}
	for _, m := range messages {
		v4 := m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_RECVERR
		v6 := m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_RECVERR
		if (v4 || v6) && len(m.Data) >= 16 {
			return unix.Errno(binary.NativeEndian.Uint32(m.Data)), true
		}
	}
	return 0, false
}

func sockAddrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		a := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.ZoneId != 0 && a.Is6() {
			if i, err := net.InterfaceByIndex(int(sa.ZoneId)); err == nil {
				a = a.WithZone(i.Name)
			}
		}
		return netip.AddrPortFrom(a, uint16(sa.Port))
	}
	return netip.AddrPort{}
}
