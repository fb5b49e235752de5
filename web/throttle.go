package web

import (
	"net/netip"
	"sync"
	"time"
)

// Implementation constants.
const (
	freeFailures   = 5                // wrong passwords before an address has to wait
	firstWait      = time.Second      // doubled with each further failure
	longestWait    = time.Minute      //
	forgetAfter    = 15 * time.Minute // without another failure
	maxAddresses   = 1024             // remembered at a time
	prefixBitsIPv6 = 64               // one household or office
)

// A throttle makes an address wait that keeps sending wrong passwords.
type throttle struct {
	mu        sync.Mutex
	addresses map[netip.Addr]failures
	total     uint64 // failures of all times, for /metrics
}

type failures struct {
	count int
	last  time.Time
	until time.Time
}

// wait is how long addr has to wait before its next attempt is looked at.
func (t *throttle) wait(now time.Time, addr netip.Addr) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(0, t.addresses[guesser(addr)].until.Sub(now))
}

// failed notes a wrong password.
func (t *throttle) failed(now time.Time, addr netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total++
	addr = guesser(addr)
	f := t.addresses[addr]
	if now.Sub(f.last) > forgetAfter {
		f.count = 0
	}
	f.count++
	f.last = now
	if over := f.count - freeFailures; over >= 0 {
		f.until = now.Add(min(longestWait, firstWait<<min(over, 10)))
	}
	if t.addresses == nil {
		t.addresses = make(map[netip.Addr]failures)
	}
	if _, known := t.addresses[addr]; !known && len(t.addresses) >= maxAddresses {
		t.forgetOldest()
	}
	t.addresses[addr] = f
}

// succeeded forgets the failures of an address.
func (t *throttle) succeeded(addr netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.addresses, guesser(addr))
}

func (t *throttle) failures() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total
}

func (t *throttle) forgetOldest() {
	var oldest netip.Addr
	for addr, f := range t.addresses {
		if !oldest.IsValid() || f.last.Before(t.addresses[oldest].last) {
			oldest = addr
		}
	}
	delete(t.addresses, oldest)
}

// guesser is what counts as one guesser: an IPv4 address, or an IPv6 network, whose hosts choose
// their addresses themselves.
func guesser(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		if prefix, err := addr.Prefix(prefixBitsIPv6); err == nil {
			return prefix.Addr()
		}
	}
	return addr
}
