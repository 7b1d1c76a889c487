package hookyard_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"
)

// maxWayFiles is how many files a reader opens to follow one event.
const maxWayFiles = 14

// TestWayOfOneEvent holds the list in ARCHITECTURE.md to the code: each file exists and has the function, and each
// function is called by the one above it that stands further left, unless a hop is marked.
func TestWayOfOneEvent(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "## The way of one event")
	_, list, _ = strings.Cut(list, "```\n")
	list, _, _ = strings.Cut(list, "```")
	type step struct {
		indent int
		name   string
		bodies []*ast.FuncDecl
	}
	line := regexp.MustCompile(`^(~ )?( *)(\w+) +(\S+\.go)( |$)`)
	var above []step
	files := map[string]*ast.File{}
	steps := 0
	for text := range strings.Lines(list) {
		m := line.FindStringSubmatch(strings.TrimSuffix(text, "\n"))
		if m == nil {
			t.Errorf("a line of the list is not indent, function, file, text: %q", text)
			continue
		}
		name, file := m[3], m[4]
		if files[file] == nil {
			if files[file], err = parser.ParseFile(token.NewFileSet(), file, nil, 0); err != nil {
				t.Fatal(err)
			}
		}
		s := step{indent: len(m[2]), name: name, bodies: functions(files[file], name)}
		if len(s.bodies) == 0 {
			t.Errorf("%s has no function %s", file, name)
		}
		for len(above) > 0 && above[len(above)-1].indent >= s.indent {
			above = above[:len(above)-1]
		}
		if hop := m[1] != ""; !hop && steps > 0 {
			if len(above) == 0 {
				t.Errorf("%s of %s stands under nothing and is not marked as a hop", name, file)
			} else if caller := above[len(above)-1]; !calls(caller.bodies, name) {
				t.Errorf("%s does not call %s of %s", caller.name, name, file)
			}
		}
		above = append(above, s)
		steps++
	}
	if steps < 10 || len(files) > maxWayFiles {
		t.Errorf("the list has %d functions in %d files; want at least 10, and at most %d files", steps, len(files),
			maxWayFiles)
	}
}

// functions returns the functions and methods of a name.
func functions(f *ast.File, name string) (out []*ast.FuncDecl) {
	for _, d := range f.Decls {
		if d, ok := d.(*ast.FuncDecl); ok && d.Name.Name == name && d.Body != nil {
			out = append(out, d)
		}
	}
	return out
}

// calls says whether one of the functions has a call of a function or method of that name.
func calls(bodies []*ast.FuncDecl, name string) (found bool) {
	for _, d := range bodies {
		ast.Inspect(d.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			switch f := call.Fun.(type) {
			case *ast.Ident:
				found = found || f.Name == name
			case *ast.SelectorExpr:
				found = found || f.Sel.Name == name
			}
			return true
		})
	}
	return found
}
