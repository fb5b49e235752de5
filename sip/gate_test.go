package sip

import (
	"net/netip"
	"strings"
	"testing"

	sipmsg "github.com/emiago/sipgo/sip"
)

// gateLinesOK is an ordinary OPTIONS, line by line; gateMessageOf changes it.
var gateLinesOK = []string{
	"OPTIONS sip:bob@192.0.2.9 SIP/2.0",
	"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK7",
	"Max-Forwards: 70",
	"From: <sip:alice@example.test>;tag=a",
	"To: <sip:bob@example.test>",
	"Call-ID: c@192.0.2.1",
	"CSeq: 1 OPTIONS",
	"Content-Length: 0",
}

// gateMessageOf is the ordinary OPTIONS with each line replaced that has the name of a changed one; other lines are added.
// A change "Name" without a colon removes the line; one with a space and no colon before it is a new start line.
func gateMessageOf(changes ...string) []byte {
	lines := append([]string(nil), gateLinesOK...)
	for _, c := range changes {
		name, _, colon := strings.Cut(c, ":")
		if strings.HasSuffix(c, "SIP/2.0") || strings.HasPrefix(c, "SIP/") {
			lines[0] = c
			continue
		}
		found := false
		for i, l := range lines[1:] {
			if n, _, _ := strings.Cut(l, ":"); strings.EqualFold(n, strings.TrimSpace(name)) {
				found = true
				lines[i+1] = c
				if !colon {
					lines = append(lines[:i+1], lines[i+2:]...)
				}
				break
			}
		}
		if !found {
			lines = append(lines, c)
		}
	}
	return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n")
}

// The gate accepts every valid spelling and hands on one.
func TestAdmitSettlesTheSpelling(t *testing.T) {
	for _, c := range []struct{ sentence, change, name, want string }{
		{"white space around separators goes", "From: \"A\" <sip:a@b> ; tag = x", "From", `"A" <sip:a@b>;tag=x`},
		{"a display name without quotes gets them", "From: A. Bell <sip:a@b>;tag=x", "From", `"A. Bell" <sip:a@b>;tag=x`},
		{"a display name may touch the bracket", "From: caller<sip:a@b>;tag=x", "From", `"caller" <sip:a@b>;tag=x`},
		{"an escaped quote stays escaped", `From: "a \" <b" <sip:a@b>;tag=x`, "From", `"a \" <b" <sip:a@b>;tag=x`},
		{"a bare URI gets brackets, its parameters are the header's", "From: sip:a@b;tag=x", "From", "<sip:a@b>;tag=x"},
		{"a name we know is handed on in lower case", "From: <sip:a@b>;TAG=X", "From", "<sip:a@b>;tag=X"},
		{"a name we do not know keeps its case", "Record-Route: <sip:p;LR;Hpt=8e_16;CxtId=4>", "Record-Route", "<sip:p;lr;Hpt=8e_16;CxtId=4>"},
		{"an escaped name we know is unescaped", "Contact: <sip:a@b;%6C%72>", "Contact", "<sip:a@b;lr>"},
		{"a compact name is written out", "m: <sip:a@b>", "Contact", "<sip:a@b>"},
		{"the scheme is handed on in lower case", "Contact: <SIPS:a@b>", "Contact", "<sips:a@b>"},
		{"a quoted parameter with white space keeps its quotes", `Contact: <sip:a@b>;x="c d";y=1`, "Contact", `<sip:a@b>;x="c d";y=1`},
		{"a quoted parameter with separators keeps its quotes", `Contact: <sip:a@b>;x="c;d=e,f"`, "Contact", `<sip:a@b>;x="c;d=e,f"`},
		{"an instance is left alone", `Contact: <sip:a@b>;+sip.instance="<urn:uuid:1>"`, "Contact", `<sip:a@b>;+sip.instance="<urn:uuid:1>"`},
		{"semicolons before the at sign are of the user", "Contact: <sip:u;par=1@b;lr>", "Contact", "<sip:u;par=1@b;lr>"},
		{"URI headers stay", "Refer-To: <sip:a@b?Replaces=x%40y&Z=>", "Refer-To", "<sip:a@b?Replaces=x%40y&Z>"},
		{"an address in a URI header may hold an at sign", "Refer-To: <sip:a@b?Replaces=x@y>", "Refer-To", "<sip:a@b?Replaces=x@y>"},
		{"three colons are two", "Contact: <sip:a@[2001:db8:::192.0.2.1]:5070>", "Contact", "<sip:a@[2001:db8::192.0.2.1]:5070>"},
		{"a mapped IPv4 address keeps its brackets in a Via", "Via: SIP/2.0/UDP [::ffff:192.0.2.1]:9;branch=z9hG4bK1", "Via", "SIP/2.0/UDP [::ffff:192.0.2.1]:9;branch=z9hG4bK1"},
		{"white space in a Via goes", "Via: SIP / 2.0 / UDP  h : 5061 ; branch = z9hG4bK1 ; rport", "Via", "SIP/2.0/UDP h:5061;branch=z9hG4bK1;rport"},
		{"folded lines are one line", "Via: SIP/2.0/UDP\r\n\th\r\n ;branch=\r\n z9hG4bK1", "Via", "SIP/2.0/UDP h;branch=z9hG4bK1"},
		{"leading zeros go", "CSeq: 0009   OPTIONS", "CSeq", "9 OPTIONS"},
		{"leading zeros go from hops", "Max-Forwards: 0068", "Max-Forwards", "68"},
		{"header names in any case are read", "mAx-fOrwArds : 5", "Max-Forwards", "5"},
		{"Event loses white space", "o: message-summary ; id = 7", "Event", "message-summary;id=7"},
		{"another scheme passes", "Contact: <tel:+1;phone-context=x>", "Contact", "<tel:+1;phone-context=x>"},
		{"any Contact is one", "Contact: *", "Contact", "*"},
		{"an unknown header is left alone", "New-Header: ;;,,;; ,", "New-Header", ";;,,;; ,"},
	} {
		v := Admit(gateMessageOf(c.change), false)
		if v.Request == nil {
			t.Errorf("%s: refused: %s", c.sentence, v.Why)
			continue
		}
		if h := v.Request.GetHeader(c.name); h == nil || h.Value() != c.want {
			t.Errorf("%s: got %v, want %s", c.sentence, h, c.want)
		}
	}
}

func TestAdmitTakesLongWays(t *testing.T) {
	for _, h := range []string{"Route: <sip:a;lr>", "Record-Route: <sip:a;lr>"} {
		_, one, _ := strings.Cut(h, ": ")
		if v := Admit(gateMessageOf(h+strings.Repeat(","+one, gateMaxRelays-1)), false); v.Request == nil {
			t.Errorf("%d times %s: %s", gateMaxRelays, h, v.Why)
		}
	}
}

func TestAdmitTakesListsApart(t *testing.T) {
	v := Admit(gateMessageOf(`Via: SIP/2.0/UDP a;branch=z9hG4bK1;x="1,2", SIP/2.0/TCP b`, `Contact: "C, D" <sip:c@d,e>, <sip:f@g>;q=0.1`), false)
	if v.Request != nil {
		t.Error("a comma in a host is refused")
	}
	v = Admit(gateMessageOf(`Via: SIP/2.0/UDP a;branch=z9hG4bK1;x="1,2", SIP/2.0/TCP b`, `Contact: "C, D" <sip:c,@d>, <sip:f@g>;q=0.1`), false)
	if v.Request == nil {
		t.Fatal(v.Why)
	}
	if n := len(v.Request.GetHeaders("Via")); n != 2 {
		t.Errorf("%d Via headers, want 2", n)
	}
	if n := len(v.Request.GetHeaders("Contact")); n != 2 {
		t.Errorf("%d Contact headers, want 2", n)
	}
}

func TestAdmitRefuses(t *testing.T) {
	long := strings.Repeat
	for _, c := range []struct {
		code     int // 0: not answered
		sentence string
		changes  []string
	}{
		{400, "no To", []string{"To"}},
		{400, "no From", []string{"From"}},
		{400, "no Call-ID", []string{"Call-ID"}},
		{400, "no CSeq", []string{"CSeq"}},
		{0, "no Via", []string{"Via"}},
		{400, "two From", []string{"f: <sip:a@b>;tag=y"}},
		{400, "two Content-Type", []string{"Content-Type: a/b", "c: a/c"}},
		{400, "two Expires", []string{"Expires: 1\r\nEXPIRES : 2"}},
		{400, "two Content-Length that differ", []string{"l: 1"}},
		{400, "a signed Content-Length", []string{"Content-Length: +0"}},
		{400, "a negative Content-Length", []string{"Content-Length: -1"}},
		{400, "an enormous Content-Length", []string{"Content-Length: 4294967296"}},
		{400, "a body shorter than its Content-Length", []string{"Content-Length: 1"}},
		{400, "a CSeq of another method", []string{"CSeq: 1 BYE"}},
		{501, "a CSeq of another method when the method is unknown", []string{"FROBNICATE sip:a@b SIP/2.0"}},
		{400, "a CSeq beyond 2^31-1", []string{"CSeq: 2147483648 OPTIONS"}},
		{400, "a CSeq without method", []string{"CSeq: 1"}},
		{400, "hops beyond 255", []string{"Max-Forwards: 256"}},
		{400, "a header without colon", []string{"Nonsense"}},
		{400, "a header name that is no token", []string{"Bad Name: x"}},
		{400, "a line feed in a header", []string{"Subject: a\nVia: b"}},
		{400, "a zero octet", []string{"Subject: a\x00b"}},
		{400, "an escaped line feed in a quoted string", []string{"From: \"a\\\nb\" <sip:a@b>;tag=x"}},
		{400, "an open quote", []string{`To: "Bob <sip:bob@b>`}},
		{400, "an open bracket", []string{"To: <sip:bob@b"}},
		{400, "text between bracket and parameters", []string{"To: <sip:bob@b> x;tag=1"}},
		{400, "text between quote and bracket", []string{`To: "Bob" x <sip:bob@b>`}},
		{400, "a comma in an unquoted display name", []string{"From: Bell, A <sip:a@b>;tag=x"}},
		{400, "white space inside the brackets", []string{"To: < sip:bob@b >"}},
		{400, "an empty URI", []string{"To: <>"}},
		{400, "a URI without scheme", []string{"To: <bob@b>"}},
		{400, "a URI without host", []string{"To: <sip:bob@>"}},
		{400, "a URI with an empty user", []string{"To: <sip:@b>"}},
		{400, "a URI with two at signs", []string{"To: <sip:a@b@c>"}},
		{400, "a URI with slashes", []string{"To: <sip://b>"}},
		{400, "a bad escape", []string{"To: <sip:%4@b>"}},
		{400, "a bad escape at the end", []string{"To: <sip:a@b;x=%2>"}},
		{400, "an IPv6 address without brackets", []string{"OPTIONS sip:2001:db8::10 SIP/2.0"}},
		{400, "an IPv6 address with zone", []string{"Contact: <sip:[fe80::1%25eth0]>"}},
		{400, "an IPv4 address in brackets", []string{"Contact: <sip:[192.0.2.1]>"}},
		{400, "port 0", []string{"Contact: <sip:a@b:0>"}},
		{400, "port 65536", []string{"Contact: <sip:a@b:65536>"}},
		{400, "an empty port", []string{"Contact: <sip:a@b:>"}},
		{400, "a bare URI with headers", []string{"Contact: sip:a@b?x=y"}},
		{400, "headers in the Request-URI", []string{"OPTIONS sip:a@b?x=y SIP/2.0"}},
		{400, "a repeated parameter", []string{"To: <sip:bob@b>;a=1;A=2"}},
		{400, "a repeated URI parameter", []string{"To: <sip:bob@b;lr;LR>"}},
		{400, "an empty parameter", []string{"To: <sip:bob@b>;;a=1"}},
		{400, "a parameter without value after its sign", []string{"To: <sip:bob@b>;tag="}},
		{400, "a parameter whose quotes do not close", []string{`To: <sip:bob@b>;a="b`}},
		{400, "a parameter with text after its quotes", []string{`To: <sip:bob@b>;a="b"c`}},
		{400, "too many parameters", []string{"Contact: <sip:bob@b>;a" + manyParams(gateMaxParams)}},
		{400, "too many URI parameters", []string{"Contact: <sip:bob@b;a" + manyParams(gateMaxParams) + ">"}},
		{400, "too many URI headers", []string{"Contact: <sip:bob@b?a=b" + long("&a=b", gateMaxParams) + ">"}},
		{400, "too many values", []string{"Contact: <sip:a@b>" + long(",<sip:a@b>", gateMaxValues)}},
		{400, "too many Vias", []string{"Via: SIP/2.0/UDP h;branch=z9hG4bK1" + long(",SIP/2.0/UDP h", gateMaxRelays)}},
		{400, "too many Routes", []string{"Route: <sip:a;lr>" + long(",<sip:a;lr>", gateMaxRelays)}},
		{400, "too many Record-Routes", []string{long("Record-Route: <sip:a;lr>\r\n", gateMaxRelays) + "Record-Route: <sip:a;lr>"}},
		{400, "a Via of another protocol", []string{"Via: HTTP/2.0/UDP h;branch=z9hG4bK1"}},
		{400, "a Via of another version", []string{"Via: SIP/3.0/UDP h;branch=z9hG4bK1"}},
		{400, "a Via without host", []string{"Via: SIP/2.0/UDP ;branch=z9hG4bK1"}},
		{400, "a Via whose branch is the cookie alone", []string{"Via: SIP/2.0/UDP h;branch=z9hG4bK"}},
		{400, "an empty list element", []string{"Via: SIP/2.0/UDP h;branch=z9hG4bK1,,SIP/2.0/UDP i"}},
		{400, "a Call-ID with white space", []string{"Call-ID: a b"}},
		{400, "two spaces in the request line", []string{"OPTIONS  sip:a@b SIP/2.0"}},
		{400, "a method that is no token", []string{"OPT(IONS sip:a@b SIP/2.0"}},
		{0, "a line of more than 8 kB", []string{"Subject: " + long("x", gateMaxLine)}},
		{0, "too many lines", []string{long("A: b\r\n", gateMaxHeaders) + "A: b"}},
		{0, "too many continuation lines", []string{"Subject: a" + long("\r\n b", gateMaxFolds+1)}},
		{0, "too many octets of headers", []string{long("Warning: "+long("x", 4000)+"\r\n", 4) + "A: b: " + long("x", 400)}},
		{0, "too many parameters altogether", []string{"Subject: " + long(";", gateMaxSemi)}},
	} {
		v := Admit(gateMessageOf(c.changes...), false)
		switch {
		case v.Request != nil || v.Response != nil:
			t.Errorf("%s: admitted", c.sentence)
		case v.Why == "":
			t.Errorf("%s: no reason given", c.sentence)
		case (v.Reply != nil) != (c.code != 0) || c.code != 0 && v.Code != c.code:
			t.Errorf("%s: %d %s, answered %t, want %d", c.sentence, v.Code, v.Why, v.Reply != nil, c.code)
		}
	}
}

func manyParams(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(";" + string(rune('a'+i/26)) + string(rune('a'+i%26)))
	}
	return b.String()
}

func TestAdmitDropsWhatIsNotSIP(t *testing.T) {
	for sentence, data := range map[string]string{
		"nothing":                       "",
		"a keep-alive":                  "\r\n\r\n",
		"a keep-alive of zeros":         "\x00\x00\x00\x00",
		"STUN":                          "\x00\x01\x00\x00\x21\x12\xa4\x42\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"a web browser":                 "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"a request line with a control": "OPTIONS sip:a\x01@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\r\n",
		"a bad ACK":                     strings.ReplaceAll(string(gateMessageOf("To")), "OPTIONS", "ACK"),
		"an ACK by its CSeq":            string(gateMessageOf("CSeq: 1 ACK")),
		"too much":                      string(gateMessageOf("Content-Length")) + strings.Repeat("x", gateMaxMessage),
	} {
		for _, stream := range []bool{false, true} {
			if v := Admit([]byte(data), stream); v.Request != nil || v.Response != nil || v.Reply != nil || v.Why == "" {
				t.Errorf("%s (stream %t): %+v", sentence, stream, v)
			}
		}
	}
}

func TestAdmitContentLength(t *testing.T) {
	body := func(v Verdict) string {
		if v.Request == nil {
			return "refused: " + v.Why
		}
		if l := v.Request.ContentLength(); int(*l) != len(v.Request.Body()) || len(v.Request.GetHeaders("Content-Length")) != 1 {
			t.Errorf("Content-Length %v of %d octets", l, len(v.Request.Body()))
		}
		return string(v.Request.Body())
	}
	want := func(sentence, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", sentence, got, want)
		}
	}
	want("what follows the body of a datagram is cut off",
		body(Admit(append(gateMessageOf("l: 3", "Content-Length"), "abcINVITE"...), false)), "abc")
	want("without Content-Length a datagram's rest is its body",
		body(Admit(append(gateMessageOf("Content-Length"), "abc"...), false)), "abc")
	want("two that agree are one", body(Admit(append(gateMessageOf("Content-Length: 3", "l: 003"), "abc"...), false)), "abc")
	want("leading empty lines are skipped", body(Admit(append([]byte("\r\n\r\n"), gateMessageOf()...), true)), "")
	v := Admit(gateMessageOf("Content-Length"), true)
	if !v.Close || v.Reply != nil || v.Code != 400 {
		t.Errorf("without Content-Length a stream is closed without a word: %+v", v)
	}
	v = Admit(gateMessageOf("Content-Length: 5"), true)
	if !v.Close || v.Reply == nil {
		t.Errorf("a stream that lost its framing is told and closed: %+v", v)
	}
	data := gateMessageOf()
	v = Admit(data, false)
	clear(data)
	if string(v.Request.CallID().Value()) != "c@192.0.2.1" {
		t.Error("the message shares memory with the datagram")
	}
}

func TestAdmitResponses(t *testing.T) {
	for _, c := range []struct {
		sentence, start string
		code            int
		reason          string
	}{
		{"an ordinary one", "SIP/2.0 200 OK", 200, "OK"},
		{"one without reason", "SIP/2.0 100 ", 100, ""},
		{"one without even a space", "SIP/2.0 100", 100, ""},
		{"one with a reason in another language", "SIP/2.0 486 Занято  тут", 486, "Занято  тут"},
		{"a version in lower case", "sip/2.0 180 Ringing", 180, "Ringing"},
		{"a code beyond 699", "SIP/2.0 700 X", 0, ""},
		{"a code below 100", "SIP/2.0 099 X", 0, ""},
		{"a code of four digits", "SIP/2.0 2000 X", 0, ""},
		{"a signed code", "SIP/2.0 +20 X", 0, ""},
		{"another version", "SIP/3.0 200 OK", 0, ""},
	} {
		data := gateMessageOf()
		v := Admit([]byte(strings.Replace(string(data), gateLinesOK[0], c.start, 1)), false)
		switch {
		case v.Reply != nil || v.Code != 0:
			t.Errorf("%s is answered", c.sentence)
		case c.code == 0 && v.Response != nil:
			t.Errorf("%s is admitted", c.sentence)
		case c.code != 0 && (v.Response == nil || v.Response.StatusCode != c.code || v.Response.Reason != c.reason):
			t.Errorf("%s: %+v", c.sentence, v)
		}
	}
	for sentence, change := range map[string]string{"with two Via": "v: SIP/2.0/UDP h", "without CSeq": "CSeq", "with a bad To": "To: <",
		"with a long body": "Content-Length: 7"} {
		data := strings.Replace(string(gateMessageOf(change)), gateLinesOK[0], "SIP/2.0 200 OK", 1)
		if v := Admit([]byte(data), false); v.Response != nil || v.Reply != nil || v.Code != 0 {
			t.Errorf("a response %s: %+v", sentence, v)
		}
	}
}

func TestReplyIsAProperResponse(t *testing.T) {
	src := netip.MustParseAddrPort("198.51.100.7:40000")
	bad := gateMessageOf("Max-Forwards: x", "Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK7, SIP/2.0/TCP proxy.test;branch=z9hG4bK6", "v: SIP/2.0/TLS ua.test")
	v := AdmitFrom(bad, false, src)
	want := "SIP/2.0 400 Bad Request\r\n" +
		"Via: SIP/2.0/UDP 192.0.2.1:5060;rport=40000;branch=z9hG4bK7;received=198.51.100.7, SIP/2.0/TCP proxy.test;branch=z9hG4bK6\r\n" +
		"From: <sip:alice@example.test>;tag=a\r\n" +
		"To: <sip:bob@example.test>;tag=TAG\r\n" +
		"Call-ID: c@192.0.2.1\r\nCSeq: 1 OPTIONS\r\nVia: SIP/2.0/TLS ua.test\r\nContent-Length: 0\r\n\r\n"
	tag := ""
	if _, rest, ok := strings.Cut(string(v.Reply), "<sip:bob@example.test>;tag="); ok {
		tag = rest[:16]
	}
	if got := string(v.Reply); tag == "" || got != strings.Replace(want, "TAG", tag, 1) {
		t.Errorf("the reply is\n%s\nwant\n%s", got, want)
	}
	if again := AdmitFrom(bad, false, src); string(again.Reply) != string(v.Reply) {
		t.Error("the same request again gets another answer")
	}
	if v := Admit(gateMessageOf("To: <sip:b@b>;tag=mine", "Max-Forwards: x"), false); !strings.Contains(string(v.Reply), "To: <sip:b@b>;tag=mine\r\n") {
		t.Errorf("a To tag is changed: %s", v.Reply)
	}
	if v := Admit(gateMessageOf("Subject: a", "From: x\r\n\t<sip:a@b>\x01;y\x00", "Max-Forwards: x"), false); strings.ContainsAny(string(v.Reply), "\x00\x01\t") {
		t.Errorf("control characters are sent back: %q", v.Reply)
	}
}

func TestViaReceived(t *testing.T) {
	for _, c := range []struct{ sentence, via, src, want string }{
		{"the address it names itself", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "192.0.2.1:9", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"},
		{"another address", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1", "192.0.2.1:9", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=192.0.2.1"},
		{"a name", "SIP/2.0/UDP h;branch=z9hG4bK1", "192.0.2.1:9", "SIP/2.0/UDP h;branch=z9hG4bK1;received=192.0.2.1"},
		{"rport asked for", "SIP/2.0/UDP 192.0.2.1;rport", "192.0.2.1:9", "SIP/2.0/UDP 192.0.2.1;rport=9;received=192.0.2.1"},
		{"a received it made up", "SIP/2.0/UDP 192.0.2.1;received=203.0.113.1", "192.0.2.1:9", "SIP/2.0/UDP 192.0.2.1"},
		{"IPv6 by IPv6", "SIP/2.0/UDP [2001:DB8::1]", "[2001:db8::1]:9", "SIP/2.0/UDP [2001:DB8::1]"},
		{"an IPv4 address on an IPv6 socket", "SIP/2.0/UDP 192.0.2.1", "[::ffff:192.0.2.1]:9", "SIP/2.0/UDP 192.0.2.1"},
		{"IPv6 from elsewhere", "SIP/2.0/UDP h", "[fe80::1%eth0]:9", "SIP/2.0/UDP h;received=fe80::1"},
	} {
		var via sipmsg.ViaHeader
		if !gateVia(c.via, &via) {
			t.Errorf("%s: cannot be read", c.sentence)
			continue
		}
		if viaReceived(&via, netip.MustParseAddrPort(c.src)); via.Value() != c.want {
			t.Errorf("%s: %s, want %s", c.sentence, via.Value(), c.want)
		}
	}
}

func TestUnquote(t *testing.T) {
	for in, want := range map[string]string{``: ``, `a`: `a`, `a\"b`: `a"b`, `a\\b`: `a\b`, `a\`: `a\`} {
		if got := gateUnquote(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
