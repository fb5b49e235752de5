package exchange

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Implementation constants.
const (
	maxSubscriptions  = 64 // of one proxy
	usualSubscription = time.Hour
)

// Messages are those that wait for a user.
type Messages struct{ New, Old int }

// A subscription is one to the messages of a user, RFC 6665 and RFC 3842. The proxy it was made at is its notifier and
// forgets it when it stops.
type subscription struct {
	p                *proxy
	user, callID     string
	local, remote    string // To and From of the SUBSCRIBE, with tags
	target           string // the Contact
	flow             flow
	cseq             int
	until            time.Time
	theirTag, ourTag string
}

// A notice is a NOTIFY on its way.
type notice struct {
	s        *subscription
	data     []byte
	timer    *time.Timer
	wait     time.Duration
	deadline time.Time
}

// SetMessages says how many messages wait for a user. Whoever has subscribed to them is told.
func (x *Exchange) SetMessages(user string, m Messages) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.mail[user] = m
	for _, p := range x.proxies {
		for _, s := range p.subscriptions {
			if s.user == user && s.until.After(time.Now()) && !p.deaf() {
				s.notify("active;expires=" + s.left())
			}
		}
	}
}

// Subscriptions are the users whose messages are subscribed to at a proxy, one for each subscription.
func (x *Exchange) Subscriptions(name string) (users []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, p := range x.proxies {
		for _, s := range p.subscriptions {
			if p.Name == name && s.until.After(time.Now()) {
				users = append(users, s.user)
			}
		}
	}
	return users
}

// mailboxOf tells whether a request is about the messages of one of our users.
func (p *proxy) mailboxOf(m *message, user string) bool {
	if m.method != "SUBSCRIBE" {
		return false
	}
	event, _, _ := strings.Cut(m.get("Event"), ";")
	_, known := p.x.cfg.Users[user]
	return known && strings.EqualFold(strings.TrimSpace(event), "message-summary")
}

// subscribe answers a SUBSCRIBE to the messages of a user, and sends the NOTIFY that follows each.
func (p *proxy) subscribe(f flow, m *message, user string) {
	expires, asked := usualSubscription, m.get("Expires")
	if n, err := strconv.ParseUint(asked, 10, 31); err == nil {
		expires = time.Duration(n) * time.Second
	}
	refuse := func(code int) {
		resp := p.response(m, code)
		if code == 423 {
			resp.add("Min-Expires", strconv.Itoa(int(p.x.cfg.MinExpires/time.Second)))
		}
		p.tell(m, code)
		p.answer(f, m, resp)
	}
	now := time.Now()
	for id, s := range p.subscriptions {
		if !s.until.After(now) {
			delete(p.subscriptions, id)
		}
	}
	id := m.get("Call-ID")
	s := p.subscriptions[id]
	target, ok := parseURI(inBrackets(m.get("Contact")))
	switch {
	case tag(m.get("To")) != "" && (s == nil || s.ourTag != tag(m.get("To")) || s.theirTag != tag(m.get("From"))):
		refuse(481)
		return
	case !ok || target.host == "" || tag(m.get("From")) == "":
		refuse(400)
		return
	case expires > 0 && expires < p.x.cfg.MinExpires:
		refuse(423)
		return
	case s == nil && len(p.subscriptions) >= maxSubscriptions:
		refuse(503)
		return
	}
	resp := p.response(m, 200)
	if s == nil {
		s = &subscription{p: p, user: user, callID: id, local: resp.get("To"), remote: m.get("From"), ourTag: tag(resp.get("To")), theirTag: tag(m.get("From"))}
		p.subscriptions[id] = s
	}
	expires = min(expires, p.x.cfg.MaxExpires)
	s.target, s.flow, s.until = inBrackets(m.get("Contact")), f, now.Add(expires)
	resp.add("Expires", strconv.Itoa(int(expires/time.Second)))
	resp.add("Contact", s.contact())
	p.x.say("%s: SUBSCRIBE to the messages of %s for %s, 200", p.Name, clip(user), expires)
	p.answer(f, m, resp)
	if expires == 0 {
		delete(p.subscriptions, id)
		s.notify("terminated;reason=timeout")
		return
	}
	s.notify("active;expires=" + s.left())
}

// left is how long the subscription lasts, in seconds.
func (s *subscription) left() string {
	return strconv.Itoa(int((time.Until(s.until) + time.Second/2) / time.Second))
}

func (s *subscription) contact() string {
	at := s.p.at(s.flow.transport).String()
	if s.flow.transport != "udp" {
		at += ";transport=" + s.flow.transport
	}
	return "<sip:" + s.user + "@" + at + ">"
}

// notify sends a NOTIFY. It is repeated by UDP until it is answered: RFC 3261 section 17.1.2.2.
func (s *subscription) notify(state string) {
	p, x := s.p, s.p.x
	s.cseq++
	branch := branchMagic + "mail" + x.token()
	m := &message{method: "NOTIFY", uri: s.target}
	m.add("Via", p.via(s.flow.transport)+";branch="+branch)
	m.add("Max-Forwards", strconv.Itoa(usualHops))
	m.add("From", s.local)
	m.add("To", s.remote)
	m.add("Call-ID", s.callID)
	m.add("CSeq", strconv.Itoa(s.cseq)+" NOTIFY")
	m.add("Contact", s.contact())
	m.add("Event", "message-summary")
	m.add("Subscription-State", state)
	if !strings.HasPrefix(state, "terminated") {
		mail, yes := x.mail[s.user], "no"
		if mail.New > 0 {
			yes = "yes"
		}
		m.add("Content-Type", "application/simple-message-summary")
		m.body = fmt.Appendf(nil, "Messages-Waiting: %s\r\nMessage-Account: sip:%s@%s\r\nVoice-Message: %d/%d (0/0)\r\n", yes, s.user, x.cfg.Domain, mail.New, mail.Old)
	}
	n := &notice{s: s, data: m.bytes(), wait: timerT1, deadline: time.Now().Add(timerB)}
	if s.flow.transport != "udp" {
		n.wait = timerB
	}
	x.notices[branch] = n
	p.send(s.flow, n.data)
	n.timer = time.AfterFunc(n.wait, func() { n.repeat(branch) })
}

func (n *notice) repeat(branch string) {
	x := n.s.p.x
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.notices[branch] != n || x.closed {
		return
	}
	now := time.Now()
	if !now.Before(n.deadline) { // nobody listens any more: RFC 6665 section 4.2.2
		delete(x.notices, branch)
		n.s.end()
		return
	}
	n.s.p.send(n.s.flow, n.data)
	n.wait = min(2*n.wait, timerT2)
	n.timer = time.AfterFunc(min(n.wait, n.deadline.Sub(now)), func() { n.repeat(branch) })
}

// noticed takes in the answer to a NOTIFY. It reports false if it is none.
func (x *Exchange) noticed(branch string, code int) bool {
	n := x.notices[branch]
	if n == nil {
		return false
	}
	if code >= 200 {
		n.timer.Stop()
		delete(x.notices, branch)
		if code == 481 || code == 408 {
			n.s.end()
		}
	}
	return true
}

// end forgets a subscription nobody wants any more.
func (s *subscription) end() {
	if s.p.subscriptions[s.callID] == s {
		delete(s.p.subscriptions, s.callID)
	}
}

// forgetMail drops the subscriptions of a proxy that stops.
func (p *proxy) forgetMail() {
	clear(p.subscriptions)
	for branch, n := range p.x.notices {
		if n.s.p == p {
			n.timer.Stop()
			delete(p.x.notices, branch)
		}
	}
}
