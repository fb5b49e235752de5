package media

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/pion/rtp"
)

// Implementation constants.
const (
	silentAfter = 10 * time.Second // without a packet, the far end is told of as silent
	bufferAhead = 5.0              // ms from our capture to the wire and from playout to the ear, for the quality estimate
)

// A session is the voice of one call. The Engine's lock guards it.
type session struct {
	id      int
	ip      netip.Addr
	port    uint16
	rtp     *socket
	rtcp    *socket
	done    chan struct{} // closed by Stop
	started bool
	stream  Stream

	guard   guard
	sender  *sender
	inband  inbandSender
	written uint32 // packets at the last report

	latch      latch
	laws       [128]*law // by payload number, what we take
	reception  reception
	lostBefore int // of the SSRCs before
	jitter     *Jitter
	digits     eventReceiver
	silent     bool
	since      time.Time // last packet, or when listening began

	reporter reporter
	rtcpFrom netip.AddrPort // where the far end's RTCP comes from
	counts   counts
}

// counts are a session's packet counters.
type counts struct {
	rxPackets, rxOctets uint64
	rxRefused           uint64 // not RTP, or not what was agreed
	rxStrange           uint64 // from somebody else
	rxForged            uint64 // not of the keys agreed on
	rxReplayed          uint64 // authentic, but a second time
	txErrors            uint64
}

// Stats is how a call's voice goes, the rtp block of the status API.
type Stats struct {
	Local       string  `json:"local"`
	Remote      string  `json:"remote"`
	Codec       string  `json:"codec"`
	PtimeMS     int     `json:"ptime_ms"`
	SRTP        bool    `json:"srtp"`
	TxPackets   uint64  `json:"tx_packets"`
	RxPackets   uint64  `json:"rx_packets"`
	RxLost      uint64  `json:"rx_lost"`
	RxLate      uint64  `json:"rx_late"`
	ConcealedMS float64 `json:"concealed_ms"`
	JitterMS    float64 `json:"jitter_ms"`
	BufferMS    float64 `json:"buffer_ms"`
	RTTMS       float64 `json:"rtt_ms"`
	MOSLQ       float64 `json:"mos_lq"`

	TxOctets    uint64  `json:"tx_octets"`
	RxOctets    uint64  `json:"rx_octets"`
	TxErrors    uint64  `json:"tx_errors"`
	RxRefused   uint64  `json:"rx_refused"`   // datagrams that were not the RTP agreed on
	RxStrange   uint64  `json:"rx_strange"`   // datagrams from somebody else
	RxDuplicate uint64  `json:"rx_duplicate"` // packets that came twice
	RxForged    uint64  `json:"rx_forged"`    // datagrams that were not of the keys agreed on, RTP and RTCP
	Suite       Suite   `json:"suite"`        // that protects the voice, "" when SRTP is false
	FarLost     float64 `json:"far_lost"`     // share of our packets the far end lost lately, 0 to 1
	FarJitterMS float64 `json:"far_jitter_ms"`
	R           float64 `json:"r"` // ITU-T G.107
}

// apply takes a new agreement. samples is the packet length it means.
func (s *session) apply(now time.Time, st Stream, l *law, samples int) error {
	var laws [128]*law
	accept := st.Accept
	if len(accept) == 0 {
		accept = []Codec{st.Codec}
	}
	for _, c := range accept {
		taken := lawOf(c)
		if taken == nil || c.PT > 127 {
			return fmt.Errorf("payload %d: no codec %s/%d here", c.PT, c.Name, c.Rate)
		}
		laws[c.PT] = taken
	}
	if err := s.guard.change(st.Crypto); err != nil {
		return err
	}
	if st.AcceptEventPT == 0 {
		st.AcceptEventPT = st.EventPT
	}
	s.laws = laws
	if st.Remote.IsValid() { // on hold some name no address; the far end is still who it was
		s.latch.expect(st.Remote)
	}
	if !s.started {
		s.sender = newSender()
		s.jitter = NewJitter(l, sampleRate)
	}
	if !s.started || st.Receive != s.stream.Receive {
		s.jitter.Reset()
		s.digits.reset()
		s.since, s.silent = now, false
	}
	s.sender.configure(st.Codec, l, st.EventPT, samples)
	s.stream, s.started = st, true
	return nil
}

// destination is where voice is sent: to where the far end's comes from, else where it said.
func (s *session) destination() netip.AddrPort {
	if s.latch.source.IsValid() && !s.stream.FixedRemote {
		return s.latch.source
	}
	return s.stream.Remote
}

// rtcpDestination is where reports are sent.
func (s *session) rtcpDestination() netip.AddrPort {
	to := s.destination()
	switch {
	case s.rtcpFrom.IsValid() && s.rtcpFrom.Addr() == to.Addr():
		return s.rtcpFrom
	case to == s.stream.Remote:
		return s.stream.RTCP
	}
	return netip.AddrPortFrom(to.Addr(), to.Port()+1)
}

// What became of a datagram.
type receipt struct {
	events  [maxHeard]heardEvent
	n       int
	latched bool // the far end's address was learned from this packet
	back    bool // the far end is no longer silent
}

// receive takes one datagram from the RTP port. h is the caller's to reuse.
func (s *session) receive(now time.Time, from netip.AddrPort, datagram []byte, h *rtp.Header) (r receipt) {
	datagram, v := s.guard.open(now, datagram)
	switch v {
	case forged:
		s.counts.rxForged++
		return r
	case replayed:
		s.counts.rxReplayed++
		return r
	}
	payload, why := admitRTP(datagram, h)
	l := s.laws[h.PayloadType&127]
	event := s.stream.AcceptEventPT != 0 && h.PayloadType == s.stream.AcceptEventPT
	if why != "" || l == nil && !event && h.PayloadType != comfortNoise && len(payload) > 0 {
		s.counts.rxRefused++
		return r
	}
	known := s.latch.source.IsValid()
	ok, fresh := s.latch.admit(now, from, h.SSRC, h.SequenceNumber)
	if !ok {
		s.counts.rxStrange++
		return r
	}
	r.latched = !known && from != s.stream.Remote
	if fresh {
		s.lostBefore += max(s.reception.lost(), 0)
		s.reception = reception{jitter: s.reception.jitter, duplicate: s.reception.duplicate}
		s.jitter.Reset()
		s.digits.reset()
	}
	s.counts.rxPackets++
	s.counts.rxOctets += uint64(len(payload))
	r.back = s.silent
	s.since, s.silent = now, false
	if s.reception.update(h.SequenceNumber) != placeNew || !s.stream.Receive {
		return r
	}
	if event || len(payload) == 0 {
		s.jitter.PushOther(h.SequenceNumber)
	}
	if len(payload) == 0 {
		return r
	}
	if event {
		r.events, r.n = s.digits.push(now, h.Timestamp, h.Marker, payload)
		return r
	}
	if l == nil {
		s.jitter.PushNoise(h.SequenceNumber, h.Timestamp, payload)
		return r
	}
	s.reception.voice(now, h.Timestamp)
	s.jitter.Decoder = l
	s.jitter.Push(now, h.SequenceNumber, h.Timestamp, payload)
	return r
}

// capture takes one period of the microphone, which it may overwrite, and returns the packet to send
// now, or nil.
func (s *session) capture(pcm []int16, mute bool) []byte {
	if mute || s.stream.LocalHold {
		clear(pcm)
	}
	send := s.stream.Send && s.destination().IsValid()
	if s.stream.EventPT == 0 {
		s.inband.replace(pcm)
	}
	packet := s.sender.add(pcm, send)
	if packet == nil {
		return nil
	}
	sealed := s.guard.seal(packet)
	if sealed == nil {
		s.counts.txErrors++
	}
	return sealed
}

// report takes one datagram from the RTCP port, and says whether it was a report of the far end.
func (s *session) report(now time.Time, datagram []byte) bool {
	datagram, v := s.guard.openReport(now, datagram)
	switch v {
	case forged:
		s.counts.rxForged++
		return false
	case replayed:
		return false
	}
	heard := s.reporter.heard
	s.reporter.take(now, datagram, s.sender.ssrc)
	return s.reporter.heard != heard
}

// stats is how it goes.
func (s *session) stats() Stats {
	st := Stats{
		Local:     netip.AddrPortFrom(s.ip, s.port).String(),
		RxPackets: s.counts.rxPackets, RxOctets: s.counts.rxOctets,
		RxRefused: s.counts.rxRefused, RxStrange: s.counts.rxStrange, TxErrors: s.counts.txErrors,
		RxForged: s.counts.rxForged,
	}
	if !s.started {
		return st
	}
	if to := s.destination(); to.IsValid() {
		st.Remote = to.String()
	}
	j := s.jitter.Stats()
	st.Codec = s.stream.Codec.Name
	if s.guard.send != nil {
		st.SRTP, st.Suite = true, s.guard.send.spec.suite
	}
	st.PtimeMS = int(s.stream.Ptime.Milliseconds())
	st.TxPackets, st.TxOctets = uint64(s.sender.packets), uint64(s.sender.octets)
	st.RxLost = uint64(s.lostBefore + max(s.reception.lost(), 0))
	st.RxLate, st.RxDuplicate = j.Late, s.reception.duplicate+j.Duplicate+s.counts.rxReplayed
	st.ConcealedMS = millis(j.Concealed)
	st.JitterMS = s.reception.jitter * 1000 / sampleRate
	st.BufferMS = millis(j.Delay)
	st.RTTMS = s.reporter.rtt
	st.FarLost, st.FarJitterMS = s.reporter.farLost, s.reporter.farJit
	gone := st.RxLost + st.RxLate
	share := float64(gone) / float64(max(st.RxPackets+gone, 1))
	st.R, st.MOSLQ = listeningQuality(st.RTTMS/2+st.BufferMS+float64(st.PtimeMS)+bufferAhead, share)
	return st
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
