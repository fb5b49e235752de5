package phone

import "time"

// Showing is what the screen is about.
type Showing string

const (
	ShowIdle     Showing = "idle"     // on-hook, or a handset left lifted after a call; Digits may hold a number typed so far
	ShowDialing  Showing = "dialing"  // off-hook, a number is being dialed
	ShowCalling  Showing = "calling"  // asked for, the other telephone does not ring yet
	ShowRinging  Showing = "ringing"  // the other telephone rings
	ShowIncoming Showing = "incoming" // ours rings
	ShowTalking  Showing = "talking"  // connected; see Held and RemoteHeld
	ShowFailed   Showing = "failed"   // off-hook after a call that ended or could not be placed: see Why
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
	Sent     string        // digits sent during the call

	Held, RemoteHeld bool // we hold them, they hold us; both may be
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

	Missed     int    // calls missed since the user last touched the phone
	MissedPeer string // the latest of them, by name or number
}

// A LineView is one line on the screen.
type LineView struct {
	Number int
	Name   string // Short_Name, else the user
	User   string
	State  LineState
	Cause  Reason // why it failed
	DND    bool
	InUse  bool // there is a call on it
}
