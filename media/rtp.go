package media

import (
	"github.com/pion/rtp"
)

// Specification constants, RFC 3550 section 5.1 and RFC 3551 section 6.
const (
	rtpVersion   = 2
	rtpHeader    = 12 // bytes, without CSRC and extension
	rtcpLowPT    = 72 // RTCP packet types 200 to 204 without the marker bit: never an RTP payload type here
	rtcpHighPT   = 76
	comfortNoise = 13 // RFC 3389 section 4: taken from whoever sends it, agreed or not
)

// Implementation constants.
const (
	maxPayload = 1600   // bytes of voice in one packet, 200 ms
	maxFrame   = 60 * 8 // samples in a packet we send
)

// A refusal is why a datagram on the RTP port was not taken for RTP.
type refusal string

const (
	refusedShort   refusal = "short"
	refusedVersion refusal = "version"
	refusedHeader  refusal = "header"
	refusedPadding refusal = "padding"
	refusedLong    refusal = "long"
	refusedRTCP    refusal = "rtcp"
)

// admitRTP is the gate for RTP from outside: it reads the header into h, which the caller reuses, and
// returns the payload without padding. The payload may be empty (a keepalive, RFC 6263 section 4.1).
func admitRTP(datagram []byte, h *rtp.Header) (payload []byte, why refusal) {
	if len(datagram) < rtpHeader {
		return nil, refusedShort
	}
	if datagram[0]>>6 != rtpVersion { // also STUN and DTLS that share the port
		return nil, refusedVersion
	}
	n, err := h.Unmarshal(datagram)
	if err != nil || n > len(datagram) {
		return nil, refusedHeader
	}
	payload = datagram[n:]
	if h.PayloadType >= rtcpLowPT && h.PayloadType <= rtcpHighPT {
		return nil, refusedRTCP
	}
	if h.Padding { // RFC 3550 section 5.1: the last octet counts itself
		if len(payload) == 0 {
			return nil, refusedPadding
		}
		pad := int(payload[len(payload)-1])
		if pad == 0 || pad > len(payload) {
			return nil, refusedPadding
		}
		payload = payload[:len(payload)-pad]
	}
	if len(payload) > maxPayload {
		return nil, refusedLong
	}
	return payload, ""
}

// A sender makes RTP packets of captured samples. It counts time in samples, also while nothing is
// sent, so that the far end never sees its clock stop (RFC 3550 section 5.1).
type sender struct {
	ssrc      uint32
	seq       uint16 // of the next packet
	timestamp uint32 // of the first sample in frame
	frame     [maxFrame]int16
	filled    int // samples in frame
	length    int // samples in a full frame, fixed while it fills
	next      int // length of the frames after this one

	codec   Codec
	law     *law
	eventPT uint8
	events  eventSender
	resumed bool // nothing was sent before this frame: it begins a talkspurt

	wire    [rtpHeader + maxFrame + maxOverhead]byte
	packets uint32
	octets  uint32 // of payload, RFC 3550 section 6.4.1
}

// newSender begins at a random place. The sequence number is in the lower half: a receiver of SRTP that misses the
// first packets must not miss a wrap with them (RFC 4568 section 6.4).
func newSender() *sender {
	return &sender{ssrc: random32(), seq: uint16(random32()) >> 1, timestamp: random32(), resumed: true, law: muLaw, codec: PCMU,
		length: sampleRate / 50, next: sampleRate / 50}
}

// configure takes what the next frames are to be. samples is their length.
func (s *sender) configure(c Codec, l *law, eventPT uint8, samples int) {
	s.codec, s.law, s.eventPT, s.next = c, l, eventPT, samples
	if s.filled == 0 {
		s.length = samples
	}
}

// add takes captured samples, all of which must fit the frame in hand, and returns the packet to send
// when they complete it; nil otherwise, and while send is false. The packet is valid until the next
// call.
func (s *sender) add(pcm []int16, send bool) []byte {
	n := copy(s.frame[s.filled:s.length], pcm)
	if s.filled += n; s.filled < s.length {
		return nil
	}
	h := rtp.Header{Version: rtpVersion, SSRC: s.ssrc, SequenceNumber: s.seq, Timestamp: s.timestamp}
	size := 0
	if send {
		size = s.payload(&h)
	} else {
		s.events.abort()
		s.resumed = true
	}
	s.timestamp += uint32(s.length)
	s.filled, s.length = 0, s.next
	if size == 0 {
		return nil
	}
	head, err := h.MarshalTo(s.wire[:])
	if err != nil || head != rtpHeader {
		return nil // cannot be: the header is plain and the buffer large enough
	}
	s.seq++
	s.packets++
	s.octets += uint32(size)
	return s.wire[:rtpHeader+size]
}

// payload writes the frame, or the event that replaces it (RFC 4733 section 2.3), and completes h.
func (s *sender) payload(h *rtp.Header) int {
	if s.eventPT != 0 {
		if e, ok := s.events.next(s.timestamp, s.length); ok {
			h.PayloadType, h.Timestamp, h.Marker = s.eventPT, e.timestamp, e.first
			return e.put(s.wire[rtpHeader:])
		}
	}
	h.PayloadType, h.Marker = s.codec.PT, s.resumed // RFC 3551 section 4.1
	s.resumed = false
	s.law.encodeTo(s.wire[rtpHeader:], s.frame[:s.length])
	return s.length
}
