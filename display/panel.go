package display

import (
	"fmt"
	"image"
	"strings"

	"dialtone/phone"
)

// A mood is what colour a thing has.
type mood uint8

const (
	calm mood = iota // nothing special
	good             // connected, ready
	busy             // something goes on
	wait             // on hold, not yet
	bad              // failed
)

// A panel is what a screen of pixels shows, whatever its size.
type panel struct {
	line  string // the head: whose phone this is, or the line in use
	icons []icon // and its right end

	state     string // of the call, or what is asked for
	stateIcon icon
	mood      mood
	clock     string

	big, sub string // whom the call is with; or the number typed so far
	typed    bool   // big is a number being typed: its end matters
	quiet    string // a word of advice below
	chips    []chip // what is special about the call

	reason phone.Reason // instead of big: over the whole middle
	peer   string       // whom the reason is about

	lines []entry // of the phone at rest
	calls []entry // beside the one in front
	list  []entry
	at    int // the chosen one of list
	empty string
	title bool // state is the title of a list

	banners []banner
	volume  int // -1: not shown
	soft    [4]string
}

// An entry is one row.
type entry struct {
	icon        icon
	mood        mood
	left, right string
	hint        string
	line        int  // its number, of several
	why         bool // right says why it failed
}

// A chip is a word that says how the call is.
type chip struct {
	icon icon
	text string
	mood mood
}

// A banner is news on top of what goes on. Where there is one row only its words are shown in turn.
type banner struct {
	icon  icon
	mood  mood
	title string
	text  string
}

// content says what is on the screen.
func content(v phone.View) panel {
	p := panel{line: headName(v), icons: statusIcons(v), volume: -1, soft: v.Soft}
	if v.VolumeShown {
		p.volume = min(max(v.Volume, 0), phone.MaxVolume)
	}
	switch v.Showing {
	case phone.ShowDialing:
		p.typing(v, "Enter number")
		if path := pathName(v); path != "" && v.Digits == "" {
			p.quiet = path
		}
	case phone.ShowCalling:
		p.call(v, "Calling", iconOut, busy)
	case phone.ShowRinging:
		p.call(v, "Ringing", iconBell, busy)
	case phone.ShowIncoming:
		p.call(v, "Incoming call", iconBell, busy)
		if !v.Ring {
			p.chips = append(p.chips, chip{iconMuted, "Silent", calm})
		}
	case phone.ShowTalking:
		p.talking(v)
	case phone.ShowFailed:
		p.reason, p.peer = v.Why, partyOf(v)
		p.stateIcon, p.mood = iconFailed, bad
		if v.Why == phone.Finished || v.Why == phone.HungUp {
			p.stateIcon, p.mood = iconHandset, calm
		}
	case phone.ShowList:
		p.listing(v)
	default:
		p.idle(v)
	}
	if v.Showing != phone.ShowList {
		p.others(v)
	}
	if v.Showing != phone.ShowIdle && v.Showing != phone.ShowFailed && v.Notice != (phone.Reason{}) {
		p.banners = append(p.banners, banner{iconWarning, wait, v.Notice.Title, v.Notice.Hint})
	}
	return p
}

// typing is a number that is being typed.
func (p *panel) typing(v phone.View, ask string) {
	p.state, p.mood, p.typed, p.big = ask, busy, true, v.Digits
}

// call is a call, with its other side in the middle.
func (p *panel) call(v phone.View, state string, i icon, m mood) {
	p.state, p.stateIcon, p.mood = state, i, m
	p.big, p.sub = nameAndNumber(v.Name, v.Peer)
}

// talking is a call that was answered.
func (p *panel) talking(v phone.View) {
	p.call(v, "Connected", iconHandset, good)
	p.clock = clock(v.Duration)
	if v.Secure {
		p.state, p.stateIcon = "Secure", iconLock
	}
	switch {
	case v.Pending && v.Held:
		p.state, p.stateIcon, p.mood = "Resuming", iconHold, wait
	case v.Pending:
		p.state, p.stateIcon, p.mood = "Holding", iconHold, wait
	case v.Held && v.RemoteHeld:
		p.state, p.stateIcon, p.mood = "Both hold", iconHold, wait
	case v.Held:
		p.state, p.stateIcon, p.mood = "On hold", iconHold, wait
	case v.RemoteHeld:
		p.state, p.stateIcon, p.mood = "They hold", iconHold, wait
	}
	if v.Muted {
		p.chips = append(p.chips, chip{iconMuted, "Muted", bad})
	}
	if v.Sent != "" {
		p.chips = append(p.chips, chip{noIcon, "Sent " + v.Sent, calm})
	}
}

// others are the calls beside the one in front.
func (p *panel) others(v phone.View) {
	told := false
	for _, c := range v.Calls {
		name, _ := nameAndNumber(c.Name, c.Peer)
		switch {
		case c.Front:
		case c.State == phone.StateIncoming:
			if !told {
				p.banners = append(p.banners, banner{iconBell, busy, "Call waiting", callerOf(v, name)})
			} else {
				p.calls = append(p.calls, entry{icon: iconBell, mood: busy, left: name, right: "Ringing"})
			}
			told = true
		case c.State == phone.StateConnected: // the one talked in, while another is looked at
			p.calls = append(p.calls, entry{icon: iconHandset, mood: good, left: name, right: callWord(c)})
		default:
			p.calls = append(p.calls, entry{icon: iconHold, mood: wait, left: name, right: callWord(c)})
		}
	}
	if v.Waiting && !told {
		p.banners = append(p.banners, banner{iconBell, busy, "Call waiting", callerOf(v, "Unknown")})
	}
}

// listing is a list the user looks through.
func (p *panel) listing(v phone.View) {
	p.state, p.title, p.at = v.List.Title, true, min(max(v.List.Selected, 0), max(len(v.List.Entries)-1, 0))
	p.empty = "No entries"
	sign, m := iconMissed, bad
	switch v.List.Kind {
	case phone.ListReceived:
		sign, m = iconIn, good
	case phone.ListPlaced:
		sign, m = iconOut, busy
	}
	for _, e := range v.List.Entries {
		name, _ := nameAndNumber(e.Name, e.Peer)
		when := age(e.Ago)
		if e.Count > 1 {
			when = fmt.Sprintf("(%d) %s", e.Count, when)
		}
		p.list = append(p.list, entry{icon: sign, mood: m, left: name, right: when})
	}
	if n := len(p.list); n > 0 {
		p.clock = fmt.Sprintf("%d/%d", p.at+1, n)
	}
}

// idle is the phone at rest.
func (p *panel) idle(v phone.View) {
	missed := func() {
		if v.Missed > 0 {
			title := "Missed call"
			if v.Missed > 1 {
				title = fmt.Sprintf("%d missed calls", v.Missed)
			}
			p.banners = append(p.banners, banner{iconMissed, bad, title, plainPeer(v.MissedPeer)})
		}
	}
	whole := func(r phone.Reason, i icon, m mood) {
		p.reason, p.stateIcon, p.mood = r, i, m
		missed()
	}
	switch {
	case v.Digits != "":
		p.typing(v, "Number")
		p.quiet = "Lift handset or Talk"
		return
	case v.Notice != phone.Reason{}:
		whole(v.Notice, iconWarning, wait)
		return
	case !v.Network:
		whole(phone.NoNetwork, iconNetwork, bad)
		return
	case len(v.Lines) == 0:
		whole(phone.NoLine, iconWarning, wait)
		return
	}
	if len(v.Lines) == 1 {
		p.line = "dialtone" // the middle names it
	}
	for _, l := range v.Lines {
		e := entry{icon: iconDot, mood: good, left: l.Name, right: shownState(l), line: l.Number}
		switch {
		case l.Name == "":
			e.left = lineLabel(l)
		case len(v.Lines) > 1:
			e.left = fmt.Sprintf("%d %s", l.Number, l.Name)
		}
		switch e.right {
		case stateReady, stateBackup:
		case "DND":
			e.icon, e.mood, e.right = iconDND, bad, "Do not disturb"
		case "Connecting":
			e.icon, e.mood = iconRing, wait
		case stateFailed:
			e.icon, e.mood = iconFailed, bad
			if l.Cause.Title != "" {
				e.right, e.hint, e.why = l.Cause.Title, l.Cause.Hint, true
			}
		default:
			e.icon, e.mood, e.right = iconRing, bad, phone.NotRegistered.Title
		}
		p.lines = append(p.lines, e)
	}
	missed()
}

// statusIcons are the signs at the right end of the head, the more important at the right.
func statusIcons(v phone.View) (icons []icon) {
	add := func(on bool, i icon) {
		if on {
			icons = append(icons, i)
		}
	}
	add(v.Missed > 0, iconMissed)
	for _, l := range v.Lines {
		if l.DND && l.Number == v.Line {
			icons = append(icons, iconDND)
		}
	}
	add(!v.Network, iconNetwork)
	add(v.Secure && v.Showing == phone.ShowTalking, iconLock)
	add(v.Held || v.RemoteHeld, iconHold)
	add(v.Muted, iconMuted)
	switch v.Path {
	case phone.PathHandset:
		icons = append(icons, iconHandset)
	case phone.PathSpeaker:
		icons = append(icons, iconSpeaker)
	case phone.PathHeadset:
		icons = append(icons, iconHeadset)
	}
	return icons
}

// headName is the name in the head: the line in use, or whose phone this is.
func headName(v phone.View) string {
	if len(v.Lines) == 0 {
		return "Telephone"
	}
	for _, l := range v.Lines {
		if l.Number == v.Line {
			return lineOf(v)
		}
	}
	if l := v.Lines[0]; l.Name != "" {
		return l.Name
	}
	return lineLabel(v.Lines[0])
}

// lineOf names the line in use as it is written; lineName spells it for an LCD.
func lineOf(v phone.View) string {
	for _, l := range v.Lines {
		if l.Number != v.Line {
			continue
		}
		switch {
		case l.Name == "":
			return fmt.Sprintf("Line %d", l.Number)
		case len(v.Lines) > 1:
			return fmt.Sprintf("%d %s", l.Number, l.Name)
		}
		return l.Name
	}
	return fmt.Sprintf("Line %d", v.Line)
}

// nameAndNumber is whom a call is with: the name if there is one that can be read, and the number.
func nameAndNumber(name, peer string) (big, small string) {
	number := plainPeer(peer)
	if strings.Trim(legible(name, goHas), "? ") == "" || name == number {
		name = number
		number = ""
	}
	if name == "" {
		name = "Unknown"
	}
	return name, number
}

// goHas stands for what the Go fonts and spellings can write: the alphabets of Europe.
func goHas(r rune) bool { return r >= ' ' && r < 0x530 && (r < 0x7f || r >= 0xa0) }

func partyOf(v phone.View) string {
	if v.Peer == "" && v.Name == "" {
		return ""
	}
	name, _ := nameAndNumber(v.Name, v.Peer)
	return name
}

func callerOf(v phone.View, name string) string {
	if v.Caller != "" {
		return plainPeer(v.Caller)
	}
	return name
}

// A drawer draws what the middle of a pixel screen can show.
type drawer interface {
	list(image.Rectangle, panel)
	reason(image.Rectangle, panel)
	lines(image.Rectangle, []entry)
	number(image.Rectangle, panel)
	call(image.Rectangle, panel)
}

// body draws the middle of a screen: one thing, the first there is.
func body(d drawer, r image.Rectangle, p panel) {
	switch {
	case p.title:
		d.list(r, p)
	case p.reason != phone.Reason{}:
		d.reason(r, p)
	case len(p.lines) > 0:
		d.lines(r, p.lines)
	case p.typed:
		d.number(r, p)
	default:
		d.call(r, p)
	}
}
