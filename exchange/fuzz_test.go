package exchange

import (
	"bytes"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

const seedInvite = "INVITE sip:600@example.test SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bK1;rport\r\nMax-Forwards: 70\r\n" +
	"From: \"A, <b>\" <sip:1001@example.test>;tag=1\r\nTo: <sip:600@example.test>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n" +
	"Contact: <sip:1001@10.0.1.1:5060>\r\nContent-Type: application/sdp\r\n\r\n" +
	"v=0\r\no=- 1 1 IN IP4 10.0.1.1\r\ns=-\r\nc=IN IP4 10.0.1.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\nm=video 0 RTP/AVP 99\r\n"

// FuzzProxy gives datagrams and octets of a stream to a proxy with a phone and a call.
func FuzzProxy(f *testing.F) {
	for _, method := range []string{"INVITE", "CANCEL", "ACK", "BYE", "OPTIONS", "REGISTER", "SUBSCRIBE", "REFER"} {
		f.Add([]byte(strings.ReplaceAll(seedInvite, "INVITE", method)), false)
	}
	f.Add([]byte(strings.Replace(seedInvite, "sip:600@", "sip:1002@", 1)), true)
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK0-1, SIP/2.0/UDP 10.0.1.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>\r\n"+
		"To: <sip:a@b>;tag=1\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n"), false)
	f.Add([]byte("REGISTER sip:example.test SIP/2.0\r\nv:SIP/2.0/UDP 10.0.1.1;branch=z9hG4bK1\r\nf:<sip:1001@example.test>;tag=1\r\nt:<sip:1001@example.test>\r\n"+
		"i:1\r\nCSeq:1 REGISTER\r\nm:*\r\nAuthorization: Digest username=\"1001\", realm=\"example.test\", nonce=\"\\\"\", nc=1, qop=auth\r\nl:0\r\n\r\n"), true)
	f.Fuzz(func(t *testing.T, data []byte, stream bool) {
		n := &nowhere{end: make(chan struct{})}
		l := &lab{T: t}
		l.open(func(c *Config) { c.Net = func(netip.Addr) Net { return n } })
		defer l.Close()
		defer close(n.end)
		p := l.proxies[0]
		l.mu.Lock()
		defer l.mu.Unlock()
		from := flow{p: p, transport: "udp", remote: netip.MustParseAddrPort("10.0.1.1:5060")}
		p.locations["1002"] = []*binding{{user: "1002", contact: "sip:1002@10.0.1.2", flow: from, until: time.Now().Add(time.Hour)}}
		if stream {
			here, _ := net.Pipe()
			from.conn = &conn{Conn: here, p: p, transport: "tcp", remote: from.remote, out: make(chan []byte, maxQueue)}
			from.transport = "tcp"
			defer from.conn.reset()
		}
		p.receive(from, data)
		p.receive(from, data)
		for _, sent := range n.sent {
			if _, err := parseMessage(sent); err != nil && !bytes.HasPrefix(sent, []byte("SIP/2.0 400")) && len(data) < maxHead/2 {
				t.Errorf("a message of ours is not read again: %v\n%q", err, sent)
			}
		}
	})
}

// nowhere is a network whose sockets receive nothing.
type nowhere struct {
	end  chan struct{}
	sent [][]byte
}

type nowhereSocket struct {
	net.PacketConn
	n *nowhere
}

func (n *nowhere) ListenPacket(netip.AddrPort) (net.PacketConn, error) {
	return nowhereSocket{n: n}, nil
}
func (n *nowhere) Listen(netip.AddrPort) (net.Listener, error) { return nowhereListener{n: n}, nil }

func (s nowhereSocket) LocalAddr() net.Addr {
	return &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 5060}
}
func (s nowhereSocket) Close() error { return nil }

func (s nowhereSocket) ReadFrom([]byte) (int, net.Addr, error) {
	<-s.n.end
	return 0, nil, net.ErrClosed
}

func (s nowhereSocket) WriteTo(b []byte, _ net.Addr) (int, error) {
	if len(b) > 0 && b[0] != 0x80 { // SIP, not RTP
		s.n.sent = append(s.n.sent, bytes.Clone(b))
	}
	return len(b), nil
}

type nowhereListener struct {
	net.Listener
	n *nowhere
}

func (l nowhereListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 5060} }
func (l nowhereListener) Close() error   { return nil }

func (l nowhereListener) Accept() (net.Conn, error) {
	<-l.n.end
	return nil, net.ErrClosed
}

// FuzzSDP reads session descriptions and answers them.
func FuzzSDP(f *testing.F) {
	_, body, _ := strings.Cut(seedInvite, "\r\n\r\n")
	f.Add([]byte(body))
	f.Add([]byte("v=0\r\nc=IN IP6 2001:db8::1\r\nm=audio 4 RTP/AVP 8 96\r\na=rtpmap:96 telephone-event/8000\r\na=ptime:30\r\na=sendonly\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, ok := parseSDP(body)
		if !ok || d.codec < 0 {
			return
		}
		a, ok := parseSDP(writeSDP(d.to, 1, 1, &d))
		if ok && d.to.IsValid() && (a.codec != d.codec || a.event != d.event || len(a.streams) != len(d.streams) || a.to != d.to || a.audio != d.audio) {
			t.Errorf("%+v is answered by %+v", d, a)
		}
	})
}

// FuzzVoice gives packets to a voice that echoes.
func FuzzVoice(f *testing.F) {
	f.Add([]byte("\x80\x00\x00\x01\x00\x00\x00\xa0\x00\x00\x00\x07hello"))
	f.Add([]byte("\xb1\x60\x00\x01\x00\x00\x00\xa0\x00\x00\x00\x07\x00\x00\x00\x01\xbe\xde\x00\x01\x10\xff\x00\x00x"))
	d, _ := parseSDP([]byte("v=0\r\nc=IN IP4 10.0.1.1\r\nm=audio 4 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := newVoice(&nowhere{}, d.to.Addr())
		if err != nil {
			t.Fatal(err)
		}
		v.echo = true
		v.agree(d)
		v.hear(data)
		v.hear(data)
	})
}
