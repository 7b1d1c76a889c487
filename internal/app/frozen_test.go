package app_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// inTime is when every request must have been answered: the server's own bound is ten seconds.
const inTime = 20 * time.Second

// TestDatabaseInTrouble asks all kinds of routes while the database is locked, frozen or away. Each is answered in time
// with 503 and Retry-After, unless it needs no answer of the database, and Retry-After grows.
func TestDatabaseInTrouble(t *testing.T) {
	t.Parallel()
	t.Run("locked SQLite", func(t *testing.T) {
		t.Parallel()
		dsn := storetest.SQLite(t)
		x := newTroubled(t, dsn)
		db, err := sql.Open("sqlite", dsn+"?_txlock=immediate")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		x.ask(writes)
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		x.recovers()
	})
	for _, how := range []string{"frozen", "away"} {
		t.Run(how+" PostgreSQL", func(t *testing.T) {
			t.Parallel()
			dsn, link := frozen(t, storetest.Postgres(t))
			x := newTroubled(t, dsn)
			link.cut(how == "away")
			x.ask(append(reads, writes...))
			link.mend()
			x.recovers()
		})
	}
}

type asked struct{ method, path, body string }

var (
	writes = []asked{
		{"POST", "/api/projects/acme/shop/events", `{"type":"a","data":1}`},
		{"POST", "/api/projects/acme/shop/events", `[{"type":"a","data":1},{"type":"a","data":2}]`},
		{"POST", "/in/acme/shop/orders", `{}`},
		{"POST", "/smee/acme/shop?token={token}", `{}`},
		{"POST", "/_webhook/signal", `{"repository":{"full_name":"acme/shop"}}`},
		{"PUT", "/api/projects/acme/other", `{}`},
		{"PATCH", "/api/projects/acme/shop", `{"description":"x"}`},
		{"PUT", "/api/projects/acme/shop/hooks/h", `{"url":"https://example.com/"}`},
		{"POST", "/api/tokens", `{"name":"t","scope":"read"}`},
		{"POST", "/api/bins", `{}`},
		{"DELETE", "/api/projects/acme/shop/sources/orders", ""},
	}
	reads = []asked{
		{"GET", "/healthz", ""}, {"GET", "/readyz", ""},
		{"GET", "/api/projects", ""}, {"GET", "/api/projects/acme/shop/events", ""},
		{"GET", "/api/projects/acme/shop/deliveries", ""}, {"GET", "/api/projects/acme/shop/stats", ""},
		{"GET", "/api/projects/acme/shop/stream", ""}, {"GET", "/api/projects/acme/shop/poll?wait=1s", ""},
		{"GET", "/smee/acme/shop?token={token}", ""}, {"GET", "/api/audit", ""},
		{"GET", "/bin2345672345672345", ""},
		{"GET", "/?token={token}", ""}, {"GET", "/acme/shop?token={token}", ""},
		{"GET", "/acme/shop/events?token={token}", ""},
	}
)

// troubled is a server whose database is about to have trouble.
type troubled struct {
	t     *testing.T
	a     *app.App
	token string
}

func newTroubled(t *testing.T, dsn string) *troubled {
	c := app.DefaultConfig()
	c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
	c.Database = dsn
	a, stop := run(t, c)
	t.Cleanup(stop)
	b, err := os.ReadFile(filepath.Join(c.Data, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(string(b))
	admin := at(t, a, token)
	if _, _, err := admin.PutProject(t.Context(), "acme/shop", client.ProjectPatch{Relay: new("open")}); err != nil {
		t.Fatal(err)
	}
	_, _, err = admin.PutSource(t.Context(), "acme/shop", "orders", client.SourcePatch{Type: new("none")})
	if err != nil {
		t.Fatal(err)
	}
	return &troubled{t: t, a: a, token: token}
}

// ask sends all requests at once, and then one of them until Retry-After has grown.
func (x *troubled) ask(all []asked) {
	x.t.Helper()
	var wait sync.WaitGroup
	var first atomic.Int64
	for _, q := range all {
		wait.Go(func() {
			started := time.Now()
			status, after := x.send(q)
			if took := time.Since(started); status != http.StatusServiceUnavailable || after < 1 || took > inTime {
				x.t.Errorf("%s %s is answered %d, Retry-After %d, after %s", q.method, q.path, status, after, took)
			}
			if q == writes[0] {
				first.Store(int64(after))
			}
		})
	}
	wait.Wait()
	testenv.Until(x.t, "Retry-After grows", func() bool {
		_, after := x.send(writes[0])
		return int64(after) > first.Load()
	})
}

func (x *troubled) send(q asked) (status, after int) {
	ctx, cancel := context.WithTimeout(x.t.Context(), 3*inTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, q.method,
		x.a.BaseURL()+strings.ReplaceAll(q.path, "{token}", url.QueryEscape(x.token)), strings.NewReader(q.body))
	if err != nil {
		x.t.Error(err)
		return 0, 0
	}
	r.Header.Set("Authorization", "Bearer "+x.token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		x.t.Errorf("%s %s: %v", q.method, q.path, err)
		return 0, 0
	}
	defer func() { _ = resp.Body.Close() }()
	after, _ = strconv.Atoi(resp.Header.Get("Retry-After"))
	return resp.StatusCode, after
}

// recovers waits until events are taken again.
func (x *troubled) recovers() {
	x.t.Helper()
	testenv.Until(x.t, "the server takes events again", func() bool {
		status, _ := x.send(writes[0])
		return status == http.StatusAccepted
	})
}

// link is a connection to PostgreSQL that can be broken.
type link struct {
	net.Listener
	to string

	mu     sync.Mutex
	cond   *sync.Cond
	broken bool
	away   bool
	open   map[net.Conn]bool
}

// frozen returns the URL of a database by way of a link.
func frozen(t *testing.T, dsn string) (string, *link) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l := &link{to: u.Host, open: map[net.Conn]bool{}}
	l.cond = sync.NewCond(&l.mu)
	if l.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go l.serve()
	u.Host = l.Addr().String()
	q := u.Query()
	q.Set("sslmode", "disable")
	u.RawQuery = q.Encode()
	return u.String(), l
}

func (l *link) serve() {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		go func() {
			defer func() { _ = c.Close() }()
			if !l.pass() {
				return
			}
			s, err := net.Dial("tcp", l.to)
			if err != nil {
				return
			}
			defer func() { _ = s.Close() }()
			l.mu.Lock()
			l.open[c], l.open[s] = true, true
			l.mu.Unlock()
			go l.copy(c, s)
			l.copy(s, c)
		}()
	}
}

// copy passes bytes on while the link is whole.
func (l *link) copy(to, from net.Conn) {
	defer func() { _ = to.Close() }()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if !l.pass() {
			return
		}
		if _, werr := to.Write(b[:n]); err != nil || werr != nil {
			return
		}
	}
}

// pass waits while the link is frozen, and reports whether the other side is there.
func (l *link) pass() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.broken && !l.away {
		l.cond.Wait()
	}
	return !l.broken
}

// cut freezes all connections, or closes them and those to come.
func (l *link) cut(away bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken, l.away = true, away
	if away {
		for c := range l.open {
			_ = c.Close()
		}
		clear(l.open)
	}
}

func (l *link) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = false
	l.cond.Broadcast()
}
