package display

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"dialtone/phone"
)

// A layout is a screen before it is cut to size: a head with something at its right end, a body of
// rows in the order of their weight, and a foot.
type layout struct {
	head, right string
	body        []string
	foot        string
	// second is what a screen of two rows shows below the head; empty: the first of body.
	second string
}

// Text returns the screen as rows of characters, each exactly cols long, in letters an HD44780 has.
// Two rows of 16 are the least that can be read; on a smaller screen the text is cut.
func Text(v phone.View, rows, cols int) []string {
	rows, cols = max(rows, 1), max(cols, 1)
	l := arrange(v, rows, cols)
	if v.VolumeShown {
		l.foot = volumeBar(v.Volume, cols)
		l.second = l.foot
	}
	news := v.Notice != phone.Reason{} && (v.Showing == phone.ShowTalking || v.Showing == phone.ShowIdle)
	if v.Showing != phone.ShowList && !v.VolumeShown && !news && v.Sent == "" {
		l.addOthers(v, rows, cols)
	}
	screen := make([]string, rows)
	screen[0] = ends(l.head, l.right, cols)
	if rows == 2 {
		screen[1] = l.second
		if screen[1] == "" && len(l.body) > 0 {
			screen[1] = l.body[0]
		}
	} else {
		copy(screen[1:], l.body)
		if rows > 2 && l.foot != "" {
			screen[rows-1] = l.foot
		}
	}
	for i, row := range screen {
		screen[i] = fit(row, cols)
	}
	return screen
}

// arrange says what is on the screen.
func arrange(v phone.View, rows, cols int) layout {
	switch v.Showing {
	case phone.ShowDialing:
		l := layout{head: lineName(v), body: []string{tail(v.Digits, cols)}, foot: pathName(v)}
		if v.Digits == "" {
			l.body[0] = "Enter number"
		}
		return l
	case phone.ShowCalling:
		return layout{head: "Calling", body: party(v), foot: below(v)}
	case phone.ShowRinging:
		return layout{head: "Ringing", body: party(v), foot: below(v)}
	case phone.ShowIncoming:
		return incoming(v, rows)
	case phone.ShowTalking:
		return talking(v, rows, cols)
	case phone.ShowList:
		return list(v, rows, cols)
	case phone.ShowFailed:
		l := notice(v.Why, v.Page, cols)
		l.foot = partyLine(v)
		return l
	}
	return idle(v, rows, cols)
}

// idle is the phone at rest: its lines, what is new, and a number typed before the handset is lifted.
func idle(v phone.View, rows, cols int) layout {
	missed := missedLine(v)
	switch {
	case v.Digits != "":
		return layout{head: "Number:", body: []string{tail(v.Digits, cols)}, foot: "Lift, Talk or #"}
	case v.Notice != phone.Reason{}:
		l := notice(v.Notice, v.Page, cols)
		l.foot = missed
		return l
	case !v.Network:
		l := notice(phone.NoNetwork, v.Page, cols)
		l.foot = missed
		return l
	case len(v.Lines) == 0:
		l := notice(phone.NoLine, v.Page, cols)
		l.foot = missed
		return l
	}
	l := layout{foot: missed, second: missed}
	if len(v.Lines) == 1 {
		line := v.Lines[0]
		l.head, l.right = readable(line.Name), lineState(line)
		if cause := readable(line.Cause.Title); line.State == phone.LineFailed {
			l.body = append(l.body, cause)
		} else if shownState(line) == stateBackup && cols >= wideScreen {
			l.body = append(l.body, "By a backup server")
		}
		return l
	}
	room := rows
	if missed != "" {
		room--
	}
	if len(v.Lines) < rows {
		l.body = lineRows(v.Lines, room, cols)
		l.head, l.body = l.body[0], l.body[1:]
		return l
	}
	// More lines than rows: how many are ready, and those that are not.
	var down []phone.LineView
	for _, line := range v.Lines {
		if lineState(line) != stateReady {
			down = append(down, line)
		}
	}
	ready := len(v.Lines) - len(down)
	if rows == 2 && len(down) == 1 && why(down[0]) != "" {
		// That line and why it failed say more than how many are ready.
		all := lineRows(down, room, cols)
		l.head, l.body = all[0], all[1:]
		return l
	}
	l.body = lineRows(down, room-1, cols)
	l.head = fmt.Sprintf("%d of %d lines ready", ready, len(v.Lines))
	if len(l.head) > cols {
		l.head = fmt.Sprintf("%d/%d lines ready", ready, len(v.Lines))
	}
	if i := slices.IndexFunc(down, func(line phone.LineView) bool { return why(line) != "" }); rows == 2 && missed == "" && i >= 0 {
		l.second = l.body[i]
	}
	return l
}

// lineRows are lines with their states, and why those failed that did: below each, or where there is
// no room for that in place of its name.
func lineRows(lines []phone.LineView, room, cols int) []string {
	var long, short []string
	for _, line := range lines {
		state, cause := lineState(line), why(line)
		if cols >= wideScreen {
			state = shownState(line)
		}
		row := ends(lineLabel(line), state, cols)
		long, short = append(long, row), append(short, row)
		if cause != "" {
			indent := min(max(cols-utf8.RuneCountInString(cause), 0), 2)
			long = append(long, strings.Repeat(" ", indent)+cause)
			short[len(short)-1] = fmt.Sprintf("%d %s", line.Number, cause)
		}
	}
	if len(long) > room {
		return short
	}
	return long
}

// why says in words for an LCD why a line failed; empty if it did not, or nobody knows.
func why(l phone.LineView) string {
	if lineState(l) != stateFailed {
		return ""
	}
	return readable(l.Cause.Title)
}

// incoming is a call for us.
func incoming(v phone.View, rows int) layout {
	l := layout{head: "Incoming call", body: party(v), foot: "Talk: yes   End: no"}
	if len(v.Lines) > 1 {
		l.head = "For " + lineName(v)
	}
	if !v.Ring {
		l.foot = "Silent. Talk: answer"
	}
	if rows == 2 && len(l.body) > 1 { // name and number matter more than the words
		l.head, l.body = l.body[0], l.body[1:]
	}
	return l
}

// talking is a call, whoever holds whom.
func talking(v phone.View, rows, cols int) layout {
	l := layout{head: "Connected", right: clock(v.Duration), body: party(v), foot: below(v)}
	if v.Secure {
		l.head = secureWord
		if l.foot == "" && (v.Muted || v.Pending || v.Held || v.RemoteHeld) { // the head says that
			l.foot = secureWord
		}
	}
	switch {
	case v.Pending && v.Held:
		l.head = "Resuming"
	case v.Pending:
		l.head = "Holding"
	case v.Held && v.RemoteHeld:
		l.head = "Both hold"
	case v.Held:
		l.head = "On hold"
	case v.RemoteHeld:
		l.head = "They hold"
	case v.Muted:
		l.head = "Muted"
	}
	switch {
	case v.Notice != phone.Reason{}:
		l.news(notice(v.Notice, v.Page, cols), v.Page, rows)
	case v.Sent != "":
		l.foot = tail("> "+v.Sent, cols)
		l.second = l.foot
	}
	return l
}

// news puts a notice into a call. On four rows whom one talks with stays above it; on three its title
// and its hint come in turn; two rows are all for the notice, as at rest.
func (l *layout) news(n layout, page, rows int) {
	switch {
	case rows == 2:
		l.head, l.right, l.second = n.head, "", n.second
	case rows > 3 && n.second != "":
		body := make([]string, rows-2)
		copy(body, l.body)
		body[rows-3] = n.head
		l.body, l.foot = body, n.second
	default:
		pages := append([]string{n.head}, n.body...)
		l.foot = pages[max(page, 0)%len(pages)]
	}
}

// list is a list the user looks through, the chosen entry marked; a screen of two rows shows only that.
func list(v phone.View, rows, cols int) layout {
	n := len(v.List.Entries)
	l := layout{head: readable(v.List.Title)}
	if n == 0 {
		l.body = []string{"No entries"}
		return l
	}
	at := min(max(v.List.Selected, 0), n-1)
	l.right = fmt.Sprintf("%d/%d", at+1, n)
	first := window(at, n, rows-1)
	for i, e := range v.List.Entries[first:min(first+max(rows-1, 1), n)] {
		mark := " "
		if first+i == at {
			mark = ">"
		}
		l.body = append(l.body, ends(mark+readable(entryName(e)), age(e.Ago), cols))
	}
	return l
}

// window returns the first of size entries to show of n, so that the chosen one is among them.
func window(at, n, size int) int {
	size = max(size, 1)
	return min(max(at-size/2, 0), max(n-size, 0))
}

// addOthers adds the calls beside the one in front: one that rings comes first. A screen of two rows
// has room for whom one talks with and how many more there are; of a number that is typed the end matters
// more than that.
func (l *layout) addOthers(v phone.View, rows, cols int) {
	var rest []phone.CallView
	for _, c := range v.Calls {
		switch {
		case c.Front:
		case c.State != phone.StateIncoming:
			rest = append(rest, c)
		case v.Caller == "":
			v.Waiting, v.Caller = true, nameOf(c)
		}
	}
	switch {
	case v.Waiting:
		caller := readable(plainPeer(v.Caller))
		if caller == "" {
			caller = "Unknown"
		}
		l.foot = "Waiting: " + caller
		switch {
		case rows == 2 && v.Showing == phone.ShowDialing && v.Digits != "":
			l.head = l.foot
		case v.Showing == phone.ShowFailed && l.second != "" && max(v.Page, 0)%2 == 0:
			// They come in turn: a piece of the hint, who is waiting, the next piece.
			l.second = notice(v.Why, v.Page/2, cols).second
		default:
			l.second = l.foot
		}
		return
	case len(rest) == 0:
		return
	case len(rest) == 1:
		l.foot = ends(readable(nameOf(rest[0])), callWord(rest[0]), cols)
	default:
		l.foot = fmt.Sprintf("%d more calls", len(rest))
	}
	if l.second == "" && len(l.body) > 0 {
		more := fmt.Sprintf("+%d", len(rest))
		if v.Digits == "" || utf8.RuneCountInString(l.body[0])+1+len(more) <= cols {
			l.second = ends(l.body[0], more, cols)
		}
	}
}

func nameOf(c phone.CallView) string {
	name, _ := nameAndNumber(c.Name, c.Peer)
	return name
}

// notice is a reason over the whole screen. Where the hint needs more rows than there are it is shown
// one page after the other.
func notice(r phone.Reason, page, cols int) layout {
	l := layout{head: readable(r.Title), body: wrap(readable(r.Hint), cols)}
	if n := len(l.body); n > 0 {
		l.second = l.body[max(page, 0)%n]
	}
	return l
}

// below is the foot of a call: who called meanwhile, or what the user talks through.
func below(v phone.View) string {
	if missed := missedLine(v); missed != "" {
		return missed
	}
	return pathName(v)
}

// secureWord stands in place of the word that all is well in an encrypted call.
const secureWord = "Secure"

func pathName(v phone.View) string {
	switch v.Path {
	case phone.PathSpeaker:
		return "Speaker"
	case phone.PathHeadset:
		return "Headset"
	}
	return ""
}

func missedLine(v phone.View) string {
	peer := readable(plainPeer(v.MissedPeer))
	switch {
	case v.Missed <= 0:
		return ""
	case v.Missed == 1:
		return "Missed: " + peer
	}
	return fmt.Sprintf("%d missed: %s", v.Missed, peer)
}

// party is whom a call is with: the name if there is one that can be shown, and the number.
func party(v phone.View) []string {
	number := readable(plainPeer(v.Peer))
	name := readable(v.Name)
	if strings.Trim(name, "? ") == "" || name == number {
		if number == "" {
			number = "Unknown"
		}
		return []string{number}
	}
	if number == "" {
		return []string{name}
	}
	return []string{name, number}
}

// partyLine is whom a call was with, on one row; empty if there was none.
func partyLine(v phone.View) string {
	if v.Peer == "" && v.Name == "" {
		return ""
	}
	return party(v)[0]
}

// plainPeer leaves out of an address what says nothing to people.
func plainPeer(peer string) string {
	for _, scheme := range []string{"sip:", "sips:", "tel:"} {
		if len(peer) > len(scheme) && strings.EqualFold(peer[:len(scheme)], scheme) {
			return peer[len(scheme):]
		}
	}
	return peer
}

// lineName names the line in use.
func lineName(v phone.View) string {
	for _, l := range v.Lines {
		if l.Number == v.Line {
			return lineLabel(l)
		}
	}
	return fmt.Sprintf("Line %d", v.Line)
}

func lineLabel(l phone.LineView) string {
	name := readable(l.Name)
	if name == "" {
		return fmt.Sprintf("Line %d", l.Number)
	}
	return fmt.Sprintf("%d %s", l.Number, name)
}

// The words for a line's state.
const (
	stateReady  = "Ready"
	stateFailed = "Failed"
	stateBackup = "Backup" // ready, by another server than the preferred one
)

func lineState(l phone.LineView) string {
	switch {
	case l.State == phone.LineRegistered && l.DND:
		return "DND"
	case l.State == phone.LineRegistered, l.State == phone.LineUnregistered && l.CanCall:
		return stateReady
	case l.State == phone.LineRegistering:
		return "Connecting"
	case l.State == phone.LineFailed:
		return stateFailed
	}
	return "Offline"
}

// wideScreen is as many characters as it takes to say in passing that a line works by a backup.
const wideScreen = 20

// shownState is the word for a line at rest where there is room: one that works by a backup says so.
func shownState(l phone.LineView) string {
	if state := lineState(l); state != stateReady || !l.Backup {
		return state
	}
	return stateBackup
}

// clock writes the length of a call: "0:05", "12:34", "1:02:03".
func clock(d time.Duration) string {
	s := int(max(d, 0) / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// callWord says how a call stands that is not the one in front.
func callWord(c phone.CallView) string {
	switch c.State {
	case phone.StateIncoming:
		return "Rings"
	case phone.StateDialing, phone.StateProceeding:
		return "Calling"
	case phone.StateRinging:
		return "Ringing"
	case phone.StateTransferring:
		return "Transfer"
	case phone.StateConnected:
		return clock(c.Duration)
	case phone.StateRemoteHeld:
		return "They hold"
	case phone.StateEnded:
		return "Ended"
	}
	return "On hold"
}

// age writes how long ago something was, for people: "now", "5 min", "3 h", "2 days".
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d < 48*time.Hour:
		return "1 day"
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// entryName is who a list entry is about, and how often.
func entryName(e phone.ListEntry) string {
	name, _ := nameAndNumber(e.Name, e.Peer)
	if e.Count > 1 {
		return fmt.Sprintf("%s (%d)", name, e.Count)
	}
	return name
}

func volumeBar(level, cols int) string {
	const word = "Vol "
	n := min(phone.MaxVolume, max(cols-len(word)-2, 0))
	on := min(max(level, 0), phone.MaxVolume) * n / phone.MaxVolume
	return word + "[" + strings.Repeat("#", on) + strings.Repeat("-", n-on) + "]"
}

// ends puts one text at each end of a row; the left one gives way.
func ends(left, right string, cols int) string {
	room := cols - utf8.RuneCountInString(right)
	if right == "" || room < 1 {
		return left
	}
	return fit(cut(left, room-1), room) + right
}

// fit makes a row exactly cols long.
func fit(s string, cols int) string {
	s = cut(s, cols)
	return s + strings.Repeat(" ", cols-utf8.RuneCountInString(s))
}

// cut keeps the first n characters, tail the last n with a sign that there were more.
func cut(s string, n int) string {
	r := []rune(s)
	return string(r[:min(len(r), max(n, 0))])
}

func tail(s string, n int) string {
	r := []rune(readable(s))
	if len(r) <= n || n < 2 {
		return string(r)
	}
	return "<" + string(r[len(r)-n+1:])
}

// wrap breaks text between words into rows of at most cols; a longer word is cut.
func wrap(text string, cols int) (rows []string) {
	for word := range strings.FieldsSeq(text) {
		if n := len(rows) - 1; n >= 0 && utf8.RuneCountInString(rows[n])+1+utf8.RuneCountInString(word) <= cols {
			rows[n] += " " + word
			continue
		}
		rows = append(rows, word)
	}
	return rows
}
