package web

import (
	"context"
	"net/http"
	"time"

	"dialtone/config"
)

// Source is the phone as the web server sees it: a snapshot comes out, a command goes in. The
// firmware implements it by mailing its loop and waiting for the answer. Every method may be called
// from many goroutines at once. A ctx carries a deadline (commandTimeout); when it passes before the loop
// has answered, the method returns the ctx's error, and the API answers 503 or 504.
type Source interface {
	// Status is the state now. The caller may keep and change what it gets.
	Status(ctx context.Context) (Status, error)

	// Screen is what the handset shows now.
	Screen(ctx context.Context) (Screen, error)

	// Do carries out one command and says how it went. A command that the loop took but did not
	// answer in time may still happen.
	Do(ctx context.Context, c Command) (Result, error)

	// Settings are the settings in force, secrets included.
	Settings(ctx context.Context) (config.Settings, error)

	// UpdateSettings calls change once with the settings in force, while nobody else can change
	// them, then keeps what it returned (atomically, on disk) and only after that brings it into
	// force. If change returns false nothing is kept or applied. An error means the old settings
	// are still in force and still the ones on disk.
	UpdateSettings(ctx context.Context, change func(config.Settings) (config.Settings, bool)) error

	// Heartbeat is the age of the oldest sign of life of the phone's loops (brain, voice, screen).
	// It must not wait for any of them: /healthz answers 503 when it is more than Config.MaxSilence.
	Heartbeat() time.Duration
}

// Screen is the contents of the handset's display.
type Screen struct {
	Rows      []string // as wide as the screen
	Backlight bool
	PNG       []byte // as a picture; nil: there is none
}

// Command is something asked of the phone. Commands cross the loop, so they are plain values.
type Command interface{ command() }

// PressKeys operates keys one after another, as a finger would.
type PressKeys struct{ Keys []KeyStep }

// KeyStep is one thing done to one key.
type KeyStep struct {
	Key   string // a name of hal
	Press bool   // press and release it; Down is then meaningless
	Down  bool   // bring the contact down (true) or up (false) and leave it so
}

// Call places a call now; the handset stays where it is. Result.Call is its number.
type Call struct {
	To   string // number, user or SIP URI
	Line int    // 1 is Ext 1; 0: the phone chooses
}

// Answer answers an incoming call.
type Answer struct{ ID int }

// Hangup ends a call, whatever its state.
type Hangup struct{ ID int }

// Hold puts a connected call on hold.
type Hold struct{ ID int }

// Resume takes a held call back.
type Resume struct{ ID int }

// SendDTMF sends digits (0-9 * # A-D) into a connected call.
type SendDTMF struct {
	ID     int
	Digits string
}

// Resync fetches the profile now. URL "" means Profile_Rule; another one is used this once.
type Resync struct{ URL string }

// Reboot restarts the phone (on a workstation: ends the program in good order).
type Reboot struct{}

func (PressKeys) command() {}
func (Call) command()      {}
func (Answer) command()    {}
func (Hangup) command()    {}
func (Hold) command()      {}
func (Resume) command()    {}
func (SendDTMF) command()  {}
func (Resync) command()    {}
func (Reboot) command()    {}

// Result is the phone's answer to a command.
type Result struct {
	Outcome Outcome
	Text    string // what is wrong and what to do, for a person; empty when Done
	Call    int    // the number of the call that Call placed
}

// Outcome says how a command went.
type Outcome int

const (
	Done        Outcome = iota // 200, 201 for a new call, 202 for a reboot or resync that goes on
	Invalid                    // 400: the command makes no sense (a line that does not exist, an impossible number)
	NotFound                   // 404: no such call
	Conflict                   // 409: not in this state (answering a connected call, a second call while one may be)
	Unsupported                // 501: this phone cannot do it
	Unavailable                // 503: the phone is stopping or not ready yet
)

// String says the outcome in words, for an answer without a text of its own.
func (o Outcome) String() string {
	switch o {
	case Done:
		return "done"
	case Invalid:
		return "the command makes no sense"
	case NotFound:
		return "there is no such call"
	case Conflict:
		return "this cannot be done now"
	case Unsupported:
		return "this phone cannot do it"
	}
	return "the phone is not ready"
}

// code is the HTTP status of an outcome.
func (o Outcome) code() int {
	switch o {
	case Done:
		return http.StatusOK
	case Invalid:
		return http.StatusBadRequest
	case NotFound:
		return http.StatusNotFound
	case Conflict:
		return http.StatusConflict
	case Unsupported:
		return http.StatusNotImplemented
	}
	return http.StatusServiceUnavailable
}
