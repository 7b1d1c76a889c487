package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/auth"
)

// TestScopes holds what a token may do against what its user may.
func TestScopes(t *testing.T) {
	t.Parallel()
	b := one(t, nil)
	ctx := t.Context()
	p, other := b.project("p", client.ProjectPatch{}), b.project("other", client.ProjectPatch{})
	event := client.Publication{Type: "a", Data: json.RawMessage(`1`)}
	try := func(c *client.Client, project string) (can string) {
		if _, err := c.Publish(ctx, project, event); err == nil {
			can += "publish "
		}
		if _, err := c.Events(ctx, project, client.EventQuery{}); err == nil {
			can += "read "
		}
		if _, err := c.PatchProject(ctx, project, client.ProjectPatch{Description: new("x")}); err == nil {
			can += "manage "
		}
		if _, err := c.CreateToken(ctx, client.TokenRequest{}); err == nil {
			can += "token "
		}
		if _, err := c.UserToken(ctx); err == nil {
			can += "usertoken "
		}
		page, err := c.Projects(ctx, client.Page{})
		if err == nil && slices.ContainsFunc(page.Projects,
			func(q client.Project) bool { return q.Path() == project }) {
			can += "list "
		}
		return strings.TrimSpace(can)
	}
	for _, c := range []struct {
		request       client.TokenRequest
		here, notHere string
	}{
		{client.TokenRequest{Scope: hookyard.ScopePublish}, "publish", "publish"},
		{client.TokenRequest{Scope: hookyard.ScopePublish, Project: p}, "publish", ""},
		{client.TokenRequest{}, "read list", "read list"},
		{client.TokenRequest{Scope: hookyard.ScopeRead, Project: p}, "read list", ""},
		{client.TokenRequest{Scope: hookyard.ScopeManage, Project: p}, "publish read manage list", ""},
		{client.TokenRequest{Scope: hookyard.ScopeManage}, "publish read manage token usertoken list",
			"publish read manage token usertoken list"},
	} {
		made, err := b.alice.CreateToken(ctx, c.request)
		if err != nil {
			t.Fatal(err)
		}
		if got := try(b.client(made.Secret), p); got != c.here {
			t.Errorf("%+v in its project may %q, want %q", c.request, got, c.here)
		}
		if got := try(b.client(made.Secret), other); got != c.notHere {
			t.Errorf("%+v in another project may %q, want %q", c.request, got, c.notHere)
		}
	}
}

// TestRoles holds what a member of each role may do.
func TestRoles(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bundle) {
		ctx := t.Context()
		p := b.project("p", client.ProjectPatch{})
		b.hook(p, "h", "http://127.0.0.1:1/")
		for role, want := range map[hookyard.Role]string{"": "", hookyard.RoleRead: "read",
			hookyard.RoleWrite: "read write", hookyard.RoleAdmin: "read write admin"} {
			if role != "" {
				if err := b.alice.SetMember(ctx, p, "bob", role); err != nil {
					t.Fatal(err)
				}
			}
			got := ""
			if _, err := b.bob.Hooks(ctx, p); err == nil {
				got += "read "
			}
			if _, err := b.bob.PatchHook(ctx, p, "h", client.HookPatch{Description: new(string(role))}); err == nil {
				got += "write "
			}
			if _, err := b.bob.PatchProject(ctx, p, client.ProjectPatch{Description: new(string(role))}); err == nil {
				got += "admin "
			}
			if got = strings.TrimSpace(got); got != want {
				t.Errorf("role %q may %q, want %q", role, got, want)
			}
			if role != "" {
				if err := b.alice.RemoveMember(ctx, p, "bob"); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestGuests(t *testing.T) {
	t.Parallel()
	b := one(t, func(o *options) { o.Guests = true })
	ctx := t.Context()
	open := b.project("open", client.ProjectPatch{Public: new(true)})
	b.project("closed", client.ProjectPatch{})
	guest := b.client("")
	if u, err := guest.User(ctx); err != nil || !u.Guest {
		t.Errorf("user %+v, %v: want a guest", u, err)
	}
	page, err := guest.Projects(ctx, client.Page{Limit: 1})
	if err != nil || len(page.Projects) != 1 || page.Projects[0].Path() != open {
		t.Errorf("a guest sees %+v, %v; want only %s", page, err, open)
	}
	_, err = guest.PatchProject(ctx, open, client.ProjectPatch{})
	wantStatus(t, err, http.StatusUnauthorized, "Authentication required")
	_, err = guest.Publish(ctx, open, client.Publication{Type: "a", Data: json.RawMessage("1")})
	wantStatus(t, err, http.StatusUnauthorized, "Authentication required")
	for _, p := range []string{"alice/closed", "alice/nothing"} {
		_, err = guest.Project(ctx, p)
		wantStatus(t, err, http.StatusUnauthorized, "Authentication required")
	}
	_, err = guest.ServerAudit(ctx, client.AuditQuery{})
	wantStatus(t, err, http.StatusUnauthorized, "Authentication required")
	_, err = guest.CreateToken(ctx, client.TokenRequest{})
	wantStatus(t, err, http.StatusUnauthorized, "Authentication required")
	_, err = guest.UserToken(ctx)
	wantStatus(t, err, http.StatusUnauthorized, "Authentication required")
}

// TestTokenRenewal offers a client whose token of WebGME's ends soon a new one, once.
func TestTokenRenewal(t *testing.T) {
	t.Parallel()
	b := one(t, nil)
	alice, err := b.db.UserByName(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	ask := func(token string) (renewed string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, b.url+"/api/user", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("status %d", resp.StatusCode)
		}
		return resp.Header.Get("access_token")
	}
	for _, c := range []struct {
		name  string
		scope hookyard.Scope
		left  time.Duration
		want  bool
	}{
		{"GET /api/user/token", hookyard.ScopeManage, 30 * time.Minute, true},
		{"GET /api/user/token", hookyard.ScopeManage, 2 * time.Hour, false},
		{"GET /api/user/token", hookyard.ScopeRead, 30 * time.Minute, false}, // it must not get more than it may
		{"ci", hookyard.ScopeManage, 30 * time.Minute, false},
	} {
		secret, hash := auth.NewToken()
		token := &hookyard.Token{UserKey: alice.Key, Name: c.name, Hash: hash, Scope: c.scope,
			ExpiresAt: time.Now().Add(c.left)}
		if err := b.db.CreateToken(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		renewed := ask(secret)
		if (renewed != "") != c.want {
			t.Errorf("token %q with %s left: renewed %t, want %t", c.name, c.left, renewed != "", c.want)
		}
		if renewed != "" && (ask(renewed) != "" || ask(secret) != "") {
			t.Error("a new token, or one that was just renewed, is renewed")
		}
	}
}
