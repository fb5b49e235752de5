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
	number     int   // of the line, key or unit, 0 if there is one only
	step       int   // added to the default for each further line
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
	list := readStruct(reflect.TypeFor[Settings](), "", 0)
	d := &directory{exact: make(map[string]*entry, len(list)), folded: make(map[string]*entry, len(list))}
	for _, e := range list {
		d.add(e)
	}
	return d
}

// add takes a parameter into the table and its default into the default settings.
func (d *directory) add(e *entry) {
	folded := strings.ToLower(e.Tag)
	if d.folded[folded] != nil {
		panic("config: tag used twice: " + e.Tag)
	}
	d.entries = append(d.entries, e)
	d.exact[e.Tag] = e
	d.folded[folded] = e
	switch e.Type {
	case "Number", "Port", "Time", "Hex", "Choice":
		if e.Default == "" {
			panic("config: " + e.Tag + " has no default")
		}
	}
	if e.Default == "" {
		return
	}
	if err := e.set(&d.defaults, e.Default); err != nil {
		panic("config: default of " + e.Tag + " " + err.Error())
	}
	e.Default = e.text(&d.defaults)
}

// readStruct returns the parameters of a struct type, with paths from it down. depth counts the arrays
// around it.
func readStruct(t reflect.Type, section string, depth int) []*entry {
	var list []*entry
	earlier := make(map[string]map[string]string)
	for i := range t.NumField() {
		f := t.Field(i)
		tags := readTag(f.Tag)
		if name, ok := tags["section"]; ok {
			section = name
		}
		var found []*entry
		switch f.Type.Kind() {
		case reflect.Struct:
			found = readStruct(f.Type, section, depth)
		case reflect.Array:
			found = readArray(f.Type, section, depth)
		case reflect.Map:
			continue // Access: no parameter
		default:
			if name := tags["like"]; name != "" && earlier[name] == nil {
				panic("config: there is no earlier " + name)
			}
			for key, value := range earlier[tags["like"]] {
				if _, ok := tags[key]; !ok {
					tags[key] = value
				}
			}
			earlier[tags["tag"]] = tags
			found = []*entry{newEntry(f.Type, tags, section)}
		}
		for _, e := range found {
			e.path = append([]int{i}, e.path...)
			if page, ok := tags["page"]; ok {
				e.Page = titled(page, e.number)
				if page == "Ext n" {
					e.Line = e.number
				}
			}
		}
		list = append(list, found...)
	}
	return list
}

// readArray returns the parameters of each element of an array, numbered from 1.
func readArray(t reflect.Type, section string, depth int) []*entry {
	mark := [...]string{"_n_", "_m_"}[depth]
	var list []*entry
	elements := readStruct(t.Elem(), section, depth+1)
	for i := range t.Len() {
		for _, element := range elements {
			e := new(entry)
			*e = *element
			e.path = append([]int{i}, e.path...)
			e.Tag = strings.Replace(e.Tag, mark, "_"+strconv.Itoa(i+1)+"_", 1)
			e.number = i + 1
			if depth == 0 {
				e.Section = titled(e.Section, i+1)
			}
			if e.step != 0 {
				first, _ := strconv.Atoi(e.Default) // that it is a number add has checked for the first
				e.Default = strconv.Itoa(first + e.step*i)
			}
			list = append(list, e)
		}
	}
	return list
}

// titled puts a number in the place of a final n, as in "Ext n" or "Line Key n".
func titled(title string, number int) string {
	if head, ok := strings.CutSuffix(title, " n"); ok {
		return head + " " + strconv.Itoa(number)
	}
	return title
}

// tagKeys are the keys readTags knows; any other is a slip of the pen.
const tagKeys = " page tag label section type default step range decimals min max options access empty flags like help "

// readTag takes a field's tag apart.
func readTag(tag reflect.StructTag) map[string]string {
	tags := make(map[string]string)
	for rest := string(tag); rest != ""; rest = strings.TrimLeft(rest, " ") {
		key, after, _ := strings.Cut(rest, ":")
		quoted, err := strconv.QuotedPrefix(after)
		if err != nil || !strings.Contains(tagKeys, " "+key+" ") {
			panic("config: the tag " + string(tag) + " cannot be read at " + key)
		}
		tags[key], _ = strconv.Unquote(quoted)
		rest = after[len(quoted):]
	}
	return tags
}

// tagNumber reads a number of a tag.
func tagNumber(tags map[string]string, key string, otherwise int) int {
	text := tags[key]
	if text == "" {
		return otherwise
	}
	v, err := strconv.Atoi(text)
	if err != nil {
		panic("config: " + key + " of " + tags["tag"] + " is no number")
	}
	return v
}

// newEntry makes the parameter of one field.
func newEntry(t reflect.Type, tags map[string]string, section string) *entry {
	e := &entry{step: tagNumber(tags, "step", 0)}
	e.Family, e.Tag = tags["tag"], tags["tag"]
	e.Label, e.Section, e.Help = tags["label"], section, tags["help"]
	if e.Label == "" {
		label := strings.ReplaceAll(strings.ReplaceAll(e.Family, "_n_", "_"), "_m_", "_")
		e.Label = strings.ReplaceAll(strings.TrimSuffix(label, "_"), "_", " ")
	}
	e.Default, e.Access = tags["default"], tags["access"]
	if e.Access == "" {
		e.Access = "na"
	}
	e.Own, e.Hidden = tags["flags"] == "own", tags["flags"] == "hidden"
	e.users = tags["empty"] == "user"
	e.readType(t, tags)
	if e.Tag == "" || e.Help == "" || e.Section == "" {
		panic("config: a field has no tag, help or section: " + e.Tag)
	}
	return e
}

// readType takes from the Go type and the tags how the value is read.
func (e *entry) readType(t reflect.Type, tags map[string]string) {
	e.Type = tags["type"]
	e.keepsEmpty = true
	e.ranges = readRanges(e.Tag, tags["range"])
	number := func(name string, largest int64) {
		if e.Type == "" {
			e.Type = name
		}
		e.min, e.max = 0, largest
		if len(e.ranges) > 0 {
			e.min, e.max = e.ranges[0].min, e.ranges[0].max
		}
		if e.max > largest {
			panic("config: range of " + e.Tag + " is larger than its type")
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
		e.Type, e.Secret, e.keepsEmpty = "Secret", true, tags["empty"] == "keep"
		e.minLen, e.maxLen = tagNumber(tags, "min", 0), tagNumber(tags, "max", 127)
		e.Range = lengths(e.minLen, e.maxLen)
	case reflect.TypeFor[string]():
		e.readText(tags)
	default:
		panic("config: " + e.Tag + " has the unusable type " + t.String())
	}
}

func (e *entry) readTime(tags map[string]string) {
	e.Type, e.decimals = "Time", tagNumber(tags, "decimals", 0)
	low, high, ok := strings.Cut(tags["range"], "..")
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

func (e *entry) readText(tags map[string]string) {
	if options := tags["options"]; options != "" {
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
	e.minLen, e.maxLen = tagNumber(tags, "min", 0), tagNumber(tags, "max", kind.max)
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
