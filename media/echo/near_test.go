package echo

import (
	"math"
	"slices"
	"testing"
)

// TestNearOnly: what the user says is left as it is when there is no echo to take away.
func TestNearOnly(t *testing.T) {
	_, _, rates := rooms()
	for _, rate := range rates {
		n := 8 * rate
		silence := make([]float32, n)
		converged := call(rate, 1, 8, 0.3, true).says(-28, 4.4, 8)
		clear(converged.part(converged.far, 4, 8))
		converged.echo = convolve(converged.far, someRoom(rate, 1, 0.3))
		for name, s := range map[string]*scene{
			"after an echo":                        converged,
			"when there never was an echo":         (&scene{rate: rate, far: silence, seed: 1, noise: -85}).says(-28, 0, 8),
			"when the far end only makes a little": (&scene{rate: rate, far: level(coloured(rate, 5, n, 0.7), -65), seed: 1, noise: -85}).says(-28, 0, 8),
		} {
			if s.echo == nil {
				s.echo = convolve(s.far, someRoom(rate, 1, 0.3))
			}
			s.play()
			near, out := s.part(s.near, 4.5, 7.9), s.part(s.out, 4.5, 7.9)
			change, rest := db(power(out), power(near)), db(power(minus(out, near)), power(near))
			t.Logf("%d Hz, %s: %+.2f dB, the difference is at %.0f dB", rate, name, change, rest)
			if math.Abs(change) > 0.5 || rest > -15 {
				t.Errorf("%d Hz, %s: the user is changed by %+.2f dB, the difference is at %.0f dB", rate, name, change, rest)
			}
		}
	}
}

// TestLatency: the user is late by what Latency says, whatever the lengths Process is given.
func TestLatency(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		near := pcm(speechLike(rate, 4, rate))
		for _, periods := range []int{1, 2, 3, 8} {
			c := New(rate)
			out := slices.Clone(near)
			n := periods * rate / 200
			for at := 0; at+n <= len(near); at += n {
				c.Process(make([]int16, n), out[at:at+n], out[at:at+n])
			}
			for i := range 9 * rate / 10 {
				if d := int(out[i+c.Latency()]) - int(near[i]); d < -1 || d > 1 {
					t.Fatalf("%d Hz, %d periods at a time: sample %d comes out as %d, was %d", rate, periods, i, out[i+c.Latency()], near[i])
				}
			}
		}
	}
}

// TestHardInput: what no room does must not last.
func TestHardInput(t *testing.T) {
	const rate = 8000
	loud := make([]int16, rate)
	for i := range loud {
		loud[i] = math.MaxInt16
		if i/40%2 == 0 {
			loud[i] = math.MinInt16
		}
	}
	quiet := make([]int16, rate)
	random := pcm(level(coloured(rate, 3, rate, 0), -6))
	for _, c := range []struct {
		name      string
		far, near []int16
	}{
		{"silence", quiet, quiet},
		{"a microphone that is off", random, quiet},
		{"a loudspeaker that is off", quiet, loud},
		{"a clipped microphone", random, loud},
		{"all clipped", loud, loud},
		{"two noises", random, pcm(level(coloured(rate, 4, rate, 0), -6))},
	} {
		s := call(rate, 1, 9, 0.3, true)
		far, near := pcm(s.far), pcm(s.echo)
		cancel := New(rate)
		out := make([]int16, rate)
		for at := 0; at < 3*rate; at += rate {
			cancel.Process(far[at:at+rate], near[at:at+rate], out)
		}
		for range 2 {
			cancel.Process(c.far, c.near, out)
			if !cancel.finite() {
				t.Fatalf("%s: the state is no longer numbers", c.name)
			}
		}
		var total float64
		for at := 3 * rate; at < 9*rate; at += rate {
			cancel.Process(far[at:at+rate], near[at:at+rate], out)
			total = db(power(floats(near[at:at+rate])), power(floats(out)))
		}
		if total < 20 {
			t.Errorf("after %s an echo is %.1f dB less, want 20", c.name, total)
		}
	}
}

// TestMicrophoneOff: noughts teach nothing.
func TestMicrophoneOff(t *testing.T) {
	s := call(8000, 1, 10, 0.3, true)
	far, near := pcm(s.far), pcm(s.echo)
	clear(near[4*8000 : 7*8000])
	c := New(8000)
	out := make([]int16, len(far))
	c.Process(far, near, out)
	if got := db(power(s.part(s.echo, 7, 8)), power(floats(out[7*8000:8*8000]))); got < 35 {
		t.Errorf("an echo is %.1f dB less as soon as the microphone is on again, want 35", got)
	}
}

// TestBrokenState: should the filter ever be no number, it starts again.
func TestBrokenState(t *testing.T) {
	s := call(8000, 1, 8, 0.3, true)
	far, near := pcm(s.far), pcm(s.echo)
	for name, breaks := range map[string]func(f *filter){
		"the room":         func(f *filter) { f.wRe[3][7] = float32(math.NaN()) },
		"the variance":     func(f *filter) { f.p[3][7] = float32(math.NaN()) },
		"an infinite room": func(f *filter) { f.wIm[0][9] = float32(math.Inf(1)) },
	} {
		c := New(8000)
		out := make([]int16, len(far))
		c.Process(far[:8000], near[:8000], out[:8000])
		breaks(&c.filter)
		c.Process(far[8000:], near[8000:], out[8000:])
		if !c.finite() {
			t.Errorf("%s is still no number", name)
		}
		if got := db(power(s.part(s.echo, 5, 8)), power(floats(out[5*8000:]))); got < 35 {
			t.Errorf("after %s was no number an echo is %.1f dB less, want 35", name, got)
		}
	}
}

// finite says whether all that lasts is made of numbers.
func (c *Canceller) finite() bool {
	rows := [][]float32{c.out, c.filter.near, c.residual.error, c.residual.echo, c.residual.errors, c.residual.echoes,
		c.residual.leak, c.residual.cRe, c.residual.cIm, c.suppress.gain, c.suppress.noise, c.suppress.tail, c.delay.near,
		{c.filter.nearPower, c.filter.errorPower, c.nearPower, c.errorPower, c.outPower}}
	for _, more := range [][][]float32{c.filter.wRe, c.filter.wIm, c.filter.p, c.delay.cRe, c.delay.cIm, c.delay.far} {
		rows = append(rows, more...)
	}
	for _, row := range rows {
		for _, v := range row {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return false
			}
		}
	}
	return true
}

func TestResetAndRepeat(t *testing.T) {
	s := call(8000, 2, 3, 0.3, true).says(-28, 1, 3)
	far, near := pcm(s.far), pcm(s.echo, s.near)
	first, second := make([]int16, len(far)), make([]int16, len(far))
	c := New(8000)
	c.Process(far, near, first)
	if st := c.Stats(); st.Delay < 0 {
		t.Errorf("stats %+v", st)
	}
	c.Reset()
	if st := c.Stats(); st != (Stats{Delay: -1}) {
		t.Errorf("stats after Reset %+v", st)
	}
	c.Process(far, near, second)
	if !slices.Equal(first, second) {
		t.Error("the same samples give another result after Reset")
	}
}

// TestStats holds Stats against what is measured from outside.
func TestStats(t *testing.T) {
	s := call(8000, 1, 8, 0.3, false).play()
	st := s.c.Stats()
	linear := s.loss(s.linear, 5, 8)
	if math.Abs(st.Linear-linear) > 3 || st.Total < 40 || st.Delay != 10 {
		t.Errorf("stats %+v, linear is %.1f", st, linear)
	}
}

func TestWrongLengthsPanic(t *testing.T) {
	panics := func(what string, f func()) {
		defer func() {
			if recover() == nil {
				t.Errorf("%s: no panic", what)
			}
		}()
		f()
	}
	c := New(8000)
	b := func(n int) []int16 { return make([]int16, n) }
	panics("a rate there is not", func() { New(48000) })
	panics("no multiple of 5 ms", func() { c.Process(b(41), b(41), b(41)) })
	panics("too little played", func() { c.Process(b(40), b(80), b(80)) })
	panics("too little room", func() { c.Process(b(80), b(80), b(40)) })
}

func TestNothingIsAllocated(t *testing.T) {
	s := call(16000, 1, 4, 0.3, true).says(-28, 2, 4)
	s.echo = append(make([]float32, 16*150), s.echo...)[:len(s.far)] // the window moves meanwhile
	far, near := pcm(s.far), pcm(s.echo, s.near)
	c := New(16000)
	out, at := make([]int16, 160), 0
	if n := testing.AllocsPerRun(390, func() {
		c.Process(far[at:at+160], near[at:at+160], out)
		at += 160
	}); n != 0 {
		t.Errorf("%v allocations in 10 ms", n)
	}
	if c.filter.bulk == 0 {
		t.Error("the window has not moved")
	}
}

// FuzzProcess: no samples break the state. Each byte is the loudness of both ends in 5 ms.
func FuzzProcess(f *testing.F) {
	f.Add([]byte{0, 0xff, 0x0f, 0xf0, 0x88, 0x12, 0x00, 0x00}, uint64(1))
	f.Add(slices.Repeat([]byte{0xff, 0xf0, 0x0f}, 40), uint64(2))
	f.Fuzz(func(t *testing.T, script []byte, seed uint64) {
		c := New(8000)
		var far, near, out [40]int16
		x := seed
		for _, b := range script[:min(len(script), 400)] {
			for i := range far {
				x = x*6364136223846793005 + 1442695040888963407
				far[i] = int16(x>>48) >> (15 - b>>4) // 0: a bit, f: all that there is
				near[i] = int16(x>>32) >> (15 - b&15)
				if b == 0xaa {
					far[i], near[i] = math.MinInt16, math.MinInt16
				}
				if b == 0x50 {
					near[i] = 0
				}
			}
			c.Process(far[:], near[:], out[:])
		}
		if !c.finite() {
			t.Fatalf("the state is no longer numbers: %+v", c.Stats())
		}
	})
}
