package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// comment is a visitor's comment. Its JSON is the body of the webhooks.
type comment struct {
	Seq     int64  `json:"-"`
	Name    string `json:"name"`
	Comment string `json:"comment"`
	Time    int64  `json:"time"` // seconds since 1970
}

// When returns the comment's time.
func (c *comment) When() time.Time { return time.Unix(c.Time, 0).UTC() }

// event reports a new comment.
type event struct {
	Seq  int64
	ID   string // the comment's; identifies duplicates all the way to the receiver
	Time time.Time
	Body json.RawMessage // the comment
}

// book stores the comments and the events that have not been sent yet. It is safe for concurrent use.
type book struct {
	db   *sql.DB
	wake chan struct{} // signals that the outbox may not be empty
}

// The outbox is the point of this example. A comment and its event are written in one transaction, so that a crash
// cannot keep one and lose the other. The sender empties the outbox afterwards.
const schema = `
CREATE TABLE IF NOT EXISTS comment (
	seq     INTEGER PRIMARY KEY,
	id      TEXT NOT NULL UNIQUE,
	name    TEXT NOT NULL,
	comment TEXT NOT NULL,
	time    INTEGER NOT NULL -- seconds since 1970
) STRICT;
CREATE TABLE IF NOT EXISTS outbox (
	seq  INTEGER PRIMARY KEY,
	id   TEXT NOT NULL UNIQUE,
	time INTEGER NOT NULL,
	body BLOB NOT NULL
) STRICT;`

func openBook(ctx context.Context, path string) (*book, error) {
	// synchronous(FULL): a comment that the visitor sees survives a power failure.
	pragmas := "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)&_txlock=immediate"
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+pragmas)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	b := &book{db: db, wake: make(chan struct{}, 1)}
	return b, nil
}

func (b *book) close() error { return b.db.Close() }

// add stores a comment together with its event.
func (b *book) add(ctx context.Context, c comment) error {
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	id := "comment-" + rand.Text()       // not seq: a new database counts from 1 again
	if _, err := tx.ExecContext(ctx, `INSERT INTO comment (id, name, comment, time) VALUES (?, ?, ?, ?)`, id, c.Name,
		c.Comment, c.Time); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO outbox (id, time, body) VALUES (?, ?, ?)`, id, c.Time,
		body); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	select {
	case b.wake <- struct{}{}:
	default: // the sender has a signal already
	}
	return nil
}

// before returns at most limit comments that are older than the one with the given seq, newest first. If seq is 0 it
// starts with the newest comment.
func (b *book) before(ctx context.Context, seq int64, limit int) ([]comment, error) {
	rows, err := b.db.QueryContext(ctx,
		`SELECT seq, name, comment, time FROM comment WHERE seq < ? OR ? = 0 ORDER BY seq DESC LIMIT ?`, seq, seq,
		limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []comment
	for rows.Next() {
		var c comment
		if err := rows.Scan(&c.Seq, &c.Name, &c.Comment, &c.Time); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

// next returns the oldest event in the outbox, or sql.ErrNoRows.
func (b *book) next(ctx context.Context) (event, error) {
	var e event
	var at int64
	err := b.db.QueryRowContext(ctx, `SELECT seq, id, time, body FROM outbox ORDER BY seq LIMIT 1`).
		Scan(&e.Seq, &e.ID, &at, (*[]byte)(&e.Body))
	e.Time = time.Unix(at, 0).UTC()
	return e, err
}

// remove removes an event from the outbox.
func (b *book) remove(ctx context.Context, e event) error {
	_, err := b.db.ExecContext(ctx, `DELETE FROM outbox WHERE seq = ?`, e.Seq)
	return err
}

// waiting returns the number of events in the outbox.
func (b *book) waiting(ctx context.Context) (n int, err error) {
	err = b.db.QueryRowContext(ctx, `SELECT count(*) FROM outbox`).Scan(&n)
	return n, err
}
