package sip

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// bench is an agent with one line, and a place to throw single messages at it from.
type bench struct {
	t     *testing.T
	agent *Agent
	now   time.Time
	flow  Flow
	n     int
}

func newBench(t *testing.T, change func(*Config)) *bench {
	local := netip.MustParseAddrPort("0.0.0.0:5060")
	cfg := Config{
		Timers: DefaultTimers(), LocalAddrs: []netip.Addr{netip.MustParseAddr("10.0.0.50")}, Random: rand.NewChaCha8([32]byte{2}),
		Lines: []Line{{
			Number: 1, Enabled: true, User: "1001", AuthID: "ann", Password: "secret", Proxy: "10.0.0.1", Transport: "UDP",
			MakeCallWithoutReg: true, AnswerWithoutReg: true, Expires: time.Hour, Local: local,
		}},
	}
	if change != nil {
		change(&cfg)
	}
	b := &bench{t: t, agent: New(cfg), now: time.Unix(1e9, 0), flow: Flow{UDP, 0, local, netip.MustParseAddrPort("10.0.0.1:5060")}}
	b.agent.Step(b.now, Tick{})
	return b
}

// request is a good request that options change: "Name: value" replaces or adds a header, "-Name" removes it,
// "uri=" and "body=" the rest.
func (b *bench) request(method string, changes ...string) []byte {
	b.n++
	uri, body := "sip:1001@10.0.0.50", ""
	names := []string{"Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq"}
	headers := map[string]string{
		"Via": fmt.Sprintf("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKt%d;rport", b.n), "Max-Forwards": "70",
		"From": "<sip:1002@10.0.0.1>;tag=far", "To": "<sip:1001@10.0.0.1>", "Call-ID": fmt.Sprintf("c%d", b.n), "CSeq": "1 " + method,
	}
	if method == "INVITE" {
		headers["Contact"] = "<sip:1002@10.0.0.1>"
		names = append(names, "Contact")
	}
	for _, c := range changes {
		switch name, v, _ := strings.Cut(c, ": "); {
		case strings.HasPrefix(c, "uri="):
			uri = c[len("uri="):]
		case strings.HasPrefix(c, "body="):
			body = c[len("body="):]
		case strings.HasPrefix(c, "-"):
			delete(headers, c[1:])
		default:
			if _, ok := headers[name]; !ok {
				names = append(names, name)
			}
			headers[name] = v
		}
	}
	if body != "" && headers["Content-Type"] == "" {
		headers["Content-Type"] = "application/sdp"
		names = append(names, "Content-Type")
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s SIP/2.0\r\n", method, uri)
	for _, name := range names {
		if v, ok := headers[name]; ok {
			fmt.Fprintf(&s, "%s: %s\r\n", name, v)
		}
	}
	fmt.Fprintf(&s, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return []byte(s.String())
}

func (b *bench) receive(data []byte) (Output, []*sipmsg.Response) {
	out := b.agent.Step(b.now, Received{b.flow, data})
	var responses []*sipmsg.Response
	for _, n := range out.Net {
		if s, ok := n.(Send); ok && strings.HasPrefix(string(s.Data), "SIP/2.0 ") {
			v := Admit(s.Data, false)
			if v.Response == nil {
				b.t.Fatalf("the agent answers what no gate admits: %s\n%s", v.Why, s.Data)
			}
			responses = append(responses, v.Response)
		}
	}
	return out, responses
}

func TestEveryAnswerToARequestOutsideACall(t *testing.T) {
	for _, tt := range []struct {
		sentence string
		request  []string // method and changes
		code     int      // the last response; 0: none
		header   string   // that must be in it
	}{
		{"a call gets 100 at once", []string{"INVITE", "body=v=0"}, 100, ""},
		{"a call without SDP asks for our offer", []string{"INVITE"}, 100, ""},
		{"a call without From tag is of RFC 2543", []string{"INVITE", "From: <sip:1002@10.0.0.1>", "Via: SIP/2.0/UDP 10.0.0.1"}, 100, ""},
		{"a user in escapes is the same user", []string{"INVITE", "uri=sip:1%30%301@10.0.0.50"}, 100, ""},
		{"a Request-URI without user means the line of the socket", []string{"INVITE", "uri=sip:10.0.0.50"}, 100, ""},
		{"Max-Forwards 0 is enough for who is meant", []string{"INVITE", "Max-Forwards: 0"}, 100, ""},
		{"a URI of parameters is still ours", []string{"OPTIONS", "uri=sip:1001@10.0.0.50;transport=udp;x"}, 200, "Allow: " + allowed},
		{"OPTIONS says what we accept", []string{"OPTIONS"}, 200, "Accept: application/sdp"},
		{"OPTIONS says what we support", []string{"OPTIONS"}, 200, "Supported: path"},
		{"OPTIONS says which events we take", []string{"OPTIONS"}, 200, "Allow-Events: " + events},
		{"a bad request gets 400 of the gate", []string{"OPTIONS", "Max-Forwards: 300"}, 400, ""},
		{"another CSeq method gets 400", []string{"OPTIONS", "CSeq: 1 INVITE"}, 400, ""},
		{"an unknown user gets 404", []string{"INVITE", "uri=sip:nobody@10.0.0.50"}, 404, ""},
		{"REGISTER is not for us", []string{"REGISTER"}, 405, "Allow: " + allowed},
		{"UPDATE is not for us", []string{"UPDATE"}, 405, "Allow: " + allowed},
		{"REFER is not for us yet", []string{"REFER", "Refer-To: <sip:x@y>"}, 405, "Allow: " + allowed},
		{"SUBSCRIBE is not for us yet", []string{"SUBSCRIBE", "Event: dialog"}, 405, "Allow: " + allowed},
		{"MESSAGE is not for us", []string{"MESSAGE", "Content-Type: text/plain", "body=hi"}, 405, "Allow: " + allowed},
		{"PRACK is not for us", []string{"PRACK"}, 405, "Allow: " + allowed},
		{"a caller who cannot read SDP gets 406", []string{"INVITE", "Accept: text/nobodyKnowsThis", "body=v=0"}, 406, ""},
		{"who accepts anything accepts SDP", []string{"INVITE", "Accept: text/html, */*;q=0.1", "body=v=0"}, 100, ""},
		{"another body gets 415", []string{"INVITE", "Content-Type: application/unknownformat", "body=x"}, 415, "Accept: application/sdp"},
		{"another body that may be ignored is", []string{"INVITE", "Content-Type: application/unknownformat", "Content-Disposition: x;handling=optional", "body=x"}, 100, ""},
		{"a packed body gets 415", []string{"INVITE", "Content-Encoding: gzip", "body=x"}, 415, "Accept-Encoding: identity"},
		{"an unknown scheme gets 416", []string{"OPTIONS", "uri=nobodyKnowsThisScheme:totallyopaquecontent"}, 416, ""},
		{"a tel URI gets 416", []string{"INVITE", "uri=tel:+1234"}, 416, ""},
		{"an extension we lack gets 420", []string{"INVITE", "Require: 100rel, path, nothing"}, 420, "Unsupported: 100rel, nothing"},
		{"an extension proxies need is not our business", []string{"OPTIONS", "Proxy-Require: nothing"}, 200, ""},
		{"BYE of no call gets 481", []string{"BYE"}, 481, ""},
		{"BYE of another call gets 481", []string{"BYE", "To: <sip:1001@10.0.0.1>;tag=gone"}, 481, ""},
		{"INFO of no call gets 481", []string{"INFO"}, 481, ""},
		{"INVITE of a call we do not know gets 481", []string{"INVITE", "To: <sip:1001@10.0.0.1>;tag=gone"}, 481, ""},
		{"CANCEL of nothing gets 481", []string{"CANCEL"}, 481, ""},
		{"ACK of nothing gets nothing", []string{"ACK"}, 0, ""},
		{"an unknown event gets 489", []string{"NOTIFY", "Event: presence"}, 489, "Allow-Events: " + events},
		{"no event gets 489", []string{"NOTIFY"}, 489, ""},
		{"voice mail is news", []string{"NOTIFY", "Event: message-summary"}, 200, ""},
		{"an unknown method gets 501", []string{"NEWMETHOD"}, 501, "Allow: " + allowed},
		{"a method is upper or lower case", []string{"invite"}, 501, ""},
	} {
		t.Run(strings.ReplaceAll(tt.sentence, " ", "_"), func(t *testing.T) {
			b := newBench(t, func(c *Config) { c.BlockNonproxy = true })
			_, got := b.receive(b.request(tt.request[0], tt.request[1:]...))
			code := 0
			if len(got) > 0 {
				code = got[len(got)-1].StatusCode
			}
			if code != tt.code {
				t.Fatalf("%s: got %d, want %d", tt.sentence, code, tt.code)
			}
			if code == 0 {
				return
			}
			last := got[len(got)-1]
			if tt.header != "" && !strings.Contains(last.String(), "\r\n"+tt.header+"\r\n") {
				t.Errorf("%s: no %q in\n%s", tt.sentence, tt.header, last)
			}
			if code > 100 && toTag(last) == "" {
				t.Errorf("%s: no To tag", tt.sentence)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	b := newBench(t, nil)
	data := strings.Replace(string(b.request("OPTIONS")), "SIP/2.0\r\n", "SIP/7.0\r\n", 1)
	_, got := b.receive([]byte(data))
	if len(got) != 1 || got[0].StatusCode != 505 {
		t.Errorf("SIP/7.0: got %v, want 505", got)
	}
}

func TestToTagIsTheSameForEveryResponse(t *testing.T) {
	b := newBench(t, nil)
	invite := b.request("INVITE", "body=v=0")
	out, _ := b.receive(invite)
	id := out.Events[len(out.Events)-1].(Incoming).ID
	tags := map[string]bool{}
	note := func(out Output) {
		for _, n := range out.Net {
			if s, ok := n.(Send); ok {
				if v := Admit(s.Data, false); v.Response != nil && v.Response.StatusCode > 100 {
					tags[toTag(v.Response)] = true
				}
			}
		}
	}
	note(b.agent.Step(b.now, Ring{id}))
	note(b.agent.Step(b.now, Received{b.flow, invite}))
	cancel := strings.NewReplacer("INVITE sip", "CANCEL sip", "1 INVITE", "1 CANCEL").Replace(string(b.request("INVITE")))
	b.n--
	note(b.agent.Step(b.now, Received{b.flow, []byte(strings.NewReplacer(fmt.Sprintf("z9hG4bKt%d", b.n+1), fmt.Sprintf("z9hG4bKt%d", b.n), fmt.Sprintf("c%d", b.n+1), fmt.Sprintf("c%d", b.n)).Replace(cancel))}))
	b.now = b.now.Add(time.Second)
	note(b.agent.Step(b.now, Tick{}))
	if len(tags) != 1 {
		t.Errorf("To tags %v, want one for 180, its repetition, the 200 to CANCEL and 487", tags)
	}
}

func TestResponsesGoBackWhereTheRequestCameFrom(t *testing.T) {
	for _, tt := range []struct {
		sentence, via, from, want, params string
	}{
		{"with rport to the source", "SIP/2.0/UDP 192.168.1.9:5062;branch=z9hG4bK1;rport", "203.0.113.5:61000", "203.0.113.5:61000", "received=203.0.113.5;rport=61000"},
		{"without rport to the port of the Via", "SIP/2.0/UDP 192.168.1.9:5062;branch=z9hG4bK1", "203.0.113.5:61000", "203.0.113.5:5062", "received=203.0.113.5"},
		{"without any port to 5060", "SIP/2.0/UDP 192.168.1.9;branch=z9hG4bK1", "203.0.113.5:61000", "203.0.113.5:5060", "received=203.0.113.5"},
		{"maddr of a stranger is not obeyed", "SIP/2.0/UDP 192.168.1.9;maddr=255.255.255.255;branch=z9hG4bK1", "203.0.113.5:61000", "203.0.113.5:5060", "received=203.0.113.5"},
		{"received of the sender is not believed", "SIP/2.0/UDP 10.9.9.9:5060;received=8.8.8.8;branch=z9hG4bK1;rport", "10.9.9.9:5060", "10.9.9.9:5060", "received=10.9.9.9;rport=5060"},
		{"IPv6", "SIP/2.0/UDP [2001:db8::9]:5062;branch=z9hG4bK1;rport", "[2001:db8::9]:5062", "[2001:db8::9]:5062", "received=2001:db8::9;rport=5062"},
	} {
		b := newBench(t, nil)
		b.flow.Remote = netip.MustParseAddrPort(tt.from)
		out := b.agent.Step(b.now, Received{b.flow, b.request("OPTIONS", "Via: "+tt.via)})
		if len(out.Net) != 1 {
			t.Fatalf("%s: got %v", tt.sentence, out.Net)
		}
		s := out.Net[0].(Send)
		if s.Flow.Remote.String() != tt.want {
			t.Errorf("%s: sent to %s, want %s", tt.sentence, s.Flow.Remote, tt.want)
		}
		v := Admit(s.Data, false)
		for want := range strings.SplitSeq(tt.params, ";") {
			name, val, _ := strings.Cut(want, "=")
			if got, _ := v.Response.Via().Params.Get(name); got != val {
				t.Errorf("%s: Via %s: %s is %q, want %q", tt.sentence, v.Response.Via().Value(), name, got, val)
			}
		}
	}
}

func TestKeepAlive(t *testing.T) {
	b := newBench(t, nil)
	if out := b.agent.Step(b.now, Received{b.flow, []byte("\r\n\r\n")}); len(out.Net) != 0 {
		t.Errorf("a CRLF datagram was answered: %v", out.Net)
	}
	f := Flow{TCP, 2, netip.MustParseAddrPort("10.0.0.50:5060"), netip.MustParseAddrPort("10.0.0.1:33000")}
	out := b.agent.Step(b.now, Received{f, []byte("\r\n\r\n")})
	if len(out.Net) != 1 || string(out.Net[0].(Send).Data) != "\r\n" || out.Net[0].(Send).Flow.ID != 2 {
		t.Errorf("a ping on a connection got %v, want one CRLF", out.Net)
	}
	if out := b.agent.Step(b.now, Received{f, []byte("\r\n")}); len(out.Net) != 0 {
		t.Errorf("a pong was answered: %v", out.Net)
	}
}

func TestNotifyThatReboots(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Lines[0].AuthResyncReboot = true })
	out, got := b.receive(b.request("NOTIFY", "Event: reboot"))
	if len(got) != 1 || got[0].StatusCode != 401 || len(out.Events) != 0 {
		t.Fatalf("a reboot without a password: %v, events %v", got, out.Events)
	}
	var s authSession
	if again, why := s.learn(got[0], false); !again {
		t.Fatalf("the challenge is not usable: %s", why)
	}
	try := func(password Secret) (int, []Event) {
		v := Admit(b.request("NOTIFY", "Event: reboot"), false)
		if err := s.authorize(v.Request, "ann", password, rand.NewChaCha8([32]byte{3})); err != nil {
			t.Fatal(err)
		}
		out, got := b.receive([]byte(v.Request.String()))
		return got[0].StatusCode, out.Events
	}
	if code, events := try("guess"); code != 401 || len(events) != 0 {
		t.Errorf("a wrong password: %d, %v", code, events)
	}
	if code, events := try("secret"); code != 200 || len(events) != 1 || events[0].(Notify).Event != "reboot" {
		t.Errorf("the right password: %d, %v", code, events)
	}
}

func (b *bench) wantCode(sentence string, code int, data []byte) *sipmsg.Response {
	b.t.Helper()
	_, got := b.receive(data)
	if len(got) == 0 || got[len(got)-1].StatusCode != code {
		b.t.Fatalf("%s: got %v, want %d", sentence, got, code)
	}
	return got[len(got)-1]
}

// answer takes a call and returns what a BYE in it has to carry.
func (b *bench) answer() []string {
	b.t.Helper()
	invite := b.request("INVITE", "body=v=0")
	id := fmt.Sprintf("Call-ID: c%d", b.n)
	out, _ := b.receive(invite)
	call := out.Events[len(out.Events)-1].(Incoming).ID
	out = b.agent.Step(b.now, Accept{ID: call, Body: []byte("v=0")})
	to := "To: " + Admit(out.Net[0].(Send).Data, false).Response.To().Value()
	b.receive(b.request("ACK", id, to))
	return []string{id, to, "CSeq: 2 BYE"}
}

func TestAFloodOfRequestsLeavesRoom(t *testing.T) {
	b := newBench(t, nil)
	bye := b.answer()
	proxy := b.flow
	for i := range 5000 {
		b.flow.Remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 5060)
		b.wantCode("anyone is answered", 200, b.request("OPTIONS"))
	}
	if n := len(b.agent.serverTxs); n != maxServerTxs {
		t.Errorf("%d transactions are kept, want %d", n, maxServerTxs)
	}
	b.flow = proxy
	last := b.request("OPTIONS")
	b.wantCode("the newest request", 200, last)
	again := b.wantCode("the newest request, repeated", 200, last)
	if other := b.wantCode("and once more", 200, last); toTag(again) != toTag(other) {
		t.Error("the newest answer was forgotten")
	}
	data := b.request("BYE", bye...)
	b.wantCode("the far end hangs up", 200, data)
	b.wantCode("a call comes", 100, b.request("INVITE", "body=v=0"))
	for range maxServerTxs {
		b.receive(b.request("OPTIONS"))
	}
	b.wantCode("a BYE is remembered for longer than what strangers sent", 200, data)
	for range maxCalls + maxServerTxs {
		b.receive(b.request("INVITE"))
	}
	b.wantCode("INVITEs that were refused and never acknowledged leave room as well", 486, b.request("INVITE"))
	b.now = b.now.Add(time.Minute)
	b.agent.Step(b.now, Tick{})
	if n := b.agent.doneTxs.strangers.Len() + b.agent.doneTxs.insiders.Len(); n != 0 {
		t.Errorf("%d transactions are left in the queues", n)
	}
}

func TestServerTransactionsAreBounded(t *testing.T) {
	b := newBench(t, nil)
	running := b.answer()
	for range maxServerTxs - 1 {
		b.wantCode("the far end hangs up", 200, b.request("BYE", b.answer()...))
	}
	b.wantCode("no room, and nothing that could go", 503, b.request("OPTIONS"))
	b.wantCode("no room for a call either", 503, b.request("INVITE"))
	b.wantCode("room for what belongs to a call", 200, b.request("BYE", running...))
	if n := len(b.agent.serverTxs); n > maxServerTxs+reservedTxs {
		t.Errorf("%d transactions are kept", n)
	}
	b.now = b.now.Add(time.Minute)
	b.agent.Step(b.now, Tick{})
	if n := len(b.agent.serverTxs) + len(b.agent.merges); n != 0 {
		t.Errorf("%d transactions are left after timers J and L", n)
	}
}

func TestCallsAreBounded(t *testing.T) {
	b := newBench(t, nil)
	for range maxCalls {
		b.receive(b.request("INVITE"))
	}
	if _, got := b.receive(b.request("INVITE")); got[len(got)-1].StatusCode != 486 {
		t.Errorf("one call too many got %d, want 486", got[len(got)-1].StatusCode)
	}
	out := b.agent.Step(b.now, Invite{ID: 1, Line: 1, To: "1002"})
	if e, ok := out.Events[0].(Ended); !ok || e.Code != 503 {
		t.Errorf("a call of ours too many: %v", out.Events)
	}
}

func TestAcceptedConnectionsAreBounded(t *testing.T) {
	b := newBench(t, nil)
	var closed []FlowID
	for i := range maxAccepted + 5 {
		b.flow = Flow{TCP, FlowID(2 * (i + 1)), netip.MustParseAddrPort("10.0.0.50:5060"), netip.MustParseAddrPort("10.0.0.1:33000")}
		out, _ := b.receive(b.request("OPTIONS", "Via: SIP/2.0/TCP 10.0.0.1;branch=z9hG4bK"+fmt.Sprint(i)))
		for _, n := range out.Net {
			if c, ok := n.(Close); ok {
				closed = append(closed, c.ID)
			}
		}
	}
	if fmt.Sprint(closed) != "[2 4 6 8 10]" || len(b.agent.flows) != maxAccepted {
		t.Errorf("closed %v, %d left; want the five oldest closed", closed, len(b.agent.flows))
	}
}

func TestMatchesCode(t *testing.T) {
	for _, tt := range []struct {
		templates string
		code      int
		want      bool
	}{
		{"", 503, false}, {"503", 503, true}, {"503", 500, false}, {"5??", 599, true}, {"5?", 503, false}, {"5*", 503, true},
		{"404, 5*", 404, true}, {"404, 5*", 488, false}, {"61?", 612, true}, {"*", 200, true}, {"407,408,487,481", 487, true}, {" 503 ", 503, true},
	} {
		if got := matchesCode(tt.templates, tt.code); got != tt.want {
			t.Errorf("%q and %d: %v", tt.templates, tt.code, got)
		}
	}
}

func TestRefreshAfter(t *testing.T) {
	for _, tt := range []struct{ granted, want time.Duration }{
		{3600 * time.Second, 2795520 * time.Millisecond}, // reference A.6: about 2795 s
		{60 * time.Second, 34320 * time.Millisecond},
		{44 * time.Second, 22 * time.Second},
		{10 * time.Second, 5 * time.Second},
		{time.Second, 500 * time.Millisecond},
	} {
		if got := refreshAfter(tt.granted, 16*time.Second); got != tt.want {
			t.Errorf("granted %v: refreshed after %v, want %v", tt.granted, got, tt.want)
		}
	}
}

func TestCallerID(t *testing.T) {
	headers := []string{`P-Asserted-Identity: "Desk" <sip:200@example.test>, <tel:+1>`, `Remote-Party-ID: "Rpid" <sip:300@example.test>;party=calling`}
	for order, want := range map[string]string{"": "200 Desk", "RPID-PAID-FROM": "300 Rpid", "FROM": "1002 ", "PAID-FROM": "200 Desk"} {
		b := newBench(t, func(c *Config) { c.CallerID = order })
		out, _ := b.receive(b.request("INVITE", headers...))
		e := out.Events[0].(Incoming)
		if got := e.From + " " + e.FromName; got != want {
			t.Errorf("Caller_ID_Header %q: %q, want %q", order, got, want)
		}
	}
}

func TestUserParts(t *testing.T) {
	for user, want := range map[string]string{"*72#": "*72%23", "a b": "a%20b", "+44": "+44", "50%": "50%25", "a%20b": "a%20b", `q"<>`: "q%22%3C%3E"} {
		if got := escapeUser(user); got != want {
			t.Errorf("%q is written %q, want %q", user, got, want)
		}
	}
}

// Without Block_Nonproxy_SIP the phone answers anyone, whomever they ask for, as long as it has a line in service.
func TestAPhoneThatAnswersAnyone(t *testing.T) {
	for _, request := range [][]string{{"uri=sip:nobody@10.0.0.50"}, {"To: <sip:1001@10.0.0.1>;tag=gone"}} {
		b := newBench(t, nil)
		if _, got := b.receive(b.request("INVITE", request...)); got[len(got)-1].StatusCode != 100 {
			t.Errorf("%v: got %d, want 100", request, got[len(got)-1].StatusCode)
		}
		b = newBench(t, func(c *Config) { c.Lines[0].Enabled = false })
		if _, got := b.receive(b.request("INVITE", request...)); got[len(got)-1].StatusCode != 404 {
			t.Errorf("%v without a line in service: got %d, want 404", request, got[len(got)-1].StatusCode)
		}
	}
}

// Every message of RFC 4475 and RFC 5118 is answered as its index asks, by a phone that answers anyone. None of those
// that are wrong rings.
func TestTortureAtTheAgent(t *testing.T) {
	for _, c := range tortureCases(t) {
		b := newBench(t, nil)
		out := b.agent.Step(b.now, Received{b.flow, c.data})
		got := "discard"
		for _, n := range out.Net {
			if s, ok := n.(Send); ok {
				got, _, _ = strings.Cut(strings.TrimPrefix(string(s.Data), "SIP/2.0 "), " ")
			}
		}
		for _, e := range out.Events {
			if _, ok := e.(Incoming); ok {
				got = "accept"
			}
		}
		if slices.Contains(c.expect, "accept-resp") && got == "discard" || slices.Contains(c.expect, "any") && got != "accept" {
			continue
		}
		if !slices.Contains(c.expect, got) {
			t.Errorf("%s: got %s, want %v", c.file, got, c.expect)
		}
	}
}

// A peer of RFC 2543 has no unique branch: repetition, CANCEL and ACK are matched by the rest. RFC 3261 section 17.2.3.
func TestPeersOfRFC2543(t *testing.T) {
	b := newBench(t, nil)
	old := []string{"Via: SIP/2.0/UDP 10.0.0.1:5060", "Call-ID: old"}
	invite := b.request("INVITE", old...)
	out, _ := b.receive(invite)
	id := out.Events[0].(Incoming).ID
	if out, got := b.receive(invite); len(out.Events) != 0 || len(got) != 1 || got[0].StatusCode != 100 {
		t.Errorf("the INVITE again: %v, %v", out.Events, got)
	}
	b.agent.Step(b.now, Ring{id})
	out, got := b.receive(b.request("CANCEL", old...))
	if len(got) != 2 || got[0].StatusCode != 200 || got[1].StatusCode != 487 || len(out.Events) != 1 {
		t.Fatalf("its CANCEL: %v, %v", out.Events, got)
	}
	b.receive(b.request("ACK", append(old, "To: "+got[1].To().Value())...))
	b.now = b.now.Add(2 * time.Second)
	if out := b.agent.Step(b.now, Tick{}); len(out.Net) != 0 {
		t.Errorf("its ACK did not end the 487: %v", out.Net)
	}
}

// With the same randomness the same inputs lead to the same outputs, whatever the order of maps.
func TestRepeatable(t *testing.T) {
	play := func() string {
		b := newBench(t, func(c *Config) {
			for i := range 4 {
				l := c.Lines[0]
				l.Number, l.Register, l.User = i+2, true, fmt.Sprint(2000+i)
				c.Lines = append(c.Lines, l)
			}
		})
		var all strings.Builder
		step := func(in Input) { fmt.Fprintf(&all, "%+v\n", b.agent.Step(b.now, in)) }
		for i := range 6 {
			step(Invite{ID: ID(2*i + 1), Line: i%5 + 1, To: fmt.Sprint(i)})
		}
		for range 10 {
			b.now = b.now.Add(700 * time.Millisecond)
			step(Tick{})
		}
		step(Unreachable{Remote: b.flow.Remote, Cause: "refused"})
		step(Configure{Config{Timers: DefaultTimers()}})
		step(Shutdown{})
		return all.String()
	}
	first := play()
	for range 5 {
		if play() != first {
			t.Fatal("two runs differ")
		}
	}
}

func TestUnknownUser(t *testing.T) {
	b := newBench(t, func(c *Config) { c.BlockNonproxy = true })
	_, got := b.receive(b.request("INVITE", "uri=sip:nobody@10.0.0.50"))
	if len(got) == 0 || got[len(got)-1].StatusCode != 404 {
		t.Errorf("our own server asks for somebody who is not here: got %v, want 404", got)
	}
}
