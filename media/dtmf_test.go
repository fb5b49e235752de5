package media

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// eventPackets lets a sender of packets of ptime ms send digits and returns the event packets as
// "marker timestamp event end duration", and how many voice packets came in between.
func eventPackets(t *testing.T, ptime int, digits string, d time.Duration) (events []string, raw [][]byte) {
	t.Helper()
	s := newSender()
	s.configure(PCMU, muLaw, 101, ptime*8)
	first := s.timestamp
	if err := s.events.add(digits, d); err != nil {
		t.Fatal(err)
	}
	for range 4000 / ptime {
		for n := 0; n < ptime*8; n += 40 {
			b := s.add(make([]int16, 40), true)
			if b == nil {
				continue
			}
			var h rtp.Header
			payload, why := admitRTP(b, &h)
			if why != "" {
				t.Fatal(why)
			}
			raw = append(raw, append([]byte(nil), b...))
			if h.PayloadType != 101 {
				events = append(events, "voice")
				continue
			}
			line := fmt.Sprintf("%d %c for %d", h.Timestamp-first, eventSymbols[payload[0]], binary.BigEndian.Uint16(payload[2:]))
			if h.Marker {
				line = "M " + line
			}
			if payload[1]&0x80 != 0 {
				line += " end"
			}
			events = append(events, line)
		}
	}
	return events, raw
}

func TestDigitsAreSentAsEvents(t *testing.T) {
	got, _ := eventPackets(t, 20, "1#", 60*time.Millisecond)
	want := []string{"M 0 1 for 160", "0 1 for 320", "0 1 for 480 end", "0 1 for 480 end", "0 1 for 480 end",
		"M 800 # for 160", "800 # for 320", "800 # for 480 end", "800 # for 480 end", "800 # for 480 end", "voice"}
	if g := got[:len(want)]; strings.Join(g, "\n") != strings.Join(want, "\n") {
		t.Errorf("sent\n%s\nwant\n%s", strings.Join(g, "\n"), strings.Join(want, "\n"))
	}
}

func TestEventTimes(t *testing.T) {
	for _, tt := range []struct {
		ptime    int
		d        time.Duration
		duration int // of the end packets, in samples
	}{
		{10, 0, 800}, {20, 0, 800}, {30, 0, 960}, {60, 0, 960},
		{20, time.Millisecond, 320},        // at least 40 ms
		{20, 250 * time.Millisecond, 2080}, // whole packets
	} {
		got, _ := eventPackets(t, tt.ptime, "55", tt.d)
		var begins []int
		ends := 0
		for _, line := range got {
			var at, span int
			if strings.HasPrefix(line, "M ") {
				fmt.Sscanf(line, "M %d 5 for %d", &at, &span)
				begins = append(begins, at)
			}
			if strings.HasSuffix(line, fmt.Sprintf("5 for %d end", tt.duration)) {
				ends++
			}
		}
		if len(begins) != 2 || ends != 6 {
			t.Errorf("ptime %d, %v: %d beginnings and %d ends of %d samples, want 2 and 6:\n%v", tt.ptime, tt.d, len(begins), ends, tt.duration, got[:20])
			continue
		}
		if gap := begins[1] - begins[0] - tt.duration; gap < eventGap {
			t.Errorf("ptime %d, %v: %d samples between two digits, want at least %d", tt.ptime, tt.d, gap, eventGap)
		}
	}
	var s eventSender
	if err := s.add("1", time.Hour); err != nil || s.queue[0].wanted != 64000 {
		t.Errorf("an hour of 1 lasts %d samples (%v), want 64000", s.queue[0].wanted, err)
	}
}

func TestDigitsThatCannotBeSent(t *testing.T) {
	var s eventSender
	if err := s.add("12x", 0); err == nil || s.queued != 0 {
		t.Errorf("x was queued: %v, %d", err, s.queued)
	}
	if err := s.add(strings.Repeat("1", maxEventQueue+1), 0); err == nil {
		t.Error("the queue has no limit")
	}
	if err := s.add("0123456789*#ABCDabcd!", 0); err != nil {
		t.Error(err)
	}
}

// heard plays event packets to a receiver, and says what it tells: "1" begins, "/80" ends after 80 ms.
func heard(t *testing.T, packets [][]byte, wait time.Duration) string {
	t.Helper()
	var r eventReceiver
	var b strings.Builder
	now := time.Unix(0, 0)
	tell := func(ev heardEvent) {
		if ev.ended {
			fmt.Fprintf(&b, "/%d", ev.span.Milliseconds())
		} else {
			b.WriteByte(ev.digit)
		}
	}
	for _, p := range packets {
		var h rtp.Header
		payload, why := admitRTP(p, &h)
		if why != "" || h.PayloadType != 101 {
			continue
		}
		events, n := r.push(now, h.Timestamp, h.Marker, payload)
		for _, ev := range events[:n] {
			tell(ev)
		}
		now = now.Add(20 * time.Millisecond)
	}
	if ev, ok := r.expire(now.Add(wait)); ok {
		tell(ev)
	}
	return b.String()
}

func TestEachEventIsHeardOnce(t *testing.T) {
	_, all := eventPackets(t, 20, "5*5", 80*time.Millisecond) // six packets each: 0-3, then two repeats
	without := func(lost ...int) (kept [][]byte) {
		for i, p := range all {
			ok := true
			for _, l := range lost {
				ok = ok && i != l
			}
			if ok {
				kept = append(kept, p)
			}
		}
		return kept
	}
	swap := func(i, k int) [][]byte {
		s := append([][]byte(nil), all...)
		s[i], s[k] = s[k], s[i]
		return s
	}
	event := func(ts uint32, marker bool, code, flags byte, span uint16) []byte {
		return packet(rtp.Header{PayloadType: 101, Timestamp: ts, Marker: marker}, []byte{code, flags, byte(span >> 8), byte(span)})
	}
	for _, tt := range []struct {
		name    string
		packets [][]byte
		want    string
	}{
		{"all", all, "5/80*/80" + "5/80"},
		{"every one twice", append(append([][]byte(nil), all[:18]...), all[:18]...), "5/80*/805/80"},
		{"first lost", without(0, 6, 12), "5/80*/805/80"},
		{"only the last end arrives", without(0, 1, 2, 3, 4, 6, 7, 8, 9, 10), "5/80*/805/80"},
		{"two ends lost", without(3, 4, 9, 10), "5/80*/805/80"},
		{"all ends lost, another digit follows", without(3, 4, 5), "5/60*/805/80"},
		{"all ends lost, nothing follows", all[:2], "5/40"},
		{"reordered within", swap(0, 1), "5/80*/805/80"},
		{"end before beginning", swap(0, 3), "5/80*/805/80"},
		{"a straggler after the next began", swap(5, 7), "5/80*/805/80"},
		{"same digit again, its first packets lost", [][]byte{event(0, true, 5, 0x80, 400), event(5000, false, 5, 0x8a, 400)}, "5/505/50"},
		{"longer than 16 bits tell", [][]byte{event(0, true, 1, 0, 0xffff), event(0xffff, false, 1, 0, 8000), event(0xffff, false, 1, 0x80, 16001)}, "1/10192"},
		{"timestamps that move along", [][]byte{event(0, true, 1, 0, 160), event(160, false, 1, 0, 320), event(320, false, 1, 0x80, 480)}, "1/100"},
		{"hook flash", [][]byte{event(9, true, 16, 0x80, 800)}, "!/100"},
		{"not a key", [][]byte{event(9, true, 32, 0x80, 800)}, ""},
		{"short", [][]byte{packet(rtp.Header{PayloadType: 101}, []byte{1, 2, 3})}, ""},
		{"timestamp wraps", [][]byte{event(0xffffff00, true, 1, 0x80, 400), event(400, true, 2, 0x80, 400)}, "1/502/50"},
	} {
		if got := heard(t, tt.packets, time.Second); got != tt.want {
			t.Errorf("%s: heard %q, want %q", tt.name, got, tt.want)
		}
	}
}
