package app_test

import (
	"bufio"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

const metricsToken = "for-prometheus"

// TestMetrics publishes to three projects, whose hooks are taken, failed, refused and off, and compares /metrics with
// what was done: without labels, and with labels of which there are fewer than projects or hooks. The figures outlast
// the processes.
func TestMetrics(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		c := app.DefaultConfig()
		c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
		c.Database = dsn
		c.AllowTargets = []string{"127.0.0.0/8"}
		c.MetricsToken, c.Limits.Body = metricsToken, 1<<20
		a, stop := run(t, c)
		fillForMetrics(t, a, c.Data)
		got := scrape(t, a.BaseURL()+"/metrics")
		got.expect(t, map[string]float64{
			"hookyard_events_accepted_total": 26, "hookyard_events_repeated_total": 2,
			`hookyard_requests_refused_total{cause="unauthenticated"}`: 120,
			`hookyard_requests_refused_total{cause="too_large"}`:       1,
			`hookyard_requests_refused_total{cause="other"}`:           0,
			"hookyard_deliveries_opened_total":                         36,
			`hookyard_deliveries_ended_total{state="delivered"}`:       15,
			`hookyard_deliveries_ended_total{state="failed"}`:          11,
			`hookyard_deliveries_ended_total{state="skipped"}`:         6,
			`hookyard_attempts_total{outcome="2xx"}`:                   15,
			`hookyard_attempts_total{outcome="5xx"}`:                   15,
			`hookyard_attempts_total{outcome="connect"}`:               0,
			"hookyard_attempt_seconds_count":                           30,
			`hookyard_attempt_seconds_bucket{le="+Inf"}`:               30,
			"hookyard_deliveries_pending":                              4,
			"hookyard_oldest_due_seconds":                              0,
			`hookyard_hooks_off{by="user"}`:                            1,
			`hookyard_hooks_off{by="hookyard"}`:                        0,
			"hookyard_database_up":                                     1, "hookyard_database_works": 1,
		})
		stop()
		c.MetricsLabels, c.MetricsSeries = "project", 2
		a, stop = run(t, c)
		scrape(t, a.BaseURL()+"/metrics").expect(t, map[string]float64{
			`hookyard_events_accepted_total{project="acme/a"}`: 10,
			`hookyard_events_accepted_total{project="acme/b"}`: 11,
			`hookyard_events_accepted_total{project="acme/c"}`: absent,
			`hookyard_events_accepted_total{project="other"}`:  5,

			`hookyard_attempts_total{outcome="5xx",project="acme/b"}`:             11,
			`hookyard_deliveries_pending{project="other"}`:                        4,
			`hookyard_metrics_left_out{of="projects"}`:                            1,
			`hookyard_requests_refused_total{cause="too_large",project="acme/a"}`: 1,
		})
		stop()
		c.MetricsLabels, c.MetricsSeries = "hook", 3
		a, stop = run(t, c)
		defer stop()
		got = scrape(t, a.BaseURL()+"/metrics")
		got.expect(t, map[string]float64{
			`hookyard_events_accepted_total{project="acme/c"}`:                                5,
			`hookyard_deliveries_ended_total{hook="good",project="acme/a",state="delivered"}`: 10,
			`hookyard_deliveries_ended_total{hook="off",project="acme/a",state="skipped"}`:    6,
			`hookyard_attempts_total{hook="bad",outcome="5xx",project="acme/b"}`:              11,
			`hookyard_attempts_total{hook="other",outcome="2xx",project="other"}`:             5,
			`hookyard_deliveries_pending{hook="other",project="other"}`:                       4,
			`hookyard_metrics_left_out{of="hooks"}`:                                           2,
			`hookyard_metrics_left_out{of="projects"}`:                                        0,
		})
		for name := range got {
			if strings.Contains(name, `hook="slow"`) {
				t.Errorf("more hooks than --metrics-series are told apart: %s", name)
			}
		}
	})
}

// fillForMetrics does what TestMetrics expects to be counted, and returns when all of it has happened.
func fillForMetrics(t *testing.T, a *app.App, data string) {
	t.Helper()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(receiver.Close)
	token, err := os.ReadFile(filepath.Join(data, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	admin, err := client.New(a.BaseURL(), strings.TrimSpace(string(token)))
	if err != nil {
		t.Fatal(err)
	}
	put := func(project, id, path, events string, change func(h *client.HookPatch)) {
		url, off := receiver.URL+path, hookyard.OffPolicy{Policy: hookyard.OffNever}
		h := client.HookPatch{URL: &url, Events: &hookyard.Selector{Names: []string{events}}, Off: &off}
		if events == "all" {
			all := hookyard.SelectAll()
			h.Events = &all
		}
		if change != nil {
			change(&h)
		}
		if _, err := admin.CreateHook(t.Context(), project, id, h); err != nil {
			t.Fatal(err)
		}
	}
	schedule := func(waits ...hookyard.Duration) func(h *client.HookPatch) {
		return func(h *client.HookPatch) { h.Schedule = &waits }
	}
	for _, p := range []string{"acme/a", "acme/b", "acme/c"} {
		if _, _, err := admin.PutProject(t.Context(), p, client.ProjectPatch{}); err != nil {
			t.Fatal(err)
		}
	}
	put("acme/a", "good", "/good", "all", nil)
	put("acme/a", "off", "/good", "x", func(h *client.HookPatch) { h.Active = new(bool) })
	put("acme/b", "bad", "/bad", "all", schedule(0))
	put("acme/c", "good", "/good", "all", nil)
	put("acme/c", "slow", "/bad", "y", schedule(0, hookyard.Duration(time.Hour)))
	for project, n := range map[string][2]int{"acme/a": {6, 4}, "acme/b": {11, 0}, "acme/c": {1, 4}} {
		for i := range n[0] + n[1] {
			p := client.Publication{Type: "x", Data: i, IdempotencyKey: fmt.Sprint(i)}
			if i >= n[0] {
				p.Type = "y"
			}
			for range map[bool]int{true: 2, false: 1}[project == "acme/a" && i < 2] {
				if _, err := admin.Publish(t.Context(), project, p); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	refuseForMetrics(t, a, admin)
	testenv.Until(t, "all is counted", func() bool {
		got := scrape(t, a.BaseURL()+"/metrics")
		return got["hookyard_attempt_seconds_count"] >= 30 && got["hookyard_deliveries_pending"] <= 4 &&
			got[`hookyard_requests_refused_total{cause="unauthenticated"}`] >= 120
	})
}

// refuseForMetrics sends to a source more requests without its token than are stored, and one that is too large.
func refuseForMetrics(t *testing.T, a *app.App, admin *client.Client) {
	t.Helper()
	kind, secret := "token", "the-secret-of-the-source"
	if _, _, err := admin.PutSource(t.Context(), "acme/a", "in", client.SourcePatch{Type: &kind,
		Secret: &secret}); err != nil {
		t.Fatal(err)
	}
	for i := range 121 {
		body, want := "{}", http.StatusUnauthorized
		if i == 0 {
			body, want = strings.Repeat("x", 1<<20+1), http.StatusRequestEntityTooLarge
		}
		resp, err := http.Post(a.BaseURL()+"/in/acme/a/in", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Fatalf("the source answers %d, want %d", resp.StatusCode, want)
		}
	}
}

// samples are metrics by name with labels, as /metrics shows them.
type samples map[string]float64

// absent is the expectation that there is no such metric.
const absent = -1

func (s samples) expect(t *testing.T, want map[string]float64) {
	t.Helper()
	for name, v := range want {
		got, ok := s[name]
		if v == absent && ok || v != absent && (!ok || got != v) {
			t.Errorf("%s is %v (there: %v), want %v", name, got, ok, v)
		}
	}
}

// scrape reads metrics with the token.
func scrape(t *testing.T, url string) samples {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+metricsToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s = %d", url, resp.StatusCode)
	}
	out := samples{}
	helped := map[string]bool{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "# HELP "); ok {
			name, _, _ = strings.Cut(name, " ")
			helped[name] = true
		}
		at := strings.LastIndexByte(lines.Text(), ' ')
		v, err := strconv.ParseFloat(lines.Text()[at+1:], 64)
		if err == nil && !strings.HasPrefix(lines.Text(), "#") {
			out[lines.Text()[:at]] = v
		}
	}
	for name := range out.families() {
		if !helped[name] {
			t.Errorf("metric %s has no HELP", name)
		}
	}
	return out
}

// families returns the names of the metrics, without labels and what histograms add.
func (s samples) families() map[string]bool {
	out := map[string]bool{}
	for name := range s {
		name, _, _ = strings.Cut(name, "{")
		for _, end := range []string{"_bucket", "_sum", "_count"} {
			name = strings.TrimSuffix(name, end)
		}
		out[name] = true
	}
	return out
}

// TestMetricsWithoutDatabase reads the metrics while the database cannot be read: they say so, and have what is known
// without it.
func TestMetricsWithoutDatabase(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	a := start(t, func(c *app.Config) { c.Database, c.MetricsToken = dsn, metricsToken })
	scrape(t, a.BaseURL()+"/metrics").expect(t, map[string]float64{"hookyard_database_up": 1})
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	schema := u.Query().Get("search_path")
	db, err := sql.Open("pgx", testenv.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	rename := func(from, to string) {
		if _, err := db.Exec("alter schema " + from + " rename to " + to); err != nil {
			t.Fatal(err)
		}
	}
	rename(schema, schema+"_gone")
	defer rename(schema+"_gone", schema)
	scrape(t, a.BaseURL()+"/metrics").expect(t, map[string]float64{
		"hookyard_database_up": 0, "hookyard_deliveries_running": 0, "hookyard_deliveries_pending": absent})
}

// TestMetricsPort serves metrics on a port of their own, and asks for the token there.
func TestMetricsPort(t *testing.T) {
	t.Parallel()
	port := fmt.Sprint("127.0.0.1:", testenv.Port(t))
	a := start(t, func(c *app.Config) { c.MetricsListen, c.MetricsToken = port, metricsToken })
	for _, c := range []struct {
		url, header string
		want        int
	}{
		{a.BaseURL() + "/metrics", "Bearer " + metricsToken, http.StatusNotFound},
		{"http://" + port + "/metrics", "Bearer " + metricsToken, http.StatusOK},
		{"http://" + port + "/metrics", "bearer " + metricsToken, http.StatusOK},
		{"http://" + port + "/metrics", "Bearer " + metricsToken + "x", http.StatusUnauthorized},
		{"http://" + port + "/metrics", "Basic " + metricsToken, http.StatusUnauthorized},
		{"http://" + port + "/metrics", "", http.StatusUnauthorized},
		{"http://" + port + "/", "Bearer " + metricsToken, http.StatusNotFound},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.header != "" {
			req.Header.Set("Authorization", c.header)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("GET %s with %q = %d, want %d", c.url, c.header, resp.StatusCode, c.want)
		}
		if challenge := resp.Header.Get("WWW-Authenticate"); c.want == 401 && !strings.HasPrefix(challenge, "Bearer") {
			t.Errorf("a 401 of metrics asks for %q", challenge)
		}
	}
}
