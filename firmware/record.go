package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"dialtone/config"
	"dialtone/media"
	"dialtone/provisioning"
	"dialtone/sip"
	"dialtone/web"
)

// A recording is a file of JSON lines: a header, then one line per input of the loop in the order they
// were handled. The header holds the seed of all randomness and the settings without secrets; the
// file is written 0600: it can predict tags and branches, and tells who called whom.

// Implementation constants.
const (
	recordVersion = 1
	maxRecordLine = 4 << 20 // bytes of one line of a recording; a profile may have 2 MB, and base64 makes more of it

	// recordedSecret stands in a recording for every secret that is set: a replay does what a phone that
	// has one does. It computes other digest responses, and believes no NOTIFY that has to prove who sent it.
	recordedSecret = "recorded"
)

// A header is the first line of a recording.
type header struct {
	Dialtone int       // recordVersion
	Version  string    // of the firmware that wrote it
	Start    time.Time // when the loop began
	Seed     []byte    // 32 bytes
	Settings []byte    // cfg.xml, secrets replaced
	Addrs    []string  // local addresses at the start
	Board    string
	DNS      []sip.Answer `json:",omitempty"` // as the phone remembered it
}

func newHeader(seed [32]byte, s config.Settings, addrs []netip.Addr, board string) header {
	h := header{Version: version, Start: time.Now(), Seed: seed[:], Board: board,
		Settings: config.Dump(recordable(s), config.DumpOptions{Secrets: true})}
	for _, a := range addrs {
		h.Addrs = append(h.Addrs, a.String())
	}
	return h
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
	w     *bufio.Writer
	enc   *json.Encoder
	start time.Time // of the recording
	err   error
}

func newRecorder(w io.Writer, h header) (*recorder, error) {
	r := &recorder{w: bufio.NewWriter(w), start: h.Start}
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
	if at.IsZero() {
		at = r.start // before the loop began
	}
	// Timers run by the monotonic clock. The wall clock may jump years when the network tells the time.
	at = r.start.Add(at.Sub(r.start))
	raw, err := json.Marshal(withoutSecrets(value))
	if err == nil {
		err = r.enc.Encode(entry{At: at, Kind: reflect.TypeOf(value).String(), Value: raw})
	}
	if err == nil {
		err = r.w.Flush()
	}
	r.err = err
	return err
}

// withoutSecrets is value without the passwords a profile or a rule brings, and the keys of voice a message does.
func withoutSecrets(value any) any {
	switch in := value.(type) {
	case fetched:
		in.Rule, in.Data = provisioning.Redact(in.Rule), withoutPasswords(in.Data)
		return in
	case sip.Received:
		in.Data = media.MaskKeys(in.Data)
		return in
	case command:
		if in.Resync != nil {
			in.Resync = &web.Resync{URL: provisioning.Redact(in.Resync.URL)}
		}
		return in
	}
	return value
}

// withoutPasswords is a profile with the content of every secret element replaced, however it is spelled:
// as text, in CDATA or around comments. Of a document that is no XML only the part before the fault is left.
func withoutPasswords(profile []byte) []byte {
	secret := make(map[string]bool)
	for _, p := range config.Params() {
		if p.Secret {
			secret[strings.ToLower(p.Tag)] = true
		}
	}
	var (
		out     bytes.Buffer
		dec     = xml.NewDecoder(bytes.NewReader(profile))
		copied  int64 // of profile
		content int64 // where the content of the secret element begins
		depth   int   // inside it; 0: outside
	)
	dec.Strict = false
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	for {
		before := dec.InputOffset()
		token, err := dec.RawToken()
		if err != nil {
			end := int64(len(profile))
			if depth > 0 || !errors.Is(err, io.EOF) {
				end = max(copied, min(before, end))
			}
			if depth == 0 {
				out.Write(profile[copied:end])
			}
			return out.Bytes()
		}
		switch t := token.(type) {
		case xml.StartElement:
			switch {
			case depth > 0:
				depth++
			case secret[strings.ToLower(t.Name.Local)]:
				depth, content = 1, dec.InputOffset()
				out.Write(profile[copied:content])
				copied = content
			}
		case xml.EndElement:
			if depth == 0 {
				break
			}
			if depth--; depth == 0 {
				if before > content {
					out.WriteString(recordedSecret)
				}
				copied = before
			}
		}
	}
}

// recordable is s with every secret that is set replaced.
func recordable(s config.Settings) config.Settings {
	for _, p := range config.Params() {
		if is, _ := s.Get(p.Tag); p.Secret && is != "" {
			if s.Set(p.Tag, recordedSecret) != nil { // none refuses it
				_ = s.Set(p.Tag, "")
			}
		}
	}
	return s
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
