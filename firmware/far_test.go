package main

import (
	"crypto/md5"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"dialtone/simnet"
)

// A far is the far end of the scenarios: a registrar by itself, and for everything else what the
// scenario tells it. It repeats its answer to a request that comes again, as a server transaction does,
// and never sends a request twice by itself.
type far struct {
	b    *bench
	host *simnet.Host
	at   netip.AddrPort
	udp  net.PacketConn
	tcp  net.Listener

	mu       sync.Mutex
	password string                  // what REGISTER and INVITE must know; "": nobody is asked
	register func(*heard, *far) bool // answers a REGISTER; false: the usual way
	deaf     bool                    // nothing is answered by itself, repetitions neither
	queue    []*heard
	news     chan struct{}
	answers  map[string][]byte // last answer by transaction
	contacts map[string]*heard // newest REGISTER by user
	conns    []net.Conn
	serial   int
	nonces   int
	expires  string // what the registrar grants; "": what is asked for
}

func newFar(b *bench, addr string) *far {
	f := &far{b: b, host: b.net.Host(netip.MustParseAddr(addr)), at: netip.MustParseAddrPort(addr + ":5060"),
		news: make(chan struct{}, 1), answers: map[string][]byte{}, contacts: map[string]*heard{}}
	f.open()
	return f
}

// open begins to listen, on UDP and TCP.
func (f *far) open() {
	var err error
	if f.udp, err = f.host.ListenPacket(f.at); err != nil {
		f.b.Fatal(err)
	}
	if f.tcp, err = f.host.Listen(f.at); err != nil {
		f.b.Fatal(err)
	}
	udp, tcp := f.udp, f.tcp
	go func() {
		buf := make([]byte, 65536)
		for {
			n, from, err := udp.ReadFrom(buf)
			if err != nil {
				return
			}
			f.got(slices.Clone(buf[:n]), nil, from)
		}
	}()
	go func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns = append(f.conns, c)
			f.mu.Unlock()
			go f.readStream(c)
		}
	}()
}

// close ends all sockets of the far end.
func (f *far) close() {
	f.udp.Close()
	f.tcp.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.Close()
	}
	f.conns = nil
}

// readStream cuts messages out of a connection by their Content-Length.
func (f *far) readStream(c net.Conn) {
	var have []byte
	buf := make([]byte, 65536)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		have = append(have, buf[:n]...)
		for {
			have = []byte(strings.TrimLeft(string(have), "\r\n"))
			head, rest, whole := strings.Cut(string(have), "\r\n\r\n")
			length, _ := strconv.Atoi(parseMessage([]byte(head)).get("Content-Length"))
			if !whole || len(rest) < length {
				break
			}
			f.got([]byte(head+"\r\n\r\n"+rest[:length]), c, c.RemoteAddr())
			have = []byte(rest[length:])
		}
	}
}

// got takes one message in.
func (f *far) got(raw []byte, c net.Conn, from net.Addr) {
	h := &heard{message: parseMessage(raw), raw: raw, conn: c, from: from}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.deaf {
		return
	}
	if h.code() == 0 && h.method() != "ACK" {
		if last := f.answers[h.transaction()]; last != nil {
			f.send(h, last)
			return
		}
	}
	if h.method() == "REGISTER" && h.code() == 0 {
		if f.register == nil || !f.register(h, f) {
			f.registrar(h)
		}
		return
	}
	if h.method() == "OPTIONS" && h.code() == 0 && param(h.get("To"), "tag") == "" {
		f.respond(h, 200) // is it alive?
		return
	}
	f.queue = append(f.queue, h)
	select {
	case f.news <- struct{}{}:
	default:
	}
}

// registrar answers a REGISTER as RFC 3261 section 10.3 has it.
func (f *far) registrar(h *heard) {
	user := userOf(h.get("To"))
	if !f.authorized(h) {
		f.respond(h, 401, f.challenge("WWW-Authenticate"))
		return
	}
	contact := h.get("Contact")
	expires := h.get("Expires")
	if e := param(contact, "expires"); e != "" {
		expires = e
	}
	if expires == "0" {
		delete(f.contacts, user)
		f.respond(h, 200)
		return
	}
	if f.expires != "" {
		expires = f.expires
	}
	f.contacts[user] = h
	f.respond(h, 200, "Contact: <"+inBrackets(contact)+">;expires="+expires)
}

const testRealm = "example.test"

func (f *far) challenge(header string) string {
	f.nonces++
	return fmt.Sprintf(`%s: Digest realm="%s", nonce="n%d", algorithm=MD5, qop="auth"`, header, testRealm, f.nonces)
}

// authorized checks the credentials of a request, RFC 2617 section 3.2.2.
func (f *far) authorized(h *heard) bool {
	if f.password == "" {
		return true
	}
	text, found := strings.CutPrefix(h.get("Authorization")+h.get("Proxy-Authorization"), "Digest ")
	if !found {
		return false
	}
	v := make(map[string]string)
	for p := range strings.SplitSeq(text, ",") {
		k, val, _ := strings.Cut(strings.TrimSpace(p), "=")
		v[k] = strings.Trim(val, `"`)
	}
	sum := func(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }
	want := sum(sum(v["username"]+":"+testRealm+":"+f.password) + ":" + v["nonce"] + ":" + v["nc"] + ":" + v["cnonce"] + ":auth:" + sum(h.method()+":"+v["uri"]))
	return v["nonce"] == fmt.Sprintf("n%d", f.nonces) && v["response"] == want
}

// send sends raw back to where h came from.
func (f *far) send(h *heard, raw []byte) {
	if h.conn != nil {
		h.conn.Write(raw)
		return
	}
	f.udp.WriteTo(raw, h.from)
}

// phrases of the answers the far end gives.
var farPhrases = map[int]string{
	100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 401: "Unauthorized", 404: "Not Found",
	407: "Proxy Authentication Required", 423: "Interval Too Brief", 480: "Temporarily Unavailable", 481: "Call Does Not Exist",
	486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending", 500: "Server Error",
	503: "Service Unavailable", 603: "Decline", 403: "Forbidden", 302: "Moved Temporarily",
}

// respond answers a request; f.mu is held. An option is a header line, "tag=x" for the To tag, or a
// session description.
func (f *far) respond(h *heard, code int, options ...string) {
	raw := f.response(h, code, options...)
	f.answers[h.transaction()] = raw
	f.send(h, raw)
}

func (f *far) response(h *heard, code int, options ...string) []byte {
	phrase := farPhrases[code]
	if phrase == "" {
		phrase = "Whatever"
	}
	m := &message{first: fmt.Sprintf("SIP/2.0 %d %s", code, phrase)}
	tag := "far"
	for _, o := range options {
		if t, ok := strings.CutPrefix(o, "tag="); ok {
			tag = t
		}
	}
	for i, v := range h.all("Via") {
		if i == 0 {
			v = strings.Replace(v, ";rport", ";received="+addrPort(h.from).Addr().String()+";rport="+strconv.Itoa(int(addrPort(h.from).Port())), 1)
		}
		m.add("Via", v)
	}
	for _, rr := range h.all("Record-Route") {
		m.add("Record-Route", rr)
	}
	m.add("From", h.get("From"))
	to := h.get("To")
	if param(to, "tag") == "" && code > 100 {
		to += ";tag=" + tag
	}
	m.add("To", to)
	m.add("Call-ID", h.get("Call-ID"))
	m.add("CSeq", h.get("CSeq"))
	if h.method() == "INVITE" && code > 100 && code < 300 {
		m.add("Contact", "<sip:"+tag+"@"+f.at.String()+f.suffix(h)+">")
	}
	for _, o := range options {
		switch {
		case strings.HasPrefix(o, "v=0"):
			m.add("Content-Type", "application/sdp")
			m.body = o
		case strings.HasPrefix(o, "tag="):
		default:
			name, value, _ := strings.Cut(o, ": ")
			m.add(name, value)
		}
	}
	return m.bytes()
}

func (f *far) suffix(h *heard) string {
	if h.conn != nil {
		return ";transport=tcp"
	}
	return ""
}

func addrPort(a net.Addr) netip.AddrPort {
	at, _ := netip.ParseAddrPort(a.String())
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

func netAddr(at netip.AddrPort) net.Addr { return net.UDPAddrFromAddrPort(at) }

// answer is respond for scenarios.
func (f *far) answer(h *heard, code int, options ...string) {
	f.b.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.respond(h, code, options...)
}

// want waits for a message: a method, or "200 INVITE" for a response. Others stay queued.
func (f *far) want(sentence, what string) *heard {
	f.b.Helper()
	deadline := time.NewTimer(10 * time.Minute)
	defer deadline.Stop()
	for {
		if h := f.take(what); h != nil {
			return h
		}
		select {
		case <-f.news:
		case <-deadline.C:
			f.b.Fatalf("%s: no %s came", sentence, what)
		}
	}
}

// take removes the first message that is meant from the queue; nil: none came yet.
func (f *far) take(what string) *heard {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, h := range f.queue {
		name := h.method()
		if h.code() != 0 {
			name = strconv.Itoa(h.code()) + " " + name
		}
		if name == what {
			f.queue = slices.Delete(f.queue, i, i+1)
			return h
		}
	}
	return nil
}

// sdp is a session description of the far end, its voice at port 4000.
func (f *far) sdp(direction string) string {
	f.serial++
	a := f.at.Addr()
	return fmt.Sprintf("v=0\r\no=- 7 %d IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\n"+
		"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=%s\r\n", f.serial, a, a, direction)
}

// A dialog is the far end's half of a call.
type dialog struct {
	f             *far
	callID        string
	local, remote string // From and To of our requests, tags included
	target        string
	seq           int
	last          *message // our newest request
	by            *heard   // the way to the phone
	invite        string   // CSeq number of our INVITE
	inviteVia     string
	remoteHasTag  bool
}

// dialogOf is the dialog an INVITE of the phone made with the fork of that tag.
func (f *far) dialogOf(h *heard, tag string) *dialog {
	return &dialog{f: f, callID: h.get("Call-ID"), local: h.get("To") + ";tag=" + tag, remote: h.get("From"),
		target: inBrackets(h.get("Contact")), seq: 100, by: h, remoteHasTag: true}
}

// invite calls a registered user. Options as in respond.
func (f *far) invite(user string, options ...string) *dialog {
	f.b.Helper()
	f.mu.Lock()
	reg := f.contacts[user]
	f.serial++
	d := &dialog{f: f, callID: fmt.Sprintf("in%d@far", f.serial), local: fmt.Sprintf("\"Bob\" <sip:1002@%s>;tag=f%d", f.at.Addr(), f.serial),
		remote: fmt.Sprintf("<sip:%s@%s>", user, f.at.Addr()), by: reg, seq: f.serial}
	f.mu.Unlock()
	if reg == nil {
		f.b.Fatalf("%s is not registered", user)
	}
	d.target = inBrackets(reg.get("Contact"))
	d.request("INVITE", options...)
	return d
}

// request sends a request in the dialog. ACK and CANCEL belong to the INVITE sent last.
func (d *dialog) request(method string, options ...string) *message {
	d.f.mu.Lock()
	defer d.f.mu.Unlock()
	f := d.f
	f.serial++
	via := fmt.Sprintf("SIP/2.0/%s %s;branch=z9hG4bKfar%d;rport", map[bool]string{true: "TCP", false: "UDP"}[d.by.conn != nil], f.at, f.serial)
	seq := strconv.Itoa(d.seq + 1)
	switch method {
	case "ACK":
		seq = d.invite
	case "CANCEL", "ACK failure":
		seq, via = d.invite, d.inviteVia
		method = strings.TrimSuffix(method, " failure")
	default:
		d.seq++
		if method == "INVITE" {
			d.invite, d.inviteVia = seq, via
		}
	}
	m := &message{first: method + " " + d.target + " SIP/2.0"}
	m.add("Via", via)
	m.add("Max-Forwards", "70")
	m.add("From", d.local)
	m.add("To", d.remote)
	m.add("Call-ID", d.callID)
	m.add("CSeq", seq+" "+method)
	if method == "INVITE" {
		m.add("Contact", "<sip:1002@"+f.at.String()+f.suffix(d.by)+">")
	}
	for _, o := range options {
		if strings.HasPrefix(o, "v=0") {
			m.add("Content-Type", "application/sdp")
			m.body = o
			continue
		}
		if body, ok := strings.CutPrefix(o, "body="); ok {
			m.body = body
			continue
		}
		name, value, _ := strings.Cut(o, ": ")
		m.add(name, value)
	}
	d.last = m
	f.send(d.by, m.bytes())
	return m
}

// again sends the newest request once more.
func (d *dialog) again() { d.f.send(d.by, d.last.bytes()) }

// want waits for a response to us, and learns the phone's tag and Contact from it.
func (d *dialog) want(sentence string, code int, method string) *heard {
	d.f.b.Helper()
	h := d.f.want(sentence, fmt.Sprintf("%d %s", code, method))
	if tag := param(h.get("To"), "tag"); tag != "" && !d.remoteHasTag {
		d.remote, d.remoteHasTag = h.get("To"), true
	}
	if c := h.get("Contact"); c != "" {
		d.target = inBrackets(c)
	}
	return h
}
