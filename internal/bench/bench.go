// Package bench measures hookyard against a bare relay: a program that answers 202, forwards from memory and stores
// nothing. Both run on the same machine in the same run, with the same load and receiver. The results are ratios,
// because a busy or slow machine affects both. Everything stays on loopback and ends by itself.
package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Options select what to measure.
type Options struct {
	Binary   string    // path of the hookyard to measure; "" means this program
	Postgres string    // postgres:// URL of an empty database or schema; "" skips those rows
	Events   int       // events in each throughput row; 0 means 60,000
	Stored   int       // events in the rows about many stored or pending events; 0 means 1,000,000
	Tenants  int       // projects in the row about many projects; 0 means 100,000
	Rows     []string  // names of the rows to run; empty means all
	Log      io.Writer // receives progress messages; nil means none
}

// row is one line of the table.
type row struct {
	name, must, got string
	met             bool
}

// yardstick is the state that all rows share: the receiver and the results so far.
type yardstick struct {
	o     Options
	sink  *sink
	relay sample
	lite  sample
	dir   string
	table []row
}

// steps returns the rows in the order in which they run. Later rows are compared with the first two.
func (y *yardstick) steps() []step {
	return []step{
		{"relay", y.measureRelay},
		{"sqlite", y.measureSQLite},
		{"postgres", y.measurePostgres},
		{"counters", y.measureCounters},
		{"ack", y.measureAck},
		{"idle", y.measureIdle},
		{"fanout", y.measureFanOut},
		{"neighbours", y.measureNeighbours},
		{"loud", y.measureLoud},
		{"live", y.measureLive},
		{"stored", y.measureStored},
		{"pending", y.measurePending},
		{"pages", y.measurePages},
		{"fields", y.measureFields},
		{"tenants", y.measureTenants},
	}
}

type step struct {
	name string
	run  func(ctx context.Context) error
}

// Run measures and writes the table to out. It returns an error if something could not be measured, but not if a target
// was missed: the machine may be busy with other things.
func Run(ctx context.Context, o Options, out io.Writer) error {
	if o.Events == 0 {
		o.Events = 60_000
	}
	if o.Stored == 0 {
		o.Stored = 1_000_000
	}
	if o.Tenants == 0 {
		o.Tenants = 100_000
	}
	if o.Binary == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		o.Binary = self
	}
	s, err := newSink()
	if err != nil {
		return err
	}
	defer s.close()
	dir, err := os.MkdirTemp("", "hookyard-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	y := &yardstick{o: o, sink: s, dir: dir}
	for _, st := range y.steps() {
		if len(o.Rows) > 0 && !slices.Contains(o.Rows, st.name) && st.name != "relay" {
			continue
		}
		y.say("measuring %s", st.name)
		if err := st.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", st.name, err)
		}
	}
	return y.writeTable(out)
}

func (y *yardstick) say(format string, args ...any) {
	if y.o.Log != nil {
		_, _ = fmt.Fprintf(y.o.Log, "bench: "+format+"\n", args...)
	}
}

func (y *yardstick) add(name, must string, met bool, figure string, args ...any) {
	y.table = append(y.table, row{name: name, must: must, met: met, got: fmt.Sprintf(figure, args...)})
	y.say("%s: %s", name, y.table[len(y.table)-1].got)
}

func (y *yardstick) writeTable(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	_, _ = fmt.Fprint(w, "| figure\t| must\t| measured\t| met\t|\n| ---\t| ---\t| ---\t| ---\t|\n")
	for _, r := range y.table {
		met := "yes"
		if !r.met {
			met = "no"
		}
		if r.must == "" {
			met = ""
		}
		_, _ = fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %s\t|\n", r.name, r.must, r.got, met)
	}
	return w.Flush()
}

// ratio returns a/b, or 0 if b is 0.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func micro(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

func milli(d time.Duration) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(d.Microseconds())/1e3), ".0") + " ms"
}

func mega(bytes int64) string { return fmt.Sprintf("%.0f MB", float64(bytes)/1e6) }
