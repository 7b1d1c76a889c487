package gitpush

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// git runs the program git in one repository.
type git struct {
	dir     string   // the Git directory: .git, or the bare repository
	environ []string // for the program
}

// newGit returns a git with a clean environment. A hook inherits variables that locate its objects
// (GIT_QUARANTINE_PATH, GIT_OBJECT_DIRECTORY), that enable tracing, or that the pusher set when pushing over a local
// path. They must not affect what is read. Replacements of objects are ignored, because receivers do not have them.
func newGit(dir string, environ []string) git {
	keep := []string{"GIT_EXEC_PATH", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"}
	clean := slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "GIT_") && !slices.Contains(keep, name) || name == "LC_ALL" || name == "LANGUAGE"
	})
	return git{dir: dir, environ: append(clean, "GIT_DIR="+dir, "GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0",
		"GIT_TERMINAL_PROMPT=0", "LC_ALL=C")}
}

// maxOutput bounds the output of one command that is read into memory.
const maxOutput = 64 << 20

// run returns the output of a command, up to maxOutput.
func (g git) run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	var out []byte
	err := g.stream(ctx, stdin, args, func(r *bufio.Reader) (err error) {
		out, err = io.ReadAll(io.LimitReader(r, maxOutput))
		return err
	})
	return out, err
}

// errEnough is returned by the function passed to stream to end it early without an error.
var errEnough = errors.New("enough")

// stream runs a command and passes its output to f. If f returns an error, the command is killed. The error of a failed
// command contains what it printed to stderr.
func (g git) stream(ctx context.Context, stdin io.Reader, args []string, f func(*bufio.Reader) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = g.dir
	cmd.Env = g.environ
	cmd.Stdin = stdin
	cmd.WaitDelay = time.Second
	var stderr head
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("git cannot be run: %w", err)
	}
	err = f(bufio.NewReaderSize(stdout, 64<<10))
	if err != nil {
		cancel()
	}
	failed := cmd.Wait()
	switch {
	case errors.Is(err, errEnough):
		return nil
	case err != nil && ctx.Err() == nil, failed == nil:
		return err
	}
	return fmt.Errorf("git %s: %w: %s", args[0], failed, bytes.TrimSpace(stderr))
}

// head stores the first bytes written to it.
type head []byte

func (t *head) Write(b []byte) (int, error) {
	*t = append(*t, b[:min(len(b), max(0, 500-len(*t)))]...)
	return len(b), nil
}

// exitCode returns the exit status of git, or -1 if it did not exit.
func exitCode(err error) int {
	var e *exec.ExitError
	if errors.As(err, &e) {
		return e.ExitCode()
	}
	return -1
}

// token reads up to the next NUL and returns at most limit bytes of it. The error is io.EOF only if there is no more
// input.
func token(r *bufio.Reader, limit int) (string, error) {
	var kept []byte
	for n := 0; ; n++ {
		b, err := r.ReadSlice(0)
		end := err == nil
		if end {
			b = b[:len(b)-1]
		}
		kept = append(kept, b[:min(len(b), limit-len(kept))]...)
		switch {
		case end, err == io.EOF && (n > 0 || len(b) > 0):
			return string(kept), nil
		case err != bufio.ErrBufferFull:
			return "", err
		}
	}
}

// lines returns the lines of a text.
func lines(b []byte) []string { return strings.Split(strings.TrimRight(string(b), "\n"), "\n") }
