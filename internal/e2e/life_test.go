package e2e_test

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestSmokePostgres sends one event through a server on PostgreSQL: received, retried, delivered, found by a search.
func TestSmokePostgres(t *testing.T) {
	t.Parallel()
	y := newYard(t, devPostgres(t), "smoke")
	in := y.source("in", "github", "s3cret", client.SourcePatch{})
	rc := newReceiver(t, first(1, http.StatusBadGateway))
	y.hook("h", rc.url, client.HookPatch{Schedule: often(3, 20*time.Millisecond), Filter: ptr(`body.big > 1.0`)})
	body := `{"big": 12345678901234567890.10, "nul": "\u0000", "text": "ünï"}`
	r := ask(t, http.MethodPost, in, []byte(body), "X-Hub-Signature-256", "sha256="+hexMAC("s3cret", body),
		"X-GitHub-Event", "push", "Content-Type", "application/json")
	if r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if d := y.ended(r.id(t), "h", hookyard.Delivered); d.Attempts != 2 || string(rc.all()[1].body) != body {
		t.Errorf("%d attempts, body %s", d.Attempts, rc.all()[1].body)
	}
	found, err := y.c.Events(t.Context(), y.project, client.EventQuery{Text: "ünï", Path: "text", Value: "ünï"})
	if err != nil || len(found.Events) != 1 {
		t.Errorf("found %d, %v", len(found.Events), err)
	}
}

// TestStop: after SIGTERM running attempts finish and the other deliveries wait for the next start. Nothing is sent
// twice.
func TestStop(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "stop")
	rc := newReceiver(t, slow(400*time.Millisecond))
	y.hook("h", rc.url, client.HookPatch{InFlight: ptr(2)})
	var ids []string
	for range 6 {
		ids = append(ids, y.publish("order.created", `1`))
	}
	rc.wait(t, 1)
	y.s.stop()
	y.s.start()
	for _, id := range ids {
		if d := y.ended(id, "h", hookyard.Delivered); d.Attempts != 1 {
			t.Errorf("event %s was sent %d times", id, d.Attempts)
		}
	}
	if n := rc.count(); n != len(ids) {
		t.Errorf("%d arrivals, want %d", n, len(ids))
	}
}

// TestWithoutReceivers: an event that no active hook selects is stored and explained all the same.
func TestWithoutReceivers(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "unselected")
	alone := y.publish("order.created", `1`)
	y.hook("off", "http://127.0.0.1:9", client.HookPatch{Active: ptr(false)})
	skipped := y.publish("order.created", `2`)
	if got := y.events(); len(got) != 2 || got[0].ID != skipped || got[1].ID != alone ||
		got[0].Deliveries[hookyard.Skipped] != 1 {
		t.Errorf("events %+v", got)
	}
	if why, err := y.c.Explain(t.Context(), y.project, alone); err != nil || len(why.Hooks) != 1 ||
		why.Hooks[0].Reason == "" {
		t.Errorf("%+v, %v", why, err)
	}
}

// TestBadRowAlone: an event with an escaped NUL does not affect the other events in its batch, on either database.
func TestBadRowAlone(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]func(testing.TB, ...string) *server{"sqlite": dev, "postgres": devPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			y := newYard(t, s(t), "rows")
			rc := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ int) int {
				_, _ = w.Write([]byte("answer with \x00 and \xff"))
				return http.StatusOK
			})
			y.hook("h", rc.url, client.HookPatch{Headers: map[string]*string{"X-Odd": ptr("ünï")}})
			all := []client.Publication{{Type: "a", Data: json.RawMessage(`"fine"`)},
				{Type: "a", ID: "ünï", Data: json.RawMessage(`"\u0000\ud800"`)},
				{Type: "a", Data: json.RawMessage(`"fine, too"`)}}
			receipts, err := y.c.PublishAll(t.Context(), y.project, all)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range receipts {
				if r.Error != "" {
					t.Errorf("rejected: %s", r.Error)
					continue
				}
				if d := y.ended(r.ID, "h", hookyard.Delivered); len(d.History) != 1 || d.History[0].Response == nil {
					t.Errorf("history %+v", d.History)
				}
			}
		})
	}
}

// TestConfigurationAtOnce: a change between two events applies to the second.
func TestConfigurationAtOnce(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "at-once")
	rc := newReceiver(t, nil)
	y.hook("h", rc.url+"/0", client.HookPatch{Signature: ptr(hookyard.SignGitHub)})
	for n := range 20 {
		secret := "secret" + string(rune('a'+n))
		path := "/" + string(rune('a'+n))
		y.patch("h", client.HookPatch{URL: ptr(rc.url + path), Secret: &secret,
			Events: &hookyard.Selector{Names: []string{path[1:]}}})
		y.publish("other", `1`)
		y.publish(path[1:], `1`)
		a := rc.wait(t, n+1)[n]
		if a.path != path || a.header.Get("X-Hub-Signature-256") != "sha256="+hexMAC(secret, string(a.body)) {
			t.Fatalf("change %d: sent to %s, signed %s", n, a.path, a.header.Get("X-Hub-Signature-256"))
		}
	}
}

// TestLostConnections repeatedly terminates all of the server's connections to PostgreSQL while events are published.
// Every acknowledged event arrives, and the process survives.
func TestLostConnections(t *testing.T) {
	t.Parallel()
	dsn, err := url.Parse(storetest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	q := dsn.Query()
	q.Set("application_name", "e2e-"+q.Get("search_path")) // no space: pgx does not decode the + of Encode
	dsn.RawQuery = q.Encode()
	db, err := sql.Open("pgx", testenv.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	y := newYard(t, dev(t, "--database", dsn.String()), "lost")
	rc := newReceiver(t, slow(5*time.Millisecond))
	y.hook("h", rc.url, client.HookPatch{Schedule: often(20, 50*time.Millisecond)})
	y.s.expects = "terminating connection due to administrator command"
	pid := y.s.process.Process.Pid
	acked := map[string]bool{}
	terminated := 0
	for n := range 200 {
		if n%20 == 10 {
			var count int
			if err := db.QueryRowContext(t.Context(),
				"select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = $1",
				q.Get("application_name")).Scan(&count); err != nil {
				t.Fatal(err)
			}
			terminated += count
		}
		r, err := y.c.Publish(t.Context(), y.project,
			client.Publication{Type: "order.created", Data: json.RawMessage(`1`)})
		switch {
		case err == nil:
			acked[r.ID] = true
		case client.StatusOf(err) != http.StatusServiceUnavailable:
			t.Errorf("without the database: %v", err)
		}
	}
	if terminated < 10 {
		t.Errorf("only %d connections were terminated", terminated)
	}
	if len(acked) < 150 {
		t.Errorf("only %d of 200 were acknowledged", len(acked))
	}
	y.drained()
	got := map[string]bool{}
	for _, a := range rc.all() {
		got[a.id] = true
	}
	for id := range acked {
		if !got[id] {
			t.Errorf("event %s was acknowledged and did not arrive", id)
		}
	}
	if y.s.process.Process.Pid != pid || !y.s.alive() {
		t.Error("the process did not survive")
	}
}
