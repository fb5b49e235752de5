package sip

import "fmt"

// secretMask is what every way of printing a Secret shows.
const secretMask = "********"

// Secret is a password. Whatever prints, formats or marshals it shows a mask; only Reveal gives the text,
// so that it cannot reach a log, a recording or an error by accident.
type Secret string

// Reveal returns the password itself.
func (s Secret) Reveal() string { return string(s) }

// String returns the mask, or nothing for an empty Secret: whether one is set is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return secretMask
}

// GoString masks %#v.
func (s Secret) GoString() string { return fmt.Sprintf("sip.Secret(%q)", s.String()) }

// Format masks every verb, %x and %d included.
func (s Secret) Format(f fmt.State, verb rune) {
	text := s.String()
	switch {
	case verb == 'v' && f.Flag('#'):
		text = s.GoString()
	case verb == 'q':
		text = fmt.Sprintf("%q", text)
	}
	_, _ = f.Write([]byte(text)) // fmt.State never fails: it is a buffer
}

// MarshalText masks the password in TOML, XML and log/slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON masks the password in JSON.
func (s Secret) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%q", s.String()), nil }
