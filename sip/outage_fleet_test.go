package sip

import (
	"cmp"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// A fleet is many phones at the same servers. Only what the registrars get is looked at.
type fleet struct {
	now     time.Time
	begin   time.Time
	rnd     *rand.Rand
	phones  fleetPhones
	plan    happenings
	order   uint64
	up      map[netip.AddrPort]bool
	resets  bool                   // a server that is down refuses, and its connections are reset; else it is silent
	perSec  []int                  // REGISTERs a living server got, repeated ones and those with credentials too
	opens   []int                  // connections tried
	perHost map[netip.AddrPort]int // phones registered there last
}

// A fleetPhone is one of them.
type fleetPhone struct {
	fleet *fleet
	agent *Agent
	addr  netip.Addr
	next  time.Time
	place int
	conns map[FlowID]Flow
	at    netip.AddrPort
	order int
}

type fleetPhones []*fleetPhone

func (h fleetPhones) Len() int { return len(h) }
func (h fleetPhones) Less(i, j int) bool {
	a, b := h[i], h[j]
	if a.next.IsZero() || b.next.IsZero() {
		return !a.next.IsZero() && b.next.IsZero()
	}
	return a.next.Before(b.next) || a.next.Equal(b.next) && a.order < b.order
}
func (h fleetPhones) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *fleetPhones) Push(x any) { *h = append(*h, x.(*fleetPhone)) }
func (h *fleetPhones) Pop() any   { panic("phones stay") }

func newFleet(n int, line Line) *fleet {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f := &fleet{now: begin, begin: begin, rnd: rand.New(rand.NewPCG(1, 1)), up: map[netip.AddrPort]bool{}, perHost: map[netip.AddrPort]int{}}
	for i := range n {
		addr := netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
		l := line
		l.Number, l.Enabled, l.User, l.Register, l.AutoRegister = 1, true, fmt.Sprint(10000+i), true, true
		l.Local = netip.AddrPortFrom(netip.IPv4Unspecified(), phonePort)
		timers := DefaultTimers()
		p := &fleetPhone{fleet: f, addr: addr, conns: map[FlowID]Flow{}, order: i, place: i}
		p.agent = New(Config{Timers: timers, TryBackupRSC: "503", LocalAddrs: []netip.Addr{addr}, Lines: []Line{l},
			Random: rand.NewChaCha8([32]byte{byte(i), byte(i >> 8), 7})})
		f.phones = append(f.phones, p)
	}
	return f
}

func (f *fleet) after(d time.Duration, do func()) {
	f.order++
	heap.Push(&f.plan, happening{f.now.Add(d), f.order, do})
}

func (f *fleet) run(d time.Duration) {
	for end := f.now.Add(d); ; {
		p := f.phones[0]
		switch {
		case len(f.plan) > 0 && (p.next.IsZero() || !f.plan[0].at.After(p.next)):
			if f.plan[0].at.After(end) {
				f.now = end
				return
			}
			f.now = f.plan[0].at
			heap.Pop(&f.plan).(happening).do()
		case p.next.IsZero() || p.next.After(end):
			f.now = end
			return
		default:
			f.now = p.next
			p.step(Tick{})
		}
	}
}

// step steps a phone's agent and carries out what it wants.
func (p *fleetPhone) step(in Input) {
	f := p.fleet
	out := p.agent.Step(f.now, in)
	p.next = p.agent.Next()
	heap.Fix(&f.phones, p.place)
	const oneWay = 10 * time.Millisecond
	for _, n := range out.Net {
		switch n := n.(type) {
		case Open:
			f.opens = f.count(f.opens)
			if f.up[n.Remote] || f.resets {
				f.after(2*oneWay, func() {
					if !f.up[n.Remote] {
						p.step(Closed{n.ID, "connection refused"})
						return
					}
					local := netip.AddrPortFrom(p.addr, 40000+uint16(n.ID%20000))
					p.conns[n.ID] = Flow{n.Transport, n.ID, local, n.Remote}
					p.step(Opened{n.ID, local})
				})
			}
		case Close:
			delete(p.conns, n.ID)
		case Send:
			if !f.up[n.Flow.Remote] {
				if f.resets && n.Flow.Transport == UDP {
					f.after(2*oneWay, func() { p.step(Unreachable{Local: n.Flow.Local, Remote: n.Flow.Remote, Cause: "connection refused"}) })
				}
				continue
			}
			flow, data := n.Flow, []byte("\r\n")
			if string(n.Data) != "\r\n\r\n" {
				v := Admit(n.Data, n.Flow.Transport != UDP)
				if v.Request == nil {
					continue
				}
				if v.Request.Method == sipmsg.REGISTER {
					f.perSec = f.count(f.perSec)
				}
				data = p.answer(v.Request, flow.Remote)
			}
			f.after(2*oneWay, func() {
				if f.up[flow.Remote] {
					p.step(Received{flow, data})
				}
			})
		}
	}
}

// answer is what a server that works says.
func (p *fleetPhone) answer(req *sipmsg.Request, at netip.AddrPort) []byte {
	var lines []string
	if req.Method == sipmsg.REGISTER {
		for h := range headersOf(req, "Contact") {
			if c := h.(*sipmsg.ContactHeader); !c.Params.Has("expires") {
				lines = append(lines, "Contact: <"+c.Address.String()+">;expires="+value(req, "Expires"))
				p.fleet.perHost[p.at]--
				p.at = at
				p.fleet.perHost[at]++
			}
		}
	}
	return response(req, netip.AddrPortFrom(p.addr, uint16(req.Via().Port)), 200, "s", lines)
}

// count counts one more in this second.
func (f *fleet) count(perSec []int) []int {
	s := int(f.now.Sub(f.begin) / time.Second)
	for len(perSec) <= s {
		perSec = append(perSec, 0)
	}
	perSec[s]++
	return perSec
}

// set lets a server die or return.
func (f *fleet) set(addr netip.AddrPort, up bool) {
	f.up[addr] = up
	if up || !f.resets {
		return
	}
	for _, p := range slices.SortedFunc(slices.Values(f.phones), func(a, b *fleetPhone) int { return cmp.Compare(a.order, b.order) }) {
		for id, flow := range p.conns {
			if flow.Remote == addr {
				delete(p.conns, id)
				p.step(Closed{id, "connection reset by peer"})
			}
		}
	}
}

// peak is the most in one second since then.
func (f *fleet) peak(perSec []int, since time.Time) int {
	n := int(since.Sub(f.begin) / time.Second)
	if n >= len(perSec) {
		return 0
	}
	return slices.Max(perSec[n:])
}

// TestOutageFleet lets a proxy of many phones die and return, and bounds the REGISTERs that the servers get in any
// second. A phone whose server died registers at another at once where it has one: that is what a second server is for,
// and the peak is as high as phones notice together; all of them in one second when their connections are reset at one
// time. Where there is no other, and when the server is back, they come one after the other.
func TestOutageFleet(t *testing.T) {
	n := 100
	if *seeds >= 1000 {
		n = 10_000
	}
	a, b := netip.MustParseAddrPort("10.0.0.1:5060"), netip.MustParseAddrPort("10.0.0.2:5060")
	fast := Line{FailoverTimeout: time.Second, ProbeIntvl: 15 * time.Second, FallbackIntvl: time.Minute, GoodProbes: 3, Expires: time.Hour}
	both := "example.test:SRV=10.0.0.1:p=1|10.0.0.2:p=2"
	for _, c := range []struct {
		name, proxy, transport string
		resets                 bool
		dies, returns          int // most REGISTER/s, in percent of the phones
	}{
		{"alone, silent, UDP", "10.0.0.1", "UDP", false, 0, 30},
		{"alone, reset, TCP", "10.0.0.1", "TCP", true, 0, 30},
		{"two, silent, UDP", both, "UDP", false, 10, 40},
		{"two, silent, TCP", both, "TCP", false, 10, 25},
		{"two, refused, UDP", both, "UDP", true, 15, 40},
		{"two, reset, TCP", both, "TCP", true, 100, 50},
	} {
		t.Run(c.name, func(t *testing.T) {
			line := fast
			line.Proxy, line.Transport = c.proxy, c.transport
			f := newFleet(n, line)
			f.resets = c.resets
			f.set(a, true)
			f.set(b, true)
			for _, p := range slices.Clone(f.phones) {
				f.after(time.Duration(f.rnd.Int64N(int64(time.Minute))), func() { p.step(Tick{}) })
			}
			f.run(2 * time.Minute)
			if f.perHost[a] != n {
				t.Fatalf("%d of %d phones are registered", f.perHost[a], n)
			}
			died := f.now
			f.set(a, false)
			f.run(3 * time.Minute)
			dies, opens := f.peak(f.perSec, died), f.peak(f.opens, died)
			back := f.now
			f.set(a, true)
			f.run(4 * time.Minute)
			returns := f.peak(f.perSec, back)
			opens = max(opens, f.peak(f.opens, back))
			t.Logf("%d phones: at most %d REGISTER/s when it dies, %d when it returns; %d connections/s", n, dies, returns, opens)
			if dies > n*c.dies/100+20 || returns > n*c.returns/100+20 { // few phones may meet by chance
				t.Errorf("more than %d %% and %d %% of the phones in a second", c.dies, c.returns)
			}
			if f.perHost[a] != n {
				t.Errorf("%d of %d phones are home", f.perHost[a], n)
			}
		})
	}
}
