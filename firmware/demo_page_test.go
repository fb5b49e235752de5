package main

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"dialtone/config"
	"dialtone/web"
)

// TestDemoHubKeepsTheNewest: what a handset tells by itself is not overwritten by an older answer.
func TestDemoHubKeepsTheNewest(t *testing.T) {
	s := config.Default()
	if err := s.Set("User_ID_1_", "1001"); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		m := newMill(t, s, netip.MustParseAddr("10.0.0.50"))
		hub := newDemoHub(nil, demoDoors{})
		page := hub.join("1001", asker{loop: m.loop, life: t.Context()}, void{})
		for range 200 { // the two are told by goroutines of their own
			go hub.refresh(t.Context())
			ask := <-m.loop.inbox
			m.step(ask)
			page.Publish(web.Status{Lines: []web.LineStatus{{Line: 1, State: "new"}}}, nil)
			synctest.Wait()
			if got := hub.phones[0].last.State; got != "new" {
				t.Fatalf("the page shows %q, which is older", got)
			}
		}
	})
}

// A deadReader is a client that reads nothing: a write to it ends at its deadline.
type deadReader struct {
	http.ResponseWriter
	deadline time.Time
}

func (d *deadReader) Write([]byte) (int, error) {
	time.Sleep(time.Until(d.deadline))
	return 0, os.ErrDeadlineExceeded
}

func (d *deadReader) SetWriteDeadline(at time.Time) error { d.deadline = at; return nil }

// TestDemoStreamsEnd: a page that does not read gives its place back.
func TestDemoStreamsEnd(t *testing.T) {
	inBench(t, func(b *bench) {
		hub := newDemoHub(b.exchange(), demoDoors{})
		d := &deadReader{ResponseWriter: httptest.NewRecorder()}
		go hub.stream(b.Context(), d, httptest.NewRequestWithContext(b.Context(), "GET", "/events", nil))
		b.after(demoPatience - time.Second)
		if !hub.watched() {
			b.Error("a slow page lost its place")
		}
		b.after(2 * time.Second)
		if hub.watched() || d.deadline.IsZero() {
			b.Errorf("a page that does not read keeps its place, deadline %v", d.deadline)
		}
	})
}
