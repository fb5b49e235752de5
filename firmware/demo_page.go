package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"dialtone/exchange"
	"dialtone/web"
)

//go:embed assets
var demoAssets embed.FS

var demoTemplate = template.Must(template.ParseFS(demoAssets, "assets/demo.html"))

// Implementation constants of the control page.
const (
	demoLines    = 300 // decision lines kept for who opens the page later
	demoStreams  = 16  // pages at a time
	demoPause    = 40 * time.Millisecond
	demoBody     = 4 << 10
	demoHead     = 5 * time.Second
	demoPatience = 10 * time.Second // with a page that does not read
	demoAlive    = 15 * time.Second // a stream says so often that it lives
	demoSecurity = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src %s; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// A demoHub gathers what the network and the handsets tell, for the control page. It costs nothing while no
// page is open.
type demoHub struct {
	x     *exchange.Exchange
	doors demoDoors

	mu      sync.Mutex
	phones  []demoMember
	lines   []demoSentence
	serial  int
	order   string // of the SRV records
	streams map[chan struct{}]bool
}

// A demoMember is a handset the hub listens to.
type demoMember struct {
	user string
	ask  asker
	last demoLine
}

type (
	// demoLine is a handset's line as the page shows it.
	demoLine struct {
		User    string             `json:"user"`
		State   string             `json:"state"`
		Cause   string             `json:"cause"`
		Active  string             `json:"active"`
		Servers []web.ServerStatus `json:"servers"`
		Calls   []demoCall         `json:"calls"`
	}
	demoCall struct {
		State string `json:"state"`
		Peer  string `json:"peer"`
		Via   string `json:"via"`
	}
	demoSentence struct {
		serial  int
		At      string `json:"at"`
		From    string `json:"from"`
		Network bool   `json:"network"`
		Text    string `json:"text"`
	}
	demoSwitch struct {
		Mode  string `json:"mode"`
		Label string `json:"label"`
		Help  string `json:"help"`
		Bad   bool   `json:"bad"`
	}
	demoProxy struct {
		Name          string   `json:"name"`
		Mode          string   `json:"mode"`
		ModeLabel     string   `json:"mode_label"`
		Addresses     []string `json:"addresses"`
		Registrations []string `json:"registrations"`
	}
	demoDNS struct {
		Mode    string   `json:"mode"`
		Address string   `json:"address"`
		Queries int      `json:"queries"`
		Order   string   `json:"order"`
		Zone    []string `json:"zone"`
	}
	demoState struct {
		Modes    []demoSwitch `json:"modes"`
		DNSModes []demoSwitch `json:"dns_modes"`
		Orders   []demoSwitch `json:"orders"`
		Proxies  []demoProxy  `json:"proxies"`
		DNS      demoDNS      `json:"dns"`
		Phones   []demoLine   `json:"phones"`
	}
)

// demoOrders are what the SRV records can say.
var demoOrders = []demoSwitch{
	{"a,b", "a, then b", "Both proxies, a first.", false}, {"b,a", "b, then a", "Both proxies, b first.", true},
	{"a", "only a", "Proxy b is no longer listed.", true}, {"b", "only b", "Proxy a is no longer listed.", true},
}

func newDemoHub(x *exchange.Exchange, doors demoDoors) *demoHub {
	return &demoHub{x: x, doors: doors, order: demoOrders[0].Mode, streams: make(map[chan struct{}]bool)}
}

// join lets the hub hear what a handset tells its own page.
func (h *demoHub) join(user string, ask asker, page publisher) publisher {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.phones = append(h.phones, demoMember{user: user, ask: ask, last: demoStatus(user, web.Status{})})
	return demoEar{page, h, user}
}

// A demoEar passes on what a loop tells its listeners, and lets the hub hear it.
type demoEar struct {
	publisher
	hub  *demoHub
	user string
}

func (e demoEar) Watching() bool { return e.publisher.Watching() || e.hub.watched() }

func (e demoEar) Publish(s web.Status, rows []string) {
	e.publisher.Publish(s, rows)
	s.Lines = slices.Clone(s.Lines) // the page's own are not to be changed
	for i := range s.Lines {
		s.Lines[i].Servers = slices.Clone(s.Lines[i].Servers)
	}
	e.hub.update(demoStatus(e.user, s))
}

func (e demoEar) Decision(at time.Time, text string) {
	e.publisher.Decision(at, text)
	e.hub.say(at, e.user, false, text)
}

func (h *demoHub) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.streams) > 0
}

func (h *demoHub) update(line demoLine) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.phones {
		if h.phones[i].user == line.User {
			h.phones[i].last = line
		}
	}
	h.wake()
}

// say keeps one sentence and wakes the pages.
func (h *demoHub) say(at time.Time, from string, network bool, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.serial++
	if len(h.lines) == demoLines {
		h.lines = slices.Delete(h.lines, 0, 1)
	}
	h.lines = append(h.lines, demoSentence{h.serial, at.Format("2006-01-02T15:04:05.000"), from, network, text})
	h.wake()
}

// wake tells the streams that there is something new. The mutex is held.
func (h *demoHub) wake() {
	for c := range h.streams {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// after are the sentences after a serial number.
func (h *demoHub) after(serial int) []demoSentence {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.IndexFunc(h.lines, func(l demoSentence) bool { return l.serial > serial })
	if i < 0 {
		return nil
	}
	return slices.Clone(h.lines[i:])
}

// state is everything the page shows beside the sentences.
func (h *demoHub) state() demoState {
	s := demoState{Modes: switches(exchange.Modes()), DNSModes: switches(exchange.DNSModes()), Orders: demoOrders}
	xs := h.x.Status()
	for _, p := range xs.Proxies {
		word, _, _ := strings.Cut(string(p.Mode), "=")
		d := demoProxy{Name: p.Name, Mode: word, ModeLabel: word, Addresses: []string{}, Registrations: []string{}}
		for _, m := range s.Modes {
			if m.Mode == word {
				d.ModeLabel = m.Label
			}
		}
		for i, at := range []netip.AddrPort{p.UDP, p.TCP, p.TLS} {
			if at.IsValid() {
				d.Addresses = append(d.Addresses, [...]string{"udp ", "tcp ", "tls "}[i]+at.String())
			}
		}
		for _, r := range p.Registrations {
			d.Registrations = append(d.Registrations, r.String())
		}
		s.Proxies = append(s.Proxies, d)
	}
	s.DNS = demoDNS{Mode: string(xs.DNS.Mode), Address: xs.DNS.Addr.String(), Queries: xs.DNS.Queries, Zone: append([]string{}, xs.DNS.Zone...)}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.DNS.Order = h.order
	for _, p := range h.phones {
		s.Phones = append(s.Phones, p.last)
	}
	return s
}

func switches(list []exchange.Choice) (out []demoSwitch) {
	for i, c := range list {
		out = append(out, demoSwitch{c.Word, c.Label, c.Help, i > 0})
	}
	return out
}

// serve answers the control page's requests until what it returns is called.
func (h *demoHub) serve(ln net.Listener) func() {
	var serving sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.page)
	mux.HandleFunc("GET /{file}", h.asset)
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) { h.stream(ctx, w, r) })
	mux.HandleFunc("GET /api/state", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, h.state()) })
	mux.HandleFunc("POST /api/proxies/{name}", func(w http.ResponseWriter, r *http.Request) {
		h.change(w, r, func(mode string) error { return h.x.SetMode(r.PathValue("name"), exchange.Mode(mode)) })
	})
	mux.HandleFunc("POST /api/dns", func(w http.ResponseWriter, r *http.Request) {
		h.change(w, r, func(mode string) error { return h.x.SetDNS(exchange.DNSMode(mode)) })
	})
	guarded := http.NewCrossOriginProtection().Handler(h.guard(mux))
	mux.HandleFunc("POST /api/order", func(w http.ResponseWriter, r *http.Request) { h.change(w, r, h.setOrder) })
	server := &http.Server{Handler: guarded, ReadHeaderTimeout: demoHead, MaxHeaderBytes: 16 << 10}
	serving.Go(func() { _ = server.Serve(ln) }) // it ends by Close
	return func() {
		cancel()
		server.Close()
		serving.Wait()
	}
}

// listen lets the hub hear what the network says, until what it returns is called.
func (h *demoHub) listen() func() {
	sub, recent := h.x.Subscribe()
	for _, l := range recent {
		h.say(l.Time, "net", true, l.Text)
	}
	var listening sync.WaitGroup
	listening.Go(func() {
		for l := range sub.Lines() {
			h.say(l.Time, "net", true, l.Text)
		}
	})
	return func() {
		sub.Close()
		listening.Wait()
	}
}

// guard lets in who asks for a loopback address by that, so that no other site's name can be made to lead
// here, and sets what every answer says.
func (h *demoHub) guard(next http.Handler) http.Handler {
	frames := make([]string, len(h.doors.handsets))
	for i := range frames {
		frames[i] = h.doors.url(i)
	}
	policy := fmt.Sprintf(demoSecurity, strings.Join(frames, " "))
	allow := func(what string) string {
		var quoted strings.Builder
		for _, f := range frames {
			quoted.WriteString(` "` + f + `"`)
		}
		return what + "=(self" + quoted.String() + ")"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostOf(r)
		if addr, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !addr.IsLoopback()) {
			http.Error(w, "open the demonstration as "+h.doors.origin(), http.StatusMisdirectedRequest)
			return
		}
		hd := w.Header()
		hd.Set("Content-Security-Policy", policy)
		hd.Set("Permissions-Policy", allow("microphone")+", "+allow("autoplay")+", camera=(), geolocation=()")
		hd.Set("Referrer-Policy", "same-origin")
		hd.Set("X-Content-Type-Options", "nosniff")
		hd.Set("X-Frame-Options", "DENY")
		hd.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, demoBody)
		next.ServeHTTP(w, r)
	})
}

// hostOf is the name or address a request asks for, without the port.
func hostOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return host
	}
	return r.Host
}

// page is the control page. Who opens it as localhost is led to its address: the handsets let themselves be shown
// in frames of that one origin only.
func (h *demoHub) page(w http.ResponseWriter, r *http.Request) {
	if hostOf(r) == "localhost" {
		http.Redirect(w, r, h.doors.origin()+"/", http.StatusTemporaryRedirect)
		return
	}
	type phone struct{ User, URL, Origin string }
	type number struct{ Number, Does string }
	data := struct {
		Phones  []phone
		Numbers []number
	}{}
	for i, s := range demoSetups {
		data.Phones = append(data.Phones, phone{s.user, h.doors.url(i) + "/", h.doors.url(i)})
		data.Numbers = append(data.Numbers, number{s.user, "the handset of " + s.name})
	}
	for _, e := range exchange.Extensions() {
		data.Numbers = append(data.Numbers, number{e.Word, e.Help})
	}
	var b bytes.Buffer
	if err := demoTemplate.ExecuteTemplate(&b, "demo.html", data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(b.Bytes())
}

// asset is the page's script, style or icon.
func (h *demoHub) asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if name == "favicon.ico" {
		name = "icon.svg"
	}
	kind, ok := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}[path.Ext(name)]
	data, err := demoAssets.ReadFile("assets/" + name)
	if !ok || err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(data)
}

// setOrder changes the SRV records.
func (h *demoHub) setOrder(mode string) error {
	if !slices.ContainsFunc(demoOrders, func(o demoSwitch) bool { return o.Mode == mode }) {
		return fmt.Errorf("%.20q is no order of the proxies", mode)
	}
	if err := h.x.SetServers(strings.Split(mode, ",")...); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.order = mode
	return nil
}

// change sets a mode: {"mode":"stop"}.
func (h *demoHub) change(w http.ResponseWriter, r *http.Request, set func(string) error) {
	var body struct {
		Mode string `json:"mode"`
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(&body)
	if err == nil {
		err = set(body.Mode)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	h.wake()
	h.mu.Unlock()
	writeJSON(w, map[string]string{"mode": body.Mode})
}

func writeJSON(w http.ResponseWriter, v any) {
	data, err := json.Marshal(v)
	if err != nil { // none of the types here can fail
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data)
}

// refresh asks the handsets how they are: while nobody watched, they told nothing. Each tells it in its loop, as
// it tells what changes, so that nothing older comes after something newer.
func (h *demoHub) refresh(ctx context.Context) {
	h.mu.Lock()
	members := slices.Clone(h.phones)
	h.mu.Unlock()
	for _, m := range members {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		_ = m.ask.ask(ctx, func(now time.Time) { h.update(demoStatus(m.user, m.ask.status(now))) }) // one that has stopped stays as it was
		cancel()
	}
}

// stream sends the state and the sentences, and what changes, as server-sent events.
func (h *demoHub) stream(life context.Context, w http.ResponseWriter, r *http.Request) {
	news := make(chan struct{}, 1)
	h.mu.Lock()
	full := len(h.streams) >= demoStreams
	if !full {
		h.streams[news] = true
	}
	h.mu.Unlock()
	if full {
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	defer func() {
		h.mu.Lock()
		delete(h.streams, news)
		h.mu.Unlock()
	}()
	h.refresh(r.Context())
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	serial, last := 0, []byte(nil)
	for {
		var b bytes.Buffer
		for _, l := range h.after(serial) {
			data, _ := json.Marshal(l)
			fmt.Fprintf(&b, "event: line\ndata: %s\n\n", data)
			serial = l.serial
		}
		if data, _ := json.Marshal(h.state()); !bytes.Equal(data, last) {
			fmt.Fprintf(&b, "event: state\ndata: %s\n\n", data)
			last = data
		}
		if b.Len() == 0 {
			b.WriteString(": alive\n\n")
		}
		// Who does not read does not keep its place from others.
		_ = out.SetWriteDeadline(time.Now().Add(demoPatience))
		if _, err := w.Write(b.Bytes()); err != nil || out.Flush() != nil {
			return
		}
		alive := time.NewTimer(demoAlive)
		select {
		case <-news:
		case <-alive.C:
		case <-r.Context().Done():
		case <-life.Done():
		}
		alive.Stop()
		if r.Context().Err() != nil || life.Err() != nil {
			return
		}
		pause := time.NewTimer(demoPause) // several things happen at once
		select {
		case <-pause.C:
		case <-life.Done():
			return
		}
	}
}
