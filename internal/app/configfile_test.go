package app_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard/internal/app"
)

// loadFile loads options from a file with this text, after flags and variables.
func loadFile(t *testing.T, text string, env map[string]string, flags ...string) (app.Config, map[string]app.Origin,
	error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hookyard.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, fs := app.DefaultConfig(), pflag.NewFlagSet("serve", pflag.ContinueOnError)
	c.Flags(fs)
	if err := fs.Parse(append(flags, "--config", path)); err != nil {
		t.Fatal(err)
	}
	from, err := app.Load(fs, func(k string) (string, bool) { v, ok := env[k]; return v, ok })
	return c, from, err
}

func TestOptionsFromConfigFile(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, from, err := loadFile(t, `
listen: 127.0.0.1:3
retention: 7d     # a week
max-body: 1MiB
max-hooks: 12
dev: yes
base-url: "http://127.0.0.1:3"
allow-target: [10.0.0.0/8, "*.lan"]
trust-proxy: 10.0.0.1,10.0.0.2
poll: 1s
grace: 2s
oidc-client-secret_file: `+secret+"\n", map[string]string{"HOOKYARD_POLL": "3s", "HOOKYARD_GRACE": "4s"},
		"--grace", "6s")
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:3" || c.Retention != 7*24*time.Hour || c.Limits.Body != 1<<20 ||
		c.Limits.HooksPerProject != 12 || !c.Dev || c.OIDCClientSecret != "s3cret" || len(c.TrustProxies) != 2 ||
		!slices.Equal(c.AllowTargets, []string{"10.0.0.0/8", "*.lan"}) {
		t.Errorf("config = %+v", c)
	}
	if c.Poll != 3*time.Second || c.Grace != 6*time.Second {
		t.Errorf("poll %v, grace %v; a variable wins over the file, and a flag over both", c.Poll, c.Grace)
	}
	if from["grace"] != app.FromFlag || from["poll"] != app.FromEnv || from["listen"] != app.FromFile ||
		from["database"] != "" {
		t.Errorf("origins %v", from)
	}
	if c, from, err := loadFile(t, "# nothing\n", nil); err != nil || len(from) != 1 || c.Listen == "" {
		t.Errorf("an empty file: %v, origins %v", err, from)
	}
}

func TestConfigFileRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"listen: a\n\nlisten: b":              ":3: listen is in line 1 already",
		"poll: 1s\npoll_file: x":              "keep one",
		"max-body: lots":                      `:1: max-body: "lots" is not a size`,
		"max-hooks: [1]":                      "max-hooks: write one value",
		"allow-target: [[a]]":                 "write a list of texts",
		"listen:":                             "write one value",
		"- listen":                            "one option a line",
		"listen: a\n---\nlisten: b":           "one option a line",
		"listen: [":                           "hookyard.yaml: yaml:",
		"metrics-token: abc":                  "write metrics-token_file: PATH of a file that holds",
		"database: postgres://u:secret@db/x":  "database_file: PATH",
		"database_file: /nowhere/to/be/found": "/nowhere/to/be/found",
	} {
		if _, _, err := loadFile(t, text, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v; want %q", text, err, want)
		} else if strings.Contains(err.Error(), "secret@") {
			t.Errorf("%q gives %v, with the secret", text, err)
		}
	}
	_, _, err := loadFile(t, "listen: a\nmax_body: 1", nil)
	var unknown *app.UnknownOptionError
	if !errors.As(err, &unknown) || unknown.Line != 2 || !slices.Contains(unknown.Known, "max-body") {
		t.Errorf("an unknown key gives %v", err)
	}
}

// TestWrittenConfigHasTheDefaults takes the comment marks of the file away: it sets every option, to its default.
func TestWrittenConfigHasTheDefaults(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := app.WriteConfig(&b); err != nil {
		t.Fatal(err)
	}
	if c, from, err := loadFile(t, b.String(), nil); err != nil || len(from) != 1 || c.File == "" {
		t.Errorf("as it is written: %v, origins %v", err, from)
	}
	text := regexp.MustCompile(`(?m)^# ([a-z0-9-]+: )`).ReplaceAllString(b.String(), "$1")
	c, from, err := loadFile(t, text, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := app.DefaultConfig()
	if diff := cmp.Diff(want, c, cmpopts.IgnoreUnexported(app.Config{}), cmpopts.EquateEmpty(),
		cmpopts.IgnoreFields(app.Config{}, "File")); diff != "" {
		t.Errorf("the written options differ from the defaults: %s", diff)
	}
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	want.Flags(fs)
	fs.VisitAll(func(f *pflag.Flag) {
		if from[f.Name] == "" && !strings.Contains(text, "\n# "+f.Name+"_file: ") {
			t.Errorf("%s is not in the file", f.Name)
		}
	})
}
