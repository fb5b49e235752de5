package sip

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// hostMemory is how long a proxy knows a request: 64*T1 and a little.
const hostMemory = 40 * time.Second

// A registrar is what one proxy, or all of a cluster, know of where the line is.
type registrar struct {
	w        *world
	bindings map[string]*binding // by Contact
	least    time.Duration       // Min-Expires
	most     time.Duration       // what is granted
	forgot   time.Time           // when it lost all
}

// A binding is a Contact and how it is reached.
type binding struct {
	contact string
	callID  string
	seq     uint32
	until   time.Time
	path    path
	since   time.Time
	order   int
}

func (r *registrar) forget() { r.bindings, r.forgot = map[string]*binding{}, r.w.now }

// hasForgotten tells whether the registrar has lost its bindings since that registration was last refreshed, which
// the phone cannot know.
func (r *registrar) hasForgotten(of *registration) bool {
	return !of.expiresAt.Add(-of.granted).After(r.forgot)
}

// active are the bindings that have not expired, the newest first.
func (r *registrar) active() []*binding {
	var list []*binding
	for _, b := range slices.SortedFunc(maps.Values(r.bindings), func(a, b *binding) int { return cmp.Compare(b.order, a.order) }) {
		if b.until.After(r.w.now) {
			list = append(list, b)
		} else {
			delete(r.bindings, b.contact)
		}
	}
	return list
}

// served is a request a proxy has got, and what became of it.
type served struct {
	h     *host
	p     path
	req   *sipmsg.Request
	epoch int
	code  int
	last  []byte
	acked bool
	leg   *farLeg
}

// receive takes in what the phone has sent.
func (h *host) receive(p path, v Verdict) {
	if h.fault == silent || h.mute && v.Request != nil && v.Request.Method == sipmsg.OPTIONS {
		return
	}
	if v.Response != nil {
		h.w.answered(v.Response, h)
		return
	}
	w, req := h.w, v.Request
	branch := branchOf(req)
	if req.Method == sipmsg.ACK {
		if s := h.answers[branch+" INVITE"]; s != nil && s.code >= 300 {
			s.acked = true
		} else if h.serves() {
			w.after(w.far.delay, func() { w.far.acked(req) })
		}
		return
	}
	key := branch + " " + string(req.Method)
	if s := h.answers[key]; s != nil {
		if s.last != nil {
			w.deliver(s.p, s.last)
		}
		return
	}
	s := &served{h: h, p: p, req: req, epoch: h.epoch}
	h.answers[key] = s
	w.after(hostMemory, func() {
		if h.answers[key] == s && !s.open() {
			delete(h.answers, key)
		}
	})
	tagged := toTag(req) != ""
	switch {
	case h.fault == busy:
		w.check.refuses(w, req, 503)
		s.answer(503)
	case h.fault == broken:
		w.check.refuses(w, req, 500)
		s.answer(500)
	case req.Method == sipmsg.REGISTER:
		h.register(s)
	case req.Method == sipmsg.SUBSCRIBE && w.mail.on:
		h.subscribe(s)
	case req.Method == sipmsg.OPTIONS && !tagged:
		s.answer(200)
	case req.Method == sipmsg.CANCEL:
		invite := h.answers[branch+" INVITE"]
		if invite == nil {
			s.answer(481)
			return
		}
		s.answer(200)
		if invite.open() {
			w.after(w.far.delay, func() { w.far.canceled(invite) })
		}
	case req.Method == sipmsg.INVITE && !tagged:
		if w.knobs.auth && !strings.Contains(value(req, "Proxy-Authorization"), `"`+h.nonce+`"`) {
			s.answer(407)
			return
		}
		s.answer(100)
		w.after(w.far.delay, func() { w.far.invited(s) })
	default:
		w.after(w.far.delay, func() { w.far.inDialog(s) })
	}
}

// open tells whether the request waits for its final answer.
func (s *served) open() bool { return s.code < 200 }

// answer sends a response.
func (s *served) answer(code int, lines ...string) {
	h, w := s.h, s.h.w
	if !s.open() || s.epoch != h.epoch {
		return
	}
	s.code = code
	switch code {
	case 401:
		lines = append(lines, fmt.Sprintf(`WWW-Authenticate: Digest realm="example", nonce="%s", algorithm=MD5, qop="auth"`, h.nonce))
	case 407:
		lines = append(lines, fmt.Sprintf(`Proxy-Authenticate: Digest realm="example", nonce="%s", algorithm=MD5, qop="auth"`, h.nonce))
	case 503:
		if h.after > 0 {
			if d := time.Duration(h.after) * time.Second; w.check.briefest == 0 || d < w.check.briefest {
				w.check.briefest = d
			}
			lines = append(lines, fmt.Sprintf("Retry-After: %d", h.after))
		}
	}
	tag := h.name
	if s.leg != nil {
		tag = s.leg.tag
	}
	s.last = response(s.req, s.p.phone, code, tag, lines)
	s.send()
	if s.req.Method == sipmsg.INVITE && code >= 300 && s.p.conn == nil {
		s.repeat(500*time.Millisecond, w.now.Add(32*time.Second))
	}
}

// send sends the newest response, unless the proxy hangs.
func (s *served) send() {
	if s.epoch == s.h.epoch && s.h.fault != silent && s.h.reads() {
		s.h.w.deliver(s.p, s.last)
	}
}

// repeat is timer G.
func (s *served) repeat(d time.Duration, until time.Time) {
	w := s.h.w
	w.after(d, func() {
		if !s.acked && w.now.Before(until) && s.epoch == s.h.epoch {
			s.send()
			s.repeat(min(2*d, 4*time.Second), until)
		}
	})
}

// response writes a response to a request of the phone.
func response(req *sipmsg.Request, seen netip.AddrPort, code int, tag string, lines []string) []byte {
	var b strings.Builder
	v := req.Via().Clone()
	v.Params.Add("received", seen.Addr().String())
	v.Params.Add("rport", fmt.Sprint(seen.Port()))
	to := req.To().Value()
	if toTag(req) == "" && code > 100 {
		to += ";tag=" + tag
	}
	fmt.Fprintf(&b, "SIP/2.0 %d %s\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n",
		code, phrase(code), v.Value(), req.From().Value(), to, req.CallID().Value(), req.CSeq().Value())
	body := ""
	for _, l := range lines {
		if text, ok := strings.CutPrefix(l, "v="); ok {
			body = "v=" + text
			b.WriteString("Content-Type: application/sdp\r\n")
			continue
		}
		b.WriteString(l + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return []byte(b.String())
}

// register is the registrar, RFC 3261 section 10.3.
func (h *host) register(s *served) {
	w, req, r := h.w, s.req, h.db
	if w.knobs.auth && !strings.Contains(value(req, "Authorization"), `"`+h.nonce+`"`) {
		s.answer(401)
		return
	}
	wanted, ok := seconds(req, "Expires")
	if !ok {
		wanted = time.Hour
	}
	callID, seq := req.CallID().Value(), req.CSeq().SeqNo
	if wanted > 0 && wanted < r.least {
		s.answer(423, "Min-Expires: "+seconds32(r.least))
		return
	}
	type change struct {
		uri string
		d   time.Duration
	}
	var changes []change
	for one := range headersOf(req, "Contact") {
		c := one.(*sipmsg.ContactHeader)
		d := wanted
		if text, ok := c.Params.Get("expires"); ok {
			d, _ = deltaSeconds(text)
		}
		uri := c.Address.String()
		if old := r.bindings[uri]; old != nil && old.callID == callID && seq <= old.seq {
			s.answer(500) // step 7: out of order
			return
		}
		changes = append(changes, change{uri, d})
	}
	for _, c := range changes {
		if c.d == 0 {
			delete(r.bindings, c.uri)
			continue
		}
		since := w.now
		if old := r.bindings[c.uri]; old != nil {
			since = old.since
		}
		w.serial++
		r.bindings[c.uri] = &binding{contact: c.uri, callID: callID, seq: seq, until: w.now.Add(min(c.d, r.most)), path: s.p, since: since, order: w.serial}
	}
	var lines []string
	for _, b := range r.active() {
		lines = append(lines, fmt.Sprintf("Contact: <%s>;expires=%s", b.contact, seconds32(b.until.Sub(w.now))))
	}
	s.answer(200, lines...)
}

// request is one a proxy, or the far end itself, has sent to the phone.
type request struct {
	w      *world
	p      path
	epoch  int
	branch string
	method string
	data   []byte
	code   int
	done   bool
	heard  func(code int, resp *sipmsg.Response) // of every response; nil response: none came
}

// ask sends a request to the phone. lines are its header lines from From on.
func (w *world) ask(p path, branch, method, uri string, seq uint32, lines []string, body string, heard func(int, *sipmsg.Response)) *request {
	from := w.far.addr
	epoch := 0
	if p.host != nil {
		from, epoch = p.host.addr, p.host.epoch
	}
	if branch == "" {
		branch = gateMagic + w.fresh("far")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=%s;rport\r\nMax-Forwards: 69\r\nCSeq: %d %s\r\n", method, uri, p.transport(), from, branch, seq, method)
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	if body != "" {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	q := &request{w: w, p: p, epoch: epoch, branch: branch, method: method, data: []byte(b.String()), heard: heard}
	if method == "ACK" {
		q.send()
		return q
	}
	w.asks[branch+" "+method] = q
	q.send()
	if p.conn == nil {
		q.repeat(500 * time.Millisecond)
	}
	w.after(32*time.Second, func() {
		if q.code > 0 {
			w.after(4*time.Minute, func() { delete(w.asks, branch+" "+method) })
			return
		}
		delete(w.asks, branch+" "+method)
		q.done = true
		q.heard(408, nil)
	})
	return q
}

// send sends the request, unless the proxy it goes by cannot.
func (q *request) send() {
	if h := q.p.host; h != nil && (!h.reads() || h.epoch != q.epoch || h.fault == silent || h.fault == refuses) {
		return
	}
	q.w.deliver(q.p, q.data)
}

func (q *request) repeat(d time.Duration) {
	w := q.w
	w.after(d, func() {
		if q.done || q.code > 0 && q.method == "INVITE" || w.asks[q.branch+" "+q.method] != q {
			return
		}
		q.send()
		if q.method != "INVITE" {
			d = min(d, 2*time.Second)
		}
		q.repeat(2 * d)
	})
}

// answered takes in a response of the phone.
func (w *world) answered(resp *sipmsg.Response, by *host) {
	q := w.asks[branchOf(resp)+" "+string(resp.CSeq().MethodName)]
	if q == nil || q.p.host != by || by != nil && by.epoch != q.epoch {
		return
	}
	code := resp.StatusCode
	first := !q.done
	q.code = max(q.code, code)
	q.done = code >= 200
	if q.method == "INVITE" && code >= 300 {
		w.ask(q.p, q.branch, "ACK", requestURI(q.data), resp.CSeq().SeqNo, dialogLines(resp), "", nil)
	}
	if first || q.method == "INVITE" && code < 300 && code >= 200 {
		q.heard(code, resp)
	}
}

func requestURI(data []byte) string {
	_, rest, _ := strings.Cut(firstLine(data), " ")
	uri, _, _ := strings.Cut(rest, " ")
	return uri
}

// dialogLines are the header lines of a hop's ACK.
func dialogLines(resp *sipmsg.Response) []string {
	return []string{"From: " + resp.From().Value(), "To: " + resp.To().Value(), "Call-ID: " + resp.CallID().Value()}
}
