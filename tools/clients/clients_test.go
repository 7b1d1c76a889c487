package clients

import (
	"bufio"
	"context"
	"flag"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	_ "github.com/oapi-codegen/runtime" // the generated code imports it
)

// start builds hookyard and starts a server. The file of the result holds the description of its API.
func start(t *testing.T) (baseURL, spec string) {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "hookyard")
	run(t, "../..", "go", "build", "-o", bin, "./cmd/hookyard")
	ctx, cancel := context.WithCancel(context.Background())
	server := exec.CommandContext(ctx, bin, "serve", "--dev", "--listen", "127.0.0.1:0", "--data", dir)
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
			baseURL = m[1]
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, log) }()
	resp, err := http.Get(baseURL + "/api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status, err)
	}
	spec = filepath.Join(dir, "openapi.json")
	if err := os.WriteFile(spec, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return baseURL, spec
}

// run runs a program in a directory and returns what it prints.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", c, err, out)
	}
	return string(out)
}

// did is what each client prints after it has tried the API.
const did = `published order.created
duplicate true
created hook billing for order.*
listed 1 hook
found 3 events on 2 pages
no such event: 404
a bad limit: limit
`

func TestGo(t *testing.T) {
	baseURL, spec := start(t)
	if err := os.MkdirAll("testdata/golang/gen", 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, ".", "go", "tool", "oapi-codegen", "-generate", "types,client", "-package", "gen",
		"-o", "testdata/golang/gen/gen.go", spec)
	check(t, run(t, ".", "go", "run", "./testdata/golang", baseURL))
}

func TestTypeScript(t *testing.T) {
	for _, name := range []string{"node", "npm"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("%s is missing", name)
			}
			t.Skipf("%s is missing", name)
		}
	}
	baseURL, spec := start(t)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/typescript")); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "npm", "ci", "--no-audit", "--no-fund")
	run(t, dir, "npx", "--no-install", "openapi-typescript", spec, "-o", "api.d.ts")
	run(t, dir, "npx", "--no-install", "tsc")
	check(t, run(t, dir, "node", "try.js", baseURL))
}

var update = flag.Bool("update", false, "write clients/python/hookyard/api.py")

// TestPython holds that the Python client is what is generated from the description now, and tries it.
func TestPython(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("python3 is missing")
		}
		t.Skip("python3 is missing")
	}
	baseURL, spec := start(t)
	text, err := os.ReadFile(spec)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Python(text)
	if err != nil {
		t.Fatal(err)
	}
	const file = "../../clients/python/hookyard/api.py"
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(file); err != nil || string(have) != want {
		t.Errorf("%s is not up to date (%v): run make clients-update", file, err)
	}
	try, err := filepath.Abs("testdata/python/try.py")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PYTHONDONTWRITEBYTECODE", "1")
	t.Setenv("PYTHONPATH", ".")
	check(t, run(t, "../../clients/python", "python3", "-W", "error", try, baseURL))
}

func check(t *testing.T, out string) {
	t.Helper()
	if strings.TrimSpace(out) != strings.TrimSpace(did) {
		t.Errorf("the client printed\n%s\nand should have printed\n%s", out, did)
	}
}
