package sim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dialtone/hal"
)

func newHandset(t *testing.T, o Options) *Handset {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func TestKeysComeInTheirOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandset(t, Options{})
		keys := h.Device().Keys
		start := time.Now()
		type read struct {
			at time.Duration
			hal.Contact
		}
		got := make(chan read, 100)
		go func() {
			defer close(got)
			for {
				c, err := keys.ReadContact()
				if err != nil {
					if err != io.EOF {
						t.Errorf("closed keys return %v, want io.EOF", err)
					}
					return
				}
				got <- read{time.Since(start), c}
			}
		}()
		time.Sleep(time.Second)
		h.Press("5", "#")
		if n := h.Pending(); n != 4 {
			t.Errorf("%d contacts are pending, want 4", n)
		}
		time.Sleep(time.Second)
		h.Contact(hal.Hook, false)
		time.Sleep(time.Second)
		h.Close()
		var all []read
		for r := range got {
			all = append(all, r)
		}
		ms := time.Millisecond
		want := []read{
			{1000 * ms, hal.Contact{Key: "5", Down: true}}, {1020 * ms, hal.Contact{Key: "5", Down: false}},
			{1040 * ms, hal.Contact{Key: "#", Down: true}}, {1060 * ms, hal.Contact{Key: "#", Down: false}},
			{2000 * ms, hal.Contact{Key: hal.Hook, Down: false}},
		}
		if !slices.Equal(all, want) {
			t.Errorf("read %v\nwant %v", all, want)
		}
		if h.Pending() != 0 {
			t.Errorf("%d contacts are still pending", h.Pending())
		}
	})
}

func TestSwitchesBounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandset(t, Options{})
		h.Bounce = 2
		h.Contact("1", true)
		var got []bool
		for range 5 {
			c, err := h.Device().Keys.ReadContact()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, c.Down)
		}
		if want := []bool{true, false, true, false, true}; !slices.Equal(got, want) {
			t.Errorf("a switch that bounces twice: %v, want %v", got, want)
		}
	})
}

func TestScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandset(t, Options{Rows: 2, Cols: 3})
		s := h.Device().Screen
		draw := func(rows ...string) {
			t.Helper()
			if err := s.Draw(hal.Frame{Rows: rows}); err != nil {
				t.Error(err)
			}
		}
		if got := h.Screen(); !slices.Equal(got, []string{"   ", "   "}) {
			t.Errorf("before the first Draw: %q", got)
		}
		draw("abc", "äöü")
		time.Sleep(1500 * time.Millisecond)
		draw("abc", "äöü")
		draw("abc", "def")
		if got := h.Screen(); !slices.Equal(got, []string{"abc", "def"}) {
			t.Errorf("shows %q", got)
		}
		want := []string{"   0.000  [abc|äöü]", "   1.500  [abc|def]"}
		if got := h.Screens(); !slices.Equal(got, want) {
			t.Errorf("showed %q\nwant   %q", got, want)
		}
		for _, rows := range [][]string{{"abc"}, {"abc", "de"}, {"abc", "defg"}, {"a", "b", "c"}} {
			if err := s.Draw(hal.Frame{Rows: rows}); !errors.Is(err, errScreenSize) {
				t.Errorf("a frame of %q: %v", rows, err)
			}
		}
		if err := s.Draw(hal.Frame{Rows: []string{"abc", "def"}, Image: image.NewGray(image.Rect(0, 0, 8, 8))}); !errors.Is(err, errScreenSize) || h.Picture() != nil {
			t.Errorf("a picture on a screen of characters: %v", err)
		}
		h.BrokenScreen = errors.New("no answer on the bus")
		if err := s.Draw(hal.Frame{Rows: []string{"abc", "def"}}); err != h.BrokenScreen {
			t.Errorf("a broken screen returns %v", err)
		}
	})
}

func TestPicture(t *testing.T) {
	for _, size := range [][2]int{{8, 0}, {0, 8}, {-8, -8}} {
		if _, err := New(Options{Width: size[0], Height: size[1]}); err == nil {
			t.Errorf("there is a screen of %v pixels", size)
		}
	}
	h, err := New(Options{Rows: 1, Cols: 1, Width: 8, Height: 4})
	if err != nil {
		t.Fatal(err)
	}
	s := h.Device().Screen
	if h.Picture() != nil {
		t.Error("there is a picture before the first frame")
	}
	for _, picture := range []*image.Gray{image.NewGray(image.Rect(0, 0, 8, 4)), image.NewGray(image.Rect(0, 0, 8, 4))} {
		if err := s.Draw(hal.Frame{Rows: []string{"a"}, Image: picture}); err != nil || h.Picture() != picture {
			t.Errorf("the picture is not the last one, %v", err)
		}
	}
	last := h.Picture()
	for _, f := range []hal.Frame{{Rows: []string{"a"}}, {Rows: []string{"a"}, Image: image.NewGray(image.Rect(0, 0, 4, 8))}} {
		if err := s.Draw(f); !errors.Is(err, errScreenSize) || h.Picture() != last {
			t.Errorf("a frame that does not fit: %v", err)
		}
	}
	if got := h.Screens(); len(got) != 1 {
		t.Errorf("the history of the text is %q", got)
	}
}

// ramp is n samples that are all different from their neighbours.
func ramp(n int) []int16 {
	s := make([]int16, n)
	for i := range s {
		s[i] = int16(i*7 + 1)
	}
	return s
}

// writeWAV makes a file of one channel and 16 bits.
func writeWAV(t *testing.T, rate int, samples []int16) string {
	t.Helper()
	b := wavHeader(len(samples))
	binary.LittleEndian.PutUint32(b[24:], uint32(rate))
	for _, v := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	name := filepath.Join(t.TempDir(), "mic.wav")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestMicrophoneLoops(t *testing.T) {
	loop := ramp(100) // not a multiple of the period
	mic := writeWAV(t, 8000, loop)
	synctest.Test(t, func(t *testing.T) {
		h := newHandset(t, Options{Mic: mic})
		s := h.Device().Sound
		play, rec := make([]int16, s.Period()), make([]int16, s.Period())
		var got []int16
		start := time.Now()
		for range 1000 {
			if err := s.Exchange(play, rec); err != nil {
				t.Fatal(err)
			}
			got = append(got, rec...)
		}
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("1000 periods took %v, want 5s", d)
		}
		for i, v := range got {
			if v != loop[i%len(loop)] {
				t.Fatalf("sample %d is %d, want %d", i, v, loop[i%len(loop)])
			}
		}
		h.Close()
		if err := s.Exchange(play, rec); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("Exchange after Close: %v", err)
		}
	})
}

func TestMicrophoneFiles(t *testing.T) {
	good := ramp(1000)
	header := func(change func(b []byte) []byte) []byte {
		b := wavHeader(len(good))
		for _, v := range good {
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		}
		return change(b)
	}
	put16 := func(at int, v uint16) func([]byte) []byte {
		return func(b []byte) []byte { binary.LittleEndian.PutUint16(b[at:], v); return b }
	}
	for _, tt := range []struct {
		name    string
		data    []byte
		samples int
		err     string
	}{
		{"as it should be", header(func(b []byte) []byte { return b }), 1000, ""},
		{"an unknown chunk of odd size first", header(func(b []byte) []byte {
			return slices.Concat(b[:12], []byte("LIST\x03\x00\x00\x00abc\x00"), b[12:])
		}), 1000, ""},
		{"a chunk after the samples", header(func(b []byte) []byte { return append(b, "LIST\x02\x00\x00\x00ab"...) }), 1000, ""},
		{"cut short", header(func(b []byte) []byte { return b[:len(b)-100] }), 950, ""},
		{"size not yet known", header(func(b []byte) []byte { binary.LittleEndian.PutUint32(b[40:], 0xffffffff); return b }), 1000, ""},
		{"extensible", header(func(b []byte) []byte {
			ext := slices.Concat(b[20:36], []byte{22, 0, 16, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 16, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71})
			binary.LittleEndian.PutUint16(ext, formatExt)
			return slices.Concat(b[:16], []byte{40, 0, 0, 0}, ext, b[36:])
		}), 1000, ""},
		{"stereo", header(put16(22, 2)), 0, "2 channels"},
		{"44.1 kHz", header(put16(24, 44100)), 0, "44100 Hz"},
		{"8 bits", header(put16(34, 8)), 0, "8 bits"},
		{"a-law", header(put16(20, 6)), 0, "format 6"},
		{"no WAV", []byte("\x7fELF and so on and on"), 0, "not a WAV file"},
		{"empty", nil, 0, "not a WAV file"},
		{"no samples", wavHeader(0), 0, "empty or shorter"},
		{"header only", wavHeader(0)[:36], 0, "without samples"},
		{"samples first", header(func(b []byte) []byte { return slices.Concat(b[:12], b[36:]) }), 0, "before its format"},
		{"short format", header(func(b []byte) []byte { return slices.Concat(b[:16], []byte{2, 0, 0, 0, 1, 0}, b[36:]) }), 0, "cut short"},
	} {
		name := filepath.Join(t.TempDir(), "mic.wav")
		if err := os.WriteFile(name, tt.data, 0o600); err != nil {
			t.Fatal(err)
		}
		samples, err := openMic(name)
		switch {
		case tt.err == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.err == "" && !slices.Equal(samples, good[:tt.samples]):
			t.Errorf("%s: %d samples, want the first %d", tt.name, len(samples), tt.samples)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), name)):
			t.Errorf("%s: error %v; want one with %q and the name of the file", tt.name, err, tt.err)
		}
	}
	for _, tt := range []Options{{Mic: "/no/such/file.wav"}, {Mic: "tone:"}, {Mic: "tone:9000"}, {Speaker: "/no/such/dir/a.wav"}, {Rows: -1, Cols: 20}} {
		if h, err := New(tt); err == nil {
			h.Close()
			t.Errorf("%+v is accepted", tt)
		}
	}
}

func TestToneIsATone(t *testing.T) {
	loop, err := openMic("tone:1004")
	if err != nil {
		t.Fatal(err)
	}
	if got := level(loop, 1004, 8000); math.Abs(got-toneLevel) > 2 {
		t.Errorf("1004 Hz has the level %.1f, want %d", got, toneLevel)
	}
}

// level is the peak of the sine of that frequency in a loop of whole periods.
func level(s []int16, hz, rate float64) float64 {
	var re, im float64
	for i, v := range s {
		a := 2 * math.Pi * hz * float64(i) / rate
		re += float64(v) * math.Cos(a)
		im += float64(v) * math.Sin(a)
	}
	return 2 * math.Hypot(re, im) / float64(len(s))
}

func TestHalving(t *testing.T) {
	for _, tt := range []struct{ hz, min, max float64 }{
		{100, 0.999, 1.001}, {1000, 0.999, 1.001}, {3000, 0.999, 1.001}, {3400, 0.999, 1.001},
		{4600, 0, 0.0005}, {5000, 0, 0.0005}, {7900, 0, 0.0005},
	} {
		in := make([]int16, 16000)
		for i := range in {
			in[i] = int16(math.Round(20000 * math.Sin(2*math.Pi*tt.hz*float64(i)/16000)))
		}
		name := writeWAV(t, 16000, in)
		out, err := readMic(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(out) != 8000 {
			t.Fatalf("%d samples of 16000", len(out))
		}
		hz := tt.hz
		if hz > 4000 {
			hz = 8000 - hz // where it would be heard
		}
		if got := level(out, hz, 8000) / 20000; got < tt.min || got > tt.max {
			t.Errorf("%v Hz passes with a gain of %.5f, want %v to %v", tt.hz, got, tt.min, tt.max)
		}
	}
	full := make([]int16, 201)
	for i := range full {
		full[i] = math.MinInt16
	}
	for i, v := range halve(full) {
		if v != math.MinInt16 {
			t.Fatalf("sample %d of a constant is %d", i, v)
		}
	}
	if got := halve([]int16{5}); len(got) != 0 {
		t.Errorf("one sample halved: %v", got)
	}
}

// The speaker file is valid whenever it is looked at, and in the end complete.
func TestSpeakerFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "speaker.wav")
	var played []int16
	synctest.Test(t, func(t *testing.T) {
		h := newHandset(t, Options{Speaker: name})
		s := h.Device().Sound
		rec := make([]int16, s.Period())
		look := func(late int) {
			t.Helper()
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			samples, rate, err := parseWAV(b)
			if err != nil || rate != sampleRate {
				t.Fatalf("after %d samples: rate %d, %v", len(played), rate, err)
			}
			if declared := int(binary.LittleEndian.Uint32(b[40:])) / 2; declared != len(samples) {
				t.Errorf("the header counts %d samples, the file has %d", declared, len(samples))
			}
			if len(samples) < len(played)-late || !slices.Equal(samples, played[:len(samples)]) {
				t.Errorf("%d samples of %d are in the file", len(samples), len(played))
			}
		}
		look(0)
		for i := range 700 {
			play := ramp(s.Period())
			play[0] = int16(i)
			if err := s.Exchange(play, rec); err != nil {
				t.Fatal(err)
			}
			played = append(played, play...)
			if i%33 == 0 {
				look(sampleRate)
			}
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		look(0)
		if got := h.Heard(); !slices.Equal(got, played) {
			t.Errorf("heard %d samples of %d", len(got), len(played))
		}
	})
}

func TestHeardForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandset(t, Options{})
		s := h.Device().Sound
		var played []int16
		rec := make([]int16, s.Period())
		for i := range 40 * sampleRate / samplePeriod {
			play := ramp(s.Period())
			play[0] = int16(i)
			if err := s.Exchange(play, rec); err != nil {
				t.Fatal(err)
			}
			played = append(played, play...)
		}
		if got := h.Heard(); !slices.Equal(got, played[len(played)-heardTime*sampleRate:]) {
			t.Errorf("heard %d samples, not the last %d seconds", len(got), heardTime)
		}
	})
}

func TestSpeakerThatFails(t *testing.T) {
	var said bytes.Buffer
	name := filepath.Join(t.TempDir(), "speaker.wav")
	s, err := createSpeaker(name, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	s.file.Close() // the disk is gone
	s.write(make([]int16, 40))
	s.close()
	if !strings.Contains(said.String(), "cannot be written") {
		t.Errorf("said %q", said.String())
	}
}

func TestExchangeAllocatesNothing(t *testing.T) {
	h := newHandset(t, Options{Mic: "tone:440"})
	s := h.Device().Sound
	play, rec := make([]int16, s.Period()), make([]int16, s.Period())
	for range 3 {
		s.Exchange(play, rec)
	}
	if n := testing.AllocsPerRun(20, func() { s.Exchange(play, rec) }); n != 0 {
		t.Errorf("%v allocations in a period", n)
	}
}

func FuzzWAV(f *testing.F) {
	f.Add(wavHeader(0))
	f.Add(append(wavHeader(2), 1, 2, 3, 4))
	f.Add([]byte("RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		samples, rate, err := parseWAV(data)
		if err == nil && (rate != 8000 && rate != 16000 || 2*len(samples) > len(data)) {
			t.Errorf("%d samples at %d Hz from %d bytes", len(samples), rate, len(data))
		}
	})
}
