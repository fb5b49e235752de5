package sip

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tortureCase is one row of testdata/torture/index.csv.
type tortureCase struct {
	file   string
	expect []string // what a phone should do with it, by datagram
	stream []string // the same, by stream
	data   []byte
}

func tortureCases(t testing.TB) (cases []tortureCase) {
	t.Helper()
	f, err := os.Open("testdata/torture/index.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(row []string, name string) string { return row[slices.Index(rows[0], name)] }
	for _, row := range rows[1:] {
		c := tortureCase{file: column(row, "file"), expect: strings.Split(column(row, "expect"), "|")}
		c.stream = c.expect
		if s := column(row, "expect_stream"); s != "" {
			c.stream = strings.Split(s, "|")
		}
		if c.data, err = os.ReadFile(filepath.Join("testdata/torture", c.file)); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	return cases
}

// tortureVerdict says in the words of the index what the gate decides; "admit" leaves the rest to the agent.
func tortureVerdict(v Verdict) string {
	switch {
	case v.Request != nil || v.Response != nil:
		return "admit"
	case v.Reply == nil:
		return "discard"
	}
	code, _, _ := strings.Cut(strings.TrimPrefix(string(v.Reply), "SIP/2.0 "), " ")
	return code
}

// The agent decides these; the gate lets the message through.
var tortureAgent = []string{"accept", "accept-resp", "200", "405", "406", "415", "416", "420", "481", "501", "any"}

func tortureWant(t *testing.T, way string, c tortureCase, expect []string, got string, v Verdict) {
	t.Helper()
	ok := slices.Contains(expect, got) || slices.Contains(expect, "any")
	for _, e := range expect {
		ok = ok || got == "admit" && slices.Contains(tortureAgent, e)
	}
	if !ok {
		t.Errorf("%s by %s: the gate says %s (%s), the index wants %v", c.file, way, got, v.Why, expect)
	}
}

// Every message of RFC 4475 and RFC 5118 gets at the gate exactly what its index asks for.
func TestTortureByDatagram(t *testing.T) {
	cases := tortureCases(t)
	if len(cases) != 63 {
		t.Fatalf("the index has %d messages, want 63", len(cases))
	}
	for _, c := range cases {
		v := Admit(c.data, false)
		tortureWant(t, "datagram", c, c.expect, tortureVerdict(v), v)
	}
}

func TestTortureByStream(t *testing.T) {
	for _, c := range tortureCases(t) {
		n, err := Frame(c.data)
		if err != nil || n == 0 { // closed, or waiting for octets that never come
			tortureWant(t, "stream", c, c.stream, "discard", Verdict{Why: "frame"})
			continue
		}
		v := Admit(c.data[:n], true)
		tortureWant(t, "stream", c, c.stream, tortureVerdict(v), v)
	}
}
