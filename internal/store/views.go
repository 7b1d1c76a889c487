package store

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hookyard/hookyard"
)

// views remembers projects with their hooks and sources, as long as nobody changes the configuration. Every event asks
// for one, so a look-up is a map access.
type views struct {
	version atomic.Int64 // of the configuration as last seen in the database

	mu         sync.RWMutex // guards what follows
	generation int64        // counts resets: what was read before one is not remembered after it
	byPath     map[string]*hookyard.View
	byKey      map[int64]*hookyard.View
	hooks      map[int64]*hookyard.Hook
}

// maxViews bounds what is remembered; beyond it everything is forgotten and read again as needed.
const maxViews = 10_000

func (v *views) reset() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.generation++
	v.byPath, v.byKey, v.hooks = map[string]*hookyard.View{}, map[int64]*hookyard.View{}, map[int64]*hookyard.Hook{}
}

func (v *views) remember(generation int64, view *hookyard.View) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if generation != v.generation {
		return // changed while it was read
	}
	if len(v.byKey) >= maxViews {
		v.byPath, v.byKey, v.hooks = map[string]*hookyard.View{}, map[int64]*hookyard.View{}, map[int64]*hookyard.Hook{}
	}
	v.byPath[strings.ToLower(view.Project.Path())] = view
	v.byKey[view.Project.Key] = view
	for _, h := range view.Hooks {
		v.hooks[h.Key] = h
	}
}

// View returns a project by owner and name, compared without case, with its hooks and sources. It fails with
// [hookyard.ErrNotFound]. After a change on this node it is never older than the change.
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

// ViewByKey is View by the project's internal key.
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
	for _, h := range view.Hooks {
		h.Project = p.Path()
	}
	for _, s := range sources {
		s.Project = p.Path()
		view.Sources[s.Name] = s
	}
	db.views.remember(generation, view)
	return view, nil
}

// HookByKey returns a hook by its internal key, also a deleted one: deliveries still point at it.
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
	view, err := db.ViewByKey(ctx, h.ProjectKey) // remembers it with its siblings
	if err != nil {
		return nil, err
	}
	if known := view.Hook(h.ID); known != nil && known.Key == key {
		return known, nil
	}
	return h, nil
}
