package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"dialtone/board"
	"dialtone/config"
	"dialtone/hal"
	"dialtone/hal/sim"
	"dialtone/keypad"
	"dialtone/web"
)

// A webFront is the web server's side of the phone: what the loop tells it, and the admin password.
type webFront struct {
	log     *slog.Logger
	board   board.Board
	handset *sim.Handset // nil: the board is not simulated
	open    bool         // see web.Config.Open
	frames  []string     // see web.Config.Frames
	server  *web.Server  // nil: off

	mu       sync.Mutex
	password config.Secret // in force
	hashed   config.Secret // the one hash belongs to
	hash     string
}

// setPassword is called by the loop when settings come into force.
func (f *webFront) setPassword(p config.Secret) {
	f.mu.Lock()
	f.password = p
	f.mu.Unlock()
}

// passwordHash hashes the password when it is first asked for: it takes a tenth of a second on a Pi, too
// long for the loop.
func (f *webFront) passwordHash() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hash == "" || f.hashed != f.password {
		hash, err := web.HashPassword(f.password.Reveal())
		if err != nil {
			f.log.Error("hashing the admin password", "err", err)
			return ""
		}
		f.hash, f.hashed = hash, f.password
	}
	return f.hash
}

// serve opens the page and API at addr ("off": not at all) and returns how to close them.
func (f *webFront) serve(addr string, set *phoneSet) (func(), error) {
	if addr == "off" {
		return func() {}, nil
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("opening the web page at %s: %w", addr, rootCause(err))
	}
	return f.serveOn(ln, set), nil
}

// serveOn opens the page and API on a listener and returns how to close them.
func (f *webFront) serveOn(ln net.Listener, set *phoneSet) func() {
	f.server = web.New(web.Config{
		Source:       asker{loop: set.loop, life: set.ctx},
		ValidKey:     func(name string) bool { return hal.Valid(hal.Key(name)) },
		PasswordHash: f.passwordHash,
		Check:        checkSetting,
		Hosts:        func() []string { return hostNames(set.ctx, asker{loop: set.loop, life: set.ctx}) },
		Log:          f.log,
		Handset:      drawnHandset(f.board),
		Sound:        soundOf(f.handset),
		Open:         f.open, Frames: f.frames,
	})
	set.publish = f.server
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f.server.Serve(ln); err != nil && !errors.Is(err, net.ErrClosed) {
			f.log.Error("the web page ended", "err", err)
		}
	}()
	f.log.Info("the web page is open", "url", "http://"+ln.Addr().String()+"/")
	return func() {
		f.server.Close()
		<-done
	}
}

// checkSetting looks at what config only knows the outside of: dial plans.
func checkSetting(tag, value string) error {
	if !strings.HasPrefix(tag, "Dial_Plan_") {
		return nil
	}
	_, err := keypad.ParsePlan(value)
	return err
}

// rootCause leaves out what the caller says already: "listen tcp 127.0.0.1:80: bind: address already in use".
func rootCause(err error) error {
	var e *os.SyscallError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// hostNames are the names this phone goes by: the machine's, and those of the settings.
func hostNames(ctx context.Context, a asker) []string {
	var names []string
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if s, err := a.Settings(ctx); err == nil && s.System.HostName != "" {
		names = append(names, s.System.HostName)
		if s.System.Domain != "" {
			names = append(names, s.System.HostName+"."+s.System.Domain)
		}
	}
	return names
}

// webAddr is where the page is: the flag, else port 80 on a device and loopback on a simulated board.
func (opt options) webAddr(b board.Board) string {
	switch {
	case opt.web != "":
		return opt.web
	case b.Simulated:
		return "127.0.0.1:8080"
	}
	return ":80"
}

// Settings are those in force.
func (a asker) Settings(ctx context.Context) (config.Settings, error) {
	return answer(ctx, a, func(time.Time) config.Settings { return a.settings })
}

// UpdateSettings lets change work on the newest settings, keeps the result and waits until it is in force.
func (a asker) UpdateSettings(ctx context.Context, change func(config.Settings) (config.Settings, bool)) error {
	outcome := make(chan error, 1)
	err := a.ask(ctx, func(now time.Time) {
		s, ok := change(a.newest())
		if !ok {
			outcome <- nil
			return
		}
		a.update(now, s, func(err error) { outcome <- err })
	})
	if err != nil {
		return err
	}
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-a.life.Done():
		return context.Canceled
	}
}
