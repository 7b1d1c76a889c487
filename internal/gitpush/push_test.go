package gitpush

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const zeros = "0000000000000000000000000000000000000000"

// brief is the expectation of a table for a push.
type brief struct {
	Ref, Before, After       string
	Created, Deleted, Forced bool
	Base, Compare, Head      string
	Commits                  []string // first lines, oldest first; * marks those that are new to the repository
}

func briefly(p *Push) brief {
	b := brief{p.Ref, p.Before, p.After, p.Created, p.Deleted, p.Forced, "",
		strings.TrimPrefix(p.Compare, "https://git.example/alice/paint/compare/"), "", nil}
	if p.BaseRef != nil {
		b.Base = *p.BaseRef
	}
	if p.HeadCommit != nil {
		b.Head = p.HeadCommit.ID
	}
	for _, c := range p.Commits {
		line, _, _ := strings.Cut(c.Message, "\n")
		if c.Distinct {
			line = "*" + line
		}
		b.Commits = append(b.Commits, line)
	}
	return b
}

func want(t *testing.T, p *Push, b brief) {
	t.Helper()
	if diff := cmp.Diff(b, briefly(p)); diff != "" {
		t.Errorf("push (-want +got):\n%s", diff)
	}
}

func between(a, b string) string { return a[:12] + "..." + b[:12] }

// TestLifeOfABranch pushes a sequence of changes of branches.
func TestLifeOfABranch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commit("a", "one")
	c2 := w.commit("b", "two")
	want(t, w.push("main"), brief{Ref: "refs/heads/main", Before: zeros, After: c2, Created: true, Compare: "main",
		Head: c2, Commits: []string{"*one", "*two"}})

	w.git("checkout", "-q", "-b", "side/물감")
	p := w.push("side/물감") // only the name is new
	want(t, p, brief{Ref: "refs/heads/side/물감", Before: zeros, After: c2, Created: true, Base: "refs/heads/main",
		Compare: "side/%EB%AC%BC%EA%B0%90", Head: c2})

	c3 := w.commit("c", "three")
	want(t, w.push("side/물감"), brief{Ref: "refs/heads/side/물감", Before: c2, After: c3, Compare: between(c2, c3),
		Head: c3, Commits: []string{"*three"}})

	w.git("checkout", "-q", "main")
	w.git("merge", "-q", "--ff-only", "side/물감")
	// the other branch contained it
	want(t, w.push("main"), brief{Ref: "refs/heads/main", Before: c2, After: c3, Compare: between(c2, c3), Head: c3,
		Commits: []string{"three"}})

	w.git("checkout", "-q", "side/물감")
	w.commit("d", "four")
	w.git("checkout", "-q", "main")
	w.commit("e", "five")
	w.git("merge", "-q", "--no-ff", "-m", "merge", "side/물감")
	m := w.git("rev-parse", "HEAD")
	p = w.push("main")
	want(t, p, brief{Ref: "refs/heads/main", Before: c3, After: m, Compare: between(c3, m), Head: m,
		Commits: []string{"*four", "*five", "*merge"}})
	if diff := cmp.Diff([]string{"d"}, p.HeadCommit.Added); diff != "" { // relative to the first parent
		t.Errorf("files of the merge:\n%s", diff)
	}

	w.git("reset", "-q", "--hard", c3)
	c6 := w.commit("f", "six")
	want(t, w.push("--force", "main"), brief{Ref: "refs/heads/main", Before: m, After: c6, Forced: true,
		Compare: between(m, c6), Head: c6, Commits: []string{"*six"}})

	w.git("commit", "-q", "--allow-empty", "-m", "empty")
	c7 := w.git("rev-parse", "HEAD")
	p = w.push("main")
	want(t, p, brief{Ref: "refs/heads/main", Before: c6, After: c7, Compare: between(c6, c7), Head: c7,
		Commits: []string{"*empty"}})
	if c := p.HeadCommit; len(c.Added)+len(c.Removed)+len(c.Modified) != 0 || c.Added == nil || c.FilesTruncated {
		t.Errorf("an empty commit has files: %+v", c)
	}

	side := w.git("rev-parse", "origin/side/물감")
	want(t, w.push("--delete", "side/물감"), brief{Ref: "refs/heads/side/물감", Before: side, After: zeros, Deleted: true,
		Compare: between(side, zeros)})
}

func TestTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c1 := w.commit("a", "one")
	w.push("main")
	w.git("tag", "light")
	want(t, w.push("light"), brief{Ref: "refs/tags/light", Before: zeros, After: c1, Created: true,
		Base: "refs/heads/main", Compare: "light", Head: c1})

	w.git("tag", "-a", "-m", "told", "v1")
	object := w.git("rev-parse", "v1")
	want(t, w.push("v1"), brief{Ref: "refs/tags/v1", Before: zeros, After: object, Created: true,
		Base: "refs/heads/main", Compare: "v1", Head: c1})

	c2 := w.commit("b", "two")
	w.git("tag", "-f", "light")
	want(t, w.push("-f", "light"), brief{Ref: "refs/tags/light", Before: c1, After: c2, Forced: true,
		Compare: between(c1, c2), Head: c2, Commits: []string{"*two"}})

	blob := w.git("rev-parse", "HEAD:a")
	w.git("tag", "blob", blob)
	want(t, w.push("blob"), brief{Ref: "refs/tags/blob", Before: zeros, After: blob, Created: true, Compare: "blob"})
	want(t, w.push("--delete", "v1"), brief{Ref: "refs/tags/v1", Before: object, After: zeros, Deleted: true,
		Compare: between(object, zeros)})
}

func TestSeveralRefs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c1 := w.commit("a", "one")
	w.git("branch", "gone")
	w.push("main", "gone")
	c2 := w.commit("b", "two")
	w.git("checkout", "-q", "-b", "next")
	c3 := w.commit("c", "three")
	w.git("tag", "v1")
	p := w.push(":gone", "main", "next", "v1")
	want(t, p, brief{Ref: "refs/heads/main", Before: c1, After: c2, Compare: between(c1, c2), Head: c2,
		Commits: []string{"*two", "*three"}})
	next, url := "refs/heads/next", "https://git.example/alice/paint/compare/"
	refs := []Ref{
		{Ref: "refs/heads/main", Before: c1, After: c2, Compare: url + between(c1, c2)},
		{Ref: "refs/heads/gone", Before: c1, After: zeros, Deleted: true, Compare: url + between(c1, zeros)},
		{Ref: "refs/heads/next", Before: zeros, After: c3, Created: true, Compare: url + "next"},
		{Ref: "refs/tags/v1", Before: zeros, After: c3, Created: true, BaseRef: &next, Compare: url + "v1"},
	}
	byName := func(refs []Ref) map[string]Ref {
		m := map[string]Ref{}
		for _, r := range refs {
			m[r.Ref] = r
		}
		return m
	}
	if diff := cmp.Diff(byName(refs), byName(p.Refs)); diff != "" {
		t.Errorf("refs (-want +got):\n%s", diff)
	}
}

// TestOddPathsAndTexts pushes unusual names and messages.
func TestOddPathsAndTexts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("old name", "the same content before and after, long enough to be found again")
	w.write("dir/binary", "\x00\x01\x02\xff")
	w.write("gone", "x")
	w.git("commit", "-q", "-m", "before")
	w.push("main")
	w.write("line\nbreak", "x")
	w.write("그림/수채화.txt", "x")
	w.write("<a>&\"\t\\", "x")
	w.write("latin-\xe9", "x")
	w.write("dir/binary", "\x00\x01\x02\xfe")
	w.git("mv", "old name", "new name")
	w.git("rm", "-q", "gone")
	message := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(message, []byte("caf\xe9 <b>\n\nlong\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.git("-c", "i18n.commitEncoding=ISO-8859-1", "commit", "-q", "-F", message)
	w.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", "")
	raw := w.git("cat-file", "commit", "HEAD") + "\n\ncaf\xe9 <b>\n"
	if err := os.WriteFile(message, []byte(raw), 0o600); err != nil { // git commit would correct it
		t.Fatal(err)
	}
	w.git("reset", "-q", "--soft", w.git("hash-object", "-t", "commit", "-w", "--literally", message))
	p := w.push("main")
	if len(p.Commits) != 2 {
		t.Fatalf("%d commits", len(p.Commits))
	}
	c := p.Commits[0]
	for _, l := range []struct {
		what      string
		want, got []string
	}{
		{"added", []string{"<a>&\"\t\\", "latin-\uFFFD", "line\nbreak", "new name", "그림/수채화.txt"}, c.Added},
		{"removed", []string{"gone", "old name"}, c.Removed},
		{"modified", []string{"dir/binary"}, c.Modified},
		{"messages", []string{"café <b>\n\nlong\n", "caf\uFFFD <b>\n"}, []string{c.Message, p.Commits[1].Message}},
	} {
		if diff := cmp.Diff(l.want, l.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", l.what, diff)
		}
	}
}

// TestThousands pushes an import: the newest 2,048 commits are listed and all are counted.
func TestThousands(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var in strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&in,
			"commit refs/heads/main\nmark :%d\ncommitter C <c@example.org> %d +0000\ndata <<.\ncommit %d\n.\n", i+1,
			1_600_000_000+i, i+1)
		fmt.Fprintf(&in, "M 100644 inline file%d\ndata <<.\n%d\n.\n\n", i, i)
	}
	stream := filepath.Join(t.TempDir(), "stream")
	if err := os.WriteFile(stream, []byte(in.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	w.git("-c", "alias.in=!git fast-import --quiet <", "in", stream)
	p := w.push("main")
	if len(p.Commits) != 2048 || !p.CommitsTruncated || p.TotalCommits != 3000 {
		t.Fatalf("%d commits of %d, truncated %t", len(p.Commits), p.TotalCommits, p.CommitsTruncated)
	}
	for i, c := range p.Commits {
		if c.Message != fmt.Sprintf("commit %d\n", i+953) || len(c.Added) != 1 ||
			c.Added[0] != fmt.Sprintf("file%d", i+952) || !c.Distinct {
			t.Fatalf("commit %d is %+v", i, c)
		}
	}
	if p.HeadCommit.ID != p.After || p.Commits[2047].ID != p.After {
		t.Error("the head is not the last")
	}
}

var updateGolden = flag.Bool("update", false, "rewrite the golden files")

// TestGolden checks a whole event and its model events.
func TestGolden(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := os.WriteFile(filepath.Join(w.bare, "description"), []byte("Colours & <more>\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.yard.set(func() { w.yard.model = true })
	w.commit("a", "one")
	w.git("branch", "old")
	w.git("tag", "v0")
	w.git("push", "origin", "main", "old", "v0")
	w.yard.take()
	w.commit("b/c", "two\n\nWith <a> body & more")
	w.git("tag", "-a", "-m", "told", "v1")
	w.git("branch", "new")
	w.git("push", "origin", "main", "new", "v1", ":old", ":v0")
	var out strings.Builder
	for _, m := range w.yard.take() {
		var b bytes.Buffer
		if err := json.Indent(&b, m.Data, "", "\t"); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "-- %s --\n%s\n", m.Type,
			regexp.MustCompile(`"pushed_at": \d{10}`).ReplaceAll(b.Bytes(), []byte(`"pushed_at": 1700000000`)))
	}
	file := filepath.Join("testdata", "push.txt")
	if *updateGolden {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(golden), out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
