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

// Inbox stores notifications in a SQLite file. It never deletes them. It is safe for concurrent use.
type Inbox struct {
	db   *sql.DB
	wake chan struct{}
}

// status is new, processed or failed.
const schema = `
CREATE TABLE IF NOT EXISTS notification (
	seq      INTEGER PRIMARY KEY,
	id       TEXT NOT NULL UNIQUE,
	received INTEGER NOT NULL, -- microseconds since 1970
	status   TEXT NOT NULL DEFAULT 'new',
	body     BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS notification_new ON notification (seq) WHERE status = 'new';`

// OpenInbox opens the file and creates it if it does not exist. The caller must close the inbox.
func OpenInbox(ctx context.Context, path string) (*Inbox, error) {
	// synchronous(FULL): what was answered with 2xx survives a power failure.
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

// Store stores a notification. When it returns nil, the notification is on disk. If one with the same id is stored
// already, nothing changes and isNew is false.
func (in *Inbox) Store(ctx context.Context, n Notification) (isNew bool, err error) {
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
		default: // Work has a signal already
		}
	}
	return added > 0, err
}

// Count returns the number of notifications.
func (in *Inbox) Count(ctx context.Context) (n int, err error) {
	err = in.db.QueryRowContext(ctx, `SELECT count(*) FROM notification`).Scan(&n)
	return n, err
}

// Before returns at most limit notifications that are older than the one with the given Seq, newest first. If seq is 0
// it starts with the newest notification.
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

// ErrGiveUp means, also when it is wrapped, that processing a notification will never succeed.
var ErrGiveUp = errors.New("gave up")

// Delays between two attempts at the same work.
const (
	firstWait = time.Second
	maxWait   = time.Minute
)

// Work calls do for every new notification, one at a time in the order of arrival, until ctx is done. If do fails, Work
// retries after a delay; if the error is [ErrGiveUp], it marks the notification as failed. If the program is killed
// after do and before the notification is marked, do is called again.
func (in *Inbox) Work(ctx context.Context, log *slog.Logger, do func(context.Context, Notification) error) {
	wait := firstWait
	for ctx.Err() == nil {
		err := in.workOne(ctx, log, do)
		var again <-chan time.Time
		switch {
		case err == nil:
			wait = firstWait
			continue
		case errors.Is(err, sql.ErrNoRows): // nothing to do: wait for more
		case ctx.Err() == nil:
			log.Warn("retrying", "in", wait, "error", err)
			again = time.After(wait)
			wait = min(2*wait, maxWait)
		}
		wake := in.wake
		if again != nil {
			wake = nil // new work does not shorten the delay
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
