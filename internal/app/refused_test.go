package app_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
)

// TestRefusedSignIns gives wrong passwords. The log has a line of which the documented filter of fail2ban finds the
// address, whatever name was given, and the audit log has those of users.
func TestRefusedSignIns(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, filter, _ := strings.Cut(string(guide), "failregex = ")
	filter, _, _ = strings.Cut(filter, "```")
	lines := strings.Split(strings.TrimSpace(filter), "\n")
	if len(lines) != 2 {
		t.Fatalf("the documented filter is %q", filter)
	}
	for i, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			host := regexp.MustCompile(strings.ReplaceAll(strings.TrimSpace(lines[i]), "<HOST>", `([0-9a-f.:]+)`))
			var said bytes.Buffer // read after Run
			var handler slog.Handler = slog.NewTextHandler(&said, nil)
			if format == "json" {
				handler = slog.NewJSONHandler(&said, nil)
			}
			c := app.DefaultConfig()
			c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
			a, err := app.New(t.Context(), c, "test", slog.New(handler))
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- a.Run(ctx) }()
			names := []string{"admin", `x" address=192.0.2.1 user=`, `","address":"192.0.2.1","user":"`, "a\nb"}
			for _, name := range names {
				resp, err := http.PostForm(a.BaseURL()+"/login", url.Values{"username": {name}, "password": {"wrong"}})
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
			}
			token, err := os.ReadFile(c.Data + "/admin-token")
			if err != nil {
				t.Fatal(err)
			}
			last := client.AuditQuery{Page: client.Page{Limit: 1}}
			audit, err := at(t, a, strings.TrimSpace(string(token))).ServerAudit(ctx, last)
			if err != nil || len(audit.Audit) != 1 || audit.Audit[0].Action != "user.sign-in-refused" ||
				audit.Audit[0].Subject != "admin" || audit.Audit[0].Detail != "from 127.0.0.1: wrong password" {
				t.Errorf("the audit log ends with %+v, %v", audit.Audit, err)
			}
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
			found := 0
			for line := range strings.Lines(said.String()) {
				if m := host.FindStringSubmatch(line); m != nil {
					found++
					if m[1] != "127.0.0.1" {
						t.Errorf("the filter finds %s in %s", m[1], line)
					}
				}
			}
			if found != len(names) {
				t.Errorf("the filter finds %d lines, want %d: %s", found, len(names), said.String())
			}
		})
	}
}
