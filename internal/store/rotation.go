package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hookyard/hookyard"
)

// The key that seals is the one of the check value; other keys of a node only open. A rotation makes another key the
// one that seals, while nodes run, in phases: every node has the new key, then every node seals with it, then all
// values are sealed again, and last the check value is. The row of the rotation says how far it is, so that any node
// goes on with it after a crash.

// sealedColumn is a column of sealed values, in a table with a key of integers.
type sealedColumn struct {
	table, column string
	key           []string
}

// sealedColumns returns all of them, in the order in which a rotation seals them again, but the check value.
func sealedColumns() []sealedColumn {
	return []sealedColumn{
		{"projects", "secret", []string{"key"}},
		{"sources", "secrets", []string{"key"}},
		{"hooks", "secrets", []string{"key"}},
		{"attempts", "request_header", []string{"event_seq", "hook_key", "n"}},
		{"totp", "secret", []string{"user_key"}},
		{"passkeys", "record", []string{"key"}},
		{"refused", "request", []string{"key"}},
	}
}

const (
	sealRows    = 500 // that a transaction seals again
	followEvery = time.Second
	warnEvery   = time.Minute
)

var errNewKey = errors.New("the key of the secrets is being changed, and this node lacks the new one: give it the " +
	"secret.key and secret.key.old of the nodes that have both (settings: --secret-key-file, HOOKYARD_SECRET_KEY, " +
	"HOOKYARD_SECRET_KEY_OLD)")

// keyring is where the keys come from, and who uses them.
type keyring struct {
	read    func() ([][]byte, error)
	replace func() error
	wake    chan struct{} // a rotation has begun
	warned  time.Time     // owned by followKeys

	// sealing is held by each transaction, so that what it seals with a key is stored before the node changes to
	// another.
	sealing sync.RWMutex
}

// rotation is the row of a rotation.
type rotation struct {
	hookyard.KeyRotation
	value []byte
	part  int
	place []int64
}

// underWay reports whether there is a rotation to go on with.
func (r *rotation) underWay() bool {
	return r.Phase != hookyard.RotationNone && r.Phase != hookyard.RotationDone
}

const rotationColumns = "value, phase, part, place, sealed, unreadable, started, ended"

// rotation reads the rotation under way or the last one. Its phase is RotationNone if there was none.
func (db *DB) rotation(ctx context.Context, c conn, lock string) (*rotation, error) {
	r := &rotation{}
	var place string
	var started, ended int64
	err := c.QueryRowContext(ctx, "select "+rotationColumns+" from key_rotation"+lock).Scan(&r.value, &r.Phase, &r.part,
		&place, &r.Sealed, &r.Unreadable, &started, &ended)
	if err == sql.ErrNoRows {
		r.Phase = hookyard.RotationNone
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	r.StartedAt, r.EndedAt = fromMicros(started), fromMicros(ended)
	return r, json.Unmarshal([]byte(place), &r.place)
}

// KeyRotation returns how far the change of the key of the secrets is, or the last one was.
func (db *DB) KeyRotation(ctx context.Context) (hookyard.KeyRotation, error) {
	r, err := db.rotation(ctx, db.read, "")
	if err != nil || r.Phase != hookyard.RotationWaiting {
		return r.KeyRotation, err
	}
	rows, err := db.read.QueryContext(ctx, "select name from nodes where rotation = 0 order by name")
	if err != nil {
		return r.KeyRotation, err
	}
	r.WaitingFor, err = collect(rows, func(row scanner) (name string, err error) {
		err = row.Scan(&name)
		return name, err
	})
	return r.KeyRotation, err
}

// RotateKey begins to seal everything with another key, or goes on with it, and returns how far that is. The new key is
// the first of [Options.Keys], or if it is the one in use, the one that [Options.ReplaceKey] makes. [DB.Run] does the
// work. It fails with [hookyard.Conflict] if there is no new key.
func (db *DB) RotateKey(ctx context.Context) (hookyard.KeyRotation, error) {
	err := db.txPlain(ctx, func(c conn) error {
		var check []byte
		err := c.QueryRowContext(ctx,
			"select value from key_check where name = 'key'"+db.dialect.forUpdate).Scan(&check)
		if err != nil {
			return err
		}
		if r, err := db.rotation(ctx, c, ""); err != nil || r.underWay() {
			return err
		}
		next, err := db.nextKey(check)
		if err != nil {
			return err
		}
		_, err = c.ExecContext(ctx, `insert into key_rotation (id, `+rotationColumns+`)
			values (1, $1, $2, 0, '[]', 0, 0, $3, 0) on conflict (id) do update set value = excluded.value,
				phase = excluded.phase, part = 0, place = '[]', sealed = 0, unreadable = 0, started = excluded.started,
				ended = 0`,
			newSealer(next).seal([]byte(keyCheck)), string(hookyard.RotationWaiting), time.Now().UnixMicro())
		if err != nil {
			return err
		}
		if _, err := c.ExecContext(ctx, "update nodes set rotation = 0"); err != nil {
			return err
		}
		return db.audit(ctx, c, 0, hookyard.Actor(ctx), "secret-key.rotate", "secret-key", "")
	})
	if err != nil {
		return hookyard.KeyRotation{}, err
	}
	select {
	case db.keyring.wake <- struct{}{}:
	default:
	}
	return db.KeyRotation(ctx)
}

// nextKey returns the new key, which does not open the check value, and makes one if there is none yet.
func (db *DB) nextKey(check []byte) ([]byte, error) {
	missing := hookyard.Errorf(hookyard.Conflict, "the server has no key that can be replaced")
	if db.keyring.read == nil || len(check) == 0 || check[0] == 0 {
		return nil, missing
	}
	for made := false; ; made = true {
		all, err := db.keyring.read()
		if err != nil {
			return nil, err
		}
		if len(all) == 0 || made && newSealer(all[0]).opens(check) {
			return nil, missing
		}
		if !newSealer(all[0]).opens(check) {
			return all[0], nil
		}
		if db.keyring.replace == nil {
			return nil, missing
		}
		if err := db.keyring.replace(); err != nil {
			return nil, err
		}
	}
}

// followRotation makes this node seal with the key that it should, and tells the other nodes how far it is. It fails
// with errNewKey if the node must not seal with any key that it has.
func (db *DB) followRotation(ctx context.Context) error {
	var check []byte
	err := db.read.QueryRowContext(ctx, "select value from key_check where name = 'key'").Scan(&check)
	if err != nil || len(check) == 0 || check[0] == 0 {
		return err
	}
	r, err := db.rotation(ctx, db.read, "")
	if err != nil {
		return err
	}
	seals, ready := check, 1
	if r.underWay() {
		if !db.seal.opens(r.value) {
			if err := db.readKeys(); err != nil {
				return err
			}
		}
		switch {
		case r.Phase != hookyard.RotationWaiting:
			seals, ready = r.value, 2
		case !db.seal.opens(r.value):
			db.warnOfKey()
			ready = 0
		}
	}
	if !db.seal.leads(seals) {
		if !db.seal.opens(seals) {
			if err := db.readKeys(); err != nil {
				return err
			}
		}
		db.keyring.sealing.Lock()
		found := db.seal.lead(seals)
		db.keyring.sealing.Unlock()
		if !found {
			return errNewKey
		}
	}
	if !r.underWay() {
		return nil
	}
	return db.txPlain(ctx, func(c conn) error {
		_, err := c.ExecContext(ctx, `update nodes set rotation = $1 where key = $2 and rotation <> $1
			and exists (select 1 from key_rotation where value = $3 and ended = 0)`, ready, db.node, r.value)
		return err
	})
}

// readKeys adds the keys that are new in their places.
func (db *DB) readKeys() error {
	if db.keyring.read == nil {
		return nil
	}
	all, err := db.keyring.read()
	if err == nil {
		db.seal.add(all...)
	}
	return err
}

func (db *DB) warnOfKey() {
	if time.Since(db.keyring.warned) < warnEvery {
		return
	}
	db.keyring.warned = time.Now()
	db.log.Warn("the key of the secrets is to be changed, and waits for this node: give it the secret.key and " +
		"secret.key.old of a node that has both, or restart it with HOOKYARD_SECRET_KEY and HOOKYARD_SECRET_KEY_OLD")
}

// followKeys follows rotations and does their work until ctx ends.
func (db *DB) followKeys(ctx context.Context) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		err := db.followRotation(ctx)
		for more := err == nil; more && err == nil && ctx.Err() == nil; {
			more, err = db.rotateStep(ctx)
		}
		if err != nil && ctx.Err() == nil {
			db.log.Warn("the change of the key of the secrets failed; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-db.keyring.wake:
		}
	}
}

// rotateStep advances a rotation by one step and reports whether the next can follow at once. After each transaction it
// rests as long as that took, for the others.
func (db *DB) rotateStep(ctx context.Context) (more bool, err error) {
	r, err := db.rotation(ctx, db.read, "")
	if err != nil || !r.underWay() {
		return false, err
	}
	began := time.Now()
	err = db.txPlain(ctx, func(c conn) error {
		began = time.Now()
		r, err := db.rotation(ctx, c, db.dialect.forUpdate)
		if err != nil || !r.underWay() {
			return err
		}
		switch r.Phase {
		case hookyard.RotationWaiting:
			return db.nextPhase(ctx, c, 1, hookyard.RotationSwitching)
		case hookyard.RotationSwitching:
			return db.nextPhase(ctx, c, 2, hookyard.RotationSealing)
		}
		if !db.seal.leads(r.value) {
			return nil // followed first
		}
		more = true
		return db.sealAgain(ctx, c, r)
	})
	if err != nil || !more {
		return false, err
	}
	pause(ctx, time.Since(began))
	return true, nil
}

// nextPhase enters the next phase if all nodes are ready for it.
func (db *DB) nextPhase(ctx context.Context, c conn, ready int, next hookyard.RotationPhase) error {
	res, err := c.ExecContext(ctx, `update key_rotation set phase = $1
		where not exists (select 1 from nodes where rotation < $2)`, string(next), ready)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	select {
	case db.keyring.wake <- struct{}{}:
	default:
	}
	return nil
}

// sealAgain seals the next rows, or ends the rotation if there are none.
func (db *DB) sealAgain(ctx context.Context, c conn, r *rotation) error {
	columns := sealedColumns()
	if r.part == len(columns) {
		return db.endRotation(ctx, c, r)
	}
	found, err := db.sealedRows(ctx, c, columns[r.part], r.place)
	if err != nil {
		return err
	}
	var args []any
	changed := 0
	for _, row := range found {
		if len(row.value) == 0 || db.seal.leads(row.value) {
			continue
		}
		plain, err := db.seal.open(row.value)
		if err != nil {
			r.Unreadable++
			continue
		}
		for _, k := range row.key {
			args = append(args, k)
		}
		args = append(args, db.seal.seal(plain))
		changed++
	}
	if changed > 0 {
		col := columns[r.part]
		update := bulkUpdate{col.table, col.key, newTable("", col.column+":b")}
		if _, err := c.ExecContext(ctx, update.text(db.dialect, changed), args...); err != nil {
			return fmt.Errorf("seal %s again: %w", col.table, err)
		}
	}
	if r.Sealed += int64(changed); len(found) < sealRows {
		r.part, r.place = r.part+1, []int64{}
	} else {
		r.place = found[len(found)-1].key
	}
	place, err := json.Marshal(r.place)
	if err != nil {
		return err
	}
	_, err = c.ExecContext(ctx, "update key_rotation set part = $1, place = $2, sealed = $3, unreadable = $4", r.part,
		string(place), r.Sealed, r.Unreadable)
	return err
}

// sealedRow is a row of a sealed column.
type sealedRow struct {
	key   []int64
	value []byte
}

// sealedRows returns and locks the rows after a key; an empty one is before all.
func (db *DB) sealedRows(ctx context.Context, c conn, col sealedColumn, after []int64) ([]sealedRow, error) {
	key := strings.Join(col.key, ", ")
	args := make([]any, len(col.key))
	marks := make([]string, len(col.key))
	for i := range args {
		args[i] = int64(-1)
		if len(after) > 0 {
			args[i] = after[i]
		}
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	rows, err := c.QueryContext(ctx, fmt.Sprintf("select %s, %s from %s where (%s) > (%s) order by %s limit %d%s", key,
		col.column, col.table, key, strings.Join(marks, ", "), key, sealRows, db.dialect.forUpdate), args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(row scanner) (sealedRow, error) {
		out := sealedRow{key: make([]int64, len(col.key))}
		var into []any
		for i := range out.key {
			into = append(into, &out.key[i])
		}
		err := row.Scan(append(into, &out.value)...)
		return out, err
	})
}

// endRotation makes the check value that of the new key.
func (db *DB) endRotation(ctx context.Context, c conn, r *rotation) error {
	if _, err := c.ExecContext(ctx, "update key_check set value = $1 where name = 'key'", r.value); err != nil {
		return err
	}
	if _, err := c.ExecContext(ctx, "update key_rotation set phase = $1, ended = $2", string(hookyard.RotationDone),
		time.Now().UnixMicro()); err != nil {
		return err
	}
	db.log.Info("all secrets are sealed with the new key", "values", r.Sealed, "unreadable", r.Unreadable)
	return db.audit(ctx, c, 0, hookyard.Actor(ctx), "secret-key.rotated", "secret-key",
		fmt.Sprintf("values: %d; unreadable: %d", r.Sealed, r.Unreadable))
}
