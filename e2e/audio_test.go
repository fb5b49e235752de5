//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/zaf/g711"
)

// Specification constants: G.711 runs at 8 kHz.
const (
	sampleRate = 8000
	pcmu       = "PCMU"
	pcma       = "PCMA"
)

// Implementation constants.
const (
	noiseTime      = 60 * time.Second
	fingerprint    = 8               // samples that identify a place in the noise
	exactTime      = 3 * time.Second // must arrive without one wrong bit
	recordingPause = 200 * time.Millisecond
	runsShown      = 20 // in the log, of a recording that was broken
)

// noise returns a WAV of random G.711 codes as linear samples: what a codec must carry without changing one
// bit, and where every place is recognisable.
func (n *network) noise(t testing.TB, codec string) string {
	t.Helper()
	path := filepath.Join(n.dir, "noise-"+codec+".wav")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	// Written aside and renamed, because several tests may need it at once.
	f, err := os.CreateTemp(n.dir, "noise-")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(wav(noiseSamples(codec))); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		t.Fatal(err)
	}
	return path
}

// noiseSamples are the samples of that file: always the same.
func noiseSamples(codec string) []int16 {
	random := rand.New(rand.NewPCG(1, uint64(len(codec))))
	samples := make([]int16, int(noiseTime.Seconds())*sampleRate)
	for i := range samples {
		code := byte(random.UintN(256))
		if codec == pcma {
			samples[i] = g711.DecodeAlawFrame(code)
		} else {
			samples[i] = g711.DecodeUlawFrame(code)
		}
	}
	return samples
}

// wav wraps 16-bit mono samples at 8 kHz.
func wav(samples []int16) []byte {
	b := make([]byte, 0, 44+2*len(samples))
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(36+2*len(samples)))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1) // PCM
	b = binary.LittleEndian.AppendUint16(b, 1) // mono
	b = binary.LittleEndian.AppendUint32(b, sampleRate)
	b = binary.LittleEndian.AppendUint32(b, 2*sampleRate)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*len(samples)))
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}

// readWAV reads the samples of a 16-bit mono WAV at 8 kHz. A file still being written is read as far as it goes.
func readWAV(path string) ([]int16, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return nil, fmt.Errorf("%s is no WAV file", path)
	}
	for at := 12; at+8 <= len(b); {
		size := int(binary.LittleEndian.Uint32(b[at+4:]))
		chunk := b[at+8:]
		switch string(b[at : at+4]) {
		case "fmt ":
			if channels, rate := binary.LittleEndian.Uint16(chunk[2:]), binary.LittleEndian.Uint32(chunk[4:]); channels != 1 || rate != sampleRate {
				return nil, fmt.Errorf("%s has %d channels at %d Hz", path, channels, rate)
			}
		case "data":
			if size > 0 {
				chunk = chunk[:min(size, len(chunk))]
			} // else the writer fills in the size at the end
			samples := make([]int16, len(chunk)/2)
			for i := range samples {
				samples[i] = int16(binary.LittleEndian.Uint16(chunk[2*i:]))
			}
			return samples, nil
		}
		at += 8 + size + size&1
	}
	return nil, fmt.Errorf("%s has no samples", path)
}

// A signal is the noise of one codec as G.711 codes, and where every fingerprint of it is.
type signal struct {
	codec  string
	codes  []byte
	places map[uint64]int32
}

// The two signals, made when they are first needed.
var (
	signalPCMU = sync.OnceValue(func() *signal { return newSignal(pcmu) })
	signalPCMA = sync.OnceValue(func() *signal { return newSignal(pcma) })
)

func signalOf(codec string) *signal {
	if codec == pcma {
		return signalPCMA()
	}
	return signalPCMU()
}

func newSignal(codec string) *signal {
	s := &signal{codec: codec, codes: g711Codes(noiseSamples(codec), codec), places: map[uint64]int32{}}
	for i := 0; i+fingerprint <= len(s.codes); i++ {
		s.places[binary.BigEndian.Uint64(s.codes[i:])] = int32(i)
	}
	return s
}

// g711Codes encodes samples; the two zeros of mu-law are the same sample.
func g711Codes(samples []int16, codec string) []byte {
	codes := make([]byte, len(samples))
	for i, s := range samples {
		switch {
		case codec == pcma:
			codes[i] = g711.EncodeAlawFrame(s)
		case s == 0:
			codes[i] = 0xff
		default:
			codes[i] = g711.EncodeUlawFrame(s)
		}
	}
	return codes
}

// A run is a stretch of the received samples that is a stretch of the sent ones.
type run struct {
	at, from, samples int // where it begins in the received and in the sent samples, and how long it is
}

// runs finds the stretches of received samples that were sent, compared as G.711 codes. The signal may have been
// repeated in a loop.
func (s *signal) runs(received []int16) []run {
	codes := g711Codes(received, s.codec)
	var found []run
	for i := 0; i+fingerprint <= len(codes); {
		place, known := s.places[binary.BigEndian.Uint64(codes[i:])]
		if !known {
			i++
			continue
		}
		from, n := int(place), 0
		for i+n < len(codes) && codes[i+n] == s.codes[(from+n)%len(s.codes)] {
			n++
		}
		if n >= fingerprint {
			found = append(found, run{at: i, from: from, samples: n})
		}
		i += max(n, 1)
	}
	return found
}

// unbroken is the length of the longest run.
func (s *signal) unbroken(received []int16) time.Duration {
	longest := 0
	for _, r := range s.runs(received) {
		longest = max(longest, r.samples)
	}
	return duration(longest)
}

func duration(samples int) time.Duration { return time.Duration(samples) * time.Second / sampleRate }

// wantUnbroken waits until a recording has a bit-exact run of exactTime. Where the machine is busy a packet may come
// late now and then, in real life as here; that the rest is exact cannot happen by chance.
func wantUnbroken(t testing.TB, sentence, codec string, recording func() []int16) {
	t.Helper()
	s := signalOf(codec)
	var heard []int16
	defer func() {
		t.Logf("%s: %v bit-exact of %v heard", sentence, s.unbroken(heard), duration(len(heard)))
		for i, r := range s.runs(heard) {
			if i == runsShown {
				t.Log("  …")
				return
			}
			t.Logf("  at %v: %v of what was sent at %v", duration(r.at), duration(r.samples), duration(r.from))
		}
	}()
	tick := time.NewTicker(recordingPause)
	defer tick.Stop()
	for deadline := time.Now().Add(noiseTime / 2); ; <-tick.C {
		if heard = recording(); s.unbroken(heard) >= exactTime {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: the longest bit-exact run is %v, want %v", sentence, s.unbroken(heard), exactTime)
		}
	}
}
