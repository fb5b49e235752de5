//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Implementation constants. Every call of the soak has one right end, decided beforehand by a seeded generator. The
// phone has one call at a time, so calls follow one another at soakRate and each is over before the next begins.
const (
	soakDefault  = 60 // calls in each direction; SOAK_CALLS changes it, scripts/soak.sh asks for 1000
	soakRate     = 5
	soakPause    = 80  // ms, the longest of the random times in a call
	soakGoCount  = 5   // goroutines more than at the start that may be there for another reason
	soakFiles    = 4   // descriptors, likewise
	soakHeap     = 8e6 // bytes of heap
	soakResident = 24e6
)

// soakCalls is how many calls to make in each direction.
func soakCalls(t testing.TB) int {
	n := soakDefault
	if text := os.Getenv("SOAK_CALLS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			t.Fatalf("SOAK_CALLS is %q", text)
		}
	}
	return n
}

// The kinds of incoming calls: the caller's number tells the phone's hands what to do, and SIPp knows what must come.
const (
	callerGivesUp  = "7001" // while it rings
	callerHangsUp  = "7002" // after the answer
	phoneHangsUp   = "7003"
	phoneDeclines  = "7004"
	callerIsHasty  = "7005" // gives up as soon as it rings
	callerHangsNow = "7006" // as soon as it is answered
)

// TestSoakIncoming is called again and again, and ends where it began.
func TestSoakIncoming(t *testing.T) {
	t.Parallel()
	calls := soakCalls(t)
	random := rand.New(rand.NewPCG(7, uint64(calls)))
	kinds := []string{callerGivesUp, callerHangsUp, phoneHangsUp, phoneDeclines, callerIsHasty, callerHangsNow}
	var plan strings.Builder
	planned := map[string]int{}
	for range calls {
		kind := kinds[random.IntN(len(kinds))]
		planned[kind]++
		fmt.Fprintf(&plan, "%s;%d\n", kind, 1+random.IntN(soakPause))
	}
	p := startPhone(t, phoneOptions{logLevel: "info"})
	before := p.measure()
	hands := p.hands(random)
	caller := startSIPp(t, sippOptions{scenario: "soak-caller", to: p.user, calls: calls, rate: soakRate, limit: 1, csv: plan.String(),
		patience: time.Duration(calls)*2*time.Second/soakRate + time.Minute})
	caller.wantDone("every call ends as planned")
	hands.stop()
	p.wantIdle("the last call is over")
	t.Logf("%d incoming calls, all with the right end: %v", calls, planned)
	for kind, want := range map[string]int{phoneHangsUp: planned[phoneHangsUp], phoneDeclines: planned[phoneDeclines]} {
		if got := hands.done[kind]; got != want {
			t.Errorf("the phone's hands did %d calls of kind %s, planned %d", got, kind, want)
		}
	}
	p.wantAsBefore(before)
}

// hands is somebody at the phone: answers, declines and hangs up as the caller's number asks.
type hands struct {
	quit chan struct{}
	over chan struct{}
	done map[string]int
}

func (h *hands) stop() {
	close(h.quit)
	<-h.over
}

// hands acts on every change of state the phone reports.
func (p *phone) hands(random *rand.Rand) *hands {
	h := &hands{quit: make(chan struct{}), over: make(chan struct{}), done: map[string]int{}}
	go func() {
		defer close(h.over)
		acted := map[string]string{}
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-h.quit:
				return
			case <-tick.C:
			}
			var s status
			if _, err := p.ask("GET", "/api/v1/status", nil, &s); err != nil {
				continue
			}
			for _, c := range s.Calls {
				if c.State == acted[c.ID] {
					continue
				}
				switch {
				case c.State == "incoming" && (c.Peer == callerHangsUp || c.Peer == phoneHangsUp || c.Peer == callerHangsNow):
					p.ask("POST", "/api/v1/calls/"+c.ID+"/answer", nil, nil)
				case c.State == "incoming" && c.Peer == phoneDeclines, c.State == "connected" && c.Peer == phoneHangsUp:
					<-time.After(time.Duration(random.IntN(soakPause)) * time.Millisecond) // a person's hands, not a wait for the phone
					if _, err := p.ask("DELETE", "/api/v1/calls/"+c.ID, nil, nil); err == nil {
						h.done[c.Peer]++
					}
				}
				acted[c.ID] = c.State
			}
		}
	}()
	return h
}

// TestSoakOutgoing calls again and again. The last digits of the called user tell SIPp what to do.
func TestSoakOutgoing(t *testing.T) {
	t.Parallel()
	calls := soakCalls(t)
	random := rand.New(rand.NewPCG(11, uint64(calls)))
	callee := startSIPp(t, sippOptions{scenario: "soak-callee", calls: calls, patience: time.Duration(calls)*2*time.Second/soakRate + time.Minute})
	p := startPhone(t, phoneOptions{logLevel: "info"})
	before := p.measure()
	pace := time.NewTicker(time.Second / soakRate)
	defer pace.Stop()
	planned := map[string]int{}
	for range calls {
		kind := []string{"busy", "ring", "answer", "drop"}[random.IntN(4)]
		planned[kind]++
		id := p.dial(fmt.Sprintf("sip:%s@example.test;do=%s", callee.number, kind))
		think := time.Duration(random.IntN(soakPause)) * time.Millisecond
		switch kind {
		case "ring":
			p.wantCall("it rings", "ringing", id)
			<-time.After(think) // a person's hands, not a wait for the phone
			p.hangup(id)
		case "answer":
			p.wantCall("answered", "connected", id)
			<-time.After(think)
			p.hangup(id)
		}
		c := p.wantCall(kind, "ended", id)
		if answered := c.Duration > 0; answered != (kind == "answer" || kind == "drop") {
			t.Errorf("a call of kind %s ended as %+v", kind, c)
		}
		if kind == "busy" && c.Reason.Title == "" {
			t.Errorf("busy has no words: %+v", c)
		}
		if kind == "busy" {
			p.key("end")
		}
		<-pace.C
	}
	callee.wantDone("every call ends as planned")
	p.wantIdle("the last call is over")
	t.Logf("%d outgoing calls, all with the right end: %v", calls, planned)
	p.wantAsBefore(before)
}

// measures are what must not grow.
type measures struct {
	goroutines, files, resident int
	heap                        float64
}

var (
	goroutineCount = regexp.MustCompile(`(?m)^\S*goroutines\S* (\S+)$`)
	heapBytes      = regexp.MustCompile(`(?m)^\S*heap_(?:alloc|inuse|live|objects)?_?bytes\S* (\S+)$`)
)

// measure reads /metrics and /proc.
func (p *phone) measure() measures {
	p.t.Helper()
	m := measures{files: descriptors(p.t, p.cmd.Process.Pid), resident: resident(p.t, p.cmd.Process.Pid)}
	text := p.metrics()
	number := func(re *regexp.Regexp) float64 {
		found := re.FindStringSubmatch(text)
		if found == nil {
			p.t.Fatalf("/metrics has no %v:\n%s", re, text)
		}
		f, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			p.t.Fatal(err)
		}
		return f
	}
	m.goroutines, m.heap = int(number(goroutineCount)), number(heapBytes)
	return m
}

func (p *phone) metrics() string {
	p.t.Helper()
	text, err := p.read("/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

// wantAsBefore waits until the phone is back where it was: what a call leaves behind for a while (transactions, ended
// calls on the list, idle connections of this test) has gone by then.
func (p *phone) wantAsBefore(before measures) {
	p.t.Helper()
	var now measures
	defer func() { p.t.Logf("before %+v, after %+v", before, now) }()
	eventuallyIn(p.t, 75*time.Second, "goroutines, descriptors and heap are back at the start", func() bool {
		now = p.measure()
		return now.goroutines <= before.goroutines+soakGoCount && now.files <= before.files+soakFiles && now.heap <= before.heap+soakHeap && now.resident <= before.resident+soakResident
	})
}

// TestFigures prints what the phone needs: time to registered, memory and CPU idle and in a call.
func TestFigures(t *testing.T) {
	t.Parallel()
	began := time.Now()
	p := startPhone(t, phoneOptions{logLevel: "info"})
	t.Logf("from start to registered: %.0f ms (%d CPUs, other tests running)", time.Since(began).Seconds()*1000, runtime.NumCPU())
	pid := p.cmd.Process.Pid
	t.Logf("idle: RSS %.1f MB, %d descriptors", float64(resident(t, pid))/1e6, descriptors(t, pid))
	b := startBaresip(t, baresipOptions{})
	id := p.dial(b.user)
	p.wantCall("baresip answers", "connected")
	before, began := cpuTime(t, pid), time.Now()
	<-time.After(5 * time.Second) // what is measured is a stretch of time
	t.Logf("in a call: RSS %.1f MB, %d descriptors, %.2f s of CPU per minute", float64(resident(t, pid))/1e6, descriptors(t, pid),
		(cpuTime(t, pid)-before).Seconds()*60/time.Since(began).Seconds())
	p.hangup(id)
}
