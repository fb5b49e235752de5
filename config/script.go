package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Specification constants, reference E.4.
const (
	maxFrequencies = 6 // of a tone script
	maxSegments    = 6 // of a section
	maxSections    = 2 // of a tone or cadence script
)

// checkTone accepts a tone script: frequencies, then one or two sections with segments on/off/which,
// for example 480@-19,620@-19;10(.5/.5/1+2). Reference E.4.
func checkTone(_ *entry, text string) (string, error) {
	parts := strings.Split(text, ";")
	frequencies, err := checkFrequencies(parts[0])
	if err != nil {
		return "", err
	}
	return text, checkSections(parts[1:], func(segment string) error {
		return checkToneSegment(segment, frequencies)
	})
}

// checkCadence accepts a cadence script: one or two sections with segments on/off, for example
// 60(.4/.2,.4/2). Reference E.4.
func checkCadence(_ *entry, text string) (string, error) {
	return text, checkSections(strings.Split(text, ";"), func(segment string) error {
		on, off, ok := strings.Cut(segment, "/")
		if !ok || !isSpan(on) || !isSpan(off) {
			return fmt.Errorf("has the segment %q, which is not on/off", segment)
		}
		return nil
	})
}

// checkFrequencies accepts a frequency script, Hz@dBm with one to six entries, and counts them.
func checkFrequencies(text string) (int, error) {
	items := strings.Split(text, ",")
	if len(items) > maxFrequencies {
		return 0, fmt.Errorf("has %d frequencies, at most %d are possible", len(items), maxFrequencies)
	}
	for _, item := range items {
		hertz, level, _ := strings.Cut(strings.TrimSpace(item), "@")
		if v, err := strconv.ParseUint(hertz, 10, 16); err != nil || v == 0 || v > 4000 {
			return 0, fmt.Errorf("has the frequency %q, which is not Hz@dBm such as 440@-19", item)
		}
		digits, decimals, _ := strings.Cut(strings.TrimPrefix(level, "-"), ".")
		if digits == "" || len(digits) > 2 || len(decimals) > 1 || !allDigits(digits+decimals) {
			return 0, fmt.Errorf("has the level %q, which is not dBm such as -19 or -19.5", level)
		}
	}
	return len(items), nil
}

// checkSections accepts one or two sections, total(segment,…) with one to six segments each.
func checkSections(sections []string, checkSegment func(string) error) error {
	if len(sections) == 0 || len(sections) > maxSections {
		return fmt.Errorf("must have one or two sections such as 10(.5/.5), not %d", len(sections))
	}
	for _, section := range sections {
		total, rest, _ := strings.Cut(strings.TrimSpace(section), "(")
		list, closed := strings.CutSuffix(rest, ")")
		if !closed || !isSpan(total) {
			return fmt.Errorf("has the section %q, which is not seconds(segment,…)", section)
		}
		segments := strings.Split(list, ",")
		if len(segments) > maxSegments {
			return fmt.Errorf("has %d segments in a section, at most %d are possible", len(segments), maxSegments)
		}
		for _, segment := range segments {
			if err := checkSegment(strings.TrimSpace(segment)); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkToneSegment accepts on/off/n+n; n is 1 to the number of frequencies, 0 is silence.
func checkToneSegment(segment string, frequencies int) error {
	parts := strings.Split(segment, "/")
	if len(parts) != 3 || !isSpan(parts[0]) || !isSpan(parts[1]) {
		return fmt.Errorf("has the segment %q, which is not on/off/frequencies", segment)
	}
	for number := range strings.SplitSeq(parts[2], "+") {
		if v, err := strconv.ParseUint(number, 10, 8); err != nil || int(v) > frequencies {
			return fmt.Errorf("has the segment %q, which names frequency %q of %d", segment, number, frequencies)
		}
	}
	return nil
}

// isSpan reports whether text is seconds with at most three decimals, or * for ever.
func isSpan(text string) bool {
	if text == "*" {
		return true
	}
	whole, fraction, _ := strings.Cut(text, ".")
	return whole+fraction != "" && len(whole) <= 6 && len(fraction) <= 3 && allDigits(whole) && allDigits(fraction)
}

// checkRing accepts a ring script: n=name;h=hint;w=waveform;c=cadence;b=break;t=total (reference E.4).
func checkRing(_ *entry, text string) (string, error) {
	for item := range strings.SplitSeq(text, ";") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		name, value, ok := strings.Cut(item, "=")
		if !ok {
			return "", fmt.Errorf("has %q, which is not name=value", item)
		}
		switch name {
		case "n", "h", "w":
		case "c":
			if len(value) != 1 || !allDigits(value) {
				return "", fmt.Errorf("has the cadence %q, which is not 0–9", value)
			}
		case "b", "t":
			if !isSpan(value) {
				return "", fmt.Errorf("has %q, which is not seconds", item)
			}
		default:
			return "", fmt.Errorf("has %q; a ring script knows n, h, w, c, b and t", item)
		}
	}
	return text, nil
}

// checkHHmm accepts a time of day without separator.
func checkHHmm(_ *entry, text string) (string, error) {
	if len(text) != 4 || !allDigits(text) || text > "2400" || text[2:] > "59" {
		return "", errors.New("must be HHmm, 0000–2400")
	}
	return text, nil
}

// checkDate accepts mm/dd/yyyy, mm/dd/yy or mm/dd.
func checkDate(_ *entry, text string) (string, error) {
	parts := strings.Split(text, "/")
	if len(parts) < 2 || len(parts) > 3 || !isBetween(parts[0], 1, 12) || !isBetween(parts[1], 1, 31) ||
		len(parts) == 3 && !isBetween(parts[2], 0, 9999) {
		return "", errors.New("must be mm/dd/yyyy or mm/dd")
	}
	return text, nil
}

// checkClock accepts HH/mm or HH:mm, with seconds if wanted.
func checkClock(_ *entry, text string) (string, error) {
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == '/' || r == ':' })
	if len(parts) < 2 || len(parts) > 3 || !isBetween(parts[0], 0, 23) || !isBetween(parts[1], 0, 59) ||
		len(parts) == 3 && !isBetween(parts[2], 0, 59) {
		return "", errors.New("must be HH/mm or HH:mm")
	}
	return text, nil
}

// checkOffset accepts hours and minutes added to local time, with an optional sign.
func checkOffset(_ *entry, text string) (string, error) {
	hours, minutes, ok := strings.Cut(strings.TrimLeft(text, "+-"), "/")
	if !ok || strings.LastIndexAny(text, "+-") > 0 || !isBetween(hours, 0, 23) || !isBetween(minutes, 0, 59) {
		return "", errors.New("must be HH/mm or -HH/mm")
	}
	return text, nil
}

// checkTimeZone accepts GMT, GMT+HH:MM or GMT-HH:MM.
func checkTimeZone(_ *entry, text string) (string, error) {
	offset, ok := strings.CutPrefix(strings.ToUpper(text), "GMT")
	if ok && offset == "" {
		return "GMT", nil
	}
	if !ok || len(offset) != 6 || offset[0] != '+' && offset[0] != '-' || offset[3] != ':' ||
		!isBetween(offset[1:3], 0, 14) || !isBetween(offset[4:], 0, 59) {
		return "", errors.New("must be GMT, GMT+HH:MM or GMT-HH:MM")
	}
	return "GMT" + offset, nil
}

// checkDSTRule accepts a summer time rule, start=3/-1/7/2;end=10/-1/7/2;save=1 (reference E.5).
func checkDSTRule(_ *entry, text string) (string, error) {
	start, end, save := 0, 0, 0
	for item := range strings.SplitSeq(text, ";") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		name, value, _ := strings.Cut(item, "=")
		ok := false
		switch name {
		case "start":
			start, ok = start+1, isDSTDay(value)
		case "end":
			end, ok = end+1, isDSTDay(value)
		case "save":
			save, ok = save+1, isDSTTime(strings.TrimPrefix(value, "-"))
		}
		if !ok {
			return "", fmt.Errorf("has %q, which is not start=M/D/W/HH:mm:ss, end=… or save=HH:mm:ss", item)
		}
	}
	if start != 1 || end != 1 || save != 1 {
		return "", errors.New("must have start, end and save, each once")
	}
	return text, nil
}

// isDSTDay reports whether text is month/day/weekday with an optional time after another slash.
func isDSTDay(text string) bool {
	parts := strings.Split(text, "/")
	if len(parts) < 3 || len(parts) > 4 {
		return false
	}
	return isBetween(parts[0], 1, 12) && isBetween(strings.TrimPrefix(parts[1], "-"), 1, 31) &&
		isBetween(parts[2], 0, 7) && (len(parts) == 3 || isDSTTime(parts[3]))
}

// isDSTTime reports whether text is HH, HH:mm or HH:mm:ss.
func isDSTTime(text string) bool {
	parts := strings.Split(text, ":")
	if len(parts) > 3 || !isBetween(parts[0], 0, 23) {
		return false
	}
	for _, part := range parts[1:] {
		if !isBetween(part, 0, 59) {
			return false
		}
	}
	return true
}

// isBetween reports whether text is a decimal number of at most four digits, low to high.
func isBetween(text string, low, high int) bool {
	if text == "" || len(text) > 4 || !allDigits(text) {
		return false
	}
	v, err := strconv.Atoi(text)
	return err == nil && v >= low && v <= high
}
