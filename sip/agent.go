package sip

import "time"

// An Agent is a SIP user agent.
type Agent struct {
	cfg Config
}

// New returns an agent with the lines of cfg. Nothing is sent before the first Step.
func New(cfg Config) *Agent { return &Agent{cfg: cfg} }

// Step feeds one input to the agent at the time now, which never goes back.
func (a *Agent) Step(now time.Time, in Input) Output { return Output{} }

// Next is when the agent wants a Tick; zero: it waits for nothing.
func (a *Agent) Next() time.Time { return time.Time{} }

// Lines is the state of every line, in order of their numbers.
func (a *Agent) Lines() []LineStatus { return nil }

// Idle tells whether no call and no request is under way, as after a Shutdown that is done.
func (a *Agent) Idle() bool { return true }
