// Package svix runs Svix's SDKs, unmodified, against a server.
package svix

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	_ "github.com/svix/svix-webhooks/go" // its own tests are run
)

var bin string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the server once.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "svix")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = filepath.Join(dir, "hookyard")
	build := exec.Command("go", "build", "-o", bin, "./cmd/hookyard")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// each runs f with a server on each database.
func each(t *testing.T, f func(t *testing.T, serverURL, token string)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		serverURL, token := start(t)
		f(t, serverURL, token)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		base := os.Getenv("HOOKYARD_TEST_POSTGRES")
		if base == "" {
			if os.Getenv("CI") != "" {
				t.Fatal("HOOKYARD_TEST_POSTGRES is not set")
			}
			t.Skip("HOOKYARD_TEST_POSTGRES is not set")
		}
		serverURL, token := start(t, "--database", newDatabase(t, base))
		f(t, serverURL, token)
	})
}

// newDatabase creates an empty database beside another one.
func newDatabase(t *testing.T, base string) string {
	t.Helper()
	name := fmt.Sprintf("svix_%d_%d", os.Getpid(), time.Now().UnixNano())
	command(t, ".", nil, "psql", base, "-qc", "create database "+name)
	t.Cleanup(func() {
		out, err := exec.Command("psql", base, "-qc", "drop database "+name+" with (force)").CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// start starts a server and returns the token of its administrator.
func start(t *testing.T, options ...string) (serverURL, token string) {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	server := exec.CommandContext(ctx, bin, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", dir,
		"--allow-target", "127.0.0.0/8"}, options...)...)
	log, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = server.Wait()
	})
	at := regexp.MustCompile(`serves" url=(\S+)`)
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if m := at.FindStringSubmatch(lines.Text()); m != nil {
			serverURL = m[1]
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, log) }()
	text, err := os.ReadFile(filepath.Join(dir, "admin-token"))
	if err != nil || serverURL == "" {
		t.Fatal("the server has not started", err)
	}
	return serverURL, strings.TrimSpace(string(text))
}

// command runs a program in a directory, with more variables, and returns what it prints.
func command(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", c, err, out)
	}
	return string(out)
}

// TestGo runs the tests that the Go SDK has of itself, with those that need a server.
func TestGo(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, serverURL, token string) {
		out := command(t, ".", []string{"SVIX_SERVER_URL=" + serverURL, "SVIX_TOKEN=" + token}, "go", "test", "-v",
			"-vet=off", "-count=1", "github.com/svix/svix-webhooks/go")
		for _, name := range []string{"TestKitchenSink", "TestApplicationPatchNullableAgainstServer",
			"TestEndpointPatchNullableAgainstServer", "TestEndpointPatchUnsetNotSentToServer"} {
			if !strings.Contains(out, "--- PASS: "+name+" ") {
				t.Errorf("%s was not run:\n%s", name, out)
			}
		}
	})
}

// did is what the script prints with each version of the JavaScript SDK.
const did = `created application cust-1
the same application again
created event types
created endpoint
secret of the endpoint verifies
headers: {"X-Team":"blue"} sensitive: ["Authorization"]
rotated: both signatures
message of a channel: 1 delivery
taken eventId: 409 conflict
unknown message: 404 not_found
bad endpoint: 422 url
listed 5 messages on 3 pages
attempts: success
resent: manual
recovered: finished
patched: disabled
deleted
`

// TestJavaScript uses the JavaScript SDK, in the versions before and after its renaming of methods.
func TestJavaScript(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"node", "npm"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("%s is missing", name)
			}
			t.Skipf("%s is missing", name)
		}
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/npm")); err != nil {
		t.Fatal(err)
	}
	command(t, dir, nil, "npm", "ci", "--no-audit", "--no-fund")
	for _, version := range []string{"svix1", "svix2"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, serverURL, token string) {
				if out := command(t, dir, nil, "node", "try.js", version, serverURL, token); out != did {
					t.Errorf("the script did\n%s\nwant\n%s", out, did)
				}
			})
		})
	}
}
