package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hookyard/hookyard"
)

// CountsSince returns when figures began to be counted: when the database was created, or upgraded from a version
// without them.
func (db *DB) CountsSince(ctx context.Context) (time.Time, error) {
	var us int64
	err := db.read.QueryRowContext(ctx, "select value from counters where name = 'count_since'").Scan(&us)
	return fromMicros(us), err
}

// Totals returns the figures of all time of some projects, or of [AllProjects], and of their hooks, deleted ones among
// them. CountWaiting is the number of deliveries that are pending now. The figures are exact: they are those of the
// transactions that have committed, read in one snapshot. A key without figures is missing.
func (db *DB) Totals(ctx context.Context, projects ...int64) (map[CountKey]*hookyard.Counts, error) {
	var args []any
	for _, key := range projects {
		args = append(args, key)
	}
	where := "step = 0 and project_key in (" + placeholders(len(args)) + ")"
	return db.totals(ctx, where, args, func(k CountKey) bool { return slices.Contains(projects, k.Project) })
}

// totals returns the figures of all time of the keys that where, a condition of counts, and wanted select alike.
func (db *DB) totals(ctx context.Context, where string, args []any,
	wanted func(CountKey) bool) (map[CountKey]*hookyard.Counts, error) {
	out := map[CountKey]*hookyard.Counts{}
	err := db.eachCount(ctx, where, args, func(key CountKey, _ int64, c *hookyard.Counts) {
		if key.Hook < 0 || !wanted(key) {
			return
		}
		if out[key] == nil {
			out[key] = &hookyard.Counts{}
		}
		out[key].Add(c)
	})
	return out, err
}

// Series asks for the figures of equal periods, one after the other.
type Series struct {
	Keys  []CountKey
	Start time.Time     // of the first period; in UTC a multiple of the step, or of a day if the step is longer
	Step  time.Duration // a multiple of a minute; of an hour if Start is more than two days ago, of a day after 60 days
	Len   int           // number of periods
}

// Series returns the figures of each key in each period. They are as exact as [DB.Totals]. The cost depends on the
// number of keys and periods, not on the number of events. A key without figures in all of the periods is missing.
func (db *DB) Series(ctx context.Context, s Series) (map[CountKey][]hookyard.Counts, error) {
	out := make(map[CountKey][]hookyard.Counts, len(s.Keys))
	if len(s.Keys) == 0 || s.Len == 0 {
		return out, nil
	}
	step := hookyard.CountSteps[0].Step
	for _, c := range hookyard.CountSteps {
		if s.Step%c.Step == 0 && periodStart(micros(s.Start), c.Step) == micros(s.Start) {
			step = c.Step
		}
	}
	first := micros(s.Start)
	end := first + int64(s.Len)*s.Step.Microseconds()
	wanted := make(map[CountKey]bool, len(s.Keys))
	rows := map[CountKey]bool{} // a hook's figures are in its project's
	for _, k := range s.Keys {
		wanted[k], rows[k] = true, true
		rows[CountKey{Project: k.Project}] = true
	}
	var args []any
	for k := range rows {
		args = append(args, k.Project, k.Hook)
	}
	n := len(args)
	where := fmt.Sprintf("step = $%d and at >= $%d and at < $%d and (project_key, hook_key) in (values %s)", n+1, n+2,
		n+3, tuples(len(rows), 2))
	args = append(args, int64(step/time.Second), first, end)
	err := db.eachCount(ctx, where, args, func(key CountKey, at int64, c *hookyard.Counts) {
		if !wanted[key] || at < first || at >= end {
			return
		}
		if out[key] == nil {
			out[key] = make([]hookyard.Counts, s.Len)
		}
		out[key][(at-first)/s.Step.Microseconds()].Add(c)
	})
	return out, err
}

// eachCount calls f with the rows of counts that where names, and with every row that is not folded into them yet. One
// statement reads both, so that it sees what is folded once.
func (db *DB) eachCount(ctx context.Context, where string, args []any,
	f func(key CountKey, at int64, c *hookyard.Counts)) error {
	rows, err := db.read.QueryContext(ctx, "select project_key, hook_key, at, data from counts where "+where+
		" union all select 0, 0, at, data from count_batches", args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var key CountKey
		var at int64
		var data []byte
		if err := rows.Scan(&key.Project, &key.Hook, &at, &data); err != nil {
			return err
		}
		if key.Project != 0 {
			err := eachFigure(data, func(hook int64, c *hookyard.Counts) {
				f(CountKey{Project: key.Project, Hook: key.Hook + hook}, at, c) // one of the two is 0
			})
			if err != nil {
				return err
			}
			continue
		}
		err := eachCount(data, func(key CountKey, c *hookyard.Counts) {
			f(key, at, c)
			if key.Hook > 0 {
				f(CountKey{Project: key.Project}, at, c)
			}
			if key.Hook >= 0 {
				f(CountKey{Project: AllProjects}, at, c)
			}
		})
		if err != nil {
			return err
		}
	}
	return rows.Err()
}

// OldestDue returns, by the hook's key, when the first of its pending deliveries was or is due. A hook for which none
// waits is missing. It costs one index look-up for each hook and node, however many deliveries wait.
func (db *DB) OldestDue(ctx context.Context, hookKeys ...int64) (map[int64]time.Time, error) {
	out := map[int64]time.Time{}
	for keys := range slices.Chunk(hookKeys, foldKeys) {
		var args []any
		for _, k := range keys {
			args = append(args, k)
		}
		rows, err := db.read.QueryContext(ctx, `with wanted (hook) as (values `+tuples(len(keys), 1)+`),
			holder (node) as (select key from nodes union all select 0)
			select hook, min(first) from (select w.hook, (select due from deliveries where node = h.node
					and hook_key = w.hook and state = 'pending'`+firstPending+`) as first
				from wanted w cross join holder h) as each_node
			where first is not null group by hook`, args...)
		if err != nil {
			return nil, err
		}
		_, err = collect(rows, func(row scanner) (none struct{}, err error) {
			var hook, due int64
			err = row.Scan(&hook, &due)
			out[hook] = fromMicros(due)
			return none, err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// AttemptMark is what a chart needs of an attempt.
type AttemptMark struct {
	EventID   string
	N         int
	StartedAt time.Time
	Duration  time.Duration
	Status    int
	Kind      hookyard.ErrorKind
}

// OK says whether the receiver took the event.
func (a *AttemptMark) OK() bool {
	return a.Kind == hookyard.KindNone && a.Status >= 200 && a.Status < 300
}

// HookAttempts lists the attempts of a hook's newest deliveries, the newest event first, at most limit.
func (db *DB) HookAttempts(ctx context.Context, hookKey int64, limit int) ([]AttemptMark, error) {
	rows, err := db.read.QueryContext(ctx, `select e.id, a.n, a.started, a.duration, a.status, a.kind
		from (select event_seq from deliveries where hook_key = $1 order by event_seq desc limit $2) as d
		join attempts a on a.event_seq = d.event_seq and a.hook_key = $1
		join events e on e.seq = d.event_seq order by a.event_seq desc, a.n desc limit $2`, hookKey, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []AttemptMark
	for rows.Next() {
		var m AttemptMark
		var started, took int64
		if err := rows.Scan(&m.EventID, &m.N, &started, &took, &m.Status, &m.Kind); err != nil {
			return nil, err
		}
		m.StartedAt, m.Duration = fromMicros(started), time.Duration(took)*time.Microsecond
		out = append(out, m)
	}
	return out, rows.Err()
}

// RecentTypes lists the event types among a project's newest n events, each once, in no order.
func (db *DB) RecentTypes(ctx context.Context, projectKey int64, n int) ([]string, error) {
	rows, err := db.read.QueryContext(ctx, "select distinct type from (select type from events where "+
		db.dialect.eventsOf("$1", ">=", "0")+" and "+db.dialect.eventsOf("$1", "<=", "$2")+
		" order by project_key desc, seq desc limit $3) as newest where type <> ''", projectKey, int64(lastSeq), n)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var t string
		if err := rows.Scan(&t); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, rows.Err()
}
