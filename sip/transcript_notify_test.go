package sip

import (
	"fmt"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// A mailStage is what the peers of a stage have of subscriptions.
type mailStage struct {
	notifiers map[string]*notifying
	seq       int
}

// mailCommand does what a script says about subscriptions:
//
//	> notifier a b                a and b take them by themselves while they are up, and have none so far
//	> subscription                what the line shows of its own
//	> a: notify state=active {…}  a sends a NOTIFY for the newest SUBSCRIBE it got
func (s *stage) mailCommand(words []string) bool {
	switch words[0] {
	case "notifier":
		for _, name := range words[1:] {
			s.notifier(name)
		}
	case "subscription":
		s.subscription()
	default:
		return false
	}
	return true
}

// A notifying peer takes subscriptions while it is up: it answers 200 and sends a NOTIFY.
type notifying struct {
	known map[string]bool // Call-IDs
}

// notifier makes a peer take subscriptions by itself, or forget those it has.
func (s *stage) notifier(name string) {
	if s.mail.notifiers == nil {
		s.mail.notifiers = map[string]*notifying{}
	}
	s.mail.notifiers[name] = &notifying{known: map[string]bool{}}
}

// actOnSubscribe lets a notifier answer a SUBSCRIBE.
func (s *stage) actOnSubscribe(h heard) {
	n := s.mail.notifiers[h.who]
	if n == nil || h.req.Method != sipmsg.SUBSCRIBE || s.modes[h.who] != "up" {
		return
	}
	id, expires := h.req.CallID().Value(), value(h.req, "Expires")
	s.acts = append(s.acts, func() {
		if toTag(h.req) != "" && !n.known[id] {
			s.reply(&h, 481, nil, nil)
			return
		}
		n.known[id] = expires != "0"
		s.reply(&h, 200, map[string]string{"h": "Expires: " + expires, "contact": "sip:mail@" + s.addrs[h.who].String()}, nil)
		state := "active;expires=" + expires
		if expires == "0" {
			state = "terminated;reason=timeout"
		}
		s.notify(&h, map[string]string{"state": state}, []byte("Messages-Waiting: no"))
	})
}

// notifySub lets a peer send a NOTIFY for the newest SUBSCRIBE it got, or with back=1 the one before.
func (s *stage) notifySub(name string, opts map[string]string, body []byte) {
	nth := 0
	fmt.Sscan(opts["back"], &nth)
	for i := len(s.sent) - 1; i >= 0; i-- {
		if h := &s.sent[i]; h.who == name && h.req.Method == sipmsg.SUBSCRIBE {
			if nth == 0 {
				s.notify(h, opts, body)
				return
			}
			nth--
		}
	}
	s.t.Fatalf("%s has got no SUBSCRIBE", name)
}

// notify sends a NOTIFY in the dialog of a SUBSCRIBE.
func (s *stage) notify(h *heard, opts map[string]string, body []byte) {
	tag := "t" + h.who
	if t := opts["tag"]; t != "" {
		tag = t
	}
	s.mail.seq++
	seq := 1000*int(s.at()+1) + s.mail.seq
	if o := opts["cseq"]; o != "" {
		fmt.Sscan(o, &seq)
	}
	flow := s.flowFrom(h.who, opts)
	event := summaryEvent
	if e := opts["event"]; e != "" {
		event = e
	}
	var b strings.Builder
	fmt.Fprintf(&b, "NOTIFY %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=z9hG4bKnotify%d;rport\r\nMax-Forwards: 69\r\n", h.req.Contact().Address.String(),
		strings.ToUpper(string(flow.Transport)), s.addrs[h.who], s.mail.seq)
	fmt.Fprintf(&b, "From: <%s>;tag=%s\r\nTo: <%s>;tag=%s\r\nCall-ID: %s\r\nCSeq: %d NOTIFY\r\nContact: <sip:mail@%s>\r\nEvent: %s\r\n",
		h.req.To().Address.String(), tag, h.req.From().Address.String(), fromTag(h.req), h.req.CallID().Value(), seq, s.addrs[h.who], event)
	if st := opts["state"]; st != "" {
		fmt.Fprintf(&b, "Subscription-State: %s\r\n", st)
	}
	s.headers(&b, opts)
	if len(body) > 0 {
		fmt.Fprintf(&b, "Content-Type: %s\r\n", summaryType)
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	s.step(Received{flow, []byte(b.String())})
}

// subscribes is what a SUBSCRIBE says beside its first line; nothing of other requests.
func subscribes(req *sipmsg.Request) string {
	if req.Method != sipmsg.SUBSCRIBE {
		return ""
	}
	text := " " + value(req, "Event")
	if toTag(req) != "" {
		text += " in dialog"
	}
	return text + " expires " + value(req, "Expires")
}

// configureMail is the part of configure about waiting messages.
func (l *Line) configureMail(key, v string) bool {
	switch key {
	case "mail":
		l.VoiceMailEnable, l.VoiceMailServer = true, v
	case "mailbox":
		l.VoiceMailEnable, l.MailboxID = true, v
	case "mailenable":
		l.VoiceMailEnable = v == "yes"
	case "mailinterval":
		l.VoiceMailInterval, _ = time.ParseDuration(v)
	default:
		return false
	}
	return true
}

// subscription writes down what the line shows of it.
func (s *stage) subscription() {
	for _, l := range s.agent.Lines() {
		st := l.Subscription
		text := fmt.Sprintf("line %d subscription %q", l.Line, st.State)
		if st.Server != "" {
			text += " by " + st.Leg + " at " + st.Server
		}
		if st.Cause != "" {
			text += " (" + st.Cause + ")"
		}
		if !st.Refresh.IsZero() {
			text += " next in " + st.Refresh.Sub(s.now).Round(time.Second).String()
		}
		fmt.Fprintf(&s.out, "%8.3f     %s\n", s.at(), text)
	}
}
