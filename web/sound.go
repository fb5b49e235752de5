package web

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Implementation constants.
const (
	soundRate    = 8000                  // samples a second, both ways
	soundFrame   = 20 * soundRate / 1000 // samples of a frame to the client
	maxSounds    = 4                     // clients of /api/v1/sound at a time
	maxSaid      = 100 * soundRate / 1000
	leastSaid    = 10 * soundRate / 1000 // a smaller frame of a client counts as one of this size
	saidRate     = soundRate * 5 / 4     // samples a second a client may say: its clock is not ours
	saidBurst    = 2 * soundRate         // and at once, after a pause of its network
	soundTimeout = 5 * time.Second       // for one frame to a client
	soundBeat    = 15 * time.Second      // between pings
	soundPong    = 10 * time.Second      // for the answer to one
	soundHello   = `{"rate":8000,"frame_ms":20}`
)

// ErrSoundTaken ends a SoundLink in whose place a newer one came.
var ErrSoundTaken = errors.New("another page talks and listens now")

// A SoundLink is one client's connection with the phone's sound device, 8000 samples a second each way.
type SoundLink interface {
	// Listen waits until the phone has played as many samples as frame has room for, and fills it. A phone
	// that has nothing to play plays nothing. It returns ErrSoundTaken when a newer link took its place, any
	// other error when the link ended.
	Listen(frame []int16) error
	// Say lets the phone's microphone hear samples. It never waits and does not keep the slice.
	Say(samples []int16)
	// Close ends the link, and a Listen that waits.
	Close() error
}

// sounds counts the clients that talk and listen.
type sounds struct {
	mu     sync.Mutex
	n      int
	closed bool
	ended  chan struct{} // closed with the server
}

// join counts one more client in. It returns what is closed with the server, nil if there are too many.
func (s *sounds) join() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.n >= maxSounds {
		return nil
	}
	if s.ended == nil {
		s.ended = make(chan struct{})
	}
	s.n++
	return s.ended
}

func (s *sounds) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n--
}

func (s *sounds) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && s.ended != nil {
		close(s.ended)
	}
	s.closed = true
}

// A soundGate is what every message of a client passes before the phone hears it.
type soundGate struct {
	credit  float64 // samples that may be said now
	since   time.Time
	samples [maxSaid]int16
}

// take checks one message and returns its samples, which are valid until the next call. An error ends
// the connection.
func (g *soundGate) take(now time.Time, kind websocket.MessageType, data []byte) ([]int16, error) {
	n := len(data) / 2
	switch {
	case kind != websocket.MessageBinary:
		return nil, &soundEnd{websocket.StatusUnsupportedData, "sound comes in binary messages"}
	case n == 0 || len(data)%2 != 0 || n > maxSaid:
		return nil, &soundEnd{websocket.StatusInvalidFramePayloadData, fmt.Sprintf("a message of %d bytes: 16-bit samples, 1 to %d of them, are sound", len(data), maxSaid)}
	}
	if g.since.IsZero() {
		g.credit = saidBurst
	} else if passed := now.Sub(g.since); passed > 0 {
		g.credit = min(saidBurst, g.credit+passed.Seconds()*saidRate)
	}
	g.since = now
	if g.credit -= float64(max(n, leastSaid)); g.credit < 0 {
		return nil, &soundEnd{websocket.StatusPolicyViolation, "more sound than time"}
	}
	for i := range n {
		g.samples[i] = int16(binary.LittleEndian.Uint16(data[2*i:]))
	}
	return g.samples[:n], nil
}

// A soundEnd is why a connection ends, as the client is told.
type soundEnd struct {
	code   websocket.StatusCode
	reason string // at most 123 bytes
}

func (e *soundEnd) Error() string { return e.reason }

// soundTaken is a code of our own: a client must not come again by itself, or two would take the sound
// from each other for ever.
const soundTaken websocket.StatusCode = 4001

// sound answers GET /api/v1/sound: a WebSocket (RFC 6455) to talk and listen with. Each binary message
// is PCM, 16 bits little-endian, one channel, 8000 samples a second. The phone sends frames of 20 ms
// while it plays anything, and nothing while it does not; a client sends frames of 1 to 800 samples, best
// 160, in their time, and nothing if it only listens. The first message of the phone is text, the JSON
// {"rate":8000,"frame_ms":20}. There is one sound device: who comes last has it, and the one before is
// told with the close code 4001.
func (s *Server) sound(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.config.Sound == nil:
		fail(w, r, http.StatusNotImplemented, "this phone has no sound to be had here")
		return
	case r.Method != http.MethodGet || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		w.Header().Set("Upgrade", "websocket")
		fail(w, r, http.StatusUpgradeRequired, "sound comes over a WebSocket")
		return
	}
	who, _ := r.Context().Value(loginKey{}).(login)
	if err := socketOrigin(r, who); err != nil {
		fail(w, r, http.StatusForbidden, err.Error())
		return
	}
	closed := s.sounds.join()
	if closed == nil {
		w.Header().Set("Retry-After", "5")
		fail(w, r, http.StatusServiceUnavailable, fmt.Sprintf("%d clients talk and listen already", maxSounds))
		return
	}
	defer s.sounds.leave()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		s.log.Debug("a client could not talk and listen", "error", err)
		return
	}
	conn.SetReadLimit(2*maxSaid + 2)
	link, err := s.config.Sound()
	if err != nil {
		s.log.Warn("the phone's sound cannot be had", "error", err)
		conn.Close(websocket.StatusTryAgainLater, "the sound device cannot be had now")
		return
	}
	s.carry(r.Context(), conn, link, closed, who)
}

// socketOrigin refuses a WebSocket that another web page opens: a browser would send it with the user's
// login, and let the page read what comes.
func socketOrigin(r *http.Request, who login) error {
	origin := r.Header.Get("Origin")
	if origin == "" {
		if who.cookie != "" {
			return errors.New("with a session, a WebSocket needs the Origin header: programs use HTTP Basic")
		}
		return nil
	}
	if u, err := url.Parse(origin); err != nil || !strings.EqualFold(u.Host, r.Host) {
		return errors.New("the request comes from another web page")
	}
	return nil
}

// carry carries sound both ways until one side ends it.
func (s *Server) carry(ctx context.Context, conn *websocket.Conn, link SoundLink, closed <-chan struct{}, who login) {
	ctx, cancel := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	running.Go(func() { cancel(carryOut(conn, link)) })
	running.Go(func() { cancel(s.carryIn(conn, link)) })
	running.Go(func() { cancel(s.watchSound(ctx, conn, closed, who)) })
	<-ctx.Done()
	link.Close()
	var why *soundEnd
	if !errors.As(context.Cause(ctx), &why) {
		why = &soundEnd{websocket.StatusNormalClosure, ""} // the client went
	}
	conn.Close(why.code, why.reason) // ends what reads and writes
	running.Wait()
}

// carryOut sends what the phone plays.
func carryOut(conn *websocket.Conn, link SoundLink) error {
	write := func(kind websocket.MessageType, data []byte) error {
		ctx, cancel := context.WithTimeout(context.Background(), soundTimeout)
		defer cancel()
		return conn.Write(ctx, kind, data)
	}
	if err := write(websocket.MessageText, []byte(soundHello)); err != nil {
		return err
	}
	frame, data := make([]int16, soundFrame), make([]byte, 2*soundFrame)
	for {
		switch err := link.Listen(frame); {
		case errors.Is(err, ErrSoundTaken):
			return &soundEnd{soundTaken, err.Error()}
		case err != nil:
			return &soundEnd{websocket.StatusGoingAway, "the phone is off"}
		}
		for i, v := range frame {
			binary.LittleEndian.PutUint16(data[2*i:], uint16(v))
		}
		if err := write(websocket.MessageBinary, data); err != nil {
			return err
		}
	}
}

// carryIn lets the phone hear what the client sends.
func (s *Server) carryIn(conn *websocket.Conn, link SoundLink) error {
	var gate soundGate
	data := make([]byte, 2*maxSaid+2) // one sample more than may be: the gate sees that it is too many
	for {
		kind, message, err := conn.Reader(context.Background())
		if err != nil {
			return err
		}
		n, err := io.ReadFull(message, data)
		switch {
		case err == nil:
			return &soundEnd{websocket.StatusMessageTooBig, "too much sound in one message"}
		case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return err
		}
		samples, err := gate.take(time.Now(), kind, data[:n])
		if err != nil {
			s.log.Debug("a client's sound was refused", "error", err)
			return err
		}
		link.Say(samples)
	}
}

// watchSound pings the client, and ends the connection with the login or the server.
func (s *Server) watchSound(ctx context.Context, conn *websocket.Conn, closed <-chan struct{}, who login) error {
	beat := time.NewTicker(soundBeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-closed:
			return &soundEnd{websocket.StatusGoingAway, "the phone is off"}
		case <-beat.C:
		}
		if !s.stillValid(who) {
			return &soundEnd{websocket.StatusPolicyViolation, "the login ended"}
		}
		pong, cancel := context.WithTimeout(ctx, soundPong)
		err := conn.Ping(pong)
		cancel()
		if err != nil {
			return err
		}
	}
}
