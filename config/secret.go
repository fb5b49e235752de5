package config

import "fmt"

// Mask stands wherever a secret must not be read: in logs, in JSON, in web pages and in error messages.
// A secret that comes back as nothing but asterisks means "unchanged" (reference B.4), so a page or a
// dump that was filled with masks can be sent back without destroying the real value.
const Mask = "********"

// Secret is a password or a key. Every usual way of printing it gives Mask, or nothing when it is
// empty; only Reveal gives the text. It needs no method for log/slog: handlers print it through
// Format or MarshalJSON.
type Secret string

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// String returns Mask, or "" for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return Mask
}

// GoString is String in quotes, for %#v.
func (s Secret) GoString() string { return fmt.Sprintf("config.Secret(%q)", s.String()) }

// Format prints the mask for every verb, also for %x and %d, which would go around String.
func (s Secret) Format(f fmt.State, verb rune) {
	text := s.String()
	switch {
	case verb == 'v' && f.Flag('#'):
		text = s.GoString()
	case verb == 'q':
		text = `"` + text + `"`
	}
	fmt.Fprint(f, text)
}

// MarshalJSON gives the mask as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// MarshalText gives the mask, for every encoder that asks.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// masked reports whether text is the mask of a secret: one asterisk or more and nothing else.
func masked(text string) bool {
	for i := range len(text) {
		if text[i] != '*' {
			return false
		}
	}
	return text != ""
}
