package relay_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// The clients as their users have them, pinned. Installing them needs the npm registry.
const packages = `{"private":true,"type":"module",` +
	`"dependencies":{"smee-client":"5.0.0","eventsource":"4.1.0","ws":"8.18.3"}}`

// install puts npm packages into a folder, or skips the test when that is not possible here.
func install(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	node, npm := testenv.Program(t, "node"), testenv.Program(t, "npm")
	dir := t.TempDir()
	for name, text := range map[string]string{"package.json": packages, "main.js": script} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("npm packages cannot be installed here: %s", out)
	}
	run := exec.Command(node, "main.js")
	run.Dir = dir
	run.Stderr = os.Stderr
	return run
}

// TestSmeeClient lets npm's smee-client forward a channel to a server, also a body too large for a header.
func TestSmeeClient(t *testing.T) {
	t.Parallel()
	cmd := install(t, `
import SmeeClient from "smee-client";
const logger = {info() {}, error: console.error};
const smee = new SmeeClient({source: process.env.SOURCE, target: process.env.TARGET, logger});
await smee.start();
console.log("ready");
process.stdin.resume();
process.stdin.on("end", () => process.exit());
`)
	type arrival struct {
		body  string
		event string
		query string
	}
	arrived := make(chan arrival, 10)
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- arrival{string(body), r.Header.Get("X-GitHub-Event"), r.URL.RawQuery}
	}))
	t.Cleanup(target.Close)
	db := storetest.Open(t, storetest.SQLite(t))
	storetest.Project(t, db, "acme", "shop")
	b := setup(t, db, "t", nil)
	start(t, cmd, "SOURCE="+b.srv.URL+"/smee/acme/shop?token=t", "TARGET="+target.URL)
	for _, body := range []string{`{"n":1}`, `{"n":2,"long":"` + strings.Repeat("x", 100_000) + `"}`} {
		if status, text, _ := b.do(t, http.DefaultClient, "POST", "/smee/acme/shop?token=t&q=1", body, "X-GitHub-Event",
			"push", "Content-Type", "application/json"); status != 200 {
			t.Fatalf("%d %s", status, text)
		}
		if got := <-arrived; got.body != body || got.event != "push" || got.query != "q=1" {
			t.Errorf("forwarded %.60s, event %s, query %s", got.body, got.event, got.query)
		}
	}
}

// start runs a program until the test ends, once it has said that it is ready.
func start(t *testing.T, cmd *exec.Cmd, env ...string) *bufio.Scanner {
	t.Helper()
	cmd.Env = append(os.Environ(), env...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("%s says %q", cmd.Path, lines.Text())
	}
	return lines
}

// TestNodeRegister is the old client's loop in Node, whose fetch keeps connections in a pool.
func TestNodeRegister(t *testing.T) {
	t.Parallel()
	cmd := install(t, `
const url = process.env.SERVER + "/lively4/_webhook/register?";
const poll = () => fetch(url + Date.now(), {headers: {repositoryname: "q/r"}}).then(r => r.json());
console.log("ready");
for (let n = 0; n < 20; n++) console.log(JSON.stringify(await poll()));
`)
	db := storetest.Open(t, storetest.SQLite(t))
	b := setup(t, db, "", nil)
	lines := start(t, cmd, "SERVER="+b.srv.URL)
	testenv.Until(t, "it polls", func() bool { return b.hub.Listeners() == 1 })
	for n := range 20 {
		b.do(t, http.DefaultClient, "POST", "/_webhook/signal", signalOf("q/r", n))
	}
	for n := range 20 {
		var got struct{ N int }
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &got) != nil || got.N != n {
			t.Fatalf("answer %d: %s", n, lines.Text())
		}
	}
}

// TestNodeListeners follows a project with npm's eventsource and ws, from the beginning.
func TestNodeListeners(t *testing.T) {
	t.Parallel()
	cmd := install(t, `
import {EventSource} from "eventsource";
import WebSocket from "ws";
const got = {es: [], ws: []};
const take = (list, text) => {
  list.push(JSON.parse(text).data.n);
  if (got.es.length == 5 && got.ws.length == 5) { console.log(got.es.join() + " " + got.ws.join()); process.exit() }
};
console.log("ready");
new EventSource(process.env.SERVER + "/stream?token=t&since=all").onmessage = m => take(got.es, m.data);
const ws = new WebSocket(process.env.SERVER.replace("http", "ws") + "/stream?token=t&since=all");
ws.on("message", m => take(got.ws, m.toString()));
`)
	db := storetest.Open(t, storetest.SQLite(t))
	snapshot := storetest.Project(t, db, "acme", "shop")
	srv := listeners(t, db)
	fill(t, db, snapshot)
	if lines := start(t, cmd, "SERVER="+srv.URL); !lines.Scan() || lines.Text() != "0,1,2,3,4 0,1,2,3,4" {
		t.Errorf("got %q", lines.Text())
	}
}
