package sip

import (
	"fmt"
	"strings"
	"testing"
)

// hostile are the datagrams of up to 64 kB that we know to cost the most.
func hostile() map[string][]byte {
	const base = "From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n"
	message := func(headers string) []byte {
		return []byte("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1;rport\r\n" + base + headers + "\r\n")
	}
	params := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, ";%c%c", 'a'+i/26, 'a'+i%26)
		}
		return b.String()
	}
	fill := func(unit string, size int) string { return strings.Repeat(unit, size/len(unit)) }
	most := gateMaxHead - 300 // what headers may still be added
	return map[string][]byte{
		"32 kB of parameters":      message("Contact: <sip:a@b>" + fill(";a=b", 32<<10) + "\r\n"),
		"64 kB of parameters":      message("Contact: <sip:a@b>" + fill(";a=b", 64<<10) + "\r\n"),
		"8 kB lines of parameters": message(fill("Contact: <sip:a@b>"+fill(";a", 8000)+"\r\n", most)),
		"contacts with all the parameters allowed": message(fill("Contact: "+strings.TrimSuffix(fill("<sip:a@b"+params(gateMaxParams)+">"+params(gateMaxParams)+",", 7500),
			",")+"\r\n", most)),
		"vias with all the parameters allowed": message(fill("v:SIP/2.0/UDP h"+params(gateMaxParams)+"\r\n", most)),
		"all parameters, then long lines":      message(fill("v:SIP/2.0/UDP h"+params(gateMaxParams)+"\r\n", 48*16*3+300) + fill("Contact: <sip:"+fill("%41", 4000)+"@b>\r\n", most-6000)),
		"routes with quotes":                   message(fill(`Route: "`+fill(`\"`, 7800)+"\" <sip:a@b>\r\n", most)),
		"thousands of headers":                 message(fill("a:\r\n", 64<<10)),
		"as many headers as allowed":           message(fill("Warning: "+fill("x", 130)+"\r\n", most)),
		"thousands of vias":                    message(fill("Via: SIP/2.0/UDP h;branch=z9hG4bK2\r\n", 64<<10)),
		"vias in one line":                     message(fill("Via: SIP/2.0/UDP h"+fill(",SIP/2.0/UDP h", 7900)+"\r\n", most)),
		"folds":                                message("Subject: a" + fill("\r\n ", most) + "\r\n"),
		"64 kB of folds":                       message("Subject: a" + fill("\r\n ", 64<<10) + "\r\n"),
		"commas":                               message(fill("Contact: "+fill(",", 8000)+"\r\n", most)),
		"commas in a list we keep":             message(fill("Allow: "+fill(",", 8000)+"\r\n", most)),
		"semicolons":                           message(fill("Event: "+fill("; ", 8000)+"\r\n", most)),
		"escapes":                              message(fill("Contact: <sip:"+fill("%41", 7800)+"@b>\r\n", most)),
		"URI headers":                          message(fill("Refer-To: <sip:a@b?"+fill("a=b&", 8000)+">\r\n", most)),
		"empty lines":                          []byte(fill("\r\n", 65534) + "x"),
		"zeros":                                make([]byte, 65535),
		"a body of 64 kB":                      message("\r\n" + fill("x", 64<<10))[:65535],
		"all headers bad":                      message(fill("\x01: \x01\r\n", most)),
	}
}

func BenchmarkAdmitHostile(b *testing.B) {
	for name, data := range hostile() {
		data = data[:min(len(data), gateMaxMessage)]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				AdmitFrom(data, false, gateTestSource)
			}
		})
	}
}

func BenchmarkAdmitOrdinary(b *testing.B) {
	for _, c := range tortureCases(b) {
		if c.file == "rfc4475/wsinv.dat" || c.file == "rfc4475/longreq.dat" || c.file == "rfc4475/transports.dat" {
			b.Run(c.file, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					Admit(c.data, false)
				}
			})
		}
	}
}

// Work is bounded: whatever 64 kB hold, the gate allocates little for them.
func TestHostileDatagramsCostLittle(t *testing.T) {
	for name, data := range hostile() {
		data = data[:min(len(data), gateMaxMessage)]
		allocs := testing.AllocsPerRun(1, func() { AdmitFrom(data, false, gateTestSource) })
		if allocs > 4000 {
			t.Errorf("%s: %.0f allocations", name, allocs)
		}
	}
}
