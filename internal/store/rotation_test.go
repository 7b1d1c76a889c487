package store_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// keyFiles are the places of the keys, which nodes share or not.
type keyFiles struct {
	mu   sync.Mutex
	keys [][]byte
}

func (f *keyFiles) read() ([][]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.keys, nil
}

func (f *keyFiles) put(keys ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys = nil
	for _, k := range keys {
		f.keys = append(f.keys, []byte(k))
	}
}

const oneKey, otherKey = "the key at the beginning", "the key that comes after"

// open opens a database with the keys of f.
func (f *keyFiles) open(dsn, name string) (*store.DB, error) {
	all, _ := f.read()
	return store.Open(context.Background(), dsn, store.Options{Key: all[0], OldKeys: all[1:], Keys: f.read,
		ReplaceKey: func() error { f.put(otherKey, oneKey); return nil },
		NodeName:   name, Log: slog.New(slog.DiscardHandler)})
}

// running opens a database and has it kept until the test ends or stop is called.
func (f *keyFiles) running(t *testing.T, dsn, name string) (db *store.DB, stop func()) {
	t.Helper()
	db, err := f.open(dsn, name)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
	t.Cleanup(stop)
	return db, stop
}

// sealed makes a row of each kind that holds something sealed, and more attempts than a transaction seals again.
func sealed(t *testing.T, db *store.DB) *hookyard.Snapshot {
	t.Helper()
	ctx := t.Context()
	snapshot := storetest.Project(t, db, "acme", "shop", "http://127.0.0.1:9/path-of-the-hook")
	s := &hookyard.Source{ProjectKey: snapshot.Project.Key, Name: "in", Type: "token", Active: true,
		Secrets: []hookyard.Secret{{Value: "secret of the source"}}}
	if _, err := db.PutSource(ctx, s); err != nil {
		t.Fatal(err)
	}
	p := *snapshot.Project
	p.RelaySecret.Value = "secret of the relay"
	if err := db.UpdateProject(ctx, &p); err != nil {
		t.Fatal(err)
	}
	ann := &hookyard.User{Name: "ann", PasswordHash: "x"}
	if err := db.CreateUser(ctx, ann); err != nil {
		t.Fatal(err)
	}
	app := &hookyard.TOTP{Secret: []byte("secret of the app")}
	if _, err := db.AddTOTP(ctx, store.NewFactor{UserKey: ann.Key}, app, anyUser); err != nil {
		t.Fatal(err)
	}
	key := &hookyard.Passkey{Credential: []byte("c"), Record: []byte("record of the passkey")}
	if _, err := db.AddPasskey(ctx, store.NewFactor{UserKey: ann.Key}, key, anyUser); err != nil {
		t.Fatal(err)
	}
	attempts(t, db, snapshot, 600)
	return snapshot
}

// attempts stores an event with attempts.
func attempts(t *testing.T, db *store.DB, snapshot *hookyard.Snapshot, n int) {
	t.Helper()
	h := snapshot.Hook("h1")
	e := hookyard.NewMeta(snapshot.Project.Key, "x", []byte("1"), time.Now())
	if _, err := db.Accept(t.Context(), &hookyard.RoutedEvent{Event: e}); err != nil {
		t.Fatal(err)
	}
	for range n {
		a := &hookyard.Attempt{EventSeq: e.Seq, HookKey: h.Key, StartedAt: time.Now(), URL: h.URL, Status: 500,
			RequestHeader: map[string][]string{"X": {"header of the attempt"}}}
		if err := db.RecordForwarded(t.Context(), snapshot.Project.Key, a, hookyard.Failed, "x"); err != nil {
			t.Fatal(err)
		}
	}
}

// checkRotated opens the database with the new key alone. Nothing in it opens with the old one.
func checkRotated(t *testing.T, dsn string) {
	t.Helper()
	var old, fresh keyFiles
	old.put(oneKey)
	if db, err := old.open(dsn, "old"); err == nil {
		_ = db.Close()
		t.Error("the server starts with the old key")
	}
	fresh.put(otherKey)
	db, err := fresh.open(dsn, "new")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for column, values := range db.Blobs(t) {
		for _, v := range values {
			if store.Opens([]byte(oneKey), v) {
				t.Fatalf("a value of %s is still sealed with the old key", column)
			}
		}
	}
	s, err := db.Snapshot(t.Context(), "acme", "shop")
	if err != nil {
		t.Fatal(err)
	}
	if s.Hook("h1").URL != "http://127.0.0.1:9/path-of-the-hook" ||
		s.Project.RelaySecret.Value != "secret of the relay" ||
		s.Sources["in"].Secrets[0].Value != "secret of the source" {
		t.Errorf("the new key opens %+v, %+v, %+v", s.Project, s.Hook("h1"), s.Sources["in"])
	}
	ann, err := db.UserByName(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	if app, err := db.TOTP(t.Context(), ann.Key); err != nil || string(app.Secret) != "secret of the app" {
		t.Errorf("the new key opens %+v, %v", app, err)
	}
	if all, err := db.Passkeys(t.Context(), ann.Key); err != nil || string(all[0].Record) != "record of the passkey" {
		t.Errorf("the new key opens %+v, %v", all, err)
	}
}

// TestSealedColumns holds that a rotation of the key knows each column that is sealed: a new column of bytes is to be
// entered there, or here.
func TestSealedColumns(t *testing.T) {
	t.Parallel()
	plain := strings.Fields(`tokens.hash sessions.hash events.header events.body attempts.request_body
		attempts.response_header attempts.response_body refused.header refused.body bins.secret bin_requests.header
		bin_requests.body links.hash recovery_codes.hash counts.data count_batches.data key_check.value
		key_rotation.value event_fields.value passkeys.credential
		used_challenges.hash portal_links.hash portal_sessions.hash`)
	for column := range storetest.Open(t, storetest.SQLite(t)).Blobs(t) {
		if store.IsSealed(column) == slices.Contains(plain, column) {
			t.Errorf("%s is neither among sealedColumns nor known as one that is not sealed", column)
		}
	}
}

func untilDone(t *testing.T, db *store.DB) hookyard.KeyRotation {
	t.Helper()
	var r hookyard.KeyRotation
	testenv.Until(t, "the key is changed", func() bool {
		var err error
		if r, err = db.KeyRotation(t.Context()); err != nil {
			t.Fatal(err)
		}
		return r.Phase == hookyard.RotationDone
	})
	return r
}

// TestRotateKey changes the key under load. On PostgreSQL another node has a key of its own file: nothing is sealed
// with the new key until that node has it, too.
func TestRotateKey(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		var here, there keyFiles
		here.put(oneKey)
		there.put(oneKey)
		db, stop := here.running(t, dsn, "one")
		snapshot := sealed(t, db)
		other, stopOther := db, stop
		if strings.HasPrefix(dsn, "postgres") {
			other, stopOther = there.running(t, dsn, "two")
		}
		before := db.Blobs(t)["hooks.secrets"]
		if r, err := db.RotateKey(t.Context()); err != nil || r.Phase == hookyard.RotationDone {
			t.Fatalf("RotateKey = %+v, %v", r, err)
		}
		if other != db {
			testenv.Until(t, "only the other node lacks the key", func() bool {
				r, err := db.KeyRotation(t.Context())
				return err == nil && len(r.WaitingFor) == 1 && r.WaitingFor[0] == "two"
			})
			if after := db.Blobs(t)["hooks.secrets"]; string(after[0]) != string(before[0]) {
				t.Error("a value is sealed again before all nodes have the key")
			}
			there.put(otherKey, oneKey)
		}
		var load sync.WaitGroup
		ctx, end := context.WithCancel(t.Context())
		for _, node := range []*store.DB{db, other} {
			load.Go(func() {
				for ctx.Err() == nil {
					attempts(t, node, snapshot, 1)
					if h, err := node.Hook(t.Context(), snapshot.Project.Key, "h1"); err != nil || h.Unreadable {
						t.Errorf("while the key is changed, the hook is %+v, %v", h, err)
					}
				}
			})
		}
		r := untilDone(t, db)
		end()
		load.Wait()
		if r.Sealed < 600 || r.Unreadable != 0 || r.EndedAt.IsZero() {
			t.Errorf("the rotation is %+v", r)
		}
		list, err := db.Audit(t.Context(), hookyard.AuditQuery{Limit: 2})
		if err != nil || len(list) != 2 || list[0].Action != "secret-key.rotated" ||
			list[1].Action != "secret-key.rotate" {
			t.Errorf("the audit log ends with %+v, %v", list, err)
		}
		stopOther()
		stop()
		checkRotated(t, dsn)
	})
}

// TestRotationResumes ends the only node in the middle of a rotation: its successor goes on where it was, and one
// without the new key does not start.
func TestRotationResumes(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		var files keyFiles
		files.put(oneKey)
		db, err := files.open(dsn, "one")
		if err != nil {
			t.Fatal(err)
		}
		sealed(t, db)
		if _, err := db.RotateKey(t.Context()); err != nil {
			t.Fatal(err)
		}
		db.RotateSteps(t, 8) // two phases, five columns, 500 of 600 attempts
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		for keys, want := range map[string]string{oneKey: "lacks the new one", otherKey: "sealed with another key"} {
			var f keyFiles
			f.put(keys)
			if db, err := f.open(dsn, "wrong"); err == nil || !strings.Contains(err.Error(), want) {
				_ = db
				t.Errorf("start with one of two keys = %v, want it refused: %s", err, want)
			}
		}
		db, stop := files.running(t, dsn, "one")
		if r := untilDone(t, db); r.Sealed != 605 {
			t.Errorf("%d values were sealed again, want each of 605 once", r.Sealed)
		}
		stop()
		checkRotated(t, dsn)
	})
}

// TestRotationKeepsDamaged changes the key of a database with a value that no key opens.
func TestRotationKeepsDamaged(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		var files keyFiles
		files.put(otherKey, oneKey) // the new key is there already: the one of the check value seals
		first := &keyFiles{keys: [][]byte{[]byte(oneKey)}}
		db, stop := first.running(t, dsn, "one")
		sealed(t, db)
		db.Exec(t, "update sources set secrets = $1", append([]byte{1}, make([]byte, 40)...))
		stop()
		db, stop = files.running(t, dsn, "one")
		if _, err := db.RotateKey(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r := untilDone(t, db); r.Sealed != 604 || r.Unreadable != 1 {
			t.Errorf("the rotation is %+v", r)
		}
		stop()
	})
}
