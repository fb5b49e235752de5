package sip

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// TestTranscripts plays each testdata/call/*.txt and testdata/line/*.txt. A line that starts with > is what is done
// to the agent; the lines after it are what the agent did about it: when, to whom and what.
//
//	> invite 1002 {offer}         a command of the phone; {…} is a body
//	> a: 180 tag=x {answer}       a answers the last request it got; "a: INVITE 200" one of that method
//	> a: INVITE {offer}           a sends a request: of a new call, or of the call there is
//	> wait 5s                     time passes
//	> opened, closed connection refused, unreachable a, dns …
//	> up a b                      a and b answer REGISTER, OPTIONS, pings and connections by themselves from now on
//	> dead a, refusing a, busy a  a says nothing at all, refuses what comes, answers 503
//	> mute a                      a answers all but OPTIONS and pings
func TestTranscripts(t *testing.T) {
	files, _ := filepath.Glob("testdata/*/*.txt")
	if len(files) == 0 {
		t.Fatal("no transcripts")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := newStage(t)
			finished := false
			defer func() {
				if !finished {
					t.Logf("so far:\n%s", s.out.Bytes())
				}
			}()
			got := s.play(want)
			finished = true
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			} else if !bytes.Equal(got, want) {
				t.Errorf("%s differs (-update rewrites it), got:\n%s", file, got)
			}
		})
	}
}

// A stage is an agent and the peers around it, each with a letter for a name.
type stage struct {
	t     *testing.T
	cfg   Config
	agent *Agent
	out   bytes.Buffer
	start time.Time
	now   time.Time

	names  map[netip.Addr]string
	addrs  map[string]netip.AddrPort
	nat    netip.AddrPort // as what peers see the agent; not valid: as what it is
	flows  map[FlowID]Open
	opens  []FlowID // asked for, not answered
	local  netip.AddrPort
	sent   []heard
	counts map[string]int // datagrams sent, to tell repetitions

	modes map[string]string // peers that act by themselves
	acts  []func()          // what they do about the step in hand

	mail  mailStage
	peer  peerCall
	calls int
	last  ID // newest call of the agent
	found []Answer
}

// heard is a message the agent sent to a peer.
type heard struct {
	who  string
	flow Flow
	req  *sipmsg.Request
	resp *sipmsg.Response
	raw  []byte
}

func newStage(t *testing.T) *stage {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := &stage{
		t: t, start: start, now: start, names: map[netip.Addr]string{}, addrs: map[string]netip.AddrPort{},
		flows: map[FlowID]Open{}, modes: map[string]string{}, counts: map[string]int{}, local: netip.MustParseAddrPort("10.0.0.50:5060"),
	}
	for i, name := range []string{"a", "b", "c", "d"} {
		s.place(name, fmt.Sprintf("10.0.0.%d:5060", i+1))
	}
	s.place("x", "10.0.0.99:5060") // a stranger
	timers := DefaultTimers()
	s.cfg = Config{
		Timers: timers, UserAgent: "dialtone", BlockNonproxy: true, TryBackupRSC: "503",
		LocalAddrs: []netip.Addr{s.local.Addr()}, Random: rand.NewChaCha8([32]byte{1}),
		Lines: []Line{{
			Number: 1, Enabled: true, User: "1001", Password: "secret", DisplayName: "Ann", Proxy: "10.0.0.1", Transport: "UDP",
			MakeCallWithoutReg: true, AnswerWithoutReg: true, UseOBProxyInDialog: true, TLSNameValidate: true, AutoRegister: true,
			UseSRV: true, SRVAutoPrefix: true, Expires: time.Hour, Local: netip.AddrPortFrom(netip.IPv4Unspecified(), s.local.Port()),
		}},
	}
	return s
}

func (s *stage) place(name, addr string) {
	ap := netip.MustParseAddrPort(addr)
	s.addrs[name], s.names[ap.Addr()] = ap, name
}

func (s *stage) who(f Flow) string {
	name := s.names[f.Remote.Addr()]
	if name == "" {
		name = f.Remote.String()
	}
	if f.Remote.Port() != s.addrs[name].Port() && f.Transport == UDP {
		name += ":" + strconv.Itoa(int(f.Remote.Port()))
	}
	if f.Transport != UDP {
		name += "/" + string(f.Transport)
	}
	return name
}

func (s *stage) play(script []byte) []byte {
	for line := range strings.Lines(string(script)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, ">"):
			fmt.Fprintln(&s.out, line)
			s.command(line[1:])
		case strings.HasPrefix(line, "#") || line == "":
			fmt.Fprintln(&s.out, line)
		}
	}
	return s.out.Bytes()
}

// split takes a command apart: words, key=value options, "quoted parts" and a {body}.
func split(line string) (words []string, opts map[string]string, body []byte) {
	opts = map[string]string{}
	if i := strings.IndexByte(line, '{'); i >= 0 && strings.HasSuffix(strings.TrimSpace(line), "}") {
		body = []byte(strings.TrimSuffix(strings.TrimSpace(line[i+1:]), "}"))
		line = line[:i]
	}
	var word strings.Builder
	quoted, any, escaped := false, false, false
	flush := func() {
		if any {
			w := word.String()
			if k, v, ok := strings.Cut(w, "="); ok && !strings.Contains(k, ":") {
				opts[k] = v
			} else {
				words = append(words, w)
			}
		}
		word.Reset()
		any = false
	}
	for _, r := range line {
		switch {
		case r == '\\':
			word.WriteByte('"') // \" is two runes: the backslash here, the quote below
			escaped = true
		case r == '"' && escaped:
			escaped = false
		case r == '"':
			quoted = !quoted
			any = true
		case r == ' ' && !quoted:
			flush()
		default:
			word.WriteRune(r)
			any = true
		}
	}
	flush()
	return words, opts, body
}

func (s *stage) command(line string) {
	words, opts, body := split(line)
	if string(body) == "BIG" {
		body = []byte(strings.Repeat("a long offer ", 120))
	}
	if name, ok := strings.CutSuffix(words[0], ":"); ok {
		s.speak(strings.TrimSuffix(strings.TrimSuffix(name, "/tcp"), "/tls"), words[1:], opts, body)
		return
	}
	id := s.last
	if text, ok := opts["id"]; ok {
		n, _ := strconv.Atoi(text)
		id = ID(n)
	}
	arg := strings.Join(words[1:], " ")
	switch words[0] {
	case "config":
		s.configure(opts)
	case "start":
		s.step(Tick{})
	case "invite":
		s.calls++
		s.last = ID(2*s.calls - 1)
		s.peer = peerCall{}
		s.step(Invite{ID: s.last, Line: 1, To: arg, Body: body})
	case "hangup":
		s.step(Hangup{id})
	case "ring":
		s.step(Ring{id})
	case "accept":
		s.step(Accept{id, body})
	case "refuse":
		code, _ := strconv.Atoi(words[1])
		s.step(Refuse{ID: id, Code: code})
	case "reinvite":
		s.step(Reinvite{id, body})
	case "answer":
		code, _ := strconv.Atoi(words[1])
		s.step(AnswerReinvite{id, code, body})
	case "info":
		s.step(Info{id, arg, body})
	case "reconfigure":
		s.configure(opts)
		s.step(Configure{s.cfg})
	case "shutdown":
		s.step(Shutdown{})
	case "opened":
		s.opened(opts)
	case "closed":
		s.closed(arg)
	case "closed-accepted":
		n, _ := strconv.Atoi(words[1])
		s.step(Closed{FlowID(n), "EOF"})
	case "unreachable":
		s.step(Unreachable{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), s.local.Port()), Remote: s.addrs[words[1]], Cause: "connection refused"})
	case "address":
		s.local = netip.AddrPortFrom(netip.MustParseAddr(words[1]), s.local.Port())
		s.step(AddressChanged{[]netip.Addr{s.local.Addr()}})
	case "dns":
		s.dns(words[1], words[2], words[3:])
	case "restart":
		s.restart()
	case "found":
		s.tellFound()
	case "lines":
		for _, l := range s.agent.Lines() {
			fmt.Fprintf(&s.out, "%8.3f     line %d %s@%s %s active %s\n", s.at(), l.Line, l.User, l.Domain, l.State, l.Active)
			for _, e := range l.Servers {
				fmt.Fprintf(&s.out, "%8.3f       %s %s %s in use %v registered %v %s\n", s.at(), e.Name, e.Address, e.State, e.InUse, e.Registered, e.Cause)
			}
		}
	case "up", "dead", "refusing", "busy", "mute", "deaf", "stalled", "shy", "rest", "restlong":
		for _, name := range words[1:] {
			s.turn(name, words[0])
		}
	case "idle":
		fmt.Fprintf(&s.out, "%8.3f     idle %v\n", s.at(), s.agent.Idle())
	case "wait":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			s.t.Fatal(err)
		}
		s.wait(d)
	default:
		if !s.mailCommand(words) {
			s.t.Fatalf("unknown command %q", words[0])
		}
	}
}

func (s *stage) wait(d time.Duration) {
	for end := s.now.Add(d); ; {
		next := s.agent.Next()
		if next.IsZero() || next.After(end) {
			s.now = end
			return
		}
		if next.Before(s.now) {
			s.t.Fatalf("Next is %v before now", s.now.Sub(next))
		}
		s.now = next
		s.step(Tick{})
		if again := s.agent.Next(); !again.IsZero() && !again.After(s.now) {
			s.t.Fatal("a timer that was due is still due after a Tick")
		}
	}
}

func (s *stage) configure(opts map[string]string) {
	l := &s.cfg.Lines[0]
	for key, v := range opts {
		yes := v == "yes"
		switch key {
		case "proxy":
			l.Proxy = v
		case "outbound":
			l.OutboundProxy = v
		case "transport":
			l.Transport = v
		case "register":
			l.Register = yes
		case "callunregistered":
			l.MakeCallWithoutReg, l.AnswerWithoutReg = yes, yes
		case "enabled":
			l.Enabled = yes
		case "user":
			l.User = v
		case "expires":
			l.Expires, _ = time.ParseDuration(v)
		case "authnotify":
			l.AuthResyncReboot = yes
		case "retrylong":
			s.cfg.Timers.RegRetryLongIntvl, _ = time.ParseDuration(v)
		case "cap":
			s.cfg.Timers.RegRetryIntvlCap, _ = time.ParseDuration(v)
		case "tryrsc":
			s.cfg.TryBackupRSC = v
		case "retryrsc":
			s.cfg.RetryRegRSC = v
		case "block":
			s.cfg.BlockNonproxy = yes
		case "nat":
			s.nat = netip.MustParseAddrPort(v)
		case "ports":
			lo, hi, _ := strings.Cut(v, "-")
			a, _ := strconv.Atoi(lo)
			b, _ := strconv.Atoi(hi)
			s.cfg.TCPPortMin, s.cfg.TCPPortMax = uint16(a), uint16(b)
		case "inviteexpires":
			s.cfg.Timers.InviteExpires, _ = time.ParseDuration(v)
		case "local":
			s.local = netip.MustParseAddrPort(v)
			s.cfg.LocalAddrs = []netip.Addr{s.local.Addr()}
			l.Local = netip.AddrPortFrom(netip.IPv6Unspecified(), s.local.Port())
		case "fallback":
			l.FallbackIntvl, _ = time.ParseDuration(v)
		case "failover":
			l.FailoverTimeout, _ = time.ParseDuration(v)
		case "probe":
			l.ProbeIntvl, _ = time.ParseDuration(v)
		case "good":
			l.GoodProbes, _ = strconv.Atoi(v)
		case "autoreg":
			l.AutoRegister = yes
		case "standby":
			l.HotStandby = yes
		case "method":
			l.RedundancyMethod = strings.ReplaceAll(v, "_", " ")
		case "dual":
			l.DualRegistration = yes
		case "alternate":
			l.AlternateProxy = v
		case "alternateoutbound":
			l.AlternateOutboundProxy = v
		case "a", "b":
			s.place(key, v)
		default:
			if !l.configureMail(key, v) {
				s.t.Fatalf("unknown setting %q", key)
			}
		}
	}
}

func (s *stage) at() float64 { return s.now.Sub(s.start).Seconds() }

func (s *stage) step(in Input) {
	if s.agent == nil {
		s.agent = New(s.cfg)
	}
	s.show(s.agent.Step(s.now, in))
	for len(s.acts) > 0 {
		act := s.acts[0]
		s.acts = s.acts[1:]
		act()
	}
}

// show writes down what the agent did, in the order of actions, events, log.
func (s *stage) show(o Output) {
	line := func(who, format string, args ...any) {
		fmt.Fprintf(&s.out, "%8.3f  %-2s %s\n", s.at(), who, fmt.Sprintf(format, args...))
	}
	for _, n := range o.Net {
		switch n := n.(type) {
		case Send:
			line(s.who(n.Flow), "%s", s.take(n))
		case Open:
			s.flows[n.ID] = n
			s.opens = append(s.opens, n.ID)
			from := ""
			if n.Local.Port() != 0 {
				from = fmt.Sprintf(" from port %d", n.Local.Port())
			}
			if n.ServerName != "" && n.Transport == TLS {
				from += fmt.Sprintf(" as %s verify %v", n.ServerName, n.Verify)
			}
			line(s.who(Flow{n.Transport, n.ID, n.Local, n.Remote}), "open%s", from)
			s.actOnOpen(n)
		case Close:
			f := s.flows[n.ID]
			delete(s.flows, n.ID)
			line(s.who(Flow{f.Transport, n.ID, f.Local, f.Remote}), "close")
		case Query:
			line("", "asks DNS for %s %s", n.Question.Type, n.Question.Name)
		}
	}
	for _, e := range o.Events {
		if f, ok := e.(Found); ok {
			s.found = f.Answers
			continue
		}
		line("", "%s", s.event(e))
	}
	for _, l := range o.Log {
		line("", "· %s", l)
	}
}

func (s *stage) event(e Event) string {
	switch e := e.(type) {
	case Incoming:
		s.last = e.ID
		return fmt.Sprintf("Incoming %d line %d from %s %q to %s%s", e.ID, e.Line, e.From, e.FromName, e.To, quoteBody(e.Body))
	case Progress:
		return fmt.Sprintf("Progress %d: %d%s", e.ID, e.Code, quoteBody(e.Body))
	case Answered:
		return fmt.Sprintf("Answered %d%s", e.ID, quoteBody(e.Body))
	case Acked:
		return fmt.Sprintf("Acked %d%s", e.ID, quoteBody(e.Body))
	case Reoffer:
		return fmt.Sprintf("Reoffer %d%s", e.ID, quoteBody(e.Body))
	case Reanswered:
		return fmt.Sprintf("Reanswered %d: %d%s%s", e.ID, e.Code, quoteBody(e.Body), quoteCause(e.Cause))
	case InfoReceived:
		return fmt.Sprintf("InfoReceived %d %s%s", e.ID, e.Type, quoteBody(e.Body))
	case Ended:
		who := "by us"
		if e.Remote {
			who = "by them"
		}
		return fmt.Sprintf("Ended %d: %d %s, %s%s", e.ID, e.Code, e.Phrase, who, quoteCause(e.Cause))
	case Registration:
		text := fmt.Sprintf("Registration %d: %s", e.Line, e.State)
		if e.Code != 0 {
			text += " " + strconv.Itoa(e.Code)
		}
		return text + quoteCause(e.Cause)
	case Rerouted:
		return fmt.Sprintf("Rerouted %d", e.ID)
	case Notify:
		return fmt.Sprintf("Notify line %d %s %s %s%s", e.Line, e.Event, e.Params, e.Type, quoteBody(e.Body))
	}
	s.t.Fatalf("unknown event %T", e)
	return ""
}

// take notes a message the agent sent, checks it and sums it up.
func (s *stage) take(n Send) string {
	switch string(n.Data) {
	case "\r\n":
		return "CRLF"
	case "\r\n\r\n":
		s.actOnPing(n.Flow)
		return "ping"
	}
	v := Admit(n.Data, n.Flow.Transport != UDP)
	h := heard{who: strings.TrimSuffix(strings.TrimSuffix(s.who(n.Flow), "/tcp"), "/tls"), flow: n.Flow, req: v.Request, resp: v.Response, raw: n.Data}
	if v.Request == nil && v.Response == nil && !bytes.HasPrefix(n.Data, []byte("SIP/2.0 ")) {
		s.t.Errorf("the agent sends what no gate admits: %s\n%s", v.Why, n.Data)
		return "?"
	}
	again := ""
	key := n.Flow.Remote.String() + string(n.Data)
	if s.counts[key]++; s.counts[key] > 1 {
		again = " (again)"
	}
	if v.Response != nil || v.Request == nil {
		first, _, _ := strings.Cut(string(n.Data), "\r\n")
		var text strings.Builder
		text.WriteString(strings.TrimPrefix(first, "SIP/2.0 "))
		if h.resp != nil {
			s.peer.answered(h.resp)
			text.WriteString(" to " + string(h.resp.CSeq().MethodName))
			for _, name := range []string{"Retry-After", "Unsupported"} {
				if val := value(h.resp, name); val != "" {
					text.WriteString(" " + name + ": " + val)
				}
			}
			text.WriteString(quoteBody(h.resp.Body()))
		}
		return text.String() + again
	}
	s.check(h)
	s.sent = append(s.sent, h)
	s.actOn(h)
	var text strings.Builder
	text.WriteString(string(h.req.Method) + " " + h.req.Recipient.String())
	for _, r := range h.req.GetHeaders("Route") {
		text.WriteString(" via " + r.Value())
	}
	if h.req.Method == sipmsg.REGISTER {
		for _, c := range h.req.GetHeaders("Contact") {
			text.WriteString(" " + c.Value())
		}
		text.WriteString(" expires " + value(h.req, "Expires"))
	}
	text.WriteString(subscribes(h.req))
	if value(h.req, "Authorization")+value(h.req, "Proxy-Authorization") != "" {
		text.WriteString(" with credentials")
	}
	return text.String() + quoteBody(h.req.Body()) + again
}

// check holds a request against rules that are easily broken: CANCEL and the ACK to a failure go the way
// of their INVITE and have its branch; every request has what it must.
func (s *stage) check(h heard) {
	if h.req.MaxForwards() == nil || !strings.HasPrefix(branchOf(h.req), gateMagic) || fromTag(h.req) == "" {
		s.t.Errorf("incomplete request:\n%s", h.raw)
	}
	if h.req.Method == sipmsg.INVITE && h.req.Contact() == nil {
		s.t.Errorf("INVITE without Contact:\n%s", h.raw)
	}
	if h.req.Method != sipmsg.CANCEL && h.req.Method != sipmsg.ACK {
		return
	}
	found := false
	for _, o := range s.sent {
		if o.req.Method == sipmsg.INVITE && branchOf(o.req) == branchOf(h.req) {
			found = true
			if o.flow.Remote != h.flow.Remote || o.req.Recipient.String() != h.req.Recipient.String() || o.req.CSeq().SeqNo != h.req.CSeq().SeqNo {
				s.t.Errorf("%s does not follow its INVITE:\n%s", h.req.Method, h.raw)
			}
		}
	}
	if !found && h.req.Method == sipmsg.CANCEL {
		s.t.Errorf("CANCEL without its INVITE:\n%s", h.raw)
	}
}

func (s *stage) opened(opts map[string]string) {
	if len(s.opens) == 0 {
		s.t.Fatal("no connection was asked for")
	}
	id := s.opens[0]
	s.opens = s.opens[1:]
	port := s.flows[id].Local.Port()
	if port == 0 {
		port = 40000 + uint16(id)
	}
	local := netip.AddrPortFrom(s.local.Addr(), port)
	o := s.flows[id]
	o.Local = local
	s.flows[id] = o
	s.step(Opened{id, local})
}

// closed fails the connection asked for last, or ends the newest that stands; "to a: cause" means one to a.
func (s *stage) closed(cause string) {
	var id FlowID
	to, rest, named := strings.Cut(strings.TrimPrefix(cause, "to "), ": ")
	if named = named && strings.HasPrefix(cause, "to "); named {
		cause = rest
	}
	if len(s.opens) > 0 {
		id = s.opens[0]
		s.opens = s.opens[1:]
	} else {
		for f, o := range s.flows {
			if !named || s.names[o.Remote.Addr()] == to {
				id = max(id, f)
			}
		}
	}
	delete(s.flows, id)
	s.step(Closed{id, cause})
}

// dns answers a question: dns SRV _sip._udp.example.test 10:1:5060:a.example.test …, dns A name 10.0.0.1.
