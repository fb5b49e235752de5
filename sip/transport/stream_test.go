package transport

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"dialtone/sip"
)

func (h *harness) open(id sip.FlowID, p *peer) net.Conn {
	h.Helper()
	h.Do(sip.Open{ID: id, Transport: sip.TCP, Remote: p.addr()})
	c := p.accept()
	o := next[sip.Opened](h, "the connection opens")
	if o.ID != id || o.Local != addrPort(c.RemoteAddr()) {
		h.Errorf("got %+v, want the local address %v", o, c.RemoteAddr())
	}
	return c
}

func (h *harness) tcpFlow(id sip.FlowID) sip.Flow { return sip.Flow{Transport: sip.TCP, ID: id} }

func (h *harness) wantReceived(sentence string, id sip.FlowID, data string) {
	h.Helper()
	r := next[sip.Received](h, sentence)
	if r.Flow.ID != id || r.Flow.Transport != sip.TCP || string(r.Data) != data || !r.Flow.Remote.IsValid() || !r.Flow.Local.IsValid() {
		h.Errorf("%s: got %+v %q", sentence, r.Flow, r.Data)
	}
}

func wantRead(t *testing.T, sentence string, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("%s: read %q, %v; want %q", sentence, got, err, want)
	}
}

func TestTCP(t *testing.T) {
	h, p := newHarness(t, Config{}), newPeer(t, nil)
	h.Do(sip.Open{ID: 1, Transport: sip.TCP, Remote: p.addr()})
	h.Do(sip.Send{Flow: h.tcpFlow(1), Data: []byte(message(1))})
	h.Do(sip.Send{Flow: h.tcpFlow(1), Data: []byte(message(2))})
	c := p.accept()
	next[sip.Opened](h, "the connection opens")
	wantRead(t, "what was sent before it opened comes in order", c, message(1)+message(2))

	text := message(3) + "\r\n\r\n" + message(4) + "\r\n"
	for i := range len(text) {
		if _, err := c.Write([]byte{text[i]}); err != nil {
			t.Fatal(err)
		}
	}
	h.wantReceived("octet by octet a message comes whole", 1, message(3))
	// TCP may or may not bring the four octets of the ping together.
	for got := ""; got != "\r\n\r\n"; {
		r := next[sip.Received](h, "a ping is passed on")
		if got += string(r.Data); !strings.HasPrefix("\r\n\r\n", got) {
			t.Fatalf("ping: %q", got)
		}
	}
	h.wantReceived("the message after it", 1, message(4))
	h.wantReceived("a pong is passed on", 1, "\r\n")

	var all strings.Builder
	for i := range 2000 {
		all.WriteString(message(i))
	}
	if _, err := io.WriteString(c, all.String()); err != nil {
		t.Fatal(err)
	}
	for i := range 2000 {
		h.wantReceived("2000 messages in one write", 1, message(i))
	}

	h.Do(sip.Send{Flow: h.tcpFlow(1), Data: []byte("last words")})
	h.Do(sip.Close{ID: 1})
	rest, err := io.ReadAll(c)
	if string(rest) != "last words" || err != nil {
		t.Errorf("what was queued is written before the connection closes: %q %v", rest, err)
	}
	io.WriteString(c, message(9))
	h.Do(sip.Send{Flow: h.tcpFlow(1), Data: []byte("too late")})
	h.Do(sip.Close{ID: 1})
	h.Transport.Close()
	h.wantNothing("nobody is told of what he closed himself")
}

func TestTCPEnds(t *testing.T) {
	h, p := newHarness(t, Config{}), newPeer(t, nil)
	h.Do(sip.Open{ID: 1, Transport: sip.TCP, Remote: freePort(t)})
	h.wantClosed("nobody listens", 1, "connection refused")

	c := h.open(3, p)
	c.Close()
	h.wantClosed("the peer closes", 3, "closed by the peer")

	c = h.open(5, p)
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
	h.wantClosed("the peer resets", 5, "connection reset by the peer")

	c = h.open(7, p)
	io.WriteString(c, message(1)+"GET / HTTP/1.1\r\n\r\n")
	h.wantReceived("what came before the garbage counts", 7, message(1))
	h.wantClosed("garbage", 7, "not SIP")
	if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the peer sees the end of it: %v", err)
	}

	c = h.open(9, p)
	io.WriteString(c, message(1)+message(2)[:20])
	c.(*net.TCPConn).CloseWrite()
	h.wantReceived("a message before a half-close", 9, message(1))
	h.Do(sip.Send{Flow: h.tcpFlow(9), Data: []byte("answer")})
	h.wantClosed("the half-close", 9, "closed by the peer")
	wantRead(t, "the answer still reaches the peer that said it has no more to say", c, "answer")

	h.Do(sip.Open{ID: 11, Transport: sip.TCP, Remote: p.addr()})
	h.Do(sip.Close{ID: 11})
	h.Do(sip.Open{ID: 13, Transport: sip.TCP, Remote: p.addr()})
	h.Do(sip.Open{ID: 13, Transport: sip.TCP, Remote: p.addr()})
	o := next[sip.Opened](h, "opened twice, it opens once")
	if o.ID == 11 { // it was open before it was closed
		o = next[sip.Opened](h, "opened twice, it opens once")
	}
	if o.ID != 13 {
		t.Errorf("%+v", o)
	}
	h.Transport.Close()
	h.wantNothing("and not a word of the one closed while it opened")
}

// A peer that does not read costs its connection, and never the loop's time.
func TestTCPBlockedPeer(t *testing.T) {
	h, p := newHarness(t, Config{}), newPeer(t, nil)
	h.open(1, p)
	big := bytes.Repeat([]byte("x"), 60000)
	for {
		h.Do(sip.Send{Flow: h.tcpFlow(1), Data: big})
		select {
		case in := <-h.inputs:
			if c, ok := in.(sip.Closed); !ok || !strings.Contains(c.Cause, "too much waits") {
				t.Errorf("got %+v", in)
			}
			return
		default:
		}
	}
}

func TestTCPSourcePort(t *testing.T) {
	h, p := newHarness(t, Config{}), newPeer(t, nil)
	want := freePort(t)
	h.Do(sip.Open{ID: 1, Transport: sip.TCP, Local: want, Remote: p.addr()})
	p.accept()
	if o := next[sip.Opened](h, "from a chosen port"); o.Local != want {
		t.Errorf("from %v, want %v", o.Local, want)
	}
	h.Do(sip.Open{ID: 3, Transport: sip.TCP, Local: netip.AddrPortFrom(netip.IPv4Unspecified(), want.Port()), Remote: p.addr()})
	if c := next[sip.Closed](h, "the port is taken"); c.Cause != sip.CauseInUse && c.Cause != sip.CauseNotAvailable {
		t.Errorf("the cause is %q", c.Cause) // the agent would not try another port
	}
}

func (h *harness) listenTCP() netip.AddrPort {
	h.Helper()
	at, err := h.ListenTCP(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		h.Fatal(err)
	}
	return at
}

func (h *harness) dialIn(at netip.AddrPort) net.Conn {
	h.Helper()
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

func TestAccept(t *testing.T) {
	h := newHarness(t, Config{})
	at := h.listenTCP()
	if _, err := h.ListenTCP(at); err == nil || !strings.Contains(err.Error(), "the address is in use") {
		t.Errorf("a taken port: %v", err)
	}
	a, b := h.dialIn(at), h.dialIn(at)
	io.WriteString(b, message(1))
	r := next[sip.Received](h, "a message on an accepted connection")
	if r.Flow.ID == 0 || r.Flow.ID%2 != 0 || r.Flow.Local != at || r.Flow.Remote != addrPort(b.LocalAddr()) {
		t.Errorf("%+v", r.Flow)
	}
	h.Do(sip.Send{Flow: r.Flow, Data: []byte("answer")})
	wantRead(t, "answered on the same connection", b, "answer")
	a.Close()
	b.Close()
	h.wantClosed("an end is told, of the connection that said something", r.Flow.ID, "closed by the peer")
	h.Unlisten(at)
	if c, err := net.Dial("tcp", at.String()); err == nil {
		c.Close()
		t.Error("a closed listener accepts")
	}
	h.wantNothing("the silent connection was nobody's business")
}

func TestAcceptLimit(t *testing.T) {
	h := newHarness(t, Config{})
	at := h.listenTCP()
	conns := make([]net.Conn, maxAcceptedHost)
	for i := range conns {
		conns[i] = h.dialIn(at)
		io.WriteString(conns[i], message(i))
		next[sip.Received](h, "within the limit")
	}
	over := h.dialIn(at)
	if _, err := over.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("one too many from an address is closed at once: %v", err)
	}
	conns[0].Close()
	next[sip.Closed](h, "one goes")
	io.WriteString(h.dialIn(at), message(1))
	next[sip.Received](h, "and its place is free, though the connection may linger")
	over = h.dialIn(at)
	if _, err := over.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("but not two places: %v", err)
	}
}

func (h *harness) dialFrom(host string, at netip.AddrPort) net.Conn {
	h.Helper()
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(host), 0))}
	c, err := d.Dial("tcp", at.String())
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

func (h *harness) wantEnd(sentence string, c net.Conn) {
	h.Helper()
	if _, err := c.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		h.Errorf("%s: %v", sentence, err)
	}
}

// heard is where the next message comes by, while connections end for their silence, but not the one to stay.
func (h *harness) heard(sentence string, stays sip.FlowID) sip.Flow {
	h.Helper()
	for {
		select {
		case in := <-h.inputs:
			if r, ok := in.(sip.Received); ok {
				return r.Flow
			}
			if c, ok := in.(sip.Closed); !ok || c.ID == stays || !strings.Contains(c.Cause, "silent") {
				h.Fatalf("%s: got %T %+v", sentence, in, in)
			}
		case <-time.After(patience):
			h.Fatalf("%s: nothing came", sentence)
		}
	}
}

// Who connects and says nothing does not keep out those who have something to say.
func TestSilentConnectionsMakeRoom(t *testing.T) {
	h := newHarness(t, Config{})
	at := h.listenTCP()
	proxy := h.dialFrom("127.0.2.1", at)
	io.WriteString(proxy, message(1))
	first := next[sip.Received](h, "the proxy's connection").Flow

	silent := make([]net.Conn, maxAccepted+20)
	for i := range silent {
		silent[i] = h.dialFrom(netip.AddrFrom4([4]byte{127, 0, 1, byte(1 + i%20)}).String(), at)
		switch i % 3 {
		case 1:
			io.WriteString(silent[i], message(0)[:30])
		case 2:
			io.WriteString(silent[i], "\r\n") // a pong alone is no message
			h.heard("a pong", first.ID)
		}
	}
	another := h.dialFrom("127.0.2.2", at)
	io.WriteString(another, message(2))
	second := h.heard("a connection more", first.ID)
	h.wantEnd("the oldest silent connection is gone", silent[0])
	h.Do(sip.Send{Flow: first, Data: []byte("answer")})
	wantRead(t, "who has spoken stays", proxy, "answer")
	h.Do(sip.Send{Flow: second, Data: []byte("answer")})
	wantRead(t, "and who speaks is served", another, "answer")
}

func TestSilentConnectionsOfOneHostMakeRoom(t *testing.T) {
	h := newHarness(t, Config{})
	at := h.listenTCP()
	other := h.dialFrom("127.0.1.2", at)
	silent := make([]net.Conn, maxAcceptedHost)
	for i := range silent {
		silent[i] = h.dialIn(at)
	}
	for i := range maxAcceptedHost {
		c := h.dialIn(at)
		io.WriteString(c, message(i))
		next[sip.Received](h, "a message of the same host")
		h.wantEnd("the oldest silent connection is gone", silent[i])
	}
	h.wantEnd("refused when all have spoken", h.dialIn(at))
	io.WriteString(other, message(1))
	next[sip.Received](h, "another host is none of it")
}

// The answer to what came before the garbage still reaches a peer that sends such.
func TestGarbageAfterRequest(t *testing.T) {
	h := newHarness(t, Config{})
	c := h.dialIn(h.listenTCP())
	io.WriteString(c, message(1)+"GET / HTTP/1.1\r\n\r\n")
	r := next[sip.Received](h, "the request")
	h.Do(sip.Send{Flow: r.Flow, Data: []byte("answer")})
	h.wantClosed("the garbage", r.Flow.ID, "not SIP")
	wantRead(t, "the answer", c, "answer")
}

// Last words before the phone goes: they are written, and those who do not take them do not hold it up.
func TestCloseWrites(t *testing.T) {
	h, p := newHarness(t, Config{}), newPeer(t, nil)
	c, stuck := h.open(1, p), h.open(3, p)
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	at := h.listenUDP("127.0.0.1:0")
	for range 20 {
		h.Do(sip.Send{Flow: h.tcpFlow(3), Data: make([]byte, 20000)})
	}
	for range 50 {
		h.Do(sip.Send{Flow: h.tcpFlow(1), Data: []byte("BYE")})
		h.Do(sip.Send{Flow: udpFlow(at, addrPort(pc.LocalAddr())), Data: []byte("BYE")})
	}
	h.Transport.Close()
	rest, err := io.ReadAll(c)
	if string(rest) != strings.Repeat("BYE", 50) || err != nil {
		t.Errorf("read %q, %v", rest, err)
	}
	pc.SetReadDeadline(time.Now().Add(patience))
	for i := range 50 {
		if _, _, err := pc.ReadFrom(make([]byte, 10)); err != nil {
			t.Fatalf("datagram %d: %v", i, err)
		}
	}
	stuck.Close()
}

func TestDoAfterClose(t *testing.T) {
	h := newHarness(t, Config{})
	h.Transport.Close()
	for _, a := range []sip.NetAction{sip.Open{ID: 1}, sip.Send{}, sip.Send{Flow: udpFlow(netip.AddrPort{}, netip.AddrPort{})}, sip.Close{ID: 1}, sip.Query{}} {
		h.Do(a)
	}
	if _, err := h.ListenUDP(netip.AddrPort{}); err == nil {
		t.Error("a closed transport listens")
	}
	if _, err := h.ListenTCP(netip.AddrPort{}); err == nil {
		t.Error("a closed transport listens")
	}
	h.Transport.Close()
	h.wantNothing("nothing comes of it")
}
