package sip

import (
	"cmp"
	"slices"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Implementation constants.
const (
	noTCPTime = 10 * time.Minute // a server that refused TCP gets big requests by UDP for so long
)

// A client is the user of a client transaction.
type client interface {
	// compose makes the request, without Via, for the flow of tx, which is open. It may be called again
	// when the request has to go another way.
	compose(tx *clientTx) *sipmsg.Request
	response(now time.Time, tx *clientTx, resp *sipmsg.Response)
	// failed is called instead of a final response: 408 nobody answered, 503 the transport failed.
	failed(now time.Time, tx *clientTx, code int, cause string)
}

// A pacer is a client whose request is repeated by UDP at its own pace; 0: at that of timers A and E.
type pacer interface{ pace() time.Duration }

// A hedger is a client that asks another server too when one has said nothing at all for longer than
// Failover_Timeout.
type hedger interface {
	silent(now time.Time, tx *clientTx)
}

// clientTx is a client transaction, RFC 3261 section 17.1.
type clientTx struct {
	agendaEntry
	txTimers
	a      *Agent
	serial uint64
	client client
	leg    *leg
	server Server
	method sipmsg.RequestMethod
	table  *txTable
	state  txState

	flow   *flow
	branch string
	req    *sipmsg.Request
	data   []byte

	big        bool // goes by TCP for its size, the server being one of UDP
	reused     bool // the connection stood already when the request was sent
	resent     bool // it was sent again on a new connection
	canceled   bool // a CANCEL followed
	heard      bool // the server has said something
	progressed bool // and more than that it tries
	begun      time.Time
	sentAt     time.Time
	hedgeAt    time.Time     // when silence has lasted long enough to ask another server
	pace       time.Duration // between repetitions by UDP, if not as timers A and E have it
	sends      int           // of the request, so far
	lastAt     time.Time     // of the last of them
	tries      int           // challenges followed before, for the client to count
}

// request starts a transaction: the client composes the request as soon as there is a flow to the server.
func (a *Agent) request(now time.Time, c client, l *leg, s Server, method sipmsg.RequestMethod) *clientTx {
	a.txSerial++
	tx := &clientTx{a: a, serial: a.txSerial, client: c, leg: l, server: s, method: method, table: &requestClient}
	if method == sipmsg.INVITE {
		tx.table = &inviteClient
	}
	tx.begun = now
	if p, ok := c.(pacer); ok {
		tx.pace = p.pace()
	}
	if _, ok := c.(hedger); ok && l.ln.cfg.FailoverTimeout > 0 {
		tx.hedgeAt = now.Add(l.patience(s))
	}
	tx.start(now)
	return tx
}

// start finds a flow and sends, or waits until it is open.
func (tx *clientTx) start(now time.Time) {
	t, timeout := tx.server.Transport, connectTimeout
	if tx.big {
		t, timeout = TCP, bigTimeout
	}
	tx.flow = tx.a.flowTo(now, tx.leg.ln, t, tx.server, timeout)
	if tx.flow.state == flowOpening {
		tx.state = txWaiting
		tx.flow.waiting = append(tx.flow.waiting, tx)
		tx.a.agenda.set(tx)
		return
	}
	tx.reused = true
	tx.launch(now)
}

// launch composes the request for the flow, which is open, and sends it.
func (tx *clientTx) launch(now time.Time) {
	a := tx.a
	tx.sentAt = now
	req := tx.client.compose(tx)
	if req == nil { // its user has gone in the meantime
		tx.end()
		return
	}
	if tx.branch == "" || tx.resent || tx.big {
		tx.forget()
		tx.branch = gateMagic + a.token(10)
	}
	req.PrependHeader(via(tx.flow, tx.branch))
	data := []byte(req.String())
	if tx.flow.Transport == UDP && len(data) > mtu && tx.big {
		tx.big = false // TCP was refused: fragments have to do
	} else if tx.flow.Transport == UDP && len(data) > mtu && !tx.leg.refusesTCP(now, tx.server.Addr) {
		tx.big = true
		tx.start(now)
		return
	}
	tx.req, tx.data, tx.state = req, data, txTrying
	a.clientTxs[tx.key()] = tx
	t := a.cfg.Timers
	tx.giveUpAt = now.Add(t.F)
	if tx.method == sipmsg.INVITE {
		tx.giveUpAt = now.Add(t.B)
	}
	if !tx.flow.Transport.reliable() {
		tx.interval = cmp.Or(tx.pace, t.T1)
		tx.resendAt = now.Add(tx.interval)
	}
	tx.sends++
	tx.lastAt = now
	a.agenda.set(tx)
	tx.flow.send(now, data)
}

// via is our Via for a request on a flow. RFC 3581: rport asks for what the server sees of us.
func via(f *flow, branch string) *sipmsg.ViaHeader {
	local := f.local()
	return &sipmsg.ViaHeader{
		ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: strings.ToUpper(string(f.Transport)),
		Host: strings.Trim(uriHost(local.Addr()), "[]"), Port: int(local.Port()),
		Params: sipmsg.HeaderParams{{K: "branch", V: branch}, {K: "rport"}},
	}
}

func (tx *clientTx) key() txKey { return txKey{branch: tx.branch, method: tx.method} }

func (tx *clientTx) forget() {
	if tx.a.clientTxs[tx.key()] == tx {
		delete(tx.a.clientTxs, tx.key())
	}
}

func (tx *clientTx) due() time.Time { return earliest(tx.txTimers.due(), tx.hedgeAt) }

func (tx *clientTx) tick(now time.Time) {
	if passed(now, tx.hedgeAt) {
		tx.hedgeAt = time.Time{}
		if h, ok := tx.client.(hedger); ok && !tx.heard && tx.underWay() {
			h.silent(now, tx)
		}
		return
	}
	if in, ok := tx.fired(now); ok {
		tx.step(now, in, nil, "")
	}
}

// under way tells whether the request still waits for its final response.
func (tx *clientTx) underWay() bool {
	return tx != nil && (tx.state == txWaiting || tx.state == txTrying || tx.state == txProceeding)
}

// lost says that the flow of the transaction failed.
func (tx *clientTx) lost(now time.Time, cause string) {
	switch {
	case tx.big && tx.state == txWaiting:
		tx.leg.refusedTCP(now, tx.server.Addr)
		f := tx.a.flowTo(now, tx.leg.ln, UDP, tx.server, 0)
		tx.leg.ln.logf("%s takes no TCP: %s", tx.server.Addr, cause)
		tx.flow = f
		tx.launch(now)
	case tx.state == txWaiting && tx.begun.After(tx.flow.begun) && !tx.resent:
		tx.resent = true // it came late to an attempt that failed: it has one of its own
		tx.start(now)
	case tx.state == txWaiting:
		tx.end() // nothing was sent, so no late answer can come
		tx.client.failed(now, tx, 503, cause)
	case tx.state == txTrying && tx.flow.Transport.reliable() && tx.reused:
		// A server that restarted, or forgot an idle connection, says so only when it is used.
		tx.quiet()
		tx.resent = true
		tx.start(now)
		tx.reused = false // once is enough
	case tx.state == txProceeding && tx.method == sipmsg.INVITE && tx.progressed:
		// The server may still come back to us; it gets the time of an unanswered INVITE.
		tx.giveUpAt = now.Add(tx.a.cfg.Timers.B)
		tx.a.agenda.set(tx)
	case tx.state == txTrying || tx.state == txProceeding:
		tx.step(now, inLost, nil, cause)
	}
}

// step puts the transaction through its table.
func (tx *clientTx) step(now time.Time, in txInput, resp *sipmsg.Response, cause string) {
	if resp != nil {
		tx.hear(now, resp)
	}
	rule, ok := tx.table.rule(tx.state, in)
	if !ok {
		return
	}
	a, t := tx.a, tx.a.cfg.Timers
	tx.state = rule.next
	if rule.do&doQuiet != 0 {
		tx.quiet()
	}
	if rule.do&doSlow != 0 && !tx.resendAt.IsZero() {
		tx.interval = t.T2
		tx.resendAt = now.Add(t.T2) // section 17.1.2.2
	}
	if rule.do&doLinger != 0 {
		if d := tx.linger(); d > 0 {
			tx.endAt = now.Add(d)
		} else {
			tx.state = txTerminated
		}
	}
	if rule.do&doSend != 0 {
		tx.interval *= 2 // timer A; timer E stops at T2
		if tx.method != sipmsg.INVITE {
			tx.interval = min(tx.interval, t.T2)
		}
		if tx.pace > 0 {
			tx.interval = tx.pace
		}
		tx.resendAt = now.Add(tx.interval)
		tx.sends++
		tx.lastAt = now
		tx.flow.send(now, tx.data)
	}
	if rule.do&doAck != 0 {
		tx.ack(now, resp)
	}
	if tx.state == txTerminated {
		tx.end()
	} else {
		a.agenda.set(tx)
	}
	switch {
	case rule.do&doPass != 0:
		tx.client.response(now, tx, resp)
	case rule.do&doTimeout != 0:
		tx.client.failed(now, tx, 408, "no answer from "+where(tx.server.Transport, tx.server.Addr)+" within "+now.Sub(tx.sentAt).Round(time.Millisecond).String())
	case rule.do&doLost != 0:
		tx.client.failed(now, tx, 503, cause)
	}
}

// hear notes that the server has answered, and how fast.
func (tx *clientTx) hear(now time.Time, resp *sipmsg.Response) {
	sent, rtt := 0, time.Duration(0)
	if !tx.heard {
		sent = tx.sends
		if tx.method != sipmsg.INVITE || resp.StatusCode == 100 {
			rtt = now.Sub(tx.lastAt)
			if tx.flow.Transport.reliable() {
				tx.leg.servers.Took(tx.server, rtt)
			}
		}
	}
	tx.heard, tx.hedgeAt = true, time.Time{}
	tx.progressed = tx.progressed || resp.StatusCode > 100
	if tx.method == sipmsg.OPTIONS {
		tx.leg.servers.Habit(tx.server, optionsAnswered)
	}
	tx.leg.hears(now, tx.server, resp.StatusCode, sent, rtt)
}

// waited is how long the server has been silent.
func (tx *clientTx) waited(now time.Time) time.Duration {
	return now.Sub(tx.begun).Round(time.Millisecond)
}

// linger is how long the state just entered lasts: timer D, K or M, or how long a late answer is awaited.
func (tx *clientTx) linger() time.Duration {
	t := tx.a.cfg.Timers
	switch {
	case tx.state == txAccepted || tx.state == txAbandoned:
		return 64 * t.T1
	case tx.flow.Transport.reliable():
		return 0
	case tx.method == sipmsg.INVITE:
		return t.D
	}
	return t.T4
}

func (tx *clientTx) end() {
	tx.state = txTerminated
	tx.quiet()
	tx.endAt, tx.hedgeAt = time.Time{}, time.Time{}
	tx.a.agenda.set(tx)
	tx.forget()
}

// abort forgets a request that was not sent yet.
func (tx *clientTx) abort() {
	tx.flow.waiting = slices.DeleteFunc(tx.flow.waiting, func(o *clientTx) bool { return o == tx })
	tx.end()
}

// abandon gives the request up: it is not repeated any more. An INVITE the server knows of is canceled;
// one it may know of is when it says so.
func (tx *clientTx) abandon(now time.Time) {
	switch {
	case tx.state == txWaiting:
		tx.abort()
	case tx.state == txProceeding && tx.method == sipmsg.INVITE:
		tx.cancel(now, "")
	case tx.state == txTrying && tx.method == sipmsg.INVITE:
		tx.quiet()
		tx.hedgeAt = time.Time{}
		tx.state, tx.endAt = txAbandoned, now.Add(64*tx.a.cfg.Timers.T1)
		tx.a.agenda.set(tx)
	case tx.underWay():
		tx.end()
	}
}

// ack acknowledges a failure, on the hop of the INVITE. RFC 3261 section 17.1.1.3.
func (tx *clientTx) ack(now time.Time, resp *sipmsg.Response) {
	req := tx.echo(sipmsg.ACK)
	req.AppendHeader(sipmsg.HeaderClone(resp.To()))
	setBody(req, "", nil)
	if f := tx.hop(); f.state != flowClosed {
		f.send(now, []byte(req.String()))
	}
}

// hop is the flow the request went by, or the one there now is to the same server.
func (tx *clientTx) hop() *flow {
	if tx.flow.state == flowClosed {
		if f := tx.leg.flowOf(tx.server); f != nil {
			return f
		}
	}
	return tx.flow
}

// echo copies what CANCEL and ACK have in common with their INVITE, all but To.
func (tx *clientTx) echo(method sipmsg.RequestMethod) *sipmsg.Request {
	req := sipmsg.NewRequest(method, tx.req.Recipient)
	hops := sipmsg.MaxForwardsHeader(maxForwards)
	req.AppendHeader(tx.req.Via())
	req.AppendHeader(&hops)
	sipmsg.CopyHeaders("Route", tx.req, req)
	sipmsg.CopyHeaders("From", tx.req, req)
	sipmsg.CopyHeaders("Call-ID", tx.req, req)
	req.AppendHeader(&sipmsg.CSeqHeader{SeqNo: tx.req.CSeq().SeqNo, MethodName: method})
	if tx.a.cfg.UserAgent != "" {
		req.AppendHeader(sipmsg.NewHeader("User-Agent", tx.a.cfg.UserAgent))
	}
	return req
}

// cancel sends a CANCEL the way the INVITE went, once, and only when the server has shown that it knows
// of the INVITE. RFC 3261 section 9.1.
func (tx *clientTx) cancel(now time.Time, why string) {
	if tx.canceled || tx.state != txProceeding && tx.state != txAbandoned {
		return
	}
	tx.canceled = true
	if tx.state == txProceeding {
		tx.giveUpAt = now.Add(64 * tx.a.cfg.Timers.T1)
		tx.a.agenda.set(tx)
	}
	req := tx.echo(sipmsg.CANCEL)
	req.AppendHeader(sipmsg.HeaderClone(tx.req.To()))
	if why != "" {
		req.AppendHeader(sipmsg.NewHeader("Reason", why))
	}
	setBody(req, "", nil)
	a := tx.a
	a.txSerial++
	c := &clientTx{
		a: a, serial: a.txSerial, client: canceler{}, leg: tx.leg, server: tx.server, method: sipmsg.CANCEL, table: &requestClient,
		flow: tx.hop(), branch: tx.branch, req: req, data: []byte(req.String()), state: txTrying, sentAt: now,
	}
	if c.flow.state == flowClosed {
		return // the hop is gone, and with it all that could be canceled
	}
	c.giveUpAt = now.Add(a.cfg.Timers.F)
	if !c.flow.Transport.reliable() {
		c.interval = a.cfg.Timers.T1
		c.resendAt = now.Add(c.interval)
	}
	a.clientTxs[c.key()] = c
	a.agenda.set(c)
	c.flow.send(now, c.data)
}

// canceler is the user of a CANCEL: what becomes of it shows in the INVITE.
type canceler struct{}

func (canceler) compose(*clientTx) *sipmsg.Request                { return nil }
func (canceler) response(time.Time, *clientTx, *sipmsg.Response)  {}
func (canceler) failed(_ time.Time, _ *clientTx, _ int, _ string) {}

// txsBy are the client transactions a test holds for, in the order of their start.
func (a *Agent) txsBy(test func(*clientTx) bool) (list []*clientTx) {
	for _, tx := range a.clientTxs {
		if test(tx) {
			list = append(list, tx)
		}
	}
	slices.SortFunc(list, func(x, y *clientTx) int { return cmp.Compare(x.serial, y.serial) })
	return list
}

// unreachable takes in that UDP does not get through to a peer.
func (a *Agent) unreachable(now time.Time, in Unreachable) {
	remote := unmapPort(in.Remote)
	for _, tx := range a.txsBy(func(tx *clientTx) bool {
		return tx.flow.Transport == UDP && tx.flow.Remote == remote && tx.underWay() &&
			(in.Local.Port() == 0 || tx.flow.Local.Port() == in.Local.Port())
	}) {
		tx.lost(now, in.Cause)
	}
}
