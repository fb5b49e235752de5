package echo

import (
	"math"
	"math/rand/v2"
)

// speechLike makes n samples that behave like a voice: syllables of harmonics of a gliding pitch under moving
// formants, hisses, short closures, and pauses. The mean is 26 dB below full scale.
func speechLike(rate int, seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, 0x737065656368))
	between := func(a, b float64) float64 { return a + (b-a)*r.Float64() }
	x := make([]float32, 0, n+rate)
	var phase, last float64
	fr := float64(rate)
	for len(x) < n {
		pitch := between(95, 210)
		for range 3 + r.IntN(9) {
			if r.IntN(3) > 0 { // hiss
				m, loud := int(between(0.04, 0.11)*fr), between(300, 1200)
				for i := range m {
					v := r.NormFloat64()
					x = append(x, float32(loud*math.Sin(math.Pi*float64(i)/float64(m))*(v-last)*0.7))
					last = v * 0.5
				}
			} else {
				for range int(between(0.02, 0.06) * fr) {
					last += 0.4 * (r.NormFloat64() - last)
					x = append(x, float32(last*5))
				}
			}
			m, p, glide := int(between(0.09, 0.28)*fr), pitch*between(0.9, 1.15), between(0.85, 1.1)
			f1, f1b, f2, f2b := between(300, 800), between(300, 800), between(900, 2300), between(900, 2300)
			f3, loud := between(2400, 3400), between(3000, 9000)
			var g [80]float64
			for i := range m {
				at := float64(i) / float64(m)
				f := p * (1 + (glide-1)*at) * (1 + 0.0008*r.NormFloat64())
				phase += f / fr
				if i%(rate/200) == 0 {
					a, b := f1+(f1b-f1)*at, f2+(f2b-f2)*at
					for h := range g {
						hz := f * float64(h+1)
						g[h] = 0
						if hz < 0.45*fr {
							g[h] = resonance(hz, a, 90) + 0.6*resonance(hz, b, 130) + 0.3*resonance(hz, f3, 200) + 0.005
						}
					}
				}
				var v float64
				sin1, cos1 := math.Sincos(2 * math.Pi * phase)
				sr, cr := sin1, cos1
				for _, gain := range g {
					if gain == 0 {
						break
					}
					v += gain * sr
					sr, cr = sr*cos1+cr*sin1, cr*cos1-sr*sin1
				}
				env := min(1, 12*at, 8*(1-at))
				x = append(x, float32(loud*env*(v+0.02*r.NormFloat64())*0.5))
			}
		}
		for range int(between(0.25, 1.1) * fr) {
			last += 0.4 * (r.NormFloat64() - last)
			x = append(x, float32(last*5))
		}
	}
	return level(x[:n], -26)
}

func resonance(hz, centre, width float64) float64 {
	d := (hz - centre) / width
	return 1 / math.Sqrt(1+d*d)
}

// level scales x to that many dB below the largest int16 (RMS), and clips.
func level(x []float32, db float64) []float32 {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	g := float32(32768 * math.Pow(10, db/20) / math.Sqrt(sum/float64(len(x))+1e-9))
	for i := range x {
		x[i] = max(-32767, min(32767, x[i]*g))
	}
	return x
}

// coloured is noise through one pole, at the level of speechLike.
func coloured(rate int, seed uint64, n int, pole float64) []float32 {
	r := rand.New(rand.NewPCG(seed, 77))
	x := make([]float32, n)
	var last float64
	for i := range x {
		last = pole*last + r.NormFloat64()
		x[i] = float32(last)
	}
	return level(x, -26)
}

// room is an impulse response: direct sound after some ms, then noise that decays by 60 dB in t60;
// direct dB louder than the reverberation, in all of gain dB.
func room(rate int, seed uint64, t60, delay, direct, gain float64) []float32 {
	r := rand.New(rand.NewPCG(seed, 0x726f6f6d))
	n := int((t60*1.1 + delay) * float64(rate))
	h := make([]float32, n)
	d := int(delay * float64(rate))
	var sum, last float64
	for i := d + 1; i < n; i++ {
		last = 0.3*last + r.NormFloat64()
		v := last * math.Exp(-6.9*float64(i-d)/(t60*float64(rate)))
		h[i] = float32(v)
		sum += v * v
	}
	// The direct sound, as a small loudspeaker makes it.
	amp := math.Sqrt(sum * math.Pow(10, direct/10) / 1.5)
	for i, g := range []float64{1, -0.6, 0.35, -0.1} {
		if d+i < n {
			h[d+i] += float32(g * amp)
		}
	}
	var all float64
	for _, v := range h {
		all += float64(v) * float64(v)
	}
	scale := float32(math.Pow(10, gain/20) / math.Sqrt(all))
	for i := range h {
		h[i] *= scale
	}
	return h
}

// convolve returns what x sounds like through h.
func convolve(x, h []float32) []float32 {
	const b = 160
	t := newTransform(2 * b)
	var hr, hi, xr, xi [][]float32
	frame := make([]float32, 2*b)
	for at := 0; at < len(h); at += b {
		clear(frame)
		copy(frame[:b], h[at:])
		r, i := make([]float32, b+1), make([]float32, b+1)
		t.forward(frame, r, i)
		hr, hi = append(hr, r), append(hi, i)
		xr, xi = append(xr, make([]float32, b+1)), append(xi, make([]float32, b+1))
	}
	y := make([]float32, len(x))
	clear(frame)
	yr, yi, o := make([]float32, b+1), make([]float32, b+1), make([]float32, 2*b)
	for at, n := 0, 0; at < len(x); at, n = at+b, n+1 {
		copy(frame, frame[b:])
		clear(frame[b:])
		copy(frame[b:], x[at:])
		slot := n % len(xr)
		t.forward(frame, xr[slot], xi[slot])
		clear(yr)
		clear(yi)
		for p := range hr {
			q := (n - p%len(xr) + 2*len(xr)) % len(xr)
			if p > n {
				break
			}
			ar, ai, br, bi := xr[q], xi[q], hr[p], hi[p]
			for k := range yr {
				yr[k] += ar[k]*br[k] - ai[k]*bi[k]
				yi[k] += ar[k]*bi[k] + ai[k]*br[k]
			}
		}
		t.inverse(yr, yi, o)
		copy(y[at:], o[b:])
	}
	return y
}

// pcm is the sum of its arguments as a device would give it.
func pcm(x ...[]float32) []int16 {
	out := make([]int16, len(x[0]))
	for i := range out {
		var v float32
		for _, s := range x {
			if i < len(s) {
				v += s[i]
			}
		}
		out[i] = int16(max(-32768, min(32767, math.Round(float64(v)))))
	}
	return out
}

// power is the mean square.
func power(x []float32) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum / float64(max(len(x), 1))
}

func floats(x []int16) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

// db is a against b.
func db(a, b float64) float64 { return 10 * math.Log10((a+1e-9)/(b+1e-9)) }

// minus is a without b.
func minus(a, b []float32) []float32 {
	out := make([]float32, min(len(a), len(b)))
	for i := range out {
		out[i] = a[i] - b[i]
	}
	return out
}

// directDelay is that of someRoom in ms.
func directDelay(seed uint64) int { return 3 * int(1+seed%4) }

// someRoom is a room with the phone in it: 3 to 12 ms from the loudspeaker to the microphone by way of the sound
// card, the direct sound 0 to 8 dB above the reverberation, all of it 4 to 12 dB less than what is played.
func someRoom(rate int, seed uint64, t60 float64) []float32 {
	return room(rate, seed, t60, float64(directDelay(seed))/1000, 4*float64(seed%3), -4-2*float64(seed%5))
}

// resample plays x faster by ppm.
func resample(x []float32, ppm float64) []float32 {
	const reach = 16
	out := make([]float32, len(x))
	for i := range out {
		at := float64(i) * (1 + ppm*1e-6)
		n := int(at)
		// The sines of whole steps differ in sign only.
		sine := math.Sin(math.Pi*(at-float64(n))) / math.Pi
		var v float64
		for k := max(0, n-reach+1); k <= min(len(x)-1, n+reach); k++ {
			d := at - float64(k)
			w := 1.0
			if d != 0 {
				w = sine / d
				if (n-k)&1 != 0 {
					w = -w
				}
			}
			v += float64(x[k]) * w * (1 - d*d/((reach+1)*(reach+1)))
		}
		out[i] = float32(v)
	}
	return out
}
