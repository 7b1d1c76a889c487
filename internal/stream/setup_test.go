package stream_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/budget"
	"github.com/hookyard/hookyard/internal/filter"
	"github.com/hookyard/hookyard/internal/inbound"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/stream"
)

// wire is an event as a listener gets it.
type wire struct {
	ID, Type, Source, Cursor string
	Data                     json.RawMessage
	Base64                   []byte
	Gap                      *gap
}

type gap struct {
	Reset                                        bool
	MissingFrom, MissingUntil, ResumeAt, Message string
}

// bundle is a server with listeners and nothing else.
type bundle struct {
	db   *store.DB
	hub  *stream.Hub
	gate *stream.Gate
	srv  *httptest.Server
	stop func() // as the server does: listeners are told, then the port is closed
}

func setup(t testing.TB, db *store.DB, gate *stream.Gate) *bundle {
	t.Helper()
	b := &bundle{db: db, gate: gate}
	filters := filter.NewCache(100, budget.NewDecoding(1<<20))
	o := stream.HubOptions{Store: db, Filter: filters.Match}
	if db.Name() == "postgres" {
		o.Look = 20 * time.Millisecond
	}
	b.hub = stream.NewHub(o)
	db.OnCommit(b.hub.Notify)
	listeners := stream.New(stream.Options{
		Hub: b.hub, Gate: gate, Log: slog.New(slog.DiscardHandler),
		Authorize: func(r *http.Request, owner, project string) (*hookyard.Snapshot, time.Time, error) {
			p, err := db.Snapshot(r.Context(), owner, project)
			return p, time.Time{}, err
		},
		CheckFilter: func(text string) error { _, err := filter.Compile(text); return err },
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = b.hub.Run(ctx) }()
	b.srv = httptest.NewUnstartedServer(routes(listeners))
	b.srv.Config.ReadTimeout = time.Second // as a server has it, shorter: streams must outlive it
	b.srv.Start()
	b.stop = func() { cancel(); <-done; b.srv.Close() }
	t.Cleanup(b.stop)
	return b
}

func routes(l *stream.Listeners) http.Handler {
	mux := http.NewServeMux()
	handle := func(f func(w http.ResponseWriter, r *http.Request, owner, project string) error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			err := f(w, r, r.PathValue("owner"), r.PathValue("project"))
			inbound.SetRetryAfter(w.Header(), err)
			switch hookyard.CodeOf(err) {
			case "":
				if err != nil {
					http.Error(w, err.Error(), http.StatusInternalServerError)
				}
			case hookyard.NotFound:
				http.Error(w, err.Error(), http.StatusNotFound)
			case hookyard.TooMany:
				http.Error(w, err.Error(), http.StatusTooManyRequests)
			case hookyard.Unavailable:
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
			default:
				http.Error(w, err.Error(), http.StatusBadRequest)
			}
		}
	}
	mux.HandleFunc("/{owner}/{project}/stream", handle(l.Stream))
	mux.HandleFunc("/{owner}/{project}/poll", handle(l.Poll))
	return mux
}

func publish(t testing.TB, db *store.DB, snapshot *hookyard.Snapshot, typ string, n int) hookyard.Receipt {
	t.Helper()
	e, err := hookyard.Publish(hookyard.Publication{Type: typ,
		Data: fmt.Appendf(nil, `{"n":%d,"big":12345678901234567890.10}`, n)}, time.Now(), hookyard.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	e.ProjectKey = snapshot.Project.Key
	receipt, err := db.Accept(context.Background(), &hookyard.RoutedEvent{Event: e})
	if err != nil {
		t.Error(err)
	}
	return receipt
}

// poll does one long poll.
func (b *bundle) poll(t testing.TB, query string) (status int, answer struct {
	Events []wire
	Cursor string
	Gap    *gap
}, text string) {
	t.Helper()
	resp, err := http.Get(b.srv.URL + "/acme/shop/poll?" + query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
	}
	return resp.StatusCode, answer, string(body)
}

// listen opens a stream; lines are read with next.
type listener struct {
	resp  *http.Response
	lines *bufio.Reader
	sse   bool
}

func (b *bundle) listen(t testing.TB, query, accept, last string) *listener {
	t.Helper()
	l, err := open(b.srv.URL+"/acme/shop/stream?"+query, accept, last)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l
}

func open(url, accept, last string) (*listener, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		return nil, fmt.Errorf("%s: %s", resp.Status, body)
	}
	return &listener{resp: resp, lines: bufio.NewReader(resp.Body), sse: strings.Contains(accept, "event-stream")}, nil
}

func (l *listener) close() { _ = l.resp.Body.Close() }

// next returns the next event and its SSE id.
func (l *listener) next() (e wire, id string, err error) {
	for {
		line, err := l.lines.ReadString('\n')
		if err != nil {
			return e, id, err
		}
		line = strings.TrimSuffix(line, "\n")
		if l.sse {
			if v, ok := strings.CutPrefix(line, "id: "); ok {
				id = v
			}
			var ok bool
			if line, ok = strings.CutPrefix(line, "data: "); !ok {
				continue
			}
		}
		if line == "" {
			continue
		}
		return e, id, json.Unmarshal([]byte(line), &e)
	}
}
