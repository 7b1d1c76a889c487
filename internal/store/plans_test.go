package store_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// plan is what auto_explain says of a statement that ran.
type plan struct {
	Query string `json:"Query Text"`
	Plan  struct {
		Hit  int64 `json:"Shared Hit Blocks"`
		Read int64 `json:"Shared Read Blocks"`
	} `json:"Plan"`
	text string
}

// plans collects the plans of all statements that run.
type plans struct {
	mu  sync.Mutex
	all []plan
	bad error
}

func (p *plans) note(message string) {
	_, text, ok := strings.Cut(message, "plan:\n")
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	one := plan{text: text}
	if err := json.Unmarshal([]byte(text), &one); err != nil {
		p.bad = err
	}
	p.all = append(p.all, one)
}

// check fails the test for every statement since the last check that read more than so many pages.
func (p *plans) check(t *testing.T, what string, pages int64) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bad != nil {
		t.Fatal(p.bad)
	}
	if len(p.all) == 0 {
		t.Errorf("%s: no plan was seen", what)
	}
	for _, one := range p.all {
		if n := one.Plan.Hit + one.Plan.Read; n > pages {
			t.Errorf("%s read %d pages; at most %d: %s", what, n, pages, one.Query)
			t.Log(one.text)
		}
	}
	p.all = nil
}

func (p *plans) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = nil
}

// TestPlans runs every statement of the way of an event, and those behind lists, pages and health, on a database with
// many rows, whose statistics are missing, old or new, and holds each to the pages that it may read. The statements
// before [planned.pages] must not need statistics. With HOOKYARD_TEST_ROWS there are that many deliveries.
func TestPlans(t *testing.T) {
	for _, statistics := range []string{"none", "old", "new"} {
		t.Run(statistics, func(t *testing.T) { testPlans(t, statistics) })
	}
}

func testPlans(t *testing.T, statistics string) {
	many := 100_000
	if text := os.Getenv("HOOKYARD_TEST_ROWS"); text != "" {
		var err error
		if many, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	dsn := storetest.Postgres(t)
	quiet := storetest.Open(t, dsn) // its statements are not looked at
	var urls []string
	for range 20 {
		urls = append(urls, "http://receiver.example/")
	}
	dead := storetest.Project(t, quiet, "acme", "dead", urls...)
	busy := setFields(t, quiet, storetest.Project(t, quiet, "acme", "busy", urls[:2]...), "data.id", "data.name")
	finish(t, quiet)
	exec := func(text string, args ...any) {
		t.Helper()
		if _, err := quiet.Pool().ExecContext(t.Context(), text, args...); err != nil {
			t.Fatal(err)
		}
	}
	if statistics == "old" {
		fill(t, quiet.Pool(), dead, 1, 100, false)
		fill(t, quiet.Pool(), busy, 101, 100, true)
		exec("analyze")
	}
	old := storetest.Project(t, quiet, "acme", "old", urls[:2]...) // its events lie below those of all others
	fill(t, quiet.Pool(), old, 501, 20, true)
	fill(t, quiet.Pool(), dead, 1001, many/2, false)
	fill(t, quiet.Pool(), busy, 1001+many/2, many/2, true)
	if statistics == "new" {
		exec("analyze")
	}

	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for name, value := range map[string]string{
		"session_preload_libraries": "auto_explain", "client_min_messages": "notice",
		"auto_explain.log_level": "notice", "auto_explain.log_min_duration": "0", "auto_explain.log_analyze": "on",
		"auto_explain.log_timing": "off", "auto_explain.log_buffers": "on", "auto_explain.log_format": "json",
	} {
		q.Set(name, value)
	}
	u.RawQuery = q.Encode()
	var seen plans
	store.OnNotice(t, seen.note)
	db := storetest.OpenWith(t, u.String(), store.Options{NodeName: "explained"})
	seen.drop()
	p := planned{t: t, db: db, quiet: quiet, seen: &seen, dead: dead, busy: busy, old: old, oldest: 1001 + many/2}
	for range 8 { // from the sixth time on, PostgreSQL may use a plan that is made for any values
		p.way(1)
	}
	p.way(50)
	p.way(1000)
	p.upkeep()
	if statistics != "new" { // lists need them, and the server sees to them
		testenv.Until(t, "there are statistics", func() bool { return quiet.Analyze(t) })
		seen.drop()
	}
	p.pages()
}

// fill creates events of a project, each with a delivery to one of its hooks.
func fill(t *testing.T, pool *sql.DB, s *hookyard.Snapshot, from, n int, delivered bool) {
	t.Helper()
	state := "pending"
	if delivered {
		state = "delivered"
	}
	var keys []string
	for _, h := range s.Hooks {
		keys = append(keys, fmt.Sprint(h.Key))
	}
	hook := fmt.Sprintf("(array[%s])[1 + i %% %d]", strings.Join(keys, ","), len(keys))
	for _, text := range []string{
		`insert into events (seq, id, project_key, source, type, time, method, target, remote, verified, header,
			content_type, data_offset, size, body)
		select i, 'evt_' || lpad(i::text, 26, '0'), $1, 'api', 'order.created', $4::bigint, 'POST', '', '', '', '',
			'application/json', 0, 300, convert_to(repeat('x', 300), 'utf8')
		from generate_series($2::int, $2::int + $3::int - 1) i`,
		`insert into deliveries (event_seq, hook_key, project_key, state, reason, due, node, attempts, tries, updated)
		select i, ` + hook + `, $1, '` + state + `', '', $4::bigint + i, 0, 0, 0, $4 from
			generate_series($2::int, $2::int + $3::int - 1) i`,
	} {
		if _, err := pool.ExecContext(t.Context(), text, s.Project.Key, from, n,
			time.Now().Add(-time.Hour).UnixMicro()); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range s.Fields.Fields {
		if _, err := pool.ExecContext(t.Context(), `insert into event_fields (field, part, value, seq)
			select $1, i / 32768, convert_to(i::text, 'utf8'), i
			from generate_series($2::bigint, $2::bigint + $3::bigint - 1) i`, f.Key, from, n); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pool.ExecContext(t.Context(), "update counters set value = $1 where name = 'event_seq'",
		from+n); err != nil {
		t.Fatal(err)
	}
}

// planned runs operations and looks at their plans.
type planned struct {
	t               *testing.T
	db              *store.DB
	quiet           *store.DB // its statements are not looked at
	seen            *plans
	dead, busy, old *hookyard.Snapshot
	oldest          int // a seq of busy's
}

// way accepts events, claims as many waiting deliveries, and finishes both.
func (p *planned) way(n int) {
	t, ctx := p.t, p.t.Context()
	pages := int64(300 + 60*n)
	one := *p.busy
	one.Hooks = one.Hooks[:1]
	var routed []*hookyard.RoutedEvent
	for range n {
		e := hookyard.NewEvent("api", "order.created", []byte(`{"id":7}`), time.Now())
		e.ProjectKey = p.busy.Project.Key
		routed = append(routed, hookyard.Route(e, &one, nil))
	}
	if _, errs := p.db.AcceptAll(ctx, routed); errs[0] != nil {
		t.Fatal(errs[0])
	}
	p.seen.check(t, fmt.Sprintf("accept of %d", n), pages)
	hook := p.dead.Hooks[0].Key
	claimed, err := p.db.Claim(ctx, hook, time.Now(), n)
	if err != nil || len(claimed) != n {
		t.Fatalf("%d claimed, %v; want %d", len(claimed), err, n)
	}
	p.seen.check(t, fmt.Sprintf("claim of %d", n), pages)
	var back []hookyard.DeliveryKey
	done := make(chan error, n)
	for i := range claimed {
		d := &claimed[i].Delivery
		if i%2 == 1 {
			back = append(back, hookyard.DeliveryKey{EventSeq: d.EventSeq, HookKey: d.HookKey})
			done <- nil
			continue
		}
		r := &hookyard.Result{Work: &claimed[i], Decision: hookyard.Decision{State: hookyard.Failed, Reason: "x"},
			Attempt: &hookyard.Attempt{EventSeq: d.EventSeq, HookKey: hook, N: 1, StartedAt: time.Now(), Status: 500,
				URL: "http://receiver.example/"}}
		if err := p.db.FinishThen(ctx, r, func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
	}
	for range claimed {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	p.seen.check(t, fmt.Sprintf("finish of %d", n), pages)
	if err := p.db.Free(ctx, back); err != nil {
		t.Fatal(err)
	}
	if len(back) > 0 {
		p.seen.check(t, fmt.Sprintf("release of %d", n), pages)
	}
}

// run runs f and holds its statements to pages.
func (p *planned) run(what string, pages int64, f func() error) {
	p.t.Helper()
	if err := f(); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
	p.seen.check(p.t, what, pages)
}

// upkeep does what nodes do without being asked.
func (p *planned) upkeep() {
	ctx, hook := p.t.Context(), p.dead.Hooks[1].Key
	// Of thousands of claims that have ended, the index keeps entries until a vacuum.
	p.run("what this node holds", 3000, func() error { _, err := p.db.Held(ctx); return err })
	for range 8 { // also by the plan for any values
		p.run("when a hook is due", 1000, func() error { _, _, err := p.db.NextDue(ctx, hook); return err })
		p.run("when hooks are due", 500, func() error {
			_, err := p.db.OldestDue(ctx, hook, p.dead.Hooks[3].Key, p.busy.Hooks[0].Key)
			return err
		})
		p.run("what waits for whom", 2000, func() error { _, err := p.db.Backlog(ctx); return err })
		p.run("the bounds of all", 100, func() error { _, _, err := p.db.Bounds(ctx, 0); return err })
	}
	p.run("the release of dead nodes' claims", 3000, func() error { p.db.FreeClaimed(p.t); return nil })
	p.run("the end of what waits for a hook", 300+60*1000, func() error {
		_, err := p.db.EndPending(ctx, hook, hookyard.Skipped, "off", 1000)
		return err
	})
	p.run("the bounds of a project", 5000, func() error {
		_, _, err := p.db.Bounds(ctx, p.busy.Project.Key)
		return err
	})
	p.run("the tail of a project", 5000, func() error {
		_, err := p.db.After(ctx, p.busy.Project.Key, 0, 100)
		return err
	})
	p.run("the bounds of an old project", 100, func() error {
		_, _, err := p.db.Bounds(ctx, p.old.Project.Key)
		return err
	})
	p.run("the tail of an old project", 100, func() error {
		_, err := p.db.After(ctx, p.old.Project.Key, 0, 100)
		return err
	})
	p.run("a search by a field", 1000, func() error {
		page, err := p.db.Events(ctx, hookyard.EventQuery{ProjectKey: p.busy.Project.Key, Limit: 50,
			Fields: []hookyard.FieldMatch{{Path: "data.id", Value: fmt.Sprint(p.oldest)}}})
		if err == nil && len(page.Events) != 1 {
			p.t.Errorf("a search by a field finds %d events", len(page.Events))
		}
		return err
	})
	p.run("a search by any field", 2000, func() error {
		_, err := p.db.Events(ctx, hookyard.EventQuery{ProjectKey: p.busy.Project.Key, Limit: 50,
			Fields: []hookyard.FieldMatch{{Value: "none"}}})
		return err
	})
	p.dead = setFields(p.t, p.quiet, p.dead, "data.id")
	p.run("a step that fills a field in", 10_000, func() error { _, err := p.db.StepFields(ctx); return err })
	p.run("pruning", 20_000, func() error {
		_, err := p.db.Prune(ctx, store.Retention{Bodies: time.Minute}, time.Now())
		return err
	})
}

// pages reads what pages and the API show.
func (p *planned) pages() {
	ctx, dead := p.t.Context(), p.dead.Project.Key
	hook := p.dead.Hooks[2].Key
	deliveries := func(what string, q hookyard.DeliveryQuery) {
		p.t.Helper()
		q.Limit = 50
		p.run("deliveries "+what, 10_000, func() error { _, _, err := p.db.Deliveries(ctx, q); return err })
	}
	deliveries("of a project", hookyard.DeliveryQuery{ProjectKey: dead})
	deliveries("that wait", hookyard.DeliveryQuery{ProjectKey: dead, State: hookyard.Pending})
	deliveries("that wait for a hook", hookyard.DeliveryQuery{ProjectKey: dead, HookKey: hook, State: hookyard.Pending})
	deliveries("of a hook", hookyard.DeliveryQuery{ProjectKey: dead, HookKey: hook})
	deliveries("that failed", hookyard.DeliveryQuery{ProjectKey: dead, State: hookyard.Failed})
	deliveries("that arrived", hookyard.DeliveryQuery{ProjectKey: p.busy.Project.Key, State: hookyard.Delivered})
	deliveries("of a replay", hookyard.DeliveryQuery{ProjectKey: dead, ReplayKey: 7})
	deliveries("of an hour", hookyard.DeliveryQuery{ProjectKey: dead, Since: time.Now().Add(-2 * time.Hour)})
	events := func(what string, q hookyard.EventQuery) {
		p.t.Helper()
		q.Limit = 50
		p.run("events "+what, 10_000, func() error { _, err := p.db.Events(ctx, q); return err })
	}
	events("of a project", hookyard.EventQuery{ProjectKey: dead})
	old := p.old.Project.Key
	p.run("events of an old project", 300, func() error {
		_, err := p.db.Events(ctx, hookyard.EventQuery{ProjectKey: old, Limit: 50})
		return err
	})
	p.run("events of an old project, oldest first", 300, func() error {
		_, err := p.db.Events(ctx, hookyard.EventQuery{ProjectKey: old, Limit: 50, Ascending: true})
		return err
	})
	p.run("deliveries of an old project", 300, func() error {
		_, _, err := p.db.Deliveries(ctx, hookyard.DeliveryQuery{ProjectKey: old, Limit: 50})
		return err
	})
	p.run("types of an old project", 300, func() error { _, err := p.db.RecentTypes(ctx, old, 500); return err })
	events("of a type", hookyard.EventQuery{ProjectKey: dead, Type: "order.created"})
	events("of a type that is not there", hookyard.EventQuery{ProjectKey: dead, Type: "none"})
	events("of a time", hookyard.EventQuery{ProjectKey: dead, Since: time.Now().Add(-2 * time.Hour)})
	events("with waiting deliveries", hookyard.EventQuery{ProjectKey: dead, State: hookyard.Pending})
	p.run("totals", 300, func() error { _, err := p.db.Totals(ctx, dead); return err })
	p.run("figures of the server", 4000, func() error {
		_, err := p.db.Figures(ctx, store.FiguresQuery{Projects: true, Hooks: true, Limit: 1000})
		return err
	})
	p.run("types of late", 10_000, func() error { _, err := p.db.RecentTypes(ctx, dead, 500); return err })
}
