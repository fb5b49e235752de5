package transport

import (
	"context"
	"crypto/tls"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"dialtone/sip"
)

// Implementation constants of Close.
const (
	partTime  = 500 * time.Millisecond // to write what is queued
	closeWait = time.Second            // then, for goroutines that are handing over their last input
)

// Config is what a Transport works with.
type Config struct {
	Net      Net             // nil: OS()
	TLS      *tls.Config     // base of every TLS connection: RootCAs, Time (the clock's floor), Certificates; nil: the system's roots
	Resolver *Resolver       // answers Query; nil: every Query is answered with a Cause
	Deliver  func(sip.Input) // called from many goroutines; may wait while the loop is busy, must not wait for ever
	Log      *slog.Logger    // nil: none
}

// Transport does what the agent wants from the network and tells what happened there. One goroutine waits
// on each socket; the inputs of one connection come in order. Methods may be called from any goroutine.
type Transport struct {
	cfg  Config
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup

	asking     context.Context // of questions to name servers, which Close does not wait for
	stopAsking context.CancelFunc

	mu        sync.Mutex
	closed    bool // nothing is begun or delivered any more
	tls       *tls.Config
	sockets   map[netip.AddrPort]*socket
	listeners map[netip.AddrPort]net.Listener
	flows     map[sip.FlowID]*flow
	lastID    sip.FlowID         // of accepted connections: even
	guests    map[netip.Addr]int // accepted connections by address
	accepted  int                // all of them, and those that only linger
	silent    []*flow            // those of them that have brought no message yet, the oldest first
}

// New returns a Transport without sockets.
func New(cfg Config) *Transport {
	if cfg.Net == nil {
		cfg.Net = OS()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	t := &Transport{
		cfg:       cfg,
		sockets:   map[netip.AddrPort]*socket{},
		listeners: map[netip.AddrPort]net.Listener{},
		flows:     map[sip.FlowID]*flow{},
		guests:    map[netip.Addr]int{},
	}
	t.SetTLS(cfg.TLS)
	t.ctx, t.stop = context.WithCancel(context.Background())
	t.asking, t.stopAsking = context.WithCancel(t.ctx)
	return t
}

// SetTLS replaces the base of TLS connections for those opened from now on, as when a CA was installed.
func (t *Transport) SetTLS(base *tls.Config) {
	if base == nil {
		base = &tls.Config{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tls = base.Clone()
}

// Do starts one action and never blocks; what comes of it is delivered as an input. Every Query is
// answered by exactly one Answer, every Open by Opened or Closed, every Opened followed by one Closed
// unless Close came first.
func (t *Transport) Do(action sip.NetAction) {
	switch a := action.(type) {
	case sip.Send:
		if a.Flow.Transport == sip.UDP {
			t.sendDatagram(a)
		} else if f := t.flow(a.Flow.ID); f != nil {
			f.send(a.Data)
		} else {
			// The connection has ended; its Closed is under way or was heard.
			t.cfg.Log.Debug("nothing to send on", "flow", a.Flow.ID)
		}
	case sip.Open:
		t.open(a)
	case sip.Close:
		if f := t.flow(a.ID); f != nil {
			f.close()
		}
	case sip.Query:
		t.spawn(func() {
			if t.cfg.Resolver == nil {
				t.deliver(sip.Answer{Question: a.Question, Cause: "there is no resolver"})
				return
			}
			t.deliver(t.cfg.Resolver.Ask(t.asking, a.Question))
		})
	}
}

// Unlisten closes the UDP socket and the TCP listener at local, an address ListenUDP or ListenTCP returned.
// Accepted connections go on.
func (t *Transport) Unlisten(local netip.AddrPort) {
	t.mu.Lock()
	s, l := t.sockets[local], t.listeners[local]
	delete(t.sockets, local)
	delete(t.listeners, local)
	t.mu.Unlock()
	if s != nil {
		s.cancel()
		if !within(s.closed, 2*lastWrite) {
			s.conn.Close() // its writer is handing over an input, perhaps to our caller
		}
	}
	if l != nil {
		l.Close()
	}
}

// Close ends all sockets and connections. Nothing is delivered any more; what is queued is written as far
// as the peers take it at once.
func (t *Transport) Close() {
	t.mu.Lock()
	t.closed = true
	sockets, listeners := t.sockets, t.listeners
	t.sockets, t.listeners = nil, nil
	flows := slices.Collect(maps.Values(t.flows))
	t.mu.Unlock()
	t.stopAsking()
	for _, l := range listeners {
		l.Close()
	}
	for _, s := range sockets {
		s.cancel()
	}
	for _, f := range flows {
		f.close()
	}
	done := make(chan struct{})
	go func() { t.wg.Wait(); close(done) }()
	if !within(done, partTime) {
		t.stop()
		for _, s := range sockets {
			s.conn.Close()
		}
		if !within(done, closeWait) {
			t.cfg.Log.Warn("an input is not taken; closed without waiting for it")
		}
	}
	t.stop()
}

// within waits for done, at most d.
func within(done <-chan struct{}, d time.Duration) bool {
	limit := time.NewTimer(d)
	defer limit.Stop()
	select {
	case <-done:
		return true
	case <-limit.C:
		return false
	}
}

// spawn runs f in a goroutine that Close waits for, unless Close was called. It reports whether it did.
func (t *Transport) spawn(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.spawnLocked(f)
}

func (t *Transport) spawnLocked(f func()) bool {
	if t.closed {
		return false
	}
	t.wg.Go(f)
	return true
}

func (t *Transport) deliver(in sip.Input) {
	t.mu.Lock()
	closed := t.closed
	t.mu.Unlock()
	if !closed {
		t.cfg.Deliver(in)
	}
}

func (t *Transport) flow(id sip.FlowID) *flow {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.flows[id]
}
