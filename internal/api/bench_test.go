package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// keeper stands in for what the benchmark does not measure: the store and the engines.
type keeper struct {
	Store
	Auth
	view *hookyard.View
	id   *auth.Identity
}

func (k *keeper) View(context.Context, string, string) (*hookyard.View, error) { return k.view, nil }

func (k *keeper) Identify(*http.Request) (*auth.Identity, error) { return k.id, nil }

func (k *keeper) MayPublish(context.Context, *auth.Identity, *hookyard.Project) (bool, error) {
	return true, nil
}

func (k *keeper) ReadBody(_ http.ResponseWriter, r *http.Request) ([]byte, error) {
	b := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, b)
	return b, err
}

func (k *keeper) Accept(_ context.Context, a *hookyard.View, e *hookyard.Event) (hookyard.Receipt, error) {
	return hookyard.Receipt{ID: e.ID, Deliveries: 1}, nil
}

func (k *keeper) AcceptAll(context.Context, *hookyard.View, []*hookyard.Event) ([]hookyard.Receipt, []error) {
	return nil, nil
}

type ingestOf struct{ *keeper }

func (i ingestOf) Accept(ctx context.Context, v *hookyard.View, e *hookyard.Event) (hookyard.Receipt, error) {
	return i.keeper.Accept(ctx, v, e)
}

type nowhere struct{ h http.Header }

func (n nowhere) Header() http.Header       { return n.h }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}

// BenchmarkPublish is what the API itself costs for one event of 1 kB, without the store and the network.
func BenchmarkPublish(b *testing.B) {
	k := &keeper{view: &hookyard.View{Project: &hookyard.Project{Key: 1, Owner: "o", Name: "p"}},
		id: &auth.Identity{User: &hookyard.User{Name: "u"}}}
	a, err := New(Options{Store: storeOf{k}, Ingest: ingestOf{k}, Auth: k, Limits: hookyard.DefaultLimits()})
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(`{"type":"order.created","data":{"note":"` + strings.Repeat("x", 950) +
		`","total":12.50,"items":[1,2,3]}}`)
	r := httptest.NewRequest(http.MethodPost, "/api/projects/o/p/events", nil)
	r.Header.Set("Authorization", "Bearer x")
	r.Header.Set("Content-Type", "application/json")
	r.ContentLength = int64(len(body))
	w := nowhere{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		r.Body = io.NopCloser(bytes.NewReader(body))
		a.ServeHTTP(w, r)
	}
}

// storeOf is the keeper as a store.
type storeOf struct{ *keeper }

func (s storeOf) Accept(context.Context, *hookyard.RoutedEvent) (hookyard.Receipt, error) {
	return hookyard.Receipt{}, nil
}

func (s storeOf) View(ctx context.Context, o, n string) (*hookyard.View, error) {
	return s.keeper.View(ctx, o, n)
}

// BenchmarkParse is the part of it that reads the event.
func BenchmarkParse(b *testing.B) {
	a := &API{o: Options{Limits: hookyard.DefaultLimits()}}
	body := []byte(`{"type":"order.created","data":{"note":"` + strings.Repeat("x", 950) +
		`","total":12.50,"items":[1,2,3]}}`)
	at := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.ownEvent(body, at); err != nil {
			b.Fatal(err)
		}
	}
}
