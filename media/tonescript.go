package media

import (
	"fmt"
	"strconv"
	"strings"
)

// Specification constants, reference E.4.
const (
	maxToneFreqs    = 6
	maxToneSections = 2
	maxToneSegments = 6
)

// Implementation constants.
const (
	maxScript     = 256 // bytes; the longest in the field have 127
	minToneHz     = 20
	maxToneHz     = sampleRate/2 - 1
	minToneDBm    = -990 // tenths
	maxToneDBm    = 30   // just below full scale
	maxToneMillis = 24 * 3600 * 1000
)

// forever is the length of what never ends, in milliseconds.
const forever = -1

// A Tone is one tone script of Cisco phones, reference E.4: "350@-19,440@-19;10(*/0/1+2)".
type Tone struct {
	Freqs    []Freq
	Sections []Section
}

// A Freq is one sine of a tone.
type Freq struct {
	Hz  int
	DBm float64 // level in dBm0, one decimal
}

// A Section repeats its segments until its time is over; then the next begins.
type Section struct {
	Millis   int // -1: for ever
	Segments []Segment
}

// A Segment is sound, then silence. Freqs are the indexes, from 1, of what sounds: none is silence.
type Segment struct {
	OnMillis, OffMillis int // -1: for ever
	Freqs               []int
}

// A Cadence is the rhythm of a ring, reference E.4: "60(2/4)".
type Cadence struct {
	Sections []Section // their segments have no Freqs
}

// A ScriptError says where a tone or cadence script is wrong.
type ScriptError struct {
	Position int // bytes before the mistake
	Reason   string
}

func (e *ScriptError) Error() string {
	return fmt.Sprintf("tone script, position %d: %s", e.Position, e.Reason)
}

// ParseTone reads a tone script. The error is a *ScriptError.
func ParseTone(script string) (Tone, error) {
	p := scriptParser{text: script}
	var t Tone
	p.limit()
	t.Freqs = p.freqs()
	p.want(';')
	t.Sections = p.sections(len(t.Freqs))
	return t, p.result()
}

// ParseFreq reads the frequencies of a tone script alone: "350@-19,440@-19".
func ParseFreq(script string) ([]Freq, error) {
	p := scriptParser{text: script}
	p.limit()
	f := p.freqs()
	return f, p.result()
}

// ParseCadence reads a cadence script: "60(2/4)". The error is a *ScriptError.
func ParseCadence(script string) (Cadence, error) {
	p := scriptParser{text: script}
	p.limit()
	c := Cadence{Sections: p.sections(-1)}
	return c, p.result()
}

// A scriptParser reads from the front; after the first error it reads nothing more.
type scriptParser struct {
	text string
	pos  int
	err  *ScriptError
}

func (p *scriptParser) fail(at int, format string, args ...any) {
	if p.err == nil {
		p.err = &ScriptError{at, fmt.Sprintf(format, args...)}
	}
}

func (p *scriptParser) limit() {
	if len(p.text) > maxScript {
		p.fail(maxScript, "longer than %d bytes", maxScript)
	}
}

// result is the error, also for what is left over.
func (p *scriptParser) result() error {
	p.space()
	if p.err == nil && p.pos < len(p.text) {
		p.fail(p.pos, "%q is too much", p.text[p.pos:])
	}
	if p.err != nil {
		return p.err
	}
	return nil
}

func (p *scriptParser) space() {
	for p.pos < len(p.text) && p.text[p.pos] == ' ' {
		p.pos++
	}
}

// next takes c if it comes next.
func (p *scriptParser) next(c byte) bool {
	p.space()
	if p.err != nil || p.pos == len(p.text) || p.text[p.pos] != c {
		return false
	}
	p.pos++
	return true
}

func (p *scriptParser) want(c byte) {
	if !p.next(c) {
		p.fail(p.pos, "%q expected", c)
	}
}

func (p *scriptParser) freqs() []Freq {
	var all []Freq
	for {
		at := p.pos
		hz := p.number("a frequency in Hz", 0, 0, minToneHz, maxToneHz)
		p.want('@')
		dbm := p.number("a level in dBm", 1, 1, minToneDBm, maxToneDBm)
		if len(all) == maxToneFreqs {
			p.fail(at, "more than %d frequencies", maxToneFreqs)
		}
		if p.err != nil {
			return nil
		}
		all = append(all, Freq{hz, float64(dbm) / 10})
		if !p.next(',') {
			return all
		}
	}
}

// sections reads one or two sections; freqs is how many frequencies their segments may name, or
// negative in a cadence, which names none.
func (p *scriptParser) sections(freqs int) []Section {
	var all []Section
	for {
		at := p.pos
		if len(all) == maxToneSections {
			p.fail(at, "more than %d sections", maxToneSections)
		}
		s := p.section(freqs)
		if p.err != nil {
			return nil
		}
		all = append(all, s)
		if !p.next(';') {
			return all
		}
	}
}

func (p *scriptParser) section(freqs int) Section {
	s := Section{Millis: p.duration("the length of the section")}
	p.want('(')
	open := p.pos
	for p.err == nil {
		if len(s.Segments) == maxToneSegments {
			p.fail(p.pos, "more than %d segments", maxToneSegments)
		}
		seg := Segment{OnMillis: p.duration("the length of the sound")}
		p.want('/')
		seg.OffMillis = p.duration("the length of the silence")
		if freqs >= 0 {
			p.want('/')
			seg.Freqs = p.indexes(freqs)
		}
		s.Segments = append(s.Segments, seg)
		if !p.next(',') {
			break
		}
	}
	cycle := 0
	for _, seg := range s.Segments {
		if seg.OnMillis != 0 || seg.OffMillis != 0 {
			cycle++
		}
	}
	if cycle == 0 {
		p.fail(open, "the section lasts no time")
	}
	p.want(')')
	return s
}

// indexes reads n{+n}; 0 is silence.
func (p *scriptParser) indexes(freqs int) []int {
	var all []int
	for {
		at := p.pos
		n := p.number("the number of a frequency, 0 for silence", 0, 0, 0, freqs)
		if len(all) == maxToneFreqs {
			p.fail(at, "more than %d frequencies", maxToneFreqs)
		}
		if p.err != nil {
			return nil
		}
		if n > 0 {
			all = append(all, n)
		}
		if !p.next('+') {
			return all
		}
	}
}

// duration reads seconds with at most three decimals, or * for ever, as milliseconds.
func (p *scriptParser) duration(what string) int {
	if p.next('*') {
		return forever
	}
	return p.number(what+" in seconds", 3, 3, 0, maxToneMillis)
}

// number reads a decimal with at most decimals places, and returns it times 10^scale. low and high
// are the limits of what is returned.
func (p *scriptParser) number(what string, decimals, scale, low, high int) int {
	p.space()
	start := p.pos
	if p.err != nil {
		return 0
	}
	rest := p.text[start:]
	end := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' && r != '-' && r != '+' })
	if end < 0 {
		end = len(rest)
	}
	if plus := strings.IndexByte(rest[:end], '+'); plus > 0 { // n+n
		end = plus
	}
	sign, digits := 1, rest[:end]
	if d, ok := strings.CutPrefix(digits, "-"); ok {
		sign, digits = -1, d
	} else if d, ok := strings.CutPrefix(digits, "+"); ok {
		digits = d
	}
	whole, part, point := strings.Cut(digits, ".")
	if whole == "" && part == "" || len(part) > decimals || point && decimals == 0 {
		p.fail(start, "%s expected", what)
		return 0
	}
	v, err := strconv.ParseUint("0"+whole+part+strings.Repeat("0", scale-len(part)), 10, 31)
	if err != nil {
		p.fail(start, "%s expected", what)
		return 0
	}
	n := sign * int(v)
	if n < low || n > high {
		unit := func(n int) string { return strconv.FormatFloat(float64(n)/pow10(scale), 'f', -1, 64) }
		p.fail(start, "%s is not between %s and %s", rest[:end], unit(low), unit(high))
		return 0
	}
	p.pos = start + end
	return n
}

func pow10(n int) float64 {
	v := 1.0
	for range n {
		v *= 10
	}
	return v
}

// String writes the tone as a script again.
func (t Tone) String() string {
	var b strings.Builder
	for i, f := range t.Freqs {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d@%s", f.Hz, strconv.FormatFloat(f.DBm, 'f', -1, 64))
	}
	b.WriteByte(';')
	writeSections(&b, t.Sections, true)
	return b.String()
}

// String writes the cadence as a script again.
func (c Cadence) String() string {
	var b strings.Builder
	writeSections(&b, c.Sections, false)
	return b.String()
}

func writeSections(b *strings.Builder, sections []Section, tone bool) {
	for i, s := range sections {
		if i > 0 {
			b.WriteByte(';')
		}
		b.WriteString(seconds(s.Millis) + "(")
		for k, seg := range s.Segments {
			if k > 0 {
				b.WriteByte(',')
			}
			b.WriteString(seconds(seg.OnMillis) + "/" + seconds(seg.OffMillis))
			for f, n := range seg.Freqs {
				b.WriteByte("/+"[min(f, 1)])
				b.WriteString(strconv.Itoa(n))
			}
			if tone && len(seg.Freqs) == 0 {
				b.WriteString("/0")
			}
		}
		b.WriteByte(')')
	}
}

func seconds(millis int) string {
	if millis == forever {
		return "*"
	}
	return strconv.FormatFloat(float64(millis)/1000, 'f', -1, 64)
}
