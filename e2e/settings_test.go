//go:build e2e

package e2e

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pin/tftp/v3"
)

// TestProfileFromServer: the profile comes over the network before the first registration.
func TestProfileFromServer(t *testing.T) {
	t.Parallel()
	profileOf := func(user string) []byte {
		return flatProfile(map[string]string{"User_ID_1_": user, "Password_1_": password(user), "Proxy_1_": "example.test", "SIP_Transport_1_": "UDP"})
	}
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		user := lab.user()
		listener, err := net.Listen("tcp", lab.server(lab.peerHost(t), 8000).String())
		if err != nil {
			t.Fatal(err)
		}
		server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/phone.xml" {
				http.NotFound(w, r)
				return
			}
			w.Write(profileOf(user))
		})}}
		server.Start()
		t.Cleanup(server.Close)
		p := startPhone(t, phoneOptions{flags: []string{"-profile", server.URL + "/phone.xml"}})
		if l := p.wantLine("the profile is fetched", "registered"); l.User != user {
			t.Errorf("the line is %s, want %s", l.User, user)
		}
	})
	t.Run("tftp", func(t *testing.T) {
		t.Parallel()
		user := lab.user()
		addr := lab.server(lab.peerHost(t), 6969)
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
		if err != nil {
			t.Fatal(err)
		}
		server := tftp.NewServer(func(name string, to io.ReaderFrom) error {
			_, err := to.ReadFrom(bytes.NewReader(profileOf(user)))
			return err
		}, nil)
		server.EnableSinglePort()
		go server.Serve(conn)
		t.Cleanup(server.Shutdown)
		p := startPhone(t, phoneOptions{flags: []string{"-profile", "tftp://" + addr.String() + "/phone.xml"}})
		if l := p.wantLine("the profile is fetched", "registered"); l.User != user {
			t.Errorf("the line is %s, want %s", l.User, user)
		}
	})
}

// TestReconfigure gives the line to another user while the phone runs: the old binding goes, the new one comes, and
// the answer says what was refused.
func TestReconfigure(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{})
	next := lab.user()
	body := map[string]string{"User_ID_1_": next, "Password_1_": password(next), "SIP_Transport_1_": "PIGEON", "No_Such_Parameter": "1"}
	code, err := p.ask("POST", "/api/v1/config", body, nil)
	t.Logf("the answer is %d, %v", code, err)
	p.want("the line is registered for its new user", func(s status) bool {
		return len(s.Lines) > 0 && s.Lines[0].User == next && s.Lines[0].State == "registered"
	})
	eventually(t, "the old binding is gone, the new one there", func() bool {
		return len(lab.proxy.contacts(p.user)) == 0 && len(lab.proxy.contacts(next)) == 1
	})
	text, err := p.read("/admin/cfg.xml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, ">"+next+"<") || strings.Contains(text, password(next)) {
		t.Errorf("cfg.xml must have the user %s and not the password", next)
	}
	b := startBaresip(t, baresipOptions{})
	id := p.dial(b.user)
	if c := p.wantCall("a call as the new user", "connected", id); c.Peer != b.user {
		t.Errorf("the call is %+v", c)
	}
	p.hangup(id)
}

// TestDebugLog: every SIP message is in it, and no digest that a password could be guessed from.
func TestDebugLog(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{logLevel: "debug"})
	callee := startSIPp(t, sippOptions{scenario: "callee", values: map[string]any{"Talk": 200}})
	id := p.dial(callee.number)
	callee.wantDone("a call")
	p.wantCall("the callee hangs up", "ended", id)
	for _, text := range []string{"REGISTER sip:", "401 Unauthorized", "407 Proxy Authentication Required", "INVITE sip:", "180 Ringing", "ACK sip:", "BYE sip:"} {
		if len(p.log.since(0, regexp.MustCompile(regexp.QuoteMeta(text)))) == 0 {
			t.Errorf("the log does not show %q", text)
		}
	}
	secret := regexp.MustCompile(`response=\\?"[0-9a-f]{8}|` + regexp.QuoteMeta(password(p.user)) + "|" + regexp.QuoteMeta(adminPassword))
	if found := p.log.since(0, secret); len(found) != 0 {
		t.Errorf("a secret is in the log: %q", found)
	}
}

// TestRecordReplay: what the loop saw is written down without secrets, and walked again with the same steps.
func TestRecordReplay(t *testing.T) {
	t.Parallel()
	file := filepath.Join(lab.mkdir(t, "recording"), "inputs.jsonl")
	p := startPhone(t, phoneOptions{logLevel: "info", flags: []string{"-record", file}})
	b := startBaresip(t, baresipOptions{})
	id := p.dial(b.user)
	p.wantCall("baresip answers", "connected")
	p.tell(id, "hold", nil)
	p.wantCall("held", "held")
	p.tell(id, "resume", nil)
	p.wantCall("resumed", "connected")
	p.keys("5#")
	p.hangup(id)
	p.wantIdle("hung up")
	p.terminate()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if secrets := regexp.MustCompile(regexp.QuoteMeta(password(p.user)) + "|" + regexp.QuoteMeta(adminPassword)); secrets.Match(text) {
		t.Error("a password is in the recording")
	}
	code, first, errs := runCommand(t, "run", "-replay", file)
	if code != 0 {
		t.Fatalf("the replay ends with %d: %s", code, errs)
	}
	for _, method := range []string{"REGISTER", "INVITE", "ACK", "BYE"} {
		if !strings.Contains(first, method) {
			t.Errorf("the replay shows no %s", method)
		}
	}
	if _, second, _ := runCommand(t, "run", "-replay", file); second != first {
		t.Error("two replays of one recording differ")
	}
	t.Logf("%d bytes of recording, %d lines of replay", len(text), strings.Count(first, "\n"))
}
