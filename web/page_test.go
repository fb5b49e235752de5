package web

import (
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestStartPage(t *testing.T) {
	d := newDesk(t)
	d.server.Decision(d.now, "<script>alert(1)</script> decided")
	d.phone.status.Lines[0].Cause = "the password is wrong"
	d.phone.status.Calls[0].PeerName = "<img src=x onerror=alert(1)>"
	d.phone.status.Calls = append(d.phone.status.Calls, CallStatus{ID: "c2", State: "incoming", Peer: "1003"}, CallStatus{ID: "c3", State: "held"},
		CallStatus{ID: "c4", State: "ended", Reason: ReasonStatus{"No reply", "The phone system does not answer"}})
	for _, path := range []string{"/", "/status", "/state"} {
		text := d.want("the page shows the phone", d.send("GET", path, ""), http.StatusOK, "1001@example.test")
		for _, want := range []string{"1001           12:00\n", "registered", "a.example.test", "udp:127.0.0.11:5060", "connected", "for 0:41", "REGISTER in 0:31", "probe in 0:10", "active</span> by udp:127.0.0.11:5060 · SUBSCRIBE in 7:11", "0:04 ago <small>1.5 ms</small>", "Last: registered at udp:127.0.0.11:5060 for 50s · 0:09 ago", "the password is wrong", "PCMU 20 ms",
			`data-call="c1" data-verb="hold"`, `data-call="c2" data-verb="answer"`, `data-call="c3" data-verb="resume"`, "No reply: The phone system does not answer",
			"2026-11-22 12:00:00 UTC", "12:00:00</time> &lt;script&gt;alert(1)&lt;/script&gt; decided", "&lt;img src=x"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not show %q", path, want)
			}
		}
		if strings.Contains(text, "<img src=x") || strings.Contains(text, "Log out") || strings.Contains(text, `data-call="c4"`) {
			t.Errorf("%s shows what it must not", path)
		}
	}
	call := &d.phone.status.Calls[0]
	call.RTP.SRTP, call.RTP.Suite = true, "AEAD_AES_256_GCM"
	if text := d.want("keys by UDP", d.send("GET", "/state", ""), http.StatusOK, "SRTP AEAD_AES_256_GCM, keys sent in clear"); strings.Contains(text, "secure</span>") {
		t.Error("they are called secure")
	}
	call.Secure = true
	if text := d.want("keys by TLS", d.send("GET", "/state", ""), http.StatusOK, "🔒 secure</span>"); strings.Contains(text, "in clear") {
		t.Error("they are called sent in clear")
	}
	d.phone.status = Status{}
	d.want("an empty phone has a page too", d.send("GET", "/", ""), http.StatusOK, "No line is set up")
	d.wantError("a page that is not there", d.send("GET", "/none", ""), http.StatusNotFound, "nothing at /none")
	d.want("is a page for people", d.send("GET", "/<b>", "", header("Accept", "text/html")), http.StatusNotFound, "There is nothing at /&lt;b&gt;")
}

func TestAssets(t *testing.T) {
	d := newDesk(t)
	for name, kind := range map[string]string{"style.css": "text/css; charset=utf-8", "start.js": "text/javascript; charset=utf-8", "handset.js": "text/javascript; charset=utf-8", "handset-sound.js": "text/javascript; charset=utf-8", "handset-worklet.js": "text/javascript; charset=utf-8", "handset.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"} {
		w := d.send("GET", "/static/"+name, "", nobody)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != kind || w.Body.Len() == 0 {
			t.Errorf("%s is %d %q", name, w.Code, w.Header().Get("Content-Type"))
		}
		d.want("what did not change is not sent again", d.send("GET", "/static/"+name, "", nobody, header("If-None-Match", w.Header().Get("ETag"))), http.StatusNotModified, "")
	}
	for _, name := range []string{"start.html", "state.html", "none.css", ".css", "..%2fpage.go", "%2e%2e"} {
		if w := d.send("GET", "/static/"+name, "", nobody); w.Code == http.StatusOK {
			t.Errorf("%s is given away", name)
		}
	}
}

// The policy forbids scripts and styles inside the pages; a browser would not say so, only not work.
func TestPagesKeepToThePolicy(t *testing.T) {
	forbidden := regexp.MustCompile(`(?i)<script(>| [^>]*>[^<])|<style|\sstyle=|\son[a-z]+=|javascript:|https?://[a-z]`)
	names, err := fs.Glob(assets, "assets/*.html")
	if err != nil || len(names) < 4 {
		t.Fatalf("the pages are %q, %v", names, err)
	}
	for _, name := range names {
		data, err := assets.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if found := forbidden.FindString(string(data)); found != "" {
			t.Errorf("%s contains %q", name, found)
		}
	}
}
