package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func newProject(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:     "project",
		Aliases: []string{"projects"},
		Short:   "Projects: each has its own sources, hooks and events",
		Example: `  hookyard project create shop/orders --event-types order.created,order.paid
  hookyard project list`,
	}
	return group(c, newProjectList(s), newProjectShow(s), newProjectCreate(s), newProjectUpdate(s), newProjectDelete(s),
		newProjectDuplicate(s), newProjectTransfer(s), newProjectMembers(s))
}

// projectOf returns a client and the project that an argument or --project names.
func (s *session) projectOf(args []string) (*client.Client, string, error) {
	if len(args) > 0 {
		if !isPath(args[0]) {
			return nil, "", usagef("project %q: use owner/name", args[0])
		}
		s.project = args[0]
	}
	return s.clientAndProject()
}

func newProjectList(s *session) *cobra.Command {
	var page client.Page
	c := &cobra.Command{Use: "list", Short: "List the projects you may read",
		Example: "  hookyard project list\n  hookyard project list --json"}
	pageFlags(c.Flags(), &page)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		out, err := cl.Projects(c.Context(), page)
		if err != nil {
			return err
		}
		return s.show(out, func() error {
			var rows [][]string
			for _, p := range out.Projects {
				rows = append(rows, []string{p.Path(), p.Preset, p.Format, p.Relay, s.when(p.UpdatedAt), p.Description})
			}
			if err := s.list([]string{"PROJECT", "PRESET", "FORMAT", "RELAY", "CHANGED", "DESCRIPTION"},
				rows); err != nil {
				return err
			}
			s.more(len(rows), "project", out.Cursor)
			return nil
		})
	}
	return takes(c, 0, 0)
}

func newProjectShow(s *session) *cobra.Command {
	c := &cobra.Command{Use: "show [PROJECT]", Short: "Show a project's settings",
		Example: "  hookyard project show shop/orders"}
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.projectOf(args)
		if err != nil {
			return err
		}
		p, err := cl.Project(c.Context(), project)
		if err != nil {
			return err
		}
		if len(p.SearchFields) == 0 {
			return s.showProject(&p)
		}
		fields, err := cl.SearchFields(c.Context(), project)
		if err != nil {
			return err
		}
		return s.showProject(&p, fields...)
	}
	return takes(c, 0, 1)
}

// showProject shows a project and, where they are given, the states of its search fields.
func (s *session) showProject(p *client.Project, fields ...hookyard.SearchFieldState) error {
	searched := p.SearchFields
	if len(fields) > 0 {
		searched = nil
	}
	for _, f := range fields {
		searched = append(searched, f.Path+inProgress(f))
	}
	return s.show(p, func() error {
		if s.quiet {
			return s.println("%s", p.Path())
		}
		return s.card(field{"project", p.Path()}, field{"description", p.Description}, field{"preset", p.Preset},
			field{"event types", orText(strings.Join(p.EventTypes, ", "), "any")}, field{"format", p.Format},
			field{"relay", p.Relay},
			field{"model events", yesNo(p.ModelEvents)}, field{"public", yesNo(p.Public)},
			field{"retention", keptFor(p.Retention)},
			field{"search fields", strings.Join(searched, ", ")},
			field{"created", localTime(p.CreatedAt)}, field{"changed", localTime(p.UpdatedAt)})
	})
}

// inProgress says what is to be known of a search field.
func inProgress(f hookyard.SearchFieldState) string {
	switch {
	case !f.Ready:
		return fmt.Sprintf(" (being filled in: %d events, %d %%)", f.Filled, f.Percent())
	case f.TooLarge > 0:
		return fmt.Sprintf(" (without %d events that are too large)", f.TooLarge)
	}
	return ""
}

func keptFor(d hookyard.Duration) string {
	if d == 0 {
		return "the server's default"
	}
	return hookyard.FormatDuration(time.Duration(d))
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func orText(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}

// projectFlags are the settings of a project.
type projectFlags struct {
	description, preset, format, relay, relaySecret string
	eventTypes, searchFields                        []string
	modelEvents, public, allowRequests              bool
	retention                                       time.Duration
}

func (f *projectFlags) flags(fs *pflag.FlagSet) {
	fs.StringVarP(&f.description, "description", "d", "", "description")
	fs.StringVar(&f.preset, "preset", "", "predefined event types and format: github, netbeans, webgme or yobi")
	fs.StringSliceVar(&f.eventTypes, "event-types", nil, "event types, a,b,c; hooks may not name any others")
	fs.StringVar(&f.format, "format", "", "default format of its hooks")
	fs.StringVar(&f.relay, "relay", "", "who may register and signal at the lively4 relay: off, signed, token or open")
	fs.StringVar(&f.relaySecret, "relay-secret", "", "GitHub's secret, for --relay signed"+secretUsage)
	fs.BoolVar(&f.modelEvents, "model-events", false, "publish COMMIT, BRANCH_… and TAG_… events for Git pushes, too")
	fs.BoolVar(&f.public, "public", false, "let guests read the project")
	fs.BoolVar(&f.allowRequests, "allow-requests", false, "let messages name additional webhooks")
	fs.StringArrayVar(&f.searchFields, "search-field", nil,
		"path to a value by which events are found at once, such as data.order.id (repeatable; '' for none)")
	fs.Var((*hookyard.Duration)(&f.retention), "retention",
		"how long to keep the bodies of events; 0: the server's default")
}

func (f *projectFlags) patch(fs *pflag.FlagSet, s *session) (client.ProjectPatch, error) {
	secret, err := s.readSecret(f.relaySecret)
	if slices.Equal(f.searchFields, []string{""}) {
		f.searchFields = []string{}
	}
	return client.ProjectPatch{
		Description: changed(fs, "description", f.description), Preset: changed(fs, "preset", f.preset),
		EventTypes: changed(fs, "event-types", f.eventTypes), Format: changed(fs, "format", f.format),
		Relay:       changed(fs, "relay", f.relay),
		RelaySecret: changed(fs, "relay-secret", secret),
		ModelEvents: changed(fs, "model-events", f.modelEvents),
		Public:      changed(fs, "public", f.public), AllowRequests: changed(fs, "allow-requests", f.allowRequests),
		Retention:    changed(fs, "retention", hookyard.Duration(f.retention)),
		SearchFields: changed(fs, "search-field", f.searchFields),
	}, err
}

func newProjectCreate(s *session) *cobra.Command {
	var f projectFlags
	c := &cobra.Command{
		Use: "create [PROJECT]", Short: "Create a project",
		Example: `  hookyard project create shop/orders
  hookyard project create shop/orders --event-types order.created,order.paid
  hookyard project create model/bridge --preset webgme`,
	}
	f.flags(c.Flags())
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.projectOf(args)
		if err != nil {
			return err
		}
		if _, err := cl.Project(c.Context(), project); err == nil {
			return failf(exitFailed, "project %s already exists", project).
				then("to change it: hookyard project update %s", project)
		}
		patch, err := f.patch(c.Flags(), s)
		if err != nil {
			return err
		}
		p, _, err := cl.PutProject(c.Context(), project, patch)
		if err != nil {
			return err
		}
		return s.showProject(&p)
	}
	return takes(c, 0, 1)
}

func newProjectUpdate(s *session) *cobra.Command {
	var f projectFlags
	c := &cobra.Command{
		Use: "update [PROJECT]", Aliases: []string{"set"}, Short: "Change the given settings of a project",
		Example: `  hookyard project update shop/orders --relay token --public
  hookyard project update shop/orders --search-field data.order.id --search-field data.customer`,
	}
	f.flags(c.Flags())
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.projectOf(args)
		if err != nil {
			return err
		}
		patch, err := f.patch(c.Flags(), s)
		if err != nil {
			return err
		}
		p, err := cl.PatchProject(c.Context(), project, patch)
		if err != nil {
			return err
		}
		return s.showProject(&p)
	}
	return takes(c, 0, 1)
}

func newProjectDelete(s *session) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "delete [PROJECT]", Short: "Delete a project with its hooks, sources and events",
		Example: "  hookyard project delete shop/orders --yes",
	}
	addYes(c.Flags(), &yes)
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.projectOf(args)
		if err != nil {
			return err
		}
		if _, err := cl.Project(c.Context(), project); err != nil {
			return err
		}
		if err := s.confirm(yes, "delete project %s and everything in it", project); err != nil {
			return err
		}
		if err := cl.DeleteProject(c.Context(), project); err != nil {
			return err
		}
		s.say("deleted project %s", project)
		return nil
	}
	return takes(c, 0, 1)
}

func newProjectDuplicate(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "duplicate PROJECT NEW", Aliases: []string{"copy"},
		Short: "Copy settings, hooks and sources to a new project",
		Long: `Copy a project's settings, hooks and sources, but not its events. NEW is
owner/name, or only a name for the same owner.`,
		Example: "  hookyard project duplicate shop/orders orders-test",
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.projectOf(args)
		if err != nil {
			return err
		}
		owner, name, ok := strings.Cut(args[1], "/")
		if !ok {
			owner, name = "", args[1]
		}
		p, err := cl.DuplicateProject(c.Context(), project, client.ProjectTarget{Owner: owner, Name: name})
		if err != nil {
			return err
		}
		return s.showProject(&p)
	}
	return takes(c, 2, 2)
}

func newProjectTransfer(s *session) *cobra.Command {
	c := &cobra.Command{Use: "transfer PROJECT OWNER", Short: "Transfer a project to another owner",
		Example: "  hookyard project transfer shop/orders warehouse"}
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.projectOf(args)
		if err != nil {
			return err
		}
		p, err := cl.TransferProject(c.Context(), project, args[1])
		if err != nil {
			return err
		}
		return s.showProject(&p)
	}
	return takes(c, 2, 2)
}
