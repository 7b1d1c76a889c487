package web_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// reads are the methods of the store that pages call. All of them read: what a page changes, it changes by control.
var reads = []string{
	"Bounds", "Deliveries", "Event", "Events", "Hook", "HookAttempts", "HookByKey",
	"HookMissed", "Hooks", "Lag", "NextDue", "Nodes", "OldestDue", "Outcomes", "RecentTypes", "Refused", "RefusedKeys",
	"Series",
	"Size", "Tokens", "Totals", "UserGroups", "Version",
}

// TestPagesOnlyRead finds every call of the store in this package, and every mention of it that is not a call.
func TestPagesOnlyRead(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	used := map[string]bool{}
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, file.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		called := map[ast.Node]bool{}
		ast.Inspect(f, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if isStore(sel.X) {
				called[sel.X] = true
				used[sel.Sel.Name] = true
				if !slices.Contains(reads, sel.Sel.Name) {
					t.Errorf("%s: a page calls Store.%s, which is not on the list of reads", fset.Position(sel.Pos()),
						sel.Sel.Name)
				}
			}
			if isStore(sel) && !called[sel] && file.Name() != "web.go" {
				t.Errorf("%s: the store is handed on", fset.Position(sel.Pos()))
			}
			return true
		})
	}
	for _, name := range reads {
		if !used[name] {
			t.Errorf("no page calls Store.%s any more: take it off the list", name)
		}
	}
}

// isStore reports whether an expression is the store: a field of that name in any case.
func isStore(e ast.Expr) bool {
	sel, ok := e.(*ast.SelectorExpr)
	return ok && strings.EqualFold(sel.Sel.Name, "store")
}
