package display

import (
	"fmt"
	"image"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"dialtone/phone"
)

// A written text is one that was drawn, and where.
type written struct {
	text string
	at   image.Rectangle
}

// texts draws a view and returns what was written.
func texts(p *Painter, v phone.View, width, height int) (all []written) {
	p.wrote = func(text string, at image.Rectangle) { all = append(all, written{text, at}) }
	defer func() { p.wrote = nil }()
	p.Pixels(v, width, height)
	return all
}

// allSizes are from the least to the largest that can be read.
var allSizes = []screenSize{{96, 32}, {128, 32}, {128, 64}, {128, 128}, {160, 128}, {220, 150}, {240, 160}, {240, 240}, {240, 320}, {320, 240}, {400, 240}, {480, 272}, {480, 320}}

// No text may leave the screen or lie over another one.
func TestNothingOverlaps(t *testing.T) {
	p := NewPainter()
	for _, s := range scenes() {
		for _, soft := range []bool{true, false} {
			for _, volume := range []bool{true, false} {
				v := s.view
				v.VolumeShown = volume
				if !soft {
					v.Soft = [4]string{}
				}
				for _, size := range allSizes {
					all := texts(p, v, size.width, size.height)
					for i, w := range all {
						if !w.at.In(image.Rect(0, 0, size.width, size.height)) && size.height >= smallHeight {
							t.Errorf("%s on %v: %q leaves the screen: %v", s.name, size, w.text, w.at)
						}
						for _, other := range all[:i] {
							if w.at.Overlaps(other.at) {
								t.Errorf("%s on %v (keys %t, volume %t): %q %v lies over %q %v", s.name, size, soft, volume, w.text, w.at, other.text, other.at)
							}
						}
					}
				}
			}
		}
	}
}

// Every reason is on the screen in full: after a failure, as a notice, and over a call.
func TestReasonsInPixels(t *testing.T) {
	p := NewPainter()
	lines := []phone.LineView{line(1, "1001", phone.LineRegistered)}
	// The widest labels a phone has then (phone/soft.go).
	soft, idle, talking := [4]string{"Redial", "New call", "Resume", "Cancel"}, [4]string{"Redial", "Missed", "DND", "New call"}, [4]string{"Hold", "New call", "Swap", "End call"}
	for _, r := range phone.Reasons() {
		for _, size := range append([]screenSize{{112, 56}}, pixelScreens...) {
			for _, v := range []phone.View{
				{Showing: phone.ShowFailed, Network: true, Lines: lines, Line: 1, Why: r, Peer: "1002", Soft: soft},
				{Showing: phone.ShowIdle, Network: true, Lines: lines, Line: 1, Notice: r, Soft: idle, Missed: 1, MissedPeer: "1002"},
				{Showing: phone.ShowTalking, Network: true, Lines: lines, Line: 1, Notice: r, Soft: talking, Peer: "1002"},
			} {
				var read []string
				for v.Page = range 4 { // eight seconds
					if size.width >= largeWidth && v.Page > 0 {
						break // there is room for all at once
					}
					for _, w := range texts(p, v, size.width, size.height) {
						if !w.at.In(image.Rect(0, 0, size.width, size.height)) {
							t.Errorf("%v on %v, %s: %q leaves the screen: %v", r, size, v.Showing, w.text, w.at)
						}
						if !isLabel(w.text, v.Soft) && !slices.Contains([]string{"1001", "1002", "Connected", "0:00"}, w.text) && (w.text != r.Title || !slices.Contains(read, r.Title)) {
							read = append(read, w.text)
						}
					}
				}
				if !slices.Contains(read, r.Title) {
					t.Errorf("%v on %v, %s: the title is not there: %q", r, size, v.Showing, read)
				}
				if !strings.Contains(strings.Join(read, " "), r.Hint) {
					t.Errorf("%v on %v, %s: the hint is not whole: %q", r, size, v.Showing, read)
				}
			}
		}
	}
}

// isLabel reports whether a text is one of the labels, whole or without the word "call".
func isLabel(text string, labels [4]string) bool {
	return slices.ContainsFunc(labels[:], func(label string) bool { return text == label || text == strings.TrimSuffix(label, " call") })
}

// The soft keys of a phone are readable to the last letter.
func TestLabelsAreWhole(t *testing.T) {
	p := NewPainter()
	for _, s := range scenes() {
		for _, size := range append([]screenSize{{smallWidth, smallHeight}, {largeWidth, largeHeight}}, allSizes...) {
			if size.width < smallWidth || size.height < smallHeight {
				continue // as a character LCD, which has none
			}
			var read []string
			for _, w := range texts(p, s.view, size.width, size.height) {
				read = append(read, w.text)
			}
			for _, label := range s.view.Soft {
				if label != "" && !slices.ContainsFunc(read, func(text string) bool { return isLabel(text, [4]string{label}) }) {
					t.Errorf("%s on %v: the label %q is not whole: %q", s.name, size, label, read)
				}
			}
		}
	}
}

// What matters of each state is written on each screen.
func TestSaysWhatMatters(t *testing.T) {
	p := NewPainter()
	for name, wanted := range map[string][]string{
		"idle, two lines":                {"1 1001", "2 Bäckerei Müller"},
		"idle, registration failed":      {"Wrong password", "1001"},
		"a missed call":                  {"Ann Smith"},
		"dialing hands-free":             {"004930", "2 Bäckerei Müller"},
		"incoming":                       {"Incoming call", "Ann Smith", "1002"},
		"incoming on the second line":    {"2 Bäckerei Müller"},
		"in a call":                      {"Connected", "Ann Smith", "1002", "1:12"},
		"on hold":                        {"On hold"},
		"held by the other side":         {"They hold"},
		"call waiting":                   {"Ann Smith", "Jürgen Müller", "1:12"},
		"two calls":                      {"Ann Smith", "On hold"},
		"three calls, muted, hands-free": {"Ann Smith", "Jürgen Müller"},
		"missed calls, looked through":   {"Missed calls", "2/4", "Ann Smith", "3 h", "(3) 5 min"},
		"received calls, looked through": {"Received calls", "1/2", "Jürgen Müller", "3 h"},
		"placed calls, looked through":   {"Placed calls", "1/3", "004930123456", "(2) 5 min"},
		"an empty list":                  {"No entries"},
		"no network":                     {"No network"},
	} {
		i := slices.IndexFunc(scenes(), func(s scene) bool { return s.name == name })
		if i < 0 {
			t.Errorf("there is no scene %q", name)
			continue
		}
		for _, size := range pixelScreens {
			var read []string
			for _, w := range texts(p, scenes()[i].view, size.width, size.height) {
				read = append(read, w.text)
			}
			for _, want := range wanted {
				if !slices.Contains(read, want) {
					t.Errorf("%s on %v does not say %q: %q", name, size, want, read)
				}
			}
		}
	}
	// The alphabets of Europe are shown as they are where there is a font for them.
	if all := texts(p, phone.View{Showing: phone.ShowIncoming, Name: "Щукин Ö", Peer: "1"}, 320, 240); !slices.ContainsFunc(all, func(w written) bool { return w.text == "Щукин Ö" }) {
		t.Errorf("a name is not written as it is: %v", all)
	}
}

// Which calls a list is of is seen beside each of its entries.
func TestListsLookDifferent(t *testing.T) {
	entry := []phone.ListEntry{{Peer: "1002", Line: 1, Count: 1}}
	icons := make(map[icon]bool)
	for _, kind := range []phone.ListKind{phone.ListMissed, phone.ListReceived, phone.ListPlaced} {
		e := content(phone.View{Showing: phone.ShowList, List: phone.ListView{Kind: kind, Entries: entry}}).list[0]
		icons[e.icon] = true
		if (e.mood == bad) != (kind == phone.ListMissed) {
			t.Errorf("an entry of %s calls has mood %d", kind, e.mood)
		}
	}
	if len(icons) != 3 {
		t.Errorf("three lists have the icons %v", icons)
	}
}

// Who looks at another call sees that the one he talks in is not on hold.
func TestLookingAtAnotherCall(t *testing.T) {
	i := slices.IndexFunc(scenes(), func(s scene) bool { return s.name == "two calls, the other looked at" })
	want := entry{icon: iconHandset, mood: good, left: "Ann Smith", right: "1:12"}
	if got := content(scenes()[i].view).calls; len(got) != 1 || got[0] != want {
		t.Errorf("the other calls are %+v, want %+v", got, want)
	}
}

// A picture that was given away is not changed by the next one.
func TestPicturesAreIndependent(t *testing.T) {
	p := NewPainter()
	first := p.Pixels(scenes()[0].view, 320, 240)
	before := slices.Clone(first.Pix)
	for _, s := range scenes() {
		p.Pixels(s.view, 320, 240)
	}
	if !slices.Equal(before, first.Pix) {
		t.Error("the first picture changed")
	}
	if _, differs := firstDifference(first, Pixels(scenes()[0].view, 320, 240)); differs {
		t.Error("a new painter draws something else")
	}
	if n := len(p.Pixels(scenes()[0].view, 128, 64).Palette); n != 2 {
		t.Errorf("a small screen has %d colours", n)
	}
}

func TestRows(t *testing.T) {
	p := NewPainter()
	for _, size := range allSizes {
		var all []string
		p.wrote = func(text string, at image.Rectangle) {
			all = append(all, strings.TrimSpace(text))
			if ink := at.Intersect(image.Rect(0, 0, size.width, size.height)); ink.Empty() {
				t.Errorf("%q is not on %v", text, size)
			}
		}
		p.Rows([]string{"Web password:   ", "ABCDEFGHIJKL    "}, size.width, size.height)
		if !slices.Equal(all, []string{"Web password:", "ABCDEFGHIJKL"}) {
			t.Errorf("on %v is %q", size, all)
		}
	}
}

func TestGlass(t *testing.T) {
	if size := Glass(Text(scenes()[0].view, 4, 20), true).Bounds().Size(); size != image.Pt(515, 179) {
		t.Errorf("4x20 is %v", size)
	}
	lit := Glass([]string{"1001"}, true)
	for name, other := range map[string]image.Image{"without light": Glass([]string{"1001"}, false), "with other words": Glass([]string{"1002"}, true)} {
		if _, differs := firstDifference(lit, other); !differs {
			t.Errorf("the picture %s is the same", name)
		}
	}
	for _, rows := range [][]string{nil, {""}, {"\xff\x00é€漢"}, make([]string, 1000), {strings.Repeat("x", 10000)}} {
		if size := Glass(rows, true).Bounds().Size(); size.X > 1000 || size.Y > 400 {
			t.Errorf("%d rows are a picture of %v", len(rows), size)
		}
	}
}

// Each letter of an LCD has its own picture.
func TestDotLetters(t *testing.T) {
	table := dotTable(dotLetters, 5, 7)
	seen := make(map[dotGlyph]rune)
	for r := ' ' + 1; r < 0x100; r++ {
		if !lcdHas(r) {
			continue
		}
		g := table[r]
		if g == (dotGlyph{}) {
			t.Errorf("%q has no picture", r)
		}
		if other, twice := seen[g]; twice {
			t.Errorf("%q looks like %q", r, other)
		}
		seen[g] = r
	}
	tiny := dotTable(tinyLetters, 5, 5)
	for _, r := range "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" {
		if tiny[r] == (dotGlyph{}) {
			t.Errorf("%q has no small picture", r)
		}
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{-time.Hour: "now", 59 * time.Second: "now", 5 * time.Minute: "5 min", 61 * time.Minute: "1 h", 24 * time.Hour: "1 day", 72 * time.Hour: "3 days"} {
		if got := age(d); got != want {
			t.Errorf("age(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestWindow(t *testing.T) {
	for n := range 12 {
		for size := range 6 {
			for at := range n {
				if first := window(at, n, size); first < 0 || at < first || at >= first+max(size, 1) {
					t.Errorf("window(%d, %d, %d) = %d", at, n, size, first)
				}
			}
		}
	}
}

// randomView is any view at all.
func randomView(seed uint64) phone.View {
	r := rand.New(rand.NewPCG(seed, 1))
	words := []string{"", "Ann", "1002", "sip:reception@example.test", "Jürgen Größer-Öztürk", "Щукин Юрий", "王小明", strings.Repeat("long ", 40), "\x00\xff\u202e", "…"}
	word := func() string { return words[r.IntN(len(words))] }
	number := func() int { return r.IntN(1<<r.IntN(12)) - 2 }
	flip := func() bool { return r.IntN(2) == 0 }
	reason := func() phone.Reason {
		return []phone.Reason{{}, {Title: word(), Hint: word()}, phone.NoReply, phone.ServerNotFound}[r.IntN(4)]
	}
	states := []phone.LineState{phone.LineDisabled, phone.LineUnregistered, phone.LineRegistering, phone.LineRegistered, phone.LineFailed, "?"}
	calls := []phone.CallState{phone.StateDialing, phone.StateProceeding, phone.StateRinging, phone.StateIncoming, phone.StateConnected, phone.StateHeld, phone.StateRemoteHeld, phone.StateTransferring, phone.StateEnded, "?"}
	showing := []phone.Showing{phone.ShowIdle, phone.ShowDialing, phone.ShowCalling, phone.ShowRinging, phone.ShowIncoming, phone.ShowTalking, phone.ShowFailed, phone.ShowList, "?"}
	v := phone.View{
		Showing: showing[r.IntN(len(showing))], Line: number(), CanCall: flip(), Network: flip(), Digits: word(), Peer: word(), Name: word(),
		Duration: time.Duration(number()) * time.Minute, Sent: word(), Held: flip(), RemoteHeld: flip(), Pending: flip(), Early: flip(), Ring: flip(),
		Path: []phone.Path{phone.PathNone, phone.PathHandset, phone.PathSpeaker, phone.PathHeadset, "?"}[r.IntN(5)], Muted: flip(), Volume: number(), VolumeShown: flip(),
		Why: reason(), Notice: reason(), Page: number(), Waiting: flip(), Caller: word(), Missed: number(), MissedPeer: word(),
		List: phone.ListView{Title: word(), Selected: number()}, Soft: [4]string{word(), word(), word(), word()},
	}
	for i := range r.IntN(10) {
		v.Lines = append(v.Lines, phone.LineView{Number: i + 1, Name: word(), State: states[r.IntN(len(states))], Cause: reason(), DND: flip(), CanCall: flip()})
	}
	for i := range r.IntN(5) {
		v.Calls = append(v.Calls, phone.CallView{ID: phone.ID(i), Peer: word(), Name: word(), State: calls[r.IntN(len(calls))], Duration: time.Duration(number()) * time.Second, Front: flip()})
	}
	for range r.IntN(30) {
		v.List.Entries = append(v.List.Entries, phone.ListEntry{Peer: word(), Name: word(), Count: number(), Ago: time.Duration(number()) * time.Minute})
	}
	return v
}

// FuzzPixels draws any view on a screen of any size, in pixels and in letters.
func FuzzPixels(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed, uint16(320), uint16(240))
		f.Add(seed, uint16(128), uint16(64))
		f.Add(seed, uint16(seed*7), uint16(seed*3))
	}
	p := NewPainter()
	f.Fuzz(func(t *testing.T, seed uint64, width, height uint16) {
		v := randomView(seed)
		w, h := int(width%700), int(height%500)
		if got := p.Pixels(v, w, h).Rect; got != image.Rect(0, 0, max(w, 1), max(h, 1)) {
			t.Errorf("%dx%d is %v", w, h, got)
		}
		check(t, v, Text(v, 2, 16), 2, 16)
		rows := Text(v, 4, 20)
		check(t, v, rows, 4, 20)
		Glass(rows, w%2 == 0)
	})
}

func BenchmarkPixels(b *testing.B) {
	for _, size := range pixelScreens {
		v := scenes()[slices.IndexFunc(scenes(), func(s scene) bool { return s.name == "three calls, muted, hands-free" })].view
		b.Run(fmt.Sprintf("%dx%d", size.width, size.height), func(b *testing.B) {
			p := NewPainter()
			for b.Loop() {
				p.Pixels(v, size.width, size.height)
			}
		})
		b.Run(fmt.Sprintf("%dx%d,first", size.width, size.height), func(b *testing.B) {
			for b.Loop() {
				Pixels(v, size.width, size.height)
			}
		})
	}
}

func BenchmarkGlass(b *testing.B) {
	rows := Text(scenes()[0].view, 4, 20)
	for b.Loop() {
		Glass(rows, true)
	}
}
