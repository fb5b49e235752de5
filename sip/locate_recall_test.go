package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var recallConfig = LocateConfig{Proxy: "six.test", Transport: "AUTO", UseSRV: true, AutoPrefix: true}

// again starts a locator that remembers what another one found.
func again(t *testing.T, s *scene, cfg LocateConfig) (*scene, []Question) {
	t.Helper()
	l, err := NewLocator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n := &scene{T: t, l: l, zone: s.zone, now: s.now}
	l.Recall(s.l.Answers())
	return n, l.Start(n.now)
}

func TestLocateRecall(t *testing.T) {
	first := startScene(t, recallConfig, six)
	first.wantServers("before", sixInOrder)

	s, asked := again(t, first, recallConfig)
	if len(asked) != 8 {
		t.Errorf("everything is asked anew at once: %v", asked)
	}
	s.wantServers("name servers have a moment", "(not done)")
	for _, q := range asked {
		s.settle(s.l.Answer(s.now, s.zone.answer(q)))
	}
	s.wantServers("and if they answer, that counts", sixInOrder)
	if s.l.Remembered() {
		t.Error("nothing of it is from memory")
	}

	s, _ = again(t, first, recallConfig)
	if got := s.l.Next().Sub(s.now); got != headStart {
		t.Errorf("the next tick is due after %v, want %v", got, headStart)
	}
	s.now = s.l.Next()
	s.settle(s.l.Tick(s.now))
	s.wantServers("name servers that say nothing have had their time", sixInOrder)
	if !s.l.Remembered() {
		t.Error("it is from memory")
	}

	s, _ = again(t, first, recallConfig)
	if more := s.l.Hurry(s.now); len(more) != 0 {
		t.Errorf("asked twice: %v", more)
	}
	s.wantServers("somebody waits", sixInOrder)

	s, asked = again(t, first, recallConfig)
	for _, q := range asked {
		s.l.Answer(s.now, Answer{Question: q, Cause: "connection refused"})
	}
	s.wantServers("name servers that fail need no time", sixInOrder)
	s.zone = zone{"_sip._udp.six.test SRV 60 1 1 5070 a.six.test", "a.six.test A 60 192.0.2.9"}
	s.after(time.Minute)
	s.wantServers("until they are back", "udp:192.0.2.9:5070")
}

// The zone changed while the phone was off, and the name servers die in the middle of the answer.
func TestLocateRecallHalf(t *testing.T) {
	first := startScene(t, recallConfig, six)
	s, asked := again(t, first, recallConfig)
	for _, q := range asked {
		switch q.Type {
		case "NAPTR":
			s.l.Answer(s.now, zone{"six.test NAPTR 60 1 1 s SIP+D2U _sip._udp.new.test"}.answer(q))
		default:
			s.l.Answer(s.now, Answer{Question: q, Cause: "no name server answers"})
		}
	}
	s.wantServers("what it leads to is not known", "(not done)")
	s.now = s.l.Next()
	s.l.Tick(s.now)
	s.wantServers("so the servers last known are used", sixInOrder)
	if got := answersInWords(s.l.Answers()); got != answersInWords(first.l.Answers()) {
		t.Errorf("and they are still what is to be kept: %s", got)
	}
	s.zone = zone{"six.test NAPTR 60 1 1 s SIP+D2U _sip._udp.new.test", "_sip._udp.new.test SRV 60 1 1 5070 a.six.test", "a.six.test A 60 192.0.2.9"}
	s.after(time.Minute)
	s.wantServers("until the new ones are", "udp:192.0.2.9:5070")
}

// What is kept changes only with what name servers say, not with the way they put it.
func TestLocateAnswers(t *testing.T) {
	z := zone{
		"_sip._udp.w.test SRV 60 5 10 5060 a.test", "_sip._udp.w.test SRV 60 5 10 5060 b.test",
		"a.test A 60 192.0.2.1", "a.test A 60 192.0.2.2", "b.test A 60 192.0.2.3",
	}
	s := startScene(t, LocateConfig{Proxy: "w.test", UseSRV: true, AutoPrefix: true}, z)
	before := answersInWords(s.l.Answers())
	if want := "SRV _sip._udp.w.test: 5/10/5060/a.test 5/10/5060/b.test; A a.test: 192.0.2.1 192.0.2.2; AAAA a.test: (3); A b.test: 192.0.2.3; AAAA b.test: (3)"; before != want {
		t.Errorf("what is kept:\n got %s\nwant %s", before, want)
	}
	s.zone = zone{z[1], z[0], z[3], z[2], z[4]}
	s.after(5 * time.Minute)
	if got := answersInWords(s.l.Answers()); got != before {
		t.Errorf("rotated records are no news: %s", got)
	}
	s.zone = zone{"_sip._udp.w.test SRV 60 dead", "a.test A 60 dead", "b.test A 60 dead"}
	s.after(5 * time.Minute)
	if got := answersInWords(s.l.Answers()); got != before {
		t.Errorf("name servers that say nothing say nothing new: %s", got)
	}
	s.zone = nil
	s.after(time.Hour)
	if got := answersInWords(s.l.Answers()); got != before {
		t.Errorf("a zone that lost its records by mistake leaves what is kept: %s", got)
	}
	s.zone = zone{z[0], z[2]}
	s.after(time.Hour)
	if got, want := answersInWords(s.l.Answers()), "SRV _sip._udp.w.test: 5/10/5060/a.test; A a.test: 192.0.2.1; AAAA a.test: (3)"; got != want {
		t.Errorf("a server is gone:\n got %s\nwant %s", got, want)
	}
}

func answersInWords(answers []Answer) string {
	var all []string
	for _, a := range answers {
		words := []string{a.Question.Type, a.Question.Name + ":"}
		for _, r := range a.Records {
			switch {
			case r.Addr.IsValid():
				words = append(words, r.Addr.String())
			default:
				words = append(words, fmt.Sprintf("%d/%d/%d/%s%s", r.Priority, r.Weight, r.Port, r.Target, r.Replacement))
			}
		}
		if a.Records == nil {
			words = append(words, fmt.Sprintf("(%d)", a.Code))
		}
		all = append(all, strings.Join(words, " "))
	}
	return strings.Join(all, "; ")
}

// Recalling what does not belong here, or is nonsense, does nothing.
func TestLocateRecallNonsense(t *testing.T) {
	first := startScene(t, LocateConfig{Proxy: "w.test", UseSRV: true, AutoPrefix: true}, zone{"_sip._udp.w.test SRV 60 5 10 5060 a.test", "a.test A 60 192.0.2.1"})
	s, asked := again(t, first, recallConfig)
	s.wantServers("others' answers are no list", "(not done)")
	if len(asked) != 1 || s.l.Next().Sub(s.now) != askLimit {
		t.Errorf("asked %v, next after %v", asked, s.l.Next().Sub(s.now))
	}
	l, err := NewLocator(LocateConfig{Proxy: "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	l.Recall(first.l.Answers())
	if q := l.Start(s.now); len(q) != 0 || !l.Done() || len(l.Answers()) != 0 {
		t.Errorf("an address needs no memory: %v, %v", q, l.Answers())
	}
	l, err = NewLocator(LocateConfig{Proxy: "w.test", UseSRV: true, AutoPrefix: true})
	if err != nil {
		t.Fatal(err)
	}
	l.Recall([]Answer{
		{Question: Question{"_sip._udp.w.test", "SRV"}, Records: []Record{{Target: "a..b", Port: 5060}, {Target: "a.test", Port: 0}, {Target: "ok.test", Port: 1}}},
		{Question: Question{"ok.test", "A"}, Cause: "trouble"},
		{Question: Question{"ok.test", "AAAA"}, Code: 2},
	})
	if q := l.Start(s.now); l.Done() || len(q) != 3 {
		t.Errorf("records no name server could give are not believed: done %t, asked %v", l.Done(), q)
	}
}
