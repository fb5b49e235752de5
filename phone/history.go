package phone

import "time"

// The lists of calls that were: missed, received, placed. They are kept as long as the phone runs.

const (
	missedCalls = iota
	receivedCalls
	placedCalls
	listKinds
)

var lists = [listKinds]struct {
	kind  ListKind
	title string
}{{ListMissed, "Missed calls"}, {ListReceived, "Received calls"}, {ListPlaced, "Placed calls"}}

// Implementation constants.
const (
	maxRecords = 60               // of one list
	listTime   = 30 * time.Second // a list nobody touches closes
)

// A record is one or more calls with the same party, one after the other.
type record struct {
	peer, name string
	line       int
	count      int
	at         time.Time // of the latest
}

// A listing is the list on the screen.
type listing struct {
	on       bool
	kind     int
	selected int
	until    time.Time // when it closes; zero: it is closed
}

// remember adds a call to a list.
func (p *Phone) remember(now time.Time, kind int, c Call) {
	list := p.history[kind]
	if len(list) > 0 && list[0].peer == c.Peer && list[0].line == c.Line {
		list[0].count++
		list[0].at = now
		if c.Name != "" {
			list[0].name = c.Name
		}
		return
	}
	list = append([]record{{peer: c.Peer, name: c.Name, line: c.Line, count: 1, at: now}}, list[:min(len(list), maxRecords-1)]...)
	p.history[kind] = list
	if p.open.on && p.open.kind == kind && p.open.selected > 0 {
		p.open.selected = min(p.open.selected+1, len(list)-1) // the one chosen stays chosen
	}
}

// openList puts a list on the screen.
func (p *Phone) openList(now time.Time, kind int) {
	p.setNotice(now, Reason{})
	p.open = listing{on: true, kind: kind, until: now.Add(listTime)}
}

func (p *Phone) closeList() { p.open = listing{} }

// moveInList chooses the entry before or after the one chosen.
func (p *Phone) moveInList(now time.Time, step int) {
	last := len(p.history[p.open.kind]) - 1
	p.open.selected = max(0, min(p.open.selected+step, last))
	p.open.until = now.Add(listTime)
}

// turnList goes to the next list, or the one before.
func (p *Phone) turnList(now time.Time, step int) {
	if p.open.on {
		p.openList(now, (p.open.kind+step+listKinds)%listKinds)
	}
}

// dialEntry calls the entry chosen. An empty list, or a caller who did not say who it was, gives dial tone.
func (p *Phone) dialEntry(now time.Time, path Path) {
	list, at := p.history[p.open.kind], p.open.selected
	p.closeList()
	if len(list) == 0 || !dialable(list[at].peer) {
		p.offHook(now, path)
		return
	}
	p.path = path
	p.again(now, list[at].peer, list[at].line)
}

// deleteEntry takes the entry chosen out of its list.
func (p *Phone) deleteEntry(now time.Time) {
	list, at := p.history[p.open.kind], p.open.selected
	if len(list) == 0 {
		return
	}
	p.history[p.open.kind] = append(list[:at:at], list[at+1:]...)
	p.moveInList(now, 0)
}

// viewList is the list on the screen.
func (p *Phone) viewList() ListView {
	v := ListView{Kind: lists[p.open.kind].kind, Title: lists[p.open.kind].title, Selected: p.open.selected}
	for _, r := range p.history[p.open.kind] {
		v.Entries = append(v.Entries, ListEntry{
			Peer: r.peer, Name: r.name, Line: r.line, Count: r.count, Ago: p.now.Sub(r.at).Truncate(time.Minute),
		})
	}
	return v
}
