package api_test

import (
	"net/http"
	"testing"

	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/api"
)

// TestLive holds that listeners are let in by the API's rules, with any method.
func TestLive(t *testing.T) {
	t.Parallel()
	var a *api.API
	b := one(t, func(o *options) {
		o.Stream = func(w http.ResponseWriter, r *http.Request, owner, project string) error {
			snapshot, _, err := a.Authorize(r, owner, project)
			if err != nil {
				return err
			}
			w.Header().Set("Content-Type", "application/x-ndjson")
			w.Header().Set("X-Project", snapshot.Project.Path()+" "+r.Method)
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
