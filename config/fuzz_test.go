package config

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// FuzzParse gives the gate anything. It must not panic; a refused document leaves the settings alone;
// an applied one gives settings that survive a dump, and leaves the base it started from alone.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "<flat-profile/>", "<device><flat-profile><Proxy_1_ ua=\"rw\">a</Proxy_1_></flat-profile></device>",
		"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><flat-profile><Display_Name_1_>\xf6</Display_Name_1_></flat-profile>",
		"<!DOCTYPE x [<!ENTITY a \"b\">]><flat-profile>&a;</flat-profile>",
		"<flat-profile><Speed_Dial_2_Name ua=\"rw\"/><SIP_T1 preserve-value=\"y\" ua=\"ro\">x</SIP_T1><Password_1_>***</Password_1_></flat-profile>",
		"<flat-profile><Dial_Tone>350@-19;10(*/0/1)</Dial_Tone><Cadence_1>60(2/4)</Cadence_1><Dial_Plan_1_>(x.)</Dial_Plan_1_></flat-profile>",
		"<flat-profile><GPP_A><![CDATA[ \"\" ]]>&#x85;<!-- x --></GPP_A><X><Y/></X></flat-profile>",
		"<flat-profile>" + strings.Repeat("<a b='c'>", 20), "\xef\xbb\xbf<flat-profile></flat-profile>x",
	} {
		f.Add([]byte(seed))
	}
	f.Add(append(Dump(Default(), DumpOptions{Secrets: true})[:1200], "--></flat-profile>"...))
	base := Default()
	base.Line[0].Password = "hunter2"
	base.Access = map[string]string{"SIP_T1": "rw", "Password_1_": "ro"}
	before := base
	before.Access = map[string]string{"SIP_T1": "rw", "Password_1_": "ro"}
	f.Fuzz(func(t *testing.T, document []byte) {
		got, report, err := Parse(document, base)
		if !reflect.DeepEqual(base, before) {
			t.Fatal("the settings parsed into were changed")
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "line ") || strings.ContainsAny(err.Error(), "\n\r\x00") {
				t.Fatalf("the error is %q", err)
			}
			if !reflect.DeepEqual(got, base) {
				t.Fatal("a refused document changed settings")
			}
			return
		}
		if changed := len(report.Applied)+len(report.Access) > 0; changed == reflect.DeepEqual(got, base) {
			t.Fatalf("the report says %v %v", report.Applied, report.Access)
		}
		for _, r := range report.Refused {
			if r.Line < 1 || r.Reason == "" || len(r.Value) > maxShown+3 || strings.ContainsAny(r.String(), "\n\r\x00") {
				t.Fatalf("refused: %q", r)
			}
		}
		again, report, err := Parse(Dump(got, DumpOptions{Secrets: true}), base)
		if err != nil || len(report.Refused) > 0 || !reflect.DeepEqual(again, got) {
			t.Fatalf("the dump gives other settings: %v %v, %v", report.Applied, report.Refused, err)
		}
	})
}

// FuzzSet sets one parameter to any text. What is taken must be taken again as Get gives it, must not hold
// control characters, and must survive a dump; what is refused must leave the settings alone.
func FuzzSet(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	seen := make(map[string]bool)
	for _, e := range table.entries {
		if !seen[e.Type] {
			seen[e.Type] = true
			f.Add(e.Tag, someValue(r, e))
		}
	}
	f.Add("Display_Name_1_", "a\r\nVia: x")
	f.Add("proxy_1_", ` "" `)
	f.Fuzz(func(t *testing.T, tag, text string) {
		s := Default()
		if err := s.Set(tag, text); err != nil {
			if strings.ContainsAny(err.Error(), "\n\r\x00") {
				t.Fatalf("the error is %q", err)
			}
			if !reflect.DeepEqual(s, Default()) {
				t.Fatal("a refused value changed settings")
			}
			return
		}
		got, ok := s.Get(tag)
		if !ok || strings.ContainsAny(got, "\r\n\x00\x7f") {
			t.Fatalf("%s is set to %q and gives %q", tag, text, got)
		}
		again := s
		if p, _ := Lookup(tag); got != "" || p.Default == "" {
			if err := again.Set(tag, got); (err != nil || !reflect.DeepEqual(again, s)) && got != "" {
				t.Fatalf("%s gives %q, which sets something else: %v", tag, got, err)
			}
		}
		var b bytes.Buffer
		b.WriteString("<flat-profile>")
		table.find(tag).dump(&b, &s)
		b.WriteString("</flat-profile>")
		back, report, err := Parse(b.Bytes(), Default())
		if err != nil || len(report.Refused) > 0 || !reflect.DeepEqual(back, s) {
			t.Fatalf("%s = %q does not survive a dump: %v %v", tag, got, report.Refused, err)
		}
	})
}

// fill repeats a piece of a profile up to the limit of a document.
func fill(piece string) []byte {
	const head, tail = "<flat-profile>\n", "</flat-profile>\n"
	n := (maxDocument - len(head) - len(tail)) / len(piece)
	return []byte(head + strings.Repeat(piece, n) + tail)
}

// BenchmarkParse reads profiles as large as allowed, honest and hostile.
func BenchmarkParse(b *testing.B) {
	dump := string(Dump(Default(), DumpOptions{Secrets: true}))
	dump = strings.TrimSuffix(strings.TrimPrefix(dump, "<flat-profile>\n"), "</flat-profile>\n")
	for name, document := range map[string][]byte{
		"usual":      Dump(Default(), DumpOptions{Secrets: true}),
		"parameters": fill(dump),
		"unknown":    fill("<Some_Unknown_Parameter_1_ ua=\"na\">x</Some_Unknown_Parameter_1_>\n"),
		"refused":    fill("<SIP_T1>x</SIP_T1>"),
		"tiny":       fill("<a/>"),
		"entities":   fill("&amp;"),
		"text":       fill("<GPP_A>" + strings.Repeat("x", 1<<20-40) + "</GPP_A>"),
		"attributes": []byte("<flat-profile><x" + strings.Repeat(" a=''", maxDocument/5-20) + "/></flat-profile>"),
		"nested":     []byte("<flat-profile>" + strings.Repeat("<a>", maxDocument/3-20)),
	} {
		b.Run(name, func(b *testing.B) {
			base := Default()
			b.SetBytes(int64(len(document)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := Parse(document, base); err != nil && name != "attributes" && name != "nested" {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDump(b *testing.B) {
	s := Default()
	for b.Loop() {
		Dump(s, DumpOptions{Secrets: true})
	}
}

func BenchmarkReadTags(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		readTags()
	}
}
