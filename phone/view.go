package phone

import (
	"slices"
	"time"
)

// Showing is what the screen is about.
type Showing string

const (
	// On-hook, or a handset left lifted after a call. Digits may hold a number typed so far; while they do
	// there may be Calls on hold.
	ShowIdle     Showing = "idle"
	ShowDialing  Showing = "dialing"  // off-hook, a number is being dialed
	ShowCalling  Showing = "calling"  // asked for, the other telephone does not ring yet
	ShowRinging  Showing = "ringing"  // the other telephone rings
	ShowIncoming Showing = "incoming" // ours rings
	ShowTalking  Showing = "talking"  // connected; see Held and RemoteHeld
	ShowFailed   Showing = "failed"   // off-hook after a call that ended or could not be placed: see Why
	ShowList     Showing = "list"     // the user looks through a list: see List
)

// A View is all a screen (or a lamp) needs to know. It is a function of the phone's state and the time
// of its last Step; while something on it runs, Next asks for the Ticks that keep it true.
type View struct {
	Showing Showing
	Lines   []LineView // enabled lines by number
	Line    int        // the line in use or to be used, 0 if there is none
	CanCall bool       // that line may place calls now
	Network bool       // the phone has a network

	Digits   string        // the number typed so far
	Peer     string        // whom the call is with; after it, whom it was with
	Name     string        // their name, if known
	Duration time.Duration // how long the call has been connected, whole seconds
	Sent     string        // digits sent during the call, for a while after the last

	Held, RemoteHeld bool // we hold them, they hold us; both may be
	Secure           bool // voice and its keys are encrypted on their way to the phone system
	Pending          bool // a hold or its end was asked for and is not answered yet
	Early            bool // the network is heard before the answer
	Ring             bool // the bell is on

	Path          Path
	HandsetLifted bool
	Muted         bool
	Volume        int
	VolumeShown   bool // the volume was changed just now

	Why    Reason // why the last call ended, while ShowFailed
	Notice Reason // news to show for a while, zero: none
	// Page counts up every two seconds while Why or Notice is on the screen: a small screen shows a
	// long hint one piece after the other.
	Page int

	// Calls are the calls there are, in the order they began. The one the fields above speak of has
	// Front set; the others are on hold, or ring while the user talks.
	Calls []CallView
	// Waiting says that a call rings while the user is in another one; Caller is who, by name or number.
	Waiting bool
	Caller  string

	List ListView // while ShowList
	// Soft are the labels of the soft keys from left to right, each at most eight characters; "" does
	// nothing now. Screens of characters have no room for them.
	Soft [4]string

	Missed     int    // calls missed since the user last touched the phone
	MissedPeer string // the latest of them, by name or number
}

// A CallView is one call on the screen.
type CallView struct {
	ID         ID
	Line       int
	Peer, Name string
	State      CallState
	Duration   time.Duration // how long it has been connected, whole seconds
	Front      bool          // the one in hand: it is talked in, or the user looks at it
}

// A ListKind is what calls a list is of.
type ListKind string

const (
	ListMissed   ListKind = "missed"
	ListReceived ListKind = "received"
	ListPlaced   ListKind = "placed"
)

// A ListView is a list with one entry chosen, newest first.
type ListView struct {
	Kind     ListKind
	Title    string // "Missed calls", at most 16 characters
	Entries  []ListEntry
	Selected int // index of Entries, 0 when there are none
}

// A ListEntry is one entry of a list of calls.
type ListEntry struct {
	Peer, Name string
	Line       int
	Count      int           // calls one after the other of the same peer, at least 1
	Ago        time.Duration // since the latest of them, whole minutes
}

// A LineView is one line on the screen.
type LineView struct {
	Number int
	Name   string // Short_Name, else the user
	User   string
	State  LineState
	Cause  Reason // why it failed
	Backup bool   // it works by another server than the preferred one
	DND    bool
	InUse  bool // there is a call on it
	// CanCall says that it may place calls, also one that needs no registration.
	CanCall bool
}

// View returns what the screen shows.
func (p *Phone) View() View {
	v := View{
		Network: !p.netDown, Digits: p.dial.Number(), Path: p.path, HandsetLifted: p.lifted,
		Volume: p.volume, VolumeShown: !p.volumeUntil.IsZero(), Missed: p.missed, MissedPeer: p.missedPeer,
		Notice: p.notice,
	}
	if p.notice != (Reason{}) {
		v.Page = int(p.now.Sub(p.noticeSince) / pageTime)
	}
	for _, l := range p.lines {
		if !l.Enabled {
			continue
		}
		lv := LineView{Number: l.Number, Name: l.Name, User: l.User, State: l.state, Cause: l.cause, Backup: l.backup, DND: l.DND}
		if lv.Name == "" {
			lv.Name = l.User
		}
		lv.CanCall = p.mayCall(&l) == Reason{}
		lv.InUse = slices.ContainsFunc(p.calls, func(c *call) bool { return c.Line == l.Number })
		v.Lines = append(v.Lines, lv)
	}
	line, why := p.pick(p.line)
	v.Line, v.CanCall = line, why == Reason{} || why == LineInUse // the screen shows itself that it is in use
	front := p.front()
	for _, c := range p.calls {
		v.Calls = append(v.Calls, CallView{
			ID: c.ID, Line: c.Line, Peer: c.Peer, Name: c.Name, State: c.State, Duration: p.duration(c), Front: c == front,
		})
	}
	if c := p.caller(); c != nil && p.path != PathNone {
		v.Waiting, v.Caller = true, c.Name
		if v.Caller == "" {
			v.Caller = c.Peer
		}
	}
	for i, key := range p.softKeys() {
		v.Soft[i] = key.label
	}
	v.Ring, v.Muted = p.path == PathNone && p.ringing() != nil, p.muted
	switch {
	case front != nil:
		p.viewCall(&v, front)
	case p.failed.on:
		v.Showing, v.Why = ShowFailed, p.failed.why
		v.Page = int(p.now.Sub(p.failed.since) / pageTime)
		v.Peer, v.Name = p.failed.peer, p.failed.name
	case p.path != PathNone:
		v.Showing = ShowDialing
	case p.open.on:
		v.Showing, v.List = ShowList, p.viewList()
	default:
		v.Showing = ShowIdle
	}
	return v
}

func (p *Phone) viewCall(v *View, c *call) {
	v.Line, v.Digits = c.Line, ""
	v.Peer, v.Name = c.Peer, c.Name
	if !c.sentUntil.IsZero() {
		v.Sent = c.Sent
	}
	v.Early, v.Secure = c.Early, c.Secure
	v.Held, v.RemoteHeld, v.Pending = c.held, c.remoteHold, c.pending
	switch c.State {
	case StateIncoming:
		v.Showing = ShowIncoming
	case StateDialing, StateProceeding:
		v.Showing = ShowCalling
	case StateRinging:
		v.Showing = ShowRinging
	default:
		v.Showing = ShowTalking
		v.Duration = p.duration(c)
	}
}

// duration is how long a call has been connected.
func (p *Phone) duration(c *call) time.Duration {
	if c.Connected.IsZero() {
		return 0
	}
	return p.now.Sub(c.Connected).Truncate(time.Second)
}
