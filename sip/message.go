package sip

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Specification constants.
const (
	maxForwards = 70   // RFC 3261 section 8.1.1.6
	mtu         = 1300 // RFC 3261 section 18.1.1: a longer request goes by TCP
)

// What we understand, as said in Allow, Accept, Supported and Allow-Events.
const (
	allowed   = "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, INFO"
	accepted  = "application/sdp"
	supported = "path" // RFC 3327: only the registrar and the proxies have to do anything
	events    = "message-summary, check-sync, resync, reboot, restart, report"
	sdpType   = "application/sdp"
)

// phrases are the reason phrases of the answers we give. RFC 3261 section 21, RFC 6665, RFC 3903.
var phrases = map[int]string{
	100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
	200: "OK", 202: "Accepted",
	300: "Multiple Choices", 301: "Moved Permanently", 302: "Moved Temporarily", 305: "Use Proxy",
	400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
	406: "Not Acceptable", 407: "Proxy Authentication Required", 408: "Request Timeout", 410: "Gone", 415: "Unsupported Media Type",
	416: "Unsupported URI Scheme", 420: "Bad Extension", 423: "Interval Too Brief", 433: "Anonymity Disallowed",
	480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected",
	483: "Too Many Hops", 484: "Address Incomplete", 486: "Busy Here", 487: "Request Terminated",
	488: "Not Acceptable Here", 489: "Bad Event", 491: "Request Pending",
	500: "Server Internal Error", 501: "Not Implemented", 503: "Service Unavailable",
	505: "Version Not Supported", 600: "Busy Everywhere", 603: "Decline",
	604: "Does Not Exist Anywhere", 606: "Not Acceptable",
}

func phrase(code int) string {
	if p := phrases[code]; p != "" {
		return p
	}
	return [...]string{"", "Progress", "Success", "Redirection", "Request Failure", "Server Failure", "Global Failure"}[min(code/100, 6)]
}

// A party is one end of a dialog, or who a request is from or to.
type party struct {
	name string // display name as between its quotes
	uri  sipmsg.Uri
	tag  string
}

func (p party) params() sipmsg.HeaderParams {
	if p.tag == "" {
		return nil
	}
	return sipmsg.HeaderParams{{K: "tag", V: p.tag}}
}

func partyFrom(h *sipmsg.FromHeader) party {
	tag, _ := h.Params.Get("tag")
	return party{h.DisplayName, *h.Address.Clone(), tag}
}

func partyTo(h *sipmsg.ToHeader) party {
	tag, _ := h.Params.Get("tag")
	return party{h.DisplayName, *h.Address.Clone(), tag}
}

// quotedPair is RFC 3261 section 25.1.
var quotedPair = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// quoteName makes a display name fit between quotes.
func quoteName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	return quotedPair.Replace(s)
}

// unquoteName is the inverse of quoteName.
func unquoteName(s string) string { return strings.TrimSpace(gateUnquote(s)) }

// newRequest makes a request that lacks its Via, which the transaction adds, and its body.
func (a *Agent) newRequest(method sipmsg.RequestMethod, uri sipmsg.Uri, from, to party, callID string, seq uint32) *sipmsg.Request {
	req := sipmsg.NewRequest(method, uri)
	hops := sipmsg.MaxForwardsHeader(maxForwards)
	id := sipmsg.CallIDHeader(callID)
	req.AppendHeader(&hops)
	req.AppendHeader(&sipmsg.FromHeader{DisplayName: from.name, Address: from.uri, Params: from.params()})
	req.AppendHeader(&sipmsg.ToHeader{DisplayName: to.name, Address: to.uri, Params: to.params()})
	req.AppendHeader(&id)
	req.AppendHeader(&sipmsg.CSeqHeader{SeqNo: seq, MethodName: method})
	if a.cfg.UserAgent != "" {
		req.AppendHeader(sipmsg.NewHeader("User-Agent", a.cfg.UserAgent))
	}
	return req
}

// newResponse makes a response to req, whose top Via already says where it came from. RFC 3261 section 8.2.6.
func (a *Agent) newResponse(req *sipmsg.Request, code int, tag string) *sipmsg.Response {
	resp := sipmsg.NewResponse(code, phrase(code))
	// The response shares what it repeats with the request: nobody changes it any more.
	if req.Method == sipmsg.INVITE && code > 100 && code < 300 {
		shareHeaders("Record-Route", req, resp) // section 12.1.1
	}
	shareHeaders("Via", req, resp)
	resp.AppendHeader(req.From())
	to := sipmsg.HeaderClone(req.To()).(*sipmsg.ToHeader)
	if _, tagged := to.Params.Get("tag"); !tagged && code > 100 {
		to.Params = append(to.Params, sipmsg.HeaderKV{K: "tag", V: tag})
	}
	resp.AppendHeader(to)
	resp.AppendHeader(req.CallID())
	resp.AppendHeader(req.CSeq())
	if code == 100 {
		shareHeaders("Timestamp", req, resp)
	}
	if a.cfg.UserAgent != "" {
		resp.AppendHeader(sipmsg.NewHeader("Server", a.cfg.UserAgent))
	}
	switch code {
	case 405, 501:
		resp.AppendHeader(sipmsg.NewHeader("Allow", allowed))
	case 415, 406:
		resp.AppendHeader(sipmsg.NewHeader("Accept", accepted))
	case 489:
		resp.AppendHeader(sipmsg.NewHeader("Allow-Events", events))
	}
	return resp
}

// setBody completes a message. A nil body has no Content-Type.
func setBody(m sipmsg.Message, contentType string, body []byte) {
	if len(body) > 0 {
		t := sipmsg.ContentTypeHeader(contentType)
		m.AppendHeader(&t)
	}
	m.SetBody(body)
}

// wire is a response as it is sent.
func wire(resp *sipmsg.Response) []byte {
	const ordinary = 128 // octets of a header line, seldom more
	buf := bytes.NewBuffer(make([]byte, 0, ordinary*(len(resp.Headers())+2)+len(resp.Body())))
	resp.StringWrite(buf)
	return buf.Bytes()
}

// headersOf are the headers of a name, which may be in upper or lower case. It looks at each header once and
// allocates nothing.
func headersOf(m sipmsg.Message, name string) iter.Seq[sipmsg.Header] {
	return func(yield func(sipmsg.Header) bool) {
		for _, h := range m.(interface{ Headers() []sipmsg.Header }).Headers() {
			if n := h.Name(); len(n) == len(name) && strings.EqualFold(n, name) && !yield(h) {
				return
			}
		}
	}
}

func shareHeaders(name string, from, to sipmsg.Message) {
	for h := range headersOf(from, name) {
		to.AppendHeader(h)
	}
}

// value is a header's first value, or nothing.
func value(m sipmsg.Message, name string) string {
	for h := range headersOf(m, name) {
		return h.Value()
	}
	return ""
}

// tokens are the values of a comma list that may take several lines, as of Require.
func tokens(m sipmsg.Message, name string) (list []string) {
	for h := range headersOf(m, name) {
		for t := range strings.SplitSeq(h.Value(), ",") {
			if t = strings.TrimSpace(t); t != "" {
				list = append(list, t)
			}
		}
	}
	return list
}

// seconds reads a delta-seconds header as Expires, Min-Expires and Retry-After, whose comment and
// parameters are ignored. RFC 3261 section 20.33.
func seconds(m sipmsg.Message, name string) (time.Duration, bool) {
	text := value(m, name)
	if i := strings.IndexAny(text, " ;(\t"); i >= 0 {
		text = text[:i]
	}
	return deltaSeconds(text)
}

func deltaSeconds(text string) (time.Duration, bool) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, false
	}
	return time.Duration(n) * time.Second, true
}

func seconds32(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// mediaType is a Content-Type in lower case, without its parameters.
func mediaType(m sipmsg.Message) string {
	t, _, _ := strings.Cut(value(m, "Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// sdp is the body of a message if it is a session description, or nil.
func sdp(m sipmsg.Message) []byte {
	if len(m.Body()) == 0 || mediaType(m) != sdpType {
		return nil
	}
	return m.Body()
}

func fromTag(m sipmsg.Message) string { t, _ := m.From().Params.Get("tag"); return t }
func toTag(m sipmsg.Message) string   { t, _ := m.To().Params.Get("tag"); return t }
func branchOf(m sipmsg.Message) string {
	b, _ := m.Via().Params.Get("branch")
	return b
}

// reason is why the far end says it did something: the Reason header (RFC 3326), else Warning.
func reason(m sipmsg.Message) string {
	if r := value(m, "Reason"); r != "" {
		if _, text, ok := strings.Cut(r, "text="); ok {
			text, _, _ = strings.Cut(text, ";")
			return strings.Trim(strings.TrimSpace(text), `"`)
		}
		return r
	}
	if _, text, ok := strings.Cut(value(m, "Warning"), `"`); ok {
		text, _, _ = strings.Cut(text, `"`)
		return text
	}
	return ""
}

// uriHost is an address as a URI writes it: IPv6 in brackets.
func uriHost(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		return "[" + addr.String() + "]"
	}
	return addr.String()
}

// hostAddr reads the host of a URI or Via if it is an IP address.
func hostAddr(host string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return addr.Unmap(), err == nil
}

// where names a server for a log line or a status row: "udp:192.0.2.1:5060".
func where(t Transport, addr netip.AddrPort) string { return string(t) + ":" + addr.String() }

// unmapPort takes the IPv4-mapped form off an address.
func unmapPort(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// token is a random word of n octets in hexadecimal, for tags, branches and Call-IDs.
func (a *Agent) token(n int) string {
	b := make([]byte, n)
	if _, err := io.ReadFull(a.random, b); err != nil {
		// A source that ends, as a replayed one may, must not end the phone: names stay unique in this agent.
		a.spare++
		return fmt.Sprintf("spare%x", a.spare)
	}
	return hex.EncodeToString(b)
}

// randomUpTo is a random duration of at least 0 and less than limit, in steps of 10 ms (RFC 3261 section 14.1).
func (a *Agent) randomUpTo(limit time.Duration) time.Duration {
	const step = 10 * time.Millisecond
	if limit < step {
		return 0
	}
	return time.Duration(a.randomIndex(int(min(limit/step, math.MaxInt32)))) * step
}

// randomIndex is a random number of at least 0 and less than n.
func (a *Agent) randomIndex(n int) int {
	var b [4]byte
	if _, err := io.ReadFull(a.random, b[:]); err != nil {
		return 0
	}
	return int(binary.BigEndian.Uint32(b[:]) % uint32(n))
}

// matchesCode tells whether a response code is meant by a template list as "503", "5??", "404,5*"; reference A.8.
func matchesCode(templates string, code int) bool {
	digits := strconv.Itoa(code)
	for t := range strings.SplitSeq(templates, ",") {
		t = strings.TrimSpace(t)
		if prefix, star := strings.CutSuffix(t, "*"); star {
			if len(prefix) <= len(digits) && sameDigits(prefix, digits[:len(prefix)]) {
				return true
			}
		} else if len(t) == len(digits) && sameDigits(t, digits) {
			return true
		}
	}
	return false
}

func sameDigits(template, digits string) bool {
	for i := range len(template) {
		if template[i] != '?' && template[i] != digits[i] {
			return false
		}
	}
	return true
}
