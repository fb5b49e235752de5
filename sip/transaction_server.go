package sip

import (
	"container/list"
	"net/netip"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Implementation constants.
const (
	maxServerTxs = 256 // requests of others we keep answers for
	reservedTxs  = 32  // more for requests inside our calls, when none of the others is done
)

// serverTx is a server transaction, RFC 3261 section 17.2.
type serverTx struct {
	agendaEntry
	txTimers
	a     *Agent
	key   txKey
	merge mergeKey
	req   *sipmsg.Request
	flow  *flow     // the request came by it
	line  *line     // whose request it is; nil: nobody's
	tag   string    // our To tag in every response, RFC 3261 section 8.2.6.2
	reply replyPath // where responses go
	last  []byte    // the newest response
	table *txTable
	state txState
	call  *call // whose INVITE it is; nil: another request

	inside bool          // the request belongs to a call of ours
	place  *list.Element // in the queue of those that are done; nil: not in it
}

// doneTxs are the server transactions that only wait for repetitions of what was answered for good, the
// oldest first. When there is no room for a new one the first of them goes: what would have been repeated
// is answered anew, as a stateless server would (RFC 3261 section 8.2.7). Those of strangers go before
// those of our calls.
type doneTxs struct {
	strangers, insiders list.List
}

func (d *doneTxs) queue(inside bool) *list.List {
	if inside {
		return &d.insiders
	}
	return &d.strangers
}

// note keeps tx in its queue while it is done, and only then.
func (d *doneTxs) note(tx *serverTx) {
	done := tx.state == txCompleted || tx.state == txConfirmed
	switch q := d.queue(tx.inside); {
	case done && tx.place == nil:
		tx.place = q.PushBack(tx)
	case !done && tx.place != nil:
		q.Remove(tx.place)
		tx.place = nil
	}
}

// oldest is the one to go first; nil: none is done.
func (d *doneTxs) oldest() *serverTx {
	for _, q := range []*list.List{&d.strangers, &d.insiders} {
		if e := q.Front(); e != nil {
			return e.Value.(*serverTx)
		}
	}
	return nil
}

// A mergeKey is equal for copies of one request that came by several ways. RFC 3261 section 8.2.2.2.
type mergeKey struct {
	fromTag, callID string
	seq             uint32
	method          sipmsg.RequestMethod
}

func mergeKeyOf(req *sipmsg.Request) mergeKey {
	return mergeKey{fromTag(req), req.CallID().Value(), req.CSeq().SeqNo, req.Method}
}

// serverKey matches a request to its transaction by the top Via. RFC 3261 section 17.2.3.
func serverKey(req *sipmsg.Request) txKey {
	v := req.Via()
	method := req.Method
	if method == sipmsg.ACK || method == sipmsg.CANCEL {
		method = sipmsg.INVITE
	}
	sentBy := strings.ToLower(v.Host) + ":" + strconv.Itoa(v.Port)
	if branch := branchOf(req); strings.HasPrefix(branch, gateMagic) {
		return txKey{branch, sentBy, method}
	}
	// RFC 2543 knew no unique branch: Request-URI, From tag, Call-ID, CSeq and the Via have to be equal.
	return txKey{
		strings.Join([]string{req.Recipient.String(), fromTag(req), req.CallID().Value(), strconv.FormatUint(uint64(req.CSeq().SeqNo), 10)}, "\n"),
		sentBy, method,
	}
}

// cancelKey is the key of a CANCEL's own transaction.
func ownKey(req *sipmsg.Request) txKey {
	k := serverKey(req)
	k.method = req.Method
	return k
}

// serve starts a transaction for a request, inside one of our calls or not. It is nil when there are too many.
func (a *Agent) serve(now time.Time, f *flow, req *sipmsg.Request, inside bool) *serverTx {
	tx := &serverTx{
		a: a, key: ownKey(req), merge: mergeKeyOf(req), req: req, flow: f, tag: a.token(5),
		reply: replyPathOf(f, req), table: &requestServer, state: txTrying,
		inside: inside,
	}
	if req.Method == sipmsg.INVITE {
		tx.table, tx.state = &inviteServer, txProceeding
	}
	room := maxServerTxs
	if inside {
		room += reservedTxs
	}
	if len(a.serverTxs) >= maxServerTxs {
		if done := a.doneTxs.oldest(); done != nil {
			done.end()
		}
	}
	if len(a.serverTxs) >= room {
		resp := a.newResponse(req, 503, tx.tag)
		resp.AppendHeader(sipmsg.NewHeader("Retry-After", "10"))
		setBody(resp, "", nil)
		tx.reply.send(now, a, wire(resp))
		return nil
	}
	a.serverTxs[tx.key] = tx
	if _, tagged := req.To().Params.Get("tag"); !tagged && a.merges[tx.merge] == nil {
		a.merges[tx.merge] = tx
	}
	return tx
}

// respond completes a response and sends it.
func (tx *serverTx) respond(now time.Time, resp *sipmsg.Response, body []byte) {
	setBody(resp, sdpType, body)
	in := inputOf(resp.StatusCode)
	if _, ok := tx.table.rule(tx.state, in); !ok {
		return // it was answered already
	}
	tx.last = wire(resp)
	tx.step(now, in)
}

// answer sends a response without a body.
func (tx *serverTx) answer(now time.Time, code int) {
	tx.respond(now, tx.a.newResponse(tx.req, code, tx.tag), nil)
}

// again takes in the request once more, or the ACK to a failure.
func (tx *serverTx) again(now time.Time, f *flow, in txInput) {
	if f.Transport.reliable() {
		tx.reply.flow = f // a repeated request on a stream means that the old connection is gone
	}
	tx.step(now, in)
}

func (tx *serverTx) due() time.Time { return tx.txTimers.due() }

func (tx *serverTx) tick(now time.Time) {
	if in, ok := tx.fired(now); ok {
		tx.step(now, in)
	}
}

func (tx *serverTx) step(now time.Time, in txInput) {
	rule, ok := tx.table.rule(tx.state, in)
	if !ok {
		return
	}
	t := tx.a.cfg.Timers
	reliable := tx.flow.Transport.reliable()
	tx.state = rule.next
	if rule.do&doQuiet != 0 {
		tx.quiet()
	}
	if rule.do&doLinger != 0 {
		var d time.Duration
		switch {
		case tx.state == txAccepted:
			d = max(64*t.T1, t.H) // timer L; our 200 is repeated for timer H
		case reliable:
		case tx.state == txConfirmed:
			d = t.T4 // timer I
		default:
			d = t.J
		}
		if tx.endAt = now.Add(d); d == 0 {
			tx.state = txTerminated
		}
	}
	if rule.do&doWatch != 0 {
		tx.giveUpAt = now.Add(t.H)
		if !reliable {
			tx.interval = t.T1
			tx.resendAt = now.Add(t.T1)
		}
	}
	if in == inResend {
		tx.interval = min(2*tx.interval, t.T2)
		tx.resendAt = now.Add(tx.interval)
	}
	if rule.do&doSend != 0 && tx.last != nil {
		tx.reply.send(now, tx.a, tx.last)
	}
	if tx.state == txTerminated {
		tx.end()
		return
	}
	tx.a.doneTxs.note(tx)
	tx.a.agenda.set(tx)
}

func (tx *serverTx) end() {
	tx.state = txTerminated
	tx.a.doneTxs.note(tx)
	tx.quiet()
	tx.endAt = time.Time{}
	tx.a.agenda.set(tx)
	delete(tx.a.serverTxs, tx.key)
	if tx.a.merges[tx.merge] == tx {
		delete(tx.a.merges, tx.merge)
	}
}

// A replyPath is where the responses to a request go.
type replyPath struct {
	flow *flow
	addr netip.AddrPort // of UDP, or where to connect to when the connection is gone
}

// replyPathOf follows RFC 3261 section 18.2.2 and RFC 3581 section 4: back to the source, by the socket or
// connection the request came by. Without rport a UDP response goes to the port in the Via.
func replyPathOf(f *flow, req *sipmsg.Request) replyPath {
	v := req.Via()
	port := uint16(v.Port)
	if port == 0 {
		port = defaultPort(f.Transport)
	}
	if _, rport := v.Params.Get("rport"); rport && f.Transport == UDP {
		port = f.Remote.Port()
	}
	return replyPath{flow: f, addr: netip.AddrPortFrom(f.Remote.Addr(), port)}
}

func (p *replyPath) send(now time.Time, a *Agent, data []byte) {
	if p.flow.Transport == UDP {
		a.net(Send{Flow{Transport: UDP, Local: p.flow.Local, Remote: p.addr}, data})
		return
	}
	if p.flow.state == flowClosed {
		// A connection of ours is opened again; instead of one that the peer opened, one to where its Via says.
		ln, s := p.flow.line, Server{Addr: p.flow.Remote, TLSName: p.flow.tlsName}
		if ln == nil {
			ln, s = a.firstLine(), Server{Addr: p.addr, TLSName: p.addr.Addr().String()}
		}
		if ln == nil {
			return
		}
		p.flow = a.flowTo(now, ln, p.flow.Transport, s, connectTimeout)
	}
	p.flow.send(now, data)
}
