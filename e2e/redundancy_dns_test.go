//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// TestRedundancyDNSDown is the matrix's column of a DNS that says nothing, longer than any answer is good for: what was
// known before is used, for calls and for a failover, and nothing waits.
func TestRedundancyDNSDown(t *testing.T) {
	t.Parallel()
	sideBySide(t, func(t *testing.T, transport string) {
		c := startCell(t, transport, nil)
		id, alive := c.callOut("a call while DNS answers", c.pair.a)
		c.hangup("a call while DNS answers", id)
		c.pair.dns.silence(true)
		c.wantQuestions("the answers are no longer good")
		asked := c.pair.dns.questions()
		id, dead := c.callOut("a call while DNS says nothing", c.pair.a)
		c.hangup("a call while DNS says nothing", id)
		t.Logf("answered after %v while DNS answered, after %v without it", alive.Round(time.Millisecond), dead.Round(time.Millisecond))
		if dead > alive+500*time.Millisecond { // a busy machine; a DNS query that is waited for takes longer
			t.Errorf("a call without DNS takes %v, with it %v", dead, alive)
		}
		t.Run("idle", func(t *testing.T) { c.in(t).idle("refused") })
		t.Run("before a call", func(t *testing.T) { c.in(t).beforeCall("refused") })
		t.Run("in a call", func(t *testing.T) { c.in(t).inCall("refused") })
		if c.pair.dns.questions() == asked {
			t.Error("DNS was not asked any more: the test shows nothing")
		}
	})
}

// TestRedundancyColdStart: the power comes back while DNS is dead. The phone registers from the answers it has kept.
func TestRedundancyColdStart(t *testing.T) {
	t.Parallel()
	c := startCell(t, "UDP", nil)
	c.phone.terminate()
	c.pair.dns.silence(true)
	c.phone.start()
	c.wantServer("a cold start without DNS", c.pair.a)
	id, _ := c.callOut("a call after a cold start without DNS", c.pair.a)
	c.hangup("a call after a cold start without DNS", id)
}

// TestRedundancyRecordChanged is the matrix's column of an SRV record that is changed while both servers serve: the line
// moves to the server that is first now without being lost, and a call that goes on is left alone.
func TestRedundancyRecordChanged(t *testing.T) {
	t.Parallel()
	sideBySide(t, func(t *testing.T, transport string) {
		c := startCell(t, transport, nil)
		a, b := c.pair.a, c.pair.b
		t.Run("idle", func(t *testing.T) {
			c := c.in(t)
			c.moves("b is first now", b, b, a)
			id, _ := c.callOut("a call", b)
			c.hangup("a call", id)
			c.moves("a is first again", a, a, b)
		})
		t.Run("before a call", func(t *testing.T) {
			c := c.in(t)
			c.pair.list(b)
			id := c.phone.dial(c.far.number)
			c.phone.wantCall("a call at once", "connected", id)
			c.hangup("a call at once", id)
			c.moves("b is alone now", b, b)
			c.callIn("a call from outside", b)
			c.moves("a is first again", a, a, b)
		})
		t.Run("in a call", func(t *testing.T) {
			c := c.in(t)
			id, _ := c.callOut("a call by a", a)
			defer c.far.speak()()
			c.phone.want("both hear each other", func(s status) bool { return s.newest().RTP.Rx > 25 && len(c.far.tap.received(0)) > 25 })
			start, before := len(c.far.tap.received(0)), c.phone.status().newest()
			callID := c.far.latest().callID
			c.pair.list(b, a)
			c.wantQuestions("the phone learns of the change")
			staysSo(t, cellProbe+(cellGood+2)*time.Second, "the call goes on, where it was", func() bool {
				s := c.phone.status()
				return s.newest().State == "connected" && s.Lines[0].Active == a.uses(transport)
			})
			if missing, arrived := c.far.tap.gaps(start); missing > 0 || arrived < 100 {
				t.Errorf("%d packets are missing, %d arrived", missing, arrived)
			}
			if lost := c.phone.status().newest().RTP.Lost; lost > before.RTP.Lost {
				t.Errorf("%d packets to the phone are lost", lost-before.RTP.Lost)
			}
			if got := c.far.requests(callID, "INVITE"); len(got) != 1 {
				t.Errorf("%d INVITEs arrived: the call was touched", len(got))
			}
			c.hangup("the call", id)
			c.moves("b is first now", b, b, a)
		})
	})
}

// wantQuestions waits until the phone asks DNS again.
func (c *cell) wantQuestions(sentence string) {
	c.t.Helper()
	asked := c.pair.dns.questions()
	eventuallyIn(c.t, askAgain+busyMachine, sentence, func() bool { return c.pair.dns.questions() > asked })
}

// moves lists the servers in this order and demands that the line ends at one of them, registered all the time.
func (c *cell) moves(sentence string, to *server, order ...*server) {
	c.t.Helper()
	c.pair.list(order...)
	began, lost := time.Now(), 0
	eventuallyIn(c.t, askAgain+cellProbe+cellGood*time.Second+busyMachine, sentence, func() bool {
		l := c.phone.status().Lines[0]
		if l.State != "registered" {
			lost++
		}
		return l.Active == to.uses(c.transport) && l.registeredAt(to)
	})
	if lost > 0 {
		c.t.Errorf("%s: on the way the line was not registered (%d looks)", sentence, lost)
	}
	c.t.Logf("%s: moved after %v", sentence, time.Since(began).Round(10*time.Millisecond))
}
