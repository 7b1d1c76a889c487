package store

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hookyard/hookyard"
)

// snapshots caches projects with their hooks and sources until the configuration changes. Each event needs one, so a
// hit is one access to a map.
type snapshots struct {
	version atomic.Int64 // of the configuration, as last read from the database

	mu         sync.RWMutex // guards what follows
	generation int64        // counts resets, so that what was read before one is not cached after it
	byPath     map[string]*hookyard.Snapshot
	byUID      map[string]*hookyard.Snapshot // by owner in lower case, / and uid
	byKey      map[int64]*hookyard.Snapshot
	hooks      map[int64]*hookyard.Hook
}

// maxViews is the capacity of the cache, in projects. When it is full it is emptied.
const maxViews = 10_000

func (v *snapshots) reset() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.generation++
	v.empty()
}

// empty needs v.mu.
func (v *snapshots) empty() {
	v.byPath = map[string]*hookyard.Snapshot{}
	v.byUID = map[string]*hookyard.Snapshot{}
	v.byKey = map[int64]*hookyard.Snapshot{}
	v.hooks = map[int64]*hookyard.Hook{}
}

func (v *snapshots) remember(generation int64, snapshot *hookyard.Snapshot) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if generation != v.generation {
		return // the configuration changed while it was read
	}
	if len(v.byKey) >= maxViews {
		v.empty()
	}
	v.byPath[strings.ToLower(snapshot.Project.Path())] = snapshot
	v.byKey[snapshot.Project.Key] = snapshot
	if p := snapshot.Project; p.UID != "" {
		v.byUID[strings.ToLower(p.Owner)+"/"+p.UID] = snapshot
	}
	for _, h := range snapshot.Hooks {
		v.hooks[h.Key] = h
	}
}

// Snapshot returns a project by owner and name, which are compared without case, with its hooks and sources. It fails
// with [hookyard.ErrNotFound]. The value is cached and shared, and must not be changed. It has every change that this
// node made; those of other nodes arrive within a second.
func (db *DB) Snapshot(ctx context.Context, owner, name string) (*hookyard.Snapshot, error) {
	path := strings.ToLower(owner + "/" + name)
	db.snapshots.mu.RLock()
	snapshot, generation := db.snapshots.byPath[path], db.snapshots.generation
	db.snapshots.mu.RUnlock()
	if snapshot != nil {
		return snapshot, nil
	}
	p, err := db.projectWhere(ctx, "path = $1", path)
	if err != nil {
		return nil, err
	}
	return db.loadView(ctx, generation, p)
}

// SnapshotByUID is [DB.Snapshot] by the uid of the project. The case of the uid counts.
func (db *DB) SnapshotByUID(ctx context.Context, owner, uid string) (*hookyard.Snapshot, error) {
	db.snapshots.mu.RLock()
	snapshot, generation := db.snapshots.byUID[strings.ToLower(owner)+"/"+uid], db.snapshots.generation
	db.snapshots.mu.RUnlock()
	if snapshot != nil {
		return snapshot, nil
	}
	p, err := db.ProjectByUID(ctx, owner, uid)
	if err != nil {
		return nil, err
	}
	return db.loadView(ctx, generation, p)
}

// SnapshotByKey is [DB.Snapshot] by the internal key of the project.
func (db *DB) SnapshotByKey(ctx context.Context, key int64) (*hookyard.Snapshot, error) {
	db.snapshots.mu.RLock()
	snapshot, generation := db.snapshots.byKey[key], db.snapshots.generation
	db.snapshots.mu.RUnlock()
	if snapshot != nil {
		return snapshot, nil
	}
	p, err := db.projectWhere(ctx, "key = $1", key)
	if err != nil {
		return nil, err
	}
	return db.loadView(ctx, generation, p)
}

func (db *DB) loadView(ctx context.Context, generation int64, p *hookyard.Project) (*hookyard.Snapshot, error) {
	snapshot := &hookyard.Snapshot{Project: p, Sources: map[string]*hookyard.Source{}}
	var err error
	if snapshot.Hooks, err = db.hooksWhere(ctx, "project_key = $1 and deleted = 0", p.Key); err != nil {
		return nil, err
	}
	if snapshot.Fields, err = db.searchFields(ctx, p.Key); err != nil {
		return nil, err
	}
	project, owner, err := db.Tenants(ctx, p)
	if err != nil {
		return nil, err
	}
	for _, t := range []hookyard.Tenant{project, owner} {
		if t.IsMetered() {
			snapshot.Tenants = append(snapshot.Tenants, t)
		}
	}
	catalogue, err := db.Catalogue(ctx, p.Owner)
	if err != nil {
		return nil, err
	}
	if catalogue.Mode != hookyard.CatalogueOff {
		snapshot.Catalogue = &catalogue
	}
	sources, err := db.sourcesOf(ctx, p.Key)
	if err != nil {
		return nil, err
	}
	if p.Unreadable {
		db.log.Error("the relay secret of a project cannot be opened with the server's key", "project", p.Path())
	}
	for _, h := range snapshot.Hooks {
		h.Project = p.Path()
		if h.Rate == 0 {
			h.Rate = p.Rate
		}
		if h.Unreadable {
			db.log.Error("the secrets of a hook cannot be opened with the server's key", "project", p.Path(),
				"hook", h.ID)
		}
	}
	for _, s := range sources {
		if s.Unreadable {
			db.log.Error("the secrets of a source cannot be opened with the server's key", "project", p.Path(),
				"source", s.Name)
		}
		s.Project = p.Path()
		snapshot.Sources[s.Name] = s
	}
	db.snapshots.remember(generation, snapshot)
	return snapshot, nil
}

// HookByKey returns a hook by its internal key, or [hookyard.ErrNotFound]. It also returns deleted hooks, because
// deliveries refer to them. The value is cached and shared, and must not be changed.
func (db *DB) HookByKey(ctx context.Context, key int64) (*hookyard.Hook, error) {
	db.snapshots.mu.RLock()
	h, generation := db.snapshots.hooks[key], db.snapshots.generation
	db.snapshots.mu.RUnlock()
	if h != nil {
		return h, nil
	}
	hooks, err := db.hooksWhere(ctx, "key = $1", key)
	if err != nil {
		return nil, err
	}
	if len(hooks) == 0 {
		return nil, hookyard.ErrNotFound
	}
	h = hooks[0]
	if h.Deleted {
		db.snapshots.mu.Lock()
		if generation == db.snapshots.generation {
			db.snapshots.hooks[key] = h
		}
		db.snapshots.mu.Unlock()
		return h, nil
	}
	snapshot, err := db.SnapshotByKey(ctx, h.ProjectKey) // caches all hooks of the project
	if err != nil {
		return nil, err
	}
	if known := snapshot.Hook(h.ID); known != nil && known.Key == key {
		return known, nil
	}
	return h, nil
}
