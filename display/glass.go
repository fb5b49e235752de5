package display

import (
	"image"
	"image/color"
	"unicode/utf8"
)

// Implementation constants of the picture of a character LCD.
const (
	glassDot = 3 // pixels of a dot's side
	glassGap = 1 // between two dots; a letter has one dot's room more between it and the next
	// A screen of more letters than any LCD has is cut.
	glassRows, glassCols = 8, 40
	glassLight           = 16 // steps from the lit middle to the edges
)

// Glass returns a character LCD as it looks: every letter in a cell of five dots by eight, in the shapes
// of an HD44780, dark on yellow-green glass if the backlight is on. Rows are as Text returns them; letters
// no LCD has are spelled. An LCD of 4×20 is 515 pixels by 179.
func Glass(rows []string, lit bool) image.Image { return glass(rows, lit, glassDot, glassGap) }

func glass(rows []string, lit bool, dot, gap int) *image.Paletted {
	rows = rows[:min(len(rows), glassRows)]
	cols := 1
	for _, row := range rows {
		cols = max(cols, min(utf8.RuneCountInString(row), glassCols))
	}
	pitch := dot + gap
	frame, margin := 2*pitch, 3*pitch // the dark rim, and glass without letters inside it
	width := cols*6*pitch - pitch - gap + 2*(frame+margin)
	height := max(len(rows), 1)*9*pitch - pitch - gap + 2*(frame+margin)
	img := image.NewPaletted(image.Rect(0, 0, width, height), glassColours(lit))
	// Glass brightest in the middle, as the lamps behind it are.
	for y := range height {
		step := 0
		if edge := min(y, height-1-y); edge >= frame {
			step = 1 + min((edge-frame)*2*glassLight/max(height-2*frame, 1), glassLight-1)
		}
		for x := range width {
			at := step
			if x < frame || x >= width-frame {
				at = 0
			}
			img.Pix[y*img.Stride+x] = uint8(at)
		}
	}
	table := dotTable(dotLetters, 5, 7)
	for row, words := range rows {
		col := 0
		for _, letter := range words {
			if col == cols {
				break
			}
			g := table[letter]
			if spelled := []rune(readable(string(letter))); len(spelled) > 0 && !lcdHas(letter) {
				g = table[spelled[0]]
			}
			for y := range 8 {
				for x := range 5 {
					on := y < 7 && g[y]>>x&1 != 0
					stain(img, frame+margin+(col*6+x)*pitch, frame+margin+(row*9+y)*pitch, dot, on)
				}
			}
			col++
		}
	}
	return img
}

// stain darkens the glass where a dot is: much if it is on, and a little even if it is off.
func stain(img *image.Paletted, x, y, dot int, on bool) {
	for dy := range dot {
		row := img.Pix[(y+dy)*img.Stride+x:]
		for dx := range dot {
			if on {
				row[dx] = 1 + 2*glassLight
			} else if row[dx] <= glassLight {
				row[dx] += glassLight
			}
		}
	}
}

// glassColours are the rim, the steps of the glass from the edge to the middle, the same under a dot
// that is off, and a dot that is on.
func glassColours(lit bool) color.Palette {
	rim, edge, middle, ink := color.RGBA{0x20, 0x24, 0x22, 255}, color.RGBA{0x93, 0xb5, 0x2b, 255}, color.RGBA{0xb8, 0xd6, 0x46, 255}, color.RGBA{0x18, 0x26, 0x0c, 255}
	if !lit {
		edge, middle, ink = color.RGBA{0x53, 0x60, 0x3c, 255}, color.RGBA{0x5e, 0x6c, 0x45, 255}, color.RGBA{0x1c, 0x24, 0x14, 255}
	}
	colours := color.Palette{rim}
	for _, shade := range []int{100, 94} { // percent of the light
		for i := range glassLight {
			part := func(from, to uint8) uint8 {
				return uint8((int(from)*(glassLight-1-i) + int(to)*i) / (glassLight - 1) * shade / 100)
			}
			colours = append(colours, color.RGBA{part(edge.R, middle.R), part(edge.G, middle.G), part(edge.B, middle.B), 255})
		}
	}
	return append(colours, ink)
}
