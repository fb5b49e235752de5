package echo

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// A scene is what is played and heard in one call with a speakerphone.
type scene struct {
	rate      int
	far, near []float32 // what is played, and what the user says (nil: nothing)
	echo      []float32 // what of far comes back
	noise     float64   // of the room, dBFS
	seed      uint64

	c      *Canceller
	linear []float32 // what the filter leaves
	out    []float32 // moved back by the latency
}

// call is seconds of speech or noise, and the echo of it in a room.
func call(rate int, seed uint64, seconds, t60 float64, voice bool) *scene {
	s := &scene{rate: rate, seed: seed, noise: -85}
	n := int(seconds * float64(rate))
	if voice {
		s.far = speechLike(rate, seed, n)
	} else {
		s.far = coloured(rate, seed, n, 0.9)
	}
	s.far = floats(pcm(s.far))
	s.echo = convolve(s.far, someRoom(rate, seed, t60))
	return s
}

// says lets the user talk from a to b seconds.
func (s *scene) says(loud, a, b float64) *scene {
	s.near = level(speechLike(s.rate, s.seed+50, len(s.far)), loud)
	clear(s.part(s.near, 0, a))
	clear(s.part(s.near, b, 1000))
	return s
}

// play runs the scene in periods of 5 ms.
func (s *scene) play() *scene {
	s.c = New(s.rate)
	noise := level(coloured(s.rate, s.seed+1000, len(s.far), 0.7), s.noise)
	far, near := pcm(s.far), pcm(s.echo, s.near, noise)
	p := s.rate / 200
	out := make([]int16, len(near))
	for at := 0; at+p <= len(near); at += p {
		s.c.Process(far[at:at+p], near[at:at+p], out[at:at+p])
		if at/p%2 == 1 {
			s.linear = append(s.linear, s.c.filter.e[s.c.block:]...)
		}
	}
	s.out = floats(out[s.c.Latency():])
	return s
}

// part is the seconds from a to b of x.
func (s *scene) part(x []float32, a, b float64) []float32 {
	from, to := int(a*float64(s.rate)), int(b*float64(s.rate))
	return x[min(from, len(x)):min(to, len(x))]
}

// loss is by how much the echo is less in x, dB, in the seconds from a to b.
func (s *scene) loss(x []float32, a, b float64) float64 {
	return db(power(s.part(s.echo, a, b)), power(s.part(x, a, b)))
}

// gain is what is left of the user's voice, dB: as much of it as is in the output.
func (s *scene) gain(a, b float64) float64 {
	near, out := s.part(s.near, a, b), s.part(s.out, a, b)
	var dot, sum float64
	for i, v := range out {
		dot += float64(near[i]) * float64(v)
		sum += float64(near[i]) * float64(near[i])
	}
	return 20 * math.Log10(max(dot/sum, 1e-9))
}

// results are dB of one measure, room by room.
type results []float64

func (r *results) add(db float64) { *r = append(*r, db) }

func (r results) mean() float64 {
	var sum float64
	for _, v := range r {
		sum += v
	}
	return sum / float64(len(r))
}

func (r results) String() string {
	return fmt.Sprintf("%5.1f (%5.1f to %.1f)", r.mean(), slices.Min(r), slices.Max(r))
}

// want holds the mean and the worst against what they must be at the least.
func (r results) want(t *testing.T, what string, mean, least float64) {
	t.Helper()
	if m := r.mean(); m < mean && len(r) >= 3 {
		t.Errorf("%s: %.1f dB in the mean, want %.1f", what, m, mean)
	}
	if m := slices.Min(r); !(m >= least) {
		t.Errorf("%s: %.1f dB in the worst room, want %.1f", what, m, least)
	}
}

// notUnderRace skips a measurement that takes long: there is no goroutine here.
func notUnderRace(t *testing.T) {
	if underRace {
		t.Skip("measured without the race detector")
	}
}

// inRooms plays one test at both rates in all reverberation times.
func inRooms(t *testing.T, f func(t *testing.T, name string, rate int, t60 float64, seeds []uint64)) {
	seeds, reverberation, rates := rooms()
	for _, rate := range rates {
		for _, t60 := range reverberation {
			f(t, fmt.Sprintf("%5d Hz, T60 %.2f s", rate, t60), rate, t60, seeds)
		}
	}
}

func TestEchoIsCancelled(t *testing.T) {
	inRooms(t, func(t *testing.T, name string, rate int, t60 float64, seeds []uint64) {
		for _, voice := range []bool{true, false} {
			var linear, total results
			for _, seed := range seeds {
				s := call(rate, seed, 8, t60, voice).play()
				linear.add(s.loss(s.linear, 3, 8))
				total.add(s.loss(s.out, 3, 8))
			}
			t.Logf("%s, voice %-5v: from 3 s on linear %v, total %v", name, voice, linear, total)
			linear.want(t, name+", linear", 25, 20)
			total.want(t, name+", total", 40, 40)
		}
	})
}

func TestDoubleTalk(t *testing.T) {
	inRooms(t, func(t *testing.T, name string, rate int, t60 float64, seeds []uint64) {
		for _, loud := range []float64{-24, -30, -36} {
			var gain, linear, after results
			for _, seed := range seeds {
				s := call(rate, seed, 11, t60, true).says(loud, 4, 9).play()
				gain.add(s.gain(4, 9))
				linear.add(s.loss(minus(s.linear, s.near), 4, 9))
				after.add(s.loss(s.out, 9.2, 11))
			}
			t.Logf("%s, the user at %3.0f dBFS: gain %v, linear meanwhile %v, total after it %v", name, loud, gain, linear, after)
			if loud > -32 { // the echo is at -34 in the mean
				gain.want(t, name+", near-end gain", -1, -2.5)
			}
			linear.want(t, name+", linear meanwhile", 15, 8)
			after.want(t, name+", total after", 40, 35)
		}
	})
}

func TestPathChange(t *testing.T) {
	notUnderRace(t)
	inRooms(t, func(t *testing.T, name string, rate int, t60 float64, seeds []uint64) {
		for _, whole := range []bool{true, false} {
			var linear, total results
			for _, seed := range seeds {
				s := call(rate, seed, 8, t60, true)
				h := someRoom(rate, seed, t60)
				other := someRoom(rate, seed+60, t60) // 60: the same distances and levels
				if !whole {                           // only the reflections are others
					copy(other, h[:(directDelay(seed)+4)*rate/1000])
				}
				copy(s.part(s.echo, 5, 8), s.part(convolve(s.far, other), 5, 8))
				s.play()
				linear.add(s.loss(s.linear, 6.5, 8))
				total.add(s.loss(s.out, 6.5, 8))
			}
			t.Logf("%s, direct sound too %-5v: after 1.5 s linear %v, total %v", name, whole, linear, total)
			linear.want(t, name+", linear after a change", 10, 6)
			total.want(t, name+", total after a change", 30, 20)
		}
	})
}

// TestNoise: where the echo is taken away, the noise of the room stays.
func TestNoise(t *testing.T) {
	notUnderRace(t)
	inRooms(t, func(t *testing.T, name string, rate int, t60 float64, seeds []uint64) {
		if t60 != 0.3 {
			return
		}
		for _, noise := range []float64{-40, -50, -60, -70} {
			var linear, left, gain results
			for _, seed := range seeds {
				s := call(rate, seed, 13, t60, true).says(-28, 8, 13)
				s.noise = noise
				s.play()
				linear.add(s.loss(s.linear, 3, 8))
				left.add(db(power(s.part(s.out, 3, 8)), 32768*32768) - noise)
				gain.add(s.gain(8, 13))
			}
			t.Logf("%s, noise at %3.0f dBFS: echo and noise against echo, linear %v; what is heard against the noise %v; near-end gain %v", name, noise, linear, left, gain)
			left.want(t, name+", what is heard against the noise", -3, -6)
			if m := slices.Max(left); m > 2 {
				t.Errorf("%s: what is heard is %.1f dB above the noise", name, m)
			}
			gain.want(t, name+", near-end gain", -1, -2)
		}
	})
}

// TestSoftClip: a loudspeaker that bends.
func TestSoftClip(t *testing.T) {
	notUnderRace(t)
	seeds, _, _ := rooms()
	for _, c := range []struct{ drive, linear, total float64 }{{1, 25, 40}, {2, 20, 38}, {4, 10, 28}} {
		var linear, total, gain, bend results
		for _, seed := range seeds {
			s := call(8000, seed, 12, 0.3, true).says(-28, 7, 12)
			bent := make([]float32, len(s.far))
			for i, v := range s.far {
				bent[i] = float32(math.Tanh(float64(v)/32768*c.drive) * 32768 / c.drive)
			}
			bend.add(db(power(minus(s.far, bent)), power(s.far)))
			s.echo = convolve(bent, someRoom(8000, seed, 0.3))
			s.play()
			linear.add(s.loss(s.linear, 3, 7))
			total.add(s.loss(s.out, 3, 7))
			gain.add(s.gain(7, 12))
		}
		t.Logf("distortion at %.0f dB: linear %v, total %v, near-end gain %v", bend.mean(), linear, total, gain)
		linear.want(t, "linear with a bent loudspeaker", c.linear, c.linear-5)
		total.want(t, "total with a bent loudspeaker", c.total, c.total-8)
		gain.want(t, "near-end gain with a bent loudspeaker", -1, -2)
	}
}

// TestBeginsInDoubleTalk: the echo comes first, the user is heard when it is known.
func TestBeginsInDoubleTalk(t *testing.T) {
	_, _, rates := rooms()
	seeds, _, _ := rooms()
	for _, rate := range rates {
		var first, second, later, linear, total results
		for _, seed := range seeds {
			s := call(rate, seed, 10, 0.3, true).says(-28, 0, 6).play()
			first.add(s.gain(0, 1))
			second.add(s.gain(1, 2))
			later.add(s.gain(2, 6))
			linear.add(s.loss(s.linear, 7, 10))
			total.add(s.loss(s.out, 7, 10))
		}
		t.Logf("%d Hz: near-end gain in the first second %v, in the next %v, then %v; when the user is silent linear %v, total %v", rate, first, second, later, linear, total)
		later.want(t, "near-end gain after 2 s", -4, -7)
		total.want(t, "total after a call that began in double talk", 40, 30)
	}
}

// TestDrift: loudspeaker and microphone on two clocks.
func TestDrift(t *testing.T) {
	notUnderRace(t)
	seeds, _, rates := rooms()
	for _, rate := range rates {
		for _, c := range []struct{ ppm, linear, total float64 }{{-100, 5, 20}, {-20, 18, 40}, {20, 18, 40}, {100, 5, 20}} {
			var linear, total, gain results
			for _, seed := range seeds {
				s := call(rate, seed, 20, 0.3, true).says(-28, 15, 20)
				s.echo = resample(append(make([]float32, rate/50), s.echo...), c.ppm)[:len(s.far)]
				s.play()
				linear.add(s.loss(s.linear, 5, 15))
				total.add(s.loss(s.out, 5, 15))
				gain.add(s.gain(15, 20))
			}
			t.Logf("%5d Hz, %4.0f ppm: linear %v, total %v, near-end gain %v", rate, c.ppm, linear, total, gain)
			linear.want(t, "linear with drift", c.linear, c.linear-3)
			total.want(t, "total with drift", c.total, c.total-5)
			gain.want(t, "near-end gain with drift", -2, -3)
		}
	}
}

// TestDelay: a sound card that plays late.
func TestDelay(t *testing.T) {
	notUnderRace(t)
	inRooms(t, func(t *testing.T, name string, rate int, t60 float64, seeds []uint64) {
		if t60 == 0.3 {
			return
		}
		for _, late := range []int{40, 120, 240} {
			var linear, total results
			for _, seed := range seeds {
				s := call(rate, seed, 8, t60, true)
				s.echo = append(make([]float32, rate*late/1000), s.echo...)[:len(s.far)]
				s.play()
				linear.add(s.loss(s.linear, 3, 8))
				total.add(s.loss(s.out, 3, 8))
				want := late + directDelay(seed)
				if got := s.c.Stats().Delay; got < want-10 || got > want+10 {
					t.Errorf("%s: the delay is found to be %d ms, it is %d", name, got, want)
				}
			}
			t.Logf("%s, %3d ms late: linear %v, total %v", name, late, linear, total)
			linear.want(t, name+", linear with delay", 20, 15)
			total.want(t, name+", total with delay", 40, 30)
		}
	})
}
