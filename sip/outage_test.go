package sip

import (
	"bytes"
	"flag"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	seeds = flag.Int("seeds", 40, "worlds of the Outage tests")
	from  = flag.Int("from", 0, "the first world of the Outage tests")
	seed  = flag.Int64("seed", -1, "the only world of the Outage tests, with its transcript")
)

// TestOutage plays worlds full of faults, each drawn from its seed, and holds each step against the invariants
// of outage_check_test.go. A world that breaks one is played again to be written down.
func TestOutage(t *testing.T) {
	if *seed >= 0 {
		w := play(uint64(*seed), true)
		t.Logf("seed %d:\n%s", *seed, w.out.Bytes())
		for _, b := range w.bad {
			t.Error(b)
		}
		return
	}
	type result struct {
		seed             int
		bad              string
		most, regs, load int
	}
	next, results := make(chan int), make(chan result)
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for s := range next {
				w := play(uint64(s), false)
				r := result{seed: s, most: w.check.most, regs: w.check.mostRegs, load: w.check.load}
				if len(w.bad) > 0 {
					r.bad = w.bad[0]
				}
				results <- r
			}
		}()
	}
	go func() {
		for s := range *seeds {
			next <- *from + s
		}
		close(next)
	}()
	most, regs, load, first := 0, 0, 0, -1
	for range *seeds {
		r := <-results
		most, regs, load = max(most, r.most), max(regs, r.regs), max(load, r.load)
		if r.bad == "" {
			continue
		}
		t.Errorf("seed %d: %s", r.seed, r.bad)
		if first < 0 || r.seed < first {
			first = r.seed
		}
	}
	t.Logf("at most %d requests, %d of them REGISTER, in a minute; %d %% of what is allowed", most, regs, load)
	if first >= 0 {
		t.Logf("seed %d, as go test ./sip -run TestOutage -seed %d writes it down:\n%s", first, first, play(uint64(first), true).out.Bytes())
	}
}

// TestOutageRepeats plays worlds twice: what is written down is the same, to the byte.
func TestOutageRepeats(t *testing.T) {
	for s := range uint64(max(4, *seeds/100)) {
		a, b := play(s, true), play(s, true)
		if !bytes.Equal(a.out.Bytes(), b.out.Bytes()) || a.sum != b.sum {
			t.Errorf("seed %d is not the same when it is played again:\n%s", s, difference(a.out.String(), b.out.String()))
		}
		if c := play(s, false); c.sum != a.sum || c.now != a.now {
			t.Errorf("seed %d is not the same when it is not written down", s)
		}
	}
}

// difference is the first line in which two transcripts differ, and those before it.
func difference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return strings.Join(x[max(0, i-5):i], "\n") + "\n< " + x[i] + "\n> " + y[i]
		}
	}
	return "one goes on longer"
}

// play plays one world to its end.
func play(seed uint64, written bool) (w *world) {
	w = newWorld(seed)
	defer func() {
		if r := recover(); r != nil {
			w.violated("panic: %v\n%s", r, debug.Stack())
		}
	}()
	if written {
		w.out = &bytes.Buffer{}
	}
	k, l := w.knobs, w.cfg.Lines[0]
	w.say("%d servers (%s) by %s, shared %v, auth %v, route %v; expires %s failover %s probe %s fallback %s good %d auto %v dual %v standby %v try %q",
		k.servers, l.Proxy, l.Transport, k.shared, k.auth, k.route, l.Expires, l.FailoverTimeout, l.ProbeIntvl, l.FallbackIntvl, l.GoodProbes,
		l.AutoRegister, l.DualRegistration, l.HotStandby, w.cfg.TryBackupRSC)
	w.agent = New(w.cfg)
	for range k.faults {
		w.after(w.between(0, k.chaos), w.trouble)
	}
	for d := w.between(0, 20*time.Second); d < k.chaos; d += w.between(time.Second, 45*time.Second) {
		w.after(d, w.use)
	}
	w.step(Tick{})
	w.look()
	w.run(k.chaos)
	w.peace()
	return w
}

// peace ends all faults, and looks at what has become of the line.
func (w *world) peace() {
	if len(w.bad) > 0 {
		return
	}
	w.say("** peace")
	for _, h := range w.hosts {
		h.set(works)
	}
	w.zone.mode = ""
	w.far.willing = true
	if !w.phone.IsValid() {
		w.run(time.Minute)
	}
	for range 2 { // calls that were on their way come in meanwhile
		for _, id := range w.agent.ids() {
			w.hangUp(id)
		}
		w.run(time.Minute)
	}
	w.run(w.settling())
	if len(w.bad) > 0 {
		return
	}
	w.check.settled(w)
	if len(w.bad) > 0 {
		return
	}
	w.lastCalls()
	if len(w.bad) > 0 {
		return
	}
	w.step(Shutdown{})
	w.run(2 * time.Minute)
	w.check.left(w)
}

// settling is how long the line may take to be home after the last fault: until DNS is asked again, until
// the next attempt to register, until the better server is probed and has been good.
func (w *world) settling() time.Duration {
	l, t := w.cfg.Lines[0], w.cfg.Timers
	d := 64*t.T1 + max(t.RegRetryLongIntvl, t.RegRetryIntvlCap)*11/10 + 90*time.Second
	if w.knobs.form != "static" {
		d += max(w.zone.ttl, minTTL) + askLimit + maxNegative
	}
	if slices.ContainsFunc(w.hosts, func(h *host) bool { return h.mute }) {
		d += confirmTime + l.FallbackIntvl // only a REGISTER tells whether one that drops OPTIONS is back
	}
	d += l.FallbackIntvl*11/10 + 2*max(l.ProbeIntvl, time.Second) + time.Duration(l.GoodProbes)*6*time.Second
	if l.ProbeIntvl == 0 {
		d += 2*l.Expires + 2*l.FallbackIntvl
	}
	return d + w.mail.settling(&l)
}

// lastCalls are one in each direction: the line does its work.
func (w *world) lastCalls() {
	id := w.callOut()
	c := w.check.calls[id]
	w.run(3 * time.Second)
	if c.answered.IsZero() {
		w.violated("a call in peace is not answered: %+v", *c)
		return
	}
	w.hangUp(id)
	w.run(40 * time.Second)
	for _, ln := range w.agent.lines {
		h := w.hostAt(ln.leg.reg.server.Addr)
		if h.db.hasForgotten(ln.leg.reg) || ln.cfg.HotStandby && w.knobs.shared {
			continue // which of several Contacts a cluster takes is its own affair
		}
		leg := w.far.call(h)
		w.run(3 * time.Second)
		if leg == nil || leg.state != legUp {
			w.violated("a call by %s in peace does not reach the phone", h.name)
			return
		}
		leg.bye()
		w.run(40 * time.Second)
	}
}

// left: after a Shutdown nothing is under way, and nothing is left behind.
func (k *checks) left(w *world) {
	a := w.agent
	if !a.Idle() || len(a.clientTxs) > 0 || len(a.serverTxs) > 0 || len(a.merges) > 0 || len(a.calls) > 0 || len(a.dialogs) > 0 || len(a.retired) > 0 || len(a.resolutions) > 0 {
		w.violated("left behind: idle %v, %d client and %d server transactions, %d merges, %d calls, %d dialogs, %d retired lines, %d look-ups",
			a.Idle(), len(a.clientTxs), len(a.serverTxs), len(a.merges), len(a.calls), len(a.dialogs), len(a.retired), len(a.resolutions))
	}
	w.mail.left(w)
	for id, c := range k.calls {
		if !c.ended {
			w.violated("call %d never ended", id)
		}
	}
	for _, ln := range a.lines {
		for _, l := range ln.legs() {
			if len(l.watches) > 0 {
				w.violated("%d watches are left", len(l.watches))
			}
		}
	}
	for _, l := range w.far.legs {
		if l.state == legUp {
			w.violated("the far end is still in call %s since %s", l.callID, l.upSince.Sub(w.begin))
		}
	}
}

// TestOutageOnce plays worlds that once broke an invariant.
func TestOutageOnce(t *testing.T) {
	for _, s := range []uint64{112, 128, 900, 1405, 2523, 2844, 3370, 3830, 4446, 4631, 4807, 5360, 6102, 8125, 10935, 11400, 11925, 12797, 17270, 17377, 19437, 20399, 20626, 20827, 21534, 24044, 25895, 27939, 33782, 34364, 37090, 53309, 55858, 65503, 65678, 69452, 86317, 91088} {
		if w := play(s, false); len(w.bad) > 0 {
			t.Errorf("seed %d: %s", s, w.bad[0])
		}
	}
}
