package web

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"sync"
	"time"
)

// Implementation constants.
const (
	maxSessions  = 16
	sessionBytes = 16        // of randomness in a cookie
	defaultIdle  = time.Hour // the default of Session_Idle_Timeout
	defaultMax   = time.Hour // the default of Session_Max_Timeout
	cookiePrefix = "dialtone_"
)

// sessions are the logins of people with browsers, known by what their cookie's value hashes to.
type sessions struct {
	idle, max time.Duration

	mu   sync.Mutex
	open map[[32]byte]*session
}

type session struct {
	since, last time.Time
	hash        string // the password hash it was opened with: a new password ends all sessions
}

// start opens a session and returns its cookie's value. Beyond maxSessions the one that was idle
// the longest ends.
func (s *sessions) start(now time.Time, hash string) string {
	token := make([]byte, sessionBytes)
	rand.Read(token) // never fails
	value := base64.RawURLEncoding.EncodeToString(token)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[[32]byte]*session)
	}
	for len(s.open) >= maxSessions {
		var oldest [32]byte
		var found *session
		for key, c := range s.open {
			if found == nil || c.last.Before(found.last) {
				oldest, found = key, c
			}
		}
		delete(s.open, oldest)
	}
	s.open[sha256.Sum256([]byte(value))] = &session{since: now, last: now, hash: hash}
	return value
}

// valid reports whether value belongs to a living session. If touch, that counts as using it.
func (s *sessions) valid(now time.Time, value, hash string, touch bool) bool {
	key := sha256.Sum256([]byte(value))
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.open[key]
	if !ok {
		return false
	}
	if c.hash != hash || now.Sub(c.last) >= s.idle || now.Sub(c.since) >= s.max {
		delete(s.open, key)
		return false
	}
	if touch {
		c.last = now
	}
	return true
}

// end closes a session.
func (s *sessions) end(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, sha256.Sum256([]byte(value)))
}

// cookieName differs by port, because browsers share cookies among the ports of a host and several
// phones may run on one workstation.
func cookieName(r *http.Request) string {
	_, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		port = "0"
	}
	return cookiePrefix + port
}

// cookieOf is the session cookie that a request carries, "" if none.
func cookieOf(r *http.Request) string {
	c, err := r.Cookie(cookieName(r))
	if err != nil {
		return ""
	}
	return c.Value
}

// newCookie is a session cookie; age < 0 removes it.
func newCookie(r *http.Request, value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName(r), Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	}
}
