package web

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestServe(t *testing.T) {
	d := newDesk(t)
	base := d.serve()
	for path, want := range map[string]int{"/healthz": 200, "/api/v1/status": 401} {
		res, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s answers %d, want %d", path, res.StatusCode, want)
		}
	}
	// A header without end.
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		_, _ = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nX: %s", strings.Repeat("x", 4*maxHeader))
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("an endless header is answered with %v, %v", res, err)
	}
}

func TestConnectionLimits(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	limited := &limitedListener{Listener: ln}
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			conn, err := limited.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	var open []net.Conn
	for range maxFromOne {
		dial()
		open = append(open, <-accepted)
	}
	if n, err := dial().Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a connection too many reads %d, %v", n, err)
	}
	open[0].Close()
	open[0].Close() // counts once
	dial()
	open[0] = <-accepted
	if n, err := dial().Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a place given back twice: %d, %v", n, err)
	}
	for _, conn := range open {
		conn.Close()
	}
	ln.Close()
	<-accepted
	if limited.total != 0 || len(limited.from) != 0 {
		t.Errorf("after all %d connections are counted", limited.total)
	}
}
