package display

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A screenSize is one of the screens all scenes are drawn on.
type screenSize struct{ width, height int }

var pixelScreens = []screenSize{{128, 64}, {320, 240}}

// slug is a name for a file.
func slug(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, ",", ""), " ", "-")
}

// TestGolden compares every scene on every screen of pixels with its picture in testdata/golden.
func TestGolden(t *testing.T) {
	p := NewPainter()
	wanted := make(map[string]bool)
	same := func(name string, got *image.Paletted) {
		t.Helper()
		file := filepath.Join("testdata", "golden", name+".png")
		wanted[file] = true
		if *update {
			writePNG(t, file, got)
			return
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			return
		}
		want, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			return
		}
		if at, differs := firstDifference(got, want); differs {
			t.Errorf("%s: the first difference is at %v: it is %v now (-update rewrites)", file, at, got.At(at.X, at.Y))
		}
	}
	for _, s := range scenes() {
		for _, size := range pixelScreens {
			same(fmt.Sprintf("%s-%dx%d", slug(s.name), size.width, size.height), p.Pixels(s.view, size.width, size.height))
		}
	}
	for _, lit := range []bool{true, false} {
		rows := []string{`ABCDEFGHIJKLMNOPQRST`, `UVWXYZ abcdefghijklm`, `nopqrstuvwxyz äöüßñ `, `0123456789 !"#$%&'()`, `*+,-./:;<=>?@[]^_{|}`, "`°£µ"}
		same(fmt.Sprintf("glass-%t", lit), Glass(rows, lit).(*image.Paletted))
	}
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*.png"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !wanted[file] {
			t.Errorf("%s is the picture of no scene", file)
		}
	}
}

// firstDifference compares pixels, row by row.
func firstDifference(a, b image.Image) (image.Point, bool) {
	if a.Bounds() != b.Bounds() {
		return image.Point{}, true
	}
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			if color.RGBAModel.Convert(a.At(x, y)) != color.RGBAModel.Convert(b.At(x, y)) {
				return image.Pt(x, y), true
			}
		}
	}
	return image.Point{}, false
}

func writePNG(t *testing.T, file string, img image.Image) {
	t.Helper()
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSheet keeps docs/screens.png, on which all scenes are seen on all screens.
func TestSheet(t *testing.T) {
	got := sheet()
	file := filepath.Join("..", "docs", "screens.png")
	if *update {
		writePNG(t, file, got)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 300_000 {
		t.Errorf("%s has %d bytes, want at most 300000", file, len(data))
	}
	want, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if at, differs := firstDifference(got, want); differs {
		t.Errorf("%s: the first difference is at %v (-update rewrites)", file, at)
	}
}

// sheet draws all scenes, each on the four screens with its name above.
func sheet() *image.Paletted {
	const across, width, height, gap = 5, 320, 430, 16
	all := scenes()
	down := (len(all) + across - 1) / across
	p := NewPainter()
	whole := image.NewRGBA(image.Rect(0, 0, gap+across*(width+gap), gap+down*(height+gap)))
	put := func(img image.Image, x, y int) {
		draw.Draw(whole, img.Bounds().Add(image.Pt(x, y)), img, image.Point{}, draw.Src)
	}
	draw.Draw(whole, whole.Rect, image.NewUniform(colours[rule]), image.Point{}, draw.Src)
	for i, s := range all {
		x, y := gap+i%across*(width+gap), gap+i/across*(height+gap)
		label := p.canvas(width, 20, colours)
		label.fill(label.Rect, rule)
		label.text(label.Rect, p.face(bold, 15), left, s.name, text, rule)
		put(label, x, y)
		put(p.Pixels(s.view, 320, 240), x, y+24)
		put(p.Pixels(s.view, 128, 64), x, y+24+240+8)
		put(glass(Text(s.view, 2, 16), true, 1, 0), x+width-107, y+24+240+8)
		put(glass(Text(s.view, 4, 20), true, 2, 0), x+(width-258)/2, y+24+240+8+64+8)
	}
	return fewColours(whole)
}

// fewColours keeps the 256 colours that are used most.
func fewColours(img *image.RGBA) *image.Paletted {
	used := make(map[color.RGBA]int)
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			used[img.RGBAAt(x, y)]++
		}
	}
	most := slices.SortedFunc(maps.Keys(used), func(a, b color.RGBA) int {
		return cmp.Or(used[b]-used[a], cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	var palette color.Palette
	index := make(map[color.RGBA]uint8)
	for i, c := range most {
		if i < 256 {
			palette = append(palette, c)
		}
		index[c] = uint8(palette.Index(c))
	}
	out := image.NewPaletted(img.Rect, palette)
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			out.Pix[y*out.Stride+x] = index[img.RGBAAt(x, y)]
		}
	}
	return out
}
