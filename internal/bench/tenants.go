package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
)

// measureTenants makes many projects with three hooks each, and compares an event of any of them with an event of one.
func (y *yardstick) measureTenants(ctx context.Context) error {
	if err := y.tenantsOf(ctx, "SQLite", filepath.Join(y.dir, "tenants.db")); err != nil || y.o.Postgres == "" {
		return err
	}
	return y.tenantsOf(ctx, "PostgreSQL (hookyard's process)", y.o.Postgres)
}

func (y *yardstick) tenantsOf(ctx context.Context, name, database string) error {
	key, err := y.secretKey()
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, database, store.Options{Key: key, NodeName: "fill", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	paths := []string{"/crm" + name[:1], "/erp" + name[:1], "/mail" + name[:1]}
	if err := errors.Join(y.fillTenants(ctx, db, paths), db.Close()); err != nil {
		return err
	}
	began := time.Now()
	s, err := y.serve(ctx, database)
	if err != nil {
		return err
	}
	defer s.stop()
	took := time.Since(began)
	title := fmt.Sprintf("%d projects with three hooks each, %s: ", y.o.Tenants, name)
	y.add(title+"start", "≤ 3 s", took <= 3*time.Second, "%.2f s", took.Seconds())
	if err := y.measureCreation(ctx, s, title, paths); err != nil {
		return err
	}
	if err := y.measureProjectList(ctx, s, title); err != nil {
		return err
	}
	n := y.o.Events / 3
	one, err := y.through(ctx, s, publishPath(tenant(0)), n, paths...)
	if err != nil {
		return err
	}
	of := func() string { return publishPath(tenant(rand.IntN(y.o.Tenants))) }
	all, err := y.throughAny(ctx, s, of, n, paths...)
	if err != nil {
		return err
	}
	r := ratio(micro(all.cpu), micro(one.cpu))
	y.add(title+"CPU of an event of any of them", "≤ 1.3 × of one", r <= 1.3, "%.2f × (%.0f µs, %.0f µs)", r,
		micro(all.cpu), micro(one.cpu))
	y.add(title+"resident memory", "≤ 300 MB", all.memory <= 300e6, "%s", mega(all.memory))
	return nil
}

func tenant(i int) string { return fmt.Sprintf("cust-%d", i) }

// fillTenants creates the projects.
func (y *yardstick) fillTenants(ctx context.Context, db *store.DB, paths []string) error {
	y.say("making %d projects", y.o.Tenants)
	for i := range y.o.Tenants {
		p := &hookyard.Project{Owner: "guest", Name: tenant(i)}
		var hooks []*hookyard.Hook
		for _, path := range paths {
			hooks = append(hooks, &hookyard.Hook{ID: path[1:], URL: y.sink.url(path), Events: hookyard.SelectAll(),
				Active: true, Secrets: []hookyard.Secret{{Value: orderKey(i)}}})
		}
		if err := db.CreateProject(ctx, p, hooks); err != nil {
			return err
		}
	}
	return nil
}

// measureCreation creates projects with three hooks, a request for each project and hook.
func (y *yardstick) measureCreation(ctx context.Context, s *server, title string, paths []string) error {
	const projects = 200
	before, err := s.cpu()
	if err != nil {
		return err
	}
	for i := range projects {
		if err := y.project(ctx, s, fmt.Sprintf("new-%d", i), paths...); err != nil {
			return err
		}
	}
	after, err := s.cpu()
	if err != nil {
		return err
	}
	each := (after - before) / projects
	y.add(title+"CPU of creating another", "≤ 2 ms", each <= 2*time.Millisecond, "%s", milli(each))
	return nil
}

// measureProjectList requests pages of the list of projects from anywhere in it.
func (y *yardstick) measureProjectList(ctx context.Context, s *server, title string) error {
	var took []time.Duration
	for range visits {
		path := fmt.Sprintf("/?after=guest/%s", tenant(rand.IntN(y.o.Tenants)))
		began := time.Now()
		if _, err := fetch(ctx, "http://"+s.addr+path); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	p99 := percentile(took, .99)
	y.add(title+"list of projects, p99", "≤ 50 ms", p99 <= 50*time.Millisecond, "%s (median %s)", milli(p99),
		milli(percentile(took, .5)))
	return nil
}
