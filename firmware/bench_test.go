package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"dialtone/board"
	"dialtone/config"
	"dialtone/hal"
	"dialtone/hal/sim"
	"dialtone/phone"
	"dialtone/simnet"
	"dialtone/sip"
	"dialtone/sip/transport"
	"dialtone/web"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata/scenarios")

// clock is the duration of a call on the screen.
var clock = regexp.MustCompile(`[0-9]+:[0-9][0-9]`)

// oneWay is how long a packet takes. It divides nothing: no two things happen at once.
const oneWay = 7 * time.Millisecond

// A bench is a desk in virtual time: a network, a far end that registers and answers, and phones. What
// they do is written down: SIP as it is sent, sound, screens, decisions.
type bench struct {
	*testing.T
	net    *simnet.Net
	begin  time.Time
	server *far
	phones []*desk
	trust  *tls.Config // of the phones made from now on

	mu     sync.Mutex
	lines  []line
	seen   map[string]bool // packets sent, to tell repetitions
	quiet  bool            // packets are not written down any more
	asked  map[string]bool // Call-IDs of OPTIONS that ask a server whether it lives
	probes bool            // those that ask a server whether it lives are
}

// A line of a transcript. Lines of one instant stand in the order of their class, then of their phone.
type line struct {
	at    time.Duration
	class int
	text  string
}

// who is the phone a line is about; "": the only one, or the scenario itself.
func (l line) who() string { return l.text[:strings.IndexAny(l.text, "*<>=~[")] }

// Classes of lines, in the order in which one thing leads to another.
const (
	classIn = iota
	classDecision
	classOut
	classSound
	classScreen
)

func (b *bench) say(class int, format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, line{time.Since(b.begin), class, fmt.Sprintf(format, args...)})
}

// note writes down what the scenario does itself.
func (b *bench) note(format string, args ...any) {
	b.say(classIn, "* "+format, args...)
}

// transcript is what was written down.
func (b *bench) transcript() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.SortStableFunc(b.lines, func(x, y line) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.class, y.class), cmp.Compare(x.who(), y.who()))
	})
	var out strings.Builder
	for _, l := range b.lines {
		fmt.Fprintf(&out, "%9.3f  %s\n", l.at.Seconds(), l.text)
	}
	return out.String()
}

// inBench runs play at a desk with a far end at 10.0.0.1 in a bubble of virtual time.
func inBench(t *testing.T, play func(b *bench)) {
	t.Helper()
	inBenchOf(t, 1, play)
}

// inBenchOf is inBench with other chances.
func inBenchOf(t *testing.T, seed uint64, play func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, seed)
		b := &bench{T: t, net: simnet.New(seed), begin: time.Now(), seen: map[string]bool{}, asked: map[string]bool{}}
		b.net.Usual(simnet.Link{Delay: oneWay})
		b.net.Tap(b.tap)
		b.server = newFar(b, "10.0.0.1")
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("so far:\n%s", b.transcript())
			}
			for _, p := range b.phones {
				p.close()
			}
			b.server.close()
			b.net.Close()
		})
		play(b)
	})
}

// tap writes SIP packets down as they are sent.
func (b *bench) tap(p simnet.Packet) {
	text := ""
	switch {
	case p.Protocol == "icmp" || p.Protocol == "tcp" && p.Flags == "" && len(bytes.Trim(p.Data, "\r\n")) == 0:
		return
	case p.Flags != "":
		if p.Flags == "SYN+ACK" {
			return
		}
		text = "tcp " + p.Flags
	case bytes.Contains(p.Data[:min(len(p.Data), 200)], []byte("SIP/2.0")):
		m := parseMessage(p.Data)
		text = m.line()
		if m.method() == "OPTIONS" && m.code() == 0 && param(m.get("To"), "tag") == "" {
			b.asked[m.get("Call-ID")] = true
		}
		if b.asked[m.get("Call-ID")] && !b.probes {
			return
		}
	default:
		return
	}
	if b.quiet {
		return
	}
	if p.Flags == "" {
		key := p.Src.String() + p.Dst.String() + string(p.Data)
		if b.seen[key] {
			text += ", again"
		}
		b.seen[key] = true
	}
	if p.Fate != "" {
		text += ", " + p.Fate
	}
	from := b.phoneAt(p.Src.Addr())
	to := b.phoneAt(p.Dst.Addr())
	switch {
	case from != nil:
		b.say(classOut, "%s> %s", from.name, text)
	case to != nil:
		b.say(classIn, "%s< %s", to.name, text)
	}
}

func (b *bench) phoneAt(a netip.Addr) *desk {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.phones {
		if a == p.addr {
			return p
		}
	}
	return nil
}

// after lets d pass.
func (b *bench) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// A desk is one whole phone: simulated handset and network, everything between them real.
type desk struct {
	*bench
	*sim.Handset
	name   string // in the transcript; "": the only phone
	hz     int    // what its user says
	addr   netip.Addr
	host   *simnet.Host
	set    *phoneSet
	api    asker
	ear    *ear
	shelf  *shelf
	cancel context.CancelFunc
	done   chan error
	ended  bool
	lifted bool

	recording bytes.Buffer
	watched   tape // what the loop did, in the words of a replay
	did       bytes.Buffer
	sent      []sip.NetAction
	shown     string // without the seconds of a call
}

// newDesk puts a phone together that knows the account 1001 at the far end and settings beside. It does
// not run yet.
func (b *bench) newDesk(name, addr string, settings ...string) *desk {
	b.Helper()
	p := &desk{bench: b, name: name, hz: micHertz(name), addr: netip.MustParseAddr(addr), done: make(chan error, 1)}
	p.host = b.net.Host(p.addr)
	s := config.Default()
	user := "1001"
	if name != "" {
		user = name
	}
	addrs := []netip.Addr{p.addr}
	record := slices.Index(settings, "record")
	if record >= 0 {
		settings = slices.Delete(settings, record, record+1)
	}
	if i := slices.Index(settings, "no address"); i >= 0 {
		settings, addrs = slices.Delete(settings, i, i+1), nil
	}
	for _, kv := range append([]string{"User_ID_1_=" + user, "Password_1_=secret", "Proxy_1_=10.0.0.1", "Admin_Password=office"}, settings...) {
		tag, value, _ := strings.Cut(kv, "=")
		if err := s.Set(tag, value); err != nil {
			b.Fatal(err)
		}
	}
	model, err := board.Find("sim")
	if err != nil {
		b.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(b.Output(), nil))
	device, handset, err := model.Open(board.OpenOptions{Mic: "tone:" + strconv.Itoa(p.hz), Log: log})
	if err != nil {
		b.Fatal(err)
	}
	p.Handset = handset
	var seed [32]byte
	copy(seed[:], "seed of "+user)
	p.shelf = &shelf{desk: p, delay: 11 * time.Millisecond, profiles: map[string]string{}}
	var rec *recorder
	if record >= 0 {
		if rec, err = newRecorder(&p.recording, newHeader(seed, s, addrs, model.Name)); err != nil {
			b.Fatal(err)
		}
	}
	p.set, err = assemble(parts{
		record: rec,
		log:    log, board: model, device: device, net: p.host, listenRTP: p.host.ListenPacket,
		tls:      b.trust,
		resolver: transport.NewResolver([]netip.AddrPort{netip.MustParseAddrPort("10.0.0.53:53")}, p.host),
		addrs:    addrs, route: func(netip.Addr) netip.Addr { return p.at() },
		settings: s, random: rand.NewChaCha8(seed), keys: rand.NewChaCha8([32]byte{1}), password: func(config.Secret) {},
		keeper: func(ctx context.Context, mail func(any)) keeper { p.shelf.mail = mail; return p.shelf },
	})
	if err != nil {
		b.Fatal(err)
	}
	p.ear = &ear{voice: p.set.voice, wrong: b.Errorf, say: func(text string) { p.say(classSound, "%s~ %s", p.name, text) }}
	p.set.loop.voice = p.ear
	p.set.publish = p
	draw := p.set.draw
	p.set.draw = func(f hal.Frame) {
		text := screenText(f.Rows)
		if still := clock.ReplaceAllString(text, "0:00"); still != p.shown { // the seconds of a call are no news
			p.shown = still
			p.say(classScreen, "%s[%s]", p.name, text)
		}
		draw(f)
	}
	if record >= 0 {
		p.observe()
	}
	p.api = asker{loop: p.set.loop, life: p.set.ctx}
	b.mu.Lock()
	b.phones = append(b.phones, p)
	b.mu.Unlock()
	return p
}

// micHertz is what the user of a phone says: each another tone, so that one knows who is heard.
func micHertz(name string) int {
	switch name {
	case "1002":
		return 1100
	case "1003":
		return 1700
	}
	return 440
}

// at is the phone's address.
func (p *desk) at() netip.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addr
}

// start runs the phone.
func (p *desk) start() *desk {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() { p.done <- p.set.run(ctx) }()
	return p
}

// newPhone is the phone most scenarios are about: at 10.0.0.50, running.
func (b *bench) newPhone(settings ...string) *desk {
	b.Helper()
	return b.newDesk("", "10.0.0.50", settings...).start()
}

// registered is a phone that has registered; the transcript begins after that.
func (b *bench) registered(settings ...string) *desk {
	b.Helper()
	p := b.newPhone(settings...)
	b.after(1003 * time.Millisecond)
	p.wantScreen("the phone registers", "Ready")
	b.mu.Lock()
	b.lines = nil
	b.mu.Unlock()
	return p
}

// stop asks the phone to stop, as SIGTERM does, and waits until it has.
func (p *desk) stop() time.Duration {
	p.Helper()
	asked := time.Now()
	p.note("stop")
	p.cancel()
	if err := <-p.done; err != nil {
		p.Errorf("the loop ended with %v", err)
	}
	p.ended = true
	p.cancel = nil
	return time.Since(asked)
}

// close ends the phone and checks that nothing is left of it.
func (p *desk) close() {
	if p.cancel != nil {
		p.cancel()
		<-p.done
	}
	p.set.close()
	p.Handset.Close()
	time.Sleep(time.Minute) // streams that end
	synctest.Wait()
	if n := p.host.Sockets(); n != 0 {
		p.Errorf("%d sockets of %s are left open", n, p.addr)
	}
}

// screenText joins the rows of a screen, without what pads them.
func screenText(rows []string) string {
	var out []string
	for _, r := range rows {
		out = append(out, strings.TrimRight(r, " "))
	}
	return strings.TrimRight(strings.Join(out, "|"), "|")
}

// lift, replace: the handset.
func (p *desk) lift() {
	p.lifted = true
	p.note("the handset is lifted")
	p.Contact(hal.Hook, false)
}

func (p *desk) replace() {
	p.lifted = false
	p.note("the handset is put back")
	p.Contact(hal.Hook, true)
}

// press presses keys one after the other.
func (p *desk) press(keys ...hal.Key) {
	words := make([]string, len(keys))
	for i, k := range keys {
		words[i] = string(k)
	}
	p.note("keys %s", strings.Join(words, " "))
	p.Press(keys...)
}

// do gives a command through the API.
func (p *desk) do(c web.Command) web.Result {
	p.Helper()
	p.note("api %s %+v", strings.TrimPrefix(fmt.Sprintf("%T", c), "web."), c)
	r, err := p.api.Do(context.Background(), c)
	if err != nil {
		p.Errorf("%T: %v", c, err)
	}
	return r
}

// status is the state of the phone as the API tells it.
func (p *desk) status() web.Status {
	p.Helper()
	s, err := p.api.Status(context.Background())
	if err != nil {
		p.Fatal(err)
	}
	return s
}

// callState is the state of the newest call, "" if none is listed.
func (p *desk) callState() string {
	p.Helper()
	calls := p.status().Calls
	if len(calls) == 0 {
		return ""
	}
	return calls[len(calls)-1].State
}

// wantScreen checks what is shown now.
func (p *desk) wantScreen(sentence, part string) {
	p.Helper()
	synctest.Wait()
	if got := screenText(p.Screen()); !strings.Contains(got, part) {
		p.Errorf("%s: the screen shows [%s], want %q", sentence, got, part)
	}
}

// wantHome checks that the phone is idle and nothing is left of its calls.
func (p *desk) wantHome() {
	p.Helper()
	err := p.api.ask(context.Background(), func(time.Time) {
		l := p.set.loop
		if n := len(l.calls); n != 0 {
			p.Errorf("%d conversations are left", n)
		}
		if n := len(l.last); n != 0 {
			p.Errorf("numbers of %d calls are kept", n)
		}
		if n := len(l.brain.Calls()); n != 0 {
			p.Errorf("the brain lists calls: %+v", l.brain.Calls())
		}
		if v := l.brain.View(); v.Showing != phone.ShowIdle {
			p.Errorf("the phone shows %s", v.Showing)
		}
		if !p.server.isDeaf() && !l.agent.Idle() { // else it may be registering
			p.Errorf("the agent is not idle")
		}
	})
	if err != nil {
		p.Error(err)
	}
	if p.ear.talk != 0 || p.ear.tone != "" || p.ear.ring || p.ear.beep != "" {
		p.Errorf("there is sound: call %d, tone %q, ringing %t, beep %q", p.ear.talk, p.ear.tone, p.ear.ring, p.ear.beep)
	}
	if n := p.ear.ports(); n != 0 {
		p.Errorf("%d calls hold RTP ports", n)
	}
}

// Watching, Publish, Decision: the web's listeners, who want the decisions.
func (p *desk) Watching() bool               { return false }
func (p *desk) Publish(web.Status, []string) {}
func (p *desk) Decision(_ time.Time, sentence string) {
	p.say(classDecision, "%s= %s", p.name, sentence)
}

// A scenario is a conversation that is written down in testdata/scenarios/NAME.txt.
type scenario struct {
	name     string
	sentence string
	play     func(b *bench)
}

// runScenarios plays scenarios and compares what was written down with the transcripts kept.
func runScenarios(t *testing.T, list []scenario) {
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) {
			var got string
			inBench(t, func(b *bench) {
				s.play(b)
				synctest.Wait()
				got = "# " + s.sentence + "\n" + b.transcript()
			})
			if t.Failed() {
				return
			}
			file := filepath.Join("testdata", "scenarios", s.name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
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
