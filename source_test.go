package hookyard_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hookyard/hookyard"
)

// TestAnswerHeaders checks that the answer of a source or a bin cannot affect the rest of the server's origin.
func TestAnswerHeaders(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"Set-Cookie": false, "set-cookie": false, "Clear-Site-Data": false, "Strict-Transport-Security": false,
		"Service-Worker-Allowed": false,
		"www-authenticate":       false, "Content-Security-Policy": false, "X-Content-Type-Options": false,
		"Content-Encoding": false, "Connection": false,
		"Content-Type": true, "Location": true, "X-Mine": true, "Retry-After": true,
	} {
		a := &hookyard.Answer{Headers: map[string]string{name: "x"}}
		s := &hookyard.Source{Name: "in", Answer: a}
		for what, err := range map[string]error{"answer": a.Validate(hookyard.DefaultLimits()),
			"source": s.Validate(hookyard.DefaultLimits())} {
			if (err == nil) != ok {
				t.Errorf("%s with %s: %v", what, name, err)
			}
			var e *hookyard.Error
			if err != nil && (!errors.As(err, &e) || e.Field != "headers" ||
				!strings.Contains(e.Message, "cannot be chosen")) {
				t.Errorf("%s with %s: %v does not say what is wrong", what, name, err)
			}
		}
	}
}
