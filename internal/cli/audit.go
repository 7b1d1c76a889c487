package cli

import (
	"encoding/json"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard/client"
)

// auditFlags select entries of an audit log.
type auditFlags struct {
	query  client.AuditQuery
	server bool
	times  span
}

func (f *auditFlags) flags(fs *pflag.FlagSet) {
	fs.BoolVar(&f.server, "server-wide", false, "the audit log of the server: changes outside projects")
	fs.BoolVar(&f.query.All, "all", false, "all audit logs, for administrators")
	fs.StringVar(&f.query.Actor, "actor", "", "only changes by this user")
	fs.StringVar(&f.query.Action, "action", "", "only this action, or a pattern such as 'hook.*'")
	f.times.flags(fs)
}

// open returns the client and the project whose log it is; "" is the server's.
func (f *auditFlags) open(s *session) (*client.Client, string, error) {
	f.query.Since, f.query.Until = f.times.since.t, f.times.until.t
	if f.server || f.query.All {
		cl, err := s.client()
		return cl, "", err
	}
	return s.clientAndProject()
}

func newAudit(s *session) *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use: "audit", Short: "Show the audit log: who changed what, newest first",
		Example: `  hookyard audit -p shop/orders
  hookyard audit -p shop/orders --action 'hook.*' --since 7d
  hookyard audit --server-wide          changes outside projects, for administrators
  hookyard audit export --all > audit.ndjson`,
	}
	f.flags(c.Flags())
	pageFlags(c.Flags(), &f.query.Page)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cl, project, err := f.open(s)
		if err != nil {
			return err
		}
		var out client.AuditPage
		if project == "" {
			out, err = cl.ServerAudit(c.Context(), f.query)
		} else {
			out, err = cl.Audit(c.Context(), project, f.query)
		}
		if err != nil {
			return err
		}
		return s.show(out, func() error {
			header := []string{"TIME", "BY", "ACTION", "SUBJECT", "DETAIL"}
			if f.query.All {
				header = append([]string{"PROJECT"}, header...)
			}
			var rows [][]string
			for _, a := range out.Audit {
				row := []string{s.when(a.Time), a.Actor, a.Action, a.Subject, a.Detail}
				if f.query.All {
					row = append([]string{orText(a.Project, "-")}, row...)
				}
				rows = append(rows, row)
			}
			if err := s.list(header, rows); err != nil {
				return err
			}
			s.more(len(rows), "entry", out.Cursor)
			return nil
		})
	}
	c.AddCommand(newAuditExport(s))
	return takes(c, 0, 0)
}

func newAuditExport(s *session) *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use: "export", Short: "Print an audit log as NDJSON, the oldest entries first",
		Long: `Print an audit log as NDJSON: an entry a line, the oldest first. To continue later,
give the id of the last entry with --after. On PostgreSQL, entries of the last
seconds are left to the next export.`,
		Example: `  hookyard audit export -p shop/orders > audit.ndjson
  hookyard audit export --all --after 4711 >> audit.ndjson`,
	}
	f.flags(c.Flags())
	c.Flags().Int64Var(&f.query.After, "after", 0, "continue after this entry: the id of the last one")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cl, project, err := f.open(s)
		if err != nil {
			return err
		}
		to := json.NewEncoder(s.out)
		to.SetEscapeHTML(false)
		for entry, err := range cl.ExportAudit(c.Context(), project, f.query) {
			if err != nil {
				return err
			}
			if err := to.Encode(entry); err != nil {
				return err
			}
		}
		return nil
	}
	return takes(c, 0, 0)
}
