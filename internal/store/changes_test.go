package store_test

import (
	"strings"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestAuditSaysWhatChanged changes one of everything: the audit log has field, old and new value, and no secret.
func TestAuditSaysWhatChanged(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := hookyard.WithActor(t.Context(), "ann")
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		p := &hookyard.Project{Owner: "a", Name: "b", Description: "shop"}
		must(db.CreateProject(ctx, p, nil))
		said := func(project int64, action, want string) {
			t.Helper()
			list, err := db.Audit(ctx, hookyard.AuditQuery{ProjectKey: project, Limit: 1})
			must(err)
			if len(list) != 1 || list[0].Action != action || list[0].Detail != want || list[0].Actor != "ann" {
				t.Errorf("the audit log ends with %+v; want %s %q", list, action, want)
			}
			if strings.Contains(list[0].Detail, "s3cret") {
				t.Errorf("the audit log holds a secret: %s", list[0].Detail)
			}
		}
		p.Description, p.Public = "", true
		p.RelaySecret.Value = "s3cret"
		must(db.UpdateProject(ctx, p))
		said(p.Key, "project.update", `description: "shop" → none; public: none → true; relaySecret: none → ***`)

		u := &hookyard.User{Name: "eve"}
		must(db.CreateUser(ctx, u))
		_, err := db.UpdateUser(ctx, u.Key, func(u *hookyard.User) error {
			u.Admin, u.PasswordHash = true, "s3cret"
			return nil
		})
		must(err)
		said(0, "user.update", "admin: false → true; password: none → ***")
		must(db.SetMember(ctx, p, u, hookyard.RoleRead))
		said(p.Key, "member.set", "role: none → read")
		must(db.SetMember(ctx, p, u, hookyard.RoleNone))
		said(p.Key, "member.set", "role: read → none")

		h := &hookyard.Hook{ProjectKey: p.Key, ID: "h", URL: "https://one.example/s3cret", Active: true,
			Secrets: []hookyard.Secret{{Value: "s3cret1"}}}
		must(db.CreateHook(ctx, h))
		change := func(f func(h *hookyard.Hook)) {
			t.Helper()
			_, err := db.UpdateHook(ctx, p.Key, "h", 0, "hook.update", func(h *hookyard.Hook) error {
				f(h)
				return nil
			})
			must(err)
		}
		change(func(h *hookyard.Hook) {
			h.URL, h.Active = "https://two.example/s3cret", false
			h.Secrets[0].Value = "s3cret2"
		})
		said(p.Key, "hook.update",
			"active: true → false; secrets: changed; url: https://one.example/*** → https://two.example/***")
		change(func(h *hookyard.Hook) {
			h.URL, h.Ordered = "https://two.example/s3cret/other", true
			h.Headers = map[string]string{"Authorization": "s3cret"}
		})
		said(p.Key, "hook.update", "ordered: none → true; headers: none → ***; url: changed")

		s := &hookyard.Source{ProjectKey: p.Key, Name: "s", Type: "github", Active: true,
			Secrets: []hookyard.Secret{{Value: "s3cret"}}}
		_, err = db.PutSource(ctx, s)
		must(err)
		s.Type, s.Description = "gitlab", "code"
		s.Secrets = nil
		_, err = db.PutSource(ctx, s)
		must(err)
		said(p.Key, "source.update", `type: github → gitlab; description: none → "code"; secrets: *** → none`)
	})
}
