package simnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func (w *wire) socket(h *Host, addr string) *PacketConn {
	w.t.Helper()
	p, err := h.ListenPacket(netip.MustParseAddrPort(addr))
	w.must(err)
	return p.(*PacketConn)
}

func (w *wire) sendTo(p *PacketConn, to, text string) {
	w.t.Helper()
	n, err := p.WriteTo([]byte(text), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to)))
	if n != len(text) || err != nil {
		w.t.Errorf("sending to %s: %d, %v", to, n, err)
	}
}

// received reads all that comes within a minute, as "text from address".
func (w *wire) received(p *PacketConn) string {
	w.t.Helper()
	w.must(p.SetReadDeadline(time.Now().Add(time.Minute)))
	defer func() { w.must(p.SetReadDeadline(time.Time{})) }()
	var all []string
	b := make([]byte, 100)
	for {
		n, from, err := p.ReadFrom(b)
		var u Unreachable
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return strings.Join(all, ", ")
		case errors.As(err, &u):
			all = append(all, u.Local.String()+": "+u.Error())
		case err != nil:
			w.t.Fatal(err)
		default:
			all = append(all, string(b[:n])+" from "+from.String())
		}
	}
}

func (w *wire) wantReceived(sentence string, p *PacketConn, want string) {
	w.t.Helper()
	if got := w.received(p); got != want {
		w.t.Errorf("%s: %q, want %q", sentence, got, want)
	}
}

func TestDatagrams(t *testing.T) {
	inBubble(t, func(w *wire) {
		a, b := w.socket(w.a, "0.0.0.0:5060"), w.socket(w.b, "192.0.2.2:5060")
		w.sendTo(a, "192.0.2.2:5060", "one")
		buf := make([]byte, 2)
		n, from, err := b.ReadFrom(buf)
		w.want("a datagram arrives, as much of it as fits", err == nil && string(buf[:n]) == "on" && from.String() == "192.0.2.1:5060")
		w.wantAfter("one delay later", 10*time.Millisecond)
		w.sendTo(a, "192.0.2.2:5060", "")
		w.sendTo(a, "192.0.2.2:5060", "two")
		w.wantReceived("empty ones too, in order", b, " from 192.0.2.1:5060, two from 192.0.2.1:5060")
		w.sendTo(b, "192.0.2.1:5060", "back")
		w.wantReceived("a socket bound to all addresses hears", a, "back from 192.0.2.2:5060")
		w.sendTo(a, "192.0.2.1:5060", "self")
		w.wantReceived("a host talks to itself", a, "self from 192.0.2.1:5060")
		w.want("addresses are told", a.LocalAddr().String() == "0.0.0.0:5060")
	})
}

func TestDatagramErrors(t *testing.T) {
	inBubble(t, func(w *wire) {
		a := w.socket(w.a, "192.0.2.1:5060")
		_, err := w.a.ListenPacket(netip.MustParseAddrPort("[::]:5060"))
		w.wantError("a port is taken once", err, syscall.EADDRINUSE)
		_, err = w.a.ListenPacket(netip.MustParseAddrPort("192.0.2.2:1"))
		w.wantError("another's address is not available", err, syscall.EADDRNOTAVAIL)
		free, err := w.a.ListenPacket(netip.AddrPort{})
		w.want("port 0 takes a free one", err == nil && free.(*PacketConn).local.Port() >= firstEphemeral)
		to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(addrB, 9))
		_, err = a.WriteTo(make([]byte, maxDatagram+1), to)
		w.wantError("too long", err, syscall.EMSGSIZE)
		_, err = a.WriteTo(nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(addrB, 0)))
		w.wantError("port 0", err, syscall.EINVAL)
		_, err = a.WriteTo(nil, nil)
		w.wantError("no address", err, syscall.EDESTADDRREQ)
		_, err = a.WriteTo(nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(addrC, 9)))
		w.wantError("another family", err, syscall.EADDRNOTAVAIL)
		w.must(a.SetWriteDeadline(time.Now().Add(time.Second)))
		time.Sleep(time.Second)
		_, err = a.WriteTo(nil, to)
		w.wantError("past the deadline", err, os.ErrDeadlineExceeded)
		done := make(chan error)
		go func() {
			_, _, err := a.ReadFrom(nil)
			done <- err
		}()
		time.Sleep(time.Second)
		w.must(a.Close())
		w.wantError("Close ends reading", <-done, net.ErrClosed)
		_, err = a.WriteTo(nil, to)
		w.wantError("and writing", err, net.ErrClosed)
		w.wantError("once", a.Close(), net.ErrClosed)
		w.wantError("no deadline after it", a.SetDeadline(time.Time{}), net.ErrClosed)
		w.want("the port is free again", w.socket(w.a, "0.0.0.0:5060") != nil)
	})
}

func TestClosedPortAnswersByICMP(t *testing.T) {
	inBubble(t, func(w *wire) {
		a := w.socket(w.a, "0.0.0.0:5060")
		w.sendTo(a, "192.0.2.2:5060", "x")
		_, _, err := a.ReadFrom(nil)
		var unreachable interface {
			error
			RemoteAddrPort() netip.AddrPort
		}
		w.want("the error names whom it is about", errors.As(err, &unreachable) && unreachable.RemoteAddrPort() == netip.AddrPortFrom(addrB, 5060))
		w.wantError("and is what a real socket says", err, syscall.ECONNREFUSED)
		w.wantAfter("a round trip later", 20*time.Millisecond)
		b := w.socket(w.b, "192.0.2.2:5060")
		w.sendTo(a, "192.0.2.2:5060", "y")
		w.wantReceived("the socket stays usable", b, "y from 192.0.2.1:5060")
		w.b.Refuse(true)
		w.sendTo(a, "192.0.2.2:5060", "z")
		w.wantReceived("a dead program is a closed port", a, "192.0.2.1:5060: port unreachable: 192.0.2.2:5060")
		w.b.Silence(true)
		w.sendTo(a, "192.0.2.2:5060", "z")
		w.wantReceived("a firewall says nothing", a, "")
		w.b.Refuse(false)
		w.net.Kill(w.b)
		w.sendTo(a, "192.0.2.2:5060", "z")
		w.sendTo(a, "192.0.2.77:5060", "z")
		w.wantReceived("nor does a host without power, or none", a, "")
		_, _, err = b.ReadFrom(nil)
		w.wantError("whose own sockets are gone", err, net.ErrClosed)
		w.net.Revive(w.b)
		w.b.Silence(false)
		w.sendTo(a, "192.0.2.2:5060", "z")
		w.wantReceived("with power, but no program, it does", a, "192.0.2.1:5060: port unreachable: 192.0.2.2:5060")
	})
}

func TestAddresses(t *testing.T) {
	inBubble(t, func(w *wire) {
		c := w.net.Host(addrC)
		w.a.Add(netip.MustParseAddr("2001:db8::1"))
		a := w.socket(w.a, "[::]:5060")
		b, v6 := w.socket(w.b, "0.0.0.0:5060"), w.socket(c, "[2001:db8::3]:5060")
		w.sendTo(a, "192.0.2.2:5060", "4")
		w.sendTo(a, "[2001:db8::3]:5060", "6")
		w.wantReceived("each family has its source address", b, "4 from 192.0.2.1:5060")
		w.wantReceived("this one too", v6, "6 from [2001:db8::1]:5060")
		one, all := w.socket(w.b, "192.0.2.2:5061"), b
		w.a.Readdress(addrA, netip.MustParseAddr("192.0.2.11"))
		w.want("the host has the new address", w.a.Addr().String() == "192.0.2.11" && w.net.Host(netip.MustParseAddr("192.0.2.11")) == w.a)
		w.sendTo(a, "192.0.2.2:5061", "new")
		w.wantReceived("a socket bound to all uses the new address", one, "new from 192.0.2.11:5060")
		w.sendTo(all, "192.0.2.1:5060", "lost")
		w.sendTo(all, "192.0.2.11:5060", "here")
		w.wantReceived("and hears at it alone", a, "here from 192.0.2.2:5060")
		w.want("the old address is another host's to take", w.net.Host(addrA) != w.a)
		w.b.Readdress(addrB, netip.MustParseAddr("192.0.2.12"))
		_, err := one.WriteTo(nil, net.UDPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.11:5060")))
		w.wantError("a socket bound to the old address cannot send", err, syscall.EADDRNOTAVAIL)
	})
}

func TestOrderAtOneInstant(t *testing.T) {
	inBubble(t, func(w *wire) {
		c := w.net.Host(netip.MustParseAddr("192.0.2.3"))
		from := []*PacketConn{w.socket(c, "192.0.2.3:1"), w.socket(w.b, "192.0.2.2:1")}
		to := w.socket(w.a, "192.0.2.1:1")
		for _, text := range []string{"first", "then"} {
			for _, p := range from {
				w.sendTo(p, "192.0.2.1:1", text)
			}
		}
		w.wantReceived("what arrives at one instant is ordered by its sender, not by the goroutine that was faster", to,
			"first from 192.0.2.2:1, then from 192.0.2.2:1, first from 192.0.2.3:1, then from 192.0.2.3:1")
	})
}

func TestBadLine(t *testing.T) {
	inBubble(t, func(w *wire) {
		a, b := w.socket(w.a, "192.0.2.1:1"), w.socket(w.b, "192.0.2.2:2")
		try := func(l Link) (arrived, doubles, swapped int) {
			w.net.Link(w.a, w.b, l)
			for i := range 1000 {
				w.sendTo(a, "192.0.2.2:2", fmt.Sprint(i))
				time.Sleep(3 * time.Millisecond)
				if i%100 == 99 { // the queue of a socket is finite
					last := -1
					seen := map[int]bool{}
					for text := range strings.SplitSeq(w.received(b), ", ") {
						var k int
						if _, err := fmt.Sscan(text, &k); err != nil {
							continue
						}
						arrived++
						if seen[k] {
							doubles++
						} else if k < last {
							swapped++
						}
						seen[k], last = true, max(last, k)
					}
				}
			}
			return arrived, doubles, swapped
		}
		n, d, s := try(Link{Delay: 10 * time.Millisecond, Jitter: 50 * time.Millisecond})
		w.want(fmt.Sprintf("jitter alone loses, doubles and swaps nothing: %d %d %d", n, d, s), n == 1000 && d == 0 && s == 0)
		n, _, _ = try(Link{Loss: 0.3})
		w.want(fmt.Sprintf("three in ten are lost: %d", n), n > 650 && n < 750)
		n, d, _ = try(Link{Duplicate: 0.3})
		w.want(fmt.Sprintf("three in ten come twice: %d", n), n == 1000+d && d > 250 && d < 350)
		n, _, s = try(Link{Delay: 10 * time.Millisecond, Reorder: 0.3})
		w.want(fmt.Sprintf("three in ten are overtaken: %d %d", n, s), n == 1000 && s > 250 && s < 350)
		w.sendTo(b, "192.0.2.1:1", "back")
		w.wantReceived("the way back is its own", a, "back from 192.0.2.2:2")
	})
}

func TestHooks(t *testing.T) {
	inBubble(t, func(w *wire) {
		a, b := w.socket(w.a, "192.0.2.1:1"), w.socket(w.b, "192.0.2.2:2")
		var seen []string
		w.net.Tap(func(p Packet) { seen = append(seen, string(p.Data)+"|"+p.Fate) })
		w.net.Drop(func(p Packet) bool { return string(p.Data) == "bad" })
		w.sendTo(a, "192.0.2.2:2", "good")
		w.sendTo(a, "192.0.2.2:2", "bad")
		w.net.Partition(w.a, w.b)
		w.sendTo(a, "192.0.2.2:2", "cut")
		w.net.Heal(w.a, w.b)
		w.net.Link(w.a, w.b, Link{Loss: 1})
		w.sendTo(a, "192.0.2.2:2", "lost")
		w.wantReceived("the hook drops what it likes", b, "good from 192.0.2.1:1")
		w.want("and the tap sees it all: "+strings.Join(seen, " "), strings.Join(seen, " ") == "good| bad|dropped cut|cut lost|lost")
		w.net.Tap(nil)
		w.net.Drop(nil)
	})
}

func TestQueueIsFinite(t *testing.T) {
	inBubble(t, func(w *wire) {
		a, b := w.socket(w.a, "192.0.2.1:1"), w.socket(w.b, "192.0.2.2:2")
		for range maxQueue + 7 {
			w.sendTo(a, "192.0.2.2:2", "x")
		}
		time.Sleep(time.Second)
		w.want("what does not fit is dropped and counted", b.Dropped() == 7 && strings.Count(w.received(b), "x") == maxQueue)
	})
}

func TestCloseEndsEverything(t *testing.T) {
	inBubble(t, func(w *wire) {
		a, _ := w.stream()
		p := w.socket(w.a, "192.0.2.1:1")
		l, err := w.a.Listen(netip.AddrPort{})
		w.must(err)
		done := make(chan error, 3)
		go func() { _, err := w.read(a); done <- err }()
		go func() { _, _, err := p.ReadFrom(nil); done <- err }()
		go func() { _, err := l.Accept(); done <- err }()
		time.Sleep(time.Second)
		w.net.Close()
		for range 3 {
			w.wantError("whoever waits is told", <-done, net.ErrClosed)
		}
		_, err = w.a.ListenPacket(netip.AddrPort{})
		w.wantError("nothing is opened any more", err, net.ErrClosed)
	})
}
