package main

import (
	"strings"
	"testing"
)

// FuzzBodies reads any INFO and message-summary body: what comes out is one key of a telephone, and counts.
func FuzzBodies(f *testing.F) {
	f.Add("application/dtmf-relay", []byte("Signal=5\r\nDuration=100\r\n"))
	f.Add("application/dtmf; x", []byte(" 11 "))
	f.Add("application/simple-message-summary", []byte("Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		if d, ok := digitOfInfo(kind, body); ok && (len(d) != 1 || !strings.Contains("0123456789*#ABCD", d)) {
			t.Errorf("digit %q", d)
		}
		if m, ok := parseSummary(body); ok && (m.New < 0 || m.Old < 0) {
			t.Errorf("messages %+v", m)
		}
	})
}
