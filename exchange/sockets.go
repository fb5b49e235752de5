package exchange

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"dialtone/sip"
)

// Implementation constants.
const (
	maxConns      = 64 // connections of one proxy
	maxQueue      = 64 // messages that wait to be written to one connection
	maxLate       = 4096
	writeTimeout  = 10 * time.Second
	handshakeTime = 10 * time.Second
	readPause     = 10 * time.Millisecond // after an error that is nobody's in particular
)

// A proxy is one server with its registrar. Everything in it is guarded by the exchange's mu.
type proxy struct {
	ProxyConfig
	behaviour
	x     *Exchange
	index int
	mode  Mode

	port, tlsPort uint16 // as opened; 0: not yet
	udp           net.PacketConn
	listeners     []net.Listener
	conns         map[*conn]bool
	wake          chan struct{} // closed when the mode changes
	late          []lateMessage // of a slow proxy, in order
	lateTimer     *time.Timer

	locations     map[string][]*binding    // by user, the newest last
	subscriptions map[string]*subscription // to waiting messages, by Call-ID
	sealed        []usedNonce
	life          uint32 // how often it was stopped: nonces do not outlive it
}

type lateMessage struct {
	due  time.Time
	to   flow
	data []byte
}

// A flow is the way to a peer.
type flow struct {
	p         *proxy
	transport string // "udp", "tcp", "tls"
	remote    netip.AddrPort
	conn      *conn // of a stream
}

// A conn is one connection from outside.
type conn struct {
	net.Conn
	p         *proxy
	transport string
	remote    netip.AddrPort
	out       chan []byte
	gone      bool
}

// at is where a proxy listens.
func (p *proxy) at(transport string) netip.AddrPort {
	if transport == "tls" {
		return netip.AddrPortFrom(p.Addr, p.tlsPort)
	}
	return netip.AddrPortFrom(p.Addr, p.port)
}

// open opens all sockets of a proxy.
func (p *proxy) open() (err error) {
	p.conns = map[*conn]bool{}
	if p.wake == nil {
		p.wake = make(chan struct{})
	}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	n := p.x.cfg.Net(p.Addr)
	var tcp net.Listener
	for try := 1; ; try++ {
		if p.udp, err = n.ListenPacket(p.at("udp")); err != nil {
			return err
		}
		at := addrPort(p.udp.LocalAddr())
		if tcp, err = n.Listen(netip.AddrPortFrom(p.Addr, at.Port())); err == nil {
			p.port = at.Port()
			break
		}
		p.udp.Close()
		p.udp = nil
		if p.port != 0 || try == portTries {
			return err
		}
	}
	p.listeners = append(p.listeners, tcp)
	if p.x.cfg.TLS != nil {
		secure, err := n.Listen(p.at("tls"))
		if err != nil {
			return err
		}
		p.tlsPort = addrPort(secure.Addr()).Port()
		p.listeners = append(p.listeners, secure)
	}
	udp := p.udp
	p.x.running.Go(func() { p.readPackets(udp) })
	for i, l := range p.listeners {
		p.x.running.Go(func() { p.accept(l, [...]string{"tcp", "tls"}[i]) })
	}
	return nil
}

// close closes all sockets; what is connected is reset, and what was registered is forgotten.
func (p *proxy) close() {
	if p.udp != nil {
		p.udp.Close()
		p.udp = nil
	}
	for _, l := range p.listeners {
		l.Close()
	}
	p.listeners = nil
	clear(p.locations)
	p.forgetMail()
	p.sealed = nil
	p.life++
	for c := range p.conns {
		c.reset()
	}
	p.late = nil
	if p.lateTimer != nil {
		p.lateTimer.Stop()
	}
	p.changed()
}

// changed wakes whoever waits for another mode.
func (p *proxy) changed() {
	if p.wake != nil {
		close(p.wake)
	}
	p.wake = make(chan struct{})
}

// readPackets reads datagrams until the socket is closed.
func (p *proxy) readPackets(pc net.PacketConn) {
	readDatagrams(pc, maxMessage+1, func(data []byte, from net.Addr) {
		p.x.mu.Lock()
		defer p.x.mu.Unlock()
		if p.udp == pc {
			p.receive(flow{p: p, transport: "udp", remote: addrPort(from)}, data)
		}
	}, func(remote netip.AddrPort) {
		p.x.mu.Lock()
		defer p.x.mu.Unlock()
		p.unreachable(remote)
	})
}

// readDatagrams reads a socket until it is closed. No other error ends it: take gets what came, at most size
// octets of each, and lost is told of an ICMP error.
func readDatagrams(pc net.PacketConn, size int, take func(data []byte, from net.Addr), lost func(remote netip.AddrPort)) {
	buf := make([]byte, size)
	for {
		n, from, err := pc.ReadFrom(buf)
		var unreachable interface{ RemoteAddrPort() netip.AddrPort }
		switch {
		case err == nil:
			take(buf[:n], from)
		case errors.As(err, &unreachable):
			lost(unreachable.RemoteAddrPort())
		case errors.Is(err, net.ErrClosed):
			return
		default:
			time.Sleep(readPause) // the system is short of something
		}
	}
}

// acceptAll takes connections in until the listener is closed. No other error ends it.
func acceptAll(l net.Listener, take func(net.Conn)) {
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			take(c)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			time.Sleep(readPause)
		}
	}
}

// accept takes connections in until the listener is closed.
func (p *proxy) accept(l net.Listener, transport string) {
	acceptAll(l, func(nc net.Conn) {
		c := &conn{Conn: nc, p: p, transport: transport, remote: addrPort(nc.RemoteAddr()), out: make(chan []byte, maxQueue)}
		if transport == "tls" {
			cfg := p.x.cfg.TLS
			if p.TLS != nil {
				cfg = p.TLS
			}
			c.Conn = tls.Server(nc, cfg)
		}
		p.x.mu.Lock()
		defer p.x.mu.Unlock()
		if p.word == Stop || p.x.closed || len(p.conns) == maxConns {
			reset(c.Conn)
			return
		}
		p.conns[c] = true
		p.x.running.Go(c.run)
	})
}

// run reads a connection to its end.
func (c *conn) run() {
	p := c.p
	p.x.running.Go(c.writeAll)
	err := c.handshake()
	var frames sip.Framer
	buf := make([]byte, 16<<10)
	for err == nil {
		var n int
		n, err = c.Read(buf)
		p.x.mu.Lock()
		if p.word == Silence {
			frames = sip.Framer{} // it hangs: what came is lost, and so is the place in the stream
			p.x.mu.Unlock()
			continue
		}
		frames.Write(buf[:n])
		for !c.gone {
			data, bad := frames.Next()
			if bad != nil {
				err = bad
			}
			if data == nil {
				break
			}
			switch f := c.flow(); string(data) {
			case "\r\n\r\n":
				p.send(f, []byte("\r\n")) // RFC 5626 section 3.5.1
			case "\r\n":
			default:
				p.receive(f, data)
			}
		}
		p.x.mu.Unlock()
	}
	p.x.mu.Lock()
	defer p.x.mu.Unlock()
	if !c.gone {
		c.gone = true
		raw(c.Conn).Close()
		close(c.out)
		c.forget()
	}
}

// handshake completes TLS, when the proxy is not silent.
func (c *conn) handshake() error {
	secure, ok := c.Conn.(*tls.Conn)
	if !ok {
		return nil
	}
	for {
		c.p.x.mu.Lock()
		silent, wake := c.p.word == Silence && !c.gone, c.p.wake
		c.p.x.mu.Unlock()
		if !silent {
			break
		}
		<-wake
	}
	if err := secure.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	if err := secure.Handshake(); err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	return secure.SetDeadline(time.Time{})
}

func (c *conn) flow() flow { return flow{p: c.p, transport: c.transport, remote: c.remote, conn: c} }

// writeAll writes what is queued until the connection is gone.
func (c *conn) writeAll() {
	failed := false
	for data := range c.out {
		if failed {
			continue
		}
		if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err == nil {
			_, err = c.Write(data)
			failed = err != nil
		}
		if failed {
			raw(c.Conn).Close() // the reader notices
		}
	}
}

// reset ends a connection at once.
func (c *conn) reset() {
	if c.gone {
		return
	}
	c.gone = true
	reset(c.Conn)
	close(c.out)
	c.forget()
}

// forget removes what depends on a connection that is gone.
func (c *conn) forget() {
	delete(c.p.conns, c)
	for _, p := range c.p.x.proxies {
		p.lost(c)
	}
}

// raw is the stream beneath TLS, which is closed without a word: the word might have to wait.
func raw(c net.Conn) net.Conn {
	if t, ok := c.(*tls.Conn); ok {
		return t.NetConn()
	}
	return c
}

// reset closes a stream by RST.
func reset(c net.Conn) {
	under := raw(c)
	if l, ok := under.(interface{ SetLinger(int) error }); ok {
		_ = l.SetLinger(0) // one that is closed already is as good
	}
	under.Close()
}

// send sends what a proxy says, late if it is slow; a silent one says nothing.
func (p *proxy) send(to flow, data []byte) {
	if p.word == Stop || p.word == Silence {
		return
	}
	if p.delay == 0 && len(p.late) == 0 {
		to.write(data)
		return
	}
	if len(p.late) == maxLate {
		return
	}
	due := time.Now().Add(p.delay) // or later: nothing overtakes
	p.late = append(p.late, lateMessage{due, to, data})
	if len(p.late) == 1 {
		p.lateTimer = time.AfterFunc(time.Until(due), p.sendLate)
	}
}

// sendLate sends what is due.
func (p *proxy) sendLate() {
	p.x.mu.Lock()
	defer p.x.mu.Unlock()
	now := time.Now()
	for len(p.late) > 0 && !p.late[0].due.After(now) {
		m := p.late[0]
		p.late = p.late[1:]
		if p.word != Stop && p.word != Silence {
			m.to.write(m.data)
		}
	}
	if len(p.late) > 0 {
		p.lateTimer = time.AfterFunc(p.late[0].due.Sub(now), p.sendLate)
	}
}

// write hands octets to the socket of a flow. It does not wait.
func (f flow) write(data []byte) {
	switch {
	case f.conn == nil && f.p.udp != nil:
		// A datagram that cannot be sent is a lost one; UDP has others.
		_, _ = f.p.udp.WriteTo(data, net.UDPAddrFromAddrPort(f.remote))
	case f.conn != nil && !f.conn.gone:
		select {
		case f.conn.out <- data:
		default:
			f.conn.reset() // it does not read
		}
	}
}

// addrPort reads an address of package net, IPv4 always in its short form.
func addrPort(a net.Addr) netip.AddrPort {
	if both, ok := a.(interface{ AddrPort() netip.AddrPort }); ok {
		ap := both.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	ap, _ := netip.ParseAddrPort(a.String())
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
