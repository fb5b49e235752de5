package config

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// charset returns the document as UTF-8, for the encodings old provisioning servers declare.
func charset(label string, input io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "latin-1", "l1":
		return &byteReader{input: input, highest: 0xff}, nil
	case "us-ascii", "ascii", "iso646-us":
		return &byteReader{input: input, highest: 0x7f}, nil
	case "utf8":
		return input, nil
	}
	return nil, fmt.Errorf("the encoding %s is none of UTF-8, ISO-8859-1 and US-ASCII", shown(label))
}

// A byteReader turns bytes that are characters into UTF-8.
type byteReader struct {
	input   io.Reader
	highest byte // largest byte of the encoding
	rest    []byte
	err     error
	buffer  [512]byte
	encoded [1024]byte
}

func (r *byteReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		n, err := r.input.Read(r.buffer[:])
		r.err = err
		r.rest = r.encoded[:0]
		for _, c := range r.buffer[:n] {
			if c > r.highest {
				r.err = errors.New("a byte above 0x7f in a document declared US-ASCII")
				break
			}
			r.rest = utf8.AppendRune(r.rest, rune(c))
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
