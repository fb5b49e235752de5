package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"dialtone/hal"
	"dialtone/phone"
	"dialtone/web"
)

// How the web talks with the loop: it mails a command or a question and waits for the answer.

// A command is what the web wants done, with exactly one field set. Commands are recorded.
type command struct {
	Press  *web.PressKeys `json:",omitempty"`
	Call   *web.Call      `json:",omitempty"`
	Answer *web.Answer    `json:",omitempty"`
	Hangup *web.Hangup    `json:",omitempty"`
	Hold   *web.Hold      `json:",omitempty"`
	Resume *web.Resume    `json:",omitempty"`
	DTMF   *web.SendDTMF  `json:",omitempty"`
	Resync *web.Resync    `json:",omitempty"`
	Reboot *web.Reboot    `json:",omitempty"`

	reply chan<- web.Result
}

// wrap puts a command of the web into its field.
func wrap(c web.Command, reply chan<- web.Result) (command, bool) {
	out := command{reply: reply}
	switch c := c.(type) {
	case web.PressKeys:
		out.Press = &c
	case web.Call:
		out.Call = &c
	case web.Answer:
		out.Answer = &c
	case web.Hangup:
		out.Hangup = &c
	case web.Hold:
		out.Hold = &c
	case web.Resume:
		out.Resume = &c
	case web.SendDTMF:
		out.DTMF = &c
	case web.Resync:
		out.Resync = &c
	case web.Reboot:
		out.Reboot = &c
	default:
		return out, false
	}
	return out, true
}

// obey carries out one command and answers it. A reply channel has room for its answer.
func (l *loop) obey(now time.Time, c command) {
	r := l.obeyed(now, c)
	if c.reply != nil {
		c.reply <- r
	}
}

func (l *loop) obeyed(now time.Time, c command) web.Result {
	if !l.stopping.IsZero() {
		return web.Result{Outcome: web.Unavailable, Text: "the phone is stopping"}
	}
	switch {
	case c.Press != nil:
		return l.pressKeys(now, *c.Press)
	case c.Call != nil:
		return l.call(now, *c.Call)
	case c.Answer != nil:
		return l.inCall(now, c.Answer.ID, phone.AnswerCall{ID: phone.ID(c.Answer.ID)}, "answered", phone.StateIncoming)
	case c.Hangup != nil:
		return l.inCall(now, c.Hangup.ID, phone.EndCall{ID: phone.ID(c.Hangup.ID)}, "ended",
			phone.StateDialing, phone.StateProceeding, phone.StateRinging, phone.StateIncoming, phone.StateConnected,
			phone.StateHeld, phone.StateRemoteHeld, phone.StateTransferring)
	case c.Hold != nil:
		return l.inCall(now, c.Hold.ID, phone.HoldCall{ID: phone.ID(c.Hold.ID)}, "put on hold",
			phone.StateConnected, phone.StateRemoteHeld)
	case c.Resume != nil:
		return l.inCall(now, c.Resume.ID, phone.ResumeCall{ID: phone.ID(c.Resume.ID)}, "resumed", phone.StateHeld)
	case c.DTMF != nil:
		return l.inCall(now, c.DTMF.ID, phone.SendDigits{ID: phone.ID(c.DTMF.ID), Digits: c.DTMF.Digits}, "sent digits",
			phone.StateConnected, phone.StateRemoteHeld)
	case c.Resync != nil:
		if err := l.resync(c.Resync.URL); err != nil {
			return web.Result{Outcome: web.Conflict, Text: err.Error()}
		}
		return web.Result{}
	case c.Reboot != nil:
		l.stop(now)
		return web.Result{}
	}
	return web.Result{Outcome: web.Unsupported, Text: "this phone cannot do that"}
}

// pressKeys operates keys. One that is brought down and left so goes through the debouncer, which tells
// when it has been held long.
func (l *loop) pressKeys(now time.Time, c web.PressKeys) web.Result {
	for _, k := range c.Keys {
		if !hal.Valid(hal.Key(k.Key)) {
			return web.Result{Outcome: web.Invalid, Text: fmt.Sprintf("there is no key %q", k.Key)}
		}
	}
	l.banner = nil
	for _, k := range c.Keys {
		key := hal.Key(k.Key)
		if k.Press {
			l.tell(phone.KeyDown{Key: key})
			l.tell(phone.KeyUp{Key: key})
		} else {
			l.keys.Set(now, hal.Contact{Key: key, Down: k.Down})
			l.pressed(now)
		}
		l.settle(now)
	}
	return web.Result{}
}

// call places a call and names it.
func (l *loop) call(now time.Time, c web.Call) web.Result {
	if c.Line != 0 && (c.Line < 1 || c.Line > len(l.settings.Line)) {
		return web.Result{Outcome: web.Invalid, Text: fmt.Sprintf("there is no line %d", c.Line)}
	}
	before := make(map[phone.ID]bool)
	for _, old := range l.brain.Calls() {
		before[old.ID] = true
	}
	l.tell(phone.Dial{To: c.To, Line: c.Line})
	l.settle(now)
	for _, made := range l.brain.Calls() {
		if !before[made.ID] && made.Out {
			return web.Result{Call: int(made.ID)}
		}
	}
	return web.Result{Outcome: web.Conflict, Text: "the phone is busy with another call"}
}

// inCall gives the brain an order about a call, if the call is there and in one of the states.
func (l *loop) inCall(now time.Time, id int, ev phone.Event, what string, states ...phone.CallState) web.Result {
	for _, c := range l.brain.Calls() {
		if c.ID != phone.ID(id) {
			continue
		}
		if slices.Contains(states, c.State) {
			l.tell(ev)
			l.settle(now)
			return web.Result{}
		}
		return web.Result{Outcome: web.Conflict, Text: fmt.Sprintf("call %s is %s and cannot be %s", web.CallID(id), c.State, what)}
	}
	return web.Result{Outcome: web.NotFound, Text: fmt.Sprintf("there is no call %s", web.CallID(id))}
}

// question asks the loop for a snapshot: f runs in the loop. Questions change nothing and are not recorded.
type question func(now time.Time)

// asker is the web's view of the loop (web.Source).
type asker struct {
	*loop
	life context.Context // of the phone
}

// ask runs f in the loop and waits until it has.
func (a asker) ask(ctx context.Context, f func(now time.Time)) error {
	done := make(chan struct{})
	select {
	case a.inbox <- question(func(now time.Time) { f(now); close(done) }):
	case <-ctx.Done():
		return ctx.Err()
	case <-a.life.Done():
		return context.Canceled
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-a.life.Done():
		return context.Canceled
	}
}

// Status is the state now.
func (a asker) Status(ctx context.Context) (web.Status, error) {
	return answer(ctx, a, func(now time.Time) web.Status { return a.status(now) })
}

// Screen is what the handset shows now. Its picture is made outside the loop.
func (a asker) Screen(ctx context.Context) (web.Screen, error) {
	f, err := answer(ctx, a, func(time.Time) hal.Frame { return a.frame })
	if err != nil {
		return web.Screen{}, err
	}
	data, err := a.pictures.encode(f)
	if err != nil {
		return web.Screen{}, fmt.Errorf("the picture of the screen: %w", err)
	}
	return web.Screen{Rows: f.Rows, Backlight: f.Backlight, PNG: data}, nil
}

// answer asks the loop one thing. An answer that comes after ctx has ended is dropped.
func answer[T any](ctx context.Context, a asker, f func(now time.Time) T) (T, error) {
	got := make(chan T, 1)
	err := a.ask(ctx, func(now time.Time) { got <- f(now) })
	if err != nil {
		var none T
		return none, err
	}
	return <-got, nil
}

// Do mails a command and waits for its result.
func (a asker) Do(ctx context.Context, c web.Command) (web.Result, error) {
	reply := make(chan web.Result, 1)
	in, ok := wrap(c, reply)
	if !ok {
		return web.Result{Outcome: web.Unsupported, Text: "this phone cannot do that"}, nil
	}
	select {
	case a.inbox <- in:
	case <-ctx.Done():
		return web.Result{}, ctx.Err()
	case <-a.life.Done():
		return web.Result{Outcome: web.Unavailable, Text: "the phone has stopped"}, nil
	}
	select {
	case r := <-reply:
		return r, nil
	case <-ctx.Done():
		return web.Result{}, ctx.Err()
	case <-a.life.Done():
		return web.Result{Outcome: web.Unavailable, Text: "the phone has stopped"}, nil
	}
}

// Heartbeat is how long ago the loop last took an input.
func (a asker) Heartbeat() time.Duration { return time.Since(time.Unix(0, a.beat.Load())) }
