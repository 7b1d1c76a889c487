package store

import (
	"context"
	"strings"
	"sync"
)

// Change says what a change of the configuration is of, and so what is to be forgotten of what was read before.
type Change struct {
	Project int64  // key of the project whose snapshot is another now; [NoProject] or [EveryProject]
	Owner   string // in lower case: all projects of the owner, while Project is [NoProject]; or ""
	Roles   bool   // users, tokens, members, or who else may do what in a project
	Sources bool   // sources, perhaps ones that read queues
	Erased  bool   // events of the project were erased, or perhaps of every one; nothing else of it has changed
}

// What [Change.Project] is if it is no project's key.
const (
	NoProject    = -1
	EveryProject = 0
)

// ofProject is a change of a project's settings, hooks or search fields.
func ofProject(key int64) Change { return Change{Project: key} }

// ofDeleted is a change that deletes a project, with its sources, members and tokens.
func ofDeleted(key int64) Change { return Change{Project: key, Roles: true, Sources: true} }

// ofErased is a change that erases events of a project.
func ofErased(key int64) Change { return Change{Project: key, Erased: true} }

// ofOwner is a change of what all projects of an owner share.
func ofOwner(owner string) Change { return Change{Project: NoProject, Owner: strings.ToLower(owner)} }

// ofRoles is a change of users, and of what they may do.
func ofRoles() Change { return Change{Project: NoProject, Roles: true} }

// everything is a change of which it is not known, or does not matter, what it is of.
func everything() Change {
	return Change{Project: EveryProject, Roles: true, Sources: true, Erased: true}
}

// OnChange calls f after each change of the configuration, on this node or seen of another. f must not block.
func (db *DB) OnChange(f func(Change)) { db.onChange.Store(&f) }

// changed follows the commit of changes, by any node.
func (db *DB) changed(changes ...Change) {
	for _, c := range changes {
		db.snapshots.follow(c)
		if f := db.onChange.Load(); f != nil {
			(*f)(c)
		}
	}
}

// changeOf runs f in a transaction of its own and enters what f returns as what is changed, so that every node forgets
// it; nothing is entered if f changed nothing. On SQLite it goes through the one writer. After the commit this node has
// forgotten it, and also after an error: f may have found that what is cached is stale, or the answer to the commit was
// lost.
func (db *DB) changeOf(ctx context.Context, f func(tx *limitedTx) ([]Change, error)) error {
	var changes []Change
	err := db.tx(ctx, func(tx *limitedTx) (err error) {
		if changes, err = f(tx); err != nil || len(changes) == 0 {
			return err
		}
		return db.bump(ctx, tx, changes...)
	})
	if err == nil {
		db.changed(changes...)
		return nil
	}
	for _, c := range changes {
		db.snapshots.follow(c)
	}
	return err
}

// changeRoles is changeOf for users, and for what they may do.
func (db *DB) changeRoles(ctx context.Context, f func(tx *limitedTx) error) error {
	return db.changeOf(ctx, func(tx *limitedTx) ([]Change, error) { return []Change{ofRoles()}, f(tx) })
}

// changeProject is changeOf for what belongs to the project with a key.
func (db *DB) changeProject(ctx context.Context, key int64, f func(tx *limitedTx) error) error {
	return db.changeOf(ctx, func(tx *limitedTx) ([]Change, error) { return []Change{ofProject(key)}, f(tx) })
}

// changeOwner is changeOf for what all projects of an owner share.
func (db *DB) changeOwner(ctx context.Context, owner string, f func(tx *limitedTx) error) error {
	return db.changeOf(ctx, func(tx *limitedTx) ([]Change, error) { return []Change{ofOwner(owner)}, f(tx) })
}

// changeSources is changeProject for its sources.
func (db *DB) changeSources(ctx context.Context, key int64, f func(tx *limitedTx) error) error {
	return db.changeOf(ctx, func(tx *limitedTx) ([]Change, error) {
		return []Change{{Project: key, Sources: true}}, f(tx)
	})
}

// changesKept is how many versions config_changes goes back, at least, and changesRead how many a node that looks
// forgets one by one. What is older or more, it takes for a change of everything.
const (
	changesKept = 10_000
	changesRead = 1_000
)

// The bits of the column parts.
const (
	partRoles = 1 << iota
	partSources
	partErased
)

// lockConfig makes changes of the configuration that lock it, too, wait for the commit of this one.
func (db *DB) lockConfig(ctx context.Context, tx *limitedTx) error {
	var version int64
	return tx.QueryRowContext(ctx, "select value from counters where name = 'config_version'"+
		db.dialect.forUpdate).Scan(&version)
}

// bump makes every node forget what is changed when the transaction of c is committed. The version stays locked until
// then: versions are committed in their order, and a node that has read one has seen all before it.
func (db *DB) bump(ctx context.Context, c conn, changes ...Change) error {
	var version int64
	err := c.QueryRowContext(ctx,
		"update counters set value = value + 1 where name = 'config_version' returning value").Scan(&version)
	if err != nil {
		return err
	}
	for _, one := range changes {
		parts := 0
		if one.Roles {
			parts |= partRoles
		}
		if one.Sources {
			parts |= partSources
		}
		if one.Erased {
			parts |= partErased
		}
		if _, err := c.ExecContext(ctx, `insert into config_changes (version, project_key, owner, parts)
			values ($1, $2, $3, $4)`, version, one.Project, one.Owner, parts); err != nil {
			return err
		}
	}
	if version%changesRead == 0 {
		if _, err := c.ExecContext(ctx, "delete from config_changes where version <= $1",
			version-changesKept); err != nil {
			return err
		}
	}
	return db.notify(ctx, c, configChanged)
}

// watch is the place up to which this node has followed the changes of the configuration.
type watch struct {
	mu      sync.Mutex // held while the next are read, so that they are followed in their order
	version int64      // 0: nothing was read yet
}

// watchConfig forgets what other nodes have changed since it was called last, and sees who is there.
func (db *DB) watchConfig(ctx context.Context) error {
	db.watch.mu.Lock()
	defer db.watch.mu.Unlock()
	var nodes, sum, version int64
	rows, err := db.read.QueryContext(ctx, `select (select count(*) from nodes),
			(select cast(coalesce(sum(key), 0) as bigint) from nodes), v.value, c.version,
			c.project_key, c.owner, c.parts
		from counters v left join (select * from config_changes where version > $1 order by version limit $2) c on true
		where v.name = 'config_version' order by c.version`, db.watch.version, changesRead+1)
	if err != nil {
		return err
	}
	seen := db.watch.version // the last version of those that follow each other
	isWhole := seen > 0
	var changes []Change
	_, err = collect(rows, func(row scanner) (none struct{}, err error) {
		var at, project, parts *int64
		var owner *string
		if err := row.Scan(&nodes, &sum, &version, &at, &project, &owner, &parts); err != nil || at == nil {
			return none, err
		}
		isWhole = isWhole && *at <= seen+1
		seen = *at
		changes = append(changes, Change{Project: *project, Owner: *owner, Roles: *parts&partRoles != 0,
			Sources: *parts&partSources != 0, Erased: *parts&partErased != 0})
		return none, nil
	})
	if err != nil {
		return err
	}
	db.peers.Store(nodes > 1)
	if db.seenNodes.Swap(sum) != sum {
		db.nodesChanged(false)
	}
	if version == db.watch.version {
		return nil
	}
	if !isWhole || seen != version || len(changes) > changesRead {
		changes = []Change{everything()}
	}
	db.watch.version = version
	db.changed(changes...)
	return nil
}
