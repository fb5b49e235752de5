package main

import (
	"bytes"
	"compress/gzip"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestTraceIsReadAsWritten(t *testing.T) {
	made, err := generate("wifi_busy", 9)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range made.packets { // as files round
		made.packets[i].arrive = math.Round(p.arrive*1000) / 1000
	}
	var b bytes.Buffer
	if err := made.write(&b); err != nil {
		t.Fatal(err)
	}
	read, err := readTrace(&b)
	if err != nil {
		t.Fatal(err)
	}
	read.note, made.note = "", ""
	if !reflect.DeepEqual(read, made) {
		t.Error("another trace is read than was written")
	}
}

func zipped(text string) *bytes.Buffer {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return &b
}

func TestATraceMayBePlainText(t *testing.T) {
	tr, err := readTrace(strings.NewReader("# name=x skew_ppm=-20 two of them\n0 0 5.5\n1 20 -1\n"))
	if err != nil || tr.name != "x" || tr.skewPPM != -20 || len(tr.packets) != 2 || tr.best() != 5.5 {
		t.Errorf("%+v, %v", tr, err)
	}
}

func TestBadTracesAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "no packets",
		"0 0":                   "line 1: 2 words",
		"# skew_ppm=x\n0 0 1":   "line 1: skew_ppm",
		"# skew_ppm=NaN\n0 0 1": "line 1: skew_ppm",
		"0 0 1\n-1 20 21":       "line 2: sequence",
		"0 NaN 1":               "line 1: send_ms",
		"0 0 Inf":               "line 1: arrive_ms",
		"0 0 -2":                "line 1: arrive_ms",
	} {
		if _, err := readTrace(zipped(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzTrace(f *testing.F) {
	f.Add([]byte("# name=x skew_ppm=80 note\n0 0.000 2.818\n1 20.000 -1\n"))
	f.Add([]byte("2000000 1e8 -0.5"))
	f.Fuzz(func(t *testing.T, text []byte) {
		tr, err := readTrace(zipped(string(text)))
		if err != nil {
			return
		}
		if len(tr.packets) > 3000 {
			return
		}
		if _, err := play(tr, make([]int16, 1600), 3); err != nil {
			t.Error(err)
		}
	})
}

// The models behave like the networks they are named after.
func TestModels(t *testing.T) {
	for _, tt := range []struct {
		kind                   string
		loss, median, p99, run float64 // percent, ms above the base, mean run of losses
	}{
		{"lan", 0, 0.14, 0.92, 0}, {"wifi_ok", 0.3, 1.4, 12, 1.3}, {"wifi_busy", 1.5, 5, 110, 1.6}, {"dsl_bulk", 0.7, 50, 140, 1.5},
		{"loss5", 5, 0.35, 2.3, 1.05}, {"burst10", 10, 0.35, 2.3, 2.5}, {"route", 0.3, 6, 70, 1}, {"step35", 0, 1.5, 38, 0}, {"clump40", 0, 20, 22, 0},
	} {
		var late []float64
		lost, runs := 0, 0
		for seed := range uint64(5) {
			tr, err := generate(tt.kind, seed)
			if err != nil {
				t.Fatal(err)
			}
			again, _ := generate(tt.kind, seed)
			if !reflect.DeepEqual(tr, again) {
				t.Errorf("%s: a seed makes two traces", tt.kind)
			}
			best := tr.best()
			for i, p := range tr.packets {
				if p.arrive >= 0 {
					late = append(late, p.arrive-p.sent-best)
					continue
				}
				lost++
				if i == 0 || tr.packets[i-1].arrive >= 0 {
					runs++
				}
			}
		}
		slices.Sort(late)
		near := func(what string, got, want float64) {
			if math.Abs(got-want) > 0.35*want+0.1 {
				t.Errorf("%s: %s is %.2f, want about %v", tt.kind, what, got, want)
			}
		}
		near("loss", 100*float64(lost)/(5*tracePackets), tt.loss)
		near("the median", late[len(late)/2], tt.median)
		near("the slowest of a hundred", late[len(late)*99/100], tt.p99)
		if tt.run > 0 {
			near("a run of losses", float64(lost)/float64(runs), tt.run)
		}
	}
	if _, err := generate("wet_string", 1); err == nil || !strings.Contains(err.Error(), "wifi_ok") {
		t.Errorf("an unknown kind: %v", err)
	}
}

func TestCommand(t *testing.T) {
	dir := t.TempDir()
	tracePath, refPath, outPath := filepath.Join(dir, "loss5.trace.gz"), filepath.Join(dir, "ref.raw"), filepath.Join(dir, "out.raw")
	if err := run([]string{"-generate", "loss5", "-seed", "4", "-out", tracePath}, nil); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"-speech", "20", "-seed", "4", "-out", refPath}, nil); err != nil {
		t.Fatal(err)
	}
	var played, matched, table strings.Builder
	if err := run([]string{"-trace", tracePath, "-ref", refPath, "-out", outPath, "-phase", "13"}, &played); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"-trace", tracePath, "-ref", refPath, "-match", outPath, "-phase", "13"}, &matched); err != nil {
		t.Fatal(err)
	}
	if played.String() != matched.String() || !strings.HasPrefix(played.String(), "loss5: delay ") {
		t.Errorf("played: %smatched: %s", &played, &matched)
	}
	var judged strings.Builder
	if err := run([]string{"-trace", tracePath, "-ref", refPath, "-match", outPath, "-phase", "13", "-mos", "3.6"}, &judged); err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimSpace(played.String()) + ", by MOS 3.60 R 68."; !strings.HasPrefix(judged.String(), want) {
		t.Errorf("judged: %swant %s", &judged, want)
	}
	if b, err := os.ReadFile(outPath); err != nil || len(b) != 2*(180*sampleRate+runOutMS*8) {
		t.Errorf("%d bytes of sound, %v", len(b), err)
	}
	if err := run([]string{"-table", "-traces", dir, "-ref", refPath}, &table); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(table.String(), "\n"); n != 3 || !strings.Contains(table.String(), "| loss5 |") {
		t.Errorf("the table:\n%s", &table)
	}
	for _, args := range [][]string{{"-trace", tracePath}, {"-table", "-traces", filepath.Join(dir, "none")}, {"-phase", "-1"}, {"-speech", "-1"}, {"-mos", "6"},
		{"-trace", refPath, "-ref", refPath, "-out", outPath}} {
		if err := run(args, nil); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
