package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestRoles has one node accept events and another send them.
func TestRoles(t *testing.T) {
	t.Parallel()
	c := app.DefaultConfig()
	c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
	c.Database, c.AllowTargets = storetest.Postgres(t), []string{"127.0.0.1"}
	c.Role = "accept"
	accepts, stop := run(t, c)
	defer stop()
	b, err := os.ReadFile(filepath.Join(c.Data, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
	}))
	defer receiver.Close()
	admin := at(t, accepts, strings.TrimSpace(string(b)))
	if _, _, err := admin.PutProject(t.Context(), "acme/shop", client.ProjectPatch{}); err != nil {
		t.Fatal(err)
	}
	all := hookyard.SelectAll()
	hook := client.HookPatch{URL: &receiver.URL, Events: &all}
	if _, err := admin.PutHook(t.Context(), "acme/shop", "h", hook); err != nil {
		t.Fatal(err)
	}
	publish := func() {
		t.Helper()
		if _, err := admin.Publish(t.Context(), "acme/shop", client.Publication{Type: "a", Data: 1}); err != nil {
			t.Fatal(err)
		}
	}
	is := func(a *app.App, path string, status int) bool {
		return get(t, "http://"+a.Addr()+path).StatusCode == status
	}
	publish()
	if page, err := admin.Deliveries(t.Context(), "acme/shop", client.DeliveryQuery{}); err != nil ||
		len(page.Deliveries) != 1 || page.Deliveries[0].State != hookyard.Pending || len(got) > 0 {
		t.Fatalf("deliveries are %+v, %v, and %d were sent; want one that waits", page, err, len(got))
	}
	if !is(accepts, "/readyz", http.StatusOK) {
		t.Error("a node is not ready because nobody sends")
	}

	c.Role = "deliver"
	delivers, stopDelivering := run(t, c)
	defer stopDelivering()
	<-got
	publish()
	<-got
	for path, status := range map[string]int{"/healthz": http.StatusOK, "/metrics": http.StatusOK,
		"/api/projects": http.StatusNotFound, "/in/acme/shop/x": http.StatusNotFound, "/": http.StatusNotFound} {
		if !is(delivers, path, status) {
			t.Errorf("%s of a node that delivers is not %d", path, status)
		}
	}
	testenv.Until(t, "the node is ready", func() bool { return is(delivers, "/readyz", http.StatusOK) })
}

func TestRolesNeedPostgreSQL(t *testing.T) {
	t.Parallel()
	for role, want := range map[string]string{"accept": "with SQLite use all", "send": "use all, accept or deliver"} {
		c := app.DefaultConfig()
		c.Role = role
		if err := c.Complete(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("--role %s: %v, want %q", role, err, want)
		}
	}
}
