package sip

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"
)

// An Agent is a SIP user agent: the lines, the calls on them, and the transactions and connections they
// need. It is stepped by one caller at a time.
type Agent struct {
	cfg     Config
	random  io.Reader
	out     Output
	agenda  agenda
	started bool
	closing bool

	lines       []*line // by number
	retired     []*line // replaced, but not done yet
	resolutions []*resolution
	known       []Answer // as last told by Found

	calls   map[ID]*call
	dialogs map[dialogKey]*call
	subs    map[dialogKey]*subscription
	nextID  ID

	clientTxs map[txKey]*clientTx
	serverTxs map[txKey]*serverTx
	merges    map[mergeKey]*serverTx
	doneTxs   doneTxs // of serverTxs
	txSerial  uint64

	flows    map[FlowID]*flow
	flowKeys map[flowKey]*flow
	flowID   FlowID // the last one given: odd
	flowUse  uint64

	leftovers []leftover // Contacts that registrars may know in vain

	spare uint64
}

// New returns an agent with the lines of cfg. Nothing is sent before the first Step.
func New(cfg Config) *Agent {
	a := &Agent{
		random: cfg.Random, flowID: ^FlowID(0),
		calls: map[ID]*call{}, dialogs: map[dialogKey]*call{}, subs: map[dialogKey]*subscription{},
		clientTxs: map[txKey]*clientTx{}, serverTxs: map[txKey]*serverTx{}, merges: map[mergeKey]*serverTx{},
		flows: map[FlowID]*flow{}, flowKeys: map[flowKey]*flow{},
	}
	if a.random == nil {
		a.random = rand.Reader
	}
	a.cfg = cfg.complete()
	return a
}

// complete puts the defaults where zero would make no sense.
func (cfg Config) complete() Config {
	d, t := DefaultTimers(), &cfg.Timers
	for _, p := range []struct {
		value *time.Duration
		least time.Duration
		std   time.Duration
	}{
		{&t.T1, 10 * time.Millisecond, d.T1}, {&t.T2, 10 * time.Millisecond, d.T2}, {&t.T4, 10 * time.Millisecond, d.T4},
		{&t.B, 10 * time.Millisecond, d.B}, {&t.D, 10 * time.Millisecond, d.D}, {&t.F, 10 * time.Millisecond, d.F},
		{&t.H, 10 * time.Millisecond, d.H}, {&t.J, 10 * time.Millisecond, d.J},
		{&t.RegMinExpires, time.Second, d.RegMinExpires}, {&t.RegMaxExpires, time.Second, d.RegMaxExpires},
		{&t.RegRetryIntvl, time.Second, d.RegRetryIntvl},
	} {
		if *p.value <= 0 {
			*p.value = p.std
		}
		*p.value = max(*p.value, p.least)
	}
	t.T2 = max(t.T2, t.T1)
	cfg.Lines = slices.Clone(cfg.Lines)
	slices.SortStableFunc(cfg.Lines, func(x, y Line) int { return cmp.Compare(x.Number, y.Number) })
	cfg.Lines = slices.CompactFunc(cfg.Lines, func(x, y Line) bool { return x.Number == y.Number })
	cfg.LocalAddrs = slices.Clone(cfg.LocalAddrs)
	return cfg
}

// Step feeds one input to the agent at the time now, which never goes back, and acts on all timers that
// are due by then. What is in the Output is the caller's.
func (a *Agent) Step(now time.Time, in Input) Output {
	a.out = Output{}
	if !a.started {
		a.started = true
		if r, ok := in.(Recall); ok {
			a.known = r.Answers
		}
		for _, cfg := range a.cfg.Lines {
			a.addLine(now, cfg, nil)
		}
	}
	a.input(now, in)
	a.agenda.run(now)
	for _, lines := range [][]*line{a.lines, a.retired} {
		for _, ln := range lines {
			ln.mailbox.follow(now)
		}
	}
	a.sweep(now)
	out := a.out
	a.out = Output{}
	return out
}

func (a *Agent) input(now time.Time, in Input) {
	switch in := in.(type) {
	case Received:
		a.received(now, in)
	case Connected:
		a.connected(in)
	case Opened:
		a.opened(now, in)
	case Closed:
		a.closed(now, in)
	case Unreachable:
		a.unreachable(now, in)
	case Answer:
		a.dnsAnswered(now, in)
	case Tick, Recall:
	case Configure:
		a.configure(now, in.Config)
	case AddressChanged:
		a.addressChanged(now, in.LocalAddrs)
	case Shutdown:
		a.shutdown(now)
	case Invite:
		a.invite(now, in)
	case Ring:
		if c := a.calls[in.ID]; c != nil {
			c.ring(now)
		}
	case Accept:
		if c := a.calls[in.ID]; c != nil && c.state == callIncoming {
			c.accept(now, in.Body)
		}
	case Refuse:
		if c := a.calls[in.ID]; c != nil {
			c.refuse(now, in.Code, in.Phrase)
		}
	case Hangup:
		if c := a.calls[in.ID]; c != nil {
			c.hangup(now, 603)
		}
	case Reinvite:
		if c := a.calls[in.ID]; c != nil {
			c.offerTo(now, in)
		}
	case AnswerReinvite:
		if c := a.calls[in.ID]; c != nil {
			c.answerOffer(now, in.Code, in.Body)
		}
	case Info:
		if c := a.calls[in.ID]; c != nil && c.state == callConfirmed {
			c.inform(now, in)
		}
	}
}

// Next is when the agent wants a Tick; zero: it waits for nothing.
func (a *Agent) Next() time.Time { return a.agenda.next() }

// Idle tells whether no call and no request of ours is under way, as after a Shutdown that is done.
func (a *Agent) Idle() bool {
	if len(a.calls) > 0 {
		return false
	}
	for _, tx := range a.clientTxs {
		if tx.underWay() {
			return false
		}
	}
	for _, f := range a.flows {
		if len(f.waiting) > 0 {
			return false
		}
	}
	return true
}

func (a *Agent) net(n NetAction) { a.out.Net = append(a.out.Net, n) }
func (a *Agent) emit(e Event)    { a.out.Events = append(a.out.Events, e) }
func (a *Agent) logf(format string, v ...any) {
	a.out.Log = append(a.out.Log, fmt.Sprintf(format, v...))
}

// addLine starts a line. before is the registration that has to be removed first, or nil.
func (a *Agent) addLine(now time.Time, cfg Line, before *registration) {
	ln := a.newLine(cfg)
	a.lines = append(a.lines, ln)
	slices.SortFunc(a.lines, func(x, y *line) int { return cmp.Compare(x.cfg.Number, y.cfg.Number) })
	if before.busy() {
		before.successor = ln.leg.reg
		ln.leg.reg.heldUntil = now.Add(handover)
	}
	for _, l := range ln.legs() {
		l.start(now)
	}
}

// configure takes over new settings. A line that changed is replaced: the old one un-registers, and
// stays for its calls; the new one registers.
func (a *Agent) configure(now time.Time, cfg Config) {
	cfg.Random = nil
	a.cfg = cfg.complete()
	old := a.lines
	a.lines = nil
	for _, ln := range old {
		if i := slices.IndexFunc(a.cfg.Lines, ln.cfg.registersAs); i < 0 {
			a.retire(now, ln)
		} else {
			ln.reconfigured(now, a.cfg.Lines[i])
			a.lines = append(a.lines, ln)
		}
	}
	for _, want := range a.cfg.Lines {
		if a.lineBy(want.Number) != nil {
			continue
		}
		var before *registration
		for _, ln := range old {
			if ln.cfg.Number == want.Number {
				before = ln.leg.reg
			}
		}
		a.addLine(now, want, before)
	}
	a.found()
}

func (a *Agent) retire(now time.Time, ln *line) {
	ln.retired = true
	a.retired = append(a.retired, ln)
	ln.mailbox.quit(now)
	for _, l := range ln.legs() {
		l.retire(now)
	}
}

// sweep drops the retired lines that are done, and their connections.
func (a *Agent) sweep(now time.Time) {
	for _, ln := range a.lines {
		ln.sweepLegs()
	}
	if len(a.retired) == 0 {
		return
	}
	done := func(ln *line) bool {
		return ln.calls == 0 && !ln.registering() && len(a.txsBy(func(tx *clientTx) bool { return tx.leg.ln == ln && tx.underWay() })) == 0
	}
	for _, ln := range slices.Clone(a.retired) {
		if !done(ln) {
			continue
		}
		a.retired = slices.DeleteFunc(a.retired, func(o *line) bool { return o == ln })
		for _, f := range a.flowsOf(ln) {
			a.net(Close{f.ID})
			a.flowGone(now, f, "")
		}
	}
}

// flowsOf are the connections of a line in the order they were opened.
func (a *Agent) flowsOf(ln *line) (list []*flow) {
	for _, f := range a.flows {
		if f.line == ln {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(x, y *flow) int { return cmp.Compare(x.ID, y.ID) })
	return list
}

func (a *Agent) dnsAnswered(now time.Time, in Answer) {
	for _, ln := range slices.Concat(a.lines, a.retired) {
		for _, l := range ln.legs() {
			l.answered(now, in)
		}
	}
	for _, r := range slices.Clone(a.resolutions) {
		if r.locator != nil { // forgotten meanwhile
			r.proceed(now, r.locator.Answer(now, in))
		}
	}
}

func (a *Agent) query(questions []Question) {
	for _, q := range questions {
		a.net(Query{q})
	}
}

// addressChanged registers anew from the addresses there are now.
func (a *Agent) addressChanged(now time.Time, addrs []netip.Addr) {
	a.cfg.LocalAddrs = slices.Clone(addrs)
	if len(addrs) == 0 {
		return // without a network there is nothing to be done but wait for one
	}
	for _, ln := range slices.Clone(a.lines) {
		for _, l := range ln.legs() {
			l.addressChanged(now)
		}
	}
}

// shutdown ends all calls and un-registers. Idle tells when that is done.
func (a *Agent) shutdown(now time.Time) {
	if a.closing {
		return
	}
	a.closing = true
	for _, id := range a.ids() {
		a.calls[id].hangup(now, 480)
	}
	for _, ln := range a.lines {
		for _, l := range ln.legs() {
			l.stopWatching()
		}
		ln.mailbox.unregister(now)
	}
}

// ids are the calls in a fixed order, so that steps repeat exactly.
func (a *Agent) ids() (ids []ID) {
	for id := range a.calls {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// received takes in what came from the network.
func (a *Agent) received(now time.Time, in Received) {
	f := a.arrivedBy(now, in.Flow)
	if f == nil {
		return // a connection we have closed
	}
	for _, ln := range a.lines {
		for _, l := range ln.legs() {
			l.hearsFrom(now, f)
		}
	}
	if len(bytes.Trim(in.Data, "\r\n")) == 0 {
		// RFC 5626 section 3.5.1: a double CRLF is a ping, a single one its pong.
		if f.Transport.reliable() && bytes.Equal(in.Data, []byte("\r\n\r\n")) {
			a.net(Send{f.Flow, []byte("\r\n")})
		}
		return
	}
	v := AdmitFrom(in.Data, f.Transport.reliable(), f.Remote)
	switch {
	case v.Request != nil:
		a.requested(now, f, v.Request)
	case v.Response != nil:
		resp := v.Response
		if tx := a.clientTxs[txKey{branch: branchOf(resp), method: resp.CSeq().MethodName}]; tx != nil {
			tx.step(now, inputOf(resp.StatusCode), resp, "")
		}
	case v.Reply != nil && a.trusted(f):
		a.net(Send{f.Flow, v.Reply})
	}
	if v.Close && f.ID != 0 {
		a.logf("connection to %s closed: %s", f.Remote, v.Why)
		a.net(Close{f.ID})
		a.flowGone(now, f, v.Why)
	}
}
