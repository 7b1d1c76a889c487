package store

import (
	"container/list"
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hookyard/hookyard"
)

// snapshots caches projects with their hooks and sources until they change. Each event needs one, and each attempt a
// hook. Of most projects it has the rows, packed, of which a snapshot is made in some ten microseconds; only of those
// that were used last has it the snapshots themselves, which take several times the memory. When it is full it forgets
// what was not used for longest.
type snapshots struct {
	mu      sync.Mutex // guards what follows
	byKey   map[int64]*kept
	byPath  map[string]*kept
	byUID   map[string]*kept // by owner in lower case, / and uid
	byHook  map[int64]*kept
	deleted map[int64]*hookyard.Hook // hooks that deliveries still refer to
	reading map[*reading]bool        // what is being read at this moment
	all     recent                   // everything
	ready   recent                   // what has a snapshot

	packedBytes int // bounds of all and of ready
	readyBytes  int
	bytes       atomic.Int64 // of both
}

// Bounds on what is cached: the bytes of packed rows and of snapshots, by estimate, and the number of deleted hooks.
const (
	packedBytes  = 96 << 20
	readyBytes   = 32 << 20
	deletedHooks = 1_000
)

func (v *snapshots) open() {
	v.packedBytes, v.readyBytes = packedBytes, readyBytes
	v.reading = map[*reading]bool{}
	v.forgetAll()
}

// kept is a project in the cache.
type kept struct {
	key      int64
	path     string // in lower case
	uid      string // key in byUID, or ""
	packed   []byte // see [pack]; does not change
	hooks    []int64
	fields   int64              // the latest version at which the search fields were found to be the same
	snapshot *hookyard.Snapshot // or nil

	inAll, inReady *list.Element
}

// size is the memory that is needed besides the snapshot.
func (k *kept) size() int { return len(k.packed) + 500 + 50*len(k.hooks) }

// readySize is the memory that a snapshot takes.
func (k *kept) readySize() int { return 3*len(k.packed) + 1000 + 1000*len(k.hooks) }

// recent is a list of what is cached, the last used first.
type recent struct {
	list  list.List
	bytes int
}

// reading is a snapshot that is being read from the database.
type reading struct {
	key   int64 // of the project; 0: not known yet
	stale bool  // it was changed since
}

// begin starts a reading, which end must follow. From here on it notices changes.
func (v *snapshots) begin() *reading {
	v.mu.Lock()
	defer v.mu.Unlock()
	r := &reading{}
	v.reading[r] = true
	return r
}

// of says which project is read: changes of others do not concern the reading.
func (v *snapshots) of(r *reading, key int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r.key = key
}

func (v *snapshots) end(r *reading) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.reading, r)
}

// follow forgets what a change is of.
func (v *snapshots) follow(c Change) {
	switch {
	case c.Owner != "":
		v.forgetOwner(c.Owner)
	case c.Project == EveryProject:
		v.forgetAll()
	case c.Erased: // the snapshot is the same
	case c.Project != NoProject:
		v.forget(c.Project)
	}
}

// forgetAll follows a change of which it is not known what it is of.
func (v *snapshots) forgetAll() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.byKey = map[int64]*kept{}
	v.byPath = map[string]*kept{}
	v.byUID = map[string]*kept{}
	v.byHook = map[int64]*kept{}
	v.deleted = map[int64]*hookyard.Hook{}
	v.all, v.ready = recent{}, recent{}
	v.bytes.Store(0)
	for r := range v.reading {
		r.stale = true
	}
}

// forget follows a change of a project.
func (v *snapshots) forget(key int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if k := v.byKey[key]; k != nil {
		v.remove(k)
	}
	for r := range v.reading {
		if r.key == 0 || r.key == key {
			r.stale = true
		}
	}
}

// forgetOwner follows a change of what all projects of an owner share.
func (v *snapshots) forgetOwner(owner string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for path, k := range v.byPath {
		if name, ok := strings.CutPrefix(path, owner); ok && strings.HasPrefix(name, "/") {
			v.remove(k)
		}
	}
	for r := range v.reading {
		r.stale = true
	}
}

// remove needs v.mu.
func (v *snapshots) remove(k *kept) {
	v.cool(k)
	v.all.list.Remove(k.inAll)
	v.all.bytes -= k.size()
	v.bytes.Add(-int64(k.size()))
	delete(v.byKey, k.key)
	delete(v.byPath, k.path)
	delete(v.byUID, k.uid)
	for _, hook := range k.hooks {
		delete(v.byHook, hook)
	}
}

// cool drops the snapshot of k. It needs v.mu.
func (v *snapshots) cool(k *kept) {
	if k.snapshot == nil {
		return
	}
	v.ready.list.Remove(k.inReady)
	v.ready.bytes -= k.readySize()
	v.bytes.Add(-int64(k.readySize()))
	k.snapshot, k.inReady = nil, nil
}

// warm adds the snapshot of k, which has none. It needs v.mu.
func (v *snapshots) warm(k *kept, snapshot *hookyard.Snapshot) {
	k.snapshot, k.inReady = snapshot, v.ready.list.PushFront(k)
	v.ready.bytes += k.readySize()
	v.bytes.Add(int64(k.readySize()))
	for v.ready.bytes > v.readyBytes && v.ready.list.Len() > 1 {
		v.cool(v.ready.list.Back().Value.(*kept))
	}
}

// remember caches what was read, unless it was changed since the reading began.
func (v *snapshots) remember(r *reading, packed []byte, snapshot *hookyard.Snapshot) {
	k := &kept{key: snapshot.Project.Key, path: strings.ToLower(snapshot.Project.Path()), packed: packed}
	if p := snapshot.Project; p.UID != "" {
		k.uid = strings.ToLower(p.Owner) + "/" + p.UID
	}
	for _, h := range snapshot.Hooks {
		k.hooks = append(k.hooks, h.Key)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if r.stale {
		return
	}
	if old := v.byKey[k.key]; old != nil { // of another reading
		v.remove(old)
	}
	v.byKey[k.key], v.byPath[k.path] = k, k
	if k.uid != "" {
		v.byUID[k.uid] = k
	}
	for _, hook := range k.hooks {
		v.byHook[hook] = k
	}
	k.inAll = v.all.list.PushFront(k)
	v.all.bytes += k.size()
	v.bytes.Add(int64(k.size()))
	v.warm(k, snapshot)
	for v.all.bytes > v.packedBytes && v.all.list.Len() > 1 {
		v.remove(v.all.list.Back().Value.(*kept))
	}
}

// rememberDeleted caches a deleted hook, in the place of any other when there are too many.
func (v *snapshots) rememberDeleted(r *reading, h *hookyard.Hook) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if r.stale {
		return
	}
	if len(v.deleted) >= deletedHooks {
		for other := range v.deleted {
			delete(v.deleted, other)
			break
		}
	}
	v.deleted[h.Key] = h
}

// confirmFields notes that the search fields of a project with which its snapshot has version old are the same at a
// later one.
func (v *snapshots) confirmFields(key, old, version int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	k := v.byKey[key]
	if k == nil || k.snapshot == nil || k.snapshot.Fields.Version != old || version <= old {
		return
	}
	k.fields = version
	snapshot := *k.snapshot
	snapshot.Fields.Version = version
	k.snapshot = &snapshot
}

// cached returns the snapshot of a project in the cache, or nil.
func (db *DB) cached(find func(v *snapshots) *kept) (*hookyard.Snapshot, error) {
	v := &db.snapshots
	v.mu.Lock()
	k := find(v)
	if k == nil {
		v.mu.Unlock()
		return nil, nil
	}
	v.all.list.MoveToFront(k.inAll)
	snapshot, fields := k.snapshot, k.fields
	if snapshot != nil {
		v.ready.list.MoveToFront(k.inReady)
	}
	v.mu.Unlock()
	if snapshot != nil {
		return snapshot, nil
	}
	snapshot, err := db.unpack(k.packed)
	if err != nil {
		return nil, err
	}
	snapshot.Fields.Version = max(snapshot.Fields.Version, fields)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.byKey[k.key] != k { // changed, or too much is cached
		return snapshot, nil
	}
	if k.snapshot == nil {
		v.warm(k, snapshot)
	}
	return k.snapshot, nil
}

// CacheBytes returns about how much memory the cached snapshots take.
func (db *DB) CacheBytes() int64 { return db.snapshots.bytes.Load() }

// Snapshot returns a project by owner and name, which are compared without case, with its hooks and sources. It fails
// with [hookyard.ErrNotFound]. The value is cached and shared, and must not be changed. It has every change that this
// node made; those of other nodes arrive within a second.
func (db *DB) Snapshot(ctx context.Context, owner, name string) (*hookyard.Snapshot, error) {
	path := strings.ToLower(owner + "/" + name)
	snapshot, err := db.cached(func(v *snapshots) *kept { return v.byPath[path] })
	if snapshot != nil || err != nil {
		return snapshot, err
	}
	return db.readSnapshot(ctx, "path = $1", path)
}

// SnapshotByUID is [DB.Snapshot] by the uid of the project. The case of the uid counts.
func (db *DB) SnapshotByUID(ctx context.Context, owner, uid string) (*hookyard.Snapshot, error) {
	owner = strings.ToLower(owner)
	snapshot, err := db.cached(func(v *snapshots) *kept { return v.byUID[owner+"/"+uid] })
	if snapshot != nil || err != nil {
		return snapshot, err
	}
	return db.readSnapshot(ctx, "lower(owner) = $1 and uid = $2 and uid <> ''", owner, uid)
}

// SnapshotByKey is [DB.Snapshot] by the internal key of the project.
func (db *DB) SnapshotByKey(ctx context.Context, key int64) (*hookyard.Snapshot, error) {
	snapshot, err := db.cached(func(v *snapshots) *kept { return v.byKey[key] })
	if snapshot != nil || err != nil {
		return snapshot, err
	}
	return db.readSnapshot(ctx, "key = $1", key)
}

// readSnapshot reads a snapshot from the database and caches it.
func (db *DB) readSnapshot(ctx context.Context, where string, args ...any) (*hookyard.Snapshot, error) {
	r := db.snapshots.begin()
	defer db.snapshots.end(r)
	packed, err := db.pack(ctx, r, where, args...)
	if err != nil {
		return nil, err
	}
	snapshot, err := db.unpack(packed)
	if err != nil {
		return nil, err
	}
	db.logUnreadable(snapshot)
	db.snapshots.remember(r, packed, snapshot)
	return snapshot, nil
}

func (db *DB) logUnreadable(s *hookyard.Snapshot) {
	if s.Project.Unreadable {
		db.log.Error("the relay secret of a project cannot be opened with the server's key", "project",
			s.Project.Path())
	}
	for _, h := range s.Hooks {
		if h.Unreadable {
			db.log.Error("the secrets of a hook cannot be opened with the server's key", "project", h.Project,
				"hook", h.ID)
		}
	}
	for _, source := range s.Sources {
		if source.Unreadable {
			db.log.Error("the secrets of a source cannot be opened with the server's key", "project", source.Project,
				"source", source.Name)
		}
	}
}

// HookByKey returns a hook by its internal key, or [hookyard.ErrNotFound]. It also returns deleted hooks, because
// deliveries refer to them. The value is cached and shared, and must not be changed.
func (db *DB) HookByKey(ctx context.Context, key int64) (*hookyard.Hook, error) {
	var deleted *hookyard.Hook
	snapshot, err := db.cached(func(v *snapshots) *kept {
		deleted = v.deleted[key]
		return v.byHook[key]
	})
	switch {
	case err != nil:
		return nil, err
	case deleted != nil:
		return deleted, nil
	case snapshot != nil:
		if h := hookIn(snapshot, key); h != nil {
			return h, nil
		}
	}
	r := db.snapshots.begin()
	defer db.snapshots.end(r)
	hooks, err := db.hooksWhere(ctx, "key = $1", key)
	if err != nil {
		return nil, err
	}
	if len(hooks) == 0 {
		return nil, hookyard.ErrNotFound
	}
	h := hooks[0]
	if h.Deleted {
		db.snapshots.rememberDeleted(r, h)
		return h, nil
	}
	if snapshot, err = db.SnapshotByKey(ctx, h.ProjectKey); err != nil { // caches all hooks of the project
		return nil, err
	}
	if known := hookIn(snapshot, key); known != nil {
		return known, nil
	}
	return h, nil
}

// hookIn returns the hook with a key, or nil. Hooks are in the order of their keys.
func hookIn(s *hookyard.Snapshot, key int64) *hookyard.Hook {
	i, found := slices.BinarySearchFunc(s.Hooks, key, func(h *hookyard.Hook, key int64) int { return int(h.Key - key) })
	if !found {
		return nil
	}
	return s.Hooks[i]
}
