package exchange

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Implementation constants.
const (
	maxInside   = 128              // calls of extensions, ended ones included until they are forgotten
	lingerTime  = timerB           // how long an ended call still answers
	desertCheck = 30 * time.Second // how often a call is looked after
)

// inside is the user agent of the extensions. It is reached by the proxies and reaches them without a
// socket, but otherwise as by UDP. Everything in it is guarded by the exchange's mu.
type inside struct {
	x          *Exchange
	extensions map[string]Extension
	calls      map[string]*Call // by our tag
	clients    map[string]*client
	done       chan struct{} // closed when the exchange ends
}

// A client is a transaction of a request of ours.
type client struct {
	c        *Call
	m        *message
	timer    *time.Timer
	wait     time.Duration
	deadline time.Time
}

func newInside(x *Exchange) *inside {
	in := &inside{x: x, calls: map[string]*Call{}, clients: map[string]*client{}, done: make(chan struct{})}
	in.extensions = extensions()
	return in
}

func (in *inside) close() {
	close(in.done)
	for _, c := range in.calls {
		c.end()
		c.forget()
	}
	for _, t := range in.clients {
		if t.timer != nil {
			t.timer.Stop()
		}
	}
}

// Register has a number answered by e, or by nobody if e is nil. A user of that name is called in vain.
func (x *Exchange) Register(number string, e Extension) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e == nil {
		delete(x.inside.extensions, number)
		return
	}
	x.inside.extensions[number] = e
}

// Dial has an extension call a user, by the first proxy that knows where the user is. e plays the part of
// the caller: it is started when the call is answered, and when e returns the call is hung up.
func (x *Exchange) Dial(number, user string, e Extension) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.inside.dial(number, user, nil, e)
}

// knows tells whether a request for a user of the domain is ours: by its dialog, or by its number.
func (in *inside) knows(m *message, user string) bool {
	if t := tag(m.get("To")); t != "" && in.calls[t] != nil {
		return true
	}
	return in.extensions[user] != nil
}

// request takes a request from a proxy.
func (in *inside) request(p *proxy, m *message) {
	c := in.calls[tag(m.get("To"))]
	switch {
	case c != nil && c.callID == m.get("Call-ID"):
		c.request(p, m)
		return
	case m.method == "ACK":
		c = in.byInvite(m)
		if c != nil {
			c.acknowledged(m)
		}
		return
	case tag(m.get("To")) != "":
		in.reply(p, m, 481)
		return
	}
	switch m.method {
	case "INVITE":
		in.invite(p, m)
	case "CANCEL":
		if c = in.byInvite(m); c == nil {
			in.reply(p, m, 481)
			return
		}
		in.reply(p, m, 200)
		if c.state == early {
			c.final(487, nil)
			c.end()
		}
	case "OPTIONS", "MESSAGE":
		in.reply(p, m, 200)
	case "SUBSCRIBE":
		in.reply(p, m, 489)
	default:
		in.reply(p, m, 501)
	}
}

// byInvite finds the call whose newest INVITE has the branch of m.
func (in *inside) byInvite(m *message) *Call {
	for _, c := range in.calls {
		if c.invite != nil && c.callID == m.get("Call-ID") && viaBranch(c.invite) == viaBranch(m) {
			return c
		}
	}
	return nil
}

// merged tells whether an INVITE is here already, by another way. RFC 3261 section 8.2.2.2.
func (in *inside) merged(m *message) bool {
	for _, c := range in.calls {
		if c.invite != nil && !c.outgoing && c.state != ended && c.callID == m.get("Call-ID") &&
			tag(c.invite.get("From")) == tag(m.get("From")) && c.invite.get("CSeq") == m.get("CSeq") {
			return true
		}
	}
	return false
}

func viaBranch(m *message) string {
	v, _ := parseVia(m.get("Via"))
	return v.branch()
}

// reply answers a request outside of calls.
func (in *inside) reply(p *proxy, m *message, code int) {
	if m.method != "ACK" {
		p.respond(respondTo(m, code, in.x.token()))
	}
}

// invite takes a new call.
func (in *inside) invite(p *proxy, m *message) {
	if c := in.byInvite(m); c != nil { // once more
		if c.last != nil {
			p.respond(c.last.clone())
		}
		return
	}
	if in.merged(m) {
		in.reply(p, m, 482)
		return
	}
	to, _ := parseURI(m.uri)
	e := in.extensions[to.user]
	target, ok := parseURI(inBrackets(m.get("Contact")))
	seq, _ := m.cseq()
	switch {
	case e == nil:
		in.reply(p, m, 404)
		return
	case len(in.calls) >= maxInside:
		in.reply(p, m, 503)
		return
	case !ok || target.host == "":
		in.reply(p, m, 400)
		return
	}
	c := &Call{x: in.x, number: to.user, peer: userOf(m.get("From")), p: p, callID: m.get("Call-ID"), tag: in.x.token(), remote: m.get("From"),
		target: inBrackets(m.get("Contact")), routes: m.all("Record-Route"), remoteSeq: seq, seq: 1, invite: m, done: make(chan struct{})}
	c.local = setParam(m.get("To"), "tag", c.tag)
	if len(m.body) > 0 {
		d, ok := parseSDP(m.body)
		if !ok || d.codec < 0 {
			in.reply(p, m, 488)
			return
		}
		c.offer = &d
	}
	in.calls[c.tag] = c
	in.x.running.Go(func() { c.run(e) })
}

// dial makes an outgoing call; first is asked for the way before the others.
func (in *inside) dial(number, user string, first *proxy, e Extension) error {
	x := in.x
	if x.closed || len(in.calls) >= maxInside {
		return fmt.Errorf("exchange: no call can be made")
	}
	var p *proxy
	for _, q := range append([]*proxy{first}, x.proxies...) {
		if q != nil && !q.deaf() && q.locate(user) != nil {
			p = q
			break
		}
	}
	if p == nil {
		return fmt.Errorf("exchange: %s is not registered", clip(user))
	}
	c := &Call{x: x, number: number, peer: user, p: p, callID: x.token() + "@" + x.insideName(), tag: x.token(), outgoing: true,
		remote: fmt.Sprintf("<sip:%s@%s>", user, x.cfg.Domain), target: fmt.Sprintf("sip:%s@%s", user, x.cfg.Domain), done: make(chan struct{}), begin: e}
	c.local = fmt.Sprintf("<sip:%s@%s>;tag=%s", number, x.cfg.Domain, c.tag)
	v, err := newVoice(x.cfg.Net(x.cfg.Media), x.cfg.Media)
	if err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	c.speak(v)
	in.calls[c.tag] = c
	m := c.newRequest("INVITE")
	m.add("Contact", c.contact())
	m.add("Content-Type", "application/sdp")
	c.version++
	m.body = writeSDP(v.at, 1, c.version, nil)
	c.invite = m
	c.timer = time.AfterFunc(ringTime, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		c.hangup()
	})
	in.send(c, m)
	return nil
}

// send begins a transaction. A proxy repeats an INVITE by itself.
func (in *inside) send(c *Call, m *message) {
	t := &client{c: c, m: m, wait: timerT1, deadline: time.Now().Add(timerB)}
	if m.method != "ACK" {
		in.clients[viaBranch(m)+" "+m.method] = t
		if m.method != "INVITE" {
			t.timer = time.AfterFunc(t.wait, t.repeat)
		}
	}
	c.home().request(flow{p: c.home(), transport: insideHost}, m.clone())
}

// repeat is timer E and timer F of a request, RFC 3261 section 17.1.2.2.
func (t *client) repeat() {
	x := t.c.x
	x.mu.Lock()
	defer x.mu.Unlock()
	key := viaBranch(t.m) + " " + t.m.method
	if x.closed || x.inside.clients[key] != t {
		return
	}
	if !time.Now().Before(t.deadline) {
		delete(x.inside.clients, key)
		return
	}
	t.wait = min(2*t.wait, timerT2)
	t.timer = time.AfterFunc(t.wait, t.repeat)
	t.c.home().request(flow{p: t.c.home(), transport: insideHost}, t.m.clone())
}

// response takes a response from a proxy.
func (in *inside) response(m *message) {
	_, method := m.cseq()
	key := viaBranch(m) + " " + method
	t := in.clients[key]
	if t == nil {
		return
	}
	if m.code >= 200 && method != "INVITE" {
		if t.timer != nil {
			t.timer.Stop()
		}
		delete(in.clients, key)
	}
	if method == "INVITE" {
		t.c.answeredBy(t.m, m)
	}
}

// newRequest makes a request of a call, RFC 3261 section 12.2.1.1. ACK and CANCEL belong to the INVITE.
func (c *Call) newRequest(method string) *message {
	m := &message{method: method, uri: c.target}
	m.add("Via", "SIP/2.0/UDP "+c.x.insideName()+";branch="+branchMagic+c.x.token())
	m.add("Max-Forwards", strconv.Itoa(usualHops))
	for _, r := range c.routes {
		m.add("Route", r)
	}
	m.add("From", c.local)
	m.add("To", c.remote)
	m.add("Call-ID", c.callID)
	if method != "ACK" && method != "CANCEL" {
		c.seq++
	}
	m.add("CSeq", strconv.Itoa(c.seq)+" "+method)
	return m
}

// contact is where an extension is reached: at the proxies, which know its dialogs.
func (c *Call) contact() string {
	return "<sip:" + c.number + "@" + c.home().at("udp").String() + ">"
}

// home is the proxy the requests of a call go through: the one it was set up by, while that lives.
func (c *Call) home() *proxy {
	if !c.p.deaf() {
		return c.p
	}
	for _, p := range c.x.proxies {
		if !p.deaf() {
			return p
		}
	}
	return c.p
}

// sdpOf tells whether a message describes a session.
func sdpOf(m *message) bool {
	return len(m.body) > 0 && strings.HasPrefix(strings.ToLower(m.get("Content-Type")), "application/sdp")
}
