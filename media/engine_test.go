package media

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// call lets two parties talk in a bubble: a says voice, b is silent. Both have started.
func call(t *testing.T, voice []int16, change func(*Config), f func(t *testing.T, w *wire, a, b *party)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		w.delay = 3 * time.Millisecond
		a := newParty(t, w, "10.0.0.1", voice, change)
		b := newParty(t, w, "10.0.0.2", nil, change)
		a.start(a.stream(b))
		b.start(b.stream(a))
		f(t, w, a, b)
	})
}

// pass lets d pass and everybody finish what that began. It keeps off the beat of the sound devices.
func pass(d time.Duration) {
	time.Sleep(d + 7*time.Microsecond)
	synctest.Wait()
}

func loudest(pcm []int16) int {
	most := 0
	for _, v := range pcm {
		most = max(most, abs(int(v)))
	}
	return most
}

func TestVoiceArrivesAsItLeft(t *testing.T) {
	for _, c := range []Codec{PCMU, PCMA} {
		for _, ptime := range []int{10, 20, 30, 60} {
			t.Run(fmt.Sprint(c.Name, " ", ptime), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWire()
					w.delay = 3 * time.Millisecond
					voice := speech(lawOf(c), 3*sampleRate)
					a := newParty(t, w, "10.0.0.1", voice, nil)
					b := newParty(t, w, "10.0.0.2", nil, nil)
					sa, sb := a.stream(b), b.stream(a)
					sa.Codec, sb.Codec = c, c
					sa.Ptime = time.Duration(ptime) * time.Millisecond
					a.start(sa)
					b.start(sb)
					pass(4 * time.Second)
					heard := b.ear.take()
					at := find(heard, voice)
					if at < 0 {
						t.Fatalf("the voice did not arrive as it left; its first second is at %d", find(heard, voice[:sampleRate]))
					}
					if ms := at / 8; ms > 16+ptime {
						t.Errorf("it arrived %d ms after it was said, want at most %d: packet, network 3, buffer, periods", ms, 16+ptime)
					}
					if st := b.engine.Stop(1); st.RxLost != 0 || st.RxLate != 0 || st.ConcealedMS != 0 || int(st.RxPackets) < 3900/ptime || st.MOSLQ < 4.3 ||
						st.Codec != c.Name || st.PtimeMS != 20 || st.Remote != a.at().String() || st.Local != b.at().String() {
						t.Errorf("stats %+v", st)
					}
				})
			})
		}
	}
}

func TestHoldKeepsTheMicrophoneIn(t *testing.T) {
	voice := speech(muLaw, 2*sampleRate)
	call(t, voice, nil, func(t *testing.T, w *wire, a, b *party) {
		pass(time.Second)
		hold := a.stream(b)
		hold.Receive, hold.LocalHold = false, true
		a.start(hold)
		pass(200 * time.Millisecond)
		b.ear.take()
		pass(time.Second)
		if got := loudest(b.ear.take()); got > 10 {
			t.Errorf("the held party hears something as loud as %d", got)
		}
		before := a.engine.Stats(1)
		a.start(a.stream(b))
		pass(3 * time.Second)
		if find(b.ear.take(), voice[:sampleRate]) < 0 {
			t.Error("the voice is not back after the hold")
		}
		if after := a.engine.Stats(1); before.TxPackets < 100 || after.TxPackets-before.TxPackets < 148 {
			t.Errorf("sent %d packets until the end of the hold and %d after", before.TxPackets, after.TxPackets)
		}
		if st := b.engine.Stats(1); st.RxLost != 0 || st.ConcealedMS != 0 {
			t.Errorf("a hold looks like loss: %+v", st)
		}
	})
}

func TestInactiveSendsNothingAndTimeGoesOn(t *testing.T) {
	voice := speech(muLaw, 2*sampleRate)
	call(t, voice, nil, func(t *testing.T, w *wire, a, b *party) {
		pass(time.Second)
		off := a.stream(b)
		off.Send, off.Receive = false, false
		a.start(off)
		pass(20 * time.Millisecond)
		sent := a.engine.Stats(1).TxPackets
		pass(2 * time.Second)
		if n := a.engine.Stats(1).TxPackets - sent; n != 0 {
			t.Errorf("%d packets were sent", n)
		}
		a.start(a.stream(b))
		pass(3 * time.Second)
		if find(b.ear.take(), voice[:sampleRate]) < 0 {
			t.Error("the voice is not back")
		}
		if st := b.engine.Stats(1); st.RxLost != 0 {
			t.Errorf("a pause looks like loss: %+v", st)
		}
	})
}

func TestWhoDoesNotReceiveHearsNothing(t *testing.T) {
	voice := speech(muLaw, sampleRate)
	call(t, voice, nil, func(t *testing.T, w *wire, a, b *party) {
		deaf := b.stream(a)
		deaf.Receive = false
		b.start(deaf)
		pass(time.Second)
		if got := loudest(b.ear.take()); got != 0 {
			t.Errorf("something as loud as %d is heard", got)
		}
		b.start(b.stream(a))
		pass(time.Second)
		b.start(deaf)
		pass(time.Second)
		b.ear.take()
		b.start(b.stream(a))
		pass(1500 * time.Millisecond)
		heard := b.ear.take()
		if got := loudest(heard[:40]); got != 0 { // the next packet comes after that
			t.Errorf("what came before is heard after, as loud as %d", got)
		}
		if find(heard, voice[:sampleRate/2]) < 0 {
			t.Error("the voice is not back")
		}
		if st := b.engine.Stats(1); st.ConcealedMS != 0 || st.RxLost != 0 {
			t.Errorf("not listening looks like loss: %+v", st)
		}
	})
}

func TestMute(t *testing.T) {
	voice := speech(muLaw, sampleRate)
	call(t, voice, nil, func(t *testing.T, w *wire, a, b *party) {
		a.engine.SetMute(true)
		pass(time.Second)
		if got := loudest(b.ear.take()); got > 10 {
			t.Errorf("a muted microphone is heard, as loud as %d", got)
		}
		a.engine.SetMute(false)
		pass(3 * time.Second)
		if find(b.ear.take(), voice[:sampleRate/2]) < 0 {
			t.Error("the voice is not back")
		}
	})
}

func TestVolume(t *testing.T) {
	call(t, speech(muLaw, sampleRate), nil, func(t *testing.T, w *wire, a, b *party) {
		pass(2 * time.Second)
		usual := loudest(b.ear.take())
		for level, want := range map[int]float64{0: -18, 5: -3, 6: 0, 10: 12, 99: 12} {
			b.engine.SetVolume(level)
			pass(100 * time.Millisecond)
			b.ear.take()
			pass(2 * time.Second)
			got := loudest(b.ear.take())
			if expect := min(int(float64(usual)*pow10dB(want)), 32768); abs(got-expect) > expect/50+2 {
				t.Errorf("at level %d the loudest is %d, want about %d", level, got, expect)
			}
		}
	})
}

func pow10dB(db float64) float64 {
	return float64(amplitude(db-20+fullScaleDBm)) / float64(amplitude(-20+fullScaleDBm))
}

func TestReINVITEMovesTheStreamWithoutAGap(t *testing.T) {
	voice := speech(muLaw, 6*sampleRate)
	call(t, voice, nil, func(t *testing.T, w *wire, a, b *party) {
		pass(time.Second)
		st := b.stream(a) // the same again, as a session refresh has it
		b.start(st)
		a.start(a.stream(b))
		pass(3 * time.Second)
		if find(b.ear.take(), voice[:3*sampleRate]) < 0 {
			t.Error("a refresh was heard")
		}
		port, err := b.engine.Reserve(1, netip.MustParseAddr("10.0.0.3")) // b's address changed
		if err != nil {
			t.Fatal(err)
		}
		b.addr, b.port = netip.MustParseAddr("10.0.0.3"), port
		a.start(a.stream(b))
		b.start(st)
		pass(7 * time.Second)
		if find(b.ear.take(), voice[:3*sampleRate]) < 0 {
			t.Error("nothing is heard at the new address")
		}
		if len(w.conns) != 4 {
			t.Errorf("%d sockets are open, want 4", len(w.conns))
		}
	})
}

func TestSymmetricRTP(t *testing.T) {
	voice := speech(muLaw, sampleRate)
	call(t, voice, nil, func(t *testing.T, w *wire, a, b *party) {
		wrong := a.stream(b)
		wrong.Remote = addrPort("192.168.1.5:9999") // b is behind a NAT and does not know
		wrong.RTCP = addrPort("192.168.1.5:10000")
		a.start(wrong)
		pass(3 * time.Second)
		if find(b.ear.take(), voice[:sampleRate/2]) < 0 {
			t.Error("voice is not sent to where it comes from")
		}
		if st := a.engine.Stats(1); st.Remote != b.at().String() || st.RxStrange != 2 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestStrangersAreNotHeard(t *testing.T) {
	call(t, nil, nil, func(t *testing.T, w *wire, a, b *party) {
		pass(time.Second)
		stranger, err := w.listen(addrPort("10.6.6.6:666"))
		if err != nil {
			t.Fatal(err)
		}
		loud := newSender()
		loud.configure(PCMU, muLaw, 0, 160)
		b.ear.take()
		for range 50 {
			var packet []byte
			for packet == nil {
				packet = loud.add(slices.Repeat([]int16{20000, -20000}, 20), true)
			}
			if _, err := stranger.WriteTo(packet, netUDP(b.at())); err != nil {
				t.Fatal(err)
			}
			pass(20 * time.Millisecond)
		}
		if got := loudest(b.ear.take()); got > 10 {
			t.Errorf("the stranger is heard, as loud as %d", got)
		}
		report, err := (&reporter{}).compound(time.Now(), loud, true, &reception{}, 0, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stranger.WriteTo(report, netUDP(netip.AddrPortFrom(b.addr, b.port+1))); err != nil {
			t.Fatal(err)
		}
		pass(20 * time.Millisecond)
		if n := b.engine.find(1).reporter.heard; n != 0 {
			t.Errorf("%d reports of the stranger were believed", n)
		}
		if st := b.engine.Stats(1); st.RxStrange != 50 || st.Remote != a.at().String() {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestDigits(t *testing.T) {
	call(t, nil, nil, func(t *testing.T, w *wire, a, b *party) {
		lost := 0
		w.dropping(func(from, _ netip.AddrPort, p []byte) bool { // every third event packet is lost
			if from == a.at() && p[1]&0x7f == 101 {
				lost++
				return lost%3 == 0
			}
			return false
		})
		if err := a.engine.SendDigit(1, "0123456789*#ABCD!", 0); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		var digits strings.Builder
		for _, ev := range b.took() {
			switch ev := ev.(type) {
			case DigitHeard:
				digits.WriteString(ev.Digit)
			case DigitEnded:
				if ev.Millis < 60 || ev.Millis > 100 {
					t.Errorf("%s lasted %d ms, want 100 or a little less", ev.Digit, ev.Millis)
				}
			}
		}
		if got := digits.String(); got != "0123456789*#ABCD!" {
			t.Errorf("heard %q", got)
		}
		if got := loudest(b.ear.take()); got > 10 {
			t.Errorf("events make a sound as loud as %d", got)
		}
	})
}

func TestDigitsAsTones(t *testing.T) {
	call(t, speech(muLaw, sampleRate), nil, func(t *testing.T, w *wire, a, b *party) {
		st := a.stream(b)
		st.EventPT = 0
		a.start(st)
		pass(500 * time.Millisecond)
		if err := a.engine.SendDigit(1, "19", 200*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		b.ear.take()
		pass(time.Second)
		heard := b.ear.take()
		mix := make([]int32, len(heard))
		for i, v := range heard {
			mix[i] = int32(v)
		}
		longest, quiet := 0, 0
		for _, v := range mix[800:4000] {
			if quiet++; v > 100 || v < -100 {
				quiet = 0
			}
			longest = max(longest, quiet)
		}
		if longest < 400 {
			t.Errorf("at most %d quiet samples between the digits, want 60 ms", longest)
		}
		for i, want := range [][2]int{{697, 1209}, {852, 1477}} {
			at := 800 + i*2080 // 200 ms and a gap of 60, after a delay of about 70 ms
			for _, hz := range want {
				if got := power(mix[at:at+800], hz); got < -10 {
					t.Errorf("digit %d: %d Hz at %.1f dBm", i, hz, got)
				}
			}
		}
	})
}

func TestDigitsNeedACall(t *testing.T) {
	call(t, nil, nil, func(t *testing.T, w *wire, a, b *party) {
		if err := a.engine.SendDigit(9, "1", 0); err == nil {
			t.Error("digits into no call")
		}
		if err := a.engine.SendDigit(1, "1x", 0); err == nil {
			t.Error("x is a digit")
		}
		off := a.stream(b)
		off.Send = false
		a.start(off)
		if err := a.engine.SendDigit(1, "1", 0); err == nil {
			t.Error("digits into a call that sends nothing")
		}
	})
}

func TestReportsCross(t *testing.T) {
	call(t, nil, func(c *Config) { c.RTCPInterval = 5 * time.Second }, func(t *testing.T, w *wire, a, b *party) {
		var reports, byes int
		w.dropping(func(_, to netip.AddrPort, p []byte) bool {
			if to.Port() == a.port+1 || to.Port() == b.port+1 {
				reports++
				if strings.Contains(string(p), "\x81\xcb\x00\x01") {
					byes++
				}
			}
			return to == a.at() && p[3]%10 == 0 // one in ten is lost on the way to a
		})
		pass(60 * time.Second)
		if reports < 16 || reports > 40 {
			t.Errorf("%d reports in a minute from two at 5 s", reports)
		}
		sa, sb := a.engine.Stats(1), b.engine.Stats(1)
		if sa.RTTMS < 5.5 || sa.RTTMS > 6.5 || sb.RTTMS < 5.5 || sb.RTTMS > 6.5 {
			t.Errorf("round trips of %v and %v ms, want 6", sa.RTTMS, sb.RTTMS)
		}
		if sb.FarLost < 0.05 || sb.FarLost > 0.15 || sa.RxLost < 250 || sa.RxLost > 350 || sa.ConcealedMS < 4000 {
			t.Errorf("one in ten was lost: %+v\n%+v", sa, sb)
		}
		if sa.MOSLQ >= sb.MOSLQ {
			t.Errorf("with loss the quality is %v, without %v", sa.MOSLQ, sb.MOSLQ)
		}
		a.engine.Stop(1)
		pass(time.Second)
		if byes != 1 {
			t.Errorf("%d goodbyes", byes)
		}
	})
}

func TestSilenceIsTold(t *testing.T) {
	call(t, nil, nil, func(t *testing.T, w *wire, a, b *party) {
		w.dropping(func(_, to netip.AddrPort, _ []byte) bool { return to == b.at() })
		pass(25 * time.Second)
		if got := fmt.Sprint(b.took()); got != "[{1 true}]" {
			t.Errorf("told %s", got)
		}
		w.dropping(nil)
		pass(time.Second)
		if got := fmt.Sprint(b.took()); got != "[{1 false}]" {
			t.Errorf("told %s", got)
		}
	})
}

func TestSoundDeviceFailsAndReturns(t *testing.T) {
	voice := speech(muLaw, sampleRate)
	call(t, voice, nil, func(t *testing.T, w *wire, a, b *party) {
		pass(time.Second)
		before := a.engine.Stats(1).TxPackets
		a.ear.mu.Lock()
		a.ear.fail = errors.New("unplugged")
		a.ear.mu.Unlock()
		pass(2 * time.Second)
		if n := a.engine.Stats(1).TxPackets - before; n < 95 || n > 105 {
			t.Errorf("%d packets in two seconds without a sound device, want 100 of silence", n)
		}
		heard := b.ear.take()
		if got := loudest(heard[len(heard)-sampleRate:]); got > 10 {
			t.Errorf("without a microphone something as loud as %d is sent", got)
		}
		a.ear.mu.Lock()
		a.ear.fail = nil
		a.ear.mu.Unlock()
		b.ear.take()
		pass(3 * time.Second)
		if find(b.ear.take(), voice[:sampleRate/2]) < 0 {
			t.Error("the voice is not back")
		}
		if got := fmt.Sprint(a.took()); got != "[{unplugged} {}]" {
			t.Errorf("told %s", got)
		}
	})
}

func TestTonesAndRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t, newWire(), "10.0.0.1", nil, nil)
		if err := p.engine.PlayTone("trumpet"); err == nil {
			t.Error("there is a trumpet")
		}
		pass(time.Hour) // nothing to do
		if n := len(p.ear.take()); n > 5*sampleRate {
			t.Errorf("the sound device ran for %d s with nothing to play", n/sampleRate)
		}
		if err := p.engine.PlayTone("Busy_Tone"); err != nil {
			t.Fatal(err)
		}
		pass(1200 * time.Millisecond)
		p.engine.StopTone()
		pass(50 * time.Millisecond)
		heard := p.ear.take()
		mix := make([]int32, len(heard))
		for i, v := range heard {
			mix[i] = int32(v)
		}
		edges := onOff(mix)
		for i := 1; i < len(edges); i++ {
			edges[i] -= edges[0]
		}
		if len(edges) != 4 || abs(edges[1]-4000) > 8 || abs(edges[2]-8000) > 8 || abs(edges[3]-9600) > 100 {
			t.Errorf("busy sounds at %v", edges)
		}
		p.engine.StartRing(1)
		p.engine.KeyTone("5")
		p.engine.KeyTone("hook")
		pass(time.Second)
		if got := loudest(p.ear.take()); got < 3000 {
			t.Errorf("the ring is as loud as %d", got)
		}
		p.engine.StopRing()
		pass(100 * time.Millisecond)
		p.ear.take()
		pass(time.Minute)
		if got := loudest(p.ear.take()); got != 0 {
			t.Errorf("after it stopped something is as loud as %d", got)
		}
	})
}

func TestTwoCallsAtOnce(t *testing.T) {
	voice := speech(muLaw, 2*sampleRate)
	call(t, voice, nil, func(t *testing.T, w *wire, a, b *party) {
		c := newParty(t, w, "10.0.0.3", nil, nil)
		port, err := a.engine.Reserve(2, a.addr)
		if err != nil || port == a.port || port%2 != 0 {
			t.Fatalf("port %d, %v", port, err)
		}
		to := a.stream(c)
		if err := a.engine.Start(2, to); err != nil {
			t.Fatal(err)
		}
		from := c.stream(a)
		from.Remote = netip.AddrPortFrom(a.addr, port)
		c.start(from)
		pass(4 * time.Second)
		for _, p := range []*party{b, c} {
			if find(p.ear.take(), voice[:sampleRate]) < 0 {
				t.Errorf("%s does not hear the voice", p.addr)
			}
		}
		a.engine.Stop(2)
		pass(time.Second)
		if st := a.engine.Stats(2); st != (Stats{}) {
			t.Errorf("a stopped call has %+v", st)
		}
	})
}

func TestStartRefusesWhatItCannotDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t, newWire(), "10.0.0.1", nil, nil)
		good := p.stream(p)
		for sentence, change := range map[string]func(*Stream){
			"no codec":        func(s *Stream) { s.Codec = Codec{"G722", 9, 8000} },
			"10 to 60 ms":     func(s *Stream) { s.Ptime = 70 * time.Millisecond },
			"does not divide": func(s *Stream) { s.Ptime = 12 * time.Millisecond },
			"payload 200":     func(s *Stream) { s.Accept = []Codec{{"PCMU", 200, 8000}} },
		} {
			st := good
			change(&st)
			if err := p.engine.Start(1, st); err == nil || !strings.Contains(err.Error(), sentence) {
				t.Errorf("%v, want …%s…", err, sentence)
			}
		}
		if err := p.engine.Start(2, good); err == nil {
			t.Error("a call without ports began")
		}
		if err := p.engine.Start(1, Stream{}); err != nil {
			t.Errorf("a session without audio: %v", err)
		}
		if st := p.engine.Stop(9); st != (Stats{}) {
			t.Errorf("a call that never was has %+v", st)
		}
		p.engine.Close()
		p.engine.Close()
		if _, err := p.engine.Reserve(3, p.addr); err == nil {
			t.Error("a closed engine reserves ports")
		}
	})
}

func TestReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		p := newParty(t, w, "10.0.0.1", nil, func(c *Config) { c.PortMin, c.PortMax = 5001, 5008 })
		if again, err := p.engine.Reserve(1, p.addr); err != nil || again != p.port {
			t.Errorf("reserving again: %d, %v", again, err)
		}
		seen := map[uint16]bool{p.port: true}
		for id := 2; id <= 3; id++ {
			port, err := p.engine.Reserve(id, p.addr)
			if err != nil || port%2 != 0 || port < 5002 || port > 5006 || seen[port] {
				t.Errorf("port %d, %v", port, err)
			}
			seen[port] = true
		}
		if _, err := p.engine.Reserve(4, p.addr); err == nil || !strings.Contains(err.Error(), "between 5001 and 5008") {
			t.Errorf("a fourth pair: %v", err)
		}
		p.engine.Stop(2)
		if _, err := p.engine.Reserve(4, p.addr); err != nil {
			t.Errorf("after one was freed: %v", err)
		}
		// RTCP's port taken: the RTP port is given back.
		if _, err := w.listen(addrPort("10.0.0.9:5003")); err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := listenPair(w.listen, netip.MustParseAddr("10.0.0.9"), 5002, 5003); err == nil || w.conns[addrPort("10.0.0.9:5002")] != nil {
			t.Errorf("%v, 5002 is %v", err, w.conns[addrPort("10.0.0.9:5002")])
		}
	})
}
