package transport

import (
	"context"
	"net"
	"net/netip"
	"strconv"
)

// Net is where sockets come from: the operating system (OS), or a network in memory.
//
// A PacketConn of it reports that a datagram could not be delivered as an error of ReadFrom or WriteTo
// that has a method RemoteAddrPort() netip.AddrPort, as UnreachableError has; the socket stays usable.
type Net interface {
	// ListenPacket opens a UDP socket. Without a valid address it takes IPv4 and IPv6; port 0 is any.
	ListenPacket(local netip.AddrPort) (net.PacketConn, error)
	// Listen opens a TCP socket for connections from outside.
	Listen(local netip.AddrPort) (net.Listener, error)
	// Dial opens a TCP connection. local may lack its address, its port or both.
	Dial(ctx context.Context, local, remote netip.AddrPort) (net.Conn, error)
}

// OS is the network of the operating system, with its packets marked as signalling (System.TOS CS3).
func OS() Net { return System{TOS: CS3} }

// CS3 is the traffic class of signalling, RFC 4594 section 4.2, as the octet of the IP header.
const CS3 = 0x60

// System is the network of the operating system. Its UDP sockets report ICMP errors of each peer, where
// the system tells them (Linux); its TCP connections notice within about 20 s that a peer is gone.
type System struct {
	TOS int // octet for IP_TOS and IPV6_TCLASS of all sockets
}

// UnreachableError says that a datagram sent earlier, or this one, did not get to Remote.
type UnreachableError struct {
	Remote netip.AddrPort
	Err    error
}

func (e *UnreachableError) Error() string { return e.Remote.String() + ": " + e.Err.Error() }
func (e *UnreachableError) Unwrap() error { return e.Err }

// RemoteAddrPort is where the datagram was sent to.
func (e *UnreachableError) RemoteAddrPort() netip.AddrPort { return e.Remote }

// unreachable is what a PacketConn of any Net says of a peer that cannot be reached.
type unreachable interface {
	error
	RemoteAddrPort() netip.AddrPort
}

// network is "udp", "udp4" or "udp6", or the same of tcp, for a local address.
func network(kind string, local netip.Addr) string {
	switch {
	case local.Is4():
		return kind + "4"
	case local.Is6() && !local.IsUnspecified():
		return kind + "6"
	}
	return kind
}

// listenText is a local address as package net wants it.
func listenText(local netip.AddrPort) string {
	if !local.Addr().IsValid() {
		return ":" + strconv.Itoa(int(local.Port()))
	}
	return local.String()
}

// dialer is one for connections from local, which may lack its address, its port or both.
func dialer(local netip.AddrPort) net.Dialer {
	var d net.Dialer
	from := net.TCPAddr{Port: int(local.Port())}
	if a := local.Addr().Unmap(); a.IsValid() && !a.IsUnspecified() {
		from.IP, from.Zone = a.AsSlice(), a.Zone()
	}
	if from.IP != nil || from.Port != 0 {
		d.LocalAddr = &from
	}
	return d
}

// addrPort reads an address of package net, IPv4 always in its short form.
func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	if both, ok := a.(interface{ AddrPort() netip.AddrPort }); ok {
		ap = both.AddrPort()
	} else if a != nil {
		ap, _ = netip.ParseAddrPort(a.String())
	}
	return unmap(ap)
}

func unmap(ap netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()) }
