package display

import (
	"image"
	"math/bits"
	"strings"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/inconsolata"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// A style is one of the fonts.
type style uint8

const (
	tiny    style = iota // three dots by five, capitals only
	dots                 // five dots by seven, as on a character LCD
	mono                 // Inconsolata, 8 pixels by 16
	regular              // the Go fonts, in any size
	bold
)

// A glyph is one letter as a picture. The pen is at the left end of the baseline.
type glyph struct {
	at      image.Rectangle // from the pen
	cover   []uint8         // 0: none to 255: all, row by row
	advance int             // to the pen of the next letter
}

// A face is a font in one size. It draws each letter once.
type face struct {
	ascent, height int // of capitals over the baseline; of a row of text
	draw           func(r rune) (glyph, bool)
	drawn          map[rune]*glyph // nil: the font lacks it
}

// glyph returns a letter, nil if the font lacks it.
func (f *face) glyph(r rune) *glyph {
	g, ok := f.drawn[r]
	if !ok {
		if drawn, has := f.draw(r); has {
			g = &drawn
		}
		f.drawn[r] = g
	}
	return g
}

func (f *face) has(r rune) bool {
	return !unicode.In(r, unicode.Mn, unicode.Me, unicode.Cc, unicode.Cf) && f.glyph(r) != nil
}

// width returns how wide text is, which must be in letters of the face.
func (f *face) width(text string) int {
	w := 0
	for _, r := range text {
		if g := f.glyph(r); g != nil {
			w += g.advance
		}
	}
	return w
}

// fit returns text in letters of the face, at most width wide: what is too long ends with an ellipsis.
func (f *face) fit(text string, width int) string {
	text = legible(text, f.has)
	if f.width(text) <= width {
		return text
	}
	room := width - f.width("…")
	kept := 0
	for i, r := range text {
		if g := f.glyph(r); g != nil {
			room -= g.advance
		}
		if room < 0 {
			break
		}
		kept = i + len(string(r))
	}
	if f.width("…") > width {
		return ""
	}
	return strings.TrimRight(text[:kept], " ") + "…"
}

// fitEnd is fit for a number somebody types: what is too long begins with an ellipsis.
func (f *face) fitEnd(text string, width int) string {
	text = legible(text, f.has)
	if f.width(text) <= width {
		return text
	}
	r := []rune(text)
	for len(r) > 0 && f.width("…"+string(r)) > width {
		r = r[1:]
	}
	if f.width("…") > width {
		return ""
	}
	return "…" + string(r)
}

// wrap breaks text between words into rows that are at most width wide.
func (f *face) wrap(text string, width int) []string {
	var rows []string
	for word := range strings.FieldsSeq(legible(text, f.has)) {
		if n := len(rows) - 1; n >= 0 && f.width(rows[n]+" "+word) <= width {
			rows[n] += " " + word
			continue
		}
		rows = append(rows, f.fit(word, width))
	}
	return rows
}

// A faceKey names a face; size is in pixels, 0 for the fonts that have one size only.
type faceKey struct {
	style style
	size  int
}

// face returns a font in one size.
func (p *Painter) face(s style, size int) *face {
	if s < regular {
		size = 0
	}
	key := faceKey{s, size}
	f, ok := p.faces[key]
	if !ok {
		f = p.newFace(s, size)
		f.drawn = make(map[rune]*glyph)
		p.faces[key] = f
	}
	return f
}

func (p *Painter) newFace(s style, size int) *face {
	switch s {
	case tiny:
		table := dotTable(tinyLetters, 5, 5)
		return &face{ascent: 5, height: 6, draw: func(r rune) (glyph, bool) {
			g, ok := table[unicode.ToUpper(r)]
			w := 3
			for _, row := range g {
				w = max(w, bits.Len8(row))
			}
			return dotted(g, w, 5, 5), ok || r == ' '
		}}
	case dots:
		table, low := dotTable(dotLetters, 5, 7), dotTable(lowLetters, 5, 8)
		return &face{ascent: 7, height: 8, draw: func(r rune) (glyph, bool) {
			if g, ok := low[r]; ok {
				return dotted(g, 5, 8, 7), true
			}
			g, ok := table[r]
			return dotted(g, 5, 7, 7), ok || r == ' '
		}}
	case mono:
		has := func(r rune) bool {
			for _, part := range inconsolata.Bold8x16.Ranges {
				if r >= part.Low && r < part.High {
					return true
				}
			}
			return false
		}
		return &face{ascent: 10, height: 16, draw: func(r rune) (glyph, bool) { return outline(inconsolata.Bold8x16, r), has(r) }}
	}
	outlines := p.outlines(s)
	drawer, err := opentype.NewFace(outlines, &opentype.FaceOptions{Size: float64(size), DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		panic("display: " + err.Error()) // the options are constants it takes
	}
	capital, height := drawer.Metrics().CapHeight.Round(), drawer.Metrics().Height.Ceil()
	var buf sfnt.Buffer
	return &face{ascent: capital, height: height, draw: func(r rune) (glyph, bool) {
		if i, err := outlines.GlyphIndex(&buf, r); err != nil || i == 0 {
			return glyph{}, false
		}
		return outline(drawer, r), true
	}}
}

// outlines returns the parsed font file of a style.
func (p *Painter) outlines(s style) *opentype.Font {
	if f := p.parsed[s]; f != nil {
		return f
	}
	file := goregular.TTF
	if s == bold {
		file = gobold.TTF
	}
	f, err := opentype.Parse(file)
	if err != nil {
		panic("display: " + err.Error()) // it is part of the program
	}
	p.parsed[s] = f
	return f
}

// dotted is a letter of a dot matrix, ascent of its rows over the line, with one dot between it and
// the next.
func dotted(g dotGlyph, w, h, ascent int) glyph {
	out := glyph{at: image.Rect(0, -ascent, w, h-ascent), cover: make([]uint8, w*h), advance: w + 1}
	for y := range h {
		for x := range w {
			if g[y]>>x&1 != 0 {
				out.cover[y*w+x] = 255
			}
		}
	}
	return out
}

// outline draws a letter of a font of package font.
func outline(f font.Face, r rune) glyph {
	at, mask, maskAt, advance, ok := f.Glyph(fixed.Point26_6{}, r)
	out := glyph{advance: advance.Round()}
	if !ok || at.Empty() {
		return out
	}
	out.at, out.cover = at, make([]uint8, at.Dx()*at.Dy())
	for y := range at.Dy() {
		for x := range at.Dx() {
			_, _, _, a := mask.At(maskAt.X+x, maskAt.Y+y).RGBA()
			out.cover[y*at.Dx()+x] = uint8(a >> 8)
		}
	}
	return out
}

// spelled returns a row in letters of the face, its leading and trailing spaces kept.
func (f *face) spelled(row string) string {
	inner := strings.Trim(row, " ")
	if inner == "" {
		return row
	}
	before, after, _ := strings.Cut(row, inner)
	return before + legible(inner, f.has) + after
}
