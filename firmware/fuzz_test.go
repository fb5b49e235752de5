package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"dialtone/board"
	"dialtone/config"
	"dialtone/hal"
	"dialtone/media"
	"dialtone/phone"
	"dialtone/sip"
	"dialtone/web"
)

// A silentVoice is a voice engine that does nothing.
type silentVoice struct {
	next uint16
	full bool // there are no ports left
}

func (v *silentVoice) Reserve(int, netip.Addr) (uint16, error) {
	if v.full {
		return 0, errors.New("no free port")
	}
	v.next += 2
	return 16384 + v.next%100, nil
}
func (v *silentVoice) Start(int, media.Stream) error                           { return nil }
func (v *silentVoice) Stop(int) media.Stats                                    { return media.Stats{} }
func (v *silentVoice) Stats(int) media.Stats                                   { return media.Stats{} }
func (v *silentVoice) PlayTone(string) error                                   { return nil }
func (v *silentVoice) StopTone()                                               {}
func (v *silentVoice) StartRing(int)                                           {}
func (v *silentVoice) StopRing()                                               {}
func (v *silentVoice) PlayBeep(string) error                                   { return nil }
func (v *silentVoice) StopBeep()                                               {}
func (v *silentVoice) KeyTone(string)                                          {}
func (v *silentVoice) SendDigit(int, string, time.Duration) error              { return nil }
func (v *silentVoice) SetMute(bool)                                            {}
func (v *silentVoice) SetVolume(int)                                           {}
func (v *silentVoice) Configure(media.TonePlan, time.Duration, uint16, uint16) {}
func (m *mill) Do(a sip.NetAction)                                             { m.asked = append(m.asked, a) }
func (m *mill) Remember([]sip.Answer)                                          {}
func (m *mill) Save(seq int, _ config.Settings)                                { m.saves = append(m.saves, seq) }
func (m *mill) Fetch(seq int, _ string)                                        { m.fetches = append(m.fetches, seq) }

// A mill is a loop without a world: what its drivers are asked is kept, and answered as a fuzzer likes.
type mill struct {
	t       testing.TB
	loop    *loop
	voice   *silentVoice
	ear     *ear
	now     time.Time
	asked   []sip.NetAction
	saves   []int
	fetches []int
	invite  *message // the newest INVITE of the phone
	dialog  *message // the newest INVITE of the far end
	serial  int
}

func newMill(t testing.TB, s config.Settings, addrs ...netip.Addr) *mill {
	b, err := board.Find("sim")
	if err != nil {
		t.Fatal(err)
	}
	m := &mill{t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), voice: &silentVoice{}}
	l := newLoop(parts{
		log: slog.New(slog.DiscardHandler), board: b, settings: s, addrs: addrs,
		route: func(netip.Addr) netip.Addr { return netip.MustParseAddr("10.0.0.50") }, password: func(config.Secret) {},
	})
	m.loop, l.start, l.wire, l.keeper = l, m.now, m, m
	m.ear = &ear{voice: m.voice, wrong: t.Fatalf, say: func(string) {}}
	l.voice = m.ear
	l.draw = func(f hal.Frame) {
		if len(f.Rows) != b.Rows || len([]rune(f.Rows[0])) != b.Cols {
			t.Fatalf("a screen of %d rows", len(f.Rows))
		}
	}
	l.bind = func(s config.Settings) (at [8]netip.AddrPort, err error) {
		for i, line := range s.Line {
			at[i] = netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(line.SIPPort))
		}
		return at, nil
	}
	if l.sockets, err = l.rebind(s); err != nil {
		t.Fatal(err)
	}
	l.machines(rand.NewChaCha8([32]byte{2}), rand.NewChaCha8([32]byte{}))
	m.step(begun{})
	return m
}

// step gives the loop one input and looks at what it sends.
func (m *mill) step(in any) {
	before := len(m.asked)
	m.loop.handle(m.now, in)
	for _, a := range m.asked[before:] {
		if s, ok := a.(sip.Send); ok && bytes.HasPrefix(s.Data, []byte("INVITE")) {
			m.invite = parseMessage(s.Data)
		}
	}
}

// wait lets time pass with the ticks the loop asks for.
func (m *mill) wait(d time.Duration) {
	end := m.now.Add(d)
	still := 0
	for !m.loop.over(m.now) {
		next := m.loop.wait(m.now)
		if next == 0 {
			if still++; still > 5 {
				m.t.Fatalf("the loop spins: keys %v brain %v agent %v provisioning %v", m.loop.keys.Next(), m.loop.brain.Next(), m.loop.agent.Next(), m.loop.provided.next)
			}
		} else {
			still = 0
		}
		if m.now.Add(next).After(end) {
			m.now = end
			return
		}
		m.now = m.now.Add(next)
		m.step(tick{})
	}
}

var millServer = netip.MustParseAddrPort("10.0.0.1:5060")

// receive lets a datagram arrive, damaged if flaw is not zero.
func (m *mill) receive(msg *message, flaw byte) {
	raw := msg.bytes()
	if flaw > 200 {
		raw[int(flaw)*7%len(raw)] ^= flaw
	}
	m.step(sip.Received{Flow: sip.Flow{Transport: sip.UDP, Local: netip.MustParseAddrPort("0.0.0.0:5060"), Remote: millServer}, Data: raw})
}

const millSDP = "v=0\r\no=- 7 %d IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP %s\r\na=%s\r\n"

func (m *mill) sdp(how byte) string {
	m.serial++
	return fmt.Sprintf(millSDP, m.serial, []string{"0 8", "0 101", "18", "8"}[how%4], []string{"sendrecv", "sendonly", "inactive", "recvonly", "sendrecv"}[how%5])
}

// respond answers one of the last requests of the phone.
func (m *mill) respond(what, how byte) {
	var requests []*message
	for _, a := range m.asked[max(0, len(m.asked)-12):] {
		if s, ok := a.(sip.Send); ok {
			if msg := parseMessage(s.Data); msg.code() == 0 && msg.method() != "ACK" {
				requests = append(requests, msg)
			}
		}
	}
	if len(requests) == 0 {
		return
	}
	req := requests[len(requests)-1-int(what)%len(requests)]
	code := []int{100, 180, 183, 200, 200, 200, 401, 407, 404, 481, 486, 487, 491, 500, 503, 302, 423, 603}[how%18]
	resp := &message{first: fmt.Sprintf("SIP/2.0 %d X", code)}
	resp.add("Via", req.get("Via"))
	resp.add("From", req.get("From"))
	to := req.get("To")
	if param(to, "tag") == "" && code > 100 {
		to += ";tag=" + strconv.Itoa(int(how/18)%3)
	}
	resp.add("To", to)
	resp.add("Call-ID", req.get("Call-ID"))
	resp.add("CSeq", req.get("CSeq"))
	switch {
	case req.method() == "REGISTER" && code == 200:
		resp.add("Contact", req.get("Contact")+";expires=600")
	case req.method() == "INVITE" && code < 300:
		resp.add("Contact", "<sip:far@10.0.0.1:5060>")
		if code > 180 && how%7 != 0 {
			resp.add("Content-Type", "application/sdp")
			resp.body = m.sdp(what)
		}
	case code == 401:
		resp.add("WWW-Authenticate", `Digest realm="r", nonce="n`+strconv.Itoa(int(what))+`", qop="auth"`)
	case code == 407:
		resp.add("Proxy-Authenticate", `Digest realm="r", nonce="n", algorithm=SHA-256`)
	case code == 423:
		resp.add("Min-Expires", "7200")
	case code == 302:
		resp.add("Contact", "<sip:1003@10.0.0.1>")
	}
	m.receive(resp, what)
}

// request lets the far end send a request: of a call of its own, or in the call the phone placed.
func (m *mill) request(what, how byte) {
	m.serial++
	method := []string{"INVITE", "INVITE", "ACK", "BYE", "CANCEL", "INFO", "OPTIONS", "NOTIFY", "UPDATE", "INVITE"}[how%10]
	req := &message{}
	via := "SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bKm" + strconv.Itoa(m.serial)
	from, to, id, cseq, uri := "<sip:1002@10.0.0.1>;tag=f", "<sip:1001@10.0.0.1>", "call"+strconv.Itoa(m.serial), m.serial, "sip:1001@10.0.0.50:5060"
	switch {
	case how%3 == 0 && m.invite != nil: // in the call the phone placed
		from, to, id = m.invite.get("To")+";tag=0", m.invite.get("From"), m.invite.get("Call-ID")
		cseq += 1000
	case method != "INVITE" && m.dialog != nil || how%10 == 9 && m.dialog != nil: // in theirs
		id, cseq = m.dialog.get("Call-ID"), cseq+1000
		for _, a := range m.asked {
			if s, ok := a.(sip.Send); ok {
				if r := parseMessage(s.Data); r.code() >= 180 && r.get("Call-ID") == id {
					to = r.get("To")
				}
			}
		}
		if method == "CANCEL" || method == "ACK" {
			cseq, _ = strconv.Atoi(strings.Fields(m.dialog.get("CSeq"))[0])
		}
		if method == "CANCEL" {
			via, to = m.dialog.get("Via"), m.dialog.get("To")
		}
	}
	req.first = method + " " + uri + " SIP/2.0"
	req.add("Via", via)
	req.add("Max-Forwards", "70")
	req.add("From", from)
	req.add("To", to)
	req.add("Call-ID", id)
	req.add("CSeq", strconv.Itoa(cseq)+" "+method)
	switch method {
	case "INVITE":
		req.add("Contact", "<sip:1002@10.0.0.1:5060>")
		fallthrough
	case "ACK":
		if what%4 != 0 {
			req.add("Content-Type", "application/sdp")
			req.body = m.sdp(what)
		}
	case "INFO":
		req.add("Content-Type", "application/dtmf-relay")
		req.body = "Signal=5\r\nDuration=100\r\n"
	case "NOTIFY":
		req.add("Event", []string{"resync", "check-sync", "message-summary", "reboot", "report", "keep-alive"}[min(int(what%8), 5)])
		req.body = "Voice-Message: 2/8\r\n"
	}
	if method == "INVITE" {
		m.dialog = req
	}
	m.receive(req, what)
}

// command gives an order by the API.
func (m *mill) command(what, how byte) {
	id := 0
	if calls := m.loop.brain.Calls(); len(calls) > 0 {
		id = int(calls[len(calls)-1-int(how/16)%min(len(calls), 4)].ID)
	}
	reply := make(chan web.Result, 1)
	c := command{reply: reply}
	switch what % 12 {
	case 0, 9, 10:
		c.Call = &web.Call{To: []string{"1002", "sip:x@10.0.0.9", "1003", "", "*69", "1004", "a b"}[how%7], Line: []int{0, 1, 1, 0, 2, 9}[how%6]}
	case 1, 11:
		c.Answer = &web.Answer{ID: id}
	case 2:
		c.Hangup = &web.Hangup{ID: id}
	case 3:
		c.Hold = &web.Hold{ID: id}
	case 4:
		c.Resume = &web.Resume{ID: id}
	case 5:
		c.DTMF = &web.SendDTMF{ID: id, Digits: "12#"}
	case 6:
		c.Resync = &web.Resync{URL: []string{"", "http://10.0.0.2/p.xml", "$MA.xml"}[how%3]}
	case 7:
		keys := hal.AllKeys()
		c.Press = &web.PressKeys{Keys: []web.KeyStep{{Key: string(keys[int(how)%len(keys)]), Press: how%2 == 0, Down: how%3 == 0}}}
	case 8:
		if how == 77 {
			c.Reboot = &web.Reboot{}
		}
	}
	m.step(c)
	if len(reply) != 1 {
		m.t.Fatalf("command %+v got %d answers", c, len(reply))
	}
}

// play turns two bytes into something that happens.
func (m *mill) play(what, how byte) {
	switch what % 16 {
	case 0, 1:
		keys := append([]hal.Key{hal.Hook, hal.Hook, hal.Talk, hal.End, hal.Hold, hal.Hook}, hal.AllKeys()...)
		key := keys[int(how/2)%len(keys)]
		m.step(hal.Contact{Key: key, Down: how%2 == 0})
		m.wait(40 * time.Millisecond)
		if key != hal.Hook {
			m.step(hal.Contact{Key: key, Down: false})
		}
		m.wait(40 * time.Millisecond)
	case 2, 3:
		m.command(what/16+how/3, how)
	case 4, 5, 6:
		m.respond(what/16*17, how)
	case 7, 8, 9:
		m.request(what/16*17, how)
	case 10:
		m.wait(time.Duration(how) * 300 * time.Millisecond)
	case 11:
		for i := range slicesOf(m.saves, how) {
			cause := ""
			if how%3 == 0 {
				cause = "disk full"
			}
			m.step(saved{Seq: m.saves[i], Cause: cause})
		}
		m.saves = nil
	case 12:
		if n := len(m.fetches); n > 0 {
			in := fetched{Seq: m.fetches[n-1]}
			switch how % 4 {
			case 0:
				in.Cause = "connection refused"
			case 1:
				in.Data = []byte("<flat-profile><Display_Name_1_>A</Display_Name_1_></flat-profile>")
			case 2:
				in.Data = []byte("<flat-profile><Line_Enable_1_>No</Line_Enable_1_>")
			case 3:
				in.Data = []byte("<flat-profile><SIP_Transport_1_>TCP</SIP_Transport_1_><User_ID_2_>7</User_ID_2_><Proxy_2_>b.test</Proxy_2_></flat-profile>")
			}
			m.step(in)
		}
	case 13:
		switch how % 7 {
		case 5, 6:
			value := []string{"10.0.0.1", "b.test", "", "10.0.0.1;transport=tcp"}[how/7%4]
			m.step(updated{Values: map[string]string{[]string{"Proxy_1_", "Proxy_2_", "DTMF_Tx_Method_1_"}[how%3]: value}})
		case 0:
			m.step(addresses{})
		case 1:
			m.step(addresses{Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.50")}})
		case 2:
			m.step(addresses{Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.51"), netip.MustParseAddr("2001:db8::1")}})
		case 3:
			m.voice.full = !m.voice.full
		case 4:
			m.step(media.SoundFailed{Cause: "unplugged"})
		}
	case 14:
		for _, a := range m.asked[max(0, len(m.asked)-4):] {
			switch a := a.(type) {
			case sip.Open:
				if how%2 == 0 {
					m.step(sip.Opened{ID: a.ID, Local: netip.MustParseAddrPort("10.0.0.50:40000")})
				} else {
					m.step(sip.Closed{ID: a.ID, Cause: "refused"})
				}
			case sip.Query:
				in := sip.Answer{Question: a.Question, TTL: time.Minute}
				switch how % 3 {
				case 0:
					in.Cause = "nobody answers"
				case 1:
					in.Records = []sip.Record{{Addr: millServer.Addr()}}
				}
				m.step(in)
			case sip.Send:
				if how%8 == 7 {
					m.step(sip.Unreachable{Local: a.Flow.Local, Remote: a.Flow.Remote, Cause: "connection refused"})
				}
			}
		}
	case 15:
		m.step(media.DigitHeard{ID: int(how % 6), Digit: "5"})
		if how == 15 {
			m.step(stop{})
		}
	}
}

func slicesOf(s []int, how byte) []int { return s[:min(len(s), 1+int(how)%4)] }

// FuzzLoop does everything to the whole loop at random. Whatever happens: nothing panics, sounds come in
// turn, the loop never spins; and after the handset is put back and the red key, time brings the phone
// home: idle, silent, nothing kept of any call. Then it stops in time.
func FuzzLoop(f *testing.F) {
	f.Add([]byte{4, 3, 0, 1, 2, 0, 4, 1, 4, 3, 10, 9, 2, 27, 4, 3, 2, 18})                          // register, call, hold, hang up
	f.Add([]byte{4, 3, 23, 0, 10, 3, 2, 9, 23, 2, 10, 5, 23, 9, 23, 2, 23, 3})                      // a call comes, is answered, held
	f.Add([]byte{4, 3, 2, 0, 4, 2, 20, 20, 4, 3, 13, 2, 13, 0, 10, 100, 2, 18, 10, 200})            // early sound, forks, addresses
	f.Add([]byte{4, 3, 2, 55, 12, 3, 11, 1, 14, 2, 14, 0, 2, 55, 12, 1, 11, 3, 15, 15, 10, 9})      // profiles, TCP, disk, stop
	f.Add([]byte{7, 7, 7, 27, 7, 17, 199, 1, 200, 10, 215, 20, 231, 30, 232, 40, 10, 250, 10, 250}) // notifications, damaged messages
	f.Fuzz(grind)
}

// TestLoopAtRandom is FuzzLoop with scripts drawn by lot: GRIND=20000 for a long one.
func TestLoopAtRandom(t *testing.T) {
	n := 60
	if text := os.Getenv("GRIND"); text != "" {
		n, _ = strconv.Atoi(text)
	}
	for seed := range n {
		random := rand.New(rand.NewPCG(uint64(seed), 1))
		script := make([]byte, 40+random.IntN(260))
		for i := range script {
			script[i] = byte(random.Uint32())
		}
		if !t.Run(strconv.Itoa(seed), func(t *testing.T) { grind(t, script) }) {
			t.Fatalf("%#v", script)
		}
	}
}

func grind(t *testing.T, script []byte) {
	m := newMill(t, phoneForFuzz(), netip.MustParseAddr("10.0.0.50"))
	for i := 0; i+1 < len(script) && i < 300; i += 2 {
		m.play(script[i], script[i+1])
		if m.loop.over(m.now) {
			return
		}
		if n := len(m.loop.calls); n > 26 {
			t.Fatalf("%d conversations at once", n)
		}
	}
	m.voice.full = false
	m.step(hal.Contact{Key: hal.Hook, Down: true})
	m.wait(time.Second) // it might be a hook flash
	l := m.loop
	for range 26 { // once for each call there may be
		m.step(hal.Contact{Key: hal.End, Down: true})
		m.wait(100 * time.Millisecond)
		m.step(hal.Contact{Key: hal.End, Down: false})
		m.wait(100 * time.Millisecond)
	}
	m.wait(10 * time.Minute)
	if !l.stopping.IsZero() {
		if !l.over(m.now) {
			t.Fatal("it does not stop")
		}
		return
	}
	if len(l.calls) != 0 || len(l.last) != 0 || len(l.brain.Calls()) != 0 || len(m.ear.reserved) != 0 {
		t.Fatalf("ten minutes later: %d conversations, numbers of %d calls, calls %+v, ports of %d", len(l.calls), len(l.last), l.brain.Calls(), len(m.ear.reserved))
	}
	if v := l.brain.View(); v.Showing != phone.ShowIdle || m.ear.talk != 0 || m.ear.tone != "" || m.ear.ring || m.ear.beep != "" {
		t.Fatalf("ten minutes later: %+v, call %d, tone %q, ringing %t, beep %q", v, m.ear.talk, m.ear.tone, m.ear.ring, m.ear.beep)
	}
	if l.queue != nil || l.orders != nil {
		t.Fatalf("queues are left: %v %v", l.queue, l.orders)
	}
	m.step(stop{})
	asked := m.now
	for !l.over(m.now) {
		m.wait(100 * time.Millisecond)
		if m.now.Sub(asked) > 2*time.Second {
			t.Fatal("it does not stop")
		}
	}
}

// TestStopWithResyncDue: a resync that falls due during the farewells is left alone, and not waited for.
func TestStopWithResyncDue(t *testing.T) {
	m := newMill(t, phoneForFuzz(), netip.MustParseAddr("10.0.0.50"))
	m.respond(0, 3)
	m.loop.provided.next = m.now.Add(500 * time.Millisecond)
	fetches := len(m.fetches)
	m.step(stop{})
	m.wait(3 * time.Second)
	if !m.loop.over(m.now) || len(m.fetches) > fetches {
		t.Errorf("stopped %t, %d fetches", m.loop.over(m.now), len(m.fetches)-fetches)
	}
}

// BenchmarkIdle is a tick of a registered phone at rest.
func BenchmarkIdle(b *testing.B) {
	m := newMill(b, phoneForFuzz(), netip.MustParseAddr("10.0.0.50"))
	m.respond(0, 3)
	b.ReportAllocs()
	for b.Loop() {
		m.now = m.now.Add(time.Microsecond)
		m.loop.handle(m.now, tick{})
	}
}
