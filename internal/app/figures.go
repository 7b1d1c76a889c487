package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
)

// figures collects the metrics of the database: its exact counters, read once for each request.
type figures struct {
	db       *store.DB
	log      *slog.Logger
	query    store.FiguresQuery
	families []family
	up       *prometheus.Desc
	works    *prometheus.Desc
	bytes    *prometheus.Desc
	leftOut  *prometheus.Desc
}

// family is a metric of the counters.
type family struct {
	name, help string
	ofEvents   bool     // counted for projects, not for hooks
	label      string   // "" if the metric has one value
	values     []string // of the label
	kind       prometheus.ValueType
	read       func(f *store.Figures, i int) float64 // i is the index of the label's value
	desc       *prometheus.Desc
}

// figuresTime is how long the database has to answer.
const figuresTime = 5 * time.Second

func newFigures(db *store.DB, config *Config, log *slog.Logger) *figures {
	gauge := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("hookyard_"+name, help, labels, nil)
	}
	f := &figures{db: db, log: log, families: families(),
		query: store.FiguresQuery{Projects: config.MetricsLabels != labelsNone,
			Hooks: config.MetricsLabels == labelsHook, Limit: config.MetricsSeries},
		up:    gauge("database_up", "Whether the database answers; if not, its metrics are missing."),
		works: gauge("database_works", "Whether the database failed no call of this node since its last commit."),
		bytes: gauge("database_bytes", "Size of the database."),
		leftOut: gauge("metrics_left_out",
			`Projects or hooks without series of their own: their figures are in "other" (--metrics-series).`, "of"),
	}
	for i := range f.families {
		m := &f.families[i]
		var labels []string
		if f.query.Projects {
			labels = append(labels, "project")
		}
		if f.query.Hooks && !m.ofEvents {
			labels = append(labels, "hook")
		}
		if m.label != "" {
			labels = append(labels, m.label)
		}
		m.desc = prometheus.NewDesc("hookyard_"+m.name, m.help, labels, nil)
	}
	return f
}

// families lists the metrics of the counters.
func families() []family {
	count := func(name, help string, c hookyard.Counter) family {
		return family{name: name, help: help, kind: prometheus.CounterValue,
			read: func(f *store.Figures, _ int) float64 { return float64(f.Counts[c]) }}
	}
	gauge := func(name, help string, c hookyard.Counter) family {
		f := count(name, help, c)
		f.kind = prometheus.GaugeValue
		return f
	}
	counts := func(name, help, label string, first hookyard.Counter, values ...string) family {
		return family{name: name, help: help, label: label, values: values, kind: prometheus.CounterValue,
			read: func(f *store.Figures, i int) float64 { return float64(f.Counts[first+hookyard.Counter(i)]) }}
	}
	refused := family{name: "requests_refused_total", ofEvents: true, label: "cause", kind: prometheus.CounterValue,
		help: "Requests and messages that sources refused, by the code of the error.", read: refusedFor}
	for _, c := range hookyard.RefusalCodes {
		refused.values = append(refused.values, string(c))
	}
	refused.values = append(refused.values, "other")
	outcomes := hookyard.AnswerClasses[:]
	for _, kind := range hookyard.ErrorKinds {
		outcomes = append(outcomes, string(kind))
	}
	ofEvents := func(f family) family {
		f.ofEvents = true
		return f
	}
	return []family{
		ofEvents(count("events_accepted_total", "Events that were stored.", hookyard.CountEvents)),
		ofEvents(count("events_bytes_total", "Size of their bodies.", hookyard.CountBytes)),
		ofEvents(count("events_repeated_total", "Events that came again and were not stored again.",
			hookyard.CountRepeated)),
		ofEvents(gauge("kept_bytes", "Size of the bodies and headers that are kept of events and attempts.",
			hookyard.CountKept)),
		refused,
		count("deliveries_opened_total", "Deliveries that became pending: of new events, or to be sent again.",
			hookyard.CountOpened),
		counts("deliveries_ended_total", "Deliveries that ended, by state.", "state", hookyard.CountDelivered,
			"delivered", "failed", "skipped", "canceled"),
		count("deliveries_resent_total", "Deliveries that were sent again after a 2xx.", hookyard.CountResent),
		counts("attempts_total", "Attempts, by the class of the response or the kind of error.", "outcome",
			hookyard.CountStatus2xx, outcomes...),
		{name: "attempt_seconds", help: "Duration of attempts with a response."}, // a histogram: no read
		gauge("deliveries_pending", "Deliveries that are pending.", hookyard.CountWaiting),
		{name: "oldest_due_seconds", help: "How long the oldest pending delivery has been due.",
			kind: prometheus.GaugeValue, read: func(f *store.Figures, _ int) float64 {
				if f.Oldest.IsZero() {
					return 0
				}
				return max(0, time.Since(f.Oldest).Seconds())
			}},
		{name: "hooks_off", help: "Hooks that are switched off, by who did it.", kind: prometheus.GaugeValue,
			label: "by", values: []string{"hookyard", "user"}, read: func(f *store.Figures, i int) float64 {
				return float64([]int{f.OffByUs, f.OffByUser}[i])
			}},
	}
}

// refusedFor returns the requests that were refused for a code of RefusalCodes or, at its end, for others.
func refusedFor(f *store.Figures, i int) float64 {
	if i < len(hookyard.RefusalCodes) {
		return float64(f.Counts[hookyard.CountRefusedFor+hookyard.Counter(i)])
	}
	other := f.Counts[hookyard.CountRefused]
	for i := range hookyard.RefusalCodes {
		other -= f.Counts[hookyard.CountRefusedFor+hookyard.Counter(i)]
	}
	return float64(other)
}

// Describe is of [prometheus.Collector].
func (f *figures) Describe(ch chan<- *prometheus.Desc) {
	for i := range f.families {
		ch <- f.families[i].desc
	}
	for _, d := range []*prometheus.Desc{f.up, f.works, f.bytes, f.leftOut} {
		ch <- d
	}
}

// Collect is of [prometheus.Collector].
func (f *figures) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), figuresTime)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(f.works, truth(f.db.Works()))
	all, err := f.db.Figures(ctx, f.query)
	var size int64
	if err == nil {
		size, err = f.db.Size(ctx)
	}
	gauge(f.up, truth(err == nil))
	if err != nil {
		f.log.Warn("the metrics of the database cannot be read", "error", err)
		return
	}
	gauge(f.bytes, float64(size))
	if f.query.Projects {
		gauge(f.leftOut, float64(all.OfProjects-len(all.Projects)+1), "projects") // the rest is an element
	}
	if f.query.Hooks {
		gauge(f.leftOut, float64(all.OfHooks-len(all.Hooks)+1), "hooks")
	}
	for i := range f.families {
		m := &f.families[i]
		parts := []store.Figures{all.Server}
		switch {
		case f.query.Hooks && !m.ofEvents:
			parts = all.Hooks
		case f.query.Projects:
			parts = all.Projects
		}
		for j := range parts {
			f.emit(ch, m, &parts[j])
		}
	}
}

// emit sends a metric of the server or of a part. What a project or a hook never had is left out.
func (f *figures) emit(ch chan<- prometheus.Metric, m *family, of *store.Figures) {
	var labels []string
	if f.query.Projects {
		labels = append(labels, orOther(of.Project))
	}
	if f.query.Hooks && !m.ofEvents {
		labels = append(labels, orOther(of.Hook))
	}
	switch {
	case m.read == nil:
		n := uint64(0)
		buckets := map[float64]uint64{}
		for i, in := range of.Counts.Buckets()[:len(hookyard.LatencyBounds)] {
			n += uint64(in)
			buckets[hookyard.LatencyBounds[i].Seconds()] = n
		}
		sum := time.Duration(of.Counts[hookyard.CountLatencySum]) * time.Microsecond
		ch <- prometheus.MustNewConstHistogram(m.desc, uint64(of.Counts.Responses()), sum.Seconds(), buckets, labels...)
	case m.label == "":
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.read(of, 0), labels...)
	default:
		for i, value := range m.values {
			if v := m.read(of, i); v != 0 || len(labels) == 0 {
				ch <- prometheus.MustNewConstMetric(m.desc, m.kind, v, append(labels, value)...)
			}
		}
	}
}

// orOther names a part. Names of projects have a slash, so none is called other.
func orOther(name string) string {
	if name == "" {
		return "other"
	}
	return name
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
