package sip

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// Why a stream cannot go on.
var (
	errFrameNotSIP   = errors.New("not SIP")
	errFrameTooLarge = errors.New("header section too large")
	errFrameLength   = errors.New("malformed Content-Length")
	errFrameNoLength = errors.New("no Content-Length on a stream")
	errFrameBody     = errors.New("message too large")
)

// Frame finds the first whole message in the octets of a stream. It returns its length; 0 when more octets are needed;
// or an error when the stream cannot be resynchronised and must be closed (RFC 3261 sections 7.5 and 18.3).
//
// 4 is a keep-alive ping ("\r\n\r\n", to be answered with "\r\n") and 2 its answer, or a stray empty line, to be
// skipped (RFC 5626 section 3.5.1). Work is bounded by the limits of the gate. Framer does the same as octets trickle
// in without looking at any of them twice.
func Frame(buf []byte) (n int, err error) {
	f := Framer{buf: buf}
	msg, err := f.Next()
	return len(msg), err
}

// Framer cuts a stream into messages. Its zero value is ready to use. It keeps at most one message and what was written
// after it.
type Framer struct {
	buf   []byte
	seen  int   // octets of buf searched for the end of the header section
	need  int   // length of the message, once its header section is complete
	start bool  // the start line has been looked at
	err   error // the stream cannot go on
}

// Write appends octets of the stream. It never fails.
func (f *Framer) Write(p []byte) (int, error) {
	f.buf = append(f.buf, p...)
	return len(p), nil
}

// Buffered tells how many octets wait for the rest of their message.
func (f *Framer) Buffered() int { return len(f.buf) }

// Next takes the next message, or keep-alive, off the stream; see Frame. It returns nil when more octets are needed.
// The message shares memory with nothing the Framer will write to.
func (f *Framer) Next() ([]byte, error) {
	if f.err == nil && f.need == 0 {
		f.need, f.err = f.measure()
	}
	if f.err != nil || f.need == 0 || len(f.buf) < f.need {
		return nil, f.err
	}
	msg := f.buf[:f.need:f.need]
	f.buf = f.buf[f.need:]
	f.seen, f.need, f.start = 0, 0, false
	if len(f.buf) == 0 {
		f.buf = nil
	}
	return msg, nil
}

// measure returns the length of the message that buf begins with, or 0 while it cannot be told.
func (f *Framer) measure() (int, error) {
	switch {
	case bytes.HasPrefix(f.buf, []byte("\r\n\r\n")):
		return 4, nil
	case bytes.HasPrefix(f.buf, []byte("\r\n")):
		return 2, nil
	}
	if !f.start {
		line, _, ok := bytes.Cut(f.buf[:min(len(f.buf), gateMaxLine)], []byte("\r\n"))
		switch {
		case ok && !bytes.HasPrefix(line, []byte("SIP/")) && !bytes.Contains(line, []byte(" SIP/")):
			return 0, errFrameNotSIP
		case !ok && len(line) == gateMaxLine:
			return 0, errFrameNotSIP
		}
		f.start = ok
	}
	from := max(0, f.seen-3)
	end := bytes.Index(f.buf[from:], []byte("\r\n\r\n"))
	if end < 0 {
		f.seen = len(f.buf)
		if len(f.buf) > gateMaxHead+3 {
			return 0, errFrameTooLarge
		}
		return 0, nil
	}
	end += from
	if end > gateMaxHead {
		return 0, errFrameTooLarge
	}
	length, err := frameLength(string(f.buf[:end]))
	if err != nil {
		return 0, err
	}
	if end+4+length > gateMaxMessage {
		return 0, errFrameBody
	}
	return end + 4 + length, nil
}

// frameLength reads Content-Length in any of its spellings out of a header section. A repeated one must be the same.
func frameLength(head string) (int, error) {
	length := -1
	_, rest, _ := strings.Cut(head, "\r\n")
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\r\n")
		name, value, _ := strings.Cut(line, ":")
		name = strings.TrimRight(name, " \t")
		known := strings.EqualFold(name, "Content-Length") || strings.EqualFold(name, "l")
		for gateFolded(rest) {
			line, rest, _ = strings.Cut(rest, "\r\n")
			if known {
				value = strings.Trim(value, " \t") + " " + strings.Trim(line, " \t")
			}
		}
		if !known {
			continue
		}
		n, err := strconv.ParseUint(strings.Trim(value, " \t"), 10, 31)
		if err != nil || length >= 0 && length != int(n) {
			return 0, errFrameLength
		}
		length = int(n)
	}
	if length < 0 {
		return 0, errFrameNoLength
	}
	return length, nil
}
