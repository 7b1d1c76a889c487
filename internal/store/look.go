package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"

	"github.com/hookyard/hookyard"
)

// Look returns how the portals of an owner look. It is the zero value for an owner that has set nothing.
func (db *DB) Look(ctx context.Context, owner string) (l hookyard.Look, err error) {
	var data string
	err = db.read.QueryRowContext(ctx, "select data from owner_looks where owner = $1", strings.ToLower(owner)).
		Scan(&data)
	if err == sql.ErrNoRows {
		return l, nil
	}
	if err != nil {
		return l, err
	}
	return l, json.Unmarshal([]byte(data), &l)
}

// SetLook stores how the portals of an owner look. The audit log has what changed, of a logo only that it did.
func (db *DB) SetLook(ctx context.Context, owner string, l hookyard.Look) error {
	after, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return db.tx(ctx, func(tx *limitedTx) error {
		before := "{}"
		err := tx.QueryRowContext(ctx, "select data from owner_looks where owner = $1"+db.dialect.forUpdate,
			strings.ToLower(owner)).Scan(&before)
		if err != nil && err != sql.ErrNoRows {
			return err
		}
		_, err = tx.ExecContext(ctx, `insert into owner_looks (owner, data) values ($1, $2)
			on conflict (owner) do update set data = excluded.data`, strings.ToLower(owner), string(after))
		if err != nil {
			return err
		}
		var what changes
		addMembers([]byte(before), after, func(field, before, after string) {
			if field == "logo" {
				what.addHidden(field, before, after)
				return
			}
			what.add(field, before, after)
		})
		if len(what) == 0 {
			return nil
		}
		return db.audit(ctx, tx, 0, hookyard.Actor(ctx), "look.update", "owner "+owner, what.String())
	})
}
