package exchange

import (
	"bytes"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zaf/g711"
)

func TestHold(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		u := l.phone("1001", "udp", "a")
		defer u.close()
		u.register(600)
		echo, melody := u.call("600"), u.call("601")
		drain := func() {
			time.Sleep(20 * time.Millisecond)
			synctest.Wait()
			for len(u.media) > 0 {
				<-u.media
			}
		}
		again := func(d *talk, direction, want string) {
			t.Helper()
			d.send(d.request("INVITE", d.ua.sdp(direction, 20)))
			d.answered(d.want("a re-INVITE is answered", 200))
			if d.sdp.direction != want {
				t.Errorf("%s is answered by %s, want %s", direction, d.sdp.direction, want)
			}
		}
		again(echo, "sendonly", "recvonly")
		again(melody, "inactive", "inactive")
		echo.say(8, bytes.Repeat([]byte{1}, 160))
		echo.quiet("held calls are silent", 2*time.Second)
		again(melody, "recvonly", "sendonly")
		melody.hear("who only listens hears the melody")
		again(melody, "inactive", "inactive")
		drain()
		again(echo, "sendrecv", "sendrecv")
		echo.say(8, bytes.Repeat([]byte{2}, 160))
		if p := echo.hear("the echo is back"); p.Payload[0] != 2 || !p.Marker {
			t.Errorf("heard %+v", p.Header)
		}
		update := melody.request("UPDATE", u.sdp("sendrecv", 20))
		u.send(update)
		u.want("UPDATE resumes, too", 200)
		melody.hear("the melody goes on")
		old := bytes.ReplaceAll(u.sdp("sendrecv", 20), []byte("c=IN IP4 "+u.addr.String()), []byte("c=IN IP4 0.0.0.0"))
		u.send(melody.request("INVITE", old))
		melody.answered(u.want("the old way to hold", 200))
		melody.quiet("is understood", time.Second)
		echo.bye()
		melody.bye()
	})
}

func TestMelody(t *testing.T) {
	for _, ptime := range []int{10, 20, 30, 60} {
		inLab(t, nil, func(l *lab) {
			u := l.phone("1001", "udp", "a")
			defer u.close()
			u.register(600)
			d := u.invite("601", "sendrecv", ptime)
			d.answered(u.want("601 answers", 200))
			begin := time.Now()
			var heard []int16
			var stamp uint32
			for i := range 3000 / ptime {
				p := d.hear("the melody plays")
				if i > 0 && p.Timestamp != stamp || len(p.Payload) != 8*ptime {
					t.Fatalf("packet %d: %d octets at %d, want %d", i, len(p.Payload), p.Timestamp, stamp)
				}
				stamp = p.Timestamp + uint32(len(p.Payload))
				for _, b := range p.Payload {
					heard = append(heard, g711.DecodeAlawFrame(b))
				}
			}
			if got, want := time.Since(begin), 3*time.Second; got < want-100*time.Millisecond || got > want+100*time.Millisecond {
				t.Errorf("3 s at ptime %d took %s", ptime, got)
			}
			power := 0.0
			for _, s := range heard {
				power += float64(s) * float64(s)
			}
			if rms := math.Sqrt(power / float64(len(heard))); rms < 1000 || rms > 12000 {
				t.Errorf("the melody has a level of %.0f", rms)
			}
			d.bye()
			d.quiet("after BYE", time.Second)
		})
	}
}

func TestTuneLoops(t *testing.T) {
	s := synthesise(tune, tuneBeat)
	if n := len(s); n != 32*tuneBeat {
		t.Errorf("the tune has %d samples", n)
	}
	step, peak := 0.0, 0.0
	for i := range len(s) - 1 {
		step = max(step, math.Abs(float64(s[i])-float64(s[i+1])))
		peak = max(peak, math.Abs(float64(s[i])))
	}
	if seam := math.Abs(float64(s[0]) - float64(s[len(s)-1])); seam > step/2 {
		t.Errorf("a step of %.0f from the end to the beginning clicks", seam)
	}
	if peak < 8000 || peak > 30000 {
		t.Errorf("the peak is %.0f", peak)
	}
}

func TestNumbers(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		u := l.phone("1001", "udp", "a")
		defer u.close()
		u.register(600)
		refused := func(number string, code int) {
			t.Helper()
			d := u.invite(number, "sendrecv", 20)
			r := u.want(number, code)
			ack := d.invite.clone()
			ack.method, ack.body = "ACK", nil
			ack.set("To", r.get("To"))
			ack.set("CSeq", "1 ACK")
			n, _ := d.invite.cseq()
			ack.set("CSeq", itoa(n)+" ACK")
			u.send(ack)
			u.nothing("a failure that is acknowledged is not repeated", 40*time.Second)
		}
		refused("603", 486)
		refused("604", 603)
		refused("605605", 404)
		refused("1002", 480)

		d := u.invite("603", "sendrecv", 20)
		u.want("603", 486)
		u.want("a failure is repeated until it is acknowledged", 486)
		_ = d
		time.Sleep(time.Minute)
		for len(u.in) > 0 {
			<-u.in
		}

		begin := time.Now()
		d = u.invite("605", "sendrecv", 20)
		d.answered(u.want("605 answers", 200))
		if took := time.Since(begin); took < answerTime || took > answerTime+time.Second {
			t.Errorf("605 took %s", took)
		}
		d.hear("and plays")
		d.bye()
	})
}

func TestCancel(t *testing.T) {
	everywhere(t, func(l *lab, transport string) {
		u := l.phone("1001", transport, "a")
		defer u.close()
		u.register(60)
		d := u.invite("602", "sendrecv", 20)
		for m := range u.in {
			if m.code == 180 {
				break
			}
		}
		if s := l.Status(); len(s.Calls) != 1 || s.Calls[0].State != "ringing" {
			t.Errorf("calls: %v", s.Calls)
		}
		cancel := d.invite.clone()
		cancel.method, cancel.body = "CANCEL", nil
		n, _ := d.invite.cseq()
		cancel.set("CSeq", itoa(n)+" CANCEL")
		u.send(cancel)
		if r := u.want("CANCEL is answered", 200); r.get("CSeq") != itoa(n)+" CANCEL" {
			t.Errorf("CSeq %q", r.get("CSeq"))
		}
		r := u.want("and the INVITE ended", 487)
		ack := d.invite.clone()
		ack.method, ack.body = "ACK", nil
		ack.set("To", r.get("To"))
		ack.set("CSeq", itoa(n)+" ACK")
		u.send(ack)
		if s := l.Status(); len(s.Calls) != 0 {
			t.Errorf("calls: %v", s.Calls)
		}
	})
}

func TestCallBack(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		u := l.phone("1001", "tcp", "a")
		defer u.close()
		u.register(600)
		d := u.call("606")
		d.hear("606 plays")
		bye := u.want("and hangs up", "BYE")
		hung := time.Now()
		u.send(respondTo(bye, 200, "x"))
		invite := u.want("and calls back", "INVITE")
		if took := time.Since(hung); took < callBackTime || took > callBackTime+time.Second {
			t.Errorf("the call back came after %s", took)
		}
		if userOf(invite.get("From")) != "606" {
			t.Errorf("From %q", invite.get("From"))
		}
		ok := respondTo(invite, 200, "mine")
		ok.add("Contact", u.contact())
		ok.add("Content-Type", "application/sdp")
		ok.body = u.sdp("sendrecv", 20)
		u.send(ok)
		u.want("the answer is acknowledged", "ACK")
		for len(u.media) > 0 {
			<-u.media
		}
		d.hear("the call back plays")
		u.send(respondTo(u.want("and hangs up", "BYE"), 200, "x"))
		if s := l.Status(); len(s.Calls) != 0 {
			t.Errorf("calls: %v", s.Calls)
		}
		u.nothing("and that was it", time.Minute)
	})
}

func TestUnansweredCallBack(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		u := l.phone("1001", "udp", "a")
		defer u.close()
		u.register(600)
		if err := l.Dial("606", "1002", nil); err == nil {
			t.Error("who is not registered is called")
		}
		if err := l.Dial("606", "1001", nil); err != nil {
			t.Fatal(err)
		}
		invite := u.want("it rings", "INVITE")
		u.send(respondTo(invite, 180, "mine"))
		begin := time.Now()
		cancel := u.wait("nobody answers", 2*ringTime, "CANCEL")
		if took := time.Since(begin); took < ringTime-time.Second || took > ringTime+time.Second {
			t.Errorf("given up after %s", took)
		}
		u.send(respondTo(cancel, 200, "mine"))
		u.send(respondTo(invite, 487, "mine"))
		u.want("the failure is acknowledged", "ACK")
		u.nothing("and that was it", time.Minute)
	})
}

func TestRegisteredExtension(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		u := l.phone("1001", "udp", "a")
		defer u.close()
		u.register(600)
		ended := make(chan string, 1)
		l.Register("700", func(c *Call) {
			c.Answer()
			<-c.Done()
			ended <- c.Number() + " " + c.Peer()
		})
		d := u.call("700")
		d.bye()
		if got := <-ended; got != "700 1001" {
			t.Errorf("the call was %s", got)
		}
		l.Register("700", func(c *Call) {})
		u.invite("700", "sendrecv", 20)
		u.want("an extension that does nothing", 480)
	})
}

// A phone that loses its power says no BYE.
func TestDeserted(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		u := l.phone("1001", "udp", "a")
		defer u.close()
		u.register(600)
		u.call("600")
		u.wait("the extension hangs up by itself", 4*time.Minute, "BYE")
	})
}

// Without its ACK the answer is repeated, and in the end the call given up.
func TestNoAck(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		u := l.phone("1001", "udp", "a")
		defer u.close()
		u.register(600)
		u.invite("600", "sendrecv", 20)
		for range 5 {
			u.want("the answer is repeated", 200)
		}
		for {
			if m := u.wait("until it is given up", time.Minute, 200, "BYE"); m.method == "BYE" {
				break
			}
		}
	})
}

// An INVITE without a description gets an offer; its ACK brings the answer.
func TestLateOffer(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		u := l.phone("1001", "udp", "a")
		defer u.close()
		u.register(600)
		m := u.request("INVITE", "sip:601@example.test", "Contact: "+u.contact())
		u.send(m)
		ok := u.want("601 answers", 200)
		d := &talk{ua: u, invite: m, local: m.get("From"), callID: m.get("Call-ID"), seq: u.seq, remote: ok.get("To"),
			target: inBrackets(ok.get("Contact")), routes: ok.all("Record-Route")}
		if offer, good := parseSDP(ok.body); !good || offer.codec != pcmu || offer.event != eventUsual {
			t.Errorf("the offer is %q", ok.body)
		}
		u.send(d.request("ACK", u.sdp("sendrecv", 20)))
		if p := d.hear("the melody plays"); p.PayloadType != 8 {
			t.Errorf("payload type %d", p.PayloadType)
		}
		d.bye()
	})
}

// Echoes that were set on each other would talk without end.
func TestEchoIsPolite(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		u := l.phone("1001", "udp", "a")
		defer u.close()
		u.register(600)
		d := u.call("600")
		for range maxEcho + 100 {
			d.say(8, make([]byte, 160))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(100 * time.Millisecond)
		if n := len(u.media); n != maxEcho {
			t.Errorf("%d packets came back in a second, want %d", n, maxEcho)
		}
		time.Sleep(time.Second)
		d.say(8, make([]byte, 160))
		time.Sleep(100 * time.Millisecond)
		if n := len(u.media); n != maxEcho+1 {
			t.Errorf("%d packets came back in the end", n)
		}
	})
}
