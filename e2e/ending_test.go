//go:build e2e

package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestRefusals: each final answer ends the call, with a reason in words, and the line stays registered.
func TestRefusals(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{})
	titles := map[string]string{}
	for _, final := range []string{"486 Busy Here", "603 Decline", "404 Not Found", "480 Temporarily Unavailable", "488 Not Acceptable Here", "500 Server Internal Error"} {
		callee := startSIPp(t, sippOptions{scenario: "callee-refuses", values: map[string]any{"Final": final, "Ring": 50}})
		c := p.wantCall(final, "ended", p.dial(callee.number))
		callee.wantDone(final + " is acknowledged")
		if c.Reason.Title == "" {
			t.Errorf("%s: no reason is given", final)
		}
		titles[final] = c.Reason.Title
		p.endTone()
	}
	t.Logf("the words are %q", titles)
	if titles["486 Busy Here"] == titles["404 Not Found"] {
		t.Error("busy and unknown have the same words")
	}
	if p.wantLine("a failed call says nothing about the registration", "registered"); len(lab.proxy.contacts(p.user)) != 1 {
		t.Error("a failed call took the registration away")
	}
}

// endTone makes the phone idle after a failed call, when it plays its reorder tone.
func (p *phone) endTone() {
	p.t.Helper()
	p.key("end")
	p.wantIdle("the key End ends the tone")
}

func TestUnknownNumber(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{})
	c := p.wantCall("nobody has this number", "ended", p.dial("5555"))
	t.Logf("the words are %q", c.Reason)
	if c.Reason.Title == "" {
		t.Error("no reason is given")
	}
}

// TestCancel gives up a call at every stage. The callee's side is checked by SIPp: what must come, and nothing else.
func TestCancel(t *testing.T) {
	t.Parallel()
	t.Run("before any answer", func(t *testing.T) {
		t.Parallel()
		callee := startSIPp(t, sippOptions{scenario: "callee-silent", values: map[string]any{"Silence": 1200}})
		p := startPhone(t, phoneOptions{domain: callee.addr.String(), register: "-",
			profile: map[string]string{"Register_1_": "No", "Make_Call_Without_Reg_1_": "Yes", "Ans_Call_Without_Reg_1_": "Yes"}})
		id := p.dial("9000")
		p.wantCall("nobody answers", "dialing")
		eventually(t, "the INVITE is out", func() bool { return len(callee.received("INVITE")) > 0 })
		p.hangup(id)
		callee.wantDone("the CANCEL waits for the first answer")
		p.wantCall("given up", "ended", id)
		if n := len(callee.received("CANCEL")); n != 1 {
			t.Errorf("there came %d CANCELs", n)
		}
	})
	t.Run("after 100", func(t *testing.T) {
		t.Parallel()
		// The proxy has said 100, the callee nothing yet. It has not understood that it is cancelled and rings.
		callee := startSIPp(t, sippOptions{scenario: "callee-late", values: map[string]any{"Silence": 700}})
		p := startPhone(t, phoneOptions{})
		id := p.dial(callee.number)
		p.wantCall("the proxy has said 100", "proceeding")
		p.hangup(id)
		p.wantCall("given up", "ended", id)
		callee.wantDone("given up before it rings")
	})
	t.Run("while it rings", func(t *testing.T) {
		t.Parallel()
		callee := startSIPp(t, sippOptions{scenario: "callee-rings"})
		p := startPhone(t, phoneOptions{})
		id := p.dial(callee.number)
		p.wantCall("it rings", "ringing")
		p.hangup(id)
		callee.wantDone("given up while it rings")
		p.wantCall("given up", "ended", id)
	})
	t.Run("by the hook while it rings", func(t *testing.T) {
		t.Parallel()
		callee := startSIPp(t, sippOptions{scenario: "callee-rings"})
		p := startPhone(t, phoneOptions{})
		p.hook(false)
		p.keys(callee.number + "#")
		p.wantCall("it rings", "ringing")
		p.hook(true)
		callee.wantDone("given up while it rings")
		p.wantIdle("given up")
	})
	t.Run("at the moment of the answer", func(t *testing.T) {
		t.Parallel()
		callee := startSIPp(t, sippOptions{scenario: "callee-races"})
		p := startPhone(t, phoneOptions{})
		id := p.dial(callee.number)
		p.wantCall("it rings", "ringing")
		p.hangup(id)
		callee.wantDone("the crossing answer is acknowledged and hung up")
		p.wantCall("given up", "ended", id)
	})
}

// TestNoAnswer: it rings and rings, until the caller has had enough.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	callee := startSIPp(t, sippOptions{scenario: "callee-rings"})
	p := startPhone(t, phoneOptions{})
	id := p.dial(callee.number)
	p.wantCall("it rings", "ringing")
	staysSo(t, 3*time.Second, "it goes on ringing", func() bool {
		s := p.status()
		return len(s.Calls) == 1 && s.Calls[0].State == "ringing"
	})
	p.hangup(id)
	callee.wantDone("given up")
}

// TestIncomingEnds: every way an incoming call can end.
func TestIncomingEnds(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{})
	call := func(scenario string, values map[string]any) (*sipp, call) {
		t.Helper()
		caller := startSIPp(t, sippOptions{scenario: scenario, to: p.user, values: values})
		return caller, p.wantCall(scenario, "incoming")
	}
	caller, c := call("caller-cancels", map[string]any{"Ring": 500})
	caller.wantDone("the caller gives up")
	p.wantCall("the caller gives up", "ended", c.ID)
	p.wantIdle("the ringing stops")

	caller, c = call("caller-refused", map[string]any{"Code": "603", "Rings": true, "Or": "486"})
	p.hangup(c.ID)
	caller.wantDone("we decline")
	p.wantIdle("we decline")

	caller, c = call("caller", map[string]any{"Talk": 400})
	p.tell(c.ID, "answer", nil)
	caller.wantDone("the caller hangs up")
	p.wantCall("the caller hangs up", "ended", c.ID)

	caller, c = call("caller", nil)
	p.tell(c.ID, "answer", nil)
	p.wantCall("answered", "connected")
	p.hangup(c.ID)
	caller.wantDone("we hang up")
	p.wantIdle("we hang up")
}

// TestBusy: without call waiting, while one call lives, the next caller hears busy and the call is not disturbed.
func TestBusy(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{profile: map[string]string{"CW_Setting": "No"}})
	first := startSIPp(t, sippOptions{scenario: "caller", to: p.user, values: map[string]any{"From": "901"}})
	c := p.wantCall("the first call", "incoming")
	second := startSIPp(t, sippOptions{scenario: "caller-refused", to: p.user, values: map[string]any{"From": "902", "Code": "486"}})
	second.wantDone("busy while it rings")
	p.tell(c.ID, "answer", nil)
	p.wantCall("the first call", "connected", c.ID)
	third := startSIPp(t, sippOptions{scenario: "caller-refused", to: p.user, values: map[string]any{"From": "903", "Code": "486"}})
	third.wantDone("busy while we talk")
	p.wantCall("the first call is not disturbed", "connected", c.ID)
	p.hangup(c.ID)
	first.wantDone("the first call")
}

// TestFarEndHangsUp: the callee hangs up first.
func TestFarEndHangsUp(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{})
	callee := startSIPp(t, sippOptions{scenario: "callee", values: map[string]any{"Talk": 500}})
	id := p.dial(callee.number)
	p.wantCall("answered", "connected", id)
	callee.wantDone("the callee hangs up")
	p.wantCall("the callee hangs up", "ended", id)
}

// TestNoCommonCodec: an offer without a codec of ours is refused; an answer without one ends the call at once.
func TestNoCommonCodec(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{})
	g729 := mediaLines{codecs: "18"}
	startSIPp(t, sippOptions{scenario: "caller-refused", to: p.user, values: map[string]any{"Code": "488", "SDP": g729}}).wantDone("an offer of G.729 only")
	startSIPp(t, sippOptions{scenario: "caller-refused", to: p.user, values: map[string]any{"Code": "420", "Extra": "Require: 100rel"}}).wantDone("an extension we do not have")
	if n := len(p.status().Calls); n != 0 {
		t.Errorf("%d of the refused calls rang", n)
	}
	callee := startSIPp(t, sippOptions{scenario: "callee", values: map[string]any{"SDP": g729}})
	c := p.wantCall("an answer of G.729 only", "ended", p.dial(callee.number))
	callee.wantDone("it is acknowledged and hung up")
	if c.Reason.Title == "" {
		t.Errorf("no reason is given: %+v", c)
	}
	p.endTone()
}

// TestCredentialsStayHome: what proves us to our registrar does not travel on to whom we call. A proxy takes away what
// is meant for it (Proxy-Authorization), and leaves the rest, which is for the callee (RFC 3261 section 22.2).
func TestCredentialsStayHome(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{})
	callee := startSIPp(t, sippOptions{scenario: "callee"})
	id := p.dial(callee.number)
	p.wantCall("answered", "connected", id)
	p.hangup(id)
	callee.wantDone("a call")
	for _, method := range []string{"INVITE", "ACK", "BYE"} {
		for _, text := range callee.received(method) {
			if strings.Contains(text, "\nAuthorization:") {
				t.Errorf("the callee sees our credentials:\n%s", text)
			}
		}
	}
}

// TestForkAnswered: two phones of one user ring; one is answered, the other stops and shows no missed call of ours.
func TestForkAnswered(t *testing.T) {
	t.Parallel()
	a := startPhone(t, phoneOptions{})
	b := startPhone(t, phoneOptions{user: a.user})
	caller := startSIPp(t, sippOptions{scenario: "caller", to: a.user, values: map[string]any{"Talk": 1500}})
	lost := b.wantCall("the second rings", "incoming")
	won := a.wantCall("the first rings", "incoming")
	a.tell(won.ID, "answer", nil)
	a.wantCall("answered", "connected", won.ID)
	b.wantCall("the other one stops", "ended", lost.ID)
	caller.wantDone("a forked call")
	a.wantCall("the caller hangs up", "ended", won.ID)
}

// TestForkTwoAnswers calls a user with two contacts that both answer, the second although it is cancelled: the first
// is the call, the second is acknowledged and hung up at once (RFC 3261 section 13.2.2.4).
func TestForkTwoAnswers(t *testing.T) {
	t.Parallel()
	user := lab.user()
	quick := startSIPp(t, sippOptions{scenario: "callee", values: map[string]any{"Ring": 300}})
	slow := startSIPp(t, sippOptions{scenario: "callee-races"})
	for _, s := range []*sipp{quick, slow} {
		if _, err := lab.proxy.rpc("ul.add", "location", "s:"+user, fmt.Sprintf("s:sip:%s@%v", user, s.addr), "600", "1.0", "s:", "0", "0", "0"); err != nil {
			t.Fatal(err)
		}
	}
	p := startPhone(t, phoneOptions{})
	id := p.dial(user)
	p.wantCall("the first answer", "connected", id)
	slow.wantDone("the second answer is acknowledged and hung up")
	p.wantCall("the call goes on with the first", "connected", id)
	p.hangup(id)
	quick.wantDone("the first answer is the call")
}

// TestRedirect: a 302 is followed to its Contact.
func TestRedirect(t *testing.T) {
	t.Parallel()
	target := startSIPp(t, sippOptions{scenario: "callee", values: map[string]any{"Talk": 300}})
	redirector := startSIPp(t, sippOptions{scenario: "callee-redirects", values: map[string]any{"To": "sip:" + target.number + "@example.test"}})
	p := startPhone(t, phoneOptions{})
	id := p.dial(redirector.number)
	redirector.wantDone("the 302 is acknowledged")
	p.wantCall("the call arrives where it was sent", "connected", id)
	target.wantDone("the call arrives where it was sent")
	p.wantCall("the callee hangs up", "ended", id)
}

// TestBigInvite: an INVITE over 1300 bytes goes by TCP where the server has it (RFC 3261 section 18.1.1), else in
// fragments.
func TestBigInvite(t *testing.T) {
	t.Parallel()
	long := ";note=" + strings.Repeat("x", 190)
	name, agent := strings.Repeat("A long name. ", 15), strings.Repeat("long/1.0 ", 25)
	t.Run("TCP", func(t *testing.T) {
		t.Parallel()
		callee := startSIPp(t, sippOptions{scenario: "callee"})
		p := startPhone(t, phoneOptions{profile: map[string]string{"Display_Name_1_": name, "SIP_User_Agent_Name": agent}})
		mark := lab.proxy.log.mark()
		id := p.dial("sip:" + callee.number + "@example.test" + long)
		p.wantCall("a big INVITE", "connected", id)
		for _, text := range lab.proxy.received(mark, "INVITE", p.user) {
			t.Log(text)
		}
		lab.proxy.log.want(t, "the big INVITE comes by TCP", mark, "RX tcp .* INVITE from="+p.user+" .* len=(1[3-9]|[2-9][0-9])[0-9][0-9] ")
		p.hangup(id)
		callee.wantDone("a big INVITE")
	})
	t.Run("UDP only", func(t *testing.T) {
		t.Parallel()
		callee := startSIPp(t, sippOptions{scenario: "callee-direct"})
		p := startPhone(t, phoneOptions{domain: callee.addr.String(), register: "-",
			profile: map[string]string{"Register_1_": "No", "Make_Call_Without_Reg_1_": "Yes", "Ans_Call_Without_Reg_1_": "Yes", "Display_Name_1_": name, "SIP_User_Agent_Name": agent}})
		id := p.dial("sip:9000@" + callee.addr.String() + long)
		p.wantCall("a big INVITE to a server without TCP", "connected", id)
		if got := callee.received("INVITE"); len(got) == 0 || len(got[0]) <= 1300 {
			t.Errorf("the INVITE has %d bytes: %q", len(fmt.Sprint(got)), got)
		}
		p.hangup(id)
		callee.wantDone("a big INVITE by UDP")
	})
}

// TestOutOfDialog: requests without a call, through the proxy.
func TestOutOfDialog(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{})
	for _, ask := range []struct {
		method, extra string
		code          int
	}{
		{"OPTIONS", "Accept: application/sdp", 200},
		{"NOTIFY", "Event: no-such-package\nSubscription-State: terminated", 489},
		{"NOTIFY", "Event: message-summary\nSubscription-State: active", 200},
		{"SUBSCRIBE", "Event: dialog", 489},
		{"BYE", "Reason: none", 481},
		{"MESSAGE", "Subject: hello", 405},
		{"FROBNICATE", "Subject: hello", 501},
		{"OPTIONS", "Require: no-such-extension", 420},
	} {
		name := fmt.Sprintf("%s, %s: %d", ask.method, strings.ReplaceAll(ask.extra, "\n", ", "), ask.code)
		startSIPp(t, sippOptions{scenario: "asks", to: p.user, patience: patience,
			values: map[string]any{"Method": ask.method, "Extra": ask.extra, "Code": ask.code}}).wantDone(name)
	}
	if p.status().alive() != 0 {
		t.Error("one of them made a call")
	}
}

// TestStrangers: Block_Nonproxy_SIP is Yes by default; who is not the line's server gets no answer at all.
func TestStrangers(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{})
	caller := startSIPp(t, sippOptions{scenario: "caller-refused", to: p.user, via: p.addr.String() + ":5060", patience: 4 * time.Second, values: map[string]any{"Code": "404"}})
	staysSo(t, 3*time.Second, "a stranger's call does not ring", func() bool { return len(p.status().Calls) == 0 })
	if text := caller.messages(); strings.Contains(text, "message received") {
		t.Errorf("a stranger is answered:\n%s", text)
	}
}

// TestAPIAccess: nothing but /healthz without a login.
func TestAPIAccess(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{})
	for _, path := range []string{"/api/v1/status", "/api/v1/screen", "/api/v1/events", "/api/v1/config", "/metrics", "/admin/cfg.xml"} {
		response, err := p.client.Get(p.url + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode == 200 {
			t.Errorf("%s is open to everyone", path)
		}
	}
	if text := p.log.since(0, regexp.MustCompile(regexp.QuoteMeta(adminPassword)+"|"+password(p.user)+"\\b")); len(text) != 0 {
		t.Errorf("a password is in the log: %q", text)
	}
}
