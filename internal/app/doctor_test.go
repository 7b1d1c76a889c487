package app_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestDiagnose looks at a server before its start, while it runs and with what goes wrong.
func TestDiagnose(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		c := app.DefaultConfig()
		c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
		c.Database, c.RetentionBytes = dsn, 1
		before := diagnose(t, c, "")
		for name, check := range before {
			if check.Status != app.OK {
				t.Errorf("before the start %s is %+v", name, check)
			}
		}
		a, stop := run(t, c)
		defer stop()
		token, err := os.ReadFile(filepath.Join(c.Data, "admin-token"))
		if err != nil {
			t.Fatal(err)
		}
		admin, url := at(t, a, strings.TrimSpace(string(token))), "https://example.com/secret"
		if _, _, err := admin.PutProject(t.Context(), "admin/shop", client.ProjectPatch{}); err != nil {
			t.Fatal(err)
		}
		if _, err := admin.CreateHook(t.Context(), "admin/shop", "h", client.HookPatch{URL: &url}); err != nil {
			t.Fatal(err)
		}
		c.Listen, c.BaseURL = a.Addr(), a.BaseURL()
		c.AllowTargets = []string{"127.0.0.1"}
		told := diagnose(t, c, a.BaseURL()+"/healthz")
		for name, want := range map[string]string{"port": "hookyard test serves", "base-url": "leads to a hookyard",
			"database": "schema version", "key": "has the key", "egress": "answers with 200"} {
			if check := told[name]; check.Status != app.OK || !strings.Contains(check.Found, want) {
				t.Errorf("%s of a running server is %+v; want %q", name, check, want)
			}
		}
		if check := told["targets"]; check.Status != app.Warn || !strings.Contains(check.Found, "this machine") {
			t.Errorf("targets with loopback allowed: %+v", check)
		}
		c.BaseURL = "http://127.0.0.1:1"
		if check := diagnose(t, c, "")["base-url"]; check.Status != app.Warn || check.Advice == "" {
			t.Errorf("a base URL that leads nowhere: %+v", check)
		}
		c.SecretKeyFile = filepath.Join(t.TempDir(), "key")
		if check := diagnose(t, c, "")["key"]; check.Status != app.Fail {
			t.Errorf("without the key: %+v", check)
		}
		if err := os.WriteFile(c.SecretKeyFile, []byte("another key than that"), 0o600); err != nil {
			t.Fatal(err)
		}
		if check := diagnose(t, c, "")["key"]; check.Status != app.Fail ||
			!strings.Contains(check.Found, "another key") {
			t.Errorf("with another key: %+v", check)
		}
	})
}

// TestDiagnoseNamesWhatFails takes what a server needs away.
func TestDiagnoseNamesWhatFails(t *testing.T) {
	t.Parallel()
	taken := testenv.Accept(t, func(conn net.Conn) { _ = conn.Close() })
	for name, change := range map[string]func(c *app.Config){
		"port":     func(c *app.Config) { c.Listen = taken },
		"database": func(c *app.Config) { c.Database = "postgres://127.0.0.1:1/none" },
		"commits":  func(c *app.Config) { c.Data, c.Database = "/proc", "/proc/none/hookyard.db" },
		"dns":      func(*app.Config) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := app.DefaultConfig()
			c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
			change(&c)
			if check := diagnose(t, c, "http://none.invalid/")[name]; check.Status != app.Fail || check.Advice == "" {
				t.Errorf("%+v; want it to fail, and advice", check)
			}
		})
	}
}

// TestDiagnoseLooksAtCertificates asks a server whose certificate no one has signed.
func TestDiagnoseLooksAtCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	testenv.WritePair(t, 1, cert, key)
	secure := func(c *app.Config) { c.TLSCert, c.TLSKey = cert, key }
	a := start(t, secure)
	c := app.DefaultConfig()
	secure(&c)
	c.Listen, c.BaseURL = a.Addr(), a.BaseURL()
	c.Data = t.TempDir()
	told := diagnose(t, c, "")
	if check := told["port"]; check.Status != app.OK || !strings.Contains(check.Found, "hookyard test serves") {
		t.Errorf("the port: %+v", check)
	}
	if check := told["base-url"]; check.Status != app.Warn || !strings.Contains(check.Advice, "senders trust") {
		t.Errorf("the base URL: %+v", check)
	}
}

// diagnose returns the checks by name.
func diagnose(t *testing.T, c app.Config, reach string) map[string]app.Check {
	t.Helper()
	if err := c.Complete(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	byName := map[string]app.Check{}
	for _, check := range app.Diagnose(ctx, c, "test", reach) {
		byName[check.Name] = check
	}
	return byName
}
