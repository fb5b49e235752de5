package phone

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"dialtone/hal"
	"dialtone/keypad"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// A transcript is a conversation with the phone: lines with ">" are what happens to it, the others
// what it does and shows. The diff of a transcript is its review.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := converse(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("%s differs (-update rewrites it):\n%s", file, firstDifference(string(want), got))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\n got %s\nall of it:\n%s", i+1, w[i], g[i], got)
		}
	}
	return fmt.Sprintf("%d lines, want %d:\n%s", len(g), len(w), got)
}

// A talk is a transcript being written.
type talk struct {
	t     *testing.T
	out   bytes.Buffer
	phone *Phone
	cfg   Config
	start time.Time
	now   time.Time
	shown string
}

// converse replays the ">" lines of a transcript and returns the whole, as it goes now.
func converse(t *testing.T, script string) string {
	k := &talk{t: t, start: time.Unix(1_700_000_000, 0)}
	k.now = k.start
	k.cfg = Config{Lines: []LineConfig{
		{Number: 1, User: "1001", Enabled: true},
		{Number: 2, User: "2001", Name: "Shop", Enabled: true},
	}}
	k.phone = New(k.cfg)
	k.phone.Step(k.now, Line{1, LineRegistered, Reason{}, false})
	k.phone.Step(k.now, Line{2, LineRegistered, Reason{}, false})
	k.shown = summary(k.phone.View())
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "#"), line == "":
			fmt.Fprintln(&k.out, line)
		case strings.HasPrefix(line, "> "):
			fmt.Fprintln(&k.out, line)
			k.command(strings.Fields(line[2:]))
		}
	}
	return k.out.String()
}

func (k *talk) say(format string, args ...any) {
	fmt.Fprintf(&k.out, "%8.3f  %s\n", k.now.Sub(k.start).Seconds(), fmt.Sprintf(format, args...))
}

func (k *talk) step(ev Event) {
	for _, a := range k.phone.Step(k.now, ev) {
		name, fields, _ := strings.Cut(fmt.Sprintf("%T %+v", a, a), " ")
		k.say("%s %s", strings.TrimPrefix(name, "phone."), fields)
	}
	if s := summary(k.phone.View()); s != k.shown {
		k.shown = s
		k.say("[%s]", s)
	}
	if next := k.phone.Next(); !next.IsZero() && next.Before(k.now) {
		k.t.Errorf("at %v the phone wants a tick at %v", k.now, next)
	}
}

func (k *talk) press(key hal.Key) {
	k.step(KeyDown{key})
	k.step(KeyUp{key})
}

// wait lets time pass, with the ticks the phone asks for.
func (k *talk) wait(d time.Duration) {
	end := k.now.Add(d)
	for n := 0; ; n++ {
		next := k.phone.Next()
		if next.IsZero() || next.After(end) {
			break
		}
		if n > 10000 {
			k.t.Fatalf("the phone wants tick after tick, now at %v", next)
		}
		k.now = next
		k.step(Tick{})
	}
	k.now = end
}

func (k *talk) command(f []string) {
	arg := func(i int) string {
		if i < len(f) {
			return f[i]
		}
		return ""
	}
	id := func() ID {
		n, err := strconv.Atoi(arg(1))
		if err != nil {
			k.t.Fatalf("%q: which call?", f)
		}
		return ID(n)
	}
	reason := func(s string) Reason {
		switch s {
		case "":
			return Reason{}
		case "elsewhere":
			return AnsweredElsewhere
		}
		code, err := strconv.Atoi(s)
		if err != nil {
			k.t.Fatalf("%q is no reason", s)
		}
		return ReasonFor(code)
	}
	number := func(s string) int {
		n, _ := strconv.Atoi(s)
		return n
	}
	switch f[0] {
	case "lift":
		k.step(KeyUp{hal.Hook})
	case "replace":
		k.step(KeyDown{hal.Hook})
	case "press":
		for _, key := range f[1:] {
			k.press(hal.Key(key))
		}
	case "keys":
		for _, c := range arg(1) {
			k.press(hal.Key(string(c)))
		}
	case "long":
		k.step(KeyDown{hal.Key(arg(1))})
		k.step(KeyHeld{hal.Key(arg(1))})
		k.step(KeyUp{hal.Key(arg(1))})
	case "repeat":
		k.step(KeyRepeat{hal.Key(arg(1))})
	case "flash":
		k.say("flash %v", k.phone.Flash())
		k.step(HookFlash{})
	case "messages":
		k.step(Messages{number(arg(1)), arg(2) == "new"})
	case "wait":
		d, err := time.ParseDuration(arg(1))
		if err != nil {
			k.t.Fatal(err)
		}
		k.wait(d)
	case "api":
		f = f[1:]
		switch f[0] {
		case "dial":
			k.step(Dial{strings.ReplaceAll(arg(1), "_", " "), number(arg(2))})
		case "answer":
			k.step(AnswerCall{id()})
		case "end":
			k.step(EndCall{id()})
		case "hold":
			k.step(HoldCall{id()})
		case "resume":
			k.step(ResumeCall{id()})
		case "digits":
			k.step(SendDigits{id(), arg(2)})
		default:
			k.t.Fatalf("unknown command %q", f)
		}
	case "incoming":
		k.step(Incoming{id(), number(arg(2)), arg(3), strings.Join(f[min(4, len(f)):], " ")})
	case "proceeding":
		k.step(Proceeding{id()})
	case "ringing":
		k.step(Ringing{id()})
	case "early":
		k.step(EarlyMedia{id()})
	case "answered":
		k.step(Answered{id()})
	case "remote-hold":
		k.step(RemoteHold{id(), arg(2) == "on"})
	case "secured":
		k.step(Secured{id(), arg(2) == "on"})
	case "hold-done":
		done := HoldDone{ID: id(), On: arg(2) == "on", OK: arg(3) == ""}
		if arg(3) != "refused" {
			done.Why = reason(arg(3))
		}
		k.step(done)
	case "ended":
		k.step(Ended{id(), reason(arg(2))})
	case "digit":
		k.step(Digit{id(), arg(2)})
	case "line":
		k.step(Line{number(arg(1)), LineState(arg(2)), reason(arg(3)), false})
	case "network":
		k.step(Network{arg(1) == "up"})
	case "configure":
		k.configure(f[1:])
		k.step(Configure{k.cfg})
	case "soft":
		k.say("  %q", k.phone.View().Soft)
	case "calls":
		for _, c := range k.phone.Calls() {
			k.say("  %d line %d out=%v %s %q %q %q %q sent=%q heard=%q", c.ID, c.Line, c.Out, c.State, c.Peer, c.Name, c.Why.Title, c.Why.Hint, c.Sent, c.Heard)
		}
	default:
		k.t.Fatalf("unknown command %q", f)
	}
}

func (k *talk) configure(settings []string) {
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		n, _ := strconv.Atoi(value)
		d, _ := time.ParseDuration(value)
		switch name {
		case "interdigit":
			k.cfg.Timers.Long = d
		case "waiting":
			k.cfg.CallWaiting = value == "yes"
		case "appearances":
			k.cfg.Appearances = n
		case "reminder":
			k.cfg.HoldReminder = d
		case "plan1", "plan2":
			plan, err := keypad.ParsePlan(value)
			if err != nil {
				k.t.Fatal(err)
			}
			k.cfg.Lines[name[4]-'1'].Plan = plan
		case "reorder":
			k.cfg.ReorderDelay = d
		case "dnd":
			k.cfg.Lines[max(n, -n)-1].DND = n > 0
		case "without-reg":
			k.cfg.Lines[n-1].MakeCallWithoutReg = true
		case "off":
			k.cfg.Lines[n-1].Enabled = false
		case "no-lines":
			k.cfg.Lines = nil
		default:
			k.t.Fatalf("unknown setting %q", s)
		}
	}
}

// summary is what a View says, in a line.
func summary(v View) string {
	s := string(v.Showing)
	word := func(on bool, format string, args ...any) {
		if on {
			s += " " + fmt.Sprintf(format, args...)
		}
	}
	word(v.Line != 0 && v.Showing != ShowIdle, "line %d", v.Line)
	word(v.Digits != "", "%s", v.Digits)
	word(v.Peer != "", "%s", v.Peer)
	word(v.Name != "", "%q", v.Name)
	word(v.Showing == ShowTalking, "%v", v.Duration)
	word(v.Sent != "", "sent %s", v.Sent)
	word(v.Held, "held")
	word(v.RemoteHeld, "remote-held")
	word(v.Pending, "pending")
	word(v.Early, "early")
	word(v.Muted, "muted")
	word(v.Showing == ShowIncoming && !v.Ring, "silenced")
	word(v.Path != PathNone, "on %s", v.Path)
	word(v.VolumeShown, "volume %d", v.Volume)
	word(v.Why != Reason{}, "because %q %q", v.Why.Title, v.Why.Hint)
	word(v.Notice != Reason{}, "notice %q %q", v.Notice.Title, v.Notice.Hint)
	word(v.Waiting, "waiting %q", v.Caller)
	if len(v.Calls) > 1 {
		for _, c := range v.Calls {
			word(true, "%s%d:%s", map[bool]string{true: "*"}[c.Front], c.ID, c.State)
		}
	}
	if v.Showing == ShowList {
		word(true, "%s %q", v.List.Kind, v.List.Title)
		for i, e := range v.List.Entries {
			word(true, "%s%s/%d(%d, %v)", map[bool]string{true: "*"}[i == v.List.Selected], e.Peer, e.Line, e.Count, e.Ago)
		}
	}
	word(v.Missed > 0, "missed %d %q", v.Missed, v.MissedPeer)
	word(!v.Network, "no network")
	word(!v.CanCall, "cannot call")
	return s
}
