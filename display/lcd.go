package display

import (
	"strings"
	"unicode"
)

// An HD44780 shows ASCII but for "\" and "~" (in its Japanese font a yen sign and an arrow) and some
// letters both of its fonts have. Everything else is written with these.
const alsoShown = "äöüßñ°£µ"

// spellings says how letters an LCD lacks are written, in groups: the letters, and what stands for
// each of them. Greek and Cyrillic follow the passport spellings.
var spellings = spell(
	"ÀÁÂÃÄÅĀĂĄǍ", "A", "àáâãåāăąǎ", "a", "ÇĆĈĊČ", "C", "çćĉċč", "c", "ÐĎĐ", "D", "ðďđ", "d",
	"ÈÉÊËĒĔĖĘĚ", "E", "èéêëēĕėęě", "e", "ĜĞĠĢ", "G", "ĝğġģ", "g", "ĤĦ", "H", "ĥħ", "h",
	"ÌÍÎÏĨĪĬĮİ", "I", "ìíîïĩīĭįı", "i", "Ĵ", "J", "ĵ", "j", "Ķ", "K", "ķĸ", "k",
	"ĹĻĽĿŁ", "L", "ĺļľŀł", "l", "ÑŃŅŇŊ", "N", "ńņňŉŋ", "n", "ÒÓÔÕÖØŌŎŐ", "O", "òóôõøōŏő", "o",
	"ŔŖŘ", "R", "ŕŗř", "r", "ŚŜŞŠȘ", "S", "śŝşšș", "s", "ŢŤŦȚ", "T", "ţťŧț", "t",
	"ÙÚÛÜŨŪŬŮŰŲ", "U", "ùúûũūŭůűų", "u", "Ŵ", "W", "ŵ", "w", "ÝŶŸ", "Y", "ýŷÿ", "y",
	"ŹŻŽ", "Z", "źżž", "z", "ẞ", "SS", "Þ", "Th", "þ", "th", "Æ", "AE", "æ", "ae", "Œ", "OE", "œ", "oe",

	"ΑΆ", "A", "αά", "a", "Β", "V", "β", "v", "Γ", "G", "γ", "g", "Δ", "D", "δ", "d", "ΕΈ", "E", "εέ", "e",
	"Ζ", "Z", "ζ", "z", "ΗΉΙΊΪ", "I", "ηήιίϊΐ", "i", "Θ", "Th", "θ", "th", "Κ", "K", "κ", "k", "Λ", "L", "λ", "l",
	"Μ", "M", "μ", "m", "Ν", "N", "ν", "n", "Ξ", "X", "ξ", "x", "ΟΌΩΏ", "O", "οόωώ", "o", "Π", "P", "π", "p",
	"Ρ", "R", "ρ", "r", "Σ", "S", "σς", "s", "Τ", "T", "τ", "t", "ΥΎΫ", "Y", "υύϋΰ", "y", "Φ", "F", "φ", "f",
	"Χ", "Ch", "χ", "ch", "Ψ", "Ps", "ψ", "ps",

	"А", "A", "а", "a", "Б", "B", "б", "b", "В", "V", "в", "v", "ГҐ", "G", "гґ", "g", "Д", "D", "д", "d",
	"ЕЁЭЄ", "E", "еёэє", "e", "Ж", "Zh", "ж", "zh", "З", "Z", "з", "z", "ИЙІ", "I", "ийі", "i", "Ї", "Yi", "ї", "yi",
	"К", "K", "к", "k", "Л", "L", "л", "l", "М", "M", "м", "m", "Н", "N", "н", "n", "О", "O", "о", "o", "П", "P", "п", "p",
	"Р", "R", "р", "r", "С", "S", "с", "s", "Т", "T", "т", "t", "УЎ", "U", "уў", "u", "Ф", "F", "ф", "f",
	"Х", "Kh", "х", "kh", "Ц", "Ts", "ц", "ts", "Ч", "Ch", "ч", "ch", "Ш", "Sh", "ш", "sh", "Щ", "Shch", "щ", "shch",
	"ЪЬъь", "", "Ы", "Y", "ы", "y", "Ю", "Iu", "ю", "iu", "Я", "Ia", "я", "ia", "Ј", "J", "ј", "j",
	"Љ", "Lj", "љ", "lj", "Њ", "Nj", "њ", "nj", "Ћ", "C", "ћ", "c", "Ђ", "Dj", "ђ", "dj", "Џ", "Dz", "џ", "dz",

	"‘’‚‛′´", "'", "“”„‟″«»", `"`, "‐‑‒–—―−~", "-", "\\", "/", "…", "...", "•·", "*", "€", "EUR", "©", "(c)", "®", "(R)",
	"×", "x", "÷", ":", "º", "°", "½", "1/2", "¼", "1/4", "¾", "3/4", "№", "No.",
)

// spell makes the table of spellings from its groups.
func spell(groups ...string) map[rune]string {
	table := make(map[rune]string)
	for i := 0; i < len(groups); i += 2 {
		for _, r := range groups[i] {
			table[r] = groups[i+1]
		}
	}
	return table
}

// readable returns s as an HD44780 can show it. A run of letters there is no spelling for becomes one
// "?"; marks and joiners that take no place vanish, and white space is a space.
func readable(s string) string { return legible(s, lcdHas) }

// lcdHas reports whether an HD44780 has that letter.
func lcdHas(r rune) bool {
	return r >= ' ' && r <= '}' && r != '\\' || r > '~' && strings.ContainsRune(alsoShown, r)
}

// legible returns s in letters a screen has, spelled as readable does.
func legible(s string, has func(rune) bool) string {
	var b strings.Builder
	unknown := false
	for _, r := range s {
		if r >= 0xff01 && r <= 0xff5e { // ASCII in full width
			r -= 0xff01 - '!'
		}
		spelling, ok := spellings[r]
		switch {
		case has(r):
			b.WriteRune(r)
		case ok:
			b.WriteString(spelling)
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cc, unicode.Cf):
			continue
		case !unknown:
			b.WriteByte('?')
			unknown = true
			continue
		default:
			continue
		}
		unknown = false
	}
	return strings.TrimSpace(b.String())
}
