package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"dialtone/provisioning"
	"dialtone/sip"
)

// What the DNS said of the lines' servers is kept in the state directory, so that a phone that starts while
// no name server answers registers all the same. It is a text a person can read, a record a line:
//
//	_sip._udp.example.test SRV 10 0 5060 a.example.test
//	a.example.test A 192.0.2.1
//	a.example.test AAAA none
//	example.test NAPTR no-name

// Limits of that text. What is longer is not ours.
const (
	maxAnswersText = 256 << 10 // bytes
	maxAnswers     = 1024      // questions; eight lines ask for fewer
	maxAnswerName  = 253       // RFC 1035 section 2.3.4
	maxAnswerItems = 64        // records of one question
)

// Implementation constants.
const (
	answersValue = "dns"            // the name of the stored value
	answersDelay = 20 * time.Second // changes wait for those that come with them
	answersEvery = time.Hour        // writes are so far apart at the least: flash memory wears out

	noRecords = "none"
	noName    = "no-name"
	nameError = 3 // rcode of RFC 1035 section 4.1.1
)

// A memory is what is to be kept of the DNS, and when.
type memory struct {
	first   []sip.Answer // as the phone started with
	latest  []sip.Answer
	writeAt time.Time // zero: latest is on the disk, or on its way
	wroteAt time.Time
}

// remember plans to keep what the DNS says now.
func (l *loop) remember(now time.Time, answers []sip.Answer) {
	m := &l.memory
	m.latest = answers
	if !m.writeAt.IsZero() {
		return
	}
	m.writeAt = now.Add(answersDelay)
	if at := m.wroteAt.Add(answersEvery); !m.wroteAt.IsZero() && at.After(m.writeAt) {
		m.writeAt = at
	}
}

// rememberWhenDue hands it to the keeper. When the phone stops, that is at once.
func (l *loop) rememberWhenDue(now time.Time) {
	m := &l.memory
	if due(now, m.writeAt) || !m.writeAt.IsZero() && !l.stopping.IsZero() {
		m.writeAt, m.wroteAt = time.Time{}, now
		l.keeper.Remember(m.latest)
	}
}

// storedAnswers reads what an earlier run left. The error is for the log: the phone can do without.
func storedAnswers(store *provisioning.Store) ([]sip.Answer, error) {
	data, err := store.Value(answersValue)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the servers last known cannot be read: %w", err)
	}
	answers, err := parseAnswers(string(data))
	if err != nil {
		return nil, fmt.Errorf("the servers last known cannot be read: %w", err)
	}
	return answers, nil
}

// answersText writes answers down; what parseAnswers would refuse is left out.
func answersText(answers []sip.Answer) string {
	var all strings.Builder
	for _, a := range answers {
		var b strings.Builder
		if len(a.Records) == 0 {
			word := noRecords
			if a.Code == nameError {
				word = noName
			}
			fmt.Fprintf(&b, "%s %s %s\n", a.Question.Name, a.Question.Type, word)
		}
		for _, r := range a.Records {
			fmt.Fprintf(&b, "%s %s ", a.Question.Name, a.Question.Type)
			switch a.Question.Type {
			case "NAPTR":
				fmt.Fprintf(&b, "%d %d %s %s %s\n", r.Order, r.Preference, r.Flags, r.Service, r.Replacement)
			case "SRV":
				fmt.Fprintf(&b, "%d %d %d %s\n", r.Priority, r.Weight, r.Port, r.Target)
			default:
				fmt.Fprintf(&b, "%s\n", r.Addr)
			}
		}
		if _, err := parseAnswers(all.String() + b.String()); err == nil {
			all.WriteString(b.String())
		}
	}
	return all.String()
}

// parseAnswers is the gate for that text. The error names the line.
func parseAnswers(text string) ([]sip.Answer, error) {
	if len(text) > maxAnswersText {
		return nil, fmt.Errorf("%d bytes are more than %d", len(text), maxAnswersText)
	}
	var answers []sip.Answer
	place := map[sip.Question]int{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) < 3 {
			return nil, fmt.Errorf("line %d: a name, a type and data are expected", n)
		}
		q := sip.Question{Name: fields[0], Type: fields[1]}
		record, code, err := parseAnswer(q, fields[2:])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		i, known := place[q]
		switch {
		case !known && len(answers) == maxAnswers:
			return nil, fmt.Errorf("line %d: more than %d names", n, maxAnswers)
		case !known:
			i = len(answers)
			place[q] = i
			answers = append(answers, sip.Answer{Question: q, Code: code})
		case record == nil || len(answers[i].Records) == 0:
			return nil, fmt.Errorf("line %d: %s of %s is there already", n, q.Type, q.Name)
		case len(answers[i].Records) == maxAnswerItems:
			return nil, fmt.Errorf("line %d: more than %d records of %s", n, maxAnswerItems, q.Name)
		}
		if record != nil {
			answers[i].Records = append(answers[i].Records, *record)
		}
	}
	return answers, nil
}

// parseAnswer reads the data of one line; no record means that there is none, which code says why.
func parseAnswer(q sip.Question, data []string) (record *sip.Record, code int, err error) {
	if err := answerName(q.Name); err != nil {
		return nil, 0, err
	}
	sizes := map[string]int{"A": 1, "AAAA": 1, "SRV": 4, "NAPTR": 5}
	size, known := sizes[q.Type]
	switch {
	case !known:
		return nil, 0, fmt.Errorf("%.20q is no type of record we ask for", q.Type)
	case len(data) == 1 && data[0] == noRecords:
		return nil, 0, nil
	case len(data) == 1 && data[0] == noName:
		return nil, nameError, nil
	case len(data) != size:
		return nil, 0, fmt.Errorf("%d words of data, %s has %d", len(data), q.Type, size)
	}
	r := &sip.Record{}
	numbers := map[string][]*uint16{"SRV": {&r.Priority, &r.Weight, &r.Port}, "NAPTR": {&r.Order, &r.Preference}}[q.Type]
	for i, n := range numbers {
		v, err := strconv.ParseUint(data[i], 10, 16)
		if err != nil {
			return nil, 0, fmt.Errorf("%.20q is no number up to 65535", data[i])
		}
		*n = uint16(v)
	}
	switch q.Type {
	case "SRV":
		r.Target = data[3]
		return r, 0, answerName(r.Target)
	case "NAPTR":
		r.Flags, r.Service, r.Replacement = data[2], data[3], data[4]
		for _, word := range data[2:4] {
			if len(word) > maxAnswerName {
				return nil, 0, fmt.Errorf("%.20q… is too long", word)
			}
		}
		return r, 0, answerName(r.Replacement)
	}
	if r.Addr, err = netip.ParseAddr(data[0]); err != nil || r.Addr.Zone() != "" || r.Addr.Is4() != (q.Type == "A") {
		return nil, 0, fmt.Errorf("%.50q is no address for %s", data[0], q.Type)
	}
	return r, 0, nil
}

// answerName takes what can be a name in the DNS. What it may be for a server is checked where it is used.
func answerName(name string) error {
	if len(name) > maxAnswerName {
		return fmt.Errorf("the name %.20q… is longer than %d", name, maxAnswerName)
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f {
			return fmt.Errorf("%.50q is no name", name)
		}
	}
	return nil
}
