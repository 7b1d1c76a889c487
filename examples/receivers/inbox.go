package receivers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// Inbox keeps notifications in an SQLite file until somebody deletes that. It is safe for concurrent use.
type Inbox struct {
	db   *sql.DB
	wake chan struct{}
}

// status says what became of a notification: new, processed or failed.
const schema = `
CREATE TABLE IF NOT EXISTS notification (
	seq      INTEGER PRIMARY KEY,
	id       TEXT NOT NULL UNIQUE,
	received INTEGER NOT NULL, -- microseconds since 1970
	status   TEXT NOT NULL DEFAULT 'new',
	body     BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS notification_new ON notification (seq) WHERE status = 'new';`

// OpenInbox opens the file, and makes it when there is none. Close the inbox when it is no longer used.
func OpenInbox(ctx context.Context, path string) (*Inbox, error) {
	// synchronous(FULL): what was answered with 2xx is on the disk, whatever happens to the machine.
	pragmas := "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)"
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+pragmas)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	return &Inbox{db: db, wake: make(chan struct{}, 1)}, nil
}

// Close closes the file.
func (in *Inbox) Close() error { return in.db.Close() }

// Keep keeps a notification. isNew is false when one with the same id was kept before: then nothing changes. When it
// returns nil, the notification is on the disk.
func (in *Inbox) Keep(ctx context.Context, n Notification) (isNew bool, err error) {
	result, err := in.db.ExecContext(ctx,
		`INSERT INTO notification (id, received, body) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		n.ID, n.Received.UnixMicro(), []byte(n.Body))
	if err != nil {
		return false, err
	}
	added, err := result.RowsAffected()
	if added > 0 {
		select {
		case in.wake <- struct{}{}:
		default: // somebody is about to look anyway
		}
	}
	return added > 0, err
}

// Count says how many notifications there are.
func (in *Inbox) Count(ctx context.Context) (n int, err error) {
	err = in.db.QueryRowContext(ctx, `SELECT count(*) FROM notification`).Scan(&n)
	return n, err
}

// Before lists at most limit notifications that came before the one with the given Seq, the newest first. 0 begins with
// the newest of all.
func (in *Inbox) Before(ctx context.Context, seq int64, limit int) ([]Notification, error) {
	rows, err := in.db.QueryContext(ctx,
		`SELECT seq, id, received, body FROM notification WHERE seq < ? OR ? = 0 ORDER BY seq DESC LIMIT ?`, seq, seq,
		limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []Notification
	for rows.Next() {
		n, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, rows.Err()
}

func scan(row interface{ Scan(...any) error }) (Notification, error) {
	var n Notification
	var received int64
	err := row.Scan(&n.Seq, &n.ID, &received, (*[]byte)(&n.Body))
	n.Received = time.UnixMicro(received).UTC()
	return n, err
}

// ErrGiveUp says, wrapped or as it is, that a piece of work will never succeed.
var ErrGiveUp = errors.New("gave up")

// Waits between two tries of the same work.
const (
	firstWait = time.Second
	maxWait   = time.Minute
)

// Work calls do for every notification that is new, one after the other in the order of arrival, until ctx ends. What
// fails is tried again after a while, and marked as failed when the error is [ErrGiveUp]. A program that is killed
// between the work and its mark does that work once more.
func (in *Inbox) Work(ctx context.Context, log *slog.Logger, do func(context.Context, Notification) error) {
	wait := firstWait
	for ctx.Err() == nil {
		err := in.workOne(ctx, log, do)
		var again <-chan time.Time
		switch {
		case err == nil:
			wait = firstWait
			continue
		case errors.Is(err, sql.ErrNoRows): // all is done: wait for more
		case ctx.Err() == nil:
			log.Warn("trying again", "in", wait, "error", err)
			again = time.After(wait)
			wait = min(2*wait, maxWait)
		}
		wake := in.wake
		if again != nil {
			wake = nil // more work does not make the failed one due
		}
		select {
		case <-wake:
		case <-again:
		case <-ctx.Done():
		}
	}
}

func (in *Inbox) workOne(ctx context.Context, log *slog.Logger, do func(context.Context, Notification) error) error {
	n, err := scan(in.db.QueryRowContext(ctx,
		`SELECT seq, id, received, body FROM notification WHERE status = 'new' ORDER BY seq LIMIT 1`))
	if err != nil {
		return err
	}
	status := "processed"
	if err := do(ctx, n); errors.Is(err, ErrGiveUp) {
		log.Error("failed for good", "id", n.ID, "error", err)
		status = "failed"
	} else if err != nil {
		return err
	}
	_, err = in.db.ExecContext(context.WithoutCancel(ctx), `UPDATE notification SET status = ? WHERE seq = ?`, status,
		n.Seq)
	return err
}
