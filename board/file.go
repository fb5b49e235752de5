package board

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"dialtone/hal"
)

// Implementation constants: what a board file may say.
const (
	maxFile = 64 << 10 // bytes
	maxName = 32
	maxRows = 8
	minCols = 16
	maxCols = 40
	// A screen of pixels: what display.Pixels can lay out.
	minWidth, maxWidth   = 96, 480
	minHeight, maxHeight = 32, 320
)

// boardFile is a board as its owner writes it:
//
//	name  = "kitchen"
//	title = "The red telephone in the kitchen"
//	rows  = 2                # of the screen
//	cols  = 16
//	lines = 1
//	keys  = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#", "hook"]
//
// Only name and keys are required; a screen has 4 rows of 20, and there is one line, if not told
// otherwise. A screen of pixels is said by both of:
//
//	width  = 320
//	height = 240
type boardFile struct {
	Name  string `toml:"name"`
	Title string `toml:"title"`
	Rows  int    `toml:"rows"`
	Cols  int    `toml:"cols"`
	// Width and Height are pointers because 0 is no size, but a wrong one.
	Width  *int     `toml:"width"`
	Height *int     `toml:"height"`
	Lines  int      `toml:"lines"`
	Keys   []string `toml:"keys"`
}

// readFile reads a board from a file.
func readFile(name string) (Board, error) {
	f, err := os.Open(name)
	if err != nil {
		return Board{}, fmt.Errorf("board file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Board{}, fmt.Errorf("board file: %w", err)
	}
	b, err := parse(string(data))
	if err != nil {
		return Board{}, fmt.Errorf("board file %s: %w", filepath.Base(name), err)
	}
	return b, nil
}

// parse reads a board. It is strict: what it does not know is an error, with the line it stands on.
func parse(text string) (Board, error) {
	if len(text) > maxFile {
		return Board{}, fmt.Errorf("larger than %d kB", maxFile>>10)
	}
	file := boardFile{Rows: 4, Cols: 20, Lines: 1}
	meta, err := toml.Decode(text, &file)
	if err != nil {
		var syntax toml.ParseError
		if errors.As(err, &syntax) {
			return Board{}, fmt.Errorf("line %d: %s", syntax.Position.Line, syntax.Message)
		}
		return Board{}, errors.New(strings.TrimPrefix(err.Error(), "toml: ")) // of the wrong type; it names the line
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		key := unknown[0]
		return Board{}, fmt.Errorf("line %d: unknown setting %q; there are: name, title, rows, cols, width, height, lines, keys", lineOf(text, key), key)
	}
	return file.board(text)
}

// board checks what the file says.
func (f boardFile) board(text string) (Board, error) {
	wrong := func(key, format string, args ...any) (Board, error) {
		return Board{}, fmt.Errorf("line %d: %s: %s", lineOf(text, toml.Key{key}), key, fmt.Sprintf(format, args...))
	}
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
	switch {
	case f.Name == "":
		return Board{}, errors.New(`it has no name; write name = "..."`)
	case len(f.Name) > maxName || strings.Trim(f.Name, letters) != "":
		return wrong("name", "need up to %d lower-case letters, digits and dashes, not %q", maxName, f.Name)
	case slices.Contains(Names(), f.Name):
		return wrong("name", "%q is built in; choose another", f.Name)
	case f.Rows < 2 || f.Rows > maxRows:
		return wrong("rows", "need 2 to %d, not %d", maxRows, f.Rows)
	case f.Cols < minCols || f.Cols > maxCols:
		return wrong("cols", "need %d to %d, not %d", minCols, maxCols, f.Cols)
	case f.Width == nil && f.Height != nil:
		return wrong("height", "a screen of pixels needs width too")
	case f.Width != nil && f.Height == nil:
		return wrong("width", "a screen of pixels needs height too")
	case f.Width != nil && (*f.Width < minWidth || *f.Width > maxWidth):
		return wrong("width", "need %d to %d pixels, not %d", minWidth, maxWidth, *f.Width)
	case f.Height != nil && (*f.Height < minHeight || *f.Height > maxHeight):
		return wrong("height", "need %d to %d pixels, not %d", minHeight, maxHeight, *f.Height)
	case f.Lines < 1 || f.Lines > hal.MaxLines:
		return wrong("lines", "need 1 to %d, not %d", hal.MaxLines, f.Lines)
	case len(f.Keys) == 0:
		return Board{}, errors.New(`it has no keys; write keys = ["1", "2", ...]`)
	}
	b := Board{Name: f.Name, Title: f.Title, Rows: f.Rows, Cols: f.Cols, Lines: f.Lines, Simulated: true}
	if f.Width != nil {
		b.Width, b.Height = *f.Width, *f.Height
	}
	if b.Title == "" {
		b.Title = b.Name
	}
	for _, name := range f.Keys {
		k := hal.Key(name)
		switch {
		case !hal.Valid(k):
			return wrong("keys", "no key is called %q; there are: %s", name, keyNames())
		case b.Has(k):
			return wrong("keys", "%q is listed twice", name)
		}
		if n, ok := k.Line(); ok && n > f.Lines {
			return wrong("keys", "%q, but there are only %d lines", name, f.Lines)
		}
		b.Keys = append(b.Keys, KeyCap{k, label(k)})
	}
	return b, nil
}

func keyNames() string {
	var names []string
	for _, k := range hal.AllKeys() {
		names = append(names, string(k))
	}
	return strings.Join(names, " ")
}

// lineOf returns the line, from 1, on which a setting stands; the parser does not tell. It follows
// the table headers down to the key's own name, and returns the last line it recognised on the way.
func lineOf(text string, key toml.Key) int {
	at, depth, n := 1, 0, 0
	for line := range strings.Lines(text) {
		n++
		word := strings.Trim(strings.TrimSpace(line), "[] ")
		name, _, isSetting := strings.Cut(word, "=")
		if strings.HasPrefix(strings.TrimSpace(line), "[") {
			name, isSetting = word, true
		}
		name = strings.Trim(strings.TrimSpace(name), `"'`)
		if !isSetting {
			continue
		}
		if name == key.String() || depth < len(key) && name == key[depth] {
			at = n
			if depth++; depth == len(key) || name == key.String() {
				return at
			}
		}
	}
	return at
}
