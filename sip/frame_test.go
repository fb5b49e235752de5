package sip

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

const frameMessage = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h\r\nContent-Length: 3\r\n\r\nabc"

func TestFrame(t *testing.T) {
	head := "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h\r\n"
	most := fmt.Sprintf("%sl: %d\r\n\r\n", head, gateMaxMessage-len(head)-12)
	for _, c := range []struct {
		sentence, in string
		n            int
		fails        bool
	}{
		{"nothing", "", 0, false},
		{"one message", frameMessage, len(frameMessage), false},
		{"a message and the begin of the next", frameMessage + "OPT", len(frameMessage), false},
		{"a message without its last octet", frameMessage[:len(frameMessage)-1], 0, false},
		{"a response", "SIP/2.0 200 OK\r\nl:0\r\n\r\n", 23, false},
		{"a ping", "\r\n\r\n" + frameMessage, 4, false},
		{"a pong", "\r\n", 2, false},
		{"an empty line before a message", "\r\n" + frameMessage, 2, false},
		{"half an empty line", "\r", 0, false},
		{"the compact name", head + "l: 0\r\n\r\n", len(head) + 8, false},
		{"upper case and white space", head + "CONTENT-LENGTH \t: \t 0 \t\r\n\r\n", len(head) + 27, false},
		{"a folded value", head + "Content-Length:\r\n  1\r\n\r\nx", len(head) + 25, false},
		{"a name inside another header", head + "Subject: a\r\n Content-Length: 9\r\nl: 0\r\n\r\n", len(head) + 40, false},
		{"two that agree", head + "l: 1\r\nl: 1\r\n\r\nx", len(head) + 15, false},
		{"two that differ", head + "l: 1\r\nl: 2\r\n\r\nxx", 0, true},
		{"none", head + "\r\n", 0, true},
		{"a sign", head + "l: +1\r\n\r\nx", 0, true},
		{"a negative one", head + "l: -999\r\n\r\n", 0, true},
		{"an empty one", head + "l:\r\n\r\n", 0, true},
		{"more than a message may have", head + "l: 65536\r\n\r\n", 0, true},
		{"more than an integer holds", head + "l: 18446744073709551616\r\n\r\n", 0, true},
		{"as much as a message may have", most + strings.Repeat("x", gateMaxMessage), gateMaxMessage, false},
		{"a web browser", "GET / HTTP/1.1\r\n", 0, true},
		{"a TLS greeting, when it is long enough", "\x16\x03\x01" + strings.Repeat("x", gateMaxLine), 0, true},
		{"headers without end", head + strings.Repeat("A: b\r\n", gateMaxHead/6), 0, true},
		{"headers too long", head + "A: " + strings.Repeat("b", gateMaxHead) + "\r\nl: 0\r\n\r\n", 0, true},
	} {
		n, err := Frame([]byte(c.in))
		if n != c.n || (err != nil) != c.fails {
			t.Errorf("%s: %d, %v; want %d, failing %t", c.sentence, n, err, c.n, c.fails)
		}
	}
}

func TestFramerTakesOctetsAsTheyTrickleIn(t *testing.T) {
	stream := frameMessage + "\r\n\r\n" + frameMessage + "SIP/2.0 200 OK\r\nl:0\r\n\r\n"
	want := []string{frameMessage, "\r\n\r\n", frameMessage, "SIP/2.0 200 OK\r\nl:0\r\n\r\n"}
	for _, size := range []int{1, 2, 3, 5, 7, 64, len(stream)} {
		var f Framer
		var got []string
		for rest := []byte(stream); len(rest) > 0; {
			n := min(size, len(rest))
			f.Write(rest[:n])
			rest = rest[n:]
			for {
				msg, err := f.Next()
				if err != nil {
					t.Fatal(err)
				}
				if msg == nil {
					break
				}
				// Octet by octet, a ping is two pongs: who counts them does not mind.
				if last := len(got) - 1; string(msg) == "\r\n" && last >= 0 && got[last] == "\r\n" {
					got[last] = "\r\n\r\n"
					continue
				}
				got = append(got, string(msg))
			}
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("by %d octets: %q", size, got)
		}
		if f.Buffered() != 0 {
			t.Errorf("%d octets are left", f.Buffered())
		}
	}
}

func TestFramerMessagesStay(t *testing.T) {
	var f Framer
	f.Write([]byte(frameMessage + "OPT"))
	msg, _ := f.Next()
	_ = append(msg, "xxx"...) // as one who adds to it may
	if string(f.buf) != "OPT" {
		t.Errorf("adding to a message overwrites the octets after it: %q", f.buf)
	}
	f.Write([]byte(strings.Repeat("x", 4096)))
	if string(msg) != frameMessage {
		t.Error("a message is overwritten by the octets after it")
	}
}

func TestFramerStaysClosed(t *testing.T) {
	var f Framer
	f.Write([]byte("GET / HTTP/1.1\r\n"))
	f.Next()
	f.Write([]byte(frameMessage))
	if msg, err := f.Next(); msg != nil || err == nil {
		t.Error("a stream that lost its framing goes on")
	}
}

// Trickling in, a header section costs what it costs at once: no octet is searched twice.
func BenchmarkFramerOctetByOctet(b *testing.B) {
	data := []byte("OPTIONS sip:a@b SIP/2.0\r\n" + strings.Repeat("A: b\r\n", 3800) + "l: 0\r\n\r\n")
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		var f Framer
		for i := range data {
			f.Write(data[i : i+1])
			if msg, err := f.Next(); err != nil || (msg != nil) != (i == len(data)-1) {
				b.Fatal(len(msg), err)
			}
		}
	}
}

// FuzzFrame: framing at once and octet by octet agree, and the gate takes what was framed without a look at its neighbours.
func FuzzFrame(f *testing.F) {
	for _, c := range tortureCases(f) {
		f.Add(c.data, uint8(7))
	}
	f.Add([]byte("\r\n\r\n\r\n"+frameMessage), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		n, err := Frame(data)
		if n < 0 || n > len(data) || n > 0 && err != nil {
			t.Fatalf("%d of %d, %v", n, len(data), err)
		}
		var fr Framer
		var got []byte
		var late error
		step := int(size)%32 + 1
		for rest := data; len(rest) > 0 && got == nil && late == nil; {
			k := min(step, len(rest))
			fr.Write(rest[:k])
			rest = rest[k:]
			got, late = fr.Next()
		}
		crlf := bytes.HasPrefix(data, []byte("\r\n")) // a ping may be seen as two pongs
		if !crlf && (len(got) != n || (late != nil) != (err != nil)) {
			t.Fatalf("at once %d, %v; by %d octets %d, %v", n, err, step, len(got), late)
		}
		if n > 4 {
			if v := Admit(data[:n], true); v.Close && v.Code == 400 {
				t.Fatalf("framed, but not for the gate: %s", v.Why)
			}
		}
	})
}
