package sip

import "testing"

// A notifier that is reached by a connection, which cannot be opened, is not tried again and again when our own address
// or connection has changed: it waits its time as after any failure.
func TestSubscriptionUnreachable(t *testing.T) {
	for _, tt := range []struct{ name, script string }{
		{"address", "> config register=yes mail=mail.test\n> up a\n> start\n" +
			"> a: notify state=\"active;expires=600\" {Messages-Waiting: yes}\n" +
			"> a: SUBSCRIBE 200 h=\"Expires: 600\" contact=sip:mail@10.0.0.4:5060;transport=tcp\n> wait 1s\n> address 10.0.0.51\n"},
		{"connection", "> config register=yes transport=TCP mail=mail.test\n> up a\n> start\n" +
			"> a: notify state=\"active;expires=600\" {Messages-Waiting: yes}\n" +
			"> a: SUBSCRIBE 200 h=\"Expires: 600\" contact=sip:mail@10.0.0.4:5060;transport=tcp\n> wait 60s\n> closed connection reset by peer\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			s.play([]byte(tt.script))
			n := 0
			for ; len(s.opens) > 0 && n < 20; n++ {
				s.closed("connection refused")
			}
			if n == 0 || n > 3 {
				t.Errorf("%d connections are tried at one moment", n)
			}
		})
	}
}
