//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCell tortures a real server, a little, through the command line.
func TestCell(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "hookyard")
	table, results := filepath.Join(dir, "table.md"), filepath.Join(dir, "results.json")
	build := exec.Command("go", "build", "-o", binary, "github.com/hookyard/hookyard/cmd/hookyard")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build.Args, err, out)
	}
	var stdout, stderr strings.Builder
	args := []string{"-binary", binary, "-rate", "20", "-cell", "^sqlite/kill-one$", "-markdown", table, "-json",
		results}
	if err := torture(t.Context(), args, &stdout, &stderr); err != nil {
		t.Fatalf("%v\n%s%s", err, stderr.String(), stdout.String())
	}
	var got []result
	if b, err := os.ReadFile(results); err != nil || json.Unmarshal(b, &got) != nil || len(got) != 1 {
		t.Fatalf("results %s, %v", b, err)
	}
	if r := got[0]; r.Acked < 50 || r.Kept < r.Acked || r.Delivered < r.Acked || r.Statuses["202"] != r.Acked ||
		r.Memory == 0 {
		t.Errorf("%+v", r)
	}
	if b, err := os.ReadFile(table); err != nil || !strings.HasSuffix(string(b), "\n\n"+stdout.String()) ||
		!strings.Contains(string(b), "| sqlite/kill-one | ") {
		t.Errorf("the table is %s, %v", b, err)
	}
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "hookyard-torture-*")); err != nil || len(left) > 0 {
		t.Logf("left behind, unless others are at work: %q", left)
	}
}

// TestBadServer: a program that is not hookyard makes a bad cell, and not an endless one.
func TestBadServer(t *testing.T) {
	var stdout, stderr strings.Builder
	err := torture(t.Context(), []string{"-binary", "/bin/false", "-cell", "^sqlite/kill-one$"}, &stdout, &stderr)
	if err == nil || !strings.Contains(stdout.String(), "**hookyard did not start: node1 ended") {
		t.Errorf("%v\n%s", err, stdout.String())
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"x"}, {"-rate", "0"}, {"-seed", "-1"}, {"-nope"}} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
	if err := torture(t.Context(), []string{"-cell", "("}, io.Discard, io.Discard); err == nil {
		t.Error("a broken expression is taken")
	}
	if err := torture(t.Context(), []string{"-cell", "^nope$"}, io.Discard, io.Discard); err == nil {
		t.Error("no cell at all is good")
	}
}

// TestMatrix: names are unique, and the short form is some cells on each kind of database.
func TestMatrix(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	quick := map[string]int{}
	for _, o := range matrix(flags{soak: time.Minute, rate: 100}) {
		if seen[o.name()] {
			t.Errorf("there are two cells %s", o.name())
		}
		seen[o.name()] = true
		if regexp.MustCompile(short).MatchString(o.name()) {
			quick[o.topology.name]++
		}
		if o.fault.during == nil && o.fault.in == nil && o.fault.clock == 0 && o.fault.name != "soak" {
			t.Errorf("nothing happens in %s", o.name())
		}
	}
	if len(quick) != 3 || quick["sqlite"] != 3 || quick["postgres"] != 2 || quick["postgres-3"] != 1 {
		t.Errorf("the short form is %v", quick)
	}
}

// TestProxy: what is held back while the network is cut passes afterwards; a reset is one.
func TestProxy(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // echoes one connection
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.Copy(c, c) // it ends with a reset
	}()
	p, err := newProxy(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	c, err := net.Dial("tcp", p.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	echo := func(wait time.Duration) (string, error) {
		b := make([]byte, 3)
		if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
			t.Fatal(err)
		}
		n, err := io.ReadFull(c, b)
		return string(b[:n]), err
	}
	say := func(s string) {
		if _, err := io.WriteString(c, s); err != nil {
			t.Fatal(err)
		}
	}
	say("one")
	if got, err := echo(10 * time.Second); got != "one" {
		t.Fatalf("%q, %v", got, err)
	}
	p.setCut(true)
	say("two")
	if got, err := echo(50 * time.Millisecond); got != "" || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%q came through a network that is cut, %v", got, err)
	}
	p.setCut(false)
	if got, err := echo(10 * time.Second); got != "two" {
		t.Errorf("%q, %v", got, err)
	}
	p.reset()
	if _, err := echo(10 * time.Second); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v, want a reset", err)
	}
}
