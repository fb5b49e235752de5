package media

import (
	"testing"
	"time"

	"github.com/pion/rtp"
)

func TestAnotherSourceFromTheSameAddress(t *testing.T) {
	far := addrPort("10.0.0.2:4000")
	now := time.Unix(7, 0)
	s := &session{id: 1}
	if err := s.apply(now, Stream{Remote: far, Codec: PCMU, Ptime: defaultPtime, Send: true, Receive: true}, muLaw, 160); err != nil {
		t.Fatal(err)
	}
	voice := speech(muLaw, 4*sampleRate)
	var (
		h     rtp.Header
		heard []int16
		out   = make([]int16, 40)
	)
	said := 0
	talk := func(from *sender, packets int) {
		for range packets * 4 {
			if packet := from.add(voice[said:said+40], true); packet != nil {
				s.receive(now, far, packet, &h)
			}
			said += 40
			s.jitter.Pull(now, out)
			heard = append(heard, out...)
			now = now.Add(5 * time.Millisecond)
		}
	}
	music, person := newSender(), newSender() // a server that first plays music, then connects a person
	talk(music, 50)
	talk(person, 100)
	if find(heard, voice[52*160:140*160]) < 0 { // the first packet of the person is doubted
		t.Error("the second source is not heard as it is")
	}
	st := s.stats()
	if st.RxLost != 0 || st.RxPackets < 148 || st.RxStrange != 1 || s.latch.ssrc != person.ssrc {
		t.Errorf("stats %+v", st)
	}
	before := s.lostBefore
	talk(music, 2) // and back again; nothing lost by it
	if s.lostBefore != before || s.reception.lost() != 0 {
		t.Errorf("%d and %d lost", s.lostBefore, s.reception.lost())
	}
}

func TestBothCodecsOfferedMayCome(t *testing.T) {
	far := addrPort("10.0.0.2:4000")
	now := time.Unix(7, 0)
	s := &session{id: 1}
	st := Stream{Remote: far, Codec: PCMU, Accept: []Codec{PCMU, {"PCMA", 96, 8000}}, Ptime: defaultPtime, Send: true, Receive: true}
	if err := s.apply(now, st, muLaw, 160); err != nil {
		t.Fatal(err)
	}
	var h rtp.Header
	for i, tt := range []struct {
		pt      uint8
		refused uint64
	}{{0, 0}, {96, 0}, {8, 1}, {101, 2}, {13, 2}} {
		s.receive(now, far, packet(rtp.Header{PayloadType: tt.pt, SequenceNumber: uint16(i), SSRC: 1}, []byte{1, 2, 3, 4}), &h)
		if s.counts.rxRefused != tt.refused {
			t.Errorf("after payload %d %d packets were refused, want %d", tt.pt, s.counts.rxRefused, tt.refused)
		}
	}
}
