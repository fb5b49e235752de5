package sip

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// FuzzAgent does anything to an agent in any order, as one byte after the other says. It must never panic, what it
// sends must pass its own gate, every call must end exactly once, and when its peers fall silent and it is told
// to hang up, everything but the registration timers must come to rest.
func FuzzAgent(f *testing.F) {
	for _, seed := range []string{
		"", "i\x10r\x20\x30wh", "I\x00aAw\x40h", "ir\x05r\x06r\x07wwwh", "IAkeEakh", "irr\x08hwwr\x09", "tiococow", "tricwoxw", "IcIrIaIhS",
		"nRRRwwwww", "irR\x00\x01\x02\x03zzg", "ddddiwwww", "u\x01iu\x00w", "iririririr", "C\x01wC\x02wC\x00w", "IAkE\x03w\x09e\x02w",
	} {
		f.Add([]byte(seed), byte(0))
		f.Add([]byte(seed), byte(1))
		f.Add([]byte(seed), byte(2))
	}
	f.Fuzz(func(t *testing.T, script []byte, kind byte) {
		if len(script) > 400 {
			return
		}
		newFuzz(t, kind).run(script)
	})
}

type fuzz struct {
	t      *testing.T
	agent  *Agent
	cfg    Config
	now    time.Time
	rnd    *rand.Rand
	sent   []heard // requests of the agent
	resps  []heard // responses of the agent
	flows  []Open
	live   map[FlowID]Flow
	asked  []Question
	calls  map[ID]int // Ended events of each call begun
	nextID ID
	theirs []*sipmsg.Request // INVITEs sent to the agent
	serial int
}

func newFuzz(t *testing.T, kind byte) *fuzz {
	f := &fuzz{t: t, now: time.Unix(1e9, 0), rnd: rand.New(rand.NewPCG(uint64(kind), 7)), live: map[FlowID]Flow{}, calls: map[ID]int{}, nextID: -1}
	local := netip.MustParseAddrPort("0.0.0.0:5060")
	line := Line{
		Number: 1, Enabled: true, User: "1001", Password: "secret", Proxy: "10.0.0.1", Transport: "UDP",
		MakeCallWithoutReg: true, AnswerWithoutReg: true, Register: true, Expires: time.Minute, Local: local, UseSRV: true, SRVAutoPrefix: true,
	}
	switch kind % 3 {
	case 1:
		line.Proxy, line.Transport = "x.test:SRV=10.0.0.1:p=1|10.0.0.2:p=2", "TCP"
	case 2:
		line.Proxy = "example.test"
	}
	f.cfg = Config{
		Timers: DefaultTimers(), LocalAddrs: []netip.Addr{netip.MustParseAddr("10.0.0.50")}, Random: rand.NewChaCha8([32]byte{kind}),
		TryBackupRSC: "503", BlockNonproxy: kind&4 != 0, TCPPortMin: 5060, TCPPortMax: 5063, Lines: []Line{line},
	}
	f.agent = New(f.cfg)
	return f
}

func (f *fuzz) step(in Input) {
	out := f.agent.Step(f.now, in)
	for _, n := range out.Net {
		switch n := n.(type) {
		case Open:
			f.flows = append(f.flows, n)
		case Close:
			delete(f.live, n.ID)
			f.flows = slices.DeleteFunc(f.flows, func(o Open) bool { return o.ID == n.ID })
		case Query:
			f.asked = append(f.asked, n.Question)
		case Send:
			f.take(n)
		}
	}
	for _, e := range out.Events {
		switch e := e.(type) {
		case Incoming:
			f.calls[e.ID] = 0
		case Ended:
			f.calls[e.ID]++
			if f.calls[e.ID] > 1 {
				f.t.Fatalf("call %d ended twice", e.ID)
			}
		}
	}
	if next := f.agent.Next(); !next.IsZero() && !next.After(f.now) {
		f.t.Fatalf("a timer is still due after a step: %T", f.agent.agenda.heap[0])
	}
	if n := len(f.agent.calls); n > maxCalls {
		f.t.Fatalf("%d calls", n)
	}
	if n := len(f.agent.serverTxs); n > maxServerTxs+reservedTxs {
		f.t.Fatalf("%d server transactions", n)
	}
}

func (f *fuzz) take(n Send) {
	if strings.HasPrefix(string(n.Data), "\r\n") {
		return
	}
	v := Admit(n.Data, n.Flow.Transport != UDP)
	switch {
	case v.Request != nil:
		f.sent = append(f.sent, heard{flow: n.Flow, req: v.Request})
	case v.Response != nil:
		f.resps = append(f.resps, heard{flow: n.Flow, resp: v.Response})
	default:
		if !strings.HasPrefix(string(n.Data), "SIP/2.0 4") {
			f.t.Fatalf("sent what no gate admits: %s\n%s", v.Why, n.Data)
		}
	}
}

// flow is a way a message may come by.
func (f *fuzz) flow(b byte) Flow {
	if len(f.live) > 0 && b%2 == 0 {
		ids := make([]FlowID, 0, len(f.live))
		for id := range f.live {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		return f.live[ids[int(b/2)%len(ids)]]
	}
	return Flow{UDP, 0, netip.MustParseAddrPort("0.0.0.0:5060"), netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1 + b%4}), 5060)}
}

func (f *fuzz) run(script []byte) {
	f.step(Tick{})
	for i := 0; i < len(script); i++ {
		op := script[i]
		arg := func() byte {
			if i++; i < len(script) {
				return script[i]
			}
			return 0
		}
		id := ID(0)
		ids := f.agent.ids()
		if len(ids) > 0 {
			id = ids[int(op)%len(ids)]
		}
		body := []byte{'v', '=', op}
		switch op {
		case 'i':
			f.nextID += 2
			f.calls[f.nextID] = 0
			if i%5 == 4 {
				body = []byte(strings.Repeat("long", 400))
			}
			f.step(Invite{f.nextID, 1, []string{"1002", "sip:x@far.test", "10.9.9.9", "sip:a@10.0.0.3;transport=tcp"}[i%4], body})
		case 'I':
			f.request("INVITE", nil, arg())
		case 'h':
			f.step(Hangup{id})
		case 'a':
			f.step(Ring{id})
		case 'A':
			f.step(Accept{id, body})
		case 'R':
			f.step(Refuse{ID: id, Code: int(arg()) * 4})
		case 'e':
			f.step(Reinvite{id, body})
		case 'E':
			f.step(AnswerReinvite{id, int(arg()) * 3, body})
		case 'n':
			f.step(Info{id, "application/dtmf-relay", body})
		case 'w':
			f.wait(time.Duration(arg()) * 100 * time.Millisecond)
		case 'r':
			f.respond(arg(), arg())
		case 'b', 'v', 'k', 'c', 'f', 'o':
			f.inDialog(op, arg())
		case 't':
			f.answerDNS(arg())
		case 'x':
			if len(f.flows) > 0 {
				o := f.flows[0]
				f.flows = f.flows[1:]
				f.live[o.ID] = Flow{o.Transport, o.ID, netip.MustParseAddrPort("10.0.0.50:5060"), o.Remote}
				f.step(Opened{o.ID, netip.AddrPortFrom(netip.MustParseAddr("10.0.0.50"), 40000+uint16(o.ID))})
			}
		case 'd':
			cause := []string{"connection refused", CauseInUse, ""}[int(arg())%3]
			if len(f.flows) > 0 {
				o := f.flows[0]
				f.flows = f.flows[1:]
				f.step(Closed{o.ID, cause})
			} else if l := f.flow(0); l.ID != 0 {
				delete(f.live, l.ID)
				f.step(Closed{l.ID, cause})
			}
		case 'u':
			f.step(Unreachable{Remote: f.flow(1 | arg()).Remote, Cause: "refused"})
		case 'C':
			cfg := f.cfg
			cfg.Lines = slices.Clone(cfg.Lines)
			switch arg() % 5 {
			case 1:
				cfg.Lines[0].User = "2002"
			case 2:
				cfg.Lines = nil
			case 3:
				cfg.Lines[0].Enabled = false
			case 4:
				cfg.Lines[0].Transport = "TLS"
			}
			f.step(Configure{cfg})
		case 'g':
			f.step(Received{f.flow(arg()), script[i:]})
		case 'l':
			f.step(AddressChanged{[]netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, 50 + arg()%4})}})
		case 'm':
			f.request([]string{"OPTIONS", "NOTIFY", "BYE", "MESSAGE", "X"}[arg()%5], nil, arg())
		case 'S':
			f.step(Shutdown{})
		}
	}
	for _, id := range f.agent.ids() {
		f.step(Hangup{id})
	}
	f.wait(20 * time.Minute)
	a := f.agent
	if len(a.calls) > 0 || len(a.dialogs) > 0 || len(a.serverTxs) > 0 || len(a.merges) > 0 {
		f.t.Fatalf("left: %d calls, %d dialogs, %d server transactions, %d merges", len(a.calls), len(a.dialogs), len(a.serverTxs), len(a.merges))
	}
	for id, n := range f.calls {
		if n != 1 {
			f.t.Fatalf("call %d ended %d times", id, n)
		}
	}
	f.step(Shutdown{})
	f.wait(2 * time.Minute)
	if !a.Idle() || len(a.clientTxs) > 0 || len(a.retired) > 0 {
		for _, tx := range a.clientTxs {
			f.t.Logf("%s in state %d by %s, due %v: %s", tx.method, tx.state, tx.flow, tx.due().Sub(f.now), tx.data)
		}
		f.t.Fatalf("after a shutdown: idle %v, %d client transactions, %d retired lines", a.Idle(), len(a.clientTxs), len(a.retired))
	}
}

func (f *fuzz) wait(d time.Duration) {
	end := f.now.Add(d)
	for n := 0; ; n++ {
		next := f.agent.Next()
		if next.IsZero() || next.After(end) {
			break
		}
		if n > 100_000 {
			f.t.Fatal("timers without end")
		}
		f.now = next
		f.step(Tick{})
	}
	f.now = end
}

// respond answers one of the newest requests.
func (f *fuzz) respond(which, how byte) {
	if len(f.sent) == 0 {
		return
	}
	h := f.sent[len(f.sent)-1-int(which)%min(len(f.sent), 6)]
	if h.req.Method == sipmsg.ACK {
		return
	}
	codes := []int{100, 180, 183, 200, 202, 301, 302, 401, 407, 408, 423, 481, 486, 487, 491, 500, 503, 603}
	code := codes[int(how)%len(codes)]
	resp := sipmsg.NewResponse(code, "X")
	sipmsg.CopyHeaders("Via", h.req, resp)
	sipmsg.CopyHeaders("From", h.req, resp)
	to := sipmsg.HeaderClone(h.req.To()).(*sipmsg.ToHeader)
	if _, ok := to.Params.Get("tag"); !ok && code > 100 {
		to.Params = append(to.Params, sipmsg.HeaderKV{K: "tag", V: fmt.Sprintf("t%d", how/64)})
	}
	resp.AppendHeader(to)
	sipmsg.CopyHeaders("Call-ID", h.req, resp)
	sipmsg.CopyHeaders("CSeq", h.req, resp)
	if how%3 != 0 {
		sipmsg.CopyHeaders("Contact", h.req, resp)
	} else {
		resp.AppendHeader(sipmsg.NewHeader("Contact", []string{"<sip:far@10.0.0.3>", "<sip:y@name.test;transport=tcp>", "<sip:[2001:db8::1]>", "<sips:z@10.0.0.2>"}[how%4]))
		resp.AppendHeader(sipmsg.NewHeader("Record-Route", []string{"<sip:10.0.0.4;lr>", "<sip:10.0.0.4>", "<sip:edge.test;lr;transport=tls>"}[how%3]))
	}
	f.serial++
	resp.AppendHeader(sipmsg.NewHeader("WWW-Authenticate", fmt.Sprintf(`Digest realm="r", nonce="n%d", qop="auth"`, f.serial)))
	resp.AppendHeader(sipmsg.NewHeader("Proxy-Authenticate", fmt.Sprintf(`Digest realm="r", nonce="n%d", stale=%v`, f.serial, how%2 == 0)))
	resp.AppendHeader(sipmsg.NewHeader("Min-Expires", fmt.Sprint(how)))
	resp.AppendHeader(sipmsg.NewHeader("Expires", fmt.Sprint(how)))
	if how%4 == 0 {
		resp.AppendHeader(sipmsg.NewHeader("Retry-After", "3"))
	}
	setBody(resp, sdpType, []byte("v=0"))
	flow := h.flow
	f.step(Received{flow, []byte(resp.String())})
}

// request sends the agent a request of its own.
func (f *fuzz) request(method string, change func(*sipmsg.Request), b byte) {
	f.serial++
	flow := f.flow(b)
	if b%16 == 15 {
		flow = Flow{TCP, FlowID(2 + 2*(b/16)), netip.MustParseAddrPort("10.0.0.50:5060"), netip.MustParseAddrPort("10.0.0.1:33000")}
	}
	raw := fmt.Sprintf("%s sip:1001@10.0.0.50 SIP/2.0\r\nVia: SIP/2.0/%s 10.0.0.1;branch=z9hG4bKf%d;rport\r\nMax-Forwards: 70\r\n"+
		"From: <sip:1002@10.0.0.1>;tag=f%d\r\nTo: <sip:1001@10.0.0.1>\r\nCall-ID: f%d\r\nCSeq: 5 %s\r\nContact: <sip:1002@10.0.0.%d>\r\nEvent: check-sync\r\nContent-Length: 0\r\n\r\n",
		method, strings.ToUpper(string(flow.Transport)), f.serial, b%3, f.serial-int(b%2), method, 1+b%4)
	v := Admit([]byte(raw), flow.Transport != UDP)
	if v.Request == nil {
		f.t.Fatal(v.Why)
	}
	if change != nil {
		change(v.Request)
	}
	if method == "INVITE" {
		f.theirs = append(f.theirs, v.Request)
	}
	f.step(Received{flow, []byte(v.Request.String())})
}

// inDialog sends the agent a request inside a call, as far as there is one.
func (f *fuzz) inDialog(op, b byte) {
	method := map[byte]string{'b': "BYE", 'v': "INVITE", 'k': "ACK", 'c': "CANCEL", 'f': "INFO", 'o': "OPTIONS"}[op]
	if op == 'c' && len(f.theirs) > 0 {
		invite := f.theirs[int(b)%len(f.theirs)]
		cancel := strings.ReplaceAll(invite.String(), "INVITE", "CANCEL")
		f.step(Received{f.flow(1), []byte(cancel)})
		return
	}
	var from, to, callID string
	seq := uint32(5)
	switch {
	case b%2 == 0 && len(f.resps) > 0:
		r := f.resps[len(f.resps)-1-int(b/2)%min(len(f.resps), 5)].resp
		from, to, callID, seq = r.From().Value(), r.To().Value(), r.CallID().Value(), r.CSeq().SeqNo
	case len(f.sent) > 0:
		r := f.sent[len(f.sent)-1-int(b/2)%min(len(f.sent), 5)].req
		from, to, callID = r.To().Value(), r.From().Value(), r.CallID().Value()
	default:
		return
	}
	if op != 'k' {
		seq += uint32(b % 5)
	}
	f.serial++
	flow := f.flow(b)
	raw := fmt.Sprintf("%s sip:1001@10.0.0.50 SIP/2.0\r\nVia: SIP/2.0/%s 10.0.0.1;branch=z9hG4bKd%d\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContent-Length: 0\r\n\r\n",
		method, strings.ToUpper(string(flow.Transport)), f.serial, from, to, callID, seq, method)
	f.step(Received{flow, []byte(raw)})
}

func (f *fuzz) answerDNS(b byte) {
	if len(f.asked) == 0 {
		return
	}
	q := f.asked[0]
	f.asked = f.asked[1:]
	in := Answer{Question: q, TTL: time.Duration(b) * time.Second}
	switch {
	case b%4 == 0:
		in.Code = rcodeNoName
	case b%4 == 1:
		in.Cause = "trouble"
	case q.Type == "SRV":
		in.Records = []Record{{Target: "a.test", Port: 5060, Priority: 1}, {Target: "b.test", Port: 5060, Priority: 2}}
	case q.Type == "A":
		in.Records = []Record{{Addr: netip.AddrFrom4([4]byte{10, 0, 0, 1 + b%4})}}
	}
	f.step(in)
}

// TestAnythingInAnyOrder is FuzzAgent with scripts that are denser than a fuzzer's: only bytes that mean something.
func TestAnythingInAnyOrder(t *testing.T) {
	const ops = "iiIIhaAAReEnwwwwrrrrrrrrbvkkcfotttxxxdduCglm"
	for seed := range uint64(*scripts) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		script := make([]byte, 20+rnd.IntN(150))
		for i := range script {
			script[i] = ops[rnd.IntN(len(ops))]
			if rnd.IntN(3) == 0 {
				script[i] = byte(rnd.IntN(256))
			}
		}
		func() {
			defer func() {
				if r := recover(); r != nil || t.Failed() {
					t.Fatalf("seed %d, script %q: %v", seed, script, r)
				}
			}()
			newFuzz(t, byte(seed)).run(script)
		}()
	}
}

var scripts = flag.Int("scripts", 60, "scripts TestAnythingInAnyOrder plays")
