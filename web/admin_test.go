package web

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"dialtone/config"
)

func TestCfgXML(t *testing.T) {
	d := newDesk(t)
	text := d.want("the settings are a profile", d.send("GET", "/admin/cfg.xml", ""), http.StatusOK, "<flat-profile>")
	if strings.Contains(text, "topsecret") || strings.Contains(text, testPassword) {
		t.Error("a secret is shown")
	}
	back, report, err := config.Parse([]byte(text), d.phone.settings)
	if err != nil || len(report.Applied) > 0 || len(report.Refused) > 0 {
		t.Errorf("given back to the phone it changes %v, is refused %v, %v", report.Applied, report.Refused, err)
	}
	if got, _ := back.Get("Password_1_"); got != "topsecret" {
		t.Errorf("and the password becomes %q", got)
	}
}

func TestStatusXML(t *testing.T) {
	d := newDesk(t)
	d.phone.status.Calls[0].PeerName = "<b>&\x00 \"Ä\""
	d.phone.status.Calls = append(d.phone.status.Calls, CallStatus{ID: "c2", Line: 1, Direction: "in", State: "remote-held"})
	text := d.want("the status is XML", d.send("GET", "/admin/status.xml", ""), http.StatusOK, "<Registration_State>Registered</Registration_State>")
	for decoder := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"<Elapsed_Time>00:00:12</Elapsed_Time>", "<Ext_1_Status>", "<Line_1_Call_1_Status>", "<Line_1_Call_2_Status>", "<Remote_Hold>Yes</Remote_Hold>",
		"<Registration_Expires_In>41</Registration_Expires_In>", "<MOS-LQ>4.4</MOS-LQ>", "&lt;b&gt;&amp;\uFFFD &#34;Ä&#34;", "<Last>2026-11-22T12:00:00Z</Last>"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
	for seconds, want := range map[Decimal]string{0: "00:00:00", 59.9: "00:00:59", 86399: "23:59:59", 86400: "1 day, 00:00:00", 7*86400 + 7982: "7 days, 02:13:02"} {
		if got := elapsed(seconds); got != want {
			t.Errorf("%v seconds are %q, want %q", seconds, got, want)
		}
	}
	for seconds, want := range map[Decimal]string{0: "0:00", 7: "0:07", 754: "12:34", 11232: "3:07:12", 90000: "1 day, 01:00:00"} {
		if got := clock(seconds); got != want {
			t.Errorf("%v seconds are %q, want %q", seconds, got, want)
		}
	}
}

func TestDirectActions(t *testing.T) {
	d := newDesk(t)
	for path, want := range map[string]Command{
		"/admin/resync": Resync{}, "/admin/resync?": Resync{}, "/admin/reboot": Reboot{},
		"/admin/resync?http://server/$MA.xml?a=b&c=d":     Resync{URL: "http://server/$MA.xml?a=b&c=d"},
		"/admin/resync?http%3A%2F%2Fserver%2Fphone.xml":   Resync{URL: "http://server/phone.xml"},
		"/admin/resync?tftp://server/a%20b":               Resync{URL: "tftp://server/a%20b"},
		"/admin/resync?/phone.xml":                        Resync{URL: "/phone.xml"},
		"/admin/resync?[--uid%20u%20--pwd%20p]http%3A//s": Resync{URL: "[--uid u --pwd p]http://s"},
	} {
		d.want("a program asks with GET", d.send("GET", path, ""), http.StatusAccepted, "the phone is going to")
		d.wantDone(path, want)
		d.want("or with POST", d.send("POST", path, ""), http.StatusAccepted, "the phone is going to")
		d.wantDone(path, want)
		for name, sign := range map[string]alteration{
			"a page it looks at": header("Accept", "text/html"), "a picture in a page": header("User-Agent", "Mozilla/5.0"), "a link": header("Referer", "http://evil.test/"),
			"a modern browser": header("Sec-Fetch-Site", "none"), "a script": header("Origin", "http://evil.test"), "a frame": header("Sec-Fetch-Mode", "navigate"),
		} {
			text := d.want(name+" has to be confirmed", d.send("GET", path, "", sign), http.StatusOK, "<form method=\"post\"")
			if !strings.Contains(text, "Shall the phone") {
				t.Errorf("%s is not asked: %s", name, text)
			}
		}
		d.wantDone("before it is confirmed nothing is done")
		d.want("the confirmation comes with its origin", d.send("POST", path, "", header("Accept", "text/html"), header("Origin", "http://127.0.0.1:8080")), http.StatusAccepted, "The phone is going to")
		d.wantDone(path, want)
		d.want("and from nowhere else", d.send("POST", path, "", header("Origin", "http://evil.test")), http.StatusForbidden, "")
		d.want("the head alone does nothing", d.send("HEAD", path, ""), http.StatusOK, "")
		d.wantDone("what was refused is not done")
	}
	d.wantError("a URL has a length", d.send("GET", "/admin/resync?http://"+strings.Repeat("x", maxResyncURL), ""), http.StatusBadRequest, "longer than")
	d.wantError("and is text", d.send("GET", "/admin/resync?a%0d%0ab", ""), http.StatusBadRequest, "control character")
	d.wantError("that can be read", d.send("GET", "/admin/resync?%zz", ""), http.StatusBadRequest, "not one")
	if err := d.phone.settings.Set("Enable_Direct_Action_Url", "No"); err != nil {
		t.Fatal(err)
	}
	d.wantError("a setting forbids it", d.send("GET", "/admin/reboot", ""), http.StatusForbidden, "Enable_Direct_Action_Url is No")
	d.wantDone("what was refused is not done")
}
