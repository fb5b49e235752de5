package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"dialtone/hal"
	"dialtone/phone"
	"dialtone/web"
)

// inForce is a parameter of the phone as it is in force.
func (p *desk) inForce(tag string) string {
	p.Helper()
	s, err := p.api.Settings(p.Context())
	if err != nil {
		p.Fatal(err)
	}
	v, _ := s.Get(tag)
	return v
}

// kept is a parameter as it is on the disk.
func (p *desk) kept(tag string) string {
	s, ok := p.shelf.onDisk()
	if !ok {
		return ""
	}
	v, _ := s.Get(tag)
	return v
}

func TestSettings(t *testing.T) {
	const rule = "http://10.0.0.2/phone.xml"
	runScenarios(t, []scenario{
		{"settings-password", "A wrong password is put right on the web: the line registers at once.", func(b *bench) {
			b.server.password = "better"
			p := b.newPhone()
			b.after(5 * time.Second)
			if err := p.update("Password_1_=better"); err != nil {
				b.Error(err)
			}
			b.after(10 * time.Second)
			p.wantScreen("the new password is right", "Ready")
			if p.kept("Password_1_") != "better" {
				b.Error("it is not on the disk")
			}
		}},
		{"settings-new-line", "A second line is set up while the phone runs: it registers from its own port; the first is left alone.", func(b *bench) {
			p := b.registered()
			sockets := p.host.Sockets()
			if err := p.update("User_ID_2_=2001", "Proxy_2_=10.0.0.1", "SIP_Port_2_=5061"); err != nil {
				b.Error(err)
			}
			b.after(5 * time.Second)
			d := b.server.invite("2001", b.server.sdp("sendrecv"))
			d.want("the second line rings", 180, "INVITE")
			p.press("end")
			d.want("refused", 486, "INVITE")
			d.request("ACK failure")
			if err := p.update("Line_Enable_2_=No"); err != nil {
				b.Error(err)
			}
			b.after(5 * time.Second)
			if n := p.host.Sockets(); n <= sockets {
				b.Error("the sockets are closed while the registration is being removed")
			}
			home(p)
			if n := p.host.Sockets(); n != sockets {
				b.Errorf("%d sockets, there were %d", n, sockets)
			}
		}},
		{"settings-new-proxy", "The line moves to another proxy: it leaves the old one and registers at the new one.", func(b *bench) {
			p := b.registered()
			other := newFar(b, "10.0.0.4")
			defer other.close()
			if err := p.update("Proxy_1_=10.0.0.4"); err != nil {
				b.Error(err)
			}
			b.after(5 * time.Second)
			p.wantScreen("registered there", "Ready")
			if s := p.status().Lines[0]; s.Active != "udp:10.0.0.4:5060" {
				b.Errorf("the line is at %s", s.Active)
			}
			p.stop()
		}},
		{"settings-in-call", "Settings change during a call: the call goes on, even on the line that changes.", func(b *bench) {
			p := b.registered()
			d, invite := onCall(p)
			v := b.server.speak(invite.body)
			defer v.close()
			if err := p.update("Display_Name_1_=Ann", "Dial_Tone=440@-10;10(*/0/1)"); err != nil {
				b.Error(err)
			}
			b.after(2003 * time.Millisecond)
			p.wantVoices("the call goes on", v)
			leave(p, d)
		}},
		{"settings-disk-full", "The disk is full: the change is refused and nothing changes, also not what was built on it.", func(b *bench) {
			p := b.registered()
			p.shelf.slow(500 * time.Millisecond)
			p.shelf.fail(1)
			errs := make(chan error, 2)
			go func() { errs <- p.update("Display_Name_1_=Ann") }()
			b.after(100 * time.Millisecond)
			go func() { errs <- p.update("Station_Name=Desk") }()
			b.after(3 * time.Second)
			for range 2 {
				if err := <-errs; err == nil || !strings.Contains(err.Error(), "no space left") {
					b.Errorf("the error is %v", err)
				}
			}
			for _, tag := range []string{"Display_Name_1_", "Station_Name"} {
				if is, kept := p.inForce(tag), p.kept(tag); is != "" || kept != "" {
					b.Errorf("%s is %q, and %q on the disk", tag, is, kept)
				}
			}
			if err := p.update("Station_Name=Desk"); err != nil || p.inForce("Station_Name") != "Desk" || p.kept("Station_Name") != "Desk" {
				b.Errorf("afterwards: %v, %q, %q", err, p.inForce("Station_Name"), p.kept("Station_Name"))
			}
		}},
		{"settings-two-at-once", "Two changes at once: both are in force, none is lost.", func(b *bench) {
			p := b.registered()
			errs := make(chan error, 2)
			go func() { errs <- p.update("Display_Name_1_=Ann") }()
			b.after(3 * time.Millisecond)
			go func() { errs <- p.update("Station_Name=Desk") }()
			for range 2 {
				if err := <-errs; err != nil {
					b.Error(err)
				}
			}
			b.after(2003 * time.Millisecond)
			if p.inForce("Display_Name_1_") != "Ann" || p.inForce("Station_Name") != "Desk" || p.kept("Display_Name_1_") != "Ann" || p.kept("Station_Name") != "Desk" {
				b.Error("a change is lost")
			}
		}},
		{"resync-notify", "The server wants a resync by NOTIFY: the profile is fetched, what is wrong in it is refused alone.", func(b *bench) {
			b.server.password = "secret"
			p := b.registered("Profile_Rule="+rule, "Resync_Random_Delay=0", "Auth_Resync-Reboot_1_=No")
			p.shelf.offer(rule, profile("Display_Name_1_=Ann", "SIP_T1=soon", "Nonsense=1"))
			d := b.server.notify("1001", "check-sync")
			d.want("agreed", 200, "NOTIFY")
			b.after(2003 * time.Millisecond)
			if p.inForce("Display_Name_1_") != "Ann" || p.inForce("SIP_T1") != ".5" && p.inForce("SIP_T1") != "0.5" {
				b.Errorf("in force are %q and T1 %q", p.inForce("Display_Name_1_"), p.inForce("SIP_T1"))
			}
			if s := p.status().Provisioning; s.Result != "ok" || s.Rule != rule {
				b.Errorf("provisioning: %+v", s)
			}
		}},
		{"resync-authorized", "A NOTIFY that wants a resync has to prove that it comes from the server.", func(b *bench) {
			p := b.registered("Profile_Rule=" + rule)
			d := b.server.notify("1001", "resync")
			d.want("who are you?", 401, "NOTIFY")
			b.after(2003 * time.Millisecond)
			if r := p.status().Provisioning.Result; r != "" {
				b.Errorf("provisioning: %s", r)
			}
		}},
		{"resync-at-start", "A phone that knows a Profile_Rule fetches it after the start, again in time, and after failures sooner.", func(b *bench) {
			p := b.newDesk("", "10.0.0.50", "Profile_Rule="+rule, "Resync_Random_Delay=0", "Resync_Periodic=3600", "Resync_Error_Retry_Delay=60,600")
			p.start()
			b.after(5 * time.Millisecond) // off the answer of the registrar
			p.set.mail(p.set.ctx, begun{})
			b.after(20 * time.Minute)
			p.shelf.offer(rule, profile("Station_Name=Desk"))
			b.after(2 * time.Hour)
			if s := p.status().Provisioning; s.Result != "ok" || s.Next <= 0 {
				b.Errorf("provisioning: %+v", s)
			}
			if p.inForce("Station_Name") != "Desk" {
				b.Error("the profile is not in force")
			}
		}},
		{"resync-in-call", "A profile that comes during a call waits for its end.", func(b *bench) {
			p := b.registered()
			p.shelf.offer(rule, profile("Station_Name=Desk"))
			d, _ := onCall(p)
			p.do(web.Resync{URL: rule})
			b.after(5003 * time.Millisecond)
			if p.inForce("Station_Name") != "" {
				b.Error("the profile did not wait")
			}
			if r := p.do(web.Resync{URL: rule}); r.Outcome != web.Conflict {
				b.Errorf("a second resync meanwhile: %+v", r)
			}
			leave(p, d)
			if p.inForce("Station_Name") != "Desk" {
				b.Error("the profile was forgotten")
			}
		}},
		{"reboot-notify", "The server wants a restart by NOTIFY: the phone says good-bye and stops.", func(b *bench) {
			p := b.registered("Auth_Resync-Reboot_1_=No")
			d := b.server.notify("1001", "reboot")
			d.want("agreed", 200, "NOTIFY")
			if err := <-p.done; err != nil {
				b.Errorf("it ended with %v", err)
			}
			p.cancel = nil
		}},
		{"mwi", "The server tells of voice messages, and the dial tone tells the user.", func(b *bench) {
			p := b.registered()
			d := b.server.notify("1001", "message-summary", "Content-Type: application/simple-message-summary", "body=Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n")
			d.want("agreed", 200, "NOTIFY")
			b.after(103 * time.Millisecond)
			if m := p.status().Lines[0].MWI; m.New != 2 || m.Old != 8 {
				b.Errorf("messages: %+v", m)
			}
			p.lift()
			b.after(1003 * time.Millisecond)
			p.replace()
			b.after(103 * time.Millisecond)
		}},
		{"banner", "A password made up at the first start is on the screen until the first key.", func(b *bench) {
			p := b.newDesk("", "10.0.0.50")
			p.set.banner = []string{"Web password:", "ABCDEFGHIJKL"}
			p.start()
			b.after(10 * time.Minute)
			p.wantScreen("it waits for its reader", "ABCDEFGHIJKL")
			p.press(hal.Back)
			b.after(103 * time.Millisecond)
			p.wantScreen("then the phone is itself", "Ready")
		}},
		{"do-not-disturb", "Do not disturb set by the web page: a caller hears busy, nothing rings.", func(b *bench) {
			p := b.registered()
			if err := p.update("DND_Setting=Yes"); err != nil {
				b.Error(err)
			}
			d := b.server.invite("1001", b.server.sdp("sendrecv"))
			d.want("busy", 486, "INVITE")
			d.request("ACK failure")
			home(p)
		}},
	})
}

// notify sends a NOTIFY outside of any dialog.
func (f *far) notify(user, event string, options ...string) *dialog {
	f.b.Helper()
	f.mu.Lock()
	f.serial++
	reg := f.contacts[user]
	d := &dialog{f: f, callID: "notify@far", local: "<sip:1001@10.0.0.1>;tag=n", remote: "<sip:1001@10.0.0.1>", by: reg, seq: f.serial}
	d.target = inBrackets(reg.get("Contact"))
	f.mu.Unlock()
	d.request("NOTIFY", append([]string{"Event: " + event}, options...)...)
	return d
}

// TestStopWhileAsking: who waits for the phone when it stops gets an answer.
func TestStopWhileAsking(t *testing.T) {
	inBench(t, func(b *bench) {
		p := b.registered()
		p.shelf.slow(time.Hour)
		errs := make(chan error, 1)
		go func() { errs <- p.update("Station_Name=Desk") }()
		b.after(103 * time.Millisecond)
		p.stop()
		if err := <-errs; err == nil {
			t.Error("a change that never reached the disk is no error")
		}
		if _, err := p.api.Status(p.Context()); err == nil {
			t.Error("a stopped phone has a status")
		}
		if r, err := p.api.Do(p.Context(), web.Call{To: "1"}); err != nil || r.Outcome != web.Unavailable {
			t.Errorf("a stopped phone says %+v, %v", r, err)
		}
	})
}

// TestCommands: what the API may and may not do in each state.
func TestCommands(t *testing.T) {
	inBench(t, func(b *bench) {
		p := b.registered()
		want := func(sentence string, c web.Command, outcome web.Outcome, text string) {
			t.Helper()
			if r := p.do(c); r.Outcome != outcome || !strings.Contains(r.Text, text) {
				t.Errorf("%s: %v %q, want %v %q", sentence, r.Outcome, r.Text, outcome, text)
			}
		}
		var ok web.Outcome
		want("no such call", web.Hangup{ID: 7}, web.NotFound, "there is no call c7")
		want("no such line", web.Call{To: "1002", Line: 9}, web.Invalid, "there is no line 9")
		want("no such key", web.PressKeys{Keys: []web.KeyStep{{Key: "any", Press: true}}}, web.Invalid, `there is no key "any"`)
		want("nothing to resync", web.Resync{}, web.Conflict, "names no server or file yet")
		want("keys", web.PressKeys{Keys: []web.KeyStep{{Key: "1", Press: true}, {Key: "2", Press: true}}}, ok, "")
		p.wantScreen("keys", "12")
		want("taking them back", web.PressKeys{Keys: []web.KeyStep{{Key: "back", Press: true}, {Key: "back", Press: true}}}, ok, "")
		want("lifting", web.PressKeys{Keys: []web.KeyStep{{Key: "hook"}, {Key: "hook", Down: true}}}, ok, "")
		want("a call", web.Call{To: "1002"}, ok, "")
		b.server.answer(b.server.want("a call", "INVITE"), 180)
		b.after(103 * time.Millisecond)
		want("holding what rings", web.Hold{ID: 1}, web.Conflict, "call c1 is ringing and cannot be put on hold")
		want("answering our own", web.Answer{ID: 1}, web.Conflict, "cannot be answered")
		want("resuming it", web.Resume{ID: 1}, web.Conflict, "cannot be resumed")
		want("digits", web.SendDTMF{ID: 1, Digits: "1"}, web.Conflict, "cannot be sent digits")
		want("hanging up", web.Hangup{ID: 1}, ok, "")
		b.after(103 * time.Millisecond)
		want("hanging up twice", web.Hangup{ID: 1}, web.Conflict, "call c1 is ended and cannot be ended")
		r := p.do(web.Call{To: " "})
		b.after(103 * time.Millisecond)
		if calls := p.status().Calls; !slices.ContainsFunc(calls, func(c web.CallStatus) bool {
			return c.ID == web.CallID(r.Call) && c.Reason.Title == phone.BadNumber.Title
		}) {
			t.Errorf("a call to nobody: %+v, %+v", r, calls)
		}
		if h := p.api.Heartbeat(); h > pulse {
			t.Errorf("the last sign of life was %v ago", h)
		}
		s, err := p.api.Screen(p.Context())
		if err != nil || len(s.Rows) != 4 || !s.Backlight {
			t.Errorf("the screen is %+v, %v", s, err)
		}
		b.server.answer(b.server.want("the first call", "CANCEL"), 200)
		want("a reboot", web.Reboot{}, ok, "")
		if err := <-p.done; err != nil {
			t.Error(err)
		}
		p.cancel = nil
	})
}
