package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dialtone/config"
	"dialtone/hal"
	"dialtone/media"
	"dialtone/sip"
	"dialtone/web"
)

// observe lets a tape write down what the loop does, in the words a replay would use.
func (p *desk) observe() {
	l := p.set.loop
	p.watched = tape{start: l.start, out: &p.did}
	l.voice = witnessedVoice{l.voice, p}
	l.wire = witnessedWire{l.wire, p}
	l.keeper = witnessedKeeper{l.keeper, p}
	draw := l.draw
	l.draw = func(f hal.Frame) {
		p.tape().draw(f)
		draw(f)
	}
	l.publish = witnessedNews{p}
}

// tape is the observer, at the time of the loop.
func (p *desk) tape() *tape {
	p.watched.now = p.set.loop.now
	return &p.watched
}

type (
	witnessedVoice struct {
		voice
		p *desk
	}
	witnessedWire struct {
		wire
		p *desk
	}
	witnessedKeeper struct {
		keeper
		p *desk
	}
	witnessedNews struct{ p *desk }
)

func (w witnessedVoice) Start(id int, s media.Stream) error {
	w.p.tape().Start(id, s)
	return w.voice.Start(id, s)
}

func (w witnessedVoice) Stop(id int) media.Stats {
	w.p.tape().Stop(id)
	return w.voice.Stop(id)
}

func (w witnessedVoice) PlayTone(name string) error {
	w.p.tape().PlayTone(name)
	return w.voice.PlayTone(name)
}

func (w witnessedVoice) StopTone() {
	w.p.tape().StopTone()
	w.voice.StopTone()
}

func (w witnessedVoice) StartRing(c int) {
	w.p.tape().StartRing(c)
	w.voice.StartRing(c)
}

func (w witnessedVoice) StopRing() {
	w.p.tape().StopRing()
	w.voice.StopRing()
}

func (w witnessedVoice) PlayBeep(name string) error {
	w.p.tape().PlayBeep(name)
	return w.voice.PlayBeep(name)
}

func (w witnessedVoice) StopBeep() {
	w.p.tape().StopBeep()
	w.voice.StopBeep()
}

func (w witnessedVoice) KeyTone(d string) {
	w.p.tape().KeyTone(d)
	w.voice.KeyTone(d)
}

func (w witnessedVoice) SendDigit(id int, digit string, d time.Duration) error {
	w.p.tape().SendDigit(id, digit, d)
	return w.voice.SendDigit(id, digit, d)
}

func (w witnessedVoice) SetMute(on bool) {
	w.p.tape().SetMute(on)
	w.voice.SetMute(on)
}

func (w witnessedVoice) SetVolume(level int) {
	w.p.tape().SetVolume(level)
	w.voice.SetVolume(level)
}

func (w witnessedWire) Do(a sip.NetAction) {
	w.p.tape().Do(a)
	w.p.sent = append(w.p.sent, a)
	w.wire.Do(a)
}

func (w witnessedKeeper) Save(seq int, s config.Settings) {
	w.p.tape().Save(seq, s)
	w.keeper.Save(seq, s)
}

func (w witnessedKeeper) Remember(answers []sip.Answer) {
	w.p.tape().Remember(answers)
	w.keeper.Remember(answers)
}

func (w witnessedKeeper) Fetch(seq int, rule string) {
	w.p.tape().Fetch(seq, rule)
	w.keeper.Fetch(seq, rule)
}

func (n witnessedNews) Watching() bool               { return false }
func (n witnessedNews) Publish(web.Status, []string) {}
func (n witnessedNews) Decision(at time.Time, text string) {
	n.p.tape().Decision(at, text)
	n.p.Decision(at, text)
}

// wireTape is a tape that keeps what is sent, every byte.
type wireTape struct {
	*tape
	sent []sip.NetAction
}

func (w *wireTape) Do(a sip.NetAction) {
	w.sent = append(w.sent, a)
	w.tape.Do(a)
}

// wantReplay replays what was recorded and compares it with what was done.
func (p *desk) wantReplay() {
	p.Helper()
	var out bytes.Buffer
	l, tp, err := newReplay(bytes.NewReader(p.recording.Bytes()), &out)
	if err != nil {
		p.Fatal(err)
	}
	out.Reset() // what it does before the loop takes its first input is not observed
	w := &wireTape{tape: tp}
	l.wire = w
	if err := tp.play(l); err != nil {
		p.Fatalf("replaying: %v\n%s", err, out.Bytes())
	}
	var did []string
	for line := range strings.Lines(out.String()) {
		if line[10] != '<' {
			did = append(did, line)
		}
	}
	if got, want := strings.Join(did, ""), p.did.String(); got != want {
		p.Errorf("the replay does something else: %s", firstDifference(want, got))
	}
	for i := range min(len(w.sent), len(p.sent)) {
		if !reflect.DeepEqual(masked(w.sent[i]), masked(p.sent[i])) {
			p.Fatalf("message %d of the replay differs:\n%s\nwas\n%s", i, show(w.sent[i]), show(p.sent[i]))
		}
	}
	if len(w.sent) != len(p.sent) || len(p.sent) < 3 {
		p.Errorf("the replay sends %d messages, %d were sent", len(w.sent), len(p.sent))
	}
}

// masked is an action without the keys of voice, which a replay does not know.
func masked(a sip.NetAction) sip.NetAction {
	if s, ok := a.(sip.Send); ok {
		s.Data = media.MaskKeys(s.Data)
		return s
	}
	return a
}

// TestReplay: what was recorded of a phone, replayed, sends the same messages byte for byte, shows the
// same screens and makes the same sounds.
func TestReplay(t *testing.T) {
	plays := map[string]func(b *bench, p *desk){
		"a call by the keys": func(b *bench, p *desk) {
			f := b.server
			invite := called(p)
			f.answer(invite, 180)
			b.after(4003 * time.Millisecond)
			f.answer(invite, 200, f.sdp("sendrecv"))
			f.want("the answer is acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.press("5", "hold")
			f.answer(f.want("held", "INVITE"), 200, f.sdp("recvonly"))
			b.after(1003 * time.Millisecond)
			p.press("hold")
			f.answer(f.want("taken back", "INVITE"), 200, f.sdp("sendrecv"))
			b.after(1003 * time.Millisecond)
			p.press("volup", "mute")
			leave(p, f.dialogOf(invite, "far"))
		},
		"calls that come": func(b *bench, p *desk) {
			f := b.server
			d := f.invite("1001")
			d.want("it rings", 180, "INVITE")
			p.lift()
			d.want("answered", 200, "INVITE")
			d.request("ACK", f.sdp("sendrecv"))
			second := f.invite("1001", f.sdp("sendrecv"))
			second.want("it waits", 180, "INVITE")
			b.after(1003 * time.Millisecond)
			p.press("talk")
			second.want("the second is answered", 200, "INVITE")
			second.request("ACK")
			f.answer(f.want("the first is held", "INVITE"), 200, f.sdp("recvonly"))
			b.after(1003 * time.Millisecond)
			p.press("soft3")
			f.answer(f.want("the second is held", "INVITE"), 200, f.sdp("recvonly"))
			f.answer(f.want("the first is taken back", "INVITE"), 200, f.sdp("sendrecv"))
			b.after(1003 * time.Millisecond)
			third := f.invite("1001", f.sdp("sendrecv"))
			third.want("no appearance is free", 486, "INVITE")
			third.request("ACK failure")
			second.request("BYE")
			second.want("the second goes", 200, "BYE")
			leave(p, d)
			p.press("down", "right", "soft4", "soft3")
			b.after(1003 * time.Millisecond)
		},
		"settings and questions": func(b *bench, p *desk) {
			p.shelf.offer("http://10.0.0.2/p.xml", profile("Display_Name_1_=Ann", "Password_1_=recorded", "SIP_T1=seven"))
			for range 5 {
				p.status() // questions change nothing, wherever they fall
				b.after(877 * time.Millisecond)
			}
			if err := p.update("Display_Name_1_=Anna", "SIP_Port_1_=5070", "Password_1_=recorded 1"); err != nil {
				b.Error(err)
			}
			b.after(1003 * time.Millisecond)
			p.do(web.Resync{URL: "http://10.0.0.2/p.xml"})
			b.after(1003 * time.Millisecond)
			p.shelf.fail(1)
			if err := p.update("Display_Name_1_=Annabel"); err == nil {
				b.Error("a disk that is full is no error")
			}
			p.do(web.Call{To: "1002"})
			p.server.answer(p.server.want("a call", "INVITE"), 486)
			b.after(1003 * time.Millisecond)
			p.press("end")
			p.set.mail(p.set.ctx, addresses{})
			b.after(1003 * time.Millisecond)
			p.do(web.Call{To: "1002"})
			p.set.mail(p.set.ctx, addresses{Addrs: []netip.Addr{p.addr}})
			p.set.mail(p.set.ctx, media.SoundFailed{Cause: "unplugged"})
			b.after(time.Minute)
		},
		"a dead name server": func(b *bench, p *desk) {
			if err := p.update("Proxy_1_=example.test"); err != nil {
				b.Error(err)
			}
			b.after(20 * time.Second)
			p.do(web.Call{To: "1002"}) // a call without any server
			b.after(20 * time.Second)
		},
	}
	for name, play := range plays {
		t.Run(name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.server.password = "recorded" // what stands for every password in a recording
				p := b.newDesk("", "10.0.0.50", "record", "Password_1_=recorded", "Make_Call_Without_Reg_1_=Yes")
				p.set.mail(p.set.ctx, begun{})
				p.start()
				b.after(1003 * time.Millisecond)
				play(b, p)
				p.stop()
				synctest.Wait()
				p.wantReplay()
				if bytes.Contains(p.recording.Bytes(), []byte("office")) {
					t.Error("the admin password stands in the recording")
				}
			})
		})
	}
}

// update sets parameters as the web page does.
func (p *desk) update(tags ...string) error {
	p.note("update %s", strings.Join(tags, " "))
	return p.api.UpdateSettings(p.Context(), func(s config.Settings) (config.Settings, bool) {
		for _, kv := range tags {
			tag, value, _ := strings.Cut(kv, "=")
			if err := s.Set(tag, value); err != nil {
				p.Error(err)
			}
		}
		return s, true
	})
}

// recorded is the recording of a call, for tests of what replays refuse.
func recorded(t testing.TB) []byte {
	var out []byte
	play := func(b *bench) {
		p := b.newDesk("", "10.0.0.50", "record").start()
		b.after(1003 * time.Millisecond)
		p.do(web.Call{To: "1002"})
		b.server.answer(b.server.want("a call", "INVITE"), 486)
		b.after(1003 * time.Millisecond)
		p.stop()
		out = bytes.Clone(p.recording.Bytes())
	}
	inBench(t.(*testing.T), play)
	return out
}

func TestBadRecordings(t *testing.T) {
	good := recorded(t)
	lines := strings.SplitAfter(string(good), "\n")
	index := func(kind string) int {
		for i, l := range lines {
			if strings.Contains(l, `"kind":"`+kind+`"`) {
				return i
			}
		}
		t.Fatalf("no %s in the recording", kind)
		return 0
	}
	without := func(i int) string { return strings.Join(lines[:i], "") + strings.Join(lines[i+1:], "") }
	replaced := func(i int, with string) string {
		return strings.Join(lines[:i], "") + with + "\n" + strings.Join(lines[i+1:], "")
	}
	cases := []struct{ name, text, want string }{
		{"nothing", "", "empty recording"},
		{"no recording", "GIF89a\n", "line 1: invalid character 'G'"},
		{"of another format", strings.Replace(string(good), `"Dialtone":1`, `"Dialtone":2`, 1), "line 1: recording of format 2, want 1"},
		{"a short seed", strings.Replace(string(good), `"Seed":"`, `"Seed":"AAAA","Sead":"`, 1), "line 1: the seed is not 32 bytes long"},
		{"an unknown board", strings.Replace(string(good), `"Board":"sim"`, `"Board":"toaster"`, 1), `line 1: no board is called "toaster"`},
		{"a bad address", strings.Replace(string(good), `"Addrs":["10.0.0.50"]`, `"Addrs":["here"]`, 1), "line 1: ParseAddr"},
		{"cut after the header", lines[0], "line 2: the recording ends where the loop asks for main.bound"},
		{"cut in a line", string(good[:len(good)-20]), ": unexpected end of JSON input"},
		{"an unknown input", replaced(3, `{"at":"2000-01-01T00:00:00Z","kind":"main.toast","value":{}}`), `line 4: unknown input "main.toast"`},
		{"an input of another shape", replaced(3, `{"at":"2000-01-01T00:00:00Z","kind":"hal.Contact","value":[]}`), "line 4: hal.Contact: json"},
		{"a result removed", without(index("main.reserved")), "the replay took another way: it asks for main.reserved"},
		{"a command removed", without(index("main.command")), "the replay took another way: nobody asked for main.routed"},
		{"time that goes back", replaced(len(lines)-2, `{"at":"1999-01-01T00:00:00Z","kind":"main.tick","value":{}}`), "time goes back"},
	}
	for _, c := range cases {
		err := replayFrom(strings.NewReader(c.text), io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if err := replayFrom(bytes.NewReader(good), io.Discard); err != nil {
		t.Errorf("the good one: %v", err)
	}
	// Cut between two lines it is a recording of a phone that lost power.
	cut := strings.Join(lines[:index("main.command")], "")
	if err := replayFrom(strings.NewReader(cut), io.Discard); err != nil {
		t.Errorf("cut between lines: %v", err)
	}
	file := filepath.Join(t.TempDir(), "phone.rec")
	if err := os.WriteFile(file, []byte(lines[0]+"x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replay(file, io.Discard); err == nil || !strings.HasPrefix(err.Error(), file+": line 2: ") {
		t.Errorf("a damaged file: %v", err)
	}
	if err := replay(file+"x", io.Discard); err == nil || !strings.HasPrefix(err.Error(), "reading a recording: ") {
		t.Errorf("no file: %v", err)
	}
}

// TestInputKinds: whatever may enter the loop can be recorded and read back.
func TestInputKinds(t *testing.T) {
	var out bytes.Buffer
	r, err := newRecorder(&out, newHeader([32]byte{}, config.Default(), nil, "sim"))
	if err != nil {
		t.Fatal(err)
	}
	inputs := []any{
		begun{"http://a/b", "gone"}, tick{}, stop{}, command{Call: &web.Call{To: "1", Line: 2}}, saved{1, "full"}, unremembered{"full"},
		fetched{2, "r", []byte("<flat-profile/>"), ""}, addresses{[]netip.Addr{netip.MustParseAddr("::1")}}, hal.Contact{Key: "5", Down: true},
		sip.Received{Flow: sip.Flow{Transport: sip.TCP, ID: 3, Local: netip.MustParseAddrPort("1.2.3.4:5")}, Data: []byte{0, 1, 255}},
		sip.Connected{ID: 1}, sip.Opened{ID: 1}, sip.Closed{ID: 1, Cause: "reset"}, sip.Unreachable{Cause: "refused"}, sip.Answer{Records: []sip.Record{{Target: "a"}}, TTL: time.Minute},
		media.DigitHeard{ID: 1, Digit: "5"}, media.DigitEnded{ID: 1, Digit: "5", Millis: 100}, media.Silent{ID: 1, On: true}, media.SoundFailed{Cause: "x"},
		updated{map[string]string{"SIP_T1": "1"}}, reserved{16384, ""}, routed{}, bound{Cause: "in use"},
	}
	if len(inputs) != len(inputKinds()) {
		t.Errorf("%d kinds are tried, there are %d", len(inputs), len(inputKinds()))
	}
	for _, in := range inputs {
		if err := r.write(time.Now(), in); err != nil {
			t.Fatal(err)
		}
	}
	p, _, err := newPlayer(&out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range inputs {
		if _, got, err := p.next(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%T: read back %+v, %v", want, got, err)
		}
	}
	if _, _, err := p.next(); err != io.EOF {
		t.Errorf("after the last: %v", err)
	}
}

// TestRecordingClock: a wall clock that jumps, as when the network tells the time, does not touch the
// times of a recording.
func TestRecordingClock(t *testing.T) {
	var out bytes.Buffer
	start := time.Now()
	h := newHeader([32]byte{}, config.Default(), nil, "sim")
	h.Start = start
	r, err := newRecorder(&out, h)
	if err != nil {
		t.Fatal(err)
	}
	r.write(time.Time{}, bound{})
	r.write(start.Add(3*time.Second), tick{})
	p, _, err := newPlayer(&out)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []time.Duration{0, 3 * time.Second} {
		at, _, err := p.next()
		if d := at.Sub(start.Round(0)); err != nil || d != want {
			t.Errorf("entry %d is at %v, %v", i, d, err)
		}
	}
}

// FuzzReplay: no recording makes a replay panic or run without end.
func FuzzReplay(f *testing.F) {
	h := newHeader([32]byte{1}, config.Default(), []netip.Addr{netip.MustParseAddr("10.0.0.50")}, "sim")
	h.Settings = []byte(profile("User_ID_1_=1001", "Proxy_1_=10.0.0.1", "Password_1_=recorded", "Make_Call_Without_Reg_1_=Yes"))
	h.Start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	h.Dialtone = recordVersion
	raw, err := json.Marshal(h)
	if err != nil {
		f.Fatal(err)
	}
	head := string(raw) + "\n"
	entry := func(at, kind, value string) string {
		return `{"at":"2000-01-01T00:00:` + at + `Z","kind":"` + kind + `","value":` + value + "}\n"
	}
	f.Add(head + entry("00", "main.bound", `{"Sockets":["0.0.0.0:5060"]}`) + entry("00", "main.tick", "{}") +
		entry("01", "main.command", `{"Call":{"To":"1002"}}`) + entry("01", "main.routed", `{"Local":"10.0.0.50"}`) + entry("01", "main.reserved", `{"Port":16384}`))
	f.Add(head + entry("00", "main.bound", `{"Cause":"in use"}`))
	f.Add(head + entry("00", "main.bound", `{}`) + entry("00", "hal.Contact", `{"Key":"hook"}`) + entry("02", "main.stop", `{}`))
	f.Add(head + entry("00", "main.bound", `{}`) + entry("00", "main.updated", `{"Values":{"Proxy_1_":"a.b","nonsense":"1"}}`) + entry("00", "main.fetched", `{"Data":"PGE+"}`))
	f.Add("{}\n")
	f.Fuzz(func(t *testing.T, text string) {
		replayFrom(strings.NewReader(text), io.Discard)
	})
}

// phoneForFuzz has one line and a proxy that needs no name server.
func phoneForFuzz() config.Settings {
	s := config.Default()
	for tag, v := range map[string]string{"User_ID_1_": "1001", "Proxy_1_": "10.0.0.1", "Password_1_": "secret", "Make_Call_Without_Reg_1_": "Yes",
		"Auth_Resync-Reboot_1_": "No", "Profile_Rule": "http://10.0.0.2/p.xml"} {
		if err := s.Set(tag, v); err != nil {
			panic(err)
		}
	}
	return s
}
