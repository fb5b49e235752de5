package exchange

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Implementation constants: what one message may be made of.
const (
	maxMessage = 65535
	maxHead    = 16 << 10
	maxHeaders = 160
	maxValues  = 200 // after comma lists are taken apart
	maxRelays  = 64  // Via or Route values
)

// A message is a SIP message as a proxy reads it: what it must understand is taken apart, everything
// else is passed on as it came. Header names are full, and Via, Route, Record-Route and Contact have one
// value each.
type message struct {
	method, uri string // of a request
	code        int    // of a response
	reason      string
	headers     []header
	body        []byte
}

type header struct{ name, value string }

// fullNames are the header names we read, by what they may be called (RFC 3261 section 7.3.3).
var fullNames = map[string]string{
	"v": "Via", "via": "Via", "f": "From", "from": "From", "t": "To", "to": "To", "i": "Call-ID", "call-id": "Call-ID",
	"cseq": "CSeq", "m": "Contact", "contact": "Contact", "route": "Route", "record-route": "Record-Route",
	"l": "Content-Length", "content-length": "Content-Length", "c": "Content-Type", "content-type": "Content-Type",
	"max-forwards": "Max-Forwards", "expires": "Expires", "authorization": "Authorization",
	"proxy-authorization": "Proxy-Authorization", "proxy-require": "Proxy-Require", "require": "Require",
	"event": "Event", "o": "Event",
	"www-authenticate": "WWW-Authenticate", "proxy-authenticate": "Proxy-Authenticate",
}

var errMessage = errors.New("malformed message")

// parseMessage reads one message. It refuses what passes a limit and what lacks what a proxy needs; the
// finer points of a request are judged by sip.AdmitFrom.
func parseMessage(data []byte) (*message, error) {
	if len(data) > maxMessage {
		return nil, fmt.Errorf("%w: %d octets", errMessage, len(data))
	}
	data = bytes.TrimLeft(data, "\r\n")
	rawHead, body, ended := bytes.Cut(data, []byte("\r\n\r\n"))
	if !ended || len(rawHead) > maxHead {
		return nil, fmt.Errorf("%w: its header section does not end", errMessage)
	}
	head := string(rawHead)
	for _, fold := range []string{"\r\n ", "\r\n\t"} {
		head = strings.ReplaceAll(head, fold, " ")
	}
	lines := strings.Split(head, "\r\n")
	if len(lines) > maxHeaders+1 {
		return nil, fmt.Errorf("%w: %d header lines", errMessage, len(lines)-1)
	}
	m := &message{}
	if err := m.start(lines[0]); err != nil {
		return nil, err
	}
	length := -1
	for _, l := range lines[1:] {
		name, value, colon := strings.Cut(l, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !colon || name == "" || strings.ContainsAny(l, "\r\n\x00") {
			return nil, fmt.Errorf("%w: header line %q", errMessage, clip(l))
		}
		if full := fullNames[strings.ToLower(name)]; full != "" {
			name = full
		}
		switch name {
		case "Content-Length":
			n, err := strconv.ParseUint(value, 10, 31)
			if err != nil || length >= 0 && length != int(n) {
				return nil, fmt.Errorf("%w: Content-Length", errMessage)
			}
			length = int(n)
		case "Via", "Route", "Record-Route", "Contact":
			for v := range splitList(value, ',') {
				if v = strings.TrimSpace(v); v != "" {
					m.add(name, v)
				}
			}
		default:
			m.add(name, value)
		}
		if len(m.headers) > maxValues {
			return nil, fmt.Errorf("%w: too many header values", errMessage)
		}
	}
	switch {
	case length > len(body):
		return nil, fmt.Errorf("%w: its body is shorter than Content-Length", errMessage)
	case length >= 0:
		body = body[:length]
	}
	m.body = bytes.Clone(body)
	for _, must := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		if m.get(must) == "" {
			return nil, fmt.Errorf("%w: no %s", errMessage, must)
		}
	}
	if n, method := m.cseq(); n < 0 || m.method != "" && method != m.method {
		return nil, fmt.Errorf("%w: CSeq", errMessage)
	}
	if len(m.all("Via")) > maxRelays || len(m.all("Route")) > maxRelays || len(m.all("Record-Route")) > maxRelays {
		return nil, fmt.Errorf("%w: too many relays", errMessage)
	}
	return m, nil
}

// start reads a start line.
func (m *message) start(line string) error {
	words := strings.SplitN(line, " ", 3)
	if len(words) < 2 || strings.ContainsAny(line, "\r\n\t\x00") {
		return fmt.Errorf("%w: start line %q", errMessage, clip(line))
	}
	if strings.EqualFold(words[0], "SIP/2.0") {
		code, err := strconv.Atoi(words[1])
		if err != nil || code < 100 || code > 699 {
			return fmt.Errorf("%w: status %q", errMessage, clip(words[1]))
		}
		m.code = code
		if len(words) == 3 {
			m.reason = words[2]
		}
		return nil
	}
	if len(words) != 3 || !strings.EqualFold(words[2], "SIP/2.0") || words[0] == "" || words[1] == "" {
		return fmt.Errorf("%w: start line %q", errMessage, clip(line))
	}
	m.method, m.uri = words[0], words[1]
	return nil
}

// bytes writes a message with its true Content-Length.
func (m *message) bytes() []byte {
	var b bytes.Buffer
	if m.code != 0 {
		fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", m.code, m.reason)
	} else {
		fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", m.method, m.uri)
	}
	for _, h := range m.headers {
		b.WriteString(h.name + ": " + h.value + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(m.body))
	b.Write(m.body)
	return b.Bytes()
}

func (m *message) add(name, value string) { m.headers = append(m.headers, header{name, value}) }

// push puts a header above all others of its name: at the front.
func (m *message) push(name, value string) {
	m.headers = append([]header{{name, value}}, m.headers...)
}

// pop removes the first header of a name.
func (m *message) pop(name string) {
	for i, h := range m.headers {
		if h.name == name {
			m.headers = append(m.headers[:i:i], m.headers[i+1:]...)
			return
		}
	}
}

// set replaces the first header of a name, or adds it.
func (m *message) set(name, value string) {
	for i, h := range m.headers {
		if h.name == name {
			m.headers[i].value = value
			return
		}
	}
	m.add(name, value)
}

// get is the first value of a header, or "".
func (m *message) get(name string) string {
	for _, h := range m.headers {
		if h.name == name {
			return h.value
		}
	}
	return ""
}

func (m *message) all(name string) (values []string) {
	for _, h := range m.headers {
		if h.name == name {
			values = append(values, h.value)
		}
	}
	return values
}

// clone copies a message; the body is shared, nobody changes it.
func (m *message) clone() *message {
	c := *m
	c.headers = append([]header(nil), m.headers...)
	return &c
}

// cseq is the number, -1 if there is none, and the method of CSeq.
func (m *message) cseq() (int, string) {
	f := strings.Fields(m.get("CSeq"))
	if len(f) != 2 {
		return -1, ""
	}
	n, err := strconv.ParseUint(f[0], 10, 31)
	if err != nil {
		return -1, ""
	}
	return int(n), f[1]
}

// splitList cuts at sep where it stands outside quotes and angle brackets.
func splitList(text string, sep byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		quoted, bracketed, start := false, false, 0
		for i := 0; i < len(text); i++ {
			switch c := text[i]; {
			case quoted && c == '\\':
				i++
			case c == '"' && !bracketed:
				quoted = !quoted
			case quoted:
			case c == '<':
				bracketed = true
			case c == '>':
				bracketed = false
			case c == sep && !bracketed:
				if !yield(text[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(text[start:])
	}
}

// param is a parameter of a header value; a flag has the value "". Parameters of a URI in brackets do
// not count.
func param(value, name string) (string, bool) {
	first := true
	for p := range splitList(value, ';') {
		if first {
			first = false
			continue
		}
		k, v, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.Trim(strings.TrimSpace(v), `"`), true
		}
	}
	return "", false
}

// setParam gives a header value a parameter, in the place of one it has.
func setParam(value, name, to string) string {
	var parts []string
	done := false
	for p := range splitList(value, ';') {
		k, _, _ := strings.Cut(p, "=")
		if len(parts) > 0 && strings.EqualFold(strings.TrimSpace(k), name) {
			p, done = name+"="+to, true
		}
		parts = append(parts, p)
	}
	if !done {
		parts = append(parts, name+"="+to)
	}
	return strings.Join(parts, ";")
}

// tag is the tag of a From or To.
func tag(value string) string {
	t, _ := param(value, "tag")
	return t
}

// inBrackets is the URI of a name-addr or addr-spec, RFC 3261 section 20.10.
func inBrackets(value string) string {
	quoted := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '<' && !quoted:
			uri, _, _ := strings.Cut(value[i+1:], ">")
			return strings.TrimSpace(uri)
		}
	}
	uri, _, _ := strings.Cut(value, ";")
	return strings.TrimSpace(uri)
}

// A uri is a sip or sips URI, taken apart.
type uri struct {
	scheme, user, host string // host in lower case, IPv6 without brackets
	port               uint16 // 0: none
	params             string // with the semicolons
}

func parseURI(text string) (u uri, ok bool) {
	scheme, rest, colon := strings.Cut(text, ":")
	u.scheme = strings.ToLower(scheme)
	if !colon || u.scheme != "sip" && u.scheme != "sips" {
		return u, false
	}
	rest, _, _ = strings.Cut(rest, "?")
	// A semicolon may stand in the user part; the @ tells.
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, _, _ := strings.Cut(rest[:at], ":")
		user, _, _ = strings.Cut(user, ";")
		decoded, err := url.PathUnescape(user)
		if err != nil {
			return u, false
		}
		u.user, rest = decoded, rest[at+1:]
	}
	host, params, has := strings.Cut(rest, ";")
	if has {
		u.params = ";" + params
	}
	return u, u.hostPort(host)
}

// hostPort reads host or host:port.
func (u *uri) hostPort(text string) bool {
	host, port := strings.TrimSpace(text), ""
	if strings.HasPrefix(host, "[") {
		inside, after, closed := strings.Cut(host[1:], "]")
		if !closed || after != "" && after[0] != ':' {
			return false
		}
		host, port = inside, strings.TrimPrefix(after, ":")
	} else if h, p, has := strings.Cut(host, ":"); has {
		host, port = strings.TrimSpace(h), strings.TrimSpace(p)
	}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return false
		}
		u.port = uint16(n)
	}
	u.host = strings.ToLower(strings.TrimSuffix(host, "."))
	return u.host != ""
}

func (u uri) param(name string) string {
	v, _ := param(u.params, name)
	return strings.ToLower(v)
}

// addr is the address a URI names by an IP literal, with the port it means.
func (u uri) addr() netip.AddrPort {
	a, err := netip.ParseAddr(u.host)
	if err != nil {
		return netip.AddrPort{}
	}
	port := u.port
	if port == 0 {
		port = 5060
		if u.scheme == "sips" || u.param("transport") == "tls" {
			port = 5061
		}
	}
	return netip.AddrPortFrom(a.Unmap(), port)
}

// userOf is the user part of a name-addr, or "".
func userOf(value string) string {
	u, _ := parseURI(inBrackets(value))
	return u.user
}

// A via is a Via value, taken apart.
type via struct {
	transport string // "udp", "tcp", "tls"
	uri              // sent-by, and the parameters
}

func parseVia(value string) (v via, ok bool) {
	left, params, has := strings.Cut(value, ";")
	if has {
		v.params = ";" + params
	}
	proto, rest, slash := strings.Cut(left, "/")
	version, rest, more := strings.Cut(rest, "/")
	if !slash || !more || !strings.EqualFold(strings.TrimSpace(proto), "SIP") || strings.TrimSpace(version) != "2.0" {
		return v, false
	}
	rest = strings.TrimSpace(rest)
	transport, sentBy, space := strings.Cut(strings.ReplaceAll(rest, "\t", " "), " ")
	v.transport = strings.ToLower(transport)
	return v, space && v.hostPort(sentBy)
}

func (v via) branch() string {
	b, _ := param(v.params, "branch")
	return b
}

// returnAddr is where a response to this Via goes, RFC 3261 section 18.2.2 and RFC 3581 section 4.
func (v via) returnAddr() netip.AddrPort {
	to := uri{scheme: "sip", host: v.host, port: v.port}
	if r, has := param(v.params, "received"); has {
		to.host = strings.Trim(r, "[]")
	}
	if v.transport == "tls" {
		to.scheme = "sips"
	}
	if r, _ := param(v.params, "rport"); r != "" {
		n, err := strconv.ParseUint(r, 10, 16)
		if err != nil {
			return netip.AddrPort{}
		}
		to.port = uint16(n)
	}
	return to.addr()
}
