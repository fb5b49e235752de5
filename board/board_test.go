package board

import (
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dialtone/hal"
)

func TestFind(t *testing.T) {
	for _, name := range []string{"", "sim"} {
		b, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if b.Name != "sim" || b.Rows != 4 || b.Cols != 20 || b.Lines != 8 || len(b.Keys) != len(hal.AllKeys()) {
			t.Errorf("Find(%q) = %+v", name, b)
		}
		for _, c := range b.Keys {
			if c.Label == "" {
				t.Errorf("key %q has no label", c.Key)
			}
		}
	}
	if _, err := Find("desk-9"); err == nil || !strings.Contains(err.Error(), "sim") || !strings.Contains(err.Error(), "desk-9") {
		t.Errorf("an unknown board: %v; want what was asked for and what there is", err)
	}
	if _, err := Find("/no/such/phone.toml"); err == nil || !strings.Contains(err.Error(), "/no/such/phone.toml") {
		t.Errorf("a missing file: %v", err)
	}
}

const kitchen = `# The red telephone.
name  = "kitchen"
title = "Kitchen"
rows  = 2
cols  = 16
lines = 2
keys  = [
	"1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#",
	"hook", "line1", "line2",
]
`

func TestBoardFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "kitchen.toml")
	if err := os.WriteFile(name, []byte(kitchen), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	if b.Name != "kitchen" || b.Title != "Kitchen" || b.Rows != 2 || b.Cols != 16 || b.Lines != 2 || len(b.Keys) != 15 {
		t.Errorf("read %+v", b)
	}
	if !b.Has(hal.Hook) || b.Has(hal.Talk) || b.Keys[13].Label != "Line 1" {
		t.Errorf("its keys are %v", b.Keys)
	}
	d, h, err := b.Open(OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Screen.Draw(hal.Frame{Rows: []string{"0123456789abcdef", "0123456789abcdef"}}); err != nil {
		t.Errorf("the screen it was opened with: %v", err)
	}
	if got := h.Screen(); len(got) != 2 || len(got[0]) != 16 {
		t.Errorf("the handset shows %q", got)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, _, err := b.Open(OpenOptions{Mic: "/no/such.wav"}); err == nil || !strings.Contains(err.Error(), "kitchen") {
		t.Errorf("opening with a wrong microphone: %v", err)
	}
}

func TestScreensOfPixels(t *testing.T) {
	for name, size := range map[string][4]int{
		"sim": {4, 20, 0, 0}, "sim-2x16": {2, 16, 0, 0}, "sim-128x64": {4, 20, 128, 64}, "sim-320x240": {4, 20, 320, 240},
	} {
		if b, err := Find(name); err != nil || [4]int{b.Rows, b.Cols, b.Width, b.Height} != size || !b.Simulated {
			t.Errorf("%s is %+v, %v", name, b, err)
		}
	}
	b, err := parse(kitchen + "\nwidth = 96\nheight = 320\n")
	if err != nil || b.Width != 96 || b.Height != 320 {
		t.Fatalf("the file says %+v, %v", b, err)
	}
	d, h, err := b.Open(OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	picture := image.NewPaletted(image.Rect(0, 0, 96, 320), color.Palette{color.Black})
	if err := d.Screen.Draw(hal.Frame{Rows: []string{"0123456789abcdef", "0123456789abcdef"}, Image: picture}); err != nil || h.Picture() != picture {
		t.Errorf("the screen it was opened with shows %v, %v", h.Picture(), err)
	}
}

func TestBoardFileIsStrict(t *testing.T) {
	for _, tt := range []struct{ name, old, new, err string }{
		{"unknown setting", "lines = 2", "colour = 1\nlines = 2", `line 6: unknown setting "colour"`},
		{"unknown table", "keys  = [", "[lcd]\nbus = 1\nkeys = [", `line 7: unknown setting "lcd"`},
		{"unknown setting in a list of tables", "", "[[lamp]]\npin = 3", `line 11: unknown setting "lamp"`},
		{"wrong type", "rows  = 2", `rows  = "two"`, "line 4 "},
		{"wrong syntax", "cols  = 16", "cols  = = 16", "line 5: "},
		{"twice", "cols  = 16", "cols  = 16\ncols = 20", "line 6: "},
		{"no name", `name  = "kitchen"`, "", "no name"},
		{"bad name", `"kitchen"`, `"Kitchen 1"`, "line 2: name: "},
		{"name of a built-in board", `"kitchen"`, `"sim"`, "line 2: name: "},
		{"rows", "rows  = 2", "rows  = 0", "line 4: rows: need 2 to 8, not 0"},
		{"cols", "cols  = 16", "cols  = 400", "line 5: cols: "},
		{"width alone", "lines = 2", "lines = 2\nwidth = 320", "line 7: width: a screen of pixels needs height too"},
		{"height alone", "lines = 2", "height = 240\nlines = 2", "line 6: height: a screen of pixels needs width too"},
		{"no width", "lines = 2", "lines = 2\nwidth = 0\nheight = 240", "line 7: width: need 96 to 480 pixels, not 0"},
		{"width", "lines = 2", "lines = 2\nwidth = 481\nheight = 240", "line 7: width: need 96 to 480 pixels, not 481"},
		{"height", "lines = 2", "lines = 2\nwidth = 320\nheight = 31", "line 8: height: need 32 to 320 pixels, not 31"},
		{"no whole pixels", "lines = 2", "lines = 2\nwidth = 320.5\nheight = 240", "line 7 "},
		{"lines", "lines = 2", "lines = 9", "line 6: lines: "},
		{"unknown key", `"hook"`, `"hock"`, `line 7: keys: no key is called "hock"; there are: 1 2 3`},
		{"key twice", `"hook"`, `"hook", "1"`, `line 7: keys: "1" is listed twice`},
		{"line key without its line", `"line2"`, `"line3"`, `line 7: keys: "line3", but there are only 2 lines`},
		{"no keys", kitchen[strings.Index(kitchen, "keys"):], "", "no keys"},
		{"too large", "# The red", "#" + strings.Repeat(" ", maxFile), "larger than 64 kB"},
	} {
		text := strings.Replace(kitchen, tt.old, tt.new, 1)
		if tt.old == "" {
			text = kitchen + tt.new
		}
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.err)
		}
	}
}

func FuzzBoardFile(f *testing.F) {
	f.Add(kitchen)
	f.Add(kitchen + "width = 320\nheight = 240\n")
	f.Add("[lcd]\nbus = 1\n")
	f.Add("a.b.c = 1\nname = 'x'")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := parse(text)
		if err == nil && (b.Name == "" || b.Rows < 2 || b.Cols < minCols || b.Lines < 1 || len(b.Keys) == 0 ||
			(b.Width == 0) != (b.Height == 0) || b.Width > maxWidth || b.Height > maxHeight) {
			t.Errorf("%q gives %+v", text, b)
		}
	})
}
