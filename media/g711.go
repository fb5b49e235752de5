package media

import "github.com/zaf/g711"

// Companding of ITU-T G.711 by table: one load a sample, no branch, nothing allocated.

// A law is one of the two companding laws.
type law struct {
	encode  [65536]byte // by the sample as uint16
	decode  [256]int16
	silence byte // code of the smallest positive sample
}

var (
	muLaw = newLaw(g711.EncodeUlawFrame, g711.DecodeUlawFrame)
	aLaw  = newLaw(g711.EncodeAlawFrame, g711.DecodeAlawFrame)
)

func newLaw(encode func(int16) uint8, decode func(uint8) int16) *law {
	l := new(law)
	for i := range l.encode {
		l.encode[i] = encode(int16(uint16(i)))
	}
	for i := range l.decode {
		l.decode[i] = decode(uint8(i))
	}
	l.silence = l.encode[0]
	return l
}

// lawOf returns the law a codec is written in; nil for a codec we do not have.
func lawOf(c Codec) *law {
	switch {
	case c.Name == PCMU.Name && c.Rate == sampleRate:
		return muLaw
	case c.Name == PCMA.Name && c.Rate == sampleRate:
		return aLaw
	}
	return nil
}

// encodeTo writes pcm as codes; dst is at least as long.
func (l *law) encodeTo(dst []byte, pcm []int16) {
	dst = dst[:len(pcm)]
	for i, v := range pcm {
		dst[i] = l.encode[uint16(v)]
	}
}

// decodeTo writes codes as linear samples; dst is at least as long.
func (l *law) decodeTo(dst []int16, codes []byte) {
	dst = dst[:len(codes)]
	for i, c := range codes {
		dst[i] = l.decode[c]
	}
}

// Decode implements Decoder.
func (l *law) Decode(dst []int16, payload []byte) int {
	l.decodeTo(dst, payload)
	return len(payload)
}
