package store_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// came are bodies of events, with their content types.
var came = [][2]string{
	{"application/json", `{"id":4711,"ok":true,"n":{"of":"x"},"list":[{"sku":"a"},{"sku":"b"}]}`},
	{"application/json", `{"id":"4711","ok":"true","n":null}`},
	{"application/json", "\xef\xbb\xbf" + `{"id":4711.0,"ok":false}`},
	{"application/json", `{"id":9007199254740993}`},
	{"application/json", `{"id":9007199254740992}`},
	{"application/json", `{"id":123456789012345678901234567890}`},
	{"application/json", `{"id":"` + strings.Repeat("long", 100) + `"}`},
	{"application/json", `{"id":"` + strings.Repeat("long", 100) + `er"}`},
	{"application/json", `{"id":"fifteen bytes.."}`},
	{"application/json", `{"id":"sixteen bytes..."}`},
	{"application/json", `{"id":""}`},
	{"application/json", `{"id":"a\u0000b"}`},
	{"application/json", `{"id":"\ud800"}`},
	{"application/json", `{"id":"1.0"}`},
	{"application/json", `{"id":["4711"]}`},
	{"application/json", `{"id":"ünï"}`},
	{"application/json", "{\"id\":\"\xff\"}"},
	{"application/json", `{"id":"0x`},
	{"application/x-www-form-urlencoded", "payload=%7B%22id%22%3A4711%7D"},
	{"application/x-www-form-urlencoded", "id=4711&ok=true"},
	{"multipart/form-data; boundary=b",
		"--b\r\nContent-Disposition: form-data; name=\"payload\"\r\n\r\n{\"id\":4711}\r\n--b--\r\n"},
	{"application/json; charset=utf-16le", "{\x00\"\x00i\x00d\x00\"\x00:\x007\x00}\x00"},
	{"text/plain", "id=4711"},
	{"", ""},
}

// asked are values that are searched for.
var asked = []string{"4711", "4711.0", "47.11e2", "true", "false", "null", "", "x", "9007199254740993",
	"9007199254740992",
	"9.007199254740993e15", "123456789012345678901234567890", strings.Repeat("long", 100), "long",
	"fifteen bytes..",
	"sixteen bytes...", "a\x00b", "\ufffd", "1", "1.0", `["4711"]`, `"4711"`, "ünï", "\xff", "7", `{"of":"x"}`,
	"a", "b"}

func event(project int64, kind, body string) *hookyard.Event {
	e := hookyard.NewEvent("in", "push", []byte(body), time.Now())
	e.ProjectKey, e.ContentType = project, kind
	return e
}

// accept stores events as the ingest does.
func accept(t *testing.T, db *store.DB, s *hookyard.Snapshot, events ...*hookyard.Event) {
	t.Helper()
	var routed []*hookyard.RoutedEvent
	for _, e := range events {
		routed = append(routed, hookyard.Route(e, s, nil))
	}
	_, errs := db.AcceptAll(context.Background(), routed)
	for i, err := range errs {
		if err != nil {
			t.Fatalf("%q: %v", events[i].Body, err)
		}
	}
}

// found returns the ids of all events that a search finds, page by page.
func found(t *testing.T, db *store.DB, q hookyard.EventQuery) (ids []string) {
	t.Helper()
	q.Limit = 2
	for {
		page, err := db.Events(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			ids = append(ids, e.ID)
		}
		if page.Next == 0 {
			return ids
		}
		q.Before = page.Next
	}
}

func setFields(t *testing.T, db *store.DB, s *hookyard.Snapshot, paths ...string) *hookyard.Snapshot {
	t.Helper()
	ctx := context.Background()
	p := *s.Project
	p.SearchFields = paths
	if err := db.UpdateProject(ctx, &p); err != nil {
		t.Fatal(err)
	}
	after, err := db.SnapshotByKey(ctx, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

// rows counts the rows of event_fields.
func rows(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	if err := db.Pool().QueryRow("select count(*) from event_fields").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// finish does all the work on search fields.
func finish(t *testing.T, db *store.DB) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = db.StepFields(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFieldsAnswerAsBodiesDo compares searches by rows with those that read bodies, for events from before and after
// the fields were named, and while they are filled in.
func TestFieldsAnswerAsBodiesDo(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := storetest.Project(t, db, "acme", "shop")
		other := setFields(t, db, storetest.Project(t, db, "acme", "other"), "id")
		for _, c := range came {
			accept(t, db, s, event(s.Project.Key, c[0], c[1]))
			accept(t, db, other, event(other.Project.Key, c[0], c[1]))
		}
		paths := []string{"id", "ok", "n.of", "list.1.sku", "n"}
		want := map[[2]string][]string{}
		check := func(when string, store bool) {
			t.Helper()
			for _, value := range asked {
				for _, path := range paths {
					q := hookyard.EventQuery{ProjectKey: s.Project.Key, Type: "p*",
						Fields: []hookyard.FieldMatch{{Path: path, Value: value}}}
					got := found(t, db, q)
					if key := [2]string{path, value}; store {
						want[key] = got
					} else if !slices.Equal(got, want[key]) {
						t.Errorf("%s: %s = %q finds %q, want %q", when, path, value, got, want[key])
					}
				}
			}
		}
		check("", true)
		if n := len(want[[2]string{"id", "4711"}]); n != 6 {
			t.Errorf("4711 is found %d times, want 6", n)
		}
		before := s
		s = setFields(t, db, s, paths...)
		check("before it is filled in", false)
		finish(t, db)
		check("when it is filled in", false)

		s = setFields(t, db, s)  // none again
		for _, c := range came { // the sender's snapshot is an old one
			accept(t, db, before, event(s.Project.Key, c[0], c[1]))
		}
		check("", true)
		now := setFields(t, db, s, paths...)
		for _, c := range came {
			accept(t, db, s, event(s.Project.Key, c[0], c[1]))
			accept(t, db, now, event(s.Project.Key, c[0], c[1]))
		}
		check("", true)
		finish(t, db)
		check("after a change in the middle", false)

		any := hookyard.EventQuery{ProjectKey: s.Project.Key, Fields: []hookyard.FieldMatch{{Value: "true"}}}
		all := found(t, db, any)
		if len(all) != 12 || !slices.Equal(all, want[[2]string{"ok", "true"}]) {
			t.Errorf("any field = true finds %d events", len(all))
		}
		both := hookyard.EventQuery{ProjectKey: s.Project.Key,
			Fields: []hookyard.FieldMatch{{Path: "ok", Value: "true"}, {Path: "id", Value: "4711"}}}
		if n := len(found(t, db, both)); n != 12 {
			t.Errorf("two fields find %d events, want 12", n)
		}
	})
}

// TestTooLargeForFields counts the events that fields leave out.
func TestTooLargeForFields(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		db := storetest.OpenWith(t, dsn, store.Options{Decode: 1000})
		s := storetest.Project(t, db, "acme", "shop")
		large := `{"id":7,"more":"` + strings.Repeat("x", 1000) + `"}`
		var bomb bytes.Buffer
		z := gzip.NewWriter(&bomb)
		_, _ = z.Write([]byte(`{"id":7,"more":"` + strings.Repeat("x", 2<<20) + `"}`))
		_ = z.Close()
		all := func() []*hookyard.Event {
			packed := event(s.Project.Key, "application/json", bomb.String()[:bomb.Len()])
			packed.Header = http.Header{"Content-Encoding": {"gzip"}}
			packed.Body = bomb.Bytes()
			return []*hookyard.Event{event(s.Project.Key, "application/json", large), packed,
				event(s.Project.Key, "application/json", `{"id":7}`)}
		}
		accept(t, db, s, all()...)
		s = setFields(t, db, s, "id")
		finish(t, db)
		accept(t, db, s, all()...)
		page, err := db.Events(t.Context(), hookyard.EventQuery{ProjectKey: s.Project.Key, Limit: 10,
			Fields: []hookyard.FieldMatch{{Path: "id", Value: "7"}}})
		if err != nil || len(page.Events) != 2 || page.TooLarge != 4 {
			t.Errorf("%d events, %d too large, %v; want 2, 4", len(page.Events), page.TooLarge, err)
		}
		states, err := db.SearchFieldStates(t.Context(), s.Project.Key)
		want := hookyard.SearchFieldState{Path: "id", Ready: true, Filled: 3, Progress: 1, TooLarge: 4}
		if err != nil || len(states) != 1 || states[0] != want {
			t.Errorf("%+v, %v; want %+v", states, err, want)
		}
	})
}

// TestFieldsAreFilledOnce fills fields in with several nodes and a restart in the middle: each event is looked into
// once.
func TestFieldsAreFilledOnce(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		const many = 3000
		db := storetest.Open(t, dsn)
		s := storetest.Project(t, db, "acme", "shop")
		var events []*hookyard.Event
		for i := range many {
			events = append(events,
				event(s.Project.Key, "application/json", fmt.Sprintf(`{"id":%d,"odd":%t}`, i, i%2 == 1)))
		}
		accept(t, db, s, events...)
		s = setFields(t, db, s, "id", "odd")
		for range 2 {
			if more, err := db.StepFields(t.Context()); !more || err != nil {
				t.Fatal(more, err)
			}
		}
		states, err := db.SearchFieldStates(t.Context(), s.Project.Key)
		if s := states[0]; err != nil || s.Ready || s.Filled == 0 || s.Progress <= 0 || s.Progress >= 1 {
			t.Fatalf("%+v, %v", states, err)
		}
		nodes := []*store.DB{db}
		if db.Name() == "postgres" {
			nodes = append(nodes, storetest.OpenWith(t, dsn, store.Options{NodeName: "other"}))
		} else if err := db.Close(); err != nil {
			t.Fatal(err)
		} else {
			nodes[0] = storetest.Open(t, dsn)
		}
		var all sync.WaitGroup
		for _, node := range nodes {
			all.Go(func() {
				for ready := false; !ready; {
					if _, err := node.StepFields(context.Background()); err != nil {
						t.Error(err)
						return
					}
					states, err := node.SearchFieldStates(context.Background(), s.Project.Key)
					if err != nil {
						t.Error(err)
						return
					}
					ready = !slices.ContainsFunc(states, func(s hookyard.SearchFieldState) bool { return !s.Ready })
				}
			})
		}
		all.Wait()
		states, err = nodes[0].SearchFieldStates(t.Context(), s.Project.Key)
		if err != nil || len(states) != 2 || states[0].Filled != many || states[1].Filled != many {
			t.Errorf("%+v, %v; want %d filled in", states, err, many)
		}
		if n := rows(t, nodes[0]); n != 2*many {
			t.Errorf("%d rows, want %d", n, 2*many)
		}
	})
}

// TestFieldsGo deletes the rows of events, fields and projects that go.
func TestFieldsGo(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		s := setFields(t, db, storetest.Project(t, db, "acme", "shop"), "id", "ok")
		fill := func() {
			for i := range 10 {
				e := event(s.Project.Key, "application/json", fmt.Sprintf(`{"id":%d,"ok":true}`, i))
				if i < 5 {
					e.Time = e.Time.Add(-2 * time.Hour)
				}
				accept(t, db, s, e)
			}
		}
		fill()
		want := func(n int, what string) {
			t.Helper()
			if got := rows(t, db); got != n {
				t.Errorf("%d rows %s, want %d", got, what, n)
			}
		}
		want(20, "at first")
		if n, err := db.Prune(ctx, store.Retention{Bodies: time.Hour}, time.Now()); n != 5 || err != nil {
			t.Fatalf("%d deleted, %v", n, err)
		}
		want(10, "after retention")
		s = setFields(t, db, s, "id")
		finish(t, db)
		want(5, "without a field")
		if err := db.DeleteProject(ctx, s.Project); err != nil {
			t.Fatal(err)
		}
		accept(t, db, s, event(s.Project.Key, "application/json", `{"id":7}`)) // on its way when the project went
		finish(t, db)
		want(0, "without the project")
		var n int
		if err := db.Pool().QueryRow("select count(*) from search_fields").Scan(&n); n != 0 || err != nil {
			t.Errorf("%d fields are left, %v", n, err)
		}
	})
}

// TestFieldsAreFilledAfterAnUpgrade fills fields in again whose rows were in other parts.
func TestFieldsAreFilledAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		pool, closeAll := store.OpenOld(t, dsn, 25)
		exec := func(text string, args ...any) {
			t.Helper()
			if _, err := pool.ExecContext(t.Context(), text, args...); err != nil {
				t.Fatal(err)
			}
		}
		exec(`insert into search_fields (project_key, path, dropped, fill, oldest, newest, filled, created)
			values (1, 'id', false, 0, 1, 1, 1, 1)`)
		exec(`insert into events (seq, id, project_key, source, type, time, method, target, remote, verified, header,
			content_type, data_offset, size, body)
			values (50000, 'evt_a', 1, 'in', 'x', 1, '', '', '', '', $1, '', 0, 8, $2)`, []byte{}, []byte(`{"id":7}`))
		exec("insert into event_fields (field, part, value, seq) values (1, 6, $1, 50000)", []byte("7"))
		exec("update counters set value = 50000 where name = 'event_seq'")
		closeAll()
		db := storetest.Open(t, dsn)
		q := hookyard.EventQuery{ProjectKey: 1, Fields: []hookyard.FieldMatch{{Path: "id", Value: "7"}}}
		if ids := found(t, db, q); !slices.Equal(ids, []string{"evt_a"}) {
			t.Errorf("%q before the field is filled in", ids)
		}
		finish(t, db)
		if ids := found(t, db, q); !slices.Equal(ids, []string{"evt_a"}) || rows(t, db) != 1 {
			t.Errorf("%q, and %d rows", ids, rows(t, db))
		}
	})
}

// TestOwnEventsAreFound: the server's own events, which come with results, are found by their fields like others.
func TestOwnEventsAreFound(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		s := setFields(t, db, storetest.Project(t, db, "acme", "shop", "http://a.example/"), "hook")
		finish(t, db)
		accept(t, db, s, event(s.Project.Key, "application/json", `{"hook":"none"}`))
		work, err := db.Claim(ctx, s.Hooks[0].Key, time.Now(), 1)
		if err != nil || len(work) != 1 {
			t.Fatalf("claimed %d, %v", len(work), err)
		}
		own := func() *hookyard.RoutedEvent {
			return hookyard.Route(event(s.Project.Key, "application/json", `{"hook":"h1"}`), s, nil)
		}
		failed, off := own(), own()
		if err := db.Finish(ctx, &hookyard.Result{Work: &work[0], Meta: []*hookyard.RoutedEvent{failed}, OffEvent: off,
			HookOff: "too many failures", Decision: hookyard.Decision{State: hookyard.Failed}}); err != nil {
			t.Fatal(err)
		}
		ids := found(t, db, hookyard.EventQuery{ProjectKey: s.Project.Key,
			Fields: []hookyard.FieldMatch{{Path: "hook", Value: "h1"}}})
		slices.Sort(ids)
		want := []string{failed.Event.ID, off.Event.ID}
		slices.Sort(want)
		if !slices.Equal(ids, want) {
			t.Errorf("found %q, want %q", ids, want)
		}
	})
}
