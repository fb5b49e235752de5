package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dialtone/config"
	"dialtone/hal"
	"dialtone/media"
	"dialtone/phone"
	"dialtone/provisioning"
	"dialtone/sip"
	"dialtone/web"
)

func TestStartSettings(t *testing.T) {
	served, serving := profile("Display_Name_1_=Ann", "SIP_T1=soon"), true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !serving {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, served)
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "p.xml")
	if err := os.WriteFile(file, []byte(profile("Display_Name_1_=File")), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	start := func(opt options) (firstSettings, string, error) {
		store, err := provisioning.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		var said strings.Builder
		first, err := startSettings(t.Context(), slog.New(slog.NewTextHandler(&said, nil)), opt, store, provisioning.Fetcher{})
		return first, said.String(), err
	}

	first, _, err := start(options{})
	if err != nil || len(first.password) != passwordSize || first.settings.System.AdminPassword.Reveal() != first.password {
		t.Fatalf("the first start: password %q, %v", first.password, err)
	}
	made := first.password
	first, _, err = start(options{})
	if err != nil || first.password != "" || first.settings.System.AdminPassword.Reveal() != made {
		t.Errorf("the second start makes up %q, %v", first.password, err)
	}
	first, said, err := start(options{profile: server.URL + "/p.xml"})
	if err != nil || first.settings.Line[0].DisplayName != "Ann" || first.profileErr != nil || !strings.Contains(said, "line 3: SIP_T1") {
		t.Errorf("a profile: %q, %v, %v\n%s", first.settings.Line[0].DisplayName, first.profileErr, err, said)
	}
	serving = false
	first, said, err = start(options{profile: server.URL + "/p.xml"})
	if err != nil || first.settings.Line[0].DisplayName != "Ann" || first.profileErr == nil || !strings.Contains(said, "could not be fetched") {
		t.Errorf("a server that is down: %q, %v, %v\n%s", first.settings.Line[0].DisplayName, first.profileErr, err, said)
	}
	served, serving = "<html>login</html>", true
	first, _, err = start(options{profile: server.URL + "/p.xml"})
	if err != nil || first.settings.Line[0].DisplayName != "Ann" || first.profileErr == nil {
		t.Errorf("a document that is no profile, for a phone that has settings: %v, %v", first.profileErr, err)
	}
	if first, _, err = start(options{profile: file, password: "given"}); err != nil || first.settings.Line[0].DisplayName != "File" || first.settings.System.AdminPassword.Reveal() != "given" {
		t.Errorf("a file and a password: %q, %v", first.settings.Line[0].DisplayName, err)
	}
	if _, _, err = start(options{profile: file + "x"}); err == nil {
		t.Error("a file that is not there is no error")
	}
	dir = t.TempDir() // a phone that knows nothing yet
	if _, _, err = start(options{profile: server.URL + "/p.xml"}); err == nil {
		t.Error("a new phone starts with a document that is no profile")
	}
	serving = false
	if first, _, err = start(options{profile: server.URL + "/p.xml"}); err != nil || first.profileErr == nil {
		t.Errorf("a new phone, a server that is down: %v, %v", first.profileErr, err)
	}
}

func TestRetryDelay(t *testing.T) {
	for _, c := range []struct {
		list string
		n    int
		want time.Duration
	}{
		{"3600", 0, time.Hour}, {"3600", 7, time.Hour}, {"60,120,240", 0, time.Minute}, {"60,120,240", 1, 2 * time.Minute}, {"60, 120 ,240", 9, 4 * time.Minute},
		{"", 0, 0}, {"0", 0, 0}, {"-5", 0, 0}, {"10+5", 0, 10 * time.Second}, {"soon", 0, 0}, {"60,", 1, 0},
	} {
		if got := retryDelay(c.list, c.n); got != c.want {
			t.Errorf("retryDelay(%q, %d) = %v, want %v", c.list, c.n, got, c.want)
		}
	}
}

func TestFetchable(t *testing.T) {
	for rule, want := range map[string]bool{
		"": false, "/$PSN.xml": false, "http://h/$MA.xml": false, "http://h/p.xml": true, "https://u:p@h/p": true, "tftp://h/p": true,
		"p.xml": true, "/etc/p.xml": true, "/p": true,
	} {
		if got := fetchable(rule); got != want {
			t.Errorf("fetchable(%q) = %t", rule, got)
		}
	}
}

func TestRingCadence(t *testing.T) {
	for set, want := range map[string]int{"": 1, "Default_Ring_1_=2": 2, "Default_Ring_1_=No Ring": 0, "Ring1=n=Mine;w=3;c=4": 4} {
		s := config.Default()
		if tag, v, ok := strings.Cut(set, "="); ok {
			if err := s.Set(tag, v); err != nil {
				t.Errorf("%s: %v", set, err)
			}
		}
		if got := ringCadence(s, 1); got != want {
			t.Errorf("with %q the cadence is %d, want %d", set, got, want)
		}
	}
}

func TestCodecs(t *testing.T) {
	names := func(l config.Line) (out string) {
		for _, c := range codecs(l) {
			out += c.Name + " "
		}
		return out
	}
	line := config.Line{G711uEnable: true, G711aEnable: true, PreferredCodec: "G711u"}
	for _, c := range []struct {
		change func(*config.Line)
		want   string
	}{
		{func(*config.Line) {}, "PCMU PCMA "},
		{func(l *config.Line) { l.PreferredCodec = "G711a" }, "PCMA PCMU "},
		{func(l *config.Line) { l.PreferredCodec, l.SecondPreferredCodec = "G722", "G711a" }, "PCMA PCMU "},
		{func(l *config.Line) { l.G711uEnable = false }, "PCMA "},
		{func(l *config.Line) { l.G711uEnable, l.G711aEnable = false, false }, "PCMU PCMA "},
		{func(l *config.Line) { l.PreferredCodec, l.UsePrefCodecOnly = "G711a", true }, "PCMA "},
		{func(l *config.Line) { l.PreferredCodec, l.UsePrefCodecOnly = "G722", true }, "PCMU PCMA "},
		{func(l *config.Line) { l.PreferredCodec, l.UsePrefCodecOnly, l.G711aEnable = "G711a", true, false }, "PCMA "},
	} {
		l := line
		c.change(&l)
		if got := names(l); got != c.want {
			t.Errorf("%+v: %s, want %s", l.PreferredCodec, got, c.want)
		}
	}
}

func TestDigitOfInfo(t *testing.T) {
	for _, c := range []struct{ kind, body, want string }{
		{"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5"}, {"Application/DTMF-Relay; charset=x", "signal= * \n", "*"},
		{"application/dtmf-relay", "Duration=1\r\nSignal=#\r\n", "#"}, {"application/dtmf", " 7\r\n", "7"}, {"application/dtmf", "a", "A"},
		{"application/dtmf-relay", "Signal=10", "*"}, {"application/dtmf-relay", "Signal=11", "#"}, {"application/dtmf-relay", "Signal=12", "A"},
		{"application/dtmf-relay", "Signal=15", "D"}, {"application/dtmf-relay", "Signal=16", ""}, {"application/dtmf-relay", "", ""},
		{"application/dtmf", "55", ""}, {"application/dtmf", "é", ""}, {"text/plain", "5", ""}, {"", "5", ""},
	} {
		got, ok := digitOfInfo(c.kind, []byte(c.body))
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s %q: %q, %t", c.kind, c.body, got, ok)
		}
	}
}

func FuzzDigitOfInfo(f *testing.F) {
	f.Add("application/dtmf-relay", []byte("Signal=5\r\nDuration=100\r\n"))
	f.Add("application/dtmf; x", []byte(" 11 "))
	f.Add("application/dtmf", []byte("#"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		if d, ok := digitOfInfo(kind, body); ok && (len(d) != 1 || !strings.Contains("0123456789*#ABCD", d)) {
			t.Errorf("%q %q is digit %q", kind, body, d)
		}
	})
}

func TestParseSummary(t *testing.T) {
	for body, want := range map[string]web.MWI{
		"Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n": {New: 2, Old: 8}, "voice-message:0/0": {}, "Voice-Message : 3/4": {New: 3, Old: 4},
		"Messages-Waiting: Yes \r\n": {New: 1}, "messages-waiting: no": {}, "Messages-Waiting: yes\r\nVoice-Message: 0/1": {Old: 1},
		"Messages-Waiting: no\r\nFax-Message: 1/2": {},
	} {
		if got, ok := parseSummary([]byte(body)); !ok || got != want {
			t.Errorf("%q: %+v, %t", body, got, ok)
		}
	}
	for _, body := range []string{"", "Messages-Waiting: maybe", "Messages-Waiting: yes\r\nVoice-Message: x", "Voice-Message: -1/2", "Voice-Message: many", "Fax-Message: 1/2", "Voice-Message: 99999999999999999999/1"} {
		if got, ok := parseSummary([]byte(body)); ok {
			t.Errorf("%q: %+v", body, got)
		}
	}
}

func FuzzParseSummary(f *testing.F) {
	f.Add([]byte("Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n"))
	f.Add([]byte("Messages-Waiting: yes\r\n\r\nSubject: x"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if m, ok := parseSummary(body); ok && (m.New < 0 || m.Old < 0) {
			t.Errorf("%q: %+v", body, m)
		}
	})
}

func TestReasons(t *testing.T) {
	for _, c := range []struct {
		ev   sip.Ended
		want phone.Reason
	}{
		{sip.Ended{Code: 200, Remote: true}, phone.HungUp}, {sip.Ended{Code: 200}, phone.Finished},
		{sip.Ended{Code: 486, Remote: true}, phone.ReasonFor(486)}, {sip.Ended{Code: 408, Remote: true}, phone.ReasonFor(408)},
		{sip.Ended{Code: 408, Cause: "no answer from udp:10.0.0.1:5060 within 16s"}, phone.NoReply},
		{sip.Ended{Code: 408, Cause: "no answer"}, phone.ReasonFor(408)},
		{sip.Ended{Code: 408, Cause: "the far end does not acknowledge", Remote: true}, phone.NotConfirmed},
		{sip.Ended{Code: 503, Cause: "the line is not registered"}, phone.NotRegistered},
		{sip.Ended{Code: 503, Cause: "connection refused"}, phone.Unreachable},
		{sip.Ended{Code: 487, Cause: "Call completed elsewhere", Remote: true}, phone.AnsweredElsewhere},
	} {
		if got := endReason(c.ev); got != c.want {
			t.Errorf("%+v: %+v, want %+v", c.ev, got, c.want)
		}
	}
}

// TestPainter: a slow screen shows the latest frame and never holds up the loop.
func TestPainter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		screen := &slowScreen{}
		p := newPainter(ctx, screen, slog.New(slog.DiscardHandler))
		start := time.Now()
		for i := range 10 {
			p.draw(hal.Frame{Rows: []string{string(rune('0' + i))}})
			time.Sleep(10 * time.Millisecond)
		}
		if d := time.Since(start); d != 100*time.Millisecond {
			t.Errorf("drawing took %v", d)
		}
		time.Sleep(time.Second)
		if got := screen.drawn(); got != "0489" {
			t.Errorf("drawn were %s", got)
		}
		cancel()
	})
}

type slowScreen struct {
	mu   sync.Mutex
	seen string
}

func (s *slowScreen) Draw(f hal.Frame) error {
	time.Sleep(43 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen += f.Rows[0]
	return errors.New("no contact") // one that fails goes on failing
}

func (s *slowScreen) drawn() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

func TestWatchAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
		sights := [][]netip.Addr{{b}, {b}, {b, a}, {}, {}, {a}} // the first change came while the phone started
		var mailed []string
		go watchAddresses(ctx, []netip.Addr{a}, func() []netip.Addr {
			s := sights[0]
			if len(sights) > 1 {
				sights = sights[1:]
			}
			return s
		}, func(in any) { mailed = append(mailed, show(in)) })
		time.Sleep(time.Minute)
		cancel()
		synctest.Wait()
		want := `main.addresses {"Addrs":["10.0.0.2"]} main.addresses {"Addrs":["10.0.0.2","10.0.0.1"]} main.addresses {"Addrs":[]} main.addresses {"Addrs":["10.0.0.1"]}`
		if got := strings.Join(mailed, " "); got != want {
			t.Errorf("mailed:\n%s\nwant:\n%s", got, want)
		}
	})
}

func TestLocalAddrs(t *testing.T) {
	bind := netip.MustParseAddr("127.0.0.9")
	if got := localAddrs(bind); len(got) != 1 || got[0] != bind {
		t.Errorf("with -bind: %v", got)
	}
	for i, a := range localAddrs(netip.Addr{}) {
		if !a.IsValid() || a.IsLinkLocalUnicast() || a.Is4In6() {
			t.Errorf("address %d is %v", i, a)
		}
	}
	for _, a := range localAddrs(netip.IPv4Unspecified()) {
		if !a.Is4() {
			t.Errorf("with -bind 0.0.0.0: %v", a)
		}
	}
	if got := routeTo(bind)(netip.MustParseAddr("192.0.2.1")); got != bind {
		t.Errorf("the route of a bound phone starts at %v", got)
	}
	if got := routeTo(netip.Addr{})(netip.MustParseAddr("127.0.0.1")); got != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("the route to this machine starts at %v", got)
	}
}

// TestDisk: changes reach the disk in order, and one that is too much is refused.
func TestDisk(t *testing.T) {
	dir := t.TempDir()
	store, err := provisioning.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	mails := make(chan any)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d := newDisk(ctx, store, provisioning.Fetcher{}, func(in any) {
		select {
		case mails <- in:
		case <-ctx.Done():
		}
	})
	s := config.Default()
	const many = saveQueue + 10
	for seq := range many {
		s.Line[0].DisplayName = string(rune(0x61 + seq%26))
		d.Save(seq+1, s)
	}
	last, refused := 0, 0
	for range many {
		in := (<-mails).(saved)
		switch {
		case in.Cause == "":
			if in.Seq <= last {
				t.Errorf("change %d is saved after %d", in.Seq, last)
			}
			last = in.Seq
		case in.Cause == "too many changes at once":
			refused++
		default:
			t.Error(in.Cause)
		}
	}
	if refused == 0 || refused > 10 {
		t.Errorf("%d changes were refused", refused)
	}
	d.Fetch(3, filepath.Join(dir, "none.xml"))
	if in := (<-mails).(fetched); in.Seq != 3 || in.Cause == "" || in.Data != nil {
		t.Errorf("a profile that is not there: %+v", in)
	}
}

// TestCounters: what ended calls add up to.
func TestCounters(t *testing.T) {
	var c counters
	c.add(media.Stats{TxPackets: 5, RxPackets: 4, RxLost: 1, RxLate: 2})
	c.add(media.Stats{TxPackets: 1, RxPackets: 1})
	got := make(map[string]uint64)
	for _, one := range c.list() {
		got[one.Name] = one.Value
	}
	if got["rtp_packets_sent"] != 6 || got["rtp_packets_received"] != 5 || got["rtp_packets_lost"] != 1 || got["rtp_packets_late"] != 2 {
		t.Errorf("%v", got)
	}
}

// TestSteps: the last steps are kept, the oldest first, ticks left out.
func TestSteps(t *testing.T) {
	var s steps
	for i := range stepsKept + 10 {
		s.add(time.Time{}, saved{Seq: i})
		s.add(time.Time{}, tick{})
	}
	s.addText(time.Time{}, "a decision")
	var out strings.Builder
	s.write(slog.New(slog.NewTextHandler(&out, nil)))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != stepsKept || !strings.Contains(lines[0], `\"Seq\":11,`) || !strings.Contains(lines[len(lines)-1], "a decision") {
		t.Errorf("%d steps, from %s to %s", len(lines), lines[0], lines[len(lines)-1])
	}
	secret := sip.Received{Data: []byte("REGISTER sip:x SIP/2.0\r\nAuthorization: Digest response=\"abc\"\r\n\r\n")}
	if text := show(secret); strings.Contains(text, "abc") || !strings.Contains(text, "REGISTER sip:x") {
		t.Errorf("a message is shown as %s", text)
	}
}

func TestSocketsInUse(t *testing.T) {
	taken, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 91, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "p.xml")
	port := strings.TrimPrefix(taken.LocalAddr().String(), "127.91.0.2:")
	if err := os.WriteFile(file, []byte(profile("User_ID_1_=1001", "Proxy_1_=127.91.0.3", "SIP_Port_1_="+port)), 0o600); err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	code := exitCode(dispatch(t.Context(), []string{"-board", "sim", "-state", t.TempDir(), "-bind", "127.91.0.2", "-web", "off", "-profile", file}, noEnv, io.Discard, io.Discard), &errs)
	if code != exitFailed || !strings.Contains(errs.String(), "opening SIP port "+port+" of line 1: ") || !strings.Contains(errs.String(), "the address is in use") || strings.Count(errs.String(), "\n") != 1 {
		t.Errorf("exit %d, %q", code, errs.String())
	}
}

// IP_Mode leaves out the servers of the other family, SIP_IP_Preference orders them.
func TestFamilies(t *testing.T) {
	for mode, want := range map[string][2]bool{"Dual Mode": {false, false}, "IPv4 Only": {false, true}, "IPv6 Only": {true, false}} {
		s := config.Default()
		for tag, value := range map[string]string{"User_ID_1_": "1001", "Proxy_1_": "example.test", "IP_Mode": mode, "SIP_IP_Preference": "IPv6"} {
			if err := s.Set(tag, value); err != nil {
				t.Fatal(err)
			}
		}
		l := sipConfig(s, nil, [8]netip.AddrPort{}, nil).Lines[0]
		if l.NoIPv4 != want[0] || l.NoIPv6 != want[1] || !l.PreferIPv6 {
			t.Errorf("%s: no IPv4 %t, no IPv6 %t, IPv6 first %t", mode, l.NoIPv4, l.NoIPv6, l.PreferIPv6)
		}
	}
}

// The name servers of the settings reach the resolver at the start and when they change.
func TestNameServersOfSettings(t *testing.T) {
	s := config.Default()
	for _, kv := range [][2]string{
		{"Primary_DNS", "192.0.2.1"}, {"Secondary_DNS", "0.0.0.0"}, {"IPv6_Primary_DNS", "2001:db8::1"},
		{"DNS_Server_Order", "DHCP,Manual"}, {"DNS_Query_Mode", "Sequential"},
	} {
		if err := s.Set(kv[0], kv[1]); err != nil {
			t.Fatal(err)
		}
	}
	n := nameServers(s)
	if got := fmt.Sprint(n); got != "{[192.0.2.1:53 [2001:db8::1]:53] true false true}" {
		t.Errorf("they are %s", got)
	}
	if n := nameServers(config.Default()); len(n.Manual) > 0 || n.Last || n.Only || n.Sequential {
		t.Errorf("by default they are %+v", n)
	}
	var told []config.Settings
	inBench(t, func(b *bench) {
		p := b.registered()
		if err := p.api.ask(context.Background(), func(time.Time) { p.set.names = func(s config.Settings) { told = append(told, s) } }); err != nil {
			t.Fatal(err)
		}
		if err := p.update("Primary_DNS=192.0.2.7"); err != nil {
			t.Fatal(err)
		}
	})
	if len(told) != 1 || told[0].System.PrimaryDNS != "192.0.2.7" {
		t.Errorf("a change is told %d times", len(told))
	}
}
