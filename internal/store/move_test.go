package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// moveEvents are more than one transaction of a move copies.
const moveEvents = 2500

// filledForMove makes a database with rows in most tables, some of which a node has claimed, and leaves it.
func filledForMove(t *testing.T, dsn string) (s *hookyard.Snapshot) {
	t.Helper()
	db := storetest.Open(t, dsn)
	s = storetest.Project(t, db, "acme", "shop", "http://127.0.0.1:9/a")
	var all []*hookyard.RoutedEvent
	for i := range moveEvents {
		all = append(all, publish(t, s, "order.created", fmt.Sprint("key-", i)))
	}
	all[0].Event.Body, all[1].Event.Body = []byte{}, []byte("\x00\xff binary")
	if _, errs := db.AcceptAll(t.Context(), all); errors.Join(errs...) != nil {
		t.Fatal(errors.Join(errs...))
	}
	work, err := db.Claim(t.Context(), s.Hook("h1").Key, time.Now(), 1)
	if err != nil || len(work) != 1 {
		t.Fatalf("claimed %d, %v", len(work), err)
	}
	if err := db.Finish(t.Context(), &hookyard.Result{Work: &work[0],
		Attempt: &hookyard.Attempt{EventSeq: work[0].Event.Seq, HookKey: work[0].Delivery.HookKey, N: 1,
			StartedAt: time.Now(), URL: "http://127.0.0.1:9/a", Status: 200},
		Decision: hookyard.Decision{State: hookyard.Delivered}}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}

// sums returns the checksums of a result by table, without the audit log, which each move adds to.
func sums(r *store.Moved) map[string]string {
	out := map[string]string{}
	for _, table := range r.Tables {
		if table.Name != "audit" {
			out[table.Name] = table.Checksum
		}
	}
	return out
}

func noReport(store.MoveProgress) {}

// TestMove moves a database to PostgreSQL, is interrupted, continues, and moves it back.
func TestMove(t *testing.T) {
	t.Parallel()
	from, to := storetest.SQLite(t), storetest.Postgres(t)
	s := filledForMove(t, from)
	interrupted, cancel := context.WithCancel(t.Context())
	if _, err := store.Move(interrupted, from, to, func(p store.MoveProgress) {
		if p.Table == "events" && !p.Comparing {
			cancel()
		}
	}); !errors.Is(err, context.Canceled) {
		t.Fatalf("an interrupted move = %v", err)
	}
	if _, err := store.Open(t.Context(), to, backupOptions()); err == nil || !strings.Contains(err.Error(), "migrate") {
		t.Errorf("a server starts on a part of its data: %v", err)
	}
	first := store.MoveProgress{}
	there, err := store.Move(t.Context(), from, to, func(p store.MoveProgress) {
		if first.Done == 0 {
			first = p
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if first.Done < 2000 {
		t.Errorf("an interrupted move begins again, at %+v", first)
	}
	if _, err := store.Move(t.Context(), from, to, noReport); hookyard.CodeOf(err) != hookyard.Conflict {
		t.Errorf("moving over data = %v", err)
	}
	back := filepath.Join(t.TempDir(), "back.db")
	again, err := store.Move(t.Context(), to, back, noReport)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(sums(&there), sums(&again)) || there.Rows+1 != again.Rows { // the audit log has one entry more
		t.Errorf("back from PostgreSQL: %+v; want %+v", again, there)
	}
	for _, dsn := range []string{to, back} {
		db := storetest.Open(t, dsn)
		if work, err := db.Claim(t.Context(), s.Hook("h1").Key, time.Now(), moveEvents); err != nil || len(work) == 0 {
			t.Errorf("%s: %d deliveries are claimed, %v", db.Name(), len(work), err)
		}
		if repeat, err := db.Accept(t.Context(), publish(t, s, "order.created", "key-3")); err != nil ||
			!repeat.Duplicate {
			t.Errorf("%s: an event that was there comes again: %+v, %v", db.Name(), repeat, err)
		}
		if seq := stored(t, db, s, "new"); seq != moveEvents+1 {
			t.Errorf("%s: the next event has number %d; want %d", db.Name(), seq, moveEvents+1)
		}
		more := storetest.Project(t, db, "acme", "other", "http://127.0.0.1:9/a")
		if more.Project.Key <= s.Project.Key {
			t.Errorf("%s: the next project has key %d", db.Name(), more.Project.Key)
		}
	}
}

// TestMoveRefuses moves what must not be moved.
func TestMoveRefuses(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		target := storetest.Postgres
		if store.IsPostgres(dsn) {
			target = func(t testing.TB) string { return storetest.SQLite(t) }
		}
		refused := func(what, to, want string) {
			t.Helper()
			_, err := store.Move(t.Context(), dsn, to, noReport)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s = %v; want %q", what, err, want)
			}
		}
		if store.IsPostgres(dsn) {
			refused("moving an empty schema", target(t), "not a database of hookyard")
		} else {
			refused("moving a file that is missing", target(t), "no such file")
		}
		db := storetest.Open(t, dsn)
		s := storetest.Project(t, db, "acme", "shop", "http://127.0.0.1:9/a")
		refused("moving a database in use", target(t), "stop it first")
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		to := target(t)
		interrupted, cancel := context.WithCancel(t.Context())
		if _, err := store.Move(interrupted, dsn, to, func(store.MoveProgress) { cancel() }); err == nil {
			t.Fatal("an interrupted move ended")
		}
		db = storetest.Open(t, dsn)
		stored(t, db, s, "since")
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		refused("continuing after a server ran", to, "begin again")
		used := target(t)
		if err := storetest.Open(t, used).Close(); err != nil {
			t.Fatal(err)
		}
		storetest.Project(t, storetest.Open(t, used), "acme", "shop", "http://127.0.0.1:9/a")
		if store.IsPostgres(used) {
			refused("moving over data", used, "it has data")
		}
	})
}
