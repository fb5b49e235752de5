package simnet

import (
	"container/heap"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// Implementation constants.
const (
	defaultGiveUp = 15 * time.Minute      // Linux gives up a stream after about as long (tcp_retries2)
	holdBack      = 10 * time.Millisecond // by which an overtaken datagram is late at least
	maxQueue      = 512                   // datagrams a socket holds before it drops
)

// Link is how one direction between two hosts behaves. The zero value is a perfect one without delay.
type Link struct {
	Delay     time.Duration // of every packet, one way
	Jitter    time.Duration // added to Delay, evenly distributed below this; it does not change the order
	Loss      float64       // share of packets lost; a stream sends them again, and is late
	Duplicate float64       // share of datagrams that come twice
	Reorder   float64       // share of datagrams held back until later ones have overtaken them
}

// Packet is what the hooks see of one datagram or segment as it is sent.
type Packet struct {
	Time     time.Time
	Protocol string // "udp", "tcp" or "icmp"
	Src, Dst netip.AddrPort
	Flags    string // of a segment: "SYN", "SYN+ACK", "FIN", "RST"; empty: data
	Data     []byte // not to be kept or changed
	Fate     string // why it will not arrive: "lost", "dropped" (by the hook), "cut" (no path); empty: it is on its way
}

// Net is a network in memory. Hosts reach each other by address, without routers. The same seed and the same packets
// sent give the same losses, delays and order: each direction between two hosts has its own random sequence, and
// packets due at one instant arrive by sender, receiver and then in the order sent. Give links a Delay where this
// matters: without one goroutines that send at one instant do so in any order.
//
// A Net belongs to the testing/synctest bubble it is made in, if any. It has no goroutine of its own; one timer
// delivers. All methods may be called from any goroutine, but not from within a hook.
type Net struct {
	mu      sync.Mutex
	seed    uint64
	hosts   []*Host
	byAddr  map[netip.Addr]*Host
	usual   Link
	links   map[pair]*Link
	flows   map[pair]*flow
	cuts    map[pair]bool
	tap     func(Packet)
	drop    func(Packet) bool
	giveUp  time.Duration
	pending events
	timer   *time.Timer
	closed  bool
}

// pair is a direction between two hosts.
type pair struct{ from, to *Host }

// flow is what a direction remembers.
type flow struct {
	random *rand.Rand
	last   time.Time // when the last datagram sent arrives
	sent   uint64
}

// New makes an empty network.
func New(seed uint64) *Net {
	return &Net{seed: seed, byAddr: map[netip.Addr]*Host{}, links: map[pair]*Link{}, flows: map[pair]*flow{}, cuts: map[pair]bool{},
		giveUp: defaultGiveUp}
}

// Host returns the host with an address; it makes one, switched on, if there is none.
func (n *Net) Host(addr netip.Addr) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	addr = addr.Unmap()
	if h := n.byAddr[addr]; h != nil {
		return h
	}
	h := &Host{net: n, index: len(n.hosts), addrs: []netip.Addr{addr}, up: true, plugged: true, nextPort: firstEphemeral}
	n.hosts = append(n.hosts, h)
	n.byAddr[addr] = h
	return h
}

// Usual sets how links behave that have no setting of their own.
func (n *Net) Usual(l Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.usual = l
}

// Link sets how packets from one host to another fare. The way back is another link.
func (n *Net) Link(from, to *Host, l Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links[pair{from, to}] = &l
}

// Partition cuts both directions between two hosts. Packets on their way still arrive. Nobody is told.
func (n *Net) Partition(a, b *Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cuts[pair{a, b}], n.cuts[pair{b, a}] = true, true
}

// Heal ends a Partition. Streams go on when they next send again what was lost.
func (n *Net) Heal(a, b *Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.cuts, pair{a, b})
	delete(n.cuts, pair{b, a})
}

// Tap has f see every packet as it is sent; segments sent again are seen again. nil ends it. f is called with the
// network locked, in the order of sending.
func (n *Net) Tap(f func(Packet)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tap = f
}

// Drop has f decide about every packet whether it is lost; a stream will send it again. nil ends it. f is called with
// the network locked, before Tap.
func (n *Net) Drop(f func(Packet) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop = f
}

// GiveUp sets how long a stream sends again before it fails with ETIMEDOUT. Fifteen minutes unless set.
func (n *Net) GiveUp(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.giveUp = d
}

// Close ends the network: every socket is closed, what is on its way is lost, the timer stops.
func (n *Net) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for _, h := range n.hosts {
		h.vanish()
	}
	n.pending = nil
	if n.timer != nil {
		n.timer.Stop()
	}
}

// event is something that happens at a time.
type event struct {
	due      time.Time
	from, to int // hosts, to settle the order at one instant
	sequence uint64
	do       func()
}

type events []event

func (e events) Len() int      { return len(e) }
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = event{}
	*e = (*e)[:last]
	return x
}

func (e events) Less(i, j int) bool {
	a, b := &e[i], &e[j]
	switch c := a.due.Compare(b.due); {
	case c != 0:
		return c < 0
	case a.from != b.from:
		return a.from < b.from
	case a.to != b.to:
		return a.to < b.to
	}
	return a.sequence < b.sequence
}

// at has do called at a time, with the network locked.
func (n *Net) at(p pair, due time.Time, do func()) {
	if n.closed {
		return
	}
	f := n.flow(p)
	f.sent++
	to := -1
	if p.to != nil {
		to = p.to.index
	}
	heap.Push(&n.pending, event{due, p.from.index, to, f.sent, do})
	n.arm()
}

// arm sets the timer to the earliest event.
func (n *Net) arm() {
	if len(n.pending) == 0 {
		return
	}
	// Never 0: in a synctest bubble Go 1.26 fires such a timer inside Reset, on the system stack, where
	// the race detector now and then crashes (runtime.(*timer).modify).
	wait := max(time.Nanosecond, time.Until(n.pending[0].due))
	if n.timer == nil {
		n.timer = time.AfterFunc(wait, n.deliver)
		return
	}
	n.timer.Reset(wait)
}

// deliver does what is due.
func (n *Net) deliver() {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	for len(n.pending) > 0 && !n.pending[0].due.After(now) {
		heap.Pop(&n.pending).(event).do()
	}
	n.arm()
}

func (n *Net) link(p pair) Link {
	if p.from == p.to {
		return Link{}
	}
	if l := n.links[p]; l != nil {
		return *l
	}
	return n.usual
}

func (n *Net) flow(p pair) *flow {
	f := n.flows[p]
	if f == nil {
		name := fnv.New64a()
		_, _ = name.Write([]byte(p.from.name()))
		if p.to != nil {
			_, _ = name.Write([]byte(">" + p.to.name()))
		}
		f = &flow{random: rand.New(rand.NewPCG(n.seed, name.Sum64()))}
		n.flows[p] = f
	}
	return f
}

// passage is the fate of one packet.
type passage struct {
	fate      string
	delay     time.Duration
	again     time.Duration // delay of a second copy, if twice
	twice     bool
	overtaken bool
}

// send decides the fate of a packet. The same number of random numbers is drawn each time, so that a change of one
// setting does not change what the others do.
func (n *Net) send(p pair, pk Packet) passage {
	l, random := n.link(p), n.flow(p).random
	lost, jitter, twice, again, late, back := random.Float64(), random.Float64(), random.Float64(), random.Float64(), random.Float64(), random.Float64()
	v := passage{
		delay:     l.Delay + time.Duration(jitter*float64(l.Jitter)),
		again:     l.Delay + time.Duration(again*float64(l.Jitter)),
		twice:     twice < l.Duplicate,
		overtaken: late < l.Reorder,
	}
	if v.overtaken {
		v.delay += holdBack + time.Duration(back*float64(l.Delay+l.Jitter))
	}
	pk.Time = time.Now()
	switch {
	case !n.path(p, pk.Src.Addr()):
		v.fate = "cut"
	case lost < l.Loss:
		v.fate = "lost"
	case n.drop != nil && n.drop(pk):
		v.fate = "dropped"
	}
	if pk.Fate = v.fate; n.tap != nil {
		n.tap(pk)
	}
	return v
}

// path tells whether a packet would leave one host for the other now. Whether the other is switched on shows when it arrives.
func (n *Net) path(p pair, src netip.Addr) bool {
	return p.to != nil && p.from.reachable(src) && !n.cuts[p]
}
