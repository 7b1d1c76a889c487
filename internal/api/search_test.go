package api_test

import (
	"slices"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/control"
)

// TestSearchOfAllProjects finds events of the projects that a caller may read, and of no others.
func TestSearchOfAllProjects(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bundle) {
		ctx := t.Context()
		create := func(c *client.Client, path string, patch client.ProjectPatch) {
			t.Helper()
			if _, _, err := c.PutProject(ctx, path, patch); err != nil {
				t.Fatal(err)
			}
			for _, order := range []int{4711, 4712} {
				if _, err := c.Publish(ctx, path, client.Publication{Type: "order",
					Data: map[string]any{"id": order, "of": path}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		bob := b.client(b.bobs)
		create(b.alice, "alice/a", client.ProjectPatch{SearchFields: &[]string{"data.id"}})
		create(b.alice, "alice/b", client.ProjectPatch{})
		create(bob, "bob/private", client.ProjectPatch{SearchFields: &[]string{"data.id"}})
		create(bob, "bob/shared", client.ProjectPatch{SearchFields: &[]string{"data.id"}})
		if err := bob.SetMember(ctx, "bob/shared", "alice", hookyard.RoleRead); err != nil {
			t.Fatal(err)
		}
		bound, err := b.alice.CreateToken(ctx, client.TokenRequest{Name: "bound", Project: "alice/b",
			Scope: hookyard.ScopeRead})
		if err != nil {
			t.Fatal(err)
		}
		private, err := bob.Events(ctx, "bob/private", client.EventQuery{})
		if err != nil || len(private.Events) == 0 {
			t.Fatal(err)
		}
		for _, c := range []struct {
			who  *client.Client
			q    client.EventQuery
			want []string // projects of the events found
		}{
			{b.alice, client.EventQuery{Find: "4711"}, []string{"alice/a", "alice/b", "bob/shared"}},
			{b.alice, client.EventQuery{Find: "4711", Value: "4711"}, []string{"alice/a", "bob/shared"}},
			{b.alice, client.EventQuery{Find: "4711", In: "bodies"}, []string{"alice/a", "alice/b", "bob/shared"}},
			{b.alice, client.EventQuery{Find: "alice/b"}, []string{"alice/b", "alice/b"}},
			{b.alice, client.EventQuery{Text: "471"},
				[]string{"alice/a", "alice/a", "alice/b", "alice/b", "bob/shared", "bob/shared"}},
			{b.alice, client.EventQuery{Fields: map[string]string{"data.id": "4712"}},
				[]string{"alice/a", "alice/b", "bob/shared"}},
			{b.alice, client.EventQuery{Value: "4712", Since: time.Now().Add(time.Hour)}, nil},
			{b.alice, client.EventQuery{ID: private.Events[0].ID}, nil},
			{b.alice, client.EventQuery{Find: private.Events[0].ID}, nil},
			{bob, client.EventQuery{Find: private.Events[0].ID}, []string{"bob/private"}},
			{bob, client.EventQuery{Find: "4711"}, []string{"bob/private", "bob/shared"}},
			{b.client(bound.Secret), client.EventQuery{Find: "4711"}, []string{"alice/b"}},
		} {
			for _, limit := range []int{1, 2, 50} {
				c.q.Page = client.Page{Limit: limit}
				var got []string
				for more := true; more; more = c.q.Cursor != "" {
					page, err := c.who.SearchEvents(ctx, c.q)
					if err != nil {
						t.Fatal(err)
					}
					for _, e := range page.Events {
						got = append(got, e.Project)
					}
					c.q.Cursor = page.Cursor
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("%+v finds events of %q, want %q", c.q, got, c.want)
				}
			}
		}
	})
}

// TestSearchGoesOnToBodies goes on with a search for a text that no field has from a place on: the bodies are searched
// from the newest event on.
func TestSearchGoesOnToBodies(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bundle) {
		ctx, p := t.Context(), b.project("p", client.ProjectPatch{SearchFields: &[]string{"data.id"}})
		for range 2 {
			in := client.Publication{Type: "a", Data: map[string]any{"of": "x47"}}
			if _, err := b.alice.Publish(ctx, p, in); err != nil {
				t.Fatal(err)
			}
		}
		user, err := b.db.UserByName(ctx, "alice")
		if err != nil {
			t.Fatal(err)
		}
		id := &auth.Identity{User: user}
		q := control.EventSearch{Find: "x47", EventQuery: hookyard.EventQuery{Limit: 10}}
		found, err := b.ctl.Search(ctx, id, q, control.Place{Project: p})
		if err != nil || len(found.Events) != 2 || found.In != control.InBodies {
			t.Errorf("in all projects: %+v, %v", found, err)
		}
		project, err := b.ctl.Project(ctx, id, "alice", "p", control.Read)
		if err != nil {
			t.Fatal(err)
		}
		q.Before = 1
		in, err := project.Events(ctx, q)
		if err != nil || len(in.Events) != 2 || in.In != control.InBodies {
			t.Errorf("in the project: %+v, %v", in, err)
		}
	})
}
