package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"dialtone/sip"
)

// Limits of connections from outside.
const (
	maxAccepted     = 128
	maxAcceptedHost = 8                // from one address, those it has finished with aside
	idleTimeout     = 5 * time.Minute  // nothing whole came and nothing was sent
	firstTimeout    = 30 * time.Second // for the first message
	acceptPause     = 100 * time.Millisecond
)

// ListenTCP accepts connections at local and returns the address, with the port the system chose for
// port 0. An accepted connection is told of by its first Received, with an even flow ID.
func (t *Transport) ListenTCP(local netip.AddrPort) (netip.AddrPort, error) {
	l, err := t.cfg.Net.Listen(local)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("opening TCP %s: %s", local, cause(err))
	}
	bound := addrPort(l.Addr())
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.spawnLocked(func() { t.accept(l) }) {
		l.Close()
		return netip.AddrPort{}, fmt.Errorf("opening TCP %s: %w", local, net.ErrClosed)
	}
	t.listeners[bound] = l
	return bound, nil
}

func (t *Transport) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			t.welcome(conn)
		case errors.Is(err, net.ErrClosed) || t.ctx.Err() != nil:
			return
		default:
			// No descriptors left, or the peer was gone before it was served.
			t.cfg.Log.Warn("accepting a connection failed", "err", err)
			wait(t.ctx, acceptPause)
		}
	}
}

// welcome serves an accepted connection, if there is room for it.
func (t *Transport) welcome(conn net.Conn) {
	guest := addrPort(conn.RemoteAddr()).Addr().WithZone("")
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.accepted >= maxAccepted || t.guests[guest] >= maxAcceptedHost {
		t.cfg.Log.Debug("a connection was refused, there are too many", "remote", guest)
		conn.Close()
		return
	}
	t.lastID += 2
	f := t.newFlow(t.lastID, sip.TCP)
	f.accepted = true
	if !t.spawnLocked(func() { f.serve(conn, guest) }) {
		conn.Close()
		return
	}
	t.flows[f.id] = f
	t.accepted++
	t.guests[guest]++
}

// serve stays with an accepted connection until it has ended.
func (f *flow) serve(conn net.Conn, guest netip.Addr) {
	defer f.forget()
	defer f.t.leave()
	f.finished = func() { f.t.finished(guest) }
	f.run(conn, conn)
}

// finished gives back one connection of a host: it will send nothing more, if it is not closed.
func (t *Transport) finished(guest netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.guests[guest]--; t.guests[guest] == 0 {
		delete(t.guests, guest)
	}
}

// leave gives back one accepted connection.
func (t *Transport) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.accepted--
}
