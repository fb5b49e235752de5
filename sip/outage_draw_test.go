package sip

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// knobs is what is drawn once for a world, beside the phone's own settings.
type knobs struct {
	servers   int
	alternate int // servers of the alternate leg
	form      string
	auth      bool // proxies ask for a digest
	route     bool // proxies stay on the route of a dialog
	shared    bool // one location database behind all proxies
	chaos     time.Duration
	faults    int
}

// newWorld draws a world.
func newWorld(seed uint64) *world {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := &world{seed: seed, rnd: rand.New(rand.NewPCG(seed, 4)), begin: begin, now: begin, conns: map[FlowID]*conn{}, asks: map[string]*request{}}
	w.phone, w.phoneOK = netip.MustParseAddr("10.0.0.50"), begin
	k := &w.knobs
	k.servers, k.alternate = 1+w.rnd.IntN(6), 1+w.rnd.IntN(2)
	k.form = one(w, "static", "static", "names", "addresses")
	k.auth, k.route, k.shared = w.chance(50), w.chance(70), w.chance(40)
	k.chaos, k.faults = w.between(2*time.Minute, 8*time.Minute), 2+w.rnd.IntN(9)
	transport := one(w, "UDP", "UDP", "TCP", "TLS")
	if transport != "UDP" {
		k.route = true // nobody reaches the far end of a connection
	}
	w.drawHosts(transport)
	w.drawSettings(transport)
	w.check.init(w)
	w.drawMail()
	return w
}

func (w *world) drawHosts(transport string) {
	port := defaultPort(Transport(strings.ToLower(transport)))
	shared := w.newRegistrar()
	mute := w.chance(10)
	for i := range w.knobs.servers + w.knobs.alternate {
		h := &host{
			w: w, name: string(rune('a' + i)), addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + i)}), port),
			fault: works, good: w.now, delay: w.between(time.Millisecond, 60*time.Millisecond), nonce: w.fresh("nonce"),
			answers: map[string]*served{}, db: shared,
		}
		if !w.knobs.shared || i >= w.knobs.servers {
			h.db = w.newRegistrar()
		}
		h.mute = mute && w.chance(70)
		w.hosts = append(w.hosts, h)
	}
	w.far = &farEnd{w: w, addr: netip.MustParseAddrPort("10.0.9.9:5060"), delay: w.between(time.Millisecond, 30*time.Millisecond), merges: w.chance(70)}
	w.direct = &host{w: w, name: "far", addr: w.far.addr, fault: works, good: w.now, answers: map[string]*served{}}
	w.zone = &nameServer{hosts: slices.Clone(w.hosts[:w.knobs.servers]), ttl: w.between(0, time.Minute)}
	w.stranger = netip.MustParseAddrPort("10.0.0.66:5060")
}

func (w *world) newRegistrar() *registrar {
	r := &registrar{w: w, most: one(w, time.Hour, time.Hour, 2*time.Minute)}
	if w.chance(20) {
		r.least = 2 * time.Minute
	}
	r.forget()
	return r
}

// static writes hosts as a static list.
func static(hosts []*host) string {
	var list []string
	for i, h := range hosts {
		list = append(list, fmt.Sprintf("%s:p=%d", h.addr, i+1))
	}
	return "example.test:SRV=" + strings.Join(list, "|")
}

func (w *world) drawSettings(transport string) {
	k := w.knobs
	l := Line{
		Number: 1, Enabled: true, User: "1001", Password: "secret", DisplayName: "Ann", Transport: transport, Register: true,
		MakeCallWithoutReg: w.chance(70), AnswerWithoutReg: w.chance(70), UseOBProxyInDialog: true, UseSRV: true, SRVAutoPrefix: true,
		Expires: one(w, time.Minute, 2*time.Minute, 10*time.Minute, time.Hour), Local: netip.AddrPortFrom(netip.IPv4Unspecified(), phonePort),
		AutoRegister: w.chance(75), AlternateProxy: static(w.hosts[k.servers:]),
	}
	switch k.form {
	case "static":
		l.Proxy = static(w.hosts[:k.servers])
	case "names":
		l.Proxy = "example.test"
	case "addresses":
		l.Proxy = fmt.Sprintf("pbx.example.test:%d", w.hosts[0].addr.Port())
	}
	if w.chance(20) {
		l.OutboundProxy, l.Proxy = l.Proxy, "example.test"
	}
	w.cfg = Config{
		Timers: DefaultTimers(), UserAgent: "dialtone", BlockNonproxy: w.chance(50), TryBackupRSC: one(w, "503", "503", "5??", ""),
		LocalAddrs: []netip.Addr{w.phone}, Random: rand.NewChaCha8([32]byte{byte(w.seed), byte(w.seed >> 8), byte(w.seed >> 16), byte(w.seed >> 24)}),
		Lines: []Line{l},
	}
	w.cfg.Timers.RegRetryLongIntvl = 2 * time.Minute
	if w.chance(30) {
		w.cfg.Timers.RegRetryIntvlCap = 2 * time.Minute
	}
	w.drawRedundancy()
	w.cfg.Lines[0].DualRegistration = w.chance(25)
	w.cfg.Lines[0].HotStandby = w.chance(20)
}

// drawRedundancy draws the parameters that may change at any time.
func (w *world) drawRedundancy() {
	l := &w.cfg.Lines[0]
	l.FailoverTimeout = one(w, time.Second, time.Second, 0, 3*time.Second)
	l.ProbeIntvl = one(w, 15*time.Second, 15*time.Second, 0, 5*time.Second)
	l.FallbackIntvl = one(w, time.Minute, time.Minute, 0, 20*time.Second, 5*time.Minute)
	l.GoodProbes = one(w, 3, 3, 1, 2)
}

// A nameServer is what the DNS says of example.test.
type nameServer struct {
	hosts []*host
	ttl   time.Duration
	mode  string // "": as it should; dead, failing, slow, lying, empty
}

func (z *nameServer) asked(w *world, q Question) {
	in := Answer{Question: q, TTL: z.ttl}
	d := w.between(2*time.Millisecond, 30*time.Millisecond)
	mode := z.mode
	if !w.phone.IsValid() {
		mode = "dead"
	}
	host, found := strings.CutSuffix(q.Name, ".example.test")
	switch {
	case mode == "dead":
		d, in.Cause = 5*time.Second, "no name server answers"
	case mode == "failing":
		in.Code = 2
	case mode == "empty":
		in.Code = one(w, rcodeSuccess, rcodeNoName)
	case q.Type == "SRV" && (q.Name == srvPrefix(w.transport())+"example.test" || q.Name == "example.test"):
		for i, h := range z.hosts {
			in.Records = append(in.Records, Record{Priority: uint16(i + 1), Port: h.addr.Port(), Target: h.name + ".example.test"})
		}
	case q.Type == "A" && mode == "lying":
		in.Records = []Record{{Addr: w.stranger.Addr()}}
	case q.Type == "A" && host == "pbx":
		for _, h := range z.hosts {
			in.Records = append(in.Records, Record{Addr: h.addr.Addr()})
		}
	case q.Type == "A" && found:
		for _, h := range w.hosts {
			if h.name == host {
				in.Records = append(in.Records, Record{Addr: h.addr.Addr()})
			}
		}
	case q.Type == "AAAA" && found:
	default:
		in.Code = rcodeNoName
	}
	if mode == "slow" {
		d = w.between(time.Second, 8*time.Second)
	}
	w.after(d, func() { w.step(in) })
}

func (w *world) transport() Transport { return Transport(strings.ToLower(w.cfg.Lines[0].Transport)) }

// trouble begins a fault, and plans its end.
func (w *world) trouble() {
	d := w.between(500*time.Millisecond, 30*time.Second)
	if w.chance(40) {
		d = w.between(30*time.Second, 4*time.Minute)
	}
	switch kind := w.rnd.IntN(100); {
	case kind < 12:
		w.troubleDNS(d)
	case kind < 20:
		w.moves(d)
	case kind < 26: // all of them at once
		f := w.drawFault()
		for _, h := range w.hosts {
			w.spoil(h, f, d)
		}
	default:
		h := w.hosts[w.rnd.IntN(len(w.hosts))]
		if w.chance(50) {
			h = w.hosts[0]
		}
		w.spoil(h, w.drawFault(), d)
	}
}

func (w *world) drawFault() fault {
	return one(w, silent, silent, off, off, refuses, refuses, busy, busy, broken, cut, lossy, lossy, slow)
}

func (w *world) spoil(h *host, f fault, d time.Duration) {
	if h.fault != works {
		return
	}
	h.loss, h.late, h.after = 1+w.rnd.IntN(30), w.between(100*time.Millisecond, 2500*time.Millisecond), 0
	if w.chance(50) {
		h.after = 1 + w.rnd.IntN(90)
	}
	if f != slow {
		h.late = 0
	}
	h.set(f)
	w.after(d, func() {
		if h.fault == f {
			h.set(works)
		}
	})
}

func (w *world) troubleDNS(d time.Duration) {
	if w.chance(40) {
		// The zone changes for good.
		hosts := slices.Clone(w.hosts[:w.knobs.servers])
		w.rnd.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
		w.zone.hosts = hosts[:1+w.rnd.IntN(len(hosts))]
		w.say("** the zone names %d servers, %s first", len(w.zone.hosts), w.zone.hosts[0].name)
		return
	}
	mode := one(w, "dead", "dead", "failing", "slow", "lying", "empty")
	w.say("** DNS is %s", mode)
	w.zone.mode = mode
	w.after(d, func() {
		if w.zone.mode == mode {
			w.zone.mode = ""
			w.say("** DNS works")
		}
	})
}

// moves changes the phone's address, at once or after a while without any.
func (w *world) moves(d time.Duration) {
	next := w.phone
	if !next.IsValid() {
		return
	}
	if w.chance(70) {
		next = netip.AddrFrom4([4]byte{10, 0, 0, 50 + byte(w.rnd.IntN(4))})
	}
	arrive := func() {
		w.say("** the phone is %s", next)
		w.check.stimuli = append(w.check.stimuli, w.now)
		w.phone, w.phoneOK = next, w.now
		w.cfg.LocalAddrs = []netip.Addr{next}
		w.step(AddressChanged{w.cfg.LocalAddrs})
	}
	if w.chance(50) {
		arrive()
		return
	}
	w.say("** the phone is unplugged")
	w.check.stimuli = append(w.check.stimuli, w.now)
	w.phone, w.phoneOK = netip.Addr{}, time.Time{}
	w.cfg.LocalAddrs = nil
	w.step(AddressChanged{})
	w.after(min(d, time.Minute), arrive)
}

// use is what the user, or somebody who changes the settings, does next.
func (w *world) use() {
	switch kind := w.rnd.IntN(100); {
	case kind < 40:
		w.callOut()
	case kind < 65:
		w.far.call(w.hosts[w.rnd.IntN(len(w.hosts))])
	case kind < 75:
		for _, id := range w.agent.ids() {
			w.step(Reinvite{id, []byte("v=0")})
			break
		}
	case kind < 80:
		for _, id := range w.agent.ids() {
			w.step(Info{id, "application/dtmf-relay", []byte("Signal=5")})
			break
		}
	case kind < 88:
		for _, id := range w.agent.ids() {
			w.hangUp(id)
		}
	default:
		w.configure()
	}
}

func (w *world) configure() {
	w.cfg.Lines = slices.Clone(w.cfg.Lines)
	l := &w.cfg.Lines[0]
	switch w.rnd.IntN(6) {
	case 0, 1:
		l.DualRegistration = !l.DualRegistration
		w.say("user: dual registration %v", l.DualRegistration)
	case 2:
		l.HotStandby = !l.HotStandby
		w.say("user: hot standby %v", l.HotStandby)
	case 3, 4:
		w.drawRedundancy()
		w.say("user: failover %s probe %s fallback %s good %d", l.FailoverTimeout, l.ProbeIntvl, l.FallbackIntvl, l.GoodProbes)
	case 5:
		l.Password += "x" // the line registers anew
		w.say("user: another password")
	}
	w.check.changed = w.now
	w.check.stimuli = append(w.check.stimuli, w.now)
	w.step(Configure{w.cfg})
}

// callOut places a call, and plans to end it.
func (w *world) callOut() ID {
	id := w.check.begins(w)
	w.say("user: call %d", id)
	w.step(Invite{ID: id, Line: 1, To: "1002", Body: []byte("v=0")})
	w.check.placed(w, id)
	if w.chance(70) && !w.far.willing {
		w.after(w.between(100*time.Millisecond, 90*time.Second), func() { w.hangUp(id) })
	}
	return id
}

func (w *world) hangUp(id ID) {
	if c := w.check.calls[id]; c != nil && !c.ended {
		w.say("user: hang up %d", id)
		c.given = true
		w.step(Hangup{id})
	}
}

// happened is what the phone does by itself, or its user, on news.
func (w *world) happened(e Event) {
	w.say("%s", eventText(e))
	w.check.happened(w, e)
	switch e := e.(type) {
	case Incoming:
		kind, d := w.rnd.IntN(100), w.between(200*time.Millisecond, 12*time.Second)
		if w.far.willing {
			kind, d = 0, 200*time.Millisecond
		}
		w.after(0, func() { w.step(Ring{e.ID}) })
		w.after(d, func() {
			switch {
			case kind < 60:
				w.step(Accept{e.ID, []byte("v=0")})
			case kind < 80:
				w.check.gives(e.ID)
				w.step(Refuse{ID: e.ID, Code: 486})
			}
		})
		if !w.far.willing {
			w.after(d+w.between(time.Second, 90*time.Second), func() { w.hangUp(e.ID) })
		}
	case Reoffer:
		w.after(w.between(0, time.Second), func() { w.step(AnswerReinvite{e.ID, 200, []byte("v=0")}) })
	case Rerouted:
		w.after(time.Millisecond, func() { w.step(Reinvite{e.ID, []byte("v=0")}) })
	}
}

// eventText is an event as it is written down.
func eventText(e Event) string { return fmt.Sprintf("%T %+v", e, e)[len("sip."):] }
