package exchange

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Implementation constants.
const (
	maxContacts  = 8    // bindings of one user at one proxy
	maxContact   = 1024 // octets of a Contact
	usualExpires = time.Hour
)

// A binding is one Contact of a user and the way to it. It ends with its time, and with its connection
// (RFC 5626 section 4.2 has the phone notice that and register again).
type binding struct {
	user     string
	contact  string // the URI
	instance string // +sip.instance and reg-id of RFC 5626; "": none
	callID   string
	cseq     int
	flow     flow
	until    time.Time
}

// register answers a REGISTER for this domain, RFC 3261 section 10.3.
func (p *proxy) register(f flow, m *message) {
	user := userOf(m.get("To"))
	outcome := func(resp *message, what string) {
		p.x.say("%s: REGISTER from %s%s, %d", p.Name, clip(user), what, resp.code)
		p.answer(f, m, resp)
	}
	if !p.x.isOurs(inBrackets(m.get("To"))) || user == "" {
		outcome(p.response(m, 404), "")
		return
	}
	switch v := p.authenticate(m, "Authorization", user); v {
	case authNone, authStale:
		resp := p.response(m, 401)
		p.digest(resp, v == authStale)
		if v == authStale {
			outcome(resp, " with an old nonce")
		} else {
			outcome(resp, "")
		}
		return
	case authWrong:
		outcome(p.response(m, 403), " with a wrong password")
		return
	}
	code, what := p.bind(f, m, user)
	resp := p.response(m, code)
	switch code {
	case 423:
		resp.add("Min-Expires", strconv.Itoa(int(p.x.cfg.MinExpires/time.Second)))
	case 200:
		for _, b := range p.bindings(user) {
			left := (time.Until(b.until) + time.Second/2) / time.Second
			resp.add("Contact", fmt.Sprintf("<%s>;expires=%d", b.contact, left))
		}
		resp.add("Date", time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
	}
	outcome(resp, what)
}

// bind does what a REGISTER with good credentials asks for. It returns the status code, and what was done
// in words.
func (p *proxy) bind(f flow, m *message, user string) (code int, what string) {
	contacts := m.all("Contact")
	seq, _ := m.cseq()
	usual, has := usualExpires, m.get("Expires")
	if n, err := strconv.ParseUint(has, 10, 32); err == nil {
		usual = time.Duration(n) * time.Second
	}
	if slices.Contains(contacts, "*") {
		if len(contacts) != 1 || has == "" || usual != 0 {
			return 400, ""
		}
		for _, b := range p.bindings(user) {
			if b.callID == m.get("Call-ID") && seq < b.cseq {
				return 500, ""
			}
		}
		delete(p.locations, user)
		return 200, ", all gone"
	}
	type wish struct {
		contact, instance string
		expires           time.Duration
	}
	var wishes []wish
	for _, c := range contacts {
		w := wish{contact: inBrackets(c), expires: usual}
		if u, ok := parseURI(w.contact); !ok || len(c) > maxContact || u.host == "" {
			return 400, ""
		}
		if e, has := param(c, "expires"); has {
			// RFC 3261 section 20.19: what is malformed means the usual.
			if n, err := strconv.ParseUint(e, 10, 32); err == nil {
				w.expires = time.Duration(n) * time.Second
			}
		}
		if id, has := param(c, "+sip.instance"); has {
			reg, _ := param(c, "reg-id")
			w.instance = id + " " + reg
		}
		if w.expires > 0 && w.expires < p.x.cfg.MinExpires && w.expires < usualExpires {
			return 423, ""
		}
		w.expires = min(w.expires, p.x.cfg.MaxExpires)
		wishes = append(wishes, w)
	}
	for _, w := range wishes {
		all := p.bindings(user)
		i := slices.IndexFunc(all, func(b *binding) bool {
			return b.contact == w.contact || w.instance != "" && b.instance == w.instance
		})
		if i >= 0 {
			if all[i].callID == m.get("Call-ID") && seq < all[i].cseq {
				return 500, ""
			}
			all = slices.Delete(all, i, i+1)
		}
		if w.expires > 0 {
			if len(all) == maxContacts {
				return 403, ", with too many contacts"
			}
			all = append(all, &binding{user, w.contact, w.instance, m.get("Call-ID"), seq, f, time.Now().Add(w.expires)})
			what = fmt.Sprintf(" for %s", w.expires)
		} else {
			what = ", which leaves"
		}
		p.locations[user] = all
	}
	return 200, what
}

// bindings are the living ones of a user.
func (p *proxy) bindings(user string) []*binding {
	now := time.Now()
	all := slices.DeleteFunc(p.locations[user], func(b *binding) bool { return !b.until.After(now) })
	if len(all) == 0 {
		delete(p.locations, user)
		return nil
	}
	p.locations[user] = all
	return all
}

// lost forgets what was registered by a connection that is gone.
func (p *proxy) lost(c *conn) {
	for user, all := range p.locations {
		kept := slices.DeleteFunc(all, func(b *binding) bool { return b.flow.conn == c })
		if len(kept) < len(all) {
			p.x.say("%s: the connection of %s is gone", p.Name, clip(user))
		}
		if p.locations[user] = kept; len(kept) == 0 {
			delete(p.locations, user)
		}
	}
}

// locate finds where a user is: here first, then at the other proxies that live. RFC 3261 section 16.5;
// of several contacts the one registered last is taken.
func (p *proxy) locate(user string) *binding {
	for _, q := range append([]*proxy{p}, p.x.proxies...) {
		if q.deaf() {
			continue
		}
		if all := q.bindings(user); len(all) > 0 {
			return all[len(all)-1]
		}
	}
	return nil
}

// contact finds a binding by what a dialog calls it: its URI, or the user at that address when the phone
// has moved to another connection.
func (p *proxy) contact(text string) *binding {
	u, ok := parseURI(text)
	if !ok {
		return nil
	}
	var near *binding
	for _, q := range append([]*proxy{p}, p.x.proxies...) {
		if q.deaf() {
			continue
		}
		for user := range q.locations {
			for _, b := range slices.Backward(q.bindings(user)) {
				if b.contact == text {
					return b
				}
				if at, ok := parseURI(b.contact); ok && near == nil && at.user == u.user && strings.EqualFold(at.host, u.host) && at.user != "" {
					near = b
				}
			}
		}
	}
	return near
}

// deaf tells whether a proxy sends nothing.
func (p *proxy) deaf() bool { return p.word == Stop || p.word == Silence }

// unreachable hears by ICMP that nobody listens at an address.
func (p *proxy) unreachable(at netip.AddrPort) {
	for _, i := range p.x.invites {
		if i.to.p == p && i.to.transport == "udp" && i.to.remote == at && !i.heard {
			i.giveUp(480)
		}
	}
}
