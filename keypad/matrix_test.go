package keypad

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"dialtone/hal"
)

func dialMatrix(rows, cols int) *Matrix {
	all := hal.AllKeys()
	all = slices.DeleteFunc(all, func(k hal.Key) bool { return k == hal.Hook })
	keys := make([][]hal.Key, rows)
	for r := range keys {
		keys[r] = all[r*cols : (r+1)*cols]
	}
	return NewMatrix(keys)
}

// electric is what a scan sees of pressed keys: current flows through every key that is down.
func electric(pressed []uint32) []uint32 {
	seen := slices.Clone(pressed)
	for changed := true; changed; {
		changed = false
		for a := range seen {
			for b := range seen {
				if a != b && seen[a]&seen[b] != 0 && seen[a]|seen[b] != seen[a] {
					seen[a] |= seen[b]
					changed = true
				}
			}
		}
	}
	return seen
}

// TestGhosts presses three corners of every rectangle in every order: the fourth is never reported.
func TestGhosts(t *testing.T) {
	for _, size := range [][2]int{{4, 3}, {4, 5}} {
		rows, cols := size[0], size[1]
		for r1 := range rows {
			for r2 := range rows {
				for c1 := range cols {
					for c2 := range cols {
						if r1 == r2 || c1 == c2 {
							continue
						}
						m := dialMatrix(rows, cols)
						pressed := make([]uint32, rows)
						ghost := m.keys[r2][c2]
						for _, corner := range [][2]int{{r1, c1}, {r1, c2}, {r2, c1}} {
							pressed[corner[0]] |= 1 << corner[1]
							for range 3 {
								for _, c := range m.Scan(electric(pressed)) {
									if c.Key == ghost && c.Down {
										t.Fatalf("%d×%d: %s is pressed by nobody", rows, cols, ghost)
									}
								}
							}
						}
						// One of the first two is let go: the third is seen now.
						pressed[r1] &^= 1 << c2
						var got []hal.Contact
						for range 3 {
							got = append(got, m.Scan(electric(pressed))...)
						}
						want := []hal.Contact{{Key: m.keys[r1][c2]}, {Key: m.keys[r2][c1], Down: true}}
						slices.SortFunc(got, byKey)
						slices.SortFunc(want, byKey)
						if !slices.Equal(got, want) {
							t.Fatalf("after one key is let go: %v, want %v", got, want)
						}
					}
				}
			}
		}
	}
}

func byKey(a, b hal.Contact) int {
	switch {
	case a.Key < b.Key:
		return -1
	case a.Key > b.Key:
		return 1
	}
	return 0
}

// TestFastFingers types 100,000 keys at 15 a second on a matrix whose contacts bounce up to 8 ms each way, with
// rollover and noise of single scans: what comes out is what was typed.
func TestFastFingers(t *testing.T) {
	const (
		presses = 100_000
		scan    = time.Millisecond
		pace    = time.Second / 15
	)
	r := rand.New(rand.NewPCG(7, 15))
	m := dialMatrix(4, 3)
	var d Debouncer
	type event struct {
		at       time.Duration
		row, col int
		down     bool
	}
	var events []event
	var typed []hal.Key
	last, over := -1, false // the key before, and whether it is still down when the next one comes
	bounce := func(from time.Duration, row, col int, down bool) {
		at, end := from, from+time.Duration(r.IntN(8000))*time.Microsecond
		for at < end {
			back := at + time.Duration(200+r.IntN(900))*time.Microsecond
			events = append(events, event{at, row, col, down}, event{min(back, end), row, col, !down})
			at += time.Duration(1200+r.IntN(1500)) * time.Microsecond
		}
		events = append(events, event{end, row, col, down})
	}
	for i := range presses {
		key := r.IntN(12)
		for over && key == last { // one finger cannot do that
			key = r.IntN(12)
		}
		last = key
		row, col := key/3, key%3
		typed = append(typed, m.keys[row][col])
		start := time.Duration(i) * pace
		hold := 35*time.Millisecond + time.Duration(r.IntN(10))*time.Millisecond
		if over = r.IntN(6) == 0; over {
			hold = pace + 12*time.Millisecond // still down when the next one comes
		}
		bounce(start, row, col, true)
		bounce(start+hold, row, col, false)
	}
	slices.SortStableFunc(events, func(a, b event) int { return int(a.at - b.at) })
	var got []hal.Key
	closed := make([]uint32, 4)
	next := 0
	for at := time.Duration(0); at < presses*pace+time.Second; at += scan {
		for ; next < len(events) && events[next].at <= at; next++ {
			e := events[next]
			if e.down {
				closed[e.row] |= 1 << e.col
			} else {
				closed[e.row] &^= 1 << e.col
			}
		}
		seen := electric(closed)
		if r.IntN(40) == 0 {
			seen[r.IntN(4)] ^= 1 << r.IntN(3)
		}
		now := start.Add(at)
		for _, c := range m.Scan(seen) {
			d.Contact(now, c)
		}
		for _, p := range d.Pressed(now) {
			if p.Down && !p.Long && !p.Repeat {
				got = append(got, p.Key)
			}
		}
	}
	wrong := 0
	for i := range min(len(got), len(typed)) {
		if got[i] != typed[i] {
			wrong++
		}
	}
	if len(got) != len(typed) || wrong > 0 {
		t.Errorf("%d keys typed, %d heard, %d of them wrong", len(typed), len(got), wrong)
	}
}

func FuzzMatrix(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 7, 7, 0, 0})
	f.Fuzz(func(t *testing.T, scans []byte) {
		m := dialMatrix(4, 3)
		down := map[hal.Key]bool{}
		for len(scans) >= 4 {
			closed := []uint32{uint32(scans[0]), uint32(scans[1]), uint32(scans[2]), uint32(scans[3])}
			scans = scans[4:]
			for _, c := range m.Scan(closed) {
				if down[c.Key] == c.Down {
					t.Fatalf("%s is reported twice as %v", c.Key, c.Down)
				}
				down[c.Key] = c.Down
			}
		}
		for range 2 {
			for _, c := range m.Scan(nil) {
				delete(down, c.Key)
			}
		}
		for k, v := range down {
			if v {
				t.Fatalf("%s stays down with every contact open", k)
			}
		}
	})
}
