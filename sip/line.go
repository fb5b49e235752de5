package sip

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// A line is one extension: who it is, and the legs that carry it. A changed line is replaced by another;
// the old one stays until it has un-registered and its calls are over.
type line struct {
	a         *Agent
	cfg       Line
	leg       *leg   // the primary
	alternate *leg   // with Dual_Registration, else nil
	parting   []*leg // alternate legs of before, being un-registered
	told      Registration
	retired   bool
	calls     int

	mailbox    mailbox
	challenger digestServer // of those who would resync or reboot us
}

func (a *Agent) newLine(cfg Line) *line {
	ln := &line{a: a, cfg: cfg}
	ln.mailbox.ln = ln
	ln.leg = newLeg(ln, "primary", cfg.Proxy, cfg.OutboundProxy)
	ln.addAlternate()
	return ln
}

// legs are the line's ways to its servers, the primary first.
func (ln *line) legs() []*leg {
	if ln.alternate == nil {
		return []*leg{ln.leg}
	}
	return []*leg{ln.leg, ln.alternate}
}

// legOf is the leg a flow belongs to: that of the server at its other end, else the primary.
func (ln *line) legOf(f *flow) *leg {
	for _, l := range ln.legs() {
		if slices.ContainsFunc(l.list, func(s Server) bool { return s.Transport == f.Transport && s.Addr == f.Remote }) {
			return l
		}
	}
	for _, l := range ln.legs() {
		if l.lists(f.Remote.Addr()) {
			return l
		}
	}
	return ln.leg
}

// registered tells whether a registrar knows the line, on either leg.
func (ln *line) registered(now time.Time) bool {
	return slices.ContainsFunc(ln.legs(), func(l *leg) bool { return l.reg.valid(now) })
}

// serves tells whether the line may place and take calls: it is registered, or it was and is about to be again, its
// connection or server having failed.
func (ln *line) serves(now time.Time) bool {
	return ln.registered(now) || slices.ContainsFunc(ln.legs(), func(l *leg) bool { return l.reg.renewing() })
}

// registering tells whether a REGISTER of the line is under way.
func (ln *line) registering() bool {
	return slices.ContainsFunc(ln.legs(), func(l *leg) bool {
		return slices.ContainsFunc(l.registrations(), (*registration).busy)
	})
}

// unregister removes what the registrars know of the line.
func (ln *line) unregister(now time.Time) {
	for _, l := range ln.legs() {
		for _, r := range l.registrations() {
			r.leave(now)
		}
	}
}

// needs tells whether a connection of the line has to stay open.
func (ln *line) needs(f *flow) bool {
	return ln.calls > 0 || !ln.retired && slices.ContainsFunc(ln.legs(), func(l *leg) bool { return l.usesFlow(f) })
}

// aor is the line's address of record at the leg's registrar.
func (l *leg) aor() party {
	ln := l.ln
	p := party{name: quoteName(ln.cfg.DisplayName)}
	host := l.domain
	if host == "" {
		host = uriHost(l.contactAddr(nil).Addr())
	}
	own := sipmsg.Uri{Scheme: "sip", User: escapeUser(ln.cfg.User), Host: host}
	text := strings.TrimSpace(ln.cfg.SIPURI)
	if text == "" {
		p.uri = own
		return p
	}
	if !strings.HasPrefix(strings.ToLower(text), "sip:") && !strings.HasPrefix(strings.ToLower(text), "sips:") {
		text = "sip:" + text
	}
	if !strings.Contains(text, "@") {
		text += "@" + uriHost(l.contactAddr(nil).Addr()) // reference A.1
	}
	if !gateURI(text, &p.uri) {
		p.uri = own
	}
	return p
}

// registersAs tells whether two lines differ at most in what the registrar never sees.
func (l Line) registersAs(o Line) bool {
	o.DisplayName, o.MakeCallWithoutReg, o.AnswerWithoutReg = l.DisplayName, l.MakeCallWithoutReg, l.AnswerWithoutReg
	o.AuthResyncReboot, o.UseOBProxyInDialog = l.AuthResyncReboot, l.UseOBProxyInDialog
	o.DualRegistration, o.AlternateProxy, o.AlternateOutboundProxy = l.DualRegistration, l.AlternateProxy, l.AlternateOutboundProxy
	o.FallbackIntvl, o.FailoverTimeout, o.ProbeIntvl, o.GoodProbes = l.FallbackIntvl, l.FailoverTimeout, l.ProbeIntvl, l.GoodProbes
	o.VoiceMailServer, o.VoiceMailInterval, o.VoiceMailEnable, o.MailboxID = l.VoiceMailServer, l.VoiceMailInterval, l.VoiceMailEnable, l.MailboxID
	o.HotStandby, o.AutoRegister, o.RedundancyMethod = l.HotStandby, l.AutoRegister, l.RedundancyMethod
	return l == o
}

// contact is where the line can be reached. RFC 3261 section 8.1.1.8.
func (l *leg) contact(f *flow) *sipmsg.ContactHeader {
	return &sipmsg.ContactHeader{Address: l.ln.contactURI(l.contactAddr(f), l.transport(f))}
}

func (ln *line) contactURI(addr netip.AddrPort, t Transport) sipmsg.Uri {
	uri := sipmsg.Uri{Scheme: "sip", User: escapeUser(ln.cfg.User), Host: uriHost(addr.Addr()), Port: int(addr.Port())}
	if t.reliable() {
		uri.UriParams = sipmsg.HeaderParams{{K: "transport", V: string(t)}}
	}
	return uri
}

// authUser is the digest user name.
func (ln *line) authUser() string {
	if ln.cfg.AuthID != "" {
		return ln.cfg.AuthID
	}
	return ln.cfg.User
}

// authorize adds the credentials for what the leg's servers have challenged so far.
func (l *leg) authorize(req *sipmsg.Request) {
	ln := l.ln
	if err := l.session(req.Method).authorize(req, ln.authUser(), ln.cfg.Password, ln.a.random); err != nil {
		ln.logf("%s goes without credentials: %v", req.Method, err)
	}
}

func (ln *line) logf(format string, args ...any) {
	ln.a.logf("line %d: %s", ln.cfg.Number, fmt.Sprintf(format, args...))
}

// target makes a Request-URI of what was dialled: a number or user, user@host, or a SIP URI. Its Host is
// empty if the line's proxy would have to give one, and has none.
func (l *leg) target(to string) (uri sipmsg.Uri, err error) {
	to = strings.TrimSpace(to)
	if open := strings.IndexByte(to, '<'); open >= 0 && strings.HasSuffix(to, ">") {
		to = to[open+1 : len(to)-1]
	}
	lower := strings.ToLower(to)
	switch {
	case to == "":
		return uri, fmt.Errorf("nothing to dial")
	case len(to) > maxDial:
		return uri, fmt.Errorf("%d characters are too many to dial", len(to))
	case strings.HasPrefix(lower, "sip:") || strings.HasPrefix(lower, "sips:"):
	case strings.HasPrefix(lower, "tel:"):
		to = "sip:" + to[len("tel:"):] + "@" + l.domainPort
	default:
		user, host, ok := strings.Cut(to, "@")
		if !ok {
			host = l.domainPort
		}
		to = "sip:" + escapeUser(user) + "@" + host
	}
	if strings.HasSuffix(to, "@") && l.domain == "" {
		return sipmsg.Uri{Scheme: "sip"}, nil
	}
	if !gateURI(to, &uri) || uri.Host == "" {
		return sipmsg.Uri{}, fmt.Errorf("%q cannot be dialled", to)
	}
	uri.Headers = nil // nobody dials header fields
	return uri, nil
}

// escapeUser writes a user part as RFC 3261 section 25.1 allows: "#" and others get escaped.
func escapeUser(user string) string {
	const plain = "-_.!~*'()&=+$,;?/%"
	var b strings.Builder
	for i := range len(user) {
		c := user[i]
		if l := c | 0x20; l >= 'a' && l <= 'z' || c >= '0' && c <= '9' || strings.IndexByte(plain, c) >= 0 && (c != '%' || isEscape(user[i:])) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func isEscape(s string) bool {
	if len(s) < 3 {
		return false
	}
	_, err := strconv.ParseUint(s[1:3], 16, 8)
	return err == nil
}

// lineFor finds the line a request outside a dialog is for, by the user part of its Request-URI: that of
// the Contact we registered or of the address of record. Among lines of one user, the one whose socket or
// connection it came by is meant. A Request-URI without user means the line of the socket.
func (a *Agent) lineFor(f *flow, uri *sipmsg.Uri) *line {
	user := plainUser(uri.User)
	var found *line
	for _, ln := range a.lines {
		if !ln.cfg.Enabled || user != "" && user != plainUser(ln.cfg.User) && user != plainUser(ln.leg.aor().uri.User) {
			continue
		}
		if ln.owns(f) {
			return ln
		}
		if found == nil {
			found = ln
		}
	}
	return found
}

// anyLine is the line whose flow this is, else the first in service.
func (a *Agent) anyLine(f *flow) (first *line) {
	for _, ln := range a.lines {
		switch {
		case !ln.cfg.Enabled:
		case ln.owns(f):
			return ln
		case first == nil:
			first = ln
		}
	}
	return first
}

// plainUser is a user part as it compares: without escapes. RFC 3261 section 19.1.4.
func plainUser(s string) string {
	if !gateEscapes(s) {
		return s
	}
	return gateUnescape(s)
}

// owns tells whether a flow is the line's: its connection, or its UDP socket.
func (ln *line) owns(f *flow) bool {
	if f.line != nil {
		return f.line == ln
	}
	bound := ln.cfg.Local
	return f.Transport == UDP && f.Local.Port() == bound.Port() && bound.Port() != 0
}

// trusts tells whether a flow leads to one of the line's own servers.
func (ln *line) trusts(f *flow) bool {
	if f.line != nil && f.line == ln {
		return true
	}
	return slices.ContainsFunc(ln.legs(), func(l *leg) bool { return l.lists(f.Remote.Addr()) })
}

// trusted tells whether a request outside a dialog is listened to at all: Block_Nonproxy_SIP.
func (a *Agent) trusted(f *flow) bool {
	if !a.cfg.BlockNonproxy {
		return true
	}
	for _, ln := range a.lines {
		if ln.trusts(f) {
			return true
		}
	}
	for _, ln := range a.retired {
		if ln.trusts(f) {
			return true
		}
	}
	return false
}

// firstLine is the line with the lowest number, or nil.
func (a *Agent) firstLine() *line {
	if len(a.lines) > 0 {
		return a.lines[0]
	}
	return nil
}

func (a *Agent) lineBy(number int) *line {
	for _, ln := range a.lines {
		if ln.cfg.Number == number {
			return ln
		}
	}
	return nil
}
