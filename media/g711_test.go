package media

import "testing"

// The laws of ITU-T G.711 by their definition, not by bits: a code is the last whose decision value is
// not above the sample, and stands for the middle of its interval. Magnitudes of negative samples are
// taken by complement, as ITU-T G.191 does.
func mulawLower(code int) int  { return (code%16+16)<<(code/16+1) - 33 } // of 14 bits
func mulawMiddle(code int) int { return (2*(code%16)+33)<<(code/16) - 33 }

func alawLower(code int) int { // of 13 bits
	if code < 16 {
		return 2 * code
	}
	return (code%16 + 16) << (code / 16)
}

func alawMiddle(code int) int {
	if code < 16 {
		return 2*code + 1
	}
	return (2*(code%16) + 33) << (code / 16) / 2
}

func TestG711IsBitExactForEveryInput(t *testing.T) {
	for _, tt := range []struct {
		name   string
		law    *law
		shift  int
		flip   byte
		lower  func(int) int
		middle func(int) int
	}{
		{"mu-law", muLaw, 2, 0x7f, mulawLower, mulawMiddle},
		{"A-law", aLaw, 3, 0x55, alawLower, alawMiddle},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for x := -32768; x <= 32767; x++ {
				magnitude, sign := x, byte(0x80)
				if x < 0 {
					magnitude, sign = ^x, 0
				}
				code := 127
				for tt.lower(code) > magnitude>>tt.shift && code > 0 {
					code--
				}
				if got, want := tt.law.encode[uint16(int16(x))], sign|byte(code)^tt.flip; got != want {
					t.Fatalf("%d is written as %#02x, want %#02x", x, got, want)
				}
			}
			for code := range 128 {
				want := tt.middle(code) << tt.shift
				if got := int(tt.law.decode[0x80|byte(code)^tt.flip]); got != want {
					t.Errorf("code %d is read as %d, want %d", code, got, want)
				}
				if got := int(tt.law.decode[byte(code)^tt.flip]); got != -want {
					t.Errorf("negative code %d is read as %d, want %d", code, got, -want)
				}
			}
		})
	}
}
