package keypad

import (
	"math/bits"
	"slices"

	"dialtone/hal"
)

// MaxColumns is how many columns a matrix may have.
const MaxColumns = 32

// A Matrix is a keypad wired in rows and columns, each key a contact between one of each. It turns what
// the scans see into contacts of keys. Without diodes three closed keys at the corners of a rectangle close the
// fourth corner too, though nobody presses it: of a rectangle that is closed at all four corners no new key is
// believed until a scan is clear; keys that were down before stay down, and a key let go is let go at once.
type Matrix struct {
	keys   [][]hal.Key // by row and column; "": no key there
	seen   []uint32    // closed at the last scan, by row
	down   []uint32    // reported as down
	vetoed int
}

// NewMatrix returns a matrix with these keys by row and column, all of them up. Rows may be of different
// lengths, at most MaxColumns.
func NewMatrix(keys [][]hal.Key) *Matrix {
	m := &Matrix{seen: make([]uint32, len(keys)), down: make([]uint32, len(keys))}
	for _, row := range keys {
		m.keys = append(m.keys, slices.Clone(row[:min(len(row), MaxColumns)]))
	}
	return m
}

// Scan takes one scan, a bit for each column of each row, and returns the contacts that changed, row by row.
// A change counts when two scans in a row agree on it: noise on a long cable seldom repeats.
func (m *Matrix) Scan(closed []uint32) (contacts []hal.Contact) {
	for row := range m.keys {
		now := uint32(0)
		if row < len(closed) {
			now = closed[row]
		}
		agreed := now & m.seen[row]
		open := ^now & ^m.seen[row]
		m.seen[row] = now
		fresh := agreed &^ m.down[row]
		gone := open & m.down[row]
		if fresh != 0 {
			doubtful := m.ghosts(closed, row) & fresh
			m.vetoed += bits.OnesCount32(doubtful)
			fresh &^= doubtful
		}
		m.down[row] = m.down[row]&^gone | fresh
		for col, k := range m.keys[row] {
			bit := uint32(1) << col
			if (fresh|gone)&bit != 0 && k != "" {
				contacts = append(contacts, hal.Contact{Key: k, Down: fresh&bit != 0})
			}
		}
	}
	return contacts
}

// ghosts are the columns of a row that are corners of a rectangle closed at all four.
func (m *Matrix) ghosts(closed []uint32, row int) (cols uint32) {
	for other := range m.keys {
		if other == row || other >= len(closed) || row >= len(closed) {
			continue
		}
		if both := closed[row] & closed[other]; bits.OnesCount32(both) > 1 {
			cols |= both
		}
	}
	return cols
}

// Vetoed returns how many closed contacts were not believed so far, for diagnosis.
func (m *Matrix) Vetoed() int { return m.vetoed }
