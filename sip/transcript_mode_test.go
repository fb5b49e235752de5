package sip

import (
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// turn makes a peer act by itself: up, dead, refusing, busy (503),
// mute (it answers all but OPTIONS and pings) or stalled (it accepts connections and says nothing in the TLS
// handshake); deaf takes connections and answers what the script says. A connection to one that refuses is reset.
func (s *stage) turn(name, mode string) {
	s.modes[name] = mode
	if mode != "refusing" {
		return
	}
	for id := FlowID(0); id <= FlowID(len(s.flows)*4+64); id++ {
		if o, ok := s.flows[id]; ok && s.names[o.Remote.Addr()] == name {
			delete(s.flows, id)
			s.step(Closed{id, "connection reset"})
		}
	}
}

// actOn lets a peer answer a request by itself.
func (s *stage) actOn(h heard) {
	s.actOnSubscribe(h)
	byItself := h.req.Method == sipmsg.REGISTER || h.req.Method == sipmsg.OPTIONS
	switch mode := s.modes[h.who]; {
	case mode == "refusing" && h.flow.Transport == UDP:
		s.acts = append(s.acts, func() {
			s.step(Unreachable{Local: h.flow.Local, Remote: h.flow.Remote, Cause: "connection refused"})
		})
	case mode == "busy" && h.req.Method != sipmsg.ACK:
		s.acts = append(s.acts, func() { s.reply(&h, 503, nil, nil) })
	case mode == "mute" && h.req.Method == sipmsg.OPTIONS:
	case mode == "shy" && h.req.Method == sipmsg.OPTIONS:
		s.acts = append(s.acts, func() { s.reply(&h, 200, nil, nil) })
	case mode == "rest" && h.req.Method != sipmsg.ACK:
		s.acts = append(s.acts, func() { s.reply(&h, 503, map[string]string{"h": "Retry-After:120"}, nil) })
	case mode == "restlong" && h.req.Method != sipmsg.ACK:
		s.acts = append(s.acts, func() { s.reply(&h, 503, map[string]string{"h": "Retry-After:90000"}, nil) })
	case (mode == "up" || mode == "mute") && byItself:
		s.acts = append(s.acts, func() { s.reply(&h, 200, nil, nil) })
	}
}

// actOnOpen lets a peer take or refuse a connection by itself.
func (s *stage) actOnOpen(n Open) {
	name := s.names[n.Remote.Addr()]
	switch s.modes[name] {
	case "up", "mute", "deaf", "busy", "shy", "rest", "restlong":
		s.acts = append(s.acts, func() { s.opened(nil) })
	case "refusing":
		s.acts = append(s.acts, func() { s.closed("connection refused") })
	case "stalled":
		s.opens = s.opens[:len(s.opens)-1]
		s.acts = append(s.acts, func() { s.step(Connected{n.ID}) })
	case "dead":
		s.opens = s.opens[:len(s.opens)-1]
	}
}

// actOnPing lets a peer answer the ping of a connection.
func (s *stage) actOnPing(f Flow) {
	if name, _, _ := strings.Cut(s.who(f), "/"); s.modes[name] == "up" || s.modes[name] == "busy" {
		s.acts = append(s.acts, func() { s.step(Received{f, []byte("\r\n")}) })
	}
}
