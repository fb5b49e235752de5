package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"dialtone/config"
)

const testPassword = "correct horse"

// A phone is a Source made of fields. What it is asked to do is in commands.
type phone struct {
	mu       sync.Mutex
	status   Status
	screen   Screen
	settings config.Settings
	commands []Command
	result   Result
	err      error         // of everything but Heartbeat
	silent   bool          // nothing is answered before the context ends
	age      time.Duration // of the heartbeat
	saved    int           // how often settings were kept
}

func newPhone() *phone {
	p := &phone{status: exampleStatus(), settings: config.Default(), age: time.Second}
	p.screen = Screen{Rows: []string{"1001           12:00", "1002                ", "Connected      0:03 ", "Hold  End           "}, Backlight: true}
	for tag, value := range map[string]string{"User_ID_1_": "1001", "Password_1_": "topsecret", "Admin_Password": testPassword, "Proxy_1_": "example.test"} {
		if err := p.settings.Set(tag, value); err != nil {
			panic(err)
		}
	}
	return p
}

func (p *phone) wait(ctx context.Context) error {
	p.mu.Lock()
	silent, err := p.silent, p.err
	p.mu.Unlock()
	if silent {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (p *phone) Status(ctx context.Context) (Status, error) {
	if err := p.wait(ctx); err != nil {
		return Status{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status, nil
}

func (p *phone) Screen(ctx context.Context) (Screen, error) {
	if err := p.wait(ctx); err != nil {
		return Screen{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.screen, nil
}

func (p *phone) Do(ctx context.Context, c Command) (Result, error) {
	if err := p.wait(ctx); err != nil {
		return Result{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.commands = append(p.commands, c)
	return p.result, nil
}

func (p *phone) Settings(ctx context.Context) (config.Settings, error) {
	if err := p.wait(ctx); err != nil {
		return config.Settings{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.settings, nil
}

func (p *phone) UpdateSettings(ctx context.Context, change func(config.Settings) (config.Settings, bool)) error {
	if err := p.wait(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if next, changed := change(p.settings); changed {
		p.settings = next
		p.saved++
	}
	return nil
}

func (p *phone) Heartbeat() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.age
}

// did takes the commands so far.
func (p *phone) did() []Command {
	p.mu.Lock()
	defer p.mu.Unlock()
	commands := p.commands
	p.commands = nil
	return commands
}

func (p *phone) set(change func(*phone)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

// exampleStatus is the status of the contract, with one call.
func exampleStatus() Status {
	return Status{
		Phone: PhoneStatus{Version: "0.1.0", Board: "sim", MAC: "02:00:00:00:00:01", Uptime: 12.3, ClockOK: true},
		Lines: []LineStatus{{Line: 1, User: "1001", Domain: "example.test", State: "registered", Active: "udp:127.0.0.11:5060",
			Servers: []ServerStatus{{Leg: "primary", Name: "a.example.test", Transport: "udp", Address: "127.0.0.11:5060", Priority: 10, Weight: 1,
				State: "up", Since: 9.1, Registered: true, Expires: 41, InUse: true, Heard: 4.2, RTT: 1.5, Probe: 10.8, Refresh: 31}},
			Legs: []LegStatus{{Leg: "primary", Domain: "example.test", State: "registered", Active: "udp:127.0.0.11:5060", InUse: true,
				Expires: 41, Refresh: 31}},
			Event: "registered at udp:127.0.0.11:5060 for 50s", EventS: 9,
			Subscription: &SubscriptionStatus{State: "active", Leg: "primary", Server: "udp:127.0.0.11:5060", Expires: 600, Refresh: 431}}},
		Calls: []CallStatus{{ID: "c1", Line: 1, Direction: "out", State: "connected", Peer: "1002", Via: "udp:127.0.0.11:5060", Duration: 3.2,
			RTP: RTPStatus{Local: "127.0.0.1:16384", Remote: "127.0.0.21:4000", Codec: "PCMU", Ptime: 20, TxPackets: 160, RxPackets: 158,
				Jitter: 0.4, Buffer: 20, RTT: 1, MOSLQ: 4.4}}},
		Provisioning: ProvisioningStatus{Last: Timestamp(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)), Result: "ok", Rule: "http://server/phone.xml", Next: 3588},
		Handset: HandsetStatus{Lifted: true, Path: "handset", Volume: 6, Soft: [4]string{"Hold", "End"},
			Lamps: map[string]Lamp{"line1": {Color: "red", Pattern: "solid"}}},
		Counters: []Counter{{Name: "calls_placed", Help: "Calls placed.", Value: 7}},
	}
}

// hashOf is a hash of testPassword that is cheaper to check than a real one.
var hashOf = sync.OnceValue(func() string {
	hash, err := bcrypt.GenerateFromPassword(digestOf(testPassword), bcrypt.MinCost)
	if err != nil {
		panic(err)
	}
	return string(hash)
})

var testKeys = strings.Fields("0 1 2 3 4 5 6 7 8 9 * # hook talk end soft1 line8")

// A desk is a phone with its server, as tests use them.
type desk struct {
	*testing.T
	phone  *phone
	server *Server
	now    time.Time // of the server
	hash   string    // of the admin's password; the phone's mutex guards it
}

func newDesk(t *testing.T) *desk {
	d := &desk{T: t, phone: newPhone(), now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), hash: hashOf()}
	d.server = New(Config{
		Source: d.phone, ValidKey: func(k string) bool { return slices.Contains(testKeys, k) },
		PasswordHash: func() string { d.phone.mu.Lock(); defer d.phone.mu.Unlock(); return d.hash }, Hosts: func() []string { return []string{"phone.example.test"} },
	})
	d.server.now = func() time.Time { return d.now }
	return d
}

// An alteration is made to a request before it is sent.
type alteration func(*http.Request)

func header(name, value string) alteration {
	return func(r *http.Request) {
		if strings.EqualFold(name, "Host") {
			r.Host = value
			return
		}
		r.Header.Set(name, value)
	}
}

func from(addr string) alteration { return func(r *http.Request) { r.RemoteAddr = addr } }

func password(p string) alteration { return func(r *http.Request) { r.SetBasicAuth(adminUser, p) } }

func nobody(r *http.Request) { r.Header.Del("Authorization") }

// send sends a request as admin with the right password, unless changed.
func (d *desk) send(method, path, body string, alterations ...alteration) *httptest.ResponseRecorder {
	d.Helper()
	r := httptest.NewRequestWithContext(d.Context(), method, "http://127.0.0.1:8080"+path, strings.NewReader(body))
	r.SetBasicAuth(adminUser, testPassword)
	for _, alter := range alterations {
		alter(r)
	}
	w := httptest.NewRecorder()
	d.server.ServeHTTP(w, r)
	return w
}

// want fails with the sentence unless the answer has this code and contains text.
func (d *desk) want(sentence string, w *httptest.ResponseRecorder, code int, text string) string {
	d.Helper()
	if w.Code != code || !strings.Contains(w.Body.String(), text) {
		d.Errorf("%s: the answer is %d %.300q, want %d with %q", sentence, w.Code, w.Body, code, text)
	}
	return w.Body.String()
}

// wantError is want for an error in JSON.
func (d *desk) wantError(sentence string, w *httptest.ResponseRecorder, code int, text string) {
	d.Helper()
	var body map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || len(body) != 1 || w.Code != code || !strings.Contains(body["error"], text) {
		d.Errorf("%s: the answer is %d %.300q, want %d with the error %q", sentence, w.Code, w.Body, code, text)
	}
}

// wantDone fails with the sentence unless these commands were given, and no others.
func (d *desk) wantDone(sentence string, want ...Command) {
	d.Helper()
	got, _ := json.Marshal(d.phone.did())
	wanted, _ := json.Marshal(want)
	if len(want) == 0 {
		wanted = []byte("null")
	}
	if string(got) != string(wanted) {
		d.Errorf("%s: the phone was told %s, want %s", sentence, got, wanted)
	}
}

var errStopping = errors.New("the phone is stopping")

// unmarshal reads an answer.
func unmarshal[T any](t *testing.T, body io.Reader) (v T) {
	t.Helper()
	if err := json.NewDecoder(body).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
