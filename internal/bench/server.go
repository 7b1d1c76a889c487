package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is a separate process that is measured.
type server struct {
	cmd  *exec.Cmd
	addr string
}

// start runs the binary with args and waits until it answers at addr.
func (y *yardstick) start(ctx context.Context, addr string, args ...string) (*server, error) {
	cmd := exec.Command(y.o.Binary, args...)
	cmd.Env = append(os.Environ(), "HOOKYARD_LOG_LEVEL=warn")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, addr: addr}
	deadline := time.Now().Add(30 * time.Second)
	for {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			return s, c.Close()
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			s.stop()
			return nil, fmt.Errorf("%s %s did not start", y.o.Binary, strings.Join(args, " "))
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// serve starts hookyard on a database; "" means a new SQLite file.
func (y *yardstick) serve(ctx context.Context, database string) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	if database == "" {
		dir, err := os.MkdirTemp(y.dir, "data-")
		if err != nil {
			return nil, err
		}
		database = filepath.Join(dir, "hookyard.db")
	}
	return y.start(ctx, addr, "serve", "--dev", "--listen", addr, "--data", y.dir, "--database", database,
		"--retention-bytes", "0")
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// stop terminates the process, and kills it if it does not end within 20 seconds.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(20*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	_ = s.cmd.Wait()
}

// kill kills the process immediately.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// cpu returns the CPU time that the process has used so far.
func (s *server) cpu() (time.Duration, error) { return cpuOf(s.cmd.Process.Pid) }

// cpuOf is [server.cpu] of any process.
func cpuOf(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, errors.New("cannot measure CPU time: this system has no /proc")
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+2:]))
	ticks := 0
	for _, f := range fields[11:13] { // utime and stime, proc(5)
		n, err := strconv.Atoi(f)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// memory returns the resident memory of the process in bytes, or 0 if it is unknown.
func (s *server) memory() int64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if rest, ok := strings.CutPrefix(sc.Text(), "VmRSS:"); ok {
			kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10
		}
	}
	return 0
}

// put sends a PUT request to the REST API.
func (s *server) put(ctx context.Context, path string, v any) error {
	return s.call(ctx, http.MethodPut, path, v)
}

func (s *server) call(ctx context.Context, method, path string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.addr+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s answered %d: %s", method, path, resp.StatusCode, answer)
	}
	return err
}

// project creates a project with a hook to the sink for each path.
func (y *yardstick) project(ctx context.Context, s *server, name string, paths ...string) error {
	if err := s.put(ctx, "/api/projects/guest/"+name, map[string]any{}); err != nil {
		return err
	}
	for i, p := range paths {
		hook := map[string]any{"url": y.sink.url(p), "events": "all"}
		if err := s.put(ctx, fmt.Sprintf("/api/projects/guest/%s/hooks/h%d", name, i), hook); err != nil {
			return err
		}
	}
	return nil
}

func publishPath(project string) string { return "/api/projects/guest/" + project + "/events" }
