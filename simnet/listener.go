package simnet

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"time"
)

// backlog is how many connections a listener holds before it lets callers knock again.
const backlog = 128

// Listener accepts streams.
type Listener struct {
	net      *Net
	host     *Host
	local    netip.AddrPort
	queue    []*Conn
	closed   bool
	news     chan struct{} // closed and made anew when something changes
	deadline *deadline
}

// Addr returns the *net.TCPAddr the listener is bound to.
func (l *Listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.local) }

// Accept returns the next stream.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		l.net.mu.Lock()
		news, closed := l.news, l.closed
		var c *Conn
		if !closed && !l.deadline.over() && len(l.queue) > 0 {
			c, l.queue = l.queue[0], l.queue[1:]
		}
		l.net.mu.Unlock()
		switch {
		case closed:
			return nil, l.fail("accept", net.ErrClosed)
		case c != nil:
			return c, nil
		}
		select {
		case <-news:
		case <-l.deadline.wait():
			if l.deadline.over() {
				return nil, l.fail("accept", os.ErrDeadlineExceeded)
			}
		}
	}
}

func (l *Listener) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Addr: l.Addr(), Err: err}
}

// Close stops listening. Streams nobody has accepted are reset; those accepted live on.
func (l *Listener) Close() error {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	if l.closed {
		return l.fail("close", net.ErrClosed)
	}
	for _, c := range l.queue {
		c.closed = true
		c.reset()
	}
	l.shut()
	l.host.listeners = slices.DeleteFunc(l.host.listeners, func(o *Listener) bool { return o == l })
	return nil
}

func (l *Listener) shut() {
	l.closed, l.queue = true, nil
	l.deadline.set(time.Time{})
	l.wake()
}

func (l *Listener) wake() {
	close(l.news)
	l.news = make(chan struct{})
}

// SetDeadline sets when Accept fails with os.ErrDeadlineExceeded; the zero time means never.
func (l *Listener) SetDeadline(t time.Time) error {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	if l.closed {
		return l.fail("set", net.ErrClosed)
	}
	l.deadline.set(t)
	return nil
}

// listener finds who accepts streams to an address.
func (h *Host) listener(to netip.AddrPort) (found *Listener) {
	if h.refusing {
		return nil
	}
	for _, l := range h.listeners {
		if l.local.Port() == to.Port() && covers(l.local.Addr(), to.Addr()) && (found == nil || l.local.Addr() == to.Addr()) {
			found = l
		}
	}
	return found
}
