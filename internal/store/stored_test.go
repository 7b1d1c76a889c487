package store_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

var update = flag.Bool("update", false, "write the golden files")

// TestStoredGolden holds the form in which nouns are stored: databases that exist must stay readable.
func TestStoredGolden(t *testing.T) {
	t.Parallel()
	check := func(name string, settings, secrets any) {
		t.Helper()
		got, err := json.MarshalIndent(map[string]any{"settings": settings, "sealed": secrets}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		file := filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.WriteFile(file, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("a %s is stored as\n%s\nwant\n%s", name, got, want)
		}
	}
	settings, secrets := store.StoredProject(fullProject())
	check("project", settings, secrets)
	settings, secrets = store.StoredHook(fullHook())
	check("hook", settings, secrets)
	settings, secrets = store.StoredSource(fullSource())
	check("source", settings, secrets)
}

// TestFieldsAreStored finds a field of a noun that is not stored. A new field is set in full_test.go, and stored in
// stored.go or in a column. A field that is not stored is named below, with the reason.
func TestFieldsAreStored(t *testing.T) {
	t.Parallel()
	given := "the store gives it"
	notStored := map[string]string{
		"Project.Key": given, "Project.Revision": given, "Project.CreatedAt": given, "Project.UpdatedAt": given,
		"Hook.Key": given, "Hook.ProjectKey": given, "Hook.Revision": given, "Hook.CreatedAt": given,
		"Hook.UpdatedAt": given, "Hook.Deleted": given, "Hook.Unreadable": given, "Source.Unreadable": given,
		"Project.Unreadable": given,
		"Hook.Health":        "the dispatcher's; a new hook has none",
		"Hook.Project":       "follows from ProjectKey",
		"Source.Key":         given, "Source.ProjectKey": given, "Source.Revision": given, "Source.CreatedAt": given,
		"Source.UpdatedAt": given,
		"Source.Project":   "follows from ProjectKey",
	}
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		db := storetest.Open(t, dsn)
		p := fullProject()
		h := fullHook()
		s := fullSource()
		if err := db.CreateProject(ctx, p, []*hookyard.Hook{h}); err != nil {
			t.Fatal(err)
		}
		s.ProjectKey = p.Key
		if _, err := db.PutSource(ctx, s); err != nil {
			t.Fatal(err)
		}
		check := func(want, got any) {
			t.Helper()
			for field, value := range fields(want) {
				switch {
				case notStored[field] != "":
				case reflect.ValueOf(value).IsZero():
					t.Errorf("%s is not set in full_test.go", field)
				case !reflect.DeepEqual(fields(got)[field], value):
					t.Errorf("%s is %v after it was stored as %v", field, fields(got)[field], value)
				}
			}
		}
		compare := func() {
			t.Helper()
			snapshot, err := db.Snapshot(ctx, p.Owner, p.Name)
			if err != nil {
				t.Fatal(err)
			}
			check(fullProject(), snapshot.Project)
			check(fullHook(), snapshot.Hook(h.ID))
			check(fullSource(), snapshot.Sources[s.Name])
		}
		compare()
		_, err := db.UpdateHook(ctx, p.Key, h.ID, 0, "hook.update", func(h *hookyard.Hook) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if err := db.UpdateProject(ctx, p); err != nil {
			t.Fatal(err)
		}
		if _, err := db.PutSource(ctx, s); err != nil {
			t.Fatal(err)
		}
		compare()
		checkSealed(t, db, dsn)
	})
}

// fields are the fields of a noun by name, such as Hook.URL.
func fields(noun any) map[string]any {
	v := reflect.ValueOf(noun).Elem()
	out := map[string]any{}
	for i := range v.NumField() {
		out[v.Type().Name()+"."+v.Type().Field(i).Name] = v.Field(i).Interface()
	}
	return out
}

var leak = regexp.MustCompile(`LEAK[a-z]+`)

// checkSealed fails when a column holds a credential in clear. It closes the database, and looks into its file.
func checkSealed(t *testing.T, db *store.DB, dsn string) {
	t.Helper()
	for _, table := range []string{"projects", "hooks", "sources", "attempts", "audit", "events", "refused"} {
		rows, err := db.Pool().Query("select * from " + table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new([]byte)
		}
		for rows.Next() {
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			for i, v := range values {
				if found := leak.Find(*v.(*[]byte)); found != nil {
					t.Errorf("%s.%s holds %s in clear", table, columns[i], found)
				}
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		_ = rows.Close()
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(dsn, "://") {
		return
	}
	files, err := filepath.Glob(dsn + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if found := leak.FindAll(b, 5); found != nil {
			t.Errorf("the file %s holds %s in clear", filepath.Base(name), found)
		}
	}
}

var hexBytes = regexp.MustCompile(`\{x:([0-9a-f]*)\}`)

// createVersion3 makes a database as hookyard left it before credentials were sealed. Two rows were written twice.
func createVersion3(t *testing.T, dsn string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "version3.sql"))
	if err != nil {
		t.Fatal(err)
	}
	blob := "x'$1'"
	if strings.Contains(dsn, "://") {
		blob = `'\x$1'::bytea`
	}
	text := hexBytes.ReplaceAllString(string(b), blob) + `
		update hooks set settings = replace(settings, 'LEAKplain', 'LEAKlonger/than/before') where id = 'plain';
		update hooks set settings = replace(settings, 'LEAKlonger/than/before', 'LEAKplain') where id = 'plain';`
	if strings.Contains(dsn, "://") {
		for _, table := range []string{"users", "projects", "hooks", "sources", "audit"} {
			text += fmt.Sprintf("\nselect setval(pg_get_serial_sequence('%s', 'key'), 100);", table)
		}
	}
	pool, closeAll := store.OpenOld(t, dsn, 3)
	defer closeAll()
	if _, err := pool.Exec(text); err != nil {
		t.Fatal(err)
	}
}

// TestVersion3 holds that a database from before credentials were sealed keeps everything, and none of them in clear.
func TestVersion3(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		createVersion3(t, dsn)
		db := storetest.Open(t, dsn)
		snapshot, err := db.Snapshot(ctx, "acme", "shop")
		if err != nil {
			t.Fatal(err)
		}
		same := func(want, got any) {
			t.Helper()
			for field, value := range fields(want) {
				if !reflect.ValueOf(value).IsZero() && !reflect.DeepEqual(fields(got)[field], value) {
					t.Errorf("%s is %v, want %v", field, fields(got)[field], value)
				}
			}
		}
		project := fullProject()
		project.SearchFields, project.Metadata = nil, nil // came later, like those below
		project.UID, project.Title = "", ""
		project.Rate = 0
		same(project, snapshot.Project)
		hook := fullHook()
		hook.Forward, hook.Method = hookyard.Forward{}, ""
		hook.UID, hook.Channels = "", nil
		hook.Metadata = nil
		same(hook, snapshot.Hook("chat"))
		source := fullSource()
		source.Rate = 0
		same(source, snapshot.Sources["queue"])
		in := snapshot.Sources["in"]
		same(&hookyard.Source{Type: "token", Secrets: []hookyard.Secret{{Value: "LEAKtoken"}}, Active: true}, in)
		if in.Scheme != nil || in.Answer != nil || in.RabbitMQ != nil {
			t.Errorf("source in = %+v", in)
		}
		same(&hookyard.Hook{URL: "http://127.0.0.1:9/LEAKplain", Events: hookyard.SelectAll(), Active: true,
			Revision: 2, Health: hookyard.Health{Failures: 3, LastStatus: 500,
				LastAttempt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}, snapshot.Hook("plain"))
		h := snapshot.Hook("plain")
		if h.Secrets != nil || h.Headers != nil || h.Schedule != nil || !h.ExpiresAt.IsZero() {
			t.Errorf("hook plain = %+v", h)
		}
		same(&hookyard.Hook{URL: "http://localhost:3000/LEAKlistener",
			ExpiresAt: time.Date(2037, 1, 1, 0, 0, 0, 0, time.UTC)}, snapshot.Hook("listen-a"))
		same(&hookyard.Hook{URL: "amqp://bob:LEAKamqp@127.0.0.1/"}, snapshot.Hook("broker"))
		gone, err := db.HookByKey(ctx, 3)
		if err != nil || !gone.Deleted || gone.URL != "http://127.0.0.1:9/LEAKgone" {
			t.Errorf("deleted hook = %+v, %v", gone, err)
		}
		queues, err := db.QueueSources(ctx)
		if err != nil || len(queues) != 1 || queues[0].Name != "queue" {
			t.Errorf("QueueSources = %+v, %v", queues, err)
		}
		checkHistory(t, db, snapshot)
		checkExpiry(t, db, snapshot)
		checkSealed(t, db, dsn)
	})
}

// TestCompactAgain holds that a start that was killed between two steps of the migration is completed by the next one.
func TestCompactAgain(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		createVersion3(t, dsn)
		_, closeAll := store.OpenOld(t, dsn, 6)
		closeAll()
		db := storetest.Open(t, dsn)
		if _, version, err := db.Version(t.Context()); err != nil || version < 7 {
			t.Errorf("Version = %d, %v", version, err)
		}
		checkSealed(t, db, dsn)
	})
}

// checkHistory looks at what version3.sql has of attempts and of the audit log.
func checkHistory(t *testing.T, db *store.DB, snapshot *hookyard.Snapshot) {
	t.Helper()
	ctx := context.Background()
	attempts, err := db.Attempts(ctx, 1, snapshot.Hook("chat").Key)
	if err != nil || len(attempts) != 2 {
		t.Fatalf("Attempts = %+v, %v", attempts, err)
	}
	for i, a := range attempts {
		if a.N != i+1 || a.URL != "https://***@hooks.example.com:8443/services/LEAKpath?token=LEAKquery" ||
			a.RequestHeader.Get("X-Team") != "LEAKteam" || a.RequestHeader.Get("Authorization") != hookyard.Masked ||
			a.RequestHeader.Get("X-Auth-Token") != hookyard.Masked || a.ResponseHeader.Get("X-A") != "1" {
			t.Errorf("attempt = %+v", a)
		}
	}
	if attempts, err = db.Attempts(ctx, 1, snapshot.Hook("plain").Key); err != nil || len(attempts) != 1 ||
		attempts[0].URL != "http://***@127.0.0.1:9/users/me@LEAKplain" {
		t.Errorf("Attempts = %+v, %v", attempts, err)
	}
	entries, err := db.Audit(ctx, hookyard.AuditQuery{ProjectKey: snapshot.Project.Key, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		if e.Action == "hook.create" {
			got = append(got, e.Subject+" "+e.Detail)
		}
	}
	slices.Reverse(got)
	if want := []string{"chat https://***@hooks.example.com:8443/***", "plain http://127.0.0.1:9/***",
		"gone http://127.0.0.1:9/***", "broker amqp://***@127.0.0.1/", "listen-a http://localhost:3000/***",
	}; !slices.Equal(got, want) {
		t.Errorf("audit log = %q, want %q", got, want)
	}
}

// checkExpiry holds that the columns that SQL asks for were filled.
func checkExpiry(t *testing.T, db *store.DB, snapshot *hookyard.Snapshot) {
	t.Helper()
	ctx := context.Background()
	now := time.Date(2037, 1, 2, 0, 0, 0, 0, time.UTC)
	if n, err := db.Prune(ctx, store.Retention{}, now); err != nil || n != 1 {
		t.Errorf("Prune took %d events away, %v; the project keeps its event for 36 hours", n, err)
	}
	if _, err := db.Hook(ctx, snapshot.Project.Key, "listen-a"); err == nil {
		t.Error("the hook whose time has passed is there")
	}
	if _, err := db.Hook(ctx, snapshot.Project.Key, "chat"); err != nil {
		t.Errorf("the hook whose time is to come: %v", err)
	}
}

// TestWrongKey holds that hookyard does not start with another key than the one that hooks were sealed with, and
// changes nothing.
func TestWrongKey(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		createVersion3(t, dsn)
		refused := func() {
			t.Helper()
			db, err := store.Open(context.Background(), dsn, store.Options{Key: []byte("not the key that was used"),
				NodeName: "test", Log: slog.New(slog.DiscardHandler)})
			if err == nil {
				_ = db.Close()
			}
			if err == nil || !strings.Contains(err.Error(), "--secret-key-file") {
				t.Errorf("Open with another key = %v", err)
			}
		}
		refused()
		db := storetest.Open(t, dsn)
		snapshot, err := db.Snapshot(context.Background(), "acme", "shop")
		if err != nil || fmt.Sprint(snapshot.Hook("chat").URL) != fullHook().URL {
			t.Fatalf("View = %+v, %v", snapshot, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		refused()
	})
}

// TestHooksFromBeforeSignBoth holds that a hook without the member, from before there was a choice, signs as it did,
// and that a new one signs as its format wants.
func TestHooksFromBeforeSignBoth(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		snapshot := storetest.Project(t, db, "acme", "shop", "http://127.0.0.1:9/a", "http://127.0.0.1:9/b")
		db.Exec(t, `update hooks set settings = replace(settings, ',"signature":"auto"', '') where id = 'h1'`)
		for id, want := range map[string]string{"h1": hookyard.SignBoth, "h2": ""} {
			h, err := db.Hook(t.Context(), snapshot.Project.Key, id)
			if err != nil || h.Signature != want {
				t.Errorf("%s: signature %q, %v; want %q", id, h.Signature, err, want)
			}
		}
	})
}
