package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Implementation constants.
const (
	maxStreams   = 8   // clients of /api/v1/events at a time
	streamQueue  = 128 // events a client may be behind before it is dropped
	keptLines    = 200 // decision lines kept for whoever comes later
	heartbeat    = 15 * time.Second
	writeTimeout = 10 * time.Second // for one event to one client
	retryAfter   = 2000             // ms a browser waits before it connects again
)

// Events, as named in the stream. Each carries JSON.
const (
	eventStatus       = "status"       // once, at the beginning: the whole Status
	eventPhone        = "phone"        // PhoneStatus, when the clock becomes right or wrong
	eventLine         = "line"         // LineStatus
	eventCall         = "call"         // CallStatus
	eventGone         = "gone"         // {"id":"c1"}: an ended call is no longer listed
	eventScreen       = "screen"       // {"rows":[…]}, also when only its picture is another
	eventProvisioning = "provisioning" // ProvisioningStatus
	eventHandset      = "handset"      // HandsetStatus: lamps, bell, hook
	eventDecision     = "decision"     // {"at":"2026-11-22T12:00:00.000Z","text":"…"}
)

// events tells clients what changes. Publishing never waits for a client: one that does not keep up
// is dropped, and finds the whole state when it connects again.
type events struct {
	mu       sync.Mutex
	clients  map[*client]struct{}
	closed   bool
	lastID   uint64
	last     Status // as published, without what changes with time alone
	rows     []string
	lines    []decisionLine // oldest first
	dropped  uint64
	joinings uint64
}

type decisionLine struct {
	id   uint64
	data []byte
}

type client struct {
	queue chan []byte   // ready to be written
	gone  chan struct{} // closed when the client is dropped or the server closes
}

// Watching reports whether anybody listens to events. While nobody does, Publish need not be called.
func (s *Server) Watching() bool {
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	return len(s.events.clients) > 0
}

// Publish tells the clients what changed since the last call. The loop calls it after each step,
// once it has settled; it takes microseconds and never waits. The slices must not change afterwards.
func (s *Server) Publish(status Status, rows []string) {
	e := &s.events
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.clients) == 0 {
		return
	}
	steady := steadyStatus(status)
	if steady.Phone != e.last.Phone {
		e.send(eventPhone, status.Phone)
	}
	for i, line := range steady.Lines {
		if old := slices.IndexFunc(e.last.Lines, func(l LineStatus) bool { return l.Line == line.Line }); old < 0 || !reflect.DeepEqual(line, e.last.Lines[old]) {
			e.send(eventLine, status.Lines[i])
		}
	}
	for i, call := range steady.Calls {
		if !slices.Contains(e.last.Calls, call) {
			e.send(eventCall, status.Calls[i])
		}
	}
	for _, call := range e.last.Calls {
		if !slices.ContainsFunc(steady.Calls, func(c CallStatus) bool { return c.ID == call.ID }) {
			e.send(eventGone, map[string]string{"id": call.ID})
		}
	}
	if steady.Provisioning != e.last.Provisioning {
		e.send(eventProvisioning, status.Provisioning)
	}
	if !reflect.DeepEqual(steady.Handset, e.last.Handset) {
		e.send(eventHandset, status.Handset)
	}
	if !slices.Equal(rows, e.rows) || steady.Picture != e.last.Picture {
		e.send(eventScreen, map[string][]string{"rows": rows})
	}
	e.last, e.rows = steady, rows
}

// Decision tells the clients one sentence about what the phone decided and why, without secrets.
// The last ones are kept.
func (s *Server) Decision(at time.Time, text string) {
	e := &s.events
	e.mu.Lock()
	defer e.mu.Unlock()
	data := e.send(eventDecision, decision{At: at.UTC().Format("2006-01-02T15:04:05.000Z07:00"), Text: text})
	if len(e.lines) >= keptLines {
		e.lines = slices.Delete(e.lines, 0, len(e.lines)-keptLines+1)
	}
	e.lines = append(e.lines, decisionLine{e.lastID, data})
}

type decision struct {
	At   string `json:"at"`
	Text string `json:"text"`
}

// send queues one event for every client. The mutex is held.
func (e *events) send(name string, v any) []byte {
	e.lastID++
	data := encodeEvent(e.lastID, name, v)
	for c := range e.clients {
		select {
		case c.queue <- data:
		default:
			e.drop(c)
			e.dropped++
		}
	}
	return data
}

// drop ends a client's stream. The mutex is held.
func (e *events) drop(c *client) {
	if _, ok := e.clients[c]; ok {
		delete(e.clients, c)
		close(c.gone)
	}
}

// join adds a client and returns the decision lines after the event with number since.
func (e *events) join(since uint64) (*client, [][]byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || len(e.clients) >= maxStreams {
		return nil, nil
	}
	c := &client{queue: make(chan []byte, streamQueue), gone: make(chan struct{})}
	if e.clients == nil {
		e.clients = make(map[*client]struct{})
	}
	e.clients[c] = struct{}{}
	e.joinings++
	var missed [][]byte
	for _, line := range e.lines {
		if since > 0 && since <= e.lastID && line.id > since {
			missed = append(missed, line.data)
		}
	}
	return c, missed
}

func (e *events) leave(c *client) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.drop(c)
}

func (e *events) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	for c := range e.clients {
		e.drop(c)
	}
}

// encodeEvent is one event as it goes over the wire, id 0 for none.
func encodeEvent(id uint64, name string, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil { // a Status has no value that JSON cannot take
		return nil
	}
	var b bytes.Buffer
	if id > 0 {
		fmt.Fprintf(&b, "id: %d\n", id)
	}
	fmt.Fprintf(&b, "event: %s\ndata: %s\n\n", name, data)
	return b.Bytes()
}

// stream answers GET /api/v1/events with server-sent events: first the whole state, then what changes.
// A client that comes again with Last-Event-ID also gets the decision lines it missed.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	if r.Method == http.MethodHead {
		return
	}
	since, _ := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64) // 0 if there is none
	c, missed := s.events.join(since)
	if c == nil {
		h.Set("Retry-After", "5")
		fail(w, r, http.StatusServiceUnavailable, fmt.Sprintf("%d clients listen to events already", maxStreams))
		return
	}
	defer s.events.leave(c)

	status, ok := s.askStatus(w, r)
	if !ok {
		return
	}
	out := http.NewResponseController(w)
	write := func(data []byte) bool {
		// Where deadlines are unknown (in tests) the writes do not block.
		_ = out.SetWriteDeadline(s.now().Add(writeTimeout))
		if _, err := w.Write(data); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	first := fmt.Appendf(nil, "retry: %d\n\n", retryAfter)
	first = append(first, encodeEvent(0, eventStatus, status)...)
	if !write(append(first, bytes.Join(missed, nil)...)) {
		return
	}
	who, _ := r.Context().Value(loginKey{}).(login)
	s.forward(r.Context(), c, who, write)
}

// forward writes what c is sent until it goes, is dropped or loses its right to listen.
func (s *Server) forward(ctx context.Context, c *client, who login, write func([]byte) bool) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.gone:
			return
		case data := <-c.queue:
			if !write(data) {
				return
			}
		case <-beat.C:
			if !s.stillValid(who) || !write([]byte(": alive\n\n")) {
				return
			}
		}
	}
}

// steadyStatus is s without what changes by the passing of time: what is left changes with an event.
func steadyStatus(s Status) Status {
	s.Phone.Uptime = 0
	s.Provisioning.Next = 0
	s.Counters = nil
	s.Lines = slices.Clone(s.Lines)
	for i := range s.Lines {
		servers := slices.Clone(s.Lines[i].Servers)
		for j := range servers {
			servers[j].Since, servers[j].Expires = 0, 0
		}
		s.Lines[i].Servers = servers
	}
	s.Calls = slices.Clone(s.Calls)
	for i := range s.Calls {
		c := &s.Calls[i]
		c.Duration = 0
		c.RTP = RTPStatus{Local: c.RTP.Local, Remote: c.RTP.Remote, Codec: c.RTP.Codec, Ptime: c.RTP.Ptime, SRTP: c.RTP.SRTP, Suite: c.RTP.Suite}
	}
	return s
}

// recent are the last n decision lines, newest first.
func (e *events) recent(n int) []decision {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []decision
	for _, line := range slices.Backward(e.lines) {
		if len(list) == n {
			break
		}
		var d decision
		_, data, _ := bytes.Cut(line.data, []byte("\ndata: "))
		if json.Unmarshal(data, &d) == nil {
			list = append(list, d)
		}
	}
	return list
}
