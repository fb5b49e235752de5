package board

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"dialtone/hal"
	"dialtone/hal/sim"
)

// A Board is one kind of handset: what is on it. It is a table, to be held against the case and the
// schematic.
type Board struct {
	Name  string // as given to -board: lower-case letters, digits and dashes
	Title string // for people
	// Rows and Cols are the size of the screen in characters. A screen of pixels has them too: they are
	// how the API tells what it shows in text.
	Rows, Cols int
	// Width and Height are the size of a screen of pixels; 0: it shows characters only.
	Width, Height int
	Simulated     bool // it is made of memory: the browser is its case
	Lines         int  // line keys, and lines it offers: 1 to 8
	Keys          []KeyCap
}

// A KeyCap is one key of the board.
type KeyCap struct {
	Key   hal.Key
	Label string // what is printed on it
}

// Has reports whether the board has that key.
func (b Board) Has(k hal.Key) bool {
	return slices.ContainsFunc(b.Keys, func(c KeyCap) bool { return c.Key == k })
}

// OpenOptions say what the board's devices work with.
type OpenOptions struct {
	Mic, Speaker string // sim only: see sim.Options
	Log          *slog.Logger
}

// boards are the handsets that need no file.
var boards = []Board{
	simBoard(Board{Name: "sim", Title: "Simulated handset", Rows: 4, Cols: 20}),
	simBoard(Board{Name: "sim-2x16", Title: "Simulated handset, small character LCD", Rows: 2, Cols: 16}),
	simBoard(Board{Name: "sim-128x64", Title: "Simulated handset, OLED", Rows: 4, Cols: 20, Width: 128, Height: 64}),
	simBoard(Board{Name: "sim-320x240", Title: "Simulated handset, colour screen", Rows: 4, Cols: 20, Width: 320, Height: 240}),
}

// simBoard is a handset made of memory, with every key there is.
func simBoard(b Board) Board {
	b.Lines, b.Simulated = hal.MaxLines, true
	for _, k := range hal.AllKeys() {
		b.Keys = append(b.Keys, KeyCap{k, label(k)})
	}
	return b
}

// label is what a key cap usually says.
func label(k hal.Key) string {
	switch k {
	case hal.VolUp:
		return "Vol +"
	case hal.VolDown:
		return "Vol -"
	case hal.OK:
		return "OK"
	}
	if n, ok := k.Line(); ok {
		return fmt.Sprintf("Line %d", n)
	}
	if s, ok := strings.CutPrefix(string(k), "soft"); ok {
		return "Soft " + s
	}
	return strings.ToUpper(string(k[:1])) + string(k[1:])
}

// Names returns the names of the built-in boards.
func Names() []string {
	var names []string
	for _, b := range boards {
		names = append(names, b.Name)
	}
	return names
}

// Find returns the built-in board of that name, or the one described by a file whose name ends in
// ".toml". No name means the board this machine is, which is sim where no other is recognised.
func Find(nameOrFile string) (Board, error) {
	if strings.HasSuffix(nameOrFile, ".toml") {
		return readFile(nameOrFile)
	}
	if nameOrFile == "" {
		nameOrFile = "sim"
	}
	for _, b := range boards {
		if b.Name == nameOrFile {
			return b, nil
		}
	}
	return Board{}, fmt.Errorf("no board is called %q; there are: %s; or name a FILE.toml", nameOrFile, strings.Join(Names(), ", "))
}

// Open opens the board's devices. The handset is nil unless the board is simulated.
func (b Board) Open(o OpenOptions) (hal.Device, *sim.Handset, error) {
	h, err := sim.New(sim.Options{Rows: b.Rows, Cols: b.Cols, Width: b.Width, Height: b.Height, Mic: o.Mic, Speaker: o.Speaker, Log: o.Log})
	if err != nil {
		return hal.Device{}, nil, fmt.Errorf("opening board %s: %w", b.Name, err)
	}
	return h.Device(), h, nil
}
