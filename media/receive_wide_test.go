package media

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

const wideRate = 2 * clockRate

// A wideVoice stands in for a codec at 16 kHz on an RTP clock of 8 kHz, as G.722: a payload of 160 octets is 320
// samples, the packet of the voice that its first four octets number.
type wideVoice []int16

func (v wideVoice) Decode(dst []int16, payload []byte) int {
	at := int(binary.BigEndian.Uint32(payload)) * 2 * 160
	return copy(dst, v[at:at+2*len(payload)])
}

// A wideBench runs a Jitter at 16 kHz by hand, pulled every 5 ms.
type wideBench struct {
	j       *Jitter
	now     time.Time
	voice   wideVoice
	heard   []int16
	payload [160]byte
	out     [80]int16
}

func newWideBench(voice wideVoice) *wideBench {
	return &wideBench{j: NewJitter(voice, wideRate), now: time.Unix(50, 0), voice: voice}
}

func (b *wideBench) push(i int) {
	binary.BigEndian.PutUint32(b.payload[:], uint32(i))
	b.j.Push(b.now, uint16(65500+i), uint32(4294960000)+uint32(i*160), b.payload[:]) // both wrap early on
}

func (b *wideBench) pull(ms int) {
	for range ms / 5 {
		b.j.Pull(b.now, b.out[:])
		b.heard = append(b.heard, b.out[:]...)
		b.now = b.now.Add(5 * time.Millisecond)
	}
}

// wideSpeech is speech with something above 4 kHz.
func wideSpeech(n int) wideVoice {
	v := make(wideVoice, n)
	for i, s := range speech(muLaw, n/2) {
		v[2*i], v[2*i+1] = s, s+int16(i%5-2)
	}
	return v
}

func TestWideJitterPlaysACleanStreamUnchanged(t *testing.T) {
	b := newWideBench(wideSpeech(10 * wideRate))
	for i := range 500 {
		b.push(i)
		b.pull(20)
	}
	at := find(b.heard, b.voice[:499*320])
	if at < 0 || at > 6*wideRate/1000 {
		t.Errorf("found at sample %d; %+v", at, b.j.Stats())
	}
	if s := b.j.Stats(); s.Delay > 6*time.Millisecond || s.Concealed > 0 {
		t.Errorf("%+v", s)
	}
}

// What 16 kHz is played late, is concealed and is scaled in time as 8 kHz is.
func TestWideJitterDoesAsTheNarrow(t *testing.T) {
	for _, tt := range []struct {
		name         string
		jitter, loss float64
		stall        int
	}{{"jitter", 4, 0, 0}, {"loss", 0.3, 0.05, 0}, {"stalls", 2, 0.01, 90}} {
		wide := newWideBench(wideSpeech(60 * wideRate))
		narrow := newBench(t)
		narrow.voice = speech(muLaw, 60*sampleRate)
		random := rand.New(rand.NewPCG(11, 11))
		last, stalled := 0.0, 0.0
		sent, at := 0, 0.0
		for k := range 55 * 200 {
			for at <= float64(k)*5+2 {
				if random.Float64() >= tt.loss {
					wide.push(sent)
					narrow.push(sent, uint32(sent*160))
				}
				if stalled = max(stalled-20, 0); tt.stall > 0 && random.IntN(100) == 0 {
					stalled = float64(tt.stall) * (0.5 + random.Float64())
				}
				sent++
				at = max(last, float64(sent)*20+tt.jitter*random.ExpFloat64()+stalled)
				last = at
			}
			wide.pull(5)
			narrow.pull(5)
		}
		w, n := wide.j.Stats(), narrow.j.Stats()
		near := func(what string, a, b, share time.Duration) {
			if d := a - b; max(d, -d) > max(a, b)/share+4*time.Millisecond {
				t.Errorf("%s: %s is %v at 16 kHz, %v at 8", tt.name, what, a, b)
			}
		}
		near("the target", w.Target, n.Target, 20)
		near("the delay", w.Delay, n.Delay, 5)
		near("what is concealed", w.Concealed, n.Concealed, 10)
		near("what is skipped", w.Skipped, n.Skipped, 3)
		near("what is added", w.Added, n.Added, 2)
	}
}

// A deep voice, whose period is longer than any looked for at 8 kHz, and something above 4 kHz.
func TestWideJitterConcealsInPitch(t *testing.T) {
	voice := make(wideVoice, wideRate)
	for i := range voice {
		x := 2 * math.Pi * 80 * float64(i) / wideRate
		voice[i] = int16(4000*math.Sin(x) + 2500*math.Sin(2*x+1) + 1500*math.Sin(5*x+2) + 400*math.Sin(60*x))
	}
	b := newWideBench(voice)
	for i := range 50 {
		if i != 20 {
			b.push(i)
		}
		b.pull(20)
	}
	if c := b.j.Stats().Concealed; c != 20*time.Millisecond {
		t.Errorf("%v concealed, want 20ms", c)
	}
	begun := find(b.heard, voice[:10*320])
	var wrong, power float64
	for i := 20 * 320; i < 21*320; i++ {
		d := float64(b.heard[begun+i]) - float64(voice[i])
		wrong += d * d
		power += float64(voice[i]) * float64(voice[i])
	}
	if db := 10 * math.Log10(power/wrong); db < 15 {
		t.Errorf("the gap is bridged %.1f dB above the error, want 15", db)
	}
}

func TestWideComfortNoise(t *testing.T) {
	b := newWideBench(wideSpeech(wideRate))
	for i := range 20 {
		b.push(i)
		b.pull(20)
	}
	b.j.PushNoise(uint16(65520), uint32(4294960000)+20*160, []byte{50})
	b.pull(2000)
	got := 20 * math.Log10(rms(b.heard[len(b.heard)-wideRate:])/32768)
	if got < -54 || got > -48 {
		t.Errorf("the noise is at %.1f dBov, want -50", got)
	}
	var change float64 // it was described up to 4 kHz
	noise := b.heard[len(b.heard)-wideRate:]
	for i := 1; i < len(noise); i++ {
		d := float64(noise[i]) - float64(noise[i-1])
		change += d * d / wideRate
	}
	if level := rms(noise); change > level*level {
		t.Errorf("from sample to sample the noise changes by %.0f, at a level of %.0f", math.Sqrt(change), level)
	}
}

func TestWideFramePathAllocatesNothing(t *testing.T) {
	b := newWideBench(wideSpeech(60 * wideRate))
	b.heard = make([]int16, 0, 60*wideRate)
	i := 0
	if n := testing.AllocsPerRun(2000, func() {
		if i%17 != 3 {
			b.push(i)
		}
		b.pull(20)
		i++
	}); n != 0 {
		t.Errorf("receiving allocates %v times a packet", n)
	}
}

func TestJitterTakesTwoRates(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a rate of 11025 Hz is taken")
		}
	}()
	NewJitter(muLaw, 11025)
}

func BenchmarkReceiveWideWithAFifthLost(b *testing.B) {
	w := newWideBench(wideSpeech(10 * wideRate))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%5 != 3 {
			binary.BigEndian.PutUint32(w.payload[:], uint32(i%500))
			w.j.Push(w.now, uint16(i), uint32(i*160), w.payload[:])
		}
		for range 4 {
			w.j.Pull(w.now, w.out[:])
			w.now = w.now.Add(5 * time.Millisecond)
		}
	}
}
