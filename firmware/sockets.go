package main

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"dialtone/config"
	"dialtone/sip/transport"
)

// Implementation constants.
const lingerTime = 40 * time.Second // of sockets no line needs any more: registrations are removed through them

// sockets keeps the SIP sockets open that the lines in service need: UDP at each line's SIP_Port, and
// a TCP listener beside it for servers that call back on a connection of their own.
type sockets struct {
	net  *transport.Transport
	bind netip.Addr // zero: every address

	mu     sync.Mutex
	open   map[uint16]bool
	needed map[uint16]bool
}

// follow opens what is missing and closes what is no longer needed. It returns each line's socket and
// the first thing that went wrong; the other sockets are open all the same.
func (s *sockets) follow(set config.Settings) (at [8]netip.AddrPort, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[uint16]bool)
	}
	needed := make(map[uint16]bool)
	s.needed = needed
	for i, l := range set.Line {
		if !inService(l) {
			continue
		}
		port := uint16(l.SIPPort)
		at[i] = netip.AddrPortFrom(s.any(), port)
		needed[port] = true
		if s.open[port] {
			continue
		}
		if e := s.listen(port); e != nil {
			if err == nil {
				err = fmt.Errorf("opening SIP port %d of line %d: %w", port, i+1, e)
			}
			continue
		}
		s.open[port] = true
	}
	for port := range s.open {
		if !needed[port] {
			time.AfterFunc(lingerTime, func() { s.close(port) })
		}
	}
	return at, err
}

// close closes a port, unless a line needs it again.
func (s *sockets) close(port uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.needed[port] || !s.open[port] {
		return
	}
	delete(s.open, port)
	for _, ip := range s.addrs() {
		s.net.Unlisten(netip.AddrPortFrom(ip, port))
	}
}

// listen opens one port for UDP and TCP on each family.
func (s *sockets) listen(port uint16) error {
	opened := 0
	var first error
	for _, ip := range s.addrs() {
		at := netip.AddrPortFrom(ip, port)
		_, err := s.net.ListenUDP(at)
		if err == nil {
			_, err = s.net.ListenTCP(at)
		}
		switch {
		case err == nil:
			opened++
		case first == nil && (ip.Is4() || s.bind.IsValid()):
			first = err // IPv4 must work; a machine without IPv6 is no error
		}
	}
	if first == nil && opened == 0 {
		first = fmt.Errorf("no address to listen on")
	}
	return first
}

// any is the address a line's socket is known by.
func (s *sockets) any() netip.Addr { return s.addrs()[0] }

// addrs are the addresses bound: the one given, or both families' unspecified ones.
func (s *sockets) addrs() []netip.Addr {
	if s.bind.IsValid() {
		return []netip.Addr{s.bind}
	}
	return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
}
