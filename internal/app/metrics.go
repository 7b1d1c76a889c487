package app

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard/internal/store"
)

// The values of --metrics-labels.
const (
	labelsNone    = "none"
	labelsProject = "project"
	labelsHook    = "hook"
)

// metricsFlags declares the options of metrics.
func (c *Config) metricsFlags(fs *pflag.FlagSet) {
	fs.StringVar(&c.MetricsListen, "metrics-listen", c.MetricsListen,
		"address to serve /metrics on instead of --listen (default --listen)")
	fs.StringVar(&c.MetricsToken, "metrics-token", c.MetricsToken,
		"bearer token that /metrics asks for; better in HOOKYARD_METRICS_TOKEN_FILE (default none)")
	fs.StringVar(&c.MetricsLabels, "metrics-labels", c.MetricsLabels,
		"what metrics are told apart by: none, project, or hook")
	fs.Var(count(&c.MetricsSeries, 1, store.MaxFigures), "metrics-series",
		"projects or hooks with series of their own; those of all others are summed")
}

// checkMetrics refuses settings of metrics that cannot work together.
func (c *Config) checkMetrics() error {
	if !slices.Contains([]string{labelsNone, labelsProject, labelsHook}, c.MetricsLabels) {
		return fmt.Errorf("--metrics-labels %q: use none, project or hook", c.MetricsLabels)
	}
	if _, _, err := net.SplitHostPort(c.MetricsListen); c.MetricsListen != "" && err != nil {
		return fmt.Errorf("--metrics-listen %q: write HOST:PORT, for example 127.0.0.1:9090 or :9090", c.MetricsListen)
	}
	if strings.ContainsFunc(c.MetricsToken, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("--metrics-token may have printable ASCII characters only, without spaces")
	}
	if !c.Metrics && (c.MetricsListen != "" || c.MetricsToken != "" || c.MetricsLabels != labelsNone) {
		return errors.New("--metrics=false turns metrics off: leave it away, or the other --metrics-… options")
	}
	if c.MetricsLabels != labelsNone && c.MetricsListen == "" && c.MetricsToken == "" && !c.Dev {
		return fmt.Errorf("--metrics-labels %s would name projects to everyone who reaches the port: "+
			"set --metrics-token or --metrics-listen, too", c.MetricsLabels)
	}
	return nil
}

// metrics are the figures for Prometheus. Those of the database are the same on every node; the others are the node's.
type metrics struct {
	registry *prometheus.Registry
	keeping  prometheus.Histogram
}

func newMetrics(a *App) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		keeping: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hookyard_accept_seconds",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
			Help:    "Time from routing an event to its commit."}),
	}
	gauge := func(name, help string, f func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "hookyard_" + name, Help: help},
			func() float64 { return float64(f()) })
	}
	m.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), m.keeping,
		gauge("deliveries_running", "Attempts under way.", func() int { return a.dispatcher.Stats().Running }),
		gauge("deliveries_in_memory", "Deliveries taken and waiting for a slot.",
			func() int { return a.dispatcher.Stats().Queued }),
		gauge("ready", "Whether /readyz answers 200; if not, the log says why.", func() int {
			return int(truth(a.readiness.ask() == nil))
		}),
		gauge("hooks_resting", "Hooks that rest after failures.", func() int { return a.dispatcher.Stats().Resting }),
		newFigures(a.db, &a.config, a.log))
	return m
}

// accepted observes how long an event took.
func (m *metrics) accepted(took time.Duration) { m.keeping.Observe(took.Seconds()) }

// scrapes is how many requests for metrics are served at a time. Each reads the database.
const scrapes = 4

// handler serves the metrics to those who have the token; with an empty token, to everyone.
func (m *metrics) handler(token string) http.Handler {
	serve := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapes})
	if token == "" {
		return serve
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "bearer") || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="metrics"`)
			http.Error(w, "send the token of --metrics-token in a header, as Authorization: Bearer TOKEN",
				http.StatusUnauthorized)
			return
		}
		serve.ServeHTTP(w, r)
	})
}

// openMetrics binds the port of --metrics-listen, if there is one.
func (a *App) openMetrics() error {
	if a.config.MetricsListen == "" {
		return nil
	}
	l, err := net.Listen("tcp", a.config.MetricsListen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w (setting: --metrics-listen)", a.config.MetricsListen, err)
	}
	a.metricsPort = l
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics.handler(a.config.MetricsToken))
	a.metricsServer = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second,
		IdleTimeout: 2 * time.Minute, ErrorLog: a.server.ErrorLog}
	return nil
}

// serveAside serves a port besides the main one until ctx ends. Without a server it does nothing.
func serveAside(ctx context.Context, s *http.Server, l net.Listener) error {
	if s == nil {
		return nil
	}
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
