package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/bin"
)

func described(t *testing.T) *API {
	t.Helper()
	live := func(http.ResponseWriter, *http.Request, string, string) error { return nil }
	a, err := New(Options{Limits: hookyard.DefaultLimits(), Version: "1.2.3", Bins: bin.New(bin.Options{}),
		Stream: live, Poll: live})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestOpenAPI holds that what is mounted is described and what is described is mounted, under both prefixes.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	a := described(t)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Responses   map[string]any
		}
	}
	if err := json.Unmarshal(a.spec.json, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("OpenAPI %s, want 3.1.0", doc.OpenAPI)
	}
	live := map[string]bool{}
	for _, rt := range a.routes() {
		live[rt.path] = rt.live
	}
	var there []string
	for path, methods := range doc.Paths {
		for method, op := range methods {
			there = append(there, strings.ToUpper(method)+" "+strings.TrimSuffix(path, "/"))
			if op.OperationID == "" || len(op.Responses) < 2 {
				t.Errorf("%s %s is not described", method, path)
			}
			for _, prefix := range []string{"/api", "/api/v1"} {
				r := httptest.NewRequest(strings.ToUpper(method),
					strings.TrimSuffix(prefix+regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(path, "x"), "/"), nil)
				if _, pattern := a.mux.Handler(r); !strings.HasSuffix(pattern, strings.TrimSuffix(prefix+path, "/")) ||
					!live[path] && !strings.HasPrefix(pattern, strings.ToUpper(method)+" ") {
					t.Errorf("%s %s%s is described and not mounted (%q answers)", method, prefix, path, pattern)
				}
			}
		}
	}
	for _, rt := range a.routes() {
		if !slices.Contains(there, rt.method+" "+rt.path) {
			t.Errorf("%s %s is mounted and not described", rt.method, rt.path)
		}
	}
	var ids []string
	for path, methods := range doc.Paths {
		for method, op := range methods {
			ids = append(ids, op.OperationID+" "+strings.ToUpper(method)+" "+path+"\n")
		}
	}
	slices.Sort(ids)
	want, err := os.ReadFile("testdata/operations.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.SplitAfter(string(want), "\n"), append(ids, "")); diff != "" {
		t.Errorf("operations differ from testdata/operations.txt, and the methods of generated clients:\n%s", diff)
	}
	if strings.Contains(string(a.spec.json), "$schema") {
		t.Error("the description holds $schema links")
	}
}

// TestSpecRefs holds that every reference leads to a schema.
func TestSpecRefs(t *testing.T) {
	t.Parallel()
	a := described(t)
	all := a.spec.doc.Components.Schemas.Map()
	for _, m := range regexp.MustCompile(`#/components/schemas/([A-Za-z0-9]+)`).FindAllStringSubmatch(
		string(a.spec.json), -1) {
		if all[m[1]] == nil {
			t.Errorf("no schema %s", m[1])
		}
	}
	hook := all["Hook"]
	if hook == nil || hook.Properties["timeout"].Type != "string" || len(hook.Properties["events"].OneOf) != 2 {
		t.Errorf("schema of a hook: %+v", hook)
	}
}

// TestDocs holds that the page needs nothing from elsewhere and that its links lead somewhere.
func TestDocs(t *testing.T) {
	t.Parallel()
	a := described(t)
	docs, err := a.Docs()
	if err != nil {
		t.Fatal(err)
	}
	page := string(docs)
	ids, links := map[string]bool{}, []string{}
	for z := html.NewTokenizer(strings.NewReader(page)); z.Next() != html.ErrorToken; {
		token := z.Token()
		if slices.Contains([]string{"script", "link", "img", "iframe"}, token.Data) {
			t.Errorf("the page has <%s>", token.Data)
		}
		for _, attr := range token.Attr {
			switch attr.Key {
			case "id":
				ids[attr.Val] = true
			case "href":
				links = append(links, attr.Val)
			}
		}
	}
	for _, link := range links {
		id, ok := strings.CutPrefix(link, "#")
		if ok && !ids[id] || !ok && !strings.HasPrefix(link, "/api/openapi.") {
			t.Errorf("link to %s leads nowhere", link)
		}
	}
	for _, rt := range a.routes() {
		if !strings.Contains(page, html.EscapeString(rt.summary)) {
			t.Errorf("the page does not describe %s %s", rt.method, rt.path)
		}
	}
}
