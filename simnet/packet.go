package simnet

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"
)

// maxDatagram is the most one UDP datagram holds.
const maxDatagram = 65507

// Unreachable is the error a UDP socket reads after something it sent came to a closed port of a living host (ICMP port
// unreachable). The socket stays usable.
type Unreachable struct {
	Local  netip.AddrPort // the sender
	Remote netip.AddrPort // where nobody listens
}

func (u Unreachable) Error() string { return "port unreachable: " + u.Remote.String() }

// RemoteAddrPort returns where nobody listens.
func (u Unreachable) RemoteAddrPort() netip.AddrPort { return u.Remote }

// Unwrap makes errors.Is(err, syscall.ECONNREFUSED) true, as with a real socket.
func (u Unreachable) Unwrap() error { return syscall.ECONNREFUSED }

// Timeout is false.
func (u Unreachable) Timeout() bool { return false }

// Temporary is true: reading may go on.
func (u Unreachable) Temporary() bool { return true }

// PacketConn is a UDP socket.
type PacketConn struct {
	net      *Net
	host     *Host
	local    netip.AddrPort
	queue    []datagram
	dropped  int
	closed   bool
	news     chan struct{} // closed and made anew when something changes
	deadline *deadline     // of reads
	writeBy  time.Time
}

// datagram is what a socket reads: data from an address, or an error.
type datagram struct {
	from netip.AddrPort
	data []byte
	err  error
}

// LocalAddr returns the *net.UDPAddr the socket is bound to.
func (p *PacketConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(p.local) }

// Dropped tells how many datagrams came while the queue was full.
func (p *PacketConn) Dropped() int {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	return p.dropped
}

// ReadFrom reads one datagram; what does not fit into b is lost. It fails with an Unreachable when ICMP tells that
// something sent from here came to a closed port.
func (p *PacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := p.ReadFromUDPAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// ReadFromUDPAddrPort is ReadFrom without an allocation for the address.
func (p *PacketConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		p.net.mu.Lock()
		news, closed := p.news, p.closed
		var d datagram
		found := !closed && !p.deadline.over() && len(p.queue) > 0
		if found {
			d = p.queue[0]
			p.queue[0] = datagram{}
			p.queue = p.queue[1:]
		}
		p.net.mu.Unlock()
		switch {
		case closed:
			return 0, netip.AddrPort{}, p.fail("read", net.ErrClosed)
		case found && d.err != nil:
			return 0, netip.AddrPort{}, p.fail("read", d.err)
		case found:
			return copy(b, d.data), d.from, nil
		}
		select {
		case <-news:
		case <-p.deadline.wait():
			if p.deadline.over() {
				return 0, netip.AddrPort{}, p.fail("read", os.ErrDeadlineExceeded)
			}
		}
	}
}

// WriteTo sends a datagram. It never blocks. Whether it arrives shows elsewhere, if at all.
func (p *PacketConn) WriteTo(b []byte, to net.Addr) (int, error) {
	if u, ok := to.(*net.UDPAddr); ok && u != nil {
		return p.WriteToUDPAddrPort(b, u.AddrPort())
	}
	if to == nil {
		return 0, p.fail("write", syscall.EDESTADDRREQ)
	}
	remote, err := netip.ParseAddrPort(to.String())
	if err != nil {
		return 0, p.fail("write", syscall.EINVAL)
	}
	return p.WriteToUDPAddrPort(b, remote)
}

// WriteToUDPAddrPort is WriteTo without an allocation for the address.
func (p *PacketConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	switch {
	case p.closed:
		return 0, p.fail("write", net.ErrClosed)
	case !p.writeBy.IsZero() && !time.Now().Before(p.writeBy):
		return 0, p.fail("write", os.ErrDeadlineExceeded)
	case len(b) > maxDatagram:
		return 0, p.fail("write", syscall.EMSGSIZE)
	case !to.IsValid() || to.Port() == 0:
		return 0, p.fail("write", syscall.EINVAL)
	}
	source, err := p.host.source(p.local.Addr(), to.Addr())
	if err != nil {
		return 0, p.fail("write", err)
	}
	p.net.sendDatagram(p.host, netip.AddrPortFrom(source, p.local.Port()), to, slices.Clone(b))
	return len(b), nil
}

func (p *PacketConn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "udp", Source: p.LocalAddr(), Err: err}
}

// Close closes the socket. Waiting reads end.
func (p *PacketConn) Close() error {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if p.closed {
		return p.fail("close", net.ErrClosed)
	}
	p.shut()
	p.host.packets = slices.DeleteFunc(p.host.packets, func(o *PacketConn) bool { return o == p })
	return nil
}

func (p *PacketConn) shut() {
	p.closed, p.queue = true, nil
	p.deadline.set(time.Time{})
	p.wake()
}

func (p *PacketConn) wake() {
	close(p.news)
	p.news = make(chan struct{})
}

// SetDeadline sets both deadlines.
func (p *PacketConn) SetDeadline(t time.Time) error {
	if err := p.SetReadDeadline(t); err != nil {
		return err
	}
	return p.SetWriteDeadline(t)
}

// SetReadDeadline sets when reads fail with os.ErrDeadlineExceeded; the zero time means never.
func (p *PacketConn) SetReadDeadline(t time.Time) error {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if p.closed {
		return p.fail("set", net.ErrClosed)
	}
	p.deadline.set(t)
	return nil
}

// SetWriteDeadline sets when writes begin to fail. They never wait.
func (p *PacketConn) SetWriteDeadline(t time.Time) error {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if p.closed {
		return p.fail("set", net.ErrClosed)
	}
	p.writeBy = t
	return nil
}

// sendDatagram puts a datagram on its way.
func (n *Net) sendDatagram(h *Host, from, to netip.AddrPort, data []byte) {
	way := pair{h, n.byAddr[to.Addr()]}
	v := n.send(way, Packet{Protocol: "udp", Src: from, Dst: to, Data: data})
	if v.fate != "" {
		return
	}
	flow := n.flow(way)
	arrive := func() { n.takeDatagram(way, from, to, data) }
	due := time.Now().Add(v.delay)
	if !v.overtaken {
		if due.Before(flow.last) {
			due = flow.last
		}
		flow.last = due
	}
	n.at(way, due, arrive)
	if v.twice {
		n.at(way, time.Now().Add(v.again), arrive)
	}
}

// takeDatagram is the arrival of a datagram at the host it was sent to.
func (n *Net) takeDatagram(way pair, from, to netip.AddrPort, data []byte) {
	if !way.to.reachable(to.Addr()) {
		return
	}
	if p := way.to.socket(to); p != nil {
		p.take(datagram{from: from, data: data})
		return
	}
	if way.to.silent {
		return
	}
	back := pair{way.to, way.from}
	v := n.send(back, Packet{Protocol: "icmp", Src: to, Dst: from})
	if v.fate != "" {
		return
	}
	n.at(back, time.Now().Add(v.delay), func() {
		if !way.from.reachable(from.Addr()) {
			return
		}
		if p := way.from.socket(from); p != nil {
			p.take(datagram{err: Unreachable{Local: from, Remote: to}})
		}
	})
}

// socket finds who takes datagrams sent to an address: the socket bound to it, else one bound to all.
func (h *Host) socket(to netip.AddrPort) (found *PacketConn) {
	if h.refusing {
		return nil
	}
	for _, p := range h.packets {
		if p.local.Port() == to.Port() && covers(p.local.Addr(), to.Addr()) && (found == nil || p.local.Addr() == to.Addr()) {
			found = p
		}
	}
	return found
}

func (p *PacketConn) take(d datagram) {
	if len(p.queue) >= maxQueue {
		p.dropped++
		return
	}
	p.queue = append(p.queue, d)
	p.wake()
}
