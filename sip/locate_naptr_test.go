package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The example of reference A.4: a NAPTR for TLS, TCP and UDP and six SRV records make an order from 1 to 6.
var six = zone{
	"six.test NAPTR 60 30 10 s SIP+D2U _sip._udp.six.test",
	"six.test NAPTR 60 10 10 s SIPS+D2T _sips._tcp.six.test",
	"six.test NAPTR 60 20 10 s SIP+D2T _sip._tcp.six.test",
	"_sips._tcp.six.test SRV 60 2 1 5061 b.six.test",
	"_sips._tcp.six.test SRV 60 1 1 5061 a.six.test",
	"_sip._tcp.six.test SRV 60 2 1 5060 b.six.test",
	"_sip._tcp.six.test SRV 60 1 1 5060 a.six.test",
	"_sip._udp.six.test SRV 60 2 1 5060 b.six.test",
	"_sip._udp.six.test SRV 60 1 1 5060 a.six.test",
	"a.six.test A 60 192.0.2.1",
	"b.six.test A 60 192.0.2.2",
}

const sixInOrder = "tls:192.0.2.1:5061 tls:192.0.2.2:5061 tcp:192.0.2.1:5060 tcp:192.0.2.2:5060 udp:192.0.2.1:5060 udp:192.0.2.2:5060"

func TestLocateNAPTR(t *testing.T) {
	auto := LocateConfig{Transport: "AUTO", UseSRV: true, AutoPrefix: true, NoIPv6: true}
	for _, c := range []struct {
		name, proxy string
		more        zone
		want, asked string
	}{
		{"TLS, TCP, UDP × two servers: 1…6", "six.test", nil, sixInOrder,
			"NAPTR six.test, SRV _sips._tcp.six.test, SRV _sip._tcp.six.test, SRV _sip._udp.six.test, A a.six.test, A b.six.test"},
		{"the preference decides inside an order", "p.test", zone{
			"p.test NAPTR 60 10 20 s SIP+D2T _sip._tcp.six.test", "p.test NAPTR 60 10 5 s SIP+D2U _sip._udp.six.test"},
			"udp:192.0.2.1:5060 udp:192.0.2.2:5060 tcp:192.0.2.1:5060 tcp:192.0.2.2:5060",
			"NAPTR p.test, SRV _sip._udp.six.test, SRV _sip._tcp.six.test, A a.six.test, A b.six.test"},
		{"services and flags in any case, others' records are passed over", "o.test", zone{
			"o.test NAPTR 60 1 1 u E2U+sip _sip._udp.wrong.test", "o.test NAPTR 60 1 1 s SIPS+D2U _sip._udp.wrong.test",
			"o.test NAPTR 60 1 1 p SIP+D2U _sip._udp.wrong.test", "o.test NAPTR 60 1 1 s SIP+D2U .", "o.test NAPTR 60 9 9 S sip+d2u _SIP._udp.six.test."},
			"udp:192.0.2.1:5060 udp:192.0.2.2:5060", "NAPTR o.test, SRV _sip._udp.six.test, A a.six.test, A b.six.test"},
		{"the flag a leads to addresses", "f.test", zone{"f.test NAPTR 60 1 1 a SIPS+D2T b.six.test", "f.test NAPTR 60 2 1 A SIP+D2T a.six.test"},
			"tls:192.0.2.2:5061 tcp:192.0.2.1:5060", "NAPTR f.test, A b.six.test, A a.six.test"},
		{"records that lead nowhere: SRV as without them", "n.test", zone{
			"n.test NAPTR 60 1 1 s SIP+D2U _sip._udp.nowhere.test", "_sip._tcp.n.test SRV 60 1 1 5070 a.six.test"},
			"tcp:192.0.2.1:5070", "NAPTR n.test, SRV _sip._udp.nowhere.test, SRV _sips._tcp.n.test, SRV _sip._tcp.n.test, SRV _sip._udp.n.test, A a.six.test"},
		{"no name server answers for NAPTR: SRV as without it", "t.test", zone{
			"t.test NAPTR 60 dead", "_sip._udp.t.test SRV 60 1 1 5070 a.six.test"},
			"udp:192.0.2.1:5070", "NAPTR t.test, SRV _sips._tcp.t.test, SRV _sip._tcp.t.test, SRV _sip._udp.t.test, A a.six.test"},
		{"one service refused, the other is taken", "r.test", zone{
			"r.test NAPTR 60 1 1 s SIPS+D2T _sips._tcp.r.test", "r.test NAPTR 60 2 1 s SIP+D2U _sip._udp.six.test", "_sips._tcp.r.test SRV 60 0 0 0 ."},
			"udp:192.0.2.1:5060 udp:192.0.2.2:5060", "NAPTR r.test, SRV _sips._tcp.r.test, SRV _sip._udp.six.test, A a.six.test, A b.six.test"},
		{"every service refused is a refusal", "x.test", zone{
			"x.test NAPTR 60 1 1 s SIPS+D2T _sips._tcp.x.test", "_sips._tcp.x.test SRV 60 0 0 0 .", "x.test A 60 192.0.2.66"},
			`x.test does not offer SIP over TLS (SRV target ".")`, "NAPTR x.test, SRV _sips._tcp.x.test"},
		{"an explicit port: neither NAPTR nor SRV", "a.six.test:5099", nil, "udp:192.0.2.1:5099", "A a.six.test"},
		{"an address: no query", "192.0.2.7", nil, "udp:192.0.2.7:5060", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := auto
			cfg.Proxy = c.proxy
			s := startScene(t, cfg, append(c.more, six...))
			s.wantServers(c.name, c.want)
			s.wantAsked(c.name, c.asked)
		})
	}
	cfg := auto
	cfg.Proxy, cfg.UseSRV = "six.test", false
	startScene(t, cfg, six).wantServers("NAPTR leads to SRV whatever Use_DNS_SRV says", sixInOrder)
	cfg.Proxy = "a.six.test"
	startScene(t, cfg, six).wantServers("without NAPTR it is obeyed", "udp:192.0.2.1:5060")
	cfg.Proxy, cfg.Transport = "six.test", "TCP"
	cfg.UseSRV = true
	startScene(t, cfg, six).wantServers("with a transport set, no NAPTR", "tcp:192.0.2.1:5060 tcp:192.0.2.2:5060")
}

// 6 NAPTR and 12 SRV records are used all; more are no error.
func TestLocateNAPTRLimits(t *testing.T) {
	build := func(naptr, srv int) zone {
		var z zone
		for i := range naptr {
			z = append(z, fmt.Sprintf("many.test NAPTR 60 %d 1 s SIP+D2U _sip._udp.n%d.test", naptr-i, i))
			for j := range srv {
				z = append(z, fmt.Sprintf("_sip._udp.n%d.test SRV 60 %d 1 %d 192.0.2.1", i, j, 1000*(i+1)+j))
			}
		}
		return z
	}
	cfg := LocateConfig{Proxy: "many.test", Transport: "AUTO", UseSRV: true, NoIPv6: true}
	ports := func(s *scene) (list []string) {
		for _, v := range s.l.Servers() {
			list = append(list, fmt.Sprint(v.Addr.Port()))
		}
		return list
	}
	if got := ports(startScene(t, cfg, build(6, 1))); strings.Join(got, " ") != "6000 5000 4000 3000 2000 1000" {
		t.Errorf("six NAPTR records: %v", got)
	}
	if got := ports(startScene(t, cfg, build(1, 12))); len(got) != 12 || got[0] != "1000" || got[11] != "1011" {
		t.Errorf("twelve SRV records: %v", got)
	}
	if got := ports(startScene(t, cfg, build(20, 1))); len(got) != maxNAPTR || got[0] != "20000" {
		t.Errorf("twenty NAPTR records: %v", got)
	}
	if got := ports(startScene(t, cfg, build(8, 40))); len(got) != maxServers {
		t.Errorf("%d servers, want %d", len(got), maxServers)
	}
}

// The domain gives up TLS: the list follows, whatever the SRV records say. It comes back with a server more.
func TestLocateNAPTRRefresh(t *testing.T) {
	s := startScene(t, LocateConfig{Proxy: "six.test", Transport: "AUTO", UseSRV: true, AutoPrefix: true, NoIPv6: true}, six)
	s.zone = append(zone{six[0], six[2]}, six[3:]...)
	s.after(2 * time.Minute)
	s.wantServers("TLS is gone", strings.TrimPrefix(sixInOrder, "tls:192.0.2.1:5061 tls:192.0.2.2:5061 "))
	s.zone = append(zone{"_sips._tcp.six.test SRV 60 3 1 5061 a.six.test", "six.test NAPTR 60 dead"}, six[3:]...)
	s.after(2 * time.Minute)
	s.wantServers("an unanswered NAPTR query changes nothing", strings.TrimPrefix(sixInOrder, "tls:192.0.2.1:5061 tls:192.0.2.2:5061 "))
	s.zone = six
	s.after(2 * time.Minute)
	s.wantServers("TLS is back", sixInOrder)
}
