package store

import (
	"context"
	"fmt"

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
