package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dialtone/exchange"
	"dialtone/phone"
	"dialtone/simnet"
	"dialtone/web"
)

var (
	seeds = flag.Int("seeds", 40, "worlds of the Outage tests; of the whole phone one of forty")
	seed  = flag.Int64("seed", -1, "the only world of the Outage tests, with its transcript")
)

// TestOutage is TestOutage of sip with the whole phone: sockets, resolver, loop, brain, screen and sound, at an
// exchange of up to four proxies whose faults, and those of its DNS and of the network, are drawn from a seed. It
// takes some thirty times as long, so that one of forty seeds is played. What was recorded is replayed: the
// decisions are the same, byte for byte.
func TestOutage(t *testing.T) {
	first, last := uint64(0), uint64(max(1, *seeds/40))
	if *seed >= 0 {
		first, last = uint64(*seed), uint64(*seed)+1
	}
	for s := first; s < last; s++ {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			inBench(t, func(b *bench) {
				newTrouble(b, s).play()
				if *seed >= 0 {
					t.Logf("seed %d:\n%s", s, b.transcript())
				}
			})
			if t.Failed() {
				t.Logf("go test ./firmware -run TestOutage -seed %d plays it again", s)
			}
		})
	}
}

// trouble is one world.
type trouble struct {
	*bench
	rnd     *rand.Rand
	x       *exchange.Exchange
	p       *desk
	proxies []string
	hosts   map[string]*simnet.Host
	listed  []string
	heals   []func() // what ends the faults there are
	broken  map[string]bool
	dual    bool
}

func newTrouble(b *bench, seed uint64) *trouble {
	o := &trouble{bench: b, rnd: rand.New(rand.NewPCG(seed, 44)), hosts: map[string]*simnet.Host{}, broken: map[string]bool{}}
	b.net.GiveUp(10 * time.Second) // as TCP_USER_TIMEOUT has it
	n := 1 + o.rnd.IntN(4)
	o.x = b.exchangeWith(func(c *exchange.Config) {
		c.Proxies = nil
		for i := range n + 1 { // the last is for the alternate leg
			name, addr := string(rune('a'+i)), netip.AddrFrom4([4]byte{10, 0, 0, byte(11 + i)})
			c.Proxies = append(c.Proxies, exchange.ProxyConfig{Name: name, Addr: addr, Port: 5060})
			o.proxies, o.hosts[name] = append(o.proxies, name), b.net.Host(addr)
		}
		c.Media, c.Challenge = netip.MustParseAddr("10.0.0.19"), o.rnd.IntN(2) == 0
		c.Users["1001"] = recordedSecret // of which a replay makes the same digests
	})
	o.listed = o.proxies[:n]
	if err := o.x.SetServers(o.listed...); err != nil {
		b.Fatal(err)
	}
	o.x.SetTTL(time.Duration(o.rnd.IntN(60)) * time.Second)
	settings := []string{
		"record", "Password_1_=" + recordedSecret, "Proxy_1_=example.test", "Use_DNS_SRV_1_=Yes", "SIP_Transport_1_=" + pick(o, "UDP", "TCP"),
		"Register_Expires_1_=" + pick(o, "60", "600"), "Proxy_Fallback_Intvl_1_=" + pick(o, "20", "60"),
		"Failover_Timeout_1_=" + pick(o, "1", "1", "0"), "Failback_Good_Probes_1_=" + pick(o, "1", "3"),
		"Hot_Standby_Registration_1_=" + pick(o, "No", "No", "Yes"), "Retry_Reg_RSC=5??",
	}
	o.p = b.newDesk("1001", "10.0.0.51", settings...)
	b.note("%d proxies; %s", n, strings.Join(settings, " "))
	return o
}

func pick[T any](o *trouble, of ...T) T { return of[o.rnd.IntN(len(of))] }

// play lets three to five minutes pass in which things break, and then looks whether all is well.
func (o *trouble) play() {
	o.p.start()
	o.after(2003 * time.Millisecond)
	for end := time.Now().Add(3*time.Minute + time.Duration(o.rnd.IntN(120))*time.Second); time.Now().Before(end); {
		switch o.rnd.IntN(3) {
		case 0:
			o.breakSomething()
		case 1:
			if len(o.heals) > 0 {
				i := o.rnd.IntN(len(o.heals))
				heal := o.heals[i]
				o.heals = slices.Delete(o.heals, i, i+1)
				heal()
			}
		case 2:
			o.use()
		}
		// Never a multiple of anything: no two things happen at once.
		o.after(time.Duration(1+o.rnd.IntN(20))*time.Second + 13*time.Millisecond)
		o.look()
	}
	o.note("peace")
	for _, heal := range o.heals {
		heal()
	}
	o.hangUp()
	o.settle()
	o.p.stop()
	o.p.wantReplay()
}

// look holds what must be true at any time: a call that is over says why.
func (o *trouble) look() {
	for _, c := range o.p.status().Calls {
		if c.State == phone.StateEnded.String() && c.Reason.Title == "" {
			o.Errorf("a call has ended without a reason: %+v", c)
		}
	}
}

// breakSomething begins a fault.
func (o *trouble) breakSomething() {
	name := pick(o, o.proxies...)
	host := o.hosts[name]
	heal := func(what string, f func()) {
		o.broken[what] = true
		o.heals = append(o.heals, func() { o.note("%s is healed", what); o.broken[what] = false; f() })
	}
	mode := func(m exchange.Mode) {
		if err := o.x.SetMode(name, m); err != nil {
			o.Fatal(err)
		}
	}
	kind := o.rnd.IntN(11)
	what := name
	if kind >= 8 {
		what = "DNS"
	}
	if o.broken[what] {
		return
	}
	switch kind {
	case 0, 1, 2, 3, 4:
		m := pick(o, exchange.Stop, exchange.Silence, exchange.Unavailable, exchange.Unavailable+"=20", exchange.Refuse, exchange.Slow)
		o.note("%s is set to %s", name, m)
		mode(m)
		heal(what, func() { mode(exchange.Normal) })
	case 5:
		o.note("%s loses its power", name)
		host.Plug(false)
		mode(exchange.Stop)
		heal(what, func() { mode(exchange.Normal); host.Plug(true) })
	case 6:
		o.note("%s is cut off", name)
		o.net.Partition(o.p.host, host)
		heal(what, func() { o.net.Heal(o.p.host, host) })
	case 7:
		loss := float64(1+o.rnd.IntN(30)) / 100
		o.note("%.0f %% of the packets from and to %s are lost", 100*loss, name)
		l := simnet.Link{Delay: oneWay, Loss: loss}
		o.net.Link(o.p.host, host, l)
		o.net.Link(host, o.p.host, l)
		heal(what, func() {
			o.net.Link(o.p.host, host, simnet.Link{Delay: oneWay})
			o.net.Link(host, o.p.host, simnet.Link{Delay: oneWay})
		})
	case 8, 9:
		m := pick(o, exchange.DNSOff, exchange.DNSServfail, exchange.DNSSlow)
		o.dnsIs(o.x, m)
		heal(what, func() { o.dnsIs(o.x, exchange.DNSNormal) })
	case 10:
		o.listed = slices.Clone(o.proxies[:len(o.proxies)-1])
		o.rnd.Shuffle(len(o.listed), func(i, j int) { o.listed[i], o.listed[j] = o.listed[j], o.listed[i] })
		o.bench.listed(o.x, o.listed...)
	}
}

// use is what somebody does with the phone.
func (o *trouble) use() {
	switch o.rnd.IntN(6) {
	case 0, 1, 2:
		o.p.do(web.Call{To: pick(o, "600", "600", "603", "605", "606")})
	case 3:
		for _, c := range o.p.status().Calls {
			if c.State == phone.StateIncoming.String() {
				o.p.do(web.Answer{ID: number(c)})
				return
			}
		}
		o.hangUp()
	case 4:
		o.p.readdress(pick(o, "10.0.0.51", "10.0.0.52"))
	case 5:
		o.dual = !o.dual
		yes := map[bool]string{true: "Yes", false: "No"}[o.dual]
		if err := o.p.update("Alternate_Proxy_1_="+o.hosts[o.proxies[len(o.proxies)-1]].Addr().String(), "Dual_Registration_1_="+yes); err != nil {
			o.Error(err)
		}
	}
}

// number is what commands call a call that is listed as "c7".
func number(c web.CallStatus) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(c.ID, "c"))
	return n
}

func (o *trouble) hangUp() {
	for _, c := range o.p.status().Calls {
		o.p.do(web.Hangup{ID: number(c)})
	}
}

// settle: the line is back at its best server, and nowhere else unless it is to be; a call is answered at once.
func (o *trouble) settle() {
	// DNS is asked again after its TTL or a failure, a registration tried again, the better server probed.
	const bound = 6 * time.Minute
	best := o.listed[0]
	took := o.within("the line is at its best server "+best, bound, func() bool {
		o.hangUp() // 606 calls back
		lines := o.p.status().Lines
		return len(lines) > 0 && lines[0].State == "registered" && strings.HasSuffix(lines[0].Active, o.hosts[best].Addr().String()+":5060") &&
			strings.HasPrefix(registrations(o.x, best), "1001 ")
	})
	o.note("the line is home after %s", took)
	o.after(10 * time.Second)
	for _, name := range o.proxies {
		if r := registrations(o.x, name); strings.Contains(r, ",") {
			o.Errorf("%s knows the line twice: %s", name, r)
		}
	}
	o.hangUp()
	o.after(6 * time.Second)
	there := len(o.x.Status().Calls) // the BYE of one may have found nobody who took it
	o.p.do(web.Call{To: "600"})
	o.within("a call is answered", 3*time.Second, func() bool { return o.p.callState() == phone.StateConnected.String() })
	o.hangUp()
	o.within("and ended", 3*time.Second, func() bool { return len(o.x.Status().Calls) <= there })
	o.after(6 * time.Second)
}

// TestSeedsEverywhere: go test ./... -run Outage -seeds N hands the flag to every package, and one that does not
// know it fails.
func TestSeedsEverywhere(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,TestGoFiles,XTestGoFiles", "dialtone/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p struct {
			ImportPath, Dir           string
			TestGoFiles, XTestGoFiles []string
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		files := append(p.TestGoFiles, p.XTestGoFiles...)
		if len(files) > 0 && !slices.ContainsFunc(files, func(name string) bool {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			return err == nil && strings.Contains(string(text), `flag.Int("seeds",`)
		}) {
			t.Errorf("%s does not take -seeds: it needs a seeds_test.go as its neighbours have", p.ImportPath)
		}
	}
}
