package web

import (
	"net/netip"
	"testing"
	"time"
)

func TestThrottle(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	addr := netip.MustParseAddr("192.0.2.1")
	var th throttle
	var waits []time.Duration
	for range 14 {
		th.failed(now, addr)
		wait := th.wait(now, addr)
		waits = append(waits, wait)
		now = now.Add(wait)
	}
	want := []time.Duration{0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60}
	for i := range want {
		if waits[i] != want[i]*time.Second {
			t.Errorf("after %d failures the wait is %v, want %d s", i+1, waits[i], want[i])
		}
	}
	now = now.Add(forgetAfter + time.Second)
	th.failed(now, addr)
	if wait := th.wait(now, addr); wait != 0 {
		t.Errorf("a failure long after the others costs %v", wait)
	}
	if th.failures() != 15 {
		t.Errorf("%d failures are counted, want 15", th.failures())
	}
	if wait := th.wait(now, netip.MustParseAddr("::ffff:192.0.2.1")); wait != 0 {
		t.Errorf("unexpected wait %v", wait)
	}
}

func TestThrottleIsBounded(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var th throttle
	addr := netip.MustParseAddr("10.0.0.0")
	first := addr.Next()
	for range 3 * maxAddresses {
		addr = addr.Next()
		now = now.Add(time.Millisecond)
		th.failed(now, addr)
	}
	if len(th.addresses) != maxAddresses {
		t.Errorf("%d addresses are remembered, want %d", len(th.addresses), maxAddresses)
	}
	if _, ok := th.addresses[first]; ok {
		t.Error("the oldest is remembered")
	}
	if _, ok := th.addresses[addr]; !ok {
		t.Error("the newest is forgotten")
	}
}

func TestGuesser(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "fe80::1%eth0": "fe80::",
	} {
		if got := guesser(netip.MustParseAddr(in)); got.String() != want {
			t.Errorf("%s counts as %s, want %s", in, got, want)
		}
	}
	if guesser(netip.Addr{}).IsValid() {
		t.Error("no address counts as one")
	}
}
