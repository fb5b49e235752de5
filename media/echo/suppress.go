package echo

import "math"

// Implementation constants of the suppressor.
const (
	// What is left of the echo is taken off so many times: often when there is nothing else, once when
	// the user talks. Which it is, is read from how much more there is than the echo expected, in octaves.
	overEcho, overNear   = 8, 1
	octavesEcho, octaves = 1, 2

	gainRise = 0.6 // of a bin, once a block; it falls at once

	noiseFall   = 0.2        // the noise of the room is the least that is heard,
	noiseRise   = 1.0015     // and rises by 0.65 dB a second
	noiseBias   = 2.2        // the least is less than the mean
	noiseMargin = 30         // where this many times the echo left is more than is heard, it does not rise
	quietAfter  = partitions // blocks after which nothing is left of what was played
)

// A suppressor lets through, for each frequency, what is likely not echo, and fills the gaps with noise
// like that of the room. It is a filter with linear phase, so it is late by half a block.
type suppressor struct {
	t        *transform
	block    int
	left     []float32 // power of the echo left
	gain     []float32
	noise    []float32 // of the room
	hRe, hIm []float32 // the filter until now
	nRe, nIm []float32 // the filter from now on
	sRe, sIm []float32
	a, b     []float32
	taper    []float32 // of the taps from the middle on
	window   []float32 // of the noise
	tail     []float32 // of the noise, for the next block
	random   uint32
	eRe, eIm []float32
}

func newSuppressor(t *transform, block int) suppressor {
	s := suppressor{t: t, block: block, random: 1, tail: make([]float32, block)}
	for _, p := range []*[]float32{&s.left, &s.gain, &s.noise, &s.hRe, &s.hIm, &s.nRe, &s.nIm, &s.sRe, &s.sIm, &s.eRe, &s.eIm} {
		*p = make([]float32, block+1)
	}
	for _, p := range []*[]float32{&s.a, &s.b, &s.window} {
		*p = make([]float32, 2*block)
	}
	for i := range s.window {
		s.window[i] = float32(math.Sin(math.Pi * (float64(i) + 0.5) / float64(2*block)))
	}
	for i := range block/2 + 1 {
		s.taper = append(s.taper, float32(0.5+0.5*math.Cos(2*math.Pi*float64(i)/float64(block+2))))
	}
	for k := range s.gain {
		s.gain[k] = 1
	}
	s.design(s.hRe, s.hIm)
	return s
}

// apply sets out to the error of the filter, half a block ago, without what is echo in it.
func (s *suppressor) apply(f *filter, r *residual, out []float32) {
	var heard, left float32
	for k, e := range r.error {
		s.left[k] = r.power(k, f.uncertain[k])
		heard += e
		left += s.left[k]
		s.learnNoise(k, e, f.heard > quietAfter)
	}
	near := float32(math.Log2(float64(heard/(left+1)) + 0.01))
	near = min(max((near-octavesEcho)/octaves, 0), 1)
	over := overEcho + (overNear-overEcho)*near
	for k, e := range r.error {
		g := max(0, 1-over*s.left[k]/(e+1e-3))
		if g > s.gain[k] {
			g = s.gain[k] + gainRise*(g-s.gain[k])
		}
		s.gain[k] = g
	}
	s.design(s.nRe, s.nIm)

	// Both filters over the last two blocks, and from one to the other within the block.
	s.t.forward(f.e, s.eRe, s.eIm)
	s.through(s.hRe, s.hIm, s.a)
	s.through(s.nRe, s.nIm, s.b)
	a, b := s.a[s.block:], s.b[s.block:]
	step := 1 / float32(s.block)
	for i := range out {
		w := (float32(i) + 0.5) * step
		out[i] = a[i] + w*(b[i]-a[i])
	}
	s.fill(out)
	s.hRe, s.hIm, s.nRe, s.nIm = s.nRe, s.nIm, s.hRe, s.hIm
}

func (s *suppressor) through(hRe, hIm, out []float32) {
	for k, re := range s.eRe {
		im := s.eIm[k]
		s.sRe[k] = re*hRe[k] - im*hIm[k]
		s.sIm[k] = re*hIm[k] + im*hRe[k]
	}
	s.t.inverse(s.sRe, s.sIm, out)
}

// design makes of the gains the spectrum of a filter of block+1 taps, the middle one block/2 late: of so
// many that a frame of two blocks holds a whole block of what comes out.
func (s *suppressor) design(re, im []float32) {
	clear(s.sIm)
	s.t.inverse(s.gain, s.sIm, s.a)
	clear(s.b)
	middle := s.block / 2
	for i, w := range s.taper {
		s.b[middle+i], s.b[middle-i] = s.a[i]*w, s.a[i]*w
	}
	s.t.forward(s.b, re, im)
}

// learnNoise follows the least that is heard in a bin. That is never less than the noise of the room, but more
// while the loudspeaker plays: until that has been quiet, nothing is known.
func (s *suppressor) learnNoise(k int, e float32, quiet bool) {
	switch {
	case s.noise[k] == 0:
		if quiet {
			s.noise[k] = e
		}
	case e < s.noise[k]:
		s.noise[k] += noiseFall * (e - s.noise[k])
	case quiet || e > noiseMargin*s.left[k]:
		s.noise[k] *= noiseRise
	}
}

// fill adds noise where the filter takes it away, with phases of four kinds, by chance.
func (s *suppressor) fill(out []float32) {
	const scale = noiseBias / windowPower
	for k, v := range s.noise {
		gap := 1 - s.nRe[k]*s.nRe[k] - s.nIm[k]*s.nIm[k]
		amplitude := float32(math.Sqrt(float64(max(0, gap) * v * scale)))
		s.random = s.random*1664525 + 1013904223
		s.sRe[k], s.sIm[k] = amplitude, amplitude
		if s.random&(1<<30) != 0 {
			s.sRe[k] = -amplitude
		}
		if s.random&(1<<31) != 0 {
			s.sIm[k] = -amplitude
		}
	}
	s.t.inverse(s.sRe, s.sIm, s.a)
	for i := range out {
		out[i] += s.tail[i] + s.a[i]*s.window[i]
		s.tail[i] = s.a[s.block+i] * s.window[s.block+i]
	}
}
