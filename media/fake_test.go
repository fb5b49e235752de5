package media

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"dialtone/hal"
)

// A wire is a network in memory, for bubbles: what is written arrives a delay later, unless drop says no.
type wire struct {
	mu    sync.Mutex
	conns map[netip.AddrPort]*wireConn
	delay time.Duration
	drop  func(from, to netip.AddrPort, b []byte) bool
}

func newWire() *wire { return &wire{conns: make(map[netip.AddrPort]*wireConn)} }

type datagram struct {
	from netip.AddrPort
	b    []byte
}

type wireConn struct {
	w      *wire
	at     netip.AddrPort
	in     chan datagram
	closed chan struct{}
	once   sync.Once
}

// dropping sets what is lost from now on.
func (w *wire) dropping(drop func(from, to netip.AddrPort, b []byte) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop = drop
}

func (w *wire) listen(at netip.AddrPort) (net.PacketConn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conns[at] != nil {
		return nil, fmt.Errorf("%s is in use", at)
	}
	c := &wireConn{w: w, at: at, in: make(chan datagram, 1000), closed: make(chan struct{})}
	w.conns[at] = c
	return c, nil
}

func (c *wireConn) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case d := <-c.in:
		return copy(b, d.b), net.UDPAddrFromAddrPort(d.from), nil
	case <-c.closed:
		return 0, nil, net.ErrClosed
	}
}

func (c *wireConn) WriteTo(b []byte, to net.Addr) (int, error) {
	at := to.(*net.UDPAddr).AddrPort()
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if c.w.drop != nil && c.w.drop(c.at, at, b) {
		return len(b), nil
	}
	d := datagram{c.at, append([]byte(nil), b...)}
	if c.w.delay == 0 {
		c.w.deliver(at, d)
	} else {
		time.AfterFunc(c.w.delay, func() {
			c.w.mu.Lock()
			defer c.w.mu.Unlock()
			c.w.deliver(at, d)
		})
	}
	return len(b), nil
}

func (w *wire) deliver(at netip.AddrPort, d datagram) {
	if c := w.conns[at]; c != nil {
		select {
		case c.in <- d:
		default:
		}
	}
}

func (c *wireConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		delete(c.w.conns, c.at)
	})
	return nil
}

func (c *wireConn) LocalAddr() net.Addr              { return net.UDPAddrFromAddrPort(c.at) }
func (c *wireConn) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (c *wireConn) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (c *wireConn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// An ear is a sound device that says what it is given and keeps what it plays, at the right pace.
type ear struct {
	mu    sync.Mutex
	pacer *hal.Pacer
	say   []int16 // looped
	said  int
	heard []int16
	fail  error
}

func newEar(say []int16) *ear { return &ear{pacer: hal.NewPacer(sampleRate, 40), say: say} }

func (*ear) Rate() int    { return sampleRate }
func (*ear) Period() int  { return 40 }
func (*ear) Close() error { return nil }

func (e *ear) Exchange(play, rec []int16) error {
	if wait := e.pacer.Wait(time.Now()); wait > 0 {
		time.Sleep(wait)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail != nil {
		return e.fail
	}
	e.heard = append(e.heard, play...)
	clear(rec)
	for i := range rec {
		if len(e.say) > 0 {
			rec[i] = e.say[e.said%len(e.say)]
			e.said++
		}
	}
	return nil
}

// take returns what was played since the last take.
func (e *ear) take() []int16 {
	e.mu.Lock()
	defer e.mu.Unlock()
	heard := e.heard
	e.heard = nil
	return heard
}

// speech is a seeded signal with the ups and downs of a voice, in bursts of 400 ms with pauses of 200,
// already rounded to codes of l so that it arrives as it left. No 10 ms of it repeat.
func speech(l *law, n int) []int16 {
	pcm := make([]int16, n)
	seed := uint32(1)
	var low int32
	for i := range pcm {
		seed = seed*1664525 + 1013904223
		low += (int32(seed>>16&0x3fff) - 0x2000 - low) / 4
		v := low
		if i%4800 >= 3200 {
			v /= 256 // a pause is not digital silence
		}
		pcm[i] = l.decode[l.encode[uint16(int16(v))]]
	}
	return pcm
}

// find returns where part begins in all, or -1.
func find(all, part []int16) int {
next:
	for i := 0; i+len(part) <= len(all); i++ {
		for k, v := range part {
			if all[i+k] != v {
				continue next
			}
		}
		return i
	}
	return -1
}

// A party is one phone's engine in a bubble.
type party struct {
	t      *testing.T
	engine *Engine
	ear    *ear
	addr   netip.Addr
	port   uint16
	mu     sync.Mutex
	events []Event
}

func newParty(t *testing.T, w *wire, addr string, say []int16, change func(*Config)) *party {
	t.Helper()
	p := &party{t: t, ear: newEar(say), addr: netip.MustParseAddr(addr)}
	cfg := Config{Sound: p.ear, ListenPacket: w.listen, PortMin: 16384, PortMax: 16482, Tones: DefaultTones(),
		Notify: func(ev Event) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.events = append(p.events, ev)
		}}
	if change != nil {
		change(&cfg)
	}
	p.engine = New(cfg)
	t.Cleanup(p.engine.Close)
	port, err := p.engine.Reserve(1, p.addr)
	if err != nil {
		t.Fatal(err)
	}
	p.port = port
	return p
}

func (p *party) at() netip.AddrPort { return netip.AddrPortFrom(p.addr, p.port) }

// stream is what p agrees on with q.
func (p *party) stream(q *party) Stream {
	return Stream{Remote: q.at(), RTCP: netip.AddrPortFrom(q.addr, q.port+1), Codec: PCMU, EventPT: 101,
		Ptime: 20 * time.Millisecond, Send: true, Receive: true}
}

func (p *party) start(st Stream) {
	p.t.Helper()
	if err := p.engine.Start(1, st); err != nil {
		p.t.Fatal(err)
	}
}

func (p *party) took() []Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	events := p.events
	p.events = nil
	return events
}

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func netUDP(a netip.AddrPort) net.Addr { return net.UDPAddrFromAddrPort(a) }
