package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hookyard/hookyard"
)

// Catalogue returns what an owner decides about its event types. An owner who has decided nothing has the mode
// [hookyard.CatalogueOff].
func (db *DB) Catalogue(ctx context.Context, owner string) (hookyard.Catalogue, error) {
	return catalogueOf(ctx, db.read, owner)
}

func catalogueOf(ctx context.Context, c conn, owner string) (hookyard.Catalogue, error) {
	owner = strings.ToLower(owner)
	out, err := scanCatalogue(c.QueryRowContext(ctx, catalogueQuery, owner))
	if err == sql.ErrNoRows {
		return hookyard.Catalogue{Owner: owner, Mode: hookyard.CatalogueOff}, nil
	}
	return out, err
}

const catalogueQuery = "select owner, mode, shown, revision from catalogues where owner = $1"

func scanCatalogue(row scanner) (c hookyard.Catalogue, err error) {
	var mode string
	err = row.Scan(&c.Owner, &mode, &c.Public, &c.Revision)
	c.Mode = hookyard.CatalogueMode(mode)
	return c, err
}

// SetCatalogue stores what an owner decides about its event types, and sets the revision of c.
func (db *DB) SetCatalogue(ctx context.Context, c *hookyard.Catalogue) error {
	c.Owner = strings.ToLower(c.Owner)
	return db.changeOwner(ctx, c.Owner, func(tx *limitedTx) error {
		was, err := lockCatalogue(ctx, tx, c.Owner)
		if err != nil {
			return err
		}
		c.Revision = was.Revision
		if _, err := tx.ExecContext(ctx, "update catalogues set mode = $1, shown = $2 where owner = $3", string(c.Mode),
			c.Public, c.Owner); err != nil {
			return err
		}
		var what changes
		what.add("mode", string(was.Mode), string(c.Mode))
		what.add("public", strconv.FormatBool(was.Public), strconv.FormatBool(c.Public))
		if len(what) == 0 {
			return nil
		}
		return db.audit(ctx, tx, 0, hookyard.Actor(ctx), "catalogue.update", c.Owner, what.String())
	})
}

// lockCatalogue counts a change of an owner's catalogue, and returns the catalogue as it is but for that. No other
// transaction changes it or its types until this one ends.
func lockCatalogue(ctx context.Context, tx *limitedTx, owner string) (hookyard.Catalogue, error) {
	_, err := tx.ExecContext(ctx, `insert into catalogues (owner, mode, shown, revision) values ($1, $2, false, 1)
		on conflict (owner) do update set revision = catalogues.revision + 1`, owner, string(hookyard.CatalogueOff))
	if err != nil {
		return hookyard.Catalogue{}, err
	}
	return catalogueOf(ctx, tx, owner)
}

// storedEventType is the settings column of an event type.
type storedEventType struct {
	Description  string   `json:"description,omitempty"`
	Group        string   `json:"group,omitempty"`
	Deprecated   bool     `json:"deprecated,omitempty"`
	FeatureFlags []string `json:"featureFlags,omitempty"`
}

const (
	eventTypeColumns = "owner, name, archived, settings, revision, created, updated"
	eventTypeContent = ", schemas, example"
	eventTypeNothing = ", '', ''" // in place of the content
)

func scanEventType(row scanner) (*hookyard.EventType, error) {
	t := &hookyard.EventType{}
	var settings, schemas, example string
	var created, updated int64
	err := row.Scan(&t.Owner, &t.Name, &t.Archived, &settings, &t.Revision, &created, &updated, &schemas, &example)
	if err != nil {
		return nil, err
	}
	var stored storedEventType
	if err := json.Unmarshal([]byte(settings), &stored); err != nil {
		return nil, fmt.Errorf("event type %s: %w", t.Name, err)
	}
	t.Description, t.Group = stored.Description, stored.Group
	t.Deprecated, t.FeatureFlags = stored.Deprecated, stored.FeatureFlags
	if schemas != "" {
		if err := json.Unmarshal([]byte(schemas), &t.Schemas); err != nil {
			return nil, fmt.Errorf("event type %s: %w", t.Name, err)
		}
	}
	if example != "" {
		t.Example = json.RawMessage(example)
	}
	t.CreatedAt, t.UpdatedAt = fromMicros(created), fromMicros(updated)
	return t, nil
}

// EventTypes returns event types of an owner, sorted by name.
func (db *DB) EventTypes(ctx context.Context, q hookyard.EventTypeQuery) ([]*hookyard.EventType, error) {
	query := "select " + eventTypeColumns + eventTypeNothing + " from event_types where owner = $1"
	if q.Content {
		query = "select " + eventTypeColumns + eventTypeContent + " from event_types where owner = $1"
	}
	args := []any{strings.ToLower(q.Owner)}
	order := " order by name"
	switch {
	case q.Before != "":
		query, order = query+" and name < $2", " order by name desc"
		args = append(args, q.Before)
	case q.After != "":
		query += " and name > $2"
		args = append(args, q.After)
	}
	if !q.Archived {
		query += " and not archived"
	}
	if q.General { // a quote within a text has a backslash before it
		query += ` and settings not like '%"featureFlags":[%'`
	}
	query += order
	if q.Limit > 0 {
		query += " limit " + strconv.Itoa(q.Limit)
	}
	rows, err := db.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	found, err := collect(rows, scanEventType)
	if q.Before != "" {
		slices.Reverse(found)
	}
	return found, err
}

// EventType returns an event type with its content, or [hookyard.ErrNotFound].
func (db *DB) EventType(ctx context.Context, owner, name string) (*hookyard.EventType, error) {
	t, err := scanEventType(db.read.QueryRowContext(ctx, "select "+eventTypeColumns+eventTypeContent+
		" from event_types where owner = $1 and name = $2", strings.ToLower(owner), name))
	if err == sql.ErrNoRows {
		return nil, hookyard.ErrNotFound
	}
	return t, err
}

// PutEventTypes stores event types of one owner together: it creates those whose revision is 0, and replaces the
// others. It sets their revisions and times. It fails with [hookyard.ErrStale] if a type to create exists, or one to
// replace is not at its revision, and with TooMany if the owner would have more than [hookyard.MaxEventTypes].
func (db *DB) PutEventTypes(ctx context.Context, owner string, types ...*hookyard.EventType) error {
	owner = strings.ToLower(owner)
	return db.changeOwner(ctx, owner, func(tx *limitedTx) error {
		if _, err := lockCatalogue(ctx, tx, owner); err != nil {
			return err
		}
		for _, t := range types {
			t.Owner = owner
			if err := db.putEventType(ctx, tx, t); err != nil {
				return err
			}
		}
		var n int
		err := tx.QueryRowContext(ctx, "select count(*) from event_types where owner = $1", owner).Scan(&n)
		if err == nil && n > hookyard.MaxEventTypes {
			err = hookyard.Errorf(hookyard.TooMany, "owner %s would have %d event types, at most %d are allowed: "+
				"delete some", owner, n, hookyard.MaxEventTypes)
		}
		return err
	})
}

// putEventType creates an event type or replaces it, in a transaction that has locked the catalogue.
func (db *DB) putEventType(ctx context.Context, tx *limitedTx, t *hookyard.EventType) error {
	settings, err := json.Marshal(storedEventType{Description: t.Description, Group: t.Group, Deprecated: t.Deprecated,
		FeatureFlags: t.FeatureFlags})
	if err != nil {
		return err
	}
	var schemas []byte
	if len(t.Schemas) > 0 {
		if schemas, err = hookyard.EncodeJSON(t.Schemas); err != nil {
			return err
		}
	}
	old := &hookyard.EventType{}
	action := "event_type.create"
	t.UpdatedAt = stamp()
	if t.Revision == 0 {
		_, err = tx.ExecContext(ctx, `insert into event_types (owner, name, archived, settings, schemas, example,
				revision, created, updated)
			values ($1, $2, $3, $4, $5, $6, 1, $7, $7)`, t.Owner, t.Name, t.Archived, string(settings),
			string(schemas), string(t.Example), micros(t.UpdatedAt))
		if db.dialect.isDuplicate(err) {
			return hookyard.ErrStale
		}
		t.CreatedAt = t.UpdatedAt
	} else {
		action = "event_type.update"
		old, err = scanEventType(tx.QueryRowContext(ctx, "select "+eventTypeColumns+eventTypeContent+
			" from event_types where owner = $1 and name = $2 and revision = $3", t.Owner, t.Name, t.Revision))
		if err == sql.ErrNoRows {
			return hookyard.ErrStale
		}
		if err != nil {
			return err
		}
		t.CreatedAt = old.CreatedAt
		_, err = tx.ExecContext(ctx, `update event_types set archived = $1, settings = $2, schemas = $3, example = $4,
				revision = revision + 1, updated = $5
			where owner = $6 and name = $7`, t.Archived, string(settings), string(schemas), string(t.Example),
			micros(t.UpdatedAt), t.Owner, t.Name)
	}
	if err != nil {
		return err
	}
	t.Revision++
	what := eventTypeChanges(old, t)
	return db.audit(ctx, tx, 0, hookyard.Actor(ctx), action, t.Owner+"/"+t.Name, what.String())
}

// eventTypeChanges says what differs between two versions of an event type. Schemas and examples are named only.
func eventTypeChanges(old, t *hookyard.EventType) changes {
	var what changes
	what.add("description", old.Description, t.Description)
	what.add("group", old.Group, t.Group)
	what.add("archived", strconv.FormatBool(old.Archived), strconv.FormatBool(t.Archived))
	what.add("deprecated", strconv.FormatBool(old.Deprecated), strconv.FormatBool(t.Deprecated))
	what.add("featureFlags", strings.Join(old.FeatureFlags, " "), strings.Join(t.FeatureFlags, " "))
	was, _ := hookyard.EncodeJSON(old.Schemas) // of JSON that was decoded before
	is, _ := hookyard.EncodeJSON(t.Schemas)
	if string(was) != string(is) {
		what = append(what, "schema: changed")
	}
	if string(old.Example) != string(t.Example) {
		what = append(what, "example: changed")
	}
	return what
}

// DeleteEventType deletes an event type, or fails with [hookyard.ErrNotFound]. Events of the type stay.
func (db *DB) DeleteEventType(ctx context.Context, owner, name string) error {
	owner = strings.ToLower(owner)
	return db.changeOwner(ctx, owner, func(tx *limitedTx) error {
		if _, err := lockCatalogue(ctx, tx, owner); err != nil {
			return err
		}
		old, err := scanEventType(tx.QueryRowContext(ctx, "delete from event_types where owner = $1 and name = $2 "+
			"returning "+eventTypeColumns+eventTypeContent, owner, name))
		if err == sql.ErrNoRows {
			return hookyard.ErrNotFound
		}
		if err != nil {
			return err
		}
		what := changes{"name: " + shownValue(name) + " → none"}
		what = append(what, eventTypeChanges(old, &hookyard.EventType{})...)
		return db.audit(ctx, tx, 0, hookyard.Actor(ctx), "event_type.delete", owner+"/"+name, what.String())
	})
}
