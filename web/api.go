package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"dialtone/config"
)

// Implementation constants.
const (
	maxKeys   = 64                     // pressed with one request
	keyTime   = 300 * time.Millisecond // how long pressing one may take
	maxTo     = 255                    // bytes of a number, user or URI to call
	maxDigits = 64                     // DTMF digits sent with one request
)

// ask makes the context for a question to the phone.
func ask(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), commandTimeout)
}

// silent answers when the phone did not.
func (s *Server) silent(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.DeadlineExceeded) {
		fail(w, r, http.StatusGatewayTimeout, "the phone does not answer in time")
		return
	}
	s.log.Debug("the phone refused a request", "path", r.URL.Path, "error", err)
	fail(w, r, http.StatusServiceUnavailable, "the phone cannot answer now: "+err.Error())
}

// run gives the phone a command. It returns false if it was not done; then the answer is written.
func (s *Server) run(w http.ResponseWriter, r *http.Request, c Command, extra time.Duration) (Result, bool) {
	ctx, cancel := context.WithTimeout(r.Context(), commandTimeout+extra)
	defer cancel()
	result, err := s.config.Source.Do(ctx, c)
	if err != nil {
		s.silent(w, r, err)
		return result, false
	}
	if result.Outcome == Done {
		return result, true
	}
	text := result.Text
	if text == "" {
		text = result.Outcome.String()
	}
	fail(w, r, result.Outcome.code(), text)
	return result, false
}

// askSettings is what the settings are; false: the phone does not say, and r is answered.
func (s *Server) askSettings(w http.ResponseWriter, r *http.Request) (config.Settings, bool) {
	ctx, cancel := ask(r)
	defer cancel()
	settings, err := s.config.Source.Settings(ctx)
	if err != nil {
		s.silent(w, r, err)
		return settings, false
	}
	return settings, true
}

// askStatus is how the phone is; false: it does not say, and r is answered.
func (s *Server) askStatus(w http.ResponseWriter, r *http.Request) (Status, bool) {
	ctx, cancel := ask(r)
	defer cancel()
	status, err := s.config.Source.Status(ctx)
	if err != nil {
		s.silent(w, r, err)
		return status, false
	}
	return status, true
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	status, ok := s.askStatus(w, r)
	if !ok {
		return
	}
	answer(w, http.StatusOK, status)
}

// healthz answers 200 while every loop of the phone is alive. Anybody may ask, so it says nothing else.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if s.config.Source.Heartbeat() > s.config.MaxSilence {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "not alive")
		return
	}
	fmt.Fprintln(w, "ok")
}

// keysRequest is the body of POST /api/v1/keys, in one of its three forms.
type keysRequest struct {
	Keys  *string   `json:"keys"` // 0-9 * #, pressed one after another
	Key   *string   `json:"key"`  // one key by its name
	Down  *bool     `json:"down"` // with key: bring its contact down or up and leave it
	Steps []keyStep `json:"steps"`
}

// keyStep is one of several things done to keys by their names, in order.
type keyStep struct {
	Key  string `json:"key"`
	Down *bool  `json:"down"` // absent: press and release it
}

// steps checks the whole request before anything is pressed.
func (k keysRequest) steps(valid func(string) bool) ([]KeyStep, error) {
	switch {
	case k.Steps != nil && k.Keys == nil && k.Key == nil:
		return k.several(valid)
	case k.Steps != nil || (k.Keys == nil) == (k.Key == nil):
		return nil, errors.New(`write either {"keys":"1001#"} or {"key":"hook","down":false} or {"steps":[{"key":"5","down":true}]}`)
	case k.Keys != nil && k.Down != nil:
		return nil, errors.New(`"down" goes with "key", not with "keys"`)
	case k.Keys != nil:
		if *k.Keys == "" || len(*k.Keys) > maxKeys {
			return nil, fmt.Errorf("from 1 to %d keys can be pressed at a time", maxKeys)
		}
		var steps []KeyStep
		for i, c := range *k.Keys {
			if !strings.ContainsRune("0123456789*#", c) || !valid(string(c)) {
				return nil, fmt.Errorf("character %d of %q is no dial key: 0-9 * # are; others are written by name in \"key\"", i+1, *k.Keys)
			}
			steps = append(steps, KeyStep{Key: string(c), Press: true})
		}
		return steps, nil
	}
	step, err := keyStep{*k.Key, k.Down}.step(valid)
	return []KeyStep{step}, err
}

func (k keysRequest) several(valid func(string) bool) ([]KeyStep, error) {
	switch {
	case k.Down != nil:
		return nil, errors.New(`"down" goes into the steps`)
	case len(k.Steps) == 0 || len(k.Steps) > maxKeys:
		return nil, fmt.Errorf("from 1 to %d steps can be done at a time", maxKeys)
	}
	var steps []KeyStep
	for i, one := range k.Steps {
		step, err := one.step(valid)
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i+1, err)
		}
		steps = append(steps, step)
	}
	return steps, nil
}

func (k keyStep) step(valid func(string) bool) (KeyStep, error) {
	switch {
	case !valid(k.Key):
		return KeyStep{}, fmt.Errorf("%.40q is no key of a handset", k.Key)
	case k.Down != nil:
		return KeyStep{Key: k.Key, Down: *k.Down}, nil
	case k.Key == hookKey:
		return KeyStep{}, errors.New(`the hook is a switch: say "down":false to lift the handset, "down":true to replace it`)
	}
	return KeyStep{Key: k.Key, Press: true}, nil
}

const hookKey = "hook" // the one key that stays where it is put

func (s *Server) keys(w http.ResponseWriter, r *http.Request) {
	var request keysRequest
	if err := decode(r, &request); err != nil {
		badBody(w, r, err)
		return
	}
	steps, err := request.steps(s.config.ValidKey)
	if err != nil {
		fail(w, r, http.StatusBadRequest, err.Error())
		return
	}
	if _, ok := s.run(w, r, PressKeys{Keys: steps}, time.Duration(len(steps))*keyTime); ok {
		answer(w, http.StatusOK, map[string]int{"pressed": len(steps)})
	}
}

// callRequest is the body of POST /api/v1/calls.
type callRequest struct {
	To   string `json:"to"`
	Line int    `json:"line"` // 0 or absent: the phone chooses
}

func (c callRequest) check() error {
	switch {
	case strings.TrimSpace(c.To) == "":
		return errors.New(`"to" is missing: a number, user or SIP URI`)
	case len(c.To) > maxTo:
		return fmt.Errorf(`"to" is longer than %d bytes`, maxTo)
	case strings.ContainsFunc(c.To, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return errors.New(`"to" contains a space or control character`)
	case c.Line < 0:
		return errors.New(`"line" counts from 1`)
	}
	return nil
}

func (s *Server) placeCall(w http.ResponseWriter, r *http.Request) {
	var request callRequest
	err := decode(r, &request)
	if err != nil {
		badBody(w, r, err)
		return
	}
	if err := request.check(); err != nil {
		fail(w, r, http.StatusBadRequest, err.Error())
		return
	}
	if result, ok := s.run(w, r, Call(request), 0); ok {
		id := CallID(result.Call)
		w.Header().Set("Location", "/api/v1/calls/"+id)
		answer(w, http.StatusCreated, map[string]string{"id": id})
	}
}

func (s *Server) hangUp(w http.ResponseWriter, r *http.Request) {
	id, ok := parseCallID(r.PathValue("id"))
	if !ok {
		fail(w, r, http.StatusNotFound, "there is no such call")
		return
	}
	if _, ok := s.run(w, r, Hangup{ID: id}, 0); ok {
		answer(w, http.StatusOK, map[string]string{"id": CallID(id)})
	}
}

// dtmfRequest is the body of POST /api/v1/calls/ID/dtmf.
type dtmfRequest struct {
	Digits string `json:"digits"`
}

func (d *dtmfRequest) check() error {
	if d.Digits == "" || len(d.Digits) > maxDigits {
		return fmt.Errorf(`"digits" must be from 1 to %d of 0-9 * # A-D`, maxDigits)
	}
	d.Digits = strings.ToUpper(d.Digits)
	for i, c := range d.Digits {
		if !strings.ContainsRune("0123456789*#ABCD", c) {
			return fmt.Errorf("character %d of \"digits\" is none of 0-9 * # A-D", i+1)
		}
	}
	return nil
}

func (s *Server) callVerb(w http.ResponseWriter, r *http.Request) {
	verb := r.PathValue("verb")
	switch verb {
	case "answer", "hold", "resume", "dtmf":
	case "transfer":
		fail(w, r, http.StatusNotImplemented, "this phone cannot transfer calls yet")
		return
	default:
		fail(w, r, http.StatusNotFound, "a call can be asked to answer, hold, resume, dtmf or transfer")
		return
	}
	id, ok := parseCallID(r.PathValue("id"))
	if !ok {
		fail(w, r, http.StatusNotFound, "there is no such call")
		return
	}
	var command Command
	var extra time.Duration
	switch verb {
	case "answer":
		command = Answer{ID: id}
	case "hold":
		command = Hold{ID: id}
	case "resume":
		command = Resume{ID: id}
	case "dtmf":
		var request dtmfRequest
		err := decode(r, &request)
		if err != nil {
			badBody(w, r, err)
			return
		}
		if err := request.check(); err != nil {
			fail(w, r, http.StatusBadRequest, err.Error())
			return
		}
		command, extra = SendDTMF{ID: id, Digits: request.Digits}, time.Duration(len(request.Digits))*keyTime
	}
	if _, ok := s.run(w, r, command, extra); ok {
		answer(w, http.StatusOK, map[string]string{"id": CallID(id)})
	}
}

func (s *Server) screen(w http.ResponseWriter, r *http.Request) {
	screen, ok := s.askScreen(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(strings.Join(screen.Rows, "\n") + "\n"))
}

func (s *Server) screenPNG(w http.ResponseWriter, r *http.Request) {
	screen, ok := s.askScreen(w, r)
	if !ok {
		return
	}
	if screen.PNG == nil {
		fail(w, r, http.StatusNotFound, "this phone's screen has no picture")
		return
	}
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(screen.PNG)
}

func (s *Server) askScreen(w http.ResponseWriter, r *http.Request) (Screen, bool) {
	ctx, cancel := ask(r)
	defer cancel()
	screen, err := s.config.Source.Screen(ctx)
	if err != nil {
		s.silent(w, r, err)
		return Screen{}, false
	}
	return screen, true
}
