package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func (h hop) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s port=%d", h.host, h.port)
	if h.addr.IsValid() {
		b.WriteString(" literal")
	}
	for _, a := range h.addrs {
		fmt.Fprintf(&b, " A=%s", a)
	}
	for _, e := range h.list {
		fmt.Fprintf(&b, " | %s port=%d p=%d w=%d", e.host, e.port, e.priority, e.weight)
		for _, a := range e.addrs {
			fmt.Fprintf(&b, " A=%s", a)
		}
	}
	return b.String()
}

func TestParseHop(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"example.test", "example.test port=0"},
		{"  Example.TEST.  ", "example.test port=0"},
		{"example.test:5080", "example.test port=5080"},
		{"192.0.2.1", "192.0.2.1 port=0 literal"},
		{"192.0.2.1:5070", "192.0.2.1 port=5070 literal"},
		{"2001:db8::1", "2001:db8::1 port=0 literal"},
		{"[2001:db8::1]", "2001:db8::1 port=0 literal"},
		{"[2001:db8::1]:5070", "2001:db8::1 port=5070 literal"},
		{"_sip._tcp.example.test", "_sip._tcp.example.test port=0"},
		{"sip:5060", "sip port=5060"},
		// The examples of reference A.3.
		{"sip.example.net:SRV=a.example.net:5060:p=10:A=192.0.2.1|b.example.net:5060:p=20:A=192.0.2.2",
			"sip.example.net port=0 | a.example.net port=5060 p=10 w=1 A=192.0.2.1 | b.example.net port=5060 p=20 w=1 A=192.0.2.2"},
		{"sip.example.net:5060:A=192.0.2.1,192.0.2.2", "sip.example.net port=5060 A=192.0.2.1 A=192.0.2.2"},
		{"xivo_proxies1:SRV=10.0.0.1:5060:p=0|10.0.0.2:5060:p=1",
			"xivo_proxies1 port=0 | 10.0.0.1 port=5060 p=0 w=1 | 10.0.0.2 port=5060 p=1 w=1"},
		{"x:SRV=a:5060:5|b:w=7:p=3|c:p=2:9", "x port=0 | a port=5060 p=0 w=5 | b port=0 p=3 w=7 | c port=0 p=2 w=9"},
		{"x:srv=[2001:db8::1]:5070:P=1 | b:a=2001:db8::2, [2001:db8::3]",
			"x port=0 | 2001:db8::1 port=5070 p=1 w=1 | b port=0 p=0 w=1 A=2001:db8::2 A=2001:db8::3"},
		{"", "no proxy is set"},
		{"sip:example.test", `the proxy is a host name: write it without "sip:"`},
		{"example.test:", `"example.test:" ends in a colon`},
		{"example.test:http", `port "http": a number up to 65535 is expected`},
		{"example.test:0", "port 0: a number from 1 to 65535 is expected"},
		{"example.test:65536", `port "65536": a number up to 65535 is expected`},
		{"example..test", `"example..test" is no host name: a part between dots is empty or too long`},
		{"exam ple", `"exam ple" is no host name: ' ' does not belong in it`},
		{"192.0.2.300", `"192.0.2.300" is neither a host name nor an IP address`},
		{"0.0.0.0", "0.0.0.0 is not the address of a server"},
		{"[2001:db8::1", `"[2001:db8::1": the bracket is not closed`},
		{"[192.0.2.1]", `"192.0.2.1" in brackets is no IPv6 address`},
		{"x:SRV=", "server 1 of the static list: the host name is missing"},
		{"x:SRV=a|", "server 2 of the static list: the host name is missing"},
		{"x:SRV=a:p=ten", `server 1 of the static list: priority "ten": a number up to 65535 is expected`},
		{"x:SRV=a:q=1", `server 1 of the static list: "q=1": a port, p=, w= or A= is expected`},
		{"x:SRV=a:p=1:p=2", `server 1 of the static list: "p=2": a second priority`},
		{"x:A=", `"" after A= is no IP address`},
		{"x:A=nonsense", `"nonsense" after A= is no IP address`},
		{"x:B=1", `"B=1": a port, SRV= or A= is expected after the host`},
		{"x:5060:y", `"y": a port, SRV= or A= is expected after the host`},
		{strings.Repeat("a", 3000), "the proxy is 3000 bytes long, more than 2048"},
		{"x:SRV=" + strings.Repeat("a|", 40), "the static list has 41 servers, more than 32"},
	} {
		h, err := parseHop(c.text)
		got := h.text()
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

// FuzzHop gives a line any text for a proxy: it is located or says in a short line why not, and never
// crashes.
func FuzzHop(f *testing.F) {
	for _, text := range []string{
		"example.test:5080", "[2001:db8::1]:5070", "x:SRV=a:5060:p=1:w=2:A=192.0.2.1|[2001:db8::1]", "x:5060:A=192.0.2.1,2001:db8::1",
		"x:SRV=|||", "x:SRV=a:A=", ":::", "[", "x:A=,", "sip:x", "x:SRV=a:p=:w=", "192.0.2.1.", "x:srv=a:65536", "\xff\x00", "_sip._udp.x",
	} {
		f.Add(text, "")
		f.Add("example.test", text)
	}
	f.Fuzz(func(t *testing.T, proxy, outbound string) {
		h, err := parseHop(proxy)
		switch {
		case err != nil && (len(err.Error()) == 0 || len(err.Error()) > 500 || !utf8.ValidString(err.Error())):
			t.Fatalf("%q: the error is %q", proxy, err)
		case err == nil && (h.host == "" || len(h.list) > maxHopEntries || len(h.addrs) > maxHopAddrs):
			t.Fatalf("%q: %+v", proxy, h)
		}
		if again, e := parseHop(h.host); err == nil && (e != nil || again.host != h.host) {
			t.Fatalf("%q: the host %q is none: %v", proxy, h.host, e)
		}
		a := New(Config{Random: strings.NewReader(strings.Repeat("random", 1000)), Lines: []Line{{
			Number: 1, Enabled: true, User: "1001", Proxy: proxy, OutboundProxy: outbound, Transport: "AUTO", UseSRV: true, SRVAutoPrefix: true,
			Register: true, MakeCallWithoutReg: true, Expires: time.Hour,
		}}})
		now := time.Unix(1000, 0)
		a.Step(now, Invite{ID: 1, Line: 1, To: "1002"})
		_, outErr := parseHop(outbound)
		l := a.Lines()[0]
		if proxy != "" && (err != nil || outbound != "" && outErr != nil) && (l.State == "registered" || l.Cause == "") {
			t.Fatalf("proxy %q, outbound proxy %q: the line is %+v", proxy, outbound, l)
		}
		for range 4 {
			if at := a.Next(); !at.IsZero() {
				a.Step(at, Tick{})
			}
		}
	})
}

func FuzzLocator(f *testing.F) {
	f.Add("example.test", "AUTO", []byte("seed"))
	f.Add("x:SRV=a:5060:p=1:w=2:A=192.0.2.1|[2001:db8::1]", "TLS", []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Add("_sip._udp.example.test", "", []byte{7, 7, 7})
	f.Fuzz(func(t *testing.T, proxy, transport string, answers []byte) {
		fuzzLocator(t, proxy, transport, answers)
	})
}
