package bench

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/store"
)

// measureFields stores many events of a project with search fields, and measures what a field costs an event and how
// long it takes to find one.
func (y *yardstick) measureFields(ctx context.Context) error {
	if err := y.fieldsOf(ctx, "SQLite", filepath.Join(y.dir, "fields.db")); err != nil || y.o.Postgres == "" {
		return err
	}
	return y.fieldsOf(ctx, "PostgreSQL", y.o.Postgres)
}

func (y *yardstick) fieldsOf(ctx context.Context, name, database string) error {
	key, err := y.secretKey()
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, database, store.Options{Key: key, NodeName: "fill", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	cost, err := y.fillFields(ctx, db)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	y.add("CPU of a search field per event, "+name+" (hookyard's process)", "≤ 3 µs", cost <= 3*time.Microsecond,
		"%.1f µs", micro(cost))
	s, err := y.serve(ctx, database)
	if err != nil {
		return err
	}
	defer s.stop()
	var took []time.Duration
	for range visits {
		n := rand.IntN(y.o.Stored)
		for _, query := range []string{fmt.Sprint("field.data.order.id=", n), "field.data.order.key=" + orderKey(n)} {
			began := time.Now()
			p, err := fetch(ctx, "http://"+s.addr+"/api/projects/guest/fields/events?"+query)
			if err != nil {
				return err
			}
			took = append(took, time.Since(began))
			var found client.EventPage
			if err := json.Unmarshal(p.text, &found); err != nil {
				return fmt.Errorf("%s: %w", query, err)
			}
			if len(found.Events) != 1 {
				return fmt.Errorf("%s finds %d events", query, len(found.Events))
			}
		}
	}
	slices.Sort(took)
	p99 := took[len(took)*99/100]
	y.add(fmt.Sprintf("an order is found by a search field among %d events, p99, %s", y.o.Stored, name), "≤ 20 ms",
		p99 <= 20*time.Millisecond, "%s (median %s)", milli(p99), milli(took[len(took)/2]))
	return nil
}

// fillFields stores events of a project with two search fields, and returns the CPU time that a field of an event
// takes: the difference to a project without any, which gets a tenth as many events in turns.
func (y *yardstick) fillFields(ctx context.Context, db *store.DB) (time.Duration, error) {
	with := &hookyard.Project{Owner: "guest", Name: "fields", SearchFields: []string{"data.order.id", "data.order.key"}}
	without := &hookyard.Project{Owner: "guest", Name: "plain"}
	for _, p := range []*hookyard.Project{with, without} {
		if err := db.CreateProject(ctx, p, nil); err != nil {
			return 0, err
		}
	}
	for more := true; more; { // the fields of a new project
		var err error
		if more, err = db.StepFields(ctx); err != nil {
			return 0, err
		}
	}
	const batch = 500
	put := func(p *hookyard.Project, from int) (time.Duration, error) {
		snapshot, err := db.SnapshotByKey(ctx, p.Key)
		if err != nil {
			return 0, err
		}
		all := make([]*hookyard.RoutedEvent, batch)
		for i := range all {
			e := hookyard.NewEvent("api", "order.created", orderBody(from+i), time.Now())
			e.ProjectKey = p.Key
			all[i] = hookyard.Route(e, snapshot, nil)
		}
		before, err := cpuOf(os.Getpid())
		if err != nil {
			return 0, err
		}
		if _, errs := db.AcceptAll(ctx, all); errors.Join(errs...) != nil {
			return 0, errors.Join(errs...)
		}
		after, err := cpuOf(os.Getpid())
		return after - before, err
	}
	var plain, fields time.Duration
	compared := 0
	for i := 0; i < y.o.Stored; i += batch {
		took, err := put(with, i)
		if err != nil {
			return 0, err
		}
		if i%(10*batch) != 0 {
			continue
		}
		other, err := put(without, i)
		if err != nil {
			return 0, err
		}
		compared += batch
		fields += took
		plain += other
	}
	return (fields - plain) / time.Duration(2*compared), nil
}

// orderBody is the body of an event about an order: 1 kB with a number that rises and a key that looks random.
func orderBody(n int) []byte {
	return fmt.Appendf(nil, `{"type":"order.created","timestamp":"2026-01-01T00:00:00Z","data":{"order":{"id":%d,`+
		`"key":"%s"},"pad":"%s"}}`, n, orderKey(n), strings.Repeat("ann ", 210))
}

// orderKey is a UUID that depends on n.
func orderKey(n int) string {
	h := sha256.Sum256(fmt.Append(nil, n))
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}
