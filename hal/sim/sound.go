package sim

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"dialtone/hal"
)

// Implementation constants.
const heardTime = 30 // seconds of sound that Heard remembers

// sound is the microphone and the earpiece.
type sound struct {
	pace    *hal.AbsentSound // keeps the time
	mic     []int16          // a loop; nil: silence
	micAt   int              // of Exchange only
	speaker *speaker

	mu    sync.Mutex // between Exchange, Heard and Plug
	heard []int16    // a ring, once it is full
	next  int        // where in the ring the next sample goes
	plug  *Plug      // nil: none
	last  time.Time  // when Exchange came back
	off   bool       // closed
}

type soundOf struct{ h *Handset }

// Rate is 8000 samples a second.
func (soundOf) Rate() int { return sampleRate }

// Period is 40 samples, 5 ms.
func (soundOf) Period() int { return samplePeriod }

// Close turns the whole handset off.
func (s soundOf) Close() error { return s.h.Close() }

// Exchange plays one period and records the next of the microphone's loop. It returns when the period
// is over, by a schedule of absolute deadlines; a caller that is late is let through at once until it
// has caught up.
func (s soundOf) Exchange(play, rec []int16) error {
	d := s.h.sound
	if err := d.pace.Exchange(play, rec); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.plug != nil && time.Since(d.last) > plugIdle {
		d.plug.forget()
	}
	d.last = time.Now()
	if d.plug == nil || !d.plug.exchange(play, rec) {
		d.hear(rec)
	}
	d.remember(play)
	d.speaker.write(play)
	return nil
}

// hear records the next of the loop.
func (d *sound) hear(rec []int16) {
	for i := 0; d.mic != nil && i < len(rec); {
		n := copy(rec[i:], d.mic[d.micAt:])
		i += n
		d.micAt = (d.micAt + n) % len(d.mic)
	}
}

// remember keeps what was played for Heard. The lock is held.
func (d *sound) remember(play []int16) {
	if d.heard == nil {
		d.heard = make([]int16, 0, heardTime*sampleRate)
	}
	for _, v := range play {
		if len(d.heard) < cap(d.heard) {
			d.heard = append(d.heard, v)
			continue
		}
		d.heard[d.next] = v
		d.next = (d.next + 1) % len(d.heard)
	}
}

// Heard returns what the earpiece played last, up to 30 seconds at 8 kHz, oldest sample first.
func (h *Handset) Heard() []int16 {
	d := h.sound
	d.mu.Lock()
	defer d.mu.Unlock()
	return append(append([]int16(nil), d.heard[d.next:]...), d.heard[:d.next]...)
}

// close ends a waiting Exchange, the plug, and the speaker file.
func (d *sound) close() error {
	d.mu.Lock()
	d.off = true
	if d.plug != nil {
		d.plug.end(io.EOF)
		d.plug = nil
	}
	d.mu.Unlock()
	return errors.Join(d.pace.Close(), d.speaker.close())
}

// A speaker is a WAV file that grows while it plays. The voice path only hands samples over; a
// goroutine of its own writes them, so that a slow disk is not heard. Samples are written before the
// header that counts them, and the header at least four times a second while there are any: whenever
// the phone is killed, the file is a valid recording up to then. A nil speaker takes nothing down.
type speaker struct {
	file *os.File
	log  *slog.Logger
	stop chan struct{}
	done chan struct{}

	mu      sync.Mutex
	unsaved []int16
	dropped int

	written int  // samples in the file; of the writing goroutine
	failed  bool // the disk gave an error, or the file is full
	bytes   []byte
}

// createSpeaker makes the file, empty but valid.
func createSpeaker(name string, log *slog.Logger) (*speaker, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(wavHeader(0)); err != nil {
		f.Close()
		return nil, err
	}
	s := &speaker{file: f, log: log, stop: make(chan struct{}), done: make(chan struct{})}
	go s.run()
	return s, nil
}

// write hands over samples.
func (s *speaker) write(play []int16) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.unsaved)+len(play) > maxUnsaved {
		s.dropped += len(play)
		return
	}
	s.unsaved = append(s.unsaved, play...)
}

// run writes what was handed over until close.
func (s *speaker) run() {
	defer close(s.done)
	for {
		t := time.NewTimer(patchEvery)
		select {
		case <-t.C:
			s.save()
		case <-s.stop:
			t.Stop()
			s.save()
			return
		}
	}
}

// save brings the file up to date.
func (s *speaker) save() {
	s.mu.Lock()
	s.bytes = s.bytes[:0]
	for _, v := range s.unsaved {
		s.bytes = append(s.bytes, byte(v), byte(uint16(v)>>8))
	}
	s.unsaved = s.unsaved[:0]
	dropped := s.dropped
	s.dropped = 0
	s.mu.Unlock()

	if dropped > 0 {
		s.log.Warn("speaker file: the disk is too slow, sound was left out", "samples", dropped)
	}
	if len(s.bytes) == 0 || s.failed {
		return
	}
	if 2*s.written+len(s.bytes) > maxSpeaker {
		s.failed = true
		s.log.Warn("speaker file: full, nothing more is written", "file", s.file.Name())
		return
	}
	if err := s.put(); err != nil {
		s.failed = true
		s.log.Warn("speaker file: cannot be written, sound is no longer taken down", "err", err)
	}
}

// put writes samples, then the header that counts them.
func (s *speaker) put() error {
	if _, err := s.file.WriteAt(s.bytes, int64(headerLen+2*s.written)); err != nil {
		return err
	}
	s.written += len(s.bytes) / 2
	_, err := s.file.WriteAt(wavHeader(s.written), 0)
	return err
}

// close writes the rest and closes the file.
func (s *speaker) close() error {
	if s == nil {
		return nil
	}
	close(s.stop)
	<-s.done
	return s.file.Close()
}
