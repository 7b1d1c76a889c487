package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/hookyard/hookyard"
)

// lookup is a [hookyard.FieldMatch] that rows of event_fields answer.
type lookup struct {
	fields []any // keys; one of them is enough
	values []any // one of them is enough
}

// planFields returns the lookups that narrow a search, and tells m what they cannot decide.
func (db *DB) planFields(ctx context.Context, q *hookyard.EventQuery, m *matcher) ([]lookup, error) {
	if len(q.Fields) == 0 {
		return nil, nil
	}
	rows, err := db.read.QueryContext(ctx,
		"select key, path, fill from search_fields where project_key = $1 and not dropped order by key", q.ProjectKey)
	if err != nil {
		return nil, err
	}
	known, err := collect(rows, func(row scanner) (f filledField, err error) {
		err = row.Scan(&f.key, &f.path, &f.fill)
		return f, err
	})
	if err != nil {
		return nil, err
	}
	var lookups []lookup
	for _, f := range q.Fields {
		l, paths := lookupOf(f, known)
		narrows := len(l.fields) > 0 && len(l.values) > 0 && !q.Ascending
		if narrows {
			lookups = append(lookups, l)
		}
		if !narrows || len(l.values) > 1 {
			m.fields = append(m.fields, newFieldMatcher(f.Value, paths...))
		}
	}
	return lookups, nil
}

// filledField is a search field as far as searches need it.
type filledField struct {
	key  int64
	path string
	fill int64 // 0: all events have their rows
}

// lookupOf returns the lookup of f, without fields if one of them is not filled in yet, and the paths that f means.
func lookupOf(f hookyard.FieldMatch, known []filledField) (l lookup, paths []string) {
	if f.Path != "" {
		known = slices.DeleteFunc(slices.Clone(known), func(k filledField) bool { return k.path != f.Path })
		paths = []string{f.Path}
	}
	filled := true
	for _, k := range known {
		l.fields = append(l.fields, k.key)
		filled = filled && k.fill == 0
		if f.Path == "" {
			paths = append(paths, k.path)
		}
	}
	if !filled {
		l.fields = nil
	}
	for _, v := range wantedValues(f.Value) {
		l.values = append(l.values, v)
	}
	return l, paths
}

// where returns the condition that an event has one of the values.
func (l *lookup) where(args *params) string {
	return "exists (select 1 from event_fields f where f.field in (" + args.list(l.fields) +
		fmt.Sprintf(") and f.part = e.seq / %d and f.value in (", partSize) + args.list(l.values) +
		") and f.seq = e.seq)"
}

// walk goes through the events that a lookup finds, the newest first.
type walk struct {
	db     *DB
	lookup *lookup
	from   int64 // the lowest seq
	before int64 // above those that are left
	parts  int64 // how many parts the next statement looks into
}

// The parts that a statement of a walk looks into: few at first, so that a frequent value costs no more than what is
// shown of it.
const (
	firstParts = 2
	mostParts  = 2048
)

func (db *DB) newWalk(ctx context.Context, l *lookup, from, before int64) (*walk, error) {
	var oldest, newest int64 // of all projects: PostgreSQL without statistics reads on until it meets the project's
	err := db.read.QueryRowContext(ctx, `select coalesce((select min(seq) from events), 0),
		(select value from counters where name = 'event_seq')`).Scan(&oldest, &newest)
	return &walk{db, l, max(from, oldest), min(before, newest+1), firstParts}, err
}

// next returns the next seqs, at most limit. At the end there is none.
func (w *walk) next(ctx context.Context, limit int) ([]any, error) {
	for w.before > w.from {
		high := (w.before - 1) / partSize
		low := max(w.from/partSize, high-w.parts+1)
		var parts []any
		for part := low; part <= high; part++ {
			parts = append(parts, part)
		}
		args := params{w.before}
		rows, err := w.db.read.QueryContext(ctx, "select distinct seq from event_fields where seq < $1 and field in ("+
			args.list(w.lookup.fields)+") and value in ("+args.list(w.lookup.values)+") and part in ("+
			args.list(parts)+") order by seq desc limit "+args.add(limit), args...)
		if err != nil {
			return nil, err
		}
		seqs, err := scanSeqs(rows)
		if err != nil {
			return nil, err
		}
		if len(seqs) == limit {
			w.before = seqs[limit-1].(int64)
			return seqs, nil
		}
		w.before = max(w.from, low*partSize)
		w.parts = min(4*w.parts, mostParts)
		if len(seqs) > 0 {
			return seqs, nil
		}
	}
	return nil, nil
}

// mostTooLarge is how many events that are too large for search fields are counted.
const mostTooLarge = 10_000

// tooLarge counts the events of a walk that were too large to look into.
func (db *DB) tooLarge(ctx context.Context, w *walk) (n int64, err error) {
	err = db.read.QueryRowContext(ctx, `select count(*) from (select 1 from event_fields where field = $1 and part = -1
		and value = $2 and seq >= $3 and seq < $4 limit $5) large`,
		w.lookup.fields[0], []byte{}, w.from, w.before, mostTooLarge).Scan(&n)
	return n, err
}
