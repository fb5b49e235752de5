package web

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// A fakeLink plays what is in played and keeps what is said.
type fakeLink struct {
	played chan []int16
	said   chan []int16
	taken  chan struct{}
	once   sync.Once
	closed chan struct{}
}

func newFakeLink() *fakeLink {
	return &fakeLink{played: make(chan []int16, 10), said: make(chan []int16, 10), taken: make(chan struct{}), closed: make(chan struct{})}
}

func (l *fakeLink) Listen(frame []int16) error {
	select {
	case p := <-l.played:
		copy(frame, p)
		return nil
	case <-l.taken:
		return ErrSoundTaken
	case <-l.closed:
		return errors.New("closed")
	}
}

func (l *fakeLink) Say(samples []int16) { l.said <- slices.Clone(samples) }

func (l *fakeLink) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// sounding is a desk whose phone gives the links in turn, served on a real socket.
func sounding(t *testing.T, change func(*Config), links ...*fakeLink) (*desk, string) {
	next := make(chan *fakeLink, len(links))
	for _, l := range links {
		next <- l
	}
	d := newHandsetDesk(t, func(c *Config) {
		c.Sound = func() (SoundLink, error) {
			select {
			case l := <-next:
				return l, nil
			default:
				return nil, errors.New("no more links")
			}
		}
		if change != nil {
			change(c)
		}
	})
	return d, "ws" + strings.TrimPrefix(d.serve(), "http") + "/api/v1/sound"
}

// dial opens a WebSocket as a program with the password.
func (d *desk) dial(url string, headers ...string) (*websocket.Conn, *http.Response, error) {
	d.Helper()
	h := http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(adminUser+":"+testPassword))}}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			h.Del(headers[i])
		}
	}
	conn, res, err := websocket.Dial(d.Context(), url, &websocket.DialOptions{HTTPHeader: h})
	if err == nil {
		d.Cleanup(func() { conn.CloseNow() })
	}
	return conn, res, err
}

// open is dial that must succeed; it reads the first message.
func (d *desk) open(url string, headers ...string) *websocket.Conn {
	d.Helper()
	conn, _, err := d.dial(url, headers...)
	if err != nil {
		d.Fatal(err)
	}
	kind, hello, err := conn.Read(d.Context())
	if err != nil || kind != websocket.MessageText || string(hello) != soundHello {
		d.Fatalf("the first message is %v %q, %v", kind, hello, err)
	}
	return conn
}

func pcm(samples ...int16) (data []byte) {
	for _, v := range samples {
		data = binary.LittleEndian.AppendUint16(data, uint16(v))
	}
	return data
}

// wantEnd checks how a connection ends.
func (d *desk) wantEnd(sentence string, conn *websocket.Conn, code websocket.StatusCode, reason string) {
	d.Helper()
	for {
		_, _, err := conn.Read(d.Context())
		if err == nil {
			continue
		}
		if end, ok := errors.AsType[websocket.CloseError](err); !ok || end.Code != code || !strings.Contains(end.Reason, reason) {
			d.Errorf("%s: it ends with %v, want %d %q", sentence, err, code, reason)
		}
		return
	}
}

func TestSound(t *testing.T) {
	link := newFakeLink()
	d, url := sounding(t, nil, link)
	conn := d.open(url)
	frame := make([]int16, soundFrame)
	for i := range frame {
		frame[i] = int16(i*400 - 32000)
	}
	link.played <- frame
	kind, data, err := conn.Read(t.Context())
	if err != nil || kind != websocket.MessageBinary || !slices.Equal(data, pcm(frame...)) {
		t.Errorf("what the phone plays comes as %v %d bytes, %v", kind, len(data), err)
	}
	for _, said := range [][]int16{{-32768}, frame, make([]int16, maxSaid)} {
		if err := conn.Write(t.Context(), websocket.MessageBinary, pcm(said...)); err != nil {
			t.Fatal(err)
		}
		if got := <-link.said; !slices.Equal(got, said) {
			t.Errorf("%d samples are heard as %d", len(said), len(got))
		}
	}
	conn.Close(websocket.StatusNormalClosure, "")
	<-link.closed
}

func TestSoundEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		act    func(*desk, *fakeLink, *websocket.Conn)
		code   websocket.StatusCode
		reason string
	}{
		"a newer link":  {func(_ *desk, l *fakeLink, _ *websocket.Conn) { close(l.taken) }, soundTaken, "another page"},
		"the phone off": {func(_ *desk, l *fakeLink, _ *websocket.Conn) { l.Close() }, websocket.StatusGoingAway, "off"},
		"text": {func(d *desk, _ *fakeLink, c *websocket.Conn) {
			c.Write(d.Context(), websocket.MessageText, []byte("{}"))
		}, websocket.StatusUnsupportedData, "binary"},
		"half a sample": {func(d *desk, _ *fakeLink, c *websocket.Conn) {
			c.Write(d.Context(), websocket.MessageBinary, []byte{1, 2, 3})
		}, websocket.StatusInvalidFramePayloadData, "3 bytes"},
		"an empty frame": {func(d *desk, _ *fakeLink, c *websocket.Conn) { c.Write(d.Context(), websocket.MessageBinary, nil) }, websocket.StatusInvalidFramePayloadData, "0 bytes"},
		"a sample more": {func(d *desk, _ *fakeLink, c *websocket.Conn) {
			c.Write(d.Context(), websocket.MessageBinary, make([]byte, 2*maxSaid+2))
		}, websocket.StatusMessageTooBig, ""},
		"a huge frame": {func(d *desk, _ *fakeLink, c *websocket.Conn) {
			c.Write(d.Context(), websocket.MessageBinary, make([]byte, 20000))
		}, websocket.StatusMessageTooBig, ""},
		"the server ends": {func(d *desk, _ *fakeLink, _ *websocket.Conn) { go d.server.Close() }, websocket.StatusGoingAway, "off"},
		"sound too fast": {func(d *desk, l *fakeLink, c *websocket.Conn) {
			go func() {
				for range l.said {
				}
			}()
			for range 100 {
				if c.Write(d.Context(), websocket.MessageBinary, make([]byte, 2*maxSaid)) != nil {
					return
				}
			}
		}, websocket.StatusPolicyViolation, "more sound than time"},
	} {
		t.Run(name, func(t *testing.T) {
			link := newFakeLink()
			d, url := sounding(t, nil, link)
			conn := d.open(url)
			tt.act(d, link, conn)
			d.wantEnd(name, conn, tt.code, tt.reason)
			<-link.closed
		})
	}
	d, url := sounding(t, nil)
	conn, _, err := d.dial(url)
	if err != nil {
		t.Fatal(err)
	}
	d.wantEnd("a phone that gives no link", conn, websocket.StatusTryAgainLater, "cannot be had")
}

func TestSoundRefused(t *testing.T) {
	d, url := sounding(t, func(c *Config) { c.Open = true }, newFakeLink(), newFakeLink(), newFakeLink(), newFakeLink())
	host := strings.TrimSuffix(strings.TrimPrefix(url, "ws://"), "/api/v1/sound")
	refused := func(sentence string, code int, headers ...string) {
		t.Helper()
		if _, res, err := d.dial(url, headers...); err == nil || res == nil || res.StatusCode != code {
			t.Errorf("%s: %v, %v, want %d", sentence, res, err, code)
		}
	}
	for _, login := range []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(adminUser+":"+testPassword)), ""} {
		for _, origin := range []string{"http://evil.test", "http://127.0.0.1:1", "null", "http://" + host + ".evil.test"} {
			refused("a page of "+origin, http.StatusForbidden, "Origin", origin, "Authorization", login)
		}
	}
	refused("a proxy's client without a login", http.StatusUnauthorized, "Authorization", "", "X-Forwarded-For", "192.0.2.1")
	session := cookiePrefix + host[strings.LastIndex(host, ":")+1:] + "=" + d.server.sessions.start(d.server.now(), d.hash)
	refused("a session without an origin", http.StatusForbidden, "Authorization", "", "Cookie", session, "X-Forwarded-For", "192.0.2.1")
	for _, origin := range []string{"", "http://" + host} {
		d.open(url, "Authorization", "", "Origin", origin).CloseNow()
	}
	d.open(url, "Authorization", "", "Cookie", session, "X-Forwarded-For", "192.0.2.1", "Origin", "http://"+host).CloseNow()

	d.want("sound is no page", d.send("GET", "/api/v1/sound", ""), http.StatusUpgradeRequired, "WebSocket")
	d.want("a phone without", newDesk(t).send("GET", "/api/v1/sound", ""), http.StatusNotImplemented, "no sound")
}

func TestSoundLimit(t *testing.T) {
	var links []*fakeLink
	for range maxSounds + 1 {
		links = append(links, newFakeLink())
	}
	d, url := sounding(t, nil, links...)
	var conns []*websocket.Conn
	for range maxSounds {
		conns = append(conns, d.open(url))
	}
	if _, res, err := d.dial(url); err == nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %v, %v", res, err)
	}
	conns[0].Close(websocket.StatusNormalClosure, "")
	<-links[0].closed
	for { // the place is given back a moment later
		if conn, res, err := d.dial(url); err == nil {
			conn.CloseNow()
			break
		} else if res == nil || res.StatusCode != http.StatusServiceUnavailable {
			t.Fatal(res, err)
		}
	}
}

// A pipeListener accepts what dial opens, in memory: its connections live in a bubble of virtual time.
type pipeListener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

func (l *pipeListener) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	l.conns <- there
	return here, nil
}

// Sound lasts no longer than the right to hear it, and than its client answers.
func TestSoundBeats(t *testing.T) {
	for _, tt := range []struct {
		name  string
		reads bool
		act   func(*desk)
		after time.Duration
		want  websocket.StatusCode // -1: none is told
	}{
		{"a new password", true, func(d *desk) { d.phone.set(func(*phone) { d.hash = "another" }) }, soundBeat + time.Second, websocket.StatusPolicyViolation},
		{"a client that is silent but there", true, nil, 0, 0},
		{"a client that is gone", false, nil, soundBeat + soundPong + 2*soundTimeout + 2*time.Second, -1},
	} {
		synctest.Test(t, func(t *testing.T) {
			link := newFakeLink()
			d := newHandsetDesk(t, func(c *Config) { c.Sound = func() (SoundLink, error) { return link, nil } })
			ln := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
			served := make(chan error, 1)
			go func() { served <- d.server.Serve(ln) }()
			client := &http.Client{Transport: &http.Transport{DialContext: ln.dial}}
			h := http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(adminUser+":"+testPassword))}}
			conn, _, err := websocket.Dial(t.Context(), "ws://127.0.0.1:8080/api/v1/sound", &websocket.DialOptions{HTTPClient: client, HTTPHeader: h})
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := conn.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			if tt.reads {
				go func() { _, _, err := conn.Read(context.Background()); ended <- err }()
			}
			time.Sleep(3 * soundBeat / 2)
			if tt.act != nil {
				tt.act(d)
			}
			time.Sleep(tt.after)
			synctest.Wait()
			over := false
			select {
			case <-link.closed:
				over = true
			default:
			}
			if over != (tt.want != 0) {
				t.Errorf("%s: the end is %v", tt.name, over)
			}
			if tt.want > 0 && websocket.CloseStatus(<-ended) != tt.want {
				t.Errorf("%s: it is not told so", tt.name)
			}
			conn.CloseNow()
			client.CloseIdleConnections()
			d.server.Close()
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSoundGate(t *testing.T) {
	now := time.Unix(100, 0)
	var g soundGate
	said := 0
	for i := range 60 * 50 { // a minute in time, with a clock 5 ‰ fast
		samples, err := g.take(now.Add(time.Duration(i)*19900*time.Microsecond), websocket.MessageBinary, make([]byte, 2*soundFrame))
		if err != nil {
			t.Fatal(err)
		}
		said += len(samples)
	}
	if said != 60*soundRate {
		t.Errorf("%d samples", said)
	}
	g = soundGate{}
	n := 0
	for ; n < 10000; n++ {
		if _, err := g.take(now, websocket.MessageBinary, pcm(1)); err != nil {
			break
		}
	}
	if n != saidBurst/leastSaid {
		t.Errorf("%d tiny messages at once are heard", n)
	}
	if _, err := g.take(now.Add(-time.Hour), websocket.MessageBinary, pcm(1)); err == nil {
		t.Error("a clock that goes back gives credit")
	}
}

// FuzzSoundMessage: whatever a client sends, what is heard is what it said, never more than its time.
func FuzzSoundMessage(f *testing.F) {
	f.Add(true, []byte{1, 2, 3, 4}, uint16(20))
	f.Add(false, []byte(`{"rate":8000}`), uint16(0))
	f.Add(true, make([]byte, 2*maxSaid), uint16(1))
	f.Add(true, make([]byte, 2*maxSaid+2), uint16(1))
	f.Fuzz(func(t *testing.T, binary bool, data []byte, ms uint16) {
		kind := websocket.MessageText
		if binary {
			kind = websocket.MessageBinary
		}
		var g soundGate
		now, said := time.Unix(100, 0), 0
		for i := range 50 {
			samples, err := g.take(now.Add(time.Duration(i)*time.Duration(ms)*time.Millisecond), kind, data)
			if end, ok := errors.AsType[*soundEnd](err); err != nil && (!ok || len(end.reason) > 123 || samples != nil) {
				t.Fatalf("refused with %v", err)
			}
			if err == nil && !slices.Equal(pcm(samples...), data) {
				t.Fatalf("%d bytes are heard as %d samples", len(data), len(samples))
			}
			said += len(samples)
		}
		if most := saidBurst + float64(49*int(ms))/1000*saidRate; float64(said) > most {
			t.Fatalf("%d samples in %d ms", said, 49*int(ms))
		}
	})
}
