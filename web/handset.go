package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Implementation constants.
const (
	handsetPermission = "camera=(), geolocation=(), microphone=(self), autoplay=(self)"
	frameQuery        = "frame" // the page without its header and footer, to be put into another
)

// A Handset is a telephone whose case is the browser: what the page at / draws.
type Handset struct {
	Title string // of the board, for people
	Keys  []KeyCap
}

// A KeyCap is one key, by its name in hal, and what is printed on it.
type KeyCap struct{ Key, Label string }

// HandsetStatus is what shows on the case beside the screen.
type HandsetStatus struct {
	Lifted bool   `json:"lifted"` // the handset is out of its cradle
	Path   string `json:"path"`   // handset speaker headset; "" on-hook
	Muted  bool   `json:"muted"`
	Volume int    `json:"volume"` // 0 to 10
	Ring   bool   `json:"ring"`   // the bell is on
	// Soft are the labels of the soft keys from left to right; "" does nothing now.
	Soft [4]string `json:"soft"`
	// Lamps are those that are lit, by the key they belong to; the one that tells of messages is
	// "message".
	Lamps map[string]Lamp `json:"lamps"`
}

// A Lamp is how a lamp is lit (reference F.8).
type Lamp struct {
	Color   string `json:"color"`   // green amber red
	Pattern string `json:"pattern"` // solid slow fast; the latter two blink
}

// MarshalJSON prints s. No lamps lit are {}, never null.
func (s HandsetStatus) MarshalJSON() ([]byte, error) {
	type plain HandsetStatus // without this method
	if s.Lamps == nil {
		s.Lamps = map[string]Lamp{}
	}
	return json.Marshal(plain(s))
}

// handsetData is what the page draws. A group without keys is left out.
type handsetData struct {
	Handset
	Left, Right []KeyCap // line keys beside the screen
	Soft        []KeyCap
	Dial        []KeyCap
	Sound       bool // there is a device to talk and listen with
	Frame       bool
	CanLeave    bool // there is a session to end
}

// dialLetters are the letters on a dial (ITU-T E.161).
var dialLetters = map[string]string{
	"2": "ABC", "3": "DEF", "4": "GHI", "5": "JKL", "6": "MNO", "7": "PQRS", "8": "TUV", "9": "WXYZ", "0": "+",
}

// Letters are those on the key beside its digit.
func (k KeyCap) Letters() string { return dialLetters[k.Key] }

// Number is the number of a line or soft key.
func (k KeyCap) Number() string { return strings.TrimLeft(k.Key, "lineosft") }

// Get is the key of that name, nil if the board has none.
func (h Handset) Get(name string) *KeyCap {
	i := slices.IndexFunc(h.Keys, func(k KeyCap) bool { return k.Key == name })
	if i < 0 {
		return nil
	}
	return &h.Keys[i]
}

// Any reports whether the board has one of the keys.
func (h Handset) Any(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return h.Get(name) != nil })
}

// numbered are the keys of a name with numbers behind it, in order.
func (h Handset) numbered(name string) (keys []KeyCap) {
	for i := 1; i <= 8; i++ {
		if k := h.Get(name + strconv.Itoa(i)); k != nil {
			keys = append(keys, *k)
		}
	}
	return keys
}

// homePage is the page at /: the telephone itself where the browser is its case, else the start page.
func (s *Server) homePage(w http.ResponseWriter, r *http.Request) {
	if s.config.Handset == nil {
		s.startPage(w, r)
		return
	}
	who, _ := r.Context().Value(loginKey{}).(login)
	data := handsetData{
		Handset: *s.config.Handset, Sound: s.config.Sound != nil, Frame: r.URL.Query().Has(frameQuery), CanLeave: who.cookie != "",
		Soft: s.config.Handset.numbered("soft"),
	}
	lines := data.numbered("line")
	half := (len(lines) + 1) / 2
	if len(lines) <= 4 {
		half = len(lines)
	}
	data.Left, data.Right = lines[:half], lines[half:]
	for _, digit := range "123456789*0#" {
		if k := data.Get(string(digit)); k != nil {
			data.Dial = append(data.Dial, *k)
		}
	}
	h := w.Header()
	h.Set("Permissions-Policy", handsetPermission)
	if len(s.config.Frames) > 0 {
		h.Set("Content-Security-Policy", strings.Replace(contentSecurity, "frame-ancestors 'none'", "frame-ancestors "+strings.Join(s.config.Frames, " "), 1))
		h.Del("X-Frame-Options") // it can name no origin, and browsers that know the policy ignore it
	}
	s.render(w, http.StatusOK, "handset.html", data)
}

// isOrigin reports whether text is the origin of a web page and nothing more: "http://127.0.0.1:8080".
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && text == u.Scheme+"://"+u.Host &&
		!strings.ContainsAny(text, " ;,'\"*")
}
