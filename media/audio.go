package media

import (
	"errors"
	"io"
	"time"
)

// run owns the sound device: in turn it plays a period, takes one from the microphone and sends the
// packets that are complete. The device paces it. While there is nothing to play or to send, it leaves
// the device alone.
func (e *Engine) run() {
	play, rec := make([]int16, e.period), make([]int16, e.period)
	pace := time.Duration(e.period) * time.Second / sampleRate
	for {
		e.mu.Lock()
		for !e.closed && !e.busy() {
			e.work.Wait()
		}
		if e.closed {
			e.mu.Unlock()
			return
		}
		now := time.Now()
		e.render(now, play)
		cancel := e.speaker && e.cfg.EchoCanceller != nil
		e.mu.Unlock()

		err := e.sound.Exchange(play, rec)
		if err != nil {
			clear(rec)
			if wait := time.Until(now.Add(pace)); wait > 0 {
				time.Sleep(wait) // voice goes on in silence, at its pace
			}
		} else if cancel {
			e.cfg.EchoCanceller.Process(play, rec, rec)
		}

		e.mu.Lock()
		e.noteSound(err)
		e.capture(rec)
		e.mu.Unlock()
		e.send()
	}
}

// busy says whether the sound device is needed, or was a moment ago.
func (e *Engine) busy() bool {
	if e.tone.running() || e.beep.running() || e.ring.running() || e.key.running() {
		e.idle = 0
		return true
	}
	for _, s := range e.sessions {
		if s.started {
			e.idle = 0
			return true
		}
	}
	return e.idle < int(idleAfter*sampleRate/time.Second)
}

// render mixes what is due into out: voice, tones and the ring. It is their only way to the device.
func (e *Engine) render(now time.Time, out []int16) {
	e.idle += len(out)
	clear(e.mix)
	for _, s := range e.sessions {
		if !s.started {
			continue
		}
		e.watch(now, s)
		if !s.stream.Receive {
			continue
		}
		s.jitter.Pull(now, e.pcm)
		for i, v := range e.pcm {
			e.mix[i] += int32(v)
		}
	}
	e.tone.add(e.mix)
	e.beep.add(e.mix)
	e.key.add(e.mix)
	if e.gain != unityGain {
		for i, v := range e.mix {
			e.mix[i] = int32(int64(v) * int64(e.gain) / unityGain)
		}
	}
	e.ring.add(e.mix)
	for i, v := range e.mix {
		out[i] = clip(v)
	}
}

// watch notices what did not come.
func (e *Engine) watch(now time.Time, s *session) {
	if ev, ok := s.digits.expire(now); ok {
		e.tell(s, ev)
	}
	if s.stream.Receive && !s.silent && now.Sub(s.since) >= silentAfter {
		s.silent = true
		e.post(Silent{ID: s.id, On: true})
	}
}

// capture gives one period of the microphone to every call, and fills the outbox.
func (e *Engine) capture(rec []int16) {
	for _, s := range e.sessions {
		if !s.started {
			continue
		}
		copy(e.pcm, rec) // a call may overwrite it
		if packet := s.capture(e.pcm, e.muted); packet != nil {
			e.outbox = append(e.outbox, outgoing{s, s.rtp, s.destination(), packet})
		}
	}
}

// send empties the outbox, without the lock.
func (e *Engine) send() {
	for _, o := range e.outbox {
		if err := o.socket.write(o.packet, o.to); err != nil {
			e.mu.Lock()
			o.s.counts.txErrors++
			e.mu.Unlock()
		}
	}
	clear(e.outbox)
	e.outbox = e.outbox[:0]
}

// noteSound tells of the device's failure once, and of its return.
func (e *Engine) noteSound(err error) {
	if err == nil {
		if e.failed {
			e.failed = false
			e.post(SoundFailed{})
		}
		return
	}
	if !e.failed && !(errors.Is(err, io.ErrClosedPipe) && e.closed) {
		e.failed = true
		e.post(SoundFailed{Cause: err.Error()})
	}
}
