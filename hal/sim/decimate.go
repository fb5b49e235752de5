package sim

import "math"

// Implementation constants: the half-band filter in front of the decimation.
const (
	filterHalf = 47  // taps on either side of the middle one; odd, so that the outermost are not zero
	filterBeta = 8.0 // Kaiser window: about 80 dB between 4.6 kHz and the pass band below 3.4 kHz
)

// halve turns a loop of samples at 16 kHz into one at 8 kHz: a low-pass at 4 kHz, then every second
// sample. The loop is filtered as a loop, so that its seam is as smooth as it was.
func halve(in []int16) []int16 {
	n := len(in)
	out := make([]int16, n/2)
	if n < 2 {
		return out
	}
	taps := halfBand()
	for i := range out {
		sum := 0.5 * float64(in[2*i])
		for k := 1; k <= filterHalf; k += 2 { // the even taps of a half-band filter are zero
			before, after := (2*i-k)%n, (2*i+k)%n
			if before < 0 {
				before += n
			}
			sum += taps[k/2] * (float64(in[before]) + float64(in[after]))
		}
		out[i] = int16(math.Round(min(max(sum, math.MinInt16), math.MaxInt16)))
	}
	return out
}

// halfBand returns the taps 1, 3, 5... of the filter: a windowed sinc, scaled to pass a constant as
// it is.
func halfBand() []float64 {
	taps := make([]float64, filterHalf/2+1)
	sum := 0.0
	for i := range taps {
		k := float64(2*i + 1)
		x := k / (filterHalf + 1)
		taps[i] = math.Sin(math.Pi*k/2) / (math.Pi * k) * bessel0(filterBeta*math.Sqrt(1-x*x)) / bessel0(filterBeta)
		sum += 2 * taps[i]
	}
	for i := range taps {
		taps[i] *= 0.5 / sum
	}
	return taps
}

// bessel0 is the modified Bessel function of the first kind and order zero, by its series.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= (x / 2 / k) * (x / 2 / k)
		sum += term
	}
	return sum
}
