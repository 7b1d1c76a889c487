package svix_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/internal/dispatch"
	"github.com/hookyard/hookyard/internal/egress"
	"github.com/hookyard/hookyard/internal/ingest"
	"github.com/hookyard/hookyard/internal/quota"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/svix"
)

var update = flag.Bool("update", false, "write what the server answers into testdata/*.golden")

// bed is a server of Svix's API with the user acme.
type bed struct {
	t     *testing.T
	db    *store.DB
	user  *hookyard.User
	url   string
	token string
	last  map[string]string // the last id of each kind that was answered
}

func serve(t *testing.T, db *store.DB) *bed {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	out, err := egress.New(egress.Options{Allow: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	accepts := func(*hookyard.Hook, *hookyard.Event) (bool, error) { return true, nil }
	limits := hookyard.DefaultLimits()
	dispatcher := dispatch.New(dispatch.Options{Hooks: db, Deliveries: db, Nodes: db, Threads: db, Replays: db,
		Client: out, Filter: accepts, Log: log, Limits: limits, BaseURL: "http://hooks.test",
		UserAgent: "hookyard/test", Poll: 50 * time.Millisecond, Grace: time.Second})
	db.OnDue(dispatcher.Woken)
	who := auth.New(db, auth.Options{})
	quotas := quota.New(db, nil)
	in := ingest.New(ingest.Options{Store: db, Dispatcher: dispatcher, Filter: accepts, Limits: limits, Log: log,
		Quotas: quotas})
	ctl, err := control.New(control.Options{Store: db, Ingest: in, Dispatcher: dispatcher, Auth: who, Targets: out,
		Filter: accepts, Limits: limits, Quotas: quotas, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(svix.New(svix.Options{Control: ctl, Ingest: in, Auth: who, Limits: limits, Log: log,
		BaseURL: "http://hooks.test", Ping: db.Ping}))
	b := &bed{t: t, db: db, url: server.URL, user: &hookyard.User{Name: "acme"}, last: map[string]string{}}
	if err := db.CreateUser(t.Context(), b.user); err != nil {
		t.Fatal(err)
	}
	b.token = b.newToken(&hookyard.Token{Scope: hookyard.ScopeManage})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- dispatcher.Run(ctx) }()
	t.Cleanup(func() {
		server.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		out.Close()
	})
	return b
}

func (b *bed) newToken(t *hookyard.Token) string {
	b.t.Helper()
	secret, hash := auth.NewToken()
	t.UserKey, t.Hash = b.user.Key, hash
	if err := b.db.CreateToken(b.t.Context(), t); err != nil {
		b.t.Fatal(err)
	}
	return secret
}

// answer is what a request was answered with.
type answer struct {
	status int
	body   []byte
	header http.Header
}

// ask sends a request with the token of acme. Headers are "Name: value"; an Authorization replaces the token.
func (b *bed) ask(method, path, body string, headers ...string) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+b.token)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if r.Header.Set(name, value); value == "" {
			r.Header.Del(name)
		}
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{resp.StatusCode, text, resp.Header}
}

// must is ask for a request that succeeds, and decodes the answer into out unless that is nil.
func (b *bed) must(out any, method, path, body string, headers ...string) {
	b.t.Helper()
	a := b.ask(method, path, body, headers...)
	if a.status >= 300 {
		b.t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	if out != nil {
		if err := json.Unmarshal(a.body, out); err != nil {
			b.t.Fatalf("%s %s: %v: %s", method, path, err, a.body)
		}
	}
}

var (
	anID   = regexp.MustCompile(`\b(app|ep|msg|atmpt|qtask|evt)_[0-9a-hjkmnp-tv-z]{26}[0-9a-z_]*`)
	aTime  = regexp.MustCompile(`20\d\d-[01]\d-[0-3]\dT[0-9:.]+Z`)
	aKey   = regexp.MustCompile(`whsec_[A-Za-z0-9+/=]{32,}`)
	aPort  = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	aWait  = regexp.MustCompile(`^\.\.\.(\d*) `)
	aLink  = regexp.MustCompile(`/open/[A-Za-z0-9_-]+`)
	aMilli = regexp.MustCompile(`"responseDurationMs": \d+`)
)

// play runs a conversation and returns it with the answers of the server. A conversation is a list of
//
//	METHOD PATH [Name: value|Name: value]
//	BODY
//	--- STATUS
//	ANSWER
//
// {app}, {ep}, {msg}, {atmpt} and {qtask} stand for the last id of the kind, {receiver} for a receiver, {portal} for
// the token of the last application. A request that begins with ... is repeated until all attempts were made, and
// with ...2 until it lists two.
func (b *bed) play(text string, receiver string) string {
	var out strings.Builder
	for _, part := range strings.Split(strings.TrimSpace(text), "\n\n") {
		request, _, _ := strings.Cut(strings.TrimSpace(part), "\n--- ")
		if strings.HasPrefix(request, "#") {
			_, _ = fmt.Fprintf(&out, "%s\n\n", request)
			continue
		}
		line, body, _ := strings.Cut(request, "\n")
		waits := aWait.FindStringSubmatch(line)
		words := strings.SplitN(aWait.ReplaceAllString(line, ""), " ", 3)
		var headers []string
		if len(words) == 3 {
			headers = strings.Split(b.fill(words[2], receiver), "|")
		}
		a := b.ask(words[0], b.fill(words[1], receiver), b.fill(body, receiver), headers...)
		for until := time.Now().Add(20 * time.Second); waits != nil && time.Now().Before(until) &&
			!settled(a.body, waits[1]); {
			a = b.ask(words[0], b.fill(words[1], receiver), b.fill(body, receiver), headers...)
		}
		for _, id := range anID.FindAllString(string(a.body), -1) {
			kind, _, _ := strings.Cut(id, "_")
			b.last[kind] = id
		}
		_, _ = fmt.Fprintf(&out, "%s\n--- %d\n%s\n\n", request, a.status, blot(a.body))
	}
	return out.String()
}

// settled reports whether a list has n attempts or, without n, entries none of which is still to be sent.
func settled(body []byte, n string) bool {
	if n != "" {
		return strconv.Itoa(bytes.Count(body, []byte(`"triggerType"`))) == n
	}
	return !bytes.Contains(body, []byte(`"data":[]`)) && !bytes.Contains(body, []byte(`"sending"`))
}

func (b *bed) fill(s, receiver string) string {
	for kind, id := range b.last {
		s = strings.ReplaceAll(s, "{"+kind+"}", id)
	}
	if strings.Contains(s, "{portal}") {
		p, err := b.db.Snapshot(b.t.Context(), "acme", b.last["app"])
		if err != nil {
			b.t.Fatal(err)
		}
		s = strings.ReplaceAll(s, "{portal}", b.newToken(&hookyard.Token{Scope: hookyard.ScopeManage,
			ProjectKey: p.Project.Key}))
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "{receiver}", receiver), "{token}", b.token)
}

// blot indents an answer and takes out what is another one each time.
func blot(body []byte) string {
	if len(body) == 0 {
		return "-"
	}
	var indented bytes.Buffer
	if json.Indent(&indented, body, "", "  ") != nil {
		return string(body)
	}
	s := anID.ReplaceAllString(indented.String(), "${1}_…")
	s = aTime.ReplaceAllString(s, "TIME")
	s = aLink.ReplaceAllString(s, "/open/KEY")
	s = aPort.ReplaceAllString(s, "RECEIVER")
	s = aMilli.ReplaceAllString(s, `"responseDurationMs": 0`)
	return aKey.ReplaceAllString(s, "whsec_…")
}

// TestGolden plays the conversations in testdata/*.golden.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".golden"), func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				rc := newReceiver(t)
				got := serve(t, db).play(string(want), rc.url)
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
						t.Fatal(err)
					}
				} else if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("the conversation differs (-file +server):\n%s", diff)
				}
			})
		})
	}
}

// receiver answers 500 below /bad, and else 200, and keeps what it got.
type receiver struct {
	url  string
	mu   sync.Mutex
	got  []received
	some chan struct{} // one for each request
}

type received struct {
	header http.Header
	body   []byte
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	rc := &receiver{some: make(chan struct{}, 1000)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		rc.mu.Lock()
		rc.got = append(rc.got, received{r.Header, body})
		rc.mu.Unlock()
		if strings.HasPrefix(r.URL.Path, "/bad") {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = io.WriteString(w, "thanks")
		rc.some <- struct{}{}
	}))
	t.Cleanup(server.Close)
	rc.url = server.URL
	return rc
}

// next returns the next request that was received.
func (rc *receiver) next(t *testing.T) received {
	t.Helper()
	select {
	case <-rc.some:
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was received")
	}
	rc.mu.Lock()
	defer rc.mu.Unlock()
	first := rc.got[0]
	rc.got = rc.got[1:]
	return first
}
