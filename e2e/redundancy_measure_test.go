//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Implementation constants of the measurement.
const (
	measureProbe    = 5 * time.Second // Server_Probe_Intvl, a third of its default, or it would take hours
	measureFallback = 5 * time.Second // Proxy_Fallback_Intvl: how often a run can be repeated
	othersWait      = 75 * time.Second
)

// runs is how often everything is measured: the environment variable RUNS. Without it there is no measurement.
func runs(t testing.TB) int {
	t.Helper()
	n, _ := strconv.Atoi(os.Getenv("RUNS"))
	if n < 1 {
		t.Skip("a measurement: set RUNS to the number of runs")
	}
	return n
}

// figures are what was measured in one cell, run by run.
type figures struct {
	mu    sync.Mutex
	cells map[string]map[string][]time.Duration // by row, by column
}

func (f *figures) add(row, column string, took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cells == nil {
		f.cells = map[string]map[string][]time.Duration{}
	}
	if f.cells[row] == nil {
		f.cells[row] = map[string][]time.Duration{}
	}
	f.cells[row][column] = append(f.cells[row][column], took)
}

// table is markdown: median (of an even number the upper one) and worst of each cell.
func (f *figures) table(rows, columns []string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s |\n|---|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |", row)
		for _, column := range columns {
			values := slices.Sorted(slices.Values(f.cells[row][column]))
			switch {
			case len(values) == 0:
				b.WriteString(" – |")
			case len(values) == 1:
				fmt.Fprintf(&b, " %s |", inWords(values[0]))
			default:
				fmt.Fprintf(&b, " %s / %s |", inWords(values[len(values)/2]), inWords(values[len(values)-1]))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func inWords(d time.Duration) string {
	switch {
	case d == othersWait:
		return "never"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// TestRedundancyMeasure measures how long service is away: docs/redundancy.md.
func TestRedundancyMeasure(t *testing.T) {
	n := runs(t)
	t.Parallel()
	var found figures
	columns := []string{"cold call answered by b", "REGISTER accepted by b", "marked call answered by b", "idle: REGISTER accepted by b", "home after repair"}
	var rows []string
	for _, fault := range faults {
		for _, transport := range []string{"UDP", "TCP", "TLS"} {
			rows = append(rows, fault+", "+transport)
		}
	}
	t.Cleanup(func() { fmt.Printf("\n%d runs, median / worst\n\n%s\n", n, found.table(rows, columns)) })
	for _, fault := range faults {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			needFault(t, fault)
			sideBySide(t, func(t *testing.T, transport string) {
				c := startCell(t, transport, map[string]string{"Server_Probe_Intvl_1_": fmt.Sprint(measureProbe.Seconds()),
					"Proxy_Fallback_Intvl_1_": fmt.Sprint(measureFallback.Seconds()), "Register_Expires_1_": "3600"})
				for range n {
					c.measure(fault, func(column int, took time.Duration) { found.add(fault+", "+transport, columns[column], took) })
				}
			})
		})
	}
}

// measure is one run. note takes a column of the table.
func (c *cell) measure(fault string, note func(column int, took time.Duration)) {
	c.t.Helper()
	a, b := c.pair.a, c.pair.b
	// A call at once: nothing has been noticed yet.
	at := c.marks()
	struck := a.strike(fault)
	id, took := c.callOut("a call at once", b)
	note(0, took)
	c.hangup("a call at once", id)
	c.wantServer(fault, b)
	note(1, c.acceptedBy(b, at.b).Sub(struck))
	// The next call: the server is marked.
	id, took = c.callOut("the next call", b)
	note(2, took)
	c.hangup("the next call", id)
	note(4, c.home())
	if fault == "503" && c.transport != "UDP" {
		return // a ping cannot ask whether it serves; the next request does
	}
	// Nobody calls: the phone has to find out by itself. The moments are spread over the time between two probes.
	<-time.After(time.Duration(time.Now().UnixNano()) % measureProbe)
	at = c.marks()
	struck = a.strike(fault)
	c.wantServer(fault+" while idle", b)
	note(3, c.acceptedBy(b, at.b).Sub(struck))
	note(4, c.home())
}

// acceptedBy is when a server took a registration of the phone: what it says of that may arrive a little later.
func (c *cell) acceptedBy(s *server, mark int) time.Time {
	c.t.Helper()
	eventually(c.t, s.name+" takes a registration", func() bool { return !s.accepted(mark, c.phone.user).IsZero() })
	return s.accepted(mark, c.phone.user)
}

// home mends a and waits until the line is back there.
func (c *cell) home() time.Duration {
	c.t.Helper()
	began := c.pair.a.mend()
	eventuallyIn(c.t, 4*patience, "the line goes home", func() bool {
		l := c.phone.status().Lines[0]
		return l.Active == c.pair.a.uses(c.transport) && l.registeredAt(c.pair.a)
	})
	return time.Since(began)
}

// TestRedundancyOthers puts baresip and linphone into the same network, and lets the same happen to them.
func TestRedundancyOthers(t *testing.T) {
	runs(t)
	t.Parallel()
	var found figures
	columns := []string{"call placed at once answered by b", "REGISTER accepted by b"}
	var rows []string
	kinds := []string{"dialtone", "baresip", "linphone"}
	for _, fault := range []string{"silent", "refused"} {
		for _, transport := range []string{"UDP", "TCP"} {
			for _, kind := range kinds {
				rows = append(rows, fmt.Sprintf("%s, %s: %s", fault, transport, kind))
			}
		}
	}
	t.Cleanup(func() { fmt.Printf("\none run, watched for %v\n\n%s\n", othersWait, found.table(rows, columns)) })
	for _, fault := range []string{"silent", "refused"} {
		for _, transport := range []string{"UDP", "TCP"} {
			t.Run(transport+"/"+fault, func(t *testing.T) {
				t.Parallel()
				p, far := startPair(t), startFarEnd(t)
				var dials []func()
				var users []string
				us := p.startPhone(transport, nil)
				users, dials = append(users, us.user), append(dials, func() { us.dial(far.number) })
				them := startBaresip(t, baresipOptions{domain: p.domain, transport: strings.ToLower(transport), dns: p.dns, registrar: p.a.kamailio})
				users, dials = append(users, them.user), append(dials, func() { them.command("dial", "sip:"+far.number+"@"+p.domain) })
				t.Run("linphone", func(t *testing.T) { // which may skip
					l := startLinphoneAt(t, p, transport)
					users, dials = append(users, l.user), append(dials, func() { l.command("call sip:" + far.number + "@" + p.domain) })
					mark := p.b.log.mark()
					struck := p.a.strike(fault)
					for _, dial := range dials {
						dial()
					}
					p.watch(users, mark, struck, func(i, column int, took time.Duration) {
						found.add(fmt.Sprintf("%s, %s: %s", fault, transport, kinds[i]), columns[column], took)
					})
				})
			})
		}
	}
}

// watch waits until every user has been answered and registered by b, or for othersWait.
func (p *pair) watch(users []string, mark int, struck time.Time, note func(user, column int, took time.Duration)) {
	for i, user := range users {
		for column, at := range []func(int, string) time.Time{p.b.answered, p.b.accepted} {
			for at(mark, user).IsZero() && time.Since(struck) < othersWait {
				<-time.After(pollPause)
			}
			if when := at(mark, user); !when.IsZero() {
				note(i, column, when.Sub(struck))
			} else {
				note(i, column, othersWait)
			}
		}
	}
}
