package hal

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

func TestKeysHaveNames(t *testing.T) {
	seen := map[Key]bool{}
	digits, lines := 0, 0
	for _, k := range AllKeys() {
		if seen[k] {
			t.Errorf("key %q is listed twice", k)
		}
		seen[k] = true
		if !Valid(k) {
			t.Errorf("key %q is listed but not valid", k)
		}
		if _, ok := k.Digit(); ok {
			digits++
		}
		if n, ok := k.Line(); ok {
			lines++
			if n != lines {
				t.Errorf("key %q is line %d, want %d", k, n, lines)
			}
		}
	}
	if digits != 12 || lines != MaxLines {
		t.Errorf("%d keys on the dial and %d line keys, want 12 and %d", digits, lines, MaxLines)
	}
	for _, k := range []Key{"", "10", "line9", "line0", "line", "HOOK", "a", "soft5"} {
		if Valid(k) {
			t.Errorf("%q is taken for a key", k)
		}
	}
}

func TestPacerDoesNotDrift(t *testing.T) {
	p := NewPacer(8000, 40)
	now := time.Unix(100, 0)
	start := now
	for i := range 100000 {
		wait := p.Wait(now)
		if wait > 5*time.Millisecond {
			t.Fatalf("period %d: waits %v, longer than a period", i, wait)
		}
		// The sleeper always oversleeps, sometimes by many periods.
		late := time.Duration(i%7) * 100 * time.Microsecond
		if i%1000 == 0 {
			late = 60 * time.Millisecond
		}
		now = now.Add(max(wait, 0) + late)
	}
	if got := now.Sub(start); got < 500*time.Second || got > 500*time.Second+maxBehind {
		t.Errorf("100000 periods of 5 ms took %v", got)
	}
	if p.Resyncs() != 0 {
		t.Errorf("%d resyncs without a long stop", p.Resyncs())
	}
}

func TestPacerStartsAnewAfterALongStop(t *testing.T) {
	p := NewPacer(8000, 40)
	now := time.Unix(100, 0)
	now = now.Add(p.Wait(now))
	now = now.Add(time.Hour)
	for i := range 3 {
		wait := p.Wait(now)
		if wait != 5*time.Millisecond {
			t.Fatalf("period %d after the stop waits %v, want 5ms", i, wait)
		}
		now = now.Add(wait)
	}
	if p.Resyncs() != 1 {
		t.Errorf("%d resyncs, want 1", p.Resyncs())
	}
}

// A rate that does not divide a second leaves no remainder behind.
func TestPacerOddRate(t *testing.T) {
	p := NewPacer(44100, 441*3)
	now := time.Unix(0, 0)
	start := now
	for range 1_000_000 {
		now = now.Add(p.Wait(now))
	}
	if got, want := now.Sub(start), 30000*time.Second; got != want {
		t.Errorf("a million periods took %v, want %v", got, want)
	}
}

func TestAbsentSoundKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewAbsentSound(8000, 40)
		play, rec := make([]int16, 40), make([]int16, 40)
		rec[3] = 7
		start := time.Now()
		for range 200 {
			if err := s.Exchange(play, rec); err != nil {
				t.Fatal(err)
			}
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("200 periods took %v, want 1s", got)
		}
		if rec[3] != 0 {
			t.Error("an absent microphone was heard")
		}
		if err := s.Exchange(play[:1], rec); err == nil {
			t.Error("a short period was taken")
		}
		done := make(chan error)
		go func() { done <- s.Exchange(play, rec) }()
		synctest.Wait()
		s.Close()
		s.Close()
		if err := <-done; !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("Exchange after Close: %v", err)
		}
	})
}

func TestAbsentKeysAndLamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := NewAbsentKeys()
		done := make(chan error)
		go func() {
			_, err := k.ReadContact()
			done <- err
		}()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("ReadContact returned %v before Close", err)
		default:
		}
		k.Close()
		if err := <-done; err != io.EOF {
			t.Errorf("ReadContact after Close: %v, want io.EOF", err)
		}
	})
	if err := (Device{}).Lamp("mwi").Set(true); !errors.Is(err, ErrAbsent) {
		t.Errorf("a lamp that is not there: %v", err)
	}
	if err := (AbsentScreen{}).Draw(Frame{}); err != nil {
		t.Errorf("an absent screen: %v", err)
	}
}
