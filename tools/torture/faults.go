//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// fault is something that goes wrong for a while, under load.
type fault struct {
	name   string
	window time.Duration // between in and out
	on     func(topology) bool

	in     func(context.Context, *rig) error // nil: nothing
	during func(context.Context, *rig) error // called over and over until the window ends; nil: nothing
	out    func(context.Context, *rig) error // nil: nothing

	broker    bool          // events also come from a queue, and go to one
	smallDisk bool          // the database lies on a disk that can be filled
	old       bool          // the nodes begin with an older version
	clock     time.Duration // by which a node's clock is wrong
	step      bool          // it becomes wrong under load, and not before the start
}

// Which topologies a fault makes sense on.
func everywhere(topology) bool   { return true }
func several(t topology) bool    { return t.nodes > 1 }
func onPostgres(t topology) bool { return t.postgres() }

// faults are all there are, in the order of the table.
func faults(soak time.Duration) []fault {
	all := []fault{
		{name: "soak", window: soak, on: everywhere},
		{name: "kill-one", window: 5 * time.Second, on: everywhere, in: killOne, out: startDead},
		{name: "kill-all", window: 2 * time.Second, on: several, in: killAll, out: startDead},
		{name: "lose-one", on: several, in: killOne},
		{name: "sigterm", on: everywhere, in: restartAll},
		{name: "freeze-5s", window: 5 * time.Second, on: everywhere, in: freezeOne, out: thawAll},
		{name: "freeze-30s", window: 30 * time.Second, on: everywhere, in: freezeOne, out: thawAll},
		{name: "freeze-120s", window: 2 * time.Minute, on: everywhere, in: freezeOne, out: thawAll},
		{name: "upgrade", on: everywhere, in: upgradeAll, old: true},
		{name: "client-resets", window: 10 * time.Second, on: everywhere, during: resetClients},
		{name: "receivers-slow", window: 20 * time.Second, on: everywhere, in: turn(slow), out: turn(healthy)},
		{name: "receivers-hostile", window: 20 * time.Second, on: everywhere, in: turn(hostile), out: turn(healthy)},
		{name: "receivers-dead", window: 10 * time.Second, on: everywhere, in: turn(dead), out: turn(healthy)},
		{name: "disk-full", window: 10 * time.Second, on: everywhere, smallDisk: true, in: fillDisk, out: emptyDisk},
		{name: "locks", window: 20 * time.Second, on: everywhere, during: lockTables},
		{name: "dump", window: 15 * time.Second, on: everywhere, during: dump},
	}
	return slices.Concat(all, databaseFaults(), clockFaults(), brokerFaults())
}

// anyNode picks a node that runs.
func (r *rig) anyNode() *node { return r.nodes[r.random.IntN(len(r.nodes))] }

func killOne(_ context.Context, r *rig) error {
	r.broken++
	r.anyNode().kill()
	return nil
}

func killAll(_ context.Context, r *rig) error {
	r.broken += len(r.nodes)
	for _, n := range r.nodes {
		n.kill()
	}
	return nil
}

// startDead starts the nodes that have ended.
func startDead(ctx context.Context, r *rig) error {
	for _, n := range r.nodes {
		if n.current().alive() {
			continue
		}
		if err := n.start(); err != nil {
			return err
		}
		if err := n.ready(ctx, time.Minute); err != nil {
			return fmt.Errorf("%s did not start again: %w", n.name, err)
		}
	}
	return nil
}

// restartAll stops one node after the other in good order and starts it again.
func restartAll(ctx context.Context, r *rig) error {
	for _, n := range r.nodes {
		if took := n.current().stop(syscall.SIGTERM, stopGrace); took >= stopGrace {
			return &failure{fmt.Sprintf("%s did not stop within %s of SIGTERM", n.name, stopGrace)}
		}
		if err := startDead(ctx, r); err != nil {
			return err
		}
		pause(ctx, time.Second)
	}
	return nil
}

// upgradeAll is restartAll with the new version.
func upgradeAll(ctx context.Context, r *rig) error {
	for _, n := range r.nodes {
		n.binary = r.binary
	}
	return restartAll(ctx, r)
}

func freezeOne(_ context.Context, r *rig) error {
	r.broken++
	return r.anyNode().freeze()
}

func thawAll(_ context.Context, r *rig) error {
	var err error
	for _, n := range r.nodes {
		if n.isFrozen() {
			err = errors.Join(err, n.thaw())
		}
	}
	return err
}

func resetClients(ctx context.Context, r *rig) error {
	for _, n := range r.nodes {
		n.front.reset()
	}
	pause(ctx, 300*time.Millisecond)
	return nil
}

// turn changes the mood of the receivers, but for the neighbour.
func turn(m mood) func(context.Context, *rig) error {
	return func(_ context.Context, r *rig) error {
		var err error
		for _, rc := range r.receivers {
			if rc.hook != "b" {
				err = errors.Join(err, rc.become(m))
			}
		}
		return err
	}
}

// filler is what fills a disk.
func (r *rig) filler() string { return filepath.Join(r.disk, "filler") }

func fillDisk(_ context.Context, r *rig) error {
	r.broken += len(r.nodes)
	f, err := os.Create(r.filler())
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	piece := make([]byte, 64<<10)
	for {
		if _, err := f.Write(piece); errors.Is(err, syscall.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// emptyDisk gives the space back. PostgreSQL ends when it cannot write its log, and its operator starts it again.
func emptyDisk(ctx context.Context, r *rig) error {
	if err := os.Remove(r.filler()); err != nil {
		return err
	}
	if r.cluster != nil {
		if err := r.cluster.start(ctx); err != nil {
			return err
		}
	}
	return startDead(ctx, r)
}

// lockTables holds the tables locked against everything until ctx ends.
func lockTables(ctx context.Context, r *rig) error {
	r.broken += len(r.nodes)
	if r.cluster == nil {
		return r.lockSQLite(ctx)
	}
	conn, err := r.cluster.connect(ctx, "postgres", role)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "begin; lock table deliveries in access exclusive mode"); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// dump copies the database as a backup does.
func dump(ctx context.Context, r *rig) error {
	if r.cluster == nil {
		return r.copySQLite(ctx)
	}
	path := filepath.Join(r.cluster.bin, "pg_dump")
	if _, err := exec.LookPath(path); err != nil {
		return err
	}
	return command{path: path, log: filepath.Join(r.dir, "dump.log"),
		args: []string{"-f", "/dev/null", "-d", databaseURL(loopback(r.cluster.port))}}.run(ctx)
}
