//go:build linux

package main

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver
)

// databaseFaults are those of PostgreSQL and of the network to it.
func databaseFaults() []fault {
	return []fault{
		{name: "db-restart", window: 2 * time.Second, on: onPostgres, in: stopDatabase(syscall.SIGINT),
			out: startDatabase},
		{name: "db-kill", window: 2 * time.Second, on: onPostgres, in: stopDatabase(syscall.SIGKILL),
			out: startDatabase},
		{name: "db-down-40s", window: 40 * time.Second, on: onPostgres, in: stopDatabase(syscall.SIGINT),
			out: startDatabase},
		{name: "db-freeze-30s", window: 30 * time.Second, on: onPostgres, in: signalDatabase(syscall.SIGSTOP),
			out: signalDatabase(syscall.SIGCONT)},
		{name: "db-terminate", window: 5 * time.Second, on: onPostgres, during: terminate},
		{name: "db-read-only", window: 15 * time.Second, on: onPostgres, in: setReadOnly("on"),
			out: setReadOnly("off")},
		{name: "db-connections", window: 15 * time.Second, on: onPostgres, during: takeConnections},
		{name: "db-slow", window: 20 * time.Second, on: onPostgres, in: delayDatabase(20 * time.Millisecond),
			out: delayDatabase(0)},
		{name: "db-resets", window: 10 * time.Second, on: onPostgres, during: resetDatabase},
		{name: "bouncer-restart", window: 2 * time.Second, on: bounced, in: stopBouncer, out: startBouncer},
		{name: "cut-one", window: 40 * time.Second, on: several, in: cutOne, out: heal},
		{name: "cut-all", window: 40 * time.Second, on: onPostgres, in: cutAll, out: heal},
	}
}

func bounced(t topology) bool { return t.bouncer != "" }

func stopBouncer(_ context.Context, r *rig) error {
	r.broken += len(r.nodes)
	r.bouncer.stop()
	return nil
}

func startBouncer(_ context.Context, r *rig) error { return r.bouncer.start() }

func stopDatabase(s syscall.Signal) func(context.Context, *rig) error {
	return func(_ context.Context, r *rig) error {
		r.broken += len(r.nodes)
		r.cluster.stop(s)
		return nil
	}
}

func startDatabase(ctx context.Context, r *rig) error { return r.cluster.start(ctx) }

func signalDatabase(s syscall.Signal) func(context.Context, *rig) error {
	return func(_ context.Context, r *rig) error {
		if s == syscall.SIGSTOP {
			r.broken += len(r.nodes)
		}
		r.cluster.process.signalFamily(s)
		return nil
	}
}

func terminate(ctx context.Context, r *rig) error {
	r.broken += len(r.nodes)
	err := r.cluster.terminate(ctx)
	pause(ctx, time.Second)
	return err
}

// setReadOnly makes transactions read-only or not, as a failover to a standby does.
func setReadOnly(value string) func(context.Context, *rig) error {
	return func(ctx context.Context, r *rig) error {
		if value == "on" {
			r.broken += len(r.nodes)
		}
		set := "alter system set default_transaction_read_only = " + value
		for _, s := range []string{set, "select pg_reload_conf()"} {
			if err := r.cluster.exec(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}
}

// takeConnections takes hookyard's connections away and holds all that its role can have until ctx ends.
func takeConnections(ctx context.Context, r *rig) error {
	r.broken += len(r.nodes)
	var held []*pgx.Conn
	defer func() {
		for _, c := range held {
			_ = c.Close(context.WithoutCancel(ctx))
		}
	}()
	take := func() {
		for ctx.Err() == nil {
			// Not to hookyard's database, so that terminating spares it.
			c, err := r.cluster.connect(ctx, role, "postgres")
			if err != nil {
				return
			}
			held = append(held, c)
		}
	}
	for ctx.Err() == nil {
		take()
		if err := r.cluster.terminate(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		take()
		pause(ctx, time.Second)
	}
	return nil
}

func delayDatabase(d time.Duration) func(context.Context, *rig) error {
	return func(_ context.Context, r *rig) error {
		for _, n := range r.nodes {
			n.back.setDelay(d)
		}
		return nil
	}
}

func resetDatabase(ctx context.Context, r *rig) error {
	r.broken += len(r.nodes)
	for _, n := range r.nodes {
		n.back.reset()
	}
	pause(ctx, 500*time.Millisecond)
	return nil
}

func cutOne(_ context.Context, r *rig) error {
	r.broken++
	r.anyNode().back.setCut(true)
	return nil
}

func cutAll(_ context.Context, r *rig) error {
	r.broken += len(r.nodes)
	for _, n := range r.nodes {
		n.back.setCut(true)
	}
	return nil
}

func heal(_ context.Context, r *rig) error {
	for _, n := range r.nodes {
		n.back.setCut(false)
	}
	return nil
}

// openSQLite opens hookyard's file beside it.
func (r *rig) openSQLite() (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+r.databaseOf(nil)+"?_pragma=busy_timeout(5000)&_txlock=immediate")
}

// lockSQLite holds the file locked against writers until ctx ends.
func (r *rig) lockSQLite(ctx context.Context) error {
	db, err := r.openSQLite()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return tx.Rollback()
}

// copySQLite writes a copy of the file.
func (r *rig) copySQLite(ctx context.Context) error {
	db, err := r.openSQLite()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	to := filepath.Join(r.dir, "copy.db")
	_, err = db.ExecContext(ctx, "vacuum into ?", to)
	return errors.Join(err, os.Remove(to))
}
