package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// server is a hookyard in a separate process, which can be killed and restarted with the same data.
type server struct {
	t       testing.TB
	url     string
	addr    string
	data    string
	args    []string
	logName string
	process *exec.Cmd
	ended   chan struct{} // closed when process has ended
	env     []string      // in addition to the test's own
	healthy func() bool   // whether it answers; nil asks /healthz
	expects string        // text of the lines in the log that may be errors, or ""
}

// dev starts a server without sign-in that may send to loopback.
func dev(t testing.TB, args ...string) *server {
	t.Helper()
	return start(t, append([]string{"--dev"}, args...)...)
}

// devPostgres is like dev with a new PostgreSQL schema.
func devPostgres(t testing.TB, args ...string) *server {
	t.Helper()
	return dev(t, append(args, "--database", storetest.Postgres(t))...)
}

// start starts a server with its own data directory and stops it when the test ends. The test fails if the server
// panicked or logged an error.
func start(t testing.TB, args ...string) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{t: t, addr: freeAddr(t), data: filepath.Join(dir, "data"), logName: filepath.Join(dir, "log")}
	s.url = "http://" + s.addr
	s.args = append([]string{"serve", "--listen", s.addr, "--data", s.data, "--grace", "2s"}, args...)
	t.Cleanup(func() {
		s.stop()
		s.checkLog()
	})
	s.start()
	return s
}

// freeAddr returns a free loopback address. Its port is below the ephemeral range, so that no client gets the port of a
// server that is down.
func freeAddr(t testing.TB) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(20_000+rand.IntN(12_000)))
		if err == nil {
			defer func() { _ = l.Close() }()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

// start starts the process and waits until it answers.
func (s *server) start() {
	s.t.Helper()
	log, err := os.OpenFile(s.logName, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	s.process = exec.Command(program, s.args...)
	s.process.Stdout, s.process.Stderr = log, log
	s.process.Env = append(append(os.Environ(), "GOTRACEBACK=all"), s.env...)
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	process, ended := s.process, make(chan struct{})
	s.ended = ended
	go func() {
		_ = process.Wait() // the log says how it ended
		close(ended)
	}()
	testenv.Until(s.t, "server answers", func() bool {
		select {
		case <-ended:
			s.t.Fatalf("the server did not start:\n%s", s.log())
		default:
		}
		return s.alive()
	})
}

func (s *server) alive() bool {
	if s.healthy != nil {
		return s.healthy()
	}
	resp, err := http.Get(s.url + "/healthz")
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// kill kills the process with SIGKILL.
func (s *server) kill() {
	s.t.Helper()
	if err := s.process.Process.Signal(syscall.SIGKILL); err != nil {
		s.t.Errorf("kill -9: %v\n%s", err, s.log())
	}
	<-s.ended
}

// stop terminates the process and waits for its end. The process may have ended before.
func (s *server) stop() {
	if s.process == nil || s.process.Process == nil {
		return
	}
	_ = s.process.Process.Signal(syscall.SIGTERM) // fails if the process has ended
	late := time.NewTimer(20 * time.Second)
	defer late.Stop()
	select {
	case <-s.ended:
	case <-late.C:
		s.t.Errorf("the server did not stop within 20 s of SIGTERM:\n%s", s.log())
		s.kill()
	}
}

func (s *server) log() string {
	b, err := os.ReadFile(s.logName)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-20_000):])
}

// checkLog fails the test if the server's log contains a panic, a data race or an error.
func (s *server) checkLog() {
	b, err := os.ReadFile(s.logName)
	if err != nil {
		s.t.Error(err)
		return
	}
	if s.expects != "" {
		b = slices.Concat(slices.DeleteFunc(bytes.SplitAfter(b, []byte("\n")), func(line []byte) bool {
			return bytes.Contains(line, []byte(s.expects))
		})...)
	}
	for _, bad := range []string{"panic", "DATA RACE", "fatal error", "goroutine ", "level=ERROR"} {
		if at := bytes.Index(b, []byte(bad)); at >= 0 {
			s.t.Errorf("the server's log contains %q:\n%s", bad, b[max(0, at-500):min(len(b), at+4000)])
			return
		}
	}
	if s.t.Failed() {
		s.t.Logf("the server's log ends:\n%s", b[max(0, len(b)-4000):])
	}
}

// client returns a client of the server; token is "" for a server in dev mode.
func (s *server) client(token string) *client.Client {
	s.t.Helper()
	c, err := client.New(s.url, token, client.WithRetries(0))
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// rss returns the resident memory of the process in bytes, or 0 if it is unknown.
func (s *server) rss() int64 { return s.status("VmRSS") }

// status returns a size in the status of the process in bytes, or 0 if it is unknown.
func (s *server) status(name string) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		var kib int64
		if _, err := fmt.Sscanf(line, name+": %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	return 0
}

// pause waits for d or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}
