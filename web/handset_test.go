package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// newHandsetDesk is a desk whose phone the browser draws.
func newHandsetDesk(t *testing.T, change func(*Config)) *desk {
	d := newDesk(t)
	c := d.server.config
	c.Handset = &Handset{Title: "Kitchen <1>"}
	for key := range strings.FieldsSeq("1 2 3 4 5 6 7 8 9 * 0 # hook talk end hold mute speaker headset redial volup voldown up down left right ok back soft1 soft2 line1 line2 line3 line4 line5") {
		c.Handset.Keys = append(c.Handset.Keys, KeyCap{Key: key, Label: "cap of " + key})
	}
	if change != nil {
		change(&c)
	}
	d.server = New(c)
	return d
}

func TestHandsetPage(t *testing.T) {
	d := newHandsetDesk(t, nil)
	text := d.want("the telephone is at /", d.send("GET", "/", ""), http.StatusOK, "Kitchen &lt;1&gt;")
	for _, key := range d.server.config.Handset.Keys {
		if n := strings.Count(text, `data-key="`+key.Key+`"`); n != 1 && key.Key != "hook" {
			t.Errorf("key %s is drawn %d times", key.Key, n)
		}
	}
	for _, want := range []string{`id="hook"`, `id="lcd-text"`, `aria-live="polite"`, `/api/v1/screen.png`, `data-lamp="message"`, `data-lamp="line5"`, `data-lamp="mute"`, `aria-label="cap of talk"`,
		`<b>7</b><small>PQRS</small>`, `href="/status"`, "<header>", "Keys on your keyboard"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, key := range []string{"transfer", "conf", "soft3", "line6"} {
		if strings.Contains(text, `data-key="`+key+`"`) {
			t.Errorf("the board has no key %s, the page has", key)
		}
	}
	d.want("its state has a page of its own", d.send("GET", "/status", ""), http.StatusOK, `<a href="/">telephone</a>`)

	text = d.want("in a frame", d.send("GET", "/?frame", ""), http.StatusOK, `id="hook"`)
	if strings.Contains(text, "<header>") || strings.Contains(text, "Keys on your keyboard") {
		t.Error("in a frame there is a header or footer")
	}

	d = newHandsetDesk(t, func(c *Config) { c.Handset.Keys = []KeyCap{{"talk", "Talk"}} })
	text = d.want("a board of one key", d.send("GET", "/", ""), http.StatusOK, `data-key="talk"`)
	if strings.Count(text, "data-key=") != 1 || strings.Contains(text, `id="hook"`) {
		t.Error("it has other keys too")
	}
	d = newDesk(t)
	if text := d.want("a phone with a case of its own has its status at /", d.send("GET", "/", ""), http.StatusOK, "a.example.test"); strings.Contains(text, "telephone</a>") {
		t.Error("the status leads to a telephone that is not there")
	}
}

func TestHandsetHeaders(t *testing.T) {
	d := newHandsetDesk(t, func(c *Config) {
		c.Frames = []string{"http://127.0.0.1:9000", "https://demo.example.test", "http://x; script-src *", "*", "http://y/path", "javascript:x", ""}
	})
	h := d.send("GET", "/", "").Header()
	want := strings.Replace(contentSecurity, "frame-ancestors 'none'", "frame-ancestors http://127.0.0.1:9000 https://demo.example.test", 1)
	if got := h.Get("Content-Security-Policy"); got != want {
		t.Errorf("the policy of the handset is %q, want %q", got, want)
	}
	if h.Get("X-Frame-Options") != "" || !strings.Contains(h.Get("Permissions-Policy"), "microphone=(self)") {
		t.Errorf("its headers are %v", h)
	}
	for _, path := range []string{"/status", "/login", "/api/v1/status", "/static/handset.js", "/none"} {
		h := d.send("GET", path, "").Header()
		if h.Get("Content-Security-Policy") != contentSecurity || h.Get("X-Frame-Options") != "DENY" || !strings.Contains(h.Get("Permissions-Policy"), "microphone=()") {
			t.Errorf("%s may do what only the handset may: %v", path, h)
		}
	}
	h = newHandsetDesk(t, nil).send("GET", "/", "").Header()
	if h.Get("Content-Security-Policy") != contentSecurity || h.Get("X-Frame-Options") != "DENY" {
		t.Errorf("nobody was allowed to frame it, and yet: %v", h)
	}
}

// handsetResources need no login in a demonstration; all others do.
var handsetResources = []string{"GET /", "GET /status", "GET /state", "GET /api/v1/status", "POST /api/v1/keys", "GET /api/v1/screen", "GET /api/v1/screen.png",
	"GET /api/v1/events", "GET /api/v1/sound", "POST /api/v1/calls", "DELETE /api/v1/calls/c1", "POST /api/v1/calls/c1/answer"}

func TestOpenHandset(t *testing.T) {
	open := func(c *Config) { c.Open = true }
	local := func(r *http.Request) { nobody(r); r.RemoteAddr = "127.0.0.1:50000" }
	denied := func(d *desk, sentence, resource string, alterations ...alteration) {
		t.Helper()
		method, path, _ := strings.Cut(resource, " ")
		if w := d.send(method, path, `{"keys":"1"}`, alterations...); w.Code < 400 && w.Code != http.StatusSeeOther {
			t.Errorf("%s: %s answers %d", sentence, resource, w.Code)
		}
	}
	d := newHandsetDesk(t, open)
	for _, resource := range resources(d.server) {
		method, path, _ := strings.Cut(resource, " ")
		if path == "/api/v1/events" { // it has no end
			continue
		}
		w := d.send(method, path, `{"keys":"1"}`, local)
		shown := slices.Contains(handsetResources, resource) || d.server.routed[mustPattern(d, method, path)].open
		if shown == (w.Code == http.StatusUnauthorized) && resource != "POST /login" {
			t.Errorf("in a demonstration %s answers %d", resource, w.Code)
		}
	}
	d.phone.did()
	ipv6 := func(r *http.Request) { nobody(r); r.RemoteAddr = "[::1]:50000" }
	d.want("by IPv6 too", d.send("GET", "/api/v1/status", "", ipv6, header("Host", "[::1]:8080")), http.StatusOK, "")
	for _, host := range []string{"localhost:8080", "LOCALHOST", "one.localhost:1", "127.0.0.2:8080"} {
		d.want("as "+host, d.send("GET", "/api/v1/status", "", local, header("Host", host)), http.StatusOK, "")
	}
	for _, resource := range handsetResources {
		denied(d, "another machine needs a login", resource, nobody, from("192.0.2.1:1"))
		denied(d, "a name that others can have needs one", resource, local, header("Host", "phone:8080"))
		denied(d, "an address of the network needs one", resource, local, header("Host", "192.0.2.9:8080"))
		denied(d, "so does a proxy's client", resource, local, header("X-Forwarded-For", "192.0.2.1"))
		denied(d, "in its new style as well", resource, local, header("Forwarded", "for=192.0.2.1"))
		denied(d, "a name made to point here is not known", resource, local, header("Host", "evil.test"))
		if !strings.HasPrefix(resource, "GET") {
			denied(d, "another page cannot act", resource, local, header("Origin", "http://evil.test"))
			denied(d, "nor one of another port", resource, local, header("Origin", "http://127.0.0.1:9090"))
			denied(d, "nor one without an origin", resource, local, header("Sec-Fetch-Site", "cross-site"))
		}
		denied(newHandsetDesk(t, nil), "without a demonstration it needs one", resource, local)
	}
	d.wantDone("what was denied is not done")
	d.want("our own page can act", d.send("POST", "/api/v1/keys", `{"keys":"1"}`, local, header("Origin", "http://127.0.0.1:8080")), http.StatusOK, "")
	d.want("and so can a program of this machine", d.send("POST", "/api/v1/keys", `{"keys":"1"}`, local), http.StatusOK, "")
}

// mustPattern is the route a request takes.
func mustPattern(d *desk, method, path string) string {
	r, err := http.NewRequestWithContext(d.Context(), method, "http://127.0.0.1:8080"+path, nil)
	if err != nil {
		d.Fatal(err)
	}
	_, pattern := d.server.mux.Handler(r)
	return pattern
}
