package config

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Table returns every parameter as aligned text, grouped by page and section: tag, type, default, range
// and help, a line each.
func Table() string {
	var b strings.Builder
	rest := table.entries
	for len(rest) > 0 {
		n := 1
		for n < len(rest) && rest[n].Page == rest[0].Page && rest[n].Section == rest[0].Section {
			n++
		}
		fmt.Fprintf(&b, "%s: %s\n", rest[0].Page, rest[0].Section)
		writeColumns(&b, rest[:n])
		b.WriteByte('\n')
		rest = rest[n:]
	}
	return b.String()
}

// Implementation constant: a column of Table wider than this runs into the next one.
const widestColumn = 52

func writeColumns(b *strings.Builder, list []*entry) {
	var widths [4]int
	for _, e := range list {
		for i, text := range columns(e) {
			widths[i] = max(widths[i], min(utf8.RuneCountInString(text), widestColumn))
		}
	}
	for _, e := range list {
		b.WriteString("  ")
		for i, text := range columns(e) {
			b.WriteString(text)
			b.WriteString(strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(text))+2))
		}
		b.WriteString(e.Help)
		b.WriteByte('\n')
	}
}

// columns are the texts before the help; "-" stands for an empty default.
func columns(e *entry) [4]string {
	preset := e.Default
	if preset == "" {
		preset = "-"
	}
	return [4]string{e.Tag, e.Type, preset, e.Range}
}

// Markdown returns docs/parameters.md: every parameter, those of the lines and keys once.
func Markdown() []byte {
	var b bytes.Buffer
	b.WriteString(preface)
	page, section := "", ""
	seen := make(map[string]bool)
	for _, e := range table.entries {
		if seen[e.Family] {
			continue
		}
		seen[e.Family] = true
		if p := family(e.Page, e); p != page {
			page, section = p, ""
			fmt.Fprintf(&b, "\n## %s\n", page)
		}
		if s := family(e.Section, e); s != section {
			section = s
			fmt.Fprintf(&b, "\n### %s\n\n| Parameter | Type | Default | Range | Meaning |\n|---|---|---|---|---|\n", section)
		}
		preset := "empty"
		if e.Default != "" {
			preset = "`" + cell(e.Default) + "`"
		}
		if last := table.last(e.Family); last.Default != e.Default {
			preset += " … `" + cell(last.Default) + "`"
		}
		help := cell(e.Help)
		if e.Own {
			help += " *(own)*"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", e.Family, e.Type, preset, cell(e.Range), help)
	}
	return b.Bytes()
}

// last returns the last parameter of a family.
func (d *directory) last(family string) *entry {
	var last *entry
	for _, e := range d.entries {
		if e.Family == family {
			last = e
		}
	}
	return last
}

// family puts the n back into the title of a page or section whose parameters are numbered.
func family(title string, e *entry) string {
	if e.Family == e.Tag {
		return title
	}
	return strings.TrimSuffix(title, " 1") + map[bool]string{true: " n"}[strings.HasSuffix(title, " 1")]
}

// cell escapes what would end a cell of a Markdown table.
func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

// preface stands at the top of docs/parameters.md.
const preface = `# Parameters

Every parameter of the phone, by the page it is on. This file is made from the field tags in
` + "`config/`; `go test ./config -run TestMarkdown -update`" + ` writes it anew, ` + "`dialtone params`" + ` prints the same.

A profile is an XML document with one element per parameter:

` + "```xml" + `
<flat-profile>
  <User_ID_1_>1001</User_ID_1_>
  <Password_1_>secret</Password_1_>
  <Proxy_1_>example.test</Proxy_1_>
</flat-profile>
` + "```" + `

- What a profile does not name stays as it is, and what the phone does not know is ignored and counted. The last of
  several elements for one parameter wins. Names are case-sensitive; one that differs in case only is accepted.
- A wrong value is refused alone: the parameter keeps what it had, and the log names the line and the reason.
- An empty element clears a text or a secret (never ` + "`Admin_Password`" + `). It leaves a Bool, Choice, number or time as it was. ` + "`\"\"`" + ` is the empty text.
- The attribute ` + "`ua`" + ` says what the login *user* may do: ` + "`na`" + ` nothing, ` + "`ro`" + ` look, ` + "`rw`" + ` change. ` + "`preserve-value=\"y\"`" + ` changes that
  and leaves the value alone.
- A secret made of asterisks only means "unchanged". A dump without secrets has them as comments.
- A document without ` + "`<flat-profile>`" + `, with a DOCTYPE, broken, over 2 MB, over 16 elements deep or with over 16 attributes in
  one element is refused whole.
- ` + "`_n_`" + ` stands for the number of the line or key, as in ` + "`Proxy_1_`; `_m_`" + ` for a second number. Times are seconds.
  Lengths are counted in bytes of UTF-8. *(own)* marks what only this phone has.
`
