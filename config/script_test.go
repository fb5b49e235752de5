package config

import (
	"strings"
	"testing"
)

func TestMatchRSC(t *testing.T) {
	for _, c := range []struct {
		template string
		yes, no  []int
	}{
		{"", nil, []int{100, 503}},
		{"503", []int{503}, []int{500, 50, 5030, 0, -503}},
		{"5??", []int{500, 503, 599}, []int{499, 600, 5}},
		{"5*", []int{500, 599}, []int{400, 600}},
		{"404, 5*", []int{404, 500}, []int{405, 604}},
		{"61?", []int{610, 619}, []int{600, 620}},
		{"407,408,487,481", []int{407, 408, 487, 481}, []int{400, 409}},
		{"5??,6??", []int{500, 699}, []int{499, 700}},
		{"*", []int{100, 200, 699}, []int{0, 99, 700, 1000}},
		{"?0?", []int{401, 503}, []int{415}},
		{"40*", []int{400, 409}, []int{410}},
		{"4,x,503", []int{503}, []int{400, 4}}, // a broken entry matches nothing
	} {
		for _, code := range c.yes {
			if !MatchRSC(c.template, code) {
				t.Errorf("%q does not match %d", c.template, code)
			}
		}
		for _, code := range c.no {
			if MatchRSC(c.template, code) {
				t.Errorf("%q matches %d", c.template, code)
			}
		}
	}
}

// TestScripts holds texts of each kind of script against what is accepted.
func TestScripts(t *testing.T) {
	long := "350@-19,440@-19;" + strings.Repeat("1", 120)
	for tag, c := range map[string]struct{ good, bad []string }{
		"Try_Backup_RSC": {
			good: []string{"503", "5??", "5*", "404, 5*", "*", "404,5??,61?"},
			bad:  []string{"5", "5?", "50", "5034", "5**", "*5", "abc", "503,", ",", "5x?", "503;504"},
		},
		"Dial_Tone": {
			good: []string{"350@-19,440@-19;10(*/0/1+2)", "440@-10;*(1/.1/1)", "350@-19.5,440@0;2(.1/.1/1+2);10(*/0/1+2)", "985@-16,1428@-16,1777@-16;20(.380/0/1,.380/0/2,.380/0/3,0/4/0)", "1@1,2@2,3@3,4@4,5@5,6@6;1(1/1/1+2+3+4+5+6)", "440@-19; 10( .5/.5/1, 1/1/0 )"},
			bad: []string{"350", "350@", "350@-19", "350@-19;", "350@-19;10", "350@-19;10(", "350@-19;10()", "350@-19;10(1/1)", "350@-19;10(1/1/2)", "350@-19;10(1/1/1/1)", "350@-19;x(1/1/1)",
				"0@-19;10(1/1/1)", "5000@-19;10(1/1/1)", "350@-190;10(1/1/1)", "350@-1.55;10(1/1/1)", "350@--1;10(1/1/1)", "350@-19;10(1/1/1);10(1/1/1);10(1/1/1)", "1@1,2@2,3@3,4@4,5@5,6@6,7@7;1(1/1/1)",
				"350@-19;10(1/1/1,1/1/1,1/1/1,1/1/1,1/1/1,1/1/1,1/1/1)", "350@-19;10(1.2345/1/1)", "350@-19;10(1/1/1+)", "350@-19;10(-1/1/1)", "350@-19;10(1/1/1))", long},
		},
		"Cadence_1": {
			good: []string{"60(2/4)", "60(.3/.2,1/.2,.3/4)", "60(0.25/9.75)", "*(1/1)", "60(1/1);20(*/0)", "1(1.234/.001)"},
			bad:  []string{"60", "60()", "60(1)", "60(1/1/1)", "(1/1)", "60(1/1", "60(1/1);", "60(.2/.2,.2/.2,.2/.2,.2/.2,.2/.2,.2/.2,.2/.2)", "60(1/1);1(1/1);1(1/1)", "60(./1)"},
		},
		"Ring1": {
			good: []string{"n=Bell;w=1;c=1", "n=Bell;h=x;w=file://Bell.rwb;c=0;b=.5;t=30", "n=x;w=http://a/b;", ""},
			bad:  []string{"Bell", "n=Bell;c=10", "n=Bell;c=x", "z=1", "n=x;b=y"},
		},
		"Daylight_Saving_Time_Rule": {
			good: []string{"start=3/-1/7/2;end=10/-1/7/2;save=1", "start=3/-1/7/2:0:0;end=10/-1/7/3:0:0;save=1:0:0", "start=4/1/0;end=10/31/0;save=-0:30", "save=1;end=10/-1/7/2;start=3/-1/7/2;"},
			bad: []string{"start=3/-1/7/2;end=10/-1/7/2", "start=3/-1/7/2;start=10/-1/7/2;save=1", "start=13/-1/7/2;end=10/-1/7/2;save=1", "start=3/-32/7/2;end=10/-1/7/2;save=1", "start=3/-1/8/2;end=10/-1/7/2;save=1",
				"start=3/-1/7/25;end=10/-1/7/2;save=1", "start=3/-1;end=10/-1/7/2;save=1", "start=3/-1/7/2;end=10/-1/7/2;save=1:60", "start=3/-1/7/2;end=10/-1/7/2;save=1;x=2"},
		},
	} {
		for _, text := range c.good {
			s := Default()
			if err := s.Set(tag, text); err != nil {
				t.Error(err)
			}
		}
		for _, text := range c.bad {
			s := Default()
			if err := s.Set(tag, text); err == nil {
				t.Errorf("%s = %q is accepted", tag, text)
			}
		}
	}
}
