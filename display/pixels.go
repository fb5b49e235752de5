package display

import (
	"image"
	"image/color"

	"dialtone/phone"
)

// Pixels returns the screen as a picture with its own palette: two colours up to 219 pixels wide or 149
// high (light on dark, as an OLED shows it), and colours with shaded letters above. Sizes from 96×32 to
// 480×320 can be read; any other one is drawn as far as it goes. It makes a Painter for one picture: whoever
// draws many keeps one.
func Pixels(v phone.View, width, height int) image.Image {
	return NewPainter().Pixels(v, width, height)
}

// Implementation constants: which layout a screen gets, in pixels.
const (
	largeWidth, largeHeight = 220, 150
	smallWidth, smallHeight = 112, 56
	maxSide                 = 4096
)

// Pixels is as the function; the picture is never changed later.
func (p *Painter) Pixels(v phone.View, width, height int) *image.Paletted {
	width, height = min(max(width, 1), maxSide), min(max(height, 1), maxSide)
	switch {
	case width >= largeWidth && height >= largeHeight:
		c := p.canvas(width, height, colours)
		drawLarge(c, content(v))
		return c.Paletted
	case width >= smallWidth && height >= smallHeight:
		c := p.canvas(width, height, oled)
		drawSmall(c, content(v), v.Page)
		return c.Paletted
	}
	// As a character LCD in small dots.
	f := p.face(dots, 0)
	rows := Text(v, max(height/f.height, 1), max(width/(f.width("0")), 1))
	return p.Rows(rows, width, height)
}

// Rows draws rows of characters over the whole picture, each as wide as the widest, in the largest
// letters that fit.
func (p *Painter) Rows(rows []string, width, height int) *image.Paletted {
	width, height = min(max(width, 1), maxSide), min(max(height, 1), maxSide)
	palette, front, back := oled, light, dark
	f := p.face(dots, 0)
	if width >= largeWidth && height >= largeHeight {
		palette, front, back = colours, text, paper
		f = p.face(mono, 0)
	}
	c := p.canvas(width, height, palette)
	c.fill(c.Rect, back)
	cols := 0
	for _, row := range rows {
		cols = max(cols, len([]rune(row)))
	}
	if m := p.face(mono, 0); len(rows)*m.height <= height && cols*m.width("0") <= width {
		f = m
	}
	x := max((width-cols*f.width("0"))/2, 0)
	y := max((height-len(rows)*f.height)/2, 0)
	for i, row := range rows {
		at := image.Rect(x, y+i*f.height, width, y+(i+1)*f.height)
		c.line(at, f, left, f.spelled(row), front, back)
	}
	return c.Paletted
}

// The colours of an OLED.
const (
	dark ink = iota
	light
)

var oled = color.Palette{color.RGBA{0, 0, 0, 255}, color.RGBA{255, 255, 255, 255}}

// The colours of a large screen.
const (
	paper ink = iota
	card
	text
	faint
	rule
	bar
	barText
	barFaint
	key
	green
	amber
	red
	blue
	greenSoft
	amberSoft
	redSoft
	blueSoft
)

var colours = color.Palette{
	paper:     color.RGBA{0xf3, 0xf5, 0xf8, 255},
	card:      color.RGBA{0xff, 0xff, 0xff, 255},
	text:      color.RGBA{0x16, 0x20, 0x2c, 255},
	faint:     color.RGBA{0x5b, 0x68, 0x77, 255},
	rule:      color.RGBA{0xd9, 0xdf, 0xe7, 255},
	bar:       color.RGBA{0x14, 0x24, 0x38, 255},
	barText:   color.RGBA{0xff, 0xff, 0xff, 255},
	barFaint:  color.RGBA{0xa9, 0xb8, 0xca, 255},
	key:       color.RGBA{0x2d, 0x43, 0x5e, 255},
	green:     color.RGBA{0x17, 0x86, 0x4b, 255},
	amber:     color.RGBA{0xa8, 0x64, 0x00, 255},
	red:       color.RGBA{0xc6, 0x28, 0x28, 255},
	blue:      color.RGBA{0x16, 0x5d, 0xb8, 255},
	greenSoft: color.RGBA{0xdf, 0xf3, 0xe7, 255},
	amberSoft: color.RGBA{0xfd, 0xef, 0xd2, 255},
	redSoft:   color.RGBA{0xfb, 0xe2, 0xe0, 255},
	blueSoft:  color.RGBA{0xdf, 0xeb, 0xfa, 255},
}

// strong and soft are the colours of a mood on a large screen.
func (m mood) strong() ink { return []ink{faint, green, blue, amber, red}[m] }
func (m mood) soft() ink   { return []ink{rule, greenSoft, blueSoft, amberSoft, redSoft}[m] }
