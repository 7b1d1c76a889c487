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
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// publisher stands in for what the benchmark does not measure: who publishes, and what stores events.
type publisher struct{ id *auth.Identity }

func (p publisher) Identify(*http.Request) (*auth.Identity, error) { return p.id, nil }

func (publisher) Role(context.Context, *auth.Identity, *hookyard.Project) (hookyard.Role, error) {
	return hookyard.RoleAdmin, nil
}

func (publisher) MayPublish(context.Context, *auth.Identity, *hookyard.Project) (bool, error) {
	return true, nil
}

func (publisher) HashPassword(context.Context, string) (string, error) { return "", nil }

func (publisher) Refused(context.Context, string, string, string) {}

func (publisher) Forget() {}

func (publisher) ReadBody(_ http.ResponseWriter, r *http.Request) ([]byte, error) {
	b := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, b)
	return b, err
}

func (publisher) Accept(_ context.Context, _ *hookyard.Snapshot, e *hookyard.Event) (hookyard.Receipt, error) {
	return hookyard.Receipt{ID: e.ID, Deliveries: 1}, nil
}

func (publisher) AcceptAll(context.Context, *hookyard.Snapshot, []*hookyard.Event) ([]hookyard.Receipt, []error) {
	return nil, nil
}

type nowhere struct{ h http.Header }

func (n nowhere) Header() http.Header       { return n.h }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}

// BenchmarkPublish is what the API itself costs for one event of 1 kB, without storing it and without the network.
func BenchmarkPublish(b *testing.B) {
	db := storetest.Open(b, storetest.SQLite(b))
	if err := db.CreateProject(b.Context(), &hookyard.Project{Owner: "o", Name: "p"}, nil); err != nil {
		b.Fatal(err)
	}
	p := publisher{&auth.Identity{User: &hookyard.User{Name: "u"}}}
	c, err := control.New(control.Options{Store: db, Auth: p, Limits: hookyard.DefaultLimits()})
	if err != nil {
		b.Fatal(err)
	}
	a, err := New(Options{Control: c, Ingest: p, Auth: p, Limits: hookyard.DefaultLimits()})
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

// BenchmarkParse is the part of it that reads the event.
func BenchmarkParse(b *testing.B) {
	a := &API{o: Options{Limits: hookyard.DefaultLimits()}}
	body := []byte(`{"type":"order.created","data":{"note":"` + strings.Repeat("x", 950) +
		`","total":12.50,"items":[1,2,3]}}`)
	at := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.ownEvent(&hookyard.Project{}, body, at); err != nil {
			b.Fatal(err)
		}
	}
}
