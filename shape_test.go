package hookyard_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// The shape of the code. A file, function or interface beyond these has become more than one thing.
const (
	maxFileLines     = 500
	maxFuncLines     = 80
	maxMethods       = 8
	maxColumns       = 120
	tabWidth         = 4
	maxAssignedPairs = 2 // "a, b = x, y" is the widest; a call that returns more is fine
)

// TestShape holds every Go file, tests included, to the limits above. Tables are data and not code: the lines inside a
// slice, array or map literal do not count toward the length of the function around it. A function literal is a
// function of its own and is held to the limit wherever it stands.
func TestShape(t *testing.T) {
	t.Parallel()
	eachFile(t, func(name string, _ bool) {
		report := func(line int, format string, args ...any) {
			t.Helper()
			t.Errorf("%s:%d: "+format, append([]any{name, line}, args...)...)
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		checkLines(string(src), report)
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		line := func(p token.Pos) int { return fset.Position(p).Line }
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if l := funcLines(n, line); l > maxFuncLines {
					report(line(n.Pos()), "function %s has %d lines; at most %d", n.Name, l, maxFuncLines)
				}
			case *ast.FuncLit:
				if l := funcLines(n, line); l > maxFuncLines {
					report(line(n.Pos()), "function literal has %d lines; at most %d", l, maxFuncLines)
				}
			case *ast.InterfaceType:
				if m := n.Methods.NumFields(); m > maxMethods {
					report(line(n.Pos()), "interface has %d methods; at most %d", m, maxMethods)
				}
			case *ast.AssignStmt:
				if len(n.Rhs) > maxAssignedPairs {
					report(line(n.Pos()), "assigns %d values in one statement; give each a line", len(n.Rhs))
				}
			case *ast.ValueSpec:
				if len(n.Values) > maxAssignedPairs {
					report(line(n.Pos()), "assigns %d values in one declaration; give each a line", len(n.Values))
				}
			}
			return true
		})
	})
}

// checkLines reports lines that are too wide and a file that is too long.
func checkLines(src string, report func(line int, format string, args ...any)) {
	n := 0
	for text := range strings.Lines(src) {
		n++
		text = strings.TrimRight(text, "\n")
		columns := utf8.RuneCountInString(text) + strings.Count(text, "\t")*(tabWidth-1)
		if columns > maxColumns {
			report(n, "line has %d columns; at most %d", columns, maxColumns)
		}
	}
	if n > maxFileLines {
		report(1, "file has %d lines; at most %d", n, maxFileLines)
	}
}

// funcLines counts the lines of a function, less those inside its tables.
func funcLines(f ast.Node, line func(token.Pos) int) int {
	n := line(f.End()) - line(f.Pos()) + 1
	ast.Inspect(f, func(node ast.Node) bool {
		table, ok := node.(*ast.CompositeLit)
		if !ok {
			return true
		}
		switch table.Type.(type) {
		case *ast.ArrayType, *ast.MapType:
			n -= line(table.Rbrace) - line(table.Lbrace)
			return false
		}
		return true
	})
	return n
}
