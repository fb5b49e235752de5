package main

import (
	"encoding/binary"
	"math"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/zaf/g711"
)

// A farVoice is the voice of a far end: it says a tone while it talks and keeps what it hears.
type farVoice struct {
	hz        float64
	rtp, rtcp net.PacketConn
	to        netip.AddrPort
	stop      chan struct{}
	running   sync.WaitGroup

	mu      sync.Mutex
	heard   []int16
	packets int
}

const farHertz = 1000

// speak opens the far end's voice at its port 4000 and talks to the phone's address in sdp.
func (f *far) speak(sdp string) *farVoice {
	f.b.Helper()
	return f.speakAt(sdp, 4000, farHertz)
}

// speakAt is speak at another port and with another tone.
func (f *far) speakAt(sdp string, port uint16, hz float64) *farVoice {
	f.b.Helper()
	v := &farVoice{hz: hz, to: mediaAddr(sdp), stop: make(chan struct{})}
	var err error
	if v.rtp, err = f.host.ListenPacket(netip.AddrPortFrom(f.at.Addr(), port)); err != nil {
		f.b.Fatal(err)
	}
	if v.rtcp, err = f.host.ListenPacket(netip.AddrPortFrom(f.at.Addr(), port+1)); err != nil {
		f.b.Fatal(err)
	}
	v.running.Go(v.listen)
	v.running.Go(v.talk)
	return v
}

func (v *farVoice) close() {
	close(v.stop)
	v.rtp.Close()
	v.rtcp.Close()
	v.running.Wait()
}

func (v *farVoice) listen() {
	buf := make([]byte, 2000)
	for {
		n, _, err := v.rtp.ReadFrom(buf)
		if err != nil {
			return
		}
		if n < 12 || buf[1]&0x7f != 0 {
			continue
		}
		v.mu.Lock()
		v.packets++
		for _, b := range buf[12:n] {
			v.heard = append(v.heard, g711.DecodeUlawFrame(b))
		}
		v.mu.Unlock()
	}
}

func (v *farVoice) talk() {
	start := time.Now()
	packet := make([]byte, 12+160)
	packet[0] = 0x80
	binary.BigEndian.PutUint32(packet[8:], 0x1234)
	for n := 0; ; n++ {
		t := time.NewTimer(time.Until(start.Add(time.Duration(n) * 20 * time.Millisecond)))
		select {
		case <-v.stop:
			t.Stop()
			return
		case <-t.C:
		}
		binary.BigEndian.PutUint16(packet[2:], uint16(n))
		binary.BigEndian.PutUint32(packet[4:], uint32(160*n))
		for i := range 160 {
			packet[12+i] = g711.EncodeUlawFrame(int16(8000 * math.Sin(2*math.Pi*v.hz*float64(160*n+i)/8000)))
		}
		v.rtp.WriteTo(packet, netAddr(v.to))
	}
}

// take returns what was heard since the last take.
func (v *farVoice) take() []int16 {
	v.mu.Lock()
	defer v.mu.Unlock()
	h := v.heard
	v.heard = nil
	return h
}

// mediaAddr is where a session description wants its voice.
func mediaAddr(sdp string) netip.AddrPort {
	var addr, port string
	for _, l := range splitLines(sdp) {
		switch {
		case len(l) > 9 && l[:9] == "c=IN IP4 ":
			addr = l[9:]
		case len(l) > 8 && l[:8] == "m=audio ":
			for i := 8; i < len(l) && l[i] != ' '; i++ {
				port += string(l[i])
			}
		}
	}
	at, _ := netip.ParseAddrPort(addr + ":" + port)
	return at
}

func splitLines(text string) (lines []string) {
	start := 0
	for i := range len(text) {
		if text[i] == '\n' {
			end := i
			if end > start && text[end-1] == '\r' {
				end--
			}
			lines = append(lines, text[start:end])
			start = i + 1
		}
	}
	return lines
}

// share is the part of the power of x that is a tone of hz (Goertzel's algorithm), 0 to 1.
func share(x []int16, hz float64) float64 {
	if len(x) == 0 {
		return 0
	}
	var s1, s2, total float64
	k := 2 * math.Cos(2*math.Pi*hz/8000)
	for _, v := range x {
		s0 := float64(v) + k*s1 - s2
		s2, s1 = s1, s0
		total += float64(v) * float64(v)
	}
	if total == 0 {
		return 0
	}
	power := s1*s1 + s2*s2 - k*s1*s2
	return power / (total * float64(len(x)) / 2)
}

// wantVoices checks that both ends hear each other: the last second of the earpiece, and what came to the far end.
func (p *desk) wantVoices(sentence string, v *farVoice) {
	p.Helper()
	v.take()
	p.after(1003 * time.Millisecond)
	earpiece := p.Heard()
	if s := share(earpiece[len(earpiece)-4000:], v.hz); s < 0.9 {
		p.Errorf("%s: the user hears the far end with %.2f of the sound", sentence, s)
	}
	far := v.take()
	if s := share(far[len(far)/2:], 440); len(far) < 7500 || s < 0.9 {
		p.Errorf("%s: the far end hears the user with %.2f of %d samples", sentence, s, len(far))
	}
}

// wantApart checks that neither end hears the other.
func (p *desk) wantApart(sentence string, v *farVoice) {
	p.Helper()
	v.take()
	p.after(1003 * time.Millisecond)
	earpiece := p.Heard()
	if s := share(earpiece[len(earpiece)-4000:], v.hz); s > 0.01 {
		p.Errorf("%s: the user hears the far end with %.2f of the sound", sentence, s)
	}
	if n := len(v.take()); n > 0 {
		p.Errorf("%s: %d samples are sent to the far end", sentence, n)
	}
}
