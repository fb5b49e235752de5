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
	})
}
