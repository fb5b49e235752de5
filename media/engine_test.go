package media

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestVoiceArrivesAsItLeft(t *testing.T) {
	for _, c := range []Codec{PCMU, PCMA} {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWire()
				w.delay = 3 * time.Millisecond
				voice := speech(lawOf(c), 3*sampleRate)
				a := newParty(t, w, "10.0.0.1", voice, nil)
				b := newParty(t, w, "10.0.0.2", nil, nil)
				sa, sb := a.stream(b), b.stream(a)
				sa.Codec, sb.Codec = c, c
				a.start(sa)
				b.start(sb)
				time.Sleep(4 * time.Second)
				synctest.Wait()
				heard := b.ear.take()
				at := find(heard, voice)
				if at < 0 {
					t.Fatalf("the voice did not arrive as it left: first second of it is at %d", find(heard, voice[:sampleRate]))
				}
				if ms := at / 8; ms > 75 {
					t.Errorf("it arrived %d ms after it was said, want at most 75: packet 20, network 3, buffer 40, periods", ms)
				}
				if st := b.engine.Stop(1); st.RxLost != 0 || st.RxLate != 0 || st.ConcealedMS != 0 || st.RxPackets < 190 || st.MOSLQ < 4.3 {
					t.Errorf("stats %+v", st)
				}
			})
		})
	}
}
