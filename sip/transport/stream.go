package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"dialtone/sip"
)

// Implementation constants of connections.
const (
	dialTimeout  = 10 * time.Second
	writeTimeout = 10 * time.Second // a write that makes no way for so long
	flushTimeout = 2 * time.Second  // what is left to write when the agent closes
	frameTimeout = 15 * time.Second // from the first octet of a message to its last
	lingerTime   = 500 * time.Millisecond
	readSize     = 8 << 10

	maxQueued      = 128       // messages waiting to be written on one connection
	maxQueuedBytes = 512 << 10 // and their octets
)

// Why a connection ends, apart from errors of the network.
var (
	errQuiet = errors.New("closed by the agent") // nobody is told
	errFull  = errors.New("the peer does not read: too much waits to be written")
	errStuck = errors.New("the peer does not read")
	errSlow  = errors.New("a message did not come to its end in time")
	errIdle  = errors.New("idle")

	errSilent = errors.New("silent while others needed its place")
)

// flow is one TCP or TLS connection, from the wish to open it until it has ended. A goroutine dials and
// reads, another writes what is queued. ctx ends with the reason why the connection has to.
type flow struct {
	t        *Transport
	id       sip.FlowID
	kind     sip.Transport
	accepted bool
	ctx      context.Context
	cancel   context.CancelCauseFunc
	known    bool         // something of it was delivered; the reading goroutine's
	garbled  bool         // what came cannot be taken apart; the reading goroutine's
	spoken   bool         // a message came, not just a ping; the reading goroutine's
	lastSend atomic.Int64 // Unix nanoseconds

	// Of an accepted connection; the Transport's mutex guards the two.
	guest    netip.Addr
	finished bool // the peer sends no more
	left     bool // it counts no more

	mu      sync.Mutex
	opened  bool
	closing bool // write what is queued, then end
	queue   [][]byte
	queued  int           // octets not yet written
	wake    chan struct{} // holds one token when queue or closing changed
}

func (t *Transport) newFlow(id sip.FlowID, kind sip.Transport) *flow {
	f := &flow{t: t, id: id, kind: kind, wake: make(chan struct{}, 1)}
	f.ctx, f.cancel = context.WithCancelCause(t.ctx)
	return f
}

// open begins to open a connection. An ID in use is the agent's mistake and ends neither connection.
func (t *Transport) open(o sip.Open) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.flows[o.ID] != nil {
		t.cfg.Log.Error("a connection is opened twice", "flow", o.ID)
		return
	}
	f := t.newFlow(o.ID, o.Transport)
	base := t.tls
	if t.spawnLocked(func() { f.dial(o, base) }) {
		t.flows[o.ID] = f
	}
}

// send queues a message. Queued more than a peer that reads could leave there, the connection is ended.
func (f *flow) send(data []byte) {
	f.mu.Lock()
	f.queue = append(f.queue, data)
	f.queued += len(data)
	full := len(f.queue) > maxQueued || f.queued > maxQueuedBytes
	f.mu.Unlock()
	if full {
		f.cancel(errFull)
		return
	}
	f.notify()
}

// close ends the connection when what is queued is written. Nothing of it is delivered any more.
func (f *flow) close() {
	f.mu.Lock()
	opened := f.opened
	f.closing = true
	f.mu.Unlock()
	if !opened {
		f.cancel(errQuiet)
		return
	}
	limit := time.AfterFunc(flushTimeout, func() { f.cancel(errQuiet) })
	context.AfterFunc(f.ctx, func() { limit.Stop() })
	f.notify()
}

func (f *flow) notify() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// dial opens the connection and stays with it until it has ended.
func (f *flow) dial(o sip.Open, base *tls.Config) {
	defer f.forget()
	ctx, cancel := context.WithTimeout(f.ctx, dialTimeout)
	raw, err := f.t.cfg.Net.Dial(ctx, o.Local, unmap(o.Remote))
	cancel()
	if err != nil {
		f.tell(err)
		return
	}
	defer raw.Close()
	if f.kind != sip.TLS {
		f.run(raw, raw)
		return
	}
	f.deliver(sip.Connected{ID: f.id})
	conn, err := secure(f.ctx, raw, base, o.ServerName, o.Verify)
	if err != nil {
		f.tell(err)
		return
	}
	f.run(raw, conn)
}

// run reads and writes an open connection until it ends. conn is raw, or TLS on top of it.
func (f *flow) run(raw, conn net.Conn) {
	stop := context.AfterFunc(f.ctx, func() { raw.Close() })
	defer stop()
	f.mu.Lock()
	f.opened = true
	f.mu.Unlock()
	if !f.accepted {
		f.deliver(sip.Opened{ID: f.id, Local: addrPort(conn.LocalAddr())})
	}
	var writer sync.WaitGroup
	writer.Go(func() { f.write(conn) })
	err := f.read(conn)
	if f.accepted {
		f.t.finished(f)
	}
	f.tell(err)
	if f.ctx.Err() == nil && (errors.Is(err, io.EOF) || f.garbled) {
		// The peer has said all it wanted, or all that can be understood, and may still be listening to
		// the answers.
		wait(f.ctx, lingerTime)
	}
	f.cancel(err)
	conn.Close()
	writer.Wait()
}

// tell delivers the end of the connection, if the agent knows it and did not ask for it.
func (f *flow) tell(err error) {
	if reason := context.Cause(f.ctx); reason != nil {
		err = reason
	}
	if !f.accepted || f.known {
		f.deliver(sip.Closed{ID: f.id, Cause: cause(err)})
	}
}

// deliver hands over what came, unless the agent has closed the connection.
func (f *flow) deliver(in sip.Input) {
	f.mu.Lock()
	quiet := f.closing
	f.mu.Unlock()
	if !quiet {
		f.known = true
		f.t.deliver(in)
	}
}

func (f *flow) forget() {
	f.cancel(errQuiet)
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	delete(f.t.flows, f.id)
}

// read delivers messages until the connection ends and says why.
func (f *flow) read(conn net.Conn) error {
	local, remote := addrPort(conn.LocalAddr()), addrPort(conn.RemoteAddr())
	head := sip.Flow{Transport: f.kind, ID: f.id, Local: local, Remote: remote}
	var framer sip.Framer
	buf := make([]byte, readSize)
	active := time.Now() // of the last whole message, or octet when none waits for its end
	for {
		conn.SetReadDeadline(f.readDeadline(active, framer.Buffered() > 0))
		n, err := conn.Read(buf)
		if n > 0 {
			begins := framer.Buffered() == 0
			framer.Write(buf[:n])
			for {
				message, frameErr := framer.Next()
				if frameErr != nil {
					f.garbled = true
					return frameErr
				}
				if message == nil {
					break
				}
				begins = true
				if f.accepted && !f.spoken && !isPing(message) {
					f.spoken = true
					f.t.spoke(f)
				}
				f.deliver(sip.Received{Flow: head, Data: message})
			}
			if begins {
				active = time.Now()
			}
		}
		switch {
		case err == nil:
		case !isTimeout(err) || f.ctx.Err() != nil:
			return err
		case framer.Buffered() > 0:
			return errSlow
		case time.Now().Before(f.readDeadline(active, false)):
			// Something was sent meanwhile: not idle.
		default:
			return errIdle
		}
	}
}

// readDeadline is when a connection that sends nothing more is given up; zero: never. What we opened is
// the agent's to judge, an accepted connection costs memory.
func (f *flow) readDeadline(active time.Time, partial bool) time.Time {
	switch {
	case partial:
		return active.Add(frameTimeout)
	case !f.accepted:
		return time.Time{}
	case !f.known:
		return active.Add(firstTimeout)
	}
	if sent := time.Unix(0, f.lastSend.Load()); sent.After(active) {
		active = sent
	}
	return active.Add(idleTimeout)
}

// write writes what is queued until the connection ends.
func (f *flow) write(conn net.Conn) {
	for {
		f.mu.Lock()
		batch, closing := f.queue, f.closing
		f.queue = nil
		f.mu.Unlock()
		for _, data := range batch {
			conn.SetWriteDeadline(time.Now().Add(writeTimeout))
			if _, err := conn.Write(data); err != nil {
				if isTimeout(err) {
					err = errStuck
				}
				f.cancel(err)
				return
			}
			f.lastSend.Store(time.Now().UnixNano())
			f.mu.Lock()
			f.queued -= len(data)
			f.mu.Unlock()
		}
		switch {
		case len(batch) > 0:
			continue
		case closing:
			conn.Close() // of TLS: with a last word
			f.cancel(errQuiet)
			return
		}
		select {
		case <-f.wake:
		case <-f.ctx.Done():
			return
		}
	}
}

// isPing tells whether a message of the framer is CRLF only, RFC 5626 section 4.4.1.
func isPing(message []byte) bool { return len(bytes.Trim(message, "\r\n")) == 0 }

// isTimeout tells whether a deadline of ours has passed. That the system has given up on a peer that does not
// acknowledge calls itself a timeout too, and is none of these.
func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return !errors.Is(err, syscall.ETIMEDOUT) && errors.As(err, &t) && t.Timeout()
}
