// Package gitpush makes events of Git pushes: it is what runs as a repository's post-receive hook.
//
// A push is read from the repository with the git program, written into the repository's spool, and only then sent.
// A server that is slow, stopped or refuses never blocks or fails the push: what could not be sent is sent in its order
// by the next push, or by Flush. Every push has an id of its own, so that the server keeps one that comes twice once.
package gitpush

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// How long somebody who pushes is kept waiting at most.
const (
	readTime = 30 * time.Second // for a look at a huge repository; mostly it is milliseconds
	sendTime = 3 * time.Second
)

// Env is what the program is run in.
type Env struct {
	Dir     string    // of the repository; git runs a hook in it
	Stdin   io.Reader // the lines that git gives; [PostReceive] only
	Stderr  io.Writer // what is said here is shown to whoever pushes; [PostReceive] only
	Environ []string  // as os.Environ returns it
	Agent   string    // User-Agent, such as hookyard/1.0
}

func (e Env) connect(s Settings) (*client.Client, error) {
	return client.New(s.Server, s.Token, client.WithUserAgent(cmp.Or(e.Agent, "hookyard")))
}

// PostReceive is the program of a post-receive hook. It always returns 0: the push has happened, and nothing here can
// or may change it. What goes wrong is said in one line on Stderr.
func PostReceive(ctx context.Context, e Env) int {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(e.Stderr, "hookyard: "+format+"\n", args...) }
	settings, config, err := load(ctx, e)
	if err != nil {
		_, _ = io.Copy(io.Discard, e.Stdin) // git would be told of a broken pipe
		say("this push is not told to anybody: %v", err)
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
	// before anything is said: whoever pushes may be gone, and a write to them the end of us
	kept := s.spool.add(waiting)
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	if s.server, err = e.connect(settings); err == nil && kept == nil {
		err = s.flush(ctx)
	} else if err == nil {
		err = s.send(ctx, waiting)
	}
	switch {
	case err != nil && kept != nil:
		say("this push is not told to %s: it can neither be sent (%v) nor kept (%v)", settings.Server, err, kept)
	case err != nil:
		say("%s does not have this push yet: %v; it waits in %s and goes with the next push, or with: hookyard git flush", settings.Server, plain(err), spoolName)
	case s.did.Refused > 0:
		say("%s refused the event of a push, which is put aside in %s/refused: %s", settings.Server, spoolName,
			s.did.Reason)
	case s.did.Hint != "":
		say("%s", s.did.Hint)
	}
	return 0
}

// read reads the push from the repository; nil when there is nothing to tell. An error does not rule out a result.
func read(ctx context.Context, e Env, settings Settings) (*entry, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	now := time.Now().UTC()
	p, err := Read(ctx, e.Dir, e.Stdin, Options{Project: settings.Project, URL: settings.URL, Environ: e.Environ,
		Now: now})
	if p == nil {
		return nil, err
	}
	data, failed := marshal(p)
	return &entry{ID: hookyard.NewID("push"), Time: now, Project: settings.Project, Push: data, Model: p.ModelEvents()},
		errors.Join(err, failed)
}

// Flush sends the pushes that wait in a repository, in their order. The error says why not all of them could be sent.
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

// gitDir finds the repository proper from any folder of it.
func gitDir(ctx context.Context, e Env) (string, error) {
	dir, err := filepath.Abs(e.Dir)
	if err != nil {
		return "", err
	}
	g := newGit(dir, e.Environ)
	g.environ = without(g.environ, "GIT_DIR")
	out, err := g.run(ctx, nil, "rev-parse", "--absolute-git-dir")
	if err != nil {
		return "", fmt.Errorf("%s is no Git repository: %w", dir, err)
	}
	return string(bytes.TrimRight(out, "\n")), nil
}

// plain says that time ran out in words for people.
func plain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("it did not answer within %s", sendTime)
	}
	return err
}

// marshal writes v as JSON and leaves <, > and & alone, as receivers who compare bytes expect.
func marshal(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
