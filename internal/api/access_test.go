package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hookyard/hookyard/internal/control"
)

// TestRouteWithoutAccess holds that a route which forgets to say who may use it fails when the server starts.
func TestRouteWithoutAccess(t *testing.T) {
	t.Parallel()
	forgotten := []route{
		{method: http.MethodGet, path: "/open", access: control.Public},
		{method: http.MethodGet, path: "/secrets"},
	}
	if err := checkRoutes(forgotten); err == nil || !strings.Contains(err.Error(), "GET /secrets") {
		t.Errorf("error %v, want one that names GET /secrets", err)
	}
	if err := checkRoutes(forgotten[:1]); err != nil {
		t.Error(err)
	}
	if err := checkRoutes((&API{}).routes()); err != nil {
		t.Error(err)
	}
}
