package main

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// quiet returns a logger that discards everything.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func openTestBook(t *testing.T) *book {
	t.Helper()
	b, err := openBook(context.Background(), filepath.Join(t.TempDir(), "guest book?#%.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.close() })
	return b
}

func leave(t *testing.T, b *book, name, text string) {
	t.Helper()
	if err := b.add(t.Context(), comment{Name: name, Comment: text, Time: 1471996800}); err != nil {
		t.Fatal(err)
	}
}

// TestTogether: if the event cannot be written, the comment is not stored either.
func TestTogether(t *testing.T) {
	t.Parallel()
	b := openTestBook(t)
	leave(t, b, "Ann", "first")
	if _, err := b.db.ExecContext(t.Context(), `ALTER TABLE outbox RENAME TO gone`); err != nil {
		t.Fatal(err)
	}
	if err := b.add(t.Context(), comment{Name: "Bob", Comment: "second"}); err == nil {
		t.Error("a comment without its event was taken")
	}
	all, err := b.before(t.Context(), 0, 10)
	if err != nil || len(all) != 1 || all[0].Name != "Ann" {
		t.Errorf("comments are %+v, %v; want only Ann's", all, err)
	}
}

// TestOutboxOutlivesTheProgram: after a restart the events in the outbox are sent with the same ids.
func TestOutboxOutlivesTheProgram(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "guestbook.db")
	b, err := openBook(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	leave(t, b, "Ann", "<b>Hello</b>")
	var first, again event
	s := &sender{book: b, log: quiet(), publish: func(_ context.Context, e event) error {
		first = e
		return errors.New("killed before the answer came")
	}}
	if err := s.sendOne(t.Context()); err == nil {
		t.Fatal("sent")
	}
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	if b, err = openBook(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.close() }()
	s = &sender{book: b, log: quiet(), publish: func(_ context.Context, e event) error {
		again = e
		return nil
	}}
	if err := s.sendOne(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again.ID == "" || again.ID != first.ID ||
		string(again.Body) != `{"name":"Ann","comment":"\u003cb\u003eHello\u003c/b\u003e","time":1471996800}` {
		t.Errorf("first %+v, then %+v", first, again)
	}
	if _, err := b.next(t.Context()); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("the outbox is not empty: %v", err)
	}
}

// TestSender: a failed event is retried before later events, with growing delays, and a new comment wakes the sender.
func TestSender(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := openTestBook(t)
		leave(t, b, "Ann", "one")
		leave(t, b, "Bob", "two")
		began := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		var at []time.Duration
		ids := map[string]int{}
		s := &sender{book: b, log: quiet(), publish: func(_ context.Context, e event) error {
			at = append(at, time.Since(began))
			ids[e.ID]++
			switch len(at) {
			case 1, 2, 3:
				return errors.New("not now")
			case 5: // the last there is; a third comes an hour later
				time.AfterFunc(time.Hour, func() { leave(t, b, "Cid", "three") })
			case 6:
				stop()
			}
			return nil
		}}
		s.run(ctx)
		if want := []time.Duration{0, 1e9, 3e9, 7e9, 7e9, 7e9 + time.Hour}; !slices.Equal(at, want) {
			t.Errorf("at %v, want %v", at, want)
		}
		if len(ids) != 3 {
			t.Errorf("%d ids, want one for each comment", len(ids))
		}
		if n, err := b.waiting(t.Context()); n != 0 || err != nil {
			t.Errorf("%d wait, %v", n, err)
		}
		_ = b.close()
	})
}

func TestPages(t *testing.T) {
	t.Parallel()
	b := openTestBook(t)
	for _, text := range []string{"one", "two", "three"} {
		leave(t, b, "Ann", text)
	}
	for _, c := range []struct {
		before int64
		limit  int
		want   []string
	}{{0, 2, []string{"three", "two"}}, {2, 2, []string{"one"}}, {1, 2, nil},
		{99, 9, []string{"three", "two", "one"}}} {
		all, err := b.before(t.Context(), c.before, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range all {
			got = append(got, c.Comment)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("before %d: %v, want %v", c.before, got, c.want)
		}
	}
}
