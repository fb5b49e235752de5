package display

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"dialtone/phone"
)

var update = flag.Bool("update", false, "rewrite the screens in testdata")

func TestScreens(t *testing.T) {
	for _, size := range []struct{ rows, cols int }{{2, 16}, {4, 20}} {
		file := filepath.Join("testdata", fmt.Sprintf("%dx%d.txt", size.rows, size.cols))
		var b strings.Builder
		edge := "+" + strings.Repeat("-", size.cols) + "+\n"
		for _, s := range scenes() {
			fmt.Fprintf(&b, "# %s\n%s", s.name, edge)
			for _, row := range Text(s.view, size.rows, size.cols) {
				fmt.Fprintf(&b, "|%s|\n", row)
			}
			b.WriteString(edge)
		}
		if *update {
			if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if b.String() != string(want) {
			t.Errorf("%s differs (-update rewrites it, the diff is the review); now it would be\n%s", file, b.String())
		}
	}
}

// check fails unless the screen has exactly its size, and only letters the LCD has.
func check(t *testing.T, v phone.View, screen []string, rows, cols int) {
	t.Helper()
	if len(screen) != rows {
		t.Fatalf("%d rows, want %d: %+v", len(screen), rows, v)
	}
	for i, row := range screen {
		if n := utf8.RuneCountInString(row); n != cols {
			t.Fatalf("row %d has %d columns, want %d: %q of %+v", i, n, cols, row, v)
		}
		for _, r := range row {
			if (r < ' ' || r > '}' || r == '\\') && !strings.ContainsRune(alsoShown, r) {
				t.Fatalf("row %d has %q, which the LCD has not: %q", i, r, row)
			}
		}
	}
}

func TestScreensFit(t *testing.T) {
	for _, s := range scenes() {
		for rows := 1; rows <= 8; rows++ {
			for _, cols := range []int{1, 2, 5, 16, 20, 40} {
				check(t, s.view, Text(s.view, rows, cols), rows, cols)
			}
		}
	}
}

// Every reason can be read to its last word, on each screen, after a failure and as a notice.
func TestReasonsCanBeRead(t *testing.T) {
	lines := []phone.LineView{line(1, "1001", phone.LineRegistered)}
	for _, r := range phone.Reasons() {
		for _, size := range []struct{ rows, cols int }{{2, 16}, {4, 20}} {
			for _, v := range []phone.View{
				{Showing: phone.ShowFailed, Network: true, Lines: lines, Why: r, Peer: "1002"},
				{Showing: phone.ShowIdle, Network: true, Lines: lines, Notice: r},
			} {
				var read []string
				for v.Page = range 4 { // eight seconds
					screen := Text(v, size.rows, size.cols)
					check(t, v, screen, size.rows, size.cols)
					if got := strings.TrimSpace(screen[0]); got != r.Title {
						t.Errorf("%+v on %v: the head is %q", r, size, got)
					}
					read = append(read, strings.Join(screen[1:], " "))
				}
				for word := range strings.FieldsSeq(r.Hint) {
					if !strings.Contains(strings.Join(read, " ")+" ", word+" ") {
						t.Errorf("%+v on %v: the word %q is never shown: %q", r, size, word, read)
					}
				}
			}
		}
	}
}

func TestReadable(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""}, {"Ann", "Ann"}, {"Jürgen Groß", "Jürgen Groß"}, {"Ärger", "Arger"}, {"José Nuñez", "José Nuñez"},
		{"Żółć", "Zólc"}, {"Łódź", "Lódz"}, {"Иван Чехов", "Ivan Chekhov"}, {"Γιώργος", "Giorgos"},
		{"ＡＢ１２", "AB12"}, {"e\u0301", "e"}, {"王小明 Wang", "? Wang"}, {"王 小", "? ?"}, {"a\tb\u00a0c", "a b c"},
		{"“x” – y…", `"x" - y...`}, {"\\~", "/-"}, {"\u202eabc", "abc"}, {"\xff\xfe", "?"}, {"  x  ", "x"}, {"25°C µ £", "25°C µ £"},
	} {
		want := strings.NewReplacer("é", "e", "ó", "o").Replace(tt.want)
		if got := readable(tt.in); got != want {
			t.Errorf("readable(%q) = %q, want %q", tt.in, got, want)
		}
	}
}

func TestClock(t *testing.T) {
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{{0, "0:00"}, {59*time.Second + 999*time.Millisecond, "0:59"}, {61 * time.Second, "1:01"}, {time.Hour, "1:00:00"}, {123*time.Hour + 59*time.Second, "123:00:59"}, {-time.Second, "0:00"}} {
		if got := clock(tt.d); got != tt.want {
			t.Errorf("clock(%v) = %q, want %q", tt.d, got, tt.want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("Ann", "1002", "12", byte(3), byte(4), byte(20), int16(5))
	f.Add("王\x00", "sip:", "", byte(9), byte(2), byte(16), int16(-1))
	f.Fuzz(func(t *testing.T, name, peer, digits string, what, rows, cols byte, n int16) {
		showing := []phone.Showing{phone.ShowIdle, phone.ShowDialing, phone.ShowCalling, phone.ShowRinging, phone.ShowIncoming, phone.ShowTalking, phone.ShowFailed, "?"}
		v := phone.View{
			Showing: showing[what%8], Name: name, Peer: peer, Digits: digits, Sent: digits, MissedPeer: name, Missed: int(n), Page: int(n),
			Line: int(n), Volume: int(n), VolumeShown: what&16 != 0, Network: what&32 != 0, Ring: what&64 != 0, Held: what&128 != 0,
			Why: phone.Reason{Title: name, Hint: peer}, Duration: time.Duration(n) * time.Hour, Path: phone.Path(digits),
		}
		if n%2 == 0 {
			v.Notice = phone.Reason{Title: peer, Hint: name}
		}
		for i := range int(n) % 9 {
			v.Lines = append(v.Lines, phone.LineView{Number: i + 1, Name: name, State: phone.LineState(peer), Cause: phone.Reason{Title: name}})
		}
		check(t, v, Text(v, int(rows%10)+1, int(cols%50)+1), int(rows%10)+1, int(cols%50)+1)
	})
}
