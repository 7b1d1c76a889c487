package filter

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/budget"
)

// Filters and bodies come from users and senders: none may cause a panic, a hang or an internal error.
func FuzzFilter(f *testing.F) {
	for _, text := range []string{
		`type = order.*`, `data.amount = 5 and data.name != "Ann Lee"`, `header.X-A = 'b' && a.0.b = null`,
		`type == "order.created" && body.data.amount > 4`, `body.data.items.exists(i, i.sku == "B-2")`,
		`has(body.a) || headers["x"] == r"\" + """ = """`, `body.s.matches("^a(b|c)*$")`, `a != 1e5 and b = tr*e`,
		`{"a": [1, 2.5, b"x"]}["a"][0] in body`, `time - timestamp("2026-01-01T00:00:00Z") > duration("1h")`,
	} {
		f.Add(text, []byte(orderBody))
	}
	f.Add(`a.b = 1`, []byte(`{"a":{"b":`))
	f.Add(`a\.b = 1`, []byte("[[[[{\"\\u"))
	f.Fuzz(func(t *testing.T, text string, body []byte) {
		begin := time.Now()
		p, err := Compile(text)
		if err != nil {
			var e *hookyard.Error
			if !errors.As(err, &e) || e.Field != "filter" || e.Code != hookyard.Invalid ||
				strings.TrimSpace(e.Message) == "" {
				t.Fatalf("Compile(%q) = %#v, want an Invalid error on filter", text, err)
			}
			return
		}
		e := &hookyard.Event{Type: "a.b", Body: body, Size: int64(len(body)), Header: http.Header{"X-A": {"b"}}}
		ok, err := p.Match(e, budget.NewDecoding(1<<20))
		if err != nil && (ok || hookyard.CodeOf(err) == "") {
			t.Fatalf("Match = %v, %v; want false and an error with a code", ok, err)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Fatalf("%q took %s", text, took)
		}
	})
}
