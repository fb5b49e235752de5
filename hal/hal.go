package hal

import "image"

// Keys reads the phone's switches.
type Keys interface {
	// ReadContact blocks until a switch changes. It returns io.EOF once the keys are closed, and
	// any other error when the hardware failed.
	ReadContact() (Contact, error)
}

// A Screen shows frames.
type Screen interface {
	// Draw shows f in place of what was shown. A slow display may block for as long as it takes;
	// whoever must not wait calls it from a goroutine of its own.
	Draw(f Frame) error
}

// A Frame is one picture of the screen.
type Frame struct {
	// Rows is the screen as text, each row exactly as wide as the screen has columns.
	Rows []string
	// Image is the same in pixels; nil for a screen that shows characters only.
	Image image.Image
	// Backlight says whether the screen is lit.
	Backlight bool
}

// A Lamp is one light on the case.
type Lamp interface {
	Set(on bool) error
}

// Sound is a full-duplex sound device, and the clock of the voice path: one goroutine calls
// Exchange for as long as the phone runs, and everything that is heard or said is counted in its
// periods.
type Sound interface {
	// Rate is the number of samples a second, 16-bit linear, one channel.
	Rate() int
	// Period is the number of samples in one Exchange.
	Period() int
	// Exchange plays one period and fills rec with one captured period. It blocks until the device
	// has taken it, which paces the caller at Rate. len(play) and len(rec) are Period(). It returns
	// an error wrapping io.ErrClosedPipe once the device is closed; after any other error the next
	// call may succeed again.
	Exchange(play, rec []int16) error
	// Close ends a waiting Exchange and releases the device.
	Close() error
}

// A Device is the hardware of one phone, opened and ready. A part the handset does not have is one
// of the Absent kinds, never nil; Lamps holds only the lamps there are.
type Device struct {
	Keys   Keys
	Screen Screen
	Sound  Sound
	Lamps  map[string]Lamp
	// Close releases everything; Keys and Sound then report that they are closed.
	Close func() error
}

// Lamp returns the lamp called name, or AbsentLamp if the handset has none of that name.
func (d Device) Lamp(name string) Lamp {
	if l, ok := d.Lamps[name]; ok {
		return l
	}
	return AbsentLamp{}
}
