package app_test

import (
	"context"
	"database/sql"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// readyTime is when /readyz must have told of a fault: five seconds, and something for a busy machine.
const readyTime = 8 * time.Second

// watched is a server whose /readyz is asked.
type watched struct {
	t  *testing.T
	a  *app.App
	db *sql.DB // past the server

	data string // the server's folder
}

func watch(t *testing.T, dsn, direct string) *watched {
	t.Helper()
	c := app.DefaultConfig()
	c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
	c.Database = dsn
	a, stop := run(t, c)
	t.Cleanup(stop)
	w := &watched{t: t, a: a, data: c.Data}
	driver := "sqlite"
	if store.IsPostgres(direct) {
		driver = "pgx"
	}
	var err error
	if w.db, err = sql.Open(driver, direct); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	w.ready()
	return w
}

func (w *watched) exec(text string) {
	w.t.Helper()
	if _, err := w.db.ExecContext(w.t.Context(), text); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) ask() (status int, body string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), inTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.a.BaseURL()+"/readyz", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func (w *watched) ready() {
	w.t.Helper()
	testenv.Until(w.t, "the server is ready", func() bool {
		status, _ := w.ask()
		return status == http.StatusOK
	})
}

// notReady waits until /readyz answers 503, within readyTime, and checks that it says no more.
func (w *watched) notReady() {
	w.t.Helper()
	began := time.Now()
	var body string
	testenv.Until(w.t, "the server is not ready", func() bool {
		var status int
		status, body = w.ask()
		return status == http.StatusServiceUnavailable
	})
	if took := time.Since(began); took > readyTime {
		w.t.Errorf("/readyz told of the fault after %s", took)
	}
	if want := "not ready: the server's log says why\n"; body != want {
		w.t.Errorf("/readyz says %q to strangers; want %q", body, want)
	}
}

// locked runs statements in a transaction and looks at the server before it ends.
func (w *watched) locked(texts ...string) {
	w.t.Helper()
	c, err := w.db.Conn(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, text := range texts {
		if _, err := c.ExecContext(w.t.Context(), text); err != nil {
			w.t.Fatal(err)
		}
	}
	w.notReady()
	if _, err := c.ExecContext(w.t.Context(), "rollback"); err != nil {
		w.t.Fatal(err)
	}
	w.ready()
}

func TestReadySQLite(t *testing.T) {
	t.Parallel()
	t.Run("locked", func(t *testing.T) {
		t.Parallel()
		dsn := storetest.SQLite(t)
		watch(t, dsn, dsn).locked("begin immediate")
	})
	t.Run("disk full", func(t *testing.T) {
		t.Parallel()
		if os.Getuid() != 0 {
			t.Skip("a small disk is mounted as root")
		}
		disk := t.TempDir()
		mount := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk)
		if out, err := mount.CombinedOutput(); err != nil {
			t.Skipf("mount: %v: %s", err, out)
		}
		t.Cleanup(func() { _ = exec.CommandContext(context.Background(), "umount", "-l", disk).Run() })
		dsn := filepath.Join(disk, "hookyard.db")
		w := watch(t, dsn, dsn)
		filler := filepath.Join(disk, "filler")
		f, err := os.Create(filler)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(f, rand{}); err == nil {
			t.Fatal("the disk cannot be filled")
		}
		_ = f.Close()
		w.notReady()
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		w.ready()
	})
	t.Run("another key", func(t *testing.T) {
		t.Parallel()
		dsn := storetest.SQLite(t)
		anotherKey(t, watch(t, dsn, dsn))
	})
}

// rand never ends.
type rand struct{}

func (rand) Read(b []byte) (int, error) { return len(b), nil }

func TestReadyPostgres(t *testing.T) {
	t.Parallel()
	for name, texts := range map[string][]string{
		"locked for everything": {"begin", "lock table events in access exclusive mode"},
		"locked for writing":    {"begin", "lock table deliveries in share mode"},
		"counter locked":        {"begin", "select value from counters where name = 'event_seq' for update"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := storetest.Postgres(t)
			watch(t, dsn, dsn).locked(texts...)
		})
	}
	for _, how := range []string{"frozen", "away"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			direct := storetest.Postgres(t)
			dsn, link := frozen(t, direct)
			w := watch(t, dsn, direct)
			link.cut(how == "away")
			w.notReady()
			link.mend()
			w.ready()
		})
	}
	t.Run("read-only", func(t *testing.T) {
		t.Parallel()
		direct := storetest.Postgres(t)
		w := watch(t, asRole(t, direct), direct)
		role := roleOf(t, direct)
		w.exec("alter role " + role + " set default_transaction_read_only = on")
		w.exec("select pg_terminate_backend(pid) from pg_stat_activity where usename = '" + role + "'")
		w.notReady()
		w.exec("alter role " + role + " set default_transaction_read_only = off")
		w.exec("select pg_terminate_backend(pid) from pg_stat_activity where usename = '" + role + "'")
		w.ready()
	})
	t.Run("disk full", func(t *testing.T) {
		t.Parallel()
		dsn := storetest.Postgres(t)
		diskFull(t, watch(t, dsn, dsn))
	})
	t.Run("another key", func(t *testing.T) {
		t.Parallel()
		dsn := storetest.Postgres(t)
		anotherKey(t, watch(t, dsn, dsn))
	})
}

// diskFull has PostgreSQL fail as on a full disk for the tables that have to grow, but not for what is small.
func diskFull(t *testing.T, w *watched) {
	t.Helper()
	w.exec(`create function full_disk() returns trigger language plpgsql as $$ begin
		raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$`)
	w.exec("create trigger full_disk before insert on events for each row execute function full_disk()")
	w.exec(`create trigger full_disk before insert on attempts for each row
		when (length(new.request_body) > 100000) execute function full_disk()`)
	if status, body := w.ask(); status != http.StatusOK { // no event has come
		t.Fatalf("%d %s", status, body)
	}
	token, err := os.ReadFile(filepath.Join(w.data, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	x := &troubled{t: t, a: w.a, token: strings.TrimSpace(string(token))}
	if status, _ := x.send(asked{"PUT", "/api/projects/acme/shop", `{}`}); status != http.StatusCreated {
		t.Fatalf("the project is answered %d", status)
	}
	if status, _ := x.send(writes[0]); status != http.StatusServiceUnavailable {
		t.Errorf("an event is answered %d", status)
	}
	w.notReady()
	w.exec("drop trigger full_disk on events")
	w.exec("drop trigger full_disk on attempts")
	w.ready()
}

// anotherKey has another node change the key to one that this one lacks.
func anotherKey(t *testing.T, w *watched) {
	t.Helper()
	other := storetest.SQLite(t)
	db, err := store.Open(t.Context(), other, store.Options{Key: []byte("a key of another database"),
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	from, err := sql.Open("sqlite", other)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	var ours, theirs []byte
	const query = "select value from key_check where name = 'key'"
	if err := from.QueryRowContext(t.Context(), query).Scan(&theirs); err != nil {
		t.Fatal(err)
	}
	if err := w.db.QueryRowContext(t.Context(), query).Scan(&ours); err != nil {
		t.Fatal(err)
	}
	set := func(value []byte) {
		t.Helper()
		if _, err := w.db.ExecContext(t.Context(), "update key_check set value = $1 where name = 'key'",
			value); err != nil {
			t.Fatal(err)
		}
	}
	set(theirs)
	w.notReady()
	set(ours)
	w.ready()
}

// roleOf is the name of the role that a database's schema has for itself.
func roleOf(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("search_path")
}

// asRole returns the URL of a database for a role of its own, so that its settings can be changed.
func asRole(t *testing.T, dsn string) string {
	t.Helper()
	role := roleOf(t, dsn)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"create role " + role + " login", "grant all on schema " + role + " to " + role} {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, text := range []string{"drop owned by " + role + " cascade", "drop role " + role} {
			if _, err := db.ExecContext(context.Background(), text); err != nil {
				t.Error(err)
			}
		}
		_ = db.Close()
	})
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	return u.String()
}
