package app

import (
	"context"
	"fmt"
	"time"

	"github.com/hookyard/hookyard/internal/store"
)

// prune takes away what is past retention, a step at a time, so that it is not felt.
func (a *App) prune(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			a.pruneAll(ctx)
		}
	}
}

// pruneAll takes away all that is past retention now, and logs whose events went although they were not too old.
func (a *App) pruneAll(ctx context.Context) {
	type taken struct {
		events int
		bytes  int64
	}
	all := map[int64]taken{}
	keep := store.Retention{Bodies: a.config.Retention, Bytes: a.config.RetentionBytes, Seen: a.config.DedupWindow,
		Took: func(project int64, events int, bytes int64) {
			all[project] = taken{all[project].events + events, all[project].bytes + bytes}
		}}
	for {
		n, err := a.db.Prune(ctx, keep, time.Now())
		if err != nil && ctx.Err() == nil {
			a.log.Warn("pruning failed; trying again", "error", err)
		}
		if n == 0 || err != nil || ctx.Err() != nil {
			break
		}
	}
	for key, t := range all {
		name := fmt.Sprintf("deleted project %d", key)
		if snapshot, err := a.db.SnapshotByKey(ctx, key); err == nil {
			name = snapshot.Project.Path()
		}
		a.log.Info("oldest events deleted: the database is larger than --retention-bytes, and this project keeps most",
			"project", name, "events", t.events, "bytes", t.bytes)
	}
}
