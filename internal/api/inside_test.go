package api_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/api"
	"github.com/hookyard/hookyard/internal/auth"
)

// TestDo holds that a call inside the process follows the same rules as one that comes by the network.
func TestDo(t *testing.T) {
	t.Parallel()
	b := one(t, nil)
	ctx := t.Context()
	p := b.project("p", client.ProjectPatch{})
	as := func(name string) *auth.Identity {
		u, err := b.db.UserByName(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		return &auth.Identity{User: u}
	}
	var h client.Hook
	err := b.api.Do(ctx, as("alice"), http.MethodPut, "/projects/"+p+"/hooks/h",
		client.HookPatch{URL: new("http://127.0.0.1:1/")}, &h)
	if err != nil || h.ID != "h" {
		t.Fatalf("hook %+v, %v", h, err)
	}
	err = b.api.Do(ctx, as("alice"), http.MethodPut, "/projects/"+p+"/hooks/bad",
		client.HookPatch{URL: new("http://10.0.0.1/")}, nil)
	var e *hookyard.Error
	if !errors.As(err, &e) || e.Field != "url" {
		t.Errorf("a bad URL: %v, want an error about url", err)
	}
	if err := b.api.Do(ctx, as("bob"), http.MethodGet, "/projects/"+p+"/hooks", nil,
		nil); hookyard.CodeOf(err) != hookyard.Forbidden {
		t.Errorf("bob reads: %v, want forbidden", err)
	}
	if err := b.api.Do(ctx, as("alice"), http.MethodGet, "/nothing", nil,
		nil); hookyard.CodeOf(err) != hookyard.NotFound {
		t.Errorf("nothing there: %v, want not found", err)
	}
	audit, err := b.alice.Audit(ctx, p, client.Page{})
	if err != nil || audit.Audit[0].Actor != "alice" || audit.Audit[0].Action != "hook.create" {
		t.Errorf("audit %+v, %v: want alice named", audit, err)
	}
}

// TestLive holds that listeners are let in by the API's rules, with any method.
func TestLive(t *testing.T) {
	t.Parallel()
	var a *api.API
	b := one(t, func(o *options) {
		o.Stream = func(w http.ResponseWriter, r *http.Request, owner, project string) error {
			view, err := a.Authorize(r, owner, project)
			if err != nil {
				return err
			}
			w.Header().Set("X-Project", view.Project.Path()+" "+r.Method)
			return nil
		}
	})
	a = b.api
	p := b.project("p", client.ProjectPatch{})
	path := "/api/v1/projects/" + p + "/stream?any=thing"
	if status, h, _ := b.do(b.token, http.MethodGet, path, ""); status != http.StatusOK ||
		h.Get("X-Project") != "alice/p GET" {
		t.Errorf("alice listens: %d %v", status, h)
	}
	if status, h, _ := b.do(b.token, http.MethodOptions, path, ""); status != http.StatusOK ||
		h.Get("X-Project") != "alice/p OPTIONS" {
		t.Errorf("a preflight: %d %v", status, h)
	}
	if status, _, _ := b.do(b.bobs, http.MethodGet, path, ""); status != http.StatusForbidden {
		t.Errorf("bob listens: %d, want 403", status)
	}
	if status, _, _ := b.do("", http.MethodGet, path, ""); status != http.StatusUnauthorized {
		t.Errorf("nobody listens: %d, want 401", status)
	}
	if status, _, _ := b.do(b.token, http.MethodGet, "/api/projects/"+p+"/poll", ""); status != http.StatusNotFound {
		t.Errorf("poll where it is not wired: %d, want 404", status)
	}
}
