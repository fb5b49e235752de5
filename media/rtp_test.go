package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// packet writes an RTP packet for tests.
func packet(h rtp.Header, payload []byte) []byte {
	h.Version = 2
	b, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
	if err != nil {
		panic(err)
	}
	return b
}

func TestRTPGate(t *testing.T) {
	voice := bytes.Repeat([]byte{0xff}, 160)
	plain := packet(rtp.Header{PayloadType: 0, SequenceNumber: 7, Timestamp: 160, SSRC: 1}, voice)
	change := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(plain)) }
	withExtension := packet(rtp.Header{SSRC: 1, Extension: true, ExtensionProfile: 0xbede,
		Extensions: []rtp.Extension{}}, voice)
	for _, tt := range []struct {
		name    string
		b       []byte
		why     refusal
		payload int
	}{
		{"plain", plain, "", 160},
		{"empty payload, a keepalive", plain[:12], "", 0},
		{"no header", plain[:11], refusedShort, 0},
		{"nothing", nil, refusedShort, 0},
		{"version 1", change(func(b []byte) []byte { b[0] = 0x40; return b }), refusedVersion, 0},
		{"STUN", append([]byte{0, 1, 0, 8}, plain...), refusedVersion, 0},
		{"CSRCs", change(func(b []byte) []byte { b[0] |= 3; return b }), "", 148},
		{"more CSRCs than bytes", change(func(b []byte) []byte { b[0] |= 15; return b[:40] }), refusedHeader, 0},
		{"extension", withExtension, "", 160},
		{"extension longer than the packet", change(func(b []byte) []byte { b[0] |= 0x10; b[14], b[15] = 0xff, 0xff; return b }), refusedHeader, 0},
		{"padding of 4", change(func(b []byte) []byte { b[0] |= 0x20; b[len(b)-1] = 4; return b }), "", 156},
		{"padding is everything", change(func(b []byte) []byte { b[0] |= 0x20; b[len(b)-1] = 160; return b }), "", 0},
		{"padding of 0", change(func(b []byte) []byte { b[0] |= 0x20; b[len(b)-1] = 0; return b }), refusedPadding, 0},
		{"padding longer than the payload", change(func(b []byte) []byte { b[0] |= 0x20; b[len(b)-1] = 161; return b }), refusedPadding, 0},
		{"padding without payload", change(func(b []byte) []byte { b[0] |= 0x20; return b[:12] }), refusedPadding, 0},
		{"a sender report on the wrong port", change(func(b []byte) []byte { b[1] = 200; return b }), refusedRTCP, 0},
		{"more than 200 ms", append(bytes.Clone(plain), make([]byte, 1441)...), refusedLong, 0},
	} {
		var h rtp.Header
		payload, why := admitRTP(tt.b, &h)
		if why != tt.why || len(payload) != tt.payload {
			t.Errorf("%s: refused %q, payload of %d; want %q, %d", tt.name, why, len(payload), tt.why, tt.payload)
		}
	}
}

func FuzzRTP(f *testing.F) {
	f.Add(packet(rtp.Header{SSRC: 1}, make([]byte, 160)))
	f.Add(packet(rtp.Header{SSRC: 1, CSRC: []uint32{1, 2}}, []byte{1, 2, 3, 4}))
	f.Add([]byte{0xb0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0x10, 1, 2, 3, 4})
	f.Add([]byte{0xa0, 101, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0x80, 0, 160, 1})
	s := &session{}
	now := time.Unix(0, 0)
	if err := s.apply(now, Stream{Codec: PCMU, EventPT: 101, Ptime: defaultPtime, Receive: true, Send: true}, muLaw, 160); err != nil {
		f.Fatal(err)
	}
	from := addrPort("10.0.0.2:4000")
	s.latch.expect(from)
	out := make([]int16, 40)
	f.Fuzz(func(t *testing.T, b []byte) {
		var h rtp.Header
		if payload, why := admitRTP(b, &h); why == "" && len(payload) > len(b)-rtpHeader {
			t.Errorf("payload of %d bytes from a datagram of %d", len(payload), len(b))
		}
		now = now.Add(5 * time.Millisecond)
		s.receive(now, from, b, &h)
		s.jitter.Pull(now, out)
	})
}

func TestSenderCountsTimeInSamples(t *testing.T) {
	for _, ptime := range []int{10, 20, 30, 40, 50, 60} {
		t.Run(fmt.Sprint(ptime, " ms"), func(t *testing.T) {
			s := newSender()
			s.configure(PCMA, aLaw, 101, ptime*8)
			first, seq := s.timestamp, s.seq
			pcm := make([]int16, 40)
			sent := 0
			for ms := 0; ms < 3000; ms += 5 {
				hold := ms >= 1200 && ms < 1800 // a multiple of every ptime
				b := s.add(pcm, !hold)
				if b == nil {
					continue
				}
				var h rtp.Header
				payload, why := admitRTP(b, &h)
				begin := uint32(ms + 5 - ptime)
				if why != "" || len(payload) != ptime*8 || h.PayloadType != 8 || payload[0] != 0xd5 {
					t.Fatalf("at %d ms: refused %q, %d bytes, %+v", ms, why, len(payload), h)
				}
				if h.Timestamp != first+begin*8 || h.SequenceNumber != seq+uint16(sent) {
					t.Fatalf("at %d ms: timestamp %d and sequence number %d from the first, want %d and %d",
						ms, h.Timestamp-first, h.SequenceNumber-seq, begin*8, sent)
				}
				if want := sent == 0 || begin == 1800; h.Marker != want {
					t.Errorf("at %d ms: marker %v", ms, h.Marker)
				}
				sent++
			}
			if want := 2400 / ptime; sent != want || s.packets != uint32(want) || s.octets != 2400*8 {
				t.Errorf("%d packets sent, %d and %d octets counted, want %d", sent, s.packets, s.octets, want)
			}
		})
	}
}

func TestPacketTimeChangesBetweenPackets(t *testing.T) {
	s := newSender()
	s.configure(PCMU, muLaw, 0, 160)
	first := s.timestamp
	var got []string
	for i := range 24 {
		if i == 6 { // in the middle of a packet
			s.configure(PCMU, muLaw, 0, 240)
		}
		if b := s.add(make([]int16, 40), true); b != nil {
			got = append(got, fmt.Sprintf("%d+%d", binary.BigEndian.Uint32(b[4:])-first, len(b)-rtpHeader))
		}
	}
	if want := "[0+160 160+160 320+240 560+240]"; fmt.Sprint(got) != want {
		t.Errorf("packets %v, want %s", got, want)
	}
}
