package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Implementation constants.
const (
	maxConnections   = 64 // at a time
	maxFromOne       = 32 // of them from one address
	maxHeader        = 16 << 10
	maxBody          = 64 << 10  // bytes of a request body
	maxConfigBody    = 512 << 10 // bytes of a set of parameters
	headerTimeout    = 5 * time.Second
	bodyTimeout      = 15 * time.Second
	answerTimeout    = 45 * time.Second // for everything but events
	idleTimeout      = time.Minute
	closeTimeout     = time.Second
	commandTimeout   = 5 * time.Second // how long the phone may take to answer
	defaultSilence   = 10 * time.Second
	strictTransport  = "max-age=31536000"
	contentSecurity  = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	permissionPolicy = "camera=(), geolocation=(), microphone=()"
)

// Config is what a Server needs. Functions are called for each request that needs them, from many
// goroutines, and must not block.
type Config struct {
	Source   Source
	ValidKey func(string) bool // whether the API may press this key; hal knows
	// Check looks deeper into a value than config does, where another package has to understand it (a dial
	// plan); its error refuses the value. May be nil.
	Check        func(tag, value string) error
	PasswordHash func() string   // of the user admin, from HashPassword; while it is "" nobody can log in
	Hosts        func() []string // names this phone goes by, beside its addresses; may be nil
	MaxSilence   time.Duration   // of Source.Heartbeat before /healthz says 503; 0: 10 s
	SessionIdle  time.Duration   // a session ends when unused this long; 0: an hour
	SessionMax   time.Duration   // and at this age; 0: an hour
	Log          *slog.Logger    // may be nil

	// Handset is what the page at / draws; nil: the phone has a case of its own, and / is its status.
	Handset *Handset
	// Sound makes a new link with the phone's sound device; nil: there is none to be had.
	Sound func() (SoundLink, error)
	// Open lets anybody at this machine use the handset without a login, in a demonstration: its page,
	// keys, screen, sound, events, status and calls, asked for by a loopback name from a loopback address.
	// Settings, metrics and what is under /admin need a login as ever.
	Open bool
	// Frames are the origins of web pages ("http://127.0.0.1:8080") that may show the handset in a frame.
	// They pass on the right to the microphone with allow="microphone; autoplay".
	Frames []string
}

// Server is the phone's page and API. Everything but /healthz, /login and the files of the login
// page needs a login; what is added to routes without saying otherwise does too.
type Server struct {
	config    Config
	log       *slog.Logger
	mux       *http.ServeMux
	routed    map[string]route // by pattern
	handler   http.Handler
	http      *http.Server
	origins   *http.CrossOriginProtection
	passwords *verifier
	throttle  throttle
	sessions  sessions
	events    events
	sounds    sounds
	now       func() time.Time
}

// A route is one resource. Its handler runs after the gate unless it is open.
type route struct {
	pattern string // of http.ServeMux
	handle  func(http.ResponseWriter, *http.Request)
	open    bool // needs no login
	handset bool // needs none where Config.Open says so
}

// New makes a server. Start it with Serve; firmware tells it what happens with Publish and Decision.
func New(c Config) *Server {
	if c.MaxSilence <= 0 {
		c.MaxSilence = defaultSilence
	}
	if c.SessionIdle <= 0 {
		c.SessionIdle = defaultIdle
	}
	if c.SessionMax <= 0 {
		c.SessionMax = defaultMax
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Frames = slices.DeleteFunc(slices.Clone(c.Frames), func(origin string) bool {
		if isOrigin(origin) {
			return false
		}
		c.Log.Error("a page that is to show the phone in a frame is not given by its origin", "origin", origin)
		return true
	})
	s := &Server{
		config: c, log: c.Log, now: time.Now,
		mux: http.NewServeMux(), routed: make(map[string]route),
		origins: http.NewCrossOriginProtection(), passwords: newVerifier(),
		sessions: sessions{idle: c.SessionIdle, max: c.SessionMax},
	}
	for _, r := range s.routes() {
		s.mux.HandleFunc(r.pattern, r.handle)
		s.routed[r.pattern] = r
	}
	s.handler = http.HandlerFunc(s.serve)
	s.http = &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout,
		WriteTimeout: answerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}
	s.http.RegisterOnShutdown(s.events.close)
	s.http.RegisterOnShutdown(s.sounds.close)
	return s
}

func (s *Server) routes() []route {
	return []route{
		{pattern: "GET /healthz", handle: s.healthz, open: true},
		{pattern: "GET /login", handle: s.loginPage, open: true},
		{pattern: "POST /login", handle: s.login, open: true},
		{pattern: "GET /static/{file}", handle: s.static, open: true},
		{pattern: "GET /favicon.ico", handle: s.favicon, open: true},

		{pattern: "POST /logout", handle: s.logout},
		{pattern: "GET /{$}", handle: s.homePage, handset: true},
		{pattern: "GET /status", handle: s.startPage, handset: true},
		{pattern: "GET /state", handle: s.startState, handset: true},

		{pattern: "GET /api/v1/status", handle: s.status, handset: true},
		{pattern: "POST /api/v1/keys", handle: s.keys, handset: true},
		{pattern: "GET /api/v1/screen", handle: s.screen, handset: true},
		{pattern: "GET /api/v1/screen.png", handle: s.screenPNG, handset: true},
		{pattern: "GET /api/v1/events", handle: s.stream, handset: true},
		{pattern: "GET /api/v1/sound", handle: s.sound, handset: true},
		{pattern: "GET /api/v1/config", handle: s.parameters},
		{pattern: "POST /api/v1/config", handle: s.setParameters},
		{pattern: "POST /api/v1/calls", handle: s.placeCall, handset: true},
		{pattern: "DELETE /api/v1/calls/{id}", handle: s.hangUp, handset: true},
		{pattern: "POST /api/v1/calls/{id}/{verb}", handle: s.callVerb, handset: true},
		{pattern: "GET /metrics", handle: s.metrics},

		{pattern: "GET /settings", handle: s.settings},
		{pattern: "POST /settings", handle: s.setSettings},
		{pattern: "GET /settings/live", handle: s.settingsLive},
		{pattern: "GET /admin/{$}", handle: s.toSettings},
		{pattern: "GET /admin/advanced", handle: s.toSettings},
		{pattern: "GET /admin/cfg.xml", handle: s.cfgXML},
		{pattern: "GET /admin/status.xml", handle: s.statusXML},
		{pattern: "GET /admin/resync", handle: s.resync},
		{pattern: "POST /admin/resync", handle: s.resync},
		{pattern: "GET /admin/reboot", handle: s.reboot},
		{pattern: "POST /admin/reboot", handle: s.reboot},
	}
}

// ServeHTTP serves one request; Serve does the same for a listener.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

type loginKey struct{}

// serve is what every request goes through: headers, gate, limits, handler.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", contentSecurity)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", permissionPolicy)
	h.Set("Referrer-Policy", "same-origin") // no-referrer would hide the Origin of our own forms
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	if r.TLS != nil {
		h.Set("Strict-Transport-Security", strictTransport)
	}
	handler, pattern := s.mux.Handler(r)
	who, ok := s.admit(w, r, s.routed[pattern])
	if !ok {
		return
	}
	limit := int64(maxBody)
	if strings.HasSuffix(pattern, "/config") || strings.HasSuffix(pattern, "/settings") {
		limit = maxConfigBody
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	if pattern == "" {
		s.noRoute(w, r, handler)
		return
	}
	s.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), loginKey{}, who)))
}

// noRoute says what the multiplexer says about a resource or method that does not exist, in our format.
func (s *Server) noRoute(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	answer := codeOnly{header: make(http.Header), code: http.StatusOK}
	handler.ServeHTTP(&answer, r)
	if allow := answer.header.Get("Allow"); allow != "" {
		w.Header().Set("Allow", allow)
		fail(w, r, http.StatusMethodNotAllowed, "only "+allow+" is possible here")
		return
	}
	fail(w, r, http.StatusNotFound, "there is nothing at "+r.URL.Path)
}

type codeOnly struct {
	header http.Header
	code   int
}

func (c *codeOnly) Header() http.Header         { return c.header }
func (c *codeOnly) WriteHeader(code int)        { c.code = code }
func (c *codeOnly) Write(p []byte) (int, error) { return len(p), nil }

// Serve answers requests from ln until Close.
func (s *Server) Serve(ln net.Listener) error {
	err := s.http.Serve(&limitedListener{Listener: ln})
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Close ends event streams at once and gives other requests a second.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return s.http.Close()
	}
	return nil
}

// A limitedListener closes connections beyond the limits as they come, so that somebody who opens
// many without sending anything cannot keep others out for longer than the timeouts.
type limitedListener struct {
	net.Listener
	mu    sync.Mutex
	total int
	from  map[netip.Addr]int
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		var addr netip.Addr
		if ap, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
			addr = guesser(ap.Addr())
		}
		if l.take(addr) {
			return &limitedConn{Conn: conn, done: sync.OnceFunc(func() { l.give(addr) })}, nil
		}
		conn.Close()
	}
}

func (l *limitedListener) take(addr netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= maxConnections || l.from[addr] >= maxFromOne {
		return false
	}
	if l.from == nil {
		l.from = make(map[netip.Addr]int)
	}
	l.total++
	l.from[addr]++
	return true
}

func (l *limitedListener) give(addr netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.from[addr]--; l.from[addr] == 0 {
		delete(l.from, addr)
	}
}

type limitedConn struct {
	net.Conn
	done func()
}

func (c *limitedConn) Close() error {
	c.done()
	return c.Conn.Close()
}
