package media

import (
	"net/netip"
	"time"
)

// Specification constants, RFC 3550 appendix A.1.
const (
	seqMod      = 1 << 16
	maxDropout  = 3000
	maxMisorder = 100
)

// Implementation constants.
const (
	latchAfter = 3                     // packets in a row from an address the SDP did not name, before it is believed
	ssrcAfter  = 2                     // packets in a row of a new SSRC, before it replaces a living one
	ssrcDead   = 60 * time.Millisecond // of silence: the next SSRC takes over at once
	moveAfter  = time.Second           // of silence: the same host may go on from another port (a NAT forgot it)
)

// A latch decides which packets are the far end's: one address and one SSRC. Whoever
// else sends to our port is not heard (the attack is called RTP bleed).
type latch struct {
	expected netip.AddrPort // from the SDP; the zero value when it named none
	source   netip.AddrPort // latched; invalid: not yet
	ssrc     uint32
	hasSSRC  bool
	heard    time.Time // last packet of source and ssrc

	candidate     netip.AddrPort // an address that may be the far end behind a NAT
	candidateSSRC uint32
	candidateSeq  uint16
	candidateRun  int

	newSSRC    uint32 // an SSRC that may follow the latched one
	newSeq     uint16
	newSSRCRun int
}

// expect tells where the session description says the far end is. A change begins a new search.
func (l *latch) expect(a netip.AddrPort) {
	if a != l.expected {
		*l = latch{expected: a, ssrc: l.ssrc, hasSSRC: l.hasSSRC, heard: l.heard}
	}
}

// admit says whether a packet is the far end's, and whether it is the first of a new SSRC.
func (l *latch) admit(now time.Time, from netip.AddrPort, ssrc uint32, seq uint16) (ok, fresh bool) {
	if from != l.source && !l.learn(now, from, ssrc, seq) {
		return false, false
	}
	if l.hasSSRC && ssrc == l.ssrc {
		l.heard, l.newSSRCRun = now, 0
		return true, false
	}
	if l.hasSSRC && now.Sub(l.heard) < ssrcDead {
		if ssrc != l.newSSRC || seq != l.newSeq+1 {
			l.newSSRCRun = 0
		}
		l.newSSRC, l.newSeq = ssrc, seq
		if l.newSSRCRun++; l.newSSRCRun < ssrcAfter {
			return false, false
		}
	}
	l.ssrc, l.hasSSRC, l.heard, l.newSSRCRun = ssrc, true, now, 0
	return true, true
}

// learn latches the expected address at its first packet, whoever was believed before: what was signalled
// counts most. Before anybody is latched, another plausible address is believed after a few packets in a row;
// afterwards only another port of the same host, once the old one has been silent.
func (l *latch) learn(now time.Time, from netip.AddrPort, ssrc uint32, seq uint16) bool {
	switch {
	case from == l.expected && from.IsValid():
		l.source = from
		return true
	case !plausible(from, l.expected):
		return false
	case l.source.IsValid() && (from.Addr() != l.source.Addr() || now.Sub(l.heard) < moveAfter):
		return false
	}
	if from != l.candidate || ssrc != l.candidateSSRC || seq != l.candidateSeq+1 {
		l.candidate, l.candidateSSRC, l.candidateRun = from, ssrc, 0
	}
	l.candidateSeq = seq
	if l.candidateRun++; l.candidateRun < latchAfter {
		return false
	}
	l.source = from
	return true
}

// plausible says whether voice for expected could rightly come from a.
func plausible(a, expected netip.AddrPort) bool {
	return a.IsValid() && a.Port() != 0 && !a.Addr().IsUnspecified() && !a.Addr().IsMulticast() &&
		(!expected.IsValid() || a.Addr().Is4() == expected.Addr().Is4())
}

// A reception counts what arrives of one SSRC: RFC 3550 section 6.4.1 and appendices A.1, A.3, A.8.
type reception struct {
	started  bool
	base     uint32 // first sequence number
	maxSeq   uint16
	cycles   uint32 // of the sequence number, times 65536
	badSeq   uint32
	received uint32

	expectedPrior, receivedPrior uint32 // at the last report

	transit   int32
	hasVoice  bool
	jitter    float64 // in timestamp units
	window    uint64  // bit i: sequence number maxSeq-i has come
	duplicate uint64
	origin    time.Time // arrival 0 of the jitter clock
}

// A place is how a sequence number stands to the ones before it.
type place uint8

const (
	placeNew       place = iota
	placeDuplicate       // has come before
	placeJumped          // too far away to be of this sequence; two in a row begin anew
)

// update counts one packet. RFC 3550 appendix A.1, without its probation: the latch has done that.
func (r *reception) update(seq uint16) place {
	if !r.started {
		r.restart(seq)
		return placeNew
	}
	ahead := seq - r.maxSeq
	switch {
	case ahead == 0:
		r.received++
		r.duplicate++
		return placeDuplicate
	case ahead < maxDropout:
		if seq < r.maxSeq {
			r.cycles += seqMod
		}
		r.window = r.window<<min(ahead, 64) | 1
		r.maxSeq = seq
	case ahead <= seqMod-maxMisorder&0xffff:
		if uint32(seq) != r.badSeq {
			r.badSeq = uint32(seq + 1)
			return placeJumped
		}
		r.restart(seq) // two in a row: the far end began anew without saying so
		return placeNew
	default: // late or twice
		if back := r.maxSeq - seq; back < 64 {
			r.received++
			if r.window>>back&1 != 0 {
				r.duplicate++
				return placeDuplicate
			}
			r.window |= 1 << back
			return placeNew
		}
	}
	r.received++
	return placeNew
}

// restart begins counting at seq. Losses counted so far belong to another sequence.
func (r *reception) restart(seq uint16) {
	*r = reception{started: true, base: uint32(seq), maxSeq: seq, badSeq: seqMod + 1, received: 1, window: 1,
		jitter: r.jitter, duplicate: r.duplicate, origin: r.origin}
}

// voice counts the arrival of samples sent at timestamp for the jitter. RFC 3550 appendix A.8.
func (r *reception) voice(now time.Time, timestamp uint32) {
	if r.origin.IsZero() {
		r.origin = now
	}
	arrival := uint32(now.Sub(r.origin).Microseconds() * sampleRate / 1_000_000)
	transit := int32(arrival - timestamp)
	if r.hasVoice {
		d := float64(transit - r.transit)
		r.jitter += (max(d, -d) - r.jitter) / 16
	}
	r.transit, r.hasVoice = transit, true
}

// extended is the highest sequence number with its cycles.
func (r *reception) extended() uint32 { return r.cycles + uint32(r.maxSeq) }

// lost is the number of packets lost so far; negative with duplicates. RFC 3550 appendix A.3.
func (r *reception) lost() int {
	if !r.started {
		return 0
	}
	return int(int32(r.extended() - r.base + 1 - r.received))
}

// fraction returns the share lost since the last call, in 1/256. RFC 3550 appendix A.3.
func (r *reception) fraction() uint8 {
	if !r.started {
		return 0
	}
	expected := r.extended() - r.base + 1
	expectedNow, receivedNow := expected-r.expectedPrior, r.received-r.receivedPrior
	r.expectedPrior, r.receivedPrior = expected, r.received
	lost := int64(expectedNow) - int64(receivedNow)
	if expectedNow == 0 || lost <= 0 {
		return 0
	}
	return uint8(min(lost<<8/int64(expectedNow), 255))
}
