package cli

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/app"
)

func newMigrate(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "migrate --from DATABASE --to DATABASE",
		Short: "Move all data between SQLite and PostgreSQL, while the server is stopped",
		Long: `Copy all data from one database into another one, which must be empty, and compare
both. DATABASE is the path of a SQLite file or a postgres:// URL. Stop the server
first, and start it on the new database afterwards, with the same secret key.

The time that is left is printed while it runs. If it is interrupted, run it again
with the same databases: it continues where it was. No server starts on the target
until it has ended. The source stays as it is.`,
		Example: `  hookyard migrate --from /var/lib/hookyard/hookyard.db --to postgres://hookyard@db/hookyard
  hookyard migrate --from postgres://hookyard@db/hookyard --to /var/lib/hookyard/hookyard.db`,
	}
	var from, to string
	c.Flags().StringVar(&from, "from", "", "database that is copied: SQLite file or postgres:// URL")
	c.Flags().StringVar(&to, "to", "", "empty database that it is copied into: SQLite file or postgres:// URL")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if from == "" || to == "" {
			return usagef("--from and --to are needed: the path of a SQLite file, or postgres://user@host/name")
		}
		if from == to {
			return usagef("--from and --to are the same database")
		}
		result, err := app.Migrate(c.Context(), from, to, s.moveReporter())
		if err != nil {
			return err
		}
		s.say("moved %s in %s; start the server with --database %s and the same secret key",
			hookyard.Count(int(result.Rows), "row"), hookyard.FormatDuration(result.Took.Round(time.Second)),
			hookyard.MaskPassword(to))
		return s.show(result, func() error {
			var rows [][]string
			for _, t := range result.Tables {
				rows = append(rows, []string{t.Name, strconv.FormatInt(t.Rows, 10), t.Checksum})
			}
			return s.list([]string{"TABLE", "ROWS", "CHECKSUM"}, rows)
		})
	}
	return takes(c, 0, 0)
}

// reportEvery is how often progress is printed.
const reportEvery = 5 * time.Second

// moveReporter returns a function that prints progress now and then.
func (s *session) moveReporter() func(app.MoveProgress) {
	last := time.Now()
	return func(p app.MoveProgress) {
		if s.quiet || time.Since(last) < reportEvery {
			return
		}
		last = time.Now()
		what := "copying"
		if p.Comparing {
			what = "comparing"
		}
		s.say("%s %s: %d %%, about %s left", what, p.Table, p.Done*100/max(1, p.Total),
			hookyard.FormatDuration(p.Left.Round(time.Second)))
	}
}
