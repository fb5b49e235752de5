package sip

import (
	"container/heap"
	"time"
)

// A timed thing has timers, each a time.Time field that is zero while stopped.
type timed interface {
	due() time.Time     // the earliest timer; zero: none runs
	tick(now time.Time) // acts on the timers that are due, and stops or renews each of them
	entry() *agendaEntry
}

// agendaEntry is a timed thing's place in the agenda. It is embedded.
type agendaEntry struct {
	at    time.Time
	order uint64 // first come, first served among those due at one instant
	place int    // index in the heap, plus one; 0: not in it
}

func (e *agendaEntry) entry() *agendaEntry { return e }

// An agenda knows which timed thing is due next, without looking at all of them.
type agenda struct {
	heap  agendaHeap
	order uint64
}

// set has to be called whenever a timer of t may have changed.
func (g *agenda) set(t timed) {
	e, at := t.entry(), t.due()
	switch {
	case e.place == 0 && at.IsZero():
	case e.place == 0:
		g.order++
		e.at, e.order = at, g.order
		heap.Push(&g.heap, t)
	case at.IsZero():
		heap.Remove(&g.heap, e.place-1)
	case !at.Equal(e.at):
		g.order++
		e.at, e.order = at, g.order
		heap.Fix(&g.heap, e.place-1)
	}
}

// next is when the first of them is due; zero: none is.
func (g *agenda) next() time.Time {
	if len(g.heap) == 0 {
		return time.Time{}
	}
	return g.heap[0].entry().at
}

// run ticks everything that is due by now, each in its turn.
func (g *agenda) run(now time.Time) {
	for len(g.heap) > 0 && !g.heap[0].entry().at.After(now) {
		t := g.heap[0]
		t.tick(now)
		g.set(t)
	}
}

type agendaHeap []timed

func (h agendaHeap) Len() int { return len(h) }

func (h agendaHeap) Less(i, j int) bool {
	a, b := h[i].entry(), h[j].entry()
	return a.at.Before(b.at) || a.at.Equal(b.at) && a.order < b.order
}

func (h agendaHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].entry().place, h[j].entry().place = i+1, j+1
}

func (h *agendaHeap) Push(x any) {
	t := x.(timed)
	*h = append(*h, t)
	t.entry().place = len(*h)
}

func (h *agendaHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.entry().place = 0
	return t
}

// earliest is the first of some timers, of which those at zero are stopped.
func earliest(times ...time.Time) (first time.Time) {
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// passed tells whether a timer runs and is due.
func passed(now, timer time.Time) bool { return !timer.IsZero() && !timer.After(now) }
