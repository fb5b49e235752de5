package display

import (
	"image"
	"strconv"
	"strings"

	"dialtone/phone"
)

// A small draws on a screen of two colours, in letters of seven dots and of sixteen pixels.
type small struct {
	*canvas
	dots, mono *face
	page       int
}

// Implementation constants of a small screen, in pixels.
const (
	row7   = 9  // a row of small letters
	row16  = 16 // a row of large ones
	footer = 10
)

// drawSmall draws the three zones of a desk phone on a small screen.
func drawSmall(base *canvas, p panel, page int) {
	c := small{base, base.p.face(dots, 0), base.p.face(mono, 0), max(page, 0)}
	c.fill(c.Rect, dark)
	r := c.Rect
	c.head(top(&r, row7+1), p)
	if p.soft != [4]string{} {
		c.keys(bottom(&r, footer), p.soft)
	}
	r = image.Rect(r.Min.X+1, r.Min.Y+1, r.Max.X-1, r.Max.Y)
	if p.volume >= 0 {
		c.volume(bottom(&r, row7+2), p.volume)
	} else if n := len(p.banners); n > 0 {
		c.banner(bottom(&r, row7+1), p.banners[n-1])
	}
	body(c, r, p)
}

func (c small) icon(r image.Rectangle, i icon, front ink) {
	if i == noIcon {
		return
	}
	g := c.p.icon(i, 7)
	c.stamp(g, r.Min.X, r.Min.Y+(r.Dy()-7)/2, front, 1-front)
}

func (c small) head(r image.Rectangle, p panel) {
	c.fill(bottom(&r, 1), light)
	r.Min.X++
	for i := len(p.icons) - 1; i >= 0; i-- {
		r.Max.X -= c.p.icon(p.icons[i], 7).advance + 1
		c.icon(image.Rect(r.Max.X, r.Min.Y, r.Max.X, r.Max.Y), p.icons[i], light)
		r.Max.X -= 2
	}
	if p.title {
		p.line = p.state
		r.Max.X = c.text(r, c.dots, right, p.clock, light, dark).Min.X - 4
	}
	c.text(r, c.dots, left, p.line, light, dark)
}

// keys are the labels of the soft keys in inverse: each over its key as near as its neighbours allow,
// in capitals of three dots where all of them would not fit otherwise, and at the worst without the word
// "call".
func (c small) keys(r image.Rectangle, labels [4]string) {
	r.Min.Y++
	f := c.dots
	width := func(word string) int {
		if word == "" {
			return 0
		}
		return f.width(word) + 2 // with a dot at each end, and the line to the next
	}
	var words [4]string
	fits := func() bool { // the first needs no dot at the edge of the screen, and the last no line
		sum := -2
		for i, label := range labels {
			words[i] = legible(label, f.has)
			sum += width(words[i])
		}
		return sum <= r.Dx()
	}
	if !fits() {
		f = c.p.face(tiny, 0)
		if !fits() {
			for i := range labels {
				labels[i] = strings.TrimSuffix(labels[i], " call")
			}
		}
		if !fits() { // no phone has these
			for i := range words {
				words[i] = f.fit(words[i], r.Dx()/4-1)
			}
		}
	}
	var x [4]int
	end := r.Min.X - 1
	for i, word := range words {
		x[i] = max(end, r.Min.X+((2*i+1)*r.Dx()/4-width(word))/2)
		end = x[i] + width(word)
	}
	end = r.Max.X + 1
	for i := 3; i >= 0; i-- {
		x[i] = min(x[i], end-width(words[i]))
		end = x[i]
	}
	for i, word := range words {
		if word == "" {
			continue
		}
		box := image.Rect(min(x[i], r.Min.X+i*r.Dx()/4), r.Min.Y, max(x[i]+width(word), r.Min.X+(i+1)*r.Dx()/4), r.Max.Y)
		if i > 0 && words[i-1] != "" {
			box.Min.X = (x[i-1] + width(words[i-1]) + x[i]) / 2
		}
		if i < 3 && words[i+1] != "" {
			box.Max.X = (x[i]+width(word)+x[i+1])/2 - 1
		}
		c.fill(box, light)
		c.line(image.Rect(x[i]+1, r.Min.Y, x[i]+width(word), r.Max.Y), f, left, word, dark, light)
	}
}

// fitting returns the larger letters if a text fits in them, else the small ones.
func (c small) fitting(text string, width int) *face {
	if c.mono.width(legible(text, c.mono.has)) <= width {
		return c.mono
	}
	return c.dots
}

// centred cuts a piece of that height out of the middle.
func centred(r image.Rectangle, h int) image.Rectangle {
	r.Min.Y += max((r.Dy()-h)/2, 0)
	return r
}

// state is the row that says what goes on.
func (c small) state(r image.Rectangle, p panel) {
	if p.clock != "" {
		r.Max.X = c.text(r, c.dots, right, p.clock, light, dark).Min.X - 4
	}
	c.text(r, c.dots, left, p.state, light, dark)
}

func (c small) number(r image.Rectangle, p panel) {
	c.state(top(&r, row7), p)
	if len(p.calls) > 0 && r.Dy() >= row7+row16 {
		c.other(bottom(&r, row7+1), p.calls)
	} else if p.quiet != "" && r.Dy() >= row7+row16 {
		c.text(bottom(&r, row7), c.dots, left, p.quiet, light, dark)
	}
	r = centred(r, row16+3)
	r.Max.Y = r.Min.Y + row16
	f := c.fitting(p.big, r.Dx()-6)
	took := c.line(r, f, left, f.fitEnd(p.big, r.Dx()-6), light, dark)
	c.fill(image.Rect(took.Max.X+2, r.Min.Y+1, took.Max.X+4, r.Max.Y-1), light)
}

func (c small) call(r image.Rectangle, p panel) {
	first := top(&r, row7)
	if len(p.chips) > 0 && len(p.banners) == 0 && p.volume < 0 && p.chips[0].icon == noIcon {
		p.sub = p.chips[0].text // the digits sent take the place of the number
	} else if len(p.chips) > 0 && p.chips[0].mood == bad {
		first = c.muted(first, &p)
	}
	if len(p.chips) > 0 && p.clock == "" {
		p.clock = p.chips[0].text
	}
	c.state(first, p)
	if n := len(p.calls); n > 0 && r.Dy() >= row16+row7 {
		c.other(bottom(&r, row7+1), p.calls)
	}
	h := row16
	if p.sub != "" && r.Dy() >= row16+row7 {
		h += row7
	}
	r = centred(r, h)
	c.text(top(&r, row16), c.fitting(p.big, r.Dx()), left, p.big, light, dark)
	if h > row16 {
		c.text(top(&r, row7), c.dots, left, p.sub, light, dark)
	}
}

// muted says on the row of the state that the microphone is off: in place of the word that all is well,
// else beside it, as a picture if there is no room for both words. It returns what is left of the row.
func (c small) muted(r image.Rectangle, p *panel) image.Rectangle {
	chip := p.chips[0]
	room := r.Dx()
	if p.clock != "" {
		room -= c.dots.width(p.clock) + 4
	}
	both := p.state + ", " + strings.ToLower(chip.text)
	switch {
	case p.mood == good:
		p.state = chip.text
	case c.dots.width(both) <= room:
		p.state = both
	default:
		c.icon(r, chip.icon, light)
		r.Min.X += c.p.icon(chip.icon, 7).advance + 3
	}
	return r
}

// other is the first of the calls that are not in front.
func (c small) other(r image.Rectangle, calls []entry) {
	e := calls[0]
	if n := len(calls); n > 1 {
		e.right = "+" + strconv.Itoa(n-1)
	}
	c.icon(r, e.icon, light)
	r.Min.X += 10
	r.Max.X = c.text(r, c.dots, right, e.right, light, dark).Min.X - 4
	c.text(r, c.dots, left, e.left, light, dark)
}

// banner is one row in inverse. Title and text share it if they can, else they come in turn: the pages
// of the hint first to last.
func (c small) banner(r image.Rectangle, b banner) {
	c.fill(image.Rect(r.Min.X, r.Min.Y+1, r.Max.X, r.Max.Y), light)
	r.Min.Y++
	r = inside(r, 2, 0)
	c.icon(r, b.icon, dark)
	r.Min.X += c.p.icon(b.icon, 7).advance + 3
	words := b.title
	if b.text != "" {
		words += ": " + b.text
	}
	if b.icon == iconWarning {
		pages := append([]string{b.title}, c.dots.wrap(b.text, r.Dx())...)
		words = pages[c.page%len(pages)]
	} else if c.dots.width(words) > r.Dx() && b.text != "" {
		words = b.text // the picture says what it is
	}
	c.text(r, c.dots, left, words, dark, light)
}

func (c small) volume(r image.Rectangle, level int) {
	c.icon(r, iconSpeaker, light)
	r.Min.X += 11
	number := r
	number.Min.X = r.Max.X - 12
	c.text(number, c.dots, right, strconv.Itoa(level), light, dark)
	r.Max.X = number.Min.X - 3
	for i := range phone.MaxVolume {
		x := r.Min.X + i*r.Dx()/phone.MaxVolume
		step := image.Rect(x, r.Min.Y+2, x+r.Dx()/phone.MaxVolume-1, r.Max.Y-2)
		if i >= level {
			step.Min.Y = step.Max.Y - 1
		}
		c.fill(step, light)
	}
}

func (c small) reason(r image.Rectangle, p panel) {
	f := c.fitting(p.reason.Title, c.Rect.Dx())
	rows := c.dots.wrap(p.reason.Hint, r.Dx())
	if len(p.calls) > 0 && r.Dy() >= row16+8+row7 {
		c.other(bottom(&r, row7), p.calls)
	} else if p.peer != "" && r.Dy() >= row16+(len(rows)+1)*row7 {
		c.text(bottom(&r, row7), c.dots, left, p.peer, light, dark)
	}
	title := top(&r, row16)
	if f == c.mono { // its letters have room around them, and sixteen need the whole screen
		title.Min.X, title.Max.X = c.Rect.Min.X, c.Rect.Max.X
	}
	c.text(title, f, left, p.reason.Title, light, dark)
	size := max(r.Dy()/8, 1) // what is left of the hint comes two seconds later
	pages := max((len(rows)+size-1)/size, 1)
	first := c.page % pages * size
	for _, row := range rows[min(first, len(rows)):min(first+size, len(rows))] {
		c.line(top(&r, 8), c.dots, left, row, light, dark)
	}
}

func (c small) lines(r image.Rectangle, lines []entry) {
	fits := func(e entry) bool { // on one row
		return c.dots.width(legible(e.left, c.dots.has))+c.dots.width(legible(e.right, c.dots.has))+14 <= r.Dx()
	}
	n := len(lines)
	tall := n // with the reasons that need a row of their own
	for _, e := range lines {
		if e.why && !fits(e) {
			tall++
		}
	}
	switch {
	case n == 1:
		c.oneLine(r, lines[0])
	case n*row7 <= r.Dy():
		below := tall*row7 <= r.Dy()
		if !below {
			tall = n
		}
		r = centred(r, tall*row7)
		for _, e := range lines {
			row := top(&r, row7)
			c.icon(row, e.icon, light)
			row.Min.X += 10
			reason := ""
			switch {
			case fits(e):
			case !e.why:
				e.right = "" // the picture says it
			case below:
				reason, e.right = e.right, ""
			default: // the reason matters more than the name
				e.left, e.right = strconv.Itoa(e.line)+" "+e.right, ""
			}
			row.Max.X = c.text(row, c.dots, right, e.right, light, dark).Min.X - 4
			c.text(row, c.dots, left, e.left, light, dark)
			if reason != "" {
				row = top(&r, row7)
				row.Min.X += 10 + c.dots.width("1 ")
				c.text(row, c.dots, left, reason, light, dark)
			}
		}
	default: // two columns, the pictures say how they are
		tall := (n + 1) / 2
		h := min(r.Dy()/tall, row7+1)
		for i, e := range lines {
			x, y := r.Min.X+i/tall*(r.Dx()/2+1), r.Min.Y+i%tall*h
			cell := image.Rect(x, y, x+r.Dx()/2-1, y+h)
			c.icon(cell, e.icon, light)
			cell.Min.X += 10
			c.text(cell, c.dots, left, e.left, light, dark)
		}
	}
}

func (c small) oneLine(r image.Rectangle, e entry) {
	rows := c.dots.wrap(e.hint, r.Dx())
	if row16+row7+len(rows)*8 > r.Dy() {
		rows = nil // half a hint is none
	}
	r = centred(r, row16+row7+len(rows)*8)
	c.text(top(&r, row16), c.fitting(e.left, r.Dx()), centre, e.left, light, dark)
	row := top(&r, row7)
	word := c.dots.fit(e.right, r.Dx()-10)
	row.Min.X += (r.Dx() - 10 - c.dots.width(word)) / 2
	c.icon(row, e.icon, light)
	row.Min.X += 10
	c.line(row, c.dots, left, word, light, dark)
	for _, hint := range rows {
		c.line(top(&r, 8), c.dots, centre, hint, light, dark)
	}
}

func (c small) list(r image.Rectangle, p panel) {
	if len(p.list) == 0 {
		c.text(r, c.dots, centre, p.empty, light, dark)
		return
	}
	size := max(r.Dy()/row7, 1)
	first := window(p.at, len(p.list), size)
	for i, e := range p.list[first:min(first+size, len(p.list))] {
		row := top(&r, row7)
		front, back := light, dark
		if first+i == p.at {
			front, back = dark, light
			c.fill(row, back)
		}
		row = inside(row, 2, 0)
		row.Max.X = c.text(row, c.dots, right, e.right, front, back).Min.X - 4
		c.text(row, c.dots, left, e.left, front, back)
	}
}
