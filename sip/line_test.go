package sip

import (
	"net/netip"
	"testing"
)

func TestAddressOfRecord(t *testing.T) {
	for _, tt := range []struct{ sentence, proxy, uri, want string }{
		{"user and proxy", "example.test", "", "sip:1001@example.test"},
		{"a port is not part of it", "example.test:5070", "", "sip:1001@example.test"},
		{"a static list neither", "example.test:SRV=10.0.0.1:5060:p=1|10.0.0.2", "", "sip:1001@example.test"},
		{"an IPv6 proxy is in brackets", "[2001:db8::1]:5070", "", "sip:1001@[2001:db8::1]"},
		{"SIP_URI overrides", "example.test", "sip:ann@home.test", "sip:ann@home.test"},
		{"SIP_URI may lack its scheme", "example.test", "ann@home.test", "sip:ann@home.test"},
		{"SIP_URI without host gets our address", "10.0.0.1", "ann", "sip:ann@10.0.0.50"},
		{"a SIP_URI that makes no sense does not count", "example.test", "ann <@> home", "sip:1001@example.test"},
		{"without a proxy it is our address", "", "", "sip:1001@10.0.0.50"},
	} {
		b := newBench(t, func(c *Config) { c.Lines[0].Proxy, c.Lines[0].SIPURI = tt.proxy, tt.uri })
		aor := b.agent.lines[0].leg.aor()
		if got := aor.uri.String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.sentence, got, tt.want)
		}
	}
}

func TestLocalAddress(t *testing.T) {
	for _, tt := range []struct{ sentence, bound, remote, want string }{
		{"the first of the family", "0.0.0.0", "203.0.113.9", "10.0.0.50"},
		{"one in the same network before the first", "0.0.0.0", "192.168.7.9", "192.168.7.2"},
		{"what the socket is bound to before all", "192.168.7.2", "203.0.113.9", "192.168.7.2"},
		{"IPv6 that reaches further than the link", "::", "2001:db8:1::9", "2001:db8::50"},
		{"IPv6 of the link to one on it", "::", "fe80::9", "fe80::50"},
		{"a server on this host", "0.0.0.0", "127.0.0.11", "127.0.0.1"},
		{"a server on this host by IPv6", "::", "::1", "::1"},
	} {
		b := newBench(t, func(c *Config) {
			c.LocalAddrs = nil
			for _, a := range []string{"10.0.0.50", "192.168.7.2", "fe80::50", "2001:db8::50"} {
				c.LocalAddrs = append(c.LocalAddrs, netip.MustParseAddr(a))
			}
		})
		if got := b.agent.localAddr(netip.MustParseAddr(tt.bound), netip.MustParseAddr(tt.remote)); got.String() != tt.want {
			t.Errorf("%s: %s, want %s", tt.sentence, got, tt.want)
		}
	}
	b := newBench(t, func(c *Config) { c.LocalAddrs = nil })
	if got := b.agent.localAddr(netip.Addr{}, netip.MustParseAddr("10.0.0.1")); !got.IsUnspecified() {
		t.Errorf("with no address known: %s", got)
	}
}

func TestLinesOfOneUser(t *testing.T) {
	second := netip.MustParseAddrPort("0.0.0.0:5061")
	b := newBench(t, func(c *Config) {
		l := c.Lines[0]
		l.Number, l.Local, l.Proxy = 2, second, "10.0.0.2"
		c.Lines = append(c.Lines, l)
	})
	for _, tt := range []struct {
		local netip.AddrPort
		line  int
	}{{b.flow.Local, 1}, {second, 2}} {
		b.flow.Local = tt.local
		out, _ := b.receive(b.request("INVITE"))
		if e, ok := out.Events[0].(Incoming); !ok || e.Line != tt.line {
			t.Errorf("a call to %s: %v, want line %d", tt.local, out.Events, tt.line)
		}
	}
}

func TestDisplayNames(t *testing.T) {
	for name, want := range map[string]string{`Ann`: `Ann`, `A "B" \C`: `A \"B\" \\C`, "a\r\nb": "ab", "Jörg": "Jörg"} {
		if got := quoteName(name); got != want {
			t.Errorf("%q is written %q, want %q", name, got, want)
		}
	}
	if got := unquoteName(`A \"B\" \\C`); got != `A "B" \C` {
		t.Errorf("read back: %q", got)
	}
}

func TestWhatIsDialled(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Lines[0].Proxy = "10.0.0.1:5070" })
	for dialled, want := range map[string]string{
		"1002": "sip:1002@10.0.0.1:5070", " 1002 ": "sip:1002@10.0.0.1:5070", "ann@x.test": "sip:ann@x.test",
		"<sip:ann@x.test>": "sip:ann@x.test", `"Ann" <sip:ann@x.test>`: "sip:ann@x.test", "SIP:ann@x.test": "sip:ann@x.test",
		"sip:ann@x.test?Route=%3Csip:evil%3E": "sip:ann@x.test", "sips:ann@x.test": "sips:ann@x.test", "*98#": "sip:*98%23@10.0.0.1:5070",
		"": "", "sip:": "", "sip:a b@x": "", "a\r\nb@x": "sip:a%0D%0Ab@x",
	} {
		uri, err := b.agent.lines[0].leg.target(dialled)
		got := ""
		if err == nil {
			got = uri.String()
		}
		if got != want {
			t.Errorf("%q: %q (%v), want %q", dialled, got, err, want)
		}
	}
}
