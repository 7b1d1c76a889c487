package signature

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// TestSign signs each genuine request again, a day later, and verifies it then. Those that cannot be signed are of the
// kinds that ErrCannotSign names.
func TestSign(t *testing.T) {
	t.Parallel()
	signed := 0
	for _, g := range goldens(t, "requests") {
		t.Run(filepath.Base(g.file), func(t *testing.T) {
			v := must(t, g.typ, g.scheme, g.secret)
			if !verify(v, &g.request).OK {
				t.Skip("the request is refused")
			}
			later := g.request
			later.Header = g.request.Header.Clone()
			later.Now = g.request.Now.Add(24 * time.Hour)
			header, err := v.Sign(&later)
			if errors.Is(err, ErrCannotSign) {
				for _, rule := range v.rules {
					if has(later.Header, rule.Header) && rule.Algorithm != plain && rule.Algorithm != ed {
						t.Errorf("a request signed with %s in %s cannot be signed", rule.Algorithm, rule.Header)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			signed++
			for name, values := range header {
				later.Header[name] = values
			}
			for _, rule := range v.rules {
				if rule.TimestampField != "" {
					later.Now = g.request.Now // stays in the body
				}
			}
			if got := verify(v, &later); !got.OK {
				t.Errorf("signed with %v: %s", header, got.Reason)
			}
			later.Body = append([]byte("x"), later.Body...)
			if verify(v, &later).OK {
				t.Error("a changed body passes")
			}
		})
	}
	if signed < 30 {
		t.Errorf("%d requests were signed again; want most of them", signed)
	}
}
