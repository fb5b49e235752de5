package media

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// An air is a Receiver and a clock, pulled every 5 ms.
type air struct {
	t     *testing.T
	r     *Receiver
	now   time.Time
	far   netip.AddrPort
	voice []int16
	heard []int16
	out   [40]int16
	said  int // samples
	seq   uint16
}

func newAir(t *testing.T, accept ...Codec) *air {
	a := &air{t: t, now: time.Unix(70, 0), far: addrPort("192.0.2.1:4000"), voice: speech(aLaw, 40*sampleRate)}
	for i, v := range a.voice { // the same under both laws
		a.voice[i] = muLaw.decode[muLaw.encode[uint16(v)]]
	}
	r, err := NewReceiver(a.now, Stream{Remote: a.far, Codec: PCMU, Accept: accept, EventPT: 101, Ptime: defaultPtime, Receive: true})
	if err != nil {
		t.Fatal(err)
	}
	a.r = r
	return a
}

// packet is what a far end sends of so many samples said next.
func (a *air) packet(c Codec, samples int) []byte {
	payload := make([]byte, samples)
	lawOf(c).encodeTo(payload, a.voice[a.said:][:samples])
	p := packet(rtp.Header{PayloadType: c.PT, SequenceNumber: a.seq, Timestamp: uint32(a.said), SSRC: 7}, payload)
	a.said += samples
	a.seq++
	return p
}

func (a *air) pull(ms int) {
	for range ms / 5 {
		a.r.Pull(a.now, a.out[:])
		a.heard = append(a.heard, a.out[:]...)
		a.now = a.now.Add(5 * time.Millisecond)
	}
}

// talk sends a second in packets of so many ms.
func (a *air) talk(c Codec, ptime int) {
	for range 1000 / ptime {
		a.r.Push(a.now, a.far, a.packet(c, ptime*8))
		a.pull(ptime)
	}
}

// hears checks that samples from to to were played unchanged.
func (a *air) hears(sentence string, from, to int) {
	a.t.Helper()
	if find(a.heard, a.voice[from:to]) < 0 {
		a.t.Errorf("%s: not played as it is; %+v", sentence, a.r.Stats())
	}
}

func TestPacketTimesChangeInACall(t *testing.T) {
	a := newAir(t)
	for _, ptime := range []int{20, 10, 30, 60, 40, 20} {
		from := a.said
		a.talk(PCMU, ptime)
		if n := a.said - from; n > 0 { // the first of longer packets comes late by their length
			a.hears("half a second at a time", from+n/4, from+n*3/4)
		}
	}
	if s := a.r.Stats(); s.Late > 0 || s.Concealed > 120*time.Millisecond || s.Delay > 70*time.Millisecond {
		t.Errorf("stats %+v", s)
	}
}

func TestThePayloadTypeChangesInACall(t *testing.T) {
	other := Codec{PCMA.Name, 96, 8000}
	a := newAir(t, PCMU, other)
	for range 50 { // from packet to packet
		a.r.Push(a.now, a.far, a.packet(PCMU, 160))
		a.pull(20)
		a.voiceAs(aLaw)
		a.r.Push(a.now, a.far, a.packet(other, 160))
		a.pull(20)
	}
	a.pull(40)
	a.hears("PCMU and PCMA in turn", 0, 40*160)
	if s := a.r.Stats(); s.Pushed != 100 {
		t.Errorf("stats %+v", s)
	}
}

// voiceAs rounds the next packet to codes of l, so that it arrives as it is said.
func (a *air) voiceAs(l *law) {
	for i, v := range a.voice[a.said:][:160] {
		a.voice[a.said+i] = l.decode[l.encode[uint16(v)]]
	}
}

// RTP bleed: whoever sends to the port of a call from elsewhere is not heard, whatever he knows.
func TestAMillionPacketsFromElsewhere(t *testing.T) {
	a, quiet := newAir(t), newAir(t)
	elsewhere := []netip.AddrPort{addrPort("198.51.100.66:4000"), addrPort("192.0.2.1:4001"), addrPort("192.0.2.66:4000")}
	noise := make([]byte, 160) // the loudest there is
	for i := range noise {
		noise[i] = byte(i&1) << 7
	}
	injected := 0
	for i := range 500 {
		p := a.packet(PCMU, 160)
		a.r.Push(a.now, a.far, p)
		quiet.r.Push(quiet.now, quiet.far, p)
		for k := range 2000 {
			h := rtp.Header{SequenceNumber: a.seq + uint16(k%3), Timestamp: uint32(a.said + k%5*160), SSRC: 7}
			if k%4 == 3 {
				h.SSRC = uint32(k)
			}
			if k%7 == 0 {
				h.PayloadType = comfortNoise
			}
			if injected == 0 || k%50 == 0 {
				p = packet(h, noise)
			}
			a.r.Push(a.now, elsewhere[(i+k)%len(elsewhere)], p)
			injected++
		}
		a.pull(20)
		quiet.pull(20)
	}
	if injected != 1_000_000 {
		t.Fatalf("%d packets injected", injected)
	}
	foreign := 0
	for i, v := range a.heard {
		if v != quiet.heard[i] {
			foreign++
		}
	}
	if foreign > 0 || a.r.session.counts.rxStrange != uint64(injected) || a.r.session.counts.rxPackets != 500 {
		t.Errorf("%d samples are not the far end's; %+v", foreign, a.r.session.counts)
	}
	if find(a.heard, a.voice[:400*160]) < 0 {
		t.Error("the far end is not heard")
	}
}

// A second source behind the far end's address is heard as soon as it is believed, and its timestamps have
// nothing to do with those before.
func TestTheSSRCChangesInACall(t *testing.T) {
	a := newAir(t)
	a.talk(PCMU, 20)
	from := a.said
	for i := range 50 {
		p := a.packet(PCMU, 160)
		copy(p[4:], []byte{0x80, byte(i * 160 >> 16), byte(i * 160 >> 8), byte(i * 160)}) // timestamp
		copy(p[8:], []byte{9, 9, 9, 9})                                                   // SSRC
		a.r.Push(a.now, a.far, p)
		a.pull(20)
	}
	a.pull(20)
	a.hears("the first", 0, 49*160)
	a.hears("the second, one packet of doubt", from+2*160, from+48*160)
}

// While a key is held the far end sends events instead of voice: nothing is lost.
func TestEventsInPlaceOfVoiceAreNoLoss(t *testing.T) {
	a := newAir(t)
	for range 10 {
		a.talk(PCMU, 20)
		began := uint32(a.said)
		for i := range 8 {
			payload := []byte{5, 10, 0, byte((i + 1) * 160 >> 8)}
			a.r.Push(a.now, a.far, packet(rtp.Header{PayloadType: 101, SequenceNumber: a.seq, Timestamp: began, SSRC: 7}, payload))
			a.seq++
			a.said += 160
			a.pull(20)
		}
	}
	a.talk(PCMU, 20)
	if j := a.r.session.jitter; j.losses > 0.001 || j.Stats().Delay > 10*time.Millisecond {
		t.Errorf("events count as a loss of %.1f %%, the delay is %v", 100*j.losses, j.Stats().Delay)
	}
}

func TestReceivingAllocatesNothing(t *testing.T) {
	a := newAir(t)
	i := 0
	packets := make([][]byte, 1000)
	for i := range packets {
		packets[i] = a.packet(PCMU, 160)
	}
	if n := testing.AllocsPerRun(900, func() {
		if i%17 != 3 && i%40 < 36 { // losses, and stalls
			a.r.Push(a.now, a.far, packets[i])
		}
		for range 4 {
			a.r.Pull(a.now, a.out[:])
			a.now = a.now.Add(5 * time.Millisecond)
		}
		i++
	}); n != 0 {
		t.Errorf("receiving allocates %v times a packet", n)
	}
}
