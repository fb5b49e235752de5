package sip

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// peerCall is what the peers know of the newest call.
type peerCall struct {
	callID, theirTag, ourTag string
	out                      bool // the agent placed it
	us, them                 string
	seq                      uint32
	branch                   string
	last                     []byte // the peer's newest request
	invite                   *sipmsg.Request
	target                   string // our Contact
	serial                   int
}

// answered learns our tag and target from a response of the agent.
func (p *peerCall) answered(resp *sipmsg.Response) {
	if resp.CSeq().MethodName == sipmsg.INVITE && resp.CallID().Value() == p.callID && toTag(resp) != "" {
		p.ourTag = toTag(resp)
		if c := resp.Contact(); c != nil {
			p.target = c.Address.String()
		}
	}
}

// speak lets a peer send something: a response if the first word, or the one after a method, is a code.
func (s *stage) speak(name string, words []string, opts map[string]string, body []byte) {
	if code, err := strconv.Atoi(words[0]); err == nil {
		s.respond(name, "", code, opts, body)
		return
	}
	if len(words) > 1 {
		if code, err := strconv.Atoi(words[1]); err == nil {
			s.respond(name, words[0], code, opts, body)
			return
		}
	}
	if words[0] == "notify" {
		s.notifySub(name, opts, body)
		return
	}
	s.request(name, words, opts, body)
}

// flowFrom is how a message from a peer comes: by the connection there is to it, else by UDP.
func (s *stage) flowFrom(name string, opts map[string]string) Flow {
	var best FlowID
	for id, o := range s.flows {
		if o.Remote.Addr() == s.addrs[name].Addr() && id > best && !slices.Contains(s.opens, id) {
			best = id
		}
	}
	if o, ok := s.flows[best]; ok && opts["by"] != "udp" {
		return Flow{o.Transport, best, o.Local, o.Remote}
	}
	if opts["by"] == "tcp" {
		id, _ := strconv.Atoi(opts["flow"])
		return Flow{TCP, FlowID(id), netip.AddrPortFrom(s.local.Addr(), 5060), netip.AddrPortFrom(s.addrs[name].Addr(), 33000)}
	}
	return Flow{UDP, 0, netip.AddrPortFrom(netip.IPv4Unspecified(), s.local.Port()), s.addrs[name]}
}

// respond answers the newest request of a method that the peer got, or of any but ACK.
func (s *stage) respond(name, method string, code int, opts map[string]string, body []byte) {
	var h *heard
	nth := 0
	if text, ok := opts["back"]; ok {
		nth, _ = strconv.Atoi(text)
	}
	for i := range slices.Backward(s.sent) {
		o := &s.sent[i]
		if o.who == name && o.req.Method != sipmsg.ACK && (method == "" || string(o.req.Method) == method) {
			if h = o; nth == 0 {
				break
			}
			nth--
		}
	}
	if h == nil {
		s.t.Fatalf("%s has got no %s request to answer with %d", name, method, code)
	}
	s.reply(h, code, opts, body)
}

// reply answers one request of the agent.
func (s *stage) reply(h *heard, code int, opts map[string]string, body []byte) {
	name := h.who
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", code, phrase(code))
	seen := s.nat
	if !seen.IsValid() {
		seen = netip.AddrPortFrom(s.local.Addr(), uint16(h.req.Via().Port))
	}
	v := h.req.Via().Clone()
	v.Params.Add("received", seen.Addr().String())
	v.Params.Add("rport", strconv.Itoa(int(seen.Port())))
	fmt.Fprintf(&b, "Via: %s\r\nFrom: %s\r\n", v.Value(), h.req.From().Value())
	to := h.req.To().Value()
	if tag := toTag(h.req); tag == "" && code > 100 {
		tag := "t" + name
		if t, ok := opts["tag"]; ok {
			tag = t
		}
		to += ";tag=" + tag
		if h.req.Method == sipmsg.INVITE {
			s.peer.callID, s.peer.theirTag, s.peer.ourTag = h.req.CallID().Value(), tag, fromTag(h.req)
			s.peer.out, s.peer.us, s.peer.them = true, h.req.From().Address.String(), h.req.To().Address.String()
			s.peer.target = h.req.Contact().Address.String()
		}
	}
	fmt.Fprintf(&b, "To: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n", to, h.req.CallID().Value(), h.req.CSeq().Value())
	if h.req.Method == sipmsg.INVITE && code > 100 && code < 300 || opts["contact"] != "" {
		contact := opts["contact"]
		if contact == "" {
			contact = fmt.Sprintf("sip:far@%s", s.addrs[name])
		}
		fmt.Fprintf(&b, "Contact: <%s>\r\n", contact)
	}
	if h.req.Method == sipmsg.REGISTER && code == 200 && opts["contact"] == "" {
		for _, c := range h.req.GetHeaders("Contact") {
			if strings.Contains(c.Value(), "expires=0") || value(h.req, "Expires") == "0" {
				continue
			}
			e := opts["expires"]
			if e == "" {
				e = value(h.req, "Expires")
			}
			fmt.Fprintf(&b, "Contact: %s;expires=%s\r\n", c.Value(), e)
		}
	}
	if n := opts["nonce"]; n != "" {
		kind := "WWW-Authenticate"
		if code == 407 {
			kind = "Proxy-Authenticate"
		}
		fmt.Fprintf(&b, "%s: Digest realm=\"example\", nonce=\"%s\", algorithm=MD5, qop=\"auth\"%s\r\n", kind, n, opts["more"])
	}
	s.headers(&b, opts)
	fmt.Fprintf(&b, "%sContent-Length: %d\r\n\r\n%s", sdpLine(body), len(body), body)
	flow := s.flowFrom(name, opts)
	s.step(Received{flow, []byte(b.String())})
}

func sdpLine(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	return "Content-Type: application/sdp\r\n"
}

// headers adds h="Name: value" and rr=uri (Record-Route, several with commas).
func (s *stage) headers(b *strings.Builder, opts map[string]string) {
	if h := opts["h"]; h != "" {
		fmt.Fprintf(b, "%s\r\n", h)
	}
	if rr := opts["rr"]; rr != "" {
		for one := range strings.SplitSeq(rr, ",") {
			fmt.Fprintf(b, "Record-Route: <%s>\r\n", one)
		}
	}
}

// request lets a peer send a request: INVITE starts a call unless "re" follows, others belong to the call there is
// unless "new" follows. "again" repeats the newest one.
func (s *stage) request(name string, words []string, opts map[string]string, body []byte) {
	p := &s.peer
	method := words[0]
	has := func(w string) bool { return slices.Contains(words[1:], w) }
	flow := s.flowFrom(name, opts)
	if method == "again" {
		s.step(Received{flow, p.last})
		return
	}
	fresh := method == "INVITE" && !has("re") || has("new")
	p.serial++
	via := fmt.Sprintf("%s;branch=z9hG4bKpeer%d%d;rport", s.addrs[name], s.calls, p.serial)
	if fresh {
		s.calls++
		serial := p.serial
		*p = peerCall{
			callID: fmt.Sprintf("call%d@%s", s.calls, name), theirTag: fmt.Sprintf("f%d", s.calls),
			us: "sip:1001@10.0.0.1", them: "sip:1002@10.0.0.1", target: fmt.Sprintf("sip:1001@%s", s.local), serial: serial,
		}
	}
	uri := p.target
	if o := opts["uri"]; o != "" {
		uri = o
	}
	to := fmt.Sprintf("<%s>", p.us)
	if !fresh && p.ourTag != "" && (method != "CANCEL") {
		to += ";tag=" + p.ourTag
	}
	if opts["notag"] != "" {
		to = fmt.Sprintf("<%s>", p.us)
	}
	from := fmt.Sprintf("\"Bob\" <%s>;tag=%s", p.them, p.theirTag)
	if t := opts["fromtag"]; t != "" {
		from = fmt.Sprintf("<%s>;tag=%s", p.them, t)
	}
	if t := opts["totag"]; t != "" {
		to = fmt.Sprintf("<%s>;tag=%s", p.us, t)
	}
	switch method {
	case "ACK", "CANCEL":
		if p.branch != "" && (method == "CANCEL" || has("failure")) {
			via = p.branch
		}
	default:
		p.seq++
	}
	seq := p.seq
	if p.invite != nil && (method == "ACK" || method == "CANCEL") {
		seq = p.invite.CSeq().SeqNo
	}
	if o := opts["cseq"]; o != "" {
		n, _ := strconv.Atoi(o)
		seq = uint32(n)
	}
	var b strings.Builder
	transport := strings.ToUpper(string(flow.Transport))
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s\r\nMax-Forwards: 69\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n",
		method, uri, transport, via, from, to, p.callID, seq, method)
	if method == "INVITE" {
		contact := fmt.Sprintf("sip:1002@%s", s.addrs[name])
		if o := opts["contact"]; o != "" {
			contact = o
		}
		fmt.Fprintf(&b, "Contact: <%s>\r\n", contact)
	}
	s.headers(&b, opts)
	kind := sdpLine(body)
	if t := opts["type"]; t != "" {
		kind = "Content-Type: " + t + "\r\n"
	}
	fmt.Fprintf(&b, "%sContent-Length: %d\r\n\r\n%s", kind, len(body), body)
	raw := []byte(b.String())
	v := Admit(raw, flow.Transport != UDP)
	if v.Request == nil {
		s.t.Fatalf("the peer's request is bad: %s\n%s", v.Why, raw)
	}
	if method != "ACK" && method != "CANCEL" {
		p.last = raw
	}
	if method == "INVITE" {
		p.branch, p.invite = via, v.Request
	}
	s.step(Received{flow, raw})
}

func quoteBody(b []byte) string {
	if b == nil {
		return ""
	}
	if len(b) > 200 {
		return fmt.Sprintf(" {%d bytes}", len(b))
	}
	return " {" + string(b) + "}"
}

func quoteCause(cause string) string {
	if cause == "" {
		return ""
	}
	return " (" + cause + ")"
}
