package media

import "time"

// Implementation constants, in samples unless they say otherwise.
const (
	jitterRing     = 16384                     // 2 s of voice, a power of two
	jitterMinDelay = 20 * sampleRate / 1000    // least target
	jitterMaxDelay = 200 * sampleRate / 1000   // greatest target
	jitterStart    = 40 * sampleRate / 1000    // least delay of the first packet, whose own lateness nobody knows
	jitterMemory   = 256                       // packets, about 5 s: how slowly a target falls
	jitterFactor   = 4                         // target: the least and so many times the mean deviation
	jitterSlack    = 20 * sampleRate / 1000    // delay above the target that is left alone
	jitterUrgent   = 60 * sampleRate / 1000    // delay above the target that is given back even in speech
	jitterShort    = 10 * sampleRate / 1000    // delay below the target that is left alone
	jitterFlood    = 240 * sampleRate / 1000   // more than this above the target in hand: skip
	jitterSkip     = 40 * sampleRate / 1000    // a packet late by less is played shortened, once a second
	jitterDry      = 200 * sampleRate / 1000   // nothing to play for so long: begin anew with the next packet
	jitterPause    = 100 * sampleRate / 1000   // between two corrections
	jitterStep     = 80                        // most samples one correction adds or takes
	jitterReach    = jitterRing - 2*maxPayload // how far ahead of playout a packet may be
	quietLevel     = 150                       // mean magnitude of a pause in speech, about -47 dBov
	joinLength     = 40                        // cross-fade from an invented to a real sample
)

// A Decoder turns one payload into linear samples.
type Decoder interface {
	// Decode writes the samples of payload to dst, which is long enough for maxPayload, and returns
	// how many there are. It allocates nothing.
	Decode(dst []int16, payload []byte) int
}

// A Jitter holds received voice until it is due. Packets are decoded on arrival into a ring indexed by
// their RTP timestamp; playout pulls any number of samples, so its period need not be the packets'.
// While nothing is lost or late, what is pulled is sample by sample what was pushed.
//
// The delay aims at 20 ms and four times the mean deviation of the arrivals (RFC 3550 section 6.4.1) of
// the last seconds, and is corrected in pauses of the speech only, unless it is far off. A Jitter is not safe for
// concurrent use; it allocates nothing once made, and never reads a clock.
type Jitter struct {
	Decoder Decoder // of the packets pushed next

	ring [jitterRing]int16
	have [jitterRing]bool // set for samples from play to end that arrived

	state   jitterState
	newest  int64 // timestamp pushed last, extended to 64 bits
	play    int64 // timestamp of the next sample to be played
	end     int64 // one after the newest sample in hand
	length  int   // samples in the packet pushed last
	startAt time.Time
	stalled int // samples invented at play because nothing newer was in hand
	sinceFix,
	sinceSkip int // samples since the last correction, and the last skip
	jumpTo  int64 // timestamp of a packet out of reach
	jumping bool

	transit    int64 // of the last packet, in samples
	hasTransit bool
	origin     time.Time
	deviation  float64 // mean, in samples
	aim        float64 // the delay to have, in samples: up at once, down slowly
	lead       float64 // mean time from a packet's arrival to its playing, in samples

	conceal   concealer
	inventing bool // the last sample played was invented
	scratch   [maxPayload]int16

	stats JitterStats
}

type jitterState uint8

const (
	jitterIdle    jitterState = iota // nothing in hand: the next packet decides when to begin
	jitterFilling                    // waiting for the delay to pass
	jitterPlaying
)

// JitterStats counts what a Jitter had to do, since it was made.
type JitterStats struct {
	Pushed    uint64 // packets
	Late      uint64 // packets that came after their time
	Duplicate uint64
	Strayed   uint64        // packets with a timestamp out of reach
	Concealed time.Duration // of invented sound
	Skipped   time.Duration // of sound in hand that was left out
	Added     time.Duration // of pauses made longer
	Delay     time.Duration // from arrival to playing, mean of late
	Target    time.Duration
}

// NewJitter returns an empty buffer.
func NewJitter(d Decoder) *Jitter {
	return &Jitter{Decoder: d, aim: jitterMinDelay, lead: jitterStart, sinceSkip: sampleRate}
}

// Reset forgets what is in hand: the source began anew. What was learned of the network stays.
func (j *Jitter) Reset() {
	j.state, j.stalled, j.hasTransit, j.jumping = jitterIdle, 0, false, false
	clear(j.have[:])
}

// Push hands over one received payload: seq is the RTP sequence number, timestamp its RTP time, now its
// arrival. A duplicate or a packet whose time has passed is counted and dropped. The sequence number
// does not matter to this buffer, the timestamp says it all.
func (j *Jitter) Push(now time.Time, _ uint16, timestamp uint32, payload []byte) {
	if len(payload) == 0 || len(payload) > maxPayload {
		return
	}
	n := j.Decoder.Decode(j.scratch[:], payload)
	if n == 0 {
		return
	}
	j.stats.Pushed++
	at := j.newest + int64(int32(timestamp-uint32(j.newest)))
	switch {
	case j.state == jitterIdle:
		at = j.begin(now, timestamp)
	case at+int64(n) > j.play+jitterReach || at < j.play-jitterReach:
		// The source's clock jumped, or one packet is nonsense: the next one tells.
		if !j.jumping || abs(at-j.jumpTo) > jitterReach {
			j.jumping, j.jumpTo = true, at
			j.stats.Strayed++
			return
		}
		j.Reset()
		at = j.begin(now, timestamp)
	}
	j.jumping = false
	j.length = n
	if j.state == jitterFilling && at < j.play && at > j.play-jitterMaxDelay {
		j.play = at // reordered before the first was played
	}
	j.observe(now, at)
	j.store(at, j.scratch[:n])
}

// begin starts a new run of play with a packet just arrived.
func (j *Jitter) begin(now time.Time, timestamp uint32) int64 {
	at := int64(1)<<32 + int64(timestamp)
	j.newest, j.play, j.end = at, at, at
	j.state, j.stalled = jitterFilling, 0
	delay := max(j.target(), jitterStart)
	j.startAt = now.Add(time.Duration(delay) * time.Second / sampleRate)
	j.lead = float64(delay)
	j.hasTransit = false
	return at
}

// observe learns from an arrival.
func (j *Jitter) observe(now time.Time, at int64) {
	if j.origin.IsZero() {
		j.origin = now
	}
	transit := now.Sub(j.origin).Microseconds()*sampleRate/1_000_000 - at
	if j.hasTransit {
		j.deviation += (float64(abs(transit-j.transit)) - j.deviation) / 16
	}
	j.transit, j.hasTransit = transit, true
	if j.state == jitterPlaying && j.stalled == 0 {
		j.lead += (float64(at-j.play) - j.lead) / 32
	}
	want := min(jitterMinDelay+jitterFactor*j.deviation, jitterMaxDelay)
	j.aim = max(want, j.aim-(j.aim-want)/jitterMemory)
	j.newest = max(j.newest, at)
}

// store puts samples into the ring.
func (j *Jitter) store(at int64, pcm []int16) {
	if at+int64(len(pcm)) <= j.play {
		j.stats.Late++
		return
	}
	if at < j.play { // its beginning is past
		pcm, at = pcm[j.play-at:], j.play
	}
	if j.have[at&(jitterRing-1)] {
		j.stats.Duplicate++
		return
	}
	for i, v := range pcm {
		k := (at + int64(i)) & (jitterRing - 1)
		j.ring[k], j.have[k] = v, true
	}
	j.end = max(j.end, at+int64(len(pcm)))
}

// target is the delay to aim at, in samples.
func (j *Jitter) target() int { return int(j.aim) }

// Pull fills out with the samples due at now. The sound card calls it once a period, and so is the
// clock of playout. Before the first packet, and after a long absence, it is silence.
func (j *Jitter) Pull(now time.Time, out []int16) {
	if j.state == jitterFilling && !now.Before(j.startAt) {
		j.state = jitterPlaying
	}
	if j.state != jitterPlaying {
		clear(out)
		j.inventing = false
		j.conceal.heard(out)
		return
	}
	j.sinceFix += len(out)
	j.sinceSkip += len(out)
	if excess := int(j.end-j.play) - j.target() - j.length; excess > jitterFlood {
		j.skip(excess)
		j.lead = float64(j.target())
	}
	if j.correct(out) {
		j.conceal.heard(out)
		return
	}
	j.produce(out)
}

// produce plays what is in hand and invents what is not.
func (j *Jitter) produce(out []int16) {
	for len(out) > 0 {
		n := j.run(len(out))
		if n > 0 && j.stalled > 0 {
			// Late. A little is left out to keep the delay, once a second; else the delay grows.
			late := j.stalled
			j.stalled = 0
			if late <= jitterSkip && j.sinceSkip >= sampleRate && int(j.end-j.play) > late {
				j.skip(late)
				j.sinceSkip = 0
				continue
			}
			j.lead = max(float64(j.end-j.play)/2, j.lead-float64(late)) + float64(late)
		}
		if n > 0 {
			j.take(out[:n])
		} else if gap := j.gap(); gap > 0 {
			// Newer voice is in hand: this is lost. What a stall invented counts towards it.
			if done := min(j.stalled, gap); j.stalled > 0 {
				j.play += int64(done)
				j.stalled = 0
				continue
			}
			n = min(gap, len(out))
			j.invent(out[:n])
			j.play += int64(n)
		} else {
			n = len(out)
			j.invent(out)
			if j.stalled += n; j.stalled >= jitterDry {
				j.state = jitterIdle
			}
		}
		j.conceal.heard(out[:n])
		out = out[n:]
	}
}

// run is how many samples are in hand at play, at most n.
func (j *Jitter) run(n int) int {
	for i := range n {
		if !j.have[(j.play+int64(i))&(jitterRing-1)] {
			return i
		}
	}
	return n
}

// gap is how many samples are missing before the next in hand; 0 when none is.
func (j *Jitter) gap() int {
	for at := j.play; at < j.end; at++ {
		if j.have[at&(jitterRing-1)] {
			return int(at - j.play)
		}
	}
	return 0
}

// take plays len(out) samples that are in hand, joined softly to invented ones before them.
func (j *Jitter) take(out []int16) {
	for i := range out {
		k := j.play & (jitterRing - 1)
		out[i], j.have[k] = j.ring[k], false
		j.play++
	}
	if j.inventing {
		n := min(len(out), joinLength)
		for i := range n {
			w := 2*i + 1
			out[i] = int16((int(j.conceal.next())*(2*n-w) + int(out[i])*w) / (2 * n))
		}
		j.inventing = false
	}
}

func (j *Jitter) invent(out []int16) {
	if !j.inventing {
		j.conceal.begin()
		j.inventing = true
	}
	for i := range out {
		out[i] = j.conceal.next()
	}
	j.stats.Concealed += samplesTime(len(out))
}

// skip leaves out n samples at play, and makes the join soft.
func (j *Jitter) skip(n int) {
	for range n {
		j.have[j.play&(jitterRing-1)] = false
		j.play++
	}
	if !j.inventing {
		j.conceal.begin()
		j.inventing = true
	}
	j.stats.Skipped += samplesTime(n)
}

// correct brings the delay nearer to its target by playing out shorter or longer than it was, in a
// pause of the speech. It reports whether it has filled out.
func (j *Jitter) correct(out []int16) bool {
	n := len(out)
	if j.inventing || j.stalled > 0 || j.sinceFix < jitterPause || n > jitterStep || j.run(2*n) < 2*n {
		return false
	}
	off := int(j.lead) - j.target()
	switch quiet := j.quiet(2 * n); {
	case off > jitterUrgent, off > jitterSlack && quiet: // n samples fewer
		for i := range out {
			a, b := j.peek(i), j.peek(n+i)
			out[i] = int16((a*(n-i) + b*i) / n)
		}
		for range 2 * n {
			j.have[j.play&(jitterRing-1)] = false
			j.play++
		}
		j.lead -= float64(n)
		j.stats.Skipped += samplesTime(n)
	case off < -jitterShort && quiet: // n samples more: from what follows back to what was before it
		for i := range out {
			a, b := j.peek(i), j.conceal.back(n-i)
			out[i] = int16((a*(n-i) + b*i) / n)
		}
		j.lead += float64(n)
		j.stats.Added += samplesTime(n)
	default:
		return false
	}
	j.sinceFix = 0
	return true
}

func (j *Jitter) peek(i int) int { return int(j.ring[(j.play+int64(i))&(jitterRing-1)]) }

// quiet says whether the next n samples, which are in hand, are a pause.
func (j *Jitter) quiet(n int) bool {
	sum := 0
	for i := range n {
		sum += abs(j.peek(i))
	}
	return sum < n*quietLevel
}

// Stats returns the counts so far.
func (j *Jitter) Stats() JitterStats {
	s := j.stats
	s.Target = samplesTime(j.target())
	if j.state == jitterPlaying {
		s.Delay = samplesTime(int(max(j.lead, 0)))
	}
	return s
}

func samplesTime(n int) time.Duration { return time.Duration(n) * time.Second / sampleRate }

func abs[T int | int64](v T) T { return max(v, -v) }
