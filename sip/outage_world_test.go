package sip

import (
	"bytes"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// A world is one phone's agent, its network, DNS, proxies and the far end, all in virtual time and all drawn
// from one seed. Nothing in it runs by itself: the earliest of what is planned and of the agent's timers is
// next. The same seed gives the same world, message for message.
type world struct {
	seed  uint64
	rnd   *rand.Rand
	begin time.Time
	now   time.Time
	plan  happenings
	order uint64

	agent *Agent
	cfg   Config
	knobs knobs

	hosts    []*host // the proxies, in order of their letters
	far      *farEnd
	zone     *nameServer
	phone    netip.Addr // not valid: unplugged
	phoneOK  time.Time  // since when its address has stayed; zero: it has none
	conns    map[FlowID]*conn
	serial   int
	asks     map[string]*request // of the far side, by branch and method
	direct   *host               // the far end, where it is reached past all proxies
	stranger netip.AddrPort      // what a lying name server names

	mail  mail
	check checks
	out   *bytes.Buffer // the transcript; nil: nobody reads it
	sum   uint64        // of all that would be in it
	bad   []string      // what must not be
}

// A happening is something planned.
type happening struct {
	at    time.Time
	order uint64
	do    func()
}

type happenings []happening

func (h happenings) Len() int { return len(h) }
func (h happenings) Less(i, j int) bool {
	return h[i].at.Before(h[j].at) || h[i].at.Equal(h[j].at) && h[i].order < h[j].order
}
func (h happenings) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *happenings) Push(x any)   { *h = append(*h, x.(happening)) }
func (h *happenings) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1].do = nil
	*h = old[:len(old)-1]
	return last
}

// after plans something.
func (w *world) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.plan, happening{w.now.Add(d), w.order, do})
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	for steps := 0; len(w.bad) == 0; steps++ {
		if steps > 400_000 {
			w.violated("the world does not come to rest")
			return
		}
		next := w.agent.Next()
		tick := !next.IsZero() && (len(w.plan) == 0 || !next.After(w.plan[0].at))
		if !tick {
			if len(w.plan) == 0 {
				break
			}
			next = w.plan[0].at
		}
		if next.After(end) {
			break
		}
		if next.Before(w.now) {
			w.violated("a timer is %s late", w.now.Sub(next))
			return
		}
		w.now = next
		if tick {
			w.step(Tick{})
		} else {
			heap.Pop(&w.plan).(happening).do()
		}
	}
	w.now = end
}

// step feeds the agent, carries out what it wants and looks whether all is well.
func (w *world) step(in Input) {
	out := w.agent.Step(w.now, in)
	for _, n := range out.Net {
		switch n := n.(type) {
		case Send:
			w.sends(n)
		case Open:
			w.opens(n)
		case Close:
			w.say("phone closes %d", n.ID)
			if c := w.conns[n.ID]; c != nil {
				c.open, c.closed = false, true
			}
			delete(w.conns, n.ID)
		case Query:
			w.say("phone asks DNS for %s %s", n.Question.Type, n.Question.Name)
			w.zone.asked(w, n.Question)
		}
	}
	for _, l := range out.Log {
		w.say("· %s", l)
	}
	for _, e := range out.Events {
		w.happened(e)
	}
	w.check.step(w)
}

// say writes a line of the transcript.
func (w *world) say(format string, args ...any) {
	if w.out == nil {
		return
	}
	fmt.Fprintf(w.out, "%9.3f  %s\n", w.now.Sub(w.begin).Seconds(), fmt.Sprintf(format, args...))
}

func (w *world) violated(format string, args ...any) {
	text := fmt.Sprintf("%9.3f  !! %s", w.now.Sub(w.begin).Seconds(), fmt.Sprintf(format, args...))
	w.bad = append(w.bad, text)
	if w.out != nil {
		fmt.Fprintln(w.out, text)
	}
}

// one draws one of several.
func one[T any](w *world, of ...T) T { return of[w.rnd.IntN(len(of))] }

// chance is true in so many of a hundred cases.
func (w *world) chance(percent int) bool { return w.rnd.IntN(100) < percent }

// between draws a duration.
func (w *world) between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.rnd.Int64N(int64(most-least)+1))
}

// A fault is what is wrong with a proxy.
type fault string

const (
	works     fault = "works"
	silent    fault = "is silent"        // reads and says nothing; the kernel still takes connections
	off       fault = "is without power" // packets vanish; connections are forgotten, and nobody is told
	refuses   fault = "refuses"          // its program has ended: ICMP, reset
	busy      fault = "answers 503"      // in maintenance
	broken    fault = "answers 500"      // alive, and of no use
	cut       fault = "is cut off"       // a partition: packets vanish, nothing is forgotten
	lossy     fault = "loses packets"    // both ways
	slow      fault = "is slow"          // all it says is late
	userLimit       = 10 * time.Second   // TCP_USER_TIMEOUT of the phone's connections
	phonePort       = uint16(5060)       // of the phone's UDP socket
)

// A host is a proxy and registrar.
type host struct {
	w       *world
	name    string
	addr    netip.AddrPort
	fault   fault
	good    time.Time // since when it works without any fault; zero: it does not
	lossy   time.Time // when it lost packets last
	delay   time.Duration
	late    time.Duration // added by being slow
	mute    bool          // it drops OPTIONS, as some do
	loss    int           // percent of datagrams
	after   int           // seconds of Retry-After in its 503
	epoch   int           // counts the deaths of its connections
	db      *registrar
	nonce   string
	answers map[string]*served  // requests it has got, by branch and method
	asks    map[string]*request // requests it has sent, by branch and method
}

// set changes what is wrong with a proxy.
func (h *host) set(f fault) {
	w := h.w
	if f == h.fault {
		return
	}
	w.say("** %s %s%s", h.name, f, map[bool]string{true: fmt.Sprintf(", %d %%", h.loss)}[f == lossy])
	w.check.stimuli = append(w.check.stimuli, w.now)
	was := h.fault
	if was == lossy {
		h.lossy = w.now
	}
	h.fault, h.good = f, time.Time{}
	if f == works {
		h.good, h.loss, h.late, h.after = w.now, 0, 0, 0
	}
	switch f {
	case off, refuses:
		h.epoch++
		h.answers, h.asks = map[string]*served{}, map[string]*request{}
		w.mail.forget(h)
		if w.chance(50) {
			h.db.forget() // a registrar that keeps its bindings in memory
		}
		if w.chance(50) {
			h.nonce = w.fresh("nonce")
		}
	}
	if f == refuses && was != off && was != cut {
		for _, c := range w.connsTo(h) {
			w.after(h.oneWay(), func() { c.reset("connection reset by peer") })
		}
	}
}

// goodSince tells whether the proxy has worked all the time since then.
func (h *host) goodSince(t time.Time) bool { return !h.good.IsZero() && !h.good.After(t) }

// reads tells whether what is sent to the proxy arrives there.
func (h *host) reads() bool { return h.fault != off && h.fault != cut }

// serves tells whether the proxy does its work.
func (h *host) serves() bool {
	return h.fault == works || h.fault == lossy || h.fault == slow
}

// lost draws whether a datagram gets lost.
func (h *host) lost() bool { return h.fault == lossy && h.w.rnd.IntN(100) < h.loss }

// oneWay is how long a packet is on its way.
func (h *host) oneWay() time.Duration { return h.w.between(h.delay, h.delay+4*time.Millisecond) }

// fresh makes a word nobody has used.
func (w *world) fresh(what string) string {
	w.serial++
	return fmt.Sprintf("%s%d", what, w.serial)
}

func (w *world) hostAt(addr netip.AddrPort) *host {
	for _, h := range w.hosts {
		if h.addr == addr {
			return h
		}
	}
	return nil
}

// A conn is a connection the phone has opened, or tries to.
type conn struct {
	w      *world
	id     FlowID
	kind   Transport
	host   *host
	local  netip.AddrPort
	epoch  int
	open   bool
	closed bool
	queue  []func()     // sent while it opens
	due    [2]time.Time // when the last message arrives, to the host and to the phone: order is kept
}

func (w *world) connsTo(h *host) (list []*conn) {
	for _, c := range w.conns {
		if c.host == h && c.open {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *conn) int { return int(a.id) - int(b.id) })
	return list
}

// reset ends a connection as the phone sees it.
func (c *conn) reset(cause string) {
	if c.closed || c.w.conns[c.id] != c {
		return
	}
	c.open, c.closed = false, true
	delete(c.w.conns, c.id)
	c.w.say("connection %d to %s: %s", c.id, c.host.name, cause)
	c.w.step(Closed{c.id, cause})
}

// opens lets the phone open a connection.
func (w *world) opens(n Open) {
	h := w.hostAt(n.Remote)
	w.say("phone opens %d to %s", n.ID, w.name(n.Remote))
	c := &conn{w: w, id: n.ID, kind: n.Transport, host: h}
	w.conns[n.ID] = c
	if h != nil {
		c.knock(0)
	}
}

// knock sends a SYN, and again when nobody is there. RFC 6298 section 2: after a second, doubling.
func (c *conn) knock(times int) {
	w, h := c.w, c.host
	if c.closed || times > 3 {
		return
	}
	if !w.phone.IsValid() || !h.reads() {
		w.after(time.Second<<times, func() { c.knock(times + 1) })
		return
	}
	w.after(h.oneWay()+h.oneWay(), func() {
		switch {
		case c.closed:
		case h.fault == refuses:
			c.reset("connection refused")
		case !h.reads() || !w.phone.IsValid():
		default:
			w.serial++
			c.local = netip.AddrPortFrom(w.phone, 40000+uint16(w.serial%20000))
			c.open, c.epoch = true, h.epoch
			queue := c.queue
			c.queue = nil
			w.step(Opened{c.id, c.local})
			for _, send := range queue {
				send()
			}
		}
	})
}

// carry brings a message over the connection, in order, and again while it does not get through.
func (c *conn) carry(toHost bool, since time.Time, deliver func()) {
	w, h := c.w, c.host
	if toHost && !c.open && !c.closed {
		c.queue = append(c.queue, func() { c.carry(toHost, w.now, deliver) })
		return
	}
	end := 0
	if !toHost {
		end = 1
	}
	at := w.now.Add(h.oneWay())
	if h.fault == lossy && h.lost() {
		at = at.Add(200 * time.Millisecond)
	}
	if !toHost {
		at = at.Add(h.late)
	}
	if at.Before(c.due[end]) {
		at = c.due[end]
	}
	c.due[end] = at
	w.after(at.Sub(w.now), func() {
		switch {
		case c.closed || !c.open:
		case w.phone != c.local.Addr() || !h.reads():
			if w.now.Sub(since) >= userLimit {
				if toHost {
					c.reset("connection timed out")
				}
				return
			}
			w.after(time.Second, func() { c.carry(toHost, since, deliver) })
		case c.epoch != h.epoch: // it has forgotten the connection
			if toHost {
				w.after(h.oneWay(), func() { c.reset("connection reset by peer") })
			}
		default:
			deliver()
		}
	})
}

// name is who has an address, for the transcript.
func (w *world) name(addr netip.AddrPort) string {
	if h := w.hostAt(addr); h != nil {
		return h.name
	}
	if addr == w.far.addr {
		return "far"
	}
	return addr.String()
}

// A path is how a host and the phone reach each other.
type path struct {
	host  *host // nil: the far end itself
	conn  *conn // nil: UDP
	phone netip.AddrPort
}

func (p path) transport() string {
	if p.conn != nil {
		return strings.ToUpper(string(p.conn.kind))
	}
	return "UDP"
}

// sends carries what the phone sends.
func (w *world) sends(n Send) {
	v := Admit(n.Data, n.Flow.Transport != UDP)
	var line strings.Builder
	line.WriteString(firstLine(n.Data))
	if v.Request != nil {
		line.WriteString(" cseq " + v.Request.CSeq().Value() + " branch " + branchOf(v.Request))
	}
	if w.out != nil {
		for _, m := range []sipmsg.Message{v.Request, v.Response} {
			if !reflect.ValueOf(m).IsNil() {
				line.WriteString(contactsIn(m))
			}
		}
		w.say("phone > %-4s %s", w.name(n.Flow.Remote), line.String())
	}
	w.note(n.Data)
	ping := strings.HasPrefix(string(n.Data), "\r\n")
	if v.Request == nil && v.Response == nil && !ping {
		w.violated("the phone sends what no gate admits: %s: %q", v.Why, n.Data)
		return
	}
	if v.Request != nil {
		w.check.sent(w, n.Flow, v.Request)
	}
	if n.Flow.Transport != UDP {
		c := w.conns[n.Flow.ID]
		if c == nil {
			w.violated("the phone sends on connection %d, which there is not: %s", n.Flow.ID, line.String())
			return
		}
		c.carry(true, w.now, func() {
			if ping {
				if c.host.fault != silent {
					c.carry(false, w.now, func() { w.step(Received{Flow{c.kind, c.id, c.local, c.host.addr}, []byte("\r\n")}) })
				}
				return
			}
			c.host.receive(path{c.host, c, c.local}, v)
		})
		return
	}
	if !w.phone.IsValid() {
		return
	}
	p := path{phone: netip.AddrPortFrom(w.phone, phonePort)}
	switch p.host = w.hostAt(n.Flow.Remote); {
	case p.host != nil:
		h := p.host
		if h.lost() {
			return
		}
		w.after(h.oneWay(), func() {
			switch {
			case !h.reads():
			case h.fault == refuses:
				w.after(h.oneWay(), func() {
					if w.phone == p.phone.Addr() {
						w.say("icmp from %s", h.name)
						w.step(Unreachable{Local: n.Flow.Local, Remote: n.Flow.Remote, Cause: "connection refused"})
					}
				})
			default:
				h.receive(p, v)
			}
		})
	case n.Flow.Remote == w.far.addr:
		w.after(w.far.delay, func() { w.far.receive(p, v) })
	}
}

// deliver brings a message of a host, or of the far end, to the phone. It reports false if there is no way.
func (w *world) deliver(p path, data []byte) bool {
	if p.conn != nil {
		c := p.conn
		if c.closed || !c.open || c.epoch != p.host.epoch {
			return false
		}
		c.carry(false, w.now, func() { w.arrives(p, Flow{c.kind, c.id, c.local, c.host.addr}, data) })
		return true
	}
	d, from := w.far.delay, w.far.addr
	if h := p.host; h != nil {
		if h.lost() {
			return true
		}
		d, from = h.oneWay()+h.late, h.addr
	}
	w.after(d, func() {
		if p.phone.Addr() == w.phone && (p.host == nil || p.host.reads()) {
			w.arrives(p, Flow{UDP, 0, netip.AddrPortFrom(netip.IPv4Unspecified(), phonePort), from}, data)
		}
	})
	return true
}

func (w *world) arrives(p path, f Flow, data []byte) {
	name := "far"
	if p.host != nil {
		name = p.host.name
	}
	if w.out != nil {
		v := Admit(data, false)
		line := firstLine(data)
		if v.Response != nil {
			line += " to " + v.Response.CSeq().Value()
		}
		w.say("phone < %-4s %s", name, line)
	}
	w.note(data)
	w.step(Received{f, data})
}

// note adds to the sum of the conversation, by which two runs are compared.
func (w *world) note(data []byte) {
	const prime = 1099511628211 // FNV-1a
	w.sum = (w.sum ^ uint64(w.now.UnixNano())) * prime
	for _, b := range data {
		w.sum = (w.sum ^ uint64(b)) * prime
	}
}

// contactsIn are the Contacts of a message, as they are written down.
func contactsIn(m sipmsg.Message) (text string) {
	for h := range headersOf(m, "Contact") {
		text += " " + h.Value()
	}
	return text
}

func firstLine(data []byte) string {
	line, _, _ := bytes.Cut(data, []byte("\r\n"))
	if len(line) == 0 {
		return "CRLF"
	}
	return string(line)
}
