package relay_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/ingest"
	"github.com/hookyard/hookyard/internal/relay"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/stream"
)

// nobody is a dispatcher without hooks to serve.
type nobody struct{}

func (nobody) Reserve(*hookyard.Hook, *hookyard.Event) bool { return false }
func (nobody) Push(hookyard.Delivery, *hookyard.Event)      {}
func (nobody) Release(int64, *hookyard.Event, bool)         {}
func (nobody) Wake(...int64)                                {}

type bundle struct {
	db   *store.DB
	hub  *stream.Hub
	gate *stream.Gate
	srv  *httptest.Server
	stop func()
}

// setup serves the relay of a database. token is what the query must have where sign-in is asked for; "" is --dev.
func setup(t testing.TB, db *store.DB, token string, change func(*relay.Options)) *bundle {
	t.Helper()
	b := &bundle{db: db, gate: stream.NewGate(0, 0, nil)}
	ho := stream.HubOptions{Store: db}
	if db.Name() == "postgres" {
		ho.Look = 20 * time.Millisecond
	}
	b.hub = stream.NewHub(ho)
	db.OnCommit(b.hub.Notify)
	log := slog.New(slog.DiscardHandler)
	in := ingest.New(ingest.Options{Store: db, Dispatcher: nobody{}, Limits: hookyard.DefaultLimits(), Log: log})
	may := func(r *http.Request, owner, project string) error {
		if token != "" && r.URL.Query().Get("token") != token {
			return hookyard.Errorf(hookyard.Unauthenticated, "no token")
		}
		return nil
	}
	o := relay.Options{
		Hub: b.hub, Gate: b.gate, Log: log, Snapshot: db.Snapshot, MayPublish: may, Accept: in.Accept,
		Authorize: func(r *http.Request, owner, project string) (*hookyard.Snapshot, time.Time, error) {
			if err := may(r, owner, project); err != nil {
				return nil, time.Time{}, err
			}
			p, err := db.Snapshot(r.Context(), owner, project)
			return p, time.Time{}, err
		},
		Receive:    in.Receive,
		WriteError: writeError, Limits: hookyard.DefaultLimits(),
	}
	if token == "" {
		o.Open = true
		o.Ensure = func(ctx context.Context, owner, name string) (*hookyard.Snapshot, error) {
			if err := db.CreateProject(ctx, &hookyard.Project{Owner: owner, Name: name}, nil); err != nil &&
				!errors.Is(err, hookyard.ErrConflict) {
				return nil, err
			}
			return db.Snapshot(ctx, owner, name)
		}
	}
	if change != nil {
		change(&o)
	}
	rl := relay.New(o)
	b.srv = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if relay.Matches(r.URL.Path) {
			rl.ServeHTTP(w, r)
			return
		}
		parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/smee/"), "/")
		if len(parts) != 2 {
			http.NotFound(w, r)
			return
		}
		if err := rl.Smee(w, r, parts[0], parts[1]); err != nil {
			writeError(w, r, err)
		}
	}))
	b.srv.Config.ReadTimeout = time.Second
	b.srv.Start()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- b.hub.Run(ctx) }()
	go func() { done <- rl.Run(ctx) }()
	b.stop = func() {
		if cancel != nil {
			cancel()
			cancel = nil
			_, _ = <-done, <-done
			b.srv.Close()
		}
	}
	t.Cleanup(b.stop)
	return b
}

func writeError(w http.ResponseWriter, _ *http.Request, err error) {
	status := map[hookyard.Code]int{
		hookyard.Invalid: 400, hookyard.Unauthenticated: 401, hookyard.Forbidden: 403, hookyard.NotFound: 404,
		hookyard.TooLarge: 413, hookyard.Unsupported: 415, hookyard.TooMany: 429, hookyard.Unavailable: 503,
	}[hookyard.CodeOf(err)]
	if status == 0 {
		status = 500
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"message":%q}`, err.Error())
}

// do sends a request and returns status, body and header.
func (b *bundle) do(t testing.TB, client *http.Client, method, path, body string, header ...string) (int, string,
	http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, b.srv.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Error(err)
		return 0, "", nil
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

func signalOf(repo string, n int) string {
	return fmt.Sprintf(
		"{\n  \"repository\": {\"full_name\": %q},\r\n  \"n\": %d, \"big\": 12345678901234567890, \"big\": 1}", repo, n)
}

func project(t testing.TB, db *store.DB, mode, secret string) *hookyard.Snapshot {
	t.Helper()
	snapshot := storetest.Project(t, db, "Acme", "Shop")
	p := *snapshot.Project
	p.Relay, p.RelaySecret.Value = mode, secret
	if err := db.UpdateProject(context.Background(), &p); err != nil {
		t.Fatal(err)
	}
	return snapshot
}
