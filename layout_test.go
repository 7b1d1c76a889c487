package hookyard_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/hookyard/hookyard"

// imports lists which of our packages a package may import; tests may import more. "" is the root package. A package
// marked with std imports nothing outside the standard library. To add a package or an import is a decision, made here.
var imports = map[string][]string{
	"":                   {std},
	"client":             {""},
	"client/webhooktest": {"signature", std},
	"cmd/hookyard":       {"internal/cli"},
	"signature":          {std},
	"internal/egress":    {""},
	"internal/testenv":   {},
	"internal/budget":    {""},
	"internal/filter":    {""},
	"internal/format":    {""},
	"internal/encoding":  {""},
	"internal/inbound":   {""},
	"internal/curl":      {""},
	"internal/auth":      {""},
	"internal/oidc":      {""},
	"internal/passkey":   {""},
	"internal/store":     {""},
	"internal/quota":     {""},
	"internal/catalogue": {""},
	"internal/ingest": {"", "internal/budget", "internal/encoding", "internal/inbound", "internal/quota",
		"signature"},
	"internal/dispatch": {"", "internal/budget", "internal/egress", "internal/format", "signature"},
	"internal/stream":   {"", "client", "internal/inbound", "internal/quota"},
	"internal/relay":    {"", "internal/inbound", "signature", "internal/stream"},
	"internal/bin": {"", "client", "internal/auth", "internal/curl", "internal/egress", "internal/inbound",
		"signature"},
	"internal/gitpush":  {"", "client"},
	"internal/rabbitmq": {"", "internal/budget", "internal/egress", "internal/encoding"},
	"internal/control": {"", "signature", "internal/auth", "internal/catalogue", "internal/filter", "internal/format",
		"internal/passkey", "internal/quota", "internal/store"},
	"internal/api": {"", "client", "internal/auth", "internal/bin", "internal/control", "internal/inbound",
		"signature"},
	"internal/svix": {"", "internal/auth", "internal/control", "internal/inbound", "signature"},
	"internal/web": {"", "client", "internal/auth", "internal/bin", "internal/catalogue", "internal/control",
		"internal/curl", "internal/dispatch", "internal/filter", "internal/format", "internal/inbound",
		"internal/oidc", "signature", "internal/store"},
	"internal/app": {"", "client", "internal/api", "internal/auth", "internal/bin", "internal/budget",
		"internal/control", "internal/dispatch", "internal/egress", "internal/encoding", "internal/filter",
		"internal/inbound", "internal/ingest", "internal/oidc", "internal/quota", "internal/rabbitmq",
		"internal/relay", "internal/store", "internal/stream", "internal/svix", "internal/web"},
	"internal/bench": {"", "client", "internal/store"},
	"internal/cli": {"", "client", "internal/app", "internal/bench", "internal/curl", "internal/format",
		"internal/gitpush", "signature"},
	"internal/e2e":             {},
	"internal/store/storetest": {"", "internal/encoding", "internal/testenv", "internal/store"},

	"examples/guestbook":         {"", "client", "internal/app"},
	"examples/receivers":         {},
	"examples/receivers/chat":    {"examples/receivers"},
	"examples/receivers/history": {"examples/receivers"},
}

const std = "the standard library only"

// TestImportMap checks the imports of every package against the map, and that it has exactly one package comment.
func TestImportMap(t *testing.T) {
	t.Parallel()
	comments := map[string]int{}
	eachFile(t, func(name string, isTest bool) {
		dir := path.Dir(filepath.ToSlash(name))
		if dir == "." {
			dir = ""
		}
		allowed, known := imports[dir]
		if !known {
			if !isTest || !strings.HasPrefix(dir, "examples/") {
				t.Errorf("package %q is not in the map of layout_test.go", dir)
			}
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if isTest {
			return
		}
		comments[dir] += 0
		if f.Doc != nil {
			comments[dir]++
		}
		for _, spec := range f.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			ours, isOurs := strings.CutPrefix(p, module)
			ours = strings.TrimPrefix(ours, "/")
			first, _, _ := strings.Cut(p, "/")
			switch {
			case isOurs && !slices.Contains(allowed, ours):
				t.Errorf("%s imports %s, which the map of layout_test.go does not allow", name, p)
			case !isOurs && strings.Contains(first, ".") && slices.Contains(allowed, std):
				t.Errorf("%s imports %s; %q may import %s", name, p, dir, std)
			}
		}
	})
	for dir, n := range comments {
		if n != 1 {
			t.Errorf("package %q has %d package comments; want one", dir, n)
		}
	}
}

// maxChain is how many packages may stand one on the other, the root package and the commands not counted.
const maxChain = 5

// TestChain holds the longest way along the map's arrows: a reader who follows an import keeps that many packages in
// mind.
func TestChain(t *testing.T) {
	t.Parallel()
	longest := map[string][]string{}
	var chain func(pkg string) []string
	chain = func(pkg string) []string {
		if known, ok := longest[pkg]; ok {
			return known
		}
		var below []string
		for _, p := range imports[pkg] {
			if p != "" && p != std {
				if c := chain(p); len(c) > len(below) {
					below = c
				}
			}
		}
		longest[pkg] = append([]string{pkg}, below...)
		return longest[pkg]
	}
	for pkg := range imports {
		if strings.HasPrefix(pkg, "cmd/") || strings.HasPrefix(pkg, "examples/") {
			continue
		}
		if c := chain(pkg); len(c) > maxChain {
			t.Errorf("%d packages stand one on the other; at most %d: %s", len(c), maxChain, strings.Join(c, " → "))
		}
	}
}

func eachFile(t *testing.T, f func(name string, isTest bool)) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") &&
			name != "." || d.Name() == "tools") {
			return fs.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(name, ".go") {
			f(name, strings.HasSuffix(name, "_test.go"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
