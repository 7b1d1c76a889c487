package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

func TestEventTypes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		full := &hookyard.EventType{Name: "order.created", Description: "An order", Group: "Orders",
			Schemas: map[string]json.RawMessage{"1": json.RawMessage(`{"const":"<&>"}`)},
			Example: json.RawMessage(`"<&>"`), Deprecated: true, FeatureFlags: []string{"beta"}}
		archived := &hookyard.EventType{Name: "Order.created", Archived: true}
		if err := db.PutEventTypes(ctx, "Acme", full, archived, &hookyard.EventType{Name: "a",
			Description: `"featureFlags":["x"]`}); err != nil {
			t.Fatal(err)
		}
		got, err := db.EventType(ctx, "ACME", full.Name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(full, got); diff != "" || got.Revision != 1 || got.CreatedAt.IsZero() {
			t.Errorf("stored (-put +got):\n%s", diff)
		}
		for _, c := range []struct {
			q    hookyard.EventTypeQuery
			want []string
		}{
			{hookyard.EventTypeQuery{}, []string{"a", "order.created"}},
			{hookyard.EventTypeQuery{Archived: true}, []string{"Order.created", "a", "order.created"}},
			{hookyard.EventTypeQuery{After: "a"}, []string{"order.created"}},
			{hookyard.EventTypeQuery{Before: "order.created", Archived: true, Limit: 1}, []string{"a"}},
			{hookyard.EventTypeQuery{Before: "order.created", Archived: true}, []string{"Order.created", "a"}},
			{hookyard.EventTypeQuery{General: true, Before: "z", Limit: 1}, []string{"a"}},
			{hookyard.EventTypeQuery{Archived: true, Limit: 2}, []string{"Order.created", "a"}},
		} {
			c.q.Owner = "acme"
			if diff := cmp.Diff(c.want, typeNames(ctx, t, db, c.q)); diff != "" {
				t.Errorf("%+v (-want +got):\n%s", c.q, diff)
			}
		}
		if got := typeNames(ctx, t, db, hookyard.EventTypeQuery{Owner: "other"}); got != nil {
			t.Errorf("another owner has %q", got)
		}
		again := &hookyard.EventType{Name: "a"}
		if err := db.PutEventTypes(ctx, "acme", &hookyard.EventType{Name: "b"}, again); !errors.Is(err,
			hookyard.ErrStale) {
			t.Errorf("a type was created twice: %v", err)
		}
		if _, err := db.EventType(ctx, "acme", "b"); !errors.Is(err, hookyard.ErrNotFound) {
			t.Errorf("half of a change was stored: %v", err)
		}
		if err := db.DeleteEventType(ctx, "acme", "a"); err != nil {
			t.Error(err)
		}
		if err := db.DeleteEventType(ctx, "acme", "a"); !errors.Is(err, hookyard.ErrNotFound) {
			t.Errorf("deleted twice: %v", err)
		}
	})
}

func typeNames(ctx context.Context, t *testing.T, db *store.DB, q hookyard.EventTypeQuery) (names []string) {
	t.Helper()
	found, err := db.EventTypes(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range found {
		names = append(names, one.Name)
		if q.Content != (one.Schemas != nil) && one.Name == "order.created" {
			t.Errorf("%+v: schemas %s", q, one.Schemas)
		}
	}
	return names
}

// TestCatalogueOfSnapshot holds that a snapshot has the catalogue only where it is in use, and has its last revision.
func TestCatalogueOfSnapshot(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		storetest.Project(t, db, "Acme", "a", "http://one.test")
		revision := func() int64 {
			v, err := db.Snapshot(ctx, "acme", "a")
			if err != nil {
				t.Fatal(err)
			}
			if v.Catalogue == nil {
				return 0
			}
			return v.Catalogue.Revision
		}
		if err := db.PutEventTypes(ctx, "acme", &hookyard.EventType{Name: "a"}); err != nil || revision() != 0 {
			t.Fatalf("revision %d, %v", revision(), err)
		}
		c := &hookyard.Catalogue{Owner: "ACME", Mode: hookyard.CatalogueStrict}
		if err := db.SetCatalogue(ctx, c); err != nil || revision() != c.Revision || c.Revision != 2 {
			t.Fatalf("revision %d, want %d, %v", revision(), c.Revision, err)
		}
		if err := db.DeleteEventType(ctx, "acme", "a"); err != nil || revision() != 3 {
			t.Fatalf("revision %d, %v", revision(), err)
		}
	})
}

func TestTooManyEventTypes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		var all []*hookyard.EventType
		for i := range hookyard.MaxEventTypes {
			all = append(all, &hookyard.EventType{Name: "t" + strconv.Itoa(i)})
		}
		if err := db.PutEventTypes(ctx, "acme", all...); err != nil {
			t.Fatal(err)
		}
		if err := db.PutEventTypes(ctx, "acme", &hookyard.EventType{Name: "more"}); !errors.Is(err,
			hookyard.ErrTooMany) {
			t.Errorf("one more: %v", err)
		}
	})
}
