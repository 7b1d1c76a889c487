//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a child that is told apart by its pid. The kernel kills it if this program dies.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when the child has ended
}

// command describes a child to start. Its output is appended to the file log.
type command struct {
	path string
	args []string
	env  []string // beside those of this program
	log  string
	user *syscall.Credential // nil: ours
}

func (c command) start() (*process, error) {
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(c.path, c.args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), c.env...)
	// A process group of its own keeps the terminal's Ctrl-C away: this program stops its children itself.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: c.user}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how the child ended is in its log
		close(p.ended)
	}()
	return p, nil
}

// run starts the command and waits until it ends. The error holds the end of its output.
func (c command) run(ctx context.Context) error {
	p, err := c.start()
	if err != nil {
		return err
	}
	select {
	case <-p.ended:
	case <-ctx.Done():
		p.stop(syscall.SIGKILL, 0)
		return context.Cause(ctx)
	}
	if !p.cmd.ProcessState.Success() {
		return fmt.Errorf("%s: %s\n%s", c.path, p.cmd.ProcessState, tail(c.log))
	}
	return nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// signal sends a signal. A child that has ended gets none.
func (p *process) signal(s syscall.Signal) error {
	err := p.cmd.Process.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// stop sends s, kills the child if it has not ended after grace, and returns when it has ended. It returns how long
// that took.
func (p *process) stop(s syscall.Signal, grace time.Duration) time.Duration {
	began := time.Now()
	_ = p.signal(s)
	_ = p.signal(syscall.SIGCONT) // a stopped process handles no signal but SIGKILL
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case <-p.ended:
	case <-late.C:
		_ = p.signal(syscall.SIGKILL)
		<-p.ended
	}
	return time.Since(began)
}

// memory returns the highest resident memory of the process so far in bytes, or 0 once it has ended.
func (p *process) memory() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid()))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	return 0
}

// family returns the pids of the process and of its direct children.
func (p *process) family() []int {
	pids := []int{p.pid()}
	entries, _ := os.ReadDir("/proc") // without it there is only the process itself
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		b, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // it ended
		}
		// The name, in parentheses, may hold spaces; state and parent follow it (proc(5)).
		fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
		if len(fields) > 1 && string(fields[1]) == strconv.Itoa(p.pid()) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// signalFamily sends s to the process and to its direct children.
func (p *process) signalFamily(s syscall.Signal) {
	if !p.alive() {
		return
	}
	for _, pid := range p.family() {
		_ = syscall.Kill(pid, s) // a child may have ended
	}
}

// freePort returns a loopback port that nothing listens on. It lies below the ports that the kernel gives to clients,
// so that none takes it while a server that is to have it again is down.
func freePort() (int, error) {
	for range 100 {
		port := 20_000 + rand.IntN(12_000)
		l, err := net.Listen("tcp", loopback(port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port between 20000 and 32000")
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// tail returns the end of a log.
func tail(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b[max(0, len(b)-1500):]))
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}

// until calls f every few milliseconds until it returns nil. After limit, or when ctx ends, it returns f's last error.
func until(ctx context.Context, limit time.Duration, f func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := f()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		pause(ctx, 20*time.Millisecond)
	}
}
