package main

import (
	"strings"
	"testing"
	"time"

	"dialtone/config"
	"dialtone/hal"
	"dialtone/phone"
	"dialtone/web"
)

// secondHertz is what the far end of a second call says, at another port.
const secondHertz = 1700

// sdp2 is a session description of the far end of a second call, its voice at port 4100.
func (f *far) sdp2(direction string) string {
	return strings.ReplaceAll(f.sdp(direction), "audio 4000", "audio 4100")
}

// wantOf waits for a request of the phone within the call of d.
func (f *far) wantOf(sentence string, d *dialog, method string) *heard {
	f.b.Helper()
	h := f.want(sentence, method)
	if h.get("Call-ID") != d.callID {
		f.b.Errorf("%s: the %s is for another call", sentence, method)
	}
	return h
}

// wantStates checks the states of the calls there are, in the order they began.
func (p *desk) wantStates(sentence string, want ...phone.CallState) {
	p.Helper()
	var got []string
	for _, c := range p.status().Calls {
		if c.State != phone.StateEnded.String() {
			got = append(got, c.State)
		}
	}
	var words []string
	for _, s := range want {
		words = append(words, s.String())
	}
	if g, w := strings.Join(got, " "), strings.Join(words, " "); g != w {
		p.Errorf("%s: the calls are %q, want %q", sentence, g, w)
	}
}

// waits lets a second call come while the first is talked in.
func waits(p *desk) *dialog {
	p.Helper()
	d := p.server.invite("1001", p.server.sdp2("sendrecv"))
	d.want("the second rings there", 180, "INVITE")
	p.after(1003 * time.Millisecond)
	p.wantStates("it waits", phone.StateConnected, phone.StateIncoming)
	return d
}

// twoCalls is a first call on hold and a second talked in, with the voices of both.
func twoCalls(p *desk) (first, second *dialog, v1, v2 *farVoice) {
	p.Helper()
	f := p.server
	first, invite := onCall(p)
	v1 = f.speak(invite.body)
	second = waits(p)
	p.press("talk")
	ok := second.want("the second is answered", 200, "INVITE")
	second.request("ACK")
	p.after(3 * time.Millisecond)
	f.answer(f.wantOf("the first is put on hold", first, "INVITE"), 200, f.sdp("recvonly"))
	f.want("acknowledged", "ACK")
	v2 = f.speakAt(ok.body, 4100, secondHertz)
	p.after(1003 * time.Millisecond)
	p.wantStates("the second is talked in", phone.StateHeld, phone.StateConnected)
	return first, second, v1, v2
}

// bye lets the far end of one call hang up.
func bye(d *dialog) {
	d.f.b.Helper()
	d.request("BYE")
	d.want("the phone agrees", 200, "BYE")
}

func TestCallWaiting(t *testing.T) {
	runScenarios(t, []scenario{
		{"waiting", "A second call while talking: a beep over the voice; answered, the first is put on hold and neither hears the other.", func(b *bench) {
			p, f := b.registered(), b.server
			first, invite := onCall(p)
			v1 := f.speak(invite.body)
			defer v1.close()
			b.after(1003 * time.Millisecond)
			second := f.invite("1001", f.sdp2("sendrecv"))
			second.want("the second rings there", 180, "INVITE")
			b.after(303 * time.Millisecond)
			earpiece := p.Heard()
			beep := earpiece[len(earpiece)-1600:]
			if tone, voice := share(beep, 440), share(beep, farHertz); tone < 0.1 || voice < 0.1 || tone+voice < 0.9 {
				b.Errorf("a beep over the voice: %.2f of the sound is beep, %.2f voice", tone, voice)
			}
			p.press("talk")
			ok := second.want("the second does not wait for the hold", 200, "INVITE")
			second.request("ACK")
			v2 := f.speakAt(ok.body, 4100, secondHertz)
			defer v2.close()
			hold := f.wantOf("the first is put on hold", first, "INVITE")
			if got := sdpDirection(hold.body); got != "sendonly" {
				b.Errorf("the hold says %s", got)
			}
			p.wantVoices("the second is talked in before the hold is answered", v2)
			f.answer(hold, 200, f.sdp("recvonly"))
			f.take("INVITE") // it was repeated meanwhile
			f.want("acknowledged", "ACK")
			p.wantVoices("the second is talked in", v2)
			p.wantApart("the first is not", v1)
			p.wantStates("one talked in", phone.StateHeld, phone.StateConnected)
			bye(second)
			b.after(1003 * time.Millisecond)
			p.wantStates("the phone goes to the first", phone.StateHeld)
			p.press("hold")
			f.answer(f.wantOf("taken back", first, "INVITE"), 200, f.sdp("sendrecv"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantVoices("the first is back", v1)
			leave(p, first)
		}},
		{"waiting-declined", "A second call is declined by its soft key, a third ignored until its caller gives up.", func(b *bench) {
			p, f := b.registered(), b.server
			first, invite := onCall(p)
			v := f.speak(invite.body)
			defer v.close()
			second := waits(p)
			p.press("soft2")
			second.want("declined", 486, "INVITE")
			second.request("ACK failure")
			third := waits(p)
			p.press("soft3")
			b.after(1003 * time.Millisecond)
			p.wantVoices("the first does not notice", v)
			third.request("CANCEL")
			third.want("the CANCEL is answered", 200, "CANCEL")
			third.want("the third is ended", 487, "INVITE")
			third.request("ACK failure")
			b.after(1003 * time.Millisecond)
			p.wantVoices("the first does not notice", v)
			leave(p, first)
		}},
		{"waiting-hold-refused", "The hold of the first is refused when the second is answered: they hear nothing all the same.", func(b *bench) {
			p, f := b.registered(), b.server
			first, invite := onCall(p)
			v1 := f.speak(invite.body)
			defer v1.close()
			second := waits(p)
			p.press("talk")
			ok := second.want("answered", 200, "INVITE")
			second.request("ACK")
			v2 := f.speakAt(ok.body, 4100, secondHertz)
			defer v2.close()
			f.answer(f.wantOf("the first is put on hold", first, "INVITE"), 488)
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantVoices("the second is talked in", v2)
			p.wantApart("the first is not", v1)
			bye(second)
			b.after(1003 * time.Millisecond)
			p.press("talk")
			f.answer(f.wantOf("taken back", first, "INVITE"), 200, f.sdp("sendrecv"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantVoices("the first is back", v1)
			leave(p, first)
		}},
		{"waiting-first-ends", "The first ends while the second waits: it rings aloud, and lifting the handset answers it.", func(b *bench) {
			p := b.registered()
			first, _ := onCall(p)
			second := waits(p)
			bye(first)
			b.after(1003 * time.Millisecond)
			p.lift()
			second.want("answered", 200, "INVITE")
			second.request("ACK")
			b.after(1003 * time.Millisecond)
			leave(p, second)
		}},
		{"waiting-flash", "The cradle pressed shortly goes to the call that waits and back; pressed longer it hangs up.", func(b *bench) {
			p, f := b.registered(), b.server
			first := f.invite("1001", f.sdp("sendrecv"))
			first.want("it rings", 180, "INVITE")
			p.lift()
			ok := first.want("answered", 200, "INVITE")
			first.request("ACK")
			v1 := f.speak(ok.body)
			defer v1.close()
			second := waits(p)
			flash := func() {
				p.note("the cradle is pressed shortly")
				p.Contact(hal.Hook, true)
				b.after(300 * time.Millisecond)
				p.Contact(hal.Hook, false)
			}
			flash()
			ok = second.want("the flash answers", 200, "INVITE")
			second.request("ACK")
			v2 := f.speakAt(ok.body, 4100, secondHertz)
			defer v2.close()
			f.answer(f.wantOf("the first is put on hold", first, "INVITE"), 200, f.sdp("recvonly"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantVoices("the second is talked in", v2)
			flash()
			f.answer(f.wantOf("the second is put on hold", second, "INVITE"), 200, f.sdp2("recvonly"))
			f.want("acknowledged", "ACK")
			f.answer(f.wantOf("the first is taken back", first, "INVITE"), 200, f.sdp("sendrecv"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantVoices("the first is talked in", v1)
			p.wantApart("the second is not", v2)
			p.replace()
			f.answer(f.wantOf("hanging up ends the one talked in", first, "BYE"), 200)
			b.after(2003 * time.Millisecond)
			p.wantStates("the other waits on hold", phone.StateHeld)
			leave(p, second)
		}},
		{"waiting-cradle", "The handset put back with one call on hold and one that waits: that rings; both are there to be taken.", func(b *bench) {
			p, f := b.registered("User_ID_2_=2001", "Proxy_2_=10.0.0.1", "SIP_Port_2_=5070"), b.server
			first := f.invite("1001", f.sdp("sendrecv"))
			first.want("it rings", 180, "INVITE")
			p.lift()
			first.want("answered", 200, "INVITE")
			first.request("ACK")
			second := waits(p)
			p.press("soft1")
			second.want("answered", 200, "INVITE")
			second.request("ACK")
			b.after(3 * time.Millisecond)
			f.answer(f.wantOf("the first is put on hold", first, "INVITE"), 200, f.sdp("recvonly"))
			f.want("acknowledged", "ACK")
			third := f.invite("2001", f.sdp2("sendrecv"))
			third.want("on the other line it waits", 180, "INVITE")
			b.after(1003 * time.Millisecond)
			p.replace()
			f.answer(f.wantOf("the one talked in is over", second, "BYE"), 200)
			b.after(2003 * time.Millisecond)
			p.wantStates("one on hold, one rings", phone.StateHeld, phone.StateIncoming)
			p.lift()
			third.want("lifting answers it", 200, "INVITE")
			third.request("ACK")
			b.after(1003 * time.Millisecond)
			bye(third)
			b.after(1003 * time.Millisecond)
			p.press("talk")
			f.answer(f.wantOf("the first is taken back", first, "INVITE"), 200, f.sdp("sendrecv"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			leave(p, first)
		}},
	})
}

func TestSeveralCalls(t *testing.T) {
	runScenarios(t, []scenario{
		{"swap", "Back and forth between two calls; only the one in hand is heard and hears.", func(b *bench) {
			p, f := b.registered(), b.server
			first, second, v1, v2 := twoCalls(p)
			defer v1.close()
			defer v2.close()
			p.wantVoices("the second", v2)
			p.wantApart("not the first", v1)
			for range 2 {
				p.press("soft3")
				f.answer(f.wantOf("the second is put on hold", second, "INVITE"), 200, f.sdp2("recvonly"))
				f.want("acknowledged", "ACK")
				f.answer(f.wantOf("the first is taken back", first, "INVITE"), 200, f.sdp("sendrecv"))
				f.want("acknowledged", "ACK")
				b.after(1003 * time.Millisecond)
				p.wantVoices("the first", v1)
				p.wantApart("not the second", v2)
				p.wantStates("swapped", phone.StateConnected, phone.StateHeld)
				p.press("down", "hold")
				f.answer(f.wantOf("the first is put on hold", first, "INVITE"), 200, f.sdp("recvonly"))
				f.want("acknowledged", "ACK")
				f.answer(f.wantOf("the second is taken back", second, "INVITE"), 200, f.sdp2("sendrecv"))
				f.want("acknowledged", "ACK")
				b.after(1003 * time.Millisecond)
				p.wantVoices("the second", v2)
				p.wantApart("not the first", v1)
			}
			bye(first)
			p.wantVoices("the one on hold has gone", v2)
			leave(p, second)
		}},
		{"swap-glare", "Both put each other on hold at the same moment, during a swap: both holds come through, and both are taken back.", func(b *bench) {
			p, f := b.registered(), b.server
			first, second, v1, v2 := twoCalls(p)
			defer v1.close()
			defer v2.close()
			p.press("soft3")
			b.after(5 * time.Millisecond) // the key is read
			second.request("INVITE", f.sdp2("sendonly"))
			ours := f.wantOf("our hold of the second", second, "INVITE")
			f.answer(f.wantOf("the first is taken back", first, "INVITE"), 200, f.sdp("sendrecv"))
			f.want("acknowledged", "ACK")
			f.answer(ours, 491)
			second.want("theirs crosses it", 491, "INVITE")
			second.request("ACK failure")
			f.want("acknowledged", "ACK")
			p.wantVoices("the first does not wait", v1)
			p.wantApart("the second is not heard", v2)
			again := f.wantOf("our hold again: we did not make the Call-ID and wait less", second, "INVITE")
			f.answer(again, 200, f.sdp2("recvonly"))
			f.want("acknowledged", "ACK")
			b.after(203 * time.Millisecond)
			second.request("INVITE", f.sdp2("sendonly"))
			if ok := second.want("and theirs", 200, "INVITE"); sdpDirection(ok.body) != "inactive" {
				b.Errorf("held by both is %s", sdpDirection(ok.body))
			}
			second.request("ACK")
			b.after(1003 * time.Millisecond)
			p.press("soft3")
			f.answer(f.wantOf("the first is put on hold", first, "INVITE"), 200, f.sdp("recvonly"))
			f.want("acknowledged", "ACK")
			f.answer(f.wantOf("the second is taken back", second, "INVITE"), 200, f.sdp2("sendonly"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantStates("they still hold", phone.StateHeld, phone.StateRemoteHeld)
			second.request("INVITE", f.sdp2("sendrecv"))
			second.want("they take back", 200, "INVITE")
			second.request("ACK")
			b.after(1003 * time.Millisecond)
			p.wantVoices("the second is back", v2)
			bye(first)
			leave(p, second)
		}},
		{"address-change-on-hold", "Another address while a hold is asked for: it is asked for from there, and the call can be taken back.", func(b *bench) {
			p, f := b.registered(), b.server
			first, _ := onCall(p)
			p.press("hold")
			f.wantOf("a hold that nobody answers", first, "INVITE")
			p.readdress("10.0.0.51")
			b.after(503 * time.Millisecond)
			for _, what := range []string{"the hold comes from the new address", "and so does the voice"} {
				again := f.wantOf(what, first, "INVITE")
				if at := addrPort(again.from).Addr(); at != p.at() || sdpDirection(again.body) != "sendonly" {
					b.Errorf("%s: from %s the call is %s", what, at, sdpDirection(again.body))
				}
				f.answer(again, 200, f.sdp("recvonly"))
				f.want("acknowledged", "ACK")
			}
			b.after(1003 * time.Millisecond)
			p.wantStates("held", phone.StateHeld)
			p.press("hold")
			again := f.wantOf("taken back", first, "INVITE")
			f.answer(again, 200, f.sdp("sendrecv"))
			f.want("acknowledged", "ACK")
			v := f.speak(again.body)
			defer v.close()
			p.wantVoices("taken back at the new address", v)
			d := f.dialogOf(again, "")
			d.local = again.get("To")
			leave(p, d)
		}},
		{"new-call", "A new call while talking, by soft key; it is over, and the first is taken back.", func(b *bench) {
			p, f := b.registered(), b.server
			first, invite := onCall(p)
			v := f.speak(invite.body)
			defer v.close()
			p.press("soft2")
			f.answer(f.wantOf("the first is put on hold", first, "INVITE"), 200, f.sdp("recvonly"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantApart("dial tone is for us only", v)
			p.press("1", "0", "0", "3", "#")
			invite = f.want("the second is placed", "INVITE")
			f.answer(invite, 180)
			b.after(1003 * time.Millisecond)
			f.answer(invite, 200, f.sdp2("sendrecv"))
			f.want("acknowledged", "ACK")
			second := f.dialogOf(invite, "far")
			v2 := f.speakAt(invite.body, 4100, secondHertz)
			defer v2.close()
			p.wantVoices("the second", v2)
			p.press("end")
			f.answer(f.wantOf("the second is over", second, "BYE"), 200)
			b.after(1003 * time.Millisecond)
			p.press("soft1")
			f.answer(f.wantOf("the first is taken back", first, "INVITE"), 200, f.sdp("sendrecv"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantVoices("the first is back", v)
			leave(p, first)
		}},
		{"two-lines", "A call on each of two lines, by their keys.", func(b *bench) {
			p, f := b.registered("User_ID_2_=2001", "Proxy_2_=10.0.0.1", "SIP_Port_2_=5070"), b.server
			first, _ := onCall(p)
			p.press("line2")
			f.answer(f.wantOf("the first is put on hold", first, "INVITE"), 200, f.sdp("recvonly"))
			f.want("acknowledged", "ACK")
			b.after(503 * time.Millisecond)
			p.press("1", "0", "0", "3", "#")
			invite := f.want("the second is placed", "INVITE")
			if from := userOf(invite.get("From")); from != "2001" {
				b.Errorf("the second call is from %s", from)
			}
			f.answer(invite, 200, f.sdp2("sendrecv"))
			f.want("acknowledged", "ACK")
			second := f.dialogOf(invite, "far")
			b.after(1003 * time.Millisecond)
			p.press("line1")
			f.answer(f.wantOf("the second is put on hold", second, "INVITE"), 200, f.sdp2("recvonly"))
			f.want("acknowledged", "ACK")
			f.answer(f.wantOf("the first is taken back", first, "INVITE"), 200, f.sdp("sendrecv"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantStates("the first is talked in", phone.StateConnected, phone.StateHeld)
			bye(first)
			b.after(1003 * time.Millisecond)
			leave(p, second)
		}},
		{"several-api", "The API dials a second call while one is talked in, holds and takes back either, and ends either.", func(b *bench) {
			p, f := b.registered(), b.server
			first, _ := onCall(p)
			id1 := p.status().Calls[0].ID
			r := p.do(web.Call{To: "1003"})
			f.answer(f.wantOf("the first is put on hold", first, "INVITE"), 200, f.sdp("recvonly"))
			f.want("acknowledged", "ACK")
			invite := f.want("the second is placed", "INVITE")
			f.answer(invite, 200, f.sdp2("sendrecv"))
			f.want("acknowledged", "ACK")
			second := f.dialogOf(invite, "far")
			b.after(1003 * time.Millisecond)
			p.wantStates("the second is talked in", phone.StateHeld, phone.StateConnected)
			if r := p.do(web.Call{To: "1004"}); r.Outcome != 0 || r.Call == 0 {
				b.Errorf("a third call is not listed: %+v", r)
			}
			p.wantStates("no appearance is free", phone.StateHeld, phone.StateConnected)
			if id1 != "c1" {
				b.Fatalf("the first call is %s", id1)
			}
			p.do(web.Resume{ID: 1})
			f.answer(f.wantOf("the second is put on hold", second, "INVITE"), 200, f.sdp2("recvonly"))
			f.want("acknowledged", "ACK")
			f.answer(f.wantOf("the first is taken back", first, "INVITE"), 200, f.sdp("sendrecv"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantStates("the first is talked in", phone.StateConnected, phone.StateHeld)
			if r := p.do(web.SendDTMF{ID: r.Call, Digits: "1"}); r.Outcome != web.Conflict {
				b.Errorf("digits into a call on hold: %+v", r)
			}
			p.do(web.Hold{ID: 1})
			f.answer(f.wantOf("the first is put on hold", first, "INVITE"), 200, f.sdp("recvonly"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantStates("both on hold", phone.StateHeld, phone.StateHeld)
			p.do(web.Hangup{ID: r.Call})
			f.answer(f.wantOf("the second is ended", second, "BYE"), 200)
			b.after(1003 * time.Millisecond)
			p.do(web.Hangup{ID: 1})
			f.answer(f.wantOf("the first is ended", first, "BYE"), 200)
			home(p)
		}},
	})
}

func TestDialing(t *testing.T) {
	runScenarios(t, []scenario{
		{"plan", "The dial plan of the line: an extension after the short timer, a number refused, one that is changed; a hot line.", func(b *bench) {
			p, f := b.registered("Dial_Plan_1_=(6xx|6xxx|<8:0049>xxx|0!)", "User_ID_2_=2001", "Proxy_2_=10.0.0.1", "SIP_Port_2_=5070", "Dial_Plan_2_=(P0<:1000>)"), b.server
			dial := func(want string, keys ...hal.Key) {
				p.lift()
				b.after(503 * time.Millisecond)
				p.press(keys...)
				invite := f.want("a call is placed", "INVITE")
				if got := userOf("<" + strings.Fields(invite.first)[1] + ">"); got != want {
					b.Errorf("%v calls %s, want %s", keys, got, want)
				}
				f.answer(invite, 100)
				b.after(103 * time.Millisecond)
				p.replace()
				f.answer(f.want("given up", "CANCEL"), 200)
				f.answer(invite, 487)
				f.want("acknowledged", "ACK")
				b.after(1003 * time.Millisecond)
			}
			dial("600", "6", "0", "0")
			dial("0049123", "8", "1", "2", "3")
			dial("1000", "line2")
			for _, keys := range [][]hal.Key{{"5"}, {"0"}, {"6", "0", "#"}} {
				p.lift()
				b.after(503 * time.Millisecond)
				p.press(keys...)
				b.after(5003 * time.Millisecond)
				p.replace()
				b.after(1003 * time.Millisecond)
			}
			if f.take("INVITE") != nil {
				b.Error("a number that is refused was called")
			}
			home(p)
		}},
		{"plan-unreadable", "A dial plan that cannot be read is told of, and the default one is used.", func(b *bench) {
			p, f := b.newPhone("Dial_Plan_1_=(1xx|[2-)"), b.server
			b.after(1003 * time.Millisecond)
			p.lift()
			b.after(503 * time.Millisecond)
			p.press("6", "0", "0")
			invite := f.want("after three seconds", "INVITE")
			f.answer(invite, 486)
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.replace()
			home(p)
			if err := p.update("Dial_Plan_1_=(6xx|<:)"); err != nil {
				b.Error(err)
			}
			b.after(1003 * time.Millisecond)
		}},
		{"list", "A missed call is called back from the list, on the line it came for.", func(b *bench) {
			p, f := b.registered("User_ID_2_=2001", "Proxy_2_=10.0.0.1", "SIP_Port_2_=5070"), b.server
			d := f.invite("2001", f.sdp("sendrecv"))
			d.want("it rings", 180, "INVITE")
			b.after(2003 * time.Millisecond)
			d.request("CANCEL")
			d.want("the caller gives up", 487, "INVITE")
			d.request("ACK failure")
			b.after(2003 * time.Millisecond)
			p.press("down")
			b.after(1003 * time.Millisecond)
			p.lift()
			invite := f.want("lifting calls back", "INVITE")
			if from := userOf(invite.get("From")); from != "2001" {
				b.Errorf("the call back is from %s", from)
			}
			f.answer(invite, 486)
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.replace()
			home(p)
		}},
		{"do-not-disturb-key", "The soft key DND is kept in the settings, and taken back.", func(b *bench) {
			p, f := b.registered(), b.server
			p.press("soft3")
			b.after(2003 * time.Millisecond)
			if s, ok := p.shelf.onDisk(); !ok || !s.User.DNDSetting {
				b.Error("it is not on the disk")
			}
			d := f.invite("1001", f.sdp("sendrecv"))
			d.want("do not disturb", 486, "INVITE")
			d.request("ACK failure")
			p.press("soft3")
			b.after(2003 * time.Millisecond)
			d = f.invite("1001", f.sdp("sendrecv"))
			d.want("disturbed again", 180, "INVITE")
			p.press("end")
			d.want("refused", 486, "INVITE")
			d.request("ACK failure")
			home(p)
		}},
	})
}

// The default of the parameter and the plan that stands in for one that cannot be read are the same.
func TestDefaultPlan(t *testing.T) {
	s := config.Default()
	for _, l := range s.Line {
		if got := dialPlan(l.DialPlan).String(); got != dialPlan("(").String() {
			t.Errorf("the default of Dial_Plan_n_ is %s", got)
		}
	}
}
