package signature

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestProvidersInDoc compares the table of providers in the package documentation with the one in the code. With
// -update it writes the former.
func TestProvidersInDoc(t *testing.T) {
	t.Parallel()
	const begin, end = "// The providers:\n", "package signature\n"
	b, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), begin)
	got, _, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("doc.go has no place for the table, between %q and %q", begin, end)
	}
	want := providerTable()
	if *update {
		if err := os.WriteFile("doc.go", []byte(before+begin+want+end), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("doc.go (-want +got), rewrite it with go test -run TestProvidersInDoc -update:\n%s", diff)
	}
}

// providerTable returns the table as a preformatted block of a doc comment.
func providerTable() string {
	var b strings.Builder
	b.WriteString("//\n")
	for _, name := range Names() {
		e := find(name)
		line := fmt.Sprintf("%-17s %-36s %s", name, e.title, describe(e))
		if e.handshake != nil {
			line += "; handshake"
		}
		b.WriteString("//\t" + line + "\n")
	}
	return b.String()
}

// describe says in a few words what a provider's requests are verified by.
func describe(e *entry) string {
	switch {
	case e.secret == unused:
		return "nothing"
	case e.name == "hmac":
		return "the scheme given to New"
	case e.name == "twilio":
		return "hmac-sha1, URL"
	case e.method == "basic":
		return "user and password"
	case e.method != "":
		return e.method
	}
	var proofs, extras []string
	add := func(list *[]string, text string) {
		if !slices.Contains(*list, text) {
			*list = append(*list, text)
		}
	}
	for _, s := range e.schemes {
		if s.Algorithm == plain {
			add(&proofs, "token "+s.Header)
			continue
		}
		if err := s.complete(); err != nil {
			return err.Error()
		}
		add(&proofs, s.Algorithm)
		if s.TimestampHeader+s.TimestampKey+s.TimestampField != "" && s.Tolerance >= 0 {
			add(&extras, ", timestamp")
		}
		if strings.Contains(s.Content, "{ur") {
			add(&extras, ", URL")
		}
	}
	return strings.Join(proofs, " or ") + strings.Join(extras, "")
}
