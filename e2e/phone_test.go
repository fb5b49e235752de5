//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Implementation constants.
const (
	adminPassword = "e2e-admin-7"
	webPort       = 8080
	stopTime      = 2 * time.Second // ../docs: asked to stop, the phone is gone within this time
)

// phoneOptions says how a phone is set up. Everything has a default.
type phoneOptions struct {
	user      string
	transport string            // UDP (default), TCP, TLS
	domain    string            // default example.test
	profile   map[string]string // further parameters; an empty value removes one
	mic       string            // WAV; default the noise of its codec
	ipv6      bool
	resolver  string   // default the network's
	env       []string // further environment
	flags     []string // further flags
	logLevel  string   // default debug
	register  string   // the state to wait for, default "registered"; "-": wait for nothing
}

// phone is a running dialtone.
type phone struct {
	*process
	t       testing.TB
	user    string
	addr    netip.Addr
	dir     string
	speaker string
	url     string
	client  *http.Client
	events  *log // what /api/v1/events says
	argv    []string
	env     []string
}

// The JSON of GET /api/v1/status, as far as the tests look at it.
type status struct {
	Phone struct {
		Version, Board string
		Uptime         float64 `json:"uptime_s"`
	}
	Lines []line
	Calls []call
}

type line struct {
	Line                        int
	User, Domain, State, Active string
	Cause                       string
	Servers                     []struct {
		Name, Transport, Address, State, Cause string
		Registered                             bool
		Expires                                float64 `json:"expires_s"`
	}
}

type call struct {
	ID, Direction, State, Peer, Via string
	PeerName                        string  `json:"peer_name"`
	Heard                           string  `json:"dtmf_heard"`
	Duration                        float64 `json:"duration_s"`
	Reason                          struct{ Title, Hint string }
	Secure                          bool
	RTP                             struct {
		Local, Remote, Codec string
		SRTP                 bool
		Suite                string
		Forged               int `json:"rx_forged"`
		Ptime                int `json:"ptime_ms"`
		Tx                   int `json:"tx_packets"`
		Rx                   int `json:"rx_packets"`
		Lost                 int `json:"rx_lost"`
	}
}

// crash is what the Go runtime prints when a program dies of itself, and what the race detector prints.
var crash = regexp.MustCompile(`^(panic: |fatal error: |WARNING: DATA RACE)`)

// startPhone returns once the phone answers its API and its first line is in the wanted state.
func startPhone(t testing.TB, o phoneOptions) *phone {
	t.Helper()
	p := &phone{t: t, user: o.user, dir: lab.mkdir(t, "phone"), addr: lab.phoneAddr(t), events: newLog()}
	if p.user == "" {
		p.user = lab.user()
	}
	if o.domain == "" {
		o.domain = "example.test"
	}
	if o.transport == "" {
		o.transport = "UDP"
	}
	web := netip.AddrPortFrom(p.addr, webPort)
	settings := map[string]string{
		"User_ID_1_": p.user, "Password_1_": password(p.user), "Proxy_1_": o.domain, "SIP_Transport_1_": o.transport,
		"Use_DNS_SRV_1_": "Yes", "DNS_SRV_Auto_Prefix_1_": "Yes", "Register_Expires_1_": "120", "Preferred_Codec_1_": "G711u",
		"Custom_CA_Rule": lab.ca.path(),
	}
	if o.ipv6 {
		p.addr = netip.IPv6Loopback()
		settings["SIP_Port_1_"] = fmt.Sprint(freePort6(t))
		low, high := lab.rtpRange(t)
		settings["RTP_Port_Min"], settings["RTP_Port_Max"] = fmt.Sprint(low), fmt.Sprint(high)
	}
	maps.Copy(settings, o.profile)
	profile := filepath.Join(p.dir, "profile.xml")
	if err := os.WriteFile(profile, flatProfile(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	if o.mic == "" {
		o.mic = lab.noise(t, pcmu)
	}
	if o.resolver == "" {
		o.resolver = lab.dns.addr.String()
	}
	if o.logLevel == "" {
		o.logLevel = "debug"
	}
	p.speaker = filepath.Join(p.dir, "speaker.wav")
	p.url = "http://" + web.String()
	p.client = &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	t.Cleanup(p.client.CloseIdleConnections)
	p.argv = append([]string{lab.binary, "run", "-board", "sim", "-state", filepath.Join(p.dir, "state"), "-profile", profile,
		"-web", web.String(), "-admin-password", adminPassword, "-resolver", o.resolver, "-bind", p.addr.String(),
		"-mic", o.mic, "-speaker", p.speaker, "-log", o.logLevel}, o.flags...)
	p.env = o.env
	p.start()
	if o.register == "" {
		o.register = "registered"
	}
	if o.register != "-" {
		p.wantLine("the phone comes up", o.register)
	}
	return p
}

// start runs the phone's command, at first or again.
func (p *phone) start() {
	p.t.Helper()
	var err error
	if p.process, err = startProcess("phone "+p.user, p.dir, p.env, p.argv...); err != nil {
		p.t.Fatal(err)
	}
	running := p.process
	p.t.Cleanup(func() {
		running.stop()
		if p.t.Failed() {
			p.t.Logf("%s:\n%s\nits events:\n%s\nat the proxy:\n%s", p.name, running.log.tail(120), p.events.tail(20), lab.conversation(":"+p.user+"@"))
		}
		if text := running.log.since(0, crash); len(text) > 0 {
			p.t.Errorf("%s crashed:\n%s", p.name, running.log.tail(60))
		}
	})
	eventually(p.t, "the phone answers its API", func() bool {
		if code, ended := p.exited(0); ended {
			p.t.Fatalf("the phone ended with code %d:\n%s", code, p.log.tail(20))
		}
		response, err := p.client.Get(p.url + "/healthz")
		if err == nil {
			response.Body.Close()
		}
		return err == nil
	})
	go p.listen()
}

// flatProfile writes settings as a Cisco profile.
func flatProfile(settings map[string]string) []byte {
	var b bytes.Buffer
	b.WriteString("<flat-profile>\n")
	for _, tag := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "<%s>", tag)
		xml.EscapeText(&b, []byte(settings[tag]))
		fmt.Fprintf(&b, "</%s>\n", tag)
	}
	b.WriteString("</flat-profile>\n")
	return b.Bytes()
}

// listen copies the events of the phone into p.events until the phone is gone.
func (p *phone) listen() {
	request, _ := http.NewRequest("GET", p.url+"/api/v1/events", nil)
	request.SetBasicAuth("admin", adminPassword)
	response, err := (&http.Client{}).Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		fmt.Fprintf(p.events, "%s\n", lines.Bytes())
	}
}

// ask sends a request to the API and decodes the answer into result, unless that is nil. The answer's code is returned.
func (p *phone) ask(method, path string, body, result any) (int, error) {
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		text = bytes.NewReader(b)
	}
	request, err := http.NewRequest(method, p.url+path, text)
	if err != nil {
		return 0, err
	}
	request.SetBasicAuth("admin", adminPassword)
	request.Header.Set("Content-Type", "application/json")
	response, err := p.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return response.StatusCode, err
	}
	if result != nil && response.StatusCode < 300 {
		if err := json.Unmarshal(b, result); err != nil {
			return response.StatusCode, fmt.Errorf("%w in %q", err, b)
		}
	}
	if response.StatusCode >= 300 {
		return response.StatusCode, fmt.Errorf("%s %s: %s: %s", method, path, response.Status, bytes.TrimSpace(b))
	}
	return response.StatusCode, nil
}

// do is ask for what must work.
func (p *phone) do(sentence, method, path string, body, result any) {
	p.t.Helper()
	if _, err := p.ask(method, path, body, result); err != nil {
		p.t.Fatalf("%s: %v", sentence, err)
	}
}

// status is the phone's state now.
func (p *phone) status() status {
	p.t.Helper()
	var s status
	p.do("status", "GET", "/api/v1/status", nil, &s)
	return s
}

// want waits until the status is as it should be.
func (p *phone) want(sentence string, ok func(status) bool) status {
	p.t.Helper()
	var s status
	eventually(p.t, sentence, func() bool {
		s = p.status()
		if ok(s) {
			return true
		}
		if code, ended := p.exited(0); ended {
			p.t.Fatalf("%s: the phone ended with code %d:\n%s", sentence, code, p.log.tail(20))
		}
		return false
	})
	return s
}

// wantLine waits for a registration state of line 1.
func (p *phone) wantLine(sentence, state string) line {
	p.t.Helper()
	var l line
	defer func() {
		if p.t.Failed() {
			p.t.Logf("line 1 is %+v", l)
		}
	}()
	p.want(sentence+": line 1 is "+state, func(s status) bool {
		if len(s.Lines) > 0 {
			l = s.Lines[0]
		}
		return len(s.Lines) > 0 && l.State == state
	})
	return l
}

// wantCall waits until the newest call is in a state. With "ended", the call of the given ID, if any.
func (p *phone) wantCall(sentence, state string, id ...string) call {
	p.t.Helper()
	var c call
	defer func() {
		if p.t.Failed() {
			p.t.Logf("the call is %+v", c)
		}
	}()
	p.want(sentence+": the call is "+state, func(s status) bool {
		for _, c = range slices.Backward(s.Calls) {
			if len(id) == 0 || c.ID == id[0] {
				return c.State == state
			}
		}
		return false
	})
	return c
}

// wantIdle waits until no call is alive.
func (p *phone) wantIdle(sentence string) status {
	p.t.Helper()
	return p.want(sentence, func(s status) bool { return s.alive() == 0 })
}

// alive counts the calls that have not ended.
func (s status) alive() int {
	n := 0
	for _, c := range s.Calls {
		if c.State != "ended" {
			n++
		}
	}
	return n
}

// dial places a call and returns its ID.
func (p *phone) dial(to string) string {
	p.t.Helper()
	var placed struct{ ID string }
	p.do("calling "+to, "POST", "/api/v1/calls", map[string]any{"to": to, "line": 1}, &placed)
	if placed.ID == "" {
		p.t.Fatalf("calling %s: the answer names no call", to)
	}
	return placed.ID
}

// tell gives a call a command: answer, hold, resume, dtmf.
func (p *phone) tell(id, command string, body any) {
	p.t.Helper()
	p.do(command, "POST", "/api/v1/calls/"+id+"/"+command, body, nil)
}

// hangup ends a call.
func (p *phone) hangup(id string) {
	p.t.Helper()
	p.do("hanging up", "DELETE", "/api/v1/calls/"+id, nil, nil)
}

// keys presses and releases keys, in a string like "1001#".
func (p *phone) keys(keys string) {
	p.t.Helper()
	p.do("pressing "+keys, "POST", "/api/v1/keys", map[string]any{"keys": keys}, nil)
}

// key presses and releases a named key.
func (p *phone) key(name string) {
	p.t.Helper()
	p.do("pressing "+name, "POST", "/api/v1/keys", map[string]any{"key": name}, nil)
}

// hook lifts or replaces the handset.
func (p *phone) hook(down bool) {
	p.t.Helper()
	p.do("the handset", "POST", "/api/v1/keys", map[string]any{"key": "hook", "down": down}, nil)
}

// read returns what the API has at path, as text.
func (p *phone) read(path string) (string, error) {
	request, err := http.NewRequest("GET", p.url+path, nil)
	if err != nil {
		return "", err
	}
	request.SetBasicAuth("admin", adminPassword)
	response, err := p.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != 200 {
		err = fmt.Errorf("GET %s: %s: %s", path, response.Status, text)
	}
	return string(text), err
}

// screen is what the LCD shows.
func (p *phone) screen() string {
	p.t.Helper()
	text, err := p.read("/api/v1/screen")
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

// heard is what the earpiece has played so far.
func (p *phone) heard() []int16 {
	p.t.Helper()
	samples, err := readWAV(p.speaker)
	if err != nil {
		p.t.Fatal(err)
	}
	return samples
}

// terminate asks the phone to stop, as an operating system would, and demands that it is gone in time.
func (p *phone) terminate() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	code, ended := p.exited(stopTime + 500*time.Millisecond) // what a busy machine takes to start and end a process
	if !ended {
		p.t.Fatalf("the phone is still there %v after SIGTERM", stopTime)
	}
	if code != 0 {
		p.t.Fatalf("the phone ends with code %d after SIGTERM", code)
	}
}

// cause is all that the status says about why line 1 is not registered.
func (l line) cause() string {
	causes := []string{l.Cause}
	for _, s := range l.Servers {
		causes = append(causes, s.Cause)
	}
	return strings.Trim(strings.Join(causes, "; "), "; ")
}

// wantCallRTP waits until the newest call has a stream, and returns where the phone listens for it.
func (p *phone) wantCallRTP(sentence string) netip.AddrPort {
	p.t.Helper()
	var at netip.AddrPort
	p.want(sentence+": the call has media", func(s status) bool {
		if len(s.Calls) == 0 {
			return false
		}
		rtp := s.Calls[len(s.Calls)-1].RTP
		local, err := netip.ParseAddrPort(rtp.Local)
		at = local
		return err == nil && local.Port() != 0
	})
	return at
}

// expires is what the registration at the server in use still has, in seconds; 0 without one.
func (l line) expires() float64 {
	for _, s := range l.Servers {
		if s.Registered {
			return s.Expires
		}
	}
	return 0
}
