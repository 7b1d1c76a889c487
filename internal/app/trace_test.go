package app_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
)

const (
	senderTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	senderParent = "00-" + senderTrace + "-00f067aa0ba902b7-01"
)

// collector receives spans as an OpenTelemetry collector does.
type collector struct {
	*httptest.Server
	requests chan *http.Request
	spans    chan *tracepb.Span
	resource chan map[string]string
}

func newCollector(t *testing.T) *collector {
	c := &collector{requests: make(chan *http.Request, 100), spans: make(chan *tracepb.Span, 100),
		resource: make(chan map[string]string, 100)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var batch collectorpb.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &batch); err != nil {
			t.Error(err)
		}
		c.requests <- r
		for _, of := range batch.ResourceSpans {
			about := map[string]string{}
			for _, a := range of.Resource.Attributes {
				about[a.Key] = a.Value.GetStringValue()
			}
			c.resource <- about
			for _, scope := range of.ScopeSpans {
				for _, s := range scope.Spans {
					c.spans <- s
				}
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(c.Close)
	return c
}

// tracedServer is a server in development mode with a project and a hook to a receiver of its own.
type tracedServer struct {
	*app.App
	client   *client.Client
	received chan http.Header
	stop     func()
}

func startTraced(t *testing.T, change func(*app.Config), path string) *tracedServer {
	s := &tracedServer{received: make(chan http.Header, 10)}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.received <- r.Header
	}))
	t.Cleanup(receiver.Close)
	c := app.DefaultConfig()
	c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
	c.Dev = true
	change(&c)
	if err := c.Complete(); err != nil {
		t.Fatal(err)
	}
	a, stop := run(t, c)
	s.App, s.stop = a, sync.OnceFunc(stop)
	t.Cleanup(s.stop)
	var err error
	if s.client, err = client.New(s.BaseURL(), ""); err != nil {
		t.Fatal(err)
	}
	to, all := receiver.URL+path, hookyard.SelectAll()
	if _, err := s.client.PutHook(t.Context(), "acme/shop", "h", client.HookPatch{URL: &to, Events: &all}); err != nil {
		t.Fatal(err)
	}
	source := "none"
	if _, _, err := s.client.PutSource(t.Context(), "acme/shop", "in", client.SourcePatch{Type: &source}); err != nil {
		t.Fatal(err)
	}
	return s
}

// post sends an event, by path below the server's URL, and returns what the receiver got.
func (s *tracedServer) post(t *testing.T, path string, header ...string) http.Header {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.BaseURL()+path,
		strings.NewReader(`{"type":"order.created","data":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		t.Fatalf("%s: %s", path, resp.Status)
	}
	return <-s.received
}

// TestReceiversGetTheSendersTrace without a collector: what came with the event is kept and passed on.
func TestReceiversGetTheSendersTrace(t *testing.T) {
	t.Parallel()
	s := startTraced(t, func(*app.Config) {}, "/")
	for _, path := range []string{"/api/projects/acme/shop/events", "/in/acme/shop/in"} {
		got := s.post(t, path, "traceparent", senderParent, "tracestate", "vendor=1")
		if got.Get("Traceparent") != senderParent || got.Get("Tracestate") != "vendor=1" {
			t.Errorf("%s: the receiver got %q and %q", path, got["Traceparent"], got["Tracestate"])
		}
		if got := s.post(t, path); got["Traceparent"] != nil || got["Tracestate"] != nil {
			t.Errorf("%s: an event without a trace was sent with %q", path, got["Traceparent"])
		}
	}
}

// TestTraces follows an event from its sender over its acceptance and its attempts to the receiver, and a replay. It
// is not parallel with other tests of tracing, because the library's error handler is the process's.
func TestTraces(t *testing.T) {
	c := newCollector(t)
	s := startTraced(t, func(config *app.Config) { config.OTLPEndpoint = c.URL }, "/services/T0/secret?key=secret")
	received := s.post(t, "/api/projects/acme/shop/events", "traceparent", senderParent, "tracestate", "vendor=1")
	page, err := s.client.Deliveries(t.Context(), "acme/shop", client.DeliveryQuery{})
	if err != nil {
		t.Fatal(err)
	}
	wait, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for page.Deliveries[0].Attempts == 0 && wait.Err() == nil {
		if page, err = s.client.Deliveries(wait, "acme/shop", client.DeliveryQuery{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.client.RetryDelivery(t.Context(), "acme/shop", page.Deliveries[0].ID); err != nil {
		t.Fatal(err)
	}
	replayed := <-s.received
	s.stop()
	if r := <-c.requests; r.URL.Path != "/v1/traces" {
		t.Errorf("the collector was asked for %s", r.URL.Path)
	}
	about := <-c.resource
	if about["service.name"] != "hookyard" || about["service.version"] != "test" || about["service.instance.id"] == "" {
		t.Errorf("resource %v", about)
	}
	spans := map[string]*tracepb.Span{}
	for len(spans) < 3 {
		span := <-c.spans
		name := span.Name
		if len(span.Links) > 0 {
			name = "replay"
		}
		spans[name] = span
		if bytes.Contains([]byte(span.String()), []byte("secret")) {
			t.Errorf("a span has the path or query of the URL: %v", span)
		}
	}
	accept, deliver := spans["accept order.created"], spans["deliver order.created"]
	replay := spans["replay"]
	if accept == nil || deliver == nil || replay == nil {
		t.Fatalf("spans %v", spans)
	}
	if hex.EncodeToString(accept.TraceId) != senderTrace || accept.TraceState != "vendor=1" {
		t.Errorf("the acceptance is in trace %x (%s); want its sender's", accept.TraceId, accept.TraceState)
	}
	if !bytes.Equal(deliver.TraceId, accept.TraceId) || !bytes.Equal(deliver.ParentSpanId, accept.SpanId) {
		t.Errorf("the attempt %v is no child of the acceptance %v", deliver, accept)
	}
	if want := "00-" + senderTrace + "-" + hex.EncodeToString(deliver.SpanId) + "-01"; received.Get("Traceparent") !=
		want || received.Get("Tracestate") != "vendor=1" {
		t.Errorf("the receiver got %v; want the attempt's %s", received["Traceparent"], want)
	}
	if link := replay.Links[0]; !bytes.Equal(link.SpanId, accept.SpanId) ||
		bytes.Equal(replay.TraceId, accept.TraceId) {
		t.Errorf("the replay %v is not linked to the acceptance %v", replay, accept)
	}
	if want := hex.EncodeToString(replay.SpanId); !strings.Contains(replayed.Get("Traceparent"), want) {
		t.Errorf("the replay's receiver got %v; want span %s", replayed["Traceparent"], want)
	}
}

// TestTraceVariables sets OpenTelemetry's own variables. on lists the spans that a collector gets of one event.
func TestTraceVariables(t *testing.T) {
	c := newCollector(t)
	for _, test := range []struct {
		name string
		env  map[string]string
		want int // spans
	}{
		{"endpoint", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_SERVICE_NAME": "hooks",
			"OTEL_EXPORTER_OTLP_HEADERS": "x-key=k1", "OTEL_RESOURCE_ATTRIBUTES": "team=web"}, 2},
		{"endpoint of traces", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": c.URL + "/v1/traces",
			"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1"}, 2},
		{"no samples", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_TRACES_SAMPLER": "always_off"}, 0},
		{"disabled", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_SDK_DISABLED": "true"}, 0},
		{"no exporter", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_TRACES_EXPORTER": "none"}, 0},
		{"no URL", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector"}, 0},
		{"nothing", nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			s := startTraced(t, func(*app.Config) {}, "/")
			s.post(t, "/api/projects/acme/shop/events")
			s.stop()
			if got := len(c.spans); got != test.want {
				t.Fatalf("%d spans; want %d", got, test.want)
			}
			if test.want == 0 {
				return
			}
			r, about := <-c.requests, <-c.resource
			if want := cmp.Or(test.env["OTEL_SERVICE_NAME"], "hookyard"); about["service.name"] != want {
				t.Errorf("service %q; want %q", about["service.name"], want)
			}
			if test.env["OTEL_RESOURCE_ATTRIBUTES"] != "" && (about["team"] != "web" || r.Header.Get("X-Key") != "k1") {
				t.Errorf("resource %v, header %v", about, r.Header)
			}
			for range test.want {
				<-c.spans
			}
		})
	}
}
