package hal

import "slices"

// A Key is one key cap, or the hook switch, by the name people script against
// (design/contract.md, "POST /api/v1/keys").
type Key string

// The twelve keys of the dial are named by their legends, "0" to "9", "*" and "#".
const (
	Star  Key = "*"
	Pound Key = "#"
)

// The named keys. Hook is the cradle switch: it is down while the handset rests in the cradle.
const (
	Hook     Key = "hook"
	Talk     Key = "talk" // the green key, also called Dial
	End      Key = "end"  // the red key
	Hold     Key = "hold"
	Transfer Key = "transfer"
	Conf     Key = "conf"
	Mute     Key = "mute"
	Speaker  Key = "speaker"
	Headset  Key = "headset"
	Redial   Key = "redial"
	VolUp    Key = "volup"
	VolDown  Key = "voldown"
	Up       Key = "up"
	Down     Key = "down"
	Left     Key = "left"
	Right    Key = "right"
	OK       Key = "ok"
	Back     Key = "back"
	Soft1    Key = "soft1"
	Soft2    Key = "soft2"
	Soft3    Key = "soft3"
	Soft4    Key = "soft4"
	Line1    Key = "line1"
	Line2    Key = "line2"
	Line3    Key = "line3"
	Line4    Key = "line4"
	Line5    Key = "line5"
	Line6    Key = "line6"
	Line7    Key = "line7"
	Line8    Key = "line8"
)

// MaxLines is how many line keys have a name.
const MaxLines = 8

// AllKeys returns every key there is a name for: the dial first, then the named keys in the order of
// the contract.
func AllKeys() []Key {
	return []Key{
		"1", "2", "3", "4", "5", "6", "7", "8", "9", Star, "0", Pound,
		Hook, Talk, End, Hold, Transfer, Conf, Mute, Speaker, Headset, Redial, VolUp, VolDown,
		Up, Down, Left, Right, OK, Back, Soft1, Soft2, Soft3, Soft4,
		Line1, Line2, Line3, Line4, Line5, Line6, Line7, Line8,
	}
}

// Valid reports whether k is a key a handset can have.
func Valid(k Key) bool { return slices.Contains(AllKeys(), k) }

// Digit returns the key's character on the dial, '0' to '9', '*' or '#'; ok is false for the
// named keys.
func (k Key) Digit() (digit byte, ok bool) {
	if len(k) != 1 {
		return 0, false
	}
	c := k[0]
	return c, c >= '0' && c <= '9' || c == '*' || c == '#'
}

// Line returns the number of a line key, 1 to MaxLines; ok is false for any other key.
func (k Key) Line() (line int, ok bool) {
	if len(k) != len("line1") || k[:4] != "line" || k[4] < '1' || k[4] > '0'+MaxLines {
		return 0, false
	}
	return int(k[4] - '0'), true
}

// A Contact is one switch opening or closing. Switches bounce, so that one press is many contacts;
// package keypad turns them into presses. For Hook, Down means the handset rests in its cradle.
type Contact struct {
	Key  Key
	Down bool
}
