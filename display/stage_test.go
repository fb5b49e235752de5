package display

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dialtone/hal"
	"dialtone/phone"
)

// A stage is a real phone that is brought to a moment of its life, so that a scene shows nothing a phone
// would not.
type stage struct {
	phone  *phone.Phone
	config phone.Config
	now    time.Time
	placed phone.ID // last call of the phone's own
}

// A dress is what a phone has before a scene begins.
type dress struct {
	lines  []phone.LineConfig
	fresh  bool // nothing was dialed before
	single bool // no second call waits
}

// play makes a phone with registered lines and does what a script says: words of one thing after the
// other, with semicolons between.
func play(d dress, script string) phone.View {
	s := &stage{now: time.Unix(1_700_000_000, 0), config: phone.Config{Lines: slices.Clone(d.lines), CallWaiting: !d.single, Appearances: 3}}
	s.phone = phone.New(s.config)
	for _, l := range d.lines {
		s.step(phone.Line{Number: l.Number, State: phone.LineRegistered})
	}
	if !d.fresh {
		s.do("dial 1009; press end; wait 11s")
	}
	s.do(script)
	return s.phone.View()
}

func (s *stage) step(ev phone.Event) {
	for _, a := range s.phone.Step(s.now, ev) {
		switch a := a.(type) {
		case phone.PlaceCall:
			s.placed = a.ID
		case phone.SetDND:
			for i := range s.config.Lines {
				s.config.Lines[i].DND = a.On
			}
			s.step(phone.Configure{Config: s.config})
		}
	}
}

func (s *stage) do(script string) {
	for command := range strings.SplitSeq(script, ";") {
		f := strings.Fields(command)
		if len(f) > 0 {
			s.command(f)
		}
	}
}

func (s *stage) command(f []string) {
	arg := func(i int) string {
		if i < len(f) {
			return f[i]
		}
		return ""
	}
	number := func(i int) int {
		n, err := strconv.Atoi(arg(i))
		if err != nil {
			panic("a scene says " + strings.Join(f, " "))
		}
		return n
	}
	press := func(k hal.Key) {
		s.step(phone.KeyDown{Key: k})
		s.step(phone.KeyUp{Key: k})
	}
	switch f[0] {
	case "line": // line NUMBER STATE [CODE]
		ev := phone.Line{Number: number(1), State: phone.LineState(arg(2))}
		if arg(2) == "backup" {
			ev.State, ev.Backup = phone.LineRegistered, true
		}
		if arg(3) != "" {
			ev.Cause = phone.ReasonForLine(number(3))
		}
		s.step(ev)
	case "network":
		s.step(phone.Network{Up: arg(1) == "up"})
	case "lift":
		s.step(phone.KeyUp{Key: hal.Hook})
	case "replace":
		s.step(phone.KeyDown{Key: hal.Hook})
	case "press":
		for _, k := range f[1:] {
			press(hal.Key(k))
		}
	case "keys":
		for _, c := range arg(1) {
			press(hal.Key(string(c)))
		}
	case "dial":
		s.step(phone.Dial{To: arg(1)})
	case "ringing":
		s.step(phone.Ringing{ID: s.placed})
	case "answered":
		s.step(phone.Answered{ID: s.placed})
	case "failed": // failed CODE, of the call placed last
		s.step(phone.Ended{ID: s.placed, Why: phone.ReasonFor(number(1))})
	case "silent":
		s.step(phone.Ended{ID: s.placed, Why: phone.NoReply})
	case "unreachable":
		s.step(phone.Ended{ID: s.placed, Why: phone.Unreachable})
	case "in": // in ID LINE PEER NAME…; "-" is nobody
		s.step(phone.Incoming{ID: phone.ID(number(1)), Line: number(2), Peer: strings.TrimPrefix(arg(3), "-"), Name: strings.Join(f[4:], " ")})
	case "gone":
		s.step(phone.Ended{ID: phone.ID(number(1))})
	case "missed": // missed PEER NAME…
		id := strconv.Itoa(2 * int(s.now.Unix())) // time has gone on since the one before
		s.command(append([]string{"in", id, "1"}, f[1:]...))
		s.command([]string{"gone", id})
		s.now = s.now.Add(time.Second)
	case "held":
		s.step(phone.HoldDone{ID: phone.ID(number(1)), On: true, OK: true})
	case "unheld":
		s.step(phone.HoldDone{ID: phone.ID(number(1)), OK: true})
	case "refused": // the hold, by the other side
		s.step(phone.HoldDone{ID: phone.ID(number(1)), On: true})
	case "they-hold":
		s.step(phone.RemoteHold{ID: phone.ID(number(1)), On: true})
	case "secured":
		s.step(phone.Secured{ID: phone.ID(number(1)), On: true})
	case "wait":
		d, err := time.ParseDuration(arg(1))
		if err != nil {
			panic(err)
		}
		s.now = s.now.Add(d)
		s.step(phone.Tick{})
	default:
		panic("a scene says " + strings.Join(f, " "))
	}
}

// What a scene is called after is what it shows.
func TestScenesShow(t *testing.T) {
	for prefix, want := range map[string]phone.Showing{
		"idle": phone.ShowIdle, "dial tone": phone.ShowDialing, "dialing": phone.ShowDialing, "calling": phone.ShowCalling, "ringing": phone.ShowRinging,
		"incoming": phone.ShowIncoming, "in a": phone.ShowTalking, "on hold": phone.ShowTalking, "two calls": phone.ShowTalking, "busy": phone.ShowFailed,
		"not in the plan": phone.ShowFailed, "missed calls, looked": phone.ShowList, "a long list": phone.ShowList, "a notice": phone.ShowIdle,
	} {
		shown := 0
		for _, s := range scenes() {
			if strings.HasPrefix(s.name, prefix) {
				shown++
				if s.view.Showing != want {
					t.Errorf("%s shows %s", s.name, s.view.Showing)
				}
			}
		}
		if shown == 0 {
			t.Errorf("there is no scene %s…", prefix)
		}
	}
	seen := make(map[string]bool)
	for _, s := range scenes() {
		if seen[s.name] {
			t.Errorf("there are two scenes %q", s.name)
		}
		seen[s.name] = true
	}
}
