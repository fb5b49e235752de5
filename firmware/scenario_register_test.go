package main

import (
	"testing"
	"time"
)

func TestRegistering(t *testing.T) {
	runScenarios(t, []scenario{
		{"register", "The registrar asks who we are; the phone registers, refreshes within the hour, and leaves when it stops.", func(b *bench) {
			b.server.password = "secret"
			p := b.newPhone()
			b.after(2 * time.Hour)
			if took := p.stop(); took > 2*time.Second {
				b.Errorf("stopping took %v", took)
			}
		}},
		{"wrong-password", "The registrar does not like the password: the screen says so, and it is not tried for ever.", func(b *bench) {
			b.server.password = "another"
			p := b.newPhone()
			b.after(time.Minute)
			p.wantScreen("a wrong password is told", "Wrong password")
			p.stop()
		}},
		{"register-423", "The registrar wants longer registrations: the phone asks for what it wants (RFC 3261 section 10.2.8).", func(b *bench) {
			b.server.register = func(h *heard, f *far) bool {
				if h.get("Expires") == "60" {
					f.respond(h, 423, "Min-Expires: 300")
					return true
				}
				return false
			}
			p := b.newPhone("Register_Expires_1_=60")
			b.after(10 * time.Minute)
			p.wantScreen("it agreed", "Ready")
			p.stop()
		}},
		{"register-shorter", "The registrar grants two minutes only: the phone refreshes in time.", func(b *bench) {
			b.server.expires = "120"
			p := b.newPhone()
			b.after(5 * time.Minute)
			p.wantScreen("registered all the time", "Ready")
		}},
		{"register-stop-deaf", "Asked to stop while the registrar is deaf: two seconds, no more.", func(b *bench) {
			p := b.registered()
			b.server.deafen(true)
			if took := p.stop(); took > 2*time.Second {
				b.Errorf("stopping took %v", took)
			}
		}},
		{"register-server-asleep", "The registrar is deaf at the start: the phone goes on trying, says so, and registers when it wakes.", func(b *bench) {
			b.server.deafen(true)
			p := b.newPhone()
			b.after(3 * time.Minute)
			p.wantScreen("nobody answers", "No reply")
			b.note("the server wakes")
			b.server.deafen(false)
			b.after(3 * time.Minute)
			p.wantScreen("registered after all", "Ready")
		}},
	})
}
