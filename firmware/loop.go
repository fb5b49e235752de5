package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"dialtone/config"
	"dialtone/display"
	"dialtone/hal"
	"dialtone/keypad"
	"dialtone/media"
	"dialtone/phone"
	"dialtone/sip"
	"dialtone/web"
)

// Implementation constants.
const (
	inboxSize    = 256                     // inputs waiting for the loop; drivers wait when it is full
	stepsKept    = 256                     // last steps remembered for a panic and for the web page
	pulse        = 2 * time.Second         // the loop runs at least this often, which shows that it lives
	farewellTime = 1800 * time.Millisecond // for BYEs and un-REGISTERs when asked to stop
	digitTime    = 100 * time.Millisecond  // of one DTMF digit sent
)

// A voice is what the loop needs of the media engine. Calls return at once.
type voice interface {
	Reserve(id int, ip netip.Addr) (port uint16, err error)
	Start(id int, s media.Stream) error
	Stop(id int) media.Stats
	Stats(id int) media.Stats
	PlayTone(name string) error
	StopTone()
	StartRing(cadence int)
	StopRing()
	PlayBeep(name string) error
	StopBeep()
	KeyTone(digit string)
	SendDigit(id int, digit string, d time.Duration) error
	SetMute(on bool)
	SetVolume(level int)
	Configure(tones media.TonePlan, rtcp time.Duration, portMin, portMax uint16)
}

// A wire is what the loop needs of the SIP transport. Do never waits.
type wire interface {
	Do(sip.NetAction)
}

// A keeper saves settings and what the DNS said, and fetches profiles, out of the loop's sight; it reports
// by mail.
type keeper interface {
	Save(seq int, s config.Settings)
	Remember(answers []sip.Answer)
	Fetch(seq int, rule string)
}

// A loop is the running phone: the machines, the drivers they act on, and the one goroutine that
// carries news between them (docs/architecture.md).
type loop struct {
	log    *slog.Logger
	name   string // of the board
	start  time.Time
	now    time.Time // of the input being handled
	inbox  chan any
	record *recorder

	keys  *keypad.Debouncer
	brain *phone.Phone
	agent *sip.Agent

	voice  voice
	wire   wire
	keeper keeper
	draw   func(hal.Frame) // never waits
	route  func(remote netip.Addr) netip.Addr
	bind   func(config.Settings) ([8]netip.AddrPort, error) // opens and closes SIP sockets
	rows   int
	cols   int
	width  int // of a screen of pixels, else 0
	height int

	settings config.Settings
	addrs    []netip.Addr
	sockets  [8]netip.AddrPort // UDP, by line
	calls    map[phone.ID]*conversation
	last     map[phone.ID]farewell // numbers of calls that ended
	queue    []phone.Event         // news the brain has not seen yet
	orders   []sip.Input           // orders the agent has not got yet
	changes  changes               // settings on their way to the disk
	provided provided              // how provisioning went
	memory   memory                // of the DNS
	mwi      map[int]web.MWI
	said     map[int]saying // by line
	count    counters
	shown    []string
	frame    hal.Frame
	frames   uint64     // frames drawn
	seen     phone.View // what shown was made of, with a banner over it or not
	covered  bool
	painter  *display.Painter // of a screen of pixels
	pictures pictures
	steps    steps
	stopping time.Time // asked to stop; zero: not
	beat     atomic.Int64
	publish  publisher
	password func(config.Secret)   // tells the web the admin password in force
	trust    func(rule string)     // fetches the custom CAs anew and lets new connections believe them; never waits
	names    func(config.Settings) // tells the resolver which name servers to ask; never waits
	random   io.Reader
	keyring  io.Reader // of the keys of voice
	mac      string
	built    time.Time // of this firmware: the wall clock cannot be earlier
	banner   []string  // shown until the first key, a password made up at the start
}

// A publisher passes news on to the web's listeners and never waits.
type publisher interface {
	Watching() bool
	Publish(web.Status, []string)
	Decision(time.Time, string)
}

// A void publisher has no listeners.
type void struct{}

func (void) Watching() bool               { return false }
func (void) Publish(web.Status, []string) {}
func (void) Decision(time.Time, string)   {}

// A farewell is what the voice of an ended call came to.
type farewell struct {
	stats media.Stats
	via   string
}

// mail hands the loop one input. It waits while the inbox is full and gives up with ctx.
func (l *loop) mail(ctx context.Context, in any) {
	select {
	case l.inbox <- in:
	case <-ctx.Done():
	}
}

// run is the phone's main loop: it takes one input at a time until it is asked to stop and the
// farewells are said. Everything that decides runs here, everything that blocks mails the inbox.
func (l *loop) run(ctx context.Context) error {
	defer func() {
		if p := recover(); p != nil {
			l.steps.write(l.log)
			panic(p)
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	asked := ctx.Done()
	for {
		var in any = tick{}
		select {
		case <-asked:
			asked, in = nil, stop{}
		case in = <-l.inbox:
		case <-timer.C:
		}
		now := time.Now()
		l.handle(now, in)
		l.beat.Store(now.UnixNano())
		if l.over(now) {
			return nil
		}
		timer.Reset(l.wait(now))
	}
}

// handle takes one input to its end: machines are stepped until none has news, the screen is drawn.
func (l *loop) handle(now time.Time, in any) {
	l.now = now
	if ask, ok := in.(question); ok {
		before := l.changes.seq
		if ask(now); l.changes.seq == before {
			return // nothing happened: a recording leaves it out, so it must not be what timers fire by
		}
		in = tick{}
	} else {
		l.note(now, in)
		l.steps.add(now, in)
	}
	l.count.inputs++
	if l.count.inputs == 1 {
		l.sayPlans(now, l.settings, config.Default())
		l.sip(now, sip.Recall{Answers: l.memory.first}) // the agent begins to register
	}
	switch in := in.(type) {
	case tick:
	case begun:
		l.begun(now, in)
	case hal.Contact:
		l.keys.Contact(now, in)
	case sip.Input:
		l.sip(now, in)
	case media.Event:
		l.voiceNews(in)
	case command:
		l.obey(now, in)
	case updated:
		if err := l.reupdate(in); err != nil {
			l.log.Error("repeating an update", "err", err)
		}
	case saved:
		l.saved(now, in)
	case fetched:
		l.fetched(now, in)
	case unremembered:
		l.decide(now, "what the DNS said cannot be kept for a start without it: "+in.Cause)
	case addresses:
		l.moved(now, in)
	case stop:
		l.stop(now)
	default:
		panic(fmt.Sprintf("firmware: nobody handles %T", in))
	}
	l.pressed(now)
	if due(now, l.brain.Next()) {
		l.tell(phone.Tick{})
	}
	if due(now, l.agent.Next()) {
		l.sip(now, sip.Tick{})
	}
	l.provisionWhenDue(now)
	l.settle(now)
	l.rememberWhenDue(now)
	l.forgetEnded()
	l.show()
	if l.publish.Watching() {
		l.publish.Publish(l.status(now), l.shown)
	}
}

// note records an input, or what a driver said at once.
func (l *loop) note(now time.Time, what any) {
	if err := l.record.write(now, what); err != nil {
		l.log.Error("the recording ends here", "err", err)
	}
}

// pressed passes on what the debouncer has to tell.
func (l *loop) pressed(now time.Time) {
	for _, p := range l.keys.Pressed(now) {
		l.banner = nil
		l.tell(press(p))
	}
}

// press translates a debounced key.
func press(p keypad.Press) phone.Event {
	switch {
	case p.Flash:
		return phone.HookFlash{}
	case p.Repeat:
		return phone.KeyRepeat{Key: p.Key}
	case p.Down && p.Long:
		return phone.KeyHeld{Key: p.Key}
	case p.Down:
		return phone.KeyDown{Key: p.Key}
	}
	return phone.KeyUp{Key: p.Key}
}

// due tells whether a machine's time has come; zero is never.
func due(now, next time.Time) bool { return !next.IsZero() && !next.After(now) }

// tell queues news for the brain: what an action causes is heard after the actions it came with.
func (l *loop) tell(ev phone.Event) { l.queue = append(l.queue, ev) }

// queueSIP queues an order for the agent, for those that arise while its events are being heard.
func (l *loop) queueSIP(in sip.Input) { l.orders = append(l.orders, in) }

// settle lets the machines react until there is no more news.
func (l *loop) settle(now time.Time) {
	for len(l.queue) > 0 || len(l.orders) > 0 {
		if len(l.orders) > 0 {
			in := l.orders[0]
			l.orders = l.orders[1:]
			l.sip(now, in)
			continue
		}
		ev := l.queue[0]
		l.queue = l.queue[1:]
		actions := l.brain.Step(now, ev)
		l.log.Debug("step", "event", show(ev), "actions", len(actions))
		for _, a := range actions {
			l.log.Debug("step", "action", show(a))
			l.do(now, a)
		}
		l.keys.Flash = l.brain.Flash()
	}
	l.queue, l.orders = nil, nil
}

// show draws the screen if it changed. Most inputs change nothing the user sees, so the view is
// compared before anything is laid out, and the picture before it goes to a slow screen.
func (l *loop) show() {
	view, covered := l.brain.View(), l.banner != nil
	if l.shown != nil && covered == l.covered && reflect.DeepEqual(view, l.seen) {
		return
	}
	l.seen, l.covered = view, covered
	rows := display.Text(view, l.rows, l.cols)
	if covered {
		rows = bannerRows(l.banner, l.rows, l.cols)
	}
	f := hal.Frame{Rows: rows, Backlight: true}
	same := slices.Equal(rows, l.shown)
	if l.width > 0 {
		picture := l.paint(view)
		before, _ := l.frame.Image.(*image.Paletted)
		same = same && before != nil && bytes.Equal(before.Pix, picture.Pix) && slices.Equal(before.Palette, picture.Palette)
		f.Image = picture
	}
	if same {
		return
	}
	l.shown, l.frame = rows, f
	l.frames++
	l.draw(f)
}

// paint draws the picture of a screen of pixels.
func (l *loop) paint(view phone.View) *image.Paletted {
	if l.painter == nil {
		l.painter = display.NewPainter()
	}
	if l.banner != nil {
		return l.painter.Rows(l.banner, l.width, l.height)
	}
	return l.painter.Pixels(view, l.width, l.height)
}

// bannerRows lays a few words out on the whole screen.
func bannerRows(text []string, rows, cols int) []string {
	out := make([]string, rows)
	for i := range out {
		row := ""
		if i < len(text) {
			row = text[i][:min(len(text[i]), cols)]
		}
		out[i] = row + strings.Repeat(" ", cols-len(row))
	}
	return out
}

// wait returns how long the machines can be left alone, at most one pulse.
func (l *loop) wait(now time.Time) time.Duration {
	next := now.Add(pulse)
	wanted := []time.Time{l.keys.Next(), l.brain.Next(), l.agent.Next()}
	if l.stopping.IsZero() {
		wanted = append(wanted, l.provided.next, l.memory.writeAt)
	}
	for _, t := range wanted {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	if !l.stopping.IsZero() && l.stopping.Add(farewellTime).Before(next) {
		next = l.stopping.Add(farewellTime)
	}
	return max(0, next.Sub(now))
}

// stop begins the farewells: calls are ended, registrations removed.
func (l *loop) stop(now time.Time) {
	if l.stopping.IsZero() {
		l.stopping = now
		l.sip(now, sip.Shutdown{})
	}
}

// over tells whether the loop has nothing left to do after being asked to stop.
func (l *loop) over(now time.Time) bool {
	if l.stopping.IsZero() {
		return false
	}
	return l.agent.Idle() || now.Sub(l.stopping) >= farewellTime
}

// moved adopts new addresses of this machine.
func (l *loop) moved(now time.Time, in addresses) {
	l.addrs = in.Addrs
	l.decide(now, fmt.Sprintf("this phone's addresses are now %v", in.Addrs))
	l.tell(phone.Network{Up: len(in.Addrs) > 0})
	l.sip(now, sip.AddressChanged{LocalAddrs: in.Addrs})
	for _, c := range l.brain.Calls() {
		if c.State != phone.StateEnded && !c.Connected.IsZero() {
			l.relocate(c.ID)
		}
	}
}

// close ends what the loop holds of the voice.
func (l *loop) close() {
	for _, id := range slices.Sorted(maps.Keys(l.calls)) {
		l.hush(id)
	}
}

// decide logs one decision for a support person and tells the web's listeners.
func (l *loop) decide(now time.Time, sentence string) {
	l.log.Info(sentence)
	l.steps.addText(now, sentence)
	l.publish.Decision(now, sentence)
}

// inputKinds lists every type that may enter the loop, for recordings.
func inputKinds() []any {
	return []any{
		begun{}, tick{}, stop{}, command{}, saved{}, unremembered{}, fetched{}, addresses{}, hal.Contact{},
		sip.Received{}, sip.Connected{}, sip.Opened{}, sip.Closed{}, sip.Unreachable{}, sip.Answer{},
		media.DigitHeard{}, media.DigitEnded{}, media.Silent{}, media.SoundFailed{},
		updated{}, reserved{}, routed{}, bound{},
	}
}

// A saying is what a line decided last.
type saying struct {
	at   time.Time
	text string
}

// What enters the loop beside the machines' own inputs.
type (
	tick      struct{}
	stop      struct{}
	addresses struct{ Addrs []netip.Addr }
	// begun is how the start went: the rule of -profile, and why its profile could not be had.
	begun struct{ Profile, Cause string }
	// updated is what somebody set on the web, by tag; for secrets stands that they are others now.
	updated struct{ Values map[string]string }
	// saved reports how writing the settings of a change went.
	saved struct {
		Seq   int
		Cause string
	}
	// unremembered says why what the DNS said could not be kept.
	unremembered struct{ Cause string }
	// fetched is a profile, or why there is none.
	fetched struct {
		Seq   int
		Rule  string
		Data  []byte
		Cause string
	}
)

// Results a driver gave at once; they stand in a recording in front of the input that asked for them
// is over, and a replay takes them from there.
type (
	reserved struct {
		Port  uint16
		Cause string
	}
	routed struct{ Local netip.Addr }
	bound  struct {
		Sockets [8]netip.AddrPort
		Cause   string
	}
)
