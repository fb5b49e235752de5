package sip

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// What a Locator found can be kept over a restart, so that a phone that starts while no name server answers
// finds its servers where they were.

// Answers are those the list in use was made of, good ones only and without their TTLs: as plain data, to
// be kept somewhere. They change only when a name server says something new.
func (l *Locator) Answers() []Answer { return slices.Clone(l.good) }

// Recall takes in what Answers gave in another run, before Start. Those the list is not made of are passed
// over. It serves from the moment on at which name servers fail or have had their time to answer.
func (l *Locator) Recall(answers []Answer) {
	for _, a := range answers {
		q := canonical(a.Question)
		if l.lookups[q] == nil && a.Cause == "" && (a.Code == rcodeSuccess || a.Code == rcodeNoName) {
			k := &lookup{known: true, recalled: true}
			l.takeRecords(k, a)
			l.lookups[q] = k
		}
	}
	w := walk{l: l}
	w.run()
	if len(w.servers) > 0 && !w.pending {
		l.servers, l.good = w.servers, w.answers()
	}
	for q, k := range l.lookups {
		if !k.needed {
			delete(l.lookups, q)
		}
	}
}

// Hurry ends the time name servers have to answer before what is remembered is used: somebody waits.
func (l *Locator) Hurry(now time.Time) []Question {
	l.waitUntil = time.Time{}
	return l.resolve(now)
}

// Remembered tells whether the list is used as another run left it, for no name server has answered yet.
func (l *Locator) Remembered() bool {
	remembered := false
	for _, k := range l.lookups {
		if k.needed && k.settled && !k.recalled {
			return false
		}
		remembered = remembered || k.needed && k.recalled
	}
	return l.done && remembered
}

// found tells what the lines' servers were found by, when that is news.
func (a *Agent) found() {
	var list []Answer
	for _, ln := range a.lines {
		for _, l := range ln.legs() {
			if l.locator != nil {
				list = append(list, l.locator.Answers()...)
			}
		}
	}
	slices.SortStableFunc(list, byQuestion)
	list = slices.CompactFunc(list, func(x, y Answer) bool { return x.Question == y.Question })
	if slices.EqualFunc(list, a.known, func(x, y Answer) bool {
		return x.Question == y.Question && x.Code == y.Code && slices.Equal(x.Records, y.Records)
	}) {
		return
	}
	a.known = list
	a.emit(Found{Answers: slices.Clone(list)})
}

func byQuestion(x, y Answer) int {
	return cmp.Or(strings.Compare(x.Question.Name, y.Question.Name), strings.Compare(x.Question.Type, y.Question.Type))
}

// ordered are the records of one answer in an order that a name server cannot change by rotating them.
// That of addresses is ours already.
func ordered(records []Record) []Record {
	out := slices.Clone(records)
	slices.SortStableFunc(out, func(a, b Record) int {
		if a.Addr.IsValid() {
			return 0
		}
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference),
			cmp.Compare(a.Priority, b.Priority), cmp.Compare(b.Weight, a.Weight),
			strings.Compare(a.Target, b.Target), cmp.Compare(a.Port, b.Port),
			strings.Compare(a.Service, b.Service), strings.Compare(a.Replacement, b.Replacement))
	})
	return out
}
