package main

import (
	"context"
	"log/slog"
	"strings"

	"dialtone/media"
	"dialtone/sip"
)

// With -log debug every SIP message is in the log, as it came and went, but for credentials.

// traceIn logs a message that came.
func (l *loop) traceIn(in sip.Input) {
	if r, ok := in.(sip.Received); ok && l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("sip received", "from", string(r.Flow.Transport)+":"+r.Flow.Remote.String(), "message", redacted(r.Data))
	}
}

// traceOut logs a message that goes.
func (l *loop) traceOut(act sip.NetAction) {
	if !l.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	switch act := act.(type) {
	case sip.Send:
		l.log.Debug("sip sent", "to", string(act.Flow.Transport)+":"+act.Flow.Remote.String(), "message", redacted(act.Data))
	default:
		l.log.Debug("sip wants", "action", show(act))
	}
}

// Implementation constants.
const maxTraced = 8 << 10 // bytes of a message in the log

// redacted is a message without what answers a challenge, for the digest of a password invites guessing, and
// without the keys of voice.
func redacted(message []byte) string {
	var out strings.Builder
	hidden := false // the line before was, and this one may go on with it
	for line := range strings.Lines(string(media.MaskKeys(message[:min(len(message), maxTraced)]))) {
		if hidden && (line[0] == ' ' || line[0] == '\t') {
			continue
		}
		name, _, _ := strings.Cut(line, ":")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "authorization", "proxy-authorization":
			hidden = true
			out.WriteString(name + ": (credentials)\r\n")
		default:
			hidden = false
			out.WriteString(line)
		}
	}
	return out.String()
}
