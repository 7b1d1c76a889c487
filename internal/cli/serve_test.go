package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard/internal/app"
)

// TestLog runs a server and reads its log. In JSON every line is a JSON value, and in every format durations are
// written as people write them.
func TestLog(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "text"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			for _, line := range serverLog(t, format) {
				if format == "json" {
					checkJSONLine(t, line)
				} else if strings.Contains(line, "valid=") && !strings.Contains(line, "valid=1d ") &&
					!strings.HasSuffix(line, "valid=1d") {
					t.Errorf("a day is not 1d: %s", line)
				}
			}
		})
	}
}

// serverLog returns the lines that a server logs at debug from its first start to its end, with a few requests.
func serverLog(t *testing.T, format string) []string {
	config := app.DefaultConfig()
	config.Listen, config.Data = "127.0.0.1:0", t.TempDir()
	config.LogLevel, config.LogFormat = "debug", format
	var out bytes.Buffer
	s := &session{err: &out}
	log := slog.New(s.logHandler(&out, format, slog.LevelDebug))
	a, err := app.New(t.Context(), config, "test", log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	for _, path := range []string{"/healthz", "/api/projects", "/in/a/b/c?token=x", "/"} {
		res, err := http.Get(a.BaseURL() + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	log.Info("an hour", "wait", time.Hour, slog.Group("of", "day", 24*time.Hour))
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for _, text := range []string{"1h", "1d", "took", "stopping"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("%q is not in the log:\n%s", text, out.String())
		}
	}
	return lines
}

// checkJSONLine fails if a line is not a JSON object, or has a number as large as a duration in nanoseconds.
func checkJSONLine(t *testing.T, line string) {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		t.Errorf("%v: %s", err, line)
	}
	var check func(name string, v any)
	check = func(name string, v any) {
		switch v := v.(type) {
		case float64:
			if v >= 1000 {
				t.Errorf("%s is the number %v: %s", name, v, line)
			}
		case map[string]any:
			for k, inner := range v {
				check(k, inner)
			}
		case string:
			if _, err := time.ParseDuration(v); name == "took" && err != nil {
				t.Errorf("took is %q: %s", v, line)
			}
		}
	}
	check("the line", fields)
}
