package exchange

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"dialtone/sip"
)

func TestRegister(t *testing.T) {
	everywhere(t, func(l *lab, transport string) {
		u := l.phone("1001", transport, "a")
		defer u.close()
		for _, algorithm := range []string{"MD5", "SHA-256"} {
			u.send(u.request("REGISTER", "sip:example.test", "Contact: "+u.contact(), "Expires: 60"))
			challenge := u.want("a REGISTER is challenged", 401)
			if top, _ := parseVia(challenge.get("Via")); top.returnAddr() != u.at {
				t.Errorf("the answer's Via is %q", challenge.get("Via"))
			}
			m := u.request("REGISTER", "sip:example.test", "Contact: "+u.contact(), "Expires: 60")
			u.authorize(m, challenge, secret, algorithm)
			u.send(m)
			ok := u.want("the right password registers, by "+algorithm, 200)
			if c := ok.all("Contact"); len(c) != 1 || c[0] != u.contact()+";expires=60" {
				t.Errorf("contacts: %q", c)
			}
			u.send(m)
			u.want("the same REGISTER once more gets the same answer", 200)
		}
		next := u.request("REGISTER", "sip:example.test")
		u.authorize(next, nil, secret, "")
		u.send(next)
		if ok := u.want("a nonce is used with the next count; without Contact it asks", 200); len(ok.all("Contact")) != 1 {
			t.Errorf("contacts: %q", ok.all("Contact"))
		}
		replay := u.request("REGISTER", "sip:example.test")
		replay.add("Authorization", next.get("Authorization"))
		u.send(replay)
		if r := u.want("a spent count is refused", 401); !strings.Contains(r.get("WWW-Authenticate"), "stale=true") {
			t.Errorf("challenge: %q", r.get("WWW-Authenticate"))
		}
		wrong := u.request("REGISTER", "sip:example.test", "Contact: "+u.contact())
		u.authorize(wrong, nil, sip.Secret("guess"), "")
		u.send(wrong)
		u.want("a wrong password is refused", 403)

		leave := u.request("REGISTER", "sip:example.test", "Contact: "+u.contact()+";expires=0")
		u.count++
		u.authorize(leave, nil, secret, "")
		u.send(leave)
		if ok := u.want("a Contact leaves", 200); len(ok.all("Contact")) != 0 || len(l.Status().Proxies[0].Registrations) != 0 {
			t.Errorf("contacts: %q", ok.all("Contact"))
		}
	})
}

func TestNonces(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		u := l.phone("1001", "udp", "a")
		defer u.close()
		u.register(600)
		again := func(server string) *message {
			u.connect(server)
			m := u.request("REGISTER", "sip:example.test", "Contact: "+u.contact())
			u.authorize(m, nil, secret, "")
			u.send(m)
			return m
		}
		stale := func(sentence string) {
			t.Helper()
			if r := u.want(sentence, 401); !strings.Contains(r.get("WWW-Authenticate"), "stale=true") {
				t.Errorf("%s: %q", sentence, r.get("WWW-Authenticate"))
			}
		}
		again("a")
		u.want("a nonce is good for more than one request", 200)
		again("b")
		stale("a nonce of a is not one of b")
		l.SetMode("a", Stop)
		l.SetMode("a", Normal)
		again("a")
		stale("a proxy that was started again knows none of its nonces")
		u.register(600)
		time.Sleep(nonceLife + time.Second)
		again("a")
		stale("a nonce gets old")
	})
}

func TestRegisterLimits(t *testing.T) {
	inLab(t, func(c *Config) { c.MinExpires, c.MaxExpires = 30*time.Second, 120*time.Second }, func(l *lab) {
		u := l.phone("1001", "udp", "a")
		defer u.close()
		if ok := u.register(4000); ok.get("Contact") != u.contact()+";expires=120" {
			t.Errorf("granted: %q", ok.get("Contact"))
		}
		m := u.request("REGISTER", "sip:example.test", "Contact: "+u.contact()+";expires=29")
		u.authorize(m, nil, secret, "")
		u.send(m)
		if r := u.want("too brief an interval", 423); r.get("Min-Expires") != "30" {
			t.Errorf("Min-Expires: %q", r.get("Min-Expires"))
		}
		time.Sleep(119 * time.Second)
		if n := len(l.Status().Proxies[0].Registrations); n != 1 {
			t.Errorf("%d registrations before the end", n)
		}
		time.Sleep(2 * time.Second)
		if n := len(l.Status().Proxies[0].Registrations); n != 0 {
			t.Errorf("%d registrations after the end", n)
		}
		for i := range maxContacts + 1 {
			m := u.request("REGISTER", "sip:example.test", fmt.Sprintf("Contact: <sip:1001@10.9.9.9:%d>", 6000+i))
			u.authorize(m, nil, secret, "")
			u.send(m)
			if i < maxContacts {
				u.want("several contacts", 200)
			} else {
				u.want("but not any number", 403)
			}
		}
		m = u.request("REGISTER", "sip:example.test", "Contact: *", "Expires: 0")
		u.authorize(m, nil, secret, "")
		u.send(m)
		if r := u.want("all leave", 200); len(r.all("Contact")) != 0 {
			t.Errorf("left: %q", r.all("Contact"))
		}
		stranger := l.phone("1009", "udp", "a")
		defer stranger.close()
		m = stranger.request("REGISTER", "sip:example.test", "Contact: "+stranger.contact())
		stranger.send(m)
		challenge := stranger.want("who has no account is challenged, too", 401)
		m = stranger.request("REGISTER", "sip:example.test", "Contact: "+stranger.contact())
		stranger.authorize(m, challenge, secret, "MD5")
		stranger.send(m)
		stranger.want("and never let in", 403)
	})
}

// A phone that comes back at another address replaces what it had registered; an old REGISTER does not.
func TestRegisterReplaces(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		u := l.phone("1001", "udp", "a")
		defer u.close()
		u.register(600)
		send := func(seq int, contact string, code int) *message {
			t.Helper()
			m := u.request("REGISTER", "sip:example.test", "Contact: "+contact)
			m.set("Call-ID", "same")
			m.set("CSeq", itoa(seq)+" REGISTER")
			u.authorize(m, nil, secret, "")
			u.send(m)
			return u.want("a REGISTER", code)
		}
		send(10, `<sip:1001@10.0.1.1:7001>;+sip.instance="<urn:uuid:1>";reg-id=1`, 200)
		if r := send(11, `<sip:1001@10.0.1.1:7002>;+sip.instance="<urn:uuid:1>";reg-id=1`, 200); len(r.all("Contact")) != 2 || !strings.Contains(r.all("Contact")[1], "7002") {
			t.Errorf("contacts: %q", r.all("Contact"))
		}
		if r := send(12, `<sip:1001@10.0.1.1:7003>;+sip.instance="<urn:uuid:1>";reg-id=2`, 200); len(r.all("Contact")) != 3 {
			t.Errorf("contacts: %q", r.all("Contact"))
		}
		send(9, `<sip:1001@10.0.1.1:7002>;expires=0`, 500)
		if n := len(l.Status().Proxies[0].Registrations); n != 3 {
			t.Errorf("%d registrations", n)
		}
	})
}
