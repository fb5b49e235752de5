package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"

	"dialtone/board"
	"dialtone/config"
	"dialtone/hal"
	"dialtone/media"
	"dialtone/provisioning"
	"dialtone/sip"
	"dialtone/web"
)

// replay runs the loop over a recording without any driver and prints what it decides: each input,
// each message sent, each change of the screen. The same recording prints the same text.
func replay(file string, out io.Writer) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("reading a recording: %w", err)
	}
	defer f.Close()
	if err := replayFrom(f, out); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func replayFrom(r io.Reader, out io.Writer) error {
	l, t, err := newReplay(r, out)
	if err != nil {
		return err
	}
	return t.play(l)
}

// newReplay makes the loop of a recording, and the tape that stands for its drivers.
func newReplay(r io.Reader, out io.Writer) (*loop, *tape, error) {
	p, h, err := newPlayer(r)
	if err != nil {
		return nil, nil, err
	}
	settings, _, err := config.Parse(h.Settings, config.Default())
	if err != nil {
		return nil, nil, fmt.Errorf("line 1: settings: %w", err)
	}
	if len(h.Seed) != 32 {
		return nil, nil, errors.New("line 1: the seed is not 32 bytes long")
	}
	b, err := board.Find(h.Board)
	if err != nil {
		return nil, nil, fmt.Errorf("line 1: %w", err)
	}
	var addrs []netip.Addr
	for _, s := range h.Addrs {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, nil, fmt.Errorf("line 1: %w", err)
		}
		addrs = append(addrs, a)
	}
	t := &tape{player: p, start: h.Start, now: h.Start, out: out}
	l := newLoop(parts{
		log: slog.New(slog.DiscardHandler), board: b, settings: settings, addrs: addrs, answers: h.DNS,
		route: t.route, password: func(config.Secret) {},
	})
	l.start, l.publish = h.Start, t
	l.voice, l.wire, l.keeper, l.draw, l.bind = t, t, t, t.draw, t.bind
	if l.sockets, err = l.rebind(settings); err == nil {
		err = t.err
	}
	if err != nil {
		return nil, nil, err
	}
	// The keys of the recorded phone are not known, and nothing depends on them.
	l.machines(rand.NewChaCha8([32]byte(h.Seed)), rand.NewChaCha8([32]byte{}))
	return l, t, nil
}

// play runs the loop over the rest of the recording.
func (t *tape) play(l *loop) error {
	for {
		at, in, err := t.input()
		if errors.Is(err, io.EOF) {
			return t.err
		}
		if err != nil {
			return err
		}
		if at.Before(t.now) {
			return fmt.Errorf("line %d: time goes back", t.player.line)
		}
		t.now = at
		if _, quiet := in.(tick); !quiet {
			t.say("< %s", show(in))
		}
		l.handle(at, in)
		if t.err != nil {
			return t.err
		}
	}
}

// A tape plays the drivers of a replay: what they said at once is read from the recording, what they
// are asked to do is printed.
type tape struct {
	player *player
	start  time.Time
	now    time.Time
	out    io.Writer
	err    error
	ahead  *read // one entry read too far
}

type read struct {
	at time.Time
	in any
}

func (t *tape) next() (time.Time, any, error) {
	if r := t.ahead; r != nil {
		t.ahead = nil
		return r.at, r.in, nil
	}
	return t.player.next()
}

// input returns the next input of the loop. Results of drivers that nobody asked for mean that the
// replay took another way than the recording.
func (t *tape) input() (time.Time, any, error) {
	at, in, err := t.next()
	if err == nil && isResult(in) {
		err = fmt.Errorf("line %d: the replay took another way: nobody asked for %s", t.player.line, show(in))
	}
	return at, in, err
}

func isResult(in any) bool {
	switch in.(type) {
	case reserved, routed, bound:
		return true
	}
	return false
}

// result returns what a driver said in the recording.
func result[T any](t *tape) (v T) {
	at, in, err := t.next()
	if err == nil {
		var ok bool
		if v, ok = in.(T); ok {
			return v
		}
		t.ahead = &read{at, in}
		err = fmt.Errorf("line %d: the replay took another way: it asks for %T", t.player.line, v)
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("line %d: the recording ends where the loop asks for %T", t.player.line, v)
	}
	if t.err == nil {
		t.err = err
	}
	return v
}

func (t *tape) say(format string, args ...any) {
	fmt.Fprintf(t.out, "%9.3f %s\n", t.now.Sub(t.start).Seconds(), fmt.Sprintf(format, args...))
}

func (t *tape) Reserve(int, netip.Addr) (uint16, error) {
	r := result[reserved](t)
	if r.Cause != "" {
		return 0, errors.New(r.Cause)
	}
	return r.Port, nil
}

func (t *tape) route(netip.Addr) netip.Addr { return result[routed](t).Local }

func (t *tape) bind(config.Settings) ([8]netip.AddrPort, error) {
	r := result[bound](t)
	if r.Cause != "" {
		return r.Sockets, errors.New(r.Cause)
	}
	return r.Sockets, nil
}

func (t *tape) Do(a sip.NetAction) {
	if s, ok := a.(sip.Send); ok {
		line, _, _ := bytes.Cut(s.Data, []byte("\r\n"))
		t.say("> %s %s %s", s.Flow.Transport, s.Flow.Remote, line)
		return
	}
	t.say("> %s", show(a))
}

func (t *tape) Start(id int, s media.Stream) error {
	t.say("voice of call %d: %s to %s, send %t, receive %t", id, s.Codec.Name, s.Remote, s.Send, s.Receive)
	return nil
}

func (t *tape) Stop(id int) media.Stats {
	t.say("voice of call %d ends", id)
	return media.Stats{}
}

func (t *tape) Stats(int) media.Stats                 { return media.Stats{} }
func (t *tape) Watching() bool                        { return false }
func (t *tape) Publish(web.Status, []string)          {}
func (t *tape) Decision(_ time.Time, sentence string) { t.say("%s", sentence) }
func (t *tape) PlayTone(name string) error            { t.say("tone %s", name); return nil }
func (t *tape) StopTone()                             { t.say("tone ends") }
func (t *tape) StartRing(cadence int)                 { t.say("ring %d", cadence) }
func (t *tape) StopRing()                             { t.say("ring ends") }
func (t *tape) PlayBeep(name string) error            { t.say("beep %s", name); return nil }
func (t *tape) StopBeep()                             { t.say("beep ends") }
func (t *tape) KeyTone(digit string)                  { t.say("key tone %s", digit) }
func (t *tape) SendDigit(id int, d string, _ time.Duration) error {
	t.say("digit %s in call %d", d, id)
	return nil
}
func (t *tape) SetMute(on bool)                                         { t.say("mute %t", on) }
func (t *tape) SetVolume(level int)                                     { t.say("volume %d", level) }
func (t *tape) Configure(media.TonePlan, time.Duration, uint16, uint16) {}
func (t *tape) Save(seq int, _ config.Settings)                         { t.say("settings %d to the disk", seq) }
func (t *tape) Remember(answers []sip.Answer) {
	t.say("%d answers of the DNS to the disk", len(answers))
}
func (t *tape) Fetch(_ int, rule string) { t.say("fetching %s", provisioning.Redact(rule)) }

func (t *tape) draw(f hal.Frame) {
	for _, row := range f.Rows {
		t.say("| %s |", row)
	}
}
