package bench

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
)

// visits is the number of requests for each page.
const visits = 200

// measurePages requests every page of a project with a month of events, and measures the time and the transferred size:
// compressed, and for a first visit with all assets.
func (y *yardstick) measurePages(ctx context.Context) error {
	y.say("storing a month of %d events", y.o.Stored)
	database := filepath.Join(y.dir, "month.db")
	paths, err := y.fillMonth(ctx, database)
	if err != nil {
		return err
	}
	s, err := y.serve(ctx, database)
	if err != nil {
		return err
	}
	defer s.stop()
	var all []time.Duration
	var slowest time.Duration
	var heaviest, first int // bytes
	where := ""
	for _, path := range paths {
		var took []time.Duration
		for range visits {
			began := time.Now()
			page, err := fetch(ctx, "http://"+s.addr+path)
			if err != nil {
				return err
			}
			took = append(took, time.Since(began))
			heaviest = max(heaviest, page.weight)
		}
		all = append(all, took...)
		slices.Sort(took)
		p99 := took[len(took)*99/100]
		y.say("%-40s median %s, p99 %s", path, milli(took[len(took)/2]), milli(p99))
		if p99 > slowest {
			slowest, where = p99, path
		}
		whole, err := firstVisit(ctx, s, path)
		if err != nil {
			return err
		}
		first = max(first, whole)
	}
	slices.Sort(all)
	y.add(fmt.Sprintf("pages with %d events stored: p99 of the slowest of %d", y.o.Stored, len(paths)), "≤ 30 ms",
		slowest <= 30*time.Millisecond,
		"%s (%s; median of all %s)", milli(slowest), where, milli(all[len(all)/2]))
	y.add("weight of the heaviest page, compressed: first visit; later", "≤ 60; 15 kB",
		first <= 60_000 && heaviest <= 15_000, "%.1f kB; %.1f kB", float64(first)/1e3, float64(heaviest)/1e3)
	return nil
}

// page is a response.
type page struct {
	weight int // size in bytes as transferred
	text   []byte
}

func fetch(ctx context.Context, url string) (page, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return page{}, err
	}
	r.Header.Set("Accept-Encoding", "gzip")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return page{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return page{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return page{}, fmt.Errorf("%s answers %d", url, resp.StatusCode)
	}
	p := page{weight: len(body), text: body}
	if resp.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return page{}, err
		}
		p.text, err = io.ReadAll(z)
		return p, err
	}
	return p, nil
}

var assetPath = regexp.MustCompile(`"(/assets/[^"]+)"`)

// firstVisit returns the size of a page together with its assets.
func firstVisit(ctx context.Context, s *server, path string) (int, error) {
	p, err := fetch(ctx, "http://"+s.addr+path)
	if err != nil {
		return 0, err
	}
	whole := p.weight
	seen := map[string]bool{}
	for _, m := range assetPath.FindAllSubmatch(p.text, -1) {
		name := string(m[1])
		if seen[name] {
			continue
		}
		seen[name] = true
		a, err := fetch(ctx, "http://"+s.addr+name)
		if err != nil {
			return 0, err
		}
		whole += a.weight
	}
	return whole, nil
}

// fillMonth writes a month of events of project guest/shop into a database. The publish API cannot do that: it would
// date them all now. fillMonth returns the paths of the pages that show the events.
func (y *yardstick) fillMonth(ctx context.Context, database string) ([]string, error) {
	key, err := y.secretKey()
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, database, store.Options{Key: key, NodeName: "fill", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	paths, err := fillProject(ctx, db, y.o.Stored)
	return paths, errors.Join(err, db.Close())
}

// secretKey returns the key in the data directory of this run's servers, and creates it the first time.
func (y *yardstick) secretKey() ([]byte, error) {
	file := filepath.Join(y.dir, "secret.key")
	key, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		key = []byte("of a measurement that ends soon")
		err = os.WriteFile(file, key, 0o600)
	}
	return key, err
}

func fillProject(ctx context.Context, db *store.DB, n int) ([]string, error) {
	hooks := []*hookyard.Hook{}
	for _, id := range []string{"billing", "warehouse", "accounting"} {
		hooks = append(hooks, &hookyard.Hook{ID: id, URL: "http://127.0.0.1:9/", Events: hookyard.SelectAll()})
	}
	p := &hookyard.Project{Owner: "guest", Name: "shop"}
	if err := db.CreateProject(ctx, p, hooks); err != nil {
		return nil, err
	}
	if _, err := db.PutSource(ctx, &hookyard.Source{ProjectKey: p.Key, Name: "github", Type: "none",
		Active: true}); err != nil {
		return nil, err
	}
	const month = 30 * 24 * time.Hour
	types := []string{"order.created", "order.paid", "invoice.paid"}
	body := `{"type":"x","timestamp":"2026-01-01T00:00:00Z","data":{"n":%d,"pad":"` + strings.Repeat("ann ", 100) +
		`"}}`
	began := time.Now().Add(-month)
	var event, delivery string
	for i := 0; i < n; i += 1000 {
		batch := make([]*hookyard.RoutedEvent, 1000)
		for k := range batch {
			e := hookyard.NewEvent("github", types[(i+k)%3], fmt.Appendf(nil, body, i+k),
				began.Add(month/time.Duration(n)*time.Duration(i+k)))
			e.ProjectKey = p.Key
			batch[k] = &hookyard.RoutedEvent{Event: e}
			batch[k].Add(hooks[k%3])
			d := &batch[k].Deliveries[0]
			d.State, d.Due = hookyard.Skipped, time.Time{}
			d.Reason = "filled"
			event, delivery = e.ID, hookyard.DeliveryID(e.ID, d.HookKey)
		}
		if _, errs := db.AcceptAll(ctx, batch); errs[0] != nil {
			return nil, errs[0]
		}
	}
	const shop = "/guest/shop"
	return []string{
		"/", shop, shop + "?span=30d", shop + "/webhooks", shop + "/webhooks/billing",
		shop + "/webhooks/accounting/edit", shop + "/events",
		shop + "/events?type=order.*&state=skipped&since=240h", shop + "/events?text=ann&until=48h",
		shop + "/events/" + event, shop + "/deliveries",
		shop + "/deliveries?hook=warehouse&since=24h", shop + "/deliveries/" + delivery, shop + "/sources",
		shop + "/sources/github", shop + "/replays",
		shop + "/audit", shop + "/settings", "/status", "/bins",
	}, nil
}
