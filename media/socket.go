package media

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// Implementation constants.
const (
	defaultPortMin = 16384 // reference E.2
	defaultPortMax = 16482
	maxPortTries   = 200  // pairs tried before Reserve gives up
	maxDatagram    = 2048 // bytes read of one datagram; 200 ms of G.711 and more
)

// addrPortConn is what *net.UDPConn adds to a net.PacketConn: no allocation per packet.
type addrPortConn interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
}

// A socket is a packet conn spoken to in netip addresses.
type socket struct {
	conn net.PacketConn
	fast addrPortConn // nil when conn is not one

	wide bool // an IPv6 socket: IPv4 destinations need the mapped form

	mu     sync.Mutex     // held while writing
	to     netip.AddrPort // destination written to last, and the same as net.Addr
	toAddr net.Addr
}

func newSocket(conn net.PacketConn) *socket {
	s := &socket{conn: conn}
	s.fast, _ = conn.(addrPortConn)
	if u, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		s.wide = u.IP.To4() == nil
	}
	return s
}

// read fills b with one datagram. It may be called by one goroutine at a time.
func (s *socket) read(b []byte) (int, netip.AddrPort, error) {
	if s.fast != nil {
		n, from, err := s.fast.ReadFromUDPAddrPort(b)
		return n, unmapped(from), err
	}
	n, from, err := s.conn.ReadFrom(b)
	u, ok := from.(*net.UDPAddr)
	if err != nil || !ok {
		return n, netip.AddrPort{}, err
	}
	return n, unmapped(u.AddrPort()), nil
}

// write sends one datagram.
func (s *socket) write(b []byte, to netip.AddrPort) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fast != nil {
		if s.wide && to.Addr().Is4() {
			to = netip.AddrPortFrom(netip.AddrFrom16(to.Addr().As16()), to.Port())
		}
		_, err := s.fast.WriteToUDPAddrPort(b, to)
		return err
	}
	if to != s.to {
		s.to, s.toAddr = to, net.UDPAddrFromAddrPort(to)
	}
	_, err := s.conn.WriteTo(b, s.toAddr)
	return err
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// listenPair binds RTP to an even port between low and high picked at random, and RTCP to the next
// (RFC 3550 section 11): both or none.
func listenPair(listen func(netip.AddrPort) (net.PacketConn, error), ip netip.Addr, low, high uint16) (rtp, rtcp *socket, port uint16, err error) {
	first := (int(low) + 1) / 2
	pairs := (int(high)+1)/2 - first
	if pairs <= 0 {
		return nil, nil, 0, fmt.Errorf("no even port with a next one between %d and %d", low, high)
	}
	start := int(random32() % uint32(pairs))
	for i := range min(pairs, maxPortTries) {
		port = uint16(2 * (first + (start+i)%pairs))
		if rtp, rtcp, err = listenAt(listen, ip, port); err == nil {
			return rtp, rtcp, port, nil
		}
		var errno syscall.Errno
		if errors.As(err, &errno) && errno != syscall.EADDRINUSE && errno != syscall.EACCES {
			break // every other port would fail the same way
		}
	}
	return nil, nil, 0, fmt.Errorf("binding RTP and RTCP between %d and %d: %w", low, high, err)
}

func listenAt(listen func(netip.AddrPort) (net.PacketConn, error), ip netip.Addr, port uint16) (rtp, rtcp *socket, err error) {
	a, err := listen(netip.AddrPortFrom(ip, port))
	if err != nil {
		return nil, nil, err
	}
	b, err := listen(netip.AddrPortFrom(ip, port+1))
	if err != nil {
		a.Close()
		return nil, nil, err
	}
	markExpedited(a)
	markExpedited(b)
	return newSocket(a), newSocket(b), nil
}

// random32 returns 32 unpredictable bits: SSRC, first sequence number and first timestamp must not
// be guessable (RFC 3550 sections 5.1 and 8).
func random32() uint32 {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint32(b[:])
}
