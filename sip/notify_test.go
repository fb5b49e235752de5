package sip

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// notifyWith is a NOTIFY with header lines, as the gate lets it in; nil: it does not.
func notifyWith(lines ...string) *sipmsg.Request {
	v := Admit([]byte("NOTIFY sip:1001@10.0.0.50 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n"+
		"Call-ID: x\r\nCSeq: 1 NOTIFY\r\nMax-Forwards: 70\r\n"+strings.Join(lines, "\r\n")+"\r\n\r\n"), false)
	return v.Request
}

func TestSubscriptionState(t *testing.T) {
	for _, c := range []struct {
		text string
		want subState
		ok   bool
	}{
		{"active", subState{state: "active"}, true},
		{"Active ; Expires = 60", subState{state: "active", expires: time.Minute, limited: true}, true},
		{"pending;expires=0", subState{state: "pending", limited: true}, true},
		{"terminated;reason=Deactivated", subState{state: "terminated", reason: "deactivated"}, true},
		{"terminated;reason=probation;retry-after=120", subState{state: "terminated", reason: "probation", retryAfter: 2 * time.Minute}, true},
		{"terminated;retry-after=soon;expires=-1;reason", subState{state: "terminated"}, true},
		{"active;expires=99999999999", subState{state: "active"}, true},
		{"waiting;x=\"a;b\"", subState{state: "waiting"}, true},
		{"", subState{}, false},
		{";expires=60", subState{}, false},
	} {
		req := notifyWith("Subscription-State: " + c.text)
		if req == nil {
			t.Fatalf("%q is not admitted", c.text)
		}
		if got, ok := subscriptionState(req); got != c.want || ok != c.ok {
			t.Errorf("%q: %+v %v, want %+v %v", c.text, got, ok, c.want, c.ok)
		}
	}
	if _, ok := subscriptionState(notifyWith("Event: message-summary")); ok {
		t.Error("no header is a state")
	}
}

func TestEventOf(t *testing.T) {
	for text, want := range map[string][2]string{
		"Event: message-summary":           {"message-summary", ""},
		"o: Message-Summary ; id = 7":      {"message-summary", "7"},
		"Event: dialog;call-id=1;ID=a":     {"dialog", "a"},
		"Event: check-sync;reboot=true":    {"check-sync", ""},
		"Subscription-State: active;id=12": {"", ""},
	} {
		if name, id := eventOf(notifyWith(text)); name != want[0] || id != want[1] {
			t.Errorf("%q: %q %q", text, name, id)
		}
	}
}

// FuzzNotify: whatever a notifier says, the line does not ask it too often, and holds on to nothing after the end. What
// it says goes through the gate as everything does.
func FuzzNotify(f *testing.F) {
	f.Add("active;expires=60", "message-summary", "60", "", uint16(200), "Voice-Message: 1/0 (0/0)")
	f.Add("terminated;reason=deactivated", "message-summary", "0", "", uint16(202), "")
	f.Add("terminated;reason=probation;retry-after=1", "message-summary;id=1", "1", "1", uint16(481), "x")
	f.Add("pending;expires=0", "Message-Summary", "4294967295", "2;duration=3", uint16(503), "")
	f.Add("active;expires=1", "message-summary", "3600", "0 (now)", uint16(423), "")
	f.Add("active;expires=1", "message-summary", "3600", "", uint16(0), "")
	f.Add("active;expires=0", "message-summary", "1", "", uint16(0), "")
	f.Fuzz(func(t *testing.T, state, event, expires, after string, code uint16, body string) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		begin, a := now, netip.MustParseAddrPort("10.0.0.1:5060")
		flow := Flow{UDP, 0, netip.MustParseAddrPort("0.0.0.0:5060"), a}
		timers := DefaultTimers()
		agent := New(Config{
			Timers: timers, TryBackupRSC: "503", LocalAddrs: []netip.Addr{netip.MustParseAddr("10.0.0.50")}, Random: rand.NewChaCha8([32]byte{1}),
			Lines: []Line{{Number: 1, Enabled: true, User: "1001", Proxy: "10.0.0.1", Transport: "UDP", Register: true, Expires: time.Hour, Local: flow.Local,
				VoiceMailEnable: true, VoiceMailServer: "mail.test", FailoverTimeout: time.Second}},
		})
		subscribes, notifies := 0, uint32(0)
		var pending []Input
		act := func(in Input) {
			for _, n := range agent.Step(now, in).Net {
				send, ok := n.(Send)
				if !ok {
					continue
				}
				v := Admit(send.Data, false)
				if v.Request == nil {
					if v.Response == nil {
						t.Fatalf("no gate admits %q", send.Data)
					}
					continue
				}
				req := v.Request
				seen := netip.MustParseAddrPort("10.0.0.50:5060")
				if req.Method != sipmsg.SUBSCRIBE {
					pending = append(pending, Received{flow, response(req, seen, 200, "t", []string{"Expires: 3600"})})
					continue
				}
				if subscribes++; subscribes > 40 && subscribes > int(now.Sub(begin)/time.Second) {
					t.Fatalf("%d SUBSCRIBEs in %s", subscribes, now.Sub(begin))
				}
				status := 200 + int(code)%500
				if subscribes%2 == 1 || status < 200 {
					status = 200
				}
				pending = append(pending, Received{flow, response(req, seen, status, "t", []string{"Expires: " + expires, "Min-Expires: " + expires, "Retry-After: " + after})})
				notifies++
				pending = append(pending, Received{flow, fmt.Appendf(nil, "NOTIFY %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKn%d\r\nFrom: <sip:1001@mail.test>;tag=t\r\n"+
					"To: <sip:1001@10.0.0.1>;tag=%s\r\nCall-ID: %s\r\nCSeq: %d NOTIFY\r\nMax-Forwards: 70\r\nContact: <sip:m@10.0.0.1>\r\nEvent: %s\r\nSubscription-State: %s\r\n"+
					"Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s", req.Contact().Address.String(), notifies, fromTag(req), req.CallID().Value(), notifies, event, state, summaryType, len(body), body)})
			}
		}
		settle := func() {
			for n := 0; len(pending) > 0; n++ {
				if n > 1000 {
					t.Fatal("it does not come to rest")
				}
				in := pending[0]
				pending = pending[1:]
				act(in)
			}
		}
		act(Tick{})
		settle()
		for end := now.Add(20 * time.Minute); now.Before(end); {
			next := agent.Next()
			if next.IsZero() || next.After(end) {
				break
			}
			now = next
			act(Tick{})
			settle()
		}
		act(Shutdown{})
		settle()
		for range 1000 {
			next := agent.Next()
			if next.IsZero() || next.Sub(now) > 5*time.Minute {
				break
			}
			now = next
			act(Tick{})
			settle()
		}
		if !agent.Idle() {
			t.Error("it is not idle after the end")
		}
		for _, s := range agent.subs {
			if !s.over {
				t.Error("a subscription is kept after the end")
			}
		}
	})
}
