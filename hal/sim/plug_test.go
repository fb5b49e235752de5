package sim

import (
	"errors"
	"io"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const linkFrame = 160 // samples a link carries at a time

// exchange runs the voice path for periods of 5 ms: it plays what play gives and hands rec to heard.
func (h *Handset) run(t *testing.T, periods int, play func(i int) int16, heard func([]int16)) {
	t.Helper()
	s := h.Device().Sound
	out, rec := make([]int16, s.Period()), make([]int16, s.Period())
	for i := range periods {
		for k := range out {
			out[k] = play(i*len(out) + k)
		}
		if err := s.Exchange(out, rec); err != nil {
			t.Fatal(err)
		}
		heard(rec)
	}
}

func quiet(int) int16 { return 0 }

func tone(hz float64) func(int) int16 {
	return func(i int) int16 { return int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/sampleRate)) }
}

// say speaks in frames by a clock that runs at rate samples a second, until stop closes.
func say(p *Plug, rate float64, voice func(int) int16, stop chan struct{}) {
	start := time.Now()
	for n := 0; ; n++ {
		due := start.Add(time.Duration(float64(n*linkFrame) / rate * float64(time.Second)))
		timer := time.NewTimer(time.Until(due))
		select {
		case <-timer.C:
		case <-stop:
			timer.Stop()
			return
		}
		frame := make([]int16, linkFrame)
		for i := range frame {
			frame[i] = voice(n*linkFrame + i)
		}
		p.Say(frame)
	}
}

// What is said is heard, and what is played is listened to, in whole and soon.
func TestPlug(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandset(t, Options{Mic: "tone:440"})
		p := h.Plug()
		stop := make(chan struct{})
		var running sync.WaitGroup
		var listened []int16
		running.Go(func() {
			frame := make([]int16, linkFrame)
			for p.Listen(frame) == nil {
				listened = append(listened, frame...)
			}
		})
		var rec []int16
		keep := func(period []int16) { rec = append(rec, period...) }
		h.run(t, 100, quiet, keep)
		if got := level(rec, 440, sampleRate); got < toneLevel*0.99 {
			t.Errorf("before anything was said the microphone hears its tone with %.0f", got)
		}
		rec = nil
		time.Sleep(3 * time.Millisecond) // off the beat of the periods
		running.Go(func() { say(p, sampleRate, func(i int) int16 { return int16(i%20000 + 1) }, stop) })
		ramp := func(i int) int16 { return int16(i%30000 + 1) }
		h.run(t, 400, ramp, keep)
		first := slices.IndexFunc(rec, func(v int16) bool { return v != 0 && v != toneLevel && v == 1 })
		if first < 0 {
			t.Fatal("what was said is not heard")
		}
		for i, v := range rec[first:] {
			if int(v) != i%20000+1 {
				t.Fatalf("sample %d of what was said is heard as %d", i, v)
			}
		}
		synctest.Wait()
		from := slices.Index(listened, 1)
		if from < 0 {
			t.Fatal("what was played is not listened to")
		}
		for i, v := range listened[from:] {
			if int(v) != i%30000+1 {
				t.Fatalf("sample %d of what was played is listened to as %d", i, v)
			}
		}
		s := p.Stats()
		if s.Ear >= 20*time.Millisecond || s.Mouth > 70*time.Millisecond || s.Missed != 0 || s.Dropped != 0 || s.Led != 0 || s.Gaps != 0 {
			t.Errorf("two equal clocks come to %+v", s)
		}
		close(stop)
		rec = nil
		h.run(t, 100, quiet, keep)
		if rec = rec[len(rec)-200:]; slices.ContainsFunc(rec, func(v int16) bool { return v != 0 }) {
			t.Error("somebody who says nothing more is not silence")
		}
		p.Close()
		rec = nil
		h.run(t, 200, quiet, keep)
		if got := level(rec, 440, sampleRate); math.Abs(got-toneLevel) > 50 {
			t.Errorf("after it was pulled out the microphone hears its tone with %.0f", got)
		}
		running.Wait()
	})
}

// The delay of the link, mouth to microphone and earpiece to ear, for all positions of the two clocks
// to each other.
func TestPlugDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for offset := range 20 {
			h := newHandset(t, Options{})
			p := h.Plug()
			stop := make(chan struct{})
			var running sync.WaitGroup
			const pulse = 8000 // is said after a second
			running.Go(func() {
				time.Sleep(time.Duration(offset)*time.Millisecond + 500*time.Microsecond)
				say(p, sampleRate, func(i int) int16 {
					if i == pulse {
						return 10000
					}
					return 1
				}, stop)
			})
			start := time.Now()
			var said, heard time.Duration
			said = time.Second + time.Duration(offset)*time.Millisecond + 500*time.Microsecond
			h.run(t, 400, quiet, func(rec []int16) {
				if slices.Contains(rec, 10000) {
					heard = time.Since(start)
				}
			})
			// A frame of 20 ms is said when it is full, so it carries another 20 ms.
			if d := heard - said; d < 35*time.Millisecond || d > 65*time.Millisecond {
				t.Errorf("clocks %d ms apart: it is heard %v after the frame came", offset, d)
			}
			close(stop)
			running.Wait()
			h.Close()
		}
	})
}

// Clocks that differ neither let the delay grow nor the voice break off, and what is heard is still the tone.
func TestPlugDrift(t *testing.T) {
	for _, rate := range []float64{sampleRate * 0.998, sampleRate * 0.9998, sampleRate * 1.0002, sampleRate * 1.002} {
		synctest.Test(t, func(t *testing.T) {
			h := newHandset(t, Options{})
			p := h.Plug()
			stop := make(chan struct{})
			var running sync.WaitGroup
			h.run(t, 1, quiet, func([]int16) {})
			running.Go(func() { say(p, rate, tone(1000), stop) })
			time.Sleep(1700 * time.Microsecond)
			var last []int16
			least, most := time.Hour, time.Duration(0)
			periods := 0
			h.run(t, 60*200, quiet, func(rec []int16) {
				if periods++; periods > 400 {
					s := p.Stats()
					least, most = min(least, s.Mouth), max(most, s.Mouth)
				}
				last = append(last, rec...)
				if len(last) > 8000 {
					last = last[len(last)-8000:]
				}
			})
			close(stop)
			running.Wait()
			s := p.Stats()
			if s.Gaps != 0 || s.Dropped != 0 || s.Led == 0 && math.Abs(rate-sampleRate) > 10 {
				t.Errorf("at %.1f Hz: %+v", rate, s)
			}
			if least < 5*time.Millisecond || most > 100*time.Millisecond {
				t.Errorf("at %.1f Hz from %v to %v wait", rate, least, most)
			}
			t.Logf("at %.1f Hz from %v to %v wait, %+v", rate, least, most, s)
			if power := share(last, 1000*rate/sampleRate); power < 0.98 {
				t.Errorf("at %.1f Hz only %.3f of what is heard is the tone", rate, power)
			}
		})
	}
}

// share is the part of the power of x within 30 Hz of a tone, 0 to 1.
func share(x []int16, hz float64) float64 {
	var total, near float64
	for _, v := range x {
		total += float64(v) * float64(v)
	}
	for f := hz - 30; f <= hz+30; f++ {
		a := level(x, f, sampleRate)
		near += a * a / 2 * float64(len(x))
	}
	return near / total
}

// While the voice path stands still nothing gathers, and afterwards nothing old is heard.
func TestPlugStandstill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandset(t, Options{})
		p := h.Plug()
		stop := make(chan struct{})
		var running sync.WaitGroup
		begin := time.Now()
		running.Go(func() { say(p, sampleRate, func(i int) int16 { return int16(i / 8000) }, stop) })
		h.run(t, 20, func(int) int16 { return 9 }, func([]int16) {})
		time.Sleep(10 * time.Second)
		if s := p.Stats(); s.Mouth > 200*time.Millisecond || s.Ear > 200*time.Millisecond {
			t.Errorf("standing still: %+v", s)
		}
		var rec []int16
		h.run(t, 40, func(int) int16 { return 5 }, func(period []int16) { rec = append(rec, period...) })
		for i, v := range rec {
			if v != 0 && v < 9 {
				t.Fatalf("sample %d is from second %d", i, v)
			}
		}
		frame := make([]int16, linkFrame)
		if err := p.Listen(frame); err != nil || frame[0] != 5 {
			t.Errorf("the ear gets %d first, %v", frame[0], err)
		}
		if age := time.Since(begin).Seconds(); rec[len(rec)-1] < int16(age)-1 {
			t.Errorf("after %.1f s it hears second %d", age, rec[len(rec)-1])
		}
		close(stop)
		running.Wait()
		// Somebody who does not listen misses the oldest.
		h.run(t, 2000, func(i int) int16 { return int16(i / 40) }, func([]int16) {})
		if err := p.Listen(frame); err != nil || frame[0] != 1960 {
			t.Errorf("who was late gets sample %d, %v", frame[0], err)
		}
	})
}

func TestPlugOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandset(t, Options{})
		first := h.Plug()
		ended := make(chan error, 1)
		go func() { ended <- first.Listen(make([]int16, linkFrame)) }()
		synctest.Wait()
		second := h.Plug()
		if err := <-ended; !errors.Is(err, ErrReplaced) {
			t.Errorf("the first ends with %v", err)
		}
		first.Say(make([]int16, 1000))
		first.Close() // does not pull out the second
		h.run(t, 1, quiet, func([]int16) {})
		second.Say(slices.Repeat([]int16{7}, 1000))
		var rec []int16
		h.run(t, 10, quiet, func(period []int16) { rec = append(rec, period...) })
		if rec[0] != 7 {
			t.Errorf("the second says 7, the microphone hears %d", rec[0])
		}
		go func() { ended <- second.Listen(make([]int16, 1000)) }()
		synctest.Wait()
		h.Close()
		if err := <-ended; err != io.EOF {
			t.Errorf("with the handset off the second ends with %v", err)
		}
		if err := h.Plug().Listen(make([]int16, 1)); err != io.EOF {
			t.Errorf("a plug in a handset that is off: %v", err)
		}
	})
}

func TestPlugTooMuch(t *testing.T) {
	h := newHandset(t, Options{})
	p := h.Plug()
	p.Say(ramp(5 * plugMost))
	if s := p.Stats(); s.Mouth > 200*time.Millisecond || s.Dropped < 4*plugMost {
		t.Errorf("much at once: %+v", s)
	}
	p.Say(nil)
	for range 100 {
		p.Say(make([]int16, linkFrame))
		if s := p.Stats(); s.Mouth > 200*time.Millisecond {
			t.Fatalf("faster than it is heard: %+v", s)
		}
	}
}

func TestPlugAllocatesNothing(t *testing.T) {
	h := newHandset(t, Options{})
	s := h.Device().Sound
	p := h.Plug()
	play, rec, frame := make([]int16, s.Period()), make([]int16, s.Period()), make([]int16, s.Period())
	for range 30 {
		s.Exchange(play, rec)
		p.Say(frame)
		p.Listen(frame)
	}
	if n := testing.AllocsPerRun(20, func() { s.Exchange(play, rec); p.Say(frame); p.Listen(frame) }); n != 0 {
		t.Errorf("%v allocations in a period", n)
	}
}

// FuzzQueue: whatever is put and taken, the newest come out in order.
func FuzzQueue(f *testing.F) {
	f.Add([]byte{10, 3, 200, 100, 0, 41})
	f.Fuzz(func(t *testing.T, script []byte) {
		q := queue{samples: make([]int16, 64)}
		next, want := int16(0), int16(0) // to be put, and to be taken
		for i := 0; i+1 < len(script); i += 2 {
			in := make([]int16, script[i])
			for k := range in {
				in[k] = next
				next++
			}
			want += int16(q.put(in))
			if q.n > len(q.samples) || q.n != int(next-want) {
				t.Fatalf("%d wait, want %d", q.n, next-want)
			}
			out := make([]int16, min(int(script[i+1]), q.n))
			q.take(out)
			for _, v := range out {
				if v != want {
					t.Fatalf("got %d, want %d", v, want)
				}
				want++
			}
		}
	})
}

func BenchmarkPlugPeriod(b *testing.B) {
	d := &sound{}
	p := (&Handset{sound: d}).Plug()
	play, rec, frame := make([]int16, samplePeriod), make([]int16, samplePeriod), make([]int16, samplePeriod)
	for b.Loop() {
		p.Say(frame)
		d.mu.Lock()
		p.exchange(play, rec)
		d.mu.Unlock()
		p.Listen(frame)
	}
}
