package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
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

// tracer makes a span of each event that comes in, which continues its sender's trace, and of each attempt, which is a
// child of that span. A trace ends with the first deliveries: an attempt of a delivery that was opened again begins a
// trace of its own, with a link.
type tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// newTracer returns nil if traces are off. The standard variables OTEL_… set what --otlp-endpoint does not: the library
// reads most of them itself.
func newTracer(ctx context.Context, c Config, version string, log *slog.Logger) (*tracer, error) {
	options, err := exporterOptions(c.OTLPEndpoint)
	if err != nil || !tracesOn(c.OTLPEndpoint, log) {
		return nil, err
	}
	// The library prints errors as text by default, also between lines of JSON. Logger and handler are the process's.
	otel.SetLogger(logr.FromSlogHandler(log.Handler()))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces are lost", "error", err) }))
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("--otlp-endpoint: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", "hookyard"), attribute.String("service.version", version),
		attribute.String("service.instance.id", c.NodeName)), resource.WithFromEnv())
	if err != nil {
		log.Warn("a part of OTEL_RESOURCE_ATTRIBUTES is ignored", "error", err)
	}
	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return &tracer{provider: p, tracer: p.Tracer("github.com/hookyard/hookyard")}, nil
}

// exporterOptions returns where traces go, or nothing if that is for the library to find out.
func exporterOptions(endpoint string) ([]otlptracehttp.Option, error) {
	if endpoint == "" {
		return nil, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("--otlp-endpoint %q: write a URL, for example http://127.0.0.1:4318",
			hookyard.MaskPassword(endpoint))
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/traces" // OTLP/HTTP's own path; people name the collector only
	}
	return []otlptracehttp.Option{otlptracehttp.WithEndpointURL(u.String())}, nil
}

// tracesOn reports whether there is a collector. OpenTelemetry would look for one on this machine by default.
func tracesOn(endpoint string, log *slog.Logger) bool {
	kind := strings.ToLower(os.Getenv("OTEL_TRACES_EXPORTER"))
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || kind == "none" {
		return false
	}
	on := kind == "otlp" || endpoint != ""
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
		if v := os.Getenv(name); v != "" && endpoint == "" {
			if u, err := url.Parse(v); err != nil || u.Host == "" {
				log.Warn("traces are off: "+name+" is no URL such as http://127.0.0.1:4318", "value",
					hookyard.MaskPassword(v))
				return false
			}
			on = true
		}
	}
	if kind != "" && kind != "otlp" {
		log.Warn("OTEL_TRACES_EXPORTER is ignored: use otlp or none", "value", kind)
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"} {
		if v := os.Getenv(name); on && v != "" && v != "http/protobuf" {
			log.Warn(name+" is ignored: traces are sent by http/protobuf, usually to port 4318", "value", v)
		}
	}
	return on
}

func (t *tracer) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return t.provider.Shutdown(ctx)
}

// contextOf returns a context within a trace.
func contextOf(t hookyard.Trace) context.Context {
	h := http.Header{}
	t.SetHeader(h)
	return propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(h))
}

// traceOf is the inverse of contextOf.
func traceOf(ctx context.Context) hookyard.Trace {
	h := http.Header{}
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
	return hookyard.TraceOf(h)
}

func (t *tracer) Accepting(e *hookyard.Event) func(hookyard.Receipt, error) {
	ctx, span := t.tracer.Start(contextOf(e.Trace), "accept "+e.Type, trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("hookyard.source", e.Source)))
	e.Trace = traceOf(ctx)
	return func(r hookyard.Receipt, err error) {
		if err != nil {
			span.SetStatus(codes.Error, "the event was not stored")
		}
		span.SetAttributes(attribute.String("hookyard.event.id", r.ID),
			attribute.Int("hookyard.deliveries", r.Deliveries), attribute.Bool("hookyard.duplicate", r.Duplicate))
		span.End()
	}
}

func (t *tracer) Attempting(w *hookyard.Work) (hookyard.Trace, func(*hookyard.Attempt, hookyard.Decision)) {
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("hookyard.event.id", w.Event.ID), attribute.String("hookyard.delivery.id", w.Delivery.ID),
		attribute.Int("hookyard.attempt", w.Delivery.Attempts+1))}
	parent := contextOf(w.Event.Trace)
	if d := &w.Delivery; d.Reopened() {
		options = append(options, trace.WithLinks(trace.LinkFromContext(parent)))
		parent = context.Background()
	}
	ctx, span := t.tracer.Start(parent, "deliver "+w.Event.Type, options...)
	return traceOf(ctx), func(a *hookyard.Attempt, d hookyard.Decision) {
		if u, err := url.Parse(a.URL); err == nil { // path and query may be credentials
			span.SetAttributes(attribute.String("url.scheme", u.Scheme),
				attribute.String("server.address", u.Hostname()))
		}
		span.SetAttributes(attribute.String("http.request.method", a.Method),
			attribute.String("hookyard.state", string(d.State)))
		if a.Status != 0 {
			span.SetAttributes(attribute.Int("http.response.status_code", a.Status))
		}
		if a.ErrorKind != hookyard.KindNone {
			span.SetAttributes(attribute.String("error.type", string(a.ErrorKind)))
		}
		if d.State != hookyard.Delivered {
			span.SetStatus(codes.Error, outcomeLabel(a))
		}
		span.End()
	}
}

func outcomeLabel(at *hookyard.Attempt) string {
	if at.ErrorKind != hookyard.KindNone {
		return string(at.ErrorKind)
	}
	classes := []string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"}
	if c := at.Status / 100; c > 0 && c < len(classes) {
		return classes[c]
	}
	return classes[0]
}
