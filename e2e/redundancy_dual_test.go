//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// TestRedundancyDual: with Dual_Registration the line is registered at two proxies that know nothing of each other. Each
// leg lives alone: what happens to one does not touch the other, calls come in by both and go out by the first that works.
func TestRedundancyDual(t *testing.T) {
	t.Parallel()
	sideBySide(t, func(t *testing.T, transport string) {
		c := &cell{t: t, transport: transport, pair: startPair(t), far: startFarEnd(t)}
		a, b := c.pair.a, c.pair.b
		atB := b.log.mark()
		c.phone = c.pair.startPhone(transport, map[string]string{
			"Proxy_1_": "a." + c.pair.domain, "Alternate_Proxy_1_": "b." + c.pair.domain, "Dual_Registration_1_": "Yes", "Register_Expires_1_": "20"})
		c.wantLegs("both legs register", true, true)
		callID := c.legID(b, atB)

		t.Run("calls", func(t *testing.T) {
			c := c.in(t)
			c.callInAt("from outside by the primary proxy", a, "a."+c.pair.domain)
			c.callInAt("from outside by the alternate proxy", b, "b."+c.pair.domain)
			id, _ := c.callOut("to the outside", a)
			c.hangup("to the outside", id)
		})
		t.Run("silent", func(t *testing.T) {
			c := c.in(t)
			a.strike("silent")
			id, took := c.callOut("a call at once", b)
			t.Logf("answered by the alternate proxy after %v", took.Round(time.Millisecond))
			c.hangup("a call at once", id)
			id, took = c.callOut("the next call", b)
			t.Logf("the next one after %v", took.Round(time.Millisecond))
			c.hangup("the next call", id)
			c.callInAt("from outside by the alternate proxy", b, "b."+c.pair.domain)
			a.mend()
			c.wantLegs("the primary leg comes back", true, true)
			eventually(t, "calls go by the primary proxy again", func() bool {
				mark := a.log.mark()
				id := c.phone.dial(c.far.number)
				c.phone.wantCall("a call", "connected", id)
				c.hangup("a call", id)
				return !a.answered(mark, c.phone.user).IsZero()
			})
		})
		t.Run("refuses", func(t *testing.T) { // 500 is not in Try_Backup_RSC
			c := c.in(t)
			if _, err := a.rpc("cfg.seti", "suite", "code", "500"); err != nil {
				t.Fatal(err)
			}
			a.fail = "503" // is mended so
			eventuallyIn(t, 3*patience, "the primary leg fails", func() bool { return !c.phone.status().Lines[0].registeredAt(a) })
			id, _ := c.callOut("the primary leg is not registered: straight to the alternate", b)
			c.hangup("the primary leg is not registered: straight to the alternate", id)
			c.wantLegs("the alternate leg stays", false, true)
		})
		if got := c.legID(b, atB); got != callID {
			t.Errorf("the alternate leg began anew: its Call-ID was %s, now %s", callID, got)
		}
		if gone := b.left(atB, c.phone.user); !gone.IsZero() {
			t.Errorf("the alternate leg was taken away at %v", gone)
		}
	})
}

// wantLegs waits until the legs are registered or not.
func (c *cell) wantLegs(sentence string, primary, alternate bool) {
	c.t.Helper()
	c.phone.want(sentence, func(s status) bool {
		l := s.Lines[0]
		return l.registeredAt(c.pair.a) == primary && l.registeredAt(c.pair.b) == alternate
	})
}

// legID is the Call-ID of the newest REGISTER of the phone at a server.
func (c *cell) legID(s *server, mark int) string {
	c.t.Helper()
	lines := s.received(mark, "REGISTER", c.phone.user)
	if len(lines) == 0 {
		c.t.Fatalf("%s has seen no REGISTER", s.name)
	}
	return callIDField.FindStringSubmatch(lines[len(lines)-1])[1]
}

// callInAt is callIn for a user of this domain.
func (c *cell) callInAt(sentence string, by *server, domain string) {
	c.t.Helper()
	pair := *c.pair
	pair.domain = domain
	(&cell{t: c.t, transport: c.transport, pair: &pair, phone: c.phone, far: c.far}).callIn(sentence, by)
}
