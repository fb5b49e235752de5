package media

import "math"

// Implementation constants, in samples at 8 kHz unless they say otherwise.
const (
	scaleLeast   = 20   // samples one step adds or takes in speech, at least
	scaleFine    = 4    // the same in a pause
	scaleMost    = 120  // the same, at most
	pauseMost    = 640  // a pause is cut by at once
	scaleLook    = 60   // samples compared
	scaleFade    = 40   // cross-fade in a pause, where any cut does
	quietLook    = 80   // samples that tell a pause from speech
	quietMost    = 250  // greatest root mean square of a pause, about -42 dBov,
	quietRise    = 8.0  // and so many times the power of the quietest of late
	noisyMost    = 800  // the same of a pause in a noisy place, about -32 dBov,
	noisyRise    = 2.0  // which does not rise and fall so much
	humming      = 0.8  // least correlation of a cut nearby that is preferred in a pause, as it hums
	slackAbove   = 0.25 // ms above the target that is left alone besides the tick
	slackBelow   = 0.9  // ms below the target that is left alone; less than the margin it has
	slackShare   = 0.05 // of the buffer, the same: the longer it is, the less a ms tells
	stretchAfter = 160  // samples from one step to the next that adds in speech
)

// A haste is how speech is shortened, by how many ms the delay is above its target.
type haste struct {
	above float64 // ms
	like  float64 // least correlation of what is laid over each other
	after int     // samples since the step before
}

var hastes = [...]haste{{150, 0.6, 120}, {60, 0.8, 160}}

// adapt brings the delay nearer to its target by at most one step: in a pause by any amount, in speech by
// one pitch period.
//
// A packet is missed when it has not come by the pull that plays its first sample. Where packets begin
// with a pull, that is the delay itself; else it is up to a pull less, and the rest of the delay is for
// nothing. So a step in a pause goes to where they do.
func (j *Jitter) adapt(now float64, n int) {
	if j.inventing || j.noising {
		return
	}
	quiet := j.quiet()
	fit, rest := j.misfit(n)
	unit, fine := n-rest, scaleFine*j.wide
	if j.losses > lossLook { // a gap that does not begin with a pull spoils one more
		fine = 1
	}
	over := j.delay(now) - float64(fit+rest)/j.perMS - j.target // of what counts
	switch {
	case over >= 0:
		over = min(over, j.delay(now)-j.latest) // packets that come so late now would be missed, whatever the target says
		take := fit
		if over >= float64(n)/j.perMS+slackAbove {
			take += int((over-slackAbove)*j.perMS) / unit * unit
		}
		if take < fine {
			return
		}
		if quiet {
			j.shorten(min(take, pauseMost*j.wide), 0, true)
			return
		}
		for _, h := range hastes {
			if over > h.above {
				if j.sinceScale >= h.after*j.wide {
					j.shorten(min(take, scaleMost*j.wide), h.like, false)
				}
				return
			}
		}
	case over < -slackBelow-slackShare*(j.target-j.window.least()):
		add := int(-over*j.perMS+float64(unit)-1)/unit*unit - fit
		for add < fine || !quiet && add < scaleLeast*j.wide {
			add += unit
		}
		if quiet {
			j.lengthen(min(add, scaleMost*j.wide), 0, true)
		} else if j.sinceScale >= stretchAfter*j.wide {
			j.lengthen(min(add, scaleMost*j.wide), 0.85, false)
		}
	case fine == 1 && fit > 0 && quiet:
		j.lengthen(unit-fit, 0, true)
	}
}

// misfit is how many samples of the past the pull of n that plays a packet's first sample begins with:
// fit of them could be avoided, rest not, as the packets' length is no multiple of n.
func (j *Jitter) misfit(n int) (fit, rest int) {
	unit := gcd(n, j.length)
	fit = int((j.newest - (j.play - int64(len(j.ahead)))) % int64(unit))
	if fit < 0 {
		fit += unit
	}
	return fit, n - unit
}

func gcd(a, b int) int {
	for b > 0 {
		a, b = b, a%b
	}
	return max(a, 1)
}

// quiet says whether what is played next is a pause, and learns how loud pauses are.
func (j *Jitter) quiet() bool {
	n := min(quietLook*j.wide, len(j.ahead))
	if n < quietLook/2*j.wide {
		return false
	}
	energy := meanSquare(j.ahead[:n])
	if j.noise == 0 || energy < j.noise {
		j.noise += 0.3 * (energy - j.noise)
	} else {
		j.noise *= 1.002
	}
	return j.still(energy)
}

// still says whether a mean square is that of a pause.
func (j *Jitter) still(energy float64) bool {
	return energy < quietRise*j.noise+400 && energy < quietMost*quietMost ||
		energy < noisyRise*j.noise && energy < noisyMost*noisyMost
}

// pause is for how many samples, at most n, what is ready to be played is a pause.
func (j *Jitter) pause(n int) int {
	n = min(n, len(j.ahead))
	look := quietLook * j.wide
	for at := 0; at < n; at += look {
		if !j.still(meanSquare(j.ahead[at:min(at+look, len(j.ahead))])) {
			return at
		}
	}
	return n
}

// hush is how many of the newest samples of past are of a pause.
func (j *Jitter) hush(past []float64) (n int) {
	look := quietLook * j.wide
	for n+look <= len(past) && j.still(meanSquare(past[len(past)-n-look:][:look])) {
		n += look
	}
	return n
}

// meanSquare is the power.
func meanSquare[T int16 | float64](pcm []T) float64 {
	var sum float64
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return sum / float64(len(pcm))
}

// shorten takes most samples, or in speech the period of at most so many at which the voice is most like
// itself, if it is so by like.
func (j *Jitter) shorten(most int, like float64, quiet bool) {
	fade, least := scaleFade*j.wide, scaleLeast*j.wide
	if quiet {
		j.fill(most + fade)
		most = j.pause(most+fade) - fade
	} else {
		j.fill((2*scaleMost + scaleLook) * j.wide)
		most = min(most, len(j.ahead)/2)
	}
	have := len(j.ahead)
	if most < 1 || !quiet && most < least {
		return
	}
	lag, overlap := most, fade
	if quiet {
		if best := alike(j.ahead[:overlap], j.ahead[lag:]); best < 0 { // a hum would cancel itself: cut less then
			best = humming
			for l := max(scaleFine*j.wide, most-fade); l < most; l++ {
				if q := alike(j.ahead[:overlap], j.ahead[l:]); q > best {
					best, lag = q, l
				}
			}
		}
	} else {
		best := math.Inf(-1)
		for l := least; l <= most; l++ {
			if q := alike(j.ahead[:min(scaleLook*j.wide, have-l)], j.ahead[l:]); q > best+0.0005 {
				best, lag = q, l
			}
		}
		if best < like {
			return
		}
		overlap = min(lag, have-lag)
	}
	for i := range overlap {
		w := (float64(i) + 0.5) / float64(overlap)
		j.ahead[i] = round((1-w)*float64(j.ahead[i]) + w*float64(j.ahead[i+lag]))
	}
	copy(j.ahead[overlap:], j.ahead[overlap+lag:])
	j.ahead = j.ahead[:have-lag]
	j.stats.Skipped += j.time(lag)
	j.sinceScale = 0
}

// lengthen adds samples as shorten takes them: what comes is played up to where it resembles what was,
// and then once more.
func (j *Jitter) lengthen(most int, like float64, quiet bool) {
	fade, least := scaleFade*j.wide, scaleLeast*j.wide
	j.fill(scaleMost * j.wide)
	have := len(j.ahead)
	if most = min(most, have); most < 1 || !quiet && most < least {
		return
	}
	lag, overlap := most, min(fade, most)
	if !quiet {
		best := math.Inf(-1)
		for l := least; l <= most; l++ {
			if q := alike(j.ahead[:min(l, quietLook*j.wide)], j.past[len(j.past)-l:]); q > best+0.0005 {
				best, lag = q, l
			}
		}
		if best < like {
			return
		}
		overlap = lag
	}
	j.ahead = j.ahead[:have+lag]
	copy(j.ahead[lag:], j.ahead[:have])
	for i := range overlap {
		w := (float64(i) + 0.5) / float64(overlap)
		k := lag - overlap + i
		j.ahead[k] = round((1-w)*float64(j.ahead[k]) + w*float64(j.past[len(j.past)-overlap+i]))
	}
	j.stats.Added += j.time(lag)
	j.sinceScale = 0
}

// alike is the normalised correlation of a with the beginning of b.
func alike(a, b []int16) float64 {
	var product, pa, pb float64
	for i, v := range a {
		x, y := float64(v), float64(b[i])
		product += x * y
		pa += x * x
		pb += y * y
	}
	return product / (math.Sqrt(pa*pb) + 1)
}
