package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/hookyard/hookyard"
)

// tracer makes a span of each event that came in and of each attempt. Spans are made afterwards, from what was measured
// anyway, so tracing that is off costs one comparison. An event that came with a traceparent header continues its
// sender's trace.
type tracer struct {
	provider *sdktrace.TracerProvider // nil: off
	tracer   trace.Tracer
}

func newTracer(ctx context.Context, endpoint, version string, log *slog.Logger) (*tracer, error) {
	if endpoint == "" {
		return &tracer{}, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("--otlp-endpoint %q: write a URL, for example http://127.0.0.1:4318", endpoint)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/traces" // OTLP/HTTP's own path; people name the collector only
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.String()))
	if err != nil {
		return nil, fmt.Errorf("--otlp-endpoint: %w", err)
	}
	// The library prints errors as text by default, also between lines of JSON. The handler is the process's.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces are lost", "error", err) }))
	about := resource.NewSchemaless(attribute.String("service.name", "hookyard"),
		attribute.String("service.version", version))
	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return &tracer{provider: p, tracer: p.Tracer("github.com/hookyard/hookyard")}, nil
}

func (t *tracer) close() error {
	if t.provider == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return t.provider.Shutdown(ctx)
}

// parent is the context of the trace an event belongs to.
func parent(e *hookyard.Event) context.Context {
	return propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(e.Header))
}

func (t *tracer) Accepted(e *hookyard.Event, r hookyard.Receipt, took time.Duration) {
	if t.provider == nil {
		return
	}
	now := time.Now()
	_, span := t.tracer.Start(parent(e), "accept "+e.Type, trace.WithTimestamp(now.Add(-took)),
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("hookyard.event.id", r.ID), attribute.String("hookyard.source", e.Source),
			attribute.Int("hookyard.deliveries", r.Deliveries), attribute.Bool("hookyard.duplicate", r.Duplicate)))
	span.End(trace.WithTimestamp(now))
}

func (t *tracer) Refused(string, string) {}

func (t *tracer) Attempted(w *hookyard.Work, a *hookyard.Attempt, d hookyard.Decision) {
	if t.provider == nil {
		return
	}
	_, span := t.tracer.Start(parent(w.Event), "deliver "+w.Event.Type, trace.WithTimestamp(a.StartedAt),
		trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("hookyard.event.id", w.Event.ID),
			attribute.String("hookyard.delivery.id", w.Delivery.ID),
			attribute.Int("hookyard.attempt", a.N), attribute.Int("http.response.status_code", a.Status),
			attribute.String("url.full", a.URL), attribute.String("hookyard.state", string(d.State))))
	if d.State != hookyard.Delivered {
		span.SetStatus(codes.Error, d.Reason)
	}
	span.End(trace.WithTimestamp(a.StartedAt.Add(a.Duration)))
}
