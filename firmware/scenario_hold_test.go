package main

import (
	"strings"
	"testing"
	"time"

	"dialtone/phone"
	"dialtone/web"
)

func (p *desk) wantState(sentence string, want phone.CallState) {
	p.Helper()
	if got := p.callState(); got != want.String() {
		p.Errorf("%s: the call is %q, want %s", sentence, got, want)
	}
}

// leave ends the call there is by the far end and checks that nothing is left.
func leave(p *desk, d *dialog) {
	p.Helper()
	d.request("BYE")
	d.want("the far end hangs up", 200, "BYE")
	if p.lifted {
		p.after(1003 * time.Millisecond)
		p.replace()
	}
	home(p)
}

func TestHolding(t *testing.T) {
	runScenarios(t, []scenario{
		{"held-by-them", "The far end holds us and takes us back.", func(b *bench) {
			p, f := b.registered(), b.server
			d, invite := onCall(p)
			v := f.speak(invite.body)
			defer v.close()
			d.request("INVITE", f.sdp("sendonly"))
			d.want("held", 200, "INVITE")
			d.request("ACK")
			v.take()
			b.after(1003 * time.Millisecond)
			p.wantState("held by them", phone.StateRemoteHeld)
			if n := len(v.take()); n > 400 {
				b.Errorf("%d samples are sent to somebody who holds us", n)
			}
			d.request("INVITE", f.sdp("sendrecv"))
			d.want("taken back", 200, "INVITE")
			d.request("ACK")
			b.after(1003 * time.Millisecond)
			p.wantState("taken back", phone.StateConnected)
			p.wantVoices("taken back", v)
			leave(p, d)
		}},
		{"held-old-style", "Hold as RFC 2543 had it: c=0.0.0.0. Nothing is sent there.", func(b *bench) {
			p, f := b.registered(), b.server
			d, _ := onCall(p)
			d.request("INVITE", strings.Replace(f.sdp("sendrecv"), "c=IN IP4 10.0.0.1", "c=IN IP4 0.0.0.0", 1))
			d.want("held", 200, "INVITE")
			d.request("ACK")
			b.after(1003 * time.Millisecond)
			p.wantState("held by them", phone.StateRemoteHeld)
			leave(p, d)
		}},
		{"hold", "We hold and take back, by key.", func(b *bench) {
			p, f := b.registered(), b.server
			d, invite := onCall(p)
			v := f.speak(invite.body)
			defer v.close()
			p.press("hold")
			hold := f.want("Hold offers to send only", "INVITE")
			f.answer(hold, 200, f.sdp("recvonly"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantState("on hold", phone.StateHeld)
			v.take()
			b.after(1003 * time.Millisecond)
			if n := len(v.take()); n > 0 {
				b.Errorf("%d samples are sent to somebody we hold", n)
			}
			p.press("hold")
			f.answer(f.want("and takes back", "INVITE"), 200, f.sdp("sendrecv"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantState("taken back", phone.StateConnected)
			p.wantVoices("taken back", v)
			leave(p, d)
		}},
		{"hold-api-on-hook", "We hold by the API, put the handset back, lift it again: the call is taken back.", func(b *bench) {
			p, f := b.registered(), b.server
			invite := called(p)
			f.answer(invite, 200, f.sdp("sendrecv"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.do(web.Hold{ID: 1})
			f.answer(f.want("held", "INVITE"), 200, f.sdp("recvonly"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.replace()
			b.after(5003 * time.Millisecond)
			p.lift()
			f.answer(f.want("taken back", "INVITE"), 200, f.sdp("sendrecv"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantState("taken back", phone.StateConnected)
			p.replace()
			f.answer(f.want("hanging up", "BYE"), 200)
			home(p)
		}},
		{"hold-refused", "The far end does not want to be held: the call goes on as it was.", func(b *bench) {
			p, f := b.registered(), b.server
			d, invite := onCall(p)
			v := f.speak(invite.body)
			defer v.close()
			p.press("hold")
			f.answer(f.want("Hold offers", "INVITE"), 488)
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantState("refused", phone.StateConnected)
			p.wantVoices("as it was", v)
			leave(p, d)
		}},
		{"hold-503", "The server is overloaded and refuses the hold for itself: that is not the far end's wish.", func(b *bench) {
			p, f := b.registered(), b.server
			d, invite := onCall(p)
			v := f.speak(invite.body)
			defer v.close()
			p.press("hold")
			f.answer(f.want("Hold offers", "INVITE"), 503)
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantScreen("the screen says whose fault it is", "Out of service")
			p.wantState("not held", phone.StateConnected)
			p.wantVoices("as it was", v)
			leave(p, d)
		}},
		{"hold-unanswered", "Nobody answers the hold: the screen says so, and does not blame the far end.", func(b *bench) {
			p, f := b.registered(), b.server
			d, _ := onCall(p)
			f.deafen(true)
			p.press("hold")
			b.after(17003 * time.Millisecond)
			p.wantScreen("the screen says that nobody answered", "No reply")
			p.wantState("not held", phone.StateConnected)
			f.deafen(false)
			leave(p, d)
		}},
		{"hold-both", "Both hold, both take back: who holds is heard by nobody.", func(b *bench) {
			p, f := b.registered(), b.server
			d, invite := onCall(p)
			v := f.speak(invite.body)
			defer v.close()
			p.press("hold")
			f.answer(f.want("we hold", "INVITE"), 200, f.sdp("recvonly"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			d.request("INVITE", f.sdp("inactive"))
			ok := d.want("they hold", 200, "INVITE")
			if got := sdpDirection(ok.body); got != "inactive" {
				b.Errorf("held by both is %s", got)
			}
			d.request("ACK")
			b.after(1003 * time.Millisecond)
			p.press("hold")
			f.answer(f.want("we take back, they do not", "INVITE"), 200, f.sdp("sendonly"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantState("they still hold", phone.StateRemoteHeld)
			d.request("INVITE", f.sdp("sendrecv"))
			d.want("they take back", 200, "INVITE")
			d.request("ACK")
			b.after(1003 * time.Millisecond)
			p.wantState("both are back", phone.StateConnected)
			p.wantVoices("both are back", v)
			leave(p, d)
		}},
		{"reoffer-delayed", "The far end asks for our offer in the middle of a call (3pcc).", func(b *bench) {
			p, f := b.registered(), b.server
			d, invite := onCall(p)
			d.request("INVITE")
			d.want("an offer in the 200", 200, "INVITE")
			d.request("ACK", f.sdp("sendrecv"))
			v := f.speak(invite.body)
			defer v.close()
			b.after(1003 * time.Millisecond)
			p.wantVoices("as agreed anew", v)
			d.request("INVITE")
			d.want("an offer again", 200, "INVITE")
			d.request("ACK") // without an answer: the session stays what it was
			b.after(1003 * time.Millisecond)
			p.wantVoices("as it was", v)
			leave(p, d)
		}},
		{"glare", "Both offer at the same moment: 491 each way, both try again at their own time, and both get through.", func(b *bench) {
			p, f := b.registered(), b.server
			d, invite := onCall(p)
			v := f.speak(invite.body)
			defer v.close()
			p.press("hold")
			b.after(5 * time.Millisecond) // the key is read
			d.request("INVITE", f.sdp("sendrecv"))
			hold := f.want("ours", "INVITE")
			f.answer(hold, 491)
			d.want("theirs", 491, "INVITE")
			d.request("ACK failure")
			f.want("acknowledged", "ACK")
			b.after(1203 * time.Millisecond)
			d.request("INVITE", f.sdp("sendrecv")) // who did not make the Call-ID waits less: 0 to 2 s
			d.want("theirs gets through", 200, "INVITE")
			d.request("ACK")
			again := f.want("then ours", "INVITE")
			if got := sdpDirection(again.body); got != "sendonly" {
				b.Errorf("our second offer says %s", got)
			}
			f.answer(again, 200, f.sdp("recvonly"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantState("held after all", phone.StateHeld)
			p.press("hold")
			f.answer(f.want("taken back", "INVITE"), 200, f.sdp("sendrecv"))
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantVoices("taken back", v)
			leave(p, d)
		}},
		{"glare-then-refused", "Our hold is overtaken by theirs and then refused: what is answered later is no hold.", func(b *bench) {
			p, f := b.registered(), b.server
			d, invite := onCall(p)
			v := f.speak(invite.body)
			defer v.close()
			p.press("hold")
			f.answer(f.want("ours", "INVITE"), 491)
			f.want("acknowledged", "ACK")
			b.after(503 * time.Millisecond)
			d.request("INVITE", f.sdp("sendrecv"))
			d.want("theirs comes first", 200, "INVITE")
			d.request("ACK")
			f.answer(f.want("ours again", "INVITE"), 488)
			f.want("acknowledged", "ACK")
			b.after(1003 * time.Millisecond)
			p.wantState("refused", phone.StateConnected)
			d.request("INVITE", f.sdp("sendrecv"))
			if ok := d.want("and theirs again", 200, "INVITE"); sdpDirection(ok.body) != "sendrecv" {
				b.Errorf("a hold that was refused is in the answer: %s", sdpDirection(ok.body))
			}
			d.request("ACK")
			b.after(1003 * time.Millisecond)
			p.wantVoices("as it was", v)
			leave(p, d)
		}},
		{"glare-for-ever", "They answer 491 whatever we do: the hold fails, the call goes on.", func(b *bench) {
			p, f := b.registered(), b.server
			d, _ := onCall(p)
			p.press("hold")
			tries := 0
			for range 200 {
				for h := f.take("INVITE"); h != nil; h = f.take("INVITE") {
					f.answer(h, 491)
					f.want("acknowledged", "ACK")
					tries++
				}
				b.after(203 * time.Millisecond)
			}
			if tries < 5 || tries > 60 {
				b.Errorf("%d times a hold was tried", tries)
			}
			p.wantState("given up", phone.StateConnected)
			leave(p, d)
		}},
		{"bye-while-holding", "The far end hangs up while our hold is under way.", func(b *bench) {
			p, f := b.registered(), b.server
			d, _ := onCall(p)
			p.press("hold")
			hold := f.want("Hold offers", "INVITE")
			d.request("BYE")
			d.want("they hang up", 200, "BYE")
			f.answer(hold, 481)
			home(p)
		}},
		{"digits", "Digits in a call: as telephone-events, and as INFO where the line wants that.", func(b *bench) {
			p, f := b.registered("DTMF_Tx_Method_1_=INFO"), b.server
			d, _ := onCall(p)
			p.press("4", "#")
			for range 2 {
				info := f.want("a digit is an INFO", "INFO")
				b.note("body %q", info.body)
				f.answer(info, 200)
			}
			d.request("INFO", "Content-Type: application/dtmf-relay", "body=Signal=7\r\nDuration=160\r\n")
			d.want("theirs too", 200, "INFO")
			b.after(1003 * time.Millisecond)
			if c := p.status().Calls[0]; c.Heard != "7" || c.Sent != "4#" {
				b.Errorf("heard %q, sent %q", c.Heard, c.Sent)
			}
			leave(p, d)
		}},
	})
}
