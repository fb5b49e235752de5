package main

import (
	"strconv"
	"strings"

	"dialtone/config"
	"dialtone/media"
)

// toneParams are the parameters that say how the phone sounds.
func toneParams() []string {
	tags := []string{
		"Dial_Tone", "Outside_Dial_Tone", "Prompt_Tone", "Busy_Tone", "Reorder_Tone", "Off_Hook_Warning_Tone",
		"Ring_Back_Tone", "Call_Waiting_Tone", "Confirm_Tone", "MWI_Dial_Tone", "Cfwd_Dial_Tone", "Holding_Tone",
		"Conference_Tone", "Secure_Call_Indication_Tone", "Page_Tone", "Alert_Tone", "Mute_Tone", "Unmute_Tone",
		"System_Beep", "Call_Pickup_Tone",
	}
	for n := range media.Cadences {
		tags = append(tags, "Cadence_"+strconv.Itoa(n+1))
	}
	return tags
}

// tonePlan is what the settings make of tones and rings. A script the engine cannot play keeps its
// default; config has checked the syntax before.
func tonePlan(s config.Settings) media.TonePlan {
	scripts := make(map[string]string)
	for _, tag := range toneParams() {
		if v, ok := s.Get(tag); ok {
			scripts[tag] = v
		}
	}
	plan, _ := media.Tones(scripts)
	return plan
}

// ringCadence is the number of the cadence a line rings with: Default_Ring_n_ names a ring, whose
// script ("n=Classic-1;w=3;c=1") names the cadence by c. 0: the line does not ring.
func ringCadence(s config.Settings, line int) int { return cadenceOf(s, s.Line[line-1].DefaultRing) }

// cadenceOf is the number of the cadence of a ring.
func cadenceOf(s config.Settings, ring string) int {
	if _, err := strconv.Atoi(ring); err != nil {
		return 0 // No Ring
	}
	script, _ := s.Get("Ring" + ring)
	for field := range strings.SplitSeq(script, ";") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(field), "c="); ok {
			if n, err := strconv.Atoi(v); err == nil && n >= 1 && n <= media.Cadences {
				return n
			}
		}
	}
	return 1
}
