package media

import (
	"encoding/binary"
	"testing"
	"time"
)

// A bench runs a Jitter by hand: 20-ms packets, pulled every 5 ms, in a time of its own.
type bench struct {
	t     *testing.T
	j     *Jitter
	now   time.Time
	voice []int16
	heard []int16
}

func newBench(t *testing.T) *bench {
	return &bench{t: t, j: NewJitter(muLaw, sampleRate), now: time.Unix(50, 0), voice: speech(muLaw, 30*sampleRate)}
}

// push sends packet i of the voice at timestamp ts.
func (b *bench) push(i int, ts uint32) { b.j.Push(b.now, uint16(i), ts, b.payload(i)) }

// payload is packet i of the voice.
func (b *bench) payload(i int) []byte {
	payload := make([]byte, 160)
	muLaw.encodeTo(payload, b.voice[i*160:][:160])
	return payload
}

func (b *bench) pull(ms int) {
	out := make([]int16, 40)
	for range ms / 5 {
		b.j.Pull(b.now, out)
		b.heard = append(b.heard, out...)
		b.now = b.now.Add(5 * time.Millisecond)
	}
}

// run sends packets from up to to with timestamps as if packet 0 had base.
func (b *bench) run(from, to int, base uint32) {
	for i := from; i < to; i++ {
		b.push(i, base+uint32(i*160))
		b.pull(20)
	}
}

// hears checks that the voice from packet from up to to was played unchanged, and when it began.
func (b *bench) hears(sentence string, from, to int) int {
	b.t.Helper()
	at := find(b.heard, b.voice[from*160:to*160])
	if at < 0 {
		b.t.Errorf("%s: packets %d to %d were not played as they are; %+v", sentence, from, to, b.j.Stats())
	}
	return at / 8
}

func TestJitterAfterTheTimestampsJump(t *testing.T) {
	b := newBench(t)
	b.run(0, 50, 1000)
	b.run(50, 100, 3_000_000_000)
	b.pull(100)
	b.hears("before the jump", 0, 49)
	b.hears("after it, one packet of doubt", 52, 100)
}

func TestOneStrayTimestampChangesNothing(t *testing.T) {
	b := newBench(t)
	b.run(0, 50, 1000)
	b.push(70, 2_000_000_000)
	b.run(50, 100, 1000)
	b.pull(100)
	b.hears("all of it", 0, 100)
	if s := b.j.Stats(); s.Strayed != 1 {
		t.Errorf("%d packets strayed, want 1", s.Strayed)
	}
}

func TestJitterAfterTheSenderPaused(t *testing.T) {
	for _, tt := range []struct {
		name string
		skip uint32 // how far the timestamps went on meanwhile
	}{{"its clock went on", 8000}, {"its clock stood still", 0}} {
		b := newBench(t)
		b.run(0, 50, 1000)
		b.pull(1000)
		b.run(50, 100, 1000+tt.skip)
		b.pull(100)
		b.hears("before the pause", 0, 50)
		if began := b.hears(tt.name, 51, 80) - 20; began < 2000 || began > 2030 {
			t.Errorf("%s: the voice goes on at %d ms, it came at 2000", tt.name, began)
		}
	}
}

func TestJitterAfterTheSoundDeviceStalled(t *testing.T) {
	b := newBench(t)
	b.run(0, 50, 1000)
	for i := 50; i < 150; i++ { // nobody pulls for two seconds
		b.push(i, 1000+uint32(i*160))
		b.now = b.now.Add(20 * time.Millisecond)
	}
	b.run(150, 250, 1000)
	b.pull(100)
	b.hears("long after", 210, 250)
	if s := b.j.Stats(); s.Delay > 100*time.Millisecond {
		t.Errorf("the delay stays at %v", s.Delay)
	}
}

func TestJitterTakesPacketsTwiceOnce(t *testing.T) {
	b := newBench(t)
	for i := range 50 {
		b.push(i, uint32(i*160))
		b.push(i, uint32(i*160))
		b.pull(20)
	}
	b.pull(100)
	b.hears("all of it", 0, 50)
	if s := b.j.Stats(); s.Duplicate != 50 {
		t.Errorf("%d duplicates, want 50", s.Duplicate)
	}
}

func TestJitterPutsTheFirstPacketsInOrder(t *testing.T) {
	b := newBench(t)
	b.push(1, 160)
	b.push(0, 0)
	b.pull(40)
	b.run(2, 50, 0)
	b.pull(100)
	b.hears("from the first", 0, 50)
}

func TestJitterTakesAnyPacketTime(t *testing.T) {
	for _, samples := range []int{1, 40, 80, 110, 240, 480, 960, 1600} {
		j := NewJitter(muLaw, sampleRate)
		voice := speech(muLaw, 4*sampleRate)
		payload := make([]byte, maxPayload)
		var heard []int16
		out := make([]int16, 40)
		now := time.Unix(9, 0)
		for at := 0; at < 3*sampleRate; at += 40 {
			for sent := (max(at-39, 0) + samples - 1) / samples * samples; sent <= at; sent += samples { // as soon as its first sample was said
				muLaw.encodeTo(payload, voice[sent:][:samples])
				j.Push(now, 0, uint32(sent), payload[:samples])
			}
			j.Pull(now, out)
			heard = append(heard, out...)
			now = now.Add(5 * time.Millisecond)
		}
		if find(heard, voice[:2*sampleRate]) < 0 {
			t.Errorf("packets of %d samples: not played as they are: %+v", samples, j.Stats())
		}
	}
}

func bySamples(n int) time.Duration { return time.Duration(n) * time.Second / sampleRate }

func TestJitterOfAnySoundPeriod(t *testing.T) {
	for _, n := range []int{16, 32, 40, 64, 80, 128, 160, 240, 320, 480} {
		j := NewJitter(muLaw, sampleRate)
		voice := speech(muLaw, 10*sampleRate)
		payload := make([]byte, 160)
		var heard []int16
		out := make([]int16, n)
		epoch := time.Unix(9, 0)
		for at, sent := 0, 0; at < 8*sampleRate; at += n {
			for ; sent*160 <= at; sent++ {
				muLaw.encodeTo(payload, voice[sent*160:][:160])
				j.Push(epoch.Add(bySamples(sent*160)), uint16(sent), uint32(sent*160), payload)
			}
			j.Pull(epoch.Add(bySamples(at)), out)
			heard = append(heard, out...)
		}
		s := j.Stats()
		if find(heard, voice[3*sampleRate:7*sampleRate]) < 0 {
			t.Errorf("pulls of %d samples: not played as it is; %+v", n, s)
		}
		if most := bySamples(2*n) + 3*time.Millisecond; s.Delay > most || s.Concealed > 0 {
			t.Errorf("pulls of %d samples: %+v, want a delay of at most %v", n, s, most)
		}
	}
}

func TestJitterIsSilentWithoutPackets(t *testing.T) {
	b := newBench(t)
	b.pull(100)
	b.run(0, 10, 0)
	b.pull(1000)
	for i, v := range b.heard[len(b.heard)-4000:] {
		if v != 0 {
			t.Fatalf("sample %d of the last half second is %d", i, v)
		}
	}
	for _, v := range b.heard[:800] {
		if v != 0 {
			t.Fatal("something was played before anything came")
		}
	}
}

func TestALossIsConcealedAndJoinedSoftly(t *testing.T) {
	const lost = 20 // in the middle of a vowel: a steady 200 Hz
	j := NewJitter(muLaw, sampleRate)
	now := time.Unix(9, 0)
	payload := make([]byte, 160)
	out := make([]int16, 40)
	var heard []int16
	for i := range 50 {
		for k := range payload {
			payload[k] = muLaw.encode[uint16(int16(int32(sine[(i*160+k)*200%sampleRate])/4))]
		}
		if i != lost {
			j.Push(now, uint16(i), uint32(i*160), payload)
		}
		for range 4 {
			j.Pull(now, out)
			heard = append(heard, out...)
			now = now.Add(5 * time.Millisecond)
		}
	}
	if c := j.Stats().Concealed; c != 20*time.Millisecond {
		t.Errorf("%v concealed, want 20ms", c)
	}
	// A steady tone goes on through the gap almost unchanged: no step larger than the tone's own.
	for i := 1000; i < len(heard); i++ {
		if step := abs(int(heard[i]) - int(heard[i-1])); step > 1700 {
			t.Fatalf("a step of %d at sample %d", step, i)
		}
	}
}

// Where packets are lost the one after is waited for, so that both sides of a gap are known.
func TestTheNextPacketIsWaitedForWhereSomeAreLost(t *testing.T) {
	b := newBench(t)
	for i := range 1000 {
		if i%20 != 7 {
			b.push(i, uint32(i*160))
		}
		if i == 500 {
			b.j.stats.Concealed = 0
		}
		b.pull(20)
	}
	s := b.j.Stats()
	if s.Target < 20*time.Millisecond || s.Delay < 20*time.Millisecond || s.Delay > 26*time.Millisecond {
		t.Errorf("the delay is %v with a target of %v", s.Delay, s.Target)
	}
	if s.Concealed != 25*20*time.Millisecond {
		t.Errorf("%v concealed for 25 packets lost", s.Concealed)
	}
	for i := 1000; i < 4000; i++ { // the network gets well
		b.push(i%1000, uint32(i*160))
		b.pull(20)
	}
	if s := b.j.Stats(); s.Delay > 8*time.Millisecond {
		t.Errorf("a minute without loss later the delay is still %v", s.Delay)
	}
}

func TestFramePathAllocatesNothing(t *testing.T) {
	j := NewJitter(muLaw, sampleRate)
	now := time.Unix(0, 0)
	payload := make([]byte, 160)
	out := make([]int16, 40)
	i := 0
	if n := testing.AllocsPerRun(2000, func() {
		if i%17 != 3 { // with losses
			j.Push(now, uint16(i), uint32(i*160), payload)
		}
		for range 4 {
			j.Pull(now, out)
			now = now.Add(5 * time.Millisecond)
		}
		i++
	}); n != 0 {
		t.Errorf("receiving allocates %v times a packet", n)
	}
}

func FuzzJitter(f *testing.F) {
	f.Add([]byte{0, 0, 0, 160, 20, 0, 0, 0, 160, 20, 9, 0, 0, 160, 200})
	f.Add([]byte{255, 255, 255, 160, 0, 0, 0, 10, 255, 255, 128, 0, 0, 1, 7})
	f.Fuzz(func(t *testing.T, script []byte) {
		for _, rate := range []int{clockRate, wideRate} {
			fuzzJitter(t, NewJitter(muLaw, rate), script)
		}
	})
}

func fuzzJitter(t *testing.T, j *Jitter, script []byte) {
	now := time.Unix(0, 0)
	payload := make([]byte, maxPayload)
	out := make([]int16, 40)
	var ts uint32
	for ; len(script) >= 5; script = script[5:] {
		ts += uint32(int32(binary.BigEndian.Uint32(script))) >> 8 << 4 // steps of all sizes, both ways
		j.Push(now, 0, ts, payload[:int(script[3])*6])
		for range int(script[4]) % 64 {
			j.Pull(now, out)
			now = now.Add(5 * time.Millisecond)
		}
	}
	s := j.Stats()
	if s.Delay < 0 || s.Target < 0 || s.Target > 2*time.Second {
		t.Errorf("stats %+v", s)
	}
}

func BenchmarkReceive(b *testing.B) {
	j := NewJitter(muLaw, sampleRate)
	now := time.Unix(0, 0)
	payload := make([]byte, 160)
	out := make([]int16, 40)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		j.Push(now, uint16(i), uint32(i*160), payload)
		for range 4 {
			j.Pull(now, out)
			now = now.Add(5 * time.Millisecond)
		}
	}
}

func BenchmarkReceiveWithAFifthLost(b *testing.B) {
	j := NewJitter(muLaw, sampleRate)
	now := time.Unix(0, 0)
	voice := speech(muLaw, 100*160)
	payload := make([]byte, len(voice))
	muLaw.encodeTo(payload, voice)
	out := make([]int16, 40)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%5 != 3 {
			j.Push(now, uint16(i), uint32(i*160), payload[i%100*160:][:160])
		}
		for range 4 {
			j.Pull(now, out)
			now = now.Add(5 * time.Millisecond)
		}
	}
}

func BenchmarkSend(b *testing.B) {
	s := newSender()
	s.configure(PCMU, muLaw, 101, 160)
	pcm := make([]int16, 40)
	b.ReportAllocs()
	for b.Loop() {
		for range 4 {
			s.add(pcm, true)
		}
	}
}
