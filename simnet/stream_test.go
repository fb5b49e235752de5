package simnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"
)

var (
	addrA = netip.MustParseAddr("192.0.2.1")
	addrB = netip.MustParseAddr("192.0.2.2")
	addrC = netip.MustParseAddr("2001:db8::3")
)

// wire is two hosts and what most tests do with them. It runs in a bubble.
type wire struct {
	t    *testing.T
	net  *Net
	a, b *Host
	from time.Time
}

// inBubble runs f with two hosts 10 ms apart, and wants everything gone at its end.
func inBubble(t *testing.T, f func(w *wire)) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		n.Usual(Link{Delay: 10 * time.Millisecond})
		w := &wire{t: t, net: n, a: n.Host(addrA), b: n.Host(addrB), from: time.Now()}
		f(w)
		n.Close()
	})
}

func (w *wire) want(sentence string, ok bool) {
	w.t.Helper()
	if !ok {
		w.t.Errorf("not so: %s", sentence)
	}
}

func (w *wire) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// wantAfter tells that d has passed since the begin or since the last wantAfter.
func (w *wire) wantAfter(sentence string, d time.Duration) {
	w.t.Helper()
	if got := time.Since(w.from); got != d {
		w.t.Errorf("%s: after %v, want %v", sentence, got, d)
	}
	w.from = time.Now()
}

func (w *wire) wantError(sentence string, err, want error) {
	w.t.Helper()
	if !errors.Is(err, want) {
		w.t.Errorf("%s: %v, want %v", sentence, err, want)
	}
}

// stream opens one from a to b.
func (w *wire) stream() (a, b *Conn) {
	w.t.Helper()
	l, err := w.b.Listen(netip.AddrPort{})
	w.must(err)
	ca, err := w.a.Dial(context.Background(), netip.AddrPort{}, netip.AddrPortFrom(addrB, l.(*Listener).local.Port()))
	w.must(err)
	cb, err := l.Accept()
	w.must(err)
	w.must(l.Close())
	w.from = time.Now()
	return ca.(*Conn), cb.(*Conn)
}

func (w *wire) read(c net.Conn) (string, error) {
	b := make([]byte, 100)
	n, err := c.Read(b)
	return string(b[:n]), err
}

func (w *wire) wantRead(sentence string, c net.Conn, want string) {
	w.t.Helper()
	if got, err := w.read(c); got != want || err != nil {
		w.t.Errorf("%s: %q, %v, want %q", sentence, got, err, want)
	}
}

// What the standard tests ask of a net.Conn.
func TestConnAsNettestWantsIt(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		n := New(1)
		l, err := n.Host(addrB).Listen(netip.AddrPort{})
		if err != nil {
			return nil, nil, nil, err
		}
		c1, err = n.Host(addrA).Dial(context.Background(), netip.AddrPort{}, netip.AddrPortFrom(addrB, l.(*Listener).local.Port()))
		if err != nil {
			return nil, nil, nil, err
		}
		c2, err = l.Accept()
		return c1, c2, n.Close, err
	})
}

func TestStreamTakesItsTime(t *testing.T) {
	inBubble(t, func(w *wire) {
		var flags []string
		w.net.Tap(func(p Packet) { flags = append(flags, p.Flags) })
		l, err := w.b.Listen(netip.AddrPortFrom(addrB, 5060))
		w.must(err)
		a, err := w.a.Dial(context.Background(), netip.AddrPortFrom(addrA, 6000), netip.AddrPortFrom(addrB, 5060))
		w.must(err)
		w.wantAfter("opening takes a round trip", 20*time.Millisecond)
		b, err := l.Accept()
		w.must(err)
		w.want("both ends have their addresses", a.LocalAddr().String() == "192.0.2.1:6000" && a.RemoteAddr().String() == "192.0.2.2:5060" &&
			b.LocalAddr().String() == "192.0.2.2:5060" && b.RemoteAddr().String() == "192.0.2.1:6000" && l.Addr().String() == "192.0.2.2:5060")
		_, err = a.Write([]byte("hello"))
		w.must(err)
		w.wantRead("what is written is read", b, "hello")
		w.wantAfter("one delay later", 10*time.Millisecond)
		_, err = b.Write([]byte("good"))
		w.must(err)
		_, err = b.Write([]byte("bye"))
		w.must(err)
		w.must(b.Close())
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		w.wantRead("the last words arrive", a, "goodbye")
		_, err = w.read(a)
		w.wantError("then comes the end", err, io.EOF)
		w.must(a.Close())
		w.wantError("a closed stream cannot be closed", a.Close(), net.ErrClosed)
		_, err = w.read(a)
		w.wantError("nor read", err, net.ErrClosed)
		_, err = a.Write([]byte("x"))
		w.wantError("nor written", err, net.ErrClosed)
		w.wantError("nor given a deadline", a.SetDeadline(time.Time{}), net.ErrClosed)
		w.must(l.Close())
		time.Sleep(time.Second)
		w.want("and both hosts forget it", w.a.Sockets() == 0 && w.b.Sockets() == 0)
		w.net.Tap(nil)
		w.want("in the usual way: "+strings.Join(flags, " "), strings.Join(flags, " ") == "SYN SYN+ACK    FIN FIN")
	})
}

func TestStreamHalfClosed(t *testing.T) {
	inBubble(t, func(w *wire) {
		a, b := w.stream()
		_, err := a.Write([]byte("question"))
		w.must(err)
		w.must(a.CloseWrite())
		_, err = a.Write([]byte("x"))
		w.wantError("after CloseWrite nothing is written", err, syscall.EPIPE)
		w.wantError("nor closed again", a.CloseWrite(), syscall.ENOTCONN)
		w.wantRead("but what was", b, "question")
		_, err = w.read(b)
		w.wantError("and the end", err, io.EOF)
		_, err = b.Write([]byte("answer"))
		w.must(err)
		w.wantRead("the other direction goes on", a, "answer")
		w.must(a.Close())
		w.must(b.Close())
		time.Sleep(time.Second)
		w.want("and both hosts forget it", w.a.Sockets() == 0 && w.b.Sockets() == 0)
	})
}

func TestStreamFillsUp(t *testing.T) {
	inBubble(t, func(w *wire) {
		a, b := w.stream()
		w.must(a.SetWriteDeadline(time.Now().Add(time.Second)))
		n, err := a.Write(make([]byte, 3*window))
		w.wantError("a writer waits for its reader", err, os.ErrDeadlineExceeded)
		w.wantAfter("until its deadline", time.Second)
		w.want("with a window of octets on the way", n == window)
		done := make(chan error)
		w.must(a.SetWriteDeadline(time.Time{}))
		go func() {
			_, err := a.Write(make([]byte, window))
			done <- err
		}()
		k, err := io.ReadFull(b, make([]byte, 2*window))
		w.want("reading lets it go on", k == 2*window && err == nil && <-done == nil)
	})
}

func TestStreamKeepsOrderOnABadLine(t *testing.T) {
	for seed := range uint64(5) {
		synctest.Test(t, func(t *testing.T) {
			n := New(seed)
			n.Usual(Link{Delay: 20 * time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.2, Duplicate: 0.1, Reorder: 0.2})
			w := &wire{t: t, net: n, a: n.Host(addrA), b: n.Host(addrB)}
			a, b := w.stream()
			sent := make([]byte, 100_000)
			random := rand.NewChaCha8([32]byte{byte(seed)})
			_, _ = random.Read(sent)
			go func() {
				for rest := sent; len(rest) > 0; {
					k := min(len(rest), 1+int(random.Uint64()%5000))
					if _, err := a.Write(rest[:k]); err != nil {
						t.Error(err)
						return
					}
					rest = rest[k:]
				}
				_ = a.Close()
			}()
			got, err := io.ReadAll(b)
			if err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%d of %d octets, %v", len(got), len(sent), err)
			}
			n.Close()
		})
	}
}

func TestStreamReset(t *testing.T) {
	inBubble(t, func(w *wire) {
		a, b := w.stream()
		_, err := a.Write([]byte("last"))
		w.must(err)
		w.must(a.SetLinger(0))
		w.must(a.Close())
		time.Sleep(time.Second)
		w.wantRead("what came before a reset is read", b, "last")
		_, err = w.read(b)
		w.wantError("then the reset", err, syscall.ECONNRESET)
		_, err = b.Write([]byte("x"))
		w.wantError("also by a writer", err, syscall.ECONNRESET)
		w.must(b.Close())

		a, b = w.stream()
		_, err = a.Write([]byte("unread"))
		w.must(err)
		time.Sleep(time.Second)
		w.must(b.Close())
		_, err = w.read(a)
		w.wantError("who closes without reading resets", err, syscall.ECONNRESET)

		a, b = w.stream()
		w.must(b.Close())
		time.Sleep(time.Second)
		_, err = a.Write([]byte("too late"))
		w.must(err)
		time.Sleep(time.Second)
		_, err = a.Write([]byte("x"))
		w.wantError("who writes to a closed stream is reset", err, syscall.ECONNRESET)
		_, err = w.read(a)
		w.wantError("but reads the end that came first", err, io.EOF)
		w.want("and nothing is left", w.a.Sockets() == 0 && w.b.Sockets() == 0)
	})
}

func TestDialFails(t *testing.T) {
	inBubble(t, func(w *wire) {
		dial := func(ctx context.Context, to netip.AddrPort) error {
			w.from = time.Now()
			c, err := w.a.Dial(ctx, netip.AddrPort{}, to)
			w.want("a failed Dial returns no stream", c == nil)
			var op *net.OpError
			w.want("its error says what failed", errors.As(err, &op) && op.Op == "dial" && op.Addr.String() == to.String())
			return err
		}
		closed := netip.AddrPortFrom(addrB, 9)
		w.wantError("where nobody listens", dial(context.Background(), closed), syscall.ECONNREFUSED)
		w.wantAfter("it is refused after a round trip", 20*time.Millisecond)
		w.b.Silence(true)
		w.wantError("behind a firewall", dial(context.Background(), closed), syscall.ETIMEDOUT)
		w.wantAfter("it times out as on Linux", 127*time.Second)
		w.b.Silence(false)
		w.wantError("an address without host", dial(context.Background(), netip.MustParseAddrPort("192.0.2.99:1")), syscall.ETIMEDOUT)
		w.from = time.Now()
		w.wantError("another family", dial(context.Background(), netip.MustParseAddrPort("[2001:db8::9]:1")), syscall.ENETUNREACH)
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		w.net.Partition(w.a, w.b)
		w.wantError("a context ends it", dial(ctx, closed), context.DeadlineExceeded)
		w.wantAfter("at its time", 300*time.Millisecond)
		cancel()
		w.wantError("a context that is over", dial(ctx, closed), context.DeadlineExceeded)
		w.net.Heal(w.a, w.b)
		_, err := w.a.Dial(context.Background(), netip.AddrPortFrom(addrB, 1), closed)
		w.wantError("from another's address", err, syscall.EADDRNOTAVAIL)
		time.Sleep(5 * time.Minute)
		w.want("nothing is left", w.a.Sockets() == 0 && w.b.Sockets() == 0)
	})
}

func TestDialKnocksAgain(t *testing.T) {
	inBubble(t, func(w *wire) {
		l, err := w.b.Listen(netip.AddrPortFrom(addrB, 5060))
		w.must(err)
		syns := 0
		w.net.Drop(func(p Packet) bool {
			if p.Flags == "SYN" {
				syns++
			}
			return p.Flags == "SYN" && syns < 3
		})
		_, err = w.a.Dial(context.Background(), netip.AddrPort{}, netip.AddrPortFrom(addrB, 5060))
		w.must(err)
		w.wantAfter("the third knock is heard", 3*time.Second+20*time.Millisecond)
		_, err = l.Accept()
		w.must(err)
	})
}

func TestDialGivenUpWhileItOpens(t *testing.T) {
	inBubble(t, func(w *wire) {
		l, err := w.b.Listen(netip.AddrPortFrom(addrB, 5060))
		w.must(err)
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Millisecond)
		defer cancel()
		_, err = w.a.Dial(ctx, netip.AddrPort{}, netip.AddrPortFrom(addrB, 5060))
		w.wantError("the answer comes too late", err, context.DeadlineExceeded)
		time.Sleep(time.Second)
		c, err := l.Accept()
		w.must(err)
		_, err = w.read(c)
		w.wantError("and the other end is told", err, syscall.ECONNRESET)
	})
}

func TestListener(t *testing.T) {
	inBubble(t, func(w *wire) {
		l, err := w.b.Listen(netip.AddrPortFrom(addrB, 5060))
		w.must(err)
		_, err = w.b.Listen(netip.AddrPortFrom(netip.IPv4Unspecified(), 5060))
		w.wantError("a port is taken once", err, syscall.EADDRINUSE)
		_, err = w.b.Listen(netip.AddrPortFrom(addrA, 5061))
		w.wantError("another's address is not available", err, syscall.EADDRNOTAVAIL)
		w.must(l.(*Listener).SetDeadline(time.Now().Add(time.Second)))
		_, err = l.Accept()
		w.wantError("Accept keeps its deadline", err, os.ErrDeadlineExceeded)
		w.must(l.(*Listener).SetDeadline(time.Time{}))
		var streams []net.Conn
		for range backlog {
			c, err := w.a.Dial(context.Background(), netip.AddrPort{}, netip.AddrPortFrom(addrB, 5060))
			w.must(err)
			streams = append(streams, c)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err = w.a.Dial(ctx, netip.AddrPort{}, netip.AddrPortFrom(addrB, 5060))
		w.wantError("a full backlog leaves callers outside", err, context.DeadlineExceeded)
		done := make(chan error)
		go func() {
			for range backlog {
				if _, err := l.Accept(); err != nil {
					done <- err
				}
			}
			_, err := l.Accept()
			done <- err
		}()
		time.Sleep(time.Second)
		w.must(l.Close())
		w.wantError("Close ends Accept", <-done, net.ErrClosed)
		w.wantError("once", l.Close(), net.ErrClosed)
		_, err = streams[0].Write([]byte("x"))
		w.want("streams accepted live on", err == nil)
		l, err = w.b.Listen(netip.AddrPortFrom(addrB, 5060))
		w.must(err)
		c, err := w.a.Dial(context.Background(), netip.AddrPort{}, netip.AddrPortFrom(addrB, 5060))
		w.must(err)
		w.must(l.Close())
		_, err = w.read(c)
		w.wantError("streams not accepted are reset", err, syscall.ECONNRESET)
	})
}

func TestStreamOutlivesAPartition(t *testing.T) {
	inBubble(t, func(w *wire) {
		a, b := w.stream()
		w.net.Partition(w.a, w.b)
		_, err := a.Write([]byte("hel"))
		w.must(err)
		time.Sleep(5 * time.Second)
		_, err = a.Write([]byte("lo"))
		w.must(err)
		w.net.Heal(w.a, w.b)
		b2 := make([]byte, 5)
		_, err = io.ReadFull(b, b2)
		w.want("what was lost is sent again, in order", err == nil && string(b2) == "hello")
		w.wantAfter("at 0.2, 0.6, 1.4, 3.0 and 6.2 s after it was lost", 6210*time.Millisecond)
	})
}

func TestStreamToAHostWithoutPower(t *testing.T) {
	inBubble(t, func(w *wire) {
		a, b := w.stream()
		w.net.Kill(w.b)
		_, err := w.read(b)
		w.wantError("the host's own socket is gone", err, net.ErrClosed)
		w.must(a.SetReadDeadline(time.Now().Add(time.Hour)))
		_, err = w.read(a)
		w.wantError("who only reads is never told", err, os.ErrDeadlineExceeded)
		w.must(a.SetReadDeadline(time.Time{}))
		w.from = time.Now()
		_, err = a.Write([]byte("x"))
		w.must(err)
		_, err = w.read(a)
		w.wantError("who writes gives up", err, syscall.ETIMEDOUT)
		w.want("after a quarter of an hour or a little more", time.Since(w.from) >= defaultGiveUp && time.Since(w.from) < defaultGiveUp+3*time.Minute)
		_, err = w.b.Listen(netip.AddrPort{})
		w.wantError("without power nothing listens", err, syscall.ENETDOWN)

		w.net.Revive(w.b)
		a, _ = w.stream()
		w.net.Kill(w.b)
		w.net.Revive(w.b)
		_, err = a.Write([]byte("x"))
		w.must(err)
		_, err = w.read(a)
		w.wantError("back with power, the host knows nothing of the stream", err, syscall.ECONNRESET)
		w.net.GiveUp(time.Second)
		a, _ = w.stream()
		w.net.Kill(w.b)
		w.must(a.Close())
		time.Sleep(time.Minute)
		w.want("a stream closed into the dark is forgotten", w.a.Sockets() == 0)
	})
}

func TestStreamUnplugged(t *testing.T) {
	inBubble(t, func(w *wire) {
		a, b := w.stream()
		w.b.Plug(false)
		_, err := a.Write([]byte("x"))
		w.must(err)
		time.Sleep(time.Second)
		w.b.Plug(true)
		w.wantRead("with the cable back the stream goes on", b, "x")
		w.b.Refuse(true)
		_, err = a.Write([]byte("x"))
		w.must(err)
		_, err = w.read(a)
		w.wantError("a dead program's streams are reset", err, syscall.ECONNRESET)
		a, b = func() (*Conn, *Conn) { w.b.Refuse(false); return w.stream() }()
		w.net.GiveUp(time.Second)
		w.b.Readdress(addrB, netip.MustParseAddr("192.0.2.22"))
		_, err = a.Write([]byte("x"))
		w.must(err)
		_, err = w.read(a)
		w.wantError("an address that is gone answers nothing", err, syscall.ETIMEDOUT)
		_, err = b.Write([]byte("x"))
		w.must(err)
		_, err = w.read(b)
		w.wantError("nor can anything leave from it", err, syscall.ETIMEDOUT)
	})
}

func TestDeadlines(t *testing.T) {
	inBubble(t, func(w *wire) {
		a, _ := w.stream()
		w.must(a.SetReadDeadline(time.Now().Add(time.Hour)))
		time.AfterFunc(time.Second, func() { _ = a.SetReadDeadline(time.Now().Add(time.Second)) })
		_, err := w.read(a)
		w.wantError("a deadline may be moved while it is waited for", err, os.ErrDeadlineExceeded)
		w.wantAfter("to an earlier time", 2*time.Second)
		var timeout net.Error
		w.want("it is a timeout", errors.As(err, &timeout) && timeout.Timeout())
		_, err = w.read(a)
		w.wantError("and stays", err, os.ErrDeadlineExceeded)
		w.must(a.SetDeadline(time.Now().Add(-time.Second)))
		_, err = a.Write([]byte("x"))
		w.wantError("one that is past fails at once", err, os.ErrDeadlineExceeded)
		w.wantAfter("at once", 0)
	})
}

// The same seed gives the same transcript.
func TestSameSeedSameFate(t *testing.T) {
	run := func(seed uint64) string {
		var b strings.Builder
		synctest.Test(t, func(t *testing.T) {
			n := New(seed)
			defer n.Close()
			n.Usual(Link{Delay: 20 * time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.1, Duplicate: 0.1, Reorder: 0.1})
			start := time.Now()
			n.Tap(func(p Packet) {
				fmt.Fprintf(&b, "%v %s %v %v %s %d %s\n", p.Time.Sub(start), p.Protocol, p.Src, p.Dst, p.Flags, len(p.Data), p.Fate)
			})
			w := &wire{t: t, net: n, a: n.Host(addrA), b: n.Host(addrB)}
			a, cb := w.stream()
			p, err := w.a.ListenPacket(netip.AddrPortFrom(addrA, 5060))
			w.must(err)
			for range 3 {
				_, err = p.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(netip.AddrPortFrom(addrB, 9)))
				w.must(err)
			}
			go func() {
				for i := range 20 {
					_, _ = a.Write(make([]byte, 100*i))
					time.Sleep(7 * time.Millisecond)
				}
				_ = a.Close()
			}()
			_, _ = io.Copy(io.Discard, cb)
			_ = cb.Close()
		})
		return b.String()
	}
	first := run(7)
	if again := run(7); again != first {
		t.Errorf("two runs with one seed differ:\n%s\n%s", first, again)
	}
	if run(8) == first {
		t.Error("another seed gives the same")
	}
	for _, fate := range []string{" lost\n", "SYN ", "FIN ", "icmp"} {
		if !strings.Contains(first, fate) {
			t.Errorf("the tap shows no %q:\n%s", fate, first)
		}
	}
}
