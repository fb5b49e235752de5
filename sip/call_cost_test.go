package sip

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// costlyInvites are the datagrams of 64 kB that cost an agent with a line the most that we know of.
func costlyInvites(b *bench) map[string][]byte {
	body := "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n" + strings.Repeat("a=candidate:1 1 UDP 1 10.0.0.1 9 typ host\r\n", 290)
	invite := func(name string, n int, value func(i int) string) []byte {
		data := b.request("INVITE", "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK-00000000;rport", "From: <sip:1002@10.0.0.1>;tag=00000000", "body="+body)
		var lines strings.Builder
		for i := range n {
			fmt.Fprintf(&lines, "%s: %s\r\n", name, value(i))
		}
		data = bytes.Replace(data, []byte("Max-Forwards"), append([]byte(lines.String()), "Max-Forwards"...), 1)
		return append(data, bytes.Repeat([]byte("x"), gateMaxMessage-len(data)-100)...)
	}
	long := func(prefix string) func(int) string {
		return func(i int) string {
			return fmt.Sprintf("%s%0110d.example.test;lr;transport=udp>", prefix, i)
		}
	}
	short := func(text string) func(int) string { return func(int) string { return text } }
	return map[string][]byte{
		"145 long Record-Routes":     invite("Record-Route", 145, long("<sip:")),
		"185 Record-Routes in lines": invite("Record-Route", 37, short(strings.Repeat("<sip:10.0.0.1;lr>,", 4)+"<sip:10.0.0.1;lr>")),
		"63 Record-Routes":           invite("Record-Route", 63, func(i int) string { return long("<sip:" + strings.Repeat("u", 70) + "@")(i) }),
		"63 Vias":                    invite("Via", 63, func(int) string { return "SIP/2.0/UDP h;branch=z9hG4bK" + strings.Repeat("x", 200) }),
		"63 Vias with parameters":    invite("Via", 63, func(int) string { return "SIP/2.0/UDP h;a;b;c;d;e;f;g;h;i;j;k" }),
		"60 Vias and Record-Routes": invite("Via", 60, func(int) string {
			return "SIP/2.0/UDP h;branch=z9hG4bKx;a;b;c;d\r\nRecord-Route: <sip:" + strings.Repeat("u", 100) + "@10.0.0.1;lr;a;b;c;d>"
		}),
		"140 headers of no interest": invite("Warning", 140, func(int) string { return strings.Repeat("x", 90) }),
		"ordinary":                   invite("Record-Route", 2, short("<sip:10.0.0.1;lr>")),
	}
}

// refuse is an INVITE from the datagram, which it makes a new one, to the refusal that a busy phone gives.
func (b *bench) refuse(data []byte) {
	b.n++
	b.now = b.now.Add(time.Second)
	for _, before := range []string{"z9hG4bK-", ">;tag="} {
		copy(data[bytes.Index(data, []byte(before))+len(before):], fmt.Sprintf("%08d", b.n))
	}
	out := b.agent.Step(b.now, Received{b.flow, data})
	for _, e := range out.Events {
		if in, ok := e.(Incoming); ok {
			b.agent.Step(b.now, Ring{in.ID})
			b.agent.Step(b.now, Refuse{ID: in.ID, Code: 486})
		}
	}
}

// Work is bounded: whatever an INVITE repeats, taking it in and answering it allocates little.
func TestCostlyInvitesCostLittle(t *testing.T) {
	b := newBench(t, nil)
	for name, data := range costlyInvites(b) {
		b.refuse(data)
		if allocs := testing.AllocsPerRun(10, func() { b.refuse(data) }); allocs > 1300 {
			t.Errorf("%s: %.0f allocations", name, allocs)
		}
	}
}

// BenchmarkCostlyInvite is what one of them costs.
func BenchmarkCostlyInvite(b *testing.B) {
	bench := newBench(&testing.T{}, nil)
	for name, data := range costlyInvites(bench) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bench.refuse(data)
			}
		})
	}
}
