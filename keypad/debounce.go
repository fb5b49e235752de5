package keypad

import (
	"slices"
	"time"

	"dialtone/hal"
)

// Implementation constants.
const (
	settlePress   = 5 * time.Millisecond  // a contact closed this long is a press
	settleRelease = 12 * time.Millisecond // one opened this long is a release; worn keys chatter while held
	settleHook    = 30 * time.Millisecond // the cradle switch, both ways: the handset is heavy and slow
	longPress     = 800 * time.Millisecond
	repeatFirst   = 500 * time.Millisecond // a key that repeats is held so long until it does for the first time
	repeatNext    = 150 * time.Millisecond
	shortestFlash = 80 * time.Millisecond // the cradle switch pressed for less was bumped
	heldMost      = 10 * time.Second      // a web page's key; its release may be lost on the way
)

// repeating are the keys that act again and again while they are held.
var repeating = []hal.Key{hal.VolUp, hal.VolDown, hal.Up, hal.Down, hal.Left, hal.Right}

// A Press is one change of a key, after all bouncing. Each press of a key is reported once with Down,
// then, if it is held long, once more with Down and Long, and once without Down when it is released;
// Long then tells a long press from a short one. The hook switch is never Long. Keys that repeat (volume and
// arrows) are reported with Down and Repeat besides, for as long as they are held.
type Press struct {
	Key    hal.Key
	Down   bool
	Long   bool
	Repeat bool
	Flash  bool // of the hook: pressed and let go within Debouncer.Flash; nothing else is reported of that
}

// A Debouncer turns the contacts of bouncing switches into presses. The level is the truth: a contact
// that reports its level twice is no news, and a change counts when the level has stood for its
// settling time. Any number of keys may be down at once. At first the handset rests in its cradle and
// no key is pressed. The zero Debouncer is ready to use.
type Debouncer struct {
	// Flash is how long the cradle switch may be pressed and it is a hook flash, no hang-up; that is
	// reported so much later. Zero: every press is a hang-up. Its owner sets it while a flash has a meaning.
	Flash time.Duration

	keys    []keyState // in the order the keys were first seen
	presses []timed    // settled, not yet fetched
}

type keyState struct {
	key     hal.Key
	raw     bool      // the last contact
	down    bool      // the last level that stood
	long    bool      // the present press was reported as long
	settles time.Time // when raw becomes the truth; zero: raw and down agree
	longAt  time.Time // when a press becomes long; zero: never
	again   time.Time // when a press is repeated; zero: never
	pressed time.Time // the hook: since when it has been down
	letGo   time.Time // a key a web page holds: when it is released without a word; zero: no page holds it
	hangsUp time.Time // the hook: when that is no flash any more; zero: it is none, or reported
}

// timed is a press and the moment it was true.
type timed struct {
	at time.Time
	Press
}

// Contact records a switch change. A contact of an unknown key is dropped.
func (d *Debouncer) Contact(now time.Time, c hal.Contact) {
	if !hal.Valid(c.Key) {
		return
	}
	d.settle(now) // what stood long enough until now is not undone by this change
	i := slices.IndexFunc(d.keys, func(k keyState) bool { return k.key == c.Key })
	if i < 0 {
		rests := c.Key == hal.Hook
		d.keys = append(d.keys, keyState{key: c.Key, raw: rests, down: rests})
		i = len(d.keys) - 1
	}
	k := &d.keys[i]
	k.letGo = time.Time{}
	if c.Down == k.raw {
		return
	}
	k.raw = c.Down
	k.settles = time.Time{}
	if k.raw != k.down {
		k.settles = now.Add(settleTime(c.Key, c.Down))
	}
}

// Set records the change of a switch that does not bounce, a key on a web page: it counts at once, and
// becomes long like any other. A release can be lost on the way: a key that is pressed while the page
// holds it was let go before, and none is held for longer than heldMost; of the hook neither is true. A
// contact of an unknown key is dropped.
func (d *Debouncer) Set(now time.Time, c hal.Contact) {
	d.settle(now)
	if c.Down && slices.ContainsFunc(d.keys, func(k keyState) bool { return k.key == c.Key && !k.letGo.IsZero() }) {
		d.set(now, hal.Contact{Key: c.Key})
	}
	d.set(now, c)
}

func (d *Debouncer) set(now time.Time, c hal.Contact) {
	before := slices.ContainsFunc(d.keys, func(k keyState) bool { return k.key == c.Key && k.raw })
	d.Contact(now, c)
	for i := range d.keys {
		k := &d.keys[i]
		if k.key != c.Key {
			continue
		}
		if !k.settles.IsZero() {
			k.settles = now
		}
		if c.Down && !before && c.Key != hal.Hook {
			k.letGo = now.Add(heldMost)
		}
	}
	d.settle(now)
}

// Pressed returns the presses since it was last called, in the order they happened.
func (d *Debouncer) Pressed(now time.Time) []Press {
	d.settle(now)
	var presses []Press
	for _, p := range d.presses {
		presses = append(presses, p.Press)
	}
	d.presses = d.presses[:0]
	return presses
}

// Next returns when Pressed may next have news, or zero.
func (d *Debouncer) Next() (next time.Time) {
	if len(d.presses) > 0 {
		return d.presses[0].at
	}
	for _, k := range d.keys {
		if k.settles.IsZero() { // a key about to be released does not become long any more
			next = earliest(earliest(next, k.longAt), earliest(k.again, earliest(k.hangsUp, k.letGo)))
		}
		next = earliest(next, k.settles)
	}
	return next
}

// settle turns into presses what stood long enough at now. More than one thing may have happened to a
// key, and to several keys, since the last time: they are put in the order of their moments, and keys
// of one moment in the order they were first seen.
func (d *Debouncer) settle(now time.Time) {
	fetched := len(d.presses)
	for i := range d.keys {
		k := &d.keys[i]
		if due(k.settles, now) {
			at := k.settles
			k.down, k.settles = k.raw, time.Time{}
			if k.key == hal.Hook {
				d.hook(k, at)
			} else {
				d.key(k, at)
			}
		}
		if !k.settles.IsZero() {
			continue
		}
		until, released := now, due(k.letGo, now)
		if released {
			until = k.letGo
		}
		if due(k.longAt, until) {
			d.presses = append(d.presses, timed{k.longAt, Press{Key: k.key, Down: true, Long: true}})
			k.long, k.longAt = true, time.Time{}
		}
		for due(k.again, until) {
			d.presses = append(d.presses, timed{k.again, Press{Key: k.key, Down: true, Repeat: true}})
			k.again = k.again.Add(repeatNext)
		}
		if due(k.hangsUp, now) {
			d.presses = append(d.presses, timed{k.hangsUp, Press{Key: k.key, Down: true}})
			k.hangsUp = time.Time{}
		}
		if released {
			k.raw, k.down, k.letGo = false, false, time.Time{}
			d.key(k, until)
		}
	}
	slices.SortStableFunc(d.presses[fetched:], func(a, b timed) int { return a.at.Compare(b.at) })
}

// key takes a key that stands up or down since at.
func (d *Debouncer) key(k *keyState, at time.Time) {
	k.longAt, k.again = time.Time{}, time.Time{}
	if k.down {
		k.long = false
		k.longAt = at.Add(longPress)
		if slices.Contains(repeating, k.key) {
			k.again = at.Add(repeatFirst)
		}
	}
	d.presses = append(d.presses, timed{at, Press{Key: k.key, Down: k.down, Long: k.long && !k.down}})
}

// hook takes the cradle switch, which may be flashed.
func (d *Debouncer) hook(k *keyState, at time.Time) {
	switch {
	case k.down && d.Flash > 0:
		k.pressed, k.hangsUp = at, at.Add(d.Flash)
		return
	case !k.down && !k.hangsUp.IsZero():
		flashed := at.Before(k.hangsUp)
		if !flashed {
			d.presses = append(d.presses, timed{k.hangsUp, Press{Key: k.key, Down: true}})
		}
		k.hangsUp = time.Time{}
		if flashed {
			if at.Sub(k.pressed) >= shortestFlash {
				d.presses = append(d.presses, timed{at, Press{Key: k.key, Flash: true}})
			}
			return
		}
	}
	d.presses = append(d.presses, timed{at, Press{Key: k.key, Down: k.down}})
}

func settleTime(k hal.Key, down bool) time.Duration {
	switch {
	case k == hal.Hook:
		return settleHook
	case down:
		return settlePress
	}
	return settleRelease
}

// due reports whether a timer has run out; a zero one is stopped.
func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// earliest returns the earlier of two timers; a zero one is stopped.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
