package filter

import (
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/budget"
)

func TestRequest(t *testing.T) {
	t.Parallel()
	got := &hookyard.Event{Type: "in", Method: "GET", Target: "/status/7?hub.mode=subscribe&n=5&n=6&x=a%20b"}
	paid := &hookyard.Event{Type: "in", Method: "POST", ContentType: "application/json",
		Body: []byte(`{"method":"card","path":null,"query":{"n":7}}`)}
	published := &hookyard.Event{Type: "in"}
	for _, c := range []struct {
		filter string
		event  *hookyard.Event
		want   bool
	}{
		{`method = GET`, got, true},
		{`method = POST`, got, false},
		{`method != null and path = /status/*`, got, true},
		{`query.n = 5`, got, true},
		{`query.hub.mode = subscribe and query.x = "a b"`, got, true},
		{`query.none = null`, got, true},
		{`method = card`, paid, true},
		{`method = POST`, paid, false},
		{`path = null`, paid, true},
		{`query.n = 7`, paid, true},
		{`method = null and path = null`, published, true},
		{`method == "GET" && path.startsWith("/status/")`, got, true},
		{`query["hub.mode"] == "subscribe" && query.n == "5" && !("none" in query)`, got, true},
		{`method == "" && path == "" && size(query) == 0`, published, true},
	} {
		p, err := Compile(c.filter)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := p.Match(c.event, budget.NewDecoding(1<<20)); ok != c.want || err != nil {
			t.Errorf("%s: %v, %v; want %v", c.filter, ok, err, c.want)
		}
	}
}
