package main

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/rtp"
	"github.com/zaf/g711"

	"dialtone/media"
)

// Implementation constants.
const (
	sampleRate  = 8000
	blockMS     = 5
	blockSize   = 40
	runOutMS    = 1500 // played on after the last packet was sent
	firstSeq    = 65_000
	firstStamp  = uint32(4_294_900_000) // both wrap early
	headerBytes = 12
)

// mulaw is the PCMU code of v by its magnitude, so that -v is coded as v is. (ITU-T G.191 complements
// negative samples instead: the two differ for negative samples that are exactly a decision value. Only
// the far end is played here; the receive path just decodes.)
func mulaw(v int16) byte {
	if v < 0 {
		return g711.EncodeUlawFrame(int16(min(-int(v), math.MaxInt16))) & 0x7f
	}
	return g711.EncodeUlawFrame(v)
}

// companded is what pcm sounds like after PCMU.
func companded(pcm []int16) []int16 {
	out := make([]int16, len(pcm))
	for i, v := range pcm {
		out[i] = g711.DecodeUlawFrame(mulaw(v))
	}
	return out
}

// play sends ref through the trace's network into the product's receive path, and returns what comes out,
// the first sample of it pulled at local time phase (ms).
func play(t *trace, ref []int16, phase float64) ([]int16, error) {
	from := netip.MustParseAddrPort("192.0.2.1:4000")
	epoch := time.Unix(1_000_000, 0)
	when := func(ms float64) time.Time { return epoch.Add(time.Duration(ms * float64(time.Millisecond))) }
	r, err := media.NewReceiver(epoch, media.Stream{Remote: from, Codec: media.PCMU, Ptime: packetMS * time.Millisecond, Receive: true})
	if err != nil {
		return nil, err
	}
	var arrivals []packet
	for _, p := range t.packets {
		if p.arrive >= 0 && (p.seq+1)*packetSamples <= len(ref) {
			arrivals = append(arrivals, p)
		}
	}
	slices.SortStableFunc(arrivals, func(a, b packet) int { return cmp.Compare(a.arrive, b.arrive) })
	slow := 1 + t.skewPPM*1e-6 // ms of the sender's clock in a local one
	blocks := int((float64(len(t.packets))*packetMS + runOutMS) / blockMS)
	out := make([]int16, blocks*blockSize)
	var datagram [headerBytes + packetSamples]byte
	for k := range blocks {
		now := phase + float64(k)*blockMS
		for len(arrivals) > 0 && arrivals[0].arrive <= now*slow {
			p := arrivals[0]
			arrivals = arrivals[1:]
			h := rtp.Header{Version: 2, SSRC: 1, SequenceNumber: uint16(firstSeq + p.seq), Timestamp: firstStamp + uint32(p.seq*packetSamples)}
			if _, err := h.MarshalTo(datagram[:]); err != nil {
				return nil, err
			}
			for i, v := range ref[p.seq*packetSamples:][:packetSamples] {
				datagram[headerBytes+i] = mulaw(v)
			}
			r.Push(when(p.arrive/slow), from, datagram[:])
		}
		r.Pull(when(now), out[k*blockSize:][:blockSize])
	}
	return out, nil
}
