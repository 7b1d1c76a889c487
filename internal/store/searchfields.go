package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/hookyard/hookyard"
)

// setSearchFields makes paths the search fields of a project. Rows of fields that go are deleted, and those of new ones
// filled in, by [DB.StepFields]. It comes last in a transaction: from then on no event gets a number.
func (db *DB) setSearchFields(ctx context.Context, tx *limitedTx, projectKey int64, paths []string) error {
	rows, err := tx.QueryContext(ctx,
		"select key, path from search_fields where project_key = $1 and not dropped", projectKey)
	if err != nil {
		return err
	}
	have, err := collect(rows, scanSearchField)
	if err != nil {
		return err
	}
	isNew := func(path string) bool {
		return !slices.ContainsFunc(have, func(f hookyard.SearchField) bool { return f.Path == path })
	}
	dropped := slices.DeleteFunc(slices.Clone(have), func(f hookyard.SearchField) bool {
		return slices.Contains(paths, f.Path)
	})
	added := slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return !isNew(path) })
	if len(dropped)+len(added) == 0 {
		return nil
	}
	var newest, oldest int64
	if err := tx.QueryRowContext(ctx, "select coalesce(min(seq), 0) from events where project_key = $1",
		projectKey).Scan(&oldest); err != nil {
		return err
	}
	if err := db.lockConfig(ctx, tx); err != nil { // before the numbers, as results that switch hooks off do
		return err
	}
	// From here to the commit no event gets a number, and those that have one are committed.
	if err := tx.QueryRowContext(ctx, "update counters set fields = fields + 1 where name = 'event_seq' "+
		"returning value").Scan(&newest); err != nil {
		return err
	}
	for _, f := range dropped {
		if _, err := tx.ExecContext(ctx, "update search_fields set dropped = true, fill = 0 where key = $1",
			f.Key); err != nil {
			return err
		}
	}
	for _, path := range added {
		if _, err := tx.ExecContext(ctx, `insert into search_fields (project_key, path, dropped, fill, oldest, newest,
			filled, created) values ($1, $2, false, $3, $4, $5, 0, $6)`,
			projectKey, path, newest+1, oldest, newest, time.Now().UnixMicro()); err != nil {
			return err
		}
	}
	return nil
}

func scanSearchField(row scanner) (f hookyard.SearchField, err error) {
	err = row.Scan(&f.Key, &f.Path)
	return f, err
}

// searchFieldsQuery reads the fields of a project with their version, in one statement.
const searchFieldsQuery = `select c.fields, f.key, f.path from counters c
	left join search_fields f on f.project_key = $1 and not f.dropped where c.name = 'event_seq' order by f.key`

// addSearchField adds a row of searchFieldsQuery.
func addSearchField(to *hookyard.SearchFields, row scanner) error {
	var key sql.NullInt64
	var path sql.NullString
	err := row.Scan(&to.Version, &key, &path)
	if key.Valid {
		to.Fields = append(to.Fields, hookyard.SearchField{Key: key.Int64, Path: path.String})
	}
	return err
}

// refreshFields looks into events again whose values are those of other fields than their projects have now.
func (t *sharedTx) refreshFields(ctx context.Context, ops []*acceptOp, version int64) error {
	var keys []any
	for _, o := range ops {
		if key := o.routed.Event.ProjectKey; o.routed.Fields.Version != version && !slices.Contains(keys, any(key)) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	rows, err := t.stmts.conn.QueryContext(ctx, "select project_key, key, path from search_fields where not dropped "+
		"and project_key in ("+placeholders(len(keys))+") order by key", keys...)
	if err != nil {
		return err
	}
	fields := map[int64][]hookyard.SearchField{}
	_, err = collect(rows, func(row scanner) (none struct{}, err error) {
		var project int64
		var f hookyard.SearchField
		err = row.Scan(&project, &f.Key, &f.Path)
		fields[project] = append(fields[project], f)
		return none, err
	})
	if err != nil {
		return err
	}
	for _, o := range ops {
		e, old := o.routed.Event, o.routed.Fields
		if old.Version == version {
			continue
		}
		o.values = t.db.fieldValues(e, fields[e.ProjectKey])
		if slices.Equal(old.Fields, fields[e.ProjectKey]) {
			t.db.snapshots.confirmFields(e.ProjectKey, old.Version, version)
		}
	}
	return nil
}

// insertFields stores the values of a batch's events.
func (t *sharedTx) insertFields(ctx context.Context, ops []*acceptOp, version int64) error {
	if err := t.refreshFields(ctx, ops, version); err != nil {
		return err
	}
	v := t.stmts.values[:0]
	for _, o := range ops {
		for _, f := range o.values {
			v = f.appendRow(v, o.routed.Event.Seq)
		}
	}
	t.stmts.values = v
	if len(v) == 0 {
		return nil
	}
	return t.insert(ctx, eventFieldsTable, v, false)
}

// deleteFieldRows deletes the rows of events. Their parts tell where the rows are, without an index on seq, which would
// cost each event more than it saves here.
func deleteFieldRows(ctx context.Context, c conn, seqs []any) error {
	rows, err := c.QueryContext(ctx, "select key from search_fields where project_key in "+
		"(select project_key from events where seq in ("+placeholders(len(seqs))+"))", seqs...)
	if err != nil {
		return err
	}
	fields, err := scanSeqs(rows)
	if err != nil || len(fields) == 0 {
		return err
	}
	var parts []any
	for _, seq := range seqs {
		if part := any(seq.(int64) / partSize); !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	var args, large params
	if _, err := c.ExecContext(ctx, "delete from event_fields where field in ("+args.list(fields)+") and part in ("+
		args.list(parts)+") and seq in ("+args.list(seqs)+")", args...); err != nil {
		return err
	}
	_, err = c.ExecContext(ctx, "delete from event_fields where field in ("+large.list(fields)+
		") and part = -1 and value = "+large.add([]byte{})+" and seq in ("+large.list(seqs)+")", large...)
	return err
}

var eventFieldsTable = newTable("event_fields", "field:i part:i value:b seq:i")

// SearchFieldStates returns how far the search fields of a project have been filled in, in the order in which they were
// added.
func (db *DB) SearchFieldStates(ctx context.Context, projectKey int64) ([]hookyard.SearchFieldState, error) {
	rows, err := db.read.QueryContext(ctx, `select path, fill, oldest, newest, filled, (select count(*) from (
			select 1 from event_fields where field = s.key and part = -1 limit $2) large)
		from search_fields s where project_key = $1 and not dropped order by key`, projectKey, mostTooLarge)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(row scanner) (s hookyard.SearchFieldState, err error) {
		var fill, oldest, newest int64
		err = row.Scan(&s.Path, &fill, &oldest, &newest, &s.Filled, &s.TooLarge)
		s.Ready, s.Progress = fill == 0, 1
		if !s.Ready {
			s.Progress = float64(newest+1-fill) / float64(max(1, newest+1-oldest))
		}
		return s, err
	})
}
