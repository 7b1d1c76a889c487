package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestKill publishes under load while the server is killed and restarted at random moments. Every acknowledged event
// must reach every hook that selects it, and nothing may be half stored or stuck.
func TestKill(t *testing.T) {
	t.Parallel()
	kills := 20
	if testing.Short() {
		kills = 4
	}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		killUnderLoad(t, dev(t, "--log-level", "warn"), kills)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		killUnderLoad(t, devPostgres(t, "--log-level", "warn"), kills)
	})
}

// The types of the events. All hooks select both, except the ordered one, which selects only paid.
const (
	created = "order.created"
	paid    = "order.paid"
)

func killUnderLoad(t *testing.T, s *server, kills int) {
	y := newYard(t, s, "load")
	receivers := map[string]*receiver{
		"healthy": newReceiver(t, nil),
		"flaky":   newReceiver(t, fails(0.3)),
		"slow":    newReceiver(t, slow(30*time.Millisecond)),
		"ordered": newReceiver(t, fails(0.05)),
	}
	never := &hookyard.OffPolicy{Policy: hookyard.OffNever}
	schedule := often(60, 50*time.Millisecond) // so long that no delivery fails
	y.hook("healthy", receivers["healthy"].url, client.HookPatch{Schedule: schedule, Off: never})
	y.hook("flaky", receivers["flaky"].url, client.HookPatch{Schedule: schedule, Off: never})
	y.hook("slow", receivers["slow"].url, client.HookPatch{Schedule: schedule, Off: never, InFlight: ptr(32)})
	y.hook("ordered", receivers["ordered"].url,
		client.HookPatch{Schedule: schedule, Off: never, Ordered: ptr(true),
			Events: &hookyard.Selector{Names: []string{paid}}})
	in := y.source("in", "none", "", client.SourcePatch{DedupHeader: ptr("X-Delivery"), TypeHeader: ptr("X-Type")})

	l := &ledger{acked: map[string]client.Receipt{}, unknown: map[string]bool{}}
	publishing, stop := context.WithCancel(t.Context())
	var publishers sync.WaitGroup
	for _, p := range []publisher{ownID, ownID, idempotencyKey, idempotencyKey, inbound(in), inbound(in), batch} {
		name := fmt.Sprintf("p%d", len(l.names))
		l.names = append(l.names, name)
		publishers.Go(func() { l.publish(t, publishing, y, name, p) })
	}
	for range kills {
		pause(t.Context(), time.Duration(50+rand.IntN(450))*time.Millisecond)
		s.kill()
		s.start()
	}
	stop()
	publishers.Wait()
	y.drained()
	l.check(t, y, receivers)
}

// fails answers 503 to a random share of the requests.
func fails(share float64) func(http.ResponseWriter, *http.Request, int) int {
	return func(w http.ResponseWriter, r *http.Request, n int) int {
		if rand.Float64() < share {
			return always(http.StatusServiceUnavailable)(w, r, n)
		}
		return always(http.StatusNoContent)(w, r, n)
	}
}

// slow answers 204 after d.
func slow(d time.Duration) func(http.ResponseWriter, *http.Request, int) int {
	return func(w http.ResponseWriter, r *http.Request, n int) int {
		pause(r.Context(), d)
		return always(http.StatusNoContent)(w, r, n)
	}
}

// publisher publishes one event for each key, with the key in the body, and returns the receipts.
type publisher func(ctx context.Context, y *yard, eventType string, keys []string) ([]client.Receipt, error)

func keyBody(key string) []byte {
	return fmt.Appendf(nil, `{"key": %q, "big": 12345678901234567890.10}`, key)
}

func ownID(ctx context.Context, y *yard, eventType string, keys []string) ([]client.Receipt, error) {
	r, err := y.c.Publish(ctx, y.project, client.Publication{ID: keys[0], Type: eventType, Data: keyBody(keys[0])})
	return []client.Receipt{r}, err
}

func idempotencyKey(ctx context.Context, y *yard, eventType string, keys []string) ([]client.Receipt, error) {
	r, err := y.c.Publish(ctx, y.project, client.Publication{IdempotencyKey: keys[0], Type: eventType,
		Data: keyBody(keys[0])})
	return []client.Receipt{r}, err
}

func inbound(url string) publisher {
	return func(ctx context.Context, y *yard, eventType string, keys []string) ([]client.Receipt, error) {
		r, err := askContext(ctx, http.MethodPost, url, keyBody(keys[0]), "X-Delivery", keys[0], "X-Type", eventType,
			"Content-Type", "application/json")
		if err != nil {
			return nil, err
		}
		if r.status != http.StatusOK {
			return nil, &client.Error{Status: r.status, Message: r.body}
		}
		return []client.Receipt{{ID: r.id(y.t)}}, nil
	}
}

func batch(ctx context.Context, y *yard, eventType string, keys []string) ([]client.Receipt, error) {
	all := make([]client.Publication, len(keys))
	for i, key := range keys {
		all[i] = client.Publication{ID: key, Type: eventType, Data: keyBody(key)}
	}
	got, err := y.c.PublishAll(ctx, y.project, all)
	var out []client.Receipt
	for i, r := range got {
		if r.Error != "" {
			return nil, fmt.Errorf("event %d of a batch: %s", i, r.Error)
		}
		out = append(out, r.Receipt)
	}
	return out, err
}

// ledger records what the publishers know.
type ledger struct {
	names []string

	mu      sync.Mutex
	acked   map[string]client.Receipt // by key
	unknown map[string]bool           // no response, and the publisher gave up
	retried int
}

// publish publishes until ctx is done. If it gets no response it retries with the same key, except for every seventh
// event.
func (l *ledger) publish(t *testing.T, ctx context.Context, y *yard, name string, p publisher) {
	pace := time.NewTicker(25 * time.Millisecond)
	defer pace.Stop()
	for n := 0; ; n++ {
		eventType, keys := created, []string{fmt.Sprintf("%s-%d", name, n)}
		if n%6 == 0 {
			eventType = paid
		}
		if n%3 == 0 {
			for i := range 4 { // only batch uses more than the first
				keys = append(keys, fmt.Sprintf("%s-%d-%d", name, n, i))
			}
		}
		for {
			receipts, err := p(t.Context(), y, eventType, keys)
			if err == nil {
				l.note(keys, receipts)
				break
			}
			var refused *client.Error
			if errors.As(err, &refused) {
				t.Errorf("publishing %v: %d %v", keys, refused.Status, err)
				return
			}
			if l.fail(keys, n%7 == 0) {
				break
			}
			pause(t.Context(), 5*time.Millisecond)
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
			return
		}
	}
}

func (l *ledger) note(keys []string, receipts []client.Receipt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, r := range receipts {
		l.acked[keys[i]] = r
	}
}

// fail records that there was no response. It returns true if the publisher gives up.
func (l *ledger) fail(keys []string, giveUp bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !giveUp {
		l.retried++
		return false
	}
	for _, key := range keys {
		l.unknown[key] = true
	}
	return true
}

// drained waits until no delivery is pending.
func (y *yard) drained() {
	y.t.Helper()
	testenv.Until(y.t, "no delivery is pending", func() bool {
		page, err := y.c.Deliveries(y.t.Context(), y.project,
			client.DeliveryQuery{State: hookyard.Pending, Page: client.Page{Limit: 1}})
		if err != nil {
			y.t.Fatal(err)
		}
		return len(page.Deliveries) == 0
	})
}

// deliveries returns all deliveries of the project by event and hook.
func (y *yard) deliveries() map[string]map[string]client.Delivery {
	y.t.Helper()
	all := map[string]map[string]client.Delivery{}
	q := client.DeliveryQuery{Page: client.Page{Limit: 500}}
	for {
		page, err := y.c.Deliveries(y.t.Context(), y.project, q)
		if err != nil {
			y.t.Fatal(err)
		}
		for _, d := range page.Deliveries {
			if all[d.EventID] == nil {
				all[d.EventID] = map[string]client.Delivery{}
			}
			if _, twice := all[d.EventID][d.HookID]; twice {
				y.t.Errorf("delivery of %s to %s is listed twice", d.EventID, d.HookID)
			}
			all[d.EventID][d.HookID] = d
		}
		if page.Cursor == "" {
			return all
		}
		q.Cursor = page.Cursor
	}
}

// check compares what the publishers know, what the server stored, and what the receivers got.
func (l *ledger) check(t *testing.T, y *yard, receivers map[string]*receiver) {
	t.Helper()
	kept := l.checkKept(t, y)
	deliveries := y.deliveries()
	if len(deliveries) != len(kept) {
		t.Errorf("deliveries of %d events, but %d events are stored", len(deliveries), len(kept))
	}
	keys := map[string]string{} // event -> key
	for key, r := range l.acked {
		keys[r.ID] = key
	}
	took := map[string]map[string][]byte{} // hook -> event -> body
	repeats := 0
	for hook, rc := range receivers {
		took[hook] = map[string][]byte{}
		for _, a := range rc.all() {
			if a.status/100 != 2 {
				continue
			}
			if _, again := took[hook][a.id]; again {
				repeats++
			}
			took[hook][a.id] = a.body
		}
	}
	for _, e := range kept {
		wanted := []string{"flaky", "healthy", "slow"}
		if e.Type == paid {
			wanted = []string{"flaky", "healthy", "ordered", "slow"}
		}
		if got := len(deliveries[e.ID]); got != len(wanted) {
			t.Errorf("event %s of type %s has %d deliveries, want %v", e.ID, e.Type, got, wanted)
		}
		for _, hook := range wanted {
			d := deliveries[e.ID][hook]
			body, ok := took[hook][e.ID]
			if d.State != hookyard.Delivered || d.Attempts < 1 || !ok {
				t.Errorf("event %s to %s: %q after %d attempts (%s), at the receiver: %v", e.ID, hook, d.State,
					d.Attempts, d.Reason, ok)
			}
			if ok && (e.Size != int64(len(body)) || !bytes.Equal(body, took["healthy"][e.ID])) {
				t.Errorf("event %s of %d bytes arrived at %s as %q, and at healthy as %q", e.ID, e.Size, hook, body,
					took["healthy"][e.ID])
			}
			if key, known := keys[e.ID]; known && ok && !bytes.Contains(body, strconv.AppendQuote(nil, key)) {
				t.Errorf("event %s with key %s arrived at %s as %q", e.ID, key, hook, body)
			}
		}
	}
	l.checkOrder(t, kept, receivers["ordered"])
	t.Logf("%d events stored, %d acknowledged, %d of %d unknown stored, %d retries, %d duplicate deliveries",
		len(kept), len(l.acked), len(kept)-len(l.acked), len(l.unknown), l.retried, repeats)
	if r := ask(t, http.MethodGet, y.s.url+"/readyz", nil); r.status != http.StatusOK {
		t.Errorf("readyz: %d %s", r.status, r.body)
	}
}

// checkKept returns the stored events, oldest first. They must include every acknowledged event once, and may include
// events whose publisher gave up.
func (l *ledger) checkKept(t *testing.T, y *yard) []client.Event {
	t.Helper()
	kept := y.events()
	slices.Reverse(kept)
	byID := map[string]bool{}
	for _, e := range kept {
		if byID[e.ID] {
			t.Errorf("event %s is listed twice", e.ID)
		}
		byID[e.ID] = true
	}
	acked := map[string]bool{}
	for key, r := range l.acked {
		if !byID[r.ID] {
			t.Errorf("event %s with key %s was acknowledged and is lost", r.ID, key)
		}
		acked[r.ID] = true
	}
	if len(acked) != len(l.acked) {
		t.Errorf("%d keys were acknowledged with %d ids", len(l.acked), len(acked))
	}
	if extra := len(kept) - len(acked); extra > len(l.unknown) {
		t.Errorf("%d events were stored without an acknowledgement, but only %d publishers gave up", extra,
			len(l.unknown))
	}
	return kept
}

// checkOrder checks that the ordered hook got the events in order.
func (l *ledger) checkOrder(t *testing.T, kept []client.Event, rc *receiver) {
	t.Helper()
	place := map[string]int{}
	for i, e := range kept {
		place[e.ID] = i
	}
	last, seen := -1, map[string]bool{}
	for _, a := range rc.all() {
		if seen[a.id] {
			continue
		}
		seen[a.id] = true
		if place[a.id] < last {
			t.Fatalf("event %s, number %d, reached the ordered hook after number %d", a.id, place[a.id], last)
		}
		last = place[a.id]
	}
}
