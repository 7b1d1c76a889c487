package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// selecting are the flags that do not go with the id of an event.
var selecting = []string{"type", "channel", "source", "hook", "state", "field", "path", "value", "text", "since",
	"until", "all", "dry-run"}

// eraseStep is how many events one request erases.
const eraseStep = 200

func newErase(s *session) *cobra.Command {
	var f eventFilter
	var all, dryRun, yes bool
	c := &cobra.Command{
		Use:   "erase [EVENTID]",
		Short: "Delete events for good: one, those of a search, or all of a project (its administrators only)",
		Long: `Delete events for good, with their deliveries, the requests and responses of their
attempts and the values of search fields: one event, those that the flags select as
in event list, or with --all every event of the project and what is kept of refused
requests. Pending deliveries are canceled. The audit log names who erased how many.

An event that comes again is still recognised as a duplicate. Backups made before,
and what receivers have, are not changed.`,
		Example: `  hookyard erase evt_… -p shop/orders
  hookyard erase --field data.customer.email=ann@example.com -p shop/orders --dry-run
  hookyard erase --type 'user.*' --until 90d -p shop/orders
  hookyard erase --all -p shop/orders`,
	}
	f.flags(c.Flags())
	c.Flags().StringVar(&f.q.Text, "text", "", "only with this text in the body")
	c.Flags().BoolVar(&all, "all", false, "every event of the project")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only count the events")
	addYes(c.Flags(), &yes)
	for _, name := range []string{"all-projects", "limit", "cursor"} {
		_ = c.Flags().MarkHidden(name) // of lists
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		if len(args) == 1 {
			if slices.ContainsFunc(selecting, c.Flags().Changed) {
				return usagef("give either an EVENTID or flags that select events")
			}
			return s.eraseOne(c.Context(), cl, project, args[0], yes)
		}
		q, err := f.query()
		if err != nil {
			return err
		}
		if f.all {
			return usagef("erase one project after the other, with --project")
		}
		q.Limit = eraseStep
		erasure := client.EventErasure{EventQuery: q, All: all, DryRun: true}
		found, err := eraseAll(c.Context(), cl, project, erasure, nil)
		if err != nil {
			return err
		}
		if !dryRun && (found.Events > 0 || all) {
			what := hookyard.Count(found.Events, "event")
			if all {
				what += " and all refused requests"
			}
			if err := s.confirm(yes, "erase %s of %s for good", what, project); err != nil {
				return err
			}
		}
		if erasure.DryRun = dryRun; !dryRun {
			if found, err = eraseAll(c.Context(), cl, project, erasure, s.erasing); err != nil {
				return err
			}
		}
		return s.showErased(found, dryRun)
	}
	return takes(c, 0, 1)
}

func (s *session) eraseOne(ctx context.Context, cl *client.Client, project, id string, yes bool) error {
	if err := s.confirm(yes, "erase event %s of %s for good", id, project); err != nil {
		return err
	}
	erased, err := cl.EraseEvent(ctx, project, id)
	if err != nil {
		return err
	}
	return s.showErased(erased, false)
}

// eraseAll erases page after page. If it fails, what was erased so far stays erased. said, if not nil, is called with
// the events so far.
func eraseAll(ctx context.Context, cl *client.Client, project string, q client.EventErasure,
	said func(int)) (sum client.Erased, err error) {
	for {
		step, err := cl.EraseEvents(ctx, project, q)
		if err != nil {
			return sum, err
		}
		sum.Events, sum.Canceled = sum.Events+step.Events, sum.Canceled+step.Canceled
		if q.Cursor = step.Cursor; q.Cursor == "" {
			return sum, nil
		}
		if said != nil {
			said(sum.Events)
		}
	}
}

func (s *session) erasing(n int) {
	if !s.quiet {
		s.say("erased %s so far", hookyard.Count(n, "event"))
	}
}

func (s *session) showErased(e client.Erased, dryRun bool) error {
	return s.show(e, func() error {
		if dryRun {
			return s.println("%s would be erased", hookyard.Count(e.Events, "event"))
		}
		return s.println("erased %s, canceled %s", hookyard.Count(e.Events, "event"),
			hookyard.Count(e.Canceled, "pending delivery"))
	})
}
