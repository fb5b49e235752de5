package media

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestDefaultTones(t *testing.T) {
	p := DefaultTones()
	for name := range maps.Keys(defaultTones) {
		if tone, ok := p.Tone(name); !ok || tone.String() == ";" {
			t.Errorf("%s is %q", name, tone)
		}
	}
	for _, name := range []string{"dial", "ringback", "Ring_Back_Tone", "busy", "reorder", "callwaiting", "call waiting", "outside dial",
		"OutsideDial", "prompt", "hold reminder", "holding", "off-hook warning", "mwi dial", "confirm", "beep", "mute"} {
		if _, ok := p.Tone(name); !ok {
			t.Errorf("there is no %q", name)
		}
	}
	if _, ok := p.Tone("trumpet"); ok {
		t.Error("there is a trumpet")
	}
	if got := p.Cadence(2).String(); got != "60(0.3/0.2,1/0.2,0.3/4)" {
		t.Errorf("cadence 2 is %s", got)
	}
	if p.Cadence(0).String() != p.Cadence(1).String() || p.Cadence(99).String() != p.Cadence(1).String() {
		t.Error("an unknown cadence is not the first")
	}
}

func TestTonesFromParameters(t *testing.T) {
	p, err := Tones(map[string]string{"Dial_Tone": "425@-10;*(*/0/1)", "Busy_Tone": "nonsense", "Cadence_3": "60(1/1)", "Cadence_4": "", "Prompt_Tone": "", "Cadence_5": "x"})
	if err == nil || !strings.Contains(err.Error(), "Busy_Tone: tone script, position 0") || !strings.Contains(err.Error(), "Cadence_5") {
		t.Errorf("the error is %v", err)
	}
	dial, _ := p.Tone("dial")
	busy, _ := p.Tone("busy")
	prompt, ok := p.Tone("prompt")
	if dial.String() != "425@-10;*(*/0/1)" || busy.String() != "480@-19,620@-19;10(0.5/0.5/1+2)" || !ok || len(prompt.Sections) != 0 {
		t.Errorf("dial %s, busy %s, prompt %s", dial, busy, prompt)
	}
	if p.Cadence(3).String() != "60(1/1)" || len(p.Cadence(4).Sections) != 0 || p.Cadence(5).String() != "60(0.2/0.2,0.2/0.2,0.2/0.2,1/4)" {
		t.Errorf("cadences %s %s %s", p.Cadence(3), p.Cadence(4), p.Cadence(5))
	}
}

func TestScripts(t *testing.T) {
	for _, tt := range []struct {
		script string
		want   string // written again, or "position: reason"
	}{
		{"350@-19,440@-19;10(*/0/1+2)", "350@-19,440@-19;10(*/0/1+2)"},
		{"350@-19,440@-19;2(.1/.1/1+2);10(*/0/1+2)", "350@-19,440@-19;2(0.1/0.1/1+2);10(*/0/1+2)"},
		{"440@-10;*(1/.1/1)", "440@-10;*(1/0.1/1)"},
		{" 600@-16.5 ; .3 ( .05 / 0.05 / 1 ) ", "600@-16.5;0.3(0.05/0.05/1)"},
		{"985@-16,1428@-16,1777@-16;20(.380/0/1,.380/0/2,.380/0/3,0/4/0)", "985@-16,1428@-16,1777@-16;20(0.38/0/1,0.38/0/2,0.38/0/3,0/4/0)"},
		{"1@1;1(1/1/1)", "0: 1 is not between 20 and 3999"},
		{"", "0: a frequency in Hz expected"},
		{"x", "0: a frequency in Hz expected"},
		{"440", "3: '@' expected"},
		{"440.5@-10;1(1/1/1)", "0: a frequency in Hz expected"},
		{"440@", "4: a level in dBm expected"},
		{"440@-10.55;1(1/1/1)", "4: a level in dBm expected"},
		{"440@10;1(1/1/1)", "4: 10 is not between -99 and 3"},
		{"440@-10", "7: ';' expected"},
		{"440@-10;", "8: the length of the section in seconds expected"},
		{"440@-10;1", "9: '(' expected"},
		{"440@-10;1(", "10: the length of the sound in seconds expected"},
		{"440@-10;1()", "10: the length of the sound in seconds expected"},
		{"440@-10;1(1", "11: '/' expected"},
		{"440@-10;1(1/1/2)", "14: 2 is not between 0 and 1"},
		{"440@-10;1(1/1/1+)", "16: the number of a frequency, 0 for silence expected"},
		{"440@-10;1(1/1/1", "15: ')' expected"},
		{"440@-10;1(0/0/1)", "10: the section lasts no time"},
		{"440@-10;1(.0001/1/1)", "10: the length of the sound in seconds expected"},
		{"440@-10;1(1/1/1)x", "16: \"x\" is too much"},
		{"440@-10;1(1/1/1);1(1/1/1);1(1/1/1)", "26: more than 2 sections"},
		{"440@-10;1(1/1/1,1/1/1,1/1/1,1/1/1,1/1/1,1/1/1,1/1/1)", "46: more than 6 segments"},
		{"1000@1,1000@1,1000@1,1000@1,1000@1,1000@1,1000@1;1(1/1/1)", "42: more than 6 frequencies"},
		{"440@-10;99999999999999999999(1/1/1)", "8: the length of the section in seconds expected"},
		{"440@-10;-1(1/1/1)", "8: -1 is not between 0 and 86400"},
		{strings.Repeat("1", 257), "256: longer than 256 bytes"},
	} {
		tone, err := ParseTone(tt.script)
		got := tone.String()
		var e *ScriptError
		if errors.As(err, &e) {
			got = strings.TrimPrefix(e.Error(), "tone script, position ")
		}
		if got != tt.want {
			t.Errorf("%q: %s\nwant %s", tt.script, got, tt.want)
		}
	}
	for script, want := range map[string]string{"60(2/4)": "60(2/4)", "60(.3/.2,1/.2,.3/4);5(*/0)": "60(0.3/0.2,1/0.2,0.3/4);5(*/0)", "*(1/2/1)": "", "60": "", "": ""} {
		c, err := ParseCadence(script)
		if (err != nil) != (want == "") || err == nil && c.String() != want {
			t.Errorf("cadence %q: %s, %v", script, c, err)
		}
	}
	if f, err := ParseFreq("350@-19,440@-19.5"); err != nil || !slices.Equal(f, []Freq{{350, -19}, {440, -19.5}}) {
		t.Errorf("frequencies %v, %v", f, err)
	}
}

// sound plays a script for n samples.
func sound(t *testing.T, script string, n int) []int32 {
	t.Helper()
	tone, err := ParseTone(script)
	if err != nil {
		t.Fatal(err)
	}
	var v voice
	v.start(compileTone(tone))
	mix := make([]int32, n)
	for at := 0; at < n; at += 40 { // as the engine does
		v.add(mix[at:min(at+40, n)])
	}
	return mix
}

// onOff finds where sound begins and ends, in samples. A zero shorter than a millisecond is a crossing.
func onOff(mix []int32) (edges []int) {
	quiet := 8
	for i, v := range mix {
		if v != 0 {
			if quiet >= 8 {
				edges = append(edges, i)
			}
			quiet = 0
		} else if quiet++; quiet == 8 {
			edges = append(edges, i-7)
		}
	}
	return edges
}

func TestToneTimesAreExact(t *testing.T) {
	near := func(a, b []int) bool { // the ramps begin and end below one step
		return slices.EqualFunc(a, b, func(x, y int) bool { return abs(x-y) <= 8 })
	}
	for _, tt := range []struct {
		script string
		n      int
		want   []int
	}{
		{"1000@-10;10(.5/.5/1)", 16000, []int{0, 4000, 8000, 12000}},
		{"1000@-10;1.2(.5/.5/1)", 24000, []int{0, 4000, 8000, 9600}},
		{"1000@-10;.2(.05/.05/1)", 8000, []int{0, 400, 800, 1200}},
		{"1000@-10;2(.1/.1/1);*(*/0/1)", 24000, []int{0, 800, 1600, 2400, 3200, 4000, 4800, 5600, 6400, 7200, 8000, 8800, 9600, 10400, 11200, 12000, 12800, 13600, 14400, 15200, 16000}},
		{"1000@-10;10(0/.3/0,.2/.1/1)", 8000, []int{2400, 4000, 7200}},
		{"1000@-10;0(1/1/1);.1(1/1/1)", 8000, []int{0, 800}},
		{"1000@-10;10(.1/*/1)", 80000, []int{0, 800}},
	} {
		if got := onOff(sound(t, tt.script, tt.n)); !near(got, tt.want) {
			t.Errorf("%s sounds at %v, want %v", tt.script, got, tt.want)
		}
	}
}

// power of one frequency in dBm, over whole cycles.
func power(mix []int32, hz int) float64 {
	var re, im float64
	for i, v := range mix {
		a := 2 * math.Pi * float64(hz) * float64(i) / sampleRate
		re += float64(v) * math.Cos(a)
		im += float64(v) * math.Sin(a)
	}
	peak := 2 * math.Hypot(re, im) / float64(len(mix))
	return 20*math.Log10(peak/32767) + fullScaleDBm
}

func TestToneLevels(t *testing.T) {
	mix := sound(t, "350@-19,440@-13.5,1000@0;*(*/0/1+2)", 16000)[8000:]
	for hz, want := range map[int]float64{350: -19, 440: -13.5} {
		if got := power(mix, hz); math.Abs(got-want) > 0.1 {
			t.Errorf("%d Hz at %.2f dBm, want %.1f", hz, got, want)
		}
	}
	if got := power(mix, 1000); got > -60 {
		t.Errorf("1000 Hz is heard at %.1f dBm, it is not in the segment", got)
	}
}

// steepest is the largest second difference: a click is a corner.
func steepest(mix []int32) int32 {
	var most int32
	for i := 2; i < len(mix); i++ {
		d := mix[i] - 2*mix[i-1] + mix[i-2]
		most = max(most, d, -d)
	}
	return most
}

func TestTonesBeginAndEndWithoutAClick(t *testing.T) {
	steady := steepest(sound(t, "350@-19,440@-19;*(*/0/1+2)", 8000)[4000:])
	var p player
	tone, _ := ParseTone("350@-19,440@-19;*(*/0/1+2)")
	busy, _ := ParseTone("480@-19,620@-19;10(.033/.041/1+2)")
	mix := make([]int32, 9*400)
	for i := range 9 {
		switch i {
		case 1:
			p.play(compileTone(tone))
		case 3:
			p.play(compileTone(busy))
		case 5:
			p.play(compileTone(tone))
			p.play(compileTone(busy)) // before a sample was heard
		case 6:
			p.stop()
			p.stop()
		case 7:
			p.play(compileTone(tone))
			p.stop()
		}
		p.add(mix[i*400:][:400])
	}
	if got := steepest(mix); got > 4*steady {
		t.Errorf("a corner of %d, the tone alone has %d", got, steady)
	}
	if p.running() {
		t.Error("it still sounds")
	}
	if got := steepest(sound(t, "350@-19,440@-19;.333(*/0/1+2);.444(*/0/1)", 8000)); got > 4*steady {
		t.Errorf("at the end of a section a corner of %d, the tone alone has %d", got, steady)
	}
	if !slices.Equal(sound(t, "350@-19;*(.1/0/1,.2/0/1)", 8000), sound(t, "350@-19;*(*/0/1)", 8000)) {
		t.Error("segments without silence between are not one sound")
	}
	ring := compileRing(DefaultTones().Cadence(5))
	var v voice
	v.start(ring)
	mix = make([]int32, 3*sampleRate)
	v.add(mix)
	var peak int32
	for _, s := range mix {
		peak = max(peak, s, -s)
	}
	if got := steepest(mix); got > 9000 || peak < 3000 || peak > 16000 {
		t.Errorf("the ring has a corner of %d and a peak of %d", got, peak)
	}
	if got, want := onOff(mix), []int{0, 1600, 3200, 4800, 6400, 8000, 9600, 17600}; len(got) != len(want) {
		t.Errorf("the ring sounds at %v, want %v", got, want)
	}
}

func TestKeysSoundAsTheyShould(t *testing.T) {
	for code, f := range dtmfFreqs {
		var v voice
		v.start(compileDTMF(uint8(code), -10, 1600))
		mix := make([]int32, 2000)
		v.add(mix)
		for _, hz := range f {
			want := -10.0
			if hz > 1000 {
				want = -8
			}
			if got := power(mix[400:1200], hz); math.Abs(got-want) > 1 {
				t.Errorf("key %c: %d Hz at %.1f dBm, want %.0f", eventSymbols[code], hz, got, want)
			}
		}
		if got := onOff(mix); len(got) != 2 || got[1] != 1600 && abs(got[1]-1600) > 8 {
			t.Errorf("key %c sounds at %v", eventSymbols[code], got)
		}
	}
}

func FuzzTone(f *testing.F) {
	for _, script := range defaultTones {
		f.Add(script)
	}
	for _, script := range defaultCadences {
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script string) {
		mix := make([]int32, 4000)
		var v voice
		if c, err := ParseCadence(script); err == nil {
			if again, err := ParseCadence(c.String()); err != nil || again.String() != c.String() {
				t.Errorf("%q is written as %q: %v", script, c, err)
			}
			v.start(compileRing(c))
			v.add(mix)
		}
		tone, err := ParseTone(script)
		if err != nil {
			return
		}
		if again, err := ParseTone(tone.String()); err != nil || again.String() != tone.String() {
			t.Errorf("%q is written as %q: %v", script, tone, err)
		}
		v.start(compileTone(tone))
		v.add(mix)
	})
}
