package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// counting names the functions that count: those that add to the figures of a transaction, and those that store and
// fold them. What the database does for them at the commit is shared with the rest of the transaction and left out.
var counting = []string{
	"store.(*sharedTx).countAccepts", "store.(*sharedTx).countFinishes", "store.(*sharedTx).storeTally",
	"store.(*DB).storeTally", "store.(*DB).foldSome", "store.(*DB).storeRefusals",
}

// measureCounters takes a CPU profile of the server under load. The counters cannot be turned off, so that their cost
// is the share of the samples in which they are worked on.
func (y *yardstick) measureCounters(ctx context.Context) error {
	if err := y.countersOf(ctx, "SQLite", ""); err != nil || y.o.Postgres == "" {
		return err
	}
	return y.countersOf(ctx, "PostgreSQL (hookyard's process)", y.o.Postgres)
}

func (y *yardstick) countersOf(ctx context.Context, name, database string) error {
	s, err := y.serve(ctx, database)
	if err != nil {
		return err
	}
	defer s.stop()
	project := "counters" + strings.ToLower(name[:6])
	if err := y.project(ctx, s, project, "/"+project); err != nil {
		return err
	}
	l := load{addr: s.addr, path: publishPath(project), publishers: publishers, body: 1000,
		duration: profileTime + 2*time.Second}
	loaded := make(chan error, 1)
	go func() {
		_, err := l.run(ctx)
		loaded <- err
	}()
	share, err := s.profileShare(ctx, counting)
	if err := errors.Join(err, <-loaded); err != nil {
		return err
	}
	y.add("the exact counters' share of CPU, "+name, "≤ 3 %", share <= .03, "%.1f %%", 100*share)
	return nil
}

const profileTime = 10 * time.Second

// profileShare returns the share of the server's CPU samples that have one of the functions on their stack.
func (s *server) profileShare(ctx context.Context, functions []string) (float64, error) {
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%.0f", s.addr, profileTime.Seconds())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	p, err := profile.Parse(resp.Body)
	if err != nil {
		return 0, fmt.Errorf("profile: %w", err)
	}
	value := len(p.SampleType) - 1 // CPU time
	all, in := int64(0), int64(0)
	for _, sample := range p.Sample {
		all += sample.Value[value]
		if hasFunction(sample, functions) {
			in += sample.Value[value]
		}
	}
	if all == 0 {
		return 0, errors.New("profile: no samples")
	}
	return ratio(float64(in), float64(all)), nil
}

func hasFunction(sample *profile.Sample, functions []string) bool {
	for _, l := range sample.Location {
		for _, line := range l.Line {
			for _, name := range functions {
				if line.Function != nil && strings.Contains(line.Function.Name, name) { // also closures in it
					return true
				}
			}
		}
	}
	return false
}
