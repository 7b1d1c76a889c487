package cli

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/signature"
)

// hookTarget is what a hook command acts on. If the project is an argument, as in WebGME's manage_webhooks, the output
// is in that tool's format: JSON, indented by two spaces.
type hookTarget struct {
	client  *client.Client
	project string
	args    []string // without the project
	webgme  bool
	bare    bool // the project was given without its owner
}

func newHook(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:     "hook",
		Aliases: []string{"hooks"},
		Short:   "Hooks: where events are sent",
		Long: `A hook sends events to a URL. It selects the events and sets their format,
signature and retries.

Each command takes the project as --project owner/name or as its first argument:
owner/name, or a name whose owner is --owner (default guest). In the second form
verbs, flags and output are those of WebGME's manage_webhooks: JSON, indented by
two spaces.`,
		Example: `  hookyard hook add shop/orders billing https://billing.example.com/hooks -e 'order.*'
  hookyard hook list -p shop/orders
  hookyard hook test billing -p shop/orders
  hookyard hook listAll bridge -o model`,
	}
	return group(c, newHookList(s), newHookListAll(s), newHookGet(s), newHookAdd(s), newHookUpdate(s), newHookRemove(s),
		newHookTest(s), newHookRotate(s), newHookEnable(s), newHookDisable(s), newHookDefaults(s))
}

// hookCommand gives c the flag --owner and between least and most arguments besides the project.
func (s *session) hookCommand(c *cobra.Command, least, most int,
	run func(context.Context, hookTarget) error) *cobra.Command {
	var owner string
	c.Flags().StringVarP(&owner, "owner", "o", "guest", "owner of the PROJECT that is given as an argument")
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		t, err := s.hookTarget(c, args, owner, least, most)
		if err != nil {
			return err
		}
		if t.client, err = s.client(); err != nil {
			return err
		}
		return run(c.Context(), t)
	}
	return c
}

// hookTarget distinguishes the two forms. With --project there is no argument PROJECT. HOOKYARD_PROJECT has that effect
// only if the number of arguments is unambiguous, so that scripts written for WebGME's tool still work.
func (s *session) hookTarget(c *cobra.Command, args []string, owner string, least, most int) (hookTarget, error) {
	explicit := s.given.Changed("project")
	if s.project != "" && (explicit || len(args) <= least || len(args) == 1 && strings.HasPrefix(c.Use, "list ")) {
		if len(args) < least || len(args) > most {
			return hookTarget{}, wrongCount(c, args, least)
		}
		return hookTarget{project: s.project, args: args}, nil
	}
	if len(args) < least+1 || len(args) > most+1 {
		return hookTarget{}, wrongCount(c, args, least+1)
	}
	project := args[0]
	bare := !strings.Contains(project, "/")
	if bare {
		project = owner + "/" + project
	}
	if !isPath(project) {
		return hookTarget{}, usagef("project %q: use owner/name", args[0])
	}
	return hookTarget{project: project, args: args[1:], webgme: true, bare: bare}, nil
}

func wrongCount(c *cobra.Command, args []string, least int) error {
	what := "too many arguments"
	if len(args) < least {
		what = "missing argument"
	}
	return usagef("%s; usage: %s, with the project as --project or as PROJECT", what, c.UseLine())
}

// showHook prints a hook in the output format of the target.
func (s *session) showHook(t hookTarget, h client.Hook) error {
	if t.webgme || s.asJSON {
		return s.json(h)
	}
	if s.quiet {
		return s.println("%s", h.ID)
	}
	return s.card(hookFields(h)...)
}

func newHookList(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "list [PROJECT] [HOOKID]", Short: "List a project's hooks, or show one",
		Example: "  hookyard hook list -p shop/orders\n  hookyard hook list shop/orders billing",
	}
	return s.hookCommand(c, 0, 1, func(ctx context.Context, t hookTarget) error {
		if len(t.args) == 1 {
			h, err := t.client.Hook(ctx, t.project, t.args[0])
			if err != nil {
				return err
			}
			return s.showHook(t, h)
		}
		all, err := t.client.Hooks(ctx, t.project)
		if err != nil {
			return err
		}
		return s.show(all, func() error { return s.hookTable(all) })
	})
}

func (s *session) hookTable(all map[string]client.Hook) error {
	ids := slices.Sorted(maps.Keys(all))
	var rows [][]string
	for _, id := range ids {
		h := all[id]
		rows = append(rows, []string{id, hookState(h), eventsOf(h.Events), h.Format, h.URL, describedAs(h.Description)})
	}
	if err := s.list([]string{"HOOK", "STATE", "EVENTS", "FORMAT", "URL", "DESCRIPTION"}, rows); err != nil {
		return err
	}
	s.more(len(rows), "hook", "")
	return nil
}

// describedAs returns a description for a table. WebGME's text for no description becomes "-".
func describedAs(text string) string {
	if text == noDescription {
		return "-"
	}
	return text
}

func newHookDefaults(s *session) *cobra.Command {
	var add bool
	c := &cobra.Command{
		Use:     "defaults [PROJECT]",
		Short:   "List the hooks that every new project gets, or add the missing ones",
		Example: "  hookyard hook defaults -p shop/orders\n  hookyard hook defaults -p shop/orders --add",
	}
	c.Flags().BoolVar(&add, "add", false, "add those that the project does not have, and list all its hooks")
	return s.hookCommand(c, 0, 0, func(ctx context.Context, t hookTarget) error {
		list := t.client.DefaultHooks
		if add {
			list = t.client.AddDefaultHooks
		}
		all, err := list(ctx, t.project)
		if err != nil {
			return err
		}
		return s.show(all, func() error { return s.hookTable(all) })
	})
}

func newHookListAll(s *session) *cobra.Command {
	c := &cobra.Command{Use: "listAll [PROJECT]", Short: "Print all hooks as a JSON object, as WebGME's tool does",
		Example: "  hookyard hook listAll bridge -o model"}
	return s.hookCommand(c, 0, 0, func(ctx context.Context, t hookTarget) error {
		all, err := t.client.Hooks(ctx, t.project)
		if err != nil {
			return err
		}
		return s.json(all)
	})
}

func newHookGet(s *session) *cobra.Command {
	c := &cobra.Command{Use: "get [PROJECT] HOOKID", Short: "Show a hook",
		Example: "  hookyard hook get billing -p shop/orders"}
	return s.hookCommand(c, 1, 1, func(ctx context.Context, t hookTarget) error {
		h, err := t.client.Hook(ctx, t.project, t.args[0])
		if err != nil {
			return err
		}
		return s.showHook(t, h)
	})
}

func newHookAdd(s *session) *cobra.Command {
	var f hookFlags
	c := &cobra.Command{
		Use: "add [PROJECT] HOOKID URL", Short: "Create a hook",
		Long: `Create a hook. Without --events it gets no events, as in WebGME; -e all selects
every event. Without --secret a secret is generated and printed once, except for
chats and queues; --secret '' creates a hook that does not sign. With a PROJECT
that has no owner none is generated, as in WebGME.`,
		Example: `  hookyard hook add billing https://example.com/hooks -e 'order.*' -p shop/orders
  hookyard hook add billing https://example.com/hooks -e all --secret @secret.txt -p shop/orders
  hookyard hook add shop/orders billing https://billing.example.com/hooks -e order.created,order.paid
  hookyard hook add chat https://hooks.slack.com/services/… -e all --format slack -p shop/orders`,
	}
	f.flags(c.Flags())
	return s.hookCommand(c, 2, 2, func(ctx context.Context, t hookTarget) error {
		p, err := f.patch(c.Flags(), s)
		if err != nil {
			return err
		}
		p.URL = &t.args[1]
		made := ""
		if p.Secret == nil && !t.bare && signs(t.args[1], f.format) {
			made = signature.NewSecret()
			p.Secret = &made
		}
		h, err := t.client.CreateHook(ctx, t.project, t.args[0], p)
		if err != nil {
			return err
		}
		if made != "" {
			h.Secret = made
			s.say("the secret is generated and not shown again: store it at the receiver")
		}
		if p.Events == nil {
			s.say("the hook gets no events yet; to select some: hookyard hook update %s -e 'order.*' -p %s", h.ID,
				t.project)
		}
		return s.showHook(t, h)
	})
}

// signs reports whether receivers at a URL of this format can verify signatures. Queues, chats and the dialects that
// send a token of their own do not.
func signs(url, format string) bool {
	switch format {
	case "slack", "discord", "teams", "googlechat", "yobi", "netbeans":
		return false
	}
	return !strings.HasPrefix(url, "amqp")
}

func newHookUpdate(s *session) *cobra.Command {
	var f hookFlags
	var url string
	c := &cobra.Command{
		Use: "update [PROJECT] HOOKID", Short: "Change the given settings of a hook",
		Example: `  hookyard hook update billing -u https://billing.example.com/v2 -p shop/orders
  hookyard hook update shop/orders billing --deactivate
  hookyard hook update billing -H 'X-Team: blue' -H 'X-Old:' -p shop/orders      removes X-Old`,
	}
	c.Flags().StringVarP(&url, "url", "u", "", "URL to send to")
	f.flags(c.Flags())
	return s.hookCommand(c, 1, 1, func(ctx context.Context, t hookTarget) error {
		p, err := f.patch(c.Flags(), s)
		if err != nil {
			return err
		}
		p.URL = changed(c.Flags(), "url", url)
		h, err := t.client.PatchHook(ctx, t.project, t.args[0], p)
		if err != nil {
			return err
		}
		return s.showHook(t, h)
	})
}

func newHookRemove(s *session) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "remove [PROJECT] HOOKID", Short: "Delete a hook and cancel its pending deliveries",
		Long: `Delete a hook and cancel its pending deliveries. With the project as an argument
the command does not ask for confirmation, like WebGME's tool.`,
		Example: "  hookyard hook remove billing -p shop/orders --yes",
	}
	addYes(c.Flags(), &yes)
	return s.hookCommand(c, 1, 1, func(ctx context.Context, t hookTarget) error {
		if !yes && !t.webgme {
			if _, err := t.client.Hook(ctx, t.project, t.args[0]); err != nil {
				return err
			}
		}
		if err := s.confirm(yes || t.webgme, "delete hook %s of %s", t.args[0], t.project); err != nil {
			return err
		}
		left, err := t.client.DeleteHook(ctx, t.project, t.args[0])
		if err != nil {
			return err
		}
		if t.webgme || s.asJSON {
			return s.json(left)
		}
		s.say("deleted hook %s, %s left", t.args[0], hookyard.Count(len(left), "hook"))
		return nil
	})
}
