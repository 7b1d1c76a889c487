package cli

import (
	"net"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard/internal/bench"
)

func newBench(s *session) *cobra.Command {
	var o bench.Options
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure this machine: hookyard against a bare relay",
		Long: `Measure hookyard against a bare relay: a program that answers 202, forwards from
memory and stores nothing. Both run side by side under the same load, and the
results are ratios. The benchmark takes several minutes, uses only the loopback
interface, and needs about 2 GB in the temporary directory. The table goes to
stdout.`,
		Example: `  hookyard bench
  hookyard bench --rows sqlite,ack --events 20000
  hookyard bench --postgres postgres://localhost/bench`,
	}
	f := c.Flags()
	f.StringVar(&o.Postgres, "postgres", o.Postgres, "postgres:// URL of an empty database, for the PostgreSQL rows")
	o.Events, o.Stored = 60_000, 1_000_000
	o.Tenants = 100_000
	f.Var((*countFlag)(&o.Events), "events", "events in each throughput row")
	f.Var((*countFlag)(&o.Stored), "stored", "events in the rows about many stored or pending events")
	f.Var((*countFlag)(&o.Tenants), "tenants", "projects in the row about many projects")
	f.StringSliceVar(&o.Rows, "rows", nil,
		"run only these rows: sqlite, postgres, counters, ack, idle, fanout, neighbours, loud, live, stored, pending, "+
			"pages, fields, tenants")
	c.RunE = func(c *cobra.Command, _ []string) error {
		o.Log = s.err
		if v, ok := s.env("HOOKYARD_BENCH_POSTGRES"); ok && o.Postgres == "" {
			o.Postgres = v
		}
		return bench.Run(c.Context(), o, s.out)
	}
	c.AddCommand(newBenchRelay())
	return takes(c, 0, 0)
}

// newBenchRelay runs the relay as a separate process.
func newBenchRelay() *cobra.Command {
	var listen, target string
	c := &cobra.Command{Use: "relay", Short: "Run the bare relay", Hidden: true}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "address to serve on")
	c.Flags().StringVar(&target, "target", "", "URL to forward to")
	c.RunE = func(c *cobra.Command, _ []string) error {
		l, err := (&net.ListenConfig{}).Listen(c.Context(), "tcp", listen)
		if err != nil {
			return err
		}
		return bench.Relay(c.Context(), l, target)
	}
	return takes(c, 0, 0)
}
