package media

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Cadences is how many ring cadences there are: Cadence_1 to Cadence_9.
const Cadences = 9

// A TonePlan is what the phone's tones and rings sound like: the regional parameters.
type TonePlan struct {
	tones    map[string]Tone
	cadences [Cadences]Cadence
}

// The defaults of reference E.4, by the names of their parameters.
var defaultTones = map[string]string{
	"Dial_Tone":                   "350@-19,440@-19;10(*/0/1+2)",
	"Outside_Dial_Tone":           "420@-16;10(*/0/1)",
	"Prompt_Tone":                 "520@-19,620@-19;10(*/0/1+2)",
	"Busy_Tone":                   "480@-19,620@-19;10(.5/.5/1+2)",
	"Reorder_Tone":                "480@-19,620@-19;10(.25/.25/1+2)",
	"Off_Hook_Warning_Tone":       "480@-10,620@0;10(.125/.125/1+2)",
	"Ring_Back_Tone":              "440@-19,480@-19;*(2/4/1+2)",
	"Call_Waiting_Tone":           "440@-10;30(.3/9.7/1)",
	"Confirm_Tone":                "600@-16;1(.25/.25/1)",
	"MWI_Dial_Tone":               "350@-19,440@-19;2(.1/.1/1+2);10(*/0/1+2)",
	"Cfwd_Dial_Tone":              "350@-19,440@-19;2(.2/.2/1+2);10(*/0/1+2)",
	"Holding_Tone":                "600@-19;25(.1/.1/1,.1/.1/1,.1/9.5/1)",
	"Conference_Tone":             "350@-19;20(.1/.1/1,.1/9.7/1)",
	"Secure_Call_Indication_Tone": "397@-19,507@-19;15(0/2/0,.2/.1/1,.1/2.1/2)",
	"Page_Tone":                   "600@-16;.3(.05/0.05/1)",
	"Alert_Tone":                  "600@-19;.2(.05/0.05/1)",
	"Mute_Tone":                   "600@-19;.2(.1/0.1/1)",
	"Unmute_Tone":                 "600@-19;.3(.1/0.1/1)",
	"System_Beep":                 "600@-16;.1(.05/0.05/1)",
	"Call_Pickup_Tone":            "440@-10;30(.3/9.7/1)",
}

var defaultCadences = [Cadences]string{
	"60(2/4)", "60(.3/.2,1/.2,.3/4)", "60(.8/.4,.8/4)", "60(.4/.2,.3/.2,.8/4)", "60(.2/.2,.2/.2,.2/.2,1/4)",
	"60(.2/.4,.2/.4,.2/4)", "60(4.5/4)", "60(0.25/9.75)", "60(.4/.2,.4/2)",
}

// DefaultTones is the plan a phone has out of its box.
func DefaultTones() TonePlan {
	p, err := Tones(nil)
	if err != nil {
		panic("media: " + err.Error()) // a table above is wrong; TestDefaultTones would have failed
	}
	return p
}

// Tones is the default plan with the scripts given in place of some, by parameter name: "Dial_Tone",
// "Cadence_1". An empty script silences a tone. Wrong ones keep the default, and the error names them
// all; the plan can be used all the same.
func Tones(scripts map[string]string) (TonePlan, error) {
	p := TonePlan{tones: make(map[string]Tone)}
	var wrong []error
	for name, script := range defaultTones {
		wrong = append(wrong, p.set(name, script))
	}
	for i, script := range defaultCadences {
		wrong = append(wrong, p.set(fmt.Sprintf("Cadence_%d", i+1), script))
	}
	for _, name := range slices.Sorted(maps.Keys(scripts)) {
		wrong = append(wrong, p.set(name, scripts[name]))
	}
	return p, errors.Join(wrong...)
}

func (p *TonePlan) set(name, script string) error {
	n := 0
	if _, err := fmt.Sscanf(name, "Cadence_%d", &n); err == nil && n >= 1 && n <= Cadences {
		if script == "" {
			p.cadences[n-1] = Cadence{}
			return nil
		}
		c, err := ParseCadence(script)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		p.cadences[n-1] = c
		return nil
	}
	if script == "" {
		p.tones[toneKey(name)] = Tone{}
		return nil
	}
	t, err := ParseTone(script)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	p.tones[toneKey(name)] = t
	return nil
}

// Tone finds a tone by its parameter name or a shorter one: "Ring_Back_Tone", "ring back",
// "ringback".
func (p TonePlan) Tone(name string) (Tone, bool) {
	t, ok := p.tones[toneKey(name)]
	return t, ok
}

// Cadence returns ring cadence n, 1 to Cadences; any other number is the first.
func (p TonePlan) Cadence(n int) Cadence {
	if n < 1 || n > Cadences {
		n = 1
	}
	return p.cadences[n-1]
}

// toneKey is what the names of one tone have in common.
func toneKey(name string) string {
	key := strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, name)
	key = strings.TrimSuffix(key, "tone")
	switch key { // what else they are called
	case "holdreminder":
		return "holding"
	case "beep":
		return "systembeep"
	case "securecall":
		return "securecallindication"
	case "stutter":
		return "mwidial"
	}
	return key
}
