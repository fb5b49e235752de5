package sip

import (
	"net/netip"
	"strings"
	"testing"
)

var gateTestSource = netip.MustParseAddrPort("192.0.2.77:4711")

// FuzzAdmit: the gate never panics; what it admits is written back and admitted again as the same message; what it
// answers is itself a response that the gate admits, unless it echoes what was wrong.
func FuzzAdmit(f *testing.F) {
	for _, c := range tortureCases(f) {
		f.Add(c.data, false)
		f.Add(c.data, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, stream bool) {
		v := AdmitFrom(data, stream, gateTestSource)
		if v.Request != nil && v.Response != nil {
			t.Fatal("both a request and a response")
		}
		if (v.Request != nil || v.Response != nil) != (v.Why == "") {
			t.Fatalf("admitted and refused: %q", v.Why)
		}
		if strings.HasPrefix(string(data), "SIP/") && v.Reply != nil {
			t.Fatal("a response is answered")
		}
		var text string
		switch {
		case v.Request != nil:
			text = v.Request.String()
		case v.Response != nil:
			text = v.Response.String()
		default:
			return
		}
		again := Admit([]byte(text), true)
		var same string
		switch {
		case v.Request != nil && again.Request != nil:
			same = again.Request.String()
		case v.Response != nil && again.Response != nil:
			same = again.Response.String()
		}
		if same != text {
			t.Fatalf("not admitted again as the same (%s):\n%q\n%q\n%q", again.Why, data, text, same)
		}
	})
}
