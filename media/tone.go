package media

import "math"

// Specification constants.
const fullScaleDBm = 3.17 // of the largest sine in mu-law, ITU-T G.711 table 2

// Implementation constants.
const (
	rampLength = 5 * sampleRate / 1000 // of every beginning and end of sound: no click
	sineScale  = 1 << 15
)

// sine is one second of a 1 Hz sine. Frequencies are whole Hz, so every tone is read from it exactly,
// for as long as it lasts.
var sine = func() (table [sampleRate]int16) {
	for i := range table {
		table[i] = int16(math.Round(32767 * math.Sin(2*math.Pi*float64(i)/sampleRate)))
	}
	return table
}()

// ramp is the rise of a sound, half a cosine; read backwards it is the fall.
var ramp = func() (table [rampLength]int32) {
	for i := range table {
		table[i] = int32(math.Round(sineScale * (0.5 - 0.5*math.Cos(math.Pi*(float64(i)+0.5)/rampLength))))
	}
	return table
}()

// amplitude of a sine of dbm, where 32767 is the largest.
func amplitude(dbm float64) int32 {
	return int32(math.Round(32767 * math.Pow(10, (dbm-fullScaleDBm)/20)))
}

// A partial is one sine of a sound.
type partial struct {
	hz        int32
	amplitude int32
	phase     int32 // index into sine
}

const maxPartials = 8

// A chord is what sounds together in one segment.
type chord struct {
	partials [maxPartials]partial
	n        int
}

func (c *chord) add(hz int, amplitude int32) {
	if c.n < maxPartials {
		c.partials[c.n] = partial{hz: int32(hz), amplitude: amplitude}
		c.n++
	}
}

// left is how many samples of the section under way are to come.
func (v *voice) left() int64 { return v.program.sections[v.section].length - v.at }

// sum is the next sample of some sines.
func sum(partials []partial) int32 {
	var sum int32
	for i := range partials {
		p := &partials[i]
		sum += p.amplitude * int32(sine[p.phase]) >> 15
		if p.phase += p.hz; p.phase >= sampleRate {
			p.phase -= sampleRate
		}
	}
	return sum
}

// A part is one segment as it is played: lengths in samples, negative for ever.
type part struct {
	on, off int64
	chord   chord
	// joined: it goes over into the next, or comes from the one before, without a ramp: the sound is
	// the same and there is no silence between.
	joinedNext, joinedPrev bool
	warble                 bool // alternates between the halves of its chord
}

// A program is a tone or ring ready to be played: sections of parts.
type program struct {
	sections [maxToneSections]struct {
		length int64 // samples; negative: for ever
		parts  [maxToneSegments]part
		n      int
	}
	n int
}

// compileTone makes a tone playable.
func compileTone(t Tone) (p program) {
	return compile(t.Sections, func(part *part, seg Segment) {
		for _, n := range seg.Freqs {
			part.chord.add(t.Freqs[n-1].Hz, amplitude(t.Freqs[n-1].DBm))
		}
	})
}

// The ring: two soft thirds taking turns, like a small warbling bell. Frequencies are whole, so that the
// turns meet in phase often; the octaves above make it carry through a room.
const (
	ringTurn  = sampleRate / 16 // samples before the chord changes
	ringLevel = -14.0           // dBm of the loudest partial
)

var ringNotes = [2][2]int{{784, 1568}, {988, 1976}} // G5 and B5 with their octaves

// compileRing makes a cadence playable, in the phone's own voice.
func compileRing(c Cadence) program {
	return compile(c.Sections, func(p *part, _ Segment) {
		p.warble = true
		for _, note := range ringNotes {
			p.chord.add(note[0], amplitude(ringLevel))
			p.chord.add(note[1], amplitude(ringLevel-14))
		}
	})
}

func compile(sections []Section, sound func(*part, Segment)) (p program) {
	for _, s := range sections {
		if s.Millis == 0 {
			continue
		}
		to := &p.sections[p.n]
		p.n++
		to.length = millisSamples(s.Millis)
		for _, seg := range s.Segments {
			part := &to.parts[to.n]
			to.n++
			part.on, part.off = millisSamples(seg.OnMillis), millisSamples(seg.OffMillis)
			sound(part, seg)
		}
		for i := range to.n {
			a, b := &to.parts[i], &to.parts[(i+1)%to.n]
			if a.off == 0 && a.chord == b.chord {
				a.joinedNext, b.joinedPrev = true, true
			}
		}
	}
	return p
}

func millisSamples(ms int) int64 {
	if ms == forever {
		return forever
	}
	return int64(ms) * sampleRate / 1000
}

// A voice plays one program: sample by sample exact, never a click. The zero voice is silent.
type voice struct {
	program program
	running bool
	section int
	at      int64 // samples into the section
	part    int
	within  int64 // samples into the part
	started bool  // the first part's beginning has been heard: joinedPrev counts
	chord   chord // of the part, with its phases
	gain    int32 // rampLength: full; counts down when stopping
	stop    bool
	heard   bool // something of it was played
}

// start begins a program from its beginning.
func (v *voice) start(p program) {
	*v = voice{program: p, running: p.n > 0, gain: rampLength}
	if v.running {
		v.chord = p.sections[0].parts[0].chord
	}
}

// end fades out within a ramp.
func (v *voice) end() { v.stop = true }

// add adds the next samples to mix.
func (v *voice) add(mix []int32) {
	for i := range mix {
		if !v.running {
			return
		}
		s := v.next()
		v.heard = true
		if v.stop {
			v.gain--
			s = int32(int64(s) * int64(ramp[v.gain]) >> 15)
			v.running = v.gain > 0
		}
		mix[i] += s
	}
}

// next is one sample of the program.
func (v *voice) next() int32 {
	sec := &v.program.sections[v.section]
	p := &sec.parts[v.part]
	for p.on >= 0 && p.off >= 0 && v.within >= p.on+p.off { // at most once around: a section lasts some time
		v.within = 0
		v.started = true
		v.part = (v.part + 1) % sec.n
		next := &sec.parts[v.part]
		if !p.joinedNext {
			v.chord = next.chord
		}
		p = next
	}
	var s int32
	if p.on < 0 || v.within < p.on {
		s = v.sound(p)
		left := int64(rampLength) // of the sound
		if p.on >= 0 && !p.joinedNext {
			left = p.on - v.within
		}
		if sec.length >= 0 {
			left = min(left, sec.length-v.at)
		}
		if left <= rampLength {
			s = int32(int64(s) * int64(ramp[left-1]) >> 15)
		}
		if v.within < rampLength && !(p.joinedPrev && v.started) {
			s = int32(int64(s) * int64(ramp[v.within]) >> 15)
		}
	}
	v.within++
	if v.at++; sec.length >= 0 && v.at >= sec.length {
		v.at, v.part, v.within, v.started = 0, 0, 0, false
		if v.section++; v.section == v.program.n {
			v.running = false
		} else {
			v.chord = v.program.sections[v.section].parts[0].chord
		}
	}
	return s
}

func (v *voice) sound(p *part) int32 {
	partials := v.chord.partials[:v.chord.n]
	if !p.warble {
		return sum(partials)
	}
	// Both notes run on; which is heard changes softly, every ringTurn.
	turn, into := v.within/ringTurn%2, v.within%ringTurn
	a, b := sum(partials[:len(partials)/2]), sum(partials[len(partials)/2:])
	if turn == 1 {
		a, b = b, a
	}
	if into < rampLength && v.within >= ringTurn {
		w := ramp[into]
		return int32((int64(a)*int64(w) + int64(b)*int64(sineScale-w)) >> 15)
	}
	return a
}

// dtmfFreqs are the rows and columns of ITU-T Q.23, by event code.
var dtmfFreqs = [16][2]int{
	{941, 1336}, {697, 1209}, {697, 1336}, {697, 1477}, {770, 1209}, {770, 1336}, {770, 1477}, {852, 1209},
	{852, 1336}, {852, 1477}, {941, 1209}, {941, 1477}, {697, 1633}, {770, 1633}, {852, 1633}, {941, 1633},
}

// compileDTMF is the tone pair of one event for so many samples; the high group 2 dB louder, as
// ITU-T Q.23 wants it after a line.
func compileDTMF(event uint8, low float64, samples int64) (p program) {
	if int(event) >= len(dtmfFreqs) {
		return p
	}
	p.n = 1
	p.sections[0].length, p.sections[0].n = samples, 1
	part := &p.sections[0].parts[0]
	part.on = samples
	part.chord.add(dtmfFreqs[event][0], amplitude(low))
	part.chord.add(dtmfFreqs[event][1], amplitude(low+2))
	return p
}

// A player plays one program at a time; the one before fades out under it.
type player struct{ voice, before voice }

func (p *player) play(pr program) {
	if p.voice.running && p.voice.heard {
		p.before = p.voice
		p.before.end()
	}
	p.voice.start(pr)
}

func (p *player) stop() {
	if p.voice.heard {
		p.voice.end()
	} else {
		p.voice.running = false
	}
}

func (p *player) running() bool { return p.voice.running || p.before.running }

func (p *player) add(mix []int32) {
	p.before.add(mix)
	p.voice.add(mix)
}
