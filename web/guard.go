package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

const adminUser = "admin"

// A login is how a request proved that it may.
type login struct {
	cookie string // session, "" for Basic
	hash   string // the password hash it was checked against
	local  bool   // none was needed: somebody at this machine, in a demonstration
}

// admit is the gate every request passes before it reaches its handler. It answers refused requests
// itself and returns false.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, to route) (login, bool) {
	if !s.knownHost(r.Host) {
		fail(w, r, http.StatusMisdirectedRequest,
			"the phone does not know itself by this name: use its IP address, or set Host_Name")
		return login{}, false
	}
	who := login{local: s.config.Open && to.handset && isLocal(r)}
	if !to.open && !who.local {
		var ok bool
		if who, ok = s.authenticate(w, r); !ok {
			return login{}, false
		}
	}
	if err := s.sameOrigin(r, who); err != nil {
		fail(w, r, http.StatusForbidden, err.Error())
		return login{}, false
	}
	return who, true
}

// authenticate finds out who sent r, by session or by password, and answers 401 or 429 if nobody may.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request) (login, bool) {
	now, hash := s.now(), s.config.PasswordHash()
	user, password, basic := r.BasicAuth()
	cookie := cookieOf(r)
	switch {
	case basic:
		ok, wait := s.checkPassword(r, user, password)
		if ok {
			return login{hash: hash}, true
		}
		if wait > 0 {
			tooMany(w, r, wait)
			return login{}, false
		}
	case cookie != "" && s.sessions.valid(now, cookie, hash, true):
		return login{cookie: cookie, hash: hash}, true
	}
	if !basic && isPage(r) {
		http.Redirect(w, r, loginPath(r), http.StatusSeeOther)
		return login{}, false
	}
	if cookie == "" { // otherwise a page whose session ended would get the browser's own dialogue
		w.Header().Set("WWW-Authenticate", `Basic realm="dialtone", charset="UTF-8"`)
	}
	fail(w, r, http.StatusUnauthorized, "a login is needed: HTTP Basic as admin, or a session from /login")
	return login{}, false
}

// checkPassword reports whether the password is right; if the address has to wait first, how long.
func (s *Server) checkPassword(r *http.Request, user, password string) (bool, time.Duration) {
	addr, hash := remoteAddr(r), s.config.PasswordHash()
	if wait := s.throttle.wait(s.now(), addr); wait > 0 {
		return false, wait
	}
	stillAllowed := func() bool { return s.throttle.wait(s.now(), addr) == 0 }
	known := user == adminUser // no secret, but a wrong name costs the same time
	if known && s.passwords.remembered(hash, password) || s.passwords.check(hash, password, stillAllowed) && known {
		s.throttle.succeeded(addr)
		return true, 0
	}
	if wait := s.throttle.wait(s.now(), addr); wait > 0 {
		return false, wait // others from there failed while this one waited for its turn
	}
	s.throttle.failed(s.now(), addr)
	s.log.Warn("a login was refused", "from", addr)
	return false, 0
}

// stillValid reports whether a login is one still; a long answer asks from time to time.
func (s *Server) stillValid(who login) bool {
	hash := s.config.PasswordHash()
	if who.local {
		return true
	}
	if who.cookie != "" {
		return s.sessions.valid(s.now(), who.cookie, hash, false)
	}
	return who.hash == hash
}

// sameOrigin refuses what another web page makes a browser send. Browsers name the page's origin
// with every POST; a program that sends the password itself needs none.
func (s *Server) sameOrigin(r *http.Request, who login) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil // they change nothing: direct actions ask a browser to confirm with a POST
	}
	if err := s.origins.Check(r); err != nil {
		return fmt.Errorf("the request comes from another web page")
	}
	if who.cookie != "" && r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") == "" {
		return fmt.Errorf("with a session, a request needs the Origin header: programs use HTTP Basic")
	}
	return nil
}

// fromBrowser reports whether a browser may have sent r on behalf of a page we do not know. Sec-Fetch-Site
// would say so, but comes with https and on the local machine only.
func fromBrowser(r *http.Request) bool {
	h := r.Header
	return h.Get("Sec-Fetch-Mode") != "" || h.Get("Sec-Fetch-Site") != "" || h.Get("Origin") != "" || h.Get("Referer") != "" ||
		strings.Contains(h.Get("User-Agent"), "Mozilla/") || strings.Contains(h.Get("Accept"), "text/html")
}

// isPage reports whether r is a browser that goes to a page, and so is better sent to the login page
// than given an error.
func isPage(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") &&
		!strings.HasPrefix(r.URL.Path, "/api/")
}

// isLocal reports whether r comes from this machine and asks for it by a name that no other site can
// have. A proxy on this machine that says for whom it asks does not count.
func isLocal(r *http.Request) bool {
	if r.Header.Get("Forwarded") != "" || r.Header.Get("X-Forwarded-For") != "" {
		return false
	}
	host := bareHost(r.Host)
	ip, err := netip.ParseAddr(host)
	named := err == nil && ip.Unmap().IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
	return named && remoteAddr(r).Unmap().IsLoopback()
}

// bareHost is a Host header without port, brackets and final dot, in lower case.
func bareHost(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// knownHost guards against DNS rebinding: a page of another site whose name is made to point at the
// phone would be of one origin with it. Addresses and names that only local resolvers answer cannot
// be another site's.
func (s *Server) knownHost(hostport string) bool {
	host := bareHost(hostport)
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	if host == "" {
		return false
	}
	if !strings.Contains(host, ".") {
		return true
	}
	for _, suffix := range []string{".local", ".localhost", ".lan", ".internal", ".home.arpa"} {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	if s.config.Hosts != nil {
		for _, known := range s.config.Hosts() {
			if strings.EqualFold(strings.TrimSuffix(known, "."), host) {
				return true
			}
		}
	}
	return false
}

func remoteAddr(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr()
}

func tooMany(w http.ResponseWriter, r *http.Request, wait time.Duration) {
	fail(w, r, http.StatusTooManyRequests, tooManyText(w, wait))
}

// tooManyText says how long an address has to wait, in words and in the header.
func tooManyText(w http.ResponseWriter, wait time.Duration) string {
	seconds := int(wait/time.Second) + 1
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	return fmt.Sprintf("too many wrong passwords from this address: wait %d s", seconds)
}
