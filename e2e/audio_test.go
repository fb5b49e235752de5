//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
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
	noiseTime   = 30 * time.Second
	fingerprint = 24 // samples that identify a place in the noise
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

// unbroken finds the longest run of received samples that is a run of sent ones (which may have been repeated in a
// loop), compared as G.711 codes, and returns its length.
func unbroken(sent, received []int16, codec string) time.Duration {
	encode := g711.EncodeUlawFrame
	if codec == pcma {
		encode = g711.EncodeAlawFrame
	}
	code := func(s int16) byte {
		if codec == pcmu && s == 0 {
			return 0xff // the two zeros of mu-law are the same sample
		}
		return encode(s)
	}
	a, b := make([]byte, len(sent)), make([]byte, len(received))
	for i, s := range sent {
		a[i] = code(s)
	}
	for i, s := range received {
		b[i] = code(s)
	}
	places := make(map[string]int, len(a))
	for i := 0; i+fingerprint <= len(a); i++ {
		places[string(a[i:i+fingerprint])] = i
	}
	longest := 0
	for i := 0; i+fingerprint <= len(b); {
		at, known := places[string(b[i:i+fingerprint])]
		if !known {
			i++
			continue
		}
		n := 0
		for i+n < len(b) && b[i+n] == a[(at+n)%len(a)] {
			n++
		}
		longest = max(longest, n)
		i += n
	}
	return time.Duration(longest) * time.Second / sampleRate
}

// wantUnbroken demands a bit-exact run of at least d.
func wantUnbroken(t testing.TB, sentence string, sent, received []int16, codec string, d time.Duration) {
	t.Helper()
	got := unbroken(sent, received, codec)
	t.Logf("%s: %.2f s bit-exact of %.2f s heard", sentence, got.Seconds(), (time.Duration(len(received)) * time.Second / sampleRate).Seconds())
	if got < d {
		t.Errorf("%s: the longest bit-exact run is %v, want %v", sentence, got, d)
	}
}
