package cli

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// everySetting has settings that the API shows in another form than they are given in.
const everySetting = `
projects:
  guest/all:
    preset: github
    relay: signed
    relaySecret: {env: RELAY_SECRET}
    modelEvents: true
    public: true
    allowRequests: true
    searchFields: [data.id, data.customer.name]
    hooks:
      plain: {url: "http://127.0.0.1:9/a", events: [push, issues], inFlight: 2, rate: 0.5, filter: 'action = opened'}
      defaults: {url: "http://127.0.0.1:9/b", format: "", timeout: 0, rate: 0, contentType: "", inFlight: 0}
      broker: {url: {env: BROKER}, events: all, rabbitmq: {queue: q, declare: true, arguments: {x-max-length: 5}}}
      expiring: {url: "http://127.0.0.1:9/c", expiresAt: 2099-02-03T04:05:06+02:00, ordered: true, signature: both}
      body: {url: "http://127.0.0.1:9/d", format: text, contentType: text, features: [a], method: PUT}
    sources:
      scheme:
        type: hmac
        secrets: [{env: RELAY_SECRET}, {env: OTHER_SECRET}]
        scheme: {header: X-Signature, prefix: "sha256=", tolerance: 5m, timestampHeader: X-Time, content: "{ts}.{raw}"}
        typeField: kind
        answer: {status: 202, delay: 1s, body: thanks}
      queue:
        type: rabbitmq
        eventType: row
        rabbitmq: {url: {env: BROKER}, queue: apply-test, declare: true, prefetch: 7, arguments: {x-expires: 60000}}
`

// TestApplyIsIdempotent makes a project with every kind of setting, on both databases: then there is nothing to change,
// nor after its export is applied, with or without the secrets.
func TestApplyIsIdempotent(t *testing.T) {
	t.Parallel()
	broker := testenv.RabbitMQ(t)
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		server := applyServer(t, dsn)
		dir := t.TempDir()
		file := filepath.Join(dir, "all.yaml")
		if err := os.WriteFile(file, []byte(everySetting), 0o600); err != nil {
			t.Fatal(err)
		}
		secrets := map[string]string{"HOOKYARD_SERVER": server, "BROKER": broker,
			"RELAY_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "OTHER_SECRET": "another secret of it"}
		run := func(want int, args ...string) string {
			t.Helper()
			var out, said bytes.Buffer
			env := func(name string) (string, bool) { v, ok := secrets[name]; return v, ok }
			if got := Main(args, env, strings.NewReader(""), &out, &said); got != want {
				t.Fatalf("%v: code %d, want %d: %s%s", args, got, want, out.String(), said.String())
			}
			return out.String()
		}
		run(0, "apply", "-f", file)
		if got := run(0, "apply", "-f", file, "--prune"); got != "" {
			t.Errorf("the second time it changes %s", got)
		}
		exported := run(0, "export", "guest/all")
		if strings.Contains(exported, "guest:guest") || strings.Contains(exported, hookyard.Masked) {
			t.Errorf("the export has a secret, or the mask of one: %s", exported)
		}
		if err := os.WriteFile(file, []byte(exported), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := run(0, "diff", "-f", file, "--prune"); got != "" {
			t.Errorf("the export changes %s", got)
		}
		for _, name := range []string{"GUEST_ALL_BROKER_URL", "GUEST_ALL_QUEUE_RABBITMQ_URL"} {
			secrets[name] = broker
		}
		if got := run(0, "diff", "-f", file, "--prune"); got != "" {
			t.Errorf("the export with its variables changes %s", got)
		}
		secrets["GUEST_ALL_BROKER_URL"] = "amqp://guest:guest@127.0.0.2:5672/"
		if got := run(1, "diff", "-f", file); !strings.Contains(got, "url: *** → ***") ||
			strings.Contains(got, "guest:guest") {
			t.Errorf("another broker: %s", got)
		}
	})
}

// TestApplyKeepsOthersChanges changes a hook after the plan was made.
func TestApplyKeepsOthersChanges(t *testing.T) {
	t.Parallel()
	server := applyServer(t, storetest.SQLite(t))
	c, err := client.New(server, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, url := t.Context(), "http://127.0.0.1:9/"
	if _, _, err := c.PutProject(ctx, "guest/shop", client.ProjectPatch{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateHook(ctx, "guest/shop", "a", client.HookPatch{URL: &url}); err != nil {
		t.Fatal(err)
	}
	p := &planner{session: &session{}, client: c}
	spec := &projectSpec{hooks: map[string]settings{"a": {"description": "ours"}}}
	if err := p.project(ctx, "guest/shop", spec); err != nil || len(p.plan) != 1 {
		t.Fatalf("plan %v, %v", p.plan, err)
	}
	theirs := "theirs"
	if _, err := c.PatchHook(ctx, "guest/shop", "a", client.HookPatch{Description: &theirs}); err != nil {
		t.Fatal(err)
	}
	if err := p.plan[0].do(ctx); !errors.Is(err, hookyard.ErrConflict) {
		t.Errorf("%v; want a conflict", err)
	}
}

// TestApplyKeepsWhatOthersCreate creates a project, a hook and a source after the plan to do so was made.
func TestApplyKeepsWhatOthersCreate(t *testing.T) {
	t.Parallel()
	c, err := client.New(applyServer(t, storetest.SQLite(t)), "")
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	url, theirs := "http://127.0.0.1:9/", "theirs"
	if _, _, err := c.PutProject(ctx, "guest/old", client.ProjectPatch{}); err != nil {
		t.Fatal(err)
	}
	m := manifest{}
	text := `projects: {guest/new: {description: ours}, guest/old: {
		hooks: {a: {url: "http://127.0.0.1:9/", description: ours}}, sources: {s: {type: none, description: ours}}}}`
	if err := m.add("f.yaml", []byte(text)); err != nil {
		t.Fatal(err)
	}
	p := &planner{session: &session{}, client: c}
	for _, path := range []string{"guest/new", "guest/old"} {
		if err := p.project(ctx, path, m[path]); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = c.PutProject(ctx, "guest/new", client.ProjectPatch{Description: &theirs})
	_, err2 := c.CreateHook(ctx, "guest/old", "a", client.HookPatch{URL: &url, Description: &theirs})
	none := "none"
	_, _, err3 := c.PutSource(ctx, "guest/old", "s", client.SourcePatch{Type: &none, Description: &theirs})
	if err := errors.Join(err, err2, err3); err != nil || len(p.plan) != 3 {
		t.Fatalf("plan %v, %v", p.plan, err)
	}
	for i := range p.plan {
		if err := p.plan[i].do(ctx); !errors.Is(err, hookyard.ErrConflict) {
			t.Errorf("%s: %v; want a conflict", p.plan[i].String(), err)
		}
	}
}

// TestApplyLeavesListenersAlone has a hook of hookyard listen --forward-to: it is not pruned, not exported, and not in
// a duplicate of the project.
func TestApplyLeavesListenersAlone(t *testing.T) {
	t.Parallel()
	c, err := client.New(applyServer(t, storetest.SQLite(t)), "")
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if _, _, err := c.PutProject(ctx, "guest/shop", client.ProjectPatch{}); err != nil {
		t.Fatal(err)
	}
	id := hookyard.ListenerPrefix + "4q3zk4kx3h42"
	if _, err := c.PutListener(ctx, "guest/shop", id, client.Listener{URL: "http://localhost:3000/"}); err != nil {
		t.Fatal(err)
	}
	p := &planner{session: &session{}, client: c, prune: true}
	err = p.project(ctx, "guest/shop", &projectSpec{hooks: map[string]settings{}})
	if err != nil || len(p.plan) > 0 {
		t.Errorf("plan %v, %v", p.plan, err)
	}
	exported, err := exportProject(ctx, c, "guest/shop")
	if err != nil || len(exported["hooks"].(map[string]settings)) > 0 {
		t.Errorf("exported %v, %v", exported, err)
	}
	if _, err := c.DuplicateProject(ctx, "guest/shop", client.ProjectTarget{Name: "copy"}); err != nil {
		t.Fatal(err)
	}
	if hooks, err := c.Hooks(ctx, "guest/copy"); err != nil || len(hooks) > 0 {
		t.Errorf("the duplicate has hooks %v, %v", hooks, err)
	}
}

// TestApplyAddsDefaultHooks takes a default hook away. A file that asks for them gets it back, and does not prune it.
func TestApplyAddsDefaultHooks(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "hooks.json")
	text := `{"audit": {"url": "http://127.0.0.1:9/", "events": "all"}}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(applyServer(t, storetest.SQLite(t), func(c *app.Config) { c.DefaultHooks = file }), "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, m := t.Context(), manifest{}
	if err := m.add("hooks.yaml", []byte(`projects: {guest/shop: {defaultHooks: true, hooks: {}}}`)); err != nil {
		t.Fatal(err)
	}
	apply := func() (said []string) {
		t.Helper()
		p := &planner{session: &session{}, client: c, prune: true}
		err := p.project(ctx, "guest/shop", m["guest/shop"])
		for i := range p.plan {
			said = append(said, p.plan[i].String())
			err = errors.Join(err, p.plan[i].do(ctx))
		}
		if err != nil {
			t.Fatal(err)
		}
		return said
	}
	if got := apply(); !slices.Equal(got, []string{"create project guest/shop"}) {
		t.Errorf("at first %q", got)
	}
	if got := apply(); len(got) != 0 {
		t.Errorf("then %q", got)
	}
	if _, err := c.DeleteHook(ctx, "guest/shop", "audit"); err != nil {
		t.Fatal(err)
	}
	if got := apply(); !slices.Equal(got, []string{"add default hook audit of guest/shop"}) {
		t.Errorf("without the hook %q", got)
	}
	if hooks, err := c.Hooks(ctx, "guest/shop"); err != nil || len(hooks) != 1 {
		t.Errorf("hooks %v, %v; want the default one", hooks, err)
	}
}

// applyServer runs a server with --dev until the test ends, and returns its URL.
func applyServer(t *testing.T, dsn string, changes ...func(c *app.Config)) string {
	t.Helper()
	config := app.DefaultConfig()
	config.Listen, config.Data = "127.0.0.1:0", t.TempDir()
	config.Dev, config.Database = true, dsn
	config.Grace = time.Second
	for _, change := range changes {
		change(&config)
	}
	a, err := app.New(t.Context(), config, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return a.BaseURL()
}
