package store

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Nodes on one PostgreSQL notify each other of what they committed, by its LISTEN and NOTIFY, so that listeners on
// other nodes are woken at once and changes of the configuration take effect everywhere at once. Nothing depends on it:
// a node that misses a message looks for itself within a second.

// notifier sends messages to the other nodes. The zero notifier sends none.
type notifier struct {
	channel string      // "" on SQLite
	lock    int64       // with the node's key, names the lock of the node's session; 31 bits
	session atomic.Bool // the connection that listens is a session of this node's own

	mu      sync.Mutex     // guards what follows
	due     map[int64]bool // keys of hooks whose nodes are to be woken
	sending bool           // a goroutine tells them
	senders sync.WaitGroup
}

// messageKeys is how many projects one message names; PostgreSQL takes 8,000 bytes.
const messageKeys = 300

// proveSession is the message of a node to itself. If it arrives, the connection that listens is a session, and holds
// the node's lock: behind a pooler that shares connections, it does not arrive, and the lock says nothing.
const proveSession = "session"

// hooksDue is the word before the keys of hooks with deliveries that another node may have to send.
const hooksDue = "hooks"

// configChanged is the message of a change of the configuration, in the place of projects.
const configChanged = "config"

// openNotifier names the channel by the schema: another hookyard in the same database has its own.
func (db *DB) openNotifier(ctx context.Context) error {
	if db.listen == nil {
		return nil
	}
	var schema string
	if err := db.read.QueryRowContext(ctx, "select current_schema()").Scan(&schema); err != nil {
		return err
	}
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(schema))
	db.notifier.channel = fmt.Sprintf("hookyard_%016x", sum.Sum64())
	db.notifier.lock = int64(sum.Sum64() >> 33)
	return nil
}

// message is what this node sends; "" when no other node is there.
func (db *DB) message(text string) string {
	if db.notifier.channel == "" || !db.peers.Load() {
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
			break // the other nodes look for themselves
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
	_, err := c.ExecContext(ctx, "select pg_notify($1, $2)", db.notifier.channel, m)
	return err
}

// IsShared reports whether other nodes may be at the database.
func (db *DB) IsShared() bool { return !db.dialect.oneProcess }

// WakeNode wakes the node that sends to a hook, wherever it is. It does not block. What is asked for while a message is
// being sent goes with the next.
func (db *DB) WakeNode(hookKey int64) {
	n := &db.notifier
	if !db.IsShared() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.due == nil {
		n.due = map[int64]bool{}
	}
	n.due[hookKey] = true
	if !n.sending {
		n.sending = true
		n.senders.Go(db.sendDue)
	}
}

// sendDue sends messages until no hook is left.
func (db *DB) sendDue() {
	n := &db.notifier
	for {
		n.mu.Lock()
		if len(n.due) == 0 {
			n.sending = false
			n.mu.Unlock()
			return
		}
		text := hooksDue
		for key := range n.due {
			if delete(n.due, key); len(text) < 7000 { // the others look for themselves
				text += " " + strconv.FormatInt(key, 10)
			}
		}
		n.mu.Unlock()
		ctx, cancel := patient(context.Background())
		if err := db.notify(ctx, db.write, text); err != nil {
			db.log.Debug("the node that sends to a hook is not woken; it looks for itself", "error", err)
		}
		cancel()
	}
}

// listenToNodes receives the other nodes' messages until ctx ends, on a connection that holds the node's lock.
func (db *DB) listenToNodes(ctx context.Context) {
	s := session{channel: db.notifier.channel, lock: [2]int64{db.notifier.lock, db.node},
		received: func(message string) { db.received(ctx, message) },
		listening: func() error {
			_, err := db.write.ExecContext(ctx, "select pg_notify($1, $2)", db.notifier.channel,
				strconv.FormatInt(db.node, 10)+" "+proveSession)
			return err
		}}
	for ctx.Err() == nil {
		err := db.listen(ctx, s)
		if ctx.Err() != nil {
			return
		}
		db.notifier.session.Store(false)
		if err := db.beat(ctx); err != nil {
			db.log.Debug("the other nodes are not told that the session broke", "error", err)
		}
		db.log.Warn("listening to the other nodes failed; trying again", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// received acts on a message of another node.
func (db *DB) received(ctx context.Context, message string) {
	from, text, _ := strings.Cut(message, " ")
	if from == strconv.FormatInt(db.node, 10) {
		if text == proveSession {
			db.notifier.session.Store(true)
			if err := db.beat(ctx); err != nil {
				db.log.Debug("the other nodes are not told of the session yet", "error", err)
			}
		}
		return
	}
	if text == configChanged {
		if err := db.watchConfig(ctx); err != nil {
			db.log.Warn("the changed configuration cannot be read; trying again", "error", err)
		}
		return
	}
	if keys, ok := strings.CutPrefix(text, hooksDue+" "); ok {
		if f := db.onDue.Load(); f != nil {
			eachKey(keys, *f)
		}
		return
	}
	eachKey(text, db.committed)
}

// eachKey calls f with each key of a message.
func eachKey(text string, f func(key int64)) {
	for field := range strings.FieldsSeq(text) {
		if key, err := strconv.ParseInt(field, 10, 64); err == nil {
			f(key)
		}
	}
}
