package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// Implementation constants.
const (
	replayWindow = 128         // packets; RFC 3711 section 3.3.2 wants 64 at least
	maxSources   = 32          // SSRCs taken of one key: each has a state of its own
	maxOverhead  = 16 + 4      // bytes SRTP or SRTCP adds beside the MKI: tag, and index of SRTCP; ours carry no MKI
	oldKeyTime   = time.Second // the key before is believed so long after the first packet of the new one
	oldKeySent   = 25          // packets sent with the key before, while nothing shows that the new one is known
)

// A cipher protects or checks packets in one direction with one key (RFC 3711). Its counters go on as long as
// its key does.
type cipher struct {
	spec    suiteSpec
	key     Key
	context *srtp.Context
	sources []uint32 // SSRCs of packets that were authentic
	reports []uint32 // the same of RTCP
}

// newCipher makes a cipher. mki says whether its packets carry the identifier of the key.
func newCipher(suite Suite, key Key, mki bool) (*cipher, error) {
	spec, ok := suite.spec()
	if !ok || key.m == nil || len(key.m.secret) != spec.key+spec.salt {
		return nil, fmt.Errorf("no key that suits the suite %q", suite)
	}
	options := []srtp.ContextOption{srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow)}
	if mki {
		options = append(options, srtp.MasterKeyIndicator([]byte(key.m.mki)))
	}
	secret := []byte(key.m.secret)
	context, err := srtp.CreateContext(secret[:spec.key], secret[spec.key:], spec.profile, options...)
	if err != nil {
		return nil, fmt.Errorf("making keys for %s: %w", spec.suite, err)
	}
	return &cipher{spec: spec, key: key, context: context}, nil
}

// is says whether c is of that suite and key; no cipher is of no suite.
func (c *cipher) is(suite Suite, key Key) bool {
	if c == nil {
		return suite == ""
	}
	return c.spec.suite == suite && c.key.equal(key)
}

// A verdict is what became of a packet that should be protected.
type verdict uint8

const (
	authentic verdict = iota
	forged            // not of our keys, or not as it was sent
	replayed          // authentic perhaps, but it came before
)

// open checks an RTP packet and decrypts it into dst.
func (c *cipher) open(dst, packet []byte, h *rtp.Header) ([]byte, verdict) {
	n, err := h.Unmarshal(packet)
	if err != nil || len(packet) < n+c.spec.tag+len(c.key.m.mki) {
		return nil, forged
	}
	ssrc, known := h.SSRC, slices.Contains(c.sources, h.SSRC)
	if !known && len(c.sources) == maxSources {
		return nil, forged
	}
	plain, err := c.context.DecryptRTP(dst, packet, h)
	if err != nil {
		return nil, verdictOf(err)
	}
	if !known {
		c.sources = append(c.sources, ssrc)
	}
	return plain, authentic
}

// openReport is open for RTCP.
func (c *cipher) openReport(dst, packet []byte) ([]byte, verdict) {
	if len(packet) < rtcpSSRC+c.spec.tag+len(c.key.m.mki) {
		return nil, forged
	}
	ssrc := binary.BigEndian.Uint32(packet[4:])
	known := slices.Contains(c.reports, ssrc)
	if !known && len(c.reports) == maxSources {
		return nil, forged
	}
	plain, err := c.context.DecryptRTCP(dst, packet, nil)
	if err != nil {
		return nil, verdictOf(err)
	}
	if !known {
		c.reports = append(c.reports, ssrc)
	}
	return plain, authentic
}

// verdictOf tells a packet that is not authentic from one that came before.
func verdictOf(err error) verdict {
	if errors.Is(err, srtp.ErrFailedToVerifyAuthTag) || errors.Is(err, srtp.ErrMKINotFound) {
		return forged
	}
	return replayed
}

// A guard protects what a session sends and checks what comes, and changes keys without a gap. The zero guard
// lets everything pass.
type guard struct {
	send, receive *cipher // nil: in clear

	// For as long as the far end may not have the new keys, or packets of the old ones are under way.
	sentBefore  *cipher
	sendBefore  int // packets still sent with it
	heardBefore *cipher
	forgetAt    time.Time // when heardBefore is no longer believed; zero: the new key has not been heard

	header rtp.Header
	plain  []byte // the packet opened last
}

// change takes new keys, or keeps those it has with their counters. Nothing is changed on an error.
func (g *guard) change(c Crypto) error {
	send, receive := g.send, g.receive
	var err error
	if !send.is(c.Suite, c.Send) {
		if send, err = makeCipher(c.Suite, c.Send, false); err != nil {
			return err
		}
	}
	if !receive.is(c.Suite, c.Receive) {
		if receive, err = makeCipher(c.Suite, c.Receive, true); err != nil {
			return err
		}
	}
	if send != g.send {
		g.sentBefore = nil
		if send != nil && g.send != nil && receive != g.receive {
			// Who offered the keys knows ours only once our answer is there; then it sends with its own.
			g.sentBefore, g.sendBefore = g.send, oldKeySent
		}
	}
	if receive != g.receive {
		g.heardBefore, g.forgetAt = g.receive, time.Time{}
	}
	g.send, g.receive = send, receive
	if g.plain == nil && receive != nil {
		g.plain = make([]byte, maxDatagram)
	}
	return nil
}

func makeCipher(suite Suite, key Key, mki bool) (*cipher, error) {
	if suite == "" {
		return nil, nil
	}
	return newCipher(suite, key, mki)
}

// seal protects an RTP packet, in place if there is room behind it. nil: it must not be sent.
func (g *guard) seal(packet []byte) []byte {
	c := g.send
	if g.sentBefore != nil {
		if g.sendBefore--; g.sendBefore >= 0 {
			c = g.sentBefore
		} else {
			g.sentBefore = nil
		}
	}
	if c == nil {
		return packet
	}
	sealed, err := c.context.EncryptRTP(packet[:0], packet, &g.header)
	if err != nil {
		return nil // the key has served its 2^48 packets
	}
	return sealed
}

// sealReport is seal for RTCP.
func (g *guard) sealReport(packet []byte) []byte {
	c := g.send
	if g.sentBefore != nil {
		c = g.sentBefore
	}
	if c == nil || packet == nil {
		return packet
	}
	sealed, err := c.context.EncryptRTCP(nil, packet, nil)
	if err != nil {
		return nil
	}
	return sealed
}

// open returns a datagram from the RTP port without its protection, valid until the next call. One that cannot be
// RTP is returned as it is, for the gate to refuse it.
func (g *guard) open(now time.Time, datagram []byte) ([]byte, verdict) {
	if g.receive == nil && g.heardBefore == nil || len(datagram) < rtpHeader || datagram[0]>>6 != rtpVersion {
		return datagram, authentic
	}
	v := authentic
	if g.receive != nil {
		var plain []byte
		if plain, v = g.receive.open(g.plain[:0], datagram, &g.header); v == authentic {
			g.heard(now)
			return plain, v
		}
	}
	if g.believed(now) {
		if plain, before := g.heardBefore.open(g.plain[:0], datagram, &g.header); before != forged {
			return plain, before
		}
	}
	if g.receive == nil {
		g.heard(now)
		return datagram, authentic
	}
	return nil, v
}

// openReport is open for the RTCP port.
func (g *guard) openReport(now time.Time, datagram []byte) ([]byte, verdict) {
	v := authentic
	if g.receive != nil {
		var plain []byte
		if plain, v = g.receive.openReport(g.plain[:0], datagram); v == authentic {
			return plain, v
		}
	}
	if g.believed(now) {
		if plain, before := g.heardBefore.openReport(g.plain[:0], datagram); before != forged {
			return plain, before
		}
	}
	if g.receive == nil {
		return datagram, authentic
	}
	return nil, v
}

// heard notes that the far end uses the new key: it has ours, too.
func (g *guard) heard(now time.Time) {
	g.sentBefore = nil
	if g.heardBefore != nil && g.forgetAt.IsZero() {
		g.forgetAt = now.Add(oldKeyTime)
	}
}

// believed says whether packets of the key before are still taken.
func (g *guard) believed(now time.Time) bool {
	if g.heardBefore != nil && !g.forgetAt.IsZero() && !now.Before(g.forgetAt) {
		g.heardBefore = nil
	}
	return g.heardBefore != nil
}
