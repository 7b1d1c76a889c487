// Package testenv finds the services that tests need. A test without its service is skipped. The reason and its name,
// separated by a tab, are appended to the file named by HOOKYARD_SKIPPED, which make prints at the end. With CI=true
// the test fails instead.
package testenv

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Postgres returns the postgres:// URL in HOOKYARD_TEST_POSTGRES. Its user can create schemas.
func Postgres(t testing.TB) string {
	t.Helper()
	return env(t, "PostgreSQL", "HOOKYARD_TEST_POSTGRES")
}

// RabbitMQ returns the amqp:// URL in HOOKYARD_TEST_RABBITMQ.
func RabbitMQ(t testing.TB) string {
	t.Helper()
	return env(t, "RabbitMQ", "HOOKYARD_TEST_RABBITMQ")
}

// Program returns the path of the first installed program among names.
func Program(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, fmt.Sprintf("%s is not installed", names[0]))
	return ""
}

// Chromium returns the path of a Chromium browser.
func Chromium(t testing.TB) string {
	t.Helper()
	return Program(t, "chromium", "chromium-browser", "google-chrome")
}

func env(t testing.TB, service, name string) string {
	t.Helper()
	if v := os.Getenv(name); v != "" {
		return v
	}
	missing(t, fmt.Sprintf("%s: set %s to its URL", service, name))
	return ""
}

func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("needed in CI: %s", why)
	}
	if name := os.Getenv("HOOKYARD_SKIPPED"); name != "" {
		f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, _ = fmt.Fprintf(f, "%s\t%s\n", why, t.Name())
			_ = f.Close()
		}
	}
	t.Skip(why)
}

// Port returns a free loopback port, for programs that cannot choose one themselves.
func Port(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// Until calls f every few milliseconds until it returns true, and fails the test after five minutes. It is for events
// in another process that cannot signal this one.
func Until(t testing.TB, what string, f func() bool) {
	t.Helper()
	deadline := time.NewTimer(5 * time.Minute)
	defer deadline.Stop()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !f() {
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("timed out after five minutes: %s", what)
		}
	}
}

// Accept calls serve for every connection to a loopback port, each in a goroutine, and returns the address. It closes
// the connection after serve, and the port when the test ends.
func Accept(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

// DocTable returns the code spans in the first column of the tables under a heading of the second level in a Markdown
// file, in their order.
func DocTable(t testing.TB, file, heading string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("%s has no section %q", file, heading)
	}
	section, _, _ := strings.Cut(rest, "\n## ")
	var out []string
	for line := range strings.Lines(section) {
		cells, isRow := strings.CutPrefix(line, "| `")
		first, _, _ := strings.Cut(cells, " | ")
		if !isRow {
			continue
		}
		for i, part := range strings.Split("`"+first, "`") {
			if i%2 == 1 {
				out = append(out, part)
			}
		}
	}
	return out
}
