package display

import (
	"image"
	"image/color"

	"golang.org/x/image/font/opentype"
)

// A Painter draws pictures of the phone and keeps the letters it has drawn, which makes the next
// picture quick. One goroutine may use it at a time. The zero value is not ready: see NewPainter.
type Painter struct {
	faces  map[faceKey]*face
	parsed map[style]*opentype.Font
	icons  map[iconKey]*glyph
	// wrote is told of every text on the picture, for tests.
	wrote func(text string, at image.Rectangle)
}

// NewPainter returns a painter that knows no letter yet.
func NewPainter() *Painter {
	return &Painter{faces: make(map[faceKey]*face), parsed: make(map[style]*opentype.Font), icons: make(map[iconKey]*glyph)}
}

// An ink is a colour of the palette, by its index.
type ink uint8

// shades is into how many steps the edge of a letter fades; their colours are made when they are needed.
const shades = 7

// A canvas is a picture being drawn.
type canvas struct {
	*image.Paletted
	p     *Painter
	fades map[[2]ink]ink // the first of the colours between two
}

func (p *Painter) canvas(width, height int, colours color.Palette) *canvas {
	// The palette has room for the colours of fading edges: appending must not move it under a reader.
	palette := append(make(color.Palette, 0, 256), colours...)
	return &canvas{image.NewPaletted(image.Rect(0, 0, width, height), palette), p, make(map[[2]ink]ink)}
}

// mix returns a colour between two, by how much of the pixel is covered.
func (c *canvas) mix(front, back ink, cover uint8) ink {
	step := (int(cover)*shades + 127) / 255
	if len(c.Palette) == 2 { // there are no shades
		step = int(cover) / 128 * shades
	}
	switch step {
	case 0:
		return back
	case shades:
		return front
	}
	first, ok := c.fades[[2]ink{front, back}]
	if !ok {
		if len(c.Palette)+shades-1 > cap(c.Palette) {
			return []ink{back, front}[min(step*2/shades, 1)]
		}
		first = ink(len(c.Palette))
		f, b := c.Palette[front].(color.RGBA), c.Palette[back].(color.RGBA)
		part := func(f, b uint8, i int) uint8 { return uint8((int(f)*i + int(b)*(shades-i)) / shades) }
		for i := 1; i < shades; i++ {
			c.Palette = append(c.Palette, color.RGBA{part(f.R, b.R, i), part(f.G, b.G, i), part(f.B, b.B, i), 255})
		}
		c.fades[[2]ink{front, back}] = first
	}
	return first + ink(step-1)
}

// fill paints a rectangle.
func (c *canvas) fill(r image.Rectangle, colour ink) {
	r = r.Intersect(c.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := c.Pix[c.PixOffset(r.Min.X, y):c.PixOffset(r.Max.X, y)]
		for i := range row {
			row[i] = uint8(colour)
		}
	}
}

// stamp paints what a glyph covers, its pen at x, y.
func (c *canvas) stamp(g *glyph, x, y int, front, back ink) {
	w := g.at.Dx()
	for gy := range g.at.Dy() {
		for gx := range w {
			cover := g.cover[gy*w+gx]
			at := image.Pt(x+g.at.Min.X+gx, y+g.at.Min.Y+gy)
			if cover == 0 || !at.In(c.Rect) {
				continue
			}
			c.Pix[c.PixOffset(at.X, at.Y)] = uint8(c.mix(front, back, cover))
		}
	}
}

// A place is where in a rectangle a text stands; it is centred from top to bottom.
type place uint8

const (
	left place = iota
	centre
	right
)

// text writes one row in the rectangle and returns what it takes of it. What does not fit ends with an
// ellipsis.
func (c *canvas) text(r image.Rectangle, f *face, at place, text string, front, back ink) image.Rectangle {
	return c.line(r, f, at, f.fit(text, r.Dx()), front, back)
}

// line writes a text that fits.
func (c *canvas) line(r image.Rectangle, f *face, at place, text string, front, back ink) image.Rectangle {
	w := f.width(text)
	x := r.Min.X
	switch at {
	case centre:
		x += (r.Dx() - w) / 2
	case right:
		x = r.Max.X - w
	}
	y := r.Min.Y + (r.Dy()+f.ascent)/2
	took := image.Rect(x, y-f.ascent, x+w, y)
	if text == "" {
		return took
	}
	for _, letter := range text {
		g := f.glyph(letter)
		if g == nil {
			continue
		}
		c.stamp(g, x, y, front, back)
		x += g.advance
	}
	if c.p.wrote != nil {
		c.p.wrote(text, took)
	}
	return took
}

// round paints a rectangle with round corners.
func (c *canvas) round(r image.Rectangle, radius int, front, back ink) {
	radius = max(min(radius, r.Dx()/2, r.Dy()/2), 0)
	c.fill(image.Rect(r.Min.X, r.Min.Y+radius, r.Max.X, r.Max.Y-radius), front)
	for y := range radius {
		for x := range radius {
			at := c.mix(front, back, quarter(x, y, radius))
			for _, p := range []image.Point{
				{r.Min.X + radius - 1 - x, r.Min.Y + radius - 1 - y}, {r.Max.X - radius + x, r.Min.Y + radius - 1 - y},
				{r.Min.X + radius - 1 - x, r.Max.Y - radius + y}, {r.Max.X - radius + x, r.Max.Y - radius + y},
			} {
				if p.In(c.Rect) {
					c.Pix[c.PixOffset(p.X, p.Y)] = uint8(at)
				}
			}
		}
		c.fill(image.Rect(r.Min.X+radius, r.Min.Y+y, r.Max.X-radius, r.Min.Y+y+1), front)
		c.fill(image.Rect(r.Min.X+radius, r.Max.Y-1-y, r.Max.X-radius, r.Max.Y-y), front)
	}
}

// quarter is how much of pixel x, y a quarter of a disc around the origin covers.
func quarter(x, y, radius int) uint8 {
	const fine = 4
	n := 0
	for sy := range fine {
		for sx := range fine {
			// In units of half a sample, from the centre of the disc to the centre of the sample.
			dx, dy := (x*fine+sx)*2+1, (y*fine+sy)*2+1
			if dx*dx+dy*dy <= 4*fine*fine*radius*radius {
				n++
			}
		}
	}
	return uint8(n * 255 / (fine * fine))
}
