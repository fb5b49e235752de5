package echo

import (
	"math"
	"slices"
)

// Implementation constants of the filter.
const (
	// Before anything is heard a room is thought to return a fifth of what is played (-7 dB) at its
	// first partition, and to decay by 60 dB in 450 ms.
	priorPower  = 0.2
	priorT60    = 0.45
	priorBefore = 0.01 // of it, before the echo begins

	forget   = 0.9996 // of the covariance, once a block: rooms change
	trust    = 0.25   // of a block, see learn
	nearRise = 0.2    // of the smoothed spectrum of the error
	nearFall = 0.1
	rounds   = 5 // of conjugate gradients
	turns    = 3 // blocks until each partition has been constrained

	farMove = 8 // blocks

	louderRate = 0.3 // of the powers that tell whether the filter does harm
	louder     = 1.2 // the error against the microphone: the microphone is used as it is
	farLouder  = 2   // and the filter is wrong, it shrinks
	shrink     = 0.7
	absurd     = 1e25 // no power of a block can be as large
)

// A filter is the Kalman filter: partitions of the room's response in the frequency domain, each bin
// with its variance.
type filter struct {
	t         *transform
	block     int
	head      int // of the rings xRe, xIm, x2: the newest block
	bulk      int // blocks by which the first partition is late
	first     int // the partition in which the echo begins
	heard     int // blocks since the far end was last heard, up to len(xRe)
	turn      int
	strongest int  // the partition that answers loudest
	fit       bool // the block of the microphone is one to learn from

	xRe, xIm, x2 [][]float32 // spectra of what was played, two blocks each, and their squares
	wRe, wIm, p  [][]float32 // the room as it is known, and the variance of what is not known of it

	frame          []float32 // the last two blocks played
	y, e           []float32 // the last two blocks of the echo as estimated, and of what is left without it
	tmp            []float32
	eRe, eIm       []float32 // spectrum of nought and the last block of e
	yRe, yIm       []float32 // of y; later of what is added to a partition
	uncertain      []float32 // spectrum of what of e is echo, as far as the variances tell
	near           []float32 // smoothed spectrum of e, taken for what the user and the room say
	all, inverse   []float32 // both together, and one over it
	gRe, gIm       []float32 // what solve returns
	x, r, d, ad, z []float32 // of solve

	nearPower, errorPower float32
	mix                   float32 // how much of the estimate is taken off, 0 or 1
}

func newFilter(t *transform, block int) filter {
	f := filter{t: t, block: block, mix: 1}
	rows := func(n int) [][]float32 {
		s := make([][]float32, n)
		for i := range s {
			s[i] = make([]float32, block+1)
		}
		return s
	}
	f.xRe, f.xIm, f.x2 = rows(partitions+maxBulk), rows(partitions+maxBulk), rows(partitions+maxBulk)
	f.wRe, f.wIm, f.p = rows(partitions), rows(partitions), rows(partitions)
	f.heard = len(f.xRe)
	for _, s := range []*[]float32{&f.frame, &f.y, &f.e, &f.tmp, &f.x, &f.r, &f.d, &f.ad, &f.z} {
		*s = make([]float32, 2*block)
	}
	for _, s := range []*[]float32{&f.eRe, &f.eIm, &f.yRe, &f.yIm, &f.uncertain, &f.near, &f.all, &f.inverse, &f.gRe, &f.gIm} {
		*s = make([]float32, block+1)
	}
	f.forgetRoom()
	return f
}

// forgetRoom makes the filter know nothing.
func (f *filter) forgetRoom() {
	for i, p := range f.p {
		clear(f.wRe[i])
		clear(f.wIm[i])
		clear(p)
	}
	f.doubt()
}

// doubt makes the filter no surer than at the beginning. Before the echo comes there is hardly a room: a
// voice is so regular that it could as well be an echo of what was said a little later.
func (f *filter) doubt() {
	for i, p := range f.p {
		prior := float32(priorPower)
		switch {
		case i > f.first:
			prior *= float32(math.Pow(10, -6*float64(i-f.first)/(priorT60*blocksPerSecond)))
		case i < f.first-1:
			prior *= priorBefore
		}
		for k, v := range p {
			p[k] = max(v, prior)
		}
	}
}

// slot is where in the rings the block is that was played n blocks ago.
func (f *filter) slot(n int) int {
	n += f.head
	if n >= len(f.xRe) {
		n -= len(f.xRe)
	}
	return n
}

// estimate takes a block played and one from the microphone, and sets y, e and their spectra.
func (f *filter) estimate(far, near []float32) {
	b := f.block
	copy(f.frame, f.frame[b:])
	copy(f.frame[b:], far)
	f.heard = min(f.heard+1, len(f.xRe))
	if square(far) > activePower {
		f.heard = 0
	}
	f.head--
	if f.head < 0 {
		f.head = len(f.xRe) - 1
	}
	xRe, xIm, x2 := f.xRe[f.head], f.xIm[f.head], f.x2[f.head]
	f.t.forward(f.frame, xRe, xIm)
	for k, v := range xRe {
		x2[k] = v*v + xIm[k]*xIm[k]
	}

	n := b + 1
	yRe, yIm, uncertain := f.yRe[:n], f.yIm[:n], f.uncertain[:n]
	clear(yRe)
	clear(yIm)
	clear(uncertain)
	for p := range f.wRe {
		s := f.slot(f.bulk + p)
		xRe, xIm, x2 := f.xRe[s][:n], f.xIm[s][:n], f.x2[s][:n]
		wRe, wIm, v := f.wRe[p][:n], f.wIm[p][:n], f.p[p][:n]
		for k, x := range xRe {
			yRe[k] += x*wRe[k] - xIm[k]*wIm[k]
			yIm[k] += x*wIm[k] + xIm[k]*wRe[k]
			uncertain[k] += x2[k] * v[k]
		}
	}
	var unsure float32
	for k := range uncertain {
		uncertain[k] *= 0.5 // only half of a frame is the block
		unsure += uncertain[k]
	}
	f.t.inverse(yRe, yIm, f.tmp)

	copy(f.y, f.y[b:])
	copy(f.e, f.e[b:])
	y, e := f.y[b:], f.e[b:]
	copy(y, f.tmp[b:])
	var nearPower, errorPower, most float32
	for i, v := range near {
		e[i] = v - y[i]
		nearPower += v * v
		errorPower += e[i] * e[i]
		most = max(most, v, -v)
	}
	// Clipped samples are not what the room makes of the loudspeaker, nor are the noughts of a
	// microphone that is switched off.
	f.fit = most < rail && most > 0
	if !(errorPower+unsure < absurd) { // infinite, or no number: cannot be, and must not last
		f.forgetRoom()
		clear(uncertain)
		clear(f.near)
		clear(y)
		copy(e, near)
		errorPower, f.errorPower, f.nearPower = nearPower, nearPower, nearPower
	}
	clear(f.tmp[:b])
	copy(f.tmp[b:], e)
	f.t.forward(f.tmp, f.eRe, f.eIm)
	f.bypass(near, nearPower, errorPower)
}

// bypass uses the microphone as it is while the filter makes it louder.
func (f *filter) bypass(near []float32, nearPower, errorPower float32) {
	if !f.fit {
		return
	}
	f.nearPower += louderRate * (nearPower - f.nearPower)
	f.errorPower += louderRate * (errorPower - f.errorPower)
	if f.errorPower > farLouder*f.nearPower {
		for p := range f.wRe {
			for k := range f.wRe[p] {
				f.wRe[p][k] *= shrink
				f.wIm[p][k] *= shrink
			}
		}
	}
	to := float32(1)
	if f.errorPower > louder*f.nearPower {
		to = 0
	}
	if f.mix == 1 && to == 1 {
		return
	}
	y, e := f.y[f.block:], f.e[f.block:]
	for i, v := range near {
		y[i] *= f.mix + (to-f.mix)*float32(i+1)/float32(f.block)
		e[i] = v - y[i]
	}
	f.mix = to
}

// learn corrects the room by the error of the block. misalignment is what of the room's power is known
// to be wrong by other means, 0 to 1: so the variances rise again when the room has changed.
//
// The textbook's variance falls as if each block told of another direction in the space of partitions.
// A voice says the same for many blocks, so the fall is only a part of it (trust). And the textbook's
// weight of the error, one over its expected power bin by bin, holds for long blocks; here the power of
// a loud harmonic leaks into its neighbours. So the error is weighted by the inverse of its covariance
// within the block, in the domain of time (solve).
func (f *filter) learn(misalignment float32) {
	for k, v := range f.eRe {
		e2 := v*v + f.eIm[k]*f.eIm[k]
		if f.near[k] == 0 {
			f.near[k] = e2
		} else if e2 > f.near[k] {
			f.near[k] += nearRise * (e2 - f.near[k])
		} else {
			f.near[k] += nearFall * (e2 - f.near[k])
		}
		f.all[k] = f.uncertain[k] + f.near[k] + float32(f.block)
		f.inverse[k] = 1 / f.all[k]
	}
	if !f.fit || f.heard >= f.bulk+partitions {
		return
	}
	f.solve()
	n := f.block + 1
	gRe, gIm, inverse := f.gRe[:n], f.gIm[:n], f.inverse[:n]
	strongest, most := 0, float32(0)
	for p := range f.wRe {
		s := f.slot(f.bulk + p)
		xRe, xIm, x2 := f.xRe[s][:n], f.xIm[s][:n], f.x2[s][:n]
		wRe, wIm, variance := f.wRe[p][:n], f.wIm[p][:n], f.p[p][:n]
		var power float32
		for k, v := range variance {
			re, im := wRe[k], wIm[k]
			w2 := re*re + im*im
			power += w2
			variance[k] = forget*(1-trust*v*inverse[k]*x2[k])*v + (1-forget)*w2
			wRe[k] = re + v*(xRe[k]*gRe[k]+xIm[k]*gIm[k])
			wIm[k] = im + v*(xRe[k]*gIm[k]-xIm[k]*gRe[k])
		}
		if misalignment > 0 {
			least := misalignment * power / float32(n)
			for k, v := range variance {
				variance[k] = max(v, least)
			}
		}
		if power > most {
			most, strongest = power, p
		}
		if p >= f.strongest-1 && p <= f.strongest+1 || p%turns == f.turn {
			// A partition answers within a block; the rest of its frame is the convolution's wrapping around.
			f.t.inverse(wRe, wIm, f.tmp)
			clear(f.tmp[f.block:])
			f.t.forward(f.tmp, wRe, wIm)
		}
	}
	f.turn = (f.turn + 1) % turns
	f.strongest = strongest
}

// solve sets g to the spectrum of C⁻¹e, where e is the error of the block and C = WF⁻¹ diag(all) FWᵀ its
// covariance but for a factor, W taking the second half of a frame: by conjugate gradients, for which the
// spectrum of one over all is a good start.
func (f *filter) solve() {
	b := f.block
	x, r, d, ad, z := f.x[b:], f.r[b:], f.d[b:], f.ad[b:], f.z[b:]
	clear(x)
	copy(r, f.tmp[b:]) // where estimate left e
	f.weigh(f.inverse, f.r, f.z)
	copy(d, z)
	rz := dot(r, z)
	for range rounds {
		f.weigh(f.all, f.d, f.ad)
		curve := dot(d, ad)
		if !(curve > 0) {
			break
		}
		a := rz / curve
		for i, v := range d {
			x[i] += a * v
			r[i] -= a * ad[i]
		}
		f.weigh(f.inverse, f.r, f.z)
		next := dot(r, z)
		if !(next > 1e-6*rz) {
			break
		}
		a, rz = next/rz, next
		for i, v := range z {
			d[i] = v + a*d[i]
		}
	}
	f.t.forward(f.x, f.gRe, f.gIm)
}

// weigh filters the frame in, whose first half is nought, by a spectrum.
func (f *filter) weigh(spectrum, in, out []float32) {
	f.t.forward(in, f.yRe, f.yIm)
	for k, v := range spectrum {
		f.yRe[k] *= v
		f.yIm[k] *= v
	}
	f.t.inverse(f.yRe, f.yIm, out)
	clear(f.r[:f.block])
	clear(f.d[:f.block])
}

func dot(a, b []float32) float32 {
	var sum float32
	b = b[:len(a)]
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

// move lets the first partition be late by another number of blocks, for an echo that is late by so many. What is
// known of the room stays, but for a far move.
func (f *filter) move(bulk, late int) {
	by := bulk - f.bulk
	f.bulk, f.first = bulk, late-bulk
	if by == 0 {
		return
	}
	if max(by, -by) > farMove {
		f.forgetRoom()
		return
	}
	for _, rows := range [][][]float32{f.wRe, f.wIm, f.p} {
		left := by % partitions
		if left < 0 {
			left += partitions
		}
		slices.Reverse(rows[:left])
		slices.Reverse(rows[left:])
		slices.Reverse(rows)
	}
	for i := range f.wRe {
		if old := i + by; old < 0 || old >= partitions {
			clear(f.wRe[i])
			clear(f.wIm[i])
		}
	}
	f.doubt()
}
