package hal

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// ErrAbsent is returned by a part the handset does not have, when silence would hide a mistake.
var ErrAbsent = errors.New("this handset has no such part")

// AbsentScreen is the screen of a phone without one: what is drawn is not seen, and that is no error.
type AbsentScreen struct{}

// Draw does nothing.
func (AbsentScreen) Draw(Frame) error { return nil }

// AbsentLamp is a lamp the handset does not have.
type AbsentLamp struct{}

// Set returns ErrAbsent.
func (AbsentLamp) Set(bool) error { return fmt.Errorf("setting a lamp: %w", ErrAbsent) }

// AbsentKeys are the keys of a phone without any: ReadContact blocks until Close.
type AbsentKeys struct {
	once   sync.Once
	closed chan struct{}
}

// NewAbsentKeys returns keys that nobody can press.
func NewAbsentKeys() *AbsentKeys { return &AbsentKeys{closed: make(chan struct{})} }

// ReadContact blocks until Close and returns io.EOF.
func (k *AbsentKeys) ReadContact() (Contact, error) {
	<-k.closed
	return Contact{}, io.EOF
}

// Close ends ReadContact.
func (k *AbsentKeys) Close() error {
	k.once.Do(func() { close(k.closed) })
	return nil
}

// AbsentSound is a sound device that hears silence and plays to nobody, at the right pace: voice
// keeps its clock, and a phone whose sound card was pulled out still signals calls. A simulated
// device lets one keep its time.
type AbsentSound struct {
	rate, period int
	once         sync.Once
	closed       chan struct{}

	pacer *Pacer      // of Exchange only, like the timer
	timer *time.Timer // kept, so that a period allocates nothing
}

// NewAbsentSound returns a silent device of the given rate in samples a second and period in samples.
func NewAbsentSound(rate, period int) *AbsentSound {
	return &AbsentSound{rate: rate, period: period, pacer: NewPacer(rate, period), closed: make(chan struct{})}
}

// Rate is as given to NewAbsentSound.
func (s *AbsentSound) Rate() int { return s.rate }

// Period is as given to NewAbsentSound.
func (s *AbsentSound) Period() int { return s.period }

// Exchange drops play, fills rec with silence and waits for the period to pass.
func (s *AbsentSound) Exchange(play, rec []int16) error {
	if len(play) != s.period || len(rec) != s.period {
		return fmt.Errorf("sound: %d samples to play and %d to record, the period is %d", len(play), len(rec), s.period)
	}
	clear(rec)
	if wait := s.pacer.Wait(time.Now()); wait > 0 {
		if s.timer == nil {
			s.timer = time.NewTimer(wait)
		} else {
			s.timer.Reset(wait)
		}
		select {
		case <-s.timer.C:
		case <-s.closed:
			s.timer.Stop()
		}
	}
	select {
	case <-s.closed:
		return fmt.Errorf("sound device closed: %w", io.ErrClosedPipe)
	default:
		return nil
	}
}

// Close ends a waiting Exchange.
func (s *AbsentSound) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}
