package gitpush

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// refsOf lists the refs of the received events in order.
func refsOf(t *testing.T, all []publication) string {
	t.Helper()
	var out []string
	for _, m := range all {
		p := &Push{}
		if err := json.Unmarshal(m.Data, p); err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.TrimPrefix(p.Ref, "refs/heads/"))
	}
	return strings.Join(out, " ")
}

func (w *world) flush() (Flushed, error) {
	return Flush(context.Background(), w.env(w.bare))
}

func (w *world) waits() int {
	names, err := newSpool(w.bare, nil).waiting()
	if err != nil {
		w.t.Error(err)
	}
	return len(names)
}

// TestServerDown pushes while the server is down. Pushes must succeed, and the next push or a flush must send the
// waiting ones once and in order.
func TestServerDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.yard.URL
	w.git("config", "-f", filepath.Join(w.bare, "config"), "hookyard.server", "http://127.0.0.1:1")
	w.commit("a", "one")
	for _, branch := range []string{"b1", "b2", "b3"} {
		if said := w.git("push", "origin", "main:"+branch); !strings.Contains(said, "hookyard-spool") ||
			!strings.Contains(said, "hookyard git flush") {
			t.Errorf("the pusher sees no message: %s", said)
		}
	}
	if _, err := w.flush(); err == nil || w.waits() != 3 {
		t.Fatalf("flush: %v; %d wait", err, w.waits())
	}
	w.git("config", "-f", filepath.Join(w.bare, "config"), "hookyard.server", url)
	w.git("push", "origin", "main:b4")
	if got := refsOf(t, w.yard.take()); got != "b1 b2 b3 b4" || w.waits() != 0 {
		t.Errorf("came: %s; %d wait", got, w.waits())
	}
}

// TestSilentServer has the server accept the request and never respond. The push must end within the time limit.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.yard.set(func() { w.yard.silent = true })
	w.commit("a", "one")
	began := time.Now()
	said := w.git("push", "origin", "main")
	if took := time.Since(began); took < sendTime || took > sendTime+20*time.Second {
		t.Errorf("the push took %s", took)
	}
	if !strings.Contains(said, "it did not respond within 3s") || strings.Contains(said, testToken) {
		t.Errorf("the pusher is told: %s", said)
	}
	w.yard.set(func() { w.yard.silent = false })
	if did, err := w.flush(); err != nil || did.Sent != 1 {
		t.Fatalf("flush: %+v, %v", did, err)
	}
	if got := refsOf(t, w.yard.take()); got != "main" {
		t.Errorf("came: %s", got)
	}
}

// TestRefused distinguishes what the server will never accept from what it may accept later.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code            hookyard.Code
		status, refused int
	}{
		{hookyard.Invalid, http.StatusBadRequest, 1}, {hookyard.TooLarge, http.StatusRequestEntityTooLarge, 1},
		{hookyard.Forbidden, http.StatusForbidden, 0}, {hookyard.Unavailable, http.StatusServiceUnavailable, 0},
		{"", http.StatusBadRequest, 0}, // a proxy's
	} {
		t.Run(fmt.Sprint(c.status, c.code), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.yard.set(func() {
				w.yard.refuse, w.yard.code = c.status, c.code
				w.yard.refuseIf = `"ref":"refs/heads/bad"`
			})
			w.commit("a", "one")
			if said := w.git("push", "origin", "main:bad"); strings.Count(said, "hookyard: ") != 1 ||
				!strings.Contains(said, "the test says no") {
				t.Errorf("the pusher is told: %s", said)
			}
			w.git("push", "origin", "main:good")
			aside, err := filepath.Glob(filepath.Join(w.bare, spoolName, "refused", "*.json"))
			if err != nil || len(aside) != c.refused {
				t.Fatalf("put aside: %v, %v", aside, err)
			}
			if c.refused == 0 {
				if w.waits() != 2 || len(w.yard.take()) != 0 {
					t.Error("what follows did not wait for its turn")
				}
				return
			}
			if got := refsOf(t, w.yard.take()); got != "good" {
				t.Errorf("came: %s", got)
			}
			reason, err := os.ReadFile(strings.TrimSuffix(aside[0], ".json") + ".reason")
			if err != nil || string(reason) != "the test says no\n" {
				t.Errorf("reason %q, %v", reason, err)
			}
		})
	}
}

// TestStranger has another program answer at the server's address, such as a proxy that redirects. Pushes must stay in
// the spool.
func TestStranger(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commit("a", "one")
	for name, f := range map[string]http.HandlerFunc{
		"redirects":  http.RedirectHandler("/elsewhere", http.StatusMovedPermanently).ServeHTTP,
		"keeps 307":  http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect).ServeHTTP,
		"says ok":    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") },
		"says much":  func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, client.Receipt{ID: "1"}) },
		"is silent":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
		"not found":  http.NotFound,
		"not method": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) },
	} {
		w.yard.set(func() { w.yard.stranger = f })
		said := w.git("push", "origin", "main:"+strings.ReplaceAll(name, " ", "-"))
		if !strings.Contains(said, "does not have this push yet") {
			t.Errorf("%s: the pusher is told: %s", name, said)
		}
		if name == "redirects" && !strings.Contains(said, w.yard.URL+"/elsewhere") {
			t.Errorf("the pusher is not told where the server is: %s", said)
		}
	}
	if w.waits() != 7 {
		t.Errorf("%d of 7 pushes wait", w.waits())
	}
	w.yard.set(func() { w.yard.stranger = nil })
	if did, err := w.flush(); err != nil || did.Sent != 7 {
		t.Errorf("flush: %+v, %v", did, err)
	}
}

func TestFinal(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{
		400: true, 409: true, 410: true, 413: true, 415: true, 422: true,
		401: false, 403: false, 404: false, 408: false, 429: false, 500: false, 502: false, 503: false, 302: false,
	} {
		if got := isFinal(fmt.Errorf("told: %w", &client.Error{Status: status, Code: "of hookyard"})); got != want {
			t.Errorf("%d: %t", status, got)
		}
		proxy := &client.Error{Status: status}
		if got := isFinal(proxy); got != (status == http.StatusRequestEntityTooLarge) {
			t.Errorf("%d of a proxy: %t", status, got)
		}
	}
	if isFinal(errors.New("connection refused")) {
		t.Error("a server that is down refused for good")
	}
}

// TestModelEvents checks when model events are sent.
func TestModelEvents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, setting string
		wants, denied bool
		events        int
		hint          string
	}{
		{"not wanted", "", false, false, 1, ""},
		{"wanted", "", true, false, 602, ""},
		{"always", ModelAlways, false, true, 602, ""},
		{"never", ModelNever, true, false, 1, ""},
		{"may not ask", "", true, true, 1, "hookyard.modelEvents"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.install(Settings{Token: testToken, ModelEvents: c.setting})
			w.yard.set(func() { w.yard.model, w.yard.noAsking = c.wants, c.denied })
			tree := w.git("write-tree")
			last := w.git("commit-tree", "-m", "x", tree)
			var in strings.Builder
			for i := range 599 {
				fmt.Fprintf(&in, "commit refs/heads/main\ncommitter C <c@example.org> %d +0000\ndata 1\nx\n",
					1_600_000_000+i)
				if i == 0 {
					fmt.Fprintf(&in, "from %s\n", last)
				}
			}
			stream := filepath.Join(t.TempDir(), "stream")
			if err := os.WriteFile(stream, []byte(in.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			w.git("-c", "alias.in=!git fast-import --quiet <", "in", stream)
			said := w.git("push", "origin", "main")
			if got := len(w.yard.take()); got != c.events {
				t.Errorf("%d events, want %d; the pusher is told: %s", got, c.events, said)
			}
			if strings.Contains(said, "hookyard: ") != (c.hint != "") || !strings.Contains(said, c.hint) {
				t.Errorf("the pusher is told: %s", said)
			}
		})
	}
}

// TestPushesAtOnce has many hooks share the spool. No push may be lost, stored twice or sent twice.
func TestPushesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.commit("a", "one")
	w.git("push", "origin", "main")
	w.yard.take()
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			line := fmt.Sprintf("%s %s refs/heads/b%d\n", zeros, c, i)
			e := w.env(w.bare)
			e.Stdin = strings.NewReader(line)
			if PostReceive(context.Background(), e) != 0 {
				t.Error("the hook failed")
			}
		})
	}
	all.Wait()
	if _, err := w.flush(); err != nil { // some may have reached the time limit on a slow machine
		t.Fatal(err)
	}
	if got := w.yard.take(); len(got) != 12 || w.yard.repeats != 0 {
		t.Errorf("%d events, %d repeats", len(got), w.yard.repeats)
	}
}

// TestRepeat sends a push again whose response was lost.
func TestRepeat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := newSpool(w.bare, nil)
	e := &entry{ID: "push-1", Time: time.Now(), Project: "alice/paint", Push: json.RawMessage(`{"ref":"refs/heads/x"}`)}
	for range 2 {
		if err := s.add(e); err != nil {
			t.Fatal(err)
		}
		if did, err := w.flush(); err != nil || did.Sent != 1 {
			t.Fatalf("%+v, %v", did, err)
		}
	}
	if len(w.yard.take()) != 1 || w.yard.repeats != 1 {
		t.Error("a repeat was kept, or made a new id")
	}
}

// TestCorruptFile checks that a corrupt file does not block others.
func TestCorruptFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commit("a", "one")
	w.push("main")
	if err := os.WriteFile(filepath.Join(w.bare, spoolName, "push_0.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if did, err := w.flush(); err != nil || did.Refused != 1 || !strings.Contains(did.Reason, "does not hold a push") {
		t.Errorf("%+v, %v", did, err)
	}
}

// TestNoSpool checks that a push is published even if the spool cannot be written.
func TestNoSpool(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commit("a", "one")
	if err := os.WriteFile(filepath.Join(w.bare, spoolName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.push("main")
	w.git("config", "-f", filepath.Join(w.bare, "config"), "hookyard.server", "http://127.0.0.1:1")
	if said := w.git("push", "origin", "main:b"); !strings.Contains(said, "can neither be sent") {
		t.Errorf("the pusher is told: %s", said)
	}
}

// TestNeverFails runs the hook with every kind of fault.
func TestNeverFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.commit("a", "one")
	w.push("main")
	gone := strings.Repeat("1", 40)
	for _, l := range []struct{ name, dir, lines, says, comes string }{
		{"no lines", w.bare, "", "", ""},
		{"nonsense", w.bare, "hello\n", "line 1", ""},
		{"no repository", t.TempDir(), zeros + " " + c + " refs/heads/x\n", "is not published", ""},
		{"no such object", w.bare, zeros + " " + gone + " refs/heads/x\n", "", "x"},
		{"earlier value is gone", w.bare, gone + " " + c + " refs/heads/main\n", "", "main"},
		{"deletion of nothing", w.bare, zeros + " " + zeros + " refs/heads/x\n", "", ""},
		{"odd ref", w.bare, zeros + " " + c + " refs/notes/x\n", "", "refs/notes/x"},
	} {
		var said bytes.Buffer
		e := w.env(l.dir)
		e.Stdin, e.Stderr = strings.NewReader(l.lines), &said
		if status := PostReceive(context.Background(), e); status != 0 {
			t.Errorf("%s: status %d", l.name, status)
		}
		if !strings.Contains(said.String(), l.says) || l.says == "" && said.Len() > 0 {
			t.Errorf("%s: said %q", l.name, said.String())
		}
		if got := refsOf(t, w.yard.take()); got != l.comes {
			t.Errorf("%s: came %q", l.name, got)
		}
	}
}

// TestRoom checks that a push that is too large for the server is published with less content.
func TestRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := ""
	for i := range 20 {
		for j := range 10 {
			w.write(fmt.Sprintf("%03d/%0200d", i, j), "x")
		}
		w.git("commit", "-q", "-m", fmt.Sprint("commit ", i))
		c = w.git("rev-parse", "HEAD")
	}
	w.git("push", "origin", "main")
	line := fmt.Sprintf("%s %s refs/heads/main\n", zeros, c)
	for _, room := range []int{64<<10 + 8000, 64<<10 + 20_000, 64<<10 + 60_000} {
		p, err := Read(context.Background(), w.bare, strings.NewReader(line), Options{Project: "a/b", MaxBytes: room})
		if err != nil {
			t.Fatal(err)
		}
		b, err := hookyard.EncodeJSON(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > room || p.HeadCommit == nil || p.HeadCommit.ID != c || len(p.Commits) == 0 ||
			p.Commits[len(p.Commits)-1].ID != c {
			t.Errorf("room for %d: %d bytes, %d commits, head %v", room, len(b), len(p.Commits), p.HeadCommit)
		}
		for _, c := range p.Commits {
			if !c.FilesTruncated && len(c.Added) != 10 {
				t.Errorf("room for %d: %s lost files and does not say so", room, c.Message)
			}
		}
		if p.CommitsTruncated != (len(p.Commits) < 20) || p.CommitsTruncated && p.TotalCommits != 20 {
			t.Errorf("room for %d: %d commits, of %d, truncated %t", room, len(p.Commits), p.TotalCommits,
				p.CommitsTruncated)
		}
	}
}

// TestTimeOut checks that a push is published from its lines alone if reading the repository takes too long.
func TestTimeOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.commit("a", "one")
	w.push("main")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("too slow"))
	p, err := Read(ctx, w.bare, strings.NewReader(zeros+" "+c+" refs/heads/main\n"), Options{Project: "a/b"})
	if err == nil || p == nil || p.After != c || !p.CommitsTruncated || p.Commits == nil {
		t.Errorf("%+v, %v", p, err)
	}
}
