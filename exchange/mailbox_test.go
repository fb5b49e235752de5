package exchange

import (
	"strings"
	"testing"
	"time"
)

// A SUBSCRIBE to the messages of a user gets 200 and a NOTIFY; another comes when messages do, and the last one with
// the end.
func TestMailbox(t *testing.T) {
	everywhere(t, func(l *lab, transport string) {
		u := l.phone("1001", transport, "a")
		defer u.close()
		subscribe := func(to, expires string) *message {
			u.seq++
			m := u.request("SUBSCRIBE", "sip:1001@example.test", "Contact: "+u.contact(), "Event: message-summary", "Expires: "+expires)
			m.set("Call-ID", "mail@"+u.at.String())
			if to != "" {
				m.set("To", to)
			}
			return m
		}
		notify := func(sentence, state, body string) {
			t.Helper()
			n := u.want(sentence, "NOTIFY")
			if !strings.HasPrefix(n.get("Subscription-State"), state) || !strings.Contains(string(n.body), body) || n.get("Event") != "message-summary" {
				t.Errorf("%s: %q %q", sentence, n.get("Subscription-State"), n.body)
			}
			u.send(respondTo(n, 200, "x"))
		}
		u.send(subscribe("", "600"))
		ok := u.want("a user subscribes", 200)
		if ok.get("Expires") != "600" || ok.get("Contact") == "" {
			t.Errorf("the answer says %q, %q", ok.get("Expires"), ok.get("Contact"))
		}
		notify("at first nothing waits", "active;expires=600", "Voice-Message: 0/0")
		l.SetMessages("1001", Messages{New: 2, Old: 1})
		notify("then messages come", "active", "Messages-Waiting: yes")
		if s := l.Subscriptions("a"); len(s) != 1 || s[0] != "1001" {
			t.Errorf("subscriptions: %q", s)
		}
		u.send(subscribe(ok.get("To"), "0"))
		u.want("it ends", 200)
		notify("with a last word", "terminated", "")
		if s := l.Subscriptions("a"); len(s) != 0 {
			t.Errorf("subscriptions: %q", s)
		}
		u.send(subscribe(ok.get("To"), "600"))
		u.want("what has ended is not known", 481)
		u.send(subscribe("", "1"))
		if r := u.want("too brief", 423); r.get("Min-Expires") != "10" {
			t.Errorf("Min-Expires: %q", r.get("Min-Expires"))
		}
		m := subscribe("", "600")
		m.set("Event", "dialog")
		u.send(m)
		u.want("other events are nobody's", 480)
	})
}

// Who does not answer a NOTIFY, or does not know of it, has no subscription; a proxy that stops has none either.
func TestMailboxForgets(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		u := l.phone("1001", "udp", "a")
		defer u.close()
		subscribe := func() *message {
			u.seq++
			u.send(u.request("SUBSCRIBE", "sip:1001@example.test", "Contact: "+u.contact(), "Event: message-summary", "Expires: 600"))
			u.want("a user subscribes", 200)
			return u.want("and hears of it", "NOTIFY")
		}
		u.send(respondTo(subscribe(), 481, "x"))
		time.Sleep(time.Second)
		if s := l.Subscriptions("a"); len(s) != 0 {
			t.Errorf("after 481: %q", s)
		}
		n := subscribe()
		for range 10 { // at 0.5, 1.5, 3.5, 7.5 s, then every 4 s, to 32 s
			if again := u.wait("it is repeated", timerT2+time.Second, "NOTIFY"); again.get("Via") != n.get("Via") {
				t.Error("another NOTIFY came")
			}
		}
		u.nothing("it is given up", timerB)
		if s := l.Subscriptions("a"); len(s) != 0 {
			t.Errorf("after silence: %q", s)
		}
		u.send(respondTo(subscribe(), 200, "x"))
		if err := l.SetMode("a", Stop); err != nil {
			t.Fatal(err)
		}
		if s := l.Subscriptions("a"); len(s) != 0 {
			t.Errorf("after the stop: %q", s)
		}
	})
}
