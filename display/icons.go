package display

import (
	"image"
	"image/draw"
	"strconv"
	"strings"

	"golang.org/x/image/vector"
)

// An icon is a small picture with a meaning.
type icon uint8

const (
	noIcon icon = iota
	iconHandset
	iconSpeaker
	iconHeadset
	iconMuted
	iconBell
	iconHold
	iconMissed
	iconNetwork // there is none
	iconDND
	iconFailed
	iconPerson
	iconOut // a call from us
	iconIn  // a call to us
	iconDot // a line that is ready
	iconRing
	iconWarning
	iconLock // encrypted, as were the keys
)

// outlinesOf draws the icons on a field of 24 by 24: M moves, L is a line, Q a curve with one control
// point, Z closes. O x y r is a disc, B x y w h a bar; in lower case they are holes.
var outlinesOf = [...]string{
	iconHandset: "M1 12 Q1 5 12 5 Q23 5 23 12 L23 17.5 L16 17.5 L16 12.4 Q12 10.6 8 12.4 L8 17.5 L1 17.5 Z",
	iconSpeaker: "M3 9 L7 9 L13 4 L13 20 L7 15 L3 15 Z M15 8.5 Q17.5 12 15 15.5 L16.6 16.8 Q20.4 12 16.6 7.2 Z " +
		"M18.4 5.6 Q23 12 18.4 18.4 L19.9 19.7 Q25.6 12 19.9 4.3 Z",
	iconHeadset: "M3 14 Q3 3 12 3 Q21 3 21 14 L18.8 14 Q18.8 5.4 12 5.4 Q5.2 5.4 5.2 14 Z B2.5 13 5 8 B16.5 13 5 8",
	iconMuted: "M9 5 Q9 2 12 2 Q15 2 15 5 L15 11 Q15 14 12 14 Q9 14 9 11 Z " +
		"M5.5 11 L7.5 11 Q7.5 16 12 16 Q16.5 16 16.5 11 L18.5 11 Q18.5 17 13 18 L13 22 L11 22 L11 18 Q5.5 17 5.5 11 Z " +
		"M2.5 4 L4.4 2.2 L21.5 20 L19.6 21.8 Z",
	iconBell:   "M12 2 Q17.6 3 17.6 10 L17.6 14 L20 17.6 L4 17.6 L6.4 14 L6.4 10 Q6.4 3 12 2 Z M9.5 19 L14.5 19 Q14.5 22 12 22 Q9.5 22 9.5 19 Z",
	iconHold:   "B5 4 5 16 B14 4 5 16",
	iconMissed: "M2 2 L9 2 L9 4.4 L6 4.4 L12 9.6 L19.4 3 L21 4.8 L12 12.8 L4.4 6 L4.4 9 L2 9 Z M2 18.5 Q12 11.5 22 18.5 L22 22 L16.5 22 L16.5 19.2 Q12 17.8 7.5 19.2 L7.5 22 L2 22 Z",
	iconNetwork: "B9 2 6 5 B2 16 6 5 B16 16 6 5 B11.2 6.5 1.6 6 B4.2 11 15.6 1.6 B4.2 11 1.6 5.5 B18.2 11 1.6 5.5 " +
		"M3 4 L4.6 2.4 L21.5 19.4 L19.9 21 Z",
	iconDND:     "O12 12 10 b6 10.2 12 3.6",
	iconFailed:  "O12 12 11 m8.2 6.4 L12 10.2 L15.8 6.4 L17.6 8.2 L13.8 12 L17.6 15.8 L15.8 17.6 L12 13.8 L8.2 17.6 L6.4 15.8 L10.2 12 L6.4 8.2 Z",
	iconPerson:  "O12 8 4.6 M3 22 Q3 14 12 14 Q21 14 21 22 Z",
	iconOut:     "M8 4 L20 4 L20 16 L17 16 L17 9.2 L6.2 20 L4 17.8 L14.8 7 L8 7 Z",
	iconIn:      "M16 20 L4 20 L4 8 L7 8 L7 14.8 L17.8 4 L20 6.2 L9.2 17 L16 17 Z",
	iconDot:     "O12 12 7",
	iconRing:    "O12 12 7 o12 12 4",
	iconWarning: "M12 2 L23 21 L1 21 Z b11 8.5 2 6.5 b11 16.5 2 2",
	iconLock: "B4 10.5 16 11.5 M6.2 10.5 L6.2 8 Q6.2 2 12 2 Q17.8 2 17.8 8 L17.8 10.5 L15.2 10.5 L15.2 8 Q15.2 4.6 12 4.6 Q8.8 4.6 8.8 8 L8.8 10.5 Z " +
		"o12 15 1.8 b11.2 15 1.6 4",
}

// bitmapsOf are the icons for screens without shades, seven pixels high.
var bitmapsOf = [...]string{
	iconHandset: ".......|.#####.|#######|##...##|##...##|.......|.......",
	iconSpeaker: "...#..#|..##...|####.#.|####..#|####.#.|..##...|...#..#",
	iconHeadset: ".#####.|#.....#|#.....#|##...##|##...##|##...##|.......",
	iconMuted:   ".##......|.##.#...#|.##..#.#.|#..#..#..|.##..#.#.|.##.#...#|####.....",
	iconBell:    "...#...|..###..|.#####.|.#####.|.#####.|#######|...#...",
	iconHold:    "##..##|##..##|##..##|##..##|##..##|##..##|##..##",
	iconMissed:  "###.....#|##.....#.|#.#...#..|...#.#...|....#....|.#######.|##.....##",
	iconNetwork: "#..#..#|.#.#.#.|..###..|.......|.#####.|.#...#.|##...##",
	iconDND:     "..###..|.#####.|#######|#.....#|#######|.#####.|..###..",
	iconFailed:  "##...##|###.###|.#####.|..###..|.#####.|###.###|##...##",
	iconPerson:  "..###..|..###..|..###..|.......|.#####.|#######|#######",
	iconOut:     "..#####|.....##|....#.#|...#..#|..#...#|.#.....|#......",
	iconIn:      "......#|.....#.|#...#..|#..#...|#.#....|##.....|#####..",
	iconDot:     ".......|..###..|.#####.|.#####.|.#####.|..###..|.......",
	iconRing:    ".......|..###..|.#...#.|.#...#.|.#...#.|..###..|.......",
	iconWarning: "...#...|..#.#..|..#.#..|.#.#.#.|.#...#.|#..#..#|#######",
	iconLock:    "..###..|.#...#.|.#...#.|#######|###.###|###.###|#######",
}

type iconKey struct {
	icon icon
	size int
}

// icon returns a picture size by size, its pen in the upper left corner; sizes under ten are bitmaps.
func (p *Painter) icon(i icon, size int) *glyph {
	key := iconKey{i, size}
	if g := p.icons[key]; g != nil {
		return g
	}
	var g glyph
	if size < 10 {
		g = bitmap(bitmapsOf[i])
	} else {
		g = drawIcon(outlinesOf[i], size)
	}
	p.icons[key] = &g
	return &g
}

func bitmap(text string) glyph {
	rows := strings.Split(text, "|")
	g := glyph{at: image.Rect(0, 0, len(rows[0]), len(rows)), advance: len(rows[0])}
	for _, row := range rows {
		for _, dot := range row {
			g.cover = append(g.cover, map[rune]uint8{'#': 255}[dot])
		}
	}
	return g
}

// drawIcon fills the outlines of an icon, then takes out its holes.
func drawIcon(outlines string, size int) glyph {
	g := glyph{at: image.Rect(0, 0, size, size), advance: size}
	whole := fillPaths(outlines, size, false)
	holes := fillPaths(outlines, size, true)
	for i, cover := range whole.Pix {
		g.cover = append(g.cover, uint8(int(cover)*(255-int(holes.Pix[i]))/255))
	}
	return g
}

// fillPaths fills the paths of one kind, each on its own: where they overlap, the more counts.
func fillPaths(outlines string, size int, holes bool) *image.Alpha {
	all := image.NewAlpha(image.Rect(0, 0, size, size))
	scale := float32(size) / 24
	words := strings.Fields(outlines)
	var path *vector.Rasterizer
	number := func(i int) float32 {
		if i >= len(words) {
			return 0
		}
		f, _ := strconv.ParseFloat(strings.TrimLeft(words[i], "MmLQZObBo"), 32)
		return float32(f) * scale
	}
	done := func() {
		path.ClosePath()
		one := image.NewAlpha(all.Rect)
		path.Draw(one, one.Rect, image.Opaque, image.Point{})
		draw.Draw(all, all.Rect, one, image.Point{}, draw.Over)
	}
	for i := range words {
		command := words[i][0]
		if strings.IndexByte("MmOoBb", command) >= 0 {
			path = nil
			if hole := command >= 'a'; hole == holes {
				path = vector.NewRasterizer(size, size)
			}
		}
		if path == nil {
			continue
		}
		x, y := number(i), number(i+1)
		switch command {
		case 'M', 'm':
			path.MoveTo(x, y)
		case 'L':
			path.LineTo(x, y)
		case 'Q':
			path.QuadTo(x, y, number(i+2), number(i+3))
		case 'Z':
			done()
		case 'B', 'b':
			w, h := number(i+2), number(i+3)
			path.MoveTo(x, y)
			path.LineTo(x+w, y)
			path.LineTo(x+w, y+h)
			path.LineTo(x, y+h)
			done()
		case 'O', 'o':
			// Four cubic curves; 0.5523 is where their control points make a circle.
			r := number(i + 2)
			k := r * 0.5523
			path.MoveTo(x+r, y)
			path.CubeTo(x+r, y+k, x+k, y+r, x, y+r)
			path.CubeTo(x-k, y+r, x-r, y+k, x-r, y)
			path.CubeTo(x-r, y-k, x-k, y-r, x, y-r)
			path.CubeTo(x+k, y-r, x+r, y-k, x+r, y)
			done()
		}
	}
	return all
}
