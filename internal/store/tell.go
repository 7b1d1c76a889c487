package store

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

// Nodes on one PostgreSQL tell each other what they committed, by its LISTEN and NOTIFY, so that listeners elsewhere
// are woken at once and changes of the configuration hold everywhere at once. Nothing depends on it: whoever misses a
// message looks for itself within a second.

// teller sends messages to the other nodes. It is the zero value where there are none.
type teller struct {
	channel string // "" on SQLite
}

// messageKeys is how many projects one message names; PostgreSQL takes 8,000 bytes.
const messageKeys = 300

// configChanged is the message of a change of the configuration, in the place of projects.
const configChanged = "config"

// openTeller names the channel by the schema: others in the same database have their own.
func (db *DB) openTeller(ctx context.Context) error {
	if db.listen == nil {
		return nil
	}
	var schema string
	if err := db.read.QueryRowContext(ctx, "select current_schema()").Scan(&schema); err != nil {
		return err
	}
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(schema))
	db.tell.channel = fmt.Sprintf("hookyard_%016x", sum.Sum64())
	return nil
}

// message is what this node has to say; "" when nobody else is there to hear it.
func (db *DB) message(text string) string {
	if db.tell.channel == "" || !db.peers.Load() {
		return ""
	}
	return strconv.FormatInt(db.node, 10) + " " + text
}

// projectsOf names the projects of what was accepted, each once as long as they come together.
func projectsOf(ops []*acceptOp) string {
	var b strings.Builder
	last, n := int64(0), 0
	for _, o := range ops {
		key := o.routed.Event.ProjectKey
		if key == last {
			continue
		}
		if n++; n > messageKeys {
			break // the others look for themselves
		}
		last = key
		b.WriteString(strconv.FormatInt(key, 10))
		b.WriteByte(' ')
	}
	return b.String()
}

// notify sends a message with the transaction of c: it arrives if and when that is committed.
func (db *DB) notify(ctx context.Context, c conn, text string) error {
	m := db.message(text)
	if m == "" {
		return nil
	}
	_, err := c.ExecContext(ctx, "select pg_notify($1, $2)", db.tell.channel, m)
	return err
}

// hear takes the other nodes' messages until ctx ends.
func (db *DB) hear(ctx context.Context) {
	for ctx.Err() == nil {
		err := db.listen(ctx, db.tell.channel, func(message string) { db.heard(ctx, message) })
		if ctx.Err() != nil {
			return
		}
		db.log.Warn("the other nodes cannot be heard; trying again", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Second):
		}
	}
}

func (db *DB) heard(ctx context.Context, message string) {
	from, text, _ := strings.Cut(message, " ")
	if from == strconv.FormatInt(db.node, 10) {
		return
	}
	if text == configChanged {
		if err := db.watchConfig(ctx); err != nil {
			db.log.Warn("the changed configuration cannot be read; trying again", "error", err)
		}
		return
	}
	for field := range strings.FieldsSeq(text) {
		if key, err := strconv.ParseInt(field, 10, 64); err == nil {
			db.committed(key)
		}
	}
}
