package media

import (
	"io"
	"testing"
	"time"
)

// wrongSound is a device the voice path cannot use.
type wrongSound struct{ rate, period int }

func (s wrongSound) Rate() int                     { return s.rate }
func (s wrongSound) Period() int                   { return s.period }
func (wrongSound) Exchange([]int16, []int16) error { return io.ErrUnexpectedEOF }
func (wrongSound) Close() error                    { return nil }

func TestCallsGoOnWithoutAUsableSoundDevice(t *testing.T) {
	call(t, nil, func(c *Config) { c.Sound = wrongSound{44100, 1024} }, func(t *testing.T, w *wire, a, b *party) {
		pass(2 * time.Second)
		if st := b.engine.Stats(1); st.RxPackets < 95 || st.RxLost != 0 {
			t.Errorf("stats %+v", st)
		}
	})
}
