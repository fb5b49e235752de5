package sip

import (
	"net/netip"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// gateParamNames are the parameters we look for: their names are handed on in lower case. Others keep their spelling,
// because some servers compare what they wrote into a Record-Route letter by letter.
var gateParamNames = map[string]bool{"branch": true, "received": true, "rport": true, "maddr": true, "ttl": true, "tag": true, "q": true,
	"expires": true, "lr": true, "transport": true, "user": true, "method": true, "ob": true, "gr": true, "reg-id": true,
	"+sip.instance": true, "keep": true}

// gateAddress is name-addr or addr-spec, with parameters. RFC 3261 section 20.10.
type gateAddress struct {
	display string // as between the quotes, escapes kept
	uri     sipmsg.Uri
	params  sipmsg.HeaderParams
}

func (a *gateAddress) parse(s string) bool {
	rest := s
	if strings.HasPrefix(s, `"`) {
		n := gateQuoted(s)
		if n == 0 {
			return false
		}
		a.display, rest = s[1:n-1], strings.TrimLeft(s[n:], " \t")
		if !strings.HasPrefix(rest, "<") {
			return false
		}
	}
	open := strings.IndexByte(rest, '<')
	if semi := strings.IndexByte(rest, ';'); open < 0 || semi >= 0 && semi < open {
		// addr-spec: every parameter belongs to the header, so "?" and "," have no place in the URI.
		spec, params, more := strings.Cut(rest, ";")
		spec = strings.Trim(spec, " \t")
		if strings.ContainsAny(spec, ",?") || !gateURI(spec, &a.uri) {
			return false
		}
		return !more || gateParams(params, &a.params)
	}
	if name := strings.Trim(rest[:open], " \t"); name != "" {
		for word := range strings.FieldsSeq(name) {
			if !gateIsWord(word) {
				return false
			}
		}
		a.display = name
	}
	uri, params, ok := strings.Cut(rest[open+1:], ">")
	if !ok || !gateURI(uri, &a.uri) {
		return false
	}
	params = strings.TrimLeft(params, " \t")
	if params == "" {
		return true
	}
	if params[0] != ';' {
		return false
	}
	return gateParams(params[1:], &a.params)
}

// gateIsWord: a token, or the bare UTF-8 that many phones send in its place.
func gateIsWord(s string) bool {
	for i := 0; i < len(s); i++ {
		if !gateTokens[s[i]] && s[i] < 0x80 {
			return false
		}
	}
	return true
}

// gateQuoted returns the length of the quoted string that s begins with, or 0.
func gateQuoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// gateParams reads header parameters, without the first semicolon. A quoted value with white space is kept without
// its quotes, any other as it is written: this is how sipgo writes them back.
func gateParams(s string, params *sipmsg.HeaderParams) bool {
	*params = gateRoom(s)
	for more := true; more; {
		var part string
		part, s, more = gateCut(s, ';')
		name, value, eq := strings.Cut(part, "=")
		name, value = strings.Trim(name, " \t"), strings.Trim(value, " \t")
		if !gateIsToken(name) {
			return false
		}
		switch {
		case !eq:
		case strings.HasPrefix(value, `"`):
			if gateQuoted(value) != len(value) {
				return false
			}
			if strings.ContainsAny(value, " \t") {
				value = value[1 : len(value)-1]
			}
		case value == "" || strings.ContainsAny(value, " \t\"<>,"):
			return false
		}
		if !gateAdd(params, name, value) {
			return false
		}
	}
	return true
}

// gateRoom is room for the parameters in s, got at once.
func gateRoom(s string) sipmsg.HeaderParams {
	return make(sipmsg.HeaderParams, 0, min(strings.Count(s, ";")+1, gateMaxParams))
}

// gateAdd appends a parameter. A parameter may appear once (RFC 3261 section 7.3.1).
func gateAdd(params *sipmsg.HeaderParams, name, value string) bool {
	if lower := strings.ToLower(name); gateParamNames[lower] {
		name = lower
	}
	if len(*params) == gateMaxParams {
		return false
	}
	for _, p := range *params {
		if len(p.K) == len(name) && strings.EqualFold(p.K, name) {
			return false
		}
	}
	*params = append(*params, sipmsg.HeaderKV{K: name, V: value})
	return true
}

// gateURI reads a URI. RFC 3261 section 19.1.1 for sip and sips; of another scheme only the scheme is looked at.
func gateURI(s string, uri *sipmsg.Uri) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || rest == "" || !gateIsScheme(scheme) || strings.ContainsAny(s, " \t<>\"") || gateIsControl(s) {
		return false
	}
	scheme = strings.ToLower(scheme)
	if scheme != "sip" && scheme != "sips" {
		// sipgo keeps the rest where only its parser can write, and that takes letters alone in a scheme.
		err := sipmsg.ParseUri("x:"+rest, uri)
		uri.Scheme = scheme
		return err == nil
	}
	uri.Scheme = scheme
	if !gateEscapes(rest) {
		return false
	}
	if user, host, ok := strings.Cut(rest, "@"); ok {
		uri.User, uri.Password, _ = strings.Cut(user, ":")
		if uri.User == "" || strings.ContainsAny(user, "[]") || strings.Contains(uri.Password, ":") {
			return false
		}
		rest = host
	}
	rest, headers, _ := strings.Cut(rest, "?")
	host, params, more := strings.Cut(rest, ";")
	if uri.Host, uri.Port, ok = gateHostPort(host); !ok {
		return false
	}
	if strings.Contains(uri.Host, ":") {
		uri.Host = "[" + uri.Host + "]" // sipgo's way: in brackets here, bare in a Via
	}
	if more {
		uri.UriParams = gateRoom(params)
	}
	for more {
		var part string
		part, params, more = strings.Cut(params, ";")
		name, value, _ := strings.Cut(part, "=")
		if plain := gateUnescape(name); gateParamNames[strings.ToLower(plain)] {
			name = plain
		}
		if name == "" || strings.Contains(part, "@") || !gateAdd(&uri.UriParams, name, value) {
			return false
		}
	}
	for headers != "" {
		var part string
		part, headers, _ = strings.Cut(headers, "&")
		name, value, _ := strings.Cut(part, "=")
		if name == "" || len(uri.Headers) == gateMaxParams {
			return false
		}
		uri.Headers = append(uri.Headers, sipmsg.HeaderKV{K: name, V: value})
	}
	return true
}

// gateIsScheme: RFC 3986 section 3.1.
func gateIsScheme(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (i == 0 || (s[i] < '0' || s[i] > '9') && s[i] != '+' && s[i] != '-' && s[i] != '.') {
			return false
		}
	}
	return s != ""
}

// gateEscapes tells whether each "%" is followed by two hexadecimal digits.
func gateEscapes(s string) bool {
	for {
		_, rest, ok := strings.Cut(s, "%")
		if !ok {
			return true
		}
		if len(rest) < 2 || !gateIsHex(rest[0]) || !gateIsHex(rest[1]) {
			return false
		}
		s = rest[2:]
	}
}

func gateIsHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// gateUnescape replaces the escapes of s, which gateEscapes has approved.
func gateUnescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			n, _ := strconv.ParseUint(s[i+1:i+3], 16, 8)
			c = byte(n)
			i += 2
		}
		b.WriteByte(c)
	}
	return b.String()
}

// gateHostPort reads host [":" port]; an IPv6 reference comes back without its brackets.
func gateHostPort(s string) (host string, port int, ok bool) {
	host = s
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		n, err := strconv.ParseUint(s[i+1:], 10, 16)
		if err != nil || n == 0 {
			return "", 0, false
		}
		host, port = s[:i], int(n)
	}
	if strings.HasPrefix(host, "[") {
		if !strings.HasSuffix(host, "]") {
			return "", 0, false
		}
		// RFC 5118 section 4.10: three colons come of a fault in the grammar of RFC 3261, and mean two.
		host = strings.Replace(host[1:len(host)-1], ":::", "::", 1)
		ip, err := netip.ParseAddr(host)
		return host, port, err == nil && ip.Is6() && ip.Zone() == ""
	}
	if host == "" || len(host) > gateMaxHost {
		return "", 0, false
	}
	for i := 0; i < len(host); i++ {
		c := host[i]
		if l := c | 0x20; (l < 'a' || l > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return "", 0, false
		}
	}
	return host, port, true
}

// gateVia reads one Via value. RFC 3261 section 20.42.
func gateVia(s string, via *sipmsg.ViaHeader) bool {
	head, params, more := gateCut(s, ';')
	name, rest, _ := strings.Cut(head, "/")
	version, rest, _ := strings.Cut(rest, "/")
	rest = strings.TrimLeft(rest, " \t")
	i := strings.IndexAny(rest, " \t")
	if i < 0 || !strings.EqualFold(strings.Trim(name, " \t"), "SIP") || strings.Trim(version, " \t") != "2.0" || !gateIsToken(rest[:i]) {
		return false
	}
	// COLON may have white space at both sides.
	sentBy := strings.Trim(rest[i:], " \t")
	if host, port, ok := strings.Cut(sentBy, ":"); ok && !strings.HasPrefix(sentBy, "[") {
		sentBy = strings.TrimRight(host, " \t") + ":" + strings.TrimLeft(port, " \t")
	}
	var ok bool
	via.ProtocolName, via.ProtocolVersion, via.Transport = "SIP", "2.0", rest[:i]
	if via.Host, via.Port, ok = gateHostPort(sentBy); !ok {
		return false
	}
	if ip, err := netip.ParseAddr(via.Host); err == nil && ip.Is4In6() {
		via.Host = "[" + via.Host + "]" // sipgo would write it without
	}
	return !more || gateParams(params, &via.Params)
}

// viaReceived notes in the top Via of a request where it came from: received where this differs from what the sender
// believes of itself (RFC 3261 section 18.2.1), and rport where it asked for it (RFC 3581 section 4).
func viaReceived(via *sipmsg.ViaHeader, src netip.AddrPort) {
	if !src.IsValid() {
		return
	}
	addr := src.Addr().Unmap().WithZone("")
	via.Params.Remove("received") // not for the sender to say
	_, rport := via.Params.Get("rport")
	if sent, err := netip.ParseAddr(strings.Trim(via.Host, "[]")); rport || err != nil || sent.Unmap() != addr {
		via.Params.Add("received", addr.String())
	}
	if rport {
		via.Params.Add("rport", strconv.Itoa(int(src.Port())))
	}
}
