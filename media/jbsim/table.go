package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// The tick phases of the table, in ms.
var phases = [...]float64{3, 13}

// printTable measures the traces of a folder, or made ones of every kind, at both phases.
func printTable(w io.Writer, folder, refPath string, seed uint64) error {
	traces, err := traceSet(folder, seed)
	if err != nil {
		return err
	}
	longest := 0
	for _, t := range traces {
		longest = max(longest, len(t.packets)*packetSamples)
	}
	ref := speech(seed, longest)
	if refPath != "" {
		if ref, err = readSound(refPath); err != nil {
			return err
		}
	}
	m := newMatcher(companded(ref))
	fmt.Fprintln(w, "| trace | delay ms (p95) @3 | altered % | changes | R | delay ms (p95) @13 | altered % | changes | R |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|")
	for _, t := range traces {
		fmt.Fprintf(w, "| %s ", t.name)
		for _, phase := range phases {
			out, err := play(t, ref, phase)
			if err != nil {
				return err
			}
			r := m.measure(t, out, phase)
			fmt.Fprintf(w, "| %.1f (%.1f) | %.2f | %d | %.1f ", r.mean, r.p95, r.altered, r.changes, r.r)
		}
		fmt.Fprintln(w, "|")
	}
	return nil
}

func traceSet(folder string, seed uint64) (traces []*trace, err error) {
	if folder == "" {
		for i := range models {
			traces = append(traces, models[i].trace(seed))
		}
		return traces, nil
	}
	paths, err := filepath.Glob(filepath.Join(folder, "*.trace.gz"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no traces (*.trace.gz) in %s", folder)
	}
	for _, path := range paths {
		t, err := openTrace(path)
		if err != nil {
			return nil, err
		}
		if t.name == "" {
			t.name = strings.TrimSuffix(filepath.Base(path), ".trace.gz")
		}
		traces = append(traces, t)
	}
	return traces, nil
}
