//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// builds makes the variants of hookyard that some faults need, each once.
type builds struct {
	dir  string
	from string            // commit of the older version; "" means the one before the newest change of the schema
	made map[string]string // by name
}

// variant is a build under a name. It writes the program to the path it is given.
type variant func(ctx context.Context, to string) error

func (b *builds) get(ctx context.Context, name string, make variant) (string, error) {
	if path, ok := b.made[name]; ok {
		return path, nil
	}
	path := filepath.Join(b.dir, "hookyard-"+name)
	if err := make(ctx, path); err != nil {
		return "", err
	}
	b.made[name] = path
	return path, nil
}

func (b *builds) old(ctx context.Context) (string, error) { return b.get(ctx, "old", b.buildOld) }

func (b *builds) shifted(ctx context.Context) (string, error) {
	return b.get(ctx, "shifted", b.buildShifted)
}

// buildOld builds an older version out of the repository's history.
func (b *builds) buildOld(ctx context.Context, to string) error {
	commit := b.from
	if commit == "" {
		newest, err := output(ctx, "", "git", "log", "-1", "--format=%H", "--", "internal/store/schema")
		if err != nil || newest == "" {
			return errors.New("an older version is built from the history: run this in a clone, with git")
		}
		commit = newest + "^"
	}
	tree := filepath.Join(b.dir, "old")
	if err := os.Mkdir(tree, 0o755); err != nil {
		return err
	}
	archive := filepath.Join(b.dir, "old.tar")
	if _, err := output(ctx, "", "git", "archive", "-o", archive, commit); err != nil {
		return err
	}
	if _, err := output(ctx, "", "tar", "-xf", archive, "-C", tree); err != nil {
		return err
	}
	_, err := output(ctx, tree, "go", "build", "-o", to, "./cmd/hookyard")
	return err
}

// shiftSource is added to package time. A Go program reads the clock without the C library, so that libfaketime does
// not reach it.
const shiftSource = `package time

import "syscall"

// tortureShift and tortureFrom are set by TORTURE_CLOCK=SHIFT@FROM, in seconds: the clock is wrong by SHIFT from the
// moment FROM on.
var tortureShift, tortureFrom = tortureEnv()

func tortureEnv() (shift, from int64) {
	s, _ := syscall.Getenv("TORTURE_CLOCK")
	sign, number, at := int64(1), int64(0), false
	for _, c := range s {
		switch {
		case c == '-':
			sign = -1
		case c == '@':
			shift, number, at = sign*number, 0, true
		default:
			number = number*10 + int64(c-'0')
		}
	}
	if at {
		from = number
	}
	return shift, from
}

func torture(sec int64) int64 {
	if sec >= tortureFrom {
		return sec + tortureShift
	}
	return sec
}
`

// buildShifted builds this version with a clock that can be shifted: a changed package time is laid over Go's own.
func (b *builds) buildShifted(ctx context.Context, to string) error {
	root, err := output(ctx, "", "go", "env", "GOROOT")
	if err != nil {
		return err
	}
	source := filepath.Join(root, "src", "time", "time.go")
	text, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	const before = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	if !strings.Contains(string(text), before) {
		return errors.New("this version of Go reads the clock in another way than this program knows")
	}
	changed := strings.Replace(string(text), before, before+"\tsec = torture(sec)\n", 1)
	newTime, extra := filepath.Join(b.dir, "time.go"), filepath.Join(b.dir, "torture.go")
	overlay := filepath.Join(b.dir, "overlay.json")
	replace := map[string]map[string]string{"Replace": {source: newTime,
		filepath.Join(root, "src", "time", "torture.go"): extra}}
	err = errors.Join(os.WriteFile(newTime, []byte(changed), 0o600),
		os.WriteFile(extra, []byte(shiftSource), 0o600), os.WriteFile(overlay, encode(replace), 0o600))
	if err != nil {
		return err
	}
	_, err = output(ctx, "", "go", "build", "-overlay", overlay, "-o", to, "./cmd/hookyard")
	return err
}

// output runs a program in a folder, "" for this one, and returns what it printed.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	b, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(b))
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, text)
	}
	return text, nil
}

// clockFaults are those of a node whose clock is wrong: the first one's, where there are several.
func clockFaults() []fault {
	return []fault{
		{name: "clock-ahead", window: 10 * time.Second, on: everywhere, clock: time.Hour, in: checkClock},
		{name: "clock-behind", window: 10 * time.Second, on: everywhere, clock: -time.Hour, in: checkClock},
		{name: "clock-step-ahead", window: 10 * time.Second, on: everywhere, clock: 10 * time.Minute, step: true,
			in: checkClock},
		{name: "clock-step-back", window: 10 * time.Second, on: everywhere, clock: -10 * time.Minute, step: true,
			in: checkClock},
	}
}

// stepAfter is how long after its start a node's clock is stepped.
const stepAfter = 15 * time.Second

// checkClock waits for the step, if there is to be one, and sees that the node's clock is as wrong as it should be.
func checkClock(ctx context.Context, r *rig) error {
	pause(ctx, time.Until(r.stepAt))
	info, err := r.nodes[0].client.Info(ctx)
	if err != nil {
		return err
	}
	if off := time.Until(info.Time) - r.shift; off.Abs() > 10*time.Second {
		return fmt.Errorf("the node's clock is wrong by %s, want %s", time.Until(info.Time), r.shift)
	}
	return nil
}

// setClock makes a node's clock wrong, from its start or from the step on.
func (r *rig) setClock(n *node, f fault) {
	r.shift = f.clock
	from := time.Unix(0, 0)
	if f.step {
		r.stepAt = time.Now().Add(stepAfter).Truncate(time.Second)
		from = r.stepAt
	}
	n.env = []string{fmt.Sprintf("TORTURE_CLOCK=%d@%d", int(f.clock.Seconds()), from.Unix())}
}
