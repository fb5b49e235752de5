package sip

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Limits of a Proxy parameter. A static list longer than a household's or a company's servers is a mistake.
const (
	maxHopText    = 2048 // bytes of the whole parameter
	maxHopEntries = 32   // entries of a static SRV list
	maxHopAddrs   = 16   // addresses of one A list
	maxHostLen    = 253  // RFC 1035 section 2.3.4, written without the last dot
	maxLabelLen   = 63   // RFC 1035 section 2.3.4
)

// hop is the parsed text of a Proxy or Outbound Proxy parameter: the first hop of a leg.
type hop struct {
	host  string     // as written, lower case, without a last dot; an IPv6 address without brackets
	addr  netip.Addr // valid: host is an IP literal
	port  uint16     // 0: none was written
	addrs []netip.Addr
	list  []hopEntry // of ":SRV="
}

// hopEntry is one server of a static list, reference A.3.
type hopEntry struct {
	host     string
	addr     netip.Addr
	port     uint16
	priority uint16
	weight   uint16
	addrs    []netip.Addr // of ":A=": no DNS query is made for this host
}

// parseHop reads host, host:port, [v6]:port, a bare IPv6 address, or the static list of reference A.3:
//
//	value     := hostname[:port] [ :SRV=host-list | :A=ip-list ]
//	host-list := srv [ | srv … ]
//	srv       := hostname[:port][:p=priority][:weight or :w=weight][:A=ip-list]
//	ip-list   := ip [ , ip … ]
//
// The error names the part that is wrong and says what belongs there.
func parseHop(text string) (hop, error) {
	if len(text) > maxHopText {
		return hop{}, fmt.Errorf("the proxy is %d bytes long, more than %d", len(text), maxHopText)
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return hop{}, fmt.Errorf("no proxy is set")
	}
	// "2001:db8::1" without brackets can only be an address: no host name has two colons in a row or a
	// port behind a port.
	if a, err := netip.ParseAddr(text); err == nil {
		if err := usable(a); err != nil {
			return hop{}, err
		}
		return hop{host: a.String(), addr: a}, nil
	}
	host, addr, rest, err := cutHost(text)
	if err != nil {
		return hop{}, err
	}
	h := hop{host: host, addr: addr}
	if rest == "" {
		return h, nil
	}
	field, more, _ := strings.Cut(rest, ":")
	if key, _, named := strings.Cut(field, "="); !named {
		if h.port, err = parsePort(field); err != nil {
			if host == "sip" || host == "sips" {
				err = fmt.Errorf("the proxy is a host name: write it without %q", host+":")
			}
			return hop{}, err
		}
		if rest = more; rest == "" {
			return h, nil
		}
	} else if key == "" {
		return hop{}, fmt.Errorf("%q: a port, SRV= or A= is expected after the host", field)
	}
	key, value, _ := strings.Cut(rest, "=")
	switch strings.ToUpper(strings.TrimSpace(key)) {
	case "A":
		h.addrs, err = parseAddrs(value)
	case "SRV":
		h.list, err = parseEntries(value)
	default:
		err = fmt.Errorf("%q: a port, SRV= or A= is expected after the host", clip(rest))
	}
	return h, err
}

func parseEntries(text string) ([]hopEntry, error) {
	parts := strings.Split(text, "|")
	if len(parts) > maxHopEntries {
		return nil, fmt.Errorf("the static list has %d servers, more than %d", len(parts), maxHopEntries)
	}
	list := make([]hopEntry, 0, len(parts))
	for i, part := range parts {
		e, err := parseEntry(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("server %d of the static list: %w", i+1, err)
		}
		list = append(list, e)
	}
	return list, nil
}

func parseEntry(text string) (hopEntry, error) {
	host, addr, rest, err := cutHost(text)
	if err != nil {
		return hopEntry{}, err
	}
	e := hopEntry{host: host, addr: addr, weight: 1}
	var havePort, haveWeight, havePriority bool
	for rest != "" {
		var field string
		if key, value, _ := strings.Cut(rest, "="); strings.EqualFold(strings.TrimSpace(key), "A") {
			// The addresses are the last field, so IPv6 needs no brackets here.
			e.addrs, err = parseAddrs(value)
			return e, err
		}
		field, rest, _ = strings.Cut(rest, ":")
		field = strings.TrimSpace(field)
		key, value, named := strings.Cut(field, "=")
		switch {
		case !named && !havePort && !havePriority && !haveWeight:
			havePort = true
			if e.port, err = parsePort(field); err != nil {
				return hopEntry{}, err
			}
		case !named || strings.EqualFold(key, "w"):
			if !named {
				value = field
			}
			if haveWeight {
				return hopEntry{}, fmt.Errorf("%q: a second weight", clip(field))
			}
			haveWeight = true
			if e.weight, err = parseNumber("weight", value); err != nil {
				return hopEntry{}, err
			}
		case strings.EqualFold(key, "p"):
			if havePriority {
				return hopEntry{}, fmt.Errorf("%q: a second priority", clip(field))
			}
			havePriority = true
			if e.priority, err = parseNumber("priority", value); err != nil {
				return hopEntry{}, err
			}
		default:
			return hopEntry{}, fmt.Errorf("%q: a port, p=, w= or A= is expected", clip(field))
		}
	}
	return e, nil
}

func parseAddrs(text string) ([]netip.Addr, error) {
	parts := strings.Split(text, ",")
	if len(parts) > maxHopAddrs {
		return nil, fmt.Errorf("%d addresses after A=, more than %d", len(parts), maxHopAddrs)
	}
	addrs := make([]netip.Addr, 0, len(parts))
	for _, part := range parts {
		part = strings.TrimSpace(part)
		if strings.HasPrefix(part, "[") && strings.HasSuffix(part, "]") {
			part = part[1 : len(part)-1]
		}
		a, err := netip.ParseAddr(part)
		if err != nil {
			return nil, fmt.Errorf("%q after A= is no IP address", clip(part))
		}
		if err := usable(a); err != nil {
			return nil, err
		}
		addrs = append(addrs, a.Unmap())
	}
	return addrs, nil
}

// cutHost takes the host off the front of text; rest is what follows its colon.
func cutHost(text string) (host string, addr netip.Addr, rest string, err error) {
	if strings.HasPrefix(text, "[") {
		inside, after, closed := strings.Cut(text[1:], "]")
		if !closed {
			return "", addr, "", fmt.Errorf("%q: the bracket is not closed", clip(text))
		}
		addr, err = netip.ParseAddr(inside)
		if err != nil || addr.Is4() {
			return "", netip.Addr{}, "", fmt.Errorf("%q in brackets is no IPv6 address", clip(inside))
		}
		if after != "" && !strings.HasPrefix(after, ":") {
			return "", netip.Addr{}, "", fmt.Errorf("%q: a colon is expected after the bracket", clip(after))
		}
		if after == ":" {
			return "", netip.Addr{}, "", fmt.Errorf("%q ends in a colon", clip(text))
		}
		return addr.String(), addr, strings.TrimPrefix(after, ":"), usable(addr)
	}
	host, rest, colon := strings.Cut(text, ":")
	if colon && rest == "" {
		return "", addr, "", fmt.Errorf("%q ends in a colon", clip(text))
	}
	host = strings.TrimSpace(host)
	if a, err := netip.ParseAddr(host); err == nil {
		return a.String(), a, rest, usable(a)
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host, addr, rest, checkHost(host)
}

// checkHost accepts host names and, since SRV names may be written out, underscores.
func checkHost(host string) error {
	if host == "" {
		return fmt.Errorf("the host name is missing")
	}
	if len(host) > maxHostLen {
		return fmt.Errorf("the host name is %d bytes long, more than %d", len(host), maxHostLen)
	}
	dotted := true
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > maxLabelLen {
			return fmt.Errorf("%q is no host name: a part between dots is empty or too long", clip(host))
		}
		for i := range len(label) {
			c := label[i]
			letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
			if !letter && (c < '0' || c > '9') && c != '-' && c != '_' {
				return fmt.Errorf("%q is no host name: %q does not belong in it", clip(host), c)
			}
			if c < '0' || c > '9' {
				dotted = false
			}
		}
	}
	if dotted {
		return fmt.Errorf("%q is neither a host name nor an IP address", clip(host))
	}
	return nil
}

// usable refuses addresses no server can have.
func usable(a netip.Addr) error {
	if a.IsUnspecified() || a.IsMulticast() {
		return fmt.Errorf("%s is not the address of a server", a)
	}
	return nil
}

func parsePort(text string) (uint16, error) {
	port, err := parseNumber("port", text)
	if err == nil && port == 0 {
		return 0, fmt.Errorf("port 0: a number from 1 to 65535 is expected")
	}
	return port, err
}

func parseNumber(what, text string) (uint16, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%s %q: a number up to 65535 is expected", what, clip(text))
	}
	return uint16(n), nil
}

// clip keeps an error line short whatever was typed.
func clip(text string) string {
	const most = 64
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
