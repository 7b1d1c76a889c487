package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestBackup backs up a server that is under load, loses the database and restores it as docs/operating.md says, on
// PostgreSQL with its own tools.
func TestBackup(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		s := dev(t, "--log-level", "warn")
		file := filepath.Join(t.TempDir(), "hookyard.backup")
		backupUnderLoad(t, s, func() { cli(t, s, "backup", file) }, func() {
			for _, name := range []string{"hookyard.db", "hookyard.db-wal", "hookyard.db-shm"} {
				if err := os.Remove(filepath.Join(s.data, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
			}
			cli(t, s, "restore", file)
		})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		dsn := storetest.Postgres(t)
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		schema := u.Query().Get("search_path")
		u.RawQuery = ""
		file := filepath.Join(t.TempDir(), "hookyard.dump")
		s := dev(t, "--log-level", "warn", "--database", dsn)
		backupUnderLoad(t, s, func() {
			command(t, testenv.Program(t, "pg_dump"), "--format=custom", "--schema="+schema, "--file="+file,
				"--dbname="+u.String())
		}, func() {
			command(t, testenv.Program(t, "psql"), "--dbname="+u.String(), "--command=drop schema "+schema+" cascade")
			command(t, testenv.Program(t, "pg_restore"), "--exit-on-error", "--single-transaction",
				"--dbname="+u.String(), file)
			cli(t, s, "restore", "--database", dsn)
		})
	})
}

// cli runs a command for the data of a server, and returns what it printed.
func cli(t *testing.T, s *server, args ...string) string {
	t.Helper()
	return command(t, program, append(args, "--data", s.data)...)
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func backupUnderLoad(t *testing.T, s *server, backup, restore func()) {
	y := newYard(t, s, "kept")
	var up atomic.Bool
	rc := newReceiver(t, func(w http.ResponseWriter, r *http.Request, n int) int {
		if !up.Load() {
			return always(http.StatusServiceUnavailable)(w, r, n)
		}
		return always(http.StatusNoContent)(w, r, n)
	})
	y.hook("h", rc.url, client.HookPatch{Schedule: often(100, 200*time.Millisecond), InFlight: ptr(32),
		Off: &hookyard.OffPolicy{Policy: hookyard.OffNever}})
	owed := y.publish(paid, `"owed in the backup"`)

	l := &ledger{acked: map[string]client.Receipt{}, unknown: map[string]bool{}, names: []string{"p0"}}
	publishing, stop := context.WithCancel(t.Context())
	var publishers sync.WaitGroup
	publishers.Go(func() { l.publish(t, publishing, y, "p0", ownID) })
	testenv.Until(t, "events are published", func() bool { return len(l.ids()) > 20 })
	before := l.ids()
	backup()
	stop()
	publishers.Wait()

	up.Store(true)
	y.ended(owed, "h", hookyard.Delivered)
	lost := y.publish(paid, `"after the backup"`)
	var cursor string // of a listener that has seen what is lost
	seen := errors.New("seen")
	all := client.StreamQuery{Since: "all"}
	_, err := y.c.Stream(t.Context(), y.project, all, nil, func(e client.StreamEvent) error {
		if cursor = e.Cursor; e.ID == lost {
			return seen
		}
		return nil
	})
	if !errors.Is(err, seen) {
		t.Fatal(err)
	}

	s.kill()
	restore()
	s.start()
	kept := map[string]bool{}
	for _, e := range y.events() {
		kept[e.ID] = true
	}
	for _, id := range append(before, owed) {
		if !kept[id] {
			t.Errorf("event %s was acknowledged before the backup and is not in it", id)
		}
	}
	if kept[lost] {
		t.Error("the event after the backup is there")
	}
	y.ended(owed, "h", hookyard.Delivered)
	if n := rc.delivered(owed); n != 2 {
		t.Errorf("what was pending in the backup and sent since was delivered %d times; want 2", n)
	}
	after := y.publish(paid, `"after restoring"`)
	var first client.StreamEvent
	_, err = y.c.Stream(t.Context(), y.project, client.StreamQuery{After: cursor}, nil,
		func(e client.StreamEvent) error { first = e; return seen })
	if !errors.Is(err, seen) || first.ID != after {
		t.Errorf("a listener that has seen more than the backup goes on with %+v, %v; want %s", first, err, after)
	}
	out := command(t, program, "audit", "--server-wide", "--server", s.url)
	if !strings.Contains(out, "database.restore") {
		t.Errorf("the audit log does not say that the database was restored:\n%s", out)
	}
}

// ids returns the ids of the events that were acknowledged.
func (l *ledger) ids() (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.acked {
		ids = append(ids, r.ID)
	}
	return ids
}

// delivered returns how often an event was accepted.
func (rc *receiver) delivered(event string) (n int) {
	for _, a := range rc.all() {
		if a.status == http.StatusNoContent && strings.Contains(a.id, event) {
			n++
		}
	}
	return n
}
