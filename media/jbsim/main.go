// Command jbsim plays recorded or made network traces through the phone's own receive path, and measures
// what comes out.
//
//	jbsim -trace T -ref REF.raw -out OUT.raw -phase MS    play, and print the measure
//	jbsim -trace T -ref REF.raw -match OUT.raw -phase MS  measure what another engine played
//	jbsim -generate KIND -seed N -out T.trace.gz          make a trace
//	jbsim -speech SECONDS -seed N -out REF.raw            make something to be said
//	jbsim -table [-traces DIR] [-ref REF.raw] [-seed N]   measure all kinds, or the traces of a folder
//
// Sound is raw, 8 kHz, signed 16 bit little endian, mono. Packet n of a trace carries samples 160n to
// 160n+159 as PCMU. The first sample of OUT is pulled at local time MS, then 40 every 5 ms.
package main

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"dialtone/media"
)

const mostSpeech = 3600 // s

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "jbsim:", err)
		os.Exit(1)
	}
}

func run(args []string, w io.Writer) error {
	flags := flag.NewFlagSet("jbsim", flag.ContinueOnError)
	var (
		tracePath = flags.String("trace", "", "trace file, gzip text")
		refPath   = flags.String("ref", "", "what is said: 8 kHz, 16 bit, mono, raw")
		outPath   = flags.String("out", "", "file to write")
		matchPath = flags.String("match", "", "sound to be measured instead of played")
		phase     = flags.Float64("phase", 3, "local time of the first pull, in ms")
		kind      = flags.String("generate", "", "kind of trace to make")
		seed      = flags.Uint64("seed", 1, "of a made trace, of made speech")
		seconds   = flags.Int("speech", 0, "seconds of speech to make")
		mos       = flags.Float64("mos", 0, "MOS-LQO that another judge gave -match: R by it is added")
		table     = flags.Bool("table", false, "measure many traces")
		folder    = flags.String("traces", "", "folder of traces for the table; empty: made ones")
	)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !(*phase >= 0 && *phase < 1000) {
		return fmt.Errorf("phase %v is not within 0 to 1000 ms", *phase)
	}
	if *seconds < 0 || *seconds > mostSpeech {
		return fmt.Errorf("-speech %d is not within 0 to %d s", *seconds, mostSpeech)
	}
	if *mos != 0 && !(*mos >= mosLeast && *mos <= mosMost) {
		return fmt.Errorf("-mos %v is not within %v to %v", *mos, mosLeast, mosMost)
	}
	switch {
	case *seconds > 0 && *outPath != "":
		return writeSound(*outPath, speech(*seed, *seconds*sampleRate))
	case *kind != "":
		return writeGenerated(*kind, *seed, *outPath)
	case *table:
		return printTable(w, *folder, *refPath, *seed)
	case *tracePath == "" || *refPath == "" || *outPath == "" && *matchPath == "":
		flags.Usage()
		return errors.New("-trace, -ref, and -out or -match are needed")
	}
	t, err := openTrace(*tracePath)
	if err != nil {
		return err
	}
	ref, err := readSound(*refPath)
	if err != nil {
		return err
	}
	var out []int16
	if *matchPath != "" {
		out, err = readSound(*matchPath)
	} else if out, err = play(t, ref, *phase); err == nil {
		err = writeSound(*outPath, out)
	}
	if err != nil {
		return err
	}
	m := newMatcher(companded(ref)).measure(t, out, *phase)
	fmt.Fprintf(w, "%s: delay %.1f ms, p95 %.1f, altered %.2f %%, %d changes, R %.1f", t.name, m.mean, m.p95, m.altered, m.changes, m.r)
	if *mos != 0 {
		fmt.Fprintf(w, ", by MOS %.2f R %.1f", *mos, listening(*mos)-media.DelayImpairment(m.mean+restMS))
	}
	_, err = fmt.Fprintln(w)
	return err
}

func readSound(path string) ([]int16, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pcm := make([]int16, len(b)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return pcm, nil
}

func writeSound(path string, pcm []int16) error {
	b := make([]byte, 2*len(pcm))
	for i, v := range pcm {
		binary.LittleEndian.PutUint16(b[2*i:], uint16(v))
	}
	return os.WriteFile(path, b, 0o644)
}

func writeGenerated(kind string, seed uint64, path string) error {
	t, err := generate(kind, seed)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := t.write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
