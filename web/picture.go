package web

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"unicode/utf8"

	"golang.org/x/image/font"
	"golang.org/x/image/font/inconsolata"
	"golang.org/x/image/math/fixed"
)

// Implementation constants of the picture of a character display, in pixels.
const (
	cellWidth  = 8 // of the font
	cellHeight = 18
	baseline   = 14
	margin     = 10
	maxRows    = 64
	maxCols    = 128
)

// Colours of a character display: dark glass without its backlight.
var (
	glass    = color.RGBA{0x1f, 0x3d, 0x2b, 0xff}
	glassLit = color.RGBA{0xb9, 0xd8, 0x5c, 0xff}
	ink      = color.RGBA{0x12, 0x1f, 0x0d, 0xff}
	inkDark  = color.RGBA{0x8f, 0xb0, 0x7a, 0xff}
)

// drawRows is a PNG of what a character display shows.
func drawRows(rows []string, lit bool) ([]byte, error) {
	rows = rows[:min(len(rows), maxRows)]
	cols := 0
	for _, row := range rows {
		cols = max(cols, min(maxCols, utf8.RuneCountInString(row)))
	}
	picture := image.NewRGBA(image.Rect(0, 0, cols*cellWidth+2*margin, len(rows)*cellHeight+2*margin))
	back, front := glass, inkDark
	if lit {
		back, front = glassLit, ink
	}
	draw.Draw(picture, picture.Bounds(), image.NewUniform(back), image.Point{}, draw.Src)
	pen := font.Drawer{Dst: picture, Src: image.NewUniform(front), Face: inconsolata.Bold8x16}
	for y, row := range rows {
		x := 0
		for _, r := range row {
			if x == maxCols {
				break
			}
			pen.Dot = fixed.P(margin+x*cellWidth, margin+y*cellHeight+baseline)
			pen.DrawString(string(r))
			x++
		}
	}
	var b bytes.Buffer
	err := png.Encode(&b, picture)
	return b.Bytes(), err
}
