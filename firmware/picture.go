package main

import (
	"bytes"
	"image/png"
	"slices"
	"sync"

	"dialtone/display"
	"dialtone/hal"
)

// pictures keeps the PNG of the latest frame somebody asked for. Its methods may be called from any
// goroutine.
type pictures struct {
	mu   sync.Mutex
	of   hal.Frame
	data []byte
}

// encode returns the frame as a PNG, which nobody may change: the picture of a screen of pixels, or a
// character LCD as it looks.
func (p *pictures) encode(f hal.Frame) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.data != nil && p.of.Image == f.Image && p.of.Backlight == f.Backlight && slices.Equal(p.of.Rows, f.Rows) {
		return p.data, nil
	}
	picture := f.Image
	if picture == nil {
		picture = display.Glass(f.Rows, f.Backlight)
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, picture); err != nil {
		return nil, err
	}
	p.of, p.data = f, b.Bytes()
	return p.data, nil
}
