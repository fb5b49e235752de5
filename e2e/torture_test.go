//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Implementation constants.
const (
	tortureDir   = "../sip/testdata/torture"
	leastExact   = 55                     // of the messages must be treated exactly as their index says
	streamQuiet  = 600 * time.Millisecond // a stream that has said nothing for so long is taken to discard
	packetDelay  = 60 * time.Millisecond
	ringPatience = 3 * time.Second // for the first answer to a valid INVITE
)

// tortured is one message of RFC 4475 or RFC 5118 and what the index says a phone does with it: answer codes, accept
// (an INVITE that rings), accept-resp (a response that is read and belongs to nothing), discard, any.
type tortured struct {
	file, kind                 string
	message                    []byte
	expect, tolerated, streams []string
}

// tortureMessages reads the index.
func tortureMessages(t testing.TB) []tortured {
	t.Helper()
	f, err := os.Open(filepath.Join(tortureDir, "index.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	list := func(s string) []string {
		if s == "" {
			return nil
		}
		return strings.Split(s, "|")
	}
	var all []tortured
	for _, row := range rows[1:] {
		field := func(name string) string { return row[slices.Index(rows[0], name)] }
		m := tortured{file: field("file"), kind: field("kind"), expect: list(field("expect")), tolerated: list(field("tolerated")), streams: list(field("expect_stream"))}
		if m.message, err = os.ReadFile(filepath.Join(tortureDir, m.file)); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// A judgement is how one message went.
type judgement struct {
	answer string // codes in order, or discard
	rang   bool
	mark   string // exact, tolerated, WRONG
	why    string
}

// judge compares the answer with the index. A final code counts; an INVITE that rings is accepted.
func (m tortured) judge(codes []int, rang, stream bool) judgement {
	j := judgement{answer: "discard", rang: rang}
	var said []string
	for _, code := range codes {
		said = append(said, strconv.Itoa(code))
	}
	if len(said) > 0 {
		j.answer = strings.Join(said, " ")
	}
	last := "discard"
	if len(codes) > 0 {
		last = strconv.Itoa(codes[len(codes)-1])
	}
	if rang {
		last = "accept"
	}
	expect, tolerated := m.expect, m.tolerated
	if stream && len(m.streams) > 0 {
		expect, tolerated = m.streams, nil
	}
	fits := func(list []string) bool {
		return slices.Contains(list, last) || slices.Contains(list, "any") && !rang || slices.Contains(list, "accept-resp") && last == "discard"
	}
	switch {
	case fits(expect):
		j.mark = "exact"
	case fits(tolerated):
		j.mark = "tolerated"
	default:
		j.mark, j.why = "WRONG", fmt.Sprintf("want %s, or at least %s", strings.Join(expect, "|"), strings.Join(tolerated, "|"))
	}
	return j
}

// TestTortureJudge shows that the judge can say no.
func TestTortureJudge(t *testing.T) {
	t.Parallel()
	invite := tortured{expect: []string{"accept"}, tolerated: []string{"488"}}
	bad := tortured{expect: []string{"400"}, tolerated: []string{"discard"}, streams: []string{"discard"}}
	for _, c := range []struct {
		m            tortured
		codes        []int
		rang, stream bool
		want         string
	}{
		{invite, []int{100, 180}, true, false, "exact"}, {invite, []int{488}, false, false, "tolerated"}, {invite, nil, false, false, "WRONG"},
		{bad, []int{400}, false, false, "exact"}, {bad, nil, false, false, "tolerated"}, {bad, nil, false, true, "exact"},
		{bad, []int{180}, true, false, "WRONG"}, {bad, []int{500}, false, false, "WRONG"}, {bad, []int{400}, false, true, "WRONG"},
	} {
		if got := c.m.judge(c.codes, c.rang, c.stream); got.mark != c.want {
			t.Errorf("%+v is %s, want %s", c, got.mark, c.want)
		}
	}
}

// tortureLines gives the phone a line for every user the messages call, and opens it to anyone.
func tortureLines() map[string]string {
	settings := map[string]string{"Block_Nonproxy_SIP": "No"}
	for i, user := range []string{"user", "UserB", "vivekg", "sips%3Auser%40example.com", "t.watson", "remote-target", "user;par=u%40example.net"} {
		for parameter, value := range map[string]string{"User_ID": user, "Proxy": "example.test", "Register": "No",
			"Make_Call_Without_Reg": "Yes", "Ans_Call_Without_Reg": "Yes"} {
			settings[fmt.Sprintf("%s_%d_", parameter, i+2)] = value
		}
	}
	return settings
}

// TestTorture sends every message to a running phone that answers anyone.
func TestTorture(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{false, true} {
		name := map[bool]string{false: "UDP", true: "TCP"}[stream]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPhone(t, phoneOptions{transport: name, logLevel: "info", profile: tortureLines()})
			at := p.sipPort(stream)
			tormentor := startTormentor(t, at)
			count := map[string]int{}
			var table strings.Builder
			for _, m := range tortureMessages(t) {
				var codes []int
				if stream {
					codes = tormentor.overTCP(m)
				} else {
					codes = tormentor.overUDP(m)
				}
				rang := p.rangAndRefused()
				j := m.judge(codes, rang, stream)
				count[j.mark]++
				fmt.Fprintf(&table, "%-46s %-9s %s %s\n", m.file, j.mark, j.answer, j.why)
				if j.mark == "WRONG" {
					t.Errorf("%s: %s (rang: %v): %s", m.file, j.answer, j.rang, j.why)
				}
				if !tormentor.alive() {
					t.Fatalf("%s: the phone no longer answers OPTIONS\n%s", m.file, table.String())
				}
			}
			t.Logf("%s\n%s: %d exactly as expected, %d tolerated, %d wrong", table.String(), name, count["exact"], count["tolerated"], count["WRONG"])
			if count["exact"] < leastExact {
				t.Errorf("%d exactly as expected, want %d", count["exact"], leastExact)
			}
			p.wantLine("afterwards", "registered")
		})
	}
}

// sipPort is where the phone listens for SIP: 5060 if it does there, else what the kernel says.
func (p *phone) sipPort(stream bool) netip.AddrPort {
	p.t.Helper()
	at := netip.AddrPortFrom(p.addr, 5060)
	eventually(p.t, "the phone listens", func() bool { return bound(at, stream) })
	return at
}

// rangAndRefused reports whether a call has come up, and takes it away.
func (p *phone) rangAndRefused() bool {
	p.t.Helper()
	rang := false
	for _, c := range p.status().Calls {
		if c.State == "incoming" {
			rang = true
			p.hangup(c.ID)
		}
	}
	p.wantIdle("the call is refused")
	return rang
}

// tormentor sends raw messages. Answers to UDP go where the Via says (RFC 3261 section 18.2.2), so it listens on every
// port the messages name.
type tormentor struct {
	t       testing.TB
	to      netip.AddrPort
	sockets []*net.UDPConn
	packets chan []byte
	asked   int
	called  atomic.Value // Request-URI of the message that was sent last, a string
}

var viaPorts = []int{5060, 5061, 5050, 5070, 6050, 19823}

func startTormentor(t testing.TB, to netip.AddrPort) *tormentor {
	t.Helper()
	m := &tormentor{t: t, to: to, packets: make(chan []byte, 1000)}
	m.called.Store("sip:nobody@example.test")
	host := lab.peerHost(t)
	for _, port := range viaPorts {
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(lab.server(host, port)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		m.sockets = append(m.sockets, c)
		go func() {
			buffer := make([]byte, 65536)
			for {
				n, err := c.Read(buffer)
				if err != nil {
					return
				}
				m.acknowledge(c, buffer[:n])
				m.packets <- bytes.Clone(buffer[:n])
			}
		}()
	}
	return m
}

func (m *tormentor) send(message []byte) {
	m.t.Helper()
	if _, err := m.sockets[0].WriteToUDPAddrPort(message, m.to); err != nil {
		m.t.Fatal(err)
	}
}

// options is a request the phone must answer, and the Call-ID the answer has.
func (m *tormentor) options() ([]byte, string) {
	m.asked++
	id := fmt.Sprintf("alive-%d-%d", os.Getpid(), m.asked)
	from := m.sockets[0].LocalAddr()
	return fmt.Appendf(nil, "OPTIONS sip:alive@%v SIP/2.0\r\nVia: SIP/2.0/UDP %v;branch=z9hG4bK%s;rport\r\nFrom: <sip:tormentor@example.test>;tag=1\r\n"+
		"To: <sip:alive@%v>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContact: <sip:tormentor@%v>\r\nContent-Length: 0\r\n\r\n", m.to, from, id, m.to, id, from), id
}

// alive asks OPTIONS until it is answered.
func (m *tormentor) alive() bool {
	for range 3 {
		request, id := m.options()
		m.send(request)
		for deadline := time.After(2 * time.Second); ; {
			select {
			case packet := <-m.packets:
				if bytes.Contains(packet, []byte(id)) {
					return true
				}
				continue
			case <-deadline:
			}
			break
		}
	}
	return false
}

// overUDP sends the message and, behind it, an OPTIONS: when that is answered the message has been dealt with, but for
// a ringing INVITE, which is waited for.
func (m *tormentor) overUDP(message tortured) []int {
	m.t.Helper()
	if fields := strings.Fields(string(message.message[:min(200, len(message.message))])); len(fields) > 1 {
		m.called.Store(fields[1])
	}
	m.send(message.message)
	request, id := m.options()
	m.send(request)
	var codes []int
	limit := time.After(ringPatience)
	var settled <-chan time.Time
	for {
		select {
		case packet := <-m.packets:
			if bytes.Contains(packet, []byte(id)) {
				settled = time.After(packetDelay) // an answer to another port may be read after this one
			} else if code := statusCode(packet); code != 0 {
				codes = append(codes, code)
			}
		case <-settled:
			if len(codes) == 0 || codes[len(codes)-1] > 100 {
				return codes
			}
		case <-limit:
			return codes
		}
	}
}

var (
	inviteCSeq  = regexp.MustCompile(`(?mi)^CSeq:\s*(\d+)\s+INVITE\s*$`)
	ackedHeader = regexp.MustCompile(`(?mi)^(Via|From|To|Call-ID):.*\r\n`)
)

// acknowledge ends the retransmissions of a final answer to an INVITE (RFC 3261 section 17.1.1.3), whenever it comes.
func (m *tormentor) acknowledge(c *net.UDPConn, response []byte) {
	cseq := inviteCSeq.FindSubmatch(response)
	if statusCode(response) < 200 || cseq == nil {
		return
	}
	// The Request-URI counts where the branch is none of RFC 3261 (section 17.2.3).
	ack := fmt.Appendf(nil, "ACK %s SIP/2.0\r\n", m.called.Load())
	seen := map[string]bool{}
	for _, h := range ackedHeader.FindAllSubmatch(response, -1) {
		if name := strings.ToLower(string(h[1])); !seen[name] {
			seen[name] = true
			ack = append(ack, h[0]...)
		}
	}
	ack = fmt.Appendf(ack, "CSeq: %s ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", cseq[1])
	c.WriteToUDPAddrPort(ack, m.to)
}

// overTCP sends the message on a connection of its own and reads answers until the last word is said, the phone closes,
// or it has been quiet for long enough.
func (m *tormentor) overTCP(message tortured) []int {
	m.t.Helper()
	m.asked++
	from := net.IPv4(127, byte(lab.block), 3, byte(m.asked)) // everyone is allowed a few connections only
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Timeout: patience}
	c, err := dialer.Dial("tcp", m.to.String())
	if err != nil {
		m.t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(message.message); err != nil {
		m.t.Fatal(err)
	}
	var codes []int
	r := bufio.NewReader(c)
	for {
		c.SetReadDeadline(time.Now().Add(streamQuiet))
		text, err := readMessage(r)
		if code := statusCode(text); code != 0 {
			codes = append(codes, code)
			if code > 100 {
				return codes
			}
		}
		if err != nil {
			var timeout net.Error
			if !errors.Is(err, io.EOF) && !(errors.As(err, &timeout) && timeout.Timeout()) && !strings.Contains(err.Error(), "reset") {
				m.t.Errorf("%s: %v", message.file, err)
			}
			return codes
		}
	}
}

// readMessage reads one message from a stream: header, and as much body as it says.
func readMessage(r *bufio.Reader) ([]byte, error) {
	var text []byte
	size := 0
	for {
		line, err := r.ReadBytes('\n')
		text = append(text, line...)
		if err != nil {
			return text, err
		}
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && bytes.EqualFold(name, []byte("Content-Length")) {
			size, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
		if len(bytes.TrimSpace(line)) == 0 {
			break
		}
	}
	body := make([]byte, size)
	n, err := io.ReadFull(r, body)
	return append(text, body[:n]...), err
}

// statusCode is the code of a response, 0 of anything else.
func statusCode(message []byte) int {
	if !bytes.HasPrefix(message, []byte("SIP/2.0 ")) || len(message) < 11 {
		return 0
	}
	code, _ := strconv.Atoi(string(message[8:11]))
	return code
}
