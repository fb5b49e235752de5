package echo

import "math"

// Implementation constants of the residual echo.
const (
	quick = 0.4  // of spectra, once a block
	slow  = 0.06 // of spectra whose coherence is looked at

	leakBegin = 0.1   // of the power of the echo, taken for what is left before it has been measured
	leakFall  = 0.1   // it falls fast where less is left,
	leakRise  = 0.001 // and rises slowly, since more may also be the user
	leakMost  = 4
	leastEcho = 100 // power of a bin of the echo that can be measured

	byChance  = 0.1  // coherence of things that have nothing to do with each other, over so short a time
	changed   = 0.06 // squared correlation above which the room has changed
	realigned = 100  // how far the variances are raised by what it is above that
)

// A residual knows what is left of the echo: from spectra of the last two blocks of the error of the filter
// and of its estimate of the echo.
type residual struct {
	t              *transform
	window         []float32
	tmp            []float32
	eRe, eIm       []float32 // of the error
	yRe, yIm       []float32 // of the estimate
	error, echo    []float32 // their smoothed squares
	errors, echoes []float32 // the same, smoothed slowly
	cRe, cIm       []float32 // and the product of both
	leak           []float32
}

func newResidual(t *transform, block int) residual {
	r := residual{t: t, window: make([]float32, 2*block), tmp: make([]float32, 2*block)}
	for i := range r.window {
		r.window[i] = float32(0.5 - 0.5*math.Cos(math.Pi*(float64(i)+0.5)/float64(block)))
	}
	for _, s := range []*[]float32{&r.eRe, &r.eIm, &r.yRe, &r.yIm, &r.error, &r.echo, &r.errors, &r.echoes, &r.cRe, &r.cIm, &r.leak} {
		*s = make([]float32, block+1)
	}
	for k := range r.leak {
		r.leak[k] = leakBegin
	}
	return r
}

// windowPower is that of the window against that of half a frame, which is what the filter's spectra are of.
const windowPower = 0.75

// analyse takes the last two blocks of the error and of the estimate.
func (r *residual) analyse(e, y []float32) {
	r.spectrum(e, r.eRe, r.eIm)
	r.spectrum(y, r.yRe, r.yIm)
	for k, eRe := range r.eRe {
		eIm, yRe, yIm := r.eIm[k], r.yRe[k], r.yIm[k]
		e2, y2 := eRe*eRe+eIm*eIm, yRe*yRe+yIm*yIm
		r.error[k] += quick * (e2 - r.error[k])
		r.echo[k] += quick * (y2 - r.echo[k])
		r.errors[k] += slow * (e2 - r.errors[k])
		r.echoes[k] += slow * (y2 - r.echoes[k])
		r.cRe[k] += slow * (eRe*yRe + eIm*yIm - r.cRe[k])
		r.cIm[k] += slow * (eRe*yIm - eIm*yRe - r.cIm[k])
		ratio := r.error[k] / (r.echo[k] + 1)
		switch {
		case r.echo[k] < leastEcho || ratio > leakMost:
		case ratio < r.leak[k]:
			r.leak[k] += leakFall * (ratio - r.leak[k])
		default:
			r.leak[k] += leakRise * (ratio - r.leak[k])
		}
	}
}

func (r *residual) spectrum(x, re, im []float32) {
	for i, w := range r.window {
		r.tmp[i] = x[i] * w
	}
	r.t.forward(r.tmp, re, im)
}

// misalignment is how much of the power of the room the filter is wrong by, 0 when that cannot be told
// from a user who talks. What is left of the echo of a room that changed hangs together with the estimate, since
// the estimate is still in it, negative. What a user says does not.
func (r *residual) misalignment() float32 {
	var together, whole, errors, echoes float32
	for k, c := range r.cRe {
		e, y := r.errors[k], r.echoes[k]
		together += c
		whole += float32(math.Sqrt(float64(e * y)))
		errors += e
		echoes += y
	}
	c := together / (whole + 1)
	return min(1, realigned*max(0, c*c-changed)*min(errors/(echoes+1), 1))
}

// power is that of the echo left in a bin: as the filter's uncertainty has it, or the least that was
// found lately, or what hangs together with the estimate, whichever is most.
func (r *residual) power(k int, uncertain float32) float32 {
	together := (r.cRe[k]*r.cRe[k] + r.cIm[k]*r.cIm[k]) / (r.echoes[k] + 1)
	together = max(0, together-byChance*r.errors[k]) / (r.echoes[k] + 1)
	return max(windowPower*uncertain, max(r.leak[k], together)*r.echo[k])
}
