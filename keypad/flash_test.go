package keypad

import (
	"slices"
	"testing"
	"time"

	"dialtone/hal"
)

// pressesOf plays contacts at times in milliseconds and returns what became of them.
func pressesOf(d *Debouncer, contacts map[int]hal.Contact, until int) (presses []Press) {
	for ms := range until {
		if c, ok := contacts[ms]; ok {
			d.Contact(at(float64(ms)), c)
		}
		presses = append(presses, d.Pressed(at(float64(ms)))...)
	}
	return presses
}

func TestHookFlash(t *testing.T) {
	lift, put := hal.Contact{Key: hal.Hook}, hal.Contact{Key: hal.Hook, Down: true}
	up, down, flash := Press{Key: hal.Hook}, Press{Key: hal.Hook, Down: true}, Press{Key: hal.Hook, Flash: true}
	for _, c := range []struct {
		sentence string
		flash    time.Duration
		contacts map[int]hal.Contact
		want     []Press
	}{
		{"without a window every press hangs up", 0, map[int]hal.Contact{0: lift, 200: put, 500: lift}, []Press{up, down, up}},
		{"a short press is a flash", 600 * time.Millisecond, map[int]hal.Contact{0: lift, 200: put, 500: lift}, []Press{up, flash}},
		{"a bump is nothing", 600 * time.Millisecond, map[int]hal.Contact{0: lift, 200: put, 250: lift}, []Press{up}},
		{"a long press hangs up, late", 600 * time.Millisecond, map[int]hal.Contact{0: lift, 200: put, 1200: lift}, []Press{up, down, up}},
		{"put back for good", 600 * time.Millisecond, map[int]hal.Contact{0: lift, 200: put}, []Press{up, down}},
	} {
		d := Debouncer{Flash: c.flash}
		if got := pressesOf(&d, c.contacts, 2000); !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.sentence, got, c.want)
		}
	}
	var d Debouncer
	d.Flash = 600 * time.Millisecond
	d.Contact(at(0), lift)
	d.Pressed(at(100))
	d.Contact(at(200), put)
	d.Pressed(at(300))
	if got := d.Next().Sub(at(200)); got != settleHook+d.Flash {
		t.Errorf("the hang-up is due after %v", got)
	}
}

func TestRepeat(t *testing.T) {
	var d Debouncer
	got := pressesOf(&d, map[int]hal.Contact{0: {Key: hal.VolUp, Down: true}, 900: {Key: hal.VolUp}, 1000: {Key: "5", Down: true}, 2500: {Key: "5"}}, 3000)
	down, again, long := Press{Key: hal.VolUp, Down: true}, Press{Key: hal.VolUp, Down: true, Repeat: true}, Press{Key: hal.VolUp, Down: true, Long: true}
	want := []Press{down, again, again, long, again, {Key: hal.VolUp, Long: true}, {Key: "5", Down: true}, {Key: "5", Down: true, Long: true}, {Key: "5", Long: true}}
	if !slices.Equal(got, want) {
		t.Errorf("volume held, then a digit held: %+v, want %+v", got, want)
	}
}
