package media

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Implementation constants: the gate for session descriptions from outside.
const (
	maxSDP        = 16 << 10 // bytes in a session description
	maxSDPLines   = 512
	maxSDPLine    = 1024 // bytes in a line, without its line end
	maxMediaLines = 16
	maxFormats    = 64 // payload numbers on one m= line
	maxToken      = 64 // bytes in a media, protocol or format name
)

// An SDPError says what is wrong with a session description and where. The firmware answers 400 or
// 488 with it.
type SDPError struct {
	Line   int // counted from 1; 0 when the description as a whole is wrong
	Reason string
}

func (e *SDPError) Error() string {
	if e.Line == 0 {
		return "session description: " + e.Reason
	}
	return fmt.Sprintf("session description, line %d: %s", e.Line, e.Reason)
}

// ErrNotAcceptable is wrapped by the errors for a description that is well formed but cannot be
// agreed to: no common codec, no plain audio, an address that cannot be reached. It becomes 488.
var ErrNotAcceptable = errors.New("not acceptable here")

func notAcceptable(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNotAcceptable, fmt.Sprintf(format, args...))
}

// A Direction says which way a stream flows, seen from whoever writes it (RFC 4566 section 6).
type Direction uint8

// The zero Direction is SendRecv, as RFC 3264 section 5.1 has it for a description that names none.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

func (d Direction) String() string {
	switch d {
	case SendOnly:
		return "sendonly"
	case RecvOnly:
		return "recvonly"
	case Inactive:
		return "inactive"
	}
	return "sendrecv"
}

func (d Direction) sends() bool    { return d == SendRecv || d == SendOnly }
func (d Direction) receives() bool { return d == SendRecv || d == RecvOnly }

// direction is the Direction that sends and receives as told.
func direction(send, receive bool) Direction {
	switch {
	case send && receive:
		return SendRecv
	case send:
		return SendOnly
	case receive:
		return RecvOnly
	}
	return Inactive
}

// A description is what we use of one session description: RFC 4566, read leniently where real
// peers are sloppy and strictly where it matters.
type description struct {
	origin  string // the o= line's value
	timing  string // the first t= line's value, repeated in an answer (RFC 3264 section 6)
	streams []streamDescription
}

// A streamDescription is one m= line with its attributes; those of the session level are inherited.
type streamDescription struct {
	line      int // of m=
	media     string
	proto     string
	port      uint16
	formats   []string
	addr      netip.Addr // from c=; invalid when there is none of either level
	addrWhy   string     // why addr is invalid
	direction Direction
	rtcp      netip.AddrPort // from a=rtcp: (RFC 3605); the address may be invalid, the port zero
	ptime     time.Duration
	maxptime  time.Duration
	maps      []payloadMap
	crypto    []cryptoLine // those we can use, in order
	cryptoWhy string       // why the first of the others cannot be used
}

// A payloadMap is one a=rtpmap: line.
type payloadMap struct {
	format   string
	name     string
	rate     int
	channels int
}

// parseSDP reads a session description through the gate.
func parseSDP(data []byte) (*description, error) {
	if len(data) > maxSDP {
		return nil, &SDPError{0, fmt.Sprintf("longer than %d bytes", maxSDP)}
	}
	p := sdpParser{d: &description{timing: "0 0"}}
	rest := string(data)
	for rest != "" {
		p.line++
		if p.line > maxSDPLines {
			return nil, &SDPError{p.line, fmt.Sprintf("more than %d lines", maxSDPLines)}
		}
		var text string
		text, rest, _ = strings.Cut(rest, "\n") // a bare LF is tolerated (RFC 4566 section 5)
		if reason := p.take(strings.TrimSuffix(text, "\r")); reason != "" {
			return nil, &SDPError{p.line, reason}
		}
	}
	if !p.version {
		return nil, &SDPError{0, "empty"}
	}
	if p.d.origin == "" {
		return nil, &SDPError{0, "no o= line"}
	}
	for i := range p.d.streams {
		p.inherit(&p.d.streams[i], i)
	}
	return p.d, nil
}

type sdpParser struct {
	d       *description
	line    int
	version bool

	// What the session level said, for the streams that do not say it themselves.
	addr         netip.Addr
	addrWhy      string
	direction    Direction
	hasDirection []bool // per stream
}

// take reads one line and returns what is wrong with it, or "".
func (p *sdpParser) take(text string) string {
	if text == "" {
		return "" // seen at the end and between the levels
	}
	if len(text) > maxSDPLine {
		return fmt.Sprintf("longer than %d bytes", maxSDPLine)
	}
	for i := range len(text) {
		if text[i] < ' ' && text[i] != '\t' || text[i] == 0x7f {
			return "control character"
		}
	}
	if len(text) < 2 || text[1] != '=' || text[0] < 'a' || text[0] > 'z' {
		return "not of the form letter=value"
	}
	value := strings.TrimRight(text[2:], " \t")
	if !p.version {
		if text[0] != 'v' {
			return "v=0 must be the first line"
		}
		if value != "0" {
			return fmt.Sprintf("version %q, only 0 is known", value)
		}
		p.version = true
		return ""
	}
	switch text[0] {
	case 'v':
		return "second v= line"
	case 'o':
		return p.origin(value)
	case 't':
		return p.timing(value)
	case 'c':
		return p.connection(value)
	case 'm':
		return p.media(value)
	case 'a':
		return p.attribute(value)
	}
	return "" // RFC 4566 section 5: the rest does not concern a telephone
}

func (p *sdpParser) origin(value string) string {
	if p.d.origin != "" {
		return "second o= line"
	}
	if len(strings.Fields(value)) != 6 {
		return "o= needs six fields"
	}
	p.d.origin = value
	return ""
}

func (p *sdpParser) timing(value string) string {
	f := strings.Fields(value)
	if len(f) != 2 || !isDigits(f[0]) || !isDigits(f[1]) {
		return "t= needs two numbers"
	}
	if p.d.timing == "0 0" {
		p.d.timing = f[0] + " " + f[1]
	}
	return ""
}

func (p *sdpParser) connection(value string) string {
	f := strings.Fields(value)
	if len(f) != 3 || f[0] != "IN" || f[1] != "IP4" && f[1] != "IP6" {
		return "c= must be IN IP4 or IN IP6 and an address"
	}
	addr, why := sdpAddr(f[1], f[2])
	if s := p.current(); s != nil {
		s.addr, s.addrWhy = addr, why
	} else {
		p.addr, p.addrWhy = addr, why
	}
	return ""
}

// sdpAddr reads the address of a c= or a=rtcp: line. Why tells what makes it unusable; that is
// nobody's syntax error, and matters only if the stream is wanted.
func sdpAddr(family, text string) (addr netip.Addr, why string) {
	host, _, ttl := strings.Cut(text, "/")
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, fmt.Sprintf("%q is not an IP address", host)
	}
	if a = a.Unmap(); a.Is4() != (family == "IP4") {
		return netip.Addr{}, fmt.Sprintf("%s is not an %s address", host, family)
	}
	if ttl || a.IsMulticast() {
		return netip.Addr{}, fmt.Sprintf("%s is a multicast address", text)
	}
	if b := a.As16(); a.Is4() && !a.IsUnspecified() && (b[12] == 0 || b[12] >= 240) {
		return netip.Addr{}, fmt.Sprintf("nobody can have the address %s", a)
	}
	return a, ""
}

func (p *sdpParser) media(value string) string {
	if len(p.d.streams) == maxMediaLines {
		return fmt.Sprintf("more than %d m= lines", maxMediaLines)
	}
	f := strings.Fields(value)
	if len(f) < 4 {
		return "m= needs a medium, a port, a protocol and a format"
	}
	if len(f)-3 > maxFormats {
		return fmt.Sprintf("more than %d formats", maxFormats)
	}
	for i, token := range f {
		if i != 1 && !isToken(token, i == 2) {
			return fmt.Sprintf("%.20q is not a name", token)
		}
	}
	text, _, _ := strings.Cut(f[1], "/") // port/number of ports: the first is what RTP uses
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return fmt.Sprintf("port %.20q is not a number up to 65535", f[1])
	}
	p.d.streams = append(p.d.streams, streamDescription{
		line: p.line, media: f[0], port: uint16(port), proto: f[2], formats: f[3:],
	})
	p.hasDirection = append(p.hasDirection, false)
	return ""
}

func (p *sdpParser) attribute(value string) string {
	name, arg, _ := strings.Cut(value, ":")
	arg = strings.TrimSpace(arg)
	s := p.current()
	switch name {
	case "sendrecv", "sendonly", "recvonly", "inactive":
		d := map[string]Direction{"sendrecv": SendRecv, "sendonly": SendOnly, "recvonly": RecvOnly, "inactive": Inactive}[name]
		if s == nil {
			p.direction = d
		} else {
			s.direction, p.hasDirection[len(p.hasDirection)-1] = d, true
		}
		return ""
	}
	if s == nil || s.media != "audio" {
		return ""
	}
	switch name {
	case "rtpmap":
		return s.rtpmap(arg)
	case "ptime":
		s.ptime = sdpMillis(arg)
	case "maxptime":
		s.maxptime = sdpMillis(arg)
	case "rtcp":
		return s.rtcpAttribute(arg)
	case "crypto":
		s.cryptoAttribute(p.line, arg)
	}
	return ""
}

// rtpmap reads a=rtpmap:<payload type> <name>/<rate>[/<channels>].
func (s *streamDescription) rtpmap(arg string) string {
	f := strings.Fields(arg)
	if len(f) != 2 || !isDigits(f[0]) || len(f[0]) > 3 {
		return "a=rtpmap: needs a payload number and name/rate"
	}
	parts := strings.Split(f[1], "/")
	if len(parts) < 2 || len(parts) > 3 || len(parts[0]) > maxToken {
		return "a=rtpmap: needs a payload number and name/rate"
	}
	m := payloadMap{format: f[0], name: parts[0], channels: 1}
	var err error
	if m.rate, err = strconv.Atoi(parts[1]); err != nil || m.rate <= 0 {
		return fmt.Sprintf("clock rate %.20q is not a number", parts[1])
	}
	if len(parts) == 3 {
		if m.channels, err = strconv.Atoi(parts[2]); err != nil || m.channels <= 0 {
			return fmt.Sprintf("channel count %.20q is not a number", parts[2])
		}
	}
	if len(s.maps) < 2*maxFormats {
		s.maps = append(s.maps, m)
	}
	return ""
}

// rtcpAttribute reads a=rtcp:<port> [IN IP4|IP6 <address>], RFC 3605.
func (s *streamDescription) rtcpAttribute(arg string) string {
	f := strings.Fields(arg)
	if len(f) != 1 && len(f) != 4 {
		return "a=rtcp: needs a port, or a port and an address"
	}
	port, err := strconv.ParseUint(f[0], 10, 16)
	if err != nil {
		return fmt.Sprintf("port %.20q is not a number up to 65535", f[0])
	}
	var addr netip.Addr
	if len(f) == 4 {
		addr, _ = sdpAddr(f[2], f[3])
	}
	s.rtcp = netip.AddrPortFrom(addr, uint16(port))
	return ""
}

func (p *sdpParser) current() *streamDescription {
	if len(p.d.streams) == 0 {
		return nil
	}
	return &p.d.streams[len(p.d.streams)-1]
}

func (p *sdpParser) inherit(s *streamDescription, i int) {
	if !s.addr.IsValid() && s.addrWhy == "" {
		s.addr, s.addrWhy = p.addr, p.addrWhy
		if !s.addr.IsValid() && s.addrWhy == "" {
			s.addrWhy = "there is no c= line"
		}
	}
	if !p.hasDirection[i] {
		s.direction = p.direction
	}
}

// codec finds what payload number format stands for in this stream: by its rtpmap, else by the
// static assignments of RFC 3551 section 6.
func (s *streamDescription) codec(format string) (name string, rate int, ok bool) {
	for _, m := range s.maps {
		if m.format == format {
			return m.name, m.rate, m.channels == 1
		}
	}
	switch format {
	case "0":
		return "PCMU", 8000, true
	case "8":
		return "PCMA", 8000, true
	}
	return "", 0, false
}

// sdpMillis reads a packet time, which some write with decimals. Nonsense is no packet time.
func sdpMillis(text string) time.Duration {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v < 1 || v > 10000 { // also NaN
		return 0
	}
	return time.Duration(v * float64(time.Millisecond))
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "" && len(s) <= 20
}

// isToken says whether s is a token of RFC 4566 section 9; protocols have slashes between theirs.
func isToken(s string, slash bool) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case strings.IndexByte("!#$%&'*+-.^_`{|}~", c) >= 0:
		case c == '/' && slash:
		default:
			return false
		}
	}
	return s != "" && len(s) <= maxToken
}
