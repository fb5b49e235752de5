package keypad

import (
	"strings"
	"testing"
	"time"

	"dialtone/hal"
)

// dial collects keys at one moment and returns the last verdict.
func dial(c *Collector, now time.Time, keys string) (v Verdict) {
	for _, d := range keys {
		if d == '+' { // a long 0
			c.Digit(now, "0")
			v, _ = c.Plus(now)
			continue
		}
		v = c.Digit(now, hal.Key(string(d)))
	}
	return v
}

func TestCollectorWithoutPlan(t *testing.T) {
	sec := func(n float64) time.Time { return at(n * 1000) }
	c := Collector{}
	c.Use(at(0), nil, Timers{Long: 10 * time.Second})
	check := func(what string, number string, next time.Time) {
		t.Helper()
		if c.Number() != number || !c.Next().Equal(next) {
			t.Errorf("%s: %q until %v, want %q until %v", what, c.Number(), c.Next().Sub(start), number, next.Sub(start))
		}
	}
	var never time.Time

	if v := dial(&c, sec(0), "12"); v != More {
		t.Errorf("a digit on-hook: verdict %v", v)
	}
	check("on-hook the number waits", "12", never)
	c.Clear()
	c.Lift(sec(1), true)
	dial(&c, sec(1), "12")
	check("off-hook the timer runs", "12", sec(11))
	dial(&c, sec(2), "*")
	check("every digit starts it anew", "12*", sec(12))
	if c.Expire(sec(11.999)) != More || c.Expire(sec(12)) != Send || c.Dialed() != "12*" {
		t.Error("expires at another time than 12 s, or with another number")
	}
	c.Delete(sec(5))
	check("so does taking one back", "12", sec(15))
	if v := dial(&c, sec(6), "#"); v != Send {
		t.Errorf("# after digits: verdict %v", v)
	}
	check("# sends", "12", never)
	c.Clear()
	check("cleared", "", never)
	if c.Delete(sec(6)) || c.Expire(sec(100)) != More || c.Submit(sec(100)) != More {
		t.Error("there is something in an empty number")
	}
	if v := dial(&c, sec(7), "#"); v != More {
		t.Errorf("# first: verdict %v", v)
	}
	check("# first is a digit", "#", sec(17))
	if _, ok := c.Plus(sec(7)); ok {
		t.Error("# became +")
	}
	c.Clear()
	dial(&c, sec(8), "0")
	if _, ok := c.Plus(sec(8)); !ok {
		t.Error("0 did not become +")
	}
	dial(&c, sec(8), "49")
	check("a long 0", "+49", sec(18))
	if _, ok := c.Plus(sec(8)); ok {
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
	if v := dial(&c, sec(0), strings.Repeat("1", maxDigits)); v != More {
		t.Errorf("digit %d: verdict %v", maxDigits, v)
	}
	if v := dial(&c, sec(0), "1"); v != Refused {
		t.Errorf("one digit too many: verdict %v", v)
	}
	check("without a timer it waits for ever", strings.Repeat("1", maxDigits), never)
	if v := dial(&c, sec(0), "#"); v != Send {
		t.Errorf("# after as many digits as can be: verdict %v", v)
	}
}

func mustPlan(t testing.TB, script string) *Plan {
	t.Helper()
	p, err := ParsePlan(script)
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return p
}

// TestPlans dials by the examples of reference D.1 and others.
func TestPlans(t *testing.T) {
	const us = "(*xx|[3469]11|0|00|[2-9]xxxxxx|1xxx[2-9]xxxxxxS0|xxxxxxxxxxxx.)"
	for _, c := range []struct {
		plan, keys string
		verdict    Verdict
		dialed     string
		wait       time.Duration // until the number is judged, after the last key; 0: no timer runs
		then       Verdict       // of the timer
	}{
		{us, "*72", Send, "*72", 0, 0},
		{us, "*7", More, "", 10 * time.Second, Reject},
		{us, "411", More, "", 3 * time.Second, Send}, // 411xxxx may be meant
		{us, "4115551", More, "", 3 * time.Second, Send},
		{us, "41155512", More, "", 10 * time.Second, Reject}, // a long number by now
		{us, "0", More, "", 3 * time.Second, Send},
		{us, "00", More, "", 3 * time.Second, Send},
		{us, "12125551234", Send, "12125551234", 0, 0}, // S0
		{us, "1212555", More, "", 10 * time.Second, Reject},
		{us, "121255512#", Reject, "", 0, 0},
		{us, "0114930123456", More, "", 3 * time.Second, Send},
		{us, "*7*", Reject, "", 0, 0},
		{DefaultPlan, "600", More, "", 3 * time.Second, Send},
		{DefaultPlan, "600#", Send, "600", 0, 0},
		{DefaultPlan, "1001", More, "", 3 * time.Second, Send},
		{DefaultPlan, "1#", Send, "1", 0, 0},
		{DefaultPlan, "12125551234", Send, "12125551234", 0, 0},
		{"(01.)", "0", More, "", 3 * time.Second, Send},
		{"(01.)", "01111", More, "", 3 * time.Second, Send},
		{"(01.)", "012", Reject, "", 0, 0},
		{"(xx.)", "1", More, "", 3 * time.Second, Send},
		{"(<8:1650>xxxxxxx)", "85551234", Send, "16505551234", 0, 0},
		{"(<:1>xxxxxxxxxx)", "2125551234", Send, "12125551234", 0, 0},
		{"(<8:>xxx)", "8123", Send, "123", 0, 0},
		{"(<9:>,xxx)", "9123", Send, "123", 0, 0},
		{"(9,xxx)", "9", More, "", 10 * time.Second, Reject},
		{"(1900xxx! | 1[2-9]x.)", "1900", More, "", 3 * time.Second, Send},
		{"(1900xxx! | 1900xxx)", "1900123", Barred, "", 0, 0},
		{"(1900x.! | 1[2-9]xx.)", "19001#", Barred, "", 0, 0},
		{"(1900xxx!|xx.)", "+1900123#", Reject, "", 0, 0},
		{"(1900xxx!|xx.)", "+4930", Reject, "", 0, 0}, // at the first key
		{"(1900xxx!|+1900x.!|+xx.)", "+1900123#", Barred, "", 0, 0},
		{"(1900xxx!|+1900x.!|+xx.)", "+4930#", Send, "+4930", 0, 0},
		{"(1900xxx|xx.)", "+1900123#", Send, "+1900123", 0, 0},
		{"([35-8*]x)", "*1", Send, "*1", 0, 0},
		{"([35-8*]x)", "4", Reject, "", 0, 0},
		{"(#xx|xxx)", "#61", Send, "#61", 0, 0},
		{"(#xx|xxx)", "12#", Reject, "", 0, 0},
		{"(xxS2|xxxx)", "12", More, "", 2 * time.Second, Send},
		{"(xxS|xxxx)", "12", More, "", 5 * time.Second, Send},
		{"(xxxxL4)", "12", More, "", 4 * time.Second, Reject},
		{"L:7,S:1,(xx|xxxx)", "1", More, "", 7 * time.Second, Reject},
		{"L:7,S:1,(xx|xxxx)", "12", More, "", time.Second, Send},
		{"(P5<:1000>|xx)", "", More, "", 5 * time.Second, Send},
		{"(P5|xx)", "", More, "", 5 * time.Second, Reject},
		{"(P5<:1000>|xx)", "12", Send, "12", 0, 0},
		{"(<:sip.user@gw0.example>9x)", "91", Send, "sip.user@gw0.example91", 0, 0},
		{"(x.<1:2>)", "111", More, "", 3 * time.Second, Send},
	} {
		var col Collector
		col.Use(at(0), mustPlan(t, c.plan), DefaultTimers())
		v := col.Lift(at(0), true)
		if c.keys != "" {
			v = dial(&col, at(0), c.keys)
		}
		if v != c.verdict || v == Send && col.Dialed() != c.dialed {
			t.Errorf("%s, %q: verdict %v sends %q, want %v %q", c.plan, c.keys, v, col.Dialed(), c.verdict, c.dialed)
			continue
		}
		var wait time.Duration
		if !col.Next().IsZero() {
			wait = col.Next().Sub(at(0))
		}
		if wait != c.wait {
			t.Errorf("%s, %q: waits %v, want %v", c.plan, c.keys, wait, c.wait)
		}
		if wait > 0 {
			if got := col.Expire(at(0).Add(wait)); got != c.then {
				t.Errorf("%s, %q: the timer says %v, want %v", c.plan, c.keys, got, c.then)
			}
		}
	}
}

func TestHotLine(t *testing.T) {
	var c Collector
	c.Use(at(0), mustPlan(t, "(P0<:1000>)"), DefaultTimers())
	if v := c.Lift(at(0), true); v != Send || c.Dialed() != "1000" {
		t.Errorf("lifting a hot line: %v, %q", v, c.Dialed())
	}
	c.Use(at(0), mustPlan(t, "(P0)"), DefaultTimers())
	if v := c.Lift(at(0), true); v != Reject {
		t.Errorf("P0 without a number: %v", v)
	}
}

// Who takes back every digit is where he was when he lifted the handset, but that a hot line does not call.
func TestNothingDialedAfterAll(t *testing.T) {
	for plan, want := range map[string]time.Duration{"(P5<:1000>|xx)": 5 * time.Second, "(P0<:1000>|xx)": 0, "(xx)": 0} {
		var c Collector
		c.Use(at(0), mustPlan(t, plan), DefaultTimers())
		c.Lift(at(0), true)
		dial(&c, at(1000), "1")
		c.Delete(at(2000))
		var wait time.Duration
		if next := c.Next(); !next.IsZero() {
			wait = next.Sub(at(2000))
		}
		if wait != want {
			t.Errorf("%s: waits %v after the digit was taken back, want %v", plan, wait, want)
		}
		if want > 0 && (c.Expire(at(7000)) != Send || c.Dialed() != "1000") {
			t.Errorf("%s: calls %q", plan, c.Dialed())
		}
	}
}

func TestOutsideTone(t *testing.T) {
	var c Collector
	c.Use(at(0), mustPlan(t, "(<9:>,xx|8x)"), DefaultTimers())
	c.Lift(at(0), true)
	for _, step := range []struct {
		key  string
		tone bool
	}{{"9", true}, {"1", false}} {
		dial(&c, at(0), step.key)
		if c.OutsideTone() != step.tone {
			t.Errorf("after %q the outside tone is %v", c.Number(), !step.tone)
		}
	}
	c.Delete(at(0))
	if !c.OutsideTone() {
		t.Error("taking back the digit does not bring the tone back")
	}
}

// On-hook a number is judged when it is submitted or the handset is lifted.
func TestOnHook(t *testing.T) {
	var c Collector
	c.Use(at(0), mustPlan(t, "(1xx|19xxx!)"), DefaultTimers())
	if v := dial(&c, at(0), "123"); v != More || !c.Next().IsZero() {
		t.Errorf("on-hook a complete number is sent by itself: %v", v)
	}
	if v := c.Submit(at(0)); v != Send || c.Dialed() != "123" {
		t.Errorf("submitted: %v %q", v, c.Dialed())
	}
	c.Clear()
	dial(&c, at(0), "19")
	if v := c.Lift(at(0), true); v != Reject {
		t.Errorf("lifted with half a number: %v", v)
	}
	c.Clear()
	c.Lift(at(0), false)
	dial(&c, at(0), "19123")
	if v := c.Submit(at(0)); v != Barred {
		t.Errorf("a barred number on-hook: %v", v)
	}
	c.Use(at(0), mustPlan(t, DefaultPlan), DefaultTimers())
	for number, want := range map[string]Verdict{"600": Send, "7": Send, "": More, "+4930123": Send} {
		c.Clear()
		dial(&c, at(0), number)
		if v := c.Submit(at(0)); v != want || v == Send && c.Dialed() != number {
			t.Errorf("%q submitted: %v %q, want %v", number, v, c.Dialed(), want)
		}
	}
}

func TestAnotherLinesPlan(t *testing.T) {
	var c Collector
	c.Use(at(0), mustPlan(t, "(1xx)"), DefaultTimers())
	c.Lift(at(0), true)
	dial(&c, at(0), "12")
	c.Use(at(0), mustPlan(t, "(<1:9>xxx)"), DefaultTimers())
	if dial(&c, at(0), "3"); c.Dialed() != "" {
		t.Errorf("the old plan decides: %q", c.Dialed())
	}
	if v := dial(&c, at(0), "4"); v != Send || c.Dialed() != "9234" {
		t.Errorf("the new plan: %v %q", v, c.Dialed())
	}

	const seven = 7 * time.Second
	for _, tt := range []struct {
		plan    string
		verdict Verdict
		wait    time.Duration
	}{
		{"L:7,(12xx)", More, seven},
		{"S:7,(12|12xx)", More, seven},
		{"(12)", Send, 0},
		{"(12!)", Barred, 0},
		{"(2x)", Reject, 0},
	} {
		c = Collector{}
		c.Use(at(0), mustPlan(t, "(1xxx)"), DefaultTimers())
		dial(&c, at(0), "12")
		p := mustPlan(t, tt.plan)
		if v := c.Use(at(0), p, DefaultTimers()); v != More || !c.Next().IsZero() {
			t.Errorf("%s on-hook: %v, timer at %v", tt.plan, v, c.Next())
		}
		c.Clear()
		c.Use(at(0), mustPlan(t, "(1xxx)"), DefaultTimers())
		c.Lift(at(0), true)
		dial(&c, at(0), "12")
		v := c.Use(at(4000), p, DefaultTimers())
		var wait time.Duration
		if next := c.Next(); !next.IsZero() {
			wait = next.Sub(at(4000))
		}
		if v != tt.verdict || wait != tt.wait {
			t.Errorf("%s in mid-number: %v, waits %v, want %v and %v", tt.plan, v, wait, tt.verdict, tt.wait)
		}
		if v := c.Use(at(5000), mustPlan(t, tt.plan), DefaultTimers()); v != More || wait > 0 && !c.Next().Equal(at(4000).Add(wait)) {
			t.Errorf("%s once more: %v, timer at %v", tt.plan, v, c.Next())
		}
	}
}

func TestMalformedPlans(t *testing.T) {
	for _, c := range []struct {
		script string
		pos    int
		words  string
	}{
		{"", 1, "parentheses"}, {"xxx", 1, "( is expected"}, {"()", 2, "empty"}, {"(x", 1, "never closed"}, {"(x|", 4, "empty"},
		{"(x||y)", 4, "empty"}, {"(x)z", 4, "nothing is expected"}, {"(y)", 2, "does not belong"}, {"(.x)", 2, "dot"},
		{"(x..)", 4, "dot"}, {"(<1:2>.)", 7, "dot"}, {"([2-9)", 2, "bracket is never closed"}, {"([])", 2, "empty"}, {"([9-2])", 3, "range"},
		{"([2-a])", 3, "range"}, {"([a])", 3, "set of keys"}, {"(<12>x)", 2, "no colon"}, {"(<1:2x)", 2, "never closed"}, {"(<1:2 3\u00e4>)", 8, "cannot be sent"},
		{"(xS99)", 4, "longer than 64 s"}, {"(xS1S2)", 5, "already"}, {"(xL)", 4, "number of seconds"}, {"(xS1x)", 5, "last thing"}, {"(x|P5)", 4, "first thing"},
		{"(P5x)", 4, "does not belong"}, {"(P5<1:2>)", 4, "<:number>"}, {"L5,(x)", 2, "colon"}, {"L:5(x)", 4, "comma"}, {"S:,(x)", 3, "seconds"}, {"Q:5,(x)", 1, "is expected"},
		{"(ä)", 2, "'ä' does not"}, {"ж(x)", 1, "not 'ж'"}, {"(x)…", 4, "there is '…'"}, {"(xS1€)", 5, "'€' follows"}, {"([2ü])", 4, "'ü' does not"},
		{"(P5漢)", 4, "number '漢'"}, {"(xé)", 3, "'é' does"}, {"(<1:ñ>)", 5, "'ñ' cannot"}, {"(x\xff)", 3, "'\ufffd' does"}, {strings.Repeat("ж", 1100), 1025, "longer"},
		{"(x\\y)", 3, "does not belong"}, {"(" + strings.Repeat("x", 2100) + ")", 2048, "longer"},
	} {
		_, err := ParsePlan(c.script)
		e, ok := err.(*PlanError)
		if !ok || e.Pos != c.pos || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%.40s: error %v, want character %d: …%s…", c.script, err, c.pos, c.words)
		}
	}
	if _, err := ParsePlan(" ( 1 x\t|\n[2 - 9] x . S 3 ) "); err != nil {
		t.Errorf("white space counts: %v", err)
	}
}
