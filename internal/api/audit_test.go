package api_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestAuditExport exports audit logs in parts: each continues after the last entry of the one before, and all together
// they are what the lists show.
func TestAuditExport(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := withStream(t, db)
		ctx := t.Context()
		if _, _, err := b.alice.PutProject(ctx, "alice/p", client.ProjectPatch{}); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"a", "b", "c"} {
			url := "http://127.0.0.1:1/" + name
			if _, err := b.alice.PutHook(ctx, "alice/p", name, client.HookPatch{URL: &url}); err != nil {
				t.Fatal(err)
			}
			if _, _, err := b.alice.PutProject(ctx, "alice/"+name, client.ProjectPatch{}); err != nil {
				t.Fatal(err)
			}
		}
		export := func(c *client.Client, project string, q client.AuditQuery) (out []hookyard.AuditEntry) {
			t.Helper()
			for e, err := range c.ExportAudit(ctx, project, q) {
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, e)
			}
			return out
		}
		listed, err := b.admin.ServerAudit(ctx, client.AuditQuery{All: true, Page: client.Page{Limit: 500}})
		if err != nil {
			t.Fatal(err)
		}
		var all []hookyard.AuditEntry
		testenv.Until(t, "everything is exported", func() bool {
			q := client.AuditQuery{All: true}
			if n := len(all); n > 0 {
				q.After = all[n-1].Key
			}
			all = append(all, export(b.admin, "", q)...)
			return len(all) >= len(listed.Audit)
		})
		slices.Reverse(all)
		if !slices.Equal(all, listed.Audit) {
			t.Errorf("exported %+v, listed %+v", all, listed.Audit)
		}
		if !slices.ContainsFunc(all, func(e hookyard.AuditEntry) bool {
			return e.Project == "alice/p" && e.Action == "hook.create" && e.Subject == "b" && e.Actor == "alice"
		}) {
			t.Errorf("an entry is missing in %+v", all)
		}
		for _, c := range []struct {
			project string
			query   client.AuditQuery
			want    int
		}{
			{"alice/p", client.AuditQuery{Action: "hook.*"}, 3},
			{"alice/p", client.AuditQuery{Action: "hook.create"}, 3},
			{"alice/p", client.AuditQuery{Action: "hook_create"}, 0}, {"alice/p", client.AuditQuery{Action: "%"}, 0},
			{"alice/p", client.AuditQuery{Action: "hook.*", Actor: "bob"}, 0},
			{"alice/p", client.AuditQuery{Action: "hook.*", Actor: "alice", Until: all[len(all)-1].Time}, 0},
			{"alice/p", client.AuditQuery{Action: "hook.*", Since: all[len(all)-1].Time}, 3},
			{"", client.AuditQuery{Action: "hook.*"}, 0}, {"", client.AuditQuery{Action: "hook.*", All: true}, 3},
		} {
			if got := export(b.admin, c.project, c.query); len(got) != c.want {
				t.Errorf("export of %q with %+v: %+v, want %d entries", c.project, c.query, got, c.want)
			}
		}
		for _, err := range b.alice.ExportAudit(ctx, "", client.AuditQuery{All: true}) {
			if client.StatusOf(err) != 403 {
				t.Errorf("a user exports all audit logs: %v", err)
			}
		}
	})
}

// checkAudited checks the entries that all operations made: each names the user who made the change, and the changes
// of settings say which, with the values before and after.
func checkAudited(t *testing.T, db *store.DB) {
	t.Helper()
	all, err := db.Audit(t.Context(), hookyard.AuditQuery{Everywhere: true, Limit: 1000})
	if err != nil || len(all) < 20 {
		t.Fatalf("%d entries, %v", len(all), err)
	}
	// Their names and subjects say all.
	plain := []string{"user.create", "user.delete", "project.transfer", "project.delete", "replay.create",
		"replay.cancel", "hook.enable", "event.erase", "secret-key.rotate", "token.delete"}
	for _, e := range all {
		if e.Subject == "" || !slices.Contains([]string{"alice", "bob", "root2"}, e.Actor) &&
			e.Action != "user.create" && e.Action != "token.create" { // by the test itself
			t.Errorf("entry %+v does not say who changed what", e)
		}
		if strings.Contains(e.Detail, "auto") || strings.HasSuffix(e.Action, ".create") &&
			strings.Contains(e.Detail, "*** →") {
			t.Errorf("entry %+v has what is not a change", e)
		}
		if !strings.Contains(e.Detail, " → ") && !strings.Contains(e.Detail, ": changed") &&
			!slices.Contains(plain, e.Action) {
			t.Errorf("entry %+v does not say what was before and after", e)
		}
	}
}
