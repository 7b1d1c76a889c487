package app

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hookyard/hookyard"
)

// metrics are the numbers for Prometheus. None is labelled by project, hook or type: those are users' words, and a
// label for each would grow without bound.
type metrics struct {
	registry *prometheus.Registry
	accepted prometheus.Counter
	repeated prometheus.Counter
	refused  prometheus.Counter
	keeping  prometheus.Histogram
	attempts *prometheus.CounterVec
	sending  prometheus.Histogram
	ended    *prometheus.CounterVec
}

func newMetrics(a *App) *metrics {
	count := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "hookyard_" + name, Help: help})
	}
	buckets := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		accepted: count("events_accepted_total", "Events that were committed."),
		repeated: count("events_repeated_total", "Events that were recognised as repeats and not kept again."),
		refused:  count("requests_refused_total", "Inbound requests that a source did not accept."),
		keeping: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hookyard_accept_seconds", Buckets: buckets,
			Help: "Time from routing an event to its commit."}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hookyard_attempts_total",
			Help: "Attempts by what came of them: 2xx, 3xx, 4xx, 5xx or the kind of error."}, []string{"outcome"}),
		sending: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hookyard_attempt_seconds", Buckets: buckets,
			Help: "Duration of attempts."}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hookyard_deliveries_ended_total",
			Help: "Deliveries that an attempt ended, by state."}, []string{"state"}),
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "hookyard_" + name, Help: help}, f)
	}
	m.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.accepted, m.repeated, m.refused, m.keeping, m.attempts, m.sending, m.ended,
		gauge("deliveries_running", "Attempts under way.",
			func() float64 { return float64(a.dispatcher.Stats().Running) }),
		gauge("deliveries_in_memory", "Deliveries taken and waiting for a slot.",
			func() float64 { return float64(a.dispatcher.Stats().Queued) }),
		gauge("hooks_resting", "Hooks that rest after failures.",
			func() float64 { return float64(a.dispatcher.Stats().Resting) }),
		gauge("oldest_due_seconds", "How long the oldest due delivery has been waiting in rows.", a.oldestDue),
		gauge("database_bytes", "Size of the database.", func() float64 {
			n, _ := a.db.Size(context.Background())
			return float64(n)
		}),
	)
	return m
}

func (a *App) oldestDue() float64 {
	lag, err := a.db.Lag(context.Background(), time.Now())
	if err != nil {
		return -1
	}
	oldest := time.Duration(0)
	for _, late := range lag {
		oldest = max(oldest, late)
	}
	return oldest.Seconds()
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) Accepted(_ *hookyard.Event, r hookyard.Receipt, took time.Duration) {
	if r.Duplicate {
		m.repeated.Inc()
		return
	}
	m.accepted.Inc()
	m.keeping.Observe(took.Seconds())
}

func (m *metrics) Refused(string, string) { m.refused.Inc() }

func (m *metrics) Attempted(_ *hookyard.Work, at *hookyard.Attempt, d hookyard.Decision) {
	m.attempts.WithLabelValues(outcomeLabel(at)).Inc()
	m.sending.Observe(at.Duration.Seconds())
	if d.State != hookyard.Pending {
		m.ended.WithLabelValues(string(d.State)).Inc()
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
