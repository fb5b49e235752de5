package sip

import (
	"net/netip"
	"testing"
	"time"
)

func udpServer(addr string, priority uint16) Server {
	return Server{Name: addr, Addr: netip.MustParseAddrPort(addr), Transport: UDP, TLSName: "example.test", Priority: priority}
}

func wantCurrent(t *testing.T, sentence string, l *ServerList, want Server) {
	t.Helper()
	if got, ok := l.Current(time.Time{}); !ok || got != want {
		t.Errorf("%s: got %v, want %v", sentence, got, want)
	}
}

func TestServerList(t *testing.T) {
	at := func(s float64) time.Time { return time.Unix(1000, 0).Add(time.Duration(s * float64(time.Second))) }
	a, b, c := udpServer("192.0.2.1:5060", 10), udpServer("192.0.2.2:5060", 20), udpServer("192.0.2.3:5060", 30)
	var l ServerList
	if _, ok := l.Current(time.Time{}); ok || l.Alive() {
		t.Error("an empty list has a server")
	}
	l.Down(a, at(0), "not listed")
	l.Update([]Server{a, b, b}, time.Time{})
	if n := len(l.Entries()); n != 2 {
		t.Errorf("a server listed twice counts once: %d entries", n)
	}
	wantCurrent(t, "the first is used", &l, a)
	l.Down(a, at(1), "refused")
	wantCurrent(t, "the first is down, the second is used", &l, b)
	l.Update([]Server{a, c, b}, time.Time{})
	wantCurrent(t, "a new one between them is up, the first stays down", &l, c)
	if e := l.Entries()[0]; e.Up || e.Cause != "refused" || e.Since != at(1) {
		t.Errorf("a refresh forgot the state of an entry that stayed: %+v", e)
	}
	heavier := a
	heavier.Priority, heavier.Weight = 5, 9
	l.Update([]Server{heavier, c, b}, time.Time{})
	if e := l.Entries()[0]; e.Up || e.Priority != 5 {
		t.Errorf("a new rank is taken over, the state stays: %+v", e)
	}
	l.Update([]Server{a, c, b}, time.Time{})

	l.Down(c, at(2), "silent")
	l.Down(b, at(2), "silent")
	if l.Alive() {
		t.Error("all are down, yet one is alive")
	}
	wantCurrent(t, "all down: the one that failed first is tried first", &l, a)
	l.Down(a, at(2), "silent")
	wantCurrent(t, "all down: then the next one, even at the same instant", &l, c)
	l.Down(c, at(2), "silent")
	wantCurrent(t, "all down: then the last one", &l, b)
	l.Down(b, at(2), "silent")
	wantCurrent(t, "all down: then the first again", &l, a)
	l.Up(b, at(3))
	l.Up(b, at(4))
	wantCurrent(t, "the lonely survivor is used", &l, b)
	if e := l.Entries()[2]; !e.Up || e.Since != at(3) || e.Cause != "" {
		t.Errorf("up since the first good answer: %+v", e)
	}
	l.Up(a, at(5))
	wantCurrent(t, "the first is back", &l, a)
	tcp := a
	tcp.Transport = TCP
	l.Down(tcp, at(6), "another transport")
	wantCurrent(t, "another transport is another server", &l, a)
	l.Update(nil, time.Time{})
	if _, ok := l.Current(time.Time{}); ok {
		t.Error("an emptied list has a server")
	}
}
