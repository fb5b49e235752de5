package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"dialtone/config"
	"dialtone/media"
	"dialtone/sip"
)

// An ear stands between the loop and the voice engine: it writes down what starts and stops and fails
// the test when they do not come in turn. Only the loop calls it.
type ear struct {
	voice
	wrong    func(format string, args ...any) // something does not come in turn
	say      func(text string)
	tone     string
	ring     bool
	beep     string
	talk     int          // the call whose voice is sent or received
	reserved map[int]bool // calls that hold ports
	streams  map[int]string
}

func (e *ear) ports() int { return len(e.reserved) }

func (e *ear) out(format string, args ...any) { e.say(fmt.Sprintf(format, args...)) }

func (e *ear) Reserve(id int, ip netip.Addr) (uint16, error) {
	port, err := e.voice.Reserve(id, ip)
	if err == nil {
		if e.reserved == nil {
			e.reserved, e.streams = map[int]bool{}, map[int]string{}
		}
		e.reserved[id] = true
	}
	return port, err
}

func (e *ear) Start(id int, s media.Stream) error {
	if !e.reserved[id] {
		e.wrong("the voice of call %d starts without ports", id)
	}
	flow := map[[2]bool]string{{true, true}: "both ways", {true, false}: "to them only", {false, true}: "from them only", {false, false}: "silent"}
	to := s.Remote.String()
	if s.Remote.Port() >= 16384 {
		to = s.Remote.Addr().String() // a phone's port, drawn by lot
	}
	text := fmt.Sprintf("%s, %s to %s", flow[[2]bool{s.Send, s.Receive}], s.Codec.Name, to)
	if s.Send || s.Receive {
		if e.talk != 0 && e.talk != id || e.tone != "" || e.ring {
			e.wrong("the voice of call %d starts with call %d, tone %q, ringing %t on", id, e.talk, e.tone, e.ring)
		}
		e.talk = id
	} else if e.talk == id {
		e.talk = 0
	}
	if e.streams[id] != text {
		e.streams[id] = text
		e.out("voice %s", text)
	}
	return e.voice.Start(id, s)
}

func (e *ear) Stop(id int) media.Stats {
	if !e.reserved[id] {
		e.wrong("the voice of call %d stops twice", id)
	}
	delete(e.reserved, id)
	if e.streams[id] != "" {
		e.out("voice ends")
	}
	delete(e.streams, id)
	if e.talk == id {
		e.talk = 0
	}
	return e.voice.Stop(id)
}

func (e *ear) PlayTone(name string) error {
	if e.tone != "" || e.ring || e.talk != 0 {
		e.wrong("tone %s starts with call %d, tone %q, ringing %t on", name, e.talk, e.tone, e.ring)
	}
	e.tone = name
	e.out("tone %s", name)
	return e.voice.PlayTone(name)
}

func (e *ear) StopTone() {
	if e.tone == "" {
		e.wrong("a tone stops that does not play")
	}
	e.out("tone ends")
	e.tone = ""
	e.voice.StopTone()
}

func (e *ear) StartRing(cadence int) {
	if e.tone != "" || e.ring || e.talk != 0 {
		e.wrong("the bell starts with call %d, tone %q, ringing %t on", e.talk, e.tone, e.ring)
	}
	e.ring = true
	e.out("ring %d", cadence)
	e.voice.StartRing(cadence)
}

func (e *ear) StopRing() {
	if !e.ring {
		e.wrong("a bell stops that does not ring")
	}
	e.ring = false
	e.out("ring ends")
	e.voice.StopRing()
}

func (e *ear) PlayBeep(name string) error {
	if e.beep != "" {
		e.wrong("beep %s starts over %s", name, e.beep)
	}
	e.beep = name
	e.out("beep %s", name)
	return e.voice.PlayBeep(name)
}

func (e *ear) StopBeep() {
	if e.beep == "" {
		e.wrong("a beep stops that does not play")
	}
	e.beep = ""
	e.out("beep ends")
	e.voice.StopBeep()
}

func (e *ear) SendDigit(id int, digit string, d time.Duration) error {
	e.out("digit %s", digit)
	return e.voice.SendDigit(id, digit, d)
}

// A shelf is the keeper of the bench: a disk that takes a moment and may fail, and profiles to fetch.
type shelf struct {
	desk  *desk
	mail  func(any)
	delay time.Duration

	mu       sync.Mutex
	broken   int // that many saves fail
	saves    []config.Settings
	profiles map[string]string // by rule; missing: the server is down
	dns      []string          // as remembered, each time
}

func (s *shelf) Remember(answers []sip.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dns = append(s.dns, answersText(answers))
}

// remembered is what was written of the DNS, each time.
func (s *shelf) remembered() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.dns)
}

func (s *shelf) Save(seq int, set config.Settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	why := error(nil)
	if s.broken > 0 {
		s.broken--
		why = errors.New("no space left on device")
	} else {
		s.saves = append(s.saves, set)
	}
	time.AfterFunc(s.delay, func() { s.mail(saved{Seq: seq, Cause: cause(why)}) })
}

func (s *shelf) Fetch(seq int, rule string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.desk.say(classOut, "%s> fetch %s", s.desk.name, rule)
	in := fetched{Seq: seq, Rule: rule}
	if text, ok := s.profiles[rule]; ok {
		in.Data = []byte(text)
	} else {
		in.Cause = "connection refused"
	}
	time.AfterFunc(s.delay, func() { s.mail(in) })
}

// offer puts a profile where a rule finds it.
func (s *shelf) offer(rule, profile string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.profiles[rule] = profile
}

// fail lets the next n saves fail.
func (s *shelf) fail(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = n
}

// slow sets how long the disk and the profile server take.
func (s *shelf) slow(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// onDisk is what is kept now.
func (s *shelf) onDisk() (config.Settings, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.saves); n > 0 {
		return s.saves[n-1], true
	}
	return config.Settings{}, false
}
