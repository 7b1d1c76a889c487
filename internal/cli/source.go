package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func newSource(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:     "source",
		Aliases: []string{"sources"},
		Short:   "Sources: where events are received",
		Long:    "A source receives events: it has a URL for one sender and a scheme to verify that sender.",
		Example: `  hookyard source types
  hookyard source add github --type github --secret … -p shop/orders
  hookyard source refused github -p shop/orders`,
	}
	return group(c, newSourceList(s), newSourceGet(s), newSourceAdd(s), newSourceUpdate(s), newSourceRemove(s),
		newSourceRotate(s), newSourceRefused(s), newSourceRecheck(s), newSourceTypes(s))
}

func newSourceList(s *session) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List a project's sources"}
	c.RunE = func(c *cobra.Command, _ []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		all, err := cl.Sources(c.Context(), project)
		if err != nil {
			return err
		}
		return s.show(client.Sources{Sources: all}, func() error {
			var rows [][]string
			for _, src := range all {
				from := src.URL
				if src.RabbitMQ != nil {
					from = "queue " + src.RabbitMQ.Queue
				}
				rows = append(rows, []string{src.Name, src.Type, onOff(src.Active), from, src.Description})
			}
			if err := s.list([]string{"SOURCE", "TYPE", "STATE", "URL", "DESCRIPTION"}, rows); err != nil {
				return err
			}
			s.more(len(rows), "source", "")
			return nil
		})
	}
	return takes(c, 0, 0)
}

func onOff(active bool) string {
	if active {
		return "active"
	}
	return "off"
}

func newSourceGet(s *session) *cobra.Command {
	c := &cobra.Command{Use: "get SOURCE", Short: "Show a source"}
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		src, err := cl.Source(c.Context(), project, args[0])
		if err != nil {
			return err
		}
		return s.showSource(&src)
	}
	return takes(c, 1, 1)
}

func (s *session) showSource(src *client.Source) error {
	return s.show(src, func() error {
		if s.quiet {
			return s.println("%s", src.Name)
		}
		queue := hookyard.QueueSource{}
		if src.RabbitMQ != nil {
			queue = *src.RabbitMQ
		}
		return s.card(field{"source", src.Name}, field{"type", src.Type}, field{"url", src.URL},
			field{"broker", queue.URL}, field{"queue", queue.Queue},
			field{"type from", queue.TypeFrom}, field{"description", src.Description},
			field{"state", onOff(src.Active)}, field{"secrets", strings.Join(src.Secrets, ", ")},
			field{"scheme", string(src.Scheme)},
			field{"event type", src.EventType}, field{"type header", src.TypeHeader},
			field{"type field", src.TypeField},
			field{"id header", src.DedupHeader}, field{"rate", perSecond(src.Rate)},
			field{"created", localTime(src.CreatedAt)},
			field{"changed", localTime(src.UpdatedAt)})
	})
}

// perSecond writes a rate of events; "" is none.
func perSecond(rate int64) string {
	if rate == 0 {
		return ""
	}
	return hookyard.Count(rate, "event") + " a second"
}

// sourceFlags are the settings of a source.
type sourceFlags struct {
	kind, description, scheme, eventType, typeHeader, typeField, dedupHeader, rabbitmq string
	secrets                                                                            []string
	activate, deactivate                                                               bool
	rate                                                                               int64
}

func (f *sourceFlags) flags(fs *pflag.FlagSet) {
	fs.StringVarP(&f.kind, "type", "t", "none", "how to verify the sender; for the list: hookyard source types")
	fs.StringVarP(&f.description, "description", "d", "", "description")
	fs.StringArrayVar(&f.secrets, "secret", nil,
		"secret shared with the sender; requests may use any of several (repeatable)"+secretUsage)
	fs.StringVar(&f.scheme, "scheme", "", "settings of the type: JSON, @file, or - for stdin")
	fs.StringVar(&f.eventType, "event-type", "", "fixed type for all events")
	fs.StringVar(&f.typeHeader, "type-header", "", "header with the event's type")
	fs.StringVar(&f.typeField, "type-field", "", "JSON path into the body to the event's type")
	fs.StringVar(&f.dedupHeader, "dedup-header", "", "header with the sender's id of the event, to detect duplicates")
	fs.Int64Var(&f.rate, "rate", 0, "events a second that each node accepts; 0 means no limit")
	fs.StringVar(&f.rabbitmq, "rabbitmq", "",
		`queue of type rabbitmq: JSON such as {"url": …, "queue": …}, @file, or - for stdin`)
	fs.BoolVar(&f.activate, "activate", false, "enable the source")
	fs.BoolVarP(&f.deactivate, "deactivate", "a", false, "disable the source: senders get 404")
}

func (f *sourceFlags) patch(fs *pflag.FlagSet, s *session) (client.SourcePatch, error) {
	p := client.SourcePatch{
		Type: changed(fs, "type", f.kind), Description: changed(fs, "description", f.description),
		EventType: changed(fs, "event-type", f.eventType), TypeHeader: changed(fs, "type-header", f.typeHeader),
		TypeField: changed(fs, "type-field", f.typeField), DedupHeader: changed(fs, "dedup-header", f.dedupHeader),
		Rate: changed(fs, "rate", f.rate),
	}
	if fs.Changed("secret") {
		secrets := make([]string, len(f.secrets))
		for i, text := range f.secrets {
			var err error
			if secrets[i], err = s.readSecret(text); err != nil {
				return p, err
			}
		}
		p.Secrets = &secrets
	}
	if f.activate && f.deactivate {
		return p, usagef("--activate and --deactivate cannot be combined")
	}
	if f.activate || f.deactivate {
		p.Active = &f.activate
	}
	var err error
	if fs.Changed("rabbitmq") {
		if p.RabbitMQ, err = readObject[hookyard.QueueSource](s, "--rabbitmq", f.rabbitmq); err != nil {
			return p, err
		}
	}
	if fs.Changed("scheme") {
		p.Scheme, err = s.readJSON("--scheme", f.scheme)
	}
	return p, err
}

func newSourceAdd(s *session) *cobra.Command {
	var f sourceFlags
	c := &cobra.Command{
		Use: "add SOURCE", Short: "Create a source and print the URL for the sender",
		Example: `  hookyard source add github --type github --secret 's3cret' -p shop/orders
  hookyard source add alerts --event-type alert -p ops/alerts
  hookyard source add queue --type rabbitmq --rabbitmq '{"url": "amqp://localhost", "queue": "in"}' -p shop/orders`,
	}
	f.flags(c.Flags())
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		p, err := f.patch(c.Flags(), s)
		if err != nil {
			return err
		}
		p.Type = &f.kind
		if _, err := cl.Source(c.Context(), project, args[0]); err == nil {
			return failf(exitFailed, "source %s already exists", args[0]).
				then("to change it: hookyard source update %s", args[0])
		}
		src, _, err := cl.PutSource(c.Context(), project, args[0], p)
		if err != nil {
			return err
		}
		if err := s.showSource(&src); err != nil {
			return err
		}
		types, err := cl.SourceTypes(c.Context())
		if err != nil {
			return err
		}
		for _, t := range types {
			if t.Type == src.Type && t.Setup != "" {
				s.say("\n%s", t.Setup)
				if src.URL != "" { // a queue has none
					s.say("  URL: %s", src.URL)
				}
			}
		}
		return nil
	}
	return takes(c, 1, 1)
}

func newSourceUpdate(s *session) *cobra.Command {
	var f sourceFlags
	c := &cobra.Command{
		Use: "update SOURCE", Short: "Change the given settings of a source",
		Example: "  hookyard source update github --deactivate -p shop/orders",
	}
	f.flags(c.Flags())
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		p, err := f.patch(c.Flags(), s)
		if err != nil {
			return err
		}
		src, err := cl.PatchSource(c.Context(), project, args[0], p)
		if err != nil {
			return err
		}
		return s.showSource(&src)
	}
	return takes(c, 1, 1)
}

func newSourceRemove(s *session) *cobra.Command {
	var yes bool
	c := &cobra.Command{Use: "remove SOURCE", Short: "Delete a source but keep its events"}
	addYes(c.Flags(), &yes)
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		if _, err := cl.Source(c.Context(), project, args[0]); err != nil {
			return err
		}
		if err := s.confirm(yes, "delete source %s of %s", args[0], project); err != nil {
			return err
		}
		if err := cl.DeleteSource(c.Context(), project, args[0]); err != nil {
			return err
		}
		s.say("deleted source %s", args[0])
		return nil
	}
	return takes(c, 1, 1)
}

func newSourceRotate(s *session) *cobra.Command {
	var r rotation
	c := r.command("rotate-secret SOURCE", "Give a source a new secret",
		"  hookyard source rotate-secret github -p shop/orders")
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		request, err := r.request(c, s)
		if err != nil {
			return err
		}
		n, err := cl.RotateSourceSecret(c.Context(), project, args[0], request)
		if err != nil {
			return err
		}
		return s.showSecret(n)
	}
	return takes(c, 1, 1)
}

func newSourceRefused(s *session) *cobra.Command {
	var limit int
	c := &cobra.Command{Use: "refused SOURCE", Short: "Show rejected requests with the reason"}
	limitVar(c.Flags(), &limit, 50, "maximum number of entries")
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		all, err := cl.Refused(c.Context(), project, args[0], limit)
		if err != nil {
			return err
		}
		return s.show(client.Refusals{Refused: all}, func() error {
			var rows [][]string
			for _, r := range all {
				rows = append(rows, []string{strconv.FormatInt(r.Key, 10), s.when(r.Time), r.Remote,
					r.Method + " " + r.Target, strconv.FormatInt(r.Size, 10), r.Reason})
			}
			if err := s.list([]string{"ID", "TIME", "FROM", "REQUEST", "BYTES", "REASON"}, rows); err != nil {
				return err
			}
			s.more(len(rows), "rejected request", "")
			return nil
		})
	}
	return takes(c, 1, 1)
}

// maxRechecked is how many rejected requests the server checks again if they are named.
const maxRechecked = 500

func newSourceRecheck(s *session) *cobra.Command {
	var r client.RecheckRequest
	c := &cobra.Command{
		Use: "recheck SOURCE [ID...]", Short: "Check rejected requests again and accept those that pass now",
		Long: `Check rejected requests again, with the secrets that the source has now and the
time at which each request came. What passes is accepted as if it had just come.
The exit code is 1 if a request is not accepted.`,
		Example: `  hookyard source refused github -p shop/orders
  hookyard source recheck github 17 18 -p shop/orders
  hookyard source recheck github --all -p shop/orders`,
	}
	c.Flags().BoolVar(&r.All, "all", false, "all that are kept")
	c.RunE = func(c *cobra.Command, args []string) error {
		for _, text := range args[1:] {
			id, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return usagef("%q is not the id of a rejected request; for the list: hookyard source refused %s", text,
					args[0])
			}
			r.IDs = append(r.IDs, id)
		}
		if r.All == (len(r.IDs) > 0) {
			return usagef("name the rejected requests, or set --all")
		}
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		done, err := cl.RecheckRefused(c.Context(), project, args[0], r)
		if err != nil {
			return err
		}
		again := 0
		var rows [][]string
		for _, one := range done {
			if one.Reason != "" {
				again++
			}
			rows = append(rows, []string{strconv.FormatInt(one.ID, 10), orText(one.EventID, "-"),
				strconv.Itoa(one.Deliveries), one.Reason})
		}
		err = s.show(client.Rechecked{Requests: done}, func() error {
			if err := s.list([]string{"ID", "EVENT", "DELIVERIES", "NOT ACCEPTED"}, rows); err != nil {
				return err
			}
			s.more(len(rows), "rejected request", "")
			return nil
		})
		if err == nil && again > 0 {
			return failf(exitFailed, "not accepted: %s", hookyard.Count(again, "request"))
		}
		return err
	}
	return takes(c, 1, maxRechecked+1)
}

func newSourceTypes(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "types [TYPE]", Short: "List the supported senders, or show the setup of one",
		Example: "  hookyard source types\n  hookyard source types github",
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		all, err := cl.SourceTypes(c.Context())
		if err != nil {
			return err
		}
		if len(args) == 1 {
			return s.showSourceType(all, args[0])
		}
		return s.show(client.SourceTypes{Types: all}, func() error {
			var rows [][]string
			for _, t := range all {
				rows = append(rows, []string{t.Type, t.Title, t.SecretHint})
			}
			return s.list([]string{"TYPE", "SENDER", "SECRET"}, rows)
		})
	}
	return takes(c, 0, 1)
}

func (s *session) showSourceType(all []client.SourceType, name string) error {
	names := make([]string, len(all))
	for i, t := range all {
		if names[i] = t.Type; t.Type == name {
			return s.show(t, func() error {
				return s.card(field{"type", t.Type}, field{"sender", t.Title}, field{"secret", t.SecretHint},
					field{"setup", t.Setup})
			})
		}
	}
	return failf(exitNotFound, "no source type %q%s", name,
		didYouMean(nearest(names, name))).then("for the list: hookyard source types")
}
