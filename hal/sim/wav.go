package sim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Specification constants: the RIFF/WAVE file format.
const (
	headerLen = 44 // RIFF, fmt and data chunk headers, as written by us
	formatPCM = 1
	formatExt = 0xfffe // WAVE_FORMAT_EXTENSIBLE: the format stands in a GUID
)

// Implementation constants.
const (
	maxMicFile   = 64 << 20              // bytes of a microphone file
	maxSpeaker   = 1 << 30               // bytes of samples in a speaker file; then it is full
	minMic       = 10 * time.Millisecond // a shorter loop is a buzz, not a recording
	patchEvery   = 250 * time.Millisecond
	maxUnsaved   = 10 * sampleRate // samples that may wait for a slow disk
	sampleRate   = 8000
	samplePeriod = 40
)

// readMic reads a WAV file of 8 or 16 kHz, one channel, 16 bits, as samples at 8 kHz.
func readMic(name string) ([]int16, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxMicFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxMicFile {
		return nil, fmt.Errorf("%s: larger than %d MB", name, maxMicFile>>20)
	}
	samples, rate, err := parseWAV(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if rate == 2*sampleRate {
		samples = halve(samples)
	}
	if len(samples) < int(minMic*sampleRate/time.Second) {
		return nil, fmt.Errorf("%s: the recording is empty or shorter than %v", name, minMic)
	}
	return samples, nil
}

// parseWAV returns the samples of a WAV file and their rate.
func parseWAV(data []byte) (samples []int16, rate int, err error) {
	if len(data) < 12 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WAVE" {
		return nil, 0, errors.New("not a WAV file")
	}
	rest := data[12:]
	for len(rest) >= 8 {
		id, size := string(rest[:4]), binary.LittleEndian.Uint32(rest[4:])
		body := rest[8:]
		if uint64(size) < uint64(len(body)) {
			rest = body[size:]
			if size%2 == 1 {
				rest = rest[1:] // chunks are padded to even sizes
			}
			body = body[:size]
		} else {
			rest = nil // a recording cut short, or one still being written
		}
		switch id {
		case "fmt ":
			if rate, err = parseFormat(body); err != nil {
				return nil, 0, err
			}
		case "data":
			if rate == 0 {
				return nil, 0, errors.New("WAV data before its format")
			}
			samples = make([]int16, len(body)/2)
			for i := range samples {
				samples[i] = int16(binary.LittleEndian.Uint16(body[2*i:]))
			}
			return samples, rate, nil
		}
	}
	return nil, 0, errors.New("a WAV file without samples")
}

// parseFormat reads the fmt chunk, and refuses what the handset does not take.
func parseFormat(b []byte) (rate int, err error) {
	if len(b) < 16 {
		return 0, errors.New("the WAV format is cut short")
	}
	le := binary.LittleEndian
	format, channels, bits := le.Uint16(b), le.Uint16(b[2:]), le.Uint16(b[14:])
	hz := le.Uint32(b[4:])
	if format == formatExt && len(b) >= 26 {
		format = le.Uint16(b[24:])
	}
	if format != formatPCM || channels != 1 || bits != 16 || hz != sampleRate && hz != 2*sampleRate {
		kind := "PCM"
		if format != formatPCM {
			kind = fmt.Sprintf("format %d", format)
		}
		return 0, fmt.Errorf("%d Hz, %d channels, %d bits %s; need 8000 or 16000 Hz, 1 channel, 16 bits PCM", hz, channels, bits, kind)
	}
	return int(hz), nil
}

// wavHeader is the head of a file of n samples at 8 kHz.
func wavHeader(n int) []byte {
	var b bytes.Buffer
	le := binary.LittleEndian
	size := uint32(2 * n)
	b.WriteString("RIFF")
	b.Write(le.AppendUint32(nil, headerLen-8+size))
	b.WriteString("WAVEfmt ")
	b.Write(le.AppendUint32(nil, 16))
	b.Write(le.AppendUint16(nil, formatPCM))
	b.Write(le.AppendUint16(nil, 1))
	b.Write(le.AppendUint32(nil, sampleRate))
	b.Write(le.AppendUint32(nil, 2*sampleRate))
	b.Write(le.AppendUint16(nil, 2))
	b.Write(le.AppendUint16(nil, 16))
	b.WriteString("data")
	b.Write(le.AppendUint32(nil, size))
	return b.Bytes()
}
