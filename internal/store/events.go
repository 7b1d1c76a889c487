package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

const (
	eventLight = "e.seq, e.id, e.project_key, e.source, e.type, e.time, e.method, e.target, e.remote, e.verified, " +
		"e.content_type, e.data_offset, e.size, e.channels, e.uid"
	eventWhole = eventLight + ", e.header, e.trace, e.body"
)

// eventSmall is eventWhole without large bodies, which loadLarge reads.
var eventSmall = fmt.Sprintf("%s, e.header, e.trace, case when e.size <= %d then e.body end", eventLight,
	hookyard.LargeBody)

func (db *DB) scanEvent(row interface{ Scan(...any) error }, whole bool) (*hookyard.Event, error) {
	e := &hookyard.Event{}
	var at int64
	var header []byte
	var trace, channels string
	into := []any{&e.Seq, &e.ID, &e.ProjectKey, &e.Source, &e.Type, &at, &e.Method, &e.Target, &e.Remote, &e.Verified,
		&e.ContentType, &e.DataOffset, &e.Size, &channels, &e.UID}
	if whole {
		into = append(into, &header, &trace, &e.Body)
	}
	if err := row.Scan(into...); err != nil {
		return nil, err
	}
	e.Time = fromMicros(at)
	if channels != "" {
		e.Channels = strings.Split(channels, ",")
	}
	if whole {
		e.Header = hookyard.DecodeHeader(header)
		e.Trace = hookyard.ParseTrace(trace)
		if e.Encoding() != "" {
			e.Decompress = db.plain
		}
	}
	return e, nil
}

// Event returns an event of a project with its bytes, or [hookyard.ErrNotFound]. projectKey 0 means any. It waits for
// room for a large body, which a request has until its context ends; the error is Unavailable if there is none.
func (db *DB) Event(ctx context.Context, projectKey int64, id string) (*hookyard.Event, error) {
	e, err := db.eventByID(ctx, eventSmall, projectKey, id)
	if err != nil {
		return nil, err
	}
	held := db.hold(ctx)
	defer held.keep()
	if _, err := db.loadLarge(ctx, held, e); err != nil {
		return nil, err
	}
	return e, db.fillDuplicates(ctx, e)
}

// EventMeta is Event without header and body, which takes no memory to speak of.
func (db *DB) EventMeta(ctx context.Context, projectKey int64, id string) (*hookyard.Event, error) {
	return db.eventByID(ctx, eventLight, projectKey, id)
}

// EventByUID returns the newest event of a project with a uid, without header and body, or [hookyard.ErrNotFound].
func (db *DB) EventByUID(ctx context.Context, projectKey int64, uid string) (*hookyard.Event, error) {
	e, err := db.scanEvent(db.read.QueryRowContext(ctx, "select "+eventLight+" from events e where e.project_key = $1 "+
		"and e.uid = $2 and e.uid <> '' order by e.seq desc limit 1", projectKey, uid), false)
	return e, db.translate(err)
}

func (db *DB) eventByID(ctx context.Context, columns string, projectKey int64, id string) (*hookyard.Event, error) {
	e, err := db.scanEvent(db.read.QueryRowContext(ctx,
		"select "+columns+" from events e where e.id = $1 and (cast($2 as bigint) = 0 or e.project_key = $2)",
		id, projectKey), columns != eventLight)
	return e, db.translate(err)
}

// fillDuplicates adds how often events came again.
func (db *DB) fillDuplicates(ctx context.Context, events ...*hookyard.Event) error {
	ids := make([]any, len(events))
	byID := make(map[string]*hookyard.Event, len(events))
	for i, e := range events {
		ids[i], byID[e.ID] = e.ID, e
	}
	rows, err := db.read.QueryContext(ctx, "select event_id, times, last from seen where times > 0 and event_id in ("+
		placeholders(len(ids))+")", ids...)
	if err != nil {
		return err
	}
	_, err = collect(rows, func(row scanner) (none struct{}, err error) {
		var id string
		var times int
		var last int64
		if err := row.Scan(&id, &times, &last); err != nil {
			return none, err
		}
		byID[id].Duplicates, byID[id].LastDuplicateAt = times, fromMicros(last)
		return none, nil
	})
	return err
}

// eventsBySeq reads events with their bytes.
func (db *DB) eventsBySeq(ctx context.Context, seqs []int64) (map[int64]*hookyard.Event, error) {
	return db.readEvents(ctx, eventWhole, seqs)
}

// EventBody returns the body of an event, or nil when it is past its retention.
func (db *DB) EventBody(ctx context.Context, seq int64) ([]byte, error) {
	if db.dialect.local {
		db.copying.Lock()
		defer db.copying.Unlock()
	}
	var body ownBytes
	err := db.read.QueryRowContext(ctx, "select body from events where seq = $1", seq).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return body, err
}

// largeCopy is the size in bytes from which the bodies of a batch are not written while a large body is read.
const largeCopy = 4 << 20

// ownBytes is scanned without a copy, which matters for bodies of many megabytes. It is for queries of one row: drivers
// do not change a value any more once the rows are closed (database/sql/driver.Rows).
type ownBytes []byte

// Scan implements [sql.Scanner].
func (b *ownBytes) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*b = nil
	case []byte:
		*b = v
	default:
		return fmt.Errorf("%T is not a blob", value)
	}
	return nil
}

// readEvents reads columns of events: [eventWhole], or the same with another expression for the body.
func (db *DB) readEvents(ctx context.Context, columns string, seqs []int64) (map[int64]*hookyard.Event, error) {
	args := make([]any, len(seqs))
	for i, s := range seqs {
		args[i] = s
	}
	rows, err := db.read.QueryContext(ctx,
		"select "+columns+" from events e where e.seq in ("+placeholders(len(seqs))+")", args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := make(map[int64]*hookyard.Event, len(seqs))
	for rows.Next() {
		e, err := db.scanEvent(rows, true)
		if err != nil {
			return nil, err
		}
		out[e.Seq] = e
	}
	return out, rows.Err()
}

// lastSeq is above every seq.
const lastSeq = 1<<62 - 1

// seqsBetween returns the seqs between which the events of a time are; a zero time is no bound. Clocks may differ, so
// some of them are of another time.
func (db *DB) seqsBetween(ctx context.Context, since, until time.Time) (from, to int64, err error) {
	to = lastSeq
	if !since.IsZero() {
		if from, err = db.seqAt(ctx, since.Add(-clockSlack)); err != nil {
			return 0, 0, err
		}
	}
	if !until.IsZero() {
		to, err = db.seqAt(ctx, until.Add(clockSlack))
	}
	return from, to, err
}

// clockSlack is by how much the order of times may differ from the order of seqs.
const clockSlack = time.Minute

// seqAt returns the seq of the first event at or after t, up to the slack of clocks, by bisection: times rise with
// seqs.
func (db *DB) seqAt(ctx context.Context, t time.Time) (int64, error) {
	var low, high int64
	// Two subqueries: SQLite answers min and max from an index only when they stand alone.
	err := db.read.QueryRowContext(ctx,
		"select coalesce((select min(seq) from events), 0), coalesce((select max(seq) from events), 0) + 1").Scan(&low,
		&high)
	if err != nil {
		return 0, err
	}
	for low < high {
		middle := low + (high-low)/2
		var seq, at int64
		err := db.read.QueryRowContext(ctx, "select seq, time from events where seq >= $1 order by seq limit 1",
			middle).Scan(&seq, &at)
		switch {
		case err == sql.ErrNoRows || err == nil && at >= micros(t):
			high = middle
		case err != nil:
			return 0, err
		default:
			low = seq + 1
		}
	}
	return low, nil
}

// SeqAt returns a cursor that stands before the first event of time t or later.
func (db *DB) SeqAt(ctx context.Context, t time.Time) (int64, error) {
	seq, err := db.seqAt(ctx, t)
	return max(0, seq-1), err
}

// Bounds returns the oldest seq of a project whose event is still here and the newest seq of all; both 0 when empty.
func (db *DB) Bounds(ctx context.Context, projectKey int64) (oldest, newest int64, err error) {
	err = db.read.QueryRowContext(ctx, "select coalesce((select seq from events where "+
		db.dialect.eventsOf("$1", ">=", "0")+" and "+db.dialect.eventsOf("$1", "<=", "$2")+
		" order by project_key, seq limit 1), 0), (select value from counters where name = 'event_seq')",
		projectKey, int64(lastSeq)).Scan(&oldest, &newest)
	return oldest, newest, err
}

// fillPage adds the deliveries by state of each event found, and its duplicates.
func (db *DB) fillPage(ctx context.Context, page *hookyard.EventPage) error {
	if len(page.Events) == 0 {
		return nil
	}
	args := make([]any, len(page.Events))
	at := map[int64]int{}
	page.Counts = make([]map[hookyard.State]int, len(page.Events))
	for i, e := range page.Events {
		args[i] = e.Seq
		at[e.Seq] = i
		page.Counts[i] = map[hookyard.State]int{}
	}
	rows, err := db.read.QueryContext(ctx, "select event_seq, "+shownState+` as shown, count(*)
		from deliveries d where event_seq in (`+placeholders(len(args))+") group by event_seq, shown", args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var seq int64
		var state string
		var n int
		if err := rows.Scan(&seq, &state, &n); err != nil {
			return err
		}
		page.Counts[at[seq]][hookyard.State(state)] = n
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return db.fillDuplicates(ctx, page.Events...)
}
