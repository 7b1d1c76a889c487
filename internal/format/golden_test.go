package format

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/hookyard/hookyard"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// A golden file holds an event and its form in every format. Its comment describes the event, in lines "by: publish" or
// "by: inbound", "type:", "content-type:" and headers.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 11 {
		t.Fatalf("golden files: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in := input(goldenEvent(t, a))
			in.Hook.Template = `{{ .Type }} in {{ .Project }} by {{ get "sender.login" | default "somebody" }}`
			in.Hook.Secrets = []hookyard.Secret{{Value: "s3cret"}}
			in.Thread = "spaces/A/threads/B"
			before := bytes.Clone(in.Event.Body)
			got := &txtar.Archive{Comment: a.Comment, Files: a.Files[:1]}
			for _, name := range Names() {
				got.Files = append(got.Files, txtar.File{Name: name, Data: render(t, name, in)})
			}
			if !bytes.Equal(before, in.Event.Body) {
				t.Error("a format changed the event")
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(txtar.Format(a)), string(txtar.Format(got))); diff != "" {
				t.Errorf("differs (-want +got; run with -update if that is right):\n%s", diff)
			}
		})
	}
}

func goldenEvent(t *testing.T, a *txtar.Archive) *hookyard.Event {
	t.Helper()
	h := http.Header{}
	for line := range strings.Lines(string(a.Comment)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			h.Set(name, value)
		}
	}
	body := strings.TrimSuffix(string(a.Files[0].Data), "\n")
	var e *hookyard.Event
	switch h.Get("By") {
	case "publish":
		e = published(t, h.Get("Type"), body)
	case "inbound":
		e = inbound(h.Get("Type"), h.Get("Content-Type"), body)
	default:
		t.Fatalf("comment says by: %q", h.Get("By"))
	}
	h.Del("By")
	h.Del("Type")
	e.Header = h
	return e
}

// render returns the headers and body that a format produced.
func render(t *testing.T, format string, in Input) []byte {
	t.Helper()
	s, err := Shape(format, in)
	if err != nil {
		return fmt.Appendf(nil, "error: %v\n", err)
	}
	if strings.Contains(s.ContentType, "json") && s.ContentType != in.Event.ContentType && !json.Valid(s.Body) {
		t.Errorf("%s is not JSON: %s", format, s.Body)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "Content-Type: %s\n", s.ContentType)
	for _, name := range slices.Sorted(maps.Keys(s.Header)) {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(s.Header[name], ", "))
	}
	if s.Resource != "" {
		fmt.Fprintf(&b, "(resource: %s)\n", s.Resource)
	}
	fmt.Fprintf(&b, "\n%s\n", s.Body)
	return b.Bytes()
}
