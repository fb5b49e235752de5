package media

import (
	"encoding/binary"
	"testing"
	"time"
)

// eventBytes is a telephone-event payload.
func eventBytes(event byte, end bool, span uint16) []byte {
	b := []byte{event, 10, 0, 0}
	if end {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], span)
	return b
}

// The end of one event is lost, and of the next only the end arrives: three things are told at once.
func TestLostEndAndLostBeginning(t *testing.T) {
	var r eventReceiver
	now := time.Unix(1e9, 0)
	r.push(now, 160, true, eventBytes(1, false, 160))
	heard, n := r.push(now.Add(time.Second), 8160, false, eventBytes(2, true, 800))
	if n != 3 || heard[0].digit != '1' || !heard[0].ended || heard[1].digit != '2' || heard[1].ended || heard[2].digit != '2' || !heard[2].ended {
		t.Errorf("heard %+v", heard[:n])
	}
}

// FuzzEvents throws any packets at the receiver: beginnings and ends come in turn and name the same digit.
func FuzzEvents(f *testing.F) {
	f.Add([]byte{1, 0, 160, 0, 1, 0x80, 0, 1, 2, 0x80, 40, 3})
	f.Add([]byte{5, 0, 0, 0, 5, 0, 8, 0, 5, 0x80, 8, 0, 6, 0x80, 9, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		var r eventReceiver
		now, open, digit := time.Unix(1e9, 0), false, byte(0)
		tell := func(heard []heardEvent) {
			for _, h := range heard {
				if h.ended != open || h.ended && h.digit != digit {
					t.Fatalf("out of turn: %+v while open is %t for %q", h, open, digit)
				}
				open, digit = !h.ended, h.digit
			}
		}
		timestamp := uint32(0)
		for ; len(script) >= 4; script = script[4:] {
			timestamp += uint32(script[2]) * 40
			now = now.Add(time.Duration(script[2]) * 5 * time.Millisecond)
			if h, ok := r.expire(now); ok {
				tell([]heardEvent{h})
			}
			heard, n := r.push(now, timestamp, script[3]&1 != 0, eventBytes(script[0]%20, script[1]&0x80 != 0, uint16(script[3])*40))
			tell(heard[:n])
		}
	})
}
