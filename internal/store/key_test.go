package store_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestKeyIsChecked holds that a database knows the key of its secrets from the first start, before there is a secret.
func TestKeyIsChecked(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		made := 0
		open := func(key string, old ...string) error {
			o := store.Options{Key: []byte(key), NodeName: "test", Log: slog.New(slog.DiscardHandler)}
			for _, k := range old {
				o.OldKeys = append(o.OldKeys, []byte(k))
			}
			if key == "" {
				o.NewKey = func() ([]byte, error) { made++; return []byte("the key that was made"), nil }
			}
			db, err := store.Open(context.Background(), dsn, o)
			if err == nil {
				err = db.Close()
			}
			return err
		}
		if err := open(""); err != nil || made != 1 {
			t.Fatalf("first start = %v, %d keys made; want one", err, made)
		}
		if err := open(""); err != nil || made != 2 {
			t.Errorf("start without the key, nothing sealed = %v, %d keys made; want another", err, made)
		}
		made = 1
		db, err := store.Open(t.Context(), dsn, store.Options{Key: []byte("the key that was made"), NodeName: "test",
			Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if err := open(""); db.Name() == "postgres" && err == nil {
			t.Error("a node without a key started beside one that may seal something")
		}
		storetest.Project(t, db, "acme", "shop", "http://127.0.0.1:9/a")
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if err := open(""); err == nil || made != 1 || !strings.Contains(err.Error(), "--secret-key-file") {
			t.Errorf("start without the key = %v, %d keys made; want it refused", err, made)
		}
		if err := open("another key than that"); err == nil || !strings.Contains(err.Error(), "--secret-key-file") {
			t.Errorf("start with another key = %v; want it refused", err)
		}
		if err := open("another key than that", "the key that was made"); err != nil {
			t.Errorf("start with the key as an old one = %v", err)
		}
		if err := open("the key that was made"); err != nil {
			t.Errorf("start with the key = %v", err)
		}
	})
}

// TestUnreadableSecretFailsAlone damages sealed values, one of each kind: everything around them can be read.
func TestUnreadableSecretFailsAlone(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		ctx := t.Context()
		db := storetest.Open(t, dsn)
		snapshot := storetest.Project(t, db, "acme", "shop", "http://127.0.0.1:9/a", "http://127.0.0.1:9/b")
		for _, name := range []string{"bad", "good"} {
			s := &hookyard.Source{ProjectKey: snapshot.Project.Key, Name: name, Type: "token", Active: true,
				Secrets: []hookyard.Secret{{Value: "top"}}}
			if _, err := db.PutSource(ctx, s); err != nil {
				t.Fatal(err)
			}
		}
		snapshot.Project.RelaySecret.Value = "relay"
		if err := db.UpdateProject(ctx, snapshot.Project); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		pool, closeAll := store.OpenOld(t, dsn, 999)
		for _, update := range []string{"update hooks set secrets = $1 where id = 'h1'",
			"update sources set secrets = $1 where name = 'bad'", "update projects set secret = $1"} {
			if _, err := pool.Exec(update, append([]byte{1}, make([]byte, 40)...)); err != nil {
				t.Fatal(err)
			}
		}
		closeAll()
		db = storetest.Open(t, dsn)
		snapshot, err := db.Snapshot(ctx, "acme", "shop")
		if err != nil {
			t.Fatal(err)
		}
		if reason, off := snapshot.Hook("h1").IsOff(); !off || !strings.Contains(reason, "cannot be opened") {
			t.Errorf("the damaged hook is off: %t, %q", off, reason)
		}
		if _, off := snapshot.Hook("h2").IsOff(); off || snapshot.Hook("h2").URL != "http://127.0.0.1:9/b" {
			t.Errorf("the other hook = %+v", snapshot.Hook("h2"))
		}
		if !snapshot.Sources["bad"].Unreadable || snapshot.Sources["good"].Secrets[0].Value != "top" {
			t.Errorf("sources = %+v, %+v", snapshot.Sources["bad"], snapshot.Sources["good"])
		}
		if !snapshot.Project.Unreadable {
			t.Error("the project's relay secret is not marked unreadable")
		}
		e := hookyard.NewMeta(snapshot.Project.Key, "x", []byte("1"), time.Now())
		r := &hookyard.RoutedEvent{Event: e}
		r.Add(snapshot.Hook("h1"))
		r.Add(snapshot.Hook("h2"))
		if _, err := db.Accept(ctx, r); err != nil {
			t.Errorf("Accept = %v", err)
		}
		if r.Deliveries[0].State != hookyard.Skipped || r.Deliveries[1].State != hookyard.Pending {
			t.Errorf("deliveries are %s and %s", r.Deliveries[0].State, r.Deliveries[1].State)
		}
	})
}
