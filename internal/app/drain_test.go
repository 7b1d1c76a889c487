package app_test

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestDrain holds that a server that is to stop fails readyz first, and serves on for --drain.
func TestDrain(t *testing.T) {
	t.Parallel()
	c := app.DefaultConfig()
	c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
	c.Drain = time.Second
	a, err := app.New(t.Context(), c, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	is := func(path string, status int) bool { return get(t, "http://"+a.Addr()+path).StatusCode == status }
	testenv.Until(t, "the server is ready", func() bool { return is("/readyz", http.StatusOK) })
	began := time.Now()
	cancel()
	testenv.Until(t, "readyz fails", func() bool { return is("/readyz", http.StatusServiceUnavailable) })
	if !is("/api", http.StatusOK) {
		t.Error("the server does not serve on")
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < c.Drain {
		t.Errorf("the server stopped after %s, want %s at least", took, c.Drain)
	}
}

// TestDrainFitsDeployments holds that the examples in deploy/ give a node the time for --drain and --grace.
func TestDrainFitsDeployments(t *testing.T) {
	t.Parallel()
	for file, stop := range map[string]string{
		"compose.yaml":             `stop_grace_period: (\d+)s`,
		"kubernetes/hookyard.yaml": `terminationGracePeriodSeconds: (\d+)`,
		"systemd/hookyard.service": `TimeoutStopSec=(\d+)`,
	} {
		text, err := os.ReadFile("../../deploy/" + file)
		if err != nil {
			t.Fatal(err)
		}
		seconds := func(pattern string) time.Duration {
			m := regexp.MustCompile(pattern).FindSubmatch(text)
			if m == nil {
				return 0
			}
			d, err := time.ParseDuration(string(m[1]) + "s")
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		drain := seconds(`HOOKYARD_DRAIN(?:: |\n +value: )(\d+)s`)
		if file != "systemd/hookyard.service" && drain == 0 {
			t.Errorf("deploy/%s sets no HOOKYARD_DRAIN", file)
		}
		if have, need := seconds(stop), drain+app.DefaultConfig().Grace+5*time.Second; have < need {
			t.Errorf("deploy/%s kills a node after %s, and it may need %s", file, have, need)
		}
	}
}
