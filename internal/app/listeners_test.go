package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestListenersAreToldOfAnOutage: listeners of a node that has lost its database are told to come back, for another
// node may reach it.
func TestListenersAreToldOfAnOutage(t *testing.T) {
	t.Parallel()
	dsn, link := frozen(t, storetest.Postgres(t))
	defer link.mend()
	c := app.DefaultConfig()
	c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
	c.Database = dsn
	a, stop := run(t, c)
	t.Cleanup(stop)
	b, err := os.ReadFile(filepath.Join(c.Data, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(string(b))
	if _, _, err := at(t, a, token).PutProject(t.Context(), "acme/shop", client.ProjectPatch{}); err != nil {
		t.Fatal(err)
	}
	l := listen(t, a, token, "")
	l.next("retry: ")
	link.cut(false)
	began := time.Now()
	told := false
	for l.lines.Scan() {
		told = told || strings.Contains(l.lines.Text(), "come back")
	}
	if took := time.Since(began); !told || took > 20*time.Second {
		t.Errorf("told %t, after %s", told, took)
	}
	t.Log("told after", time.Since(began))
}
