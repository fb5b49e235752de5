package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"dialtone/sip"
)

// Limits of connections from outside. Where one is reached, the oldest connection that has not brought a
// message yet has to make room; a new one is refused when all have.
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
	if !t.makeRoomLocked(guest) {
		t.cfg.Log.Debug("a connection was refused, there are too many", "remote", guest)
		conn.Close()
		return
	}
	t.lastID += 2
	f := t.newFlow(t.lastID, sip.TCP)
	f.accepted, f.guest = true, guest
	if !t.spawnLocked(func() { f.serve(conn) }) {
		conn.Close()
		return
	}
	t.flows[f.id] = f
	t.accepted++
	t.guests[guest]++
	t.silent = append(t.silent, f)
}

// makeRoomLocked reports whether guest may have one connection more.
func (t *Transport) makeRoomLocked(guest netip.Addr) bool {
	if t.guests[guest] >= maxAcceptedHost && !t.dismissLocked(func(f *flow) bool { return f.guest == guest }) {
		return false
	}
	return t.accepted < maxAccepted || t.dismissLocked(func(*flow) bool { return true })
}

// dismissLocked ends the oldest silent connection of those meant. It reports whether there was one.
func (t *Transport) dismissLocked(meant func(*flow) bool) bool {
	i := slices.IndexFunc(t.silent, meant)
	if i < 0 {
		return false
	}
	f := t.silent[i]
	f.cancel(errSilent)
	t.finishedLocked(f)
	t.leaveLocked(f)
	return true
}

// serve stays with an accepted connection until it has ended.
func (f *flow) serve(conn net.Conn) {
	defer f.forget()
	defer f.t.leave(f)
	f.run(conn, conn)
}

// spoke notes the first message of an accepted connection.
func (t *Transport) spoke(f *flow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heardLocked(f)
}

func (t *Transport) heardLocked(f *flow) {
	t.silent = slices.DeleteFunc(t.silent, func(o *flow) bool { return o == f })
}

// finished gives back a connection of a host, once: it will send nothing more, if it is not closed.
func (t *Transport) finished(f *flow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.finishedLocked(f)
}

func (t *Transport) finishedLocked(f *flow) {
	if f.finished {
		return
	}
	f.finished = true
	if t.guests[f.guest]--; t.guests[f.guest] == 0 {
		delete(t.guests, f.guest)
	}
}

// leave gives back an accepted connection, once.
func (t *Transport) leave(f *flow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leaveLocked(f)
}

func (t *Transport) leaveLocked(f *flow) {
	if f.left {
		return
	}
	f.left = true
	t.accepted--
	t.heardLocked(f)
}
