package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// An sse is one event as a client reads it.
type sse struct{ id, name, data string }

// readEvent reads the next event, passing over comments.
func readEvent(r *bufio.Reader) (sse, error) {
	var e sse
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return e, err
		}
		line = strings.TrimSuffix(line, "\n")
		field, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && e.name != "":
			return e, nil
		case line == "": // the end of a comment or of retry
		case field == "id":
			e.id = value
		case field == "event":
			e.name = value
		case field == "data":
			e.data = value
		}
	}
}

// serve starts the server on a real socket.
func (d *desk) serve() string {
	d.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- d.server.Serve(ln) }()
	d.Cleanup(func() {
		if err := d.server.Close(); err != nil {
			d.Error(err)
		}
		if err := <-done; err != nil {
			d.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

// listen opens a stream of events.
func (d *desk) listen(base string, alterations ...alteration) *http.Response {
	d.Helper()
	r, err := http.NewRequestWithContext(d.Context(), "GET", base+"/api/v1/events", nil)
	if err != nil {
		d.Fatal(err)
	}
	r.SetBasicAuth(adminUser, testPassword)
	for _, alter := range alterations {
		alter(r)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { res.Body.Close() })
	return res
}

func TestEvents(t *testing.T) {
	d := newDesk(t)
	base := d.serve()
	d.server.now = time.Now // the deadlines are real
	if d.server.Watching() {
		t.Error("somebody listens already")
	}
	d.server.Decision(d.now, "said before anybody listened")
	res := d.listen(base)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("the stream is %d %v", res.StatusCode, res.Header)
	}
	stream := bufio.NewReader(res.Body)
	next := func(name string) sse {
		t.Helper()
		e, err := readEvent(stream)
		if err != nil || e.name != name || !json.Valid([]byte(e.data)) {
			t.Fatalf("the next event is %+v, %v, want %s", e, err, name)
		}
		return e
	}
	if e := next(eventStatus); !strings.Contains(e.data, `"provisioning"`) {
		t.Errorf("the first event is not the whole state: %s", e.data)
	}
	if !d.server.Watching() {
		t.Error("nobody listens")
	}
	status := exampleStatus()
	d.server.Publish(status, d.phone.screen.Rows)
	for _, name := range []string{eventPhone, eventLine, eventCall, eventProvisioning, eventHandset, eventScreen} {
		next(name)
	}
	// Only time passes.
	status = exampleStatus()
	status.Phone.Uptime, status.Lines[0].Servers[0].Since, status.Lines[0].Servers[0].Expires = 99, 99, 1
	status.Calls[0].Duration, status.Calls[0].RTP.TxPackets, status.Calls[0].RTP.MOSLQ, status.Provisioning.Next = 9, 999, 3, 1
	d.server.Publish(status, slices.Clone(d.phone.screen.Rows))

	status.Lines[0].Servers = slices.Clone(status.Lines[0].Servers)
	status.Lines[0].Servers[0].State = "down"
	d.server.Publish(status, d.phone.screen.Rows)
	if e := next(eventLine); !strings.Contains(e.data, `"state":"down"`) || !strings.Contains(e.data, `"since_s":99`) {
		t.Errorf("a server going down is %s", e.data)
	}
	status.Lines = slices.Clone(status.Lines)
	status.Lines[0].Cause = "the password is wrong"
	d.server.Publish(status, d.phone.screen.Rows)
	next(eventLine)
	status.Calls = []CallStatus{{ID: "c1", State: "ended"}, {ID: "c2", State: "incoming"}}
	d.server.Publish(status, d.phone.screen.Rows)
	next(eventCall)
	next(eventCall)
	status.Calls = status.Calls[1:]
	d.server.Publish(status, d.phone.screen.Rows)
	if e := next(eventGone); e.data != `{"id":"c1"}` {
		t.Errorf("a call that is no longer listed is %s", e.data)
	}
	d.server.Decision(d.now.Add(time.Millisecond), "b.example.test is down:\nno answer")
	last := next(eventDecision)
	if last.data != `{"at":"2026-11-22T12:00:00.001Z","text":"b.example.test is down:\nno answer"}` {
		t.Errorf("a decision is %s", last.data)
	}
	d.server.Decision(d.now, "another")
	next(eventDecision)

	again := bufio.NewReader(d.listen(base, header("Last-Event-ID", last.id)).Body)
	for _, want := range []string{eventStatus, eventDecision} {
		if e, err := readEvent(again); err != nil || e.name != want || want == eventDecision && !strings.Contains(e.data, "another") {
			t.Errorf("who comes again gets %+v, %v, want %s", e, err, want)
		}
	}
	if err := d.server.Close(); err != nil {
		t.Error(err)
	}
	if e, err := readEvent(stream); err == nil {
		t.Errorf("the stream of a server that closed goes on: %+v", e)
	}
}

func TestEventsHaveAnEnd(t *testing.T) {
	d := newDesk(t)
	base := d.serve()
	d.server.now = time.Now
	for i := range maxStreams {
		res := d.listen(base)
		if _, err := readEvent(bufio.NewReader(res.Body)); err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
	}
	if res := d.listen(base); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("one client too many gets %d", res.StatusCode)
	}
	d.want("who asks for the head only gets no stream", d.send("HEAD", "/api/v1/events", ""), http.StatusOK, "")
}

// A client that does not read is dropped, and nobody waits for it.
func TestSlowClient(t *testing.T) {
	d := newDesk(t)
	slow, _ := d.server.events.join(0)
	quick, _ := d.server.events.join(0)
	for i := range streamQueue + 1 {
		d.server.Decision(d.now, fmt.Sprint("line ", i))
		<-quick.queue
	}
	select {
	case <-slow.gone:
	default:
		t.Error("the slow client is still there")
	}
	select {
	case <-quick.gone:
		t.Error("the quick client is dropped")
	default:
	}
	d.server.events.leave(slow) // must not trouble anybody
	if text := d.send("GET", "/metrics", "").Body.String(); !strings.Contains(text, "dialtone_event_clients_dropped_total 1\n") || !strings.Contains(text, "dialtone_event_clients 1\n") {
		t.Error("the metrics do not say so")
	}
	for i := range 3 * keptLines {
		d.server.Decision(d.now, fmt.Sprint("more ", i))
		<-quick.queue
	}
	if n := len(d.server.events.lines); n != keptLines {
		t.Errorf("%d lines are kept, want %d", n, keptLines)
	}
	if lines := d.server.events.recent(2); len(lines) != 2 || lines[0].Text != fmt.Sprint("more ", 3*keptLines-1) {
		t.Errorf("the last lines are %v", lines)
	}
	d.server.events.close()
	if c, _ := d.server.events.join(0); c != nil {
		t.Error("a closed server takes clients")
	}
}

func TestHeartbeatsOfEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		c, _ := d.server.events.join(0)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var out bytes.Buffer
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			d.server.forward(ctx, c, login{hash: d.hash}, func(data []byte) bool { out.Write(data); return true })
		}()
		time.Sleep(3*heartbeat + time.Second)
		synctest.Wait()
		if got := out.String(); got != strings.Repeat(": alive\n\n", 3) {
			t.Errorf("in three heartbeats a silent stream says %q", got)
		}
		// A stream lasts no longer than the right to listen to it.
		d.phone.set(func(*phone) { d.hash = "another" })
		time.Sleep(heartbeat)
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Error("a stream outlives the password it was opened with")
			cancel()
		}
	})
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		c, _ := d.server.events.join(0)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		d.server.forward(ctx, c, login{hash: d.hash}, func([]byte) bool { return true }) // returns
		d.server.Decision(d.now, "a line")
		d.server.forward(t.Context(), c, login{hash: d.hash}, func([]byte) bool { return false }) // returns
	})
}

func BenchmarkPublish(b *testing.B) {
	s := New(Config{Source: newPhone()})
	c, _ := s.events.join(0)
	status, rows := exampleStatus(), []string{"a", "b"}
	s.Publish(status, rows)
	for len(c.queue) > 0 {
		<-c.queue
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Publish(status, rows)
	}
}
