package sip

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// asker notes what it is told.
type asker []string

func (a *asker) resolved(_ time.Time, servers []Server, cause string) {
	*a = append(*a, cause)
	for i, s := range servers {
		if (*a)[len(*a)-1] = s.Addr.String(); i > 0 {
			panic("one server each")
		}
	}
}

func TestResolutionsKept(t *testing.T) {
	a := New(Config{Lines: []Line{{Number: 1, Enabled: true, User: "1001", Proxy: "10.0.0.1"}}})
	now := time.Unix(1000, 0)
	a.Step(now, Tick{})
	var told asker
	ask := func(i int) {
		a.resolve(now, a.lines[0].leg, sipmsg.Uri{Scheme: "sip", Host: fmt.Sprintf("n%d.test", i), Port: 5060}, &told)
	}
	answer := func(i int, addr string) {
		q := Question{Name: fmt.Sprintf("n%d.test", i), Type: "A"}
		a.Step(now, Answer{Question: q, TTL: time.Minute, Records: []Record{{Addr: netip.MustParseAddr(addr)}}})
		q.Type = "AAAA"
		a.Step(now, Answer{Question: q, Code: rcodeNoName, TTL: time.Minute})
	}
	want := func(sentence string, words ...string) {
		t.Helper()
		if fmt.Sprint([]string(told)) != fmt.Sprint(words) {
			t.Errorf("%s: told %q, want %q", sentence, told, words)
		}
		told = nil
	}
	ask(0)
	ask(0)
	want("nothing is known")
	answer(0, "192.0.2.1")
	want("both are told", "192.0.2.1:5060", "192.0.2.1:5060")
	ask(0)
	want("and who comes later at once", "192.0.2.1:5060")
	ask(1)
	a.Step(now, Answer{Question: Question{"n1.test", "A"}, Code: rcodeNoName})
	a.Step(now, Answer{Question: Question{"n1.test", "AAAA"}, Code: rcodeNoName})
	want("nothing there", "there is no host n1.test")
	ask(1)
	want("that is not kept: it is asked again")

	for i := range maxResolutions {
		now = now.Add(time.Millisecond)
		ask(100 + i)
		answer(100+i, "192.0.2.2")
	}
	if n := len(a.resolutions); n > maxResolutions {
		t.Errorf("%d are kept", n)
	}
	told = nil
	ask(0)
	want("the oldest had to go")
	ask(100 + maxResolutions - 1)
	want("the newest is there", "192.0.2.2:5060")

	for range 2 * maxResolutions {
		now = now.Add(time.Millisecond)
		ask(1000 + len(a.resolutions) + int(now.UnixMilli()))
	}
	ask(99)
	if told[len(told)-1] != "too many look-ups" || len(a.resolutions) != maxResolutions {
		t.Errorf("while %d are awaited, one more is told %q", len(a.resolutions), told[len(told)-1])
	}

	end := now.Add(keepResolution + time.Hour)
	for at := a.Next(); !at.IsZero() && at.Before(end); at = a.Next() {
		now = at
		a.Step(now, Tick{})
	}
	for _, r := range a.resolutions {
		if r.then == nil {
			t.Errorf("%v is kept for more than a day", r.key)
		}
	}
}
