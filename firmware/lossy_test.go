package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"dialtone/simnet"
)

// The better server loses nearly a third of all packets each way, for a day; the other is perfect. That is
// no reason to go there: the line neither moves nor is ever without a registration, and a call works. -seeds N plays
// a day for each 500.
func TestLossyDay(t *testing.T) {
	for day := range max(1, *seeds/500) {
		for _, transport := range []string{"UDP", "TCP"} {
			lossyDay(t, transport, uint64(day+1))
		}
	}
}

func lossyDay(t *testing.T, transport string, seed uint64) {
	t.Run(fmt.Sprint(transport, " ", seed), func(t *testing.T) {
		inBenchOf(t, seed, func(b *bench) {
			x, d := b.desks(1, "SIP_Transport_1_="+transport, "Use_DNS_SRV_1_=Yes")
			p, a := d[0], b.net.Host(x.ProxyAddr("a", "udp").Addr())
			b.after(time.Minute)
			lossy := simnet.Link{Delay: oneWay, Loss: 0.3}
			b.net.Link(p.host, a, lossy)
			b.net.Link(a, p.host, lossy)
			b.after(24 * time.Hour)
			log := b.transcript()
			for line := range strings.Lines(log) {
				if strings.Contains(line, " is down: ") || strings.Contains(line, "server in use is now") || strings.Contains(line, "not registered") {
					b.Error(line)
				}
			}
			if !strings.Contains(log, ", lost") {
				b.Error("nothing was lost")
			}
			p.dial("600")
			took := b.within("a call works", 30*time.Second, func() bool { return p.shows("Connected") })
			b.Logf("%s: connected after %s", transport, took)
			p.replace()
			b.after(time.Minute)
			p.wantHome()
		})
	})
}
