package simnet

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"
)

// Specification constants: what Linux does.
const (
	firstKnock = time.Second            // RFC 6298: the first retransmission of a SYN, then doubled
	maxKnocks  = 7                      // SYNs sent before the connection times out, after 127 s
	minResend  = 200 * time.Millisecond // the least retransmission timeout, then doubled
	maxResend  = 2 * time.Minute        // the most
)

// Implementation constants.
const (
	window  = 64 << 10 // octets a direction holds, sent and not yet read
	segment = 1460     // octets of one segment
)

// Conn is one end of a stream, in the manner of TCP: ordered, with flow control, closed in either direction or reset.
type Conn struct {
	net           *Net
	host          *Host
	local, remote netip.AddrPort
	peer          *Conn // the other end; nil while the connection is not open

	// As receiver.
	in  [][]byte // segments arrived and not read
	eof bool     // the other end has finished

	// As sender.
	flight  int       // octets sent and not read by the other end
	last    time.Time // when the last segment sent arrives
	blocked []*piece  // what did not get through and waits to be sent again, in order
	resend  time.Duration
	since   time.Time // when the first of blocked did not get through

	opening  bool // Dial is waiting
	knocks   int
	finished bool  // our end has finished writing
	told     bool  // and the other end knows
	closed   bool  // Close was called
	gone     bool  // nothing of ours is left: closed and delivered, reset, or without power
	clean    bool  // gone in the usual way
	abrupt   bool  // SetLinger(0)
	err      error // why the stream failed

	news          chan struct{} // closed and made anew when something changes
	reads, writes *deadline
}

// piece is one segment on its way.
type piece struct {
	flags string // as in Packet
	data  []byte
}

func (h *Host) newConn(local, remote netip.AddrPort) *Conn {
	c := &Conn{net: h.net, host: h, local: local, remote: remote, news: make(chan struct{}), reads: newDeadline(), writes: newDeadline()}
	h.streams = append(h.streams, c)
	return c
}

// LocalAddr returns the *net.TCPAddr of this end.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr returns the *net.TCPAddr of the other end.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

func (c *Conn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

func (c *Conn) wake() {
	close(c.news)
	c.news = make(chan struct{})
}

func (c *Conn) way() pair { return pair{c.host, c.net.byAddr[c.remote.Addr()]} }

func (c *Conn) packet(p *piece) Packet {
	return Packet{Protocol: "tcp", Src: c.local, Dst: c.remote, Flags: p.flags, Data: p.data}
}

// Read reads what has arrived, at least one octet. After the last octet the other end sent before it closed comes io.EOF.
func (c *Conn) Read(b []byte) (int, error) {
	for {
		n, news, err := c.read(b)
		if n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		select {
		case <-news:
		case <-c.reads.wait():
		}
	}
}

// read takes what is there; nothing and no error: wait for news.
func (c *Conn) read(b []byte) (n int, news chan struct{}, err error) {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	switch {
	case c.closed:
		return 0, nil, c.fail("read", net.ErrClosed)
	case c.reads.over():
		return 0, nil, c.fail("read", os.ErrDeadlineExceeded)
	}
	for n < len(b) && len(c.in) > 0 {
		k := copy(b[n:], c.in[0])
		n += k
		if c.in[0] = c.in[0][k:]; len(c.in[0]) == 0 {
			c.in = c.in[1:]
		}
	}
	switch {
	case n > 0:
		c.open(n)
	case c.eof:
		return 0, nil, io.EOF
	case c.err != nil:
		return 0, nil, c.fail("read", c.err)
	}
	return n, c.news, nil
}

// open tells the other end that n octets were read, so that it may send as many more. This is a matter between the two
// ends: it takes its time, and is not lost.
func (c *Conn) open(n int) {
	peer, way := c.peer, c.way()
	if peer == nil || way.to == nil {
		return
	}
	c.net.at(way, time.Now().Add(c.net.link(way).Delay), func() {
		peer.flight -= n
		peer.wake()
	})
}

// Write sends b. It waits while the other end does not read what was sent.
func (c *Conn) Write(b []byte) (n int, err error) {
	for {
		k, news, err := c.write(b[n:])
		if n += k; err != nil || n == len(b) {
			return n, err
		}
		select {
		case <-news:
		case <-c.writes.wait():
		}
	}
}

// write sends what may be sent.
func (c *Conn) write(b []byte) (n int, news chan struct{}, err error) {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	switch {
	case c.closed:
		return 0, nil, c.fail("write", net.ErrClosed)
	case c.writes.over():
		return 0, nil, c.fail("write", os.ErrDeadlineExceeded)
	case c.err != nil:
		return 0, nil, c.fail("write", c.err)
	case c.finished:
		return 0, nil, c.fail("write", syscall.EPIPE)
	}
	for n < len(b) && c.flight < window {
		k := min(segment, len(b)-n, window-c.flight)
		c.flight += k
		c.send(&piece{data: slices.Clone(b[n : n+k])})
		n += k
	}
	return n, c.news, nil
}

// send puts a segment on its way, behind those before it.
func (c *Conn) send(p *piece) {
	way := c.way()
	v := c.net.send(way, c.packet(p))
	due := time.Now().Add(v.delay)
	if due.Before(c.last) {
		due = c.last
	}
	c.last = due
	c.net.at(way, due, func() {
		if v.fate != "" || len(c.blocked) > 0 || !c.arrive(p) {
			c.block(p)
		}
	})
}

// block keeps a segment that did not get through, to be sent again.
func (c *Conn) block(p *piece) {
	if c.gone || p.flags == "RST" { // nobody is left to send it again
		return
	}
	c.blocked = append(c.blocked, p)
	if len(c.blocked) > 1 {
		return
	}
	c.since = time.Now()
	c.resend = max(minResend, 3*c.net.link(c.way()).Delay)
	c.later()
}

// later sends the blocked segments again after the retransmission timeout, and doubles it.
func (c *Conn) later() {
	wait := c.resend
	c.resend = min(2*c.resend, maxResend)
	c.net.at(pair{c.host, nil}, time.Now().Add(wait), c.again)
}

func (c *Conn) again() {
	if c.gone {
		c.blocked = nil
		return
	}
	if time.Since(c.since) >= c.net.giveUp {
		c.die(syscall.ETIMEDOUT)
		return
	}
	for len(c.blocked) > 0 {
		p := c.blocked[0]
		if v := c.net.send(c.way(), c.packet(p)); v.fate != "" || !c.arrive(p) {
			c.later()
			return
		}
		if len(c.blocked) > 0 { // not reset meanwhile
			c.blocked = c.blocked[1:]
		}
		c.since = time.Now()
	}
	c.blocked = nil
}

// arrive is the arrival of a segment at the other host. It returns false if nobody answers there, not even by a
// reset.
func (c *Conn) arrive(p *piece) bool {
	to, peer := c.way().to, c.peer
	if !to.reachable(c.remote.Addr()) {
		return false
	}
	if p.flags == "FIN" {
		c.told = true
	}
	// Data for a stream that was closed is answered by a reset; the end of one is not.
	late := peer.gone && (!peer.clean || p.flags != "FIN") || peer.closed && p.data != nil
	if to.refusing || late {
		if peer.closed && !peer.gone {
			peer.die(syscall.ECONNRESET)
		}
		return p.flags == "RST" || !to.silent && c.refused()
	}
	switch p.flags {
	case "SYN+ACK":
		peer.opening = false
	case "FIN":
		peer.eof = true
		c.settle()
	case "RST":
		peer.die(syscall.ECONNRESET)
	default:
		peer.in = append(peer.in, p.data)
	}
	peer.wake()
	return true
}

// refused is the way back of a reset, to this end. It returns false if the reset got lost.
func (c *Conn) refused() bool {
	back := pair{c.way().to, c.host}
	v := c.net.send(back, Packet{Protocol: "tcp", Src: c.remote, Dst: c.local, Flags: "RST"})
	if v.fate != "" {
		return false
	}
	c.net.at(back, time.Now().Add(v.delay), func() {
		if !c.gone && c.host.reachable(c.local.Addr()) {
			err := syscall.ECONNRESET
			if c.opening {
				err = syscall.ECONNREFUSED
			}
			c.die(err)
		}
	})
	return true
}

// settle forgets a stream that is closed here and whose last octet has arrived.
func (c *Conn) settle() {
	if c.closed && c.told && !c.gone {
		c.clean = true
		c.forget()
	}
}

// forget takes the stream out of the host.
func (c *Conn) forget() {
	c.gone, c.blocked = true, nil
	c.host.streams = slices.DeleteFunc(c.host.streams, func(o *Conn) bool { return o == c })
}

// die ends the stream with an error. What has arrived can still be read.
func (c *Conn) die(err syscall.Errno) {
	if c.err == nil {
		c.err = err
	}
	c.forget()
	c.wake()
}

// vanish ends the stream with its host.
func (c *Conn) vanish() {
	c.closed, c.gone, c.blocked, c.in = true, true, nil, nil
	c.stop()
	c.wake()
}

// stop stops the timers.
func (c *Conn) stop() {
	c.reads.set(time.Time{})
	c.writes.set(time.Time{})
}

// Close closes the stream. What was written is still delivered, unless something that arrived was not read: then the
// other end is told by a reset, as by Linux.
func (c *Conn) Close() error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	c.closed = true
	switch {
	case c.gone:
	case c.abrupt || len(c.in) > 0 || c.peer == nil:
		c.reset()
	case c.finished:
		c.settle()
	default:
		c.finished = true
		c.send(&piece{flags: "FIN"})
	}
	c.in = nil
	c.stop()
	c.wake()
	return nil
}

// reset ends the stream at once and tells the other end.
func (c *Conn) reset() {
	if c.peer != nil {
		c.send(&piece{flags: "RST"})
	}
	c.forget()
}

// CloseWrite finishes writing; the other end reads io.EOF after the last octet, and may go on writing.
func (c *Conn) CloseWrite() error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	switch {
	case c.closed:
		return c.fail("close", net.ErrClosed)
	case c.err != nil:
		return c.fail("close", c.err)
	case c.finished:
		return c.fail("close", syscall.ENOTCONN)
	}
	c.finished = true
	c.send(&piece{flags: "FIN"})
	return nil
}

// SetLinger with 0 has Close reset the stream; another value has it close in the usual way.
func (c *Conn) SetLinger(seconds int) error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	if c.closed {
		return c.fail("set", net.ErrClosed)
	}
	c.abrupt = seconds == 0
	return nil
}

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadlines(t, c.reads, c.writes) }

// SetReadDeadline sets when reads fail with os.ErrDeadlineExceeded; the zero time means never.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, c.reads) }

// SetWriteDeadline sets when writes fail with os.ErrDeadlineExceeded; the zero time means never.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, c.writes) }

func (c *Conn) setDeadlines(t time.Time, deadlines ...*deadline) error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	if c.closed {
		return c.fail("set", net.ErrClosed)
	}
	for _, d := range deadlines {
		d.set(t)
	}
	return nil
}

// knock sends the first packet of a connection, and again while nobody answers.
func (c *Conn) knock(next time.Duration) {
	if c.knocks++; c.knocks > maxKnocks {
		c.die(syscall.ETIMEDOUT)
		return
	}
	way := c.way()
	if v := c.net.send(way, c.packet(&piece{flags: "SYN"})); v.fate == "" {
		c.net.at(way, time.Now().Add(v.delay), func() { c.knocked(way.to) })
	}
	c.net.at(pair{c.host, nil}, time.Now().Add(next), func() {
		if c.opening && !c.gone {
			c.knock(2 * next)
		}
	})
}

// knocked is the arrival of the first packet at the other host.
func (c *Conn) knocked(to *Host) {
	if c.peer != nil || !to.reachable(c.remote.Addr()) {
		return
	}
	l := to.listener(c.remote)
	switch {
	case l == nil && to.silent:
	case l == nil:
		c.refused()
	case len(l.queue) < backlog:
		peer := to.newConn(c.remote, c.local)
		c.peer, peer.peer = peer, c
		peer.send(&piece{flags: "SYN+ACK"})
		l.queue = append(l.queue, peer)
		l.wake()
	}
}

// established waits until the stream is open.
func (c *Conn) established(ctx context.Context) error {
	for {
		c.net.mu.Lock()
		news, opening, err := c.news, c.opening, c.err
		switch {
		case err != nil:
		case c.closed:
			err = net.ErrClosed
		case opening && ctx.Err() != nil:
			c.closed, c.opening = true, false
			c.forget()
			err = ctx.Err()
		}
		c.net.mu.Unlock()
		if errno, ok := err.(syscall.Errno); ok {
			return os.NewSyscallError("connect", errno)
		}
		if err != nil || !opening {
			return err
		}
		select {
		case <-news:
		case <-ctx.Done():
		}
	}
}
