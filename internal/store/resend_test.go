package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// resends is a project with one hook, whose deliveries are sent again.
type resends struct {
	t    *testing.T
	db   *store.DB
	v    *hookyard.Snapshot
	hook *hookyard.Hook
	n    int // deliveries
}

// startResends stores n events. Their deliveries end as given, those for which there is no state as delivered.
func startResends(t *testing.T, db *store.DB, n int, states ...hookyard.State) *resends {
	v := storetest.Project(t, db, "ann", "a", "http://one.test")
	r := &resends{t: t, db: db, v: v, hook: v.Hooks[0], n: n}
	put(t, db, v, "x", n, v.Hooks...)
	for i := range n {
		s := hookyard.Delivered
		if i < len(states) {
			s = states[i]
		}
		r.send(1, s)
	}
	return r
}

// send claims n deliveries and ends each in a state. It returns how many there were.
func (r *resends) send(n int, s hookyard.State) int {
	r.t.Helper()
	work := r.claim(n)
	for i := range work {
		r.finish(&work[i], s)
	}
	return len(work)
}

func (r *resends) claim(n int) []hookyard.Work {
	r.t.Helper()
	work, err := r.db.Claim(context.Background(), r.hook.Key, time.Now().Add(time.Minute), n)
	if err != nil {
		r.t.Fatal(err)
	}
	return work
}

func (r *resends) finish(w *hookyard.Work, s hookyard.State) {
	r.t.Helper()
	a := &hookyard.Attempt{EventSeq: w.Delivery.EventSeq, HookKey: r.hook.Key, N: w.Delivery.Attempts + 1,
		StartedAt: time.Now(), Duration: time.Millisecond, Status: 200}
	reason := ""
	if s != hookyard.Delivered {
		a.Status, reason = 500, "answered 500"
	}
	if err := r.db.Finish(context.Background(), &hookyard.Result{Work: w, Attempt: a,
		Decision: hookyard.Decision{State: s, Reason: reason, Due: time.Now()}}); err != nil {
		r.t.Error(err)
	}
}

// replay starts a bulk replay and does all of its steps.
func (r *resends) replay(job hookyard.Replay) *hookyard.Replay {
	r.t.Helper()
	job.ProjectKey = r.v.Project.Key
	if err := r.db.CreateReplay(r.t.Context(), &job); err != nil {
		r.t.Fatal(err)
	}
	r.steps(&job)
	return &job
}

func (r *resends) steps(job *hookyard.Replay) {
	r.t.Helper()
	for range 100 {
		_, done, err := r.db.StepReplay(r.t.Context(), job, func(*hookyard.Event) (bool, error) { return true, nil })
		if err != nil {
			r.t.Fatal(err)
		}
		if done {
			return
		}
	}
	r.t.Fatal("the replay does not end")
}

// progress compares the figures of a replay with those that are wanted.
func (r *resends) progress(when string, job *hookyard.Replay, want hookyard.Replay) {
	r.t.Helper()
	got, err := r.db.Replay(r.t.Context(), r.v.Project.Key, job.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	type figures struct {
		status                                                        string
		opened, queued, sending, delivered, failed, skipped, canceled int64
	}
	of := func(x *hookyard.Replay) figures {
		return figures{x.Status, x.Opened, x.Queued, x.Sending, x.Delivered, x.Failed, x.Skipped, x.Canceled}
	}
	if of(got) != of(&want) {
		r.t.Errorf("%s: %+v, want %+v", when, of(got), of(&want))
	}
}

// reads checks on every list and count that so many deliveries read as each state, and that the figures of the hook are
// those of the rows.
func (r *resends) reads(when string, want map[hookyard.State]int) {
	r.t.Helper()
	ctx := r.t.Context()
	for _, s := range []hookyard.State{hookyard.Pending, hookyard.Delivered, hookyard.Failed, hookyard.Skipped,
		hookyard.Canceled} {
		list, _, err := r.db.Deliveries(ctx, hookyard.DeliveryQuery{ProjectKey: r.v.Project.Key, State: s, Limit: 100})
		if err != nil || len(list) != want[s] {
			r.t.Errorf("%s: %d deliveries are listed as %s, %v; want %d", when, len(list), s, err, want[s])
		}
		for _, d := range list {
			if d.State != s {
				r.t.Errorf("%s: a delivery in the list of those %s is %s", when, s, d.State)
			}
			if (s == hookyard.Delivered) == d.DeliveredAt.IsZero() {
				r.t.Errorf("%s: a delivery that is %s was delivered at %s", when, s, d.DeliveredAt)
			}
		}
		page, err := r.db.Events(ctx, hookyard.EventQuery{ProjectKey: r.v.Project.Key, State: s, Limit: 100})
		if err != nil || len(page.Events) != want[s] {
			r.t.Errorf("%s: %d events are found as %s, %v; want %d", when, len(page.Events), s, err, want[s])
		}
		for _, counts := range page.Counts {
			if counts[s] != 1 {
				r.t.Errorf("%s: an event that was found as %s has %v", when, s, counts)
			}
		}
	}
	missed, err := r.db.HookMissed(ctx, r.hook.Key, 100)
	if err != nil || missed.Skipped != want[hookyard.Skipped] || missed.Failed != want[hookyard.Failed] {
		r.t.Errorf("%s: the hook missed %+v, %v; want %v", when, missed, err, want)
	}
	key := store.CountKey{Project: r.v.Project.Key, Hook: r.hook.Key}
	totals, err := r.db.Totals(ctx, key.Project)
	if err != nil {
		r.t.Fatal(err)
	}
	for k := range totals {
		if k.Hook < 0 {
			r.t.Errorf("%s: the figures of a replay are among those of hooks", when)
		}
	}
	if p := totals[store.CountKey{Project: key.Project}]; *totals[key] != withoutEvents(*p) {
		r.t.Errorf("%s: the project counts %v and its hook %v", when, *p, *totals[key])
	}
	var pending int64
	row := r.db.Pool().QueryRow("select count(*) from deliveries where state = 'pending'")
	if err := row.Scan(&pending); err != nil {
		r.t.Fatal(err)
	}
	c := totals[key]
	ended := c.Ended() + c[hookyard.CountSkipped] + c[hookyard.CountCanceled] + c[hookyard.CountResent]
	if c[hookyard.CountWaiting] != pending || c[hookyard.CountOpened]-ended != pending {
		r.t.Errorf("%s: %d wait, %d were opened and %d ended; %d rows are pending", when, c[hookyard.CountWaiting],
			c[hookyard.CountOpened], ended, pending)
	}
}

func withoutEvents(c hookyard.Counts) hookyard.Counts {
	for _, ofProjects := range []hookyard.Counter{hookyard.CountEvents, hookyard.CountBytes, hookyard.CountKept} {
		c[ofProjects] = 0
	}
	return c
}

type states = map[hookyard.State]int

// TestReplayIntoAHookThatIsSwitchedOff switches a hook off in the middle of a replay of what was delivered.
func TestReplayIntoAHookThatIsSwitchedOff(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := startResends(t, db, 10)
		all := states{hookyard.Delivered: 10}
		r.reads("at first", all)
		job := r.replay(hookyard.Replay{})
		r.reads("queued", all)
		r.progress("queued", job, hookyard.Replay{Status: hookyard.ReplayQueued, Opened: 10, Queued: 10})
		r.send(2, hookyard.Delivered)
		r.send(1, hookyard.Failed)
		r.send(1, hookyard.Pending) // its next attempt is due
		held := r.claim(1)
		r.reads("under way", all)
		r.progress("under way", job, hookyard.Replay{Status: hookyard.ReplayQueued, Opened: 10, Queued: 6, Sending: 1,
			Delivered: 2, Failed: 1})
		if n, err := db.EndPending(t.Context(), r.hook.Key, hookyard.Skipped, "off", 100); n != 6 || err != nil {
			t.Errorf("EndPending = %d, %v", n, err)
		}
		r.reads("off", all)
		r.finish(&held[0], hookyard.Skipped)
		r.reads("ended", all)
		want := hookyard.Replay{Status: hookyard.ReplayDone, Opened: 10, Delivered: 2, Failed: 1, Skipped: 7}
		r.progress("ended", job, want)
		db.FoldCounts(t)
		r.progress("folded", job, want)
		totals, err := db.Totals(t.Context(), r.v.Project.Key)
		if c := totals[store.CountKey{Project: r.v.Project.Key, Hook: r.hook.Key}]; err != nil ||
			c[hookyard.CountDelivered] != 10 || c[hookyard.CountSkipped] != 0 || c[hookyard.CountFailed] != 0 {
			t.Errorf("figures %v, %v; want 10 delivered and nothing less", c, err)
		}
		list, _, err := db.Deliveries(t.Context(), hookyard.DeliveryQuery{ProjectKey: r.v.Project.Key, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		resent := states{}
		for _, d := range list {
			resent[d.Resend]++
			if d.Replay != job.ID || d.Open() {
				t.Errorf("a delivery is of replay %q, open %t", d.Replay, d.Open())
			}
		}
		if resent[hookyard.Delivered] != 2 || resent[hookyard.Failed] != 1 || resent[hookyard.Skipped] != 7 {
			t.Errorf("sent again: %v", resent)
		}
		again := r.replay(hookyard.Replay{HookKey: r.hook.Key, Hook: "h1", State: hookyard.Skipped})
		if again.Opened != 0 {
			t.Errorf("catching up opens %d deliveries, want none", again.Opened)
		}
	})
}

// TestCancelReplay cancels a replay after some of it was sent: the rest goes back to what it was.
func TestCancelReplay(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := startResends(t, db, 8, hookyard.Failed, hookyard.Failed, hookyard.Failed)
		ctx := t.Context()
		r.reads("at first", states{hookyard.Delivered: 5, hookyard.Failed: 3})
		job := r.replay(hookyard.Replay{})
		r.reads("queued", states{hookyard.Delivered: 5, hookyard.Pending: 3})
		r.send(1, hookyard.Delivered)
		held := r.claim(2)
		if err := db.CancelReplay(ctx, r.v.Project.Key, job.ID); err != nil {
			t.Fatal(err)
		}
		if canceled, err := db.ReplayCanceled(ctx, job.Key); !canceled || err != nil {
			t.Errorf("ReplayCanceled = %t, %v", canceled, err)
		}
		jobs, err := db.RunningReplays(ctx)
		if err != nil || len(jobs) != 1 || jobs[0].Status != hookyard.ReplayCanceled {
			t.Fatalf("to be done: %v, %v; want the canceled replay", jobs, err)
		}
		r.steps(jobs[0])
		r.progress("canceled", job, hookyard.Replay{Status: hookyard.ReplayCanceled, Opened: 8, Sending: 2,
			Delivered: 1, Canceled: 5})
		r.finish(&held[0], hookyard.Canceled) // its turn had not come
		r.finish(&held[1], hookyard.Pending)  // it was under way, and failed
		r.steps(jobs[0])
		r.reads("ended", states{hookyard.Delivered: 6, hookyard.Failed: 2})
		r.progress("ended", job, hookyard.Replay{Status: hookyard.ReplayCanceled, Opened: 8, Delivered: 1, Canceled: 7})
		list, _, err := db.Deliveries(ctx, hookyard.DeliveryQuery{ProjectKey: r.v.Project.Key, State: hookyard.Failed,
			Limit: 10})
		if err != nil || len(list) != 2 || list[0].Reason != "answered 500" {
			t.Errorf("what failed before: %+v, %v", list, err)
		}
		if jobs, err := db.RunningReplays(ctx); err != nil || len(jobs) != 0 {
			t.Errorf("%d replays are to be done, %v", len(jobs), err)
		}
		if err := db.CancelReplay(ctx, r.v.Project.Key, job.ID); hookyard.CodeOf(err) != hookyard.Conflict {
			t.Errorf("a second cancel: %v, want a conflict", err)
		}
	})
}

// TestTwoReplays has two replays over the same deliveries: what is pending for the first is not the second's.
func TestTwoReplays(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := startResends(t, db, 6)
		first := r.replay(hookyard.Replay{})
		r.send(2, hookyard.Delivered)
		second := r.replay(hookyard.Replay{})
		r.progress("the second", second, hookyard.Replay{Status: hookyard.ReplayQueued, Opened: 2, Queued: 2})
		for r.send(1, hookyard.Failed) > 0 {
		}
		r.progress("the first", first, hookyard.Replay{Status: hookyard.ReplayDone, Opened: 6, Delivered: 2, Failed: 4})
		r.progress("the second", second, hookyard.Replay{Status: hookyard.ReplayDone, Opened: 2, Failed: 2})
		r.reads("ended", states{hookyard.Delivered: 6})
	})
}

// TestRetryOfADelivery retries by hand what was delivered: it fails, is canceled, and fails from this machine.
func TestRetryOfADelivery(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := startResends(t, db, 1)
		ctx := t.Context()
		all := states{hookyard.Delivered: 1}
		list, _, err := db.Deliveries(ctx, hookyard.DeliveryQuery{ProjectKey: r.v.Project.Key, Limit: 1})
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		first := list[0]
		check := func(when string, want hookyard.State) {
			t.Helper()
			r.reads(when, all)
			d, err := db.Delivery(ctx, r.v.Project.Key, first.ID)
			if err != nil || d.Resend != want || !d.DeliveredAt.Equal(first.DeliveredAt) {
				t.Errorf("%s: sent again %q, delivered at %s, %v; want %q at %s", when, d.Resend, d.DeliveredAt, err,
					want, first.DeliveredAt)
			}
		}
		query := hookyard.DeliveryQuery{ProjectKey: r.v.Project.Key, Open: true, Limit: 1}
		old := store.Retention{Bodies: time.Hour}
		for _, again := range []func(seq, hook int64) error{
			func(seq, hook int64) error { return db.Reopen(ctx, seq, hook) },
			func(seq, hook int64) error { return db.CreateDelivery(ctx, seq, hook) },
		} {
			if err := again(first.EventSeq, first.HookKey); err != nil {
				t.Fatal(err)
			}
			check("reopened", hookyard.Pending)
			open, _, err := db.Deliveries(ctx, query)
			if err != nil || len(open) != 1 || open[0].Due.IsZero() {
				t.Errorf("open: %+v, %v", open, err)
			}
			if n, err := db.Prune(ctx, old, time.Now().Add(9*time.Hour)); n != 0 || err != nil {
				t.Errorf("%d events went while one is sent again, %v", n, err)
			}
			r.send(1, hookyard.Pending)
			check("after a failed attempt", hookyard.Pending)
			r.send(1, hookyard.Failed)
			check("given up", hookyard.Failed)
		}
		if err := db.Reopen(ctx, first.EventSeq, first.HookKey); err != nil {
			t.Fatal(err)
		}
		if err := db.Cancel(ctx, first.EventSeq, first.HookKey, "canceled by ann"); err != nil {
			t.Fatal(err)
		}
		check("canceled", hookyard.Canceled)
		a := &hookyard.Attempt{EventSeq: first.EventSeq, HookKey: first.HookKey, StartedAt: time.Now(), Status: 500}
		if err := db.RecordForwarded(ctx, r.v.Project.Key, a, hookyard.Failed, "answered 500"); err != nil {
			t.Fatal(err)
		}
		check("forwarded", hookyard.Failed)
		if n, err := db.Prune(ctx, old, time.Now().Add(9*time.Hour)); n != 1 || err != nil {
			t.Errorf("%d events went, %v; want the one", n, err)
		}
	})
}

// TestReplaysOfOldDatabase upgrades a database with replays and deliveries: what was delivered reads as delivered when
// it is sent again, and replays have keys.
func TestReplaysOfOldDatabase(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		pool, closeAll := store.OpenOld(t, dsn, 14)
		for _, text := range []string{
			`insert into projects (key, path, owner, name, settings, revision, created, updated, deleted)
				values (1, 'ann/a', 'ann', 'a', '{}', 1, 1, 1, 0)`,
			`insert into hooks (key, project_key, id, settings, active, off_reason, health, revision, created, updated,
				deleted) values (7, 1, 'h1', '{}', true, '', '', 1, 1, 1, 0)`,
			"update counters set value = 1 where name = 'event_seq'",
			`insert into deliveries (event_seq, hook_key, project_key, state, reason, due, node, attempts, tries,
				updated) values (1, 7, 1, 'delivered', '', 0, 0, 1, 1, 2000000)`,
			`insert into replays (id, project_key, hook_key, hook, since, until, type, state, status, total, seen,
				opened, position, last, actor, created, updated)
				values ('rpl_b', 1, 0, '', 0, 0, '', '', 'done', 1, 1, 1, 1, 1, 'ann', 5, 5),
				('rpl_a', 1, 0, '', 0, 0, '', '', 'running', 1, 0, 0, 0, 1, 'ann', 6, 6)`,
		} {
			if _, err := pool.Exec(text); err != nil {
				t.Fatal(text, err)
			}
		}
		if _, err := pool.Exec(`insert into events (seq, id, project_key, source, type, time, method, target, remote,
			verified, header, content_type, data_offset, size, body) values (1, 'evt_1', 1, '', 'x', 1000000, 'POST',
			'', '', '', $1, 'application/json', 0, 0, $1)`, []byte{}); err != nil {
			t.Fatal(err)
		}
		closeAll()
		db := storetest.Open(t, dsn)
		h2 := &hookyard.Hook{ID: "h2", ProjectKey: 1, URL: "http://two.test"}
		if err := db.CreateHook(t.Context(), h2); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlOpen(t, dsn).Exec(`update hooks set secrets =
			(select secrets from hooks where id = 'h2') where id = 'h1'`); err != nil { // they are sealed
			t.Fatal(err)
		}
		v, err := db.Snapshot(t.Context(), "ann", "a")
		if err != nil {
			t.Fatal(err)
		}
		r := &resends{t: t, db: db, v: v, hook: v.Hook("h1"), n: 1}
		old, err := db.Replay(t.Context(), 1, "rpl_b")
		if err != nil || old.Key != 1 || old.Status != hookyard.ReplayDone || !old.Ended() {
			t.Errorf("the old replay: %+v, %v", old, err)
		}
		jobs, err := db.RunningReplays(t.Context())
		if err != nil || len(jobs) != 1 || jobs[0].Key != 2 {
			t.Fatalf("to be done: %+v, %v", jobs, err)
		}
		r.steps(jobs[0])
		r.progress("queued", jobs[0], hookyard.Replay{Status: hookyard.ReplayQueued, Opened: 1, Queued: 1})
		r.send(1, hookyard.Failed)
		r.progress("ended", jobs[0], hookyard.Replay{Status: hookyard.ReplayDone, Opened: 1, Failed: 1})
		list, _, err := db.Deliveries(t.Context(), hookyard.DeliveryQuery{ProjectKey: 1, Limit: 10})
		if err != nil || len(list) != 1 || list[0].State != hookyard.Delivered ||
			!list[0].DeliveredAt.Equal(time.Unix(2, 0)) {
			t.Errorf("the delivery: %+v, %v", list, err)
		}
		if next := r.replay(hookyard.Replay{}); next.Key != 3 {
			t.Errorf("the next replay has key %d, want 3", next.Key)
		}
	})
}
