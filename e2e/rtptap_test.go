//go:build e2e

package e2e

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/zaf/g711"
)

// rtpTap is the media side of a SIPp peer: SIPp's SDP names its address. It keeps every packet and can send.
type rtpTap struct {
	t       testing.TB
	conn    *net.UDPConn
	addr    netip.AddrPort
	mu      sync.Mutex
	packets []rtp.Packet
	from    netip.AddrPort // where packets come from
}

// startTap listens on a port of its own.
func startTap(t testing.TB) *rtpTap {
	t.Helper()
	low, _ := lab.rtpRange(t)
	tap := &rtpTap{t: t, addr: lab.server(lab.peerHost(t), low)}
	var err error
	if tap.conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(tap.addr)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tap.conn.Close() })
	go tap.read()
	return tap
}

func (tap *rtpTap) read() {
	buffer := make([]byte, 2048)
	for {
		n, from, err := tap.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		var p rtp.Packet
		if p.Unmarshal(append([]byte{}, buffer[:n]...)) != nil {
			continue
		}
		tap.mu.Lock()
		tap.packets, tap.from = append(tap.packets, p), from
		tap.mu.Unlock()
	}
}

// received returns the packets so far with this payload number.
func (tap *rtpTap) received(payload uint8) []rtp.Packet {
	tap.mu.Lock()
	defer tap.mu.Unlock()
	var found []rtp.Packet
	for _, p := range tap.packets {
		if p.PayloadType == payload {
			found = append(found, p)
		}
	}
	return found
}

// samples decodes what arrived with payload 0 or 8, in sequence.
func (tap *rtpTap) samples(payload uint8) []int16 {
	decode := g711.DecodeUlawFrame
	if payload == 8 {
		decode = g711.DecodeAlawFrame
	}
	var samples []int16
	for _, p := range tap.received(payload) {
		for _, code := range p.Payload {
			samples = append(samples, decode(code))
		}
	}
	return samples
}

// digit is one telephone-event as it arrived: RFC 4733.
type digit struct {
	event    byte
	duration uint16 // timestamp units of 1/8000 s, from the last packet
	packets  int
	ends     int // packets with the end bit
	marker   bool
}

// digits returns the telephone-events received with this payload number, told apart by their timestamp.
func (tap *rtpTap) digits(payload uint8) []digit {
	var found []digit
	var last uint32
	for _, p := range tap.received(payload) {
		if len(p.Payload) < 4 {
			continue
		}
		if len(found) == 0 || p.Timestamp != last {
			found = append(found, digit{event: p.Payload[0], marker: p.Marker})
		}
		d := &found[len(found)-1]
		last = p.Timestamp
		d.packets++
		d.duration = binary.BigEndian.Uint16(p.Payload[2:])
		if p.Payload[1]&0x80 != 0 {
			d.ends++
		}
	}
	return found
}

// play sends samples to addr as payload 0 or 8 in packets of ptime, and returns when done or when the test has ended.
// It keeps to real time over the whole: what the machine could not send in time goes out at once, as from a phone whose
// sound card is the clock.
func (tap *rtpTap) play(to netip.AddrPort, payload uint8, ptime time.Duration, samples []int16) {
	encode := g711.EncodeUlawFrame
	if payload == 8 {
		encode = g711.EncodeAlawFrame
	}
	header := tap.newHeader(payload)
	size := int(ptime.Seconds() * sampleRate)
	for due := time.Now(); len(samples) >= size; samples = samples[size:] {
		body := make([]byte, size)
		for i := range body {
			body[i] = encode(samples[i])
		}
		if !tap.send(to, header, body) {
			return
		}
		header.Marker = false
		header.SequenceNumber++
		header.Timestamp += uint32(size)
		due = due.Add(ptime)
		<-time.After(time.Until(due))
	}
}

// press sends one telephone-event of 100 ms. Only lost of its packets are left out at the start, and with noEnd all
// that have the end bit: a receiver must report the digit once whatever is lost.
func (tap *rtpTap) press(to netip.AddrPort, header *rtp.Header, payload uint8, event byte, lost int, noEnd bool) {
	header.PayloadType, header.Marker = payload, true
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	const packets, ends = 5, 3
	for i := range packets + ends {
		body := []byte{event, 10, 0, 0}
		units := min(i+1, packets) * 160
		binary.BigEndian.PutUint16(body[2:], uint16(units))
		if i >= packets {
			body[1] |= 0x80
		}
		if i >= lost && !(noEnd && i >= packets) {
			tap.send(to, header, body)
		}
		header.SequenceNumber++
		header.Marker = false
		if i < packets {
			<-pace.C
		}
	}
	header.Timestamp += packets * 160
}

// newHeader begins a stream.
func (tap *rtpTap) newHeader(payload uint8) *rtp.Header {
	return &rtp.Header{Version: 2, Marker: true, PayloadType: payload, SSRC: rand.Uint32(), SequenceNumber: uint16(rand.Uint32()), Timestamp: rand.Uint32()}
}

func (tap *rtpTap) send(to netip.AddrPort, header *rtp.Header, body []byte) bool {
	packet, err := (&rtp.Packet{Header: *header, Payload: body}).Marshal()
	if err != nil {
		return false
	}
	_, err = tap.conn.WriteToUDPAddrPort(packet, to)
	return err == nil
}
