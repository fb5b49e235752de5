package exchange

import (
	"slices"
	"sync"
	"time"
)

// Implementation constants.
const (
	ringTime     = time.Minute     // how long an extension lets a phone ring
	answerTime   = 5 * time.Second // of 605
	callBackTime = 3 * time.Second // of 606
	tuneBeat     = 2000            // samples
)

// An Extension answers the calls to a number. It runs in a goroutine for each call; when it returns, a
// call that was answered is hung up, and one that was not is refused with 480.
type Extension func(c *Call)

// extensions are the numbers every exchange has.
func extensions() map[string]Extension {
	// Made when first wanted: an exchange starts at once, also on a small machine.
	melody := sync.OnceValue(func() []int16 { return synthesise(tune, tuneBeat) })
	short := sync.OnceValue(func() []int16 { return synthesise(jingle, tuneBeat) })
	melodyFor := func(c *Call) {
		samples := melody()
		if c.Answer() {
			c.Play(samples, true)
		}
	}
	return map[string]Extension{
		"600": func(c *Call) { // echo
			c.Echo()
			if c.Answer() {
				<-c.Done()
			}
		},
		"601": melodyFor,
		"602": func(c *Call) { // rings for ever
			c.Ring()
			<-c.Done()
		},
		"603": func(c *Call) { c.Refuse(486) },
		"604": func(c *Call) { c.Refuse(603) },
		"605": func(c *Call) { // takes its time
			c.Ring()
			if c.Sleep(answerTime) {
				melodyFor(c)
			}
		},
		"606": func(c *Call) { // calls back
			samples := short()
			if !c.Answer() {
				return
			}
			c.Play(samples, false)
			c.Hangup()
			if !c.x.pause(callBackTime) {
				return
			}
			c.x.mu.Lock()
			defer c.x.mu.Unlock()
			err := c.x.inside.dial(c.number, c.peer, c.home(), func(back *Call) { back.Play(samples, false) })
			if err != nil {
				c.x.say("%s cannot call back: %v", c.number, err)
			}
		},
	}
}

// pause lets d pass; false: the exchange ended meanwhile.
func (x *Exchange) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-x.inside.done:
		return false
	}
}

type callState int

const (
	early     callState = iota // no final response
	answered                   // 2xx sent or received
	confirmed                  // ACK, too
	ended
)

// A Call is one call of an extension. Its methods are for the goroutine of the extension.
type Call struct {
	x            *Exchange
	number, peer string
	outgoing     bool
	begin        Extension // of an outgoing call: what happens when it is answered
	done         chan struct{}

	// Guarded by x.mu.
	state     callState
	p         *proxy
	callID    string
	tag       string
	local     string // From of our requests
	remote    string // To of our requests
	target    string
	routes    []string
	seq       int
	remoteSeq int
	invite    *message     // the newest one, of either side
	last      *message     // newest response to it
	offer     *description // to be answered; nil: the answer to ours is awaited
	version   int          // of our session description
	voice     *voice
	echo      bool
	timer     *time.Timer // repeats last until it is acknowledged, or ends the ringing of an outgoing call
	wait      time.Duration
	deadline  time.Time
	watch     *time.Timer
}

// Number is the extension.
func (c *Call) Number() string { return c.number }

// Peer is the user at the other end.
func (c *Call) Peer() string { return c.peer }

// Done is closed when the call has ended.
func (c *Call) Done() <-chan struct{} { return c.done }

// Sleep lets d pass; false: the call ended meanwhile.
func (c *Call) Sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.done:
		return false
	}
}

// Ring says 180.
func (c *Call) Ring() {
	c.x.mu.Lock()
	defer c.x.mu.Unlock()
	if c.state == early && !c.outgoing {
		c.last = c.answerTo(c.invite, 180)
		c.p.respond(c.last.clone())
	}
}

// Answer takes the call; false: it has ended.
func (c *Call) Answer() bool {
	c.x.mu.Lock()
	defer c.x.mu.Unlock()
	if c.state != early || c.outgoing {
		return c.state == answered || c.state == confirmed
	}
	v, err := newVoice(c.x.cfg.Net(c.x.cfg.Media), c.x.cfg.Media)
	if err != nil {
		c.x.log.Warn("opening a voice", "err", err)
		c.final(500, nil)
		c.end()
		return false
	}
	c.speak(v)
	c.version++
	if c.offer != nil {
		v.agree(*c.offer)
	}
	c.state = answered
	c.final(200, writeSDP(v.at, 1, c.version, c.offer))
	return true
}

// Refuse ends a call that is not answered, with a status code.
func (c *Call) Refuse(code int) {
	c.x.mu.Lock()
	defer c.x.mu.Unlock()
	if c.state == early && !c.outgoing {
		c.final(code, nil)
		c.end()
	}
}

// Hangup ends a call, whatever its state.
func (c *Call) Hangup() {
	c.x.mu.Lock()
	defer c.x.mu.Unlock()
	c.hangup()
}

// Echo has the voice send back what it hears. Called before Answer, it misses nothing.
func (c *Call) Echo() {
	c.x.mu.Lock()
	defer c.x.mu.Unlock()
	c.echo = true
	if v := c.voice; v != nil {
		v.mu.Lock()
		v.echo = true
		v.mu.Unlock()
	}
}

// Play plays samples of 8 kHz, once or for ever, until the call ends.
func (c *Call) Play(samples []int16, loop bool) {
	c.x.mu.Lock()
	v := c.voice
	c.x.mu.Unlock()
	if v != nil && len(samples) > 0 {
		v.play(samples, loop, c.done)
	}
}

// run is the goroutine of a call.
func (c *Call) run(e Extension) {
	e(c)
	c.x.mu.Lock()
	defer c.x.mu.Unlock()
	if c.state == early && !c.outgoing {
		c.final(480, nil)
		c.end()
	}
	c.hangup()
}

// speak gives a call its voice.
func (c *Call) speak(v *voice) {
	c.voice = v
	v.echo = c.echo
	for _, n := range []*uint32{&v.ssrc, &v.stamp} {
		*n = c.x.number()
	}
	v.seq = uint16(c.x.number())
	c.x.running.Go(func() { v.listen(v.rtp, v.hear) })
	c.x.running.Go(func() { v.listen(v.rtcp, v.report) })
	c.watch = time.AfterFunc(desertCheck, c.lookAfter)
}

// lookAfter ends a call whose other end is gone without a word.
func (c *Call) lookAfter() {
	c.x.mu.Lock()
	defer c.x.mu.Unlock()
	if c.state == ended || c.x.closed {
		return
	}
	if c.state == confirmed && c.voice.deserted(time.Now()) {
		c.x.say("%s hears nothing from %s", c.number, clip(c.peer))
		c.hangup()
		return
	}
	c.watch = time.AfterFunc(desertCheck, c.lookAfter)
}

// hangup sends what ends a call in its state.
func (c *Call) hangup() {
	switch {
	case c.x.closed:
	case c.state == answered || c.state == confirmed:
		c.end()
		bye := c.newRequest("BYE")
		c.x.inside.send(c, bye)
	case c.state == early && c.outgoing:
		c.end()
		cancel := c.newRequest("CANCEL")
		cancel.set("Via", c.invite.get("Via"))
		cancel.uri = c.invite.uri
		c.x.inside.send(c, cancel)
	}
}

// end ends a call here. It still answers for a while.
func (c *Call) end() {
	if c.state == ended {
		return
	}
	c.state = ended
	close(c.done)
	if c.voice != nil {
		c.voice.close()
	}
	if c.watch != nil {
		c.watch.Stop()
	}
	if c.outgoing && c.timer != nil {
		c.timer.Stop()
	}
	c.watch = time.AfterFunc(2*lingerTime, func() {
		c.x.mu.Lock()
		defer c.x.mu.Unlock()
		c.forget()
	})
}

// forget removes an ended call.
func (c *Call) forget() {
	for _, t := range []*time.Timer{c.watch, c.timer} {
		if t != nil {
			t.Stop()
		}
	}
	delete(c.x.inside.calls, c.tag)
	for k, t := range c.x.inside.clients {
		if t.c == c {
			if t.timer != nil {
				t.timer.Stop()
			}
			delete(c.x.inside.clients, k)
		}
	}
}

// final sends the final response to the newest INVITE and repeats it until it is acknowledged.
func (c *Call) final(code int, sdp []byte) {
	resp := c.answerTo(c.invite, code)
	if sdp != nil {
		resp.add("Content-Type", "application/sdp")
		resp.body = sdp
	}
	c.last = resp
	c.wait, c.deadline = timerT1, time.Now().Add(timerB)
	if c.timer != nil {
		c.timer.Stop()
	}
	c.timer = time.AfterFunc(c.wait, c.repeat)
	c.p.respond(resp.clone())
}

// repeat is timer G and timer H: RFC 3261 sections 13.3.1.4 and 17.2.1.
func (c *Call) repeat() {
	c.x.mu.Lock()
	defer c.x.mu.Unlock()
	if c.timer == nil || c.x.closed || c.state == ended && c.last.code < 300 {
		return
	}
	if !time.Now().Before(c.deadline) {
		c.timer = nil
		c.hangup()
		return
	}
	c.wait = min(2*c.wait, timerT2)
	c.timer = time.AfterFunc(c.wait, c.repeat)
	c.p.respond(c.last.clone())
}

// acknowledged takes an ACK.
func (c *Call) acknowledged(m *message) {
	if n, _ := m.cseq(); n != c.remoteSeq || c.outgoing {
		return
	}
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	if c.state != answered {
		return
	}
	c.state = confirmed
	if c.offer == nil && sdpOf(m) {
		if d, ok := parseSDP(m.body); ok && d.codec >= 0 {
			c.voice.agree(d)
			return
		}
		c.hangup()
	}
}

// answerTo makes a response in this call.
func (c *Call) answerTo(m *message, code int) *message {
	resp := respondTo(m, code, c.tag)
	if m.method == "INVITE" && code > 100 && code < 300 || m.method == "UPDATE" && code == 200 {
		resp.add("Contact", c.contact())
		resp.add("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, MESSAGE")
	}
	return resp
}

// request takes a request within the call.
func (c *Call) request(p *proxy, m *message) {
	say := func(code int) { p.respond(c.answerTo(m, code)) }
	seq, _ := m.cseq()
	switch {
	case m.method == "ACK":
		c.acknowledged(m)
		return
	case m.method == "CANCEL":
		say(200) // of a re-INVITE, which is answered at once
		return
	case m.method == "INVITE" && seq == c.remoteSeq && !c.outgoing && c.last != nil:
		p.respond(c.last.clone())
		return
	case seq < c.remoteSeq:
		say(500)
		return
	case c.state == ended:
		if m.method == "BYE" {
			say(200)
		} else {
			say(481)
		}
		return
	}
	c.remoteSeq = seq
	switch m.method {
	case "BYE":
		say(200)
		c.end()
	case "INVITE", "UPDATE":
		c.reoffer(p, m)
	case "INFO", "OPTIONS", "MESSAGE":
		say(200)
	default:
		say(501)
	}
}

// reoffer takes another description in the middle of a call, as for hold: RFC 3264 section 8.
func (c *Call) reoffer(p *proxy, m *message) {
	var d description
	ok := true
	if has := sdpOf(m); has {
		d, ok = parseSDP(m.body)
	}
	switch {
	case !ok || sdpOf(m) && d.codec < 0:
		p.respond(c.answerTo(m, 488))
		return
	case c.state == early || c.timer != nil && !c.outgoing:
		p.respond(c.answerTo(m, 491))
		return
	}
	if u, has := parseURI(inBrackets(m.get("Contact"))); has && u.host != "" {
		c.target = inBrackets(m.get("Contact"))
	}
	c.p = p
	resp := []byte(nil)
	c.offer = nil
	if sdpOf(m) {
		c.offer = &d
		c.voice.agree(d)
	}
	if sdpOf(m) || m.method == "INVITE" {
		c.version++
		resp = writeSDP(c.voice.at, 1, c.version, c.offer)
	}
	if m.method == "INVITE" {
		// From here on the call is like one that came in: its newest INVITE is theirs.
		c.outgoing, c.state, c.invite = false, answered, m
		c.final(200, resp)
		return
	}
	out := c.answerTo(m, 200)
	if resp != nil {
		out.add("Content-Type", "application/sdp")
		out.body = resp
	}
	p.respond(out)
}

// answeredBy takes a response to an INVITE of ours.
func (c *Call) answeredBy(invite, m *message) {
	if m.code < 200 {
		return
	}
	if m.code >= 300 {
		ack := c.newRequest("ACK")
		ack.set("Via", invite.get("Via"))
		ack.set("To", m.get("To"))
		ack.uri = invite.uri
		c.x.inside.send(c, ack)
		c.end()
		return
	}
	first := c.state == early
	if first || tag(m.get("To")) == tag(c.remote) {
		c.remote, c.target = m.get("To"), inBrackets(m.get("Contact"))
		c.routes = m.all("Record-Route")
		slices.Reverse(c.routes)
	}
	ack := c.newRequest("ACK")
	c.x.inside.send(c, ack)
	switch {
	case c.state == ended: // it was answered while we gave up
		c.x.inside.send(c, c.newRequest("BYE"))
	case first:
		c.timer.Stop()
		c.timer = nil
		c.state = confirmed
		d, ok := parseSDP(m.body)
		if !ok || d.codec < 0 || c.begin == nil {
			c.hangup()
			return
		}
		c.voice.agree(d)
		c.x.running.Go(func() { c.run(c.begin) })
	}
}
