package sim

import (
	"errors"
	"io"
	"math"
	"time"
)

// ErrReplaced is the end of a Plug in whose place another was plugged in.
var ErrReplaced = errors.New("another one was plugged in")

// Implementation constants of a Plug, in samples at 8 kHz.
const (
	plugTarget = 60 * sampleRate / 1000  // of what is said wait before the microphone hears the first
	plugMost   = 200 * sampleRate / 1000 // wait at most, each way; what is older is dropped
	plugSlack  = 15 * sampleRate / 1000  // the mean may stray this far from where it was, before it is led back
	plugSmooth = 1.0 / 256               // of a period, in the mean: about a second
	driftEvery = 8                       // periods that are stretched or squeezed by one sample, one in so many
	driftFast  = 2                       // likewise when the mean is far off
	plugIdle   = 250 * time.Millisecond  // after a stop this long of the voice path what waits is old
)

// A Plug is a headset's plug in the handset: as long as it is plugged in, whoever holds it hears what the
// phone plays, and what they say is what the microphone hears. Its holder keeps time by another clock
// than the phone; what waits in between stays at about 60 ms, by leaving out or adding a sample now and
// then. A holder who has said nothing yet leaves the microphone as it was. Methods may be called from any
// goroutine, Listen from one at a time.
type Plug struct {
	sound *sound
	ready chan struct{} // room for one: something was played
	done  chan struct{} // closed when it is unplugged

	// The mutex of sound guards the rest.
	why    error // it is unplugged
	ear    queue // what was played and not yet listened to
	mouth  queue // what was said and not yet heard
	spoken bool
	flow   bool    // the microphone hears; else what is said gathers until there is plugTarget of it
	mean   float64 // of mouth.n, while it flows
	beats  int
	counts PlugStats
}

// PlugStats say how a Plug is doing.
type PlugStats struct {
	Ear, Mouth time.Duration // what waits now
	Mean       time.Duration // of Mouth, over about a second
	Missed     int           // samples of what was played that nobody listened to in time
	Dropped    int           // samples of what was said left out because too many waited
	Led        int           // samples left out or added because the clocks differ
	Gaps       int           // times the microphone had to hear silence because nothing came
}

// Plug plugs in. The one before it, if any, is out with ErrReplaced.
func (h *Handset) Plug() *Plug {
	d := h.sound
	p := &Plug{sound: d, ready: make(chan struct{}, 1), done: make(chan struct{})}
	p.ear.samples, p.mouth.samples = make([]int16, plugMost), make([]int16, plugMost)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.plug != nil {
		d.plug.end(ErrReplaced)
	}
	if d.off {
		p.end(io.EOF)
		return p
	}
	d.plug = p
	return p
}

// Listen waits until the phone has played as many samples as frame has room for, and fills it. A phone
// that has nothing to play plays nothing, not silence. The error is io.EOF when the plug or the whole
// handset was closed, or ErrReplaced.
func (p *Plug) Listen(frame []int16) error {
	for {
		p.sound.mu.Lock()
		why, ok := p.why, p.ear.n >= len(frame)
		if why == nil && ok {
			p.ear.take(frame)
		}
		p.sound.mu.Unlock()
		switch {
		case why != nil:
			return why
		case ok:
			return nil
		}
		select {
		case <-p.ready:
		case <-p.done:
		}
	}
}

// Say lets the microphone hear samples, up to 200 ms of them. It never waits.
func (p *Plug) Say(samples []int16) {
	p.sound.mu.Lock()
	defer p.sound.mu.Unlock()
	if p.why != nil || len(samples) == 0 {
		return
	}
	p.spoken = true
	if p.mouth.n+len(samples) > plugMost { // somebody speaks too fast, or nobody hears: do not lag behind for ever
		p.counts.Dropped += p.mouth.drop(p.mouth.n + len(samples) - plugTarget)
		p.mean = plugTarget
	}
	p.counts.Dropped += p.mouth.put(samples)
}

// Stats returns how it is doing.
func (p *Plug) Stats() PlugStats {
	p.sound.mu.Lock()
	defer p.sound.mu.Unlock()
	s := p.counts
	s.Ear, s.Mouth, s.Mean = span(p.ear.n), span(p.mouth.n), span(int(p.mean))
	return s
}

func span(samples int) time.Duration { return time.Duration(samples) * time.Second / sampleRate }

// Close unplugs it.
func (p *Plug) Close() error {
	p.sound.mu.Lock()
	defer p.sound.mu.Unlock()
	if p.sound.plug == p {
		p.sound.plug = nil
	}
	p.end(io.EOF)
	return nil
}

// end tells the holder that it is out. The lock is held.
func (p *Plug) end(why error) {
	if p.why == nil {
		p.why = why
		close(p.done)
	}
}

// exchange takes one period that was played and fills rec with one that was said. It returns false if
// nothing was said since it was plugged in. The lock is held.
func (p *Plug) exchange(play, rec []int16) bool {
	p.counts.Missed += p.ear.put(play)
	select {
	case p.ready <- struct{}{}:
	default:
	}
	if !p.spoken {
		return false
	}
	if !p.flow && p.mouth.n >= plugTarget {
		p.flow, p.mean = true, plugTarget
	}
	if !p.flow {
		clear(rec)
		return true
	}
	p.mean += (float64(p.mouth.n) - p.mean) * plugSmooth
	n := len(rec) + p.lead()
	if p.mouth.n < n {
		n = p.mouth.n
		p.mouth.take(rec[:n])
		clear(rec[n:])
		p.flow = false
		p.counts.Gaps++
		return true
	}
	p.mouth.stretch(rec, n)
	return true
}

// lead is how many samples more than a period are to be taken now, so that what waits neither grows nor
// runs out: 1, 0 or -1.
func (p *Plug) lead() int {
	p.beats++
	// The mean lies below what it began with: a frame is used up before the next one comes.
	off := p.mean - (plugTarget - plugSlack/2)
	every := driftEvery
	if math.Abs(off) > 3*plugSlack {
		every = driftFast
	}
	if math.Abs(off) < plugSlack || p.beats%every != 0 {
		return 0
	}
	p.counts.Led++
	if off > 0 {
		return 1
	}
	return -1
}

// forget drops what waits: the voice path stood still. The lock is held.
func (p *Plug) forget() {
	p.counts.Missed += p.ear.drop(p.ear.n)
	p.counts.Dropped += p.mouth.drop(p.mouth.n)
	p.flow = false
}

// A queue is a ring of samples. It never grows: put makes room by dropping the oldest.
type queue struct {
	samples []int16
	at, n   int // the oldest, and how many
}

// put appends samples and returns how many it dropped for that.
func (q *queue) put(samples []int16) (dropped int) {
	if over := len(samples) - len(q.samples); over > 0 {
		samples, dropped = samples[over:], over
	}
	dropped += q.drop(q.n + len(samples) - len(q.samples))
	for len(samples) > 0 {
		end := (q.at + q.n) % len(q.samples)
		n := copy(q.samples[end:], samples[:min(len(samples), len(q.samples)-q.n)])
		q.n += n
		samples = samples[n:]
	}
	return dropped
}

// drop leaves out the oldest n, or as many as there are, and returns how many.
func (q *queue) drop(n int) int {
	n = min(max(n, 0), q.n)
	q.at = (q.at + n) % len(q.samples)
	q.n -= n
	return n
}

// take fills out with the oldest; there are enough of them.
func (q *queue) take(out []int16) {
	for i := range out {
		out[i] = q.samples[(q.at+i)%len(q.samples)]
	}
	q.drop(len(out))
}

// stretch fills out with the oldest n, which may be one more or less than it has room for.
func (q *queue) stretch(out []int16, n int) {
	if n == len(out) {
		q.take(out)
		return
	}
	for i := range out { // the first sample stays where it is, and the one after the last would be the next one's first
		pos := i * n
		whole, part := pos/len(out), int32(pos%len(out))
		a := int32(q.samples[(q.at+whole)%len(q.samples)])
		b := int32(q.samples[(q.at+min(whole+1, q.n-1))%len(q.samples)])
		out[i] = int16(a + (b-a)*part/int32(len(out)))
	}
	q.drop(n)
}
