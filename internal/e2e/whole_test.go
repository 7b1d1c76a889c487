package e2e_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
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
	"github.com/hookyard/hookyard/client"
)

// TestWholeGolden sends requests of providers through a hook of format raw and compares what arrives with
// testdata/whole: HOOKYARD_UPDATE=1 writes it.
func TestWholeGolden(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "golden")
	files, err := filepath.Glob("testdata/whole/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		rc := newReceiver(t, nil)
		y.hook(name, rc.url+"/receive", client.HookPatch{Filter: ptr(`source == "` + name + `"`),
			Forward: &hookyard.Forward{Path: ptr(true)}})
		archive, err := txtar.ParseFile(file)
		if err != nil || len(archive.Files) != 2 {
			t.Fatalf("%s: %v", file, err)
		}
		sent, want := &archive.Files[0], &archive.Files[1]
		head, body, _ := bytes.Cut(sent.Data, []byte("\n\n"))
		body = bytes.TrimSuffix(body, []byte("\n"))
		r, err := http.ReadRequest(bufio.NewReader(io.MultiReader(bytes.NewReader(head), strings.NewReader("\n\n"))))
		if err != nil {
			t.Fatal(file, err)
		}
		pass(t, r.Method, strings.TrimSuffix(y.source(name, "none", "", client.SourcePatch{})+r.RequestURI, "/"),
			string(body), r.Header)
		got := arrived(rc.wait(t, 1)[0])
		if os.Getenv("HOOKYARD_UPDATE") != "" {
			want.Data = []byte(got)
			if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(string(want.Data), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

// arrived writes a request as text, with ? for what differs from one run to the next.
func arrived(a arrival) string {
	var b strings.Builder
	target := a.path
	if a.query != "" {
		target += "?" + a.query
	}
	fmt.Fprintf(&b, "%s %s\n", a.method, target)
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		value := a.header.Get(name)
		switch name {
		case "Webhook-Id", "Webhook-Timestamp", "X-Github-Delivery", "X-Github-Hook-Id", "Content-Length":
			value = "?"
		case "User-Agent":
			value, _, _ = strings.Cut(value, "/")
		}
		fmt.Fprintf(&b, "%s: %s\n", name, value)
	}
	fmt.Fprintf(&b, "\n%s\n", a.body)
	return b.String()
}
