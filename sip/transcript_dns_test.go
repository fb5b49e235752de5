package sip

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// dns answers a question: "none", "trouble", or records, those of SRV as priority:weight:port:target and those
// of NAPTR as order:preference:flags:service:replacement.
func (s *stage) dns(kind, name string, answers []string) {
	in := Answer{Question: Question{Name: name, Type: kind}, TTL: time.Minute}
	for _, text := range answers {
		var r Record
		f := strings.Split(text, ":")
		n := func(i int) uint16 { v, _ := strconv.Atoi(f[i]); return uint16(v) }
		switch {
		case text == "none":
			in.Code = rcodeNoName
			continue
		case text == "trouble":
			in.Cause = "no name server answers"
			continue
		case kind == "NAPTR":
			r = Record{Order: n(0), Preference: n(1), Flags: f[2], Service: f[3], Replacement: f[4]}
		case kind == "SRV":
			r = Record{Priority: n(0), Weight: n(1), Port: n(2), Target: f[3]}
		default:
			r = Record{Addr: netip.MustParseAddr(text)}
		}
		in.Records = append(in.Records, r)
	}
	s.step(in)
}

// restart is another run of the phone, which remembers what was found in this one.
func (s *stage) restart() {
	s.agent = New(s.cfg)
	s.flows, s.opens = map[FlowID]Open{}, nil
	s.step(Recall{s.found})
}

// tellFound writes down what is to be kept for another run.
func (s *stage) tellFound() {
	for _, a := range s.found {
		fmt.Fprintf(&s.out, "%8.3f     %s %s", s.at(), a.Question.Name, a.Question.Type)
		for _, r := range a.Records {
			switch {
			case r.Addr.IsValid():
				fmt.Fprintf(&s.out, " %s", r.Addr)
			case r.Service != "":
				fmt.Fprintf(&s.out, " %d:%d:%s:%s:%s", r.Order, r.Preference, r.Flags, r.Service, r.Replacement)
			default:
				fmt.Fprintf(&s.out, " %d:%d:%d:%s", r.Priority, r.Weight, r.Port, r.Target)
			}
		}
		if len(a.Records) == 0 {
			fmt.Fprintf(&s.out, " none")
		}
		fmt.Fprintln(&s.out)
	}
}
