package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// attemptsTime bounds the search for attempts that few match.
const attemptsTime = 5 * time.Second

// longestRetry is how long after its event an attempt is looked for when a list is bounded by time.
const longestRetry = 14 * 24 * time.Hour

// FindAttempts lists attempts without what was sent. It fails with Unavailable when it takes too long.
func (db *DB) FindAttempts(ctx context.Context, q hookyard.AttemptQuery) ([]hookyard.FoundAttempt, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptsTime)
	defer cancel()
	var args params
	where, err := db.attemptsWhere(ctx, &q, &args)
	if err != nil {
		return nil, err
	}
	order := "d.event_seq %s, a.n %[1]s"
	if q.EventSeq != 0 {
		order = "a.started %s, a.hook_key %[1]s, a.n %[1]s"
	}
	direction := "desc"
	if q.Backward {
		direction = "asc"
	}
	rows, err := db.read.QueryContext(ctx, `select a.event_seq, a.hook_key, a.n, a.started, a.duration,
			a.request_header, a.status, a.response_body, a.truncated, a.error, a.kind, a.manual, e.id, h.id
		from deliveries d join attempts a on a.event_seq = d.event_seq and a.hook_key = d.hook_key
			join events e on e.seq = d.event_seq join hooks h on h.key = d.hook_key
		where `+where+" order by "+fmt.Sprintf(order, direction)+fmt.Sprintf(" limit %d", q.Limit), args...)
	if err == nil {
		var out []hookyard.FoundAttempt
		if out, err = collect(rows, db.scanFound); err == nil {
			return out, nil
		}
	}
	if ctx.Err() != nil {
		return nil, hookyard.Errorf(hookyard.Unavailable,
			"the list takes too long: bound it by time, or leave out what restricts it")
	}
	return nil, err
}

func (db *DB) scanFound(row scanner) (f hookyard.FoundAttempt, err error) {
	var started, duration int64
	var sent []byte
	err = row.Scan(&f.EventSeq, &f.HookKey, &f.N, &started, &duration, &sent, &f.Status, &f.ResponseBody,
		&f.ResponseTruncated, &f.Error, &f.ErrorKind, &f.Manual, &f.EventID, &f.HookID)
	f.StartedAt, f.Duration = fromMicros(started), time.Duration(duration)*time.Microsecond
	if err == nil {
		var broken error
		if f.URL, f.RequestHeader, broken = db.seal.openRequest(sent); broken != nil {
			f.URL = hookyard.Masked
		}
	}
	return f, err
}

func (db *DB) attemptsWhere(ctx context.Context, q *hookyard.AttemptQuery, args *params) (string, error) {
	where := []string{"d.project_key = " + args.add(q.ProjectKey), "d.attempts > 0"}
	add := func(condition string, values ...any) {
		for _, v := range values {
			condition = strings.Replace(condition, "?", args.add(v), 1)
		}
		where = append(where, condition)
	}
	if q.HookKey != 0 {
		add("d.hook_key = ?", q.HookKey)
	}
	if q.EventSeq != 0 {
		add("d.event_seq = ?", q.EventSeq)
	}
	if q.EventSeq == 0 && !(q.Since.IsZero() && q.Until.IsZero()) {
		since := q.Since
		if !since.IsZero() {
			since = since.Add(-longestRetry)
		}
		from, to, err := db.seqsBetween(ctx, since, q.Until)
		if err != nil {
			return "", err
		}
		add("d.event_seq >= ? and d.event_seq <= ?", from, to)
	}
	const ok = "a.kind = '' and a.status >= 200 and a.status < 300"
	switch {
	case q.Succeeded:
		add(ok)
	case q.Failed:
		add("not (" + ok + ")")
	}
	switch {
	case q.Class < 0:
		add("a.status = 0")
	case q.Class > 0:
		add("a.status >= ? and a.status < ?", q.Class*100, q.Class*100+100)
	}
	if len(q.Types) > 0 {
		names := make([]any, len(q.Types))
		for i, t := range q.Types {
			names[i] = t
		}
		add("e.type in ("+strings.TrimSuffix(strings.Repeat("?, ", len(names)), ", ")+")", names...)
	}
	if q.Channel != "" { // LIKE knows no case on one database, and has characters that stand for others
		add("replace(',' || e.channels || ',', ?, '') <> ',' || e.channels || ','", ","+q.Channel+",")
	}
	if !q.Since.IsZero() {
		add("a.started >= ?", micros(q.Since))
	}
	if !q.Until.IsZero() {
		add("a.started < ?", micros(q.Until))
	}
	if q.From != nil {
		addFrom(q, add)
	}
	return strings.Join(where, " and "), nil
}

// addFrom adds the condition that an attempt comes after one in the order of the list.
func addFrom(q *hookyard.AttemptQuery, add func(condition string, values ...any)) {
	after := "<"
	if q.Backward {
		after = ">"
	}
	if q.EventSeq == 0 {
		add("(d.event_seq, a.n) "+after+" (?, ?)", q.From.EventSeq, q.From.N)
		return
	}
	add("(a.started, a.hook_key, a.n) "+after+" (select f.started, f.hook_key, f.n from attempts f "+
		"where f.event_seq = ? and f.hook_key = ? and f.n = ?)", q.From.EventSeq, q.From.HookKey, q.From.N)
}

// DeliveriesAt returns the deliveries of events to a hook, by the seqs of the events.
func (db *DB) DeliveriesAt(ctx context.Context, hookKey int64, seqs []int64) (map[int64]hookyard.Delivery, error) {
	out := make(map[int64]hookyard.Delivery, len(seqs))
	if len(seqs) == 0 {
		return out, nil
	}
	args := []any{hookKey}
	for _, seq := range seqs {
		args = append(args, seq)
	}
	list, err := db.deliveriesOf(ctx, " where d.hook_key = $1 and d.event_seq in ("+placeholdersFrom(2, len(seqs))+")",
		args...)
	for _, d := range list {
		out[d.EventSeq] = d
	}
	return out, err
}

// EventAt returns the project's event at a seq or the next one after it, without header and body, or
// [hookyard.ErrNotFound].
func (db *DB) EventAt(ctx context.Context, projectKey, seq int64) (*hookyard.Event, error) {
	e, err := db.scanEvent(db.read.QueryRowContext(ctx, "select "+eventLight+" from events e where e.project_key = $1 "+
		"and e.seq >= $2 order by e.project_key, e.seq limit 1", projectKey, seq), false)
	return e, db.translate(err)
}

// Expunge deletes the body and the header of an event, what was made of them for its attempts, and the values by which
// it is found, as [DB.EraseEvents] does, but keeps the event. What is pending of it is canceled; what a node sends at
// this moment leaves the record of its attempt. It is entered into the audit log.
func (db *DB) Expunge(ctx context.Context, projectKey int64, e *hookyard.Event) error {
	return db.erasing(ctx, projectKey, func(c conn) error {
		seqs := []any{e.Seq}
		if _, err := db.cancelAll(ctx, c, "the event was expunged", seqs); err != nil {
			return err
		}
		err := db.shrink(ctx, c, projectKey, seqs, func() error {
			for _, text := range []string{
				"update events set body = null, header = $2 where seq = $1",
				"update attempts set request_body = null, request_size = case when request_body is null " +
					"then request_size else 0 end where event_seq = $1",
			} {
				args := []any{e.Seq, []byte{}}
				if _, err := c.ExecContext(ctx, text, args[:strings.Count(text, "$")]...); err != nil {
					return err
				}
			}
			return deleteFieldRows(ctx, c, seqs)
		})
		if err != nil {
			return err
		}
		return db.audit(ctx, c, projectKey, hookyard.Actor(ctx), "event.expunge", e.ID, "")
	})
}

// Expunged is what remains of a response that was expunged.
const Expunged = "EXPUNGED"

// ExpungeAttempt deletes the response of an attempt. It is entered into the audit log.
func (db *DB) ExpungeAttempt(ctx context.Context, projectKey int64, a *hookyard.Attempt, subject string) error {
	return db.erasing(ctx, projectKey, func(c conn) error {
		err := db.shrink(ctx, c, projectKey, []any{a.EventSeq}, func() error {
			_, err := c.ExecContext(ctx, "update attempts set response_body = $1, response_header = $2, "+
				"truncated = $3 where event_seq = $4 and hook_key = $5 and n = $6",
				[]byte(Expunged), []byte{}, false, a.EventSeq, a.HookKey, int64(a.N))
			return err
		})
		if err != nil {
			return err
		}
		return db.audit(ctx, c, projectKey, hookyard.Actor(ctx), "attempt.expunge", subject, "")
	})
}

// shrink makes a change of events and their attempts and counts the bytes that it frees.
func (db *DB) shrink(ctx context.Context, c conn, projectKey int64, seqs []any, change func() error) error {
	before, err := keptOf(ctx, c, seqs)
	if err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	after, err := keptOf(ctx, c, seqs)
	if err != nil {
		return err
	}
	var t tally
	t.of(projectKey, 0)[hookyard.CountKept] += after[projectKey] - before[projectKey]
	return db.storeTally(ctx, c, &t)
}
