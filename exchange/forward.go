package exchange

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"dialtone/sip"
)

// Implementation constants.
const (
	maxInvites  = 512
	maxAnswered = 512
	usualHops   = 70
	branchMagic = "z9hG4bK" // RFC 3261 section 8.1.1.7
	branchSize  = 12        // octets of the proof in a branch
)

// phrases are the reason phrases of the answers given here.
var phrases = map[int]string{
	100: "Trying", 180: "Ringing", 200: "OK", 202: "Accepted", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
	404: "Not Found", 407: "Proxy Authentication Required", 408: "Request Timeout", 420: "Bad Extension", 423: "Interval Too Brief",
	480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 483: "Too Many Hops", 486: "Busy Here",
	487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event", 491: "Request Pending",
	500: "Server Internal Error", 501: "Not Implemented", 503: "Service Unavailable", 603: "Decline",
}

// An invite is what a proxy remembers of an INVITE it passed on: enough to send CANCEL and the ACK of a
// failure the same way, and to repeat it by UDP, since the caller stops repeating at our 100.
type invite struct {
	p        *proxy // where it came in
	from     flow
	req      *message // as it came, with received and rport
	to       flow
	uri      string // the Request-URI it was given
	sent     []byte
	heard    bool      // an answer came
	last     []byte    // newest response sent back
	until    time.Time // when it may be forgotten; zero: it has no final response yet
	timer    *time.Timer
	wait     time.Duration
	deadline time.Time
	order    int
}

func (i *invite) stop() {
	if i.timer != nil {
		i.timer.Stop()
	}
}

// An answer is one a proxy gave by itself, kept for repetitions of the request.
type answer struct {
	data  []byte
	until time.Time
}

// receive takes one message in that came by f. The exchange's mu is held.
func (p *proxy) receive(f flow, data []byte) {
	if p.deaf() {
		return
	}
	var response bool
	if trimmed := strings.TrimLeft(string(data[:min(len(data), 16)]), "\r\n"); len(trimmed) > 4 {
		response = strings.EqualFold(trimmed[:4], "SIP/")
	}
	if !response {
		v := sip.AdmitFrom(data, f.conn != nil, f.remote)
		if v.Request == nil {
			if v.Reply != nil {
				p.send(f, v.Reply)
			}
			if v.Close && f.conn != nil {
				f.conn.reset()
			}
			return
		}
	}
	m, err := parseMessage(data)
	if err != nil {
		p.x.log.Debug("a message is refused", "proxy", p.Name, "from", f.remote, "err", err)
		return
	}
	if m.code != 0 {
		p.respond(m)
		return
	}
	p.request(f, m)
}

// request decides where a request goes: RFC 3261 sections 16.3 to 16.6.
func (p *proxy) request(f flow, m *message) {
	top, ok := parseVia(m.get("Via"))
	if !ok || len(top.branch()) <= len(branchMagic) || !strings.HasPrefix(top.branch(), branchMagic) {
		return // a client of RFC 2543
	}
	if f.transport != insideHost {
		m.set("Via", p.stamp(m.get("Via"), top, f))
	}
	branch := p.branch(m.get("Via"))
	ack := m.method == "ACK"
	if p.code != 0 {
		if !ack {
			resp := p.response(m, p.code)
			if p.retry > 0 {
				resp.add("Retry-After", strconv.Itoa(p.retry))
			}
			p.x.say("%s: %s from %s, %d", p.Name, clip(m.method), clip(userOf(m.get("From"))), p.code)
			p.back(f, m, resp.bytes())
		}
		return
	}
	transaction := branch + " " + m.method
	if ack {
		transaction = branch + " INVITE"
	}
	if a := p.x.answered[transaction]; a != nil && a.until.After(time.Now()) {
		if !ack {
			p.back(f, m, a.data)
		}
		return
	}
	if i := p.x.invites[branch]; i != nil {
		p.again(i, f, m)
		return
	}
	hops, err := strconv.Atoi(m.get("Max-Forwards"))
	if err != nil {
		hops = usualHops
	}
	for len(m.all("Route")) > 0 && p.x.isOurs(inBrackets(m.get("Route"))) {
		m.pop("Route")
	}
	ours := p.x.isOurs(m.uri)
	to, _ := parseURI(m.uri)
	switch {
	case m.method == "REGISTER" && ours:
		p.register(f, m)
		return
	case m.method == "OPTIONS" && ours && to.user == "":
		resp := p.response(m, 200)
		resp.add("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, REFER, NOTIFY, INFO, UPDATE, MESSAGE")
		p.answer(f, m, resp)
		return
	case hops == 0:
		p.refuse(f, m, 483)
		return
	case m.get("Proxy-Require") != "":
		resp := p.response(m, 420)
		resp.add("Unsupported", m.get("Proxy-Require"))
		p.answer(f, m, resp)
		return
	}
	m.set("Max-Forwards", strconv.Itoa(hops-1))
	if f.transport != insideHost && !p.allowed(f, m) {
		return
	}
	if ours && len(m.all("Route")) == 0 && p.mailboxOf(m, to.user) {
		p.subscribe(f, m, to.user)
		return
	}
	p.route(f, m, branch, ours, to)
}

// allowed asks a caller of ours for the password, where that is wanted.
func (p *proxy) allowed(f flow, m *message) bool {
	if !p.x.challenge || tag(m.get("To")) != "" || m.method != "INVITE" && m.method != "MESSAGE" && m.method != "SUBSCRIBE" {
		return true
	}
	user := userOf(m.get("From"))
	if _, known := p.x.cfg.Users[user]; !known || !p.x.isOurs(inBrackets(m.get("From"))) {
		p.refuse(f, m, 403)
		return false
	}
	switch v := p.authenticate(m, "Proxy-Authorization", user); v {
	case authNone, authStale:
		resp := p.response(m, 407)
		p.digest(resp, v == authStale)
		p.x.say("%s: %s from %s, 407", p.Name, m.method, clip(user))
		p.answer(f, m, resp)
		return false
	case authWrong:
		p.refuse(f, m, 403)
		return false
	}
	// RFC 3261 section 22.3: what was meant for us stops here.
	m.headers = slices.DeleteFunc(m.headers, func(h header) bool { return h.name == "Proxy-Authorization" })
	return true
}

// route finds the next hop of a request and sends it there.
func (p *proxy) route(f flow, m *message, branch string, ours bool, to uri) {
	if next := m.get("Route"); next != "" {
		u, ok := parseURI(inBrackets(next))
		if at := u.addr(); ok && at.IsValid() && tag(m.get("To")) != "" {
			p.forward(f, m, branch, flow{p: p, transport: "udp", remote: at}, m.uri)
			return
		}
		p.refuse(f, m, 404)
		return
	}
	if !ours {
		if b := p.contact(m.uri); b != nil {
			p.forward(f, m, branch, b.flow, m.uri)
			return
		}
		// A dialog whose other end did not register, or has left: its address is all there is.
		if at := to.addr(); at.IsValid() && tag(m.get("To")) != "" {
			p.forward(f, m, branch, flow{p: p, transport: "udp", remote: at}, m.uri)
			return
		}
		p.refuse(f, m, 404)
		return
	}
	if p.x.inside.knows(m, to.user) {
		p.forward(f, m, branch, flow{p: p, transport: insideHost}, m.uri)
		return
	}
	if b := p.locate(to.user); b != nil {
		p.forward(f, m, branch, b.flow, b.contact)
		return
	}
	if _, known := p.x.cfg.Users[to.user]; known {
		p.refuse(f, m, 480)
		return
	}
	p.refuse(f, m, 404)
}

// forward passes a request on: RFC 3261 section 16.6.
func (p *proxy) forward(f flow, m *message, branch string, to flow, uri string) {
	in := m.clone()
	m.uri = uri
	if m.method == "INVITE" || m.method == "SUBSCRIBE" || m.method == "UPDATE" || m.method == "REFER" {
		// RFC 5658: where a dialog changes its transport or its proxy, each side sees its own.
		front := p.recordRoute(f.transport)
		if f.transport == insideHost {
			front = to.p.recordRoute(to.transport)
		}
		m.push("Record-Route", front)
		if behind := to.p.recordRoute(to.transport); to.transport != insideHost && behind != front {
			m.push("Record-Route", behind)
		}
	}
	m.push("Via", to.p.via(to.transport)+";branch="+branch)
	if m.method != "INVITE" {
		to.deliver(m)
		p.follow(m)
		return
	}
	i := &invite{p: p, from: f, req: in, to: to, uri: uri, wait: timerT1, deadline: time.Now().Add(timerB)}
	p.x.keep(branch, i)
	trying := p.response(in, 100)
	p.back(f, in, trying.bytes())
	p.follow(m)
	if to.transport == insideHost {
		to.deliver(m)
		return
	}
	i.sent = m.bytes()
	to.p.send(to, i.sent)
	if to.transport != "udp" {
		i.wait = timerB
	}
	i.timer = time.AfterFunc(i.wait, i.repeat)
}

// deliver sends a request to its flow.
func (f flow) deliver(m *message) {
	if f.transport == insideHost {
		f.p.x.inside.request(f.p, m)
		return
	}
	f.p.send(f, m.bytes())
}

// repeat is timer A and timer B of an INVITE, RFC 3261 section 17.1.1.2.
func (i *invite) repeat() {
	i.p.x.mu.Lock()
	defer i.p.x.mu.Unlock()
	now := time.Now()
	switch {
	case i.heard || i.p.x.closed:
		return
	case !now.Before(i.deadline):
		i.giveUp(408)
		return
	}
	i.to.p.send(i.to, i.sent)
	i.wait *= 2
	i.timer = time.AfterFunc(min(i.wait, i.deadline.Sub(now)), i.repeat)
}

// giveUp answers an INVITE in the place of somebody who does not.
func (i *invite) giveUp(code int) {
	i.heard = true
	i.stop()
	if i.until.IsZero() {
		i.p.finish(i, i.p.response(i.req, code))
	}
}

// finish sends a final response of our own to a forwarded INVITE.
func (p *proxy) finish(i *invite, resp *message) {
	i.last, i.until = resp.bytes(), time.Now().Add(timerB)
	p.tell(i.req, resp.code)
	p.back(i.from, i.req, i.last)
}

// again handles a request with the branch of an INVITE that was passed on: the INVITE once more, its
// CANCEL, or the ACK of its failure.
func (p *proxy) again(i *invite, f flow, m *message) {
	switch m.method {
	case "INVITE":
		last := i.last
		if last == nil {
			last = p.response(m, 100).bytes()
		}
		p.back(f, m, last)
	case "ACK", "CANCEL":
		for len(m.all("Route")) > 0 && p.x.isOurs(inBrackets(m.get("Route"))) {
			m.pop("Route")
		}
		if m.method == "CANCEL" && !i.heard && i.to.transport != insideHost {
			// Nobody there has answered yet, perhaps nobody ever will: the caller need not wait.
			p.back(f, m, p.response(m, 200).bytes())
			i.giveUp(487)
		}
		m.uri = i.uri
		m.push("Via", i.to.p.via(i.to.transport)+";branch="+p.branch(m.get("Via")))
		i.to.deliver(m)
	}
}

// respond passes a response back: RFC 3261 section 16.7 and 16.11. It is one of ours if our branch
// follows from the Via below.
func (p *proxy) respond(m *message) {
	top, ok := parseVia(m.get("Via"))
	if !ok || p.x.noticed(top.branch(), m.code) {
		return
	}
	m.pop("Via")
	below := m.get("Via")
	next, ok := parseVia(below)
	if !ok {
		return
	}
	digits, _, _ := strings.Cut(strings.TrimPrefix(top.branch(), branchMagic), "-")
	index, err := strconv.Atoi(digits)
	if err != nil || index < 0 || index >= len(p.x.proxies) {
		return
	}
	in := p.x.proxies[index]
	if branch := in.branch(below); !hmac.Equal([]byte(branch), []byte(top.branch())) {
		return
	}
	_, method := m.cseq()
	i := p.x.invites[top.branch()]
	if method == "INVITE" && i != nil {
		i.heard = true
		i.stop()
		if m.code == 100 {
			return // RFC 3261 section 16.7: it ends here
		}
		i.last = m.bytes()
		if m.code >= 200 {
			if i.until.IsZero() {
				in.tell(i.req, m.code)
			}
			i.until = time.Now().Add(timerB)
		} else {
			in.x.progress(m)
		}
	}
	if next.host == in.x.insideName() {
		in.x.inside.response(m)
		return
	}
	to := flow{p: in, transport: next.transport, remote: next.returnAddr()}
	if i != nil && i.from.conn != nil {
		to = i.from
	}
	in.reply(to, m.bytes())
}

// reply sends a response by the flow its request came by.
func (p *proxy) reply(f flow, data []byte) {
	if f.transport != "udp" && f.conn == nil {
		for c := range p.conns {
			if c.remote == f.remote {
				f.conn = c
			}
		}
		if f.conn == nil {
			return
		}
	}
	if f.remote.IsValid() {
		p.send(f, data)
	}
}

// back sends an answer of our own to the sender of a request.
func (p *proxy) back(f flow, m *message, data []byte) {
	if f.transport == insideHost {
		if resp, err := parseMessage(data); err == nil {
			p.x.inside.response(resp)
		}
		return
	}
	if f.conn == nil {
		if v, ok := parseVia(m.get("Via")); ok && v.transport == "udp" {
			f.remote = v.returnAddr()
		}
	}
	p.reply(f, data)
}

// answer gives the final response to a request that ends here, and remembers it.
func (p *proxy) answer(f flow, m, resp *message) {
	if m.method == "ACK" {
		return
	}
	data := resp.bytes()
	if len(p.x.answered) >= maxAnswered {
		now := time.Now()
		for k, a := range p.x.answered {
			if !a.until.After(now) || len(p.x.answered) >= 2*maxAnswered {
				delete(p.x.answered, k)
			}
		}
	}
	p.x.answered[p.branch(m.get("Via"))+" "+m.method] = &answer{data, time.Now().Add(timerB)}
	p.back(f, m, data)
}

// refuse answers a request with a failure.
func (p *proxy) refuse(f flow, m *message, code int) {
	if m.method != "ACK" {
		p.tell(m, code)
		p.answer(f, m, p.response(m, code))
	}
}

// response makes one to a request, RFC 3261 section 8.2.6.
func (p *proxy) response(m *message, code int) *message {
	return respondTo(m, code, p.branch(m.get("Via"))[len(branchMagic):])
}

func respondTo(m *message, code int, tagged string) *message {
	resp := &message{code: code, reason: phrases[code]}
	if resp.reason == "" {
		resp.reason = "Refused"
	}
	for _, h := range m.headers {
		switch h.name {
		case "Record-Route":
			if m.method != "INVITE" || code == 100 || code >= 300 {
				continue
			}
		case "Via", "From", "Call-ID", "CSeq":
		case "To":
			if code != 100 && tag(h.value) == "" {
				h.value += ";tag=" + tagged
			}
		default:
			continue
		}
		resp.headers = append(resp.headers, h)
	}
	return resp
}

// stamp says in a Via where its request came from: RFC 3261 section 18.2.1 and RFC 3581 section 4. On a
// stream the port is always told: the way back is found by it.
func (p *proxy) stamp(value string, v via, f flow) string {
	_, asked := param(v.params, "rport")
	if literal, err := netip.ParseAddr(v.host); asked || err != nil || literal.Unmap() != f.remote.Addr() || f.conn != nil {
		value = setParam(value, "received", f.remote.Addr().String())
	}
	if asked || f.conn != nil {
		value = setParam(value, "rport", strconv.Itoa(int(f.remote.Port())))
	}
	return value
}

// branch is the one a request gets on its way through this proxy. It follows from the Via it came with
// (RFC 3261 section 16.11), so that repetitions, CANCEL and the ACK of a failure get the same; it names the
// proxy the answer goes back through, and proves that it is ours.
func (p *proxy) branch(via string) string {
	v, _ := parseVia(via)
	mac := hmac.New(sha256.New, p.x.key)
	fmt.Fprintf(mac, "branch %d %s %s %d", p.index, v.branch(), v.host, v.port)
	return branchMagic + strconv.Itoa(p.index) + "-" + hex.EncodeToString(mac.Sum(nil)[:branchSize])
}

// via is this proxy's own Via, without its branch.
func (p *proxy) via(transport string) string {
	if transport == insideHost {
		transport = "udp"
	}
	return "SIP/2.0/" + strings.ToUpper(transport) + " " + p.at(transport).String()
}

func (p *proxy) recordRoute(transport string) string {
	if transport == "udp" || transport == insideHost {
		return "<sip:" + p.at("udp").String() + ";lr>"
	}
	return "<sip:" + p.at(transport).String() + ";transport=" + transport + ";lr>"
}

// isOurs tells whether a URI names the domain or one of the proxies. They know each other's dialogs, so
// a call lives on when its requests arrive at another proxy than it was set up by.
func (x *Exchange) isOurs(text string) bool {
	u, ok := parseURI(text)
	if !ok {
		return false
	}
	if u.host == x.cfg.Domain || u.host == x.insideName() {
		return true
	}
	at := u.addr()
	for _, p := range x.proxies {
		if u.host == p.Name+"."+x.cfg.Domain || at.Addr() == p.Addr && (at.Port() == p.port || at.Port() == p.tlsPort && p.tlsPort != 0) {
			return true
		}
	}
	return false
}

func (x *Exchange) insideName() string { return insideHost + "." + x.cfg.Domain }

// keep remembers an INVITE, and forgets old ones when there are many.
func (x *Exchange) keep(branch string, i *invite) {
	if len(x.invites) >= maxInvites {
		now, oldest := time.Now(), ""
		for k, o := range x.invites {
			if !o.until.IsZero() && o.until.Before(now) {
				o.stop()
				delete(x.invites, k)
			} else if oldest == "" || o.order < x.invites[oldest].order {
				oldest = k
			}
		}
		if len(x.invites) >= maxInvites {
			x.invites[oldest].stop()
			delete(x.invites, oldest)
		}
	}
	x.serial++
	i.order = x.serial
	x.invites[branch] = i
}
