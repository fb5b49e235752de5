package echo

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"
)

// TestTransform holds the transform against the definition, and there and back against what it was.
func TestTransform(t *testing.T) {
	for _, n := range []int{160, 320} {
		random := rand.New(rand.NewPCG(1, uint64(n)))
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(random.NormFloat64())
		}
		re, im := make([]float32, n/2+1), make([]float32, n/2+1)
		f := newTransform(n)
		f.forward(x, re, im)
		for k := range re {
			var want complex128
			for i, v := range x {
				want += complex(float64(v), 0) * cmplx.Rect(1, -2*math.Pi*float64(i*k)/float64(n))
			}
			if d := cmplx.Abs(want - complex(float64(re[k]), float64(im[k]))); d > 1e-4 {
				t.Errorf("length %d, bin %d is %v%+vi, want %v", n, k, re[k], im[k], want)
			}
		}
		back := make([]float32, n)
		f.inverse(re, im, back)
		for i := range x {
			if math.Abs(float64(x[i]-back[i])) > 1e-5 {
				t.Fatalf("length %d, sample %d comes back as %v, was %v", n, i, back[i], x[i])
			}
		}
	}
}

func BenchmarkTransform160(b *testing.B) { benchmarkTransform(b, 160) }
func BenchmarkTransform320(b *testing.B) { benchmarkTransform(b, 320) }

func benchmarkTransform(b *testing.B, n int) {
	f := newTransform(n)
	x, re, im := make([]float32, n), make([]float32, n/2+1), make([]float32, n/2+1)
	for i := range x {
		x[i] = float32(i % 17)
	}
	for b.Loop() {
		f.forward(x, re, im)
	}
}
