package media

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

// testNegotiator is a phone at 10.0.0.1:16384, changed as told.
func testNegotiator(change func(*Local)) *Negotiator {
	l := Local{Addr: netip.MustParseAddr("10.0.0.1"), Port: 16384, EventPT: 101, SessionID: 7}
	if change != nil {
		change(&l)
	}
	return NewNegotiator(l)
}

func text(b []byte) string { return strings.ReplaceAll(string(b), "\r\n", "\n") }

func TestFirstOffer(t *testing.T) {
	want := `v=0
o=- 7 7 IN IP4 10.0.0.1
s=-
c=IN IP4 10.0.0.1
t=0 0
m=audio 16384 RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=sendrecv
`
	if got := text(testNegotiator(nil).Offer(false)); got != want {
		t.Errorf("offered\n%s\nwant\n%s", got, want)
	}
	v6 := text(testNegotiator(func(l *Local) { l.Addr = netip.MustParseAddr("2001:db8::1"); l.User = "1001" }).Offer(false))
	if !strings.Contains(v6, "o=1001 7 7 IN IP6 2001:db8::1\n") || !strings.Contains(v6, "c=IN IP6 2001:db8::1\n") {
		t.Errorf("offered\n%s", v6)
	}
}

func TestTwoPhonesAgree(t *testing.T) {
	a := testNegotiator(nil)
	b := testNegotiator(func(l *Local) {
		l.Addr, l.Port, l.EventPT, l.Codecs = netip.MustParseAddr("10.0.0.2"), 16400, 97, []Codec{PCMA, PCMU}
	})
	answer, sb, err := b.Answer(a.Offer(false))
	if err != nil {
		t.Fatal(err)
	}
	sa, err := a.Accept(answer)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := describe(sa), "PCMA@8 event 101 to 10.0.0.2:16400/16401 20ms sendrecv"; got != want {
		t.Errorf("the caller has %s, want %s", got, want)
	}
	if got, want := describe(sb), "PCMA@8 event 101 to 10.0.0.1:16384/16385 20ms sendrecv"; got != want {
		t.Errorf("the called has %s, want %s", got, want)
	}
}

func TestAnswersKeepTheOfferersNumbersAndOrderOfStreams(t *testing.T) {
	n := testNegotiator(nil)
	answer, s, err := n.Answer(sdp("v=0", "o=- 1 1 IN IP4 10.0.0.9", "s=-", "c=IN IP4 10.0.0.9", "t=3034423619 3042462419",
		"m=video 5000 RTP/AVP 96 97", "a=rtpmap:96 H264/90000", "a=sendonly",
		"m=audio 5002 RTP/SAVP 0",
		"m=audio 5004 RTP/AVP 18 97 98 99", "a=rtpmap:97 PCMU/8000", "a=rtpmap:98 PCMA/8000", "a=rtpmap:99 telephone-event/8000",
		"m=audio 5006 RTP/AVP 0",
		"m=application 5008 UDP/BFCP *",
		"m=text 0 RTP/AVP 100"))
	if err != nil {
		t.Fatal(err)
	}
	want := `v=0
o=- 7 7 IN IP4 10.0.0.1
s=-
c=IN IP4 10.0.0.1
t=3034423619 3042462419
m=video 0 RTP/AVP 96 97
m=audio 0 RTP/SAVP 0
m=audio 16384 RTP/AVP 97 99
a=rtpmap:97 PCMU/8000
a=rtpmap:99 telephone-event/8000
a=fmtp:99 0-16
a=ptime:20
a=sendrecv
m=audio 0 RTP/AVP 0
m=application 0 UDP/BFCP *
m=text 0 RTP/AVP 100
`
	if got := text(answer); got != want {
		t.Errorf("answered\n%s\nwant\n%s", got, want)
	}
	if got, want := describe(s), "PCMU@97 event 99 to 10.0.0.9:5004/5005 20ms sendrecv"; got != want {
		t.Errorf("agreed on %s, want %s", got, want)
	}
	// Our own offer later keeps the streams in place and the numbers as they are.
	again := text(n.Offer(true))
	for _, want := range []string{"o=- 7 8 IN", "m=video 0 RTP/AVP 96 97\n", "m=audio 0 RTP/SAVP 0\nm=audio 16384 RTP/AVP 97 8 99\na=rtpmap:97 PCMU/8000\n", "a=sendonly\nm=audio 0 "} {
		if !strings.Contains(again, want) {
			t.Errorf("our hold offer lacks %q:\n%s", want, again)
		}
	}
}

func TestAnswerListsAllIfAsked(t *testing.T) {
	answer, s, err := testNegotiator(func(l *Local) { l.ListAll = true }).Answer(offerOf("m=audio 4000 RTP/AVP 8 0 101", "a=rtpmap:101 telephone-event/8000"))
	if err != nil || !strings.Contains(text(answer), "m=audio 16384 RTP/AVP 0 8 101\n") || len(s.Accept) != 2 {
		t.Errorf("%v %+v\n%s", err, s, answer)
	}
}

// RFC 3264 section 6.1, with the old hold of RFC 2543 beside it.
func TestDirections(t *testing.T) {
	for _, tt := range []struct {
		offer  string // direction offered
		addr   string
		hold   bool // by us before
		answer string
		stream string
	}{
		{"sendrecv", "10.0.0.9", false, "sendrecv", "sendrecv"},
		{"", "10.0.0.9", false, "sendrecv", "sendrecv"},
		{"sendonly", "10.0.0.9", false, "recvonly", "recvonly held by them"},
		{"recvonly", "10.0.0.9", false, "sendonly", "sendonly"},
		{"inactive", "10.0.0.9", false, "inactive", "inactive held by them"},
		{"sendrecv", "0.0.0.0", false, "recvonly", "recvonly held by them"},
		{"sendonly", "0.0.0.0", false, "recvonly", "recvonly held by them"},
		{"inactive", "0.0.0.0", false, "inactive", "inactive held by them"},
		{"sendrecv", "10.0.0.9", true, "sendonly", "sendonly held by us"},
		{"sendonly", "10.0.0.9", true, "inactive", "inactive held by us held by them"},
		{"recvonly", "10.0.0.9", true, "sendonly", "sendonly held by us"},
		{"inactive", "10.0.0.9", true, "inactive", "inactive held by us held by them"},
	} {
		for _, level := range []string{"session", "media"} {
			name := fmt.Sprintf("%s at %s, on the %s level, held %v", tt.offer, tt.addr, level, tt.hold)
			n := testNegotiator(nil)
			if tt.hold {
				n.Offer(true)
				if _, err := n.Accept(offerOf("m=audio 4000 RTP/AVP 0", "a=recvonly")); err != nil {
					t.Fatal(err)
				}
			}
			lines := []string{"v=0", "o=- 1 2 IN IP4 10.0.0.9", "s=-", "t=0 0"}
			here := []string{"c=IN IP4 " + tt.addr}
			if tt.offer != "" {
				here = append(here, "a="+tt.offer)
			}
			if level == "session" {
				lines = append(append(lines, here...), "m=audio 4000 RTP/AVP 0")
			} else {
				lines = append(append(lines, "c=IN IP4 10.9.9.9", "a=inactive", "m=audio 4000 RTP/AVP 0"), here...)
				if tt.offer == "" {
					lines = append(lines, "a=sendrecv")
				}
			}
			answer, s, err := n.Answer(sdp(lines...))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if !strings.Contains(text(answer), "\na="+tt.answer+"\n") {
				t.Errorf("%s: answered\n%swant %s", name, text(answer), tt.answer)
			}
			if got := describe(s); !strings.HasSuffix(got, " "+tt.stream) {
				t.Errorf("%s: agreed on %s, want %s", name, got, tt.stream)
			}
			if at0 := tt.addr == "0.0.0.0"; at0 == s.Remote.IsValid() {
				t.Errorf("%s: voice goes to %v", name, s.Remote)
			}
		}
	}
}

func TestHoldAndResume(t *testing.T) {
	n := testNegotiator(func(l *Local) { l.ZeroHold = true })
	answers := func(dir string) []byte { return offerOf("m=audio 4000 RTP/AVP 0", "a="+dir) }
	step := func(sentence string, hold bool, dir, want string, contains ...string) {
		t.Helper()
		offer := text(n.Offer(hold))
		for _, c := range contains {
			if !strings.Contains(offer, c) {
				t.Errorf("%s: the offer lacks %q\n%s", sentence, c, offer)
			}
		}
		s, err := n.Accept(answers(dir))
		if err != nil {
			t.Fatal(err)
		}
		if got := describe(s); !strings.HasSuffix(got, want) || n.Held() != hold {
			t.Errorf("%s: %s, held %v; want …%s", sentence, got, n.Held(), want)
		}
	}
	step("the call begins", false, "sendrecv", "20ms sendrecv", "o=- 7 7 IN IP4 10.0.0.1\n", "c=IN IP4 10.0.0.1\n", "a=sendrecv")
	step("we hold", true, "recvonly", "sendonly held by us", "o=- 7 8 IN IP4 10.0.0.1\n", "c=IN IP4 0.0.0.0\n", "a=sendonly")
	step("the same again is no new version", true, "recvonly", "sendonly held by us", "o=- 7 8 IN IP4 10.0.0.1\n")
	step("we resume", false, "sendrecv", "20ms sendrecv", "o=- 7 9 IN IP4 10.0.0.1\n", "c=IN IP4 10.0.0.1\n", "a=sendrecv")
	step("they hold while we offer", false, "sendonly", "recvonly held by them")
	n.Offer(true)
	n.Withdraw()
	if n.Held() {
		t.Error("a hold that was refused holds")
	}
	answer, s, err := n.Answer(answers("sendrecv"))
	if err != nil || !strings.Contains(text(answer), "a=sendrecv") || s.LocalHold {
		t.Errorf("they resume: %v %s\n%s", err, describe(s), answer)
	}
}

func TestVersionGoesUpOnlyWithChanges(t *testing.T) {
	version := func(b []byte) string { return regexp.MustCompile(`o=- 7 (\d+) `).FindStringSubmatch(string(b))[1] }
	n := testNegotiator(nil)
	var got []string
	for _, offer := range [][]byte{
		offerOf("m=audio 4000 RTP/AVP 0"),
		offerOf("m=audio 4000 RTP/AVP 0", "a=sendrecv"), // a session refresh
		offerOf("m=audio 4000 RTP/AVP 0", "a=sendonly"),
		offerOf("m=audio 4000 RTP/AVP 0", "a=sendonly"),
		offerOf("m=audio 4000 RTP/AVP 0"),
		offerOf("m=audio 4000 RTP/AVP 0", "m=video 0 RTP/AVP 31"),
	} {
		answer, _, err := n.Answer(offer)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, version(answer))
	}
	if want := "[7 7 8 8 9 10]"; fmt.Sprint(got) != want {
		t.Errorf("versions %v, want %s", got, want)
	}
	n.Move(netip.MustParseAddr("10.0.0.77"), 16386)
	moved := n.Offer(false)
	if version(moved) != "11" || !strings.Contains(text(moved), "c=IN IP4 10.0.0.77\n") || !strings.Contains(text(moved), "m=audio 16386 ") {
		t.Errorf("after a move\n%s", moved)
	}
}

func TestAnswersToOurOffer(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer []byte
		want   string
	}{
		{"the usual", offerOf("m=audio 4000 RTP/AVP 8 101", "a=rtpmap:101 telephone-event/8000"), "PCMA@8 event 101 to 10.0.0.9:4000/4001 20ms sendrecv"},
		{"another number for events", offerOf("m=audio 4000 RTP/AVP 0 96", "a=rtpmap:96 telephone-event/8000"), "PCMU@0 event 96 to 10.0.0.9:4000/4001 20ms sendrecv"},
		{"no events", offerOf("m=audio 4000 RTP/AVP 0"), "PCMU@0 event 0 to 10.0.0.9:4000/4001 20ms sendrecv"},
		{"their preference", offerOf("m=audio 4000 RTP/AVP 8 0"), "PCMA@8 event 0 to 10.0.0.9:4000/4001 20ms sendrecv"},
		{"refused", offerOf("m=audio 0 RTP/AVP 0"), "refused the audio"},
		{"no audio", offerOf("m=video 4000 RTP/AVP 0"), "no audio where it was offered"},
		{"no streams", offerOf(), "no audio where it was offered"},
		{"encrypted", offerOf("m=audio 4000 RTP/SAVP 0"), "RTP/SAVP answered"},
		{"a codec nobody offered", offerOf("m=audio 4000 RTP/AVP 18"), "none of the codecs"},
		{"multicast", offerOf("m=audio 4000 RTP/AVP 0", "c=IN IP4 230.1.1.1/15"), "multicast"},
	} {
		n := testNegotiator(nil)
		n.Offer(false)
		s, err := n.Accept(tt.answer)
		if err != nil {
			if !errors.Is(err, ErrNotAcceptable) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want …%s…", tt.name, err, tt.want)
			}
			continue
		}
		if got := describe(s); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if s.EventPT != 0 && s.AcceptEventPT != 101 {
			t.Errorf("%s: events are awaited under %d, 101 was offered", tt.name, s.AcceptEventPT)
		}
		if len(s.Accept) < 2 {
			t.Errorf("%s: awaited are %v, both codecs were offered", tt.name, s.Accept)
		}
	}
	n := testNegotiator(nil)
	if _, err := n.Accept(offerOf("m=audio 4000 RTP/AVP 0")); err == nil {
		t.Error("an answer to nothing was taken")
	}
}

func TestAudioClosedAndOpenedAgain(t *testing.T) {
	n := testNegotiator(nil)
	if _, _, err := n.Answer(offerOf("m=video 9 RTP/AVP 31", "m=audio 4000 RTP/AVP 0")); err != nil {
		t.Fatal(err)
	}
	answer, s, err := n.Answer(offerOf("m=video 9 RTP/AVP 31", "m=audio 0 RTP/AVP 0"))
	if err != nil || describe(s) != "nothing" || !strings.HasSuffix(text(answer), "m=video 0 RTP/AVP 31\nm=audio 0 RTP/AVP 0\n") {
		t.Errorf("closed: %v %s\n%s", err, describe(s), answer)
	}
	if offer := text(n.Offer(false)); !strings.Contains(offer, "m=video 0 RTP/AVP 31\nm=audio 16384 RTP/AVP 0 8 101\n") {
		t.Errorf("opened again:\n%s", offer)
	}
	if _, _, err := n.Answer(offerOf("m=audio 4000 RTP/AVP 0")); !errors.Is(err, ErrNotAcceptable) {
		t.Errorf("an offer with fewer streams than the session: %v", err)
	}
}

func TestThirdPartyStartsWithoutStreams(t *testing.T) {
	n := testNegotiator(nil)
	answer, s, err := n.Answer(offerOf())
	if err != nil || strings.Contains(text(answer), "m=") || describe(s) != "nothing" {
		t.Errorf("%v %s\n%s", err, describe(s), answer)
	}
	if _, s, err = n.Answer(offerOf("m=audio 4000 RTP/AVP 0")); err != nil || !s.Send || !s.Receive {
		t.Errorf("then audio: %v %s", err, describe(s))
	}
}

func TestDelayedOffer(t *testing.T) {
	n := testNegotiator(nil)
	n.Offer(false)                                                      // in the 200
	s, err := n.Accept(offerOf("m=audio 4000 RTP/AVP 0", "a=ptime:40")) // in the ACK
	if err != nil || describe(s) != "PCMU@0 event 0 to 10.0.0.9:4000/4001 40ms sendrecv" {
		t.Errorf("%v %s", err, describe(s))
	}
}
