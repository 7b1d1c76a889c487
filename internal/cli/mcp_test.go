package cli_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/tidwall/gjson"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/cli"
	"github.com/hookyard/hookyard/internal/testenv"
)

// assistant is a client of hookyard mcp.
type assistant struct {
	t *testing.T
	*mcp.ClientSession
}

// newAssistant runs hookyard mcp with args until the test ends.
func newAssistant(t *testing.T, args ...string) *assistant {
	t.Helper()
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		env := func(string) (string, bool) { return "", false }
		ended <- cli.Main(append([]string{"mcp"}, args...), env, in, out, t.Output())
		_ = out.Close()
	}()
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(),
		&mcp.IOTransport{Reader: fromServer, Writer: toServer}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = session.Close()
		if code := <-ended; code != 0 {
			t.Errorf("hookyard mcp ends with %d when its input ends", code)
		}
	})
	return &assistant{t, session}
}

// call calls a tool and returns its JSON, and whether it failed.
func (a *assistant) call(tool, args string) (string, bool) {
	a.t.Helper()
	r, err := a.CallTool(context.WithoutCancel(a.t.Context()), &mcp.CallToolParams{Name: tool,
		Arguments: json.RawMessage(args)})
	if err != nil {
		return err.Error(), true
	}
	return r.Content[0].(*mcp.TextContent).Text, r.IsError
}

// get calls a tool that must succeed and returns a value of its JSON.
func (a *assistant) get(tool, args, path string) gjson.Result {
	a.t.Helper()
	text, failed := a.call(tool, args)
	if failed || !gjson.Valid(text) {
		a.t.Fatalf("%s %s: %s", tool, args, text)
	}
	return gjson.Get(text, path)
}

// mcpServer starts a server with a project guest/shop. A hook "billing" of it leads to a receiver that fails the first
// request; the returned count is of its requests.
func mcpServer(t *testing.T) (*client.Client, string, *atomic.Int64) {
	t.Helper()
	config := app.DefaultConfig()
	config.Listen = "127.0.0.1:0"
	config.Data = t.TempDir()
	config.Dev = true
	a, err := app.New(t.Context(), config, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	var requests atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) == 1 {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "no coffee")
		}
	}))
	t.Cleanup(receiver.Close)
	cl, err := client.New(a.BaseURL(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := cl.PutProject(t.Context(), "guest/shop", client.ProjectPatch{}); err != nil {
		t.Fatal(err)
	}
	if _, err := cl.CreateHook(t.Context(), "guest/shop", "billing", client.HookPatch{URL: &receiver.URL,
		Events: &hookyard.Selector{Names: []string{"order.*"}}, Schedule: &[]hookyard.Duration{0}}); err != nil {
		t.Fatal(err)
	}
	return cl, a.BaseURL(), &requests
}

// TestMCPReads looks at an event that a hook did not get. Nothing can be changed.
func TestMCPReads(t *testing.T) {
	t.Parallel()
	cl, url, _ := mcpServer(t)
	e, err := cl.Publish(t.Context(), "guest/shop", client.Publication{Type: "order.created",
		Data: map[string]int{"id": 7}})
	if err != nil {
		t.Fatal(err)
	}
	testenv.Until(t, "the delivery has failed", func() bool {
		page, err := cl.Deliveries(t.Context(), "guest/shop", client.DeliveryQuery{State: hookyard.Failed})
		return err == nil && len(page.Deliveries) == 1
	})
	a := newAssistant(t, "--server", url, "-p", "guest/shop")
	list, err := a.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range list.Tools {
		if !tool.Annotations.ReadOnlyHint {
			t.Errorf("without --write there is %s, which does not only read", tool.Name)
		}
	}
	for _, c := range []struct{ tool, args, path, want string }{
		{"list_projects", `{}`, "projects.0.name", "shop"},
		{"list_hooks", `{}`, "billing.events.0", "order.*"},
		{"list_sources", `{"project": "guest/shop"}`, "#", "0"},
		{"list_events", `{"state": "failed", "since": "1h"}`, "events.0.id", e.ID},
		{"list_events", `{"fields": {"data.id": "8"}}`, "events.#", "0"},
		{"show_event", `{"event": "` + e.ID + `"}`, "body.data.id", "7"},
		{"explain_event", `{"event": "` + e.ID + `"}`, "hooks.0.wanted", "true"},
		{"list_deliveries", `{"hook": "billing", "limit": 1}`, "deliveries.0.state", "failed"},
		{"explain_delivery", `{"delivery": "` + strings.Replace(e.ID, "evt_", "dlv_", 1) + `_1"}`,
			"delivery.history.0.response.text", "no coffee"},
		{"explain_delivery", `{"delivery": "` + strings.Replace(e.ID, "evt_", "dlv_", 1) + `_1"}`,
			"verdict.hook", "billing"},
		{"show_stats", `{"hook": "billing"}`, "totals.attempts", "1"},
	} {
		if got := a.get(c.tool, c.args, c.path).String(); got != c.want {
			t.Errorf("%s %s: %s is %q, want %q", c.tool, c.args, c.path, got, c.want)
		}
	}
	for _, c := range []struct{ tool, args, want string }{
		{"show_event", `{"event": "evt_none"}`, "no such event"},
		{"show_event", `{}`, "event"},
		{"list_events", `{"since": "yesterday"}`, "yesterday"},
		{"list_events", `{"state": "lost"}`, "state"},
		{"list_hooks", `{"project": "shop"}`, "use owner/name"},
		{"list_hooks", `{"projekt": "guest/shop"}`, "projekt"},
		{"list_refused", `{"source": "none"}`, "no such source"},
		{"publish", `{"type": "x", "data": 1}`, "publish"},
	} {
		if text, failed := a.call(c.tool, c.args); !failed || !strings.Contains(text, c.want) {
			t.Errorf("%s %s answers %s, want an error about %s", c.tool, c.args, text, c.want)
		}
	}
}

// TestMCPWrites publishes and replays, each with the token of the call before and not otherwise.
func TestMCPWrites(t *testing.T) {
	t.Parallel()
	cl, url, requests := mcpServer(t)
	a := newAssistant(t, "--server", url, "--write")
	twice := func(tool, args, path string) string {
		t.Helper()
		token := a.get(tool, args+`}`, "confirm").String()
		for _, wrong := range []string{
			args + `, "type": "y", "confirm": "` + token + `"}`,
			args + `, "confirm": "x"}`,
		} {
			if text, failed := a.call(tool, wrong); !failed {
				t.Errorf("%s %s answers %s", tool, wrong, text)
			}
		}
		args += `, "confirm": "` + token + `"}`
		out := a.get(tool, args, path).String()
		if text, failed := a.call(tool, args); !failed || !strings.Contains(text, "without confirm") {
			t.Errorf("a token works twice: %s %s answers %s", tool, args, text)
		}
		return out
	}
	id := twice("publish", `{"project": "guest/shop", "type": "order.created", "data": {"id": 7}`, "id")
	waitFailed := func(n int64) {
		t.Helper()
		testenv.Until(t, "the delivery has ended", func() bool {
			page, err := cl.Deliveries(t.Context(), "guest/shop", client.DeliveryQuery{Event: id})
			return err == nil && requests.Load() == n && page.Deliveries[0].State != hookyard.Pending
		})
	}
	waitFailed(1)
	plan := a.get("replay", `{"project": "guest/shop", "state": "failed"}`, "would.opened")
	if plan.Int() != 1 || requests.Load() != 1 {
		t.Errorf("a replay of one delivery would send %s, and the receiver has %d requests", plan, requests.Load())
	}
	if n := a.get("replay_event", `{"project": "guest/shop", "event": "`+id+`"}`, "would.count").Int(); n != 1 {
		t.Errorf("a replay of the event would send %d deliveries", n)
	}
	job := twice("replay", `{"project": "guest/shop", "state": "failed"`, "id")
	waitFailed(2)
	if got := a.get("show_replay", `{"project": "guest/shop", "replay": "`+job+`"}`, "opened").Int(); got != 1 {
		t.Errorf("the replay opened %d deliveries", got)
	}
	twice("replay_event", `{"project": "guest/shop", "event": "`+id+`"`, "deliveries.0")
	waitFailed(3)
	tools, err := a.ListTools(t.Context(), nil)
	if err != nil || slices.IndexFunc(tools.Tools, func(t *mcp.Tool) bool { return t.Name == "publish" }) < 0 {
		t.Errorf("the tools are %v, error %v", tools, err)
	}
}
