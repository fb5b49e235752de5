package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"dialtone/sip"
)

// Implementation constants of UDP.
const (
	maxDatagram   = 65535
	udpQueue      = 512                   // datagrams waiting for the network device; more are lost, as UDP may
	lastWrite     = 50 * time.Millisecond // for what is queued when the socket is closed
	readPauseMin  = 5 * time.Millisecond
	readPauseMost = time.Second
)

// socket is one UDP socket: a goroutine reads it, another writes what is queued and closes it in the end.
type socket struct {
	conn   net.PacketConn
	local  netip.AddrPort
	queue  chan datagram
	ctx    context.Context
	cancel context.CancelFunc // the socket is to be closed
	closed chan struct{}      // it is
}

type datagram struct {
	remote netip.AddrPort
	data   []byte
}

// ListenUDP opens a UDP socket and returns its address, with the port the system chose for port 0. This
// address is Flow.Local of all that comes and goes through it. An address [::] or none takes IPv4 too.
func (t *Transport) ListenUDP(local netip.AddrPort) (netip.AddrPort, error) {
	conn, err := t.cfg.Net.ListenPacket(local)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("opening UDP %s: %s", local, cause(err))
	}
	ctx, cancel := context.WithCancel(t.ctx)
	s := &socket{conn: conn, local: addrPort(conn.LocalAddr()), queue: make(chan datagram, udpQueue),
		ctx: ctx, cancel: cancel, closed: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		cancel()
		conn.Close()
		return netip.AddrPort{}, fmt.Errorf("opening UDP %s: %w", local, net.ErrClosed)
	}
	t.sockets[s.local] = s
	t.wg.Go(func() { t.readUDP(s) })
	t.wg.Go(func() { t.writeUDP(s) })
	return s.local, nil
}

// readUDP delivers datagrams until the socket is closed. No other error ends it.
func (t *Transport) readUDP(s *socket) {
	buf := make([]byte, maxDatagram)
	pause := readPauseMin
	for {
		n, from, err := s.conn.ReadFrom(buf)
		var lost unreachable
		switch {
		case err == nil:
			pause = readPauseMin
			if n > 0 {
				flow := sip.Flow{Transport: sip.UDP, Local: s.local, Remote: addrPort(from)}
				t.deliver(sip.Received{Flow: flow, Data: append([]byte(nil), buf[:n]...)})
			}
		case errors.As(err, &lost):
			t.deliver(sip.Unreachable{Local: s.local, Remote: unmap(lost.RemoteAddrPort()), Cause: cause(err)})
		case errors.Is(err, net.ErrClosed) || s.ctx.Err() != nil:
			return
		default:
			t.cfg.Log.Warn("reading UDP failed, trying again", "local", s.local, "err", err)
			wait(s.ctx, pause)
			pause = min(2*pause, readPauseMost)
		}
	}
}

// writeUDP writes what is queued, also what still is when the socket is to be closed, and closes it.
func (t *Transport) writeUDP(s *socket) {
	defer close(s.closed)
	defer s.conn.Close()
	stop := context.AfterFunc(s.ctx, func() { s.conn.SetWriteDeadline(time.Now().Add(lastWrite)) })
	defer stop()
	for {
		select {
		case d := <-s.queue:
			t.writeDatagram(s, d)
		case <-s.ctx.Done():
			for len(s.queue) > 0 {
				t.writeDatagram(s, <-s.queue)
			}
			return
		}
	}
}

func (t *Transport) writeDatagram(s *socket, d datagram) {
	_, err := s.conn.WriteTo(d.data, net.UDPAddrFromAddrPort(d.remote))
	switch {
	case err == nil || s.ctx.Err() != nil:
	case errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM):
		// The device's queue is full: as good as lost on the way, and repeated as that.
		t.cfg.Log.Debug("a datagram was lost in the device", "remote", d.remote, "err", err)
	default:
		t.deliver(sip.Unreachable{Local: s.local, Remote: d.remote, Cause: cause(err)})
	}
}

func (t *Transport) sendDatagram(a sip.Send) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.socketFor(a.Flow)
	if s == nil {
		t.spawnLocked(func() {
			t.deliver(sip.Unreachable{Local: a.Flow.Local, Remote: a.Flow.Remote, Cause: "no UDP socket for it"})
		})
		return
	}
	select {
	case s.queue <- datagram{unmap(a.Flow.Remote), a.Data}:
	default:
		t.cfg.Log.Warn("a datagram was dropped, too many wait", "remote", a.Flow.Remote)
	}
}

// socketFor finds the socket of a flow: the one with exactly its local address, else one on all addresses
// with its port, else, when no port is asked for, any that can reach the peer.
func (t *Transport) socketFor(f sip.Flow) *socket {
	if s := t.sockets[f.Local]; s != nil {
		return s
	}
	var best *socket
	for _, s := range t.sockets {
		fits := s.local.Addr().Is4() == f.Remote.Addr().Unmap().Is4() || s.local.Addr() == netip.IPv6Unspecified()
		if f.Local.Port() != 0 {
			fits = fits && s.local.Port() == f.Local.Port() && s.local.Addr().IsUnspecified()
		}
		if fits && (best == nil || s.local.Compare(best.local) < 0) {
			best = s
		}
	}
	return best
}

// wait lasts d or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
