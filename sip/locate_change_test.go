package sip

import (
	"fmt"
	"testing"
	"time"
)

// The names changed: the list there is stays whole until all of the new one is known.
func TestLocateChange(t *testing.T) {
	cfg := LocateConfig{Proxy: "example.test", UseSRV: true, AutoPrefix: true, NoIPv6: true}
	z := zone{
		"_sip._udp.example.test SRV 100 10 0 5060 a.example.test", "_sip._udp.example.test SRV 100 20 0 5060 b.example.test",
		"a.example.test A 86400 192.0.2.1", "b.example.test A 86400 192.0.2.2",
	}
	const before = "udp:192.0.2.1:5060 udp:192.0.2.2:5060"
	// changed is a locator that has just heard of a, c and d instead of a and b.
	changed := func(t *testing.T) (*scene, []Question) {
		s := startScene(t, cfg, z)
		s.wantServers("before", before)
		s.zone = zone{
			"_sip._udp.example.test SRV 100 10 0 5060 a.example.test", "_sip._udp.example.test SRV 100 20 0 5060 c.example.test",
			"_sip._udp.example.test SRV 100 30 0 5060 d.example.test", z[2], "c.example.test A 60 192.0.2.3", "d.example.test A 60 192.0.2.4",
		}
		s.now = s.l.Next()
		srv := s.l.Tick(s.now)
		asked := s.l.Answer(s.now, s.zone.answer(srv[0]))
		if fmt.Sprint(asked) != "[{c.example.test A} {d.example.test A}]" {
			t.Fatalf("asked %v", asked)
		}
		return s, asked
	}

	t.Run("answered", func(t *testing.T) {
		s, asked := changed(t)
		s.wantServers("the server in use may be any of the old ones", before)
		s.l.Answer(s.now, s.zone.answer(asked[0]))
		s.wantServers("one is not all", before)
		s.l.Answer(s.now, s.zone.answer(asked[1]))
		s.wantServers("now it is", "udp:192.0.2.1:5060 udp:192.0.2.3:5060 udp:192.0.2.4:5060")
	})
	t.Run("name servers die meanwhile", func(t *testing.T) {
		s, asked := changed(t)
		s.l.Answer(s.now, s.zone.answer(asked[0]))
		whole := s.zone
		s.zone = append(zone{"d.example.test A 60 dead"}, s.zone...)
		s.l.Answer(s.now, s.zone[:1].answer(asked[1]))
		s.wantServers("a name that cannot be looked up may be that of the server in use", before)
		s.zone = whole
		s.after(10 * time.Second)
		s.wantServers("they are back", "udp:192.0.2.1:5060 udp:192.0.2.3:5060 udp:192.0.2.4:5060")
	})
	t.Run("one name is broken for good", func(t *testing.T) {
		s, asked := changed(t)
		s.zone = append(zone{}, s.zone[:5]...)
		s.zone = append(s.zone, "d.example.test A 60 dead")
		s.l.Answer(s.now, s.zone.answer(asked[0]))
		s.l.Answer(s.now, s.zone[5:].answer(asked[1]))
		s.after(time.Minute)
		s.wantServers("it does not hold up the others for ever", "udp:192.0.2.1:5060 udp:192.0.2.3:5060")
	})
	t.Run("removed", func(t *testing.T) {
		s := startScene(t, cfg, z)
		s.zone = z[1:]
		s.after(100 * time.Second)
		s.wantServers("a removed record is followed at the next refresh", "udp:192.0.2.2:5060")
	})
	t.Run("order", func(t *testing.T) {
		s := startScene(t, cfg, z)
		s.zone = zone{"_sip._udp.example.test SRV 100 30 0 5060 a.example.test", z[1], z[2], z[3]}
		s.after(100 * time.Second)
		s.wantServers("and so is another order", "udp:192.0.2.2:5060 udp:192.0.2.1:5060")
	})
	t.Run("a broken family", func(t *testing.T) {
		both := cfg
		both.NoIPv6 = false
		s := startScene(t, both, append(zone{"a.example.test AAAA 60 dead", "b.example.test AAAA 60 dead", "c.example.test AAAA 60 dead"}, z...))
		s.wantServers("name servers that fail for AAAA do not hold up a start", before)
		s.zone = append(zone{"_sip._udp.example.test SRV 100 5 0 5060 c.example.test", "c.example.test A 60 192.0.2.3"}, s.zone...)
		s.after(3 * time.Minute)
		s.wantServers("nor a change for long", "udp:192.0.2.3:5060 "+before)
	})
}

// At a start the list grows from its head while the rest is looked up.
func TestLocateGrows(t *testing.T) {
	s := &scene{T: t, zone: office, now: time.Unix(1000, 0)}
	l, err := NewLocator(LocateConfig{Proxy: "example.test", UseSRV: true, AutoPrefix: true})
	if err != nil {
		t.Fatal(err)
	}
	s.l = l
	asked := l.Answer(s.now, office.answer(l.Start(s.now)[0]))
	for _, step := range []struct {
		i    int
		want string
	}{
		{0, "udp:192.0.2.1:5060"},
		{2, "udp:192.0.2.1:5060 udp:192.0.2.2:5080 udp:192.0.2.3:5080"},
		{3, "udp:192.0.2.1:5060 udp:192.0.2.2:5080 udp:192.0.2.3:5080 udp:[2001:db8::2]:5080"},
		{1, "udp:192.0.2.1:5060 udp:[2001:db8::1]:5060 udp:192.0.2.2:5080 udp:192.0.2.3:5080 udp:[2001:db8::2]:5080"},
	} {
		l.Answer(s.now, office.answer(asked[step.i]))
		s.wantServers(fmt.Sprintf("after %v", asked[step.i]), step.want)
	}
}
