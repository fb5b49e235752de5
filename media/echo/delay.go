package echo

// Implementation constants of the delay.
const (
	// The delay is looked for in the frequencies of a voice, in every other bin.
	firstBin = 300 / binHz
	stepBin  = 2
	usedBins = (3400 - 300) / binHz / stepBin

	lead        = 2                  // blocks of the room kept before the loudest one
	candidates  = maxBulk + lead + 1 // delays that are looked at
	delayRate   = 0.01               // a second
	delayScore  = 0.12               // coherence of an echo, at the least
	outstanding = 1.6                // times the mean of all delays
	delayChance = 8                  // of it by chance, divided by the blocks looked at
	delayHeld   = 20                 // blocks in which the same delay must be the best
	delayStray  = 3                  // blocks the window of the filter may be too early
)

// A delay finds how many blocks the echo is late: where what the microphone hears is most coherent with
// what was played.
type delay struct {
	t        *transform
	block    int
	frame    []float32 // the last two blocks of the microphone
	re, im   []float32
	near     []float32   // its smoothed spectrum, in the bins used
	far      [][]float32 // that of what was played so many blocks before
	cRe, cIm [][]float32 // the smoothed product of both

	looked     int // blocks in which the far end was heard
	best, held int
	blocks     int
	known      bool
	told       bool // to the filter, once
}

func newDelay(t *transform, block int) delay {
	d := delay{t: t, block: block, frame: make([]float32, 2*block),
		re: make([]float32, block+1), im: make([]float32, block+1), near: make([]float32, usedBins)}
	for range candidates {
		d.far = append(d.far, make([]float32, usedBins))
		d.cRe, d.cIm = append(d.cRe, make([]float32, usedBins)), append(d.cIm, make([]float32, usedBins))
	}
	return d
}

// look takes the block of the microphone that belongs to the newest one played.
func (d *delay) look(f *filter, near []float32) {
	copy(d.frame, d.frame[d.block:])
	copy(d.frame[d.block:], near)
	if f.heard >= candidates {
		return // the far end is silent
	}
	d.t.forward(d.frame, d.re, d.im)
	for i := range d.near {
		k := firstBin + i*stepBin
		d.near[i] += delayRate * (d.re[k]*d.re[k] + d.im[k]*d.im[k] - d.near[i])
	}
	best, top, all := 0, float32(0), float32(0)
	for c := range d.far {
		s := f.slot(c)
		xRe, xIm, x2 := f.xRe[s], f.xIm[s], f.x2[s]
		near, far, cRe, cIm := d.near[:usedBins], d.far[c][:usedBins], d.cRe[c][:usedBins], d.cIm[c][:usedBins]
		var score float32
		for i := range far {
			k := firstBin + i*stepBin
			far[i] += delayRate * (x2[k] - far[i])
			cRe[i] += delayRate * (xRe[k]*d.re[k] + xIm[k]*d.im[k] - cRe[i])
			cIm[i] += delayRate * (xRe[k]*d.im[k] - xIm[k]*d.re[k] - cIm[i])
			score += (cRe[i]*cRe[i] + cIm[i]*cIm[i]) / (far[i]*near[i] + 1)
		}
		all += score
		if score > top {
			best, top = c, score
		}
	}
	d.looked = min(d.looked+1, 1<<20)
	least := delayScore + delayChance/float32(d.looked)
	if top < least*usedBins || top < outstanding*all/candidates || f.heard > 0 {
		return
	}
	if best != d.best {
		d.best, d.held = best, 0
		return
	}
	d.held++
	if d.held >= delayHeld {
		d.blocks, d.known = best, true
	}
}

// bulk returns by how many blocks the filter's window should be late, now that it is late by so many. It is moved
// when the delay has been found, and later when the echo is about to leave it or begins much later.
func (d *delay) bulk(now int) (bulk int, moved bool) {
	want := max(0, d.blocks-lead)
	if !d.known || d.told && want <= now+delayStray && (d.blocks > now || want == now) {
		return now, false
	}
	d.told = true
	return want, true
}
