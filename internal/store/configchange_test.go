package store_test

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// snapshot returns a project of ann's.
func snapshot(t *testing.T, db *store.DB, name string) *hookyard.Snapshot {
	t.Helper()
	s, err := db.Snapshot(t.Context(), "Ann", name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// setDescription changes the hook h1 of a project.
func setDescription(t *testing.T, db *store.DB, s *hookyard.Snapshot, text string) {
	t.Helper()
	_, err := db.UpdateHook(t.Context(), s.Project.Key, "h1", 0, "hook.update", func(h *hookyard.Hook) error {
		h.Description = text
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestChangeForgets makes changes and looks which snapshots the node that made them, and another one, still have. On
// SQLite there is no other node: the same one follows the changes that it made.
func TestChangeForgets(t *testing.T) {
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		a := storetest.Open(t, dsn)
		b := a
		if a.IsShared() {
			b = storetest.OpenWith(t, dsn, store.Options{NodeName: "b"})
		}
		one := storetest.Project(t, a, "ann", "one", "http://one.test")
		storetest.Project(t, a, "ann", "two", "http://two.test")
		u := &hookyard.User{Name: "bob"}
		var heard []store.Change
		b.OnChange(func(c store.Change) { heard = append(heard, c) })
		retention := func(db *store.DB, name string, keep time.Duration, public bool) error {
			p := *snapshot(t, db, name).Project
			p.Retention, p.Public = keep, public
			return db.UpdateProject(t.Context(), &p)
		}
		limit := int64(1e9)
		ctx := t.Context()
		for _, test := range []struct {
			name     string
			change   func() error
			one, two bool // are forgotten
			heard    store.Change
		}{
			{"hook", func() error { setDescription(t, a, one, "x"); return nil }, true, false,
				store.Change{Project: one.Project.Key}},
			{"settings", func() error { return retention(a, "one", time.Hour, false) }, true, false,
				store.Change{Project: one.Project.Key}},
			{"public", func() error { return retention(a, "one", time.Hour, true) }, true, false,
				store.Change{Project: one.Project.Key, Roles: true}},
			{"source", func() error {
				_, err := a.PutSource(ctx, &hookyard.Source{ProjectKey: one.Project.Key, Name: "s", Type: "none"})
				return err
			}, true, false, store.Change{Project: one.Project.Key, Sources: true}},
			{"user", func() error { return a.CreateUser(ctx, u) }, false, false,
				store.Change{Project: store.NoProject, Roles: true}},
			{"member", func() error { return a.SetMember(ctx, one.Project, u, hookyard.RoleRead) }, false, false,
				store.Change{Project: store.NoProject, Roles: true}},
			{"limit", func() error {
				return a.SetQuota(ctx, hookyard.Tenant{TenantKey: hookyard.TenantKey{Project: one.Project.Key}},
					map[hookyard.LimitName]*int64{hookyard.LimitDay: &limit})
			}, true, false, store.Change{Project: one.Project.Key}},
			{"owner's limit", func() error {
				return a.SetQuota(ctx, hookyard.Tenant{TenantKey: hookyard.TenantKey{Owner: "ann"}},
					map[hookyard.LimitName]*int64{hookyard.LimitDay: &limit})
			}, true, true, store.Change{Project: store.NoProject, Owner: "ann"}},
			{"another owner's limit", func() error {
				return a.SetQuota(ctx, hookyard.Tenant{TenantKey: hookyard.TenantKey{Owner: "an"}},
					map[hookyard.LimitName]*int64{hookyard.LimitDay: &limit})
			}, false, false, store.Change{Project: store.NoProject, Owner: "an"}},
			{"catalogue", func() error {
				return a.SetCatalogue(ctx, &hookyard.Catalogue{Owner: "Ann", Mode: hookyard.CatalogueWarn})
			}, true, true, store.Change{Project: store.NoProject, Owner: "ann"}},
			{"deletion", func() error { return a.DeleteProject(ctx, one.Project) }, true, false,
				store.Change{Project: one.Project.Key, Roles: true, Sources: true}},
		} {
			b.Follow(t)
			type pair struct{ one, two *hookyard.Snapshot }
			before := map[*store.DB]pair{a: {snapshot(t, a, "one"), snapshot(t, a, "two")},
				b: {snapshot(t, b, "one"), snapshot(t, b, "two")}}
			heard = nil
			if err := test.change(); err != nil {
				t.Fatalf("%s: %s", test.name, err)
			}
			if b != a && (snapshot(t, b, "one") != before[b].one || len(heard) > 0) {
				t.Errorf("%s: the other node forgets before it knows", test.name)
			}
			b.Follow(t)
			for db, was := range before {
				now, err := db.Snapshot(ctx, "ann", "one")
				if test.name == "deletion" && hookyard.CodeOf(err) != hookyard.NotFound {
					t.Errorf("deletion: %v", err)
				}
				if (now != was.one) != test.one || (snapshot(t, db, "two") != was.two) != test.two {
					t.Errorf("%s: forgotten by the node that made it=%t: %t and %t", test.name, db == a, now != was.one,
						snapshot(t, db, "two") != was.two)
				}
			}
			if len(heard) == 0 || heard[0] != test.heard {
				t.Errorf("%s: heard %+v", test.name, heard)
			}
		}
	})
}

// TestChangesAreMissing has a node look when it cannot know what was changed: all is forgotten.
func TestChangesAreMissing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		one := storetest.Project(t, db, "ann", "one", "http://one.test")
		storetest.Project(t, db, "ann", "two")
		forgets := func(what string, want bool) {
			t.Helper()
			was := snapshot(t, db, "two")
			db.Follow(t)
			if (snapshot(t, db, "two") != was) != want {
				t.Errorf("%s: forgotten: %t", what, !want)
			}
		}
		forgets("the first look", true)
		setDescription(t, db, one, "x")
		forgets("a change of another project", false)
		db.Exec(t, "update counters set value = value + 1 where name = 'config_version'")
		forgets("a change by a node of an older version", true)
		forgets("nothing", false)
		db.Exec(t, "update counters set value = value + 1 where name = 'config_version'")
		setDescription(t, db, one, "y")
		forgets("an older version's change and a known one", true)
		setDescription(t, db, one, "z")
		db.Exec(t, "delete from config_changes")
		forgets("a change that is no longer known", true)
		db.Exec(t, "update counters set value = 20000 where name = 'config_version'")
		db.Follow(t)
		to := func(version int) {
			t.Helper()
			db.Exec(t, `with recursive n(i) as (select value + 1 from counters where name = 'config_version'
					union all select i + 1 from n where i < $1)
				insert into config_changes (version, project_key, owner, parts) select i, $2, '', 0 from n`,
				version, one.Project.Key)
			db.Exec(t, "update counters set value = $1 where name = 'config_version'", version)
		}
		to(21000)
		forgets("many known changes", false)
		to(22001)
		forgets("too many at once", true)
	})
}

// TestReadDuringChange reads a snapshot while the project is changed: what was read before is not cached. A change of
// another project does not matter.
func TestReadDuringChange(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		one := storetest.Project(t, db, "ann", "one", "http://one.test")
		two := storetest.Project(t, db, "ann", "two", "http://two.test")
		db.ReadDuring(t, one.Project.Key, func() { setDescription(t, db, one, "new") })
		if got := snapshot(t, db, "one").Hooks[0].Description; got != "new" {
			t.Errorf("the description is %q", got)
		}
		was := snapshot(t, db, "one")
		db.ReadDuring(t, one.Project.Key, func() { setDescription(t, db, two, "new") })
		if snapshot(t, db, "one") == was {
			t.Error("what was read during a change of another project is not cached")
		}
	})
}

// TestNewestIsRead changes a project again and again while it is read by many: the node that made a change has it at
// once, and another one as soon as it has followed.
func TestNewestIsRead(t *testing.T) {
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		a := storetest.Open(t, dsn)
		nodes := []*store.DB{a}
		if a.IsShared() {
			nodes = append(nodes, storetest.OpenWith(t, dsn, store.Options{NodeName: "b"}))
		}
		one := storetest.Project(t, a, "ann", "one", "http://one.test")
		stop := make(chan struct{})
		var readers sync.WaitGroup
		for i := range 4 {
			readers.Go(func() {
				for db := nodes[i%len(nodes)]; ; {
					select {
					case <-stop:
						return
					default:
					}
					if _, err := db.Snapshot(t.Context(), "ann", "one"); err != nil {
						t.Error(err)
					}
					if _, err := db.HookByKey(t.Context(), one.Hooks[0].Key); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for i := range 50 {
			text := fmt.Sprint("change ", i)
			setDescription(t, a, one, text)
			for n, db := range nodes {
				if n > 0 {
					db.Follow(t)
				}
				h, err := db.HookByKey(t.Context(), one.Hooks[0].Key)
				if err != nil {
					t.Fatal(err)
				}
				if got := snapshot(t, db, "one").Hooks[0]; got.Description != text || h.Description != text {
					t.Fatalf("node %d has %q and %q after %q", n, got.Description, h.Description, text)
				}
			}
		}
		close(stop)
		readers.Wait()
	})
}

// TestCacheIsBounded reads more projects than are cached: what was not used for longest goes, first the snapshot and
// then the rows.
func TestCacheIsBounded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		const projects = 30
		for i := range projects {
			storetest.Project(t, db, "ann", fmt.Sprint("p", i), "http://one.test", "http://two.test")
		}
		before := make([]*hookyard.Snapshot, projects)
		for i := range before {
			before[i] = snapshot(t, db, fmt.Sprint("p", i))
		}
		storetest.Project(t, db, "ann", "another", "http://one.test") // reads it, too
		if all, ready := db.Cached(); all != projects+1 || ready != all || db.CacheBytes() == 0 {
			t.Fatalf("%d cached, %d ready, %d bytes", all, ready, db.CacheBytes())
		}
		db.CacheAtMost(1<<20, 1)
		storetest.Project(t, db, "ann", "third")
		for i := range before {
			s := snapshot(t, db, fmt.Sprint("p", i))
			if !reflect.DeepEqual(s, before[i]) {
				t.Errorf("unpacked %+v, read %+v", s, before[i])
			}
			h, err := db.HookByKey(t.Context(), s.Hooks[1].Key)
			if err != nil || h != s.Hooks[1] {
				t.Errorf("hook %v, %v", h, err)
			}
		}
		if all, ready := db.Cached(); all != projects+2 || ready != 1 {
			t.Errorf("%d cached, %d ready", all, ready)
		}
		db.CacheAtMost(10_000, 10_000)
		first := snapshot(t, db, "p0")
		storetest.Project(t, db, "ann", "fourth", "http://one.test")
		if all, ready := db.Cached(); all >= projects/2 || all == 0 || ready > all {
			t.Errorf("%d cached, %d ready", all, ready)
		}
		if snapshot(t, db, "p0") != first {
			t.Error("what was used last is gone")
		}
		db.CacheAtMost(1, 1)
		storetest.Project(t, db, "ann", "last")
		if all, _ := db.Cached(); all != 1 {
			t.Errorf("%d cached", all)
		}
	})
}
