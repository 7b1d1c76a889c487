package web_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/signature"
)

// dayEvents is how many events [fillDay] makes.
const dayEvents = 900

// fillDay puts a day of a shop's events into a folder's database, for pictures: busy and quiet hours, a hook that does
// well, one that fails now and then and, since an hour, always.
func fillDay(t *testing.T, dir, receiver string) {
	t.Helper()
	ctx := context.Background()
	key := []byte("a key for tests only, of some length")
	if err := os.WriteFile(filepath.Join(dir, "secret.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(ctx, filepath.Join(dir, "hookyard.db"),
		store.Options{Key: key, NodeName: "fill", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	hook := func(id, path string, events hookyard.Selector) *hookyard.Hook {
		return &hookyard.Hook{ID: id, URL: receiver + path, Events: events, Active: true,
			Secrets: []hookyard.Secret{{Value: signature.NewSecret()}}}
	}
	hooks := []*hookyard.Hook{
		hook("billing", "/good/billing", hookyard.SelectAll()), hook("warehouse", "/bad/stock", hookyard.SelectAll()),
		hook("accounting", "/good/ledger", hookyard.Selector{Names: []string{"invoice.*"}}),
		hook("old-crm", "/good/crm", hookyard.SelectAll()),
	}
	hooks[2].Filter, hooks[3].Active = "body.data.amount > 100", false
	p := &hookyard.Project{Owner: "acme", Name: "shop", Description: "Orders and payments"}
	if err := db.CreateProject(ctx, p, hooks); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	types := strings.Fields("order.created order.paid invoice.paid cart.abandoned order.shipped customer.created")
	began := time.Now().Add(-24 * time.Hour)
	var batch []*hookyard.RoutedEvent
	for i := range dayEvents {
		x := float64(i) / dayEvents
		at := began.Add(time.Duration((x + .035*math.Sin(8*math.Pi*x)) * float64(24*time.Hour)))
		e := hookyard.NewEvent("api", types[r.IntN(len(types))],
			fmt.Appendf(nil, `{"id":%d,"amount":%d,"currency":"EUR","customer":{"name":"Ann Lee","vip":%t}}`,
				48000+i, 5+r.IntN(400), i%7 == 0), at)
		e.ProjectKey, e.ContentType = p.Key, "application/json"
		a := &hookyard.RoutedEvent{Event: e}
		for k, h := range hooks {
			if k != 2 || e.Type == "invoice.paid" {
				a.Add(h)
			}
		}
		batch = append(batch, a)
	}
	if _, errs := db.AcceptAll(ctx, batch); errs[0] != nil {
		t.Fatal(errs[0])
	}
	for k, h := range hooks[:3] {
		work, err := db.Claim(ctx, h.Key, time.Now(), dayEvents)
		if err != nil {
			t.Fatal(err)
		}
		for i := range work {
			w := &work[i]
			took := time.Duration(math.Exp(r.NormFloat64()*.7+3.6) * float64(time.Millisecond))
			a := &hookyard.Attempt{EventSeq: w.Delivery.EventSeq, HookKey: h.Key, N: 1,
				StartedAt: w.Event.Time.Add(4 * time.Millisecond), Duration: took, URL: h.URL, Status: 200,
				RequestSize: w.Event.Size, Remote: "203.0.113.7:443",
				Timing:         hookyard.Timing{Connect: took / 5, TLS: took / 4, Wait: took / 2},
				RequestHeader:  http.Header{"Webhook-Id": {w.Event.ID}},
				ResponseHeader: http.Header{"Content-Type": {"application/json"}},
				ResponseBody:   []byte(`{"ok":true}`)}
			d := hookyard.Decision{State: hookyard.Delivered}
			var health *hookyard.Health
			late := time.Since(w.Event.Time) < time.Hour
			if k == 1 && (late || r.IntN(12) == 0) {
				a.Status, a.ResponseBody = 503, []byte(`{"error":"stock database is down"}`)
				d = hookyard.Decision{State: hookyard.Failed, Reason: "answered 503; given up after 10 attempts"}
				if late {
					d = hookyard.Decision{State: hookyard.Pending, Reason: "answered 503",
						Due: time.Now().Add(time.Duration(5+r.IntN(50)) * time.Minute)}
					health = &hookyard.Health{Failures: i % 40, FailingSince: time.Now().Add(-time.Hour),
						LastStatus: 503, LastAttempt: w.Event.Time}
				}
			}
			if err := db.Finish(ctx, &hookyard.Result{Work: w, Attempt: a, Decision: d, Health: health}); err != nil {
				t.Fatal(err)
			}
		}
	}
}
