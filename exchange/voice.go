package exchange

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/zaf/g711"
)

// Implementation constants.
const (
	maxRTP   = 1500 // octets of a packet we look at
	deafTime = 2 * time.Minute
	maxEcho  = 300 // packets echoed in a second: two echoes that talk to each other stay polite
)

// A voice is the RTP of one call of an extension: RFC 3550. It has a lock of its own.
type voice struct {
	rtp, rtcp net.PacketConn
	at        netip.AddrPort

	mu      sync.Mutex
	on      bool // what was agreed upon counts
	remote  description
	echo    bool
	ssrc    uint32
	seq     uint16
	stamp   uint32 // of the next packet of a melody
	offset  uint32 // of what is echoed
	source  uint32 // SSRC of the caller, as heard
	began   bool   // source counts
	talking bool   // the last packet was sent without a break before
	heard   time.Time
	packets int // received
	second  time.Time
	echoed  int // in that second
}

// newVoice opens two sockets in a row for RTP and RTCP.
func newVoice(n Net, at netip.Addr) (*voice, error) {
	for try := 1; ; try++ {
		pc, err := n.ListenPacket(netip.AddrPortFrom(at, 0))
		if err != nil {
			return nil, err
		}
		port := addrPort(pc.LocalAddr()).Port()
		if port%2 == 0 { // RFC 3550 section 11
			control, err := n.ListenPacket(netip.AddrPortFrom(at, port+1))
			if err == nil {
				return &voice{rtp: pc, rtcp: control, at: netip.AddrPortFrom(at, port)}, nil
			}
		} else if port > 1024 {
			even, err := n.ListenPacket(netip.AddrPortFrom(at, port-1))
			if err == nil {
				return &voice{rtp: even, rtcp: pc, at: netip.AddrPortFrom(at, port-1)}, nil
			}
		}
		pc.Close()
		if try == portTries {
			return nil, fmt.Errorf("no two ports in a row are free at %s", at)
		}
	}
}

func (v *voice) close() {
	v.rtp.Close()
	v.rtcp.Close()
}

// agree takes what the other end described.
func (v *voice) agree(d description) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.on {
		v.heard = time.Now()
	}
	v.on, v.remote = true, d
}

// mayHear tells whether the other end sends, and maySpeak whether it wants to be sent something.
func (v *voice) mayHear() bool {
	return v.on && (v.remote.direction == "sendrecv" || v.remote.direction == "sendonly")
}

func (v *voice) maySpeak() bool {
	return v.on && v.remote.to.IsValid() && (v.remote.direction == "sendrecv" || v.remote.direction == "recvonly")
}

// deserted tells that nothing was heard for so long that the other end must have gone without a word.
func (v *voice) deserted(now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.mayHear() {
		v.heard = now
	}
	return now.Sub(v.heard) >= deafTime
}

// listen reads packets until the socket is closed.
func (v *voice) listen(pc net.PacketConn, take func([]byte)) {
	readDatagrams(pc, maxRTP, func(data []byte, _ net.Addr) { take(data) }, func(netip.AddrPort) {})
}

// report takes an RTCP packet, of which only counts that it came.
func (v *voice) report([]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.heard = time.Now()
}

// hear takes a packet of the other end, and sends its payload back if that is wanted.
func (v *voice) hear(data []byte) {
	var p rtp.Packet
	if p.Unmarshal(data) != nil || p.Version != 2 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	pt := int(p.PayloadType)
	if !v.mayHear() || pt != v.remote.codec && pt != v.remote.event && pt != pcmu && pt != pcma {
		return
	}
	v.heard = time.Now()
	v.packets++
	if !v.echo || !v.maySpeak() {
		v.talking = false
		return
	}
	if now := time.Now(); now.Sub(v.second) >= time.Second {
		v.second, v.echoed = now, 0
	}
	if v.echoed++; v.echoed > maxEcho {
		return
	}
	if !v.began || v.source != p.SSRC { // another source: its timestamps go on where ours are
		v.began, v.source, v.offset = true, p.SSRC, v.stamp-p.Timestamp
	}
	v.send(p.PayloadType, p.Marker || !v.talking && pt != v.remote.event, p.Timestamp+v.offset, p.Payload)
	v.stamp = p.Timestamp + v.offset + uint32(len(p.Payload))
}

// send sends one packet; v.mu is held.
func (v *voice) send(pt uint8, marker bool, stamp uint32, payload []byte) {
	p := rtp.Packet{Header: rtp.Header{Version: 2, Marker: marker, PayloadType: pt, SequenceNumber: v.seq, Timestamp: stamp, SSRC: v.ssrc}, Payload: payload}
	data, err := p.Marshal()
	if err != nil {
		return
	}
	v.seq++
	v.talking = true
	_, _ = v.rtp.WriteTo(data, net.UDPAddrFromAddrPort(v.remote.to)) // one that cannot be sent is lost
}

// play sends samples, once or for ever, each packet at its own time after the beginning. It returns
// when they are played or done is closed. While the call is held they run on unheard.
func (v *voice) play(samples []int16, loop bool, done <-chan struct{}) {
	next, at := time.Now(), 0
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-done:
			return
		case <-timer.C:
		}
		if at >= len(samples) && !loop {
			return
		}
		v.mu.Lock()
		ptime := max(v.remote.ptime, leastPtime)
		n := sampleRate / 1000 * ptime
		if v.maySpeak() {
			payload := make([]byte, n)
			for i := range payload {
				var s int16
				if loop || at+i < len(samples) {
					s = samples[(at+i)%len(samples)]
				}
				if v.remote.codec == pcma {
					payload[i] = g711.EncodeAlawFrame(s)
				} else {
					payload[i] = g711.EncodeUlawFrame(s)
				}
			}
			v.send(uint8(max(v.remote.codec, pcmu)), !v.talking, v.stamp, payload)
		} else {
			v.talking = false
		}
		v.stamp += uint32(n)
		v.mu.Unlock()
		at += n
		next = next.Add(time.Duration(ptime) * time.Millisecond)
		timer.Reset(time.Until(next))
	}
}
