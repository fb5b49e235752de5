package echo

import "testing"

func BenchmarkProcess8k(b *testing.B)  { benchmarkProcess(b, 8000) }
func BenchmarkProcess16k(b *testing.B) { benchmarkProcess(b, 16000) }

// benchmarkProcess takes 10 ms at a time and says what share of a core it is.
func benchmarkProcess(b *testing.B, rate int) {
	s := call(rate, 1, 4, 0.3, true).says(-30, 2, 4)
	far, near := pcm(s.far), pcm(s.echo, s.near)
	c := New(rate)
	p, at := rate/blocksPerSecond, 0
	out := make([]int16, p)
	b.ReportAllocs()
	for b.Loop() {
		c.Process(far[at:at+p], near[at:at+p], out)
		at = (at + p) % len(far)
	}
	each := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	b.ReportMetric(each/1e7*100, "%core")
}

// BenchmarkCopy is what moving 10 ms at 8 kHz costs at the least.
func BenchmarkCopy(b *testing.B) {
	in, out, at := make([]int16, 8000), make([]int16, 80), 0
	for b.Loop() {
		copy(out, in[at:at+80])
		at = (at + 80) % len(in)
	}
}
