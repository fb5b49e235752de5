package media

import (
	"fmt"
	"math/bits"
	"time"
)

// Implementation constants, in samples at 8 kHz unless they say otherwise.
const (
	clockRate   = 8000 // of RTP timestamps, G.722's too
	samplesMS   = clockRate / 1000
	ringSamples = 16384                      // 2 s of voice, a power of two
	ringReach   = ringSamples - 2*maxPayload // how far from playout a packet may be
	aheadMost   = 4 * maxPayload             // of what is ready to be played
	fillChunk   = 160                        // taken from the ring at once
	dryAfter    = 200 * samplesMS            // nothing to play for so long: the next packet waits for its delay
	jumpEarly   = 200                        // ms before every other packet of late: the far end's clock jumped
	jumpLate    = 10_000                     // ms after them: the same
	floodAbove  = 400                        // ms above the target in hand: skip to the target
	outageLeast = 60                         // ms that a pull comes late when the sound device has stood still
	lossMemory  = 400                        // packets the share of gaps is averaged over
	lossLook    = 0.007                      // share of gaps above which the next packet is waited for
	lookMost    = 30                         // ms that is waited for it
	lookShare   = 0.95                       // of the packets come within
	lookSpread  = 4                          // ms at most
)

// A Decoder turns one payload into linear samples.
type Decoder interface {
	// Decode writes the samples of payload to dst, which is long enough for maxPayload ticks of the RTP
	// clock, and returns how many there are. It allocates nothing.
	Decode(dst []int16, payload []byte) int
}

// A Jitter holds received voice until it is due. Packets are decoded on arrival into a ring indexed by
// their RTP timestamp; playout pulls any number of samples, so its period need not be the packets'.
// While nothing is lost or late, what is pulled is sample by sample what was pushed.
//
//	Push → delayWindow → target delay           receive_window.go
//	  └──► ring → ahead → Pull                  shortened and lengthened: receive_scale.go
//	              ↑ concealer, comfort          receive_conceal.go, receive_noise.go
//
// The delay aims at the cheapest point between delay and loss. Samples come at 8 or 16 kHz; the RTP clock is 8 kHz
// for both, as it is for G.722 (RFC 3551 section 4.5.2). A Jitter is not safe for concurrent use;
// it allocates nothing once made, and never reads a clock.
type Jitter struct {
	Decoder Decoder // of the packets pushed next

	wide  int     // samples for each tick of the RTP clock; positions below are in samples
	perMS float64 // samples
	ring  []int16
	have  []uint64 // bit set for samples from play to end that arrived

	state    jitterState
	newest   int64 // greatest timestamp pushed, extended to 64 bits, in samples
	play     int64 // timestamp of the next sample to be taken from the ring
	end      int64 // one after the newest sample in hand
	length   int   // samples in the packet pushed last
	seq      uint16
	jumpTo   int64 // timestamp of a packet out of reach
	jumping  bool
	pauseAt  int64 // the far end sent nothing from here,
	pauseEnd int64 // to here: no packet is missing between

	origin time.Time
	zero   int64 // timestamp from which relative delays are counted, as from origin: they stay small
	window delayWindow
	drift  clockDrift
	target float64 // relative delay to play at, in ms
	latest float64 // relative delay of the last packet
	losses float64 // share of packets that did not come in time
	gapEnd int64   // the gap counted last

	ahead      []int16 // played next
	past       []int16 // played last, the newest at the end
	inventing  bool    // the concealer speaks
	stalled    int     // samples invented because nothing newer was in hand
	noising    bool    // comfort noise is played
	comfort    comfort
	conceal    concealer
	inTime     bool    // what it said took just as long as what was missed
	sinceScale int     // samples since the last step
	noise      float64 // mean square of pauses
	pulled     float64 // when the next pull is due, in ms
	played     float64 // relative delay of what was played last, in ms
	scratch    []int16

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
	Added     time.Duration // of sound made longer
	Delay     time.Duration // of what is played now, above the quickest packet of late
	Target    time.Duration // the same that is aimed at
}

// NewJitter returns an empty buffer for samples at rate, which is 8000 or 16000 a second, as d makes them.
func NewJitter(d Decoder, rate int) *Jitter {
	if rate != clockRate && rate != 2*clockRate {
		panic(fmt.Sprintf("media: a jitter buffer at %d Hz", rate))
	}
	wide := rate / clockRate
	return &Jitter{
		Decoder: d, wide: wide, perMS: float64(wide * samplesMS), length: 20 * samplesMS * wide,
		ring: make([]int16, ringSamples*wide), have: make([]uint64, ringSamples*wide/64),
		ahead: make([]int16, 0, aheadMost*wide), past: make([]int16, pastSamples*wide),
		scratch: make([]int16, maxPayload*wide), conceal: newConcealer(wide), comfort: comfort{wide: wide},
	}
}

// Reset forgets what is in hand and what was learned: the source began anew.
func (j *Jitter) Reset() {
	j.state, j.stalled, j.jumping, j.noising = jitterIdle, 0, false, false
	j.pauseAt, j.pauseEnd, j.gapEnd = 0, 0, 0
	j.comfort.on = false
	j.window, j.drift = delayWindow{}, clockDrift{}
	clear(j.have)
}

// Push hands over one received payload: seq is the RTP sequence number, timestamp its RTP time, now its
// arrival. A duplicate or a packet whose time has passed is counted and dropped. The sequence number
// only tells a far end that was silent from packets that are missing.
func (j *Jitter) Push(now time.Time, seq uint16, timestamp uint32, payload []byte) {
	if len(payload) == 0 || len(payload) > maxPayload {
		return
	}
	n := j.Decoder.Decode(j.scratch, payload)
	if n == 0 {
		return
	}
	j.stats.Pushed++
	at, ok := j.place(timestamp, n)
	if !ok {
		return
	}
	j.length = n
	if j.state == jitterFilling && at < j.play && j.end-at < j.reach() {
		j.play = at // reordered before the first was played
	}
	if seq == j.seq+1 && at > j.end {
		j.pauseAt, j.pauseEnd = j.end, at
	}
	if at >= j.newest {
		j.seq, j.newest = seq, at
	}
	j.observe(now, at)
	j.store(at, j.scratch[:n])
}

// PushOther notes a packet of the stream that carries no voice, such as a telephone-event: where it stands in
// the sequence no voice is missing.
func (j *Jitter) PushOther(seq uint16) {
	if seq == j.seq+1 {
		j.seq = seq
	}
}

// PushNoise hands over a comfort noise payload (RFC 3389): the far end is silent from timestamp on, and
// says how its silence sounds.
func (j *Jitter) PushNoise(seq uint16, timestamp uint32, payload []byte) {
	if len(payload) == 0 || j.state == jitterIdle {
		return
	}
	at := j.extend(timestamp)
	if at > j.play+j.reach() || at < j.play-j.reach() {
		return
	}
	j.comfort.describe(payload)
	if at >= j.newest {
		if !j.comfort.on || j.newest >= j.comfort.start { // else it goes on
			j.comfort.on, j.comfort.start = true, at
		}
		if seq == j.seq+1 {
			j.seq = seq
		}
	}
}

// extend is the timestamp nearest to the newest, in 64 bits and samples.
func (j *Jitter) extend(timestamp uint32) int64 {
	return j.newest + int64(int32(timestamp-uint32(j.newest/int64(j.wide))))*int64(j.wide)
}

// first is where a stream begins that begins with timestamp, in samples.
func (j *Jitter) first(timestamp uint32) int64 {
	return (int64(1)<<32 + int64(timestamp)) * int64(j.wide)
}

// reach is how far from playout a packet may be.
func (j *Jitter) reach() int64 { return int64(ringReach * j.wide) }

// place says where n samples with a timestamp belong; not ok: they are nonsense, or the next packet will tell.
func (j *Jitter) place(timestamp uint32, n int) (at int64, ok bool) {
	at = j.extend(timestamp)
	switch {
	case j.state == jitterIdle:
		j.zero = j.first(timestamp)
		return j.begin(j.zero), true
	case at+int64(n) > j.play+j.reach() || at < j.play-j.reach():
		if j.stalled > dryAfter*j.wide || j.noising { // after a long silence
			return j.begin(at), true
		}
		if !j.jumping || abs(at-j.jumpTo) > j.reach() {
			j.jumping, j.jumpTo = true, at
			j.stats.Strayed++
			return 0, false
		}
		j.Reset()
		j.zero = j.first(timestamp)
		return j.begin(j.zero), true
	}
	j.jumping = false
	return at, true
}

// begin starts a new run of play with a packet just arrived.
func (j *Jitter) begin(at int64) int64 {
	j.newest, j.play, j.end = at, at, at
	j.ahead = j.ahead[:0]
	j.state, j.stalled, j.inventing, j.noising = jitterFilling, 0, false, false
	return at
}

// observe learns from an arrival.
func (j *Jitter) observe(now time.Time, at int64) {
	if j.origin.IsZero() {
		j.origin = now
	}
	ms := j.clock(now)
	relative := ms - float64(at-j.zero)/j.perMS - j.drift.at(ms)
	if early := j.window.least() - relative; early > jumpEarly || early < -jumpLate {
		j.window, j.drift = delayWindow{}, clockDrift{} // no network is so quick all at once: the far end's clock jumped
	}
	j.latest = relative
	j.drift.learn(ms, relative)
	j.window.add(relative)
	j.window.revise(j.target)
	j.target = j.window.best(j.losses)
	if j.losses > lossLook { // the packet after a lost one is to be in hand when that is missed
		look := min(float64(j.length)/j.perMS, lookMost)
		j.target = max(j.target, j.window.least()+j.window.spread(lookShare, lookSpread)+look)
	}
}

// clock is now in ms.
func (j *Jitter) clock(now time.Time) float64 { return millis(now.Sub(j.origin)) }

// delay is the relative delay of the next sample when it is played at now.
func (j *Jitter) delay(now float64) float64 {
	return now - float64(j.play-int64(len(j.ahead))-j.zero)/j.perMS - j.drift.at(now)
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
	if j.has(at) {
		j.stats.Duplicate++
		return
	}
	for i, v := range pcm {
		k := (at + int64(i)) & int64(len(j.ring)-1)
		j.ring[k] = v
		j.have[k>>6] |= 1 << (k & 63)
	}
	j.end = max(j.end, at+int64(len(pcm)))
}

func (j *Jitter) has(at int64) bool {
	k := at & int64(len(j.ring)-1)
	return j.have[k>>6]>>(k&63)&1 != 0
}

// run is how many samples are in hand at play, at most n.
func (j *Jitter) run(n int) int {
	for i := 0; i < n; {
		k := (j.play + int64(i)) & int64(len(j.ring)-1)
		i += bits.TrailingZeros64(^(j.have[k>>6] >> (k & 63))) // zeros shifted in end a word's run
		if i >= n {
			return n
		}
		if (j.play+int64(i))&63 != 0 || !j.has(j.play+int64(i)) {
			return i
		}
	}
	return n
}

// gap is how many samples are missing before the next in hand; 0 when none is.
func (j *Jitter) gap() int {
	for at := j.play; at < j.end; {
		k := at & int64(len(j.ring)-1)
		if word := j.have[k>>6] >> (k & 63); word != 0 {
			return int(at-j.play) + bits.TrailingZeros64(word)
		}
		at += 64 - k&63
	}
	return 0
}

// drop takes n samples out of the ring at play, n at most what was run or is to be left out.
func (j *Jitter) drop(n int) {
	for n > 0 {
		k := j.play & int64(len(j.ring)-1)
		part := min(n, 64-int(k&63))
		j.have[k>>6] &^= (1<<part - 1) << (k & 63)
		j.play += int64(part)
		n -= part
	}
}

// Pull fills out with the samples due at now. The sound card calls it once a period, and so is the
// clock of playout. Before the first packet, and after a long absence, it is silence.
func (j *Jitter) Pull(now time.Time, out []int16) {
	ms, whole := j.clock(now), len(out)
	if j.state == jitterFilling {
		fit, rest := j.misfit(whole)
		if j.delay(ms)-float64(fit+rest)/j.perMS >= j.target {
			j.state = jitterPlaying
		}
	}
	if over := j.delay(ms) - j.target; j.state == jitterPlaying && over > outageLeast && ms-j.pulled > outageLeast {
		j.skip(int(over * j.perMS)) // nobody listened when it was due
		j.stalled = 0
	}
	j.pulled = ms + float64(whole)/j.perMS
	if j.state != jitterPlaying {
		clear(out)
		j.heard(out)
		return
	}
	for len(out) > 0 {
		n := min(len(out), fillChunk*j.wide)
		j.pull(ms, out[:n], whole)
		ms, out = ms+float64(n)/j.perMS, out[n:]
		whole = 0
	}
}

// pull plays a part of a pull, the first of which says how long the whole is.
func (j *Jitter) pull(ms float64, out []int16, whole int) {
	n := len(out)
	j.sinceScale += n
	if flood := j.delay(ms) - j.target; flood > floodAbove && j.stalled == 0 && int(j.end-j.play) > int(flood*j.perMS) {
		j.skip(int(flood * j.perMS))
	}
	if j.stalled > dryAfter*j.wide && j.delay(ms) < j.target-slackBelow { // it goes on when its time has come
		j.invent(n)
	} else {
		j.fill(n)
	}
	if whole > 0 {
		j.adapt(ms, whole)
	}
	for len(j.ahead) < n {
		j.missing(ms, n-len(j.ahead))
	}
	j.played = j.delay(ms)
	copy(out, j.ahead)
	j.ahead = j.ahead[:copy(j.ahead, j.ahead[n:])]
	j.heard(out)
}

// heard notes what was played.
func (j *Jitter) heard(pcm []int16) {
	if len(pcm) >= len(j.past) {
		copy(j.past, pcm[len(pcm)-len(j.past):])
		return
	}
	copy(j.past, j.past[len(pcm):])
	copy(j.past[len(j.past)-len(pcm):], pcm)
}

// fill takes samples that are in hand until need are ready to be played, or a gap is met.
func (j *Jitter) fill(need int) {
	for len(j.ahead) < need {
		n := j.run(fillChunk * j.wide)
		if n == 0 {
			return
		}
		j.stalled = 0 // what is late is played all the same: the delay grows
		x := j.scratch[:n]
		for i := range x {
			x[i] = j.ring[(j.play+int64(i))&int64(len(j.ring)-1)]
		}
		j.comfort.on = j.comfort.on && j.comfort.start > j.play
		j.drop(n)
		j.losses -= j.losses * float64(n) / float64(lossMemory*j.length)
		j.join(x)
	}
}

// join appends real samples, which may fade into x from what was invented before.
func (j *Jitter) join(x []int16) {
	n := min(mergeOverlap*j.wide, len(x))
	switch {
	case j.inventing:
		k := j.conceal.join(x, j.inTime)
		for i := range k {
			j.ahead = append(j.ahead, round(j.conceal.tail[i]))
		}
		for i := range n {
			w := (float64(i) + 0.5) / float64(n)
			x[i] = round((1-w)*j.conceal.tail[k+i] + w*float64(x[i]))
		}
	case j.noising:
		for i := range n {
			x[i] = int16((int(j.comfort.next())*(n-i) + int(x[i])*i) / n)
		}
	}
	j.inventing, j.noising = false, false
	j.ahead = append(j.ahead, x...)
}

// skip leaves out n samples at play, and makes the join soft.
func (j *Jitter) skip(n int) {
	j.drop(n)
	j.continuePast()
	j.stats.Skipped += j.time(n)
}

// missing appends up to need samples that no packet brought, or more when a whole gap is bridged.
func (j *Jitter) missing(now float64, need int) {
	gap := j.gap()
	pause := gap > 0 && j.pauseAt <= j.play && j.play+int64(gap) == j.pauseEnd
	switch {
	case gap == 0 && j.run(1) > 0:
		j.fill(len(j.ahead) + need)
	case j.comfort.covers(j.play), pause && !j.inventing:
		if !j.comfort.on && !j.noising {
			j.comfort.level(j.noise * comfortUnsaid)
		}
		if gap > 0 {
			need = min(need, gap)
		}
		j.silence(need)
	case gap == 0: // late or lost, nobody knows yet
		j.invent(need)
	case j.stalled > 0: // what was invented already counts towards the gap
		j.count(gap, pause)
		done := min(j.stalled, gap)
		j.play += int64(done)
		j.stalled -= done
		j.inTime = j.stalled == 0
	case gap > concealMost*j.wide:
		j.count(gap, pause)
		gap -= concealMost * j.wide
		if over := int((j.delay(now) - j.target) * j.perMS); over > 0 { // late as it is: not all of it is waited for
			j.play += int64(min(over, gap))
			gap -= min(over, gap)
		}
		gap = min(gap, need)
		j.invent(gap)
		j.play += int64(gap)
		j.stalled = 0
	default:
		j.count(gap, pause)
		j.bridge(gap)
	}
}

// count notes a gap, once.
func (j *Jitter) count(gap int, pause bool) {
	if end := j.play + int64(gap); end != j.gapEnd && !pause {
		j.gapEnd = end
		j.losses = min(1, j.losses+float64(gap)/float64(j.length)*(1-j.losses)/lossMemory)
	}
}

// bridge fills a gap whose other side is in hand.
func (j *Jitter) bridge(gap int) {
	j.continuePast()
	j.play += int64(gap)
	after := j.conceal.after
	known := j.run(len(after))
	for i := range known {
		after[len(after)-1-i] = float64(j.ring[(j.play+int64(i))&int64(len(j.ring)-1)])
	}
	have := len(j.ahead)
	j.ahead = j.ahead[:have+gap]
	j.conceal.forward.steady = true
	j.conceal.bridge(j.ahead[have:], known, j.hush(after[len(after)-known:]))
	j.inventing, j.noising = false, false
	j.stats.Concealed += j.time(gap)
}

// invent continues what was played, with nothing newer in hand.
func (j *Jitter) invent(n int) {
	j.continuePast()
	for range n {
		j.ahead = append(j.ahead, round(j.conceal.forward.next()))
	}
	j.inTime = false
	if j.stalled += n; j.stalled <= dryAfter*j.wide { // after that it is silence
		j.stats.Concealed += j.time(n)
	}
}

// silence plays the far end's silence.
func (j *Jitter) silence(n int) {
	j.noising, j.inventing = true, false
	for range n {
		j.ahead = append(j.ahead, j.comfort.next())
	}
	j.play += int64(n)
	j.stalled = 0
}

// continuePast lets the concealer go on from the last sample that is ready, if it does not speak yet.
func (j *Jitter) continuePast() {
	if j.inventing {
		return
	}
	before := j.conceal.before
	m := min(len(j.ahead), len(before))
	for i, v := range j.past[m:] {
		before[i] = float64(v)
	}
	for i, v := range j.ahead[len(j.ahead)-m:] {
		before[len(before)-m+i] = float64(v)
	}
	j.conceal.forward.begin(before, j.hush(before))
	j.inventing, j.noising = true, false
}

// Stats returns the counts so far.
func (j *Jitter) Stats() JitterStats {
	s := j.stats
	if j.state != jitterIdle {
		low := j.window.least()
		s.Target = time.Duration((j.target - low) * float64(time.Millisecond))
		if j.state == jitterPlaying {
			s.Delay = time.Duration(max(0, j.played-low) * float64(time.Millisecond))
		}
	}
	return s
}

// time is how long n samples last.
func (j *Jitter) time(n int) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(clockRate*j.wide)
}

func abs[T int | int64](v T) T { return max(v, -v) }
