package media

import (
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dialtone/hal"
	"dialtone/media/echo"
)

// A table is an ear beside a loudspeaker: the microphone hears what was played, 12 ms later and at a third.
type table struct {
	*ear
	air [96 + 40]int16
}

func (s *table) Exchange(play, rec []int16) error {
	if err := s.ear.Exchange(play, rec); err != nil {
		return err
	}
	copy(s.air[:], s.air[len(play):])
	copy(s.air[96:], play)
	for i := range rec {
		rec[i] += s.air[i] / 3
	}
	return nil
}

// TestSpeakerEcho: with the speaker on, the far end does not hear itself; with it off nothing is changed.
func TestSpeakerEcho(t *testing.T) {
	loudness := func(pcm []int16) float64 {
		var sum float64
		for _, v := range pcm {
			sum += float64(v) * float64(v)
		}
		return 10 * math.Log10(sum/float64(len(pcm))+1e-3)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		w.delay = 3 * time.Millisecond
		a := newParty(t, w, "10.0.0.1", speech(muLaw, 8*sampleRate), nil)
		b := newParty(t, w, "10.0.0.2", nil, func(cfg *Config) {
			cfg.Sound = &table{ear: cfg.Sound.(*ear)}
			cfg.EchoCanceller = echo.New(sampleRate)
			cfg.Speaker = true
		})
		a.start(a.stream(b))
		b.start(b.stream(a))
		pass(4 * time.Second)
		a.ear.take()
		pass(3 * time.Second)
		on := loudness(a.ear.take())
		b.engine.SetSpeaker(false)
		pass(time.Second)
		a.ear.take()
		pass(3 * time.Second)
		off := loudness(a.ear.take())
		if off-on < 30 {
			t.Errorf("the echo is %.0f dB, without the canceller %.0f", on, off)
		}
	})
}

func TestEchoCancellerNeedsItsPeriod(t *testing.T) {
	var log strings.Builder
	sound := hal.NewAbsentSound(sampleRate, 30)
	defer sound.Close()
	e := New(Config{Sound: sound, EchoCanceller: echo.New(sampleRate), Speaker: true,
		Log: slog.New(slog.NewTextHandler(&log, nil))})
	defer e.Close()
	if e.cfg.EchoCanceller != nil || !strings.Contains(log.String(), "period=30") {
		t.Errorf("the canceller is used with periods of 30 samples; the log says %q", log.String())
	}
}
