package sip

import (
	"fmt"
	"net/netip"
	"time"
)

// Implementation constants.
const (
	connectTimeout = 5 * time.Second // a connection that is not open by then is a failure
	bigTimeout     = 2 * time.Second // the same where UDP would do as well
	idleTimeout    = 2 * time.Minute // a connection nobody needs is closed
	maxAccepted    = 64              // connections accepted and known; the one unused the longest is closed
	maxPortTries   = 32              // source ports tried for one connection
)

type flowState uint8

const (
	flowOpening flowState = iota
	flowOpen
	flowClosed
)

// A flow is a way to a peer: a UDP socket and an address, or a connection we opened or accepted.
type flow struct {
	agendaEntry
	Flow
	a       *Agent
	line    *line // who opened it; nil: accepted
	tlsName string
	state   flowState
	waiting []*clientTx // requests that go out once it is open

	begun    time.Time // when it was first asked for
	openBy   time.Time // while opening
	accepted bool      // the peer has taken the connection and owes its part of the TLS handshake
	patience time.Duration
	insisted int // times it was tried again, as packets get lost
	openedAt time.Time
	idleAt   time.Time // once open
	ports    int       // source ports still to be tried
	port     uint16    // the one tried
	used     uint64    // order of last use among the accepted
}

type flowKey struct {
	line    *line
	t       Transport
	remote  netip.AddrPort
	tlsName string
}

// flowTo is the line's flow to a server, opened if there is none.
func (a *Agent) flowTo(now time.Time, ln *line, t Transport, s Server, timeout time.Duration) *flow {
	if t == UDP {
		return &flow{Flow: Flow{Transport: UDP, Local: ln.cfg.Local, Remote: s.Addr}, a: a, line: ln, state: flowOpen}
	}
	key := flowKey{ln, t, s.Addr, s.TLSName}
	if f := a.flowKeys[key]; f != nil {
		f.touch(now)
		return f
	}
	f := &flow{Flow: Flow{Transport: t, Remote: s.Addr}, a: a, line: ln, tlsName: s.TLSName, ports: 1}
	if lo, hi := a.cfg.TCPPortMin, a.cfg.TCPPortMax; lo != 0 && hi >= lo {
		n := int(hi-lo) + 1
		f.ports = min(n, maxPortTries)
		f.port = lo + uint16(a.randomIndex(n))
	}
	a.flowKeys[key] = f
	f.begun, f.patience, f.openBy = now, timeout, now.Add(timeout)
	f.open()
	a.agenda.set(f)
	return f
}

// open asks for the connection with the next source port.
func (f *flow) open() {
	a := f.a
	a.flowID += 2
	f.ID, f.ports, f.accepted = a.flowID, f.ports-1, false
	a.flows[f.ID] = f
	local := netip.AddrPortFrom(netip.Addr{}, f.port)
	if bound := f.line.cfg.Local.Addr(); bound.IsValid() && !bound.IsUnspecified() && bound.Is4() == f.Remote.Addr().Is4() {
		local = netip.AddrPortFrom(bound, f.port)
	}
	a.net(Open{
		ID: f.ID, Transport: f.Transport, Local: local, Remote: f.Remote,
		ServerName: f.tlsName, Verify: f.line.cfg.TLSNameValidate,
	})
}

// reopen begins the connection anew, for those who wait for it.
func (f *flow) reopen(now time.Time) {
	f.a.net(Close{f.ID})
	delete(f.a.flows, f.ID)
	f.ports++
	f.openBy = now.Add(f.patience)
	f.open()
	f.a.agenda.set(f)
}

// nextPort moves on inside SIP_TCP_Port_Min..Max, over the ports of our other connections.
func (f *flow) nextPort() bool {
	lo, hi := f.a.cfg.TCPPortMin, f.a.cfg.TCPPortMax
	if f.port == 0 || lo == 0 || hi < lo {
		return false
	}
	for ; f.ports > 0; f.ports-- {
		if f.port++; f.port > hi || f.port < lo {
			f.port = lo
		}
		used := false
		for _, o := range f.a.flows {
			used = used || o != f && o.Local.Port() == f.port
		}
		if !used {
			return true
		}
	}
	return false
}

// anyPort lets the system choose, where all of SIP_TCP_Port_Min..Max is taken: a call matters more.
func (f *flow) anyPort() bool {
	if f.port == 0 {
		return false
	}
	f.port = 0
	return true
}

// What Closed says of a connection that failed for its source port only.
const (
	CauseInUse        = "the address is in use"
	CauseNotAvailable = "the local address is not available"
)

func portTaken(cause string) bool { return cause == CauseInUse || cause == CauseNotAvailable }

func (f *flow) due() time.Time { return earliest(f.openBy, f.idleAt) }

func (f *flow) tick(now time.Time) {
	switch {
	case passed(now, f.openBy) && f.insists():
		f.reopen(now)
	case passed(now, f.openBy):
		f.a.net(Close{f.ID})
		f.a.flowGone(now, f, f.unopened(f.patience))
	case passed(now, f.idleAt):
		if f.line != nil && f.line.needs(f) {
			f.touch(now)
			return
		}
		f.a.net(Close{f.ID})
		f.a.flowGone(now, f, "")
	}
}

// touch notes that the flow is in use.
func (f *flow) touch(now time.Time) {
	if f.ID != 0 && f.state == flowOpen && f.line != nil {
		f.idleAt = now.Add(idleTimeout)
		f.a.agenda.set(f)
	}
}

// send puts a message on the flow.
func (f *flow) send(now time.Time, data []byte) {
	f.touch(now)
	f.a.net(Send{f.Flow, data})
}

// local is our end of the flow as it is told to the peer.
func (f *flow) local() netip.AddrPort {
	if f.Transport.reliable() && f.Local.IsValid() && !f.Local.Addr().IsUnspecified() {
		return unmapPort(f.Local)
	}
	return netip.AddrPortFrom(f.a.localAddr(f.Local.Addr(), f.Remote.Addr()), f.Local.Port())
}

// localAddr is the address of ours that a peer can be told: what the socket is bound to, else the first
// of Config.LocalAddrs of the peer's family, one in the same network before the others.
func (a *Agent) localAddr(bound, remote netip.Addr) netip.Addr {
	bound, remote = bound.Unmap(), remote.Unmap()
	if bound.IsValid() && !bound.IsUnspecified() {
		return bound
	}
	bits := 64
	if remote.Is4() {
		bits = 24
	}
	var first netip.Addr
	for _, l := range a.cfg.LocalAddrs {
		l = l.Unmap()
		if l.Is4() != remote.Is4() || l.IsLoopback() != remote.IsLoopback() {
			continue
		}
		if p, err := remote.Prefix(bits); err == nil && p.Contains(l) {
			return l
		}
		if !first.IsValid() || first.IsLinkLocalUnicast() && !l.IsLinkLocalUnicast() {
			first = l
		}
	}
	switch {
	case first.IsValid():
		return first
	case remote.IsLoopback() && remote.Is4():
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case remote.IsLoopback():
		return netip.IPv6Loopback()
	case remote.Is4():
		return netip.IPv4Unspecified() // the registrar's answer will say what we are called
	}
	return netip.IPv6Unspecified()
}

// unopened says what is wrong with a connection that is not open after a time.
func (f *flow) unopened(after time.Duration) string {
	if f.accepted {
		return "it accepts the connection, but does not answer the TLS handshake within " + after.String()
	}
	return "no connection within " + after.String()
}

// connected notes that a connection has come as far as its TLS handshake.
func (a *Agent) connected(in Connected) {
	if f := a.flows[in.ID]; f != nil && f.state == flowOpening {
		f.accepted = true
	}
}

// opened lets the requests go that waited for the connection.
func (a *Agent) opened(now time.Time, in Opened) {
	f := a.flows[in.ID]
	if f == nil || f.state != flowOpening {
		return
	}
	f.state, f.openBy, f.openedAt, f.Local = flowOpen, time.Time{}, now, unmapPort(in.Local)
	f.touch(now)
	a.agenda.set(f)
	waiting := f.waiting
	f.waiting = nil
	for _, tx := range waiting {
		tx.launch(now)
	}
}

// closed takes in that a connection is no more, or never was.
func (a *Agent) closed(now time.Time, in Closed) {
	f := a.flows[in.ID]
	if f == nil {
		return
	}
	if f.state == flowOpening && portTaken(in.Cause) && (f.nextPort() || f.anyPort()) {
		delete(a.flows, f.ID)
		f.open()
		return
	}
	cause := in.Cause
	if cause == "" {
		cause = "connection closed"
	}
	a.flowGone(now, f, cause)
}

// flowGone forgets a connection and tells those who used it. An empty cause says that we closed it.
func (a *Agent) flowGone(now time.Time, f *flow, cause string) {
	opening := f.state == flowOpening
	f.state, f.openBy, f.idleAt = flowClosed, time.Time{}, time.Time{}
	delete(a.flows, f.ID)
	a.agenda.set(f)
	if key := (flowKey{f.line, f.Transport, f.Remote, f.tlsName}); f.line != nil && a.flowKeys[key] == f {
		delete(a.flowKeys, key)
	}
	if cause == "" {
		cause = "connection closed"
	}
	waiting := f.waiting
	f.waiting = nil
	for _, tx := range waiting {
		tx.lost(now, cause)
	}
	if !opening {
		for _, tx := range a.txsBy(func(tx *clientTx) bool { return tx.flow == f }) {
			tx.lost(now, cause)
		}
	}
	if f.line != nil {
		for _, l := range f.line.legs() {
			l.flowGone(now, f, cause)
		}
	}
}

// arrivedBy finds the flow a message came by; an inbound connection is known from its first message on.
func (a *Agent) arrivedBy(now time.Time, in Flow) *flow {
	in.Local, in.Remote = unmapPort(in.Local), unmapPort(in.Remote)
	if in.Transport == UDP {
		return &flow{Flow: in, a: a, state: flowOpen}
	}
	f := a.flows[in.ID]
	if f == nil && in.ID%2 == 0 {
		f = &flow{Flow: in, a: a, state: flowOpen}
		a.flows[in.ID] = f
		a.capAccepted(now, f)
	}
	if f != nil {
		a.flowUse++
		f.used = a.flowUse
		f.touch(now)
	}
	return f
}

// capAccepted closes the accepted connection that was quiet the longest when there are too many.
func (a *Agent) capAccepted(now time.Time, fresh *flow) {
	n := 0
	var oldest *flow
	for _, f := range a.flows {
		if f.line != nil {
			continue
		}
		n++
		if f != fresh && (oldest == nil || f.used < oldest.used) {
			oldest = f
		}
	}
	if n > maxAccepted && oldest != nil {
		a.net(Close{oldest.ID})
		a.logf("connection from %s closed: more than %d", oldest.Remote, maxAccepted)
		a.flowGone(now, oldest, "too many connections")
	}
}

func (f *flow) String() string { return fmt.Sprintf("%s:%s", f.Transport, f.Remote) }
