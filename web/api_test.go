package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestKeys(t *testing.T) {
	d := newDesk(t)
	press := func(key string) KeyStep { return KeyStep{Key: key, Press: true} }
	for body, want := range map[string][]KeyStep{
		`{"keys":"10*#"}`:              {press("1"), press("0"), press("*"), press("#")},
		` {"keys" : "9"} ` + "\n":      {press("9")},
		`{"key":"talk"}`:               {press("talk")},
		`{"key":"5"}`:                  {press("5")},
		`{"key":"hook","down":false}`:  {{Key: "hook"}},
		`{"key":"hook","down":true}`:   {{Key: "hook", Down: true}},
		`{"key":"soft1","down":true}`:  {{Key: "soft1", Down: true}},
		`{"key":"line8","down":false}`: {{Key: "line8"}},
		`{"steps":[{"key":"5","down":true},{"key":"5","down":false},{"key":"talk"}]}`: {{Key: "5", Down: true}, {Key: "5"}, press("talk")},
	} {
		d.want(body+" is pressed", d.send("POST", "/api/v1/keys", body), http.StatusOK, `"pressed":`)
		d.wantDone(body, PressKeys{Keys: want})
	}
	for body, want := range map[string]string{
		``:                                    "the body is empty",
		`{}`:                                  "write either",
		`null`:                                "write either",
		`[]`:                                  "a JSON object is expected",
		`{"keys":"1","key":"2"}`:              "write either",
		`{"keys":""}`:                         "from 1 to 64",
		`{"keys":"12a4"}`:                     `character 3 of "12a4" is no dial key`,
		`{"keys":"1 2"}`:                      "no dial key",
		`{"keys":"1","down":true}`:            `"down" goes with "key"`,
		`{"keys":["1"]}`:                      `"keys" cannot be a array`,
		`{"keys":1001}`:                       `"keys" cannot be a number`,
		`{"key":"hook"}`:                      "the hook is a switch",
		`{"key":"smash"}`:                     `"smash" is no key`,
		`{"key":""}`:                          `"" is no key`,
		`{"key":"talk","down":"yes"}`:         `"down" cannot be a string`,
		`{"steps":[]}`:                        "from 1 to 64",
		`{"steps":null}`:                      "write either",
		`{"steps":[{"key":"5"}],"key":"5"}`:   "write either",
		`{"steps":[{"key":"5"}],"keys":"5"}`:  "write either",
		`{"steps":[{"key":"5"}],"down":true}`: `"down" goes into the steps`,
		`{"steps":[{"key":"5"},{"key":"smash"}]}`:                                `step 2: "smash" is no key`,
		`{"steps":[{"key":"hook"}]}`:                                             "step 1: the hook is a switch",
		`{"steps":[{"key":"5","press":true}]}`:                                   `unknown field "press"`,
		`{"steps":[` + strings.Repeat(`{"key":"1"},`, maxKeys) + `{"key":"1"}]}`: "from 1 to 64",
		`{"kyes":"1"}`:             `unknown field "kyes"`,
		`{"keys":"1"}{"keys":"2"}`: "something after",
		`{"keys":"1"} x`:           "something after",
		`{"keys":`:                 "ends too early",
		"{\n\"keys\":x}":           "line 2 is not JSON",
		`{"keys":"` + strings.Repeat("1", maxKeys+1) + `"}`: "from 1 to 64",
	} {
		d.wantError(body+" is refused whole", d.send("POST", "/api/v1/keys", body), http.StatusBadRequest, want)
	}
	d.wantDone("of what is refused nothing is pressed")
	d.wantError("a huge body is not read", d.send("POST", "/api/v1/keys", `{"keys":"`+strings.Repeat("1", maxBody)), http.StatusRequestEntityTooLarge, "larger than 65536 bytes")
}

func TestCalls(t *testing.T) {
	d := newDesk(t)
	d.phone.result.Call = 7
	w := d.send("POST", "/api/v1/calls", `{"to":"1002","line":2}`)
	d.want("a call is placed", w, http.StatusCreated, `{"id":"c7"}`)
	if w.Header().Get("Location") != "/api/v1/calls/c7" {
		t.Errorf("it is at %q", w.Header().Get("Location"))
	}
	d.wantDone("a call is placed", Call{To: "1002", Line: 2})
	d.want("without a line the phone chooses", d.send("POST", "/api/v1/calls", `{"to":"sip:x@y"}`), http.StatusCreated, "c7")
	d.wantDone("without a line", Call{To: "sip:x@y"})
	for body, want := range map[string]string{
		`{}`: `"to" is missing`, `{"to":" "}`: `"to" is missing`, `{"to":"1 2"}`: "space", `{"to":"1\r\nX: y"}`: "control character",
		`{"to":"1","line":-1}`: "counts from 1", `{"to":"1","line":"1"}`: "cannot be a string", `{"to":"1","line":1.5}`: "cannot be a number 1.5",
		`{"to":"` + strings.Repeat("1", maxTo+1) + `"}`: "longer than 255", `{"to":"1","from":"2"}`: "unknown field",
	} {
		d.wantError(body+" is refused", d.send("POST", "/api/v1/calls", body), http.StatusBadRequest, want)
	}
	d.wantDone("what is refused is not done")

	for verb, want := range map[string]Command{"answer": Answer{ID: 2}, "hold": Hold{ID: 2}, "resume": Resume{ID: 2}} {
		d.want(verb, d.send("POST", "/api/v1/calls/c2/"+verb, ""), http.StatusOK, `{"id":"c2"}`)
		d.wantDone(verb, want)
	}
	d.want("a call is ended", d.send("DELETE", "/api/v1/calls/c2", ""), http.StatusOK, "")
	d.wantDone("a call is ended", Hangup{ID: 2})
	d.want("digits are sent", d.send("POST", "/api/v1/calls/c2/dtmf", `{"digits":"12#d"}`), http.StatusOK, "")
	d.wantDone("digits are sent", SendDTMF{ID: 2, Digits: "12#D"})

	for body, want := range map[string]string{
		`{}`: "must be from 1 to 64", `{"digits":"12E"}`: "character 3", `{"digits":1}`: "cannot be a number", ``: "empty",
		`{"digits":"` + strings.Repeat("1", maxDigits+1) + `"}`: "must be from 1 to 64",
	} {
		d.wantError(body+" are no digits", d.send("POST", "/api/v1/calls/c2/dtmf", body), http.StatusBadRequest, want)
	}
	d.wantError("transfer does not exist yet", d.send("POST", "/api/v1/calls/c2/transfer", `{"to":"1"}`), http.StatusNotImplemented, "cannot transfer")
	d.wantError("nor does singing", d.send("POST", "/api/v1/calls/c2/sing", ""), http.StatusNotFound, "answer, hold")
	d.wantError("a call has a number", d.send("POST", "/api/v1/calls/x/answer", ""), http.StatusNotFound, "no such call")
	d.wantError("also to be ended", d.send("DELETE", "/api/v1/calls/cc", ""), http.StatusNotFound, "no such call")
	w = d.send("GET", "/api/v1/calls", "")
	d.wantError("calls are listed in the status", w, http.StatusMethodNotAllowed, "only POST")
	if w.Header().Get("Allow") != "POST" {
		t.Errorf("allowed is %q", w.Header().Get("Allow"))
	}
	d.wantDone("what is refused is not done")
}

func TestOutcomes(t *testing.T) {
	d := newDesk(t)
	for outcome, want := range map[Outcome]int{Invalid: 400, NotFound: 404, Conflict: 409, Unsupported: 501, Unavailable: 503} {
		d.phone.set(func(p *phone) { p.result = Result{Outcome: outcome, Text: "because of this"} })
		d.wantError("the phone says why", d.send("POST", "/api/v1/calls/c1/hold", ""), want, "because of this")
		d.phone.set(func(p *phone) { p.result.Text = "" })
		d.wantError("or the outcome does", d.send("POST", "/api/v1/calls", `{"to":"1"}`), want, outcome.String())
	}
	if Done.String() != "done" || Done.code() != 200 {
		t.Error("done is not done")
	}
}

func TestPhoneDoesNotAnswer(t *testing.T) {
	requests := []struct{ method, path, body string }{
		{"GET", "/api/v1/status", ""}, {"GET", "/api/v1/screen", ""}, {"GET", "/api/v1/screen.png", ""}, {"GET", "/api/v1/config", ""}, {"GET", "/api/v1/events", ""},
		{"POST", "/api/v1/config", `{"Proxy_1_":"x"}`}, {"POST", "/api/v1/keys", `{"keys":"1"}`}, {"POST", "/api/v1/calls", `{"to":"1"}`},
		{"DELETE", "/api/v1/calls/c1", ""}, {"POST", "/api/v1/calls/c1/answer", ""}, {"GET", "/metrics", ""}, {"GET", "/", ""}, {"GET", "/status", ""}, {"GET", "/state", ""},
		{"GET", "/admin/cfg.xml", ""}, {"GET", "/admin/status.xml", ""}, {"GET", "/admin/resync", ""}, {"POST", "/admin/reboot", ""},
	}
	d := newDesk(t)
	d.phone.err = errStopping
	for _, r := range requests {
		d.wantError(r.method+" "+r.path+" of a phone that stops", d.send(r.method, r.path, r.body), http.StatusServiceUnavailable, errStopping.Error())
	}
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.phone.silent = true
		for _, r := range requests {
			start := time.Now()
			d.wantError(r.method+" "+r.path+" of a silent phone", d.send(r.method, r.path, r.body), http.StatusGatewayTimeout, "does not answer in time")
			if waited := time.Since(start); waited < commandTimeout || waited > commandTimeout+keyTime {
				t.Errorf("%s %s waits %v", r.method, r.path, waited)
			}
		}
	})
	d = newDesk(t)
	d.phone.err = context.Canceled
	d.wantError("whatever the error", d.send("GET", "/api/v1/status", ""), http.StatusServiceUnavailable, "canceled")
}

func TestHealth(t *testing.T) {
	d := newDesk(t)
	if got := d.want("a living phone is well", d.send("GET", "/healthz", "", nobody), http.StatusOK, ""); got != "ok\n" {
		t.Errorf("it says %q", got)
	}
	d.phone.age = defaultSilence + time.Millisecond
	d.phone.err = errors.New("a secret detail")
	if got := d.want("one whose loops are silent is not", d.send("GET", "/healthz", "", nobody), http.StatusServiceUnavailable, ""); got != "not alive\n" {
		t.Errorf("it says %q", got)
	}
}

func TestScreen(t *testing.T) {
	d := newDesk(t)
	want := strings.Join(d.phone.screen.Rows, "\n") + "\n"
	if got := d.want("the screen is text", d.send("GET", "/api/v1/screen", ""), http.StatusOK, ""); got != want {
		t.Errorf("the screen is %q, want %q", got, want)
	}
	d.wantError("a screen without a picture", d.send("GET", "/api/v1/screen.png", ""), http.StatusNotFound, "no picture")
	d.phone.screen.PNG = []byte("a picture")
	w := d.send("GET", "/api/v1/screen.png", "")
	if got := w.Header().Get("Content-Type"); got != "image/png" {
		t.Errorf("the picture is %q", got)
	}
	d.want("the picture is passed on", w, http.StatusOK, "a picture")
}

// Whatever is posted, the answer is one of these, an error is said in JSON, and a refused request does nothing.
func FuzzBodies(f *testing.F) {
	for _, body := range []string{`{"keys":"1001#"}`, `{"key":"hook","down":false}`, `{"steps":[{"key":"5","down":true}]}`, `{"to":"1001","line":1}`, `{"digits":"12#"}`, `{"Proxy_1_":"x","SIP_Port_1_":5060,"Register_1_":true,"No":[]}`, `{"a":`, `[[[[`, `{"Admin_Password":""}`, `null`, `"x"`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		d := newDesk(t)
		for _, path := range []string{"/api/v1/keys", "/api/v1/calls", "/api/v1/calls/c1/dtmf", "/api/v1/config"} {
			w := d.send("POST", path, body)
			done := len(d.phone.did())
			switch w.Code {
			case http.StatusOK, http.StatusCreated:
				if (done == 1) == (path == "/api/v1/config") {
					t.Errorf("%s %q: %d commands", path, body, done)
				}
			case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
				d.wantError(path, w, w.Code, "")
				if done != 0 {
					t.Errorf("%s %q is refused and done", path, body)
				}
			default:
				t.Errorf("%s %q answers %d", path, body, w.Code)
			}
		}
		if got, _ := d.phone.settings.Get("Admin_Password"); got == "" {
			t.Errorf("%q empties the password", body)
		}
	})
}
