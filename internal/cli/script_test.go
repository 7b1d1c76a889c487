package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"hookyard": func() {
			os.Exit(cli.Main(os.Args[1:], os.LookupEnv, os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// TestScripts runs testdata/script/*.txtar. Each script has its own servers: HOOKYARD_SERVER runs with --dev, and
// AUTH_SERVER with sign-in and the administrator's token ADMIN_TOKEN. NO_SERVER refuses connections. The receivers are
// RECEIVER, which accepts everything, BUSY, which answers 503 to the first two requests, and DEAD, which always answers
// 500.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"isjson": isJSON,
			"setid":  setID,
			"endsin": endsIn,
			"rc":     exitCode,

			"lastcursor":   lastCursor,
			"publishuntil": publishUntil,
			"waitfor":      waitFor,
			"waitout":      waitOut,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

func setup(env *testscript.Env) error {
	dev, err := start(env, filepath.Join(env.WorkDir, "dev"), true)
	if err != nil {
		return err
	}
	data := filepath.Join(env.WorkDir, "auth")
	withAuth, err := start(env, data, false)
	if err != nil {
		return err
	}
	token, err := os.ReadFile(filepath.Join(data, "admin-token"))
	if err != nil {
		return err
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	env.Setenv("NO_SERVER", "http://"+free.Addr().String())
	if err := free.Close(); err != nil {
		return err
	}
	env.Setenv("HOOKYARD_SERVER", dev)
	env.Setenv("AUTH_SERVER", withAuth)
	env.Setenv("ADMIN_TOKEN", strings.TrimSpace(string(token)))
	receiver(env, "RECEIVER", func(int64) int { return http.StatusOK })
	receiver(env, "DEAD", func(int64) int { return http.StatusInternalServerError })
	receiver(env, "BUSY", func(n int64) int {
		if n <= 2 {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("GORACE", "atexit_sleep_ms=10") // with -race a command sleeps for a second at its end by default
	return nil
}

// start runs a server until the script ends and returns its URL.
func start(env *testscript.Env, data string, dev bool) (string, error) {
	config := app.DefaultConfig()
	config.Listen = "127.0.0.1:0"
	config.Data = data
	config.Dev = dev
	config.Grace = time.Second
	a, err := app.New(context.Background(), config, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	env.Defer(func() {
		cancel()
		if err := <-ended; err != nil {
			env.T().Fatal("server: ", err)
		}
	})
	return a.BaseURL(), nil
}

// receiver starts a server that answers the n-th request with status(n) and echoes the body. The environment variable
// name is set to its URL.
func receiver(env *testscript.Env, name string, status func(n int64) int) {
	var n atomic.Int64
	hit := make(chan struct{}, 1)
	env.Values[name] = hit
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Method", r.Method)
		w.Header().Set("X-Got-Signature", r.Header.Get("Webhook-Signature"))
		w.Header().Set("X-Got-Hookyard", fmt.Sprint(r.Header.Values("X-Test")))
		w.WriteHeader(status(n.Add(1)))
		_, _ = w.Write(body)
		select {
		case hit <- struct{}{}:
		default:
		}
	}))
	env.Defer(srv.Close)
	env.Setenv(name, srv.URL)
}

// isJSON checks that stdout, stderr or a file is one JSON value. Optional arguments are a path into it (a.b.0) and the
// value that must be there.
func isJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 && len(args) != 3 {
		ts.Fatalf("usage: isjson stdout|stderr|file [path want]")
	}
	text := ts.ReadFile(args[0])
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		ts.Fatalf("not JSON: %v\n%s", err, text)
	}
	if _, err := d.Token(); err != io.EOF {
		ts.Fatalf("more than one JSON value:\n%s", text)
	}
	if len(args) == 1 {
		return
	}
	for step := range strings.SplitSeq(args[1], ".") {
		v = member(ts, v, step)
	}
	if got := fmt.Sprint(v); got != args[2] {
		ts.Fatalf("%s is %q, want %q\n%s", args[1], got, args[2], text)
	}
}

func member(ts *testscript.TestScript, v any, step string) any {
	switch v := v.(type) {
	case map[string]any:
		return v[step]
	case []any:
		if i, err := strconv.Atoi(step); err == nil && i < len(v) {
			return v[i]
		}
	}
	ts.Fatalf("there is no %s in %v", step, v)
	return nil
}

// exitCode runs a command and checks its exit code.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: rc CODE command args")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		code = failed.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// waitOut repeats a command until its stdout matches a regular expression.
func waitOut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: waitout REGEXP COMMAND [ARGS]")
	}
	want := regexp.MustCompile(args[0])
	tick, deadline := time.NewTicker(50*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("%v did not print %s: %v", args[1:], want, err)
		}
	}
}

// waitFor waits until a file exists, or with -hit NAME until that receiver got a request.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: waitfor FILE | waitfor -hit NAME")
	}
	tick, deadline := time.NewTicker(5*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for {
		if args[0] == "-hit" {
			select {
			case <-ts.Value(args[1]).(chan struct{}):
				return
			case <-deadline:
				ts.Fatalf("%s got no request", args[1])
			}
		}
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("%s did not appear", args[0])
		}
	}
}

// setID sets a variable to the first word of stdout.
func setID(ts *testscript.TestScript, neg bool, args []string) {
	words := strings.Fields(ts.ReadFile("stdout"))
	if neg || len(args) != 1 || len(words) == 0 {
		ts.Fatalf("usage: setid NAME, with a word on stdout")
	}
	ts.Setenv(args[0], words[0])
}

// endsIn checks that a file ends in the bytes of another.
func endsIn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: endsin FILE TAIL")
	}
	if !strings.HasSuffix(ts.ReadFile(args[0]), ts.ReadFile(args[1])) {
		ts.Fatalf("%s does not end in %s", args[0], args[1])
	}
}

// lastCursor sets a variable to the cursor in the last line of a file of JSON lines.
func lastCursor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lastcursor FILE NAME")
	}
	lines := strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n")
	var e struct{ Cursor string }
	ts.Check(json.Unmarshal([]byte(lines[len(lines)-1]), &e))
	ts.Setenv(args[1], e.Cursor)
}

// publishUntil publishes events of a type until a receiver has received two: a listener that has just started may not
// be connected yet.
func publishUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: publishuntil TYPE RECEIVER")
	}
	hits, deadline := 0, time.After(20*time.Second)
	for hits < 2 {
		ts.Check(ts.Exec("hookyard", "publish", args[0], "-q"))
		select {
		case <-ts.Value(args[1]).(chan struct{}):
			hits++
		case <-deadline:
			ts.Fatalf("%s got %d requests", args[1], hits)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
