package app

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/hookyard/hookyard"
)

// TestTracesReachACollector lets one event and one attempt be told, and looks at what a collector gets.
func TestTracesReachACollector(t *testing.T) {
	t.Parallel()
	got := make(chan string, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got <- r.URL.Path
	}))
	defer collector.Close()
	tr, err := newTracer(t.Context(), collector.URL, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	e := hookyard.NewEvent("api", "order.created", []byte("{}"), time.Now())
	e.Header = http.Header{"Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}
	if got := trace.SpanContextFromContext(parent(e)).TraceID().String(); got != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("the event's trace is %s; want its sender's", got)
	}
	tr.Accepted(e, hookyard.Receipt{ID: e.ID, Deliveries: 1}, time.Millisecond)
	tr.Attempted(&hookyard.Work{Event: e}, &hookyard.Attempt{StartedAt: time.Now(), Status: 500},
		hookyard.Decision{State: hookyard.Pending, Reason: "answered 500"})
	if err := tr.close(); err != nil {
		t.Fatal(err)
	}
	select {
	case path := <-got:
		if path != "/v1/traces" {
			t.Errorf("the collector was asked for %s", path)
		}
	default:
		t.Error("the collector got nothing by the time the tracer was closed")
	}
	off, err := newTracer(t.Context(), "", "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	off.Accepted(e, hookyard.Receipt{}, 0) // must not fail where tracing is off
	if err := off.close(); err != nil {
		t.Error(err)
	}
}
