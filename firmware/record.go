package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"
)

// A recording is a file of JSON lines: a header, then one line per input of the loop in the order they
// were handled. The header holds the seed of all randomness and the settings without secrets, so the
// file is written 0600: it can predict tags and branches, and tells who called whom.

// Implementation constants.
const (
	recordVersion = 1
	maxRecordLine = 1 << 20 // bytes of one line of a recording
)

// A header is the first line of a recording.
type header struct {
	Dialtone int       // recordVersion
	Version  string    // of the firmware that wrote it
	Start    time.Time // when the loop began
	Seed     []byte    // 32 bytes
	Settings []byte    // cfg.xml, secrets masked
	Addrs    []string  // local addresses at the start
	Board    string
}

// An entry is one recorded input, or one result a driver gave the loop at once (a bound port).
type entry struct {
	At    time.Time       `json:"at"`
	Kind  string          `json:"kind"`
	Value json.RawMessage `json:"value"`
}

// kinds names every type that may enter the loop, by its Go name.
func kinds() map[string]reflect.Type {
	table := make(map[string]reflect.Type)
	for _, v := range inputKinds() {
		t := reflect.TypeOf(v)
		table[t.String()] = t
	}
	return table
}

// A recorder writes a recording. A write error ends the recording, not the phone.
type recorder struct {
	w   *bufio.Writer
	enc *json.Encoder
	err error
}

func newRecorder(w io.Writer, h header) (*recorder, error) {
	r := &recorder{w: bufio.NewWriter(w)}
	r.enc = json.NewEncoder(r.w)
	h.Dialtone = recordVersion
	if err := r.enc.Encode(h); err != nil {
		return nil, err
	}
	return r, r.w.Flush()
}

// write adds one input. It is flushed at once: the last line before a crash is the one that matters.
func (r *recorder) write(at time.Time, value any) error {
	if r == nil || r.err != nil {
		return nil
	}
	raw, err := json.Marshal(value)
	if err == nil {
		err = r.enc.Encode(entry{At: at, Kind: reflect.TypeOf(value).String(), Value: raw})
	}
	if err == nil {
		err = r.w.Flush()
	}
	r.err = err
	return err
}

// A player reads a recording.
type player struct {
	sc    *bufio.Scanner
	kinds map[string]reflect.Type
	line  int
}

func newPlayer(r io.Reader) (*player, header, error) {
	p := &player{sc: bufio.NewScanner(r), kinds: kinds()}
	p.sc.Buffer(nil, maxRecordLine)
	var h header
	if err := p.decode(&h); err != nil {
		return nil, h, err
	}
	if h.Dialtone != recordVersion {
		return nil, h, fmt.Errorf("line 1: recording of format %d, want %d", h.Dialtone, recordVersion)
	}
	return p, h, nil
}

// next returns the next input; io.EOF at the end.
func (p *player) next() (time.Time, any, error) {
	var e entry
	if err := p.decode(&e); err != nil {
		return time.Time{}, nil, err
	}
	t, ok := p.kinds[e.Kind]
	if !ok {
		return e.At, nil, fmt.Errorf("line %d: unknown input %q", p.line, e.Kind)
	}
	v := reflect.New(t)
	if err := json.Unmarshal(e.Value, v.Interface()); err != nil {
		return e.At, nil, fmt.Errorf("line %d: %s: %w", p.line, e.Kind, err)
	}
	return e.At, v.Elem().Interface(), nil
}

func (p *player) decode(v any) error {
	p.line++
	if !p.sc.Scan() {
		if err := p.sc.Err(); err != nil {
			return fmt.Errorf("line %d: %w", p.line, err)
		}
		if p.line == 1 {
			return errors.New("empty recording")
		}
		return io.EOF
	}
	if err := json.Unmarshal(p.sc.Bytes(), v); err != nil {
		return fmt.Errorf("line %d: %w", p.line, err)
	}
	return nil
}
