package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// This file reads and writes the text of one value. What a text may be is decided by the Go type of the
// field and, for strings, by the kind named in its tag (text.go).

// Specification constants.
const (
	maxSeconds = 1<<31 - 1 // reference A.9: the largest interval a parameter allows, in seconds
)

// clean trims a text and refuses what must not reach SIP headers, logs or XML: control characters
// (a CR LF in a display name would be a header of somebody else's choice) and broken UTF-8.
func clean(text string) (string, error) {
	text = strings.TrimSpace(text)
	if !utf8.ValidString(text) {
		return "", errors.New("is not valid UTF-8")
	}
	for _, r := range text {
		switch {
		case unicode.IsControl(r):
			return "", fmt.Errorf("holds the control character U+%04X", r)
		case r == '\u2028' || r == '\u2029':
			return "", fmt.Errorf("holds the line separator U+%04X", r)
		case r == '\ufffe' || r == '\uffff':
			return "", fmt.Errorf("holds U+%04X, which XML cannot carry", r)
		}
	}
	if text == `""` { // reference B.4: two quotation marks are the empty text
		return "", nil
	}
	return text, nil
}

// set reads text, already clean, into the parameter's field. An error says what the text should have
// been; the field is then untouched.
func (e *entry) set(s *Settings, text string) error {
	switch field := e.field(s).(type) {
	case *bool:
		v, err := parseBool(text)
		if err != nil {
			return err
		}
		*field = v
	case *int:
		v, err := e.parseNumber(text)
		if err != nil {
			return err
		}
		*field = int(v)
	case *uint8:
		v, err := e.parseNumber(text)
		if err != nil {
			return err
		}
		*field = uint8(v)
	case *uint16:
		v, err := e.parseNumber(text)
		if err != nil {
			return err
		}
		*field = uint16(v)
	case *time.Duration:
		v, err := e.parseSeconds(text)
		if err != nil {
			return err
		}
		*field = v
	case *Secret:
		if masked(text) {
			return nil
		}
		v, err := e.parseText(text)
		if err != nil {
			return err
		}
		*field = Secret(v)
	case *string:
		v, err := e.parseText(text)
		if err != nil {
			return err
		}
		*field = v
	}
	return nil
}

// text writes the parameter's value as set reads it.
func (e *entry) text(s *Settings) string {
	switch field := e.field(s).(type) {
	case *bool:
		if *field {
			return "Yes"
		}
		return "No"
	case *int:
		return e.formatNumber(int64(*field))
	case *uint8:
		return e.formatNumber(int64(*field))
	case *uint16:
		return e.formatNumber(int64(*field))
	case *time.Duration:
		return formatSeconds(*field)
	case *Secret:
		return field.Reveal()
	case *string:
		return *field
	}
	return ""
}

// parseBool reads Yes or No in any case, and the 1 and 0 of older phones (reference B.1.3).
func parseBool(text string) (bool, error) {
	switch {
	case strings.EqualFold(text, "Yes"), text == "1":
		return true, nil
	case strings.EqualFold(text, "No"), text == "0":
		return false, nil
	}
	return false, errors.New("must be Yes or No")
}

// parseNumber reads a decimal or 0x number inside the parameter's range.
func (e *entry) parseNumber(text string) (int64, error) {
	digits, base := text, 10
	if len(text) > 2 && (text[:2] == "0x" || text[:2] == "0X") {
		digits, base = text[2:], 16
	}
	v, err := strconv.ParseUint(digits, base, 32)
	if err != nil {
		return 0, fmt.Errorf("must be a whole number, %s", e.Range)
	}
	if int64(v) < e.min || int64(v) > e.max {
		return 0, fmt.Errorf("must be %s", e.Range)
	}
	return int64(v), nil
}

// formatNumber writes a number: decimal, or 0x00 for an octet that people know in hexadecimal.
func (e *entry) formatNumber(v int64) string {
	if e.Type == "Hex" {
		return fmt.Sprintf("0x%02x", v)
	}
	return strconv.FormatInt(v, 10)
}

// parseSeconds reads seconds with decimals. Decimals beyond the parameter's own are dropped, not
// rounded (reference B.1.3, Time).
func (e *entry) parseSeconds(text string) (time.Duration, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	if whole+fraction == "" || !allDigits(whole) || !allDigits(fraction) {
		return 0, fmt.Errorf("must be seconds, %s", e.Range)
	}
	var seconds uint64
	if whole != "" {
		v, err := strconv.ParseUint(whole, 10, 64)
		if err != nil || v > maxSeconds {
			return 0, fmt.Errorf("must be %s", e.Range)
		}
		seconds = v
	}
	d := time.Duration(seconds) * time.Second
	for i, unit := 0, time.Second/10; i < len(fraction) && i < e.decimals; i, unit = i+1, unit/10 {
		d += time.Duration(fraction[i]-'0') * unit
	}
	if d < e.shortest || d > e.longest {
		return 0, fmt.Errorf("must be %s", e.Range)
	}
	return d, nil
}

// formatSeconds writes a duration as seconds, with as many decimals as it has.
func formatSeconds(d time.Duration) string {
	text := strconv.FormatInt(int64(d/time.Second), 10)
	if rest := d % time.Second; rest != 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%09d", rest), "0")
	}
	return text
}

// parseText checks a string by the rule of its kind. Empty is always allowed here: whether an empty
// text may replace a value is the caller's question (keepsEmpty).
func (e *entry) parseText(text string) (string, error) {
	if text == "" {
		return "", e.emptyAllowed()
	}
	if len(text) > e.maxLen {
		return "", fmt.Errorf("is longer than %d characters", e.maxLen)
	}
	if e.minLen > 0 && len(text) < e.minLen {
		return "", fmt.Errorf("is shorter than %d characters", e.minLen)
	}
	if check := e.kind.check; check != nil {
		return check(e, text)
	}
	return text, nil
}

// emptyAllowed is nil for a parameter that can be cleared.
func (e *entry) emptyAllowed() error {
	switch {
	case !e.keepsEmpty:
		return nil
	case e.Secret:
		return errors.New("must not be empty")
	}
	return fmt.Errorf("must be %s", e.Range)
}

// allDigits reports whether text is decimal digits only; the empty text is.
func allDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}
