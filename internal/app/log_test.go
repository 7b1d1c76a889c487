package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/otel"
)

// TestRequestsAreLogged logs the status of a request but not its query, which may hold a token.
func TestRequestsAreLogged(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h := logRequests(log, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, "x")
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/api/x?token=secret-1", nil))
	var line struct {
		Method, Path string
		Status       int
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line.Method != "POST" || line.Path != "/api/x" || line.Status != 418 ||
		bytes.Contains(out.Bytes(), []byte("secret-1")) {
		t.Errorf("logged %s", out.Bytes())
	}
}

// TestTraceErrorsAreLogged checks that errors of the tracing library are lines of the server's log. It is not parallel,
// because the library's handler is the process's.
func TestTraceErrorsAreLogged(t *testing.T) {
	var out bytes.Buffer
	config := Config{OTLPEndpoint: "http://127.0.0.1:1"}
	tr, err := newTracer(t.Context(), config, "test", slog.New(slog.NewJSONHandler(&out, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.close() })
	otel.Handle(errors.New("the collector is down"))
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "no-value")
	other, err := newTracer(t.Context(), config, "test", slog.New(slog.NewJSONHandler(&out, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.close() })
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte{'\n'})
	if len(lines) < 2 || !json.Valid(lines[1]) || !bytes.Contains(lines[1], []byte("parse headers")) {
		t.Errorf("a wrong OTEL_EXPORTER_OTLP_HEADERS is logged as %s", out.Bytes())
	}
	out.Truncate(len(lines[0]))
	var line struct{ Error string }
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Error != "the collector is down" {
		t.Errorf("%v: %s", err, out.Bytes())
	}
}
