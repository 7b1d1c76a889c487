// Package gitpush publishes Git pushes as events. It runs as the post-receive hook of a repository.
//
// It reads a push with the program git, stores it in a spool in the repository, and then sends it. A server that is
// slow, down or refuses the event neither blocks the push nor makes it fail: the next push, or Flush, sends what is in
// the spool, in order. Each push has an id, so that the server stores a push that is sent twice only once.
package gitpush

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// Limits on how long a push is delayed.
const (
	readTime = 30 * time.Second // for reading a huge repository; milliseconds otherwise
	sendTime = 3 * time.Second
)

// Env is the environment of the program.
type Env struct {
	Dir     string    // directory of the repository, in which git runs a hook
	Stdin   io.Reader // the lines that git passes to a hook; only for [PostReceive]
	Stderr  io.Writer // shown to the pusher; only for [PostReceive]
	Environ []string  // as os.Environ returns it
	Agent   string    // User-Agent, such as hookyard/1.0
}

func (e Env) connect(s Settings) (*client.Client, error) {
	return client.New(s.Server, s.Token, client.WithUserAgent(cmp.Or(e.Agent, "hookyard")), client.WithRetries(0))
}

// PostReceive implements a post-receive hook. It always returns 0, because the push has already happened. It reports an
// error in one line on Stderr.
func PostReceive(ctx context.Context, e Env) int {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(e.Stderr, "hookyard: "+format+"\n", args...) }
	settings, config, err := load(ctx, e)
	if err != nil {
		_, _ = io.Copy(io.Discard, e.Stdin) // avoids a broken pipe in git
		say("this push is not published: %v", err)
		return 0
	}
	waiting, err := read(ctx, e, settings)
	if err != nil {
		say("%v", err)
	}
	if waiting == nil {
		return 0
	}
	s := &sender{settings: settings, spool: newSpool(e.Dir, config), wants: map[string]bool{}}
	// Store it before any output: if the pusher has disconnected, writing to Stderr may end the process.
	spoolErr := s.spool.add(waiting)
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	if s.server, err = e.connect(settings); err == nil && spoolErr == nil {
		err = s.flush(ctx)
	} else if err == nil {
		err = s.send(ctx, waiting)
	}
	switch {
	case err != nil && spoolErr != nil:
		say("this push is not published to %s: it can neither be sent (%v) nor stored (%v)", settings.Server, err,
			spoolErr)
	case err != nil:
		say("%s does not have this push yet: %v; it waits in %s and goes with the next push, or with: "+
			"hookyard git flush", settings.Server, plain(err), spoolName)
	case s.did.Refused > 0:
		say("%s refused the event of a push, which was moved to %s/refused: %s", settings.Server, spoolName,
			s.did.Reason)
	case s.did.Hint != "":
		say("%s", s.did.Hint)
	}
	return 0
}

// read reads the push from the repository, nil if nothing was pushed. The result may be valid despite an error.
func read(ctx context.Context, e Env, settings Settings) (*entry, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	now := time.Now().UTC()
	p, err := Read(ctx, e.Dir, e.Stdin, Options{Project: settings.Project, URL: settings.URL, Environ: e.Environ,
		Now: now})
	if p == nil {
		return nil, err
	}
	data, failed := hookyard.EncodeJSON(p)
	return &entry{ID: hookyard.NewID("push"), Time: now, Project: settings.Project, Push: data, Model: p.ModelEvents()},
		errors.Join(err, failed)
}

// Flush sends the pushes in the spool of a repository, in order. The error says why not all of them could be sent.
func Flush(ctx context.Context, e Env) (Flushed, error) {
	var err error
	if e.Dir, err = gitDir(ctx, e); err != nil {
		return Flushed{}, err
	}
	settings, config, err := load(ctx, e)
	if err != nil {
		return Flushed{}, err
	}
	s := &sender{settings: settings, spool: newSpool(e.Dir, config), wants: map[string]bool{}}
	if s.server, err = e.connect(settings); err != nil {
		return Flushed{}, err
	}
	err = s.flush(ctx)
	return s.did, err
}

// gitDir returns the Git directory for a directory in a repository.
func gitDir(ctx context.Context, e Env) (string, error) {
	dir, err := filepath.Abs(e.Dir)
	if err != nil {
		return "", err
	}
	g := newGit(dir, e.Environ)
	g.environ = without(g.environ, "GIT_DIR")
	out, err := g.run(ctx, nil, "rev-parse", "--absolute-git-dir")
	if err != nil {
		return "", fmt.Errorf("%s is not a Git repository: %w", dir, err)
	}
	return string(bytes.TrimRight(out, "\n")), nil
}

// plain replaces the error of a deadline by one for people.
func plain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("it did not respond within %s", hookyard.FormatDuration(sendTime))
	}
	return err
}
