package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hookyard/hookyard"
)

// A delivery that is sent again is a pending row like any other, so that it is claimed and finished like any other.
// The column delivered tells that it had a 2xx before: such a row reads as delivered whatever its state is, and goes
// back to that state when it ends.

// shownState is the state that a row of deliveries d reads as.
const shownState = "case when d.delivered > 0 then 'delivered' else d.state end"

// stateIs returns the condition that a row of deliveries d reads as a state. arg adds a parameter.
func stateIs(s hookyard.State, arg func(any) string) string {
	switch s {
	case hookyard.Delivered:
		return "(d.state = 'delivered' or d.delivered > 0)"
	case hookyard.Pending:
		return "d.state = 'pending' and d.delivered = 0"
	}
	return "d.state = " + arg(string(s)) + " and d.state not in ('pending', 'delivered')" // names the partial index
}

// openAgain are the assignments that make an ended delivery pending. now, place and replay are SQL expressions.
func openAgain(now, place, replay string) string {
	return `delivered = case when deliveries.state = 'delivered' and deliveries.delivered = 0 then deliveries.updated
			else deliveries.delivered end, was = deliveries.state, was_reason = deliveries.reason, resend = 'pending',
		state = 'pending', reason = '', node = 0, tries = 0, due = ` + now + `, updated = ` + now + `,
		place = ` + place + `, replay = ` + replay
}

// endAs are the assignments of state, reason and resend when a pending row becomes state, which may be pending still.
// What a bulk replay opened and is canceled goes back to what it was. row qualifies the columns; state and reason are
// SQL expressions.
func endAs(row, state, reason string) string {
	back := fmt.Sprintf("%s = 'canceled' and %s.replay > 0 and %s.was <> ''", state, row, row)
	return fmt.Sprintf(`state = case when %[2]s <> 'pending' and %[1]s.delivered > 0 then 'delivered'
			when %[4]s then %[1]s.was else %[2]s end,
		reason = case when %[4]s then %[1]s.was_reason else %[3]s end,
		resend = case when %[1]s.resend = '' then '' else %[2]s end`, row, state, reason, back)
}

// Reopen makes a delivery pending again, due at once, with a fresh schedule; one that is pending already becomes due at
// once. It fails with [hookyard.ErrNotFound] when the event has no delivery to the hook, and with [hookyard.Conflict]
// while an attempt is under way.
//
// The delivery of an ordered hook takes the place of its event again: it goes before those that wait.
func (db *DB) Reopen(ctx context.Context, eventSeq, hookKey int64) error {
	h, err := db.HookByKey(ctx, hookKey)
	if err != nil {
		return err
	}
	return db.txPlain(ctx, func(c conn) error { return db.reopen(ctx, c, eventSeq, h) })
}

// SendOnce makes a delivery pending for one attempt, due at once, and creates it if the event has none to the hook. A
// pending one ends with that attempt, too. It fails with [hookyard.Conflict] while another attempt is under way, and
// does nothing when the event is past its retention.
func (db *DB) SendOnce(ctx context.Context, eventSeq, hookKey int64) error {
	h, err := db.HookByKey(ctx, hookKey)
	if err != nil {
		return err
	}
	return db.txPlain(ctx, func(c conn) error {
		err := db.reopen(ctx, c, eventSeq, h)
		if errors.Is(db.translate(err), hookyard.ErrNotFound) {
			_, err = db.createDelivery(ctx, c, eventSeq, h, 0)
		}
		if err != nil {
			return err
		}
		_, err = c.ExecContext(ctx, "update deliveries set tries = $1 where event_seq = $2 and hook_key = $3 and "+
			"state = 'pending'", hookyard.TryOnce, eventSeq, hookKey)
		return err
	})
}

func (db *DB) reopen(ctx context.Context, c conn, eventSeq int64, h *hookyard.Hook) error {
	now, hookKey := time.Now().UnixMicro(), h.Key
	var state string
	var held int64
	err := c.QueryRowContext(ctx, "select state, node from deliveries where event_seq = $1 and hook_key = $2"+
		db.dialect.forUpdate, eventSeq, hookKey).Scan(&state, &held)
	if err != nil {
		return err
	}
	pending := state == string(hookyard.Pending)
	if pending && held != 0 {
		return hookyard.Errorf(hookyard.Conflict,
			"an attempt of this delivery is under way or about to be; look again in a moment")
	}
	args := []any{now, eventSeq, hookKey, placeOf(h, eventSeq)}
	if pending {
		_, err := c.ExecContext(ctx, `update deliveries set reason = '', due = $1, place = $4, tries = 0,
				updated = $1 where event_seq = $2 and hook_key = $3`, args...)
		return err
	}
	_, err = db.openRows(ctx, c, "update deliveries set "+openAgain("$1", "$4", "0")+
		" where event_seq = $2 and hook_key = $3", args...)
	return err
}

// marks are what the figures need to know of a row that is opened or ends.
type marks struct {
	project, hook int64
	replay        int64 // its key, or 0
	delivered     bool  // it had a 2xx before it was opened
}

// marksOf returns the marks of a claimed delivery.
func marksOf(d *hookyard.Delivery) marks {
	return marks{project: d.ProjectKey, hook: d.HookKey, replay: d.ReplayKey, delivered: !d.DeliveredAt.IsZero()}
}

// returningMarks are the columns that scanMarks reads, of deliveries after the change.
const returningMarks = " returning project_key, hook_key, replay, delivered"

func scanMarks(row scanner) (m marks, err error) {
	var delivered int64
	err = row.Scan(&m.project, &m.hook, &m.replay, &delivered)
	m.delivered = delivered > 0
	return m, err
}

// replayCounts is the key of the figures of a bulk replay.
func replayCounts(project, replay int64) CountKey { return CountKey{Project: project, Hook: -replay} }

// opened counts a row that became pending.
func (t *tally) opened(m marks) {
	t.of(m.project, m.hook).Open(1)
	if m.replay != 0 {
		k := replayCounts(m.project, m.replay)
		t.of(k.Project, k.Hook).Open(1)
	}
}

// ended counts a pending row that ended.
func (t *tally) ended(m marks, s hookyard.State) {
	if c := t.of(m.project, m.hook); m.delivered {
		c.EndResend(1)
	} else {
		c.End(s, 1)
	}
	if m.replay != 0 {
		k := replayCounts(m.project, m.replay)
		t.of(k.Project, k.Hook).End(s, 1)
	}
}

// changeRows runs a statement that opens or ends rows and returns their marks, and stores what it changes of the
// figures. count is called with each row.
func (db *DB) changeRows(ctx context.Context, c conn, count func(*tally, marks), text string,
	args ...any) ([]marks, error) {
	rows, err := c.QueryContext(ctx, text+returningMarks, args...)
	if err != nil {
		return nil, err
	}
	all, err := collect(rows, scanMarks)
	if err != nil {
		return nil, err
	}
	var counted tally
	for _, m := range all {
		count(&counted, m)
	}
	return all, db.storeTally(ctx, c, &counted)
}

// endRows is changeRows for rows that end in a state.
func (db *DB) endRows(ctx context.Context, c conn, s hookyard.State, text string, args ...any) (int, error) {
	all, err := db.changeRows(ctx, c, func(t *tally, m marks) { t.ended(m, s) }, text, args...)
	return len(all), err
}

// openRows is changeRows for rows that become pending.
func (db *DB) openRows(ctx context.Context, c conn, text string, args ...any) ([]marks, error) {
	return db.changeRows(ctx, c, (*tally).opened, text, args...)
}
