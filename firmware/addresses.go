package main

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"time"
)

// Implementation constants.
const addressPoll = 3 * time.Second // how often the interfaces are looked at

// localAddrs returns the addresses peers can reach us at, the best of each family first: those of the
// default route, then other global ones, loopback last. With bind, that one alone.
func localAddrs(bind netip.Addr) []netip.Addr {
	if bind.IsValid() && !bind.IsUnspecified() {
		return []netip.Addr{bind}
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var addrs []netip.Addr
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				ip = ip.Unmap()
				if !ip.IsLinkLocalUnicast() && (!bind.IsValid() || bind.Is4() == ip.Is4()) {
					addrs = append(addrs, ip)
				}
			}
		}
	}
	// Documentation addresses, RFC 5737 and RFC 3849: connecting a UDP socket sends nothing.
	preferred := []netip.Addr{routeSource("192.0.2.1"), routeSource("2001:db8::1")}
	rank := func(a netip.Addr) int {
		switch {
		case slices.Contains(preferred, a):
			return 0
		case a.IsLoopback():
			return 2
		}
		return 1
	}
	slices.SortStableFunc(addrs, func(a, b netip.Addr) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), a.Compare(b))
	})
	return addrs
}

// routeSource asks the kernel which address it would send from.
func routeSource(to string) netip.Addr {
	c, err := net.Dial("udp", net.JoinHostPort(to, "9"))
	if err != nil {
		return netip.Addr{}
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}

// watchAddresses mails the loop whenever the machine's addresses are not those it knows.
func watchAddresses(ctx context.Context, known []netip.Addr, look func() []netip.Addr, mail func(any)) {
	tick := time.NewTicker(addressPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if now := look(); !slices.Equal(now, known) {
				known = now
				mail(addresses{Addrs: now})
			}
		}
	}
}
