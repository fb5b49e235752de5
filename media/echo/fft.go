package echo

import "math"

// A transform is the discrete Fourier transform of real blocks of a fixed even length whose half has no
// prime factors but 2 and 5: by a complex one of half the length (Stockham's, which needs no
// reordering) and a last step that takes the even and odd samples apart. It allocates nothing.
type transform struct {
	half   int
	passes []pass
	// turn is exp(-2πik/n) of the last step.
	turnRe, turnIm []float32
	aRe, aIm       []float32
	bRe, bIm       []float32
}

// A pass combines radix sub-transforms. re and im hold the factors exp(-2πipj/n), j from 1 to radix-1,
// for each p below n/radix.
type pass struct {
	radix, n, stride int
	re, im           []float32
}

func newTransform(length int) *transform {
	h := length / 2
	t := &transform{half: h}
	for n, stride := h, 1; n > 1; {
		radix := 2
		switch {
		case n%5 == 0:
			radix = 5
		case n%4 == 0:
			radix = 4
		}
		p := pass{radix: radix, n: n, stride: stride}
		for i := range n / radix {
			for j := 1; j < radix; j++ {
				s, c := math.Sincos(-2 * math.Pi * float64(i*j) / float64(n))
				p.re, p.im = append(p.re, float32(c)), append(p.im, float32(s))
			}
		}
		t.passes = append(t.passes, p)
		n, stride = n/radix, stride*radix
	}
	for k := range h + 1 {
		s, c := math.Sincos(-2 * math.Pi * float64(k) / float64(length))
		t.turnRe, t.turnIm = append(t.turnRe, float32(c)), append(t.turnIm, float32(s))
	}
	for _, s := range []*[]float32{&t.aRe, &t.aIm, &t.bRe, &t.bIm} {
		*s = make([]float32, h)
	}
	return t
}

// forward sets re, im to the half+1 bins from nought to half the sample rate of x.
func (t *transform) forward(x, re, im []float32) {
	h := t.half
	ar, ai := t.aRe[:h], t.aIm[:h]
	x = x[:2*h]
	for i := range ar {
		ar[i], ai[i] = x[2*i], x[2*i+1]
	}
	zr, zi := t.run(t.aRe, t.aIm, t.bRe, t.bIm)
	zr, zi = zr[:h], zi[:h]
	re, im = re[:h+1], im[:h+1]
	re[0], im[0] = zr[0]+zi[0], 0
	re[h], im[h] = zr[0]-zi[0], 0
	for k := 1; k < h; k++ {
		c, s := t.turnRe[k], t.turnIm[k]
		evenRe, evenIm := zr[k]+zr[h-k], zi[k]-zi[h-k]
		oddRe, oddIm := zi[k]+zi[h-k], zr[h-k]-zr[k]
		re[k] = 0.5 * (evenRe + c*oddRe - s*oddIm)
		im[k] = 0.5 * (evenIm + c*oddIm + s*oddRe)
	}
}

// inverse sets x to the real block whose bins are re, im. What is imaginary in the first and the last
// bin is ignored.
func (t *transform) inverse(re, im, x []float32) {
	h := t.half
	re, im = re[:h+1], im[:h+1]
	// The complex transform runs backwards when real and imaginary parts change places.
	ar, ai := t.aRe[:h], t.aIm[:h]
	ai[0], ar[0] = 0.5*(re[0]+re[h]), 0.5*(re[0]-re[h])
	for k := 1; k < h; k++ {
		c, s := t.turnRe[k], -t.turnIm[k]
		evenRe, evenIm := re[k]+re[h-k], im[k]-im[h-k]
		dRe, dIm := re[k]-re[h-k], im[k]+im[h-k]
		oddRe, oddIm := c*dRe-s*dIm, c*dIm+s*dRe
		ai[k], ar[k] = 0.5*(evenRe-oddIm), 0.5*(evenIm+oddRe)
	}
	zi, zr := t.run(t.aRe, t.aIm, t.bRe, t.bIm)
	scale := 1 / float32(h)
	x, zr, zi = x[:2*h], zr[:h], zi[:h]
	for i := range zr {
		x[2*i], x[2*i+1] = zr[i]*scale, zi[i]*scale
	}
}

// run transforms the complex block xr, xi by way of yr, yi and returns the two slices that hold the result.
func (t *transform) run(xr, xi, yr, yi []float32) (re, im []float32) {
	for i := range t.passes {
		p := &t.passes[i]
		switch p.radix {
		case 2:
			p.two(xr, xi, yr, yi)
		case 4:
			p.four(xr, xi, yr, yi)
		case 5:
			p.five(xr, xi, yr, yi)
		}
		xr, xi, yr, yi = yr, yi, xr, xi
	}
	return xr, xi
}

func (p *pass) two(xr, xi, yr, yi []float32) {
	s, m := p.stride, p.n/2
	for i := range m {
		c1, s1 := p.re[i], p.im[i]
		x0r, x0i := xr[s*i:][:s], xi[s*i:][:s]
		x1r, x1i := xr[s*(i+m):][:s], xi[s*(i+m):][:s]
		y0r, y0i := yr[s*2*i:][:s], yi[s*2*i:][:s]
		y1r, y1i := yr[s*(2*i+1):][:s], yi[s*(2*i+1):][:s]
		for q := range x0r {
			dr, di := x0r[q]-x1r[q], x0i[q]-x1i[q]
			y0r[q], y0i[q] = x0r[q]+x1r[q], x0i[q]+x1i[q]
			y1r[q], y1i[q] = dr*c1-di*s1, dr*s1+di*c1
		}
	}
}

func (p *pass) four(xr, xi, yr, yi []float32) {
	s, m := p.stride, p.n/4
	for i := range m {
		re, im := p.re[3*i:][:3], p.im[3*i:][:3]
		c1, s1, c2, s2, c3, s3 := re[0], im[0], re[1], im[1], re[2], im[2]
		x0r, x0i := xr[s*i:][:s], xi[s*i:][:s]
		x1r, x1i := xr[s*(i+m):][:s], xi[s*(i+m):][:s]
		x2r, x2i := xr[s*(i+2*m):][:s], xi[s*(i+2*m):][:s]
		x3r, x3i := xr[s*(i+3*m):][:s], xi[s*(i+3*m):][:s]
		y0r, y0i := yr[s*4*i:][:s], yi[s*4*i:][:s]
		y1r, y1i := yr[s*(4*i+1):][:s], yi[s*(4*i+1):][:s]
		y2r, y2i := yr[s*(4*i+2):][:s], yi[s*(4*i+2):][:s]
		y3r, y3i := yr[s*(4*i+3):][:s], yi[s*(4*i+3):][:s]
		for q := range x0r {
			ar, ai := x0r[q]+x2r[q], x0i[q]+x2i[q]
			br, bi := x0r[q]-x2r[q], x0i[q]-x2i[q]
			cr, ci := x1r[q]+x3r[q], x1i[q]+x3i[q]
			dr, di := x1i[q]-x3i[q], x3r[q]-x1r[q] // -i times the difference
			y0r[q], y0i[q] = ar+cr, ai+ci
			er, ei := br+dr, bi+di
			y1r[q], y1i[q] = er*c1-ei*s1, er*s1+ei*c1
			er, ei = ar-cr, ai-ci
			y2r[q], y2i[q] = er*c2-ei*s2, er*s2+ei*c2
			er, ei = br-dr, bi-di
			y3r[q], y3i[q] = er*c3-ei*s3, er*s3+ei*c3
		}
	}
}

func (p *pass) five(xr, xi, yr, yi []float32) {
	const (
		c72, s72   = 0.30901699437494742410, 0.95105651629515357212
		c144, s144 = -0.80901699437494742410, 0.58778525229247312917
	)
	s, m := p.stride, p.n/5
	for i := range m {
		re, im := p.re[4*i:][:4], p.im[4*i:][:4]
		for q := s * i; q < s*(i+1); q++ {
			x0r, x0i := xr[q], xi[q]
			ar, ai := xr[q+s*m]+xr[q+4*s*m], xi[q+s*m]+xi[q+4*s*m]
			br, bi := xr[q+s*m]-xr[q+4*s*m], xi[q+s*m]-xi[q+4*s*m]
			cr, ci := xr[q+2*s*m]+xr[q+3*s*m], xi[q+2*s*m]+xi[q+3*s*m]
			dr, di := xr[q+2*s*m]-xr[q+3*s*m], xi[q+2*s*m]-xi[q+3*s*m]
			y := q + 4*s*i
			yr[y], yi[y] = x0r+ar+cr, x0i+ai+ci
			er, ei := x0r+c72*ar+c144*cr, x0i+c72*ai+c144*ci
			fr, fi := s72*bi+s144*di, -s72*br-s144*dr
			gr, gi := x0r+c144*ar+c72*cr, x0i+c144*ai+c72*ci
			hr, hi := s144*bi-s72*di, -s144*br+s72*dr
			ur, ui := er+fr, ei+fi
			yr[y+s], yi[y+s] = ur*re[0]-ui*im[0], ur*im[0]+ui*re[0]
			ur, ui = gr+hr, gi+hi
			yr[y+2*s], yi[y+2*s] = ur*re[1]-ui*im[1], ur*im[1]+ui*re[1]
			ur, ui = gr-hr, gi-hi
			yr[y+3*s], yi[y+3*s] = ur*re[2]-ui*im[2], ur*im[2]+ui*re[2]
			ur, ui = er-fr, ei-fi
			yr[y+4*s], yi[y+4*s] = ur*re[3]-ui*im[3], ur*im[3]+ui*re[3]
		}
	}
}
