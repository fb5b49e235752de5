package main

import (
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
