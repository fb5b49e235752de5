package main

import (
	"bytes"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"dialtone/config"
	"dialtone/exchange"
	"dialtone/phone"
	"dialtone/web"
)

// dnsIs switches the name server of an exchange.
func (b *bench) dnsIs(x *exchange.Exchange, m exchange.DNSMode) {
	b.Helper()
	b.note("the name server is %s", m)
	if err := x.SetDNS(m); err != nil {
		b.Fatal(err)
	}
}

// listed lets the zone name these servers, in this order.
func (b *bench) listed(x *exchange.Exchange, names ...string) {
	b.Helper()
	b.note("the zone names %s", strings.Join(names, ", then "))
	if err := x.SetServers(names...); err != nil {
		b.Fatal(err)
	}
}

// remembers is a phone that starts with what another one has kept of the DNS, read as a file is.
func (b *bench) remembers(from *desk, addr string, settings ...string) *desk {
	b.Helper()
	kept := from.shelf.remembered()
	if len(kept) == 0 {
		b.Fatal("nothing was kept")
	}
	answers, err := parseAnswers(kept[len(kept)-1])
	if err != nil {
		b.Fatal(err)
	}
	p := b.newDesk("", addr, settings...)
	p.set.memory.first = answers
	return p.start()
}

// leaveBench takes a phone off the bench, and what it has said out of the transcript.
func (p *desk) leaveBench() {
	p.stop()
	p.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phones, p.lines = nil, nil
}

// withoutLists takes the lists of servers out of the transcript: answers that come in one instant come in any
// order, and a list may be found in one step or in two.
func (b *bench) withoutLists() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = slices.DeleteFunc(b.lines, func(l line) bool { return strings.Contains(l.text, "= line 1: servers of ") })
}

// lastLine is when the last line of the transcript that begins so was written.
func (b *bench) lastLine(begins string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := time.Duration(-1)
	for _, l := range b.lines {
		if strings.HasPrefix(l.text, begins) {
			at = max(at, l.at)
		}
	}
	return at
}

func TestNames(t *testing.T) {
	const proxy = "Proxy_1_=example.test"
	list := []scenario{
		{"dns-dead-cold-start", "The phone is switched on while the name server is dead: it registers where it was registered before, and calls.", func(b *bench) {
			x := b.exchange("a", "b")
			old := b.newPhone(proxy)
			b.after(time.Minute)
			old.leaveBench()
			b.dnsIs(x, exchange.DNSOff)
			begin := time.Now()
			p := b.remembers(old, "10.0.0.51", proxy)
			took := b.within("it registers", 3*time.Second, func() bool { return p.shows("Ready") })
			b.Logf("registered %s after power on, without DNS", took)
			if took > 1500*time.Millisecond || registrations(x, "a") != "1001 udp" {
				b.Errorf("registered %s after %v, at a: %q", time.Since(begin), took, registrations(x, "a"))
			}
			p.do(web.Call{To: "601"})
			b.after(1003 * time.Millisecond)
			p.wantState("answered", phone.StateConnected)
			p.press("end")
			b.after(time.Minute)
			b.dnsIs(x, exchange.DNSNormal)
			b.listed(x, "b")
			b.after(time.Minute)
			if got := registrations(x, "b"); got != "1001 udp" {
				b.Errorf("the name server is back and names b, where the phone is %q", got)
			}
			p.wantHome()
		}},
		{"dns-refuses-cold-start", "The name server answers that it fails: no time is lost in waiting for it.", func(b *bench) {
			x := b.exchange("a", "b")
			old := b.newPhone(proxy)
			b.after(time.Minute)
			old.leaveBench()
			b.dnsIs(x, exchange.DNSServfail)
			p := b.remembers(old, "10.0.0.51", proxy)
			if took := b.within("it registers", 3*time.Second, func() bool { return p.shows("Ready") }); took > 150*time.Millisecond {
				b.Errorf("registered after %s", took)
			}
			b.after(10 * time.Second)
		}},
		{"dns-dead-call-at-power-on", "A call placed in the first instant of a phone without DNS does not wait for it.", func(b *bench) {
			x := b.exchange("a", "b")
			old := b.newPhone(proxy)
			b.after(time.Minute)
			old.leaveBench()
			b.dnsIs(x, exchange.DNSOff)
			p := b.remembers(old, "10.0.0.51", proxy, "Make_Call_Without_Reg_1_=Yes")
			b.after(3 * time.Millisecond)
			p.do(web.Call{To: "601"})
			b.after(503 * time.Millisecond)
			p.wantState("answered", phone.StateConnected)
			p.press("end")
			b.after(10 * time.Second)
		}},
		{"dns-dead-in-use", "The name server dies, and every answer is out of date: a call starts as before, and a dead proxy is left as before.", func(b *bench) {
			x := b.exchange("a", "b")
			p := b.newPhone(proxy, "Register_Expires_1_=60")
			b.after(10 * time.Second)
			call := func() time.Duration {
				begin := time.Since(b.begin)
				p.do(web.Call{To: "601"})
				b.within("answered", 5*time.Second, func() bool { return p.callState() == phone.StateConnected.String() })
				took := b.lastLine("> INVITE ") - begin
				p.press("end")
				b.after(20 * time.Second)
				return took
			}
			if took := call(); took != 0 {
				b.Errorf("the INVITE leaves after %s", took)
			}
			b.dnsIs(x, exchange.DNSOff)
			b.after(3 * time.Hour)
			b.mu.Lock()
			b.lines = nil
			b.mu.Unlock()
			if took := call(); took != 0 {
				b.Errorf("without DNS the INVITE leaves after %s", took)
			}
			b.note("proxy a stops")
			if err := x.SetMode("a", exchange.Stop); err != nil {
				b.Fatal(err)
			}
			if took := call(); took > 2*oneWay {
				b.Errorf("the INVITE to the other proxy leaves after %s", took)
			}
			p.wantHome()
		}},
		{"dns-server-removed", "The record of the proxy in use is removed during a call: the line moves at the next refresh, the call's dialog stays.", func(b *bench) {
			x := b.exchange("a", "b")
			p := b.newPhone(proxy)
			b.after(10 * time.Second)
			p.do(web.Call{To: "601"})
			b.after(5 * time.Second)
			b.listed(x, "b")
			b.after(time.Minute)
			if got := registrations(x, "b"); got != "1001 udp" {
				b.Errorf("at b there is %q", got)
			}
			p.wantState("the call goes on", phone.StateConnected)
			if calls := x.Status().Calls; len(calls) != 1 || calls[0].Proxy != "a" {
				b.Errorf("the exchange has the calls %+v", calls)
			}
			p.press("end")
			b.after(time.Second)
			if calls := x.Status().Calls; len(calls) != 0 {
				b.Errorf("the BYE did not end %+v", calls)
			}
			home(p)
		}},
		{"dns-order-changed", "The zone names the other proxy first: the line registers there, and then leaves the one it used; not while there is a call.", func(b *bench) {
			x := b.exchange("a", "b")
			p := b.newPhone(proxy)
			b.after(10 * time.Second)
			p.do(web.Call{To: "601"})
			b.after(5 * time.Second)
			b.listed(x, "b", "a")
			b.after(2 * time.Minute)
			if got := registrations(x, "a"); got != "1001 udp" {
				b.Errorf("during the call at a there is %q", got)
			}
			p.press("end")
			b.after(30 * time.Second)
			if got := registrations(x, "b"); got != "1001 udp" {
				b.Errorf("at b there is %q", got)
			}
			home(p)
		}},
		{"dns-slow-change", "The zone changes while the name server is slow: the proxy in use stays until all is known.", func(b *bench) {
			x := b.exchange("a", "b")
			p := b.newPhone(proxy)
			b.after(10 * time.Second)
			b.dnsIs(x, "slow=3s")
			b.listed(x, "b", "a")
			b.after(2 * time.Minute)
			if got := registrations(x, "b"); got != "1001 udp" {
				b.Errorf("at b there is %q", got)
			}
			home(p)
		}},
	}
	for i, s := range list {
		list[i].play = func(b *bench) {
			s.play(b)
			b.withoutLists()
		}
	}
	runScenarios(t, list)
}

// However often the zone changes, the flash is written once an hour at the most, and once more at the end.
func TestNamesOnDisk(t *testing.T) {
	inBench(t, func(b *bench) {
		x := b.exchange("a", "b")
		p := b.newPhone("Proxy_1_=example.test", "Register_Expires_1_=60")
		b.after(answersDelay + time.Second)
		if n := len(p.shelf.remembered()); n != 1 {
			t.Fatalf("written %d times after the start", n)
		}
		b.after(2 * time.Hour)
		if n := len(p.shelf.remembered()); n != 1 {
			t.Errorf("written %d times while nothing changed", n)
		}
		for i := range 6 * 60 {
			names := []string{"a", "b"}
			if i%2 == 0 {
				names = []string{"b", "a"}
			}
			if err := x.SetServers(names...); err != nil {
				t.Fatal(err)
			}
			b.after(time.Minute)
		}
		kept := p.shelf.remembered()
		if n := len(kept) - 1; n < 5 || n > 7 {
			t.Errorf("written %d times in six hours of changes", n)
		}
		b.after(2 * time.Hour)
		for _, name := range []string{"a", "b"} {
			if err := x.SetServers(name); err != nil {
				t.Fatal(err)
			}
			b.after(90 * time.Second)
		}
		kept = p.shelf.remembered()
		if last := kept[len(kept)-1]; strings.Contains(last, "b.example.test") {
			t.Errorf("a second change within the hour is on the disk already:\n%s", last)
		}
		p.stop()
		kept = p.shelf.remembered()
		if last := kept[len(kept)-1]; strings.Contains(last, "a.example.test") || !strings.Contains(last, "b.example.test A 10.0.0.12\n") {
			t.Errorf("at the end there is on the disk:\n%s", last)
		}
		for i, text := range kept {
			if _, err := parseAnswers(text); err != nil {
				t.Errorf("the %d. text: %v", i+1, err)
			}
		}
	})
}

// A recording of a phone that remembers is replayed with what it remembered.
func TestNamesRecorded(t *testing.T) {
	answers, err := parseAnswers(answersSample)
	if err != nil {
		t.Fatal(err)
	}
	h := newHeader([32]byte{1}, config.Default(), nil, "sim")
	h.DNS = answers
	var out bytes.Buffer
	r, err := newRecorder(&out, h)
	if err == nil {
		err = r.write(h.Start, bound{})
	}
	if err != nil {
		t.Fatal(err)
	}
	l, _, err := newReplay(&out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(l.memory.first, answers) {
		t.Errorf("the replay remembers %+v", l.memory.first)
	}
}
