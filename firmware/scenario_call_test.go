package main

import (
	"strings"
	"testing"
	"time"

	"dialtone/phone"
	"dialtone/web"
)

// called lets the phone place a call to 1002 by its keys and waits for the INVITE.
func called(p *desk) *heard {
	p.Helper()
	p.lift()
	p.after(503 * time.Millisecond)
	p.press("1", "0", "0", "2", "#")
	return p.server.want("a call is placed", "INVITE")
}

// home lets a minute pass and checks that nothing is left of the call.
func home(p *desk) {
	p.Helper()
	p.after(time.Minute)
	p.wantHome()
}

func TestCalling(t *testing.T) {
	runScenarios(t, []scenario{
		{"call", "A call by the keys: dial tone, digits, ringback, both hear each other, we hang up.", func(b *bench) {
			p, f := b.registered(), b.server
			invite := called(p)
			f.answer(invite, 100)
			b.after(203 * time.Millisecond)
			f.answer(invite, 180)
			b.after(4003 * time.Millisecond)
			f.answer(invite, 200, f.sdp("sendrecv"))
			f.want("the answer is acknowledged", "ACK")
			v := f.speak(invite.body)
			defer v.close()
			b.after(1003 * time.Millisecond)
			p.wantVoices("both talk", v)
			p.replace()
			f.answer(f.want("hanging up", "BYE"), 200)
			home(p)
		}},
		{"call-remote-hangup", "On-hook dialing and the Talk key; the far end hangs up, the handset was never lifted.", func(b *bench) {
			p, f := b.registered(), b.server
			p.press("1", "0", "0", "2")
			b.after(1003 * time.Millisecond)
			p.press("talk")
			invite := f.want("Talk sends the number", "INVITE")
			f.answer(invite, 180)
			b.after(1003 * time.Millisecond)
			f.answer(invite, 200, f.sdp("sendrecv"))
			f.want("the answer is acknowledged", "ACK")
			d := f.dialogOf(invite, "far")
			b.after(2003 * time.Millisecond)
			d.request("BYE")
			d.want("the phone agrees", 200, "BYE")
			home(p)
		}},
		{"call-api", "The API places a call and ends it.", func(b *bench) {
			p, f := b.registered(), b.server
			r := p.do(web.Call{To: "1002"})
			invite := f.want("the API places a call", "INVITE")
			f.answer(invite, 200, f.sdp("sendrecv"))
			f.want("the answer is acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			if s := p.callState(); s != phone.StateConnected.String() {
				b.Errorf("the call is %s", s)
			}
			p.do(web.Hangup{ID: r.Call})
			f.answer(f.want("hanging up", "BYE"), 200)
			home(p)
		}},
		{"call-auth", "The proxy wants to know who calls: the INVITE and the BYE go with credentials.", func(b *bench) {
			b.server.password = "secret"
			p, f := b.registered(), b.server
			p.do(web.Call{To: "1002"})
			invite := f.want("a call", "INVITE")
			if !f.authorized(invite) {
				f.answer(invite, 407, f.challenge("Proxy-Authenticate"))
				f.want("the 407 is acknowledged", "ACK")
				invite = f.want("once more", "INVITE")
			}
			if !f.authorized(invite) {
				b.Error("the credentials are wrong")
			}
			f.answer(invite, 200, f.sdp("sendrecv"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.press("end")
			bye := f.want("hanging up", "BYE")
			f.answer(bye, 407, f.challenge("Proxy-Authenticate")) // a new nonce
			bye = f.want("once more", "BYE")
			if !f.authorized(bye) {
				b.Error("the credentials of the BYE are wrong")
			}
			f.answer(bye, 200)
			home(p)
		}},
		{"call-wrong-password", "The proxy does not believe us: the call ends and says why, after one try.", func(b *bench) {
			p, f := b.registered(), b.server
			invite := called(p)
			f.answer(invite, 407, f.challenge("Proxy-Authenticate"))
			f.want("acknowledged", "ACK")
			again := f.want("once more", "INVITE")
			f.answer(again, 407, f.challenge("Proxy-Authenticate"))
			f.want("acknowledged", "ACK")
			b.after(2003 * time.Millisecond)
			p.wantScreen("and that was it", "Wrong password")
			p.replace()
			home(p)
		}},
		{"call-not-registered", "A call on a line that is not registered is not even tried.", func(b *bench) {
			b.server.password = "another"
			p := b.newPhone()
			b.after(10 * time.Second)
			p.lift()
			b.after(503 * time.Millisecond)
			p.press("1", "0", "0", "2", "#")
			b.after(2003 * time.Millisecond)
			p.wantScreen("why not", "Not registered")
			p.replace()
			b.after(10 * time.Second)
			if p.server.take("INVITE") != nil {
				b.Error("it was tried")
			}
		}},
		{"answer", "A call comes; lifting the handset answers it; both hear each other; the far end hangs up.", func(b *bench) {
			p, f := b.registered(), b.server
			d := f.invite("1001", f.sdp("sendrecv"))
			d.want("it rings", 180, "INVITE")
			b.after(5003 * time.Millisecond)
			p.lift()
			ok := d.want("lifting the handset answers", 200, "INVITE")
			d.request("ACK")
			v := f.speak(ok.body)
			defer v.close()
			b.after(1003 * time.Millisecond)
			p.wantVoices("both talk", v)
			d.request("BYE")
			d.want("the phone agrees", 200, "BYE")
			b.after(3003 * time.Millisecond)
			p.replace()
			home(p)
		}},
	})
}

// onCall is a call of ours that is answered at once; it returns the far end's half.
func onCall(p *desk, options ...string) (*dialog, *heard) {
	p.Helper()
	f := p.server
	p.do(web.Call{To: "1002"})
	invite := f.want("the API places a call", "INVITE")
	f.answer(invite, 200, append([]string{f.sdp("sendrecv")}, options...)...)
	f.want("the answer is acknowledged", "ACK")
	p.after(1003 * time.Millisecond)
	return f.dialogOf(invite, "far"), invite
}

// refused is a scenario in which a call by the handset ends with code.
func refused(code int) func(b *bench) {
	return func(b *bench) {
		p, f := b.registered(), b.server
		invite := called(p)
		f.answer(invite, 180)
		b.after(1003 * time.Millisecond)
		f.answer(invite, code)
		f.want("a refusal is acknowledged", "ACK")
		b.after(7003 * time.Millisecond)
		p.replace()
		home(p)
	}
}

func TestEndings(t *testing.T) {
	runScenarios(t, []scenario{
		{"busy", "Busy: the tone and the words, until the handset goes back.", refused(486)},
		{"declined", "They decline.", refused(603)},
		{"not-found", "Nobody has this number.", refused(404)},
		{"no-answer", "It rings there for the whole INVITE_Expires of four minutes: the phone gives up and cancels.", func(b *bench) {
			p, f := b.registered(), b.server
			invite := called(p)
			f.answer(invite, 180)
			cancel := f.want("after four minutes", "CANCEL")
			f.answer(cancel, 200)
			f.answer(invite, 487)
			f.want("the 487 is acknowledged", "ACK")
			b.after(3003 * time.Millisecond)
			p.replace()
			home(p)
		}},
		{"cancel-before-100", "We hang up before anything came: no CANCEL before a provisional response (RFC 3261 section 9.1).", func(b *bench) {
			p, f := b.registered(), b.server
			invite := called(p)
			p.replace()
			b.after(1003 * time.Millisecond)
			f.answer(invite, 100)
			f.answer(f.want("now it may", "CANCEL"), 200)
			f.answer(invite, 487)
			f.want("the 487 is acknowledged", "ACK")
			home(p)
		}},
		{"cancel-after-100", "We hang up after 100.", func(b *bench) {
			p, f := b.registered(), b.server
			invite := called(p)
			f.answer(invite, 100)
			b.after(1003 * time.Millisecond)
			p.replace()
			f.answer(f.want("hanging up cancels", "CANCEL"), 200)
			f.answer(invite, 487)
			f.want("the 487 is acknowledged", "ACK")
			home(p)
		}},
		{"cancel-after-180", "We hang up while it rings, and call again at once.", func(b *bench) {
			p, f := b.registered(), b.server
			invite := called(p)
			f.answer(invite, 180)
			b.after(2003 * time.Millisecond)
			p.replace()
			cancel := f.want("hanging up cancels", "CANCEL")
			b.after(203 * time.Millisecond)
			p.do(web.Call{To: "1003"})
			again := f.want("the next call does not wait", "INVITE")
			f.answer(cancel, 200)
			f.answer(invite, 487)
			f.answer(again, 486)
			b.after(2003 * time.Millisecond)
			p.press("end")
			home(p)
		}},
		{"cancel-crosses-200", "The CANCEL crosses the 200: it is acknowledged, then said good-bye to.", func(b *bench) {
			p, f := b.registered(), b.server
			invite := called(p)
			f.answer(invite, 180)
			b.after(2003 * time.Millisecond)
			p.replace()
			b.after(33 * time.Millisecond) // the hook is debounced
			f.answer(invite, 200, f.sdp("sendrecv"))
			f.answer(f.want("hanging up cancels", "CANCEL"), 200)
			f.want("the 200 is acknowledged all the same", "ACK")
			f.answer(f.want("and ended", "BYE"), 200)
			home(p)
		}},
		{"forks", "Two telephones answer: the first wins, the second is acknowledged and left.", func(b *bench) {
			p, f := b.registered(), b.server
			invite := called(p)
			f.answer(invite, 180, "tag=kitchen")
			f.answer(invite, 180, "tag=office")
			b.after(1003 * time.Millisecond)
			f.answer(invite, 200, "tag=office", f.sdp("sendrecv"))
			b.after(3 * time.Millisecond)
			f.answer(invite, 200, "tag=kitchen", f.sdp("sendrecv"))
			f.want("the first is acknowledged", "ACK")
			f.want("the second is acknowledged", "ACK")
			f.answer(f.want("and left", "BYE"), 200)
			b.after(2003 * time.Millisecond)
			p.replace()
			f.answer(f.want("hanging up", "BYE"), 200)
			home(p)
		}},
		{"early-media", "Sound before the answer; no ringback over it; digits can be sent.", func(b *bench) {
			p, f := b.registered(), b.server
			invite := called(p)
			f.answer(invite, 183, f.sdp("sendrecv"))
			v := f.speak(invite.body)
			defer v.close()
			b.after(1003 * time.Millisecond)
			p.wantVoices("early media", v)
			p.press("5")
			b.after(1003 * time.Millisecond)
			f.answer(invite, 200, f.sdp("sendrecv"))
			f.want("the answer is acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantVoices("after the answer", v)
			p.replace()
			f.answer(f.want("hanging up", "BYE"), 200)
			home(p)
		}},
		{"early-media-elsewhere", "One fork plays an announcement, another answers with its own session: the voice follows the answer.", func(b *bench) {
			p, f := b.registered(), b.server
			invite := called(p)
			elsewhere := strings.ReplaceAll(f.sdp("sendrecv"), "audio 4000", "audio 4100")
			f.answer(invite, 183, "tag=gateway", elsewhere)
			b.after(1003 * time.Millisecond)
			f.answer(invite, 200, "tag=office", f.sdp("sendrecv"))
			f.want("the answer is acknowledged", "ACK")
			v := f.speak(invite.body)
			defer v.close()
			b.after(1003 * time.Millisecond)
			p.wantVoices("the one who answered", v)
			p.replace()
			f.answer(f.want("hanging up", "BYE"), 200)
			home(p)
		}},
		{"early-media-then-ringing", "An announcement, then ringing, then the answer repeats no session description: that of the 183 counts.", func(b *bench) {
			p, f := b.registered(), b.server
			invite := called(p)
			f.answer(invite, 183, f.sdp("sendrecv"))
			b.after(1003 * time.Millisecond)
			f.answer(invite, 180)
			b.after(1003 * time.Millisecond)
			f.answer(invite, 200)
			f.want("the answer is acknowledged", "ACK")
			v := f.speak(invite.body)
			defer v.close()
			b.after(1003 * time.Millisecond)
			p.wantVoices("the one who answered", v)
			d := f.dialogOf(invite, "far")
			d.request("INVITE", f.sdp("sendonly"))
			d.want("a hold right after", 200, "INVITE")
			d.request("ACK")
			b.after(1003 * time.Millisecond)
			p.replace()
			f.answer(f.want("hanging up", "BYE"), 200)
			home(p)
		}},
		{"late-180", "A 180 overtaken by its 200 changes nothing.", func(b *bench) {
			p, f := b.registered(), b.server
			invite := called(p)
			f.answer(invite, 200, f.sdp("sendrecv"))
			f.want("the answer is acknowledged", "ACK")
			f.mu.Lock()
			f.send(invite, f.response(invite, 180))
			f.mu.Unlock()
			b.after(1003 * time.Millisecond)
			p.replace()
			f.answer(f.want("hanging up", "BYE"), 200)
			home(p)
		}},
		{"no-codec", "The answer's session description cannot be used: the call ends, with a BYE, and says why.", func(b *bench) {
			p, f := b.registered(), b.server
			invite := called(p)
			f.answer(invite, 200, strings.ReplaceAll(f.sdp("sendrecv"), "RTP/AVP 0 8 101", "RTP/AVP 18"))
			f.want("the answer is acknowledged", "ACK")
			f.answer(f.want("and left", "BYE"), 200)
			b.after(3003 * time.Millisecond)
			p.replace()
			home(p)
		}},
		{"in-call-requests", "A repeated 200 is acknowledged again; OPTIONS and UPDATE within a call.", func(b *bench) {
			p, f := b.registered(), b.server
			d, invite := onCall(p)
			f.mu.Lock()
			f.send(invite, f.answers[invite.transaction()])
			f.mu.Unlock()
			f.want("a repeated 200 is acknowledged again", "ACK")
			d.request("OPTIONS")
			d.want("OPTIONS within the call", 200, "OPTIONS")
			d.request("UPDATE")
			d.want("what we did not allow", 405, "UPDATE")
			b.after(1003 * time.Millisecond)
			d.request("BYE")
			d.want("the far end hangs up", 200, "BYE")
			home(p)
		}},
	})
}

func TestAnswering(t *testing.T) {
	runScenarios(t, []scenario{
		{"reject", "The red key refuses a call: busy, not declined, so that a mailbox may take it.", func(b *bench) {
			p, f := b.registered(), b.server
			d := f.invite("1001", f.sdp("sendrecv"))
			d.want("it rings", 180, "INVITE")
			b.after(2003 * time.Millisecond)
			p.press("end")
			d.want("refused", 486, "INVITE")
			d.request("ACK failure")
			home(p)
		}},
		{"caller-cancels", "The caller gives up while it rings.", func(b *bench) {
			p, f := b.registered(), b.server
			d := f.invite("1001", f.sdp("sendrecv"))
			d.want("it rings", 180, "INVITE")
			b.after(2003 * time.Millisecond)
			d.request("CANCEL")
			d.want("the CANCEL is answered", 200, "CANCEL")
			d.want("the INVITE is ended", 487, "INVITE")
			d.request("ACK failure")
			home(p)
		}},
		{"cancel-crosses-answer", "The caller gives up at the moment we answer: the 200 stands, the CANCEL is too late, the caller hangs up.", func(b *bench) {
			p, f := b.registered(), b.server
			d := f.invite("1001", f.sdp("sendrecv"))
			d.want("it rings", 180, "INVITE")
			p.lift()
			b.after(27 * time.Millisecond) // the hook is debounced for 30 ms
			d.request("CANCEL")
			d.want("answered", 200, "INVITE")
			d.request("ACK")
			d.want("the CANCEL is answered, for nothing", 200, "CANCEL")
			d.request("BYE")
			d.want("the phone agrees", 200, "BYE")
			b.after(1003 * time.Millisecond)
			p.replace()
			home(p)
		}},
		{"answer-meets-cancel", "The CANCEL comes just before we answer: lifting the handset gives dial tone.", func(b *bench) {
			p, f := b.registered(), b.server
			d := f.invite("1001", f.sdp("sendrecv"))
			d.want("it rings", 180, "INVITE")
			p.lift()
			b.after(20 * time.Millisecond)
			d.request("CANCEL")
			d.want("ended", 487, "INVITE")
			d.request("ACK failure")
			b.after(1003 * time.Millisecond)
			p.replace()
			home(p)
		}},
		{"second-call", "Without call waiting a second caller hears busy, the first call goes on.", func(b *bench) {
			p, f := b.registered("CW_Setting=No"), b.server
			d, _ := onCall(p)
			second := f.invite("1001", f.sdp("sendrecv"))
			second.want("busy", 486, "INVITE")
			second.request("ACK failure")
			b.after(1003 * time.Millisecond)
			if n := p.ear.ports(); n != 1 {
				b.Errorf("%d calls hold ports", n)
			}
			d.request("BYE")
			d.want("the far end hangs up", 200, "BYE")
			home(p)
		}},
		{"offer-unusable", "A call nobody could talk in is refused before it rings.", func(b *bench) {
			p, f := b.registered(), b.server
			d := f.invite("1001", strings.ReplaceAll(f.sdp("sendrecv"), "RTP/AVP 0 8 101", "RTP/AVP 18"))
			d.want("not acceptable", 488, "INVITE")
			d.request("ACK failure")
			home(p)
		}},
		{"delayed-offer-in", "The caller leaves the offer to us: it is in the 200, the answer in the ACK.", func(b *bench) {
			p, f := b.registered(), b.server
			d := f.invite("1001")
			d.want("it rings", 180, "INVITE")
			b.after(1003 * time.Millisecond)
			p.lift()
			ok := d.want("answered with an offer", 200, "INVITE")
			d.request("ACK", f.sdp("sendrecv"))
			v := f.speak(ok.body)
			defer v.close()
			b.after(1003 * time.Millisecond)
			p.wantVoices("both talk", v)
			p.replace()
			f.answer(f.want("hanging up", "BYE"), 200)
			home(p)
		}},
		{"delayed-offer-unanswered", "Our offer in the 200 gets no answer in the ACK: there is no session, the call ends.", func(b *bench) {
			p, f := b.registered(), b.server
			d := f.invite("1001")
			d.want("it rings", 180, "INVITE")
			p.lift()
			d.want("answered with an offer", 200, "INVITE")
			d.request("ACK")
			f.answer(f.want("no session, no call", "BYE"), 200)
			b.after(1003 * time.Millisecond)
			p.replace()
			home(p)
		}},
		{"called-on-hold", "A caller who holds us from the first moment: the screen says so, and talks when taken back.", func(b *bench) {
			p, f := b.registered(), b.server
			d := f.invite("1001", f.sdp("sendonly"))
			d.want("it rings", 180, "INVITE")
			p.lift()
			d.want("answered", 200, "INVITE")
			d.request("ACK")
			b.after(1003 * time.Millisecond)
			if s := p.callState(); s != phone.StateRemoteHeld.String() {
				b.Errorf("the call is %s", s)
			}
			d.request("INVITE", f.sdp("sendrecv"))
			d.want("taken back", 200, "INVITE")
			d.request("ACK")
			b.after(1003 * time.Millisecond)
			if s := p.callState(); s != phone.StateConnected.String() {
				b.Errorf("the call is %s", s)
			}
			d.request("BYE")
			d.want("the far end hangs up", 200, "BYE")
			b.after(1003 * time.Millisecond)
			p.replace()
			home(p)
		}},
		{"unanswered", "Nobody comes to the phone for three minutes: the caller is told.", func(b *bench) {
			p, f := b.registered(), b.server
			d := f.invite("1001", f.sdp("sendrecv"))
			d.want("it rings", 180, "INVITE")
			d.want("enough", 480, "INVITE")
			d.request("ACK failure")
			home(p)
		}},
	})
}
