package main

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"net/netip"
	"testing"
	"time"

	"dialtone/display"
	"dialtone/hal"
)

// pixelMill is a phone with a screen of pixels; drawn counts its frames.
func pixelMill(t testing.TB, width, height int) (m *mill, drawn *int) {
	m = newMill(t, phoneForFuzz(), netip.MustParseAddr("10.0.0.50"))
	drawn = new(int)
	m.loop.width, m.loop.height, m.loop.shown = width, height, nil
	m.loop.draw = func(hal.Frame) { *drawn++ }
	m.step(tick{})
	return m, drawn
}

func TestScreenOfPixels(t *testing.T) {
	m, drawn := pixelMill(t, 320, 240)
	if *drawn != 1 {
		t.Fatalf("the start draws %d frames", *drawn)
	}
	first := m.loop.frame
	if first.Image == nil || first.Image.Bounds().Size() != image.Pt(320, 240) || len(first.Rows) != 4 {
		t.Fatalf("the first frame is %+v", first.Rows)
	}
	m.step(tick{})
	if *drawn != 1 {
		t.Error("a step that changes nothing draws a frame")
	}
	m.step(hal.Contact{Key: "5", Down: true})
	m.wait(100 * time.Millisecond)
	if *drawn < 2 || m.loop.frame.Image == first.Image {
		t.Errorf("a digit draws %d frames", *drawn-1)
	}
	before := m.loop.frame.Image
	m.loop.banner = []string{"Web password:", "ABCDEFGHIJKL"}
	m.step(tick{})
	covered := m.loop.frame.Image
	m.loop.banner = nil
	m.step(tick{})
	if same(covered, before) || !same(m.loop.frame.Image, before) {
		t.Error("a banner is not drawn, or stays")
	}
}

func same(a, b image.Image) bool {
	p, q := a.(*image.Paletted), b.(*image.Paletted)
	return bytes.Equal(p.Pix, q.Pix)
}

// screenOf asks the loop as the web does.
func screenOf(t *testing.T, m *mill) (data []byte, picture image.Image) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.loop.handle(m.now, <-m.loop.inbox)
	}()
	s, err := asker{loop: m.loop, life: context.Background()}.Screen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	<-done
	if picture, err = png.Decode(bytes.NewReader(s.PNG)); err != nil {
		t.Fatal(err)
	}
	return s.PNG, picture
}

func TestPictureForTheWeb(t *testing.T) {
	m := newMill(t, phoneForFuzz(), netip.MustParseAddr("10.0.0.50"))
	data, picture := screenOf(t, m)
	if glass := display.Glass(m.loop.frame.Rows, true); !same(picture, glass) {
		t.Error("a character LCD is not shown as it looks")
	}
	if again, _ := screenOf(t, m); &again[0] != &data[0] {
		t.Error("the same frame is encoded twice")
	}
	m.loop.frame.Backlight = false
	if dark, _ := screenOf(t, m); bytes.Equal(dark, data) {
		t.Error("without its backlight it looks the same")
	}
	m.loop.frame.Rows = []string{"other", "words"}
	if other, picture := screenOf(t, m); bytes.Equal(other, data) || !same(picture, display.Glass(m.loop.frame.Rows, false)) {
		t.Error("other words look the same")
	}

	m, _ = pixelMill(t, 128, 64)
	if _, picture := screenOf(t, m); picture.Bounds().Size() != image.Pt(128, 64) || !same(picture, m.loop.frame.Image) {
		t.Errorf("a screen of pixels is shown as %v", picture.Bounds())
	}
}

// BenchmarkShow is what the screen costs a step of the loop.
func BenchmarkShow(b *testing.B) {
	b.Run("nothing changed", func(b *testing.B) {
		m, _ := pixelMill(b, 320, 240)
		for b.Loop() {
			m.loop.show()
		}
	})
	b.Run("changed", func(b *testing.B) {
		m, _ := pixelMill(b, 320, 240)
		banners := [][]string{nil, {"1"}}
		for i := 0; b.Loop(); i++ {
			m.loop.banner = banners[i%2]
			m.loop.show()
		}
	})
}
