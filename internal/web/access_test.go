package web

import (
	"net/http"
	"testing"
)

// TestPageNamesItsAccess registers a page that does not say who may see it.
func TestPageNamesItsAccess(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a page without an access is registered")
		}
	}()
	w := &Web{mux: http.NewServeMux()}
	w.handle("GET /forgotten", 0, func(*visit) error { return nil })
}
