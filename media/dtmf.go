package media

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// Specification constants, RFC 4733 sections 2.3 and 3.2.
const (
	eventSize     = 4  // bytes of an event payload
	eventFlash    = 16 // hook flash, the last we speak
	endRepeats    = 3  // the packet that ends an event is sent three times, section 2.5.1.4
	eventMaxSpan  = 0xffff
	eventEndBit   = 0x80
	eventVolume   = 10 // -10 dBm0, what a keypad sends
	eventMinimum  = 40 * sampleRate / 1000
	eventGap      = 40 * sampleRate / 1000
	eventSymbols  = "0123456789*#ABCD!" // by event code; ! is the flash
	eventLongest  = 8 * sampleRate      // below eventMaxSpan: longer key presses need no segments
	eventBackward = 1 << 31
)

// Implementation constants.
const (
	maxEventQueue = 64                      // digits waiting to be sent
	eventDefault  = 100 * sampleRate / 1000 // samples a digit lasts when nobody said
	eventSilence  = 200 * time.Millisecond  // without a packet an event has ended, its end was lost
)

// eventCode returns the event of one digit: 0-9 * # A-D, and ! for a hook flash.
func eventCode(digit byte) (uint8, bool) {
	if digit >= 'a' && digit <= 'd' {
		digit -= 'a' - 'A'
	}
	i := strings.IndexByte(eventSymbols, digit)
	return uint8(i), i >= 0
}

// An eventSender turns queued digits into the event packets of RFC 4733 section 2.5.1, one for each
// frame of voice it replaces.
type eventSender struct {
	queue  [maxEventQueue]queuedEvent
	head   int
	queued int

	active    bool
	event     uint8
	start     uint32 // RTP timestamp of the event
	span      int    // samples it has lasted
	wanted    int
	ends      int  // end packets sent
	quiet     bool // after an event: the next one waits for the gap
	quietFrom uint32
}

type queuedEvent struct {
	event  uint8
	wanted int
}

// add queues digits of d each: 0 is the usual 100 ms, the least 40 ms, the most 8 s.
func (s *eventSender) add(digits string, d time.Duration) error {
	if s.queued+len(digits) > maxEventQueue {
		return fmt.Errorf("more than %d digits wait to be sent", maxEventQueue)
	}
	for i := range len(digits) {
		if _, ok := eventCode(digits[i]); !ok {
			return fmt.Errorf("%q is not a digit", digits[i:i+1])
		}
	}
	wanted := eventDefault
	if d > 0 {
		wanted = int(min(d, time.Minute) * sampleRate / time.Second)
	}
	for i := range len(digits) {
		code, _ := eventCode(digits[i])
		s.queue[(s.head+s.queued)%maxEventQueue] = queuedEvent{code, min(max(wanted, eventMinimum), eventLongest)}
		s.queued++
	}
	return nil
}

// take takes the next digit out of the queue.
func (s *eventSender) take() (queuedEvent, bool) {
	if s.queued == 0 {
		return queuedEvent{}, false
	}
	q := s.queue[s.head]
	s.head, s.queued = (s.head+1)%maxEventQueue, s.queued-1
	return q, true
}

// abort forgets the event under way and what waits.
func (s *eventSender) abort() { s.active, s.queued, s.quiet = false, 0, false }

// An eventPacket is one packet about an event.
type eventPacket struct {
	timestamp uint32
	event     uint8
	end       bool
	first     bool // carries the marker
	span      int
}

// put writes the payload: event, end bit and volume, duration.
func (p eventPacket) put(b []byte) int {
	b[0], b[1] = p.event, eventVolume
	if p.end {
		b[1] |= eventEndBit
	}
	binary.BigEndian.PutUint16(b[2:], uint16(p.span))
	return eventSize
}

// next returns the packet for the frame at timestamp, or false when it carries voice.
func (s *eventSender) next(timestamp uint32, samples int) (eventPacket, bool) {
	p := eventPacket{}
	if !s.active {
		if s.quiet && timestamp-s.quietFrom < eventGap {
			return p, false
		}
		s.quiet = false
		q, ok := s.take()
		if !ok {
			return p, false
		}
		s.active, s.event, s.wanted = true, q.event, q.wanted
		s.start, s.span, s.ends = timestamp, 0, 0
		p.first = true
	}
	if s.span < s.wanted {
		s.span += samples
	}
	p.timestamp, p.event, p.span = s.start, s.event, s.span
	if p.end = s.span >= s.wanted; p.end {
		if s.ends++; s.ends == endRepeats {
			s.active = false
			s.quiet, s.quietFrom = true, s.start+uint32(s.span)
		}
	}
	return p, true
}

// maxHeard is how much one packet can tell: that an event ended whose end was lost, and, where only the
// end of the next arrives, that this one began and ended.
const maxHeard = 3

// A heardEvent is one event as the far end sent it.
type heardEvent struct {
	digit byte
	ended bool          // false: it begins
	span  time.Duration // of an ended one
}

// An eventReceiver makes one beginning and one end of each event, whatever packets of it arrive.
// RFC 4733 section 2.5.2.
type eventReceiver struct {
	known bool
	start uint32 // RTP timestamp of the newest event
	event uint8
	base  uint32 // samples of the segments before this one, section 2.5.1.3
	span  uint32
	open  bool // begun, not ended
	at    time.Time
}

// push takes one event packet. What is to be told is in heard[:n].
func (r *eventReceiver) push(now time.Time, timestamp uint32, marker bool, payload []byte) (heard [maxHeard]heardEvent, n int) {
	if len(payload) < eventSize || payload[0] > eventFlash {
		return heard, 0 // other events are not for a telephone's keys
	}
	event, end, span := payload[0], payload[1]&eventEndBit != 0, uint32(binary.BigEndian.Uint16(payload[2:]))
	if r.known && timestamp != r.start {
		ahead := timestamp - r.start
		if ahead >= eventBackward {
			return heard, 0 // a straggler of an event before
		}
		if r.open && event == r.event && !marker && ahead <= r.span+eventGap {
			// The next segment of a long event, or a sender that moves the timestamp as it goes.
			r.base += ahead
			r.start, r.span = timestamp, 0
		} else {
			if r.open {
				heard[n], n = r.end(), n+1
			}
			r.known = false
		}
	}
	if !r.known {
		*r = eventReceiver{known: true, start: timestamp, event: event, open: true}
		heard[n], n = heardEvent{digit: eventSymbols[event]}, n+1
	}
	if event != r.event || !r.open {
		return heard, n // a repeated end, or nonsense
	}
	r.at = now
	r.span = max(r.span, span)
	if end {
		heard[n], n = r.end(), n+1
	}
	return heard, n
}

// expire ends an event whose end got lost.
func (r *eventReceiver) expire(now time.Time) (heardEvent, bool) {
	if !r.open || now.Sub(r.at) < eventSilence {
		return heardEvent{}, false
	}
	return r.end(), true
}

func (r *eventReceiver) end() heardEvent {
	r.open = false
	return heardEvent{digit: eventSymbols[r.event], ended: true,
		span: time.Duration(r.base+r.span) * time.Second / sampleRate}
}

// reset forgets the source: its timestamps begin anew.
func (r *eventReceiver) reset() { *r = eventReceiver{} }
