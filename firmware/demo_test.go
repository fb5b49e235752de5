package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"dialtone/web"
)

// A demoRun is the demonstration running on real sockets.
type demoRun struct {
	*testing.T
	out               lockedBuffer
	control, ann, bob string // addresses
	password          string
	stop              context.CancelFunc
	done              chan error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
func (l *lockedBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// startDemo runs `dialtone demo` with any free ports.
func startDemo(t *testing.T) *demoRun {
	t.Helper()
	return startDemoAs(t, func(ctx context.Context, out, errs io.Writer) error {
		return dispatch(ctx, []string{"demo", "-port", "0"}, noEnv, out, errs)
	})
}

// startDemoAs runs a demonstration, and reads its addresses as a person would.
func startDemoAs(t *testing.T, run func(ctx context.Context, out, errs io.Writer) error) *demoRun {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	d := &demoRun{T: t, stop: stop, done: make(chan error, 1)}
	var errs lockedBuffer
	go func() { d.done <- run(ctx, &d.out, &errs) }()
	d.await("it prints its addresses", func() bool { return strings.Contains(d.out.String(), "Ctrl-C") || len(d.done) > 0 })
	urls := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindAllString(d.out.String(), -1)
	if len(urls) < 4 {
		var cause error
		if len(d.done) > 0 {
			cause = <-d.done
		}
		t.Fatalf("it says %q, and %q, and ended with %v", d.out.String(), errs.String(), cause)
	}
	d.control, d.ann, d.bob = urls[0], urls[1], urls[2]
	d.password = regexp.MustCompile(`password (\S+)`).FindStringSubmatch(d.out.String())[1]
	return d
}

// await waits for something to become true: it asks again and again, for it happens on real sockets.
func (d *demoRun) await(sentence string, ok func() bool) {
	d.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-limit.C:
			for _, p := range []string{d.ann, d.bob} {
				if p != "" {
					d.Logf("%+v", d.status(p))
				}
			}
			d.Fatalf("%s: not within 20 s", sentence)
		}
	}
}

// do sends a request and returns the status code and body of its answer.
func (d *demoRun) do(method, url, body string, alter ...func(*http.Request)) (int, string) {
	d.Helper()
	r, err := http.NewRequestWithContext(d.Context(), method, url, strings.NewReader(body))
	if err != nil {
		d.Fatal(err)
	}
	for _, a := range alter {
		a(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		d.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		d.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// A phoneState is what these tests read of a status.
type phoneState struct {
	Lines []web.LineStatus
	Calls []web.CallStatus
}

func (d *demoRun) status(phone string) (s phoneState) {
	d.Helper()
	code, body := d.do("GET", phone+"/api/v1/status", "")
	if err := json.Unmarshal([]byte(body), &s); err != nil || code != http.StatusOK {
		d.Fatalf("the status is %d %.200s", code, body)
	}
	return s
}

func (d *demoRun) line(phone string) web.LineStatus {
	d.Helper()
	if s := d.status(phone); len(s.Lines) == 1 {
		return s.Lines[0]
	}
	return web.LineStatus{}
}

// stopProxyOf stops the proxy a handset is at, which is the better one unless the machine was too busy to
// answer in time, and waits until the line is at the other.
func (d *demoRun) stopProxyOf(phone string) {
	d.Helper()
	first, proxy := d.line(phone), "b"
	if len(first.Servers) > 0 && first.Servers[0].InUse {
		proxy = "a"
	}
	if code, body := d.do("POST", d.control+"/api/proxies/"+proxy, `{"mode":"stop"}`); code != http.StatusOK {
		d.Fatalf("stopping %s: %d %s", proxy, code, body)
	}
	d.await("the line moves away from "+proxy, func() bool { l := d.line(phone); return l.State == "registered" && l.Active != first.Active })
}

// calls are the states of a handset's calls, without those that are over.
func (d *demoRun) calls(phone string) string {
	d.Helper()
	var states []string
	for _, c := range d.status(phone).Calls {
		if c.State != "ended" {
			states = append(states, c.State)
		}
	}
	return strings.Join(states, " ")
}

// TestDemo calls through the demonstration, stops a proxy in the call and ends it all.
func TestDemo(t *testing.T) {
	d := startDemo(t)
	for _, p := range []string{d.ann, d.bob} {
		d.await("both handsets register", func() bool { return d.line(p).State == "registered" })
	}
	if code, body := d.do("POST", d.bob+"/api/v1/keys", `{"keys":"600#"}`); code != http.StatusOK {
		t.Fatalf("pressing keys: %d %s", code, body)
	}
	d.await("the echo answers and voice comes back", func() bool {
		c := d.status(d.bob).Calls
		return len(c) == 1 && c[0].State == "connected" && c[0].RTP.RxPackets > 20
	})
	if _, screen := d.do("GET", d.bob+"/api/v1/screen", ""); !strings.Contains(screen, "Connected") {
		t.Errorf("the screen shows %q", screen)
	}

	d.stopProxyOf(d.bob)
	before := d.status(d.bob).Calls
	if len(before) != 1 || before[0].State != "connected" {
		t.Fatalf("the call did not outlive its proxy: %+v", before)
	}
	d.await("the voice goes on", func() bool {
		c := d.status(d.bob).Calls
		return len(c) == 1 && c[0].RTP.RxPackets > before[0].RTP.RxPackets+20
	})
	if lost := d.status(d.bob).Calls[0].RTP.RxLost; lost != 0 {
		t.Errorf("%d packets of voice were lost", lost)
	}
	var s demoState
	if _, body := d.do("GET", d.control+"/api/state", ""); json.Unmarshal([]byte(body), &s) != nil || len(s.Proxies) != 2 {
		t.Errorf("the control page knows %s", body)
	} else if a, b := s.Proxies[0], s.Proxies[1]; a.Mode == b.Mode || a.Mode != "stop" && b.Mode != "stop" || len(a.Registrations)+len(b.Registrations) == 0 {
		t.Errorf("the control page knows %s", body)
	}
	d.do("POST", d.bob+"/api/v1/keys", `{"key":"end"}`)
	d.await("hanging up ends the call", func() bool { return d.calls(d.bob) == "" })

	temp, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "dialtone-demo-*"))
	if len(temp) != 1 {
		t.Errorf("settings are in %v", temp)
	}
	d.stop()
	if err := <-d.done; err != nil {
		t.Errorf("asked to stop: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "dialtone-demo-*")); len(left) != 0 {
		t.Errorf("it leaves %v behind", left)
	}
}

// TestDemoCallOutlivesItsProxy: the proxy a call goes through is stopped, and stays so. Each handset can hold the
// other, take it back and hang up, and the far end notices all of it.
func TestDemoCallOutlivesItsProxy(t *testing.T) {
	for _, first := range []string{"1001", "1002"} {
		t.Run(first, func(t *testing.T) {
			d := startDemo(t)
			ours, far := d.ann, d.bob
			if first == "1002" {
				ours, far = far, ours
			}
			post := func(url, body string) {
				t.Helper()
				if code, said := d.do("POST", url, body); code != http.StatusOK {
					t.Fatalf("%s: %d %s", body, code, said)
				}
			}
			both := func(sentence, want, farWant string) {
				t.Helper()
				d.await(sentence, func() bool { return d.calls(ours) == want && d.calls(far) == farWant })
			}
			for _, p := range []string{ours, far} {
				d.await("both handsets register", func() bool { return d.line(p).State == "registered" })
			}
			post(d.bob+"/api/v1/keys", `{"keys":"1001#"}`)
			d.await("1001 is called", func() bool { return d.calls(d.ann) == "incoming" })
			post(d.ann+"/api/v1/keys", `{"key":"talk"}`)
			both("1001 answers", "connected", "connected")
			d.stopProxyOf(d.bob)
			post(ours+"/api/v1/keys", `{"key":"hold"}`)
			both(first+" holds", "held", "remote-held")
			post(ours+"/api/v1/keys", `{"key":"hold"}`)
			both(first+" takes the call back", "connected", "connected")
			post(ours+"/api/v1/keys", `{"key":"end"}`)
			both(first+" hangs up", "", "")
			d.stop()
			if err := <-d.done; err != nil {
				t.Errorf("asked to stop: %v", err)
			}
		})
	}
}

// TestDemoAtOneAddress: where loopback is 127.0.0.1 alone, ports tell the parts apart, and all of it works.
func TestDemoAtOneAddress(t *testing.T) {
	d := startDemoAs(t, func(ctx context.Context, out, errs io.Writer) error {
		return demoAt(ctx, oneAddress(), demoOptions{given: true, level: slog.LevelError}, out, errs)
	})
	for _, p := range []string{d.ann, d.bob} {
		d.await("both handsets register", func() bool { return d.line(p).State == "registered" })
	}
	d.do("POST", d.bob+"/api/v1/keys", `{"keys":"1001#"}`)
	d.await("1001 is called", func() bool { c := d.status(d.ann).Calls; return len(c) == 1 && c[0].State == "incoming" })
	d.do("POST", d.ann+"/api/v1/keys", `{"key":"hook","down":false}`)
	for _, p := range []string{d.ann, d.bob} {
		d.await("voice comes to both", func() bool { c := d.status(p).Calls; return len(c) == 1 && c[0].RTP.RxPackets > 20 })
	}
	d.stopProxyOf(d.bob)
	d.stop()
	if err := <-d.done; err != nil {
		t.Errorf("asked to stop: %v", err)
	}
}

// TestDemoIsGuarded: what anybody may do at the handset, another web page may not, and settings need the password.
func TestDemoIsGuarded(t *testing.T) {
	d := startDemo(t)
	origin := func(r *http.Request) {
		r.Header.Set("Origin", "http://elsewhere.example")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
	}
	host := func(r *http.Request) { r.Host = "elsewhere.example" }
	for _, c := range []struct {
		sentence, method, url, body string
		alter                       func(*http.Request)
		want                        int
	}{
		{"another page stops a proxy", "POST", d.control + "/api/proxies/a", `{"mode":"stop"}`, origin, http.StatusForbidden},
		{"another name leads to the control page", "GET", d.control + "/", "", host, http.StatusMisdirectedRequest},
		{"there is no such proxy", "POST", d.control + "/api/proxies/z", `{"mode":"stop"}`, nil, http.StatusBadRequest},
		{"there is no such mode", "POST", d.control + "/api/proxies/a", `{"mode":"burn"}`, nil, http.StatusBadRequest},
		{"there is no such order", "POST", d.control + "/api/order", `{"mode":"c"}`, nil, http.StatusBadRequest},
		{"more than a mode", "POST", d.control + "/api/dns", `{"mode":"off","x":1}`, nil, http.StatusBadRequest},
		{"another page presses keys", "POST", d.ann + "/api/v1/keys", `{"keys":"1"}`, origin, http.StatusForbidden},
		{"settings without a password", "POST", d.ann + "/api/v1/config", `{"Proxy_1_":"x"}`, nil, http.StatusUnauthorized},
		{"settings with it", "POST", d.ann + "/api/v1/config", `{"Dual_Registration_1_":"Yes"}`, func(r *http.Request) { r.SetBasicAuth("admin", d.password) }, http.StatusOK},
		{"the control page", "GET", d.control + "/", "", nil, http.StatusOK},
		{"its script", "GET", d.control + "/demo.js", "", nil, http.StatusOK},
		{"no other file", "GET", d.control + "/demo.go", "", nil, http.StatusNotFound},
	} {
		var alter []func(*http.Request)
		if c.alter != nil {
			alter = append(alter, c.alter)
		}
		if code, body := d.do(c.method, c.url, c.body, alter...); code != c.want {
			t.Errorf("%s: %d %.100s, want %d", c.sentence, code, body, c.want)
		}
	}
	d.stop()
	<-d.done
}

// TestDemoByName: who opens the control page as localhost comes to the origin whose frames the handsets allow.
func TestDemoByName(t *testing.T) {
	d := startDemo(t)
	name := strings.Replace(d.control, "127.0.0.1", "localhost", 1)
	asked := func(path string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), "GET", d.control+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = strings.TrimPrefix(name, "http://")
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	resp := asked("/")
	if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusTemporaryRedirect || to != d.control+"/" {
		t.Errorf("the control page as localhost: %d to %q, want %s/", resp.StatusCode, to, d.control)
	}
	if resp := asked("/api/state"); resp.StatusCode != http.StatusOK {
		t.Errorf("its API as localhost, for programs: %d", resp.StatusCode)
	}
	resp, err := http.Get(d.ann + "/?frame")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors "+d.control) {
		t.Errorf("a handset lets itself be shown by %q", policy)
	}
	d.stop()
	<-d.done
}

func TestDemoOptions(t *testing.T) {
	for _, args := range []string{"-port x", "-port 70000", "-port -1", "-log loud", "more"} {
		_, err := parseDemoOptions(strings.Fields(args), io.Discard)
		if _, usage := err.(usageError); !usage {
			t.Errorf("demo %s: %v", args, err)
		}
	}
	if opt, err := parseDemoOptions(nil, io.Discard); err != nil || opt.port != demoPort || opt.given {
		t.Errorf("without flags: %+v, %v", opt, err)
	}
}
