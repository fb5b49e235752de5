package config

import (
	"bytes"
	"fmt"
	"strings"
)

// DumpOptions says what a dump shows.
type DumpOptions struct {
	// Secrets writes passwords and keys in clear, for the phone's own store. Otherwise their elements
	// are comments, so that a dump given back to the phone leaves the real ones alone, and hidden
	// parameters are not there at all.
	Secrets bool
}

// Dump writes settings as cfg.xml: a profile with every parameter in page order, a comment before each
// section, the access right of each, and the options after a Choice (reference B.12). Parse gives the
// same settings back; only secrets need DumpOptions.Secrets.
func Dump(s Settings, o DumpOptions) []byte {
	var b bytes.Buffer
	b.WriteString("<flat-profile>\n")
	page, section := "", ""
	for _, e := range table.entries {
		if e.Hidden && !o.Secrets {
			continue
		}
		if e.Page != page || e.Section != section {
			page, section = e.Page, e.Section
			fmt.Fprintf(&b, "\n<!-- %s: %s -->\n", page, section)
		}
		if e.Secret && !o.Secrets {
			fmt.Fprintf(&b, "<!-- <%s ua=\"%s\"/> -->\n", e.Tag, e.access(&s))
			continue
		}
		e.dump(&b, &s)
		if e.Type == "Choice" {
			fmt.Fprintf(&b, " <!-- available options: %s -->", strings.Join(e.Options, "|"))
		}
		b.WriteByte('\n')
	}
	b.WriteString("\n</flat-profile>\n")
	return b.Bytes()
}

// escaper writes a text as the content of an element.
var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// dump writes one element, without a newline.
func (e *entry) dump(b *bytes.Buffer, s *Settings) {
	ua, text := e.access(s), e.text(s)
	switch {
	case text == "" && e.users && ua == "rw":
		text = `""` // an empty element would keep what the user typed in
	case text == "":
		fmt.Fprintf(b, "<%s ua=\"%s\"/>", e.Tag, ua)
		return
	}
	fmt.Fprintf(b, "<%s ua=\"%s\">", e.Tag, ua)
	escaper.WriteString(b, text) // never fails: the buffer is in memory
	fmt.Fprintf(b, "</%s>", e.Tag)
}
