package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func newNodes(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "nodes", Short: "The nodes at the server's database (administrators only)",
		Example: "  hookyard nodes",
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		nodes, err := cl.Nodes(c.Context())
		if err != nil {
			return err
		}
		return s.show(client.Nodes{Nodes: nodes}, func() error {
			var rows [][]string
			for i := range nodes {
				n := &nodes[i]
				rows = append(rows, []string{n.Name, n.Version, s.when(n.Started), s.when(n.Seen), short(n.Lag),
					short(n.Clock)})
			}
			return s.list([]string{"NODE", "VERSION", "STARTED", "LAST HEARTBEAT", "LAG", "CLOCK DIFFERENCE"}, rows)
		})
	}
	return takes(c, 0, 0)
}

// short is a duration to a tenth of a second.
func short(d hookyard.Duration) string {
	return hookyard.FormatDuration(time.Duration(d).Round(100 * time.Millisecond))
}
