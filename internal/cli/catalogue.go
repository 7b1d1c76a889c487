package cli

import (
	"context"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// catalogueOf holds the flag that all commands about an owner's catalogue have.
type catalogueOf struct {
	s     *session
	owner string
}

func newCatalogue(s *session) *cobra.Command {
	of := &catalogueOf{s: s}
	c := &cobra.Command{
		Use: "catalogue", Aliases: []string{"catalog", "event-type", "event-types"},
		Short: "Event types of an owner: descriptions, schemas, examples",
		Long: `An owner describes the events of all its projects in a catalogue of event types.
The owner is that of --project, unless --owner names another.`,
		Example: `  hookyard catalogue add order.created --schema @order.json --owner shop
  hookyard catalogue import openapi.yaml --owner shop
  hookyard catalogue set mode=strict --owner shop
  hookyard trigger order.created -p shop/orders`,
	}
	c.PersistentFlags().StringVar(&of.owner, "owner", "", "owner of the catalogue (default: that of the project)")
	return group(c, of.list(), of.show(), of.add(), of.update(), of.archive(), of.remove(), of.set(), of.imports(),
		of.export())
}

// command returns a command that acts on the catalogue of an owner.
func (of *catalogueOf) command(c *cobra.Command, least, most int,
	run func(ctx context.Context, cl *client.Client, owner string, args []string) error) *cobra.Command {
	c.RunE = func(c *cobra.Command, args []string) error {
		owner := of.owner
		if owner == "" {
			owner, _, _ = strings.Cut(of.s.project, "/")
		}
		if owner == "" {
			return usagef("no owner: set --owner, or --project owner/name")
		}
		cl, err := of.s.client()
		if err != nil {
			return err
		}
		return run(c.Context(), cl, owner, args)
	}
	return takes(c, least, most)
}

func (of *catalogueOf) list() *cobra.Command {
	var q client.EventTypeQuery
	c := &cobra.Command{Use: "list", Short: "List event types", Example: "  hookyard catalogue list --owner shop"}
	pageFlags(c.Flags(), &q.Page)
	c.Flags().BoolVar(&q.Archived, "archived", false, "archived ones, too")
	return of.command(c, 0, 0, func(ctx context.Context, cl *client.Client, owner string, _ []string) error {
		page, err := cl.EventTypes(ctx, owner, q)
		if err != nil {
			return err
		}
		return of.s.show(page, func() error {
			var rows [][]string
			for i := range page.EventTypes {
				t := &page.EventTypes[i]
				about, _, _ := strings.Cut(t.Description, "\n")
				rows = append(rows, []string{t.Name, t.Group, stateOfType(t), about})
			}
			if err := of.s.list([]string{"TYPE", "GROUP", "STATE", "DESCRIPTION"}, rows); err != nil {
				return err
			}
			of.s.more(len(rows), "event type", page.Cursor)
			return nil
		})
	})
}

func stateOfType(t *client.EventType) string {
	switch {
	case t.Archived:
		return "archived"
	case t.Deprecated:
		return "deprecated"
	}
	return ""
}

func (of *catalogueOf) show() *cobra.Command {
	c := &cobra.Command{Use: "show [TYPE]", Short: "Show an event type or, without one, the catalogue's settings",
		Example: "  hookyard catalogue show order.created --owner shop"}
	return of.command(c, 0, 1, func(ctx context.Context, cl *client.Client, owner string, args []string) error {
		if len(args) == 0 {
			settings, err := cl.Catalogue(ctx, owner)
			if err != nil {
				return err
			}
			return of.showSettings(&settings)
		}
		t, err := cl.EventType(ctx, owner, args[0])
		if err != nil {
			return err
		}
		return of.showType(&t)
	})
}

func (of *catalogueOf) showSettings(c *client.Catalogue) error {
	return of.s.show(c, func() error {
		return of.s.card(field{"owner", c.Owner}, field{"mode", string(c.Mode)},
			field{"public", strconv.FormatBool(c.Public)})
	})
}

func (of *catalogueOf) showType(t *client.EventType) error {
	s := of.s
	return s.show(t, func() error {
		if s.quiet {
			return s.println("%s", t.Name)
		}
		err := s.card(field{"type", t.Name}, field{"description", t.Description}, field{"group", t.Group},
			field{"state", stateOfType(t)}, field{"feature flags", strings.Join(t.FeatureFlags, ", ")},
			field{"changed", localTime(t.UpdatedAt)})
		if err == nil && len(t.Schema) > 0 {
			err = s.println("\nschema\n%s", prettyJSON(t.Schema))
		}
		if err == nil && len(t.Example) > 0 {
			err = s.println("\nexample\n%s", prettyJSON(t.Example))
		}
		return err
	})
}

// typeFlags are the settings of an event type.
type typeFlags struct {
	description, group, schema, example string
	flags                               []string
	deprecated                          bool
}

func (f *typeFlags) register(fs *pflag.FlagSet) {
	fs.StringVarP(&f.description, "description", "d", "", "description")
	fs.StringVar(&f.group, "group", "", "group that the type is shown in")
	fs.StringVar(&f.schema, "schema", "", "JSON Schema of the data: JSON, @file, or - for stdin; null for none")
	fs.StringVar(&f.example, "example", "", "example of the data: JSON, @file, or - for stdin; null for none")
	fs.StringSliceVar(&f.flags, "feature-flag", nil, "only customers with one of these flags see it (repeatable)")
	fs.BoolVar(&f.deprecated, "deprecated", false, "it is about to be archived")
}

func (f *typeFlags) patch(fs *pflag.FlagSet, s *session) (p client.EventTypePatch, err error) {
	p = client.EventTypePatch{Description: changed(fs, "description", f.description),
		Group: changed(fs, "group", f.group), FeatureFlags: changed(fs, "feature-flag", f.flags),
		Deprecated: changed(fs, "deprecated", f.deprecated)}
	if fs.Changed("schema") {
		if p.Schema, err = s.readJSON("--schema", f.schema); err != nil {
			return p, err
		}
	}
	if fs.Changed("example") {
		p.Example, err = s.readJSON("--example", f.example)
	}
	return p, err
}

func (of *catalogueOf) add() *cobra.Command {
	var f typeFlags
	c := &cobra.Command{Use: "add TYPE", Short: "Add an event type, or replace the one of that name",
		Example: `  hookyard catalogue add order.created -d 'An order was placed' --group Orders \
      --schema @order.schema.json --example '{"id": 7}' --owner shop`}
	f.register(c.Flags())
	return of.command(c, 1, 1, func(ctx context.Context, cl *client.Client, owner string, args []string) error {
		p, err := f.patch(c.Flags(), of.s)
		if err != nil {
			return err
		}
		t, created, err := cl.PutEventType(ctx, owner, args[0], p)
		if err != nil {
			return err
		}
		if !created {
			of.s.say("replaced event type %s", t.Name)
		}
		return of.showType(&t)
	})
}

func (of *catalogueOf) update() *cobra.Command {
	var f typeFlags
	c := &cobra.Command{Use: "update TYPE", Short: "Change an event type; what is not given stays",
		Example: "  hookyard catalogue update order.created --deprecated --owner shop"}
	f.register(c.Flags())
	return of.command(c, 1, 1, func(ctx context.Context, cl *client.Client, owner string, args []string) error {
		p, err := f.patch(c.Flags(), of.s)
		if err != nil {
			return err
		}
		t, err := cl.PatchEventType(ctx, owner, args[0], p)
		if err != nil {
			return err
		}
		return of.showType(&t)
	})
}

func (of *catalogueOf) archive() *cobra.Command {
	var undo bool
	c := &cobra.Command{Use: "archive TYPE", Short: "Archive an event type: it is no longer published",
		Example: "  hookyard catalogue archive order.created --owner shop"}
	c.Flags().BoolVar(&undo, "undo", false, "bring it back")
	return of.command(c, 1, 1, func(ctx context.Context, cl *client.Client, owner string, args []string) error {
		t, err := cl.PatchEventType(ctx, owner, args[0], client.EventTypePatch{Archived: new(!undo)})
		if err != nil {
			return err
		}
		return of.showType(&t)
	})
}

func (of *catalogueOf) remove() *cobra.Command {
	c := &cobra.Command{Use: "remove TYPE", Short: "Remove an event type; events of the type stay",
		Example: "  hookyard catalogue remove order.created --owner shop"}
	return of.command(c, 1, 1, func(ctx context.Context, cl *client.Client, owner string, args []string) error {
		if err := cl.DeleteEventType(ctx, owner, args[0]); err != nil {
			return err
		}
		of.s.say("removed event type %s", args[0])
		return nil
	})
}

func (of *catalogueOf) set() *cobra.Command {
	c := &cobra.Command{Use: "set [mode=MODE] [public=BOOL]", Short: "Change the settings of a catalogue",
		Long: `Change the settings of a catalogue. Mode warn accepts published events that do not
fit it with a warning, mode strict refuses them, mode off checks nothing. Anyone may
read a public catalogue, but for types with feature flags.`,
		Example: "  hookyard catalogue set mode=strict public=true --owner shop"}
	return of.command(c, 1, 2, func(ctx context.Context, cl *client.Client, owner string, args []string) error {
		var p client.CataloguePatch
		for _, arg := range args {
			name, value, _ := strings.Cut(arg, "=")
			public, err := strconv.ParseBool(value)
			switch {
			case name == "mode":
				p.Mode = new(hookyard.CatalogueMode(value))
			case name == "public" && err == nil:
				p.Public = &public
			default:
				return usagef("%q: use mode=off, mode=warn, mode=strict, public=true or public=false", arg)
			}
		}
		settings, err := cl.SetCatalogue(ctx, owner, p)
		if err != nil {
			return err
		}
		return of.showSettings(&settings)
	})
}

func (of *catalogueOf) imports() *cobra.Command {
	var o client.ImportOptions
	c := &cobra.Command{Use: "import FILE", Short: "Add and change event types from an OpenAPI or AsyncAPI document",
		Long: `Add and change event types from the webhooks of an OpenAPI 3 document or the
messages of an AsyncAPI 3 document, in JSON or YAML; - is stdin. All types are
stored, or none. What the document does not say of a type stays.`,
		Example: `  hookyard catalogue import openapi.yaml --dry-run --owner shop
  curl -s https://example.com/openapi.json | hookyard catalogue import - --owner shop`}
	c.Flags().BoolVar(&o.Replace, "replace", false, "archive the types that the document lacks")
	c.Flags().BoolVarP(&o.DryRun, "dry-run", "n", false, "only show what would be done")
	return of.command(c, 1, 1, func(ctx context.Context, cl *client.Client, owner string, args []string) error {
		name := args[0]
		if name != "-" {
			name = "@" + name
		}
		doc, err := of.s.read(name)
		if err != nil {
			return err
		}
		done, err := cl.ImportEventTypes(ctx, owner, doc, o)
		if err != nil {
			return err
		}
		return of.s.show(done, func() error {
			var rows [][]string
			for _, t := range done.EventTypes {
				rows = append(rows, []string{t.Name, t.Change})
			}
			return of.s.list([]string{"TYPE", "CHANGE"}, rows)
		})
	})
}

func (of *catalogueOf) export() *cobra.Command {
	var file string
	c := &cobra.Command{Use: "export", Short: "Print the event types as the webhooks of an OpenAPI 3.1 document",
		Example: "  hookyard catalogue export --owner shop -o webhooks.json"}
	c.Flags().StringVarP(&file, "output", "o", "", "file to write instead of stdout")
	return of.command(c, 0, 0, func(ctx context.Context, cl *client.Client, owner string, _ []string) error {
		doc, err := cl.ExportEventTypes(ctx, owner)
		if err != nil {
			return err
		}
		if file != "" {
			return os.WriteFile(file, []byte(prettyJSON(doc)+"\n"), 0o644) //nolint:gosec // it holds no secret
		}
		return of.s.show(doc, func() error { return of.s.println("%s", prettyJSON(doc)) })
	})
}
