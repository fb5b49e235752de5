package media

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// sdp joins lines as they go over the wire.
func sdp(lines ...string) []byte { return []byte(strings.Join(lines, "\r\n") + "\r\n") }

var sdpHead = []string{"v=0", "o=- 1 1 IN IP4 10.0.0.9", "s=-", "c=IN IP4 10.0.0.9", "t=0 0"}

// offerOf is an offer of the lines after the usual head.
func offerOf(lines ...string) []byte {
	return sdp(append(append([]string(nil), sdpHead...), lines...)...)
}

func TestMalformedDescriptions(t *testing.T) {
	long := strings.Repeat("x", maxSDPLine)
	many := append([]string(nil), sdpHead...)
	for range maxMediaLines + 1 {
		many = append(many, "m=audio 4000 RTP/AVP 0")
	}
	lines := append([]string(nil), sdpHead...)
	for range maxSDPLines {
		lines = append(lines, "a=x")
	}
	formats := "m=audio 4000 RTP/AVP" + strings.Repeat(" 0", maxFormats+1)
	for _, tt := range []struct {
		name string
		b    []byte
		line int
		want string // in the reason
	}{
		{"empty", nil, 0, "empty"},
		{"only line ends", []byte("\r\n\r\n"), 0, "empty"},
		{"no version first", sdp("o=- 1 1 IN IP4 1.2.3.4", "v=0"), 1, "v=0"},
		{"version 1", sdp("v=1"), 1, "version"},
		{"two versions", sdp("v=0", "v=0"), 2, "second v="},
		{"no origin", sdp("v=0", "s=-"), 0, "no o="},
		{"short origin", sdp("v=0", "o=- 1 1 IN IP4"), 2, "six fields"},
		{"two origins", sdp("v=0", "o=- 1 1 IN IP4 1.2.3.4", "o=- 1 1 IN IP4 1.2.3.4"), 3, "second o="},
		{"no form", sdp("v=0", "hello"), 2, "letter=value"},
		{"capital letter", sdp("v=0", "A=x"), 2, "letter=value"},
		{"control character", sdp("v=0", "s=\x00"), 2, "control"},
		{"long line", sdp("v=0", "a="+long), 2, "longer than 1024"},
		{"too long", []byte("v=0\r\n" + strings.Repeat("a=xxxxxxxxxxxxx\r\n", 1000)), 0, "longer than 16384"},
		{"too many lines", sdp(lines...), maxSDPLines + 1, "more than 512 lines"},
		{"too many m=", sdp(many...), 5 + maxMediaLines + 1, "more than 16 m="},
		{"too many formats", offerOf(formats), 6, "more than 64 formats"},
		{"m= without format", offerOf("m=audio 4000 RTP/AVP"), 6, "m= needs"},
		{"m= port 65536", offerOf("m=audio 65536 RTP/AVP 0"), 6, "65535"},
		{"m= port -1", offerOf("m=audio -1 RTP/AVP 0"), 6, "65535"},
		{"m= with strange name", offerOf("m=au\"dio 4000 RTP/AVP 0"), 6, "not a name"},
		{"c= with two fields", offerOf("m=audio 4000 RTP/AVP 0", "c=IN IP4"), 7, "c= must"},
		{"c= of another net", offerOf("m=audio 4000 RTP/AVP 0", "c=ATM NSAP 47.0091"), 7, "c= must"},
		{"t= in words", sdp("v=0", "o=- 1 1 IN IP4 1.2.3.4", "t=now then"), 3, "two numbers"},
		{"rtpmap without rate", offerOf("m=audio 4000 RTP/AVP 0", "a=rtpmap:0 PCMU"), 7, "name/rate"},
		{"rtpmap with a rate in words", offerOf("m=audio 4000 RTP/AVP 0", "a=rtpmap:0 PCMU/fast"), 7, "clock rate"},
		{"rtcp port in words", offerOf("m=audio 4000 RTP/AVP 0", "a=rtcp:next"), 7, "65535"},
	} {
		_, _, err := testNegotiator(nil).Answer(tt.b)
		var e *SDPError
		if !errors.As(err, &e) || e.Line != tt.line || !strings.Contains(e.Reason, tt.want) {
			t.Errorf("%s: %v, want line %d: …%s…", tt.name, err, tt.line, tt.want)
		}
		if errors.Is(err, ErrNotAcceptable) {
			t.Errorf("%s: malformed is not the same as not acceptable", tt.name)
		}
	}
}

func TestDescriptionsFromTheField(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    []byte
		want string // the stream
	}{
		{"line feeds only, blank lines at the end", []byte("v=0\no=root 5 5 IN IP4 192.0.2.1\ns=x\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 14000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\na=sendrecv\n\n\n"),
			"PCMA@8 event 101 to 192.0.2.1:14000/14001 20ms sendrecv"},
		{"no t=, no s=, no last line end", []byte("v=0\r\no=- 5 5 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\nm=audio 14000 RTP/AVP 0"),
			"PCMU@0 event 0 to 192.0.2.1:14000/14001 20ms sendrecv"},
		{"attributes of other worlds", offerOf("b=AS:80", "k=clear:x", "a=group:BUNDLE a v", "a=ice-ufrag:x",
			"m=audio 30000 RTP/AVP 111 9 0 8 126 110", "c=IN IP4 192.0.2.7", "b=TIAS:64000", "a=rtcp:30001 IN IP4 192.0.2.7", "a=mid:a", "a=rtcp-mux",
			"a=candidate:1 1 UDP 2130706431 192.0.2.7 30000 typ host", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1",
			"a=rtpmap:9 G722/8000", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:110 telephone-event/48000", "a=rtpmap:126 telephone-event/8000",
			"a=fmtp:126 0-16", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x", "a=ssrc:1 cname:x", "a=ptime:30", "a=maxptime:150"),
			"PCMU@0 event 126 to 192.0.2.7:30000/30001 30ms sendrecv"},
		{"names in small letters, one channel", offerOf("m=audio 4000 RTP/AVP 96 97", "a=rtpmap:96 pcma/8000/1", "a=rtpmap:97 TELEPHONE-EVENT/8000"),
			"PCMA@96 event 97 to 10.0.0.9:4000/4001 20ms sendrecv"},
		{"IPv6 is refused on IPv4", offerOf("m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::1"), "not acceptable: cannot be reached"},
		{"wide band under a name we have", offerOf("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 PCMU/16000"), "not acceptable: no common codec"},
		{"two channels", offerOf("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 PCMU/8000/2"), "not acceptable: no common codec"},
		{"number 0 renamed", offerOf("m=audio 4000 RTP/AVP 0", "a=rtpmap:0 G726-32/8000"), "not acceptable: no common codec"},
		{"G.729 alone", offerOf("m=audio 4000 RTP/AVP 18"), "not acceptable: no common codec"},
		{"a port and its count", offerOf("m=audio 4000/2 RTP/AVP 0"), "PCMU@0 event 0 to 10.0.0.9:4000/4001 20ms sendrecv"},
		{"RTCP elsewhere", offerOf("m=audio 4000 RTP/AVP 0", "a=rtcp:53020 IN IP4 192.0.2.3"), "PCMU@0 event 0 to 10.0.0.9:4000/192.0.2.3:53020 20ms sendrecv"},
		{"packets of 5 ms wished", offerOf("m=audio 4000 RTP/AVP 0", "a=ptime:5"), "PCMU@0 event 0 to 10.0.0.9:4000/4001 10ms sendrecv"},
		{"packets of 100 ms wished", offerOf("m=audio 4000 RTP/AVP 0", "a=ptime:100"), "PCMU@0 event 0 to 10.0.0.9:4000/4001 60ms sendrecv"},
		{"packets of 33.3 ms wished", offerOf("m=audio 4000 RTP/AVP 0", "a=ptime:33.3"), "PCMU@0 event 0 to 10.0.0.9:4000/4001 30ms sendrecv"},
		{"at most 10 ms", offerOf("m=audio 4000 RTP/AVP 0", "a=ptime:30", "a=maxptime:10"), "PCMU@0 event 0 to 10.0.0.9:4000/4001 10ms sendrecv"},
		{"packet time of nonsense", offerOf("m=audio 4000 RTP/AVP 0", "a=ptime:NaN", "a=maxptime:0"), "PCMU@0 event 0 to 10.0.0.9:4000/4001 20ms sendrecv"},
		{"multicast", offerOf("m=audio 4000 RTP/AVP 0", "c=IN IP4 224.2.1.1/127"), "not acceptable: multicast"},
		{"multicast without a TTL", offerOf("m=audio 4000 RTP/AVP 0", "c=IN IP4 239.1.1.1"), "not acceptable: multicast"},
		{"broadcast", offerOf("m=audio 4000 RTP/AVP 0", "c=IN IP4 255.255.255.255"), "not acceptable: nobody can have"},
		{"0.1.2.3", offerOf("m=audio 4000 RTP/AVP 0", "c=IN IP4 0.1.2.3"), "not acceptable: nobody can have"},
		{"a host name", offerOf("m=audio 4000 RTP/AVP 0", "c=IN IP4 media.example.test"), "not acceptable: not an IP address"},
		{"no address at all", sdp("v=0", "o=- 1 1 IN IP4 10.0.0.9", "t=0 0", "m=audio 4000 RTP/AVP 0"), "not acceptable: no c= line"},
		{"encrypted only", offerOf("m=audio 4000 RTP/SAVP 0"), "not acceptable: encrypted voice, and none is wanted"},
		{"video only", offerOf("m=video 4000 RTP/AVP 31"), "not acceptable: no audio"},
		{"audio with port 0", offerOf("m=audio 0 RTP/AVP 0"), "not acceptable: no audio"},
		{"no streams at all", offerOf(), "nothing"},
	} {
		_, s, err := testNegotiator(nil).Answer(tt.b)
		got := describe(s)
		if err != nil {
			got = err.Error()
			if errors.Is(err, ErrNotAcceptable) {
				got = "not acceptable: " + got
			}
			if want, ok := strings.CutPrefix(tt.want, "not acceptable: "); ok && strings.HasPrefix(got, "not acceptable: ") && strings.Contains(got, want) {
				continue
			}
		}
		if got != tt.want {
			t.Errorf("%s: %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// describe is a stream in one line.
func describe(s Stream) string {
	if s.Codec.Name == "" {
		return "nothing"
	}
	rtcp := s.RTCP.String()
	if s.RTCP.Addr() == s.Remote.Addr() {
		rtcp = fmt.Sprint(s.RTCP.Port())
	}
	to := fmt.Sprintf("%s/%s", s.Remote, rtcp)
	if !s.Remote.IsValid() {
		to = "nowhere"
	}
	text := fmt.Sprintf("%s@%d event %d to %s %v %s", s.Codec.Name, s.Codec.PT, s.EventPT, to, s.Ptime, direction(s.Send, s.Receive))
	if s.LocalHold {
		text += " held by us"
	}
	if s.RemoteHold {
		text += " held by them"
	}
	return text
}

func FuzzSDP(f *testing.F) {
	f.Add(offerOf("m=audio 4000 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000", "a=ptime:30", "a=sendonly"), false)
	f.Add(offerOf("m=video 0 RTP/AVP 31", "m=audio 4000/2 RTP/AVP 96", "c=IN IP4 0.0.0.0", "a=rtpmap:96 PCMA/8000", "a=rtcp:9 IN IP4 1.2.3.4"), true)
	f.Add(offerOf("m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"+testKey(AES128SHA80, 'k'), "m=audio 4002 RTP/AVP 8"), false)
	f.Add([]byte("v=0\no=- 1 1 IN IP6 ::1\nc=IN IP6 ::1\nt=1 2\nm=audio 9 RTP/AVP 0\n"), true)
	f.Fuzz(func(t *testing.T, b []byte, hold bool) {
		n := testNegotiator(nil)
		before := string(n.Offer(hold))
		if _, err := n.Accept(b); err != nil {
			if again := string(n.Offer(hold)); again != before {
				t.Errorf("a refused answer changed the session:\n%s\n%s", before, again)
			}
			n.Withdraw()
		}
		if answer, s, err := secureNegotiator(optional, 1).Answer(b); err == nil {
			d, err := parseSDP(answer)
			if err != nil {
				t.Fatal(err)
			}
			for _, ours := range d.streams {
				if ours.port != 0 && ((s.Crypto.Suite != "") != (len(ours.crypto) == 1) || ours.proto == protoSRTP && s.Crypto.Suite == "") {
					t.Errorf("%q is agreed on, and answered\n%s", s.Crypto.Suite, answer)
				}
			}
		}
		answer, s, err := n.Answer(b)
		if err != nil {
			return
		}
		if s.Send && (!s.Remote.IsValid() || s.Remote.Addr().IsUnspecified()) {
			t.Errorf("voice is to be sent to %v", s.Remote)
		}
		if s.Codec.Name != "" && (s.Ptime < minPtime || s.Ptime > maxPtime) {
			t.Errorf("packets of %v", s.Ptime)
		}
		theirs, err := parseSDP(b)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := parseSDP(answer)
		if err != nil {
			t.Fatalf("our answer: %v\n%s", err, answer)
		}
		if len(ours.streams) != len(theirs.streams) {
			t.Errorf("%d streams answered, %d offered", len(ours.streams), len(theirs.streams))
		}
		if next, err := parseSDP(n.Offer(hold)); err != nil || len(next.streams) < len(theirs.streams) {
			t.Errorf("our next offer: %v", err)
		}
	})
}
