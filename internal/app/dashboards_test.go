package app_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/testenv"
)

// exposition returns /metrics of a server with labels and of one without.
func exposition(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, labels := range []string{"hook", "none"} {
		a := start(t, func(c *app.Config) { c.MetricsToken, c.MetricsLabels = metricsToken, labels })
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.BaseURL()+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+metricsToken)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(&all, resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// TestMetricsAreDocumented compares names and types of the metrics with the tables of docs/reference.md.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	documented, served := map[string]string{}, map[string]string{}
	row := regexp.MustCompile("(?m)^\\| `(hookyard_[a-z_]+)[^|]*\\| ([a-z]+) \\|")
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = m[2]
	}
	kind := regexp.MustCompile(`(?m)^# TYPE (hookyard_\S+) (\S+)`)
	for _, m := range kind.FindAllStringSubmatch(exposition(t), -1) {
		served[m[1]] = m[2]
	}
	if !maps.Equal(documented, served) {
		t.Errorf("docs/reference.md has\n%v\nand /metrics serves\n%v", documented, served)
	}
}

// ruleFile is what Prometheus reads, as far as these tests look at it.
type ruleFile struct {
	Groups []ruleGroup `yaml:"groups"`
}

type ruleGroup struct {
	Name  string `yaml:"name"`
	Rules []rule `yaml:"rules"`
}

type rule struct {
	Alert       string            `yaml:"alert,omitempty"`
	Record      string            `yaml:"record,omitempty"`
	Expr        string            `yaml:"expr"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

// TestAlertRules runs the tests of the alert rules and follows their links to the runbooks.
func TestAlertRules(t *testing.T) {
	t.Parallel()
	promtool := testenv.Program(t, "promtool")
	out, err := exec.CommandContext(t.Context(), promtool, "test", "rules",
		"../../deploy/prometheus/rules_test.yml").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	runbooks, err := os.ReadFile("../../docs/runbooks.md")
	if err != nil {
		t.Fatal(err)
	}
	anchors := map[string]bool{}
	for line := range strings.Lines(string(runbooks)) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			anchors[strings.ReplaceAll(strings.ToLower(strings.TrimSpace(title)), " ", "-")] = true
		}
	}
	for _, r := range alertRules(t) {
		page, anchor, _ := strings.Cut(r.Annotations["runbook_url"], "#")
		if page != "https://github.com/hookyard/hookyard/blob/main/docs/runbooks.md" || !anchors[anchor] {
			t.Errorf("%s links to %s, which is no heading of docs/runbooks.md", r.Alert, r.Annotations["runbook_url"])
		}
	}
}

func alertRules(t *testing.T) []rule {
	t.Helper()
	text, err := os.ReadFile("../../deploy/prometheus/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	var f ruleFile
	if err := yaml.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	return f.Groups[0].Rules
}

// TestDashboards checks that Prometheus can read the expressions of the dashboards, and that every metric, label and
// value that they and the alert rules name is served.
func TestDashboards(t *testing.T) {
	t.Parallel()
	promtool := testenv.Program(t, "promtool")
	var exprs []rule
	for _, name := range []string{"server", "project"} {
		exprs = append(exprs, dashboard(t, name)...)
	}
	if len(exprs) < 40 {
		t.Errorf("the dashboards have %d expressions", len(exprs))
	}
	text, err := yaml.Marshal(ruleFile{Groups: []ruleGroup{{Name: "dashboards", Rules: exprs}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", file).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	served := exposition(t)
	for _, r := range append(exprs, alertRules(t)...) {
		checkServed(t, served, r.Expr)
	}
}

// dashboard returns the expressions of a dashboard of deploy/grafana with values for its variables.
func dashboard(t *testing.T, name string) []rule {
	t.Helper()
	text, err := os.ReadFile("../../deploy/grafana/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
		Templating struct {
			List []struct {
				Name  string `json:"name"`
				Query any    `json:"query"`
			} `json:"list"`
		} `json:"templating"`
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	values := []string{"$__rate_interval", "5m", "${datasource}", "prometheus"}
	for _, v := range d.Templating.List {
		values = append(values, "$"+v.Name, ".*")
	}
	fill := strings.NewReplacer(values...)
	var out []rule
	add := func(expr string) {
		out = append(out, rule{Record: "dashboard:expression", Expr: fill.Replace(expr)})
	}
	for _, v := range d.Templating.List {
		if q, ok := v.Query.(map[string]any); ok {
			of, label, _ := strings.Cut(strings.TrimPrefix(q["query"].(string), "label_values("), ", "+v.Name+")")
			if label != "" {
				t.Errorf("%s: the variable %s is %v", name, v.Name, v.Query)
			}
			add("max by (" + v.Name + ") (" + of + ")")
		}
	}
	for _, p := range d.Panels {
		if p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("%s: a panel %q shows %d expressions", name, p.Title, len(p.Targets))
		}
		for _, target := range p.Targets {
			add(target.Expr)
		}
	}
	return out
}

// checkServed fails if an expression names what is not in served.
func checkServed(t *testing.T, served, expr string) {
	t.Helper()
	added := []string{"job", "instance"} // by Prometheus
	named := regexp.MustCompile(`\b((?:hookyard|process|go)_[a-z_]+)(?:{([^}]*)})?`)
	for _, m := range named.FindAllStringSubmatch(expr, -1) {
		sample := regexp.MustCompile(`(?m)^` + m[1] + `[{ ].*$`)
		lines := strings.Join(sample.FindAllString(served, -1), "\n")
		if lines == "" {
			t.Errorf("%s is not served; in %s", m[1], expr)
			continue
		}
		for _, matcher := range regexp.MustCompile(`([a-z]+)!?=~?"([^"]*)"`).FindAllStringSubmatch(m[2], -1) {
			for value := range strings.SplitSeq(matcher[2], "|") {
				in, want := lines, matcher[1]+`="`+value+`"`
				if value == ".*" { // of what has no values yet, nothing is served with labels
					in, want = served, matcher[1]+`="`
				}
				if !slices.Contains(added, matcher[1]) && !strings.Contains(in, want) {
					t.Errorf("%s is not served with %s; in %s", m[1], want, expr)
				}
			}
		}
	}
	for _, m := range regexp.MustCompile(`\b(?:by|without) \(([^)]*)\)`).FindAllStringSubmatch(expr, -1) {
		for label := range strings.SplitSeq(m[1], ", ") {
			if !slices.Contains(added, label) && !strings.Contains(served, label+`="`) {
				t.Errorf("no metric has the label %s; in %s", label, expr)
			}
		}
	}
}
