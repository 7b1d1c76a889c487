package store

import (
	"context"
	"time"

	"github.com/hookyard/hookyard"
)

// Figures are what the whole server, a project or a hook did, and how it is now.
type Figures struct {
	Project   string // owner/name; "" for the server and for the rest
	Hook      string // id; "" unless the figures are those of a hook
	Counts    hookyard.Counts
	Oldest    time.Time // when the first of the pending deliveries was or is due; zero: none is pending
	OffByUs   int       // hooks that hookyard switched off
	OffByUser int       // hooks that users switched off

	key CountKey
}

// FiguresQuery asks for the figures of parts of the server.
type FiguresQuery struct {
	Projects, Hooks bool
	Limit           int // of each, at most MaxFigures
}

// MaxFigures is the largest limit of a [FiguresQuery]: all keys are parameters of one statement.
const MaxFigures = 5000

// AllFigures is the answer to a [FiguresQuery].
type AllFigures struct {
	Server Figures
	// The projects that were created first, and the hooks of such projects, at most the limit. The last element is the
	// rest, the sum of all others, deleted ones among them. Nil unless asked for.
	Projects, Hooks     []Figures
	OfProjects, OfHooks int // how many exist
}

// Figures returns the figures of the server and of its parts. The counts are exact and of one snapshot. The cost
// depends on the limit, and on the number of hooks for which deliveries wait, but not on the number of events.
func (db *DB) Figures(ctx context.Context, q FiguresQuery) (*AllFigures, error) {
	out := &AllFigures{Server: Figures{key: CountKey{Project: AllProjects}}}
	if err := db.fillNames(ctx, q, out); err != nil {
		return nil, err
	}
	var args []any
	wanted := map[CountKey]bool{}
	for _, part := range [][]Figures{{out.Server}, out.Projects, out.Hooks} {
		for i := range part {
			key := part[i].key
			args = append(args, key.Project, key.Hook)
			wanted[key] = true
		}
	}
	where := "step = 0 and (project_key, hook_key) in (values " + tuples(len(wanted), 2) + ")"
	counts, err := db.totals(ctx, where, args, func(k CountKey) bool { return wanted[k] })
	if err != nil {
		return nil, err
	}
	waiting, err := db.waiting(ctx)
	if err != nil {
		return nil, err
	}
	off, err := db.hooksOff(ctx)
	if err != nil {
		return nil, err
	}
	now := append(waiting, off...)
	if c := counts[out.Server.key]; c != nil {
		out.Server.Counts = *c
	}
	for i := range now {
		out.Server.merge(&now[i])
	}
	if q.Projects {
		out.Projects = withRest(out.Projects, &out.Server, counts, now)
	}
	if q.Hooks {
		out.Hooks = withRest(out.Hooks, &out.Server, counts, now)
	}
	return out, nil
}

// withRest fills the figures of parts of the server and adds the rest. now is what hooks have besides counts.
func withRest(parts []Figures, all *Figures, counts map[CountKey]*hookyard.Counts, now []Figures) []Figures {
	parts = append(parts, Figures{Counts: all.Counts})
	rest := &parts[len(parts)-1]
	at := map[CountKey]*Figures{}
	for i := range parts[:len(parts)-1] {
		f := &parts[i]
		at[f.key] = f
		if c := counts[f.key]; c != nil {
			f.Counts = *c
			rest.Counts.Sub(c)
		}
	}
	for i := range now {
		f := at[now[i].key]
		if f == nil {
			f = at[CountKey{Project: now[i].key.Project}]
		}
		if f == nil {
			f = rest
		}
		f.merge(&now[i])
	}
	return parts
}

// merge adds what a hook has besides counts.
func (f *Figures) merge(hook *Figures) {
	if f.Oldest.IsZero() || !hook.Oldest.IsZero() && hook.Oldest.Before(f.Oldest) {
		f.Oldest = hook.Oldest
	}
	f.OffByUs += hook.OffByUs
	f.OffByUser += hook.OffByUser
}

// fillNames fills in which projects and hooks are told apart, and how many exist.
func (db *DB) fillNames(ctx context.Context, q FiguresQuery, out *AllFigures) error {
	scan := func(row scanner) (f Figures, err error) {
		err = row.Scan(&f.key.Project, &f.key.Hook, &f.Project, &f.Hook)
		return f, err
	}
	for _, part := range []struct {
		wanted      bool
		list, count string
		figures     *[]Figures
		exist       *int
	}{
		{q.Projects, "select key, 0, owner || '/' || name, '' from projects where deleted = 0 order by key limit $1",
			"select count(*) from projects where deleted = 0", &out.Projects, &out.OfProjects},
		{q.Hooks, `select h.project_key, h.key, p.owner || '/' || p.name, h.id from hooks h
				join projects p on p.key = h.project_key
			where h.deleted = 0 and p.deleted = 0 order by h.project_key, h.id limit $1`,
			"select count(*) from hooks where deleted = 0", &out.Hooks, &out.OfHooks},
	} {
		if !part.wanted {
			continue
		}
		rows, err := db.read.QueryContext(ctx, part.list, q.Limit)
		if err != nil {
			return err
		}
		if *part.figures, err = collect(rows, scan); err != nil {
			return err
		}
		if err := db.read.QueryRowContext(ctx, part.count).Scan(part.exist); err != nil {
			return err
		}
	}
	return nil
}

// waiting returns, for each hook with pending deliveries, when the first of them was or is due. It costs one index
// look-up for each node and hook, however many deliveries wait.
func (db *DB) waiting(ctx context.Context) ([]Figures, error) {
	rows, err := db.read.QueryContext(ctx, `with recursive holder (node) as (select key from nodes union all select 0),
		held (n, k) as (
			select node, (select hook_key from deliveries where node = holder.node
				and state = 'pending'`+firstPending+`) from holder
			union all
			select n, (select hook_key from deliveries where node = held.n and state = 'pending'
				and hook_key > held.k`+firstPending+`) from held where k is not null)
		select h.project_key, h.key, min(first) from (
				select k, (select due from deliveries where node = held.n and hook_key = held.k
					and state = 'pending'`+firstPending+`) as first
				from held where k is not null) as each_node
			join hooks h on h.key = k where first is not null group by h.project_key, h.key`)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(row scanner) (f Figures, err error) {
		var due int64
		err = row.Scan(&f.key.Project, &f.key.Hook, &due)
		f.Oldest = fromMicros(due)
		return f, err
	})
}

// hooksOff returns the hooks that are switched off.
func (db *DB) hooksOff(ctx context.Context) ([]Figures, error) {
	rows, err := db.read.QueryContext(ctx, `select h.project_key, h.key, case when h.off_reason = '' then 0 else 1 end
		from hooks h join projects p on p.key = h.project_key
		where h.deleted = 0 and not h.active and p.deleted = 0`)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(row scanner) (f Figures, err error) {
		err = row.Scan(&f.key.Project, &f.key.Hook, &f.OffByUs)
		f.OffByUser = 1 - f.OffByUs
		return f, err
	})
}
