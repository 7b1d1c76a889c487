package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestSearchByPath finds events by what stands at a path, in JSON and in the JSON of a form.
func TestSearchByPath(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		snapshot := storetest.Project(t, db, "acme", "shop")
		form := "application/x-www-form-urlencoded"
		for id, c := range map[string][2]string{
			"json": {"application/json", `{"ref":"main","n":12345678901234567890,"__proto__":{"x":true}}`},
			"form": {form, "payload=%7B%22ref%22%3A%22main%22%7D"},
			"data": {form, "data=%7B%22ref%22%3A%22dev%22%7D"},
			"curl": {form, `{"ref":"dev"}`},
			"text": {"text/plain", "ref=main"},
		} {
			e := &hookyard.Event{ID: id, ProjectKey: snapshot.Project.Key, Source: "in", Type: "push", Time: time.Now(),
				ContentType: c[0], Body: []byte(c[1]), Size: int64(len(c[1]))}
			if _, err := db.Accept(ctx, &hookyard.RoutedEvent{Event: e}); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			path, value string
			want        int
		}{
			{"ref", "main", 2}, {"ref", "dev", 2}, {"ref", "none", 0}, {"n", "12345678901234567890", 1},
			{"n", "1234567890123456789e1", 1}, {"n", "12345678901234567891", 0},
			{"__proto__.x", "true", 1}, {"payload", "x", 0},
		} {
			page, err := db.Events(ctx, hookyard.EventQuery{ProjectKey: snapshot.Project.Key,
				Fields: []hookyard.FieldMatch{{Path: c.path, Value: c.value}}, Limit: 10})
			if err != nil || len(page.Events) != c.want {
				t.Errorf("%s = %s finds %d events, %v; want %d", c.path, c.value, len(page.Events), err, c.want)
			}
		}
	})
}
