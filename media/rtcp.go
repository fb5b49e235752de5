package media

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
)

// Specification constants, RFC 3550 section 6.
const (
	rtcpHeader   = 4
	rtcpSSRC     = 8          // header and SSRC, the least of a report
	ntpEpoch     = 2208988800 // seconds from 1900 to 1970
	compactSec   = 1 << 16    // the middle 32 bits of an NTP time count 1/65536 s
	maxTotalLost = 1<<23 - 1  // of the 24-bit signed count of lost packets, section 6.4.1
	minTotalLost = -1 << 23
)

// Implementation constants.
const (
	maxRTCPParts = 16     // packets taken from one compound
	maxRTT       = 60_000 // ms; more is somebody's broken clock
)

// ntpTime is t as RFC 3550 section 4 has it: seconds since 1900, 32 bits before the point and 32 after.
func ntpTime(t time.Time) uint64 {
	sec := uint64(t.Unix() + ntpEpoch)
	return sec<<32 | uint64(t.Nanosecond())<<32/1e9
}

// compactNTP is the middle of an NTP time, as LSR has it.
func compactNTP(t time.Time) uint32 { return uint32(ntpTime(t) >> 16) }

// A reporter writes our RTCP and reads the far end's: sender and receiver reports, CNAME and BYE.
type reporter struct {
	cname string

	lastSR   uint32 // middle of the NTP time in the far end's last SR
	lastSRAt time.Time
	rtt      float64 // ms; 0: not known
	heard    uint64  // compounds taken
	refused  uint64
	farLost  float64 // share of our packets the far end lost lately
	farJit   float64 // ms, what the far end sees of our packets
}

// compound writes one compound packet: SR, or RR when nothing was sent, then SDES with our CNAME, and
// BYE at the end of the session. RFC 3550 sections 6.1, 6.4 and 6.6.
func (r *reporter) compound(now time.Time, s *sender, sent bool, in *reception, inSSRC uint32, bye bool) ([]byte, error) {
	var blocks []rtcp.ReceptionReport
	if in.started {
		block := rtcp.ReceptionReport{
			SSRC:               inSSRC,
			FractionLost:       in.fraction(),
			TotalLost:          uint32(min(max(in.lost(), minTotalLost), maxTotalLost)) & 0xffffff,
			LastSequenceNumber: in.extended(),
			Jitter:             uint32(in.jitter),
		}
		if !r.lastSRAt.IsZero() {
			block.LastSenderReport = r.lastSR
			block.Delay = uint32(now.Sub(r.lastSRAt).Seconds() * compactSec)
		}
		blocks = append(blocks, block)
	}
	var packets rtcp.CompoundPacket
	if sent {
		packets = append(packets, &rtcp.SenderReport{SSRC: s.ssrc, NTPTime: ntpTime(now), RTPTime: s.timestamp + uint32(s.filled),
			PacketCount: s.packets, OctetCount: s.octets, Reports: blocks})
	} else {
		packets = append(packets, &rtcp.ReceiverReport{SSRC: s.ssrc, Reports: blocks})
	}
	packets = append(packets, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: s.ssrc,
		Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: r.cname}}}}})
	if bye {
		packets = append(packets, &rtcp.Goodbye{Sources: []uint32{s.ssrc}})
	}
	return packets.Marshal()
}

// admitRTCP is the gate for RTCP from outside: the validity checks of RFC 3550 appendix A.2. It calls
// each with the parts of the compound.
func admitRTCP(datagram []byte, each func(kind rtcp.PacketType, part []byte)) bool {
	if len(datagram) < rtcpSSRC || datagram[0]>>6 != rtpVersion ||
		datagram[1] != byte(rtcp.TypeSenderReport) && datagram[1] != byte(rtcp.TypeReceiverReport) || datagram[0]&0x20 != 0 {
		return false
	}
	parts := 0
	for rest := datagram; len(rest) > 0; parts++ {
		if len(rest) < rtcpHeader || rest[0]>>6 != rtpVersion || parts == maxRTCPParts {
			return false
		}
		n := 4 * (int(binary.BigEndian.Uint16(rest[2:])) + 1)
		if n > len(rest) {
			return false
		}
		rest = rest[n:]
	}
	for rest := datagram; len(rest) > 0; {
		n := 4 * (int(binary.BigEndian.Uint16(rest[2:])) + 1)
		each(rtcp.PacketType(rest[1]), rest[:n])
		rest = rest[n:]
	}
	return true
}

// take reads one compound packet of the far end. It reports whether the far end says goodbye.
func (r *reporter) take(now time.Time, datagram []byte, ownSSRC uint32) (bye bool) {
	ok := admitRTCP(datagram, func(kind rtcp.PacketType, part []byte) {
		switch kind {
		case rtcp.TypeSenderReport:
			var sr rtcp.SenderReport
			if sr.Unmarshal(part) == nil {
				r.lastSR, r.lastSRAt = uint32(sr.NTPTime>>16), now
				r.blocks(now, sr.Reports, ownSSRC)
			}
		case rtcp.TypeReceiverReport:
			var rr rtcp.ReceiverReport
			if rr.Unmarshal(part) == nil {
				r.blocks(now, rr.Reports, ownSSRC)
			}
		case rtcp.TypeGoodbye:
			bye = true
		}
	})
	if !ok {
		r.refused++
		return false
	}
	r.heard++
	return bye
}

// blocks takes what the far end says of our packets.
func (r *reporter) blocks(now time.Time, blocks []rtcp.ReceptionReport, ownSSRC uint32) {
	for _, b := range blocks {
		if b.SSRC != ownSSRC {
			continue
		}
		r.farLost = float64(b.FractionLost) / 256
		r.farJit = float64(b.Jitter) * 1000 / sampleRate
		if b.LastSenderReport == 0 {
			continue
		}
		// RFC 3550 section 6.4.1: A - LSR - DLSR, in 1/65536 s.
		rtt := float64(int32(compactNTP(now)-b.LastSenderReport-b.Delay)) * 1000 / compactSec
		if rtt >= 0 && rtt <= maxRTT {
			r.rtt = rtt
		}
	}
}
