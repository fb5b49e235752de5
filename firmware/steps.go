package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"dialtone/sip"
)

// steps remembers the last things the loop was told and decided: the first thing to read after a panic.
type steps struct {
	ring [stepsKept]step
	n    int
}

type step struct {
	at   time.Time
	in   any    // an input, or
	text string // a decision
}

func (s *steps) add(at time.Time, in any)         { s.put(step{at: at, in: in}) }
func (s *steps) addText(at time.Time, say string) { s.put(step{at: at, text: say}) }

func (s *steps) put(st step) {
	if _, ok := st.in.(tick); ok {
		return
	}
	s.ring[s.n%len(s.ring)] = st
	s.n++
}

// write logs the remembered steps, oldest first.
func (s *steps) write(log *slog.Logger) {
	for i := max(0, s.n-len(s.ring)); i < s.n; i++ {
		st := s.ring[i%len(s.ring)]
		if st.text == "" {
			st.text = show(st.in)
		}
		log.Error("step", "at", st.at.Format("15:04:05.000"), "what", st.text)
	}
}

// Implementation constants.
const maxShown = 600 // bytes of one value in a log line

// show prints a value of the loop for a person. Messages are cut to their first line and named by size;
// headers may carry credentials.
func show(v any) string {
	if r, ok := v.(sip.Received); ok {
		line, _, _ := strings.Cut(string(r.Data[:min(len(r.Data), 200)]), "\r\n")
		return fmt.Sprintf("sip.Received %s %s %q (%d bytes)", r.Flow.Transport, r.Flow.Remote, line, len(r.Data))
	}
	if c, ok := v.(command); ok {
		v = withoutSecrets(c)
	}
	text := fmt.Sprintf("%T", v)
	if raw, err := json.Marshal(v); err == nil {
		text += " " + string(raw)
	}
	if len(text) > maxShown {
		text = text[:maxShown] + "…"
	}
	return text
}
