package store_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

func TestChannelsAreStored(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		snapshot := storetest.Project(t, db, "acme", "shop")
		for id, channels := range map[string][]string{"none": nil, "one": {"eu"}, "two": {"us", "eu"}, "meta": nil} {
			e := hookyard.NewEvent(hookyard.SourceAPI, "a."+id, []byte("{}"), time.Now())
			e.ID, e.Channels = id, channels
			e.ProjectKey = snapshot.Project.Key
			if e.UID = "uid-" + id; id == "meta" {
				e.Source = hookyard.SourceMeta
			}
			if _, err := db.Accept(ctx, &hookyard.RoutedEvent{Event: e}); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			q    hookyard.EventQuery
			want string
		}{
			{hookyard.EventQuery{Channel: "eu"}, "one two"}, {hookyard.EventQuery{Channel: "us"}, "two"},
			{hookyard.EventQuery{Channel: "e"}, ""}, {hookyard.EventQuery{NoMeta: true}, "none one two"},
			{hookyard.EventQuery{Types: []string{"a.none", "a.two"}}, "none two"},
		} {
			c.q.ProjectKey, c.q.Limit = snapshot.Project.Key, 10
			page, err := db.Events(ctx, c.q)
			var ids []string
			for _, e := range page.Events {
				if ids = append(ids, e.ID); e.UID != "uid-"+e.ID {
					t.Errorf("event %s has uid %q", e.ID, e.UID)
				}
			}
			slices.Sort(ids)
			if got := strings.Join(ids, " "); err != nil || got != c.want {
				t.Errorf("%+v finds %q, %v; want %q", c.q, got, err, c.want)
			}
		}
		e, err := db.EventByUID(ctx, snapshot.Project.Key, "uid-two")
		if err != nil || e.ID != "two" || !slices.Equal(e.Channels, []string{"us", "eu"}) {
			t.Errorf("by uid: %+v, %v", e, err)
		}
		if _, err := db.EventByUID(ctx, snapshot.Project.Key, "UID-two"); !errors.Is(err, hookyard.ErrNotFound) {
			t.Errorf("the case of a uid does not count: %v", err)
		}
	})
}

// TestUIDsAreUnique holds that a uid names one project of an owner, and one hook of a project, until it is deleted.
func TestUIDsAreUnique(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		create := func(owner, name, uid string) (*hookyard.Project, error) {
			p := &hookyard.Project{Owner: owner, Name: name, UID: uid}
			return p, db.CreateProject(ctx, p, nil)
		}
		first, err := create("acme", "one", "cust")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := create("ACME", "two", "cust"); !errors.Is(err, hookyard.ErrConflict) {
			t.Errorf("a uid was given twice: %v", err)
		}
		for name, owner := range map[string]string{"three": "acme", "four": "other"} {
			uid := map[string]string{"three": "CUST", "four": "cust"}[name]
			if _, err := create(owner, name, uid); err != nil {
				t.Error(err)
			}
		}
		p, err := db.ProjectByUID(ctx, "Acme", "cust")
		if err != nil || p.Key != first.Key {
			t.Errorf("by uid: %+v, %v", p, err)
		}
		three, err := db.ProjectByUID(ctx, "acme", "CUST")
		if err != nil {
			t.Fatal(err)
		}
		if three.UID = "cust"; !errors.Is(db.UpdateProject(ctx, three), hookyard.ErrConflict) {
			t.Error("a uid was taken from another project")
		}
		if err := db.DeleteProject(ctx, first); err != nil {
			t.Fatal(err)
		}
		if err := db.UpdateProject(ctx, three); err != nil {
			t.Error(err)
		}
		hook := func(id string) error {
			return db.CreateHook(ctx, &hookyard.Hook{ProjectKey: three.Key, ID: id, UID: "h", URL: "http://a/"})
		}
		if err := hook("a"); err != nil {
			t.Fatal(err)
		}
		if err := hook("b"); !errors.Is(err, hookyard.ErrConflict) {
			t.Errorf("two hooks with one uid: %v", err)
		}
		if err := db.DeleteHook(ctx, three.Key, "a"); err != nil {
			t.Fatal(err)
		}
		if err := hook("b"); err != nil {
			t.Error(err)
		}
	})
}

// TestProjectsOfOwner walks along an owner's projects in both directions.
func TestProjectsOfOwner(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		for _, path := range []string{"acme/a", "acme/b", "acme/c", "acme-2/a", "acme.x/a", "acm/z"} {
			owner, name, _ := strings.Cut(path, "/")
			if err := db.CreateProject(ctx, &hookyard.Project{Owner: owner, Name: name}, nil); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			from string
			back bool
			want string
		}{{"", false, "a b"}, {"b", false, "c"}, {"", true, "c b"}, {"b", true, "a"}, {"c", false, ""}} {
			list, err := db.ProjectsOf(ctx, "ACME", c.from, c.back, 2)
			var names []string
			for _, p := range list {
				names = append(names, p.Name)
			}
			if got := strings.Join(names, " "); err != nil || got != c.want {
				t.Errorf("from %q, back %v: %q, %v; want %q", c.from, c.back, got, err, c.want)
			}
		}
	})
}
