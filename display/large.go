package display

import (
	"image"
	"strconv"
	"strings"

	"dialtone/phone"
)

// A large draws on a screen of colours; its measures are those of 320×240, scaled.
type large struct {
	*canvas
	scale float64
}

// px scales a measure.
func (c large) px(n int) int { return max(int(float64(n)*c.scale+0.5), 1) }

func (c large) font(s style, size int) *face { return c.p.face(s, c.px(size)) }

// at returns the rectangle inside r that is in from its edges.
func inside(r image.Rectangle, x, y int) image.Rectangle {
	return image.Rect(r.Min.X+x, r.Min.Y+y, r.Max.X-x, r.Max.Y-y)
}

// top and bottom cut a piece off a rectangle.
func top(r *image.Rectangle, h int) image.Rectangle {
	piece := *r
	piece.Max.Y = min(r.Min.Y+h, r.Max.Y)
	r.Min.Y = piece.Max.Y
	return piece
}

func bottom(r *image.Rectangle, h int) image.Rectangle {
	piece := *r
	piece.Min.Y = max(r.Max.Y-h, r.Min.Y)
	r.Max.Y = piece.Min.Y
	return piece
}

// drawLarge draws the three zones of a desk phone: the head, the middle, the labels of the soft keys.
func drawLarge(base *canvas, p panel) {
	c := large{base, min(float64(base.Rect.Dx())/320, float64(base.Rect.Dy())/240)}
	c.fill(c.Rect, paper)
	r := c.Rect
	c.head(top(&r, c.px(28)), p)
	if p.soft != [4]string{} {
		c.keys(bottom(&r, c.px(36)), p.soft)
	}
	if p.volume >= 0 {
		c.volume(bottom(&r, c.px(46)), p.volume)
	}
	for _, b := range p.banners {
		if r.Dy() > c.px(120) {
			c.banner(bottom(&r, c.px(46)), b)
		}
	}
	body(c, r, p)
}

func (c large) head(r image.Rectangle, p panel) {
	c.fill(r, bar)
	r = inside(r, c.px(10), 0)
	size := c.px(18)
	for i := len(p.icons) - 1; i >= 0; i-- {
		front := barText
		if p.icons[i] == iconMissed || p.icons[i] == iconMuted || p.icons[i] == iconDND || p.icons[i] == iconNetwork {
			front = redSoft
		}
		r.Max.X -= size
		c.icon(image.Rect(r.Max.X, r.Min.Y, r.Max.X+size, r.Max.Y), p.icons[i], 18, front, bar)
		r.Max.X -= c.px(8)
	}
	c.text(r, c.font(bold, 15), left, p.line, barText, bar)
}

// icon draws an icon in the middle of a rectangle; size is that on 320×240.
func (c large) icon(r image.Rectangle, i icon, size int, front, back ink) {
	if i == noIcon {
		return
	}
	g := c.p.icon(i, max(c.px(size), 10))
	c.stamp(g, r.Min.X+(r.Dx()-g.at.Dx())/2, r.Min.Y+(r.Dy()-g.at.Dy())/2, front, back)
}

func (c large) keys(r image.Rectangle, labels [4]string) {
	c.fill(r, bar)
	gap, w := c.px(5), r.Dx()/4
	for i, label := range labels {
		if label == "" {
			continue
		}
		cell := image.Rect(r.Min.X+i*w, r.Min.Y, r.Min.X+(i+1)*w, r.Max.Y)
		cell = image.Rect(cell.Min.X+gap/2+1, cell.Min.Y+gap, cell.Max.X-gap/2-1, cell.Max.Y-gap)
		c.round(cell, c.px(5), key, bar)
		c.text(inside(cell, 2, 0), c.font(bold, 14), centre, label, barText, key)
	}
}

// strip is the row under the head that says what goes on.
func (c large) strip(r image.Rectangle, p panel) {
	back := p.mood.strong()
	c.fill(r, back)
	r = inside(r, c.px(10), 0)
	if p.stateIcon != noIcon {
		c.icon(image.Rect(r.Min.X, r.Min.Y, r.Min.X+c.px(18), r.Max.Y), p.stateIcon, 17, barText, back)
		r.Min.X += c.px(26)
	}
	f := c.font(bold, 16)
	if p.clock != "" {
		r.Max.X = c.text(r, f, right, p.clock, barText, back).Min.X - c.px(10)
	}
	c.text(r, f, left, p.state, barText, back)
}

// fitting returns the largest of the sizes a text fits in, the last if none.
func (c large) fitting(s style, text string, width int, sizes ...int) *face {
	var f *face
	for _, size := range sizes {
		f = c.font(s, size)
		if f.width(legible(text, f.has)) <= width {
			break
		}
	}
	return f
}

func (c large) number(r image.Rectangle, p panel) {
	c.strip(top(&r, c.px(28)), p)
	if n := len(p.calls); n > 0 && r.Dy() >= c.px(80+28) {
		c.others(bottom(&r, c.px(32)), p.calls[:1], 1)
	}
	r = inside(r, c.px(14), c.px(10))
	if p.quiet != "" {
		c.text(bottom(&r, c.px(22)), c.font(regular, 15), centre, p.quiet, faint, paper)
	}
	box := image.Rect(r.Min.X, r.Min.Y+(r.Dy()-c.px(64))/2, r.Max.X, r.Min.Y+(r.Dy()+c.px(64))/2)
	c.round(box, c.px(8), rule, paper)
	c.round(inside(box, 1, 1), c.px(7), card, rule)
	box = inside(box, c.px(12), 0)
	caret := c.px(3)
	f := c.fitting(bold, p.big, box.Dx()-3*caret, 36, 30, 26, 22, 19)
	took := c.line(box, f, left, f.fitEnd(p.big, box.Dx()-3*caret), text, card)
	x := took.Max.X + caret
	c.fill(image.Rect(x, box.Min.Y+c.px(14), x+caret, box.Max.Y-c.px(14)), blue)
}

func (c large) call(r image.Rectangle, p panel) {
	head := top(&r, c.px(28))
	room := r.Dy() - min(len(p.calls), 2)*c.px(28)
	chips := len(p.chips) > 0 && room >= c.px(28+72)
	if len(p.chips) > 0 && !chips { // no room but in words
		p.state += ", " + strings.ToLower(p.chips[0].text)
	}
	c.strip(head, p)
	if n := len(p.calls); n > 0 {
		c.others(bottom(&r, min(n, 2)*c.px(28)+c.px(4)), p.calls, 2)
	}
	r = inside(r, c.px(14), c.px(4))
	if chips {
		c.chips(bottom(&r, c.px(28)), p.chips)
	}
	face := min(c.px(64), r.Dy()-c.px(6))
	if face >= c.px(30) {
		disc := image.Rect(r.Min.X, r.Min.Y+(r.Dy()-face)/2, r.Min.X+face, r.Min.Y+(r.Dy()+face)/2)
		c.round(disc, face/2, p.mood.soft(), paper)
		c.icon(disc, iconPerson, int(float64(face)/c.scale)*6/10, p.mood.strong(), p.mood.soft())
		r.Min.X = disc.Max.X + c.px(14)
	}
	big := c.fitting(bold, p.big, r.Dx(), 28, 24, 21, 18)
	rows := []string{big.fit(p.big, r.Dx())}
	if whole := legible(p.big, big.has); rows[0] != whole && r.Dy() >= c.px(78) {
		// Two rows: the words that fit, and the rest.
		first := big.wrap(p.big, r.Dx())[0]
		if rest, ok := strings.CutPrefix(whole, first); ok {
			rows = []string{first, big.fit(strings.TrimSpace(rest), r.Dx())}
		}
	}
	h := len(rows) * c.px(28)
	if r.Dy() < h+c.px(18) {
		p.sub = "" // the name says more
	}
	if p.sub != "" {
		h += c.px(22)
	}
	r.Min.Y += max((r.Dy()-h)/2, 0)
	for _, row := range rows {
		c.line(top(&r, c.px(28)), big, left, row, text, paper)
	}
	if p.sub != "" {
		c.text(top(&r, c.px(22)), c.font(regular, 18), left, p.sub, faint, paper)
	}
}

// others are the calls that are not in front, at most so many, and how many more there are.
func (c large) others(r image.Rectangle, calls []entry, most int) {
	c.fill(top(&r, 1), rule)
	shown := calls[:min(len(calls), most)]
	h := c.px(28)
	for i, e := range shown {
		row := top(&r, h)
		c.fill(row, e.mood.soft())
		c.fill(image.Rect(row.Min.X, row.Max.Y-1, row.Max.X, row.Max.Y), paper)
		row = inside(row, c.px(10), 0)
		c.icon(image.Rect(row.Min.X, row.Min.Y, row.Min.X+c.px(18), row.Max.Y), e.icon, 15, e.mood.strong(), e.mood.soft())
		row.Min.X += c.px(26)
		end := e.right
		if more := len(calls) - len(shown); more > 0 && i == len(shown)-1 {
			end += "  +" + strconv.Itoa(more)
		}
		row.Max.X = c.text(row, c.font(regular, 15), right, end, e.mood.strong(), e.mood.soft()).Min.X - c.px(8)
		c.text(row, c.font(bold, 15), left, e.left, text, e.mood.soft())
	}
}

func (c large) chips(r image.Rectangle, chips []chip) {
	r = inside(r, 0, c.px(2))
	f := c.font(bold, 14)
	for _, chip := range chips {
		back := chip.mood.soft()
		w := c.px(20)
		if chip.icon != noIcon {
			w += c.px(20)
		}
		word := f.fit(chip.text, r.Dx()-w)
		if word == "" {
			return
		}
		box := image.Rect(r.Min.X, r.Min.Y, r.Min.X+w+f.width(word), r.Max.Y)
		c.round(box, box.Dy()/2, back, paper)
		r.Min.X = box.Max.X + c.px(8)
		box = inside(box, c.px(10), 0)
		if chip.icon != noIcon {
			c.icon(image.Rect(box.Min.X, box.Min.Y, box.Min.X+c.px(16), box.Max.Y), chip.icon, 15, chip.mood.strong(), back)
			box.Min.X += c.px(20)
		}
		c.line(box, f, left, word, text, back)
	}
}

// banner is a card over the middle.
func (c large) banner(r image.Rectangle, b banner) {
	r = image.Rect(r.Min.X+c.px(8), r.Min.Y+c.px(2), r.Max.X-c.px(8), r.Max.Y-c.px(4))
	front, back := b.mood.strong(), b.mood.soft()
	c.round(r, c.px(6), back, paper)
	c.fill(image.Rect(r.Min.X, r.Min.Y+c.px(6), r.Min.X+c.px(4), r.Max.Y-c.px(6)), front)
	r = inside(r, c.px(10), 0)
	c.icon(image.Rect(r.Min.X, r.Min.Y, r.Min.X+c.px(22), r.Max.Y), b.icon, 20, front, back)
	r.Min.X += c.px(32)
	if b.text == "" {
		c.text(r, c.font(bold, 16), left, b.title, text, back)
		return
	}
	r = inside(r, 0, c.px(2))
	c.text(top(&r, r.Dy()/2), c.font(bold, 14), left, b.title, front, back)
	c.text(r, c.fitting(regular, b.text, r.Dx(), 15, 14, 13), left, b.text, text, back)
}

func (c large) volume(r image.Rectangle, level int) {
	r = image.Rect(r.Min.X+c.px(8), r.Min.Y+c.px(2), r.Max.X-c.px(8), r.Max.Y-c.px(4))
	c.round(r, c.px(6), bar, paper)
	r = inside(r, c.px(12), 0)
	c.icon(image.Rect(r.Min.X, r.Min.Y, r.Min.X+c.px(22), r.Max.Y), iconSpeaker, 20, barText, bar)
	r.Min.X += c.px(34)
	word := image.Rect(r.Max.X-c.px(24), r.Min.Y, r.Max.X, r.Max.Y)
	c.text(word, c.font(bold, 16), right, strconv.Itoa(level), barText, bar)
	r.Max.X = word.Min.X - c.px(8)
	for i := range phone.MaxVolume {
		x := r.Min.X + i*r.Dx()/phone.MaxVolume
		step := image.Rect(x, r.Min.Y+c.px(13), x+r.Dx()/phone.MaxVolume-c.px(4), r.Max.Y-c.px(13))
		colour := key
		if i < level {
			colour = barText
		}
		c.round(step, c.px(2), colour, bar)
	}
}

func (c large) reason(r image.Rectangle, p panel) {
	hint := c.font(regular, 17)
	rows := hint.wrap(p.reason.Hint, r.Dx()-2*c.px(14))
	need := 2*c.px(6) + c.px(32) + len(rows)*c.px(22)
	for shown := min(len(p.calls), 2); shown > 0; shown-- {
		if h := shown*c.px(28) + c.px(4); r.Dy() >= need+h {
			c.others(bottom(&r, h), p.calls, shown)
			break
		}
	}
	peer := p.peer != "" && (len(p.calls) == 0 || r.Dy() >= need+c.px(24))
	r = inside(r, c.px(14), c.px(6))
	if peer {
		c.text(bottom(&r, c.px(24)), c.font(regular, 15), centre, p.peer, faint, paper)
	}
	title := c.fitting(bold, p.reason.Title, r.Dx(), 24, 22, 20, 18)
	icon := 44
	if r.Dy() < c.px(44+10+32+22*len(rows)) {
		icon = max(int(float64(r.Dy())/c.scale)-42-22*len(rows), 0)
	}
	h := c.px(icon) + c.px(10) + c.px(32) + len(rows)*c.px(22)
	r.Min.Y += max((r.Dy()-h)/2, 0)
	sign := top(&r, c.px(icon))
	if icon >= 20 {
		c.icon(sign, p.stateIcon, icon, p.mood.strong(), paper)
	}
	if gap := c.px(10); r.Dy() >= gap+c.px(32)+len(rows)*c.px(22) {
		top(&r, gap)
	}
	c.text(top(&r, c.px(32)), title, centre, p.reason.Title, text, paper)
	for _, row := range rows {
		if r.Dy() < c.px(20) {
			break // until the volume goes away
		}
		c.line(top(&r, c.px(22)), hint, centre, row, faint, paper)
	}
}

// lines are those of the phone at rest.
func (c large) lines(r image.Rectangle, lines []entry) {
	if len(lines) == 1 {
		c.oneLine(r, lines[0])
		return
	}
	r = inside(r, c.px(8), c.px(6))
	if n := len(lines); n <= 4 && n*c.px(40) <= r.Dy() {
		h := min(c.px(44), r.Dy()/n)
		for _, e := range lines {
			row := top(&r, h)
			row.Max.Y -= c.px(4)
			c.lineCard(row, e, false)
		}
		return
	}
	// Tiles in two columns.
	tall := (len(lines) + 1) / 2
	h, gap := min(r.Dy()/tall, c.px(42)), c.px(4)
	for i, e := range lines {
		x, y := r.Min.X+i/tall*(r.Dx()+gap)/2, r.Min.Y+i%tall*h
		c.lineCard(image.Rect(x, y, x+(r.Dx()-gap)/2, y+h-gap), e, true)
	}
}

// lineCard is one line of several. A narrow one has its state below the name.
func (c large) lineCard(r image.Rectangle, e entry, narrow bool) {
	c.round(r, c.px(5), rule, paper)
	r = inside(r, 1, 1)
	c.round(r, c.px(5)-1, card, rule)
	r = inside(r, c.px(8), 0)
	c.icon(image.Rect(r.Min.X, r.Min.Y, r.Min.X+c.px(18), r.Max.Y), e.icon, 18, e.mood.strong(), card)
	r.Min.X += c.px(26)
	if !narrow {
		r.Max.X = c.text(r, c.font(regular, 15), right, e.right, e.mood.strong(), card).Min.X - c.px(8)
		c.text(r, c.font(bold, 16), left, e.left, text, card)
		return
	}
	if r.Dy() < c.px(30) { // no room for the words
		c.text(r, c.font(bold, 13), left, e.left, text, card)
		return
	}
	r = inside(r, 0, c.px(3))
	c.text(top(&r, r.Dy()*11/20), c.font(bold, 14), left, e.left, text, card)
	c.text(r, c.font(regular, 12), left, e.right, e.mood.strong(), card)
}

// oneLine is the only line, in the middle: who this is, and whether it can call.
func (c large) oneLine(r image.Rectangle, e entry) {
	r = inside(r, c.px(14), c.px(6))
	name, state, hint := c.fitting(bold, e.left, r.Dx(), 36, 30, 26, 22), c.font(bold, 17), c.font(regular, 16)
	rows := hint.wrap(e.hint, r.Dx())
	h := c.px(44) + c.px(34) + len(rows)*c.px(20)
	r.Min.Y += max((r.Dy()-h)/2, 0)
	c.text(top(&r, c.px(44)), name, centre, e.left, text, paper)
	row := top(&r, c.px(30))
	word := state.fit(e.right, row.Dx()-c.px(50))
	w := state.width(word) + c.px(44)
	chip := image.Rect(row.Min.X+(row.Dx()-w)/2, row.Min.Y, row.Min.X+(row.Dx()+w)/2, row.Max.Y)
	c.round(chip, chip.Dy()/2, e.mood.soft(), paper)
	c.icon(image.Rect(chip.Min.X+c.px(10), chip.Min.Y, chip.Min.X+c.px(26), chip.Max.Y), e.icon, 17, e.mood.strong(), e.mood.soft())
	chip.Min.X += c.px(30)
	c.line(chip, state, left, word, e.mood.strong(), e.mood.soft())
	top(&r, c.px(4))
	for _, line := range rows {
		c.line(top(&r, c.px(20)), hint, centre, line, faint, paper)
	}
}

func (c large) list(r image.Rectangle, p panel) {
	head := top(&r, c.px(28))
	p.mood = busy
	c.strip(head, p)
	if len(p.list) == 0 {
		c.text(r, c.font(regular, 18), centre, p.empty, faint, paper)
		return
	}
	h := c.px(29)
	size := max(r.Dy()/h, 1)
	first := window(p.at, len(p.list), size)
	shown := p.list[first:min(first+size, len(p.list))]
	bars := image.Rect(r.Max.X-c.px(5), r.Min.Y, r.Max.X, r.Max.Y)
	if len(p.list) > len(shown) {
		r.Max.X = bars.Min.X
		c.fill(bars, rule)
		y, n := bars.Min.Y, len(p.list)
		c.fill(image.Rect(bars.Min.X, y+first*bars.Dy()/n, bars.Max.X, y+(first+len(shown))*bars.Dy()/n), faint)
	}
	for i, e := range shown {
		row := top(&r, h)
		front, back, soft := text, card, faint
		if first+i == p.at {
			front, back, soft = barText, blue, barText
		}
		c.fill(row, back)
		c.fill(image.Rect(row.Min.X, row.Max.Y-1, row.Max.X, row.Max.Y), rule)
		row.Max.Y--
		row = inside(row, c.px(10), 0)
		sign := e.mood.strong()
		if back == blue {
			sign = barText
		}
		c.icon(image.Rect(row.Min.X, row.Min.Y, row.Min.X+c.px(18), row.Max.Y), e.icon, 17, sign, back)
		row.Min.X += c.px(26)
		row.Max.X = c.text(row, c.font(regular, 14), right, e.right, soft, back).Min.X - c.px(8)
		c.text(row, c.font(bold, 16), left, e.left, front, back)
	}
}
