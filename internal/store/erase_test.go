package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// marker is in what is erased. It is short enough to be the value of a search field as it is.
const marker = "ann@example.org"

// markedEvent stores an event with the marker in all that is kept of it, claims its delivery and attempts it once.
func markedEvent(t *testing.T, db *store.DB, s *hookyard.Snapshot, key string) (work hookyard.Work) {
	t.Helper()
	e, err := hookyard.Publish(hookyard.Publication{ID: key, Type: "user.created",
		Data: []byte(`{"mail":"` + marker + `","more":"` + marker + `"}`)}, time.Now(), hookyard.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	e.ProjectKey, e.UID = s.Project.Key, marker
	e.Target, e.Remote = "/"+marker, marker
	e.Header = map[string][]string{"X-User": {marker}}
	if _, err := db.Accept(t.Context(), hookyard.Route(e, s, nil)); err != nil {
		t.Fatal(err)
	}
	for {
		claimed, err := db.Claim(t.Context(), s.Hook("h1").Key, time.Now(), 1)
		if err != nil || len(claimed) != 1 {
			t.Fatalf("claimed %d, %v", len(claimed), err)
		}
		if work = claimed[0]; work.Event.ID == e.ID {
			break
		}
	}
	if err := db.Finish(t.Context(), &hookyard.Result{Work: &work, Attempt: markedAttempt(&work, 1),
		Decision: hookyard.Decision{State: hookyard.Pending, Due: time.Now()}}); err != nil {
		t.Fatal(err)
	}
	claimed, err := db.Claim(t.Context(), s.Hook("h1").Key, time.Now().Add(time.Second), 1)
	if err != nil || len(claimed) != 1 {
		t.Fatalf("claimed again %d, %v", len(claimed), err)
	}
	return claimed[0]
}

func markedAttempt(w *hookyard.Work, n int) *hookyard.Attempt {
	return &hookyard.Attempt{EventSeq: w.Event.Seq, HookKey: w.Delivery.HookKey, N: n, StartedAt: time.Now(),
		URL: "http://" + marker, Status: 500, RequestBody: []byte(marker), RequestSize: int64(len(marker)),
		ResponseBody: []byte(marker), ResponseHeader: map[string][]string{"X-User": {marker}}, Error: marker}
}

// TestErase erases an event while an attempt of it is under way. Nothing of it is left in the files of SQLite, also
// after the result of the attempt has come.
func TestErase(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		db := storetest.Open(t, dsn)
		s := storetest.Project(t, db, "acme", "shop", "http://127.0.0.1:9/a")
		s.Project.SearchFields = []string{"data.mail"}
		if err := db.UpdateProject(t.Context(), s.Project); err != nil {
			t.Fatal(err)
		}
		var earlier hookyard.Work
		for i := range 300 { // so that it stands among others, on pages that were split
			e := publish(t, s, "user.created", "")
			e.Event.Body = fmt.Appendf(nil, `{"data":{"mail":"u%d@x.y"}}`, i*7919%300)
			e.Event.Size, e.Event.DataOffset = int64(len(e.Event.Body)), 0
			if _, err := db.Accept(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			if i == 10 {
				earlier = markedEvent(t, db, s, "earlier")
			}
		}
		if _, err := db.EndPending(t.Context(), s.Hook("h1").Key, hookyard.Skipped, "test", 1000); err != nil {
			t.Fatal(err)
		}
		work := markedEvent(t, db, s, "the-key")
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- db.Run(ctx) }()
		defer func() { <-ended }()
		defer stop()
		found := hookyard.EventQuery{ProjectKey: s.Project.Key, Limit: 10,
			Fields: []hookyard.FieldMatch{{Path: "data.mail", Value: marker}}}
		if page, err := db.Events(t.Context(), found); err != nil || len(page.Events) != 2 {
			t.Fatalf("before it is erased: %d events, %v", len(page.Events), err)
		}
		if !store.IsPostgres(dsn) && !holds(t, dsn, marker) {
			t.Fatal("the marker is in no file")
		}
		other := storetest.Project(t, db, "acme", "other", "http://127.0.0.1:9/a")
		if n, _, err := db.EraseEvents(t.Context(), other.Project.Key, []int64{work.Event.Seq}, "x", ""); n != 0 ||
			err != nil {
			t.Errorf("erasing it through another project = %d, %v", n, err)
		}
		if _, _, err := db.EraseEvents(t.Context(), s.Project.Key, []int64{earlier.Event.Seq}, "x", ""); err != nil {
			t.Fatal(err)
		}
		erased, canceled, err := db.EraseEvents(t.Context(), s.Project.Key, []int64{work.Event.Seq}, work.Event.ID, "")
		if erased != 1 || canceled != 1 || err != nil {
			t.Fatalf("EraseEvents = %d, %d, %v; want one event and one delivery", erased, canceled, err)
		}
		err = db.Finish(t.Context(), &hookyard.Result{Work: &work, Attempt: markedAttempt(&work, 2),
			Decision: hookyard.Decision{State: hookyard.Delivered}})
		if !errors.Is(err, hookyard.ErrLost) {
			t.Errorf("the result of an erased event's attempt = %v; want ErrLost", err)
		}
		if kept, err := db.Attempts(t.Context(), work.Event.Seq, work.Delivery.HookKey); err != nil || len(kept) > 0 {
			t.Errorf("%d attempts are left, %v", len(kept), err)
		}
		if page, err := db.Events(t.Context(), found); err != nil || len(page.Events) != 0 {
			t.Errorf("after it is erased: %d events, %v", len(page.Events), err)
		}
		again, err := db.Accept(t.Context(), publish(t, s, "user.created", "the-key"))
		if err != nil || !again.Duplicate || again.ID != work.Event.ID {
			t.Errorf("it comes again: %+v, %v; want a duplicate", again, err)
		}
		log, err := db.Audit(t.Context(),
			hookyard.AuditQuery{ProjectKey: s.Project.Key, Action: "event.erase", Limit: 1})
		if err != nil || len(log) != 1 || log[0].Subject != work.Event.ID ||
			log[0].Detail != "1 event, 1 delivery canceled" {
			t.Errorf("the audit log says %+v, %v", log, err)
		}
		if !store.IsPostgres(dsn) {
			testenv.Until(t, "nothing is left in the files", func() bool { return !holds(t, dsn, marker) })
		}
	})
}

// holds reports whether one of the files of a SQLite database holds a text.
func holds(t *testing.T, path, text string) bool {
	t.Helper()
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		b, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(text)) {
			return true
		}
	}
	return false
}

// TestEraseOutlivesACrash: what a process that was killed left in the files of SQLite, the next one removes.
func TestEraseOutlivesACrash(t *testing.T) {
	t.Parallel()
	dsn := storetest.SQLite(t)
	db := storetest.Open(t, dsn)
	s := storetest.Project(t, db, "acme", "shop", "http://127.0.0.1:9/a")
	work := markedEvent(t, db, s, "the-key")
	if _, _, err := db.EraseEvents(t.Context(), s.Project.Key, []int64{work.Event.Seq}, "x", ""); err != nil {
		t.Fatal(err)
	}
	killed := filepath.Join(t.TempDir(), "killed.db") // the files as they are now, before anything else is done
	for _, end := range []string{"", "-wal"} {
		b, err := os.ReadFile(dsn + end)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(killed+end, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !holds(t, killed, marker) {
		t.Fatal("there is nothing to remove")
	}
	next := storetest.Open(t, killed)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- next.Run(ctx) }()
	testenv.Until(t, "nothing is left in the files", func() bool { return !holds(t, killed, marker) })
	stop()
	<-ended
}
