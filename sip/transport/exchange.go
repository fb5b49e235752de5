package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Implementation constants of one exchange with a name server.
const (
	ednsSize    = 1232 // fits every path without fragments (DNS flag day 2020)
	tcpTimeout  = 3 * time.Second
	maxStrays   = 64 // datagrams that are no answer to the question, in one try
	maxUDPReply = 4096
)

// udpTries are the waits of one question to one server, resent after each.
func udpTries() []time.Duration {
	return []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}
}

// askUDP sends q from a socket of its own, and so from a random port (RFC 5452 section 9.2), until the
// server answers. The last try is without EDNS0, which some firewalls swallow.
func (r *Resolver) askUDP(ctx context.Context, server netip.AddrPort, q *dns.Msg) (*dns.Msg, error) {
	local := netip.IPv4Unspecified()
	if server.Addr().Is6() {
		local = netip.IPv6Unspecified()
	}
	conn, err := r.net.ListenPacket(netip.AddrPortFrom(local, 0))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	tries := udpTries()
	for i, limit := range tries {
		if i == len(tries)-1 {
			q.Extra = nil
		}
		packed, err := q.Pack()
		if err != nil {
			return nil, err
		}
		if _, err := conn.WriteTo(packed, net.UDPAddrFromAddrPort(server)); err != nil {
			return nil, err
		}
		conn.SetReadDeadline(time.Now().Add(limit))
		m, err := readUDP(conn, server, q)
		if m != nil || !isTimeout(err) {
			return m, err
		}
	}
	return nil, context.DeadlineExceeded
}

// readUDP waits for the answer to q and passes over everything else.
func readUDP(conn net.PacketConn, server netip.AddrPort, q *dns.Msg) (*dns.Msg, error) {
	buf := make([]byte, maxUDPReply)
	for range maxStrays {
		n, from, err := conn.ReadFrom(buf)
		var lost unreachable
		switch {
		case errors.As(err, &lost):
			if unmap(lost.RemoteAddrPort()) == server {
				return nil, err
			}
		case err != nil:
			return nil, err
		case addrPort(from) == server:
			if m := unpack(buf[:n], q); m != nil {
				return m, nil
			}
		}
	}
	return nil, errors.New("too many stray datagrams")
}

// unpack reads a reply to q; nil if it is none. One cut off in the middle of a record is good for asking
// again over TCP.
func unpack(data []byte, q *dns.Msg) *dns.Msg {
	m := new(dns.Msg)
	if err := m.Unpack(data); err != nil && !m.Truncated || !answers(m, q) {
		return nil
	}
	return m
}

// askTCP asks over TCP, RFC 7766.
func (r *Resolver) askTCP(ctx context.Context, server netip.AddrPort, q *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, tcpTimeout)
	defer cancel()
	conn, err := r.net.Dial(ctx, netip.AddrPort{}, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	packed, err := q.Pack()
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...)); err != nil {
		return nil, timeoutOf(ctx, err)
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, timeoutOf(ctx, err)
	}
	data := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, data); err != nil {
		return nil, timeoutOf(ctx, err)
	}
	if m := unpack(data, q); m != nil && !m.Truncated {
		return m, nil
	}
	return nil, fmt.Errorf("the reply is none")
}

// timeoutOf is the end of ctx, if that is why a connection broke.
func timeoutOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
