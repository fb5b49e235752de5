//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Implementation constants.
const (
	bigDatagram = 65507                // the most UDP carries over IPv4
	bigCount    = 60                   // datagrams of each shape
	costLimit   = 2 * time.Millisecond // of CPU per datagram, with the receiving in the kernel and an OPTIONS after it
)

// TestBigDatagrams: no datagram of 64 kB, whatever it is full of, costs more than two milliseconds of CPU.
func TestBigDatagrams(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{logLevel: "info", profile: map[string]string{"Block_Nonproxy_SIP": "No"}})
	m := startTormentor(t, p.sipPort(false))
	request, _ := m.options()
	head := strings.TrimSuffix(string(request), "Content-Length: 0\r\n\r\n")
	fill := func(prefix, unit, suffix string) string {
		room := bigDatagram - len(prefix) - len(suffix)
		return prefix + strings.Repeat(unit, room/len(unit)) + suffix
	}
	end := "\r\nContent-Length: 0\r\n\r\n"
	shapes := map[string]string{
		"one header":            fill(head+"X: ", "a", end),
		"many headers":          fill(head, "X: y\r\n", "Content-Length: 0\r\n\r\n"),
		"many Vias":             fill(head, "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n", "Content-Length: 0\r\n\r\n"),
		"Vias in one header":    fill(head+"Via: SIP/2.0/UDP 192.0.2.1", ",SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa", end),
		"parameters in a URI":   fill("OPTIONS sip:a@b", ";a=b", " SIP/2.0\r\n"+strings.SplitN(head, "\r\n", 2)[1]+end),
		"parameters of Contact": fill(head+"Contact: <sip:a@b>", ";a=b", end),
		"parameters of From":    strings.Replace(head, ";tag=1", strings.Repeat(";a=b", bigDatagram/4-200), 1) + end,
		"Contacts":              fill(head+"Contact: <sip:a@b>", ",<sip:a@b>", end),
		"quotes":                fill(head+`Contact: "`, `\"`, `" <sip:a@b>`+end),
		"open quote":            fill(head+`Contact: "`, `\"`, end),
		"folded lines":          fill(head+"Subject: a", "\r\n b", end),
		"line ends":             fill("", "\r\n", ""),
		"zeros":                 fill("", "\x00", ""),
		"a body":                fill(head+"Content-Length: 65000\r\n\r\n", "v", ""),
		"digest parameters":     fill(head+"Authorization: Digest a=b", ",a=b", end),
		"angles":                fill(head+"Contact: ", "<", end),
	}
	worst := time.Duration(0)
	for name, message := range shapes {
		if len(message) > bigDatagram {
			t.Fatalf("%s: %d bytes do not fit a datagram", name, len(message))
		}
		before := cpuTime(t, p.cmd.Process.Pid)
		for range bigCount {
			m.send([]byte(message))
			if !m.alive() { // one at a time: nothing is lost, and the cost of the OPTIONS is small
				t.Fatalf("%s: the phone no longer answers", name)
			}
		}
		each := (cpuTime(t, p.cmd.Process.Pid) - before) / bigCount
		t.Logf("%-22s %v of CPU each", name, each)
		worst = max(worst, each)
		if each > costLimit {
			t.Errorf("%s: a datagram costs %v of CPU, limit %v", name, each, costLimit)
		}
	}
	t.Logf("worst: %v", worst)
	p.wantLine("afterwards", "registered")
}

// TestIdleConnections: connections that say nothing, or half a message, neither stop the phone nor stay for ever in
// such numbers that nobody else can connect.
func TestIdleConnections(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{transport: "TCP", logLevel: "info", profile: map[string]string{"Block_Nonproxy_SIP": "No"}})
	at := p.sipPort(true)
	m := startTormentor(t, at)
	for i := range 300 {
		c, err := net.DialTimeout("tcp", at.String(), patience)
		if err != nil {
			continue // refusing more is an answer too
		}
		t.Cleanup(func() { c.Close() })
		if i%2 == 0 {
			fmt.Fprintf(c, "OPTIONS sip:a@b SIP/2.0\r\nX: ")
		}
	}
	b := startBaresip(t, baresipOptions{transport: "tcp"})
	id := p.dial(b.user)
	p.wantCall("the phone still calls", "connected", id)
	p.hangup(id)
	_ = m
	if n := descriptors(t, p.cmd.Process.Pid); n > 250 {
		t.Errorf("the phone keeps %d descriptors open", n)
	}
}

// cpuTime is what all threads of a process have used: nanoseconds, from the kernel's scheduler.
func cpuTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	total := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // a thread that has just ended
		}
		if fields := strings.Fields(string(text)); len(fields) > 0 {
			n, _ := strconv.Atoi(fields[0])
			total += n
		}
	}
	if total == 0 {
		t.Skip("this kernel keeps no schedstat")
	}
	return time.Duration(total)
}

// descriptors counts the open files of a process.
func descriptors(t testing.TB, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// resident is the resident set of a process in bytes.
func resident(t testing.TB, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmRSS:" {
			n, _ := strconv.Atoi(fields[1])
			return n * 1024
		}
	}
	t.Fatal("no VmRSS in /proc")
	return 0
}
