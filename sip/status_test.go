package sip

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestStatus looks at what is shown of servers and legs as the server in use dies and is watched for its return.
func TestStatus(t *testing.T) {
	s := newStage(t)
	s.play([]byte(`
> config register=yes failover=1s probe=15s good=3 fallback=60s expires=10m proxy=example.test:SRV=10.0.0.1:p=1|10.0.0.2:p=2
> up a b
> start
> wait 2s
`))
	in := func(d time.Duration) time.Time { return s.now.Add(d) }
	refresh := (10*time.Minute - DefaultTimers().F) * 78 / 100
	line := s.agent.Lines()[0]
	want := ServerStatus{Leg: "primary", Name: "10.0.0.1", Transport: UDP, Address: "10.0.0.1:5060", Priority: 1, Weight: 1, State: "up", Since: s.start,
		Registered: true, Expires: in(598 * time.Second), InUse: true, Heard: s.start, Probe: in(13 * time.Second), Refresh: in(refresh - 2*time.Second)}
	if got := line.Servers[0]; got != want {
		t.Errorf("the server in use is shown as\n%+v, want\n%+v", got, want)
	}
	if got := line.Servers[1]; got.State != "up" || got.Registered || got.InUse || !got.Heard.IsZero() || !got.Probe.IsZero() || !got.Refresh.IsZero() {
		t.Errorf("the spare server is shown as %+v", got)
	}
	leg := LegStatus{Leg: "primary", Domain: "example.test", State: regRegistered, Active: "udp:10.0.0.1:5060", InUse: true,
		Expires: in(598 * time.Second), Refresh: in(refresh - 2*time.Second)}
	if len(line.Legs) != 1 || line.Legs[0] != leg {
		t.Errorf("the leg is shown as %+v, want %+v", line.Legs, leg)
	}
	if ev := s.agent.lines[0].told; ev.Backup || ev.Server != "udp:10.0.0.1:5060" {
		t.Errorf("told %+v", ev)
	}

	s.play([]byte("> dead a\n> wait 40s\n"))
	line = s.agent.Lines()[0]
	if got := line.Servers[0]; got.State != "down" || got.Registered || got.InUse || got.Cause == "" || !got.Since.After(s.start) ||
		got.Probe.Before(got.Since.Add(60*time.Second)) || got.Probe.After(got.Since.Add(66*time.Second)) || !got.Refresh.IsZero() {
		t.Errorf("the dead server is shown as %+v", got)
	}
	if got := line.Servers[1]; got.State != "up" || !got.Registered || !got.InUse || got.Heard.IsZero() || !got.Probe.After(s.now) || !got.Refresh.After(s.now) {
		t.Errorf("the server in use is shown as %+v", got)
	}
	if ev := s.agent.lines[0].told; !ev.Backup || ev.Server != "udp:10.0.0.2:5060" {
		t.Errorf("told %+v", ev)
	}

	s.play([]byte("> up a\n> wait 2m\n"))
	if ev := s.agent.lines[0].told; ev.Backup || ev.Server != "udp:10.0.0.1:5060" {
		t.Errorf("told %+v", ev)
	}
}

// A server that owes an answer says so.
func TestStatusSuspect(t *testing.T) {
	s := newStage(t)
	s.play([]byte(`
> config register=yes failover=1s probe=15s good=3 fallback=60s proxy=example.test:SRV=10.0.0.1:p=1|10.0.0.2:p=2
> up b
> dead a
> start
> wait 1100ms
`))
	if got := s.agent.Lines()[0].Servers[0]; !got.Suspect || got.State != "up" || !got.Probe.After(s.now) {
		t.Errorf("it is shown as %+v", got)
	}
	s.play([]byte("> wait 20s\n"))
	if got := s.agent.Lines()[0].Servers[0]; got.Suspect || got.State != "down" {
		t.Errorf("it is shown as %+v", got)
	}
}

// Both legs of a line are shown, each with its own registration; a line that works by the alternate leg
// works by a backup.
func TestStatusOfLegs(t *testing.T) {
	s := newStage(t)
	s.place("c", "10.0.0.3:5060")
	s.play([]byte(`
> config register=yes dual=yes proxy=10.0.0.1 alternate=10.0.0.2
> up b
> start
> a: 403
> wait 1s
`))
	line := s.agent.Lines()[0]
	if len(line.Legs) != 2 {
		t.Fatalf("legs: %+v", line.Legs)
	}
	p, alt := line.Legs[0], line.Legs[1]
	if p.Leg != "primary" || p.State != regFailed || p.InUse || p.Cause == "" || !p.Refresh.After(s.now) || p.Active != "udp:10.0.0.1:5060" {
		t.Errorf("primary: %+v", p)
	}
	if alt.Leg != "alternate" || alt.State != regRegistered || !alt.InUse || alt.Cause != "" || !alt.Refresh.After(s.now) || alt.Active != "udp:10.0.0.2:5060" {
		t.Errorf("alternate: %+v", alt)
	}
	if ev := s.agent.lines[0].told; !ev.Backup || ev.State != regRegistered {
		t.Errorf("told %+v", ev)
	}
}

// A leg without servers says why.
func TestStatusWithoutServers(t *testing.T) {
	s := newStage(t)
	s.play([]byte("> config register=yes proxy=example.test\n> start\n> dns SRV _sip._udp.example.test none\n> dns SRV example.test none\n> dns A example.test none\n> dns AAAA example.test none\n"))
	line := s.agent.Lines()[0]
	if len(line.Servers) != 0 || !strings.Contains(line.Legs[0].Cause, "example.test") || line.Legs[0].Active != "" {
		t.Errorf("shown: %+v", line)
	}
}

// What comes by a connection is a sign of life of the server that it was opened to, and of no other domain
// at the same address.
func TestHearsFromOneDomain(t *testing.T) {
	s := newStage(t)
	s.play([]byte("> config register=yes transport=TLS dual=yes proxy=a.test:A=10.0.0.1 alternate=b.test:A=10.0.0.1\n> start\n> opened\n> a: 200\n"))
	line := s.agent.Lines()[0]
	if line.Servers[0].Heard.IsZero() || !line.Servers[1].Heard.IsZero() || line.Servers[1].Address != netip.MustParseAddrPort("10.0.0.1:5061").String() {
		t.Errorf("shown: %+v", line.Servers)
	}
}
