//go:build e2e

package e2e

import (
	"embed"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"
)

const traceLimit = 12000 // characters of a trace that are shown when a test fails

//go:embed testdata/scen
var scenarios embed.FS

// sippOptions says what a SIPp peer does.
type sippOptions struct {
	scenario string         // file in testdata/scen, without .xml
	values   map[string]any // for the template; SDP is filled in when missing
	calls    int            // default 1
	rate     int            // calls per second, default 1
	limit    int            // calls at a time, default no limit
	tcp      bool
	ipv6     bool
	csv      string // lines for the injection file
	to       string // caller: the number to call
	via      string // caller: host:port of the next hop, default the proxy
	patience time.Duration
}

// sipp is a running SIPp: a callee that waits for calls, or a caller that makes them.
type sipp struct {
	*process
	t        testing.TB
	addr     netip.AddrPort
	number   string // a callee is reached under this number
	dir      string
	patience time.Duration
}

// mediaLines is a session description of SIPp's side. Address and port are SIPp's own unless given.
type mediaLines struct {
	rtp       netip.AddrPort // where the media is, if not at SIPp itself
	codecs    string         // payload numbers, default "0 8 101"
	ptime     int            // milliseconds; 0: none named
	direction string
	version   int
}

var codecLines = map[string]string{"0": "PCMU/8000", "8": "PCMA/8000", "9": "G722/8000", "18": "G729/8000", "96": "telephone-event/8000", "101": "telephone-event/8000"}

func (m mediaLines) String() string {
	address, port := "IP[media_ip_type] [media_ip]", "[media_port]"
	if m.rtp.IsValid() {
		address, port = "IP4 "+m.rtp.Addr().String(), strconv.Itoa(int(m.rtp.Port()))
		if m.rtp.Addr().Is6() {
			address = "IP6 " + m.rtp.Addr().String()
		}
	}
	if m.codecs == "" {
		m.codecs = "0 8 101"
	}
	lines := []string{"v=0", fmt.Sprintf("o=sipp 1 %d IN %s", m.version+1, address), "s=-", "c=IN " + address, "t=0 0",
		"m=audio " + port + " RTP/AVP " + m.codecs}
	for payload := range strings.FieldsSeq(m.codecs) {
		lines = append(lines, "a=rtpmap:"+payload+" "+codecLines[payload])
		if strings.HasPrefix(codecLines[payload], "telephone-event") {
			lines = append(lines, "a=fmtp:"+payload+" 0-15")
		}
	}
	if m.ptime != 0 {
		lines = append(lines, "a=ptime:"+strconv.Itoa(m.ptime))
	}
	if m.direction != "" {
		lines = append(lines, "a="+m.direction)
	}
	return strings.Join(lines, "\n") + "\n"
}

// startSIPp returns once the peer listens.
func startSIPp(t testing.TB, o sippOptions) *sipp {
	t.Helper()
	s := &sipp{t: t, dir: lab.mkdir(t, "sipp-"+o.scenario), patience: o.patience}
	if s.patience == 0 {
		s.patience = 2 * patience
	}
	host := lab.peerHost(t)
	s.addr = lab.server(host, 5060)
	s.number = fmt.Sprintf("9%03d", host)
	transport := "u1"
	if o.tcp {
		s.number, transport = fmt.Sprintf("8%03d", host), "t1"
	}
	if o.ipv6 {
		s.addr = netip.AddrPortFrom(netip.IPv6Loopback(), freePort6(t))
		s.number = fmt.Sprintf("6%05d", s.addr.Port())
	}
	file := filepath.Join(s.dir, "scenario.xml")
	if err := os.WriteFile(file, []byte(scenarioText(t, o)), 0o600); err != nil {
		t.Fatal(err)
	}
	argv := []string{"sipp", "-sf", file, "-i", s.addr.Addr().String(), "-p", strconv.Itoa(int(s.addr.Port())), "-mi", s.addr.Addr().String(),
		"-t", transport, "-nostdin", "-m", strconv.Itoa(max(1, o.calls)), "-r", strconv.Itoa(max(1, o.rate)), "-timer_resol", "5",
		"-watchdog_interval", "0", "-ci", lab.server(host, 0).Addr().String(), "-cp", "8888",
		"-timeout", strconv.Itoa(int(s.patience.Seconds())), "-timeout_error", "-skip_rlimit",
		"-trace_msg", "-message_file", "messages.log", "-trace_err", "-error_file", "errors.log", "-trace_logs", "-log_file", "log.log"}
	if o.limit != 0 {
		argv = append(argv, "-l", strconv.Itoa(o.limit))
	}
	if o.csv != "" {
		if err := os.WriteFile(filepath.Join(s.dir, "calls.csv"), []byte("SEQUENTIAL\n"+o.csv), 0o600); err != nil {
			t.Fatal(err)
		}
		argv = append(argv, "-inf", "calls.csv")
	}
	if o.to != "" {
		if o.via == "" {
			o.via = lab.server(proxyHost, 5060).String()
			if o.ipv6 {
				o.via = fmt.Sprintf("[::1]:%d", lab.port6)
			}
		}
		argv = append(argv, "-s", o.to, o.via)
	}
	var err error
	if s.process, err = startProcess("sipp "+o.scenario, s.dir, nil, argv...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("%s at %v:\n%s", s.name, s.addr, s.trace())
		}
	})
	if o.to == "" {
		eventually(t, s.name+" listens", func() bool {
			if code, ended := s.exited(0); ended {
				t.Fatalf("%s ended with code %d:\n%s", s.name, code, s.log.tail(20))
			}
			return bound(s.addr, o.tcp)
		})
	}
	return s
}

// wantDone waits until all calls are over and demands that each went as the scenario says.
func (s *sipp) wantDone(sentence string) {
	s.t.Helper()
	code, ended := s.exited(s.patience)
	if !ended {
		s.t.Fatalf("%s: %s has not seen its calls through in %v", sentence, s.name, s.patience)
	}
	if code != 0 {
		s.t.Fatalf("%s: %s says %d (0 would be: as in the scenario)", sentence, s.name, code)
	}
}

// messages returns the SIP messages it sent and received.
func (s *sipp) messages() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "messages.log"))
	return string(text)
}

// received returns the requests it received that have this method, and responses if method begins with SIP/2.0.
func (s *sipp) received(method string) []string {
	var found []string
	for part := range strings.SplitSeq(s.messages(), "-----------------------------------------------") {
		head, text, ok := strings.Cut(part, "bytes :\n\n")
		if ok && strings.Contains(head, "message received") && strings.HasPrefix(text, method+" ") {
			found = append(found, text)
		}
	}
	return found
}

func (s *sipp) trace() string {
	errors, _ := os.ReadFile(filepath.Join(s.dir, "errors.log"))
	text := s.messages()
	if len(text) > traceLimit {
		text = "…" + text[len(text)-traceLimit:]
	}
	return string(errors) + text
}

// scenarioText fills in the template.
func scenarioText(t testing.TB, o sippOptions) string {
	t.Helper()
	values := map[string]any{"SDP": mediaLines{}.String(), "Extra": "", "From": "900"}
	for k, v := range o.values {
		values[k] = v
		if m, ok := v.(mediaLines); ok {
			values[k] = m.String()
		}
	}
	text, err := template.New(o.scenario+".xml").Funcs(messageFuncs).ParseFS(scenarios, "testdata/scen/"+o.scenario+".xml")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := text.Execute(&b, values); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// messageFuncs write the SIP messages of a scenario. A callee captures the INVITE first ({{capture}} in its recv),
// then {{reply "180 Ringing"}} answers that INVITE at any time, {{answer "200 OK"}} the request just received, and
// {{request "BYE" 2}} makes one of its own with this CSeq. A caller begins with {{invite SDP}} and {{ack 1 ""}}.
var messageFuncs = template.FuncMap{
	"capture": func(does ...string) string {
		var orders strings.Builder
		for _, what := range does { // the variable of that name is true when the called URI has do=WHAT
			fmt.Fprintf(&orders, "<ereg regexp=\"do=%s\" search_in=\"msg\" assign_to=%q/>\n", what, what)
		}
		return "<action>\n" + orders.String() + `
<ereg regexp=".*" search_in="hdr" header="Via:" occurrence="1" assign_to="via1"/>
<ereg regexp=".*" search_in="hdr" header="Via:" occurrence="2" assign_to="via2"/>
<ereg regexp=".*" search_in="hdr" header="Record-Route:" assign_to="route"/>
<ereg regexp=".*" search_in="hdr" header="From:" assign_to="remote"/>
<ereg regexp=".*" search_in="hdr" header="To:" assign_to="local"/>
<ereg regexp=".*" search_in="hdr" header="CSeq:" assign_to="cseq"/>
</action>`
	},
	"references": func() string { return `<Reference variables="via1,via2,route,remote,local,cseq"/>` },
	"reply": func(status string, body ...string) string {
		lines := []string{"SIP/2.0 " + status, "Via:[$via1]"}
		lines = append(lines, "Via:[$via2]", "Record-Route:[$route]", "From:[$remote]", "To:[$local]"+localTag, "Call-ID: [call_id]", "CSeq:[$cseq]", contactLine)
		return send(strings.HasPrefix(status, "1"), lines, body...)
	},
	"directreply": func(status string, body ...string) string { // without a proxy between: one Via, no Record-Route
		return send(strings.HasPrefix(status, "1"), []string{"SIP/2.0 " + status, "Via:[$via1]", "From:[$remote]", "To:[$local]" + localTag, "Call-ID: [call_id]", "CSeq:[$cseq]", contactLine}, body...)
	},
	"answer": func(status string, body ...string) string {
		return send(true, []string{"SIP/2.0 " + status, "[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]", contactLine}, body...)
	},
	"request": func(method string, cseq int, body ...string) string {
		return send(method == "ACK", []string{method + " [next_url] SIP/2.0", viaLine(cseq, method), "[routes]", "From:[$local]" + localTag, "To:[$remote]",
			"Call-ID: [call_id]", fmt.Sprintf("CSeq: %d %s", cseq, method), "Max-Forwards: 70", contactLine}, body...)
	},
	"invite": func(from, extra string, body ...string) string {
		return send(false, callerLines("INVITE", from, extra), body...)
	},
	"cancel": func(from string) string { return send(false, callerLines("CANCEL", from, "")) },
	"rejected": func(from string) string { // ACK of a final response other than 2xx: same branch, same To
		lines := callerLines("ACK", from, "")
		i := slices.IndexFunc(lines, func(s string) bool { return strings.HasPrefix(s, "To:") })
		lines[i] = "[last_To:]"
		return send(true, lines)
	},
	"indialog": func(method string, cseq int, from string, body ...string) string { // by a caller; To from {{peer}}
		return send(method == "ACK", []string{method + " [next_url] SIP/2.0", viaLine(cseq, method), "[routes]", fromLine(from), "To:[$peer]",
			"Call-ID: [call_id]", fmt.Sprintf("CSeq: %d %s", cseq, method), "Max-Forwards: 70", contactLine}, body...)
	},
	"peer": func() string {
		return `<action><ereg regexp=".*" search_in="hdr" header="To:" assign_to="peer"/></action>`
	},
}

const (
	localTag    = ";tag=[pid]-[call_number]"
	contactLine = "Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>"
)

func fromLine(from string) string {
	return fmt.Sprintf("From: <sip:%s@example.test>%s", from, localTag)
}

// viaLine names the branch by the CSeq alone, so that a CANCEL and an ACK belong to their INVITE.
func viaLine(cseq int, method string) string {
	if method == "ACK" {
		method = "A"
	} else if method == "CANCEL" {
		method = "INVITE"
	}
	return fmt.Sprintf("Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-%d%s;rport", cseq, method)
}

func callerLines(method, from, extra string) []string {
	via := viaLine(1, "INVITE")
	lines := []string{method + " sip:[service]@example.test SIP/2.0", via, fromLine(from), "To: <sip:[service]@example.test>",
		"Call-ID: [call_id]", "CSeq: 1 " + method, "Max-Forwards: 70"}
	if method == "INVITE" {
		lines = append(lines, contactLine, "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO")
	}
	if extra != "" {
		lines = append(lines, extra)
	}
	return lines
}

// send is the XML element of one message; once: it is not retransmitted.
func send(once bool, lines []string, body ...string) string {
	retransmit := ` retrans="500"`
	if once {
		retransmit = ""
	}
	text := strings.Join(lines, "\n")
	if len(body) > 0 && body[0] != "" {
		return "<send" + retransmit + "><![CDATA[\n" + text + "\nContent-Type: application/sdp\nContent-Length: [len]\n\n" + body[0] + "\n]]></send>"
	}
	return "<send" + retransmit + "><![CDATA[\n" + text + "\nContent-Length: 0\n\n]]></send>"
}

// Specification constant: the state of a listening socket in /proc/net/tcp.
const tcpListen = "0A"

// bound reports whether a UDP socket of this machine has the address, or a TCP socket listens at it: Linux lists them
// in /proc/net.
func bound(addr netip.AddrPort, tcp bool) bool {
	table := "/proc/net/udp"
	if tcp {
		table = "/proc/net/tcp"
	}
	if addr.Addr().Is6() {
		table += "6"
	}
	ip := addr.Addr().AsSlice()
	for i := 0; i < len(ip); i += 4 {
		slices.Reverse(ip[i : i+4]) // printed as 32-bit words of this (little-endian) machine
	}
	local := fmt.Sprintf("%s:%04X", strings.ToUpper(hex.EncodeToString(ip)), addr.Port())
	text, err := os.ReadFile(table)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 3 && f[1] == local && (!tcp || f[3] == tcpListen) {
			return true
		}
	}
	return false
}
