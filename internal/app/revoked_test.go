package app_test

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestRevokedListenersEnd takes away the right to listen in every way there is, on one node, while listeners of every
// kind are connected to another. All of them end at once, not when they are next asked about after a minute.
func TestRevokedListenersEnd(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		c := app.DefaultConfig()
		c.Listen, c.Database = "127.0.0.1:0", dsn
		c.Data, c.NodeName = t.TempDir(), "one"
		c.SecretKeyFile = filepath.Join(c.Data, "key")
		one, stop := run(t, c)
		defer stop()
		two := one
		if strings.HasPrefix(dsn, "postgres") {
			other := c
			other.Data, other.NodeName = t.TempDir(), "two"
			var stop func()
			two, stop = run(t, other)
			defer stop()
		}
		token, err := os.ReadFile(filepath.Join(c.Data, "admin-token"))
		if err != nil {
			t.Fatal(err)
		}
		admin := at(t, one, strings.TrimSpace(string(token)))
		ctx := t.Context()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		_, _, err = admin.PutProject(ctx, "admin/p", client.ProjectPatch{})
		must(err)
		password := "correct horse battery"
		for name, end := range map[string]func(user *client.Client, t client.NewToken) error{
			"revoked": func(user *client.Client, t client.NewToken) error { return user.DeleteToken(ctx, t.ID) },
			"expired": func(*client.Client, client.NewToken) error { return nil },
			"disabled": func(*client.Client, client.NewToken) error {
				yes := true
				_, err := admin.UpdateUser(ctx, "disabled", client.UserPatch{Disabled: &yes})
				return err
			},
			"removed": func(*client.Client, client.NewToken) error {
				return admin.RemoveMember(ctx, "admin/p", "removed")
			},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := admin.CreateUser(ctx, client.UserPatch{Name: &name, Password: &password})
				must(err)
				must(admin.SetMember(ctx, "admin/p", name, hookyard.RoleRead))
				user := signedIn(t, one, name, password)
				spec := client.TokenRequest{Scope: hookyard.ScopeRead}
				if name == "expired" {
					spec.ExpiresIn = hookyard.Duration(6 * time.Second)
				}
				given, err := user.CreateToken(ctx, spec)
				must(err)
				ended := listenAll(t, two.BaseURL(), given.Secret)
				must(end(user, given))
				select {
				case <-ended:
				case <-time.After(20 * time.Second):
					t.Error("listeners still listen after 20 s")
				}
			})
		}
	})
}

// TestListenersOfASessionEnd signs out while a stream is open that the session allows.
func TestListenersOfASessionEnd(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		c := app.DefaultConfig()
		c.Listen, c.Database = "127.0.0.1:0", dsn
		c.Data = t.TempDir()
		c.SecretKeyFile = filepath.Join(c.Data, "key")
		one, stop := run(t, c)
		defer stop()
		token, err := os.ReadFile(filepath.Join(c.Data, "admin-token"))
		if err != nil {
			t.Fatal(err)
		}
		admin := at(t, one, strings.TrimSpace(string(token)))
		name, password := "reader", "correct horse battery"
		if _, err := admin.CreateUser(t.Context(), client.UserPatch{Name: &name, Password: &password}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := admin.PutProject(t.Context(), "reader/p", client.ProjectPatch{}); err != nil {
			t.Fatal(err)
		}
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		browser := http.Client{Jar: jar}
		defer browser.CloseIdleConnections()
		post := func(path string, form url.Values) {
			t.Helper()
			resp, err := browser.PostForm(one.BaseURL()+path, form)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode >= 400 {
				t.Fatalf("%s: %s", path, resp.Status)
			}
		}
		post("/login", url.Values{"username": {name}, "password": {password}})
		resp, err := browser.Get(one.BaseURL() + "/api/projects/reader/p/stream?format=ndjson")
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp, err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}()
		post("/logout", nil)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Error("the stream goes on 20 s after its session has ended")
			_ = resp.Body.Close()
		}
	})
}

// listenAll connects a listener of each kind. The channel is closed when all have been ended by the server.
func listenAll(t *testing.T, base, token string) <-chan struct{} {
	t.Helper()
	project := base + "/api/projects/admin/p"
	var open sync.WaitGroup
	for _, path := range []string{project + "/stream?format=sse&", project + "/stream?format=ndjson&",
		base + "/smee/admin/p?", project + "/poll?wait=50s&"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, path+"token="+token, nil)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(path, "/poll") {
			open.Go(func() {
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden {
					t.Errorf("the poll ends with %s", resp.Status)
				}
			})
			continue
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v, %v", path, resp, err)
		}
		open.Go(func() {
			defer func() { _ = resp.Body.Close() }()
			_, _ = io.Copy(io.Discard, resp.Body)
		})
	}
	conn, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(project, "http")+"/stream?token="+token, nil)
	if err != nil {
		t.Fatal(err)
	}
	open.Go(func() {
		_, _, err := conn.Read(context.Background())
		if websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
			t.Errorf("the WebSocket ends with %v", err)
		}
	})
	ended := make(chan struct{})
	go func() { open.Wait(); close(ended) }()
	return ended
}

// at is the API of a node.
func at(t *testing.T, a *app.App, token string) *client.Client {
	t.Helper()
	c, err := client.New(a.BaseURL(), token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// signedIn is the API in the hands of a user, by a token of scope manage.
func signedIn(t *testing.T, a *app.App, name, password string) *client.Client {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.BaseURL()+"/api/user/token", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(name, password)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), `"webgmeToken":"`)
	token, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("no token: %s", b)
	}
	return at(t, a, token)
}
