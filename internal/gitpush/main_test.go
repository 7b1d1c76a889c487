package gitpush

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// asHook makes the test binary the program of the hook, so that git runs it.
const asHook = "HOOKYARD_TEST_AS_HOOK=1"

func TestMain(m *testing.M) {
	if slices.Contains(os.Environ(), asHook) {
		os.Exit(PostReceive(context.Background(),
			Env{Dir: ".", Stdin: os.Stdin, Stderr: os.Stderr, Environ: os.Environ()}))
	}
	os.Exit(m.Run())
}

// publication is a received publication.
type publication struct {
	ID   string          `json:"id"`
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// yard is the server. It stores publications, once for each id, and can be made to fail.
type yard struct {
	*httptest.Server
	mu       sync.Mutex // guards the fields below
	seen     map[string]bool
	messages []publication
	refuse   int // status for every request that contains refuseIf
	refuseIf string
	code     hookyard.Code
	stranger http.HandlerFunc // responds in place of the server, if not nil
	model    bool
	noAsking bool
	silent   bool // accepts requests but does not respond
	repeats  int
}

func newYard(t *testing.T) *yard {
	y := &yard{seen: map[string]bool{}}
	y.Server = httptest.NewServer(y)
	t.Cleanup(y.Close)
	return y
}

func (y *yard) set(f func()) {
	y.mu.Lock()
	defer y.mu.Unlock()
	f()
}

func (y *yard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	y.mu.Lock()
	defer y.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	switch {
	case err != nil:
		return
	case y.stranger != nil:
		y.stranger(w, r)
	case y.silent:
		y.mu.Unlock()
		<-r.Context().Done()
		y.mu.Lock()
		return
	case r.Header.Get("Authorization") != "Bearer "+testToken,
		!strings.HasPrefix(r.URL.Path, "/api/projects/alice/paint"):
		answer(w, http.StatusForbidden, client.Error{Detail: "no right, or no such project"})
	case r.Method == "GET" && y.noAsking:
		answer(w, http.StatusForbidden, client.Error{Detail: "the token may publish and nothing else"})
	case r.Method == "GET":
		answer(w, http.StatusOK, client.Project{ModelEvents: y.model})
	case y.refuse != 0 && bytes.Contains(body, []byte(y.refuseIf)):
		answer(w, y.refuse, client.Error{Detail: "the test says no", Code: y.code})
	default:
		y.keep(w, body)
	}
}

// keep implements the publish API: one publication or an array of them.
func (y *yard) keep(w http.ResponseWriter, body []byte) {
	var one publication
	if json.Unmarshal(body, &one) == nil {
		answer(w, http.StatusAccepted, y.keepOne(one))
		return
	}
	var all []publication
	if err := json.Unmarshal(body, &all); err != nil {
		answer(w, http.StatusBadRequest, client.Error{Detail: err.Error()})
		return
	}
	receipts := make([]client.BatchReceipt, len(all))
	for i, p := range all {
		receipts[i].Receipt = y.keepOne(p)
	}
	answer(w, http.StatusAccepted, receipts)
}

func (y *yard) keepOne(p publication) client.Receipt {
	if y.seen[p.ID] {
		y.repeats++
		return client.Receipt{ID: p.ID, Duplicate: true}
	}
	y.seen[p.ID] = true
	y.messages = append(y.messages, p)
	return client.Receipt{ID: p.ID}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the hook may have ended
}

// take returns the publications since the last call.
func (y *yard) take() []publication {
	y.mu.Lock()
	defer y.mu.Unlock()
	out := y.messages
	y.messages = nil
	return out
}

const testToken = "tok-secret-1"

// world is a bare repository with the hook installed, and a clone to push from.
type world struct {
	t          *testing.T
	yard       *yard
	bare, work string
	clock      int
	environ    []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	w := &world{t: t, yard: newYard(t), bare: filepath.Join(dir, "it's bare.git"), work: filepath.Join(dir, "work"),
		clock: 1_700_000_000}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") && !strings.HasPrefix(v, "HOOKYARD_") {
			w.environ = append(w.environ, v)
		}
	}
	w.environ = append(w.environ, asHook, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GL_USER=alice",
		"HOME="+dir,
		"GIT_AUTHOR_NAME=Alice 앨리스", "GIT_AUTHOR_EMAIL=alice@example.org", "GIT_COMMITTER_NAME=Carol",
		"GIT_COMMITTER_EMAIL=carol@example.org")
	w.run(dir, "init", "-q", "--bare", "-b", "main", w.bare)
	w.run(dir, "init", "-q", "-b", "main", w.work)
	w.git("remote", "add", "origin", w.bare)
	w.install(Settings{Token: testToken})
	return w
}

func (w *world) env(dir string) Env {
	return Env{Dir: dir, Stderr: io.Discard, Environ: w.environ}
}

func (w *world) install(s Settings) {
	w.t.Helper()
	s.Server = w.yard.URL
	s.Project = "alice/paint"
	s.URL = "https://git.example/alice/paint"
	s.Program = program(w.t)
	if _, err := Install(context.Background(), w.env(w.bare), s); err != nil {
		w.t.Fatal(err)
	}
}

func program(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs git in a directory, each time a minute later, and returns its output on both streams.
func (w *world) run(dir string, args ...string) string {
	w.t.Helper()
	out, err := w.try(dir, args...)
	if err != nil {
		w.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return out
}

func (w *world) try(dir string, args ...string) (string, error) {
	w.clock += 60
	date := fmt.Sprintf("%d +0900", w.clock)
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = dir, append(slices.Clone(w.environ), "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w *world) git(args ...string) string {
	w.t.Helper()
	return strings.TrimSpace(w.run(w.work, args...))
}

// write adds a file to the work tree and the index.
func (w *world) write(path, content string) {
	w.t.Helper()
	full := filepath.Join(w.work, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
	w.git("add", "--", path)
}

// commit writes and commits a file. It returns the id of the commit.
func (w *world) commit(path, message string) string {
	w.t.Helper()
	w.write(path, message)
	w.git("commit", "-q", "-m", message)
	return w.git("rev-parse", "HEAD")
}

// push pushes and returns the one event that results.
func (w *world) push(args ...string) *Push {
	w.t.Helper()
	said := w.git(append([]string{"push", "origin"}, args...)...)
	got := w.yard.take()
	if len(got) != 1 || got[0].Type != "push" || strings.Contains(said, "hookyard:") {
		w.t.Fatalf("push %v: want one event and no word, got %d events and:\n%s", args, len(got), said)
	}
	p := &Push{}
	dec := json.NewDecoder(bytes.NewReader(got[0].Data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(p); err != nil {
		w.t.Fatal(err)
	}
	return p
}
