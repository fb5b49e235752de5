package main

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A proxy passes requests between the phones registered at a far end, without state: RFC 3261 section
// 16.11. It stays in the path of calls by Record-Route. Everything by UDP.
type proxy struct{ f *far }

// route sends a message on; f.mu is held.
func (x *proxy) route(h *heard) {
	m := parseMessage(h.raw)
	if m.code() != 0 {
		x.back(m)
		return
	}
	target, ok := x.target(m)
	if !ok {
		if m.method() != "ACK" {
			x.f.respond(h, 404)
		}
		return
	}
	// The phone's own Via gets received and rport, ours goes on top. The branch follows from the
	// phone's, so that a CANCEL and the ACK of a failure match their INVITE.
	vias := m.all("Via")
	from := addrPort(h.from)
	vias[0] = strings.Replace(vias[0], ";rport", ";received="+from.Addr().String()+";rport="+strconv.Itoa(int(from.Port())), 1)
	vias = append([]string{"SIP/2.0/UDP " + x.f.at.String() + ";branch=z9hG4bKp" + strings.TrimPrefix(param(vias[0], "branch"), "z9hG4bK")}, vias...)
	out := &message{first: m.first, body: m.body}
	for _, v := range vias {
		out.add("Via", v)
	}
	if m.method() == "INVITE" {
		out.add("Record-Route", "<sip:"+x.f.at.String()+";lr>")
	}
	for _, hd := range m.headers {
		switch strings.ToLower(hd[0]) {
		case "via", "content-length":
		case "route":
			if !strings.Contains(hd[1], x.f.at.String()) {
				out.add(hd[0], hd[1])
			}
		default:
			out.add(hd[0], hd[1])
		}
	}
	out.first = m.method() + " " + target.uri + " SIP/2.0"
	x.f.udp.WriteTo(out.bytes(), netAddr(target.at))
}

type hop struct {
	uri string
	at  netip.AddrPort
}

// target is where a request goes: to a registered Contact, or to the one its Request-URI names already.
func (x *proxy) target(m *message) (hop, bool) {
	uri := m.uri()
	host := strings.TrimPrefix(uri, "sip:")
	host = host[strings.IndexByte(host, '@')+1:]
	host, _, _ = strings.Cut(host, ";")
	if at, err := netip.ParseAddrPort(host); err == nil && at.Addr() != x.f.at.Addr() {
		return hop{uri, at}, true
	}
	reg := x.f.contacts[userOf(uri)]
	if reg == nil {
		return hop{}, false
	}
	return hop{inBrackets(reg.get("Contact")), addrPort(reg.from)}, true
}

// back sends a response to the Via below ours.
func (x *proxy) back(m *message) {
	vias := m.all("Via")
	if len(vias) < 2 {
		return
	}
	at, err := netip.ParseAddrPort(param(vias[1], "received") + ":" + param(vias[1], "rport"))
	if err != nil {
		return
	}
	i := slices.IndexFunc(m.headers, func(h [2]string) bool { return strings.EqualFold(h[0], "Via") })
	m.headers = slices.Delete(m.headers, i, i+1)
	m.headers = slices.DeleteFunc(m.headers, func(h [2]string) bool { return strings.EqualFold(h[0], "Content-Length") })
	x.f.udp.WriteTo(m.bytes(), netAddr(at))
}
