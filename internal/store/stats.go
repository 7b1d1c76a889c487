package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// The work of counting is bounded: a stretch of seqs that is longer than countWhole is not counted but estimated from
// countSlices slices of countSlice seqs each.
const (
	countWhole  = 1000
	countSlices = 4
	countSlice  = 250
)

// Count is how many events came in a stretch of time.
type Count struct {
	N     int
	Exact bool // else N is an estimate
}

// CountBetween counts a project's events between neighbouring marks, which are seqs in ascending order as [DB.SeqAt]
// gives them: element i is for the events after marks[i] up to marks[i+1]. Long stretches are estimated from samples.
// One query, whatever the number of events: at most about a thousand index rows a stretch.
func (db *DB) CountBetween(ctx context.Context, projectKey int64, marks []int64) ([]Count, error) {
	if len(marks) < 2 {
		return nil, nil
	}
	type slice struct {
		at     int
		lo, hi int64
	}
	var slices []slice
	counts := make([]Count, len(marks)-1)
	for i := range counts {
		lo, hi := marks[i]+1, marks[i+1]
		switch counts[i].Exact = hi-lo < countWhole; {
		case hi < lo:
		case counts[i].Exact:
			slices = append(slices, slice{i, lo, hi})
		default:
			for k := range int64(countSlices) {
				from := lo + (hi-lo-countSlice)*k/(countSlices-1)
				slices = append(slices, slice{i, from, from + countSlice - 1})
			}
		}
	}
	if len(slices) == 0 {
		return counts, nil
	}
	var text strings.Builder
	args := []any{projectKey}
	for i, s := range slices {
		if i > 0 {
			text.WriteString(" union all ")
		}
		fmt.Fprintf(&text, "select %d, count(*) from events where project_key = $1 and seq >= $%d and seq <= $%d", s.at,
			len(args)+1, len(args)+2)
		args = append(args, s.lo, s.hi)
	}
	rows, err := db.read.QueryContext(ctx, text.String(), args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var at, found int
		if err := rows.Scan(&at, &found); err != nil {
			return nil, err
		}
		counts[at].N += found
	}
	for i := range counts {
		if !counts[i].Exact {
			counts[i].N = int(int64(counts[i].N) * (marks[i+1] - marks[i]) / (countSlices * countSlice))
		}
	}
	return counts, rows.Err()
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
	rows, err := db.read.QueryContext(ctx, `select distinct type from (select type from events where project_key = $1
		order by seq desc limit $2) as newest where type <> ''`, projectKey, n)
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
