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

// TestBeepOverTheVoice: a beep is added to the voice, and nobody but the user hears it.
func TestBeepOverTheVoice(t *testing.T) {
	voice := speech(muLaw, 4*sampleRate)
	call(t, voice, nil, func(t *testing.T, w *wire, a, b *party) {
		if err := b.engine.PlayBeep("trumpet"); err == nil {
			t.Error("there is a trumpet")
		}
		pass(time.Second)
		b.ear.take()
		pass(100 * time.Millisecond)
		if err := b.engine.PlayBeep("Call_Waiting_Tone"); err != nil {
			t.Fatal(err)
		}
		pass(150 * time.Millisecond)
		b.engine.StopBeep()
		pass(250 * time.Millisecond)
		heard := b.ear.take()
		at := find(voice, heard[:sampleRate/20])
		if at < 0 {
			t.Fatal("the voice is not heard")
		}
		beep := make([]int16, len(heard)) // what is heard beside the voice
		for i, v := range heard {
			beep[i] = v - voice[at+i]
		}
		tenth := sampleRate / 10
		if before, during, after := loudest(beep[:tenth-tenth/10]), loudest(beep[tenth:2*tenth]), loudest(beep[3*tenth:]); before != 0 || after != 0 ||
			abs(during-int(amplitude(-10))) > 20 {
			t.Errorf("beside the voice something is as loud as %d, then the beep as %d, then %d", before, during, after)
		}
		if got := a.ear.take(); loudest(got) > 0 {
			t.Errorf("the far end hears something as loud as %d", loudest(got))
		}
	})
}
