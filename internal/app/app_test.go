package app_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

func TestOptionsFromFlagsAndEnvironment(t *testing.T) {
	t.Parallel()
	c := app.DefaultConfig()
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	c.Flags(fs)
	if err := fs.Parse([]string{"--max-body", "1MiB", "--listen", "127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"HOOKYARD_LISTEN": "127.0.0.1:2", "HOOKYARD_ALLOW_TARGET": "10.0.0.0/8,db.lan",
		"HOOKYARD_DEV": "true"}
	if _, err := app.Load(fs, func(k string) (string, bool) { v, ok := env[k]; return v, ok }); err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:1" || c.Limits.Body != 1<<20 || !c.Dev || len(c.AllowTargets) != 2 {
		t.Errorf("config = %+v; a flag wins over the environment, which wins over the default", c)
	}
	for text, want := range map[string]bool{"yes": true, "On": true, "1": true, "no": false, "off": false, "": true} {
		c := app.DefaultConfig()
		fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		c.Flags(fs)
		env := map[string]string{"HOOKYARD_METRICS": text}
		_, err := app.Load(fs, func(k string) (string, bool) { v, ok := env[k]; return v, ok })
		if err != nil || c.Metrics != want {
			t.Errorf("HOOKYARD_METRICS=%q: %v, %v; want %v", text, c.Metrics, err, want)
		}
	}
	env["HOOKYARD_MAX_BODY"] = "lots"
	other := app.DefaultConfig()
	fs = pflag.NewFlagSet("serve", pflag.ContinueOnError)
	other.Flags(fs)
	_, err := app.Load(fs, func(k string) (string, bool) { v, ok := env[k]; return v, ok })
	if err == nil || !strings.Contains(err.Error(), "HOOKYARD_MAX_BODY") {
		t.Errorf("a wrong variable gives %v; want its name", err)
	}
}

func TestStrayVariablesAreNamed(t *testing.T) {
	t.Parallel()
	c := app.DefaultConfig()
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	c.Flags(fs)
	got := app.StrayEnv(fs, []string{"HOOKYARD_LISTEN=x", "HOOKYARD_DATABASE_FILE=x", "HOOKYARD_TOKEN=x",
		"HOOKYARD_TEST_POSTGRES=x", "PATH=x",
		"HOOKYARD_PORT_8080_TCP=x", "HOOKYARD_RETENTOIN=x", "HOOKYARD_ALLOW_TARGETS=x"})
	if want := []string{"HOOKYARD_ALLOW_TARGETS", "HOOKYARD_RETENTOIN"}; !slices.Equal(got, want) {
		t.Errorf("stray variables %v, want %v", got, want)
	}
}

// TestOptionsFromFiles reads what stands in a file that a variable names, as secrets are mounted into containers.
func TestOptionsFromFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(file, []byte("postgres://u:p@db/hookyard\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env          map[string]string
		want, refuse string
	}{
		{map[string]string{"HOOKYARD_DATABASE_FILE": file}, "postgres://u:p@db/hookyard", ""},
		{map[string]string{"HOOKYARD_DATABASE_FILE": file + "x"}, "", "HOOKYARD_DATABASE_FILE"},
		{map[string]string{"HOOKYARD_DATABASE_FILE": file, "HOOKYARD_DATABASE": "a.db"}, "", "both set"},
		{map[string]string{"HOOKYARD_SECRET_KEY_FILE": file}, "", ""}, // an option of its own, the path of the key
	} {
		config := app.DefaultConfig()
		fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		config.Flags(fs)
		_, err := app.Load(fs, func(k string) (string, bool) { v, ok := c.env[k]; return v, ok })
		if (err != nil) != (c.refuse != "") || err != nil && !strings.Contains(err.Error(), c.refuse) {
			t.Errorf("%v gives %v; want %q", c.env, err, c.refuse)
		}
		if err == nil && config.Database != c.want {
			t.Errorf("%v: database %q, want %q", c.env, config.Database, c.want)
		}
		if path := c.env["HOOKYARD_SECRET_KEY_FILE"]; config.SecretKeyFile != path {
			t.Errorf("%v: secret key file %q, want %q", c.env, config.SecretKeyFile, path)
		}
	}
}

func TestRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(c *app.Config){
		"loopback only": func(c *app.Config) { c.Dev, c.Listen = true, "0.0.0.0:8080" },
		"HOST:PORT":     func(c *app.Config) { c.Listen = "8080" },
		"http://":       func(c *app.Config) { c.BaseURL = "hooks.example.com" },
		"no query":      func(c *app.Config) { c.BaseURL = "https://hooks.example.com/?a=1" },
		"no query, ":    func(c *app.Config) { c.BaseURL = "https://hooks.example.com/#a" },
		"letters":       func(c *app.Config) { c.BaseURL = "https://hooks.example.com/a;b" },
		"postgres://":   func(c *app.Config) { c.Database = "host=db password=secret" },
		"--log-format":  func(c *app.Config) { c.LogFormat = "xml" },
		"--trust-proxy": func(c *app.Config) { c.TrustProxies = []string{"10.0.0.1", "10.0.0.0/40"} },
		"--max-body":    func(c *app.Config) { c.Limits.Body = 0 },

		"--metrics-labels \"type\"": func(c *app.Config) { c.MetricsLabels = "type" },
		"set --metrics-token":       func(c *app.Config) { c.MetricsLabels = "hook" },
		"--metrics-series":          func(c *app.Config) { c.MetricsSeries = 0 },
		"--metrics-listen":          func(c *app.Config) { c.MetricsListen = "9090" },
		"--metrics-token may":       func(c *app.Config) { c.MetricsToken = "a b" },
		"turns metrics off":         func(c *app.Config) { c.Metrics, c.MetricsToken = false, "t" },
	} {
		c := app.DefaultConfig()
		change(&c)
		if err := c.Complete(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Complete = %v; want something about %s", err, want)
		}
	}
}

// TestNodesStartTogether on a database that is empty yet, and with one key.
func TestNodesStartTogether(t *testing.T) {
	t.Parallel()
	dsn, key := storetest.Postgres(t), filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("k", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 4 {
		c := app.DefaultConfig()
		c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
		c.Database, c.SecretKeyFile = dsn, key
		c.Grace = time.Second
		wait.Go(func() {
			a, err := app.New(t.Context(), c, "test", slog.New(slog.DiscardHandler))
			if err != nil {
				t.Error(err)
				return
			}
			ended, stop := context.WithCancel(t.Context())
			stop()
			if err := a.Run(ended); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

// TestFirstStart makes an admin whose token works, and keeps strangers out.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	c := app.DefaultConfig()
	c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
	a, err := app.New(t.Context(), c, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	}()
	token, err := os.ReadFile(filepath.Join(c.Data, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	admin, err := client.New(a.BaseURL(), strings.TrimSpace(string(token)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := admin.PutProject(t.Context(), "acme/shop", client.ProjectPatch{}); err != nil {
		t.Errorf("the first admin cannot make a project: %v", err)
	}
	stranger, err := client.New(a.BaseURL(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Projects(t.Context(), client.Page{}); client.StatusOf(err) != http.StatusUnauthorized {
		t.Errorf("a stranger gets %v; want 401", err)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/api/openapi.json", "/favicon.ico",
		"/robots.txt"} {
		resp, err := http.Get(a.BaseURL() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || len(body) == 0 {
			t.Errorf("GET %s = %d, %d bytes", path, resp.StatusCode, len(body))
		}
	}
	info, err := os.Stat(filepath.Join(c.Data, "secret.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v; want it to be its owner's only", info, err)
	}
}

// TestTrustProxy: failed sign-ins count for the address that a trusted proxy tells of, and for the peer's own when
// nobody is trusted, whatever it tells.
func TestTrustProxy(t *testing.T) {
	t.Parallel()
	for _, trusted := range []bool{true, false} {
		t.Run(fmt.Sprint("trusted ", trusted), func(t *testing.T) {
			t.Parallel()
			a := start(t, func(c *app.Config) {
				if trusted {
					c.TrustProxies = []string{"192.0.2.1", "127.0.0.0/8"}
				}
			})
			try := func(n int, from string) int {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.BaseURL()+"/api/user", nil)
				if err != nil {
					t.Fatal(err)
				}
				r.SetBasicAuth(fmt.Sprint("nobody", n), "wrong")
				r.Header.Set("X-Forwarded-For", from)
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				return resp.StatusCode
			}
			slowed := false
			for n := 0; n < 60 && !slowed; n++ {
				from := "198.51.100.1, 203.0.113.5"
				if !trusted {
					from = fmt.Sprintf("198.51.100.%d", n)
				}
				slowed = try(n, from) == http.StatusTooManyRequests
			}
			if !slowed {
				t.Error("60 failed sign-ins are not slowed down")
			}
			if trusted {
				if got := try(60, "198.51.100.1, 203.0.113.6"); got != http.StatusUnauthorized {
					t.Errorf("another address gets %d: it is slowed down for the first", got)
				}
			}
		})
	}
}

// TestDevAnswersThisMachineOnly keeps a site out whose name was made to lead to 127.0.0.1.
func TestDevAnswersThisMachineOnly(t *testing.T) {
	t.Parallel()
	get := func(a *app.App, path, host string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.Addr()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	dev := start(t, func(c *app.Config) { c.Dev, c.BaseURL = true, "https://tunnel.example" })
	for _, host := range []string{"127.0.0.1", "127.8.9.1:80", "localhost:8080", "LOCALHOST", "[::1]:8080", "[::1]",
		"tunnel.example", "Tunnel.example:443"} {
		if status, body := get(dev, "/healthz", host); status != http.StatusOK {
			t.Errorf("%s: %d %s", host, status, body)
		}
	}
	for _, host := range []string{"evil.example", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1",
		"localhost.evil.example", "0.0.0.0"} {
		for _, path := range []string{"/healthz", "/", "/api/projects", "/a/_webhook/register", "/debug/pprof/",
			"/binaaaaaaaaaaaaaaaa"} {
			if status, body := get(dev, path, host); status != http.StatusForbidden ||
				!strings.Contains(body, "--dev") {
				t.Errorf("%s%s: %d %s", host, path, status, body)
			}
		}
	}
	if status, body := get(dev, "/in/a/b/c", "tunnel.example.net"); status != http.StatusNotFound {
		t.Errorf("to a source, by a tunnel: %d %s", status, body)
	}
	if status, body := get(start(t, nil), "/healthz", "hooks.example"); status != http.StatusOK {
		t.Errorf("with sign-in: %d %s", status, body)
	}
}

// start runs a server until the test ends.
func start(t *testing.T, change func(c *app.Config)) *app.App {
	t.Helper()
	c := app.DefaultConfig()
	c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
	c.Grace = time.Second
	if change != nil {
		change(&c)
	}
	a, stop := run(t, c)
	t.Cleanup(stop)
	return a
}

// run starts a server; stop ends it and waits.
func run(t *testing.T, c app.Config) (a *app.App, stop func()) {
	t.Helper()
	var said bytes.Buffer // read after Run
	a, err := app.New(t.Context(), c, "test", slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	return a, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
		if _, secret, _ := strings.Cut(a.SetupLink(), "="); secret != "" && strings.Contains(said.String(), secret) {
			t.Errorf("the log holds the setup link: %s", said.String())
		}
	}
}

// TestSetupLinkIsOfferedAgain loses the link in every way a first start can, also by one of --dev before.
func TestSetupLinkIsOfferedAgain(t *testing.T) {
	t.Parallel()
	c := app.DefaultConfig()
	c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
	file := filepath.Join(c.Data, "admin-token")
	start := func(do func(a *app.App)) {
		t.Helper()
		a, stop := run(t, c)
		defer stop()
		do(a)
	}
	good := func(a *app.App) string {
		t.Helper()
		token, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		cl, err := client.New(a.BaseURL(), strings.TrimSpace(string(token)))
		if err != nil {
			t.Fatal(err)
		}
		if u, err := cl.User(t.Context()); err != nil || u.Name != "admin" {
			t.Errorf("the token in the file is that of %q, %v", u.Name, err)
		}
		return string(token)
	}
	c.Dev = true
	start(func(a *app.App) {
		if a.SetupLink() != "" {
			t.Error("--dev offers a link")
		}
	})
	c.Dev, c.DefaultHooks = false, filepath.Join(c.Data, "none.json")
	if _, err := app.New(t.Context(), c, "test", slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a start that must fail does not")
	}
	c.DefaultHooks = ""
	var link, token string
	start(func(a *app.App) { link, token = a.SetupLink(), good(a) })
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	start(func(a *app.App) {
		if token == good(a) {
			t.Error("the lost token came back")
		}
		old, err := url.Parse(link)
		if err != nil {
			t.Fatal(err)
		}
		if resp := get(t, a.BaseURL()+old.RequestURI()); resp.StatusCode != http.StatusForbidden {
			t.Errorf("the earlier link answers %d", resp.StatusCode)
		}
		now, err := url.Parse(a.SetupLink())
		if err != nil || now.Path != "/setup" {
			t.Fatalf("the link is %q, %v", a.SetupLink(), err)
		}
		if resp := get(t, now.String()); resp.StatusCode != http.StatusOK {
			t.Errorf("the link answers %d", resp.StatusCode)
		}
		form := url.Values{"token": {now.Query().Get("token")}, "password": {"correct horse"},
			"again": {"correct horse"}}
		resp, err := http.PostForm(a.BaseURL()+"/setup", form)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		good(a)
	})
	start(func(a *app.App) {
		if a.SetupLink() != "" {
			t.Error("a link is offered although the password is chosen")
		}
		good(a)
	})
}

func get(t *testing.T, url string) *http.Response {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp
}
