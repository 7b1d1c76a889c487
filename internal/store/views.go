package store

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hookyard/hookyard"
)

// views caches projects with their hooks and sources until the configuration changes. Each event needs one, so a hit
// is one access to a map.
type views struct {
	version atomic.Int64 // of the configuration, as last read from the database

	mu         sync.RWMutex // guards what follows
	generation int64        // counts resets, so that what was read before one is not cached after it
	byPath     map[string]*hookyard.View
	byKey      map[int64]*hookyard.View
	hooks      map[int64]*hookyard.Hook
}

// maxViews is the capacity of the cache, in projects. When it is full it is emptied.
const maxViews = 10_000

func (v *views) reset() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.generation++
	v.empty()
}

// empty needs v.mu.
func (v *views) empty() {
	v.byPath = map[string]*hookyard.View{}
	v.byKey = map[int64]*hookyard.View{}
	v.hooks = map[int64]*hookyard.Hook{}
}

func (v *views) remember(generation int64, view *hookyard.View) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if generation != v.generation {
		return // the configuration changed while it was read
	}
	if len(v.byKey) >= maxViews {
		v.empty()
	}
	v.byPath[strings.ToLower(view.Project.Path())] = view
	v.byKey[view.Project.Key] = view
	for _, h := range view.Hooks {
		v.hooks[h.Key] = h
	}
}

// View returns a project by owner and name, which are compared without case, with its hooks and sources. It fails with
// [hookyard.ErrNotFound]. The value is cached and shared, and must not be changed. It has every change that this node
// made; those of other nodes arrive within a second.
func (db *DB) View(ctx context.Context, owner, name string) (*hookyard.View, error) {
	path := strings.ToLower(owner + "/" + name)
	db.views.mu.RLock()
	view, generation := db.views.byPath[path], db.views.generation
	db.views.mu.RUnlock()
	if view != nil {
		return view, nil
	}
	p, err := db.projectWhere(ctx, "path = $1", path)
	if err != nil {
		return nil, err
	}
	return db.loadView(ctx, generation, p)
}

// ViewByKey is [DB.View] by the internal key of the project.
func (db *DB) ViewByKey(ctx context.Context, key int64) (*hookyard.View, error) {
	db.views.mu.RLock()
	view, generation := db.views.byKey[key], db.views.generation
	db.views.mu.RUnlock()
	if view != nil {
		return view, nil
	}
	p, err := db.projectWhere(ctx, "key = $1", key)
	if err != nil {
		return nil, err
	}
	return db.loadView(ctx, generation, p)
}

func (db *DB) loadView(ctx context.Context, generation int64, p *hookyard.Project) (*hookyard.View, error) {
	view := &hookyard.View{Project: p, Sources: map[string]*hookyard.Source{}}
	var err error
	if view.Hooks, err = db.hooksWhere(ctx, "project_key = $1 and deleted = 0", p.Key); err != nil {
		return nil, err
	}
	sources, err := db.sourcesOf(ctx, p.Key)
	if err != nil {
		return nil, err
	}
	if p.Unreadable {
		db.log.Error("the relay secret of a project cannot be opened with the server's key", "project", p.Path())
	}
	for _, h := range view.Hooks {
		h.Project = p.Path()
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
		view.Sources[s.Name] = s
	}
	db.views.remember(generation, view)
	return view, nil
}

// HookByKey returns a hook by its internal key, or [hookyard.ErrNotFound]. It also returns deleted hooks, because
// deliveries refer to them. The value is cached and shared, and must not be changed.
func (db *DB) HookByKey(ctx context.Context, key int64) (*hookyard.Hook, error) {
	db.views.mu.RLock()
	h, generation := db.views.hooks[key], db.views.generation
	db.views.mu.RUnlock()
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
		db.views.mu.Lock()
		if generation == db.views.generation {
			db.views.hooks[key] = h
		}
		db.views.mu.Unlock()
		return h, nil
	}
	view, err := db.ViewByKey(ctx, h.ProjectKey) // caches all hooks of the project
	if err != nil {
		return nil, err
	}
	if known := view.Hook(h.ID); known != nil && known.Key == key {
		return known, nil
	}
	return h, nil
}
