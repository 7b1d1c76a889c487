package app_test

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestVerify has options with which no server starts. That is found before the database is opened, and without one.
func TestVerify(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hooks := filepath.Join(dir, "hooks.json")
	if err := os.WriteFile(hooks, []byte(`{"a": {"url": "http://a.example/", "timeout": "1h"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(c *app.Config){
		`--proxy: want "env"`:                            func(c *app.Config) { c.Proxy = "foo" },
		`--allow-target "a b": want`:                     func(c *app.Config) { c.AllowTargets = []string{"a b"} },
		"--default-hooks: open /nope":                    func(c *app.Config) { c.DefaultHooks = "/nope" },
		"--default-hooks " + hooks + ": hook a: timeout": func(c *app.Config) { c.DefaultHooks = hooks },
		"--oidc-issuer needs --oidc-client-id":           func(c *app.Config) { c.OIDCIssuer = "https://a.example" },
		"--otlp-endpoint":                                func(c *app.Config) { c.OTLPEndpoint = "collector" },
		"--tls-cert nope":                                func(c *app.Config) { c.TLSCert, c.TLSKey = "nope", "nope" },
	} {
		c := app.DefaultConfig()
		c.Listen, c.Data = "127.0.0.1:0", filepath.Join(dir, "data")
		change(&c)
		if err := c.Complete(); err != nil {
			t.Errorf("Complete: %v", err)
		}
		if err := c.Verify(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Verify = %v; want %s", err, want)
		}
		if _, err := app.New(t.Context(), c, "test", slog.New(slog.DiscardHandler)); err == nil ||
			!strings.HasPrefix(err.Error(), want) {
			t.Errorf("New = %v; want %s", err, want)
		}
		if _, err := os.Stat(c.Data); err == nil {
			t.Errorf("%s: the database was opened", want)
		}
	}
}

// TestDiagnoseTriesAllPorts has ports that other programs use.
func TestDiagnoseTriesAllPorts(t *testing.T) {
	t.Parallel()
	taken := testenv.Accept(t, func(conn net.Conn) { _ = conn.Close() })
	c := app.DefaultConfig()
	c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
	c.MetricsListen = taken
	if check := diagnose(t, c, "")["metrics"]; check.Status != app.Fail || check.Advice == "" {
		t.Errorf("%+v; want it to fail, and advice", check)
	}
	c.MetricsListen = "127.0.0.1:0"
	if check := diagnose(t, c, "")["metrics"]; check.Status != app.OK {
		t.Errorf("%+v; want it to be free", check)
	}
}
