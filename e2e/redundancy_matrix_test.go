//go:build e2e

package e2e

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRedundancy is the matrix of faults: each transport, each fault of the first server, when the line is idle, just
// before a call and in a call. In every cell the line is served by the second server, a call is answered by it, a call
// that goes on loses nothing, and the line goes home when the first server is back, without being lost on the way.
//
// The limits are generous, for this runs on machines that are busy; what it really takes is measured by
// TestRedundancyMeasure and written down in docs/redundancy.md.
func TestRedundancy(t *testing.T) {
	t.Parallel()
	for _, fault := range faults {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			needFault(t, fault)
			sideBySide(t, func(t *testing.T, transport string) {
				var profile map[string]string
				if fault == "503" && transport != "UDP" { // a ping cannot ask whether it serves; the next refresh does
					profile = map[string]string{"Register_Expires_1_": "20"}
				}
				c := startCell(t, transport, profile)
				t.Run("idle", func(t *testing.T) { c.in(t).idle(fault) })
				t.Run("before a call", func(t *testing.T) { c.in(t).beforeCall(fault) })
				t.Run("in a call", func(t *testing.T) { c.in(t).inCall(fault) })
				t.Run("at the end of a call", func(t *testing.T) { c.in(t).atHangup(fault) })
			})
		})
	}
}

// A cell is a pair, a phone and somebody to call.
type cell struct {
	t         testing.TB
	transport string
	pair      *pair
	phone     *phone
	far       *farEnd
}

func startCell(t testing.TB, transport string, profile map[string]string) *cell {
	t.Helper()
	c := &cell{t: t, transport: transport, pair: startPair(t), far: startFarEnd(t)}
	c.phone = c.pair.startPhone(transport, profile)
	return c
}

// in is the cell as a subtest uses it.
func (c *cell) in(t testing.TB) *cell {
	c.phone.t, c.pair.t, c.pair.a.t, c.pair.b.t, c.far.t = t, t, t, t, t
	return &cell{t: t, transport: c.transport, pair: c.pair, phone: c.phone, far: c.far}
}

// marks are the places in the logs of both servers, and in what the phone says.
type marks struct{ a, b, phone int }

func (c *cell) marks() marks {
	return marks{c.pair.a.log.mark(), c.pair.b.log.mark(), c.phone.events.mark()}
}

// logSlack is how far apart lines of two processes may be read, whatever their order.
const logSlack = 20 * time.Millisecond

var registrations = regexp.MustCompile(`: (un-)?registered at `)

// wantServer waits until the line is registered at a server and uses it.
func (c *cell) wantServer(sentence string, s *server) {
	c.t.Helper()
	c.phone.want(sentence+": registered at "+s.name+", which is in use", func(now status) bool {
		return len(now.Lines) > 0 && now.Lines[0].State == "registered" && now.Lines[0].Active == s.uses(c.transport) && now.Lines[0].registeredAt(s)
	})
}

// registeredAt tells whether the line has a binding at a server.
func (l line) registeredAt(s *server) bool {
	for _, e := range l.Servers {
		if e.Registered && strings.HasPrefix(e.Address, s.addr.String()+":") {
			return true
		}
	}
	return false
}

// callOut places a call, demands that it is answered by way of a server, and returns its ID and how long it took.
func (c *cell) callOut(sentence string, by *server) (string, time.Duration) {
	c.t.Helper()
	mark := by.log.mark()
	began := time.Now()
	id := c.phone.dial(c.far.number)
	c.phone.wantCall(sentence, "connected", id)
	var at time.Time
	eventuallyIn(c.t, 2*time.Second, sentence+": it is answered by way of "+by.name, func() bool {
		at = by.answered(mark, c.phone.user)
		return !at.IsZero()
	})
	return id, at.Sub(began)
}

// hangup ends the call and demands that the far end hears so.
func (c *cell) hangup(sentence, id string) {
	c.t.Helper()
	far := c.far.latest()
	c.phone.hangup(id)
	eventually(c.t, sentence+": the BYE arrives", func() bool { return c.far.latest().ended })
	c.phone.wantCall(sentence, "ended", id)
	if got := c.far.requests(far.callID, "BYE"); len(got) != 1 {
		c.t.Logf("%s: %d BYEs arrived", sentence, len(got))
	}
}

// callIn demands that a call reaches the phone by way of a server.
func (c *cell) callIn(sentence string, by *server) {
	c.t.Helper()
	call := c.far.call(by, c.phone.user, c.pair.domain)
	in := c.phone.wantCall(sentence, "incoming")
	c.phone.tell(in.ID, "answer", nil)
	c.phone.wantCall(sentence, "connected", in.ID)
	select {
	case <-call.began:
	case <-time.After(patience):
		c.t.Fatalf("%s: the caller hears no answer", sentence)
	}
	c.far.hangup(call)
	c.phone.wantCall(sentence, "ended", in.ID)
}

// goHome takes the fault away, unless that was done before, and demands that the line is back at a within the interval
// and the probes, that it was registered all the time, and that the binding at b went only after a had taken the line.
func (c *cell) goHome(at marks) {
	c.t.Helper()
	a, b := c.pair.a, c.pair.b
	if a.fail != "" {
		a.mend()
		at.a = a.log.mark()
	}
	began := time.Now()
	limit := cellFallback + cellProbe + cellGood*time.Second
	lost := 0
	eventuallyIn(c.t, limit+busyMachine, "the line goes home", func() bool {
		l := c.phone.status().Lines[0]
		if l.State != "registered" {
			lost++
		}
		return l.Active == a.uses(c.transport) && l.registeredAt(a)
	})
	took := time.Since(began)
	if lost > 0 {
		c.t.Errorf("on the way home the line was not registered (%d looks)", lost)
	}
	eventually(c.t, "a takes the line and the binding at b is taken away", func() bool {
		return !a.accepted(at.a, c.phone.user).IsZero() && !b.left(at.b, c.phone.user).IsZero()
	})
	if home, gone := a.accepted(at.a, c.phone.user), b.left(at.b, c.phone.user); gone.Add(logSlack).Before(home) {
		c.t.Errorf("the binding at b went at %v, a took the line at %v: make before break", gone, home)
	}
	said := c.phone.events.since(at.phone, registrations)
	home := slices.IndexFunc(said, func(line string) bool { return strings.Contains(line, ": registered at "+a.uses(c.transport)) })
	left := slices.IndexFunc(said, func(line string) bool { return strings.Contains(line, ": un-registered at "+b.uses(c.transport)) })
	there := slices.IndexFunc(said, func(line string) bool { return strings.Contains(line, ": registered at "+b.uses(c.transport)) })
	if home < 0 || there >= 0 && there < left && left < home { // what was left before is of an earlier stay
		c.t.Errorf("the phone says %q: make before break", said)
	}
	c.t.Logf("home after %v (interval and probes: %v)", took.Round(10*time.Millisecond), limit)
}

// idle: the fault strikes while nobody speaks.
func (c *cell) idle(fault string) {
	c.t.Helper()
	at := c.marks()
	struck := c.pair.a.strike(fault)
	c.wantServer(fault, c.pair.b)
	c.t.Logf("registered at b after %v", c.pair.b.accepted(at.b, c.phone.user).Sub(struck).Round(time.Millisecond))
	id, took := c.callOut("a call while a is known to fail", c.pair.b)
	c.t.Logf("answered by b after %v", took.Round(time.Millisecond))
	c.hangup("a call while a is known to fail", id)
	c.callIn("a call from outside", c.pair.b)
	c.goHome(at)
}

// beforeCall: the fault strikes, and a call is placed before anything was noticed.
func (c *cell) beforeCall(fault string) {
	c.t.Helper()
	at := c.marks()
	c.pair.a.strike(fault)
	id, took := c.callOut("a call at once", c.pair.b)
	c.t.Logf("answered by b after %v", took.Round(time.Millisecond))
	c.wantServer(fault, c.pair.b)
	c.hangup("a call at once", id)
	if n := c.alive(); n > 0 {
		c.t.Errorf("%d calls are left over", n)
	}
	c.goHome(at)
}

// inCall: the fault strikes during a call. Its media goes on as if nothing had happened, it can be held, resumed and
// hung up, and the line does not go home before it is over.
func (c *cell) inCall(fault string) {
	c.t.Helper()
	at := c.marks()
	id, _ := c.callOut("a call by a", c.pair.a)
	defer c.far.speak()()
	c.phone.want("both hear each other", func(s status) bool { return s.newest().RTP.Rx > 25 && len(c.far.tap.received(0)) > 25 })
	start := len(c.far.tap.received(0))
	before, began := c.phone.status().newest(), time.Now()
	callID := c.far.latest().callID

	c.pair.a.strike(fault)
	c.wantServer(fault+" in a call", c.pair.b)
	eventually(c.t, "the far end is told of the new way", func() bool { return len(c.far.requests(callID, "INVITE")) > 1 })
	now, took := c.phone.status().newest(), time.Since(began)
	missing, arrived := c.far.tap.gaps(start)
	c.t.Logf("in %v the far end got %d packets, %d missing; the phone %d, %d lost", took.Round(time.Millisecond), arrived, missing, now.RTP.Rx-before.RTP.Rx, now.RTP.Lost-before.RTP.Lost)
	if missing > 0 || now.RTP.Lost > before.RTP.Lost {
		c.t.Errorf("the media has a gap: %d packets to the far end, %d to the phone", missing, now.RTP.Lost-before.RTP.Lost)
	}
	if want := int(took / (20 * time.Millisecond)); arrived < want-want/10-10 {
		c.t.Errorf("in %v only %d packets arrived, want about %d", took, arrived, want)
	}

	for _, step := range []struct{ command, state string }{{"hold", "held"}, {"resume", "connected"}} {
		n := len(c.far.requests(callID, "INVITE"))
		c.phone.tell(id, step.command, nil)
		c.phone.wantCall(step.command, step.state, id)
		if got := c.far.requests(callID, "INVITE"); len(got) <= n {
			c.t.Errorf("%s: no re-INVITE arrived", step.command)
		}
	}
	c.pair.a.mend()
	at.a = c.pair.a.log.mark()
	staysSo(c.t, cellFallback+cellProbe+(cellGood+1)*time.Second, "the line does not move while there is a call", func() bool {
		s := c.phone.status()
		return s.Lines[0].Active == c.pair.b.uses(c.transport) && s.newest().State == "connected"
	})
	c.hangup("a call that has outlived its server", id)
	c.goHome(at)
}

// atHangup: the fault strikes in a call, which is hung up before anything was noticed.
func (c *cell) atHangup(fault string) {
	c.t.Helper()
	at := c.marks()
	id, _ := c.callOut("a call by a", c.pair.a)
	c.pair.a.strike(fault)
	began := time.Now()
	c.hangup("a call whose server has just failed", id)
	c.t.Logf("the BYE arrived within %v", time.Since(began).Round(time.Millisecond))
	c.wantServer(fault, c.pair.b)
	c.goHome(at)
}

// alive is how many calls of the phone the far end believes in.
func (c *cell) alive() int {
	c.far.mu.Lock()
	defer c.far.mu.Unlock()
	n := 0
	for _, call := range c.far.calls {
		if !call.ended {
			n++
		}
	}
	return n
}

// newest is the latest call; the zero value: there was none.
func (s status) newest() call {
	if len(s.Calls) == 0 {
		return call{}
	}
	return s.Calls[len(s.Calls)-1]
}
