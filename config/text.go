package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A textKind is what a string parameter may hold.
type textKind struct {
	shape string // as shown beside the length, "" if any text will do
	max   int    // most bytes; a field's own max tag wins
	keep  bool   // an empty element keeps the value, as for numbers: an empty text would mean nothing
	// check returns the text in its canonical spelling, or says what it should have been. It is never
	// asked about the empty text.
	check func(e *entry, text string) (string, error)
}

// textKinds is the table of string types by the name in the type tag (reference B.1.3).
var textKinds = map[string]textKind{
	"Text":       {max: 255},
	"Token":      {shape: "letters, digits and - . ! % * _ + ` ' ~", max: 63, check: checkToken},
	"MIME":       {shape: "type/subtype", max: 127, check: checkMIME},
	"Choice":     {max: 63, keep: true, check: checkChoice},
	"UserID":     {shape: "user part of a SIP address", max: 63, check: checkUserID},
	"Group":      {shape: "not beginning with - ; or a blank", max: 127, check: checkGroup},
	"URI":        {shape: "SIP address or number", max: 255, check: checkURI},
	"Phone":      {shape: "number, star code or SIP address", max: 39, check: checkURI},
	"Host":       {shape: "host or host:port", max: 255, check: checkHost},
	"Proxy":      {shape: "host, host:port or a static list", max: 1024, check: checkProxy},
	"IP":         {shape: "IPv4 or IPv6 address", max: 45, check: checkIP},
	"IPv4":       {shape: "IPv4 address", max: 15, check: checkIPv4},
	"IPv6":       {shape: "IPv6 address", max: 45, check: checkIPv6},
	"URL":        {shape: "URL", max: 1024, check: checkURL},
	"Rule":       {shape: "provisioning rule", max: 1024},
	"Intervals":  {shape: "n, n+random or a list n,n,…", max: 127, check: checkIntervals},
	"Numbers":    {shape: "list of numbers", max: 63, check: checkNumbers},
	"Optional":   {max: 10, check: checkOptional},
	"HHmm":       {shape: "0000–2400", max: 4, check: checkHHmm},
	"Date":       {shape: "mm/dd/yyyy or mm/dd", max: 10, check: checkDate},
	"Clock":      {shape: "HH/mm or HH:mm", max: 8, check: checkClock},
	"Offset":     {shape: "[-]HH/mm", max: 6, keep: true, check: checkOffset},
	"TimeZone":   {shape: "GMT, GMT+HH:MM or GMT-HH:MM", max: 9, keep: true, check: checkTimeZone},
	"DSTRule":    {shape: "start=M/D/W/HH:mm:ss;end=…;save=HH:mm:ss", max: 127, check: checkDSTRule},
	"StarCode":   {shape: "keys 0–9 * # +", max: 7, check: checkStarCode},
	"RscTmplt":   {shape: "status codes such as 404, 5??, 6*", max: 39, check: checkRSC},
	"ToneScript": {shape: "tone script", max: 127, check: checkTone},
	"CadScript":  {shape: "cadence script", max: 127, check: checkCadence},
	"RingScript": {shape: "n=name;w=1–4 or file;c=cadence", max: 255, check: checkRing},
	"DialPlan":   {shape: "dial plan in parentheses", max: 2047, check: checkDialPlan},
}

// onlyOf reports the first character of text that is neither an ASCII letter or digit nor one of allowed.
func onlyOf(text, allowed string) error {
	for _, r := range text {
		if r > '~' || !isLetterOrDigit(byte(r)) && !strings.ContainsRune(allowed, r) {
			return fmt.Errorf("must not hold %q", r)
		}
	}
	return nil
}

func isLetterOrDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// checkChoice finds the option, in any case, and returns it as the table spells it.
func checkChoice(e *entry, text string) (string, error) {
	for _, option := range e.Options {
		if option == text {
			return option, nil
		}
	}
	for _, option := range e.Options {
		if strings.EqualFold(option, text) {
			return option, nil
		}
	}
	return "", fmt.Errorf("must be one of %s", strings.Join(e.Options, ", "))
}

// checkToken accepts an RFC 3261 token.
func checkToken(_ *entry, text string) (string, error) {
	return text, onlyOf(text, "-.!%*_+`'~")
}

// checkMIME accepts type/subtype, two tokens.
func checkMIME(_ *entry, text string) (string, error) {
	kind, subtype, _ := strings.Cut(text, "/")
	if kind == "" || subtype == "" {
		return "", errors.New("must be type/subtype")
	}
	return text, onlyOf(kind+subtype, "-.!%*_+`'~")
}

// checkUserID accepts what may stand before the @ of a SIP address, RFC 3261 section 25.1 (user).
func checkUserID(_ *entry, text string) (string, error) {
	if strings.Contains(text, "@") {
		return "", errors.New("must be the part before the @ only; SIP_URI takes a whole address")
	}
	return text, onlyOf(text, "-_.!~*'()%&=+$,;?/#")
}

// checkGroup refuses the first characters a report group must not have (reference H.2).
func checkGroup(_ *entry, text string) (string, error) {
	if strings.ContainsAny(text[:1], "-;") {
		return "", errors.New("must not begin with - or ;")
	}
	return text, nil
}

// checkURI keeps out what would end an address inside a SIP header. It does not parse the address:
// macros such as $PROXY stand in many of them.
func checkURI(_ *entry, text string) (string, error) {
	if strings.ContainsAny(text, " <>\"\\") {
		return "", errors.New("must hold no blank, quotation mark, backslash or angle bracket")
	}
	return text, nil
}

// checkURL is checkURI for web addresses.
func checkURL(e *entry, text string) (string, error) { return checkURI(e, text) }

// checkHost accepts a host name or address with an optional port. $PROXY and the like are accepted.
func checkHost(_ *entry, text string) (string, error) {
	if err := onlyOf(text, "-._:[]%$"); err != nil {
		return "", err
	}
	return text, checkPort(text)
}

// checkPort checks the port of host:port, where there is one.
func checkPort(text string) error {
	if _, err := netip.ParseAddr(text); err == nil {
		return nil // a bare IPv6 address has colons and no port
	}
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 || strings.HasSuffix(text, "]") {
		return nil
	}
	port, err := strconv.ParseUint(text[colon+1:], 10, 16)
	if err != nil || port == 0 {
		return fmt.Errorf("must end with a port of 1–65535, not %q", text[colon+1:])
	}
	if colon == 0 {
		return errors.New("must begin with a host")
	}
	return nil
}

// checkProxy accepts a host, host:port or a static list (reference A.3). The list itself is read by the
// line that uses it, which fails softly; here only what belongs in no list is refused.
func checkProxy(_ *entry, text string) (string, error) {
	if err := onlyOf(text, "-._:[]%|,= "); err != nil {
		return "", err
	}
	if strings.Contains(text, "=") || strings.ContainsAny(text, "|, ") {
		return text, nil
	}
	return text, checkPort(text)
}

func checkIP(_ *entry, text string) (string, error) {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return "", errors.New("must be an IPv4 or IPv6 address")
	}
	return text, nil
}

func checkIPv4(_ *entry, text string) (string, error) {
	if addr, err := netip.ParseAddr(text); err != nil || !addr.Is4() {
		return "", errors.New("must be an IPv4 address")
	}
	return text, nil
}

func checkIPv6(_ *entry, text string) (string, error) {
	addr, err := netip.ParseAddr(text)
	if err != nil || !addr.Is6() || addr.Zone() != "" {
		return "", errors.New("must be an IPv6 address")
	}
	return text, nil
}

// checkIntervals accepts n, n+random or a list of them (reference B.5), each at most maxSeconds.
func checkIntervals(_ *entry, text string) (string, error) {
	for item := range strings.SplitSeq(text, ",") {
		base, spread, random := strings.Cut(strings.TrimSpace(item), "+")
		if !isSeconds(base) || random && !isSeconds(spread) {
			return "", fmt.Errorf("must be seconds as n, n+random or a list n,n,…, not %q", item)
		}
	}
	return text, nil
}

func isSeconds(text string) bool {
	v, err := strconv.ParseUint(text, 10, 64)
	return err == nil && v <= maxSeconds
}

// checkNumbers accepts a comma list of numbers, each inside the parameter's ranges.
func checkNumbers(e *entry, text string) (string, error) {
	for item := range strings.SplitSeq(text, ",") {
		if err := e.insideRanges(strings.TrimSpace(item)); err != nil {
			return "", err
		}
	}
	return text, nil
}

// checkOptional accepts one number inside the parameter's ranges; empty means "not set".
func checkOptional(e *entry, text string) (string, error) {
	return text, e.insideRanges(text)
}

// insideRanges reports an error unless text is a number of one of the parameter's ranges.
func (e *entry) insideRanges(text string) error {
	v, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return fmt.Errorf("must be %s, not %q", e.Range, text)
	}
	for _, r := range e.ranges {
		if int64(v) >= r.min && int64(v) <= r.max {
			return nil
		}
	}
	return fmt.Errorf("must be %s, not %d", e.Range, v)
}

// checkStarCode accepts what a keypad can dial.
func checkStarCode(_ *entry, text string) (string, error) {
	for i := range len(text) {
		if !strings.Contains("0123456789*#+", text[i:i+1]) {
			return "", errors.New("must be made of the keys 0–9 * # +")
		}
	}
	return text, nil
}

// checkDialPlan wants balanced parentheses only: the sequences are the keypad's to read.
func checkDialPlan(_ *entry, text string) (string, error) {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth < 0 {
			return "", fmt.Errorf("has a closing parenthesis too many at character %d", i+1)
		}
	}
	if depth > 0 {
		return "", errors.New("has a parenthesis that is never closed")
	}
	return text, nil
}
