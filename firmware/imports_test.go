package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rooms says, for each package, which of ours it may import: the table of docs/architecture.md.
// A nil entry may import everything. When this test fails, the design changed: argue it first.
var rooms = map[string][]string{
	"dialtone/firmware":      nil,
	"dialtone/board":         {"hal", "hal/sim", "hal/pi"},
	"dialtone/hal":           {},
	"dialtone/hal/sim":       {"hal"},
	"dialtone/keypad":        {"hal"},
	"dialtone/phone":         {"hal", "keypad"},
	"dialtone/display":       {"phone"},
	"dialtone/sip":           {},
	"dialtone/sip/transport": {"sip"},
	"dialtone/media":         {"hal"},
	"dialtone/media/echo":    {},
	"dialtone/media/jbsim":   {"media"}, // the yardstick of the receive path
	"dialtone/config":        {},
	"dialtone/provisioning":  {"config"},
	"dialtone/web":           {"config", "phone"},
	"dialtone/simnet":        {},
	"dialtone/exchange":      {"sip"}, // the far end of tests and of the demo
	"dialtone/e2e":           nil,     // tests with real peers only
}

// pure rooms decide; they must not be able to act or to know the time.
var pure = []string{"dialtone/keypad", "dialtone/phone", "dialtone/display", "dialtone/sip", "dialtone/media/echo", "dialtone/config"}

// forbidden imports of pure rooms, and the functions of package time that read a clock or wait.
var (
	worldly = []string{"net", "net/http", "os", "os/exec", "io/fs", "sync", "sync/atomic", "log", "log/slog", "context", "syscall"}
	clocks  = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}
)

// A room is one package as `go list` sees it.
type room struct {
	ImportPath, Dir string
	Imports         []string
	GoFiles         []string
}

func TestImports(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles", "dialtone/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p room
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		seen[p.ImportPath] = true
		for _, complaint := range complaints(t, p) {
			t.Error(complaint)
		}
	}
	for path := range maps.Keys(rooms) {
		if !seen[path] && path != "dialtone/e2e" {
			t.Errorf("room %s is in the table but not in the house", path)
		}
	}
}

// TestImportsComplains shows that the check can fail: one wrong package, every rule broken.
func TestImportsComplains(t *testing.T) {
	bad := room{ImportPath: "dialtone/phone", Dir: "testdata/impure", GoFiles: []string{"impure.go"},
		Imports: []string{"os", "dialtone/sip", "dialtone/hal", "time"}}
	got := complaints(t, bad)
	want := []string{
		"dialtone/phone decides; it must not import os",
		"dialtone/phone must not import dialtone/sip",
		"testdata/impure/impure.go:6: dialtone/phone decides; it must not call time.Now",
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := complaints(t, room{ImportPath: "dialtone/util"}); len(got) != 1 {
		t.Errorf("an unknown room is not noticed: %q", got)
	}
}

// complaints returns what breaks the rules in one package.
func complaints(t *testing.T, p room) (bad []string) {
	may, known := rooms[p.ImportPath]
	if !known {
		return []string{p.ImportPath + " is not in the table of rooms"}
	}
	decides := slices.Contains(pure, p.ImportPath)
	for _, imp := range p.Imports {
		if inside, ours := strings.CutPrefix(imp, "dialtone/"); ours && may != nil && !slices.Contains(may, inside) {
			bad = append(bad, p.ImportPath+" must not import "+imp)
		}
		if decides && slices.Contains(worldly, imp) {
			bad = append(bad, p.ImportPath+" decides; it must not import "+imp)
		}
	}
	if !decides {
		return bad
	}
	for _, name := range p.GoFiles {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clocks, sel.Sel.Name) {
				bad = append(bad, fset.Position(n.Pos()).String()[:strings.LastIndex(fset.Position(n.Pos()).String(), ":")]+
					": "+p.ImportPath+" decides; it must not call time."+sel.Sel.Name)
			}
			return true
		})
	}
	return bad
}
