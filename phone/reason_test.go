package phone

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// wrap breaks text between words into rows of at most width.
func wrap(text string, width int) (rows []string) {
	for word := range strings.FieldsSeq(text) {
		if n := len(rows) - 1; n >= 0 && len(rows[n])+1+len(word) <= width {
			rows[n] += " " + word
			continue
		}
		rows = append(rows, word)
	}
	return rows
}

func TestReasonsFitTheScreen(t *testing.T) {
	for _, r := range Reasons() {
		if r.Title == "" || len(r.Title) > 16 {
			t.Errorf("%q: a title has 1 to 16 characters, not %d", r.Title, len(r.Title))
		}
		rows := wrap(r.Hint, 20)
		if len(rows) > 2 || len(r.Hint) > 40 {
			t.Errorf("%q: %q does not fit two rows of 20: %q", r.Title, r.Hint, rows)
		}
		for _, row := range rows {
			if len(row) > 20 {
				t.Errorf("%q: the row %q is longer than 20", r.Title, row)
			}
		}
		for _, c := range r.Title + r.Hint {
			if c < ' ' || c > '}' || c == '\\' {
				t.Errorf("%q: character %q is not on the LCD", r.Title, c)
			}
		}
	}
}

// Reasons leaves none out: neither a response, nor one of those that have a name.
func TestReasonsAreAll(t *testing.T) {
	all := Reasons()
	for code := range 800 {
		for _, r := range []Reason{ReasonFor(code), ReasonForLine(code)} {
			if !slices.Contains(all, r) {
				t.Errorf("%d is missing: %v", code, r)
			}
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list *ast.FuncDecl
	var named []string
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "Reasons" {
			list = f
		}
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, s := range g.Specs {
			if v := s.(*ast.ValueSpec); ast.IsExported(v.Names[0].Name) {
				named = append(named, v.Names[0].Name)
			}
		}
	}
	listed := make(map[string]bool)
	ast.Inspect(list, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			listed[id.Name] = true
		}
		return true
	})
	if len(named) < 20 {
		t.Errorf("only %d reasons have a name: %v", len(named), named)
	}
	for _, name := range named {
		if !listed[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestReasonFor(t *testing.T) {
	for _, tt := range []struct {
		code  int
		title string
		busy  bool
	}{
		{0, "Call ended", false}, {200, "Call ended", false}, {404, "Unknown number", false},
		{486, "Busy", true}, {600, "Busy", true}, {499, "Call refused", false}, {599, "Server error", false},
		{503, "Out of service", false}, {699, "Declined", false}, {399, "Call diverted", false},
		{-1, "Call ended", false}, {487, "Call canceled", false},
	} {
		r := ReasonFor(tt.code)
		if r.Title != tt.title || r.busy() != tt.busy {
			t.Errorf("ReasonFor(%d) = %+v, busy %v; want %q, busy %v", tt.code, r, r.busy(), tt.title, tt.busy)
		}
	}
}

func TestReasonForLine(t *testing.T) {
	for _, tt := range []struct {
		code  int
		title string
	}{
		{401, "Wrong password"}, {403, "Account refused"}, {404, "Unknown account"}, {408, "No reply"}, {0, "No reply"},
		{503, "Out of service"}, {499, "Not registered"}, {302, "Not registered"}, {606, "Not registered"},
	} {
		if r := ReasonForLine(tt.code); r.Title != tt.title {
			t.Errorf("ReasonForLine(%d) = %+v, want %q", tt.code, r, tt.title)
		}
	}
	if r := ReasonForLine(403); r == ReasonFor(403) {
		t.Errorf("a refused account reads like a barred number: %+v", r)
	}
}
