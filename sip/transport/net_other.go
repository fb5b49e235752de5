//go:build !linux

package transport

import (
	"context"
	"net"
	"net/netip"
)

// ListenPacket opens a UDP socket. ICMP errors are not reported on this system.
func (s System) ListenPacket(local netip.AddrPort) (net.PacketConn, error) {
	return net.ListenPacket(network("udp", local.Addr()), listenText(local))
}

// Listen opens a TCP socket for connections from outside.
func (s System) Listen(local netip.AddrPort) (net.Listener, error) {
	return net.Listen(network("tcp", local.Addr()), listenText(local))
}

// Dial opens a TCP connection.
func (s System) Dial(ctx context.Context, local, remote netip.AddrPort) (net.Conn, error) {
	d := dialer(local)
	return d.DialContext(ctx, "tcp", unmap(remote).String())
}
