package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// resources are the methods and paths of all routes, with something in their wildcards.
func resources(s *Server) []string {
	var list []string
	for _, r := range s.routes() {
		list = append(list, strings.NewReplacer("{$}", "", "{id}", "c1", "{verb}", "answer", "{file}", "style.css").Replace(r.pattern))
	}
	return list
}

// everything is every method on every path, and on some that do not exist.
func everything(s *Server) []string {
	paths := []string{"/none", "/admin", "/admin/advanced", "/api", "/api/v1/", "/api/v1/status/", "//api/v1/status", "/static/", "/static/../api/v1/status", "/login/x", "/healthz/x", "/debug/pprof/"}
	for _, resource := range resources(s) {
		_, path, _ := strings.Cut(resource, " ")
		paths = append(paths, path)
	}
	var list []string
	for _, path := range paths {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"} {
			list = append(list, method+" "+path)
		}
	}
	return list
}

func TestEverythingNeedsALogin(t *testing.T) {
	open := []string{"GET /healthz", "GET /login", "GET /static/style.css", "GET /favicon.ico", "HEAD /healthz", "HEAD /login", "HEAD /static/style.css", "HEAD /favicon.ico", "POST /login"}
	d := newDesk(t)
	logins := map[string]alteration{
		"no login":           nobody,
		"a wrong password":   password("wrong"),
		"an empty password":  password(""),
		"another user":       func(r *http.Request) { r.SetBasicAuth("user", testPassword) },
		"no user":            func(r *http.Request) { r.SetBasicAuth("", testPassword) },
		"the hash itself":    password(d.hash),
		"an invented cookie": func(r *http.Request) { nobody(r); r.AddCookie(&http.Cookie{Name: cookiePrefix + "8080", Value: "x"}) },
		"an empty cookie":    func(r *http.Request) { nobody(r); r.AddCookie(&http.Cookie{Name: cookiePrefix + "8080"}) },
		"another scheme":     header("Authorization", "Bearer admin"),
		"rubbish":            header("Authorization", "Basic !"),
	}
	for name, login := range logins {
		list := resources(d.server)
		if name == "no login" {
			list = everything(d.server)
		}
		for _, resource := range list {
			method, path, _ := strings.Cut(resource, " ")
			d.server.throttle = throttle{}
			w := d.send(method, path, `{"keys":"1"}`, login)
			isOpen := slices.Contains(open, resource)
			if !isOpen && w.Code != http.StatusUnauthorized {
				t.Errorf("with %s, %s answers %d %.100q", name, resource, w.Code, w.Body)
			}
			if isOpen && w.Code == http.StatusUnauthorized && resource != "POST /login" {
				t.Errorf("with %s, %s needs a login", name, resource)
			}
		}
	}
	d.wantDone("without a login nothing is done")

	d.hash = ""
	d.want("while there is no password nobody may in", d.send("GET", "/api/v1/status", ""), http.StatusUnauthorized, "")
	d.want("not even with none", d.send("GET", "/api/v1/status", "", password("")), http.StatusUnauthorized, "")
}

func TestLoginByPassword(t *testing.T) {
	d := newDesk(t)
	w := d.send("GET", "/api/v1/status", "", nobody)
	d.wantError("who does not log in is asked to", w, http.StatusUnauthorized, "a login is needed")
	if got := w.Header().Get("WWW-Authenticate"); got != `Basic realm="dialtone", charset="UTF-8"` {
		t.Errorf("the challenge is %q", got)
	}
	d.want("the password opens the phone", d.send("GET", "/api/v1/status", ""), http.StatusOK, `"phone"`)

	hash, err := HashPassword("another")
	if err != nil {
		t.Fatal(err)
	}
	d.hash = hash
	d.want("an old password is no password", d.send("GET", "/api/v1/status", ""), http.StatusUnauthorized, "")
	d.want("the new one is", d.send("GET", "/api/v1/status", "", password("another")), http.StatusOK, "")
}

func TestGuessing(t *testing.T) {
	d := newDesk(t)
	guess := func(addr string) *httptest.ResponseRecorder {
		return d.send("GET", "/api/v1/status", "", password("wrong"), from(addr))
	}
	for range freeFailures {
		d.wantError("a few wrong passwords are human", guess("192.0.2.1:1000"), http.StatusUnauthorized, "")
	}
	w := guess("192.0.2.1:2000")
	d.wantError("then guessing costs time", w, http.StatusTooManyRequests, "wait 2 s")
	if w.Header().Get("Retry-After") != "2" {
		t.Errorf("Retry-After is %q", w.Header().Get("Retry-After"))
	}
	right := func(addr string) *httptest.ResponseRecorder {
		return d.send("GET", "/api/v1/status", "", from(addr))
	}
	d.wantError("and even the right password is not looked at", right("192.0.2.1:1"), http.StatusTooManyRequests, "")
	d.want("others are not affected", right("192.0.2.2:1"), http.StatusOK, "")
	d.now = d.now.Add(firstWait)
	d.want("after the wait the right one opens", right("192.0.2.1:1"), http.StatusOK, "")
	d.want("and all is forgotten", guess("192.0.2.1:1"), http.StatusUnauthorized, "")

	for i := range freeFailures {
		guess(fmt.Sprintf("[2001:db8::%d]:1", i))
	}
	d.wantError("a network of IPv6 is one guesser", right("[2001:db8::99]:1"), http.StatusTooManyRequests, "")
	d.want("a login form is no way around", d.send("POST", "/login", "password=wrong", nobody, form, from("[2001:db8::98]:1")), http.StatusTooManyRequests, "too many wrong passwords")
}

func form(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }

func browser(r *http.Request) {
	r.Header.Del("Authorization")
	r.Header.Set("User-Agent", "Mozilla/5.0")
	r.Header.Set("Accept", "text/html,*/*;q=0.8")
}

func TestSession(t *testing.T) {
	d := newDesk(t)
	w := d.send("GET", "/admin/status.xml?a=b", "", browser)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/login?to=%2Fadmin%2Fstatus.xml%3Fa%3Db" {
		t.Errorf("a browser is sent to %q with %d", w.Header().Get("Location"), w.Code)
	}
	d.want("there it finds a form", d.send("GET", w.Header().Get("Location"), "", browser), http.StatusOK, `value="/admin/status.xml?a=b"`)
	d.want("a wrong password is said to be wrong", d.send("POST", "/login", "password=wrong", browser, form), http.StatusUnauthorized, "This is not the password")

	// enter logs in and returns the cookie.
	enter := func(path string) *http.Cookie {
		t.Helper()
		body := url.Values{"password": {testPassword}, "to": {path}}.Encode()
		w := d.send("POST", "/login", body, browser, form, header("Origin", "http://127.0.0.1:8080"))
		cookies := w.Result().Cookies()
		if w.Code != http.StatusSeeOther || len(cookies) != 1 {
			t.Fatalf("the login answers %d %v", w.Code, w.Header())
		}
		return cookies[0]
	}
	cookie := enter("/")
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Secure || len(cookie.Value) < 22 || cookie.Name != cookiePrefix+"8080" {
		t.Errorf("the cookie is %+v", cookie)
	}
	with := func(c *http.Cookie) alteration { return func(r *http.Request) { nobody(r); r.AddCookie(c) } }
	origin := header("Origin", "http://127.0.0.1:8080")
	d.want("the session opens the page", d.send("GET", "/", "", browser, with(cookie)), http.StatusOK, "Log out")
	d.want("and the API", d.send("POST", "/api/v1/keys", `{"keys":"1"}`, with(cookie), origin), http.StatusOK, "")

	d.now = d.now.Add(40 * time.Minute)
	d.want("a session that is used goes on", d.send("GET", "/state", "", with(cookie)), http.StatusOK, "")
	d.now = d.now.Add(19 * time.Minute)
	d.want("until it is old", d.send("GET", "/state", "", with(cookie)), http.StatusOK, "")
	d.now = d.now.Add(time.Minute)
	w = d.send("GET", "/state", "", with(cookie))
	d.want("then it is over", w, http.StatusUnauthorized, "")
	if w.Header().Get("WWW-Authenticate") != "" {
		t.Error("a page whose session is over gets the browser's dialogue")
	}
	cookie = enter("/")
	d.now = d.now.Add(time.Hour)
	d.want("one that is not used ends", d.send("GET", "/state", "", with(cookie)), http.StatusUnauthorized, "")

	cookie = enter("/")
	w = d.send("POST", "/logout", "", browser, with(cookie), origin)
	if w.Code != http.StatusSeeOther || w.Result().Cookies()[0].MaxAge >= 0 {
		t.Errorf("logging out answers %d %v", w.Code, w.Header())
	}
	d.want("and ends the session", d.send("GET", "/state", "", with(cookie)), http.StatusUnauthorized, "")

	cookie = enter("/")
	for range maxSessions {
		d.now = d.now.Add(time.Second)
		enter("/")
	}
	d.want("too many sessions end the oldest", d.send("GET", "/state", "", with(cookie)), http.StatusUnauthorized, "")
	cookie = enter("/")
	hash, err := HashPassword("another")
	if err != nil {
		t.Fatal(err)
	}
	d.hash = hash
	d.want("a new password ends all", d.send("GET", "/state", "", with(cookie)), http.StatusUnauthorized, "")
}

func TestLoginLeadsNowhereElse(t *testing.T) {
	for to, want := range map[string]string{
		"/": "/", "/metrics": "/metrics", "/a?b=c": "/a?b=c", "": "/", "x": "/", "//evil.test/": "/", "http://evil.test/": "/",
		"/\\evil.test": "/", "\\\\evil": "/", "javascript:alert(1)": "/", "/\t/evil.test": "/", "/%": "/", "/" + strings.Repeat("x", maxReturn): "/",
	} {
		if got := localPath(to); got != want {
			t.Errorf("the login leads from %q to %q, want %q", to, got, want)
		}
	}
}

func TestOtherPages(t *testing.T) {
	d := newDesk(t)
	keys := func(alterations ...alteration) *httptest.ResponseRecorder {
		return d.send("POST", "/api/v1/keys", `{"keys":"1"}`, alterations...)
	}
	d.want("a program sends its password and no origin", keys(), http.StatusOK, "")
	d.want("our own page sends its origin", keys(header("Origin", "http://127.0.0.1:8080")), http.StatusOK, "")
	d.phone.did()
	for name, origin := range map[string]alteration{
		"another site":                   header("Origin", "http://evil.test"),
		"another port":                   header("Origin", "http://127.0.0.1:9090"),
		"a sandboxed page":               header("Origin", "null"),
		"another site without an origin": header("Sec-Fetch-Site", "cross-site"),
		"another page of this machine":   header("Sec-Fetch-Site", "same-site"),
		"another site with a wrong fetch site": func(r *http.Request) {
			r.Header.Set("Origin", "http://evil.test")
			r.Header.Set("Sec-Fetch-Mode", "cors")
		},
	} {
		d.wantError(name+" cannot press keys", keys(origin), http.StatusForbidden, "another web page")
		d.want(name+" cannot log in", d.send("POST", "/login", "password=x", nobody, form, origin), http.StatusForbidden, "")
		d.want(name+" cannot hang up", d.send("DELETE", "/api/v1/calls/c1", "", origin), http.StatusForbidden, "")
	}
	session := func(r *http.Request) {
		nobody(r)
		r.AddCookie(&http.Cookie{Name: cookiePrefix + "8080", Value: d.server.sessions.start(d.now, d.hash)})
	}
	d.wantError("a session without an origin is not a browser's", keys(session), http.StatusForbidden, "Origin")
	d.wantDone("what was refused was not done")
}

func TestHostNames(t *testing.T) {
	d := newDesk(t)
	for _, host := range []string{"127.0.0.1", "192.168.1.5:80", "[2001:db8::1]:8080", "[::1]", "localhost:8080", "phone", "phone.local", "kitchen.lan:80", "Phone.Example.Test.", "x.home.arpa"} {
		d.want("the phone answers as "+host, d.send("GET", "/api/v1/status", "", header("Host", host)), http.StatusOK, "")
	}
	for _, host := range []string{"evil.test", "evil.test:80", "phone.example.test.evil.test", "127.0.0.1.evil.test", "evillocal.test", "", ":80", "1.2.3.4.5"} {
		d.wantError("the phone does not answer as "+host, d.send("GET", "/api/v1/status", "", header("Host", host)), http.StatusMisdirectedRequest, "use its IP address")
		d.want("not even to say that it is well", d.send("GET", "/healthz", "", header("Host", host)), http.StatusMisdirectedRequest, "")
	}
}

func TestSecurityHeaders(t *testing.T) {
	d := newDesk(t)
	for _, path := range []string{"/", "/login", "/healthz", "/api/v1/status", "/none", "/static/start.js", "/admin/cfg.xml"} {
		h := d.send("GET", path, "").Header()
		for name, want := range map[string]string{
			"Content-Security-Policy": contentSecurity, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, h.Get(name), want)
			}
		}
		if cache := h.Get("Cache-Control"); cache != "no-store" && !strings.HasPrefix(path, "/static/") {
			t.Errorf("%s may be kept: %q", path, cache)
		}
		if h.Get("Content-Type") == "" {
			t.Errorf("%s has no type", path)
		}
	}
}
