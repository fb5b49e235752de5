//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// A farEnd is who is called: a number behind every proxy of a pair. It answers at once, sends and counts RTP, and keeps
// what it was asked. Unlike the other peers it is no phone but a few lines of SIP by UDP, because it has to count
// packets, see every fork of a call and speak when the test wants it.
type farEnd struct {
	t      testing.TB
	conn   *net.UDPConn
	addr   netip.AddrPort
	number string
	tap    *rtpTap

	mu    sync.Mutex
	calls []*farCall
	asked []farRequest
}

// farRequest is a request that arrived.
type farRequest struct {
	at     time.Time
	from   netip.AddrPort // the proxy it came by
	method string
	callID string
	text   string
}

// farCall is a call the far end takes part in.
type farCall struct {
	callID string
	branch string // of the INVITE that was answered
	reply  string // the answer to it, for repetitions
	media  netip.AddrPort
	ended  bool
	acked  bool
	began  chan struct{} // closed when the call is answered: for calls it places
	route  []string
	target string
	local  string // From of its own requests
	remote string // To of its own requests
	proxy  netip.AddrPort
	seq    int
}

func startFarEnd(t testing.TB) *farEnd {
	t.Helper()
	host := lab.peerHost(t)
	f := &farEnd{t: t, addr: lab.server(host, 5060), number: fmt.Sprintf("9%03d", host), tap: startTap(t)}
	var err error
	if f.conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(f.addr)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.conn.Close()
		if t.Failed() {
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, r := range f.asked {
				t.Logf("far end, %s, by %v: %s %s", r.at.Format("15:04:05.000"), r.from, r.method, r.callID)
			}
		}
	})
	go f.read()
	return f
}

func (f *farEnd) read() {
	buffer := make([]byte, 65536)
	for {
		n, from, err := f.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		text := string(buffer[:n])
		f.mu.Lock()
		if strings.HasPrefix(text, "SIP/2.0 ") {
			f.hearResponse(text)
		} else if method, _, ok := strings.Cut(text, " "); ok {
			f.asked = append(f.asked, farRequest{time.Now(), from, method, header(text, "Call-ID"), text})
			f.hearRequest(method, text, from)
		}
		f.mu.Unlock()
	}
}

// headers are the values of a header field, one for each line.
func headers(text, name string) []string {
	var found []string
	head, _, _ := strings.Cut(text, "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		if n, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(n), name) {
			found = append(found, strings.TrimSpace(value))
		}
	}
	return found
}

func header(text, name string) string {
	if found := headers(text, name); len(found) > 0 {
		return found[0]
	}
	return ""
}

var (
	branchParam = regexp.MustCompile(`;branch=([^;,\s]+)`)
	sdpAddress  = regexp.MustCompile(`(?m)^c=IN IP4 (\S+)\r?$`)
	sdpPort     = regexp.MustCompile(`(?m)^m=audio (\d+)`)
	sdpWay      = regexp.MustCompile(`(?m)^a=(sendonly|recvonly|inactive)\r?$`)
	inBrackets  = regexp.MustCompile(`<([^>]+)>`)
)

// session is the far end's session description, as an answer to theirs.
func (f *farEnd) session(offer string) string {
	way := "sendrecv"
	if m := sdpWay.FindStringSubmatch(offer); m != nil {
		way = map[string]string{"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}[m[1]]
	}
	return fmt.Sprintf("v=0\r\no=far 1 %d IN IP4 %[2]v\r\ns=-\r\nc=IN IP4 %[2]v\r\nt=0 0\r\nm=audio %[3]d RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=%[4]s\r\n",
		time.Now().UnixNano()/1e6, f.tap.addr.Addr(), f.tap.addr.Port(), way)
}

// media is where a session description wants RTP.
func mediaOf(text string) netip.AddrPort {
	address, port := sdpAddress.FindStringSubmatch(text), sdpPort.FindStringSubmatch(text)
	if address == nil || port == nil {
		return netip.AddrPort{}
	}
	to, _ := netip.ParseAddrPort(address[1] + ":" + port[1])
	return to
}

// respond makes an answer to a request.
func (f *farEnd) respond(request, status, tag, body string) string {
	lines := []string{"SIP/2.0 " + status}
	for _, name := range []string{"Via", "Record-Route"} {
		for _, value := range headers(request, name) {
			lines = append(lines, name+": "+value)
		}
	}
	to := header(request, "To")
	if tag != "" && !strings.Contains(to, ";tag=") {
		to += ";tag=" + tag
	}
	lines = append(lines, "From: "+header(request, "From"), "To: "+to, "Call-ID: "+header(request, "Call-ID"), "CSeq: "+header(request, "CSeq"),
		fmt.Sprintf("Contact: <sip:%s@%v>", f.number, f.addr), "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS")
	return f.complete(lines, body)
}

func (f *farEnd) complete(lines []string, body string) string {
	if body != "" {
		lines = append(lines, "Content-Type: application/sdp")
	}
	return strings.Join(append(lines, fmt.Sprintf("Content-Length: %d", len(body))), "\r\n") + "\r\n\r\n" + body
}

func (f *farEnd) send(to netip.AddrPort, text string) { f.conn.WriteToUDPAddrPort([]byte(text), to) }

func (f *farEnd) find(callID string) *farCall {
	for _, c := range f.calls {
		if c.callID == callID {
			return c
		}
	}
	return nil
}

func (f *farEnd) hearRequest(method, text string, from netip.AddrPort) {
	c := f.find(header(text, "Call-ID"))
	branch := ""
	if m := branchParam.FindStringSubmatch(header(text, "Via")); m != nil {
		branch = m[1]
	}
	inside := strings.Contains(header(text, "To"), ";tag=")
	switch {
	case method == "INVITE" && inside && c != nil:
		c.media = mediaOf(text)
		f.send(from, f.respond(text, "200 OK", "", f.session(text)))
	case method == "INVITE" && inside:
		f.send(from, f.respond(text, "481 No Such Call", "", ""))
	case method == "INVITE" && c == nil:
		c = &farCall{callID: header(text, "Call-ID"), branch: branch, media: mediaOf(text)}
		c.reply = f.respond(text, "200 OK", "far-"+fmt.Sprint(len(f.calls)), f.session(text))
		f.calls = append(f.calls, c)
		f.send(from, f.respond(text, "180 Ringing", "far-"+fmt.Sprint(len(f.calls)-1), ""))
		f.send(from, c.reply)
	case method == "INVITE" && c.branch == branch:
		f.send(from, c.reply)
	case method == "INVITE": // the same request by another way: RFC 3261 section 8.2.2.2
		f.send(from, f.respond(text, "482 Merged", "merged", ""))
	case method == "ACK":
		if c != nil && inside {
			c.acked = true
		}
	case method == "BYE" && c == nil:
		f.send(from, f.respond(text, "481 No Such Call", "", ""))
	case method == "BYE":
		c.ended = true
		f.send(from, f.respond(text, "200 OK", "", ""))
	default:
		f.send(from, f.respond(text, "200 OK", "far", ""))
	}
}

// hearResponse takes in the answer to a request of the far end's own.
func (f *farEnd) hearResponse(text string) {
	c := f.find(header(text, "Call-ID"))
	if c == nil || !strings.HasSuffix(header(text, "CSeq"), "INVITE") || !strings.HasPrefix(text, "SIP/2.0 2") {
		return
	}
	if m := inBrackets.FindStringSubmatch(header(text, "Contact")); m != nil {
		c.target = m[1]
	}
	c.route = headers(text, "Record-Route")
	slices.Reverse(c.route)
	c.remote, c.media = header(text, "To"), mediaOf(text)
	f.send(c.proxy, f.request(c, "ACK"))
	if !c.acked {
		c.acked = true
		close(c.began)
	}
}

// request makes one of its own inside a call.
func (f *farEnd) request(c *farCall, method string) string {
	if method != "ACK" {
		c.seq++
	}
	lines := []string{fmt.Sprintf("%s %s SIP/2.0", method, c.target), fmt.Sprintf("Via: SIP/2.0/UDP %v;branch=z9hG4bK-%s-%d-%s", f.addr, c.callID, c.seq, method)}
	for _, r := range c.route {
		lines = append(lines, "Route: "+r)
	}
	lines = append(lines, "From: "+c.local, "To: "+c.remote, "Call-ID: "+c.callID, fmt.Sprintf("CSeq: %d %s", c.seq, method), "Max-Forwards: 70",
		fmt.Sprintf("Contact: <sip:%s@%v>", f.number, f.addr))
	body := ""
	if method == "INVITE" {
		body = f.session("")
	}
	return f.complete(lines, body)
}

// call places a call to user by a server, and returns it.
func (f *farEnd) call(s *server, user, domain string) *farCall {
	f.mu.Lock()
	defer f.mu.Unlock()
	uri := "sip:" + user + "@" + domain
	c := &farCall{callID: fmt.Sprintf("far-%d-%d", f.addr.Addr().As4()[3], len(f.calls)), target: uri, remote: "<" + uri + ">", began: make(chan struct{}),
		local: fmt.Sprintf("<sip:%s@%s>;tag=out", f.number, domain), proxy: netip.AddrPortFrom(s.addr, 5060)}
	f.calls = append(f.calls, c)
	f.send(c.proxy, f.request(c, "INVITE"))
	return c
}

// hangup ends a call it has placed.
func (f *farEnd) hangup(c *farCall) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.send(c.proxy, f.request(c, "BYE"))
	c.ended = true
}

// latest is the newest call; nil: there was none. The copy stays as it is.
func (f *farEnd) latest() *farCall {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.calls) == 0 {
		return nil
	}
	c := *f.calls[len(f.calls)-1]
	return &c
}

// requests returns what arrived in a call with this method.
func (f *farEnd) requests(callID, method string) []farRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []farRequest
	for _, r := range f.asked {
		if r.callID == callID && r.method == method {
			found = append(found, r)
		}
	}
	return found
}

// speak sends sound to the latest call's media address until the call has ended or the function returned is called.
func (f *farEnd) speak() (quiet func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	header, body := f.tap.newHeader(0), make([]byte, sampleRate/50)
	go func() {
		defer close(stopped)
		pace := time.NewTicker(20 * time.Millisecond)
		defer pace.Stop()
		for c := f.latest(); !c.ended; c = f.latest() {
			f.tap.send(c.media, header, body)
			header.Marker = false
			header.SequenceNumber++
			header.Timestamp += uint32(len(body))
			select {
			case <-pace.C:
			case <-stop:
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

// gaps looks at the RTP of one call that arrived from index start on: how many packets are missing between the first and
// the last, and how many came.
func (tap *rtpTap) gaps(start int) (missing, arrived int) {
	packets := tap.received(0)
	if start >= len(packets) {
		return 0, 0
	}
	packets = packets[start:]
	for i := 1; i < len(packets); i++ {
		before, p := packets[i-1], packets[i]
		if p.SSRC != before.SSRC || p.Timestamp-before.Timestamp != uint32(p.SequenceNumber-before.SequenceNumber)*160 {
			missing += 1000 // the stream was begun anew or stood still: no gap of packets, but a break all the same
			continue
		}
		missing += int(p.SequenceNumber-before.SequenceNumber) - 1
	}
	return missing, len(packets)
}

func TestRigGapsAreFound(t *testing.T) {
	t.Parallel()
	stream := func(numbers ...uint16) *rtpTap {
		tap := &rtpTap{t: t}
		for _, n := range numbers {
			tap.packets = append(tap.packets, rtp.Packet{Header: rtp.Header{SSRC: 1, SequenceNumber: n, Timestamp: uint32(n) * 160}})
		}
		return tap
	}
	if missing, arrived := stream(5, 6, 7, 8).gaps(1); missing != 0 || arrived != 3 {
		t.Errorf("of a whole stream %d packets are missing and %d arrived", missing, arrived)
	}
	if missing, _ := stream(5, 6, 9, 10).gaps(0); missing != 2 {
		t.Errorf("two packets are lost, %d are missed", missing)
	}
	late := stream(5, 6)
	late.packets[1].Timestamp += 4000
	begun := stream(5, 6)
	begun.packets[1].SSRC = 2
	for name, tap := range map[string]*rtpTap{"a stream that stood still": late, "a stream begun anew": begun} {
		if missing, _ := tap.gaps(0); missing == 0 {
			t.Errorf("%s is not noticed", name)
		}
	}
}
