package exchange

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/icholy/digest"
	"github.com/pion/rtp"

	"dialtone/simnet"
	"dialtone/sip"
	"dialtone/sip/transport"
)

// A lab is an exchange and a network for phones beside it.
type lab struct {
	*testing.T
	*Exchange
	sim    *simnet.Net // nil: the real loopback
	phones int
	trust  *tls.Config
}

// dialer is a Net that can also connect.
type dialer interface {
	Net
	Dial(ctx context.Context, local, remote netip.AddrPort) (net.Conn, error)
}

func (l *lab) at(a netip.Addr) dialer {
	if l.sim != nil {
		return l.sim.Host(a)
	}
	return transport.System{}
}

const secret = sip.Secret("open sesame")

func (l *lab) open(change func(*Config)) {
	l.Helper()
	addr := func(n string) netip.Addr {
		if l.sim == nil {
			return netip.MustParseAddr("127.0.0.1")
		}
		return netip.MustParseAddr("10.0.0." + n)
	}
	cfg := Config{Domain: "example.test", Users: map[string]sip.Secret{"1001": secret, "1002": secret},
		Proxies: []ProxyConfig{{Name: "a", Addr: addr("1")}, {Name: "b", Addr: addr("2")}},
		Net:     func(a netip.Addr) Net { return l.at(a) }, DNS: netip.AddrPortFrom(addr("53"), 0), Media: addr("3")}
	if l.sim != nil {
		cfg.DNS = netip.AddrPortFrom(addr("53"), 53)
		for i := range cfg.Proxies {
			cfg.Proxies[i].Port, cfg.Proxies[i].TLSPort = 5060, 5061
		}
	}
	if change != nil {
		change(&cfg)
	}
	x, err := New(cfg)
	if err != nil {
		l.Fatal(err)
	}
	l.Exchange = x
}

// inLab runs play in virtual time.
func inLab(t *testing.T, change func(*Config), play func(l *lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &lab{T: t, sim: simnet.New(1)}
		l.sim.Usual(simnet.Link{Delay: 5 * time.Millisecond})
		defer l.sim.Close()
		l.open(change)
		defer l.Close()
		play(l)
		l.Close()
		time.Sleep(3 * time.Minute) // streams that end
		synctest.Wait()
		for _, a := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.53"} {
			if n := l.sim.Host(netip.MustParseAddr(a)).Sockets(); n != 0 {
				t.Errorf("%d sockets of %s are left open", n, a)
			}
		}
	})
}

// onLoopback runs play on real sockets.
func onLoopback(t *testing.T, change func(*Config), play func(l *lab)) {
	t.Helper()
	l := &lab{T: t}
	l.open(change)
	play(l)
	l.Close()
}

// everywhere runs play by UDP and TCP, in virtual time and on real sockets.
func everywhere(t *testing.T, play func(l *lab, transport string)) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run("virtual "+transport, func(t *testing.T) { inLab(t, nil, func(l *lab) { play(l, transport) }) })
		t.Run("loopback "+transport, func(t *testing.T) { onLoopback(t, nil, func(l *lab) { play(l, transport) }) })
	}
}

// A ua is a phone of a few lines: it sends what it is told and keeps what it hears.
type ua struct {
	*lab
	user, transport string
	addr            netip.Addr
	at              netip.AddrPort
	pc              net.PacketConn // UDP
	conn            net.Conn       // TCP and TLS
	server          netip.AddrPort
	in              chan *message
	broken          chan error
	ready           chan struct{} // the connection can be written to
	running         sync.WaitGroup
	seq             int
	auth            *digest.Challenge
	count           int

	rtp   net.PacketConn
	media chan rtp.Packet
}

func (l *lab) phone(user, transport, proxy string) *ua {
	l.Helper()
	l.phones++
	addr := netip.MustParseAddr("127.0.0.1")
	if l.sim != nil {
		addr = netip.MustParseAddr("10.0.1." + strconv.Itoa(l.phones))
	}
	u := &ua{lab: l, user: user, transport: transport, addr: addr, in: make(chan *message, 100), media: make(chan rtp.Packet, 10000)}
	n := l.at(addr)
	var err error
	if u.rtp, err = n.ListenPacket(netip.AddrPortFrom(addr, 0)); err != nil {
		l.Fatal(err)
	}
	u.running.Go(u.listen)
	if transport == "udp" {
		if u.pc, err = n.ListenPacket(netip.AddrPortFrom(addr, 0)); err != nil {
			l.Fatal(err)
		}
		u.at = addrPort(u.pc.LocalAddr())
		u.running.Go(u.readPackets)
	}
	u.connect(proxy)
	return u
}

// connect points the phone to a proxy.
func (u *ua) connect(proxy string) {
	u.Helper()
	u.server = u.ProxyAddr(proxy, u.transport)
	if u.transport == "udp" {
		return
	}
	c, err := u.lab.at(u.addr).Dial(context.Background(), netip.AddrPortFrom(u.addr, 0), u.server)
	if err != nil {
		u.Fatal(err)
	}
	u.at = addrPort(c.LocalAddr())
	if u.transport == "tls" {
		c = tls.Client(c, u.trust)
	}
	u.conn, u.broken, u.ready = c, make(chan error, 1), make(chan struct{})
	ready, broken := u.ready, u.broken
	u.running.Go(func() {
		// Reader and writer must not both wait for the handshake: one would hold a lock of the other, and
		// virtual time would stand still.
		if secure, ok := c.(*tls.Conn); ok {
			secure.Handshake()
		}
		close(ready)
		u.readStream(c, broken)
	})
}

func (u *ua) close() {
	for _, c := range []interface{ Close() error }{u.rtp, u.pc, u.conn} {
		if p, ok := c.(net.PacketConn); ok && p == nil {
			continue
		}
		if s, ok := c.(net.Conn); ok && s == nil {
			continue
		}
		if t, ok := c.(*tls.Conn); ok {
			c = t.NetConn() // no last word: it might wait for the handshake
		}
		if c != nil {
			c.Close()
		}
	}
	u.running.Wait()
}

func (u *ua) take(data []byte) {
	if m, err := parseMessage(data); err == nil {
		u.in <- m
	}
}

func (u *ua) readPackets() {
	buf := make([]byte, 65536)
	for {
		n, _, err := u.pc.ReadFrom(buf)
		var lost interface{ RemoteAddrPort() netip.AddrPort }
		if errors.As(err, &lost) {
			u.in <- &message{code: 599, reason: "ICMP"}
			continue
		}
		if err != nil {
			return
		}
		u.take(buf[:n])
	}
}

func (u *ua) readStream(c net.Conn, broken chan error) {
	var f sip.Framer
	buf := make([]byte, 65536)
	for {
		n, err := c.Read(buf)
		if err != nil {
			broken <- err
			return
		}
		f.Write(buf[:n])
		for data, _ := f.Next(); data != nil; data, _ = f.Next() {
			if len(data) == 2 {
				u.in <- &message{code: 598, reason: "pong"}
			}
			u.take(data)
		}
	}
}

func (u *ua) listen() {
	buf := make([]byte, 2000)
	for {
		n, _, err := u.rtp.ReadFrom(buf)
		if err != nil {
			var lost interface{ RemoteAddrPort() netip.AddrPort }
			if errors.As(err, &lost) {
				continue
			}
			return
		}
		var p rtp.Packet
		if p.Unmarshal(bytes.Clone(buf[:n])) == nil {
			u.media <- p
		}
	}
}

func (u *ua) raw(data []byte) {
	if u.conn != nil {
		<-u.ready
		u.conn.Write(data)
		return
	}
	u.pc.WriteTo(data, net.UDPAddrFromAddrPort(u.server))
}

func (u *ua) send(m *message) { u.raw(m.bytes()) }

func (u *ua) via() string {
	u.seq++
	return fmt.Sprintf("SIP/2.0/%s %s;branch=z9hG4bKua%d;rport", strings.ToUpper(u.transport), u.at, u.seq)
}

func (u *ua) contact() string {
	if u.transport == "udp" {
		return fmt.Sprintf("<sip:%s@%s>", u.user, u.at)
	}
	return fmt.Sprintf("<sip:%s@%s;transport=%s>", u.user, u.at, u.transport)
}

// request makes one outside of dialogs.
func (u *ua) request(method, uri string, headers ...string) *message {
	m := &message{method: method, uri: uri}
	m.add("Via", u.via())
	m.add("Max-Forwards", "70")
	m.add("From", fmt.Sprintf("<sip:%s@example.test>;tag=%s", u.user, u.user))
	m.add("To", "<"+uri+">")
	if method == "REGISTER" {
		m.set("To", fmt.Sprintf("<sip:%s@example.test>", u.user))
	}
	m.add("Call-ID", fmt.Sprintf("%s-%d@%s", u.user, u.seq, u.at))
	m.add("CSeq", fmt.Sprintf("%d %s", u.seq, method))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		m.add(name, value)
	}
	return m
}

// want waits for a message: a status code, or a method.
func (u *ua) want(sentence string, what ...any) *message {
	u.Helper()
	return u.wait(sentence, 40*time.Second, what...)
}

func (u *ua) wait(sentence string, most time.Duration, what ...any) *message {
	u.Helper()
	deadline := time.NewTimer(most)
	defer deadline.Stop()
	for {
		select {
		case m := <-u.in:
			for _, w := range what {
				if m.code != 0 && w == m.code || m.code == 0 && w == m.method {
					return m
				}
			}
			if m.code != 100 && m.code != 180 {
				u.Fatalf("%s: %d %s%s came, want %v", sentence, m.code, m.reason, m.method, what)
			}
		case <-deadline.C:
			u.Fatalf("%s: nothing came, want %v", sentence, what)
		}
	}
}

// nothing checks that nothing comes for d.
func (u *ua) nothing(sentence string, d time.Duration) {
	u.Helper()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case m := <-u.in:
		u.Fatalf("%s: %d %s came", sentence, m.code, m.method)
	case <-t.C:
	}
}

// authorize answers a challenge.
func (u *ua) authorize(m *message, challenge *message, password sip.Secret, algorithm string) {
	u.Helper()
	name, header := "WWW-Authenticate", "Authorization"
	if challenge != nil && challenge.code == 407 {
		name = "Proxy-Authenticate"
	}
	if name == "Proxy-Authenticate" {
		header = "Proxy-Authorization"
	}
	if challenge != nil {
		u.auth = nil
		for _, v := range challenge.all(name) {
			if c, err := digest.ParseChallenge(v); err == nil && c.Algorithm == algorithm {
				u.auth, u.count = c, 0
			}
		}
		if u.auth == nil {
			u.Fatalf("no %s challenge in %q", algorithm, challenge.all(name))
		}
	}
	u.count++
	c, err := digest.Digest(u.auth, digest.Options{Method: m.method, URI: m.uri, Username: u.user, Password: password.Reveal(), Count: u.count, Cnonce: "c" + strconv.Itoa(u.seq)})
	if err != nil {
		u.Fatal(err)
	}
	m.add(header, c.String())
}

// register registers, with the password asked for.
func (u *ua) register(expires int) *message {
	u.Helper()
	m := u.request("REGISTER", "sip:example.test", "Contact: "+u.contact(), fmt.Sprintf("Expires: %d", expires))
	u.send(m)
	challenge := u.want("a REGISTER is challenged", 401)
	m = u.request("REGISTER", "sip:example.test", "Contact: "+u.contact(), fmt.Sprintf("Expires: %d", expires))
	u.authorize(m, challenge, secret, "SHA-256")
	u.send(m)
	return u.want("and accepted", 200)
}

func (u *ua) sdp(direction string, ptime int) []byte {
	return fmt.Appendf(nil, "v=0\r\no=- 1 %d IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 8 0 96\r\n"+
		"a=rtpmap:96 telephone-event/8000\r\na=ptime:%d\r\na=%s\r\n", u.seq+1, u.addr, u.addr, addrPort(u.rtp.LocalAddr()).Port(), ptime, direction)
}

// A talk is the phone's half of a dialog.
type talk struct {
	*ua
	invite        *message
	local, remote string
	callID        string
	target        string
	routes        []string
	seq           int
	sdp           description
}

// invite sends an INVITE; the talk knows its dialog when answered is called.
func (u *ua) invite(number, direction string, ptime int) *talk {
	u.Helper()
	m := u.request("INVITE", "sip:"+number+"@example.test", "Contact: "+u.contact(), "Content-Type: application/sdp")
	m.body = u.sdp(direction, ptime)
	u.send(m)
	return &talk{ua: u, invite: m, local: m.get("From"), callID: m.get("Call-ID"), seq: u.seq}
}

func (d *talk) answered(m *message) *talk {
	d.Helper()
	d.remote, d.target, d.routes = m.get("To"), inBrackets(m.get("Contact")), nil
	for _, r := range m.all("Record-Route") {
		d.routes = append([]string{r}, d.routes...)
	}
	var ok bool
	if d.sdp, ok = parseSDP(m.body); !ok {
		d.Fatalf("no session description: %q", m.body)
	}
	d.send(d.request("ACK", nil))
	return d
}

// call calls and is answered.
func (u *ua) call(number string) *talk {
	u.Helper()
	d := u.invite(number, "sendrecv", 20)
	return d.answered(u.want("the call is answered", 200))
}

func (d *talk) request(method string, sdp []byte) *message {
	m := &message{method: method, uri: d.target, body: sdp}
	m.add("Via", d.via())
	m.add("Max-Forwards", "70")
	for _, r := range d.routes {
		m.add("Route", r)
	}
	m.add("From", d.local)
	m.add("To", d.remote)
	m.add("Call-ID", d.callID)
	if method != "ACK" {
		d.seq++
	}
	m.add("CSeq", fmt.Sprintf("%d %s", d.seq, method))
	if sdp != nil {
		m.add("Contact", d.contact())
		m.add("Content-Type", "application/sdp")
	}
	return m
}

// say sends RTP packets with the payloads given.
func (d *talk) say(pt uint8, payloads ...[]byte) {
	for i, b := range payloads {
		p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: pt, SequenceNumber: uint16(100 + i), Timestamp: uint32(160 * i), SSRC: 77}, Payload: b}
		data, err := p.Marshal()
		if err != nil {
			d.Fatal(err)
		}
		d.rtp.WriteTo(data, net.UDPAddrFromAddrPort(d.sdp.to))
	}
}

// hear waits for a packet.
func (d *talk) hear(sentence string) rtp.Packet {
	d.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	select {
	case p := <-d.media:
		return p
	case <-deadline.C:
		d.Fatalf("%s: nothing is heard", sentence)
	}
	return rtp.Packet{}
}

// quiet checks that nothing is heard for d, what is on its way aside. In virtual time only.
func (d *talk) quiet(sentence string, length time.Duration) {
	d.Helper()
	time.Sleep(10 * time.Millisecond)
	synctest.Wait()
	for len(d.media) > 0 {
		<-d.media
	}
	time.Sleep(length)
	synctest.Wait()
	if n := len(d.media); n != 0 {
		d.Errorf("%s: %d packets are heard", sentence, n)
	}
}

func (d *talk) bye() {
	d.Helper()
	d.send(d.request("BYE", nil))
	d.want("BYE is answered", 200)
}

func itoa(n int) string { return strconv.Itoa(n) }
