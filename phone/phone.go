package phone

import (
	"time"

	"dialtone/hal"
	"dialtone/keypad"
)

// An ID names one call for as long as the phone runs. Calls the phone places are odd, allotted
// here; calls it receives are even, allotted by sip.
type ID int

// A CallState is where a call stands, in the words of design/contract.md.
type CallState string

const (
	StateDialing      CallState = "dialing"      // we asked for it, nobody answered yet
	StateProceeding   CallState = "proceeding"   // the other side is working on it
	StateRinging      CallState = "ringing"      // the other telephone rings
	StateIncoming     CallState = "incoming"     // ours rings
	StateConnected    CallState = "connected"    // both can talk
	StateHeld         CallState = "held"         // we put it on hold
	StateRemoteHeld   CallState = "remote-held"  // we were put on hold
	StateTransferring CallState = "transferring" // it is being handed to somebody else
	StateEnded        CallState = "ended"        // over; listed for ten seconds with its reason
)

// String returns the word of the contract.
func (s CallState) String() string { return string(s) }

// A Call is one call as others may see it.
type Call struct {
	ID    ID
	Line  int  // the line it runs on, 1 to 8
	Out   bool // we placed it
	State CallState
	Peer  string // the number or address of the other side
	Name  string // the other side's name, if it told one
	// Since is when State began, Connected when the call was answered (zero: not yet or never).
	Since, Connected time.Time
	// Muted says that our microphone is off, Early that we hear the network before the answer.
	Muted, Early bool
	Sent         string // digits the user sent during the call, the last ones if they are many
	Heard        string // digits the other side sent, likewise
	Secure       bool   // voice and its keys are encrypted: see Secured
	Why          Reason // why it ended; zero before
}

// A LineState is how a line stands with its registrar, in the words of design/contract.md.
type LineState string

const (
	LineDisabled     LineState = "disabled"
	LineUnregistered LineState = "unregistered"
	LineRegistering  LineState = "registering"
	LineRegistered   LineState = "registered"
	LineFailed       LineState = "failed"
)

// String returns the word of the contract.
func (s LineState) String() string { return string(s) }

// A Path is what the user talks and listens through.
type Path string

const (
	PathNone    Path = ""        // none: the phone is on-hook
	PathHandset Path = "handset" // the handset, lifted from its cradle
	PathSpeaker Path = "speaker" // the hands-free loudspeaker
	PathHeadset Path = "headset" // the headset
)

// A Tone is a local tone, by the name of the parameter that holds its script (reference E.4).
type Tone string

const (
	ToneDial           Tone = "Dial_Tone"
	ToneOutsideDial    Tone = "Outside_Dial_Tone"
	ToneRingback       Tone = "Ring_Back_Tone"
	ToneBusy           Tone = "Busy_Tone"
	ToneReorder        Tone = "Reorder_Tone"
	ToneOffHookWarning Tone = "Off_Hook_Warning_Tone"
	ToneCallWaiting    Tone = "Call_Waiting_Tone"
	ToneHolding        Tone = "Holding_Tone"
	ToneConfirm        Tone = "Confirm_Tone"
	ToneMessages       Tone = "MWI_Dial_Tone" // dial tone of a line with new messages
)

// An Event is something that happened to the phone.
type Event interface{ event() }

// What the user does at the handset. The hook switch is a key: KeyDown{hal.Hook} is the handset put
// back, KeyUp{hal.Hook} the handset lifted. KeyHeld comes between the two when a key stays down long,
// and KeyRepeat again and again after it. HookFlash is the cradle pressed for so short a time that it is
// no hanging up; it comes only while Flash says that there is a use for it.
type (
	KeyDown   struct{ Key hal.Key }
	KeyUp     struct{ Key hal.Key }
	KeyHeld   struct{ Key hal.Key }
	KeyRepeat struct{ Key hal.Key }
	HookFlash struct{}
)

// What is asked through the API. They act as the keys do; one that does not apply is ignored.
type (
	// Dial places a call now. To is a number (spaces and dashes in it do not matter), a user or a SIP
	// URI, and passes no dial plan; Line 0 leaves the line to the phone. With the handset at rest the
	// loudspeaker serves. The call talked in is put on hold. A call that cannot be placed is listed at
	// once as ended, with its reason.
	Dial struct {
		To   string
		Line int
	}
	AnswerCall struct{ ID ID }
	EndCall    struct{ ID ID }
	HoldCall   struct{ ID ID }
	ResumeCall struct{ ID ID }
	SendDigits struct {
		ID     ID
		Digits string
	}
)

// News of calls.
type (
	// Incoming is a call for us. A caller who gives up is Ended.
	Incoming struct {
		ID         ID
		Line       int
		Peer, Name string
	}
	Proceeding struct{ ID ID }
	Ringing    struct{ ID ID }
	// EarlyMedia says that the other side sends sound before the answer.
	EarlyMedia struct{ ID ID }
	Answered   struct{ ID ID }
	// RemoteHold says that the other side put us on hold, or took us back.
	RemoteHold struct {
		ID ID
		On bool
	}
	// Secured says whether nobody between the phone and its phone system can listen: the voice is encrypted, and
	// its keys were as well when they were agreed on.
	Secured struct {
		ID ID
		On bool
	}
	// HoldDone answers Hold (On) or Resume (not On). OK is false if it failed: Why says what stood in the
	// way, and is zero if the other side refused.
	HoldDone struct {
		ID     ID
		On, OK bool
		Why    Reason
	}
	Ended struct {
		ID  ID
		Why Reason
	}
	// Digit is a digit the other side sent.
	Digit struct {
		ID    ID
		Digit string
	}
)

// News of the rest.
type (
	// Line is news of a registration. Cause says why, for LineFailed. Backup says of a registered line that
	// it works by another server than the preferred one.
	Line struct {
		Number int
		State  LineState
		Cause  Reason
		Backup bool
	}
	// Messages says whether new messages wait in the mailbox of a line.
	Messages struct {
		Line int
		New  bool
	}
	// Network says whether the phone has an address to work with. It is taken to be up at first.
	Network struct{ Up bool }
	// Configure replaces the settings; calls go on.
	Configure struct{ Config Config }
	// Tick says that the time Next asked for has come.
	Tick struct{}
)

func (KeyDown) event()    {}
func (KeyUp) event()      {}
func (KeyHeld) event()    {}
func (KeyRepeat) event()  {}
func (HookFlash) event()  {}
func (Messages) event()   {}
func (Dial) event()       {}
func (AnswerCall) event() {}
func (EndCall) event()    {}
func (HoldCall) event()   {}
func (ResumeCall) event() {}
func (SendDigits) event() {}
func (Incoming) event()   {}
func (Proceeding) event() {}
func (Ringing) event()    {}
func (EarlyMedia) event() {}
func (Answered) event()   {}
func (RemoteHold) event() {}
func (HoldDone) event()   {}
func (Secured) event()    {}
func (Ended) event()      {}
func (Digit) event()      {}
func (Line) event()       {}
func (Network) event()    {}
func (Configure) event()  {}
func (Tick) event()       {}

// An Action is something the phone wants done. The actions of one Step are to be done in order.
type Action interface{ action() }

// What is asked of the signalling. A call is over for the phone as soon as it says HangUp or Reject:
// it needs no Ended, and ignores one that comes.
type (
	PlaceCall struct {
		ID   ID
		Line int
		To   string
	}
	RingBack struct{ ID ID } // tell the caller that it rings (180)
	Accept   struct{ ID ID } // answer the call
	Reject   struct {
		ID   ID
		Code int // the SIP response, 480 or 486
	}
	HangUp struct{ ID ID } // end the call, whatever its state: cancel it or say good-bye
	Hold   struct{ ID ID } // put the other side on hold, answered by HoldDone{On: true}
	Resume struct{ ID ID } // take the other side back, answered by HoldDone{On: false}
)

// What is asked of the voice. StartTalk and StopTalk, PlayTone and StopTone, StartRing (or
// StartReminder) and StopRing come strictly in turn, and never is more than one of the three on: the
// user is joined with one call at most. PlayBeep and StopBeep come in turn as well, beside them.
type (
	// StartTalk joins the user with a call. It may come before the streams are agreed (a call whose
	// caller leaves the offer to us): the voice then begins when they are. It comes with Accept, and
	// with the answer or the early sound of a call we placed.
	StartTalk struct{ ID ID }
	// StopTalk parts them again: neither is heard by the other from then on. The call itself may go
	// on (it was put on hold) or end (HangUp follows, or Ended came).
	StopTalk struct{ ID ID }

	PlayTone struct{ Tone Tone }
	StopTone struct{}

	StartRing struct{ Line int }
	StopRing  struct{}
	// StartReminder rings as Hold_Reminder_Ring says, for a call on hold that was forgotten. StopRing
	// ends it.
	StartReminder struct{}

	// PlayBeep lets the user, and nobody else, hear a tone over the voice or whatever else is on.
	PlayBeep struct{ Tone Tone }
	StopBeep struct{}

	// KeyTone lets the user hear the key just pressed. It has no end: it is as short as a beep.
	KeyTone struct{ Key hal.Key }
	// SendDigit sends one digit, "0" to "9", "*", "#" or "A" to "D", in the call being talked in.
	SendDigit struct {
		ID    ID
		Digit string
	}
	// Mute turns the microphone off and on again. It is on at first.
	Mute struct{ On bool }
	// Volume sets how loud the user hears, 0 to MaxVolume. View().Volume says where it stands.
	Volume struct{ Level int }
	// SetDND turns do not disturb on or off for all lines, in the settings; Configure brings it back.
	SetDND struct{ On bool }
	// Route moves the user's voice to the handset, the loudspeaker or the headset; PathNone: the
	// phone is on-hook and ringing is all it may do.
	Route struct{ Path Path }
)

func (PlaceCall) action()     {}
func (RingBack) action()      {}
func (Accept) action()        {}
func (Reject) action()        {}
func (HangUp) action()        {}
func (Hold) action()          {}
func (Resume) action()        {}
func (StartTalk) action()     {}
func (StopTalk) action()      {}
func (PlayTone) action()      {}
func (StopTone) action()      {}
func (StartRing) action()     {}
func (StopRing) action()      {}
func (StartReminder) action() {}
func (PlayBeep) action()      {}
func (StopBeep) action()      {}
func (KeyTone) action()       {}
func (SendDigit) action()     {}
func (Mute) action()          {}
func (Volume) action()        {}
func (SetDND) action()        {}
func (Route) action()         {}

// A Config is what the phone needs to know of its settings. A zero duration is the default named
// beside it; a negative one means never.
type Config struct {
	Lines []LineConfig
	// Timers are how long the phone waits off-hook for one more digit (Interdigit_Long_Timer and
	// Interdigit_Short_Timer; both zero: keypad.DefaultTimers).
	Timers keypad.Timers
	// OffHook is how long it waits for the first digit before the dial tone becomes a reorder tone
	// (15 s).
	OffHook time.Duration
	// RingTimeout is how long it rings before it refuses an unanswered call with 480 itself; the
	// caller usually gives up first (180 s).
	RingTimeout time.Duration
	// ReorderDelay is how long after the other side hung up the reorder tone begins in a handset
	// still lifted (Reorder_Delay; at once; never: the parameter's 255).
	ReorderDelay time.Duration
	// CallWaiting lets a call ring while there is another (CW_Setting).
	CallWaiting bool
	// Appearances is how many calls one line may have at once (Call_Appearances_Per_Line, 2).
	Appearances int
	// HoldReminder is how long after a call was put on hold the phone reminds of it, again and again
	// (Hold_Reminder_Timer; never).
	HoldReminder time.Duration
	// NoticeTime is how long a notice stays on the screen (5 s).
	NoticeTime time.Duration
	// Volume is where the volume stands at first, 1 to MaxVolume (zero: 6). Only New looks at it.
	Volume int
}

// A LineConfig is one line of the phone.
type LineConfig struct {
	Number  int    // 1 to 8
	Name    string // what the screen calls it (Short_Name)
	User    string // its number or user at the phone system (User_ID)
	Enabled bool
	// MakeCallWithoutReg lets it call while not registered.
	MakeCallWithoutReg bool
	// DND refuses every call to it, as busy.
	DND bool
	// Plan says which numbers can be dialed on it; nil: any.
	Plan *keypad.Plan `json:"-"`
}

// MaxVolume is the loudest.
const MaxVolume = 10

// MaxDialed is the longest address Dial takes, in bytes.
const MaxDialed = 255
