package sip

import (
	"iter"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// gateKind tells how the value of a header line is read.
type gateKind uint8

const (
	gateOther gateKind = iota // kept as it is
	gateViaLine
	gateFromLine
	gateToLine
	gateCallIDLine
	gateCSeqLine
	gateContactLine
	gateRouteLine
	gateRecordRouteLine
	gateReferToLine
	gateReferredByLine
	gateMaxForwardsLine
	gateContentLengthLine
	gateContentTypeLine
	gateParamsLine // kept, with white space around its parameters removed
	gateDateLine
	gateExpiresLine
	gateEventLine
	gateSubjectLine
	gateKinds
)

// gateName is a header field name in the spelling we hand on.
type gateName struct {
	name   string
	kind   gateKind
	list   bool // comma-separated values, each its own header
	single bool // may appear once only
}

// gateNames holds the header names we read or whose spelling we settle, by lower case; compact forms included
// (RFC 3261 section 7.3.3, RFC 3515, RFC 3892, RFC 6665, RFC 3841, RFC 4028, RFC 3891).
var gateNames = func() map[string]gateName {
	names := map[string]gateName{}
	for _, n := range []gateName{
		{"Via", gateViaLine, true, false},
		{"From", gateFromLine, false, true},
		{"To", gateToLine, false, true},
		{"Call-ID", gateCallIDLine, false, true},
		{"CSeq", gateCSeqLine, false, true},
		{"Contact", gateContactLine, true, false},
		{"Route", gateRouteLine, true, false},
		{"Record-Route", gateRecordRouteLine, true, false},
		{"Refer-To", gateReferToLine, false, true},
		{"Referred-By", gateReferredByLine, false, true},
		{"Max-Forwards", gateMaxForwardsLine, false, true},
		{"Content-Length", gateContentLengthLine, false, false}, // repeats are compared by content
		{"Content-Type", gateContentTypeLine, false, true},
		{"Session-Expires", gateParamsLine, false, false},
		{"Subscription-State", gateParamsLine, false, false},
		{"Replaces", gateParamsLine, false, false},
		{"Event", gateEventLine, false, true},
		{"Expires", gateExpiresLine, false, true},
		{"Date", gateDateLine, false, true},
		{"Subject", gateSubjectLine, false, true},
	} {
		names[strings.ToLower(n.name)] = n
	}
	for _, n := range []string{"Accept", "Accept-Contact", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Allow-Events",
		"Authentication-Info", "Authorization", "Call-Info", "Content-Disposition", "Content-Encoding", "Content-Language", "Diversion",
		"Error-Info", "Flow-Timer", "History-Info", "Identity", "In-Reply-To", "Join", "MIME-Version", "Min-Expires", "Min-SE", "Organization",
		"P-Asserted-Identity", "P-Preferred-Identity", "Path", "Priority", "Privacy", "Proxy-Authenticate", "Proxy-Authorization",
		"Proxy-Require", "RAck", "Reason", "Reject-Contact", "Remote-Party-ID", "Reply-To", "Request-Disposition", "Require",
		"Retry-After", "RSeq", "Server", "Service-Route", "SIP-ETag", "SIP-If-Match", "Supported", "Target-Dialog", "Timestamp", "Unsupported",
		"User-Agent", "Warning", "WWW-Authenticate"} {
		names[strings.ToLower(n)] = gateName{name: n}
	}
	for short, long := range map[string]string{"a": "accept-contact", "b": "referred-by", "c": "content-type", "d": "request-disposition",
		"e": "content-encoding", "f": "from", "i": "call-id", "j": "reject-contact", "k": "supported", "l": "content-length", "m": "contact",
		"o": "event", "r": "refer-to", "s": "subject", "t": "to", "u": "allow-events", "v": "via", "x": "session-expires"} {
		names[short] = names[long]
	}
	return names
}()

// gateMethods are the registered methods.
var gateMethods = map[string]bool{"INVITE": true, "ACK": true, "CANCEL": true, "BYE": true, "REGISTER": true, "OPTIONS": true, "SUBSCRIBE": true,
	"NOTIFY": true, "REFER": true, "INFO": true, "MESSAGE": true, "PRACK": true, "UPDATE": true, "PUBLISH": true}

// gateLine is one header line, unfolded.
type gateLine struct {
	gateName
	value string // without white space at its ends
}

// gateMessage is a message on its way through the gate.
type gateMessage struct {
	stream     bool
	silent     bool // not to be answered
	terminated bool // the empty line after the headers was there
	lines      []gateLine
	fault      string // the first fault of a line
	vias       int
}

// scan takes the header section apart. It returns false when a limit is passed; another fault is kept, and the
// scan goes on, so that the request can still be answered.
func (m *gateMessage) scan(rest string) bool {
	folds := 0
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\r\n")
		if gateFolded(rest) {
			parts := []string{strings.TrimRight(line, " \t")}
			for gateFolded(rest) {
				line, rest, _ = strings.Cut(rest, "\r\n")
				parts = append(parts, strings.Trim(line, " \t"))
				if folds++; folds > gateMaxFolds {
					m.fault = "too many continuation lines"
					return false
				}
			}
			line = strings.Join(parts, " ")
		}
		if len(line) > gateMaxLine {
			m.fault = "header line too long"
			return false
		}
		if len(m.lines) == gateMaxHeaders {
			m.fault = "too many header lines"
			return false
		}
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimRight(name, " \t")
		if !ok || !gateIsToken(name) {
			m.fail("malformed header line")
			continue
		}
		known, ok := gateNames[strings.ToLower(name)]
		if !ok {
			known = gateName{name: name}
		}
		value = strings.Trim(value, " \t")
		if !gateIsText(value) {
			m.fail("control character in " + known.name)
		}
		m.lines = append(m.lines, gateLine{known, value})
	}
	return true
}

func (m *gateMessage) fail(why string) {
	if m.fault == "" {
		m.fault = why
	}
}

// first returns the value of the first line of a kind.
func (m *gateMessage) first(k gateKind) string {
	for _, l := range m.lines {
		if l.kind == k {
			return l.value
		}
	}
	return ""
}

// gateFolded tells whether rest begins with the continuation of a line. RFC 3261 section 7.3.1.
func gateFolded(rest string) bool { return rest != "" && (rest[0] == ' ' || rest[0] == '\t') }

// gateCSeq reads a CSeq value. RFC 3261 section 20.16; leading zeros are valid.
func gateCSeq(value string) (*sipmsg.CSeqHeader, bool) {
	i := strings.IndexAny(value, " \t")
	if i < 0 {
		return nil, false
	}
	n, err := strconv.ParseUint(value[:i], 10, 32)
	method := strings.Trim(value[i:], " \t")
	if err != nil || n > gateMaxCSeq || !gateIsToken(method) {
		return nil, false
	}
	return &sipmsg.CSeqHeader{SeqNo: uint32(n), MethodName: sipmsg.RequestMethod(method)}, true
}

// gateTokens marks the characters of a token. RFC 3261 section 25.1.
var gateTokens = func() (t [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~") {
		t[c] = true
	}
	return t
}()

func gateIsToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if !gateTokens[s[i]] {
			return false
		}
	}
	return s != ""
}

// gateIsControl tells whether s holds a control character other than a tab.
func gateIsControl(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

// gateIsText tells whether a header value holds control characters only where they are allowed: as quoted-pair
// inside a quoted string, and CR and LF not even there. RFC 3261 section 25.1.
func gateIsText(s string) bool {
	if !gateIsControl(s) {
		return true
	}
	quoted := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if quoted && c == '\\' && i+1 < len(s) {
			if i++; s[i] == '\r' || s[i] == '\n' {
				return false
			}
			continue
		}
		if c == '"' {
			quoted = !quoted
		}
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// gateCut cuts s at the first sep outside quotes and angle brackets.
func gateCut(s string, sep byte) (before, after string, found bool) {
	quoted, angle := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == sep && !angle:
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// gateSplit yields the values of a comma list, or s itself where it is none.
func gateSplit(s string, list bool) iter.Seq[string] {
	return func(yield func(string) bool) {
		for more := true; more; {
			one := s
			if more = false; list {
				one, s, more = gateCut(s, ',')
			}
			if !yield(strings.Trim(one, " \t")) {
				return
			}
		}
	}
}

// gateTighten removes white space around ";" and "=" outside quotes.
func gateTighten(s string) string {
	if !strings.ContainsAny(s, " \t") {
		return s
	}
	var b strings.Builder
	for more := true; more; {
		var part string
		part, s, more = gateCut(s, ';')
		name, value, eq := strings.Cut(part, "=")
		b.WriteString(strings.Trim(name, " \t"))
		if eq {
			b.WriteString("=" + strings.Trim(value, " \t"))
		}
		if more {
			b.WriteByte(';')
		}
	}
	return b.String()
}

// gateUnquote resolves the quoted-pairs of what stood between quotes, as for a display name.
func gateUnquote(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
