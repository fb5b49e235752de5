package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// A Param describes one parameter of the phone, for tables, documents and forms.
type Param struct {
	Tag     string   `json:"tag"`               // XML element, "Proxy_1_"
	Family  string   `json:"family"`            // the element for every line: "Proxy_n_"; else the same as Tag
	Label   string   `json:"label"`             // as on the web page, "Proxy"
	Page    string   `json:"page"`              // "SIP", "Ext 1"
	Section string   `json:"section"`           // "Proxy and Registration"
	Type    string   `json:"type"`              // "Bool", "Choice", "Number", "Hex", "Port", "Time", "Secret", or a kind of text
	Default string   `json:"default"`           // as in XML; empty for an empty text
	Range   string   `json:"range"`             // in words
	Help    string   `json:"help"`              // one sentence
	Access  string   `json:"access"`            // what the login "user" may do unless a profile says otherwise: na, ro or rw
	Line    int      `json:"line,omitempty"`    // 1–8 on the Ext pages, else 0
	Secret  bool     `json:"secret,omitempty"`  // never shown; Mask stands for it
	Own     bool     `json:"own,omitempty"`     // ours, not one of the reference
	Hidden  bool     `json:"hidden,omitempty"`  // set by profile only: on no page and in no report
	Options []string `json:"options,omitempty"` // of a Choice or Bool, in order
}

// An entry is a parameter with what is needed to read and write it.
type entry struct {
	Param
	path       []int // field and array indices from Settings down
	kind       textKind
	min, max   int64         // of a number
	ranges     []span        // of a text that holds numbers
	decimals   int           // of a Time
	shortest   time.Duration // of a Time
	longest    time.Duration
	minLen     int // of a text, in bytes
	maxLen     int
	keepsEmpty bool // an empty element keeps the value (reference B.4)
	users      bool // an empty element with ua="rw" keeps what the user typed in (reference B.4)
}

// A span is one range of numbers, both ends inside it.
type span struct{ min, max int64 }

// A directory is every parameter, in page order and by name.
type directory struct {
	entries  []*entry
	exact    map[string]*entry
	folded   map[string]*entry // by tag in lower case
	defaults Settings
}

// table is a constant: it is read once from the tags of the Settings fields while the package is
// initialised, and never changes. A wrong tag panics there, so no test can pass with one.
var table = readTags()

// Params returns every parameter in the order of the pages. The caller owns the slice, not the Options.
func Params() []Param {
	list := make([]Param, len(table.entries))
	for i, e := range table.entries {
		list[i] = e.Param
	}
	return list
}

// Lookup finds a parameter by its tag. Tags are case-sensitive by the reference; one that differs in
// case only is found as well (reference B.1, tolerant extension).
func Lookup(tag string) (Param, bool) {
	if e := table.find(tag); e != nil {
		return e.Param, true
	}
	return Param{}, false
}

func (d *directory) find(tag string) *entry {
	if e := d.exact[tag]; e != nil {
		return e
	}
	return d.folded[strings.ToLower(tag)]
}

// field returns a pointer to the parameter's field in s.
func (e *entry) field(s *Settings) any {
	v := reflect.ValueOf(s).Elem()
	for _, i := range e.path {
		if v.Kind() == reflect.Array {
			v = v.Index(i)
		} else {
			v = v.Field(i)
		}
	}
	return v.Addr().Interface()
}

// readTags builds the table. The tags of a field are:
//
//	tag      XML element; _n_ and _m_ stand for the numbers of the arrays around the field
//	label    where it is not simply the tag with blanks
//	section  of the page; holds for the following fields too
//	type     kind of text (textKinds), or Hex for a uint8
//	default  as in XML; absent: empty, No or 0
//	step     added to the default for each further line
//	range    of numbers: "0..64", "1..5,8..9"
//	decimals of a Time, 0 if absent
//	min, max length of a text
//	options  of a Choice, separated by |
//	access   ua of the parameter: na (if absent), ro or rw
//	empty    keep: an empty element changes nothing; user: one with ua="rw" does not
//	flags    own, hidden
//	like     the tag of an earlier field whose other tags hold where this one has none
//	help     one sentence
func readTags() *directory {
	d := &directory{exact: make(map[string]*entry), folded: make(map[string]*entry)}
	settings := reflect.TypeFor[Settings]()
	for i := range settings.NumField() {
		if page, ok := settings.Field(i).Tag.Lookup("page"); ok {
			d.read(settings.Field(i).Type, place{path: []int{i}, page: page})
		}
	}
	for _, e := range d.entries {
		if e.Default == "" && (e.Type == "Number" || e.Type == "Port" || e.Type == "Time" || e.Type == "Hex") {
			panic("config: " + e.Tag + " has no default")
		}
		if e.Default == "" {
			continue
		}
		if err := e.set(&d.defaults, e.Default); err != nil {
			panic("config: default of " + e.Tag + " " + err.Error())
		}
		e.Default = e.text(&d.defaults)
	}
	return d
}

// A place is where readTags has got to.
type place struct {
	path    []int
	page    string
	section string
	numbers []int // of the arrays on the way, from 1
}

// in returns the place of element or field i.
func (p place) in(i int) place {
	p.path = append(append([]int(nil), p.path...), i)
	return p
}

// read adds the parameters of one page, of one line, or of one element of an array.
func (d *directory) read(t reflect.Type, p place) {
	if t.Kind() == reflect.Array {
		for i := range t.Len() {
			q := p.in(i)
			q.numbers = append(append([]int(nil), p.numbers...), i+1)
			d.read(t.Elem(), q)
		}
		return
	}
	fields := make(map[string]reflect.StructTag)
	for i := range t.NumField() {
		f := t.Field(i)
		if section, ok := f.Tag.Lookup("section"); ok {
			p.section = section
		}
		if f.Type.Kind() == reflect.Array {
			d.read(f.Type, p.in(i))
			continue
		}
		fields[f.Tag.Get("tag")] = f.Tag
		tags := fieldTags{f.Tag, fields[f.Tag.Get("like")]}
		d.add(newEntry(f.Type, tags, p.in(i)))
	}
}

func (d *directory) add(e *entry) {
	folded := strings.ToLower(e.Tag)
	if e.Tag == "" || d.folded[folded] != nil {
		panic("config: tag missing or used twice: " + e.Tag)
	}
	d.entries = append(d.entries, e)
	d.exact[e.Tag] = e
	d.folded[folded] = e
}

// fieldTags are a field's own tags and those of the field it is like.
type fieldTags struct{ own, like reflect.StructTag }

func (t fieldTags) get(key string) string {
	if v, ok := t.own.Lookup(key); ok {
		return v
	}
	return t.like.Get(key)
}

func (t fieldTags) number(key string, otherwise int) int {
	text := t.get(key)
	if text == "" {
		return otherwise
	}
	v, err := strconv.Atoi(text)
	if err != nil {
		panic("config: " + key + " of " + t.own.Get("tag") + " is no number")
	}
	return v
}

// newEntry makes the parameter of one field.
func newEntry(t reflect.Type, tags fieldTags, p place) *entry {
	e := &entry{path: p.path}
	e.Family = tags.own.Get("tag")
	e.Tag = numbered(e.Family, p.numbers)
	e.Label = tags.own.Get("label")
	if e.Label == "" {
		label := strings.NewReplacer("_n_", " ", "_m_", " ").Replace(e.Family)
		e.Label = strings.TrimSpace(strings.ReplaceAll(label, "_", " "))
	}
	e.Page, e.Section = titled(p.page, p.numbers), titled(p.section, p.numbers)
	e.Help = tags.get("help")
	e.Access = tags.get("access")
	if e.Access == "" {
		e.Access = "na"
	}
	e.Own = tags.get("flags") == "own"
	e.Hidden = tags.get("flags") == "hidden"
	e.users = tags.get("empty") == "user"
	e.Default = tags.get("default")
	if step := tags.number("step", 0); step != 0 {
		first, err := strconv.Atoi(e.Default)
		if err != nil {
			panic("config: default of " + e.Family + " cannot step")
		}
		e.Default = strconv.Itoa(first + step*(p.numbers[0]-1))
	}
	if p.page == "Ext n" {
		e.Line = p.numbers[0]
	}
	e.readType(t, tags)
	if e.Help == "" || e.Section == "" {
		panic("config: " + e.Tag + " has no help or section")
	}
	return e
}

// numbered puts the numbers of the arrays in the place of _n_ and _m_.
func numbered(family string, numbers []int) string {
	for i, mark := range []string{"_n_", "_m_"} {
		if i < len(numbers) {
			family = strings.Replace(family, mark, "_"+strconv.Itoa(numbers[i])+"_", 1)
		}
	}
	return family
}

// titled puts the first number in the place of a final n, as in "Ext n" or "Line Key n".
func titled(title string, numbers []int) string {
	if head, ok := strings.CutSuffix(title, " n"); ok && len(numbers) > 0 {
		return head + " " + strconv.Itoa(numbers[0])
	}
	return title
}

// readType takes from the Go type and the tags how the value is read.
func (e *entry) readType(t reflect.Type, tags fieldTags) {
	e.Type = tags.get("type")
	e.keepsEmpty = true
	e.ranges = readRanges(e.Tag, tags.get("range"))
	number := func(name string, largest int64) {
		if e.Type == "" {
			e.Type = name
		}
		e.min, e.max = 0, largest
		if len(e.ranges) > 0 {
			e.min, e.max = e.ranges[0].min, e.ranges[0].max
		}
		e.Range = fmt.Sprintf("%s–%s", e.formatNumber(e.min), e.formatNumber(e.max))
	}
	switch t {
	case reflect.TypeFor[bool]():
		e.Type, e.Options, e.Range = "Bool", []string{"Yes", "No"}, "Yes | No"
		if e.Default == "" {
			e.Default = "No"
		}
	case reflect.TypeFor[int]():
		number("Number", 1<<31-1)
	case reflect.TypeFor[uint8]():
		number("Number", 1<<8-1)
	case reflect.TypeFor[uint16]():
		number("Port", 1<<16-1)
	case reflect.TypeFor[time.Duration]():
		e.readTime(tags)
	case reflect.TypeFor[Secret]():
		e.Type, e.Secret, e.keepsEmpty = "Secret", true, tags.get("empty") == "keep"
		e.minLen, e.maxLen = tags.number("min", 0), tags.number("max", 127)
		e.Range = lengths(e.minLen, e.maxLen)
	case reflect.TypeFor[string]():
		e.readText(tags)
	default:
		panic("config: " + e.Tag + " has the unusable type " + t.String())
	}
}

func (e *entry) readTime(tags fieldTags) {
	e.Type, e.decimals = "Time", tags.number("decimals", 0)
	low, high, ok := strings.Cut(tags.get("range"), "..")
	if !ok {
		low, high = "0", strconv.Itoa(maxSeconds)
	}
	e.longest = maxSeconds * time.Second
	var errLow, errHigh error
	e.shortest, errLow = e.parseSeconds(low)
	e.longest, errHigh = e.parseSeconds(high)
	if errLow != nil || errHigh != nil {
		panic("config: range of " + e.Tag + " is wrong")
	}
	e.Range = low + "–" + high + " s"
	if e.decimals > 0 {
		e.Range += fmt.Sprintf(", %d decimals", e.decimals)
	}
}

func (e *entry) readText(tags fieldTags) {
	if options := tags.get("options"); options != "" {
		e.Type, e.Options = "Choice", strings.Split(options, "|")
	}
	if e.Type == "" {
		e.Type = "Text"
	}
	kind, ok := textKinds[e.Type]
	if !ok {
		panic("config: " + e.Tag + " has the unknown type " + e.Type)
	}
	e.kind, e.keepsEmpty = kind, kind.keep
	e.minLen, e.maxLen = tags.number("min", 0), tags.number("max", kind.max)
	switch {
	case e.Type == "Choice":
		e.Range = strings.Join(e.Options, " | ")
	case len(e.ranges) > 0:
		var words []string
		for _, r := range e.ranges {
			words = append(words, fmt.Sprintf("%d–%d", r.min, r.max))
		}
		e.Range = strings.TrimPrefix(kind.shape+" "+strings.Join(words, ", "), " ")
	case kind.shape != "":
		e.Range = kind.shape + ", " + lengths(e.minLen, e.maxLen)
	default:
		e.Range = lengths(e.minLen, e.maxLen)
	}
}

// lengths says how long a text may be.
func lengths(shortest, longest int) string {
	if shortest > 0 {
		return fmt.Sprintf("%d–%d characters", shortest, longest)
	}
	return fmt.Sprintf("≤ %d characters", longest)
}

// readRanges reads "0..64" or "1..5,8..9"; times are read by readTime, with their decimals.
func readRanges(tag, text string) []span {
	if text == "" || strings.Contains(strings.ReplaceAll(text, "..", ""), ".") {
		return nil
	}
	var list []span
	for item := range strings.SplitSeq(text, ",") {
		low, high, _ := strings.Cut(item, "..")
		first, errLow := strconv.ParseInt(low, 10, 64)
		last, errHigh := strconv.ParseInt(high, 10, 64)
		if errLow != nil || errHigh != nil || first > last {
			panic("config: range of " + tag + " is wrong")
		}
		list = append(list, span{first, last})
	}
	return list
}
