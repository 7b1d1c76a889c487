package app

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"
)

const (
	// readyLimit bounds a look. SQLite may take a second more.
	readyLimit = 4 * time.Second
	// readyFor is how long the result of a look is used, so that those who ask often cost no more than one.
	readyFor = time.Second
	// leastSpace is the free space below which a disk counts as full.
	leastSpace = 1 << 20
)

// readiness is what /readyz knows. Safe for concurrent use.
type readiness struct {
	look func(ctx context.Context) error
	log  *slog.Logger

	mu    sync.Mutex // guards what follows
	last  *readyLook // nil: none yet
	ready bool       // as was logged last
}

// readyLook is a look that runs or has ended.
type readyLook struct {
	done chan struct{} // closed at the end
	err  error
	at   time.Time // of the end
}

// fresh reports whether a look runs, or ended a moment ago.
func (l *readyLook) fresh() bool {
	select {
	case <-l.done:
		return time.Since(l.at) < readyFor
	default:
		return true
	}
}

// ask returns nil if the server is ready, or why it is not. Callers share looks.
func (r *readiness) ask() error {
	r.mu.Lock()
	l := r.last
	if l != nil && l.fresh() {
		r.mu.Unlock()
		<-l.done
		return l.err
	}
	l = &readyLook{done: make(chan struct{})}
	r.last = l
	r.mu.Unlock()

	defer close(l.done)
	// Not the caller's context: some checkers close their side of the connection while they wait.
	ctx, cancel := context.WithTimeout(context.Background(), readyLimit)
	defer cancel()
	l.err = r.look(ctx)
	l.at = time.Now()
	r.report(l.err)
	return l.err
}

// report logs what has changed.
func (r *readiness) report(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil && r.ready:
		r.log.Error("not ready: /readyz answers 503", "error", err)
	case err == nil && !r.ready:
		r.log.Info("ready")
	}
	r.ready = err == nil
}

// ready returns nil if this node can store and send events, or what keeps it from that.
func (a *App) ready(ctx context.Context) error {
	dirs := []string{a.config.Data}
	if !a.config.IsPostgres() {
		dirs = append(dirs, filepath.Dir(a.config.Database))
	}
	for _, dir := range dirs {
		if free, err := freeSpace(dir); err == nil && free < leastSpace {
			return fmt.Errorf("the disk of %s is full: %d bytes are free", dir, free)
		}
	}
	if err := a.db.Try(ctx); err != nil {
		return err
	}
	return a.db.Fault(a.dispatcher.Ready(ctx))
}
