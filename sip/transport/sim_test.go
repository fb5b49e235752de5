package transport

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"dialtone/simnet"
	"dialtone/sip"
)

// scene is a phone and its peers in virtual time.
type scene struct {
	*testing.T
	*Transport
	net    *simnet.Net
	phone  *simnet.Host
	begin  time.Time
	inputs []sip.Input
	times  []time.Duration
	news   chan struct{}
}

// inScene runs play in a bubble in which the phone has 192.0.2.1 and packets take 5 ms.
func inScene(t *testing.T, play func(s *scene)) {
	synctest.Test(t, func(t *testing.T) {
		s := &scene{T: t, net: simnet.New(1), begin: time.Now(), news: make(chan struct{}, 1000)}
		s.net.Usual(simnet.Link{Delay: 5 * time.Millisecond})
		s.phone = s.host("192.0.2.1")
		arrive := make(chan sip.Input)
		s.Transport = New(Config{Net: s.phone, Resolver: NewResolver([]netip.AddrPort{nameServerA, nameServerB}, s.phone),
			Deliver: func(in sip.Input) { arrive <- in }})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for in := range arrive {
				s.inputs = append(s.inputs, in)
				s.times = append(s.times, time.Since(s.begin))
			}
		}()
		play(s)
		synctest.Wait()
		s.Transport.Close()
		close(arrive)
		<-done
		s.net.Close()
		time.Sleep(2 * time.Hour) // peers that hang, too
	})
}

var (
	nameServerA = netip.MustParseAddrPort("192.0.2.53:53")
	nameServerB = netip.MustParseAddrPort("192.0.2.54:53")
)

func (s *scene) host(addr string) *simnet.Host { return s.net.Host(netip.MustParseAddr(addr)) }

// after lets d pass.
func (s *scene) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// want compares what was delivered since the last want: one line each, with its time.
func (s *scene) want(sentence string, lines ...string) {
	s.Helper()
	synctest.Wait()
	var got []string
	for i, in := range s.inputs {
		line := fmt.Sprintf("%T", in)
		switch in := in.(type) {
		case sip.Closed:
			line = fmt.Sprintf("closed %d: %s", in.ID, in.Cause)
		case sip.Connected:
			line = fmt.Sprintf("connected %d", in.ID)
		case sip.Opened:
			line = fmt.Sprintf("opened %d", in.ID)
		case sip.Received:
			line = fmt.Sprintf("received %d: %d octets", in.Flow.ID, len(in.Data))
		case sip.Unreachable:
			line = fmt.Sprintf("unreachable %s: %s", in.Remote, in.Cause)
		case sip.Answer:
			line = strings.TrimSpace("answer " + text(in))
		}
		got = append(got, fmt.Sprintf("%.3f %s", s.times[i].Seconds(), line))
	}
	s.inputs, s.times = nil, nil
	if strings.Join(got, "\n") != strings.Join(lines, "\n") {
		s.Errorf("%s:\n got %s\nwant %s", sentence, strings.Join(got, "\n     "), strings.Join(lines, "\n     "))
	}
}

// listen opens a TCP listener of a peer; play gets its first connection.
func (s *scene) listen(addr string, play func(net.Conn)) netip.AddrPort {
	s.Helper()
	at := netip.MustParseAddrPort(addr)
	l, err := s.net.Host(at.Addr()).Listen(at)
	if err != nil {
		s.Fatal(err)
	}
	go func() {
		defer l.Close()
		if c, err := l.Accept(); err == nil {
			defer c.Close()
			play(c)
		}
	}()
	return at
}

// hang reads nothing and says nothing for an hour.
func hang(net.Conn) { time.Sleep(time.Hour) }

func TestTimeouts(t *testing.T) {
	inScene(t, func(s *scene) {
		server := s.host("192.0.2.9")
		s.net.Kill(server)
		s.Do(sip.Open{ID: 1, Transport: sip.TCP, Remote: netip.MustParseAddrPort("192.0.2.9:5060")})
		s.after(time.Minute)
		s.want("a host without power", "10.000 closed 1: no answer in time")
	})
	inScene(t, func(s *scene) {
		s.Do(sip.Open{ID: 1, Transport: sip.TCP, Remote: netip.MustParseAddrPort("192.0.2.9:5060")})
		s.after(time.Minute)
		s.want("no such host", "10.000 closed 1: no answer in time")
		s.host("192.0.2.9")
		s.Do(sip.Open{ID: 3, Transport: sip.TCP, Remote: netip.MustParseAddrPort("192.0.2.9:5060")})
		s.after(time.Minute)
		s.want("nobody listening", "60.010 closed 3: connection refused")
	})
	inScene(t, func(s *scene) {
		at := s.listen("192.0.2.9:5061", hang)
		s.Do(sip.Open{ID: 1, Transport: sip.TLS, Remote: at, ServerName: "example.test", Verify: true})
		s.after(time.Minute)
		s.want("no TLS handshake: the agent, which was told that the peer has accepted, gives up sooner", "0.010 connected 1",
			"10.010 closed 1: no answer in time during the TLS handshake")
	})
	inScene(t, func(s *scene) {
		at := s.listen("192.0.2.9:5060", hang)
		s.Do(sip.Open{ID: 1, Transport: sip.TCP, Remote: at})
		for range 100 {
			s.Do(sip.Send{Flow: sip.Flow{Transport: sip.TCP, ID: 1}, Data: make([]byte, 1000)})
		}
		s.after(time.Minute)
		s.want("a peer that does not read, though not much waits", "0.010 opened 1", "10.010 closed 1: the peer does not read")
	})
	inScene(t, func(s *scene) {
		at := s.listen("192.0.2.9:5060", func(c net.Conn) {
			time.Sleep(30 * time.Second)
			io.Copy(io.Discard, c)
		})
		s.Do(sip.Open{ID: 1, Transport: sip.TCP, Remote: at})
		for range 100 {
			s.Do(sip.Send{Flow: sip.Flow{Transport: sip.TCP, ID: 1}, Data: make([]byte, 1000)})
		}
		s.after(time.Second)
		s.Do(sip.Close{ID: 1})
		s.after(time.Minute)
		s.want("closing does not wait for ever either, and is silent", "0.010 opened 1")
	})
}

func TestAcceptedTimes(t *testing.T) {
	phone := netip.MustParseAddrPort("192.0.2.1:5060")
	enter := func(s *scene) net.Conn {
		s.Helper()
		if _, err := s.ListenTCP(phone); err != nil {
			s.Fatal(err)
		}
		c, err := s.host("192.0.2.66").Dial(s.Context(), netip.AddrPort{}, phone)
		if err != nil {
			s.Fatal(err)
		}
		return c
	}
	ended := func(c net.Conn) time.Duration {
		begin := time.Now()
		c.Read(make([]byte, 1))
		return time.Since(begin).Round(time.Second)
	}
	inScene(t, func(s *scene) {
		if d := ended(enter(s)); d != firstTimeout {
			s.Errorf("a silent guest is shown out after %v", d)
		}
		s.want("and nobody hears of him")
	})
	inScene(t, func(s *scene) {
		c := enter(s)
		go func() {
			for i := range message(1) {
				if _, err := c.Write([]byte{message(1)[i]}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		if d := ended(c); d != frameTimeout {
			s.Errorf("one who dictates is shown out after %v", d)
		}
		s.want("and nobody hears of him")
	})
	inScene(t, func(s *scene) {
		c := enter(s)
		io.WriteString(c, message(1))
		if d := ended(c); d != idleTimeout {
			s.Errorf("an idle connection is closed after %v", d)
		}
		s.want("an idle connection", fmt.Sprintf("0.015 received 2: %d octets", len(message(1))), "300.015 closed 2: idle")
	})
	inScene(t, func(s *scene) {
		c := enter(s)
		io.WriteString(c, message(1))
		s.after(200 * time.Second)
		s.Do(sip.Send{Flow: sip.Flow{Transport: sip.TCP, ID: 2}, Data: []byte("x")})
		c.Read(make([]byte, 1))
		if d := ended(c); d != idleTimeout {
			s.Errorf("what we send counts: closed %v after it", d)
		}
		s.want("idle", fmt.Sprintf("0.015 received 2: %d octets", len(message(1))), "500.010 closed 2: idle")
	})
}

func TestSimUDP(t *testing.T) {
	inScene(t, func(s *scene) {
		local, err := s.ListenUDP(netip.MustParseAddrPort("192.0.2.1:5060"))
		if err != nil {
			s.Fatal(err)
		}
		s.host("192.0.2.9")
		remote := netip.MustParseAddrPort("192.0.2.9:5060")
		s.Do(sip.Send{Flow: udpFlow(local, remote), Data: []byte("x")})
		s.after(time.Second)
		s.want("a refusal of the simulated network", "0.010 unreachable 192.0.2.9:5060: connection refused")
	})
}

// A loop that closes a socket, or everything, while inputs wait for that very loop is not held up for long.
func TestCloseByTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(1)
		quit := make(chan struct{})
		tr := New(Config{Net: n.Host(netip.MustParseAddr("192.0.2.1")), Deliver: func(sip.Input) { <-quit }})
		at, err := tr.ListenUDP(netip.MustParseAddrPort("192.0.2.1:5060"))
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		tr.Do(sip.Send{Flow: udpFlow(at, at), Data: []byte("x")})
		tr.Do(sip.Send{Flow: udpFlow(at, netip.MustParseAddrPort("[2001:db8::1]:5060")), Data: []byte("x")}) // the writer has something to tell, too
		synctest.Wait()
		tr.Unlisten(at)
		if d := time.Since(begin); d == 0 || d > 2*lastWrite {
			t.Errorf("closing a socket took %v", d)
		}
		begin = time.Now()
		tr.Close()
		if d := time.Since(begin); d == 0 || d > partTime+closeWait {
			t.Errorf("closing took %v", d)
		}
		close(quit)
		n.Close()
	})
}

// simNameServer answers A questions at a host of the network; it counts them.
func (s *scene) simNameServer(at netip.AddrPort, delay time.Duration, answer string) *int {
	s.Helper()
	pc, err := s.net.Host(at.Addr()).ListenPacket(at)
	if err != nil {
		s.Fatal(err)
	}
	count := new(int)
	go func() {
		buf := make([]byte, 2000)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			*count++
			q := new(dns.Msg)
			if q.Unpack(buf[:n]) != nil || answer == "" {
				continue
			}
			m := new(dns.Msg)
			m.SetReply(q)
			if rr, err := dns.NewRR(answer); err == nil && rr != nil {
				m.Answer = []dns.RR{rr}
			}
			packed, _ := m.Pack()
			time.AfterFunc(delay, func() { pc.WriteTo(packed, from) })
		}
	}()
	return count
}

func TestResolverTimes(t *testing.T) {
	const record = "a.test. 60 IN A 192.0.2.7"
	ask := sip.Query{Question: sip.Question{Name: "a.test", Type: "A"}}
	inScene(t, func(s *scene) {
		s.simNameServer(nameServerA, 0, record)
		s.simNameServer(nameServerB, 300*time.Millisecond, record)
		s.Do(ask)
		s.after(time.Second)
		s.want("the faster one wins", "0.010 answer 192.0.2.7 ttl 1m0s")
	})
	inScene(t, func(s *scene) {
		s.simNameServer(nameServerA, 0, record)
		lost := 0
		s.net.Drop(func(p simnet.Packet) bool { lost++; return lost == 1 })
		s.Do(ask)
		s.after(5 * time.Second)
		s.want("what was lost is sent again", "1.010 answer 192.0.2.7 ttl 1m0s")
	})
	inScene(t, func(s *scene) {
		a := s.simNameServer(nameServerA, 0, "")
		s.simNameServer(nameServerB, 0, "")
		s.Do(ask)
		s.after(20 * time.Second)
		s.want("nobody answers", "6.000 answer cause: name server 192.0.2.53: no answer in time")
		*a = 0
		s.Do(ask)
		s.after(20 * time.Second)
		s.want("dead servers are asked when there are no others", "26.000 answer cause: name server 192.0.2.53: no answer in time")
		if *a != 3 {
			s.Errorf("%d datagrams", *a)
		}
	})
	inScene(t, func(s *scene) {
		s.simNameServer(nameServerA, 100*time.Millisecond, " ")
		s.simNameServer(nameServerB, 150*time.Millisecond, record)
		s.Do(ask)
		s.after(5 * time.Second)
		s.want("that there is nothing is not believed at once", "0.160 answer 192.0.2.7 ttl 1m0s")
	})
	inScene(t, func(s *scene) {
		s.simNameServer(nameServerA, 0, " ")
		silent := s.simNameServer(nameServerB, 0, "")
		for range 3 {
			s.Do(ask)
			s.after(5 * time.Second)
		}
		s.want("a silent server delays a negative answer until it is known", "0.210 answer", "5.210 answer", "10.010 answer")
		if *silent != 2 {
			s.Errorf("the silent one was asked %d times", *silent)
		}
		s.after(30 * time.Second)
		s.Do(ask)
		s.after(5 * time.Second)
		if *silent != 3 {
			s.Errorf("after its penalty it is asked again: %d", *silent)
		}
		s.want("at the old price", "45.210 answer")
		s.after(31 * time.Second)
		s.Do(ask)
		s.after(5 * time.Second)
		s.want("then it is left in peace for longer", "81.010 answer")
	})
	inScene(t, func(s *scene) {
		good := s.simNameServer(nameServerA, 0, record)
		other := s.simNameServer(nameServerB, 0, "")
		for range 2 {
			s.Do(ask)
			s.after(time.Second)
		}
		s.net.Kill(s.host("192.0.2.53"))
		s.Do(ask)
		s.after(20 * time.Second)
		if *good != 2 || *other != 5 {
			s.Errorf("%d and %d questions: when the live one is silent, the one thought dead is asked too", *good, *other)
		}
		s.want("answers", "0.010 answer 192.0.2.7 ttl 1m0s", "1.010 answer 192.0.2.7 ttl 1m0s", "9.000 answer cause: name server 192.0.2.53: no answer in time")
	})
}
