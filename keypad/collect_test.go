package keypad

import (
	"strings"
	"testing"
	"time"

	"dialtone/hal"
)

func TestCollector(t *testing.T) {
	sec := func(n float64) time.Time { return at(n * 1000) }
	c := Collector{Plan: Plan{Long: 10 * time.Second}}
	check := func(what string, number string, next time.Time) {
		t.Helper()
		if c.Number() != number || !c.Next().Equal(next) {
			t.Errorf("%s: %q until %v, want %q until %v", what, c.Number(), c.Next().Sub(start), number, next.Sub(start))
		}
	}
	digits := func(now time.Time, s string) (v Verdict) {
		for _, d := range s {
			v = c.Digit(now, hal.Key(string(d)))
		}
		return v
	}
	var never time.Time

	if v := digits(sec(0), "12"); v != More {
		t.Errorf("a digit on-hook: verdict %v", v)
	}
	check("on-hook the number waits", "12", never)
	c.Lift(sec(1), true)
	check("off-hook the timer runs", "12", sec(11))
	digits(sec(2), "*")
	check("every digit starts it anew", "12*", sec(12))
	if c.Expired(sec(11.999)) || !c.Expired(sec(12)) {
		t.Error("expires at another time than 12 s")
	}
	c.Delete(sec(5))
	check("so does taking one back", "12", sec(15))
	if v := digits(sec(6), "#"); v != Send {
		t.Errorf("# after digits: verdict %v", v)
	}
	check("# sends", "12", never)
	c.Clear()
	check("cleared", "", never)
	if c.Delete(sec(6)) || c.Expired(sec(100)) {
		t.Error("there is something in an empty number")
	}
	if v := digits(sec(7), "#"); v != More {
		t.Errorf("# first: verdict %v", v)
	}
	check("# first is a digit", "#", sec(17))
	if c.Plus() {
		t.Error("# became +")
	}
	c.Clear()
	digits(sec(8), "0")
	if !c.Plus() {
		t.Error("0 did not become +")
	}
	digits(sec(8), "49")
	check("a long 0", "+49", sec(18))
	if c.Plus() {
		t.Error("a later digit became +")
	}
	for _, k := range []hal.Key{hal.Hook, hal.Talk, "", "12"} {
		if v := c.Digit(sec(8), k); v != Refused {
			t.Errorf("key %q: verdict %v", k, v)
		}
	}
	c.Lift(sec(9), false)
	check("put back", "+49", never)

	c = Collector{}
	c.Lift(sec(0), true)
	if v := digits(sec(0), strings.Repeat("1", maxDigits)); v != More {
		t.Errorf("digit %d: verdict %v", maxDigits, v)
	}
	if v := digits(sec(0), "1"); v != Refused {
		t.Errorf("one digit too many: verdict %v", v)
	}
	check("a plan without a timer waits for ever", strings.Repeat("1", maxDigits), never)
	if v := digits(sec(0), "#"); v != Send {
		t.Errorf("# after as many digits as can be: verdict %v", v)
	}
}
