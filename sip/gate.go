package sip

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Specification constants, RFC 3261.
const (
	gateVersion    = "SIP/2.0"
	gateMaxCSeq    = 1<<31 - 1 // section 8.1.1.5
	gateMaxHops    = 255       // section 20.22
	gateMagic      = "z9hG4bK" // section 8.1.1.7
	gateMinStatus  = 100
	gateMaxStatus  = 699
	gateStatusSize = 3 // digits of a status code
)

// Implementation constants: what one message may be made of. The longest honest messages seen (34 Via,
// long identity headers) stay well below each.
const (
	gateMaxMessage = 65535    // octets, the largest datagram
	gateMaxHead    = 16 << 10 // octets of start line and header lines
	gateMaxLine    = 8 << 10  // octets of one header line, unfolded
	gateMaxHeaders = 160      // header lines
	gateMaxValues  = 200      // header lines after comma lists are taken apart
	gateMaxRelays  = 64       // Via, Route or Record-Route values
	gateMaxFolds   = 200      // continuation lines
	gateMaxParams  = 48       // parameters of one value, and of one URI
	gateMaxSemi    = 800      // semicolons, thus parameters of the whole message
	gateMaxHost    = 255      // octets of a host name
)

// Verdict is what the gate says of one message. Exactly one of Request and Response is set when the message is
// admitted; neither is set when it is not, and then Why says what is wrong with it, in one short phrase.
type Verdict struct {
	Request  *sipmsg.Request
	Response *sipmsg.Response
	Code     int    // status code a bad request deserves; 0: none (admitted, a response, or not SIP at all)
	Why      string // empty when admitted
	Reply    []byte // ready stateless response (RFC 3261 section 8.2.7); nil: drop silently
	Close    bool   // the stream it came by cannot be resynchronised and must be closed
}

// Admit examines one datagram, or one framed message of a stream (see Frame), and turns it into a message of
// sipgo. It accepts every valid spelling (folding, compact names, white space, comma lists, upper and lower case)
// and hands on one: full header names, one value per header, no white space around separators, the well-known
// parameter names in lower case, Content-Length last and true. Work is bounded by the constants above.
//
// The message does not share memory with data. Leading CRLF are skipped (RFC 3261 section 7.5).
func Admit(data []byte, stream bool) Verdict {
	return AdmitFrom(data, stream, netip.AddrPort{})
}

// AdmitFrom is Admit for a message from src, which a Reply then carries in its top Via as RFC 3261 section 18.2.1
// and RFC 3581 section 4 ask. An admitted Request is not annotated.
func AdmitFrom(data []byte, stream bool, src netip.AddrPort) Verdict {
	for len(data) >= 2 && data[0] == '\r' && data[1] == '\n' {
		data = data[2:]
	}
	if len(bytes.Trim(data, "\r\n\x00")) == 0 {
		return Verdict{Why: "keep-alive"}
	}
	if len(data) > gateMaxMessage {
		return Verdict{Why: "message too large", Close: stream}
	}
	head, body, terminated := bytes.Cut(data, []byte("\r\n\r\n"))
	if len(head) > gateMaxHead {
		return Verdict{Why: "header section too large", Close: stream}
	}
	m := gateMessage{stream: stream, terminated: terminated}
	if bytes.Count(head, []byte(";")) > gateMaxSemi {
		return Verdict{Why: "too many parameters", Close: stream}
	}
	start, lines, _ := strings.Cut(string(head), "\r\n")
	if !m.scan(lines) {
		return Verdict{Why: m.fault, Close: stream}
	}
	switch {
	case gateIsControl(start):
		return Verdict{Why: "not SIP", Close: stream}
	case len(start) > 4 && strings.EqualFold(start[:4], "SIP/"):
		return m.response(start, body)
	}
	v := m.request(start, body)
	if v.Code != 0 && !m.silent && !strings.HasPrefix(start, "ACK ") {
		v.Reply = m.reply(v.Code, src)
	}
	return v
}

// gateRefuse is the verdict on a bad request.
func gateRefuse(code int, why string) Verdict { return Verdict{Code: code, Why: why} }

// request judges a message that does not begin like a response.
func (m *gateMessage) request(start string, body []byte) Verdict {
	// What does not end in a SIP version is no SIP at all (STUN, a web browser, noise) and gets no answer.
	words := strings.Split(start, " ")
	last := strings.TrimRight(start, " ")
	last = last[strings.LastIndexByte(last, ' ')+1:]
	if len(last) < 5 || !strings.EqualFold(last[:4], "SIP/") {
		return Verdict{Why: "not SIP", Close: m.stream}
	}
	// RFC 3261 section 7.1: three parts, single spaces.
	if len(words) != 3 {
		return gateRefuse(400, "malformed request line")
	}
	method, target, version := words[0], words[1], words[2]
	if !gateIsToken(method) {
		return gateRefuse(400, "malformed method")
	}
	if !strings.EqualFold(version, gateVersion) {
		return gateRefuse(505, "SIP version "+strconv.Quote(version))
	}
	if !m.terminated {
		return gateRefuse(400, "header section without end")
	}
	req := sipmsg.NewRequest(sipmsg.RequestMethod(method), sipmsg.Uri{})
	if !gateURI(target, &req.Recipient) || len(req.Recipient.Headers) > 0 {
		return gateRefuse(400, "malformed Request-URI")
	}
	if m.fault != "" {
		return gateRefuse(400, m.fault)
	}
	if fault := m.singles(); fault != "" {
		return gateRefuse(400, fault)
	}
	cseq, ok := gateCSeq(m.first(gateCSeqLine))
	if !ok {
		return gateRefuse(400, "malformed CSeq")
	}
	if string(cseq.MethodName) != method {
		if !gateMethods[method] {
			return gateRefuse(501, "unknown method") // its CSeq is the lesser problem
		}
		return gateRefuse(400, "CSeq of another method")
	}
	body, v, ok := m.content(body)
	if !ok {
		return v
	}
	if fault := m.build(req, cseq); fault != "" {
		return gateRefuse(400, fault)
	}
	// RFC 3261 section 8.1.1.7: the cookie alone is no identifier.
	if branch, _ := req.Via().Params.Get("branch"); branch == gateMagic {
		return gateRefuse(400, "branch without identifier")
	}
	gateSetBody(&req.MessageData, body)
	return Verdict{Request: req}
}

// response judges a message that begins like a response. A bad one is dropped: responses are never answered.
func (m *gateMessage) response(start string, body []byte) Verdict {
	bad := func(why string) Verdict { return Verdict{Why: why} }
	version, rest, _ := strings.Cut(start, " ")
	code, reason, _ := strings.Cut(rest, " ")
	if !strings.EqualFold(version, gateVersion) {
		return bad("SIP version " + strconv.Quote(version))
	}
	status, err := strconv.Atoi(code)
	if err != nil || len(code) != gateStatusSize || status < gateMinStatus || status > gateMaxStatus {
		return bad("malformed status line")
	}
	if !m.terminated {
		return bad("header section without end")
	}
	if m.fault != "" {
		return bad(m.fault)
	}
	if fault := m.singles(); fault != "" {
		return bad(fault)
	}
	cseq, ok := gateCSeq(m.first(gateCSeqLine))
	if !ok {
		return bad("malformed CSeq")
	}
	body, v, ok := m.content(body)
	if !ok {
		v.Code = 0
		return v
	}
	resp := sipmsg.NewResponse(status, reason)
	if fault := m.build(resp, cseq); fault != "" {
		return bad(fault)
	}
	// RFC 3261 section 8.1.3.3: it was meant for somebody else.
	if m.vias != 1 {
		return bad("response with more than one Via")
	}
	gateSetBody(&resp.MessageData, body)
	return Verdict{Response: resp}
}

// singles looks for missing and repeated headers.
func (m *gateMessage) singles() string {
	var count [gateKinds]int
	for _, l := range m.lines {
		count[l.kind]++
		if l.single && count[l.kind] > 1 && l.kind != gateOther {
			return "more than one " + l.name
		}
	}
	for _, must := range []struct {
		kind gateKind
		name string
	}{{gateViaLine, "Via"}, {gateFromLine, "From"}, {gateToLine, "To"}, {gateCallIDLine, "Call-ID"}, {gateCSeqLine, "CSeq"}} {
		if count[must.kind] == 0 {
			return "no " + must.name
		}
	}
	return ""
}

// content cuts the body to its Content-Length. RFC 3261 sections 18.3 and 20.14.
func (m *gateMessage) content(body []byte) ([]byte, Verdict, bool) {
	length := -1
	for _, l := range m.lines {
		if l.kind != gateContentLengthLine {
			continue
		}
		n, err := strconv.ParseUint(l.value, 10, 31)
		if err != nil || length >= 0 && length != int(n) {
			return nil, Verdict{Code: 400, Why: "malformed Content-Length", Close: m.stream}, false
		}
		length = int(n)
	}
	switch {
	case length < 0 && m.stream:
		// Where the message ends is anybody's guess, and so is whether it was one: close without a word.
		m.silent = true
		return nil, Verdict{Code: 400, Why: "no Content-Length on a stream", Close: true}, false
	case length < 0:
		return body, Verdict{}, true
	case length > len(body):
		return nil, Verdict{Code: 400, Why: "body shorter than Content-Length", Close: m.stream}, false
	}
	return body[:length], Verdict{}, true
}

// gateSetBody puts the body and its Content-Length into a message.
func gateSetBody(msg *sipmsg.MessageData, body []byte) {
	if len(body) == 0 {
		body = nil
	}
	msg.SetBody(bytes.Clone(body))
}

// build appends the header lines to a message, in their one form.
func (m *gateMessage) build(msg sipmsg.Message, cseq *sipmsg.CSeqHeader) (fault string) {
	values := 0
	var hops [gateKinds]int
	for _, l := range m.lines {
		switch l.kind {
		case gateContentLengthLine:
			continue // gateSetBody writes the true one
		case gateCSeqLine:
			msg.AppendHeader(cseq)
			continue
		case gateOther, gateDateLine, gateExpiresLine, gateSubjectLine:
			msg.AppendHeader(sipmsg.NewHeader(l.name, l.value))
			continue
		case gateParamsLine, gateEventLine:
			msg.AppendHeader(sipmsg.NewHeader(l.name, gateTighten(l.value)))
			continue
		}
		for one := range gateSplit(l.value, l.list) {
			if values++; values > gateMaxValues {
				return "too many header values"
			}
			switch l.kind {
			case gateViaLine, gateRouteLine, gateRecordRouteLine:
				if hops[l.kind]++; hops[l.kind] > gateMaxRelays {
					return "too many " + l.name + " values"
				}
			}
			h := m.header(l, one)
			if h == nil {
				return "malformed " + l.name
			}
			msg.AppendHeader(h)
		}
	}
	return ""
}

// header reads one value of a header line that sipgo has a type for. It returns nil if it is malformed.
func (m *gateMessage) header(l gateLine, value string) sipmsg.Header {
	var a gateAddress
	ok := true
	switch l.kind {
	case gateViaLine:
		m.vias++
		via := &sipmsg.ViaHeader{}
		if gateVia(value, via) {
			return via
		}
		return nil
	case gateCallIDLine:
		id := sipmsg.CallIDHeader(value)
		if value != "" && !strings.ContainsAny(value, " \t") {
			return &id
		}
		return nil
	case gateMaxForwardsLine:
		n, err := strconv.ParseUint(value, 10, 32)
		hops := sipmsg.MaxForwardsHeader(n)
		if err == nil && n <= gateMaxHops {
			return &hops
		}
		return nil
	case gateContentTypeLine:
		t := sipmsg.ContentTypeHeader(gateTighten(value))
		if t != "" {
			return &t
		}
		return nil
	case gateContactLine:
		if value == "*" {
			a.uri = sipmsg.Uri{Host: "*", Wildcard: true}
			break
		}
		ok = a.parse(value)
	default:
		ok = a.parse(value)
	}
	if !ok {
		return nil
	}
	switch l.kind {
	case gateFromLine:
		return &sipmsg.FromHeader{DisplayName: a.display, Address: a.uri, Params: a.params}
	case gateToLine:
		return &sipmsg.ToHeader{DisplayName: a.display, Address: a.uri, Params: a.params}
	case gateContactLine:
		return &sipmsg.ContactHeader{DisplayName: a.display, Address: a.uri, Params: a.params}
	case gateReferredByLine:
		return &sipmsg.ReferredByHeader{DisplayName: a.display, Address: a.uri, Params: a.params}
	case gateRouteLine:
		return &sipmsg.RouteHeader{Address: a.uri}
	case gateRecordRouteLine:
		return &sipmsg.RecordRouteHeader{Address: a.uri}
	case gateReferToLine:
		return &sipmsg.ReferToHeader{Address: a.uri}
	}
	return nil
}
