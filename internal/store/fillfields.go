package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// The work of one step: a transaction short enough not to be felt by those who publish.
const (
	fieldStepEvents = 500
	fieldStepBytes  = 1 << 20
	fieldStepTime   = 10 * time.Millisecond
	fieldStepRows   = 2000 // that are deleted
)

// runFields does the work on search fields until ctx ends. Its progress is in rows: after a crash, or on another node,
// it goes on from there.
func (db *DB) runFields(ctx context.Context) {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		for more := true; more && ctx.Err() == nil; {
			began := time.Now()
			var err error
			if more, err = db.StepFields(ctx); err != nil && ctx.Err() == nil {
				db.log.Warn("work on search fields failed; trying again", "error", err)
			}
			if more { // half of the time is for others
				pause(ctx, time.Since(began))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-ctx.Done():
	case <-wait.C:
	}
}

// fieldWork is search fields of a project that have the same to be done.
type fieldWork struct {
	project int64
	fill    int64
	dropped bool
	fields  []hookyard.SearchField
}

// StepFields deletes the next rows of a search field that a project does not have any more, or fills in the next events
// of new ones, the newest first. more is false when there is nothing to do now, or another node is at it.
func (db *DB) StepFields(ctx context.Context) (more bool, err error) {
	var todo int
	if err := db.read.QueryRowContext(ctx, "select count(*) from search_fields where dropped or fill > 0").Scan(
		&todo); err != nil || todo == 0 {
		return false, err
	}
	err = db.txPlain(ctx, func(c conn) error {
		w, err := db.claimFields(ctx, c)
		if more = err == nil && w != nil; !more {
			return err
		}
		if w.dropped {
			return deleteField(ctx, c, w.fields[0].Key)
		}
		return db.fillFields(ctx, c, w)
	})
	return more && err == nil, err
}

// claimFields locks what is to be done next, or returns nil.
func (db *DB) claimFields(ctx context.Context, c conn) (*fieldWork, error) {
	w := &fieldWork{}
	rows, err := c.QueryContext(ctx, "select project_key, fill, dropped from search_fields where dropped or fill > 0 "+
		"order by dropped desc, fill desc, key limit 1")
	if err != nil {
		return nil, err
	}
	first, err := collect(rows, func(row scanner) (none struct{}, err error) {
		return none, row.Scan(&w.project, &w.fill, &w.dropped)
	})
	if err != nil || len(first) == 0 {
		return nil, err
	}
	if rows, err = c.QueryContext(ctx, "select key, path from search_fields where project_key = $1 and fill = $2 "+
		"and dropped = $3 order by key"+db.dialect.skipLocked, w.project, w.fill, w.dropped); err != nil {
		return nil, err
	}
	if w.fields, err = collect(rows, scanSearchField); err != nil || len(w.fields) == 0 {
		return nil, err
	}
	return w, nil
}

// deleteField deletes the next rows of a field, and the field after the last of them.
func deleteField(ctx context.Context, c conn, key int64) error {
	rows, err := c.QueryContext(ctx, "select part, value, seq from event_fields where field = $1 "+
		"order by part, value, seq limit 1 offset $2", key, fieldStepRows)
	if err != nil {
		return err
	}
	type place struct {
		part, seq int64
		value     []byte
	}
	end, err := collect(rows, func(row scanner) (p place, err error) {
		err = row.Scan(&p.part, &p.value, &p.seq)
		return p, err
	})
	switch {
	case err != nil:
		return err
	case len(end) > 0:
		_, err = c.ExecContext(ctx, "delete from event_fields where field = $1 and (part, value, seq) < ($2, $3, $4)",
			key, end[0].part, notNil(end[0].value), end[0].seq)
		return err
	}
	if _, err := c.ExecContext(ctx, "delete from event_fields where field = $1", key); err != nil {
		return err
	}
	_, err = c.ExecContext(ctx, "delete from search_fields where key = $1", key)
	return err
}

// fillFields fills in the next events.
func (db *DB) fillFields(ctx context.Context, c conn, w *fieldWork) error {
	began := time.Now()
	seqs, more, err := db.toFill(ctx, c, w)
	if err != nil {
		return err
	}
	next := int64(0)
	var values []any
	done := 0
	for _, seq := range seqs {
		if time.Since(began) > fieldStepTime && done > 0 {
			more = true
			break
		}
		e, err := db.scanEvent(c.QueryRowContext(ctx, "select "+eventLight+", e.header, e.trace, "+
			"case when e.size <= $1 then e.body end from events e where e.seq = $2", db.decode, seq), true)
		if err != nil {
			return err
		}
		for _, v := range db.fieldValues(e, w.fields) {
			values = v.appendRow(values, e.Seq)
		}
		next = e.Seq
		done++
	}
	if !more {
		next = 0
	}
	if err := insertFieldRows(ctx, c, values); err != nil {
		return err
	}
	args := params{next, done}
	_, err = c.ExecContext(ctx, "update search_fields set fill = $1, filled = filled + $2 where key in ("+
		args.list(keysOf(w.fields))+")", args...)
	return err
}

// insertFieldRows inserts rows of eventFieldsTable, those that are not there yet.
func insertFieldRows(ctx context.Context, c conn, values []any) error {
	const width, most = 4, 4 * 1000
	for part := range slices.Chunk(values, most) {
		var args params
		var tuples []string
		for row := range slices.Chunk(part, width) {
			tuples = append(tuples, "("+args.list(row)+")")
		}
		if _, err := c.ExecContext(ctx, "insert into event_fields ("+eventFieldsTable.names()+") values "+
			strings.Join(tuples, ", ")+" on conflict do nothing", args...); err != nil {
			return err
		}
	}
	return nil
}

func keysOf(fields []hookyard.SearchField) []any {
	var keys []any
	for _, f := range fields {
		keys = append(keys, f.Key)
	}
	return keys
}

// toFill returns the seqs of the next events, which stay until the transaction ends, and whether there may be more.
func (db *DB) toFill(ctx context.Context, c conn, w *fieldWork) (seqs []int64, more bool, err error) {
	rows, err := c.QueryContext(ctx, "select seq, size from events where project_key = $1 and seq < $2 "+
		"order by seq desc limit $3"+db.dialect.forShare, w.project, w.fill, fieldStepEvents)
	if err != nil {
		return nil, false, err
	}
	bytes := int64(0)
	_, err = collect(rows, func(row scanner) (none struct{}, err error) {
		var seq, size int64
		if err := row.Scan(&seq, &size); err != nil {
			return none, err
		}
		if more = bytes >= fieldStepBytes; !more {
			seqs = append(seqs, seq)
			bytes += size
		}
		return none, nil
	})
	return seqs, more || len(seqs) == fieldStepEvents, err
}
