package keypad

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dialtone/hal"
)

var start = time.Unix(1000, 0)

func at(ms float64) time.Time { return start.Add(time.Duration(ms * float64(time.Millisecond))) }

// contact is one switch change at a millisecond.
type contact struct {
	ms   float64
	key  hal.Key
	down bool
}

// run feeds contacts to a debouncer that is asked whenever it wants to be, until ms, and returns what
// it said: "12.0 5 down".
func run(t *testing.T, d *Debouncer, contacts []contact, ms float64) []string {
	t.Helper()
	var said []string
	ask := func(now time.Time) {
		for _, p := range d.Pressed(now) {
			word := "up"
			switch {
			case p.Down && p.Long:
				word = "long"
			case p.Down:
				word = "down"
			case p.Long:
				word = "up after long"
			}
			said = append(said, fmt.Sprintf("%g %s %s", float64(now.Sub(start).Microseconds())/1000, p.Key, word))
		}
	}
	for len(contacts) > 0 || !d.Next().IsZero() {
		next := d.Next()
		if len(contacts) > 0 && (next.IsZero() || !next.Before(at(contacts[0].ms))) {
			c := contacts[0]
			contacts = contacts[1:]
			d.Contact(at(c.ms), hal.Contact{Key: c.key, Down: c.down})
			ask(at(c.ms))
			continue
		}
		if next.After(at(ms)) {
			break
		}
		ask(next)
		if again := d.Next(); !again.IsZero() && !again.After(next) {
			t.Fatalf("asked at its own time %v it wants to be asked at %v", next.Sub(start), again.Sub(start))
		}
	}
	return said
}

func TestDebouncer(t *testing.T) {
	hook := hal.Hook
	for _, tt := range []struct {
		name     string
		contacts []contact
		want     []string
	}{
		{"a clean press", []contact{{0, "5", true}, {100, "5", false}}, []string{"5 5 down", "112 5 up"}},
		{"a bouncing press and release",
			[]contact{{0, "5", true}, {1, "5", false}, {2, "5", true}, {3, "5", false}, {4, "5", true}, {100, "5", false}, {104, "5", true}, {108, "5", false}},
			[]string{"9 5 down", "120 5 up"}},
		{"a glitch shorter than a press", []contact{{0, "5", true}, {4, "5", false}}, nil},
		{"worn contacts open for 10 ms while held", []contact{{0, "5", true}, {50, "5", false}, {60, "5", true}, {100, "5", false}}, []string{"5 5 down", "112 5 up"}},
		{"the same level told twice", []contact{{0, "5", true}, {3, "5", true}, {100, "5", false}, {110, "5", false}}, []string{"5 5 down", "112 5 up"}},
		{"a release nobody saw the press of", []contact{{0, "5", false}}, nil},
		{"two quick presses", []contact{{0, "5", true}, {30, "5", false}, {60, "5", true}, {90, "5", false}}, []string{"5 5 down", "42 5 up", "65 5 down", "102 5 up"}},
		{"rolling over from one key to the next",
			[]contact{{0, "1", true}, {20, "2", true}, {40, "1", false}, {41, "3", true}, {60, "2", false}, {61, "3", false}},
			[]string{"5 1 down", "25 2 down", "46 3 down", "52 1 up", "72 2 up", "73 3 up"}},
		{"two keys at one moment, in the order first seen", []contact{{0, "9", true}, {0, "1", true}, {50, "1", false}, {50, "9", false}},
			[]string{"5 9 down", "5 1 down", "62 9 up", "62 1 up"}},
		{"a long press", []contact{{0, "0", true}, {2000, "0", false}}, []string{"5 0 down", "805 0 long", "2012 0 up after long"}},
		{"almost long", []contact{{0, "0", true}, {800, "0", false}}, []string{"5 0 down", "812 0 up"}},
		{"bouncing just when it becomes long", []contact{{0, "0", true}, {803, "0", false}, {808, "0", true}, {900, "0", false}}, []string{"5 0 down", "808 0 long", "912 0 up after long"}},
		{"long, then short", []contact{{0, "0", true}, {900, "0", false}, {1000, "0", true}, {1100, "0", false}},
			[]string{"5 0 down", "805 0 long", "912 0 up after long", "1005 0 down", "1112 0 up"}},
		{"the handset lifted and put back", []contact{{0, hook, false}, {5, hook, true}, {10, hook, false}, {5000, hook, true}}, []string{"40 hook up", "5030 hook down"}},
		{"the handset knocked in its cradle", []contact{{0, hook, false}, {29, hook, true}}, nil},
		{"the handset in its cradle at the start", []contact{{0, hook, true}}, nil},
		{"an unknown key", []contact{{0, "x", true}}, nil},
	} {
		var d Debouncer
		if got := run(t, &d, tt.contacts, 10000); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, strings.Join(got, ", "), strings.Join(tt.want, ", "))
		}
	}
}

// A loop that was busy for long still hears every press, in order.
func TestDebouncerAskedLate(t *testing.T) {
	var d Debouncer
	for _, c := range []contact{{0, "1", true}, {30, "1", false}, {60, "2", true}, {90, "2", false}, {120, "1", true}} {
		d.Contact(at(c.ms), hal.Contact{Key: c.key, Down: c.down})
	}
	if next := d.Next(); next.After(at(120)) {
		t.Errorf("it has news and wants to be asked at %v", next.Sub(start))
	}
	got := d.Pressed(at(1000))
	want := []Press{{Key: "1", Down: true}, {Key: "1"}, {Key: "2", Down: true}, {Key: "2"}, {Key: "1", Down: true}, {Key: "1", Down: true, Long: true}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if !d.Next().IsZero() || len(d.Pressed(at(2000))) > 0 {
		t.Error("there is still something to tell")
	}
}

// The finger left before the press was long; that the release is not settled yet does not matter.
func TestDebouncerAlmostLong(t *testing.T) {
	var d Debouncer
	d.Contact(at(0), hal.Contact{Key: "1", Down: true})
	d.Contact(at(803), hal.Contact{Key: "1", Down: false})
	got := append(d.Pressed(at(806)), d.Pressed(at(900))...)
	if want := []Press{{Key: "1", Down: true}, {Key: "1"}}; !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// A key of a web page counts at once, and becomes long like any other.
func TestDebouncerSet(t *testing.T) {
	var d Debouncer
	set := func(ms float64, key hal.Key, down bool, want ...Press) {
		t.Helper()
		d.Set(at(ms), hal.Contact{Key: key, Down: down})
		if got := d.Pressed(at(ms)); !slices.Equal(got, want) {
			t.Errorf("at %v ms: %v, want %v", ms, got, want)
		}
	}
	set(0, hal.Hook, true)
	set(0, hal.Hook, false, Press{Key: hal.Hook})
	set(0, "0", true, Press{Key: "0", Down: true})
	set(2, "smash", true)
	if next := d.Next(); next != at(800) {
		t.Errorf("the key becomes long at %v", next.Sub(start))
	}
	if got, want := d.Pressed(at(800)), []Press{{Key: "0", Down: true, Long: true}}; !slices.Equal(got, want) {
		t.Errorf("held: %v, want %v", got, want)
	}
	set(900, "0", false, Press{Key: "0", Long: true})
	set(900, "0", true, Press{Key: "0", Down: true})
	set(900, "0", false, Press{Key: "0"})
	d.Contact(at(1000), hal.Contact{Key: "0", Down: true}) // a real one bounces meanwhile
	set(1001, "1", true, Press{Key: "1", Down: true})
	if got, want := d.Pressed(at(1005)), []Press{{Key: "0", Down: true}}; !slices.Equal(got, want) {
		t.Errorf("a contact that settles: %v, want %v", got, want)
	}
}

// A release a web page sent may be lost: the next press counts all the same, and nothing is held for ever. The
// key of a real handset may be held as long as the finger likes.
func TestDebouncerLostRelease(t *testing.T) {
	var d Debouncer
	d.Set(at(0), hal.Contact{Key: "5", Down: true})
	d.Set(at(100), hal.Contact{Key: "5", Down: true})
	d.Set(at(200), hal.Contact{Key: "5"})
	want := []Press{{Key: "5", Down: true}, {Key: "5"}, {Key: "5", Down: true}, {Key: "5"}}
	if got := d.Pressed(at(200)); !slices.Equal(got, want) {
		t.Errorf("pressed twice, released once: %v, want %v", got, want)
	}

	d.Contact(at(900), hal.Contact{Key: "5", Down: true})
	d.Set(at(1000), hal.Contact{Key: hal.VolUp, Down: true})
	got := d.Pressed(at(60_000)) // asked late: no repetition comes after the release
	ups, last := 0, Press{}
	for _, p := range got {
		if p.Key == hal.VolUp {
			last = p
			ups++
		}
	}
	if last.Down || ups < 60 || ups > 70 {
		t.Errorf("the louder key was told %d times, the last is %+v", ups, last)
	}
	if slices.Contains(got, Press{Key: "5", Long: true}) || !d.Next().IsZero() {
		t.Errorf("a real key was released, or something is still to come at %v", d.Next())
	}

	d.Set(at(70_000), hal.Contact{Key: "1", Down: true})
	d.Contact(at(71_000), hal.Contact{Key: "1", Down: true}) // now a finger holds it
	d.Set(at(71_500), hal.Contact{Key: "5", Down: true})
	for _, p := range d.Pressed(at(120_000)) {
		if !p.Down {
			t.Errorf("a key under a finger is released: %+v", p)
		}
	}
}

// FuzzDebouncer: each key's presses and releases alternate, long comes between them, and the last
// level that stood is the last told.
func FuzzDebouncer(f *testing.F) {
	f.Add([]byte{1, 0x81, 1, 0x01, 30, 0x81})
	f.Add([]byte{0, 0x00, 200, 0x80, 3, 0x00})
	f.Add([]byte{0, 0xc1, 3, 0x41, 0, 0x81, 2, 0xc1})
	f.Fuzz(func(t *testing.T, script []byte) {
		keys := []hal.Key{hal.Hook, "1", "2", "#"}
		var d Debouncer
		now := start
		held := map[hal.Key]bool{hal.Hook: true} // in the end, when what a page holds has been let go
		told := map[hal.Key]Press{hal.Hook: {Key: hal.Hook, Down: true}}
		ask := func() {
			for _, p := range d.Pressed(now) {
				last := told[p.Key]
				switch {
				case p.Down && p.Long:
					if !last.Down || last.Long || p.Key == hal.Hook {
						t.Fatalf("%+v after %+v", p, last)
					}
				case p.Down == last.Down, !p.Down && p.Long != last.Long:
					t.Fatalf("%+v after %+v", p, last)
				}
				told[p.Key] = p
			}
			if next := d.Next(); !next.IsZero() && !next.After(now) {
				t.Fatal("asked, it wants to be asked again at once")
			}
		}
		for i := 0; i+1 < len(script); i += 2 {
			now = now.Add(time.Duration(script[i]) * time.Millisecond)
			if script[i]%3 == 0 {
				ask()
			}
			c := hal.Contact{Key: keys[script[i+1]%4], Down: script[i+1]&0x80 != 0}
			page := script[i+1]&0x40 != 0
			if !page || !c.Down || c.Key == hal.Hook {
				held[c.Key] = c.Down
			}
			if page {
				d.Set(now, c)
				continue
			}
			d.Contact(now, c)
		}
		for !d.Next().IsZero() {
			now = d.Next()
			ask()
		}
		for k, down := range held {
			if told[k].Down != down {
				t.Fatalf("%s rests at %v, told was %+v", k, down, told[k])
			}
		}
	})
}

// FuzzCollector collects anything: the number never grows beyond its limit and holds nothing but digits, and
// the timer runs only off-hook with something collected.
func FuzzCollector(f *testing.F) {
	f.Add([]byte("u1d2#c*"))
	f.Fuzz(func(t *testing.T, script []byte) {
		c := Collector{}
		c.Use(at(0), nil, DefaultTimers())
		now, offHook := time.Unix(1e9, 0), false
		for _, b := range script {
			now = now.Add(time.Duration(b) * time.Millisecond)
			switch b {
			case 'u', 'h':
				offHook = b == 'u'
				c.Lift(now, offHook)
			case 'd':
				c.Delete(now)
			case 'c':
				c.Clear()
			case '+':
				c.Plus(now)
			default:
				c.Digit(now, hal.Key(b))
			}
			if n := c.Number(); len(n) > maxDigits || strings.Trim(n, "0123456789*#+") != "" {
				t.Fatalf("collected %q", n)
			}
			if running := !c.Next().IsZero(); running && (!offHook || c.Number() == "") {
				t.Fatalf("the timer runs; off-hook %t, number %q", offHook, c.Number())
			}
		}
	})
}
