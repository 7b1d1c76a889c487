package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hookyard/hookyard"
)

// TestGone: whoever closed their side of the connection and still reads must not see a 2xx for what was not done.
func TestGone(t *testing.T) {
	t.Parallel()
	b := one(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/projects", nil)
	w := httptest.NewRecorder()
	b.api.Fail(w, r, ctx.Err())
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", w.Code)
	}
	w = httptest.NewRecorder()
	b.api.Fail(w, r, hookyard.Errorf(hookyard.Invalid, "wrong"))
	if w.Code != http.StatusBadRequest {
		t.Errorf("status %d of another error, want 400", w.Code)
	}
}
