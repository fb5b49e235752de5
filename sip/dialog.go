package sip

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// maxRoutes bounds the route set a peer can make us repeat in every request. Implementation constant.
const maxRoutes = 32

// A dialog is what two user agents share, RFC 3261 section 12.
type dialog struct {
	leg           *leg
	callID        string
	local, remote party
	target        sipmsg.Uri   // the remote target
	routes        []sipmsg.Uri // the route set
	localSeq      uint32
	remoteSeq     uint32 // 0: none seen
	early         bool
	earlyBody     []byte // SDP of its provisional responses

	origin Server // where the dialog came from: the next hop until a name in the route set is looked up
	found  Server // what the look-up said
	asked  string // what was looked up

	dead Server // a next hop that did not answer

	ackSeq uint32 // of the newest INVITE that got a 2xx here
	ack    []byte // its ACK, repeated with each repeated 2xx
	ackBy  Server
}

// dialogOf makes the dialog a response to our INVITE stands for. RFC 3261 section 12.1.2.
func dialogOf(l *leg, local party, tx *clientTx, resp *sipmsg.Response) *dialog {
	d := &dialog{
		leg: l, callID: resp.CallID().Value(), local: local, remote: partyTo(resp.To()),
		localSeq: resp.CSeq().SeqNo, early: true, origin: tx.server,
	}
	d.target = tx.req.Recipient
	d.route(resp)
	slices.Reverse(d.routes)
	d.retarget(resp)
	return d
}

// dialogFrom makes the dialog a request to us stands for. RFC 3261 section 12.1.1.
func dialogFrom(l *leg, tag string, f *flow, req *sipmsg.Request) *dialog {
	d := &dialog{
		leg: l, callID: req.CallID().Value(), local: partyTo(req.To()), remote: partyFrom(req.From()),
		remoteSeq: req.CSeq().SeqNo, early: true,
		origin: Server{Addr: f.Remote, Transport: f.Transport, TLSName: f.tlsName},
	}
	if f.Transport.reliable() && f.line == nil && l.bound {
		d.origin = l.binding // nobody listens at the far end of a connection we accepted
	}
	d.local.tag = tag
	d.target = d.remote.uri
	d.route(req)
	d.retarget(req)
	return d
}

// route takes the route set from the Record-Route headers.
func (d *dialog) route(m sipmsg.Message) {
	d.routes = nil
	for h := range headersOf(m, "Record-Route") {
		if rr, ok := h.(*sipmsg.RecordRouteHeader); ok && len(d.routes) < maxRoutes {
			d.routes = append(d.routes, rr.Address)
		}
	}
}

// retarget takes over the Contact of a message: target refresh, RFC 3261 section 12.2.
func (d *dialog) retarget(m sipmsg.Message) {
	for h := range headersOf(m, "Contact") {
		if c, ok := h.(*sipmsg.ContactHeader); ok && !c.Address.Wildcard && (c.Address.Scheme == "sip" || c.Address.Scheme == "sips") {
			d.target = *c.Address.Clone()
			d.target.Headers = nil
			return
		}
	}
}

// request makes a request inside the dialog. RFC 3261 section 12.2.1.1.
func (d *dialog) request(a *Agent, method sipmsg.RequestMethod, seq uint32, routes []sipmsg.Uri) *sipmsg.Request {
	uri := *d.target.Clone()
	if len(routes) > 0 && !routes[0].UriParams.Has("lr") {
		// A strict router of RFC 2543 wants to be the Request-URI, and the target to be last.
		uri, routes = *routes[0].Clone(), append(slices.Clone(routes[1:]), d.target)
	}
	req := a.newRequest(method, uri, d.local, d.remote, d.callID, seq)
	for _, r := range routes {
		req.AppendHeader(&sipmsg.RouteHeader{Address: r})
	}
	return req
}

// nextSeq is the CSeq of our next request.
func (d *dialog) nextSeq() uint32 {
	d.localSeq++
	return d.localSeq
}

// server is where a request inside the dialog goes. It follows the route set or the remote target, unless
// the outbound proxy is to be used or that is the server in use anyway. A host name is looked up while
// the dialog takes the way it came; no request waits for the answer.
func (d *dialog) server(now time.Time) Server {
	l := d.leg
	if d.byOutbound() {
		return l.choose(now)
	}
	hop := d.target
	if len(d.routes) > 0 {
		hop = d.routes[0]
	}
	t, named := uriTransport(&hop), true
	if t == "" {
		t, named = d.origin.Transport, false
	}
	port := uint16(hop.Port)
	if port == 0 {
		port = defaultPort(t)
	}
	if addr, ok := hostAddr(hop.Host); ok {
		s := Server{Name: hop.Host, Addr: netip.AddrPortFrom(addr, port), Transport: t, TLSName: addr.String()}
		for _, known := range append([]Server{l.binding}, l.list...) {
			if known.Addr == s.Addr && (known.Transport == t || !named) {
				return known // by the connection there is, verified for the name it has
			}
		}
		if o := d.origin; o.TLSName != "" && o.Addr == s.Addr && o.Transport == t {
			return o // the same, of a server that is not listed any more
		}
		return s
	}
	if l.bound && (hop.Host == l.domain || slices.ContainsFunc(l.list, func(s Server) bool { return s.Name == hop.Host })) {
		return l.binding
	}
	if text := hop.String(); text != d.asked {
		d.asked, d.found = text, Server{}
		l.ln.a.resolve(now, l, hop, d)
	}
	if d.found.Addr.IsValid() {
		return d.found
	}
	return d.origin
}

// byOutbound tells whether requests inside the dialog go by the leg's outbound proxy, whatever the route set says.
func (d *dialog) byOutbound() bool {
	return d.leg.bound && d.leg.outbound && d.leg.ln.cfg.UseOBProxyInDialog
}

func (d *dialog) resolved(_ time.Time, servers []Server, cause string) {
	if len(servers) > 0 {
		d.found = servers[0]
		return
	}
	d.leg.ln.logf("next hop %s not found, the call stays with %s: %s", d.asked, where(d.origin.Transport, d.origin.Addr), cause)
}

// way is where a request inside the dialog goes and the route set it carries. Where the first hop is a
// server of the line that is dead, a living one takes its place; where none lives the request goes past
// it, to the next hop or straight to the far end (design redundancy.md section 7).
func (d *dialog) way(now time.Time) (Server, []sipmsg.Uri) {
	if !d.cutOff() {
		s := d.server(now)
		if other, ok := d.leg.survivor(now); ok && d.byOutbound() && d.leg.isDown(s) {
			s = other // the route is good, and the outbound proxy before it is not
		}
		return s, d.routes
	}
	if s, ok := d.leg.survivor(now); ok {
		around := sipmsg.Uri{Scheme: "sip", Host: uriHost(s.Addr.Addr()), Port: int(s.Addr.Port()), UriParams: sipmsg.HeaderParams{{K: "lr"}}}
		if s.Transport.reliable() {
			around.UriParams = append(around.UriParams, sipmsg.HeaderKV{K: "transport", V: string(s.Transport)})
		}
		if len(d.routes) == 0 {
			return s, nil
		}
		return s, append([]sipmsg.Uri{around}, beyond(d.routes)...)
	}
	if len(d.routes) == 0 {
		return d.server(now), nil
	}
	next, rest := d.target, beyond(d.routes)
	if len(rest) > 0 {
		next = rest[0]
	}
	addr, ok := hostAddr(next.Host)
	if !ok {
		return d.server(now), d.routes
	}
	t := uriTransport(&next)
	if t == "" {
		t = UDP
	}
	port := uint16(next.Port)
	if port == 0 {
		port = defaultPort(t)
	}
	return Server{Name: next.Host, Addr: netip.AddrPortFrom(addr, port), Transport: t, TLSName: addr.String()}, rest
}

// trusts tells whether credentials may go to where a request goes: to a server of the line, or on a way that such
// servers have laid. The far end's own Contact is neither.
func (d *dialog) trusts(s Server, routes []sipmsg.Uri) bool {
	listed := func(l *leg) bool { return l.lists(s.Addr.Addr().Unmap()) }
	return len(routes) > 0 || slices.ContainsFunc(d.leg.kin(), listed)
}

// beyond is what a route set holds behind its first hop. A proxy that takes a call from one transport to another is in
// it twice (RFC 5658; some mark both entries with "r2"), and both lead to the same dead host.
func beyond(routes []sipmsg.Uri) []sipmsg.Uri {
	if len(routes) < 2 {
		return nil
	}
	first, second := &routes[0], &routes[1]
	_, mark1 := first.UriParams.Get("r2")
	_, mark2 := second.UriParams.Get("r2")
	if mark1 && mark2 || strings.EqualFold(first.Host, second.Host) && uriTransport(first) != uriTransport(second) {
		return routes[2:]
	}
	return routes[1:]
}

// listing is the leg of the line that lists a server a request in a call went by, which may be the other one.
func (l *leg) listing(s Server) *leg {
	for _, o := range l.ln.legs() {
		if l.servers.Rank(s) < 0 && o.servers.Rank(s) >= 0 {
			return o
		}
	}
	return l
}

// kin are the legs whose servers may carry a call of the leg: its own, those of its line, and those of the line that
// has taken the place of it, when the settings have changed since.
func (l *leg) kin() []*leg {
	legs := append([]*leg{l}, l.ln.legs()...)
	for _, ln := range l.ln.a.lines {
		if ln != l.ln && ln.cfg.Number == l.ln.cfg.Number {
			legs = append(legs, ln.legs()...)
		}
	}
	return legs
}

// survivor is a server of the line that works: of the leg, else of another one.
func (l *leg) survivor(now time.Time) (Server, bool) {
	for _, o := range l.kin() {
		s := o.choose(now)
		if e, ok := o.servers.Entry(s); ok && e.Up {
			return s, true
		}
	}
	return Server{}, false
}

// cutOff tells whether the dialog's way leads by a server of the line that is dead or owes an answer,
// or by one that was, and was found dead.
func (d *dialog) cutOff() bool {
	hop := d.origin
	if len(d.routes) > 0 {
		i := slices.IndexFunc(d.leg.list, func(s Server) bool { return s.isHop(&d.routes[0]) })
		if i < 0 {
			return d.dead.isHop(&d.routes[0])
		}
		hop = d.leg.list[i]
	} else if _, ok := d.leg.servers.Entry(hop); !ok || !d.leg.outbound {
		return false // it goes straight to the far end
	}
	e, ok := d.leg.servers.Entry(hop)
	return ok && (!e.Up || e.suspect)
}

// isHop tells whether a URI of a route set names the server.
func (a Server) isHop(uri *sipmsg.Uri) bool {
	t := uriTransport(uri)
	if t != "" && t != a.Transport {
		return false
	}
	addr, ok := hostAddr(uri.Host)
	if !ok {
		return strings.EqualFold(uri.Host, a.Name)
	}
	port := uint16(uri.Port)
	if port == 0 {
		port = defaultPort(a.Transport)
	}
	return a.Addr == netip.AddrPortFrom(addr, port)
}

// order checks the CSeq of a request from the far end. RFC 3261 section 12.2.2.
func (d *dialog) order(req *sipmsg.Request) bool {
	seq := req.CSeq().SeqNo
	if d.remoteSeq != 0 && seq <= d.remoteSeq {
		return false
	}
	d.remoteSeq = seq
	return true
}

// acknowledge sends the ACK to a 2xx, and the same one again when the 2xx is repeated, unless the server it went
// by has died since. RFC 3261 section 13.2.2.4.
func (d *dialog) acknowledge(now time.Time, tx *clientTx, resp *sipmsg.Response) {
	a, ln := d.leg.ln.a, d.leg.ln
	seq := resp.CSeq().SeqNo
	if by, routes := d.way(now); d.ack == nil || d.ackSeq != seq || !by.same(d.ackBy) {
		d.ackBy, d.ackSeq = by, seq
		req := d.request(a, sipmsg.ACK, seq, routes)
		// Section 22.1: the ACK repeats the credentials of the INVITE.
		sipmsg.CopyHeaders("Authorization", tx.req, req)
		sipmsg.CopyHeaders("Proxy-Authorization", tx.req, req)
		setBody(req, "", nil)
		f := a.flowTo(now, ln, d.ackBy.Transport, d.ackBy, connectTimeout)
		req.PrependHeader(via(f, gateMagic+a.token(10)))
		d.ack = []byte(req.String())
	}
	a.flowTo(now, ln, d.ackBy.Transport, d.ackBy, connectTimeout).send(now, d.ack)
}
