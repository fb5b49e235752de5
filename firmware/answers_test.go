package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"dialtone/config"
	"dialtone/provisioning"
	"dialtone/sip"
)

const answersSample = `a.example.test A 192.0.2.1
a.example.test A 192.0.2.2
a.example.test AAAA 2001:db8::1
example.test NAPTR 10 20 s SIPS+D2T _sips._tcp.example.test
example.test NAPTR 20 20 s SIP+D2U _sip._udp.example.test
_sip._udp.example.test SRV 10 60 5060 a.example.test
_sip._udp.example.test SRV 20 0 5080 .
b.example.test A none
c.example.test A no-name
`

func TestAnswersText(t *testing.T) {
	answers, err := parseAnswers(answersSample)
	if err != nil {
		t.Fatal(err)
	}
	if got := answersText(answers); got != answersSample {
		t.Errorf("written again:\n%s", got)
	}
	if n := len(answers); n != 6 || len(answers[0].Records) != 2 || answers[5].Code != nameError || answers[4].Code != 0 {
		t.Errorf("%d answers: %+v", n, answers)
	}
	want := sip.Record{Order: 10, Preference: 20, Flags: "s", Service: "SIPS+D2T", Replacement: "_sips._tcp.example.test"}
	if got := answers[2].Records[0]; got != want {
		t.Errorf("NAPTR: %+v", got)
	}
	if got := answers[3].Records[0]; got != (sip.Record{Priority: 10, Weight: 60, Port: 5060, Target: "a.example.test"}) {
		t.Errorf("SRV: %+v", got)
	}
	if answers, err := parseAnswers("\n"); err != nil || answers != nil {
		t.Errorf("nothing: %v, %v", answers, err)
	}
}

func TestAnswersGate(t *testing.T) {
	long := strings.Repeat("a", 300)
	for text, want := range map[string]string{
		"a.test A\n":                               "line 1: a name, a type and data are expected",
		"a.test A none\na.test MX 10 b\n":          `line 2: "MX" is no type of record we ask for`,
		"a.test A 2001:db8::1\n":                   `line 1: "2001:db8::1" is no address for A`,
		"a.test AAAA 192.0.2.1\n":                  `line 1: "192.0.2.1" is no address for AAAA`,
		"a.test AAAA fe80::1%eth0\n":               `line 1: "fe80::1%eth0" is no address for AAAA`,
		"a.test A 192.0.2.1 192.0.2.2\n":           "line 1: 2 words of data, A has 1",
		"a.test SRV 1 2 70000 b.test\n":            `line 1: "70000" is no number up to 65535`,
		"a.test SRV 1 2 3\n":                       "line 1: 3 words of data, SRV has 4",
		"a.test NAPTR 1 -2 s SIP+D2U b\n":          `line 1: "-2" is no number up to 65535`,
		"a.test NAPTR 1 2 s " + long + " b\n":      `line 1: "aaaaaaaaaaaaaaaaaaaa"… is too long`,
		"a.test A 192.0.2.1\na.test A none\n":      "line 2: A of a.test is there already",
		"a.test A none\na.test A 192.0.2.1\n":      "line 2: A of a.test is there already",
		long + " A none\n":                         `line 1: the name "aaaaaaaaaaaaaaaaaaaa"… is longer than 253`,
		"\x00\x01.test A none\n":                   `line 1: "\x00\x01.test" is no name`,
		"a.test SRV 1 2 3 ü\n":                     `line 1: "ü" is no name`,
		strings.Repeat("a.test A 192.0.2.1\n", 65): "line 65: more than 64 records of a.test",
		strings.Repeat("#", maxAnswersText+1):      "262145 bytes are more than 262144",
		many(maxAnswers + 1):                       "line 1025: more than 1024 names",
	} {
		if answers, err := parseAnswers(text); err == nil || err.Error() != want {
			t.Errorf("%.60q: %d answers, %v, want %s", text, len(answers), err, want)
		}
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "n%d.test A none\n", i)
	}
	return b.String()
}

// FuzzAnswers: whatever is read is written and read again the same, and an agent that is told it does not
// mind, whatever it says.
func FuzzAnswers(f *testing.F) {
	f.Add(answersSample)
	f.Add("example.test NAPTR none\n_sip._udp.example.test SRV 1 1 1 10.0.0.1")
	f.Add("example.test NAPTR 1 1 a SIP+D2U example.test\nexample.test A 0.0.0.0\n")
	f.Fuzz(func(t *testing.T, text string) {
		answers, err := parseAnswers(text)
		if err != nil {
			return
		}
		again, err := parseAnswers(answersText(answers))
		if err != nil || !reflect.DeepEqual(answers, again) {
			t.Fatalf("%q: %v\n%+v\n%+v", text, err, answers, again)
		}
		s := config.Default()
		for tag, value := range map[string]string{"User_ID_1_": "1001", "Proxy_1_": "example.test", "SIP_Transport_1_": "AUTO"} {
			if err := s.Set(tag, value); err != nil {
				t.Fatal(err)
			}
		}
		agent := sip.New(sipConfig(s, nil, [8]netip.AddrPort{}, strings.NewReader(strings.Repeat("random", 1000))))
		now := time.Unix(1000, 0)
		agent.Step(now, sip.Recall{Answers: answers})
		for range 5 {
			if now = agent.Next(); now.IsZero() {
				break
			}
			agent.Step(now, sip.Tick{})
		}
		for _, l := range agent.Lines() {
			for _, s := range l.Servers {
				if at, err := netip.ParseAddrPort(s.Address); err != nil || at.Port() == 0 || at.Addr().IsUnspecified() {
					t.Fatalf("%q leads to %+v", text, s)
				}
			}
		}
	})
}

// The disk keeps the latest answers, in one piece; a damaged file is no reason not to start.
func TestAnswersOnDisk(t *testing.T) {
	dir := t.TempDir()
	store, err := provisioning.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if answers, err := storedAnswers(store); answers != nil || err != nil {
		t.Errorf("a first start: %v, %v", answers, err)
	}
	mails := make(chan any, 8)
	disk := newDisk(t.Context(), store, provisioning.Fetcher{}, func(in any) { mails <- in })
	want, err := parseAnswers(answersSample)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		disk.Remember(want[:1]) // never waits, however slow the disk
	}
	disk.Remember(want)
	disk.Save(1, config.Default())
	disk.Remember(want)
	if in := <-mails; in != (saved{Seq: 1}) {
		t.Fatalf("%+v", in)
	}
	disk.Save(2, config.Default())
	disk.Save(3, config.Default())
	<-mails
	<-mails
	for { // the order of settings and answers is not said
		got, err := storedAnswers(store)
		if err != nil {
			t.Fatal(err)
		}
		if reflect.DeepEqual(got, want) {
			break
		}
		disk.Save(4, config.Default())
		<-mails
	}
	file := filepath.Join(dir, answersValue+".value")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data[:len(data)-9], 0o600); err != nil {
		t.Fatal(err)
	}
	if answers, err := storedAnswers(store); answers != nil || err == nil || !strings.Contains(err.Error(), "the servers last known cannot be read") {
		t.Errorf("damaged: %v, %v", answers, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	disk.Remember(want[1:])
	if in, ok := (<-mails).(unremembered); !ok || in.Cause == "" {
		t.Errorf("a disk that is gone: %+v", in)
	}
}
