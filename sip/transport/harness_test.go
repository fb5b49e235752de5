package transport

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"dialtone/sip"
)

// patience bounds the wait for an event that never comes. No test measures with it.
const patience = 20 * time.Second

// harness is a Transport whose inputs are collected.
type harness struct {
	*testing.T
	*Transport
	inputs chan sip.Input
}

func newHarness(t *testing.T, cfg Config) *harness {
	t.Helper()
	wantNoLeaks(t)
	h := &harness{T: t, inputs: make(chan sip.Input, 10000)}
	cfg.Deliver = func(in sip.Input) { h.inputs <- in }
	h.Transport = New(cfg)
	t.Cleanup(h.Transport.Close)
	return h
}

// next is the next input, which must be an I. That a TLS handshake began is passed over.
func next[I sip.Input](h *harness, sentence string) I {
	h.Helper()
	for {
		select {
		case in := <-h.inputs:
			got, ok := in.(I)
			if _, begun := in.(sip.Connected); begun && !ok {
				continue
			}
			if !ok {
				h.Fatalf("%s: got %T %+v", sentence, in, in)
			}
			return got
		case <-time.After(patience):
			var want I
			h.Fatalf("%s: no %T came", sentence, want)
			panic("unreached")
		}
	}
}

func (h *harness) wantClosed(sentence string, id sip.FlowID, part string) {
	h.Helper()
	c := next[sip.Closed](h, sentence)
	if c.ID != id || !strings.Contains(c.Cause, part) {
		h.Errorf("%s: got %+v, want %q", sentence, c, part)
	}
}

func (h *harness) wantNothing(sentence string) {
	h.Helper()
	select {
	case in := <-h.inputs:
		h.Errorf("%s: got %T %+v", sentence, in, in)
	default:
	}
}

func (h *harness) listenUDP(local string) netip.AddrPort {
	h.Helper()
	at, err := h.ListenUDP(netip.MustParseAddrPort(local))
	if err != nil {
		h.Fatal(err)
	}
	return at
}

// wantNoLeaks fails the test when goroutines of this package outlive it.
func wantNoLeaks(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		for begin := time.Now(); ; runtime.Gosched() {
			var left []string
			buf := make([]byte, 1<<20)
			for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
				if strings.Contains(g, "dialtone/sip/transport.(") && !strings.Contains(g, "testing.tRunner") {
					left = append(left, g)
				}
			}
			if len(left) == 0 {
				return
			}
			if time.Since(begin) > patience {
				t.Errorf("%d goroutines are left:\n%s", len(left), strings.Join(left, "\n\n"))
				return
			}
		}
	})
}

// peer is the other end of connections, on loopback.
type peer struct {
	*testing.T
	net.Listener
}

func newPeer(t *testing.T, cfg *tls.Config) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if cfg != nil {
		l = tls.NewListener(l, cfg)
	}
	t.Cleanup(func() { l.Close() })
	return &peer{t, l}
}

func (p *peer) addr() netip.AddrPort { return addrPort(p.Addr()) }

func (p *peer) accept() net.Conn {
	p.Helper()
	c, err := p.Accept()
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// freePort is the address of a TCP and UDP port nobody listens at.
func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	for range 50 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		pc, err := net.ListenPacket("udp", l.Addr().String())
		l.Close()
		if err == nil {
			pc.Close()
			return addrPort(l.Addr())
		}
	}
	t.Fatal("no free port")
	panic("unreached")
}

func message(n int) string {
	return fmt.Sprintf("OPTIONS sip:1@example.test SIP/2.0\r\nCSeq: %d OPTIONS\r\nContent-Length: 4\r\n\r\nbody", n)
}
