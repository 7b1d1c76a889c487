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

// git runs the git program on one repository.
type git struct {
	dir     string   // the repository proper (.git, or the bare folder)
	environ []string // of the programs it runs
}

// newGit cleans the environment. A hook inherits variables that say where its objects are (GIT_QUARANTINE_PATH,
// GIT_OBJECT_DIRECTORY), that trace, or that come from whoever pushes over a local path; nothing of it may change what
// we read. Replaced objects are not followed: the receiver has none of our replacements.
func newGit(dir string, environ []string) git {
	keep := []string{"GIT_EXEC_PATH", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"}
	clean := slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "GIT_") && !slices.Contains(keep, name) || name == "LC_ALL" || name == "LANGUAGE"
	})
	return git{dir: dir, environ: append(clean, "GIT_DIR="+dir, "GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0",
		"GIT_TERMINAL_PROMPT=0", "LC_ALL=C")}
}

// maxOutput bounds what is read of one program into memory.
const maxOutput = 64 << 20

// run returns what git prints, as far as maxOutput.
func (g git) run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	var out []byte
	err := g.stream(ctx, stdin, args, func(r *bufio.Reader) (err error) {
		out, err = io.ReadAll(io.LimitReader(r, maxOutput))
		return err
	})
	return out, err
}

// errEnough ends a stream early, and is not an error.
var errEnough = errors.New("enough")

// stream runs git and gives f what it prints. When f returns, git is stopped if it has not ended by itself. A failure
// of git has what it said in its text.
func (g git) stream(ctx context.Context, stdin io.Reader, args []string, f func(*bufio.Reader) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = g.dir, g.environ, stdin
	cmd.WaitDelay = time.Second
	var said tail
	cmd.Stderr = &said
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
	return fmt.Errorf("git %s: %w: %s", args[0], failed, bytes.TrimSpace(said))
}

// tail keeps the first bytes that are written to it.
type tail []byte

func (t *tail) Write(b []byte) (int, error) {
	*t = append(*t, b[:min(len(b), max(0, 500-len(*t)))]...)
	return len(b), nil
}

// exitCode returns git's exit status, or -1 when it did not exit.
func exitCode(err error) int {
	var e *exec.ExitError
	if errors.As(err, &e) {
		return e.ExitCode()
	}
	return -1
}

// token reads up to the next NUL and keeps at most max bytes of it. The error is io.EOF only when nothing is left.
func token(r *bufio.Reader, max int) (string, error) {
	var kept []byte
	for n := 0; ; n++ {
		b, err := r.ReadSlice(0)
		end := err == nil
		if end {
			b = b[:len(b)-1]
		}
		kept = append(kept, b[:min(len(b), max-len(kept))]...)
		switch {
		case end, err == io.EOF && (n > 0 || len(b) > 0):
			return string(kept), nil
		case err != bufio.ErrBufferFull:
			return "", err
		}
	}
}

// lines splits text into its lines.
func lines(b []byte) []string { return strings.Split(strings.TrimRight(string(b), "\n"), "\n") }
