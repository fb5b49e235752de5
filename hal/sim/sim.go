package sim

import (
	"errors"
	"fmt"
	"image"
	"io"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"dialtone/hal"
)

// Implementation constants.
const (
	pressTime   = 20 * time.Millisecond // how long Press holds a key
	pauseTime   = 20 * time.Millisecond // and how long it waits before the next
	bounceTime  = time.Millisecond      // between the contacts of a bouncing switch
	maxContacts = 10000                 // contacts waiting to be read; more are a mistake
	maxScreens  = 1000                  // screens kept in the history
	toneLevel   = 4096                  // peak of the test tone, about -18 dBFS
)

// Options say what the handset has.
type Options struct {
	// Rows and Cols are the size of the screen in characters; zero: 4 rows of 20.
	Rows, Cols int
	// Width and Height are its size in pixels; zero: it shows characters only.
	Width, Height int
	// Mic is what the microphone hears: a WAV file of 8 or 16 kHz, one channel, 16 bits, played over and
	// over; or "tone:HZ", a test tone; or nothing: silence.
	Mic string
	// Speaker is the WAV file that takes down what is played; empty: none.
	Speaker string
	Log     *slog.Logger // nil: the default one
}

// A Handset is a telephone without a case. Its methods may be called from any goroutine.
type Handset struct {
	// Bounce is how often a switch bounces before it settles, BrokenScreen what Draw returns if it is
	// not nil: the faults of the handset, to be set before it is used.
	Bounce       int
	BrokenScreen error

	rows, cols int
	size       image.Point // in pixels
	log        *slog.Logger
	start      time.Time
	once       sync.Once
	closed     chan struct{}

	keys   keyboard
	screen screen
	sound  *sound
}

// New returns a handset at rest: the handset in its cradle, no key pressed. A microphone or speaker
// file that cannot be used is an error that says why.
func New(o Options) (*Handset, error) {
	if o.Rows == 0 && o.Cols == 0 {
		o.Rows, o.Cols = 4, 20
	}
	if o.Rows < 1 || o.Cols < 1 {
		return nil, fmt.Errorf("a screen of %d rows and %d columns", o.Rows, o.Cols)
	}
	if o.Width < 0 || o.Height < 0 || (o.Width == 0) != (o.Height == 0) {
		return nil, fmt.Errorf("a screen of %d by %d pixels", o.Width, o.Height)
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	mic, err := openMic(o.Mic)
	if err != nil {
		return nil, fmt.Errorf("microphone: %w", err)
	}
	h := &Handset{rows: o.Rows, cols: o.Cols, size: image.Pt(o.Width, o.Height), log: o.Log, start: time.Now(), closed: make(chan struct{})}
	h.keys.changed = make(chan struct{})
	h.sound = &sound{mic: mic, pace: hal.NewAbsentSound(sampleRate, samplePeriod)}
	if o.Speaker != "" {
		if h.sound.speaker, err = createSpeaker(o.Speaker, o.Log); err != nil {
			return nil, fmt.Errorf("speaker: %w", err)
		}
	}
	return h, nil
}

// openMic returns the loop the microphone hears; nil is silence.
func openMic(mic string) ([]int16, error) {
	if mic == "" {
		return nil, nil
	}
	hz, isTone := strings.CutPrefix(mic, "tone:")
	if !isTone {
		return readMic(mic)
	}
	f, err := strconv.Atoi(hz)
	if err != nil || f < 50 || f > 3900 {
		return nil, fmt.Errorf("test tone %q: need 50 to 3900 Hz", hz)
	}
	loop := make([]int16, sampleRate) // a second holds whole periods of every whole frequency
	for i := range loop {
		loop[i] = int16(math.Round(toneLevel * math.Sin(2*math.Pi*float64(f)*float64(i)/sampleRate)))
	}
	return loop, nil
}

// Device returns the handset as the firmware knows it.
func (h *Handset) Device() hal.Device {
	return hal.Device{Keys: keysOf{h}, Screen: screenOf{h}, Sound: soundOf{h}, Lamps: map[string]hal.Lamp{}, Close: h.Close}
}

// Close turns the handset off: waiting reads end, and the speaker file is complete.
func (h *Handset) Close() error {
	var err error
	h.once.Do(func() {
		close(h.closed)
		err = h.sound.close()
	})
	return err
}

// keyboard is the queue of contacts between those who press and the firmware that reads.
type keyboard struct {
	mu      sync.Mutex
	waiting []moment
	readAt  time.Time     // when the last contact was handed over
	changed chan struct{} // closed and replaced when a contact joins the queue
}

// A moment is a contact and how long after the one before it comes.
type moment struct {
	after time.Duration
	hal.Contact
}

// Press presses keys and releases them, one after the other, at the pace of a quick finger. It does
// not wait: the keys are read in their own time. Press of hal.Hook puts the handset back and lifts it
// again; use Contact for one of the two.
func (h *Handset) Press(keys ...hal.Key) {
	for _, k := range keys {
		h.contacts(k, true, pauseTime)
		h.contacts(k, false, pressTime)
	}
}

// Contact closes or opens one switch. For the hook, down is the handset put back.
func (h *Handset) Contact(k hal.Key, down bool) { h.contacts(k, down, 0) }

// contacts queues one change of a switch, with the bouncing that goes before it.
func (h *Handset) contacts(k hal.Key, down bool, after time.Duration) {
	h.keys.mu.Lock()
	defer h.keys.mu.Unlock()
	if len(h.keys.waiting) > maxContacts {
		h.log.Warn("keys pressed faster than they are read; dropped", "key", string(k))
		return
	}
	for range h.Bounce {
		h.keys.waiting = append(h.keys.waiting, moment{after, hal.Contact{Key: k, Down: down}},
			moment{bounceTime, hal.Contact{Key: k, Down: !down}})
		after = bounceTime
	}
	h.keys.waiting = append(h.keys.waiting, moment{after, hal.Contact{Key: k, Down: down}})
	close(h.keys.changed)
	h.keys.changed = make(chan struct{})
}

// Pending returns how many contacts were not read yet.
func (h *Handset) Pending() int {
	h.keys.mu.Lock()
	defer h.keys.mu.Unlock()
	return len(h.keys.waiting)
}

type keysOf struct{ h *Handset }

// ReadContact waits for the next contact, and for its time.
func (k keysOf) ReadContact() (hal.Contact, error) {
	keys := &k.h.keys
	for {
		keys.mu.Lock()
		changed := keys.changed
		var wait time.Duration
		if len(keys.waiting) > 0 {
			wait = keys.waiting[0].after - time.Since(keys.readAt)
			if wait <= 0 {
				c := keys.waiting[0].Contact
				keys.waiting = keys.waiting[1:]
				keys.readAt = time.Now()
				keys.mu.Unlock()
				return c, nil
			}
			changed = nil // only time helps
		}
		keys.mu.Unlock()
		if err := pause(wait, changed, k.h.closed); err != nil {
			return hal.Contact{}, err
		}
	}
}

// pause waits for d to pass (0: for ever) or changed to close. It returns io.EOF once closed does.
func pause(d time.Duration, changed, closed <-chan struct{}) error {
	var passed <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		passed = t.C
	}
	select {
	case <-passed:
	case <-changed:
	case <-closed:
		return io.EOF
	}
	return nil
}

// screen is what is shown, and was.
type screen struct {
	mu      sync.Mutex
	rows    []string
	picture image.Image
	history []string
}

type screenOf struct{ h *Handset }

var errScreenSize = errors.New("the frame does not fit the screen")

// Draw shows a frame. One that is not exactly as large as the screen is an error.
func (s screenOf) Draw(f hal.Frame) error {
	h := s.h
	if h.BrokenScreen != nil {
		return h.BrokenScreen
	}
	if len(f.Rows) != h.rows {
		return fmt.Errorf("%w: %d rows, it has %d", errScreenSize, len(f.Rows), h.rows)
	}
	for i, row := range f.Rows {
		if n := utf8.RuneCountInString(row); n != h.cols {
			return fmt.Errorf("%w: row %d has %d columns, it has %d", errScreenSize, i+1, n, h.cols)
		}
	}
	var size image.Point
	if f.Image != nil {
		size = f.Image.Bounds().Size()
	}
	if size != h.size {
		return fmt.Errorf("%w: a picture of %v, it has %v", errScreenSize, size, h.size)
	}
	h.screen.mu.Lock()
	defer h.screen.mu.Unlock()
	h.screen.picture = f.Image
	line := fmt.Sprintf("%8.3f  [%s]", time.Since(h.start).Seconds(), strings.Join(f.Rows, "|"))
	n := len(h.screen.history)
	if n > 0 && h.screen.history[n-1][8:] == line[8:] {
		return nil
	}
	h.screen.rows = append([]string(nil), f.Rows...)
	h.screen.history = append(h.screen.history, line)
	if n == maxScreens {
		h.screen.history = h.screen.history[1:]
	}
	return nil
}

// Screen returns the rows shown now; before the first Draw they are blank.
func (h *Handset) Screen() []string {
	h.screen.mu.Lock()
	defer h.screen.mu.Unlock()
	if h.screen.rows == nil {
		rows := make([]string, h.rows)
		for i := range rows {
			rows[i] = strings.Repeat(" ", h.cols)
		}
		return rows
	}
	return append([]string(nil), h.screen.rows...)
}

// Picture returns the picture shown now: nil before the first Draw, and on a screen of characters.
func (h *Handset) Picture() image.Image {
	h.screen.mu.Lock()
	defer h.screen.mu.Unlock()
	return h.screen.picture
}

// Screens returns the screens shown since New, the latest thousand, each with the seconds since then:
// "   1.250  [row|row|row|row]". One that shows what the one before showed is left out.
func (h *Handset) Screens() []string {
	h.screen.mu.Lock()
	defer h.screen.mu.Unlock()
	return append([]string(nil), h.screen.history...)
}
