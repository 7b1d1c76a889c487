package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func newEvent(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:     "event",
		Aliases: []string{"events"},
		Short:   "Events: what was received",
		Example: `  hookyard event list --type 'order.*' --since 2h -p shop/orders
  hookyard event search 'ann@example.com'
  hookyard event show evt_… --curl
  hookyard event explain evt_…                        why each hook did or did not get it
  hookyard event replay evt_… --to http://localhost:3000/hooks`,
	}
	return group(c, newEventList(s), newEventSearch(s), newEventShow(s), newEventBody(s), newEventReplay(s),
		newEventExplain(s))
}

// eventFilter holds the flags that restrict a list of events.
type eventFilter struct {
	q     client.EventQuery
	span  span
	state stateFlag

	fields []string // PATH=VALUE
	all    bool     // search all projects
}

func (f *eventFilter) flags(fs *pflag.FlagSet) {
	fs.StringVarP(&f.q.Type, "type", "t", "", "event type, or a pattern such as order.*")
	fs.StringVar(&f.q.Channel, "channel", "", "only with this channel")
	fs.StringVarP(&f.q.Source, "source", "s", "", "only from this source")
	fs.StringVar(&f.q.Hook, "hook", "", "only with a delivery to this hook")
	fs.Var(&f.state, "state", "only with a delivery in this state: pending, delivered, failed, skipped or canceled")
	fs.StringArrayVar(&f.fields, "field", nil, "value in a JSON body, data.order.id=4711 (repeatable)")
	fs.StringVar(&f.q.Path, "path", "", "path into a JSON body, such as data.order.id")
	fs.StringVar(&f.q.Value, "value", "", "value that --path must lead to; without it, the value of any search field")
	fs.BoolVar(&f.all, "all-projects", false, "search all projects that you may read")
	f.span.flags(fs)
	pageFlags(fs, &f.q.Page)
}

func (f *eventFilter) query() (client.EventQuery, error) {
	for _, text := range f.fields {
		path, value, ok := strings.Cut(text, "=")
		if !ok || path == "" {
			return f.q, usagef("--field %s: use PATH=VALUE, as in data.order.id=4711", text)
		}
		if f.q.Fields == nil {
			f.q.Fields = map[string]string{}
		}
		f.q.Fields[path] = value
	}
	f.q.Since, f.q.Until = f.span.since.t, f.span.until.t
	f.q.State = hookyard.State(f.state)
	return f.q, nil
}

func newEventList(s *session) *cobra.Command {
	var f eventFilter
	c := &cobra.Command{
		Use: "list", Short: "List events, newest first",
		Example: `  hookyard event list -p shop/orders
  hookyard event list --state failed --since 1d
  hookyard event list --field data.order.id=4711 --json`,
	}
	f.flags(c.Flags())
	c.Flags().StringVar(&f.q.Text, "text", "", "only with this text in the body")
	c.RunE = func(c *cobra.Command, _ []string) error { return s.listEvents(c.Context(), &f) }
	return takes(c, 0, 0)
}

func newEventSearch(s *session) *cobra.Command {
	var f eventFilter
	c := &cobra.Command{
		Use: "search TEXT", Short: "Find events by the value of a search field, or by a text in the body",
		Long: `Find events with the text as the value of a search field of the project or, if
there are none, with the text in the body. --in bodies looks into the bodies at
once. With --all-projects the id of an event is found, too.`,
		Example: `  hookyard event search ann@example.com --since 7d -p shop/orders
  hookyard event search 4711 --all-projects`,
	}
	f.flags(c.Flags())
	c.Flags().StringVar(&f.q.In, "in", "", "where to look: fields or bodies")
	c.RunE = func(c *cobra.Command, args []string) error {
		f.q.Find = args[0]
		return s.listEvents(c.Context(), &f)
	}
	return takes(c, 1, 1)
}

func (s *session) listEvents(ctx context.Context, f *eventFilter) error {
	q, err := f.query()
	if err != nil {
		return err
	}
	page, err := s.events(ctx, q, f.all)
	if err != nil {
		return err
	}
	columns := []string{"EVENT", "TIME", "TYPE", "SOURCE", "BYTES", "DELIVERIES"}
	if f.all {
		columns = append(columns, "PROJECT")
	}
	return s.show(page, func() error {
		var rows [][]string
		for _, e := range page.Events {
			row := []string{e.ID, s.when(e.Time), e.Type, e.Source, strconv.FormatInt(e.Size, 10),
				statesOf(e.Deliveries)}
			if f.all {
				row = append(row, e.Project)
			}
			rows = append(rows, row)
		}
		if err := s.list(columns, rows); err != nil {
			return err
		}
		if page.TooLarge > 0 {
			s.say("%d events are too large for search fields and were not looked into", page.TooLarge)
		}
		if page.In == "fields" && len(rows) > 0 {
			s.say("found in a search field; to search all bodies: --in bodies")
		}
		if page.Cut {
			s.say("the search reached its work limit; to continue: --cursor %s", page.Cursor)
			return nil
		}
		s.more(len(rows), "event", page.Cursor)
		return nil
	})
}

// events returns a page of the events of the project, or of all projects.
func (s *session) events(ctx context.Context, q client.EventQuery, all bool) (client.EventPage, error) {
	if all {
		if q.Hook != "" {
			return client.EventPage{}, usagef("--hook is for one project: leave it out, or --all-projects")
		}
		cl, err := s.client()
		if err != nil {
			return client.EventPage{}, err
		}
		return cl.SearchEvents(ctx, q)
	}
	cl, project, err := s.clientAndProject()
	if err != nil {
		return client.EventPage{}, err
	}
	return cl.Events(ctx, project, q)
}

// statesOf formats counts as in "2 delivered, 1 pending".
func statesOf(counts map[hookyard.State]int) string {
	var parts []string
	for _, state := range []hookyard.State{hookyard.Delivered, hookyard.Pending, hookyard.Failed, hookyard.Skipped,
		hookyard.Canceled} {
		if n := counts[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	return orText(strings.Join(parts, ", "), "-")
}

func newEventBody(s *session) *cobra.Command {
	c := &cobra.Command{Use: "body EVENT", Short: "Print the exact bytes of an event",
		Example: "  hookyard event body evt_… -p shop/orders > body.json"}
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		body, err := cl.EventBody(c.Context(), project, args[0])
		if err != nil {
			return err
		}
		_, err = io.Copy(s.out, body)
		return cmp.Or(err, body.Close())
	}
	return takes(c, 1, 1)
}

func newEventReplay(s *session) *cobra.Command {
	var r client.EventReplay
	var f sendFlags
	c := &cobra.Command{
		Use: "replay EVENT", Short: "Resend an event, to its hooks or from this machine to a URL",
		Long: `Resend an event to the hooks that have a delivery of it, or to the hooks named.
With --missed it goes to the hooks that have none but want it, such as those
created since.

With --to the event is sent from this machine with its original headers and
bytes, and the response is printed. Nothing is recorded on the server. The exit
code is 6 unless the response is a 2xx. A published event is signed with a
secret of this machine, which is printed. With --resign, a received one is
signed anew; this needs the right to write.`,
		Example: `  hookyard event replay evt_… -p shop/orders
  hookyard event replay evt_… --hook billing
  hookyard event replay evt_… --missed --dry-run
  hookyard event replay evt_… --to http://localhost:3000/hooks -H 'X-Debug: 1'`,
	}
	c.Flags().StringSliceVar(&r.Hooks, "hook", nil, "only to these hooks, even if they did not get the event before")
	c.Flags().BoolVar(&r.Missed, "missed", false, "to the hooks that want the event and have no delivery of it")
	c.Flags().BoolVar(&r.DryRun, "dry-run", false, "send nothing: print which deliveries would be resent")
	c.Flags().StringVar(&f.to, "to", "", "send it from this machine to this URL instead")
	c.Flags().StringArrayVarP(&f.header, "header", "H", nil,
		"with --to: header to add or replace, 'Name: value' (repeatable)")
	f.resignVar(c.Flags())
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case f.to != "" && (len(r.Hooks) > 0 || r.Missed || r.DryRun):
			return usagef("--to sends from this machine; --hook, --missed and --dry-run are for the server")
		case r.Missed && len(r.Hooks) > 0:
			return usagef("--missed and --hook cannot be combined")
		case f.to == "" && f.resign:
			return usagef("--resign needs --to")
		}
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		if f.to != "" {
			return s.replayTo(c.Context(), cl, project, args[0], &f)
		}
		ids, err := cl.ReplayEventTo(c.Context(), project, args[0], r)
		if err != nil {
			return err
		}
		return s.show(client.Reopened{Deliveries: ids}, func() error {
			if s.quiet {
				return s.printLines(ids)
			}
			if r.DryRun {
				s.say("would resend %s", hookyard.Count(len(ids), "delivery"))
				return s.printLines(ids)
			}
			return s.println("resending %s", hookyard.Count(len(ids), "delivery"))
		})
	}
	return takes(c, 1, 1)
}

func newEventExplain(s *session) *cobra.Command {
	c := &cobra.Command{Use: "explain EVENT", Short: "Explain why each hook did or did not get an event",
		Example: "  hookyard event explain evt_… -p shop/orders"}
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		x, err := cl.Explain(c.Context(), project, args[0])
		if err != nil {
			return err
		}
		return s.show(x, func() error {
			s.say("%s of type %s, received by source %s at %s", x.Event.ID, orText(x.Event.Type, "none"),
				x.Event.Source, localTime(x.Event.Time))
			var rows [][]string
			for _, h := range x.Hooks {
				rows = append(rows, []string{h.Hook, yesNo(h.Wanted), orText(string(h.State), "-"),
					strconv.Itoa(h.Attempts), h.Reason, h.DeliveryID})
			}
			slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
			if err := s.list([]string{"HOOK", "WANTS", "STATE", "ATTEMPTS", "WHY", "DELIVERY"}, rows); err != nil {
				return err
			}
			s.more(len(rows), "hook", "")
			return nil
		})
	}
	return takes(c, 1, 1)
}
