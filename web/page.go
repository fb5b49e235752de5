package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// Implementation constants.
const (
	shownLines   = 12  // decision lines on the start page
	maxReturn    = 512 // bytes of the path to go to after the login
	returnParam  = "to"
	passwordForm = "password"
)

//go:embed assets
var assets embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"clock":  clock,
	"active": func(c CallStatus) bool { return c.State != "ended" },
	"when": func(t Timestamp) string {
		if time.Time(t).IsZero() {
			return ""
		}
		return time.Time(t).UTC().Format("2006-01-02 15:04:05 UTC")
	},
	"hms": func(at string) string { // of a decision line
		if _, rest, ok := strings.Cut(at, "T"); ok && len(rest) > 8 {
			return rest[:8]
		}
		return at
	},
}).ParseFS(assets, "assets/*.html"))

// clock is a number of seconds as people read it: 0:07, 12:34, 3:07:12, 2 days, 03:07:12.
func clock(seconds Decimal) string {
	text := elapsed(seconds)
	if strings.Contains(text, "day") {
		return text
	}
	return strings.TrimPrefix(strings.TrimPrefix(text, "00:"), "0")
}

// startData is what the start page shows.
type startData struct {
	Status    Status
	Screen    Screen
	Decisions []decision
	CanLeave  bool // there is a session to end
	Handset   bool // there is one to go to
}

func (s *Server) startData(w http.ResponseWriter, r *http.Request) (startData, bool) {
	screen, ok := s.askScreen(w, r)
	if !ok {
		return startData{}, false
	}
	status, ok := s.askStatus(w, r)
	if !ok {
		return startData{}, false
	}
	who, _ := r.Context().Value(loginKey{}).(login)
	return startData{status, screen, s.events.recent(shownLines), who.cookie != "", s.config.Handset != nil}, true
}

func (s *Server) startPage(w http.ResponseWriter, r *http.Request) {
	if data, ok := s.startData(w, r); ok {
		s.render(w, http.StatusOK, "start.html", data)
	}
}

// startState is the part of the start page that changes; its script fetches it again after events.
func (s *Server) startState(w http.ResponseWriter, r *http.Request) {
	if data, ok := s.startData(w, r); ok {
		s.render(w, http.StatusOK, "state", data)
	}
}

// loginData is what the login page shows.
type loginData struct {
	To     string
	Denied string // why the last attempt failed
}

func (s *Server) loginPage(w http.ResponseWriter, r *http.Request) {
	s.render(w, http.StatusOK, "login.html", loginData{To: localPath(r.URL.Query().Get(returnParam))})
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.render(w, http.StatusBadRequest, "login.html", loginData{Denied: "The form could not be read."})
		return
	}
	to := localPath(r.PostForm.Get(returnParam))
	ok, wait := s.checkPassword(r, adminUser, r.PostForm.Get(passwordForm))
	if wait > 0 {
		s.render(w, http.StatusTooManyRequests, "login.html", loginData{To: to, Denied: tooManyText(w, wait)})
		return
	}
	if !ok {
		s.render(w, http.StatusUnauthorized, "login.html", loginData{To: to, Denied: "This is not the password."})
		return
	}
	value := s.sessions.start(s.now(), s.config.PasswordHash())
	http.SetCookie(w, newCookie(r, value, int(s.sessions.max/time.Second)))
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	if cookie := cookieOf(r); cookie != "" {
		s.sessions.end(cookie)
		http.SetCookie(w, newCookie(r, "", -1))
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// loginPath is the login page that leads back to r.
func loginPath(r *http.Request) string {
	to := localPath(r.URL.RequestURI())
	if to == "/" {
		return "/login"
	}
	return "/login?" + url.Values{returnParam: {to}}.Encode()
}

// localPath is to if it is a path on this phone, else "/": the login must not lead anywhere else.
func localPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || len(to) > maxReturn || u.Scheme != "" || u.Host != "" || u.User != nil ||
		!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return to
}

func (s *Server) static(w http.ResponseWriter, r *http.Request) {
	s.asset(w, r, r.PathValue("file"))
}

func (s *Server) favicon(w http.ResponseWriter, r *http.Request) {
	s.asset(w, r, "icon.svg")
}

// asset serves one of the files anybody may see.
func (s *Server) asset(w http.ResponseWriter, r *http.Request, name string) {
	kind, ok := map[string]string{
		".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	}[path.Ext(name)]
	data, err := assets.ReadFile("assets/" + name)
	if !ok || err != nil {
		fail(w, r, http.StatusNotFound, "there is no such file")
		return
	}
	w.Header().Set("Content-Type", kind)
	// Asked for each time, sent only when it changed: a page and its script must be of one version.
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(data)))
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
}

// render writes a page, whole or not at all.
func (s *Server) render(w http.ResponseWriter, code int, name string, data any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		s.log.Error("a page cannot be made", "page", name, "error", err)
		http.Error(w, "this page cannot be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes())
}
