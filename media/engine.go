package media

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/rtp"

	"dialtone/hal"
)

// Implementation constants.
const (
	echoPeriod   = sampleRate / 200      // samples: an EchoCanceller takes multiples of it
	idleAfter    = 2 * time.Second       // of silence: the sound device is left alone until there is something to do
	absentPeriod = sampleRate / 200      // of the silent device that stands in for an unusable one
	eventBacklog = 256                   // events waiting for Notify; more are dropped
	readPause    = 10 * time.Millisecond // after a socket error that may pass
	keyLevel     = -20.0                 // dBm of the key feedback's low group
	keyLength    = 80 * sampleRate / 1000
	maxCNAME     = 255
	MaxVolume    = 10
	UnityVolume  = 6   // the phone's default: voice is played as it came
	volumeStep   = 3.0 // dB
	unityGain    = 1 << 12
	rtcpLeast    = time.Second
	rtcpAsk      = 10 * time.Second // with reports switched off: when to look again
)

// A Config is what an Engine works with.
type Config struct {
	Sound        hal.Sound // 8 kHz; nil, or another rate, is replaced by silence at the right pace
	ListenPacket func(netip.AddrPort) (net.PacketConn, error)
	// RTP is bound to an even port and RTCP to the next, both in PortMin to PortMax. 0: 16384 to 16482.
	PortMin, PortMax uint16
	Tones            TonePlan
	RTCPInterval     time.Duration // between reports, on average; 0: none are sent
	CNAME            string        // of RTCP; "": made up, RFC 7022
	Notify           func(Event)   // called from one goroutine of the Engine; may block
	Log              *slog.Logger

	// EchoCanceller takes what is played out of what the microphone gives while the speaker is on; nil: nothing
	// does. It belongs to the Engine from now on.
	EchoCanceller EchoCanceller
	Speaker       bool // whether it is on from the beginning; SetSpeaker changes it
}

// An EchoCanceller sets out to what of near is not an echo of far, what is played in the same time. All
// three are one period of the sound device, and out may be near. *echo.Canceller is one, at multiples of 5 ms.
type EchoCanceller interface {
	Process(far, near, out []int16)
}

// An Event is what the voice of a call has to tell.
type Event interface{ mediaEvent() }

// DigitHeard says that a telephone-event began: one for each key press of the far end.
type DigitHeard struct {
	ID    int
	Digit string // 0-9 * # A-D, or ! for a hook flash
}

// DigitEnded says how long the digit heard last was.
type DigitEnded struct {
	ID     int
	Digit  string
	Millis int
}

// Silent says that nothing has come from the far end for ten seconds, or (not On) that it comes again.
type Silent struct {
	ID int
	On bool
}

// SoundFailed says that the sound device failed, or with an empty Cause that it works again. Calls go
// on in silence meanwhile.
type SoundFailed struct{ Cause string }

func (DigitHeard) mediaEvent()  {}
func (DigitEnded) mediaEvent()  {}
func (Silent) mediaEvent()      {}
func (SoundFailed) mediaEvent() {}

// An Engine carries the voice of calls between the sound device and the network, and plays the phone's
// tones. One goroutine owns the sound device, and is paced by it; one for each socket reads. All
// methods may be called by any goroutine, and none waits for the network or the sound device.
type Engine struct {
	cfg     Config
	sound   hal.Sound
	absent  *hal.AbsentSound // stands in for sound, closed with the Engine; nil otherwise
	period  int
	events  chan Event
	running sync.WaitGroup

	mu       sync.Mutex
	work     sync.Cond // there is something to play, or the Engine is closed
	closed   bool
	sessions []*session
	tone     player
	beep     player
	ring     player
	key      player
	muted    bool
	speaker  bool  // the loudspeaker is the one the microphone hears
	gain     int32 // of voice and tones, unityGain: as they are
	idle     int   // samples since there was something to do
	failed   bool  // the sound device, at the last exchange
	pcm      []int16
	mix      []int32
	outbox   []outgoing
}

// An outgoing packet waits for the lock to be let go.
type outgoing struct {
	s      *session
	socket *socket
	to     netip.AddrPort
	packet []byte
}

// New starts an engine. It does not own the sound device: whoever opened it closes it, after Close.
func New(cfg Config) *Engine {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.PortMin == 0 && cfg.PortMax == 0 {
		cfg.PortMin, cfg.PortMax = defaultPortMin, defaultPortMax
	}
	if cfg.CNAME == "" || len(cfg.CNAME) > maxCNAME {
		var b [12]byte // RFC 7022 section 4.2
		rand.Read(b[:])
		cfg.CNAME = base64.StdEncoding.EncodeToString(b[:])
	}
	e := &Engine{cfg: cfg, sound: cfg.Sound, events: make(chan Event, eventBacklog), gain: unityGain}
	if e.sound == nil || e.sound.Rate() != sampleRate || e.sound.Period() <= 0 || e.sound.Period() > maxFrame {
		if e.sound != nil {
			cfg.Log.Error("the sound device cannot be used for voice, calls will be silent",
				"rate", e.sound.Rate(), "period", e.sound.Period(), "wanted_rate", sampleRate)
		}
		e.absent = hal.NewAbsentSound(sampleRate, absentPeriod)
		e.sound = e.absent
	}
	e.work.L = &e.mu
	e.period = e.sound.Period()
	if e.cfg.EchoCanceller != nil && e.period%echoPeriod != 0 {
		cfg.Log.Error("the period of the sound device does not suit the echo canceller, the far end will hear its echo",
			"period", e.period, "wanted_multiple_of", echoPeriod)
		e.cfg.EchoCanceller = nil
	}
	e.speaker = cfg.Speaker
	e.pcm, e.mix = make([]int16, e.period), make([]int32, e.period)
	e.running.Go(e.run)
	if cfg.Notify != nil {
		e.running.Go(func() {
			for ev := range e.events {
				cfg.Notify(ev)
			}
		})
	}
	return e
}

// Close ends all sessions and goroutines. It waits for an Exchange and a Notify under way, so Notify must
// not wait for whoever calls Close.
func (e *Engine) Close() {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return
	}
	e.closed = true
	sessions := append([]*session(nil), e.sessions...)
	e.work.Broadcast()
	e.mu.Unlock()
	for _, s := range sessions {
		e.Stop(s.id)
	}
	if e.absent != nil {
		e.absent.Close()
	}
	e.mu.Lock()
	close(e.events) // post does nothing any more
	e.mu.Unlock()
	e.running.Wait()
}

// Reserve binds the ports of a call, RTP on the even one it returns. Called again for the same call it
// returns the same, or with another address moves the call to it.
func (e *Engine) Reserve(id int, ip netip.Addr) (port uint16, err error) {
	e.mu.Lock()
	s := e.find(id)
	closed := e.closed
	e.mu.Unlock()
	if closed {
		return 0, errors.New("reserving ports: the engine is closed")
	}
	if s != nil && s.ip == ip {
		return s.port, nil
	}
	low, high := e.ports()
	r, c, port, err := listenPair(e.cfg.ListenPacket, ip, low, high)
	if err != nil {
		return 0, fmt.Errorf("reserving ports on %s: %w", ip, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.find(id) != s { // while the ports were bound
		r.conn.Close()
		c.conn.Close()
		return 0, fmt.Errorf("reserving ports: call %d began or ended meanwhile", id)
	}
	if s == nil {
		s = &session{id: id, done: make(chan struct{}), reporter: reporter{cname: e.cfg.CNAME}}
		s.inband.mix = make([]int32, e.period)
		e.sessions = append(e.sessions, s)
	} else {
		s.rtp.conn.Close()
		s.rtcp.conn.Close()
	}
	s.ip, s.port, s.rtp, s.rtcp = ip, port, r, c
	e.running.Go(func() { e.readRTP(s, r) })
	e.running.Go(func() { e.readRTCP(s, c) })
	return port, nil
}

// Start begins the voice of a call whose ports are reserved, or changes it as a re-INVITE asks, without
// a gap where nothing changes.
func (e *Engine) Start(id int, st Stream) error {
	l := lawOf(st.Codec)
	samples := int(st.Ptime * sampleRate / time.Second)
	if st.Codec == (Codec{}) && !st.Send && !st.Receive { // a session without audio
		st.Codec, l = PCMU, muLaw
	}
	if st.Ptime == 0 {
		st.Ptime, samples = defaultPtime, int(defaultPtime*sampleRate/time.Second)
	}
	switch {
	case l == nil || st.Codec.PT > 127:
		return fmt.Errorf("starting voice: no codec %s/%d under payload %d here", st.Codec.Name, st.Codec.Rate, st.Codec.PT)
	case st.Ptime < minPtime || st.Ptime > maxPtime:
		return fmt.Errorf("starting voice: packets of %v, 10 to 60 ms can be sent", st.Ptime)
	case samples%e.period != 0:
		return fmt.Errorf("starting voice: the sound period of %d samples does not divide packets of %v", e.period, st.Ptime)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.find(id)
	if s == nil || e.closed {
		return fmt.Errorf("starting voice: no ports are reserved for call %d", id)
	}
	first := !s.started
	if err := s.apply(time.Now(), st, l, samples); err != nil {
		return fmt.Errorf("starting voice: %w", err)
	}
	if first {
		e.running.Go(func() { e.report(s) })
	}
	e.work.Broadcast()
	return nil
}

// Stop ends the voice of a call, frees its ports and returns how it was. It does nothing for a call it
// does not know.
func (e *Engine) Stop(id int) Stats {
	e.mu.Lock()
	s := e.find(id)
	if s == nil {
		e.mu.Unlock()
		return Stats{}
	}
	for i, other := range e.sessions {
		if other == s {
			e.sessions = append(e.sessions[:i], e.sessions[i+1:]...)
			break
		}
	}
	stats := s.stats()
	bye, to := e.compound(s, true)
	close(s.done)
	e.mu.Unlock()
	if bye != nil {
		s.rtcp.write(bye, to) // best effort: the session is over either way
	}
	s.rtp.conn.Close()
	s.rtcp.conn.Close()
	return stats
}

// Stats returns how the voice of a call goes.
func (e *Engine) Stats(id int) Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.find(id); s != nil {
		return s.stats()
	}
	return Stats{}
}

// PlayTone plays the tone of that name in the plan, in place of the one before. It ends by itself when
// its script says so.
func (e *Engine) PlayTone(name string) error { return e.playOn(&e.tone, name) }

func (e *Engine) playOn(to *player, name string) error {
	t, ok := e.plan().Tone(name)
	if !ok {
		return fmt.Errorf("there is no tone %q", name)
	}
	p := compileTone(t)
	e.mu.Lock()
	defer e.mu.Unlock()
	to.play(p)
	e.work.Broadcast()
	return nil
}

// StopTone ends the tone.
func (e *Engine) StopTone() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tone.stop()
}

// PlayBeep is PlayTone beside the tone: both are heard, and the voice under them.
func (e *Engine) PlayBeep(name string) error { return e.playOn(&e.beep, name) }

// StopBeep ends what PlayBeep plays.
func (e *Engine) StopBeep() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.beep.stop()
}

// StartRing rings in the rhythm of a cadence, 1 to 9.
func (e *Engine) StartRing(cadence int) {
	p := compileRing(e.plan().Cadence(cadence))
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ring.play(p)
	e.work.Broadcast()
}

// StopRing ends the ringing.
func (e *Engine) StopRing() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ring.stop()
}

// KeyTone lets the user hear a key of the dial. Other keys make no sound.
func (e *Engine) KeyTone(key string) {
	if len(key) != 1 {
		return
	}
	code, ok := eventCode(key[0])
	if !ok {
		return
	}
	p := compileDTMF(code, keyLevel, keyLength)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.key.play(p)
	e.work.Broadcast()
}

// SendDigit sends digits (0-9 * # A-D, ! for a hook flash) of d each into a call, 0 the usual 100 ms: as
// telephone-events where they were agreed on, else as tones. Digits queue up.
func (e *Engine) SendDigit(id int, digits string, d time.Duration) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.find(id)
	if s == nil || !s.started || !s.stream.Send {
		return fmt.Errorf("sending digits: call %d sends no voice", id)
	}
	to := &s.inband.waiting
	if s.stream.EventPT != 0 {
		to = &s.sender.events
	}
	if err := to.add(digits, d); err != nil {
		return fmt.Errorf("sending digits: %w", err)
	}
	return nil
}

// SetMute silences the microphone in all calls.
func (e *Engine) SetMute(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.muted = on
}

// SetSpeaker says whether the user talks by way of the loudspeaker, whose echo the EchoCanceller takes away; with
// a handset there is none to take away, and the microphone is used as it is.
func (e *Engine) SetSpeaker(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.speaker = on
}

// SetVolume sets the loudness of voice and tones, 0 to 10 in steps of 3 dB. At 6, and before the first
// call, voice is played as it came.
func (e *Engine) SetVolume(level int) {
	db := float64(min(max(level, 0), MaxVolume)-UnityVolume) * volumeStep
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gain = int32(math.Round(unityGain * math.Pow(10, db/20)))
}

// find returns the session of a call, or nil. The lock is held.
func (e *Engine) find(id int) *session {
	for _, s := range e.sessions {
		if s.id == id {
			return s
		}
	}
	return nil
}

// post hands an event to Notify without ever waiting. The lock is held.
func (e *Engine) post(ev Event) {
	if e.closed || e.cfg.Notify == nil {
		return
	}
	select {
	case e.events <- ev:
	default: // Notify has hung for hundreds of events
	}
}

// readRTP takes what arrives on a call's RTP port until it is closed.
func (e *Engine) readRTP(s *session, k *socket) {
	var (
		buf = make([]byte, maxDatagram)
		h   rtp.Header
	)
	for {
		n, from, err := k.read(buf)
		if err != nil {
			if stopped(s, err) {
				return
			}
			continue
		}
		e.mu.Lock()
		var r receipt
		if s.started && s.rtp == k {
			r = s.receive(time.Now(), from, buf[:n], &h)
			for _, ev := range r.events[:r.n] {
				e.tell(s, ev)
			}
			if r.back {
				e.post(Silent{ID: s.id})
			}
		}
		e.mu.Unlock()
		if r.latched {
			e.cfg.Log.Info("voice comes from another address than agreed, and is sent there", "call", s.id, "from", from)
		}
	}
}

func (e *Engine) tell(s *session, ev heardEvent) {
	if ev.ended {
		e.post(DigitEnded{ID: s.id, Digit: string(ev.digit), Millis: int(ev.span.Milliseconds())})
	} else {
		e.post(DigitHeard{ID: s.id, Digit: string(ev.digit)})
	}
}

// stopped says whether a read error is the end, and pauses when it is not.
func stopped(s *session, err error) bool {
	if errors.Is(err, net.ErrClosed) {
		return true
	}
	t := time.NewTimer(readPause)
	defer t.Stop()
	select {
	case <-s.done:
		return true
	case <-t.C:
		return false
	}
}

// readRTCP takes the reports that arrive for a call.
func (e *Engine) readRTCP(s *session, k *socket) {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := k.read(buf)
		if err != nil {
			if stopped(s, err) {
				return
			}
			continue
		}
		e.mu.Lock()
		if s.started && s.rtcp == k && from.Addr() == s.destination().Addr() {
			if s.report(time.Now(), buf[:n]) {
				s.rtcpFrom = from
			}
		}
		e.mu.Unlock()
	}
}

// report sends our reports until the call ends, at random intervals around the one configured
// (RFC 3550 section 6.3.1).
func (e *Engine) report(s *session) {
	e.mu.Lock()
	interval := e.cfg.RTCPInterval
	e.mu.Unlock()
	t := time.NewTimer(rtcpWait(interval) / 2) // the first report comes sooner, section 6.2
	defer t.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-t.C:
		}
		e.mu.Lock()
		packet, to := e.compound(s, false)
		k, interval := s.rtcp, e.cfg.RTCPInterval
		e.mu.Unlock()
		if packet != nil {
			k.write(packet, to) // an unheard report is like a lost one
		}
		t.Reset(rtcpWait(interval))
	}
}

// rtcpWait is the time to the next report: half to one and a half intervals.
func rtcpWait(interval time.Duration) time.Duration {
	if interval <= 0 {
		interval = rtcpAsk
	}
	interval = max(interval, rtcpLeast)
	return interval/2 + time.Duration(float64(interval)*float64(random32())/(1<<32))
}

// compound writes a report of s, nil when there is none to send. The lock is held.
func (e *Engine) compound(s *session, bye bool) (packet []byte, to netip.AddrPort) {
	if !s.started || e.cfg.RTCPInterval <= 0 {
		return nil, to
	}
	to = s.rtcpDestination()
	if !to.IsValid() || to.Port() == 0 {
		return nil, to
	}
	sent := s.sender.packets != s.written
	s.written = s.sender.packets
	packet, err := s.reporter.compound(time.Now(), s.sender, sent, &s.reception, s.latch.ssrc, bye)
	if err != nil {
		return nil, to // cannot be: what it is made of is ours, and within its limits
	}
	return s.guard.sealReport(packet), to
}
