package simnet

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
)

// firstEphemeral is the first port given to a socket that asks for none in particular.
const firstEphemeral = 32768

// Host is one machine on the network.
type Host struct {
	net       *Net
	index     int
	addrs     []netip.Addr
	up        bool
	plugged   bool
	refusing  bool
	silent    bool
	nextPort  uint16
	packets   []*PacketConn
	listeners []*Listener
	streams   []*Conn
}

func (h *Host) name() string { return h.addrs[0].String() }

// Addr returns the address the host has, the first if it has several.
func (h *Host) Addr() netip.Addr {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return h.addrs[0]
}

// Sockets tells how many sockets the host has: datagram sockets, listeners, and streams until both ends know of their end.
func (h *Host) Sockets() int {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return len(h.packets) + len(h.listeners) + len(h.streams)
}

// Add gives the host another address, as of another family.
func (h *Host) Add(addr netip.Addr) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.add(addr.Unmap())
}

func (h *Host) add(addr netip.Addr) {
	if other := h.net.byAddr[addr]; other != nil && other != h {
		panic("simnet: " + addr.String() + " belongs to another host")
	}
	if !slices.Contains(h.addrs, addr) {
		h.addrs = append(h.addrs, addr)
		h.net.byAddr[addr] = h
	}
}

// Readdress gives the host another address in the place of one it has, as DHCP may. Sockets bound to the old one stay open,
// but nothing leaves or reaches them any more; those bound to no address go on with the new one.
func (h *Host) Readdress(old, addr netip.Addr) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	old, addr = old.Unmap(), addr.Unmap()
	h.add(addr)
	i, j := slices.Index(h.addrs, old), slices.Index(h.addrs, addr)
	if i < 0 || i == j {
		return
	}
	h.addrs[i] = addr
	h.addrs = slices.Delete(h.addrs, j, j+1)
	delete(h.net.byAddr, old)
}

// Kill cuts the power: every socket of the host is gone and nobody is told. Streams to it stay half open until their
// other end sends something and gives up, or the host is back and answers with a reset.
func (n *Net) Kill(h *Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h.up = false
	h.vanish()
}

// Revive switches a killed host on again. It has no sockets; its programs have to be started anew.
func (n *Net) Revive(h *Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h.up = true
}

// Plug pulls the host's network cable, or puts it back. Its sockets live on, nothing leaves or reaches it.
func (h *Host) Plug(in bool) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.plugged = in
}

// Refuse has the host answer as if none of its ports were open, as when its program is dead and the machine lives:
// datagrams are answered by ICMP, streams by a reset.
func (h *Host) Refuse(on bool) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.refusing = on
}

// Silence has the host swallow what comes for a closed port, as a firewall does.
func (h *Host) Silence(on bool) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.silent = on
}

// vanish closes all sockets of the host without a packet.
func (h *Host) vanish() {
	for _, p := range h.packets {
		p.shut()
	}
	for _, l := range h.listeners {
		l.shut()
	}
	for _, c := range h.streams {
		c.vanish()
	}
	h.packets, h.listeners, h.streams = nil, nil, nil
}

// reachable tells whether what is sent to an address arrives at this host now.
func (h *Host) reachable(addr netip.Addr) bool {
	return h != nil && h.up && h.plugged && slices.Contains(h.addrs, addr)
}

// has tells whether the host may use a local address: one of its own, or none in particular.
func (h *Host) has(addr netip.Addr) bool {
	return !addr.IsValid() || addr.IsUnspecified() || slices.Contains(h.addrs, addr)
}

// source returns the address from which a socket bound to local talks to remote.
func (h *Host) source(local, remote netip.Addr) (netip.Addr, error) {
	if local.IsValid() && !local.IsUnspecified() {
		if !slices.Contains(h.addrs, local) || local.Is4() != remote.Is4() {
			return netip.Addr{}, syscall.EADDRNOTAVAIL
		}
		return local, nil
	}
	if slices.Contains(h.addrs, remote) {
		return remote, nil
	}
	for _, a := range h.addrs {
		if a.Is4() == remote.Is4() {
			return a, nil
		}
	}
	return netip.Addr{}, syscall.ENETUNREACH
}

// overlap tells whether two sockets at one port get in each other's way.
func overlap(a, b netip.Addr) bool {
	switch {
	case a == b:
		return true
	case a.IsUnspecified() && b.IsUnspecified():
		return true
	case a.IsUnspecified():
		return a.Is6() || b.Is4()
	case b.IsUnspecified():
		return b.Is6() || a.Is4()
	}
	return false
}

// covers tells whether a socket bound to local takes what is sent to addr.
func covers(local, addr netip.Addr) bool {
	return local == addr || local.IsUnspecified() && (local.Is6() || addr.Is4())
}

// bind settles the local address of a new socket: used tells whether another has it.
func (h *Host) bind(local netip.AddrPort, used func(netip.AddrPort) bool) (netip.AddrPort, error) {
	addr := local.Addr().Unmap()
	if !addr.IsValid() {
		addr = netip.IPv6Unspecified()
	}
	switch {
	case h.net.closed:
		return local, net.ErrClosed
	case !h.up:
		return local, os.NewSyscallError("bind", syscall.ENETDOWN)
	case !h.has(addr):
		return local, os.NewSyscallError("bind", syscall.EADDRNOTAVAIL)
	}
	if local.Port() != 0 {
		if local = netip.AddrPortFrom(addr, local.Port()); used(local) {
			return local, os.NewSyscallError("bind", syscall.EADDRINUSE)
		}
		return local, nil
	}
	for range 1 << 15 {
		local = netip.AddrPortFrom(addr, h.nextPort)
		if h.nextPort++; h.nextPort == 0 {
			h.nextPort = firstEphemeral
		}
		if !used(local) {
			return local, nil
		}
	}
	return local, os.NewSyscallError("bind", syscall.EADDRINUSE)
}

// ListenPacket opens a UDP socket. Port 0 takes a free one; no address, or an unspecified one, means all of the host's.
func (h *Host) ListenPacket(local netip.AddrPort) (net.PacketConn, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	local, err := h.bind(local, func(a netip.AddrPort) bool {
		return slices.ContainsFunc(h.packets, func(p *PacketConn) bool {
			return p.local.Port() == a.Port() && overlap(p.local.Addr(), a.Addr())
		})
	})
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "udp", Addr: net.UDPAddrFromAddrPort(local), Err: err}
	}
	p := &PacketConn{net: h.net, host: h, local: local, news: make(chan struct{}), deadline: newDeadline()}
	h.packets = append(h.packets, p)
	return p, nil
}

// Listen opens a stream listener. Port 0 takes a free one.
func (h *Host) Listen(local netip.AddrPort) (net.Listener, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	local, err := h.bind(local, func(a netip.AddrPort) bool {
		return slices.ContainsFunc(h.listeners, func(l *Listener) bool {
			return l.local.Port() == a.Port() && overlap(l.local.Addr(), a.Addr())
		})
	})
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: net.TCPAddrFromAddrPort(local), Err: err}
	}
	l := &Listener{net: h.net, host: h, local: local, news: make(chan struct{}), deadline: newDeadline()}
	h.listeners = append(h.listeners, l)
	return l, nil
}

// Dial opens a stream to remote. local may lack its address, its port or both. It fails with ECONNREFUSED where nobody
// listens, and with ETIMEDOUT after two minutes of silence unless ctx ends it first.
func (h *Host) Dial(ctx context.Context, local, remote netip.AddrPort) (net.Conn, error) {
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(remote), Err: err}
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	h.net.mu.Lock()
	c, err := h.connect(local, remote)
	h.net.mu.Unlock()
	if err != nil {
		return fail(err)
	}
	if err := c.established(ctx); err != nil {
		return fail(err)
	}
	return c, nil
}

// connect begins to open a stream.
func (h *Host) connect(local, remote netip.AddrPort) (*Conn, error) {
	if !remote.IsValid() || remote.Port() == 0 {
		return nil, os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)
	}
	source, err := h.source(local.Addr().Unmap(), remote.Addr())
	if err != nil {
		return nil, os.NewSyscallError("connect", err)
	}
	local, err = h.bind(netip.AddrPortFrom(source, local.Port()), func(a netip.AddrPort) bool {
		return slices.ContainsFunc(h.streams, func(c *Conn) bool { return c.local == a && c.remote == remote }) ||
			slices.ContainsFunc(h.listeners, func(l *Listener) bool { return l.local.Port() == a.Port() && covers(l.local.Addr(), a.Addr()) })
	})
	if err != nil {
		return nil, err
	}
	c := h.newConn(local, remote)
	c.opening = true
	c.knock(firstKnock)
	return c, nil
}
