package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// Implementation constants.
const (
	packetMS      = 20
	packetSamples = 160
	lost          = -1        // arrival of a packet that never does
	maxPackets    = 2_000_000 // of a trace, 11 hours
	maxHeader     = 4096
)

// A trace is what a network did to packets, one every 20 ms.
type trace struct {
	name    string
	skewPPM float64 // by how much the playout clock ticks slower than the sender's
	note    string
	packets []packet
}

// A packet has its times in ms of the sender's clock.
type packet struct {
	seq    int
	sent   float64
	arrive float64 // lost: never
}

// best is the least network delay in ms.
func (t *trace) best() float64 {
	least := math.Inf(1)
	for _, p := range t.packets {
		if p.arrive >= 0 {
			least = min(least, p.arrive-p.sent)
		}
	}
	return least
}

// openTrace reads a trace file: text, as a rule under gzip, a header "# name=… skew_ppm=… note", then a packet a line,
// "seq send_ms arrive_ms", -1 for lost.
func openTrace(path string) (*trace, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := readTrace(f)
	if err != nil {
		return nil, fmt.Errorf("trace %s: %w", path, err)
	}
	return t, nil
}

func readTrace(r io.Reader) (*trace, error) {
	b := bufio.NewReader(r)
	r = b
	if magic, _ := b.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, err
		}
		r = z
	}
	t := new(trace)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxHeader)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			if err := t.header(line[1:]); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			continue
		}
		p, err := parsePacket(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if t.packets = append(t.packets, p); len(t.packets) > maxPackets {
			return nil, fmt.Errorf("line %d: more than %d packets", n, maxPackets)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(t.packets) == 0 {
		return nil, fmt.Errorf("no packets")
	}
	return t, nil
}

func (t *trace) header(line string) error {
	for word := range strings.FieldsSeq(line) {
		if name, ok := strings.CutPrefix(word, "name="); ok {
			t.name = name
		} else if skew, ok := strings.CutPrefix(word, "skew_ppm="); ok {
			v, err := strconv.ParseFloat(skew, 64)
			if err != nil || !(math.Abs(v) <= 10_000) {
				return fmt.Errorf("skew_ppm %q is no number within 10000", skew)
			}
			t.skewPPM = v
		} else {
			t.note += " " + word
		}
	}
	return nil
}

func parsePacket(line string) (p packet, err error) {
	words := strings.Fields(line)
	if len(words) != 3 {
		return p, fmt.Errorf("%d words, want seq send_ms arrive_ms", len(words))
	}
	if p.seq, err = strconv.Atoi(words[0]); err != nil || p.seq < 0 || p.seq > maxPackets {
		return p, fmt.Errorf("sequence number %q", words[0])
	}
	if p.sent, err = strconv.ParseFloat(words[1], 64); err != nil || !(p.sent >= 0 && p.sent < 1e9) {
		return p, fmt.Errorf("send_ms %q", words[1])
	}
	if p.arrive, err = strconv.ParseFloat(words[2], 64); err != nil || !(p.arrive >= lost && p.arrive < 1e9) {
		return p, fmt.Errorf("arrive_ms %q", words[2])
	}
	return p, nil
}

// write writes the trace as readTrace reads it.
func (t *trace) write(w io.Writer) error {
	z := gzip.NewWriter(w)
	b := bufio.NewWriter(z)
	fmt.Fprintf(b, "# name=%s skew_ppm=%v %s\n", t.name, t.skewPPM, strings.TrimSpace(t.note))
	for _, p := range t.packets {
		if p.arrive < 0 {
			fmt.Fprintf(b, "%d %.3f -1\n", p.seq, p.sent)
		} else {
			fmt.Fprintf(b, "%d %.3f %.3f\n", p.seq, p.sent, p.arrive)
		}
	}
	if err := b.Flush(); err != nil {
		return err
	}
	return z.Close()
}
