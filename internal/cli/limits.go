package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func newLimits(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "limits", Short: "What projects and owners may use",
		Example: `  hookyard limits show shop/orders
  hookyard limits set shop/orders eventsPerSecond=100 bytesPerDay=1GiB
  hookyard limits set shop hooks=50 keptBytes=default`,
	}
	return group(c, newLimitsList(s), newLimitsShow(s), newLimitsSet(s))
}

func newLimitsList(s *session) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "Owners and projects with limits of their own (administrators only)",
		Example: "  hookyard limits list"}
	c.RunE = func(c *cobra.Command, _ []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		all, err := cl.AllLimits(c.Context())
		if err != nil {
			return err
		}
		return s.show(client.Allowances{Allowances: all}, func() error {
			var rows [][]string
			for i := range all {
				for _, l := range all[i].Limits {
					if l.Set {
						rows = append(rows, []string{all[i].Project + all[i].Owner, string(l.Name), limitText(&l)})
					}
				}
			}
			return s.list([]string{"OF", "LIMIT", "VALUE"}, rows)
		})
	}
	return takes(c, 0, 0)
}

func newLimitsShow(s *session) *cobra.Command {
	c := &cobra.Command{Use: "show PROJECT|OWNER", Short: "The limits of a project or an owner, and what is used",
		Example: "  hookyard limits show shop/orders\n  hookyard limits show shop"}
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		of, err := cl.Limits(c.Context(), args[0])
		if err != nil {
			return err
		}
		return s.showAllowance(&of)
	}
	return takes(c, 1, 1)
}

func newLimitsSet(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "set PROJECT|OWNER LIMIT=VALUE...", Short: "Change limits of a project or an owner (administrators only)",
		Long: `Change limits of a project, given as owner/name, or of all projects of an owner.
A value is a number, of bytes also 10MiB or 1GiB; 0 is no limit, default the one
of the server's --project-limit or --owner-limit. Beyond a limit requests are
answered 429.`,
		Example: "  hookyard limits set shop/orders eventsPerSecond=100 burst=500 bytesPerDay=1GiB",
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		patch := client.LimitPatch{}
		for _, arg := range args[1:] {
			if name, ok := strings.CutSuffix(arg, "=default"); ok {
				patch[hookyard.LimitName(name)] = nil
				continue
			}
			name, value, err := hookyard.ParseLimit(arg)
			if err != nil {
				return usagef("%v", err)
			}
			patch[name] = &value
		}
		cl, err := s.client()
		if err != nil {
			return err
		}
		of, err := cl.SetLimits(c.Context(), args[0], patch)
		if err != nil {
			return err
		}
		return s.showAllowance(&of)
	}
	return takes(c, 2, 1+len(hookyard.LimitNames))
}

func (s *session) showAllowance(of *client.Allowance) error {
	return s.show(of, func() error {
		var rows [][]string
		for i := range of.Limits {
			l := &of.Limits[i]
			used, from := "", "the server's default"
			if l.Used != nil {
				used = l.Name.Format(*l.Used)
			}
			if l.Set {
				from = "set"
			}
			rows = append(rows, []string{string(l.Name), limitText(l), used, from})
		}
		return s.list([]string{"LIMIT", "VALUE", "USED", "FROM"}, rows)
	})
}

func limitText(l *client.Limit) string {
	if l.Value == 0 {
		return "none"
	}
	return l.Name.Format(l.Value)
}
