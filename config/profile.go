package config

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"unicode"
)

// This file is the gate for profiles, <flat-profile> documents from anywhere (reference B.1–B.1.3, B.4).
// It reads tokens and never builds a tree, so that hostile nesting costs nothing.

// Implementation constants: the limits of a profile. Beyond one of them it is refused whole.
const (
	maxDocument   = 2 << 20 // bytes
	maxDepth      = 16      // elements inside one another
	maxAttributes = 16      // of one element
	maxName       = 255     // bytes of an element's or attribute's name
	maxMarkup     = 8 << 10 // bytes of one tag with all its attributes

	maxValue  = 8 << 10 // bytes of one value; a longer one is refused alone
	maxListed = 200     // entries of each list in a Report
	maxShown  = 80      // bytes of a refused value in a Report
)

// Report says what a profile did.
type Report struct {
	Applied     []string  // tags whose effective value changed, in the order of the document
	Access      []string  // tags whose ua changed, in the order of the document
	Same        int       // parameters named in the document whose value stayed what it was
	Unknown     int       // elements that are no parameter of this phone
	UnknownTags []string  // their names, each once, the first 200
	Refused     []Refused // the first 200
	Unlisted    int       // refusals beyond those
}

// A Refused value was left out, and the parameter kept what it had.
type Refused struct {
	Line   int    // of the document, from 1
	Tag    string // as in the table
	Value  string // shortened, unprintable characters replaced; Mask for a secret
	Reason string // "must be 0–64 s"
}

// String is one sentence per refusal: `line 12: SIP_T1: "x" must be seconds, 0–64 s`.
func (r Refused) String() string {
	return fmt.Sprintf("line %d: %s: %q %s", r.Line, r.Tag, r.Value, r.Reason)
}

// String sums a report up in one line.
func (r Report) String() string {
	return fmt.Sprintf("%d changed, %d the same, %d unknown ignored, %d refused",
		len(r.Applied), r.Same, r.Unknown, len(r.Refused)+r.Unlisted)
}

// Parse applies a profile to base and returns the result. Parameters the document does not name keep
// their values; the last of several elements for one parameter wins; elements of unknown name are
// counted and ignored; a wrong value is refused alone. An empty element clears a text and a secret and
// leaves every other parameter alone, and so do preserve-value="y", a secret of asterisks only, and
// ua="rw" on an empty speed dial (reference B.4).
//
// An error refuses the document whole: it is no XML, holds no <flat-profile> or exceeds a limit. Its text
// begins with the line. The settings returned with it are base.
func Parse(document []byte, base Settings) (Settings, Report, error) {
	p := &parser{settings: base, touched: make(map[*entry]bool), unknown: make(map[string]bool)}
	p.settings.Access = maps.Clone(base.Access)
	if err := p.read(document); err != nil {
		return base, Report{}, err
	}
	if len(p.settings.Access) == 0 {
		p.settings.Access = nil
	}
	for _, e := range p.order {
		switch {
		case e.text(&p.settings) != e.text(&base):
			p.report.Applied = append(p.report.Applied, e.Tag)
		default:
			p.report.Same++
		}
		if e.access(&p.settings) != e.access(&base) {
			p.report.Access = append(p.report.Access, e.Tag)
		}
	}
	return p.settings, p.report, nil
}

// A parser holds the elements that are open.
type parser struct {
	decoder  *xml.Decoder
	settings Settings
	report   Report
	touched  map[*entry]bool
	order    []*entry // touched, in the order of the document
	unknown  map[string]bool

	open    []string // names of the open elements
	profile int      // depth of the open flat-profile, 0 outside
	found   bool     // there was one
	ended   bool     // the outermost element is closed

	// The parameter whose element is open, nil if none.
	entry    *entry
	line     int
	ua       string
	preserve bool
	value    []byte
	nested   bool // the element holds other elements
}

// read walks through the document.
func (p *parser) read(document []byte) error {
	if len(document) > maxDocument {
		return fmt.Errorf("line 1: the profile has %d bytes, more than %d", len(document), maxDocument)
	}
	if len(document) >= 2 && (document[0] == 0xfe && document[1] == 0xff || document[0] == 0xff && document[1] == 0xfe) {
		return errors.New("line 1: the profile is UTF-16; UTF-8, ISO-8859-1 and US-ASCII are understood")
	}
	if line := longMarkup(document); line > 0 {
		return fmt.Errorf("line %d: a tag does not end within %d bytes; is a quotation mark missing?", line, maxMarkup)
	}
	document = bytes.TrimPrefix(document, []byte("\xef\xbb\xbf"))
	p.decoder = xml.NewDecoder(bytes.NewReader(document))
	p.decoder.CharsetReader = charset
	for {
		token, err := p.decoder.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			return p.broken(err)
		}
		if err := p.token(token); err != nil {
			line, _ := p.decoder.InputPos()
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
	line, _ := p.decoder.InputPos()
	switch {
	case len(p.open) > 0:
		return fmt.Errorf("line %d: the profile ends inside <%s>", line, shown(p.open[len(p.open)-1]))
	case !p.found:
		return fmt.Errorf("line %d: the document has no <flat-profile>", line)
	}
	return nil
}

// longMarkup returns the line of the first tag longer than maxMarkup, 0 if there is none. The decoder
// collects all attributes of an element before anyone can count them, 100 MB of them in the worst profile.
func longMarkup(document []byte) int {
	for at := 0; at < len(document); {
		start := bytes.IndexByte(document[at:], '<')
		if start < 0 {
			return 0
		}
		at += start
		rest := document[at:]
		length, tag := 0, false
		switch {
		case bytes.HasPrefix(rest, []byte("<!--")):
			length = through(rest, "-->")
		case bytes.HasPrefix(rest, []byte("<![CDATA[")):
			length = through(rest, "]]>")
		case bytes.HasPrefix(rest, []byte("<?")):
			length = through(rest, "?>")
		default:
			length, tag = markup(rest), true
		}
		if tag && length > maxMarkup {
			return 1 + bytes.Count(document[:at], []byte("\n"))
		}
		at += length
	}
	return 0
}

// through is the length of text up to the end of the first mark, all of it if there is none.
func through(text []byte, mark string) int {
	if i := bytes.Index(text, []byte(mark)); i >= 0 {
		return i + len(mark)
	}
	return len(text)
}

// markup is the length of the tag text begins with: up to the first > outside of quotation marks.
func markup(text []byte) int {
	quote := byte(0)
	for i, c := range text {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i + 1
		}
	}
	return len(text)
}

// broken words an error of the XML decoder.
func (p *parser) broken(err error) error {
	line, _ := p.decoder.InputPos()
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("line %d: the profile is no XML: %s", syntax.Line, shown(syntax.Msg))
	}
	return fmt.Errorf("line %d: the profile is no XML: %s", line, shown(err.Error()))
}

func (p *parser) token(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		return p.start(t)
	case xml.EndElement:
		return p.end(t)
	case xml.CharData:
		return p.text(t)
	case xml.Directive:
		return errors.New("a profile must hold no <!DOCTYPE> or other declaration")
	}
	return nil // comments, <?xml?> and other instructions
}

// qualified is the name as written, prefix included: a prefix makes it somebody else's element.
func qualified(name xml.Name) string {
	if name.Space == "" {
		return name.Local
	}
	return name.Space + ":" + name.Local
}

func (p *parser) start(t xml.StartElement) error {
	name := qualified(t.Name)
	if len(name) > maxName {
		return fmt.Errorf("an element's name has %d bytes, more than %d", len(name), maxName)
	}
	if len(p.open) == maxDepth {
		return fmt.Errorf("<%s> is nested more than %d deep", shown(name), maxDepth)
	}
	if len(t.Attr) > maxAttributes {
		return fmt.Errorf("<%s> has %d attributes, more than %d", shown(name), len(t.Attr), maxAttributes)
	}
	for _, a := range t.Attr {
		if len(qualified(a.Name)) > maxName {
			return fmt.Errorf("an attribute's name of <%s> has more than %d bytes", shown(name), maxName)
		}
	}
	if p.ended {
		return fmt.Errorf("<%s> follows the end of the profile", shown(name))
	}
	p.open = append(p.open, name)
	switch depth := len(p.open); {
	case p.entry != nil:
		p.nested = true
	case p.profile > 0 && depth == p.profile+1:
		p.parameter(name, t.Attr)
	case p.profile > 0: // inside an unknown element
	case name == "flat-profile" && (depth == 1 || depth == 2 && p.open[0] == "device"):
		p.profile, p.found = depth, true
	case depth == 1 && name != "device":
		return fmt.Errorf("the document is <%s>, not <flat-profile>", shown(name))
	}
	return nil
}

// parameter begins an element of the profile.
func (p *parser) parameter(name string, attributes []xml.Attr) {
	e := table.find(name)
	if e == nil {
		p.report.Unknown++
		if !p.unknown[name] && len(p.report.UnknownTags) < maxListed {
			p.unknown[name] = true
			p.report.UnknownTags = append(p.report.UnknownTags, shown(name))
		}
		return
	}
	p.line, _ = p.decoder.InputPos()
	p.entry, p.value, p.nested, p.preserve, p.ua = e, p.value[:0], false, false, ""
	if !p.touched[e] {
		p.touched[e] = true
		p.order = append(p.order, e)
	}
	for _, a := range attributes {
		switch qualified(a.Name) {
		case "ua":
			switch a.Value {
			case "na", "ro", "rw":
				p.ua = a.Value
				e.setAccess(&p.settings, a.Value)
			default:
				p.refuse(a.Value, errors.New("is no access right; ua must be na, ro or rw"))
			}
		case "preserve-value":
			p.preserve = strings.EqualFold(a.Value, "y") || strings.EqualFold(a.Value, "yes")
		}
	}
}

func (p *parser) text(t xml.CharData) error {
	switch {
	case p.entry != nil:
		if len(p.value) <= maxValue { // what is beyond counts as too long, whatever it is
			p.value = append(p.value, t...)
		}
	case len(p.open) == 0 && len(bytes.TrimSpace(t)) > 0:
		return errors.New("the profile is no XML: text outside of all elements")
	}
	return nil
}

func (p *parser) end(t xml.EndElement) error {
	name := qualified(t.Name)
	if len(p.open) == 0 {
		return fmt.Errorf("the profile is no XML: </%s> ends nothing", shown(name))
	}
	if last := p.open[len(p.open)-1]; last != name {
		return fmt.Errorf("the profile is no XML: <%s> is closed by </%s>", shown(last), shown(name))
	}
	if len(p.open) == p.profile {
		p.profile = 0
	}
	p.open = p.open[:len(p.open)-1]
	p.ended = len(p.open) == 0
	if p.entry != nil && len(p.open) == p.profile {
		p.apply()
		p.entry = nil
	}
	return nil
}

// apply gives the parameter whose element just ended its value, or notes why not.
func (p *parser) apply() {
	e := p.entry
	if p.preserve {
		return
	}
	if p.nested {
		p.refuse(string(p.value), errors.New("holds other elements"))
		return
	}
	if len(p.value) > maxValue {
		p.refuse(string(p.value), fmt.Errorf("is longer than %d bytes", maxValue))
		return
	}
	raw := strings.TrimSpace(newlines.Replace(string(p.value)))
	if raw == "" && e.users && p.ua == "rw" {
		return
	}
	value, err := clean(raw)
	if err == nil {
		if value == "" && e.keepsEmpty {
			return
		}
		err = e.set(&p.settings, value)
	}
	if err != nil {
		p.refuse(raw, err)
	}
}

// newlines become blanks inside a value (reference B.1), and so do tabulators.
var newlines = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ")

// refuse notes a wrong value. The parameter keeps what it has.
func (p *parser) refuse(value string, reason error) {
	if len(p.report.Refused) >= maxListed {
		p.report.Unlisted++
		return
	}
	if p.entry.Secret {
		value = Secret(value).String()
	}
	p.report.Refused = append(p.report.Refused,
		Refused{Line: p.line, Tag: p.entry.Tag, Value: shown(value), Reason: reason.Error()})
}

// shown makes a text from outside fit for a log line: short, and without unprintable characters.
func shown(text string) string {
	if len(text) > maxShown {
		cut := maxShown
		for cut > 0 && text[cut]&0xc0 == 0x80 { // not inside a character
			cut--
		}
		text = text[:cut] + "…"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, text)
}
